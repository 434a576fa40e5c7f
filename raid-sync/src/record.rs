// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one record stream: what the metadata says, and in which order it learns it.
//!
//! A record is always the whole state. One that *lowers* trust (dirty, failed, a new target) must be
//! durable on every live member before the write or the promise that depends on it. One that *raises*
//! trust (a mark, clean, in sync) is issued only after a cache flush of every live member, and only
//! if nothing was lowered in the meantime (`sync.md` results 1, 2 and 4).
//!
//! | state | input | next | command |
//! |---|---|---|---|
//! | Idle | something lowered | Writing | `Persist` to all live members |
//! | Idle | something to raise | Flushing | `Flush` of all live members with a cache |
//! | Idle | something to raise, no caches | Writing | `Persist` |
//! | Flushing | something lowered | Writing, raise dropped | `Persist` (the flush's report is awaited) |
//! | Flushing | flushed | Flushed | |
//! | Flushed | nothing lowered since | Writing | `Persist` of the prepared record |
//! | Flushed | it was only for the log's own memory | Idle | |
//! | Flushed | something lowered | Writing, raise dropped | `Persist` of the lower one |
//! | Writing | persisted everywhere | Idle | waiters up to this number woken |
//! | Writing | persisted, members failed at it that it trusts | Idle | they are failed: the next record wakes |
//! | Writing | persisted, only members failed at it that it names | Idle | waiters up to this number woken |
//! | any | set failed | no further record | all waiters woken |
//!
//! A record is durable when every member that it *trusts* holds it. That is the one rule by which writers and
//! acknowledgements are woken, and by which an acknowledgement need not wait at all: no start is possible
//! without a member that the record trusts, and the others need not hold what says that they are not to be
//! believed (`sync.md` I6).
//!
//! A failed set writes nothing: the members then still say what was true when it last could serve. Those who
//! wait for a record that will never be durable are told that the set has failed, and then woken.

use crate::defect::{Defect, planted};
use raid_core::metadata::{Capabilities, RuntimeState};
use raid_core::units::{Row, Slot, SlotSet};

/// Running number of a record, from 1, in this run of the core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordSeq(pub u64);

impl RecordSeq {
    const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// One commanded flush.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlushId(u64);

/// What a prepared record raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Raise {
    pub(crate) image: RuntimeState,
    /// Position of the running operation that the record will vouch for.
    pub(crate) mark: Option<Row>,
    /// The operation is complete.
    pub(crate) finish: bool,
    /// Regions of the dirty log, or the flag, become clean.
    pub(crate) clean: bool,
    /// There is a record to write; else only the log's own memory depends on the flush.
    pub(crate) recorded: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stream {
    Idle,
    Flushing(Raise),
    Flushed(Raise),
    Writing { to: SlotSet, image: RuntimeState, raise: Option<Raise> },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Records {
    /// What the metadata of all live members says. One that has just joined brings a record of its own.
    pub(crate) recorded: RuntimeState,
    pub(crate) stream: Stream,
    last: RecordSeq,
    last_flush: FlushId,
    /// A flush whose report has not come, also when its raise was dropped.
    pub(crate) flush_out: Option<SlotSet>,
    /// Highest number somebody is parked under.
    waited: Option<RecordSeq>,
    wake: Option<RecordSeq>,
}

impl Records {
    pub(crate) const fn new(found: RuntimeState) -> Self {
        Self {
            recorded: found,
            stream: Stream::Idle,
            last: RecordSeq(0),
            last_flush: FlushId(0),
            flush_out: None,
            waited: None,
            wake: None,
        }
    }

    /// The number of the record being written.
    pub(crate) fn writing(&self) -> Option<RecordSeq> {
        matches!(self.stream, Stream::Writing { .. }).then_some(self.last)
    }

    /// The number of the last record that was issued.
    pub(crate) const fn last(&self) -> RecordSeq {
        self.last
    }

    /// The first record that will hold something: the one being written if its image `covers` it.
    pub(crate) fn covering(&self, covers: impl Fn(&RuntimeState) -> bool) -> RecordSeq {
        match &self.stream {
            Stream::Writing { image, .. } if covers(image) => self.last,
            _ => self.last.next(),
        }
    }

    /// Whether a start from any member would find this said: the record being written may have reached
    /// some of them already.
    pub(crate) fn say(&self, said: impl Fn(&RuntimeState) -> bool) -> bool {
        let written = match &self.stream {
            Stream::Writing { image, .. } => said(image),
            _ => true,
        };
        written && said(&self.recorded)
    }

    /// A member has joined. That it is being filled may have been recorded before it failed, and has not
    /// reached it then: it is not recorded before the next record.
    pub(crate) fn joined(&mut self, slot: Slot) {
        self.recorded.rebuilding.remove(slot);
        self.recorded.failed.insert(slot);
    }

    pub(crate) fn wait(&mut self, seq: RecordSeq) {
        self.waited = self.waited.max(Some(seq));
    }

    /// Whether somebody is parked under a record that is not durable yet.
    pub(crate) const fn is_awaited(&self) -> bool {
        self.waited.is_some()
    }

    pub(crate) fn issue(
        &mut self,
        to: SlotSet,
        image: RuntimeState,
        raise: Option<Raise>,
    ) -> RecordSeq {
        if !planted(Defect::SameSequence) {
            self.last = self.last.next();
        }
        self.stream = Stream::Writing { to, image, raise };
        self.last
    }

    pub(crate) const fn flush(&mut self, slots: SlotSet, raise: Raise) -> FlushId {
        self.last_flush = FlushId(self.last_flush.0.saturating_add(1));
        self.flush_out = Some(slots);
        self.stream = Stream::Flushing(raise);
        self.last_flush
    }

    /// Takes the report on a flush; whether this one was awaited.
    pub(crate) fn flush_returned(&mut self, id: FlushId) -> bool {
        if id != self.last_flush || self.flush_out.take().is_none() {
            return false;
        }
        if let Stream::Flushing(raise) = self.stream {
            self.stream = Stream::Flushed(raise);
        }
        true
    }

    /// Everybody parked under `seq` or a lower number may go on.
    pub(crate) fn release(&mut self, seq: RecordSeq) {
        if self.waited.is_some() {
            self.wake = Some(seq);
        }
        if self.waited.is_some_and(|waited| waited <= seq) {
            self.waited = None;
        }
    }

    /// Nothing more will be recorded: everybody is woken.
    pub(crate) fn release_all(&mut self) {
        self.wake = self.wake.max(self.waited.take());
    }

    pub(crate) const fn next_wake(&mut self) -> Option<RecordSeq> {
        self.wake.take()
    }
}

/// Whether a format with these capabilities would store both states alike.
pub(crate) fn same(a: &RuntimeState, b: &RuntimeState, capabilities: &Capabilities) -> bool {
    (!capabilities.dirty || a.clean == b.clean)
        && (!capabilities.failure || (a.failed == b.failed && a.rebuilding == b.rebuilding))
        && (!capabilities.mark || a.progress == b.progress)
        && a.initialisation == b.initialisation
}

#[cfg(test)]
impl Records {
    pub(crate) const fn flushes(&self) -> u64 {
        self.last_flush.0
    }
}

/// For the exploration, which tells states apart by what may still happen.
#[cfg(test)]
impl Records {
    /// Counts records from the last one, which is returned; there is one flush at a time.
    pub(crate) fn forget_numbers(&mut self) -> RecordSeq {
        let last = std::mem::replace(&mut self.last, RecordSeq(0));
        let relative = |seq: &mut RecordSeq| seq.0 = seq.0.wrapping_sub(last.0);
        self.waited.iter_mut().chain(&mut self.wake).for_each(relative);
        self.last_flush = FlushId(0);
        last
    }
}
