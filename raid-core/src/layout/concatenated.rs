// SPDX-License-Identifier: MIT OR Apache-2.0
//! Concatenation: members head to tail, each with a size of its own (`ddf.md` 5.3; unverified on
//! data with unequal sizes).

use super::{Location, Role};
use crate::units::{Blocks, Lba, Slot};

/// Sizes of the members of a concatenation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Sizes<'m> {
    /// As many members of one size.
    Equal(u16, Blocks),
    /// Each its own.
    Each(&'m [Blocks]),
}

impl Sizes<'_> {
    fn each(&self) -> impl Iterator<Item = (Slot, u64)> {
        let (count, equal, sizes) = match *self {
            Self::Equal(count, size) => (usize::from(count), size.0, &[][..]),
            Self::Each(sizes) => (sizes.len(), 0, sizes),
        };
        (0..=u8::MAX)
            .zip(0..count)
            .map(move |(slot, at)| (Slot(slot), sizes.get(at).map_or(equal, |size| size.0)))
    }

    /// Sum of the sizes; `None` past 2^64.
    pub(super) fn total(&self) -> Option<u64> {
        self.each().try_fold(0u64, |sum, (_, size)| sum.checked_add(size))
    }

    /// Where `block` is, and how many blocks follow on the same member, itself included.
    pub(super) fn locate(&self, block: u64) -> Option<(Location, u64)> {
        let mut left = block;
        for (slot, size) in self.each() {
            match left.checked_sub(size) {
                Some(past) => left = past,
                None => {
                    return Some((Location { slot, block: Lba(left) }, size.saturating_sub(left)));
                }
            }
        }
        None
    }

    /// What `block` of `slot` is.
    pub(super) fn role(&self, slot: Slot, block: u64) -> Role {
        let mut first = 0u64;
        for (at, size) in self.each() {
            if at == slot {
                let inside = block < size;
                return if inside { Role::Data(first.saturating_add(block)) } else { Role::Unused };
            }
            first = first.saturating_add(size);
        }
        Role::Unused
    }
}
