// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who may start now, where it goes, and how far.
//!
//! The questions are asked in this order; each may shorten the request or turn it away.
//!
//! | question | answer | reads that reconstruct |
//! |---|---|---|
//! | is the data there, are the rows in the set? | refuse | the same |
//! | is its first row in a window that keeps writers out? | wait for the window; else clip at the next one | only windows that rewrite what it reads |
//! | does it cross `issued` of a rebuild, or the edge of what a member owes? | clip: a target must be written below, and where it owes nothing; elsewhere it may | clip at `done` |
//! | does it share rows with a request in flight? | wait, if overlaps are serialised | only with writes |
//! | are its regions recorded dirty? | wait for the record | not asked |
//! | is there a free ticket? | wait | the same |
//!
//! Clipping instead of splitting keeps request objects out of the core: the caller sends the prefix
//! and comes back with the rest.

use super::SyncCore;
use crate::command::{Access, Admit, Grant, ReadPlan, WaitFor};
use crate::defect::Defect;
use crate::error::{Refusal, Unexpected};
use crate::member::Redundancy;
use crate::operation::{AboveMark, Running};
use crate::region::Write;
use crate::ticket::Kind;
use crate::time::Time;
use crate::window::Edge;
use raid_core::metadata::Operation;
use raid_core::units::{Row, Rows, SlotSet};

/// Where a request goes and how far both sets hold.
struct Route {
    must: SlotSet,
    may: SlotSet,
    read: SlotSet,
    agreed: bool,
    end: Row,
}

impl<const TICKETS: usize, const WINDOWS: usize, const REGIONS: usize, const BAD: usize>
    SyncCore<TICKETS, WINDOWS, REGIONS, BAD>
{
    /// Whether a request for `rows` may start, and how much of it.
    ///
    /// A grant is cut where the answer changes: at a window, at the mark of a rebuild, at what a member owes, at a bad
    /// range. One to a parity set is never cut inside [`Config::align`](crate::Config::align) rows, which is the strip
    /// there, as long as no member has a bad range in them: `grant.rows == rows`, so that an engine
    /// that asks for one stripe row needs no place for a rest. With bad ranges it is cut only where they leave too few
    /// members to read all its rows from, or where parity is not known to agree.
    pub fn admit(&mut self, now: Time, rows: Rows, access: Access) -> Admit {
        self.clock.advance(now);
        if let Err(refusal) = self.acceptable(rows, access) {
            return Admit::Refuse(refusal);
        }
        let kind = match access {
            Access::Write { durable } => Kind::Write { durable },
            Access::Reconstruct => Kind::Reconstruct,
        };
        let end = match self.window_edge(rows, access) {
            Edge::Blocked(window) => {
                self.windows.wait(window);
                self.counters.window_waits = self.counters.window_waits.saturating_add(1);
                return Admit::Wait(WaitFor::Window(window));
            }
            Edge::ClearTo(end) => end,
        };
        let route = self.route(rows.start, end, access);
        if access == Access::Reconstruct && !self.members.suffice(route.read) {
            return Admit::Refuse(self.too_few(route.read));
        }
        let rows = Rows { start: rows.start, len: route.end.0.saturating_sub(rows.start.0) };
        if self.serialises()
            && let Some(other) = self.tickets.in_the_way(rows, kind)
        {
            self.tickets.wait(other);
            return Admit::Wait(WaitFor::Overlap(other));
        }
        if access != Access::Reconstruct && !self.may_write(rows) {
            let log = &self.log;
            let seq = self.records.covering(|image| !image.clean && log.is_being_recorded(rows));
            self.records.wait(seq);
            return Admit::Wait(WaitFor::Record(seq));
        }
        let Some(ticket) = self.tickets.open(rows, kind) else {
            self.ticket_waiters.waited = true;
            return Admit::Wait(WaitFor::Ticket);
        };
        #[cfg(test)]
        if self.has(Defect::LetIntoClosing) {
            self.wait_for_intruders();
        }
        if access != Access::Reconstruct {
            self.throttle.user_wrote(self.clock.elapsed());
            let missing = self.debtors.slots().without(route.must);
            if !missing.is_empty() {
                self.log.charge(rows, self.debtors.bits(missing));
            }
        }
        let Route { must, may, read, agreed, .. } = route;
        Admit::Go(Grant { ticket, rows, must, may, read, agreed })
    }

    /// The same grant as of now, for a request in flight that goes on without the members that have failed since: they
    /// are not to be written any more, nor read. To be asked after [`member_failed`](Self::member_failed), before
    /// the ticket is completed; its rows stay locked all the time, and all of them are granted still.
    ///
    /// Who is written was decided when it was admitted, so nobody is added there (`sync.md` I4). Who may be read may be
    /// another member than before. That is what they held when it was admitted: what the request itself has written
    /// since, the caller knows. Of a set that has failed nobody is to be written or read.
    ///
    /// # Errors
    /// [`Unexpected::Ticket`] if the request has completed.
    pub fn regrant(&self, grant: &Grant) -> Result<Grant, Unexpected> {
        let ticket = grant.ticket;
        let rows = self.tickets.rows(ticket).ok_or(Unexpected::Ticket(ticket))?;
        if self.set_failed {
            let none = SlotSet::EMPTY;
            return Ok(Grant { ticket, rows, must: none, may: none, read: none, agreed: false });
        }
        let live = self.members.live();
        let (mut read, mut agreed, mut at) = (live, true, rows.start);
        while at < rows.end() {
            let (readable, agree, end) = self.readable(at, rows.end());
            read = read & readable;
            agreed &= agree;
            at = end.max(Row(at.0.saturating_add(1)));
        }
        Ok(Grant { ticket, rows, must: grant.must & live, may: grant.may & live, read, agreed })
    }

    /// Which members may serve a read of `rows`, or of its first part.
    ///
    /// Members in `not_from` are left out: those that failed to serve it before. The answer is true
    /// at this moment; a read that was planned before a member failed may still come back from it.
    ///
    /// # Errors
    /// [`Refusal::OutOfRange`], [`Refusal::NoCopyLeft`].
    pub fn plan_read(&self, rows: Rows, not_from: SlotSet) -> Result<ReadPlan, Refusal> {
        self.in_range(rows)?;
        let (holders, _, end) = self.readable(rows.start, rows.end());
        let mut from = holders.without(not_from);
        if from.is_empty() && self.members.redundancy == Redundancy::Mirror {
            // Where copies may differ one of them speaks; if it cannot be read, the next one does.
            let (bad, _) = self.bad.at(rows.start, end);
            let next = self.members.trusted().without(not_from).without(bad).lowest();
            from = next.map_or(SlotSet::EMPTY, SlotSet::of);
        }
        if !self.members.suffice(from) {
            return Err(self.too_few(from));
        }
        let len = end.0.saturating_sub(rows.start.0);
        Ok(ReadPlan { rows: Rows { start: rows.start, len }, from })
    }

    #[inline]
    pub(super) fn in_range(&self, rows: Rows) -> Result<(), Refusal> {
        let end = rows.start.0.checked_add(rows.len);
        match rows.len > 0 && end.is_some_and(|end| end <= self.config.rows) {
            true => Ok(()),
            false => Err(Refusal::OutOfRange { rows, size: self.config.rows }),
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn too_few(&self, holders: SlotSet) -> Refusal {
        Refusal::NoCopyLeft { trusted: holders.len(), needed: self.members.needed() }
    }

    #[inline]
    fn acceptable(&self, rows: Rows, access: Access) -> Result<(), Refusal> {
        self.in_range(rows)?;
        if self.set_failed {
            return Err(self.too_few(self.members.trusted()));
        }
        if access == Access::Reconstruct {
            return Ok(());
        }
        let nameless = !self.capabilities.failure && !self.forced;
        match nameless && !self.members.failed.is_empty() {
            true => Err(Refusal::NeedsFormat),
            false => Ok(()),
        }
    }

    #[inline]
    fn window_edge(&self, rows: Rows, access: Access) -> Edge {
        let rewrites = || self.running.as_ref().is_some_and(Running::rewrites_sources);
        let looks = access != Access::Reconstruct || rewrites();
        if !looks || self.has(Defect::SkipWindowCheck) {
            return Edge::ClearTo(rows.end());
        }
        match self.windows.edge(rows) {
            Edge::Blocked(window) if self.has(Defect::WindowEndsEarly) => {
                let last = self.windows.get(window).map(|(rows, _)| rows.end().0.saturating_sub(1));
                match last == Some(rows.start.0) {
                    true => Edge::ClearTo(Row(rows.start.0.saturating_add(1))),
                    false => Edge::Blocked(window),
                }
            }
            #[cfg(test)]
            Edge::Blocked(window)
                if self.has(Defect::LetIntoClosing) && self.windows.is_closing(window) =>
            {
                Edge::ClearTo(rows.end())
            }
            edge => edge,
        }
    }

    /// A window that was entered while it closed waits for that writer as well.
    #[cfg(test)]
    fn wait_for_intruders(&mut self) {
        if let Some((window, rows)) = self.windows.closing() {
            let tickets = self.drain(window, rows);
            self.windows.put(window, crate::window::State::Closing { tickets });
        }
    }

    /// Who can be read in all these rows, if a stripe row is not to be cut at the bad ranges of its members.
    #[inline]
    fn readable_together(&self, start: Row, end: Row) -> (SlotSet, bool, Row) {
        if !self.bad.is_empty() && matches!(self.members.redundancy, Redundancy::Parity(_)) {
            let (holders, agreed, end) = self.holders(start, end);
            let len = end.0.saturating_sub(start.0);
            let whole = holders.without(self.bad.within(Rows { start, len }));
            // What does not agree must not be computed from the others where it could be read.
            if agreed && self.members.suffice(whole) {
                return (whole, agreed, end);
            }
        }
        self.readable(start, end)
    }

    #[inline]
    fn route(&self, start: Row, end: Row, access: Access) -> Route {
        let (read, agreed, read_end) = self.readable_together(start, end);
        if access == Access::Reconstruct {
            let empty = SlotSet::EMPTY;
            return Route { must: empty, may: empty, read, agreed, end: read_end };
        }
        let (trusted, filling) = (self.members.trusted(), self.members.filling);
        let mut route = Route { must: trusted, may: SlotSet::EMPTY, read, agreed, end: read_end };
        if filling.is_empty() {
            return route;
        }
        let cursor = match self.has(Defect::RouteByDone) {
            true => self.rebuild.done,
            false => self.rebuild.issued,
        };
        if self.has(Defect::SkipStraddlingWrite) && start < cursor && cursor < end {
            route.end = end;
            return route;
        }
        let filled = self.filled_at(start, cursor);
        route.must = trusted | filled;
        if start < cursor {
            route.end = route.end.min(cursor);
        } else if self.running.is_some_and(|running| running.above == AboveMark::WriteThrough)
            && self.told_of_filling() == filling
        {
            route.may = filling.without(filled);
        }
        route
    }

    /// Whether the regions of these rows are recorded dirty; if not, a record to that effect is due.
    #[inline]
    fn may_write(&mut self, rows: Rows) -> bool {
        !self.tracks_writes() || self.log.is_open(rows) || self.may_write_now(rows)
    }

    #[inline(never)]
    fn may_write_now(&mut self, rows: Rows) -> bool {
        #[cfg(test)]
        if self.has(Defect::DirtyUntilCleanCompletes) && self.log.is_being_cleaned(rows) {
            return true;
        }
        match self.log.write_wanted(rows) {
            Write::Goes => return true,
            Write::Waits => {}
            Write::IsFirst => {
                // Nothing in the region agreed so far, and nothing needed to, with those who are away
                // neither.
                let away = self.debtors.slots().without(self.members.trusted());
                self.log.charge(rows, self.debtors.bits(away));
                self.owed = self.owed.or(Some(Operation::Resync));
                self.owed_from(rows);
            }
        }
        self.has(Defect::DirtyAfterWrite)
    }
}

#[cfg(test)]
mod tests {
    use crate::scenarios::rig::*;
    use crate::world::native;
    use crate::{
        AboveMark, Access, Ack, Admit, Config, Grant, Redundancy, Return, SyncCore, Unexpected,
        WaitFor,
    };
    use raid_core::metadata::{Capabilities, Operation};
    use raid_core::units::{Rows, Slot};

    /// A set of three whose second member has just come back and owes a region; records are held from now on.
    fn returned(capabilities: Capabilities) -> Rig {
        let mut rig = Rig::new(config(3), clean(), capabilities);
        rig.write(0, 16);
        rig.core.quiesce();
        rig.run_until_clean();
        rig.fail(1);
        rig.write(5, 1);
        assert_eq!(rig.give_back(1), Ok(Return::Partial { regions: 1 }));
        rig.hold_records = true;
        rig
    }

    #[test]
    fn a_stripe_row_is_granted_whole_as_long_as_enough_members_give_all_its_rows() {
        let parity = Config { redundancy: Redundancy::Parity(1), align: 4, ..config(3) };
        let mut rig = Rig::new(parity, clean(), native::capabilities());
        let all = slots(&[0, 1, 2]);
        rig.write(4, 4);
        assert!(rig.core.unwritable(Slot(0), Rows::new(5, 1)));
        let one = rig.go(4, 4);
        assert_eq!((one.rows, one.must, one.read), (Rows::new(4, 4), all, slots(&[1, 2])));
        assert_eq!(rig.core.regrant(&one), Ok(one));
        rig.core.give_up(rig.time(), one.ticket, NONE).unwrap();
        assert!(rig.core.unwritable(Slot(1), Rows::new(7, 1)));
        let two = rig.go(4, 4);
        assert_eq!((two.rows, two.read), (Rows::new(4, 1), all), "nobody gives both rows");
        rig.core.give_up(rig.time(), two.ticket, NONE).unwrap();
        // Parity that does not agree computes nothing that can be read.
        let mut rig = Rig::new(parity, clean(), native::capabilities());
        rig.core.owe_rows(Rows::new(0, 16)).unwrap();
        assert!(rig.core.unwritable(Slot(0), Rows::new(5, 1)));
        let grant = rig.go(4, 4);
        assert_eq!((grant.rows, grant.read), (Rows::new(4, 1), all));
    }

    #[test]
    fn a_grant_is_given_anew_without_the_members_that_failed_since() {
        let parity = Config { redundancy: Redundancy::Parity(2), ..config(4) };
        let mut rig = Rig::new(parity, clean(), flag_only());
        let before = rig.go(4, 4);
        rig.core.member_failed(Slot(1));
        let now = rig.core.regrant(&before).unwrap();
        let left = slots(&[0, 2, 3]);
        assert_eq!(now, Grant { must: left, read: left, ..before });
        rig.core.member_failed(Slot(0));
        rig.core.member_failed(Slot(3));
        let now = rig.core.regrant(&before).unwrap();
        assert_eq!((now.must, now.may, now.read), (NONE, NONE, NONE), "the set has failed");
        assert_eq!(rig.done(&before, &[]), Ack::NoCopyLeft);
        assert_eq!(rig.core.regrant(&before), Err(Unexpected::Ticket(before.ticket)));
    }

    #[test]
    fn a_grant_anew_reads_what_every_row_of_it_may_be_read_from_and_writes_whom_it_wrote() {
        // Copies may differ, and the first one speaks for all. Beside it a member is filled.
        let mut rig = Rig::new(config(3), clean(), native::capabilities());
        rig.core.owe_rows(Rows::new(0, 16)).unwrap();
        let before = rig.go(2, 4);
        assert_eq!((before.read, before.agreed), (slots(&[0]), false));
        assert!(rig.core.unwritable(Slot(2), Rows::new(3, 1)));
        rig.core.member_failed(Slot(0));
        let now = rig.core.regrant(&before).unwrap();
        assert_eq!((now.must, now.read, now.agreed), (slots(&[1, 2]), slots(&[1]), false));
        // A window that was opened since decides nothing for a request from before it.
        let mut rig = Rig::rebuilding(3, 2);
        let before = rig.go(1, 1);
        assert_eq!(before.must, slots(&[0, 1]));
        rig.start_held();
        rig.core.member_failed(Slot(1));
        assert_eq!(rig.core.regrant(&before).unwrap().must, slots(&[0]));
    }

    #[test]
    fn a_request_is_woken_by_the_completion_of_the_one_it_waits_for_alone() {
        let mut rig = Rig::mirror(2);
        let held = [0, 4, 8].map(|row| rig.go(row, 2));
        rig.settle();
        let wait = |rig: &mut Rig, row| match rig.admit(row, 1, PLAIN) {
            Admit::Wait(wait) => wait,
            other => panic!("{other:?}"),
        };
        let waits = [1, 5, 9].map(|row| wait(&mut rig, row));
        assert_eq!(waits, held.map(|grant| WaitFor::Overlap(grant.ticket)));
        assert_eq!(rig.core.next_wake(), None);
        assert_eq!(rig.done(&held[1], &[]), Ack::Now);
        assert_eq!(rig.core.next_wake(), Some(waits[1]));
        assert_eq!(rig.core.next_wake(), None);
        let again = rig.go(5, 1);
        // A full table: who waits for a place is told when one is free.
        let _ = rig.go(12, 1);
        assert_eq!(wait(&mut rig, 14), WaitFor::Ticket);
        assert_eq!(rig.done(&held[0], &[]), Ack::Now);
        assert_eq!(wait(&mut rig, 14), WaitFor::Ticket, "its place waits for its waiters");
        assert_eq!(
            [(); 3].map(|()| rig.core.next_wake()),
            [Some(waits[0]), Some(WaitFor::Ticket), None]
        );
        let _ = rig.go(14, 1);
        // A set that fails says so before it wakes anybody.
        rig.core.member_failed(Slot(0));
        rig.core.member_failed(Slot(1));
        assert_eq!(rig.core.next_wake(), None);
        rig.woken.clear();
        rig.settle();
        assert!(rig.woken.contains(&waits[2]), "{:?}", rig.woken);
        assert_eq!(rig.done(&again, &[]), Ack::NoCopyLeft);
        assert!(matches!(rig.admit(0, 1, Access::Reconstruct), Admit::Refuse(_)));
    }

    #[test]
    fn a_member_that_returned_is_written_only_after_its_own_record_says_that_it_is_being_filled() {
        // One flag, which is dirty: no record of its own comes before these writes.
        let mut rig = returned(flag_only());
        rig.start();
        let early = rig.go(12, 1);
        assert_eq!(
            (early.must, early.may),
            (slots(&[0, 2]), NONE),
            "it would start alone as it left"
        );
        rig.send(&early);
        assert_eq!(rig.done(&early, &[]), Ack::Now);
        rig.record(NONE);
        rig.hold_copies = true;
        rig.settle();
        let late = rig.go(8, 1);
        assert_eq!(late.must, slots(&[0, 1, 2]));
        rig.send(&late);
        assert_eq!(rig.done(&late, &[]), Ack::Now);
        rig.run();
        rig.assert_whole();
    }

    #[test]
    fn a_pass_that_stands_still_gives_no_member_what_its_own_record_does_not_wait_for() {
        for above in [AboveMark::Skip, AboveMark::WriteThrough] {
            for stands_still in [SyncCore::pause, SyncCore::abort] {
                let mut rig = returned(flag_only());
                let time = rig.time();
                let operation = Operation::Rebuild { targets: slots(&[1]) };
                rig.core.start(time, operation, above).unwrap();
                rig.settle();
                stands_still(&mut rig.core).unwrap();
                for settled in [false, true] {
                    let early = rig.go(12, 1);
                    assert_eq!((early.must, early.may), (slots(&[0, 2]), NONE), "{settled}");
                    rig.send(&early);
                    assert_eq!(rig.done(&early, &[]), Ack::Now);
                    rig.settle();
                }
            }
        }
    }

    #[test]
    fn a_member_that_failed_before_it_stored_that_it_is_being_filled_is_not_written_when_it_returns()
     {
        for capabilities in [flag_only(), native::capabilities()] {
            let mut rig = returned(capabilities);
            rig.hold_copies = true;
            rig.start();
            // The record that it is being filled reaches the others; the next one is on its way.
            rig.core.member_failed(Slot(1));
            rig.record(slots(&[1]));
            rig.settle();
            assert_eq!(rig.last_record().state.failed, slots(&[1]));
            rig.give_back(1).unwrap();
            rig.start();
            assert!(rig.copies.is_empty(), "its own record is the one with which it left");
            let early = rig.go(5, 1);
            assert_eq!((early.must, early.may), (slots(&[0, 2]), NONE));
            rig.send(&early);
            assert_eq!(rig.done(&early, &[]), Ack::Now);
            rig.record(NONE);
            rig.settle();
            assert_eq!(rig.last_record().state.rebuilding, slots(&[1]));
            assert!(rig.copies.is_empty(), "nor is that record on it yet");
            rig.record(NONE);
            rig.settle();
            assert!(!rig.copies.is_empty());
            rig.run();
            rig.assert_whole();
        }
    }
}
