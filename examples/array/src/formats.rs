// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one list of metadata formats that the tools know. No other line of a tool names a format.

use raid_core::metadata::Format;

/// Every format, in the order in which a disk is asked.
pub static FORMATS: &[&dyn Format] = &[&raid_ddf::Ddf, &raid_asr::Asr];
