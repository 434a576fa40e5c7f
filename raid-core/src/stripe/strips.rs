// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs of data strips of a row, strip 0 following the last one: what a band reads, and which columns a
//! slab has.
//!
//! A band wants a run of strips. It reads those, or the ones that stay, which are a run as well if strip 0
//! follows the last one, or all. So do the bands of a row together: their runs touch.

/// Data strips of a row that follow one another, strip 0 after the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Strips {
    first: u8,
    count: u8,
}

impl Strips {
    pub(super) const NONE: Self = Self { first: 0, count: 0 };

    /// `count` strips from `first` on. A row has at most 255 of them.
    #[inline]
    pub(super) fn new(first: u16, count: u16) -> Self {
        let byte = |number: u16| u8::try_from(number).unwrap_or(u8::MAX);
        Self { first: byte(first), count: byte(count) }
    }

    #[inline(always)]
    pub(super) fn first(self) -> u16 {
        self.first.into()
    }

    #[inline(always)]
    pub(super) fn count(self) -> u16 {
        self.count.into()
    }

    /// How far from the first one strip `strip` is in a row of `of`; `None` if it is not in the run.
    #[inline(always)]
    pub(super) fn position(self, strip: u16, of: u16) -> Option<u16> {
        let on = distance(self.first.into(), strip, of);
        (on < self.count.into()).then_some(on)
    }

    /// The strip at this position.
    #[inline(always)]
    pub(super) fn nth(self, position: u16, of: u16) -> Option<u16> {
        let strip = u16::from(self.first).saturating_add(position);
        (position < self.count.into()).then(|| strip.checked_sub(of).unwrap_or(strip))
    }

    /// The shortest run that holds both.
    #[inline]
    pub(super) fn join(self, other: Self, of: u16) -> Self {
        if self.count == 0 || self == other {
            return other;
        }
        if other.count == 0 {
            return self;
        }
        let (one, two) = (self.reaching(other, of), other.reaching(self, of));
        if two.count < one.count { two } else { one }
    }

    /// The run from the same strip on that holds `other` as well.
    fn reaching(self, other: Self, of: u16) -> Self {
        let end = distance(self.first.into(), other.first.into(), of).saturating_add(other.count());
        // Past the last strip `other` comes round to strips before the first.
        let count = if end > of { of } else { end.max(self.count()) };
        Self::new(self.first.into(), count)
    }
}

/// Strips from `from` on to `to`, strip 0 after the last one.
#[inline(always)]
fn distance(from: u16, to: u16, of: u16) -> u16 {
    to.checked_sub(from).unwrap_or(to.saturating_add(of).saturating_sub(from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn every_run(of: u16) -> impl Iterator<Item = Strips> {
        (0..of).flat_map(move |first| (0..=of).map(move |count| Strips::new(first, count)))
    }

    /// A bit for each strip of the run.
    fn members(run: Strips, of: u16) -> u8 {
        let inside = (0..of).filter(|strip| run.position(*strip, of).is_some());
        inside.fold(0, |bits, strip| bits | 1 << strip)
    }

    #[test]
    fn strips_have_positions_in_the_order_of_the_run() {
        for of in 1..6 {
            for run in every_run(of) {
                let strips: Vec<_> = (0..of).map_while(|at| run.nth(at, of)).collect();
                assert_eq!(strips.len(), usize::from(run.count()));
                for (at, strip) in (0..).zip(&strips) {
                    assert_eq!(run.position(*strip, of), Some(at));
                }
                assert_eq!(strips.iter().fold(0, |bits, at| bits | 1 << at), members(run, of));
            }
        }
        assert_eq!(Strips::new(200, 255).nth(60, 255), Some(5));
    }

    #[test]
    fn joined_runs_are_the_shortest_that_hold_both() {
        for of in 1..6 {
            let runs: Vec<_> = every_run(of).map(|run| (run, members(run, of))).collect();
            for ((one, own), (other, theirs)) in
                runs.iter().flat_map(|one| runs.iter().map(move |other| (one, other)))
            {
                let both = own | theirs;
                let joined = one.join(*other, of);
                assert_eq!(members(joined, of) & both, both);
                let holding = runs.iter().filter(|(_, strips)| strips & both == both);
                let shortest = holding.map(|(run, _)| run.count()).min();
                assert_eq!(Some(joined.count()), shortest, "{one:?} {other:?} of {of}");
            }
        }
    }
}
