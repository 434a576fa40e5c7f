// SPDX-License-Identifier: MIT OR Apache-2.0
//! What follows when a request has completed: windows drain, failures are noted, and the
//! acknowledgement is given or held.
//!
//! | a member failed, or has a new bad range, and no record names it yet | strict | relaxed |
//! |---|---|---|
//! | plain write, members have volatile caches | after the record | now |
//! | plain write, no volatile cache | after the record | after the record |
//! | FUA write, flush | after the record | after the record |
//! | anything, and too few members are left | never | never |
//!
//! A held acknowledgement costs no ticket: the caller parks the request under the record's number
//! (`sync.md` I6).

use super::SyncCore;
use crate::command::Ack;
use crate::defect::Defect;
use crate::error::Unexpected;
use crate::member::Redundancy;
use crate::ticket::{Closed, Kind, Ticket};
use crate::time::Time;
use raid_core::metadata::RuntimeState;
use raid_core::units::SlotSet;

impl<const TICKETS: usize, const WINDOWS: usize, const REGIONS: usize, const BAD: usize>
    SyncCore<TICKETS, WINDOWS, REGIONS, BAD>
{
    /// An admitted request has completed on all its members, or failed on those in `failed`.
    ///
    /// # Errors
    /// [`Unexpected::Ticket`] if it had completed before.
    pub fn complete(
        &mut self,
        now: Time,
        ticket: Ticket,
        failed: SlotSet,
    ) -> Result<Ack, Unexpected> {
        let closed = self.close(now, ticket, failed)?;
        let Kind::Write { durable } = closed.kind else {
            return Ok(if failed.is_empty() { Ack::Now } else { self.read_ack() });
        };
        self.log.touched(self.clock.elapsed());
        // A write of a mirror writes all its rows on every member. Which members of a parity set were
        // written only the caller knows.
        let whole = !matches!(self.members.redundancy, Redundancy::Parity(_));
        if !self.bad.is_empty() && !closed.failing && whole {
            self.bad.heal(self.members.trusted().without(failed), closed.rows);
        }
        let cached = || self.config.volatile.intersects(self.members.live());
        let promises = self.config.strict || durable || !cached();
        Ok(self.ack(promises && !self.has(Defect::AcknowledgeEarly)))
    }

    /// An admitted request is given up before anything of it was written: what its rows hold, and which of them
    /// are bad, has not changed. The members in `failed` have failed meanwhile.
    ///
    /// # Errors
    /// [`Unexpected::Ticket`] if it had completed before.
    pub fn give_up(
        &mut self,
        now: Time,
        ticket: Ticket,
        failed: SlotSet,
    ) -> Result<(), Unexpected> {
        self.close(now, ticket, failed).map(drop)
    }

    #[inline]
    fn close(&mut self, now: Time, ticket: Ticket, failed: SlotSet) -> Result<Closed, Unexpected> {
        self.clock.advance(now);
        let closed = self.tickets.close(ticket).ok_or(Unexpected::Ticket(ticket))?;
        if self.has(Defect::DrainAnyWindow) {
            self.windows.drained(u32::MAX);
        } else if closed.windows != 0 {
            self.windows.drained(closed.windows);
        }
        self.ticket_waiters.due();
        self.fail_all(failed);
        Ok(closed)
    }

    /// A flush of the caches of all live members, asked for by a user, has returned, or failed on those
    /// in `failed`.
    pub fn complete_flush(&mut self, failed: SlotSet) -> Ack {
        self.fail_all(failed);
        self.ack(!self.has(Defect::FlushNotGated))
    }

    fn read_ack(&self) -> Ack {
        if self.set_failed { Ack::NoCopyLeft } else { Ack::Now }
    }

    #[inline]
    fn ack(&mut self, promises: bool) -> Ack {
        if self.set_failed {
            return Ack::NoCopyLeft;
        }
        let nothing_to_name = self.members.untrusted().is_empty();
        let recorded = || nothing_to_name || self.records.say(|record| self.names_failures(record));
        if !promises || (!self.bad.is_unrecorded() && recorded()) {
            return Ack::Now;
        }
        self.ack_after()
    }

    #[cold]
    #[inline(never)]
    fn ack_after(&mut self) -> Ack {
        // The record that ends a rebuild names nobody; if its target fails meanwhile, it wakes nobody.
        // A format that cannot name a failure is not written because of one: no next record is due for it.
        let failed = match self.capabilities.failure {
            true => self.members.failed,
            false => SlotSet::EMPTY,
        };
        let bad = self.bad.is_being_recorded();
        let seq = self
            .records
            .covering(|image| bad && (image.failed | image.rebuilding).contains_all(failed));
        self.records.wait(seq);
        Ack::After(seq)
    }

    /// Whether the record says of every member that is not trusted that it is not.
    pub(super) fn names_failures(&self, record: &RuntimeState) -> bool {
        let named = record.failed | record.rebuilding;
        !self.capabilities.failure || named.contains_all(self.members.untrusted())
    }

    #[inline]
    pub(super) fn fail_all(&mut self, failed: SlotSet) {
        if !failed.is_empty() {
            self.fail_each(failed);
        }
    }

    #[cold]
    #[inline(never)]
    fn fail_each(&mut self, failed: SlotSet) {
        failed.iter().for_each(|slot| self.member_failed(slot));
    }
}
