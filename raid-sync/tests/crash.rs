// SPDX-License-Identifier: MIT OR Apache-2.0
//! Power cuts at every moment, over the real core: see [`world`].
//!
//! `RAID_SYNC_RUNS` says how many random lists of operations are run; `cargo xtask explore` sets it.

// Rooms that only the unit tests of the crate enter.
#[allow(dead_code)]
#[path = "support/world.rs"]
mod world;

use proptest::prelude::*;
use std::sync::Mutex;
use world::random::Random;
use world::{Act, Seen, Setup, World};

/// What all runs together have seen.
#[derive(Debug)]
struct Total {
    runs: u64,
    operations: u64,
    power_cuts: u64,
    rebuilds: u64,
    resyncs: u64,
    scrubs: u64,
    refused: u64,
}

static TOTAL: Mutex<Total> = Mutex::new(Total {
    runs: 0,
    operations: 0,
    power_cuts: 0,
    rebuilds: 0,
    resyncs: 0,
    scrubs: 0,
    refused: 0,
});

fn count(operations: usize, seen: &Seen) {
    let mut total = TOTAL.lock().unwrap();
    total.runs += 1;
    total.operations += operations as u64;
    total.power_cuts += seen.crashes;
    total.rebuilds += seen.rebuilds;
    total.resyncs += seen.resyncs;
    total.scrubs += seen.scrubs;
    total.refused += seen.refused;
    if total.runs.is_multiple_of(10_000) {
        println!("{total:?}");
    }
}

fn runs() -> u32 {
    let few = if cfg!(miri) { 4 } else { 2000 };
    std::env::var("RAID_SYNC_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(few)
}

fn setup() -> impl Strategy<Value = Setup> {
    any::<u64>().prop_map(|choice| Setup::random(&mut Random::new(choice)))
}

fn act() -> impl Strategy<Value = Act> {
    any::<u64>().prop_map(|choice| Act::random(&mut Random::new(choice), 6))
}

fn run(setup: Setup, seed: u64, acts: &[Act]) -> Result<Seen, String> {
    let mut world = World::new(setup, seed, &world::restored);
    for act in acts {
        world.act(*act)?;
        if world.over() {
            break;
        }
    }
    world.drain()?;
    count(acts.len(), &world.seen);
    Ok(world.seen)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(runs())
    })]

    #[test]
    fn no_interleaving_and_no_power_cut_breaks_a_promise(
        setup in setup(),
        seed in any::<u64>(),
        acts in prop::collection::vec(act(), 1..200),
    ) {
        prop_assert_eq!(run(setup, seed, &acts).err(), None);
    }
}
