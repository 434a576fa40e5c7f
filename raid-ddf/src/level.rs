// SPDX-License-Identifier: MIT OR Apache-2.0
//! The codes of RAID levels: primary (PRL) and secondary (SRL).
//!
//! `ddf.md` 5.1. The qualifier (RLQ) has a meaning only together with the primary level.

/// Primary RAID level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PrimaryLevel {
    /// `00`.
    Raid0,
    /// `01`.
    Raid1,
    /// `03`.
    Raid3,
    /// `04`.
    Raid4,
    /// `05`.
    Raid5,
    /// `06`.
    Raid6,
    /// `07` (2.0): multi disk failure RAID.
    Mdf,
    /// `0F`.
    Single,
    /// `11`.
    Raid1E,
    /// `15`.
    Raid5E,
    /// `1F`.
    Concat,
    /// `25`.
    Raid5EE,
    /// `35` (2.0).
    Raid5R,
    /// Not in the standard.
    Other(u8),
}

impl PrimaryLevel {
    /// The level that `byte` stands for.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            0x00 => Self::Raid0,
            0x01 => Self::Raid1,
            0x03 => Self::Raid3,
            0x04 => Self::Raid4,
            0x05 => Self::Raid5,
            0x06 => Self::Raid6,
            0x07 => Self::Mdf,
            0x0F => Self::Single,
            0x11 => Self::Raid1E,
            0x15 => Self::Raid5E,
            0x1F => Self::Concat,
            0x25 => Self::Raid5EE,
            0x35 => Self::Raid5R,
            other => Self::Other(other),
        }
    }

    /// The byte that stands for this level.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Raid0 => 0x00,
            Self::Raid1 => 0x01,
            Self::Raid3 => 0x03,
            Self::Raid4 => 0x04,
            Self::Raid5 => 0x05,
            Self::Raid6 => 0x06,
            Self::Mdf => 0x07,
            Self::Single => 0x0F,
            Self::Raid1E => 0x11,
            Self::Raid5E => 0x15,
            Self::Concat => 0x1F,
            Self::Raid5EE => 0x25,
            Self::Raid5R => 0x35,
            Self::Other(other) => other,
        }
    }
}

/// Secondary RAID level: how basic virtual disks are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SecondaryLevel {
    /// `00`.
    Striped,
    /// `01`.
    Mirrored,
    /// `02`.
    Concatenated,
    /// `03`.
    Spanned,
    /// Not in the standard; where there is one part only, it means nothing.
    Other(u8),
}

impl SecondaryLevel {
    /// The level that `byte` stands for.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            0x00 => Self::Striped,
            0x01 => Self::Mirrored,
            0x02 => Self::Concatenated,
            0x03 => Self::Spanned,
            other => Self::Other(other),
        }
    }

    /// The byte that stands for this level.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Striped => 0x00,
            Self::Mirrored => 0x01,
            Self::Concatenated => 0x02,
            Self::Spanned => 0x03,
            Self::Other(other) => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_round_trip() {
        for byte in 0..=255 {
            assert_eq!(PrimaryLevel::from_byte(byte).to_byte(), byte);
            assert_eq!(SecondaryLevel::from_byte(byte).to_byte(), byte);
        }
        assert_eq!(PrimaryLevel::from_byte(0x02), PrimaryLevel::Other(0x02));
    }
}
