// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine on every format that can be written: power fails again and again, at any member I/O, also
//! in the middle of a commit, of a start, of a rebuild. Caches lose any version of any block, so records of
//! several blocks are torn. Members die while the array is whole, during a rebuild (the disk that is being
//! filled, or another one where the level can spare it), and during a resync. What is read afterwards was
//! promised or submitted later, and the copies agree; only rows that the array calls at risk are excused.
//!
//! `RAID_ARRAY_LIVES` says how many lives each array lives, `RAID_ARRAY_FIRST` the seed of the first of
//! them; `cargo xtask explore` sets the former.

#[path = "toy/array.rs"]
mod array;
#[path = "toy/format.rs"]
mod format;

use array::{create_on, look_for, options, start_on};
use format::{NATIVE, TOY};
use raid_array::backplane::Simulated;
use raid_array::engine::{Engine, OpenError, Options};
use raid_array::member::Member;
use raid_array::sync_log::LogFormat;
use raid_array::trust::Accept;
use raid_array::workload::{ArrayEngine, Oracle, Rig};
use raid_core::array::{ArrayId, Geometry, Level, Place, Placement, QNumbering, Secondary};
use raid_core::metadata::{FormatWriter, Operation};
use raid_core::units::{Blocks, Slot};
use raid_ddf::{Ddf, DdfProfile};
use raid_sync::{Limits, Refusal, Status, Time};

/// Spares that a life begins with.
const SPARES: usize = 2;

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
    /// Of which during a rebuild, and during a resync.
    in_rebuild: u64,
    in_resync: u64,
    rebuilds: u64,
    resyncs: u64,
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

/// The row of a sector of the array, if it is one of this set.
fn row_of(geometry: &Geometry, set: u16, sector: u64) -> Option<u64> {
    let data = match geometry.level {
        Level::Raid1 => u64::from(geometry.sets),
        Level::Raid5 => u64::from(geometry.slots) - 1,
        _ => u64::from(geometry.slots) - 2,
    };
    let (strip, chunk) = (geometry.strip.0, sector / geometry.strip.0);
    let own = geometry.sets == 1 || chunk % data == u64::from(set);
    own.then(|| chunk / data * strip + sector % strip)
}

/// Excuses the sectors of some rows: the copy that was read is gone, and parity that may be wrong tells
/// nothing of what it held.
fn put_at_risk(oracle: &mut Oracle, geometry: &Geometry, set: u16, rows: impl Fn(u64) -> bool) {
    for sector in 0..oracle.sectors() {
        if row_of(geometry, set, sector).is_some_and(&rows) {
            match geometry.level {
                Level::Raid1 => oracle.other_copy_counts(sector),
                _ => oracle.lose(sector),
            }
        }
    }
}

/// Pulls a member, if the array can spare one now: it is whole, a rebuild runs, or a resync.
fn lose_a_member(
    rig: &mut Rig,
    geometry: &Geometry,
    set: u16,
    random: &mut fastrand::Rng,
    lives: &mut Lives,
) -> Option<(Place, usize)> {
    let status = rig.engine.status(set);
    let short = status.failed | status.rebuilding;
    let resync = status.operation == Some(Operation::Resync);
    let agree = !resync && status.owed_regions == 0;
    let spare = match geometry.level {
        Level::Raid6 => 2,
        _ => 1,
    };
    let slot = match status.rebuilding.lowest() {
        Some(target) if random.bool() || short.len() >= spare => target,
        _ => Slot(random.u8(..geometry.slots as u8)),
    };
    if short.contains(slot) != status.rebuilding.contains(slot)
        || (!short.contains(slot) && short.len() >= spare)
        || (!agree && !short.is_empty())
    {
        return None;
    }
    let place = Place { set, slot };
    let disk = rig.engine.disk_at(place)?;
    if !agree {
        // Rows above the mark may differ, or have the wrong parity.
        let mark = status.marks.filter(|_| resync).map_or(0, |marks| marks.flushed.0);
        put_at_risk(&mut rig.oracle, geometry, set, |row| row >= mark);
    }
    rig.oracle.member_died();
    rig.backplane.faults(disk).pull();
    lives.failures += 1;
    lives.in_resync += u64::from(!agree);
    lives.in_rebuild += u64::from(!status.rebuilding.is_empty());
    Some((place, disk))
}

/// Starts the array from its media; by force where it is refused because rows are at risk.
fn start_again(
    kept: Kept,
    geometry: &Geometry,
    id: ArrayId,
    media: Vec<Box<dyn Member>>,
    at: (Time, u64),
    mut oracle: Oracle,
) -> (Rig, bool) {
    let (mut discovery, media) = look_for(kept.format, media);
    let mut backplane = Simulated::new(media, at.1, at.0);
    let mut options = careful(kept);
    loop {
        match Engine::open(kept.format, &discovery, id, &mut backplane, options) {
            Ok(engine) => {
                return (
                    Rig::new(backplane, engine, oracle, at.1, 4),
                    options.accept == Accept::ALL,
                );
            }
            // Nothing had recorded the failure yet, so rows in flight cannot be told.
            Err(OpenError::Refused {
                set, why: Refusal::DirtyAndDegraded { .. }, at_risk, ..
            }) if geometry.level != Level::Raid1 && options.accept == Accept::NOTHING => {
                let listed =
                    |row| at_risk.iter().any(|range| (range.start.0..range.end().0).contains(&row));
                put_at_risk(&mut oracle, geometry, set, listed);
                options.accept = Accept::ALL;
                let looked = look_for(kept.format, backplane.cut_power().unwrap());
                discovery = looked.0;
                backplane = Simulated::new(looked.1, at.1, at.0);
            }
            Err(error) => panic!("seed {}: {error}", at.1),
        }
    }
}

/// One life: work, failures, power cuts, until nothing more may fail.
fn live(kept: Kept, geometry: Geometry, seed: u64, lives: &mut Lives) {
    let mut random = fastrand::Rng::with_seed(seed);
    let (id, media) = create_on(kept.format, geometry, SPARES).unwrap();
    let mut rig = start_on(kept.format, id, media, (Time(0), seed), None, careful(kept)).unwrap();
    let members = usize::from(geometry.slots * geometry.sets);
    let mut spares: Vec<usize> = (members..members + SPARES).collect();
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
        work(&mut rig, random.u64(1..400), lives);
        check(&rig);
        let sets: Vec<_> = (0..geometry.sets).map(|set| rig.engine.status(set)).collect();
        let at_rest = |status: &Status| {
            let whole = (status.failed | status.rebuilding).is_empty();
            whole && status.operation.is_none() && status.owed_regions == 0
        };
        if sets.iter().all(at_rest) {
            rig.oracle.copies_agree();
        }
        let set = random.u16(..geometry.sets);
        for _ in 0..2 {
            if random.bool() {
                continue;
            }
            let lost = lose_a_member(&mut rig, &geometry, set, &mut random, lives);
            let Some((place, disk)) = lost else { continue };
            pulled.push(disk);
            work(&mut rig, random.u64(1..300), lives);
            if random.u8(..4) == 0 {
                // The power goes before the failure is recorded.
                break;
            }
            rig.work_until(|rig| {
                lives.ios += 1;
                let status = rig.engine.status(set);
                status.failed.contains(place.slot) && !status.unrecorded
            });
            rig.oracle.death_noticed();
            if let Some(spare) = spares.pop() {
                rig.seated.clear();
                rig.engine.take_spare(rig.now(), place, spare).unwrap();
                // A record of many blocks takes longer: most of the time it is waited for.
                let (wait, mut left) = (random.u8(..4) > 0, 20_000u32);
                rig.work_until(|rig| {
                    left -= 1;
                    !wait || !rig.seated.is_empty() || left == 0
                });
                work(&mut rig, random.u64(1..600), lives);
                lives.rebuilds += u64::from(!rig.seated.is_empty());
            }
        }
        if random.bool() {
            rig.engine.quiesce(rig.now());
            work(&mut rig, random.u64(1..20), lives);
        }
        check(&rig);
        // Power fails, and, half of the time, once more before anybody has read anything.
        let now = rig.now();
        let recorded: Vec<_> = (0..geometry.sets).map(|set| rig.engine.status(set)).collect();
        let (backplane, mut oracle, tally, version) = rig.cut_power();
        lives.cuts += 1;
        let mut media = backplane.cut_power().unwrap();
        // A pulled disk stays away; the slots behind it keep their order.
        pulled.sort_unstable();
        for disk in pulled.drain(..).rev() {
            drop(media.remove(disk));
            for spare in spares.iter_mut().filter(|spare| **spare > disk) {
                *spare -= 1;
            }
        }
        if random.bool() {
            let seed = seed * 100 + round * 2;
            let (mut started, forced) =
                start_again(kept, &geometry, id, media, (now, seed), oracle);
            lives.refused += u64::from(forced);
            let mut left = random.u64(1..90);
            started.wait_until(|_| {
                left -= 1;
                lives.ios += 1;
                left == 0
            });
            let (backplane, kept, ..) = started.cut_power();
            lives.cuts += 1;
            media = backplane.cut_power().unwrap();
            oracle = kept;
        }
        let at = (now, seed * 100 + round * 2 + 1);
        let (started, forced) = start_again(kept, &geometry, id, media, at, oracle);
        lives.refused += u64::from(forced);
        // A failure that a record had named before was covered by the ledger.
        let named = recorded.iter().any(|set| !set.failed.is_empty() && !set.unrecorded);
        assert!(!(forced && named), "seed {seed}, round {round}: refused after {recorded:?}");
        rig = started;
        rig.carry_over(tally, version);
        rig.oracle.death_noticed();
        let resync = |set| rig.engine.status(set).operation == Some(Operation::Resync);
        lives.resyncs += (0..geometry.sets).filter(|set| resync(*set)).count() as u64;
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

/// `seeds` are those of the lives of an ordinary run: together they have something of everything, on every
/// format.
fn lives_on(geometry: Geometry, seeds: &[u64]) {
    let number = |name| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let (count, first) = (number("RAID_ARRAY_LIVES"), number("RAID_ARRAY_FIRST"));
    let chosen = count.is_none() && first.is_none();
    let first = first.unwrap_or(0);
    let seeds = if chosen { seeds.to_vec() } else { (first..first + count.unwrap_or(1)).collect() };
    let count = seeds.len() as u64;
    let Geometry { level, slots, sets, .. } = geometry;
    let mut written = 0;
    for kept in FORMATS {
        let name = kept.name;
        if create_on(kept.format, geometry, SPARES).is_none() {
            println!("{sets} x {level:?} of {slots} cannot be written on {name}");
            continue;
        }
        let mut lives = Lives::default();
        for seed in &seeds {
            live(kept, geometry, *seed, &mut lives);
        }
        println!("{sets} x {level:?} of {slots} on {name}, {count} lives: {lives:?}");
        assert!(lives.cuts >= count && lives.ios > 0);
        let all = lives.rebuilds > 0 && lives.resyncs > 0 && lives.in_rebuild > 0;
        assert!(!chosen || all, "choose another seed: {lives:?}");
        written += 1;
    }
    assert!(written >= 3, "{level:?} of {sets} sets: {written} formats");
}

#[test]
fn mirrors_of_two_live_through_power_cuts_on_every_format() {
    lives_on(geometry(Level::Raid1, 2, 1), &[1, 4, 9]);
}

#[test]
fn raid5_lives_through_power_cuts_on_every_format_that_has_it() {
    lives_on(geometry(Level::Raid5, 3, 1), &[4, 17, 19]);
}

#[test]
fn raid6_lives_through_power_cuts_on_every_format_that_has_it() {
    lives_on(geometry(Level::Raid6, 4, 1), &[12, 15, 17, 19]);
}

#[test]
fn raid10_lives_through_power_cuts_on_every_format_that_has_it() {
    lives_on(geometry(Level::Raid1, 2, 2), &[4]);
}
