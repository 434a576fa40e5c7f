// SPDX-License-Identifier: MIT OR Apache-2.0
//! The crash simulator: a real core, an engine that obeys it, disks that lose power, and an oracle.
//!
//! Everything that takes time is a job made of legs (one member each). A step lets one leg happen, so
//! any interleaving of user writes, copies, flushes and records can come up; a crash may fall between
//! any two, and then each leg in flight has landed or not, and each cached write has or has not.
//!
//! What the oracle holds against the core, after every step and after every restart:
//!
//! 1. every member that may serve a read holds a value that was promised, or one submitted later;
//! 2. all of them hold the same, unless a write is in flight;
//! 3. without a crash, no read goes back in time;
//! 4. a scrub finds no difference that lasts;
//! 5. nothing hangs: left alone, every request ends and every owed operation completes.

use raid_core::array::Initialisation;
use raid_core::metadata::{Capabilities, Operation, RuntimeState};
use raid_core::units::{Row, Rows, Slot, SlotSet};
use raid_sync::*;
// The unit tests of the `no_std` crate share this file.
use std::prelude::v1::*;
use std::{format, vec};

pub(crate) mod disk;
pub(crate) mod random;

use disk::Disk;
use random::Random;

pub(crate) type Core = SyncCore<3, 2>;

/// What to simulate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) members: u16,
    pub(crate) rows: u64,
    pub(crate) parity: bool,
    pub(crate) align: u64,
    pub(crate) windows: u8,
    pub(crate) rows_per_window: u64,
    pub(crate) mark: bool,
    pub(crate) strict: bool,
    pub(crate) write_through: bool,
}

/// One thing that may happen next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Write {
        row: u64,
        len: u64,
        column: u64,
        durable: bool,
    },
    Flush,
    /// A read of lost blocks, computed from the other members.
    Reconstruct(u64),
    /// One leg of one job.
    Leg(u64),
    Legs(u64),
    Time(u64),
    Kill(u64),
    Tell(u64),
    Replace(u64),
    Start,
    Scrub(bool),
    Resync,
    Pause,
    Resume,
    Abort,
    Quiesce,
    Limits(u64),
    Crash(u64),
    /// Left alone until nothing moves.
    Drain,
}

impl Setup {
    pub(crate) fn random(random: &mut Random) -> Self {
        let parity = random.below(3) == 0;
        let rows_per_window = 1 + random.below(2);
        Self {
            members: 2 + random.below(2) as u16 + u16::from(parity),
            rows: 6,
            parity,
            align: rows_per_window,
            windows: 1 + random.below(2) as u8,
            rows_per_window,
            mark: random.coin(),
            strict: random.coin(),
            write_through: random.coin(),
        }
    }
}

impl Act {
    pub(crate) fn random(random: &mut Random, rows: u64) -> Self {
        match random.below(100) {
            0..=21 => Self::Write {
                row: random.below(rows),
                len: 1 + random.below(3),
                column: random.below(8),
                durable: random.below(4) == 0,
            },
            22..=24 => Self::Flush,
            25..=28 => Self::Reconstruct(random.below(rows)),
            29..=59 => Self::Leg(random.next()),
            60..=67 => Self::Legs(random.next()),
            68..=71 => Self::Time(random.below(2000)),
            72..=73 => Self::Kill(random.next()),
            74..=75 => Self::Tell(random.next()),
            76..=79 => Self::Replace(random.next()),
            80..=84 => Self::Start,
            85 => Self::Scrub(random.coin()),
            86 => Self::Resync,
            87 => Self::Pause,
            88..=89 => Self::Resume,
            90 => Self::Abort,
            91..=92 => Self::Quiesce,
            93 => Self::Limits(random.next()),
            94..=96 => Self::Crash(random.next()),
            _ => Self::Drain,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Leg {
    Data { slot: u8, blocks: Vec<(u64, u64)>, durable: bool },
    Read { slot: u8 },
    Flush { slot: u8, up_to: u64 },
    Record { slot: u8, number: u64, image: RuntimeState },
}

impl Leg {
    fn slot(&self) -> u8 {
        match self {
            Self::Data { slot, .. }
            | Self::Read { slot }
            | Self::Flush { slot, .. }
            | Self::Record { slot, .. } => *slot,
        }
    }
}

/// Which version of each block a promise is about.
type Versions = Vec<(u64, usize, usize)>;

#[derive(Clone, Debug)]
enum Purpose {
    Write { ticket: Ticket, durable: bool, versions: Versions },
    UserFlush { versions: Versions },
    Reconstruct { ticket: Ticket, row: u64, agreed: bool, read: Vec<(u8, u64)> },
    Flush(FlushId),
    Persist(RecordSeq),
    Read(Copy),
    Copied(Copy),
}

#[derive(Clone, Debug)]
struct Copy {
    window: WindowId,
    rows: Rows,
    operation: Operation,
    from: SlotSet,
    targets: SlotSet,
    verify: Verify,
    read: Vec<(u8, Vec<u64>)>,
    mismatched: u64,
}

#[derive(Clone, Debug)]
struct Job {
    legs: Vec<Leg>,
    failed: SlotSet,
    purpose: Purpose,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    rows: Rows,
    column: u64,
    durable: bool,
    wait: Option<WaitFor>,
}

/// Every value a block was ever asked to hold, and how far each promise goes.
#[derive(Clone, Debug, Default)]
struct Block {
    values: Vec<u64>,
    acknowledged: usize,
    promised: usize,
    seen: usize,
    /// Lost in a write hole that the core announced, when it had this many versions: nothing is known
    /// of it until a later one is promised.
    lost: Option<usize>,
}

pub(crate) type Build = dyn Fn(Config, &RuntimeState, Capabilities) -> Result<Core, Refusal>;

pub(crate) struct World<'a> {
    setup: Setup,
    build: &'a Build,
    core: Core,
    disks: Vec<Disk>,
    jobs: Vec<Job>,
    requests: Vec<Request>,
    acks: Vec<(RecordSeq, bool, Versions)>,
    blocks: Vec<Vec<Block>>,
    now: u64,
    records: u64,
    value: u64,
    over: bool,
    /// Prints what happens, to follow a failing run.
    pub(crate) trace: bool,
    failed: SlotSet,
    settling: bool,
    random: Random,
    /// What was reached, for tests that must not pass by doing nothing.
    pub(crate) seen: Seen,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) crashes: u64,
    pub(crate) rebuilds: u64,
    pub(crate) resyncs: u64,
    pub(crate) scrubs: u64,
    pub(crate) checkpoints: u64,
    pub(crate) held_acks: u64,
    pub(crate) window_waits: u64,
    pub(crate) refused: u64,
}

type Verdict = Result<(), String>;

impl<'a> World<'a> {
    pub(crate) fn new(setup: Setup, seed: u64, build: &'a Build) -> Self {
        let fresh = RuntimeState {
            clean: true,
            failed: SlotSet::EMPTY,
            rebuilding: SlotSet::EMPTY,
            initialisation: Initialisation::Full,
            operation: None,
            mark: Row(0),
        };
        let core = build(Self::config(&setup, SlotSet::EMPTY), &fresh, Self::capabilities(&setup));
        let columns = if setup.parity { usize::from(setup.members) - 1 } else { 1 };
        let block = Block { values: vec![0], ..Block::default() };
        let mut disks = vec![Disk::new(setup.rows, 0); usize::from(setup.members)];
        disks.iter_mut().for_each(|disk| disk.record = Some((0, fresh)));
        Self {
            core: core.unwrap(),
            disks,
            jobs: Vec::new(),
            requests: Vec::new(),
            acks: Vec::new(),
            blocks: vec![vec![block; columns]; setup.rows as usize],
            now: 1,
            records: 0,
            value: 0,
            over: false,
            trace: false,
            failed: SlotSet::EMPTY,
            settling: false,
            random: Random::new(seed),
            seen: Seen::default(),
            setup,
            build,
        }
    }

    fn config(setup: &Setup, absent: SlotSet) -> Config {
        let redundancy = if setup.parity { Redundancy::Parity(1) } else { Redundancy::Mirror };
        Config {
            align: setup.align,
            absent,
            strict: setup.strict,
            limits: Limits {
                min_rate: 1,
                max_rate: u64::MAX,
                windows: setup.windows,
                rows_per_window: setup.rows_per_window,
                yield_for: 10,
                checkpoint_every: 3000,
                checkpoint_rows: 2,
                clean_after_idle: 1000,
            },
            ..Config::new(setup.rows, SlotSet::first(setup.members), redundancy)
        }
    }

    fn capabilities(setup: &Setup) -> Capabilities {
        Capabilities {
            mark: setup.mark,
            mark_after_unclean: false,
            dirty: true,
            failure: true,
            bad_ranges: 0,
            generation_bits: 32,
        }
    }

    pub(crate) fn over(&self) -> bool {
        self.over
    }

    pub(crate) fn act(&mut self, act: Act) -> Verdict {
        if self.over {
            return Ok(());
        }
        self.say(|| format!("== {act:?}"));
        match act {
            Act::Write { row, len, column, durable } => self.submit(row, len, column, durable),
            Act::Flush => self.user_flush(),
            Act::Reconstruct(row) => self.reconstruct(row % self.setup.rows),
            Act::Leg(choice) => self.leg(choice)?,
            Act::Legs(choice) => {
                for step in 0..6 {
                    self.leg(choice.rotate_left(step * 7))?;
                    self.pump()?;
                }
            }
            Act::Time(passed) => self.now += passed,
            Act::Kill(choice) => self.kill(choice),
            Act::Tell(choice) => {
                let slot = self.slot(choice);
                if self.disks[slot.index()].dead {
                    self.core.member_failed(slot);
                }
            }
            Act::Replace(choice) => self.replace(choice),
            Act::Start => self.start_owed(),
            Act::Scrub(repair) => {
                let operation = if repair { Operation::Repair } else { Operation::Check };
                let _ = self.core.start(Time(self.now), operation, AboveMark::Skip);
            }
            Act::Resync => {
                let _ = self.core.start(Time(self.now), Operation::Resync, AboveMark::Skip);
            }
            Act::Pause => _ = self.core.pause(),
            Act::Resume => _ = self.core.resume(Time(self.now)),
            Act::Abort => _ = self.core.abort(),
            Act::Quiesce => self.core.quiesce(),
            Act::Limits(choice) => {
                let mut limits = Self::config(&self.setup, SlotSet::EMPTY).limits;
                limits.max_rate = [u64::MAX, 1_000_000_000, 0][(choice % 3) as usize];
                self.core.set_limits(limits);
            }
            Act::Crash(seed) => self.crash(seed)?,
            Act::Drain => self.drain()?,
        }
        self.pump()?;
        self.judge()
    }

    fn say(&self, what: impl Fn() -> String) {
        if self.trace {
            std::eprintln!("{}", what());
        }
    }

    fn slot(&self, choice: u64) -> Slot {
        Slot((choice % u64::from(self.setup.members)) as u8)
    }

    fn trusted(&self) -> SlotSet {
        let status = self.core.status();
        SlotSet::first(self.setup.members).without(status.failed | status.rebuilding)
    }

    fn alive(&self) -> SlotSet {
        (0u8..).zip(&self.disks).filter(|(_, d)| !d.dead).map(|(slot, _)| Slot(slot)).collect()
    }

    fn needed(&self) -> u16 {
        if self.setup.parity { self.setup.members - 1 } else { 1 }
    }

    // ---- users

    fn submit(&mut self, row: u64, len: u64, column: u64, durable: bool) {
        let row = row % self.setup.rows;
        let len = len.min(self.setup.rows - row);
        if self.requests.len() < 6 {
            let rows = Rows::new(row, len);
            self.requests.push(Request { rows, column, durable, wait: None });
        }
    }

    fn admit_all(&mut self) -> Verdict {
        let mut index = 0;
        while index < self.requests.len() {
            let request = self.requests[index];
            if request.wait.is_some() {
                index += 1;
                continue;
            }
            let access = Access::Write { durable: request.durable };
            match self.core.admit(Time(self.now), request.rows, access) {
                Admit::Go(grant) => {
                    self.send(request, grant)?;
                    let sent = grant.rows.len;
                    let left = Rows::new(request.rows.start.0 + sent, request.rows.len - sent);
                    if left.len == 0 {
                        self.requests.remove(index);
                    } else {
                        self.requests[index].rows = left;
                    }
                }
                Admit::Wait(wait) => {
                    self.requests[index].wait = Some(wait);
                    index += 1;
                }
                Admit::Refuse(refusal) => {
                    if !self.core.status().set_failed {
                        return Err(format!("write refused: {refusal}"));
                    }
                    self.requests.remove(index);
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, request: Request, grant: Grant) -> Verdict {
        if grant.rows.len == 0 || grant.rows.start != request.rows.start {
            return Err(format!("{grant:?} is no prefix of {request:?}"));
        }
        let to = grant.must | grant.may;
        let mut legs: Vec<(u8, Vec<(u64, u64)>)> = to.iter().map(|s| (s.0, vec![])).collect();
        let mut versions = Versions::new();
        for row in grant.rows.start.0..grant.rows.end().0 {
            self.value += 1;
            let column = (request.column % self.blocks[0].len() as u64) as usize;
            let value = if self.setup.parity { spread(self.value) } else { self.value };
            let writes = match self.setup.parity {
                true => self.parity_write(row, column, value, &grant)?,
                false => to.iter().map(|slot| (slot.0, value)).collect(),
            };
            for (slot, value) in writes {
                if let Some((_, blocks)) = legs.iter_mut().find(|(leg, _)| *leg == slot) {
                    blocks.push((row, value));
                }
            }
            let block = &mut self.blocks[row as usize][column];
            block.values.push(value);
            versions.push((row, column, block.values.len() - 1));
        }
        let durable = request.durable;
        let leg = |(slot, blocks): (u8, Vec<_>)| Leg::Data { slot, blocks, durable };
        let legs = legs.into_iter().filter(|(_, blocks)| !blocks.is_empty()).map(leg).collect();
        let purpose = Purpose::Write { ticket: grant.ticket, durable, versions };
        self.jobs.push(Job { legs, failed: SlotSet::EMPTY, purpose });
        Ok(())
    }

    /// The member that holds a data column of a row; the parity turns.
    fn member_of(&self, row: u64, column: usize) -> u8 {
        let parity = self.parity_of(row);
        (0..self.setup.members as u8).filter(|slot| *slot != parity).nth(column).unwrap()
    }

    fn parity_of(&self, row: u64) -> u8 {
        ((row / self.setup.align) % u64::from(self.setup.members)) as u8
    }

    /// The data of a row as the members of `read` give it.
    fn data(&self, row: u64, read: SlotSet) -> Option<Vec<u64>> {
        let get = |slot: u8| self.disks[usize::from(slot)].read(row);
        let all = SlotSet::first(self.setup.members);
        let missing: Vec<u8> = all.without(read).iter().map(|slot| slot.0).collect();
        if missing.len() > 1 {
            return None;
        }
        let others = read.iter().fold(0, |sum, slot| sum ^ get(slot.0));
        let columns = 0..self.blocks[0].len();
        let value = |column| {
            let slot = self.member_of(row, column);
            if missing.contains(&slot) { others } else { get(slot) }
        };
        Some(columns.map(value).collect())
    }

    fn parity_write(
        &mut self,
        row: u64,
        column: usize,
        value: u64,
        grant: &Grant,
    ) -> Result<Vec<(u8, u64)>, String> {
        // A member that died a moment ago cannot be read; a real engine would see the error and come
        // back. Here the disk still shows its content, which is what the engine would compute.
        let mut data = self.data(row, grant.read).ok_or("too few members to read from")?;
        data[column] = value;
        let parity = data.iter().fold(0, |sum, value| sum ^ value);
        Ok(vec![(self.member_of(row, column), value), (self.parity_of(row), parity)])
    }

    fn user_flush(&mut self) {
        let mut versions = Versions::new();
        for (row, columns) in (0u64..).zip(&self.blocks) {
            for (column, block) in columns.iter().enumerate() {
                versions.push((row, column, block.acknowledged));
            }
        }
        let legs = self.flush_legs(self.core.live());
        let purpose = Purpose::UserFlush { versions };
        self.jobs.push(Job { legs, failed: SlotSet::EMPTY, purpose });
    }

    fn reconstruct(&mut self, row: u64) {
        let rows = Rows::new(row, 1);
        let Admit::Go(grant) = self.core.admit(Time(self.now), rows, Access::Reconstruct) else {
            return;
        };
        let Grant { ticket, agreed, read, .. } = grant;
        let legs = read.iter().map(|slot| Leg::Read { slot: slot.0 }).collect();
        let purpose = Purpose::Reconstruct { ticket, row, agreed, read: Vec::new() };
        self.jobs.push(Job { legs, failed: SlotSet::EMPTY, purpose });
    }

    /// Whether the members of a row, each read at its own moment, fit together: no write and no copy
    /// came between.
    fn reconstructed(&self, row: u64, read: &[(u8, u64)]) -> Verdict {
        let now = |slot: u8| self.disks[usize::from(slot)].read(row);
        match read.iter().find(|(slot, value)| now(*slot) != *value) {
            Some((slot, _)) => Err(format!("row {row} of member {slot} changed under a reader")),
            None => Ok(()),
        }
    }

    fn flush_legs(&self, slots: SlotSet) -> Vec<Leg> {
        let leg =
            |slot: Slot| Leg::Flush { slot: slot.0, up_to: self.disks[slot.index()].written() };
        slots.iter().map(leg).collect()
    }

    fn acknowledge(&mut self, promised: bool, versions: &Versions) {
        for (row, column, version) in versions {
            let block = &mut self.blocks[*row as usize][*column];
            block.acknowledged = block.acknowledged.max(*version);
            if promised {
                block.promised = block.promised.max(*version);
                block.lost = block.lost.filter(|versions| *version < *versions);
            }
        }
    }

    // ---- members

    fn kill(&mut self, choice: u64) {
        let slot = self.slot(choice);
        let mut left = self.trusted() & self.alive();
        left.remove(slot);
        if left.len() >= self.needed() {
            self.disks[slot.index()].dead = true;
        }
    }

    fn replace(&mut self, choice: u64) {
        let slot = self.slot(choice);
        if self.core.member_joined(slot).is_ok() {
            self.disks[slot.index()] = Disk::new(self.setup.rows, 0xdead);
        }
    }

    fn start_owed(&mut self) {
        let above = match self.setup.write_through {
            true => AboveMark::WriteThrough,
            false => AboveMark::Skip,
        };
        if let Some(operation) = self.core.owed() {
            let _ = self.core.start(Time(self.now), operation, above);
        }
    }

    // ---- the engine: commands out, legs done, reports in

    fn pump(&mut self) -> Verdict {
        for _ in 0..10_000 {
            self.admit_all()?;
            let Some(command) = self.core.poll(Time(self.now)) else { return Ok(()) };
            self.say(|| format!("-> {command:?}"));
            self.obey(command)?;
        }
        Err("poll never ends".into())
    }

    fn obey(&mut self, command: Command) -> Verdict {
        let empty = SlotSet::EMPTY;
        match command {
            Command::Copy { window, rows, operation, from, targets, verify } => {
                let copy = Copy {
                    window,
                    rows,
                    operation,
                    from,
                    targets,
                    verify,
                    read: Vec::new(),
                    mismatched: 0,
                };
                let legs = self.sources(&copy).iter().map(|s| Leg::Read { slot: s.0 }).collect();
                self.jobs.push(Job { legs, failed: empty, purpose: Purpose::Read(copy) });
            }
            Command::Flush { id, slots } => {
                let legs = self.flush_legs(slots);
                self.jobs.push(Job { legs, failed: empty, purpose: Purpose::Flush(id) });
            }
            Command::Persist { seq, to } => {
                let image = self.core.snapshot(seq).ok_or("no snapshot of a record")?;
                self.say(|| format!("   {image:?}"));
                if to.intersects(image.failed) {
                    return Err(format!("a record is written to a failed member: {image:?}"));
                }
                self.records += 1;
                let number = self.records;
                let leg = |slot: Slot| Leg::Record { slot: slot.0, number, image };
                let legs = to.iter().map(leg).collect();
                self.jobs.push(Job { legs, failed: empty, purpose: Purpose::Persist(seq) });
            }
            Command::Wake(wake) => self.wake(wake),
            Command::Notice(notice) => self.note(notice),
        }
        Ok(())
    }

    fn wake(&mut self, wake: WaitFor) {
        let hit = |wait: WaitFor| match (wait, wake) {
            (WaitFor::Record(waited), WaitFor::Record(now)) => waited <= now,
            _ => wait == wake,
        };
        for request in &mut self.requests {
            if request.wait.is_some_and(hit) {
                request.wait = None;
            }
        }
        let (due, parked) = std::mem::take(&mut self.acks)
            .into_iter()
            .partition(|(seq, ..)| hit(WaitFor::Record(*seq)));
        self.acks = parked;
        let due: Vec<(RecordSeq, bool, Versions)> = due;
        for (_, promised, versions) in due {
            self.acknowledge(promised, &versions);
        }
    }

    fn note(&mut self, notice: Notice) {
        match notice {
            Notice::SetFailed => self.over = true,
            Notice::MarkMoved(_) => self.seen.checkpoints += 1,
            Notice::WriteHole => self.lose_what_disagrees(),
            Notice::Finished { operation, why: Finish::Complete } => match operation {
                Operation::Rebuild { .. } => self.seen.rebuilds += 1,
                Operation::Resync => self.seen.resyncs += 1,
                _ => self.seen.scrubs += 1,
            },
            _ => {}
        }
    }

    /// A member left while parity did not agree: its blocks cannot be told any more.
    fn lose_what_disagrees(&mut self) {
        let failed = self.core.status().failed;
        for row in 0..self.setup.rows {
            let sum = self.disks.iter().fold(0, |sum, disk| sum ^ disk.read(row));
            for column in 0..self.blocks[0].len() {
                let lost = failed.contains(Slot(self.member_of(row, column))) && sum != 0;
                let block = &mut self.blocks[row as usize][column];
                block.lost = if lost { Some(block.values.len()) } else { block.lost };
            }
        }
    }

    /// Which members a copy reads.
    fn sources(&mut self, copy: &Copy) -> SlotSet {
        let whole =
            self.setup.parity || matches!(copy.operation, Operation::Check | Operation::Repair);
        if whole {
            return copy.from;
        }
        let one = match copy.operation {
            Operation::Rebuild { .. } => {
                let nth = self.random.below(u64::from(copy.from.len()));
                copy.from.iter().nth(nth as usize)
            }
            _ => copy.from.lowest(),
        };
        one.map_or(SlotSet::EMPTY, SlotSet::of)
    }

    fn leg(&mut self, choice: u64) -> Verdict {
        if self.jobs.is_empty() {
            return Ok(());
        }
        let index = (choice % self.jobs.len() as u64) as usize;
        let job = &mut self.jobs[index];
        if job.legs.is_empty() {
            let job = self.jobs.remove(index);
            return self.report(job);
        }
        let leg = job.legs.remove(((choice >> 8) % job.legs.len() as u64) as usize);
        if self.trace {
            std::eprintln!("   {leg:?} of {:?}", job.purpose);
        }
        let disk = &mut self.disks[usize::from(leg.slot())];
        if disk.dead {
            job.failed.insert(Slot(leg.slot()));
            return Ok(());
        }
        match leg {
            Leg::Data { blocks, durable, .. } => {
                blocks.iter().for_each(|(row, value)| disk.write(*row, *value, durable));
            }
            Leg::Flush { up_to, .. } => disk.flush(up_to),
            Leg::Record { number, image, .. } => disk.record = Some((number, image)),
            Leg::Read { slot } => match &mut job.purpose {
                Purpose::Read(copy) => {
                    let rows = copy.rows.start.0..copy.rows.end().0;
                    copy.read.push((slot, rows.map(|row| disk.read(row)).collect()));
                }
                Purpose::Reconstruct { row, read, .. } => read.push((slot, disk.read(*row))),
                _ => {}
            },
        }
        Ok(())
    }

    fn report(&mut self, job: Job) -> Verdict {
        self.say(|| format!("   done, failed {:?}: {:?}", job.failed, job.purpose));
        let (now, failed) = (Time(self.now), job.failed);
        let wrong = |error: Unexpected| error.to_string();
        match job.purpose {
            Purpose::Write { ticket, durable, versions } => {
                let ack = self.core.complete(now, ticket, failed).map_err(wrong)?;
                if self.core.complete(now, ticket, failed).is_ok() {
                    return Err("a double completion went unnoticed".into());
                }
                self.answer(ack, durable, versions);
            }
            Purpose::UserFlush { versions } => {
                let ack = self.core.complete_flush(failed);
                self.answer(ack, true, versions);
            }
            Purpose::Reconstruct { ticket, row, agreed, read } => {
                let ack = self.core.complete(now, ticket, failed).map_err(wrong)?;
                if ack == Ack::Now && failed.is_empty() && agreed {
                    self.reconstructed(row, &read)?;
                }
            }
            Purpose::Flush(id) => self.core.flushed(now, id, failed).map_err(wrong)?,
            Purpose::Persist(seq) => self.core.persisted(now, seq, failed).map_err(wrong)?,
            Purpose::Read(copy) if failed.is_empty() => self.compute(copy),
            Purpose::Read(copy) => {
                failed.iter().for_each(|slot| self.core.member_failed(slot));
                let result = CopyResult { read_failed: failed, ..CopyResult::default() };
                self.core.copied(now, copy.window, result).map_err(wrong)?;
            }
            Purpose::Copied(copy) => {
                let mut result = CopyResult::good(copy.rows.len);
                result.mismatched = copy.mismatched;
                result.write_failed = failed;
                self.core.copied(now, copy.window, result).map_err(wrong)?;
            }
        }
        Ok(())
    }

    fn answer(&mut self, ack: Ack, promised: bool, versions: Versions) {
        match ack {
            Ack::Now => self.acknowledge(promised, &versions),
            Ack::After(seq) => {
                self.seen.held_acks += 1;
                self.acks.push((seq, promised, versions));
            }
            Ack::NoCopyLeft => {}
        }
    }

    /// What a copy writes, from what it has read.
    fn compute(&mut self, mut copy: Copy) {
        let mut legs: Vec<Leg> = Vec::new();
        for (index, row) in (copy.rows.start.0..copy.rows.end().0).enumerate() {
            let read: Vec<(u8, u64)> =
                copy.read.iter().map(|(slot, values)| (*slot, values[index])).collect();
            let sum = read.iter().fold(0, |sum, (_, value)| sum ^ value);
            let lowest = read.iter().min().map_or(0, |(_, value)| *value);
            let differ = match self.setup.parity {
                true => sum != 0,
                false => read.iter().any(|(_, value)| *value != lowest),
            };
            let scrub = copy.verify != Verify::Overwrite;
            copy.mismatched += u64::from(scrub && differ);
            if copy.verify == Verify::Compare || (scrub && !differ) {
                continue;
            }
            let targets: Vec<(u8, u64)> = match (self.setup.parity, copy.operation) {
                (true, Operation::Rebuild { .. }) => {
                    copy.targets.iter().map(|slot| (slot.0, sum)).collect()
                }
                (true, _) => {
                    let parity = self.parity_of(row);
                    let old = read.iter().find(|(slot, _)| *slot == parity);
                    vec![(parity, sum ^ old.map_or(0, |(_, value)| *value))]
                }
                (false, _) => {
                    let source = read.iter().min().map(|(slot, _)| Slot(*slot));
                    let targets = copy.targets.iter().filter(|slot| Some(*slot) != source);
                    targets.map(|slot| (slot.0, lowest)).collect()
                }
            };
            for (slot, value) in targets {
                legs.push(Leg::Data { slot, blocks: vec![(row, value)], durable: false });
            }
        }
        self.jobs.push(Job { legs, failed: SlotSet::EMPTY, purpose: Purpose::Copied(copy) });
    }

    // ---- power

    fn crash(&mut self, seed: u64) -> Verdict {
        let mut random = Random::new(seed);
        let trusted = self.trusted();
        for job in std::mem::take(&mut self.jobs) {
            job.legs.into_iter().for_each(|leg| self.tear(leg, &mut random));
        }
        self.disks.iter_mut().for_each(|disk| disk.crash(&mut random));
        self.requests.clear();
        self.acks.clear();
        self.seen.crashes += 1;
        // A dead member may be back, with what it last held; a live one may be lost.
        for disk in &mut self.disks {
            disk.dead &= random.coin();
        }
        if random.below(4) == 0 {
            let lost = self.slot(random.next());
            let mut left = trusted & self.alive();
            left.remove(lost);
            if left.len() >= self.needed() {
                self.disks[lost.index()].dead = true;
            }
        }
        self.restart(trusted)
    }

    /// A leg in flight at the crash has landed, or not, or in part.
    fn tear(&mut self, leg: Leg, random: &mut Random) {
        let disk = &mut self.disks[usize::from(leg.slot())];
        if disk.dead || random.coin() {
            return;
        }
        match leg {
            Leg::Data { blocks, .. } => {
                for (row, value) in blocks {
                    if random.coin() {
                        disk.write(row, value, false);
                    }
                }
            }
            Leg::Flush { up_to, .. } => disk.flush(up_to),
            // A torn record reads back as the older one, so it is "not landed".
            Leg::Record { number, image, .. } => disk.record = Some((number, image)),
            Leg::Read { .. } => {}
        }
    }

    fn restart(&mut self, was_trusted: SlotSet) -> Verdict {
        // A disk without a record is not known as a member.
        let known = |slot: &Slot| self.disks[slot.index()].record.is_some();
        let alive: SlotSet = self.alive().iter().filter(known).collect();
        if (was_trusted & alive).len() < self.needed() {
            // Only members that had been given up are left: nothing on them says so.
            self.over = true;
            return Ok(());
        }
        let records = self.disks.iter().filter(|disk| !disk.dead).filter_map(|disk| disk.record);
        let (_, found) = records.max_by_key(|(number, _)| *number).ok_or("no record")?;
        let absent = SlotSet::first(self.setup.members).without(alive);
        self.say(|| format!("   {alive:?} say {found:?}"));
        let config = Self::config(&self.setup, absent);
        match (self.build)(config, &found, Self::capabilities(&self.setup)) {
            Ok(core) => self.core = core,
            Err(Refusal::DirtyAndDegraded { .. }) if self.setup.parity => {
                self.seen.refused += 1;
                self.over = true;
                return Ok(());
            }
            Err(refusal) => return Err(format!("restart refused: {refusal} with {found:?}")),
        }
        for block in self.blocks.iter_mut().flatten() {
            block.acknowledged = block.promised;
            block.seen = block.promised;
        }
        Ok(())
    }

    // ---- left alone

    pub(crate) fn drain(&mut self) -> Verdict {
        self.core.set_limits(Self::config(&self.setup, SlotSet::EMPTY).limits);
        for step in 0..20_000 {
            self.pump()?;
            if self.over {
                return Ok(());
            }
            if self.jobs.is_empty() {
                let _ = self.core.resume(Time(self.now));
                self.start_owed();
                self.pump()?;
            }
            if !self.jobs.is_empty() {
                let choice = self.random.next();
                self.leg(choice)?;
                self.pump()?;
                if step % 8 == 0 {
                    self.judge()?;
                }
            } else if let Some(at) = self.core.deadline() {
                self.now = self.now.max(at.0);
            } else {
                break;
            }
        }
        if self.over {
            return Ok(());
        }
        self.judge()?;
        self.at_rest()
    }

    fn at_rest(&self) -> Verdict {
        let status = self.core.status();
        if !self.requests.is_empty() || !self.acks.is_empty() {
            return Err(format!("left waiting: {:?} {:?} {status:?}", self.requests, self.acks));
        }
        if !self.jobs.is_empty() || status.operation.is_some() || self.core.owed().is_some() {
            return Err(format!("never ends: {:?} {status:?}", self.jobs));
        }
        // A parity set that lost a member before its parity agreed stays unclean, and says so (I9).
        let clean = status.clean || (self.setup.parity && !status.failed.is_empty());
        if !clean || status.unrecorded || status.windows > 0 || status.tickets > 0 {
            return Err(format!("not at rest: {status:?}"));
        }
        Ok(())
    }

    // ---- the oracle

    fn judge(&mut self) -> Verdict {
        self.cursors()?;
        let status = self.core.status();
        if self.failed != status.failed {
            self.failed = status.failed;
            self.settling = true;
        }
        if self.settling {
            // Copies that differ since a crash had one speaker; now another one speaks, and copies
            // from the old one may be under way. What was never promised may read differently.
            self.blocks.iter_mut().flatten().for_each(|block| block.seen = block.acknowledged);
            self.settling = status.windows > 0;
        }
        self.seen.window_waits = self.seen.window_waits.max(status.window_waits);
        if status.mismatches > 0 && !self.blocks.iter().flatten().any(|block| block.lost.is_some())
        {
            return Err(format!("a scrub found {} differences", status.mismatches));
        }
        for row in 0..self.setup.rows {
            let busy = self.jobs.iter().any(|job| match &job.purpose {
                Purpose::Write { versions, .. } => versions.iter().any(|(at, ..)| *at == row),
                _ => false,
            });
            if !busy && !self.over {
                self.judge_row(row)?;
            }
        }
        Ok(())
    }

    fn cursors(&self) -> Verdict {
        let Some(m) = self.core.marks() else { return Ok(()) };
        let ordered = m.durable <= m.flushed
            && m.flushed <= m.done
            && m.done <= m.issued
            && m.issued <= m.limit;
        if ordered { Ok(()) } else { Err(format!("cursors out of order: {m:?}")) }
    }

    fn judge_row(&mut self, row: u64) -> Verdict {
        let plan = self.core.plan_read(Rows::new(row, 1), SlotSet::EMPTY);
        let plan = plan.map_err(|refusal| format!("row {row} cannot be read: {refusal}"))?;
        let from = plan.from & self.alive();
        if !self.setup.parity {
            let values: Vec<u64> =
                from.iter().map(|slot| self.disks[slot.index()].read(row)).collect();
            if values.windows(2).any(|pair| pair[0] != pair[1]) {
                return Err(format!("row {row}: copies {from:?} read as {values:?}"));
            }
            for (slot, value) in from.iter().zip(values) {
                self.judge_block(row, 0, value, slot)?;
            }
            return Ok(());
        }
        // What is lost is computed from the others, if their parity is said to agree.
        let rows = Rows::new(row, 1);
        let grant = match self.core.clone().admit(Time(self.now), rows, Access::Reconstruct) {
            Admit::Go(grant) => grant,
            _ => return Ok(()),
        };
        for column in 0..self.blocks[0].len() {
            let slot = Slot(self.member_of(row, column));
            let readable = from.contains(slot);
            let computable = grant.agreed && self.alive().contains_all(grant.read);
            if readable || (computable && !grant.read.contains(slot)) {
                let read = if readable { from } else { grant.read };
                let value = match readable {
                    true => self.disks[slot.index()].read(row),
                    false => self.data(row, read).ok_or("not computable")?[column],
                };
                self.judge_block(row, column, value, slot)?;
            }
        }
        Ok(())
    }

    fn judge_block(&mut self, row: u64, column: usize, value: u64, slot: Slot) -> Verdict {
        let status = self.core.status();
        let block = &mut self.blocks[row as usize][column];
        if block.lost.is_some() {
            return Ok(());
        }
        let version = block.values.iter().rposition(|known| *known == value);
        let floor = block.acknowledged.max(block.seen);
        match version {
            Some(version) if version >= floor => {
                block.seen = version;
                Ok(())
            }
            _ => Err(format!(
                "row {row} column {column}: slot {slot} gives {value:#x}, version {version:?}, \
                 but {floor} of {:?} was given before; {status:?}",
                block.values
            )),
        }
    }
}

/// Values whose exclusive sums do not meet by accident.
fn spread(value: u64) -> u64 {
    value.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
