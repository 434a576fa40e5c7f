// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every guard can be taken away, and a test that has a name then fails: the table of
//! `docs/interlock.md`, row by row.

use crate::conformance::Follower;
use crate::defect::{Defect, plant};
use crate::scenarios;
use crate::world::random::Random;
use crate::world::{Act, Setup, Watch, World, restored};
use core::cell::RefCell;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

/// The mutation list of `sync.md` 5.4, and rules that it does not number.
const DEFECTS: &[Defect] = &[
    Defect::SkipWindowCheck,
    Defect::OpenWithoutDraining,
    Defect::DrainAnyWindow,
    Defect::WindowEndsEarly,
    Defect::RouteByDone,
    Defect::SkipStraddlingWrite,
    Defect::ReadByIssued,
    Defect::MarkAtIssue,
    Defect::RaiseWithoutFlush,
    Defect::FlushTargetOnly,
    Defect::SkipRecheck,
    Defect::DirtyAfterWrite,
    Defect::DirtyUntilCleanCompletes,
    Defect::ForgetDebtWhenClean,
    Defect::AcknowledgeEarly,
    Defect::FlushNotGated,
    Defect::RecordToFailed,
    Defect::SameSequence,
    Defect::TwoRecords,
    Defect::AnyIdentity,
    Defect::TrustMarkAfterUnclean,
    Defect::PauseKeepsWindows,
    Defect::AbortAdvancesDone,
    Defect::ForgetWaiters,
    Defect::UnsignedThrottle,
    Defect::BadRangeAfterDone,
    Defect::CountFillingLegs,
    Defect::RepairAtFirstLook,
    Defect::SyncWritesUncharged,
    Defect::NewestByPlace,
    Defect::EndAtCursor,
    Defect::KeepVersion,
    Defect::MergeSplitBrain,
    Defect::StartDegradedDirty,
    Defect::LetIntoClosing,
    Defect::NoMinimumRate,
    Defect::AllowOverlap,
    Defect::TrustBeforeRecord,
    Defect::ForgetLog,
    Defect::OverwriteSources,
    Defect::CheckWrites,
];

/// Whether a scenario notices a defect.
fn notices(defect: Defect, scenario: fn()) -> bool {
    plant(Some(defect));
    let noticed = std::panic::catch_unwind(scenario).is_err();
    plant(None);
    noticed
}

/// Rule, mutation number, defect and test of each row.
fn rows(page: &str) -> Vec<[String; 4]> {
    let rows = page.lines().filter(|line| line.starts_with("| I") && line.contains("`scenario_"));
    rows.map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, rule, _, number, defect, test, _, _] = cells[..] else { panic!("{line}") };
        let rule = rule.split(' ').next().unwrap_or_default();
        [rule, number, defect, test].map(|cell| cell.trim_matches('`').to_string())
    })
    .collect()
}

#[test]
#[cfg_attr(miri, ignore = "reads a file")]
fn every_guard_that_is_taken_away_is_missed_by_the_test_that_the_table_names() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(page) = std::fs::read_to_string(here.join("../docs/interlock.md")) else {
        std::println!("skipped: the page is not part of the published crate");
        return;
    };
    let rows = rows(&page);
    for [rule, number, name, test] in &rows {
        let defect = DEFECTS.iter().find(|defect| format!("{defect:?}") == *name);
        let defect = defect.unwrap_or_else(|| panic!("{rule}: there is no defect {name}"));
        let scenario = scenarios::all().find(|(scenario, _)| scenario == test);
        let (_, scenario) = scenario.unwrap_or_else(|| panic!("{rule}: no test is called {test}"));
        assert!(notices(*defect, scenario), "{rule}: {test} passes with {name} ({number})");
        std::println!("{rule} {number} {name}: {test}");
    }
    for rule in 1..=20 {
        assert!(rows.iter().any(|[name, ..]| *name == format!("I{rule}")), "I{rule} has no row");
    }
    for number in 1..=31 {
        assert!(rows.iter().any(|[_, m, ..]| *m == format!("M{number}")), "M{number} has no row");
    }
    for defect in DEFECTS {
        let named = rows.iter().any(|[_, _, name, _]| *name == format!("{defect:?}"));
        assert!(named, "{defect:?} has no row");
    }
}

#[test]
#[cfg_attr(miri, ignore = "fifty scenarios for each of 40 defects")]
fn all_scenarios_that_notice_each_defect() {
    if std::env::var_os("RAID_SYNC_DEFECTS").is_none() {
        std::println!("skipped: set RAID_SYNC_DEFECTS to print them");
        return;
    }
    for defect in DEFECTS {
        let names = scenarios::all().filter(|(_, scenario)| notices(*defect, *scenario));
        let names: Vec<&str> = names.map(|(name, _)| name).collect();
        std::println!("{defect:?}: {}", names.join(", "));
        assert!(!names.is_empty(), "no scenario notices {defect:?}");
    }
}

/// One random run of the crash simulator.
fn simulate(seed: u64, watch: Option<&Watch>) -> Result<(), String> {
    let mut random = Random::new(seed);
    let setup = Setup::random(&mut random);
    let mut world = World::new(setup, seed, &restored);
    world.trace = std::env::var_os("RAID_SYNC_TRACE").is_some();
    if let Some(watch) = watch {
        world.watch(watch)?;
    }
    let acts = 20 + random.below(180);
    for _ in 0..acts {
        if world.over() {
            return Ok(());
        }
        match Act::random(&mut random, setup.rows) {
            // In the model nobody declares rows owed while a rebuild runs.
            Act::Owe(_) if watch.is_some() && world.rebuilds() => {}
            act => world.act(act)?,
        }
    }
    world.drain()
}

#[test]
#[cfg_attr(miri, ignore = "two thousand lives")]
fn every_step_of_random_lives_satisfies_the_proven_invariant() {
    let number = |name, or| std::env::var(name).map_or(or, |number| number.parse().unwrap());
    let (first, lives) = (number("RAID_SYNC_FIRST", 0), number("RAID_SYNC_RUNS", 2000));
    let wrong: Vec<(u64, String)> = (first..first + lives)
        .filter_map(|seed| {
            let follower = RefCell::new(Follower::default());
            let watch: &Watch = &move |core, scene| follower.borrow_mut().see(core, scene);
            let wrong = simulate(seed, Some(watch)).err()?;
            std::println!("life {seed}: {}", wrong.lines().next().unwrap_or_default());
            Some((seed, wrong))
        })
        .collect();
    if let Some((seed, first)) = wrong.first() {
        panic!("{} lives of {lives}; life {seed}: {first}", wrong.len());
    }
}

#[test]
#[cfg_attr(miri, ignore = "thousands of lives for each of 40 defects")]
fn random_lives_that_notice_each_defect() {
    let Some(runs) = std::env::var_os("RAID_SYNC_DEFECTS") else {
        std::println!("skipped: set RAID_SYNC_DEFECTS to the number of lives to try");
        return;
    };
    let runs: u64 = runs.to_string_lossy().parse().unwrap();
    for defect in DEFECTS {
        plant(Some(*defect));
        let found = (0..runs).find_map(|seed| Some((seed, simulate(seed, None).err()?)));
        plant(None);
        std::println!("{defect:?}: {found:?}");
    }
}
