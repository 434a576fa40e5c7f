// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rows that closed windows keep writers out of, in order: what every admission looks at.
//!
//! Windows never share a row, so a request needs to know two things only: the last closed window that
//! begins at or before its first row, and the first one behind that.

/// The closed windows by their first row. Unused places are behind all rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Fence<const W: usize> {
    starts: [u64; W],
    ends: [u64; W],
    windows: [u8; W],
    used: usize,
    /// The first row of them all, and the row after the last: a pass has its windows side by side, so
    /// most requests are before or behind all of them.
    from: u64,
    to: u64,
}

impl<const W: usize> Fence<W> {
    pub(crate) const OPEN: Self = Self {
        starts: [u64::MAX; W],
        ends: [0; W],
        windows: [0; W],
        used: 0,
        from: u64::MAX,
        to: 0,
    };

    /// The closed window that the row `first` is in, or up to which row, at most `end`, there is none.
    #[inline]
    pub(crate) fn edge(&self, first: u64, end: u64) -> Result<u64, u8> {
        if first >= self.to || end <= self.from {
            return Ok(end);
        }
        let (starts, _) = self.starts.split_at_checked(self.used).unwrap_or_default();
        let begun = starts.partition_point(|start| *start <= first);
        let last = begun.wrapping_sub(1);
        match self.ends.get(last) {
            Some(stop) if first < *stop => Err(self.windows.get(last).copied().unwrap_or_default()),
            _ => Ok(starts.get(begun).map_or(end, |start| end.min(*start))),
        }
    }

    /// Keeps writers out of these rows, for this window.
    pub(crate) fn close(&mut self, window: u8, start: u64, end: u64) {
        let mut carried = (start, end, window);
        let place = self.starts.partition_point(|other| *other <= start);
        let used = self.used.saturating_add(1).min(W);
        let places = self.starts.iter_mut().zip(&mut self.ends).zip(&mut self.windows);
        for ((starts, ends), windows) in places.take(used).skip(place) {
            core::mem::swap(starts, &mut carried.0);
            core::mem::swap(ends, &mut carried.1);
            core::mem::swap(windows, &mut carried.2);
        }
        self.used = used;
        self.bound();
    }

    /// Lets writers into the rows of this window again.
    pub(crate) fn open(&mut self, window: u8) {
        let list = self.windows.get(..self.used).unwrap_or_default();
        let Some(place) = list.iter().position(|other| *other == window) else { return };
        let mut carried = (u64::MAX, 0, 0);
        let places = self.starts.iter_mut().zip(&mut self.ends).zip(&mut self.windows);
        for ((starts, ends), windows) in places.take(self.used).skip(place).rev() {
            core::mem::swap(starts, &mut carried.0);
            core::mem::swap(ends, &mut carried.1);
            core::mem::swap(windows, &mut carried.2);
        }
        self.used = self.used.saturating_sub(1);
        self.bound();
    }

    fn bound(&mut self) {
        self.from = self.starts.first().copied().unwrap_or(u64::MAX);
        let last = self.ends.get(self.used.wrapping_sub(1));
        self.to = last.copied().unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// What a fence of these windows should say, row by row.
    fn naive(closed: &[(u8, u64, u64)], first: u64, end: u64) -> Result<u64, u8> {
        for row in first..end {
            let hit = closed.iter().find(|(_, start, stop)| (*start..*stop).contains(&row));
            match hit {
                Some((window, ..)) if row == first => return Err(*window),
                Some(_) => return Ok(row),
                None => {}
            }
        }
        Ok(end)
    }

    #[test]
    fn it_says_of_every_request_what_a_walk_over_the_rows_says() {
        let windows: Vec<(u8, u64, u64)> =
            [(2, 6, 8), (0, 1, 3), (3, 8, 9), (1, 12, 15)].into_iter().collect();
        // Under Miri every fifth set of windows.
        for set in (0..16u32).step_by(if cfg!(miri) { 5 } else { 1 }) {
            let among = |bit: usize| set >> bit & 1 != 0;
            let mut fence = Fence::<4>::OPEN;
            windows.iter().for_each(|(window, start, end)| fence.close(*window, *start, *end));
            for (bit, (window, ..)) in windows.iter().enumerate() {
                if !among(bit) {
                    fence.open(*window);
                }
            }
            let left: Vec<_> = windows
                .iter()
                .enumerate()
                .filter(|(bit, _)| among(*bit))
                .map(|(_, w)| *w)
                .collect();
            for first in 0..18 {
                for end in first + 1..19 {
                    let said = fence.edge(first, end);
                    assert_eq!(said, naive(&left, first, end), "{left:?} {first}..{end}");
                }
            }
        }
    }

    #[test]
    fn an_open_fence_is_like_a_new_one() {
        let mut fence = Fence::<2>::OPEN;
        fence.close(1, 5, 9);
        fence.close(0, 2, 5);
        fence.open(1);
        fence.open(1);
        fence.open(0);
        assert_eq!(fence, Fence::OPEN);
    }
}
