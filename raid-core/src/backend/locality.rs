// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the rows of a call are, from which kernels choose their steps and their stores.

/// Where the blocks of a call are when it begins, as far as the caller knows.
///
/// The result is the same everywhere, the speed is not: what is right for rows in a cache costs rows
/// from memory a fifth, and the reverse a quarter and more.
///
/// | | steps | stores |
/// |---|---|---|
/// | [`Cached`](Self::Cached) | wide, wider for many blocks | write-back |
/// | [`LastLevel`](Self::LastLevel) | wide | non-temporal for rows of many blocks, else write-back |
/// | [`Memory`](Self::Memory) | one cache line of each block for rows of many blocks, else wide | non-temporal |
///
/// What is updated in place is in the cache by then: wide steps, write-back stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Locality {
    /// The caller does not know. A row that fits the second-level cache is taken to be there, any
    /// other one to come from memory: see [`Caches`].
    #[default]
    Unknown,
    /// In the first- or second-level cache of this core, or results are wanted there: rows that were
    /// just computed, or copied.
    Cached,
    /// In the last-level cache: the rows in use fit it, but not the second level.
    LastLevel,
    /// In memory: the rows in use fit no cache, or a device has just written them. Results go past
    /// the caches.
    Memory,
}

impl Locality {
    /// Two bits, none of them for `Cached`.
    pub(super) const fn bits(self) -> usize {
        match self {
            Self::Cached => 0,
            Self::LastLevel => 1,
            Self::Memory => 2,
            Self::Unknown => 3,
        }
    }

    pub(super) const fn from_bits(bits: usize) -> Self {
        match bits {
            0 => Self::Cached,
            1 => Self::LastLevel,
            2 => Self::Memory,
            _ => Self::Unknown,
        }
    }
}

/// The caches that one core can use: what [`Locality::Unknown`] is judged by.
///
/// `Backend::detect` asks the CPU, once. Elsewhere they are [`Caches::USUAL`] until
/// [`Backend::with_caches`](super::Backend::with_caches).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Caches {
    second_level: Units,
    last_level: Units,
}

/// A number of 16 KiB: two of them leave a backend as large as two pointers.
type Units = u16;

const UNIT: usize = 16 << 10;

impl Caches {
    /// What is assumed where nobody says: the smallest second level of the servers in use.
    pub const USUAL: Self = Self::new(512 << 10, 8 << 20);

    /// Caches of that many bytes, data and shared ones, in units of 16 KiB rounded down.
    #[must_use]
    pub const fn new(second_level: usize, last_level: usize) -> Self {
        let last_level = if last_level > second_level { last_level } else { second_level };
        Self { second_level: units(second_level), last_level: units(last_level) }
    }

    /// Where rows are of which `bytes` are in use, over and over. A quarter of a cache is left to
    /// others.
    #[must_use]
    pub const fn locality(self, bytes: usize) -> Locality {
        if bytes <= three_quarters(self.second_level) {
            Locality::Cached
        } else if bytes <= three_quarters(self.last_level) {
            Locality::LastLevel
        } else {
            Locality::Memory
        }
    }

    /// Where a row of `bytes` is of which no more is known: one that the second level cannot hold was
    /// not left there by anybody, and a server has more rows than its last level holds.
    #[inline]
    pub(super) const fn of_row(self, bytes: usize) -> Locality {
        if bytes <= three_quarters(self.second_level) { Locality::Cached } else { Locality::Memory }
    }
}

// 2^16 times 12 KiB: no overflow where an address has 32 bits.
#[inline]
#[allow(clippy::as_conversions, clippy::arithmetic_side_effects)]
const fn three_quarters(units: Units) -> usize {
    (units as usize) * (UNIT / 4 * 3)
}

// Bounded by the largest unit.
#[allow(clippy::as_conversions, clippy::arithmetic_side_effects)]
const fn units(bytes: usize) -> Units {
    let units = bytes / UNIT;
    if units > Units::MAX as usize { Units::MAX } else { units as Units }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_where_their_bytes_fit() {
        let caches = Caches::new(1 << 20, 32 << 20);
        for (bytes, expected, of_row) in [
            (0, Locality::Cached, Locality::Cached),
            (768 << 10, Locality::Cached, Locality::Cached),
            ((768 << 10) + 1, Locality::LastLevel, Locality::Memory),
            (24 << 20, Locality::LastLevel, Locality::Memory),
            ((24 << 20) + 1, Locality::Memory, Locality::Memory),
            (usize::MAX, Locality::Memory, Locality::Memory),
        ] {
            assert_eq!(caches.locality(bytes), expected, "{bytes} bytes in use");
            assert_eq!(caches.of_row(bytes), of_row, "a row of {bytes} bytes");
        }
    }

    #[test]
    fn caches_larger_than_can_be_kept_are_the_largest() {
        let all = Caches::new(usize::MAX, 0);
        assert_eq!(all.locality(512 << 20), Locality::Cached);
        assert_eq!(Caches::new(1 << 20, 0), Caches::new(1 << 20, 1 << 20));
    }
}
