// SPDX-License-Identifier: MIT OR Apache-2.0
//! Deliberate defects, one for each rule that a test must be able to see broken.
//!
//! The names are those of the mutation list in `sync.md` 5.4. Only the unit tests can plant one: in
//! every other build [`SyncCore::has`] is the constant `false` and the branch is gone.

use crate::sync_core::SyncCore;

/// A rule that the core can be made to break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) enum Defect {
    /// M1: admission does not look at the windows.
    SkipWindowCheck,
    /// M2: a window begins its copy while older writes are in flight.
    OpenWithoutDraining,
    /// M4: a window keeps out one row too few.
    WindowEndsEarly,
    /// M5: writes are routed by `done` instead of `issued`.
    RouteByDone,
    /// M6: a write across the mark is not cut, and skips the target.
    SkipStraddlingWrite,
    /// M7: reads use the target below `issued`.
    ReadByIssued,
    /// M8: the position is raised when a window is opened.
    MarkAtIssue,
    /// M9: a record that raises trust is issued without a flush.
    RaiseWithoutFlush,
    /// M10: a record that raises trust is preceded by a flush of the members being filled only.
    FlushTargetOnly,
    /// M11: a prepared record is issued although a member failed during its flush.
    SkipRecheck,
    /// M12: a write starts before its dirty record is durable.
    DirtyAfterWrite,
    /// M13: a write starts while the clean record is being written.
    DirtyUntilCleanCompletes,
    /// M15: a write is acknowledged before the failure it saw is recorded.
    AcknowledgeEarly,
    /// M16: a flush is acknowledged before the failure it saw is recorded.
    FlushNotGated,
    /// M21: a mark is used after an unclean stop.
    TrustMarkAfterUnclean,
    /// M23: giving up an operation moves `done`.
    AbortAdvancesDone,
    /// M24: nobody is woken when windows are given up.
    ForgetWaiters,
    /// I13: overlapping writes are not kept apart.
    AllowOverlap,
    /// I14: the target is trusted before the last record.
    TrustBeforeRecord,
}

impl<const TICKETS: usize, const WINDOWS: usize> SyncCore<TICKETS, WINDOWS> {
    /// Whether this defect was planted.
    #[cfg(test)]
    pub(crate) fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// Whether this defect was planted: never, outside unit tests.
    #[cfg(not(test))]
    #[inline(always)]
    pub(crate) const fn has(&self, _: Defect) -> bool {
        false
    }
}

#[cfg(test)]
impl<const TICKETS: usize, const WINDOWS: usize> SyncCore<TICKETS, WINDOWS> {
    /// The same core with a defect in it.
    pub(crate) fn plant(&mut self, defect: Defect, found: &raid_core::metadata::RuntimeState) {
        self.defect = Some(defect);
        self.keep_mark(found);
    }
}
