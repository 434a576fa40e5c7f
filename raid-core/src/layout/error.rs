// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a geometry has no layout.

use crate::array::{Level, Placement, Secondary};
use core::fmt;

/// A geometry that no block address can be computed for. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GeometryError {
    /// The level has no verified mapping here.
    Unsupported {
        /// The level asked for.
        level: Level,
        /// What is unknown.
        why: &'static str,
    },
    /// Number of members of a set out of range for the level.
    Slots {
        /// Members found.
        found: u16,
        /// Fewest the level needs.
        least: u16,
        /// Most the level can have.
        most: u16,
    },
    /// The level needs a strip, and it is 0.
    NoStrip,
    /// Members are smaller than one strip.
    MemberTooSmall {
        /// Blocks each member gives.
        found: u64,
        /// Blocks the level needs at least.
        expected: u64,
    },
    /// The level does not know the placement.
    Placement {
        /// The level.
        level: Level,
        /// The placement found.
        found: Placement,
    },
    /// Number of sets and secondary level do not fit each other.
    Sets {
        /// Sets found.
        found: u16,
        /// The secondary level.
        secondary: Secondary,
    },
    /// Number of parity strips out of range.
    Parities {
        /// Parity strips found.
        found: u8,
        /// Fewest.
        least: u8,
        /// Most.
        most: u8,
    },
    /// Number of copies out of range.
    Copies {
        /// Copies found.
        found: u8,
        /// Fewest.
        least: u8,
        /// Most: one a member.
        most: u16,
    },
    /// RAID-5R's shift does not fit a row number.
    RotateShift {
        /// Shift found.
        found: u8,
        /// Largest.
        most: u8,
    },
    /// Block size other than 512 and 4096.
    BlockSize {
        /// Bytes found.
        found: u32,
    },
    /// The caller named another number of member sizes than the geometry has members.
    MemberSizes {
        /// Sizes given.
        found: usize,
        /// Members of the geometry.
        expected: u16,
    },
    /// The array would end past 2^64 blocks.
    TooLarge,
}

impl GeometryError {
    /// Number for C callers and log searches. Stable; never reused.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::Unsupported { .. } => 1,
            Self::Slots { .. } => 2,
            Self::NoStrip => 3,
            Self::MemberTooSmall { .. } => 4,
            Self::Placement { .. } => 5,
            Self::Sets { .. } => 6,
            Self::Parities { .. } => 7,
            Self::Copies { .. } => 8,
            Self::RotateShift { .. } => 9,
            Self::BlockSize { .. } => 10,
            Self::MemberSizes { .. } => 11,
            Self::TooLarge => 12,
        }
    }
}

impl fmt::Display for GeometryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported { level, why } => write!(f, "{level:?} cannot be mapped: {why}"),
            Self::Slots { found, least, most } => {
                write!(f, "{found} members in a set, expected {least} to {most}")
            }
            Self::NoStrip => f.write_str("strip of 0 blocks, expected 1 or more"),
            Self::MemberTooSmall { found, expected } => {
                write!(f, "members of {found} blocks, expected at least {expected}")
            }
            Self::Placement { level, found } => {
                write!(f, "placement {} unknown to {level:?}", found.name())
            }
            Self::Sets { found, secondary: Secondary::None } => {
                write!(f, "{found} sets without a secondary level, expected 1")
            }
            Self::Sets { found, secondary } => {
                write!(f, "{found} sets under secondary level {secondary:?}")
            }
            Self::Parities { found, least, most } => {
                write!(f, "{found} parity strips in a row, expected {least} to {most}")
            }
            Self::Copies { found, least, most } => {
                write!(f, "{found} copies of a strip, expected {least} to {most}")
            }
            Self::RotateShift { found, most } => {
                write!(f, "parity rotation shift {found}, expected at most {most}")
            }
            Self::BlockSize { found } => write!(f, "blocks of {found} bytes, expected 512 or 4096"),
            Self::MemberSizes { found, expected } => {
                write!(f, "sizes of {found} members, expected {expected}")
            }
            Self::TooLarge => f.write_str("the array ends past 2^64 blocks"),
        }
    }
}

impl core::error::Error for GeometryError {}
