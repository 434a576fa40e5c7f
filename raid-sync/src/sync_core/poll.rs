// SPDX-License-Identifier: MIT OR Apache-2.0
//! What to do next: wakes, then notices, then the record stream, then copies.
//!
//! Commands come out one at a time, so no output buffer is needed. Wakes come first, so that requests
//! held back by an ended window have been told before another window opens.

use super::{Claim, SyncCore};
use crate::command::{Command, Notice, Verify, WaitFor};
use crate::defect::Defect;
use crate::operation::{Family, Finish, Phase, Running};
use crate::record::{Raise, Stream};
use crate::throttle::Turn;
use crate::time::Time;
use crate::window::{State, WindowId};
use raid_core::array::Initialisation;
use raid_core::metadata::{Operation, RuntimeState};
use raid_core::units::{Row, Rows, SlotSet};

impl<const TICKETS: usize, const WINDOWS: usize> SyncCore<TICKETS, WINDOWS> {
    /// The next thing to do. To be called after every other call and at [`deadline`](Self::deadline),
    /// until it returns `None`. Calling it more often does no harm.
    pub fn poll(&mut self, now: Time) -> Option<Command> {
        self.clock.advance(now);
        self.settle();
        if let Some(wake) = self.next_wake() {
            return Some(Command::Wake(wake));
        }
        if let Some(notice) = self.next_notice() {
            return Some(Command::Notice(notice));
        }
        if let Some(command) = self.next_record() {
            return Some(command);
        }
        // Issuing a record may be what an operation waited for.
        self.settle();
        self.next_copy()
    }

    /// When [`poll`](Self::poll) may have something to do although nothing was reported. A poll at
    /// any other time is harmless.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        let now = self.clock.elapsed();
        let limits = &self.config.limits;
        let window = match self.may_open().then(|| self.throttle.turn(now, limits)) {
            Some(Turn::At(at)) => Some(at),
            _ => None,
        };
        let clean = (self.tickets.writes() == 0 && self.tracks_writes())
            .then(|| self.region.clean_from(limits.clean_after_idle))
            .flatten();
        let moved = self.position_to_record().is_some();
        let checkpoint = moved.then(|| self.checkpointed.saturating_add(limits.checkpoint_every));
        let due = [window, clean, checkpoint]
            .into_iter()
            .flatten()
            .filter(|at| *at > now && *at < u64::MAX)
            .min();
        due.map(|at| self.clock.to_caller(at))
    }

    // ---- the operation's own progress

    /// Phases that end without a report.
    fn settle(&mut self) {
        while let Some(running) = self.running {
            let mark = self.mark_of(running.family());
            let all_done = self.windows.used() == 0 && mark.done >= running.limit;
            let quiet = self.windows.closing().is_none() && !self.windows.commanded();
            match running.phase {
                Phase::Preparing if !self.lower_due() => self.enter(Phase::Running),
                Phase::Running if all_done && running.limit.0 >= self.config.rows => {
                    if self.has(Defect::TrustBeforeRecord) && running.family() == Family::Rebuild {
                        self.members.trust_filled();
                    }
                    self.enter(Phase::Finishing);
                }
                Phase::Running if all_done => self.enter(Phase::Pausing),
                Phase::Pausing if quiet && self.windows.used() > 0 => self.stop(running),
                Phase::Pausing if quiet && self.position_to_record().is_none() => {
                    self.stop(running);
                    self.enter(Phase::Paused);
                    self.news.finished = Some((running.operation, Finish::Paused));
                }
                Phase::Aborting if quiet => {
                    self.stop(running);
                    self.running = None;
                    self.news.finished = Some((running.operation, running.why));
                }
                Phase::Finishing if !self.is_recorded(running.operation) => self.finish(),
                _ => return,
            }
        }
    }

    fn enter(&mut self, phase: Phase) {
        if let Some(running) = &mut self.running {
            running.phase = phase;
        }
    }

    /// No copy is under way: nothing above `done` counts.
    fn stop(&mut self, running: Running) {
        while let Some((window, _)) = self.windows.landed() {
            self.windows.put(window, State::Free);
        }
        if self.has(Defect::AbortAdvancesDone) && running.phase == Phase::Aborting {
            let issued = self.mark_of(running.family()).issued;
            self.mark_mut(running.family()).land_to(issued);
        }
        self.mark_mut(running.family()).stop();
    }

    // ---- wakes and notices

    fn next_wake(&mut self) -> Option<WaitFor> {
        if let Some(seq) = self.records.next_wake() {
            return Some(WaitFor::Record(seq));
        }
        if let Some(window) = self.windows.next_wake() {
            let stopped = self.running.is_none_or(|running| running.phase != Phase::Running);
            if !(stopped && self.has(Defect::ForgetWaiters)) {
                return Some(WaitFor::Window(window));
            }
        }
        if core::mem::take(&mut self.overlap_waiters.wake) {
            return Some(WaitFor::Overlap);
        }
        core::mem::take(&mut self.ticket_waiters.wake).then_some(WaitFor::Ticket)
    }

    fn next_notice(&mut self) -> Option<Notice> {
        let news = &mut self.news;
        if core::mem::take(&mut news.set_failed) {
            return Some(Notice::SetFailed);
        }
        if core::mem::take(&mut news.degraded) {
            return Some(Notice::Degraded);
        }
        if core::mem::take(&mut news.write_hole) {
            return Some(Notice::WriteHole);
        }
        if let Some(slot) = news.needs_spare.lowest() {
            news.needs_spare.remove(slot);
            return Some(Notice::NeedsSpare(slot));
        }
        if let Some(marks) = news.marks.take() {
            return Some(Notice::MarkMoved(marks));
        }
        let (operation, why) = news.finished.take()?;
        Some(Notice::Finished { operation, why })
    }

    // ---- records

    fn next_record(&mut self) -> Option<Command> {
        if self.set_failed || matches!(self.records.stream, Stream::Writing { .. }) {
            return None;
        }
        let lowered = self.lower_due();
        if lowered {
            self.drop_raise();
        }
        match self.records.stream {
            Stream::Flushed(raise) => Some(self.issue(raise.image, Some(raise))),
            Stream::Idle if lowered => Some(self.issue(self.lower_image(), None)),
            Stream::Idle if self.records.flush_out.is_none() => self.raise(),
            _ => None,
        }
    }

    fn issue(&mut self, image: RuntimeState, raise: Option<Raise>) -> Command {
        let to = self.members.live();
        let seq = self.records.issue(to, image, raise);
        Command::Persist { seq, to }
    }

    /// Collects what may be raised, and asks for the flush that it needs.
    fn raise(&mut self) -> Option<Command> {
        let raise = self.collect()?;
        if raise.image.clean {
            self.region.prepare_clean();
        }
        let mut slots = self.members.live() & self.config.volatile;
        if self.has(Defect::FlushTargetOnly) {
            slots = slots & self.members.filling;
        }
        if slots.is_empty() || self.has(Defect::RaiseWithoutFlush) {
            if let (Some(mark), Some(running)) = (raise.mark, self.running) {
                self.mark_mut(running.family()).flushed_to(mark);
            }
            return Some(self.issue(raise.image, Some(raise)));
        }
        let id = self.records.flush(slots, raise);
        Some(Command::Flush { id, slots })
    }

    fn collect(&self) -> Option<Raise> {
        let finish = self.running.is_some_and(|running| running.phase == Phase::Finishing);
        let mark = self.checkpoint_due().filter(|_| !finish);
        let claim = if finish { self.finished_claim() } else { self.claim() };
        let cleaned = self.describe(&Claim { clean: true, ..claim });
        let clean = self.clean_due() && cleaned.clean;
        if !finish && mark.is_none() && !clean {
            return None;
        }
        let mut image = match clean {
            true => cleaned,
            false if finish => self.describe(&self.finished_claim()),
            false => self.lower_image(),
        };
        if let Some(mark) = mark {
            image.mark = mark;
        }
        Some(Raise { image, mark, finish })
    }

    /// What will be true once the operation is recorded complete.
    fn finished_claim(&self) -> Claim {
        let mut claim = self.claim();
        match self.running.map(|running| running.family()) {
            Some(Family::Rebuild) => claim.members.trust_filled(),
            Some(Family::Equalise) => {
                if self.owed == Some(Operation::Initialise) {
                    claim.initialisation = Initialisation::Full;
                }
                claim.owed = None;
            }
            _ => {}
        }
        claim.operation = self.shown(&claim.members, claim.owed, false);
        claim
    }

    /// A position of the operation that no record holds yet, where a record can hold one.
    fn position_to_record(&self) -> Option<Row> {
        let running = self.running.filter(|_| self.capabilities.mark)?;
        let mark = self.mark_of(running.family());
        let position = match self.has(Defect::MarkAtIssue) {
            true => mark.issued,
            false => mark.done,
        };
        let moves = matches!(running.phase, Phase::Running | Phase::Pausing);
        (moves && position > mark.durable).then_some(position)
    }

    fn checkpoint_due(&self) -> Option<Row> {
        let position = self.position_to_record()?;
        let running = self.running?;
        let limits = &self.config.limits;
        let rows = position.0.saturating_sub(self.mark_of(running.family()).durable.0);
        let due = running.phase == Phase::Pausing
            || rows >= limits.checkpoint_rows
            || self.clock.since(self.checkpointed) >= limits.checkpoint_every;
        due.then_some(position)
    }

    fn clean_due(&self) -> bool {
        let idle = self.config.limits.clean_after_idle;
        self.tracks_writes()
            && self.tickets.writes() == 0
            && self.region.clean_from(idle).is_some_and(|from| from <= self.clock.elapsed())
    }

    // ---- copies

    fn next_copy(&mut self) -> Option<Command> {
        loop {
            let ready = match self.has(Defect::OpenWithoutDraining) {
                true => self.windows.closing(),
                false => self.windows.ready(),
            };
            if let Some((window, rows)) = ready {
                self.windows.put(window, State::Active);
                return self.copy(window, rows, false);
            }
            let (window, rows) = self.open_window()?;
            if self.running.is_some_and(|running| running.family() == Family::Scrub) {
                return self.copy(window, rows, true);
            }
            let tickets = self.drain(window, rows);
            self.windows.put(window, State::Closing { tickets });
        }
    }

    fn may_open(&self) -> bool {
        let windows = self.config.limits.windows.max(1);
        self.running.is_some_and(|running| {
            running.phase == Phase::Running
                && self.mark_of(running.family()).issued < running.limit
                && self.windows.used() < windows
        })
    }

    fn open_window(&mut self) -> Option<(WindowId, Rows)> {
        let running = self.running.filter(|_| self.may_open())?;
        let now = self.clock.elapsed();
        if self.throttle.turn(now, &self.config.limits) != Turn::Now {
            return None;
        }
        let start = self.mark_of(running.family()).issued;
        let len = self.config.limits.rows_per_window.max(1);
        let len = len.checked_next_multiple_of(self.config.align).unwrap_or(u64::MAX);
        let rows = Rows { start, len: len.min(running.limit.0.saturating_sub(start.0)) };
        let window = self.windows.open(rows, now)?;
        self.mark_mut(running.family()).open_to(rows.end());
        self.throttle.opened(now, rows.len, &self.config.limits);
        Some((window, rows))
    }

    fn copy(&self, window: WindowId, rows: Rows, look: bool) -> Option<Command> {
        let operation = self.running?.operation;
        let trusted = self.members.trusted();
        let (from, targets, verify) = match operation {
            Operation::Rebuild { .. } => {
                let (holders, _, _) = self.holders(rows.start, rows.end());
                (holders.without(self.members.filling), self.members.filling, Verify::Overwrite)
            }
            Operation::Check => (trusted, SlotSet::EMPTY, Verify::Compare),
            Operation::Repair if look => (trusted, SlotSet::EMPTY, Verify::Compare),
            Operation::Repair => (trusted, trusted, Verify::CompareAndFix),
            _ => (trusted, trusted, Verify::Overwrite),
        };
        Some(Command::Copy { window, rows, operation, from, targets, verify })
    }
}
