// SPDX-License-Identifier: MIT OR Apache-2.0
//! A volume that runs: its users, its operator, and what is watched at every step.
//!
//! | watched | a finding |
//! |---|---|
//! | every read | what the oracle does not allow |
//! | every failed request | the set had not lost more than it can spare |
//! | every member that fails | nobody had hurt it |
//! | after each call and completion | work is left, and no I/O, no deadline and no event |

use crate::disks::Plugged;
use crate::machine::{Area, Areas, Machine, look};
use crate::oracle::{Ends, Floor, Version};
use crate::plan::{Off, is_off};
use crate::table::{Counts, Kind};
use fastrand::Rng;
use raid_array::backplane::{Backplane, Transfer};
use raid_array::engine::{Event, OpenError, Options, Request, RequestId};
use raid_array::trust::{Accept, Risk};
use raid_array::workload::{ArrayEngine, Call};
use raid_core::array::Place;
use raid_core::backend::Backend;
use raid_core::metadata::Operation;
use raid_core::units::{Extent, Slot, SlotSet};
use raid_sync::{Limits, Phase, Status};
use std::collections::BTreeMap;
use std::fmt;

/// Requests that users keep under way.
const DEPTH: usize = 6;

/// Steps after which whatever is waited for will never come.
const PATIENCE: u64 = 10_000;

/// What a life has found.
#[derive(Clone, Debug)]
pub(crate) struct Finding(pub(crate) String);

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug)]
enum Op {
    Read(Floor),
    /// How many members had died; `None` while no record of this run is on all disks: the next start may
    /// not know that there was this one.
    Adopt(Floor, Option<u64>),
    Write {
        at: Extent,
        version: Version,
        durable: bool,
    },
    Flush(Floor),
}

/// What is known of one set.
#[derive(Clone, Debug)]
struct Seen {
    status: Status,
    /// Members that something was done to, or that were not whole at the start.
    hurt: SlotSet,
    /// Members of which an I/O has failed, and which the array takes for working until the rest of it is answered.
    failing: SlotSet,
    /// Who sat where.
    seats: Vec<Option<usize>>,
}

/// A volume that runs.
#[derive(Debug)]
pub(crate) struct Run<E> {
    pub(crate) engine: E,
    pub(crate) plugged: Plugged,
    /// The machine's number of each disk.
    pub(crate) order: Vec<usize>,
    pub(crate) volume: usize,
    pub(crate) areas: Areas,
    pub(crate) random: Rng,
    pub(crate) ios: u64,
    /// Member I/O that was no part of a record: what users and their rows cause.
    rows: u64,
    pub(crate) seated: Vec<(Place, usize)>,
    pub(crate) read_anything: bool,
    under_way: BTreeMap<RequestId, Op>,
    seen: Vec<Seen>,
    /// Disks that left, and whether the array has to notice first.
    pub(crate) away: Vec<usize>,
    /// Something that fails single requests was done.
    pub(crate) unreadable: bool,
    /// A record of this run is on all disks.
    committed: bool,
    /// Spares that were asked for and have not sat down.
    pub(crate) activating: u64,
    /// The sector that was found to be wrong.
    pub(crate) wrong: Option<u64>,
}

/// Small windows, frequent checkpoints.
pub(crate) fn options(machine: &Machine, force: bool, seed: u64) -> Options {
    let limits = Limits {
        rows_per_window: 16,
        windows: 2,
        min_rate: 200_000,
        checkpoint_rows: 32,
        clean_after_idle: 2_000_000,
        ..Limits::default()
    };
    let accept = match force {
        true => Accept::NOTHING.and(Risk::UncleanDegraded),
        false => Accept::NOTHING,
    };
    Options { accept, limits, backend: Backend::detect(), unix_start: machine.unix, seed }
}

impl<E: ArrayEngine> Run<E> {
    /// Starts a volume from these disks. The oracle is not asked.
    pub(crate) fn start(
        machine: &mut Machine,
        volume: usize,
        order: &[usize],
        force: bool,
        seed: u64,
    ) -> Result<Self, OpenError> {
        let disks = machine.take(order);
        let discovery = look(machine.kept.format, &disks);
        let mut plugged = Plugged::new(disks, seed, machine.now);
        let id = machine.volumes[volume].id;
        let options = options(machine, force, seed);
        match E::open(machine.kept.format, &discovery, id, &mut plugged, options) {
            Ok(engine) => {
                let areas = Areas::new(machine.kept.format, &discovery, id);
                machine.learn(&areas);
                let mut run = Self {
                    engine,
                    plugged,
                    order: order.to_vec(),
                    volume,
                    areas,
                    random: Rng::with_seed(seed ^ 0x5EED),
                    ios: 0,
                    rows: 0,
                    seated: Vec::new(),
                    read_anything: false,
                    under_way: BTreeMap::new(),
                    seen: Vec::new(),
                    away: Vec::new(),
                    unreadable: false,
                    committed: false,
                    activating: 0,
                    wrong: None,
                };
                for set in 0..run.sets(machine) {
                    let status = run.engine.status(set);
                    let seats = run.seats(machine, set);
                    let hurt = status.failed | status.rebuilding;
                    // A row that no member gave when another one was filled is gone until it is written.
                    run.unreadable |= status.bad_ranges > 0;
                    machine.volumes[volume].oracle.trees[usize::from(set)].sees(&status, &status);
                    run.seen.push(Seen { status, hurt, failing: SlotSet::EMPTY, seats });
                }
                for disk in 0..order.len() {
                    let own = &run.plugged.disks[disk];
                    if own.is_ill() {
                        run.unreadable = true;
                        run.hurt(disk);
                    }
                }
                Ok(run)
            }
            Err(error) => {
                machine.now = plugged.now();
                let disks = plugged.cut(crate::disks::Cache::Torn);
                machine.give_back(order, disks);
                Err(error)
            }
        }
    }

    pub(crate) fn sets(&self, machine: &Machine) -> u16 {
        machine.volumes[self.volume].geometry.sets
    }

    fn seats(&self, machine: &Machine, set: u16) -> Vec<Option<usize>> {
        let slots = machine.volumes[self.volume].geometry.slots as u8;
        (0..slots).map(|slot| self.engine.disk_at(Place { set, slot: Slot(slot) })).collect()
    }

    /// Index in this start of each disk that works in a place, and the place.
    pub(crate) fn working(&self, machine: &Machine) -> Vec<(Place, usize)> {
        let mut working = Vec::new();
        for (set, seen) in (0u16..).zip(&self.seen) {
            for (slot, seat) in (0u8..).map(Slot).zip(self.seats(machine, set)) {
                if let Some(disk) = seat.filter(|_| !seen.status.failed.contains(slot)) {
                    working.push((Place { set, slot }, disk));
                }
            }
        }
        working
    }

    pub(crate) fn failed(&self, machine: &Machine) -> Vec<(Place, Option<usize>)> {
        let mut failed = Vec::new();
        for (set, seen) in (0u16..).zip(&self.seen) {
            for slot in seen.status.failed.iter() {
                let seats = self.seats(machine, set);
                failed.push((Place { set, slot }, seats.get(slot.index()).copied().flatten()));
            }
        }
        failed
    }

    pub(crate) fn set_failed(&self) -> bool {
        self.seen.iter().any(|seen| seen.status.set_failed)
    }

    /// Whether a set lacks a member, or is filling one.
    pub(crate) fn set_is_short(&self) -> bool {
        self.statuses().any(|own| !(own.failed | own.rebuilding).is_empty())
    }

    pub(crate) fn status(&self, set: u16) -> &Status {
        &self.seen[usize::from(set)].status
    }

    pub(crate) fn statuses(&self) -> impl Iterator<Item = &Status> {
        self.seen.iter().map(|seen| &seen.status)
    }

    /// Members that a whole set can lose.
    fn spare(&self, machine: &Machine) -> usize {
        let geometry = &machine.volumes[self.volume].geometry;
        match geometry.parity_strips() {
            0 => usize::from(geometry.slots) - 1,
            parities => usize::from(parities),
        }
    }

    /// Members that the set can lose besides those it lacks.
    pub(crate) fn can_spare(&self, machine: &Machine, set: u16) -> usize {
        let spare = self.spare(machine);
        let seen = &self.seen[usize::from(set)];
        let away = self.away.iter().filter(|disk| seen.seats.contains(&Some(**disk)));
        let away: SlotSet = away
            .filter_map(|disk| seen.seats.iter().position(|seat| *seat == Some(*disk)))
            .map(|slot| Slot(slot as u8))
            .collect();
        let short = seen.status.failed | seen.status.rebuilding | away;
        spare.saturating_sub(usize::from(short.len()))
    }

    /// Something was done to this disk's members.
    pub(crate) fn hurt(&mut self, disk: usize) {
        for seen in &mut self.seen {
            for (slot, seat) in (0u8..).zip(&seen.seats) {
                if *seat == Some(disk) {
                    seen.hurt.insert(Slot(slot));
                }
            }
        }
    }

    /// What a set has not got: rows below are the same everywhere.
    fn mark(status: &Status) -> u64 {
        let resync = status.operation == Some(Operation::Resync);
        status.marks.filter(|_| resync).map_or(0, |marks| marks.flushed.0)
    }

    /// The members of a disk leave at this moment, though the array may not know.
    pub(crate) fn leaves(&mut self, machine: &mut Machine, disk: usize) {
        let number = self.order[disk];
        let volume = &mut machine.volumes[self.volume];
        for (set, seen) in self.seen.iter().enumerate() {
            let Some(slot) = seen.seats.iter().position(|seat| *seat == Some(disk)) else {
                continue;
            };
            let slot = Slot(slot as u8);
            let oracle = &mut volume.oracle;
            let journaled = journaled(&oracle.map, &seen.status);
            if seen.status.failed.contains(slot) || seen.status.rebuilding.contains(slot) {
                oracle.trees[set].left(&oracle.map, set, &[number], journaled);
            } else {
                let member = (number, slot);
                oracle.trees[set].left_unnoticed(&oracle.map, set, member, journaled);
                oracle.trees[set].died(&oracle.map, set, slot, Self::mark(&seen.status));
            }
        }
    }

    /// What the operator asks.
    pub(crate) fn call(
        &mut self,
        machine: &mut Machine,
        call: Call,
    ) -> Result<Result<(), String>, Finding> {
        let answer = self.engine.call(self.plugged.now(), call);
        self.take_events(machine)?;
        self.watch(machine)?;
        Ok(answer)
    }

    /// Lets one thing happen; `false` when there was nothing to do and nothing to wait for.
    pub(crate) fn step(&mut self, machine: &mut Machine) -> Result<bool, Finding> {
        while let Some(io) = self.engine.next_io() {
            self.plugged.submit(io);
        }
        let deadline = self.engine.deadline().filter(|deadline| *deadline > self.plugged.now());
        let next = self.plugged.next_at();
        let moved = match (deadline, next) {
            (Some(deadline), Some(next)) if deadline < next => {
                self.plugged.idle(deadline);
                self.engine.run(self.plugged.now());
                true
            }
            (_, Some(_)) => {
                let done = self.plugged.next();
                if let Some(done) = done {
                    let record = self
                        .plugged
                        .last
                        .map_or(Area::Record, |(disk, at)| self.areas.of(disk, at));
                    self.rows += u64::from(record != Area::Record);
                    self.engine.complete_io(self.plugged.now(), done);
                }
                self.ios += 1;
                true
            }
            (Some(deadline), None) => {
                self.plugged.idle(deadline);
                self.engine.run(self.plugged.now());
                true
            }
            (None, None) => false,
        };
        self.take_events(machine)?;
        self.watch(machine)?;
        if !moved {
            self.stands_still()?;
        }
        Ok(moved)
    }

    /// Nothing moves: is that because nothing is left to do?
    fn stands_still(&self) -> Result<(), Finding> {
        if self.plugged.in_flight().next().is_some() {
            // A disk holds it back.
            return Ok(());
        }
        if self.set_failed() && is_off(Off::FailedSetAnswers) {
            return Ok(());
        }
        let still = |what: &str| {
            let statuses: Vec<&Status> = self.seen.iter().map(|seen| &seen.status).collect();
            Err(Finding(format!("stands still: {what}; {statuses:?}")))
        };
        if !self.under_way.is_empty() {
            return still("a request is not answered");
        }
        if !self.engine.is_idle() {
            return still("the engine is not idle");
        }
        for Seen { status, .. } in self.seen.iter().filter(|seen| !seen.status.set_failed) {
            if status.unrecorded {
                return still("a change is not recorded");
            }
            if status.phase == Phase::Paused {
                // What is owed waits for the operator.
                continue;
            }
            if status.operation.is_some() {
                return still("an operation has no I/O and no deadline");
            }
            if !status.rebuilding.is_empty() {
                return still("a member is not filled");
            }
            if status.owed_regions > 0 && status.failed.is_empty() {
                return still("a resync is owed");
            }
        }
        Ok(())
    }

    fn take_events(&mut self, machine: &mut Machine) -> Result<(), Finding> {
        while let Some(event) = self.engine.next_event() {
            match event {
                Event::Finished { request, result, .. } => {
                    let Some(op) = self.under_way.remove(&request) else {
                        return Err(Finding(format!("{request:?} was answered twice")));
                    };
                    let oracle = &mut machine.volumes[self.volume].oracle;
                    let bytes = match result {
                        Ok(bytes) => bytes,
                        Err(error) => {
                            self.may_fail(machine, &op, &error.to_string())?;
                            continue;
                        }
                    };
                    for (set, tree) in (0u16..).zip(&mut oracle.trees) {
                        tree.knows_of(self.engine.status(set).failed);
                    }
                    let wrong = match op {
                        Op::Read(floor) => oracle.check_read(&floor, &bytes),
                        Op::Adopt(floor, deaths) => oracle.adopt(&floor, deaths, &bytes),
                        Op::Write { at, version, durable } => {
                            oracle.acknowledge_write(at, version, durable);
                            Ok(())
                        }
                        Op::Flush(floor) => {
                            oracle.acknowledge_flush(&floor);
                            Ok(())
                        }
                    };
                    self.read_anything = true;
                    self.wrong = wrong.as_ref().err().map(|wrong| wrong.sector);
                    wrong.map_err(|wrong| Finding(format!("{wrong}")))?;
                }
                Event::SpareActivated { place, disk, .. } => {
                    self.seated.push((place, disk));
                    self.activating = 0;
                }
                Event::Refused(_) | Event::NotTaken { .. } => self.activating = 0,
                Event::Committed => self.committed = true,
                Event::MemberFailed { place, .. } => {
                    self.seen[usize::from(place.set)].failing.insert(place.slot);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A request was refused: had the set lost more than it can spare?
    fn may_fail(&self, machine: &Machine, op: &Op, error: &str) -> Result<(), Finding> {
        let failed = (0..self.sets(machine)).any(|set| self.engine.status(set).set_failed);
        if failed || self.unreadable {
            return Ok(());
        }
        Err(Finding(format!("{op:?} failed though no set has failed: {error}")))
    }

    /// Looks at what changed.
    fn watch(&mut self, machine: &mut Machine) -> Result<(), Finding> {
        for set in 0..self.sets(machine) {
            let status = self.engine.status(set);
            let seats = self.seats(machine, set);
            let index = usize::from(set);
            let before = std::mem::replace(&mut self.seen[index].status, status);
            let seats = std::mem::replace(&mut self.seen[index].seats, seats);
            let journaled = {
                let oracle = &machine.volumes[self.volume].oracle;
                journaled(&oracle.map, &before)
            };
            for slot in status.failed.without(before.failed).iter() {
                let disk = seats.get(slot.index()).copied().flatten();
                let ill =
                    |disk: Option<usize>| disk.is_some_and(|own| self.plugged.disks[own].is_ill());
                let ill = (0u8..).map(Slot).zip(&seats).filter(|(_, disk)| ill(**disk));
                let hurt = self.seen[index].hurt | ill.map(|(slot, _)| slot).collect();
                // Of a set that has failed all members count as failed.
                let enough = usize::from(hurt.len()) > self.spare(machine);
                let explained = hurt.contains(slot) || (status.set_failed && enough);
                if !explained {
                    return Err(Finding(format!(
                        "set {set}, slot {}: failed though nobody hurt it; {before:?}",
                        slot.0
                    )));
                }
                let Some(disk) = disk else { continue };
                if !self.away.contains(&disk) {
                    let oracle = &mut machine.volumes[self.volume].oracle;
                    let number = [self.order[disk]];
                    oracle.trees[index].left(&oracle.map, index, &number, journaled);
                    if !before.rebuilding.contains(slot) && !status.set_failed {
                        let mark = Self::mark(&before);
                        oracle.trees[index].died(&oracle.map, index, slot, mark);
                    }
                }
            }
            let seats = self.seen[index].seats.clone();
            let oracle = &mut machine.volumes[self.volume].oracle;
            oracle.trees[index].knows_of(status.failed);
            oracle.trees[index].sees(&before, &status);
            let unnoticed: SlotSet = (self.away.iter())
                .filter_map(|disk| seats.iter().position(|seat| *seat == Some(*disk)))
                .map(|slot| Slot(slot as u8))
                .collect();
            if !status.unrecorded && unnoticed.without(status.failed).is_empty() {
                oracle.trees[index].noticed();
            }
            let healed =
                (before.failed | before.rebuilding).without(status.failed | status.rebuilding);
            // Who left while the last record of its rebuild was on its way is hurt, and filled; so is one whose disk
            // has been told to fail something, and was not asked for it yet.
            let ill = (0u8..).map(Slot).zip(&seats);
            let ill =
                ill.filter(|(_, seat)| seat.is_some_and(|own| self.plugged.disks[own].is_ill()));
            let still: SlotSet = ill.map(|(slot, _)| slot).collect();
            let seen = &mut self.seen[index];
            seen.failing = seen.failing.without(status.failed);
            let still = unnoticed | still | seen.failing;
            seen.hurt = seen.hurt.without(healed.without(still));
            if status.set_failed {
                continue;
            }
            for (slot, seat) in (0u8..).map(Slot).zip(&seats) {
                let Some(disk) = *seat else { continue };
                let filled = status.rebuilding.contains(slot);
                let joining = filled && (status.unrecorded || !self.committed);
                if filled {
                    oracle.trees[index].holds_all(self.order[disk], false);
                } else if !status.failed.contains(slot) && !status.unrecorded {
                    oracle.trees[index].holds_all(self.order[disk], true);
                }
                if !status.failed.contains(slot) && !joining && !self.away.contains(&disk) {
                    oracle.trees[index].knows(self.order[disk]);
                }
            }
            let below = match status.operation {
                Some(Operation::Resync) => Self::mark(&status),
                None if status.owed_regions == 0 => u64::MAX,
                _ => 0,
            };
            if below > 0 && (below, before.owed_regions) != (u64::MAX, 0) {
                oracle.trees[index].agree(&oracle.map, index, below);
            }
        }
        Ok(())
    }

    /// Users work for `ios` member I/Os, or until `enough`.
    pub(crate) fn work(
        &mut self,
        machine: &mut Machine,
        ios: u64,
        mut enough: impl FnMut(&Self) -> bool,
    ) -> Result<(), Finding> {
        // A record takes many I/Os on some formats, and nothing is written until it is durable.
        let (end, most, mut patience) = (self.rows + ios, self.ios + 8 * ios, PATIENCE);
        while self.rows < end && self.ios < most && patience > 0 {
            // A set that has failed answers at once: users ask again now and then.
            for _ in self.under_way.len()..DEPTH {
                self.submit_any(machine)?;
            }
            if !self.step(machine)? || enough(self) {
                break;
            }
            patience -= if self.set_failed() { patience.min(PATIENCE / 20) } else { 1 };
        }
        Ok(())
    }

    /// The array works for `ios` member I/Os.
    pub(crate) fn wait(&mut self, machine: &mut Machine, ios: u64) -> Result<(), Finding> {
        let (end, mut patience) = (self.ios + ios, PATIENCE);
        while self.ios < end && patience > 0 && self.step(machine)? {
            patience -= 1;
        }
        Ok(())
    }

    /// Until every request is answered, as far as no disk holds back an answer.
    pub(crate) fn settle(&mut self, machine: &mut Machine) -> Result<(), Finding> {
        let mut patience = PATIENCE;
        while !self.under_way.is_empty() {
            if !self.step(machine)? {
                return Ok(());
            }
            patience -= 1;
            if patience == PATIENCE / 2 {
                // Disks that hold back what they were asked answer at last.
                (0..self.order.len()).for_each(|disk| self.plugged.release(disk));
            }
            if patience == 0 {
                let left: Vec<&Op> = self.under_way.values().collect();
                return Err(Finding(format!("never answered: {left:?}")));
            }
        }
        Ok(())
    }

    /// Until nothing is left to do.
    pub(crate) fn rest(&mut self, machine: &mut Machine) -> Result<(), Finding> {
        let mut patience = PATIENCE;
        loop {
            // A degraded set that is owed a resync stays unclean.
            let busy = |status: &Status| {
                // What is owed by a whole set is paid, if need be after another try.
                let unclean =
                    !status.clean && (status.owed_regions == 0 || status.failed.is_empty());
                let runs = status.operation.is_some() && status.phase != Phase::Paused;
                !status.set_failed && (runs || unclean)
            };
            let idle = self.engine.is_idle() && !self.statuses().any(busy);
            // A row that nobody can give is tried again for ever.
            let vain = self.unreadable && patience < PATIENCE / 2;
            if idle || vain || !self.step(machine)? {
                return Ok(());
            }
            patience -= 1;
            if patience == 0 {
                let statuses: Vec<&Status> = self.statuses().collect();
                return Err(Finding(format!("never comes to rest: {statuses:?}")));
            }
        }
    }

    fn submit_any(&mut self, machine: &mut Machine) -> Result<(), Finding> {
        let sectors = machine.volumes[self.volume].oracle.map.sectors();
        let len = match self.random.u8(..8) {
            0 => self.random.u64(1..=64),
            1..3 => self.random.u64(1..=16),
            _ => self.random.u64(1..=4),
        };
        let start = match self.random.u8(..3) {
            0 => self.random.u64(..48.min(sectors - len)),
            _ => self.random.u64(..=sectors - len),
        };
        let at = Extent::new(start, len);
        let oracle = &mut machine.volumes[self.volume].oracle;
        match self.random.u8(..20) {
            0..11 if !self.writing(at) => {
                let durable = self.random.u8(..4) == 0;
                let (version, bytes) = oracle.submit_write(at);
                let request = Request::Write { at: at.start.0, bytes, durable };
                self.submit(machine, request, Op::Write { at, version, durable })
            }
            0..18 => {
                let floor = oracle.floor(at);
                self.submit(machine, Request::Read(at), Op::Read(floor))
            }
            _ => {
                let floor = oracle.floor(Extent::new(0, sectors));
                self.submit(machine, Request::Flush, Op::Flush(floor))
            }
        }
    }

    /// Whether somebody writes there: two writes to one sector at a time leave either of them.
    fn writing(&self, at: Extent) -> bool {
        let overlaps = |op: &Op| matches!(op, Op::Write { at: other, .. } if other.overlaps(at));
        self.under_way.values().any(overlaps)
    }

    fn submit(&mut self, machine: &mut Machine, request: Request, op: Op) -> Result<(), Finding> {
        let id = self.engine.submit(self.plugged.now(), request);
        self.under_way.insert(id, op);
        self.take_events(machine)?;
        self.watch(machine)
    }

    /// Reads everything; what is found stays.
    pub(crate) fn sweep(&mut self, machine: &mut Machine) -> Result<(), Finding> {
        self.settle(machine)?;
        let sectors = machine.volumes[self.volume].oracle.map.sectors();
        let mut next = 0;
        while next < sectors {
            let at = Extent::new(next, (sectors - next).min(64));
            next += at.len.0;
            let deaths = machine.volumes[self.volume].oracle.deaths();
            let deaths = self.committed.then_some(deaths);
            let floor = machine.volumes[self.volume].oracle.floor(at);
            self.submit(machine, Request::Read(at), Op::Adopt(floor, deaths))?;
        }
        self.settle(machine)
    }

    /// What kinds of blocks are on their way to the disks.
    pub(crate) fn writes_on_the_way(&self) -> (bool, bool) {
        let (mut record, mut journal) = (false, false);
        for io in self.plugged.in_flight() {
            if let Transfer::Write { at, .. } = &io.transfer {
                let area = self.areas.of(io.disk, at.0);
                record |= area == Area::Record;
                journal |= area == Area::Journal;
            }
        }
        (record, journal)
    }

    /// The power goes.
    pub(crate) fn cut(
        self,
        machine: &mut Machine,
        cache: crate::disks::Cache,
        counts: &mut Counts,
    ) {
        let (record, journal) = self.writes_on_the_way();
        counts.count(Kind::Cut);
        let mut count = |kind, is: bool| {
            if is {
                counts.count(kind);
            }
        };
        count(Kind::CutInRecord, record);
        count(Kind::CutInJournal, journal);
        count(Kind::CutInActivation, record && self.activating > 0);
        count(Kind::CutInRestart, !self.read_anything);
        let resync = |status: &Status| status.operation == Some(Operation::Resync);
        let rebuild = |status: &Status| !status.rebuilding.is_empty();
        count(Kind::CutInResync, self.statuses().any(resync));
        count(Kind::CutInRebuild, self.statuses().any(rebuild));
        counts.ios += self.ios;
        machine.now = self.plugged.now();
        let volume = &mut machine.volumes[self.volume];
        for (set, seen) in self.seen.iter().enumerate() {
            let oracle = &mut volume.oracle;
            let journaled = journaled(&oracle.map, &seen.status);
            let Status { clean, unrecorded, owed_regions, operation, set_failed, .. } = seen.status;
            let recorded = !unrecorded && owed_regions == 0;
            let unnoticed = self.away.iter().any(|disk| {
                let seat = seen.seats.iter().position(|seat| *seat == Some(*disk));
                seat.is_some_and(|slot| !seen.status.failed.contains(Slot(slot as u8)))
            });
            let resync = operation == Some(Operation::Resync);
            let owed = oracle.map.parity() && oracle.trees[set].owes_resync();
            let ends = Ends {
                clean: clean && recorded && !owed,
                settled: recorded && !resync && !owed && !set_failed && !unnoticed,
            };
            oracle.trees[set].cut(&oracle.map, set, journaled, ends);
        }
        let disks = self.plugged.cut(cache);
        machine.give_back(&self.order, disks);
    }
}

/// Whether rows in flight are in a journal: a record says that the set is short.
fn journaled(map: &crate::oracle::Map, status: &Status) -> bool {
    let short = !(status.failed | status.rebuilding).is_empty();
    map.parity() && short && !status.unrecorded
}
