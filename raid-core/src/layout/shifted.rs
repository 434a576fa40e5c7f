// SPDX-License-Identifier: MIT OR Apache-2.0
//! Copies of strips on neighbouring slots, any number of slots: RAID-1E (`ddf.md` 5.3), which has two
//! copies, and raid10 of Linux md, which has any number.
//!
//! ```text
//!         adjacent, near  offset          far             near, 3 copies
//! slot    0  1  2         0  1  2         0  1  2         0  1  2  3
//! row 0   0  0' 1         0  1  2         0  1  2         0  0' 0' 1
//! row 1   1' 2  2'        2' 0' 1'        3  4  5         1' 1' 2  2'
//! row 2   3  3' 4         3  4  5         2' 0' 1'        2' 3  3' 3'
//! row 3   4' 5  5'        5' 3' 4'        5' 3' 4'        4  4' 4' 5
//! ```
//!
//! RAID-1E offset on data and far as DDF are unverified: the figure of the standard and md's code
//! agree on the first, mdadm writes the second where it reads the first.

use super::{Location, Role, Strips, slot_at};
use crate::units::{Lba, Slot};
use core::num::NonZeroU64;

/// Where the further copies stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Shift {
    /// On the next slots of the same sequence.
    Near,
    /// Each one row down, one slot on.
    Offset,
    /// Each in the next part of the members, one slot on.
    Far,
}

/// Placement of all copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Shifted {
    shift: Shift,
    copies: NonZeroU64,
}

/// From a copy to the next: one slot on, and this many blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Spread {
    /// Always.
    pub(crate) stride: u64,
    /// Besides, from the last slot to the first.
    pub(crate) wrap: u64,
}

impl Spread {
    /// The copy `copy` places on from `first` in a circle of `slots`.
    pub(crate) fn copy(self, first: Location, copy: u16, slots: u16) -> Location {
        let slot = u16::from(first.slot.0).saturating_add(copy);
        let (slot, wrap) = slot.checked_sub(slots).map_or((slot, 0), |slot| (slot, self.wrap));
        let on = self.stride.saturating_mul(copy.into()).saturating_add(wrap);
        Location { slot: slot_at(slot.into()), block: Lba(first.block.0.saturating_add(on)) }
    }
}

impl Shifted {
    pub(super) fn new(shift: Shift, copies: u8) -> Self {
        Self { shift, copies: NonZeroU64::new(copies.into()).unwrap_or(NonZeroU64::MIN) }
    }

    /// How many copies there are, the first included.
    pub(super) fn copies(self) -> u16 {
        u16::try_from(self.copies.get()).unwrap_or(u16::MAX)
    }

    /// Data strips of a set whose members hold `rows` strips each.
    pub(super) fn strips(self, slots: u64, rows: u64) -> Option<u64> {
        let (groups, rest) = (rows / self.copies, rows % self.copies);
        let whole = groups.checked_mul(slots)?;
        match self.shift {
            // rows * slots / copies, of which the product may not fit.
            Shift::Near => whole.checked_add(rest.checked_mul(slots)? / self.copies),
            Shift::Offset | Shift::Far => Some(whole),
        }
    }

    /// Where the first copy of strip `strip` begins, `within` blocks on.
    pub(super) fn first(self, s: &Strips, strip: u64, within: u64) -> Location {
        let (group, place) = (strip / s.slots, strip % s.slots);
        let (row, slot) = match self.shift {
            Shift::Near => {
                // As many rows as there are copies hold one strip a slot: the number of copies
                // before this one may pass 2^64.
                let place = place.saturating_mul(self.copies.get());
                let row = group.saturating_mul(self.copies.get());
                (row.saturating_add(place / s.slots), place % s.slots)
            }
            Shift::Offset => (group.saturating_mul(self.copies.get()), place),
            Shift::Far => (group, place),
        };
        Location { slot: slot_at(slot), block: Lba(s.block(row, within)) }
    }

    /// The way from one copy to the next.
    pub(super) fn spread(self, s: &Strips) -> Spread {
        let strip = s.len.get();
        match self.shift {
            Shift::Near => Spread { stride: 0, wrap: strip },
            Shift::Offset => Spread { stride: strip, wrap: 0 },
            Shift::Far => Spread { stride: s.block(s.rows / self.copies, 0), wrap: 0 },
        }
    }

    /// What block `within` of strip `row` of `slot` is.
    pub(super) fn role(self, s: &Strips, slot: Slot, row: u64, within: u64) -> Role {
        let (slot, slots) = (u64::from(slot.0), s.slots.get());
        // The slot that is `copy` places back holds the first copy.
        let back = |copy: u64| slot.saturating_add(slots).saturating_sub(copy) % s.slots;
        let (strip, copy) = match self.shift {
            Shift::Near => {
                let places = (row % self.copies).saturating_mul(slots).saturating_add(slot);
                let before = (row / self.copies).saturating_mul(slots);
                (before.saturating_add(places / self.copies), places % self.copies)
            }
            Shift::Offset => {
                let copy = row % self.copies;
                ((row / self.copies).saturating_mul(slots).saturating_add(back(copy)), copy)
            }
            Shift::Far => {
                let Some(part) = NonZeroU64::new(s.rows / self.copies) else {
                    return Role::Unused;
                };
                let (copy, row) = (row / part, row % part);
                if copy >= self.copies.get() {
                    return Role::Unused;
                }
                (row.saturating_mul(slots).saturating_add(back(copy)), copy)
            }
        };
        match s.data_block(strip, within) {
            None => Role::Unused,
            Some(block) if copy == 0 => Role::Data(block),
            Some(block) => Role::Copy { of: block },
        }
    }
}
