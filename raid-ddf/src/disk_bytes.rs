// SPDX-License-Identifier: MIT OR Apache-2.0
//! The blocks of disks that are in memory: raid-core's, for discovery and run time alike.

pub use raid_core::metadata::{DiskBytes, Disks};
