// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every planted defect must be noticed, and by a test that has a name.

use crate::Start;
use crate::SyncCore;
use crate::defect::{Defect, plant};
use crate::scenarios;
use crate::world::random::Random;
use crate::world::{Act, Build, Setup, World};
use std::string::String;
use std::vec::Vec;

/// One random run of the crash simulator.
fn simulate(seed: u64, trace: bool) -> Result<(), String> {
    let build: &Build = &move |config, found, capabilities| {
        SyncCore::restore(config, found, capabilities, Start::Normal)
    };
    let mut random = Random::new(seed);
    let setup = Setup::random(&mut random);
    let mut world = World::new(setup, seed, build);
    world.trace = trace;
    if trace {
        std::eprintln!("{setup:?}");
    }
    let acts = 20 + random.below(180);
    for _ in 0..acts {
        if world.over() {
            return Ok(());
        }
        world.act(Act::random(&mut random, setup.rows))?;
    }
    world.drain()
}

/// The mutation list of `sync.md` 5.4, and two rules it does not number.
const DEFECTS: &[(&str, Defect)] = &[
    ("M1", Defect::SkipWindowCheck),
    ("M2", Defect::OpenWithoutDraining),
    ("M3", Defect::DrainAnyWindow),
    ("M4", Defect::WindowEndsEarly),
    ("M5", Defect::RouteByDone),
    ("M6", Defect::SkipStraddlingWrite),
    ("M7", Defect::ReadByIssued),
    ("M8", Defect::MarkAtIssue),
    ("M9", Defect::RaiseWithoutFlush),
    ("M10", Defect::FlushTargetOnly),
    ("M11", Defect::SkipRecheck),
    ("M12", Defect::DirtyAfterWrite),
    ("M13", Defect::DirtyUntilCleanCompletes),
    ("M14", Defect::ForgetDebtWhenClean),
    ("M15", Defect::AcknowledgeEarly),
    ("M16", Defect::FlushNotGated),
    ("M17", Defect::RecordToFailed),
    ("M18", Defect::SameSequence),
    ("M19", Defect::TwoRecords),
    ("M20", Defect::AnyIdentity),
    ("M21", Defect::TrustMarkAfterUnclean),
    ("M22", Defect::PauseKeepsWindows),
    ("M23", Defect::AbortAdvancesDone),
    ("M24", Defect::ForgetWaiters),
    ("M25", Defect::UnsignedThrottle),
    ("M26", Defect::BadRangeAfterDone),
    ("M27", Defect::CountFillingLegs),
    ("M28", Defect::RepairAtFirstLook),
    ("M29", Defect::SyncWritesUncharged),
    ("M30", Defect::NewestByStamp),
    ("M31", Defect::EndAtCursor),
    ("I13", Defect::AllowOverlap),
    ("I14", Defect::TrustBeforeRecord),
];

/// The scenarios that notice a defect.
fn noticed_by(defect: Defect) -> Vec<&'static str> {
    plant(Some(defect));
    let fails = |(name, scenario): (&'static str, fn())| {
        std::panic::catch_unwind(scenario).is_err().then_some(name)
    };
    let found = scenarios::all().filter_map(fails).collect();
    plant(None);
    found
}

/// What the crash simulator says, and after how many runs.
fn simulated(defect: Defect, from: u64, runs: u64) -> Option<(u64, String)> {
    plant(Some(defect));
    let found = (from..from + runs).find_map(|seed| Some((seed, simulate(seed, false).err()?)));
    plant(None);
    found
}

#[test]
#[cfg_attr(miri, ignore = "fifty scenarios for each of 33 defects")]
fn every_defect_is_caught_by_a_scenario_with_a_name() {
    let mut missed = Vec::new();
    for (number, defect) in DEFECTS {
        let names = noticed_by(*defect);
        std::println!("{number} {defect:?}: {}", names.join(", "));
        if names.is_empty() {
            missed.push((number, defect));
        }
    }
    assert!(missed.is_empty(), "no scenario notices {missed:?}");
}

#[test]
#[ignore = "a search by hand: which defects the crash simulator finds, RUNS each"]
fn simulator() {
    let runs = std::env::var("RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(2000);
    for (number, defect) in DEFECTS {
        std::println!("{number} {defect:?}: {:?}", simulated(*defect, 0, runs));
    }
}

#[test]
#[ignore = "a search by hand: FROM, RUNS"]
fn search() {
    let number = |name: &str, default| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (from, runs): (u64, u64) = (number("FROM", 0), number("RUNS", 10_000));
    for seed in from..from + runs {
        if let Err(judgement) = simulate(seed, false) {
            let _ = simulate(seed, true);
            panic!("{seed}: {judgement}");
        }
    }
}
