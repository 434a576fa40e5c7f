// SPDX-License-Identifier: MIT OR Apache-2.0
//! Run-time changes: what is recorded is what is read, and nothing else changes.

#[path = "rig/media.rs"]
mod media;
#[path = "support/disks.rs"]
mod support;

use media::{Rig, geometry, healthy, raid10};
use raid_core::array::{
    ArrayId, ArrayState, Initialisation, Level, MemberId, MemberState, Place, Placement,
};
use raid_core::metadata::{
    BadRange, ChangeError, DiskCondition, FormatWriter, Operation, RuntimeState, Severity,
    SpareRequest, Subject,
};
use raid_core::units::{Lba, Row, Slot, SlotSet};
use raid_ddf::{BadBlockOptions, Ddf, DdfProfile, Options, Revision};

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

fn assign(rig: &mut Rig, request: &SpareRequest<'_>) -> Result<(), ChangeError> {
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf.assign_spare(disks, request, stamp))
}

fn activate(rig: &mut Rig, array: ArrayId, slot: u8, spare: usize) -> Result<(), ChangeError> {
    let (place, stamp) = (Place { set: 0, slot: Slot(slot) }, rig.stamp());
    rig.edit(|disks| Ddf.activate(disks, array, place, spare, stamp))
}

#[test]
fn a_dedicated_spare_serves_its_arrays_alone_until_it_is_released() {
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let (mut rig, array) = with(mirror, &[0, 1], 5);
    let other = rig.create("other", mirror, &[2, 3]).unwrap();
    assign(&mut rig, &SpareRequest::dedicated(4, &[(array, None)])).unwrap();
    let told = rig.told();
    assert_eq!((told.disks[4].role, told.disks[4].spare), ("dedicated spare", true));
    let before = rig.bytes();
    assert!(assign(&mut rig, &SpareRequest::global(4)).is_err(), "a spare already");
    assert!(assign(&mut rig, &SpareRequest::dedicated(0, &[(array, None)])).is_err(), "a member");
    assert!(rig.create("x", geometry(Level::Single, Placement::Fixed, 1), &[4]).is_err());
    assert_eq!(rig.bytes(), before);
    rig.set_state(other, 0, &state_of(true, &[0], &[])).unwrap();
    let before = rig.bytes();
    assert!(matches!(activate(&mut rig, other, 0, 4), Err(ChangeError::Disk { disk: 4, .. })));
    assert_eq!(rig.bytes(), before);
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf.release_spare(disks, 4, stamp)).unwrap();
    assert_eq!(rig.told().disks[4].role, "unused");
    let before = rig.bytes();
    let stamp = rig.stamp();
    assert!(rig.edit(|disks| Ddf.release_spare(disks, 4, stamp)).is_err(), "no spare any more");
    assert_eq!(rig.bytes(), before);
    assign(&mut rig, &SpareRequest::dedicated(4, &[(array, None), (other, Some(0))])).unwrap();
    activate(&mut rig, other, 0, 4).unwrap();
    let told = rig.told();
    assert_eq!(told.array("other").1[0].state, MemberState::Rebuilding);
    assert_eq!(told.disks[4].role, "member");
}

#[test]
fn a_spare_serves_the_sets_it_is_dedicated_to() {
    let (mut rig, array) = with(raid10(2), &[0, 1, 2, 3], 5);
    assign(&mut rig, &SpareRequest::dedicated(4, &[(array, Some(1))])).unwrap();
    rig.set_state(array, 0, &state_of(true, &[0], &[])).unwrap();
    rig.set_state(array, 1, &state_of(true, &[0], &[])).unwrap();
    assert!(activate(&mut rig, array, 0, 4).is_err(), "a spare of the other set");
    let (place, stamp) = (Place { set: 1, slot: Slot(0) }, rig.stamp());
    rig.edit(|disks| Ddf.activate(disks, array, place, 4, stamp)).unwrap();
    for (array, set) in [(ArrayId([7; 24]), None), (array, Some(2))] {
        let before = rig.bytes();
        let serves = [(array, set)];
        assert!(assign(&mut rig, &SpareRequest::dedicated(4, &serves)).is_err());
        assert_eq!(rig.bytes(), before);
    }
}

#[test]
fn a_set_has_eight_dedicated_spares_and_no_more() {
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let (mut rig, array) = with(mirror, &[0, 1], 11);
    for disk in 2..10 {
        assign(&mut rig, &SpareRequest::dedicated(disk, &[(array, None)])).unwrap();
    }
    let before = rig.bytes();
    let ninth = assign(&mut rig, &SpareRequest::dedicated(10, &[(array, None)]));
    assert!(matches!(ninth, Err(ChangeError::Invalid { found: 9, expected: 8, .. })));
    assert_eq!(rig.bytes(), before);
}

#[test]
fn the_condition_of_a_disk_is_kept_and_what_is_given_up_does_not_come_back() {
    let five = geometry(Level::Raid5, Placement::NContinue, 3);
    let (mut rig, array) = with(five, &[0, 1, 2], 4);
    let ids: Vec<MemberId> = rig.told().disks.iter().map(|disk| disk.id).collect();
    let set = |rig: &mut Rig, disk: usize, condition| {
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf.set_disk_condition(disks, ids[disk], condition, stamp))
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
    assert!(rig.edit(|d| Ddf.set_disk_condition(d, unknown, ailing, stamp)).is_err());
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
    assert_eq!(rig.told().disks[3].role, "stale");
    set(&mut rig, 3, DiskCondition::default()).unwrap();
    assert_eq!(rig.told().disks[3].role, "unused");
    // Only what no array names leaves the configuration.
    let before = rig.bytes();
    let stamp = rig.stamp();
    assert!(rig.edit(|disks| Ddf.remove_disk(disks, ids[0], stamp)).is_err());
    assert_eq!(rig.bytes(), before);
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf.remove_disk(disks, ids[3], stamp)).unwrap();
    assert_eq!(rig.condition(ids[3]), None);
}

/// A container with logs for two bad ranges, of 64 spare blocks.
fn with_logs(revision: Revision) -> (Rig, Lba) {
    let mut options = Options::LINUX;
    options.revision = Some(revision);
    options.bad_block_log = Some(BadBlockOptions { entries: 2, spare_blocks: 64 });
    let mut rig = Rig::blank(&[media::SMALL; 2], &options);
    let stamp = rig.stamp();
    rig.edit(|disks| raid_ddf::initialise(disks, stamp, &options)).unwrap();
    (rig, Lba(media::SMALL.blocks.0 - 32_768 - 64))
}

#[test]
fn bad_ranges_are_kept_within_their_limits() {
    for revision in [Revision::V1_2, Revision::V2_0] {
        let (mut rig, spares) = with_logs(revision);
        let add = |rig: &mut Rig, start, len, to: Option<u64>| {
            let moved_to = to.map(|skip| Lba(spares.0 + skip));
            let (stamp, bad) = (rig.stamp(), media::extent(start, len));
            rig.edit(|disks| Ddf.add_bad_range(disks, 1, BadRange { bad, moved_to }, stamp))
        };
        add(&mut rig, 1000, 3, Some(8)).unwrap();
        let before = rig.bytes();
        for (what, start, len, to) in [
            ("nothing", 2000, 0, Some(0)),
            ("more than an entry holds", 0, 65_536, Some(0)),
            ("past the end", 65_535, 2, Some(0)),
            ("overflow", u64::MAX, 2, Some(0)),
            ("moved before", 1002, 1, Some(0)),
            ("a spare block that is taken", 2000, 3, Some(6)),
            ("past the spare blocks", 2000, 3, Some(62)),
            ("nowhere", 2000, 3, None),
        ] {
            assert!(add(&mut rig, start, len, to).is_err(), "{what}");
            assert_eq!(rig.bytes(), before, "{what}");
        }
        add(&mut rig, 2000, 3, Some(61)).unwrap();
        // In 2.0 the header says how many; in 1.x the section has room for 30.
        let third = add(&mut rig, 3000, 1, Some(0));
        assert_eq!(third.is_ok(), revision == Revision::V1_2, "{third:?}");
        rig.commit();
        rig.reread();
        let ranges = rig.bad_ranges(1);
        assert_eq!(
            ranges[0],
            BadRange { bad: media::extent(1000, 3), moved_to: Some(Lba(spares.0 + 8)) }
        );
        assert_eq!(ranges.len(), if third.is_ok() { 3 } else { 2 });
        assert!(rig.bad_ranges(0).is_empty());
        assert_eq!(rig.told().codes(Severity::Warning), [307]);
        // What is kept for moved blocks is nobody's workspace.
        assert_eq!(rig.workspace(0).unwrap().end(), Some(spares));
    }
    let (mut rig, _) = with(geometry(Level::Single, Placement::Fixed, 1), &[0], 1);
    let range = BadRange { bad: media::extent(0, 1), moved_to: Some(Lba(0)) };
    let stamp = rig.stamp();
    assert!(rig.edit(|disks| Ddf.add_bad_range(disks, 0, range, stamp)).is_err(), "no log");
}

#[test]
fn a_checkpoint_counts_until_somebody_else_writes_and_is_off_by_default() {
    let five = geometry(Level::Raid5, Placement::NContinue, 3);
    let (mut rig, array) = with(five, &[0, 1, 2], 4);
    let format = DdfProfile::LINUX.with_checkpoints();
    assert!(format.capabilities().mark && !Ddf.capabilities().mark);
    let keep = |rig: &mut Rig, format: &dyn FormatWriter, state: &RuntimeState| {
        let stamp = rig.stamp();
        rig.edit(|disks| format.set_state(disks, array, 0, state, stamp)).unwrap();
    };
    let rebuild = RuntimeState { mark: Row(4096), ..state_of(true, &[], &[1]) };
    keep(&mut rig, &Ddf, &rebuild);
    assert_eq!(rig.state(array, 0).unwrap().mark, Row(0));
    let operations = [
        rebuild,
        RuntimeState { operation: Some(Operation::Resync), mark: Row(77), ..healthy() },
        RuntimeState {
            operation: Some(Operation::Initialise),
            mark: Row(78),
            initialisation: Initialisation::Running,
            ..healthy()
        },
        RuntimeState { operation: Some(Operation::Check), mark: Row(79), ..healthy() },
    ];
    for state in operations {
        keep(&mut rig, &format, &state);
        rig.commit();
        rig.reread();
        assert_eq!(rig.state(array, 0), Some(state));
        // The standard's own fields stay careful.
        let told = rig.told();
        let equalises = matches!(state.operation, Some(Operation::Resync | Operation::Initialise));
        assert_eq!(told.array("array").0.clean, !equalises, "{state:?}");
        // Another change of ours keeps it.
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf.add_spare(disks, 3, stamp)).unwrap();
        assert_eq!(rig.state(array, 0), Some(state));
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf.release_spare(disks, 3, stamp)).unwrap();
        // Somebody who does not know it counts the header on, as mdadm does.
        let mut touched = rig.clone();
        media::touch(&mut touched);
        let found = touched.state(array, 0).unwrap();
        assert_eq!((found.mark, found.clean), (Row(0), !equalises), "{state:?}");
    }
    keep(&mut rig, &format, &healthy());
    assert_eq!(rig.state(array, 0), Some(healthy()));
    // Two at once have no mark, and a rebuild's mark is not another disk's.
    let both = RuntimeState { mark: Row(4096), ..state_of(true, &[], &[0, 1]) };
    keep(&mut rig, &format, &both);
    assert_eq!(rig.state(array, 0).unwrap().mark, Row(0));
}

/// The update before an alignment need not have been one that keeps a checkpoint: recording what was
/// found must not add one, for that would count as another update.
#[test]
fn what_was_found_is_recorded_as_the_update_that_was_interrupted() {
    let five = geometry(Level::Raid5, Placement::NContinue, 3);
    let (mut rig, array) = with(five, &[0, 1, 2], 4);
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf.add_spare(disks, 3, stamp)).unwrap();
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
    let format = DdfProfile::LINUX.with_checkpoints();
    let stamp = rig.stamp();
    rig.edit(|disks| format.set_state(disks, array, 0, &found, stamp)).unwrap();
    rig.live = vec![true, false, false, false];
    rig.commit();
    rig.reread();
    assert_eq!(rig.members("array")[2], (Some(2), MemberState::InSync));
}

#[test]
fn sets_keep_their_checkpoints_apart() {
    let (mut rig, array) = with(raid10(2), &[0, 1, 2, 3], 4);
    let format = DdfProfile::LINUX.with_checkpoints();
    let mut keep = |set, state: &RuntimeState| {
        let stamp = rig.stamp();
        rig.edit(|disks| format.set_state(disks, array, set, state, stamp)).unwrap();
        [0, 1].map(|set| rig.state(array, set).unwrap())
    };
    let first = RuntimeState { mark: Row(640), ..state_of(true, &[], &[1]) };
    assert_eq!(keep(0, &first), [first, healthy()]);
    let dirty = RuntimeState { clean: false, ..healthy() };
    assert_eq!(keep(1, &dirty), [first, dirty]);
    let resync = RuntimeState { operation: Some(Operation::Resync), mark: Row(128), ..healthy() };
    assert_eq!(keep(1, &resync), [first, resync]);
    assert_eq!(keep(0, &healthy()), [healthy(), resync]);
    assert_eq!(keep(1, &healthy()), [healthy(), healthy()]);
}

#[test]
fn an_import_makes_a_configuration_known_and_its_numbers_single() {
    let mut options = Options::LINUX;
    (options.max_pd_entries, options.max_vd_entries) = (15, 15);
    let mut rig = Rig::blank(&[media::SMALL; 3], &options);
    let stamp = rig.stamp();
    rig.edit(|disks| raid_ddf::initialise(disks, stamp, &options)).unwrap();
    let array =
        rig.create("array", geometry(Level::Raid0, Placement::Fixed, 3), &[0, 1, 2]).unwrap();
    media::make_foreign(&mut rig);
    rig.append(&media::other_configuration(&options));
    let told = rig.told();
    let raw = |told: &support::Told, field| told.raw(Subject::Disk(0), field);
    assert_eq!((raw(&told, "Foreign_Flag"), raw(&told, "PD_Type")), (Some(1), Some(0x13)));
    let configuration = told.disks[0].configuration;
    let others = rig.bytes()[3].clone();
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf.import(disks, configuration, stamp)).unwrap();
    let told = rig.told();
    assert_eq!((raw(&told, "Foreign_Flag"), raw(&told, "PD_Type")), (Some(0), Some(3)));
    assert_eq!(told.raw_of(array, "VD_Number"), Some(1));
    assert_eq!(told.raw_of(told.array("theirs").0.id, "VD_Number"), Some(0));
    assert_eq!(told.codes(Severity::Warning), [0; 0], "{:?}", told.findings);
    assert_eq!(rig.bytes()[3], others);
    let before = rig.bytes();
    let stamp = rig.stamp();
    let unknown = rig.edit(|disks| Ddf.import(disks, ArrayId([7; 24]), stamp));
    assert_eq!(unknown, Err(ChangeError::NoSuchArray(ArrayId([7; 24]))));
    assert_eq!(rig.bytes(), before);
}

/// Every byte that has no meaning here survives every change.
#[test]
fn reserved_and_unknown_bytes_survive_every_change() {
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let (mut rig, array) = with(mirror, &[0, 1], 4);
    let noise = media::fill_reserved(&mut rig);
    assert!(noise.len() > 500, "{}", noise.len());
    let check = |rig: &Rig, what: &str| {
        for (disk, at, byte) in &noise {
            let found = media::byte(rig, *disk, *at);
            assert_eq!(found, *byte, "{what}: disk {disk}, byte {at:#x}");
        }
    };
    check(&rig, "nothing");
    rig.set_state(array, 0, &state_of(false, &[], &[])).unwrap();
    check(&rig, "state");
    assign(&mut rig, &SpareRequest::dedicated(3, &[(array, None)])).unwrap();
    check(&rig, "spare");
    rig.set_state(array, 0, &state_of(false, &[1], &[])).unwrap();
    activate(&mut rig, array, 1, 3).unwrap();
    check(&rig, "activation");
    let configuration = rig.told().disks[0].configuration;
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf.import(disks, configuration, stamp)).unwrap();
    check(&rig, "import");
    rig.create("other", mirror, &[0, 2]).unwrap();
    check(&rig, "creation");
}
