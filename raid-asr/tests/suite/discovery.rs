// SPDX-License-Identifier: MIT OR Apache-2.0
//! One disk: where its metadata is looked for, and what the disk is.

use crate::generator::{
    DISK_BLOCKS, Disk, Found, Image, Line, Probe, assemble, assemble_images, assemble_probes,
    global_spare, magic, members, one_level, two_levels,
};
use raid_asr::{Asr, finding};
use raid_core::array::{ArrayState, MemberState};
use raid_core::metadata::{DiskShape, DiskView, Format, Lookup, Piece, Subject};
use raid_core::units::{Blocks, Extent, Lba};

fn mirror() -> Vec<Disk> {
    members(&one_level(1, 2))
}

fn role(found: &Found) -> &'static str {
    found.disks[0].role.name()
}

#[test]
fn a_disk_takes_two_reads_the_last_block_and_the_table() {
    let probe = Probe::of(&mirror()[0].image(), &[]);
    assert_eq!(probe.last, Lookup::Complete);
    let read: Vec<_> = probe.pieces.iter().map(|(at, bytes)| (at.0, bytes.len())).collect();
    assert_eq!(read, [(DISK_BLOCKS - 1, 512), (DISK_BLOCKS - 17, 8192)]);
}

#[test]
fn a_blank_or_tiny_disk_is_absent() {
    for blocks in [0, 1, 16, 17, 2881] {
        let probe = Probe::of(&Image { blocks, tail: Vec::new() }, &[]);
        assert_eq!(probe.last, Lookup::Absent, "{blocks} blocks");
        assert_eq!(assemble_probes(&[probe]), Found::default());
    }
}

#[test]
fn a_disk_too_small_for_a_table_is_absent_whatever_its_last_block_says() {
    let tail = mirror()[0].reserved_block();
    for blocks in 1..17 {
        let probe = Probe::of(&Image { blocks, tail: tail.clone() }, &[]);
        assert_eq!(probe.last, Lookup::Absent, "{blocks} blocks");
    }
    let probe = Probe::of(&Image { blocks: 17, tail }, &[]);
    assert_eq!(probe.last, Lookup::Complete);
}

#[test]
fn a_disk_of_which_nothing_was_read_is_passed_over_and_one_half_read_is_not() {
    let shape = DiskShape { blocks: Blocks(DISK_BLOCKS), block_size: 512 };
    let view = DiskView { shape, pieces: &[] };
    assert_eq!(Asr::new().next_read(&view), Lookup::Read(Extent::new(DISK_BLOCKS - 1, 1)));
    let mut found = Found::default();
    Asr::new().assemble(&[view], &mut found);
    assert_eq!(found, Found::default());

    let reserved = mirror()[0].reserved_block();
    let pieces = [Piece { at: Lba(DISK_BLOCKS - 1), bytes: &reserved }];
    let view = DiskView { shape, pieces: &pieces };
    assert_eq!(Asr::new().next_read(&view), Lookup::Read(Extent::new(DISK_BLOCKS - 17, 16)));
    Asr::new().assemble(&[view], &mut found);
    assert_eq!(found.findings[0].code, finding::UNREAD.code);
    assert_eq!(found.findings[0].at, Some(Lba(DISK_BLOCKS - 17)));
    assert!(found.disks.is_empty());
}

#[test]
fn the_pointer_is_followed() {
    let disks = mirror().into_iter().map(|disk| Disk { pointer: Some(63_500), ..disk });
    let images = disks.map(|disk| {
        let mut tail = disk.table();
        tail.resize((65_535 - 63_500) * 512, 0);
        tail.extend(disk.reserved_block());
        Image { blocks: disk.blocks, tail }
    });
    let found = assemble_images(&images.collect::<Vec<_>>());
    assert_eq!(found.findings, []);
    assert_eq!(found.arrays[0].state, ArrayState::Optimal);
    assert_eq!(found.disks[0].usable, Blocks(63_500));
}

#[test]
fn a_pointer_outside_the_disk_leads_to_the_table_at_the_end() {
    for pointer in [0, 65_520, u32::MAX] {
        let disk = Disk { pointer: Some(pointer), ..mirror().remove(0) };
        let found = assemble(&[disk]);
        let told = found.findings.iter().find(|f| f.code == finding::TABLE_POINTER.code).unwrap();
        assert_eq!((told.found, told.expected), (Some(pointer.into()), Some(65_519)));
        assert_eq!(role(&found), "member");
    }
}

#[test]
fn a_pointer_to_no_table_leads_to_the_table_at_the_end() {
    let image = Disk { pointer: Some(4_000), ..mirror().remove(0) }.image();
    for bad in [&[][..], &[4_003]] {
        let found = assemble_probes(&[Probe::of(&image, bad)]);
        assert!(found.has(finding::TABLE_NOT_AT_POINTER));
        assert_eq!(role(&found), "member");
    }
}

#[test]
fn a_damaged_table_at_the_pointer_is_not_passed_over() {
    // A table of another line size at the pointer, an old good one at the end.
    let disk = Disk { pointer: Some(65_400), ..mirror().remove(0) };
    let mut at_pointer = disk.table();
    at_pointer[0x0D] = 0x80;
    at_pointer.resize((65_519 - 65_400) * 512, 0);
    let tail = [at_pointer, disk.image().tail].concat();
    let found = assemble_images(&[Image { blocks: disk.blocks, tail }]);
    let told = found.findings.iter().find(|f| f.code == finding::TABLE.code).unwrap();
    assert_eq!((told.what, told.found, told.expected), ("elmsize", Some(128), Some(64)));
    assert_eq!(told.at, Some(Lba(65_400)));
    assert_eq!(role(&found), "no table");
}

#[test]
fn each_magic_and_the_version_are_needed() {
    for (at, value, what) in [(0x000, 0x36, "b0idcode"), (0x103, 0, "smagic"), (0x3F, 7, "resver")]
    {
        let mut image = mirror()[0].image();
        image.tail[8192 + at] = value;
        let probe = Probe::of(&image, &[]);
        assert_eq!(probe.last, Lookup::Complete, "a trace of the format is worth a word");
        let found = assemble_probes(&[probe]);
        assert!(found.disks.is_empty() && found.arrays.is_empty());
        assert_eq!(found.findings[0].code, finding::RESERVED_BLOCK.code);
        assert_eq!(found.findings[0].what, what);
        assert_eq!(found.findings[0].at, Some(Lba(DISK_BLOCKS - 1)));
        assert_eq!(found.value(Subject::Disk(0), "drivemagic"), Some(magic(0).into()));
    }
}

#[test]
fn without_either_magic_a_disk_is_absent() {
    let mut image = mirror()[0].image();
    image.tail[8192] = 0;
    image.tail[8192 + 0x100] = 0;
    assert_eq!(Probe::of(&image, &[]).last, Lookup::Absent);
}

#[test]
fn an_unreadable_reserved_block_is_told_when_a_table_stands_beside_it() {
    let image = mirror()[0].image();
    let found = assemble_probes(&[Probe::of(&image, &[DISK_BLOCKS - 1])]);
    assert_eq!(found.findings[0].code, finding::RESERVED_BLOCK_UNREADABLE.code);
    assert!(found.disks.is_empty());
    let blank = Image { blocks: DISK_BLOCKS, tail: Vec::new() };
    assert_eq!(Probe::of(&blank, &[DISK_BLOCKS - 1]).last, Lookup::Absent);
}

#[test]
fn larger_blocks_are_refused() {
    let image = mirror()[0].image();
    let end = &image.tail[image.tail.len() - 4096..];
    let shape = DiskShape { blocks: Blocks(DISK_BLOCKS / 8), block_size: 4096 };
    let last = Lba(DISK_BLOCKS / 8 - 1);
    let none = DiskView { shape, pieces: &[] };
    assert_eq!(Asr::new().next_read(&none), Lookup::Read(Extent { start: last, len: Blocks(1) }));
    let pieces = [Piece { at: last, bytes: end }];
    let view = DiskView { shape, pieces: &pieces };
    assert_eq!(Asr::new().next_read(&view), Lookup::Complete);
    let mut found = Found::default();
    Asr::new().assemble(&[view], &mut found);
    assert_eq!(found.findings[0].code, finding::BLOCK_SIZE.code);
    assert_eq!((found.findings[0].found, found.findings[0].expected), (Some(4096), Some(512)));
    assert!(found.arrays.is_empty());
}

#[test]
fn a_disk_without_a_table_is_named_and_its_array_knows_it() {
    let mut images: Vec<_> = mirror().iter().map(Disk::image).collect();
    images[1].tail[0] = 0;
    let found = assemble_images(&images);
    assert_eq!(found.disks[1].role.name(), "no table");
    let told = found.findings.iter().find(|f| f.code == finding::TABLE.code).unwrap();
    assert_eq!((told.disk, told.what, told.found), (Some(1), "ridcode", Some(0x0007_65C4)));
    assert!(found.has(finding::NO_OWN_COPY));
    assert_eq!(found.members[1].state, MemberState::Stale);
    assert_eq!(found.arrays[0].state, ArrayState::Degraded);
}

#[test]
fn an_unreadable_table_is_told_apart_from_a_damaged_one() {
    let found = assemble_probes(&[Probe::of(&mirror()[0].image(), &[DISK_BLOCKS - 10])]);
    let told = found.findings.iter().find(|f| f.code == finding::TABLE.code).unwrap();
    assert_eq!((told.at, told.found), (Some(Lba(DISK_BLOCKS - 17)), None));
}

#[test]
fn a_table_of_no_lines_makes_a_disk_unused() {
    let found = assemble(&[Disk::new(magic(0), &[])]);
    assert_eq!(role(&found), "unused");
    assert_eq!(found.findings, []);
}

#[test]
fn a_disk_that_its_table_does_not_name_is_reported() {
    let stranger = Disk { drivemagic: 0xCAFE, ..mirror().remove(0) };
    let found = assemble(&[stranger]);
    assert_eq!(role(&found), "not in its own table");
    let told = found.findings.iter().find(|f| f.code == finding::NOT_LISTED.code).unwrap();
    assert_eq!((told.disk, told.found), (Some(0), Some(0xCAFE)));
    assert!(found.arrays.is_empty());
}

#[test]
fn a_disk_that_its_table_names_twice_is_refused() {
    let mut lines = one_level(1, 3);
    lines[3].magic = magic(0);
    let found = assemble(&[Disk::new(magic(0), &lines)]);
    assert_eq!(role(&found), "twice in its own table");
    let told = found.findings.iter().find(|f| f.code == finding::LISTED_TWICE.code).unwrap();
    assert_eq!((told.found, told.expected), (Some(1), Some(3)));
    assert!(found.arrays.is_empty());
}

#[test]
fn a_disk_without_an_identity_belongs_to_nothing() {
    let mut lines = one_level(1, 2);
    lines[1].magic = u32::MAX;
    let found = assemble(&[Disk::new(u32::MAX, &lines)]);
    assert!(found.has(finding::NO_DRIVEMAGIC) && found.arrays.is_empty());
    assert_eq!(role(&found), "no identity");
}

#[test]
fn a_disk_line_outside_any_array_is_reported() {
    let lines = &one_level(1, 2)[1..];
    let found = assemble(&[Disk::new(magic(0), lines)]);
    assert_eq!(role(&found), "in no array");
    assert!(found.has(finding::IN_NO_ARRAY) && found.has(finding::STRAY_LINE));
}

#[test]
fn a_disk_directly_below_an_array_of_arrays_is_no_member() {
    let mut lines = two_levels(0, 1, 2);
    lines.insert(1, Line::disk(1, magic(9), 9));
    let found = assemble(&[Disk::new(magic(9), &lines)]);
    assert_eq!(role(&found), "in no array");
    assert!(found.has(finding::IN_NO_ARRAY) && found.arrays.is_empty());
}

#[test]
fn more_lines_than_there_is_room_for_are_refused_whatever_maxelm_says() {
    let mut image = Disk { maxelm: 0xFFFF, ..mirror().remove(0) }.image();
    image.tail[0x0A..0x0C].copy_from_slice(&256u16.to_be_bytes());
    let found = assemble_images(&[image]);
    let told = found.findings.iter().find(|f| f.code == finding::TABLE.code).unwrap();
    assert_eq!((told.what, told.found, told.expected), ("elmcnt", Some(256), Some(127)));
}

#[test]
fn a_global_spare_is_a_disk_of_its_own() {
    let found = assemble(&[global_spare(0x9000_0001), global_spare(0x9000_0002)]);
    assert_eq!(found.disks.len(), 2);
    for disk in &found.disks {
        assert_eq!((disk.role.name(), disk.role.is_spare()), ("global spare", true));
        assert_eq!(disk.usable, Blocks(DISK_BLOCKS - 17));
    }
    assert!(found.arrays.is_empty());
    assert_eq!(found.findings, []);
}

#[test]
fn a_spare_whose_header_names_no_array_serves_any() {
    let found = assemble(&[Disk { header_magic: 0, ..global_spare(0x9000_0001) }]);
    assert_eq!(
        (found.disks[0].role.name(), found.disks[0].role.is_spare()),
        ("global spare", true)
    );
}

#[test]
fn a_failed_spare_is_no_spare() {
    let mut spare = global_spare(0x9000_0001);
    spare.lines[1].state = 0x03;
    let found = assemble(&[spare]);
    assert_eq!((found.disks[0].role.name(), found.disks[0].role.is_spare()), ("failed", false));
    assert!(found.has(finding::SPARE_STATE));
}

#[test]
fn a_dedicated_spare_names_its_array_and_is_missed_when_absent() {
    let array = 0x1234_5678;
    let mut disks: Vec<_> =
        mirror().into_iter().map(|disk| Disk { spare: 0x9000_0001, ..disk }).collect();
    assert!(assemble(&disks).has(finding::SPARE_ABSENT));
    disks.push(Disk { header_magic: array, ..global_spare(0x9000_0001) });
    let found = assemble(&disks);
    assert_eq!(
        (found.disks[2].role.name(), found.disks[2].role.is_spare()),
        ("dedicated spare", true)
    );
    assert_eq!(found.disks[2].configuration, found.arrays[0].id);
    assert!(!found.has(finding::SPARE_ABSENT));
}

#[test]
fn a_dummy_checksum_of_version_2_is_noted_and_of_version_1_is_damage() {
    let dummy = |version| Disk { version, checksum: Some(0x0805), ..mirror().remove(0) };
    let found = assemble(&[dummy(2)]);
    let told =
        found.findings.iter().find(|f| f.code == finding::CHECKSUM_NOT_MAINTAINED.code).unwrap();
    assert_eq!(told.found, Some(0x0805));
    assert!(!found.has(finding::CHECKSUM_SUSPECT));
    let found = assemble(&[dummy(1)]);
    assert!(found.has(finding::CHECKSUM_SUSPECT) && !found.has(finding::CHECKSUM_NOT_MAINTAINED));
    assert_eq!(found.arrays[0].state, ArrayState::Degraded, "the only copy there is");
}
