// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state of arrays and their members.

use crate::media::{Rig, SMALL, Stepped, geometry, healthy, raid10};
use crate::update::{activate, state_of, stored, with};
use raid_core::array::{
    ArrayId, ArrayState, Initialisation, Level, MemberId, MemberState, Place, Placement,
};
use raid_core::metadata::{Admin, ChangeError, DiskCondition, RunTime, RuntimeState, Subject};
use raid_core::units::{Slot, SlotSet};
use raid_ddf::{ByteOrder, CopyKind, Ddf, DiskBytes, Options, Revision, Structure};

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
    // Being filled for both, it holds the data of each as soon as that one says so.
    rig.set_state(first, 0, &state_of(true, &[], &[1])).unwrap();
    assert_eq!(rig.state(second, 0).unwrap().rebuilding, SlotSet::of(Slot(0)));
    rig.set_state(first, 0, &healthy()).unwrap();
    assert_eq!(rig.state(first, 0), Some(healthy()));
    assert_eq!(rig.state(second, 0).unwrap().rebuilding, SlotSet::of(Slot(0)));
    rig.set_state(second, 0, &healthy()).unwrap();
    assert_eq!(rig.state(first, 0), Some(healthy()));
    assert_eq!(rig.state(second, 0), Some(healthy()));
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

#[test]
fn the_condition_of_a_disk_is_kept_and_what_is_given_up_does_not_come_back() {
    let five = geometry(Level::Raid5, Placement::NContinue, 3);
    let (mut rig, array) = with(five, &[0, 1, 2], 4);
    let ids: Vec<MemberId> = rig.told().disks.iter().map(|disk| disk.id).collect();
    let set = |rig: &mut Rig, disk: usize, condition| {
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().set_disk_condition(disks, ids[disk], condition, stamp))
    };
    let ailing =
        DiskCondition { failure_predicted: true, read_errors: true, ..DiskCondition::default() };
    set(&mut rig, 1, ailing).unwrap();
    assert_eq!(rig.condition(ids[1]), Some(ailing));
    assert_eq!(rig.state(array, 0), Some(healthy()), "it still holds its data");
    assert_eq!(rig.told().raw(Subject::Disk(1), "PD_State"), Some(0x31));
    set(&mut rig, 1, DiskCondition::default()).unwrap();
    // What is unlisted is refused.
    let before = rig.bytes();
    let stamp = rig.stamp();
    let unknown = MemberId([9; 24]);
    assert!(rig.edit(|d| Ddf::new().set_disk_condition(d, unknown, ailing, stamp)).is_err());
    assert_eq!(rig.bytes(), before);
    // A member that is missing is a member that failed.
    rig.live[2] = false;
    let missing = DiskCondition { missing: true, ..DiskCondition::default() };
    set(&mut rig, 2, missing).unwrap();
    assert_eq!(rig.state(array, 0), Some(state_of(true, &[2], &[])));
    assert_eq!(stored(&rig), (1, ArrayState::Degraded));
    let before = rig.bytes();
    assert!(set(&mut rig, 2, DiskCondition::default()).is_err(), "comes back by a rebuild alone");
    assert_eq!(rig.bytes(), before);
    rig.set_state(array, 0, &state_of(true, &[], &[2])).unwrap();
    assert_eq!(rig.condition(ids[2]), Some(DiskCondition::default()));
    // A disk that nothing uses may come back.
    set(&mut rig, 3, DiskCondition { failed: true, ..missing }).unwrap();
    assert_eq!(rig.told().disks[3].role.name(), "stale");
    set(&mut rig, 3, DiskCondition::default()).unwrap();
    assert_eq!(rig.told().disks[3].role.name(), "unused");
    // Only what no array names leaves the configuration.
    let before = rig.bytes();
    let stamp = rig.stamp();
    assert!(rig.edit(|disks| Ddf::new().remove_disk(disks, ids[0], stamp)).is_err());
    assert_eq!(rig.bytes(), before);
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().remove_disk(disks, ids[3], stamp)).unwrap();
    assert_eq!(rig.condition(ids[3]), None);
}

/// The update before an alignment need not have been one that keeps a checkpoint: recording what was
/// found must not add one, for that would count as another update.
#[test]
fn what_was_found_is_recorded_as_the_update_that_was_interrupted() {
    let five = geometry(Level::Raid5, Placement::NContinue, 3);
    let (mut rig, array) = with(five, &[0, 1, 2], 4);
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().add_spare(disks, 3, stamp)).unwrap();
    rig.live[1] = false;
    rig.set_state(array, 0, &state_of(false, &[1], &[])).unwrap();
    rig.commit();
    activate(&mut rig, array, 1, 3).unwrap();
    // Power fails when disk 0 alone is written, and again when it alone is aligned.
    rig.live = vec![true, false, false, false];
    rig.commit();
    rig.reread();
    rig.live[1] = false;
    let found = rig.state(array, 0).unwrap();
    assert_eq!(found, state_of(false, &[], &[1]));
    let format = Ddf::new().with_checkpoints();
    let stamp = rig.stamp();
    rig.edit(|disks| format.set_state(disks, array, 0, &found, stamp)).unwrap();
    rig.live = vec![true, false, false, false];
    rig.commit();
    rig.reread();
    assert_eq!(rig.members("array")[2], (Some(2), MemberState::InSync));
}

/// What is promised after a record counts on its number: an older copy of a disk, from before a run whose
/// records say nothing new, must not pass for a disk that an interrupted update did not reach. A second
/// copy that was being written makes no disk fall behind.
#[test]
fn the_same_state_is_another_update_where_no_disk_is_behind_also_beside_a_second_copy_left_open() {
    let (mut rig, array) = with(geometry(Level::Raid1, Placement::Fixed, 2), &[0, 1], 2);
    let open = state_of(false, &[], &[]);
    rig.set_state(array, 0, &open).unwrap();
    rig.commit();
    let number = |rig: &Rig| rig.told().disks[0].sequence.unwrap();
    let before = number(&rig);
    // The power goes while the second copy of disk 1 is written.
    let mut cut = rig.clone();
    cut.set_state(array, 0, &open).unwrap();
    assert_eq!(number(&cut), before + 1);
    let steps = cut.steps(1);
    let first_of = |steps: &[Stepped]| steps.iter().position(|step| *step == Stepped::Flush);
    let opened = first_of(&steps).expect("a flush");
    for step in &steps[..opened] {
        if let Stepped::Write(at, bytes) = step {
            rig.media[1].write(*at, bytes);
        }
    }
    rig.reread();
    for count in 1..4 {
        rig.set_state(array, 0, &open).unwrap();
        rig.commit();
        assert_eq!(number(&rig), before + count);
    }
}

/// How many failures an array still bears is kept right in 2.0, and is a reserved byte in 1.x.
#[test]
fn drive_failures_remaining_follow_failures_and_rebuilds() {
    let number = |rig: &Rig, array: ArrayId| {
        rig.view(0, |view| {
            let bytes = DiskBytes::View(*view);
            let (_, anchor) = raid_ddf::anchor(bytes).unwrap();
            let copy = Structure::read(bytes, &anchor, CopyKind::Primary).unwrap();
            let records = copy.virtual_disks().unwrap();
            records.find(ByteOrder::Big, &array.into()).unwrap().drive_failures_remaining
        })
    };
    let state = |failed: &[u8], rebuilding: &[u8]| {
        let set = |slots: &[u8]| -> SlotSet { slots.iter().copied().map(Slot).collect() };
        RuntimeState { failed: set(failed), rebuilding: set(rebuilding), ..healthy() }
    };
    for revision in [Revision::V1_2, Revision::V2_0] {
        let mut options = Options::LINUX;
        options.revision = Some(revision);
        let mut rig = Rig::blank(&[SMALL; 5], &options);
        let stamp = rig.stamp();
        rig.edit(|disks| raid_ddf::initialise(disks, stamp, &options)).unwrap();
        let six = geometry(Level::Raid6, Placement::NContinue, 5);
        let array = rig.create("six", six, &[0, 1, 2, 3, 4]).unwrap();
        let mirror = geometry(Level::Raid1, Placement::Fixed, 3);
        let mirror = rig.create("mirror", mirror, &[2, 3, 4]).unwrap();
        assert_eq!(number(&rig, array), 0xFF);
        // One failed, two; one is filled and then the other. What is told of another array is losses.
        for (failed, rebuilding, six, ours) in [
            (&[4][..], &[][..], 1, 1),
            (&[3, 4], &[], 0xFF, 0xFF),
            (&[3], &[4], 0xFF, 0xFF),
            (&[3], &[], 1, 0xFF),
            (&[], &[3], 1, 0xFF),
            (&[], &[], 0xFF, 0xFF),
        ] {
            rig.set_state(array, 0, &state(failed, rebuilding)).unwrap();
            let expected = if revision == Revision::V2_0 { [six, ours] } else { [0xFF; 2] };
            let found = [number(&rig, array), number(&rig, mirror)];
            assert_eq!(found, expected, "{failed:?} {rebuilding:?}");
        }
    }
}
