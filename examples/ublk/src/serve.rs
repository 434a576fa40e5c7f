// SPDX-License-Identifier: MIT OR Apache-2.0
//! `serve`: an array on its disks, over NBD, until it is told to stop.

use crate::control;
use crate::create::writer;
use clap::Args;
use raid_array::discover::{Discovery, FoundArray, discover_members};
use raid_array::engine;
use raid_array::formats::FORMATS;
use raid_array::member::{FileMember, Member};
use raid_array::nbd::{Address, Export, Server};
use raid_array::service::Service;
use raid_array::trust::{Accept, Risk};
use raid_core::backend::Backend;
use raid_sync::Limits;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Which array is served, and where.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// The array: its name, or its identity or the beginning of it; needed where there are several
    #[arg(long, value_name = "NAME|ID")]
    array: Option<String>,
    /// A socket of this name, which is removed at the end
    #[arg(long, value_name = "PATH", required_unless_present = "port", conflicts_with = "port")]
    socket: Option<PathBuf>,
    /// A port of this machine, which no other machine reaches; 0: any that is free
    #[arg(long, value_name = "NUMBER")]
    port: Option<u16>,
    /// Where `status`, `fail` and the other commands reach it
    #[arg(long, value_name = "PATH")]
    control: PathBuf,
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
    let service = Service::start(format, &discovery, found.descriptor.id, members, start)
        .map_err(|error| format!("array {name}: {error}"))?;
    let address = Address::of_this_machine(options.socket.as_deref(), options.port);
    let server =
        Server::listen(&address).map_err(|error| format!("{}: {error}", address.uri("")))?;
    let control = ControlSocket::bind(&options.control)?;
    let exports = [(name.clone(), &service as &dyn Export)];
    let mut out = std::io::stdout();
    // A reader who has seen enough is no reason to stop.
    let _ = writeln!(out, "array {name}: {}", server.address().uri(&name));
    let _ = writeln!(out, "control: {}", options.control.display());
    let names = options.paths.iter().map(|path| path.display().to_string()).collect();
    let desk = control::Desk::new(&service, &server, names, spares);
    let signalled = signals.handle();
    let served = std::thread::scope(|scope| {
        scope.spawn(|| {
            if signals.forever().next().is_some() {
                server.stop();
            }
        });
        scope.spawn(|| desk.listen(&control.listener));
        scope.spawn(|| desk.watch());
        let served = server.serve(&exports, &|error| {
            eprintln!("raid-ublk: a client was cut off: {error}");
        });
        desk.close(&options.control);
        signalled.close();
        served
    });
    drop(desk);
    service.stop().map_err(|why| format!("array {name}: {why}"))?;
    served.map_err(|error| format!("{}: {error}", server.address().uri("")))?;
    let _ = writeln!(out, "array {name}: stopped, recorded as clean");
    Ok(())
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
