// SPDX-License-Identifier: MIT OR Apache-2.0
//! Executes plans step by step, as an embedder does, on members that fail between any two steps.
//!
//! A step is one read from a member or one write to one. The embedder learns of a failure at its next
//! step on that member, and then
//!
//! | where | does |
//! |---|---|
//! | a read | gives the plan up, and asks for another for what is left of the request |
//! | a write, careful | writes the others: what the plan computed holds the lost block too |
//! | a write, careless | gives the plan up in the middle, and plans the part anew without trusting parity |
//!
//! When everything stops in the middle (power), the rows under way are resynced. Blocks of the request
//! are old or new then. Only in a row of which some members were written and others not may a block
//! that no member holds any more become anything: the write hole. Nothing else changes.

use crate::stripe::world::{BLOCK, World, bytes};
use raid_core::backend::Backend;
use raid_core::layout::{Layout, Role};
use raid_core::stripe::{
    self, BadRange, Health, HealthByRow, Mark, Method, ReadStep, Repair, RowPlan, WriteIo,
};
use raid_core::units::{Extent, Row, Rows, Slot, SlotSet};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// A member is gone.
    Die(u8),
    /// Blocks of a member cannot be read until they are written.
    Spoil(u8, u64, u64),
    /// Everything stops; of the write under way only the first half is done.
    Stop,
}

/// Why a plan was left.
enum Left {
    /// A step failed before anything was written, or where nothing depends on the rest.
    Again,
    /// A write failed, and the careless embedder left the rest undone.
    Halfway(Progress),
    Stopped(Progress),
}

/// Why a step was not done.
enum Failed {
    Member,
    Stopped,
}

/// Of each row of a plan, how many of its blocks were written, and how many were to be.
type Progress = BTreeMap<u64, (u64, u64)>;

/// What the planner is told, apart from the members that it is told of.
struct Told {
    layout: Layout<'static>,
    health: Health,
    marks: Vec<Mark>,
    bad: Vec<BadRange>,
}

impl Told {
    fn by_row(&self) -> HealthByRow<'_> {
        HealthByRow { health: self.health, marks: &self.marks, bad: &self.bad }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Pass {
    Rebuild(SlotSet),
    Resync,
    Scrub,
}

pub(crate) struct Machine {
    pub(crate) world: World,
    /// What is to go wrong, and before which step.
    pub(crate) faults: Vec<(u32, Fault)>,
    pub(crate) steps: u32,
    /// Gone, and nobody knows yet.
    dead: SlotSet,
    /// Unreadable, and nobody knows yet.
    weak: BTreeSet<(Slot, u64)>,
    careful: bool,
    /// Data blocks that an interruption left to be found out.
    pub(crate) open: BTreeSet<u64>,
    /// Rows of which an interruption left a write hole.
    pub(crate) holes: u32,
}

impl Machine {
    pub(crate) fn new(world: World, careful: bool) -> Self {
        Self {
            world,
            faults: Vec::new(),
            steps: 0,
            dead: SlotSet::EMPTY,
            weak: BTreeSet::new(),
            careful,
            open: BTreeSet::new(),
            holes: 0,
        }
    }

    /// What is to go wrong from now on; steps are counted anew.
    pub(crate) fn expect(&mut self, faults: Vec<(u32, Fault)>) {
        (self.faults, self.steps) = (faults, 0);
    }

    fn told(&self) -> Told {
        let World { layout, health, .. } = self.world;
        Told { layout, health, marks: self.world.marks.clone(), bad: self.world.bad.clone() }
    }

    /// The set as it is, not as it is known.
    fn truth(&self) -> World {
        let mut truth = self.world.clone();
        truth.health.unavailable = truth.health.unavailable | self.dead;
        let weak = self.weak.iter();
        truth.bad.extend(weak.map(|(slot, at)| BadRange { slot: *slot, at: Extent::new(*at, 1) }));
        truth
    }

    fn befall(&mut self, fault: Fault) {
        let slots = self.world.layout.geometry().slots;
        let member = |slot: u8| Slot((u16::from(slot) % slots) as u8);
        match fault {
            Fault::Die(slot) if self.truth().survives_without(member(slot)) => {
                self.dead.insert(member(slot));
                self.weak.retain(|weak| weak.0 != member(slot));
                let blocks = self.world.member_blocks(member(slot));
                self.world.members[member(slot).index()] = self.world.noise(blocks);
            }
            Fault::Spoil(slot, start, len) => {
                let (slot, end) = (member(slot), self.world.member_blocks(member(slot)));
                let mut after = self.truth();
                let at = Extent::new(start % end, len.min(end - start % end));
                after.bad.push(BadRange { slot, at });
                if self.dead.contains(slot) || !after.survives() {
                    return;
                }
                self.weak.extend((0..at.len.0).map(|block| (slot, at.start.0 + block)));
                let noise = self.world.noise(at.len.0);
                self.world.members[slot.index()][bytes(at)].copy_from_slice(&noise);
            }
            Fault::Die(_) | Fault::Stop => {}
        }
    }

    /// Before a step: what goes wrong now. Whether everything stops.
    fn step(&mut self) -> bool {
        let now: Vec<_> =
            self.faults.iter().filter(|fault| fault.0 == self.steps).copied().collect();
        self.steps += 1;
        now.iter().for_each(|fault| self.befall(fault.1));
        now.iter().any(|fault| matches!(fault.1, Fault::Stop))
    }

    fn notice(&mut self, slot: Slot) -> Failed {
        self.dead.remove(slot);
        self.world.fail(slot);
        Failed::Member
    }

    /// Everything that has failed is known.
    pub(crate) fn notice_all(&mut self) {
        self.faults.clear();
        for slot in self.dead.iter() {
            self.notice(slot);
        }
        for (slot, at) in std::mem::take(&mut self.weak) {
            self.world.bad.push(BadRange { slot, at: Extent::new(at, 1) });
        }
    }

    fn read_member(&mut self, slot: Slot, at: Extent) -> Result<Vec<u8>, Failed> {
        if self.step() {
            return Err(Failed::Stopped);
        }
        if self.dead.contains(slot) {
            return Err(self.notice(slot));
        }
        let mut found = false;
        for block in at.start.0..at.start.0 + at.len.0 {
            assert!(self.world.readable(slot, block), "reads slot {slot} block {block}");
            if self.weak.remove(&(slot, block)) {
                self.world.bad.push(BadRange { slot, at: Extent::new(block, 1) });
                found = true;
            }
        }
        if found {
            return Err(Failed::Member);
        }
        Ok(self.world.members[slot.index()][bytes(at)].to_vec())
    }

    /// How many blocks were written, and why not all.
    fn write_member(&mut self, slot: Slot, at: Extent, new: &[u8]) -> (u64, Option<Failed>) {
        let stopped = self.step();
        if self.dead.contains(slot) {
            return (0, Some(if stopped { Failed::Stopped } else { self.notice(slot) }));
        }
        let done = if stopped { at.len.0 / 2 } else { at.len.0 };
        let at = Extent::new(at.start.0, done);
        self.world.members[slot.index()][bytes(at)].copy_from_slice(&new[..done as usize * BLOCK]);
        let end = at.start.0 + done;
        self.weak.retain(|(weak, block)| *weak != slot || *block < at.start.0 || *block >= end);
        (done, stopped.then_some(Failed::Stopped))
    }

    fn fill_slab(&mut self, plan: &RowPlan) -> Result<Vec<u8>, Left> {
        self.world.assert_reads_are_allowed(plan);
        let mut slab = self.world.noise(plan.slab_blocks().0);
        for io in plan.reads() {
            match self.read_member(io.slot, io.at) {
                Ok(read) => io.bytes(512, &mut slab).unwrap().copy_from_slice(&read),
                Err(Failed::Member) => return Err(Left::Again),
                Err(Failed::Stopped) => return Err(Left::Stopped(Progress::new())),
            }
        }
        Ok(slab)
    }

    fn write_all(&mut self, writes: &[WriteIo], slab: &[u8], new: &[u8]) -> Result<(), Left> {
        let mut progress = Progress::new();
        let rows = |world: &World, io: &WriteIo, len| {
            (0..len).map(|block| world.row_of(io.slot, io.at.start.0 + block).unwrap()).collect()
        };
        for io in writes {
            let due: Vec<_> = rows(&self.world, io, io.at.len.0);
            due.iter().for_each(|row| progress.entry(*row).or_default().1 += 1);
        }
        for io in writes {
            let (done, failed) =
                self.write_member(io.slot, io.at, io.bytes(512, slab, new).unwrap());
            let written: Vec<_> = rows(&self.world, io, done);
            written.iter().for_each(|row| progress.entry(*row).or_default().0 += 1);
            match failed {
                None => {}
                Some(Failed::Stopped) => return Err(Left::Stopped(progress)),
                Some(Failed::Member) if self.careful => {
                    let due: Vec<_> = rows(&self.world, io, io.at.len.0);
                    due.iter().for_each(|row| progress.entry(*row).or_default().1 -= 1);
                }
                Some(Failed::Member) => return Err(Left::Halfway(progress)),
            }
        }
        Ok(())
    }

    fn attempt(&mut self, plan: &RowPlan, new: &[u8]) -> Result<(), Left> {
        let mut slab = self.fill_slab(plan)?;
        if plan.method() == Method::Scrub {
            assert!(plan.verify(Backend::portable(), &mut slab).unwrap().is_clean());
        } else {
            plan.compute(Backend::portable(), &mut slab, new).unwrap();
        }
        self.world.assert_writes_are_allowed(plan);
        self.write_all(&plan.writes().collect::<Vec<_>>(), &slab, new)
    }

    /// Writes; whether it came to the end.
    pub(crate) fn write(&mut self, at: Extent, new: &[u8]) -> bool {
        let mut next = 0;
        while next < at.len.0 {
            let told = self.told();
            let rest = Extent::new(at.start.0 + next, at.len.0 - next);
            let plan = stripe::write(&told.layout, told.by_row(), rest).next().unwrap().unwrap();
            let here = Extent { start: rest.start, len: plan.request().unwrap().len };
            let new = &new[next as usize * BLOCK..];
            match self.attempt(&plan, new) {
                Ok(()) => self.world.model[bytes(here)]
                    .copy_from_slice(&new[..here.len.0 as usize * BLOCK]),
                Err(Left::Again) => continue,
                Err(Left::Halfway(progress)) => self.write_anew(here, new, &progress),
                Err(Left::Stopped(progress)) => {
                    self.settle(here, new, &progress, false);
                    return false;
                }
            }
            next += here.len.0;
        }
        true
    }

    /// Writes a part anew that was left halfway. Its parity may not agree with the data.
    fn write_anew(&mut self, here: Extent, new: &[u8], progress: &Progress) {
        let careful = std::mem::replace(&mut self.careful, true);
        self.faults.clear();
        let mut agrees = true;
        'again: loop {
            let told = self.told();
            let plans = stripe::write(&told.layout, told.by_row(), here);
            let sound: Result<Vec<_>, _> = plans.clone().distrusting_parity().collect();
            agrees &= sound.is_ok();
            // Lost data that stays can only come from parity that may be wrong.
            for plan in sound.unwrap_or_else(|_| plans.map(Result::unwrap).collect()) {
                match self.attempt(&plan, new) {
                    Ok(()) => {}
                    Err(Left::Again) => continue 'again,
                    Err(_) => unreachable!("careful, and nothing stops"),
                }
            }
            break;
        }
        self.careful = careful;
        if agrees {
            let len = here.len.0 as usize * BLOCK;
            self.world.model[bytes(here)].copy_from_slice(&new[..len]);
        } else {
            self.settle(here, new, progress, true);
        }
    }

    /// Whether no member holds a data block any more, so that parity must give it.
    fn homeless(&self, block: u64) -> bool {
        let layout = &self.world.layout;
        let row = layout.rows_of(Extent::new(block, 1)).start.0;
        let interleaved = layout.slots().iter().any(|slot| {
            matches!(layout.role(slot, row), Role::Interleaved { .. })
                && !self.world.readable(slot, row)
        });
        match layout.locate(block) {
            Some(_) => {
                !layout.copies(block).any(|copy| self.world.readable(copy.slot, copy.block.0))
            }
            None => interleaved,
        }
    }

    /// After an interruption: resyncs the rows, and finds that only what may have changed has.
    /// `finished`: the request was written after all.
    fn settle(&mut self, here: Extent, new: &[u8], progress: &Progress, finished: bool) {
        self.notice_all();
        let told = self.told();
        let rows = told.layout.rows_of(here);
        for plan in stripe::resync(&told.layout, told.by_row(), rows) {
            self.world.execute(&plan.unwrap(), &[]);
        }
        let whole = Extent::new(0, told.layout.set_blocks().0);
        let read: Vec<u8> =
            self.world.try_read(whole, None).into_iter().flat_map(Result::unwrap).collect();
        for (block, found) in (0..).zip(read.chunks(BLOCK)) {
            let row = told.layout.rows_of(Extent::new(block, 1)).start.0;
            let (done, due) = progress.get(&row).copied().unwrap_or_default();
            let hole = done > 0 && done < due && self.homeless(block);
            let old = self.world.modelled(block);
            let at = block.checked_sub(here.start.0).filter(|at| *at < here.len.0);
            let fits = if let Some(at) = at {
                self.open.insert(block);
                let new = &new[bytes(Extent::new(at, 1))];
                let mut each = found.iter().zip(old).zip(new);
                match (done, finished) {
                    (_, true) => found == new,
                    (0, _) => found == old,
                    _ if done == due => found == new,
                    _ => hole || each.all(|((found, old), new)| found == old || found == new),
                }
            } else {
                found == old || hole
            };
            assert!(fits, "block {block} of {:?}, {done} of {due}", told.layout.geometry());
            if hole && at.is_none() && found != old {
                self.holes += 1;
                self.open.insert(block);
            }
        }
        self.world.model = read;
        self.world.assert_members_agree();
    }

    /// Reads; whether it came to the end.
    pub(crate) fn read(&mut self, at: Extent, prefer: Option<Slot>) -> bool {
        let mut next = 0;
        while next < at.len.0 {
            let told = self.told();
            let rest = Extent::new(at.start.0 + next, at.len.0 - next);
            let mut request = vec![0; rest.len.0 as usize * BLOCK];
            let step = stripe::read(&told.layout, told.by_row(), rest, prefer).next().unwrap();
            let read = match step.unwrap() {
                ReadStep::Direct(io) => match self.read_member(io.slot, io.at) {
                    Ok(read) => Ok(read),
                    Err(Failed::Member) => Err(Left::Again),
                    Err(Failed::Stopped) => return false,
                },
                ReadStep::Reconstruct(plan) => self.fill_slab(&plan).map(|mut slab| {
                    plan.compute(Backend::portable(), &mut slab, &[]).unwrap();
                    plan.extract(&slab, &mut request).unwrap();
                    request.truncate(plan.request().unwrap().len.0 as usize * BLOCK);
                    request
                }),
            };
            match read {
                Ok(read) => {
                    let here = Extent::new(rest.start.0, (read.len() / BLOCK) as u64);
                    assert!(read == self.world.model[bytes(here)], "{here:?}");
                    next += here.len.0;
                }
                Err(Left::Stopped(_)) => return false,
                Err(_) => {}
            }
        }
        true
    }

    /// Goes over rows; whether it came to the end.
    pub(crate) fn pass(&mut self, pass: Pass, rows: Rows) -> bool {
        let (mut next, end) = (rows.start.0, rows.end().0);
        while next < end {
            let told = self.told();
            let (layout, health, rows) = (&told.layout, told.by_row(), Rows::new(next, end - next));
            let plan = match pass {
                Pass::Rebuild(targets) => stripe::rebuild(layout, health, targets, rows),
                Pass::Resync => stripe::resync(layout, health, rows),
                Pass::Scrub => stripe::scrub(layout, health, rows),
            };
            let Some(plan) = { plan }.next() else { break };
            let plan = plan.unwrap();
            match self.attempt(&plan, &[]) {
                Ok(()) => next = plan.rows().end().0,
                Err(Left::Again | Left::Halfway(_)) => {}
                Err(Left::Stopped(_)) => return false,
            }
        }
        true
    }

    /// Fills every member that is being filled, `window` rows at a time, its mark following; whether
    /// it came to the end.
    pub(crate) fn rebuild(&mut self, window: u64) -> bool {
        let end = self.world.layout.rows();
        let empty = std::mem::take(&mut self.world.health.write_only);
        self.world.marks.extend(empty.iter().map(|slot| Mark { slot, row: Row(0) }));
        while let Some(Mark { slot, row: Row(row) }) = self.world.marks.first().copied() {
            if row >= end {
                self.world.marks.remove(0);
                continue;
            }
            let rows = Rows::new(row, window.min(end - row));
            if !self.pass(Pass::Rebuild(SlotSet::of(slot)), rows) {
                return false;
            }
            let marks = self.world.marks.iter_mut();
            marks.filter(|mark| mark.slot == slot).for_each(|mark| mark.row = rows.end());
        }
        true
    }

    /// Spoils a block unnoticed, finds it and mends it, stopping wherever it must and beginning again.
    /// Only for sets that can prove which block is wrong.
    pub(crate) fn mend(&mut self, slot: Slot, block: u64) {
        self.faults.retain(|fault| matches!(fault.1, Fault::Stop));
        self.world.members[slot.index()][block as usize * BLOCK + 7] ^= 0x11;
        let told = self.told();
        let rows = Rows::new(0, told.layout.rows());
        while !self.mend_once(&told, rows) {}
        self.world.assert_members_agree();
    }

    fn mend_once(&mut self, told: &Told, rows: Rows) -> bool {
        for plan in stripe::scrub(&told.layout, told.by_row(), rows) {
            let plan = plan.unwrap();
            let Ok(mut slab) = self.fill_slab(&plan) else { return false };
            let repaired = plan.repair(Backend::portable(), &mut slab, Repair::Proven).unwrap();
            assert_eq!(repaired.left(), 0);
            if self.write_all(&repaired.writes().collect::<Vec<_>>(), &slab, &[]).is_err() {
                return false;
            }
        }
        true
    }

    /// Whether a wrong block can be told from the right ones, and every member is there.
    pub(crate) fn proves(&self) -> bool {
        let truth = self.truth();
        let redundant =
            truth.layout.geometry().parity_strips() == 2 || truth.layout.copy_count() > 2;
        let whole = (truth.health.unavailable | truth.health.write_only).is_empty();
        redundant && whole && truth.marks.is_empty() && truth.bad.is_empty()
    }
}
