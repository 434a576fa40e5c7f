// SPDX-License-Identifier: MIT OR Apache-2.0
//! One array of RAID-5 of one format, read short of a member.
#![no_std]
#![no_main]

use raid_core::array::Level;
use raid_core::metadata::DiskShape;
use raid_core::units::Extent;
use size_consumer::{Memory, Read, read};

#[unsafe(no_mangle)]
pub fn _start(
    shapes: &[DiskShape; 8],
    from: Read,
    memory: &mut Memory,
    blocks: Extent,
    into: &mut [u8],
) -> Option<()> {
    read(&raid_ddf::Ddf::new(), Level::Raid5, shapes, from, memory, blocks, into)
}
