// SPDX-License-Identifier: MIT OR Apache-2.0
//! User requests, cut into pieces of one stripe row each.

use super::group::Results;
use super::row::{Job, RowTask};
use super::{Engine, Event, Owner, RowId, failed_slots};
use raid_core::units::{Extent, SlotSet};
use raid_sync::{Ack, Time, WaitFor};
use std::fmt;

/// Names one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What a user of the array asks.
#[derive(Clone, Debug)]
pub enum Request {
    /// Read these blocks.
    Read(Extent),
    /// Write these bytes from this block on.
    Write {
        /// First block.
        at: u64,
        /// Whole blocks.
        bytes: Vec<u8>,
        /// Acknowledge only what is on stable storage (FUA).
        durable: bool,
    },
    /// Put every acknowledged write on stable storage.
    Flush,
}

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// It leaves the array.
    OutOfRange,
    /// It is not a number of whole blocks, or of none.
    NotWholeBlocks {
        /// Bytes of the request.
        bytes: usize,
        /// Bytes of a block.
        block: u32,
    },
    /// Too many members of a set are gone.
    SetFailed {
        /// Which set.
        set: u16,
        /// The members that are missing for it.
        missing: SlotSet,
    },
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange => f.write_str("the request leaves the array"),
            Self::NotWholeBlocks { bytes, block } => write!(
                f,
                "the request is of {bytes} bytes, expected one or more whole blocks of {block}"
            ),
            Self::SetFailed { set, missing } => {
                write!(f, "set {set} has failed, slots missing: {missing:?}")
            }
        }
    }
}

impl std::error::Error for RequestError {}

/// A request with pieces under way.
#[derive(Debug)]
pub(super) struct PendingRequest {
    submitted: Time,
    outstanding: usize,
    /// Bytes read so far.
    bytes: Vec<u8>,
    error: Option<RequestError>,
}

impl Engine {
    /// Takes a request; its end comes as [`Event::Finished`].
    pub fn submit(&mut self, now: Time, request: Request) -> RequestId {
        self.now = now;
        let id = RequestId(self.fresh_id());
        let pending =
            PendingRequest { submitted: self.now, outstanding: 1, bytes: Vec::new(), error: None };
        self.requests.insert(id, pending);
        match request {
            Request::Read(at) => self.cut(id, at, |_, offset| Job::Read { request: id, offset }),
            Request::Write { at, bytes, durable } => {
                let block = self.block_size() as usize;
                if bytes.len().is_multiple_of(block) {
                    let whole = Extent::new(at, (bytes.len() / block) as u64);
                    self.cut(id, whole, |len, offset| Job::Write {
                        request: id,
                        bytes: bytes[offset..offset + len].to_vec(),
                        durable,
                    });
                } else {
                    let (bytes, block) = (bytes.len(), self.block_size());
                    self.refuse(id, RequestError::NotWholeBlocks { bytes, block });
                }
            }
            Request::Flush => self.flush_all(id),
        }
        self.piece_done(id, None);
        self.run(now);
        id
    }

    /// Makes the pieces of a request; `job` gets their length and offset in bytes.
    fn cut(&mut self, id: RequestId, at: Extent, mut job: impl FnMut(usize, usize) -> Job) {
        let inside = at.end().is_some_and(|end| end.0 <= self.layout.size().0);
        if !inside {
            return self.refuse(id, RequestError::OutOfRange);
        }
        let block = self.block_size() as usize;
        if at.len.0 == 0 {
            let block = self.block_size();
            return self.refuse(id, RequestError::NotWholeBlocks { bytes: 0, block });
        }
        if let Some(pending) = self.requests.get_mut(&id) {
            pending.bytes = vec![0; at.len.0 as usize * block];
        }
        for piece in self.layout.split(at) {
            let (set, start, layout) = (piece.set, piece.offset.0, self.layout);
            for piece in layout.pieces(piece.at) {
                let offset = (start + piece.offset.0) as usize * block;
                let job = job(piece.at.len.0 as usize * block, offset);
                self.start_row(usize::from(set), piece.at, job);
                if let Some(pending) = self.requests.get_mut(&id) {
                    pending.outstanding += 1;
                }
            }
        }
    }

    fn start_row(&mut self, set: usize, at: Extent, job: Job) -> RowId {
        let id = self.fresh_id();
        self.rows.insert(id, RowTask::new(set, at, self.layout.rows_of(at), job));
        self.ready.push_back(id);
        id
    }

    /// Adds a piece that was cut off another: the sync engine admits prefixes.
    pub(super) fn start_rest(&mut self, set: usize, at: Extent, job: Job) -> RowId {
        if let Some(pending) = job.request().and_then(|id| self.requests.get_mut(&id)) {
            pending.outstanding += 1;
        }
        self.start_row(set, at, job)
    }

    pub(super) fn refuse(&mut self, id: RequestId, error: RequestError) {
        if let Some(pending) = self.requests.get_mut(&id) {
            pending.error = pending.error.or(Some(error));
        }
    }

    /// One piece of a request is done; with bytes where it was read.
    pub(super) fn piece_done(&mut self, id: RequestId, read: Option<(usize, &[u8])>) {
        let Some(pending) = self.requests.get_mut(&id) else { return };
        if let Some((offset, bytes)) = read {
            pending.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
        }
        pending.outstanding -= 1;
        if pending.outstanding == 0
            && let Some(done) = self.requests.remove(&id)
        {
            let result = done.error.map_or(Ok(done.bytes), Err);
            self.events.push_back(Event::Finished {
                request: id,
                submitted: done.submitted,
                result,
            });
        }
    }

    /// What to say of a piece that cannot be done any more.
    pub(super) fn set_failed(&self, set: usize) -> RequestError {
        let missing = self.sets[set].all().without(self.sets[set].in_sync());
        RequestError::SetFailed { set: set as u16, missing }
    }

    fn flush_all(&mut self, id: RequestId) {
        for set in 0..self.sets.len() {
            if let Some(pending) = self.requests.get_mut(&id) {
                pending.outstanding += 1;
            }
            self.flush_members(set, self.sets[set].live(), Owner::UserFlush(id, set));
        }
    }

    pub(super) fn user_flushed(&mut self, id: RequestId, set: usize, results: Results) {
        let failed = failed_slots(&results);
        self.note_failures(set, failed);
        match self.sets[set].core.complete_flush(failed) {
            Ack::Now => self.piece_done(id, None),
            Ack::After(seq) => {
                // A row task that does nothing but wait for the record, and then answers.
                let row = self.start_row(set, Extent::new(0, 0), Job::Flush { request: id });
                self.ready.retain(|ready| *ready != row);
                self.park(set, row, WaitFor::Record(seq));
            }
            Ack::NoCopyLeft => {
                let error = self.set_failed(set);
                self.refuse(id, error);
                self.piece_done(id, None);
            }
        }
    }
}
