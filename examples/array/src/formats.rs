// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one list of metadata formats that the tools know. No other line of a tool names a format.

use crate::record_map::{self, RecordMap};
use raid_core::metadata::Format;

/// Every format, in the order in which a disk is asked.
pub static FORMATS: &[&dyn Format] = &[&raid_ddf::Ddf::new(), &raid_asr::Asr::new()];

/// As [`FORMATS`], those that can search the end of disks for metadata that stands elsewhere: for reading
/// only, and slow where there is none.
pub static SEARCHING: &[&dyn Format] =
    &[&raid_ddf::Ddf::new().with_search(raid_ddf::AnchorSearch::RESERVE), &raid_asr::Asr::new()];

/// What stands where on a disk, of each of [`FORMATS`] and [`SEARCHING`] in the same order.
pub(crate) static RECORD_MAPS: &[RecordMap] = &[record_map::ddf, record_map::asr];
