// SPDX-License-Identifier: MIT OR Apache-2.0
//! What each of several arrays that share disks says for itself: who is in sync, and since when.

use crate::media::{Rig, geometry, healthy, raid10, touch};
use crate::update::{activate, state_of, with};
use raid_core::array::{ArrayId, ArrayState, Level, MemberId, MemberState, Placement};
use raid_core::metadata::{
    Admin, DiskCondition, Operation, Progress, RunTime, RuntimeState, Subject,
};
use raid_core::units::{Row, Slot, SlotSet};
use raid_ddf::Ddf;

const REBUILDING: u64 = 0x05;
const FAILED: u64 = 0x02;
const ONLINE: u64 = 0x01;

/// A mirror on disks 0 and 1, another one on disks 1 and 2, and disk 3.
fn two_mirrors() -> (Rig, ArrayId, ArrayId) {
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let (mut rig, first) = with(mirror, &[0, 1], 4);
    let second = rig.create("mirror", mirror, &[1, 2]).unwrap();
    (rig, first, second)
}

fn pd_state(rig: &Rig, disk: usize) -> u64 {
    rig.told().raw(Subject::Disk(disk), "PD_State").unwrap()
}

fn short(rig: &Rig, array: ArrayId) -> [SlotSet; 2] {
    let state = rig.state(array, 0).unwrap();
    [state.failed, state.rebuilding]
}

const NONE: [SlotSet; 2] = [SlotSet::EMPTY; 2];

fn filling(slot: u8) -> [SlotSet; 2] {
    [SlotSet::EMPTY, SlotSet::of(Slot(slot))]
}

/// Disk 1 fails, and is filled for the first array while the second one waits for it.
fn half_filled() -> (Rig, ArrayId, ArrayId) {
    let (mut rig, first, second) = two_mirrors();
    rig.set_state(first, 0, &state_of(true, &[1], &[])).unwrap();
    rig.set_state(first, 0, &state_of(true, &[], &[1])).unwrap();
    assert_eq!([short(&rig, first), short(&rig, second)], [filling(1), filling(0)]);
    rig.set_state(first, 0, &healthy()).unwrap();
    rig.commit();
    rig.reread();
    (rig, first, second)
}

#[test]
fn a_disk_filled_for_one_array_is_in_sync_there_while_another_waits_for_it() {
    let (mut rig, first, second) = half_filled();
    assert_eq!([short(&rig, first), short(&rig, second)], [NONE, filling(0)]);
    assert_eq!(rig.members("array")[1], (Some(1), MemberState::InSync));
    assert_eq!(rig.members("mirror")[0], (Some(1), MemberState::Rebuilding));
    // The standard's own field says the worst.
    assert_eq!(pd_state(&rig, 1), REBUILDING);
    // The source may fail now.
    rig.set_state(first, 0, &state_of(true, &[0], &[])).unwrap();
    assert_eq!(short(&rig, first), [SlotSet::of(Slot(0)), SlotSet::EMPTY]);
    rig.set_state(second, 0, &healthy()).unwrap();
    assert_eq!(pd_state(&rig, 1), ONLINE);
    rig.set_state(first, 0, &healthy()).unwrap();
    // Nothing of ours is left in the vendor's scratch space.
    let notes = rig.disks.iter().flat_map(|disk| &disk.pieces);
    let vendor = |bytes: &[u8]| bytes.chunks(512).any(|block| block[480..488] == *b"RAID-RS ");
    assert!(notes.into_iter().all(|(_, bytes)| !vendor(bytes)));
}

#[test]
fn a_source_that_becomes_the_spare_of_another_array_stays_a_source() {
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let (mut rig, first) = with(mirror, &[0, 1], 4);
    let second = rig.create("mirror", mirror, &[0, 1]).unwrap();
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().add_spare(disks, 3, stamp)).unwrap();
    rig.set_state(first, 0, &state_of(true, &[1], &[])).unwrap();
    activate(&mut rig, first, 1, 3).unwrap();
    rig.set_state(first, 0, &healthy()).unwrap();
    // Disk 0 is lost too: disk 3 is the only source of the first array, and takes a place in the other.
    rig.set_state(first, 0, &state_of(true, &[0], &[])).unwrap();
    activate(&mut rig, second, 1, 3).unwrap();
    assert_eq!(pd_state(&rig, 3), REBUILDING);
    assert_eq!(short(&rig, first), [SlotSet::of(Slot(0)), SlotSet::EMPTY]);
    assert_eq!(short(&rig, second)[1], SlotSet::of(Slot(1)));
}

#[test]
fn a_note_counts_for_nothing_after_a_change_by_another_implementation() {
    let (mut rig, first, second) = half_filled();
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().add_spare(disks, 3, stamp)).unwrap();
    assert_eq!([short(&rig, first), short(&rig, second)], [NONE, filling(0)], "ours keep it");
    rig.commit();
    rig.reread();
    touch(&mut rig);
    assert_eq!([short(&rig, first), short(&rig, second)], [filling(1), filling(0)]);
    // Nor does it come back.
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().release_spare(disks, 3, stamp)).unwrap();
    assert_eq!([short(&rig, first), short(&rig, second)], [filling(1), filling(0)]);
}

#[test]
fn a_note_and_a_mark_stand_in_the_same_space() {
    let (mut rig, first, second) = half_filled();
    let format = Ddf::new().with_checkpoints();
    let resync = RuntimeState {
        progress: Some(Progress { operation: Operation::Resync, mark: Row(640) }),
        ..healthy()
    };
    let rebuild = state_of(true, &[], &[0]).at(Row(128));
    for (array, state) in [(first, resync), (second, rebuild)] {
        let stamp = rig.stamp();
        rig.edit(|disks| format.set_state(disks, array, 0, &state, stamp)).unwrap();
        rig.commit();
        rig.reread();
        assert_eq!(rig.state(array, 0), Some(state));
    }
    assert_eq!(rig.state(first, 0), Some(resync), "another array's update keeps it");
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().set_state(disks, first, 0, &healthy(), stamp)).unwrap();
    assert_eq!(rig.state(first, 0), Some(healthy()));
    assert_eq!(rig.state(second, 0), Some(rebuild));
}

#[test]
fn a_disk_that_fails_has_to_be_filled_for_each_array_that_can_run_without_it() {
    let (mut rig, first, second) = half_filled();
    rig.set_state(second, 0, &state_of(true, &[0], &[])).unwrap();
    assert_eq!(pd_state(&rig, 1) & FAILED, FAILED);
    assert_eq!(short(&rig, first), [SlotSet::of(Slot(1)), SlotSet::EMPTY]);
    rig.set_state(second, 0, &state_of(true, &[], &[0])).unwrap();
    assert_eq!([short(&rig, first), short(&rig, second)], [filling(1), filling(0)]);
}

#[test]
fn a_disk_that_comes_back_is_still_the_source_of_an_array_that_cannot_run_without_it() {
    let (mut rig, first, second) = two_mirrors();
    rig.set_state(first, 0, &state_of(true, &[0], &[])).unwrap();
    // Disk 1 fails for the second array: the first one has no other source.
    rig.set_state(second, 0, &state_of(true, &[0], &[])).unwrap();
    assert_eq!(short(&rig, first)[0], SlotSet::of(Slot(0)), "it holds all that there is");
    rig.set_state(second, 0, &state_of(true, &[], &[0])).unwrap();
    assert_eq!(short(&rig, first), [SlotSet::of(Slot(0)), SlotSet::EMPTY]);
    assert_eq!(short(&rig, second), filling(0));
    // The same where the disk as a whole was called failed.
    let ids: Vec<MemberId> = rig.told().disks.iter().map(|disk| disk.id).collect();
    let stamp = rig.stamp();
    let failed = DiskCondition { failed: true, ..DiskCondition::default() };
    rig.edit(|disks| Ddf::new().set_disk_condition(disks, ids[1], failed, stamp)).unwrap();
    rig.set_state(second, 0, &state_of(true, &[], &[0])).unwrap();
    assert_eq!(short(&rig, first), [SlotSet::of(Slot(0)), SlotSet::EMPTY]);
}

#[test]
fn the_sets_of_an_array_keep_their_notes_apart() {
    let (mut rig, array) = with(raid10(2), &[0, 1, 2, 3], 4);
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let other = rig.create("mirror", mirror, &[1, 3]).unwrap();
    rig.set_state(array, 0, &state_of(true, &[1], &[])).unwrap();
    rig.set_state(array, 0, &state_of(false, &[], &[1])).unwrap();
    rig.set_state(array, 0, &healthy()).unwrap();
    let dirty = state_of(false, &[], &[]);
    rig.set_state(array, 1, &dirty).unwrap();
    rig.commit();
    rig.reread();
    assert_eq!(rig.state(array, 0), Some(healthy()));
    assert_eq!(rig.state(array, 1), Some(dirty));
    assert_eq!(short(&rig, other), filling(0));
    rig.set_state(array, 1, &healthy()).unwrap();
    assert_eq!(rig.state(array, 0), Some(healthy()));
    assert_eq!(rig.told().array("array").0.state, ArrayState::Optimal);
}

/// The disk that a list does not know to be filled is not in sync because the list is written to it.
#[test]
fn an_older_list_does_not_put_a_disk_in_sync_that_is_filled_for_another_array() {
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let (mut rig, first) = with(mirror, &[0, 1], 4);
    let second = rig.create("mirror", mirror, &[0, 1]).unwrap();
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().add_spare(disks, 3, stamp)).unwrap();
    rig.commit();
    // The second array goes on without disk 0, with the spare; then the first one on disk 0, without
    // disk 1.
    let mut apart = rig.only(&[1, 3]);
    apart.set_state(second, 0, &state_of(true, &[0], &[])).unwrap();
    activate(&mut apart, second, 0, 1).unwrap();
    apart.commit();
    rig.take_back(&[1, 3], apart);
    let mut rig = rig.only(&[0, 3]);
    rig.set_state(first, 0, &state_of(true, &[1], &[])).unwrap();
    rig.commit();
    rig.reread();
    assert_eq!(short(&rig, first), [SlotSet::of(Slot(1)), SlotSet::EMPTY]);
    // That disk 1 was absent when the first one ran means nothing to the second.
    assert_eq!(short(&rig, second), filling(0));
}

/// What a disk was not told of one array, it is told by the next update of that one, and of no other.
#[test]
fn a_disk_that_an_update_did_not_reach_is_told_by_the_next_one_of_the_same_array() {
    let (mut rig, first, second) = two_mirrors();
    rig.set_state(first, 0, &state_of(true, &[1], &[])).unwrap();
    rig.set_state(first, 0, &state_of(true, &[], &[1])).unwrap();
    rig.commit();
    rig.set_state(first, 0, &healthy()).unwrap();
    // The power goes when disk 0 alone has it.
    rig.live = vec![true, false, false, false];
    rig.commit();
    rig.reread();
    assert_eq!([short(&rig, first), short(&rig, second)], [NONE, filling(0)]);
    rig.live = vec![true; 4];
    rig.set_state(second, 0, &state_of(true, &[], &[0])).unwrap();
    rig.commit();
    let alone = rig.only(&[1, 2]);
    assert_eq!(alone.members("array")[1], (Some(0), MemberState::Rebuilding));
    assert_eq!(alone.members("mirror")[0], (Some(0), MemberState::Rebuilding));
    rig.set_state(first, 0, &healthy()).unwrap();
    rig.commit();
    let alone = rig.only(&[1, 2]);
    assert_eq!(alone.members("array")[1], (Some(0), MemberState::InSync));
    assert_eq!(alone.members("mirror")[0], (Some(0), MemberState::Rebuilding));
}

/// Disk 0 is an older copy of itself, and the only source of the first array.
#[test]
fn an_update_of_one_array_does_not_put_a_stale_disk_in_sync_for_another() {
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let (mut rig, first) = with(mirror, &[0, 1], 4);
    let second = rig.create("mirror", mirror, &[0, 2]).unwrap();
    rig.set_state(first, 0, &state_of(true, &[1], &[])).unwrap();
    rig.commit();
    let copy = rig.media[0].clone();
    for clean in [false, true, false, true] {
        rig.set_state(second, 0, &state_of(clean, &[], &[])).unwrap();
        rig.commit();
    }
    rig.media[0] = copy;
    rig.reread();
    assert_eq!(rig.members("mirror")[0], (Some(0), MemberState::Stale));
    rig.set_state(first, 0, &state_of(false, &[1], &[])).unwrap();
    rig.set_state(first, 0, &state_of(true, &[1], &[])).unwrap();
    rig.commit();
    rig.reread();
    assert_eq!(rig.members("array")[0], (Some(0), MemberState::InSync));
    assert_eq!(rig.members("mirror")[0], (Some(0), MemberState::Stale));
}

/// Rows in flight of an unclean set with parity cannot be computed without the disk: it is not run so.
#[test]
fn a_disk_that_fails_for_one_array_still_serves_an_unclean_one_with_parity() {
    for (clean, whole) in [(false, true), (true, false)] {
        let (mut rig, five) = with(geometry(Level::Raid5, Placement::NContinue, 3), &[0, 1, 2], 4);
        let pair = geometry(Level::Raid1, Placement::Fixed, 2);
        let mirror = rig.create("mirror", pair, &[1, 2]).unwrap();
        rig.set_state(five, 0, &state_of(clean, &[], &[])).unwrap();
        rig.set_state(mirror, 0, &state_of(true, &[0], &[])).unwrap();
        assert_eq!(short(&rig, mirror)[0], SlotSet::of(Slot(0)));
        let failed = [SlotSet::of(Slot(1)), SlotSet::EMPTY];
        assert_eq!(short(&rig, five), if whole { NONE } else { failed }, "{clean}");
        rig.set_state(mirror, 0, &state_of(true, &[], &[0])).unwrap();
        assert_eq!(short(&rig, five), if whole { NONE } else { filling(1) }, "{clean}");
        // Whoever runs it without the disk all the same says so.
        rig.set_state(five, 0, &state_of(false, &[1], &[])).unwrap();
        assert_eq!(short(&rig, five)[0], SlotSet::of(Slot(1)));
    }
}

/// A start writes what it found once more, and again where that was no update of its own. With headers that agree
/// and rosters that do not, the first of these would count, though the volume's own number did not move.
#[test]
fn what_a_volume_left_undone_is_repeated_as_the_same_update_though_another_volume_was_updated_since()
 {
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let (mut rig, first) = with(mirror, &[0, 1], 2);
    let second = rig.create("mirror", mirror, &[0, 1]).unwrap();
    let dirty = state_of(false, &[], &[]);
    rig.set_state(first, 0, &dirty).unwrap();
    rig.commit();
    rig.set_state(first, 0, &healthy()).unwrap();
    // The power goes when disk 0 alone has it.
    rig.live = vec![true, false];
    rig.commit();
    rig.reread();
    rig.live = vec![true; 2];
    rig.set_state(second, 0, &dirty).unwrap();
    rig.commit();
    rig.reread();
    let updates = |rig: &Rig| rig.told().disks.iter().map(|own| own.sequence).collect::<Vec<_>>();
    let before = updates(&rig);
    assert_eq!(before[0], before[1], "an update of the other volume has reached both");
    assert_eq!(rig.state(first, 0), Some(healthy()));
    rig.set_state(first, 0, &healthy()).unwrap();
    assert_eq!(updates(&rig), before, "the same update once more");
    rig.commit();
    rig.reread();
    assert!(rig.only(&[1]).state(first, 0).unwrap().clean, "disk 1 has it now");
    // What is written again is another one, on both.
    rig.set_state(first, 0, &healthy()).unwrap();
    assert_eq!(updates(&rig), before.iter().map(|own| own.map(|own| own + 1)).collect::<Vec<_>>());
}
