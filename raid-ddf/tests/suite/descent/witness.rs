// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a disk that is being filled knows of the members that the volume went on without.

use super::{ABSENT, BIG, FAILED, state, states};
use crate::support::handmade::{Handmade, Plan, RAID1, reference};
use crate::support::{Told, assemble};
use raid_core::array::ArrayState;
use raid_core::array::MemberState::{Failed, InSync, Missing, Rebuilding, Stale};
use raid_ddf::{PdState, PdType, U16, U32};

const FILLED: PdState = PdState::ONLINE.union(PdState::REBUILDING);

/// A mirror of 0 and 1, of which 0 failed; disk 2 took its place and is being filled. Disk 0 knows nothing
/// of that: it carries update 11, the others 14.
fn replaced() -> Handmade {
    let mut made = Plan { disks: 3, ..RAID1 }.build();
    made.on(&[0, 1, 2], |made, disk, kind| {
        made.record(disk, kind).primary_element_count = U16::new(BIG, 2);
        let spare = &mut made.disk_records(disk, kind).entries[2];
        spare.set_pd_type(BIG, PdType::GLOBAL_SPARE);
    });
    made.on(&[1, 2], |made, disk, kind| {
        let records = made.disk_records(disk, kind);
        records.entries[2].set_pd_type(BIG, PdType::PARTICIPATING);
        records.entries[2].set_pd_state(BIG, FILLED);
        records.entries[0].set_pd_state(BIG, FAILED);
        let record = made.record(disk, kind);
        record.sequence_number = U32::new(BIG, 4);
        record.elements_mut(16).unwrap().references[0] = U32::new(BIG, reference(2));
    });
    made.set_sequence(&[0], 11);
    made.set_sequence(&[1, 2], 14);
    made
}

/// A mirror of three: 0 failed, then 1 left, came back and is being filled from 2.
fn returned(own: u32, word_on_1: PdState) -> Handmade {
    let mut made = Plan { disks: 3, ..RAID1 }.build();
    made.set_state(&[1, 2], 0, FAILED);
    made.set_state(&[1, 2], 1, FILLED);
    made.set_state(&[0], 1, word_on_1);
    made.set_sequence(&[0], own);
    made.set_sequence(&[1, 2], 14);
    made
}

fn on(made: &Handmade, disks: &[usize]) -> Told {
    assemble(&made.read(disks))
}

/// Case C8. mdadm writes to a disk that failed as well, as long as it is plugged in. Of two members one has
/// failed, the other is an older copy from before: nobody holds what was written since.
#[test]
fn an_older_copy_is_not_read_beside_a_failed_disk_that_knows_two_updates_more() {
    for (own, expected) in [(13, InSync), (12, Stale), (4, Stale)] {
        let mut made = Plan { disks: 2, ..RAID1 }.build();
        made.set_state(&[1], 1, FAILED);
        made.set_sequence(&[0], own);
        made.set_sequence(&[1], 14);
        let told = made.assemble();
        assert_eq!(states(&told, "volume"), [expected, Failed], "{own}: {:?}", told.findings);
        let readable = if expected == Stale { ArrayState::Failed } else { ArrayState::Degraded };
        assert_eq!(state(&told, "volume"), readable, "{own}");
    }
}

/// Case C11.
#[test]
fn a_replaced_disk_is_not_read_beside_the_disk_that_is_filled_in_its_place() {
    let mut made = replaced();
    let told = made.assemble();
    assert_eq!(states(&told, "volume"), [Rebuilding, InSync], "{:?}", told.findings);
    let told = on(&made, &[0, 2]);
    assert_eq!(states(&told, "volume"), [Rebuilding, Missing], "{:?}", told.findings);
    assert_eq!(state(&told, "volume"), ArrayState::Failed);
    // Alone it cannot know.
    assert_eq!(states(&on(&made, &[0]), "volume"), [InSync, Missing]);
    // It ran alone, and was promised to: who is right only the user knows.
    made.set_state(&[0], 1, ABSENT);
    for number in [11, 13, 14, 30] {
        made.set_sequence(&[0], number);
        let told = on(&made, &[0, 2]);
        assert_eq!(state(&told, "volume"), ArrayState::Forked, "{number}: {:?}", told.findings);
        assert_eq!(told.branches.len(), 2, "{number}: {:?}", told.branches);
    }
}

/// Case C11.
#[test]
fn a_failed_member_is_not_read_beside_one_that_is_filled_without_it() {
    // Whether the failed one saw the other leave, or not.
    for (own, word, told) in [
        (11, PdState::ONLINE, ArrayState::Failed),
        (15, PdState::ONLINE, ArrayState::Failed),
        (13, FAILED, ArrayState::Failed),
        // It is the later one: filled again from disk 2, while disk 1 was out.
        (15, FAILED, ArrayState::Degraded),
    ] {
        let made = returned(own, word);
        let found = on(&made, &[0, 1]);
        assert_eq!(state(&found, "volume"), told, "{own} {word:?}: {:?}", found.findings);
        let in_sync = states(&found, "volume").iter().filter(|state| **state == InSync).count();
        assert_eq!(in_sync, usize::from(told != ArrayState::Failed), "{own} {word:?}");
    }
    // With disk 2, which is counted in, nothing changes.
    let told = on(&returned(11, PdState::ONLINE), &[0, 1, 2]);
    assert_eq!(states(&told, "volume")[1..], [Rebuilding, InSync]);
}

/// Case C11.
#[test]
fn a_disk_that_ran_alone_before_it_knew_that_it_is_being_filled_is_a_fork() {
    // Disk 1 left and came back; the record that it is being filled reached disk 0 alone.
    let mut made = RAID1.build();
    made.set_state(&[0], 1, FILLED);
    made.set_sequence(&[0], 13);
    made.set_sequence(&[1], 12);
    let told = made.assemble();
    assert_eq!(states(&told, "volume"), [InSync, Rebuilding], "{:?}", told.findings);
    for (word, expected) in [(ABSENT, ArrayState::Forked), (FAILED, ArrayState::Degraded)] {
        // Or it was filled, and disk 0 failed then.
        made.set_state(&[1], 0, word);
        for number in [12, 13, 16] {
            made.set_sequence(&[1], number);
            let told = made.assemble();
            assert_eq!(state(&told, "volume"), expected, "{number}: {:?}", told.findings);
            let expected = if expected == ArrayState::Forked { 2 } else { 0 };
            assert_eq!(told.branches.len(), expected, "{number}: {:?}", told.branches);
        }
    }
    assert_eq!(states(&made.assemble(), "volume"), [Failed, InSync]);
    assert_eq!(states(&on(&made, &[1]), "volume"), [Missing, InSync]);
}

/// Case C10.
#[test]
fn a_spare_that_knows_another_history_does_not_make_a_disk_in_sync_that_is_being_filled() {
    // Disk 1 ran alone with a spare, disk 3, and counted one further. Disk 0 has the history that counts;
    // in it disk 2 is being filled in the place of disk 1.
    let mut made = Plan { disks: 4, ..RAID1 }.build();
    made.on(&[0, 1, 2, 3], |made, disk, kind| {
        made.record(disk, kind).primary_element_count = U16::new(BIG, 2);
        for spare in [2, 3] {
            let records = made.disk_records(disk, kind);
            records.entries[spare].set_pd_type(BIG, PdType::GLOBAL_SPARE);
        }
    });
    made.on_disk(3, |made, kind| made.slot(3, kind, 0).fill(0xFF));
    made.on(&[0, 2], |made, disk, kind| {
        let records = made.disk_records(disk, kind);
        records.entries[2].set_pd_type(BIG, PdType::PARTICIPATING);
        records.entries[2].set_pd_state(BIG, FILLED);
        records.entries[1].set_pd_state(BIG, FAILED);
        let record = made.record(disk, kind);
        record.sequence_number = U32::new(BIG, 4);
        record.elements_mut(16).unwrap().references[1] = U32::new(BIG, reference(2));
    });
    made.set_state(&[3], 0, ABSENT);
    made.set_sequence(&[0, 2], 20);
    made.set_sequence(&[3], 21);
    let told = on(&made, &[0, 2, 3]);
    assert_eq!(states(&told, "volume"), [InSync, Rebuilding], "{:?}", told.findings);
}

/// Case C11.
#[test]
fn an_older_copy_of_the_only_source_is_not_read_beside_the_disk_that_is_filled_from_it() {
    // One update behind is what an interrupted update leaves.
    for (own, expected) in [(14, InSync), (13, InSync), (12, Stale), (9, Stale)] {
        let mut made = replaced();
        made.set_sequence(&[1], own);
        let told = on(&made, &[1, 2]);
        assert_eq!(states(&told, "volume"), [Rebuilding, expected], "{own}: {:?}", told.findings);
        // The one that failed before has not what they were promised either.
        let told = on(&made, &[0, 1, 2]);
        assert_eq!(states(&told, "volume"), [Rebuilding, expected], "{own}: {:?}", told.findings);
    }
}

/// Case C11.
#[test]
fn a_disk_that_ran_alone_is_a_fork_beside_an_older_copy_of_the_other_source() {
    // Disk 0 ran alone; disks 1 and 2 ran without it, and disk 2 is filled from disk 1.
    let mut made = Plan { disks: 3, ..RAID1 }.build();
    made.set_state(&[0], 1, ABSENT);
    made.set_state(&[0], 2, ABSENT);
    made.set_state(&[1, 2], 0, ABSENT);
    made.set_state(&[1, 2], 2, FILLED);
    made.set_sequence(&[0], 13);
    made.set_sequence(&[1, 2], 16);
    assert_eq!(state(&made.assemble(), "volume"), ArrayState::Forked);
    made.set_state(&[1], 0, PdState::ONLINE);
    made.set_state(&[1], 2, PdState::ONLINE);
    for own in [9, 10, 12] {
        made.set_sequence(&[1], own);
        let told = made.assemble();
        assert_eq!(state(&told, "volume"), ArrayState::Forked, "{own}: {:?}", told.findings);
        assert_eq!(told.branches.len(), 2, "{own}: {:?}", told.branches);
    }
}

/// A mirror of 0 and 1, and spares 2 and 3, all as they were made.
fn with_spares() -> Handmade {
    let mut made = Plan { disks: 4, ..RAID1 }.build();
    made.on(&[0, 1, 2, 3], |made, disk, kind| {
        made.record(disk, kind).primary_element_count = U16::new(BIG, 2);
        for spare in [2, 3] {
            let records = made.disk_records(disk, kind);
            records.entries[spare].set_pd_type(BIG, PdType::GLOBAL_SPARE);
        }
    });
    made
}

/// `spare` takes the place of disk `slot`, as these disks know.
fn seat(made: &mut Handmade, disks: &[usize], (slot, spare): (usize, usize), number: u32) {
    made.on(disks, |made, disk, kind| {
        let records = made.disk_records(disk, kind);
        records.entries[spare].set_pd_type(BIG, PdType::PARTICIPATING);
        records.entries[slot].set_pd_type(BIG, PdType::empty());
        let record = made.record(disk, kind);
        record.sequence_number = U32::new(BIG, number);
        record.elements_mut(16).unwrap().references[slot] = U32::new(BIG, reference(spare));
    });
}

/// Case C11.
#[test]
fn two_disks_that_ran_without_each_other_are_a_fork_though_a_spare_took_the_place_of_one() {
    // Disk 0 ran alone. Disk 1 ran alone, spare 2 took the place of disk 0, and disk 1 is filled from it.
    let mut made = with_spares();
    made.set_state(&[0], 1, ABSENT);
    made.set_sequence(&[0], 12);
    made.set_state(&[1, 2], 0, ABSENT);
    seat(&mut made, &[1, 2], (0, 2), 4);
    made.set_state(&[1, 2], 1, FILLED);
    made.set_sequence(&[1, 2], 14);
    for disks in [&[0, 1][..], &[0, 1, 2], &[0, 2]] {
        let told = on(&made, disks);
        assert_eq!(state(&told, "volume"), ArrayState::Forked, "{disks:?}: {:?}", told.findings);
        assert_eq!(told.branches.len(), 2, "{disks:?}: {:?}", told.branches);
    }
}

/// Case C11.
#[test]
fn a_replaced_disk_that_never_ran_without_the_others_is_only_old_though_all_of_them_are_gone() {
    // Disk 0 failed, spare 2 took its place; disk 1 failed, spare 3 took its place.
    for (word, expected) in [
        (PdState::ONLINE, ArrayState::Optimal),
        (FAILED, ArrayState::Forked),
        (ABSENT, ArrayState::Forked),
    ] {
        let mut made = with_spares();
        made.set_state(&[0], 1, word);
        made.set_sequence(&[0], 11);
        for (slot, spare) in [(0, 2), (1, 3)] {
            made.set_state(&[2, 3], slot, FAILED);
            seat(&mut made, &[2, 3], (slot, spare), 5);
        }
        made.set_sequence(&[2, 3], 16);
        let told = on(&made, &[0, 2, 3]);
        assert_eq!(state(&told, "volume"), expected, "{word:?}: {:?}", told.findings);
        // Nor is it read beside one that is being filled.
        made.set_state(&[2, 3], 3, FILLED);
        let told = on(&made, &[0, 3]);
        let expected = if word == PdState::ONLINE { ArrayState::Failed } else { expected };
        assert_eq!(state(&told, "volume"), expected, "{word:?}: {:?}", told.findings);
    }
}

/// Case C11.
#[test]
fn histories_of_disks_that_both_gave_places_to_spares_are_a_fork_with_the_spares_alone() {
    // Disk 1 ran without disk 0 and fills spare 2 in its place; disk 0 ran without disk 1, and spare 3 has its
    // place. Which of the records has the higher number shows nothing.
    for (first, second) in [(4, 5), (5, 4), (5, 5)] {
        let mut made = with_spares();
        made.set_state(&[1, 2], 0, ABSENT);
        seat(&mut made, &[1, 2], (0, 2), first);
        made.set_state(&[1, 2], 2, FILLED);
        made.set_state(&[0, 3], 1, ABSENT);
        seat(&mut made, &[0, 3], (1, 3), second);
        for numbers in [(14, 16), (16, 14)] {
            made.set_sequence(&[1, 2], numbers.0);
            made.set_sequence(&[0, 3], numbers.1);
            for disks in [&[2, 3][..], &[1, 3], &[0, 2], &[0, 1, 2, 3]] {
                let told = on(&made, disks);
                let found = state(&told, "volume");
                assert_eq!(found, ArrayState::Forked, "{first} {disks:?}: {:?}", told.findings);
            }
        }
    }
}

/// Case C11.
#[test]
fn a_history_whose_members_all_came_later_is_no_proof_against_a_disk_of_another() {
    // Disk 1 failed, spare 2 took its place. Then disk 1 ran alone, and spare 3 took the place of disk 0.
    let mut made = with_spares();
    made.set_state(&[0, 2], 1, FAILED);
    seat(&mut made, &[0, 2], (1, 2), 4);
    made.set_sequence(&[0, 2], 14);
    made.set_state(&[1, 3], 0, ABSENT);
    seat(&mut made, &[1, 3], (0, 3), 5);
    made.set_sequence(&[1, 3], 20);
    for disks in [&[0, 3][..], &[0, 1], &[0, 1, 2, 3], &[2, 3]] {
        let told = on(&made, disks);
        assert_eq!(state(&told, "volume"), ArrayState::Forked, "{disks:?}: {:?}", told.findings);
    }
}

/// Case C11.
#[test]
fn a_disk_whose_place_was_given_away_is_not_the_later_one_beside_a_disk_that_is_filled() {
    // Disk 1 failed, spare 2 took its place; disk 0 left, came back, and is filled from spare 2. Disk 1 ran
    // alone, or saw disk 0 fail before.
    for (word, expected) in [(ABSENT, ArrayState::Forked), (FAILED, ArrayState::Failed)] {
        for number in [12, 14, 20] {
            let mut made = with_spares();
            made.set_state(&[0, 2], 1, FAILED);
            seat(&mut made, &[0, 2], (1, 2), 4);
            made.set_state(&[0, 2], 0, FILLED);
            made.set_sequence(&[0, 2], 16);
            made.set_state(&[1], 0, word);
            made.set_sequence(&[1], number);
            let told = on(&made, &[0, 1]);
            assert_eq!(state(&told, "volume"), expected, "{number} {word:?}: {:?}", told.findings);
        }
    }
}

/// Case C11.
#[test]
fn a_disk_that_ran_alone_after_it_failed_is_a_fork_beside_one_that_it_saw_fail() {
    // Mirror of three: disk 1 failed; then disk 0 failed, and disk 1 was filled from disk 2. Disk 0 ran alone.
    for number in [12, 13, 20] {
        let mut made = Plan { disks: 3, ..RAID1 }.build();
        made.set_state(&[0], 1, FAILED);
        made.set_state(&[0], 2, ABSENT);
        made.set_sequence(&[0], 12);
        made.set_state(&[1, 2], 0, FAILED);
        made.set_sequence(&[1, 2], number);
        for disks in [&[0, 1, 2][..], &[0, 1], &[0, 2]] {
            let told = on(&made, disks);
            let found = state(&told, "volume");
            assert_eq!(found, ArrayState::Forked, "{number} {disks:?}: {:?}", told.findings);
        }
    }
}

/// Case C8.
#[test]
fn an_older_copy_of_a_disk_that_ran_alone_is_a_fork_beside_those_that_are_further_on() {
    // An older copy of disk 1 ran without disk 0, which has gone on with the disk itself.
    for (own, expected) in [
        (12, ArrayState::Forked),
        (15, ArrayState::Forked),
        (16, ArrayState::Degraded),
        (30, ArrayState::Degraded),
    ] {
        let mut made = RAID1.build();
        made.set_sequence(&[0], 17);
        made.set_state(&[1], 0, ABSENT);
        made.set_sequence(&[1], own);
        let told = made.assemble();
        assert_eq!(state(&told, "volume"), expected, "{own}: {:?}", told.findings);
    }
}

/// Case C8.
#[test]
fn an_older_copy_of_a_disk_from_before_a_spare_came_is_only_old() {
    // Disk 0 failed, spare 2 took its place, and was filled from disk 1.
    let mut made = with_spares();
    made.set_state(&[2], 0, FAILED);
    seat(&mut made, &[2], (0, 2), 4);
    made.set_sequence(&[2], 16);
    for own in [9, 14] {
        made.set_sequence(&[1], own);
        let told = on(&made, &[1, 2]);
        assert_eq!(states(&told, "volume"), [InSync, Stale], "{own}: {:?}", told.findings);
    }
}

/// Case C11.
#[test]
fn a_disk_that_was_being_filled_before_a_spare_came_is_only_old_when_the_others_are_gone() {
    // Spare 2 was being filled in the place of disk 0; then it failed, spare 3 took its place, and disk 1 was
    // absent from the last start.
    let mut made = with_spares();
    made.set_state(&[2, 3], 0, FAILED);
    seat(&mut made, &[2, 3], (0, 2), 4);
    made.set_state(&[2], 2, FILLED);
    made.set_sequence(&[2], 14);
    made.set_state(&[3], 2, FAILED);
    seat(&mut made, &[3], (0, 3), 5);
    made.set_state(&[3], 1, ABSENT);
    made.set_sequence(&[3], 23);
    let told = on(&made, &[2, 3]);
    assert_eq!(states(&told, "volume"), [InSync, Missing], "{:?}", told.findings);
}
