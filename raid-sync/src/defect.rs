// SPDX-License-Identifier: MIT OR Apache-2.0
//! Deliberate defects, one for each rule that a test must be able to see broken.
//!
//! The numbers are those of the mutation list in `sync.md` 5.4. Only the unit tests can plant one, in
//! their own thread: in every other build [`planted`] is the constant `false` and the branch is gone.

use crate::sync_core::SyncCore;
#[cfg(test)]
use raid_core::metadata::{Freshest, Seen, SplitBrain};
#[cfg(test)]
use raid_core::units::SlotSet;

/// A rule that the core can be made to break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) enum Defect {
    /// M1: admission does not look at the windows.
    SkipWindowCheck,
    /// M2: a window begins its copy while older writes are in flight.
    OpenWithoutDraining,
    /// M3: a completion counts down windows that its ticket never held up.
    DrainAnyWindow,
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
    /// M14: what becomes clean is no longer owed by absent members.
    ForgetDebtWhenClean,
    /// M15: a write is acknowledged before the failure it saw is recorded.
    AcknowledgeEarly,
    /// M16: a flush is acknowledged before the failure it saw is recorded.
    FlushNotGated,
    /// M17: a record is written to the member that it declares failed.
    RecordToFailed,
    /// M18: records keep their number.
    SameSequence,
    /// M19: a second record is written beside the first.
    TwoRecords,
    /// M20: a mark and a debt are used for another disk in the slot.
    AnyIdentity,
    /// M21: a mark is used after an unclean stop.
    TrustMarkAfterUnclean,
    /// M22: a pause leaves closing windows open, and resume goes on with them.
    PauseKeepsWindows,
    /// M23: giving up an operation moves `done`.
    AbortAdvancesDone,
    /// M24: nobody is woken when windows are given up.
    ForgetWaiters,
    /// M25: the throttle takes differences without a sign.
    UnsignedThrottle,
    /// M26: the mark passes a row before its bad range is recorded.
    BadRangeAfterDone,
    /// M27: a write counts as done that only members being filled hold.
    CountFillingLegs,
    /// M28: a repair fixes what it saw without keeping writers out.
    RepairAtFirstLook,
    /// M29: what sync writes is not charged to absent members.
    SyncWritesUncharged,
    /// M30: the record that is found last is taken for the newest.
    NewestByPlace,
    /// M31: a pass ends where the cursor ends, although a region is owed.
    EndAtCursor,
    /// I1: the version stays the same when a read may lose a member.
    KeepVersion,
    /// I7: two members that were each written without the other are merged.
    MergeSplitBrain,
    /// I9: a parity set that is unclean and short of a member is started unasked.
    StartDegradedDirty,
    /// I10: a window that is closing lets new writers in.
    LetIntoClosing,
    /// I10: users keep sync from its minimum rate.
    NoMinimumRate,
    /// I13: overlapping writes are not kept apart.
    AllowOverlap,
    /// I14: the target is trusted before the last record.
    TrustBeforeRecord,
    /// I16: the regions that the newest record calls dirty are not taken over.
    ForgetLog,
    /// I19: a row is overwritten though a restart would still read it.
    #[cfg(test)]
    OverwriteSources,
    /// I20: a check makes copies alike.
    CheckWrites,
}

#[cfg(test)]
std::thread_local! {
    static PLANTED: core::cell::Cell<Option<Defect>> = const { core::cell::Cell::new(None) };
}

/// Plants a defect in every core of this thread, or takes it away.
#[cfg(test)]
pub(crate) fn plant(defect: Option<Defect>) {
    PLANTED.set(defect);
}

/// Whether this defect was planted.
#[cfg(test)]
pub(crate) fn planted(defect: Defect) -> bool {
    PLANTED.get() == Some(defect)
}

/// Chooses the record that speaks, as an embedder that breaks the rule of [`raid_core::metadata::freshest`]
/// does: it takes one side of a split brain, or goes by the order in which it finds the records.
#[cfg(test)]
pub(crate) fn freshest(records: &[Seen], bits: u8) -> Result<Option<Freshest>, SplitBrain> {
    let verdict = raid_core::metadata::freshest(records, bits);
    let alone = |newest| Ok(Some(Freshest { newest, stale: SlotSet::EMPTY }));
    let places = (0usize..).zip(records);
    match verdict {
        Err(SplitBrain { one, other }) if planted(Defect::MergeSplitBrain) => {
            let sides = places.filter(|(_, seen)| seen.slot == one || seen.slot == other);
            let newest = sides.reduce(|best, next| {
                let (a, b) = (best.1.generation, next.1.generation);
                let newer = b.is_newer_than(a, bits) || (a == b && next.1.number > best.1.number);
                if newer { next } else { best }
            });
            newest.map_or(verdict, |(newest, _)| alone(newest))
        }
        Ok(Some(_)) if planted(Defect::NewestByPlace) => {
            places.last().map_or(verdict, |(newest, _)| alone(newest))
        }
        _ => verdict,
    }
}

/// Whether this defect was planted: never, outside unit tests.
#[cfg(not(test))]
#[inline(always)]
pub(crate) const fn planted(_: Defect) -> bool {
    false
}

impl<const TICKETS: usize, const WINDOWS: usize, const REGIONS: usize, const BAD: usize>
    SyncCore<TICKETS, WINDOWS, REGIONS, BAD>
{
    /// Whether this defect was planted.
    #[inline(always)]
    #[allow(clippy::unused_self)]
    pub(crate) fn has(&self, defect: Defect) -> bool {
        planted(defect)
    }
}
