// SPDX-License-Identifier: MIT OR Apache-2.0
//! RAID-3: the bytes of the array go round robin over the data members, one member holds P.
//!
//! ```text
//! 3 data members, blocks of 6 bytes; 0.4 is byte 4 of data block 0
//!
//! member          0    1    2    P
//! block 0 byte 0  0.0  0.1  0.2  +      one block of every member holds as many data blocks
//!              1  0.3  0.4  0.5  +      as there are data members: a row
//!              2  1.0  1.1  1.2  +
//!              …
//! ```
//!
//! The standard speaks of striping by bit or byte and of parity on the first or the last extent; no
//! implementation is known that maps it as DDF (`ddf.md` 5.4). The unit of one byte is that reading:
//! **unverified** on data.

use super::{Layout, Role, Strips};
use crate::units::{Lba, Slot};
use core::num::NonZeroU64;

/// A place of one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByteLocation {
    /// Which slot of the set.
    pub slot: Slot,
    /// Block of the member's extent.
    pub block: Lba,
    /// Byte of the block.
    pub offset: u32,
}

/// Placement of a row's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Interleaved {
    /// Slot of P: the first or the last.
    parity: Slot,
    block_size: u32,
}

impl Interleaved {
    pub(super) const fn new(parity: Slot, block_size: u32) -> Self {
        Self { parity, block_size }
    }

    /// Where byte `offset` of data block `block` is.
    fn locate(self, s: &Strips, block: u64, offset: u32) -> ByteLocation {
        let (row, place) = (block / s.in_row, block % s.in_row);
        // Below 256 blocks of 4096 bytes.
        let byte = place.saturating_mul(self.block_size.into()).saturating_add(offset.into());
        let (offset, index) = (byte / s.in_row, byte % s.in_row);
        let slot = if self.parity == Slot(0) { index.saturating_add(1) } else { index };
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        ByteLocation { slot: super::slot_at(slot), block: Lba(row), offset }
    }

    /// Data block, and byte of it, that byte `offset` of block `row` of a data member holds.
    fn data(self, s: &Strips, slot: Slot, row: u64, offset: u32) -> Option<(u64, u32)> {
        let data = s.in_row.get();
        let first = u64::from(self.parity == Slot(0));
        let index = u64::from(slot.0).checked_sub(first)?;
        let byte = u64::from(offset).checked_mul(data)?.checked_add(index)?;
        let size = NonZeroU64::new(self.block_size.into())?;
        let block = row.checked_mul(data)?.checked_add(byte / size)?;
        Some((block, u32::try_from(byte % size).ok()?))
    }

    /// What block `row` of the member in `slot` is.
    pub(super) fn role(self, s: &Strips, slot: Slot, row: u64) -> Role {
        if slot == self.parity {
            return Role::Parity(0);
        }
        Role::Interleaved { first: row.saturating_mul(s.in_row.get()) }
    }
}

impl Layout<'_> {
    /// Where byte `offset` of data block `block` of a set is, its first copy; `None` past the end of
    /// the block or of the set. For RAID-3, whose blocks are in no one place; other levels keep the
    /// bytes of a block together, at [`Self::locate`].
    #[must_use]
    pub fn locate_byte(&self, block: u64, offset: u32) -> Option<ByteLocation> {
        if offset >= self.geometry.block_size || block >= self.joint.set_blocks() {
            return None;
        }
        if let super::Family::Interleaved(map, _) = &self.family {
            return Some(map.locate(&self.strips, block, offset));
        }
        let at = self.locate(block)?;
        Some(ByteLocation { slot: at.slot, block: at.block, offset })
    }

    /// Data block of the set, and byte of it, that byte `offset` of block `block` of the member in
    /// `slot` holds, a copy or the first; `None` where that byte is not data: the inverse of
    /// [`Self::locate_byte`].
    #[must_use]
    pub fn byte_at(&self, slot: Slot, block: u64, offset: u32) -> Option<(u64, u32)> {
        if offset >= self.geometry.block_size {
            return None;
        }
        match (&self.family, self.role(slot, block)) {
            (super::Family::Interleaved(map, _), Role::Interleaved { .. }) => {
                map.data(&self.strips, slot, block, offset)
            }
            (_, Role::Data(of) | Role::Copy { of }) => Some((of, offset)),
            _ => None,
        }
    }
}
