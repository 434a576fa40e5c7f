// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is owed: resyncs of regions whose copies may differ, and the debts of members that missed
//! writes.

use super::{DirtyLog, OWED, Region, State};
use raid_core::units::{Row, Rows};

impl<const N: usize> DirtyLog<N> {
    /// Whether these rows are to agree, and up to where that is so.
    #[inline]
    pub(crate) fn disagrees(&self, row: Row) -> bool {
        let region = self.of(self.grain.of(row.0));
        region.owed() || region.is_unwritten()
    }

    pub(crate) const fn owes(&self) -> bool {
        self.owed > 0
    }

    /// Whether there is a row at which copies may differ.
    pub(crate) const fn may_disagree(&self) -> bool {
        self.owed > 0 || self.unwritten > 0
    }

    pub(crate) const fn owed_regions(&self) -> u32 {
        self.owed
    }

    /// Copies of these rows may differ from now on.
    pub(crate) fn owe(&mut self, rows: Rows) {
        for region in self.grain.range(rows) {
            let Some(region) = self.regions.get_mut(region) else { continue };
            let recorded = matches!(region.state(), State::Wanted | State::Writing);
            let dirty = matches!(region.state(), State::Dirty | State::Resting);
            if !recorded && !dirty {
                region.set(if self.by_region { State::Wanted } else { State::Dirty });
            }
            region.0 |= OWED;
        }
        self.recount();
    }

    /// Copies of the regions that end in these rows agree.
    pub(crate) fn agreed(&mut self, from: Row, to: Row) {
        if self.owed == 0 {
            return;
        }
        for index in self.grain.of(from.0)..self.grain.count {
            if self.grain.end(index) > to {
                break;
            }
            if let Some(region) = self.regions.get_mut(index) {
                self.owed = self.owed.saturating_sub(u32::from(region.owed()));
                region.0 &= !OWED;
            }
        }
    }

    /// Nothing is owed any more.
    pub(crate) fn forgive_all(&mut self) {
        self.regions.iter_mut().for_each(|region| region.0 &= !OWED);
        self.owed = 0;
    }

    /// Never written: nothing needs to agree until it is. A region with a `busy` write, or one that a
    /// write waits for, is about to be written: it stays dirty and is owed, as after a first write.
    pub(crate) fn unwritten(&mut self, waited: bool, busy: impl Fn(Rows) -> bool) {
        let grain = self.grain;
        for (index, region) in self.regions.iter_mut().take(grain.count).enumerate() {
            let rows = Rows { start: grain.start(index), len: grain.rows };
            let awaited = waited && matches!(region.state(), State::Wanted | State::Writing);
            if awaited || busy(rows) {
                region.0 |= OWED;
            } else {
                region.set(State::Unwritten);
                region.0 &= !OWED;
            }
        }
        self.recount();
    }

    /// Which of these debtors have missed writes to the region of this row.
    #[inline]
    pub(crate) fn debt(&self, row: Row) -> u8 {
        self.of(self.grain.of(row.0)).debt()
    }

    /// Up to where the same is owed, and by the same of these debtors, as at this row.
    pub(crate) fn alike(&self, row: Row, end: Row, debtors: u8) -> Row {
        if self.grain.count == 1 {
            return end;
        }
        let key =
            |region: Region| (region.debt() & debtors, region.owed() || region.is_unwritten());
        let first = self.grain.of(row.0);
        let wanted = key(self.of(first));
        let mut region = first;
        while region < self.grain.count && self.grain.end(region) < end {
            region = region.saturating_add(1);
            if key(self.of(region)) != wanted {
                return self.grain.start(region);
            }
        }
        end
    }

    pub(crate) fn charge(&mut self, rows: Rows, debtors: u8) {
        if debtors == 0 {
            return;
        }
        for region in self.grain.range(rows) {
            if let Some(region) = self.regions.get_mut(region) {
                region.charge(debtors);
            }
        }
    }

    /// A member leaves: it owes every region that is not known to be clean on it, and the recorded
    /// ones it owed before, but for those that a pass has filled up to `filled`.
    pub(crate) fn charge_leaver(&mut self, debtor: u8, filled: Row) {
        let grain = self.grain;
        for (index, region) in self.regions.iter_mut().take(grain.count).enumerate() {
            if !region.is_clean() || region.owed() {
                region.charge(debtor);
            } else if grain.end(index) <= filled {
                region.forgive(debtor);
            }
        }
    }

    /// It owes everything that was ever written.
    pub(crate) fn charge_all(&mut self, debtor: u8) {
        for region in self.regions.iter_mut().take(self.grain.count) {
            if !region.is_unwritten() {
                region.charge(debtor);
            }
        }
    }

    pub(crate) fn forgive(&mut self, debtors: u8) {
        self.regions.iter_mut().for_each(|region| region.forgive(debtors));
    }

    /// A region that is clean hides its debt: one of the planted defects.
    #[cfg(test)]
    pub(crate) fn forgive_clean(&mut self) {
        for region in &mut self.regions {
            if region.state() == State::Clean {
                region.forgive(u8::MAX >> 4);
            }
        }
    }

    /// The regions that one of these debtors owes.
    pub(crate) fn debts(&self, debtors: u8) -> u32 {
        let owing = self.used().filter(|region| region.debt() & debtors != 0).count();
        u32::try_from(owing).unwrap_or(u32::MAX)
    }

    /// The first row at or above `from` that is owed a resync.
    pub(crate) fn next_owed(&self, from: Row) -> Option<Row> {
        self.next(from, Region::owed)
    }

    /// The first row at or above `from` that one of these debtors owes.
    pub(crate) fn next_debt(&self, from: Row, debtors: u8) -> Option<Row> {
        self.next(from, |region| region.debt() & debtors != 0)
    }

    fn next(&self, from: Row, wanted: impl Fn(Region) -> bool) -> Option<Row> {
        let first = self.grain.of(from.0);
        (first..self.grain.count)
            .find(|region| wanted(self.of(*region)))
            .map(|region| self.grain.start(region).max(from))
    }
}
