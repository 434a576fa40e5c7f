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
//! | `forks` | refusals that a format cannot help |
//! | `table` | what was tried how often |
//! | `planted` | faults of an engine that the oracle must see |
//!
//! `RAID_ARRAY_LIVES` says how many lives each array lives, `RAID_ARRAY_FIRST` the seed of the first of
//! them, `RAID_ARRAY_ONLY` a part of the names of arrays to live, `RAID_ARRAY_ON` steps to be switched
//! on (`plan::NOT_YET`), `RAID_ARRAY_TABLE` the file that the counts go to, `RAID_ARRAY_KEEP_ON` that
//! lives go on after findings, whose stories are not shortened;
//! `cargo xtask explore` sets them.

mod disks;
mod forks;
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
use raid_array::member::Member;
use raid_array::store::{CommitStep, Store};
use raid_array::workload::Kept;
use raid_core::array::{ArrayId, Geometry, Level, MemberState, Place};
use raid_core::metadata::{Admin, ChangeError, RuntimeState, Stamp};
use raid_core::units::{Slot, SlotSet};
use raid_ddf::Ddf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use table::Counts;

/// The engine that lives. Another one takes its place here.
pub(crate) type UnderTest = Engine;

/// DDF with the optional checkpoint in the vendor's area.
static DDF_WITH_MARKS: Ddf = Ddf::new().with_checkpoints();

static FORMATS: [Kept; 5] = [
    Kept { name: "toy", format: &TOY },
    Kept { name: "native", format: &NATIVE },
    Kept { name: "ddf", format: &Ddf::new() },
    Kept { name: "ddf with marks", format: &DDF_WITH_MARKS },
    Kept { name: "asr", format: &raid_asr::Asr::new() },
];

const STAMP: Stamp = Stamp { unix_seconds: 2000, random: 7 };

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

/// Lives that found what was mended since, in the engine, a format or the oracle.
const MENDED: &[(&str, u64, &str)] = &[
    ("ddf with marks, raid1 of 2", 110_168, "a disk that came back in the middle of its commit"),
    ("ddf with marks, raid10 of 2x2", 100_037, "a promise held by a disk that left unnoticed"),
    (
        "asr, raid1 of 3",
        120_175,
        "a member that left while the last record of its rebuild was written",
    ),
    (
        "ddf with marks, raid5 of 3",
        110_062,
        "a member that failed when the resync had only to be recorded",
    ),
    ("native, raid5 of 3", 100_006, "regions that a state recorded alone was to leave"),
    ("native, raid6 of 4", 150_004, "a record that a cut let only a spare have"),
    ("native, raid1 of 3", 152_024, "a disk that failed in one place, and takes another"),
    ("toy, raid10 of 2x2", 161_069, "a record on spares, beside older members of a failed set"),
    ("ddf, raid1 of 3", 161_002, "a copy that answered, and has gone on alone"),
    ("asr, raid10 of 2x2", 163_442, "a mirror that went on beside one that failed"),
    (
        "ddf, raid1 of 2",
        152_035,
        "a member that failed before it stored that it was being filled, and was filled when it returned",
    ),
    (
        "ddf with marks, raid1 beside raid1",
        100_302,
        "a pass that was paused before it was recorded",
    ),
    ("toy, raid6 of 4", 100_492, "a batch on one holder, replayed without the other"),
    (
        "ddf with marks, raid6, raid10, raid1",
        100_424,
        "an older copy of a disk that was being filled, beside the one that it had replaced",
    ),
    (
        "ddf, raid5 beside raid1",
        100_395,
        "two records of one number, one on a disk that was replaced",
    ),
    (
        "asr, raid1 of 2",
        200_013,
        "a disk that an older copy of a member has filled: a fork, and what the oracle excuses",
    ),
    ("asr, raid1 of 2", 166_168, "an older copy of a spare that takes another place: a fork"),
    ("asr, raid1 of 2", 180_042, "the same"),
    ("native, raid1 of 3", 100_301, "a disk that left while another one was filled"),
    ("native, raid1 of 3", 100_468, "the same"),
];

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
    let faults = table::faults(&rows, lives);
    assert!(rows.iter().all(|(_, counts)| counts.of(table::Kind::Cut) > 0 && counts.ios > 0));
    assert!(findings.is_empty(), "{} findings, first:\n{}", findings.len(), findings[0]);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn lives_that_found_something_once_find_nothing_any_more() {
    for (array, seed, what) in MENDED {
        let (format, shape) = array.split_once(", ").expect("a format and a shape");
        let kept = FORMATS.into_iter().find(|kept| kept.name == format).expect("a format");
        let (_, volumes) = SHAPES.iter().find(|(name, _)| *name == shape).expect("a shape");
        let geometries = volumes.iter().map(|(level, slots, sets)| geometry(*level, *slots, *sets));
        let geometries: Vec<Geometry> = geometries.collect();
        let birth = Birth::new(kept, array, &geometries).expect("the format has the shape");
        let outcome = live::<UnderTest>(&birth, volumes.len(), *seed);
        assert!(outcome.finding.is_none(), "{array}, {seed}, {what}: {:?}", outcome.finding);
    }
}

/// A member fails, a spare takes its place, is filled or not, and fails as well, or leaves; then the parts run one after
/// the other, and all together.
#[test]
fn a_spare_that_failed_after_it_was_seated_does_not_count_in() {
    use disks::Cache;
    use plan::{Step, Where, Which};
    let deep = number("RAID_ARRAY_LIVES");
    let (lives, first) = (deep.unwrap_or(1), number("RAID_ARRAY_FIRST").unwrap_or(0));
    let (shapes, rows_filled) = if deep.is_some() { (3, &[20, 600][..]) } else { (1, &[600][..]) };
    let starts =
        |which| Step::Start { volume: 0, which, shuffle: false, clock_back: false, insist: false };
    let cut = Step::Cut { at: Where::Anywhere, within: 1, cache: Cache::Torn };
    let leaves = |pick| Step::Pull { pick, cache: Cache::Torn, late: false, back: false };
    let chains = [
        [Which::Others, Which::All],
        [Which::Short, Which::All],
        [Which::Enough, Which::Others],
        [Which::Alone, Which::Same],
    ];
    for kept in FORMATS {
        for (shape, volumes) in &SHAPES[..shapes] {
            let (level, slots, sets) = volumes[0];
            let name = format!("{}, {shape}", kept.name);
            let birth = Birth::new(kept, &name, &[geometry(level, slots, sets)]);
            let Ok(birth) = birth else { continue };
            for (number, chain) in (0u64..).zip(chains) {
                for pick in 0..3 {
                    let fails = if number % 2 == 0 { Step::Fail(pick) } else { leaves(pick) };
                    for filled in rows_filled {
                        let begun = [starts(Which::All), Step::Work(30), Step::TakeSpare];
                        let fails = [Step::Work(*filled), fails, Step::Work(60), cut];
                        let mut steps = [&begun[..], &fails[..]].concat();
                        for which in chain {
                            let run = [starts(which), Step::Sweep, Step::Work(60), cut];
                            steps.extend(run);
                        }
                        for seed in first..first + lives {
                            let outcome = life::live_plan::<UnderTest>(&birth, seed, &steps);
                            let told = outcome.story.join("\n");
                            let found = outcome.finding;
                            assert!(
                                found.is_none(),
                                "{name}, {seed}, {steps:?}: {found:?}\n{told}"
                            );
                        }
                    }
                }
            }
        }
    }
}

/// A head of a journal belongs to the update of its own disk.
#[test]
fn a_disk_reports_the_update_of_its_own_record_where_another_one_was_reached_by_the_next() {
    for kept in &FORMATS[..2] {
        let format = kept.format;
        let birth =
            Birth::new(*kept, kept.name, &[geometry(Level::Raid1, 2, 1)]).expect("a mirror");
        let machine = machine::Machine::new(&birth);
        let mut disks: Vec<disks::Disk> = machine.disks.into_iter().flatten().collect();
        let numbers = |disks: &[disks::Disk]| -> Vec<Option<u64>> {
            let claims = machine::look(format, disks).disks;
            let own = claims.iter().map(|disk| disk.claims[0].descriptor.expect("told").sequence);
            own.collect()
        };
        let discovery = machine::look(format, &disks);
        let found = &discovery.arrays[0];
        let array = found.descriptor.id;
        let mut store = Store::from_discovery(&discovery, found);
        let stamp = Stamp { unix_seconds: 2000, random: 7 };
        let state = store.view(|disks| format.state(disks, array, 0)).expect("a state");
        let failed = RuntimeState { failed: SlotSet::of(Slot(1)), ..state };
        store.edit(|disks| format.set_state(disks, array, 0, &failed, stamp)).expect("recorded");
        let mut write = |store: &mut Store, to: &[usize]| {
            for disk in to {
                for step in store.commit_steps(format, *disk) {
                    if let CommitStep::Write(at, bytes) = step {
                        disks[*disk].write(at, &bytes).expect("written");
                    }
                }
            }
            numbers(&disks)
        };
        let before = write(&mut store, &[0, 1, 2, 3]);
        let place = Place { set: 0, slot: Slot(1) };
        store.disks[2].live = true;
        let seated = store.edit(|disks| format.activate(disks, array, place, 2, stamp));
        seated.expect("a spare");
        let after = write(&mut store, &[2]);
        let expected = |disk: usize| before[disk].map(|own| own + u64::from(disk == 2));
        assert_eq!(after, (0..4).map(expected).collect::<Vec<_>>(), "{}", kept.name);
    }
}

/// An array on new disks, its members first, whose records are changed without an engine.
struct Records {
    format: &'static dyn Admin,
    array: ArrayId,
    disks: Vec<disks::Disk>,
}

impl Records {
    fn new(kept: Kept, geometry: Geometry) -> Option<Self> {
        let machine = machine::Machine::new(&Birth::new(kept, kept.name, &[geometry]).ok()?);
        let disks: Vec<disks::Disk> = machine.disks.into_iter().flatten().collect();
        let array = machine.volumes[0].id;
        Some(Self { format: kept.format, array, disks })
    }

    /// What discovery finds on some of the disks: of each member its slot, its disk and its state.
    fn members(&self, of: &[usize]) -> Vec<(u8, Option<usize>, MemberState)> {
        let found: Vec<disks::Disk> = of.iter().map(|disk| self.disks[*disk].clone()).collect();
        let discovery = machine::look(self.format, &found);
        let members = discovery.arrays[0].members.iter().map(|member| &member.descriptor);
        let disk = |index: Option<usize>| index.map(|index| of[index]);
        members.map(|own| (own.place.slot.0, disk(own.disk), own.state)).collect()
    }

    /// Makes a change on some of the disks, of which these are reached before the power goes.
    fn change(
        &mut self,
        of: &[usize],
        reached: &[usize],
        change: impl FnOnce(&mut Store, &dyn Admin) -> Result<(), ChangeError>,
    ) -> Result<(), ChangeError> {
        let found: Vec<disks::Disk> = of.iter().map(|disk| self.disks[*disk].clone()).collect();
        let discovery = machine::look(self.format, &found);
        let mut store = Store::from_discovery(&discovery, &discovery.arrays[0]);
        store.disks.iter_mut().for_each(|disk| disk.live = true);
        change(&mut store, self.format)?;
        for (index, disk) in of.iter().enumerate().filter(|(_, disk)| reached.contains(disk)) {
            for step in store.commit_steps(self.format, index) {
                if let CommitStep::Write(at, bytes) = step {
                    self.disks[*disk].write(at, &bytes).expect("a disk that works");
                }
            }
        }
        Ok(())
    }

    /// Records that these members have failed, in a set that is open.
    fn record(&mut self, of: &[usize], reached: &[usize], failed: &[u8]) {
        let array = self.array;
        let failed: SlotSet = failed.iter().map(|slot| Slot(*slot)).collect();
        let changed = self.change(of, reached, |store, format| {
            let state = store.view(|disks| format.state(disks, array, 0)).expect("a state");
            let state = RuntimeState { failed, clean: false, ..state };
            store.edit(|disks| format.set_state(disks, array, 0, &state, STAMP))
        });
        changed.expect("recorded");
    }
}

/// What a record means is what those make of it who hold it: without one of them it was never durable.
#[test]
fn a_record_that_a_cut_let_only_a_spare_have_speaks_for_nobody_who_is_here() {
    let in_sync = |disk: usize| (disk as u8, Some(disk), MemberState::InSync);
    for kept in FORMATS {
        let mut records = Records::new(kept, geometry(Level::Raid1, 2, 1)).expect("a mirror");
        let all = [0, 1, 2, 3];
        records.record(&all, &[3], &[1]);
        assert_eq!(records.members(&all), [in_sync(0), in_sync(1)], "{}", kept.name);
        // A run without the spare comes to the same number.
        records.record(&[0, 1, 2], &[0, 1, 2], &[]);
        assert_eq!(records.members(&all), [in_sync(0), in_sync(1)], "{}", kept.name);
        // The next change is on all of them, and newer than what the spare has.
        records.record(&all, &all, &[0]);
        for some in [&all[..], &[0, 3]] {
            let (_, _, state) = records.members(some)[0];
            assert_eq!(state, MemberState::Failed, "{}, {some:?}", kept.name);
        }
    }
}

/// The planted fault that this must not hide: what a spare knows of a member that is away.
#[test]
fn a_record_on_a_spare_speaks_where_nobody_is_here_whom_it_trusts() {
    for kept in &FORMATS[..2] {
        let mut records = Records::new(*kept, geometry(Level::Raid1, 2, 1)).expect("a mirror");
        records.record(&[0, 1, 2, 3], &[0, 2, 3], &[1]);
        let (_, _, state) = records.members(&[1, 3])[1];
        assert_eq!(state, MemberState::Failed, "{}", kept.name);
    }
}

/// A set that has failed is written no more: what its members hold says nothing of the other one's records.
#[test]
fn a_record_on_a_spare_speaks_though_members_of_a_failed_set_are_here_without_it() {
    for kept in &FORMATS[..2] {
        let Some(mut records) = Records::new(*kept, geometry(Level::Raid1, 2, 2)) else { continue };
        records.record(&[0, 1, 2, 3, 4, 5], &[0, 4, 5], &[1]);
        let (slot, _, state) = records.members(&[1, 2, 3, 4, 5])[1];
        assert_eq!((slot, state), (1, MemberState::Failed), "{}", kept.name);
    }
}

#[test]
fn a_disk_that_failed_in_one_place_and_takes_another_is_a_member_once() {
    for kept in FORMATS {
        let Some(mut records) = Records::new(kept, geometry(Level::Raid1, 3, 1)) else { continue };
        let (all, array) = ([0, 1, 2, 3, 4], records.array);
        records.record(&all, &all, &[1, 2]);
        let taken = records.change(&all, &all, |store, format| {
            let place = Place { set: 0, slot: Slot(2) };
            store.edit(|disks| format.activate(disks, array, place, 1, STAMP))
        });
        let members = records.members(&all);
        let once = members.iter().filter(|(_, disk, _)| *disk == Some(1)).count() == 1;
        assert!(once, "{}: {taken:?}, {members:?}", kept.name);
    }
}
