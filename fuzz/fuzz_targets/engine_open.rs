// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sound arrays of either format, extreme numbers in their records and every checksum right: discovery, and
//! a short life of what the engine starts on them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use raid_fuzz::input::Input;
use raid_fuzz::{arrays, life, limits::bounded};

fuzz_target!(|data: &[u8]| {
    arrays::prepare();
    bounded(|| {
        let mut input = Input(data);
        let disks = arrays::disks(&mut input);
        let discovery = life::look(&disks, false);
        life::lives(&mut input, &disks, &discovery);
    });
});
