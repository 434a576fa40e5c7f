// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kind C, the part about spares: one spare serves every volume of the disk that failed.

use crate::harness::{
    ASR, DDF, DDF_MARKS, UnderTest, geometry, good, options, place, start, stop, whole, work,
};
use raid_array::workload::{ArrayEngine, Caches, Call, Machine, Running};
use raid_core::array::Level;
use raid_sync::Limits;

const SPARE: usize = 3;

fn fast() -> Limits {
    Limits { min_rate: u64::MAX, ..options().limits }
}

/// The member of disk 0 fails in a volume that runs, the spare takes its place and is filled.
fn replace(running: &mut Running<UnderTest>, name: &str) -> Result<(), String> {
    running.call(Call::Limit(fast())).unwrap();
    work(&mut running.rig, 100);
    running.call(Call::Fail(place(0, 0))).unwrap();
    work(&mut running.rig, 100);
    let spare = running.index(SPARE);
    running.call(Call::TakeSpare(place(0, 0), spare))?;
    running.rig.work_until(|rig| whole(&rig.engine.status(0)));
    running.rig.flush();
    running.rig.verify_all();
    good(&running.rig, name);
    assert_eq!(running.disk_at(place(0, 0)), Some(SPARE), "{name}: {:?}", running.rig.refused);
    Ok(())
}

/// Case C4.
#[test]
fn one_spare_serves_every_volume_of_the_disk_that_failed() {
    for kept in [DDF, DDF_MARKS] {
        let volumes = [
            (geometry(Level::Raid1, 2, 1), &[0, 1][..]),
            (geometry(Level::Raid5, 3, 1), &[0, 1, 2][..]),
            (geometry(Level::Raid1, 2, 1), &[0, 2][..]),
        ];
        let mut machine = Machine::create_volumes(kept, &volumes, 4, 1, 3).unwrap();
        for order in [[0, 1, 2, 3], [3, 2, 1, 0]] {
            for volume in 0..volumes.len() {
                let name = format!("{} volume {volume}", kept.name);
                let mut running = start(&mut machine, volume, &order)
                    .unwrap_or_else(|why| panic!("{name}: {why}"));
                let told = running.rig.engine.status(0);
                if running.disk_at(place(0, 0)) == Some(SPARE) {
                    // The second round: it is a member like any other.
                    assert!(whole(&told), "{name}: {told:?}");
                    running.rig.adopt_all();
                } else {
                    replace(&mut running, &name).unwrap_or_else(|why| panic!("{name}: {why}"));
                }
                running.call(Call::Stop).unwrap();
                running.rig.wait_until(|rig| rig.engine.is_idle());
                good(&running.rig, &name);
                running.cut(&mut machine, Caches::KeepNothing);
            }
        }
    }
}

/// Case C4.
#[test]
fn a_spare_that_serves_a_volume_for_another_disk_is_refused_in_words() {
    for kept in [DDF, DDF_MARKS] {
        let volumes = [
            (geometry(Level::Raid1, 2, 1), &[0, 1][..]),
            (geometry(Level::Raid1, 2, 1), &[1, 2][..]),
        ];
        let mut machine = Machine::create_volumes(kept, &volumes, 4, 1, 3).unwrap();
        let mut running = start(&mut machine, 0, &[0, 1, 2, 3]).unwrap();
        replace(&mut running, kept.name).unwrap();
        running.cut(&mut machine, Caches::KeepAll);
        let mut running = start(&mut machine, 1, &[0, 1, 2, 3]).unwrap();
        running.call(Call::Fail(place(0, 1))).unwrap();
        work(&mut running.rig, 100);
        let spare = running.index(SPARE);
        let why = running.call(Call::TakeSpare(place(0, 1), spare)).unwrap_err();
        assert!(why.split(' ').count() > 4, "{}: {why}", kept.name);
        work(&mut running.rig, 100);
        running.rig.verify_all();
        good(&running.rig, kept.name);
    }
}

/// Case C4. The spare of one volume joins another one: from then on it has each of its updates as well.
#[test]
fn a_spare_of_one_volume_that_joins_another_has_every_update_of_both() {
    let slow = Limits { min_rate: 1, max_rate: 1, rows_per_window: 16, ..options().limits };
    for kept in [DDF, DDF_MARKS] {
        let volumes = [
            (geometry(Level::Raid1, 2, 1), &[0, 1][..]),
            (geometry(Level::Raid6, 4, 1), &[0, 1, 2, 3][..]),
        ];
        let (order, spare) = ([0, 1, 2, 3, 4], 4);
        let mut machine = Machine::create_volumes(kept, &volumes, 5, 1, 3).unwrap();
        let mut running = start(&mut machine, 0, &order).unwrap();
        running.call(Call::Limit(fast())).unwrap();
        running.call(Call::Fail(place(0, 0))).unwrap();
        work(&mut running.rig, 100);
        running.call(Call::TakeSpare(place(0, 0), spare)).unwrap();
        running.rig.work_until(|rig| whole(&rig.engine.status(0)));
        stop(&mut machine, running);
        for filled in [false, true] {
            let mut running = start(&mut machine, 1, &order).unwrap();
            if filled {
                running.rig.adopt_all();
                running.call(Call::Limit(fast())).unwrap();
                running.rig.work_until(|rig| rig.engine.status(0).rebuilding.is_empty());
            } else {
                running.call(Call::Limit(slow)).unwrap();
                running.call(Call::Fail(place(0, 0))).unwrap();
                work(&mut running.rig, 60);
                running.call(Call::TakeSpare(place(0, 0), spare)).unwrap();
                running.rig.work_until(|rig| {
                    let told = rig.engine.status(0);
                    !told.rebuilding.is_empty() && !told.unrecorded
                });
            }
            // Another member is lost: the spare has the record that says so.
            running.call(Call::Fail(place(0, if filled { 2 } else { 1 }))).unwrap();
            promise(&mut running, 100);
            running.rig.work_until(|rig| !rig.engine.status(0).unrecorded);
            running.cut(&mut machine, Caches::KeepAll);
            let found = machine.discover(&order);
            let own =
                |disk: usize| found.disks[disk].claims[0].descriptor.unwrap().sequence.unwrap();
            // A record that was on its way may have reached one of them.
            let apart = own(spare).abs_diff(own(3));
            assert!(apart <= 1, "{}, filled {filled}: {apart} updates apart", kept.name);
        }
        // It is a member like any other: with one more that holds everything.
        let mut running = start(&mut machine, 1, &[spare, 3]).unwrap();
        running.rig.adopt_all();
        good(&running.rig, kept.name);
    }
}

/// Users work, and all that they wrote is promised.
fn promise(running: &mut Running<UnderTest>, ios: u64) {
    work(&mut running.rig, ios);
    running.rig.flush();
    good(&running.rig, "what is promised");
}

/// Starts the volume from these disks, and reads everything.
fn read(machine: &mut Machine, disks: &[usize], name: &str) {
    let mut running = start(machine, 0, disks).unwrap_or_else(|why| panic!("{name}: {why}"));
    running.rig.adopt_all();
    good(&running.rig, name);
    running.cut(machine, Caches::KeepAll);
}

/// Case C11.
#[test]
fn a_replaced_disk_does_not_start_beside_the_spare_that_is_filled_in_its_place() {
    let slow = Limits { min_rate: 1, max_rate: 1, rows_per_window: 16, ..options().limits };
    for kept in [DDF, DDF_MARKS, ASR] {
        let mut machine = Machine::create(kept, geometry(Level::Raid1, 2, 1), 1, 3).unwrap();
        let mut running = start(&mut machine, 0, &[0, 1, 2]).unwrap();
        running.call(Call::Limit(slow)).unwrap();
        promise(&mut running, 50);
        running.call(Call::Fail(place(0, 0))).unwrap();
        promise(&mut running, 50);
        running.call(Call::TakeSpare(place(0, 0), 2)).unwrap();
        running.rig.work_until(|rig| {
            let told = rig.engine.status(0);
            !told.rebuilding.is_empty() && !told.unrecorded
        });
        promise(&mut running, 100);
        running.cut(&mut machine, Caches::KeepAll);
        for disks in [[0, 2], [2, 0]] {
            let why = start(&mut machine, 0, &disks).map(|_| ()).unwrap_err().to_string();
            assert!(why.split(' ').count() > 4, "{} {disks:?}: {why}", kept.name);
        }
        read(&mut machine, &[0, 1, 2], kept.name);
    }
}

/// Case C11.
#[test]
fn a_failed_disk_does_not_start_beside_one_that_is_filled_without_it() {
    let slow = Limits { min_rate: 1, max_rate: 1, rows_per_window: 16, ..options().limits };
    for kept in [DDF, DDF_MARKS, ASR] {
        let shape = geometry(Level::Raid1, 3, 1);
        let Ok(mut machine) = Machine::create(kept, shape, 0, 3) else { continue };
        let mut running = start(&mut machine, 0, &[0, 1, 2]).unwrap();
        running.call(Call::Limit(slow)).unwrap();
        promise(&mut running, 50);
        for slot in [0, 1] {
            running.call(Call::Fail(place(0, slot))).unwrap();
            promise(&mut running, 50);
        }
        running.call(Call::Return(place(0, 1))).unwrap();
        running.rig.work_until(|rig| {
            let told = rig.engine.status(0);
            !told.rebuilding.is_empty() && !told.unrecorded
        });
        promise(&mut running, 100);
        running.cut(&mut machine, Caches::KeepAll);
        let started = start(&mut machine, 0, &[0, 1]).map(|running| running.rig.engine.status(0));
        let why = started.expect_err(kept.name).to_string();
        assert!(why.split(' ').count() > 4, "{}: {why}", kept.name);
        read(&mut machine, &[0, 1, 2], kept.name);
    }
}

/// An older copy of a disk that was a spare sits where its successor sat: what it says of itself does not hide
/// the metadata of the members that are there.
#[test]
fn an_older_copy_of_a_spare_in_a_place_does_not_hide_the_members() {
    for kept in [DDF, ASR] {
        let mut machine = Machine::create(kept, geometry(Level::Raid1, 2, 1), 1, 5).unwrap();
        let older = machine.clone_disk(2);
        let mut running = start(&mut machine, 0, &[0, 1, 2]).unwrap();
        running.call(Call::Limit(fast())).unwrap();
        work(&mut running.rig, 100);
        running.call(Call::Fail(place(0, 0))).unwrap();
        work(&mut running.rig, 100);
        running.call(Call::TakeSpare(place(0, 0), 2)).unwrap();
        running.rig.work_until(|rig| whole(&rig.engine.status(0)));
        stop(&mut machine, running);
        for _ in 0..2 {
            let mut running = start(&mut machine, 0, &[1, older])
                .unwrap_or_else(|why| panic!("{}: {why}", kept.name));
            running.rig.verify_all();
            good(&running.rig, kept.name);
            stop(&mut machine, running);
        }
    }
}
