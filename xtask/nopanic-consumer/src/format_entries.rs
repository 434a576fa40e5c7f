// SPDX-License-Identifier: MIT OR Apache-2.0
//! raid-ddf and raid-asr: each format is a table of its methods, and the table keeps them all.

use raid_core::metadata::Format;

#[unsafe(no_mangle)]
pub static FORMATS: [&dyn Format; 2] = [&raid_ddf::Ddf::new(), &raid_asr::Asr::new()];
