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
use crate::journal::Fragment;
use crate::member::MemberError;
use raid_core::metadata::Operation;
use raid_core::stripe::{self, BadRange, ComputeError, Health, HealthByRow, Repair};
use raid_core::units::{Extent, Lba, Rows, Slot, SlotSet};
use raid_sync::{CopyResult, Policy, Verify, WindowId};

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

/// What the sync engine asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copy {
    pub(super) window: WindowId,
    pub(super) rows: Rows,
    pub(super) operation: Operation,
    /// Members that may be read.
    pub(super) from: SlotSet,
    pub(super) targets: SlotSet,
    pub(super) verify: Verify,
}

/// A window under way.
#[derive(Debug)]
pub(super) struct WindowTask {
    number: u64,
    set: usize,
    /// With the rows and the members that are left of those commanded.
    copy: Copy,
    phase: Phase,
    work: Vec<Work>,
    /// By tag: which work, where in its slab, which slot.
    reads: Vec<(usize, usize, Slot)>,
    mismatches: Vec<Mismatch>,
    /// Blocks that could not be read. Every other row asks every source.
    bad: Vec<BadRange>,
    /// Members that have failed to be read.
    read_failed: SlotSet,
    /// Rows behind the others that no member gives.
    unreadable: u64,
    /// What is written, member by member.
    written: Vec<(Slot, Extent)>,
}

impl WindowTask {
    pub(super) fn is(&self, number: u64, set: usize) -> bool {
        (self.number, self.set) == (number, set)
    }
}

impl Engine {
    pub(super) fn start_window(&mut self, set: usize, copy: Copy) {
        if matches!(copy.operation, Operation::Rebuild { .. }) {
            self.stats.rebuilt_rows += copy.rows.len;
        }
        let number = self.fresh_id();
        let work = self.plan_window(set, &copy, &[]);
        self.windows.push(WindowTask {
            number,
            set,
            copy,
            phase: Phase::Reading,
            work: Vec::new(),
            reads: Vec::new(),
            mismatches: Vec::new(),
            bad: Vec::new(),
            read_failed: SlotSet::EMPTY,
            unreadable: 0,
            written: Vec::new(),
        });
        self.go_on(number, work);
    }

    /// What to read and write with these members; `None` if they do not suffice.
    fn plan_window(&self, set: usize, copy: &Copy, bad: &[BadRange]) -> Option<Vec<Work>> {
        let Copy { rows, from, targets, .. } = *copy;
        let everyone = self.sets[set].all();
        let health = Health {
            unavailable: everyone.without(from | targets),
            write_only: targets.without(from),
        };
        let health = HealthByRow { health, marks: &[], bad };
        let plans: Result<Vec<_>, _> = match copy.operation {
            Operation::Rebuild { .. } => {
                stripe::rebuild(&self.layout, health, targets, rows).collect()
            }
            Operation::Check | Operation::Repair => {
                stripe::scrub(&self.layout, health, rows).collect()
            }
            _ => stripe::resync(&self.layout, health, rows).collect(),
        };
        let block_size = self.block_size();
        Some(plans.ok()?.into_iter().map(|plan| Work::new(plan, block_size)).collect())
    }

    /// Reads a window as planned. Where there is no plan the sync engine learns that no row could be
    /// done.
    fn go_on(&mut self, number: u64, work: Option<Vec<Work>>) {
        let Some(index) = self.window_index(number) else { return };
        let Some(work) = work else {
            self.windows[index].copy.rows.len = 0;
            return self.end_window(index, SlotSet::EMPTY);
        };
        let task = &mut self.windows[index];
        task.reads.clear();
        task.work = work;
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
                let failed = self.sets[self.windows[index].set].has_failed();
                // Writes to a set that has failed were refused: that says nothing of its members.
                let write_failed = if failed { SlotSet::EMPTY } else { failed_slots(&results) };
                self.end_window(index, write_failed);
            }
        }
    }

    fn window_read(&mut self, index: usize, results: Results) {
        let task = &mut self.windows[index];
        let mut unread = Vec::new();
        for (tag, result) in results {
            let (work, offset, slot) = task.reads[tag as usize];
            match result {
                Ok(bytes) => {
                    task.work[work].slab[offset..offset + bytes.len()].copy_from_slice(&bytes);
                }
                Err(why) => unread.push((slot, why)),
            }
        }
        if self.sets[task.set].has_failed() {
            // Nothing is written any more.
            task.copy.rows.len = 0;
            return self.end_window(index, SlotSet::EMPTY);
        }
        if !unread.is_empty() {
            return self.read_elsewhere(index, &unread);
        }
        let scrub = matches!(task.copy.operation, Operation::Check | Operation::Repair);
        let writes = if scrub { self.compare(index) } else { self.compute(index) };
        let writes = match writes {
            Ok(writes) => writes,
            Err(why) => {
                let task = &mut self.windows[index];
                task.copy.rows.len = 0;
                task.mismatches.clear();
                let set = task.set;
                self.miscomputed(set, why);
                return self.end_window(index, SlotSet::EMPTY);
            }
        };
        if writes.is_empty() {
            return self.end_window(index, SlotSet::EMPTY);
        }
        let set = self.windows[index].set;
        let task = &mut self.windows[index];
        task.phase = Phase::Writing;
        task.written = writes.iter().map(|write| (write.slot, write.at)).collect();
        let owner = Owner::Window(task.number);
        if matches!(task.copy.operation, Operation::Rebuild { .. }) {
            self.sets[set].journal.pass_by();
        }
        self.write_members(set, writes, owner);
    }

    /// Rebuild and resync: what the planner says.
    fn compute(&mut self, index: usize) -> Result<Vec<Fragment>, ComputeError> {
        let backend = self.backend;
        let block_size = self.geometry.block_size;
        let mut writes = Vec::new();
        for Work { plan, slab } in &mut self.windows[index].work {
            plan.compute(backend, slab, &[])?;
            for io in plan.writes() {
                let bytes = io.bytes(block_size, slab, &[]).unwrap_or_default();
                writes.push(Fragment { slot: io.slot, at: io.at, bytes: bytes.to_vec() });
            }
        }
        Ok(writes)
    }

    /// Check and repair: what differs, and under the lock of a repair how to put it right, as the policy of
    /// the command says. Where a block could not be read, what was computed for it is no witness: only what
    /// is proven is put right there, and the rest is left as it is.
    fn compare(&mut self, index: usize) -> Result<Vec<Fragment>, ComputeError> {
        let backend = self.backend;
        let block_size = self.geometry.block_size;
        let task = &mut self.windows[index];
        let policies: &[Repair] = match task.copy.verify {
            Verify::CompareAndFix(Policy::Majority) => &[Repair::Proven, Repair::FromData],
            Verify::CompareAndFix(Policy::First) => &[Repair::FromData],
            Verify::Compare | Verify::Overwrite => &[],
        };
        let mut writes = Vec::new();
        for Work { plan, slab } in &mut task.work {
            let first = task.mismatches.len();
            let set = task.set as u16;
            let found = plan.verify_each(backend, slab, |mismatch| {
                let (rows, culprits) = (mismatch.rows, mismatch.wrong);
                task.mismatches.push(Mismatch { set, rows, culprits, repaired: false });
            })?;
            if found.is_clean() {
                continue;
            }
            let gap = task.bad.iter().any(|bad| plan.reads().any(|io| io.at.overlaps(bad.at)));
            for policy in policies {
                if gap && *policy == Repair::FromData {
                    continue;
                }
                let repaired = plan.repair(backend, slab, *policy)?;
                for io in repaired.writes() {
                    let bytes = io.bytes(block_size, slab, &[]).unwrap_or_default();
                    writes.push(Fragment { slot: io.slot, at: io.at, bytes: bytes.to_vec() });
                }
                for mismatch in &mut task.mismatches[first..] {
                    mismatch.repaired |=
                        *policy == Repair::FromData || !mismatch.culprits.is_empty();
                }
            }
        }
        Ok(writes)
    }

    /// Whether what a window found was seen with writers kept out. The sync engine asks for a second
    /// look at the same rows of the same window only after it has closed it.
    fn is_confirmed(&mut self, task: &WindowTask) -> bool {
        let looks = self.looks.entry((task.set, task.copy.window)).or_default();
        *looks += 1;
        matches!(task.copy.verify, Verify::CompareAndFix(_)) || *looks > 1
    }

    /// A member that cannot be read has failed, and the rows are read again without it. A block that is
    /// bad on its own is left to the list of bad ranges, where the format has one: its row asks the other
    /// sources, the rows around it go on as they were. A row that no source gives ends the window: the rows
    /// before it are done first, then the sync engine is told.
    fn read_elsewhere(&mut self, index: usize, unread: &[(Slot, MemberError)]) {
        let keeps_ranges = self.format.capabilities().bad_ranges > 0;
        let task = &self.windows[index];
        let (set, number, mut copy, mut bad) = (task.set, task.number, task.copy, task.bad.clone());
        let [mut failed, mut left] = [SlotSet::EMPTY; 2];
        for (slot, why) in unread {
            let row = |at: Lba| at.0.wrapping_sub(self.disk_block(set, *slot, Lba(0)).0);
            match why {
                MemberError::Unreadable(at)
                    if keeps_ranges
                        && (copy.rows.start.0..copy.rows.end().0).contains(&row(*at)) =>
                {
                    bad.push(BadRange { slot: *slot, at: Extent::new(row(*at), 1) });
                }
                MemberError::Left => left.insert(*slot),
                _ => failed.insert(*slot),
            }
        }
        copy.from = copy.from.without(failed | left);
        copy.targets = copy.targets.without(failed | left);
        failed.iter().for_each(|slot| self.member_failed(set, slot));
        let mut unreadable = self.windows[index].unreadable;
        if let Some(lost) = self.first_lost_row(set, &copy, &bad) {
            unreadable = 1;
            copy.rows.len = lost - copy.rows.start.0;
        }
        let work = match copy.rows.len {
            0 => None,
            _ => self.plan_window(set, &copy, &bad),
        };
        let task = &mut self.windows[index];
        (task.copy, task.bad, task.unreadable) = (copy, bad, unreadable);
        task.read_failed = task.read_failed | failed;
        task.mismatches.clear();
        self.go_on(number, work);
    }

    /// The first of the rows with a bad block that the sources together do not give.
    fn first_lost_row(&self, set: usize, copy: &Copy, bad: &[BadRange]) -> Option<u64> {
        let inside = copy.rows.start.0..copy.rows.end().0;
        let rows = bad.iter().map(|bad| bad.at.start.0).filter(|row| inside.contains(row));
        let alone = |row: &u64| Copy { rows: Rows::new(*row, 1), ..*copy };
        rows.filter(|row| self.plan_window(set, &alone(row), bad).is_none()).min()
    }

    fn end_window(&mut self, index: usize, write_failed: SlotSet) {
        let mut task = self.windows.remove(index);
        let set = task.set;
        self.note_failures(set, write_failed);
        let rebuild = matches!(task.copy.operation, Operation::Rebuild { .. });
        if rebuild {
            self.sets[set].journal.pass_by();
        } else if !self.sets[set].has_failed() {
            let written = task.written.iter().filter(|(slot, _)| !write_failed.contains(*slot));
            for (slot, at) in written {
                self.sets[set].core.rewritten(*slot, Rows::new(at.start.0, at.len.0));
            }
        }
        // Where a member could not be written, not all of it was put right.
        task.mismatches.iter_mut().for_each(|found| found.repaired &= write_failed.is_empty());
        let mismatched = task.mismatches.iter().map(|mismatch| mismatch.rows.len).sum();
        let mended = task.mismatches.iter().filter(|mismatch| mismatch.repaired);
        let repaired = mended.map(|mismatch| mismatch.rows.len).sum();
        let confirmed = self.is_confirmed(&task);
        let WindowTask { read_failed, unreadable, copy: Copy { window, rows, .. }, .. } = task;
        let good = rows.len;
        let result =
            CopyResult { read_failed, write_failed, good, mismatched, repaired, unreadable };
        let taken = self.sets[set].core.copied(self.now, window, result);
        self.expect(set, taken);
        if confirmed {
            let events = task.mismatches.into_iter().map(Event::Mismatch);
            self.events.extend(events);
        }
    }
}
