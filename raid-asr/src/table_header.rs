// SPDX-License-Identifier: MIT OR Apache-2.0
//! The header of the RAID table: the first 64 of its 8192 bytes.

use core::mem::{offset_of, size_of};
use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The header, byte for byte as on disk (`asr.md` 1.3). No checksum covers it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct TableHeader {
    /// 0x00: [`TableHeader::MAGIC`].
    pub ridcode: U32,
    /// 0x04: version of the table, 2 in known data. Not a generation, whatever some readers call it.
    pub rversion: U32,
    /// 0x08: room for lines, as stored; more than 127 do not fit on a disk.
    pub maxelm: U16,
    /// 0x0A: lines in use.
    pub elmcnt: U16,
    /// 0x0C: bytes of a line, 64.
    pub elmsize: U16,
    /// 0x0E: sum over the lines in use; see [`Checksum`](crate::Checksum).
    pub rchksum: U16,
    /// 0x10: reserved.
    pub res1: U32,
    /// 0x14: reserved; once the idle time between build bursts.
    pub res2: U16,
    /// 0x16: reserved; once the length of a build burst.
    pub res3: U16,
    /// 0x18: bit 0: alarm off.
    pub raid_flags: U32,
    /// 0x1C: meant to tell which copy is newest; unit unverified.
    pub timestamp: U32,
    /// 0x20: raw flags; see [`TableHeader::iroc`].
    pub iroc_flags: u8,
    /// 0x21: raw mark of an open array; see [`TableHeader::open_mark`].
    pub dirty: u8,
    /// 0x22: priority of background tasks; scale unverified.
    pub action_priority: u8,
    /// 0x23: in a member's table: id of its dedicated spare.
    pub spareid: u8,
    /// 0x24: in a member's table: that spare's `drivemagic`.
    pub sparedrivemagic: U32,
    /// 0x28: in a spare's table: the array it belongs to, all ones for any. Not the field of the
    /// same name in a line.
    pub raidmagic: U32,
    /// 0x2C: the management software's; unit unverified.
    pub verify_date: U32,
    /// 0x30: the management software's; unit unverified.
    pub recreate_date: U32,
    /// 0x34: reserved.
    pub res4: [u8; 12],
}

const _: () = assert!(size_of::<TableHeader>() == 64);
const _: () = assert!(offset_of!(TableHeader, ridcode) == 0x00);
const _: () = assert!(offset_of!(TableHeader, rversion) == 0x04);
const _: () = assert!(offset_of!(TableHeader, maxelm) == 0x08);
const _: () = assert!(offset_of!(TableHeader, elmcnt) == 0x0A);
const _: () = assert!(offset_of!(TableHeader, elmsize) == 0x0C);
const _: () = assert!(offset_of!(TableHeader, rchksum) == 0x0E);
const _: () = assert!(offset_of!(TableHeader, res1) == 0x10);
const _: () = assert!(offset_of!(TableHeader, res2) == 0x14);
const _: () = assert!(offset_of!(TableHeader, res3) == 0x16);
const _: () = assert!(offset_of!(TableHeader, raid_flags) == 0x18);
const _: () = assert!(offset_of!(TableHeader, timestamp) == 0x1C);
const _: () = assert!(offset_of!(TableHeader, iroc_flags) == 0x20);
const _: () = assert!(offset_of!(TableHeader, dirty) == 0x21);
const _: () = assert!(offset_of!(TableHeader, action_priority) == 0x22);
const _: () = assert!(offset_of!(TableHeader, spareid) == 0x23);
const _: () = assert!(offset_of!(TableHeader, sparedrivemagic) == 0x24);
const _: () = assert!(offset_of!(TableHeader, raidmagic) == 0x28);
const _: () = assert!(offset_of!(TableHeader, verify_date) == 0x2C);
const _: () = assert!(offset_of!(TableHeader, recreate_date) == 0x30);
const _: () = assert!(offset_of!(TableHeader, res4) == 0x34);

bitflags::bitflags! {
    /// `irocFlags` of the header; unknown bits are kept.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct IrocFlags: u8 {
        /// The array may be booted from.
        const BOOTABLE = 0x80;
        /// A verify repairs what it finds.
        const VERIFY_REPAIRS = 0x01;
        const _ = !0;
    }
}

/// The `dirty` mark of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OpenMark {
    /// 0x00: no write was under way.
    Clean,
    /// 0x03: the array was open for writing.
    Dirty,
    /// A value this version does not know, as found; to be taken for dirty.
    Other(u8),
}

impl OpenMark {
    /// The mark as stored.
    #[must_use]
    pub const fn raw(self) -> u8 {
        match self {
            Self::Clean => 0x00,
            Self::Dirty => 0x03,
            Self::Other(raw) => raw,
        }
    }
}

impl TableHeader {
    /// `ridcode` of every table.
    pub const MAGIC: u32 = 0x9007_65C4;
    /// First version whose checksum some firmware does not maintain (`asr.md` 1.5).
    pub const VERSION_2: u32 = 2;
    /// `raidmagic` in the table of a spare that serves any array.
    pub const ANY_ARRAY: u32 = 0xFFFF_FFFF;

    /// The mark of an open array, unknown values kept.
    #[must_use]
    pub const fn open_mark(&self) -> OpenMark {
        match self.dirty {
            0x00 => OpenMark::Clean,
            0x03 => OpenMark::Dirty,
            other => OpenMark::Other(other),
        }
    }

    /// The flags of the array, unknown bits kept.
    #[must_use]
    pub const fn iroc(&self) -> IrocFlags {
        IrocFlags::from_bits_retain(self.iroc_flags)
    }
}
