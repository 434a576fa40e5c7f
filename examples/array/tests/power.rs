// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine on every format that can be written: power fails again and again, at any member I/O, also
//! in the middle of a commit, of a start, of a rebuild. Caches lose any version of any block, so records of
//! several blocks are torn. What is read afterwards was promised or submitted later, and the copies agree.
//!
//! `RAID_ARRAY_LIVES` says how many lives each array lives, `RAID_ARRAY_FIRST` the seed of the first of
//! them; `cargo xtask explore` sets the former.

#[path = "toy/array.rs"]
mod array;
#[path = "toy/format.rs"]
mod format;

use array::{create_on, options, start_on};
use format::{NATIVE, TOY};
use raid_array::engine::{OpenError, Options};
use raid_array::sync_log::LogFormat;
use raid_array::workload::Rig;
use raid_core::array::{Geometry, Level, Place, Placement, QNumbering, Secondary};
use raid_core::metadata::FormatWriter;
use raid_core::units::{Blocks, Slot};
use raid_ddf::{Ddf, DdfProfile};
use raid_sync::{Limits, Refusal, Time};

/// DDF with the optional checkpoint in the vendor's area.
static DDF_WITH_MARKS: DdfProfile = DdfProfile::LINUX.with_checkpoints();

/// A format, and the part of it that keeps regions, debts and bad ranges.
#[derive(Clone, Copy)]
struct Kept {
    name: &'static str,
    format: &'static dyn FormatWriter,
    log: Option<&'static dyn LogFormat>,
}

static FORMATS: [Kept; 5] = [
    Kept { name: "toy", format: &TOY, log: None },
    Kept { name: "native", format: &NATIVE, log: Some(&NATIVE) },
    Kept { name: "ddf", format: &Ddf, log: None },
    Kept { name: "ddf with marks", format: &DDF_WITH_MARKS, log: None },
    Kept { name: "asr", format: &raid_asr::Asr, log: None },
];

fn geometry(level: Level, slots: u16, sets: u16) -> Geometry {
    let placement = match level {
        Level::Raid1 => Placement::Fixed,
        _ => Placement::NContinue,
    };
    Geometry {
        level,
        placement,
        slots,
        strip: Blocks(16),
        member_blocks: Blocks(512),
        secondary: if sets > 1 { Secondary::Striped } else { Secondary::None },
        sets,
        q_numbering: QNumbering::BySlot,
        parities: 0,
        rotate_shift: 0,
        block_size: 512,
    }
}

/// What the lives of one array have been.
#[derive(Debug, Default)]
struct Lives {
    ios: u64,
    cuts: u64,
    failures: u64,
    rebuilds: u64,
    refused: u64,
    bytes: u64,
}

/// Marks are recorded often, so that power fails between them.
fn careful(kept: Kept) -> Options {
    let options = options(false);
    let limits = Limits { checkpoint_rows: 128, ..options.limits };
    Options { limits, log: kept.log, ..options }
}

/// Lets `ios` member I/Os happen while users work.
fn work(rig: &mut Rig, ios: u64, lives: &mut Lives) {
    let mut left = ios;
    rig.work_until(|_| {
        left = left.saturating_sub(1);
        left == 0
    });
    lives.ios += ios - left;
}

/// One life: work, failures, power cuts, until nothing more may fail.
fn live(kept: Kept, geometry: Geometry, seed: u64, lives: &mut Lives) {
    let mut random = fastrand::Rng::with_seed(seed);
    let format = kept.format;
    let (id, media) = create_on(format, geometry, 1).unwrap();
    let mut rig = start_on(format, id, media, (Time(0), seed), None, careful(kept)).unwrap();
    let mut spare = Some(usize::from(geometry.slots * geometry.sets));
    let mut pulled: Vec<usize> = Vec::new();
    for round in 0..5 {
        let check = |rig: &Rig| {
            assert!(
                rig.tally.is_good(),
                "seed {seed}, round {round}: {:?} {:?}",
                rig.tally.wrong,
                rig.tally.errors
            );
        };
        work(&mut rig, random.u64(1..300), lives);
        check(&rig);
        let set = random.u16(..geometry.sets);
        let status = rig.engine.status(set);
        // Before copies agree, what was never promised may be lost with the member that held it; a
        // parity set then says that it has a write hole.
        let agree = status.operation.is_none() && status.owed_regions == 0;
        let whole = agree && (status.failed | status.rebuilding).is_empty();
        if random.u8(..2) == 0 && whole {
            let slot = Slot(random.u8(..geometry.slots as u8));
            if let Some(disk) = rig.engine.disk_at(Place { set, slot }) {
                rig.backplane.faults(disk).pull();
                pulled.push(disk);
                lives.failures += 1;
                work(&mut rig, random.u64(1..200), lives);
                if random.u8(..4) > 0 {
                    // Most of the time the failure is recorded before the power goes.
                    rig.work_until(|rig| {
                        lives.ios += 1;
                        let status = rig.engine.status(set);
                        status.failed.contains(slot) && !status.unrecorded
                    });
                }
                let failed = rig.engine.status(set).failed.contains(slot);
                if failed && let Some(spare) = spare.take() {
                    rig.engine.take_spare(rig.now(), Place { set, slot }, spare);
                    work(&mut rig, random.u64(1..1500), lives);
                    lives.rebuilds += u64::from(!rig.seated.is_empty());
                }
            }
        }
        if random.bool() {
            rig.engine.quiesce(rig.now());
            work(&mut rig, random.u64(1..20), lives);
        }
        check(&rig);
        // Power fails, and, half of the time, once more before anybody has read anything.
        let now = rig.now();
        let recorded = rig.engine.status(set);
        let (backplane, mut oracle, tally, version) = rig.cut_power();
        lives.cuts += 1;
        let mut media = backplane.cut_power().unwrap();
        // A pulled disk stays away; the slots behind it keep their order.
        pulled.sort_unstable();
        for disk in pulled.drain(..).rev() {
            drop(media.remove(disk));
            spare = spare.map(|spare| if spare > disk { spare - 1 } else { spare });
        }
        let again = random.bool();
        let mut next = None;
        for attempt in 0..=u64::from(again) {
            let seed = seed * 100 + round * 2 + attempt;
            let taken = std::mem::take(&mut media);
            let started = start_on(format, id, taken, (now, seed), Some(oracle), careful(kept));
            let mut started = match started {
                Ok(started) => started,
                // Nothing had recorded the failure yet, so rows in flight cannot be told.
                Err(OpenError::Refused { why: Refusal::DirtyAndDegraded { .. }, .. })
                    if geometry.level != Level::Raid1 =>
                {
                    lives.refused += 1;
                    // A failure that a record had named before was covered by the ledger.
                    let named = !recorded.failed.is_empty() && !recorded.unrecorded;
                    assert!(!named, "seed {seed}, round {round}: refused after {recorded:?}");
                    return;
                }
                Err(error) => panic!("seed {seed}, round {round}: {error}"),
            };
            if attempt < u64::from(again) {
                let mut left = random.u64(1..60);
                started.wait_until(|_| {
                    left -= 1;
                    lives.ios += 1;
                    left == 0
                });
                let (backplane, kept, ..) = started.cut_power();
                lives.cuts += 1;
                media = backplane.cut_power().unwrap();
                oracle = kept;
                continue;
            }
            next = Some(started);
            break;
        }
        rig = next.expect("the last attempt is kept");
        rig.carry_over(tally, version);
        rig.adopt_all();
        check(&rig);
    }
    // Left alone, all that is owed gets done; then no two copies differ.
    rig.settle();
    assert!(rig.wait_until(|rig| rig.engine.is_idle()), "seed {seed}: work is left");
    rig.verify_all();
    for set in 0..geometry.sets {
        if rig.engine.scrub(rig.now(), set, false).is_ok() {
            let ends = rig.wait_until(|rig| rig.engine.is_idle());
            assert!(ends, "seed {seed}: the scrub never ends");
            let differ = rig.engine.status(set).mismatches;
            assert_eq!(differ, 0, "seed {seed}: {:?}", rig.mismatches);
        }
    }
    assert!(rig.tally.is_good(), "seed {seed}: {:?} {:?}", rig.tally.wrong, rig.tally.errors);
    lives.bytes += rig.tally.bytes_verified;
}

fn lives_on(geometry: Geometry, few: u64) {
    let number = |name| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let first = number("RAID_ARRAY_FIRST").unwrap_or(0);
    let count = number("RAID_ARRAY_LIVES").unwrap_or(few);
    let Geometry { level, slots, sets, .. } = geometry;
    let mut written = 0;
    for kept in FORMATS {
        let name = kept.name;
        if create_on(kept.format, geometry, 1).is_none() {
            println!("{sets} x {level:?} of {slots} cannot be written on {name}");
            continue;
        }
        let mut lives = Lives::default();
        for seed in first..first + count {
            live(kept, geometry, seed, &mut lives);
        }
        println!("{sets} x {level:?} of {slots} on {name}, {count} lives: {lives:?}");
        assert!(lives.cuts >= count && lives.ios > 0);
        written += 1;
    }
    assert!(written >= 3, "{level:?} of {sets} sets: {written} formats");
}

#[test]
fn mirrors_of_two_live_through_power_cuts_on_every_format() {
    lives_on(geometry(Level::Raid1, 2, 1), 2);
}

#[test]
fn raid5_lives_through_power_cuts_on_every_format_that_has_it() {
    lives_on(geometry(Level::Raid5, 3, 1), 2);
}

#[test]
fn raid6_lives_through_power_cuts_on_every_format_that_has_it() {
    lives_on(geometry(Level::Raid6, 4, 1), 1);
}

#[test]
fn raid10_lives_through_power_cuts_on_every_format_that_has_it() {
    lives_on(geometry(Level::Raid1, 2, 2), 1);
}
