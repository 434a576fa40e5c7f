// SPDX-License-Identifier: MIT OR Apache-2.0
//! A disk that stands by for any array: one of the configuration that nothing uses, or a blank one
//! that joins it.

use super::container::{Container, DiskNames, check_room, entry, insert, seal_all, write};
use super::{Area, Options};
use crate::guid::Guid;
use crate::header::Section;
use crate::integer::{U16, U32};
use crate::physical_disk_records::{PdType, PhysicalDiskRecords, is_reference};
use crate::record::Record;
use crate::spare_assignment::SpareAssignment;
use crate::structure::ConfigurationRecord;
use crate::time::DdfTime;
use crate::update::run_time::edit_disk;
use crate::update::spread::{edit_newest, edit_slot, free_slot, spread};
use crate::update::survey::{Live, Survey, copies_of, invalid};
use raid_core::metadata::{ChangeError, DiskBuffer, Stamp};

/// Makes an unused or blank disk a global spare.
pub(crate) fn add(
    disks: &mut [DiskBuffer<'_>],
    disk: usize,
    stamp: Stamp,
) -> Result<(), ChangeError> {
    let live = Live(disks);
    let survey = match copies_of(&live, disk)? {
        Some(_) => {
            let survey = Survey::of_disk(&live, disk)?;
            check_unused(&live, &survey, disk)?;
            survey
        }
        None => join(disks, disk, stamp)?,
    };
    assign(disks, &survey, disk, stamp);
    spread(disks, &survey, stamp);
    Ok(())
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
    let newest = |record: &crate::vd_configuration::VdConfiguration| {
        survey.references(live, record).any(|reference| reference == own)
    };
    if survey.records(live).any(|(_, record)| newest(record)) {
        return refuse("a member of an array");
    }
    let Some((_, _, structure)) = survey.member(live, disk) else {
        return refuse("not a live disk of the configuration");
    };
    let spare = |record| matches!(record, ConfigurationRecord::Spare(_));
    if structure.records().any(|slot| spare(slot.record)) {
        return refuse("a spare already");
    }
    if free_slot(&structure).is_none() {
        return refuse("no room for a spare assignment record");
    }
    Ok(())
}

/// Writes the spare's own record, and its type into the newest records.
fn assign(disks: &mut [DiskBuffer<'_>], survey: &Survey, disk: usize, stamp: Stamp) {
    let order = survey.order;
    let live = Live(disks);
    let Some(reference) = survey.reference(&live, disk) else { return };
    let Some(slot) = survey.member(&live, disk).and_then(|m| free_slot(&m.2)) else { return };
    edit_slot(disks, survey, disk, slot, |bytes| {
        bytes.fill(0xFF);
        let Some(record) = SpareAssignment::view_mut(bytes) else { return };
        let room = record.entries.len();
        record.signature.set(order, SpareAssignment::SIGNATURE);
        record.timestamp = U32::new(order, DdfTime::from_unix(stamp.unix_seconds).0);
        record.spare_type = 0;
        record.populated_saes = U16::new(order, 0);
        record.max_sae_supported = U16::new(order, u16::try_from(room).unwrap_or(u16::MAX));
    });
    edit_disk(disks, survey, reference, |entry| {
        let unused = entry.pd_type(order).difference(PdType::PARTICIPATING);
        entry.set_pd_type(order, unused | PdType::GLOBAL_SPARE);
    });
}

/// Makes a blank disk one of the configuration that the other live disks form.
fn join(disks: &mut [DiskBuffer<'_>], disk: usize, stamp: Stamp) -> Result<Survey, ChangeError> {
    let refuse = |what| ChangeError::Disk { disk, what };
    let live = Live(disks);
    let blank = disks.get(disk).filter(|blank| blank.live).ok_or(refuse("not a live disk"))?;
    let survey = only_configuration(&live)?;
    let header = &survey.copies.header;
    let order = survey.order;
    let options = Options {
        order,
        crc: survey.crc,
        max_pd_entries: header.max_pd_entries.get(order),
        max_vd_entries: header.max_vd_entries.get(order),
        max_partitions: header.max_partitions.get(order),
        max_primary_element_entries: header.max_primary_element_entries.get(order),
    };
    if blank.shape.block_size != survey.block_size {
        return Err(refuse("another block size than the configuration"));
    }
    let area = check_room(disk, blank, &options)?;
    let same = area
        .sections
        .iter()
        .all(|(section, _, length)| header.section(*section).length.get(order) == *length);
    if !same || area.record != header.configuration_record_length.get(order) {
        return Err(refuse("the configuration has tables of other sizes than new disks"));
    }
    let full = invalid("physical disk records, all used", 0, 1);
    let records = survey.physical_disks(&live).ok_or(full)?;
    let free = records.all(order).iter().position(|e| e.pd_guid.is_unused()).ok_or(full)?;
    let mut names = (0..=u32::from(u16::MAX)).map(|salt| DiskNames::new(stamp, salt));
    let names = names
        .find(|names| {
            let known = |reference| records.find(order, reference).is_some();
            let guid = records.used(order).any(|(_, entry)| entry.pd_guid == names.guid);
            is_reference(names.reference) && !known(names.reference) && !guid
        })
        .ok_or(full)?;
    let container = Container {
        guid: survey.guid,
        controller: Guid::UNUSED,
        revision: header.revision(),
        // Older than every disk of the configuration, so that it learns from them.
        sequence: 0,
        stamp,
        options,
    };
    make_member(disks, &survey, &container, &area, (disk, free), names);
    Survey::of(&Live(disks), survey.guid)
}

fn make_member(
    disks: &mut [DiskBuffer<'_>],
    survey: &Survey,
    container: &Container,
    area: &Area,
    (disk, free): (usize, usize),
    names: DiskNames,
) {
    let make = entry(container, names, area.usable().0, survey.block_size);
    let section = Section::PhysicalDiskRecords;
    edit_newest(disks, survey, section, |records: &mut PhysicalDiskRecords| {
        insert(records, survey.order, free, make);
    });
    survey.seal_newest(disks);
    if let Some(disk) = disks.get_mut(disk) {
        write(disk, container, area, names);
        seal_all(disk, &container.options, area);
    }
}

/// The configuration of the live disks, if they are of one.
fn only_configuration(live: &Live<'_, '_>) -> Result<Survey, ChangeError> {
    let mut found: Option<Guid> = None;
    for index in 0..live.0.len() {
        let Some(copies) = copies_of(live, index)? else { continue };
        let guid = copies.header.ddf_header_guid;
        if found.is_some_and(|known| known != guid) {
            return Err(ChangeError::Unsupported("a blank disk and several configurations"));
        }
        found = Some(guid);
    }
    Survey::of(live, found.ok_or(invalid("live disks of a configuration", 0, 1))?)
}
