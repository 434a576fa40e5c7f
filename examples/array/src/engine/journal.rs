// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs the row ledger of one set: when it opens, what waits for it, when it starts over.
//!
//! | stage | begins when | then |
//! |---|---|---|
//! | opening | a record that says "short of a member" is about to be written | flush all, write the head of the next epoch, flush: open |
//! | appending | rows wait and fit | write the batch, flush: its rows may be written |
//! | starting over | the next batch does not fit, and no ledgered row is under way | as opening |

use super::group::Results;
use super::{Engine, Owner, RowId};
use crate::backplane::Transfer;
use crate::ledger::{self, BLOCK, Fragment};
use raid_core::units::{Extent, Lba, Slot, SlotSet};
use std::collections::VecDeque;

/// What the ledger of a set is doing.
#[derive(Debug)]
enum Stage {
    /// Nothing.
    Idle,
    /// Everything written so far is being flushed, before a new epoch.
    Flushing,
    /// The head of the new epoch is being written.
    WritingHead,
    /// … and flushed.
    FlushingHead,
    /// A batch is being written for these rows.
    Appending(Vec<RowId>),
    /// … and flushed.
    FlushingBatch(Vec<RowId>),
}

/// The ledger of one set.
#[derive(Debug)]
pub(super) struct Journal {
    /// Room on each member's disk, by slot.
    pub(super) space: Vec<Option<Extent>>,
    pub(super) epoch: u64,
    pub(super) open: bool,
    /// Members that hold the head of this epoch, and every batch that they were to hold.
    holders: SlotSet,
    next_block: u64,
    number: u64,
    stage: Stage,
    queue: VecDeque<RowId>,
    /// Rows that are in the ledger and not yet on all members.
    under_way: usize,
    /// A new epoch was asked for.
    renew: bool,
}

impl Journal {
    pub(super) fn new(space: Vec<Option<Extent>>) -> Self {
        Self {
            space,
            epoch: 0,
            open: false,
            holders: SlotSet::EMPTY,
            next_block: 1,
            number: 0,
            stage: Stage::Idle,
            queue: VecDeque::new(),
            under_way: 0,
            renew: false,
        }
    }

    /// Whether this set can keep a ledger at all.
    pub(super) fn available(&self) -> bool {
        self.space.iter().flatten().count() > 0
    }

    /// Asks for an open ledger of a new epoch; it is closed until then.
    pub(super) fn request_open(&mut self) {
        self.renew = true;
        self.open = false;
    }

    /// Rows that wait, for the caller to answer otherwise.
    pub(super) fn take_queue(&mut self) -> VecDeque<RowId> {
        std::mem::take(&mut self.queue)
    }

    /// Members that have room for a ledger.
    fn with_room(&self) -> SlotSet {
        let slots = (0u8..).map(Slot).zip(&self.space);
        slots.filter(|(_, space)| space.is_some()).map(|(slot, _)| slot).collect()
    }

    /// The set is whole again: later rows need no ledger.
    pub(super) fn close(&mut self) {
        self.open = false;
    }

    /// A row whose content is known wants to be written.
    pub(super) fn enqueue(&mut self, row: RowId) {
        self.queue.push_back(row);
    }

    /// A ledgered row is on all members.
    pub(super) fn row_done(&mut self) {
        self.under_way -= 1;
    }

    fn blocks(&self) -> u64 {
        self.space.iter().flatten().map(|extent| extent.len.0).min().unwrap_or(0)
    }
}

impl Engine {
    /// Moves the ledger of `set` on as far as it goes without waiting.
    pub(super) fn pump_journal(&mut self, set: usize) {
        let journal = &self.sets[set].journal;
        if !matches!(journal.stage, Stage::Idle) {
            return;
        }
        if !journal.open && !journal.renew && !self.sets[set].needs_ledger {
            return self.release_queue(set);
        }
        // A member that was rebuilt may be one of the few that hold the ledger from now on: it must not
        // begin in the middle, nor keep the head of an epoch long gone.
        let in_sync = self.sets[set].in_sync() & journal.with_room();
        let newcomer = !journal.holders.contains_all(in_sync);
        let full = journal.open && !journal.queue.is_empty() && !self.next_batch_fits(set);
        let journal = &mut self.sets[set].journal;
        if journal.renew || full || (journal.open && newcomer) {
            if journal.under_way == 0 {
                journal.stage = Stage::Flushing;
                journal.renew = false;
                journal.open = false;
                self.flush_members(set, self.sets[set].live(), Owner::Journal(set));
            }
        } else if journal.open && !journal.queue.is_empty() {
            self.append_batch(set);
        }
    }

    /// The set became whole while rows waited: they need no ledger any more.
    fn release_queue(&mut self, set: usize) {
        for row in self.sets[set].journal.take_queue() {
            self.sets[set].unledgered += 1;
            self.leave_ledger(row);
            self.write_row(row);
        }
    }

    fn next_batch_fits(&self, set: usize) -> bool {
        let journal = &self.sets[set].journal;
        let Some(row) = journal.queue.front() else { return true };
        let fragments = self.fragments(*row);
        let blocks = ledger::batch_bytes(fragments.iter()) / BLOCK;
        journal.next_block + blocks as u64 <= journal.blocks()
    }

    /// What a row is about to write, member by member.
    fn fragments(&self, row: RowId) -> Vec<Fragment> {
        let Some(task) = self.rows.get(&row) else { return Vec::new() };
        // A member that has failed since is left out: a spare in its place must not be given, at a later
        // replay, what the row held before writes that it missed.
        let live = self.sets[task.set()].live();
        let planned = task.planned_writes(self.block_size());
        planned.into_iter().filter(|fragment| live.contains(fragment.slot)).collect()
    }

    fn append_batch(&mut self, set: usize) {
        let copies = self.ledger_copies(set);
        if copies.is_empty() {
            return;
        }
        let mut rows = Vec::new();
        let mut fragments = Vec::new();
        let room = {
            let journal = &self.sets[set].journal;
            (journal.blocks() - journal.next_block) as usize * BLOCK
        };
        while let Some(row) = self.sets[set].journal.queue.front().copied() {
            let more = self.fragments(row);
            if ledger::batch_bytes(fragments.iter().chain(&more)) > room {
                break;
            }
            fragments.extend(more);
            rows.push(row);
            self.sets[set].journal.queue.pop_front();
        }
        let journal = &mut self.sets[set].journal;
        let batch = ledger::encode_batch(journal.epoch, journal.number, &fragments);
        let at = journal.next_block;
        journal.next_block += (batch.len() / BLOCK) as u64;
        journal.number += 1;
        journal.under_way += rows.len();
        journal.stage = Stage::Appending(rows);
        self.stats.ledger_bytes += batch.len() as u64;
        self.write_ledger(set, copies, at, batch);
    }

    /// As many members as may still fail, plus one.
    fn ledger_copies(&self, set: usize) -> SlotSet {
        let whole = self.sets[set].in_sync();
        let holders = whole & self.sets[set].journal.holders;
        let missing = self.sets[set].slots.len() as u16 - whole.len();
        let copies = u16::from(self.geometry.parity_strips()).saturating_sub(missing) + 1;
        holders.iter().take(usize::from(copies)).collect()
    }

    fn write_ledger(&mut self, set: usize, to: SlotSet, block: u64, bytes: Vec<u8>) {
        let ios = to.iter().filter_map(|slot| {
            let space = self.sets[set].journal.space.get(slot.index()).copied().flatten()?;
            let at = Lba(space.start.0 + block);
            let transfer = Transfer::Write { at, bytes: bytes.clone() };
            Some((self.disk_of(set, slot), u32::from(slot.0), transfer))
        });
        let ios = ios.collect();
        self.groups.start(Owner::Journal(set), ios);
    }

    /// The group that the ledger of `set` waited for is done.
    pub(super) fn journal_resumed(&mut self, set: usize, results: Results) {
        let mut worked = SlotSet::EMPTY;
        for (tag, result) in results {
            let slot = Slot(tag as u8);
            match result {
                Ok(_) => worked.insert(slot),
                Err(_) => self.member_failed(set, slot),
            }
        }
        let journal = &mut self.sets[set].journal;
        match std::mem::replace(&mut journal.stage, Stage::Idle) {
            Stage::Idle => {}
            Stage::Flushing => {
                journal.epoch += 1;
                let head = ledger::encode_head(self.array, set as u16, journal.epoch);
                journal.stage = Stage::WritingHead;
                self.write_ledger(set, self.sets[set].in_sync(), 0, head);
            }
            Stage::WritingHead => {
                journal.stage = Stage::FlushingHead;
                self.flush_members(set, worked, Owner::Journal(set));
            }
            Stage::FlushingHead => {
                journal.open = true;
                journal.holders = worked;
                journal.next_block = 1;
                journal.number = 0;
                self.resume_commit();
            }
            // Nobody holds the batch: its rows must not be written. They wait for a new epoch.
            Stage::Appending(rows) | Stage::FlushingBatch(rows) if worked.is_empty() => {
                journal.under_way -= rows.len();
                rows.into_iter().rev().for_each(|row| journal.queue.push_front(row));
                journal.request_open();
            }
            Stage::Appending(rows) => {
                journal.stage = Stage::FlushingBatch(rows);
                self.flush_members(set, worked, Owner::Journal(set));
            }
            Stage::FlushingBatch(rows) => {
                rows.into_iter().for_each(|row| self.write_row(row));
            }
        }
        self.pump_journal(set);
    }
}
