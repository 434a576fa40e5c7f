// SPDX-License-Identifier: MIT OR Apache-2.0
//! DDF discovery and assembly over up to six disks of FreeBSD's graid, damaged as the input says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use raid_ddf::Ddf;
use raid_fuzz::graid::disk;
use raid_fuzz::limits::bounded;
use raid_fuzz::{input::Input, inventory::Disk, inventory::discovery_holds};

fuzz_target!(|data: &[u8]| bounded(|| {
    let mut input = Input(data);
    let mut disks: Vec<Disk> = Vec::new();
    while disks.len() < 6 && !input.is_empty() {
        let disk = disk(&mut input, disks.last());
        disks.push(disk);
    }
    discovery_holds(&Ddf::new(), &disks);
}));
