// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the core answers and what it asks for.

use crate::bad_range::Filling;
use crate::error::Refusal;
use crate::mark::Marks;
use crate::operation::{Finish, Phase, Policy};
use crate::record::{FlushId, RecordSeq};
use crate::ticket::Ticket;
use crate::window::WindowId;
use raid_core::metadata::{Generation, Operation};
use raid_core::units::{Rows, Slot, SlotSet};

/// What a request that needs a ticket does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// A write; discard and write-zeroes are writes too.
    Write {
        /// Its completion promises durability (FUA).
        durable: bool,
    },
    /// A read that computes lost blocks from the other members of their rows. It excludes writes to
    /// the same rows, needs no record, and goes on beside a rebuild window, which only writes the
    /// member being filled.
    Reconstruct,
}

/// Whether a request may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a grant that is dropped holds its rows for ever"]
pub enum Admit {
    /// Start it, at least its first rows.
    Go(Grant),
    /// Park it and ask again after the [`Command::Wake`] with the same value.
    Wait(WaitFor),
    /// It will not be carried out.
    Refuse(Refusal),
}

/// An admitted request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    /// To be given back with [`SyncCore::complete`](crate::SyncCore::complete).
    pub ticket: Ticket,
    /// The rows admitted: a prefix of those asked for, never empty. It must be able to complete
    /// before the rest is asked for.
    pub rows: Rows,
    /// Members to write; an error fails the member. Empty for [`Access::Reconstruct`].
    pub must: SlotSet,
    /// Members being filled that may be written as well.
    pub may: SlotSet,
    /// Members whose old content of these rows may be read: to update parity, or to reconstruct from.
    /// A member in `must` but not here is to be written and not read.
    pub read: SlotSet,
    /// Copies or parity of these rows agree. Where not (a resync is owed), a parity write should
    /// compute parity from all data rather than update it.
    pub agreed: bool,
}

/// What a parked request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WaitFor {
    /// The window over its first row to end.
    Window(WindowId),
    /// This record or a later one to be durable.
    Record(RecordSeq),
    /// This request, which shares a row with it, to complete: nobody else is woken by that.
    Overlap(Ticket),
    /// Any request to complete: the table is full.
    Ticket,
}

/// What to do with the acknowledgement of a completed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "an acknowledgement ahead of its record may be lost with the next power failure"]
pub enum Ack {
    /// Give it.
    Now,
    /// Give it after the [`Command::Wake`] of this record or a later one. If
    /// [`Notice::SetFailed`] comes first, fail the request: the wake that follows it says nothing of a
    /// record.
    After(RecordSeq),
    /// Fail the request: too few members hold the data.
    NoCopyLeft,
}

/// Who may serve a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReadPlan {
    /// The rows this holds for: a prefix of those asked for.
    pub rows: Rows,
    /// Members that hold these rows. A mirror reads any of them; a parity set reads the columns that
    /// are here and admits [`Access::Reconstruct`] for those that are not.
    pub from: SlotSet,
}

/// What a copy does about differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verify {
    /// Read the source, write the targets.
    Overwrite,
    /// Read all, compare, write nothing.
    Compare,
    /// Read all, compare, and write what differs.
    CompareAndFix(Policy),
}

/// Something the caller must do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a command that is dropped stalls everything behind it"]
pub enum Command {
    /// Work on these rows and report [`SyncCore::copied`](crate::SyncCore::copied).
    Copy {
        /// To be named in the report.
        window: WindowId,
        /// Rows to work on.
        rows: Rows,
        /// On whose behalf.
        operation: Operation,
        /// Members that hold the rows. Resync and initialise of a mirror: the lowest slot that can be
        /// read is the truth.
        from: SlotSet,
        /// Members that may be written. Parity sets write only the parity strips of a resync.
        targets: SlotSet,
        /// What to do about differences.
        verify: Verify,
    },
    /// Flush the caches of these members and report [`SyncCore::flushed`](crate::SyncCore::flushed).
    Flush {
        /// To be named in the report.
        id: FlushId,
        /// Members to flush.
        slots: SlotSet,
    },
    /// Store [`SyncCore::snapshot`](crate::SyncCore::snapshot) durably on these members (and on every
    /// other disk of the array), never first on a failed one, and report
    /// [`SyncCore::persisted`](crate::SyncCore::persisted).
    Persist {
        /// Number of the record.
        seq: RecordSeq,
        /// Members whose failure to store it is a member failure.
        to: SlotSet,
    },
    /// Release what is parked: exactly this value, or for `Record(n)` every number up to `n`.
    Wake(WaitFor),
    /// For the operator, or for the policy that replaces members.
    Notice(Notice),
}

/// Something worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Notice {
    /// An operation ended or paused.
    Finished {
        /// Which.
        operation: Operation,
        /// How.
        why: Finish,
    },
    /// A checkpoint is durable.
    MarkMoved(Marks),
    /// Redundancy was lost.
    Degraded,
    /// Data is missing, and the set will write no record any more. Told before any further wake:
    /// acknowledgements parked under a record are to be failed *now*. Then a [`Command::Wake`] comes for
    /// everything else that is parked; it asks again and is refused.
    SetFailed,
    /// This slot has no member.
    NeedsSpare(Slot),
    /// Rows that differ, confirmed with writers kept out. Windows that ended together are told
    /// together.
    Mismatch {
        /// The rows that were compared.
        rows: Rows,
        /// How many of them differ.
        differing: u64,
        /// How many of those were put right.
        repaired: u64,
    },
    /// The list of bad ranges is four fifths full, or full.
    BadRanges(Filling),
    /// A parity set lost a member while its parity was not known to agree with its data: blocks
    /// reconstructed above the mark of the resync may be wrong.
    WriteHole,
}

/// The report on a [`Command::Copy`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CopyResult {
    /// Members that could not be read. Information only: the caller decides whether such a member has
    /// failed.
    pub read_failed: SlotSet,
    /// Members that could not be written; they fail.
    pub write_failed: SlotSet,
    /// Rows done, counted from the start of the command. Fewer than all: the next row could not be read
    /// from any member.
    pub good: u64,
    /// How many rows from there on could not be read; 0 counts as 1.
    pub unreadable: u64,
    /// Rows that differed.
    pub mismatched: u64,
    /// How many of those were put right: what nothing proves is left as it is.
    pub repaired: u64,
}

impl CopyResult {
    /// All `rows` done, no difference.
    #[must_use]
    pub const fn good(rows: u64) -> Self {
        Self {
            read_failed: SlotSet::EMPTY,
            write_failed: SlotSet::EMPTY,
            good: rows,
            unreadable: 0,
            mismatched: 0,
            repaired: 0,
        }
    }
}

/// Where the set stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Status {
    /// The operation under way.
    pub operation: Option<Operation>,
    /// Where it stands.
    pub phase: Phase,
    /// Its cursors.
    pub marks: Option<Marks>,
    /// Slots without a working member.
    pub failed: SlotSet,
    /// Slots whose member does not hold all rows yet.
    pub rebuilding: SlotSet,
    /// Data is missing.
    pub set_failed: bool,
    /// The metadata says that no write is under way.
    pub clean: bool,
    /// A change is not yet durable on all live members.
    pub unrecorded: bool,
    /// Rows that the pass has done a second, since it was started or resumed.
    pub rate: u64,
    /// Requests in flight.
    pub tickets: u16,
    /// Windows in use.
    pub windows: u8,
    /// Nanoseconds since the oldest of them was opened: a large number means that something hangs.
    pub oldest_window: Option<u64>,
    /// Requests that had to wait for a window, since the start.
    pub window_waits: u64,
    /// Rows that differed in the current or last scrub, each confirmed under the lock.
    pub mismatches: u64,
    /// Rows that the current or last scrub could not read.
    pub unreadable: u64,
    /// Regions whose copies or parity may differ.
    pub owed_regions: u32,
    /// Bad ranges on the list.
    pub bad_ranges: u16,
    /// How full that list is.
    pub filling: Filling,
    /// Grows whenever a member stops receiving writes.
    pub generation: Generation,
}
