// SPDX-License-Identifier: MIT OR Apache-2.0
//! Power cuts at every moment, over the real core: see [`world`].

// Rooms that only the unit tests of the crate enter.
#[allow(dead_code)]
#[path = "support/world.rs"]
mod world;

use proptest::prelude::*;
use raid_sync::{Start, SyncCore};
use world::random::Random;
use world::{Act, Seen, Setup, World};

fn setup() -> impl Strategy<Value = Setup> {
    any::<u64>().prop_map(|choice| Setup::random(&mut Random::new(choice)))
}

fn act() -> impl Strategy<Value = Act> {
    any::<u64>().prop_map(|choice| Act::random(&mut Random::new(choice), 6))
}

fn run(setup: Setup, seed: u64, acts: &[Act]) -> Result<Seen, String> {
    let build: &world::Build = &|config, found, capabilities| {
        SyncCore::restore(config, found, capabilities, Start::Normal)
    };
    let mut world = World::new(setup, seed, build);
    for act in acts {
        world.act(*act)?;
        if world.over() {
            break;
        }
    }
    world.drain()?;
    Ok(world.seen)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 2000 })
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
