// SPDX-License-Identifier: MIT OR Apache-2.0
//! Work on one run of data blocks and its copies: mirrors, RAID-1E, and levels without redundancy,
//! which have one copy.

use super::plan::{Buffer, SlabIo, WriteIo};
use super::row_work::Totals;
use super::{Health, NotPossible};
use crate::layout::{Layout, Location, Spread};
use crate::units::{Blocks, Extent, Lba, Rows, Slot, SlotSet};

/// A run of data blocks that follow one another on every member that holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CopyRun {
    /// The first data block, which is the first row too.
    pub(super) block: u64,
    pub(super) len: u64,
    /// The first copy.
    first: Location,
    /// The way from there to the others.
    spread: Spread,
    /// Copies.
    copies: u16,
    /// Slots of the set.
    of: u16,
}

impl CopyRun {
    /// The run from `block` on, at most `left` blocks; `None` past the end.
    #[inline]
    pub(super) fn new(layout: &Layout<'_>, block: u64, left: u64) -> Option<Self> {
        let (first, run) = layout.run(block)?;
        let (copies, of, len) = (layout.copy_count(), layout.geometry().slots, run.min(left));
        (len > 0).then_some(Self { block, len, first, spread: layout.spread(), copies, of })
    }

    /// Slots that hold a copy.
    #[inline]
    pub(super) fn slots(&self) -> SlotSet {
        SlotSet::circular(self.first.slot.0.into(), self.copies, self.of)
    }

    /// Blocks of the member in `slot`.
    #[inline]
    pub(super) fn on_member(&self, slot: Slot) -> Extent {
        let (at, first) = (u16::from(slot.0), u16::from(self.first.slot.0));
        let copy = at.checked_sub(first);
        let copy = copy.unwrap_or(at.saturating_add(self.of).saturating_sub(first));
        Extent { start: self.spread.copy(self.first, copy, self.of).block, len: Blocks(self.len) }
    }

    /// Those of its blocks that are in `rows`, and how many come before them.
    fn within(&self, rows: Rows) -> (Self, u64) {
        let (from, to) = (self.block.max(rows.start.0), self.rows().end().0.min(rows.end().0));
        let before = from.saturating_sub(self.block).min(self.len);
        let Location { slot, block } = self.first;
        let first = Location { slot, block: Lba(block.0.saturating_add(before)) };
        let block = self.block.saturating_add(before);
        (Self { block, len: to.saturating_sub(from), first, ..*self }, before)
    }

    /// The first `len` blocks.
    pub(super) const fn cut(self, len: u64) -> Self {
        Self { len, ..self }
    }

    pub(super) const fn rows(&self) -> Rows {
        Rows::new(self.block, self.len)
    }

    /// First block of the first copy.
    pub(super) const fn first_block(&self) -> u64 {
        self.first.block.0
    }

    /// The copies that can be read.
    ///
    /// # Errors
    /// [`NotPossible::Lost`] if there is none.
    pub(super) fn readable(&self, health: &Health) -> Result<SlotSet, NotPossible> {
        let readable = self.slots().without(health.unreadable());
        if readable.is_empty() {
            return Err(NotPossible::Lost { missing: self.slots(), rows: self.rows() });
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
    /// Written: new data from the request, else from the first column of the slab.
    pub(super) writes: SlotSet,
    /// Whether the request brings new data.
    pub(super) new_data: bool,
}

impl CopyWork {
    /// No copies of no blocks.
    pub(super) const NONE: Self = Self {
        run: CopyRun {
            block: 0,
            len: 0,
            first: Location { slot: Slot(0), block: Lba(0) },
            spread: Spread { stride: 0, wrap: 0 },
            copies: 0,
            of: 0,
        },
        reads: SlotSet::EMPTY,
        writes: SlotSet::EMPTY,
        new_data: false,
    };

    /// The work on those of its blocks that are in `rows`, and how many come before them.
    pub(super) fn within(&self, rows: Rows) -> (Self, u64) {
        let (run, before) = self.run.within(rows);
        let none = run.len == 0;
        let of = |slots| if none { SlotSet::EMPTY } else { slots };
        (Self { run, reads: of(self.reads), writes: of(self.writes), ..*self }, before)
    }

    #[inline]
    pub(super) fn totals(&self) -> Totals {
        let (reads, writes) = (self.reads.len(), self.writes.len());
        Totals { slab: Blocks(u64::from(reads).saturating_mul(self.run.len)), reads, writes }
    }

    /// Where the column of `slot` begins in the slab.
    pub(super) fn column(&self, slot: Slot) -> Blocks {
        let before = self.reads & SlotSet::first(u16::from(slot.0));
        Blocks(u64::from(before.len()).saturating_mul(self.run.len))
    }

    #[inline]
    pub(super) fn reads(&self) -> impl Iterator<Item = SlabIo> + use<'_> {
        self.reads.iter().map(|slot| SlabIo {
            slot,
            at: self.run.on_member(slot),
            slab: self.column(slot),
        })
    }

    /// `offset` is where the run begins in the request.
    #[inline]
    pub(super) fn writes(&self, offset: Blocks) -> impl Iterator<Item = WriteIo> + use<'_> {
        let from = if self.new_data { Buffer::Request(offset) } else { Buffer::Slab(Blocks(0)) };
        self.writes.iter().map(move |slot| WriteIo { slot, at: self.run.on_member(slot), from })
    }
}
