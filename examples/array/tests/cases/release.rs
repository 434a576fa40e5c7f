// SPDX-License-Identifier: MIT OR Apache-2.0
//! A spare leaves the configuration, and the power goes at any moment of it.

use crate::harness::{ASR, DDF, DDF_MARKS, geometry, good, lives, place, start, stop, whole, work};
use crate::refusing::{Refusal, refusing};
use raid_array::backplane::Backplane;
use raid_array::engine::CallError;
use raid_array::workload::{ArrayEngine, Caches, Call, Machine};
use raid_core::array::Level;
use raid_core::metadata::ChangeError;

const ALL: [usize; 3] = [0, 1, 2];
const SPARE: usize = 2;

/// After the cut it is a spare, or blank: it serves either way, and no member has lost a byte.
#[test]
fn a_power_cut_while_a_spare_is_released_leaves_a_spare_or_a_blank_disk() {
    // Each moment where there is time; a commit to one disk takes more than this many steps.
    let deep = lives(1) > 1;
    let stride = if deep { 1 } else { 11 };
    let (mut spares, mut blanks) = (0, 0);
    for kept in [DDF, DDF_MARKS, ASR] {
        for caches in [Caches::KeepNothing, Caches::KeepAll, Caches::KeepAny] {
            if !deep && (kept.name == DDF_MARKS.name || matches!(caches, Caches::KeepAny)) {
                continue;
            }
            for steps in (0..).step_by(stride) {
                let name = format!("{} {caches:?}, after {steps} steps", kept.name);
                let raid1 = geometry(Level::Raid1, 2, 1);
                let mut machine = Machine::create(kept, raid1, 1, 5).unwrap();
                let mut running = start(&mut machine, 0, &ALL).unwrap();
                work(&mut running.rig, 100);
                running.rig.flush();
                running.rig.wait_until(|rig| rig.engine.is_idle());
                let shape = running.rig.backplane.shape(SPARE);
                running.call(Call::Release(SPARE)).unwrap_or_else(|why| panic!("{name}: {why}"));
                let moved = (0..steps).take_while(|_| running.rig.step()).count();
                let over = moved < steps;
                good(&running.rig, &name);
                running.cut(&mut machine, caches);
                let mut running =
                    start(&mut machine, 0, &ALL).unwrap_or_else(|why| panic!("{name}: {why}"));
                running.rig.adopt_all();
                running.rig.verify_all();
                // The writes before the cut may be owed a resync.
                let status = running.rig.engine.status(0);
                assert!((status.failed | status.rebuilding).is_empty(), "{name}: {status:?}");
                work(&mut running.rig, 50);
                running.call(Call::Fail(place(0, 1))).unwrap();
                work(&mut running.rig, 50);
                if running.call(Call::TakeSpare(place(0, 1), SPARE)).is_ok() {
                    spares += 1;
                } else {
                    blanks += 1;
                    let taken = running.call(Call::Insert(SPARE, shape));
                    taken.unwrap_or_else(|why| panic!("{name}: {why}"));
                    running.rig.wait_until(|rig| rig.engine.is_idle());
                    let seated = running.call(Call::TakeSpare(place(0, 1), SPARE));
                    seated.unwrap_or_else(|why| panic!("{name}: {why}"));
                }
                running.rig.work_until(|rig| whole(&rig.engine.status(0)));
                running.rig.flush();
                running.rig.verify_all();
                good(&running.rig, &name);
                stop(&mut machine, running);
                if over {
                    break;
                }
            }
        }
    }
    assert!(spares > 2 && blanks > 2, "{spares} spares and {blanks} blanks: nothing was cut");
}

#[test]
fn a_spare_that_the_format_cannot_erase_is_not_released() {
    for kept in [DDF, ASR] {
        let mut machine = Machine::create(kept, geometry(Level::Raid1, 2, 1), 1, 5).unwrap();
        machine.exchange_format(refusing(&kept, 0, Refusal::Erasure));
        let mut running = start(&mut machine, 0, &ALL).unwrap();
        running.rig.wait_until(|rig| rig.engine.is_idle());
        let refused = running.call(Call::Release(SPARE)).unwrap_err();
        let because = CallError::Format(ChangeError::Unsupported("erasing a disk"));
        assert_eq!(refused.to_string(), because.to_string(), "{}", kept.name);
        work(&mut running.rig, 50);
        good(&running.rig, kept.name);
        // Nothing was changed: it is the spare that it was.
        running.call(Call::Fail(place(0, 1))).unwrap();
        running.call(Call::TakeSpare(place(0, 1), SPARE)).unwrap();
        running.rig.work_until(|rig| whole(&rig.engine.status(0)));
        good(&running.rig, kept.name);
    }
}
