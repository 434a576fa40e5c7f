// SPDX-License-Identifier: MIT OR Apache-2.0
//! Identities of what is made here, from the caller's randomness.
//!
//! Bit 31 is set in those of disks and clear in those of arrays, as on the one known disk (`asr.md`
//! 6.15); no two on the disks at hand are alike.

use crate::assemble::disk::holders;
use crate::locate::{Located, locate};
use crate::{ReservedBlock, TableHeader};
use raid_core::metadata::{Disks, Stamp};

const DISK_BIT: u32 = 1 << 31;

/// Number `salt` of a stamp: different salts give different numbers.
fn number(stamp: Stamp, salt: u32) -> u32 {
    let [a, b, c, d, e, f, g, h] = stamp.random.to_be_bytes();
    let (high, low) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
    // Every step is a bijection of 32 bits, so distinct salts stay distinct.
    let mut mixed = salt ^ high;
    for (multiplier, add) in [(0x7FEB_352D, low), (0x846C_A68B, high), (0x9E37_79B1, low)] {
        mixed ^= mixed >> 15;
        mixed = mixed.wrapping_mul(multiplier).wrapping_add(add);
    }
    mixed ^ (mixed >> 16)
}

/// Whether a disk at hand, or a line of its table, has this identity.
fn is_taken(disks: &dyn Disks, magic: u32) -> bool {
    let in_table = |index| match disks.disk(index).map(locate) {
        Some(Located::Found(found)) => found
            .table
            .is_ok_and(|copy| copy.table.lines().iter().any(|line| line.raidmagic.get() == magic)),
        _ => false,
    };
    holders(disks, magic).next().is_some() || (0..disks.count()).any(in_table)
}

/// A new identity for a disk.
pub(crate) fn of_disk(disks: &dyn Disks, stamp: Stamp) -> Option<u32> {
    let mut magics = (0..=u32::from(u16::MAX)).map(|salt| number(stamp, salt) | DISK_BIT);
    magics.find(|magic| *magic != ReservedBlock::NO_DRIVEMAGIC && !is_taken(disks, *magic))
}

/// New identities for an array and `below` arrays under it: the first of as many in a row.
pub(crate) fn of_arrays(disks: &dyn Disks, stamp: Stamp, below: u32) -> Option<u32> {
    let mut magics = (0..=u32::from(u16::MAX)).map(|salt| number(stamp, salt) & !DISK_BIT);
    magics.find(|magic| {
        let last = magic.saturating_add(below);
        let fits = *magic != 0 && last < DISK_BIT && last != TableHeader::ANY_ARRAY;
        fits && (*magic..=last).all(|magic| !is_taken(disks, magic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn numbers_of_one_stamp_are_all_different() {
        let count = if cfg!(miri) { 50 } else { 1000 };
        for random in [0, 1, u64::MAX, 0x0123_4567_89AB_CDEF] {
            let stamp = Stamp { unix_seconds: 0, random };
            let numbers: BTreeSet<u32> = (0..count).map(|salt| number(stamp, salt)).collect();
            assert_eq!(numbers.len(), count as usize);
        }
    }
}
