// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every interleaving of a small world over the real core: two members, two rows, two user writes, one
//! flush, one rebuild.
//!
//! Breadth first over all states. In each of them power may fail, with any subset of the cached
//! writes and of the records in flight on the medium, and with either member lost at the restart: then
//! the newest record there is must be true. In each of them both rows are read as well.

use raid_core::array::Initialisation;
use raid_core::metadata::{Capabilities, RuntimeState};
use raid_core::units::{Row, Rows, Slot, SlotSet};
use raid_sync::*;
use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

type Core = SyncCore<2, 1>;

/// Rows and the version each was asked to hold.
type Versions = Vec<(u64, u8)>;

const ROWS: u64 = 2;

/// One member: per row the versions that may be on the medium, oldest first; the last is what a read
/// returns. A flush drops all that are older than the one it covers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Member {
    rows: [Vec<u8>; 2],
    record: (u8, RuntimeState),
    dead: bool,
}

impl Member {
    fn now(&self) -> [u8; 2] {
        [0, 1].map(|row| *self.rows[row].last().unwrap())
    }

    fn write(&mut self, row: u64, version: u8, durable: bool) {
        let versions = &mut self.rows[row as usize];
        if durable {
            versions.clear();
        }
        versions.push(version);
    }

    fn flush(&mut self, covered: [u8; 2]) {
        for (versions, covered) in self.rows.iter_mut().zip(covered) {
            let at = versions.iter().rposition(|version| *version == covered);
            versions.drain(..at.unwrap_or(0));
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Leg {
    Data { row: u64, version: u8, durable: bool },
    Flush([u8; 2]),
    Record(u8, RuntimeState),
    Read { row: u64 },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Purpose {
    Write { ticket: Ticket, versions: Versions, durable: bool },
    UserFlush { covered: [u8; 2] },
    Flush(FlushId),
    Persist(RecordSeq),
    Read { window: WindowId, rows: Rows, targets: SlotSet, found: u8 },
    Copied { window: WindowId, rows: Rows },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Job {
    purpose: Purpose,
    legs: Vec<(Slot, Leg)>,
    failed: SlotSet,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Wish {
    rows: Rows,
    durable: bool,
    /// Submitted, and what it waits for.
    parked: Option<Option<WaitFor>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    core: Core,
    now: Time,
    members: [Member; 2],
    jobs: Vec<Job>,
    wishes: Vec<Wish>,
    /// Acknowledgements that wait: the record, what they promise, whether durably.
    acks: Vec<(RecordSeq, Versions, bool)>,
    /// Versions in the order of admission, from 0; acknowledged and promised so far.
    history: [Vec<u8>; 2],
    acknowledged: [u8; 2],
    promised: [u8; 2],
    records: u8,
    version: u8,
    started: bool,
    flush_left: bool,
    failures_left: bool,
}

/// What to explore.
#[derive(Clone, Copy, Debug)]
struct Scenario {
    writes: &'static [(u64, u64)],
    durable: bool,
    flush: bool,
    rebuild: bool,
    mark: bool,
    failure: bool,
}

impl World {
    fn new(scenario: Scenario) -> Self {
        let target = if scenario.rebuild { SlotSet::of(Slot(1)) } else { SlotSet::EMPTY };
        let found = RuntimeState {
            clean: true,
            failed: SlotSet::EMPTY,
            rebuilding: target,
            initialisation: Initialisation::Full,
            operation: None,
            mark: Row(0),
        };
        let capabilities = Capabilities {
            mark: scenario.mark,
            mark_after_unclean: false,
            dirty: true,
            failure: true,
            bad_ranges: 0,
            generation_bits: 32,
        };
        let config = Config {
            limits: Limits {
                min_rate: 0,
                max_rate: u64::MAX,
                windows: 1,
                rows_per_window: 1,
                yield_for: 0,
                checkpoint_every: u64::MAX,
                checkpoint_rows: 1,
                clean_after_idle: 1,
            },
            ..Config::new(ROWS, SlotSet::first(2), Redundancy::Mirror)
        };
        let old = |version| Member {
            rows: [vec![version], vec![version]],
            record: (0, found),
            dead: false,
        };
        let wish = |&(start, len): &(u64, u64)| Wish {
            rows: Rows::new(start, len),
            durable: scenario.durable,
            parked: None,
        };
        Self {
            core: SyncCore::new(config, &found, capabilities, Start::Normal).unwrap(),
            now: Time(0),
            members: [old(0), old(if scenario.rebuild { 99 } else { 0 })],
            jobs: Vec::new(),
            wishes: scenario.writes.iter().map(wish).collect(),
            acks: Vec::new(),
            history: [vec![0], vec![0]],
            acknowledged: [0; 2],
            promised: [0; 2],
            records: 0,
            version: 0,
            started: !scenario.rebuild,
            flush_left: scenario.flush,
            failures_left: scenario.failure,
        }
    }

    // ---- one step

    fn successors(&self) -> Vec<Self> {
        let mut next = Vec::new();
        let mut step = |change: &dyn Fn(&mut Self)| {
            let mut world = self.clone();
            change(&mut world);
            world.pump();
            next.push(world);
        };
        for (index, wish) in self.wishes.iter().enumerate() {
            if matches!(wish.parked, None | Some(None)) {
                step(&|world| world.ask(index));
            }
        }
        if !self.started && self.core.owed().is_some() {
            step(&|world| {
                let owed = world.core.owed().unwrap();
                world.core.start(world.now, owed, AboveMark::Skip).unwrap();
                world.started = true;
            });
        }
        // Who was woken asks before the idle time is over.
        let woken = self.wishes.iter().any(|wish| wish.parked == Some(None));
        if let (false, Some(at)) = (woken, self.core.deadline()) {
            step(&|world| world.now = at);
        }
        if self.flush_left && self.version > 0 {
            step(&World::user_flush);
        }
        for slot in 0..2 {
            let other = &self.members[1 - slot];
            let trusted = !self.core.status().rebuilding.contains(Slot(1 - slot as u8));
            if self.failures_left && !other.dead && trusted {
                step(&|world| {
                    world.members[slot].dead = true;
                    world.failures_left = false;
                });
            }
        }
        for (index, job) in self.jobs.iter().enumerate() {
            if job.legs.is_empty() {
                step(&|world| world.report(index));
            }
            for leg in 0..job.legs.len() {
                step(&|world| world.leg(index, leg));
            }
        }
        next
    }

    fn ask(&mut self, index: usize) {
        let wish = self.wishes[index].clone();
        match self.core.admit(self.now, wish.rows, Access::Write { durable: wish.durable }) {
            Admit::Go(grant) => {
                self.version += 1;
                let rows = grant.rows.start.0..grant.rows.end().0;
                let version = self.version;
                let versions: Versions = rows.map(|row| (row, version)).collect();
                let mut legs = Vec::new();
                for (row, _) in &versions {
                    self.history[*row as usize].push(version);
                    let leg = Leg::Data { row: *row, version, durable: wish.durable };
                    legs.extend(grant.must.iter().map(|slot| (slot, leg.clone())));
                }
                let ticket = grant.ticket;
                let purpose = Purpose::Write { ticket, versions, durable: wish.durable };
                self.jobs.push(Job { purpose, legs, failed: SlotSet::EMPTY });
                let left = wish.rows.len - grant.rows.len;
                match left {
                    0 => _ = self.wishes.remove(index),
                    _ => self.wishes[index].rows = Rows::new(grant.rows.end().0, left),
                }
            }
            Admit::Wait(wait) => self.wishes[index].parked = Some(Some(wait)),
            Admit::Refuse(refusal) => panic!("{refusal}"),
        }
    }

    fn user_flush(&mut self) {
        self.flush_left = false;
        let legs = self.flush_legs(self.core.live());
        let purpose = Purpose::UserFlush { covered: self.acknowledged };
        self.jobs.push(Job { purpose, legs, failed: SlotSet::EMPTY });
    }

    fn flush_legs(&self, slots: SlotSet) -> Vec<(Slot, Leg)> {
        slots.iter().map(|slot| (slot, Leg::Flush(self.members[slot.index()].now()))).collect()
    }

    fn pump(&mut self) {
        while let Some(command) = self.core.poll(self.now) {
            let empty = SlotSet::EMPTY;
            match command {
                Command::Copy { window, rows, from, targets, .. } => {
                    let legs = vec![(from.lowest().unwrap(), Leg::Read { row: rows.start.0 })];
                    let purpose = Purpose::Read { window, rows, targets, found: 0 };
                    self.jobs.push(Job { purpose, legs, failed: empty });
                }
                Command::Flush { id, slots } => {
                    let legs = self.flush_legs(slots);
                    self.jobs.push(Job { purpose: Purpose::Flush(id), legs, failed: empty });
                }
                Command::Persist { seq, to } => {
                    self.records += 1;
                    let leg = Leg::Record(self.records, self.core.snapshot(seq).unwrap());
                    let legs = to.iter().map(|slot| (slot, leg.clone())).collect();
                    self.jobs.push(Job { purpose: Purpose::Persist(seq), legs, failed: empty });
                }
                Command::Wake(wake) => self.wake(wake),
                Command::Notice(_) => {}
            }
        }
    }

    fn wake(&mut self, wake: WaitFor) {
        let hit = |wait: WaitFor| match (wait, wake) {
            (WaitFor::Record(waited), WaitFor::Record(now)) => waited <= now,
            _ => wait == wake,
        };
        for wish in &mut self.wishes {
            if wish.parked.flatten().is_some_and(hit) {
                wish.parked = Some(None);
            }
        }
        for (seq, versions, durable) in std::mem::take(&mut self.acks) {
            match hit(WaitFor::Record(seq)) {
                true => self.acknowledge(&versions, durable),
                false => self.acks.push((seq, versions, durable)),
            }
        }
    }

    fn leg(&mut self, index: usize, leg: usize) {
        let job = &mut self.jobs[index];
        let (slot, leg) = job.legs.remove(leg);
        let member = &mut self.members[slot.index()];
        if member.dead {
            job.failed.insert(slot);
            return;
        }
        match leg {
            Leg::Data { row, version, durable } => member.write(row, version, durable),
            Leg::Flush(covered) => member.flush(covered),
            Leg::Record(number, image) => member.record = (number, image),
            Leg::Read { row } => {
                if let Purpose::Read { found, .. } = &mut job.purpose {
                    *found = member.now()[row as usize];
                }
            }
        }
    }

    fn report(&mut self, index: usize) {
        let Job { purpose, failed, .. } = self.jobs.remove(index);
        match purpose {
            Purpose::Write { ticket, versions, durable } => {
                let ack = self.core.complete(self.now, ticket, failed).unwrap();
                self.answer(ack, versions, durable);
            }
            Purpose::UserFlush { covered } => {
                let ack = self.core.complete_flush(failed);
                let versions = (0..).zip(covered).collect();
                self.answer(ack, versions, true);
            }
            Purpose::Flush(id) => self.core.flushed(self.now, id, failed).unwrap(),
            Purpose::Persist(seq) => self.core.persisted(self.now, seq, failed).unwrap(),
            Purpose::Read { window, rows, targets, found } => {
                let row = rows.start.0;
                let leg = Leg::Data { row, version: found, durable: false };
                let legs = targets.iter().map(|slot| (slot, leg.clone())).collect();
                let purpose = Purpose::Copied { window, rows };
                self.jobs.push(Job { purpose, legs, failed: SlotSet::EMPTY });
            }
            Purpose::Copied { window, rows } => {
                let result = CopyResult { write_failed: failed, ..CopyResult::good(rows.len) };
                self.core.copied(self.now, window, result).unwrap();
            }
        }
    }

    fn answer(&mut self, ack: Ack, versions: Versions, durable: bool) {
        match ack {
            Ack::Now => self.acknowledge(&versions, durable),
            Ack::After(seq) => self.acks.push((seq, versions, durable)),
            Ack::NoCopyLeft => panic!("a trusted copy is left"),
        }
    }

    fn acknowledge(&mut self, versions: &[(u64, u8)], durable: bool) {
        for (row, version) in versions {
            let row = *row as usize;
            let later = self.age(row, *version).unwrap();
            if later > self.age(row, self.acknowledged[row]).unwrap() {
                self.acknowledged[row] = *version;
            }
            if durable && later > self.age(row, self.promised[row]).unwrap() {
                self.promised[row] = *version;
            }
        }
    }

    // ---- what must hold

    /// Place of a version in the history of its row.
    fn age(&self, row: usize, version: u8) -> Option<usize> {
        self.history[row].iter().position(|known| *known == version)
    }

    fn not_older(&self, row: usize, version: u8, than: u8) -> bool {
        self.age(row, version) >= self.age(row, than) && self.age(row, version).is_some()
    }

    fn check(&self) -> Result<(), String> {
        self.check_reads()?;
        for lost in [None, Some(0), Some(1)] {
            // Records in flight have landed on any subset of their members.
            for landed in 0..4u8 {
                self.check_restart(lost, landed)?;
            }
        }
        Ok(())
    }

    fn check_reads(&self) -> Result<(), String> {
        for row in 0..2usize {
            let flying = self.jobs.iter().any(|job| match &job.purpose {
                Purpose::Write { versions, .. } => versions.iter().any(|(r, _)| *r == row as u64),
                _ => false,
            });
            if flying {
                continue;
            }
            let plan = self.core.plan_read(Rows::new(row as u64, 1), SlotSet::EMPTY);
            let from = plan.map_err(|refusal| refusal.to_string())?.from;
            let read: Vec<u8> =
                from.iter().map(|slot| self.members[slot.index()].now()[row]).collect();
            let fresh = read.iter().all(|v| self.not_older(row, *v, self.acknowledged[row]));
            if !fresh || read.windows(2).any(|pair| pair[0] != pair[1]) {
                return Err(format!("row {row} reads as {read:?}"));
            }
        }
        Ok(())
    }

    fn check_restart(&self, lost: Option<usize>, landed: u8) -> Result<(), String> {
        let status = self.core.status();
        let here = |slot: &usize| Some(*slot) != lost;
        let trusted = |slot: &usize| {
            let slot = Slot(*slot as u8);
            !status.failed.contains(slot) && !status.rebuilding.contains(slot)
        };
        if !(0..2).any(|slot| here(&slot) && trusted(&slot) && !self.members[slot].dead) {
            return Ok(());
        }
        let mut newest = (0, self.members[0].record.1);
        for slot in (0..2).filter(here) {
            let mut record = self.members[slot].record;
            for (to, leg) in self.jobs.iter().flat_map(|job| &job.legs) {
                if let Leg::Record(number, image) = leg
                    && to.index() == slot
                    && landed & (1 << slot) != 0
                {
                    record = (*number, *image);
                }
            }
            if record.0 >= newest.0 {
                newest = record;
            }
        }
        let found = newest.1;
        for row in 0..2usize {
            let mut seen: Vec<u8> = Vec::new();
            for slot in (0..2).filter(here) {
                let place = Slot(slot as u8);
                let filled = found.rebuilding.contains(place);
                let below = found.clean && (row as u64) < found.mark.0;
                if found.failed.contains(place) || (filled && !below) {
                    continue;
                }
                let versions = &self.members[slot].rows[row];
                if !versions.iter().all(|v| self.not_older(row, *v, self.promised[row])) {
                    return Err(format!("row {row} of member {slot} may hold {versions:?}"));
                }
                seen.extend(versions);
            }
            seen.dedup();
            if seen.is_empty() || (found.clean && seen.len() > 1) {
                return Err(format!("row {row} after a stop that reads as {found:?}: {seen:?}"));
            }
        }
        Ok(())
    }

    fn at_rest(&self) -> bool {
        let status = self.core.status();
        self.wishes.is_empty() && self.acks.is_empty() && status.clean && !status.unrecorded
    }
}

/// 128 bits that stand for a world: two of them meet by accident once in 10^20 runs of this size.
fn fingerprint(world: &World) -> (u64, u64) {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    (hasher.hash_one((1u8, world)), hasher.hash_one((2u8, world)))
}

/// Visits every reachable state; how many there are.
fn explore(scenario: Scenario) -> usize {
    let first = World::new(scenario);
    let mut known = HashSet::from([fingerprint(&first)]);
    let mut layer = vec![first];
    let mut steps = 0;
    while !layer.is_empty() {
        let mut next = Vec::new();
        for world in layer {
            let successors = world.successors();
            assert!(!successors.is_empty() || world.at_rest(), "stuck: {world:#?}");
            for successor in successors {
                if known.insert(fingerprint(&successor)) {
                    if let Err(what) = successor.check() {
                        panic!("after {steps} steps: {what}\n{successor:#?}");
                    }
                    next.push(successor);
                }
            }
        }
        layer = next;
        steps += 1;
    }
    println!("{} states, {steps} steps deep: {scenario:?}", known.len());
    known.len()
}

const REBUILD: Scenario = Scenario {
    writes: &[(0, 1)],
    durable: false,
    flush: false,
    rebuild: true,
    mark: true,
    failure: false,
};
const WRITES: Scenario = Scenario { flush: true, rebuild: false, ..REBUILD };

/// The first of `scenarios` in a debug build, all of them in a release build.
fn explore_all(scenarios: &[Scenario]) {
    let few = if cfg!(debug_assertions) { 1 } else { scenarios.len() };
    for scenario in &scenarios[..few] {
        assert!(explore(*scenario) > 1000, "{scenario:?} was cut short");
    }
}

#[test]
#[cfg_attr(miri, ignore = "tens of thousands of states")]
fn a_rebuild_beside_writes_holds_in_every_interleaving() {
    explore_all(&[
        REBUILD,
        Scenario { flush: true, ..REBUILD },
        Scenario { mark: false, writes: &[(0, 2)], ..REBUILD },
        Scenario { writes: &[(0, 2)], ..REBUILD },
        Scenario { writes: &[(1, 1)], durable: true, ..REBUILD },
    ]);
}

#[test]
#[cfg_attr(miri, ignore = "tens of thousands of states")]
fn overlapping_writes_and_a_flush_hold_in_every_interleaving() {
    explore_all(&[
        Scenario { writes: &[(0, 1), (0, 2)], ..WRITES },
        Scenario { writes: &[(0, 2), (0, 2)], ..WRITES },
        Scenario { writes: &[(0, 1), (0, 1)], durable: true, ..WRITES },
    ]);
}

#[test]
#[cfg_attr(miri, ignore = "tens of thousands of states")]
fn a_failing_member_breaks_no_promise_in_any_interleaving() {
    explore_all(&[
        Scenario { failure: true, writes: &[(0, 2)], ..WRITES },
        Scenario { failure: true, writes: &[(0, 1), (0, 1)], durable: true, ..WRITES },
        Scenario { failure: true, writes: &[(0, 1), (1, 1)], ..WRITES },
        Scenario { failure: true, ..REBUILD },
    ]);
}
