// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every state that is explored satisfies the invariant that is proven of the model: see
//! [`conformance`](crate::conformance).

use super::member::{Image, Member, ROWS};
use super::scenario::Scenario;
use super::stripe::{Value, version};
use super::world::{Leg, Purpose, Verdict, World};
use crate::conformance::conforms;
use crate::proven::Abstract;
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
        owed: (0..ROWS).filter(|row| image.issued.0.owed[*row]).collect(),
    }
}

/// Members that the part of a job for this row has not reached.
fn out(legs: &[Leg], failed: SlotSet, row: usize) -> SlotSet {
    let legs = legs.iter().filter(|leg| leg.rows[row].is_some());
    failed | legs.map(|leg| Slot(leg.slot)).collect()
}

impl World {
    pub(super) fn conforms(&self, scenario: &Scenario) -> Verdict {
        match self.over || scenario.parity > 0 {
            true => Ok(()),
            false => conforms(&self.core, &self.scene(scenario)),
        }
    }

    /// Rows that the model's next record would call owed.
    pub(super) fn owed_on_disk(&self, scenario: &Scenario) -> [bool; ROWS] {
        let (members, rows) = (usize::from(scenario.members), ROWS);
        let mut a = Abstract { members, rows, ..Abstract::default() };
        self.core.abstraction(&mut a);
        [a.owed_on_disk[0], a.owed_on_disk[1]]
    }

    fn scene(&self, scenario: &Scenario) -> Scene {
        let mut records: Vec<Record> = Vec::new();
        let under_way = self.jobs.iter().filter_map(|job| match &job.purpose {
            Purpose::Persist { image, .. } => Some(&**image),
            _ => None,
        });
        let stored = self.members.iter().filter_map(|member| member.record.as_ref());
        for image in stored.map(|(_, image)| image).chain(under_way) {
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
            volatile: scenario.cached,
            disks: self.members.iter().map(disk).collect(),
            records,
            confirmed: None,
            rows: rows.collect(),
            writes: Vec::new(),
            copies: Vec::new(),
            flushes: Vec::new(),
        };
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
use crate::conformance::{forget, parts_seen};
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

#[test]
#[cfg_attr(miri, ignore = "hundreds of thousands of states")]
fn the_proven_invariant_alone_sees_every_defect_that_breaks_a_promise() {
    for (defect, scenario) in BROKEN {
        let broken = Scenario { defect: Some(*defect), ..*scenario };
        let seen = first_break(&[("its own set", broken)]);
        std::println!("{defect:?}: {seen:?}");
        assert_eq!(seen.is_some(), !PROGRESS.contains(defect), "{defect:?}");
    }
}

/// Parts without which a conjunct speaks of fewer states, so that none breaks: they are to be filled somewhere.
const ASKS: &[&str] = &[
    "durable",
    "prepared",
    "preparing",
    "source",
    "fua",
    "completed",
    "completed_fua",
    "unanswered",
    "promised",
    "named",
    "rec_failed",
    "rec_held",
    "rec_disk",
    "flush_open",
    "flush_upto",
];

/// Where the set has failed, the invariant asks nothing; no disk of the exploration is started elsewhere, and its
/// formats hold no bad ranges.
const OUTSIDE: &[&str] = &["set_failed", "strayed", "bad", "bad_named", "rec_bad"];

#[test]
#[cfg_attr(miri, ignore = "tens of thousands of states")]
fn every_part_of_the_abstraction_is_needed() {
    let durable = Scenario { durable: true, failures: 1, crashes: 1, ..MIRROR };
    let sets = ["two copies, a flush", "two copies, a failure", "rebuild", "regions, rebuild"];
    let named = |(name, _): &&(&str, Scenario)| sets.contains(name);
    let mut small: Vec<_> = SMALL.iter().filter(named).copied().collect();
    small.push(("two copies, a durable write, a failure", durable));
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
