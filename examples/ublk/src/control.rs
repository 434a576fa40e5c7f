// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a running array is told what to do: one JSON object per line over a Unix socket, each answered by
//! one.
//!
//! | asked | answered |
//! |---|---|
//! | `{"do": "status"}` | `{"ok": {…}}`: as `raid-ublk status --json` prints it |
//! | `{"do": "fail", "set": 0, "slot": 1, "force": false}` | `{"ok": null}`; the last copy fails only if forced |
//! | `{"do": "return", "set": 0, "slot": 1}` | `{"ok": null}`: the disk of the place is back |
//! | `{"do": "add_spare", "path": "d7.img"}` | `{"ok": {"disk": 7}}`: a blank disk, now a spare; `"overwrite": true`: it may hold something, which is lost |
//! | `{"do": "release_spare", "path": "d7.img"}` | `{"ok": {"disk": 7}}`: the disk has no metadata any more, and is closed |
//! | `{"do": "scrub", "set": 0, "repair": false}` | `{"ok": null}` |
//! | `{"do": "abort", "set": 0}` | `{"ok": null}` |
//! | `{"do": "stop", "force": false}` | `{"ok": null}` once it has stopped, and its disks are free; not while in use, unless forced |
//! | `{"do": "stop", "keep_device": true}` | `{"ok": null}` as above, used or not: the block device stays, and waits for the next server |
//!
//! What is refused is answered by `{"error": "why"}`, and nothing was changed.

use crate::create;
use crate::failure::Failure;
use crate::pace::Pace;
use crate::serve::End;
use crate::ublk;
use raid_array::engine::CallError;
use raid_array::member::{DiskError, FileMember, Holder, Identity, Member, Unowned};
use raid_array::service::{Carrier, Scrub, Service, ServiceError};
use raid_core::array::Place;
use raid_core::metadata::Operation;
use raid_core::units::Slot;
use raid_inspect::ExitCode;
use raid_sync::{Phase, Status};
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The longest line.
const LINE: u64 = 64 << 10;
/// How long a disk may take to be given back, and how often it is asked.
const PATIENCE: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_millis(5);
/// How often it is looked whether a place waits for a spare.
const WATCH: Duration = Duration::from_millis(500);

/// The disks of the array, as operators know them.
#[derive(Debug, Default)]
pub(crate) struct Disks {
    /// By index; empty once a disk was closed.
    pub(crate) names: Vec<String>,
    /// Those that stand by.
    pub(crate) spares: Vec<usize>,
    /// Disks that have no part in the array any more and are to be closed, and where they failed.
    pub(crate) leaving: Vec<(usize, Option<Place>)>,
    /// Paths of those that were closed.
    pub(crate) unused: Vec<(String, Option<Place>)>,
    /// What was said of spares that a place does not take: once is enough.
    refused: Vec<(Place, usize, String)>,
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
            closed: AtomicBool::new(false),
        }
    }

    /// Answers until it is closed.
    pub(crate) fn listen(&self, listener: &UnixListener) {
        for stream in listener.incoming() {
            if self.closed.load(Ordering::Acquire) {
                return;
            }
            // One that goes in the middle is no reason to end; the next may come.
            if let Ok(stream) = stream
                && let Err(error) = self.converse(stream)
            {
                eprintln!("raid-ublk: control: {error}");
            }
        }
    }

    /// Ends [`listen`](Self::listen) and [`watch`](Self::watch).
    pub(crate) fn close(&self, control: &Path) {
        self.closed.store(true, Ordering::Release);
        // The one who waits for somebody to come is woken by one.
        let _ = UnixStream::connect(control);
    }

    /// Gives places that lost their member a spare, until it is closed.
    pub(crate) fn watch(&self) {
        let Array::Runs { service, .. } = self.array else { return };
        while !self.closed.load(Ordering::Acquire) {
            let spares = self.disks().spares.clone();
            if !spares.is_empty() {
                match seat(service, spares) {
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
    fn say_refused(&self, refused: (Place, usize, String)) {
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
            paces[set].see(now, what.map(operation), row);
        }
    }

    fn disks(&self) -> MutexGuard<'_, Disks> {
        locked(self.disks)
    }

    fn converse(&self, stream: UnixStream) -> io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut answers = stream.try_clone()?;
        let mut lines = BufReader::new(stream);
        loop {
            let mut line = String::new();
            if Read::by_ref(&mut lines).take(LINE).read_line(&mut line)? == 0 {
                return Ok(());
            }
            let asked: Result<Value, _> = serde_json::from_str(&line);
            let answer = match asked {
                Ok(asked) => self.carry_out(&asked),
                Err(error) => Err(format!("no JSON object on one line: {error}")),
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
                Err(why) => json!({ "error": why }),
            };
            writeln!(answers, "{told}")?;
        }
    }

    fn carry_out(&self, asked: &Value) -> Result<Value, String> {
        let number = |field: &str| {
            let value = asked.get(field).and_then(Value::as_u64);
            value.ok_or_else(|| format!("{field:?} is missing, or no number"))
        };
        let set = || {
            let set = number("set")?;
            u16::try_from(set).map_err(|_| format!("no set {set}"))
        };
        let place = || {
            let slot = number("slot")?;
            let slot = u8::try_from(slot).map(Slot).map_err(|_| format!("no slot {slot}"))?;
            Ok::<Place, String>(Place { set: set()?, slot })
        };
        let path = || {
            let path = asked.get("path").and_then(Value::as_str);
            path.ok_or_else(|| String::from("\"path\" is missing"))
        };
        let gone = |why: ServiceError| why.to_string();
        let done = |answer: Result<(), CallError>| {
            answer.map(|()| Value::Null).map_err(|why| why.to_string())
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
                return Err("it is served read only; serve it without --readonly for that".into());
            }
        };
        match what {
            Some("status") => self.status(service, name),
            Some("fail") => {
                let place = place()?;
                let forced = asked.get("force") == Some(&json!(true));
                let call = service.call(move |engine, now| match engine.is_last(place)? {
                    true if !forced => Ok(false),
                    _ => engine.fail_member(now, place).map(|()| true),
                });
                match call.map_err(gone)?.map_err(|why: CallError| why.to_string())? {
                    true => Ok(Value::Null),
                    false => Err(format!(
                        "set {}, slot {} holds the last copy of some data: without it the set fails; --force declares \
                         it failed all the same",
                        place.set, place.slot
                    )),
                }
            }
            Some("return") => {
                let place = place()?;
                let call = service.call(move |engine, now| engine.return_member(now, place));
                done(call.map_err(gone)?).map_err(|why| why + &self.way_back(place))
            }
            Some("add_spare") => {
                self.add_spare(service, path()?, asked.get("overwrite") == Some(&json!(true)))
            }
            Some("release_spare") => self.release(service, path()?),
            Some("scrub") => {
                let (set, repair) = (set()?, asked.get("repair") == Some(&Value::Bool(true)));
                done(service.scrub(set, repair).map_err(gone)?)
            }
            Some("abort") => {
                let set = set()?;
                let call = service.call(move |engine, now| engine.abort(now, set));
                done(call.map_err(gone)?)
            }
            Some("stop") => self.stop(asked),
            Some(other) => Err(format!("unknown: {other:?}")),
            None => Err("\"do\" is missing".into()),
        }
    }

    /// How a disk that failed in a place comes back, if it was closed since.
    fn way_back(&self, place: Place) -> String {
        let disks = self.disks();
        let unused = disks.unused.iter().filter(|(_, of)| of.is_none_or(|of| of == place));
        let paths: Vec<&str> = unused.map(|(path, _)| path.as_str()).collect();
        match paths.as_slice() {
            [] => String::new(),
            paths => format!(
                "; {} is not used: `raid-ublk spare add --overwrite` makes it a spare",
                paths.join(", ")
            ),
        }
    }

    /// Takes a disk in; it is a spare when this returns.
    fn add_spare(&self, service: &Service, path: &str, overwrite: bool) -> Result<Value, String> {
        let failed = |why: ServiceError| why.to_string();
        // It may be the one whose place a spare took.
        self.close_leaving(service);
        let until = Instant::now() + PATIENCE;
        let member = loop {
            match FileMember::open(Path::new(path)) {
                // It was just closed, and what it had under way ends.
                Err(DiskError { why: Unowned::InUse(Some(Holder::Process(id, _))), .. })
                    if id == std::process::id()
                        && self.disk_of(path).is_none()
                        && Instant::now() < until =>
                {
                    thread::sleep(AGAIN);
                }
                opened => {
                    break opened.map_err(|error| match self.disk_of(path) {
                        Some(_) => format!("{path} is a disk of this array already"),
                        None => error.to_string(),
                    })?;
                }
            }
        };
        let member = match overwrite {
            true => member,
            false => create::blank(vec![member])?.pop().ok_or("no disk")?,
        };
        let added = service.insert(Box::new(member) as Box<dyn Member>);
        let disk = added.map_err(failed)?.map_err(|why| format!("{path}: {why}"))?;
        while !service.call(move |engine, _| engine.is_settled(disk)).map_err(failed)? {
            if Instant::now() >= until {
                return Err(format!("{path} is being taken in, and does not answer"));
            }
            thread::sleep(AGAIN);
        }
        if service.call(move |engine, _| engine.is_given_back(disk)).map_err(failed)? {
            service.give_back(disk).map_err(failed)?;
            return Err(format!("{path} was not taken in; the log of the server says why"));
        }
        let mut disks = self.disks();
        let names = disks.names.len().max(disk + 1);
        disks.names.resize(names, String::new());
        disks.names[disk] = path.into();
        disks.spares.push(disk);
        let same = SameDisk::of(path);
        disks.unused.retain(|(unused, _)| !same.is(unused));
        Ok(json!({ "disk": disk }))
    }

    /// Gives a spare back: its metadata is off it, and its file closed, when this returns.
    fn release(&self, service: &Service, path: &str) -> Result<Value, String> {
        let failed = |why: ServiceError| why.to_string();
        let disk = self.disk_of(path).ok_or_else(|| format!("{path} is no disk of this array"))?;
        // It must not be given a place meanwhile.
        let stood_by = {
            let spares = &mut self.disks().spares;
            let before = spares.len();
            spares.retain(|spare| *spare != disk);
            spares.len() < before
        };
        let until = Instant::now() + PATIENCE;
        let refused = loop {
            match service.call(move |engine, now| engine.release_spare(now, disk)) {
                Ok(Ok(())) => break None,
                // One that was just added is on its way in still.
                Ok(Err(CallError::Promised { .. })) if Instant::now() < until => {
                    thread::sleep(AGAIN);
                }
                Ok(Err(why)) => break Some(why.to_string()),
                Err(why) => break Some(failed(why)),
            }
        };
        if let Some(why) = refused {
            self.disks().spares.extend(stood_by.then_some(disk));
            return Err(format!("{path}: {why}"));
        }
        while !service.call(move |engine, _| engine.is_given_back(disk)).map_err(failed)? {
            if Instant::now() >= until {
                return Err(format!("{path} is being given back, and does not answer"));
            }
            thread::sleep(AGAIN);
        }
        service.give_back(disk).map_err(failed)?;
        if let Some(name) = self.disks().names.get_mut(disk) {
            name.clear();
        }
        Ok(json!({ "disk": disk }))
    }

    /// The disk that this path leads to, under whatever name.
    fn disk_of(&self, path: &str) -> Option<usize> {
        let same = SameDisk::of(path);
        self.disks().names.iter().position(|name| same.is(name))
    }

    fn stop(&self, asked: &Value) -> Result<Value, String> {
        if asked.get("keep_device") == Some(&Value::Bool(true)) {
            return match self.device.as_deref() {
                None => Err("it has no block device that could be kept".into()),
                Some(device) => match ublk::not_kept(device) {
                    Some(why) => Err(why),
                    None => Ok(json!("hand over")),
                },
            };
        }
        let forced = asked.get("force") == Some(&Value::Bool(true));
        match self.device.as_deref().filter(|_| !forced).and_then(ublk::in_use) {
            Some(why) => Err(format!("{why}, or stop with --force")),
            None => Ok(json!("stop")),
        }
    }

    fn status(&self, service: &Service, array_name: &str) -> Result<Value, String> {
        let disks = self.disks();
        let (names, spares) = (disks.names.clone(), disks.spares.clone());
        let unused: Vec<Value> = (disks.unused.iter())
            .map(|(path, was)| {
                json!({
                    "path": path,
                    "failed_in_set": was.map(|place| place.set),
                    "failed_in_slot": was.map(|place| place.slot.0),
                })
            })
            .collect();
        drop(disks);
        let device = self.device.clone();
        let paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        let paces: Vec<_> = paces.iter().map(Pace::rows_per_second).collect();
        let carrier = match service.carrier() {
            Carrier::Ring => "io_uring",
            Carrier::Threads => "threads",
        };
        let registered = service.registered();
        let array_name = array_name.to_owned();
        let name = move |disk: usize| names.get(disk).cloned().unwrap_or_default();
        let told = service.look(move |engine, scrubs| {
            let sets = (0..engine.set_count()).filter_map(|set| {
                let status = engine.state_of_set(set).ok()?;
                let members = (0..engine.geometry().slots).map(|slot| {
                    let place = Place { set, slot: Slot(slot as u8) };
                    let state = match place.slot {
                        slot if status.failed.contains(slot) => "failed",
                        slot if status.rebuilding.contains(slot) => "rebuilding",
                        _ => "in_sync",
                    };
                    let disk = engine.disk_at(place);
                    json!({
                        "slot": slot,
                        "state": state,
                        "disk": disk,
                        "path": disk.map(&name),
                    })
                });
                Some(json!({
                    "set": set,
                    "state": match () {
                        () if status.set_failed => "failed",
                        () if !status.failed.is_empty() => "degraded",
                        () if !status.rebuilding.is_empty() => "rebuilding",
                        () => "optimal",
                    },
                    "clean": status.clean,
                    "recorded": !status.unrecorded,
                    "operation": status.operation.map(operation),
                    "paused": status.phase == Phase::Paused,
                    "row": status.marks.map(|marks| marks.done.0),
                    "rows": engine.layout().rows(),
                    "rows_per_second": status.operation.and(paces.get(usize::from(set)).copied().flatten()),
                    "scrub": scrubs.get(&set).map(|scrub| found_by(scrub, &status)),
                    "mismatches": status.mismatches,
                    "unreadable": status.unreadable,
                    "owed_regions": status.owed_regions,
                    "members": members.collect::<Vec<_>>(),
                }))
            });
            let stats = engine.stats();
            json!({
                "format": "raid-status/1",
                "array": engine.array().to_string(),
                "name": array_name,
                "read_only": false,
                "device": device,
                "member_io": carrier,
                "registered_files": registered.files,
                "registered_buffers": registered.buffers,
                "level": engine.geometry().level_name(),
                "sets": sets.collect::<Vec<_>>(),
                "spares": spares.iter().map(|disk| json!({ "disk": disk, "path": name(*disk) }))
                    .collect::<Vec<_>>(),
                "unused": unused,
                "metadata_commits": stats.commits,
                "journal_bytes": stats.ledger_bytes,
            })
        });
        told.map_err(|why| why.to_string())
    }
}

/// Knows a disk by its path, and under other names.
struct SameDisk<'p> {
    path: &'p str,
    identity: Option<Identity>,
}

impl<'p> SameDisk<'p> {
    fn of(path: &'p str) -> Self {
        Self { path, identity: Self::identity(path) }
    }

    fn identity(path: &str) -> Option<Identity> {
        std::fs::metadata(path).ok().and_then(|found| Identity::of(&found))
    }

    fn is(&self, name: &str) -> bool {
        let known = self.identity.is_some() && !name.is_empty();
        name == self.path || known && Self::identity(name) == self.identity
    }
}

/// Why a spare did not take a place.
type NotSeated = (Place, usize, String);

/// The spares that took a place, and those that a place refused.
fn seat(
    service: &Service,
    spares: Vec<usize>,
) -> Result<(Vec<usize>, Vec<NotSeated>), ServiceError> {
    service.call(move |engine, now| {
        let (mut seated, mut refused) = (Vec::new(), Vec::new());
        for set in 0..engine.set_count() {
            let Ok(status) = engine.state_of_set(set) else { continue };
            if status.set_failed {
                continue;
            }
            for slot in status.failed.iter() {
                let place = Place { set, slot };
                let free: Vec<usize> =
                    spares.iter().filter(|spare| !seated.contains(*spare)).copied().collect();
                for disk in free {
                    match engine.take_spare(now, place, disk) {
                        Ok(()) => {
                            seated.push(disk);
                            break;
                        }
                        // It is on its way.
                        Err(CallError::UnderWay(_) | CallError::Promised { .. }) => {}
                        // It may serve another place, or this one later.
                        Err(why) => refused.push((place, disk, why.to_string())),
                    }
                }
            }
        }
        (seated, refused)
    })
}

/// What a scrub found, for programs.
fn found_by(scrub: &Scrub, status: &Status) -> Value {
    let runs = matches!(status.operation, Some(Operation::Check | Operation::Repair));
    json!({
        "repairs": scrub.repairs,
        "complete": scrub.ended,
        "mismatches": scrub.mismatches,
        "repaired": scrub.repaired,
        "unreadable": if runs { status.unreadable } else { scrub.unreadable },
    })
}

fn operation(operation: Operation) -> &'static str {
    match operation {
        Operation::Rebuild { .. } => "rebuild",
        Operation::Resync => "resync",
        Operation::Initialise => "initialise",
        Operation::Check => "check",
        Operation::Repair => "repair",
        _ => "other",
    }
}

/// Asks a running array; its answer.
pub(crate) fn ask(control: &Path, asked: &Value) -> Result<Value, Failure> {
    let failed = |error: io::Error| format!("{}: {error}; is it served?", control.display());
    let mut stream = UnixStream::connect(control).map_err(failed)?;
    writeln!(stream, "{asked}").map_err(failed)?;
    let mut line = String::new();
    if BufReader::new(stream).read_line(&mut line).map_err(failed)? == 0 {
        return Err(format!("{}: the server ended without an answer", control.display()).into());
    }
    let answer: Value = serde_json::from_str(&line)
        .map_err(|error| format!("{}: an answer that is no JSON: {error}", control.display()))?;
    match (answer.get("ok"), answer.get("error").and_then(Value::as_str)) {
        (Some(ok), _) => Ok(ok.clone()),
        (None, Some(why)) => Err(Failure::refused(why.into())),
        (None, None) => {
            Err(format!("{}: neither ok nor error: {answer}", control.display()).into())
        }
    }
}

/// How an array is, as an exit code: that of its worst set.
pub(crate) fn health(status: &Value) -> ExitCode {
    let sets = status["sets"].as_array().into_iter().flatten();
    let states: Vec<_> = sets.filter_map(|set| set["state"].as_str()).collect();
    match () {
        () if states.contains(&"failed") => ExitCode::NotReadable,
        () if states.iter().any(|state| *state != "optimal") => ExitCode::Degraded,
        () => ExitCode::Consistent,
    }
}

/// What `status` says to people.
pub(crate) fn words(status: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let (name, id) = (text(&status["name"]), text(&status["array"]));
    let mut out = format!("array {name}, {id}, {}", text(&status["level"]));
    if status["read_only"] == true {
        out += ", read only";
    }
    if let Some(device) = status["device"].as_str() {
        out += &format!(", {device}");
    }
    if status["member_io"] == "threads" {
        out += "\nio_uring is not used: a thread for each disk";
    }
    for set in status["sets"].as_array().into_iter().flatten() {
        out += &format!("\nset {}: {}", set["set"], text(&set["state"]));
        out += match (set["state"].as_str(), set["clean"].as_bool()) {
            // What its disks say is of before.
            (Some("failed"), _) => ", too few members are left",
            (_, Some(true)) => ", clean",
            _ => ", writes under way or owed",
        };
        if let (Some(what), Some(row)) = (set["operation"].as_str(), set["row"].as_u64()) {
            let rows = set["rows"].as_u64().unwrap_or(1).max(1);
            let paused = if set["paused"] == true { ", paused" } else { "" };
            out += &format!(", {what} {} %{paused}", row.saturating_mul(100) / rows);
        }
        for member in set["members"].as_array().into_iter().flatten() {
            let path = text(&member["path"]);
            out += &format!("\n  slot {}: {}  {path}", member["slot"], text(&member["state"]));
        }
    }
    for spare in status["spares"].as_array().into_iter().flatten() {
        out += &format!("\nspare: {}", text(&spare["path"]));
    }
    for unused in status["unused"].as_array().into_iter().flatten() {
        out += &format!("\nnot used: {}", text(&unused["path"]));
        if let (Some(set), Some(slot)) =
            (unused["failed_in_set"].as_u64(), unused["failed_in_slot"].as_u64())
        {
            out += &format!(", failed in set {set}, slot {slot}, and a spare took its place");
        }
    }
    out
}

/// What `scrub status` says to people: how far each set is, and what was found.
pub(crate) fn scrub_words(status: &Value) -> String {
    let sets = status["sets"].as_array().into_iter().flatten();
    let words = sets.map(|set| {
        let found = found_words(&set["scrub"]);
        let number = &set["set"];
        let (Some(what), Some(row)) = (set["operation"].as_str(), set["row"].as_u64()) else {
            return format!("set {number}: nothing runs; {found}");
        };
        let rows = set["rows"].as_u64().unwrap_or(1).max(1);
        let percent = row.saturating_mul(100) / rows;
        let pace = match set["rows_per_second"].as_u64() {
            _ if set["paused"] == true => String::from("paused"),
            None | Some(0) => String::from("speed not known yet"),
            Some(pace) => {
                let left = rows.saturating_sub(row).div_ceil(pace);
                format!("{pace} rows/s, {} min {} s left", left / 60, left % 60)
            }
        };
        format!("set {number}: {what} {percent} %, row {row} of {rows}, {pace}; {found}")
    });
    words.collect::<Vec<_>>().join("\n")
}

/// What a scrub found, in words.
fn found_words(scrub: &Value) -> String {
    let number = |field: &str| scrub[field].as_u64().unwrap_or(0);
    let (differ, repaired, unreadable) =
        (number("mismatches"), number("repaired"), number("unreadable"));
    let what = if scrub["repairs"] == true { "repair" } else { "check" };
    let when = match &scrub["complete"] {
        _ if scrub.is_null() => return String::from("no scrub has run since it is served"),
        Value::Bool(true) => format!("the last {what} found"),
        Value::Bool(false) => format!("the last {what}, which did not reach the end, found"),
        _ => format!("the {what} has found"),
    };
    let mut out = match (differ, repaired) {
        (0, _) => format!("{when} no row that differs"),
        (1.., 0) => format!("{when} {differ} rows that differ"),
        (1.., _) if differ == repaired => {
            format!("{when} {differ} rows that differed, all repaired")
        }
        (1.., _) => format!("{when} {differ} rows that differed, {repaired} of them repaired"),
    };
    if unreadable > 0 {
        out += &format!(", and {unreadable} rows that no member gives");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_scrub_found_is_said_of_scrubs_that_ran() {
        let scrub = |repairs: bool, complete: Option<bool>, found: [u64; 3]| {
            json!({
                "repairs": repairs, "complete": complete, "mismatches": found[0],
                "repaired": found[1], "unreadable": found[2],
            })
        };
        for (scrub, expected) in [
            (Value::Null, "no scrub has run since it is served"),
            (scrub(false, Some(true), [0; 3]), "the last check found no row that differs"),
            (
                scrub(true, Some(true), [32, 32, 0]),
                "the last repair found 32 rows that differed, all repaired",
            ),
            (
                scrub(true, Some(false), [3, 2, 1]),
                "the last repair, which did not reach the end, found 3 rows that differed, 2 of them \
                 repaired, and 1 rows that no member gives",
            ),
            (scrub(false, None, [3, 0, 0]), "the check has found 3 rows that differ"),
        ] {
            assert_eq!(found_words(&scrub), expected);
        }
    }
}
