// SPDX-License-Identifier: MIT OR Apache-2.0
//! Run-time changes: what is recorded is what is read, and nothing else changes.

#[path = "rig/media.rs"]
mod media;
#[path = "support/disks.rs"]
mod support;

use media::{Rig, geometry, healthy, raid10};
use raid_core::array::{ArrayId, ArrayState, Initialisation, Level, MemberState, Place, Placement};
use raid_core::metadata::{ChangeError, FormatWriter, Operation, RuntimeState, Severity};
use raid_core::units::{Lba, Slot, SlotSet};
use raid_ddf::Ddf;

fn state_of(clean: bool, failed: &[u8], rebuilding: &[u8]) -> RuntimeState {
    let set = |slots: &[u8]| -> SlotSet { slots.iter().copied().map(Slot).collect() };
    let (failed, rebuilding) = (set(failed), set(rebuilding));
    let operation = (!rebuilding.is_empty()).then_some(Operation::Rebuild { targets: rebuilding });
    RuntimeState { clean, failed, rebuilding, operation, ..healthy() }
}

fn with(shape: raid_core::array::Geometry, disks: &[usize], count: usize) -> (Rig, ArrayId) {
    let mut rig = Rig::container(count);
    let array = rig.create("array", shape, disks).unwrap();
    (rig, array)
}

fn stored(rig: &Rig) -> (u64, ArrayState) {
    let told = rig.told();
    let (array, _) = told.array("array");
    (told.raw_of(array.id, "VD_State").unwrap(), array.state)
}

#[test]
fn what_is_recorded_is_what_is_read() {
    let five = geometry(Level::Raid5, Placement::NContinue, 4);
    let (mut rig, array) = with(five, &[0, 1, 2, 3], 4);
    for initialisation in [Initialisation::None, Initialisation::Running, Initialisation::Full] {
        for (clean, failed, rebuilding) in [
            (true, &[][..], &[][..]),
            (false, &[], &[]),
            (false, &[2], &[]),
            (false, &[], &[2]),
            (true, &[2], &[]),
            (true, &[], &[2]),
        ] {
            let state = RuntimeState { initialisation, ..state_of(clean, failed, rebuilding) };
            rig.set_state(array, 0, &state).unwrap();
            rig.commit();
            rig.reread();
            assert_eq!(rig.state(array, 0), Some(state));
        }
    }
    assert_eq!(rig.state(array, 1), None);
    assert_eq!(rig.state(ArrayId([7; 24]), 0), None);
}

#[test]
fn vd_state_follows_the_level() {
    use ArrayState::{Degraded, Failed, Optimal, PartiallyOptimal};
    let cases: [(_, u16, &[u8], u64, ArrayState); 8] = [
        (Level::Raid0, 3, &[1], 4, Failed),
        (Level::Raid1, 3, &[1], 5, PartiallyOptimal),
        (Level::Raid1, 3, &[0, 1], 1, Degraded),
        (Level::Raid5, 4, &[], 0, Optimal),
        (Level::Raid5, 4, &[0], 1, Degraded),
        (Level::Raid6, 5, &[0], 5, PartiallyOptimal),
        (Level::Raid6, 5, &[0, 4], 1, Degraded),
        (Level::Raid6, 5, &[0, 4, 1], 4, Failed),
    ];
    for (level, slots, failed, vd_state, worth) in cases {
        let placement = match level {
            Level::Raid5 | Level::Raid6 => Placement::NContinue,
            _ => Placement::Fixed,
        };
        let disks: Vec<usize> = (0..slots.into()).collect();
        let (mut rig, array) = with(geometry(level, placement, slots), &disks, slots.into());
        rig.set_state(array, 0, &state_of(true, failed, &[])).unwrap();
        assert_eq!(stored(&rig), (vd_state, worth), "{level:?} {failed:?}");
        rig.set_state(array, 0, &state_of(false, failed, &[])).unwrap();
        assert_eq!(stored(&rig), (vd_state | 0x10, worth), "{level:?} {failed:?}");
    }
}

#[test]
fn the_sets_of_a_raid_10_become_clean_one_by_one() {
    let (mut rig, array) = with(raid10(3), &[0, 1, 2, 3, 4, 5], 6);
    let clean = |rig: &Rig| [0, 1, 2].map(|set| rig.state(array, set).unwrap().clean);
    rig.set_state(array, 1, &state_of(false, &[], &[])).unwrap();
    assert_eq!(clean(&rig), [true, false, true]);
    rig.set_state(array, 2, &state_of(false, &[], &[])).unwrap();
    assert_eq!(clean(&rig), [true, false, false]);
    rig.set_state(array, 1, &healthy()).unwrap();
    assert_eq!(clean(&rig), [true, true, false]);
    assert_eq!(stored(&rig).0, 0x10);
    rig.commit();
    rig.reread();
    assert_eq!(clean(&rig), [true, true, false]);
    rig.set_state(array, 2, &healthy()).unwrap();
    assert_eq!(clean(&rig), [true; 3]);
    assert_eq!(stored(&rig).0, 0);
    // Nothing of ours is left in the vendor's space.
    let notes = rig.disks.iter().flat_map(|disk| &disk.pieces);
    let vendor = |bytes: &[u8]| bytes.chunks(512).any(|block| block[480..488] == *b"RAID-RS ");
    assert!(notes.into_iter().all(|(_, bytes)| !vendor(bytes)));
}

#[test]
fn a_set_fails_alone() {
    let (mut rig, array) = with(raid10(2), &[0, 1, 2, 3], 4);
    rig.set_state(array, 1, &state_of(true, &[0], &[])).unwrap();
    assert_eq!(rig.state(array, 0).unwrap(), healthy());
    assert_eq!(rig.state(array, 1).unwrap(), state_of(true, &[0], &[]));
    assert_eq!(stored(&rig), (1, ArrayState::Degraded));
}

/// Disk 1 serves two arrays.
#[test]
fn a_failed_disk_has_failed_for_every_array_on_it() {
    let five = geometry(Level::Raid5, Placement::NContinue, 3);
    let (mut rig, first) = with(five, &[0, 1, 2], 4);
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let second = rig.create("mirror", mirror, &[1, 3]).unwrap();
    rig.set_state(first, 0, &state_of(false, &[1], &[])).unwrap();
    assert_eq!(rig.state(second, 0).unwrap(), state_of(true, &[0], &[]));
    assert_eq!(rig.told().array("mirror").0.state, ArrayState::Degraded);
    // The other array has not noticed: what it says of its members does not bring the disk back.
    rig.set_state(second, 0, &state_of(false, &[], &[])).unwrap();
    assert_eq!(rig.state(first, 0).unwrap(), state_of(false, &[1], &[]));
    // Being filled for both, it holds its data only when both say so.
    rig.set_state(first, 0, &state_of(true, &[], &[1])).unwrap();
    assert_eq!(rig.state(second, 0).unwrap().rebuilding, SlotSet::of(Slot(0)));
    rig.set_state(first, 0, &healthy()).unwrap();
    assert_eq!(rig.state(first, 0).unwrap().rebuilding, SlotSet::of(Slot(1)));
    rig.set_state(second, 0, &healthy()).unwrap();
    assert_eq!(rig.state(first, 0), Some(healthy()));
    assert_eq!(rig.state(second, 0), Some(healthy()));
}

#[test]
fn a_spare_takes_the_place_of_a_failed_member() {
    let five = geometry(Level::Raid5, Placement::NContinue, 3);
    let (mut rig, array) = with(five, &[0, 1, 2], 5);
    rig.create("other", geometry(Level::Raid0, Placement::Fixed, 2), &[3, 0]).unwrap();
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf.add_spare(disks, 4, stamp)).unwrap();
    let place = Place { set: 0, slot: Slot(2) };
    let activate = |rig: &mut Rig, place, spare| {
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf.activate(disks, array, place, spare, stamp))
    };
    // While the member holds its data it is not replaced.
    let before = rig.bytes();
    assert!(activate(&mut rig, place, 4).is_err());
    assert_eq!(rig.bytes(), before);
    rig.set_state(array, 0, &state_of(true, &[2], &[])).unwrap();
    let before = rig.bytes();
    let nowhere = Place { set: 0, slot: Slot(3) };
    assert_eq!(activate(&mut rig, nowhere, 4), Err(ChangeError::NoSuchPlace(nowhere)));
    for disk in [0, 2, 3, 7] {
        assert!(matches!(activate(&mut rig, place, disk), Err(ChangeError::Disk { .. })), "{disk}");
    }
    assert_eq!(rig.bytes(), before);
    rig.live[2] = false;
    activate(&mut rig, place, 4).unwrap();
    rig.commit();
    rig.reread();
    let told = rig.told();
    let (found, members) = told.array("array");
    assert_eq!(found.state, ArrayState::Degraded);
    let filled = &members[2];
    assert_eq!((filled.disk, filled.state), (Some(4), MemberState::Rebuilding));
    assert_eq!(filled.start, Lba(0));
    assert_eq!(rig.state(array, 0), Some(state_of(true, &[], &[2])));
    assert!(told.disks.iter().all(|disk| !disk.spare));
    rig.set_state(array, 0, &healthy()).unwrap();
    assert_eq!(stored(&rig), (0, ArrayState::Optimal));
    assert_eq!(rig.told().codes(Severity::Damage), [0; 0]);
}

#[test]
fn a_refused_state_changes_no_byte() {
    let five = geometry(Level::Raid5, Placement::NContinue, 3);
    let (mut rig, array) = with(five, &[0, 1, 2], 3);
    let before = rig.bytes();
    let place = Place { set: 0, slot: Slot(3) };
    for state in [state_of(true, &[3], &[]), state_of(true, &[], &[3])] {
        assert_eq!(rig.set_state(array, 0, &state), Err(ChangeError::NoSuchPlace(place)));
    }
    assert!(rig.set_state(array, 1, &healthy()).is_err());
    let unknown = ArrayId([7; 24]);
    assert_eq!(rig.set_state(unknown, 0, &healthy()), Err(ChangeError::NoSuchArray(unknown)));
    rig.live = vec![false; 3];
    assert_eq!(rig.set_state(array, 0, &healthy()), Err(ChangeError::NoSuchArray(array)));
    assert_eq!(rig.bytes(), before);
}

/// Images of other implementations: byte order, CRC, places and what is not understood stay.
#[test]
#[cfg_attr(miri, ignore = "unpacks images")]
fn configurations_of_others_keep_what_is_theirs() {
    for scenario in raid_testdata::scenarios() {
        let writes = scenario.group.starts_with("ddf") && !scenario.volumes.is_empty();
        if !writes
            || !["r10-n2", "multi", "spare", "le-raid0", "be-4k-raid1", "be-raid10"]
                .contains(&scenario.name.as_str())
        {
            continue;
        }
        let disks = support::read_scenario(&scenario);
        let mut rig = Rig::of(disks);
        let told = rig.told();
        for (array, _) in told.arrays.clone() {
            for set in 0..array.geometry.sets {
                let before = rig.state(array.id, set).unwrap();
                let dirty = RuntimeState { clean: false, ..before };
                rig.set_state(array.id, set, &dirty)
                    .unwrap_or_else(|e| panic!("{}: {e}", scenario.name));
                assert_eq!(rig.state(array.id, set), Some(dirty), "{}", scenario.name);
            }
        }
        let after = rig.told();
        for ((old, was), (new, is)) in told.arrays.iter().zip(&after.arrays) {
            assert_eq!((old.geometry, old.size, was), (new.geometry, new.size, is));
            assert!(!new.clean);
        }
        assert_eq!(
            after.codes(Severity::Damage),
            told.codes(Severity::Damage),
            "{}",
            scenario.name
        );
    }
}
