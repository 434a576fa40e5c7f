// SPDX-License-Identifier: MIT OR Apache-2.0
//! A disk that stands by: for any array or for some, for good or until the failed disk is replaced.
//! It is one of the configuration that nothing uses, or a blank one that joins it.

use super::DiskIdentity;
use super::join::join;
use crate::guid::Guid;
use crate::integer::{ByteOrder, U16, U32};
use crate::physical_disk_records::PdType;
use crate::record::Record;
use crate::spare_assignment::{SpareAssignment, SpareType};
use crate::time::DdfTime;
use crate::update::rosters;
use crate::update::run_time::edit_disk;
use crate::update::spread::{change_record, clear_slot, edit_slot, free_slot, spread};
use crate::update::survey::{Live, Survey, copies_of, invalid, set_of};
use crate::vd_configuration::VdConfiguration;
use raid_core::array::Place;
use raid_core::metadata::{ChangeError, DiskBuffer, Served, SpareRequest, Stamp};
use raid_core::units::Slot;

/// Makes an unused or blank disk a spare; a blank one is named after the number that it reports.
///
/// As [`assign_spare`](raid_core::metadata::Admin::assign_spare), which gives a blank disk a
/// name made up from the stamp. So does this where `identity` is of no use: if there is no number in
/// it, or the configuration lists a disk of that name already.
///
/// # Errors
/// Those of that call, and a vendor that no GUID begins with. Nothing is changed then.
// Not inlined: the changes of `Admin::apply` would share one frame, as large as theirs together.
#[inline(never)]
pub fn assign_spare_as(
    disks: &mut [DiskBuffer<'_, '_>],
    request: &SpareRequest<'_>,
    identity: Option<&DiskIdentity<'_>>,
    stamp: Stamp,
) -> Result<(), ChangeError> {
    let live = Live(disks);
    let disk = request.disk;
    let survey = match copies_of(&live, disk)? {
        Some(_) => {
            let survey = Survey::of_disk(&live, disk)?;
            check_unused(&live, &survey, disk)?;
            check_served(&live, &survey, request)?;
            survey
        }
        // What stands against the update is looked at before the disk is made a member.
        None => join(disks, (disk, identity), stamp, &|live, survey| {
            check_served(live, survey, request)?;
            rosters::obstacle(live, survey).map_or(Ok(()), Err)
        })?,
    };
    let Some(reference) = survey.reference(&Live(disks), disk) else { return Ok(()) };
    let begun = rosters::begin(disks, &survey, Guid::UNUSED)?;
    write_assignment(disks, &survey, request, stamp);
    for index in 0..served_count(&Live(disks), &survey, request) {
        let Some((guid, set)) = nth_served(&Live(disks), &survey, request, index) else { break };
        change_record(disks, &survey, (guid, set), stamp, |record| {
            let order = survey.order;
            let mut free = record.associated_spares.iter_mut();
            if let Some(free) = free.find(|spare| spare.present(order).is_none()) {
                free.set(order, reference);
            }
        });
    }
    let order = survey.order;
    let own =
        if request.serves.is_empty() { PdType::GLOBAL_SPARE } else { PdType::CONFIGURED_SPARE };
    edit_disk(disks, &survey, reference, |entry| {
        let unused = entry.pd_type(order).difference(PdType::PARTICIPATING | SPARES);
        entry.set_pd_type(order, unused | own);
    });
    spread(disks, &survey, &begun, stamp);
    Ok(())
}

/// Both kinds of spares.
pub(crate) const SPARES: PdType = PdType::GLOBAL_SPARE.union(PdType::CONFIGURED_SPARE);

/// Makes a spare an unused disk.
// Not inlined: the changes of `Admin::apply` would share one frame, as large as theirs together.
#[inline(never)]
pub(crate) fn release(
    disks: &mut [DiskBuffer<'_, '_>],
    disk: usize,
    stamp: Stamp,
) -> Result<(), ChangeError> {
    let refuse = |what| Err(ChangeError::Disk { disk, what });
    let live = Live(disks);
    let survey = Survey::of_disk(&live, disk)?;
    let order = survey.order;
    let assignment = survey.assignment(&live, disk);
    let Some(reference) = survey.reference(&live, disk) else { return refuse("without a name") };
    let entry = survey.physical_disks(&live).and_then(|all| all.find(order, reference));
    if assignment.is_none() && !entry.is_some_and(|e| e.pd_type(order).intersects(SPARES)) {
        return refuse("not a spare");
    }
    if survey.names(&live, reference, None) {
        return refuse("a member of an array");
    }
    let slot = assignment.map(|(slot, _)| slot);
    let begun = rosters::begin(disks, &survey, Guid::UNUSED)?;
    if let Some(slot) = slot {
        clear_slot(disks, &survey, disk, slot);
    }
    dissociate(disks, &survey, reference, None, stamp);
    edit_disk(disks, &survey, reference, |entry| {
        entry.set_pd_type(order, entry.pd_type(order).difference(SPARES));
    });
    spread(disks, &survey, &begun, stamp);
    Ok(())
}

/// Takes a spare out of the records of the sets that it was associated with, but not of those that name
/// the disk `keep`.
pub(crate) fn dissociate(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    reference: u32,
    keep: Option<u32>,
    stamp: Stamp,
) {
    let order = survey.order;
    for disk in 0..disks.len() {
        for slot in 0..survey.slots(&Live(disks), disk) {
            let live = Live(disks);
            let Some(record) = survey.volume(&live, disk, slot) else { continue };
            let (guid, set) = (record.vd_guid, set_of(record));
            // Once for each set: a record that counts on by two would make the others stale.
            let newest = survey.record(&live, guid, set).and_then(|at| survey.at(&live, at));
            let kept = |record: &VdConfiguration| {
                survey.references(&live, record).any(|element| keep == Some(element))
            };
            if newest.is_some_and(|r| is_associated(r, order, reference) && !kept(r)) {
                change_record(disks, survey, (guid, set), stamp, |record| {
                    forget_spare(record, order, reference);
                });
            }
        }
    }
}

/// Whether a record names the disk with this reference as a spare of its set.
pub(crate) fn is_associated(record: &VdConfiguration, order: ByteOrder, reference: u32) -> bool {
    record.associated_spares.iter().any(|spare| spare.get(order) == reference)
}

/// Takes a spare out of the list of a record.
pub(crate) fn forget_spare(record: &mut VdConfiguration, order: ByteOrder, reference: u32) {
    let spares = record.associated_spares.iter_mut();
    spares.filter(|s| s.get(order) == reference).for_each(|spare| *spare = U32::ALL_ONES);
}

fn check_unused(live: &Live<'_, '_>, survey: &Survey, disk: usize) -> Result<(), ChangeError> {
    let refuse = |what| Err(ChangeError::Disk { disk, what });
    let own = survey.reference(live, disk);
    let entry = own.and_then(|own| survey.physical_disks(live)?.find(survey.order, own));
    let (Some(own), Some(entry)) = (own, entry) else {
        return refuse("not listed by the physical disk records");
    };
    if !entry.pd_state(survey.order).is_usable() {
        return refuse("failed, missing or being filled");
    }
    if survey.names(live, own, None) {
        return refuse("a member of an array");
    }
    let Some((_, _, structure)) = survey.member(live, disk) else {
        return refuse("not a live disk of the configuration");
    };
    if survey.assignment(live, disk).is_some() {
        return refuse("a spare already");
    }
    if free_slot(&structure).is_none() {
        return refuse("no room for a spare assignment record");
    }
    Ok(())
}

/// Refuses arrays and sets that are not there, and more than there is room for.
fn check_served(
    live: &Live<'_, '_>,
    survey: &Survey,
    request: &SpareRequest<'_>,
) -> Result<(), ChangeError> {
    for Served { array, set } in request.serves {
        let guid = Guid::from(*array);
        let none = ChangeError::NoSuchArray(*array);
        survey.virtual_disk(live, guid).ok_or(none)?;
        let sets = survey.sets(live, guid);
        let wanted = set.map_or(0..sets, |set| set..set.saturating_add(1));
        if wanted.is_empty() {
            return Err(none);
        }
        for set in wanted {
            let nowhere = ChangeError::NoSuchPlace(Place { set, slot: Slot(0) });
            let at = survey.record(live, guid, set).ok_or(nowhere)?;
            let record = survey.at(live, at).ok_or(nowhere)?;
            let mut spares = record.associated_spares.iter();
            if spares.all(|spare| spare.present(survey.order).is_some()) {
                return Err(invalid("spares dedicated to one set", 9, 8));
            }
        }
    }
    let (wanted, room) = (served_count(live, survey, request), room(survey));
    if wanted > room {
        return Err(invalid("sets that a spare serves", wanted, room));
    }
    Ok(())
}

/// Entries of a spare assignment record.
fn room(survey: &Survey) -> usize {
    let blocks = u64::from(survey.copies.header.configuration_record_length.get(survey.order));
    let bytes = blocks.saturating_mul(survey.block_size.into()).saturating_sub(32);
    usize::try_from(bytes / 32).unwrap_or(0)
}

fn served_count(live: &Live<'_, '_>, survey: &Survey, request: &SpareRequest<'_>) -> usize {
    let sets = |Served { array, set }: &Served| match set {
        Some(_) => 1,
        None => usize::from(survey.sets(live, Guid::from(*array))),
    };
    request.serves.iter().map(sets).fold(0, usize::saturating_add)
}

/// The `index`-th set that the spare is to serve.
fn nth_served(
    live: &Live<'_, '_>,
    survey: &Survey,
    request: &SpareRequest<'_>,
    index: usize,
) -> Option<(Guid, u16)> {
    let mut sets = request.serves.iter().flat_map(|Served { array, set }| {
        let guid = Guid::from(*array);
        let sets = set.map_or(0..survey.sets(live, guid), |set| set..set.saturating_add(1));
        sets.map(move |set| (guid, set))
    });
    sets.nth(index)
}

/// Writes the spare's own record. The sets that it serves are looked up one by one: the buffers are
/// edited in between.
fn write_assignment(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    request: &SpareRequest<'_>,
    stamp: Stamp,
) {
    let order = survey.order;
    let disk = request.disk;
    let Some(slot) = survey.member(&Live(disks), disk).and_then(|m| free_slot(&m.2)) else {
        return;
    };
    let count = served_count(&Live(disks), survey, request);
    let mut kind = SpareType::empty();
    kind.set(SpareType::DEDICATED, count > 0);
    kind.set(SpareType::REVERTIBLE, request.revertible);
    kind.set(SpareType::ENCLOSURE_AFFINITY, request.same_enclosure);
    edit_slot(disks, survey, disk, slot, |bytes| {
        bytes.fill(0xFF);
        let Some(record) = SpareAssignment::view_mut(bytes) else { return };
        let room = record.entries.len();
        record.signature.set(order, SpareAssignment::SIGNATURE);
        record.timestamp = U32::new(order, DdfTime::from_unix(stamp.unix_seconds).0);
        record.spare_type = kind.bits();
        record.populated_saes = U16::new(order, u16::try_from(count).unwrap_or(u16::MAX));
        record.max_sae_supported = U16::new(order, u16::try_from(room).unwrap_or(u16::MAX));
    });
    for index in 0..count {
        let Some((guid, set)) = nth_served(&Live(disks), survey, request, index) else { return };
        edit_slot(disks, survey, disk, slot, |bytes| {
            let Some(record) = SpareAssignment::view_mut(bytes) else { return };
            if let Some(entry) = record.entries.get_mut(index) {
                entry.vd_guid = guid;
                entry.secondary_element = U16::new(order, set);
            }
        });
    }
}
