// SPDX-License-Identifier: MIT OR Apache-2.0
//! `raidstate` of a line: main state in the low nibble, sub-state in bits 4 to 6.
//!
//! The same byte means different things in an array line and in a disk line: 0x0B is *building*
//! there and *verifying* here. Only 0x00 has been seen on a real disk; that firmware stores exactly
//! the other bytes is inferred (`asr.md` 2.2).

/// The main state of a raw byte.
const fn main_state(raw: u8) -> u8 {
    raw & 0x0F
}

/// The sub-state of a raw byte, bit 7 included.
const fn sub_state(raw: u8) -> u8 {
    raw >> 4
}

/// State of an array line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ArrayLineState {
    /// 0x00.
    Optimal,
    /// 0x_1: redundancy lost in part. Sub-states: 1 parameter, 2 channel, 3 id mismatch, 8 component
    /// failure.
    Degraded {
        /// Bits 4 to 7.
        sub: u8,
    },
    /// 0x02.
    Rebuilding,
    /// 0x03: being expanded or changed to another level.
    Morphing,
    /// 0x44: not usable, a build is running.
    DeadBuilding,
    /// 0x54: created, waits for its first build.
    AwaitingBuild,
    /// 0x74: the wrong disk was replaced.
    WrongDriveReplaced,
    /// Every other 0x_4: too many disks failed.
    Dead {
        /// Bits 4 to 7.
        sub: u8,
    },
    /// 0x05: warning; a verify failed.
    Warning,
    /// 0x0A.
    Verifying,
    /// 0x1A: verifying, with repair.
    VerifyingRepair,
    /// 0x2A: verifying, until the first error.
    VerifyingUntilError,
    /// 0x0B: the first build is running.
    Building,
    /// 0x0C.
    NoRaidTable,
    /// 0xFD.
    Diagnosing,
    /// A value this version does not know, as found.
    Other(u8),
}

impl ArrayLineState {
    /// Reads the byte of an array line.
    #[must_use]
    pub const fn from_raw(raw: u8) -> Self {
        match raw {
            0x00 => Self::Optimal,
            0x02 => Self::Rebuilding,
            0x03 => Self::Morphing,
            0x44 => Self::DeadBuilding,
            0x54 => Self::AwaitingBuild,
            0x74 => Self::WrongDriveReplaced,
            0x05 => Self::Warning,
            0x0A => Self::Verifying,
            0x1A => Self::VerifyingRepair,
            0x2A => Self::VerifyingUntilError,
            0x0B => Self::Building,
            0x0C => Self::NoRaidTable,
            0xFD => Self::Diagnosing,
            _ => match main_state(raw) {
                0x1 => Self::Degraded { sub: sub_state(raw) },
                0x4 => Self::Dead { sub: sub_state(raw) },
                _ => Self::Other(raw),
            },
        }
    }

    /// The byte of an array line.
    #[must_use]
    pub const fn raw(self) -> u8 {
        match self {
            Self::Optimal => 0x00,
            Self::Degraded { sub } => sub << 4 | 0x01,
            Self::Rebuilding => 0x02,
            Self::Morphing => 0x03,
            Self::DeadBuilding => 0x44,
            Self::AwaitingBuild => 0x54,
            Self::WrongDriveReplaced => 0x74,
            Self::Dead { sub } => sub << 4 | 0x04,
            Self::Warning => 0x05,
            Self::Verifying => 0x0A,
            Self::VerifyingRepair => 0x1A,
            Self::VerifyingUntilError => 0x2A,
            Self::Building => 0x0B,
            Self::NoRaidTable => 0x0C,
            Self::Diagnosing => 0xFD,
            Self::Other(raw) => raw,
        }
    }
}

/// State of a disk line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DiskLineState {
    /// 0x00.
    Optimal,
    /// 0x01: "degraded" in one source, "does not exist" in another; not to be used.
    Doubtful,
    /// 0x02.
    Unconfigured,
    /// 0x12: in an array that is not built yet.
    NotBuilt,
    /// 0x_3: failed. Sub-states: 1 component, 2 not ready, 3 build, 4 write, 5 forced by the user,
    /// 6 at start.
    Failed {
        /// Bits 4 to 7.
        sub: u8,
    },
    /// 0x04: replaced, nothing started.
    Replaced,
    /// 0x14: replaced, being built.
    Building,
    /// 0x24: replaced, being rebuilt.
    Rebuilding,
    /// 0x05, 0x15: usable with a warning; a verify failed.
    Warning {
        /// Bits 4 to 7.
        sub: u8,
    },
    /// 0x06: size, channel or id do not fit.
    Unsuited,
    /// 0x08: the first build is running.
    FirstBuild,
    /// 0x18: an expansion is running.
    Expanding,
    /// 0x0A.
    Uninitialised,
    /// 0x0B.
    Verifying,
    /// 0x1B: verifying, with repair.
    VerifyingRepair,
    /// A value this version does not know, as found; not to be used.
    Other(u8),
}

impl DiskLineState {
    /// Reads the byte of a disk line.
    #[must_use]
    pub const fn from_raw(raw: u8) -> Self {
        match raw {
            0x00 => Self::Optimal,
            0x01 => Self::Doubtful,
            0x02 => Self::Unconfigured,
            0x12 => Self::NotBuilt,
            0x04 => Self::Replaced,
            0x14 => Self::Building,
            0x24 => Self::Rebuilding,
            0x05 | 0x15 => Self::Warning { sub: sub_state(raw) },
            0x06 => Self::Unsuited,
            0x08 => Self::FirstBuild,
            0x18 => Self::Expanding,
            0x0A => Self::Uninitialised,
            0x0B => Self::Verifying,
            0x1B => Self::VerifyingRepair,
            _ if main_state(raw) == 0x3 => Self::Failed { sub: sub_state(raw) },
            _ => Self::Other(raw),
        }
    }

    /// The byte of a disk line.
    #[must_use]
    pub const fn raw(self) -> u8 {
        match self {
            Self::Optimal => 0x00,
            Self::Doubtful => 0x01,
            Self::Unconfigured => 0x02,
            Self::NotBuilt => 0x12,
            Self::Failed { sub } => sub << 4 | 0x03,
            Self::Replaced => 0x04,
            Self::Building => 0x14,
            Self::Rebuilding => 0x24,
            Self::Warning { sub } => sub << 4 | 0x05,
            Self::Unsuited => 0x06,
            Self::FirstBuild => 0x08,
            Self::Expanding => 0x18,
            Self::Uninitialised => 0x0A,
            Self::Verifying => 0x0B,
            Self::VerifyingRepair => 0x1B,
            Self::Other(raw) => raw,
        }
    }

    /// What the line says of the disk's data.
    #[must_use]
    pub const fn worth(self) -> Worth {
        match self {
            Self::Optimal | Self::Verifying | Self::VerifyingRepair | Self::Warning { .. } => {
                Worth::Holds
            }
            Self::NotBuilt
            | Self::Replaced
            | Self::Building
            | Self::Rebuilding
            | Self::FirstBuild
            | Self::Uninitialised => Worth::BeingFilled,
            // While an expansion runs, neither the old nor the new layout holds everywhere; the
            // array is refused as a whole.
            Self::Doubtful
            | Self::Unconfigured
            | Self::Failed { .. }
            | Self::Unsuited
            | Self::Expanding
            | Self::Other(_) => Worth::Nothing,
        }
    }
}

/// What a disk line says of the disk's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Worth {
    /// Holds its data.
    Holds,
    /// Waits to be filled, or is being filled.
    BeingFilled,
    /// Not to be used.
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_reading_and_writing() {
        for raw in 0..=u8::MAX {
            assert_eq!(ArrayLineState::from_raw(raw).raw(), raw);
            assert_eq!(DiskLineState::from_raw(raw).raw(), raw);
        }
    }

    #[test]
    fn composite_states_are_told_apart() {
        assert_eq!(ArrayLineState::from_raw(0x54), ArrayLineState::AwaitingBuild);
        assert_eq!(ArrayLineState::from_raw(0x64), ArrayLineState::Dead { sub: 6 });
        assert_eq!(ArrayLineState::from_raw(0x81), ArrayLineState::Degraded { sub: 8 });
        assert_eq!(ArrayLineState::from_raw(0x07), ArrayLineState::Other(0x07));
        assert_eq!(DiskLineState::from_raw(0x24), DiskLineState::Rebuilding);
        assert_eq!(DiskLineState::from_raw(0x53), DiskLineState::Failed { sub: 5 });
        assert_eq!(DiskLineState::from_raw(0x34), DiskLineState::Other(0x34));
    }

    #[test]
    fn only_a_known_good_state_holds_data() {
        let holds: std::vec::Vec<u8> = (0..=u8::MAX)
            .filter(|raw| DiskLineState::from_raw(*raw).worth() == Worth::Holds)
            .collect();
        assert_eq!(holds, [0x00, 0x05, 0x0B, 0x15, 0x1B]);
        for raw in [0x04, 0x14, 0x24, 0x12, 0x0A, 0x08] {
            assert_eq!(DiskLineState::from_raw(raw).worth(), Worth::BeingFilled, "{raw:#04x}");
        }
    }
}
