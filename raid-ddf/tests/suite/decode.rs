// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every field of every record of the images, against a decode made by another program.
//!
//! `decode/decoded.txt` holds that decode, one line a record; GUIDs and texts are in hex, times in
//! seconds since 1980. Of the first disk of each scenario it has all, of the others what differs
//! from disk to disk.

use crate::support;
use raid_core::metadata::{DiskView, Piece};
use raid_core::units::{Extent, Lba};
use raid_ddf::{
    ByteOrder, ConfigurationRecord, CopyKind, DiskBytes, HeaderBlock, PhysicalDiskEntry,
    RecordSlot, Section, SpareAssignment, Structure, VdConfiguration, VirtualDiskEntry, anchor,
    matching_crc,
};
use raid_testdata::scenario;
use std::fmt::Write;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// In hex, `FF` if there is nothing else.
fn hex_or_ff(bytes: &[u8]) -> String {
    if bytes.iter().all(|byte| *byte == 0xFF) { "FF".into() } else { hex(bytes) }
}

fn crc(order: ByteOrder, record: &[u8]) -> &'static str {
    match matching_crc(Default::default(), order, record) {
        Some(raid_ddf::CrcVariant::A) => "crc(A)",
        Some(raid_ddf::CrcVariant::B) => "crc(B)",
        None => "crc(?)",
    }
}

fn header_line(name: &str, block: &HeaderBlock<'_>, bytes: &[u8]) -> String {
    let (h, o) = (block.header, block.order);
    let secondary = h.secondary_header_lba.present(o).map_or("none".into(), |lba| lba.to_string());
    format!(
        "{name}: crc={:08x}{} guid={} rev={} seq={:#x} ts={:#x} open={:02x} foreign={:02x} \
         grouping={:02x} primary={} secondary={secondary} type={} ws={}+{} max_pd={} max_vd={} \
         max_part={} crl={} mppe={} max_mbe={:#x}",
        h.crc.get(o),
        &crc(o, bytes)[3..],
        hex(&h.ddf_header_guid.0),
        h.revision(),
        h.sequence_number.get(o),
        h.timestamp.get(o),
        h.open_flag,
        h.foreign_flag,
        h.disk_grouping,
        h.primary_header_lba.get(o),
        h.header_type,
        h.workspace_lba.get(o),
        h.workspace_length.get(o),
        h.max_pd_entries.get(o),
        h.max_vd_entries.get(o),
        h.max_partitions.get(o),
        h.configuration_record_length.get(o),
        h.max_primary_element_entries.get(o),
        h.max_mapped_block_entries.get(o),
    )
}

fn sections_line(block: &HeaderBlock<'_>) -> String {
    let names = ["CD", "PDR", "VDR", "CR", "PDD", "BBM", "DIAG", "VSL"];
    let sections = Section::ALL.into_iter().zip(names).map(|(section, name)| {
        let address = block.header.section(section);
        let offset = address.offset.present(block.order);
        let offset = offset.map_or("none".into(), |offset| offset.to_string());
        format!("{name}@{offset}+{}", address.length.get(block.order))
    });
    format!("sections: {}", sections.collect::<Vec<_>>().join(" "))
}

fn disk_line(index: usize, e: &PhysicalDiskEntry, o: ByteOrder) -> String {
    format!(
        "[{index}] ref={:08x} type={:04x} state={:04x} size={} guid={} path={} blk={:04x}",
        e.pd_reference.get(o),
        e.pd_type.get(o),
        e.pd_state.get(o),
        e.configured_size.get(o),
        hex(&e.pd_guid.0),
        hex_or_ff(&e.path_information),
        e.block_size.get(o),
    )
}

fn volume_line(index: usize, e: &VirtualDiskEntry, o: ByteOrder) -> String {
    format!(
        "[{index}] guid={} num={} type_bytes={:?} state={:02x} init={:02x} dfr={:02x} name={}",
        hex(&e.vd_guid.0),
        e.vd_number.get(o),
        e.vd_type,
        e.vd_state,
        e.init_state,
        e.drive_failures_remaining,
        hex(&e.vd_name),
    )
}

fn time(stored: u32) -> String {
    if stored == u32::MAX { "-".into() } else { format!("{stored:#x}") }
}

fn record_lines(slot: &RecordSlot<'_>, r: &VdConfiguration, m: usize, o: ByteOrder) -> [String; 2] {
    let spares: Vec<u8> = zerocopy::IntoBytes::as_bytes(&r.associated_spares).to_vec();
    let fields = format!(
        "CR[{}] VDCR {} guid={} ts={} seq={} pec={} strip={} prl={:02x} rlq={:02x} sec_count={} \
         sec_seq={} srl={:02x} block_count={} vd_size={} blk={:04x} rotate={:02x} spares={} \
         cache={:016x} bg={:02x} mdf={:02x}/{:04x}/{:02x}",
        slot.index,
        crc(o, slot.bytes),
        hex(&r.vd_guid.0),
        time(r.timestamp.get(o)),
        r.sequence_number.get(o),
        r.primary_element_count.get(o),
        r.strip_size,
        r.primary_raid_level,
        r.raid_level_qualifier,
        r.secondary_element_count,
        r.secondary_element_seq,
        r.secondary_raid_level,
        r.block_count.get(o),
        r.vd_size.get(o),
        r.block_size.get(o),
        r.rotate_parity_count,
        hex_or_ff(&spares),
        r.cache_policies.get(o),
        r.bg_rate,
        r.mdf_parity_disks,
        r.mdf_parity_generator_polynomial.get(o),
        r.mdf_constant_generation_method,
    );
    let lists = r.elements(m).expect("lists that fit");
    let count = usize::from(r.primary_element_count.get(o));
    let elements = lists.references.iter().zip(lists.starting_blocks).take(count);
    let elements = elements.map(|(r, s)| format!("{:08x}@{}", r.get(o), s.get(o)));
    let mut unused: Vec<String> = lists.references[count..]
        .iter()
        .zip(&lists.starting_blocks[count..])
        .map(|(reference, start)| format!("{:08x} {:x}", reference.get(o), start.get(o)))
        .collect();
    unused.dedup();
    let elements = elements.collect::<Vec<_>>().join(" ");
    [fields, format!("elements {elements} unused {}", unused.join(" "))]
}

fn spare_line(slot: &RecordSlot<'_>, record: &SpareAssignment, o: ByteOrder) -> String {
    assert_eq!(record.used(o).count(), 0);
    format!(
        "CR[{}] SAR {} ts={} type={:02x} populated={} max={} entries=[]",
        slot.index,
        crc(o, slot.bytes),
        time(record.timestamp.get(o)),
        record.spare_type,
        record.populated_saes.get(o),
        record.max_sae_supported.get(o),
    )
}

/// Everything behind a header, record by record.
fn structure_lines(copy: &Structure<'_>) -> Vec<String> {
    let o = copy.order();
    let section_crc = |section| crc(o, copy.section(section).unwrap());
    let mut lines = Vec::new();
    let cd = copy.controller_data().unwrap();
    let vendor_end = cd.vendor_unique.iter().rposition(|byte| *byte != 0xFF).map_or(0, |i| i + 1);
    lines.push(format!(
        "CD {} sig={:08x} guid={} type={:?}{:?}{:?}{:?} product={} vendor={}",
        section_crc(Section::ControllerData),
        cd.signature.get(o),
        hex(&cd.controller_guid.0),
        cd.vendor_id,
        cd.device_id,
        cd.sub_vendor_id,
        cd.sub_device_id,
        hex(&cd.product_id),
        hex(&cd.vendor_unique[..vendor_end]),
    ));
    let pdr = copy.physical_disks().unwrap();
    lines.push(format!(
        "PDR {} sig={:08x} populated={} max={}",
        section_crc(Section::PhysicalDiskRecords),
        pdr.signature.get(o),
        pdr.populated_pdes.get(o),
        pdr.max_pde_supported.get(o),
    ));
    lines.extend(pdr.used(o).map(|(index, entry)| disk_line(index, entry, o)));
    let vdr = copy.virtual_disks().unwrap();
    lines.push(format!(
        "VDR {} sig={:08x} populated={} max={}",
        section_crc(Section::VirtualDiskRecords),
        vdr.signature.get(o),
        vdr.populated_vdes.get(o),
        vdr.max_vde_supported.get(o),
    ));
    lines.extend(vdr.used(o).map(|(index, entry)| volume_line(index, entry, o)));
    for slot in copy.records() {
        match slot.record {
            ConfigurationRecord::VirtualDisk(record) => {
                lines.extend(record_lines(&slot, record, copy.element_slots(), o));
            }
            ConfigurationRecord::Spare(record) => lines.push(spare_line(&slot, record, o)),
            ConfigurationRecord::Unused if slot.bytes.iter().any(|byte| *byte != 0xFF) => {
                lines.push(format!(
                    "CR[{}] unused signature FFFFFFFF but not all FF: {} first24={}",
                    slot.index,
                    crc(o, slot.bytes),
                    hex(&slot.bytes[..24]),
                ));
            }
            ConfigurationRecord::Unused => {}
            other => panic!("{other:?}"),
        }
    }
    let pdd = copy.disk_data().unwrap();
    lines.push(format!(
        "PDD {} sig={:08x} guid={} ref={:08x} forced_ref={:02x} forced_guid={:02x} vendor={}",
        section_crc(Section::PhysicalDiskData),
        pdd.signature.get(o),
        hex(&pdd.pd_guid.0),
        pdd.pd_reference.get(o),
        pdd.forced_ref_flag,
        pdd.forced_pd_guid_flag,
        hex_or_ff(&pdd.vendor_specific_scratch_space),
    ));
    lines
}

/// All lines of a disk.
fn disk_lines(disk: &support::Disk) -> Vec<String> {
    let pieces: Vec<Piece<'_>> =
        disk.pieces.iter().map(|(at, bytes)| Piece { at: *at, bytes }).collect();
    let bytes = DiskBytes::View(DiskView { shape: disk.shape, pieces: &pieces });
    let (_, anchor) = anchor(bytes).expect("a DDF disk");
    let block = |at: Lba| bytes.get(Extent::new(at.0, 1)).unwrap();
    let mut lines = vec![header_line("anchor", &anchor, block(anchor.at)), sections_line(&anchor)];
    let mut primary = Vec::new();
    for (kind, name) in [(CopyKind::Primary, "primary"), (CopyKind::Secondary, "secondary")] {
        let Some(at) = anchor.copy_lba(kind) else { continue };
        let header = HeaderBlock::read(bytes, at).unwrap();
        lines.push(header_line(name, &header, block(at)));
        let sections = structure_lines(&Structure::read(bytes, &anchor, kind).unwrap());
        if kind == CopyKind::Primary {
            lines.extend(sections.iter().cloned());
            primary = sections;
        } else if sections == primary {
            lines.push("sections identical to primary".into());
        } else {
            lines.extend(sections);
        }
    }
    lines
}

fn compare(scenario: &raid_testdata::Scenario, decoded: &str) -> usize {
    let disks = support::read_scenario(scenario);
    let mut lines = decoded.lines();
    let mut compared = 0;
    lines.next();
    for (index, disk) in disks.iter().enumerate() {
        let mut rendered = disk_lines(disk).into_iter();
        let expected = lines.clone().take_while(|line| !line.contains(" blocks of "));
        for line in expected {
            let found = rendered.by_ref().find(|rendered| rendered == line);
            assert!(found.is_some(), "{} disk {index}: nothing like\n{line}", scenario.name);
            compared += 1;
        }
        if index == 0 {
            assert_eq!(rendered.next(), None, "{}: more than expected", scenario.name);
        }
        lines.by_ref().find(|line| line.contains(" blocks of "));
    }
    compared
}

fn compare_group(group: &str) -> usize {
    let text = include_str!("decode/decoded.txt");
    let mut compared = 0;
    for decoded in text.split("== ").skip(1) {
        let (name, decoded) = decoded.split_once('\n').unwrap();
        if raid_testdata::scenarios().iter().any(|s| s.group == group && s.name == name) {
            compared += compare(&scenario(group, name), decoded);
        }
    }
    compared
}

#[test]
#[cfg_attr(miri, ignore = "unpacks images through a C library")]
fn every_record_of_mdadm_says_what_another_decoder_read() {
    assert_eq!(compare_group("ddf-mdadm-4.2") + compare_group("ddf-util-linux"), 280);
}

#[test]
#[cfg_attr(miri, ignore = "unpacks images through a C library")]
fn every_record_of_graid_says_what_another_decoder_read() {
    assert_eq!(compare_group("ddf-graid"), 227);
}
