// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a write asks of the log before it starts, and leaves in it.

use super::{DIRTY, DirtyLog, OWED, Region, STATE, State};
use raid_core::units::Rows;

/// Whether a write may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Write {
    Goes,
    /// For a record.
    Waits,
    /// For a record, and its region is owed a resync: it was never written before.
    IsFirst,
}

impl<const N: usize> DirtyLog<N> {
    /// Whether these rows lie in one region, a write may start there, and it changes nothing in here:
    /// the usual case, without the questions of all others.
    #[inline]
    pub(crate) fn is_open(&mut self, rows: Rows) -> bool {
        let first = self.grain.of(rows.start.0);
        let one = self.grain.count == 1 || self.grain.of(rows.end().0.saturating_sub(1)) == first;
        let dirty = |region: Region| region.0 & STATE == DIRTY;
        let open = one && dirty(self.of(first)) && (self.by_region || dirty(self.flag));
        self.hurry &= !open;
        open
    }

    /// A write to these rows wants to start; whether it may.
    pub(crate) fn write_wanted(&mut self, rows: Rows) -> Write {
        self.hurry = false;
        if !self.by_region {
            match self.flag.state() {
                State::Dirty | State::Resting => self.flag.set(State::Dirty),
                State::Wanted | State::Writing => return Write::Waits,
                _ => {
                    self.flag.set(State::Wanted);
                    self.wanted = 1;
                    return Write::Waits;
                }
            }
            self.written(rows);
            return Write::Goes;
        }
        let mut answer = Write::Goes;
        for region in self.grain.range(rows) {
            let Some(region) = self.regions.get_mut(region) else { continue };
            match region.state() {
                State::Dirty => {}
                State::Resting => region.set(State::Dirty),
                State::Wanted | State::Writing => answer = answer.max(Write::Waits),
                State::Clean | State::CleanWanted => {
                    self.unclean = self.unclean.saturating_add(u32::from(region.is_clean()));
                    region.set(State::Wanted);
                    self.wanted = self.wanted.saturating_add(1);
                    answer = answer.max(Write::Waits);
                }
                State::Unwritten => {
                    self.unclean = self.unclean.saturating_add(1);
                    let owed = region.owed();
                    region.set(State::Wanted);
                    region.0 |= OWED;
                    self.wanted = self.wanted.saturating_add(1);
                    self.owed = self.owed.saturating_add(u32::from(!owed));
                    self.unwritten = self.unwritten.saturating_sub(1);
                    answer = Write::IsFirst;
                }
            }
        }
        answer
    }

    /// These rows of the members have changed. Until the next flush they may be in caches only, and a
    /// member that leaves owes them, whoever wrote them: a user, a resync, or a repair. A log by region
    /// knows already: there the region was recorded dirty before the first of them changed.
    pub(crate) fn written(&mut self, rows: Rows) {
        if self.by_region {
            return;
        }
        for region in self.grain.range(rows) {
            if let Some(region) = self.regions.get_mut(region) {
                self.unclean = self.unclean.saturating_add(u32::from(region.is_clean()));
                self.dirty = self.dirty.saturating_add(u32::from(!region.is_dirty()));
                region.set(State::Dirty);
            }
        }
    }

    /// Whether an entry that a write to these rows waits for is covered by the record being written.
    pub(crate) fn is_being_recorded(&self, rows: Rows) -> bool {
        match self.by_region {
            true => self.grain.range(rows).all(|region| self.of(region).state() != State::Wanted),
            false => self.flag.state() != State::Wanted,
        }
    }

    /// Whether the clean record of some region of these rows is being prepared.
    #[cfg(test)]
    pub(crate) fn is_being_cleaned(&self, rows: Rows) -> bool {
        match self.by_region {
            true => {
                let mut regions = self.grain.range(rows);
                regions.any(|region| self.of(region).state() == State::CleanWanted)
            }
            false => self.flag.state() == State::CleanWanted,
        }
    }

    pub(crate) const fn touched(&mut self, now: u64) {
        self.quiet_since = now;
    }
}
