// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why bytes were refused as a record, or blocks as a copy of the structure.

use crate::header::Section;
use crate::locate::MAX_RUN_BYTES;
use core::fmt;
use raid_core::units::Lba;

/// Why bytes were refused as a record. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecordError {
    /// Fewer bytes than the record's fixed part.
    Truncated {
        /// Which record.
        record: &'static str,
        /// Bytes given.
        found: usize,
        /// Bytes of the fixed part.
        expected: usize,
    },
    /// Another signature.
    Signature {
        /// Which record.
        record: &'static str,
        /// As stored.
        found: u32,
        /// The record's own.
        expected: u32,
    },
    /// The stored CRC is neither of the two that the bytes have.
    Crc {
        /// Which record.
        record: &'static str,
        /// As stored.
        found: u32,
        /// Variant A of these bytes.
        a: u32,
        /// Variant B of these bytes.
        b: u32,
    },
}

impl RecordError {
    /// Number for C callers and log searches. Stable; never reused.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::Truncated { .. } => 1,
            Self::Signature { .. } => 2,
            Self::Crc { .. } => 3,
        }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated { record, found, expected } => {
                write!(f, "{record}: {found} bytes, expected at least {expected}")
            }
            Self::Signature { record, found, expected } => {
                write!(f, "{record}: signature {found:#010x}, expected {expected:#010x}")
            }
            Self::Crc { record, found, a, b } => {
                write!(f, "{record}: crc {found:#010x}, expected {a:#010x} or {b:#010x}")
            }
        }
    }
}

impl core::error::Error for RecordError {}

/// Why blocks were refused as a copy of the structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StructureError {
    /// The anchor points outside the disk, or at itself.
    HeaderAddress {
        /// Address of the anchor.
        at: Lba,
        /// As stored.
        found: u64,
        /// Blocks of the disk.
        blocks: u64,
    },
    /// The header's block could not be read.
    Unreadable {
        /// Its address.
        at: Lba,
    },
    /// Another signature than a header's in the byte order of the anchor.
    Signature {
        /// Address of the header.
        at: Lba,
        /// As stored.
        found: u32,
    },
    /// The header's CRC is of neither variant.
    Crc {
        /// Address of the header.
        at: Lba,
        /// As stored.
        found: u32,
        /// Variant B of the block.
        expected: u32,
    },
    /// A header of another kind.
    HeaderType {
        /// Address of the header.
        at: Lba,
        /// As stored.
        found: u8,
        /// For this copy.
        expected: u8,
    },
    /// Another configuration than the anchor's.
    Guid {
        /// Address of the header.
        at: Lba,
        /// The first eight bytes of its GUID that differ, big-endian.
        found: u64,
        /// Those of the anchor's.
        expected: u64,
    },
    /// A section that is missing, outside the disk, before its header, or overlapping another.
    SectionPlace {
        /// Address of the header.
        at: Lba,
        /// Which section.
        section: Section,
        /// Its offset as stored.
        found: u32,
        /// The nearest offset that is clear of what it runs into: 1 behind the header, else the highest
        /// that still ends on the disk, else the end of the section that it overlaps.
        expected: u32,
    },
    /// The sections reach further than [`MAX_RUN_BYTES`].
    TooLarge {
        /// Address of the header.
        at: Lba,
        /// Block at which the last section ends.
        end: Lba,
        /// Block at which it has to end at the latest.
        limit: Lba,
    },
}

impl StructureError {
    /// Number for C callers and log searches. Stable; never reused.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::HeaderAddress { .. } => 1,
            Self::Unreadable { .. } => 2,
            Self::Signature { .. } => 3,
            Self::Crc { .. } => 4,
            Self::HeaderType { .. } => 5,
            Self::Guid { .. } => 6,
            Self::SectionPlace { .. } => 7,
            Self::TooLarge { .. } => 8,
        }
    }
}

impl fmt::Display for StructureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::HeaderAddress { at, found, blocks } => {
                let at = at.0;
                write!(
                    f,
                    "anchor at block {at}: header address {found:#x} on a disk of {blocks:#x} blocks"
                )
            }
            Self::Unreadable { at } => write!(f, "header at block {} is unreadable", at.0),
            Self::Signature { at, found } => {
                write!(f, "header at block {}: signature {found:#010x}", at.0)
            }
            Self::Crc { at, found, expected } => {
                write!(f, "header at block {}: crc {found:#010x}, expected {expected:#010x}", at.0)
            }
            Self::HeaderType { at, found, expected } => {
                write!(f, "header at block {}: type {found:#04x}, expected {expected:#04x}", at.0)
            }
            Self::Guid { at, found, expected } => {
                let at = at.0;
                write!(
                    f,
                    "header at block {at}: configuration {found:016x}, anchor {expected:016x}"
                )
            }
            Self::SectionPlace { at, section, found, expected } => {
                let (at, name) = (at.0, section.name());
                write!(
                    f,
                    "header at block {at}: {name} cannot be at offset {found:#x}, but at {expected:#x}"
                )
            }
            Self::TooLarge { at, end, .. } => write!(
                f,
                "header at block {}: sections end at block {}, more than {MAX_RUN_BYTES} bytes on",
                at.0, end.0
            ),
        }
    }
}

impl core::error::Error for StructureError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_keep_their_numbers() {
        let record = "header";
        let records = [
            RecordError::Truncated { record, found: 511, expected: 512 },
            RecordError::Signature { record, found: 1, expected: 2 },
            RecordError::Crc { record, found: 1, a: 2, b: 3 },
        ];
        assert!((1..).zip(&records).all(|(place, error)| error.code() == place));
        let at = Lba(1);
        let structures = [
            StructureError::HeaderAddress { at, found: 9, blocks: 8 },
            StructureError::Unreadable { at },
            StructureError::Signature { at, found: 1 },
            StructureError::Crc { at, found: 1, expected: 2 },
            StructureError::HeaderType { at, found: 1, expected: 2 },
            StructureError::Guid { at, found: 1, expected: 2 },
            StructureError::SectionPlace {
                at,
                section: Section::ControllerData,
                found: 0,
                expected: 1,
            },
            StructureError::TooLarge { at, end: Lba(9), limit: Lba(8) },
        ];
        assert!((1..).zip(&structures).all(|(place, error)| error.code() == place));
    }
}
