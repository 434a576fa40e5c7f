// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stamps of runs in the rosters of single volumes: an older copy of a disk is told from one that ran
//! alone, and histories that numbers and states do not show are seen to have parted.

use crate::descent::{container, state, states, written};
use crate::media::{Rig, geometry, healthy, raid10};
use raid_core::array::MemberState::{InSync, Rebuilding, Stale};
use raid_core::array::{ArrayId, ArrayState, Level, Place, Placement};
use raid_core::metadata::{FormatWriter, RuntimeState};
use raid_core::units::{Slot, SlotSet};
use raid_ddf::Ddf;

/// Records one state of a set, on every live disk.
fn record(rig: &mut Rig, array: ArrayId, set: u16, state: &RuntimeState) {
    rig.set_state(array, set, state).unwrap();
    rig.commit();
    rig.reread();
}

/// A start records what it found; then it is recorded dirty, without these slots.
fn start(rig: &mut Rig, array: ArrayId, sets: u16, lacks: &[(u16, u8)]) {
    for set in 0..sets {
        let found = rig.state(array, set).unwrap();
        record(rig, array, set, &found);
    }
    for (set, slot) in lacks {
        let found = rig.state(array, *set).unwrap();
        let failed = found.failed | SlotSet::of(Slot(*slot));
        record(rig, array, *set, &RuntimeState { clean: false, failed, ..found });
    }
}

/// Case C1. Each set of a striped mirror records for itself whom it runs without: at a cut one set may have,
/// and the other not.
#[test]
fn halves_of_a_striped_mirror_that_ran_apart_are_a_fork_whatever_their_numbers() {
    for also in [true, false] {
        let mut rig = container(4);
        let array = rig.create("ten", raid10(2), &[0, 1, 2, 3]).unwrap();
        let mut rig = written(rig);
        start(&mut rig, array, 2, &[]);
        let mut one = rig.only(&[0, 2]);
        let mut other = rig.only(&[1, 3]);
        start(&mut one, array, 2, &[(0, 1), (1, 1)]);
        let all = [(0, 0), (1, 0)];
        start(&mut other, array, 2, if also { &all } else { &all[..1] });
        rig.take_back(&[0, 2], one);
        rig.take_back(&[1, 3], other);
        assert_eq!(state(&rig.told(), "ten"), ArrayState::Forked, "{also}");
    }
}

/// Case C8. A spare took the place of the fellow since: the copy does not know it.
#[test]
fn an_older_copy_of_the_only_source_is_stale_and_one_that_ran_alone_is_a_fork() {
    for alone in [false, true] {
        let mut rig = container(3);
        let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
        let array = rig.create("pair", mirror, &[0, 1]).unwrap();
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf.add_spare(disks, 2, stamp)).unwrap();
        let mut rig = written(rig);
        start(&mut rig, array, 1, &[]);
        let mut short = rig.only(&[0, 2]);
        start(&mut short, array, 1, &[(0, 1)]);
        let copy = short.media[0].clone();
        start(&mut short, array, 1, &[]);
        let stamp = short.stamp();
        let place = Place { set: 0, slot: Slot(1) };
        short.edit(|disks| Ddf.activate(disks, array, place, 1, stamp)).unwrap();
        short.commit();
        short.reread();
        assert_eq!(states(&short.told(), "pair"), [InSync, Rebuilding]);
        record(&mut short, array, 0, &RuntimeState { clean: false, ..healthy() });
        record(&mut short, array, 0, &healthy());
        assert_eq!(states(&short.told(), "pair"), [InSync, InSync]);
        short.media[0] = copy;
        short.reread();
        if alone {
            let mut own = short.only(&[0]);
            for _ in 0..4 {
                start(&mut own, array, 1, &[(0, 1)]);
            }
            short.take_back(&[0], own);
            assert_eq!(state(&short.told(), "pair"), ArrayState::Forked);
        } else {
            assert_eq!(states(&short.told(), "pair"), [Stale, InSync]);
            assert!(short.told().branches.is_empty());
        }
    }
}
