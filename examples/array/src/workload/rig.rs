// SPDX-License-Identifier: MIT OR Apache-2.0
//! An array on simulated disks, several writers at work on it, and the oracle that watches.
//!
//! Everything happens on one thread in an order that the seed decides, so a run can be replayed.

use super::array_engine::{ArrayEngine, Call};
use super::oracle::{FlushFloor, Oracle, ReadFloor, Wrong};
use super::stamp::SECTOR;
use crate::backplane::{Backplane, Simulated};
use crate::engine::{Engine, Event, Mismatch, Request, RequestError, RequestId};
use crate::trust::Taken;
use raid_core::array::Place;
use raid_core::units::Extent;
use raid_sync::{Notice, Return, Status, Time};
use std::collections::HashMap;

/// Requests that each writer keeps under way.
const DEPTH: usize = 2;

/// How the report of a stall begins.
const STALL: &str = "nothing moves on";

/// What the writers have done, and how it went.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Finished requests.
    pub reads: u64,
    /// Finished requests.
    pub writes: u64,
    /// Finished requests.
    pub flushes: u64,
    /// Bytes read back and compared with the oracle.
    pub bytes_verified: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Sectors that were not right, the first few.
    pub wrong: Vec<Wrong>,
    /// How many there were in all.
    pub wrong_count: u64,
    /// Requests that failed, the first few.
    pub errors: Vec<String>,
    /// Time from submission to answer, in ns of simulated time.
    pub read_latencies: Vec<u64>,
    /// The same for writes.
    pub write_latencies: Vec<u64>,
}

impl Tally {
    fn wrong(&mut self, wrong: Wrong) {
        self.wrong_count += 1;
        if self.wrong.len() < 8 {
            self.wrong.push(wrong);
        }
    }

    fn error(&mut self, error: RequestError) {
        if self.errors.len() < 8 {
            self.errors.push(error.to_string());
        }
    }

    /// Whether every byte was right and every request answered.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.wrong_count == 0 && self.errors.is_empty()
    }
}

#[derive(Debug)]
enum Op {
    Read(ReadFloor, u64),
    Write {
        at: Extent,
        version: u64,
        durable: bool,
    },
    Flush(FlushFloor),
    /// A read of the whole array after a power cut.
    Adopt(Extent),
}

/// A request of no writer.
#[derive(Debug)]
struct Asked {
    request: RequestId,
    answer: Option<Result<Vec<u8>, RequestError>>,
}

/// The array and those who use it.
#[derive(Debug)]
pub struct Rig<E = Engine> {
    /// The disks.
    pub backplane: Simulated,
    /// The array.
    pub engine: E,
    /// What every sector may hold.
    pub oracle: Oracle,
    /// What the writers have done.
    pub tally: Tally,
    /// Rows that a scrub found wrong since the list was last taken.
    pub mismatches: Vec<Mismatch>,
    /// What the sync engines said since the list was last taken.
    pub notices: Vec<(u16, Notice)>,
    /// What the start took on trust.
    pub trusted: Vec<Taken>,
    /// Spares that took a place.
    pub seated: Vec<(Place, usize)>,
    /// Members that came back, and what each was owed.
    pub returned: Vec<(Place, Return)>,
    /// What the array refused after it was asked, in words.
    pub refused: Vec<String>,
    /// Sectors that writers and readers keep away from, in ascending order.
    pub avoid: Vec<u64>,
    /// A request of no writer, and its answer.
    asked: Option<Asked>,
    random: fastrand::Rng,
    writers: usize,
    under_way: HashMap<RequestId, Op>,
    next_version: u64,
    sectors: u64,
}

impl<E: ArrayEngine> Rig<E> {
    /// Writers and oracle for an array whose sectors the oracle knows.
    #[must_use]
    pub fn new(backplane: Simulated, engine: E, oracle: Oracle, seed: u64, writers: usize) -> Self {
        let sectors = engine.blocks();
        let mut rig = Self {
            backplane,
            engine,
            oracle,
            tally: Tally::default(),
            mismatches: Vec::new(),
            notices: Vec::new(),
            trusted: Vec::new(),
            seated: Vec::new(),
            returned: Vec::new(),
            refused: Vec::new(),
            avoid: Vec::new(),
            asked: None,
            random: fastrand::Rng::with_seed(seed),
            writers,
            under_way: HashMap::new(),
            next_version: 1,
            sectors,
        };
        rig.take_events();
        rig
    }

    /// The time of the simulated disks.
    #[must_use]
    pub fn now(&self) -> Time {
        self.backplane.now()
    }

    /// What an operator asks, now.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn call(&mut self, call: Call) -> Result<(), String> {
        let result = self.engine.call(self.backplane.now(), call);
        self.take_events();
        self.look_for_a_stall();
        result
    }

    /// The clock is set, ahead or back, by this many ns; whoever owns it notices.
    pub fn set_clock(&mut self, by: i64) {
        self.backplane.jump(by);
        self.engine.run(self.backplane.now());
        self.take_events();
        self.look_for_a_stall();
    }

    /// Lets time pass by one member I/O; `false` when there was nothing to do and nothing to wait
    /// for.
    pub fn step(&mut self) -> bool {
        while let Some(io) = self.engine.next_io() {
            self.backplane.submit(io);
        }
        let moved = if let Some(done) = self.backplane.next() {
            self.engine.complete_io(self.backplane.now(), done);
            true
        } else if let Some(deadline) = self.engine.deadline() {
            self.backplane.idle(deadline);
            self.engine.run(self.backplane.now());
            true
        } else {
            false
        };
        self.take_events();
        self.look_for_a_stall();
        moved
    }

    /// Work that is left moves on by itself: by a member I/O, or at a deadline. What was reported has
    /// been taken already. A stall counts as an error of a request.
    fn look_for_a_stall(&mut self) {
        let moves = self.engine.has_io()
            || self.backplane.in_flight() > 0
            || self.engine.deadline().is_some();
        if moves || self.tally.errors.iter().any(|error| error.starts_with(STALL)) {
            return;
        }
        let owes = |status: Status| {
            let idle = status.operation.is_none() && !status.set_failed;
            idle && !status.rebuilding.is_empty()
        };
        let mut sets = (0..).map_while(|set| self.engine.state_of_set(set).ok());
        let left = match self.under_way.len() {
            0 if !self.engine.is_idle() => "the engine is not idle".into(),
            0 if sets.any(owes) => "a member waits to be filled".into(),
            0 => return,
            requests => format!("{requests} requests are not answered"),
        };
        self.tally.errors.push(format!("{STALL}: {left}, no I/O, no deadline"));
    }

    fn take_events(&mut self) {
        while let Some(event) = self.engine.next_event() {
            match event {
                Event::Finished { request, submitted, result } => {
                    self.finished(request, submitted, result);
                }
                Event::Mismatch(mismatch) => self.mismatches.push(mismatch),
                Event::Notice { set, notice } => self.notices.push((set, notice)),
                Event::Trusted(taken) => self.trusted.push(taken),
                Event::SpareActivated { place, disk, .. } => self.seated.push((place, disk)),
                Event::MemberReturned { place, owed } => self.returned.push((place, owed)),
                Event::Refused(why) => self.refused.push(why.to_string()),
                Event::NotTaken { why, .. } => self.refused.push(why.to_string()),
                Event::NotStarted { why, .. } => self.refused.push(why.to_string()),
                Event::Miscomputed { set, why } => {
                    self.tally.errors.push(format!("set {set}: {why}"));
                }
                Event::Unexpected { set, what } => {
                    self.tally.errors.push(format!("set {set}: {what}"));
                }
                _ => {}
            }
        }
    }

    fn finished(
        &mut self,
        request: RequestId,
        submitted: Time,
        result: Result<Vec<u8>, RequestError>,
    ) {
        if let Some(asked) = self.asked.as_mut().filter(|asked| asked.request == request) {
            asked.answer = Some(result);
            return;
        }
        let Some(op) = self.under_way.remove(&request) else { return };
        let took = self.now().0.saturating_sub(submitted.0);
        let bytes = match result {
            Ok(bytes) => bytes,
            Err(error) => return self.tally.error(error),
        };
        match op {
            Op::Read(floor, len) => {
                self.tally.reads += 1;
                self.tally.read_latencies.push(took);
                self.tally.bytes_verified += len;
                if let Some(wrong) = self.oracle.check_read(&floor, &bytes) {
                    self.tally.wrong(wrong);
                }
            }
            Op::Write { at, version, durable } => {
                self.tally.writes += 1;
                self.tally.write_latencies.push(took);
                self.tally.bytes_written += at.len.0 * SECTOR as u64;
                self.oracle.acknowledge_write(at.start.0, at.len.0, version, durable);
            }
            Op::Flush(floor) => {
                self.tally.flushes += 1;
                self.oracle.acknowledge_flush(&floor);
            }
            Op::Adopt(at) => {
                self.tally.bytes_verified += bytes.len() as u64;
                for (index, sector) in bytes.chunks_exact(SECTOR).enumerate() {
                    if let Err(wrong) = self.oracle.adopt(at.start.0 + index as u64, sector) {
                        self.tally.wrong(wrong);
                    }
                }
            }
        }
    }

    /// Lets the writers finish `requests` more requests.
    pub fn work(&mut self, requests: u64) {
        let done = |tally: &Tally| tally.reads + tally.writes + tally.flushes;
        let goal = done(&self.tally) + requests;
        while done(&self.tally) < goal && self.tally.is_good() {
            self.work_until(|_| true);
        }
    }

    /// Lets the writers work until `enough`, one member I/O at a time. Asked after each.
    pub fn work_until(&mut self, mut enough: impl FnMut(&Self) -> bool) {
        loop {
            // A set that has failed answers at once, so that there is never enough under way.
            let mut tries = 4 * self.writers * DEPTH;
            while self.under_way.len() < self.writers * DEPTH && tries > 0 {
                self.submit_any();
                tries -= 1;
            }
            if !self.step() || enough(self) || !self.tally.is_good() {
                break;
            }
        }
    }

    /// Lets everything under way finish, without new requests.
    pub fn settle(&mut self) {
        while !self.under_way.is_empty() && self.step() {}
    }

    /// Lets time pass until `enough`, without new requests.
    pub fn wait_until(&mut self, mut enough: impl FnMut(&Self) -> bool) -> bool {
        while !enough(self) {
            if !self.step() {
                return enough(self);
            }
        }
        true
    }

    fn submit_any(&mut self) {
        match self.random.u32(..100) {
            0..55 => self.submit_write(),
            55..98 => {
                let at = self.any_extent();
                let floor = self.oracle.submit_read(at.start.0, at.len.0);
                self.submit(Request::Read(at), Op::Read(floor, at.len.0 * SECTOR as u64));
            }
            _ => {
                let floor = self.oracle.submit_flush();
                self.submit(Request::Flush, Op::Flush(floor));
            }
        }
    }

    fn submit_write(&mut self) {
        let at = self.any_extent();
        let busy = self
            .under_way
            .values()
            .any(|op| matches!(op, Op::Write { at: other, .. } if other.overlaps(at)));
        if busy {
            // Two writes to one sector at a time would leave either of them: nothing to verify.
            let floor = self.oracle.submit_read(at.start.0, at.len.0);
            return self.submit(Request::Read(at), Op::Read(floor, at.len.0 * SECTOR as u64));
        }
        let version = self.next_version;
        self.next_version += 1;
        let durable = self.random.u32(..20) == 0;
        let bytes = self.oracle.submit_write(at.start.0, at.len.0, version);
        let request = Request::Write { at: at.start.0, bytes, durable };
        self.submit(request, Op::Write { at, version, durable });
    }

    fn submit(&mut self, request: Request, op: Op) {
        let id = self.engine.submit(self.backplane.now(), request);
        self.under_way.insert(id, op);
        self.take_events();
        self.look_for_a_stall();
    }

    /// Writes these sectors once.
    pub fn write(&mut self, at: Extent) {
        self.write_once(at, false);
    }

    /// The same, to be answered when they are on stable storage.
    pub fn write_durably(&mut self, at: Extent) {
        self.write_once(at, true);
    }

    fn write_once(&mut self, at: Extent, durable: bool) {
        let version = self.next_version;
        self.next_version += 1;
        let bytes = self.oracle.submit_write(at.start.0, at.len.0, version);
        let request = Request::Write { at: at.start.0, bytes, durable };
        self.submit(request, Op::Write { at, version, durable });
    }

    /// Asks what no writer would ask, and waits for the answer.
    ///
    /// # Errors
    /// What the array answers.
    ///
    /// # Panics
    /// It does not answer.
    pub fn ask(&mut self, request: Request) -> Result<Vec<u8>, RequestError> {
        let id = self.engine.submit(self.backplane.now(), request);
        self.asked = Some(Asked { request: id, answer: None });
        self.take_events();
        while self.asked.as_ref().is_some_and(|asked| asked.answer.is_none()) && self.step() {}
        self.asked.take().and_then(|asked| asked.answer).expect("an answer")
    }

    /// Requests that have not been answered.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.under_way.len()
    }

    /// An extent that holds no sector to be avoided.
    fn any_extent(&mut self) -> Extent {
        loop {
            let at = self.draw_extent();
            let next = self.avoid.partition_point(|sector| *sector < at.start.0);
            if self.avoid.get(next).is_none_or(|sector| *sector >= at.start.0 + at.len.0) {
                return at;
            }
        }
    }

    /// Mostly small extents anywhere, some of several stripe rows, a few in one hot place.
    fn draw_extent(&mut self) -> Extent {
        let longest = match self.random.u32(..10) {
            0 => 2048,
            1..4 => 256,
            _ => 32,
        };
        let len = self.random.u64(1..=longest.min(self.sectors));
        let last = self.sectors - len;
        let start = match self.random.u32(..8) {
            0 => self.random.u64(..=last.min(4096)),
            _ => self.random.u64(..=last),
        };
        Extent::new(start, len)
    }

    /// Puts everything written so far on stable storage.
    pub fn flush(&mut self) {
        self.settle();
        let floor = self.oracle.submit_flush();
        self.submit(Request::Flush, Op::Flush(floor));
        self.settle();
    }

    /// Reads the whole array and compares every sector.
    pub fn verify_all(&mut self) {
        self.verify_in(2048);
    }

    /// The same in reads of so many sectors.
    pub fn verify_in(&mut self, len: u64) {
        self.sweep(len, |rig, at| {
            Op::Read(rig.oracle.submit_read(at.start.0, at.len.0), at.len.0 * 512)
        });
    }

    /// Reads the whole array after a power cut: what is found is judged, and stays.
    pub fn adopt_all(&mut self) {
        self.sweep(2048, |_, at| Op::Adopt(at));
    }

    fn sweep(&mut self, len: u64, mut op: impl FnMut(&Self, Extent) -> Op) {
        self.settle();
        let mut next = 0;
        while next < self.sectors {
            let at = Extent::new(next, (self.sectors - next).min(len));
            next += at.len.0;
            let op = op(self, at);
            self.submit(Request::Read(at), op);
            if self.under_way.len() >= 16 {
                self.wait_until(|rig| rig.under_way.len() < 16);
            }
        }
        self.settle();
    }

    /// The power goes: what is left is the media, and what the oracle knows.
    #[must_use]
    pub fn cut_power(self) -> (Simulated, Oracle, Tally, u64) {
        (self.backplane, self.oracle, self.tally, self.next_version)
    }

    /// Goes on counting where a rig before a power cut stopped.
    pub fn carry_over(&mut self, tally: Tally, next_version: u64) {
        self.tally = tally;
        self.next_version = next_version;
    }
}
