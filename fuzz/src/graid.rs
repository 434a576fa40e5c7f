// SPDX-License-Identifier: MIT OR Apache-2.0
//! Disks as FreeBSD's graid left them, damaged as the input says, and every CRC put right after that
//! unless the input says otherwise.
//!
//! ```text
//! a disk    flags, base, patches, then `patches` times: record, offset, value
//! blocks    header │ controller │ disk records, 2 │ vd records │ configurations, 2 x 2 │ disk data │ anchor
//! ```

use crate::input::Input;
use crate::inventory::Disk;
use raid_ddf::{ByteOrder, CrcVariant, DdfHeader, seal};

macro_rules! bases {
    ($($name:literal),*) => { [$(include_bytes!(concat!("../bases/", $name, ".bin"))),*] };
}

/// The last 11 blocks of disks of 73728.
static BASES: [&[u8; 5632]; 13] = bases!(
    "le-raid5-spare-disk0",
    "le-raid5-spare-disk1",
    "le-raid5-spare-disk2",
    "le-raid5-spare-disk3",
    "be-raid10-disk0",
    "be-raid10-disk1",
    "be-raid10-disk2",
    "be-raid10-disk3",
    "be-raid1e-3-disk0",
    "be-raid1e-3-disk1",
    "be-raid1e-3-disk2",
    "be-concat-disk0",
    "be-concat-disk1"
);

/// First byte and length of every record.
const RECORDS: [(usize, usize); 8] = [
    (0, 512),
    (512, 512),
    (1024, 1024),
    (2048, 512),
    (2560, 1024),
    (3584, 1024),
    (4608, 512),
    (5120, 512),
];

const COPY: u8 = 1;
const NO_SEAL: u8 = 2;
const VARIANT_B: u8 = 4;

/// The next disk of an input.
pub fn disk(input: &mut Input<'_>, before: Option<&Disk>) -> Disk {
    let (flags, base, patches) = (input.byte(), input.byte(), input.byte());
    let mut tail = match before {
        Some(disk) if flags & COPY != 0 => disk.tail.clone(),
        _ => BASES[usize::from(base) % BASES.len()].to_vec(),
    };
    let order = DdfHeader::byte_order(&tail).unwrap_or(ByteOrder::Big);
    for _ in 0..patches % 24 {
        let (start, len) = RECORDS[usize::from(input.byte()) % RECORDS.len()];
        tail[start + usize::from(input.pair()) % len] = input.byte();
    }
    let variant = if flags & VARIANT_B == 0 { CrcVariant::A } else { CrcVariant::B };
    for (index, (start, len)) in RECORDS.into_iter().enumerate() {
        // The flag leaves one record as it is; which one follows from the base.
        if flags & NO_SEAL == 0 || usize::from(base) % RECORDS.len() != index {
            seal(variant, order, &mut tail[start..start + len]);
        }
    }
    Disk { blocks: 73728, tail }
}
