// SPDX-License-Identifier: MIT OR Apache-2.0
//! Physical Disk Data: who this disk is (`ddf.md` 2.10).

use crate::guid::Guid;
use crate::integer::U32;
use crate::record::Record;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The record, as it stands on the disk.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct PhysicalDiskData {
    /// 0: [`PhysicalDiskData::SIGNATURE`](Record::SIGNATURE).
    pub signature: U32,
    /// 4: over the whole section.
    pub crc: U32,
    /// 8: GUID of this disk.
    pub pd_guid: Guid,
    /// 32: short name of this disk.
    pub pd_reference: U32,
    /// 36: 01: the reference was chosen freely.
    pub forced_ref_flag: u8,
    /// 37: 01: the GUID was made up.
    pub forced_pd_guid_flag: u8,
    /// 38: vendor's; mdadm writes `Linux` and blanks.
    pub vendor_specific_scratch_space: [u8; 32],
    /// 70: reserved, `FF`.
    pub reserved_70: [u8; 442],
}

pinned!(PhysicalDiskData {
    signature: 0, 4;
    crc: 4, 4;
    pd_guid: 8, 24;
    pd_reference: 32, 4;
    forced_ref_flag: 36, 1;
    forced_pd_guid_flag: 37, 1;
    vendor_specific_scratch_space: 38, 32;
    reserved_70: 70, 442;
});

impl Record for PhysicalDiskData {
    const NAME: &'static str = "physical disk data";
    const SIGNATURE: u32 = 0x3333_3333;
    const FIXED_LEN: usize = 512;
}
