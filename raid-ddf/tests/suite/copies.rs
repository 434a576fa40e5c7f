// SPDX-License-Identifier: MIT OR Apache-2.0
//! One disk: where its metadata is looked for, and which copy is used when the copies differ.

use crate::support;
use crate::support::handmade::{
    BLOCKS, Handmade, PRIMARY, Plan, RAID1, RAID5, SECONDARY, reference, section_lba,
};
use crate::support::{Told, assemble, read_disk};
use raid_core::array::{ArrayState, MemberState};
use raid_core::metadata::{Finding, Lookup, Severity};
use raid_core::units::{Extent, Lba};
use raid_ddf::{AnchorSearch, ByteOrder, CopyKind, CrcVariant, Ddf, Section};
use raid_ddf::{DdfHeader, U16, U32, U64, VdFlags};

fn is_optimal(told: &Told) -> bool {
    let (array, members) = told.array("volume");
    array.state == ArrayState::Optimal && members.iter().all(|m| m.state == MemberState::InSync)
}

#[test]
fn both_orders_both_crcs_and_both_block_sizes_are_read_alike() {
    for order in [ByteOrder::Big, ByteOrder::Little] {
        for variant in [CrcVariant::A, CrcVariant::B] {
            for block_size in [512, 4096] {
                let made = Plan { order, variant, block_size, ..RAID5 }.build();
                let told = made.assemble();
                assert!(is_optimal(&told), "{order:?} {variant:?} {block_size}: {told:#?}");
                assert!(told.codes(Severity::Warning).is_empty());
                assert_eq!(told.disks[0].sequence, Some(10));
                let (array, _) = told.array("volume");
                assert_eq!(array.geometry.strip.0, 16);
                assert_eq!(array.size.0, 128);
            }
        }
    }
}

#[test]
fn discovery_reads_anchor_headers_and_one_run_behind_each_header() {
    let made = RAID1.build();
    let disk = made.read_with(0, &[]);
    let read: Vec<(u64, usize)> =
        disk.pieces.iter().map(|(at, bytes)| (at.0, bytes.len() / 512)).collect();
    let expected =
        [(BLOCKS - 1, 1), (PRIMARY, 1), (PRIMARY + 1, 14), (SECONDARY, 1), (SECONDARY + 1, 14)];
    assert_eq!(read, expected);
    assert_eq!(disk.answer, Lookup::Complete);
}

#[test]
fn a_disk_without_a_header_in_either_place_is_absent() {
    let made = RAID1.build();
    let disk = read_disk(made.shape(), |extent| Some(vec![0x5A; extent.len.0 as usize * 512]));
    assert_eq!(disk.answer, Lookup::Absent);
    let read: Vec<u64> = disk.pieces.iter().map(|(at, _)| at.0).collect();
    assert_eq!(read, [BLOCKS - 1, BLOCKS - 257]);
    assert!(assemble(&[disk]).findings.is_empty());
}

#[test]
fn disks_smaller_than_the_places_to_look_at_are_absent() {
    for blocks in [0, 1, 256, 257] {
        let mut shape = RAID1.build().shape();
        shape.blocks.0 = blocks;
        let disk = read_disk(shape, |extent| Some(vec![0; extent.len.0 as usize * 512]));
        assert_eq!(disk.answer, Lookup::Absent);
    }
}

/// A mirror whose anchors are where Adaptec has them.
fn adaptec() -> Handmade {
    let mut made = RAID1.build();
    for disk in 0..2 {
        let anchor = made.run(disk, BLOCKS - 1, 1).to_vec();
        made.run(disk, BLOCKS - 257, 1).copy_from_slice(&anchor);
        // Its extent may not run over the anchor.
        made.on_disk(disk, |made, kind| {
            made.record(disk, kind).block_count = U64::new(ByteOrder::Big, 40);
            made.record(disk, kind).vd_size = U64::new(ByteOrder::Big, 40);
        });
        made.run(disk, BLOCKS - 1, 1).fill(0);
    }
    made
}

#[test]
fn the_anchor_of_adaptec_is_found_257_blocks_before_the_end() {
    let told = adaptec().assemble();
    assert!(is_optimal(&told), "{told:#?}");
    assert!(told.has(103));
}

#[test]
fn a_sound_anchor_of_adaptec_goes_before_a_damaged_one_at_the_end() {
    let mut made = adaptec();
    for disk in 0..2 {
        let anchor = made.run(disk, BLOCKS - 257, 1).to_vec();
        made.run(disk, BLOCKS - 1, 1).copy_from_slice(&anchor);
        lead_astray(made.anchor(disk));
    }
    let told = made.assemble();
    assert!(is_optimal(&told), "{told:#?}");
    assert!(told.has(103) && !told.has(101), "{:?}", told.findings);
}

/// Damages a header: it names copies where there are none, and its CRC is wrong.
fn lead_astray(header: &mut DdfHeader) {
    header.primary_header_lba = U64::new(ByteOrder::Big, 7);
    header.secondary_header_lba = U64::new(ByteOrder::Big, 8);
}

#[test]
fn a_damaged_anchor_still_leads_to_the_copies() {
    let mut made = RAID1.build();
    made.run(0, BLOCKS - 1, 1)[300] ^= 1;
    let told = made.assemble();
    assert!(is_optimal(&told));
    assert_eq!(told.codes(Severity::Warning), [101]);
    let finding = told.findings.iter().find(|finding| finding.code == 101).unwrap();
    assert_eq!((finding.disk, finding.at), (Some(0), Some(Lba(BLOCKS - 1))));
    assert!(finding.found.is_some() && finding.found != finding.expected);
}

#[test]
fn a_header_crc_over_its_512_bytes_is_taken_on_larger_blocks() {
    let mut made = Plan { block_size: 4096, ..RAID1 }.build();
    for at in [BLOCKS - 1, PRIMARY, SECONDARY] {
        let bytes = &mut made.run(0, at, 1)[..512];
        raid_ddf::seal(CrcVariant::B, ByteOrder::Big, bytes);
    }
    let told = made.assemble();
    assert!(is_optimal(&told));
    assert!(told.has(122));
    assert!(told.codes(Severity::Warning).is_empty());
}

/// Spoils one thing of the primary copy of disk 0 and gives the finding it should be told by.
#[test]
fn whatever_is_wrong_with_the_primary_the_secondary_is_used_and_the_reason_told() {
    type Spoil = fn(&mut Handmade);
    const ORDER: ByteOrder = ByteOrder::Big;
    let spoils: &[(u16, Spoil)] = &[
        (108, |made| made.run(0, PRIMARY, 1)[0] ^= 1),
        (109, |made| made.run(0, PRIMARY, 1)[500] ^= 1),
        (110, |made| {
            made.header(0, CopyKind::Primary).header_type = 2;
            made.seal(0);
        }),
        (111, |made| {
            made.header(0, CopyKind::Primary).ddf_header_guid.0[23] ^= 1;
            made.seal(0);
        }),
        (113, |made| {
            made.header(0, CopyKind::Primary).configuration_record_length = U16::new(ORDER, 0);
            made.seal(0);
        }),
        (113, |made| {
            made.header(0, CopyKind::Primary).configuration_record_length = U16::new(ORDER, 9);
            made.seal(0);
        }),
        (114, |made| {
            let header = made.header(0, CopyKind::Primary);
            header.section_mut(Section::PhysicalDiskData).offset = U32::new(ORDER, 40);
            made.seal(0);
        }),
        (114, |made| {
            let header = made.header(0, CopyKind::Primary);
            header.section_mut(Section::PhysicalDiskData).offset = U32::new(ORDER, 3);
            made.seal(0);
        }),
        (114, |made| {
            let header = made.header(0, CopyKind::Primary);
            header.section_mut(Section::PhysicalDiskData).offset = U32::new(ORDER, 0);
            made.seal(0);
        }),
        (114, |made| {
            let header = made.header(0, CopyKind::Primary);
            header.section_mut(Section::ControllerData).length = U32::new(ORDER, 0);
            made.seal(0);
        }),
        (117, |made| made.run(0, PRIMARY + 2, 1)[0] ^= 1),
        (117, |made| made.run(0, PRIMARY + 4, 1)[0] ^= 1),
        (117, |made| made.run(0, PRIMARY + 14, 1)[0] ^= 1),
        (117, |made| made.run(0, PRIMARY + 1, 1)[0] ^= 1),
        (118, |made| made.run(0, PRIMARY + 1, 1)[99] ^= 1),
        (118, |made| made.run(0, PRIMARY + 3, 1)[99] ^= 1),
        (118, |made| made.run(0, PRIMARY + 5, 1)[99] ^= 1),
        (118, |made| made.run(0, PRIMARY + 14, 1)[99] ^= 1),
        (118, |made| made.run(0, PRIMARY + 7, 1)[99] ^= 1),
        (121, |made| made.run(0, PRIMARY + 6, 1)[0] ^= 1),
    ];
    for (index, (code, spoil)) in spoils.iter().enumerate() {
        let mut made = RAID1.build();
        spoil(&mut made);
        let told = made.assemble();
        assert!(is_optimal(&told), "{index}: {told:#?}");
        assert!(told.has(*code), "{index}: {code} not in {:?}", told.findings);
        assert!(told.has(202), "{index}: the secondary was not used");
    }
}

#[test]
fn a_copy_that_cannot_be_read_is_replaced_by_the_other() {
    let made = RAID1.build();
    for (bad, code) in [(PRIMARY, 107), (PRIMARY + 1, 116), (PRIMARY + 9, 116)] {
        let disks = [made.read_with(0, &[bad]), made.read_with(1, &[])];
        let told = assemble(&disks);
        assert!(is_optimal(&told));
        assert_eq!(told.codes(Severity::Damage), [code]);
        assert!(told.has(202));
    }
}

#[test]
fn a_disk_of_which_no_copy_can_be_used_is_refused() {
    let made = RAID1.build();
    let disks = [made.read_with(0, &[PRIMARY, SECONDARY]), made.read_with(1, &[])];
    let told = assemble(&disks);
    assert!(told.has(201));
    assert_eq!(told.disks.len(), 1);
    assert_eq!(told.array("volume").0.state, ArrayState::Degraded);
}

#[test]
fn a_disk_without_a_secondary_copy_is_no_worse() {
    let mut made = RAID1.build();
    for disk in 0..2 {
        made.anchor(disk).secondary_header_lba = U64::ALL_ONES;
        made.on_disk(disk, |made, kind| {
            made.header(disk, kind).secondary_header_lba = U64::ALL_ONES;
        });
        made.run(disk, SECONDARY, 15).fill(0);
    }
    let told = made.assemble();
    assert!(is_optimal(&told));
    assert!(told.codes(Severity::Warning).is_empty());
}

/// The copies of disk 0: sequence number, open, and whether a section has a wrong crc.
fn with_copies(primary: (u32, bool, bool), secondary: (u32, bool, bool)) -> Handmade {
    let mut made = RAID1.build();
    for (kind, (sequence, open, _)) in CopyKind::ALL.into_iter().zip([primary, secondary]) {
        let header = made.header(0, kind);
        header.sequence_number = U32::new(ByteOrder::Big, sequence);
        header.open_flag = open.into();
    }
    made.seal(0);
    for (kind, (.., damaged)) in CopyKind::ALL.into_iter().zip([primary, secondary]) {
        if damaged {
            let at = section_lba(kind, Section::PhysicalDiskRecords).0;
            made.run(0, at, 1)[500] ^= 1;
        }
    }
    made
}

#[test]
fn a_closed_sound_copy_is_preferred_then_the_newer_then_the_primary() {
    const OPEN: bool = true;
    const BAD: bool = true;
    let cases = [
        ((10, false, false), (10, false, false), CopyKind::Primary),
        ((11, false, false), (10, false, false), CopyKind::Primary),
        ((10, false, false), (11, false, false), CopyKind::Secondary),
        // Interrupted while the primary was written: mdadm would use it all the same.
        ((11, OPEN, false), (10, false, false), CopyKind::Secondary),
        ((11, OPEN, BAD), (10, false, false), CopyKind::Secondary),
        // Interrupted while the secondary was written.
        ((11, false, false), (11, OPEN, false), CopyKind::Primary),
        ((11, false, false), (11, OPEN, BAD), CopyKind::Primary),
        // Damage beats age.
        ((12, false, BAD), (10, false, false), CopyKind::Secondary),
        ((10, OPEN, false), (12, false, BAD), CopyKind::Primary),
        // Nothing better at hand.
        ((12, OPEN, false), (11, OPEN, false), CopyKind::Primary),
        ((11, OPEN, BAD), (12, OPEN, BAD), CopyKind::Secondary),
    ];
    for (primary, secondary, used) in cases {
        let told = with_copies(primary, secondary).assemble();
        let on_secondary = told.has(202);
        assert_eq!(on_secondary, used == CopyKind::Secondary, "{primary:?} {secondary:?}");
    }
}

#[test]
fn the_newer_copy_is_known_across_the_wrap_of_the_counter() {
    const LAST: u32 = u32::MAX - 1;
    for (primary, secondary, used) in [
        (LAST, 1, CopyKind::Secondary),
        (LAST, 0, CopyKind::Secondary),
        (1, LAST, CopyKind::Primary),
    ] {
        let told = with_copies((primary, false, false), (secondary, false, false)).assemble();
        assert_eq!(told.has(202), used == CopyKind::Secondary, "{primary} {secondary}");
        // One update, not billions.
        assert!(told.has(205) && !told.has(206), "{primary} {secondary}");
    }
}

#[test]
fn a_copy_that_keeps_a_number_goes_before_one_that_keeps_none() {
    let mut made = RAID1.build();
    made.header(0, CopyKind::Primary).sequence_number = U32::ALL_ONES;
    made.seal(0);
    let told = made.assemble();
    assert!(told.has(202) && told.has(206));
    assert_eq!(told.disks[0].sequence, Some(10));
}

#[test]
fn the_only_usable_copy_is_used_whatever_it_is_worth() {
    for kind in CopyKind::ALL {
        let mut made = RAID1.build();
        made.header(0, kind).open_flag = 3;
        made.seal(0);
        let at = section_lba(kind, Section::ControllerData).0;
        made.run(0, at, 1)[99] ^= 1;
        let other = if kind == CopyKind::Primary { SECONDARY } else { PRIMARY };
        made.run(0, other, 1).fill(0);
        let told = made.assemble();
        assert!(told.has(203) && told.has(118) && told.has(108), "{:?}", told.findings);
        assert_eq!(told.has(202), kind == CopyKind::Secondary);
        assert_eq!(told.disks.len(), 2);
    }
}

#[test]
fn copies_of_another_crc_variant_than_their_anchor_are_taken_and_told() {
    let mut made = RAID1.build();
    let at = section_lba(CopyKind::Primary, Section::VirtualDiskRecords).0;
    raid_ddf::seal(CrcVariant::A, ByteOrder::Big, made.run(0, at, 2));
    raid_ddf::seal(CrcVariant::A, ByteOrder::Big, made.run(1, BLOCKS - 1, 1));
    let told = made.assemble();
    assert!(is_optimal(&told));
    assert_eq!(told.codes(Severity::Warning), [119, 207]);
    let places = told.findings.iter().filter(|finding| finding.code == 119);
    let places: Vec<_> = places.map(|f| (f.disk, f.at, f.found, f.expected)).collect();
    let of = |disk, at, found, expected| (Some(disk), Some(Lba(at)), Some(found), Some(expected));
    assert_eq!(places, [of(0, at, 0xA, 0xB), of(1, PRIMARY, 0xB, 0xA), of(1, SECONDARY, 0xB, 0xA)]);
}

#[test]
fn records_of_lsi_on_larger_blocks_may_have_a_crc_without_the_padding() {
    let mut made = Plan { block_size: 4096, ..RAID1 }.build();
    for kind in CopyKind::ALL {
        for section in [Section::ControllerData, Section::PhysicalDiskData] {
            let at = section_lba(kind, section).0;
            raid_ddf::seal(CrcVariant::B, ByteOrder::Big, &mut made.run(0, at, 1)[..512]);
        }
        raid_ddf::seal(CrcVariant::B, ByteOrder::Big, &mut made.slot(0, kind, 0)[..1024]);
    }
    let told = made.assemble();
    assert!(is_optimal(&told));
    assert!(told.codes(Severity::Warning).is_empty(), "{:?}", told.findings);
    assert_eq!(told.findings.iter().filter(|finding| finding.code == 122).count(), 6);
    // Of a section of two blocks with few entries most may be padding.
    let table = section_lba(CopyKind::Primary, Section::PhysicalDiskRecords).0;
    for covered in (1024..8192).step_by(512) {
        let bytes = &mut made.run(0, table, 2)[..covered];
        raid_ddf::seal(CrcVariant::A, ByteOrder::Big, bytes);
        let told = made.assemble();
        assert!(!told.has(118) && !told.has(202), "{covered}: {:?}", told.findings);
        let finding = |f: &&Finding| f.code == 122 && f.at == Some(Lba(table));
        let finding = told.findings.iter().find(finding).unwrap();
        assert_eq!((finding.found, finding.expected), (Some(covered as u64), Some(8192)));
    }
    // Bytes that are no padding are not passed over.
    let at = section_lba(CopyKind::Primary, Section::ControllerData).0;
    made.run(0, at, 1)[4000] = 0;
    assert!(made.assemble().has(118));
}

#[test]
fn optional_sections_out_of_place_are_damage_and_the_disk_is_used() {
    for section in [Section::BadBlockLog, Section::DiagnosticSpace, Section::VendorSpecificLogs] {
        for (offset, length) in [(3, 1), (0, 1), (40, 1), (1 << 30, 1), (20, 1 << 30)] {
            let mut made = RAID1.build();
            made.on_disk(0, |made, kind| {
                let address = made.header(0, kind).section_mut(section);
                address.offset = U32::new(ByteOrder::Big, offset);
                address.length = U32::new(ByteOrder::Big, length);
            });
            let told = made.assemble();
            assert!(is_optimal(&told));
            assert!(told.has(114), "{} {offset}: {:?}", section.name(), told.findings);
        }
    }
}

#[test]
fn tables_of_other_sizes_than_they_say_are_told_and_read() {
    let mut made = RAID1.build();
    made.on_disk(0, |made, kind| {
        made.disk_records(0, kind).populated_pdes = U16::new(ByteOrder::Big, 9);
        made.volume_records(0, kind).max_vde_supported = U16::new(ByteOrder::Big, 255);
    });
    let told = made.assemble();
    assert!(is_optimal(&told));
    assert_eq!(told.codes(Severity::Note), [123, 124]);
    let number = |code| told.findings.iter().find(|finding| finding.code == code).unwrap();
    assert_eq!((number(123).found, number(123).expected), (Some(9), Some(2)));
    assert_eq!((number(124).found, number(124).expected), (Some(255), Some(15)));
}

#[test]
fn what_another_firmware_means_by_workspace_and_foreign_is_a_note() {
    let mut made = RAID1.build();
    made.on_disk(0, |made, kind| {
        let header = made.header(0, kind);
        header.workspace_lba = U64::new(ByteOrder::Big, 1 << 40);
        header.workspace_length = U32::new(ByteOrder::Big, 32768);
        header.foreign_flag = 1;
    });
    let told = made.assemble();
    assert!(is_optimal(&told));
    assert_eq!(told.codes(Severity::Note), [125, 127]);
}

/// Discovery with a search of `window` bytes.
fn search(made: &Handmade, window: u64) -> (Vec<support::Disk>, Told) {
    let format = Ddf::new().with_search(AnchorSearch { window });
    let disks: Vec<_> = (0..made.disks.len())
        .map(|disk| {
            support::read_disk_as(&format, made.shape(), |extent| {
                let size = made.plan.block_size as u64;
                let bytes = extent.start.0 * size..(extent.start.0 + extent.len.0) * size;
                Some(made.disks[disk][bytes.start as usize..bytes.end as usize].to_vec())
            })
        })
        .collect();
    let told = support::assemble_as(&format, &disks);
    (disks, told)
}

#[test]
fn an_anchor_in_another_place_is_found_only_by_a_search_that_reaches_it() {
    for block_size in [512, 4096] {
        let mut made = Plan { block_size, ..RAID1 }.build();
        for disk in 0..2 {
            let anchor = made.run(disk, BLOCKS - 1, 1).to_vec();
            made.run(disk, BLOCKS - 1, 1).fill(0);
            made.run(disk, BLOCKS - 5, 1).copy_from_slice(&anchor);
        }
        assert!(made.read(&[0, 1]).iter().all(|disk| disk.answer == Lookup::Absent));
        let size = block_size as u64;
        let (disks, told) = search(&made, 4 * size);
        assert!(disks.iter().all(|disk| disk.answer == Lookup::Absent));
        assert!(told.disks.is_empty());
        let (disks, told) = search(&made, 5 * size);
        assert!(disks.iter().all(|disk| disk.answer == Lookup::Complete));
        assert!(is_optimal(&told));
        assert_eq!(told.codes(Severity::Warning), [126]);
        assert_eq!(told.findings[0].at, Some(Lba(BLOCKS - 5)));
        assert_eq!(told.findings[0].expected, Some(BLOCKS - 1));
    }
}

#[test]
fn a_search_passes_over_damaged_headers() {
    let mut made = RAID1.build();
    for disk in 0..2 {
        let anchor = made.run(disk, BLOCKS - 1, 1).to_vec();
        made.run(disk, BLOCKS - 5, 1).copy_from_slice(&anchor);
        lead_astray(made.anchor(disk));
        let damaged = made.run(disk, BLOCKS - 1, 1).to_vec();
        made.run(disk, BLOCKS - 3, 1).copy_from_slice(&damaged);
        made.run(disk, BLOCKS - 1, 1).fill(0);
    }
    let (_, told) = search(&made, AnchorSearch::RESERVE.window);
    assert!(is_optimal(&told), "{:?}", told.findings);
    assert_eq!(told.codes(Severity::Warning), [126]);
    assert_eq!(told.findings[0].at, Some(Lba(BLOCKS - 5)));
}

#[test]
fn a_search_without_an_anchor_goes_by_the_last_header_there_is() {
    let mut made = RAID1.build();
    for disk in 0..2 {
        made.run(disk, BLOCKS - 1, 1).fill(0);
    }
    let (_, told) = search(&made, AnchorSearch::RESERVE.window);
    assert!(is_optimal(&told));
    assert_eq!(told.codes(Severity::Warning), [102, 126]);
    // Without the primary, the secondary.
    made.run(0, PRIMARY, 1)[77] ^= 1;
    let (_, told) = search(&made, u64::MAX);
    assert!(is_optimal(&told));
    assert!(told.has(109) && told.has(202));
}

#[test]
fn a_search_reads_nothing_of_disks_whose_anchor_is_in_place() {
    let made = RAID1.build();
    let (disks, _) = search(&made, u64::MAX);
    assert_eq!(disks[0].pieces.len(), made.read_with(0, &[]).pieces.len());
}

#[test]
fn copies_one_update_apart_are_a_note_and_further_apart_damage() {
    let one = with_copies((11, false, false), (10, false, false));
    assert!(one.assemble().codes(Severity::Note).contains(&205));
    assert!(one.assemble().codes(Severity::Damage).is_empty());
    let three = with_copies((13, false, false), (10, false, false));
    assert!(three.assemble().codes(Severity::Damage).contains(&206));
}

/// Case C7.
#[test]
fn an_interrupted_commit_of_this_library_is_a_note_and_no_damage() {
    // The copy that was being written carries number 1 and is open.
    for (primary, secondary) in [((1, true), (10, false)), ((10, false), (1, true))] {
        let made = with_copies((primary.0, primary.1, false), (secondary.0, secondary.1, false));
        let told = made.assemble();
        assert!(told.codes(Severity::Damage).is_empty(), "{:?}", told.findings);
        let finding = told.findings.iter().find(|finding| finding.code == 205).unwrap();
        assert_eq!(finding.severity, Severity::Note);
    }
    // Somebody else's copy of update 1 says something else.
    let told = with_copies((1, false, false), (10, false, false)).assemble();
    assert!(told.codes(Severity::Damage).contains(&206));
}

#[test]
fn closed_copies_of_one_number_that_differ_are_damage() {
    let mut made = RAID1.build();
    made.volume_records(0, CopyKind::Secondary).entries[0].set_vd_flags(VdFlags::NOT_CONSISTENT);
    made.seal(0);
    let told = made.assemble();
    assert_eq!(told.codes(Severity::Warning), [207]);
    let finding = told.findings.iter().find(|finding| finding.code == 207).unwrap();
    assert_eq!(finding.at, Some(section_lba(CopyKind::Secondary, Section::VirtualDiskRecords)));
    assert!(told.array("volume").0.clean, "the primary counts");
}

#[test]
fn an_unknown_major_revision_is_reported_and_not_mapped() {
    let mut made = RAID1.build();
    for disk in 0..2 {
        made.anchor(disk).ddf_rev = *b"03.00.00";
        made.on_disk(disk, |made, kind| made.header(disk, kind).ddf_rev = *b"03.00.00");
    }
    let told = made.assemble();
    assert_eq!(told.codes(Severity::Refusal), [105]);
    assert!(told.arrays.is_empty() && told.disks.is_empty());
}

#[test]
fn header_addresses_outside_the_disk_are_not_read() {
    for address in [BLOCKS, u64::MAX - 1, BLOCKS - 1] {
        let mut made = RAID1.build();
        made.anchor(0).primary_header_lba = U64::new(ByteOrder::Big, address);
        made.seal(0);
        let told = made.assemble();
        assert!(is_optimal(&told), "{address}");
        assert!(told.has(106) && told.has(202), "{address}: {:?}", told.findings);
    }
}

#[test]
fn a_structure_of_more_than_32_mib_is_not_read() {
    let mut made = RAID1.build();
    let header = made.header(0, CopyKind::Primary);
    header.section_mut(Section::PhysicalDiskData).offset = U32::new(ByteOrder::Big, 65_600);
    made.seal(0);
    let mut shape = made.shape();
    shape.blocks.0 = 1 << 40;
    let disk = read_disk(shape, |extent| {
        let at = if extent.start.0 == (1 << 40) - 1 { BLOCKS - 1 } else { extent.start.0 };
        let bytes = at as usize * 512..(at + extent.len.0) as usize * 512;
        Some(made.disks[0].get(bytes)?.to_vec())
    });
    assert!(disk.pieces.iter().all(|(at, _)| *at != Lba(PRIMARY + 1)));
    assert!(assemble(&[disk]).has(114));
}

#[test]
fn an_entry_behind_a_hole_is_found() {
    let mut made = RAID1.build();
    for disk in 0..2 {
        made.on_disk(disk, |made, kind| {
            let records = made.disk_records(disk, kind);
            records.entries.swap(1, 14);
            made.volume_records(disk, kind).entries.swap(0, 9);
        });
    }
    assert!(is_optimal(&made.assemble()));
}

#[test]
fn a_run_that_was_read_short_is_not_asked_for_again() {
    let made = RAID1.build();
    let disk = read_disk(made.shape(), |extent| {
        let bytes = extent.start.0 as usize * 512..(extent.start.0 + 1) as usize * 512;
        Some(made.disks[0][bytes].to_vec())
    });
    assert_eq!(disk.answer, Lookup::Complete);
    assert!(assemble(&[disk]).has(116));
    assert_eq!(Extent::new(PRIMARY + 1, 14).end(), Some(Lba(PRIMARY + 15)));
    assert_ne!(reference(0), reference(1));
}
