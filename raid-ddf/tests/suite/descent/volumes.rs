// SPDX-License-Identifier: MIT OR Apache-2.0
//! Several volumes on the same disks: an update of one takes back nothing of what a disk knows of another.

use crate::descent::{container, run_apart, state, states, written};
use crate::media::{Rig, geometry, healthy, raid10};
use raid_core::array::MemberState::{Failed, InSync, Stale};
use raid_core::array::{ArrayId, ArrayState, Level, Placement};
use raid_core::metadata::{Admin, RunTime, RuntimeState};
use raid_core::units::{Slot, SlotSet};
use raid_ddf::Ddf;

/// Two mirrors on disks 0 and 1, and a spare.
fn pair() -> (Rig, ArrayId, ArrayId) {
    let mut rig = container(3);
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let one = rig.create("one", mirror, &[0, 1]).unwrap();
    let other = rig.create("other", mirror, &[0, 1]).unwrap();
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().add_spare(disks, 2, stamp)).unwrap();
    (written(rig), one, other)
}

/// Case C1.
#[test]
fn a_fork_of_one_volume_stays_one_when_another_runs_on_all_the_disks() {
    for times in 1..4 {
        for (first, second) in [(&[1][..], &[0][..]), (&[1, 2], &[0]), (&[1], &[0, 2])] {
            let (mut rig, one, other) = pair();
            run_apart(&mut rig, first, one, 1, 1);
            run_apart(&mut rig, second, one, 1, times);
            assert_eq!(state(&rig.told(), "one"), ArrayState::Forked, "{first:?} {times}");
            run_apart(&mut rig, &[0, 1, 2], other, 1, times);
            let told = rig.told();
            assert_eq!(states(&told, "other"), [InSync, InSync], "{first:?} {times}");
            assert_eq!(state(&told, "one"), ArrayState::Forked, "{first:?} {times}");
            assert_eq!(told.branches.len(), 2);
            // Each history can be run for itself.
            for disk in [0, 1] {
                let alone = rig.only(&[disk]);
                assert_eq!(state(&alone.told(), "one"), ArrayState::Degraded);
            }
        }
    }
}

/// Case C1. Both volumes ran apart, and so did the spare that took a place in one of them.
#[test]
fn a_fork_stays_one_when_another_volume_takes_the_spare() {
    let (mut rig, one, other) = pair();
    run_apart(&mut rig, &[1], one, 1, 1);
    run_apart(&mut rig, &[0, 2], one, 1, 1);
    // The other volume loses disk 0, and fills the spare.
    let mut apart = rig.only(&[1, 2]);
    apart.set_state(other, 0, &RuntimeState { failed: SlotSet::of(Slot(0)), ..healthy() }).unwrap();
    let place = raid_core::array::Place { set: 0, slot: Slot(0) };
    let stamp = apart.stamp();
    apart.edit(|disks| Ddf::new().activate(disks, other, place, 1, stamp)).unwrap();
    apart.set_state(other, 0, &healthy()).unwrap();
    let apart = written(apart);
    rig.take_back(&[1, 2], apart);
    for times in 0..3 {
        assert_eq!(state(&rig.told(), "one"), ArrayState::Forked, "{times}");
        assert_eq!(state(&rig.told(), "other"), ArrayState::Optimal, "{times}");
        run_apart(&mut rig, &[0, 1, 2], other, 1, 1);
    }
}

/// Case C5. The disk whose lists are the newest knows nothing of the run.
#[test]
fn an_update_of_one_volume_does_not_take_back_that_another_was_written() {
    let (mut rig, one, other) = pair();
    run_apart(&mut rig, &[0], other, 1, 3);
    let mut apart = rig.only(&[1]);
    let dirty = RuntimeState { clean: false, failed: SlotSet::of(Slot(0)), ..healthy() };
    apart.set_state(one, 0, &dirty).unwrap();
    let apart = written(apart);
    rig.take_back(&[1], apart);
    for _ in 0..2 {
        assert_eq!(states(&rig.told(), "one"), [Stale, InSync]);
        assert_eq!(rig.state(one, 0), Some(dirty));
        assert_eq!(states(&rig.told(), "other"), [InSync, Stale]);
        run_apart(&mut rig, &[0, 1, 2], other, 1, 1);
    }
}

/// Case C3. Updates of one volume on some of the disks make the others no older for another one.
#[test]
fn a_disk_that_missed_updates_of_one_volume_is_as_good_as_it_was_for_another() {
    let (mut rig, one, other) = pair();
    run_apart(&mut rig, &[0, 1, 2], one, 1, 1);
    run_apart(&mut rig, &[0, 2], one, 1, 3);
    let told = rig.told();
    assert_eq!(states(&told, "one"), [InSync, Stale]);
    assert_eq!(states(&told, "other"), [InSync, InSync], "{:?}", told.findings);
    assert_eq!(rig.state(other, 0), Some(healthy()));
    // Alone it still runs the other volume, and that is no fork.
    run_apart(&mut rig, &[1], other, 1, 1);
    assert_eq!(states(&rig.told(), "other"), [Stale, InSync]);
    assert_eq!(states(&rig.told(), "one"), [InSync, Stale]);
}

/// Case C1. The copy knows nothing of the volume that the disk was filled for; another volume runs.
#[test]
fn an_older_copy_of_a_spare_is_not_made_current_by_the_run_of_another_volume() {
    for times in 1..3 {
        let (mut rig, one, other) = pair();
        run_apart(&mut rig, &[0, 1, 2], other, 1, 1);
        let copy = rig.media[2].clone();
        let failed = RuntimeState { failed: SlotSet::of(Slot(0)), ..healthy() };
        rig.set_state(one, 0, &failed).unwrap();
        let place = raid_core::array::Place { set: 0, slot: Slot(0) };
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().activate(disks, one, place, 2, stamp)).unwrap();
        rig.set_state(one, 0, &healthy()).unwrap();
        let mut rig = written(rig);
        assert_eq!(states(&rig.told(), "one"), [InSync, InSync]);
        rig.media[2] = copy;
        rig.reread();
        for _ in 0..2 {
            assert_eq!(states(&rig.told(), "one"), [Stale, InSync], "{times}");
            run_apart(&mut rig, &[0, 1, 2], other, 1, times);
        }
        let found = rig.state(one, 0).unwrap();
        let short = RuntimeState { failed: SlotSet::of(Slot(0)), ..found };
        rig.set_state(one, 0, &short).unwrap();
        let rig = written(rig);
        assert_eq!(states(&rig.told(), "one")[1], InSync);
        assert_eq!(rig.state(one, 0).unwrap().failed, SlotSet::of(Slot(0)));
    }
}

/// Case C8. The copy says that the other disk was absent, which wrote on with the disk that it is a copy of.
#[test]
fn an_older_copy_of_a_disk_that_ran_alone_is_a_fork_whatever_the_numbers() {
    for before in 1..4 {
        for alone in 1..4 {
            let (mut rig, one, other) = pair();
            run_apart(&mut rig, &[0, 1, 2], other, 1, 1);
            let copy = rig.media[1].clone();
            run_apart(&mut rig, &[0, 1, 2], one, 1, before);
            rig.media[1] = copy;
            rig.reread();
            run_apart(&mut rig, &[1], one, 1, alone);
            assert_eq!(state(&rig.told(), "one"), ArrayState::Forked, "{before} {alone}");
            run_apart(&mut rig, &[0, 1, 2], other, 1, 1);
            assert_eq!(state(&rig.told(), "one"), ArrayState::Forked, "{before} {alone}");
        }
    }
}

/// Case C5. What another volume's update says of a disk does not count as an update of this one: whoever has
/// run since without the disk that it is written on knows more.
#[test]
fn what_another_volume_says_of_a_disk_takes_back_no_run_of_that_disk() {
    for refilled in [false, true] {
        let (mut rig, one, other) = pair();
        run_apart(&mut rig, &[0, 1, 2], one, 1, 1);
        run_apart(&mut rig, &[0], other, 1, 2);
        if refilled {
            let mut apart = rig.only(&[0]);
            let filling = RuntimeState { rebuilding: SlotSet::of(Slot(1)), ..healthy() };
            apart.set_state(other, 0, &filling).unwrap();
            let apart = written(apart);
            rig.take_back(&[0], apart);
        }
        // The first volume runs on, and loses that disk: it is written no more.
        rig.live[0] = false;
        let short = RuntimeState { clean: false, failed: SlotSet::of(Slot(0)), ..healthy() };
        rig.set_state(one, 0, &short).unwrap();
        let mut rig = written(rig);
        for _ in 0..2 {
            let told = rig.told();
            assert_eq!(states(&told, "one"), [Failed, InSync], "{refilled}");
            assert_ne!(state(&told, "other"), ArrayState::Forked, "{refilled}");
            assert_eq!(states(&told, "other")[0], InSync, "{refilled}: {:?}", told.findings);
            assert_ne!(states(&told, "other")[1], InSync, "{refilled}");
            run_apart(&mut rig, &[1, 2], one, 1, 1);
        }
        // Where nobody knows of a later run the disk has failed all the same.
        assert_eq!(rig.only(&[1, 2]).state(other, 0).unwrap().failed, SlotSet::of(Slot(0)));
    }
}

/// A RAID-6 and a striped mirror on the same four disks.
fn six_and_ten() -> (Rig, ArrayId, ArrayId) {
    let mut rig = container(4);
    let shape = geometry(Level::Raid6, Placement::NContinue, 4);
    let six = rig.create("six", shape, &[0, 1, 2, 3]).unwrap();
    let ten = rig.create("ten", raid10(2), &[0, 1, 2, 3]).unwrap();
    (written(rig), six, ten)
}

/// Records that these slots of a set are out, on these disks; the others fail, or are away.
fn loses(rig: &mut Rig, array: ArrayId, (set, failed): (u16, SlotSet), on: &[usize]) {
    for (disk, live) in rig.live.iter_mut().enumerate() {
        *live = on.contains(&disk);
    }
    let found = rig.state(array, set).unwrap();
    rig.set_state(array, set, &RuntimeState { failed, ..found }).unwrap();
    rig.commit();
    rig.reread();
}

/// Case C3. The update that says that the second member of a set fails reaches no disk of that set: then the volume
/// cannot run without them, and is as good as it was.
#[test]
fn a_volume_that_lost_all_members_of_a_set_for_another_volume_is_as_good_as_it_was() {
    for (first, second, set) in [(2, 3, 1), (0, 1, 0), (1, 0, 0)] {
        let (mut rig, six, ten) = six_and_ten();
        let mut on = vec![0, 1, 2, 3];
        let mut failed = SlotSet::EMPTY;
        for disk in [first, second] {
            on.retain(|left| *left != usize::from(disk));
            failed = failed | SlotSet::of(Slot(disk));
            loses(&mut rig, six, (0, failed), &on);
        }
        let found = rig.state(ten, set).unwrap();
        assert_eq!(found.failed, SlotSet::of(Slot(first % 2)), "{first}");
        assert_eq!(state(&rig.told(), "ten"), ArrayState::Degraded, "{first}");
        assert_eq!(rig.state(six, 0).unwrap().failed, failed);
    }
}

/// Case C3. Each of two disks has heard of another volume that the other one failed, and the volume has not run since.
#[test]
fn disks_that_heard_of_each_other_s_failure_alone_have_not_run_apart() {
    let (mut rig, six, ten) = six_and_ten();
    loses(&mut rig, ten, (1, SlotSet::of(Slot(0))), &[0, 1, 3]);
    // Disk 2 is back, and disk 0 fails before it knows.
    rig.live[0] = false;
    let filling = RuntimeState { rebuilding: SlotSet::of(Slot(0)), ..healthy() };
    rig.set_state(ten, 1, &filling).unwrap();
    rig.commit();
    rig.reread();
    loses(&mut rig, ten, (0, SlotSet::of(Slot(0))), &[1, 2, 3]);
    let told = rig.told();
    assert_ne!(state(&told, "six"), ArrayState::Forked, "{:?}", told.branches);
    let found = rig.state(six, 0).unwrap();
    assert_eq!(found.failed, SlotSet::of(Slot(0)));
    // Whoever has run the volume without the other is another matter.
    for alone in [&[0, 1][..], &[2, 3]] {
        run_apart(&mut rig, alone, six, 1, 1);
    }
    assert_eq!(state(&rig.told(), "six"), ArrayState::Forked);
}

/// Case C3. Disk 0 failed for the other volume, and was taken back; then disk 1 did. Neither knows of its own failure.
#[test]
fn a_disk_that_is_taken_back_for_another_volume_has_what_it_had_where_this_one_has_not_run() {
    let (mut rig, six, ten) = six_and_ten();
    for disk in [0, 1] {
        let slot = SlotSet::of(Slot(disk));
        let others: Vec<usize> = (0..4).filter(|own| *own != usize::from(disk)).collect();
        loses(&mut rig, six, (0, slot), &others);
        assert_eq!(rig.state(ten, 0).unwrap().failed, slot);
        // Back, and filled for the volume that ran without it.
        for rebuilding in [slot, SlotSet::EMPTY] {
            rig.set_state(six, 0, &RuntimeState { rebuilding, ..healthy() }).unwrap();
            rig.commit();
            rig.reread();
        }
        for set in [0, 1] {
            assert_eq!(rig.state(ten, set), Some(healthy()), "{disk}");
        }
    }
    assert_eq!(states(&rig.told(), "ten"), [InSync; 4]);
    // A volume that has run without the disk fills it.
    loses(&mut rig, six, (0, SlotSet::of(Slot(2))), &[0, 1, 3]);
    run_apart(&mut rig, &[0, 1, 3], ten, 2, 1);
    let filling = RuntimeState { rebuilding: SlotSet::of(Slot(2)), ..healthy() };
    rig.set_state(six, 0, &filling).unwrap();
    let rig = written(rig);
    assert_eq!(rig.state(ten, 1).unwrap().rebuilding, SlotSet::of(Slot(0)));
}

/// Case C3. Disk 0 heard that disk 1 failed, all others that disk 0 did. They run without it, and go on to.
#[test]
fn a_disk_that_heard_of_a_failure_does_not_overrule_those_that_heard_of_its_own() {
    let mut rig = container(4);
    let shape = geometry(Level::Raid5, Placement::NContinue, 4);
    let five = rig.create("five", shape, &[0, 1, 2, 3]).unwrap();
    let pair = geometry(Level::Raid1, Placement::Fixed, 2);
    let mirror = rig.create("mirror", pair, &[0, 1]).unwrap();
    let mut rig = written(rig);
    let copy = rig.media[1].clone();
    loses(&mut rig, mirror, (0, SlotSet::of(Slot(0))), &[1, 2, 3]);
    loses(&mut rig, mirror, (0, SlotSet::of(Slot(1))), &[0]);
    rig.media[1] = copy;
    rig.reread();
    let found = rig.state(five, 0).unwrap();
    assert_eq!(found.failed, SlotSet::of(Slot(0)));
    for times in 0..3 {
        rig.live[0] = false;
        rig.set_state(five, 0, &found).unwrap();
        rig.commit();
        rig.reread();
        assert_eq!(rig.state(five, 0), Some(found), "{times}");
    }
}
