// SPDX-License-Identifier: MIT OR Apache-2.0
//! Work on one run of data blocks and its copies: mirrors, RAID-1E, and levels without redundancy,
//! which have one copy.

use super::plan::{Buffer, SlabIo, WriteIo};
use super::{Health, NotPossible};
use crate::layout::{Layout, Location};
use crate::units::{Blocks, Extent, Lba, Rows, Slot, SlotSet};

/// A run of data blocks that follow one another on every member that holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CopyRun {
    /// The first data block, which is the first row too.
    pub(super) block: u64,
    pub(super) len: u64,
    /// Slots that hold a copy.
    pub(super) slots: SlotSet,
    /// The first copy.
    first: Location,
    /// The only other copy, where it has another address.
    other: Location,
}

impl CopyRun {
    /// The run from `block` on, at most `left` blocks; `None` past the end.
    pub(super) fn new(layout: &Layout<'_>, block: u64, left: u64) -> Option<Self> {
        let first = layout.locate(block)?;
        let slots = layout.copies(block).map(|copy| copy.slot).collect();
        let other = layout.copies(block).nth(1).unwrap_or(first);
        let len = layout.contiguous(block).min(left);
        (len > 0).then_some(Self { block, len, slots, first, other })
    }

    /// Blocks of the member in `slot`.
    pub(super) fn on_member(&self, slot: Slot) -> Extent {
        // Copies of a mirror all have one address, so the second stands for every other.
        let Lba(start) = if slot == self.first.slot { self.first.block } else { self.other.block };
        Extent::new(start, self.len)
    }

    pub(super) const fn rows(&self) -> Rows {
        Rows::new(self.block, self.len)
    }

    /// The copies that can be read.
    ///
    /// # Errors
    /// [`NotPossible::Lost`] if there is none.
    pub(super) fn readable(&self, health: &Health) -> Result<SlotSet, NotPossible> {
        let unreadable = health.unavailable | health.write_only;
        let readable = self.slots.without(unreadable);
        if readable.is_empty() {
            return Err(NotPossible::Lost { missing: self.slots, rows: self.rows() });
        }
        Ok(readable)
    }
}

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CopyWork {
    pub(super) run: CopyRun,
    /// Read, each into its own column of the slab.
    pub(super) reads: SlotSet,
    /// Written: from the request if there is one, else from the first column of the slab.
    pub(super) writes: SlotSet,
    /// Where the run begins in the request that brings new data.
    pub(super) new_data: Option<Blocks>,
}

impl CopyWork {
    pub(super) fn slab_blocks(&self) -> Blocks {
        Blocks(u64::from(self.reads.len()).saturating_mul(self.run.len))
    }

    /// Where the column of `slot` begins in the slab.
    pub(super) fn column(&self, slot: Slot) -> Blocks {
        let before = self.reads & SlotSet::first(u16::from(slot.0));
        Blocks(u64::from(before.len()).saturating_mul(self.run.len))
    }

    pub(super) fn reads(&self) -> impl Iterator<Item = SlabIo> + use<'_> {
        self.reads.iter().map(|slot| SlabIo {
            slot,
            at: self.run.on_member(slot),
            slab: self.column(slot),
        })
    }

    pub(super) fn writes(&self) -> impl Iterator<Item = WriteIo> + use<'_> {
        let from = self.new_data.map_or(Buffer::Slab(Blocks(0)), Buffer::Request);
        self.writes.iter().map(move |slot| WriteIo { slot, at: self.run.on_member(slot), from })
    }
}
