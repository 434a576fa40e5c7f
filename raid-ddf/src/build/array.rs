// SPDX-License-Identifier: MIT OR Apache-2.0
//! A new array in a configuration: an entry that all disks have, and a record on each member.

use super::request::{MAX_NAME, Plan, present, start};
use crate::guid::Guid;
use crate::header::Section;
use crate::integer::{U16, U32, U64};
use crate::physical_disk_records::PdType;
use crate::record::Record;
use crate::time::DdfTime;
use crate::update::array_state::update_arrays;
use crate::update::rosters;
use crate::update::run_time::edit_disk;
use crate::update::spread::{edit_newest, edit_slot, free_slot, spread};
use crate::update::survey::Live;
use crate::vd_configuration::{ElementListsMut, VdConfiguration};
use crate::virtual_disk_records::{VdCondition, VirtualDiskRecords};
use raid_core::array::{ArrayId, Level};
use raid_core::metadata::{ArrayRequest, ChangeError, DiskBuffer, Stamp};

/// Adds an array to the configuration of its disks.
// Not inlined: the changes of `Admin::apply` would share one frame, as large as theirs together.
#[inline(never)]
pub(crate) fn create(
    disks: &mut [DiskBuffer<'_, '_>],
    request: &ArrayRequest<'_>,
    stamp: Stamp,
) -> Result<ArrayId, ChangeError> {
    let plan = Plan::of(disks, request, stamp)?;
    let order = plan.survey.order;
    let begun = rosters::begin(disks, &plan.survey, Guid::UNUSED)?;
    for (_, disk) in present(request) {
        let Some(reference) = plan.survey.reference(&Live(disks), disk) else { continue };
        edit_disk(disks, &plan.survey, reference, |entry| {
            let unused = entry.pd_type(order).difference(PdType::GLOBAL_SPARE);
            entry.set_pd_type(order, unused | PdType::PARTICIPATING);
        });
    }
    add_entry(disks, &plan, request);
    // One record a set; the rest of its members get theirs when the change is spread.
    for set in 0..usize::from(request.geometry.sets) {
        let mut members = present(request).filter(|(position, _)| plan.set_of(*position) == set);
        let Some((_, first)) = members.next() else { continue };
        let slot = plan.survey.member(&Live(disks), first).and_then(|m| free_slot(&m.2));
        let Some(slot) = slot else { continue };
        write_record(disks, &plan, request, stamp, set, (first, slot));
    }
    if present(request).count() < request.disks.len() {
        update_arrays(disks, &plan.survey, plan.guid, None, |_| {});
    }
    spread(disks, &plan.survey, &begun, stamp);
    Ok(plan.guid.into())
}

impl Plan {
    /// The set that the disk at `position` of the request belongs to.
    fn set_of(&self, position: usize) -> usize {
        position.checked_div(self.slots).unwrap_or(0)
    }
}

fn add_entry(disks: &mut [DiskBuffer<'_, '_>], plan: &Plan, request: &ArrayRequest<'_>) {
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

/// Writes the record of set `set` into a slot of a disk.
fn write_record(
    disks: &mut [DiskBuffer<'_, '_>],
    plan: &Plan,
    request: &ArrayRequest<'_>,
    stamp: Stamp,
    set: usize,
    (disk, slot): (usize, usize),
) {
    let list_slots = plan.survey.element_slots(&Live(disks));
    let order = plan.survey.order;
    edit_slot(disks, &plan.survey, disk, slot, |bytes| {
        bytes.fill(0xFF);
        if let Some(record) = VdConfiguration::view_mut(bytes) {
            fill_record(record, plan, request, stamp, set);
        }
    });
    let first = set.saturating_mul(plan.slots);
    for (element, position) in (first..first.saturating_add(plan.slots)).enumerate() {
        let member = request.disks.get(position).copied().flatten();
        let place = member.and_then(|member| {
            let live = Live(disks);
            // Without the element itself, which is listed only after this.
            let start = start(&live, &plan.survey, request, position, member)?;
            Some((plan.survey.reference(&live, member)?, start.0))
        });
        // An empty place, as mdadm stores it.
        let (reference, start) = place.unwrap_or((u32::MAX, 0));
        edit_slot(disks, &plan.survey, disk, slot, |bytes| {
            let record = VdConfiguration::view_mut(bytes);
            let lists = record.and_then(|record| record.elements_mut(list_slots));
            let Some(ElementListsMut { references, starting_blocks }) = lists else { return };
            if let Some(place) = references.get_mut(element) {
                place.set(order, reference);
            }
            if let Some(place) = starting_blocks.get_mut(element) {
                place.set(order, start);
            }
        });
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
    record.block_count = U64::new(order, request.member_blocks(set).0);
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
