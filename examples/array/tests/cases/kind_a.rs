// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kind A: an error of one block is charged to a run, a window, a piece, a disk, a set.

use crate::harness::{
    ASR, DDF, DDF_MARKS, NATIVE_FORMAT, TOY_FORMAT, UnderTest, geometry, good, lives, options,
    place, start, starts, whole, work,
};
use raid_array::engine::Request;
use raid_array::member::Member;
use raid_array::workload::{ArrayEngine, Caches, Call, Kept, Machine, Rig, Running};
use raid_core::array::Level;
use raid_core::layout::{Layout, Role};
use raid_core::units::{Extent, Lba, Rows, Slot, SlotSet};
use raid_sync::{Limits, Notice};

/// Blocks of a strip of the arrays below.
const STRIP: u64 = 16;

/// Formats that keep no bad ranges.
static WITHOUT_RANGES: [&Kept; 4] = [&TOY_FORMAT, &DDF, &DDF_MARKS, &ASR];

fn fast() -> Limits {
    Limits { min_rate: u64::MAX, ..options().limits }
}

/// An array that was written everywhere, is idle, and whose redundancy agrees.
fn written(machine: &mut Machine, disks: &[usize]) -> Running<UnderTest> {
    let mut running = start(machine, 0, disks).unwrap();
    running.call(Call::Limit(fast())).unwrap();
    let sectors = running.rig.oracle.sectors();
    for at in (0..sectors).step_by(256) {
        running.rig.write(Extent::new(at, 256.min(sectors - at)));
        running.rig.settle();
    }
    running.rig.flush();
    assert!(running.rig.wait_until(|rig| rig.engine.is_idle()));
    good(&running.rig, "written");
    running
}

fn block(rig: &mut Rig<UnderTest>, disk: usize, row: u64) -> [u8; 512] {
    let mut bytes = [0; 512];
    rig.backplane.member(disk).read(Lba(row), &mut bytes).unwrap();
    bytes
}

/// Of every block of a member, in rows of some strip, one bit is flipped.
fn spoil(rig: &mut Rig<UnderTest>, disk: usize, rows: std::ops::Range<u64>) {
    for row in rows {
        let mut bytes = block(rig, disk, row);
        bytes[100] ^= 4;
        rig.backplane.member(disk).corrupt(Lba(row), &bytes).unwrap();
    }
}

fn scrub(running: &mut Running<UnderTest>, repair: bool) -> Vec<(Rows, SlotSet, bool)> {
    running.rig.mismatches.clear();
    running.call(Call::Scrub { set: 0, repair }).unwrap();
    assert!(running.rig.wait_until(|rig| rig.engine.is_idle()));
    let found = std::mem::take(&mut running.rig.mismatches);
    found.into_iter().map(|found| (found.rows, found.culprits, found.repaired)).collect()
}

/// What a request that cannot be served says, where anything is said at all.
fn in_words(rig: &Rig<UnderTest>) {
    for error in &rig.tally.errors {
        assert!(error.contains("set 0 has failed, slots missing"), "{error}");
    }
    assert_eq!(rig.tally.wrong_count, 0, "{:?}", rig.tally.wrong);
}

/// Cases A1, A7. The engine of today gives up a member for a block. It does so safely: no wrong byte is
/// read, who is refused learns it in words, and the next start has all data.
#[test]
fn two_unreadable_blocks_of_two_members_cost_requests_and_never_data() {
    for kept in WITHOUT_RANGES {
        for (scrubbed, [first, second]) in [(true, [100, 400]), (false, [100, 101])] {
            let Ok(mut machine) = Machine::create(*kept, geometry(Level::Raid5, 4, 1), 0, 3) else {
                continue;
            };
            let mut running = written(&mut machine, &starts(4, 0));
            running.faults(0).make_unreadable(Lba(first));
            running.faults(1).make_unreadable(Lba(second));
            if scrubbed {
                running.call(Call::Scrub { set: 0, repair: false }).unwrap();
            }
            running.rig.verify_all();
            in_words(&running.rig);
            assert!(running.rig.engine.status(0).set_failed, "{}", kept.name);
            assert_eq!(running.rig.waiting(), 0, "{}", kept.name);
            running.cut(&mut machine, Caches::KeepNothing);
            // The disks can be read again.
            match start(&mut machine, 0, &starts(4, 0)) {
                Ok(mut running) => {
                    running.rig.adopt_all();
                    good(&running.rig, kept.name);
                }
                Err(why) => assert!(why.to_string().len() > 30, "{}: {why}", kept.name),
            }
        }
    }
}

/// A RAID-5 of 3 whose first member was filled anew while a row of the second could not be read.
fn filled_beside_a_bad_block(row: u64) -> Running<UnderTest> {
    let shape = geometry(Level::Raid5, 3, 1);
    let mut machine = Machine::create(NATIVE_FORMAT, shape, 1, 3).unwrap();
    let mut running = written(&mut machine, &starts(3, 1));
    running.call(Call::Fail(place(0, 0))).unwrap();
    running.rig.settle();
    running.faults(1).make_unreadable(Lba(row));
    running.call(Call::TakeSpare(place(0, 0), 3)).unwrap();
    assert!(running.rig.wait_until(|rig| whole(&rig.engine.status(0))));
    assert_eq!(running.rig.engine.status(0).bad_ranges, 1);
    running
}

/// Case A3.
#[test]
fn a_row_that_was_not_filled_is_not_believed_after_a_write_to_another_member_of_it() {
    let layout = Layout::new(&geometry(Level::Raid5, 3, 1)).unwrap();
    for row in [50, 120, 201] {
        let mut running = filled_beside_a_bad_block(row);
        // The block can be read again, and is written alone: the first member is not written.
        running.faults(1).make_readable(Lba(row));
        let name = format!("row {row}");
        if let Role::Data(block) = layout.role(Slot(1), row) {
            let sector = layout.array_block(0, block).unwrap();
            running.rig.write(Extent::new(sector, 1));
        }
        running.rig.flush();
        assert!(running.rig.wait_until(|rig| rig.engine.is_idle()));
        running.rig.verify_in(1);
        good(&running.rig, &name);
        // The first member's own block is written: now it holds it.
        if let Role::Data(block) = layout.role(Slot(0), row) {
            let sector = layout.array_block(0, block).unwrap();
            running.rig.write(Extent::new(sector, 1));
            running.rig.flush();
            assert!(running.rig.wait_until(|rig| rig.engine.is_idle()));
            assert_eq!(running.rig.engine.status(0).bad_ranges, 0, "{name}");
        }
        running.rig.verify_in(1);
        good(&running.rig, &name);
    }
}

/// Cases A1, A3.
#[test]
fn a_row_that_no_member_gives_costs_its_target_that_row_and_not_its_strip() {
    let mut running = filled_beside_a_bad_block(57);
    // Without the third member a row is there only where the other two have it.
    running.call(Call::Fail(place(0, 2))).unwrap();
    running.rig.verify_in(1);
    assert_eq!(running.rig.tally.wrong_count, 0, "{:?}", running.rig.tally.wrong);
    assert!(running.rig.tally.errors.len() <= 2, "{:?}", running.rig.tally.errors);
    assert!(!running.rig.engine.status(0).set_failed);
}

/// Case A7.
#[test]
fn one_request_over_bad_blocks_of_every_member_is_served_where_each_row_can_be() {
    for (level, slots) in
        [(Level::Raid1, 2), (Level::Raid1, 3), (Level::Raid5, 4), (Level::Raid6, 5)]
    {
        for seed in 0..lives(4) {
            let shape = geometry(level, slots, 1);
            let mut machine = Machine::create(NATIVE_FORMAT, shape, 0, seed).unwrap();
            let mut running = written(&mut machine, &starts(slots, 0));
            let mut random = fastrand::Rng::with_seed(seed);
            // Of each row one member at most has a bad block.
            for row in (random.u64(..4)..512).step_by(random.usize(1..40)) {
                let disk = random.usize(..usize::from(slots));
                running.faults(disk).make_unreadable(Lba(row));
            }
            for len in [2048, 64, 1] {
                running.rig.verify_in(len);
                good(&running.rig, &format!("{level:?} seed {seed}, reads of {len}"));
            }
            work(&mut running.rig, 300);
            running.rig.settle();
            running.rig.verify_all();
            good(&running.rig, &format!("{level:?} seed {seed}"));
            assert_eq!(running.rig.engine.status(0).failed, SlotSet::EMPTY, "{level:?}");
        }
    }
}

/// Case A2. On the last copy a bad block may take the set down until the next start; what is refused says
/// so, nothing wrong is read, and then everything is there again.
#[test]
fn an_unreadable_block_of_the_last_copy_is_refused_in_words() {
    let all = [&TOY_FORMAT, &DDF, &DDF_MARKS, &ASR, &NATIVE_FORMAT];
    for kept in all {
        let mut machine = Machine::create(*kept, geometry(Level::Raid1, 2, 1), 0, 3).unwrap();
        let mut running = written(&mut machine, &[0, 1]);
        running.call(Call::Fail(place(0, 1))).unwrap();
        running.rig.write(Extent::new(0, 8));
        running.rig.flush();
        good(&running.rig, kept.name);
        running.faults(0).make_unreadable(Lba(77));
        let why = running.rig.ask(Request::Read(Extent::new(77, 1))).unwrap_err().to_string();
        assert!(why.contains("set 0"), "{}: {why}", kept.name);
        running.rig.verify_in(64);
        in_words(&running.rig);
        if !running.rig.engine.status(0).set_failed {
            // Only what needs the block is refused, and a write of it heals it.
            assert_eq!(running.rig.tally.errors.len(), 1, "{}", kept.name);
            running.rig.write(Extent::new(77, 1));
            running.rig.settle();
            running.rig.tally.errors.clear();
            running.rig.verify_all();
            good(&running.rig, kept.name);
        }
        running.rig.tally.errors.clear();
        running.cut(&mut machine, Caches::KeepNothing);
        let mut running = start(&mut machine, 0, &[0, 1]).unwrap();
        running.rig.adopt_all();
        good(&running.rig, kept.name);
    }
}

/// Case A3.
#[test]
fn a_rebuild_asks_every_source_for_each_row_before_it_gives_one_up() {
    for seed in 0..lives(6) {
        let mut random = fastrand::Rng::with_seed(seed);
        for (level, slots) in [(Level::Raid1, 3), (Level::Raid6, 5)] {
            let shape = geometry(level, slots, 1);
            let mut machine = Machine::create(NATIVE_FORMAT, shape, 1, seed).unwrap();
            let mut running = written(&mut machine, &starts(slots, 1));
            let target = place(0, 2);
            running.call(Call::Fail(target)).unwrap();
            running.rig.flush();
            let first = random.u64(..400);
            for (row, disk) in [(first, 0), (first + random.u64(2..100), 1), (first + 1, 0)] {
                running.faults(disk).make_unreadable(Lba(row));
            }
            running.call(Call::TakeSpare(target, usize::from(slots))).unwrap();
            assert!(running.rig.wait_until(|rig| whole(&rig.engine.status(0))));
            let name = format!("{level:?} seed {seed}");
            assert_eq!(running.rig.engine.status(0).bad_ranges, 0, "{name}");
            running.rig.flush();
            good(&running.rig, &name);
            // What the spare holds is all that is left of it.
            running.call(Call::Fail(place(0, 0))).unwrap();
            running.call(Call::Fail(place(0, 1))).unwrap();
            running.rig.verify_all();
            good(&running.rig, &name);
        }
    }
}

/// A RAID-6 of 6 on a format with bad ranges: a row of strips, the member with P and one with data in it.
struct Raid6 {
    running: Running<UnderTest>,
    rows: std::ops::Range<u64>,
    parity: usize,
    other_parity: usize,
    data: usize,
    others: Vec<usize>,
}

fn raid6(seed: u64) -> Raid6 {
    let mut machine =
        Machine::create(NATIVE_FORMAT, geometry(Level::Raid6, 6, 1), 0, seed).unwrap();
    let running = written(&mut machine, &starts(6, 0));
    let layout = raid_core::layout::Layout::new(&geometry(Level::Raid6, 6, 1)).unwrap();
    let mut random = fastrand::Rng::with_seed(seed);
    let start = random.u64(..512 / STRIP) * STRIP;
    let row = layout.row_map(start / STRIP).unwrap();
    let [parity, other_parity] = [0, 1].map(|index| row.parity_slot(index).unwrap().index());
    let mut others: Vec<usize> =
        (0..6).filter(|slot| *slot != parity && *slot != other_parity).collect();
    let data = others.remove(random.usize(..others.len()));
    Raid6 { running, rows: start..start + STRIP, parity, other_parity, data, others }
}

/// Case A4.
#[test]
fn a_repair_locates_wrong_parity_beside_rows_in_which_a_block_cannot_be_read() {
    for seed in 0..lives(6) {
        let Raid6 { mut running, rows, parity, other_parity, data, others } = raid6(seed);
        let half = rows.start + STRIP / 2;
        for row in rows.start..half {
            running.faults(data).make_unreadable(Lba(row));
        }
        let [was, q]: [Vec<_>; 2] = [parity, other_parity]
            .map(|disk| rows.clone().map(|row| block(&mut running.rig, disk, row)).collect());
        spoil(&mut running.rig, parity, half..rows.end);
        let found = scrub(&mut running, true);
        let wrong = Rows::new(half, rows.end - half);
        let culprit = SlotSet::of(Slot(parity as u8));
        assert_eq!(found, [(wrong, culprit, true)], "seed {seed}");
        for (index, row) in rows.clone().enumerate() {
            assert_eq!(block(&mut running.rig, parity, row), was[index], "seed {seed}, P of {row}");
            let found = block(&mut running.rig, other_parity, row);
            assert_eq!(found, q[index], "seed {seed}, Q of {row}");
        }
        // Without the member that was hard to read, and another one, parity has to tell all.
        running.call(Call::Fail(place(0, data as u8))).unwrap();
        running.call(Call::Fail(place(0, others[0] as u8))).unwrap();
        running.rig.verify_all();
        good(&running.rig, &format!("seed {seed}"));
    }
}

/// Case A5.
#[test]
fn a_row_with_an_unreadable_block_and_wrong_parity_is_reported_and_left_as_it_is() {
    for seed in 0..lives(6) {
        let Raid6 { mut running, rows, parity, other_parity, data, .. } = raid6(seed);
        let row = rows.start + 3;
        let wrong = if seed % 2 == 0 { parity } else { other_parity };
        running.faults(data).make_unreadable(Lba(row));
        spoil(&mut running.rig, wrong, row..row + 1);
        let read = |rig: &mut Rig<UnderTest>| -> Vec<[u8; 512]> {
            (0..6).filter(|disk| *disk != data).map(|disk| block(rig, disk, row)).collect()
        };
        let before = read(&mut running.rig);
        let found = scrub(&mut running, true);
        assert_eq!(found, [(Rows::new(row, 1), SlotSet::EMPTY, false)], "seed {seed}");
        // Nor does the sync engine say so.
        let told = running.rig.notices.drain(..).find_map(|(_, notice)| match notice {
            Notice::Mismatch { differing, repaired, .. } => Some((differing, repaired)),
            _ => None,
        });
        assert_eq!(told, Some((1, 0)), "seed {seed}");
        assert_eq!(read(&mut running.rig), before, "seed {seed}: the row was changed");
        // Once the block can be read again everything is proven.
        let disk = running.rig.backplane.faults(data);
        disk.make_readable(Lba(row));
        let found = scrub(&mut running, true);
        let culprit = SlotSet::of(Slot(wrong as u8));
        assert_eq!(found, [(Rows::new(row, 1), culprit, true)], "seed {seed}");
        running.rig.verify_all();
        good(&running.rig, &format!("seed {seed}"));
    }
}

/// Found by the lives: a request over several strips met the edge of a bad range, and was given the
/// bytes of other sectors, or the engine panicked.
#[test]
fn a_request_over_several_strips_beside_a_bad_range_is_cut_strip_by_strip() {
    for (level, slots) in [(Level::Raid5, 3), (Level::Raid5, 4), (Level::Raid6, 4)] {
        let shape = geometry(level, slots, 1);
        let lost = if level == Level::Raid6 { 2 } else { 1 };
        for seed in 0..lives(2) {
            let mut machine = Machine::create(NATIVE_FORMAT, shape, 2, seed).unwrap();
            let mut running = start(&mut machine, 0, &starts(slots, 2)).unwrap();
            work(&mut running.rig, 300);
            running.rig.flush();
            good(&running.rig, "before the failures");
            for slot in 0..lost {
                running.call(Call::Fail(place(0, slot))).unwrap();
            }
            let spare = running.index(usize::from(slots));
            running.rig.wait_until(|rig| !rig.engine.status(0).unrecorded);
            running.faults(usize::from(slots) - 1).make_unreadable(Lba(50));
            running.call(Call::TakeSpare(place(0, 0), spare)).unwrap();
            running.rig.wait_until(|rig| rig.engine.is_idle());
            // Writes heal parts of the strips that could not be filled: the range has edges inside a strip.
            let row = 3 * u64::from(slots - if level == Level::Raid6 { 2 } else { 1 }) * STRIP;
            for at in (row..2 * row).step_by(8) {
                running.rig.write(Extent::new(at, 4));
                running.rig.settle();
            }
            for len in [1, 24, 40, 64] {
                running.rig.verify_in(len);
                let wrong = &running.rig.tally.wrong;
                assert!(wrong.is_empty(), "{level:?} of {slots}, seed {seed}: {wrong:?}");
            }
        }
    }
}
