// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual Disk Records: every virtual disk of the configuration, the same list on each disk.
//!
//! `ddf.md` 2.5. An entry says what a volume is called and how it is; how it is laid out stands in
//! the configuration records of its members.

use crate::guid::Guid;
use crate::integer::{ByteOrder, U16, U32};
use crate::record::Record;
use bitflags::bitflags;
use raid_core::array::{Initialisation, Name};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The section: a head of 64 bytes and as many entries as the section has room for.
#[derive(Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct VirtualDiskRecords {
    /// 0: [`VirtualDiskRecords::SIGNATURE`](Record::SIGNATURE).
    pub signature: U32,
    /// 4: over the whole section.
    pub crc: U32,
    /// 8: how many entries are used.
    pub populated_vdes: U16,
    /// 10: how many entries there are.
    pub max_vde_supported: U16,
    /// 12: reserved, `FF`.
    pub reserved_12: [u8; 52],
    /// 64: the entries.
    pub entries: [VirtualDiskEntry],
}

/// One virtual disk of the configuration.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct VirtualDiskEntry {
    /// 0: identity; all ones: entry unused.
    pub vd_guid: Guid,
    /// 24: number shown to the host.
    pub vd_number: U16,
    /// 26: reserved, `FF`.
    pub reserved_26: [u8; 2],
    /// 28: flags in the low half, a CRC of the controller's GUID in the high half; see
    /// [`vd_type`](Self::vd_type).
    pub vd_type: U32,
    /// 32: see [`condition`](Self::condition) and [`vd_flags`](Self::vd_flags).
    pub vd_state: u8,
    /// 33: see [`initialisation`](Self::initialisation) and [`access`](Self::access).
    pub init_state: u8,
    /// 34: failures that a partially optimal volume survives (2.0).
    pub drive_failures_remaining: u8,
    /// 35: reserved, `FF`.
    pub reserved_35: [u8; 13],
    /// 48: label, not terminated when it takes all 16 bytes.
    pub vd_name: [u8; 16],
}

pinned!(VirtualDiskRecords, list entries: 64, each 64 {
    signature: 0, 4;
    crc: 4, 4;
    populated_vdes: 8, 2;
    max_vde_supported: 10, 2;
    reserved_12: 12, 52;
});

pinned!(VirtualDiskEntry {
    vd_guid: 0, 24;
    vd_number: 24, 2;
    reserved_26: 26, 2;
    vd_type: 28, 4;
    vd_state: 32, 1;
    init_state: 33, 1;
    drive_failures_remaining: 34, 1;
    reserved_35: 35, 13;
    vd_name: 48, 16;
});

bitflags! {
    /// Kind of a virtual disk: the low half of `VD_Type`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct VdType: u16 {
        /// Several hosts use it.
        const SHARED = 1 << 0;
        /// Disk groups are enforced.
        const GROUPED = 1 << 1;
        /// The name is Unicode. Which encoding is unverified.
        const UNICODE = 1 << 2;
        /// An owner is recorded.
        const OWNED = 1 << 3;
    }

    /// The flags of `VD_State`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct VdFlags: u8 {
        /// A change of layout is under way.
        const MORPHING = 1 << 3;
        /// Copies or parity may disagree.
        const NOT_CONSISTENT = 1 << 4;
    }
}

/// The condition of a virtual disk: the low three bits of `VD_State`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VdCondition {
    /// 0.
    Optimal,
    /// 1: no further failure is survived.
    Degraded,
    /// 2: no longer there.
    Deleted,
    /// 3: its disks are absent.
    Missing,
    /// 4: data is lost.
    Failed,
    /// 5: redundancy lost, another failure is survived.
    PartiallyOptimal,
    /// 6 (2.0).
    Offline,
    /// 7: reserved.
    Other(u8),
}

impl VdCondition {
    /// The condition that the low three bits of `byte` stand for.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        match byte & 7 {
            0 => Self::Optimal,
            1 => Self::Degraded,
            2 => Self::Deleted,
            3 => Self::Missing,
            4 => Self::Failed,
            5 => Self::PartiallyOptimal,
            6 => Self::Offline,
            other => Self::Other(other),
        }
    }

    /// The three bits that stand for this condition.
    #[must_use]
    pub const fn to_bits(self) -> u8 {
        match self {
            Self::Optimal => 0,
            Self::Degraded => 1,
            Self::Deleted => 2,
            Self::Missing => 3,
            Self::Failed => 4,
            Self::PartiallyOptimal => 5,
            Self::Offline => 6,
            Self::Other(other) => other & 7,
        }
    }
}

/// What hosts may do with a virtual disk: the high two bits of `Init_State`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UserAccess {
    /// `00`.
    ReadWrite,
    /// `80`.
    ReadOnly,
    /// `C0`.
    Blocked,
    /// `40`: reserved.
    Other(u8),
}

impl Record for VirtualDiskRecords {
    const NAME: &'static str = "virtual disk records";
    const SIGNATURE: u32 = 0xDDDD_DDDD;
    const FIXED_LEN: usize = 64;
}

impl VirtualDiskRecords {
    /// The entries there are: no more than the section says, no more than it has room for.
    #[must_use]
    pub fn all(&self, order: ByteOrder) -> &[VirtualDiskEntry] {
        let max = usize::from(self.max_vde_supported.get(order));
        self.entries.get(..max).unwrap_or(&self.entries)
    }

    /// The used entries with their indices, deleted ones included.
    pub fn used(&self, order: ByteOrder) -> impl Iterator<Item = (usize, &VirtualDiskEntry)> {
        self.all(order).iter().enumerate().filter(|(_, entry)| !entry.vd_guid.is_unused())
    }

    /// The used entry with this GUID.
    #[must_use]
    pub fn find(&self, order: ByteOrder, guid: &Guid) -> Option<&VirtualDiskEntry> {
        self.used(order).map(|(_, entry)| entry).find(|entry| entry.vd_guid == *guid)
    }
}

impl VirtualDiskEntry {
    /// The flags of `VD_Type`; none if all four bytes are ones, graid's "not set".
    #[must_use]
    pub const fn vd_type(&self, order: ByteOrder) -> VdType {
        match self.vd_type.present(order) {
            Some(value) => {
                let [_, _, high, low] = value.to_be_bytes();
                VdType::from_bits_retain(u16::from_be_bytes([high, low]))
            }
            None => VdType::empty(),
        }
    }

    /// The condition that was stored; a reader computes its own from the members at hand.
    #[must_use]
    pub const fn condition(&self) -> VdCondition {
        VdCondition::from_byte(self.vd_state)
    }

    /// Stores the condition, other bits kept.
    pub const fn set_condition(&mut self, condition: VdCondition) {
        self.vd_state = (self.vd_state & !7) | condition.to_bits();
    }

    /// The flags of `VD_State`, without the condition.
    #[must_use]
    pub const fn vd_flags(&self) -> VdFlags {
        VdFlags::from_bits_retain(self.vd_state & !7)
    }

    /// Stores flags, the condition kept.
    pub const fn set_vd_flags(&mut self, flags: VdFlags) {
        self.vd_state = (self.vd_state & 7) | (flags.bits() & !7);
    }

    /// How far redundancy was established. LSI leaves 0 on volumes in normal use, so this alone is
    /// no reason to start anything. The reserved value 3 counts as not done.
    #[must_use]
    pub const fn initialisation(&self) -> Initialisation {
        match self.init_state & 3 {
            1 => Initialisation::Running,
            2 => Initialisation::Full,
            _ => Initialisation::None,
        }
    }

    /// Stores how far redundancy was established, other bits kept.
    pub const fn set_initialisation(&mut self, initialisation: Initialisation) {
        let bits = match initialisation {
            Initialisation::None => 0,
            Initialisation::Running => 1,
            Initialisation::Full => 2,
        };
        self.init_state = (self.init_state & !3) | bits;
    }

    /// What hosts may do.
    #[must_use]
    pub const fn access(&self) -> UserAccess {
        match self.init_state & 0xC0 {
            0x00 => UserAccess::ReadWrite,
            0x80 => UserAccess::ReadOnly,
            0xC0 => UserAccess::Blocked,
            other => UserAccess::Other(other),
        }
    }

    /// The label without padding: trailing zeros (mdadm), blanks (graid) and `FF`.
    #[must_use]
    pub fn name(&self) -> Name {
        let used = self.vd_name.iter().rposition(|byte| !matches!(byte, 0 | b' ' | 0xFF));
        let len = used.map_or(0, |last| last.saturating_add(1));
        Name::new(self.vd_name.get(..len).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> VirtualDiskEntry {
        let Ok(entry) = VirtualDiskEntry::read_from_bytes(&[0xFF; 64]) else { unreachable!() };
        entry
    }

    #[test]
    fn condition_and_flags_share_a_byte_without_touching_each_other() {
        for byte in 0..=255u8 {
            let mut entry = entry();
            entry.vd_state = byte;
            entry.set_condition(entry.condition());
            entry.set_vd_flags(entry.vd_flags());
            assert_eq!(entry.vd_state, byte);
            entry.set_condition(VdCondition::Degraded);
            assert_eq!(entry.vd_state, byte & 0xF8 | 1);
        }
    }

    #[test]
    fn initialisation_keeps_the_access_bits() {
        let mut entry = entry();
        entry.init_state = 0x80;
        entry.set_initialisation(Initialisation::Full);
        assert_eq!(entry.init_state, 0x82);
        assert_eq!(entry.access(), UserAccess::ReadOnly);
        assert_eq!(entry.initialisation(), Initialisation::Full);
        entry.init_state = 3;
        assert_eq!(entry.initialisation(), Initialisation::None);
    }

    #[test]
    fn names_lose_their_padding_and_nothing_else() {
        let mut entry = entry();
        assert_eq!(entry.name(), Name::EMPTY);
        for (stored, name) in [
            (b"r5\0\0\0\0\0\0\0\0\0\0\0\0\0\0", &b"r5"[..]),
            (b"graid name      ", b"graid name"),
            (b"stripe_of_16_chr", b"stripe_of_16_chr"),
        ] {
            entry.vd_name = *stored;
            assert_eq!(entry.name().as_bytes(), name);
        }
    }

    #[test]
    fn a_type_of_all_ones_has_no_flags() {
        let mut entry = entry();
        assert_eq!(entry.vd_type(ByteOrder::Big), VdType::empty());
        entry.vd_type = U32::new(ByteOrder::Big, 0x3B03_0004);
        assert_eq!(entry.vd_type(ByteOrder::Big), VdType::UNICODE);
    }
}
