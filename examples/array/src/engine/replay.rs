// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the row ledger of a set says at a start, and how its rows are put right.
//!
//! | found | then |
//! |---|---|
//! | the metadata says that nobody is missing, or that the stop was clean | what a ledger holds is old: it is not replayed |
//! | every batch up to the end, from the members that the newest head names | replayed |
//! | a block that may belong to a batch and that none of them gives | not replayed: the set is not covered |
//!
//! The copies of an epoch are equal block by block, so a block that one disk does not give is taken from
//! another one. A holder that is in sync was never behind: rows are written only when every holder has their
//! batch, or is named as lost. So one readable block that is not the next batch proves where the ledger
//! ends.

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

/// What one copy says of the place where the next batch would begin.
#[derive(Debug)]
enum Seen {
    /// A batch of so many blocks.
    Batch(Vec<Fragment>, u64),
    /// No batch, or one that was not written to its end.
    End,
    /// What stands there cannot be read.
    Hole(JournalFault),
}

/// Blocks read, with the holes in it.
struct Run {
    bytes: Vec<u8>,
    /// Blocks of it that were not given.
    missing: Vec<u64>,
}

impl OneCopy {
    /// Reads blocks of the ledger, one by one where they do not come together.
    fn read(&self, backplane: &mut dyn Backplane, block: u64, count: u64) -> Run {
        let mut read = |block: u64, count: u64| {
            let len = count as usize * BLOCK;
            let at = Lba(self.space.start.0 + block);
            transfer(backplane, self.disk, Transfer::Read { at, len })
        };
        if let Ok(bytes) = read(block, count) {
            return Run { bytes, missing: Vec::new() };
        }
        let mut run = Run { bytes: Vec::new(), missing: Vec::new() };
        for at in block..block + count {
            match read(at, 1) {
                Ok(bytes) => run.bytes.extend(bytes),
                Err(_) => {
                    run.missing.push(at - block);
                    run.bytes.resize(run.bytes.len() + BLOCK, 0);
                }
            }
        }
        run
    }

    /// What stands at `block`, if it is before `end`, where a batch is expected.
    fn look(
        &self,
        backplane: &mut dyn Backplane,
        copies: &[Self],
        (block, end): (u64, u64),
        (epoch, number): (u64, u64),
    ) -> Seen {
        let hole = |at| Seen::Hole(JournalFault::Unreadable { disk: self.disk, at: self.at(at) });
        let head = self.read(backplane, block, 1);
        if !head.missing.is_empty() {
            return hole(block);
        }
        let len = ledger::batch_blocks(&head.bytes, epoch, number);
        let Some(len) = len.filter(|len| *len <= end.saturating_sub(block)) else {
            return Seen::End;
        };
        let mut run = self.read(backplane, block, len);
        let first = run.missing.first().copied();
        run.fill(backplane, copies, block);
        match (ledger::decode_batch(&run.bytes, epoch, number), first) {
            (Some((fragments, _)), _) if run.missing.is_empty() => Seen::Batch(fragments, len),
            (_, Some(first)) => hole(block + first),
            _ => Seen::End,
        }
    }

    fn at(&self, block: u64) -> Lba {
        Lba(self.space.start.0 + block)
    }
}

impl Run {
    /// Takes what is missing from other copies of the same blocks.
    fn fill(&mut self, backplane: &mut dyn Backplane, others: &[OneCopy], block: u64) {
        self.missing.retain(|missing| {
            for other in others {
                let run = other.read(backplane, block + missing, 1);
                if run.missing.is_empty() {
                    let at = *missing as usize * BLOCK;
                    self.bytes[at..at + BLOCK].copy_from_slice(&run.bytes);
                    return false;
                }
            }
            true
        });
    }
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
            let run = copy.read(backplane, 0, 1);
            let head = ledger::decode_head(&run.bytes, self.array, set);
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
        let (mut block, mut number, mut all) = (1, 0, Vec::new());
        let known = |fragment: &Fragment| {
            let inside = fragment.at.end().is_some_and(|end| end.0 <= self.layout.rows());
            let whole = fragment.bytes.len() as u64 == fragment.at.len.0 * BLOCK as u64;
            fragment.slot.index() < slots && inside && whole
        };
        loop {
            let mut next = if block < end { None } else { Some(Seen::End) };
            for copy in copies {
                if matches!(next, Some(Seen::Batch(..))) || block >= end {
                    break;
                }
                let seen = copy.look(backplane, copies, (block, end), (epoch, number));
                next = match (next, seen) {
                    (Some(Seen::End), Seen::Hole(_)) => Some(Seen::End),
                    (_, seen) => Some(seen),
                };
            }
            match next {
                Some(Seen::Batch(fragments, len)) => {
                    if !fragments.iter().all(known) {
                        let disk = copies.first().map_or(0, |copy| copy.disk);
                        let at = copies.first().map_or(Lba(0), |copy| copy.at(block));
                        return Err(JournalFault::Damaged { disk, at });
                    }
                    all.extend(fragments);
                    block += len;
                    number += 1;
                }
                Some(Seen::End) | None => return Ok(all),
                Some(Seen::Hole(fault)) => return Err(fault),
            }
        }
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
