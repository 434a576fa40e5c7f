// SPDX-License-Identifier: MIT OR Apache-2.0
//! `serve`: an array on its disks, as a block device or over NBD, until it is told to stop.

use crate::control;
use crate::create::writer;
use crate::ublk;
use clap::{ArgGroup, Args};
use raid_array::discover::{Discovery, FoundArray, discover_members};
use raid_array::engine;
use raid_array::formats::FORMATS;
use raid_array::member::{FileMember, Member};
use raid_array::nbd::{Address, Export, Server};
use raid_array::service::{Carrier, Service, Stopped};
use raid_array::trust::{Accept, Risk};
use raid_core::array::ArrayId;
use raid_core::backend::Backend;
use raid_sync::Limits;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::SystemTime;

/// Which array is served, and where.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("where").required(true).multiple(true).args(["ublk", "socket", "port"]))]
pub(crate) struct Options {
    /// The array: its name, or its identity or the beginning of it; needed where there are several
    #[arg(long, value_name = "NAME|ID")]
    array: Option<String>,
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
    /// Where `status`, `fail` and the other commands reach it
    #[arg(long, value_name = "PATH")]
    control: PathBuf,
    /// Read and write the disks by a thread for each, not by io_uring; so it is anyway where io_uring is refused
    #[arg(long)]
    threads: bool,
    /// Start although what is read may be wrong, for this reason only; may be given several times
    #[arg(long, value_name = "RISK", value_parser = risk)]
    accept: Vec<Risk>,
    /// Its disks, spares included: block devices or files
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

fn risk(name: &str) -> Result<Risk, String> {
    Risk::among(&Risk::ALL, name)
}

/// Serves until it is told to stop, and stops cleanly.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    // From here on a signal is a wish to stop.
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(|error| error.to_string())?;
    let members = FileMember::open_all(&options.paths).map_err(|error| error.to_string())?;
    let named = members.into_iter().map(|member| (member.path().display().to_string(), member));
    let (discovery, members) = discover_members(named.collect(), FORMATS);
    let found = choose(&discovery, options.array.as_deref())?;
    let name = found.descriptor.name.to_string();
    let format = writer(found.format_name)?;
    let spares = spares(&discovery, found);
    let members = members.into_iter().map(|member| Box::new(member) as Box<dyn Member>).collect();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let start = engine::Options {
        accept: options.accept.iter().copied().collect::<Accept>(),
        limits: Limits::default(),
        backend: Backend::detect(),
        unix_start: now.map_or(0, |now| now.as_secs()),
        seed: fastrand::u64(..),
        log: None,
    };
    let carrier = if options.threads { Carrier::Threads } else { Carrier::Ring };
    let service = Service::start(format, &discovery, found.descriptor.id, members, carrier, start)
        .map_err(|error| format!("array {name}: {error}"))?;
    let served = serve(options, &mut signals, &name, found.descriptor.id, &service, spares);
    // Whatever happened: what can be recorded as clean is.
    let stopped = service.stop().map_err(|why| format!("array {name}: {why}"));
    match (served, stopped) {
        (Ok(()), Ok(stopped)) => {
            let how = match stopped {
                Stopped::Clean => "recorded as clean",
                Stopped::Unfinished => "what is not in step yet goes on at the next start",
            };
            say(&format!("array {name}: stopped, {how}"));
            Ok(())
        }
        (Err(why), Err(also)) => Err(format!("{why}; {also}")),
        (Err(why), Ok(_)) | (Ok(()), Err(why)) => Err(why),
    }
}

/// A reader who has seen enough is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// What ends the service of an array.
pub(crate) enum End {
    /// Somebody asked for it; what uses the device was looked at.
    Asked,
    /// A signal.
    Signal,
    /// A transport ended by itself, and why if it was a failure.
    Failed(String),
}

/// Serves until the end.
fn serve(
    options: &Options,
    signals: &mut Signals,
    name: &str,
    id: ArrayId,
    service: &Service,
    spares: Vec<usize>,
) -> Result<(), String> {
    let control = ControlSocket::bind(&options.control)?;
    let nbd = match options.socket.is_some() || options.port.is_some() {
        true => {
            let address = Address::of_this_machine(options.socket.as_deref(), options.port);
            let server = Server::listen(&address);
            Some(server.map_err(|error| format!("{}: {error}", address.uri("")))?)
        }
        false => None,
    };
    let mut device = match options.ublk {
        true => Some(ublk::Device::of(service, number_of(id), options.device)?),
        false => None,
    };
    let path = device.as_ref().map(ublk::Device::path);
    let names = options.paths.iter().map(|path| path.display().to_string()).collect();
    let (end, ends) = mpsc::channel();
    let desk = control::Desk::new(service, end.clone(), path.clone(), names, spares);
    let signalled = signals.handle();
    let exports = [(name.to_owned(), service as &dyn Export)];
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
                    let _ = end.send(End::Failed(format!("{uri}: {error}")));
                }
            });
        }
        let serve_all = |device: &mut Option<ublk::Device>| {
            if let Some(device) = device {
                let (queue, end) = (device.queue(), end.clone());
                let queue = queue.map_err(|error| format!("{device}: {error}"))?;
                let (to, ready) = mpsc::channel();
                let label = device.to_string();
                scope.spawn(move || serve_queue(queue, service, &to, &end, &label));
                let ready = ready.recv().map_err(|_| format!("{device}: its queue ended"))?;
                ready.map_err(|why| format!("{device}: {why}"))?;
                device.start()?;
                let again = if device.is_recovered() { ", taken over" } else { "" };
                say(&format!("array {name}: {device}{again}"));
            }
            if let Some(server) = &nbd {
                say(&format!("array {name}: {}", server.address().uri(name)));
            }
            say(&format!("control: {}", options.control.display()));
            scope.spawn(|| desk.listen(&control.listener));
            scope.spawn(|| desk.watch());
            wait(&ends, path.as_deref())
        };
        let ended = serve_all(&mut device);
        // Clients of NBD first: what they wrote is answered or not, the device waits for its page cache.
        if let Some(server) = &nbd {
            server.stop();
        }
        let stopped = device.as_mut().map_or(Ok(()), ublk::Device::stop);
        desk.close(&options.control);
        signalled.close();
        ended.and(stopped)
    });
    let deleted = device.map_or(Ok(()), ublk::Device::delete);
    served.and(deleted)
}

fn serve_queue(
    queue: ublk::Queue,
    service: &Service,
    ready: &Sender<Result<(), String>>,
    end: &Sender<End>,
    label: &str,
) {
    let why = match queue.serve(service, ready) {
        Ok(()) => String::from("the kernel has removed it"),
        Err(error) => error.to_string(),
    };
    // Where it was stopped on purpose nobody hears it.
    let _ = end.send(End::Failed(format!("{label}: {why}")));
}

/// Waits for the end. A device that is in use outlives one signal.
fn wait(ends: &Receiver<End>, device: Option<&Path>) -> Result<(), String> {
    let mut warned = false;
    loop {
        match ends.recv() {
            Err(_) | Ok(End::Asked) => return Ok(()),
            Ok(End::Failed(why)) => return Err(why),
            Ok(End::Signal) => match device.and_then(ublk::in_use) {
                Some(why) if !warned => {
                    eprintln!("raid-ublk: {why}, or signal again to stop all the same");
                    warned = true;
                }
                _ => return Ok(()),
            },
        }
    }
}

/// By which a device is known to be this array's: FNV-1a of its identity.
fn number_of(id: ArrayId) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    id.to_string().bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// A socket in the file system that is removed at the end.
struct ControlSocket<'p> {
    path: &'p Path,
    listener: UnixListener,
}

impl<'p> ControlSocket<'p> {
    fn bind(path: &'p Path) -> Result<Self, String> {
        raid_array::nbd::remove_stale(path)
            .and_then(|()| UnixListener::bind(path))
            .map(|listener| Self { path, listener })
            .map_err(|error| format!("{}: {error}", path.display()))
    }
}

impl Drop for ControlSocket<'_> {
    fn drop(&mut self) {
        // It may have been taken away by others.
        let _ = std::fs::remove_file(self.path);
    }
}

/// The array that is meant.
fn choose<'d>(discovery: &'d Discovery, wanted: Option<&str>) -> Result<&'d FoundArray, String> {
    let is_meant = |array: &&FoundArray| {
        wanted.is_none_or(|wanted| {
            array.descriptor.name.to_string() == wanted
                || array.descriptor.id.to_string().starts_with(&wanted.to_ascii_lowercase())
        })
    };
    let meant: Vec<&FoundArray> = discovery.arrays.iter().filter(is_meant).collect();
    match meant.as_slice() {
        [array] => Ok(array),
        [] => Err("no such array on these disks; raid-inspect scan lists what there is".into()),
        several => {
            let name = |array: &&FoundArray| {
                format!("\n  {}  {}", array.descriptor.name, array.descriptor.id)
            };
            let list: String = several.iter().map(name).collect();
            Err(format!("several arrays, choose one with --array{list}"))
        }
    }
}

/// The disks that stand by for the array's members.
fn spares(discovery: &Discovery, array: &FoundArray) -> Vec<usize> {
    let is_spare = |(_, disk): &(usize, &raid_array::discover::FoundDisk)| {
        let claims = disk.claims.iter().filter(|claim| claim.format == array.format);
        claims.filter_map(|claim| claim.descriptor).any(|found| found.spare)
    };
    discovery.disks.iter().enumerate().filter(is_spare).map(|(index, _)| index).collect()
}
