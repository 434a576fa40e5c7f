// SPDX-License-Identifier: MIT OR Apache-2.0
//! A picture of rows of an array: which slot holds which strip.
//!
//! ```text
//!          slot 0  slot 1  slot 2
//! row 0    D0      D1      P
//! row 1    D2      P       D3
//! row 2    P       D4      D5
//! ```

use crate::table::Table;
use raid_core::layout::{Layout, Role};
use raid_core::units::Slot;

/// Rows and slots that fit a screen.
const MAX_ROWS: u64 = 8;
const MAX_SLOTS: u16 = 16;

/// Which rows.
#[derive(Clone, Copy)]
pub(crate) enum Rows {
    /// One turn of the rotation and one row more, as far as it fits a screen.
    Turn,
    /// From this one on, so many.
    From(u64, u64),
}

/// The first rows of one set, the strips of slots that are not read in brackets.
pub(crate) fn of_set(layout: &Layout<'_>, set: u16, unread: &dyn Fn(Slot) -> bool) -> Table {
    of_rows(layout, set, Rows::Turn, unread, &|_, _| false)
}

/// Rows of one set, the strips of slots that are not read in brackets, those that are `marked` between `>` and `<`.
pub(crate) fn of_rows(
    layout: &Layout<'_>,
    set: u16,
    rows: Rows,
    unread: &dyn Fn(Slot) -> bool,
    marked: &dyn Fn(Slot, u64) -> bool,
) -> Table {
    let geometry = layout.geometry();
    // The strips of striped mirrors are those of the secondary level.
    let strip = layout.row_unit().max(geometry.strip.0).max(1);
    let slots = geometry.slots.min(MAX_SLOTS);
    let mut heads = vec!["row".to_owned()];
    heads.extend((0..slots).map(|slot| format!("slot {slot}")));
    let mut table = Table::new(heads);
    // One turn of the rotation and one row more; levels whose rows are all alike need one.
    let (first, count) = match rows {
        Rows::Turn if strip == 1 => (0, 1),
        Rows::Turn => (0, (u64::from(geometry.slots) + 1).min(MAX_ROWS)),
        Rows::From(first, count) => (first, count),
    };
    for row in first..first.saturating_add(count) {
        let roles: Vec<Role> =
            (0..slots).map(|slot| layout.role(slot_at(slot), row.saturating_mul(strip))).collect();
        if roles.iter().all(|role| *role == Role::Unused) {
            break;
        }
        let mut cells = vec![row.to_string()];
        for (slot, role) in (0..slots).zip(roles) {
            let text = label(layout, set, strip, role);
            let text = if unread(slot_at(slot)) { format!("[{text}]") } else { text };
            cells.push(if marked(slot_at(slot), row) { format!(">{text}<") } else { text });
        }
        table.row(cells);
    }
    table
}

fn slot_at(slot: u16) -> Slot {
    Slot(u8::try_from(slot).unwrap_or(u8::MAX))
}

/// `D7`: strip 7 of the array; `D7'`: a copy of it; `D7~`: some bytes of it and of those after it.
fn label(layout: &Layout<'_>, set: u16, strip: u64, role: Role) -> String {
    let number = |block| match layout.array_block(set, block) {
        Some(block) => format!("D{}", block / strip),
        None => "D?".to_owned(),
    };
    match role {
        Role::Data(block) => number(block),
        Role::Copy { of } => number(of) + "'",
        Role::Parity(0) => "P".to_owned(),
        Role::Parity(1) => "Q".to_owned(),
        Role::Parity(index) => format!("P{index}"),
        Role::Interleaved { first } => number(first) + "~",
        Role::HotSpace => "spare".to_owned(),
        Role::Unused => "-".to_owned(),
    }
}
