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
use raid_core::array::Initialisation;
use raid_core::metadata::Operation;
use raid_core::units::{Row, Rows, SlotSet};

impl<const TICKETS: usize, const WINDOWS: usize> SyncCore<TICKETS, WINDOWS> {
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
        self.fail_all(result.write_failed);
        let phase = self.running.map_or(Phase::Aborting, |running| running.phase);
        if phase == Phase::Aborting {
            self.windows.put(window, State::Free);
            return Ok(());
        }
        let scrub = self.running.is_some_and(|running| running.family() == Family::Scrub);
        let short = result.good < rows.len;
        if state == State::Looking && (result.mismatched > 0 || short) {
            self.look_again(window, rows, phase);
        } else if short && !scrub {
            self.windows.put(window, State::Free);
            self.end(Finish::Unreadable(Row(rows.start.0.saturating_add(result.good))));
        } else {
            let bad = rows.len.saturating_sub(result.good);
            let counters = &mut self.counters;
            counters.mismatches = counters.mismatches.saturating_add(result.mismatched);
            counters.unreadable = counters.unreadable.saturating_add(bad);
            self.windows.put(window, State::Landed);
            self.advance_done();
        }
        Ok(())
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

    /// Moves `done` over the longest run of landed windows.
    fn advance_done(&mut self) {
        let Some(family) = self.running.map(|running| running.family()) else { return };
        while let Some((window, rows)) = self.windows.landed_at(self.mark_of(family).done) {
            self.mark_mut(family).land_to(rows.end());
            self.windows.put(window, State::Free);
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
            self.records.recorded = image;
        }
        let everywhere = failed.is_empty();
        if everywhere || image.clean {
            // A clean record that only some members hold is a clean record.
            self.region.recorded(image.clean, self.clock.elapsed());
        }
        if let Some(raise) = raise.filter(|_| failed != to) {
            self.raised(&raise);
        }
        self.fail_all(failed);
        if everywhere && self.names_failures(&image) {
            self.records.release(seq);
        }
        Ok(())
    }

    /// What was being raised is not true any more: the prepared record is not issued.
    pub(super) fn drop_raise(&mut self) {
        let prepared = matches!(self.records.stream, Stream::Flushing(_) | Stream::Flushed(_));
        if prepared && !self.has(Defect::SkipRecheck) {
            self.region.drop_clean();
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
        match running.family() {
            Family::Rebuild => {
                self.members.trust_filled();
                self.rebuild = Mark::ZERO;
            }
            Family::Equalise => {
                if self.owed == Some(Operation::Initialise) {
                    self.initialisation = Initialisation::Full;
                }
                self.owed = None;
                self.equalise = Mark::ZERO;
            }
            Family::Scrub => self.scrub_of = None,
        }
        self.news.finished = Some((running.operation, Finish::Complete));
    }
}
