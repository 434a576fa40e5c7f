// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a parity level puts its parity, row by row (`ddf.md` 5.4 to 5.8).
//!
//! `N` slots, `k` strips of a row are not data (parity, and the spare strip of RAID-5EE), row `r`.
//! First slot of the run of those `k` strips:
//!
//! | level | placement | start | order in the run | data |
//! |---|---|---|---|---|
//! | RAID-3, RAID-4 | `ParityFirst`, `ParityLast` | 0, N − 1 | P | restart |
//! | RAID-6 of Linux md | same, with [`QNumbering::ByData`] | 0, N − 2 | P Q | restart |
//! | RAID-5, 5E, 5EE, 6, MDF | `ZeroRestart` | r mod N | P Q … spare | restart |
//! | same | `ZeroContinue` | r mod N | same | continuation |
//! | same | `NRestart` | (N − k − r) mod N | same | restart |
//! | same | `NContinue` | (N − k − r) mod N | same; RAID-6 has **Q P** | continuation |
//! | RAID-5R | as RAID-5 | with r div 2^shift for r | P | |
//! | RAID-6 of Linux md | `N…` with [`QNumbering::ByData`] | (N − 1 − r) mod N | P Q | |
//!
//! RAID-6's `ZeroContinue`, RAID-5's `ZeroContinue`, RAID-5EE other than `ZeroRestart`, RAID-5R and
//! MDF with other than two parities follow one implementation or none: unverified on data.

use super::row::{DataOrder, RowMap};
use crate::array::{Geometry, Level, Placement, QNumbering};
use core::num::NonZeroU16;

/// Which way the parity of a level moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Movement {
    /// Stays on this slot.
    Stays(u16),
    /// Starts on slot 0, up one slot a turn.
    Up,
    /// Starts on this slot, down one slot a turn.
    Down(u16),
}

/// Placement of parity and data of one parity level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Rotation {
    movement: Movement,
    shift: u8,
    /// The row that all others are shifts of.
    row: RowMap,
}

impl Rotation {
    /// `None` if the level has no parity or does not know the placement. The number of slots has
    /// been checked against the level.
    pub(super) fn new(geometry: &Geometry) -> Option<Self> {
        let slots = NonZeroU16::new(geometry.slots)?;
        let parities = geometry.parity_strips();
        let hot = geometry.level == Level::Raid5EE;
        let run = u16::from(parities).checked_add(u16::from(hot))?;
        let by_data = parities == 2 && geometry.q_numbering == QNumbering::ByData;
        let down = Movement::Down(slots.get().checked_sub(if by_data { 1 } else { run })?);
        let dedicated = matches!(geometry.level, Level::Raid3 | Level::Raid4);
        // Of RAID-6 md has it as well, with its own numbering.
        let stays = dedicated || (geometry.level == Level::Raid6 && by_data);
        let (movement, order) = match geometry.placement {
            Placement::ParityFirst if stays => (Movement::Stays(0), DataOrder::Restart),
            Placement::ParityLast if stays => {
                (Movement::Stays(slots.get().checked_sub(run)?), DataOrder::Restart)
            }
            _ if dedicated || parities == 0 => return None,
            Placement::ZeroRestart => (Movement::Up, DataOrder::Restart),
            Placement::ZeroContinue => (Movement::Up, DataOrder::Continue),
            Placement::NRestart => (down, DataOrder::Restart),
            Placement::NContinue => (down, DataOrder::Continue),
            _ => return None,
        };
        // DDF 2.0 calls MDF with two parities identical to RAID-6, so Q precedes P there as well.
        let reversed = parities == 2 && !by_data && geometry.placement == Placement::NContinue;
        let numbering = if by_data { QNumbering::ByData } else { QNumbering::BySlot };
        let shift = if geometry.level == Level::Raid5R { geometry.rotate_shift } else { 0 };
        let row = RowMap { slots, start: 0, parities, reversed, hot, order, numbering };
        Some(Self { movement, shift, row })
    }

    /// Roles in stripe row `stripe`.
    #[inline]
    pub(super) fn row(&self, stripe: u64) -> RowMap {
        let slots = self.row.slots;
        let turn = stripe.checked_shr(u32::from(self.shift)).unwrap_or(0)
            % core::num::NonZeroU64::from(slots);
        // Below 256, being a remainder by the number of slots.
        let turn = u16::try_from(turn).unwrap_or(0);
        let start = match self.movement {
            Movement::Stays(slot) => slot,
            Movement::Up => turn,
            Movement::Down(first) => first
                .checked_sub(turn)
                .unwrap_or(first.saturating_add(slots.get()).saturating_sub(turn)),
        };
        RowMap { start, ..self.row }
    }
}
