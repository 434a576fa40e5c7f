// SPDX-License-Identifier: MIT OR Apache-2.0
//! Spare Assignment Record: whom a spare disk serves (`ddf.md` 2.8, 6.7).
//!
//! Stands in a configuration record slot of the spare itself. mdadm writes none: its spares have
//! only the bit in the physical disk records.

use crate::guid::Guid;
use crate::integer::{ByteOrder, U16, U32};
use crate::record::Record;
use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The record, as long as its slot.
#[derive(Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct SpareAssignment {
    /// 0: [`SpareAssignment::SIGNATURE`](Record::SIGNATURE).
    pub signature: U32,
    /// 4: over the whole record.
    pub crc: U32,
    /// 8: time of the last change.
    pub timestamp: U32,
    /// 12: reserved, `FF`.
    pub reserved_12: [u8; 7],
    /// 19: see [`spare_type`](Self::spare_type).
    pub spare_type: u8,
    /// 20: how many entries are used.
    pub populated_saes: U16,
    /// 22: how many entries there are.
    pub max_sae_supported: U16,
    /// 24: reserved, `FF`.
    pub reserved_24: [u8; 8],
    /// 32: the entries.
    pub entries: [SpareAssignmentEntry],
}

/// One virtual disk that a dedicated spare serves.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct SpareAssignmentEntry {
    /// 0: the virtual disk; all ones: entry unused.
    pub vd_guid: Guid,
    /// 24: which basic virtual disk of it.
    pub secondary_element: U16,
    /// 26: reserved, `FF`.
    pub reserved_26: [u8; 6],
}

pinned!(SpareAssignment, list entries: 32, each 32 {
    signature: 0, 4;
    crc: 4, 4;
    timestamp: 8, 4;
    reserved_12: 12, 7;
    spare_type: 19, 1;
    populated_saes: 20, 2;
    max_sae_supported: 22, 2;
    reserved_24: 24, 8;
});

pinned!(SpareAssignmentEntry {
    vd_guid: 0, 24;
    secondary_element: 24, 2;
    reserved_26: 26, 6;
});

bitflags! {
    /// How a spare is to be used.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct SpareType: u8 {
        /// Only for the virtual disks listed, else for all.
        const DEDICATED = 1 << 0;
        /// Becomes a spare again once the failed disk is replaced, else stays a member.
        const REVERTIBLE = 1 << 1;
        /// Holds data now.
        const ACTIVE = 1 << 2;
        /// Only for virtual disks in the same enclosure.
        const ENCLOSURE_AFFINITY = 1 << 3;
    }
}

impl Record for SpareAssignment {
    const NAME: &'static str = "spare assignment record";
    const SIGNATURE: u32 = 0x5555_5555;
    const FIXED_LEN: usize = 32;
}

impl SpareAssignment {
    /// How the spare is to be used.
    #[must_use]
    pub const fn spare_type(&self) -> SpareType {
        SpareType::from_bits_retain(self.spare_type)
    }

    /// The used entries: no more than the record says, no more than it has room for.
    pub fn used(&self, order: ByteOrder) -> impl Iterator<Item = &SpareAssignmentEntry> {
        let max = usize::from(self.max_sae_supported.get(order));
        self.entries.iter().take(max).filter(|entry| !entry.vd_guid.is_unused())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_1024_bytes_has_room_for_31_entries() {
        let mut bytes = [0xFF; 1024];
        let Some(record) = SpareAssignment::view_mut(&mut bytes) else { unreachable!() };
        assert_eq!(record.entries.len(), 31);
        assert_eq!(record.used(ByteOrder::Big).count(), 0);
        record.entries[30].vd_guid = Guid([1; 24]);
        assert_eq!(record.used(ByteOrder::Big).count(), 1);
        record.max_sae_supported = U16::new(ByteOrder::Big, 30);
        assert_eq!(record.used(ByteOrder::Big).count(), 0);
    }
}
