// SPDX-License-Identifier: MIT OR Apache-2.0
//! Vendor Unique Configuration Record: a slot that only its vendor can read (`ddf.md` 2.7). Kept as
//! it is.

use crate::guid::Guid;
use crate::integer::U32;
use crate::record::Record;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The record, as long as its slot.
#[derive(Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct VendorUniqueConfiguration {
    /// 0: [`VendorUniqueConfiguration::SIGNATURE`](Record::SIGNATURE).
    pub signature: U32,
    /// 4: over the whole record.
    pub crc: U32,
    /// 8: the virtual disk it belongs to.
    pub vd_guid: Guid,
    /// 32: the vendor's own.
    pub vendor_data: [u8],
}

pinned!(VendorUniqueConfiguration, list vendor_data: 32, each 1 {
    signature: 0, 4;
    crc: 4, 4;
    vd_guid: 8, 24;
});

impl Record for VendorUniqueConfiguration {
    const NAME: &'static str = "vendor unique configuration record";
    const SIGNATURE: u32 = 0x8888_8888;
    const FIXED_LEN: usize = 32;
}
