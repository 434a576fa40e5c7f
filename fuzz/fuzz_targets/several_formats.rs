// SPDX-License-Identifier: MIT OR Apache-2.0
//! Disks that carry DDF, ASR, both or neither, looked at by all formats at once, and a short life of what
//! the engine starts on them.
//!
//! DDF's anchor stands where one maker's firmware keeps it, 256 blocks before the end, so that there is room
//! for ASR after it.
#![no_main]

#[path = "../../raid-asr/tests/suite/generator.rs"]
mod generator;
#[path = "../../raid-asr/tests/suite/property.rs"]
#[allow(dead_code)]
mod property;

use libfuzzer_sys::fuzz_target;
use raid_core::metadata::DiskShape;
use raid_core::units::Blocks;
use raid_fuzz::{graid, input::Input, life, limits::bounded, sparse::Sparse};

/// Blocks after the anchor of DDF.
const AFTER: u64 = 256;
/// Where an ASR identity says that its table is.
const TABLE: std::ops::Range<usize> = 8192 + 0x104..8192 + 0x108;

fuzz_target!(|data: &[u8]| bounded(|| {
    let mut input = Input(data);
    let (count, search) = (input.below(5) + 1, input.byte() & 1 != 0);
    let adaptec = usize::from(input.byte()) * 8;
    let mut asr = property::images_from(input.take(adaptec)).into_iter();
    let (mut disks, mut before) = (Vec::new(), None);
    for _ in 0..count {
        let kinds = input.byte();
        let ddf = graid::disk(&mut input, before.as_ref());
        let shape = DiskShape { blocks: Blocks(ddf.blocks + AFTER), block_size: 512 };
        let mut disk = Sparse::new(shape);
        if kinds & 1 == 0 {
            disk.put(ddf.blocks - ddf.tail.len() as u64 / 512, &ddf.tail);
        }
        if let Some(mut image) = asr.next().filter(|_| kinds & 2 == 0) {
            let at = shape.blocks.0 - image.tail.len() as u64 / 512;
            if kinds & 4 == 0 {
                image.tail[TABLE].copy_from_slice(&(at as u32).to_be_bytes());
            }
            disk.put(at, &image.tail);
        }
        disks.push(disk);
        before = Some(ddf);
    }
    let discovery = life::look(&disks, search);
    life::lives(&mut input, &disks, &discovery);
}));
