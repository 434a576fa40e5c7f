// SPDX-License-Identifier: MIT OR Apache-2.0
//! Copy windows: the sync engine says which rows, the planner what to read and write.
//!
//! | operation | plan | writes |
//! |---|---|---|
//! | rebuild | reconstruct the targets' blocks | the targets |
//! | resync, initialise | recompute parity, or copy one copy over the others | parity, or the others |
//! | check | read all, compare | nothing |
//! | repair | read all, compare; under the lock: compare again, fix | what is wrong |
//!
//! A check first looks without keeping writers out, so a difference counts only when the sync
//! engine has the rows looked at again under the lock.

use super::group::Results;
use super::row::Work;
use super::{Engine, Event, Owner, failed_slots};
use crate::ledger::Fragment;
use raid_core::metadata::Operation;
use raid_core::stripe::{self, Health, Repair};
use raid_core::units::{Extent, Rows, Slot, SlotSet};
use raid_sync::{CopyResult, Verify, WindowId};

/// Rows that were found not to agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Which set.
    pub set: u16,
    /// First of the rows that were looked at together, and how many differ.
    pub rows: Rows,
    /// The members whose blocks are wrong, where redundancy can tell.
    pub culprits: SlotSet,
    /// Whether the rows were put right.
    pub repaired: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Reading,
    Writing,
}

/// A window under way.
#[derive(Debug)]
pub(super) struct WindowTask {
    number: u64,
    set: usize,
    window: WindowId,
    rows: Rows,
    operation: Operation,
    verify: Verify,
    phase: Phase,
    work: Vec<Work>,
    /// By tag: which work, where in its slab, which slot.
    reads: Vec<(usize, usize, Slot)>,
    mismatches: Vec<Mismatch>,
}

impl Engine {
    #[allow(clippy::too_many_arguments, reason = "the fields of one command")]
    pub(super) fn start_window(
        &mut self,
        set: usize,
        window: WindowId,
        rows: Rows,
        operation: Operation,
        from: SlotSet,
        targets: SlotSet,
        verify: Verify,
    ) {
        let everyone = self.sets[set].all();
        let health = Health {
            unavailable: everyone.without(from | targets),
            write_only: targets.without(from),
        };
        if matches!(operation, Operation::Rebuild { .. }) {
            self.stats.rebuilt_rows += rows.len;
        }
        let number = self.fresh_id();
        let plans: Result<Vec<_>, _> = match operation {
            Operation::Rebuild { .. } => {
                stripe::rebuild(&self.layout, health, targets, rows).collect()
            }
            Operation::Check | Operation::Repair => {
                stripe::scrub(&self.layout, health, rows).collect()
            }
            _ => stripe::resync(&self.layout, health, rows).collect(),
        };
        let Ok(plans) = plans else {
            // Redundancy is gone: the sync engine learns that no row could be done.
            let result = CopyResult::default();
            let _ = self.sets[set].core.copied(self.now, window, result);
            return;
        };
        let block_size = self.block_size();
        let work = plans.into_iter().map(|plan| Work::new(plan, block_size)).collect();
        let task = WindowTask {
            number,
            set,
            window,
            rows,
            operation,
            verify,
            phase: Phase::Reading,
            work,
            reads: Vec::new(),
            mismatches: Vec::new(),
        };
        self.windows.push(task);
        self.read_window(number);
    }

    fn window_index(&self, number: u64) -> Option<usize> {
        self.windows.iter().position(|task| task.number == number)
    }

    fn read_window(&mut self, number: u64) {
        let block = self.block_size() as usize;
        let Some(index) = self.window_index(number) else { return };
        let task = &mut self.windows[index];
        let set = task.set;
        let mut wanted: Vec<(Slot, Extent)> = Vec::new();
        for (work, Work { plan, .. }) in task.work.iter().enumerate() {
            for io in plan.reads() {
                task.reads.push((work, io.slab.0 as usize * block, io.slot));
                wanted.push((io.slot, io.at));
            }
        }
        self.read_members(set, wanted, Owner::Window(number));
    }

    pub(super) fn window_resumed(&mut self, number: u64, results: Results) {
        let Some(index) = self.window_index(number) else { return };
        match self.windows[index].phase {
            Phase::Reading => self.window_read(index, results),
            Phase::Writing => {
                let write_failed = failed_slots(&results);
                self.end_window(index, SlotSet::EMPTY, write_failed);
            }
        }
    }

    fn window_read(&mut self, index: usize, results: Results) {
        let task = &mut self.windows[index];
        let mut failed = SlotSet::EMPTY;
        for (tag, result) in results {
            let (work, offset, slot) = task.reads[tag as usize];
            match result {
                Ok(bytes) => {
                    task.work[work].slab[offset..offset + bytes.len()].copy_from_slice(&bytes);
                }
                Err(_) => failed.insert(slot),
            }
        }
        if !failed.is_empty() {
            return self.end_window(index, failed, SlotSet::EMPTY);
        }
        let scrub = matches!(task.operation, Operation::Check | Operation::Repair);
        let writes = if scrub { self.compare(index) } else { self.compute(index) };
        if writes.is_empty() {
            return self.end_window(index, SlotSet::EMPTY, SlotSet::EMPTY);
        }
        let set = self.windows[index].set;
        let task = &mut self.windows[index];
        task.phase = Phase::Writing;
        let owner = Owner::Window(task.number);
        self.write_members(set, writes, owner);
    }

    /// Rebuild and resync: what the planner says.
    fn compute(&mut self, index: usize) -> Vec<Fragment> {
        let backend = self.backend;
        let block_size = self.geometry.block_size;
        let mut writes = Vec::new();
        for Work { plan, slab } in &mut self.windows[index].work {
            let computed = plan.compute(backend, slab, &[]);
            debug_assert!(computed.is_ok(), "{computed:?}");
            for io in plan.writes() {
                let bytes = io.bytes(block_size, slab, &[]).unwrap_or_default();
                writes.push(Fragment { slot: io.slot, at: io.at, bytes: bytes.to_vec() });
            }
        }
        writes
    }

    /// Check and repair: what differs, and under the lock of a repair how to put it right: what is
    /// proven first, the rest from the data.
    fn compare(&mut self, index: usize) -> Vec<Fragment> {
        let backend = self.backend;
        let block_size = self.geometry.block_size;
        let task = &mut self.windows[index];
        let repairs = matches!(task.verify, Verify::CompareAndFix(_));
        let mut writes = Vec::new();
        for Work { plan, slab } in &mut task.work {
            let set = task.set as u16;
            let found = plan.verify_each(backend, slab, |mismatch| {
                let (rows, culprits) = (mismatch.rows, mismatch.wrong);
                task.mismatches.push(Mismatch { set, rows, culprits, repaired: repairs });
            });
            debug_assert!(found.is_ok(), "{found:?}");
            if !repairs || found.is_ok_and(|verdict| verdict.is_clean()) {
                continue;
            }
            for policy in [Repair::Proven, Repair::FromData] {
                let Ok(repaired) = plan.repair(backend, slab, policy) else { continue };
                for io in repaired.writes() {
                    let bytes = io.bytes(block_size, slab, &[]).unwrap_or_default();
                    writes.push(Fragment { slot: io.slot, at: io.at, bytes: bytes.to_vec() });
                }
            }
        }
        writes
    }

    /// Whether what a window found was seen with writers kept out. The sync engine asks for a second
    /// look at the same rows of the same window only after it has closed it.
    fn is_confirmed(&mut self, task: &WindowTask) -> bool {
        let looks = self.looks.entry((task.set, task.window, task.rows.start)).or_default();
        *looks += 1;
        matches!(task.verify, Verify::CompareAndFix(_)) || *looks > 1
    }

    fn end_window(&mut self, index: usize, read_failed: SlotSet, write_failed: SlotSet) {
        let task = self.windows.remove(index);
        let set = task.set;
        // A member that cannot be read has failed: the rows are done again without it.
        read_failed.iter().for_each(|slot| self.member_failed(set, slot));
        self.note_failures(set, write_failed);
        let mismatched = task.mismatches.iter().map(|mismatch| mismatch.rows.len).sum();
        let good = if read_failed.is_empty() { task.rows.len } else { 0 };
        let confirmed = self.is_confirmed(&task);
        let result = CopyResult { read_failed, write_failed, good, mismatched, unreadable: 0 };
        let _ = self.sets[set].core.copied(self.now, task.window, result);
        if confirmed {
            let events = task.mismatches.into_iter().map(Event::Mismatch);
            self.events.extend(events);
        }
    }
}
