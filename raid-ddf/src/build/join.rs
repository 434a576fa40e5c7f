// SPDX-License-Identifier: MIT OR Apache-2.0
//! A blank disk joins a configuration: it gets the structure that the other disks have, older than
//! theirs, so that it learns from them.

use super::container::{
    Container, DiskNames, check_identity, check_room, entry, insert, seal_all, write,
};
use super::{Area, BadBlockOptions, Controller, DiskIdentity, Options, VENDOR, VendorLogOptions};
use crate::guid::Guid;
use crate::header::Section;
use crate::physical_disk_records::{PhysicalDiskRecords, is_reference};
use crate::update::copies::Copies;
use crate::update::spread::edit_newest;
use crate::update::survey::{Live, Survey, copies_of, invalid};
use raid_core::metadata::{ChangeError, DiskBuffer, Stamp};

/// Makes a blank disk one of the configuration that the other live disks form. `check` may refuse
/// what the disk is wanted for. `identity` is what the disk says of itself, if it is known.
pub(crate) fn join(
    disks: &mut [DiskBuffer<'_, '_>],
    (disk, identity): (usize, Option<&DiskIdentity<'_>>),
    stamp: Stamp,
    check: &dyn Fn(&Live<'_, '_>, &Survey) -> Result<(), ChangeError>,
) -> Result<Survey, ChangeError> {
    let refuse = |what| ChangeError::Disk { disk, what };
    let live = Live(disks);
    let blank = disks.get(disk).filter(|blank| blank.live).ok_or(refuse("not a live disk"))?;
    identity.map_or(Ok(()), check_identity)?;
    let survey = only_configuration(&live)?;
    check(&live, &survey)?;
    let header = &survey.copies.header;
    let order = survey.order;
    let options = Options {
        controller: Controller::OWN,
        revision: Some(header.revision()),
        order,
        crc: survey.copies.crc.variant,
        max_pd_entries: header.max_pd_entries.get(order),
        max_vd_entries: header.max_vd_entries.get(order),
        max_partitions: header.max_partitions.get(order),
        max_primary_element_entries: header.max_primary_element_entries.get(order),
        bad_block_log: bad_block_log(&survey.copies, &live, &survey),
        diagnostic_blocks: optional(&survey.copies, Section::DiagnosticSpace),
        // Each disk's log is its own, and discovery does not read it: this one's is ours.
        vendor_log: Some(optional(&survey.copies, Section::VendorSpecificLogs))
            .filter(|blocks| *blocks > 0)
            .map(|blocks| VendorLogOptions { owner: VENDOR, blocks }),
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
    // Listed already: another disk's, or the same disk's from before it was wiped.
    let own = identity.and_then(DiskIdentity::guid);
    let own = own.filter(|own| records.used(order).all(|(_, entry)| entry.pd_guid != *own));
    let names = names.or(own);
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

/// Blocks of a section that not every configuration has.
fn optional(copies: &Copies, section: Section) -> u32 {
    let extent = copies.extent(copies.chosen, section);
    extent.and_then(|extent| u32::try_from(extent.len.0).ok()).unwrap_or(0)
}

/// The bad block log that the disks of the configuration have.
fn bad_block_log(copies: &Copies, live: &Live<'_, '_>, survey: &Survey) -> Option<BadBlockOptions> {
    let (disk, _, structure) = survey.member(live, survey.newest)?;
    let section = copies.extent(copies.chosen, Section::BadBlockLog)?;
    let bytes = section.len.bytes(disk.shape().block_size)?.checked_sub(32)?;
    let entries = u16::try_from(bytes / 16).unwrap_or(u16::MAX);
    let log = structure.bad_block_log()?;
    let counts = log.counts(copies.order, copies.header.revision());
    Some(BadBlockOptions { entries, spare_blocks: counts.spare_blocks })
}

fn make_member(
    disks: &mut [DiskBuffer<'_, '_>],
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
