// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the stripe rows of a set end, and where a request is cut that crosses their ends.
//!
//! ```text
//! rows        D0   D1   D2      a request from the end of D0 to the start of D1 has two pieces,
//!   0         .    ##   .       whose rows have a gap between them; one that covers more of
//!   1         .    .    .       both strips, or D2 as well, is one piece
//!   2         .    .    .
//!   3         ##   .    .
//! ```

use super::{Family, Layout};
use crate::units::{Blocks, Extent, Rows};
use core::num::NonZeroU64;

/// A part of a request that one plan carries out, and that is locked as one run of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Piece {
    /// Data blocks of the set.
    pub at: Extent,
    /// Where the piece begins, from the start of the request.
    pub offset: Blocks,
    /// The rows that hold it: what is locked.
    pub rows: Rows,
    /// The stripe row that it lies in, as [`Layout::row_map`] takes it; `None` for levels without
    /// parity. RAID-3 has one stripe row.
    pub stripe: Option<u64>,
}

/// The pieces of a request, in order. See [`Layout::pieces`].
#[derive(Clone, Debug)]
pub struct Pieces<'m> {
    layout: &'m Layout<'m>,
    at: u64,
    left: u64,
    offset: u64,
}

impl<'m> Layout<'m> {
    /// Data blocks of a stripe row: strips at the same place of all members, parity not counted.
    /// Writes of whole stripe rows read nothing.
    ///
    /// `None` for levels whose stripe rows do not hold a fixed number of data blocks: mirrors, RAID-1E,
    /// RAID-10 of Linux, concatenations.
    #[must_use]
    pub fn row_blocks(&self) -> Option<NonZeroU64> {
        match self.family {
            Family::Striped | Family::Interleaved(..) | Family::Parity(_) => {
                self.strips.in_row.checked_mul(NonZeroU64::new(self.strips.len.get())?)
            }
            _ => None,
        }
    }

    /// The first data block of a set past the stripe row that holds data block `block`: the end of the set
    /// where [`Self::row_blocks`] is `None`. `None` past the end of the set.
    #[must_use]
    pub fn row_end(&self, block: u64) -> Option<u64> {
        let end = self.set_blocks().0;
        let left = end.checked_sub(block).filter(|left| *left > 0)?;
        let Some(row) = self.row_blocks() else { return Some(end) };
        // The remainder is smaller.
        let to_end = row.get().saturating_sub(block % row);
        Some(block.saturating_add(to_end.min(left)))
    }

    /// Parts of `at` (data blocks of a set) as plans carry them out, in order of address: what
    /// [`stripe::write`](crate::stripe::write) of a healthy set makes one plan each of, without a plan.
    ///
    /// | level | cut |
    /// |---|---|
    /// | with parity | where stripe rows end, and between two strips whose rows have a gap between them |
    /// | RAID-0, RAID-1E, RAID-10 of Linux | where strips end |
    /// | concatenation | where members end |
    /// | RAID-1, RAID-3, single disk | never |
    ///
    /// Blocks past the end of the set are left out.
    #[must_use]
    pub fn pieces(&'m self, at: Extent) -> Pieces<'m> {
        let left = self.set_blocks().0.saturating_sub(at.start.0).min(at.len.0);
        Pieces { layout: self, at: at.start.0, left, offset: 0 }
    }

    /// How many of `left` blocks from `within` blocks into a stripe row's data on one plan takes: what the
    /// row holds of them, or what the first strip holds where the second is asked for other rows and the
    /// two leave a gap.
    #[inline]
    pub(crate) fn part_len(&self, within: u64, left: u64) -> Option<u64> {
        let (in_row, strip) = self.row_shape();
        let row = in_row.get().checked_mul(strip.get())?;
        let len = left.min(row.checked_sub(within)?);
        let (_, from) = strip.split(within);
        let in_strip = strip.get().saturating_sub(from);
        match len.checked_sub(in_strip) {
            Some(rest @ 1..) if rest < from => Some(in_strip),
            _ => Some(len),
        }
    }

    /// The piece of `left` blocks from data block `block` on that comes first.
    fn piece(&self, block: u64, left: u64) -> Option<(u64, Option<u64>)> {
        match self.family {
            Family::Interleaved(..) => Some((left, Some(0))),
            Family::Parity(_) => {
                let (index, from) = self.strips.len.split(block);
                let (stripe, index) = (index / self.strips.in_row, index % self.strips.in_row);
                let within = index.checked_mul(self.strips.len.get())?.checked_add(from)?;
                Some((self.part_len(within, left)?, Some(stripe)))
            }
            _ => self.run(block).map(|(_, run)| (run.min(left), None)),
        }
    }
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        if self.left == 0 {
            return None;
        }
        let (len, stripe) = self.layout.piece(self.at, self.left)?;
        let at = Extent::new(self.at, len);
        let piece =
            Piece { at, offset: Blocks(self.offset), rows: self.layout.rows_of(at), stripe };
        self.at = self.at.saturating_add(len);
        self.offset = self.offset.saturating_add(len);
        self.left = self.left.saturating_sub(len);
        Some(piece)
    }
}
