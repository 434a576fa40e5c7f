// SPDX-License-Identifier: MIT OR Apache-2.0
//! An array that runs on real disks: the engine on a thread of its own, its disks on another.
//!
//! ```text
//! users ── request, call ──▶ engine thread ── MemberIo ──▶ io_uring, or a thread of the disk
//!       ◀──── answer ───────             ◀── Completion ──
//! ```
//!
//! Where io_uring is refused, as in many containers, each disk has a thread: that works everywhere, and a disk has one
//! I/O under way at a time.

use crate::backplane::{self, Completion, MemberIo, Serial};
use crate::discover::Discovery;
use crate::engine::{
    CallError, Engine, Event, OpenError, Options, Request, RequestError, RequestId,
};
use crate::fault_point::FaultPoint;
use crate::member::{Member, Registered, Ring};
use crate::nbd::{Export, Shape};
use raid_core::array::{ArrayId, Geometry};
use raid_core::metadata::{Operation, RunTime};
use raid_core::units::Extent;
use raid_sync::{Finish, Notice, Phase, Status, Time};
use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{fmt, io};

/// How long a stop waits for what is under way, and whoever closes a disk for what it has under way.
const PATIENCE: Duration = Duration::from_secs(30);
/// After which a stop takes what rests for what it will be.
const SETTLED: Duration = Duration::from_secs(1);

/// Why a request or a call was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServiceError {
    /// The array refuses.
    Request(RequestError),
    /// The array does not run any more.
    Stopped,
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(why) => write!(f, "{why}"),
            Self::Stopped => f.write_str("the array has been stopped"),
        }
    }
}

impl std::error::Error for ServiceError {}

/// How an array was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It is recorded as clean.
    Clean,
    /// Some of it has not been initialised or resynchronised, and is recorded so: that goes on at the next start.
    Unfinished,
    /// A set lost a member before its parity was in step. Nothing can put that right without the member, and it is
    /// recorded as unclean: the next start asks what is accepted.
    Unclean,
    /// A set has failed: its disks say what they said when it did.
    Failed,
}

/// What there is to tell of a running array, as it happens.
#[derive(Debug)]
#[non_exhaustive]
pub enum Told {
    /// What the engine said.
    Event(Event),
    /// io_uring is refused, and why: a thread for each disk instead.
    Threads(io::Error),
    /// What runs in the background in a set cannot be paused for the stop.
    NotPaused {
        /// Which set.
        set: u16,
        /// Why.
        why: CallError,
    },
}

/// What a check or repair found, and whether it is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scrub {
    /// How it ended, if it has: `true` if all rows were looked at.
    pub ended: Option<bool>,
    /// Whether it put right what differed.
    pub repairs: bool,
    /// Rows that differed.
    pub mismatches: u64,
    /// How many of them were put right.
    pub repaired: u64,
    /// Rows that no member gave.
    pub unreadable: u64,
}

/// How disks are read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// By io_uring; where that is refused, by threads.
    Ring,
    /// By a thread for each disk.
    Threads,
}

/// Where the I/O of a disk goes.
enum Way {
    Ring,
    /// To its thread, which hangs up when it has closed the disk.
    Thread(Sender<MemberIo>, Receiver<()>),
    /// Nowhere: it was closed.
    Closed,
}

/// Somebody who waits for the engine to be like this.
type Wait = (Box<dyn Fn(&Engine) -> bool + Send>, Sender<()>);

type Answer = Result<Vec<u8>, ServiceError>;
type Call = Box<dyn FnOnce(&mut Running) + Send>;

/// Who is to be answered. Every one is: what is dropped without an answer says that the array has been stopped.
struct Asker(Option<Box<dyn FnOnce(Answer) + Send>>);

impl Asker {
    fn answer(mut self, answer: Answer) {
        if let Some(done) = self.0.take() {
            done(answer);
        }
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            done(Err(ServiceError::Stopped));
        }
    }
}

enum Message {
    Submit(Request, Asker),
    Call(Call),
    Done(Completion),
    Stop,
}

/// The engine and its disks, on the engine's thread.
struct Running {
    engine: Engine,
    start: Instant,
    disks: Vec<Way>,
    ring: Option<Ring>,
    threads: Vec<JoinHandle<()>>,
    own: Sender<Message>,
    waiting: HashMap<RequestId, Asker>,
    tell: Box<dyn Fn(Told) + Send>,
    fault_point: FaultPoint,
    /// Of each set the scrub under way, or the last one since the start.
    scrubs: BTreeMap<u16, Scrub>,
    waits: Vec<Wait>,
    /// Until when a stop waits.
    stopping: Option<Instant>,
}

/// A running array; any number of threads may use it. Dropping it is no clean stop.
#[derive(Debug)]
pub struct Service {
    to: Sender<Message>,
    thread: Option<JoinHandle<Result<Stopped, String>>>,
    size: u64,
    block_size: u32,
    physical_block_size: u32,
    geometry: Geometry,
    description: String,
    carrier: Carrier,
    registered: Registered,
}

impl Service {
    /// Starts an array that was discovered on these disks. `tell` hears what happens, on the engine's thread, which
    /// waits for it meanwhile.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn start(
        format: &'static dyn RunTime,
        discovery: &Discovery,
        array: ArrayId,
        members: Vec<Box<dyn Member>>,
        carrier: Carrier,
        options: Options,
        tell: impl Fn(Told) + Send + 'static,
    ) -> Result<Self, OpenError> {
        let mut serial = Serial::new(members);
        let engine = Engine::open(format, discovery, array, &mut serial, options)?;
        let (to, from) = mpsc::channel();
        let block_size = engine.block_size();
        let size = engine.layout().size().bytes(block_size).unwrap_or(u64::MAX);
        let description = format!("{} array, {}", format.name(), engine.geometry().level_name());
        let geometry = *engine.geometry();
        let (members, start) = serial.into_members();
        let physical = members.iter().map(Member::physical_block_size).max();
        let physical_block_size = physical.unwrap_or(block_size).max(block_size);
        let done = to.clone();
        let ring = match carrier {
            // It outlives the engine's thread by what it still has under way.
            Carrier::Ring => Ring::start(move |io| drop(done.send(Message::Done(io)))).map(Some),
            Carrier::Threads => Ok(None),
        };
        let ring = ring.unwrap_or_else(|error| {
            tell(Told::Threads(error));
            None
        });
        let registered = ring.as_ref().map(|ring| ring.registered).unwrap_or_default();
        let carrier = if ring.is_some() { Carrier::Ring } else { Carrier::Threads };
        let mut running = Running {
            engine,
            start,
            disks: Vec::new(),
            ring,
            threads: Vec::new(),
            own: to.clone(),
            waiting: HashMap::new(),
            tell: Box::new(tell),
            fault_point: FaultPoint::from_environment(),
            scrubs: BTreeMap::new(),
            waits: Vec::new(),
            stopping: None,
        };
        for member in members {
            running.add(member);
        }
        let thread = Some(std::thread::spawn(move || running.run(&from)));
        Ok(Self {
            to,
            thread,
            size,
            block_size,
            physical_block_size,
            geometry,
            description,
            carrier,
            registered,
        })
    }

    /// Bytes of the array.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// What it is made of.
    #[must_use]
    pub const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// How its disks are read and written.
    #[must_use]
    pub const fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// What io_uring keeps registered for that.
    #[must_use]
    pub const fn registered(&self) -> Registered {
        self.registered
    }

    /// Bytes that its members write as a whole, the largest of all.
    #[must_use]
    pub const fn physical_block_size(&self) -> u32 {
        self.physical_block_size
    }

    /// Carries out a request, and waits for it.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub fn request(&self, request: Request) -> Result<Vec<u8>, ServiceError> {
        let (to, answer) = mpsc::channel();
        self.submit(request, move |answered| {
            // Nobody is given up who waits below.
            let _ = to.send(answered);
        });
        answer.recv().map_err(|_| ServiceError::Stopped)?
    }

    /// Carries out a request; `done` gets what comes of it, on the engine's thread, which waits for it meanwhile.
    pub fn submit(
        &self,
        request: Request,
        done: impl FnOnce(Result<Vec<u8>, ServiceError>) + Send + 'static,
    ) {
        // Of an array that has been stopped it comes back, and is answered by being dropped.
        let _ = self.to.send(Message::Submit(request, Asker(Some(Box::new(done)))));
    }

    /// Does something with the engine between two of its steps, and waits for what it gives.
    ///
    /// # Errors
    /// [`ServiceError::Stopped`].
    pub fn call<R: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Engine, Time) -> R + Send + 'static,
    ) -> Result<R, ServiceError> {
        self.with(move |running| {
            let now = running.now();
            call(&mut running.engine, now)
        })
    }

    /// Plugs in a blank disk as a spare; its index.
    ///
    /// # Errors
    /// The array has been stopped, or refuses.
    pub fn insert(
        &self,
        member: Box<dyn Member>,
    ) -> Result<Result<usize, CallError>, ServiceError> {
        self.with(move |running| {
            let (disk, shape) = (running.disks.len(), member.shape());
            let now = running.now();
            running.engine.insert_disk(now, disk, shape)?;
            running.add(member);
            Ok(disk)
        })
    }

    /// Runs a check or repair over a set.
    ///
    /// # Errors
    /// The array has been stopped, or refuses.
    pub fn scrub(&self, set: u16, repair: bool) -> Result<Result<(), CallError>, ServiceError> {
        self.with(move |running| {
            let now = running.now();
            running.engine.scrub(now, set, repair)?;
            // Nothing that it found was told yet.
            running.scrubs.insert(set, Scrub { repairs: repair, ..Scrub::default() });
            Ok(())
        })
    }

    /// Closes a disk that has left the configuration. Others may have it when this returns, unless it hangs.
    ///
    /// # Errors
    /// [`ServiceError::Stopped`].
    pub fn give_back(&self, disk: usize) -> Result<(), ServiceError> {
        let closed = self.with(move |running| running.close(disk))?;
        until_closed(&closed);
        Ok(())
    }

    /// Gives up and closes a disk that has no part in the array. Others may have it when this returns, unless it
    /// hangs.
    ///
    /// # Errors
    /// The array has been stopped, or the disk has a part in it.
    pub fn close_unused(&self, disk: usize) -> Result<Result<(), CallError>, ServiceError> {
        let closed = self.with(move |running| {
            running.engine.give_up_disk(disk)?;
            Ok(running.close(disk))
        })?;
        Ok(closed.map(|closed| until_closed(&closed)))
    }

    /// Waits until the engine is like this, at most for so long. Whether it was.
    ///
    /// # Errors
    /// [`ServiceError::Stopped`].
    pub fn wait_until(
        &self,
        patience: Duration,
        is: impl Fn(&Engine) -> bool + Send + 'static,
    ) -> Result<bool, ServiceError> {
        let (to, comes) = mpsc::channel();
        self.with(move |running| running.waits.push((Box::new(is), to)))?;
        match comes.recv_timeout(patience) {
            Ok(()) => Ok(true),
            Err(RecvTimeoutError::Timeout) => Ok(false),
            Err(RecvTimeoutError::Disconnected) => Err(ServiceError::Stopped),
        }
    }

    /// Looks at the engine, and at what the scrub of each set found that is under way, or was the last one since the
    /// start: both of one moment.
    ///
    /// # Errors
    /// [`ServiceError::Stopped`].
    pub fn look<R: Send + 'static>(
        &self,
        look: impl FnOnce(&mut Engine, &BTreeMap<u16, Scrub>) -> R + Send + 'static,
    ) -> Result<R, ServiceError> {
        self.with(move |running| {
            // The end of a scrub may wait to be told.
            running.take_events();
            look(&mut running.engine, &running.scrubs)
        })
    }

    /// Stops cleanly: what runs in the background is paused where it is, and the record of it written.
    ///
    /// # Errors
    /// What of the array could not be recorded, and why.
    pub fn stop(mut self) -> Result<Stopped, String> {
        // It may have ended by itself; then it says why.
        let _ = self.to.send(Message::Stop);
        let thread = self.thread.take().ok_or("the array has been stopped")?;
        thread.join().map_err(|_| "the engine's thread panicked".to_owned())?
    }

    fn with<R: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Running) -> R + Send + 'static,
    ) -> Result<R, ServiceError> {
        let (to, answer) = mpsc::channel();
        let call = Box::new(move |running: &mut Running| {
            // Whoever asked may have gone.
            let _ = to.send(call(running));
        });
        self.to.send(Message::Call(call)).map_err(|_| ServiceError::Stopped)?;
        answer.recv().map_err(|_| ServiceError::Stopped)
    }
}

impl Running {
    fn now(&self) -> Time {
        Time(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// Closes a disk that the engine has given back. It does no I/O on it any more. The other end hangs up when others
    /// may have it.
    fn close(&mut self, disk: usize) -> Receiver<()> {
        let (closed, hangs_up) = mpsc::channel();
        let given_back = self.engine.is_given_back(disk);
        let Some(way) = self.disks.get_mut(disk).filter(|_| given_back) else {
            return hangs_up;
        };
        match (std::mem::replace(way, Way::Closed), &self.ring) {
            (Way::Ring, Some(ring)) => {
                ring.close(disk, closed);
                ring.kick();
                hangs_up
            }
            // A thread ends with the way to it.
            (Way::Thread(_, hangs_up), _) => hangs_up,
            (Way::Ring, None) | (Way::Closed, _) => hangs_up,
        }
    }

    /// Gives a disk to the ring, or a thread of its own.
    fn add(&mut self, mut member: Box<dyn Member>) {
        if let Some(ring) = &self.ring
            && member.open_file().is_some()
        {
            ring.add(self.disks.len(), member);
            return self.disks.push(Way::Ring);
        }
        let (to, from) = mpsc::channel::<MemberIo>();
        let done = self.own.clone();
        let (closed, hangs_up) = mpsc::channel::<()>();
        self.disks.push(Way::Thread(to, hangs_up));
        self.threads.push(std::thread::spawn(move || {
            for MemberIo { id, transfer, .. } in from {
                let result = backplane::carry_out(&mut *member, transfer);
                if done.send(Message::Done(Completion { id, result })).is_err() {
                    break;
                }
            }
            drop(member);
            drop(closed);
        }));
    }

    fn run(mut self, from: &Receiver<Message>) -> Result<Stopped, String> {
        let ended = loop {
            self.send();
            self.take_events();
            self.end_waits();
            if let Some(until) = self.stopping {
                match self.is_stopped() {
                    Ok(stopped) => break Ok(stopped),
                    Err(why) if Instant::now() >= until => break Err(why),
                    Err(_) => {}
                }
            }
            if let Some(message) = self.wait(from) {
                self.take(message);
                // What has come meanwhile goes with it.
                while let Ok(message) = from.try_recv() {
                    self.take(message);
                }
            } else {
                let now = self.now();
                self.engine.run(now);
            }
        };
        self.disks.clear();
        self.ring = None;
        for thread in self.threads.drain(..) {
            thread.join().map_err(|_| "a disk's thread panicked".to_owned())?;
        }
        ended
    }

    /// Answers those who wait for what the engine is now.
    fn end_waits(&mut self) {
        let Self { engine, waits, .. } = self;
        waits.retain(|(is, to)| {
            let ends = is(engine);
            if ends {
                // Whoever waited may have lost patience.
                let _ = to.send(());
            }
            !ends
        });
    }

    /// Hands the disks what the engine asks of them.
    fn send(&mut self) {
        let mut rings = false;
        while let Some(io) = self.engine.next_io() {
            if self.engine.is_commit_write(&io) && self.fault_point.is_here() {
                // Ends once what was asked before is done.
                self.ring = None;
                self.disks.clear();
                self.threads.drain(..).for_each(|thread| drop(thread.join()));
                FaultPoint::kill();
            }
            match (&self.disks[io.disk], &self.ring) {
                (Way::Ring, Some(ring)) => {
                    ring.submit(io);
                    rings = true;
                }
                // Its thread ends after this one.
                (Way::Thread(to, _), _) => drop(to.send(io)),
                // The ring goes with the engine's thread; of a disk that it gave back the engine asks nothing.
                (Way::Ring, None) | (Way::Closed, _) => {}
            }
        }
        if let Some(ring) = self.ring.as_ref().filter(|_| rings) {
            ring.kick();
        }
    }

    /// The next message; `None` when the engine's deadline comes first, or the end of a stop.
    fn wait(&self, from: &Receiver<Message>) -> Option<Message> {
        if self.engine.has_io() {
            return from.try_recv().ok();
        }
        let deadline = self.engine.deadline().map(|at| {
            let left = at.0.saturating_sub(self.now().0);
            Duration::from_nanos(left)
        });
        let stop = self.stopping.map(|until| {
            let (now, settled) = (Instant::now(), settled_at(until));
            if now < settled { settled - now } else { until.saturating_duration_since(now) }
        });
        match deadline.into_iter().chain(stop).min() {
            None => from.recv().ok(),
            Some(most) => from.recv_timeout(most).ok(),
        }
    }

    fn take(&mut self, message: Message) {
        let now = self.now();
        match message {
            Message::Submit(request, asker) => {
                let id = self.engine.submit(now, request);
                self.waiting.insert(id, asker);
            }
            Message::Call(call) => call(self),
            Message::Done(completion) => self.engine.complete_io(now, completion),
            Message::Stop => {
                self.stopping = Some(Instant::now() + PATIENCE);
                for (set, status) in self.states() {
                    let runs = status.operation.is_some() && !status.set_failed;
                    if runs && let Err(why) = self.engine.pause(now, set) {
                        (self.tell)(Told::NotPaused { set, why });
                    }
                }
                self.engine.quiesce(now);
            }
        }
    }

    fn states(&self) -> Vec<(u16, Status)> {
        let sets = 0..self.engine.set_count();
        sets.filter_map(|set| Some((set, self.engine.state_of_set(set).ok()?))).collect()
    }

    /// Whether everything is recorded that a stop records; else what is not.
    fn is_stopped(&self) -> Result<Stopped, String> {
        let (mut stopped, mut failed, mut unclean) = (Stopped::Clean, false, false);
        let settled = self.stopping.is_some_and(|until| settled_at(until) <= Instant::now());
        let settled = settled && self.engine.is_idle();
        for (set, status) in self.states() {
            let rests = status.tickets == 0 && status.windows == 0;
            // What is owed stays owed while it is paused, or for want of a member, and no record can call it clean.
            let waits = status.phase == Phase::Paused || status.operation.is_none();
            let owes = waits && status.owed_regions > 0;
            match () {
                () if status.set_failed => failed = true,
                () if status.clean && !status.unrecorded => {}
                () if owes && rests && !status.unrecorded => stopped = Stopped::Unfinished,
                // A resync that is owed cannot run short of a member, and no record may hide that it is owed.
                () if settled
                    && waits
                    && rests
                    && !status.unrecorded
                    && !status.failed.is_empty() =>
                {
                    unclean = true;
                }
                () => {
                    return Err(format!(
                        "set {set} could not be recorded as clean: {}",
                        rest(&status)
                    ));
                }
            }
        }
        match self.engine.is_idle() {
            true if failed => Ok(Stopped::Failed),
            true if unclean => Ok(Stopped::Unclean),
            true => Ok(stopped),
            false => Err(String::from("something is under way still")),
        }
    }

    fn take_events(&mut self) {
        while let Some(event) = self.engine.next_event() {
            match event {
                Event::Finished { request, result, .. } => {
                    if let Some(asker) = self.waiting.remove(&request) {
                        asker.answer(result.map_err(ServiceError::Request));
                    }
                }
                other => {
                    self.see(&other);
                    (self.tell)(Told::Event(other));
                }
            }
        }
    }

    /// Keeps count of what a scrub finds.
    fn see(&mut self, event: &Event) {
        let Event::Notice { set, notice } = event else { return };
        let unreadable = self.engine.state_of_set(*set).map_or(0, |status| status.unreadable);
        let mut scrub = self.scrubs.get(set).copied().unwrap_or_default();
        match notice {
            Notice::Mismatch { differing, repaired, .. } => {
                scrub.mismatches = scrub.mismatches.saturating_add(*differing);
                scrub.repaired = scrub.repaired.saturating_add(*repaired);
            }
            Notice::Finished { operation: Operation::Check | Operation::Repair, why } => {
                scrub.ended = (*why != Finish::Paused).then_some(*why == Finish::Complete);
            }
            _ => return,
        }
        self.scrubs.insert(*set, Scrub { unreadable, ..scrub });
    }
}

/// From when on a stop that waits until then takes what rests for what it will be.
fn settled_at(until: Instant) -> Instant {
    until - PATIENCE + SETTLED
}

/// Waits for a disk that is being closed. One that hangs is not waited for to the end.
fn until_closed(closed: &Receiver<()>) {
    // Closed it hangs up; after that long it counts as closed.
    let _ = closed.recv_timeout(PATIENCE);
}

/// What keeps a set from being recorded as clean.
fn rest(status: &Status) -> String {
    let Status { tickets, windows, owed_regions, unrecorded, clean, .. } = status;
    let recorded =
        if *unrecorded { "the last record is not on its disks" } else { "its disks say the same" };
    let clean = if *clean { "clean" } else { "not clean" };
    format!(
        "{tickets} requests and {windows} windows are under way, {owed_regions} regions are owed, it is {clean}, and \
         {recorded}"
    )
}

fn os(error: ServiceError) -> io::Error {
    match error {
        ServiceError::Request(RequestError::OutOfRange | RequestError::NotWholeBlocks { .. }) => {
            io::Error::new(io::ErrorKind::InvalidInput, error)
        }
        error => io::Error::other(error),
    }
}

impl Export for Service {
    fn shape(&self) -> Shape {
        Shape {
            size: self.size,
            minimum: self.block_size,
            preferred: self.block_size.max(4096),
            readonly: false,
            description: self.description.clone(),
        }
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let block = u64::from(self.block_size);
        let extent = Extent::new(offset / block, into.len() as u64 / block);
        let bytes = self.request(Request::Read(extent)).map_err(os)?;
        match bytes.len() == into.len() {
            true => into.copy_from_slice(&bytes),
            false => return Err(io::ErrorKind::InvalidInput.into()),
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8], durable: bool) -> io::Result<()> {
        let at = offset / u64::from(self.block_size);
        let write = Request::Write { at, bytes: data.to_vec(), durable };
        self.request(write).map(drop).map_err(os)
    }

    fn flush(&self) -> io::Result<()> {
        self.request(Request::Flush).map(drop).map_err(os)
    }
}
