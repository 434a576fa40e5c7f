// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fields of DDF: the anchor, and each copy's header and sections.

use super::{Field, FieldName, Table, Taking, table};
use crate::discover::ReadPiece;
use raid_ddf::{
    ByteOrder, ConfigurationRecord, ControllerData, DdfHeader, HeaderType, PhysicalDiskData,
    PhysicalDiskEntry, PhysicalDiskRecords, Record, Section, SpareAssignment, SpareAssignmentEntry,
    VdConfiguration, VendorUniqueConfiguration, VirtualDiskEntry, VirtualDiskRecords,
};

const HEADER: Table = table!(DdfHeader: signature crc ddf_header_guid ddf_rev sequence_number timestamp open_flag
    foreign_flag disk_grouping reserved_51 header_ext primary_header_lba secondary_header_lba header_type reserved_113
    workspace_length workspace_lba max_pd_entries max_vd_entries max_partitions configuration_record_length
    max_primary_element_entries max_mapped_block_entries reserved_142 sections reserved_256);
const CONTROLLER: Table = table!(ControllerData: signature crc controller_guid vendor_id device_id sub_vendor_id
    sub_device_id product_id reserved_56 vendor_unique);
const DISKS: Table =
    table!(PhysicalDiskRecords: signature crc populated_pdes max_pde_supported reserved_12);
const DISK: Table = table!(PhysicalDiskEntry: pd_guid pd_reference pd_type pd_state configured_size path_information
    block_size reserved_60);
const VOLUMES: Table =
    table!(VirtualDiskRecords: signature crc populated_vdes max_vde_supported reserved_12);
const VOLUME: Table = table!(VirtualDiskEntry: vd_guid vd_number reserved_26 vd_type vd_state init_state
    drive_failures_remaining reserved_35 vd_name);
const CONFIGURATION: Table = table!(VdConfiguration: signature crc vd_guid timestamp sequence_number reserved_40
    primary_element_count strip_size primary_raid_level raid_level_qualifier secondary_element_count secondary_element_seq
    secondary_raid_level block_count vd_size block_size rotate_parity_count reserved_91 associated_spares cache_policies
    bg_rate reserved_137 mdf_parity_disks mdf_parity_generator_polynomial reserved_143 mdf_constant_generation_method
    reserved_145 reserved_192 v0 v1 v2 v3 vendor_specific_scratch_space);
const SPARE: Table = table!(SpareAssignment: signature crc timestamp reserved_12 spare_type populated_saes
    max_sae_supported reserved_24);
const SERVED: Table = table!(SpareAssignmentEntry: vd_guid secondary_element reserved_26);
const VENDOR: Table = table!(VendorUniqueConfiguration: signature crc vd_guid);
const OWN: Table = table!(PhysicalDiskData: signature crc pd_guid pd_reference forced_ref_flag forced_pd_guid_flag
    vendor_specific_scratch_space reserved_70);
/// Of logs: what all records begin with.
const STAMP: Table = &[("signature", 0), ("crc", 4)];

/// As [`fields_of`](super::fields_of).
pub(crate) fn fields(pieces: &[ReadPiece], block_size: u32) -> Vec<Field> {
    let mut taking = Taking::new(pieces, block_size);
    let block = taking.block;
    let mut copies: Vec<(u64, &'static str)> = Vec::new();
    // A header is the first block of a run.
    for piece in pieces {
        let at = piece.at.0.saturating_mul(block);
        let bytes = taking.bytes(at..at.saturating_add(block));
        let (Some(order), Some(header)) = (DdfHeader::byte_order(bytes), DdfHeader::view(bytes))
        else {
            continue;
        };
        let copy = match header.header_type() {
            HeaderType::Primary => "primary",
            HeaderType::Secondary => "secondary",
            _ => "anchor",
        };
        if copies.iter().any(|known| known.1 == copy) {
            continue;
        }
        copies.push((at, copy));
        let name = FieldName { copy, record: "header", index: None, entry: None, field: "" };
        taking.record(name, at, bytes, HEADER, DdfHeader::FIXED_LEN);
        rest(&mut taking, name, (at, bytes), DdfHeader::FIXED_LEN);
        if copy != "anchor" {
            for (section, address) in Section::ALL.into_iter().zip(&header.sections) {
                let (Some(from), Some(len)) =
                    (address.offset.present(order), address.length.present(order))
                else {
                    continue;
                };
                let at = at.saturating_add(u64::from(from).saturating_mul(block));
                let end = at.saturating_add(u64::from(len).saturating_mul(block));
                let slot = u64::from(header.configuration_record_length.get(order)) * block;
                let name = FieldName { record: section.name(), ..name };
                let bytes = taking.bytes(at..end);
                put(&mut taking, section, name, (at, bytes), (order, slot));
            }
        }
    }
    copies.sort_unstable();
    taking.finish(|at| {
        let before = copies.partition_point(|copy| copy.0 <= at).checked_sub(1);
        let copy = before.or((!copies.is_empty()).then_some(0)).and_then(|index| copies.get(index));
        copy.map_or(("no copy", 0), |(start, copy)| (copy, *start))
    })
}

/// The records of a section.
fn put(
    taking: &mut Taking<'_>,
    section: Section,
    name: FieldName,
    (at, bytes): (u64, &[u8]),
    (order, slot): (ByteOrder, u64),
) {
    match section {
        Section::ControllerData => {
            taking.record(name, at, bytes, CONTROLLER, ControllerData::FIXED_LEN);
            rest(taking, name, (at, bytes), ControllerData::FIXED_LEN);
        }
        Section::PhysicalDiskRecords => {
            list(taking, name, (at, bytes), (DISKS, 64), (DISK, 64));
        }
        Section::VirtualDiskRecords => {
            list(taking, name, (at, bytes), (VOLUMES, 64), (VOLUME, 64));
        }
        Section::ConfigurationRecords => {
            let size = usize::try_from(slot).unwrap_or(usize::MAX).max(1);
            for (index, slot) in (0u64..).zip(bytes.chunks(size)) {
                let at = at.saturating_add(index.saturating_mul(size as u64));
                configuration(taking, FieldName { index: Some(index), ..name }, (at, slot), order);
            }
        }
        Section::PhysicalDiskData => {
            taking.record(name, at, bytes, OWN, PhysicalDiskData::FIXED_LEN);
            rest(taking, name, (at, bytes), PhysicalDiskData::FIXED_LEN);
        }
        Section::BadBlockLog | Section::DiagnosticSpace | Section::VendorSpecificLogs => {
            taking.record(name, at, bytes, STAMP, 8);
            rest(taking, name, (at, bytes), 8);
        }
    }
}

/// What follows the last field of a record in its blocks.
fn rest(taking: &mut Taking<'_>, name: FieldName, (at, bytes): (u64, &[u8]), from: usize) {
    taking.field(FieldName { field: "rest", ..name }, at, bytes, from..bytes.len());
}

/// A head and entries of a size.
fn list(
    taking: &mut Taking<'_>,
    name: FieldName,
    (at, bytes): (u64, &[u8]),
    (head, head_len): (Table, usize),
    (table, len): (Table, usize),
) {
    taking.record(name, at, bytes, head, head_len);
    let entries = bytes.get(head_len..).unwrap_or_default();
    for (entry, bytes) in (0u64..).zip(entries.chunks(len)) {
        let own =
            at.saturating_add((head_len as u64).saturating_add(entry.saturating_mul(len as u64)));
        taking.record(FieldName { entry: Some(entry), ..name }, own, bytes, table, len);
    }
}

/// A slot of the configuration records.
fn configuration(
    taking: &mut Taking<'_>,
    name: FieldName,
    (at, slot): (u64, &[u8]),
    order: ByteOrder,
) {
    match ConfigurationRecord::of(slot, order) {
        ConfigurationRecord::VirtualDisk(_) => {
            let name = FieldName { record: "virtual disk configuration", ..name };
            taking.record(name, at, slot, CONFIGURATION, VdConfiguration::FIXED_LEN);
            let lists = FieldName { field: "lists", ..name };
            taking.field(lists, at, slot, VdConfiguration::FIXED_LEN..slot.len());
        }
        ConfigurationRecord::Spare(_) => {
            let name = FieldName { record: "spare assignment", ..name };
            list(taking, name, (at, slot), (SPARE, 32), (SERVED, 32));
        }
        ConfigurationRecord::VendorUnique(_) => {
            let name = FieldName { record: "vendor unique configuration", ..name };
            taking.record(name, at, slot, VENDOR, VendorUniqueConfiguration::FIXED_LEN);
            let data = FieldName { field: "vendor_data", ..name };
            taking.field(data, at, slot, VendorUniqueConfiguration::FIXED_LEN..slot.len());
        }
        _ => {
            let name = FieldName { record: "unused configuration record", ..name };
            rest(taking, name, (at, slot), 0);
        }
    }
}
