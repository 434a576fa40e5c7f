// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kind C, the part about spares: one spare serves every volume of the disk that failed.

use crate::harness::{
    DDF, DDF_MARKS, UnderTest, geometry, good, options, place, start, whole, work,
};
use raid_array::workload::{Caches, Call, Machine, Running};
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
