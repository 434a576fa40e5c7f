// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a running array is told what to do: one JSON object per line over a Unix socket, each answered by
//! one.
//!
//! | asked | answered |
//! |---|---|
//! | `{"do": "status"}` | `{"ok": {…}}`: as `raid-ublk status --json` prints it |
//! | `{"do": "fail", "set": 0, "slot": 1, "force": false}` | `{"ok": {"recorded": true}}`: the disks say so; the last copy fails only if forced |
//! | `{"do": "return", "set": 0, "slot": 1}` | `{"ok": {"taken": true}}`: the disk of the place is back; `false`: it is on its way still |
//! | `{"do": "add_spare", "path": "d7.img"}` | `{"ok": {"disk": 7}}`: a blank disk, now a spare; `"overwrite": true`: it may hold something, which is lost |
//! | `{"do": "release_spare", "path": "d7.img"}` | `{"ok": {"disk": 7}}`: the disk has no metadata any more, and is closed |
//! | `{"do": "scrub", "set": 0, "repair": false}` | `{"ok": null}` |
//! | `{"do": "abort", "set": 0}` | `{"ok": null}` |
//! | `{"do": "stop", "force": false}` | `{"ok": null}` once it has stopped, and its disks are free; not while in use, unless forced |
//! | `{"do": "stop", "keep_device": true}` | `{"ok": null}` as above, used or not: the block device stays, and waits for the next server |
//!
//! What is refused is answered by `{"error": "why", "exit_code": 2}`, and nothing was changed; the code is that of the
//! command that asked, see [`Failure`].
//!
//! Several may ask at a time. One that has connected and says nothing is cut off after a while, or when there are too many.

mod ask;
mod returns;
mod spares;
mod status;
mod words;

pub(crate) use ask::{ANSWER, WORK, ask, ask_and_stay, ask_and_wait};
pub(crate) use words::{health, scrub_words, words};

use crate::failure::Failure;
use crate::pace::Pace;
use crate::serve::End;
use crate::ublk;
use raid_array::engine::CallError;
use raid_array::nbd::Socket;
use raid_array::service::{Service, ServiceError};
use raid_core::array::Place;
use raid_core::metadata::Operation;
use raid_core::units::Slot;
use raid_sync::{Refusal, Status};
use serde_json::{Value, json};
use spares::NotSeated;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The longest line.
const LINE: u64 = 64 << 10;
/// How long a disk may take to be taken in or given back.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the record of a failure may take, before it is said that it is not written yet.
const RECORD: Duration = Duration::from_secs(5);
/// How long a client may say nothing, and how many there may be.
const SILENCE: Duration = Duration::from_secs(10);
const CLIENTS: usize = 32;
/// How often it is looked whether the log has said something.
const AGAIN: Duration = Duration::from_millis(10);
/// How often it is looked whether a place waits for a spare.
const WATCH: Duration = Duration::from_millis(500);

/// The disks of the array, as operators know them.
#[derive(Debug, Default)]
pub(crate) struct Disks {
    /// By index; empty once a disk was closed.
    pub(crate) names: Vec<String>,
    /// Those that stand by.
    pub(crate) spares: Vec<usize>,
    /// Disks that have no part in the array any more and are to be closed.
    pub(crate) leaving: Vec<(usize, Left)>,
    /// Paths of those that were closed.
    pub(crate) unused: Vec<(String, Left)>,
    /// What was said of spares that a place does not take: once is enough.
    refused: Vec<(Place, usize, String)>,
    /// Places that a spare has taken since the array is served.
    pub(crate) replaced: BTreeSet<Place>,
    /// Of each place, why it did not take a disk last.
    pub(crate) not_taken: BTreeMap<Place, String>,
}

/// Why a disk has no part in the array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// It never had one.
    Never,
    /// It was a member here, and the array went on without it.
    Failed(Place),
    /// It was a member here, and a spare took its place.
    Replaced(Place),
}

impl Left {
    /// Where it was.
    const fn place(self) -> Option<Place> {
        match self {
            Self::Never => None,
            Self::Failed(place) | Self::Replaced(place) => Some(place),
        }
    }
}

impl Disks {
    /// Of an array that is to be served.
    pub(crate) fn new(names: Vec<String>, spares: Vec<usize>) -> Self {
        Self { names, spares, ..Self::default() }
    }

    /// What a disk is called.
    pub(crate) fn name(&self, disk: usize) -> String {
        match self.names.get(disk) {
            Some(name) if !name.is_empty() => name.clone(),
            _ => format!("disk {disk}"),
        }
    }
}

/// Those who asked for the stop: they are answered when nothing is left to be stopped.
#[derive(Debug, Default)]
pub(crate) struct Farewell(Mutex<Vec<UnixStream>>);

impl Farewell {
    fn add(&self, stream: UnixStream) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
    }

    /// Answers all of them.
    pub(crate) fn say(self, how: &Result<(), String>) {
        let told = match how {
            Ok(()) => json!({ "ok": null }),
            Err(why) => json!({ "error": why }),
        };
        for mut stream in self.0.into_inner().unwrap_or_else(PoisonError::into_inner) {
            // Whoever asked may have gone.
            let _ = writeln!(stream, "{told}");
        }
    }
}

/// Locks what several threads know of the disks.
pub(crate) fn locked(disks: &Mutex<Disks>) -> MutexGuard<'_, Disks> {
    disks.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a desk speaks for.
pub(crate) enum Array<'a> {
    /// An array that runs.
    Runs {
        /// It.
        service: &'a Service,
        /// Its name.
        name: &'a str,
    },
    /// One that is only read; its status, but for the device.
    ReadOnly(Value),
}

/// Takes what operators ask, and gives spares their places.
pub(crate) struct Desk<'a> {
    array: Array<'a>,
    /// Takes the wish to stop.
    end: Mutex<Sender<End>>,
    /// The block device that the array is.
    device: Option<PathBuf>,
    disks: &'a Mutex<Disks>,
    farewell: &'a Farewell,
    /// Of each set.
    paces: Mutex<Vec<Pace>>,
    /// Held by whoever changes which disks there are.
    one_at_a_time: Mutex<()>,
    /// Those who are connected, the oldest first, and whether what they asked is being carried out.
    clients: Mutex<BTreeMap<u64, (UnixStream, bool)>>,
    closed: AtomicBool,
}

impl<'a> Desk<'a> {
    pub(crate) fn new(
        array: Array<'a>,
        end: Sender<End>,
        device: Option<PathBuf>,
        disks: &'a Mutex<Disks>,
        farewell: &'a Farewell,
    ) -> Self {
        Self {
            array,
            end: Mutex::new(end),
            device,
            disks,
            farewell,
            paces: Mutex::default(),
            one_at_a_time: Mutex::default(),
            clients: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// Answers until it is closed.
    pub(crate) fn listen(&self, listener: &UnixListener) {
        thread::scope(|scope| {
            for (number, stream) in (0..).zip(listener.incoming()) {
                if self.closed.load(Ordering::Acquire) {
                    break;
                }
                // One that goes in the middle is no reason to end; the next may come.
                let Ok(stream) = stream else { continue };
                let Ok(known) = stream.try_clone() else { continue };
                if !self.makes_room() {
                    continue;
                }
                self.clients().insert(number, (known, false));
                // Who closed the desk before this one was known has not shut it. It may have gone by itself.
                if self.closed.load(Ordering::Acquire) {
                    let _ = stream.shutdown(Shutdown::Both);
                }
                scope.spawn(move || {
                    if let Err(error) = self.converse(number, stream)
                        && !is_silence(&error)
                    {
                        eprintln!("raid-ublk: control: {error}");
                    }
                    self.clients().remove(&number);
                });
            }
        });
    }

    /// Whether there is room for one more client: where there are too many, the oldest of those that say nothing is cut
    /// off.
    fn makes_room(&self) -> bool {
        let mut clients = self.clients();
        if clients.len() < CLIENTS {
            return true;
        }
        let silent = clients.iter().find(|(_, (_, asks))| !asks).map(|(number, _)| *number);
        let Some((stream, _)) = silent.and_then(|silent| clients.remove(&silent)) else {
            return false;
        };
        // It may have gone by itself.
        let _ = stream.shutdown(Shutdown::Both);
        true
    }

    /// A client asks something, or has got its answer.
    fn asks(&self, number: u64, asks: bool) {
        if let Some((_, now)) = self.clients().get_mut(&number) {
            *now = asks;
        }
    }

    fn clients(&self) -> MutexGuard<'_, BTreeMap<u64, (UnixStream, bool)>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends [`listen`](Self::listen) and [`watch`](Self::watch).
    pub(crate) fn close(&self, control: &Socket) {
        self.closed.store(true, Ordering::Release);
        for (stream, _) in self.clients().values() {
            // Whoever asked for the stop is answered later: only what it says is not heard any more.
            let _ = stream.shutdown(Shutdown::Read);
        }
        control.close();
    }

    /// Gives places that lost their member a spare, until it is closed.
    pub(crate) fn watch(&self) {
        let Array::Runs { service, .. } = self.array else { return };
        while !self.closed.load(Ordering::Acquire) {
            let spares = self.disks().spares.clone();
            if !spares.is_empty() {
                match spares::seat(service, spares) {
                    Ok((seated, refused)) => {
                        self.disks().spares.retain(|disk| !seated.contains(disk));
                        refused.into_iter().for_each(|refused| self.say_refused(refused));
                    }
                    Err(ServiceError::Stopped) => return,
                    Err(_) => {}
                }
            }
            self.close_leaving(service);
            self.see(service);
            thread::sleep(WATCH);
        }
    }

    /// Says once that a place does not take a spare.
    fn say_refused(&self, refused: NotSeated) {
        let mut disks = self.disks();
        if !disks.refused.contains(&refused) {
            let (place, disk, why) = &refused;
            let (set, slot, disk) = (place.set, place.slot, disks.name(*disk));
            eprintln!("raid-ublk: set {set}, slot {slot}: spare {disk} does not fit: {why}");
            disks.refused.push(refused);
        }
    }

    /// Closes disks that have no part in the array any more.
    fn close_leaving(&self, service: &Service) {
        let leaving = std::mem::take(&mut self.disks().leaving);
        for (disk, place) in leaving {
            let closed = service.close_unused(disk);
            let mut disks = self.disks();
            match closed {
                Ok(Ok(())) => {
                    let name = disks.names.get_mut(disk).map(std::mem::take).unwrap_or_default();
                    disks.unused.push((name, place));
                }
                // What writes it still is over soon.
                Ok(Err(_)) => disks.leaving.push((disk, place)),
                Err(_) => {}
            }
        }
    }

    /// Looks how far background work is.
    fn see(&self, service: &Service) {
        let seen = service.call(|engine, _| {
            let sets = 0..engine.set_count();
            let row = |status: Status| status.marks.map_or(0, |marks| marks.done.0);
            let states = sets.map(|set| engine.state_of_set(set).ok());
            let seen = states.map(|state| (state.and_then(|s| s.operation), state.map_or(0, row)));
            seen.collect::<Vec<_>>()
        });
        let now = Instant::now();
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        for (set, (what, row)) in seen.into_iter().flatten().enumerate() {
            if paces.len() == set {
                paces.push(Pace::default());
            }
            paces[set].see(now, what.map(status::operation), row);
        }
    }

    fn disks(&self) -> MutexGuard<'_, Disks> {
        locked(self.disks)
    }

    fn converse(&self, number: u64, stream: UnixStream) -> io::Result<()> {
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        let mut answers = stream.try_clone()?;
        let mut lines = BufReader::new(stream);
        loop {
            let mut line = String::new();
            // A line that comes byte by byte is not waited for either.
            let until = Instant::now() + SILENCE;
            if !read_line(&mut lines, &mut line, until)? {
                return Ok(());
            }
            self.asks(number, true);
            let asked: Result<Value, _> = serde_json::from_str(&line);
            let answer = match asked {
                Ok(asked) => self.carry_out(&asked),
                Err(error) => Err(format!("no JSON object on one line: {error}").into()),
            };
            let end = match answer.as_ref().ok().and_then(Value::as_str) {
                Some("stop") => Some(End::Asked),
                Some("hand over") => Some(End::HandOver),
                _ => None,
            };
            if let Some(end) = end {
                self.farewell.add(answers);
                let ends = self.end.lock().unwrap_or_else(PoisonError::into_inner);
                // Whoever serves it may be on the way out already.
                let _ = ends.send(end);
                return Ok(());
            }
            let told = match answer {
                Ok(answer) => json!({ "ok": answer }),
                Err(Failure { code, why }) => json!({ "error": why, "exit_code": code as u8 }),
            };
            writeln!(answers, "{told}")?;
            self.asks(number, false);
        }
    }

    fn carry_out(&self, asked: &Value) -> Result<Value, Failure> {
        let number = |field: &str| {
            let value = asked.get(field).and_then(Value::as_u64);
            value.ok_or_else(|| format!("{field:?} is missing, or no number"))
        };
        let set = || {
            let set = number("set")?;
            u16::try_from(set).map_err(|_| refused(format!("no set {set}")))
        };
        let place = || {
            let slot = number("slot")?;
            let slot = u8::try_from(slot).map(Slot);
            let slot = slot.map_err(|_| refused(format!("no slot {}", asked["slot"])))?;
            Ok::<Place, Failure>(Place { set: set()?, slot })
        };
        let path = || {
            let path = asked.get("path").and_then(Value::as_str);
            path.ok_or_else(|| String::from("\"path\" is missing"))
        };
        let what = asked.get("do").and_then(Value::as_str);
        let (service, name) = match (&self.array, what) {
            (Array::Runs { service, name }, _) => (*service, *name),
            (Array::ReadOnly(status), Some("status")) => {
                let mut status = status.clone();
                status["device"] = json!(self.device);
                return Ok(status);
            }
            (Array::ReadOnly(_), Some("stop")) => return self.stop(asked),
            (Array::ReadOnly(_), _) => {
                return Err(refused(
                    "it is served read only; serve it without --readonly for that",
                ));
            }
        };
        match what {
            Some("status") => self.status(service, name).map_err(refused),
            Some("fail") => {
                let place = place()?;
                let forced = asked.get("force") == Some(&json!(true));
                let call = service.call(move |engine, now| match engine.is_last(place)? {
                    true if !forced => Ok(false),
                    _ => engine.fail_member(now, place).map(|()| true),
                });
                match call.map_err(refused)?.map_err(|why: CallError| refused(why))? {
                    true => {
                        let recorded = service
                            .wait_until(RECORD, move |engine| engine.is_loss_recorded(place.set));
                        Ok(json!({ "recorded": recorded.map_err(refused)? }))
                    }
                    false => Err(refused(format!(
                        "set {}, slot {} holds the last copy of some data: without it the set fails; --force declares \
                         it failed all the same",
                        place.set, place.slot
                    ))),
                }
            }
            Some("return") => self.return_disk(service, place()?),
            Some("add_spare") => {
                self.add_spare(service, path()?, asked.get("overwrite") == Some(&json!(true)))
            }
            Some("release_spare") => self.release(service, path()?),
            Some("scrub") => {
                let (set, repair) = (set()?, asked.get("repair") == Some(&Value::Bool(true)));
                let started = service.scrub(set, repair).map_err(refused)?;
                let Err(why) = started else { return Ok(Value::Null) };
                let state = service.call(move |engine, _| engine.state_of_set(set));
                Err(not_scrubbed(set, &why, state.map_err(refused)?.ok().as_ref()))
            }
            Some("abort") => {
                let set = set()?;
                let call = service.call(move |engine, now| {
                    let runs = engine.state_of_set(set)?.operation;
                    match runs {
                        Some(Operation::Check | Operation::Repair) => engine.abort(now, set)?,
                        other => return Ok(Err(other)),
                    }
                    Ok(Ok(()))
                });
                match call.map_err(refused)?.map_err(|why: CallError| refused(why))? {
                    Ok(()) => Ok(Value::Null),
                    Err(None) => {
                        let why = "nothing runs, so there is nothing to abort; `scrub status` says what was found";
                        Err(refused(format!("set {set}: {why}")))
                    }
                    Err(Some(other)) => Err(refused(format!(
                        "set {set}: no scrub runs, but {}, which is owed and is not aborted",
                        status::noun(other)
                    ))),
                }
            }
            Some("stop") => self.stop(asked),
            Some(other) => Err(format!("unknown: {other:?}").into()),
            None => Err(String::from("\"do\" is missing").into()),
        }
    }

    fn stop(&self, asked: &Value) -> Result<Value, Failure> {
        if asked.get("keep_device") == Some(&Value::Bool(true)) {
            return match self.device.as_deref() {
                None => Err(refused("it has no block device that could be kept")),
                Some(device) => match ublk::not_kept(device) {
                    Some(why) => Err(refused(why)),
                    None => Ok(json!("hand over")),
                },
            };
        }
        let forced = asked.get("force") == Some(&Value::Bool(true));
        match self.device.as_deref().filter(|_| !forced).and_then(ublk::in_use) {
            Some(why) => Err(refused(format!("{why}, or stop with --force"))),
            None => Ok(json!("stop")),
        }
    }
}

/// Why a scrub does not begin in a set that is like this, and what comes first.
fn not_scrubbed(set: u16, why: &CallError, state: Option<&Status>) -> Failure {
    // What runs in a set that has just lost a member is about to end.
    let short = state.is_some_and(|state| !state.failed.is_empty());
    let what = match why {
        CallError::Sync(Refusal::Busy) if !short => {
            let runs = state.and_then(|state| state.operation).map_or("something", status::noun);
            return refused(format!(
                "set {set}: {runs} runs already; `scrub status` says how far it is; scrub when it has ended"
            ));
        }
        CallError::Sync(Refusal::NotRedundant | Refusal::Busy) => {
            "rows are compared only with all members there, also where two parities leave one of them: it is short of a \
             member, or its level has no redundancy; see to a spare first, and scrub when it is filled"
        }
        CallError::Sync(Refusal::ResyncFirst) => {
            "its copies or parity are owed a resync, which comes first; `scrub status` says how far it is"
        }
        other => return refused(other),
    };
    refused(format!("set {set}: {what}"))
}

/// What an array, a disk or this server does not allow.
fn refused(why: impl fmt::Display) -> Failure {
    Failure::refused(why.to_string())
}

/// Whether a client has merely said nothing.
fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Reads a line that is there by then; whether there is one.
fn read_line(
    from: &mut BufReader<UnixStream>,
    line: &mut String,
    until: Instant,
) -> io::Result<bool> {
    let mut bytes = Vec::new();
    loop {
        let there = from.fill_buf()?;
        if there.is_empty() {
            break;
        }
        let end = there.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(there.len(), |end| end + 1);
        bytes.extend_from_slice(&there[..taken]);
        from.consume(taken);
        if end.is_some() {
            break;
        }
        if bytes.len() as u64 > LINE || Instant::now() >= until {
            return Err(ErrorKind::TimedOut.into());
        }
    }
    *line =
        String::from_utf8(bytes).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
    Ok(!line.is_empty())
}
