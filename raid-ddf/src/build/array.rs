// SPDX-License-Identifier: MIT OR Apache-2.0
//! A new array in a configuration: an entry that all disks have, and a record on each member.

use super::codes::LevelCodes;
use super::extents::first_fit;
use super::identity;
use crate::geometry::Writer;
use crate::guid::Guid;
use crate::header::Section;
use crate::integer::{U16, U32, U64};
use crate::physical_disk_records::PdType;
use crate::record::Record;
use crate::structure::ConfigurationRecord;
use crate::time::DdfTime;
use crate::update::run_time::edit_disk;
use crate::update::spread::{edit_newest, edit_slot, free_slot, spread};
use crate::update::survey::{Live, Survey, invalid};
use crate::vd_configuration::VdConfiguration;
use crate::virtual_disk_records::{VdCondition, VirtualDiskRecords};
use raid_core::array::{ArrayId, Geometry, Level};
use raid_core::layout::Layout;
use raid_core::metadata::{ArrayRequest, ChangeError, DiskBuffer, Stamp};
use raid_core::units::{Blocks, Lba};

/// Longest name, in bytes.
const MAX_NAME: usize = 16;

/// What was found sound before anything is edited.
#[derive(Clone, Copy)]
struct Plan {
    survey: Survey,
    codes: LevelCodes,
    guid: Guid,
    /// Free entry of the virtual disk records.
    entry: usize,
    size: Blocks,
    /// Members of a set.
    slots: usize,
}

/// Adds an array to the configuration of its disks.
pub(crate) fn create(
    disks: &mut [DiskBuffer<'_>],
    request: &ArrayRequest<'_>,
    stamp: Stamp,
) -> Result<ArrayId, ChangeError> {
    let plan = plan(disks, request, stamp)?;
    let order = plan.survey.order;
    for index in request.disks {
        let Some(reference) = plan.survey.reference(&Live(disks), *index) else { continue };
        edit_disk(disks, &plan.survey, reference, |entry| {
            let unused = entry.pd_type(order).difference(PdType::GLOBAL_SPARE);
            entry.set_pd_type(order, unused | PdType::PARTICIPATING);
        });
    }
    add_entry(disks, &plan, request);
    // One record a set; the rest of its members get theirs when the change is spread.
    for (set, members) in request.disks.chunks(plan.slots.max(1)).enumerate() {
        let Some(first) = members.first() else { continue };
        let slot = plan.survey.member(&Live(disks), *first).and_then(|m| free_slot(&m.2));
        let Some(slot) = slot else { continue };
        write_record(disks, &plan, request, stamp, set, *first, slot);
    }
    spread(disks, &plan.survey, stamp);
    Ok(plan.guid.into())
}

fn plan(
    disks: &[DiskBuffer<'_>],
    request: &ArrayRequest<'_>,
    stamp: Stamp,
) -> Result<Plan, ChangeError> {
    let live = Live(disks);
    let geometry = &request.geometry;
    let slots = usize::from(geometry.slots);
    let wanted = slots.saturating_mul(usize::from(geometry.sets));
    if request.disks.len() != wanted || wanted == 0 {
        return Err(invalid("number of disks", request.disks.len(), wanted));
    }
    if request.name.as_bytes().len() > MAX_NAME {
        return Err(invalid("bytes of the name", request.name.as_bytes().len(), MAX_NAME));
    }
    let first = request.disks.first().copied().unwrap_or(0);
    let survey = Survey::of_disk(&live, first)?;
    let writer = Writer::of(&survey.guid);
    let codes = LevelCodes::of(geometry, writer)?;
    let size = check_geometry(&survey, geometry, codes)?;
    let most = survey.element_slots(&live);
    if slots > most {
        return Err(invalid("members of a set", slots, most));
    }
    for (position, index) in request.disks.iter().enumerate() {
        let refuse = |what| Err(ChangeError::Disk { disk: *index, what });
        if request.disks.iter().take(position).any(|earlier| earlier == index) {
            return refuse("named twice");
        }
        check_member(&live, &survey, *index, geometry.member_blocks)?;
    }
    let full = invalid("virtual disk records, all used", 0, 1);
    let records = survey.virtual_disks(&live).ok_or(full)?;
    let unused = |entry: &crate::virtual_disk_records::VirtualDiskEntry| entry.vd_guid.is_unused();
    let entry = records.all(survey.order).iter().position(unused).ok_or(full)?;
    // One more candidate than there are entries: one of them is not taken.
    let mut guids =
        (1..=u32::from(u16::MAX)).map(|salt| identity::created(survey.order, stamp, salt));
    let guid = guids.find(|guid| records.find(survey.order, guid).is_none()).ok_or(full)?;
    Ok(Plan { survey, codes, guid, entry, size, slots })
}

fn check_geometry(
    survey: &Survey,
    geometry: &Geometry,
    codes: LevelCodes,
) -> Result<Blocks, ChangeError> {
    let revision = survey.copies.header.revision();
    if codes.needs_2_0 && revision.major() == Some(1) {
        return Err(ChangeError::Unsupported("a level of DDF 2.0 in a configuration of 1.x"));
    }
    let refuse = |what, found, expected| Err(ChangeError::Invalid { what, found, expected });
    if geometry.block_size != survey.block_size {
        let (found, expected) = (geometry.block_size, survey.block_size);
        return refuse("bytes of a block", found.into(), expected.into());
    }
    if geometry.sets > u16::from(u8::MAX) {
        return refuse("sets", geometry.sets.into(), u8::MAX.into());
    }
    if geometry.strip.0 > 0 && !geometry.strip.0.is_power_of_two() {
        let next = geometry.strip.0.checked_next_power_of_two().unwrap_or(0);
        return refuse("blocks of a strip: a power of two", geometry.strip.0, next);
    }
    if geometry.level == Level::Raid1 && geometry.slots < 2 {
        return refuse("members of a mirror", geometry.slots.into(), 2);
    }
    match Layout::new(geometry) {
        Ok(layout) => Ok(layout.size()),
        Err(raid_core::layout::GeometryError::MemberTooSmall { found, expected }) => {
            refuse("blocks of each member", found, expected)
        }
        Err(_) => Err(ChangeError::Unsupported("a geometry that gives no addresses")),
    }
}

fn check_member(
    live: &Live<'_, '_>,
    survey: &Survey,
    index: usize,
    len: Blocks,
) -> Result<(), ChangeError> {
    let refuse = |what| Err(ChangeError::Disk { disk: index, what });
    let Some((_, copies, structure)) = survey.member(live, index) else {
        return refuse("not a live disk of the configuration");
    };
    let entry = survey.reference(live, index);
    let entry = entry.and_then(|own| survey.physical_disks(live)?.find(survey.order, own));
    let Some(entry) = entry else { return refuse("not listed by the physical disk records") };
    if !entry.pd_state(survey.order).is_usable() {
        return refuse("failed, missing or being filled");
    }
    let spare = |record| matches!(record, ConfigurationRecord::Spare(_));
    if structure.records().any(|slot| spare(slot.record)) {
        return refuse("a spare");
    }
    let most = usize::from(copies.header.max_partitions.get(survey.order));
    if structure.volumes().count() >= most || free_slot(&structure).is_none() {
        return refuse("no room for another configuration record");
    }
    match first_fit(live, survey, index, len) {
        Some(_) => Ok(()),
        None => refuse("no room for another extent of this size"),
    }
}

fn add_entry(disks: &mut [DiskBuffer<'_>], plan: &Plan, request: &ArrayRequest<'_>) {
    let order = plan.survey.order;
    let section = Section::VirtualDiskRecords;
    edit_newest(disks, &plan.survey, section, |records: &mut VirtualDiskRecords| {
        let numbers = 0..=u16::MAX;
        let taken = |n: &u16| records.used(order).any(|(_, e)| e.vd_number.get(order) == *n);
        let number = numbers.into_iter().find(|number| !taken(number)).unwrap_or(0);
        let Some(entry) = records.entries.get_mut(plan.entry) else { return };
        entry.vd_guid = plan.guid;
        entry.vd_number = U16::new(order, number);
        // No flags; which CRC of the controller's GUID belongs here is unverified.
        entry.vd_type = U32::new(order, 0);
        entry.vd_state = VdCondition::Optimal.to_bits();
        entry.init_state = 0;
        entry.set_initialisation(request.initialisation);
        entry.vd_name = [0; MAX_NAME];
        let name = request.name.as_bytes();
        entry.vd_name.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
        let populated = records.used(order).count();
        records.populated_vdes = U16::new(order, u16::try_from(populated).unwrap_or(u16::MAX));
    });
}

/// Writes the record of set `set` into slot `slot` of disk `disk`.
fn write_record(
    disks: &mut [DiskBuffer<'_>],
    plan: &Plan,
    request: &ArrayRequest<'_>,
    stamp: Stamp,
    set: usize,
    disk: usize,
    slot: usize,
) {
    let list_slots = plan.survey.element_slots(&Live(disks));
    edit_slot(disks, &plan.survey, disk, slot, |bytes| {
        bytes.fill(0xFF);
        if let Some(record) = VdConfiguration::view_mut(bytes) {
            fill_record(record, plan, request, stamp, set);
        }
    });
    let members = request.disks.iter().skip(set.saturating_mul(plan.slots)).take(plan.slots);
    for (element, member) in members.enumerate() {
        let live = Live(disks);
        let reference = plan.survey.reference(&live, *member);
        // Without the element itself, which is listed only after this.
        let start = first_fit(&live, &plan.survey, *member, request.geometry.member_blocks);
        edit_slot(disks, &plan.survey, disk, slot, |bytes| {
            let record = VdConfiguration::view_mut(bytes);
            let lists = record.and_then(|record| record.elements_mut(list_slots));
            set_element(lists, plan.survey, element, reference, start);
        });
    }
}

fn set_element(
    lists: Option<crate::vd_configuration::ElementListsMut<'_>>,
    survey: Survey,
    element: usize,
    reference: Option<u32>,
    start: Option<Lba>,
) {
    let Some(lists) = lists else { return };
    if let (Some(place), Some(reference)) = (lists.references.get_mut(element), reference) {
        place.set(survey.order, reference);
    }
    if let (Some(place), Some(start)) = (lists.starting_blocks.get_mut(element), start) {
        place.set(survey.order, start.0);
    }
}

fn fill_record(
    record: &mut VdConfiguration,
    plan: &Plan,
    request: &ArrayRequest<'_>,
    stamp: Stamp,
    set: usize,
) {
    let (order, geometry) = (plan.survey.order, &request.geometry);
    let byte = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
    record.signature.set(order, VdConfiguration::SIGNATURE);
    record.vd_guid = plan.guid;
    record.timestamp = U32::new(order, DdfTime::from_unix(stamp.unix_seconds).0);
    record.sequence_number = U32::new(order, 1);
    record.primary_element_count = U16::new(order, geometry.slots);
    // All ones where there is no strip, as mdadm stores it.
    record.strip_size = geometry.strip.0.checked_ilog2().map_or(u8::MAX, byte);
    record.primary_raid_level = plan.codes.primary.to_byte();
    record.raid_level_qualifier = plan.codes.qualifier;
    record.secondary_element_count = byte(geometry.sets.into());
    record.secondary_element_seq = u8::try_from(set).unwrap_or(0);
    record.secondary_raid_level = plan.codes.secondary;
    record.block_count = U64::new(order, geometry.member_blocks.0);
    record.vd_size = U64::new(order, plan.size.0);
    record.cache_policies = U64::new(order, 0);
    record.bg_rate = 0x80;
    if plan.survey.copies.header.revision().major() == Some(2) {
        let size = u16::try_from(geometry.block_size).unwrap_or(u16::MAX);
        record.block_size = U16::new(order, size);
    }
    match geometry.level {
        Level::Raid5R => record.rotate_parity_count = geometry.rotate_shift,
        Level::Mdf => {
            record.mdf_parity_disks = geometry.parities;
            record.mdf_parity_generator_polynomial = U16::new(order, 0x011D);
            record.mdf_constant_generation_method = 0;
        }
        _ => {}
    }
}
