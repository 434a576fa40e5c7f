// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one real disk at hand: every field as the format's text prints it.

use crate::generator::{self, Image, REAL_TAIL, assemble_images, real_disk};
use raid_asr::{
    ArrayLineState, ChecksumVerdict, ConfigurationLine, DiskLineState, OpenMark, OwnLine,
    RaidTable, RaidType, Record, ReservedBlock, TreeLevel, finding,
};
use raid_core::array::{
    ArrayState, Initialisation, Level, MemberState, Place, Placement, Secondary,
};
use raid_core::metadata::{Severity, Subject};
use raid_core::units::{Blocks, Lba, Slot};
use zerocopy::{FromBytes, IntoBytes};

/// The disk at its true size.
fn disk() -> Image {
    Image { blocks: 17_942_584, tail: REAL_TAIL.to_vec() }
}

#[test]
fn the_reserved_block_reads_as_printed() {
    let identity = ReservedBlock::check(&REAL_TAIL[8192..]).unwrap();
    let record = identity.record();
    assert_eq!(identity.drivemagic(), Some(0x91AA_7059));
    assert_eq!(identity.table_at(17_942_584), Ok(0x0111_C827));
    assert_eq!(record.sv_block_storage_tid.get(), 0x8202);
    assert_eq!(record.svtid.get(), 0x0203);
    assert_eq!(record.resver, 8);
    assert_eq!(record.fstrsvrb.get(), 0);
    assert_eq!(record.scratch, [0; 128]);
}

#[test]
fn the_header_reads_as_printed() {
    let table = RaidTable::check(REAL_TAIL).unwrap();
    let header = table.header();
    assert_eq!(header.ridcode.get(), 0x9007_65C4);
    assert_eq!(header.rversion.get(), 2);
    assert_eq!((header.maxelm.get(), header.elmcnt.get(), header.elmsize.get()), (127, 5, 64));
    assert_eq!(header.rchksum.get(), 0x2026);
    assert_eq!((header.raid_flags.get(), header.timestamp.get()), (0, 0));
    assert_eq!(header.open_mark(), OpenMark::Clean);
    assert_eq!(header.action_priority, 0x10);
    assert_eq!(header.spareid, 0);
}

#[test]
fn the_checksum_is_the_sum_of_the_lines_in_use() {
    let sum = RaidTable::check(REAL_TAIL).unwrap().checksum();
    assert_eq!((sum.stored, sum.computed), (0x2026, 0x2026));
    assert_eq!(sum.verdict(0), ChecksumVerdict::Good);
}

#[test]
fn the_lines_read_as_printed() {
    let table = RaidTable::check(REAL_TAIL).unwrap();
    let read: Vec<_> = table
        .lines()
        .iter()
        .map(|line: &ConfigurationLine| {
            assert_eq!(line.raid_type(), RaidType::Raid0);
            assert_eq!((line.raidseq.get(), line.raidchnl), (1, 1));
            assert_eq!(line.name.trimmed(), b"ZERO");
            assert_eq!((line.loffset.get(), line.lsu.get(), line.cur_app_block.get()), (0, 0, 0));
            (
                line.level(),
                line.raidmagic.get(),
                line.raidcnt.get(),
                line.raidid.get(),
                line.lcapcty.get(),
                line.strpsize.get(),
                line.block_storage_tid.get(),
            )
        })
        .collect();
    let disk = |magic, id, tid| (TreeLevel::Fwp, magic, 0, id, 0x0111_C800, 0x80, tid);
    assert_eq!(
        read,
        [
            (TreeLevel::Fwl, 0x2CA5_856A, 4, 0, 0x0447_2000, 0x200, 0x8200),
            disk(0x91AA_7059, 0, 0x0202),
            disk(0xC2AB_7FEA, 1, 0x0204),
            disk(0xF86A_35D9, 4, 0x0206),
            disk(0xA4C5_FA6A, 8, 0x0208),
        ]
    );
    assert_eq!(table.lines()[0].array_state(), ArrayLineState::Optimal);
    assert_eq!(table.lines()[1].disk_state(), DiskLineState::Optimal);
    assert_eq!(table.own_line(0x91AA_7059), OwnLine::One(1));
}

#[test]
fn an_unchanged_table_encodes_to_the_same_bytes() {
    let mut table = *RaidTable::view(REAL_TAIL).unwrap();
    table.seal();
    let reserved = *ReservedBlock::view(&REAL_TAIL[8192..]).unwrap();
    assert!([table.as_bytes(), reserved.as_bytes()].concat() == REAL_TAIL);
}

#[test]
fn an_edit_in_place_keeps_every_other_byte() {
    let mut bytes = REAL_TAIL.to_vec();
    bytes[8192 + 0x1FF] = 0x5A; // management software's scratch
    bytes[64 + 6 * 64] = 0x77; // an unused line
    bytes[0x34] = 0x99; // reserved in the header
    let before = bytes.clone();
    let table = RaidTable::view_mut(&mut bytes).unwrap();
    table.lines[2].raidstate = DiskLineState::Failed { sub: 5 }.raw();
    table.seal();
    let changed: Vec<usize> = (0..bytes.len()).filter(|&i| bytes[i] != before[i]).collect();
    assert_eq!(changed, [0x0F, 64 + 2 * 64 + 0x0A]);
    assert_eq!(bytes[0x0E..0x10], [0x20, 0x26 + 0x53]);
}

#[test]
fn the_disk_alone_is_one_of_four_members_of_a_failed_stripe() {
    let found = assemble_images(&[disk()]);
    let [array] = found.arrays[..] else { panic!("{found:?}") };
    assert_eq!(array.id.0[..6], [0x2C, 0xA5, 0x85, 0x6A, 0, 0]);
    assert_eq!(array.name.as_bytes(), b"ZERO");
    assert_eq!(array.size, Blocks(0x0447_2000));
    assert_eq!(array.state, ArrayState::Failed);
    assert!(array.clean);
    assert_eq!(array.initialisation, Initialisation::Full);
    let geometry = array.geometry;
    assert_eq!((geometry.level, geometry.placement), (Level::Raid0, Placement::Fixed));
    assert_eq!((geometry.slots, geometry.sets, geometry.secondary), (4, 1, Secondary::None));
    assert_eq!((geometry.strip, geometry.member_blocks), (Blocks(128), Blocks(0x0111_C800)));
    let states: Vec<_> = found.members.iter().map(|m| (m.place.slot.0, m.disk, m.state)).collect();
    let missing = |slot| (slot, None, MemberState::Missing);
    let own = (0, Some(0), MemberState::InSync);
    assert_eq!(states, [own, missing(1), missing(2), missing(3)]);
    assert_eq!(found.members[3].id.unwrap().0[..5], [0xA4, 0xC5, 0xFA, 0x6A, 0]);
    assert_eq!(found.findings, []);
    let [disk] = found.disks[..] else { panic!() };
    assert_eq!((disk.role.name(), disk.role.is_spare(), disk.sequence), ("member", false, Some(1)));
    assert_eq!(disk.usable, Blocks(17_942_567));
    let place = Place { set: 0, slot: Slot(3) };
    assert_eq!(found.value(Subject::Member(array.id, place), "raidid"), Some(8));
    assert_eq!(found.value(Subject::Array(array.id), "strpsize"), Some(0x200));
    assert_eq!(found.value(Subject::Disk(0), "svtid"), Some(0x0203));
}

#[test]
fn the_cut_image_is_read_at_its_end_and_its_disk_found_too_small() {
    let cut = Image { blocks: 5384, tail: REAL_TAIL.to_vec() };
    let found = assemble_images(&[cut]);
    let pointer = found.findings.iter().find(|f| f.code == finding::TABLE_POINTER.code).unwrap();
    assert_eq!((pointer.disk, pointer.at), (Some(0), Some(Lba(5383))));
    assert_eq!((pointer.found, pointer.expected), (Some(17_942_567), Some(5367)));
    assert_eq!(pointer.severity, Severity::Warning);
    let small = found.findings.iter().find(|f| f.code == finding::TOO_SMALL.code).unwrap();
    assert_eq!((small.found, small.expected), (Some(0x0111_C800), Some(5367)));
    assert_eq!((found.members[0].state, found.members[0].disk), (MemberState::Failed, Some(0)));
    assert_eq!(found.arrays[0].state, ArrayState::Failed);
}

#[test]
fn all_four_members_make_the_stripe_optimal_in_any_order() {
    let lines = real_disk().lines;
    let make = |order: [usize; 4]| {
        let disks =
            order.map(|line| generator::Disk { drivemagic: lines[line].magic, ..real_disk() });
        generator::assemble(&disks)
    };
    let found = make([1, 2, 3, 4]);
    assert_eq!(found.arrays[0].state, ArrayState::Optimal);
    assert_eq!(found.findings, []);
    let other = make([3, 1, 4, 2]);
    assert_eq!(other.arrays, found.arrays);
    let disks: Vec<_> = other.members.iter().map(|member| member.disk.unwrap()).collect();
    assert_eq!(disks, [1, 3, 0, 2]);
}

#[test]
fn records_are_views_of_any_alignment() {
    let mut shifted = vec![0u8];
    shifted.extend_from_slice(REAL_TAIL);
    assert!(RaidTable::check(&shifted[1..]).is_ok());
    assert!(ReservedBlock::check(&shifted[1 + 8192..]).is_ok());
    assert!(ReservedBlock::read_from_bytes(&shifted[1 + 8192..]).is_ok());
}
