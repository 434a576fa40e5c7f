// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a core is made for.

use crate::member::Redundancy;
use crate::operation::Policy;
use crate::throttle::Limits;
use raid_core::layout::Layout;
use raid_core::units::SlotSet;

/// One redundancy set, as the caller knows it when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// Rows of the set.
    pub rows: u64,
    /// All edges of windows and marks are multiples of this many rows, the end of the set excepted.
    /// Parity sets pass the strip, so that a request inside one stripe row is never cut.
    pub align: u64,
    /// Slots of the set.
    pub members: SlotSet,
    /// Slots without a usable disk now, whether the metadata says so already or not.
    pub absent: SlotSet,
    /// Members with a volatile write cache; the others need no flush.
    pub volatile: SlotSet,
    /// What keeps the data when members are lost.
    pub redundancy: Redundancy,
    /// Writes that share a row reach the members one after the other (`sync.md` I13). Parity sets
    /// always do so.
    pub overlap: bool,
    /// Every write whose acknowledgement follows a failure waits for the record of it; otherwise only
    /// those that promise durability do.
    pub strict: bool,
    /// What a repair takes for the truth.
    pub repair: Policy,
    /// Speed and patience.
    pub limits: Limits,
}

impl Config {
    /// A set with everybody present and the careful choice everywhere.
    #[must_use]
    pub const fn new(rows: u64, members: SlotSet, redundancy: Redundancy) -> Self {
        Self {
            rows,
            align: 1,
            members,
            absent: SlotSet::EMPTY,
            volatile: members,
            redundancy,
            overlap: true,
            strict: true,
            repair: Policy::Majority,
            limits: Limits::USUAL,
        }
    }

    /// A set of this layout with everybody present: its rows, its members, and what keeps its data. Sets of unequal size
    /// have a layout each.
    #[must_use]
    pub fn of(layout: &Layout<'_>) -> Self {
        let parity = layout.geometry().parity_strips() > 0;
        let align = if parity { layout.row_unit() } else { 1 };
        Self { align, ..Self::new(layout.rows(), layout.slots(), Redundancy::of(layout)) }
    }

    /// Rows of a unit of the in-flight table, in which requests look for others. Requests to a parity set lie in one stripe row, and so
    /// in one strip; those to other sets have any size.
    pub(crate) fn unit(&self) -> u64 {
        let mut rows = self.align.max(1);
        let strip = rows > 1 && matches!(self.redundancy, Redundancy::Parity(_));
        while rows < USUAL && !strip {
            rows = rows.saturating_mul(2);
        }
        rows
    }
}

/// Most requests are not longer, in rows.
const USUAL: u64 = 128;

/// What the operator, or a journal, says about an unclean start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Start {
    /// Nothing: a parity set that is unclean and short of a member is refused.
    #[default]
    Normal,
    /// Start it all the same; rows that were being written at the stop may be wrong.
    Force,
    /// A journal has made the rows consistent that were in flight since a member was lost. What was owed
    /// a resync before stays owed; a set that owes one and is short of one more member is refused.
    JournalReplayed,
}
