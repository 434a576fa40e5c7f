// SPDX-License-Identifier: MIT OR Apache-2.0
//! Vendor Specific Log: an area that only its vendor can read (`ddf.md` 2.13). Kept as it is.

use crate::integer::U32;
use crate::record::Record;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The log, as long as its section.
#[derive(Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct VendorLog {
    /// 0: [`VendorLog::SIGNATURE`](Record::SIGNATURE).
    pub signature: U32,
    /// 4: over the whole log.
    pub crc: U32,
    /// 8: vendor in ASCII.
    pub log_owner: [u8; 8],
    /// 16: reserved, `FF`.
    pub reserved_16: [u8; 16],
    /// 32: the vendor's own.
    pub vendor_data: [u8],
}

pinned!(VendorLog, list vendor_data: 32, each 1 {
    signature: 0, 4;
    crc: 4, 4;
    log_owner: 8, 8;
    reserved_16: 16, 16;
});

impl Record for VendorLog {
    const NAME: &'static str = "vendor specific log";
    const SIGNATURE: u32 = 0x01DB_EEF0;
    const FIXED_LEN: usize = 32;
}
