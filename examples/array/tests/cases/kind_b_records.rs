// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kind B: a write journal counts only for the record that was written knowing of it.

use crate::harness::{
    DDF, NATIVE_FORMAT, TOY_FORMAT, UnderTest, geometry, good, lives, options, place, start, stop,
    work,
};
use crate::refusing::{Refusal, refusing};
use raid_array::engine::{OpenError, Options};
use raid_array::journal::{BLOCK, Head, decode_head, encode_head};
use raid_array::trust::{Accept, Risk};
use raid_array::workload::{ArrayEngine, Caches, Call, Kept, Machine, Running};
use raid_core::array::Level;
use raid_core::units::{Lba, Slot, SlotSet};
use raid_sync::Limits;

fn forced() -> Options {
    Options { accept: Accept::NOTHING.and(Risk::UncleanDegraded), ..options() }
}

/// Everything written so far is on the disks, and nothing is under way.
fn at_rest(running: &mut Running<UnderTest>) {
    running.rig.settle();
    running.rig.flush();
}

/// An array that runs without one member, which the disks say.
fn short_of(machine: &mut Machine, disks: &[usize], slot: u8) -> Running<UnderTest> {
    let mut running = start(machine, 0, disks).unwrap();
    running.call(Call::Fail(place(0, slot))).unwrap();
    running.rig.work_until(|rig| {
        let status = rig.engine.status(0);
        status.failed.contains(Slot(slot)) && !status.unrecorded
    });
    running
}

/// The same disks in the hands of a program that keeps no journal.
fn without_journal(kept: &Kept) -> Kept {
    refusing(kept, 0, Refusal::Journals)
}

/// Case B5.
#[test]
fn a_journal_is_not_replayed_over_what_another_program_has_written_since() {
    for kept in [TOY_FORMAT, NATIVE_FORMAT, DDF] {
        for (level, slots) in [(Level::Raid5, 3), (Level::Raid6, 4)] {
            let mut machine = Machine::create(kept, geometry(level, slots, 1), 0, 7).unwrap();
            let disks: Vec<usize> = (0..usize::from(slots)).collect();
            let name = format!("{} {level:?}", kept.name);
            let mut running = short_of(&mut machine, &disks, 1);
            work(&mut running.rig, 300);
            at_rest(&mut running);
            good(&running.rig, &name);
            running.cut(&mut machine, Caches::KeepNothing);
            machine.exchange_format(without_journal(&kept));
            let mut running = machine.start::<UnderTest>(0, &disks, forced()).unwrap();
            running.rig.adopt_all();
            work(&mut running.rig, 600);
            at_rest(&mut running);
            good(&running.rig, &name);
            running.cut(&mut machine, Caches::KeepNothing);
            machine.exchange_format(kept);
            match start(&mut machine, 0, &disks) {
                Err(error @ OpenError::Refused { .. }) => {
                    let words = error.to_string();
                    assert!(words.contains("write journal belongs to update"), "{name}: {words}");
                }
                Err(error) => panic!("{name}: {error}"),
                Ok(mut running) => {
                    running.rig.adopt_all();
                    good(&running.rig, &name);
                    panic!("{name}: the journal of another time counts");
                }
            }
            // The risk that it named is none here: nothing was in flight.
            let mut running = machine.start::<UnderTest>(0, &disks, forced()).unwrap();
            running.rig.adopt_all();
            good(&running.rig, &name);
            let mut steps = 0;
            while running.rig.step() {
                steps += 1;
                assert!(steps < 2000, "{name}: never comes to rest");
            }
        }
    }
}

/// A RAID-5 of four disks, beside a mirror of two of them.
fn two_volumes(seed: u64) -> Machine {
    let volumes = [geometry(Level::Raid5, 4, 1), geometry(Level::Raid1, 2, 1)];
    let disks: [&[usize]; 2] = [&[0, 1, 2, 3], &[0, 1]];
    Machine::create_volumes(DDF, &[(volumes[0], disks[0]), (volumes[1], disks[1])], 4, 0, seed)
        .unwrap()
}

/// Case B5.
#[test]
fn a_journal_still_counts_after_the_other_volume_of_its_disks_has_run() {
    for seed in 0..lives(4) {
        let mut machine = two_volumes(seed);
        let all = [0, 1, 2, 3];
        let mut running = short_of(&mut machine, &all, 3);
        work(&mut running.rig, 100 + 7 * seed);
        good(&running.rig, "the first run");
        running.cut(&mut machine, Caches::KeepAny);
        for runs in 0..2 {
            let mut running = start(&mut machine, 1, &all).unwrap();
            running.rig.adopt_all();
            work(&mut running.rig, 300);
            if runs == 1 {
                at_rest(&mut running);
                running.call(Call::Stop).unwrap();
                assert!(running.rig.wait_until(|rig| rig.engine.is_idle()));
            }
            good(&running.rig, "the other volume");
            running.cut(&mut machine, Caches::KeepAny);
        }
        let mut running = start(&mut machine, 0, &all).unwrap();
        running.rig.adopt_all();
        good(&running.rig, &format!("seed {seed}"));
    }
}

/// Case B5. The disks of a volume ran apart, and another volume runs on all of them: the journal of either
/// history counts for its own disks as before.
#[test]
fn the_journals_of_two_histories_count_after_another_volume_has_run() {
    for seed in 0..lives(3) {
        let volumes = [geometry(Level::Raid6, 4, 1), geometry(Level::Raid1, 2, 2)];
        let disks: [&[usize]; 2] = [&[0, 1, 2, 3], &[0, 1, 2, 3]];
        let parts = [(volumes[0], disks[0]), (volumes[1], disks[1])];
        let mut machine = Machine::create_volumes(DDF, &parts, 4, 0, seed).unwrap();
        let running = start(&mut machine, 0, &[0, 1, 2, 3]).unwrap();
        stop(&mut machine, running);
        let born = machine.oracle(0);
        let mut histories = Vec::new();
        for part in [[1, 3], [0, 2]] {
            machine.set_oracle(0, born.clone());
            let mut running = start(&mut machine, 0, &part).unwrap();
            work(&mut running.rig, 600 + 40 * seed);
            good(&running.rig, &format!("{part:?}, seed {seed}"));
            running.cut(&mut machine, Caches::KeepAny);
            histories.push((part, machine.oracle(0)));
        }
        let mut running = start(&mut machine, 1, &[0, 1, 2, 3]).unwrap();
        running.rig.adopt_all();
        work(&mut running.rig, 900);
        good(&running.rig, "the other volume");
        running.cut(&mut machine, Caches::KeepAny);
        for (part, oracle) in histories {
            let what = format!("{part:?}, seed {seed}");
            machine.set_oracle(0, oracle);
            let started = start(&mut machine, 0, &part);
            let mut running = started.unwrap_or_else(|why| panic!("{what}: {why}"));
            running.rig.adopt_all();
            good(&running.rig, &what);
            running.cut(&mut machine, Caches::KeepNothing);
        }
    }
}

/// Case B5. The journal was begun when one disk had left; its record was never written. The other volume
/// then runs without another disk, and so is this one started.
#[test]
fn a_journal_covers_no_loss_that_it_was_not_begun_for() {
    let mut met = 0;
    for seed in 0..lives(2) {
        for ios in (60..200).step_by(20) {
            let mut machine = two_volumes(seed);
            let mut running = start(&mut machine, 0, &[0, 1, 2, 3]).unwrap();
            work(&mut running.rig, 700);
            running.rig.backplane.faults(3).pull();
            running.rig.work_until(|rig| rig.engine.status(0).failed.contains(Slot(3)));
            work(&mut running.rig, ios);
            running.cut(&mut machine, Caches::KeepAny);
            let mut running = start(&mut machine, 1, &[0, 2, 3]).unwrap();
            work(&mut running.rig, 300);
            running.cut(&mut machine, Caches::KeepAny);
            match start(&mut machine, 0, &[0, 2, 3]) {
                Err(OpenError::Refused { missing, why, .. }) => {
                    let open = matches!(why, raid_sync::Refusal::DirtyAndDegraded { .. });
                    met += u64::from(open && missing == SlotSet::of(Slot(1)));
                }
                Err(error) => panic!("seed {seed}: {error}"),
                Ok(mut running) => {
                    running.rig.adopt_all();
                    good(&running.rig, &format!("seed {seed}, {ios} I/Os"));
                }
            }
        }
    }
    assert!(met > 0, "no start met the journal of another loss");
}

/// Case B5. The record of a loss reaches the spare alone, with the journal that was begun for it; the members
/// run on without the spare, and their records have the same numbers.
#[test]
fn a_journal_of_a_record_that_a_spare_alone_stored_covers_nothing() {
    let mut met = 0;
    for kept in [TOY_FORMAT, NATIVE_FORMAT, DDF] {
        for ios in (20..140).step_by(10) {
            let mut machine = Machine::create(kept, geometry(Level::Raid5, 3, 1), 1, ios).unwrap();
            let name = format!("{}, {ios} I/Os", kept.name);
            let mut running = start(&mut machine, 0, &[0, 1, 2, 3]).unwrap();
            work(&mut running.rig, 600);
            running.call(Call::Fail(place(0, 1))).unwrap();
            work(&mut running.rig, ios);
            (0..3).for_each(|disk| running.rig.backplane.hold(disk));
            work(&mut running.rig, 60);
            running.cut(&mut machine, Caches::KeepNothing);
            let Ok(mut running) = start(&mut machine, 0, &[0, 1, 2]) else { continue };
            if !running.rig.engine.status(0).failed.is_empty() {
                running.cut(&mut machine, Caches::KeepNothing);
                continue;
            }
            met += 1;
            running.rig.adopt_all();
            work(&mut running.rig, 150);
            good(&running.rig, &name);
            running.cut(&mut machine, Caches::KeepAny);
            if let Ok(mut running) = start(&mut machine, 0, &[0, 1, 2, 3]) {
                running.rig.adopt_all();
                good(&running.rig, &name);
            }
        }
    }
    assert!(met > 6, "the members ran on without the spare {met} times only");
}

/// A RAID-6 of five that was cut off short of its last member, in `ios` I/Os of its users, after another cut if
/// a resync is to be owed.
fn cut_short(ios: u64, owed: bool) -> Machine {
    let all = [0, 1, 2, 3, 4];
    let mut machine = Machine::create(NATIVE_FORMAT, geometry(Level::Raid6, 5, 1), 0, ios).unwrap();
    let mut running = start(&mut machine, 0, &all).unwrap();
    work(&mut running.rig, 150);
    if owed {
        running.cut(&mut machine, Caches::KeepAny);
        let limits = Limits { min_rate: 1, max_rate: 1, ..options().limits };
        let slowly = Options { limits, ..options() };
        running = machine.start::<UnderTest>(0, &all, slowly).unwrap();
        running.rig.adopt_all();
    }
    running.call(Call::Fail(place(0, 4))).unwrap();
    running.rig.flush();
    assert!(running.rig.wait_until(|rig| !rig.engine.status(0).unrecorded));
    work(&mut running.rig, ios);
    // What was owed when the member failed may be lost: that is told as a write hole.
    assert!(owed || running.rig.tally.is_good(), "{:?}", running.rig.tally.wrong);
    running.cut(&mut machine, Caches::KeepAny);
    machine
}

/// Case B5. No start finds a journal of another loss any more, for each volume says for itself who is gone. So
/// the head is made to name somebody else.
#[test]
fn a_journal_that_names_others_as_gone_is_not_replayed() {
    let mut machine = cut_short(90, false);
    let all = [0, 1, 2, 3, 4];
    let mut heads = Vec::new();
    for disk in 0..5 {
        let bytes = content(&mut machine, disk);
        let blocks = (0u64..).zip(bytes.chunks_exact(BLOCK));
        let found = blocks.filter_map(|(at, block)| Some((disk, at, decode_head(block)?)));
        heads.extend(found.filter(|(.., (_, head))| head.gone == SlotSet::of(Slot(4))));
    }
    assert!(!heads.is_empty(), "nobody has a journal of the loss");
    let mut write = |gone: SlotSet| {
        for (disk, at, (of, head)) in &heads {
            let block = encode_head(*of, Head { gone, ..*head });
            machine.disk(*disk).write(Lba(*at), &block).unwrap();
            machine.disk(*disk).flush().unwrap();
        }
        start(&mut machine, 0, &all).map(|running| running.cut(&mut machine, Caches::KeepNothing))
    };
    for gone in [SlotSet::of(Slot(3)), [3, 4].map(Slot).into_iter().collect()] {
        let error = write(gone).expect_err("the journal of another time counts");
        let words = error.to_string();
        assert!(words.contains("the write journal was begun when slots"), "{gone:?}: {words}");
    }
    write(SlotSet::of(Slot(4))).unwrap();
}

fn content(machine: &mut Machine, disk: usize) -> Vec<u8> {
    let disk = machine.disk(disk);
    let mut bytes = vec![0; disk.shape().blocks.0 as usize * BLOCK];
    disk.read(Lba(0), &mut bytes).unwrap();
    bytes
}

#[test]
fn a_start_that_is_refused_replays_nothing() {
    let mut refused = 0;
    for ios in (60..120).step_by(6) {
        let mut machine = cut_short(ios, true);
        // One more is missing, and what it held in the rows that are owed a resync cannot be computed.
        let before: Vec<Vec<u8>> = (0..5).map(|disk| content(&mut machine, disk)).collect();
        if let Ok(running) = start(&mut machine, 0, &[1, 2, 3]) {
            running.cut(&mut machine, Caches::KeepAny);
            continue;
        }
        refused += 1;
        let after: Vec<Vec<u8>> = (0..5).map(|disk| content(&mut machine, disk)).collect();
        assert!(before == after, "{ios}: a disk was written");
    }
    assert!(refused > 0, "no start was refused");
}

/// No batch of the journal is on this disk any more.
fn without_batches(machine: &mut Machine, disk: usize) {
    let bytes = content(machine, disk);
    let head = bytes.chunks_exact(BLOCK).position(|block| decode_head(block).is_some());
    let head = head.expect("the disk holds the journal") as u64;
    for block in head + 1..head + 40 {
        machine.disk(disk).write(Lba(block), &[0; BLOCK]).unwrap();
    }
    machine.disk(disk).flush().unwrap();
}

/// The power can cut a batch off on one holder alone. A start without that disk replays the batch; if it is cut
/// short, the next start must not stop before it.
#[test]
fn a_batch_is_replayed_from_whichever_holder_has_it() {
    for ios in (60..120).step_by(6) {
        let mut machine = cut_short(ios, false);
        without_batches(&mut machine, 0);
        let mut running = start(&mut machine, 0, &[0, 1, 2, 3, 4]).unwrap();
        running.rig.adopt_all();
        good(&running.rig, &format!("{ios} I/Os"));
    }
}

/// The power cuts a batch off on one holder alone, and the other holder is away: the start writes its rows on those
/// who are here. Before a record says who was away the power goes again, and the next start is without the one that
/// had the batch.
#[test]
fn a_batch_that_was_replayed_is_on_all_whose_rows_it_has_changed() {
    for ios in (60..120).step_by(6) {
        let mut machine = cut_short(ios, false);
        without_batches(&mut machine, 0);
        let running = start(&mut machine, 0, &[1, 2, 3]).unwrap();
        running.cut(&mut machine, Caches::KeepNothing);
        let mut running = start(&mut machine, 0, &[0, 2, 3]).unwrap();
        running.rig.adopt_all();
        good(&running.rig, &format!("{ios} I/Os"));
    }
}
