// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much metadata one discovery holds in memory, all disks and all formats together.
//!
//! ```text
//! disk 0  ├── own ──┤
//! disk 1  ├── own ──┼───── of what is shared ─────┤
//! disk 2  ├── own ──┤                               bound = disks × own + shared
//! ```
//!
//! What a disk needs beyond its own share comes from what is shared, in the order of the disks. So a
//! hostile disk takes nothing from the share of another one.
//!
//! | writer | bytes of a disk |
//! |---|--:|
//! | graid, Adaptec | less than 20,000 |
//! | mdadm (1023 disks, 64 volumes of a disk, 256 members) | 633,344 |
//! | 1023 disks, 1023 volumes, 64 of a disk, 1024 members | 1,929,728 |
//! | the most that the standard's numbers give with 64 volumes of a disk | 7,508,480 |

use raid_core::units::Extent;
use std::fmt;

/// Bytes of metadata that one discovery holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataBound {
    /// Of each disk at least.
    pub own: u64,
    /// Of all disks together, beyond their own.
    pub shared: u64,
}

impl Default for MetadataBound {
    fn default() -> Self {
        Self { own: 2 << 20, shared: 6 << 20 }
    }
}

/// Bytes that may still be held while one disk is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    bound: MetadataBound,
    /// Nobody's yet, of the bytes that are shared.
    shared: u64,
    /// Held of the disk that is being looked at.
    held: u64,
}

impl Allowance {
    pub(super) const fn new(bound: MetadataBound) -> Self {
        Self { bound, shared: bound.shared, held: 0 }
    }

    const fn left(&self) -> u64 {
        self.bound.own.saturating_add(self.shared).saturating_sub(self.held)
    }

    /// Takes bytes that are to be held; else why they are too many.
    pub(super) fn take(
        &mut self,
        format: &'static str,
        extent: Extent,
        bytes: u64,
    ) -> Result<(), OverBound> {
        if bytes > self.left() {
            return Err(OverBound { format, extent, bytes, left: self.left(), bound: self.bound });
        }
        self.held += bytes;
        Ok(())
    }

    /// Gives back bytes that are not held any more.
    pub(super) const fn give_back(&mut self, bytes: u64) {
        self.held = self.held.saturating_sub(bytes);
    }

    /// What is left for the disks after this one.
    pub(super) const fn for_next_disk(self) -> Self {
        let beyond = self.held.saturating_sub(self.bound.own);
        Self { shared: self.shared.saturating_sub(beyond), held: 0, ..self }
    }
}

/// A run of metadata that was not read, because too much would be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OverBound {
    format: &'static str,
    extent: Extent,
    bytes: u64,
    left: u64,
    bound: MetadataBound,
}

impl fmt::Display for OverBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { format, extent, bytes, left, bound } = self;
        let (own, shared) = (bound.own >> 10, bound.shared >> 10);
        write!(
            f,
            "{format} metadata not read: {} KiB asked for ({} blocks from block {}), {} KiB left of the \
             {own} KiB for each disk and {shared} KiB for all together; give fewer disks at a time, or \
             allow more",
            bytes.div_ceil(1024),
            extent.len.0,
            extent.start.0,
            left >> 10,
        )
    }
}
