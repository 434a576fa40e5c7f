// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one set's change of a disk means to the other sets on it: see [`held`](super::held).
//!
//! | change | the other sets that name the disk |
//! |---|---|
//! | it is going to be filled for one set | those for which it was in sync say that it holds their data |
//! | it fails | it is in sync for none when it comes back, but for those that cannot run without it |
//! | an update of one array reaches a disk that missed others, or starts from lists that do | what each set knew of it before |

use super::array_state;
use super::run_time::{edit_disk, geometry};
use super::set_note;
use super::survey::{Live, Survey, invalid, set_of};
use crate::assemble::state::set_state as worth_of_set;
use crate::assemble::{Assembly, VirtualDisk};
use crate::disk_bytes::Disks;
use crate::guid::Guid;
use crate::physical_disk_records::PdState;
use crate::vd_configuration::VdConfiguration;
use raid_core::array::{ArrayState, MemberState, Place};
use raid_core::metadata::{ChangeError, DiskBuffer};
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

/// Members of other arrays that are not in sync, though the lists that an update starts from say so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doubted {
    members: [Option<(Guid, Place)>; MOST],
}

/// Members that an update can keep from being in sync.
const MOST: usize = 64;

impl Doubted {
    /// Looks for them before anything is edited, in all arrays but `array`. Where all disks are of one
    /// update there are none.
    pub(crate) fn find(
        disks: &dyn Disks,
        survey: &Survey,
        array: Guid,
    ) -> Result<Self, ChangeError> {
        let mut this = Self { members: [None; MOST] };
        if survey.aligned {
            return Ok(this);
        }
        let mut room = this.members.iter_mut();
        let mut add = |guid: Guid, place: Place| {
            if guid == array || !is_in(disks, survey, guid, place) {
                return Ok(());
            }
            let none = || invalid("members of other arrays that differ", MOST + 1, MOST);
            *room.next().ok_or_else(none)? = Some((guid, place));
            Ok(())
        };
        // What the array itself would make of them.
        let mut scratch = [0; 256];
        let assembly = Assembly::new(disks, &mut scratch, &mut |_| {});
        let volumes = assembly.configuration(survey.guid);
        let volumes = volumes.into_iter().flat_map(|configuration| configuration.volumes());
        for volume in volumes.filter(|volume| volume.state() != ArrayState::Forked) {
            for place in places(&volume) {
                if is_behind(&volume, place) {
                    add(volume.guid(), place)?;
                }
            }
        }
        // What a record says of them that the lists are older than.
        for disk in 0..disks.count() {
            for slot in 0..survey.slots(disks, disk) {
                let record = survey.volume(disks, disk, slot);
                let Some(record) = record.filter(|own| is_unknown(disks, survey, disk, own)) else {
                    continue;
                };
                for slot in survey.filling_by(disks, disk, record).iter() {
                    add(record.vd_guid, Place { set: set_of(record), slot })?;
                }
            }
        }
        Ok(this)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.iter().all(Option::is_none)
    }

    /// Says of each that it is being filled.
    pub(crate) fn lower(&self, disks: &mut [DiskBuffer<'_>], survey: &Survey) {
        for (guid, place) in self.members.iter().flatten() {
            lower(disks, survey, (*guid, place.set), place.slot);
        }
    }
}

fn places(volume: &VirtualDisk<'_>) -> impl Iterator<Item = Place> + use<> {
    let slots = volume.slots();
    let slot = |slot: u16| u8::try_from(slot).ok().map(Slot);
    (0..volume.sets())
        .flat_map(move |set| (0..slots).filter_map(slot).map(move |slot| Place { set, slot }))
}

/// Whether a disk that is present is being filled, or missed updates. Where the volume went on without
/// it, the disks that know so are spared, see [`Survey`].
fn is_behind(volume: &VirtualDisk<'_>, place: Place) -> bool {
    let member = volume.member(place);
    let reference = volume.set_record(place.set).and_then(|record| record.reference(place.slot));
    let state = u8::try_from(place.set)
        .ok()
        .zip(reference)
        .and_then(|(set, reference)| volume.state_by(&volume.speaker(), set, reference));
    member.disk.is_some()
        && state.is_some_and(|state| !state.is_gone())
        && matches!(member.state, MemberState::Rebuilding | MemberState::Stale)
}

/// The disk in a place, by the newest record of the set.
fn reference(disks: &dyn Disks, survey: &Survey, set: (Guid, u16), slot: Slot) -> Option<u32> {
    let record = survey.record(disks, set.0, set.1).and_then(|at| survey.at(disks, at))?;
    survey.references(disks, record).nth(slot.index())
}

/// Whether a member would be in sync by the lists that an update starts from.
fn is_in(disks: &dyn Disks, survey: &Survey, guid: Guid, place: Place) -> bool {
    let list = survey.physical_disks(disks);
    let entry = reference(disks, survey, (guid, place.set), place.slot)
        .and_then(|reference| list?.find(survey.order, reference));
    entry.is_some_and(|entry| {
        let state = entry.pd_state(survey.order);
        let held = || set_note::held(disks, survey, guid, place.set).contains(place.slot);
        state.is_usable() || (state.is_filling() && held())
    })
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

fn lower(disks: &mut [DiskBuffer<'_>], survey: &Survey, set: (Guid, u16), slot: Slot) {
    let live = Live(disks);
    let order = survey.order;
    let Some(reference) = reference(&live, survey, set, slot) else { return };
    let entry = survey.physical_disks(&live).and_then(|list| list.find(order, reference));
    if entry.is_some_and(|entry| entry.pd_state(order).is_usable()) {
        hold(disks, survey, set, reference);
        edit_disk(disks, survey, reference, |entry| {
            entry.set_pd_state(order, entry.pd_state(order) | PdState::REBUILDING);
        });
    }
    set_note::hold(disks, survey, set, |held| held.without(SlotSet::of(slot)));
}
