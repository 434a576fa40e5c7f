// SPDX-License-Identifier: MIT OR Apache-2.0
//! A spare takes the place of a member that failed.
//!
//! The record of the set names the spare from now on, with the first run of the spare that is free;
//! the spare gives up its assignment and counts as being filled. A revertible spare is committed:
//! it stays a member. The failed disk keeps its entry, and stays failed.

use super::run_time::{edit_disk, update_arrays};
use super::spread::{edit_record, edit_slot, free_slot, spread};
use super::survey::{Live, RecordAt, Survey};
use crate::build::extents::first_fit;
use crate::guid::Guid;
use crate::integer::U32;
use crate::physical_disk_records::{PdState, PdType, is_reference};
use crate::spare_assignment::SpareType;
use crate::structure::{ConfigurationRecord, Structure};
use crate::time::DdfTime;
use crate::vd_configuration::VdConfiguration;
use raid_core::array::{ArrayId, Place};
use raid_core::metadata::{ChangeError, DiskBuffer, Stamp};
use raid_core::units::{Blocks, Lba};
use zerocopy::FromBytes;

/// What was found sound before anything is edited.
struct Plan {
    survey: Survey,
    at: RecordAt,
    /// Slot of the spare's assignment, if it has one.
    assignment: Option<usize>,
    start: Lba,
    reference: u32,
    /// The member that is replaced, if the record names one.
    old: Option<u32>,
}

/// Puts a spare into a place whose member failed.
pub(crate) fn activate(
    disks: &mut [DiskBuffer<'_>],
    array: ArrayId,
    place: Place,
    spare: usize,
    stamp: Stamp,
) -> Result<(), ChangeError> {
    let guid = Guid::from(array);
    let plan = plan(disks, guid, place, spare)?;
    let (survey, order) = (&plan.survey, plan.survey.order);
    if let Some(slot) = plan.assignment {
        edit_slot(disks, survey, spare, slot, |bytes| {
            if let Ok((signature, _)) = U32::mut_from_prefix(bytes) {
                *signature = U32::ALL_ONES;
            }
        });
    }
    let lists = survey.element_slots(&Live(disks));
    edit_record(disks, survey, plan.at.disk, plan.at.slot, |record| {
        let next = record.sequence_number.get(order).wrapping_add(1);
        record.sequence_number.set(order, next);
        record.timestamp.set(order, DdfTime::from_unix(stamp.unix_seconds).0);
        for dedicated in &mut record.associated_spares {
            if dedicated.get(order) == plan.reference {
                *dedicated = U32::ALL_ONES;
            }
        }
        let Some(lists) = record.elements_mut(lists) else { return };
        if let Some(reference) = lists.references.get_mut(place.slot.index()) {
            reference.set(order, plan.reference);
        }
        if let Some(start) = lists.starting_blocks.get_mut(place.slot.index()) {
            start.set(order, plan.start.0);
        }
    });
    edit_disk(disks, survey, plan.reference, |entry| {
        let spares = PdType::GLOBAL_SPARE | PdType::CONFIGURED_SPARE;
        let pd_type = entry.pd_type(order).difference(spares) | PdType::PARTICIPATING;
        entry.set_pd_type(order, pd_type);
        let state = entry.pd_state(order) | PdState::ONLINE | PdState::REBUILDING;
        entry.set_pd_state(order, state);
    });
    retire(disks, survey, plan.old);
    update_arrays(disks, survey, guid, None, |_| {});
    spread(disks, survey, stamp);
    Ok(())
}

/// A disk that no array names any more takes part in none.
fn retire(disks: &mut [DiskBuffer<'_>], survey: &Survey, old: Option<u32>) {
    let Some(old) = old else { return };
    let live = Live(disks);
    let named = survey.records(&live).any(|(at, record)| {
        let newest = survey.record(&live, record.vd_guid, super::survey::set_of(record));
        newest.is_some_and(|newest| newest.sequence == at.sequence)
            && survey.references(&live, record).any(|reference| reference == old)
    });
    if !named {
        edit_disk(disks, survey, old, |entry| {
            let order = survey.order;
            entry.set_pd_type(order, entry.pd_type(order).difference(PdType::PARTICIPATING));
        });
    }
}

fn plan(
    disks: &[DiskBuffer<'_>],
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
    if old.and_then(find).is_some_and(|entry| entry.pd_state(order).is_usable()) {
        let what = "slot whose member has not failed";
        return Err(ChangeError::Invalid { what, found: place.slot.0.into(), expected: 0 });
    }
    let outside = "not a live disk of the array's configuration";
    let (_, _, structure) = survey.member(&live, spare).ok_or(refuse(outside))?;
    let reference = survey.reference(&live, spare).ok_or(refuse(outside))?;
    let entry = find(reference).ok_or(refuse("not listed by the physical disk records"))?;
    if !entry.pd_state(order).is_usable() {
        return Err(refuse("failed, missing or being filled"));
    }
    if survey.references(&live, record).any(|element| element == reference) {
        return Err(refuse("a member of the set already"));
    }
    let assignment = serves(&survey, &structure, record, entry.pd_type(order)).map_err(refuse)?;
    if assignment.is_none() && free_slot(&structure).is_none() {
        return Err(refuse("no room for another configuration record"));
    }
    let len = Blocks(record.block_count.get(order));
    let fit = first_fit(&live, &survey, spare, len).filter(|_| len.0 > 0);
    let start = fit.ok_or(refuse("no room for another extent of this size"))?;
    Ok(Plan { survey, at, assignment, start, reference, old })
}

/// The slot of the spare's assignment if it serves the set of `record`, `None` if it needs none.
fn serves(
    survey: &Survey,
    structure: &Structure<'_>,
    record: &VdConfiguration,
    pd_type: PdType,
) -> Result<Option<usize>, &'static str> {
    let order = survey.order;
    let assignment = structure.records().find_map(|slot| match slot.record {
        ConfigurationRecord::Spare(spare) => Some((slot.index, spare)),
        _ => None,
    });
    let Some((slot, spare)) = assignment else {
        // mdadm writes no assignment for its spares.
        let spares = PdType::GLOBAL_SPARE | PdType::CONFIGURED_SPARE;
        return if pd_type.intersects(spares) { Ok(None) } else { Err("not a spare") };
    };
    let listed = spare.used(order).any(|entry| {
        let set = entry.secondary_element.get(order);
        entry.vd_guid == record.vd_guid && (set == super::survey::set_of(record) || set == u16::MAX)
    });
    if spare.spare_type().contains(SpareType::DEDICATED) && !listed {
        return Err("a spare of other arrays");
    }
    Ok(Some(slot))
}
