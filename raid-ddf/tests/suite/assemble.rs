// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many disks: who is a member, who is stale, and what makes a volume unusable.

use crate::support::handmade::{
    BLOCK_COUNT, CONFIGURED, Handmade, Plan, RAID1, RAID5, SECOND_VOLUME, VOLUME, disk_guid,
    reference,
};
use crate::support::{Told, assemble};
use raid_core::array::{
    ArrayDescriptor, ArrayId, ArrayState, Initialisation, Level, MemberDescriptor, MemberId,
    MemberState, Place, Placement, Secondary,
};
use raid_core::metadata::{DiskView, Piece, Severity, Subject};
use raid_core::units::{Blocks, Slot};
use raid_ddf::{
    Assembly, ByteOrder, CopyKind, Guid, PdState, PdType, Record, SpareAssignment, U16, U32, U64,
    VdCondition, VdConfiguration, VdFlags,
};

const BIG: ByteOrder = ByteOrder::Big;

fn volume(told: &Told) -> &(ArrayDescriptor, Vec<MemberDescriptor>) {
    told.array("volume")
}

fn states(told: &Told) -> Vec<MemberState> {
    volume(told).1.iter().map(|member| member.state).collect()
}

fn state(told: &Told) -> ArrayState {
    volume(told).0.state
}

use MemberState::{Failed, InSync, Missing, Rebuilding, Stale};

#[test]
fn the_order_of_the_disks_does_not_matter() {
    let made = RAID5.build();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let told = assemble(&made.read(&order));
        assert!(told.codes(Severity::Warning).is_empty());
        let (array, members) = volume(&told);
        assert_eq!(array.id, ArrayId(VOLUME.0));
        assert_eq!(array.state, ArrayState::Optimal);
        for (slot, member) in members.iter().enumerate() {
            assert_eq!(member.place, Place { set: 0, slot: Slot(slot as u8) });
            assert_eq!(order[member.disk.unwrap()], slot);
            assert_eq!(member.id, Some(MemberId(disk_guid(slot).0)));
            assert_eq!(member.len, Blocks(BLOCK_COUNT));
        }
    }
}

#[test]
fn an_absent_disk_is_missing_and_still_known_by_name() {
    let made = RAID5.build();
    let told = assemble(&made.read(&[0, 2]));
    assert_eq!(states(&told), [InSync, Missing, InSync]);
    assert_eq!(state(&told), ArrayState::Degraded);
    let missing = volume(&told).1[1];
    assert_eq!((missing.disk, missing.id), (None, Some(MemberId(disk_guid(1).0))));
    assert!(told.has(427), "stored optimal, computed degraded");
    assert_eq!(state(&assemble(&made.read(&[2]))), ArrayState::Failed);
}

#[test]
fn a_failed_disk_is_not_read_although_it_is_still_online() {
    let mut made = RAID5.build();
    made.set_state(&[0, 1, 2], 1, PdState::ONLINE | PdState::FAILED | PdState::TRANSITION);
    let told = made.assemble();
    assert_eq!(states(&told), [InSync, Failed, InSync]);
    assert_eq!(told.disks[1].role.name(), "failed");
    assert!(!told.has(303));
}

#[test]
fn a_disk_neither_online_nor_failed_is_not_read() {
    let mut made = RAID5.build();
    made.set_state(&[0, 1, 2], 1, PdState::empty());
    assert_eq!(states(&made.assemble()), [InSync, Failed, InSync]);
}

#[test]
fn a_disk_that_was_removed_and_came_back_is_stale_without_being_damage() {
    let mut made = RAID5.build();
    made.set_state(&[0, 2], 1, PdState::ONLINE | PdState::FAILED | PdState::MISSING);
    made.set_sequence(&[0, 2], 12);
    let told = made.assemble();
    assert_eq!(states(&told), [InSync, Stale, InSync]);
    assert_eq!(state(&told), ArrayState::Degraded);
    assert!(told.codes(Severity::Warning).is_empty(), "{:?}", told.findings);
    assert!(told.has(304));
    assert_eq!(told.disks[1].role.name(), "stale");
}

#[test]
fn a_disk_two_updates_behind_is_stale_even_if_called_online() {
    let mut made = RAID5.build();
    made.set_sequence(&[0, 2], 12);
    let told = made.assemble();
    assert_eq!(states(&told), [InSync, Stale, InSync]);
    assert_eq!(told.codes(Severity::Damage), [303]);
    let finding = told.findings.iter().find(|finding| finding.code == 303).unwrap();
    assert_eq!((finding.disk, finding.found, finding.expected), (Some(1), Some(10), Some(12)));
}

#[test]
fn a_disk_one_update_behind_is_what_an_interrupted_update_leaves() {
    let mut made = RAID5.build();
    made.set_sequence(&[0, 2], 11);
    let told = made.assemble();
    assert_eq!(states(&told), [InSync; 3]);
    assert_eq!(told.codes(Severity::Warning), [302]);
}

#[test]
fn an_open_copy_counts_one_update_less() {
    let last = u32::MAX - 1;
    for (closed, open) in [(10, 11), (last - 1, last), (last, 0), (last, 1)] {
        let mut made = RAID5.build();
        made.set_sequence(&[1, 2], closed);
        made.on_disk(0, |made, kind| {
            made.header(0, kind).sequence_number = U32::new(BIG, open);
            made.header(0, kind).open_flag = 1;
            made.record(0, kind).sequence_number = U32::new(BIG, 2);
            made.volume_records(0, kind).entries[0].set_vd_flags(VdFlags::NOT_CONSISTENT);
        });
        let told = made.assemble();
        assert!(told.has(203));
        assert!(!told.has(302), "{closed} {open}: {:?}", told.findings);
        assert!(volume(&told).0.clean, "{closed} {open}: the disks that are closed speak");
    }
}

#[test]
fn a_disk_that_the_newest_records_do_not_list_is_stale() {
    let mut made = RAID5.build();
    made.on(&[0, 2], |made, disk, kind| {
        made.disk_records(disk, kind).entries[1].pd_guid = Guid::UNUSED;
    });
    made.set_sequence(&[0, 2], 11);
    let told = made.assemble();
    assert_eq!(states(&told), [InSync, Stale, InSync]);
    assert_eq!(told.codes(Severity::Warning), [301, 436]);
    assert_eq!(told.disks[1].role.name(), "stale");
}

#[test]
fn a_spare_being_filled_is_not_readable() {
    let mut made = RAID5.build();
    made.set_state(&[0, 1, 2], 1, PdState::ONLINE | PdState::REBUILDING);
    let told = made.assemble();
    assert_eq!(states(&told), [InSync, Rebuilding, InSync]);
    assert_eq!(state(&told), ArrayState::Degraded);
}

#[test]
fn a_member_whose_record_is_two_behind_is_stale_and_one_behind_accepted() {
    for (number, expected, code) in [(5, Stale, 408), (4, InSync, 430)] {
        let mut made = RAID5.build();
        made.on(&[0, 2], |made, disk, kind| {
            made.record(disk, kind).sequence_number = U32::new(BIG, number);
        });
        let told = made.assemble();
        assert_eq!(states(&told), [InSync, expected, InSync]);
        assert!(told.has(code), "{:?}", told.findings);
    }
}

#[test]
fn record_numbers_wrap_around() {
    let mut made = RAID5.build();
    made.on(&[0, 1, 2], |made, disk, kind| {
        let number = if disk == 1 { u32::MAX } else { 1 };
        made.record(disk, kind).sequence_number = U32::new(BIG, number);
    });
    assert_eq!(states(&made.assemble()), [InSync, Stale, InSync]);
}

#[test]
fn header_numbers_wrap_around() {
    // Disk 1 missed the update that wrapped, or that one and the next.
    for (newest, expected, code) in [(1, InSync, 302), (0, InSync, 302), (2, Stale, 303)] {
        let mut made = RAID5.build();
        made.set_sequence(&[0, 2], newest);
        made.set_sequence(&[1], u32::MAX - 1);
        made.on(&[0, 2], |made, disk, kind| {
            made.volume_records(disk, kind).entries[0].vd_name[0] = b'V';
        });
        let told = made.assemble();
        let (_, members) = told.array("Volume");
        assert_eq!(members[1].state, expected, "{newest}: {:?}", told.findings);
        assert!(told.has(code), "{newest}: {:?}", told.findings);
    }
}

#[test]
fn of_two_records_of_one_set_on_one_disk_the_newer_counts() {
    for newer in [0, 1] {
        let mut made = RAID5.build();
        made.on_disk(1, |made, kind| {
            let record = made.slot(1, kind, 0).to_vec();
            made.slot(1, kind, 2).copy_from_slice(&record);
            let old = made.slot(1, kind, if newer == 0 { 2 } else { 0 });
            let old = VdConfiguration::view_mut(old).unwrap();
            old.sequence_number = U32::new(BIG, 1);
            old.strip_size = 3;
        });
        let told = made.assemble();
        assert_eq!(states(&told), [InSync; 3], "{:?}", told.findings);
        assert_eq!(told.codes(Severity::Warning), [433]);
    }
}

#[test]
fn a_volume_or_a_disk_that_is_listed_twice_is_told_and_taken_once() {
    let mut made = RAID5.build();
    made.on(&[0, 1, 2], |made, disk, kind| {
        let records = made.volume_records(disk, kind);
        records.entries[4] = records.entries[0];
        records.entries[4].vd_state = 4;
        let records = made.disk_records(disk, kind);
        records.entries[7] = records.entries[1];
        records.entries[7].set_pd_state(BIG, PdState::FAILED);
    });
    let told = made.assemble();
    assert_eq!(told.arrays.len(), 1);
    assert_eq!(states(&told), [InSync; 3]);
    assert_eq!(told.codes(Severity::Warning), [311, 432]);
}

#[test]
fn a_disk_may_hold_several_parts_of_one_volume_in_different_blocks() {
    // A mirror of two whose halves stand on one disk, and a stripe over three parts of two disks.
    for (plan, slots, disks) in [
        (RAID1, vec![0, 0], vec![0, 0]),
        (Plan { level: (0x00, 0x00, 0xFF), ..RAID1 }, vec![0, 1, 0], vec![0, 1, 0]),
    ] {
        let place = |slot: usize| (slot as u64) * 64;
        let mut made = plan.build();
        made.on(&[0, 1], |made, disk, kind| {
            let record = made.record(disk, kind);
            record.primary_element_count = U16::new(BIG, slots.len() as u16);
            record.block_count = U64::new(BIG, 64);
            record.vd_size = U64::new(BIG, 64);
            let lists = record.elements_mut(16).unwrap();
            for (slot, disk) in slots.iter().enumerate() {
                lists.references[slot] = U32::new(BIG, reference(*disk));
                lists.starting_blocks[slot] = U64::new(BIG, place(slot));
            }
        });
        let told = made.assemble();
        let (array, members) = volume(&told);
        assert_eq!(array.state, ArrayState::Optimal, "{:?}", told.findings);
        assert!(told.codes(Severity::Warning).is_empty(), "{:?}", told.findings);
        for (slot, member) in members.iter().enumerate() {
            assert_eq!((member.disk, member.start.0), (Some(disks[slot]), place(slot)));
        }

        // The same blocks twice are no two parts.
        made.on(&[0, 1], |made, disk, kind| {
            let last = slots.len() - 1;
            let lists = made.record(disk, kind).elements_mut(16).unwrap();
            lists.starting_blocks[last] = U64::new(BIG, 63);
        });
        let told = made.assemble();
        assert_eq!(told.codes(Severity::Refusal), [422]);
        assert_eq!(state(&told), ArrayState::Failed);
    }
}

#[test]
fn two_sets_of_one_volume_may_share_a_disk() {
    // Two mirrors, striped, on two disks: each disk holds a record of each.
    let mut made = Plan { level: (0x01, 0x00, 0x00), ..RAID1 }.build();
    made.on(&[0, 1], |made, disk, kind| {
        made.record(disk, kind).secondary_element_count = 2;
        made.record(disk, kind).block_count = U64::new(BIG, 64);
        made.record(disk, kind).vd_size = U64::new(BIG, 128);
        let first = made.slot(disk, kind, 0).to_vec();
        let slot = made.slot(disk, kind, 3);
        slot.copy_from_slice(&first);
        let record = VdConfiguration::view_mut(slot).unwrap();
        record.secondary_element_seq = 1;
        let lists = record.elements_mut(16).unwrap();
        lists.starting_blocks[0] = U64::new(BIG, 64);
        lists.starting_blocks[1] = U64::new(BIG, 64);
    });
    let told = made.assemble();
    let (array, members) = volume(&told);
    assert_eq!((array.state, array.geometry.sets), (ArrayState::Optimal, 2));
    let places: Vec<_> = members.iter().map(|m| (m.disk.unwrap(), m.start.0)).collect();
    assert_eq!(places, [(0, 0), (1, 0), (0, 64), (1, 64)]);
    assert!(told.codes(Severity::Warning).is_empty(), "{:?}", told.findings);
}

#[test]
fn foreign_disks_and_volumes_never_initialised_are_notes() {
    let mut made = RAID1.build();
    made.on(&[0, 1], |made, disk, kind| {
        let records = made.disk_records(disk, kind);
        records.entries[1].set_pd_type(BIG, PdType::PARTICIPATING | PdType::FOREIGN);
        made.volume_records(disk, kind).entries[0].init_state = 0;
    });
    let told = made.assemble();
    assert_eq!(told.codes(Severity::Note), [310, 435]);
    assert_eq!(state(&told), ArrayState::Optimal);
}

#[test]
fn an_element_that_no_list_names_is_told() {
    let mut made = RAID5.build();
    made.on(&[0, 1, 2], |made, disk, kind| {
        let lists = made.record(disk, kind).elements_mut(16).unwrap();
        lists.references[1] = U32::new(BIG, 0xABCD);
    });
    let told = made.assemble();
    assert_eq!(states(&told), [InSync, Missing, InSync]);
    assert!(told.has(436));
}

#[test]
fn a_guid_whose_end_adaptec_left_out_is_the_same() {
    let mut made = RAID1.build();
    made.on(&[0, 1], |made, disk, kind| {
        made.disk_data(disk, kind).pd_guid.0[20..].fill(0xFF);
        made.record(disk, kind).vd_guid.0[20..].fill(0xFF);
    });
    let told = made.assemble();
    assert_eq!(state(&told), ArrayState::Optimal);
    assert!(told.codes(Severity::Warning).is_empty(), "{:?}", told.findings);
}

#[test]
fn a_volume_is_found_by_either_of_its_guids_and_the_same_one_goes_first() {
    let mut made = RAID1.build();
    let mut cut = VOLUME;
    cut.0[20..].fill(0xFF);
    let find = |made: &Handmade, guid: &Guid| {
        let disks = made.read(&[0, 1]);
        let pieces: Vec<Vec<_>> = disks
            .iter()
            .map(|disk| disk.pieces.iter().map(|(at, bytes)| Piece { at: *at, bytes }).collect())
            .collect();
        let views: Vec<_> =
            pieces.iter().map(|pieces| DiskView { shape: made.shape(), pieces }).collect();
        let views = &views[..];
        let mut scratch = vec![0; Assembly::scratch_words(&views)];
        let assembly = Assembly::new(&views, &mut scratch, &mut |_| {});
        assembly.volume(guid).map(|volume| volume.guid())
    };
    assert_eq!(find(&made, &VOLUME), Some(VOLUME));
    assert_eq!(find(&made, &cut), Some(VOLUME));
    assert_eq!(find(&made, &SECOND_VOLUME), None);
    made.on(&[0, 1], |made, disk, kind| {
        let records = made.volume_records(disk, kind);
        records.entries[1] = records.entries[0];
        records.entries[1].vd_guid = cut;
        records.entries.swap(0, 1);
    });
    assert_eq!(find(&made, &VOLUME), Some(VOLUME));
    assert_eq!(find(&made, &cut), Some(cut));
    made.on(&[0, 1], |made, disk, kind| {
        made.volume_records(disk, kind).entries[1].set_condition(VdCondition::Deleted);
    });
    assert_eq!(find(&made, &VOLUME), None, "deleted");
}

#[test]
fn a_member_without_a_record_of_its_own_is_stale() {
    let mut made = RAID5.build();
    made.on_disk(1, |made, kind| made.slot(1, kind, 0).fill(0xFF));
    let told = made.assemble();
    assert_eq!(states(&told), [InSync, Stale, InSync]);
    assert!(told.has(409));
}

#[test]
fn elements_without_a_disk_are_missing() {
    for none in [0, u32::MAX] {
        let mut made = RAID5.build();
        made.on(&[0, 1, 2], |made, disk, kind| {
            let lists = made.record(disk, kind).elements_mut(16).unwrap();
            lists.references[1] = U32::new(BIG, none);
        });
        let told = made.assemble();
        assert_eq!(states(&told), [InSync, Missing, InSync]);
        assert_eq!(volume(&told).1[1].id, None);
    }
}

/// Two disks of a mirror that were each used alone.
fn split_mirror(first: u32, second: u32) -> Handmade {
    let mut made = RAID1.build();
    let gone = PdState::ONLINE | PdState::FAILED | PdState::MISSING;
    made.set_state(&[0], 1, gone);
    made.set_state(&[1], 0, gone);
    made.set_sequence(&[0], first);
    made.set_sequence(&[1], second);
    made
}

#[test]
fn halves_of_a_mirror_that_were_each_used_alone_are_not_joined() {
    for (first, second) in [(12, 12), (12, 17), (17, 12), (12, 13)] {
        let told = split_mirror(first, second).assemble();
        assert_eq!(state(&told), ArrayState::Forked);
        assert!(told.has(404));
        let readable: Vec<usize> = volume(&told)
            .1
            .iter()
            .filter(|member| member.state == InSync)
            .filter_map(|member| member.disk)
            .collect();
        // With equal numbers neither is to be trusted; else the older one is not.
        let expected: &[usize] = match first.cmp(&second) {
            std::cmp::Ordering::Equal => &[],
            std::cmp::Ordering::Greater => &[0],
            std::cmp::Ordering::Less => &[1],
        };
        assert_eq!(readable, expected, "{first} {second}");
    }
}

#[test]
fn a_half_alone_is_usable() {
    let made = split_mirror(12, 12);
    let told = assemble(&made.read(&[1]));
    assert_eq!(state(&told), ArrayState::Degraded);
    assert!(!told.has(404));
}

#[test]
fn a_disk_that_comes_back_after_its_replacement_is_no_split_brain() {
    let mut made = RAID5.build();
    let gone = PdState::ONLINE | PdState::FAILED | PdState::MISSING;
    // Disk 0 left first, came back and was filled; then disk 1 left. Disk 2 was there all the time.
    made.set_state(&[1], 0, gone);
    made.set_state(&[0, 2], 1, gone);
    made.set_sequence(&[1], 12);
    made.set_sequence(&[0, 2], 15);
    let told = made.assemble();
    assert!(!told.has(404), "{:?}", told.findings);
    assert_eq!(states(&told), [InSync, Stale, InSync]);
    assert_eq!(state(&told), ArrayState::Degraded);
}

#[test]
fn disks_of_one_number_that_accuse_each_other_are_a_split_brain_even_with_a_witness() {
    let mut made = RAID5.build();
    let gone = PdState::ONLINE | PdState::FAILED;
    made.set_state(&[1], 0, gone);
    made.set_state(&[0, 2], 1, gone);
    let told = made.assemble();
    assert!(told.has(404), "{:?}", told.findings);
    assert_eq!(state(&told), ArrayState::Forked);
}

#[test]
fn a_failed_disk_that_knows_it_cannot_accuse_others() {
    let mut made = RAID5.build();
    let failed = PdState::ONLINE | PdState::FAILED;
    // Disk 0 failed and is still written to; later disk 1 failed and is not.
    made.set_state(&[0, 1, 2], 0, failed);
    made.set_state(&[0, 2], 1, failed);
    made.set_sequence(&[0, 2], 12);
    made.set_sequence(&[1], 12);
    assert!(!made.assemble().has(404));
}

#[test]
fn records_of_one_number_that_name_different_members_are_refused() {
    let edits: [fn(&mut VdConfiguration); 3] = [
        |record| record.elements_mut(16).unwrap().references.swap(0, 2),
        |record| record.elements_mut(16).unwrap().starting_blocks[2] = U64::new(BIG, 8),
        |record| record.strip_size = 5,
    ];
    for edit in edits {
        let mut made = RAID5.build();
        made.on_disk(2, |made, kind| edit(made.record(2, kind)));
        let told = made.assemble();
        assert_eq!(state(&told), ArrayState::Failed);
        assert!(told.has(405), "{:?}", told.findings);
        // A disk whose data is not used has no say.
        made.set_state(&[0, 1, 2], 2, PdState::ONLINE | PdState::FAILED);
        let told = made.assemble();
        assert!(!told.has(405), "{:?}", told.findings);
        assert_eq!(state(&told), ArrayState::Degraded);
    }
}

#[test]
fn a_clone_of_a_member_makes_the_volume_unusable_unless_it_is_older() {
    let mut made = RAID1.build();
    let mut clone = made.disks[1].clone();
    made.disks.push(clone);
    let told = made.assemble();
    assert!(told.has(305) && told.has(309));
    assert_eq!(state(&told), ArrayState::Failed);

    clone = made.disks.pop().unwrap();
    made.set_sequence(&[0, 1], 12);
    made.disks.push(clone);
    for order in [[0, 1, 2], [2, 1, 0]] {
        let told = assemble(&made.read(&order));
        assert!(!told.has(305) && told.has(309));
        assert_eq!(state(&told), ArrayState::Optimal);
    }
}

#[test]
fn configurations_are_told_apart_by_their_guid() {
    let mut first = RAID1.build();
    let second =
        Plan { guid: Guid(*b"LSI     configuration 02"), order: ByteOrder::Little, ..RAID5 };
    first.disks.extend(second.build().disks);
    let told = first.assemble();
    assert_eq!(told.arrays.len(), 2);
    assert!(told.arrays.iter().all(|(array, _)| array.state == ArrayState::Optimal));
    let disks = |index: usize| told.arrays[index].1.iter().map(|m| m.disk.unwrap());
    assert_eq!(disks(0).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(disks(1).collect::<Vec<_>>(), [2, 3, 4]);
    assert_ne!(told.disks[0].configuration, told.disks[2].configuration);
}

#[test]
fn a_volume_all_of_whose_members_are_absent_is_still_reported() {
    let mut made = RAID1.build();
    made.on(&[0, 1], |made, disk, kind| {
        let records = made.volume_records(disk, kind);
        records.entries[3] = records.entries[0];
        records.entries[3].vd_guid = SECOND_VOLUME;
        records.entries[3].vd_name = *b"elsewhere\0\0\0\0\0\0\0";
    });
    let told = made.assemble();
    let (array, members) = told.array("elsewhere");
    assert_eq!((array.state, array.geometry.sets), (ArrayState::Failed, 0));
    assert!(members.is_empty());
    let finding = told.findings.iter().find(|finding| finding.code == 401).unwrap();
    assert_eq!(finding.array, Some(ArrayId(SECOND_VOLUME.0)));
    assert_eq!(state(&told), ArrayState::Optimal);
}

#[test]
fn a_deleted_volume_is_left_out_and_an_unlisted_record_told() {
    let mut made = RAID1.build();
    made.on(&[0, 1], |made, disk, kind| {
        made.volume_records(disk, kind).entries[0].set_condition(VdCondition::Deleted);
    });
    let told = made.assemble();
    assert!(told.arrays.is_empty() && told.has(403));
    made.on(&[0, 1], |made, disk, kind| {
        made.volume_records(disk, kind).entries[0].vd_guid = Guid::UNUSED;
    });
    let told = made.assemble();
    assert!(told.arrays.is_empty() && told.has(402));
}

#[test]
fn the_state_of_a_volume_is_taken_from_the_newest_disk() {
    let mut made = RAID1.build();
    made.on_disk(1, |made, kind| {
        let entry = &mut made.volume_records(1, kind).entries[0];
        entry.set_vd_flags(VdFlags::NOT_CONSISTENT);
        entry.set_initialisation(Initialisation::Running);
    });
    made.set_sequence(&[1], 11);
    let told = made.assemble();
    let array = volume(&told).0;
    assert_eq!((array.clean, array.initialisation), (false, Initialisation::Running));
    assert_eq!(told.raw_of(array.id, "VD_State"), Some(0x10));
    assert_eq!(told.raw_of(array.id, "Primary_RAID_Level"), Some(1));
}

/// The numbers of configuration records count only where those of the headers are equal.
#[test]
fn the_newest_disk_is_known_by_its_header_before_its_records() {
    let mut made = RAID5.build();
    made.on(&[1, 2], |made, disk, kind| {
        made.record(disk, kind).sequence_number = U32::new(BIG, 4);
    });
    made.on_disk(0, |made, kind| {
        made.volume_records(0, kind).entries[0].set_vd_flags(VdFlags::NOT_CONSISTENT);
    });
    assert!(volume(&made.assemble()).0.clean, "of one number, the newer records");
    made.set_sequence(&[0], 11);
    assert!(!volume(&made.assemble()).0.clean, "the newer header");
}

#[test]
fn the_record_of_a_stale_disk_has_no_say_however_high_its_number() {
    let mut made = RAID5.build();
    made.set_state(&[0, 2], 1, PdState::ONLINE | PdState::FAILED | PdState::MISSING);
    made.set_sequence(&[0, 2], 12);
    made.on_disk(1, |made, kind| {
        let record = made.record(1, kind);
        record.sequence_number = U32::new(BIG, 9);
        record.strip_size = 5;
    });
    let told = made.assemble();
    assert_eq!(states(&told), [InSync, Stale, InSync], "{:?}", told.findings);
    assert_eq!(volume(&told).0.geometry.strip, Blocks(16));
}

/// Of an array of two sets only the first has a record yet, on the disks that are an update ahead:
/// nobody was told of it.
#[test]
fn an_array_that_is_half_created_does_not_exist_on_either_side_of_the_wrap() {
    let last = u32::MAX - 1;
    for (before, newest, arrays) in
        [(10, 11, 0), (0, 1, 0), (last, 0, 0), (last, 1, 0), (9, 11, 1), (last, 2, 1)]
    {
        let mut made = Plan { disks: 4, sets: 2, level: (0x01, 0x00, 0x00), ..RAID1 }.build();
        made.set_sequence(&[0, 1], newest);
        made.set_sequence(&[2, 3], before);
        made.on(&[2, 3], |made, disk, kind| {
            made.slot(disk, kind, 0).fill(0xFF);
            let records = made.volume_records(disk, kind);
            records.entries[0] = records.entries[9];
        });
        let told = made.assemble();
        assert_eq!(told.arrays.len(), arrays, "{before} {newest}: {:?}", told.findings);
    }
}

#[test]
fn an_unclean_parity_set_without_a_member_is_told() {
    let mut made = RAID5.build();
    made.on(&[0, 1, 2], |made, disk, kind| {
        made.volume_records(disk, kind).entries[0].set_vd_flags(VdFlags::NOT_CONSISTENT);
    });
    assert!(!made.assemble().has(428));
    assert!(assemble(&made.read(&[0, 1])).has(428));
}

#[test]
fn two_mirrors_are_striped_under_either_code_for_it() {
    for srl in [0x00, 0x03] {
        let made = Plan { disks: 4, sets: 2, level: (0x01, 0x00, srl), ..RAID5 }.build();
        let told = made.assemble();
        let (array, members) = volume(&told);
        let geometry = array.geometry;
        assert_eq!((geometry.level, geometry.secondary), (Level::Raid1, Secondary::Striped));
        assert_eq!((geometry.slots, geometry.sets, geometry.strip), (2, 2, Blocks(16)));
        assert_eq!(array.state, ArrayState::Optimal);
        let places: Vec<_> = members.iter().map(|m| (m.place.set, m.place.slot.0)).collect();
        assert_eq!(places, [(0, 0), (0, 1), (1, 0), (1, 1)]);
        assert_eq!(members[3].disk, Some(3));
        assert!(told.codes(Severity::Warning).is_empty(), "{:?}", told.findings);

        // One of each pair is enough, both of one pair too little.
        assert_eq!(state(&assemble(&made.read(&[0, 3]))), ArrayState::Degraded);
        let told = assemble(&made.read(&[0, 1]));
        assert_eq!(state(&told), ArrayState::Failed);
        assert!(told.has(407));
        assert_eq!(states(&told), [InSync, InSync, Missing, Missing]);
    }
}

#[test]
fn sets_that_belong_to_different_volumes_are_refused() {
    let mut made = Plan { disks: 4, sets: 2, level: (0x01, 0x00, 0x00), ..RAID5 }.build();
    made.on(&[2, 3], |made, disk, kind| made.record(disk, kind).strip_size = 6);
    let told = made.assemble();
    assert!(told.has(406));
    assert_eq!(state(&told), ArrayState::Failed);
}

#[test]
fn a_set_number_past_the_number_of_sets_is_refused() {
    let mut made = RAID1.build();
    made.on(&[0, 1], |made, disk, kind| made.record(disk, kind).secondary_element_seq = 7);
    let told = made.assemble();
    assert!(told.has(414));
    assert_eq!(state(&told), ArrayState::Failed);
}

#[test]
fn codes_that_cannot_be_mapped_are_refused_with_the_members_still_listed() {
    type Edit = fn(&mut VdConfiguration);
    let edits: &[(u16, Edit)] = &[
        (410, |record| record.primary_raid_level = 0x42),
        (410, |record| record.primary_raid_level = 0x03),
        (411, |record| record.raid_level_qualifier = 9),
        (413, |record| record.primary_element_count = U16::new(BIG, 0)),
        (413, |record| record.primary_element_count = U16::new(BIG, 17)),
        (413, |record| record.primary_element_count = U16::new(BIG, 0xFFFF)),
        (415, |record| record.block_size = U16::new(BIG, 4096)),
        (417, |record| record.strip_size = 255),
        (417, |record| record.strip_size = 30),
        (418, |record| record.vd_size = U64::new(BIG, BLOCK_COUNT * 2 + 1)),
    ];
    for (code, edit) in edits {
        let mut made = RAID5.build();
        made.on(&[0, 1, 2], |made, disk, kind| edit(made.record(disk, kind)));
        let told = made.assemble();
        assert_eq!(told.codes(Severity::Refusal), [*code], "{:?}", told.findings);
        assert_eq!(state(&told), ArrayState::Failed);
    }
}

#[test]
fn an_extent_past_the_end_or_over_the_headers_is_not_used() {
    for start in [280, 140, 200, u64::MAX - 5] {
        let mut made = RAID5.build();
        made.on(&[0, 1, 2], |made, disk, kind| {
            let lists = made.record(disk, kind).elements_mut(16).unwrap();
            lists.starting_blocks[1] = U64::new(BIG, start);
        });
        let told = made.assemble();
        assert_eq!(states(&told), [InSync, Failed, InSync], "{start}");
        assert!(told.has(420));
    }
}

#[test]
fn an_extent_past_the_configured_size_is_a_warning() {
    let mut made = RAID5.build();
    made.on(&[0, 1, 2], |made, disk, kind| {
        made.disk_records(disk, kind).entries[1].configured_size = U64::new(BIG, 100);
    });
    let told = made.assemble();
    assert_eq!(told.codes(Severity::Warning), [421]);
    assert_eq!(told.disks[1].usable, Blocks(100));
}

/// A second mirror on the same two disks, from `start`.
fn two_volumes(start: u64) -> Handmade {
    let mut made = RAID1.build();
    made.on(&[0, 1], |made, disk, kind| {
        let records = made.volume_records(disk, kind);
        records.entries[1] = records.entries[0];
        records.entries[1].vd_guid = SECOND_VOLUME;
        records.entries[1].vd_name = *b"second\0\0\0\0\0\0\0\0\0\0";
        let first = made.slot(disk, kind, 0).to_vec();
        let slot = made.slot(disk, kind, 2);
        slot.copy_from_slice(&first);
        let record = VdConfiguration::view_mut(slot).unwrap();
        record.vd_guid = SECOND_VOLUME;
        record.block_count = U64::new(BIG, 32);
        record.vd_size = U64::new(BIG, 32);
        let lists = record.elements_mut(16).unwrap();
        lists.starting_blocks[0] = U64::new(BIG, start);
        lists.starting_blocks[1] = U64::new(BIG, start);
    });
    made
}

#[test]
fn two_volumes_share_disks_but_not_blocks() {
    let told = two_volumes(BLOCK_COUNT).assemble();
    assert!(told.codes(Severity::Warning).is_empty(), "{:?}", told.findings);
    let (array, members) = told.array("second");
    assert_eq!((array.state, array.size), (ArrayState::Optimal, Blocks(32)));
    assert_eq!(members[1].start.0, BLOCK_COUNT);

    let told = two_volumes(BLOCK_COUNT - 1).assemble();
    assert_eq!(told.codes(Severity::Refusal), [422]);
    assert!(told.arrays.iter().all(|(array, _)| array.state == ArrayState::Failed));
}

#[test]
fn a_disk_that_is_being_filled_shares_no_blocks_either() {
    for start in [BLOCK_COUNT, BLOCK_COUNT - 1] {
        let mut made = two_volumes(start);
        made.on(&[0, 1], |made, disk, kind| {
            let record = VdConfiguration::view_mut(made.slot(disk, kind, 2)).unwrap();
            record.elements_mut(16).unwrap().starting_blocks[0] = U64::new(BIG, BLOCK_COUNT);
            let entry = &mut made.disk_records(disk, kind).entries[1];
            entry.set_pd_state(BIG, PdState::ONLINE | PdState::REBUILDING);
        });
        let told = made.assemble();
        let (_, members) = told.array("second");
        assert_eq!(members[1].state, Rebuilding);
        let refusals = told.codes(Severity::Refusal);
        assert_eq!(refusals, [422][..usize::from(start != BLOCK_COUNT)], "{start}");
    }
}

#[test]
fn adaptec_leaves_the_block_count_and_the_slot_count_open() {
    let mut made = Plan { order: ByteOrder::Little, level: (0x00, 0x00, 0x00), ..RAID1 }.build();
    let little = ByteOrder::Little;
    for disk in 0..2 {
        made.anchor(disk).max_primary_element_entries = U16::ALL_ONES;
    }
    made.on(&[0, 1], |made, disk, kind| {
        made.header(disk, kind).max_primary_element_entries = U16::ALL_ONES;
        let record = made.record(disk, kind);
        record.block_count = U64::new(little, 0);
        record.vd_size = U64::new(little, 2 * 192);
        // 15 slots, as many as there may be disks.
        let lists = record.elements_mut(15).unwrap();
        lists.starting_blocks.fill(U64::new(little, 0));
        for entry in &mut made.disk_records(disk, kind).entries[..2] {
            entry.configured_size = U64::new(little, 0xFFFF_FFFF_0000_0000 | CONFIGURED);
        }
    });
    let told = made.assemble();
    assert_eq!(state(&told), ArrayState::Optimal);
    assert_eq!(volume(&told).0.geometry.member_blocks, Blocks(CONFIGURED));
    assert!(told.has(423));
    assert_eq!(told.disks[0].usable, Blocks(CONFIGURED));
}

#[test]
fn a_size_that_is_not_set_is_computed() {
    let mut made = RAID5.build();
    made.on(&[0, 1, 2], |made, disk, kind| made.record(disk, kind).vd_size = U64::ALL_ONES);
    let told = made.assemble();
    assert_eq!(volume(&told).0.size, Blocks(2 * BLOCK_COUNT));
    assert!(told.has(419));
}

#[test]
fn members_of_a_concatenation_have_their_own_sizes() {
    let mut made = Plan { level: (0x1F, 0x00, 0x00), ..RAID1 }.build();
    made.on_disk(1, |made, kind| made.record(1, kind).block_count = U64::new(BIG, 64));
    made.on(&[0, 1], |made, disk, kind| {
        made.record(disk, kind).vd_size = U64::new(BIG, BLOCK_COUNT + 64);
    });
    let told = made.assemble();
    assert_eq!(state(&told), ArrayState::Optimal, "{:?}", told.findings);
    let (_, members) = volume(&told);
    assert_eq!((members[0].len, members[1].len), (Blocks(BLOCK_COUNT), Blocks(64)));
    made.on(&[0, 1], |made, disk, kind| {
        made.record(disk, kind).vd_size = U64::new(BIG, BLOCK_COUNT + 65);
    });
    assert!(made.assemble().has(418));
}

#[test]
fn the_code_for_offset_copies_means_far_from_mdadm() {
    for (guid, placement) in [
        (Guid(*b"Linux-MD configuration 1"), Placement::Far),
        (Guid(*b"LSI     configuration 01"), Placement::Offset),
    ] {
        let made = Plan { disks: 4, level: (0x11, 0x01, 0xFF), guid, ..RAID5 }.build();
        assert_eq!(volume(&made.assemble()).0.geometry.placement, placement);
    }
}

#[test]
fn mappings_that_nobody_confirmed_are_refused() {
    let unverified = |plan: Plan| plan.build().assemble().codes(Severity::Refusal).contains(&426);
    for (level, sets) in
        [((0x05, 3, 0), 2), ((0x01, 0, 1), 2), ((0x01, 0, 2), 2), ((0x15, 0, 0), 1)]
    {
        assert!(unverified(Plan { disks: 6, sets, level, ..RAID5 }), "{level:?}");
    }
    assert!(!unverified(Plan { disks: 6, sets: 3, level: (0x01, 0, 0), ..RAID5 }));

    // What this library made, it can read.
    let mut made = Plan { disks: 6, sets: 2, level: (0x05, 3, 0), ..RAID5 }.build();
    made.on(&[0, 1, 2, 3, 4, 5], |made, disk, kind| {
        made.record(disk, kind).vd_guid = Guid(*b"RAID-RS volume number  1");
        made.volume_records(disk, kind).entries[0].vd_guid = Guid(*b"RAID-RS volume number  1");
    });
    let told = made.assemble();
    assert!(told.codes(Severity::Warning).is_empty(), "{:?}", told.findings);
    assert_eq!(state(&told), ArrayState::Optimal);
}

#[test]
fn spares_are_known_by_their_type() {
    for (pd_type, role, spare) in [
        (PdType::GLOBAL_SPARE, "global spare", true),
        (PdType::CONFIGURED_SPARE, "dedicated spare", true),
        (PdType::GLOBAL_SPARE | PdType::CONFIGURED_SPARE, "dedicated spare", true),
        (PdType::empty(), "unused", false),
    ] {
        let mut made = RAID5.build();
        made.on(&[0, 1, 2], |made, disk, kind| {
            made.disk_records(disk, kind).entries[2].set_pd_type(BIG, pd_type);
        });
        made.on_disk(2, |made, kind| {
            made.slot(2, kind, 0).fill(0xFF);
            let bytes = made.slot(2, kind, 1);
            let record = SpareAssignment::view_mut(bytes).unwrap();
            record.signature = U32::new(BIG, SpareAssignment::SIGNATURE);
            record.spare_type = 0;
        });
        let told = made.assemble();
        assert_eq!((told.disks[2].role.name(), told.disks[2].role.is_spare()), (role, spare));
        assert_eq!(told.raw(Subject::Disk(2), "PD_Type"), Some(pd_type.bits().into()));
        made.set_state(&[0, 1, 2], 2, PdState::ONLINE | PdState::FAILED);
        assert!(!made.assemble().disks[2].role.is_spare());
    }
}

#[test]
fn predicted_failures_are_told_and_the_disk_is_used() {
    let mut made = RAID1.build();
    made.set_state(&[0, 1], 1, PdState::ONLINE | PdState::PREDICTED_FAILURE);
    let told = made.assemble();
    assert_eq!(told.codes(Severity::Warning), [308]);
    assert_eq!(states(&told), [InSync, InSync]);
}

#[test]
fn a_writer_that_keeps_no_numbers_is_judged_by_its_records() {
    let mut made = RAID1.build();
    made.on(&[0, 1], |made, disk, kind| {
        made.header(disk, kind).sequence_number = U32::ALL_ONES;
        made.header(disk, kind).open_flag = 0xFF;
    });
    made.on_disk(1, |made, kind| {
        made.record(1, kind).sequence_number = U32::new(BIG, 9);
        made.disk_records(1, kind).entries[0].set_pd_state(BIG, PdState::FAILED | PdState::MISSING);
    });
    let told = made.assemble();
    assert_eq!(states(&told), [Stale, InSync]);
    assert_eq!(told.disks[0].sequence, None);
}

#[test]
fn more_disks_than_are_remembered_are_assembled_alike() {
    let made = Plan { order: ByteOrder::Big, ..RAID1 }.build();
    let other = Plan { guid: Guid(*b"LSI     configuration 02"), ..RAID1 }.build();
    let mut disks = Vec::new();
    // Disks without metadata fill the memory; the ones of the mirror come after it.
    let blank = made.read_with(0, &[299, 43]);
    disks.resize(130, blank);
    disks.extend(made.read(&[0, 1]));
    disks.extend(other.read(&[1]));
    let told = assemble(&disks);
    assert_eq!(told.arrays.len(), 2);
    assert_eq!(told.arrays[0].0.state, ArrayState::Optimal);
    assert_eq!(told.arrays[0].1[1].disk, Some(131));
    assert_eq!(reference(1), 0x1001);
    assert_eq!(CopyKind::Primary.other(), CopyKind::Secondary);
}
