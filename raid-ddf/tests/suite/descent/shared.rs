// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arrays that share disks, and run in turns on subsets of them: the lists have one state a disk, so an
//! update of one array can take back what a disk knows of another.

use super::{container, run_apart, state, states, written};
use crate::media::{Rig, geometry, healthy, raid10};
use raid_core::array::{ArrayId, ArrayState, Level, MemberState, Place, Placement};
use raid_core::metadata::{Admin, RunTime, RuntimeState};
use raid_core::units::{Slot, SlotSet};
use raid_ddf::Ddf;

use MemberState::{InSync, Rebuilding, Stale};

/// Two mirrors on disks 0 and 1, and spare 2.
fn two_mirrors() -> (Rig, [ArrayId; 2]) {
    let mut rig = container(3);
    let pair = geometry(Level::Raid1, Placement::Fixed, 2);
    let arrays = ["first", "second"].map(|name| rig.create(name, pair, &[0, 1]).unwrap());
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().add_spare(disks, 2, stamp)).unwrap();
    (written(rig), arrays)
}

/// With these disks alone, the last of them takes a place whose disk is absent; it is filled.
fn replaced(rig: &mut Rig, disks: &[usize], array: ArrayId, slot: u8, filled: bool) {
    run_apart(rig, disks, array, 1, 1);
    let mut apart = rig.only(disks);
    let (place, stamp) = (Place { set: 0, slot: Slot(slot) }, apart.stamp());
    let spare = disks.len() - 1;
    apart.edit(|disks| Ddf::new().activate(disks, array, place, spare, stamp)).unwrap();
    let mut apart = written(apart);
    if filled {
        let found = apart.state(array, 0).unwrap();
        let whole = RuntimeState { rebuilding: SlotSet::EMPTY, progress: None, ..found };
        apart.set_state(array, 0, &whole).unwrap();
    }
    rig.take_back(disks, written(apart));
}

#[test]
fn an_update_of_one_array_keeps_what_another_set_of_a_striped_array_knows() {
    let mut rig = container(4);
    let ten = rig.create("ten", raid10(2), &[0, 1, 2, 3]).unwrap();
    let pair = geometry(Level::Raid1, Placement::Fixed, 2);
    let mirror = rig.create("mirror", pair, &[0, 1]).unwrap();
    let mut rig = written(rig);
    run_apart(&mut rig, &[0, 2, 3], ten, 2, 2);
    // Disks 2 and 3 know that disk 1 missed that, and are no members of the mirror.
    run_apart(&mut rig, &[1, 2, 3], mirror, 1, 2);
    let told = rig.told();
    assert_eq!(states(&told, "ten"), [InSync, Stale, InSync, InSync], "{:?}", told.findings);
}

#[test]
fn an_update_of_one_array_keeps_what_a_disk_knows_of_the_one_that_fills_it() {
    let (mut rig, [first, second]) = two_mirrors();
    run_apart(&mut rig, &[1, 2], first, 1, 1);
    let older = rig.only(&[1]);
    replaced(&mut rig, &[1, 2], second, 0, false);
    run_apart(&mut rig, &[0, 2], first, 1, 2);
    // An older copy of disk 1, the only source of the second mirror, takes its place.
    rig.take_back(&[1], older);
    let told = rig.told();
    assert_eq!(states(&told, "second"), [Rebuilding, Stale], "{:?}", told.findings);
}

#[test]
fn an_update_of_an_array_keeps_what_a_disk_knows_that_was_a_member_of_it() {
    let (mut rig, [first, second]) = two_mirrors();
    replaced(&mut rig, &[0, 2], second, 1, false);
    // Disk 1 does not know that its place was given away.
    run_apart(&mut rig, &[0, 2], first, 1, 1);
    run_apart(&mut rig, &[1, 2], first, 1, 1);
    run_apart(&mut rig, &[0, 1, 2], second, 1, 2);
    let told = rig.told();
    assert_eq!(state(&told, "first"), ArrayState::Forked, "{:?}", told.findings);
}

/// An update of another array counts on the record of a set on a disk that does not know that its place was given
/// away: then two records of one number name other members.
#[test]
fn a_record_of_a_disk_whose_place_was_given_away_names_no_member_whatever_its_number() {
    let mut rig = container(4);
    let pair = geometry(Level::Raid1, Placement::Fixed, 2);
    let first = rig.create("first", pair, &[0, 1]).unwrap();
    let second = rig.create("second", pair, &[1, 2]).unwrap();
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().add_spare(disks, 3, stamp)).unwrap();
    let mut rig = written(rig);
    let copy = rig.only(&[3]);
    replaced(&mut rig, &[1, 3], first, 0, false);
    // Disk 1 alone knows that, for an older copy of the spare takes its place. The second array runs without disk 1,
    // and the spare takes its place there: the first one may use it as well.
    rig.take_back(&[3], copy);
    rig.live[1] = false;
    rig.set_state(second, 0, &RuntimeState { failed: SlotSet::of(Slot(0)), ..healthy() }).unwrap();
    rig.commit();
    rig.reread();
    rig.live[1] = false;
    let (place, stamp) = (Place { set: 0, slot: Slot(0) }, rig.stamp());
    rig.edit(|disks| Ddf::new().activate(disks, second, place, 3, stamp)).unwrap();
    let mut rig = written(rig);
    for clean in [false, true, false, true] {
        rig.live[1] = false;
        let found = rig.state(second, 0).unwrap();
        rig.set_state(second, 0, &RuntimeState { clean, ..found }).unwrap();
        rig = written(rig);
    }
    assert_eq!(rig.members("first"), [(Some(3), Rebuilding), (Some(1), InSync)]);
    for clean in [false, true] {
        // It is filled, and stopped.
        rig.set_state(first, 0, &RuntimeState { clean, ..healthy() }).unwrap();
        rig.commit();
        rig.reread();
        let told = rig.told();
        assert_eq!(
            rig.members("first"),
            [(Some(3), InSync), (Some(1), InSync)],
            "{:?}",
            told.findings
        );
        assert_eq!(state(&told, "first"), ArrayState::Optimal, "{:?}", told.findings);
    }
}
