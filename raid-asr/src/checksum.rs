// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checksum of a RAID table: the sum of the bytes of the lines in use, modulo 65536.
//!
//! Header, unused lines and reserved block are covered by nothing. Some firmware writes a constant
//! instead of the sum, so a mismatch is judged by the table's version (`asr.md` 1.5).

use crate::{ConfigurationLine, TableHeader};
use zerocopy::IntoBytes;

/// The sum as stored and as computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Checksum {
    /// `rchksum` of the header.
    pub stored: u16,
    /// Over the lines.
    pub computed: u16,
}

/// What a checksum says of a copy of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChecksumVerdict {
    /// The sums agree.
    Good,
    /// They differ in a table of version 2 or later: the firmware does not maintain it, or a write
    /// was torn.
    NotMaintained,
    /// They differ in an older table: prefer another disk's copy.
    Suspect,
}

impl Checksum {
    /// The sum that a table with these lines in use should carry.
    #[must_use]
    pub fn compute(lines: &[ConfigurationLine]) -> u16 {
        lines.as_bytes().iter().fold(0u16, |sum, byte| sum.wrapping_add(u16::from(*byte)))
    }

    /// Judges a table of version `rversion`.
    #[must_use]
    pub const fn verdict(self, rversion: u32) -> ChecksumVerdict {
        if self.stored == self.computed {
            ChecksumVerdict::Good
        } else if rversion >= TableHeader::VERSION_2 {
            ChecksumVerdict::NotMaintained
        } else {
            ChecksumVerdict::Suspect
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::FromZeros;

    #[test]
    fn the_sum_wraps_at_16_bits() {
        let mut lines = [ConfigurationLine::new_zeroed(); 5];
        lines.as_mut_bytes().fill(0xFF);
        assert_eq!(u32::from(Checksum::compute(&lines)), 5 * 64 * 255 % 65536);
        assert_eq!(Checksum::compute(&[]), 0);
    }

    #[test]
    fn a_mismatch_is_judged_by_version() {
        let dummy = Checksum { stored: 0x0805, computed: 0x0BAF };
        assert_eq!(dummy.verdict(2), ChecksumVerdict::NotMaintained);
        assert_eq!(dummy.verdict(1), ChecksumVerdict::Suspect);
        let good = Checksum { stored: 0x2026, computed: 0x2026 };
        assert_eq!(good.verdict(0), ChecksumVerdict::Good);
    }
}
