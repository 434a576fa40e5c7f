// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reports on commands: copies, flushes and records that have come back.

use super::SyncCore;
use crate::command::CopyResult;
use crate::defect::Defect;
use crate::error::Unexpected;
use crate::mark::Mark;
use crate::operation::{Family, Finish, Phase};
use crate::record::{FlushId, Raise, RecordSeq, Stream};
use crate::time::Time;
use crate::window::{State, WindowId, Windows};
use core::num::NonZeroU64;
use raid_core::array::Initialisation;
use raid_core::metadata::Operation;
use raid_core::units::{Row, Rows, SlotSet};

impl<const TICKETS: usize, const WINDOWS: usize, const REGIONS: usize, const BAD: usize>
    SyncCore<TICKETS, WINDOWS, REGIONS, BAD>
{
    /// The copy of a window has ended.
    ///
    /// # Errors
    /// [`Unexpected::Window`] if none was under way.
    pub fn copied(
        &mut self,
        now: Time,
        window: WindowId,
        result: CopyResult,
    ) -> Result<(), Unexpected> {
        let (rows, state) = match self.windows.get(window) {
            Some((rows, state @ (State::Looking | State::Active))) => (rows, state),
            _ => return Err(Unexpected::Window(window)),
        };
        self.clock.advance(now);
        let rest = self.windows.commanded_rows(window).unwrap_or(rows);
        let good = result.good.min(rest.len);
        let targets = self.targets(rest.start);
        self.wrote(Rows { len: good, ..rest }, state, &result);
        self.fail_all(result.write_failed);
        let phase = self.running.map_or(Phase::Aborting, |running| running.phase);
        if phase == Phase::Aborting {
            self.windows.put(window, State::Free);
            return Ok(());
        }
        let family = self.running.map_or(Family::Scrub, |running| running.family());
        let short = good < rest.len;
        if state == State::Looking && (result.mismatched > 0 || short) {
            self.look_again(window, rows, phase);
        } else if short && family != Family::Scrub {
            let row = Row(rest.start.0.saturating_add(good));
            let left = rest.len.saturating_sub(good);
            let lost = Rows { start: row, len: result.unreadable.max(1).min(left) };
            self.unreadable(window, good, lost, targets, family);
        } else {
            let counters = &mut self.counters;
            let bad = rest.len.saturating_sub(good);
            counters.mismatches = counters.mismatches.saturating_add(result.mismatched);
            counters.unreadable = counters.unreadable.saturating_add(bad);
            if result.mismatched > 0 && family == Family::Scrub {
                self.tell_mismatch(rest, &result);
            }
            self.part_done(window, rest.len);
        }
        Ok(())
    }

    /// Members that a window at this row writes: those that owe its region.
    pub(super) fn targets(&self, row: Row) -> SlotSet {
        match self.running.map(|running| running.operation) {
            Some(Operation::Rebuild { .. }) => {
                let filling = self.members.filling;
                let kept = self.debtors.bits(filling);
                let owing = self.debtors.slots_of(kept & self.log.debt(row)) & filling;
                owing | filling.without(self.debtors.slots())
            }
            Some(Operation::Check) | None => SlotSet::EMPTY,
            Some(_) => self.members.trusted(),
        }
    }

    /// What a copy has changed: bad ranges that were written again, and what absent members miss.
    fn wrote(&mut self, rows: Rows, state: State, result: &CopyResult) {
        if rows.len == 0 || state == State::Looking {
            return;
        }
        // A rebuild writes all rows of its targets. What else wrote, and where, the caller reports.
        let rebuild = self.running.is_some_and(|running| running.family() == Family::Rebuild);
        if rebuild && !self.bad.is_unrecorded() {
            let written = self.targets(rows.start).without(result.write_failed);
            self.bad.heal(written, rows);
        }
        let fixed = match self.running.map(|running| running.operation) {
            Some(Operation::Repair) => result.mismatched > 0,
            // A rebuild gives its targets what the others hold: nobody misses anything by it.
            Some(Operation::Resync | Operation::Initialise) => true,
            _ => false,
        };
        if fixed {
            // What a member that is filled held there is old now.
            self.outdate_reads();
            self.log.written(rows);
            self.fill_again(rows);
            self.charge_untrusted(rows);
        }
    }

    /// A member that was filled up to here, by a pass that stands still, has what these rows were before.
    pub(super) fn fill_again(&mut self, rows: Rows) {
        if !self.members.filling.is_empty() && rows.start < self.rebuild.done {
            let region = self.log.grain.of(rows.start.0);
            self.rebuild.back_to(self.log.grain.start(region));
        }
    }

    /// A row that no source gives. A target takes it as a bad range, if there is room; then the rest of
    /// the window goes on. What has to agree passes it by, if the list says of enough members that they do not
    /// give it: nothing that is read can disagree there.
    pub(super) fn unreadable(
        &mut self,
        window: WindowId,
        good: u64,
        lost: Rows,
        targets: SlotSet,
        family: Family,
    ) {
        let rebuild = family == Family::Rebuild;
        let targets = targets & self.members.live();
        if rebuild && targets.is_empty() {
            // Those it was for are gone.
            self.windows.put(window, State::Free);
            return;
        }
        let passed = self.known_lost(lost).filter(|_| family == Family::Equalise);
        if let Some(len) = passed {
            return self.part_done(window, good.saturating_add(len));
        }
        if !(rebuild && self.note_bad(targets, lost)) {
            self.windows.put(window, State::Free);
            return self.end(match rebuild {
                true => Finish::NoRoomForBadRanges(lost.start),
                false => Finish::Unreadable(lost.start),
            });
        }
        self.part_done(window, good.saturating_add(lost.len));
    }

    /// How many of these rows, from the first on, the members that the list does not name do not give.
    fn known_lost(&self, rows: Rows) -> Option<u64> {
        let (listed, end) = self.bad.at(rows.start, rows.end());
        let lost = !self.members.suffice(self.members.trusted().without(listed));
        lost.then_some(end.0.saturating_sub(rows.start.0))
    }

    /// Rows of a window are done; perhaps all of them.
    fn part_done(&mut self, window: WindowId, rows: u64) {
        self.windows.advance(window, rows);
        match self.windows.rest(window).is_some_and(|rest| rest.len > 0) {
            true => self.windows.put(window, State::Closing { tickets: 0 }),
            false => self.land(window),
        }
    }

    /// All rows of a window are done. Bad ranges of it must be durable before `done` may pass.
    fn land(&mut self, window: WindowId) {
        let rebuild = self.running.is_some_and(|running| running.family() == Family::Rebuild);
        if rebuild && self.bad.is_unrecorded() && !self.has(Defect::BadRangeAfterDone) {
            let version = self.bad.version();
            return self.windows.put(window, State::Recording { version });
        }
        self.windows.put(window, State::Landed);
        self.advance_done();
    }

    fn tell_mismatch(&mut self, rows: Rows, result: &CopyResult) {
        let (differing, repaired) = (result.mismatched, result.repaired.min(result.mismatched));
        let (rows, differing, repaired) = match self.news.mismatch {
            Some((told, before, mended)) => {
                let start = told.start.min(rows.start);
                let end = told.end().max(rows.end());
                let len = end.0.saturating_sub(start.0);
                let mended = mended.saturating_add(repaired);
                (Rows { start, len }, before.get().saturating_add(differing), mended)
            }
            None => (rows, differing, repaired),
        };
        self.news.mismatch =
            NonZeroU64::new(differing).map(|differing| (rows, differing, repaired));
    }

    /// The copies differed while users could write: they may have been caught in the middle of a
    /// write. The second look is taken under the lock.
    fn look_again(&mut self, window: WindowId, rows: Rows, phase: Phase) {
        let next = match phase {
            Phase::Running => {
                let tickets = self.drain(window, rows);
                State::Closing { tickets }
            }
            _ => State::Free,
        };
        self.windows.put(window, next);
    }

    /// Marks the requests that a window must wait for.
    pub(super) fn drain(&mut self, window: WindowId, rows: Rows) -> u16 {
        let rewrites = self.running.is_some_and(|running| running.rewrites_sources());
        self.tickets.hold_for(rows, Windows::<WINDOWS>::bit(window), !rewrites)
    }

    /// Moves `done` over the longest run of landed windows, and over what nobody owes.
    pub(super) fn advance_done(&mut self) {
        let Some(running) = self.running else { return };
        let family = running.family();
        loop {
            let from = self.mark_of(family).done;
            if let Some((window, rows)) = self.windows.landed_at(from) {
                self.mark_mut(family).land_to(rows.end());
                self.windows.put(window, State::Free);
                self.counters.pass = self.counters.pass.saturating_add(rows.len);
            } else {
                // What has become owed in between is behind the cursor. While a pass stops, windows
                // that were given up leave gaps that are not done.
                let issued = self.mark_of(family).issued;
                let next = self.windows.lowest().map_or(issued, |lowest| lowest.min(issued));
                if next <= from || running.phase != Phase::Running {
                    return;
                }
                self.mark_mut(family).land_to(next);
            }
            if family == Family::Equalise {
                let to = self.agreed_below();
                self.log.agreed(from, to);
            }
        }
    }

    /// A commanded flush has returned, or failed on the members in `failed`.
    ///
    /// # Errors
    /// [`Unexpected::Flush`] if it was not under way.
    pub fn flushed(&mut self, now: Time, id: FlushId, failed: SlotSet) -> Result<(), Unexpected> {
        if !self.records.flush_returned(id) {
            return Err(Unexpected::Flush(id));
        }
        self.clock.advance(now);
        if let (Stream::Flushed(raise), Some(running)) = (&self.records.stream, self.running)
            && failed.is_empty()
            && let Some(mark) = raise.mark
        {
            self.mark_mut(running.family()).flushed_to(mark);
        }
        if let Stream::Flushed(raise) = &self.records.stream
            && failed.is_empty()
            && !raise.recorded
        {
            // Nothing but the log's own memory depended on this flush.
            self.log.forgotten();
            self.records.stream = Stream::Idle;
        }
        if !failed.is_empty() {
            self.drop_raise();
        }
        self.fail_all(failed);
        Ok(())
    }

    /// Record `seq` is durable on all members it was commanded for, except those in `failed`.
    ///
    /// # Errors
    /// [`Unexpected::Record`] if it was not being written.
    pub fn persisted(
        &mut self,
        now: Time,
        seq: RecordSeq,
        failed: SlotSet,
    ) -> Result<(), Unexpected> {
        let expected = self.records.writing();
        let (to, image, raise) = match self.records.stream {
            Stream::Writing { to, image, raise } if expected == Some(seq) => (to, image, raise),
            _ => return Err(Unexpected::Record { found: seq, expected }),
        };
        self.clock.advance(now);
        self.records.stream = Stream::Idle;
        let failed = failed & to;
        if failed != to {
            if !image.rebuilding.contains_all(self.records.recorded.rebuilding) {
                // Whom no record says to be filled is given nothing above the mark.
                self.outdate_reads();
            }
            self.records.recorded = image;
        }
        let everywhere = failed.is_empty();
        // A promise rests on the members that the record trusts: without one of them there is no start.
        let named = match self.capabilities.failure {
            true => image.failed | image.rebuilding,
            false => SlotSet::EMPTY,
        };
        let durable = failed != to && named.contains_all(failed);
        let raised = raise.filter(|_| failed != to);
        let cleaned = raised.is_some_and(|raise| raise.clean);
        self.log.durable(durable, cleaned, self.clock.elapsed());
        #[cfg(test)]
        if cleaned && self.has(Defect::ForgetDebtWhenClean) {
            self.log.forgive_clean();
        }
        let listed = self.bad.len();
        self.bad.durable(durable, raised.is_some());
        if self.bad.len() != listed {
            // Where copies may differ, another one speaks.
            self.outdate_reads();
        }
        if everywhere {
            self.generation_recorded = self.generation_writing;
        }
        if let Some(raise) = raised {
            self.raised(&raise);
        }
        self.fail_all(failed);
        if durable && self.names_failures(&image) {
            self.records.release(seq);
        }
        Ok(())
    }

    /// What was being raised is not true any more: the prepared record is not issued.
    pub(super) fn drop_raise(&mut self) {
        let prepared = matches!(self.records.stream, Stream::Flushing(_) | Stream::Flushed(_));
        if prepared && !self.has(Defect::SkipRecheck) {
            self.log.drop_clean();
            self.bad.not_flushed();
            self.records.stream = Stream::Idle;
        }
    }

    /// A record that raises trust is durable.
    fn raised(&mut self, raise: &Raise) {
        let Some(running) = self.running else { return };
        if let Some(mark) = raise.mark {
            self.mark_mut(running.family()).recorded_at(mark);
            self.checkpointed = self.clock.elapsed();
            self.news.marks = self.marks();
        }
        if raise.finish && running.phase == Phase::Finishing {
            self.finish();
        }
    }

    /// The operation is complete, and the record says so.
    pub(super) fn finish(&mut self) {
        let Some(running) = self.running.take() else { return };
        // Also where nothing is lost: the lowest of those who hold all speaks where copies may differ.
        self.outdate_reads();
        match running.family() {
            Family::Rebuild => {
                for slot in self.members.filling.iter() {
                    self.close_account(slot);
                }
                self.members.trust_filled();
                self.rebuild = Mark::ZERO;
            }
            Family::Equalise => {
                if self.owed == Some(Operation::Initialise) {
                    self.initialisation = Initialisation::Full;
                }
                self.owed = None;
                self.back = None;
                self.equalise = Mark::ZERO;
            }
            Family::Scrub => self.scrub_of = None,
        }
        self.news.finished = Some((running.operation, Finish::Complete));
    }
}
