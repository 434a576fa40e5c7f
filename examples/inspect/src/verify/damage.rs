// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where redundancy does not agree, in runs of rows.

use raid_core::units::{Rows, Slot, SlotSet};

/// Runs that are kept; more are counted.
const MOST: usize = 100_000;

/// What is wrong with rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// They do not agree: these slots are wrong; none if that cannot be told.
    Differs(SlotSet),
    /// They cannot be read on this slot.
    Unreadable(Slot),
}

/// A run of rows of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) set: u16,
    pub(crate) rows: Rows,
    pub(crate) what: What,
}

/// All runs, in the order in which they were found.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    pub(crate) runs: Vec<Run>,
    /// Runs beyond those that are kept.
    pub(crate) more: u64,
    differing: u64,
    unreadable: u64,
}

impl Damage {
    pub(crate) fn add(&mut self, set: u16, rows: Rows, what: What) {
        match what {
            What::Differs(_) => self.differing += rows.len,
            What::Unreadable(_) => self.unreadable += rows.len,
        }
        // One that goes on where another of its kind ends; the other may not be the last, where sets take turns.
        let full = self.runs.len() >= MOST;
        let before = self
            .runs
            .iter_mut()
            .rev()
            .take(8)
            .find(|run| run.set == set && run.what == what && run.rows.end() == rows.start);
        match before {
            Some(run) => run.rows.len += rows.len,
            None if full => self.more += 1,
            None => self.runs.push(Run { set, rows, what }),
        }
    }

    pub(crate) fn take(&mut self, other: Self) {
        self.more += other.more;
        other.runs.into_iter().for_each(|run| self.add(run.set, run.rows, run.what));
    }

    /// Rows that do not agree.
    pub(crate) fn differing(&self) -> u64 {
        self.differing
    }

    pub(crate) fn disagrees(&self) -> bool {
        self.differing > 0
    }

    pub(crate) fn has_unreadable(&self) -> bool {
        self.unreadable > 0
    }

    /// The first row from which on the slot is known to be wrong.
    pub(crate) fn first_wrong(&self, set: u16, slot: Slot) -> Option<u64> {
        let wrong = |run: &&Run| {
            run.set == set && matches!(run.what, What::Differs(wrong) if wrong.contains(slot))
        };
        self.runs.iter().filter(wrong).map(|run| run.rows.start.0).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_follow_one_another_are_one_also_where_sets_take_turns() {
        let mut damage = Damage::default();
        let wrong = What::Differs(SlotSet::EMPTY);
        for start in [0, 8, 16] {
            damage.add(0, Rows::new(start, 8), wrong);
            damage.add(1, Rows::new(start, 8), What::Unreadable(Slot(1)));
        }
        damage.add(0, Rows::new(30, 1), wrong);
        let runs: Vec<(u16, u64, u64)> =
            damage.runs.iter().map(|run| (run.set, run.rows.start.0, run.rows.len)).collect();
        assert_eq!(runs, [(0, 0, 24), (1, 0, 24), (0, 30, 1)]);
        assert_eq!((damage.differing(), damage.has_unreadable()), (25, true));
    }
}
