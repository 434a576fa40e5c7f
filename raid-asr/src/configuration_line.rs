// SPDX-License-Identifier: MIT OR Apache-2.0
//! A configuration line: one array or one disk of the RAID table's tree.
//!
//! ```text
//!             array line (FWL, FWL_2)              disk line (FWP)
//! raidcnt     components below it                  0
//! raidmagic   identity of the array                identity of the disk: its drivemagic
//! lcapcty     blocks of the array                  blocks used on the disk
//! strpsize    RAID 0: the full stripe              the stripe unit
//! raidstate   ArrayLineState                       DiskLineState
//! ```

use crate::{ArrayLineState, DiskLineState, LineName, RaidType, TreeLevel};
use core::mem::{offset_of, size_of};
use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A line, byte for byte as on disk (`asr.md` 1.4).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct ConfigurationLine {
    /// 0x00: components of an array line.
    pub raidcnt: U16,
    /// 0x02: generation of this line.
    pub raidseq: U16,
    /// 0x04: identity of the array, or of the disk.
    pub raidmagic: U32,
    /// 0x08: raw place in the tree; see [`ConfigurationLine::level`].
    pub raidlevel: u8,
    /// 0x09: raw RAID level; see [`ConfigurationLine::raid_type`].
    pub raidtype: u8,
    /// 0x0A: raw state; see [`ConfigurationLine::array_state`] and
    /// [`ConfigurationLine::disk_state`].
    pub raidstate: u8,
    /// 0x0B: raw flags; see [`ConfigurationLine::line_flags`].
    pub flags: u8,
    /// 0x0C: said to count references; 0 in known data.
    pub refcnt: u8,
    /// 0x0D: adapter.
    pub raidhba: u8,
    /// 0x0E: channel.
    pub raidchnl: u8,
    /// 0x0F: logical unit.
    pub raidlun: u8,
    /// 0x10: SCSI id, or port.
    pub raidid: U32,
    /// 0x14: an offset whose sense is disputed; 0 in known data.
    pub loffset: U32,
    /// 0x18: blocks of the array, or blocks used on the disk.
    pub lcapcty: U32,
    /// 0x1C: blocks of a stripe unit (disk), or of a full stripe (RAID 0 array).
    pub strpsize: U16,
    /// 0x1E: the BIOS's own.
    pub bios_info: U16,
    /// 0x20: a run-time pointer of the firmware; kept, never interpreted.
    pub lsu: U32,
    /// 0x24: disks added by an expansion (unverified).
    pub added_drives: u8,
    /// 0x25: pace of the background task (unverified).
    pub app_sleep_rate: u8,
    /// 0x26: I2O id.
    pub block_storage_tid: U16,
    /// 0x28: where the background task stands; unit unverified.
    pub cur_app_block: U32,
    /// 0x2C: blocks of a burst of the background task (unverified).
    pub app_burst_count: U32,
    /// 0x30: label.
    pub name: LineName,
}

const _: () = assert!(size_of::<ConfigurationLine>() == 64);
const _: () = assert!(offset_of!(ConfigurationLine, raidcnt) == 0x00);
const _: () = assert!(offset_of!(ConfigurationLine, raidseq) == 0x02);
const _: () = assert!(offset_of!(ConfigurationLine, raidmagic) == 0x04);
const _: () = assert!(offset_of!(ConfigurationLine, raidlevel) == 0x08);
const _: () = assert!(offset_of!(ConfigurationLine, raidtype) == 0x09);
const _: () = assert!(offset_of!(ConfigurationLine, raidstate) == 0x0A);
const _: () = assert!(offset_of!(ConfigurationLine, flags) == 0x0B);
const _: () = assert!(offset_of!(ConfigurationLine, refcnt) == 0x0C);
const _: () = assert!(offset_of!(ConfigurationLine, raidhba) == 0x0D);
const _: () = assert!(offset_of!(ConfigurationLine, raidchnl) == 0x0E);
const _: () = assert!(offset_of!(ConfigurationLine, raidlun) == 0x0F);
const _: () = assert!(offset_of!(ConfigurationLine, raidid) == 0x10);
const _: () = assert!(offset_of!(ConfigurationLine, loffset) == 0x14);
const _: () = assert!(offset_of!(ConfigurationLine, lcapcty) == 0x18);
const _: () = assert!(offset_of!(ConfigurationLine, strpsize) == 0x1C);
const _: () = assert!(offset_of!(ConfigurationLine, bios_info) == 0x1E);
const _: () = assert!(offset_of!(ConfigurationLine, lsu) == 0x20);
const _: () = assert!(offset_of!(ConfigurationLine, added_drives) == 0x24);
const _: () = assert!(offset_of!(ConfigurationLine, app_sleep_rate) == 0x25);
const _: () = assert!(offset_of!(ConfigurationLine, block_storage_tid) == 0x26);
const _: () = assert!(offset_of!(ConfigurationLine, cur_app_block) == 0x28);
const _: () = assert!(offset_of!(ConfigurationLine, app_burst_count) == 0x2C);
const _: () = assert!(offset_of!(ConfigurationLine, name) == 0x30);

bitflags::bitflags! {
    /// `flags` of a line; unknown bits are kept. All 0 in known data.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct LineFlags: u8 {
        /// The table needs an update.
        const NEEDS_UPDATE = 0x80;
        /// Direction of a mirror copy; which way is unverified.
        const COPY_DIRECTION = 0x40;
        /// A mirror copy is under way (unverified).
        const MIRROR_COPY = 0x20;
        /// The first build is finished.
        const BUILT = 0x10;
        /// SMART is off.
        const SMART_OFF = 0x08;
        /// Write-back caching.
        const WRITE_BACK = 0x04;
        /// Failure prediction is on.
        const FAILURE_PREDICTION = 0x02;
        /// Alarm off.
        const ALARM_OFF = 0x01;
    }
}

/// Address of a disk; ordered as some readers sort members, most significant part first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DiskAddress {
    /// Number of the adapter.
    pub adapter: u8,
    /// Channel of the adapter.
    pub channel: u8,
    /// Logical unit.
    pub unit: u8,
    /// Id on the channel.
    pub id: u32,
}

impl ConfigurationLine {
    /// Bytes of a line, the only accepted `elmsize`.
    pub const SIZE: u16 = 64;

    /// Place in the tree, unknown values kept.
    #[must_use]
    pub const fn level(&self) -> TreeLevel {
        TreeLevel::from_raw(self.raidlevel)
    }

    /// RAID level, unknown values kept.
    #[must_use]
    pub const fn raid_type(&self) -> RaidType {
        RaidType::from_raw(self.raidtype)
    }

    /// State, read as an array line's.
    #[must_use]
    pub const fn array_state(&self) -> ArrayLineState {
        ArrayLineState::from_raw(self.raidstate)
    }

    /// State, read as a disk line's.
    #[must_use]
    pub const fn disk_state(&self) -> DiskLineState {
        DiskLineState::from_raw(self.raidstate)
    }

    /// The flags, unknown bits kept.
    #[must_use]
    pub const fn line_flags(&self) -> LineFlags {
        LineFlags::from_bits_retain(self.flags)
    }

    /// Address of the disk, most significant part first: the order in which some readers sort the
    /// members (`asr.md` 3.3).
    #[must_use]
    pub const fn address(&self) -> DiskAddress {
        DiskAddress {
            adapter: self.raidhba,
            channel: self.raidchnl,
            unit: self.raidlun,
            id: self.raidid.get(),
        }
    }
}
