// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the record of a set holds beyond its run-time state, read from a format: generation, debts, regions
//! and bad rows. Neither DDF nor ASR has room for them.

use crate::store::Store;
use raid_core::array::ArrayId;
use raid_core::metadata::{BadRows, DEBTORS, Debtor, Generation, RegionRecord, RunTime, SetRecord};

/// The record of one set, without its run-time state.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) generation: Generation,
    /// Whose debts the regions speak of.
    pub(super) debtors: [Option<Debtor>; DEBTORS],
    pub(super) regions: Vec<RegionRecord>,
    /// Sorted by slot and row.
    pub(super) bad: Vec<BadRows>,
}

impl Recorded {
    /// What the newest trustworthy copy says; empty where the format has no room for it.
    pub(super) fn of(store: &Store, format: &dyn RunTime, array: ArrayId, set: u16) -> Self {
        let mut recorded = Self::default();
        store.view(|disks| {
            format.recorded(disks, array, set, &mut |record| recorded.take(record));
        });
        recorded
    }

    fn take(&mut self, record: &dyn SetRecord) {
        (self.generation, self.debtors) = (record.generation(), record.debtors());
        record.regions(&mut |region| self.regions.push(region));
        record.bad_rows(&mut |rows| self.bad.push(rows));
    }
}
