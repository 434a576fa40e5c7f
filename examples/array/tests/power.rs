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
use format::Toy;
use raid_array::engine::{OpenError, Options};
use raid_array::workload::Rig;
use raid_core::array::{Geometry, Level, Place, Placement, QNumbering, Secondary};
use raid_core::metadata::FormatWriter;
use raid_core::units::{Blocks, Slot};
use raid_ddf::{Ddf, DdfProfile};
use raid_sync::{Limits, Refusal, Time};

/// DDF with the optional checkpoint in the vendor's area.
static DDF_WITH_MARKS: DdfProfile = DdfProfile::LINUX.with_checkpoints();

static FORMATS: [(&str, &dyn FormatWriter); 4] =
    [("toy", &Toy), ("ddf", &Ddf), ("ddf with marks", &DDF_WITH_MARKS), ("asr", &raid_asr::Asr)];

fn geometry(level: Level, slots: u16) -> Geometry {
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
        secondary: Secondary::None,
        sets: 1,
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
fn careful() -> Options {
    let options = options(false);
    Options { limits: Limits { checkpoint_rows: 128, ..options.limits }, ..options }
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
fn live(format: &'static dyn FormatWriter, geometry: Geometry, seed: u64, lives: &mut Lives) {
    let mut random = fastrand::Rng::with_seed(seed);
    let (id, media) = create_on(format, geometry, 1).unwrap();
    let mut rig = start_on(format, id, media, (Time(0), seed), None, careful()).unwrap();
    let mut spare = Some(usize::from(geometry.slots));
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
        let status = rig.engine.status(0);
        // Before copies agree, what was never promised may be lost with the member that held it; a
        // parity set then says that it has a write hole.
        let agree = status.operation.is_none() && status.owed_regions == 0;
        let whole = agree && (status.failed | status.rebuilding).is_empty();
        if random.u8(..2) == 0 && whole {
            let slot = Slot(random.u8(..geometry.slots as u8));
            if let Some(disk) = rig.engine.disk_at(Place { set: 0, slot }) {
                rig.backplane.faults(disk).pull();
                pulled.push(disk);
                lives.failures += 1;
                work(&mut rig, random.u64(1..200), lives);
                if random.u8(..4) > 0 {
                    // Most of the time the failure is recorded before the power goes.
                    rig.work_until(|rig| {
                        lives.ios += 1;
                        let status = rig.engine.status(0);
                        status.failed.contains(slot) && !status.unrecorded
                    });
                }
                let failed = rig.engine.status(0).failed.contains(slot);
                if failed && let Some(spare) = spare.take() {
                    rig.engine.take_spare(rig.now(), Place { set: 0, slot }, spare);
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
        let recorded = rig.engine.status(0);
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
            let started = start_on(format, id, taken, (now, seed), Some(oracle), careful());
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
    if rig.engine.scrub(rig.now(), 0, false).is_ok() {
        assert!(rig.wait_until(|rig| rig.engine.is_idle()), "seed {seed}: the scrub never ends");
        assert_eq!(rig.engine.status(0).mismatches, 0, "seed {seed}: {:?}", rig.mismatches);
    }
    assert!(rig.tally.is_good(), "seed {seed}: {:?} {:?}", rig.tally.wrong, rig.tally.errors);
    lives.bytes += rig.tally.bytes_verified;
}

fn lives_on(level: Level, slots: u16) {
    let number = |name| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let first = number("RAID_ARRAY_FIRST").unwrap_or(0);
    let count = number("RAID_ARRAY_LIVES").unwrap_or(3);
    for (name, format) in FORMATS {
        if level != Level::Raid1 && name == "asr" {
            println!("{level:?} is not written on {name}");
            continue;
        }
        let mut lives = Lives::default();
        let geometry = geometry(level, slots);
        for seed in first..first + count {
            live(format, geometry, seed, &mut lives);
        }
        println!("{level:?} of {slots} on {name}, {count} lives: {lives:?}");
        assert!(lives.cuts >= count && lives.ios > 0);
    }
}

#[test]
fn mirrors_of_two_live_through_power_cuts_on_every_format() {
    lives_on(Level::Raid1, 2);
}

#[test]
fn raid5_lives_through_power_cuts_on_every_format() {
    lives_on(Level::Raid5, 3);
}
