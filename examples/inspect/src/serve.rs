// SPDX-License-Identifier: MIT OR Apache-2.0
//! `serve`: arrays over NBD, read only, each under its name.

use crate::arguments::ServeArguments;
use crate::chosen;
use crate::disks::Inspection;
use crate::reader::ArrayReader;
use crate::size::human;
use crate::verdict::ExitCode;
use raid_array::discover::FoundArray;
use raid_array::nbd::{Address, Export, Server, Shape};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// An array that many requests read at a time, each with a reader of its own.
struct Served<'a> {
    name: String,
    shape: Shape,
    first: ArrayReader<'a>,
    idle: Mutex<Vec<ArrayReader<'a>>>,
}

impl Export for Served<'_> {
    fn shape(&self) -> Shape {
        self.shape.clone()
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = idle().pop();
        let mut reader = reader.unwrap_or_else(|| self.first.twin());
        let read = reader.read_at(offset, into);
        for complaint in reader.complaints.drain(..) {
            eprintln!("raid-inspect: {complaint}; computed from the other members");
        }
        idle().push(reader);
        read.map_err(|error| {
            eprintln!("raid-inspect: array {}, byte {offset}: {error}", self.name);
            io::Error::other(error)
        })
    }
}

/// Serves until the program is told to end.
pub(crate) fn run(
    inspection: &Inspection,
    what: &ServeArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let arrays: Vec<&FoundArray> = match (&what.choice.array, &inspection.discovery.arrays[..]) {
        (None, several @ [_, _, ..]) => several.iter().collect(),
        _ => match chosen::choose(inspection, &what.choice) {
            Ok(array) => vec![array],
            Err((code, reason)) => {
                writeln!(err, "raid-inspect: {reason}")?;
                return Ok(code);
            }
        },
    };
    let mut served: Vec<Served<'_>> = Vec::new();
    let mut refused = ExitCode::Nothing;
    for array in arrays {
        let first = match chosen::open(inspection, array, what.choice.accepted(), err)? {
            Ok(first) => first,
            Err(code) => {
                refused = code;
                continue;
            }
        };
        let name = array.descriptor.name.to_string();
        let taken = name.is_empty() || served.iter().any(|other| other.name == name);
        let name = if taken { array.descriptor.id.to_string() } else { name };
        let block = array.descriptor.geometry.block_size;
        let shape = Shape {
            size: first.size(),
            minimum: 1,
            preferred: if block.is_power_of_two() { block.max(4096) } else { 4096 },
            readonly: true,
            description: format!("{} array, read only", array.format_name),
        };
        served.push(Served { name, shape, first, idle: Mutex::default() });
    }
    if served.is_empty() {
        return Ok(refused);
    }
    let address = Address::of_this_machine(what.socket.as_deref(), what.port);
    let server = match Server::listen(&address) {
        Ok(server) => server,
        Err(error) => {
            writeln!(err, "raid-inspect: {}: {error}", address.uri(""))?;
            return Ok(ExitCode::Usage);
        }
    };
    // From here on the socket is removed at the end, whatever the end is.
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    help(&server, &served, out)?;
    out.flush()?;
    let exports: Vec<(String, &dyn Export)> =
        served.iter().map(|own| (own.name.clone(), own as &dyn Export)).collect();
    let signalled = signals.handle();
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| {
            if signals.forever().next().is_some() {
                server.stop();
            }
        });
        let ended = server.serve(&exports, &|error| {
            eprintln!("raid-inspect: a client was cut off: {error}");
        });
        signalled.close();
        ended
    });
    match ended {
        Ok(()) => Ok(ExitCode::Consistent),
        Err(error) => {
            writeln!(err, "raid-inspect: {}: {error}", server.address().uri(""))?;
            Ok(ExitCode::Usage)
        }
    }
}

/// Where each array is found, and what to do with it.
fn help(server: &Server, served: &[Served<'_>], out: &mut dyn Write) -> io::Result<()> {
    for own in served {
        let uri = server.address().uri(&own.name);
        writeln!(out, "array {}, {}: {uri}", own.name, human(own.shape.size))?;
    }
    if let Some(first) = served.first() {
        let uri = server.address().uri(&first.name);
        let device = match server.address() {
            Address::Unix(path) => format!("-unix {}", path.display()),
            Address::Tcp(address) => format!("{} {}", address.ip(), address.port()),
        };
        writeln!(
            out,
            "as a disk:      sudo nbd-client {device} -N '{}' -readonly /dev/nbd0",
            first.name
        )?;
        writeln!(out, "as a file:      nbdfuse -r array.img '{uri}'")?;
        writeln!(out, "copied:         nbdcopy '{uri}' array.img")?;
    }
    writeln!(out, "served until Ctrl-C; nothing is written to any disk")
}
