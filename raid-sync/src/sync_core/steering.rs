// SPDX-License-Identifier: MIT OR Apache-2.0
//! Operations started and stopped, members coming and going.

use super::SyncCore;
use crate::error::Refusal;
use crate::mark::Mark;
use crate::member::Redundancy;
use crate::operation::{AboveMark, Family, Finish, Phase, Running, family};
use crate::throttle::Limits;
use crate::time::Time;
use crate::window::{State, Windows};
use raid_core::array::Initialisation;
use raid_core::metadata::Operation;
use raid_core::units::{Row, Rows, Slot, SlotSet};

impl<const TICKETS: usize, const WINDOWS: usize> SyncCore<TICKETS, WINDOWS> {
    /// Starts an operation; it goes on where it stood if its position was kept.
    ///
    /// A rebuild fills all its targets in one pass; if they are not those of the kept position, it
    /// begins at row 0. A resync that is not owed makes everything agree anew.
    ///
    /// # Errors
    /// [`Refusal::Busy`], [`Refusal::NoCopyLeft`], [`Refusal::NotRedundant`],
    /// [`Refusal::ResyncFirst`], [`Refusal::Member`].
    pub fn start(
        &mut self,
        now: Time,
        operation: Operation,
        above: AboveMark,
    ) -> Result<(), Refusal> {
        self.startable(operation)?;
        self.clock.advance(now);
        match operation {
            Operation::Rebuild { targets } if targets != self.members.filling => {
                self.members.fill(targets);
                self.rebuild = Mark::ZERO;
            }
            Operation::Rebuild { .. } => {}
            Operation::Resync | Operation::Initialise => self.owe(operation),
            _ => {
                if self.scrub_of != Some(operation) {
                    self.scrub = Mark::ZERO;
                    self.scrub_of = Some(operation);
                }
                self.counters.mismatches = 0;
                self.counters.unreadable = 0;
            }
        }
        self.throttle.reset();
        self.checkpointed = self.clock.elapsed();
        self.running = Some(Running::new(operation, above, Row(self.config.rows)));
        Ok(())
    }

    fn startable(&self, operation: Operation) -> Result<(), Refusal> {
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
            _ if !self.members.redundant() => Err(Refusal::NotRedundant),
            _ if family(operation) == Family::Scrub && self.owed.is_some() => {
                Err(Refusal::ResyncFirst)
            }
            _ => Ok(()),
        }
    }

    fn owe(&mut self, operation: Operation) {
        if self.owed.is_none() {
            self.equalise = Mark::ZERO;
            self.owed = Some(operation);
        }
        if operation == Operation::Initialise {
            self.owed = Some(operation);
            self.initialisation = Initialisation::Running;
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
                self.give_up_windows();
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
                self.throttle.reset();
                self.checkpointed = self.clock.elapsed();
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
        self.region.hurry();
    }

    /// A member is gone. Nothing happens if it was gone before.
    pub fn member_failed(&mut self, slot: Slot) {
        if !self.members.live().contains(slot) {
            return;
        }
        let was_filled = self.members.rebuilding().contains(slot);
        self.members.fail(slot);
        self.tickets.age();
        self.news.needs_spare.insert(slot);
        if self.members.filling.is_empty() {
            self.rebuild = Mark::ZERO;
        }
        if !self.members.suffice(self.members.trusted()) {
            self.news.set_failed |= !self.set_failed;
            self.set_failed = true;
            self.end(Finish::SourceFailed);
            return;
        }
        if !was_filled {
            self.news.degraded = true;
            self.agreement_after_loss();
        }
        let Some(running) = self.running else { return };
        match running.family() {
            Family::Rebuild if self.members.filling.is_empty() => self.end(Finish::TargetFailed),
            Family::Rebuild => {
                let operation = Operation::Rebuild { targets: self.members.filling };
                self.running = Some(Running { operation, ..running });
            }
            _ if !self.members.redundant() => self.end(Finish::SourceFailed),
            _ => {}
        }
    }

    /// A trusted member was lost: what is left to agree?
    fn agreement_after_loss(&mut self) {
        match (self.owed, self.members.redundancy) {
            (None, _) => {}
            (Some(operation), Redundancy::Mirror) => {
                if self.members.trusted().len() == 1 {
                    self.owed = None;
                    if operation == Operation::Initialise {
                        self.initialisation = Initialisation::Full;
                    }
                }
            }
            (Some(_), _) => self.news.write_hole = true,
        }
    }

    /// Another disk sits in the slot of a failed member. It holds nothing yet: a rebuild is owed.
    ///
    /// # Errors
    /// [`Refusal::Member`] if the slot is not one of a failed member; [`Refusal::Busy`] while
    /// requests or commands that name the old disk are out, or its failure is not recorded yet: try
    /// again after the next report.
    pub fn member_joined(&mut self, slot: Slot) -> Result<(), Refusal> {
        if !self.members.failed.contains(slot) || self.set_failed {
            return Err(Refusal::Member(slot));
        }
        // Before a record says that the old disk failed, a restart would take the new one for it.
        let unnamed = !self.names_failures(&self.records.recorded);
        if unnamed || self.tickets.elders() || self.windows.commanded() || self.records_name(slot) {
            return Err(Refusal::Busy);
        }
        self.members.join(slot);
        self.news.needs_spare.remove(slot);
        Ok(())
    }

    fn records_name(&self, slot: Slot) -> bool {
        use crate::record::Stream;
        let written = match &self.records.stream {
            Stream::Writing { to, .. } => *to,
            _ => SlotSet::EMPTY,
        };
        let flushed = self.records.flush_out.unwrap_or(SlotSet::EMPTY);
        (written | flushed).contains(slot)
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
