// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reserved block: the very last block of a disk, its identity and the way to its RAID table.
//!
//! ```text
//! 0x000  b0idcode 37FC4D1E   firmware half: cache tuning, format flags, diagnostics
//! 0x03F  resver 8
//! 0x040  drivemagic          this disk; finds its own line in the table
//! 0x100  smagic "DPTM"       software half
//! 0x104  raidtbl             first block of the RAID table
//! 0x180  scratch             128 bytes of the management software's own
//! ```
//!
//! No checksum covers this block (`asr.md` 1.2).

use crate::RecordError;
use crate::record::{Record, expect, whole};
use core::mem::{offset_of, size_of};
use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The reserved block, byte for byte as on disk (`asr.md` 1.2).
///
/// Fields without a known use are kept as they are, so an unchanged record re-encodes to the same
/// bytes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
#[allow(clippy::struct_field_names)]
pub struct ReservedBlock {
    /// 0x000: [`ReservedBlock::MAGIC`].
    pub b0idcode: U32,
    /// 0x004.
    pub lunsave: [u8; 8],
    /// 0x00C.
    pub sdtype: U16,
    /// 0x00E.
    pub ssavecyl: U16,
    /// 0x010.
    pub ssavehed: u8,
    /// 0x011.
    pub ssavesec: u8,
    /// 0x012: raw flags; see [`ReservedBlock::disk_flags`].
    pub sb0flags: u8,
    /// 0x013: drive-hiding switch of one vendor (unverified).
    pub jbod_enable: u8,
    /// 0x014.
    pub lundsave: u8,
    /// 0x015.
    pub svpdirty: u8,
    /// 0x016: the BIOS's own.
    pub bios_info: U16,
    /// 0x018: write-back tuning from here to 0x02B.
    pub svwbskip: U16,
    /// 0x01A.
    pub svwbcln: U16,
    /// 0x01C.
    pub svwbmax: U16,
    /// 0x01E.
    pub res3: U16,
    /// 0x020.
    pub svwbmin: U16,
    /// 0x022.
    pub res4: U16,
    /// 0x024.
    pub svrcacth: U16,
    /// 0x026.
    pub svwcacth: U16,
    /// 0x028.
    pub svwbdly: U16,
    /// 0x02A.
    pub svsdtime: u8,
    /// 0x02B.
    pub res5: u8,
    /// 0x02C: the letters `FW` when firmware is stored on this disk.
    pub firmval: U16,
    /// 0x02E: length of that firmware, in blocks.
    pub firmbln: U16,
    /// 0x030: its first block.
    pub firmblk: U32,
    /// 0x034: first block reserved by the management software: `raidtbl` on a SATA disk, 0 on the
    /// one known SCSI disk.
    pub fstrsvrb: U32,
    /// 0x038: I2O target id.
    pub sv_block_storage_tid: U16,
    /// 0x03A.
    pub svtid: U16,
    /// 0x03C.
    pub svseccfl: u8,
    /// 0x03D.
    pub res6: u8,
    /// 0x03E.
    pub svhbanum: u8,
    /// 0x03F: [`ReservedBlock::VERSION`].
    pub resver: u8,
    /// 0x040: identity of this disk; see [`Identity::drivemagic`].
    pub drivemagic: U32,
    /// 0x044: reserved.
    pub reserved: [u8; 20],
    /// 0x058: diagnostics from here to 0x069.
    pub testnum: u8,
    /// 0x059.
    pub testflags: u8,
    /// 0x05A.
    pub max_error_count: U16,
    /// 0x05C.
    pub count: U32,
    /// 0x060.
    pub start_time: U32,
    /// 0x064.
    pub interval: U32,
    /// 0x068.
    pub tstxt0: u8,
    /// 0x069.
    pub tstxt1: u8,
    /// 0x06A: reserved for a serial number.
    pub ser_num: [u8; 32],
    /// 0x08A: reserved.
    pub res8: [u8; 102],
    /// 0x0F0: firmware test.
    pub fw_test_magic: U32,
    /// 0x0F4: firmware test.
    pub fw_test_seq_num: U32,
    /// 0x0F8: firmware test.
    pub fw_test_res: [u8; 8],
    /// 0x100: [`ReservedBlock::SOFTWARE_MAGIC`].
    pub smagic: U32,
    /// 0x104: first block of the RAID table; see [`Identity::table_at`].
    pub raidtbl: U32,
    /// 0x108: index of the own line in versions below 7; not used in version 8.
    pub raidline: U16,
    /// 0x10A: reserved.
    pub res9: [u8; 118],
    /// 0x180: scratch buffer of the management software; an update keeps it byte for byte.
    pub scratch: [u8; 128],
}

const _: () = assert!(size_of::<ReservedBlock>() == 512);
const _: () = assert!(offset_of!(ReservedBlock, b0idcode) == 0x000);
const _: () = assert!(offset_of!(ReservedBlock, lunsave) == 0x004);
const _: () = assert!(offset_of!(ReservedBlock, sdtype) == 0x00C);
const _: () = assert!(offset_of!(ReservedBlock, ssavecyl) == 0x00E);
const _: () = assert!(offset_of!(ReservedBlock, ssavehed) == 0x010);
const _: () = assert!(offset_of!(ReservedBlock, ssavesec) == 0x011);
const _: () = assert!(offset_of!(ReservedBlock, sb0flags) == 0x012);
const _: () = assert!(offset_of!(ReservedBlock, jbod_enable) == 0x013);
const _: () = assert!(offset_of!(ReservedBlock, lundsave) == 0x014);
const _: () = assert!(offset_of!(ReservedBlock, svpdirty) == 0x015);
const _: () = assert!(offset_of!(ReservedBlock, bios_info) == 0x016);
const _: () = assert!(offset_of!(ReservedBlock, svwbskip) == 0x018);
const _: () = assert!(offset_of!(ReservedBlock, svwbcln) == 0x01A);
const _: () = assert!(offset_of!(ReservedBlock, svwbmax) == 0x01C);
const _: () = assert!(offset_of!(ReservedBlock, res3) == 0x01E);
const _: () = assert!(offset_of!(ReservedBlock, svwbmin) == 0x020);
const _: () = assert!(offset_of!(ReservedBlock, res4) == 0x022);
const _: () = assert!(offset_of!(ReservedBlock, svrcacth) == 0x024);
const _: () = assert!(offset_of!(ReservedBlock, svwcacth) == 0x026);
const _: () = assert!(offset_of!(ReservedBlock, svwbdly) == 0x028);
const _: () = assert!(offset_of!(ReservedBlock, svsdtime) == 0x02A);
const _: () = assert!(offset_of!(ReservedBlock, res5) == 0x02B);
const _: () = assert!(offset_of!(ReservedBlock, firmval) == 0x02C);
const _: () = assert!(offset_of!(ReservedBlock, firmbln) == 0x02E);
const _: () = assert!(offset_of!(ReservedBlock, firmblk) == 0x030);
const _: () = assert!(offset_of!(ReservedBlock, fstrsvrb) == 0x034);
const _: () = assert!(offset_of!(ReservedBlock, sv_block_storage_tid) == 0x038);
const _: () = assert!(offset_of!(ReservedBlock, svtid) == 0x03A);
const _: () = assert!(offset_of!(ReservedBlock, svseccfl) == 0x03C);
const _: () = assert!(offset_of!(ReservedBlock, res6) == 0x03D);
const _: () = assert!(offset_of!(ReservedBlock, svhbanum) == 0x03E);
const _: () = assert!(offset_of!(ReservedBlock, resver) == 0x03F);
const _: () = assert!(offset_of!(ReservedBlock, drivemagic) == 0x040);
const _: () = assert!(offset_of!(ReservedBlock, reserved) == 0x044);
const _: () = assert!(offset_of!(ReservedBlock, testnum) == 0x058);
const _: () = assert!(offset_of!(ReservedBlock, testflags) == 0x059);
const _: () = assert!(offset_of!(ReservedBlock, max_error_count) == 0x05A);
const _: () = assert!(offset_of!(ReservedBlock, count) == 0x05C);
const _: () = assert!(offset_of!(ReservedBlock, start_time) == 0x060);
const _: () = assert!(offset_of!(ReservedBlock, interval) == 0x064);
const _: () = assert!(offset_of!(ReservedBlock, tstxt0) == 0x068);
const _: () = assert!(offset_of!(ReservedBlock, tstxt1) == 0x069);
const _: () = assert!(offset_of!(ReservedBlock, ser_num) == 0x06A);
const _: () = assert!(offset_of!(ReservedBlock, res8) == 0x08A);
const _: () = assert!(offset_of!(ReservedBlock, fw_test_magic) == 0x0F0);
const _: () = assert!(offset_of!(ReservedBlock, fw_test_seq_num) == 0x0F4);
const _: () = assert!(offset_of!(ReservedBlock, fw_test_res) == 0x0F8);
const _: () = assert!(offset_of!(ReservedBlock, smagic) == 0x100);
const _: () = assert!(offset_of!(ReservedBlock, raidtbl) == 0x104);
const _: () = assert!(offset_of!(ReservedBlock, raidline) == 0x108);
const _: () = assert!(offset_of!(ReservedBlock, res9) == 0x10A);
const _: () = assert!(offset_of!(ReservedBlock, scratch) == 0x180);

bitflags::bitflags! {
    /// `sb0flags` of the reserved block; unknown bits are kept.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct DiskFlags: u8 {
        /// SMART emulation is on.
        const SMART_EMULATION = 0x80;
        /// The clear stage of a format is not finished; only on controllers without I2O.
        const CLEARING = 0x10;
        /// The format stage is not finished; only on controllers without I2O.
        const FORMATTING = 0x08;
        /// The write cache is written through.
        const WRITE_THROUGH = 0x04;
        /// The cache is off.
        const CACHE_OFF = 0x01;
        const _ = !0;
    }
}

impl Record for ReservedBlock {
    const NAME: &'static str = "reserved block";
}

impl ReservedBlock {
    /// `b0idcode` of every disk of the format.
    pub const MAGIC: u32 = 0x37FC_4D1E;
    /// `smagic`: `DPTM`, the software half is valid.
    pub const SOFTWARE_MAGIC: u32 = 0x4450_544D;
    /// `resver` of all known disks; no reader assembles another.
    pub const VERSION: u8 = 8;
    /// `drivemagic` of a disk that has none.
    pub const NO_DRIVEMAGIC: u32 = 0xFFFF_FFFF;

    /// Looks at the front of `bytes` as a reserved block and checks both magics, then the version.
    ///
    /// # Errors
    /// [`RecordError`]; [`RecordError::ReservedVersion`] only when both magics are right.
    pub fn check(bytes: &[u8]) -> Result<Identity<'_>, RecordError> {
        let block: &Self = whole(bytes)?;
        expect(block.b0idcode, Self::MAGIC, |found| RecordError::BlockMagic { found })?;
        expect(block.smagic, Self::SOFTWARE_MAGIC, |found| RecordError::SoftwareMagic { found })?;
        if block.resver != Self::VERSION {
            return Err(RecordError::ReservedVersion { found: block.resver });
        }
        Ok(Identity(block))
    }

    /// Whether at least one of the two magics stands here: the mark of a disk that carries the
    /// format, or carried it. `wipefs` clears only `b0idcode` (`asr.md` 6.8).
    #[must_use]
    pub fn has_trace(&self) -> bool {
        self.b0idcode.get() == Self::MAGIC || self.smagic.get() == Self::SOFTWARE_MAGIC
    }

    /// Whether the magic was erased and the rest left, as `wipefs -a` does it.
    pub(crate) fn is_wiped(&self) -> bool {
        self.b0idcode.get() == 0 && self.smagic.get() == Self::SOFTWARE_MAGIC
    }

    /// The flags of the disk, unknown bits kept.
    #[must_use]
    pub const fn disk_flags(&self) -> DiskFlags {
        DiskFlags::from_bits_retain(self.sb0flags)
    }
}

/// A reserved block whose magics and version are right. Only [`ReservedBlock::check`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a>(&'a ReservedBlock);

impl<'a> Identity<'a> {
    /// The record behind it.
    #[must_use]
    pub const fn record(self) -> &'a ReservedBlock {
        self.0
    }

    /// The disk's identity; `None` when none was assigned.
    #[must_use]
    pub fn drivemagic(self) -> Option<u32> {
        let magic = self.0.drivemagic.get();
        (magic != ReservedBlock::NO_DRIVEMAGIC).then_some(magic)
    }

    /// First block of the RAID table, which must lie between block 0 and the reserved block of a
    /// disk of `blocks` blocks (`asr.md` 4.2).
    ///
    /// # Errors
    /// [`RecordError::TablePointer`].
    pub fn table_at(self, blocks: u64) -> Result<u64, RecordError> {
        let found = self.0.raidtbl.get();
        let limit = blocks.saturating_sub(crate::TAIL_BLOCKS);
        let at = u64::from(found);
        if at == 0 || at > limit {
            return Err(RecordError::TablePointer { found, limit });
        }
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> [u8; 512] {
        let mut bytes = [0u8; 512];
        let block = ReservedBlock::view_mut(&mut bytes).unwrap();
        block.b0idcode = ReservedBlock::MAGIC.into();
        block.smagic = ReservedBlock::SOFTWARE_MAGIC.into();
        block.resver = ReservedBlock::VERSION;
        bytes
    }

    #[test]
    fn a_block_passes_only_with_both_magics_and_version_8() {
        assert!(ReservedBlock::check(&block()).is_ok());
        let mut other = block();
        other[0] ^= 1;
        let found = ReservedBlock::MAGIC ^ 0x0100_0000;
        assert_eq!(ReservedBlock::check(&other).err(), Some(RecordError::BlockMagic { found }));
        let mut other = block();
        other[0x103] ^= 1;
        let found = ReservedBlock::SOFTWARE_MAGIC ^ 1;
        assert_eq!(ReservedBlock::check(&other).err(), Some(RecordError::SoftwareMagic { found }));
        let mut other = block();
        other[0x3F] = 7;
        assert_eq!(
            ReservedBlock::check(&other).err(),
            Some(RecordError::ReservedVersion { found: 7 })
        );
        assert_eq!(
            ReservedBlock::check(&block()[..511]).err(),
            Some(RecordError::Truncated { record: "reserved block", found: 511, expected: 512 })
        );
    }

    #[test]
    fn a_table_lies_between_block_0_and_the_reserved_block() {
        let mut bytes = block();
        for (raidtbl, fits) in [(0, false), (1, true), (83, true), (84, false), (u32::MAX, false)] {
            ReservedBlock::view_mut(&mut bytes).unwrap().raidtbl = raidtbl.into();
            let at = ReservedBlock::check(&bytes).unwrap().table_at(100);
            let error = RecordError::TablePointer { found: raidtbl, limit: 83 };
            assert_eq!(at, if fits { Ok(u64::from(raidtbl)) } else { Err(error) });
        }
        assert!(ReservedBlock::check(&bytes).unwrap().table_at(0).is_err());
    }

    #[test]
    fn no_drivemagic_is_an_identity_of_none() {
        let mut bytes = block();
        ReservedBlock::view_mut(&mut bytes).unwrap().drivemagic = 0xFFFF_FFFF.into();
        assert_eq!(ReservedBlock::check(&bytes).unwrap().drivemagic(), None);
        ReservedBlock::view_mut(&mut bytes).unwrap().drivemagic = 0x91AA_7059.into();
        assert_eq!(ReservedBlock::check(&bytes).unwrap().drivemagic(), Some(0x91AA_7059));
    }

    #[test]
    fn unknown_flag_bits_are_kept() {
        let mut bytes = block();
        bytes[0x12] = 0x66;
        let flags = ReservedBlock::view(&bytes).unwrap().disk_flags();
        assert_eq!(flags.bits(), 0x66);
        assert!(flags.contains(DiskFlags::WRITE_THROUGH) && !flags.contains(DiskFlags::CACHE_OFF));
    }
}
