// SPDX-License-Identifier: MIT OR Apache-2.0
//! Members that hold the data of one volume while their disk is being filled for another.
//!
//! The standard keeps one state a disk. Where several volumes share disks, a disk that one of them
//! fills is *rebuilding* for all, although the others had it in sync all along, or have filled it
//! before. So each set names, in the vendor's scratch space of its configuration records, the slots
//! that hold its data although their disk is rebuilding:
//!
//! | PD_State of the disk | slot is named | the member is |
//! |---|---|---|
//! | online | | in sync |
//! | online, rebuilding | no | being filled |
//! | online, rebuilding | yes | in sync |
//! | failed or missing | | failed: a disk fails for all its volumes |
//!
//! A disk that fails loses its names, and has to be filled for each of its volumes when it comes back.
//! A set that cannot run without it keeps the name: nothing was written there meanwhile. A name counts
//! for nothing as long as the disk is failed or missing.
//!
//! ```text
//!            fills it for A               A is done                    B is done
//!  PD_State  online, rebuilding           online, rebuilding           online
//!  A names           | ----------------------- x ----------------------- |
//!  B names   x (it was in sync for B) or nothing (it had failed) ------- |
//! ```
//!
//! - PD_State says the worst of all volumes, so an implementation that does not know the names
//!   rebuilds again.
//! - Names count only under the update counter they were written with, and not where none is kept:
//!   not after a change by another implementation, and on a disk that an update did not reach they say
//!   what that disk knew.
//! - They belong to disks, not to slots: references and GUIDs make a number that is kept beside them.
//! - There is room for slots 0 to 63. What stands in others is being filled as PD_State says.
//!
//! A [note](super::set_note) and a [checkpoint](super::checkpoint) have the same eight bytes for them.

use crate::crc::plain_crc;
use crate::guid::Guid;
use crate::physical_disk_records::PdState;
use raid_core::units::{Slot, SlotSet};

/// Reference and GUID of the disk in a slot.
pub(crate) type Who<'w> = dyn Fn(Slot) -> Option<(u32, Guid)> + 'w;

/// Slots that there is room for.
const SLOTS: u8 = 64;

/// Whether there is room for a slot.
pub(crate) const fn has_room_for(slot: Slot) -> bool {
    slot.0 < SLOTS
}

/// The slots of these for which there is room.
pub(crate) fn that_fit(slots: SlotSet) -> SlotSet {
    slots & SlotSet::first(SLOTS.into())
}

/// The slots as they are stored.
pub(crate) fn bits(slots: SlotSet) -> u64 {
    let bit = |slot: Slot| 1u64.checked_shl(slot.0.into()).unwrap_or(0);
    that_fit(slots).iter().fold(0, |bits, slot| bits | bit(slot))
}

/// The slots that are stored so.
pub(crate) fn of_bits(bits: u64) -> SlotSet {
    let set = |slot: &Slot| bits.checked_shr(slot.0.into()).unwrap_or(0) & 1 == 1;
    (0..SLOTS).map(Slot).filter(set).collect()
}

/// The disks in these slots as one number that goes on from `start`; `None` if one is not known.
pub(crate) fn identity(start: u32, slots: SlotSet, who: &Who<'_>) -> Option<u32> {
    slots.iter().try_fold(start, |sum, slot| {
        let (reference, guid) = who(slot)?;
        Some(plain_crc(&[&sum.to_be_bytes(), &[slot.0], &reference.to_be_bytes(), &guid.0]))
    })
}

impl PdState {
    /// Whether a disk is being filled for one of its volumes, and may hold the data of others.
    pub(crate) const fn is_filling(self) -> bool {
        self.contains(Self::ONLINE.union(Self::REBUILDING)) && !self.is_gone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_stored_as_bits_and_those_past_the_last_are_left_out() {
        let slots: SlotSet = [0, 5, 63, 64, 255].into_iter().map(Slot).collect();
        assert_eq!(bits(slots), 1 | 1 << 5 | 1 << 63);
        assert_eq!(of_bits(bits(slots)), that_fit(slots));
        assert_eq!(of_bits(0), SlotSet::EMPTY);
        assert_eq!(of_bits(u64::MAX), SlotSet::first(64));
    }

    #[test]
    fn another_disk_or_the_same_in_another_slot_has_another_identity() {
        let who = |first: u32| move |slot: Slot| Some((first + u32::from(slot.0), Guid([7; 24])));
        let of = |first, slots: &[u8]| {
            identity(0, slots.iter().copied().map(Slot).collect(), &who(first))
        };
        assert_eq!(of(1, &[0, 2]), of(1, &[0, 2]));
        assert_ne!(of(1, &[0, 2]), of(1, &[0]));
        assert_ne!(of(1, &[0]), of(0, &[1]));
        assert_ne!(of(1, &[0]), of(2, &[0]));
        assert_eq!(identity(0, SlotSet::first(1), &|_| None), None);
        assert_eq!(identity(5, SlotSet::EMPTY, &|_| None), Some(5));
    }
}
