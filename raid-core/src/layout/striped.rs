// SPDX-License-Identifier: MIT OR Apache-2.0
//! RAID-0: strips go round robin over the slots (`ddf.md` 5.3).
//!
//! ```text
//! slot   0  1  2
//! row 0  0  1  2
//! row 1  3  4  5
//! ```

use super::{Location, Role, Strips};
use crate::units::{Lba, Slot};

/// Data strips of a set whose members hold `rows` strips each.
pub(super) fn strips(slots: u64, rows: u64) -> Option<u64> {
    rows.checked_mul(slots)
}

/// Where strip `strip` begins, `within` blocks on.
pub(super) fn locate(s: &Strips, strip: u64, within: u64) -> Location {
    let (row, slot) = (strip / s.slots, strip % s.slots);
    Location { slot: super::slot_at(slot), block: Lba(s.block(row, within)) }
}

/// What block `within` of strip `row` of `slot` is.
pub(super) fn role(s: &Strips, slot: Slot, row: u64, within: u64) -> Role {
    s.data_block(row.saturating_mul(s.slots.get()).saturating_add(u64::from(slot.0)), within)
        .map_or(Role::Unused, Role::Data)
}
