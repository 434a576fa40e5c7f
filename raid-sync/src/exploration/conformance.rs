// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every state that is explored satisfies the invariant that is proven of the model: see
//! [`conformance`](crate::conformance).

use super::member::{Ghost, Image, Member};
use super::scenario::Scenario;
use super::stripe::{Value, version};
use super::world::{Leg, Purpose, Verdict, World};
use crate::conformance::{State, follow, start, state};
use crate::world::scene::{Cell, Copy, Disk, Flush, GARBAGE, Promise, Record, Scene, Write};
use raid_core::units::{Slot, SlotSet};
use std::vec::Vec;

fn number(value: Value) -> i16 {
    version(0, value).map_or(GARBAGE, i16::from)
}

fn disk(member: &Member) -> Disk {
    let cell = |cell: &super::member::Cell| {
        let versions = || cell.values().iter().map(|value| number(*value));
        Cell {
            now: number(cell.now()),
            least: versions().min().unwrap_or(GARBAGE),
            most: versions().max().unwrap_or(GARBAGE),
        }
    };
    let record = member.record.map(|(_, image)| image.issued.0.serial);
    Disk { key: member.key, record, cells: member.cells.iter().map(cell).collect() }
}

fn record(image: &Image) -> Record {
    Record {
        serial: image.issued.0.serial,
        state: image.state,
        debtors: image.debtors,
        regions: image.regions.map(Vec::from),
        disks: image.issued.0.disks.to_vec(),
    }
}

/// Members that the part of a job for this row has not reached.
fn out(legs: &[Leg], failed: SlotSet, row: usize) -> SlotSet {
    let legs = legs.iter().filter(|leg| leg.rows[row].is_some());
    failed | legs.map(|leg| Slot(leg.slot)).collect()
}

impl World {
    /// What the step after this state is compared with.
    pub(super) fn state(&self, scenario: &Scenario) -> Option<State> {
        let history = self.history.0.as_ref().filter(|_| !self.over && scenario.parity == 0)?;
        state(&self.core, &self.scene(scenario), history)
    }

    /// Whether the step from a state to here is a sequence of the model's actions, and what it has led to satisfies
    /// the invariant.
    pub(super) fn follow(&mut self, scenario: &Scenario, before: Option<&State>) -> Verdict {
        if let Some(before) = before {
            self.history = Ghost(follow(before, &self.core, &self.scene(scenario))?);
        }
        Ok(())
    }

    /// The same of a core that was just restored, from this record.
    pub(super) fn start(&mut self, scenario: &Scenario, found: &Image, absent: SlotSet) -> Verdict {
        if scenario.parity == 0 {
            let present = Some((found.issued.0.serial, scenario.all().without(absent)));
            let scene = Scene { start: present, ..self.scene(scenario) };
            self.history = Ghost(start(&self.core, &scene, self.history.0.take())?);
        }
        Ok(())
    }

    fn scene(&self, scenario: &Scenario) -> Scene {
        let mut records: Vec<Record> = Vec::new();
        let under_way = self.jobs.iter().filter_map(|job| match &job.purpose {
            Purpose::Persist { image, .. } => Some(&**image),
            _ => None,
        });
        let stored = self.members.iter().filter_map(|member| member.record.as_ref());
        for image in stored.map(|(_, image)| image).chain(under_way).chain([&self.confirmed.0]) {
            if records.iter().all(|known| known.serial != image.issued.0.serial) {
                records.push(record(image));
            }
        }
        records.sort_unstable_by_key(|record| record.serial);
        let rows = self.blocks.iter().zip(0u8..).map(|(columns, row)| {
            let held = self.acks.iter().flat_map(|(_, versions, durable)| {
                let here = versions.iter().filter(move |(at, ..)| *at == row);
                here.map(|(_, _, version)| (i16::from(*version), *durable))
            });
            Promise {
                admitted: i16::from(columns[0].versions) - 1,
                acknowledged: i16::from(columns[0].acknowledged),
                promised: i16::from(columns[0].promised),
                held: held
                    .filter(|(version, _)| *version > i16::from(columns[0].acknowledged))
                    .max_by_key(|(version, _)| *version),
            }
        });
        let mut scene = Scene {
            strict: scenario.strict,
            flushes_known: true,
            volatile: scenario.cached,
            disks: self.members.iter().map(disk).collect(),
            records,
            confirmed: self.confirmed.0.issued.0.serial,
            start: None,
            rows: rows.collect(),
            writes: Vec::new(),
            copies: Vec::new(),
            flushes: Vec::new(),
        };
        // Of what is waiting for a record, that is a flush which speaks of what was acknowledged before.
        for (_, versions, _) in self.acks.iter().filter(|(_, versions, durable)| {
            let known = |(row, column, version): &(u8, u8, u8)| {
                *version <= self.blocks[usize::from(*row)][usize::from(*column)].acknowledged
            };
            *durable && versions.iter().all(known)
        }) {
            let upto = |(row, _, version): &(u8, u8, u8)| (usize::from(*row), i16::from(*version));
            let versions = versions.iter().map(upto).collect();
            scene.flushes.push(Flush { due: SlotSet::EMPTY, versions });
        }
        for job in &self.jobs {
            match &job.purpose {
                Purpose::Write { versions, durable, .. } => {
                    let rows = versions.iter().map(|(row, ..)| usize::from(*row));
                    let rows = rows.map(|row| (row, out(&job.legs, job.failed, row))).collect();
                    scene.writes.push(Write { durable: *durable, rows });
                }
                Purpose::UserFlush { versions, covered } => {
                    let due = covered.iter().map(|(slot, _)| Slot(*slot)).collect();
                    let upto =
                        |(row, _, version): &(u8, u8, u8)| (usize::from(*row), i16::from(*version));
                    let versions = versions.iter().map(upto).collect();
                    scene.flushes.push(Flush { due, versions });
                }
                Purpose::Read(copy) => {
                    let rows = copy.rows.start.0..copy.rows.end().0;
                    let rows = rows.map(|row| (row as usize, None, SlotSet::EMPTY)).collect();
                    scene.copies.push(Copy { from: Some(copy.from), rows });
                }
                Purpose::Copied { at, .. } => {
                    let rows = (at.start.0..at.end().0).map(|row| {
                        let row = row as usize;
                        let value = job.legs.iter().find_map(|leg| leg.rows[row]).map(number);
                        (row, value, out(&job.legs, job.failed, row))
                    });
                    scene.copies.push(Copy { from: None, rows: rows.collect() });
                }
                Purpose::Flush { .. } | Purpose::Persist { .. } => {}
            }
        }
        scene
    }
}

use super::search::{Counterexample, explore};
use super::{BROKEN, MIRROR, REGIONS, SMALL};
use crate::conformance::{forget, judge, parts_seen};
use crate::defect::Defect;
use crate::proven::PARTS;
use std::format;
use std::string::String;

/// The first small set of which a state does not satisfy the invariant, and what is wrong with it.
fn first_break(sets: &[(&str, Scenario)]) -> Option<String> {
    sets.iter().find_map(|(name, scenario)| {
        let alone = Scenario { proven_only: true, ..*scenario };
        let wrong = explore(&alone, 300_000).err()?;
        Some(format!("{name}, after {} steps: {}", wrong.steps.len(), first_line(&wrong)))
    })
}

fn first_line(wrong: &Counterexample) -> &str {
    wrong.what.lines().next().unwrap_or_default()
}

/// Defects of the exploration that break no promise: they keep users or operations from going on.
const PROGRESS: &[Defect] = &[Defect::ForgetWaiters];

/// In how many steps a defect is seen.
fn seen_after(defect: Defect, scenario: &Scenario, bound: u64) -> Option<usize> {
    let alone = Scenario { defect: Some(defect), proven_only: true, ..*scenario };
    explore(&alone, bound).err().map(|wrong| wrong.steps.len())
}

/// Defects that break a rule of the model some steps before the invariant breaks, if it ever does: in how many.
const EARLY: &[(Defect, Scenario, usize, Option<usize>)] = &[
    (Defect::ForgetLog, REGIONS, 2, Some(4)),
    (Defect::RaiseWithoutFlush, MIRROR, 4, Some(6)),
    (Defect::FlushTargetOnly, MIRROR, 4, Some(6)),
    (Defect::AllowOverlap, Scenario { writes: &[(0, 1, 0), (0, 1, 0)], ..MIRROR }, 4, Some(5)),
    (Defect::TwoRecords, Scenario { failures: 1, ..MIRROR }, 7, Some(8)),
    (Defect::ForgetDebtWhenClean, Scenario { failures: 1, returns: 1, ..REGIONS }, 7, Some(9)),
    (Defect::TrustMarkAfterUnclean, Scenario { rebuild: true, ..MIRROR }, 8, Some(9)),
    (Defect::MergeSplitBrain, Scenario { failures: 1, ..MIRROR }, 6, None),
    (Defect::AnyIdentity, Scenario { failures: 1, spares: 1, ..REGIONS }, 10, None),
];

#[test]
#[cfg_attr(miri, ignore = "tens of thousands of states")]
fn a_step_that_the_model_does_not_know_is_seen_before_it_does_harm() {
    for (defect, scenario, steps, harm) in EARLY {
        judge(true, false);
        let seen = seen_after(*defect, scenario, 300_000);
        judge(false, true);
        let broken = harm.and_then(|_| seen_after(*defect, scenario, 300_000));
        judge(true, true);
        assert_eq!((seen, broken), (Some(*steps), *harm), "{defect:?}");
    }
}

/// What a read is planned from is no step, and who waits is not in the model.
const NO_STEP: &[Defect] = &[Defect::ReadByIssued, Defect::ForgetWaiters];

#[test]
#[cfg_attr(miri, ignore = "hundreds of thousands of states")]
fn the_proven_invariant_and_the_steps_each_see_every_defect_that_breaks_a_promise() {
    for (defect, scenario) in BROKEN {
        judge(true, false);
        let step = seen_after(*defect, scenario, 300_000);
        judge(false, true);
        let broken = seen_after(*defect, scenario, 300_000);
        judge(true, true);
        std::println!("{defect:?}: a step after {step:?}, the invariant after {broken:?}");
        assert_eq!(step.is_some(), !NO_STEP.contains(defect), "{defect:?}");
        assert_eq!(broken.is_some(), !PROGRESS.contains(defect), "{defect:?}");
    }
}

/// A part without which the model may open a window earlier, so that nothing breaks: it is to be filled somewhere.
const ASKS: &[&str] = &["preparing"];

/// No disk of the exploration is started elsewhere, and its formats hold no bad ranges: the abstraction has no line
/// for these parts (`docs/proof.md`).
const OUTSIDE: &[&str] = &["strayed", "bad", "bad_named", "rec_bad"];

#[test]
#[cfg_attr(miri, ignore = "tens of thousands of states")]
fn every_part_of_the_abstraction_is_needed() {
    let durable = Scenario { durable: true, failures: 1, crashes: 1, ..MIRROR };
    let sets = ["two copies, a flush", "two copies, a failure", "rebuild", "regions, rebuild"];
    let named = |(name, _): &&(&str, Scenario)| sets.contains(name);
    let mut small: Vec<_> = SMALL.iter().filter(named).copied().collect();
    small.push(("two copies, a durable write, a failure", durable));
    let relaxed = Scenario { strict: false, failures: 1, crashes: 1, ..MIRROR };
    small.push(("two copies, two failures", Scenario { failures: 2, crashes: 1, ..MIRROR }));
    small.push(("two copies, a relaxed write, a failure", relaxed));
    small.push(("regions, two writes", Scenario { writes: &[(0, 1, 0), (1, 1, 0)], ..REGIONS }));
    let seen = parts_seen(|| {
        for (name, scenario) in &small {
            assert!(explore(scenario, u64::MAX).is_ok(), "{name}");
        }
    });
    for ((part, name), seen) in PARTS.iter().enumerate().zip(seen) {
        assert_eq!(seen, !OUTSIDE.contains(name), "{name} is filled nowhere");
        if OUTSIDE.contains(name) || ASKS.contains(name) {
            continue;
        }
        forget(Some(part));
        let broken = first_break(&small);
        forget(None);
        assert!(broken.is_some(), "without {name} nothing breaks");
    }
}
