// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a format of one's own may keep beyond a [`RuntimeState`]:
//! generations, debts, regions and bad ranges. Neither DDF nor ASR has room for them.

use raid_core::array::ArrayId;
use raid_core::metadata::{
    BadRows, ChangeError, DEBTORS, Debtor, DiskBuffer, DiskView, Generation, RegionRecord,
    RuntimeState, Stamp,
};
use raid_sync::Log;
use std::fmt;

/// The log of one set, as it is recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncLog {
    /// Generation of the set.
    pub generation: Generation,
    /// Whose debts the regions speak of.
    pub debtors: [Option<Debtor>; DEBTORS],
    /// A byte for each region.
    pub regions: Vec<RegionRecord>,
    /// Sorted by slot and row.
    pub bad: Vec<BadRows>,
}

impl SyncLog {
    /// What the sync engine wants recorded.
    #[must_use]
    pub fn of(log: &Log<'_>) -> Self {
        let (generation, debtors) = (log.generation(), log.debtors());
        let (mut regions, mut bad) = (Vec::new(), Vec::new());
        log.regions(|region| regions.push(region));
        log.bad_ranges(|range| bad.push(range));
        Self { generation, debtors, regions, bad }
    }
}

/// The part of a format that keeps it.
pub trait LogFormat: fmt::Debug + Sync {
    /// The log of one set, as the newest trustworthy copy says; `None` if it holds none.
    fn log(&self, disks: &[DiskView<'_>], array: ArrayId, set: u16) -> Option<SyncLog>;

    /// Records the run-time state of one set and its log, in one update.
    ///
    /// # Errors
    /// [`ChangeError`]; the buffers are as they were.
    fn set_state_and_log(
        &self,
        disks: &mut [DiskBuffer<'_>],
        array: ArrayId,
        set: u16,
        what: (&RuntimeState, &SyncLog),
        stamp: Stamp,
    ) -> Result<(), ChangeError>;
}
