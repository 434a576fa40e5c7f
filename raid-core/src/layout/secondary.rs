// SPDX-License-Identifier: MIT OR Apache-2.0
//! The secondary level: how redundancy sets are joined into the array (`ddf.md` 5.9).
//!
//! ```text
//! striped, spanned    strips of the array go round robin over the sets
//! concatenated        sets head to tail
//! mirrored            every set holds the whole array
//! ```
//!
//! The outer strip is the geometry's strip. Over parity levels (RAID-50, RAID-60) that is one
//! reading of the standard, unverified on data. Spanned is striped as long as the sets are of equal
//! size, which a geometry's are.

use super::Layout;
use crate::array::Secondary;
use crate::units::{Blocks, Extent};
use core::num::NonZeroU64;

/// A part of a request that lies in one redundancy set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SetPiece {
    /// Which set; the first of [`Layout::set_copies`].
    pub set: u16,
    /// Which of the set's data blocks.
    pub at: Extent,
    /// Where the part begins, from the start of the request.
    pub offset: Blocks,
}

/// The parts of a request, in order. See [`Layout::split`].
#[derive(Clone, Debug)]
pub struct Split {
    pub(super) joint: Joint,
    pub(super) at: u64,
    pub(super) left: u64,
    pub(super) offset: u64,
}

/// What the secondary level needs to know of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Joint {
    pub(super) secondary: Secondary,
    pub(super) strip: NonZeroU64,
    pub(super) sets: NonZeroU64,
    pub(super) set_blocks: u64,
}

impl Joint {
    /// Blocks of the array; `None` past 2^64.
    pub(super) fn size(&self) -> Option<u64> {
        match self.secondary {
            Secondary::None | Secondary::Mirrored => Some(self.set_blocks),
            _ => self.set_blocks.checked_mul(self.sets.get()),
        }
    }

    /// Set, block of the set, and how many blocks follow there.
    fn locate(&self, block: u64) -> Option<(u16, u64, u64)> {
        let (set, inside, run) = match self.secondary {
            Secondary::None | Secondary::Mirrored => {
                (0, block, self.set_blocks.checked_sub(block)?)
            }
            Secondary::Concatenated => {
                let set_blocks = NonZeroU64::new(self.set_blocks)?;
                let inside = block % set_blocks;
                (block / set_blocks, inside, self.set_blocks.checked_sub(inside)?)
            }
            Secondary::Striped | Secondary::Spanned => {
                let (strip, within) = (block / self.strip, block % self.strip);
                let inside = (strip / self.sets).checked_mul(self.strip.get())?;
                let run = self.strip.get().checked_sub(within)?;
                (strip % self.sets, inside.checked_add(within)?, run)
            }
        };
        Some((u16::try_from(set).ok()?, inside, run))
    }

    /// Block of the array that `block` of `set` holds.
    fn array_block(&self, set: u16, block: u64) -> Option<u64> {
        let (set, sets) = (u64::from(set), self.sets.get());
        if set >= sets || block >= self.set_blocks {
            return None;
        }
        match self.secondary {
            Secondary::None | Secondary::Mirrored => Some(block),
            Secondary::Concatenated => set.checked_mul(self.set_blocks)?.checked_add(block),
            Secondary::Striped | Secondary::Spanned => {
                let strips = (block / self.strip).checked_mul(sets)?.checked_add(set)?;
                strips.checked_mul(self.strip.get())?.checked_add(block % self.strip)
            }
        }
    }
}

impl Layout<'_> {
    /// Parts of `at` (blocks of the array) by redundancy set, in order of address.
    ///
    /// Blocks past the end of the array are left out. If [`Self::set_copies`] is above 1, every set
    /// holds every part: a write goes to all of them, a read to any one.
    #[must_use]
    pub fn split(&self, at: Extent) -> Split {
        let left = self.size().0.saturating_sub(at.start.0).min(at.len.0);
        Split { joint: self.joint, at: at.start.0, left, offset: 0 }
    }

    /// How many sets hold the same blocks: all of them under a mirrored secondary level, else 1.
    #[must_use]
    pub fn set_copies(&self) -> u16 {
        match self.joint.secondary {
            Secondary::Mirrored => self.geometry().sets,
            _ => 1,
        }
    }

    /// Block of the array that data block `block` of `set` holds: the inverse of [`Self::split`].
    #[must_use]
    pub fn array_block(&self, set: u16, block: u64) -> Option<u64> {
        self.joint.array_block(set, block)
    }
}

impl Iterator for Split {
    type Item = SetPiece;

    fn next(&mut self) -> Option<SetPiece> {
        if self.left == 0 {
            return None;
        }
        let (set, start, run) = self.joint.locate(self.at)?;
        let len = run.min(self.left);
        let piece = SetPiece { set, at: Extent::new(start, len), offset: Blocks(self.offset) };
        self.at = self.at.saturating_add(len);
        self.offset = self.offset.saturating_add(len);
        self.left = self.left.saturating_sub(len);
        Some(piece)
    }
}
