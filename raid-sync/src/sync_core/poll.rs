// SPDX-License-Identifier: MIT OR Apache-2.0
//! What to do next: that the set has failed, wakes, other notices, the record stream, copies.
//!
//! Commands come out one at a time, so no output buffer is needed. Wakes come first, so that requests
//! held back by an ended window have been told before another window opens.

use super::{Claim, SyncCore};
use crate::command::{Command, Notice, Verify, WaitFor};
use crate::defect::Defect;
use crate::operation::{Family, Finish, Phase, Running, family};
use crate::record::{Raise, Stream};
use crate::region::{Cleaning, Write};
use crate::throttle::Turn;
use crate::time::Time;
use crate::window::{State, WindowId};
use raid_core::array::Initialisation;
use raid_core::metadata::{Operation, RuntimeState};
use raid_core::units::{Row, Rows, SlotSet};

/// What the windows give to do.
enum Next {
    Command(Command),
    /// A window went on, or the operation ended, without a command: what follows from it may be due.
    Again,
    Nothing,
}

impl<const TICKETS: usize, const WINDOWS: usize, const REGIONS: usize, const BAD: usize>
    SyncCore<TICKETS, WINDOWS, REGIONS, BAD>
{
    /// The next thing to do. To be called after every other call and at [`deadline`](Self::deadline),
    /// until it returns `None`. Calling it more often does no harm.
    pub fn poll(&mut self, now: Time) -> Option<Command> {
        self.clock.advance(now);
        loop {
            self.settle();
            if core::mem::take(&mut self.news.set_failed) {
                // Before any wake: whoever is woken by a record that was never written must not take it for
                // durable.
                return Some(Command::Notice(Notice::SetFailed));
            }
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
            match self.next_copy() {
                Next::Command(command) => return Some(command),
                Next::Nothing => return None,
                Next::Again => {}
            }
        }
    }

    /// When [`poll`](Self::poll) may have something to do although nothing was reported. A poll at
    /// any other time is harmless.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        if self.set_failed {
            return None;
        }
        let now = self.clock.elapsed();
        let limits = &self.config.limits;
        let window = match self.may_open().then(|| self.throttle.turn(now, limits)) {
            Some(Turn::At(at)) => Some(at),
            _ => None,
        };
        let clean = (self.tickets.writes() == 0 && self.tracks_writes())
            .then(|| self.log.clean_from(limits.clean_after_idle))
            .flatten();
        // While the format hides who has failed, a sweep makes nothing clean.
        let hidden = !self.members.failed.is_empty() && !self.capabilities.failure;
        let sweeps = self.tracks_writes() && !hidden;
        let sweep = self.log.sweep_from(limits.clean_after_idle).filter(|_| sweeps);
        let moved = self.position_to_record().is_some();
        let checkpoint = moved.then(|| self.checkpointed.saturating_add(limits.checkpoint_every));
        let due = [window, clean, sweep, checkpoint]
            .into_iter()
            .flatten()
            .filter(|at| *at > now && *at < u64::MAX)
            .min();
        due.map(|at| self.clock.to_caller(at))
    }

    // ---- the operation's own progress

    /// Phases that end without a report.
    fn settle(&mut self) {
        self.go_back();
        while let Some(running) = self.running {
            while let Some((window, _)) = self.windows.recorded(|version| self.bad.holds(version)) {
                self.windows.put(window, State::Landed);
                self.advance_done();
            }
            if running.phase == Phase::Running {
                self.skip_ahead(running);
            }
            let mark = self.mark_of(running.family());
            let all_done = self.windows.used() == 0 && mark.done >= running.limit;
            let kept = self.has(Defect::PauseKeepsWindows) && running.phase == Phase::Pausing;
            let busy = self.windows.closing().is_some() && !kept;
            let recording = self.windows.recording().is_some() && running.phase == Phase::Pausing;
            let quiet = !busy && !recording && !self.windows.commanded();
            match running.phase {
                Phase::Running if all_done && self.must_go_back(running) => self.go_back(),
                Phase::Preparing if !self.lower_due() => self.enter(Phase::Running),
                Phase::Running if all_done && running.limit.0 >= self.config.rows => {
                    if self.has(Defect::TrustBeforeRecord) && running.family() == Family::Rebuild {
                        self.members.trust_filled();
                    }
                    self.enter(Phase::Finishing);
                }
                Phase::Running if all_done => self.enter(Phase::Pausing),
                Phase::Pausing if quiet && !kept && self.windows.used() > 0 => self.stop(running),
                Phase::Pausing if quiet && self.position_to_record().is_none() => {
                    self.stop(running);
                    self.enter(Phase::Paused);
                    self.news.finished = Some((running.operation, Finish::Paused));
                }
                Phase::Aborting if quiet => {
                    self.stop(running);
                    self.running = None;
                    self.outdate_reads();
                    self.agree_alone();
                    self.go_back();
                    self.news.finished = Some((running.operation, running.why));
                }
                Phase::Finishing if !self.is_recorded(running.operation) => self.finish(),
                _ => return,
            }
        }
    }

    /// Regions became owed behind the cursor. Once no window is open the cursor goes back to them.
    fn go_back(&mut self) {
        let busy = self.running.is_some_and(|running| running.family() == Family::Equalise)
            && self.windows.used() > 0;
        if let Some(back) = self.back.filter(|_| !busy && !self.has(Defect::EndAtCursor)) {
            self.equalise.back_to(back);
            self.back = None;
        }
    }

    /// The end of a pass is "nothing is owed", not "the cursor is at the end" (`sync.md` I14).
    fn must_go_back(&self, running: Running) -> bool {
        running.family() == Family::Equalise
            && self.back.is_some()
            && !self.has(Defect::EndAtCursor)
    }

    /// The first row at or above `from` that the pass must work on.
    pub(super) fn next_needed(&self, family: Family, from: Row) -> Option<Row> {
        match family {
            Family::Scrub => Some(from),
            Family::Equalise => self.log.next_owed(from),
            Family::Rebuild => {
                let filling = self.members.filling;
                match self.debtors.slots().contains_all(filling) {
                    true => self.log.next_debt(from, self.debtors.bits(filling)),
                    false => Some(from),
                }
            }
        }
    }

    /// Rows that nobody owes need no window.
    fn skip_ahead(&mut self, running: Running) {
        let issued = self.mark_of(running.family()).issued;
        if issued >= running.limit {
            return;
        }
        let next = self.next_needed(running.family(), issued);
        let next = next.unwrap_or(running.limit).min(running.limit);
        if next > issued {
            self.mark_mut(running.family()).open_to(next);
            self.advance_done();
        }
    }

    fn enter(&mut self, phase: Phase) {
        if let Some(running) = &mut self.running {
            running.phase = phase;
        }
    }

    /// No copy is under way: nothing above `done` counts.
    fn stop(&mut self, running: Running) {
        while let Some((window, _)) = self.windows.landed().or(self.windows.recording()) {
            self.windows.put(window, State::Free);
        }
        if self.has(Defect::AbortAdvancesDone) && running.phase == Phase::Aborting {
            let issued = self.mark_of(running.family()).issued;
            self.mark_mut(running.family()).land_to(issued);
        }
        self.mark_mut(running.family()).stop();
    }

    // ---- wakes and notices

    /// Who is to be woken next: what [`poll`](Self::poll) says with [`Command::Wake`], and none of its other commands.
    /// For a queue that has completed a request while others of its own are parked; somebody must poll all the
    /// same, later. Until poll has told [`Notice::SetFailed`] it wakes nobody.
    pub fn next_wake(&mut self) -> Option<WaitFor> {
        if self.news.set_failed {
            return None;
        }
        if let Some(seq) = self.records.next_wake() {
            return Some(WaitFor::Record(seq));
        }
        if let Some(window) = self.windows.next_wake() {
            let stopped = self.running.is_none_or(|running| running.phase != Phase::Running);
            if !(stopped && self.has(Defect::ForgetWaiters)) {
                return Some(WaitFor::Window(window));
            }
        }
        if let Some(ticket) = self.tickets.next_wake() {
            // Its place is free now.
            self.ticket_waiters.due();
            return Some(WaitFor::Overlap(ticket));
        }
        core::mem::take(&mut self.ticket_waiters.wake).then_some(WaitFor::Ticket)
    }

    fn next_notice(&mut self) -> Option<Notice> {
        let news = &mut self.news;
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
        if let Some(filling) = news.filling.take() {
            return Some(Notice::BadRanges(filling));
        }
        if let Some((rows, differing, repaired)) = news.mismatch.take() {
            let differing = differing.get();
            return Some(Notice::Mismatch { rows, differing, repaired });
        }
        let (operation, why) = news.finished.take()?;
        Some(Notice::Finished { operation, why })
    }

    // ---- records

    fn next_record(&mut self) -> Option<Command> {
        if self.set_failed {
            return None;
        }
        let lowered = self.lower_due();
        if matches!(self.records.stream, Stream::Writing { .. }) {
            let image = self.lower_image();
            let beside = self.has(Defect::TwoRecords)
                && lowered
                && self.records.covering(|written| *written == image) != self.records.last();
            return beside.then(|| self.issue(image, None));
        }
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
        let mut to = self.members.live();
        if self.has(Defect::RecordToFailed) {
            to = to | image.failed;
        }
        self.log.issued();
        self.bad.issued();
        self.generation_writing = self.generation;
        let seq = self.records.issue(to, image, raise);
        Command::Persist { seq, to }
    }

    /// Collects what may be raised, and asks for the flush that it needs.
    fn raise(&mut self) -> Option<Command> {
        let raise = self.collect()?;
        self.bad.flushing();
        let mut slots = self.members.live() & self.config.volatile;
        if self.has(Defect::FlushTargetOnly) {
            slots = slots & self.members.filling;
        }
        if slots.is_empty() || self.has(Defect::RaiseWithoutFlush) {
            if let (Some(mark), Some(running)) = (raise.mark, self.running) {
                self.mark_mut(running.family()).flushed_to(mark);
            }
            if !raise.recorded {
                self.log.forgotten();
                return None;
            }
            return Some(self.issue(raise.image, Some(raise)));
        }
        let id = self.records.flush(slots, raise);
        Some(Command::Flush { id, slots })
    }

    fn collect(&mut self) -> Option<Raise> {
        let finish = self.running.is_some_and(|running| running.phase == Phase::Finishing);
        let mark = self.checkpoint_due().filter(|_| !finish);
        let claim = if finish { self.finished_claim() } else { self.claim() };
        let cleaning = self.prepare_clean(&claim);
        let heal = self.bad.any_healed();
        let recorded =
            finish || mark.is_some() || heal || (cleaning.any && self.is_logged(cleaning));
        if !recorded && !cleaning.any {
            return None;
        }
        let clean = cleaning.any && self.is_logged(cleaning);
        let image = match (clean, finish) {
            (true, _) => self.describe(&Claim { clean: cleaning.all, ..claim }),
            (false, true) => self.describe(&claim),
            (false, false) => self.lower_image(),
        };
        let image = mark.map_or(image, |mark| image.at(mark));
        Some(Raise { image, mark, finish, clean, recorded })
    }

    /// Whether records tell what was prepared.
    const fn is_logged(&self, cleaning: Cleaning) -> bool {
        self.log.by_region || cleaning.all
    }

    /// Takes the regions out of the log that no write touches any more.
    fn prepare_clean(&mut self, claim: &Claim) -> Cleaning {
        if !self.tracks_writes() {
            return Cleaning::default();
        }
        let (now, idle) = (self.clock.elapsed(), self.config.limits.clean_after_idle);
        let due = |from: Option<u64>| from.is_some_and(|from| from <= now);
        let everything = Rows::new(0, self.config.rows);
        let still = self.tickets.writes() == 0 && !self.repairs(everything);
        let quiet = still && due(self.log.clean_from(idle));
        let may = self.log.by_region || self.describe(&Claim { clean: true, ..*claim }).clean;
        if quiet && may && !self.hides_failures(claim) {
            return self.log.prepare_clean(true);
        }
        if !due(self.log.sweep_from(idle)) {
            return Cleaning::default();
        }
        let cleaning = match self.hides_failures(claim) {
            true => Cleaning::default(),
            false => self.log.prepare_clean(false),
        };
        let (tickets, windows) = (&self.tickets, &self.windows);
        let repair = self.is_repair();
        let busy = |rows| tickets.is_written(rows) || (repair && windows.copies(rows));
        self.log.rest(now, busy);
        cleaning
    }

    fn is_repair(&self) -> bool {
        self.running.is_some_and(|running| running.operation == Operation::Repair)
    }

    /// Whether a repair may be changing some of these rows, that nothing says are owed.
    fn repairs(&self, rows: Rows) -> bool {
        self.is_repair() && self.windows.copies(rows)
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
        claim.progress = self.shown(&claim.members, claim.owed, false);
        claim
    }

    /// A position of the operation that no record holds yet, where a record can hold one.
    fn position_to_record(&self) -> Option<Row> {
        let running = self.running.filter(|_| self.capabilities.mark)?;
        let named = self.shown(&self.members, self.owed, true)?.operation;
        if family(named) != running.family() {
            // The record names what is owed; it has no place for another position.
            return None;
        }
        let mark = self.mark_of(running.family());
        let position = match self.has(Defect::MarkAtIssue) {
            true => mark.issued,
            false if running.family() == Family::Equalise => self.agreed_below(),
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

    // ---- copies

    fn next_copy(&mut self) -> Next {
        loop {
            let ready = match self.has(Defect::OpenWithoutDraining) {
                true => self.windows.closing(),
                false => self.windows.ready(),
            };
            if let Some((window, rows)) = ready {
                if !self.may_fix(rows) {
                    return self.next_record().map_or(Next::Nothing, Next::Command);
                }
                self.windows.put(window, State::Active);
                return self.copy(window, false).map_or(Next::Again, Next::Command);
            }
            let Some((window, rows)) = self.open_window() else { return Next::Nothing };
            if self.running.is_some_and(|running| running.family() == Family::Scrub) {
                return self.copy(window, true).map_or(Next::Again, Next::Command);
            }
            let tickets = self.drain(window, rows);
            self.windows.put(window, State::Closing { tickets });
        }
    }

    /// A repair writes members that are trusted: like a user's write, after a record that says so.
    fn may_fix(&mut self, rows: Rows) -> bool {
        if !(self.is_repair() && self.tracks_writes()) {
            return true;
        }
        if !self.log.by_region {
            self.log.written(rows);
            return true;
        }
        self.log.write_wanted(rows) == Write::Goes
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
        // Beside another window: what follows it may be owed by nobody.
        self.skip_ahead(running);
        if !self.may_open() {
            return None;
        }
        let start = self.mark_of(running.family()).issued;
        let len = self.config.limits.rows_per_window.max(1);
        let len = len.checked_next_multiple_of(self.config.align).unwrap_or(u64::MAX);
        let mut rows = Rows { start, len: len.min(running.limit.0.saturating_sub(start.0)) };
        if running.family() != Family::Scrub {
            let end = self.log.alike(start, rows.end(), self.debtors.bits(self.members.filling));
            rows.len = end.0.saturating_sub(start.0);
        }
        let window = self.windows.open(rows, now)?;
        self.mark_mut(running.family()).open_to(rows.end());
        self.throttle.opened(now, rows.len, &self.config.limits);
        Some((window, rows))
    }

    /// What to do about the rest of a window, unless it is clear that no source can give it.
    fn copy(&mut self, window: WindowId, look: bool) -> Option<Command> {
        let running = self.running?;
        let rows = self.windows.rest(window)?;
        let operation = running.operation;
        let trusted = self.members.trusted();
        let policy = self.config.repair;
        let bad = self.bad.within(rows);
        let (from, targets, verify) = match operation {
            Operation::Rebuild { .. } => {
                let (holders, _, _) = self.holders(rows.start, rows.end());
                let targets = self.targets(rows.start);
                (holders.without(self.members.filling), targets, Verify::Overwrite)
            }
            Operation::Check if self.has(Defect::CheckWrites) => {
                (trusted, trusted, Verify::CompareAndFix(policy))
            }
            Operation::Check => (trusted, SlotSet::EMPTY, Verify::Compare),
            Operation::Repair if self.has(Defect::RepairAtFirstLook) => {
                (trusted, trusted, Verify::CompareAndFix(policy))
            }
            Operation::Repair if look => (trusted, SlotSet::EMPTY, Verify::Compare),
            Operation::Repair => (trusted, trusted, Verify::CompareAndFix(policy)),
            _ => (trusted, trusted, Verify::Overwrite),
        };
        // A member that cannot be read in some of these rows is as good as any in the others: without it they
        // would be made to agree with what is computed for it, or with another copy. A rebuild may do without.
        let apart = match running.family() {
            Family::Rebuild => !self.members.suffice(from.without(bad)),
            Family::Equalise | Family::Scrub => !look,
        };
        let (from, rows) = match apart && !bad.is_empty() {
            true => {
                let (here, end) = self.bad.at(rows.start, rows.end());
                let len = end.0.saturating_sub(rows.start.0);
                (trusted.without(here), Rows { len, ..rows })
            }
            false => (from.without(bad), rows),
        };
        self.windows.command(window, rows.len);
        if !self.members.suffice(from) && running.family() != Family::Scrub {
            self.unreadable(window, 0, rows, targets, running.family());
            return None;
        }
        Some(Command::Copy { window, rows, operation, from, targets, verify })
    }
}
