// SPDX-License-Identifier: MIT OR Apache-2.0
//! The units of a RAID stack, one type each, so that a row is never taken for a block address.
//!
//! | type | counts | of what |
//! |---|---|---|
//! | [`Lba`] | blocks from 0 | a disk, a member's extent, or an array: the context says which |
//! | [`Blocks`] | blocks | a length in the same address space |
//! | [`Row`] | rows from 0 | one redundancy set: see [`Row`] |
//! | [`Slot`] | places | one redundancy set |
//!
//! Arithmetic is checked: an operation that could leave the 64-bit range returns `Option`.

use core::fmt;
use core::ops::{BitAnd, BitOr, Not};

/// Address of a block, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lba(pub u64);

/// Number of blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blocks(pub u64);

/// Unit of redundancy of one set, from 0.
///
/// Parity levels: one block of *every* member, so a row number is a block address inside the
/// members' extents. Mirrors: one block of the mirror. Levels that keep copies at shifted places
/// (RAID-1E) and levels without redundancy: one block of the set's data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row(pub u64);

impl Lba {
    /// The address `blocks` further on; `None` past 2^64.
    #[must_use]
    pub const fn checked_add(self, blocks: Blocks) -> Option<Self> {
        match self.0.checked_add(blocks.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The distance from `earlier` up to `self`; `None` if `earlier` is later.
    #[must_use]
    pub const fn distance_from(self, earlier: Self) -> Option<Blocks> {
        match self.0.checked_sub(earlier.0) {
            Some(difference) => Some(Blocks(difference)),
            None => None,
        }
    }
}

impl Blocks {
    /// The length in bytes of this many blocks of `block_size` bytes; `None` past 2^64.
    #[must_use]
    pub const fn bytes(self, block_size: u32) -> Option<u64> {
        // `u32` to `u64` is lossless; `From` is not const.
        #[allow(clippy::as_conversions)]
        self.0.checked_mul(block_size as u64)
    }

    /// Sum; `None` past 2^64.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }
}

/// A run of blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Extent {
    /// First block.
    pub start: Lba,
    /// How many.
    pub len: Blocks,
}

impl Extent {
    /// The run of `len` blocks from `start`.
    #[must_use]
    pub const fn new(start: u64, len: u64) -> Self {
        Self { start: Lba(start), len: Blocks(len) }
    }

    /// One past the last block; `None` past 2^64.
    #[must_use]
    pub const fn end(self) -> Option<Lba> {
        self.start.checked_add(self.len)
    }

    /// Whether both runs share a block.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        // Saturation keeps the answer right: no block lies at or past 2^64 - 1 of a saturated end
        // that would not be shared as well.
        self.len.0 > 0
            && other.len.0 > 0
            && self.start.0 <= other.start.0.saturating_add(other.len.0.saturating_sub(1))
            && other.start.0 <= self.start.0.saturating_add(self.len.0.saturating_sub(1))
    }

    /// Whether every block of `inner` is in `self`.
    #[must_use]
    pub const fn contains(self, inner: Self) -> bool {
        match (self.end(), inner.end()) {
            (Some(end), Some(inner_end)) => inner.start.0 >= self.start.0 && inner_end.0 <= end.0,
            _ => false,
        }
    }
}

/// A run of rows of one redundancy set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rows {
    /// First row.
    pub start: Row,
    /// How many.
    pub len: u64,
}

impl Rows {
    /// The run of `len` rows from `start`.
    #[must_use]
    pub const fn new(start: u64, len: u64) -> Self {
        Self { start: Row(start), len }
    }

    /// One past the last row, at most the highest row number there is.
    #[must_use]
    pub const fn end(self) -> Row {
        Row(self.start.0.saturating_add(self.len))
    }

    /// Whether both runs share a row.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.len > 0
            && other.len > 0
            && self.start.0 < other.end().0
            && other.start.0 < self.end().0
    }
}

/// Place of a member in a redundancy set, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u8);

impl Slot {
    /// The slot as an index into a slice of members.
    #[must_use]
    pub const fn index(self) -> usize {
        // `u8` to `usize` is lossless; `From` is not const.
        #[allow(clippy::as_conversions)]
        {
            self.0 as usize
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A set of slots of one redundancy set, up to 256.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct SlotSet([u64; 4]);

impl SlotSet {
    /// No slot.
    pub const EMPTY: Self = Self([0; 4]);

    /// Only `slot`.
    #[must_use]
    #[inline]
    pub fn of(slot: Slot) -> Self {
        // The shift is modulo 64.
        let bit = 1u64.wrapping_shl(slot.0.into());
        let word = |number| if slot.0 >> 6 == number { bit } else { 0 };
        Self([word(0), word(1), word(2), word(3)])
    }

    /// Slots `0..count`; all 256 if `count` is larger.
    #[must_use]
    #[inline(always)]
    pub fn first(count: u16) -> Self {
        if count <= 64 {
            return Self([Self::low(count), 0, 0, 0]);
        }
        let above = |below: u16| Self::low(count.saturating_sub(below));
        Self([u64::MAX, above(64), above(128), above(192)])
    }

    /// Ones in the low `ones` bits.
    #[inline(always)] // through memory the words come back one by one: tens of cycles
    fn low(ones: u16) -> u64 {
        u64::MAX.checked_shr(64u32.saturating_sub(ones.into())).unwrap_or(0)
    }

    /// Slots `from..to`; none if `to` is not above `from`.
    #[must_use]
    #[inline(always)]
    pub fn range(from: u16, to: u16) -> Self {
        if to <= 64 {
            return Self([Self::low(to) & !Self::low(from), 0, 0, 0]);
        }
        Self::first(to).without(Self::first(from))
    }

    /// `len` slots from `start` on in a circle of `slots`; `start` is below `slots`, and `len` at
    /// most `slots`.
    #[must_use]
    #[inline(always)]
    pub fn circular(start: u16, len: u16, slots: u16) -> Self {
        let end = start.saturating_add(len);
        if end <= slots {
            return Self::range(start, end);
        }
        Self::range(start, slots) | Self::first(end.saturating_sub(slots))
    }

    /// Adds `slot`.
    #[inline]
    pub fn insert(&mut self, slot: Slot) {
        *self = *self | Self::of(slot);
    }

    /// Takes `slot` out.
    #[inline]
    pub fn remove(&mut self, slot: Slot) {
        *self = self.without(Self::of(slot));
    }

    /// Whether `slot` is in the set.
    #[must_use]
    #[inline]
    pub fn contains(self, slot: Slot) -> bool {
        let [a, b, c, d] = self.0;
        let word = match slot.0 >> 6 {
            0 => a,
            1 => b,
            2 => c,
            _ => d,
        };
        word.wrapping_shr(slot.0.into()) & 1 != 0
    }

    /// Whether no slot is in the set.
    #[must_use]
    #[inline(always)]
    pub fn is_empty(self) -> bool {
        let [a, b, c, d] = self.0;
        a | b | c | d == 0
    }

    /// How many slots are in the set.
    #[must_use]
    #[inline]
    pub fn len(self) -> u16 {
        // At most 256 ones, so nothing is lost. Most sets have one word.
        let ones = |word: u64| u16::try_from(word.count_ones()).unwrap_or(u16::MAX);
        let [a, b, c, d] = self.0;
        if b | c | d == 0 {
            return ones(a);
        }
        ones(a).saturating_add(ones(b)).saturating_add(ones(c)).saturating_add(ones(d))
    }

    /// Whether both sets share a slot.
    #[must_use]
    #[inline(always)]
    pub fn intersects(self, other: Self) -> bool {
        !(self & other).is_empty()
    }

    /// Whether every slot of `inner` is in `self`.
    #[must_use]
    #[inline]
    pub fn contains_all(self, inner: Self) -> bool {
        inner.without(self).is_empty()
    }

    /// The slots of `self` that are not in `other`.
    #[must_use]
    #[inline(always)]
    pub fn without(self, other: Self) -> Self {
        self & !other
    }

    /// The lowest slot.
    #[must_use]
    #[inline]
    pub fn lowest(self) -> Option<Slot> {
        self.iter().next()
    }

    /// The slots in ascending order.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = Slot> {
        self.slots()
    }

    #[inline]
    pub(crate) const fn slots(self) -> Slots {
        Slots(self.0)
    }
}

/// The slots of a set that are still to come.
#[derive(Clone, Debug)]
pub(crate) struct Slots([u64; 4]);

impl Iterator for Slots {
    type Item = Slot;

    #[inline]
    fn next(&mut self) -> Option<Slot> {
        let [a, b, c, d] = &mut self.0;
        let (first, word) = match (*a, *b, *c) {
            (1.., _, _) => (0, a),
            (0, 1.., _) => (64, b),
            (0, 0, 1..) => (128, c),
            (0, 0, 0) => (192, d),
        };
        let bit = u8::try_from(word.trailing_zeros()).ok().filter(|bit| *bit < 64)?;
        *word &= word.wrapping_sub(1);
        Some(Slot(first | bit))
    }
}

impl FromIterator<Slot> for SlotSet {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> Self {
        let mut set = Self::EMPTY;
        slots.into_iter().for_each(|slot| set.insert(slot));
        set
    }
}

impl fmt::Debug for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|slot| slot.0)).finish()
    }
}

impl BitOr for SlotSet {
    type Output = Self;
    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a | e, b | f, c | g, d | h])
    }
}

impl BitAnd for SlotSet {
    type Output = Self;
    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a & e, b & f, c & g, d & h])
    }
}

impl Not for SlotSet {
    type Output = Self;
    #[inline(always)]
    fn not(self) -> Self {
        let [a, b, c, d] = self.0;
        Self([!a, !b, !c, !d])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn a_slot_set_holds_all_256_slots() {
        let step = if cfg!(miri) { 15 } else { 1 };
        for slot in (0..=255).step_by(step) {
            let mut set = SlotSet::of(Slot(slot));
            assert!(set.contains(Slot(slot)));
            assert_eq!(set.len(), 1);
            assert_eq!(set.lowest(), Some(Slot(slot)));
            set.remove(Slot(slot));
            assert!(set.is_empty());
        }
        let all: Vec<u8> = SlotSet::first(256).iter().map(|slot| slot.0).collect();
        assert_eq!(all, (0..=255).collect::<Vec<u8>>());
        for count in (0..=256u16).step_by(step) {
            assert_eq!(SlotSet::first(count).len(), count);
            assert!(SlotSet::first(count).iter().all(|slot| u16::from(slot.0) < count));
        }
    }

    #[test]
    fn runs_are_the_slots_from_first_to_last_and_may_wrap() {
        let named = |set: SlotSet| set.iter().map(|slot| slot.0).collect::<Vec<_>>();
        assert_eq!(named(SlotSet::range(62, 66)), [62, 63, 64, 65]);
        assert_eq!(named(SlotSet::range(5, 5)), []);
        assert_eq!(named(SlotSet::range(5, 4)), []);
        assert_eq!(SlotSet::range(0, 256), SlotSet::first(256));
        assert_eq!(named(SlotSet::circular(3, 2, 5)), [3, 4]);
        assert_eq!(named(SlotSet::circular(3, 4, 5)), [0, 1, 3, 4]);
        assert_eq!(SlotSet::circular(255, 256, 256).len(), 256);
    }

    #[test]
    fn set_operations_agree_with_sets() {
        let a: SlotSet = [1, 63, 64, 200].map(Slot).into_iter().collect();
        let b: SlotSet = [63, 65, 200].map(Slot).into_iter().collect();
        assert_eq!((a & b).iter().map(|s| s.0).collect::<Vec<_>>(), [63, 200]);
        assert_eq!(a.without(b).iter().map(|s| s.0).collect::<Vec<_>>(), [1, 64]);
        assert_eq!((a | b).len(), 5);
        assert!(a.intersects(b) && (a | b).contains_all(a) && !a.contains_all(b));
    }

    #[test]
    fn extents_at_the_end_of_the_address_space_do_not_overflow() {
        let last = Extent::new(u64::MAX, 1);
        assert_eq!(last.end(), None);
        assert!(last.overlaps(Extent::new(u64::MAX - 1, u64::MAX)));
        assert!(!last.overlaps(Extent::new(0, u64::MAX)));
        assert!(!Extent::new(5, 0).overlaps(Extent::new(0, 10)));
        assert!(Extent::new(0, 10).contains(Extent::new(9, 1)));
        assert!(!Extent::new(0, 10).contains(Extent::new(9, 2)));
    }
}
