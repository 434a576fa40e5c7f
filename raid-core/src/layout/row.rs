// SPDX-License-Identifier: MIT OR Apache-2.0
//! One stripe row of a parity level: which slot holds parity, which holds which data strip.
//!
//! Every parity level there is keeps the strips of a row that are *not* data on a run of
//! neighbouring slots, which may wrap round the end. The rest is data, counted either in slot order
//! ("restart") or onwards from the end of the run ("continuation"):
//!
//! ```text
//! 5 slots, run of 2 from slot 3        restart:  0 1 2 P Q      continuation:  0 1 2 P Q
//!          run of 2 from slot 1                  0 P Q 1 2                     2 P Q 0 1
//!          run of 2 from slot 4 (wraps)          Q 0 1 2 P                     Q 0 1 2 P
//! ```

use super::slot_at;
use crate::array::QNumbering;
use crate::units::{Slot, SlotSet};
use core::num::NonZeroU16;

/// Order of the data strips of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum DataOrder {
    /// In slot order.
    Restart,
    /// From the end of the run of other strips onwards.
    Continue,
}

/// What a slot holds in one stripe row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StripRole {
    /// Data strip number of the row.
    Data(u16),
    /// Parity strip: 0 is P, 1 is Q.
    Parity(u8),
    /// Spare space of RAID-5EE.
    Hot,
}

/// Roles of the slots in one stripe row of a parity level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RowMap {
    /// Slots of the set.
    pub(super) slots: NonZeroU16,
    /// First slot of the run of strips that are not data.
    pub(super) start: u16,
    /// Parity strips; they come first in the run.
    pub(super) parities: u8,
    /// Whether the run's parity strips are in falling order: Q before P.
    pub(super) reversed: bool,
    /// Whether a spare strip ends the run.
    pub(super) hot: bool,
    /// Order of the data strips.
    pub(super) order: DataOrder,
    /// Exponents of Q.
    pub(super) numbering: QNumbering,
}

impl RowMap {
    /// Length of the run of strips that are not data.
    #[inline(always)]
    fn run(&self) -> u16 {
        u16::from(self.parities).saturating_add(u16::from(self.hot))
    }

    /// The slot `distance`, at most the number of slots, on from the start of the run, wrapping.
    #[inline(always)]
    fn at_distance(&self, distance: u16) -> Slot {
        let slot = self.start.saturating_add(distance);
        slot_at(slot.checked_sub(self.slots.get()).unwrap_or(slot).into())
    }

    /// How many slots the run takes at the front of the row because it wraps.
    #[inline(always)]
    fn wrapped(&self) -> u16 {
        self.start.saturating_add(self.run()).saturating_sub(self.slots.get())
    }

    /// Data strips of the row.
    #[must_use]
    #[inline(always)]
    pub fn data_strips(&self) -> u16 {
        self.slots.get().saturating_sub(self.run())
    }

    /// Parity strips of the row.
    #[must_use]
    #[inline]
    pub const fn parity_strips(&self) -> u8 {
        self.parities
    }

    /// The slot of data strip `index`; `None` past the last.
    #[must_use]
    #[inline]
    pub fn data_slot(&self, index: u16) -> Option<Slot> {
        if index >= self.data_strips() {
            return None;
        }
        Some(match self.order {
            DataOrder::Continue => self.at_distance(self.run().saturating_add(index)),
            DataOrder::Restart => {
                let before = index.saturating_add(self.wrapped());
                let skipped = if before < self.start { 0 } else { self.run() };
                slot_at(u64::from(before.saturating_add(skipped)))
            }
        })
    }

    /// The slots of data strips `first..first + count`, without those past the last.
    #[must_use]
    #[inline(always)]
    pub fn data_slots(&self, first: u16, count: u16) -> SlotSet {
        let end = first.saturating_add(count).min(self.data_strips());
        let Some(count) = end.checked_sub(first) else { return SlotSet::EMPTY };
        match self.order {
            DataOrder::Continue => {
                let from = u16::from(self.at_distance(self.run().saturating_add(first)).0);
                SlotSet::circular(from, count, self.slots.get())
            }
            DataOrder::Restart => {
                let (first, end) =
                    (first.saturating_add(self.wrapped()), end.saturating_add(self.wrapped()));
                let past = self.start.saturating_add(self.run());
                let (from, to) = (first.saturating_add(self.run()), end.saturating_add(self.run()));
                SlotSet::range(first, end.min(self.start)) | SlotSet::range(from.max(past), to)
            }
        }
    }

    /// The slots of all parity strips.
    #[must_use]
    #[inline(always)]
    pub fn parity_slots(&self) -> SlotSet {
        SlotSet::circular(self.start, self.parities.into(), self.slots.get())
    }

    /// The slot of parity strip `index`: 0 is P, 1 is Q; `None` past the last.
    #[must_use]
    #[inline(always)]
    pub fn parity_slot(&self, index: u8) -> Option<Slot> {
        let last = self.parities.checked_sub(1)?;
        let distance = if self.reversed { last.checked_sub(index)? } else { index };
        (index <= last).then(|| self.at_distance(u16::from(distance)))
    }

    /// The slot of RAID-5EE's spare strip.
    #[must_use]
    #[inline]
    pub fn hot_slot(&self) -> Option<Slot> {
        self.hot.then(|| self.at_distance(u16::from(self.parities)))
    }

    /// What `slot` holds in this row; `None` for a slot the set does not have.
    #[must_use]
    #[inline]
    pub fn role(&self, slot: Slot) -> Option<StripRole> {
        let (at, slots) = (u16::from(slot.0), self.slots.get());
        if at >= slots {
            return None;
        }
        let distance = if at >= self.start {
            at.saturating_sub(self.start)
        } else {
            at.saturating_add(slots).saturating_sub(self.start)
        };
        if let Some(past) = distance.checked_sub(self.run()) {
            return Some(StripRole::Data(match self.order {
                DataOrder::Continue => past,
                DataOrder::Restart if self.wrapped() > 0 => at.saturating_sub(self.wrapped()),
                DataOrder::Restart if at < self.start => at,
                DataOrder::Restart => at.saturating_sub(self.run()),
            }));
        }
        let Some(index) = u8::try_from(distance).ok().filter(|index| *index < self.parities) else {
            return Some(StripRole::Hot);
        };
        Some(StripRole::Parity(if self.reversed {
            self.parities.saturating_sub(1).saturating_sub(index)
        } else {
            index
        }))
    }

    /// The slot that holds this; `None` past the last strip of the kind.
    #[inline]
    pub(crate) fn slot_of(&self, strip: StripRole) -> Option<Slot> {
        match strip {
            StripRole::Data(index) => self.data_slot(index),
            StripRole::Parity(index) => self.parity_slot(index),
            StripRole::Hot => self.hot_slot(),
        }
    }

    /// The index under which data strip `index` goes into a data list, see [`parity`](crate::parity): its
    /// exponent in Q, or the number of the strip where there is no Q.
    #[inline]
    pub(crate) fn entry(&self, index: u16) -> Option<u8> {
        if self.parities < 2 {
            return u8::try_from(index).ok();
        }
        let slot = self.data_slot(index)?;
        match self.numbering {
            QNumbering::BySlot => Some(slot.0),
            QNumbering::ByData => self.exponent(slot),
        }
    }

    /// How many entries a data list of this row has.
    #[inline]
    pub(crate) fn entries(&self) -> u16 {
        match self.numbering {
            QNumbering::BySlot if self.parities > 1 => self.slots.get(),
            _ => self.data_strips(),
        }
    }

    /// The power of the generator that `slot`'s data has in Q; `None` unless it holds data.
    #[must_use]
    #[inline]
    pub fn exponent(&self, slot: Slot) -> Option<u8> {
        let Some(StripRole::Data(_)) = self.role(slot) else { return None };
        match self.numbering {
            QNumbering::BySlot => Some(slot.0),
            // md counts the data strips in slot order from the one after Q on, wrapping.
            QNumbering::ByData => {
                let (at, slots) = (u16::from(slot.0), self.slots.get());
                let onwards = at.saturating_add(slots).saturating_sub(self.start) % self.slots;
                u8::try_from(onwards.checked_sub(self.run())?).ok()
            }
        }
    }

    /// The slot whose data has this power of the generator in Q.
    #[must_use]
    #[inline]
    pub fn slot_of_exponent(&self, exponent: u8) -> Option<Slot> {
        let slot = match self.numbering {
            QNumbering::BySlot => Slot(exponent),
            QNumbering::ByData if u16::from(exponent) < self.data_strips() => {
                self.at_distance(self.run().saturating_add(u16::from(exponent)))
            }
            QNumbering::ByData => return None,
        };
        (self.exponent(slot) == Some(exponent)).then_some(slot)
    }
}
