// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the write journal of a set says at a start, and how its rows are put right.
//!
//! | found | then |
//! |---|---|
//! | the metadata says that nobody is missing, or that the stop was clean | what a journal holds is old: it is not replayed |
//! | the newest head belongs to another update of the metadata, or names others who are gone | not replayed: rows may have been written since |
//! | every batch up to the end, from any of the members that the newest head names | replayed, once nothing speaks against the start |
//! | blocks of a member that is being filled | left out: a rebuild has filled it past the journal, and will again |
//! | a block that may belong to a batch and that none of them gives | not replayed: the set is not covered |
//!
//! Rows are written only when every holder has their batch, or is named as lost. So on the holders that are in
//! sync a batch whose rows may have been written is the same block by block, and a block that one disk does not
//! give is taken from another one. What is then no batch is the end.
//!
//! The last batch may have reached one holder alone, and counts there. The next start may be without that disk, and
//! with others that this one was without. So before the first row is written, all who have the head get every
//! batch, and a head that names them as holders.

use super::journal::Journal;
use super::open::transfer;
use super::open_error::OpenError;
use super::{Engine, Seat, Set};
use crate::backplane::{Backplane, Transfer};
use crate::journal::{self, BLOCK, Fragment, Head, SetId};
use raid_core::metadata::RuntimeState;
use raid_core::units::{Extent, Lba, Slot, SlotSet};
use std::fmt;

/// Why the journal of a set does not cover it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JournalFault {
    /// No member that is in sync gives the head of a journal of this set.
    NoHead,
    /// No update of the metadata rests on the journal: a start that did not need it ended it.
    Ended {
        /// Which disk.
        disk: usize,
        /// The update that its metadata is of.
        found: Option<u64>,
    },
    /// The metadata was updated by a program that keeps no journal.
    Outdated {
        /// Which disk.
        disk: usize,
        /// The update that its metadata is of.
        found: Option<u64>,
        /// The updates that its journal belongs to.
        expected: [Option<u64>; 2],
    },
    /// The metadata names other members than those without which rows were written.
    OthersGone {
        /// Members that the journal names as gone or being filled.
        journal: SlotSet,
        /// Members that the metadata names.
        metadata: SlotSet,
    },
    /// None of the members that hold the newest epoch is here and in sync.
    NoCopy {
        /// Who holds it.
        holders: SlotSet,
    },
    /// A block cannot be read, and no other copy gives it.
    Unreadable {
        /// Which disk.
        disk: usize,
        /// Which block of it.
        at: Lba,
    },
    /// A batch names blocks that the set does not have.
    Damaged {
        /// Which disk.
        disk: usize,
        /// First block of the batch.
        at: Lba,
    },
}

impl fmt::Display for JournalFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHead => {
                f.write_str("no member that is in sync has a write journal of this set")
            }
            Self::Ended { disk, found } => write!(
                f,
                "disk {disk}: an earlier start ended the write journal there, found {} of the \
                 metadata: its record that members are missing was written without a journal",
                update(*found)
            ),
            Self::Outdated { disk, found, expected } => write!(
                f,
                "disk {disk}: the write journal belongs to {} of the metadata, found {}: another \
                 program has updated it since",
                either(*expected),
                update(*found)
            ),
            Self::OthersGone { journal, metadata } => write!(
                f,
                "the write journal was begun when slots {journal:?} were gone, the metadata names \
                 slots {metadata:?}"
            ),
            Self::NoCopy { holders } => {
                write!(
                    f,
                    "the write journal is on slots {holders:?}, none of which is here in sync"
                )
            }
            Self::Unreadable { disk, at } => {
                write!(f, "disk {disk}, block {}: the write journal cannot be read there", at.0)?;
                f.write_str(", and no other copy has the block")
            }
            Self::Damaged { disk, at } => write!(
                f,
                "disk {disk}, block {}: the write journal names blocks that the set does not have",
                at.0
            ),
        }
    }
}

/// `update 7`.
fn update(number: Option<u64>) -> String {
    number.map_or_else(|| "an update without a number".to_owned(), |own| format!("update {own}"))
}

/// `update 6 or 7`.
fn either([before, after]: [Option<u64>; 2]) -> String {
    match (before, after) {
        (Some(before), Some(after)) if before != after => format!("update {before} or {after}"),
        (one, other) => update(one.or(other)),
    }
}

/// What came of the journal at a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replay {
    /// Nobody was missing at the stop, or it was clean.
    NotNeeded,
    /// Every row that was under way is to be made as its last batch says.
    Done,
    /// Nothing was written.
    Impossible(JournalFault),
}

/// The journal on one disk.
#[derive(Clone, Copy, Debug)]
struct OneCopy {
    disk: usize,
    space: Extent,
}

impl OneCopy {
    /// Whether these batches fit behind its head.
    fn has_room_for(&self, batches: &[u8]) -> bool {
        ((batches.len() / BLOCK) as u64) < self.space.len.0
    }

    fn read(
        &self,
        backplane: &mut dyn Backplane,
        block: u64,
        count: u64,
    ) -> Result<Vec<u8>, OpenError> {
        let at = Lba(self.space.start.0 + block);
        transfer(backplane, self.disk, Transfer::Read { at, len: count as usize * BLOCK })
    }
}

/// Blocks of the journal: from the first copy, and what that does not give from the next one that does.
fn read_any(
    copies: &[OneCopy],
    backplane: &mut dyn Backplane,
    block: u64,
    count: u64,
) -> Result<Vec<u8>, JournalFault> {
    let Some(first) = copies.first() else { return Ok(Vec::new()) };
    if let Ok(bytes) = first.read(backplane, block, count) {
        return Ok(bytes);
    }
    let mut bytes = Vec::new();
    for at in block..block + count {
        let one = copies.iter().find_map(|copy| copy.read(backplane, at, 1).ok());
        let at = Lba(first.space.start.0 + at);
        bytes.extend(one.ok_or(JournalFault::Unreadable { disk: first.disk, at })?);
    }
    Ok(bytes)
}

/// What batches say, and their blocks.
type Batches = (Vec<Fragment>, Vec<u8>);

/// `None` where there is no batch.
fn read_batch(
    copies: &[OneCopy],
    backplane: &mut dyn Backplane,
    (block, end): (u64, u64),
    epoch: u64,
    number: u64,
) -> Result<Option<Batches>, JournalFault> {
    let head = read_any(copies, backplane, block, 1)?;
    let len = journal::batch_blocks(&head, epoch, number);
    let Some(len) = len.filter(|len| *len <= end - block) else { return Ok(None) };
    let batch = read_any(copies, backplane, block, len)?;
    let fragments = journal::decode_batch(&batch, epoch, number);
    Ok(fragments.map(|(fragments, _)| (fragments, batch)))
}

impl Engine {
    /// Finds every row that was under way at an unclean stop, and its new content. Nothing is written: the
    /// start may still be refused.
    ///
    /// The journal is in use exactly while the metadata says that a member is missing or being
    /// filled; at any other time what it holds is old and must not be replayed.
    pub(super) fn replay_journal(
        &self,
        journal: &mut Journal,
        slots: &[Seat],
        set: u16,
        state: &RuntimeState,
        backplane: &mut dyn Backplane,
    ) -> Result<Replay, OpenError> {
        let untrusted = state.failed | state.rebuilding;
        let own = SetId { array: self.array, set };
        let mut heads: Vec<(Slot, OneCopy, Head)> = Vec::new();
        let spaces = slots.iter().zip(&journal.space);
        for (slot, (seat, space)) in (0u8..).map(Slot).zip(spaces) {
            let (Some(disk), Some(space)) = (seat.disk, *space) else { continue };
            let copy = OneCopy { disk, space };
            let block = copy.read(backplane, 0, 1).unwrap_or_default();
            let head = journal::decode_head(&block).filter(|(of, _)| *of == own);
            heads.extend(head.map(|(_, head)| (slot, copy, head)));
        }
        // Epochs are counted on from whatever any disk says, but only members in sync are believed.
        let epochs = heads.iter().map(|(.., head)| head.epoch);
        journal.epoch = epochs.fold(journal.epoch, u64::max);
        journal.passed_over = heads.iter().map(|(_, copy, _)| copy.disk).collect();
        if untrusted.is_empty() || state.clean {
            return Ok(Replay::NotNeeded);
        }
        let believed = heads.iter().filter(|(slot, ..)| !untrusted.contains(*slot));
        let Some(epoch) = believed.clone().map(|(.., head)| head.epoch).max() else {
            return Ok(Replay::Impossible(JournalFault::NoHead));
        };
        let newest: Vec<&(Slot, OneCopy, Head)> =
            believed.clone().filter(|(.., head)| head.epoch == epoch).collect();
        if let Some(fault) = self.not_covered(&newest, untrusted) {
            return Ok(Replay::Impossible(fault));
        }
        // A holder may not have the newest head yet: then it has no batch of that epoch either. The blocks
        // of a disk without any head of this set may be another journal's. Of a start that was cut short
        // some heads name more holders than others, and all are right.
        let holders = newest.iter().fold(SlotSet::EMPTY, |all, (.., head)| all | head.holders);
        let copies = believed.filter(|(slot, ..)| holders.contains(*slot));
        let copies: Vec<OneCopy> = copies.map(|(_, copy, _)| *copy).collect();
        if copies.is_empty() {
            return Ok(Replay::Impossible(JournalFault::NoCopy { holders }));
        }
        match self.read_batches(&copies, epoch, slots.len(), backplane) {
            // Who is being filled has been given newer blocks since, and will be given all that was under way.
            Ok((mut fragments, batches)) => {
                fragments.retain(|fragment| !untrusted.contains(fragment.slot));
                (journal.to_replay, journal.batches) = (fragments, batches);
            }
            Err(fault) => return Ok(Replay::Impossible(fault)),
        }
        let relied_on = heads.iter().filter(|(.., head)| head.epoch == epoch);
        let room = relied_on.clone().filter(|(_, copy, _)| copy.has_room_for(&journal.batches));
        let holders = room.fold(holders, |all, (slot, ..)| all | SlotSet::of(*slot));
        let named = |(_, copy, head): &(_, OneCopy, Head)| (copy.disk, Head { holders, ..*head });
        journal.replayed = relied_on.map(named).collect();
        journal.passed_over.clear();
        Ok(Replay::Done)
    }

    /// Why none of these heads belongs to the metadata that was found.
    fn not_covered(
        &self,
        heads: &[&(Slot, OneCopy, Head)],
        untrusted: SlotSet,
    ) -> Option<JournalFault> {
        let updates = self.updates();
        let update = |disk: usize| updates.get(disk).copied().flatten();
        if heads.iter().any(|(_, copy, head)| head.covers(update(copy.disk), untrusted)) {
            return None;
        }
        heads.first().map(|(_, OneCopy { disk, .. }, head)| {
            let (found, expected) = (update(*disk), head.updates);
            match expected.contains(&found) {
                _ if expected == [None; 2] => JournalFault::Ended { disk: *disk, found },
                true => JournalFault::OthersGone { journal: head.gone, metadata: untrusted },
                false => JournalFault::Outdated { disk: *disk, found, expected },
            }
        })
    }

    /// All fragments of an epoch, in order, and its batches as they stand behind the head.
    fn read_batches(
        &self,
        copies: &[OneCopy],
        epoch: u64,
        slots: usize,
        backplane: &mut dyn Backplane,
    ) -> Result<Batches, JournalFault> {
        let end = copies.iter().map(|copy| copy.space.len.0).min().unwrap_or(0);
        let known = |fragment: &Fragment| {
            let inside = fragment.at.end().is_some_and(|end| end.0 <= self.layout.rows());
            let whole = fragment.bytes.len() as u64 == fragment.at.len.0 * BLOCK as u64;
            fragment.slot.index() < slots && inside && whole
        };
        let (mut block, mut number, mut all, mut batches) = (1, 0, Vec::new(), Vec::new());
        while block < end {
            // The last batch may have reached one copy alone. A start that found it there, and was cut short in
            // the replay, has written some members: so it counts wherever it is found.
            let batch = copies.iter().find_map(|copy| {
                let copy = std::slice::from_ref(copy);
                let batch = read_batch(copy, backplane, (block, end), epoch, number);
                batch.ok().flatten()
            });
            let batch = match batch {
                None => read_batch(copies, backplane, (block, end), epoch, number)?,
                batch => batch,
            };
            let Some((fragments, batch)) = batch else { break };
            if let (false, Some(OneCopy { disk, space })) =
                (fragments.iter().all(known), copies.first())
            {
                let at = Lba(space.start.0 + block);
                return Err(JournalFault::Damaged { disk: *disk, at });
            }
            all.extend(fragments);
            block += (batch.len() / BLOCK) as u64;
            batches.extend(batch);
            number += 1;
        }
        Ok((all, batches))
    }

    /// All batches that count are put on every disk here that has their head, which then says so.
    fn copy_batches(&self, set: usize, backplane: &mut dyn Backplane) -> Result<(), OpenError> {
        let Journal { batches, replayed, .. } = &self.sets[set].journal;
        if batches.is_empty() {
            return Ok(());
        }
        let copy = |disk: usize| Some(OneCopy { disk, space: self.journal_space(disk)? });
        let copies = replayed.iter().filter_map(|(disk, head)| Some((copy(*disk)?, *head)));
        let copies: Vec<(OneCopy, Head)> = copies.collect();
        let flush_all = |backplane: &mut dyn Backplane| {
            let mut disks = copies.iter().map(|(copy, _)| copy.disk);
            disks.try_for_each(|disk| transfer(backplane, disk, Transfer::Flush).map(drop))
        };
        for (copy, _) in copies.iter().filter(|(copy, _)| copy.has_room_for(batches)) {
            let (at, bytes) = (Lba(copy.space.start.0 + 1), batches.clone());
            transfer(backplane, copy.disk, Transfer::Write { at, bytes })?;
        }
        flush_all(backplane)?;
        for (OneCopy { disk, space }, head) in &copies {
            let bytes = journal::encode_head(self.set_id(set), *head);
            transfer(backplane, *disk, Transfer::Write { at: space.start, bytes })?;
        }
        flush_all(backplane)
    }

    /// Rows are put right on every member that is here and in sync, and flushed.
    pub(super) fn write_replayed(
        &mut self,
        set: usize,
        backplane: &mut dyn Backplane,
    ) -> Result<(), OpenError> {
        self.copy_batches(set, backplane)?;
        let Set { journal, slots, .. } = &mut self.sets[set];
        journal.batches = Vec::new();
        let fragments = std::mem::take(&mut journal.to_replay);
        if journal.replayed.is_empty() {
            return Ok(());
        }
        for Fragment { slot, at, bytes } in fragments {
            let Some(seat) = slots.get(slot.index()) else { continue };
            let Some(disk) = seat.disk else { continue };
            let at = Lba(seat.start.0.saturating_add(at.start.0));
            transfer(backplane, disk, Transfer::Write { at, bytes })?;
        }
        for disk in slots.iter().filter_map(|seat| seat.disk) {
            transfer(backplane, disk, Transfer::Flush)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_that_does_not_count_is_reported_with_the_updates_it_belongs_to() {
        let outdated = |expected| JournalFault::Outdated { disk: 1, found: Some(9), expected };
        for (fault, words) in [
            (
                outdated([Some(6), Some(7)]),
                "belongs to update 6 or 7 of the metadata, found update 9:",
            ),
            (outdated([Some(6), Some(6)]), "belongs to update 6 of the metadata, found update 9:"),
            (outdated([None, Some(7)]), "belongs to update 7 of the metadata, found update 9:"),
            (
                JournalFault::Ended { disk: 1, found: Some(9) },
                "disk 1: an earlier start ended the write journal there, found update 9",
            ),
        ] {
            let told = fault.to_string();
            assert!(told.contains(words) && !told.contains("none"), "{told}");
        }
    }
}
