// SPDX-License-Identifier: MIT OR Apache-2.0
//! A spare takes the place of a member that failed.
//!
//! The record of the set names the spare from now on, with the first run of the spare that is free,
//! and the spare counts as being filled. The failed disk keeps its entry, and stays failed.
//!
//! | spare | its assignment | when the failed disk was replaced |
//! |---|---|---|
//! | committable | taken away | stays a member |
//! | revertible | kept, marked active | gives its place to the disk activated there, and is a spare again |
//!
//! One spare serves every set that the failed disk was a member of, extents apart. The format has no
//! way to say of a disk that it is a member here and a spare there, nor whose place it took. So when a
//! spare that serves all arrays is used, the other sets that name the failed disk list it among their
//! own spares (`Associated_Spares`), and a dedicated one stays in the lists of such sets: that is what
//! allows the next activation. The entry goes once the set has used the spare, or names the failed
//! disk no more when the spare is used again.
//!
//! The format has no way to name two disks for one slot, so a place that a revertible spare gives up
//! is without its data until the other disk is filled.

use super::array_state::update_arrays;
use super::rosters;
use super::run_time::edit_disk;
use super::set_note;
use super::spread::{change_record, clear_slot, edit_slot, free_slot, spread};
use super::survey::{Live, Survey, set_of};
use crate::build::extents::first_fit;
use crate::build::spare::{SPARES, dissociate, forget_spare, is_associated};
use crate::disk_bytes::Disks;
use crate::guid::Guid;
use crate::physical_disk_records::{PdState, PdType, is_reference};
use crate::record::Record;
use crate::roster::Age;
use crate::spare_assignment::{SpareAssignment, SpareType};
use crate::vd_configuration::VdConfiguration;
use raid_core::array::{ArrayId, Place};
use raid_core::metadata::{ChangeError, DiskBuffer, Stamp};
use raid_core::units::{Blocks, Lba};

/// What was found sound before anything is edited.
struct Plan {
    survey: Survey,
    /// Slot of the spare's assignment, if it has one, and whether it is revertible.
    assignment: Option<(usize, bool)>,
    /// Whether the spare serves every array.
    is_global: bool,
    start: Lba,
    reference: u32,
    /// The member that is replaced, if the record names one.
    old: Option<u32>,
    /// The active revertible spare that gives up the place, and the slot of its assignment.
    returning: Option<(usize, usize)>,
}

/// Puts a spare into a place whose member failed.
pub(crate) fn activate(
    disks: &mut [DiskBuffer<'_, '_>],
    array: ArrayId,
    place: Place,
    spare: usize,
    stamp: Stamp,
) -> Result<(), ChangeError> {
    let guid = Guid::from(array);
    let plan = plan(disks, guid, place, spare)?;
    let (survey, order) = (&plan.survey, plan.survey.order);
    let begun = rosters::begin(disks, survey, guid)?;
    let volume = &begun.volume;
    match plan.assignment {
        Some((slot, true)) => set_active(disks, survey, spare, slot, true),
        Some((slot, false)) => clear_slot(disks, survey, spare, slot),
        None => {}
    }
    match volume {
        Some(volume) => rosters::share(disks, survey, guid, volume),
        None => {
            let speaks =
                |disks: &dyn Disks, disk, _: &VdConfiguration| survey.says_the_same(disks, disk);
            set_note::share(disks, survey, guid, &speaks);
        }
    }
    let lists = survey.element_slots(&Live(disks));
    let committed = !matches!(plan.assignment, Some((_, true)));
    if plan.is_global {
        associate(disks, survey, (guid, place.set), &plan, stamp);
    }
    change_record(disks, survey, (guid, place.set), stamp, |record| {
        if committed || plan.is_global {
            forget_spare(record, order, plan.reference);
        }
        let Some(lists) = record.elements_mut(lists) else { return };
        if let Some(reference) = lists.references.get_mut(place.slot.index()) {
            reference.set(order, plan.reference);
        }
        if let Some(start) = lists.starting_blocks.get_mut(place.slot.index()) {
            start.set(order, plan.start.0);
        }
    });
    if committed {
        dissociate(disks, survey, plan.reference, plan.old, stamp);
    }
    edit_disk(disks, survey, plan.reference, |entry| {
        // Where the bit of a spare is set, configuration records on the disk do not count.
        let pd_type = entry.pd_type(order).difference(SPARES) | PdType::PARTICIPATING;
        entry.set_pd_type(order, pd_type);
        let state = entry.pd_state(order) | PdState::ONLINE | PdState::REBUILDING;
        entry.set_pd_state(order, state);
    });
    if let Some((disk, slot)) = plan.returning {
        give_back(disks, survey, disk, slot);
    }
    retire(disks, survey, plan.old);
    if let Some(volume) = volume {
        // A spare that gives up its place was in until now.
        let was_in = plan.old.and_then(|old| volume.roster.state_of(old));
        let parts = was_in.is_some_and(PdState::is_usable).then_some(Age::Parted);
        let mut roster = volume.next();
        if let Some(old) = plan.old {
            roster.replace(old);
        }
        if roster.set(plan.reference, PdState::ONLINE | PdState::REBUILDING) {
            let is_at = |run| rosters::is_at_run(disks, &guid, run);
            let leaves = rosters::leaves_a_member(disks, survey, &volume.roster);
            let lacks = rosters::leaves_a_member(disks, survey, &roster);
            roster.go_on(parts, (stamp.random, volume.number()), (leaves, lacks), is_at);
            rosters::write(disks, survey, guid, &roster);
        }
        rosters::update_lists(disks, survey);
    }
    update_arrays(disks, survey, guid, None, |_| {});
    spread(disks, survey, &begun, stamp);
    Ok(())
}

/// Lists the spare among those of the other sets that name the failed disk. A set that has eight
/// spares of its own already is left as it is.
fn associate(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    own: (Guid, u16),
    plan: &Plan,
    stamp: Stamp,
) {
    let order = survey.order;
    let Some(old) = plan.old else { return };
    for disk in 0..disks.len() {
        for slot in 0..survey.slots(&Live(disks), disk) {
            let live = Live(disks);
            let Some(record) = survey.volume(&live, disk, slot) else { continue };
            let set = (record.vd_guid, set_of(record));
            // Once for each set: its newest record, which every member has.
            let newest = survey.record(&live, set.0, set.1).and_then(|at| survey.at(&live, at));
            let wanted = newest.filter(|newest| {
                set != own
                    && survey.lists(&live, newest)
                    && survey.references(&live, newest).any(|element| element == old)
                    && !is_associated(newest, order, plan.reference)
                    && newest.associated_spares.iter().any(|spare| spare.present(order).is_none())
            });
            if wanted.is_some() {
                change_record(disks, survey, set, stamp, |record| {
                    let mut free = record.associated_spares.iter_mut();
                    if let Some(free) = free.find(|spare| spare.present(order).is_none()) {
                        free.set(order, plan.reference);
                    }
                });
            }
        }
    }
}

/// Marks a spare's own record: it holds data now, or no more.
fn set_active(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    disk: usize,
    slot: usize,
    active: bool,
) {
    edit_slot(disks, survey, disk, slot, |bytes| {
        if let Some(record) = SpareAssignment::view_mut(bytes) {
            let mut kind = record.spare_type();
            kind.set(SpareType::ACTIVE, active);
            record.spare_type = kind.bits();
        }
    });
}

/// Makes an active revertible spare a spare again. Its configuration record stays for now and names
/// the other disk: were it gone, and this disk the only one that the power cut let through, nobody
/// would know the place's new disk. The next update takes it away.
fn give_back(disks: &mut [DiskBuffer<'_, '_>], survey: &Survey, disk: usize, slot: usize) {
    let order = survey.order;
    let live = Live(disks);
    let Some(reference) = survey.reference(&live, disk) else { return };
    let assignment = survey.assignment(&live, disk).map(|(_, record)| record.spare_type());
    let dedicated = assignment.is_some_and(|kind| kind.contains(SpareType::DEDICATED));
    set_active(disks, survey, disk, slot, false);
    edit_disk(disks, survey, reference, |entry| {
        let own = if dedicated { PdType::CONFIGURED_SPARE } else { PdType::GLOBAL_SPARE };
        entry.set_pd_type(order, entry.pd_type(order) | own);
        let state = entry.pd_state(order).difference(PdState::REBUILDING);
        entry.set_pd_state(order, state);
    });
}

/// A disk that no array names any more takes part in none.
fn retire(disks: &mut [DiskBuffer<'_, '_>], survey: &Survey, old: Option<u32>) {
    let Some(old) = old else { return };
    if !survey.names(&Live(disks), old, None) {
        edit_disk(disks, survey, old, |entry| {
            let order = survey.order;
            entry.set_pd_type(order, entry.pd_type(order).difference(PdType::PARTICIPATING));
        });
    }
}

fn plan(
    disks: &[DiskBuffer<'_, '_>],
    guid: Guid,
    place: Place,
    spare: usize,
) -> Result<Plan, ChangeError> {
    let live = Live(disks);
    let survey = Survey::of_array(&live, guid)?;
    let order = survey.order;
    let nowhere = ChangeError::NoSuchPlace(place);
    let at = survey.record(&live, guid, place.set).ok_or(nowhere)?;
    let record = survey.at(&live, at).ok_or(nowhere)?;
    let old = survey.references(&live, record).nth(place.slot.index()).ok_or(nowhere)?;
    let old = Some(old).filter(|old| is_reference(*old));
    let refuse = |what| ChangeError::Disk { disk: spare, what };
    let physical = survey.physical_disks(&live).ok_or(nowhere)?;
    let find = |reference| physical.find(order, reference);
    let returning = old.and_then(|old| active_spare(&live, &survey, old));
    let roster = rosters::newest(&live, &survey, guid);
    let state = |them| {
        let own = roster.and_then(|roster| roster.state_of(them));
        own.or_else(|| Some(find(them)?.pd_state(order)))
    };
    let usable = old.and_then(state).is_some_and(PdState::is_usable);
    if usable && returning.is_none() {
        let what = "slot whose member has not failed";
        return Err(ChangeError::Invalid { what, found: place.slot.0.into(), expected: 0 });
    }
    let outside = "not a live disk of the array's configuration";
    let (_, _, structure) = survey.member(&live, spare).ok_or(refuse(outside))?;
    let reference = survey.reference(&live, spare).ok_or(refuse(outside))?;
    let entry = find(reference).ok_or(refuse("not listed by the physical disk records"))?;
    let state = entry.pd_state(order);
    // It may be filled for another set of the disk that failed.
    let filled = if is_associated(record, order, reference) {
        PdState::REBUILDING
    } else {
        PdState::empty()
    };
    if !state.difference(filled).is_usable() {
        return Err(refuse("failed, missing or being filled"));
    }
    if survey.references(&live, record).any(|element| element == reference) {
        return Err(refuse("a member of the set already"));
    }
    let assignment = survey.assignment(&live, spare);
    let is_global = match assignment {
        Some((_, record)) => !record.spare_type().contains(SpareType::DEDICATED),
        None => entry.pd_type(order).contains(PdType::GLOBAL_SPARE),
    };
    let assignment =
        serves(&survey, assignment, record, (reference, entry.pd_type(order))).map_err(refuse)?;
    if !matches!(assignment, Some((_, false))) && free_slot(&structure).is_none() {
        return Err(refuse("no room for another configuration record"));
    }
    let len = Blocks(record.block_count.get(order));
    let fit = first_fit(&live, &survey, spare, len).filter(|_| len.0 > 0);
    let start = fit.ok_or(refuse("no room for another extent of this size"))?;
    Ok(Plan { survey, assignment, is_global, start, reference, old, returning })
}

/// The live disk with this reference and the slot of its assignment, if it is an active revertible
/// spare that serves nothing else.
fn active_spare(live: &Live<'_, '_>, survey: &Survey, reference: u32) -> Option<(usize, usize)> {
    let mut disks = 0..live.0.len();
    let disk = disks.find(|disk| survey.reference(live, *disk) == Some(reference))?;
    let (slot, record) = survey.assignment(live, disk)?;
    let (_, _, structure) = survey.member(live, disk)?;
    let returns = record.spare_type().contains(SpareType::ACTIVE | SpareType::REVERTIBLE);
    let names = |record: &&VdConfiguration| {
        survey.references(live, record).any(|element| element == reference)
    };
    (returns && structure.volumes().filter(names).count() == 1).then_some((disk, slot))
}

/// The slot of the spare's assignment if it serves the set of `record`, and whether it is revertible;
/// `None` if it needs none.
fn serves(
    survey: &Survey,
    assignment: Option<(usize, &SpareAssignment)>,
    record: &VdConfiguration,
    (reference, pd_type): (u32, PdType),
) -> Result<Option<(usize, bool)>, &'static str> {
    let order = survey.order;
    let Some((slot, spare)) = assignment else {
        // mdadm writes no assignment for its spares. Where an assignment did not reach its disk, the
        // set's own record tells.
        return match pd_type {
            _ if is_associated(record, order, reference) => Ok(None),
            kind if kind.contains(PdType::CONFIGURED_SPARE) => Err("a spare of other arrays"),
            kind if kind.contains(PdType::GLOBAL_SPARE) => Ok(None),
            _ => Err("not a spare"),
        };
    };
    let kind = spare.spare_type();
    let listed = spare.used(order).any(|entry| {
        let set = entry.secondary_element.get(order);
        entry.vd_guid == record.vd_guid && (set == set_of(record) || set == u16::MAX)
    });
    if kind.contains(SpareType::DEDICATED) && !listed {
        return Err("a spare of other arrays");
    }
    if kind.contains(SpareType::ACTIVE) && !is_associated(record, order, reference) {
        return Err("a spare in use");
    }
    Ok(Some((slot, kind.contains(SpareType::REVERTIBLE))))
}
