// SPDX-License-Identifier: MIT OR Apache-2.0
//! Several volumes on the same disks, and several programs: no record is written over a newer one.

use crate::harness::{ASR, DDF, DDF_MARKS, UnderTest, geometry, good, place, start, work};
use raid_array::store::Store;
use raid_array::workload::{ArrayEngine, Caches, Call, Kept, Machine, Rig};
use raid_core::array::{ArrayState, Initialisation, Level, Name};
use raid_core::metadata::{ArrayRequest, ChangeError, Stamp};
use raid_core::units::{Extent, Slot};

/// Two mirrors of one configuration, each on two disks of its own.
fn two_mirrors(kept: Kept) -> Machine {
    let mirror = geometry(Level::Raid1, 2, 1);
    Machine::create_volumes(kept, &[(mirror, &[0, 1]), (mirror, &[2, 3])], 4, 0, 5).unwrap()
}

/// Works until a request fails. What is read meanwhile is not judged: the disks are another's.
fn work_until_refused(rig: &mut Rig<UnderTest>) {
    for _ in 0..1000 {
        (rig.tally.wrong, rig.tally.wrong_count) = (Vec::new(), 0);
        work(rig, 1);
        if !rig.tally.errors.is_empty() {
            return;
        }
    }
    panic!("the engine goes on working on disks that another engine writes");
}

/// Case C5.
#[test]
fn a_failure_that_another_engine_recorded_and_its_acknowledged_writes_survive_a_commit_of_old_records()
 {
    for kept in [DDF, DDF_MARKS] {
        let mut machine = two_mirrors(kept);
        let mut second = machine.second_program();
        let all = [0, 1, 2, 3];
        // The second engine knows the records as they are before the first does anything.
        let mut old = start(&mut second, 1, &all).unwrap();
        assert!(old.rig.wait_until(|rig| rig.engine.is_idle()));
        let mut running = start(&mut machine, 0, &all).unwrap();
        assert!(running.rig.wait_until(|rig| rig.engine.is_idle()));
        running.call(Call::Fail(place(0, 1))).unwrap();
        work(&mut running.rig, 200);
        running.rig.flush();
        good(&running.rig, kept.name);
        // Now it wants to record that it writes.
        work_until_refused(&mut old.rig);
        assert!(old.rig.engine.status(0).set_failed, "{}: it gave way", kept.name);
        running.cut(&mut machine, Caches::KeepNothing);
        let mut running = start(&mut machine, 0, &all).unwrap();
        assert!(running.rig.engine.status(0).failed.contains(Slot(1)), "{}", kept.name);
        running.rig.adopt_all();
        good(&running.rig, kept.name);
    }
}

/// Case C5.
#[test]
fn of_two_engines_on_one_volume_the_first_writes_nothing_once_the_second_has() {
    for kept in [DDF, DDF_MARKS, ASR] {
        let mut machine = Machine::create(kept, geometry(Level::Raid1, 2, 1), 1, 5).unwrap();
        let mut second = machine.second_program();
        let mut first = start(&mut machine, 0, &[0, 1, 2]).unwrap();
        assert!(first.rig.wait_until(|rig| rig.engine.is_idle()));
        let mut other = start(&mut second, 0, &[0, 1, 2]).unwrap();
        work(&mut other.rig, 100);
        other.rig.flush();
        work_until_refused(&mut first.rig);
        assert!(first.rig.engine.status(0).set_failed, "{}", kept.name);
        // The other one never notices.
        work(&mut other.rig, 200);
        other.rig.flush();
        good(&other.rig, kept.name);
        other.call(Call::Stop).unwrap();
        assert!(other.rig.wait_until(|rig| rig.engine.is_idle()));
        other.cut(&mut second, Caches::KeepNothing);
        let state = second.discover(&[0, 1, 2]).arrays[0].descriptor.state;
        assert_eq!(state, ArrayState::Optimal, "{}", kept.name);
    }
}

/// Case C5.
#[test]
fn a_tool_that_holds_old_records_changes_nothing() {
    for kept in [DDF, DDF_MARKS, ASR] {
        let mut machine = Machine::create(kept, geometry(Level::Raid1, 2, 1), 2, 5).unwrap();
        let all = [0, 1, 2, 3];
        let found = machine.discover(&all);
        let mut store = Store::from_discovery(&found, &found.arrays[0]);
        let mut running = start(&mut machine, 0, &all).unwrap();
        running.call(Call::Fail(place(0, 1))).unwrap();
        work(&mut running.rig, 100);
        running.rig.flush();
        running.cut(&mut machine, Caches::KeepNothing);
        let stamp = Stamp { unix_seconds: 9, random: 9 };
        let geometry = geometry(Level::Raid1, 2, 1);
        let request = ArrayRequest {
            initialisation: Initialisation::Full,
            unverified: true,
            ..ArrayRequest::new(Name::new(b"late"), geometry, &[Some(2), Some(3)])
        };
        let before = store.clone();
        let mut read = |disk: usize, run: Extent| {
            let mut bytes = vec![0; run.len.0 as usize * 512];
            machine.disk(disk).read(run.start, &mut bytes).ok().map(|()| bytes)
        };
        let edit = |store: &mut Store, read: &mut dyn FnMut(usize, Extent) -> Option<Vec<u8>>| {
            store.change(kept.format, read, |disks| {
                kept.format.release_spare(disks, 2, stamp)?;
                kept.format.release_spare(disks, 3, stamp)?;
                kept.format.create_array(disks, &request, stamp)
            })
        };
        let refused = edit(&mut store, &mut read).unwrap_err();
        assert!(matches!(refused, ChangeError::MovedOn { .. }), "{}: {refused}", kept.name);
        for (disk, was) in store.disks.iter().zip(&before.disks) {
            assert_eq!(disk.pieces, was.pieces, "{}", kept.name);
        }
    }
}

/// Case C3.
#[test]
fn the_only_copy_of_a_volume_is_written_though_another_volume_gave_its_disk_up() {
    for kept in [DDF, DDF_MARKS] {
        let volumes = [
            (geometry(Level::Raid5, 4, 1), &[0, 1, 2, 3][..]),
            (geometry(Level::Raid1, 2, 1), &[0, 1][..]),
        ];
        let mut machine = Machine::create_volumes(kept, &volumes, 5, 1, 5).unwrap();
        let mut running = start(&mut machine, 1, &[0, 1, 2, 3, 4]).unwrap();
        work(&mut running.rig, 100);
        running.rig.flush();
        running.cut(&mut machine, Caches::KeepAll);
        // The other volume runs without disk 0, which fails there while nobody uses the mirror.
        let mut running = start(&mut machine, 0, &[0, 1, 2, 3, 4]).unwrap();
        running.call(Call::Fail(place(0, 0))).unwrap();
        work(&mut running.rig, 100);
        running.rig.flush();
        running.cut(&mut machine, Caches::KeepAll);
        // Disk 1 is away: disk 0 has the only copy of the mirror.
        let mut running = start(&mut machine, 1, &[0, 2, 4]).unwrap();
        running.rig.adopt_all();
        work(&mut running.rig, 200);
        running.rig.flush();
        good(&running.rig, kept.name);
        let refused = &running.rig.refused;
        assert!(refused.is_empty(), "{}: {refused:?}", kept.name);
        running.cut(&mut machine, Caches::KeepNothing);
        let mut running = start(&mut machine, 1, &[0, 2, 4]).unwrap();
        running.rig.adopt_all();
        good(&running.rig, kept.name);
    }
}
