// SPDX-License-Identifier: MIT OR Apache-2.0
//! Operations started and stopped, and what they work on.

use super::SyncCore;
use crate::defect::{Defect, planted};
use crate::error::Refusal;
use crate::mark::Mark;
use crate::operation::{AboveMark, Family, Finish, Phase, Running, Scope, family};
use crate::throttle::Limits;
use crate::time::Time;
use crate::window::{State, Windows};
use raid_core::array::Initialisation;
use raid_core::metadata::Operation;
use raid_core::units::{Row, Rows};

impl<const TICKETS: usize, const WINDOWS: usize, const REGIONS: usize, const BAD: usize>
    SyncCore<TICKETS, WINDOWS, REGIONS, BAD>
{
    /// Starts an operation over what is owed; it goes on where it stood if its position was kept.
    ///
    /// # Errors
    /// As [`start_over`](Self::start_over).
    pub fn start(
        &mut self,
        now: Time,
        operation: Operation,
        above: AboveMark,
    ) -> Result<(), Refusal> {
        self.start_over(now, operation, Scope::Owed, above)
    }

    /// Starts an operation over these rows.
    ///
    /// A rebuild fills all its targets in one pass; if they are not those of the kept position, it
    /// begins at row 0. A resync that is not owed makes everything agree anew.
    ///
    /// # Errors
    /// [`Refusal::Busy`], [`Refusal::NoCopyLeft`], [`Refusal::NotRedundant`],
    /// [`Refusal::ResyncFirst`], [`Refusal::Member`], [`Refusal::NeedsFormat`].
    pub fn start_over(
        &mut self,
        now: Time,
        operation: Operation,
        scope: Scope,
        above: AboveMark,
    ) -> Result<(), Refusal> {
        self.startable(operation, scope)?;
        if scope == Scope::Unwritten && !(operation == Operation::Initialise && self.log.by_region)
        {
            return Err(Refusal::NeedsFormat);
        }
        self.clock.advance(now);
        self.outdate_reads();
        match operation {
            Operation::Rebuild { targets } => {
                if targets != self.members.filling {
                    self.members.fill(targets);
                    self.rebuild = Mark::ZERO;
                }
                if scope == Scope::All {
                    self.rebuild = Mark::ZERO;
                    let bits = self.debtors.bits(targets);
                    self.log.charge_all(bits);
                }
            }
            Operation::Resync | Operation::Initialise => self.owe(operation, scope),
            _ => {
                if self.scrub_of != Some(operation) {
                    self.scrub = Mark::ZERO;
                    self.scrub_of = Some(operation);
                }
                self.counters.mismatches = 0;
                self.counters.unreadable = 0;
            }
        }
        self.begin_pass();
        self.running = Some(Running::new(operation, above, Row(self.config.rows)));
        Ok(())
    }

    fn begin_pass(&mut self) {
        self.throttle.reset();
        self.checkpointed = self.clock.elapsed();
        self.counters.pass = 0;
        self.counters.pass_since = self.clock.elapsed();
    }

    fn startable(&self, operation: Operation, scope: Scope) -> Result<(), Refusal> {
        if self.running.is_some() {
            return Err(Refusal::Busy);
        }
        if self.set_failed {
            return Err(self.too_few(self.members.trusted()));
        }
        match operation {
            Operation::Rebuild { targets } => {
                let rebuilding = self.members.rebuilding();
                if let Some(slot) = targets.without(rebuilding).lowest() {
                    return Err(Refusal::Member(slot));
                }
                if targets.is_empty() {
                    return Err(Refusal::NotRedundant);
                }
                // Filled from copies that differ, the target would agree with one of them only.
                match self.owed.is_some() && self.members.redundant() {
                    true => Err(Refusal::ResyncFirst),
                    false => Ok(()),
                }
            }
            // What is left of it copies nothing.
            _ if scope == Scope::Owed && self.owed == Some(operation) && self.has_agreed() => {
                Ok(())
            }
            _ if !self.members.redundant() => Err(Refusal::NotRedundant),
            _ if family(operation) == Family::Scrub && self.owed.is_some() => {
                Err(Refusal::ResyncFirst)
            }
            _ => Ok(()),
        }
    }

    fn owe(&mut self, operation: Operation, scope: Scope) {
        let everything = Rows::new(0, self.config.rows);
        if scope == Scope::Unwritten {
            let tickets = &self.tickets;
            self.log.unwritten(self.records.is_awaited(), |rows| tickets.is_written(rows));
            self.equalise = Mark::ZERO;
            self.back = None;
            self.owed = None;
        } else if self.owed.is_none() || scope == Scope::All {
            self.equalise = Mark::ZERO;
            self.back = None;
            self.owe_copies(everything);
        }
        if operation == Operation::Initialise || self.owed.is_none() {
            self.owed = Some(operation);
        }
        if operation == Operation::Initialise {
            self.initialisation = Initialisation::Running;
        }
    }

    /// Copies or parity of these rows may differ, and the core cannot know: a request was given up in
    /// the middle, a journal was lost. They are owed a resync; a resync under way goes back to them.
    ///
    /// # Errors
    /// [`Refusal::OutOfRange`], [`Refusal::NotRedundant`].
    pub fn owe_rows(&mut self, rows: Rows) -> Result<(), Refusal> {
        self.in_range(rows)?;
        if !self.members.redundant() {
            return Err(Refusal::NotRedundant);
        }
        self.owe_copies(rows);
        if self.owed.is_none() {
            self.owed = Some(Operation::Resync);
        }
        self.owed_from(rows);
        Ok(())
    }

    /// Copies of these rows may differ from now on. A member that is away, or was filled in part, may hold
    /// what the copy held that will not speak: from now on it owes them, also if no copy is ever made to agree
    /// because only one is left.
    fn owe_copies(&mut self, rows: Rows) {
        self.log.owe(rows);
        self.outdate_reads();
        // A record that was prepared before would not say so.
        self.drop_raise();
        self.charge_untrusted(rows);
        if self.running.is_none_or(|running| running.family() != Family::Rebuild) {
            self.fill_again(rows);
        }
    }

    /// What these rows become, nobody has who is not trusted.
    pub(super) fn charge_untrusted(&mut self, rows: Rows) {
        let missing = self.debtors.slots().without(self.members.trusted());
        if !self.has(Defect::SyncWritesUncharged) {
            self.log.charge(rows, self.debtors.bits(missing));
        }
    }

    /// Regions of these rows have become owed: the pass must not end before it has been there.
    pub(super) fn owed_from(&mut self, rows: Rows) {
        let region = self.log.grain.of(rows.start.0);
        let start = self.log.grain.start(region);
        self.outdate_reads();
        if start < self.equalise.issued {
            self.back = Some(self.back.map_or(start, |back| back.min(start)));
            self.equalise.durable = self.equalise.durable.min(start);
            self.equalise.flushed = self.equalise.flushed.min(start);
            self.drop_raise();
        }
        if let Some(running) = self.running.as_mut()
            && running.phase == Phase::Finishing
            && running.family() == Family::Equalise
            && !planted(Defect::EndAtCursor)
        {
            running.phase = Phase::Running;
        }
    }

    /// Stops the operation at a border between windows, records its position if the format can hold
    /// it, and says `Finished(Paused)`. No window is open afterwards.
    ///
    /// # Errors
    /// [`Refusal::NoOperation`] if nothing is running.
    pub fn pause(&mut self) -> Result<(), Refusal> {
        match self.running.as_mut() {
            Some(running) if matches!(running.phase, Phase::Preparing | Phase::Running) => {
                running.phase = Phase::Pausing;
                if !self.has(Defect::PauseKeepsWindows) {
                    self.give_up_windows();
                }
                Ok(())
            }
            _ => Err(Refusal::NoOperation),
        }
    }

    /// Goes on after a pause.
    ///
    /// # Errors
    /// [`Refusal::NoOperation`] if nothing is paused.
    pub fn resume(&mut self, now: Time) -> Result<(), Refusal> {
        match self.running.as_mut() {
            Some(running) if running.phase == Phase::Paused => {
                running.phase = Phase::Preparing;
                self.clock.advance(now);
                self.begin_pass();
                Ok(())
            }
            _ => Err(Refusal::NoOperation),
        }
    }

    /// Gives the operation up; its position is kept, except that of a scrub.
    ///
    /// # Errors
    /// [`Refusal::NoOperation`] if there is none.
    pub fn abort(&mut self) -> Result<(), Refusal> {
        let running = self.running.ok_or(Refusal::NoOperation)?;
        if running.phase == Phase::Aborting {
            return Err(Refusal::NoOperation);
        }
        self.end(Finish::Aborted);
        if running.family() == Family::Scrub {
            self.scrub_of = None;
        }
        Ok(())
    }

    /// Sets speed and patience, also of a running operation, from its next window on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.config.limits = limits;
        self.throttle.reset();
    }

    /// Bounds the pass to the windows that hold `rows`: at its end the operation pauses. A scrub also
    /// skips what lies before `rows`; for other operations `rows` must begin at or below their
    /// position.
    ///
    /// # Errors
    /// [`Refusal::NoOperation`], [`Refusal::OutOfRange`]; [`Refusal::Busy`] if rows would be skipped
    /// while windows are in use.
    pub fn set_range(&mut self, rows: Rows) -> Result<(), Refusal> {
        let running = self.running.ok_or(Refusal::NoOperation)?;
        let mark = *self.mark_of(running.family());
        let align = self.config.align;
        let before = rows.start.0.checked_rem(align).unwrap_or(0);
        let start = Row(rows.start.0.saturating_sub(before));
        let scrub = running.family() == Family::Scrub;
        if rows.len == 0 || rows.start.0 >= self.config.rows || (start > mark.done && !scrub) {
            return Err(Refusal::OutOfRange { rows, size: self.config.rows });
        }
        if start > mark.done {
            if self.windows.used() > 0 {
                return Err(Refusal::Busy);
            }
            self.scrub = Mark { done: start, issued: start, ..self.scrub };
        }
        let end = rows.end().0.checked_next_multiple_of(align).unwrap_or(u64::MAX);
        let issued = self.mark_of(running.family()).issued;
        let limit = Row(end.min(self.config.rows)).max(issued);
        self.running = Some(Running { limit, ..running });
        Ok(())
    }

    /// No more writes are expected: records the set clean as soon as it is, without the idle time.
    ///
    /// For a clean stop: pause the operation, call this, and poll until
    /// [`Status::clean`](crate::Status::clean) or nothing is asked for any more.
    pub const fn quiesce(&mut self) {
        self.log.hurry();
    }

    /// Ends the operation, for this reason, once its copies under way are back.
    pub(super) fn end(&mut self, why: Finish) {
        if let Some(running) = self.running.as_mut().filter(|r| r.phase != Phase::Aborting) {
            running.phase = Phase::Aborting;
            running.why = why;
            self.drop_raise();
            self.give_up_windows();
        }
    }

    /// Frees the windows whose copy has not begun.
    fn give_up_windows(&mut self) {
        while let Some((window, _)) = self.windows.closing() {
            self.tickets.forget(Windows::<WINDOWS>::bit(window));
            self.windows.put(window, State::Free);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Admit, WaitFor};
    use crate::scenarios::rig::*;
    use crate::world::native;
    use raid_core::array::Initialisation;
    use raid_core::metadata::{Capabilities, RegionRecord, RuntimeState};
    use std::vec::Vec;

    fn unwritten(rig: &mut Rig) -> Result<(), Refusal> {
        let time = rig.time();
        rig.core.start_over(time, Operation::Initialise, Scope::Unwritten, AboveMark::Skip)
    }

    fn recorded(rig: &Rig) -> Vec<RegionRecord> {
        rig.disks[0].record().unwrap().1.regions
    }

    #[test]
    #[cfg_attr(miri, ignore = "a whole life of safe code")]
    fn a_set_is_initialised_without_a_copy_and_each_region_is_equalised_after_its_first_write() {
        let mut rig = Rig::mirror(2);
        // Nothing agrees, and nothing needs to.
        for row in 0..ROWS {
            rig.disks[1].write(row, 0xdead, true);
        }
        unwritten(&mut rig).unwrap();
        rig.run();
        assert_eq!(rig.finished(), [Finish::Complete]);
        assert_eq!(rig.copied, [], "without a copy");
        assert_eq!(recorded(&rig), [RegionRecord::new(false, true, 0); 4]);
        // One copy speaks where both may differ.
        let read = rig.core.plan_read(Rows::new(0, 1), NONE).unwrap();
        assert_eq!(read.from, slots(&[0]));
        // The first write of a region waits for a record, as any; then the region is owed.
        assert!(matches!(rig.admit(5, 1, PLAIN), Admit::Wait(WaitFor::Record(_))));
        rig.settle();
        rig.write(5, 1);
        assert_eq!(rig.core.owed(), Some(Operation::Resync));
        rig.power_cut(&[false, true], &[]);
        rig.run();
        assert_eq!(rig.copied, [Rows::new(4, 4)], "only what was written");
        for row in 4..8 {
            assert_eq!(rig.disks[0].read(row), rig.disks[1].read(row), "row {row}");
        }
        let never = RegionRecord::new(false, true, 0);
        assert_eq!(recorded(&rig), [never, RegionRecord(0), never, never], "known after the cut");
        let read = rig.core.plan_read(Rows::new(4, 4), NONE).unwrap();
        assert_eq!(read.from, slots(&[0, 1]));
    }

    #[test]
    fn a_write_that_waits_for_a_record_is_woken_though_the_set_is_initialised_without_a_copy() {
        // Each record fails on a member, and a format that cannot name it has nothing else to record.
        let nameless = Capabilities { failure: false, ..native::capabilities() };
        let running = RuntimeState { initialisation: Initialisation::Running, ..clean() };
        let mut rig = Rig::new(config(3), running, nameless);
        rig.hold_records = true;
        let Admit::Wait(WaitFor::Record(first)) = rig.admit(5, 1, PLAIN) else {
            panic!("a clean region is not written")
        };
        rig.settle();
        unwritten(&mut rig).unwrap();
        for failed in [2, 1] {
            rig.record(slots(&[failed]));
            rig.settle();
        }
        rig.run();
        let woken = |wait: &WaitFor| matches!(wait, WaitFor::Record(seq) if *seq >= first);
        assert!(rig.woken.iter().any(woken), "{first:?} was never woken: {:?}", rig.woken);
    }

    #[test]
    fn a_write_in_flight_while_the_set_is_initialised_without_a_copy_leaves_its_region_owed() {
        let mut rig = Rig::mirror(2);
        let grant = rig.go(5, 1);
        unwritten(&mut rig).unwrap();
        // The power goes while one member holds the write and the other does not.
        rig.disks[0].write(5, 77, false);
        rig.settle();
        rig.power_cut(&[true, true], &[]);
        rig.run();
        assert_eq!(rig.copied, [Rows::new(4, 4)], "the region of the write");
        assert_eq!((rig.disks[0].read(5), rig.disks[1].read(5)), (77, 77), "{grant:?}");
        let never = RegionRecord::new(false, true, 0);
        assert_eq!(recorded(&rig), [never, RegionRecord(0), never, never]);
    }

    #[test]
    fn only_an_initialisation_and_only_with_regions_goes_without_a_copy() {
        let mut flag = Rig::new(config(2), clean(), flag_only());
        assert_eq!(unwritten(&mut flag), Err(Refusal::NeedsFormat));
        let mut rig = Rig::new(config(2), clean(), native::capabilities());
        let (time, above) = (rig.time(), AboveMark::Skip);
        let resync = rig.core.start_over(time, Operation::Resync, Scope::Unwritten, above);
        assert_eq!(resync, Err(Refusal::NeedsFormat));
    }
}
