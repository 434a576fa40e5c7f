// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the row ledger of a set says at a start, and how its rows are put right.
//!
//! | found | then |
//! |---|---|
//! | the metadata says that nobody is missing, or that the stop was clean | what a ledger holds is old: it is not replayed |
//! | every batch up to the end, from the members that the newest head names | replayed |
//! | a block that may belong to a batch and that none of them gives | not replayed: the set is not covered |
//!
//! Rows are written only when every holder has their batch, or is named as lost. So on the holders that are in
//! sync a batch whose rows may have been written is the same block by block, and a block that one disk does not
//! give is taken from another one. What is then no batch is the end.

use super::journal::Journal;
use super::open::transfer;
use super::open_error::OpenError;
use super::{Engine, Seat};
use crate::backplane::{Backplane, Transfer};
use crate::ledger::{self, BLOCK, Fragment, Head};
use raid_core::metadata::RuntimeState;
use raid_core::units::{Extent, Lba, Slot, SlotSet};
use std::fmt;

/// Why the ledger of a set does not cover it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JournalFault {
    /// No member that is in sync gives the head of a ledger of this set.
    NoHead,
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

/// What came of the ledger at a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replay {
    /// Nobody was missing at the stop, or it was clean.
    NotNeeded,
    /// Every row that was under way is as its last batch says.
    Done,
    /// Nothing was written.
    Impossible(JournalFault),
}

/// The ledger on one disk.
#[derive(Clone, Copy, Debug)]
struct OneCopy {
    disk: usize,
    space: Extent,
}

impl OneCopy {
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

/// Blocks of the ledger: from the first copy, and what that does not give from the next one that does.
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

impl Engine {
    /// Brings every row that was under way at an unclean stop to its new content.
    ///
    /// The ledger is in use exactly while the metadata says that a member is missing or being
    /// filled; at any other time what it holds is old and must not be replayed.
    pub(super) fn replay_ledger(
        &self,
        journal: &mut Journal,
        slots: &[Seat],
        set: u16,
        state: &RuntimeState,
        backplane: &mut dyn Backplane,
    ) -> Result<Replay, OpenError> {
        let untrusted = state.failed | state.rebuilding;
        let mut newest: Option<Head> = None;
        let mut copies: Vec<(Slot, OneCopy)> = Vec::new();
        let spaces = slots.iter().zip(&journal.space);
        for (slot, (seat, space)) in (0u8..).map(Slot).zip(spaces) {
            let (Some(disk), Some(space)) = (seat.disk, *space) else { continue };
            let copy = OneCopy { disk, space };
            // Epochs are counted on from whatever any disk says, but only members in sync are believed.
            let block = copy.read(backplane, 0, 1).unwrap_or_default();
            let head = ledger::decode_head(&block, self.array, set);
            journal.epoch = journal.epoch.max(head.map_or(0, |head| head.epoch));
            if untrusted.contains(slot) {
                continue;
            }
            copies.push((slot, copy));
            if head.is_some_and(|head| newest.is_none_or(|newest| head.epoch > newest.epoch)) {
                newest = head;
            }
        }
        if untrusted.is_empty() || state.clean {
            return Ok(Replay::NotNeeded);
        }
        let Some(Head { epoch, holders }) = newest else {
            return Ok(Replay::Impossible(JournalFault::NoHead));
        };
        copies.retain(|(slot, _)| holders.contains(*slot));
        let copies: Vec<OneCopy> = copies.into_iter().map(|(_, copy)| copy).collect();
        if copies.is_empty() {
            return Ok(Replay::Impossible(JournalFault::NoCopy { holders }));
        }
        match self.read_batches(&copies, epoch, slots.len(), backplane) {
            Ok(fragments) => self.write_fragments(fragments, slots, backplane)?,
            Err(fault) => return Ok(Replay::Impossible(fault)),
        }
        Ok(Replay::Done)
    }

    /// All fragments of an epoch, in order.
    fn read_batches(
        &self,
        copies: &[OneCopy],
        epoch: u64,
        slots: usize,
        backplane: &mut dyn Backplane,
    ) -> Result<Vec<Fragment>, JournalFault> {
        let end = copies.iter().map(|copy| copy.space.len.0).min().unwrap_or(0);
        let known = |fragment: &Fragment| {
            let inside = fragment.at.end().is_some_and(|end| end.0 <= self.layout.rows());
            let whole = fragment.bytes.len() as u64 == fragment.at.len.0 * BLOCK as u64;
            fragment.slot.index() < slots && inside && whole
        };
        let (mut block, mut number, mut all) = (1, 0, Vec::new());
        while block < end {
            let head = read_any(copies, backplane, block, 1)?;
            let len = ledger::batch_blocks(&head, epoch, number);
            let Some(len) = len.filter(|len| *len <= end - block) else { break };
            let batch = read_any(copies, backplane, block, len)?;
            let Some((fragments, _)) = ledger::decode_batch(&batch, epoch, number) else { break };
            if let (false, Some(OneCopy { disk, space })) =
                (fragments.iter().all(known), copies.first())
            {
                let at = Lba(space.start.0 + block);
                return Err(JournalFault::Damaged { disk: *disk, at });
            }
            all.extend(fragments);
            block += len;
            number += 1;
        }
        Ok(all)
    }

    /// Rows are put right on every member that is here, and flushed.
    fn write_fragments(
        &self,
        fragments: Vec<Fragment>,
        slots: &[Seat],
        backplane: &mut dyn Backplane,
    ) -> Result<(), OpenError> {
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
