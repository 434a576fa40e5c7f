// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every member of every set that mdadm wrote says what `mdadm -E` printed of it: both list the same
//! fields, so the texts are compared line by line, blanks aside.

use crate::support::Disk;
use raid_core::array::Initialisation;
use raid_core::metadata::{DiskView, Piece};
use raid_ddf::{
    Assembly, ByteOrder, DdfDisk, DdfTime, DiskBytes, Disks, Guid, PdState, PdType, PrimaryLevel,
    SecondaryLevel, Section, UserAccess, VdCondition, VdConfiguration, VdFlags, VirtualDiskEntry,
    matching_crc,
};
use raid_testdata::{Facts, Scenario};

/// Six words in hex, as mdadm prints GUIDs.
fn words(guid: &Guid) -> String {
    let word = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    guid.0.chunks(4).map(word).collect::<Vec<_>>().join(":")
}

/// `month/day/year hour:minute:second` of a time stamp, UTC.
fn date(time: DdfTime) -> String {
    let seconds = time.to_unix().unwrap();
    let (mut days, second) = (seconds / 86400, seconds % 86400);
    let leap = |year: u64| year.is_multiple_of(4);
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let (day, year) = (days + 1, year % 100);
    format!("{month:02}/{day:02}/{year:02} {hour:02}:{minute:02}:{second:02}")
}

fn made(guid: &Guid, order: ByteOrder) -> String {
    format!("(Linux-MD {})", date(guid.created(order)))
}

fn condition(entry: &VirtualDiskEntry) -> String {
    let condition = match entry.condition() {
        VdCondition::Optimal => "Optimal",
        VdCondition::Degraded => "Degraded",
        VdCondition::PartiallyOptimal => "Partially Optimal",
        VdCondition::Failed => "Failed",
        other => panic!("{other:?}"),
    };
    let consistent = !entry.vd_flags().contains(VdFlags::NOT_CONSISTENT);
    format!("{condition}, {}", if consistent { "Consistent" } else { "Not Consistent" })
}

fn volume_lines(lines: &mut Vec<String>, disk: &DdfDisk<'_>) {
    let order = disk.order();
    let records = disk.virtual_disks().unwrap();
    for (index, entry) in records.used(order) {
        let guid = &entry.vd_guid;
        let initialisation = match entry.initialisation() {
            Initialisation::None => "Not Initialised",
            Initialisation::Running => "QuickInit in Progress",
            _ => "Fully Initialised",
        };
        assert_eq!(entry.access(), UserAccess::ReadWrite);
        lines.push(format!("VD GUID[{index}] : {}", words(guid)));
        lines.push(made(guid, order));
        lines.push(format!("unit[{index}] : {}", entry.vd_number.get(order)));
        lines.push(format!("state[{index}] : {}", condition(entry)));
        lines.push(format!("init state[{index}] : {initialisation}"));
        lines.push(format!("access[{index}] : Read/Write"));
        lines.push(format!("Name[{index}] : {}", entry.name()));
        let own = disk.records().find_map(|slot| {
            let record = disk.record_of(guid, slot.bytes[70])?;
            let sound = matching_crc(disk.crc_variant(), order, slot.bytes).is_some();
            let same = slot.bytes[8..32] == guid.0 && slot.bytes[..4] == [0xEE; 4];
            (sound && same).then_some(record)
        });
        own.into_iter().for_each(|record| record_lines(lines, index, disk, record));
    }
}

fn record_lines(
    lines: &mut Vec<String>,
    index: usize,
    disk: &DdfDisk<'_>,
    record: &VdConfiguration,
) {
    let order = disk.order();
    let disks = disk.physical_disks().unwrap();
    let lists = record.elements(disk.element_slots()).unwrap();
    let count = usize::from(record.primary_element_count.get(order));
    let elements = lists.references.iter().zip(lists.starting_blocks).take(count);
    let elements: Vec<String> = elements
        .map(|(reference, start)| {
            let at = disks.position(order, reference.get(order));
            let at = at.map_or("--".into(), |at| at.to_string());
            format!("{at}@{}K", start.get(order) / 2)
        })
        .collect();
    lines.push(format!("Raid Devices[{index}] : {count} ({})", elements.join(" ")));
    if let Some(blocks) = record.strip_blocks() {
        lines.push(format!("Chunk Size[{index}] : {blocks} sectors"));
    }
    let level = match PrimaryLevel::from_byte(record.primary_raid_level) {
        PrimaryLevel::Raid0 => "RAID0",
        PrimaryLevel::Raid1 => "RAID1",
        PrimaryLevel::Raid4 => "RAID4",
        PrimaryLevel::Raid5 => "RAID5",
        PrimaryLevel::Raid6 => "RAID6",
        PrimaryLevel::Raid1E => "RAID1E",
        other => panic!("{other:?}"),
    };
    lines.push(format!("Raid Level[{index}] : {level}"));
    if record.secondary_element_count > 1 {
        let (at, of) = (record.secondary_element_seq, record.secondary_element_count);
        let level = SecondaryLevel::from_byte(record.secondary_raid_level);
        assert_eq!(level, SecondaryLevel::Spanned);
        lines.push(format!("Secondary Position[{index}] : {at} of {of}"));
        lines.push(format!("Secondary Level[{index}] : Spanned"));
    }
    lines.push(format!("Device Size[{index}] : {}", record.block_count.get(order) / 2));
    lines.push(format!("Array Size[{index}] : {}", record.vd_size.get(order) / 2));
}

fn disk_lines(lines: &mut Vec<String>, disk: &DdfDisk<'_>, device: &str) {
    let order = disk.order();
    let records = disk.physical_disks().unwrap();
    lines.push(format!("Physical Disks : {}", records.max_pde_supported.get(order)));
    lines.push("Number RefNo Size Device Type/State".into());
    for (index, entry) in records.used(order) {
        let (pd_type, state) = (entry.pd_type(order), entry.pd_state(order));
        let mut words = String::new();
        for (flag, word) in [
            (PdType::PARTICIPATING, "active"),
            (PdType::GLOBAL_SPARE, "Global-Spare"),
            (PdType::CONFIGURED_SPARE, "spare"),
        ] {
            words += if pd_type.contains(flag) { word } else { "" };
        }
        let online = state & (PdState::ONLINE | PdState::FAILED) == PdState::ONLINE;
        words += if online { "/Online" } else { "/Offline" };
        for (flag, word) in [
            (PdState::FAILED, ", Failed"),
            (PdState::REBUILDING, ", Rebuilding"),
            (PdState::PREDICTED_FAILURE, ", SMART-errors"),
            (PdState::UNRECOVERED_ERRORS, ", Unrecovered-Read-Errors"),
            (PdState::MISSING, ", Missing"),
        ] {
            words += if state.contains(flag) { word } else { "" };
        }
        let reference = entry.pd_reference.get(order);
        let own = if disk.reference() == Some(reference) { device } else { "" };
        let size = entry.configured_size.get(order) / 2;
        lines.push(format!("{index} {reference:08x} {size}K {own} {words}"));
    }
}

/// What `mdadm -E` prints of a disk, blanks aside.
fn examine(disk: &DdfDisk<'_>, device: &str) -> Vec<String> {
    let (header, order) = (disk.header(), disk.order());
    let controller = disk.controller_data().unwrap().controller_guid;
    let tail = String::from_utf8_lossy(&controller.0[8..]).into_owned();
    let secondary = header.secondary_header_lba.present(order).is_some();
    let populated = disk.virtual_disks().unwrap().populated_vdes.get(order);
    let mut lines = vec![
        format!("{device}:"),
        format!("Magic : {:08x}", header.signature.get(order)),
        format!("Version : {}", header.revision()),
        format!("Controller GUID : {}", words(&controller)),
        format!("(Linux-MD{tail})"),
        format!("Container GUID : {}", words(&header.ddf_header_guid)),
        made(&header.ddf_header_guid, order),
        format!("Seq : {:08x}", disk.sequence().unwrap()),
        format!("Redundant hdr : {}", if secondary { "yes" } else { "no" }),
        format!("Virtual Disks : {populated}"),
    ];
    volume_lines(&mut lines, disk);
    disk_lines(&mut lines, disk, device);
    lines
}

fn without_blanks(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Compares all members of a scenario; gives the number of lines.
pub(super) fn compare(scenario: &Scenario, facts: &Facts, disks: &[Disk]) -> usize {
    let pieces: Vec<Vec<Piece<'_>>> = disks
        .iter()
        .map(|disk| disk.pieces.iter().map(|(at, bytes)| Piece { at: *at, bytes }).collect())
        .collect();
    let views = disks.iter().zip(&pieces);
    let views: Vec<_> =
        views.map(|(disk, pieces)| DiskView { shape: disk.shape, pieces }).collect();
    let views = &views[..];
    assert!(matches!(views.disk(0), Some(DiskBytes::View(_))));
    let mut scratch = vec![0; Assembly::scratch_words(&views)];
    let assembly = Assembly::new(&views, &mut scratch, &mut |_| {});
    let mut compared = 0;
    for (index, path) in scenario.disks.iter().enumerate() {
        let disk = assembly.disk(index).unwrap();
        assert!(disk.section_lba(Section::ControllerData).is_some());
        let printed = path.with_file_name(format!("d{index}.examine.txt"));
        let printed = std::fs::read_to_string(printed).unwrap();
        let printed: Vec<String> =
            printed.lines().map(without_blanks).filter(|line| !line.is_empty()).collect();
        let own: Vec<String> = examine(&disk, &format!("/dev/{}", facts.disks[index].dev))
            .iter()
            .map(|line| without_blanks(line))
            .collect();
        assert_eq!(own, printed, "{} disk {index}", scenario.name);
        compared += own.len();
    }
    compared
}
