// SPDX-License-Identifier: MIT OR Apache-2.0
//! Any calls of raid-sync's core in any order: requests, reports, members that fail and come back, an
//! operator, a clock that jumps. See `raid_fuzz::sync` for what has to hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use raid_fuzz::{input::Input, limits::bounded, sync};

fuzz_target!(|data: &[u8]| bounded(|| sync::calls_hold(&mut Input(data))));
