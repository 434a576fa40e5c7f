// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a format may be asked to change, and why it may refuse.

use crate::array::{ArrayId, Geometry, Initialisation, Name, Place};
use crate::units::{Blocks, Extent, Lba};
use core::fmt;

/// What a new array should be.
#[derive(Clone, Copy, Debug)]
pub struct ArrayRequest<'a> {
    /// Label.
    pub name: Name,
    /// Shape; `member_blocks` is what each member gives.
    pub geometry: Geometry,
    /// Indices of the disks, set by set, slot by slot; `None` for a place that is left empty, so that the
    /// array starts degraded.
    pub disks: &'a [Option<usize>],
    /// First block of each member's extent, in the order of `disks`. Empty: the format chooses.
    pub starts: &'a [Lba],
    /// Blocks that each member gives, set by set, where sets are of sizes of their own. Empty: those
    /// of the geometry in every set.
    pub set_blocks: &'a [Blocks],
    /// Redundancy at the start: `Full` if the caller has made all members agree.
    pub initialisation: Initialisation,
    /// The caller's word that codes may be written whose meaning no reference confirms. Without it
    /// such a request is refused.
    pub unverified: bool,
}

impl<'a> ArrayRequest<'a> {
    /// An array of this shape on these disks, where the format puts it, not initialised.
    #[must_use]
    pub const fn new(name: Name, geometry: Geometry, disks: &'a [Option<usize>]) -> Self {
        let (starts, set_blocks, initialisation) = (&[], &[], Initialisation::None);
        Self { name, geometry, disks, starts, set_blocks, initialisation, unverified: false }
    }

    /// Blocks that each member of a set gives.
    #[must_use]
    pub fn member_blocks(&self, set: usize) -> Blocks {
        self.set_blocks.get(set).copied().unwrap_or(self.geometry.member_blocks)
    }
}

/// An array that a spare serves, or one set of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Served {
    /// The array.
    pub array: ArrayId,
    /// One set of it; `None` for all.
    pub set: Option<u16>,
}

impl Served {
    /// All sets of an array.
    #[must_use]
    pub const fn all(array: ArrayId) -> Self {
        Self { array, set: None }
    }

    /// One set of an array.
    #[must_use]
    pub const fn set(array: ArrayId, set: u16) -> Self {
        Self { array, set: Some(set) }
    }
}

/// What a spare stands by for.
#[derive(Clone, Copy, Debug)]
pub struct SpareRequest<'a> {
    /// Index of the disk: an unused one, or a blank one.
    pub disk: usize,
    /// The arrays and sets it serves. Empty: it serves every array.
    pub serves: &'a [Served],
    /// Whether it becomes a spare again once the failed disk was replaced, instead of a member.
    pub revertible: bool,
    /// Whether it serves only arrays in the same enclosure.
    pub same_enclosure: bool,
}

impl<'a> SpareRequest<'a> {
    /// A spare for every array that becomes a member when it is used.
    #[must_use]
    pub const fn global(disk: usize) -> Self {
        Self { disk, serves: &[], revertible: false, same_enclosure: false }
    }

    /// A spare for one array that becomes a member when it is used.
    #[must_use]
    pub const fn dedicated(disk: usize, serves: &'a [Served]) -> Self {
        Self { disk, serves, revertible: false, same_enclosure: false }
    }
}

/// How a disk is as a whole, beyond what the states of its arrays say. Always the whole condition,
/// never a difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DiskCondition {
    /// It has been given up.
    pub failed: bool,
    /// It is not there.
    pub missing: bool,
    /// It predicts its own failure.
    pub failure_predicted: bool,
    /// It had read errors that could not be recovered.
    pub read_errors: bool,
}

/// A run of blocks of a disk that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BadBlocks {
    /// The blocks.
    pub bad: Extent,
    /// First of the blocks that hold their data instead; `None` if the data is nowhere.
    pub moved_to: Option<Lba>,
}

/// The caller's clock and randomness, for stamps and identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Seconds since 1970-01-01 UTC.
    pub unix_seconds: u64,
    /// A fresh random number for every call.
    pub random: u64,
}

/// Why a metadata change was refused. A refused change leaves every buffer as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeError {
    /// The format, or this version of it, cannot do this.
    Unsupported(&'static str),
    /// The request contradicts itself or the format's limits.
    Invalid {
        /// What is wrong.
        what: &'static str,
        /// The value asked for.
        found: u64,
        /// The limit or the value needed.
        expected: u64,
    },
    /// No such array on these disks.
    NoSuchArray(ArrayId),
    /// No such place in the array.
    NoSuchPlace(Place),
    /// A disk is unsuited.
    Disk {
        /// Index of the disk.
        disk: usize,
        /// Why.
        what: &'static str,
    },
    /// The metadata in the buffers does not hold together; nothing was changed.
    Damaged {
        /// Index of the disk.
        disk: usize,
        /// Address on it.
        at: Lba,
        /// What is wrong.
        what: &'static str,
        /// The value found.
        found: u64,
        /// The value expected.
        expected: u64,
    },
    /// The metadata is of a version that is not known here. It is read, and not written until the caller
    /// confirms that it may be, by the value of the format that says so.
    UnknownVersion {
        /// What states the version, and how writing it is confirmed.
        what: &'static str,
        /// The version as stored.
        found: u64,
    },
    /// A disk was written by another program since it was read; nothing was changed.
    MovedOn {
        /// Index of the disk.
        disk: usize,
        /// Where and how it differs.
        moved: MovedOn,
    },
}

/// Evidence that a disk was written by another program since it was read, or since it was last
/// committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MovedOn {
    /// First block of the run that differs.
    pub at: Lba,
    /// What differs, e.g. `update counter of the header`.
    pub what: &'static str,
    /// The value on the disk.
    pub found: u64,
    /// The value in the buffer.
    pub expected: u64,
}

impl MovedOn {
    /// The refusal of a change that would be written to disk `disk`.
    #[must_use]
    pub const fn on(self, disk: usize) -> ChangeError {
        ChangeError::MovedOn { disk, moved: self }
    }
}

impl ChangeError {
    /// The disk that is the reason for the refusal: the others take the change without it. `None`
    /// if the reason is the request or the configuration as a whole.
    #[must_use]
    pub const fn refusing_disk(&self) -> Option<usize> {
        match self {
            Self::Disk { disk, .. } | Self::Damaged { disk, .. } | Self::MovedOn { disk, .. } => {
                Some(*disk)
            }
            _ => None,
        }
    }
}

impl ChangeError {
    /// Number for C callers and log searches. Stable; never reused.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::Unsupported(_) => 1,
            Self::Invalid { .. } => 2,
            Self::NoSuchArray(_) => 3,
            Self::NoSuchPlace(_) => 4,
            Self::Disk { .. } => 5,
            Self::Damaged { .. } => 6,
            Self::UnknownVersion { .. } => 7,
            Self::MovedOn { .. } => 8,
        }
    }
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(what) => write!(f, "not supported by this format: {what}"),
            Self::Invalid { what, found, expected } => {
                write!(f, "{what}: {found} are asked for, the limit is {expected}")
            }
            Self::NoSuchArray(id) => write!(f, "no array {id} on these disks"),
            Self::NoSuchPlace(place) => write!(f, "no slot {} in set {}", place.slot, place.set),
            Self::Disk { disk, what } => write!(f, "disk {disk}: {what}"),
            Self::Damaged { disk, at, what, found, expected } => write!(
                f,
                "disk {disk}, block {}: {what}, found {found:#x}, expected {expected:#x}",
                at.0
            ),
            Self::UnknownVersion { what, found } => {
                write!(f, "metadata of a version that is not known here, found {found:#x}: {what}")
            }
            Self::MovedOn { disk, moved: MovedOn { at, what, found, expected } } => write!(
                f,
                "disk {disk}, block {}: another program has written this disk since it was read: \
                 {what}, found {found:#x}, expected {expected:#x}; nothing was written, read the \
                 disks again",
                at.0
            ),
        }
    }
}

impl core::error::Error for ChangeError {}
