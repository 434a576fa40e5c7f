// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why bytes were refused as a record.

use core::fmt;

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
    pub const fn code(self) -> u16 {
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
            Self::Truncated { record, found } => {
                write!(f, "{record}: {found} bytes are too few")
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
