// SPDX-License-Identifier: MIT OR Apache-2.0
//! What surrounds a core that is tested: disks, requests, promises and records, in versions of rows.

use super::{Job, Leg, Purpose, Verdict, Watch, World};
use raid_core::metadata::{DEBTORS, Debtor, MemberKey, RegionRecord, RuntimeState};
use raid_core::units::{Row, Slot, SlotSet};
use std::prelude::v1::*;
use std::vec;

/// A version of a row that never was one.
pub(crate) const GARBAGE: i16 = -7;

/// One row of one member.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    /// What a read gives.
    pub(crate) now: i16,
    /// Oldest and newest of what a power failure may leave.
    pub(crate) least: i16,
    pub(crate) most: i16,
}

#[derive(Clone, Debug)]
pub(crate) struct Disk {
    pub(crate) key: u64,
    /// Serial number of its record.
    pub(crate) record: Option<u32>,
    pub(crate) cells: Vec<Cell>,
}

/// A record, as a start would find it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// Counted over all that were ever issued, as no format can.
    pub(crate) serial: u32,
    pub(crate) state: RuntimeState,
    pub(crate) debtors: [Option<Debtor>; DEBTORS],
    /// None in a format with one flag.
    pub(crate) regions: Option<Vec<RegionRecord>>,
    /// Which disks sat in the slots when it was issued.
    pub(crate) disks: Vec<u64>,
}

/// A row as its users know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promise {
    pub(crate) admitted: i16,
    pub(crate) acknowledged: i16,
    pub(crate) promised: i16,
    /// Completed, and not yet answered: the version, and whether it is to be durable.
    pub(crate) held: Option<(i16, bool)>,
}

/// A write in flight.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) durable: bool,
    /// Its rows, and whom each has not reached.
    pub(crate) rows: Vec<(usize, SlotSet)>,
}

/// A copy under way.
#[derive(Clone, Debug)]
pub(crate) struct Copy {
    /// Members that it may still read; `None` when it has read.
    pub(crate) from: Option<SlotSet>,
    /// Its rows, what is written there, and whom it has not reached.
    pub(crate) rows: Vec<(usize, Option<i16>, SlotSet)>,
}

/// A flush that a user waits for.
#[derive(Clone, Debug)]
pub(crate) struct Flush {
    pub(crate) due: SlotSet,
    /// Rows and the versions that it promises.
    pub(crate) versions: Vec<(usize, i16)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) strict: bool,
    /// Which flush of a user is which can be told from state to state.
    pub(crate) flushes_known: bool,
    /// The members have caches.
    pub(crate) volatile: bool,
    pub(crate) disks: Vec<Disk>,
    /// Those that are on disks or being written, and the confirmed one, once each.
    pub(crate) records: Vec<Record>,
    /// The newest that all hold whom it trusts, as was reported.
    pub(crate) confirmed: u32,
    /// The set was just started: from which record, and which members were present.
    pub(crate) start: Option<(u32, SlotSet)>,
    pub(crate) rows: Vec<Promise>,
    pub(crate) writes: Vec<Write>,
    pub(crate) copies: Vec<Copy>,
    pub(crate) flushes: Vec<Flush>,
}

/// The simulator's own.
impl<'a> World<'a> {
    /// From now on every state is shown to this, and every start.
    pub(crate) fn watch(&mut self, watch: &'a Watch) -> Verdict {
        self.watch = Some(watch);
        let all = SlotSet::first(self.setup.members);
        self.show_start(0, all)
    }

    /// The set was just started, from the record at this place of all that were issued.
    pub(super) fn show_start(&self, found: usize, present: SlotSet) -> Verdict {
        match self.watch.filter(|_| !self.setup.parity) {
            Some(watch) => {
                watch(&self.core, Scene { start: Some((found as u32, present)), ..self.scene() })
            }
            None => Ok(()),
        }
    }

    pub(super) fn scene(&self) -> Scene {
        let mut scene = Scene {
            strict: self.setup.strict,
            flushes_known: false,
            volatile: true,
            disks: Vec::new(),
            records: Vec::new(),
            confirmed: self.confirmed as u32,
            start: None,
            rows: (0..self.blocks.len()).map(|row| self.promise(row)).collect(),
            writes: Vec::new(),
            copies: Vec::new(),
            flushes: Vec::new(),
        };
        let mut known = vec![self.confirmed];
        for disk in &self.disks {
            let place = disk.record().and_then(|(number, image)| {
                self.issued.iter().rposition(|(of, what, _)| *of == number && *what == image)
            });
            known.extend(place);
            let cells = (0..self.blocks.len()).map(|row| {
                let versions = || disk.may_hold(row as u64).map(|value| self.version(row, value));
                Cell {
                    now: self.version(row, disk.read(row as u64)),
                    least: versions().min().unwrap_or(GARBAGE),
                    most: versions().max().unwrap_or(GARBAGE),
                }
            });
            let record = place.map(|place| place as u32);
            scene.disks.push(Disk {
                key: disk.key.map_or(0, MemberKey::get),
                record,
                cells: cells.collect(),
            });
        }
        // Of what is waiting for a record, that is a flush which speaks of what was acknowledged before.
        for (_, promises, versions) in &self.acks {
            let known = |(row, column, version): &(u64, usize, usize)| {
                *version <= self.blocks[*row as usize][*column].acknowledged
            };
            if *promises && versions.iter().all(known) {
                let upto =
                    |(row, _, version): &(u64, usize, usize)| (*row as usize, *version as i16);
                let versions = versions.iter().map(upto).collect();
                scene.flushes.push(Flush { due: SlotSet::EMPTY, versions });
            }
        }
        for job in &self.jobs {
            if matches!(job.purpose, Purpose::Persist(_)) {
                known.push(self.issued.len() - 1);
            }
            self.add(job, &mut scene);
        }
        known.sort_unstable();
        known.dedup();
        scene.records = known.into_iter().map(|place| self.record(place)).collect();
        scene
    }

    fn version(&self, row: usize, value: u64) -> i16 {
        let known = self.blocks[row][0].values.iter().rposition(|known| *known == value);
        known.map_or(GARBAGE, |version| version as i16)
    }

    fn promise(&self, row: usize) -> Promise {
        let block = &self.blocks[row][0];
        let held = self.acks.iter().flat_map(|(_, promises, versions)| {
            let here = versions.iter().filter(move |(at, ..)| *at as usize == row);
            here.map(|(_, _, version)| (*version as i16, *promises))
        });
        Promise {
            admitted: block.values.len() as i16 - 1,
            acknowledged: block.acknowledged as i16,
            promised: block.promised as i16,
            held: held
                .filter(|(version, _)| *version > block.acknowledged as i16)
                .max_by_key(|(version, _)| *version),
        }
    }

    fn record(&self, place: usize) -> Record {
        let (_, image, keys) = &self.issued[place];
        let native = self.setup.native;
        let mark = if native || self.setup.mark { image.state.mark() } else { Row(0) };
        Record {
            serial: place as u32,
            state: image.state.at(mark),
            debtors: if native { image.debtors } else { [None; DEBTORS] },
            regions: (native && !image.regions.is_empty()).then(|| image.regions.clone()),
            disks: keys.clone(),
        }
    }

    fn add(&self, job: &Job, scene: &mut Scene) {
        // Whom the part of the job for this row has not reached.
        let out = |row: u64| {
            let here = |leg: &&Leg| match leg {
                Leg::Data { blocks, .. } => blocks.iter().any(|(at, _)| *at == row),
                _ => false,
            };
            let legs = job.legs.iter().chain(&job.missed);
            legs.filter(here).map(|leg| Slot(leg.slot())).collect::<SlotSet>()
        };
        match &job.purpose {
            Purpose::Write { versions, durable, .. } => {
                let rows = versions.iter().map(|(row, ..)| (*row as usize, out(*row))).collect();
                scene.writes.push(Write { durable: *durable, rows });
            }
            Purpose::UserFlush { versions } => {
                let legs: SlotSet = job.legs.iter().map(|leg| Slot(leg.slot())).collect();
                let upto =
                    |(row, _, version): &(u64, usize, usize)| (*row as usize, *version as i16);
                let versions = versions.iter().map(upto).collect();
                scene.flushes.push(Flush { due: legs | job.failed, versions });
            }
            Purpose::Read(copy) => {
                let rows = copy.rows.start.0..copy.rows.end().0;
                let rows = rows.map(|row| (row as usize, None, SlotSet::EMPTY)).collect();
                scene.copies.push(Copy { from: Some(copy.from), rows });
            }
            Purpose::Copied(copy) => {
                let read = |row: u64| {
                    let lowest = copy.read.iter().min_by_key(|(slot, _)| *slot)?;
                    let value = lowest.1.get((row - copy.rows.start.0) as usize)?;
                    Some(self.version(row as usize, *value))
                };
                let rows = copy.rows.start.0..copy.rows.end().0;
                let rows = rows.map(|row| (row as usize, read(row), out(row))).collect();
                scene.copies.push(Copy { from: None, rows });
            }
            Purpose::Reconstruct { .. } | Purpose::Flush(_) | Purpose::Persist(_) => {}
        }
    }
}
