// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Interlock`]: a core of any size.

use crate::command::{Access, Ack, Admit, Command, CopyResult, Grant, ReadPlan, Status, WaitFor};
use crate::error::{Refusal, Unexpected};
use crate::operation::AboveMark;
use crate::record::{FlushId, RecordSeq};
use crate::record_view::RecordView;
use crate::sync_core::{Return, SyncCore};
use crate::throttle::Limits;
use crate::ticket::Ticket;
use crate::time::Time;
use crate::window::WindowId;
use core::fmt::Debug;
use raid_core::metadata::{Debtor, MemberKey, Operation, RuntimeState, Seen};
use raid_core::units::{Rows, Slot, SlotSet};

/// What an engine asks of a [`SyncCore`], whatever the numbers are that it was made for: an engine that is generic over
/// this, or holds a `dyn Interlock`, does not name them. Each method is that of the core, where it is described.
///
/// Making a core is not among them: who does that ([`SyncCore::restore`]) knows its size.
pub trait Interlock: Debug {
    /// Where the set stands. [`SyncCore::status`].
    fn status(&self) -> Status;

    /// Members that a user's flush must go to. [`SyncCore::live`].
    fn live(&self) -> SlotSet;

    /// Another number as soon as an answer of [`plan_read`](Self::plan_read) may not hold any more. [`SyncCore::version`].
    fn version(&self) -> u32;

    /// Which members may serve a read. [`SyncCore::plan_read`].
    ///
    /// # Errors
    /// Those of [`SyncCore::plan_read`].
    fn plan_read(&self, rows: Rows, not_from: SlotSet) -> Result<ReadPlan, Refusal>;

    /// Whether a request may start, and how much of it. [`SyncCore::admit`].
    fn admit(&mut self, now: Time, rows: Rows, access: Access) -> Admit;

    /// The same grant without the members that have failed since. [`SyncCore::regrant`].
    ///
    /// # Errors
    /// Those of [`SyncCore::regrant`].
    fn regrant(&self, grant: &Grant) -> Result<Grant, Unexpected>;

    /// A request has completed, or failed on some members. [`SyncCore::complete`].
    ///
    /// # Errors
    /// Those of [`SyncCore::complete`].
    fn complete(&mut self, now: Time, ticket: Ticket, failed: SlotSet) -> Result<Ack, Unexpected>;

    /// A request is given up before anything of it was written. [`SyncCore::give_up`].
    ///
    /// # Errors
    /// Those of [`SyncCore::give_up`].
    fn give_up(&mut self, now: Time, ticket: Ticket, failed: SlotSet) -> Result<(), Unexpected>;

    /// A user's flush has returned, or failed on some members. [`SyncCore::complete_flush`].
    fn complete_flush(&mut self, failed: SlotSet) -> Ack;

    /// Rows were written without an error. [`SyncCore::rewritten`].
    fn rewritten(&mut self, slot: Slot, rows: Rows);

    /// Rows could not be written on a member that otherwise works. Whether it stays. [`SyncCore::unwritable`].
    fn unwritable(&mut self, slot: Slot, rows: Rows) -> bool;

    /// Who is to be woken next. [`SyncCore::next_wake`].
    fn next_wake(&mut self) -> Option<WaitFor>;

    /// The next thing to do. [`SyncCore::poll`].
    fn poll(&mut self, now: Time) -> Option<Command>;

    /// When to poll though nothing was reported. [`SyncCore::deadline`].
    fn deadline(&self) -> Option<Time>;

    /// The copy of a window has ended. [`SyncCore::copied`].
    ///
    /// # Errors
    /// Those of [`SyncCore::copied`].
    fn copied(&mut self, now: Time, window: WindowId, result: CopyResult)
    -> Result<(), Unexpected>;

    /// A commanded flush has returned. [`SyncCore::flushed`].
    ///
    /// # Errors
    /// Those of [`SyncCore::flushed`].
    fn flushed(&mut self, now: Time, id: FlushId, failed: SlotSet) -> Result<(), Unexpected>;

    /// A record is durable, but for some members. [`SyncCore::persisted`].
    ///
    /// # Errors
    /// Those of [`SyncCore::persisted`].
    fn persisted(&mut self, now: Time, seq: RecordSeq, failed: SlotSet) -> Result<(), Unexpected>;

    /// What a record must say, while it is being written. [`SyncCore::snapshot`].
    fn snapshot(&self, seq: RecordSeq) -> Option<RuntimeState>;

    /// The whole of a record, while it is being written. [`SyncCore::record`].
    fn record(&self, seq: RecordSeq) -> Option<RecordView<'_>>;

    /// A member is gone. [`SyncCore::member_failed`].
    fn member_failed(&mut self, slot: Slot);

    /// Whether a disk may take this slot now. [`SyncCore::can_join`].
    ///
    /// # Errors
    /// Those of [`SyncCore::can_join`].
    fn can_join(&self, slot: Slot) -> Result<(), Refusal>;

    /// Another disk sits in the slot of a failed member. [`SyncCore::member_joined`].
    ///
    /// # Errors
    /// Those of [`SyncCore::member_joined`].
    fn member_joined(&mut self, slot: Slot) -> Result<(), Refusal>;

    /// A disk with this identity sits in the slot of a failed member. [`SyncCore::member_returned`].
    ///
    /// # Errors
    /// Those of [`SyncCore::member_returned`].
    fn member_returned(
        &mut self,
        slot: Slot,
        id: Option<MemberKey>,
        seen: &Seen,
    ) -> Result<Return, Refusal>;

    /// The account of a member that has missed writes. [`SyncCore::account`].
    fn account(&self, slot: Slot) -> Option<Debtor>;

    /// The operation that the set needs next. [`SyncCore::owed`].
    fn owed(&self) -> Option<Operation>;

    /// Copies or parity of these rows may differ. [`SyncCore::owe_rows`].
    ///
    /// # Errors
    /// Those of [`SyncCore::owe_rows`].
    fn owe_rows(&mut self, rows: Rows) -> Result<(), Refusal>;

    /// Starts an operation over what is owed. [`SyncCore::start`].
    ///
    /// # Errors
    /// Those of [`SyncCore::start`].
    fn start(&mut self, now: Time, operation: Operation, above: AboveMark) -> Result<(), Refusal>;

    /// Stops the operation at a border between windows. [`SyncCore::pause`].
    ///
    /// # Errors
    /// Those of [`SyncCore::pause`].
    fn pause(&mut self) -> Result<(), Refusal>;

    /// Goes on after a pause. [`SyncCore::resume`].
    ///
    /// # Errors
    /// Those of [`SyncCore::resume`].
    fn resume(&mut self, now: Time) -> Result<(), Refusal>;

    /// Gives the operation up. [`SyncCore::abort`].
    ///
    /// # Errors
    /// Those of [`SyncCore::abort`].
    fn abort(&mut self) -> Result<(), Refusal>;

    /// Sets speed and patience. [`SyncCore::set_limits`].
    fn set_limits(&mut self, limits: Limits);

    /// No more writes are expected. [`SyncCore::quiesce`].
    fn quiesce(&mut self);
}

impl<const TICKETS: usize, const WINDOWS: usize, const REGIONS: usize, const BAD: usize> Interlock
    for SyncCore<TICKETS, WINDOWS, REGIONS, BAD>
{
    fn status(&self) -> Status {
        Self::status(self)
    }

    fn live(&self) -> SlotSet {
        Self::live(self)
    }

    fn version(&self) -> u32 {
        Self::version(self)
    }

    fn plan_read(&self, rows: Rows, not_from: SlotSet) -> Result<ReadPlan, Refusal> {
        Self::plan_read(self, rows, not_from)
    }

    fn admit(&mut self, now: Time, rows: Rows, access: Access) -> Admit {
        Self::admit(self, now, rows, access)
    }

    fn regrant(&self, grant: &Grant) -> Result<Grant, Unexpected> {
        Self::regrant(self, grant)
    }

    fn complete(&mut self, now: Time, ticket: Ticket, failed: SlotSet) -> Result<Ack, Unexpected> {
        Self::complete(self, now, ticket, failed)
    }

    fn give_up(&mut self, now: Time, ticket: Ticket, failed: SlotSet) -> Result<(), Unexpected> {
        Self::give_up(self, now, ticket, failed)
    }

    fn complete_flush(&mut self, failed: SlotSet) -> Ack {
        Self::complete_flush(self, failed)
    }

    fn rewritten(&mut self, slot: Slot, rows: Rows) {
        Self::rewritten(self, slot, rows);
    }

    fn unwritable(&mut self, slot: Slot, rows: Rows) -> bool {
        Self::unwritable(self, slot, rows)
    }

    fn next_wake(&mut self) -> Option<WaitFor> {
        Self::next_wake(self)
    }

    fn poll(&mut self, now: Time) -> Option<Command> {
        Self::poll(self, now)
    }

    fn deadline(&self) -> Option<Time> {
        Self::deadline(self)
    }

    fn copied(
        &mut self,
        now: Time,
        window: WindowId,
        result: CopyResult,
    ) -> Result<(), Unexpected> {
        Self::copied(self, now, window, result)
    }

    fn flushed(&mut self, now: Time, id: FlushId, failed: SlotSet) -> Result<(), Unexpected> {
        Self::flushed(self, now, id, failed)
    }

    fn persisted(&mut self, now: Time, seq: RecordSeq, failed: SlotSet) -> Result<(), Unexpected> {
        Self::persisted(self, now, seq, failed)
    }

    fn snapshot(&self, seq: RecordSeq) -> Option<RuntimeState> {
        Self::snapshot(self, seq)
    }

    fn record(&self, seq: RecordSeq) -> Option<RecordView<'_>> {
        Self::record(self, seq)
    }

    fn member_failed(&mut self, slot: Slot) {
        Self::member_failed(self, slot);
    }

    fn can_join(&self, slot: Slot) -> Result<(), Refusal> {
        Self::can_join(self, slot)
    }

    fn member_joined(&mut self, slot: Slot) -> Result<(), Refusal> {
        Self::member_joined(self, slot)
    }

    fn member_returned(
        &mut self,
        slot: Slot,
        id: Option<MemberKey>,
        seen: &Seen,
    ) -> Result<Return, Refusal> {
        Self::member_returned(self, slot, id, seen)
    }

    fn account(&self, slot: Slot) -> Option<Debtor> {
        Self::account(self, slot)
    }

    fn owed(&self) -> Option<Operation> {
        Self::owed(self)
    }

    fn owe_rows(&mut self, rows: Rows) -> Result<(), Refusal> {
        Self::owe_rows(self, rows)
    }

    fn start(&mut self, now: Time, operation: Operation, above: AboveMark) -> Result<(), Refusal> {
        Self::start(self, now, operation, above)
    }

    fn pause(&mut self) -> Result<(), Refusal> {
        Self::pause(self)
    }

    fn resume(&mut self, now: Time) -> Result<(), Refusal> {
        Self::resume(self, now)
    }

    fn abort(&mut self) -> Result<(), Refusal> {
        Self::abort(self)
    }

    fn set_limits(&mut self, limits: Limits) {
        Self::set_limits(self, limits);
    }

    fn quiesce(&mut self) {
        Self::quiesce(self);
    }
}
