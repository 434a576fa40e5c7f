// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cuts a request's part of one stripe row into bands that ask the same of every block.
//!
//! A request that begins and ends inside strips touches different data strips at different offsets.
//! Two cuts, at its first and at its last offset, leave at most three bands of rows, and inside a
//! band every data strip is wanted whole or not at all. So the cheapest way is found band by band,
//! and nothing is read that the band does not need.
//!
//! ```text
//!  offset      D0  D1  D2
//!  0        ┌  .   ##  ##     band 0: D1 D2          # wanted
//!           └  .   ##  ##                            . not
//!  first    ┌  ##  ##  ##     band 1: D0 D1 D2
//!           └  ##  ##  ##
//!  end      ┌  ##  ##  .      band 2: D0 D1
//!  strip    └  ##  ##  .
//! ```

use super::recipe::Recipe;
use crate::layout::{Layout, RowMap};
use core::num::NonZeroU64;

/// A run of rows inside a stripe row and what is done with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Band {
    /// First row, from the start of the strip.
    pub(super) from: u64,
    /// Rows; 0 for an unused band.
    pub(super) len: u64,
    /// First data strip wanted.
    pub(super) first: u16,
    /// Data strips wanted.
    pub(super) strips: u16,
    /// What to read, compute and write.
    pub(super) recipe: Recipe,
}

impl Band {
    /// The data strips wanted.
    pub(super) fn wanted(&self) -> impl Iterator<Item = u16> + use<> {
        self.first..self.first.saturating_add(self.strips)
    }
}

/// The part of a request that lies in one stripe row.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowPart {
    /// Stripe row.
    pub(super) stripe: u64,
    /// Roles in it.
    pub(super) map: RowMap,
    /// Blocks of a strip.
    pub(super) strip: NonZeroU64,
    /// First data block wanted, from the start of the row's data.
    pub(super) within: u64,
    /// Data blocks wanted.
    pub(super) len: u64,
}

impl RowPart {
    /// The part of the `left` data blocks from `block` on that its stripe row holds; `None` for
    /// levels without parity and past the end.
    pub(super) fn new(layout: &Layout<'_>, block: u64, left: u64) -> Option<Self> {
        let (data_strips, strip) = layout.row_shape();
        let in_row = strip.checked_mul(data_strips)?;
        let stripe = block / in_row;
        let within = block % in_row;
        let map = layout.row_map(stripe)?;
        let len = left.min(in_row.get().checked_sub(within)?);
        (len > 0).then_some(Self { stripe, map, strip, within, len })
    }

    /// The stripe row of row `row`, wanting no data, and how far into its strips the row is; `None`
    /// for levels without parity and past the end.
    pub(super) fn of_stripe(layout: &Layout<'_>, row: u64) -> Option<(Self, u64)> {
        let (_, strip) = layout.row_shape();
        let (stripe, from) = (row / strip, row % strip);
        let map = layout.row_map(stripe)?;
        Some((Self { stripe, map, strip, within: 0, len: 0 }, from))
    }

    /// Data strip and offset in it of the first block, and the same of the last block.
    fn ends(&self) -> (u16, u64, u16, u64) {
        let last = self.within.saturating_add(self.len.saturating_sub(1));
        // Data strips of a row are fewer than 256.
        let index = |block: u64| u16::try_from(block / self.strip).unwrap_or(u16::MAX);
        (index(self.within), self.within % self.strip, index(last), last % self.strip)
    }

    /// The bands of the part, without recipes; unused ones have no rows.
    pub(super) fn bands(&self) -> [Band; 3] {
        let (first, from, last, last_offset) = self.ends();
        let (to, strip) = (last_offset.saturating_add(1), self.strip.get());
        // Data strips `a..=b`.
        let band = |start: u64, end: u64, a: u16, b: u16| {
            let strips = b.saturating_add(1).saturating_sub(a);
            let len = if strips == 0 { 0 } else { end.saturating_sub(start) };
            Band { from: start, len, first: a, strips, recipe: Recipe::default() }
        };
        if first == last {
            return [band(from, to, first, last), Band::default(), Band::default()];
        }
        let (after_first, before_last) = (first.saturating_add(1), last.saturating_sub(1));
        let middle = if from < to {
            band(from, to, first, last)
        } else {
            band(to, from, after_first, before_last)
        };
        [
            band(0, from.min(to), after_first, last),
            middle,
            band(from.max(to), strip, first, before_last),
        ]
    }
}
