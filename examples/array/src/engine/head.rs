// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ties the heads of write journals to the metadata of their disks.
//!
//! What a journal holds may be replayed only where the record that a start finds was written knowing of
//! it. So before a commit writes a disk, the head of the journal that counts there is written once more,
//! with the update that the commit makes beside the one before. An update that was made without
//! that, by another implementation, leaves a head that names neither: rows may have been written since.
//!
//! Heads of journals of other arrays on the same disks are carried on as well, as long as they belong to the
//! disk's update.
//! What this engine records of a shared disk changes no row of theirs.

use super::Engine;
use super::open::transfer;
use crate::backplane::{Backplane, Transfer};
use crate::discover::Discovery;
use crate::journal::{self, BLOCK, Head, SetId};
use crate::store::CommitStep;
use raid_core::array::ArrayDescriptor;
use raid_core::units::SlotSet;
use std::collections::BTreeMap;

/// The heads on the disks that matter, by disk.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// Those that count.
    counting: BTreeMap<usize, (SetId, Head)>,
    /// Those that a start did not rely on. Numbers of updates may come again: a record that one disk alone
    /// stored has the number of one that the others write without it. So the first commit ends them.
    ended: BTreeMap<usize, (SetId, Head)>,
}

impl Heads {
    pub(super) fn is_empty(&self) -> bool {
        self.counting.is_empty() && self.ended.is_empty()
    }

    pub(super) fn put(&mut self, disk: usize, of: SetId, head: Head) {
        self.ended.remove(&disk);
        self.counting.insert(disk, (of, head));
    }

    /// The next commit puts a head on the disk that covers nothing, under this epoch.
    pub(super) fn end(&mut self, disk: usize, of: SetId, epoch: u64) {
        let head = Head {
            epoch,
            holders: SlotSet::EMPTY,
            gone: SlotSet::first(256),
            owed: false,
            updates: [None; 2],
        };
        self.ended.insert(disk, (of, head));
    }

    /// The disk is written no more.
    pub(super) fn remove(&mut self, disk: usize) {
        self.counting.remove(&disk);
        self.ended.remove(&disk);
    }

    /// What the journals of this set hold is old.
    pub(super) fn forget(&mut self, set: SetId) {
        self.counting.retain(|_, (of, _)| *of != set);
    }

    /// A record is about to say that only these members of the set are gone or being filled.
    pub(super) fn only_gone(&mut self, set: SetId, named: SlotSet) {
        for (of, head) in self.counting.values_mut() {
            if *of == set {
                head.gone = head.gone & named;
            }
        }
    }
}

impl Engine {
    /// By disk: which update its metadata in memory is of.
    pub(super) fn updates(&self) -> Vec<Option<u64>> {
        let found = self.listing();
        let update = |disk: usize| found.disk(disk).and_then(|own| own.sequence);
        (0..self.store.disks.len()).map(update).collect()
    }

    pub(super) fn set_id(&self, set: usize) -> SetId {
        SetId { array: self.array, set: set as u16 }
    }

    /// What must be on a disk before a commit that takes its metadata from one update to another.
    pub(super) fn tie(&mut self, disk: usize, updates: [Option<u64>; 2]) -> Vec<CommitStep> {
        let Some(space) = self.journal_space(disk) else { return Vec::new() };
        let counting = self.heads.counting.get_mut(&disk).map(|(of, head)| {
            head.updates = updates;
            (*of, *head)
        });
        let Some((of, head)) = counting.or_else(|| self.heads.ended.remove(&disk)) else {
            return Vec::new();
        };
        let block = journal::encode_head(of, head);
        vec![CommitStep::Write(space.start, block), CommitStep::Flush]
    }

    /// Finds the heads of other arrays' journals that count.
    pub(super) fn carry_others(&mut self, discovery: &Discovery, backplane: &mut dyn Backplane) {
        let journaled =
            |array: &ArrayDescriptor| array.id != self.array && array.geometry.parity_strips() > 0;
        if !discovery.arrays.iter().any(|found| journaled(&found.descriptor)) {
            return;
        }
        let updates = self.updates();
        for (disk, update) in updates.into_iter().enumerate() {
            let Some(space) = self.journal_space(disk).filter(|_| self.store.disks[disk].live)
            else {
                continue;
            };
            // What cannot be read counts for nobody.
            let read = Transfer::Read { at: space.start, len: BLOCK };
            let block = transfer(backplane, disk, read).unwrap_or_default();
            let Some((of, head)) = journal::decode_head(&block) else { continue };
            // Whether it covers what is missing is for a start of that array to say: of disks that ran apart,
            // each history has its own.
            if of.array != self.array && head.updates.contains(&update) {
                self.heads.put(disk, of, head);
            }
        }
    }
}
