// SPDX-License-Identifier: MIT OR Apache-2.0
//! ASR metadata changed and committed, with power cuts and damage between, over sound disks or disks
//! cut from the input. The same properties as raid-asr's own tests.
#![no_main]

#[path = "../../raid-asr/tests/suite/changes.rs"]
mod changes;
#[path = "../../raid-asr/tests/suite/generator.rs"]
mod generator;
#[path = "../../raid-asr/tests/suite/property.rs"]
#[allow(dead_code, unreachable_pub)]
mod property;
#[path = "../../raid-asr/tests/suite/rig.rs"]
mod rig;

use libfuzzer_sys::fuzz_target;
use raid_fuzz::limits::bounded;

fuzz_target!(|data: &[u8]| bounded(|| changes::changes_hold(data)));
