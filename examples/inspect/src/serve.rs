// SPDX-License-Identifier: MIT OR Apache-2.0
//! `serve`: arrays over NBD, read only, each under its name.

use crate::arguments::ServeArguments;
use crate::chosen;
use crate::disks::Inspection;
use crate::export::ReadOnlyExport;
use crate::lock::lock;
use crate::size::human;
use crate::verdict::ExitCode;
use raid_array::discover::FoundArray;
use raid_array::nbd::{Address, Export, Server};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{self, Write};

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
    let mut served: Vec<ReadOnlyExport<'_>> = Vec::new();
    // As long as the arrays are served.
    let mut locks = Vec::new();
    let mut refused = ExitCode::Nothing;
    for array in arrays {
        let mut say = |line| drop(writeln!(err, "raid-inspect: {line}"));
        let first = match chosen::open(inspection, array, what.choice.accepted(), &mut say) {
            Ok(first) => first,
            Err(code) => {
                refused = code;
                continue;
            }
        };
        match lock(inspection, array, what.choice.accepted(), &mut say) {
            Ok(own) => locks.extend(own),
            Err(why) => {
                say(why);
                refused = ExitCode::NotReadable;
                continue;
            }
        }
        let name = array.descriptor.name.to_string();
        let taken = name.is_empty() || served.iter().any(|other| other.name() == name);
        let name = if taken { array.descriptor.id.to_string() } else { name };
        let complain = |line: &str| eprintln!("raid-inspect: {line}");
        served.push(ReadOnlyExport::new(name, array, first, complain));
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
        served.iter().map(|own| (own.name().to_owned(), own as &dyn Export)).collect();
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
fn help(server: &Server, served: &[ReadOnlyExport<'_>], out: &mut dyn Write) -> io::Result<()> {
    for own in served {
        let uri = server.address().uri(own.name());
        writeln!(out, "array {}, {}: {uri}", own.name(), human(own.shape().size))?;
    }
    if let Some(first) = served.first() {
        let uri = server.address().uri(first.name());
        let device = match server.address() {
            Address::Unix(path) => format!("-unix {}", path.display()),
            Address::Tcp(address) => format!("{} {}", address.ip(), address.port()),
        };
        writeln!(
            out,
            "as a disk:      sudo nbd-client {device} -N '{}' -readonly /dev/nbd0",
            first.name()
        )?;
        writeln!(out, "as a file:      nbdfuse -r array.img '{uri}'")?;
        writeln!(out, "copied:         nbdcopy '{uri}' array.img")?;
    }
    writeln!(out, "served until Ctrl-C; nothing is written to any disk")
}
