// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a read takes more than the blocks that it asks for: known before its row is held, and without a
//! plan.

use super::band::RowPart;
use super::plan::RowPlan;
use super::requests::ReadPart;
use super::{HealthByRow, read};
use crate::layout::Layout;
use crate::units::Extent;

/// Whether reading `at` (data blocks of a set) takes more than reading its own blocks as they are on members:
/// lost data is to be recovered from its row, bytes are to be put together (RAID-3), or something cannot be
/// read at all. [`read`] gives [`ReadStep::Direct`](super::ReadStep::Direct) alone if not.
///
/// A caller asks before it takes hold of the rows: only what needs a row has to keep writers off it.
#[must_use]
pub fn needs_row<'m, H: Into<HealthByRow<'m>>>(
    layout: &'m Layout<'m>,
    health: H,
    at: Extent,
) -> bool {
    let health = health.into();
    let inside = at.end().is_some_and(|end| end.0 <= layout.set_blocks().0);
    let by_parity = layout.geometry().parity_strips() > 0;
    if inside && !layout.is_interleaved() && health.is_optimal() {
        return false;
    }
    if inside && by_parity && health.is_uniform() {
        let (mut block, mut left) = (at.start.0, at.len.0);
        while let Some(part) = RowPart::new(layout, block, left) {
            if part.first_run(&health).is_none() {
                return true;
            }
            block = block.saturating_add(part.len);
            left = left.saturating_sub(part.len);
        }
        return left > 0;
    }
    let (mut steps, mut place) = (read(layout, health, at, None), RowPlan::EMPTY);
    loop {
        match steps.next_into(&mut place) {
            Some(Ok(ReadPart::Direct(_))) => {}
            Some(_) => return true,
            None => return false,
        }
    }
}
