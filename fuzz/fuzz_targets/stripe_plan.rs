// SPDX-License-Identifier: MIT OR Apache-2.0
//! A geometry and a list of operations: writes, reads, losses, rebuilds and scrubs are planned and
//! executed on members in memory, and every read gives what was written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use raid_fuzz::limits::bounded;
use raid_fuzz::{input::Input, set};

fuzz_target!(|data: &[u8]| bounded(|| {
    let mut input = Input(data);
    let geometry = set::geometry(&mut input);
    let Some(mut set) = set::Set::new(&geometry) else { return };
    for _ in 0..24 {
        if input.is_empty() {
            break;
        }
        set.step(&mut input);
    }
    set.check_all();
}));
