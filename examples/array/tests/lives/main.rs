// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lives of arrays, on every format and level, on disks that do what disks do: they leave and return,
//! lag, lie, tear, forget, are swapped, copied and resized, and lose their power in the middle of
//! anything, again and again.
//!
//! | file | subject |
//! |---|---|
//! | `plan` | what happens, in which order, drawn from a seed |
//! | `life` | carries a plan out, asks the oracle at every start |
//! | `elsewhere` | mdadm runs a volume in between |
//! | `run` | a volume that runs: its users, and what is watched at every step |
//! | `machine` | disks and volumes while nothing runs |
//! | `disks` | disks that do what disks do |
//! | `oracle` | the tree of histories: what a reader may see |
//! | `table` | what was tried how often |
//! | `planted` | faults of an engine that the oracle must see |
//!
//! `RAID_ARRAY_LIVES` says how many lives each array lives, `RAID_ARRAY_FIRST` the seed of the first of
//! them, `RAID_ARRAY_ONLY` a part of the names of arrays to live, `RAID_ARRAY_ON` steps to be switched
//! on (`plan::NOT_YET`), `RAID_ARRAY_TABLE` the file that the counts go to, `RAID_ARRAY_KEEP_ON` that
//! lives go on after findings, whose stories are not shortened;
//! `cargo xtask explore` sets them.

mod disks;
#[path = "../toy/format.rs"]
mod format;
#[path = "../../../../raid-ddf/tests/suite/update/habits.rs"]
mod habits;
mod life;
mod machine;
mod oracle;
mod plan;
mod planted;
mod run;
mod shrink;
mod table;

use format::{NATIVE, TOY};
use life::{Outcome, live};
use machine::{Birth, geometry};
use raid_array::engine::Engine;
use raid_array::workload::Kept;
use raid_core::array::{Geometry, Level};
use raid_ddf::{Ddf, DdfProfile};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use table::Counts;

/// The engine that lives. Another one takes its place here.
pub(crate) type UnderTest = Engine;

/// DDF with the optional checkpoint in the vendor's area.
static DDF_WITH_MARKS: DdfProfile = DdfProfile::LINUX.with_checkpoints();

static FORMATS: [Kept; 5] = [
    Kept { name: "toy", format: &TOY, log: None },
    Kept { name: "native", format: &NATIVE, log: Some(&NATIVE) },
    Kept { name: "ddf", format: &Ddf, log: None },
    Kept { name: "ddf with marks", format: &DDF_WITH_MARKS, log: None },
    Kept { name: "asr", format: &raid_asr::Asr, log: None },
];

/// Levels, slots, sets; more than one of them are volumes on the same disks.
type Shape = (&'static str, &'static [(Level, u16, u16)]);

const SHAPES: [Shape; 10] = [
    ("raid1 of 2", &[(Level::Raid1, 2, 1)]),
    ("raid1 of 3", &[(Level::Raid1, 3, 1)]),
    ("raid5 of 3", &[(Level::Raid5, 3, 1)]),
    ("raid5 of 4", &[(Level::Raid5, 4, 1)]),
    ("raid6 of 4", &[(Level::Raid6, 4, 1)]),
    ("raid6 of 5", &[(Level::Raid6, 5, 1)]),
    ("raid10 of 2x2", &[(Level::Raid1, 2, 2)]),
    ("raid1 beside raid1", &[(Level::Raid1, 2, 1), (Level::Raid1, 2, 1)]),
    ("raid5 beside raid1", &[(Level::Raid5, 4, 1), (Level::Raid1, 2, 1)]),
    ("raid6, raid10, raid1", &[(Level::Raid6, 4, 1), (Level::Raid1, 2, 2), (Level::Raid1, 2, 1)]),
];

/// Lives of the ordinary run that find what is not mended yet: told in `docs/interlock.md`, and lived
/// as soon as a variable says which lives are to be lived.
const NOT_MENDED: &[(&str, u64)] = &[];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|number| number.parse().ok())
}

/// Every array that a format can hold.
fn births() -> Vec<(Birth, usize)> {
    let only = std::env::var("RAID_ARRAY_ONLY").unwrap_or_default();
    let mut births = Vec::new();
    for kept in FORMATS {
        for (shape, volumes) in SHAPES {
            let name = format!("{}, {shape}", kept.name);
            if !name.contains(&only) || (volumes.len() > 1 && plan::is_off(plan::Off::Volumes)) {
                continue;
            }
            let geometries: Vec<Geometry> = volumes
                .iter()
                .map(|(level, slots, sets)| geometry(*level, *slots, *sets))
                .collect();
            match Birth::new(kept, &name, &geometries) {
                Ok(birth) => births.push((birth, volumes.len())),
                Err(why) => println!("{name} cannot be written: {why}"),
            }
        }
    }
    births
}

#[test]
fn every_format_and_level_lives_through_what_disks_do() {
    let births = births();
    let first = number("RAID_ARRAY_FIRST").unwrap_or(0);
    let lives = number("RAID_ARRAY_LIVES").unwrap_or(3);
    let ordinary =
        ["RAID_ARRAY_FIRST", "RAID_ARRAY_LIVES"].into_iter().all(|own| number(own).is_none());
    let keep_on = std::env::var("RAID_ARRAY_KEEP_ON").is_ok();
    let next = AtomicUsize::new(0);
    let rows: Mutex<Vec<(String, Counts)>> = Mutex::new(Vec::new());
    let findings: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((birth, volumes)) = births.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let mut counts = Counts::default();
                    let mut found = 0;
                    for seed in first..first + lives {
                        if ordinary && NOT_MENDED.contains(&(birth.name.as_str(), seed)) {
                            println!("{}, seed {seed}: finds what is not mended yet", birth.name);
                            continue;
                        }
                        let outcome: Outcome = live::<UnderTest>(birth, *volumes, seed);
                        counts.add(&outcome.counts);
                        if let Some(lie) = outcome.lie {
                            println!("{}, seed {seed}: {lie}", birth.name);
                        }
                        if let Some(finding) = outcome.finding {
                            let told = match keep_on {
                                true => String::new(),
                                false => shrink::told::<UnderTest>(birth, *volumes, seed),
                            };
                            let told = format!("{}, seed {seed}: {finding}\n{told}", birth.name);
                            println!("{told}");
                            found += 1;
                            findings.lock().expect("no panic").push(told);
                            if found >= 3 && !keep_on {
                                break;
                            }
                        }
                    }
                    rows.lock().expect("no panic").push((birth.name.clone(), counts));
                }
            });
        }
    });
    std::panic::set_hook(hook);
    let mut rows = rows.into_inner().expect("no panic");
    rows.sort_by(|one, two| one.0.cmp(&two.0));
    let table = table::lines(&rows);
    match std::env::var("RAID_ARRAY_TABLE") {
        Ok(file) => std::fs::write(&file, &table).expect("the file that the counts go to"),
        Err(_) => print!("{table}"),
    }
    let findings = findings.into_inner().expect("no panic");
    assert!(rows.iter().all(|(_, counts)| counts.of(table::Kind::Cut) > 0 && counts.ios > 0));
    assert!(findings.is_empty(), "{} findings, first:\n{}", findings.len(), findings[0]);
}
