// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every planted defect must be noticed, and by a test that has a name.

use crate::Start;
use crate::SyncCore;
use crate::defect::{Defect, plant};
use crate::world::random::Random;
use crate::world::{Act, Build, Setup, World};
use std::string::String;

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

/// The search begins a little before the run that caught the defect when the test was written, so
/// that the suite is quick; it goes on from there if the core has changed since.
fn is_caught(defect: Defect, from: u64) {
    let runs = 40_000;
    plant(Some(defect));
    let found = (from..from + runs).find_map(|seed| Some((seed, simulate(seed, false).err()?)));
    plant(None);
    match found {
        Some((run, judgement)) => std::println!("{defect:?}: run {run}: {judgement}"),
        None => panic!("{defect:?} went unnoticed in {runs} runs"),
    }
}

macro_rules! caught {
    ($($name:ident: $defect:ident, $from:literal;)*) => { $(
        #[test]
        #[cfg_attr(miri, ignore = "thousands of runs")]
        fn $name() {
            is_caught(Defect::$defect, $from);
        }
    )* };
}

caught! {
    m1_skipping_the_window_check_is_caught: SkipWindowCheck, 40;
    m2_opening_a_window_without_draining_is_caught: OpenWithoutDraining, 40;
    m4_a_window_that_ends_early_is_caught: WindowEndsEarly, 0;
    m5_routing_by_done_is_caught: RouteByDone, 300;
    m6_skipping_a_straddling_write_is_caught: SkipStraddlingWrite, 80;
    m7_reading_by_issued_is_caught: ReadByIssued, 0;
    m8_a_mark_at_issue_is_caught: MarkAtIssue, 200;
    m9_a_raise_without_a_flush_is_caught: RaiseWithoutFlush, 0;
    m10_flushing_only_the_target_is_caught: FlushTargetOnly, 20;
    m11_a_raise_that_is_not_checked_again_is_caught: SkipRecheck, 130;
    m12_a_dirty_record_after_the_write_is_caught: DirtyAfterWrite, 50;
    m13_counting_as_dirty_until_the_clean_record_completes_is_caught: DirtyUntilCleanCompletes, 200;
    m15_acknowledging_before_the_failure_record_is_caught: AcknowledgeEarly, 2600;
    m16_a_flush_that_is_not_gated_is_caught: FlushNotGated, 10900;
    m21_a_mark_trusted_after_an_unclean_stop_is_caught: TrustMarkAfterUnclean, 800;
    m23_an_abort_that_moves_done_is_caught: AbortAdvancesDone, 450;
    m24_waiters_forgotten_at_an_abort_are_caught: ForgetWaiters, 0;
    i13_overlapping_writes_in_any_order_are_caught: AllowOverlap, 0;
    i14_trust_before_the_last_record_is_caught: TrustBeforeRecord, 15300;
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
