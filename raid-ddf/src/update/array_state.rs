// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the entry of an array says of its worth: VD_State, and in revision 2.0
//! Partially_Optimal_Drive_Failures_Remaining (`ddf.md` 2.5).
//!
//! The number is there while the array is partially optimal, and all ones otherwise. It is what the
//! array survives whichever disks fail next: of striped sets that of the weakest, of mirrored ones
//! what it takes to lose them all, less one.

use super::rosters;
use super::run_time::geometry;
use super::spread::edit_newest;
use super::survey::{Live, Survey};
use crate::assemble::state::{join_sets, set_state as worth_of_set};
use crate::disk_bytes::Disks;
use crate::guid::Guid;
use crate::header::Section;
use crate::roster::Roster;
use crate::virtual_disk_records::{VdCondition, VirtualDiskEntry, VirtualDiskRecords};
use raid_core::array::{ArrayState, Geometry, Level, Secondary};
use raid_core::metadata::DiskBuffer;
use raid_core::units::{Slot, SlotSet};

/// The number of an array that is not partially optimal.
const NOT_SET: u8 = u8::MAX;

/// What an array is worth.
#[derive(Clone, Copy)]
struct Worth {
    condition: VdCondition,
    /// More failures that it survives, while it is partially optimal.
    remaining: u8,
}

/// Brings VD_State of every array up to date with PD_State. `edit` is for the array `guid` alone;
/// slots of its set in `in_sync` hold their data even while their disk is being filled for another
/// array.
pub(crate) fn update_arrays(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    guid: Guid,
    in_sync: Option<(u16, SlotSet)>,
    edit: impl Fn(&mut VirtualDiskEntry),
) {
    let count = survey.virtual_disks(&Live(disks)).map_or(0, |records| records.entries.len());
    for index in 0..count {
        let live = Live(disks);
        let records = survey.virtual_disks(&live);
        let entry = records.and_then(|records| records.all(survey.order).get(index));
        let Some(entry) = entry.filter(|entry| !entry.vd_guid.is_unused()) else { continue };
        let mine = entry.vd_guid == guid;
        let kept = rosters::newest(&live, survey, entry.vd_guid).is_some();
        // Another array that does not say for itself who is in sync is told of a loss, never of a gain:
        // that is for whoever runs it to say. A disk that is being filled is no loss for an array that it
        // was filled for before.
        let vouched = if mine { Vouched::Slots(in_sync) } else { Vouched::AllFilled };
        let next = worth(&live, survey, entry.vd_guid, vouched)
            .filter(|next| mine || kept || next.is_less_than(entry));
        let has_number = survey.copies.header.revision().major() == Some(2);
        edit_newest(disks, survey, Section::VirtualDiskRecords, |all: &mut VirtualDiskRecords| {
            let Some(entry) = all.entries.get_mut(index) else { return };
            if let Some(next) = next {
                entry.set_condition(next.condition);
                // A reserved byte in 1.x.
                if has_number {
                    entry.drive_failures_remaining = next.remaining;
                }
            }
            if mine {
                edit(entry);
            }
        });
    }
}

/// Which members hold their data although their disk is being filled.
#[derive(Clone, Copy)]
enum Vouched {
    /// These slots of one set.
    Slots(Option<(u16, SlotSet)>),
    /// All of them.
    AllFilled,
}

impl Vouched {
    fn contains(self, set: u16, slot: Slot) -> bool {
        match self {
            Self::Slots(of) => of.is_some_and(|(of, slots)| of == set && slots.contains(slot)),
            Self::AllFilled => true,
        }
    }
}

impl Worth {
    /// Whether `entry` says better of its array.
    fn is_less_than(self, entry: &VirtualDiskEntry) -> bool {
        let (own, stored) = (rank(self.condition), rank(entry.condition()));
        own > stored || (own == stored && self.remaining < entry.drive_failures_remaining)
    }
}

/// How bad a condition is. Those that do not follow from members stay as they are.
const fn rank(condition: VdCondition) -> u8 {
    match condition {
        VdCondition::Optimal => 0,
        VdCondition::PartiallyOptimal => 1,
        VdCondition::Degraded => 2,
        _ => 3,
    }
}

/// What an array is worth by its level; `None` if its records do not tell.
fn worth(disks: &dyn Disks, survey: &Survey, guid: Guid, vouched: Vouched) -> Option<Worth> {
    let (_, geometry) = geometry(disks, survey, guid)?;
    survey.physical_disks(disks)?;
    let readable = |set| {
        let vouched = (0..=u8::MAX).map(Slot).filter(|slot| vouched.contains(set, *slot));
        readable(disks, survey, guid, set, vouched.collect())
    };
    let sets = || (0..geometry.sets).map(readable);
    let states = sets().map(|readable| worth_of_set(&geometry, readable));
    let condition = match join_sets(geometry.secondary, states) {
        ArrayState::Optimal => VdCondition::Optimal,
        ArrayState::PartiallyOptimal => VdCondition::PartiallyOptimal,
        ArrayState::Degraded => VdCondition::Degraded,
        _ => VdCondition::Failed,
    };
    let remaining = match condition {
        VdCondition::PartiallyOptimal => failures_remaining(&geometry, sets()),
        _ => NOT_SET,
    };
    Some(Worth { condition, remaining })
}

/// Whether each set of an array that a disk serves can run without it. One with parity that is unclean cannot:
/// rows in flight are not computed without the disk. A set of which no live disk has a record cannot at all. Asked of
/// what each live disk says: all of them hear of the failure, or none.
pub(crate) fn runs_without(disks: &dyn Disks, survey: &Survey, guid: Guid, reference: u32) -> bool {
    let Some((_, geometry)) = geometry(disks, survey, guid) else { return true };
    let runs_by = |roster: Option<&Roster>| {
        let unclean = geometry.parity_strips() > 0 && roster.is_some_and(|own| !own.note.clean);
        (0..geometry.sets).all(|set| {
            if survey.record(disks, guid, set).is_none() {
                return false;
            }
            let Some(slot) = survey.slot_in(disks, (guid, set), reference) else { return true };
            let readable = readable_by(disks, survey, (guid, set), roster, SlotSet::EMPTY);
            let rest = readable.without(SlotSet::of(slot));
            let runs = !unclean && worth_of_set(&geometry, rest) != ArrayState::Failed;
            !readable.contains(slot) || runs
        })
    };
    let mut rosters = rosters::of(disks, survey, guid);
    rosters.all(|(_, roster)| runs_by(Some(&roster)))
}

/// The slots of a set that hold its data by the newest lists; those in `vouched` do even while their
/// disk is being filled.
pub(crate) fn readable(
    disks: &dyn Disks,
    survey: &Survey,
    guid: Guid,
    set: u16,
    vouched: SlotSet,
) -> SlotSet {
    let roster = rosters::newest(disks, survey, guid);
    readable_by(disks, survey, (guid, set), roster.as_ref(), vouched)
}

fn readable_by(
    disks: &dyn Disks,
    survey: &Survey,
    (guid, set): (Guid, u16),
    roster: Option<&Roster>,
    vouched: SlotSet,
) -> SlotSet {
    let Some(physical) = survey.physical_disks(disks) else { return SlotSet::EMPTY };
    let record = survey.record(disks, guid, set).and_then(|at| survey.at(disks, at));
    let slots = (0u8..=u8::MAX).map(Slot);
    let references =
        record.into_iter().flat_map(|record| survey.references(disks, record)).zip(slots);
    let listed = |them| physical.find(survey.order, them).map(|entry| entry.pd_state(survey.order));
    let readable = references.filter(|(reference, slot)| {
        let own = roster.and_then(|roster| roster.state_of(*reference));
        let vouched = own.is_none() && vouched.contains(*slot);
        let state = own.or_else(|| listed(*reference));
        state.is_some_and(|state| state.is_usable() || (vouched && !state.is_gone()))
    });
    readable.map(|(_, slot)| slot).collect()
}

/// How many more failures an array survives at least of which these slots are readable, set by set.
fn failures_remaining(geometry: &Geometry, sets: impl Iterator<Item = SlotSet>) -> u8 {
    let lives = sets.map(|readable| lives(geometry, readable));
    let lives = match geometry.secondary {
        Secondary::Mirrored => lives.fold(0, u16::saturating_add),
        _ => lives.min().unwrap_or(0),
    };
    u8::try_from(lives.saturating_sub(1)).unwrap_or(NOT_SET - 1).min(NOT_SET - 1)
}

/// How many failures a set does not survive: 0 if it is lost already.
fn lives(geometry: &Geometry, readable: SlotSet) -> u16 {
    let lost = geometry.slots.saturating_sub(readable.len());
    match (geometry.level, worth_of_set(geometry, readable)) {
        (_, ArrayState::Failed) => 0,
        (Level::Raid1, _) => readable.len(),
        (Level::Raid1E, ArrayState::Optimal) => 2,
        (Level::Raid1E, _) => 1,
        _ => u16::from(geometry.parity_strips()).saturating_sub(lost).saturating_add(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raid_core::array::{Placement, QNumbering};
    use raid_core::units::Blocks;

    fn remaining(level: Level, slots: u16, secondary: Secondary, lost: &[&[u8]]) -> u8 {
        let geometry = Geometry {
            level,
            placement: Placement::NContinue,
            slots,
            strip: Blocks(8),
            member_blocks: Blocks(64),
            secondary,
            sets: u16::try_from(lost.len()).unwrap_or(0),
            q_numbering: QNumbering::BySlot,
            parities: 3,
            rotate_shift: 0,
            block_size: 512,
        };
        let sets = lost.iter().map(|lost| {
            let lost = lost.iter().copied().map(Slot).collect();
            SlotSet::first(slots).without(lost)
        });
        failures_remaining(&geometry, sets)
    }

    #[test]
    fn what_is_survived_whichever_disks_fail_next() {
        use Level::{Mdf, Raid0, Raid1, Raid1E, Raid5, Raid6};
        use Secondary::{Mirrored, None, Striped};
        for (level, slots, secondary, lost, expected) in [
            (Raid6, 5, None, &[&[1][..]][..], 1),
            (Raid6, 5, None, &[&[1, 2]], 0),
            (Raid1, 4, None, &[&[0]], 2),
            (Mdf, 6, None, &[&[0]], 2),
            (Mdf, 6, None, &[&[0, 5]], 1),
            // The weakest of striped sets; all of mirrored ones.
            (Raid6, 5, Striped, &[&[], &[4]], 1),
            (Raid1, 3, Striped, &[&[2], &[]], 1),
            (Raid0, 2, Mirrored, &[&[], &[1], &[]], 1),
            (Raid5, 3, Mirrored, &[&[0], &[]], 2),
            (Raid1E, 4, Mirrored, &[&[0], &[]], 2),
            (Raid1E, 4, Mirrored, &[&[0, 1], &[]], 1),
        ] {
            assert_eq!(remaining(level, slots, secondary, lost), expected, "{level:?} {lost:?}");
        }
    }
}
