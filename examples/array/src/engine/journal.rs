// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs the write journal of one set: when it opens, what waits for it, when it starts over.
//!
//! | stage | begins when | then |
//! |---|---|---|
//! | opening | a record that says "short of a member" is about to be written | flush all, write the head of the next epoch, flush: open |
//! | appending | rows wait and fit | write the batch, flush: its rows may be written |
//! | starting over | the next batch does not fit, a holder is missing or a member came, and no journaled row is under way | as opening |
//!
//! Two things wait for the loss of a member to be on the disks: rows, whether they are to be put into the journal
//! or to be written; and, while the disks say that the journal counts, a new epoch. Else a start with that member
//! back takes it for one that holds all rows.
//!
//! A rebuild fills its target past the journal, and a pass that begins again leaves out writes that the one before
//! took along. So an epoch may hold older blocks of a target than the target does. A replay leaves out who is
//! being filled, and before a record says that a member is filled a new epoch begins.
//!
//! A flush that fails stops the new epoch: its member is failed then, and the rule above applies. A row that is
//! larger than the journal is done in parts. A set that has failed writes nothing, and answers its rows.

use super::group::Results;
use super::{Engine, Event, Owner, RowId, failed_slots};
use crate::backplane::Transfer;
use crate::journal::{self, BLOCK, Fragment, Head};
use raid_core::metadata::ChangeError;
use raid_core::units::{Extent, Lba, Slot, SlotSet};
use std::collections::VecDeque;

/// A journal smaller than this is none.
const MIN_BLOCKS: u64 = 64;

/// What the journal of a set is doing.
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

/// The journal of one set.
#[derive(Debug)]
pub(super) struct Journal {
    /// Room on each member's disk, by slot.
    pub(super) space: Vec<Option<Extent>>,
    pub(super) epoch: u64,
    /// Rows may be put into it.
    pub(super) open: bool,
    /// The disks say that it counts: a start replays it.
    pub(super) in_use: bool,
    /// Members that hold every batch of this epoch.
    holders: SlotSet,
    /// Members that hold its head.
    headed: SlotSet,
    /// Targets were filled since the epoch began.
    passed_by: bool,
    next_block: u64,
    number: u64,
    stage: Stage,
    queue: VecDeque<RowId>,
    /// Rows that are in the journal, and may be written once every loss is on the disks.
    held: Vec<RowId>,
    /// Rows that are in the journal and not yet on all members.
    under_way: usize,
    /// A new epoch was asked for.
    renew: bool,
    /// What a start has found to be replayed, once nothing speaks against the start.
    pub(super) to_replay: Vec<Fragment>,
    /// The batches that tell so, as they stand behind a head.
    pub(super) batches: Vec<u8>,
    /// The heads that the replay of a start relied on, by disk.
    pub(super) replayed: Vec<(usize, Head)>,
    /// Disks with a head that it did not rely on.
    pub(super) passed_over: Vec<usize>,
}

impl Journal {
    pub(super) fn new(space: Vec<Option<Extent>>) -> Self {
        Self {
            space,
            epoch: 0,
            open: false,
            in_use: false,
            holders: SlotSet::EMPTY,
            headed: SlotSet::EMPTY,
            passed_by: false,
            next_block: 1,
            number: 0,
            stage: Stage::Idle,
            queue: VecDeque::new(),
            held: Vec::new(),
            under_way: 0,
            renew: false,
            to_replay: Vec::new(),
            batches: Vec::new(),
            replayed: Vec::new(),
            passed_over: Vec::new(),
        }
    }

    /// Whether this set can keep a journal at all.
    pub(super) fn available(&self) -> bool {
        self.space.iter().flatten().count() > 0
    }

    /// Asks for an open journal of a new epoch; it is closed until then.
    pub(super) fn request_open(&mut self) {
        self.renew = true;
        self.open = false;
    }

    /// A rebuild fills rows, or has filled them.
    pub(super) fn pass_by(&mut self) {
        self.passed_by = true;
    }

    /// Whether a new epoch is being begun.
    pub(super) fn writes_head(&self) -> bool {
        matches!(self.stage, Stage::Flushing | Stage::WritingHead | Stage::FlushingHead)
    }

    /// Rows that wait, for the caller to answer otherwise.
    pub(super) fn take_queue(&mut self) -> VecDeque<RowId> {
        std::mem::take(&mut self.queue)
    }

    /// Members that have room for a journal.
    fn with_room(&self) -> SlotSet {
        let slots = (0u8..).map(Slot).zip(&self.space);
        slots.filter(|(_, space)| space.is_some()).map(|(slot, _)| slot).collect()
    }

    /// The disks say that the set is whole: what the journal holds is old.
    pub(super) fn close(&mut self) {
        self.open = false;
        self.in_use = false;
        self.renew = false;
    }

    /// A row whose content is known wants to be written.
    pub(super) fn enqueue(&mut self, row: RowId) {
        self.queue.push_back(row);
    }

    /// A journaled row is on all members.
    pub(super) fn row_done(&mut self) {
        self.under_way -= 1;
    }

    fn blocks(&self) -> u64 {
        self.space.iter().flatten().map(|extent| extent.len.0).min().unwrap_or(0)
    }

    /// Rows of a stage that will not be written.
    fn give_up(&mut self) -> Vec<RowId> {
        self.renew = false;
        self.open = false;
        let mut rows = std::mem::take(&mut self.held);
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Appending(more) | Stage::FlushingBatch(more) => rows.extend(more),
            Stage::Idle | Stage::Flushing | Stage::WritingHead | Stage::FlushingHead => {}
        }
        self.under_way -= rows.len();
        rows.extend(self.take_queue());
        rows
    }
}

impl Engine {
    /// Where the journal stands on a disk, if there is room: what the format leaves, never where a member lies,
    /// and no more than is of use. The metadata may claim anything.
    pub(super) fn journal_space(&self, disk: usize) -> Option<Extent> {
        let space = self.store.view(|disks| {
            let disk = disks.get(disk)?;
            // The journal is laid out in blocks of 512 bytes.
            let suited = disk.shape.block_size as usize == BLOCK;
            self.format.workspace(disk).filter(|_| suited)
        })?;
        let size = self.store.disks.get(disk)?.shape.blocks;
        let inside = space.end().is_some_and(|end| end.0 <= size.0);
        let taken = |(other, member): &(usize, Extent)| *other == disk && member.overlaps(space);
        let free = inside && space.len.0 >= MIN_BLOCKS && !self.members.iter().any(taken);
        free.then(|| Extent::new(space.start.0, space.len.0.min(journal::MAX_BLOCKS)))
    }

    /// Moves the journal of `set` on as far as it goes without waiting.
    pub(super) fn pump_journal(&mut self, set: usize) {
        if self.sets[set].has_failed() {
            return self.stop_journal(set);
        }
        if !matches!(self.sets[set].journal.stage, Stage::Idle) {
            return;
        }
        let recorded = self.sets[set].losses_recorded();
        // Where the disks say that the set is whole, the record of a loss waits for these rows.
        if recorded || !self.sets[set].journal.in_use {
            for row in std::mem::take(&mut self.sets[set].journal.held) {
                self.write_row(row);
            }
        }
        let journal = &self.sets[set].journal;
        if !journal.open && !journal.renew && !self.sets[set].needs_journal {
            return self.release_queue(set);
        }
        if journal.renew || (journal.open && self.epoch_is_over(set)) {
            let old_counts = journal.in_use && !recorded;
            let idle = journal.under_way == 0 && self.sets[set].unjournaled == 0;
            if idle && !old_counts && !self.commits.is_writing() {
                self.begin_epoch(set);
            }
        } else if journal.open && recorded && !journal.queue.is_empty() {
            self.append_batch(set);
        }
    }

    /// Whether a journal that counts must move to other members, and waits for its rows alone. A record that goes
    /// first could be found with no holder of the old epoch.
    pub(super) fn wants_epoch(&self, set: usize) -> bool {
        let own = &self.sets[set];
        let journal = &own.journal;
        let counts = journal.in_use && !own.has_failed() && own.losses_recorded();
        counts && (journal.renew || (journal.open && self.epoch_is_over(set)))
    }

    /// Whether a record that names these members as gone or being filled calls one filled of which the epoch may
    /// hold older blocks.
    pub(super) fn counts_on_windows(&self, set: usize, named: SlotSet) -> bool {
        let own = &self.sets[set];
        let filled = !named.contains_all(own.all().without(own.in_sync()));
        own.journal.in_use && own.journal.passed_by && filled && !named.is_empty()
    }

    /// A set that has failed: nothing more is written, and whoever waits is answered.
    fn stop_journal(&mut self, set: usize) {
        for row in self.sets[set].journal.give_up() {
            self.fail_row(row);
        }
    }

    fn begin_epoch(&mut self, set: usize) {
        let journal = &mut self.sets[set].journal;
        journal.stage = Stage::Flushing;
        journal.renew = false;
        journal.open = false;
        self.flush_members(set, self.sets[set].live(), Owner::Journal(set));
    }

    /// Whether what waits needs a new epoch: the next batch does not fit, more members could hold the journal than
    /// do, or somebody came who does not have its head.
    fn epoch_is_over(&self, set: usize) -> bool {
        let journal = &self.sets[set].journal;
        let in_sync = self.sets[set].in_sync();
        let holders = journal.holders & in_sync;
        let wanted = self.wanted_holders(set);
        let newcomer = !journal.headed.contains_all(self.sets[set].live() & journal.with_room());
        holders.len() < wanted.len() || newcomer || !self.next_batch_fits(set)
    }

    /// As many members as may still fail, plus one.
    fn wanted_holders(&self, set: usize) -> SlotSet {
        let in_sync = self.sets[set].in_sync();
        let missing = self.sets[set].slots.len() as u16 - in_sync.len();
        let copies = u16::from(self.geometry.parity_strips()).saturating_sub(missing) + 1;
        let suited = in_sync & self.sets[set].journal.with_room();
        suited.iter().take(usize::from(copies)).collect()
    }

    /// The set became whole while rows waited: they need no journal any more.
    fn release_queue(&mut self, set: usize) {
        for row in self.sets[set].journal.take_queue() {
            self.sets[set].unjournaled += 1;
            self.leave_journal(row);
            self.write_row(row);
        }
    }

    fn next_batch_fits(&self, set: usize) -> bool {
        let journal = &self.sets[set].journal;
        let Some(row) = journal.queue.front() else { return true };
        let blocks = (journal::batch_bytes(self.fragments(*row).iter()) / BLOCK) as u64;
        // What does not fit into an empty one is cut.
        let blocks = blocks.min(journal.blocks() - 1);
        journal.next_block + blocks <= journal.blocks()
    }

    /// What a row is about to write, member by member.
    fn fragments(&self, row: RowId) -> Vec<Fragment> {
        let Some(task) = self.rows.get(&row) else { return Vec::new() };
        // A member that has failed since needs no room: a replay that finds it named as failed leaves it out, and
        // before another disk takes its place a new epoch begins.
        let live = self.sets[task.set()].live();
        let planned = task.planned_writes(self.block_size());
        planned.into_iter().filter(|fragment| live.contains(fragment.slot)).collect()
    }

    fn append_batch(&mut self, set: usize) {
        let journal = &self.sets[set].journal;
        let copies = journal.holders & self.sets[set].live();
        let room = (journal.blocks() - journal.next_block) as usize * BLOCK;
        let all = (journal.blocks() - 1) as usize * BLOCK;
        let mut rows = Vec::new();
        let mut fragments = Vec::new();
        while let Some(row) = self.sets[set].journal.queue.front().copied() {
            let mut more = self.fragments(row);
            if journal::batch_bytes(more.iter()) > all {
                let cut = self.rows.get_mut(&row).is_some_and(|task| task.cut_to(all, more.len()));
                if !cut {
                    self.sets[set].journal.queue.pop_front();
                    self.fail_row(row);
                    continue;
                }
                more = self.fragments(row);
            }
            if journal::batch_bytes(fragments.iter().chain(&more)) > room {
                break;
            }
            fragments.extend(more);
            rows.push(row);
            self.sets[set].journal.queue.pop_front();
        }
        if rows.is_empty() {
            return;
        }
        let journal = &mut self.sets[set].journal;
        let batch = journal::encode_batch(journal.epoch, journal.number, &fragments);
        let at = journal.next_block;
        journal.next_block += (batch.len() / BLOCK) as u64;
        journal.number += 1;
        journal.under_way += rows.len();
        journal.stage = Stage::Appending(rows);
        self.stats.journal_bytes += batch.len() as u64;
        self.write_journal(set, copies, at, batch);
    }

    fn write_journal(&mut self, set: usize, to: SlotSet, block: u64, bytes: Vec<u8>) {
        let ios = to.iter().filter_map(|slot| {
            let space = self.sets[set].journal.space.get(slot.index()).copied().flatten()?;
            let at = Lba(space.start.0 + block);
            let transfer = Transfer::Write { at, bytes: bytes.clone() };
            Some((slot, u32::from(slot.0), transfer))
        });
        let ios = ios.collect();
        self.start_on(set, Owner::Journal(set), ios);
    }

    /// The group that the journal of `set` waited for is done.
    pub(super) fn journal_resumed(&mut self, set: usize, results: Results) {
        if self.sets[set].has_failed() {
            return self.stop_journal(set);
        }
        let failed = failed_slots(&results);
        let slot = |tag: u32| Slot(tag as u8);
        let all: SlotSet = results.iter().map(|(tag, _)| slot(*tag)).collect();
        let worked = results.iter().filter(|(_, result)| result.is_ok());
        let worked: SlotSet = worked.map(|(tag, _)| slot(*tag)).collect();
        failed.iter().for_each(|slot| self.member_failed(set, slot));
        if self.sets[set].has_failed() {
            return self.stop_journal(set);
        }
        let (needed, in_sync) = (self.sets[set].needs_journal, self.sets[set].in_sync());
        let journal = &mut self.sets[set].journal;
        match std::mem::replace(&mut journal.stage, Stage::Idle) {
            Stage::Idle => {}
            // What its cache held is not known to be there. Everything is flushed once more without it.
            Stage::Flushing if worked != all => journal.request_open(),
            Stage::Flushing => self.write_head(set),
            Stage::WritingHead | Stage::FlushingHead if worked.is_empty() => journal.request_open(),
            // Nobody who would be believed holds the batch: its rows must not be written. They wait for a
            // new epoch.
            Stage::Appending(rows) | Stage::FlushingBatch(rows)
                if (worked & in_sync).is_empty() =>
            {
                journal.under_way -= rows.len();
                rows.into_iter().rev().for_each(|row| journal.queue.push_front(row));
                journal.request_open();
            }
            Stage::WritingHead => {
                journal.stage = Stage::FlushingHead;
                self.flush_members(set, worked, Owner::Journal(set));
            }
            Stage::FlushingHead => {
                journal.headed = worked;
                journal.holders = journal.holders & worked;
                journal.next_block = 1;
                journal.number = 0;
                match (journal.holders & in_sync).is_empty() {
                    true => journal.request_open(),
                    false => journal.open = needed,
                }
                self.resume_commit();
            }
            Stage::Appending(rows) => {
                journal.stage = Stage::FlushingBatch(rows);
                self.flush_members(set, worked, Owner::Journal(set));
            }
            Stage::FlushingBatch(rows) => {
                journal.holders = journal.holders & worked;
                journal.held.extend(rows);
            }
        }
        self.pump_journal(set);
    }

    /// A number that no epoch of the set has had.
    pub(super) fn next_epoch(&mut self, set: usize) -> u64 {
        // A disk may come with batches of a number that was used before.
        let random = self.random.u32(..);
        let journal = &mut self.sets[set].journal;
        journal.epoch = ((journal.epoch >> 32) + 1) << 32 | u64::from(random);
        journal.epoch
    }

    /// All that the old epoch held is in place.
    fn write_head(&mut self, set: usize) {
        let wanted = self.wanted_holders(set);
        if wanted.is_empty() {
            return self.no_room_for_a_journal(set);
        }
        // Those that are being filled hold it as well: the record that calls them in sync may be the last
        // before another holder is lost.
        let own = &self.sets[set];
        let holders = wanted | (own.live().without(own.in_sync()) & own.journal.with_room());
        let epoch = self.next_epoch(set);
        let journal = &mut self.sets[set].journal;
        journal.holders = holders;
        journal.stage = Stage::WritingHead;
        let (of, updates) = (self.set_id(set), self.updates());
        let gone = self.sets[set].all().without(self.sets[set].in_sync());
        let owed = self.sets[set].core.status().owed_regions > 0;
        self.sets[set].journal.passed_by = false;
        let to = self.sets[set].live() & self.sets[set].journal.with_room();
        let mut ios = Vec::new();
        for slot in to.iter() {
            let space = self.sets[set].journal.space.get(slot.index()).copied().flatten();
            let Some((space, disk)) = space.zip(self.disk_of(set, slot)) else { continue };
            let update = updates.get(disk).copied().flatten();
            let head = Head { epoch, holders, gone, owed, updates: [update; 2] };
            self.heads.put(disk, of, head);
            let bytes = journal::encode_head(of, head);
            ios.push((slot, u32::from(slot.0), Transfer::Write { at: space.start, bytes }));
        }
        self.start_on(set, Owner::Journal(set), ios);
    }

    /// Rows cannot be kept whole over a power cut, so none is written.
    fn no_room_for_a_journal(&mut self, set: usize) {
        let why = "the write journal: no member that is in sync has room for it";
        self.events.push_back(Event::Refused(ChangeError::Unsupported(why)));
        let all = self.sets[set].all();
        all.iter().for_each(|slot| self.member_failed(set, slot));
    }
}
