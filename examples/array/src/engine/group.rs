// SPDX-License-Identifier: MIT OR Apache-2.0
//! Groups of member I/O that are waited for together.

use crate::backplane::{Completion, IoId, MemberIo, Transfer};
use crate::member::MemberError;
use std::collections::{HashMap, VecDeque};

/// The results of a group: for each I/O its tag and what came of it.
pub(super) type Results = Vec<(u32, Result<Vec<u8>, MemberError>)>;

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
    of_io: HashMap<IoId, (u64, u32)>,
    finished: VecDeque<(O, Results)>,
    next: u64,
}

impl<O> Groups<O> {
    pub(super) fn new() -> Self {
        Self {
            outbox: VecDeque::new(),
            groups: HashMap::new(),
            of_io: HashMap::new(),
            finished: VecDeque::new(),
            next: 0,
        }
    }

    /// Starts a group: `(disk, tag, transfer)` each; `None` for a disk that is known to be gone.
    pub(super) fn start(&mut self, owner: O, ios: Vec<(Option<usize>, u32, Transfer)>) {
        let number = self.next;
        self.next += 1;
        let mut group = Group { owner, outstanding: 0, results: Vec::new() };
        for (disk, tag, transfer) in ios {
            let Some(disk) = disk else {
                group.results.push((tag, Err(MemberError::Gone)));
                continue;
            };
            let id = IoId(self.next);
            self.next += 1;
            self.of_io.insert(id, (number, tag));
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
        let Some((number, tag)) = self.of_io.remove(&completion.id) else { return };
        let Some(group) = self.groups.get_mut(&number) else { return };
        group.results.push((tag, completion.result));
        group.outstanding -= 1;
        if group.outstanding == 0
            && let Some(group) = self.groups.remove(&number)
        {
            self.finished.push_back((group.owner, group.results));
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
