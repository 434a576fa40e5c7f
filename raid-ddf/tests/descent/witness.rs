// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a disk that is being filled knows of the members that the volume went on without.

use super::support::handmade::{Handmade, Plan, RAID1, reference};
use super::support::{Told, assemble};
use super::{ABSENT, BIG, FAILED, state, states};
use raid_core::array::ArrayState;
use raid_core::array::MemberState::{Failed, InSync, Missing, Rebuilding};
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
