// SPDX-License-Identifier: MIT OR Apache-2.0
//! Groups of member I/O that are waited for together.

use crate::backplane::{Completion, IoId, MemberIo, Transfer};
use crate::member::MemberError;
use raid_core::units::{Lba, Slot};
use std::collections::{HashMap, VecDeque};

/// The results of a group: for each I/O its tag and what came of it.
pub(super) type Results = Vec<(u32, Result<Vec<u8>, MemberError>)>;

/// The member that an I/O was sent to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) set: usize,
    pub(super) slot: Slot,
    /// The epoch of its seat by then.
    pub(super) epoch: u64,
}

/// One I/O of a group.
#[derive(Debug)]
pub(super) struct Ask {
    /// `None`: a disk that is known to be gone.
    pub(super) disk: Option<usize>,
    /// As which member, if as one.
    pub(super) sent: Option<Sent>,
    pub(super) tag: u32,
    pub(super) transfer: Transfer,
}

impl Ask {
    /// I/O to a disk as such.
    pub(super) const fn of_disk(disk: usize, tag: u32, transfer: Transfer) -> Self {
        Self { disk: Some(disk), sent: None, tag, transfer }
    }
}

/// What a disk was asked, without the data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) disk: usize,
    /// A word for it.
    pub(super) what: &'static str,
    /// From which block on, unless it is about all of them.
    pub(super) at: Option<Lba>,
}

impl Asked {
    const fn of(disk: usize, transfer: &Transfer) -> Self {
        let (what, at) = match transfer {
            Transfer::Read { at, .. } => ("a read", Some(*at)),
            Transfer::Write { at, .. } => ("a write", Some(*at)),
            Transfer::Flush => ("a flush", None),
        };
        Self { disk, what, at }
    }
}

#[derive(Debug)]
struct Group<O> {
    owner: O,
    outstanding: usize,
    results: Results,
}

/// All groups in flight. `O` says who waits for a group.
#[derive(Debug)]
pub(super) struct Groups<O> {
    outbox: VecDeque<MemberIo>,
    groups: HashMap<u64, Group<O>>,
    of_io: HashMap<IoId, (u64, u32, Option<Sent>)>,
    /// What of an I/O is said where it fails.
    asked: HashMap<IoId, Asked>,
    finished: VecDeque<(O, Results)>,
    next: u64,
}

impl<O> Groups<O> {
    pub(super) fn new() -> Self {
        Self {
            outbox: VecDeque::new(),
            groups: HashMap::new(),
            of_io: HashMap::new(),
            asked: HashMap::new(),
            finished: VecDeque::new(),
            next: 0,
        }
    }

    /// Starts a group.
    pub(super) fn start(&mut self, owner: O, ios: Vec<Ask>) {
        let number = self.next;
        self.next += 1;
        let mut group = Group { owner, outstanding: 0, results: Vec::new() };
        for Ask { disk, sent, tag, transfer } in ios {
            let Some(disk) = disk else {
                group.results.push((tag, Err(MemberError::Gone)));
                continue;
            };
            let id = IoId(self.next);
            self.next += 1;
            self.of_io.insert(id, (number, tag, sent));
            self.asked.insert(id, Asked::of(disk, &transfer));
            self.outbox.push_back(MemberIo { id, disk, transfer });
            group.outstanding += 1;
        }
        if group.outstanding == 0 {
            self.finished.push_back((group.owner, group.results));
        } else {
            self.groups.insert(number, group);
        }
    }

    /// Takes the result of one I/O.
    pub(super) fn complete(&mut self, completion: Completion) {
        self.asked.remove(&completion.id);
        let Some((number, tag, _)) = self.of_io.remove(&completion.id) else { return };
        let Some(group) = self.groups.get_mut(&number) else { return };
        group.results.push((tag, completion.result));
        group.outstanding -= 1;
        if group.outstanding == 0
            && let Some(group) = self.groups.remove(&number)
        {
            self.finished.push_back((group.owner, group.results));
        }
    }

    /// The member that an I/O in flight was sent to, if it was sent to one.
    pub(super) fn sent(&self, io: IoId) -> Option<Sent> {
        self.of_io.get(&io)?.2
    }

    /// What an I/O in flight is.
    pub(super) fn asked(&self, io: IoId) -> Option<Asked> {
        self.asked.get(&io).copied()
    }

    /// Who waits for an I/O in flight.
    pub(super) fn owner(&self, io: IoId) -> Option<&O> {
        let (group, ..) = self.of_io.get(&io)?;
        self.groups.get(group).map(|group| &group.owner)
    }

    /// Whether there is an I/O to carry out.
    pub(super) fn has_io(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Whether a group is done.
    pub(super) fn has_finished(&self) -> bool {
        !self.finished.is_empty()
    }

    /// Whether such an owner waits for a group.
    pub(super) fn any_of(&self, which: impl FnMut(&O) -> bool) -> bool {
        let waiting = self.groups.values().map(|group| &group.owner);
        waiting.chain(self.finished.iter().map(|(owner, _)| owner)).any(which)
    }

    /// Writes of these owners that were not handed out yet will not be: they have failed.
    pub(super) fn refuse_writes(&mut self, doomed: impl Fn(&O) -> bool) {
        for io in std::mem::take(&mut self.outbox) {
            let group = self.of_io.get(&io.id).and_then(|(group, ..)| self.groups.get(group));
            let write = matches!(io.transfer, Transfer::Write { .. });
            if write && group.is_some_and(|group| doomed(&group.owner)) {
                self.complete(Completion { id: io.id, result: Err(MemberError::Gone) });
            } else {
                self.outbox.push_back(io);
            }
        }
    }

    /// The next I/O to carry out.
    pub(super) fn next_io(&mut self) -> Option<MemberIo> {
        self.outbox.pop_front()
    }

    /// The next group that is done.
    pub(super) fn next_finished(&mut self) -> Option<(O, Results)> {
        self.finished.pop_front()
    }

    /// Whether any I/O is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.groups.is_empty() && self.finished.is_empty()
    }
}
