// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kind C: volumes that ran on parts of their disks, and the disks brought together again.

use crate::harness::{
    ASR, DDF, DDF_MARKS, NATIVE_FORMAT, TOY_FORMAT, UnderTest, geometry, good, place, start, stop,
    wait, whole, work,
};
use raid_array::backplane::{Backplane, Simulated};
use raid_array::engine::OpenError;
use raid_array::member::{Member, MemoryMember};
use raid_array::store::Store;
use raid_array::workload::{ArrayEngine, Caches, Call, Kept, Machine, Running, write_all};
use raid_core::array::{ArrayState, Geometry, Level, Name, Placement};
use raid_core::metadata::{ArrayRequest, Severity, Stamp};
use raid_core::units::{Extent, Lba, Slot, SlotSet};
use raid_sync::Time;

/// Starts a volume from these disks, writes, and stops cleanly.
fn run(machine: &mut Machine, volume: usize, disks: &[usize]) {
    let mut running = start(machine, volume, disks)
        .unwrap_or_else(|why| panic!("volume {volume} on {disks:?}: {why}"));
    work(&mut running.rig, 150);
    stop(machine, running);
}

/// Starts a volume from all disks, and reads all of it.
fn read(machine: &mut Machine, volume: usize, disks: &[usize]) -> Running<UnderTest> {
    let mut running = start(machine, volume, disks)
        .unwrap_or_else(|why| panic!("volume {volume} on {disks:?}: {why}"));
    running.rig.adopt_all();
    good(&running.rig, machine.kept().name);
    running
}

/// Case C1.
#[test]
fn volumes_that_ran_on_parts_of_their_disks_are_each_read_from_those_that_carried_them() {
    for kept in [DDF, DDF_MARKS] {
        for more in 0..3 {
            let volumes = [
                (geometry(Level::Raid6, 5, 1), &[0, 1, 2, 3, 4][..]),
                (geometry(Level::Raid1, 2, 1), &[1, 3][..]),
            ];
            let mut machine = Machine::create_volumes(kept, &volumes, 5, 0, 3).unwrap();
            let all = [0, 1, 2, 3, 4];
            run(&mut machine, 0, &all);
            run(&mut machine, 1, &all);
            run(&mut machine, 0, &[0, 2, 4]);
            (0..=more).for_each(|_| run(&mut machine, 1, &[1, 3]));
            let six = read(&mut machine, 0, &all);
            let gone: SlotSet = [Slot(1), Slot(3)].into_iter().collect();
            let status = six.rig.engine.status(0);
            assert_eq!(status.failed | status.rebuilding, gone, "{} {more}", kept.name);
            stop(&mut machine, six);
            let mirror = read(&mut machine, 1, &all);
            assert!(whole(&mirror.rig.engine.status(0)), "{} {more}", kept.name);
            stop(&mut machine, mirror);
        }
    }
}

/// Volumes of which one ran without disks that others cannot run without.
fn one_ran_without_the_disks_of_others(kept: Kept) -> Machine {
    let stripes = Geometry { placement: Placement::Fixed, ..geometry(Level::Raid0, 2, 1) };
    let volumes = [
        (geometry(Level::Raid6, 5, 1), &[0, 1, 2, 3, 4][..]),
        (geometry(Level::Raid1, 2, 1), &[1, 3][..]),
        (stripes, &[0, 1][..]),
        (geometry(Level::Raid1, 2, 1), &[0, 2][..]),
    ];
    let mut machine = Machine::create_volumes(kept, &volumes, 5, 0, 3).unwrap();
    (0..4).for_each(|volume| run(&mut machine, volume, &[0, 1, 2, 3, 4]));
    (0..3).for_each(|_| run(&mut machine, 0, &[0, 2, 4]));
    machine
}

/// Case C2.
#[test]
fn volumes_of_absent_disks_run_again_when_the_disks_are_back() {
    let all = [0, 1, 2, 3, 4];
    for kept in [DDF, DDF_MARKS] {
        for volume in [1, 3] {
            let mut machine = one_ran_without_the_disks_of_others(kept);
            for _ in 0..3 {
                let mut running = read(&mut machine, volume, &all);
                assert!(whole(&running.rig.engine.status(0)), "{} {volume}", kept.name);
                work(&mut running.rig, 100);
                stop(&mut machine, running);
            }
            let six = read(&mut machine, 0, &all);
            let gone: SlotSet = [Slot(1), Slot(3)].into_iter().collect();
            let status = six.rig.engine.status(0);
            assert_eq!(status.failed | status.rebuilding, gone, "{}", kept.name);
            stop(&mut machine, six);
        }
    }
}

/// Cases C1, C2. A member of the one volume is all that knows of the loss that the other one had, and
/// the format has one state for a disk: an update of the one takes back nothing of what it knows.
#[test]
fn a_loss_of_one_volume_stays_known_when_another_runs_on_the_disks_that_know_of_it() {
    let all = [0, 1, 2, 3, 4];
    for kept in [DDF, DDF_MARKS] {
        let stripes = Geometry { placement: Placement::Fixed, ..geometry(Level::Raid0, 2, 1) };
        let volumes = [(geometry(Level::Raid1, 5, 1), &all[..]), (stripes, &[0, 1][..])];
        let mut machine = Machine::create_volumes(kept, &volumes, 5, 0, 3).unwrap();
        (0..2).for_each(|volume| run(&mut machine, volume, &all));
        run(&mut machine, 0, &[0, 2, 4]);
        let gone: SlotSet = [Slot(1), Slot(3)].into_iter().collect();
        for turn in 0..3 {
            let found = machine.discover(&all);
            let state = |volume: usize| {
                let id = machine.volumes[volume].id;
                found
                    .arrays
                    .iter()
                    .find(|array| array.descriptor.id == id)
                    .unwrap()
                    .descriptor
                    .state
            };
            let states = (state(0), state(1));
            assert_eq!(states, (ArrayState::PartiallyOptimal, ArrayState::Optimal), "{turn}");
            run(&mut machine, 1, &all);
            let wide = read(&mut machine, 0, &all);
            assert_eq!(wide.rig.engine.status(0).failed, gone, "{} {turn}", kept.name);
            stop(&mut machine, wide);
        }
    }
}

/// Case C2. The format has one list of disks for all volumes: where each of several has written another
/// one, a volume may be refused, and is never read wrong.
#[test]
fn volumes_that_run_in_turns_after_one_ran_apart_are_refused_or_read_right() {
    let all = [0, 1, 2, 3, 4];
    for kept in [DDF, DDF_MARKS] {
        for order in [[1, 2, 3, 0], [3, 1, 0, 2], [2, 0, 3, 1]] {
            let mut machine = one_ran_without_the_disks_of_others(kept);
            for volume in order.repeat(2) {
                if let Ok(mut running) = start(&mut machine, volume, &all) {
                    running.rig.adopt_all();
                    work(&mut running.rig, 100);
                    stop(&mut machine, running);
                }
            }
        }
    }
}

/// A mirror on disks 0 and 1, and a RAID-10 with one of them in each pair that ran without both.
fn mirror_beside_a_raid_10(kept: Kept) -> Machine {
    let volumes = [
        (geometry(Level::Raid1, 2, 1), &[0, 1][..]),
        (geometry(Level::Raid1, 2, 2), &[0, 2, 1, 3][..]),
    ];
    let mut machine = Machine::create_volumes(kept, &volumes, 4, 0, 3).unwrap();
    (0..2).for_each(|volume| run(&mut machine, volume, &[0, 1, 2, 3]));
    // Read only, then stopped.
    let running = read(&mut machine, 1, &[2, 3]);
    stop(&mut machine, running);
    machine
}

/// Case C3.
#[test]
fn a_disk_that_another_volume_ran_without_is_whole_where_it_was_not_missed() {
    for kept in [DDF, DDF_MARKS] {
        let mut machine = mirror_beside_a_raid_10(kept);
        for _ in 0..3 {
            // Its records go to its own disks, though the other volume has given them up.
            let mut mirror = read(&mut machine, 0, &[0, 1, 2, 3]);
            work(&mut mirror.rig, 100);
            assert!(whole(&mirror.rig.engine.status(0)), "{}", kept.name);
            stop(&mut machine, mirror);
            run(&mut machine, 1, &[0, 1, 2, 3]);
        }
    }
}

/// Case C3. Today a disk does not come back to the volume that ran without it; what it holds of another
/// one is not lost by the attempt.
#[test]
fn a_disk_that_one_volume_ran_without_is_not_wiped_of_what_it_holds_of_another() {
    for kept in [DDF, DDF_MARKS] {
        let mut machine = mirror_beside_a_raid_10(kept);
        let all = [0, 1, 2, 3];
        let mut ten = read(&mut machine, 1, &all);
        let shape = ten.rig.backplane.shape(0);
        for call in
            [Call::Insert(0, shape), Call::Return(place(0, 0)), Call::TakeSpare(place(0, 0), 0)]
        {
            let why = ten.call(call).unwrap_err();
            assert!(why.split(' ').count() > 6, "{call:?}: {why}");
        }
        stop(&mut machine, ten);
        let mirror = read(&mut machine, 0, &all);
        assert!(whole(&mirror.rig.engine.status(0)), "{}", kept.name);
        stop(&mut machine, mirror);
    }
}

/// Case C3.
#[test]
fn a_disk_with_records_of_another_configuration_is_not_taken_for_a_blank_one() {
    for kept in [DDF, DDF_MARKS, ASR] {
        let mut machine = Machine::create(kept, geometry(Level::Raid1, 2, 1), 0, 5).unwrap();
        let shape = machine.disk(0).shape();
        let mut other = Store::for_new_disks(kept.format, &[shape; 2]);
        let stamp = Stamp { unix_seconds: 9, random: 4711 };
        let mirror = ArrayRequest {
            unverified: true,
            ..ArrayRequest::new(
                Name::new(b"other"),
                geometry(Level::Raid1, 2, 1),
                &[Some(0), Some(1)],
            )
        };
        let made = other.edit(|disks| {
            kept.format.initialise(disks, stamp)?;
            kept.format.create_array(disks, &mirror, stamp)
        });
        made.unwrap();
        let blank = || -> Box<dyn Member> { Box::new(MemoryMember::new(shape.blocks.0)) };
        let mut backplane = Simulated::new(vec![blank(), blank()], 1, Time(0));
        write_all(kept.format, &mut other, &mut backplane);
        let foreign = machine.add_disk(backplane.cut_power().unwrap().remove(0));
        let mut bytes = vec![0; shape.blocks.0 as usize * 512];
        machine.disk(foreign).read(Lba(0), &mut bytes).unwrap();
        let mut running = start(&mut machine, 0, &[0, 1, foreign]).unwrap();
        let refused = running.call(Call::Insert(2, shape)).unwrap_err();
        assert!(refused.contains("in use"), "{}: {refused}", kept.name);
        stop(&mut machine, running);
        let mut now = vec![0; bytes.len()];
        machine.disk(foreign).read(Lba(0), &mut now).unwrap();
        assert!(now == bytes, "{}: the disk was written", kept.name);
    }
}

/// Case C6.
#[test]
fn an_unused_disk_is_no_damage_after_runs_that_did_not_write_it() {
    for kept in [DDF, DDF_MARKS] {
        let volumes = [(geometry(Level::Raid1, 2, 1), &[0, 1][..])];
        let mut machine = Machine::create_volumes(kept, &volumes, 3, 0, 3).unwrap();
        (0..3).for_each(|_| run(&mut machine, 0, &[0, 1, 2]));
        let found = machine.discover(&[0, 1, 2]);
        assert!(found.findings.iter().all(|found| found.finding.severity == Severity::Note));
        let role = |disk: usize| found.disks[disk].claims[0].descriptor.unwrap().role.name();
        assert_eq!([0, 1, 2].map(role), ["member", "member", "unused"], "{}", kept.name);
    }
}

/// Ran on, on each of these sets of disks, from the same state.
fn fork(machine: &mut Machine, sides: [&[usize]; 2]) {
    let common = machine.oracle(0);
    for side in sides {
        machine.set_oracle(0, common.clone());
        run(machine, 0, side);
    }
}

fn refused(machine: &mut Machine, disks: &[usize]) -> (OpenError, String) {
    let refused = start(machine, 0, disks).map(|_| ()).unwrap_err();
    let text = refused.to_string();
    (refused, text)
}

/// Cases C1, C8.
#[test]
fn a_fork_is_reported_with_what_settles_it_and_what_is_lost_on_either_side() {
    for kept in [DDF, DDF_MARKS, ASR, NATIVE_FORMAT] {
        let mut machine = Machine::create(kept, geometry(Level::Raid1, 2, 1), 0, 5).unwrap();
        run(&mut machine, 0, &[0, 1]);
        fork(&mut machine, [&[0], &[1]]);
        let (why, text) = refused(&mut machine, &[0, 1]);
        let OpenError::Forked { branches, .. } = &why else { panic!("{}: {why:?}", kept.name) };
        let mut of_disks: Vec<_> = branches.iter().map(|b| b.disks.clone()).collect();
        of_disks.sort();
        assert_eq!(of_disks, [vec![0], vec![1]], "{}", kept.name);
        for (own, other) in [(0, 1), (1, 0)] {
            let number = branches.iter().find(|b| b.disks == [other]).unwrap().number;
            for part in [
                format!("without set 0 slot {other}: to keep it, start with disk {own} alone"),
                format!("then give back disk {other} as new disks, to be filled"),
                format!("lost then is what history {number} wrote since the histories parted"),
            ] {
                assert!(text.contains(&part), "{}: {part}: {text}", kept.name);
            }
        }
        match kept.has_regions() {
            true => {
                let written = branches.iter().map(|branch| branch.written.as_ref().unwrap());
                let rows = written.map(|all| all.iter().map(|of| of.rows.len).sum::<u64>());
                assert!(rows.clone().all(|rows| 0 < rows && rows <= 512), "{text}");
                assert!(text.contains("of set 0 (last record"), "{text}");
                assert!(!text.contains("does not record"), "{text}");
            }
            false => {
                let word = format!("; {} does not record which rows", kept.format.name());
                assert!(text.contains(&word), "{text}");
                let time = if kept.name == "asr" { " of 1970-01-01" } else { " of 1980-01-01" };
                assert!(text.contains(time), "{text}");
            }
        }
        // Either side can be kept.
        let running = start(&mut machine, 0, &[0]).unwrap();
        running.cut(&mut machine, Caches::KeepAll);
        assert!(matches!(refused(&mut machine, &[1, 0]).0, OpenError::Forked { .. }));
    }
}

/// Case C11.
#[test]
fn a_member_that_ran_alone_after_it_was_replaced_is_a_fork() {
    for kept in [DDF, DDF_MARKS, ASR] {
        for more in 0..3 {
            let mut machine = Machine::create(kept, geometry(Level::Raid1, 2, 1), 1, 5).unwrap();
            run(&mut machine, 0, &[0, 1, 2]);
            let common = machine.oracle(0);
            let mut running = start(&mut machine, 0, &[0, 2]).unwrap();
            running.call(Call::TakeSpare(place(0, 1), 1)).unwrap();
            running.rig.work_until(|rig| whole(&rig.engine.status(0)));
            stop(&mut machine, running);
            for half in [vec![0, 2], vec![1]] {
                machine.set_oracle(0, common.clone());
                (0..if half == [1] { more + 1 } else { 0 })
                    .for_each(|_| run(&mut machine, 0, &half));
            }
            for disks in [[0, 1, 2], [2, 1, 0]] {
                let why = refused(&mut machine, &disks).0;
                let OpenError::Forked { branches, .. } = why else {
                    panic!("{}: {why}", kept.name)
                };
                let named = |disk| disks.iter().position(|known| *known == disk).unwrap();
                let alone = branches.iter().find(|branch| branch.disks == [named(1)]);
                assert!(alone.is_some() && branches.len() == 2, "{}: {branches:?}", kept.name);
            }
        }
    }
}

/// Case C12.
#[test]
fn a_dirty_record_that_some_disk_lacks_does_not_refuse_a_degraded_start() {
    let mut one_sided = 0;
    for kept in [TOY_FORMAT, NATIVE_FORMAT, DDF, DDF_MARKS] {
        for ios in 1..40 {
            let mut machine = Machine::create(kept, geometry(Level::Raid5, 3, 1), 0, 5).unwrap();
            let mut running = start(&mut machine, 0, &[0, 1, 2]).unwrap();
            running.rig.wait_until(|rig| rig.engine.is_idle());
            running.rig.write(Extent::new(0, 8));
            wait(&mut running.rig, ios);
            running.cut(&mut machine, Caches::KeepAll);
            let clean = [0, 1, 2].map(|disk| machine.discover(&[disk]).arrays[0].descriptor.clean);
            for present in [[0, 1], [1, 2], [0, 2]] {
                // Of those present one never agreed to a write.
                if present.iter().all(|disk| !clean[*disk]) {
                    continue;
                }
                one_sided += usize::from(present.iter().any(|disk| !clean[*disk]));
                let running = start(&mut machine, 0, &present)
                    .unwrap_or_else(|why| panic!("{} {ios} {present:?}: {why}", kept.name));
                running.cut(&mut machine, Caches::KeepNothing);
            }
        }
    }
    assert!(one_sided > 10, "{one_sided} starts with a record on some disks only");
}

/// Case C12.
#[test]
fn an_activation_that_was_cut_leaves_a_state_in_the_metadata_wherever_it_was_cut() {
    for kept in [DDF, DDF_MARKS, ASR] {
        for ios in 1..60 {
            let mut machine = Machine::create(kept, geometry(Level::Raid1, 2, 1), 1, 5).unwrap();
            let mut running = start(&mut machine, 0, &[0, 1, 2]).unwrap();
            work(&mut running.rig, 50);
            running.call(Call::Fail(place(0, 1))).unwrap();
            running.call(Call::TakeSpare(place(0, 1), 2)).unwrap();
            wait(&mut running.rig, ios);
            let caches = [Caches::KeepAny, Caches::KeepAll, Caches::KeepNothing][ios as usize % 3];
            running.cut(&mut machine, caches);
            for disks in [&[0, 1, 2][..], &[0, 2], &[0, 1], &[0]] {
                let mut running = start(&mut machine, 0, disks)
                    .unwrap_or_else(|why| panic!("{} {ios} {disks:?}: {why}", kept.name));
                running.rig.adopt_all();
                good(&running.rig, kept.name);
                running.cut(&mut machine, Caches::KeepAll);
            }
        }
    }
}

/// Cases C1, C8. A disk leaves, runs alone in another program, and is given back while the others run.
#[test]
fn a_disk_that_ran_alone_is_not_filled_over_by_the_array_that_it_left() {
    for kept in [DDF, DDF_MARKS, ASR, NATIVE_FORMAT] {
        let mut machine = Machine::create(kept, geometry(Level::Raid1, 2, 1), 0, 5).unwrap();
        run(&mut machine, 0, &[0, 1]);
        let mut elsewhere = machine.second_program();
        let mut running = start(&mut machine, 0, &[0, 1]).unwrap();
        running.call(Call::Fail(place(0, 1))).unwrap();
        work(&mut running.rig, 100);
        assert!(running.rig.wait_until(|rig| rig.engine.is_idle()));
        run(&mut elsewhere, 0, &[1]);
        running.rig.refused.clear();
        running.call(Call::Return(place(0, 1))).unwrap();
        work(&mut running.rig, 100);
        let refused = running.rig.refused.join("; ");
        assert!(refused.contains("written without the others"), "{}: {refused:?}", kept.name);
        assert!(running.rig.engine.status(0).failed.contains(Slot(1)), "{}", kept.name);
        stop(&mut machine, running);
        // What it wrote there is still there.
        let alone = read(&mut elsewhere, 0, &[1]);
        stop(&mut elsewhere, alone);
    }
}
