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
//! No row can do without more data strips than there are parities whose equations are known, so a recipe
//! names those two at most and says the rest in words; the slots follow from it, when they are asked for.
//!
//! A member that is being filled is written and not read. A row of RAID-3 that is written in part is
//! always solved: every block of it changes in some bytes.

use super::Health;
use super::band::Band;
use crate::layout::{RowMap, StripRole};
use crate::units::SlotSet;

/// Parity strips of a row whose equations are known: P and Q.
pub(super) const MOST_PARITIES: u8 = 2;

/// What one band reads and computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Recipe {
    /// Data that is read.
    pub(super) data: Reads,
    /// Data that is recovered; only where all data is asked for.
    pub(super) lost: Lost,
    /// Parity that is read: bit 0 for P, bit 1 for Q.
    pub(super) old_parity: u8,
    /// Parity that is computed, likewise.
    pub(super) parity: u8,
    /// How parity is computed.
    pub(super) way: Way,
}

/// Which data strips are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reads {
    #[default]
    None,
    /// Those that the band wants.
    Wanted,
    /// Those that it does not.
    Stays,
    /// All but the lost ones.
    All,
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

/// Data strips of a row that cannot be read: how many, and which, if they are two at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lost {
    /// 255 stands for more as well.
    count: u8,
    /// In rising order.
    strips: [u8; 2],
}

impl Lost {
    pub(super) const NONE: Self = Self { count: 0, strips: [0; 2] };

    /// The data strips among `slots`.
    #[inline]
    pub(super) fn among(map: &RowMap, slots: SlotSet) -> Self {
        let mut lost = Self::NONE;
        if slots.is_empty() {
            return lost;
        }
        for slot in slots.iter() {
            if let Some(StripRole::Data(strip)) = map.role(slot) {
                lost.add(strip);
            }
        }
        lost
    }

    /// Adds data strip `strip`.
    #[inline]
    pub(super) fn add(&mut self, strip: u16) {
        let strip = u8::try_from(strip).unwrap_or(u8::MAX);
        let [first, second] = self.strips;
        match self.count {
            0 => self.strips = [strip, 0],
            1 => self.strips = [first.min(strip), first.max(strip)],
            _ => self.strips = [first, second],
        }
        self.count = self.count.saturating_add(1);
    }

    #[inline(always)]
    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    #[inline(always)]
    pub(super) fn count(&self) -> u16 {
        self.count.into()
    }

    /// The data strips in rising order, two of them if there are more.
    #[inline(always)]
    pub(super) fn iter(&self) -> impl Iterator<Item = u16> + use<> {
        self.strips.into_iter().take(self.count.into()).map(u16::from)
    }

    /// Whether `strip` is one of them.
    #[inline(always)]
    pub(super) fn contains(&self, strip: u16) -> bool {
        self.iter().any(|lost| lost == strip)
    }

    /// The strip that is number `n` from strip `from` on if these are not counted.
    #[inline(always)]
    pub(super) fn passed(&self, n: u16, from: u16) -> u16 {
        let mut strip = from.saturating_add(n);
        for lost in self.iter().filter(|lost| *lost >= from) {
            strip = if strip >= lost { strip.saturating_add(1) } else { strip };
        }
        strip
    }
}

/// All data strips of a row.
#[inline(always)]
pub(super) fn data(map: &RowMap) -> SlotSet {
    map.data_slots(0, u16::MAX)
}

/// The bits of the parities among `slots`.
#[inline]
pub(super) fn parity_bits(map: &RowMap, slots: SlotSet) -> u8 {
    let bit = |index, bit| match map.parity_slot(index) {
        Some(slot) if slots.contains(slot) => bit,
        _ => 0u8,
    };
    bit(0, 1) | bit(1, 2)
}

impl Recipe {
    pub(super) const NONE: Self =
        Self { data: Reads::None, lost: Lost::NONE, old_parity: 0, parity: 0, way: Way::Generate };

    /// Whether all data that is not read is recovered.
    #[inline(always)]
    pub(super) const fn recovers(&self) -> bool {
        !self.lost.is_empty()
    }

    /// Whether parity strip `index` is read.
    #[inline(always)]
    pub(super) fn reads_parity(&self, index: u8) -> bool {
        1u8.checked_shl(index.into()).is_some_and(|bit| self.old_parity & bit != 0)
    }

    /// Whether parity strip `index` is computed.
    #[inline(always)]
    pub(super) fn computes(&self, index: u8) -> bool {
        1u8.checked_shl(index.into()).is_some_and(|bit| self.parity & bit != 0)
    }
}

/// Which strips of a row can be used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RowHealth {
    /// Data that cannot be read.
    lost: Lost,
    /// Parities that cannot be read.
    lost_parities: u16,
    /// Of P and Q, by their bits: those that can be read.
    readable: u8,
    /// Those that can be written.
    writable: u8,
    /// Slots that cannot be read, whatever they hold.
    unreadable: SlotSet,
}

impl RowHealth {
    #[inline]
    pub(super) fn new(map: &RowMap, health: &Health) -> Self {
        let all = if map.parity_strips() > 1 { 0b11 } else { map.parity_strips() };
        let unreadable = health.unreadable();
        let mut here = Self { readable: all, writable: all, unreadable, ..Self::default() };
        if unreadable.is_empty() {
            return here;
        }
        unreadable.iter().for_each(|slot| match map.role(slot) {
            Some(StripRole::Data(strip)) => here.lost.add(strip),
            Some(StripRole::Parity(index)) => {
                here.lost_parities = here.lost_parities.saturating_add(1);
                let bit = 1u8.checked_shl(index.into()).unwrap_or(0);
                here.readable &= !bit;
                if health.unavailable.contains(slot) {
                    here.writable &= !bit;
                }
            }
            Some(StripRole::Hot) | None => {}
        });
        here
    }

    /// Data and parity that cannot be read.
    #[cold]
    pub(super) fn unreadable(&self, map: &RowMap) -> SlotSet {
        self.unreadable & (data(map) | map.parity_slots())
    }

    /// The parities that stand in for lost data: P before Q. `None` if there are not enough.
    #[inline(always)]
    fn helpers(&self) -> Option<u8> {
        match self.lost.count {
            0 => Some(0),
            1 if self.readable & 1 != 0 => Some(1),
            1 if self.readable != 0 => Some(2),
            2 if self.readable == 0b11 => Some(0b11),
            _ => None,
        }
    }

    /// All data of the row: read, or recovered. `None` if it cannot be had.
    #[inline]
    fn all_data(&self) -> Option<Recipe> {
        let old_parity = self.helpers()?;
        Some(Recipe { data: Reads::All, lost: self.lost, old_parity, ..Recipe::NONE })
    }

    /// Whether no more strips are lost than there are parities.
    #[inline(always)]
    fn is_recoverable(&self, map: &RowMap) -> bool {
        self.lost.count().saturating_add(self.lost_parities) <= map.parity_strips().into()
    }

    /// Whether `band` wants data that is lost.
    #[inline]
    pub(super) fn wants_lost(&self, map: &RowMap, band: &Band) -> bool {
        if self.lost.count > 2 {
            return band.wanted_slots(map).intersects(self.unreadable);
        }
        self.lost.iter().any(|strip| band.wants(strip))
    }

    /// Reads what `band` wants, recovering what is lost.
    #[inline]
    pub(super) fn read(&self, map: &RowMap, band: &Band) -> Option<Recipe> {
        if self.wants_lost(map, band) {
            return self.all_data();
        }
        Some(Recipe { data: Reads::Wanted, ..Recipe::NONE })
    }

    /// Writes what `band` wants, keeping every parity at hand true, and reading parity only if
    /// `trusted`. `None` if data would be lost by it.
    #[inline]
    pub(super) fn write(&self, map: &RowMap, band: &Band, trusted: bool) -> Option<Recipe> {
        if !self.is_recoverable(map) {
            return None;
        }
        let parity = self.writable;
        if parity == 0 {
            return Some(Recipe::NONE);
        }
        // No more strips are lost than are named.
        let (mut stays, mut old) = (true, trusted && parity & !self.readable == 0);
        for strip in self.lost.iter() {
            *(if band.wants(strip) { &mut old } else { &mut stays }) = false;
        }
        // Blocks read by either: a data strip is wanted or stays.
        let (p, q) = (u16::from(parity & 1), u16::from(parity >> 1));
        let by_stays = map.data_strips().saturating_sub(band.strips);
        let by_old = band.strips.saturating_add(p).saturating_add(q);
        let reconstruct = Recipe { data: Reads::Stays, parity, ..Recipe::NONE };
        let update = Recipe {
            data: Reads::Wanted,
            old_parity: parity,
            parity,
            way: Way::Update,
            ..Recipe::NONE
        };
        // The first of equals is the one that does not trust old parity.
        let (simple, reads) = match (stays, old) {
            (true, true) if by_old < by_stays => (update, by_old),
            (true, _) => (reconstruct, by_stays),
            (false, true) => (update, by_old),
            (false, false) => (Recipe::NONE, u16::MAX),
        };
        // Solving reads as many strips as there are of data, a parity for each that is lost.
        if reads <= map.data_strips() {
            return Some(simple);
        }
        let solved = self.all_data().filter(|solved| trusted || solved.old_parity == 0);
        match solved {
            Some(solved) => Some(Recipe { parity, ..solved }),
            None => (reads < u16::MAX).then_some(simple),
        }
    }

    /// Writes some bytes of every data strip (RAID-3). `None` if data would be lost by it.
    pub(super) fn write_in_part(&self, map: &RowMap, trusted: bool) -> Option<Recipe> {
        let solved = self.all_data()?;
        let sound = self.is_recoverable(map) && (trusted || solved.old_parity == 0);
        sound.then_some(Recipe { parity: self.writable, ..solved })
    }

    /// Fills `targets`, which can be written and not be read. `Ok(None)` if none of them has a part in
    /// the row.
    #[inline]
    pub(super) fn rebuild(&self, map: &RowMap, targets: SlotSet) -> Result<Option<Recipe>, ()> {
        let takes_part = |slot| !matches!(map.role(slot), Some(StripRole::Hot) | None);
        if !targets.iter().any(takes_part) {
            return Ok(None);
        }
        let solved = self.all_data().ok_or(())?;
        Ok(Some(Recipe { parity: parity_bits(map, targets), ..solved }))
    }

    /// Computes every parity at hand anew, but for those needed to recover lost data. `Ok(None)` if
    /// none is left to compute.
    #[inline]
    pub(super) fn resync(&self) -> Result<Option<Recipe>, ()> {
        let solved = self.all_data().ok_or(())?;
        let parity = self.writable & !solved.old_parity;
        Ok((parity != 0).then_some(Recipe { parity, ..solved }))
    }

    /// Reads all that can be read, for a check. `Ok(None)` if nothing is left to check it by.
    ///
    /// With P out of reach it is computed beside Q, so that both can be compared in one go.
    #[inline]
    pub(super) fn scrub(&self) -> Result<Option<Recipe>, ()> {
        let solved = self.all_data().ok_or(())?;
        if self.readable & !solved.old_parity == 0 {
            return Ok(None);
        }
        let parity = 1 & !self.readable;
        Ok(Some(Recipe { old_parity: self.readable, parity, ..solved }))
    }
}
