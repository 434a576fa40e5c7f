// SPDX-License-Identifier: MIT OR Apache-2.0
//! The generation of a set: the number by which an old record is known.

/// A number that grows whenever a member stops receiving writes (`sync.md` I7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Generation(pub u64);

impl Generation {
    const fn mask(bits: u8) -> u64 {
        match bits {
            64.. => u64::MAX,
            bits => 1u64.wrapping_shl(u32_of(bits)).wrapping_sub(1),
        }
    }

    /// The next one in a counter of this many bits; 0 after the last one.
    #[must_use]
    pub const fn next(self, bits: u8) -> Self {
        Self(self.0.wrapping_add(1) & Self::mask(bits))
    }

    /// Whether this is newer than `other` in a counter of this many bits: ahead by less than half of
    /// its range.
    #[must_use]
    pub const fn is_newer_than(self, other: Self, bits: u8) -> bool {
        let ahead = self.0.wrapping_sub(other.0) & Self::mask(bits);
        ahead != 0 && ahead <= Self::mask(bits) >> 1
    }
}

#[allow(clippy::as_conversions)] // lossless; `From` is not const
const fn u32_of(bits: u8) -> u32 {
    bits as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_are_compared_in_half_of_their_range() {
        let newer = |a, b, bits| Generation(a).is_newer_than(Generation(b), bits);
        assert!(newer(1, 0, 64) && !newer(0, 1, 64) && !newer(5, 5, 64));
        assert!(newer(0, u64::MAX, 64), "the one after the largest");
        assert!(newer(2, 0xffff_fffe, 32) && !newer(0xffff_fffe, 2, 32));
        assert!(newer(0x8000_0000, 1, 32) && !newer(0x8000_0001, 1, 32));
        assert!(!newer(1, 0, 0) && !newer(0, 0, 0));
        assert_eq!(Generation(0xffff_ffff).next(32), Generation(0));
        assert_eq!(Generation(u64::MAX).next(64), Generation(0));
        assert_eq!(Generation(7).next(32), Generation(8));
    }
}
