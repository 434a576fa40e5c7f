// SPDX-License-Identifier: MIT OR Apache-2.0
//! Faults of an engine that the oracle must see, whatever it excuses.
//!
//! | rule that weakens a promise | planted fault that it must not hide |
//! |---|---|
//! | after a cut anything since the promise is right | a flush is swallowed; an answer comes before the write |
//! | another copy may answer when one died | reads take turns between the copies during a resync |
//! | `hole`: rows in flight, whose member dies | a member misses a write that is called done |
//! | `forced`: rows that the refusal listed | a forced start damages what was at rest |
//! | a loss is laid to the disk that lied about a flush | a block is served as it was before; nothing was lost, or in other rows |
//! | what is answered before a loss is noticed counts for both histories | an answer comes before the write |
//! | a read may give what was acknowledged when it began | a block is served as it was before |
//! | a format cannot tell some older disks from ones that ran apart | a start beside a disk that left is called a fork |

use crate::disks::Cache;
use crate::life::{LIES_ABOUT_MEMBERS, live, live_plan};
use crate::machine::{Birth, geometry};
use crate::plan::{Step, Where, Which};
use crate::run::Finding;
use crate::table::Kind;
use crate::{FORMATS, UnderTest};
use raid_array::backplane::{Backplane, Completion, MemberIo, Transfer};
use raid_array::discover::Discovery;
use raid_array::engine::{Event, OpenError, Options, Request, RequestId};
use raid_array::trust::Accept;
use raid_array::workload::{ArrayEngine, Call};
use raid_core::array::{ArrayId, Level, Place};
use raid_core::metadata::{Operation, RunTime};
use raid_sync::{Status, Time};
use std::collections::{HashMap, VecDeque};

const SWALLOWED_FLUSH: u8 = 0;
const EARLY_ANSWER: u8 = 1;
const OTHER_COPY: u8 = 2;
const MISSED_WRITE: u8 = 3;
const FORCED_DAMAGE: u8 = 4;
const STALE_BLOCK: u8 = 5;
const CALLED_FORK: u8 = 6;

/// Members stand below this block, and nothing else does.
const DATA: u64 = 128;

/// An engine with a fault.
#[derive(Debug)]
struct Faulty<E, const FAULT: u8> {
    engine: E,
    now: Time,
    forced: bool,
    count: u64,
    early: VecDeque<Event>,
    answered: Vec<RequestId>,
    /// Of each read on its way: where.
    reads: HashMap<raid_array::backplane::IoId, (usize, u64)>,
    /// What was written last but one.
    before: HashMap<(usize, u64), (Vec<u8>, Vec<u8>)>,
    disks: usize,
}

impl<E: ArrayEngine, const FAULT: u8> Faulty<E, FAULT> {
    fn every(&mut self, times: u64) -> bool {
        self.count += 1;
        self.count.is_multiple_of(times)
    }

    fn remember(&mut self, io: &MemberIo) {
        match &io.transfer {
            Transfer::Write { at, bytes } if at.0 < DATA => {
                for (block, bytes) in (at.0..).zip(bytes.chunks_exact(512)) {
                    let own = self.before.entry((io.disk, block)).or_default();
                    own.0 = std::mem::replace(&mut own.1, bytes.to_vec());
                }
            }
            Transfer::Read { at, .. } if at.0 < DATA => {
                self.reads.insert(io.id, (io.disk, at.0));
            }
            _ => {}
        }
    }
}

impl<E: ArrayEngine, const FAULT: u8> ArrayEngine for Faulty<E, FAULT> {
    fn open(
        format: &'static dyn RunTime,
        discovery: &Discovery,
        array: ArrayId,
        backplane: &mut dyn Backplane,
        options: Options,
    ) -> Result<Self, OpenError> {
        let engine = E::open(format, discovery, array, backplane, options)?;
        if FAULT == CALLED_FORK && !engine.status(0).failed.is_empty() {
            let (branches, names) = (Vec::new(), Vec::new());
            return Err(OpenError::Forked { branches, names, format: format.name() });
        }
        Ok(Self {
            engine,
            now: backplane.now(),
            forced: options.accept != Accept::NOTHING,
            count: 0,
            early: VecDeque::new(),
            answered: Vec::new(),
            reads: HashMap::new(),
            before: HashMap::new(),
            disks: discovery.disks.len(),
        })
    }

    fn blocks(&self) -> u64 {
        self.engine.blocks()
    }

    fn status(&self, set: u16) -> Status {
        self.engine.status(set)
    }

    fn disk_at(&self, place: Place) -> Option<usize> {
        self.engine.disk_at(place)
    }

    fn submit(&mut self, now: Time, request: Request) -> RequestId {
        self.now = now;
        let write = matches!(request, Request::Write { durable: true, .. });
        let id = self.engine.submit(now, request);
        if FAULT == EARLY_ANSWER && write && self.every(3) {
            self.early.push_back(Event::Finished {
                request: id,
                submitted: now,
                result: Ok(Vec::new()),
            });
            self.answered.push(id);
        }
        id
    }

    fn call(&mut self, now: Time, call: Call) -> Result<(), String> {
        self.now = now;
        self.engine.call(now, call)
    }

    fn next_io(&mut self) -> Option<MemberIo> {
        loop {
            let mut io = self.engine.next_io()?;
            let data = matches!(&io.transfer, Transfer::Write { at, .. } if at.0 < DATA);
            let swallowed = match FAULT {
                SWALLOWED_FLUSH => io.transfer == Transfer::Flush && self.every(2),
                MISSED_WRITE => data && self.every(20),
                _ => false,
            };
            if swallowed {
                let done = Completion { id: io.id, result: Ok(Vec::new()) };
                self.engine.complete_io(self.now, done);
                continue;
            }
            let resync = self.engine.status(0).operation == Some(Operation::Resync);
            let read = matches!(&io.transfer, Transfer::Read { at, .. } if at.0 < DATA);
            if FAULT == OTHER_COPY && resync && read && self.every(2) {
                let other = |slot| self.engine.disk_at(Place { set: 0, slot });
                let others = [raid_core::units::Slot(0), raid_core::units::Slot(1)].map(other);
                let found = others.into_iter().flatten().find(|disk| *disk != io.disk);
                io.disk = found.filter(|disk| *disk < self.disks).unwrap_or(io.disk);
            }
            self.remember(&io);
            return Some(io);
        }
    }

    fn complete_io(&mut self, now: Time, mut completion: Completion) {
        self.now = now;
        if let Some((disk, start)) = self.reads.remove(&completion.id)
            && let Ok(bytes) = &mut completion.result
        {
            for (block, bytes) in (start..).zip(bytes.chunks_exact_mut(512)) {
                if FAULT == FORCED_DAMAGE && self.forced && self.every(50) {
                    bytes.fill(0xA5);
                }
                if FAULT == STALE_BLOCK
                    && let Some((before, _)) = self.before.get(&(disk, block))
                    && before.len() == 512
                    && self.count.is_multiple_of(10)
                {
                    bytes.copy_from_slice(before);
                }
                self.count += u64::from(FAULT == STALE_BLOCK);
            }
        }
        self.engine.complete_io(now, completion);
    }

    fn next_event(&mut self) -> Option<Event> {
        if let Some(event) = self.early.pop_front() {
            return Some(event);
        }
        loop {
            match self.engine.next_event()? {
                Event::Finished { request, .. } if self.answered.contains(&request) => {}
                event => return Some(event),
            }
        }
    }

    fn deadline(&self) -> Option<Time> {
        self.engine.deadline()
    }

    fn run(&mut self, now: Time) {
        self.now = now;
        self.engine.run(now);
    }

    fn is_idle(&self) -> bool {
        self.engine.is_idle()
    }

    fn state_of_set(&self, set: u16) -> Result<Status, String> {
        self.engine.state_of_set(set)
    }

    fn has_io(&self) -> bool {
        self.engine.has_io()
    }
}

/// A start of the first volume.
fn start(which: Which, insist: bool) -> Step {
    Step::Start { volume: 0, which, shuffle: false, clock_back: false, insist }
}

/// Lives until the fault is found; how many lives that took.
fn found<const FAULT: u8>(level: Level, slots: u16, seeds: std::ops::Range<u64>) -> Vec<u64> {
    let mut took = Vec::new();
    for kept in &FORMATS[..3] {
        let birth = Birth::new(*kept, kept.name, &[geometry(level, slots, 1)]);
        let birth = birth.expect("these formats have the level");
        let wrong = |seed: &u64| {
            let outcome = live::<Faulty<UnderTest, FAULT>>(&birth, 1, *seed);
            outcome.finding.is_some_and(|finding| finding.0.starts_with("sector"))
        };
        let first = seeds.clone().find(wrong);
        took.push(first.unwrap_or_else(|| {
            panic!("{}, {level:?} of {slots}: not found in lives {seeds:?}", kept.name)
        }));
    }
    took
}

#[test]
fn a_swallowed_flush_is_found() {
    println!("{:?}", found::<SWALLOWED_FLUSH>(Level::Raid1, 2, 0..300));
    println!("{:?}", found::<SWALLOWED_FLUSH>(Level::Raid5, 3, 0..300));
}

#[test]
fn an_answer_before_the_write_is_found() {
    println!("{:?}", found::<EARLY_ANSWER>(Level::Raid1, 2, 0..300));
    println!("{:?}", found::<EARLY_ANSWER>(Level::Raid6, 4, 0..300));
}

#[test]
fn copies_that_take_turns_during_a_resync_are_found() {
    // Both copies differ where writes were in flight at the cut, until the resync has passed: a row at a time.
    let cut = Step::Cut { at: Where::Anywhere, within: 1, cache: Cache::Torn };
    let all = start(Which::All, false);
    let sweep = Step::Sweep;
    let run = [all, Step::Limits(65), Step::Work(12), sweep, sweep, sweep, Step::Work(300), cut];
    let steps = run.repeat(4);
    for kept in &FORMATS[..3] {
        let birth = Birth::new(*kept, kept.name, &[geometry(Level::Raid1, 2, 1)]);
        let birth = birth.expect("these formats have the level");
        let (mut healthy, mut faulty) = (0, 0);
        for seed in 0..40 {
            let good = live_plan::<UnderTest>(&birth, seed, &steps);
            let bad = live_plan::<Faulty<UnderTest, OTHER_COPY>>(&birth, seed, &steps);
            healthy += u64::from(good.finding.is_some());
            let wrong = |finding: &Finding| finding.0.starts_with("sector");
            faulty += u64::from(bad.finding.as_ref().is_some_and(wrong));
        }
        println!("{}: {faulty} found", kept.name);
        assert!(healthy == 0 && faulty > 0, "{}: {healthy} {faulty}", kept.name);
    }
}

#[test]
fn a_write_that_a_member_misses_is_found() {
    println!("{:?}", found::<MISSED_WRITE>(Level::Raid1, 3, 0..300));
    println!("{:?}", found::<MISSED_WRITE>(Level::Raid5, 4, 0..300));
    println!("{:?}", found::<MISSED_WRITE>(Level::Raid6, 5, 0..300));
}

#[test]
fn damage_by_a_forced_start_outside_the_listed_rows_is_found() {
    for (level, slots) in [(Level::Raid5, 3), (Level::Raid6, 4)] {
        for kept in &FORMATS[..3] {
            let birth = Birth::new(*kept, kept.name, &[geometry(level, slots, 1)]);
            let birth = birth.expect("these formats have the level");
            let cut = Step::Cut { at: Where::Anywhere, within: 1, cache: Cache::Torn };
            let steps =
                [start(Which::All, false), Step::Work(600), cut, start(Which::Without(1), true)];
            let steps = [&steps[..], &[Step::Sweep, Step::Work(200)]].concat();
            let (mut forced, mut healthy, mut faulty) = (0, 0, 0);
            for seed in 0..20 {
                let good = live_plan::<UnderTest>(&birth, seed, &steps);
                let bad = live_plan::<Faulty<UnderTest, FORCED_DAMAGE>>(&birth, seed, &steps);
                forced += good.counts.of(Kind::Forced);
                healthy += u64::from(good.finding.is_some());
                faulty += u64::from(bad.finding.is_some());
            }
            println!("{}, {level:?} of {slots}: {forced} forced, {faulty} found", kept.name);
            assert!(forced > 0 && healthy == 0 && faulty > 0, "{forced} {healthy} {faulty}");
        }
    }
}

#[test]
fn a_block_served_as_it_was_before_is_found() {
    println!("{:?}", found::<STALE_BLOCK>(Level::Raid1, 2, 0..300));
    println!("{:?}", found::<STALE_BLOCK>(Level::Raid6, 4, 0..300));
}

/// Disk 1 leaves, and everything that was sent is carried out but on it; then it runs without disk 0.
#[test]
fn an_answer_before_the_write_is_found_on_the_disk_that_left_before_anybody_noticed() {
    let cut = Step::Cut { at: Where::Anywhere, within: 1, cache: Cache::Saved };
    let leaves = Step::Pull { pick: 1, cache: Cache::Saved, late: false, back: false };
    let begun = [start(Which::All, false), Step::Work(60), leaves];
    let steps = [&begun[..], &[cut, start(Which::Short, false), Step::Sweep]].concat();
    for kept in &FORMATS[..3] {
        let birth = Birth::new(*kept, kept.name, &[geometry(Level::Raid1, 2, 1)]);
        let birth = birth.expect("these formats have the level");
        let (mut healthy, mut faulty) = (0, 0);
        for seed in 0..50 {
            let good = live_plan::<UnderTest>(&birth, seed, &steps);
            let bad = live_plan::<Faulty<UnderTest, EARLY_ANSWER>>(&birth, seed, &steps);
            let alone = bad.story.iter().any(|story| story.contains("on [1, 2, 3]"));
            let wrong = bad.finding.is_some_and(|finding| finding.0.starts_with("sector"));
            healthy += u64::from(good.finding.is_some());
            faulty += u64::from(alone && wrong);
        }
        println!("{}: {faulty} found", kept.name);
        assert!(healthy == 0 && faulty > 0, "{}: {healthy} {faulty}", kept.name);
    }
}

/// The same as below, of a disk that lies about blocks of members alone.
#[test]
fn a_block_served_as_it_was_before_is_found_in_rows_that_a_lying_disk_has_not_lost() {
    // The remainder chooses the disk: disk 0 of 4 and of 5.
    const LIE: Step = Step::Lie(140);
    const { assert!(140 >= LIES_ABOUT_MEMBERS) };
    let all = start(Which::All, false);
    let cut = Step::Cut { at: Where::Anywhere, within: 1, cache: Cache::Torn };
    let steps = [all, LIE, Step::Work(200), cut, all, Step::Sweep, Step::Work(200), Step::Sweep];
    for (level, slots) in [(Level::Raid1, 2), (Level::Raid5, 3)] {
        let (mut named, mut planted) = (0, 0);
        for kept in &FORMATS[..3] {
            let birth = Birth::new(*kept, kept.name, &[geometry(level, slots, 1)]);
            let birth = birth.expect("these formats have the level");
            for seed in 0..20 {
                let lost = live_plan::<UnderTest>(&birth, seed, &steps);
                assert!(lost.finding.is_none(), "{}, {seed}: {:?}", kept.name, lost.finding);
                let told = lost.lie.is_some_and(|lie| lie.starts_with("disk 0 lied"));
                named += u64::from(told);
                let faulty = live_plan::<Faulty<UnderTest, STALE_BLOCK>>(&birth, seed, &steps);
                planted += u64::from(faulty.finding.is_some() && told);
            }
        }
        println!("{level:?} of {slots}: {named} named, {planted} found");
        assert!(named > 0 && planted > 0, "{named} {planted}");
    }
}

#[test]
fn what_a_lying_disk_loses_is_laid_to_it_and_to_nobody_else() {
    let cut = |cache| Step::Cut { at: Where::Anywhere, within: 1, cache };
    let all = start(Which::All, false);
    let steps = |cache| {
        [all, Step::Lie(0), Step::Work(300), cut(cache), all, Step::Sweep, Step::Work(50)].to_vec()
    };
    for (level, slots) in [(Level::Raid1, 2), (Level::Raid5, 3)] {
        let (mut named, mut planted) = (0, 0);
        for kept in &FORMATS[..3] {
            let birth = Birth::new(*kept, kept.name, &[geometry(level, slots, 1)]);
            let birth = birth.expect("these formats have the level");
            for seed in 0..20 {
                let lost = live_plan::<UnderTest>(&birth, seed, &steps(Cache::Lost));
                assert!(lost.finding.is_none(), "{}: {:?}", kept.name, lost.finding);
                named += u64::from(lost.lie.is_some_and(|lie| lie.starts_with("disk 0 lied")));
                // A liar that lost nothing explains nothing: the engine's own fault is found.
                let kept_all = live_plan::<UnderTest>(&birth, seed, &steps(Cache::Saved));
                assert!(kept_all.finding.is_none() && kept_all.lie.is_none());
                type Early = Faulty<UnderTest, STALE_BLOCK>;
                let faulty = live_plan::<Early>(&birth, seed, &steps(Cache::Saved));
                planted += u64::from(faulty.finding.is_some());
            }
        }
        println!("{level:?} of {slots}: {named} named, {planted} found");
        assert!(named > 0 && planted > 0, "{named} {planted}");
    }
}

/// Disk 1 leaves, the others go on and say so, and all are started.
#[test]
fn a_start_that_is_called_a_fork_beside_a_disk_that_left_is_found() {
    let cut = Step::Cut { at: Where::Anywhere, within: 1, cache: Cache::Saved };
    let leaves = Step::Pull { pick: 1, cache: Cache::Saved, late: false, back: false };
    let begun = [start(Which::All, false), Step::Work(60), leaves, Step::Work(200)];
    let steps = [&begun[..], &[cut, start(Which::All, false)]].concat();
    for kept in FORMATS {
        for slots in [2, 3] {
            let birth = Birth::new(kept, kept.name, &[geometry(Level::Raid1, slots, 1)]);
            let birth = birth.expect("all formats have mirrors");
            let (mut healthy, mut faulty) = (0, 0);
            for seed in 0..10 {
                let good = live_plan::<UnderTest>(&birth, seed, &steps);
                let bad = live_plan::<Faulty<UnderTest, CALLED_FORK>>(&birth, seed, &steps);
                let wrong = |finding: Finding| finding.0.contains("a record names who is missing");
                healthy += u64::from(good.finding.is_some());
                faulty += u64::from(bad.finding.is_some_and(wrong));
            }
            println!("{}, {slots}: {faulty} found", kept.name);
            assert!(healthy == 0 && faulty > 0, "{}, {slots}: {healthy} {faulty}", kept.name);
        }
    }
}
