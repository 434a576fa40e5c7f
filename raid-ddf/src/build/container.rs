// SPDX-License-Identifier: MIT OR Apache-2.0
//! A new configuration without arrays: the structure on each of its disks.

use super::{Area, DiskIdentity, Options, VENDOR, identity};
use crate::bad_block_log::{BadBlockCounts, BadBlockLog};
use crate::controller_data::ControllerData;
use crate::crc::seal;
use crate::guid::Guid;
use crate::header::{DdfHeader, Revision, Section, SectionAddress};
use crate::integer::{ByteOrder, U16, U32, U64};
use crate::locate::CopyKind;
use crate::physical_disk_data::PhysicalDiskData;
use crate::physical_disk_records::{
    PdState, PdType, PhysicalDiskEntry, PhysicalDiskRecords, is_reference,
};
use crate::record::Record;
use crate::time::DdfTime;
use crate::update::copies::block;
use crate::update::disk_set::DiskSet;
use crate::update::spread::CLOSED;
use crate::update::survey::invalid;
use crate::vendor_log::VendorLog;
use crate::virtual_disk_records::VirtualDiskRecords;
use raid_core::metadata::{ChangeError, DiskBuffer, Stamp};
use raid_core::units::Lba;

/// Number of the stamp that goes into the configuration's GUID; no disk has it.
const HEADER_SALT: u32 = u32::MAX - 1;

/// What is the same on all disks of a new configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Container {
    pub(crate) guid: Guid,
    pub(crate) controller: Guid,
    pub(crate) revision: Revision,
    pub(crate) sequence: u32,
    pub(crate) stamp: Stamp,
    pub(crate) options: Options,
}

/// A disk's names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DiskNames {
    pub(crate) guid: Guid,
    pub(crate) reference: u32,
    /// Whether the GUID was made up.
    forced: bool,
}

impl DiskNames {
    /// Names number `salt` of a stamp; a reference of them is never one of the two that name nothing.
    pub(crate) fn new(stamp: Stamp, salt: u32) -> Self {
        let number = |salt: u32| identity::number(stamp, salt);
        // Only two numbers of 2^32 are skipped, and no other salt in use gives what follows them.
        let spare_salts = [salt, salt | 1 << 30, salt | 2 << 30];
        let reference = spare_salts.map(number).into_iter().find(|number| is_reference(*number));
        let guid = identity::disk(stamp, salt);
        Self { guid, reference: reference.unwrap_or(1), forced: true }
    }

    /// The same with the GUID that the drive's own number makes.
    pub(crate) fn or(self, own: Option<Guid>) -> Self {
        own.map_or(self, |guid| Self { guid, forced: false, ..self })
    }
}

/// Makes an empty configuration over the live disks.
///
/// # Errors
/// No live disk, too many, one too small, block sizes that differ, or a buffer that lacks a range of
/// [`new_area`](super::new_area). Nothing is changed then.
pub fn initialise(
    disks: &mut [DiskBuffer<'_, '_>],
    stamp: Stamp,
    options: &Options,
) -> Result<(), ChangeError> {
    initialise_as(disks, &[], stamp, options)
}

/// Makes an empty configuration over the live disks, which are named after the numbers that they
/// report: `identities` in the order of `disks`. One that is not there, or that two disks report, is
/// made up from the stamp instead and marked so, as the standard says.
///
/// # Errors
/// Those of [`initialise`], and a vendor that no GUID begins with. Nothing is changed then.
pub fn initialise_as(
    disks: &mut [DiskBuffer<'_, '_>],
    identities: &[Option<DiskIdentity<'_>>],
    stamp: Stamp,
    options: &Options,
) -> Result<(), ChangeError> {
    let block_size = check(disks, options)?;
    identities.iter().flatten().try_for_each(check_identity)?;
    let own = |index: usize| -> Option<Guid> {
        let guid = identities.get(index)?.as_ref()?.guid()?;
        let mut others = identities.iter().enumerate().filter(|(other, _)| *other != index);
        let shared = others.any(|(_, other)| other.and_then(|other| other.guid()) == Some(guid));
        (!shared).then_some(guid)
    };
    let guid = identity::created(&options.controller, options.order, stamp, HEADER_SALT);
    let controller = identity::controller(&options.controller, stamp);
    let usual = if block_size == 512 { Revision::V1_2 } else { Revision::V2_0 };
    let revision = options.revision.unwrap_or(usual);
    let container = Container { guid, controller, revision, sequence: 1, stamp, options: *options };
    let live = disks.iter().filter(|disk| disk.live).map(|disk| disk.shape);
    // The entries of all disks, made anew for each: there is no place to keep them.
    for index in 0..live.count() {
        let names = |disks: &[DiskBuffer<'_, '_>], index: usize| {
            let mut live = (0..disks.len()).filter(|at| disks.get(*at).is_some_and(|d| d.live));
            let names = DiskNames::new(stamp, u32::try_from(index).unwrap_or(0));
            names.or(live.nth(index).and_then(own))
        };
        let entries = |disks: &mut [DiskBuffer<'_, '_>], records: Lba| {
            for other in 0..disks.iter().filter(|disk| disk.live).count() {
                let shape = disks.iter().filter(|disk| disk.live).nth(other).map(|d| d.shape);
                let area = shape.and_then(|shape| Area::new(shape, options));
                let names = names(disks, other);
                let (Some(area), Some(disk)) = (area, nth_live(disks, index)) else { continue };
                let entry = entry(&container, names, area.usable().0, block_size);
                add_entry(disk, options, records, other, entry);
            }
        };
        let own = names(disks, index);
        let Some(disk) = nth_live(disks, index) else { continue };
        let Some(area) = Area::new(disk.shape, options) else { continue };
        write(disk, &container, &area, own);
        for copy in [area.primary, area.secondary] {
            entries(disks, copy);
        }
        if let Some(disk) = nth_live(disks, index) {
            seal_all(disk, options, &area);
        }
    }
    Ok(())
}

fn nth_live<'d, 'p, 'b>(
    disks: &'d mut [DiskBuffer<'p, 'b>],
    index: usize,
) -> Option<&'d mut DiskBuffer<'p, 'b>> {
    disks.iter_mut().filter(|disk| disk.live).nth(index)
}

fn check(disks: &[DiskBuffer<'_, '_>], options: &Options) -> Result<u32, ChangeError> {
    check_options(options)?;
    let live = || disks.iter().enumerate().filter(|(_, disk)| disk.live);
    let Some((_, first)) = live().next() else { return Err(invalid("live disks", 0, 1)) };
    let most = usize::from(options.max_pd_entries).min(DiskSet::LIMIT);
    let count = live().count();
    if count > most {
        return Err(invalid("disks of a configuration", count, most));
    }
    for (index, disk) in live() {
        if disk.shape.block_size != first.shape.block_size {
            let what = "another block size than the first disk";
            return Err(ChangeError::Disk { disk: index, what });
        }
        check_room(index, disk, options)?;
    }
    let revision = options.revision.unwrap_or(Revision::V2_0);
    if first.shape.block_size != 512 && revision.major() != Some(2) {
        return Err(ChangeError::Unsupported("blocks larger than 512 bytes before DDF 2.0"));
    }
    Ok(first.shape.block_size)
}

/// Refuses a vendor that no GUID begins with.
pub(crate) fn check_identity(identity: &DiskIdentity<'_>) -> Result<(), ChangeError> {
    match identity.unusable_vendor() {
        Some(first) => Err(invalid("first byte of a vendor", first.into(), usize::from(b'A'))),
        None => Ok(()),
    }
}

/// Refuses table sizes that the standard does not have.
fn check_options(options: &Options) -> Result<(), ChangeError> {
    let tables = [15, 63, 255, 1023, 4095];
    for (what, found) in [
        ("entries of the physical disk records", options.max_pd_entries),
        ("entries of the virtual disk records", options.max_vd_entries),
    ] {
        if !tables.contains(&found) {
            return Err(invalid(what, found.into(), 255));
        }
    }
    let (elements, partitions) = (options.max_primary_element_entries, options.max_partitions);
    if ![16, 64, 256, 1024, 4096].contains(&elements) {
        return Err(invalid("elements of a configuration record", elements.into(), 256));
    }
    if partitions == 0 {
        return Err(invalid("arrays on a disk", 0, 1));
    }
    if options.bad_block_log.is_some_and(|log| log.entries == 0) {
        return Err(invalid("entries of the bad block log", 0, 1));
    }
    if options.vendor_log.is_some_and(|log| log.blocks == 0) {
        return Err(invalid("blocks of the vendor specific log", 0, 1));
    }
    let [first, ..] = options.controller.vendor;
    if matches!(first, 0x20 | 0x00 | 0xFF) {
        return Err(invalid("first byte of the vendor", first.into(), usize::from(b'A')));
    }
    let known = [Revision::V1_0, Revision::V1_2, Revision::V2_0];
    if options.revision.is_some_and(|revision| !known.contains(&revision)) {
        return Err(ChangeError::Unsupported("a revision other than 1.0, 1.2 and 2.0"));
    }
    Ok(())
}

/// Refuses a disk that is too small or whose buffer lacks a part.
pub(crate) fn check_room(
    index: usize,
    disk: &DiskBuffer<'_, '_>,
    options: &Options,
) -> Result<Area, ChangeError> {
    let refuse = |what| ChangeError::Disk { disk: index, what };
    let area = Area::new(disk.shape, options).ok_or(refuse(
        "too small for the reserve of 32 MiB and its tables, or of another block size than 512 or 4096",
    ))?;
    let held = area
        .ranges()
        .into_iter()
        .all(|range| crate::disk_bytes::DiskBytes::of_buffer(disk).get(range).is_some());
    if held { Ok(area) } else { Err(refuse("buffer lacks a range of the metadata area")) }
}

/// Writes both copies and the anchor of one disk, tables empty. [`seal_all`] is still to come.
pub(crate) fn write(
    disk: &mut DiskBuffer<'_, '_>,
    container: &Container,
    area: &Area,
    names: DiskNames,
) {
    for range in area.ranges() {
        if let Some(bytes) = disk.get_mut(range) {
            bytes.fill(0xFF);
        }
    }
    for (kind, copy) in [(CopyKind::Primary, area.primary), (CopyKind::Secondary, area.secondary)] {
        write_header(disk, container, area, copy, |header| {
            header.header_type = kind.header_type().to_byte();
            header.sequence_number = U32::new(container.options.order, container.sequence);
            header.open_flag = CLOSED;
        });
        write_sections(disk, container, area, copy, names);
    }
    write_header(disk, container, area, area.anchor, |header| header.header_type = 0);
}

fn write_header(
    disk: &mut DiskBuffer<'_, '_>,
    container: &Container,
    area: &Area,
    at: Lba,
    edit: impl FnOnce(&mut DdfHeader),
) {
    let (options, order) = (&container.options, container.options.order);
    let Some(header) = disk.get_mut(block(at)).and_then(DdfHeader::view_mut) else { return };
    header.signature.set(order, DdfHeader::SIGNATURE);
    header.ddf_header_guid = container.guid;
    header.ddf_rev = container.revision.0;
    header.timestamp.set(order, DdfTime::from_unix(container.stamp.unix_seconds).0);
    header.foreign_flag = 0;
    header.disk_grouping = 0;
    header.primary_header_lba = U64::new(order, area.primary.0);
    header.secondary_header_lba = U64::new(order, area.secondary.0);
    header.workspace_lba = U64::new(order, area.workspace.start.0);
    let workspace = u32::try_from(area.workspace.len.0).unwrap_or(u32::MAX);
    header.workspace_length = U32::new(order, workspace);
    header.max_pd_entries = U16::new(order, options.max_pd_entries);
    header.max_vd_entries = U16::new(order, options.max_vd_entries);
    header.max_partitions = U16::new(order, options.max_partitions);
    header.configuration_record_length = U16::new(order, area.record);
    header.max_primary_element_entries = U16::new(order, options.max_primary_element_entries);
    for (section, offset, length) in area.sections.into_iter().filter(|(.., len)| *len > 0) {
        *header.section_mut(section) =
            SectionAddress { offset: U32::new(order, offset), length: U32::new(order, length) };
    }
    for section in Section::ALL {
        let address = header.section_mut(section);
        if address.offset == U32::ALL_ONES {
            address.length = U32::new(order, 0);
        }
    }
    if let (Some(log), Some(2)) = (options.bad_block_log, container.revision.major()) {
        header.max_mapped_block_entries = U32::new(order, log.entries.into());
    }
    edit(header);
}

fn write_sections(
    disk: &mut DiskBuffer<'_, '_>,
    container: &Container,
    area: &Area,
    copy: Lba,
    names: DiskNames,
) {
    let (options, order) = (&container.options, container.options.order);
    edit(disk, area, copy, Section::ControllerData, |data: &mut ControllerData| {
        data.signature.set(order, ControllerData::SIGNATURE);
        data.controller_guid = container.controller;
        let [vendor, device, sub_vendor, sub_device] =
            options.controller.pci.map(|id| U16::new(order, id));
        (data.vendor_id, data.device_id) = (vendor, device);
        (data.sub_vendor_id, data.sub_device_id) = (sub_vendor, sub_device);
        data.product_id = options.controller.product;
    });
    edit(disk, area, copy, Section::PhysicalDiskRecords, |records: &mut PhysicalDiskRecords| {
        records.signature.set(order, PhysicalDiskRecords::SIGNATURE);
        records.populated_pdes = U16::new(order, 0);
        records.max_pde_supported = U16::new(order, options.max_pd_entries);
    });
    edit(disk, area, copy, Section::VirtualDiskRecords, |records: &mut VirtualDiskRecords| {
        records.signature.set(order, VirtualDiskRecords::SIGNATURE);
        records.populated_vdes = U16::new(order, 0);
        records.max_vde_supported = U16::new(order, options.max_vd_entries);
    });
    edit(disk, area, copy, Section::PhysicalDiskData, |data: &mut PhysicalDiskData| {
        data.signature.set(order, PhysicalDiskData::SIGNATURE);
        data.pd_guid = names.guid;
        data.pd_reference = U32::new(order, names.reference);
        data.forced_ref_flag = 1;
        data.forced_pd_guid_flag = u8::from(names.forced);
    });
    edit(disk, area, copy, Section::BadBlockLog, |log: &mut BadBlockLog| {
        let spare_blocks = u32::try_from(area.spares.len.0).unwrap_or(u32::MAX);
        log.signature.set(order, BadBlockLog::SIGNATURE);
        let counts = BadBlockCounts { entries: 0, spare_blocks };
        log.set_counts(order, container.revision, counts);
        log.first_spare_lba = U64::new(order, area.spares.start.0);
    });
    // The rest of it, and all of the diagnostic space, is all ones as the whole area was made.
    edit(disk, area, copy, Section::VendorSpecificLogs, |log: &mut VendorLog| {
        log.signature.set(order, VendorLog::SIGNATURE);
        log.log_owner = options.vendor_log.map_or(VENDOR, |log| log.owner);
    });
}

fn edit<T: Record + ?Sized>(
    disk: &mut DiskBuffer<'_, '_>,
    area: &Area,
    copy: Lba,
    section: Section,
    edit: impl FnOnce(&mut T),
) {
    let bytes = area.section(copy, section).and_then(|extent| disk.get_mut(extent));
    if let Some(record) = bytes.and_then(T::view_mut) {
        edit(record);
    }
}

/// A disk that nothing uses yet.
pub(crate) fn entry(
    container: &Container,
    names: DiskNames,
    usable: u64,
    block_size: u32,
) -> impl FnOnce(&mut PhysicalDiskEntry) + use<> {
    let (order, revision) = (container.options.order, container.revision);
    move |entry| {
        entry.pd_guid = names.guid;
        entry.pd_reference = U32::new(order, names.reference);
        let forced = if names.forced { PdType::FORCED_GUID } else { PdType::empty() };
        entry.set_pd_type(order, forced);
        entry.set_pd_state(order, PdState::ONLINE);
        entry.configured_size = U64::new(order, usable);
        // 1.x knows blocks of 512 bytes only and leaves the field unset.
        entry.block_size = match u16::try_from(block_size) {
            Ok(size) if revision.major() == Some(2) => U16::new(order, size),
            _ => U16::ALL_ONES,
        };
    }
}

fn add_entry(
    disk: &mut DiskBuffer<'_, '_>,
    options: &Options,
    copy: Lba,
    index: usize,
    make: impl FnOnce(&mut PhysicalDiskEntry),
) {
    let Some(area) = Area::new(disk.shape, options) else { return };
    edit(disk, &area, copy, Section::PhysicalDiskRecords, |records: &mut PhysicalDiskRecords| {
        insert(records, options.order, index, make);
    });
}

/// Fills entry `index` and counts it.
pub(crate) fn insert(
    records: &mut PhysicalDiskRecords,
    order: ByteOrder,
    index: usize,
    make: impl FnOnce(&mut PhysicalDiskEntry),
) {
    if let Some(entry) = records.entries.get_mut(index) {
        make(entry);
        let populated = records.used(order).count();
        records.populated_pdes = U16::new(order, u16::try_from(populated).unwrap_or(u16::MAX));
    }
}

/// Stores every CRC of a new disk.
pub(crate) fn seal_all(disk: &mut DiskBuffer<'_, '_>, options: &Options, area: &Area) {
    let headers = [area.primary, area.secondary, area.anchor].map(block);
    let sections = [area.primary, area.secondary].into_iter().flat_map(|copy| {
        let sealed = area.sections.into_iter().map(|(section, ..)| section);
        let sealed = sealed.filter(|section| {
            !matches!(section, Section::ConfigurationRecords | Section::DiagnosticSpace)
        });
        sealed.filter_map(move |section| area.section(copy, section))
    });
    for extent in headers.into_iter().chain(sections) {
        if let Some(bytes) = disk.get_mut(extent) {
            seal(options.crc, options.order, bytes);
        }
    }
}
