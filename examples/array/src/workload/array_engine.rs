// SPDX-License-Identifier: MIT OR Apache-2.0
//! What tests and the workload need of an engine. Cases are written against this trait, so that
//! another engine runs them without an edit to a single case.

use crate::backplane::{Backplane, Completion, MemberIo};
use crate::discover::Discovery;
use crate::engine::{Engine, Event, OpenError, Options, Request, RequestId};
use raid_core::array::{ArrayId, Place};
use raid_core::metadata::{DiskShape, RunTime};
use raid_sync::{Limits, Status, Time};
use std::fmt;

/// What an operator asks of a running array.
#[derive(Clone, Copy, Debug)]
pub enum Call {
    /// Declare the member of a place failed.
    Fail(Place),
    /// Put a spare into the place of a failed member, and rebuild it.
    TakeSpare(Place, usize),
    /// Take back the disk that left a place.
    Return(Place),
    /// Take a blank disk into the configuration as a spare.
    Insert(usize, DiskShape),
    /// Give a spare back: it leaves the configuration, and its metadata is erased.
    Release(usize),
    /// Compare all rows of a set; repair them if asked.
    Scrub {
        /// Which set.
        set: u16,
        /// Whether what differs is put right.
        repair: bool,
    },
    /// Stop the operation of a set at a border between windows, until it is resumed.
    Pause(u16),
    /// Let the paused operation of a set go on.
    Resume(u16),
    /// Give the operation of a set up; what the set is owed begins again.
    Abort(u16),
    /// Change the limits of background work.
    Limit(Limits),
    /// Stop cleanly as soon as nothing is under way.
    Stop,
}

/// An engine that runs one array: it takes requests, calls and completions, and gives member I/O,
/// events and a deadline.
pub trait ArrayEngine: Sized + fmt::Debug {
    /// Starts an array that discovery found.
    ///
    /// # Errors
    /// [`OpenError`].
    fn open(
        format: &'static dyn RunTime,
        discovery: &Discovery,
        array: ArrayId,
        backplane: &mut dyn Backplane,
        options: Options,
    ) -> Result<Self, OpenError>;

    /// Blocks of the array.
    fn blocks(&self) -> u64;

    /// State of a set's sync engine.
    ///
    /// # Errors
    /// There is no such set.
    fn state_of_set(&self, set: u16) -> Result<Status, String>;

    /// State of the sync engine of a set that exists.
    ///
    /// # Panics
    /// There is no such set.
    fn status(&self, set: u16) -> Status {
        self.state_of_set(set).expect("a set of the array")
    }

    /// Index of the disk in a place, if one is there.
    fn disk_at(&self, place: Place) -> Option<usize>;

    /// Takes a request; its end comes as [`Event::Finished`].
    fn submit(&mut self, now: Time, request: Request) -> RequestId;

    /// Carries out what an operator asks.
    ///
    /// # Errors
    /// Why it is refused; nothing was changed.
    fn call(&mut self, now: Time, call: Call) -> Result<(), String>;

    /// Whether there is a member I/O to carry out.
    fn has_io(&self) -> bool;

    /// The next member I/O to carry out.
    fn next_io(&mut self) -> Option<MemberIo>;

    /// Takes the result of one.
    fn complete_io(&mut self, now: Time, completion: Completion);

    /// The next thing to report.
    fn next_event(&mut self) -> Option<Event>;

    /// When [`run`](Self::run) must be called though nothing else happens.
    fn deadline(&self) -> Option<Time>;

    /// Moves everything on as far as it goes without waiting.
    fn run(&mut self, now: Time);

    /// Whether nothing at all is under way.
    fn is_idle(&self) -> bool;
}

impl ArrayEngine for Engine {
    fn open(
        format: &'static dyn RunTime,
        discovery: &Discovery,
        array: ArrayId,
        backplane: &mut dyn Backplane,
        options: Options,
    ) -> Result<Self, OpenError> {
        Self::open(format, discovery, array, backplane, options)
    }

    fn blocks(&self) -> u64 {
        self.layout().size().0
    }

    fn state_of_set(&self, set: u16) -> Result<Status, String> {
        self.state_of_set(set).map_err(|why| why.to_string())
    }

    fn disk_at(&self, place: Place) -> Option<usize> {
        self.disk_at(place)
    }

    fn submit(&mut self, now: Time, request: Request) -> RequestId {
        self.submit(now, request)
    }

    fn call(&mut self, now: Time, call: Call) -> Result<(), String> {
        let answer = match call {
            Call::Fail(place) => self.fail_member(now, place),
            Call::TakeSpare(place, disk) => self.take_spare(now, place, disk),
            Call::Return(place) => self.return_member(now, place),
            Call::Release(disk) => self.release_spare(now, disk),
            Call::Insert(disk, shape) => self.insert_disk(now, disk, shape),
            Call::Scrub { set, repair } => self.scrub(now, set, repair),
            Call::Pause(set) => self.pause(now, set),
            Call::Resume(set) => self.resume(now, set),
            Call::Abort(set) => self.abort(now, set),
            Call::Limit(limits) => {
                self.set_limits(limits);
                self.run(now);
                Ok(())
            }
            Call::Stop => {
                self.quiesce(now);
                Ok(())
            }
        };
        answer.map_err(|why| why.to_string())
    }

    fn has_io(&self) -> bool {
        self.has_io()
    }

    fn next_io(&mut self) -> Option<MemberIo> {
        self.next_io()
    }

    fn complete_io(&mut self, now: Time, completion: Completion) {
        self.complete_io(now, completion);
    }

    fn next_event(&mut self) -> Option<Event> {
        self.next_event()
    }

    fn deadline(&self) -> Option<Time> {
        self.deadline()
    }

    fn run(&mut self, now: Time) {
        self.run(now);
    }

    fn is_idle(&self) -> bool {
        self.is_idle()
    }
}
