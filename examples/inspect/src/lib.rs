// SPDX-License-Identifier: MIT OR Apache-2.0
//! Shows RAID metadata on disks and images, and reads arrays, without writing to any of them.
//!
//! ```text
//! raid-inspect scan PATH…                one line per disk and array
//! raid-inspect show [--json] PATH…       everything that the metadata says, and what is wrong
//! raid-inspect cat [--array NAME|ID] PATH…   the bytes of an array to the standard output
//! raid-inspect serve --socket FILE PATH…     arrays over NBD, read only
//! raid-inspect extract --to FILE PATH…   the bytes of an array to a file, as far as they can be read
//! raid-inspect verify [--json] PATH…     whether parity and copies agree with the data
//! raid-inspect layout [--json] PATH…    which block of which disk holds a block of an array, and the other way
//! raid-inspect disks [--json] PATH…     which disk is which, to be kept for bad days
//! raid-inspect diff [--json] A B          the metadata of two disks, field by field
//! raid-inspect guess [--json] PATH…      what array the disks form, from their data alone
//!
//! --search                               also what stands elsewhere near the end of a disk
//! --without DISK                         as if that disk had not been given
//! --metadata-limit MIB                   how much metadata may be held beyond 2 MiB of each disk
//!
//! paths ──▶ disks ──discover──▶ Inspection ──▶ scan, show, json
//!                                   │
//!                               readiness ──▶ reader ──▶ cat, serve, extract, verify
//! ```
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | all found is consistent; `cat`: all bytes were written; `serve`: it was told to end |
//! | 1 | an array is degraded, and can be read |
//! | 2 | an array cannot be read, or `cat` or `serve` was refused |
//! | 3 | metadata is damaged, or copies disagree |
//! | 4 | a disk cannot be read, or the command line is wrong |
//! | 8 | two formats claim one disk |
//! | 16 | nothing was found on any disk, or no array of the name that was given |
//!
//! If several apply, the first of 4, 8, 2, 3, 1 is given. Formats are found in the list that
//! `raid-array` keeps; nothing here names one.

mod arguments;
mod block_map;
mod cat;
mod chosen;
mod copies;
mod diff;
mod disk_list;
mod disks;
mod export;
mod extract;
#[cfg(test)]
mod failing;
mod forked;
pub mod guess;
mod hardware;
mod json;
mod layout_file;
mod lock;
mod patient;
mod picture;
mod progress;
mod reader;
mod readiness;
mod scan;
mod serve;
mod show;
mod size;
mod table;
mod verdict;
mod verify;

pub use arguments::{
    Arguments, CatArguments, Choice, Command, DiffArguments, ExtractArguments, GuessArguments,
    LayoutArguments, ServeArguments, VerifyArguments,
};
pub use chosen::{choose, open};
pub use copies::{Remark, RemarkKind};
pub use disks::{Inspection, left_out};
pub use export::ReadOnlyExport;
pub use json::report as json_report;
pub use lock::lock;
pub use reader::{ArrayReader, ReadError};
pub use readiness::{Readiness, Refusal};
pub use show::report as text_report;
pub use verdict::ExitCode;

use raid_array::formats::{FORMATS, SEARCHING};
use raid_array::member::Identity;
use std::fs::Metadata;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Does what the command line says.
pub fn run(arguments: &Arguments, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    if let Command::Guess(what) = &arguments.command {
        // It needs no metadata, and must not depend on any.
        return match guess::run(what, &arguments.without, out, err) {
            Ok(code) => code,
            Err(error) => after_output(ExitCode::Consistent, Err(error), err),
        };
    }
    let paths = arguments.paths();
    let formats = if arguments.search { SEARCHING } else { FORMATS };
    if let Command::Diff(what) = &arguments.command {
        // Each disk for itself.
        return match diff::run(what, formats, arguments.bound(), out, err) {
            Ok(code) => code,
            Err(error) => after_output(ExitCode::Consistent, Err(error), err),
        };
    }
    let opened = match arguments.layout() {
        Some(file) => layout_file::open(file, &arguments.without),
        None => Inspection::open_without(paths, formats, &arguments.without, arguments.bound()),
    };
    let mut inspection = match opened {
        Ok(inspection) => inspection,
        Err(unknown) => {
            // Who does not read standard error has the exit code, here and below.
            let _ = writeln!(err, "raid-inspect: {unknown}");
            return ExitCode::Usage;
        }
    };
    for (path, error) in inspection.unopened() {
        let _ = writeln!(err, "raid-inspect: {path}: {error}");
    }
    for disk in 0..paths.len() {
        if let Some(why) = inspection.over_bound(disk) {
            let name = inspection.disk_name(disk);
            let _ = writeln!(err, "raid-inspect: {name}: {why} (--metadata-limit MIB)");
        }
    }
    for remark in inspection.remarks.iter().filter(|remark| remark.kind != RemarkKind::LeftOut) {
        let _ =
            writeln!(err, "raid-inspect: {}: {}", inspection.disk_name(remark.disk), remark.text);
    }
    if let Command::Extract(ExtractArguments { read_timeout: Some(seconds), .. }) =
        &arguments.command
        && let Err(error) = inspection.wait_at_most(Duration::from_secs((*seconds).into()))
    {
        let _ = writeln!(err, "raid-inspect: --read-timeout: {error}");
        return ExitCode::Usage;
    }
    let done = match &arguments.command {
        Command::Scan { .. } => scan::report(&inspection, out).map(|()| verdict::of(&inspection)),
        Command::Show { layout: Some(file), array, .. } => {
            layout_file::write_of_array(&inspection, array.as_deref(), file, out, err)
        }
        Command::Show { json: false, .. } => {
            show::report(&inspection, out).map(|()| verdict::of(&inspection))
        }
        Command::Show { json: true, .. } => {
            json::report(&inspection, out).map(|()| verdict::of(&inspection))
        }
        Command::Disks { json, .. } => match json {
            true => disk_list::json(&inspection, out),
            false => disk_list::text(&inspection, out),
        }
        .map(|()| verdict::of(&inspection)),
        Command::Cat(what) => cat::run(&inspection, what, out, err),
        Command::Serve(what) => serve::run(&inspection, what, out, err),
        Command::Extract(what) => extract::run(&inspection, what, out, err),
        Command::Verify(what) => verify::run(&inspection, what, out, err),
        Command::Layout(what) => block_map::run(&inspection, what, out, err),
        // Done above.
        Command::Guess(_) | Command::Diff(_) => Ok(ExitCode::Consistent),
    };
    match done {
        Ok(code) => {
            if code != ExitCode::Consistent && !arguments.search && arguments.layout().is_none() {
                suggest_search(&inspection, err);
            }
            code
        }
        Err(error) => after_output(ExitCode::Consistent, Err(error), err),
    }
}

/// Where something is missing, it may stand elsewhere on the disks on which nothing was found.
fn suggest_search(inspection: &Inspection, err: &mut dyn Write) {
    let bare: Vec<&str> = (inspection.discovery.disks.iter().enumerate())
        .filter(|(disk, found)| found.claims.is_empty() && inspection.is_at_hand(*disk))
        .map(|(disk, _)| inspection.disk_name(disk))
        .collect();
    if !bare.is_empty() {
        let names = bare.join(", ");
        let _ = writeln!(
            err,
            "raid-inspect: no metadata where it belongs on {names}; --search looks for it in the \
             last 32 MiB too"
        );
    }
}

/// The disk on the command line that the standard output, of which this is the metadata, would write
/// to: its own bytes would be appended to it, or stand in place of it.
#[must_use]
pub fn output_is_a_disk<'a>(arguments: &'a Arguments, output: &Metadata) -> Option<&'a Path> {
    let output = Identity::of(output)?;
    let of = |path: &Path| std::fs::metadata(path).ok().and_then(|found| Identity::of(&found));
    arguments.paths().iter().map(PathBuf::as_path).find(|path| of(path) == Some(output))
}

/// The exit code after writing the output ended like this: a reader that went away is no error.
pub fn after_output(code: ExitCode, written: io::Result<()>, err: &mut dyn Write) -> ExitCode {
    match written {
        Ok(()) => code,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => code,
        Err(error) => {
            let _ = writeln!(err, "raid-inspect: standard output: {error}");
            ExitCode::Usage
        }
    }
}
