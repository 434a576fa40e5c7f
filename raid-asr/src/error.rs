// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why bytes were refused as a record of this format.

use core::fmt;

/// Why bytes were refused as a record. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecordError {
    /// The buffer ends before the record does.
    Truncated {
        /// Which record.
        record: &'static str,
        /// Bytes given.
        found: usize,
        /// Bytes of the record.
        expected: usize,
    },
    /// `b0idcode`, the reserved block's own magic.
    BlockMagic {
        /// As stored.
        found: u32,
    },
    /// `smagic`, the magic of the reserved block's software half.
    SoftwareMagic {
        /// As stored.
        found: u32,
    },
    /// `resver`, a reserved block version that no reader knows.
    ReservedVersion {
        /// As stored.
        found: u8,
    },
    /// `raidtbl`: the 16 blocks of the RAID table would not lie between block 0 and the reserved
    /// block.
    TablePointer {
        /// As stored.
        found: u32,
        /// The last block at which a table fits.
        limit: u64,
    },
    /// `ridcode`, the RAID table's magic.
    TableMagic {
        /// As stored.
        found: u32,
    },
    /// `elmsize`, the size of a configuration line.
    LineSize {
        /// As stored.
        found: u16,
    },
    /// `elmcnt`, the number of lines in use: 0, or more than there is room for.
    LineCount {
        /// As stored.
        found: u16,
        /// The lower of `maxelm` and 127.
        limit: u16,
    },
}

impl RecordError {
    /// Number for C callers and log searches. Stable; never reused.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::Truncated { .. } => 1,
            Self::BlockMagic { .. } => 2,
            Self::SoftwareMagic { .. } => 3,
            Self::ReservedVersion { .. } => 4,
            Self::TablePointer { .. } => 5,
            Self::TableMagic { .. } => 6,
            Self::LineSize { .. } => 7,
            Self::LineCount { .. } => 8,
        }
    }

    /// The field at fault, as the format's text names it.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Truncated { .. } => "record",
            Self::BlockMagic { .. } => "b0idcode",
            Self::SoftwareMagic { .. } => "smagic",
            Self::ReservedVersion { .. } => "resver",
            Self::TablePointer { .. } => "raidtbl",
            Self::TableMagic { .. } => "ridcode",
            Self::LineSize { .. } => "elmsize",
            Self::LineCount { .. } => "elmcnt",
        }
    }

    /// The value found and the value, or the limit, expected.
    #[must_use]
    pub fn values(self) -> (u64, u64) {
        let bytes = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        match self {
            Self::Truncated { found, expected, .. } => (bytes(found), bytes(expected)),
            Self::BlockMagic { found } => (found.into(), crate::ReservedBlock::MAGIC.into()),
            Self::SoftwareMagic { found } => {
                (found.into(), crate::ReservedBlock::SOFTWARE_MAGIC.into())
            }
            Self::ReservedVersion { found } => (found.into(), crate::ReservedBlock::VERSION.into()),
            Self::TablePointer { found, limit } => (found.into(), limit),
            Self::TableMagic { found } => (found.into(), crate::TableHeader::MAGIC.into()),
            Self::LineSize { found } => (found.into(), crate::ConfigurationLine::SIZE.into()),
            Self::LineCount { found, limit } => (found.into(), limit.into()),
        }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (found, expected) = self.values();
        match self {
            Self::Truncated { record, .. } => {
                write!(f, "{record}: {found} bytes, expected at least {expected}")
            }
            Self::BlockMagic { .. } | Self::SoftwareMagic { .. } | Self::TableMagic { .. } => {
                write!(f, "{} is {found:#010x}, not {expected:#010x}", self.field())
            }
            Self::TablePointer { .. } => {
                write!(f, "raidtbl is block {found}, allowed are 1 to {expected}")
            }
            Self::LineCount { .. } => write!(f, "elmcnt is {found}, allowed are 1 to {expected}"),
            Self::ReservedVersion { .. } | Self::LineSize { .. } => {
                write!(f, "{} is {found}, not {expected}", self.field())
            }
        }
    }
}

impl core::error::Error for RecordError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn an_error_names_the_field_what_was_found_and_what_was_expected() {
        let text = RecordError::TableMagic { found: 0xdead_beef }.to_string();
        assert_eq!(text, "ridcode is 0xdeadbeef, not 0x900765c4");
        let text = RecordError::TablePointer { found: 17_942_567, limit: 5367 }.to_string();
        assert_eq!(text, "raidtbl is block 17942567, allowed are 1 to 5367");
        let text = RecordError::Truncated { record: "RAID table", found: 8191, expected: 8192 };
        assert_eq!(text.to_string(), "RAID table: 8191 bytes, expected at least 8192");
        let text = RecordError::LineCount { found: 256, limit: 127 }.to_string();
        assert_eq!(text, "elmcnt is 256, allowed are 1 to 127");
    }

    #[test]
    fn errors_keep_their_numbers() {
        let errors = [
            RecordError::Truncated { record: "RAID table", found: 8191, expected: 8192 },
            RecordError::BlockMagic { found: 1 },
            RecordError::SoftwareMagic { found: 1 },
            RecordError::ReservedVersion { found: 1 },
            RecordError::TablePointer { found: 1, limit: 2 },
            RecordError::TableMagic { found: 1 },
            RecordError::LineSize { found: 1 },
            RecordError::LineCount { found: 1, limit: 2 },
        ];
        assert!((1..).zip(&errors).all(|(place, error)| error.code() == place));
    }
}
