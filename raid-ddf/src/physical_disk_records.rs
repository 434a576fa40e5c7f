// SPDX-License-Identifier: MIT OR Apache-2.0
//! Physical Disk Records: every disk of the configuration, the same list on each of them.
//!
//! `ddf.md` 2.4. The number of populated entries is a count, not a bound: used entries may be
//! sparse, so readers look at all of them. An entry is unused when its GUID is all ones.

use crate::guid::Guid;
use crate::integer::{ByteOrder, U16, U32, U64};
use crate::record::Record;
use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The section: a head of 64 bytes and as many entries as the section has room for.
#[derive(Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct PhysicalDiskRecords {
    /// 0: [`PhysicalDiskRecords::SIGNATURE`](Record::SIGNATURE), or
    /// [`LEGACY_SIGNATURE`](Self::LEGACY_SIGNATURE).
    pub signature: U32,
    /// 4: over the whole section.
    pub crc: U32,
    /// 8: how many entries are used.
    pub populated_pdes: U16,
    /// 10: how many entries there are.
    pub max_pde_supported: U16,
    /// 12: reserved, `FF`.
    pub reserved_12: [u8; 52],
    /// 64: the entries.
    pub entries: [PhysicalDiskEntry],
}

/// One disk of the configuration.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct PhysicalDiskEntry {
    /// 0: identity of the disk; all ones: entry unused.
    pub pd_guid: Guid,
    /// 24: its short name, used by configuration records.
    pub pd_reference: U32,
    /// 28: see [`pd_type`](Self::pd_type).
    pub pd_type: U16,
    /// 30: see [`pd_state`](Self::pd_state).
    pub pd_state: U16,
    /// 32: blocks that virtual disks may use, from block 0.
    pub configured_size: U64,
    /// 40: where it was attached; information only.
    pub path_information: [u8; 18],
    /// 58: bytes of a block (2.0); all ones in 1.x.
    pub block_size: U16,
    /// 60: reserved, `FF`.
    pub reserved_60: [u8; 4],
}

pinned!(PhysicalDiskRecords, list entries: 64, each 64 {
    signature: 0, 4;
    crc: 4, 4;
    populated_pdes: 8, 2;
    max_pde_supported: 10, 2;
    reserved_12: 12, 52;
});

pinned!(PhysicalDiskEntry {
    pd_guid: 0, 24;
    pd_reference: 24, 4;
    pd_type: 28, 2;
    pd_state: 30, 2;
    configured_size: 32, 8;
    path_information: 40, 18;
    block_size: 58, 2;
    reserved_60: 60, 4;
});

bitflags! {
    /// What a disk is used for. Bits 8 to 15 hold the interface, in a place that sources disagree
    /// on; they are kept and not interpreted.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct PdType: u16 {
        /// The GUID was made up.
        const FORCED_GUID = 1 << 0;
        /// Holds a part of a virtual disk.
        const PARTICIPATING = 1 << 1;
        /// Spare for any virtual disk.
        const GLOBAL_SPARE = 1 << 2;
        /// Spare for the virtual disks of its spare assignment record; overrides
        /// [`GLOBAL_SPARE`](Self::GLOBAL_SPARE).
        const CONFIGURED_SPARE = 1 << 3;
        /// Not yet taken over.
        const FOREIGN = 1 << 4;
        /// Passed through, without a DDF structure of its own.
        const LEGACY = 1 << 5;
    }

    /// Condition of a disk.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct PdState: u16 {
        /// In use. Stays set on failed disks from mdadm.
        const ONLINE = 1 << 0;
        /// Failed; overrides `ONLINE`, `REBUILDING` and `TRANSITION`.
        const FAILED = 1 << 1;
        /// Being filled.
        const REBUILDING = 1 << 2;
        /// Being replaced.
        const TRANSITION = 1 << 3;
        /// A failure is predicted.
        const PREDICTED_FAILURE = 1 << 4;
        /// Had errors that could not be recovered.
        const UNRECOVERED_ERRORS = 1 << 5;
        /// Not there.
        const MISSING = 1 << 6;
    }
}

impl PdState {
    /// Whether the disk holds its data: online and neither failed, missing nor being filled.
    #[must_use]
    pub const fn is_usable(self) -> bool {
        self.contains(Self::ONLINE)
            && !self.intersects(Self::FAILED.union(Self::REBUILDING).union(Self::MISSING))
    }
}

impl Record for PhysicalDiskRecords {
    const NAME: &'static str = "physical disk records";
    const SIGNATURE: u32 = 0x2222_2222;
    const FIXED_LEN: usize = 64;

    fn accepts(signature: u32) -> bool {
        signature == Self::SIGNATURE || signature == Self::LEGACY_SIGNATURE
    }
}

impl PhysicalDiskRecords {
    /// What mdadm signed this section with before 2010.
    pub const LEGACY_SIGNATURE: u32 = 0x3333_3333;

    /// The entries there are: no more than the section says, no more than it has room for.
    #[must_use]
    pub fn all(&self, order: ByteOrder) -> &[PhysicalDiskEntry] {
        let max = usize::from(self.max_pde_supported.get(order));
        self.entries.get(..max).unwrap_or(&self.entries)
    }

    /// The used entries with their indices.
    pub fn used(&self, order: ByteOrder) -> impl Iterator<Item = (usize, &PhysicalDiskEntry)> {
        self.all(order).iter().enumerate().filter(|(_, entry)| !entry.pd_guid.is_unused())
    }

    /// Index of the used entry with this reference. `0` and all ones are no references.
    #[must_use]
    pub fn position(&self, order: ByteOrder, reference: u32) -> Option<usize> {
        if !is_reference(reference) {
            return None;
        }
        let mut used = self.used(order);
        used.find(|(_, entry)| entry.pd_reference.get(order) == reference).map(|(index, _)| index)
    }

    /// The used entry with this reference.
    #[must_use]
    pub fn find(&self, order: ByteOrder, reference: u32) -> Option<&PhysicalDiskEntry> {
        self.entries.get(self.position(order, reference)?)
    }
}

/// Whether a PD_Reference names a disk: `0` and all ones both occur as "no disk".
#[must_use]
pub const fn is_reference(reference: u32) -> bool {
    reference != 0 && reference != u32::MAX
}

impl PhysicalDiskEntry {
    /// What the disk is used for.
    #[must_use]
    pub const fn pd_type(&self, order: ByteOrder) -> PdType {
        PdType::from_bits_retain(self.pd_type.get(order))
    }

    /// Its condition.
    #[must_use]
    pub const fn pd_state(&self, order: ByteOrder) -> PdState {
        PdState::from_bits_retain(self.pd_state.get(order))
    }

    /// Stores what the disk is used for.
    pub const fn set_pd_type(&mut self, order: ByteOrder, pd_type: PdType) {
        self.pd_type.set(order, pd_type.bits());
    }

    /// Stores its condition.
    pub const fn set_pd_state(&mut self, order: ByteOrder, pd_state: PdState) {
        self.pd_state.set(order, pd_state.bits());
    }

    /// Interface code (1 parallel SCSI, 2 SAS, 3 SATA, 4 FC) from whichever of the two places holds
    /// a known one; `None`: not known. Which place is right is unverified.
    #[must_use]
    pub const fn interface(&self, order: ByteOrder) -> Option<u8> {
        let bits = self.pd_type.get(order);
        match ((bits >> 8) & 0xF, bits >> 12) {
            (1, _) | (0, 1) => Some(1),
            (2, _) | (0, 2) => Some(2),
            (3, _) | (0, 3) => Some(3),
            (4, _) | (0, 4) => Some(4),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crc::{CrcVariant, seal};

    const BIG: ByteOrder = ByteOrder::Big;

    fn section() -> [u8; 1024] {
        let mut bytes = [0xFF; 1024];
        let Some(records) = PhysicalDiskRecords::view_mut(&mut bytes) else { unreachable!() };
        assert_eq!(records.entries.len(), 15);
        records.signature = U32::new(BIG, PhysicalDiskRecords::SIGNATURE);
        records.populated_pdes = U16::new(BIG, 2);
        records.max_pde_supported = U16::new(BIG, 15);
        for (index, reference) in [(0, 7), (9, 8)] {
            records.entries[index].pd_guid = Guid([b'x'; 24]);
            records.entries[index].pd_reference = U32::new(BIG, reference);
        }
        seal(CrcVariant::B, BIG, &mut bytes);
        bytes
    }

    #[test]
    fn used_entries_behind_a_hole_are_found() {
        let bytes = section();
        let Ok(records) = PhysicalDiskRecords::check(&bytes, BIG) else { unreachable!() };
        let used: std::vec::Vec<_> = records.used(BIG).map(|(index, _)| index).collect();
        assert_eq!(used, [0, 9]);
        assert!(records.find(BIG, 8).is_some());
        assert!(records.find(BIG, 9).is_none());
    }

    #[test]
    fn no_disk_is_never_found_even_if_an_entry_says_so() {
        let mut bytes = section();
        let Some(records) = PhysicalDiskRecords::view_mut(&mut bytes) else { unreachable!() };
        records.entries[0].pd_reference = U32::new(BIG, 0);
        records.entries[9].pd_reference = U32::ALL_ONES;
        assert!(records.find(BIG, 0).is_none());
        assert!(records.find(BIG, u32::MAX).is_none());
    }

    #[test]
    fn a_bound_larger_than_the_section_ends_at_the_section() {
        let mut bytes = section();
        let Some(records) = PhysicalDiskRecords::view_mut(&mut bytes) else { unreachable!() };
        records.max_pde_supported = U16::ALL_ONES;
        assert_eq!(records.all(BIG).len(), 15);
        records.max_pde_supported = U16::new(BIG, 9);
        assert_eq!(records.used(BIG).count(), 1);
    }

    #[test]
    fn the_old_signature_of_mdadm_is_taken() {
        let mut bytes = section();
        let Some(records) = PhysicalDiskRecords::view_mut(&mut bytes) else { unreachable!() };
        records.signature = U32::new(BIG, PhysicalDiskRecords::LEGACY_SIGNATURE);
        seal(CrcVariant::B, BIG, &mut bytes);
        assert!(PhysicalDiskRecords::check(&bytes, BIG).is_ok());
    }

    #[test]
    fn failed_overrides_online() {
        for (bits, usable) in
            [(0x01, true), (0x03, false), (0x05, false), (0x41, false), (0, false)]
        {
            assert_eq!(PdState::from_bits_retain(bits).is_usable(), usable, "{bits:#x}");
        }
        // Predicted failure and unrecovered errors are warnings, not the loss of the disk.
        assert!(PdState::from_bits_retain(0x31).is_usable());
    }

    #[test]
    fn unknown_bits_survive() {
        let mut bytes = section();
        let Some(records) = PhysicalDiskRecords::view_mut(&mut bytes) else { unreachable!() };
        let entry = &mut records.entries[0];
        entry.pd_type = U16::new(BIG, 0x8F40);
        entry.set_pd_type(BIG, entry.pd_type(BIG) | PdType::PARTICIPATING);
        assert_eq!(entry.pd_type.get(BIG), 0x8F42);
    }
}
