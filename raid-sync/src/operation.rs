// SPDX-License-Identifier: MIT OR Apache-2.0
//! The operation under way.
//!
//! | phase | leaves by | to | record |
//! |---|---|---|---|
//! | Idle | `start` | Preparing | lower: operation, mark 0 or the kept one |
//! | Preparing | the record is durable | Running | |
//! | Running | all windows done, end of the set | Finishing | raise (checkpoint) on the way |
//! | Running | all windows done, end of the range | Pausing | |
//! | Preparing, Running | `pause` | Pausing | |
//! | Pausing | no window in use | Paused | raise: last checkpoint |
//! | Paused | `resume` | Preparing | |
//! | Finishing | all members flushed, nothing failed, record durable | Idle, `Complete` | raise: in sync |
//! | any but Idle | target failed, sources gone, `abort`, unreadable rows | Aborting | lower |
//! | Aborting | no window in use | Idle, with the reason | |
//!
//! Pausing and Aborting give up windows that have not begun and wait for those that have: a copy
//! under way would otherwise land on top of a user write.
//!
//! A resync of a parity set ends as well when a member fails, for it needs all of them. Where all rows agree by then,
//! it is owed once more, though the set is short: it copies nothing, and records that it is complete.

use raid_core::metadata::Operation;
use raid_core::units::Row;

/// Where writes above the mark go while a member is being filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AboveMark {
    /// Not to the target; the window will copy them later.
    #[default]
    Skip,
    /// Also to the target, as `may`: an error there fails only the target.
    WriteThrough,
}

/// Which rows an operation works on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// What is owed: the debt of returning members, the regions whose copies may differ. A resync or
    /// initialise of which nothing is owed takes all rows.
    #[default]
    Owed,
    /// All rows.
    All,
    /// Initialise only: none. Nothing needs to agree before it is written, and the log remembers what
    /// never was. Needs a format that records regions.
    Unwritten,
}

/// What a repair takes for the truth when copies differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Policy {
    /// What redundancy proves: the copy that most members hold, or the one wrong block that two
    /// parities point at; where nothing is proven, the first member, or the data.
    #[default]
    Majority,
    /// The first member of a mirror; the data columns of a parity set.
    First,
}

/// Where an operation stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// There is no operation.
    #[default]
    Idle,
    /// Waiting for the record that announces it.
    Preparing,
    /// Opening windows.
    Running,
    /// Closing windows, writing the last checkpoint.
    Pausing,
    /// Stopped; no window is open.
    Paused,
    /// All rows done; flushing and writing the last record.
    Finishing,
    /// Given up; waiting for the copies under way.
    Aborting,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Finish {
    /// Done, and recorded.
    Complete,
    /// Stopped by `pause` or at the end of its range; `resume` goes on.
    Paused,
    /// Given up by `abort`; the position is kept.
    Aborted,
    /// The members being filled failed.
    TargetFailed,
    /// Too few members are left to read from or to compare.
    SourceFailed,
    /// This row cannot be read from any member; the position is kept.
    Unreadable(Row),
    /// This row cannot be read from any source, and the target's list of bad ranges has no room for
    /// it, or the format has no list: the target stays out of sync, the position is kept.
    NoRoomForBadRanges(Row),
}

/// Which of the kept marks an operation moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Family {
    Rebuild,
    Equalise,
    Scrub,
}

pub(crate) const fn family(operation: Operation) -> Family {
    match operation {
        Operation::Rebuild { .. } => Family::Rebuild,
        Operation::Resync | Operation::Initialise => Family::Equalise,
        _ => Family::Scrub,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Running {
    pub(crate) operation: Operation,
    pub(crate) phase: Phase,
    pub(crate) above: AboveMark,
    pub(crate) limit: Row,
    /// Why it is Aborting.
    pub(crate) why: Finish,
}

impl Running {
    pub(crate) const fn new(operation: Operation, above: AboveMark, limit: Row) -> Self {
        Self { operation, phase: Phase::Preparing, above, limit, why: Finish::Complete }
    }

    pub(crate) const fn family(&self) -> Family {
        family(self.operation)
    }

    /// Whether its copies change members that a reconstruction reads.
    pub(crate) const fn rewrites_sources(&self) -> bool {
        !matches!(self.operation, Operation::Rebuild { .. } | Operation::Check)
    }
}
