// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kind B: what a copy window has written is not undone by a replay of the write journal.

use crate::harness::{
    DDF, NATIVE_FORMAT, TOY_FORMAT, UnderTest, geometry, good, lives, options, place, start, work,
};
use raid_array::engine::Options;
use raid_array::workload::{ArrayEngine, Caches, Call, Kept, Machine, Running};
use raid_core::array::Level;
use raid_core::metadata::Operation;
use raid_core::units::{Slot, SlotSet};
use raid_sync::{Limits, Phase};

/// A RAID-6 of five disks, and two spares.
fn raid6(kept: &Kept, seed: u64) -> Machine {
    Machine::create(*kept, geometry(Level::Raid6, 5, 1), 2, seed).unwrap()
}

/// Small windows, so that users write beside them.
fn narrow() -> Options {
    let limits = Limits { rows_per_window: 16, checkpoint_rows: 32, ..options().limits };
    Options { limits, ..options() }
}

/// A member is declared failed, and the disks say so.
fn fail(running: &mut Running<UnderTest>, slot: u8) {
    running.call(Call::Fail(place(0, slot))).unwrap();
    running.rig.work_until(|rig| {
        let status = rig.engine.status(0);
        status.failed.contains(Slot(slot)) && !status.unrecorded
    });
}

/// The power goes when everything is answered; what was not flushed is lost.
fn cut(machine: &mut Machine, mut running: Running<UnderTest>, what: &str) {
    running.rig.settle();
    running.rig.flush();
    good(&running.rig, what);
    running.cut(machine, Caches::KeepNothing);
}

/// Everything is read, without this disk.
fn read_without(machine: &mut Machine, disk: usize, what: &str) -> Running<UnderTest> {
    let all: Vec<usize> = (0..machine.disk_count()).filter(|own| *own != disk).collect();
    let mut running = start(machine, 0, &all).unwrap_or_else(|why| panic!("{what}: {why}"));
    running.rig.adopt_all();
    good(&running.rig, what);
    running
}

/// A rebuild has got so far, and stands still.
fn pause_at(running: &mut Running<UnderTest>, targets: SlotSet, row: u64) {
    running.rig.work_until(|rig| {
        let status = rig.engine.status(0);
        let runs = status.operation == Some(Operation::Rebuild { targets });
        runs && status.marks.is_some_and(|marks| marks.issued.0 >= row)
    });
    running.call(Call::Pause(0)).unwrap();
    running.rig.work_until(|rig| rig.engine.status(0).phase == Phase::Paused);
}

/// A pass that begins again at the first row leaves out what the one before had reached: users write its target
/// there no more until it is copied. The epoch of the journal holds both.
///
/// Case B5.
#[test]
fn a_replay_leaves_what_a_rebuild_has_copied_since() {
    for kept in [&TOY_FORMAT, &NATIVE_FORMAT, &DDF] {
        for seed in 0..lives(2) {
            let what = format!("{}, seed {seed}", kept.name);
            let mut machine = raid6(kept, seed);
            let all: Vec<usize> = (0..7).collect();
            let mut running = machine.start::<UnderTest>(0, &all, narrow()).unwrap();
            fail(&mut running, 0);
            fail(&mut running, 2);
            running.call(Call::TakeSpare(place(0, 2), 5)).unwrap();
            pause_at(&mut running, SlotSet::of(Slot(2)), 384);
            running.call(Call::TakeSpare(place(0, 0), 6)).unwrap();
            running.rig.work_until(|rig| rig.engine.status(0).rebuilding.len() == 2);
            work(&mut running.rig, 300);
            running.call(Call::Abort(0)).unwrap();
            pause_at(&mut running, [0, 2].map(Slot).into_iter().collect(), 16);
            work(&mut running.rig, 300);
            fail(&mut running, 0);
            running.call(Call::Resume(0)).unwrap();
            running.rig.wait_until(|rig| rig.engine.status(0).rebuilding.is_empty());
            let status = running.rig.engine.status(0);
            assert_eq!(status.failed, SlotSet::of(Slot(0)), "{what}");
            cut(&mut machine, running, &what);
            let running = read_without(&mut machine, 0, &what);
            cut(&mut machine, running, &what);
            read_without(&mut machine, 1, &what);
        }
    }
}
