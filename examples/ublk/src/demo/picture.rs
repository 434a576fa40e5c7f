// SPDX-License-Identifier: MIT OR Apache-2.0
//! A picture of the first stripe rows: which member holds what.

use raid_core::layout::{Layout, Role};
use raid_core::units::Slot;
use std::fmt::Write;

/// Draws `rows` stripe rows of every set.
#[must_use]
pub(super) fn draw(layout: &Layout<'_>, rows: u64) -> String {
    let geometry = layout.geometry();
    let strip = geometry.strip.0.max(1);
    let mut out = String::new();
    for set in 0..geometry.sets {
        // A string takes everything, here and below.
        let _ = write!(
            out,
            "  {:>8}",
            if geometry.sets > 1 { format!("set {set}") } else { "row".into() }
        );
        for slot in 0..geometry.slots {
            let _ = write!(out, "{:>8}", format!("slot {slot}"));
        }
        out.push('\n');
        for row in 0..rows {
            let _ = write!(out, "  {row:>8}");
            for slot in 0..geometry.slots {
                let cell = match layout.role(Slot(slot as u8), row * strip) {
                    Role::Data(block) | Role::Copy { of: block } => {
                        let block = layout.array_block(set, block).unwrap_or(block);
                        format!("D{}", block / strip)
                    }
                    Role::Parity(0) => "P".into(),
                    Role::Parity(1) => "Q".into(),
                    Role::Parity(index) => format!("P{index}"),
                    Role::HotSpace => "spare".into(),
                    _ => "-".into(),
                };
                let _ = write!(out, "{cell:>8}");
            }
            out.push('\n');
        }
    }
    out
}
