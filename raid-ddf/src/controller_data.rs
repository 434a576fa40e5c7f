// SPDX-License-Identifier: MIT OR Apache-2.0
//! Controller Data: who worked on the configuration last (`ddf.md` 2.3).

use crate::guid::Guid;
use crate::integer::{U16, U32};
use crate::record::Record;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The record, as it stands on the disk.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct ControllerData {
    /// 0: [`ControllerData::SIGNATURE`](Record::SIGNATURE).
    pub signature: U32,
    /// 4: over the whole section.
    pub crc: U32,
    /// 8: identity of the controller.
    pub controller_guid: Guid,
    /// 32: PCI vendor.
    pub vendor_id: U16,
    /// 34: PCI device.
    pub device_id: U16,
    /// 36: PCI subsystem vendor.
    pub sub_vendor_id: U16,
    /// 38: PCI subsystem device.
    pub sub_device_id: U16,
    /// 40: product name in ASCII.
    pub product_id: [u8; 16],
    /// 56: reserved, `FF`.
    pub reserved_56: [u8; 8],
    /// 64: the vendor's own; mdadm keeps the host name here.
    pub vendor_unique: [u8; 448],
}

pinned!(ControllerData {
    signature: 0, 4;
    crc: 4, 4;
    controller_guid: 8, 24;
    vendor_id: 32, 2;
    device_id: 34, 2;
    sub_vendor_id: 36, 2;
    sub_device_id: 38, 2;
    product_id: 40, 16;
    reserved_56: 56, 8;
    vendor_unique: 64, 448;
});

impl Record for ControllerData {
    const NAME: &'static str = "controller data";
    const SIGNATURE: u32 = 0xAD11_1111;
    const FIXED_LEN: usize = 512;
}
