// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kind E: a refusal that nobody hears, or that takes everybody down.

use crate::harness::{
    ASR, DDF, DDF_MARKS, FORMATS, TOY_FORMAT, UnderTest, each_array, geometry, good, lives,
    options, place, shape, start, starts, wait, whole, work,
};
use crate::refusing::{Refusal, refusing};
use raid_array::engine::Request;
use raid_array::member::MemoryMember;
use raid_array::workload::{ArrayEngine, Caches, Call, Machine, Running};
use raid_core::array::{Level, Place};
use raid_core::units::{Extent, Slot, SlotSet};
use raid_sync::Limits;

/// A rebuild that can be watched.
fn slow() -> Limits {
    Limits { min_rate: 20_000, max_rate: 20_000, rows_per_window: 32, ..options().limits }
}

fn fast() -> Limits {
    Limits { min_rate: u64::MAX, ..options().limits }
}

/// Case E1.
#[test]
fn a_disk_on_which_the_format_refuses_a_record_fails_alone_and_writes_are_answered() {
    for refusal in [Refusal::NamesTheDisk, Refusal::NamesNobody] {
        for kept in FORMATS {
            for (level, slots) in [(Level::Raid1, 2), (Level::Raid5, 3), (Level::Raid6, 4)] {
                let kept = refusing(kept, 0, refusal);
                let Ok(mut machine) = Machine::create(kept, geometry(level, slots, 1), 0, 3) else {
                    continue;
                };
                let all: Vec<usize> = (0..usize::from(slots)).collect();
                let mut running = start(&mut machine, 0, &all).unwrap();
                work(&mut running.rig, 300);
                running.rig.flush();
                good(&running.rig, kept.name);
                let status = running.rig.engine.status(0);
                assert_eq!(status.failed, SlotSet::of(Slot(0)), "{} {level:?}", kept.name);
                assert!(!running.rig.refused.is_empty(), "{}: nobody was told", kept.name);
                running.rig.verify_all();
                good(&running.rig, kept.name);
            }
        }
    }
}

/// Case E2.
#[test]
fn a_second_spare_for_a_place_is_refused_in_words_and_changes_nothing() {
    each_array(|kept, level, slots| {
        let (mut machine, all) = (shape(kept, level, slots, 2, 4)?, starts(slots, 2));
        let mut running = start(&mut machine, 0, &all).unwrap();
        let name = format!("{} {level:?}", kept.name);
        let spares = [usize::from(slots), usize::from(slots) + 1];
        work(&mut running.rig, 200);
        let failed = place(0, 1);
        let refused = |running: &mut Running<UnderTest>, at: Place, disk: usize| {
            let before = running.rig.engine.status(0).failed;
            let why = running.call(Call::TakeSpare(at, disk)).expect_err(&name);
            assert!(why.len() > 20, "{name}: {why}");
            assert_eq!(running.rig.engine.status(0).failed, before, "{name}");
        };
        refused(&mut running, failed, spares[0]);
        running.call(Call::Fail(failed)).unwrap();
        running.call(Call::Limit(slow())).unwrap();
        refused(&mut running, place(0, 0), spares[0]);
        for member in 0..usize::from(slots) {
            refused(&mut running, failed, member);
        }
        running.call(Call::TakeSpare(failed, spares[0])).unwrap();
        // While the activation is queued or written, and while the rebuild runs.
        let mut tries = 0;
        running.rig.tally.reads = 0;
        loop {
            for spare in spares {
                refused(&mut running, failed, spare);
            }
            tries += 1;
            work(&mut running.rig, 7);
            let status = running.rig.engine.status(0);
            let begun = status.marks.is_some_and(|marks| marks.done.0 > 64);
            if begun || tries > 3000 || !running.rig.tally.is_good() {
                break;
            }
        }
        good(&running.rig, &name);
        running.call(Call::Limit(fast())).unwrap();
        running.rig.work_until(|rig| whole(&rig.engine.status(0)));
        running.rig.verify_all();
        good(&running.rig, &name);
        assert_eq!(running.rig.seated, [(failed, spares[0])], "{name}");
        Some(())
    });
}

/// Case E4.
#[test]
fn a_spare_that_is_seated_while_a_record_is_written_takes_part_in_all_later_ones() {
    each_array(|kept, level, slots| {
        for seed in 0..lives(2) {
            let mut machine = shape(kept, level, slots, 1, seed)?;
            let all = starts(slots, 1);
            let mut running = start(&mut machine, 0, &all).unwrap();
            let name = format!("{} {level:?} seed {seed}", kept.name);
            running.call(Call::Limit(fast())).unwrap();
            // Idle and clean, so that the first write after the failure needs a record.
            assert!(running.rig.wait_until(|rig| rig.engine.is_idle()));
            wait(&mut running.rig, seed * 3);
            let spare = usize::from(slots);
            running.call(Call::Fail(place(0, 0))).unwrap();
            work(&mut running.rig, seed % 7);
            running.call(Call::TakeSpare(place(0, 0), spare)).unwrap();
            work(&mut running.rig, 60);
            running.rig.work_until(|rig| whole(&rig.engine.status(0)));
            work(&mut running.rig, 100);
            running.rig.flush();
            good(&running.rig, &name);
            let all_good = whole(&running.rig.engine.status(0));
            assert!(all_good, "{name}: {:?}", running.rig.engine.status(0));
            running.call(Call::Stop).unwrap();
            assert!(
                running
                    .rig
                    .wait_until(|rig| { rig.engine.is_idle() && rig.engine.status(0).clean })
            );
            running.cut(&mut machine, Caches::KeepNothing);
            // The spare must be enough, with as few of the others as the level needs.
            let needed = match level {
                Level::Raid1 => 1,
                Level::Raid6 => usize::from(slots) - 2,
                _ => usize::from(slots) - 1,
            };
            let few: Vec<usize> = (1..=usize::from(slots)).rev().take(needed).collect();
            let mut running = start(&mut machine, 0, &few)
                .unwrap_or_else(|why| panic!("{name}: from disks {few:?}: {why}"));
            running.rig.adopt_all();
            good(&running.rig, &name);
        }
        Some(())
    });
}

/// Cases E4, G3.
#[test]
fn a_record_that_reaches_nobody_fails_the_set_and_every_request_is_answered() {
    each_array(|kept, level, slots| {
        let mut machine = shape(kept, level, slots, 1, 5)?;
        let all = starts(slots, 1);
        let mut running = start(&mut machine, 0, &all).unwrap();
        let name = format!("{} {level:?}", kept.name);
        assert!(running.rig.wait_until(|rig| rig.engine.is_idle()));
        for disk in 0..slots {
            running.faults(usize::from(disk)).pull();
        }
        for at in [0, 40, 100] {
            running.rig.write(Extent::new(at, 8));
        }
        running.rig.settle();
        assert_eq!(running.rig.waiting(), 0, "{name}: {:?}", running.rig.tally.errors);
        let errors = &running.rig.tally.errors;
        assert_eq!(errors.len(), 3, "{name}: {errors:?}");
        assert!(errors.iter().all(|error| error.contains("has failed")), "{name}: {errors:?}");
        assert!(running.rig.engine.status(0).set_failed, "{name}");
        assert!(running.rig.engine.is_idle(), "{name}: work is left in a failed set");
        Some(())
    });
}

/// Case E5.
#[test]
fn numbers_that_do_not_exist_are_refused_in_words_and_change_nothing() {
    each_array(|kept, level, slots| {
        let mut machine = shape(kept, level, slots, 1, 6)?;
        let all = starts(slots, 1);
        let disk = machine.disk(0).shape();
        let mut running = start(&mut machine, 0, &all).unwrap();
        let name = format!("{} {level:?}", kept.name);
        work(&mut running.rig, 100);
        running.call(Call::Fail(place(0, 1))).unwrap();
        work(&mut running.rig, 100);
        let before = running.rig.engine.status(0);
        let spare = usize::from(slots);
        let far = [place(1, 0), place(u16::MAX, 1), place(0, slots as u8), place(0, 255)];
        let mut calls: Vec<Call> = Vec::new();
        for at in far {
            calls.extend([Call::Fail(at), Call::Return(at), Call::TakeSpare(at, spare)]);
        }
        for number in [spare + 1, 1000, usize::MAX] {
            calls.push(Call::TakeSpare(place(0, 1), number));
        }
        for set in [1, u16::MAX] {
            calls.push(Call::Scrub { set, repair: true });
            assert!(ArrayEngine::state_of_set(&running.rig.engine, set).is_err(), "{name}");
        }
        // Disks in use, and one that nobody can have.
        calls.extend((0..=spare).map(|number| Call::Insert(number, disk)));
        calls.push(Call::Insert(usize::MAX, disk));
        calls.push(Call::Return(place(0, 0)));
        for call in calls {
            let why = running.call(call).expect_err(&format!("{name}: {call:?}"));
            assert!(why.split(' ').count() > 3, "{name}: {why}");
        }
        work(&mut running.rig, 100);
        let after = running.rig.engine.status(0);
        assert_eq!((before.failed, before.rebuilding), (after.failed, after.rebuilding), "{name}");
        running.rig.verify_all();
        good(&running.rig, &name);
        Some(())
    });
}

/// Case E6.
#[test]
fn requests_that_are_not_whole_blocks_of_the_array_are_refused_and_write_nothing() {
    each_array(|kept, level, slots| {
        let mut machine = shape(kept, level, slots, 0, 7)?;
        let mut running = start(&mut machine, 0, &starts(slots, 0)).unwrap();
        let name = format!("{} {level:?}", kept.name);
        work(&mut running.rig, 100);
        running.rig.settle();
        let write = |at, bytes: usize| Request::Write { at, bytes: vec![7; bytes], durable: true };
        let sectors = running.rig.oracle.sectors();
        let requests = [
            write(0, 700),
            write(0, 511),
            write(0, 1),
            write(0, 0),
            write(sectors, 0),
            write(sectors, 512),
            write(sectors - 1, 1024),
            write(u64::MAX, 512),
            write(u64::MAX - 1, 2048),
            Request::Read(Extent::new(0, 0)),
            Request::Read(Extent::new(sectors, 1)),
            Request::Read(Extent::new(u64::MAX, 2)),
            Request::Read(Extent::new(2, u64::MAX)),
        ];
        for request in requests {
            let what = format!("{name}: {request:?}");
            let why = running.rig.ask(request).expect_err(&what).to_string();
            assert!(why.contains("block") || why.contains("leaves the array"), "{what}: {why}");
        }
        running.rig.verify_all();
        good(&running.rig, &name);
        Some(())
    });
}

/// Case E8.
#[test]
fn what_one_scrub_found_is_reported_though_that_of_another_set_ends_first() {
    for kept in FORMATS {
        let shape = geometry(Level::Raid1, 2, 2);
        let Ok(mut machine) = Machine::create(*kept, shape, 0, 8) else { continue };
        let disks = [0, 1, 2, 3];
        let mut running = start(&mut machine, 0, &disks).unwrap();
        work(&mut running.rig, 100);
        running.rig.settle();
        // Damage late in set 0, nothing in set 1, which is much faster.
        running.call(Call::Limit(Limits { rows_per_window: 16, windows: 1, ..fast() })).unwrap();
        for row in [40, 200, 480] {
            let disk = running.index(1);
            let at = raid_core::units::Lba(row);
            running.rig.backplane.member(disk).corrupt(at, &[0xA5; 512]).unwrap();
        }
        running.call(Call::Scrub { set: 0, repair: false }).unwrap();
        // The scrub of set 1 ends at any moment of that of set 0, again and again.
        let mut steps = 0;
        let over = running.rig.wait_until(|_| {
            steps += 1;
            steps > 4
        });
        assert!(over);
        loop {
            let other = running.rig.engine.status(1).operation.is_some();
            if !other && running.rig.engine.status(0).operation.is_some() {
                running.call(Call::Scrub { set: 1, repair: false }).unwrap();
            }
            if running.rig.engine.status(0).operation.is_none() || !running.rig.step() {
                break;
            }
        }
        let mut rows: Vec<u64> =
            running.rig.mismatches.iter().map(|found| found.rows.start.0).collect();
        rows.sort_unstable();
        assert_eq!(rows, [40, 200, 480], "{}", kept.name);
    }
}

/// Cases E2, E4, E5, G2.
#[test]
fn an_array_lives_with_calls_at_any_moment() {
    each_array(|kept, level, slots| {
        for seed in 0..lives(1) {
            a_life_of_calls(kept, level, slots, seed)?;
        }
        Some(())
    });
}

fn a_life_of_calls(
    kept: &'static raid_array::workload::Kept,
    level: Level,
    slots: u16,
    seed: u64,
) -> Option<()> {
    let mut machine = shape(kept, level, slots, 2, seed)?;
    let all = starts(slots, 2);
    let disk = machine.disk(0).shape();
    let name = format!("{} {level:?} seed {seed}", kept.name);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut running = start(&mut machine, 0, &all).unwrap();
    let spare_of = |level| if level == Level::Raid6 { 2 } else { 1 };
    let mut disks = all.len();
    for _ in 0..40 {
        work(&mut running.rig, random.u64(1..40));
        good(&running.rig, &name);
        let status = running.rig.engine.status(0);
        let short = (status.failed | status.rebuilding).len();
        let at = place(random.u16(..20) / 19, random.u8(..slots as u8 + 1));
        let call = match random.u32(..12) {
            // As many as the level can lose, and only where its redundancy agrees.
            0..3 if short < spare_of(level) && status.owed_regions == 0 => {
                Call::Fail(Place { set: 0, ..at })
            }
            0..6 => Call::TakeSpare(at, random.usize(..disks + 2)),
            6..8 => Call::Return(at),
            8 => Call::Scrub { set: at.set, repair: random.bool() },
            9 => Call::Limit(if random.bool() { slow() } else { fast() }),
            10 => Call::Insert(random.usize(..disks), disk),
            _ => {
                let number =
                    running.rig.backplane.insert(Box::new(MemoryMember::new(disk.blocks.0)));
                disks = number + 1;
                Call::Insert(number, disk)
            }
        };
        if let Err(why) = running.call(call) {
            assert!(why.split(' ').count() > 3, "{name}: {why}");
        }
        good(&running.rig, &format!("{name}: {call:?}"));
    }
    // Then whatever is left is put right.
    running.call(Call::Limit(fast())).unwrap();
    for slot in 0..slots as u8 {
        let at = place(0, slot);
        let failed =
            |running: &Running<UnderTest>| running.rig.engine.status(0).failed.contains(Slot(slot));
        running.rig.wait_until(|rig| rig.engine.is_idle());
        if failed(&running) && running.call(Call::Return(at)).is_err() {
            let taken = (0..disks).any(|disk| running.call(Call::TakeSpare(at, disk)).is_ok());
            assert!(taken, "{name}: no disk for slot {slot}");
        }
        running.rig.wait_until(|rig| rig.engine.is_idle());
    }
    running.rig.settle();
    assert!(running.rig.wait_until(|rig| rig.engine.is_idle()), "{name}: work is left");
    assert!(whole(&running.rig.engine.status(0)), "{name}: {:?}", running.rig.engine.status(0));
    running.rig.verify_all();
    good(&running.rig, &name);
    running.rig.mismatches.clear();
    running.call(Call::Scrub { set: 0, repair: false }).unwrap();
    assert!(running.rig.wait_until(|rig| rig.engine.is_idle()));
    assert_eq!(running.rig.engine.status(0).mismatches, 0, "{name}: {:?}", running.rig.mismatches);
    Some(())
}

/// Case C5.
#[test]
fn a_set_that_fails_in_the_middle_of_its_record_does_not_take_another_set_with_it() {
    // A sector of set 0, and one of set 1.
    const SECTORS: [u64; 2] = [0, 16];
    for kept in [DDF, DDF_MARKS, TOY_FORMAT, ASR] {
        // Far enough for the record of the first failure to be written.
        for ios in (0..40).step_by(3) {
            let shape = geometry(Level::Raid1, 2, 2);
            let Ok(mut machine) = Machine::create(kept, shape, 0, 3) else { continue };
            let mut running = start(&mut machine, 0, &[0, 1, 2, 3]).unwrap();
            let name = format!("{}, second failure after {ios}", kept.name);
            let write =
                |sector: u64| Request::Write { at: sector, bytes: vec![7; 512], durable: true };
            for sector in SECTORS {
                running.rig.ask(write(sector)).unwrap_or_else(|why| panic!("{name}: {why}"));
            }
            // Both are recorded clean: what set 1 writes next needs a record.
            running.call(Call::Stop).unwrap();
            running.rig.wait_until(|rig| rig.engine.is_idle());
            running.call(Call::Fail(place(0, 0))).unwrap();
            wait(&mut running.rig, ios);
            running.call(Call::Fail(place(0, 1))).unwrap();
            let answer = running.rig.ask(write(SECTORS[0]));
            assert!(answer.is_err() && running.rig.engine.status(0).set_failed, "{name}");
            running.rig.ask(write(SECTORS[1])).unwrap_or_else(|why| panic!("{name}: {why}"));
            let told = running.rig.engine.status(1);
            assert!(told.failed.is_empty(), "{name}: {told:?}, {:?}", running.rig.refused);
        }
    }
}
