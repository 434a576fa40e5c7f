// SPDX-License-Identifier: MIT OR Apache-2.0
//! What to read, compute and write for one band of a stripe row: the cheapest way that the members
//! at hand allow.
//!
//! `w` strips wanted, `d` data strips, `p` parities that can be written, `x` data strips that
//! cannot be read:
//!
//! | way to write | reads | needs |
//! |---|---|---|
//! | full stripe, reconstruct-write | d − w: the data that stays | all of it readable |
//! | read-modify-write | w + p: old data, old parity | all of it readable |
//! | solve, then write | d: the data at hand and x parities | x parities readable |
//!
//! A member that is being filled is written and not read.

use super::Health;
use crate::layout::{RowMap, StripRole};
use crate::units::{Slot, SlotSet};

/// Sets of slots of one band.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Recipe {
    /// Read.
    pub(super) reads: SlotSet,
    /// Written.
    pub(super) writes: SlotSet,
    /// Data that is recovered.
    pub(super) lost: SlotSet,
    /// Parity that is computed.
    pub(super) parity: SlotSet,
    /// How parity is computed.
    pub(super) way: Way,
}

/// How parity is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Way {
    /// From all data of the row.
    #[default]
    Generate,
    /// From old parity, old data and new data.
    Update,
}

/// The slots of a row by role, and which of them can be used.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowHealth {
    data: SlotSet,
    parity: SlotSet,
    /// Data and parity that cannot be written.
    unavailable: SlotSet,
    /// Data and parity that cannot be read.
    pub(super) unreadable: SlotSet,
}

impl RowHealth {
    pub(super) fn new(map: &RowMap, health: &Health) -> Self {
        let parity = (0..map.parity_strips()).filter_map(|index| map.parity_slot(index)).collect();
        let data = (0..map.data_strips()).filter_map(|index| map.data_slot(index)).collect();
        let unavailable = (data | parity) & health.unavailable;
        let unreadable = (data | parity) & (health.unavailable | health.write_only);
        Self { data, parity, unavailable, unreadable }
    }

    /// Data that cannot be read, and the parities that stand in for it: P before Q.
    /// `None` if there are not enough.
    fn lost(&self, map: &RowMap) -> Option<(SlotSet, SlotSet)> {
        let lost = self.data & self.unreadable;
        let helpers: SlotSet = (0..map.parity_strips())
            .filter_map(|index| map.parity_slot(index))
            .filter(|slot| !self.unreadable.contains(*slot))
            .take(usize::from(lost.len()))
            .collect();
        (helpers.len() == lost.len()).then_some((lost, helpers))
    }

    /// All data of the row: read, or recovered. `None` if it cannot be had.
    fn all_data(&self, map: &RowMap) -> Option<Recipe> {
        let (lost, helpers) = self.lost(map)?;
        Some(Recipe { reads: self.data.without(lost) | helpers, lost, ..Recipe::default() })
    }

    /// Reads `wanted`, recovering what is lost.
    pub(super) fn read(&self, map: &RowMap, wanted: SlotSet) -> Option<Recipe> {
        if wanted.intersects(self.unreadable) {
            return self.all_data(map);
        }
        Some(Recipe { reads: wanted, ..Recipe::default() })
    }

    /// Writes `wanted`, keeping every parity at hand true, and reading parity only if `trusted`.
    /// `None` if data would be lost by it.
    pub(super) fn write(&self, map: &RowMap, wanted: SlotSet, trusted: bool) -> Option<Recipe> {
        if self.unreadable.len() > self.parity.len() {
            return None;
        }
        let parity = self.parity.without(self.unavailable);
        let writes = wanted.without(self.unavailable) | parity;
        if parity.is_empty() {
            return Some(Recipe { writes, ..Recipe::default() });
        }
        let plain = Recipe { writes, parity, ..Recipe::default() };
        let reconstruct = Recipe { reads: self.data.without(wanted), ..plain };
        let update = Recipe { reads: wanted | parity, way: Way::Update, ..plain };
        let solve = self.all_data(map).map(|solved| Recipe { writes, parity, ..solved });
        [Some(reconstruct), Some(update), solve]
            .into_iter()
            .flatten()
            .filter(|recipe| !recipe.reads.intersects(self.unreadable))
            .filter(|recipe| trusted || !recipe.reads.intersects(self.parity))
            .min_by_key(|recipe| recipe.reads.len())
    }

    /// Fills `targets`, which hold nothing worth reading. `Ok(None)` if none of them has a part in
    /// the row.
    pub(super) fn rebuild(&self, map: &RowMap, targets: SlotSet) -> Result<Option<Recipe>, ()> {
        let writes = (targets & (self.data | self.parity)).without(self.unavailable);
        if writes.is_empty() {
            return Ok(None);
        }
        let without = Self { unreadable: self.unreadable | writes, ..*self };
        let solved = without.all_data(map).ok_or(())?;
        Ok(Some(Recipe { writes, parity: writes & self.parity, ..solved }))
    }

    /// Computes every parity at hand anew, but for those needed to recover lost data. `Ok(None)` if
    /// none is left to compute.
    pub(super) fn resync(&self, map: &RowMap) -> Result<Option<Recipe>, ()> {
        let (_, helpers) = self.lost(map).ok_or(())?;
        let parity = self.parity.without(self.unavailable).without(helpers);
        if parity.is_empty() {
            return Ok(None);
        }
        let solved = self.all_data(map).ok_or(())?;
        Ok(Some(Recipe { writes: parity, parity, ..solved }))
    }

    /// Reads all that can be read, for a check. `Ok(None)` if nothing is left to check it by.
    ///
    /// With P out of reach it is computed beside Q, so that both can be compared in one go.
    pub(super) fn scrub(&self, map: &RowMap) -> Result<Option<Recipe>, ()> {
        let (lost, helpers) = self.lost(map).ok_or(())?;
        let readable = self.parity.without(self.unreadable);
        if readable.without(helpers).is_empty() {
            return Ok(None);
        }
        let p: SlotSet = map.parity_slot(0).into_iter().collect();
        let reads = (self.data | self.parity).without(self.unreadable);
        Ok(Some(Recipe { reads, lost, parity: p.without(readable), ..Recipe::default() }))
    }
}

impl Recipe {
    /// Slots that need room in the slab. New data stays in the request.
    pub(super) fn room(&self) -> SlotSet {
        self.reads | self.lost | self.parity
    }
}

/// The index under which the data of `slot` goes into a table of a row's data: the exponent in Q,
/// or the number of the data strip where there is no Q.
pub(super) fn entry(map: &RowMap, slot: Slot) -> Option<u8> {
    if map.parity_strips() > 1 {
        return map.exponent(slot);
    }
    match map.role(slot) {
        Some(StripRole::Data(index)) => u8::try_from(index).ok(),
        _ => None,
    }
}
