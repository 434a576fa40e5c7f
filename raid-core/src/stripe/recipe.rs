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
//! A member that is being filled is written and not read. A row of RAID-3 that is written in part is
//! always solved: every block of it changes in some bytes.

use super::Health;
use super::band::Band;
use crate::layout::{RowMap, StripRole};
use crate::units::{Slot, SlotSet};

/// Parity strips of a row whose equations are known: P and Q.
pub(super) const MOST_PARITIES: u8 = 2;

/// What one band reads and computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Recipe {
    /// Read.
    pub(super) reads: SlotSet,
    /// Parity that is computed: bit 0 for P, bit 1 for Q.
    pub(super) parity: u8,
    /// Whether all data that is not read is recovered.
    pub(super) recovers: bool,
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

/// All data strips of a row.
#[inline(always)]
pub(super) fn data(map: &RowMap) -> SlotSet {
    map.data_slots(0, u16::MAX)
}

impl Recipe {
    pub(super) const NONE: Self =
        Self { reads: SlotSet::EMPTY, parity: 0, recovers: false, way: Way::Generate };

    /// Data that is recovered.
    #[inline(always)]
    pub(super) fn lost(&self, map: &RowMap) -> SlotSet {
        if self.recovers { data(map).without(self.reads) } else { SlotSet::EMPTY }
    }

    /// Whether parity strip `index` is computed.
    #[inline(always)]
    pub(super) fn computes(&self, index: u8) -> bool {
        1u8.checked_shl(index.into()).is_some_and(|bit| self.parity & bit != 0)
    }

    /// The parities that are computed.
    #[inline(always)]
    pub(super) fn parity_slots(&self, map: &RowMap) -> SlotSet {
        let slot = |index: u8| match map.parity_slot(index) {
            Some(slot) if self.computes(index) => SlotSet::of(slot),
            _ => SlotSet::EMPTY,
        };
        if self.parity == 0 { SlotSet::EMPTY } else { slot(0) | slot(1) }
    }

    /// Slots that need room in the slab. New data stays in the request.
    #[inline(always)]
    pub(super) fn room(&self, map: &RowMap) -> SlotSet {
        self.reads | self.lost(map) | self.parity_slots(map)
    }
}

/// The slots of a row by role, and which of them can be used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RowHealth {
    data: SlotSet,
    parity: SlotSet,
    /// Data and parity that cannot be written.
    unavailable: SlotSet,
    /// Data and parity that cannot be read.
    pub(super) unreadable: SlotSet,
}

impl RowHealth {
    #[inline]
    pub(super) fn new(map: &RowMap, health: &Health) -> Self {
        let (data, parity) = (data(map), map.parity_slots());
        let unavailable = (data | parity) & health.unavailable;
        let unreadable = (data | parity) & (health.unavailable | health.write_only);
        Self { data, parity, unavailable, unreadable }
    }

    /// Data that cannot be read, and the parities that stand in for it: P before Q.
    /// `None` if there are not enough.
    #[inline]
    fn lost(&self, map: &RowMap) -> Option<(SlotSet, SlotSet)> {
        let lost = self.data & self.unreadable;
        if lost.is_empty() {
            return Some((lost, lost));
        }
        let mut helpers = SlotSet::EMPTY;
        let mut missing = lost.len();
        for index in 0..map.parity_strips() {
            let readable = |slot: &Slot| !self.unreadable.contains(*slot);
            if let (Some(slot), 1..) = (map.parity_slot(index).filter(readable), missing) {
                helpers.insert(slot);
                missing = missing.saturating_sub(1);
            }
        }
        (missing == 0).then_some((lost, helpers))
    }

    /// All data of the row: read, or recovered. `None` if it cannot be had.
    #[inline]
    fn all_data(&self, map: &RowMap) -> Option<Recipe> {
        let (lost, helpers) = self.lost(map)?;
        let reads = self.data.without(lost) | helpers;
        Some(Recipe { reads, recovers: !lost.is_empty(), ..Recipe::default() })
    }

    /// The bits of the parities among `slots`.
    #[inline(always)]
    pub(super) fn bits(map: &RowMap, slots: SlotSet) -> u8 {
        let bit = |index, bit| match map.parity_slot(index) {
            Some(slot) if slots.contains(slot) => bit,
            _ => 0u8,
        };
        bit(0, 1) | bit(1, 2)
    }

    /// Reads `wanted`, recovering what is lost.
    #[inline]
    pub(super) fn read(&self, map: &RowMap, wanted: SlotSet) -> Option<Recipe> {
        if wanted.intersects(self.unreadable) {
            return self.all_data(map);
        }
        Some(Recipe { reads: wanted, ..Recipe::default() })
    }

    /// Writes what `band` wants, keeping every parity at hand true, and reading parity only if
    /// `trusted`. `None` if data would be lost by it.
    #[inline]
    pub(super) fn write(&self, map: &RowMap, band: &Band, trusted: bool) -> Option<Recipe> {
        let healthy = self.unreadable.is_empty();
        if !healthy && self.unreadable.len() > map.parity_strips().into() {
            return None;
        }
        let parity = self.parity.without(self.unavailable);
        if parity.is_empty() {
            return Some(Recipe::default());
        }
        let wanted = band.wanted_slots(map);
        let bits = Self::bits(map, parity);
        let possible = |reads: SlotSet| {
            (healthy || !reads.intersects(self.unreadable))
                && (trusted || !reads.intersects(self.parity))
        };
        let (stays, old) = (self.data.without(wanted), wanted | parity);
        // Blocks read by either: a data strip is wanted or stays.
        let fewer =
            band.strips.saturating_add((bits & 1).into()).saturating_add((bits >> 1).into())
                < map.data_strips().saturating_sub(band.strips);
        // The first of equals is the one that does not trust old parity.
        let best = match (possible(stays), possible(old)) {
            (true, true) if fewer => Some((old, Way::Update)),
            (true, _) => Some((stays, Way::Generate)),
            (false, true) => Some((old, Way::Update)),
            (false, false) => None,
        };
        let simple = best.map(|(reads, way)| Recipe { reads, way, parity: bits, recovers: false });
        // Solving reads as much as there are data strips: more than enough where the rest is readable.
        if healthy {
            return simple;
        }
        let solved = self.all_data(map).filter(|solved| possible(solved.reads));
        let solved = solved.map(|solved| Recipe { parity: bits, ..solved });
        [simple, solved].into_iter().flatten().min_by_key(|recipe| recipe.reads.len())
    }

    /// Writes some bytes of every data strip (RAID-3). `None` if data would be lost by it.
    pub(super) fn write_in_part(&self, map: &RowMap, trusted: bool) -> Option<Recipe> {
        let parity = self.parity.without(self.unavailable);
        let solved = self.all_data(map)?;
        let sound = self.unreadable.len() <= map.parity_strips().into()
            && (trusted || !solved.reads.intersects(self.parity));
        sound.then_some(Recipe { parity: Self::bits(map, parity), ..solved })
    }

    /// Fills `targets`, which hold nothing worth reading. `Ok(None)` if none of them has a part in
    /// the row.
    #[inline]
    pub(super) fn rebuild(&self, map: &RowMap, targets: SlotSet) -> Result<Option<Recipe>, ()> {
        let writes = (targets & (self.data | self.parity)).without(self.unavailable);
        if writes.is_empty() {
            return Ok(None);
        }
        let without = Self { unreadable: self.unreadable | writes, ..*self };
        let solved = without.all_data(map).ok_or(())?;
        Ok(Some(Recipe { parity: Self::bits(map, writes), ..solved }))
    }

    /// Computes every parity at hand anew, but for those needed to recover lost data. `Ok(None)` if
    /// none is left to compute.
    #[inline]
    pub(super) fn resync(&self, map: &RowMap) -> Result<Option<Recipe>, ()> {
        let (_, helpers) = self.lost(map).ok_or(())?;
        let parity = self.parity.without(self.unavailable).without(helpers);
        if parity.is_empty() {
            return Ok(None);
        }
        let solved = self.all_data(map).ok_or(())?;
        Ok(Some(Recipe { parity: Self::bits(map, parity), ..solved }))
    }

    /// Reads all that can be read, for a check. `Ok(None)` if nothing is left to check it by.
    ///
    /// With P out of reach it is computed beside Q, so that both can be compared in one go.
    #[inline]
    pub(super) fn scrub(&self, map: &RowMap) -> Result<Option<Recipe>, ()> {
        let (lost, helpers) = self.lost(map).ok_or(())?;
        let readable = self.parity.without(self.unreadable);
        if readable.without(helpers).is_empty() {
            return Ok(None);
        }
        let p: SlotSet = map.parity_slot(0).into_iter().collect();
        let reads = (self.data | self.parity).without(self.unreadable);
        let parity = Self::bits(map, p.without(readable));
        Ok(Some(Recipe { reads, recovers: !lost.is_empty(), parity, ..Recipe::default() }))
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
