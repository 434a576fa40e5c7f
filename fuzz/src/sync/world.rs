// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is out, who waits, and what has to hold whenever the core has been polled to its end.

use raid_core::units::{Rows, SlotSet};
use raid_sync::{
    Access, Ack, Admit, Command, CopyResult, FlushId, Grant, Phase, RecordSeq, Refusal, SyncCore,
    Time, WaitFor, WindowId,
};
use std::fmt;

/// Polls after one call, and steps of a set that comes to rest: far more than any needs.
const ENOUGH: usize = 20_000;
/// Requests that wait at a time.
const PARKED: usize = 16;

/// The core and everything it has asked for.
pub(super) struct World<C> {
    pub(super) core: C,
    pub(super) now: Time,
    names_failures: bool,
    tickets: Vec<Grant>,
    copies: Vec<(WindowId, Rows)>,
    flush: Option<FlushId>,
    record: Option<RecordSeq>,
    parked: Vec<(WaitFor, Rows, Access)>,
    /// Acknowledgements that are held.
    held: Vec<RecordSeq>,
}

impl<const T: usize, const W: usize, const R: usize, const B: usize> World<SyncCore<T, W, R, B>> {
    pub(super) fn new(core: SyncCore<T, W, R, B>, names_failures: bool) -> Self {
        Self {
            core,
            now: Time(1),
            names_failures,
            tickets: Vec::new(),
            copies: Vec::new(),
            flush: None,
            record: None,
            parked: Vec::new(),
            held: Vec::new(),
        }
    }

    /// A call that may be refused, and then changes nothing.
    pub(super) fn refusable(
        &mut self,
        call: impl FnOnce(&mut SyncCore<T, W, R, B>) -> Result<(), Refusal>,
    ) {
        let before = self.core.clone();
        if let Err(refusal) = call(&mut self.core) {
            assert!(self.core == before, "refused, and something has changed: {refusal}");
            assert!(!refusal.to_string().is_empty());
        }
    }

    /// A report on what was asked for.
    fn fits<E: fmt::Display>(result: Result<(), E>) {
        if let Err(error) = result {
            panic!("what was asked for is not taken: {error}");
        }
    }

    pub(super) fn ask(&mut self, rows: Rows, access: Access) {
        if self.parked.len() == PARKED {
            return;
        }
        let before = self.core.clone();
        match self.core.admit(self.now, rows, access) {
            Admit::Go(grant) => {
                assert_eq!(grant.rows.start, rows.start);
                assert!(grant.rows.len > 0 && grant.rows.len <= rows.len, "{rows:?}: {grant:?}");
                let live = self.core.live();
                assert!(live.contains_all(grant.must | grant.may | grant.read), "{grant:?}");
                assert!(!grant.must.intersects(grant.may), "{grant:?}");
                assert!(access != Access::Reconstruct || grant.must.is_empty(), "{grant:?}");
                self.tickets.push(grant);
            }
            Admit::Wait(wait) => self.parked.push((wait, rows, access)),
            Admit::Refuse(refusal) => {
                assert!(self.core == before, "refused, and something has changed: {refusal}");
            }
        }
    }

    pub(super) fn read(&self, rows: Rows, not_from: SlotSet) {
        if let Ok(plan) = self.core.plan_read(rows, not_from) {
            assert_eq!(plan.rows.start, rows.start);
            assert!(plan.rows.len > 0 && plan.rows.len <= rows.len, "{rows:?}: {plan:?}");
            assert!(self.core.live().contains_all(plan.from), "{plan:?}");
        }
    }

    pub(super) fn complete(&mut self, which: u8, failed: SlotSet) {
        if self.tickets.is_empty() {
            return;
        }
        let grant = self.tickets.swap_remove(usize::from(which) % self.tickets.len());
        let named = grant.must | grant.may;
        let failed = failed.without(failed.without(named));
        match self.core.complete(self.now, grant.ticket, failed) {
            Ok(Ack::After(record)) => self.held.push(record),
            Ok(_) => {}
            Err(error) => panic!("{grant:?} is not taken back: {error}"),
        }
        let before = self.core.clone();
        let again = self.core.complete(self.now, grant.ticket, SlotSet::EMPTY);
        assert!(again.is_err() && self.core == before, "{grant:?} is taken back twice");
    }

    pub(super) fn copied(&mut self, which: u8, result: impl FnOnce(u64) -> CopyResult) {
        if self.copies.is_empty() {
            return;
        }
        let (window, rows) = self.copies.swap_remove(usize::from(which) % self.copies.len());
        Self::fits(self.core.copied(self.now, window, result(rows.len)));
    }

    pub(super) fn flushed(&mut self, failed: SlotSet) {
        if let Some(id) = self.flush.take() {
            Self::fits(self.core.flushed(self.now, id, failed));
            let before = self.core.clone();
            let again = self.core.flushed(self.now, id, SlotSet::EMPTY);
            assert!(again.is_err() && self.core == before, "{id:?} is taken twice");
        }
    }

    pub(super) fn persisted(&mut self, failed: SlotSet) {
        if let Some(seq) = self.record.take() {
            Self::fits(self.core.persisted(self.now, seq, failed));
            let before = self.core.clone();
            let again = self.core.persisted(self.now, seq, SlotSet::EMPTY);
            assert!(again.is_err() && self.core == before, "{seq:?} is taken twice");
        }
    }

    /// Time passes, or jumps back.
    pub(super) fn pass(&mut self, time: u64, back: bool) {
        self.now = Time(match back {
            true => self.now.0.saturating_sub(time),
            false => self.now.0.saturating_add(time),
        });
    }

    /// Polls to the end, and looks whether somebody was forgotten.
    pub(super) fn settle(&mut self) {
        let ended = (0..ENOUGH).any(|_| match self.core.poll(self.now) {
            Some(command) => {
                self.obey(command);
                false
            }
            None => true,
        });
        assert!(ended, "polling does not end");
        let status = self.core.status();
        let out = !self.copies.is_empty() || self.flush.is_some() || self.record.is_some();
        let moves = out || !self.tickets.is_empty() || self.core.deadline().is_some();
        let waits = !self.parked.is_empty() || !self.held.is_empty();
        assert!(moves || self.rests() || status.set_failed, "an operation stands: {status:?}");
        assert!(moves || !waits, "nobody will wake {:?} {:?}: {status:?}", self.parked, self.held);
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Copy { window, rows, from, targets, .. } => {
                assert!(rows.len > 0 && self.copies.iter().all(|(other, _)| *other != window));
                assert!(self.core.live().contains_all(from | targets), "{command:?}");
                self.copies.push((window, rows));
            }
            Command::Flush { id, .. } => {
                assert!(self.flush.replace(id).is_none(), "two flushes at a time");
            }
            Command::Persist { seq, to } => {
                assert!(self.record.replace(seq).is_none(), "two records at a time");
                let image = self.core.snapshot(seq).expect("what is being written can be asked");
                // A format that cannot name failures stores nothing of them.
                let kept = self.names_failures && to.intersects(image.failed);
                assert!(!kept, "to a failed member: {image:?}");
                assert!(!image.failed.intersects(image.rebuilding), "{image:?}");
            }
            Command::Wake(wake) => self.wake(wake),
            Command::Notice(raid_sync::Notice::SetFailed) => self.held.clear(),
            Command::Notice(_) => {}
        }
    }

    fn wake(&mut self, wake: WaitFor) {
        let hit = |wait: WaitFor| match (wait, wake) {
            (WaitFor::Record(waited), WaitFor::Record(now)) => waited <= now,
            _ => wait == wake,
        };
        self.held.retain(|record| !hit(WaitFor::Record(*record)));
        let parked = std::mem::take(&mut self.parked);
        for (wait, rows, access) in parked {
            match hit(wait) {
                true => self.ask(rows, access),
                false => self.parked.push((wait, rows, access)),
            }
        }
    }

    /// From here on all goes well: everybody is answered, and the set comes to rest.
    pub(super) fn finish(&mut self) {
        for _ in 0..ENOUGH {
            self.settle();
            let idle = self.tickets.is_empty() && self.copies.is_empty();
            if idle && self.flush.is_none() && self.record.is_none() {
                if self.rests() && self.parked.is_empty() && self.held.is_empty() {
                    return;
                }
                let Some(deadline) = self.core.deadline() else { break };
                self.now = Time(self.now.0.max(deadline.0));
            }
            while !self.tickets.is_empty() {
                self.complete(0, SlotSet::EMPTY);
            }
            while !self.copies.is_empty() {
                self.copied(0, CopyResult::good);
            }
            self.flushed(SlotSet::EMPTY);
            self.persisted(SlotSet::EMPTY);
        }
        let status = self.core.status();
        assert!(self.parked.is_empty(), "{:?} were never answered: {status:?}", self.parked);
        assert!(self.held.is_empty(), "{:?} were never acknowledged: {status:?}", self.held);
        assert!(self.rests() || status.set_failed, "the set does not come to rest: {status:?}");
    }

    fn rests(&self) -> bool {
        matches!(self.core.status().phase, Phase::Idle | Phase::Paused)
    }
}
