// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kind G: not asked again, not moved on.

use crate::harness::{
    DDF, NATIVE_FORMAT, TOY_FORMAT, UnderTest, each_array, geometry, good, lives, options, place,
    shape, start, starts, whole, work,
};
use crate::refusing::{Refusal, refusing};
use raid_array::backplane::Backplane;
use raid_array::engine::Options;
use raid_array::member::MemoryMember;
use raid_array::workload::{ArrayEngine, Caches, Call, Machine, Running};
use raid_core::array::Level;
use raid_core::layout::{Layout, Role};
use raid_core::units::{Lba, Slot};
use raid_sync::{Finish, Limits, Notice};

/// Case G1.
#[test]
fn what_was_asked_of_a_member_before_it_failed_is_not_believed_after_its_return() {
    let count = lives(1);
    each_array(|kept, level, slots| {
        for seed in 0..count {
            let mut machine = shape(kept, level, slots, 0, seed)?;
            let mut running = start(&mut machine, 0, &starts(slots, 0)).unwrap();
            let name = format!("{} {level:?} seed {seed}", kept.name);
            let mut random = fastrand::Rng::with_seed(seed);
            running.call(Call::Limit(Limits { min_rate: u64::MAX, ..options().limits })).unwrap();
            for _ in 0..3 {
                work(&mut running.rig, random.u64(20..200));
                let slot = random.u8(..slots as u8);
                let disk = running.rig.engine.disk_at(place(0, slot)).unwrap();
                // It answers late, and is back before it has answered what it was asked.
                running.rig.backplane.delay(disk, random.u64(..5_000_000));
                work(&mut running.rig, random.u64(1..30));
                running.rig.backplane.faults(disk).pull();
                running.rig.backplane.faults(disk).plug();
                running.call(Call::Fail(place(0, slot))).unwrap();
                work(&mut running.rig, random.u64(0..10));
                running.call(Call::Return(place(0, slot))).unwrap();
                work(&mut running.rig, random.u64(1..200));
                good(&running.rig, &name);
                running.rig.backplane.delay(disk, 0);
                running.rig.work_until(|rig| whole(&rig.engine.status(0)));
                good(&running.rig, &name);
            }
            running.rig.settle();
            running.rig.verify_all();
            good(&running.rig, &name);
            assert!(running.rig.wait_until(|rig| rig.engine.is_idle()), "{name}");
            running.call(Call::Scrub { set: 0, repair: false }).unwrap();
            assert!(running.rig.wait_until(|rig| rig.engine.is_idle()), "{name}");
            let differ = running.rig.engine.status(0).mismatches;
            assert_eq!(differ, 0, "{name}: {:?}", running.rig.mismatches);
        }
        Some(())
    });
}

/// Case G1.
#[test]
fn a_record_on_its_way_to_a_disk_that_left_and_returned_does_not_count_as_stored_there() {
    let mut met = 0;
    for steps in [2, 3, 5] {
        each_array(|kept, level, slots| {
            let mut machine = shape(kept, level, slots, 0, steps)?;
            let mut running = start(&mut machine, 0, &starts(slots, 0)).unwrap();
            let name = format!("{} {level:?}, after {steps} steps", kept.name);
            work(&mut running.rig, 150);
            running.rig.settle();
            // The clean record goes to the disk step by step.
            running.rig.backplane.hold(0);
            running.call(Call::Stop).unwrap();
            let holds = |rig: &raid_array::workload::Rig<UnderTest>| {
                !rig.backplane.held(0).is_empty() || rig.engine.is_idle()
            };
            running.rig.wait_until(holds);
            for _ in 0..steps {
                running.rig.backplane.release(0);
                running.rig.backplane.hold(0);
                running.rig.wait_until(holds);
            }
            met += u64::from(!running.rig.backplane.held(0).is_empty());
            // What was written and not flushed is lost; the flush is answered after the return.
            running.rig.backplane.faults(0).pull();
            running.rig.backplane.faults(0).plug();
            let slot = (0..slots as u8)
                .find(|slot| running.rig.engine.disk_at(place(0, *slot)) == Some(0));
            let place = place(0, slot.unwrap());
            running.call(Call::Fail(place)).unwrap();
            running.call(Call::Return(place)).unwrap();
            running.rig.backplane.release(0);
            work(&mut running.rig, 200);
            running.rig.work_until(|rig| whole(&rig.engine.status(0)));
            good(&running.rig, &name);
            let status = running.rig.engine.status(0);
            assert!(whole(&status), "{name}: {status:?}, {:?}", running.rig.refused);
            running.rig.settle();
            running.rig.verify_all();
            good(&running.rig, &name);
            Some(())
        });
    }
    assert!(met > 5, "records were met on their way {met} times only");
}

/// Case G2.
#[test]
fn an_idle_degraded_array_fills_a_spare_without_another_call() {
    each_array(|kept, level, slots| {
        let mut machine = shape(kept, level, slots, 1, 2)?;
        let mut running = start(&mut machine, 0, &starts(slots, 1)).unwrap();
        let name = format!("{} {level:?}", kept.name);
        work(&mut running.rig, 100);
        running.call(Call::Fail(place(0, 0))).unwrap();
        work(&mut running.rig, 100);
        running.rig.settle();
        running.call(Call::Stop).unwrap();
        assert!(running.rig.wait_until(|rig| rig.engine.is_idle()), "{name}");
        running.rig.wait_until(|_| false);
        assert_eq!(running.rig.engine.deadline(), None, "{name}");
        running.call(Call::TakeSpare(place(0, 0), usize::from(slots))).unwrap();
        good(&running.rig, &name);
        assert!(running.rig.wait_until(|rig| whole(&rig.engine.status(0))), "{name}");
        good(&running.rig, &name);
        Some(())
    });
}

/// Case G4.
#[test]
fn changes_that_are_refused_do_not_hold_up_the_record_behind_them() {
    for kept in [TOY_FORMAT, DDF] {
        for changes in [1, 3, 9] {
            let shape = geometry(Level::Raid1, 2, 1);
            let mut machine = Machine::create(kept, shape, 0, 2).unwrap();
            // The same disks, on a format that takes no spare any more.
            machine.exchange_format(refusing(&kept, 0, Refusal::Spares));
            let disk = machine.disk(0).shape();
            let mut running = start(&mut machine, 0, &[0, 1]).unwrap();
            for _ in 0..changes {
                let blank = Box::new(MemoryMember::new(disk.blocks.0));
                let number = running.rig.backplane.insert(blank);
                running.call(Call::Insert(number, disk)).unwrap();
            }
            work(&mut running.rig, 200);
            running.rig.settle();
            good(&running.rig, kept.name);
            assert!(running.rig.tally.writes > 5, "{}", kept.name);
            assert_eq!(running.rig.refused.len(), changes, "{:?}", running.rig.refused);
        }
    }
}

/// Case G5.
#[test]
fn a_rebuild_goes_on_though_the_clock_jumps_an_hour_ahead_and_back() {
    const HOUR: i64 = 3_600_000_000_000;
    for first in [HOUR, -HOUR] {
        each_array(|kept, level, slots| {
            let mut machine = shape(kept, level, slots, 1, 2)?;
            machine.now = raid_sync::Time(2 * HOUR as u64);
            let mut running = start(&mut machine, 0, &starts(slots, 1)).unwrap();
            let name = format!("{} {level:?}", kept.name);
            let slow = Limits { min_rate: 2000, max_rate: 2000, ..options().limits };
            running.call(Call::Limit(slow)).unwrap();
            running.call(Call::Fail(place(0, 0))).unwrap();
            work(&mut running.rig, 30);
            running.call(Call::TakeSpare(place(0, 0), usize::from(slots))).unwrap();
            let begun = |done| {
                move |rig: &raid_array::workload::Rig<UnderTest>| {
                    let marks = rig.engine.status(0).marks;
                    marks.is_some_and(|marks| marks.done.0 >= done)
                }
            };
            running.rig.settle();
            assert!(running.rig.wait_until(begun(64)), "{name}");
            running.rig.set_clock(first);
            assert!(running.rig.wait_until(begun(192)), "{name}");
            running.rig.set_clock(-first);
            let from = running.rig.backplane.now().0;
            assert!(running.rig.wait_until(|rig| whole(&rig.engine.status(0))), "{name}");
            let took = running.rig.backplane.now().0 - from;
            assert!(took < 60_000_000_000, "{name}: the rebuild took {} s", took / 1_000_000_000);
            running.rig.verify_all();
            good(&running.rig, &name);
            Some(())
        });
    }
}

/// Case G6.
#[test]
fn sectors_around_an_unreadable_block_keep_their_version_while_a_resync_is_owed() {
    let mut owed = 0;
    for seed in 0..lives(8) {
        let mut machine =
            Machine::create(NATIVE_FORMAT, geometry(Level::Raid1, 2, 1), 0, seed).unwrap();
        let mut running = start(&mut machine, 0, &[0, 1]).unwrap();
        work(&mut running.rig, 150);
        good(&running.rig, "before the cut");
        running.cut(&mut machine, Caches::KeepAny);
        // The resync stands still after its first windows.
        let limits = Limits { min_rate: 1, max_rate: 1, rows_per_window: 16, ..options().limits };
        let slowly = Options { limits, ..options() };
        let mut running = machine.start::<UnderTest>(0, &[0, 1], slowly).unwrap();
        let mut random = fastrand::Rng::with_seed(seed);
        for row in [random.u64(120..200), random.u64(200..500)] {
            running.faults(0).make_unreadable(Lba(row));
        }
        owed += u64::from(running.rig.engine.status(0).owed_regions > 100);
        running.rig.adopt_all();
        for len in [1, 7, 64, 512, 3] {
            running.rig.verify_in(len);
            good(&running.rig, &format!("seed {seed}, reads of {len} sectors"));
        }
        assert_eq!(running.rig.engine.status(0).failed.lowest(), None::<Slot>);
    }
    assert!(owed > 0, "no life owed a resync");
}

/// Case G6.
#[test]
fn blocks_beside_an_unreadable_one_are_not_computed_from_parity_that_is_owed_a_resync() {
    let mut owed = 0;
    for (level, slots) in [(Level::Raid5, 3), (Level::Raid6, 4)] {
        let shape = geometry(level, slots, 1);
        let layout = Layout::new(&shape).unwrap();
        for seed in 0..lives(8) {
            let mut machine = Machine::create(NATIVE_FORMAT, shape, 0, seed).unwrap();
            let disks = starts(slots, 0);
            let mut running = start(&mut machine, 0, &disks).unwrap();
            work(&mut running.rig, 150);
            good(&running.rig, "before the cut");
            running.cut(&mut machine, Caches::KeepAny);
            let limits =
                Limits { min_rate: 1, max_rate: 1, rows_per_window: 16, ..options().limits };
            let slowly = Options { limits, ..options() };
            let mut running = machine.start::<UnderTest>(0, &disks, slowly).unwrap();
            owed += u64::from(running.rig.engine.status(0).owed_regions > 10);
            running.rig.adopt_all();
            let mut random = fastrand::Rng::with_seed(seed);
            let row = random.u64(120..500);
            running.faults(0).make_unreadable(Lba(row));
            // What the block itself held only parity could tell.
            let lost = match layout.role(Slot(0), row) {
                Role::Data(block) => layout.array_block(0, block),
                _ => None,
            };
            for len in [1, 7, 64, 512] {
                running.rig.verify_in(len);
                let wrong = &running.rig.tally.wrong;
                let others: Vec<_> =
                    wrong.iter().filter(|wrong| Some(wrong.sector) != lost).collect();
                let name = format!("{level:?} seed {seed}, row {row}, reads of {len} sectors");
                assert!(others.is_empty(), "{name}: {others:?}");
                assert!(running.rig.tally.errors.is_empty(), "{name}");
            }
        }
    }
    assert!(owed > 0, "no life owed a resync");
}

/// Case G2. A resync that meets a row which no member gives ends; begun again at once it would
/// end there again.
#[test]
fn a_resync_that_ends_at_an_unreadable_row_rests_and_goes_on_when_an_operator_asks() {
    let mut machine = Machine::create(NATIVE_FORMAT, geometry(Level::Raid1, 2, 1), 0, 3).unwrap();
    let mut running = start(&mut machine, 0, &[0, 1]).unwrap();
    work(&mut running.rig, 150);
    running.cut(&mut machine, Caches::KeepAny);
    let limits = Limits { min_rate: 1, max_rate: 1, rows_per_window: 16, ..options().limits };
    let slowly = Options { limits, ..options() };
    let mut running = machine.start::<UnderTest>(0, &[0, 1], slowly).unwrap();
    assert!(running.rig.engine.status(0).owed_regions > 100, "a resync is owed");
    let rows = 200..300;
    let both = |row| [0, 1].map(|disk| (disk, Lba(row)));
    rows.clone().flat_map(both).for_each(|(disk, at)| running.faults(disk).make_unreadable(at));
    running.call(Call::Limit(options().limits)).unwrap();
    rests(&mut running, |why| matches!(why, Finish::Unreadable(row) if rows.contains(&row.0)));
    rows.clone().flat_map(both).for_each(|(disk, at)| running.faults(disk).make_readable(at));
    resumes(&mut running);
    running.rig.adopt_all();
    good(&running.rig, "resumed");
}

/// Case G2.
#[test]
fn a_rebuild_without_room_for_bad_ranges_rests_and_goes_on_when_an_operator_asks() {
    let mut machine = Machine::create(NATIVE_FORMAT, geometry(Level::Raid1, 2, 1), 1, 3).unwrap();
    let mut running = start(&mut machine, 0, &[0, 1, 2]).unwrap();
    work(&mut running.rig, 150);
    running.rig.flush();
    running.call(Call::Fail(place(0, 1))).unwrap();
    assert!(running.rig.wait_until(|rig| rig.engine.is_idle()));
    // Twice as many ranges as the list has room for.
    let rows = (100..356).step_by(2);
    rows.clone().for_each(|row| running.faults(0).make_unreadable(Lba(row)));
    running.call(Call::TakeSpare(place(0, 1), 2)).unwrap();
    rests(&mut running, |why| matches!(why, Finish::NoRoomForBadRanges(_)));
    rows.for_each(|row| running.faults(0).make_readable(Lba(row)));
    resumes(&mut running);
}

/// What is owed ends for that reason, and an event says so; then nothing is done before a deadline.
fn rests(running: &mut Running<UnderTest>, why: impl Fn(Finish) -> bool) {
    let mut steps = 0;
    let ended = |(_, notice): &(u16, Notice)| match notice {
        Notice::Finished { why, .. } => Some(*why),
        _ => None,
    };
    let rests = running.rig.wait_until(|rig| {
        steps += 1;
        assert!(steps < 50_000, "what is owed is begun again and again");
        rig.notices.iter().any(|notice| ended(notice).is_some()) && rig.engine.is_idle()
    });
    assert!(rests, "an event says that it ended");
    let reasons: Vec<Finish> = running.rig.notices.iter().filter_map(ended).collect();
    assert!(matches!(reasons[..], [one] if why(one)), "{reasons:?}");
    let rig = &running.rig;
    assert!(!rig.engine.has_io() && rig.engine.deadline() > Some(rig.now()));
}

/// It goes on when it is asked to, and ends.
fn resumes(running: &mut Running<UnderTest>) {
    let now = running.rig.now();
    running.rig.engine.resume(now, 0).unwrap();
    assert!(running.rig.wait_until(|rig| {
        let status = rig.engine.status(0);
        whole(&status) && status.owed_regions == 0
    }));
    assert!(running.rig.engine.resume(now, 7).unwrap_err().to_string().contains("no set 7"));
}
