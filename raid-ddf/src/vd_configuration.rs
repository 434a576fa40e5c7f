// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual Disk Configuration Record: the layout of one basic virtual disk, on each of its members.
//!
//! ```text
//! 0                 512               512 + 4M                512 + 12M
//! | fixed part      | M references     | M starting blocks     | padding |
//!                     N of them used      N of them used
//! ```
//!
//! `ddf.md` 2.6. N is the number of members, M the number of slots that the header declares: the
//! second list starts after all M slots of the first. A disk of a secondary virtual disk holds the
//! record of its own basic virtual disk only.

use crate::guid::Guid;
use crate::header::DdfHeader;
use crate::integer::{ByteOrder, U16, U32, U64};
use crate::record::Record;
use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The record, as long as its slot.
#[derive(Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct VdConfiguration {
    /// 0: [`VdConfiguration::SIGNATURE`](Record::SIGNATURE); all ones: slot unused.
    pub signature: U32,
    /// 4: over the whole record.
    pub crc: U32,
    /// 8: the virtual disk; all parts of a secondary virtual disk have the same.
    pub vd_guid: Guid,
    /// 32: time of the last change; a hint.
    pub timestamp: U32,
    /// 36: 1 at creation, one more with each change; the newest record counts.
    pub sequence_number: U32,
    /// 40: reserved, `FF`.
    pub reserved_40: [u8; 24],
    /// 64: N, members of this basic virtual disk.
    pub primary_element_count: U16,
    /// 66: strip of 2^this blocks; mdadm stores 255 where there is none.
    pub strip_size: u8,
    /// 67: PRL, see [`PrimaryLevel`](crate::PrimaryLevel).
    pub primary_raid_level: u8,
    /// 68: RLQ, whose meaning depends on the level.
    pub raid_level_qualifier: u8,
    /// 69: S, number of basic virtual disks.
    pub secondary_element_count: u8,
    /// 70: which of them this is, from 0.
    pub secondary_element_seq: u8,
    /// 71: SRL, see [`SecondaryLevel`](crate::SecondaryLevel); meaningless when S is 1.
    pub secondary_raid_level: u8,
    /// 72: blocks used on each member; 0 from Adaptec.
    pub block_count: U64,
    /// 80: blocks of the whole virtual disk, all parts together.
    pub vd_size: U64,
    /// 88: bytes of a block of the virtual disk (2.0); all ones: 512.
    pub block_size: U16,
    /// 90: RAID-5R: parity moves after 2^this rows (2.0).
    pub rotate_parity_count: u8,
    /// 91: reserved, `FF`.
    pub reserved_91: [u8; 5],
    /// 96: references of dedicated spares.
    pub associated_spares: [U32; 8],
    /// 128: see [`cache_policies`](Self::cache_policies).
    pub cache_policies: U64,
    /// 136: background rate; scale unverified.
    pub bg_rate: u8,
    /// 137: reserved, `FF`.
    pub reserved_137: [u8; 3],
    /// 140: MDF: parity strips of a row (2.0).
    pub mdf_parity_disks: u8,
    /// 141: MDF: generator polynomial (2.0); not aligned.
    pub mdf_parity_generator_polynomial: U16,
    /// 143: reserved, `FF`.
    pub reserved_143: u8,
    /// 144: MDF: how constants are made (2.0); only 00 is known.
    pub mdf_constant_generation_method: u8,
    /// 145: reserved, `FF`.
    pub reserved_145: [u8; 47],
    /// 192: reserved, `FF`.
    pub reserved_192: [u8; 192],
    /// 384: vendor's.
    pub v0: [u8; 32],
    /// 416: vendor's.
    pub v1: [u8; 32],
    /// 448: vendor's.
    pub v2: [u8; 16],
    /// 464: vendor's.
    pub v3: [u8; 16],
    /// 480: vendor's.
    pub vendor_specific_scratch_space: [u8; 32],
    /// 512: both lists and the padding, see [`elements`](Self::elements).
    pub lists: [u8],
}

pinned!(VdConfiguration, list lists: 512, each 1 {
    signature: 0, 4;
    crc: 4, 4;
    vd_guid: 8, 24;
    timestamp: 32, 4;
    sequence_number: 36, 4;
    reserved_40: 40, 24;
    primary_element_count: 64, 2;
    strip_size: 66, 1;
    primary_raid_level: 67, 1;
    raid_level_qualifier: 68, 1;
    secondary_element_count: 69, 1;
    secondary_element_seq: 70, 1;
    secondary_raid_level: 71, 1;
    block_count: 72, 8;
    vd_size: 80, 8;
    block_size: 88, 2;
    rotate_parity_count: 90, 1;
    reserved_91: 91, 5;
    associated_spares: 96, 32;
    cache_policies: 128, 8;
    bg_rate: 136, 1;
    reserved_137: 137, 3;
    mdf_parity_disks: 140, 1;
    mdf_parity_generator_polynomial: 141, 2;
    reserved_143: 143, 1;
    mdf_constant_generation_method: 144, 1;
    reserved_145: 145, 47;
    reserved_192: 192, 192;
    v0: 384, 32;
    v1: 416, 32;
    v2: 448, 16;
    v3: 464, 16;
    vendor_specific_scratch_space: 480, 32;
});

bitflags! {
    /// The low byte of the cache policies; the upper seven are the vendor's.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct CachePolicies: u64 {
        /// Write-back, else write-through.
        const WRITE_BACK = 1 << 0;
        /// Adaptive write policy; only with write-back.
        const ADAPTIVE_WRITE = 1 << 1;
        /// Read ahead.
        const READ_AHEAD = 1 << 2;
        /// Adaptive read ahead.
        const ADAPTIVE_READ_AHEAD = 1 << 3;
        /// Write caching even if the battery is low or absent.
        const WRITE_CACHE_WITHOUT_BATTERY = 1 << 4;
        /// Write caching allowed.
        const WRITE_CACHE = 1 << 5;
        /// Read caching allowed.
        const READ_CACHE = 1 << 6;
        /// The vendor's own algorithm.
        const VENDOR_CACHE = 1 << 7;
    }
}

impl Record for VdConfiguration {
    const NAME: &'static str = "virtual disk configuration record";
    const SIGNATURE: u32 = 0xEEEE_EEEE;
    const FIXED_LEN: usize = 512;
}

/// M: the slots of each of the two lists, for records of `record_bytes` under this header.
///
/// The declared number if both lists fit; else, as for Adaptec's all ones, as many as there are
/// disks or as fit.
#[must_use]
pub fn element_slots(header: &DdfHeader, order: ByteOrder, record_bytes: usize) -> usize {
    // Four bytes of reference and eight of starting block.
    let room = record_bytes.saturating_sub(512) / 12;
    let declared = usize::from(header.max_primary_element_entries.get(order));
    if declared <= room {
        declared
    } else {
        usize::from(header.max_pd_entries.get(order)).min(room)
    }
}

/// The two lists of a record, M slots each.
#[derive(Clone, Copy, Debug)]
pub struct ElementLists<'a> {
    /// PD_Reference of each element.
    pub references: &'a [U32],
    /// First block of the extent on each element.
    pub starting_blocks: &'a [U64],
}

/// The two lists of a record, to be edited.
#[derive(Debug)]
pub struct ElementListsMut<'a> {
    /// PD_Reference of each element.
    pub references: &'a mut [U32],
    /// First block of the extent on each element.
    pub starting_blocks: &'a mut [U64],
}

impl VdConfiguration {
    /// The two lists of `slots` slots each (see [`element_slots`]); `None` if they do not fit.
    #[must_use]
    pub fn elements(&self, slots: usize) -> Option<ElementLists<'_>> {
        let (references, rest) = <[U32]>::ref_from_prefix_with_elems(&self.lists, slots).ok()?;
        let (starting_blocks, _) = <[U64]>::ref_from_prefix_with_elems(rest, slots).ok()?;
        Some(ElementLists { references, starting_blocks })
    }

    /// As [`elements`](Self::elements), to be edited.
    #[must_use]
    pub fn elements_mut(&mut self, slots: usize) -> Option<ElementListsMut<'_>> {
        let (references, rest) =
            <[U32]>::mut_from_prefix_with_elems(&mut self.lists, slots).ok()?;
        let (starting_blocks, _) = <[U64]>::mut_from_prefix_with_elems(rest, slots).ok()?;
        Some(ElementListsMut { references, starting_blocks })
    }

    /// Blocks of a strip; `None` where the record says that there is none.
    #[must_use]
    pub const fn strip_blocks(&self) -> Option<u64> {
        // Copied out of a byte: lossless; `From` is not const.
        #[allow(clippy::as_conversions)]
        1u64.checked_shl(self.strip_size as u32)
    }

    /// How caches are to be used.
    #[must_use]
    pub const fn cache_policies(&self, order: ByteOrder) -> CachePolicies {
        CachePolicies::from_bits_retain(self.cache_policies.get(order))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIG: ByteOrder = ByteOrder::Big;

    fn header(max_pd: u16, mppe: u16) -> DdfHeader {
        let Ok(mut header) = DdfHeader::read_from_bytes(&[0xFF; 512]) else { unreachable!() };
        header.max_pd_entries = U16::new(BIG, max_pd);
        header.max_primary_element_entries = U16::new(BIG, mppe);
        header
    }

    #[test]
    fn the_second_list_starts_after_all_slots_of_the_first() {
        let mut bytes = [0xFF; 1024];
        let Some(record) = VdConfiguration::view_mut(&mut bytes) else { unreachable!() };
        let Some(lists) = record.elements_mut(16) else { unreachable!() };
        lists.references[1] = U32::new(BIG, 0x0102_0304);
        lists.starting_blocks[1] = U64::new(BIG, 5);
        assert_eq!(bytes[516..520], [1, 2, 3, 4]);
        assert_eq!(bytes[512 + 64 + 8..512 + 64 + 16], [0, 0, 0, 0, 0, 0, 0, 5]);
    }

    #[test]
    fn lists_that_do_not_fit_are_refused() {
        let bytes = [0xFF; 1024];
        let Some(record) = VdConfiguration::view(&bytes) else { unreachable!() };
        assert_eq!(record.elements(42).map(|lists| lists.starting_blocks.len()), Some(42));
        assert!(record.elements(43).is_none());
        assert!(record.elements(usize::MAX).is_none());
    }

    #[test]
    fn a_declared_slot_count_that_does_not_fit_falls_back_to_the_disks() {
        assert_eq!(element_slots(&header(15, 16), BIG, 1024), 16);
        assert_eq!(element_slots(&header(15, 0xFFFF), BIG, 1024), 15);
        assert_eq!(element_slots(&header(1023, 0xFFFF), BIG, 1024), 42);
        assert_eq!(element_slots(&header(1023, 256), BIG, 0), 0);
    }

    #[test]
    fn a_strip_of_64_bits_or_more_is_none() {
        let mut bytes = [0xFF; 512];
        for (stored, strip) in [(7, Some(128)), (63, Some(1 << 63)), (64, None), (255, None)] {
            bytes[66] = stored;
            assert_eq!(
                VdConfiguration::view(&bytes).and_then(VdConfiguration::strip_blocks),
                strip
            );
        }
    }
}
