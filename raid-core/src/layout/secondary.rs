// SPDX-License-Identifier: MIT OR Apache-2.0
//! The secondary level: how redundancy sets are joined into the array (`ddf.md` 5.9).
//!
//! ```text
//! striped         strips of the array go round robin over the sets, as far as the smallest reaches
//! concatenated    sets head to tail
//! mirrored        every set holds the whole array, which is as large as the smallest
//! spanned         striped over all sets until the smallest is full, then over the rest, and so on
//!
//!   set (strips)   0 (3)  1 (1)  2 (2)
//!                  0      1      2           spanned: set 1 is full after its only strip,
//!                  3             4           set 2 after its second
//!                  5
//! ```
//!
//! The outer strip is the geometry's strip. Over parity levels (RAID-50, RAID-60) that is one
//! reading of the standard, unverified on data; so is what happens past the end of the smallest set
//! of a spanned level. Sets of one geometry are of equal size; those that are not are joined by
//! [`Elements`].

use super::divisor::Divisor;
use super::{GeometryError, Layout};
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
pub struct Split<'m> {
    elements: Elements<'m>,
    at: u64,
    left: u64,
    offset: u64,
}

/// Redundancy sets under a secondary level, each of a size of its own.
///
/// ```
/// use raid_core::array::Secondary;
/// use raid_core::layout::Elements;
/// use raid_core::units::{Blocks, Extent};
///
/// let sizes = [Blocks(300), Blocks(100), Blocks(200)];
/// let spanned = Elements::new(Secondary::Spanned, Blocks(100), &sizes)?;
/// assert_eq!(spanned.size(), Blocks(600));
/// // The fourth strip goes back to set 0, the fifth past set 1, which is full.
/// let sets: Vec<_> = spanned.split(Extent::new(300, 200)).map(|piece| piece.set).collect();
/// assert_eq!(sets, [0, 2]);
/// assert_eq!(spanned.array_block(2, 100), Some(400));
/// # Ok::<(), raid_core::layout::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Elements<'m> {
    secondary: Secondary,
    strip: Divisor,
    sizes: Sizes<'m>,
    size: u64,
}

/// Data blocks of the sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Sizes<'m> {
    /// So many of one size.
    Equal(NonZeroU64, u64),
    /// Each its own.
    Each(&'m [Blocks]),
}

impl<'m> Elements<'m> {
    /// Sets of these data blocks each ([`Layout::set_blocks`] of each set's layout), in sequence.
    ///
    /// # Errors
    /// No set or more than 65535; several without a secondary level; no strip where strips go round;
    /// sets that give no block; an end past 2^64.
    pub fn new(
        secondary: Secondary,
        strip: Blocks,
        elements: &'m [Blocks],
    ) -> Result<Self, GeometryError> {
        let found = u16::try_from(elements.len()).unwrap_or(u16::MAX);
        let alone = secondary == Secondary::None;
        if found == 0 || found == u16::MAX || (alone && found > 1) {
            return Err(GeometryError::Sets { found, secondary });
        }
        Self::of(secondary, strip, Sizes::Each(elements))
    }

    /// So many sets of the same size.
    pub(super) fn equal(
        secondary: Secondary,
        strip: Blocks,
        sets: u16,
        blocks: u64,
    ) -> Result<Self, GeometryError> {
        let count = NonZeroU64::new(sets.into());
        let count = count.ok_or(GeometryError::Sets { found: sets, secondary })?;
        Self::of(secondary, strip, Sizes::Equal(count, blocks))
    }

    fn of(secondary: Secondary, strip: Blocks, sizes: Sizes<'m>) -> Result<Self, GeometryError> {
        let striped = matches!(secondary, Secondary::Striped | Secondary::Spanned);
        let strip = match Divisor::new(strip.0) {
            Some(strip) if striped => strip,
            None if striped => return Err(GeometryError::NoStrip),
            _ => Divisor::ONE,
        };
        let mut joined = Self { secondary, strip, sizes, size: 0 };
        if let Sizes::Equal(count, blocks) = sizes {
            joined.sizes = Sizes::Equal(count, joined.usable(blocks));
        }
        joined.size = joined.total().ok_or(GeometryError::TooLarge)?;
        if joined.size == 0 {
            let found = joined.smallest();
            return Err(GeometryError::MemberTooSmall { found, expected: strip.get() });
        }
        Ok(joined)
    }

    fn total(&self) -> Option<u64> {
        match self.secondary {
            Secondary::None | Secondary::Mirrored => Some(self.smallest()),
            Secondary::Striped => self.smallest().checked_mul(self.count().get()),
            Secondary::Concatenated | Secondary::Spanned => match self.sizes {
                Sizes::Equal(count, _) => self.smallest().checked_mul(count.get()),
                Sizes::Each(_) => {
                    self.each().try_fold(0u64, |sum, (_, size)| sum.checked_add(size))
                }
            },
        }
    }

    fn count(&self) -> NonZeroU64 {
        match self.sizes {
            Sizes::Equal(count, _) => count,
            Sizes::Each(sizes) => {
                u64::try_from(sizes.len()).ok().and_then(NonZeroU64::new).unwrap_or(NonZeroU64::MIN)
            }
        }
    }

    /// What of a set of `blocks` takes part: whole strips where strips go round.
    fn usable(&self, blocks: u64) -> u64 {
        blocks.saturating_sub(self.strip.split(blocks).1)
    }

    /// Blocks of set `set` that take part; 0 for a set that is not there.
    fn usable_of(&self, set: u16) -> u64 {
        match self.sizes {
            Sizes::Equal(count, blocks) if u64::from(set) < count.get() => blocks,
            Sizes::Equal(..) => 0,
            Sizes::Each(sizes) => sizes.get(usize::from(set)).map_or(0, |size| self.usable(size.0)),
        }
    }

    /// Blocks of every set that take part.
    fn each(&self) -> impl Iterator<Item = (u16, u64)> + use<'_, 'm> {
        let count = u16::try_from(self.count().get()).unwrap_or(u16::MAX);
        (0..count).map(|set| (set, self.usable_of(set)))
    }

    fn smallest(&self) -> u64 {
        match self.sizes {
            Sizes::Equal(_, blocks) => blocks,
            Sizes::Each(_) => self.each().map(|(_, size)| size).min().unwrap_or(0),
        }
    }

    /// Blocks of the array.
    #[must_use]
    pub const fn size(&self) -> Blocks {
        Blocks(self.size)
    }

    /// Data blocks of one of equal sets.
    pub(super) const fn set_blocks(&self) -> u64 {
        match self.sizes {
            Sizes::Equal(_, blocks) => blocks,
            Sizes::Each(_) => 0,
        }
    }

    /// Parts of `at` (blocks of the array) by redundancy set, in order of address.
    ///
    /// Blocks past the end of the array are left out. If [`Self::set_copies`] is above 1, every set
    /// holds every part: a write goes to all of them, a read to any one.
    #[must_use]
    pub fn split(&self, at: Extent) -> Split<'m> {
        let left = self.size.saturating_sub(at.start.0).min(at.len.0);
        Split { elements: *self, at: at.start.0, left, offset: 0 }
    }

    /// How many sets hold the same blocks: all of them under a mirrored secondary level, else 1.
    #[must_use]
    pub fn set_copies(&self) -> u16 {
        match self.secondary {
            Secondary::Mirrored => u16::try_from(self.count().get()).unwrap_or(u16::MAX),
            _ => 1,
        }
    }

    /// Set, block of the set, and how many blocks follow there.
    fn locate(&self, block: u64) -> Option<(u16, u64, u64)> {
        match (self.secondary, self.sizes) {
            (Secondary::None | Secondary::Mirrored, _) => {
                Some((0, block, self.size.checked_sub(block)?))
            }
            (Secondary::Concatenated, Sizes::Equal(..)) => {
                let set_blocks = NonZeroU64::new(self.smallest())?;
                let inside = block % set_blocks;
                let set = u16::try_from(block / set_blocks).ok()?;
                Some((set, inside, set_blocks.get().checked_sub(inside)?))
            }
            (Secondary::Concatenated, Sizes::Each(_)) => {
                let mut left = block;
                self.each().find_map(|(set, size)| match left.checked_sub(size) {
                    Some(past) => {
                        left = past;
                        None
                    }
                    None => Some((set, left, size.saturating_sub(left))),
                })
            }
            (Secondary::Striped, _) | (Secondary::Spanned, Sizes::Equal(..)) => {
                let (strip, within) = self.strip.split(block);
                let sets = self.count();
                let (inside, run) = self.inside(0, strip / sets, within)?;
                Some((u16::try_from(strip % sets).ok()?, inside, run))
            }
            (Secondary::Spanned, Sizes::Each(_)) => self.locate_spanned(block),
        }
    }

    /// Block `within` of strip `row` past block `from` of a set, and how many follow in the strip.
    fn inside(&self, from: u64, row: u64, within: u64) -> Option<(u64, u64)> {
        let strip = self.strip.get();
        let start = row.checked_mul(strip)?.checked_add(from)?;
        Some((start.checked_add(within)?, strip.checked_sub(within)?))
    }

    /// Walks the zones: in each, the sets that reach past the one before are striped.
    fn locate_spanned(&self, block: u64) -> Option<(u16, u64, u64)> {
        let (mut from, mut left) = (0, block);
        loop {
            let open = || self.each().filter(|(_, size)| *size > from);
            let to = open().map(|(_, size)| size).min()?;
            let sets = NonZeroU64::new(u64::try_from(open().count()).ok()?)?;
            let zone = to.saturating_sub(from).checked_mul(sets.get())?;
            if let Some(past) = left.checked_sub(zone) {
                (from, left) = (to, past);
                continue;
            }
            let (strip, within) = self.strip.split(left);
            let (set, _) = open().nth(usize::try_from(strip % sets).ok()?)?;
            let (inside, run) = self.inside(from, strip / sets, within)?;
            return Some((set, inside, run));
        }
    }

    /// Block of the array that data block `block` of `set` holds: the inverse of [`Self::split`].
    #[must_use]
    pub fn array_block(&self, set: u16, block: u64) -> Option<u64> {
        let (count, own) = (self.count().get(), self.usable_of(set));
        if u64::from(set) >= count || block >= own {
            return None;
        }
        match (self.secondary, self.sizes) {
            (Secondary::None | Secondary::Mirrored, _) => (block < self.size).then_some(block),
            (Secondary::Concatenated, Sizes::Equal(..)) => {
                u64::from(set).checked_mul(own)?.checked_add(block)
            }
            (Secondary::Concatenated, Sizes::Each(_)) => {
                let before = self.each().take_while(|(other, _)| *other < set);
                before.map(|(_, size)| size).sum::<u64>().checked_add(block)
            }
            (Secondary::Striped, _) | (Secondary::Spanned, Sizes::Equal(..)) => {
                let (strip, within) = self.strip.split(block);
                let strips = strip.checked_mul(count)?.checked_add(set.into())?;
                let at = strips.checked_mul(self.strip.get())?.checked_add(within)?;
                (at < self.size).then_some(at)
            }
            (Secondary::Spanned, Sizes::Each(_)) => {
                let (_, within) = self.strip.split(block);
                let start = block.checked_sub(within)?;
                // Before this strip there is what every set holds below it, and a strip of every
                // set before this one that reaches as far.
                self.each().try_fold(within, |at, (other, size)| {
                    let beside = other < set && size > start;
                    let strip = if beside { self.strip.get() } else { 0 };
                    at.checked_add(size.min(start))?.checked_add(strip)
                })
            }
        }
    }
}

impl<'m> Layout<'m> {
    /// Parts of `at` (blocks of the array) by redundancy set: [`Elements::split`].
    #[must_use]
    pub fn split(&self, at: Extent) -> Split<'m> {
        self.joint.split(at)
    }

    /// How many sets hold the same blocks: [`Elements::set_copies`].
    #[must_use]
    pub fn set_copies(&self) -> u16 {
        self.joint.set_copies()
    }

    /// Block of the array that data block `block` of `set` holds: the inverse of [`Self::split`].
    #[must_use]
    pub fn array_block(&self, set: u16, block: u64) -> Option<u64> {
        self.joint.array_block(set, block)
    }
}

impl Iterator for Split<'_> {
    type Item = SetPiece;

    fn next(&mut self) -> Option<SetPiece> {
        if self.left == 0 {
            return None;
        }
        let (set, start, run) = self.elements.locate(self.at)?;
        let len = run.min(self.left);
        let piece = SetPiece { set, at: Extent::new(start, len), offset: Blocks(self.offset) };
        self.at = self.at.saturating_add(len);
        self.offset = self.offset.saturating_add(len);
        self.left = self.left.saturating_sub(len);
        Some(piece)
    }
}
