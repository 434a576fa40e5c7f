// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mends what a scrub found wrong: corrects the slab and says what to write back.

use super::band::Band;
use super::compute::ComputeError;
use super::copies::CopyWork;
use super::plan::{Buffer, RowPlan, Work, WriteIo, range};
use super::recipe::{Lost, Recipe, Way, parity_bits};
use super::row_work::RowWork;
use super::verify::Mismatch;
use crate::backend::Backend;
use crate::units::{Blocks, Extent, Rows, SlotSet};

/// Whom to believe where redundancy disagrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Repair {
    /// The data, or the copy in the lowest slot that can be read: parity and other copies are
    /// rewritten. What follows an unclean stop, where every version is as good.
    FromData,
    /// Whatever is proven: the slot that P and Q locate, or the copies outside a majority. Rows
    /// without a proof are left as they are. What follows silent corruption.
    Proven,
}

/// What was mended in the slab, and is to be written.
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is mended until it is written"]
pub struct Repaired {
    plan: RowPlan,
    slots: SlotSet,
    rows: Rows,
    left: u64,
}

impl Repaired {
    /// The slots that are rewritten.
    #[must_use]
    pub const fn slots(&self) -> SlotSet {
        self.slots
    }

    /// The rows that are rewritten, in one run.
    #[must_use]
    pub const fn rows(&self) -> Rows {
        self.rows
    }

    /// Rows that disagree and were left as they are.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// What to write, all from the slab.
    pub fn writes(&self) -> impl Iterator<Item = WriteIo> {
        let start = self.rows.start.0.saturating_sub(self.plan.rows().start.0);
        let slots = if self.rows.len == 0 { SlotSet::EMPTY } else { self.slots };
        slots.iter().filter_map(move |slot| {
            let (at, slab) = match &self.plan.work {
                Work::Row(row) => row.whole(slot)?,
                Work::Copies(copies) => (copies.run.on_member(slot), copies.column(slot)),
            };
            Some(WriteIo {
                slot,
                at: Extent::new(at.start.0.saturating_add(start), self.rows.len),
                from: Buffer::Slab(Blocks(slab.0.saturating_add(start))),
            })
        })
    }

    fn add(&mut self, slots: SlotSet, rows: Rows) {
        let start = if self.rows.len == 0 { rows.start } else { self.rows.start };
        self.rows = Rows { start, len: rows.end().0.saturating_sub(start.0) };
        self.slots = self.slots | slots;
    }
}

impl RowPlan {
    /// Mends the slab of a scrub plan and says what to write, by `policy`. The slab is as
    /// [`Self::verify`] found it, or as read.
    ///
    /// # Errors
    /// A slab that is too short. Nothing is to be written then.
    pub fn repair(
        &self,
        backend: Backend,
        slab: &mut [u8],
        policy: Repair,
    ) -> Result<Repaired, ComputeError> {
        let backend = backend.with_bytes_in_use(slab.len());
        let none = Rows { start: self.rows().start, len: 0 };
        let mut repaired = Repaired { plan: *self, slots: SlotSet::EMPTY, rows: none, left: 0 };
        self.compute(backend, slab, &[])?;
        let mut next = self.rows().start;
        while let Some(mismatch) = self.mismatch(backend, slab, next)? {
            let slots = match &self.work {
                Work::Row(row) => self.mend_row(row, backend, slab, policy, &mismatch)?,
                Work::Copies(copies) => self.mend_copies(copies, slab, policy, &mismatch),
            };
            if slots.is_empty() {
                repaired.left = repaired.left.saturating_add(mismatch.rows.len);
            } else {
                repaired.add(slots, mismatch.rows);
            }
            next = mismatch.rows.end();
        }
        Ok(repaired)
    }

    /// Mends rows of a parity level; the slots it changed.
    fn mend_row(
        &self,
        row: &RowWork,
        backend: Backend,
        slab: &mut [u8],
        policy: Repair,
        mismatch: &Mismatch,
    ) -> Result<SlotSet, ComputeError> {
        let start = mismatch.rows.start.0.saturating_sub(self.rows().start.0);
        let band = Self::cut(row, (start, mismatch.rows.len));
        let wrong = match policy {
            Repair::FromData => row.checked_parity(&band),
            Repair::Proven => mismatch.wrong,
        };
        // One slot at most, where all data was read.
        let lost = Lost::among(&row.map, wrong);
        if !lost.is_empty() {
            let recipe = Recipe { lost, parity: 0, ..band.recipe };
            self.recover(row, &Band { recipe, ..band }, backend, slab)?;
        }
        let parity = parity_bits(&row.map, wrong);
        if parity != 0 {
            // What the scrub recovered counts as data here.
            let recipe = Recipe { parity, way: Way::Generate, ..band.recipe };
            self.generate(row, &Band { recipe, ..band }, backend, slab, &[])?;
        }
        Ok(wrong)
    }

    /// Mends rows of copies; the slots it changed.
    fn mend_copies(
        &self,
        copies: &CopyWork,
        slab: &mut [u8],
        policy: Repair,
        mismatch: &Mismatch,
    ) -> SlotSet {
        let right = match policy {
            Repair::FromData => copies.reads.lowest(),
            Repair::Proven => copies.reads.without(mismatch.wrong).lowest(),
        };
        let Some(right) = right else { return SlotSet::EMPTY };
        let wrong = match policy {
            Repair::FromData => copies.reads.without(SlotSet::of(right)),
            Repair::Proven => mismatch.wrong,
        };
        let start = mismatch.rows.start.0.saturating_sub(self.rows().start.0);
        let bytes = |slot| {
            let first = copies.column(slot).checked_add(Blocks(start))?;
            range(first, Blocks(mismatch.rows.len), self.block_size)
        };
        for slot in wrong.iter() {
            if let (Some(from), Some(to)) = (bytes(right), bytes(slot)) {
                copy_inside(slab, from, to);
            }
        }
        wrong
    }
}

/// Copies one range of a buffer over another that it does not overlap.
fn copy_inside(buffer: &mut [u8], from: (usize, usize), to: (usize, usize)) {
    let cut = from.0.max(to.0);
    let Some((low, high)) = buffer.split_at_mut_checked(cut) else { return };
    let len = to.1.saturating_sub(to.0);
    let (source, target) = if from.0 < to.0 {
        (low.get(from.0..from.1), high.get_mut(..len))
    } else {
        (high.get(..len), low.get_mut(to.0..to.1))
    };
    if let (Some(source), Some(target)) = (source, target) {
        target.iter_mut().zip(source).for_each(|(to, from)| *to = *from);
    }
}
