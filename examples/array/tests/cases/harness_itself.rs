// SPDX-License-Identifier: MIT OR Apache-2.0
//! The harness sees what it is there to see.

use crate::harness::{FORMATS, geometry, good, start, work};
use raid_array::workload::{Caches, Call, Machine};
use raid_core::array::Level;

#[test]
fn a_mirror_on_every_format_is_cut_off_and_read_back_in_another_order() {
    for kept in FORMATS {
        for caches in [Caches::KeepAll, Caches::KeepNothing, Caches::KeepAny] {
            let mut machine = Machine::create(*kept, geometry(Level::Raid1, 2, 1), 1, 5).unwrap();
            let mut running = start(&mut machine, 0, &[0, 1, 2]).unwrap();
            work(&mut running.rig, 200);
            good(&running.rig, kept.name);
            running.cut(&mut machine, caches);
            let mut running = start(&mut machine, 0, &[2, 1, 0]).unwrap();
            running.rig.adopt_all();
            good(&running.rig, kept.name);
            running.call(Call::Stop).unwrap();
            assert!(running.rig.wait_until(|rig| rig.engine.is_idle()), "{}", kept.name);
        }
    }
}

#[test]
fn what_one_disk_alone_has_lost_is_reported_as_wrong() {
    let kept = FORMATS[0];
    let mut machine = Machine::create(*kept, geometry(Level::Raid1, 2, 1), 0, 5).unwrap();
    let mut running = start(&mut machine, 0, &[0, 1]).unwrap();
    work(&mut running.rig, 200);
    running.rig.flush();
    let first = raid_core::units::Lba(0);
    for disk in [0, 1] {
        let disk = running.index(disk);
        let blocks = running.rig.backplane.member(disk);
        for at in 0..512 {
            blocks.corrupt(raid_core::units::Lba(first.0 + at), &[0; 512]).unwrap();
        }
    }
    running.rig.verify_all();
    assert!(!running.rig.tally.is_good());
}
