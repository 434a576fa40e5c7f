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

use raid_core::metadata::{Capabilities, MemberKey, Operation, RuntimeState};
use raid_core::units::{Rows, Slot, SlotSet};
use raid_sync::*;
// The unit tests of the `no_std` crate share this file.
use std::prelude::v1::*;
use std::{format, vec};

mod act;
pub(crate) mod disk;
mod engine;
mod job;
pub(crate) mod native;
mod oracle;
mod power;
pub(crate) mod random;
pub(crate) mod reads;
#[allow(dead_code)]
pub(crate) mod scene;
mod users;

pub(crate) use act::{Act, Setup};
use disk::Disk;
use job::{Copy, Job, Leg, Purpose, Request, Versions};
use native::Image;
use random::Random;

pub(crate) type Core = SyncCore<3, 2, 3, 2>;

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

/// A core by value, as tests like to have it.
pub(crate) fn restored(
    config: Config,
    found: &Found<'_>,
    capabilities: Capabilities,
) -> Result<Core, Refusal> {
    let mut core = Core::EMPTY;
    core.restore(config, found, capabilities, Start::Normal)?;
    Ok(core)
}

pub(crate) type Build = dyn Fn(Config, &Found<'_>, Capabilities) -> Result<Core, Refusal>;

/// A judge that sees the core and all that surrounds it.
pub(crate) type Watch = dyn Fn(&Core, scene::Scene) -> Verdict;

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
    last_seq: RecordSeq,
    /// The last identity given to a disk.
    keys: u64,
    value: u64,
    over: bool,
    /// Records of all runs, in the order in which they were issued, and which disks sat in the slots then.
    issued: Vec<(u64, Image, Vec<u64>)>,
    /// Place of the newest that all hold whom it trusts.
    confirmed: usize,
    /// Judges every step as well.
    pub(crate) watch: Option<&'a Watch>,
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
    /// Members that came back and were owed a part only.
    pub(crate) partial: u64,
}

pub(crate) type Verdict = Result<(), String>;

impl<'a> World<'a> {
    pub(crate) fn new(setup: Setup, seed: u64, build: &'a Build) -> Self {
        let fresh = RuntimeState::clean();
        let image = Image::plain(fresh);
        let seated: Vec<_> = (0..setup.members)
            .map(|n| Seated { slot: Slot(n as u8), key: MemberKey::new(1 + u64::from(n)) })
            .collect();
        let capabilities = Self::capabilities(&setup);
        let core = build(Self::config(&setup, SlotSet::EMPTY), &image.found(&seated), capabilities);
        let columns = if setup.parity { usize::from(setup.members) - 1 } else { 1 };
        let block = Block { values: vec![0], ..Block::default() };
        let mut disks = vec![Disk::new(setup.rows, 0); usize::from(setup.members)];
        for (disk, seated) in disks.iter_mut().zip(&seated) {
            disk.store(0, &image, None);
            disk.key = seated.key;
        }
        Self {
            core: core.unwrap(),
            keys: 100,
            last_seq: RecordSeq(0),
            disks,
            jobs: Vec::new(),
            requests: Vec::new(),
            acks: Vec::new(),
            blocks: vec![vec![block; columns]; setup.rows as usize],
            now: 1,
            records: 0,
            value: 0,
            over: false,
            issued: vec![(
                0,
                image,
                seated.iter().map(|seated| seated.key.map_or(0, MemberKey::get)).collect(),
            )],
            confirmed: 0,
            watch: None,
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
        if setup.native {
            return native::capabilities();
        }
        Capabilities {
            mark: setup.mark,
            mark_after_unclean: false,
            dirty: true,
            failure: true,
            bad_ranges: 0,
            generation_bits: 32,
        }
    }

    /// Whether a rebuild runs.
    pub(crate) fn rebuilds(&self) -> bool {
        matches!(self.core.status().operation, Some(Operation::Rebuild { .. }))
    }

    pub(crate) fn over(&self) -> bool {
        self.over
    }

    pub(crate) fn act(&mut self, act: Act) -> Verdict {
        if self.over {
            return Ok(());
        }
        self.say(|| format!("== {act:?}"));
        let before = (!matches!(act, Act::Crash(_))).then(|| self.core.clone());
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
            Act::Owe(choice) => {
                let rows = Rows::new(choice % self.setup.rows, 1);
                // Refused where no redundancy is left, as is what follows where it does not fit: nothing changes then.
                let _ = self.core.owe_rows(rows);
            }
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
        if let Some(before) = before {
            reads::still_hold(&before, &self.core, (self.setup.rows, self.setup.members))?;
        }
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
}

/// Values whose exclusive sums do not meet by accident.
fn spread(value: u64) -> u64 {
    value.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
