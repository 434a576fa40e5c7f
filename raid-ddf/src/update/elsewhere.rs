// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one set's change of a disk means to the other sets on it: see [`held`](super::held).
//!
//! | change | the other sets that name the disk |
//! |---|---|
//! | it is going to be filled for one set | those for which it was in sync say that it holds their data |
//! | it fails | it is in sync for none when it comes back, but for those that cannot run without it |
//! | the lists of an update do not know that it is being filled for another set | it is being filled there |

use super::array_state;
use super::run_time::{edit_disk, geometry};
use super::set_note;
use super::survey::{Live, Survey, set_of};
use crate::assemble::state::set_state as worth_of_set;
use crate::disk_bytes::Disks;
use crate::guid::Guid;
use crate::physical_disk_records::PdState;
use crate::vd_configuration::VdConfiguration;
use raid_core::array::ArrayState;
use raid_core::metadata::DiskBuffer;
use raid_core::units::{Slot, SlotSet};

/// Says of every other set on a disk that the disk holds its data, before it is filled for set `own`.
pub(crate) fn hold(
    disks: &mut [DiskBuffer<'_>],
    survey: &Survey,
    own: (Guid, u16),
    reference: u32,
) {
    elsewhere(disks, survey, own, reference, |_, _, slot, held| held | SlotSet::of(slot));
}

/// Takes a disk that fails from every other set on it, but from one that cannot run without it: such a
/// set is not run without the disk, which is as good for it as it was when it comes back.
pub(crate) fn fail(
    disks: &mut [DiskBuffer<'_>],
    survey: &Survey,
    own: (Guid, u16),
    reference: u32,
) {
    elsewhere(disks, survey, own, reference, |disks, set, slot, held| {
        let slots = SlotSet::of(slot);
        let readable = array_state::readable(disks, survey, set.0, set.1, SlotSet::EMPTY);
        let last = readable.contains(slot)
            && geometry(disks, survey, set.0).is_some_and(|(_, geometry)| {
                worth_of_set(&geometry, readable.without(slots)) == ArrayState::Failed
            });
        if last { held | slots } else { held.without(slots) }
    });
}

/// Changes what every set but `own` that names a disk says of its slot.
fn elsewhere(
    disks: &mut [DiskBuffer<'_>],
    survey: &Survey,
    own: (Guid, u16),
    reference: u32,
    held: impl Fn(&dyn Disks, (Guid, u16), Slot, SlotSet) -> SlotSet,
) {
    for disk in 0..disks.len() {
        for slot in 0..survey.slots(&Live(disks), disk) {
            let live = Live(disks);
            let Some(record) = survey.volume(&live, disk, slot) else { continue };
            let set = (record.vd_guid, set_of(record));
            // Once for each set, at its first record.
            let mut all = survey.records(&live);
            let first = all.find(|(_, other)| (other.vd_guid, set_of(other)) == set);
            let is_first = first.is_some_and(|(at, _)| (at.disk, at.slot) == (disk, slot));
            drop(all);
            let slot = survey.slot_in(&live, set, reference).filter(|_| set != own && is_first);
            if let Some(slot) = slot {
                let now = held(&live, set, slot, set_note::held(&live, survey, set.0, set.1));
                set_note::hold(disks, survey, set, |_| now);
            }
        }
    }
}

/// Lowers the lists that an update starts from where they do not know a later record of another array:
/// a disk that its own copy says is being filled is not in sync because an older list does not know.
pub(crate) fn lower(disks: &mut [DiskBuffer<'_>], survey: &Survey, array: Guid) {
    if survey.lists_agree() {
        return;
    }
    for disk in 0..disks.len() {
        for slot in 0..survey.slots(&Live(disks), disk) {
            let live = Live(disks);
            let Some(record) = survey.volume(&live, disk, slot) else { continue };
            let set = (record.vd_guid, set_of(record));
            if set.0 == array || !is_unknown(&live, survey, disk, record) {
                continue;
            }
            for place in survey.filling_by(&live, disk, record).iter() {
                lower_member(disks, survey, set, place);
            }
        }
    }
}

/// Whether the record on a disk is the newest of its set, and of an update that the disks which count
/// do not know.
fn is_unknown(disks: &dyn Disks, survey: &Survey, disk: usize, record: &VdConfiguration) -> bool {
    let number = record.sequence_number.get(survey.order);
    let set = (record.vd_guid, set_of(record));
    let newest = survey.record(disks, set.0, set.1);
    let known = || {
        survey.records(disks).any(|(at, other)| {
            (other.vd_guid, set_of(other)) == set
                && at.sequence == number
                && survey.says_the_same(disks, at.disk)
        })
    };
    !survey.says_the_same(disks, disk)
        && newest.is_some_and(|newest| newest.sequence == number)
        && (survey.is_later(disks, disk) || !known())
}

/// Says that a member is being filled.
fn lower_member(disks: &mut [DiskBuffer<'_>], survey: &Survey, set: (Guid, u16), slot: Slot) {
    let live = Live(disks);
    let order = survey.order;
    let record = survey.record(&live, set.0, set.1).and_then(|at| survey.at(&live, at));
    let reference = record.and_then(|record| survey.references(&live, record).nth(slot.index()));
    let Some(reference) = reference else { return };
    let entry = survey.physical_disks(&live).and_then(|list| list.find(order, reference));
    let state = entry.map(|entry| entry.pd_state(order));
    if state.is_some_and(PdState::is_usable) {
        hold(disks, survey, set, reference);
        edit_disk(disks, survey, reference, |entry| {
            entry.set_pd_state(order, entry.pd_state(order) | PdState::REBUILDING);
        });
    }
    set_note::hold(disks, survey, set, |held| held.without(SlotSet::of(slot)));
}
