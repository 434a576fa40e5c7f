// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who has missed what: the members whose debt is kept by region.
//!
//! A member that leaves owes every region that was not known to be clean on it, and every region
//! written since. If the same disk comes back, only those are copied (`sync.md` I7, I12).
//!
//! | state of the slot | debt | leaves by |
//! |---|---|---|
//! | trusted | none kept | failure → owes the regions that are not clean |
//! | failed | grows with every write and every sync write | the same disk returns: kept; another disk joins: everything |
//! | waiting | grows the same way | a rebuild takes it in |
//! | filling | grows no more: it gets every write to what it does not owe | end record durable → none |
//!
//! Up to [`DEBTORS`] slots at a time; one more is filled in full when it comes back.

use raid_core::metadata::{DEBTORS, Debtor};
use raid_core::units::{Slot, SlotSet};

/// The slots whose debt is kept; the place of a debtor is its bit in each region.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Debtors {
    pub(crate) places: [Option<Debtor>; DEBTORS],
    slots: SlotSet,
}

impl Debtors {
    pub(crate) const NOBODY: Self = Self { places: [None; DEBTORS], slots: SlotSet::EMPTY };

    pub(crate) const fn slots(&self) -> SlotSet {
        self.slots
    }

    fn place_of(&self, slot: Slot) -> Option<usize> {
        self.places.iter().position(|place| place.is_some_and(|debtor| debtor.slot == slot))
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&Debtor> {
        self.places.iter().flatten().find(|debtor| debtor.slot == slot)
    }

    /// The bit of one slot, or none.
    pub(crate) fn bit(&self, slot: Slot) -> u8 {
        self.place_of(slot).map_or(0, bit_at)
    }

    /// The bits of these slots.
    pub(crate) fn bits(&self, slots: SlotSet) -> u8 {
        if !self.slots.intersects(slots) {
            return 0;
        }
        let places = (0usize..).zip(&self.places);
        places
            .filter(|(_, place)| place.is_some_and(|debtor| slots.contains(debtor.slot)))
            .fold(0, |bits, (place, _)| bits | bit_at(place))
    }

    /// The slots of these bits.
    pub(crate) fn slots_of(&self, bits: u8) -> SlotSet {
        let places = (0usize..).zip(&self.places);
        places
            .filter(|(place, _)| bits & bit_at(*place) != 0)
            .filter_map(|(_, debtor)| debtor.map(|debtor| debtor.slot))
            .collect()
    }

    /// Keeps the debt of a slot from now on; its bit, or none if there is no room.
    pub(crate) fn keep(&mut self, debtor: Debtor) -> u8 {
        let place = self.place_of(debtor.slot);
        let Some(place) = place.or_else(|| self.places.iter().position(Option::is_none)) else {
            return 0;
        };
        if let Some(entry) = self.places.get_mut(place) {
            *entry = Some(debtor);
        }
        self.slots.insert(debtor.slot);
        bit_at(place)
    }

    /// Takes over what a record says, each at its place.
    pub(crate) fn restore(&mut self, places: &[Option<Debtor>; DEBTORS]) {
        self.places = *places;
        self.slots = places.iter().flatten().map(|debtor| debtor.slot).collect();
    }

    /// Forgets a slot; the bit it had.
    pub(crate) fn forget(&mut self, slot: Slot) -> u8 {
        let bit = self.bit(slot);
        if let Some(entry) = self.place_of(slot).and_then(|place| self.places.get_mut(place)) {
            *entry = None;
        }
        self.slots.remove(slot);
        bit
    }
}

fn bit_at(place: usize) -> u8 {
    u32::try_from(place).map_or(0, |place| 1u8.wrapping_shl(place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use raid_core::metadata::{Generation, MemberKey};

    #[test]
    fn a_fifth_debtor_finds_no_room() {
        let mut debtors = Debtors::NOBODY;
        let debtor = |slot| Debtor {
            slot: Slot(slot),
            id: MemberKey::new(1),
            since: Generation(0),
            left: Generation(0),
        };
        let bits: std::vec::Vec<u8> = (0..5).map(|slot| debtors.keep(debtor(slot))).collect();
        assert_eq!(bits, [1, 2, 4, 8, 0]);
        assert_eq!(debtors.bits(SlotSet::first(9)), 15);
        assert_eq!(debtors.slots_of(5), [Slot(0), Slot(2)].into_iter().collect());
        assert_eq!(debtors.forget(Slot(1)), 2);
        assert_eq!((debtors.forget(Slot(1)), debtors.bit(Slot(1))), (0, 0));
        assert_eq!(debtors.keep(debtor(200)), 2);
        assert_eq!(debtors.keep(debtor(200)), 2, "a slot has one place");
    }
}
