// SPDX-License-Identifier: MIT OR Apache-2.0
//! The places and the CRC of mdadm's metadata, for tests that change it: `ddf.md` 2.2 and 3.1,
//! written apart from the library.

use raid_testdata::SparseImage;

/// The CRC that mdadm writes, bit by bit, with the CRC field as ones.
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    let field = bytes.iter().enumerate();
    field.fold(0, |crc, (at, byte)| {
        let byte = if (4..8).contains(&at) { 0xff } else { *byte };
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

/// Changes `len` bytes at `offset` and puts their CRC right.
pub(crate) fn edit(image: &mut SparseImage, offset: u64, len: usize, change: impl Fn(&mut [u8])) {
    let mut bytes = image.bytes(offset, len);
    change(&mut bytes);
    let right = crc(&bytes);
    bytes[4..8].copy_from_slice(&right.to_be_bytes());
    image.write_at(offset, &bytes);
}

/// The number of `len` bytes at `offset`, big-endian.
pub(crate) fn number(image: &SparseImage, offset: u64, len: usize) -> u64 {
    image.bytes(offset, len).iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Offsets of the anchor, of the primary, of the secondary header.
pub(crate) fn headers(image: &SparseImage) -> [u64; 3] {
    let anchor = image.len - 512;
    let byte = |field| number(image, anchor + field, 8).saturating_mul(512);
    [anchor, byte(96), byte(104)]
}

/// Offset of the section whose place is at `field` of the header at `header`, and its length.
pub(crate) fn section(image: &SparseImage, header: u64, field: u64) -> (u64, usize) {
    let start = header.saturating_add(number(image, header + field, 4) * 512);
    (start, number(image, header + field + 4, 4) as usize * 512)
}

/// Places in a header of the offsets of sections.
pub(crate) const PD_RECORDS: u64 = 200;
pub(crate) const CONFIGURATION_RECORDS: u64 = 216;
