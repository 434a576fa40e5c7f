// SPDX-License-Identifier: MIT OR Apache-2.0
//! `serve`: an array on its disks, as a block device or over NBD, until it is told to stop.
//!
//! ```text
//! find the array ─▶ open its disks, alone ─▶ doors: sockets, ports, the block device ─▶ start ─▶ serve ─▶ stop
//!       reads              reads                     nothing is written                   writes
//! ```

mod doors;
mod ready;

use crate::beside_md;
use crate::control::{self, Disks, Farewell, Left};
use crate::create::writer;
use crate::events;
use crate::failure::Failure;
use crate::find;
use crate::readonly::ReadOnly;
use crate::ublk;
use clap::{ArgGroup, Args};
use doors::{Doors, also};
use raid_array::discover::{Discovery, FoundArray, discover_members};
use raid_array::engine::{self, Event, OpenError};
use raid_array::foreign::Foreign;
use raid_array::formats::FORMATS;
use raid_array::member::{FileMember, Member};
use raid_array::nbd::Export;
use raid_array::service::{Carrier, Service, Stopped, Told};
use raid_array::trust::{Accept, Risk};
use raid_core::array::{Geometry, Place};
use raid_core::backend::Backend;
use raid_core::layout::Layout;
use raid_inspect::{ExitCode, Inspection};
use raid_sync::Limits;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::SystemTime;

/// Which array, and of which disks.
#[derive(Clone, Debug, Args)]
pub(crate) struct Which {
    /// The array: its name, or its identity or the beginning of it; needed where there are several
    #[arg(long, value_name = "NAME|ID", conflicts_with = "need")]
    array: Option<String>,
    /// The same, and look for its disks: on all disks of the machine, or in the directories and on the disks given
    ///
    /// Only disks of the array are opened for writing.
    #[arg(long, value_name = "NAME|ID")]
    need: Option<String>,
    /// Where `status`, `fail` and the other commands reach it
    #[arg(long, value_name = "PATH")]
    control: PathBuf,
    /// Read and write the disks by a thread for each, not by io_uring; so it is anyway where io_uring is refused
    #[arg(long)]
    threads: bool,
    /// Write to an array that another implementation or a controller made, or may have made
    #[arg(long)]
    import: bool,
    /// Start although what is read may be wrong, for this reason only; may be given several times
    ///
    /// beside-writer is for --readonly: somebody else may write the disks meanwhile.
    #[arg(long, value_name = "RISK", value_parser = risk)]
    accept: Vec<Risk>,
    /// As if this disk had not been given or found, e.g. a copy of another one: a path, a file name, or d0, d1, …
    ///
    /// May be given several times. An array that is short of it for that is started without it, for good.
    #[arg(long, value_name = "DISK")]
    without: Vec<String>,
    /// Its disks, spares included: block devices or files; with --need directories too
    paths: Vec<PathBuf>,
}

/// Which array is served, and where.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("where").required(true).multiple(true).args(["ublk", "socket", "port"]))]
pub(crate) struct Options {
    #[command(flatten)]
    which: Which,
    /// As a block device, /dev/ublkbN
    ///
    /// The one that the array had if its last server was killed: programs that use it wait, and go on.
    #[arg(long)]
    ublk: bool,
    /// The number of that device; any that is free if not given
    #[arg(long, value_name = "N", requires = "ublk")]
    device: Option<u32>,
    /// Over NBD: a socket of this name, which is removed at the end
    #[arg(long, value_name = "PATH", conflicts_with = "port")]
    socket: Option<PathBuf>,
    /// Over NBD: a port of this machine, which no other machine reaches; 0: any that is free
    #[arg(long, value_name = "NUMBER")]
    port: Option<u16>,
    /// Write nothing to any disk: they are opened for reading, and nothing runs in the background
    #[arg(long)]
    readonly: bool,
    /// The block device must be there already.
    #[arg(skip)]
    recovers: bool,
}

impl Options {
    /// To take over the block device that a killed server left.
    pub(crate) const fn recover(which: Which) -> Self {
        let (device, socket, port) = (None, None, None);
        Self { which, ublk: true, device, socket, port, readonly: false, recovers: true }
    }
}

fn risk(name: &str) -> Result<Risk, String> {
    Risk::among(&Risk::ALL, name)
}

/// Serves until it is told to stop, and stops cleanly.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let Which { need, paths, control, .. } = &options.which;
    if need.is_none() && paths.is_empty() {
        let why =
            "no disks are given: name them, or let --need NAME look for the disks of that array";
        return Err(String::from(why).into());
    }
    let same =
        |socket: &PathBuf| std::path::absolute(socket).ok() == std::path::absolute(control).ok();
    if options.socket.as_ref().is_some_and(same) {
        return Err(format!(
            "--socket and --control are one path, {}: NBD clients and operators need a socket each",
            control.display()
        )
        .into());
    }
    // Where memory is short, no thread of this process may wait for pages that it has to write itself: not by
    // ublk, nor by an NBD client of this machine. All threads inherit it. What may not be set without privilege
    // can only be done without.
    let _ = rustix::process::configure_io_flusher_behavior(true);
    // From here on a signal is a wish to stop.
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(|error| error.to_string())?;
    if options.readonly {
        run_read_only(options, &mut signals)
    } else {
        start(options, &mut signals)
    }
}

fn run_read_only(options: &Options, signals: &mut Signals) -> Result<(), Failure> {
    let Which { array, need, accept, paths, without, .. } = &options.which;
    let scanned = if need.is_some() { find::scan(paths)? } else { paths.clone() };
    let scanned = find::without(&scanned, without)?;
    let wanted = need.as_deref().or(array.as_deref());
    let accept = accept.iter().copied().collect::<Accept>();
    // Once to see whose disks are locked, and again with the locks: nobody writes what was read then.
    let first = find::inspect(&scanned);
    let mut trusted = |line: String| eprintln!("raid-ublk: {line}");
    let locks = raid_inspect::lock(&first, find::choose(&first, wanted)?, accept, &mut trusted);
    let locks = locks.map_err(|why| Failure::refused(ReadOnly::without_force(&why)))?;
    drop(first);
    let inspection = find::inspect(&scanned);
    let array = ReadOnly::of(&inspection, wanted, accept)?;
    let descriptor = &array.found().descriptor;
    let name = descriptor.name.to_string();
    let doors = Doors::open(options, &array.facts(), ublk::number_of(descriptor.id))?;
    let (disks, farewell) = (Mutex::default(), Farewell::default());
    let served = Served {
        name: &name,
        target: &array,
        export: &array,
        control: control::Array::ReadOnly(array.status(&inspection)),
        disks: &disks,
        farewell: &farewell,
    };
    let ended = serve(doors, signals, served);
    if ended.is_ok() {
        say(&format!("array {name}: not served any more; nothing was written"));
    }
    drop(inspection);
    drop(locks);
    farewell.say(&ended);
    Ok(ended?)
}

fn start(options: &Options, signals: &mut Signals) -> Result<(), Failure> {
    let which = &options.which;
    let needed = which.need.as_deref();
    let needed = needed.map(|need| find::needed(need, &which.paths, &which.without)).transpose()?;
    let (wanted, paths) = match needed {
        Some(needed) => (Some(needed.id.to_string()), needed.paths),
        None => (which.array.clone(), find::without(&which.paths, &which.without)?),
    };
    let members = FileMember::open_all(&paths)?;
    let named = members.into_iter().map(|member| (member.path().display().to_string(), member));
    let (discovery, members) = discover_members(named.collect(), FORMATS);
    let inspection = Inspection::with(Vec::new(), discovery);
    let found = find::choose(&inspection, wanted.as_deref())?;
    let discovery = &inspection.discovery;
    let (id, name) = (found.descriptor.id, found.descriptor.name.to_string());
    let format = writer(found.format_name)?;
    if let Some((one, other)) = discovery.twins(found) {
        let [one, other] = [one, other].map(|disk| paths[disk].display());
        return Err(Failure::refused(format!(
            "array {name}: {one} and {other} say that they are one disk; leave out the copy: --without {one} or \
             --without {other}"
        )));
    }
    let foreign = if which.import { None } else { Foreign::of(format, discovery, found) };
    if let Some(foreign) = foreign {
        return Err(Failure::refused(format!(
            "array {name}: {foreign}; --import writes to it all the same, --readonly writes nothing"
        )));
    }
    if let Some(warning) = beside_md::warning(Path::new("/"), found.format_name, &paths) {
        eprintln!("raid-ublk: {warning}");
    }
    if options.recovers && !ublk::is_left_behind(ublk::number_of(id))? {
        return Err(Failure::refused(format!(
            "array {name}: no block device waits for its server; `serve --ublk` makes one"
        )));
    }
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let disks = Arc::new(Mutex::new(Disks::new(names, spares(discovery, found))));
    let facts = facts(&found.descriptor.geometry, &members);
    let doors = Doors::open(options, &facts, ublk::number_of(id))?;
    let members = members.into_iter().map(|member| Box::new(member) as Box<dyn Member>).collect();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let start = engine::Options {
        accept: which.accept.iter().copied().collect::<Accept>(),
        limits: Limits::default(),
        backend: Backend::detect(),
        unix_start: now.map_or(0, |now| now.as_secs()),
        seed: fastrand::u64(..),
    };
    let carrier = if which.threads { Carrier::Threads } else { Carrier::Ring };
    let (tell, told) = mpsc::channel();
    let known = Arc::clone(&disks);
    let goes_on = format.capabilities().mark;
    // The engine waits for nobody who reads the log.
    let log = thread::spawn(move || told.iter().for_each(|told| log(&told, &known, goes_on)));
    let tell = move |what| drop(tell.send(what));
    let service = match Service::start(format, discovery, id, members, carrier, start, tell) {
        Ok(service) => service,
        Err(error) => {
            let failure = not_started(&name, &error, &disks);
            return Err(Failure { why: also(failure.why, doors.close()), ..failure });
        }
    };
    say_begun(&service);
    close_unused(&service, &disks, &name, found);
    let farewell = Farewell::default();
    let array = Served {
        name: &name,
        target: &service,
        export: &service,
        control: control::Array::Runs { service: &service, name: &name },
        disks: &disks,
        farewell: &farewell,
    };
    let served = serve(doors, signals, array);
    // Whatever happened: what can be recorded as clean is.
    let stopped = service.stop().map_err(|why| format!("array {name}: {why}"));
    // What is said of the stop comes before its end.
    drop(log.join());
    let ended = match (served, stopped) {
        (Ok(()), Ok(stopped)) => {
            let how = match stopped {
                Stopped::Clean => "stopped, recorded as clean",
                Stopped::Unfinished => "stopped, what is not in step yet goes on at the next start",
                Stopped::Unclean => {
                    "stopped, recorded as unclean: a member was lost before the parity was in step, and the next start \
                     asks what is accepted"
                }
                Stopped::Failed => "stopped; it has failed, and nothing was recorded since",
            };
            say(&format!("array {name}: {how}"));
            Ok(())
        }
        (Err(why), Err(then)) => Err(also(why, Err(then))),
        (Err(why), Ok(_)) | (Ok(()), Err(why)) => Err(why),
    };
    farewell.say(&ended);
    Ok(ended?)
}

/// What the array is as a block device; one that cannot be mapped is refused when it is started.
fn facts(geometry: &Geometry, members: &[FileMember]) -> ublk::Facts {
    let block = geometry.block_size;
    let size = Layout::new(geometry).map_or(0, |layout| layout.size().bytes(block).unwrap_or(0));
    let physical = members.iter().map(Member::physical_block_size).max();
    let physical_block_size = physical.unwrap_or(block).max(block);
    ublk::Facts { geometry: *geometry, size, physical_block_size, read_only: false }
}

/// Why an array was not started, and by which options it would be.
fn not_started(name: &str, error: &OpenError, disks: &Mutex<Disks>) -> Failure {
    let code = match error {
        OpenError::Risk(taken) if taken.risk == Risk::TwoFormats => ExitCode::Conflict,
        OpenError::Shape { .. } | OpenError::Member { .. } => ExitCode::Usage,
        _ => ExitCode::NotReadable,
    };
    let mut why = format!("array {name}: {error}");
    if let OpenError::Member { disk, .. } | OpenError::Shape { disk, .. } = error {
        why += &format!(" (disk {disk} is {})", control::locked(disks).name(*disk));
    }
    let accepting: Vec<String> =
        error.risks().iter().map(|risk| format!("--accept {}", risk.name())).collect();
    if let OpenError::Refused { set, missing, .. } = error
        && !missing.is_empty()
        && !accepting.is_empty()
    {
        let slots: Vec<String> = missing.iter().map(|slot| slot.to_string()).collect();
        why += &format!(
            "; the cure is the missing disk (set {set}, slot {}): plug it in, and serve the array with it; without it",
            slots.join(", ")
        );
    }
    if !accepting.is_empty() {
        why += &format!(": {}; --readonly writes nothing", accepting.join(" "));
    }
    Failure { code, why }
}

/// Says what the last stop has left to do, before a user writes.
fn say_begun(service: &Service) {
    let state = |set| service.call(move |engine, _| engine.state_of_set(set));
    for set in 0..service.geometry().sets {
        // A service that has ended says why at the end.
        let Ok(Ok(state)) = state(set) else { continue };
        if let Some(said) = events::begun(set, &state) {
            eprintln!("raid-ublk: {said}");
        }
    }
}

/// Says what happened, and remembers who has no part in the array any more. `goes_on`: the position of background work
/// is recorded.
fn log(told: &Told, disks: &Mutex<Disks>, goes_on: bool) {
    let said = {
        let disks = control::locked(disks);
        let standing_by = disks.spares.first().map(|disk| disks.name(*disk));
        let known = events::Known { name: &|disk| disks.name(disk), standing_by, goes_on };
        events::sentence(told, &known)
    };
    if let Some(said) = said {
        // A reader of the log who is gone is no reason to stop.
        let _ = writeln!(std::io::stderr(), "raid-ublk: {said}");
    }
    match told {
        Told::Event(Event::SpareActivated { place, left, .. }) => {
            let mut disks = control::locked(disks);
            disks.replaced.insert(*place);
            disks.leaving.extend(left.map(|left| (left, Left::Replaced(*place))));
        }
        Told::Event(Event::NotTaken { place, disk, why }) => {
            let mut disks = control::locked(disks);
            let why = format!("{} did not take the place: {why}", disks.name(*disk));
            disks.not_taken.insert(*place, why);
        }
        _ => {}
    }
}

/// Closes the disks that have no part in the array, and says so.
fn close_unused(service: &Service, disks: &Mutex<Disks>, array: &str, found: &FoundArray) {
    let count = control::locked(disks).names.len();
    for disk in 0..count {
        if let Ok(Ok(())) = service.close_unused(disk) {
            let mut disks = control::locked(disks);
            let name = std::mem::take(&mut disks.names[disk]);
            let place = former_place(found, disk);
            match place {
                Some(Place { set, slot }) => eprintln!(
                    "raid-ublk: {name} was the member of array {array} in set {set}, slot {slot}, which went on \
                     without it; it is closed, and `raid-ublk spare add --overwrite` makes it a spare"
                ),
                None => {
                    eprintln!("raid-ublk: {name} has no part in array {array}, and is closed");
                }
            }
            disks.unused.push((name, place.map_or(Left::Never, Left::Failed)));
        }
    }
}

/// Where a disk was a member that is none any more.
fn former_place(found: &FoundArray, disk: usize) -> Option<Place> {
    let mut members = found.members.iter().map(|member| &member.descriptor);
    members.find(|member| member.disk == Some(disk)).map(|member| member.place)
}

/// A reader who has seen enough is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// What ends the service of an array.
pub(crate) enum End {
    /// Somebody asked for it; what uses the device was looked at.
    Asked,
    /// The same, and the device stays for the next server.
    HandOver,
    /// A signal.
    Signal,
    /// A transport ended by itself, and why if it was a failure.
    Failed(String),
}

/// An array that is to be served.
struct Served<'a> {
    name: &'a str,
    /// For a block device.
    target: &'a dyn ublk::Target,
    /// For NBD.
    export: &'a dyn Export,
    control: control::Array<'a>,
    disks: &'a Mutex<Disks>,
    farewell: &'a Farewell,
}

/// Serves until the end.
fn serve(doors: Doors, signals: &mut Signals, array: Served<'_>) -> Result<(), String> {
    let Served { name, target, export, control: of, disks, farewell } = array;
    let path = doors.path();
    let socket = doors.control().to_owned();
    let Doors { control, nbd, device } = doors;
    let (mut device, mut queue) = device.unzip();
    let (end, ends) = mpsc::channel();
    let desk = control::Desk::new(of, end.clone(), path.clone(), disks, farewell);
    let signalled = signals.handle();
    let exports = [(name.to_owned(), export)];
    let served = std::thread::scope(|scope| {
        scope.spawn(|| {
            // Nobody hears it where the end has come already.
            signals.forever().for_each(|_| drop(end.send(End::Signal)));
        });
        if let Some(server) = &nbd {
            let end = end.clone();
            let exports = &exports;
            scope.spawn(move || {
                let cut_off = |error| eprintln!("raid-ublk: a client was cut off: {error}");
                if let Err(error) = server.serve(exports, &cut_off) {
                    let uri = server.address().uri("");
                    // Where it was stopped on purpose nobody hears it.
                    let _ = end.send(End::Failed(format!("{uri}: {error}")));
                }
            });
        }
        let mut serve_all = |device: &mut Option<ublk::Device>| {
            if let (Some(device), Some(queue)) = (device, queue.take()) {
                let (to, ready) = mpsc::channel();
                let (label, end) = (device.to_string(), end.clone());
                scope.spawn(move || serve_queue(queue, target, &to, &end, &label));
                let ready = ready.recv().map_err(|_| format!("{device}: its queue ended"))?;
                ready.map_err(|why| format!("{device}: {why}"))?;
                device.start()?;
                let again = if device.is_recovered() { ", taken over" } else { "" };
                say(&format!("array {name}: {device}{again}"));
            }
            if let Some(server) = &nbd {
                say(&format!("array {name}: {}", server.address().uri(name)));
            }
            say(&format!("control: {}", socket.display()));
            scope.spawn(|| desk.listen(control.listener()));
            scope.spawn(|| desk.watch());
            // Whoever started this waits for it, or nobody does.
            if let Err(error) = ready::tell(std::env::var_os("NOTIFY_SOCKET").as_deref()) {
                eprintln!("raid-ublk: NOTIFY_SOCKET: {error}");
            }
            wait(&ends, path.as_deref())
        };
        let ended = serve_all(&mut device);
        // Clients of NBD first: what they wrote is answered or not, the device waits for its page cache.
        if let Some(server) = &nbd {
            server.stop();
        }
        let left = device.as_mut().map_or(Ok(()), |device| match ended {
            // What cannot be handed over must end, or the queue never does.
            Ok(Ending::HandOver) => device.hand_over().or_else(|why| device.stop().and(Err(why))),
            _ => device.stop(),
        });
        desk.close(&control);
        signalled.close();
        ended.and_then(|ending| left.map(|()| ending))
    });
    match (served, device) {
        (Ok(Ending::HandOver), Some(device)) => {
            say(&format!("array {name}: {device} waits for the next server"));
            Ok(())
        }
        (served, device) => {
            let deleted = device.map_or(Ok(()), ublk::Device::delete);
            served.map(drop).and(deleted)
        }
    }
}

fn serve_queue(
    queue: ublk::Queue,
    target: &dyn ublk::Target,
    ready: &Sender<Result<(), String>>,
    end: &Sender<End>,
    label: &str,
) {
    let why = match queue.serve(target, ready) {
        Ok(()) => String::from("the kernel has removed it"),
        Err(error) => error.to_string(),
    };
    // Where it was stopped on purpose nobody hears it.
    let _ = end.send(End::Failed(format!("{label}: {why}")));
}

/// What becomes of the device.
#[derive(Clone, Copy)]
enum Ending {
    /// It goes.
    Stop,
    /// It stays.
    HandOver,
}

/// Waits for the end. A device that is in use outlives one signal.
fn wait(ends: &Receiver<End>, device: Option<&Path>) -> Result<Ending, String> {
    let mut warned = false;
    loop {
        match ends.recv() {
            Err(_) | Ok(End::Asked) => return Ok(Ending::Stop),
            Ok(End::HandOver) => return Ok(Ending::HandOver),
            Ok(End::Failed(why)) => return Err(why),
            Ok(End::Signal) => match device.and_then(ublk::in_use) {
                Some(why) if !warned => {
                    eprintln!("raid-ublk: {why}, or signal again to stop all the same");
                    warned = true;
                }
                _ => return Ok(Ending::Stop),
            },
        }
    }
}

/// The disks that stand by for the array's members.
fn spares(discovery: &Discovery, array: &FoundArray) -> Vec<usize> {
    let is_spare = |(_, disk): &(usize, &raid_array::discover::FoundDisk)| {
        let claims = disk.claims.iter().filter(|claim| claim.format == array.format);
        claims.filter_map(|claim| claim.descriptor).any(|found| found.role.is_spare())
    };
    discovery.disks.iter().enumerate().filter(is_spare).map(|(index, _)| index).collect()
}
