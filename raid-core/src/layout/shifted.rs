// SPDX-License-Identifier: MIT OR Apache-2.0
//! RAID-1E: two copies of every strip on neighbouring slots, any number of slots from 2
//! (`ddf.md` 5.3).
//!
//! ```text
//!         adjacent        offset          far
//! slot    0  1  2         0  1  2         0  1  2
//! row 0   0  0' 1         0  1  2         0  1  2
//! row 1   1' 2  2'        2' 0' 1'        3  4  5
//! row 2   3  3' 4         3  4  5         2' 0' 1'
//! row 3   4' 5  5'        5' 3' 4'        5' 3' 4'
//! ```
//!
//! They are raid10 near-2, offset-2 and far-2 of Linux md. Offset on data and far as DDF are
//! unverified: the figure of the standard and md's code agree on the first, mdadm writes the second
//! where it reads the first.

use super::{Location, Role, Strips, slot_at};
use crate::units::{Lba, Slot};
use core::num::NonZeroU64;

const TWO: NonZeroU64 = NonZeroU64::MIN.saturating_add(1);

/// Where the second copies stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Shift {
    /// On the next slot of the same sequence.
    Adjacent,
    /// One row down, one slot on.
    Offset,
    /// In the second half, one slot on.
    Far,
}

impl Shift {
    /// Data strips of a set whose members hold `rows` strips each.
    pub(super) fn strips(self, slots: u64, rows: u64) -> Option<u64> {
        match self {
            Self::Adjacent => {
                // Half of rows * slots, which itself may not fit.
                let (pairs, odd) = (rows / TWO, rows % TWO);
                pairs.checked_mul(slots)?.checked_add(odd.checked_mul(slots / TWO)?)
            }
            Self::Offset | Self::Far => (rows / TWO).checked_mul(slots),
        }
    }

    /// Where copy 0 or 1 of strip `strip` begins, `within` blocks on.
    pub(super) fn locate(self, s: &Strips, strip: u64, copy: u8, within: u64) -> Location {
        let copy = u64::from(copy);
        let (row, slot) = match self {
            Self::Adjacent => {
                // Twice the strip number may pass 2^64: count pairs of rows, which hold one strip
                // a slot.
                let (pair, rest) = (strip / s.slots, strip % s.slots);
                let place = rest.saturating_mul(2).saturating_add(copy);
                let row = pair.saturating_mul(2).saturating_add(place / s.slots);
                (row, place % s.slots)
            }
            Self::Offset => {
                let row = (strip / s.slots).saturating_mul(2).saturating_add(copy);
                (row, (strip % s.slots).saturating_add(copy) % s.slots)
            }
            Self::Far => {
                let half = (s.rows / TWO).saturating_mul(copy);
                let row = (strip / s.slots).saturating_add(half);
                (row, (strip % s.slots).saturating_add(copy) % s.slots)
            }
        };
        Location { slot: slot_at(slot), block: Lba(s.block(row, within)) }
    }

    /// What block `within` of strip `row` of `slot` is.
    pub(super) fn role(self, s: &Strips, slot: Slot, row: u64, within: u64) -> Role {
        let slot = u64::from(slot.0);
        let before =
            if slot == 0 { s.slots.get().saturating_sub(1) } else { slot.saturating_sub(1) };
        let (strip, copy) = match self {
            Self::Adjacent => {
                let in_pair = (row % TWO).saturating_mul(s.slots.get()).saturating_add(slot);
                let pairs = (row / TWO).saturating_mul(s.slots.get());
                (pairs.saturating_add(in_pair / TWO), in_pair % TWO)
            }
            Self::Offset => {
                let first = (row / TWO).saturating_mul(s.slots.get());
                let copy = row % TWO;
                (first.saturating_add(if copy == 0 { slot } else { before }), copy)
            }
            Self::Far => {
                let half = s.rows / TWO;
                match row.checked_sub(half) {
                    None => (row.saturating_mul(s.slots.get()).saturating_add(slot), 0),
                    Some(row) => (row.saturating_mul(s.slots.get()).saturating_add(before), 1),
                }
            }
        };
        match s.data_block(strip, within) {
            None => Role::Unused,
            Some(block) if copy == 0 => Role::Data(block),
            Some(block) => Role::Copy { of: block },
        }
    }
}
