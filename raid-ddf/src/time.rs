// SPDX-License-Identifier: MIT OR Apache-2.0
//! Time stamps: seconds since 1980-01-01 00:00:00 UTC in 32 bits (`ddf.md` 4.6).

/// Seconds from the Unix epoch to DDF's: ten years and two leap days.
pub const UNIX_TO_DDF_EPOCH: u64 = 315_532_800;

/// A DDF time stamp. All ones: not set. The range ends in February 2116.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DdfTime(pub u32);

impl DdfTime {
    /// Not set.
    pub const UNSET: Self = Self(u32::MAX);

    /// Seconds since 1970; `None` if not set.
    #[must_use]
    pub fn to_unix(self) -> Option<u64> {
        if self == Self::UNSET {
            return None;
        }
        u64::from(self.0).checked_add(UNIX_TO_DDF_EPOCH)
    }

    /// From seconds since 1970; a time before 1980 or past the range becomes the nearest that can
    /// be stored.
    #[must_use]
    pub fn from_unix(seconds: u64) -> Self {
        let since_1980 = seconds.saturating_sub(UNIX_TO_DDF_EPOCH);
        u32::try_from(since_1980)
            .map_or(Self(u32::MAX - 1), |stored| Self(stored.min(u32::MAX - 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_is_new_year_1980() {
        assert_eq!(DdfTime(0).to_unix(), Some(315_532_800));
        // 2024-03-01 12:00:32 UTC, a stamp that mdadm wrote at that time.
        assert_eq!(DdfTime(0x5313_1D60).to_unix(), Some(1_709_294_432));
        assert_eq!(DdfTime::from_unix(1_709_294_432), DdfTime(0x5313_1D60));
    }

    #[test]
    fn times_out_of_range_never_look_unset() {
        assert_eq!(DdfTime::UNSET.to_unix(), None);
        assert_eq!(DdfTime::from_unix(0), DdfTime(0));
        for seconds in [u64::MAX, 315_532_800 + u64::from(u32::MAX)] {
            assert_eq!(DdfTime::from_unix(seconds), DdfTime(u32::MAX - 1));
        }
    }
}
