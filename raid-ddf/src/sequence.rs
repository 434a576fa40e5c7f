// SPDX-License-Identifier: MIT OR Apache-2.0
//! Update counters: which of two is the later one, although they wrap around.
//!
//! Headers and configuration records count their updates in 32 bits (`ddf.md` 6.1). Numbers are
//! compared by their distance, so a number is later than those up to 2^31 before it. In headers all
//! ones mean *not kept*, so writers go from `FFFFFFFE` on to 0 or 1.

use core::cmp::Ordering;

/// Orders two counters that wrap around.
#[must_use]
pub(crate) const fn compare_sequences(a: u32, b: u32) -> Ordering {
    match a.wrapping_sub(b) {
        0 => Ordering::Equal,
        1..0x8000_0000 => Ordering::Greater,
        _ => Ordering::Less,
    }
}

/// Orders two counters of headers; one that is not kept is the oldest.
#[must_use]
pub(crate) const fn compare_kept(a: Option<u32>, b: Option<u32>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => compare_sequences(a, b),
        (Some(_), None) => Ordering::Greater,
        (None, Some(_)) => Ordering::Less,
        (None, None) => Ordering::Equal,
    }
}

/// How many updates of a header lie between two counters; 0 if `newer` is not the newer one.
#[must_use]
pub(crate) const fn updates_between(newer: u32, older: u32) -> u32 {
    let distance = newer.wrapping_sub(older);
    match compare_sequences(newer, older) {
        // Around the wrap `FFFFFFFF` is skipped always and 0 by some.
        Ordering::Greater if newer < older && distance > 2 => distance.wrapping_sub(2),
        Ordering::Greater if newer < older => 1,
        Ordering::Greater => distance,
        _ => 0,
    }
}

/// The update of a header before this one: before 0 and 1 it is the last before the wrap, for which of
/// them its writer goes on with is not known.
#[must_use]
pub(crate) const fn update_before(number: u32) -> u32 {
    match number.checked_sub(1) {
        None | Some(0) => u32::MAX - 1,
        Some(before) => before,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_around_their_wrap() {
        assert_eq!(compare_sequences(0, u32::MAX), Ordering::Greater);
        assert_eq!(compare_sequences(u32::MAX, 0), Ordering::Less);
        assert_eq!(compare_sequences(3, 2), Ordering::Greater);
        assert_eq!(compare_sequences(3, 3), Ordering::Equal);
        assert_eq!(compare_sequences(0x8000_0000, 0x7FFF_FFFF), Ordering::Greater);
        assert_eq!(compare_kept(Some(1), Some(u32::MAX - 1)), Ordering::Greater);
        assert_eq!(compare_kept(Some(0), None), Ordering::Greater);
        assert_eq!(compare_kept(None, Some(0)), Ordering::Less);
        assert_eq!(compare_kept(None, None), Ordering::Equal);
    }

    #[test]
    fn updates_are_counted_across_the_wrap_of_either_writer() {
        assert_eq!(updates_between(12, 10), 2);
        assert_eq!(updates_between(10, 12), 0);
        assert_eq!(updates_between(10, 10), 0);
        for first in [0, 1] {
            assert_eq!(updates_between(first, u32::MAX - 1), 1);
        }
        assert_eq!(updates_between(2, u32::MAX - 1), 2);
    }
}
