// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which members of a set can be used, and for which rows.

use super::copies::CopyRun;
use crate::units::{Extent, Row, Slot, SlotSet};

/// Which members of a set can be used, the same for every row of a request.
///
/// Where members differ from row to row, see [`HealthByRow`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Health {
    /// Neither read nor written: failed or absent.
    pub unavailable: SlotSet,
    /// Written, not read: being filled, and not there yet.
    pub write_only: SlotSet,
}

/// How far a member that is being filled has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mark {
    /// The member's slot.
    pub slot: Slot,
    /// Below this row it holds its data; from it on it is stale: written, not read.
    pub row: Row,
}

/// Blocks of a member that cannot be read: a medium error, an entry of a bad-block log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BadRange {
    /// The member's slot.
    pub slot: Slot,
    /// Blocks of its extent. They are written, not read.
    pub at: Extent,
}

/// Which members of a set can be used, row by row.
///
/// For an embedder that knows how far each member has been filled and which blocks cannot be read, and asks
/// for a request in one go: the planner finds the rows at which the answer changes, and a stripe row stays
/// one plan across them. An embedder that is told which members may be read piece by piece gives every
/// piece a plain [`Health`] instead. `examples/array` does so for members that are being filled, and uses this
/// type for blocks that turn out to be unreadable: around them a member is as good as any.
///
/// A stripe row has room for a few changes of health. With more of them, and where not all of a request can
/// be done, a write is several plans that may update the same parity: carry those out one after the other.
///
/// Every step of a plan looks through both lists: give those that concern the request. No order is
/// asked for, and one slot may be named any number of times.
///
/// ```
/// # use raid_core::array::{Geometry, Level, Placement, QNumbering, Secondary};
/// # use raid_core::layout::Layout;
/// use raid_core::stripe::{self, Health, HealthByRow, Mark, ReadStep};
/// # use raid_core::units::{Blocks, Extent, Row, Slot};
/// # let layout = Layout::new(&Geometry {
/// #     level: Level::Raid5,
/// #     placement: Placement::NContinue,
/// #     slots: 3,
/// #     strip: Blocks(8),
/// #     member_blocks: Blocks(64),
/// #     secondary: Secondary::None,
/// #     sets: 1,
/// #     q_numbering: QNumbering::BySlot,
/// #     parities: 0,
/// #     rotate_shift: 0,
/// #     block_size: 512,
/// # })?;
/// // Slot 0 has been rebuilt up to row 3, in the middle of its first strip.
/// let marks = [Mark { slot: Slot(0), row: Row(3) }];
/// let health = HealthByRow { health: Health::OPTIMAL, marks: &marks, bad: &[] };
/// let below = stripe::read(&layout, health, Extent::new(0, 3), None).next();
/// assert!(matches!(below, Some(Ok(ReadStep::Direct(_)))));
/// let above = stripe::read(&layout, health, Extent::new(3, 3), None).next();
/// assert!(matches!(above, Some(Ok(ReadStep::Reconstruct(_)))));
/// # Ok::<(), raid_core::layout::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct HealthByRow<'h> {
    /// What holds for every row.
    pub health: Health,
    /// Members that are being filled.
    pub marks: &'h [Mark],
    /// Blocks that cannot be read.
    pub bad: &'h [BadRange],
}

impl Health {
    /// Every member can be used.
    pub const OPTIMAL: Self = Self { unavailable: SlotSet::EMPTY, write_only: SlotSet::EMPTY };

    /// Members that are not read.
    pub(super) fn unreadable(&self) -> SlotSet {
        self.unavailable | self.write_only
    }
}

impl From<Health> for HealthByRow<'_> {
    fn from(health: Health) -> Self {
        Self { health, marks: &[], bad: &[] }
    }
}

impl HealthByRow<'_> {
    /// Whether all rows are alike.
    pub(super) const fn is_uniform(&self) -> bool {
        self.marks.is_empty() && self.bad.is_empty()
    }

    /// Whether every member can be read and written everywhere.
    pub(super) fn is_optimal(&self) -> bool {
        self.is_uniform() && self.health.unreadable().is_empty()
    }

    /// The health at row `row` of a parity level, and the row up to which it is the same.
    #[inline]
    pub(super) fn at_row(&self, row: u64) -> (Health, u64) {
        if self.is_uniform() {
            return (self.health, u64::MAX);
        }
        let (mut health, mut end) = (self.health, u64::MAX);
        for mark in self.marks {
            let ahead = Some(mark.row.0).filter(|at| *at > row);
            stale(&mut health, &mut end, mark.slot, ahead);
        }
        for bad in self.bad {
            // Rows of a parity level are blocks of the members.
            cut(&mut health, &mut end, bad, row);
        }
        (health, end)
    }

    /// The health at the first block of a run of copies, and how many of its blocks it holds for.
    pub(super) fn at_run(&self, run: &CopyRun) -> (Health, u64) {
        let (mut health, mut len) = (self.health, run.len);
        if self.is_uniform() {
            return (health, len);
        }
        let slots = run.slots();
        for mark in self.marks.iter().filter(|mark| slots.contains(mark.slot)) {
            let ahead = mark.row.0.checked_sub(run.block).filter(|blocks| *blocks > 0);
            stale(&mut health, &mut len, mark.slot, ahead);
        }
        for bad in self.bad.iter().filter(|bad| slots.contains(bad.slot)) {
            let start = run.on_member(bad.slot).start.0;
            let mut end = u64::MAX;
            cut(&mut health, &mut end, bad, start);
            len = len.min(end.saturating_sub(start));
        }
        (health, len)
    }
}

/// Takes in a mark that is `ahead`, or has been passed.
fn stale(health: &mut Health, end: &mut u64, slot: Slot, ahead: Option<u64>) {
    match ahead {
        Some(ahead) => *end = (*end).min(ahead),
        None => health.write_only.insert(slot),
    }
}

/// Takes in a bad range as seen from block `at` of its member.
fn cut(health: &mut Health, end: &mut u64, bad: &BadRange, at: u64) {
    let (from, to) = (bad.at.start.0, bad.at.start.0.saturating_add(bad.at.len.0));
    if at < from {
        if from < to {
            *end = (*end).min(from);
        }
    } else if at < to {
        health.write_only.insert(bad.slot);
        *end = (*end).min(to);
    }
}
