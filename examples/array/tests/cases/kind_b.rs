// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kind B: the write journal, and writes, against failures that are not on the disks yet.
//!
//! In every life here the disks that were pulled are back after the cut. `RAID_ARRAY_LIVES` multiplies
//! the lives, `RAID_ARRAY_FIRST` is the seed of the first.

use crate::harness::{
    DDF, DDF_MARKS, NATIVE_FORMAT, TOY_FORMAT, UnderTest, geometry, options, place, start,
};
use raid_array::backplane::{Backplane, Simulated, Transfer};
use raid_array::engine::{OpenError, Request};
use raid_array::member::{FaultMember, Faults, Member, MemberError, MemoryMember};
use raid_array::store::Store;
use raid_array::workload::{
    ArrayEngine, Caches, Call, Kept, Machine, Oracle, Rig, Running, Tally, look_for, write_all,
};
use raid_core::array::{Geometry, Initialisation, Level, Name};
use raid_core::metadata::{ArrayRequest, DiskShape, DiskView, Piece, Stamp};
use raid_core::units::{Blocks, Extent, Lba, Slot, SlotSet};
use raid_sync::Time;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Formats that hold parity sets. DDF with marks differs from DDF in what it says of rebuilds alone, and is
/// left to the long run.
fn formats() -> impl Iterator<Item = &'static Kept> {
    let long = std::env::var_os("RAID_ARRAY_LIVES").is_some();
    [&TOY_FORMAT, &NATIVE_FORMAT, &DDF].into_iter().chain(long.then_some(&DDF_MARKS))
}

/// Seeds of the lives of one case: `count` in an ordinary run.
fn seeds(count: u64) -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let first = number("RAID_ARRAY_FIRST").unwrap_or(1);
    first..first + count * number("RAID_ARRAY_LIVES").unwrap_or(1)
}

/// What the lives of a case came to.
#[derive(Debug, Default)]
struct Lives {
    lives: u64,
    started: u64,
    refused: u64,
    damaged: Vec<String>,
}

impl Lives {
    /// No life read anything wrong; and starts that hold were not all refused.
    #[track_caller]
    fn good(&self, what: &str) {
        println!("{what}: {} lives, {} starts, {} refused", self.lives, self.started, self.refused);
        let Self { damaged, lives, .. } = self;
        let first: Vec<_> = damaged.iter().take(3).collect();
        assert!(damaged.is_empty(), "{what}: {} of {lives} damaged: {first:#?}", damaged.len());
        assert!(self.started > 0, "{what}: no start was ever allowed");
    }
}

/// Lets `ios` member I/Os happen while users work, whatever they are told.
fn work(rig: &mut Rig<UnderTest>, ios: u64) {
    let mut left = ios;
    while left > 0 {
        rig.work_until(|_| {
            left -= 1;
            left == 0
        });
        if rig.tally.wrong_count > 0 || rig.engine.status(0).set_failed {
            break;
        }
        rig.tally.errors.clear();
    }
}

/// Lets `ios` member I/Os happen without new requests; what is written by those that the engine hands out
/// from now on: disk and block.
fn without_users(rig: &mut Rig<UnderTest>, ios: u64) -> Vec<(usize, Lba)> {
    let mut written = Vec::new();
    for _ in 0..ios {
        while let Some(io) = rig.engine.next_io() {
            if let Transfer::Write { at, .. } = io.transfer {
                written.push((io.disk, at));
            }
            rig.backplane.submit(io);
        }
        if !rig.step() {
            break;
        }
    }
    written
}

fn wait(rig: &mut Rig<UnderTest>, ios: u64) {
    let mut left = ios;
    rig.wait_until(|_| {
        left = left.saturating_sub(1);
        left == 0
    });
}

/// Users work until the loss of these slots is on the disks.
fn work_until_recorded(rig: &mut Rig<UnderTest>, slots: &[u8]) {
    for _ in 0..20_000 {
        let status = rig.engine.status(0);
        let named = slots.iter().all(|slot| status.failed.contains(Slot(*slot)));
        if named && !status.unrecorded || status.set_failed {
            break;
        }
        work(rig, 1);
    }
}

fn pull(running: &Running<UnderTest>, slot: u8) {
    if let Some(disk) = running.disk_at(place(0, slot)) {
        running.faults(disk).pull();
    }
}

/// All disks of a machine in an order that the seed chooses.
fn shuffled(machine: &Machine, random: &mut fastrand::Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..machine.disk_count()).collect();
    random.shuffle(&mut order);
    order
}

/// Starts with all disks that are named and judges what is read. What is then owed is done, and a spare
/// taken where a member is gone; the copies agree in the end. The words of a refusal.
fn judge(machine: &mut Machine, order: &[usize], what: &str, lives: &mut Lives) -> Option<String> {
    lives.lives += 1;
    let mut running = match start(machine, 0, order) {
        Ok(running) => running,
        Err(error) => {
            if matches!(&error, OpenError::Refused { why, .. } if why.yields_to_force()) {
                lives.refused += 1;
                return Some(error.to_string());
            }
            lives.damaged.push(format!("{what}: {error}"));
            return None;
        }
    };
    lives.started += 1;
    let rig = &mut running.rig;
    rig.adopt_all();
    if !rig.tally.is_good() {
        let tally = &rig.tally;
        let (count, wrong, errors) = (tally.wrong_count, tally.wrong.first(), &tally.errors);
        lives.damaged.push(format!("{what}: {count} wrong, {wrong:?} {errors:?}"));
        return None;
    }
    if !rig.wait_until(|rig| rig.engine.is_idle()) {
        lives.damaged.push(format!("{what}: work is left"));
        return None;
    }
    rig.verify_all();
    let sets = machine.volumes[0].geometry.sets;
    let mut differ = 0;
    for set in 0..sets {
        let status = rig.engine.status(set);
        if (status.failed | status.rebuilding).is_empty() {
            rig.call(Call::Scrub { set, repair: false }).unwrap();
            rig.wait_until(|rig| rig.engine.is_idle());
        }
        differ += rig.engine.status(set).mismatches;
    }
    if !rig.tally.is_good() || differ > 0 {
        let wrong = rig.tally.wrong.first();
        lives.damaged.push(format!("{what}: later {wrong:?}, {differ} rows differ"));
    }
    None
}

/// What the operator does in a set that has failed.
#[derive(Clone, Copy, Debug)]
enum Operator {
    Nothing,
    TakesASpare,
    GivesADiskBack,
    InsertsADisk,
}

/// The members of `lost` leave one after the other; all but the last are recorded. The last one takes
/// the set with it, in the middle of whatever is under way.
fn fail_the_set(
    kept: &Kept,
    (level, slots, sets): (Level, u16, u16),
    lost: &[u8],
    operator: Operator,
    seed: u64,
    lives: &mut Lives,
) {
    let mut random = fastrand::Rng::with_seed(seed);
    let shape = geometry(level, slots, sets);
    let mut machine = Machine::create(*kept, shape, 1, seed).unwrap();
    let order: Vec<usize> = (0..machine.disk_count()).collect();
    let mut running = start(&mut machine, 0, &order).unwrap();
    work(&mut running.rig, random.u64(50..400));
    let (last, first) = lost.split_last().unwrap();
    for (index, slot) in first.iter().enumerate() {
        pull(&running, *slot);
        work_until_recorded(&mut running.rig, &lost[..=index]);
        work(&mut running.rig, random.u64(1..300));
    }
    pull(&running, *last);
    for _ in 0..2000 {
        if running.rig.engine.status(0).set_failed {
            break;
        }
        work(&mut running.rig, 1);
    }
    let name = kept.name;
    let what = format!("{name} {sets} x {level:?} of {slots}, lost {lost:?}, seed {seed}");
    assert!(running.rig.engine.status(0).set_failed, "{what}: the set has not failed");
    // Another set goes on.
    let written = without_users(&mut running.rig, random.u64(0..20));
    assert!(written.is_empty() || sets > 1, "{what}: the failed set writes {written:?}");
    let spare = usize::from(slots * sets);
    if !matches!(operator, Operator::Nothing) {
        // Requests are answered before the disks are back: what a read gives after that is another case.
        running.rig.settle();
        (0..spare).for_each(|disk| running.faults(disk).plug());
    }
    let call = match operator {
        Operator::Nothing => None,
        Operator::TakesASpare => Some(Call::TakeSpare(place(0, lost[0]), spare)),
        Operator::GivesADiskBack => Some(Call::Return(place(0, lost[0]))),
        Operator::InsertsADisk => {
            let disk = running.rig.backplane.insert(Box::new(MemoryMember::new(20_000)));
            let shape = DiskShape { blocks: Blocks(20_000), block_size: 512 };
            Some(Call::Insert(disk, shape))
        }
    };
    if let Some(call) = call {
        // Refused, or without effect: what counts is what the next start reads.
        let _ = running.call(call);
        let written = without_users(&mut running.rig, random.u64(1..200));
        assert!(written.is_empty() || sets > 1, "{what}, {operator:?}: {written:?}");
    }
    if running.rig.tally.wrong_count > 0 {
        lives.damaged.push(format!("{what}: {:?}", running.rig.tally.wrong.first()));
    }
    running.cut(&mut machine, Caches::KeepAny);
    let mut order = shuffled(&machine, &mut random);
    order.retain(|disk| *disk <= spare);
    judge(&mut machine, &order, &format!("{what}, {operator:?}"), lives);
}

/// Case B1.
#[test]
fn a_set_that_has_failed_leaves_its_journal_alone() {
    use Operator::{GivesADiskBack, InsertsADisk, Nothing, TakesASpare};
    for kept in formats() {
        for operator in [Nothing, TakesASpare, GivesADiskBack, InsertsADisk] {
            let mut lives = Lives::default();
            for seed in seeds(2) {
                let raid5 = (Level::Raid5, 3, 1);
                fail_the_set(kept, raid5, &[1, 0], operator, seed, &mut lives);
                fail_the_set(kept, raid5, &[0, 2], operator, seed, &mut lives);
                let raid6 = (Level::Raid6, 5, 1);
                fail_the_set(kept, raid6, &[0, 3, 1], operator, seed, &mut lives);
                fail_the_set(kept, raid6, &[2, 1, 4], operator, seed, &mut lives);
            }
            lives.good(&format!("{}, operator: {operator:?}", kept.name));
        }
    }
}

/// Case B1.
#[test]
fn a_set_that_has_failed_leaves_its_journal_alone_while_another_set_goes_on() {
    // The native format has the log of one set only.
    for kept in formats().filter(|kept| !kept.has_regions()) {
        let mut lives = Lives::default();
        for seed in seeds(2) {
            let raid50 = (Level::Raid5, 3, 2);
            fail_the_set(kept, raid50, &[1, 0], Operator::Nothing, seed, &mut lives);
            fail_the_set(kept, raid50, &[0, 2], Operator::TakesASpare, seed, &mut lives);
            fail_the_set(kept, raid50, &[2, 0], Operator::GivesADiskBack, seed, &mut lives);
        }
        lives.good(kept.name);
    }
}

/// A second member leaves where one is recorded, and the power goes while its loss reaches the disks.
/// `first` are recorded, `then` are not.
fn cut_before_the_record(
    kept: &Kept,
    (level, slots): (Level, u16),
    (first, then): (&[u8], &[u8]),
    seed: u64,
    lives: &mut Lives,
) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut machine = Machine::create(*kept, geometry(level, slots, 1), 0, seed).unwrap();
    let order: Vec<usize> = (0..machine.disk_count()).collect();
    let mut running = start(&mut machine, 0, &order).unwrap();
    work(&mut running.rig, random.u64(50..300));
    for (index, slot) in first.iter().enumerate() {
        pull(&running, *slot);
        work_until_recorded(&mut running.rig, &first[..=index]);
        work(&mut running.rig, random.u64(1..200));
    }
    for slot in then {
        pull(&running, *slot);
        work(&mut running.rig, random.u64(0..40));
    }
    work(&mut running.rig, random.u64(1..60));
    let what = format!("{} {level:?} of {slots}, lost {first:?} then {then:?}", kept.name);
    let caches = [Caches::KeepAny, Caches::KeepAll, Caches::KeepNothing][random.usize(..3)];
    running.cut(&mut machine, caches);
    let order = shuffled(&machine, &mut random);
    judge(&mut machine, &order, &format!("{what}, {caches:?}, seed {seed}"), lives);
}

/// Case B2.
#[test]
fn a_row_waits_until_the_loss_of_a_member_is_on_the_disks() {
    for kept in formats() {
        let mut lives = Lives::default();
        for seed in seeds(3) {
            let raid6 = (Level::Raid6, 5);
            for lost in [([1], [3]), ([0], [1]), ([4], [0]), ([2], [4])] {
                cut_before_the_record(kept, raid6, (&lost.0, &lost.1), seed, &mut lives);
            }
            cut_before_the_record(kept, raid6, (&[], &[2, 0]), seed, &mut lives);
            cut_before_the_record(kept, raid6, (&[], &[1, 4]), seed, &mut lives);
            cut_before_the_record(kept, (Level::Raid5, 3), (&[], &[1]), seed, &mut lives);
            cut_before_the_record(kept, (Level::Raid5, 4), (&[], &[0]), seed, &mut lives);
        }
        lives.good(kept.name);
        assert_eq!(lives.refused, 0, "{}: a journal was not used", kept.name);
    }
}

/// Case B4.
#[test]
fn a_flush_that_fails_stops_the_new_epoch_until_it_is_recorded() {
    for kept in formats() {
        let mut lives = Lives::default();
        for seed in seeds(4) {
            for (lost, bad) in [(1u8, 3u8), (0, 1), (4, 2)] {
                let mut random = fastrand::Rng::with_seed(seed);
                let shape = geometry(Level::Raid6, 5, 1);
                let mut machine = Machine::create(*kept, shape, 0, seed).unwrap();
                let mut running = start(&mut machine, 0, &[0, 1, 2, 3, 4]).unwrap();
                work(&mut running.rig, random.u64(50..300));
                pull(&running, lost);
                let disk = running.disk_at(place(0, bad)).unwrap();
                running.faults(disk).fail_flushes(100);
                work(&mut running.rig, random.u64(20..140));
                running
                    .cut(&mut machine, [Caches::KeepAny, Caches::KeepNothing][random.usize(..2)]);
                let order = shuffled(&machine, &mut random);
                let what = format!("{}: {lost} lost, {bad} not flushed, seed {seed}", kept.name);
                judge(&mut machine, &order, &what, &mut lives);
            }
        }
        lives.good(kept.name);
        assert_eq!(lives.refused, 0, "{}: a journal was not used", kept.name);
    }
}

/// A spare takes the place of a lost member, and is filled; the power goes at any moment of it. The disk that
/// it replaced is back as well.
fn cut_around_a_spare(
    kept: &Kept,
    (level, slots): (Level, u16),
    (lost, then): (u8, Option<u8>),
    seed: u64,
    lives: &mut Lives,
) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut machine = Machine::create(*kept, geometry(level, slots, 1), 1, seed).unwrap();
    let order: Vec<usize> = (0..machine.disk_count()).collect();
    let mut running = start(&mut machine, 0, &order).unwrap();
    work(&mut running.rig, random.u64(50..200));
    pull(&running, lost);
    work_until_recorded(&mut running.rig, &[lost]);
    work(&mut running.rig, random.u64(1..200));
    running.call(Call::TakeSpare(place(0, lost), usize::from(slots))).unwrap();
    let whole = random.bool();
    if whole {
        running.rig.work_until(|rig| {
            let status = rig.engine.status(0);
            (status.failed | status.rebuilding).is_empty()
        });
        work(&mut running.rig, random.u64(1..300));
    } else {
        work(&mut running.rig, random.u64(1..500));
    }
    if let Some(then) = then {
        pull(&running, then);
        work(&mut running.rig, random.u64(1..100));
    }
    let what = format!("{} {level:?} of {slots}, lost {lost} then {then:?}", kept.name);
    let caches = [Caches::KeepAny, Caches::KeepNothing][random.usize(..2)];
    running.cut(&mut machine, caches);
    let order = shuffled(&machine, &mut random);
    judge(&mut machine, &order, &format!("{what}, whole: {whole}, seed {seed}"), lives);
}

/// Cases B1, B2.
#[test]
fn what_the_journal_held_before_a_spare_came_is_never_put_over_what_was_written_since() {
    for kept in formats() {
        let mut lives = Lives::default();
        for seed in seeds(3) {
            cut_around_a_spare(kept, (Level::Raid5, 3), (1, None), seed, &mut lives);
            cut_around_a_spare(kept, (Level::Raid5, 4), (0, None), seed, &mut lives);
            cut_around_a_spare(kept, (Level::Raid6, 5), (3, None), seed, &mut lives);
            cut_around_a_spare(kept, (Level::Raid6, 5), (1, Some(4)), seed, &mut lives);
            cut_around_a_spare(kept, (Level::Raid6, 4), (2, Some(0)), seed, &mut lives);
        }
        lives.good(kept.name);
        assert_eq!(lives.refused, 0, "{}: a journal was not used", kept.name);
    }
}

/// Case C9.
#[test]
fn a_start_without_one_more_member_names_it_before_a_new_epoch() {
    for kept in formats() {
        let mut lives = Lives::default();
        for seed in seeds(6) {
            for (lost, absent) in [(0usize, 1usize), (2, 0), (3, 1)] {
                let mut random = fastrand::Rng::with_seed(seed);
                let shape = geometry(Level::Raid6, 4, 1);
                let mut machine = Machine::create(*kept, shape, 0, seed).unwrap();
                let mut running = start(&mut machine, 0, &[0, 1, 2, 3]).unwrap();
                work(&mut running.rig, random.u64(50..200));
                pull(&running, lost as u8);
                work_until_recorded(&mut running.rig, &[lost as u8]);
                work(&mut running.rig, random.u64(20..200));
                running.cut(&mut machine, Caches::KeepAny);
                let here: Vec<usize> = (0..4).filter(|disk| *disk != absent).collect();
                let mut running = start(&mut machine, 0, &here).unwrap();
                wait(&mut running.rig, random.u64(5..70));
                running.cut(&mut machine, Caches::KeepAny);
                let mut order = shuffled(&machine, &mut random);
                if random.bool() {
                    order.retain(|disk| *disk != lost);
                }
                let what = format!("{}: {lost} lost, {absent} absent, seed {seed}", kept.name);
                judge(&mut machine, &order, &what, &mut lives);
            }
        }
        lives.good(kept.name);
        assert_eq!(lives.refused, 0, "{}: a journal was not used", kept.name);
    }
}

/// Where the format leaves room on a disk for what the engine keeps.
fn workspace(machine: &mut Machine, disk: usize) -> Extent {
    let format = machine.kept().format;
    let discovery = machine.discover(&[disk]);
    let found = &discovery.disks[0];
    let pieces = &found.claims[0].pieces;
    let pieces: Vec<Piece<'_>> =
        pieces.iter().map(|piece| Piece { at: piece.at, bytes: &piece.bytes }).collect();
    format.workspace(&DiskView { shape: found.shape, pieces: &pieces }).unwrap()
}

/// Another disk with the same content, on which some blocks cannot be read. Its number.
fn with_unreadable(machine: &mut Machine, disk: usize, bad: &[Lba]) -> usize {
    let shape = machine.disk(disk).shape();
    let mut copy = MemoryMember::new(shape.blocks.0);
    let mut bytes = vec![0; 2048 * 512];
    for at in (0..shape.blocks.0).step_by(2048) {
        let len = (shape.blocks.0 - at).min(2048) as usize * 512;
        machine.disk(disk).read(Lba(at), &mut bytes[..len]).unwrap();
        copy.write(Lba(at), &bytes[..len]).unwrap();
    }
    let faults = Faults::default();
    bad.iter().for_each(|at| faults.make_unreadable(*at));
    machine.add_disk(Box::new(FaultMember::new(Box::new(copy), faults)))
}

/// A block in the first of a workspace that is not zero.
fn written_block(machine: &mut Machine, disk: usize, random: &mut fastrand::Rng) -> Option<Lba> {
    let space = workspace(machine, disk);
    let len = space.len.0.min(400);
    let mut bytes = vec![0; len as usize * 512];
    machine.disk(disk).read(space.start, &mut bytes).unwrap();
    let written: Vec<u64> = (0..len)
        .filter(|at| bytes[*at as usize * 512..][..512].iter().any(|byte| *byte != 0))
        .collect();
    random.choice(&written).map(|at| Lba(space.start.0 + at))
}

/// Case B5.
#[test]
fn a_journal_covers_a_set_only_if_a_copy_of_it_was_read_to_its_end() {
    let mut named = 0;
    for kept in formats() {
        for (level, slots, lost) in
            [(Level::Raid5, 3, 0), (Level::Raid5, 4, 2), (Level::Raid6, 5, 1)]
        {
            let mut lives = Lives::default();
            for seed in seeds(5) {
                let mut random = fastrand::Rng::with_seed(seed);
                let shape = geometry(level, slots, 1);
                let mut machine = Machine::create(*kept, shape, 0, seed).unwrap();
                let mut order: Vec<usize> = (0..machine.disk_count()).collect();
                let mut running = start(&mut machine, 0, &order).unwrap();
                work(&mut running.rig, random.u64(50..200));
                pull(&running, lost);
                work_until_recorded(&mut running.rig, &[lost]);
                work(&mut running.rig, random.u64(1..200));
                running.cut(&mut machine, Caches::KeepAny);
                // Where there are two copies, each has a bad block of its own.
                let mut bad = Vec::new();
                let only = (level == Level::Raid5).then(|| {
                    (usize::from(lost) + random.usize(1..usize::from(slots))) % usize::from(slots)
                });
                let others = order.iter_mut().filter(|disk| **disk != usize::from(lost));
                for disk in others.filter(|disk| only.is_none_or(|only| only == **disk)) {
                    let block = written_block(&mut machine, *disk, &mut random);
                    let Some(block) = block.filter(|block| !bad.contains(block)) else { continue };
                    bad.push(block);
                    *disk = with_unreadable(&mut machine, *disk, &[block]);
                }
                random.shuffle(&mut order);
                let what = format!("{} {level:?} of {slots}, seed {seed}", kept.name);
                let words = judge(&mut machine, &order, &what, &mut lives);
                if let Some(words) = words {
                    let told = bad.iter().any(|at| words.contains(&format!("block {}:", at.0)));
                    assert!(told && words.contains("; disk "), "{bad:?}: {words}");
                    named += 1;
                }
            }
            lives.good(&format!("{} {level:?} of {slots}", kept.name));
            // Both copies are bad somewhere, and no block in both.
            assert!(level != Level::Raid6 || lives.refused == 0, "{}: refused", kept.name);
        }
    }
    assert!(named > 0, "choose other seeds: nothing was refused");
}

/// Case B6.
#[test]
fn a_row_larger_than_the_journal_is_written_in_parts() {
    for (level, lost) in [(Level::Raid5, 3), (Level::Raid6, 0)] {
        let mut lives = Lives::default();
        for seed in seeds(3) {
            let mut random = fastrand::Rng::with_seed(seed);
            // A row of 9 x 512 KiB; the toy format leaves 2 MiB.
            let (strip, member_blocks) = (Blocks(1024), Blocks(2048));
            let shape = Geometry { strip, member_blocks, ..geometry(level, 9, 1) };
            let mut machine = Machine::create(TOY_FORMAT, shape, 0, seed).unwrap();
            let order: Vec<usize> = (0..9).collect();
            let mut running = start(&mut machine, 0, &order).unwrap();
            work(&mut running.rig, 100);
            pull(&running, lost);
            work_until_recorded(&mut running.rig, &[lost]);
            running.rig.settle();
            let rig = &mut running.rig;
            let len = if level == Level::Raid5 { 8 * 1024 } else { 7 * 1024 };
            for version in [1 << 40, 2 << 40] {
                let bytes = rig.oracle.submit_write(len, len, version);
                rig.engine.submit(rig.now(), Request::Write { at: len, bytes, durable: true });
                // The second one is cut off somewhere.
                let mut left = if version == 1 << 40 { 4000 } else { random.u32(1..120) };
                rig.wait_until(|rig| {
                    left -= 1;
                    rig.engine.is_idle() || left == 0
                });
                if version == 1 << 40 {
                    assert!(rig.engine.is_idle(), "seed {seed}: never done");
                    rig.oracle.acknowledge_write(len, len, version, true);
                    rig.verify_all();
                    assert!(rig.tally.is_good(), "{:?}", rig.tally.wrong);
                }
            }
            running.cut(&mut machine, Caches::KeepAny);
            let order = shuffled(&machine, &mut random);
            judge(&mut machine, &order, &format!("{level:?}, seed {seed}"), &mut lives);
        }
        lives.good(&format!("{level:?}"));
        assert_eq!(lives.refused, 0);
    }
}

/// A disk of which only what was written is kept, and that counts what is read.
#[derive(Debug)]
struct Sparse {
    blocks: BTreeMap<u64, Vec<u8>>,
    read: Arc<AtomicU64>,
}

/// 2 TiB.
const HUGE: DiskShape = DiskShape { blocks: Blocks(1 << 32), block_size: 512 };

impl Member for Sparse {
    fn shape(&self) -> DiskShape {
        HUGE
    }

    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), MemberError> {
        self.read.fetch_add(into.len() as u64, Ordering::Relaxed);
        for (block, chunk) in (at.0..).zip(into.chunks_exact_mut(512)) {
            match self.blocks.get(&block) {
                Some(bytes) => chunk.copy_from_slice(bytes),
                None => chunk.fill(0),
            }
        }
        Ok(())
    }

    fn write(&mut self, at: Lba, bytes: &[u8]) -> Result<(), MemberError> {
        let blocks = (at.0..).zip(bytes.chunks_exact(512).map(<[u8]>::to_vec));
        self.blocks.extend(blocks);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), MemberError> {
        Ok(())
    }
}

/// Makes all headers of a DDF disk say that the workspace has 1 TiB.
fn claim_a_terabyte(medium: &mut dyn Member, start: u64) {
    let mut anchor = [0; 512];
    medium.read(Lba(HUGE.blocks.0 - 1), &mut anchor).unwrap();
    let address = |at: usize| u64::from_be_bytes(anchor[at..at + 8].try_into().unwrap());
    for at in [HUGE.blocks.0 - 1, address(96), address(104)] {
        let mut header = [0; 512];
        medium.read(Lba(at), &mut header).unwrap();
        if header[..4] != anchor[..4] {
            continue;
        }
        header[116..120].copy_from_slice(&(1u32 << 31).to_be_bytes());
        header[120..128].copy_from_slice(&start.to_be_bytes());
        header[4..8].fill(0xFF);
        let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&header);
        header[4..8].copy_from_slice(&crc.to_be_bytes());
        medium.write(Lba(at), &header).unwrap();
    }
}

/// Case B7.
#[test]
fn a_workspace_of_a_terabyte_is_read_as_far_as_it_is_needed() {
    let format = DDF.format;
    let shape = geometry(Level::Raid5, 3, 1);
    let mut store = Store::for_new_disks(format, &[HUGE; 3]);
    let stamp = |random| Stamp { unix_seconds: 0, random };
    let id = store
        .edit(|disks| {
            format.initialise(disks, stamp(1))?;
            let request = ArrayRequest {
                initialisation: Initialisation::Full,
                ..ArrayRequest::new(Name::new(b"v"), shape, &[Some(0), Some(1), Some(2)])
            };
            format.create_array(disks, &request, stamp(2))
        })
        .unwrap();
    let read = Arc::new(AtomicU64::new(0));
    let media = (0..3).map(|_| -> Box<dyn Member> {
        Box::new(Sparse { blocks: BTreeMap::new(), read: read.clone() })
    });
    let mut backplane = Simulated::new(media.collect(), 1, Time(0));
    write_all(format, &mut store, &mut backplane);
    let mut media = backplane.cut_power().unwrap();
    let mut failed = SlotSet::EMPTY;
    let mut before = None;
    // The second claim lies over the members, which begin at block 0.
    for start in [1 << 20, 1 << 20, 0] {
        media.iter_mut().for_each(|medium| claim_a_terabyte(&mut **medium, start));
        let (discovery, found) = look_for(format, media);
        let mut backplane = Simulated::new(found, 2, Time(0));
        read.store(0, Ordering::Relaxed);
        let opened = UnderTest::open(format, &discovery, id, &mut backplane, options());
        let bytes = read.load(Ordering::Relaxed);
        assert!(bytes < 1 << 20, "{bytes} bytes were read at the start");
        let engine = opened.unwrap();
        let (oracle, version) = before.unwrap_or_else(|| (Oracle::new(9, engine.blocks()), 1));
        let mut rig = Rig::new(backplane, engine, oracle, 3, 4);
        rig.carry_over(Tally::default(), version);
        rig.adopt_all();
        if failed.is_empty() {
            failed = SlotSet::of(Slot(1));
            rig.backplane.faults(1).pull();
        }
        work(&mut rig, 300);
        rig.settle();
        rig.verify_all();
        rig.call(Call::Stop).unwrap();
        assert!(rig.wait_until(|rig| rig.engine.is_idle()));
        assert!(rig.tally.is_good(), "{:?} {:?}", rig.tally.wrong, rig.tally.errors);
        assert_eq!(rig.engine.status(0).failed, failed);
        let (backplane, oracle, _, version) = rig.cut_power();
        before = Some((oracle, version));
        media = backplane.cut_power_keeping(|versions| versions.checked_sub(1)).unwrap();
    }
}
