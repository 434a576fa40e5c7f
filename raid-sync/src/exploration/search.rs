// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything that can happen: breadth first, so that a counterexample is one of the shortest, or depth
//! first, where the states of one depth would not fit into memory. A state that was visited is kept as 128
//! bits either way.

use super::power::Stopped;
use super::scenario::Scenario;
use super::world::{Action, World};
use raid_core::units::SlotSet;
use std::boxed::Box;
use std::collections::HashSet;
use std::format;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::rc::Rc;
use std::string::String;
use std::vec::Vec;

/// 128 bits that stand for a state: of 10^8 states two meet by accident once in 10^22 runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fingerprint(u64, u64);

impl Default for Fingerprint {
    fn default() -> Self {
        Self(0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344)
    }
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ (product >> 64) as u64
}

impl Fingerprint {
    pub(super) fn of(value: &impl Hash) -> (u64, u64) {
        let mut hasher = Self::default();
        value.hash(&mut hasher);
        (hasher.0, hasher.1)
    }
}

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(value.into());
    }

    fn write_u16(&mut self, value: u16) {
        self.write_u64(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = fold(self.0 ^ value, 0xa409_3822_299f_31d1).wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.1 = fold(self.1.rotate_left(29) ^ value, 0xc2b2_ae3d_27d4_eb4f).wrapping_add(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}

/// Fingerprints are spread already.
#[derive(Debug, Default)]
pub(super) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, value: u64) {
        self.0 ^= value;
    }
}

pub(super) type Known = HashSet<(u64, u64), BuildHasherDefault<AsIs>>;

/// What led to a state, newest first.
#[derive(Debug)]
struct Step {
    what: What,
    before: Option<Rc<Self>>,
}

#[derive(Debug)]
enum What {
    Action(Action),
    PowerFails(Box<Stopped>),
}

/// What an exploration has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Different states of running sets, before, between and after the power failures.
    pub(super) states: u64,
    pub(super) transitions: u64,
    /// Different moments, as far as media and promises are concerned, at which power failed.
    pub(super) cuts: u64,
    /// Different media that those left, each started again.
    pub(super) restarts: u64,
    /// … of which refused: parity sets, unclean and degraded.
    pub(super) refused: u64,
    /// Steps from the beginning to the last new state, breadth first.
    pub(super) depth: u64,
}

/// How the core went wrong, and after which steps.
#[derive(Debug)]
pub(super) struct Counterexample {
    pub(super) what: String,
    pub(super) steps: Vec<String>,
}

fn story(what: String, last: Option<&Rc<Step>>) -> Counterexample {
    let mut steps = Vec::new();
    let mut step = last;
    while let Some(Step { what, before }) = step.map(Rc::as_ref) {
        steps.push(match what {
            What::Action(action) => format!("{action:?}"),
            What::PowerFails(left) => format!("power fails, leaving {:?}", left.members),
        });
        step = before.as_ref();
    }
    steps.reverse();
    Counterexample { what, steps }
}

type Layer = Vec<(World, Option<Rc<Step>>)>;

/// An exploration under way.
struct Search<'a> {
    scenario: &'a Scenario,
    tally: Tally,
    known: Known,
    cuts: Known,
    stops: Known,
    next: Layer,
}

/// The first state, that of a start with all members.
fn first(scenario: &Scenario) -> Result<World, Counterexample> {
    let mut world = World::new(scenario);
    let found = world.confirmed.0;
    world.start(scenario, &found, SlotSet::EMPTY).map_err(|what| story(what, None))?;
    Ok(world)
}

impl<'a> Search<'a> {
    fn new(scenario: &'a Scenario) -> Result<Self, Counterexample> {
        Ok(Self {
            scenario,
            tally: Tally::default(),
            known: Known::default(),
            cuts: Known::default(),
            stops: Known::default(),
            next: Vec::from([(first(scenario)?, None)]),
        })
    }
}

/// Visits every state that can be reached, depth first: only the way to the present state and what
/// branches off from it is in memory as a whole.
pub(super) fn exhaust(scenario: &Scenario) -> Result<Tally, Counterexample> {
    let mut search = Search::new(scenario)?;
    while let Some((world, steps)) = search.next.pop() {
        search.step(&world, steps.as_ref())?;
        search.power_fails(&world, steps.as_ref())?;
    }
    let states = search.known.len() as u64;
    Ok(Tally { states, ..search.tally })
}

/// Visits every state that can be reached, or about the first `bound` of them, breadth first.
pub(super) fn explore(scenario: &Scenario, bound: u64) -> Result<Tally, Counterexample> {
    let mut search = Search::new(scenario)?;
    while !search.next.is_empty() && search.known.len() as u64 <= bound {
        for (world, steps) in std::mem::take(&mut search.next) {
            search.step(&world, steps.as_ref())?;
            search.power_fails(&world, steps.as_ref())?;
        }
        search.tally.depth += 1;
    }
    let mut tally = search.tally;
    tally.states = search.known.len() as u64;
    Ok(tally)
}

impl Search<'_> {
    fn step(&mut self, world: &World, steps: Option<&Rc<Step>>) -> Result<(), Counterexample> {
        let successors = world.successors(self.scenario);
        if successors.is_empty() {
            world.at_rest(self.scenario).map_err(|what| story(what, steps))?;
        }
        for (action, successor) in successors {
            self.tally.transitions += 1;
            let step = || Rc::new(Step { what: What::Action(action), before: steps.cloned() });
            match successor {
                Ok(successor) if self.known.insert(successor.fingerprint()) => {
                    self.next.push((successor, Some(step())));
                }
                Ok(_) => {}
                Err(what) => return Err(story(what, Some(&step()))),
            }
        }
        Ok(())
    }

    fn power_fails(
        &mut self,
        world: &World,
        steps: Option<&Rc<Step>>,
    ) -> Result<(), Counterexample> {
        if world.left.crashes == 0 || !self.cuts.insert(world.cut(self.scenario)) {
            return Ok(());
        }
        self.tally.cuts += 1;
        world.power_fails(self.scenario, &mut |stopped| {
            if !self.stops.insert(stopped.fingerprint()) {
                return Ok(());
            }
            self.tally.restarts += 1;
            let what = What::PowerFails(Box::new(stopped.clone()));
            let step = Rc::new(Step { what, before: steps.cloned() });
            match stopped.restart(self.scenario) {
                Ok(Some(world)) => {
                    if self.known.insert(world.fingerprint()) {
                        self.next.push((world, Some(step)));
                    }
                }
                Ok(None) => self.tally.refused += 1,
                Err(what) => return Err(story(what, Some(&step))),
            }
            Ok(())
        })
    }
}
