// SPDX-License-Identifier: MIT OR Apache-2.0
//! `raidlevel` and `raidtype` of a line: the place in the tree, and the RAID level.
//!
//! The two names are easily swapped: `raidlevel` is *not* the RAID level (`asr.md` 6.13).

/// `raidlevel`: the place of a line in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TreeLevel {
    /// 0: a disk.
    Fwp,
    /// 1: an array of disks.
    Fwl,
    /// 2: an operating system's intermediate; no reader handles it.
    Osi,
    /// 3: an array of arrays.
    Fwl2,
    /// A value this version does not know, as found.
    Other(u8),
}

impl TreeLevel {
    /// Reads the byte of a line.
    #[must_use]
    pub const fn from_raw(raw: u8) -> Self {
        match raw {
            0 => Self::Fwp,
            1 => Self::Fwl,
            2 => Self::Osi,
            3 => Self::Fwl2,
            other => Self::Other(other),
        }
    }

    /// The byte of a line.
    #[must_use]
    pub const fn raw(self) -> u8 {
        match self {
            Self::Fwp => 0,
            Self::Fwl => 1,
            Self::Osi => 2,
            Self::Fwl2 => 3,
            Self::Other(raw) => raw,
        }
    }
}

/// `raidtype`: the RAID level of an array, repeated in its disk lines (`asr.md` 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RaidType {
    /// 0: striping.
    Raid0,
    /// 1: mirroring.
    Raid1,
    /// 3: RAID 3; where parity stands is not documented.
    Raid3,
    /// 4: RAID 4; where parity stands is not documented.
    Raid4,
    /// 5: RAID 5; the rotation is not documented.
    Raid5,
    /// 0xFE: a spare.
    Spare,
    /// 0xFF: one disk passed through; named in one source, handled by no reader.
    Redirect,
    /// A value this version does not know, as found.
    Other(u8),
}

impl RaidType {
    /// Reads the byte of a line.
    #[must_use]
    pub const fn from_raw(raw: u8) -> Self {
        match raw {
            0 => Self::Raid0,
            1 => Self::Raid1,
            3 => Self::Raid3,
            4 => Self::Raid4,
            5 => Self::Raid5,
            0xFE => Self::Spare,
            0xFF => Self::Redirect,
            other => Self::Other(other),
        }
    }

    /// The byte of a line.
    #[must_use]
    pub const fn raw(self) -> u8 {
        match self {
            Self::Raid0 => 0,
            Self::Raid1 => 1,
            Self::Raid3 => 3,
            Self::Raid4 => 4,
            Self::Raid5 => 5,
            Self::Spare => 0xFE,
            Self::Redirect => 0xFF,
            Self::Other(raw) => raw,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_reading_and_writing() {
        for raw in 0..=u8::MAX {
            assert_eq!(TreeLevel::from_raw(raw).raw(), raw);
            assert_eq!(RaidType::from_raw(raw).raw(), raw);
            assert_eq!(matches!(TreeLevel::from_raw(raw), TreeLevel::Other(_)), raw > 3);
        }
        assert_eq!(RaidType::from_raw(2), RaidType::Other(2));
        assert_eq!(RaidType::from_raw(0xFE), RaidType::Spare);
    }
}
