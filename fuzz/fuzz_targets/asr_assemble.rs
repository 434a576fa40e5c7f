// SPDX-License-Identifier: MIT OR Apache-2.0
//! ASR discovery and assembly over up to eight disks cut from the input, magics and checksums put
//! right unless the input says otherwise. The same properties as raid-asr's own tests.
#![no_main]

#[path = "../../raid-asr/tests/suite/generator.rs"]
mod generator;
#[path = "../../raid-asr/tests/suite/property.rs"]
mod property;

use libfuzzer_sys::fuzz_target;
use raid_fuzz::limits::bounded;

fuzz_target!(|data: &[u8]| bounded(|| {
    property::views_hold(data);
    let images = property::images_from(data);
    images.iter().for_each(|image| property::views_hold(&image.tail));
    property::assembly_holds(&images, &[]);
}));
