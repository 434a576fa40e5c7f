// SPDX-License-Identifier: MIT OR Apache-2.0
//! `extract`: the bytes of an array to a file, as far as they can be read, in passes that can be broken off.
//!
//! ```text
//! not tried ──1 MiB──▶ finished
//!     │ fails
//!     ▼
//! not trimmed ──64 KiB──▶ finished
//!     │ fails
//!     ▼
//! not scraped ──a block──▶ finished
//!     │ fails
//!     ▼
//!    bad ──▶ tried again, as often as is asked for
//! ```
//!
//! What each area is stands in a map beside the file, in the format of GNU ddrescue. It is saved after the bytes that it
//! speaks of, so that a run that was broken off at any time goes on where the map says.

mod hash;
mod map;
mod provenance;
#[cfg(test)]
mod tests;

use crate::arguments::ExtractArguments;
use crate::chosen;
use crate::disks::Inspection;
use crate::progress::Progress;
use crate::reader::{ArrayReader, ReadError};
use crate::verdict::ExitCode;
use hash::Hash;
use map::{Map, Status};
use provenance::Provenance;
use raid_array::member::Identity;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The passes: what is tried, in pieces of how many bytes (0: one block), and what an area that fails becomes.
const PASSES: [(Status, u64, Status); 3] = [
    (Status::NotTried, 1 << 20, Status::NotTrimmed),
    (Status::NotTrimmed, 64 << 10, Status::NotScraped),
    (Status::NotScraped, 0, Status::Bad),
];
/// Runs of zeros of this length and place are left out of the file.
const HOLE: usize = 4096;
/// How often the map is saved.
const SAVED: Duration = Duration::from_secs(5);
/// Areas that are named at the end.
const NAMED: usize = 100;

/// Extracts what `what` asks for.
pub(crate) fn run(
    inspection: &Inspection,
    what: &ExtractArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let (_, reader) = match chosen::choose_and_open(inspection, &what.choice, err)? {
        Ok(chosen) => chosen,
        Err(code) => return Ok(code),
    };
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let opened = Extraction::open(inspection, reader, what);
    let mut extraction = match opened {
        Ok(extraction) => extraction,
        Err(why) => {
            writeln!(err, "raid-inspect: {why}")?;
            return Ok(ExitCode::Usage);
        }
    };
    let done = extraction.passes(what.retries, &|| stop.load(Ordering::Relaxed), err);
    match done {
        Ok(()) => {}
        Err(Stopped::Asked) => {
            writeln!(err, "raid-inspect: stopped; the same command goes on where it was")?;
            return Ok(ExitCode::Usage);
        }
        Err(Stopped::Failed(why)) => {
            writeln!(err, "raid-inspect: {why}")?;
            return Ok(ExitCode::Usage);
        }
    }
    extraction.report(out)
}

/// Why an extraction ended early.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// Somebody asked for it.
    Asked,
    /// It cannot go on.
    Failed(String),
}

impl From<(&Path, io::Error)> for Stopped {
    fn from((path, error): (&Path, io::Error)) -> Self {
        Self::Failed(format!("{}: {error}", path.display()))
    }
}

/// An array, the file that it is written to, and what of it is done.
#[derive(Debug)]
pub(crate) struct Extraction<'a> {
    reader: ArrayReader<'a>,
    to: PathBuf,
    file: File,
    map_path: PathBuf,
    map: Map,
    provenance: Option<Provenance>,
    /// Of the file, if it is asked for.
    hash: Option<Hash>,
    /// What the last try of a bad block said, by its byte.
    errors: BTreeMap<u64, String>,
    saved: Instant,
}

impl<'a> Extraction<'a> {
    /// Starts anew, or goes on where the map says.
    ///
    /// # Errors
    /// A file that is there without a map, or is another one's, or cannot be opened.
    pub(crate) fn open(
        inspection: &Inspection,
        mut reader: ArrayReader<'a>,
        what: &ExtractArguments,
    ) -> Result<Self, String> {
        let to = what.to.clone();
        let beside = || {
            let mut name = to.clone().into_os_string();
            name.push(".map");
            PathBuf::from(name)
        };
        let map_path = what.map.clone().unwrap_or_else(beside);
        let of = |path: &Path| {
            let path = path.display().to_string();
            move |error: io::Error| format!("{path}: {error}")
        };
        let size = reader.size();
        let (file, map) = match fs::read_to_string(&map_path) {
            Ok(text) => {
                let map = Map::parse(&text, size);
                let map = map.map_err(|why| format!("{}: {why}", map_path.display()))?;
                let metadata = fs::metadata(&to).map_err(of(&to))?;
                let own = Identity::of(&metadata);
                let disk = |path: &PathBuf| {
                    own.is_some() && fs::metadata(path).is_ok_and(|disk| Identity::of(&disk) == own)
                };
                if inspection.paths.iter().any(disk) {
                    return Err(format!("{} is one of the disks", to.display()));
                }
                if !metadata.is_file() || metadata.len() != size {
                    let (name, found) = (to.display(), metadata.len());
                    return Err(format!("{name} has {found} bytes, expected a file of {size}"));
                }
                (File::options().read(true).write(true).open(&to).map_err(of(&to))?, map)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut options = File::options();
                let file = options.read(true).write(true).create_new(true).open(&to);
                let file = file.map_err(|error| match error.kind() {
                    io::ErrorKind::AlreadyExists => format!(
                        "{} is there, and its map {} is not: it is not overwritten",
                        to.display(),
                        map_path.display()
                    ),
                    _ => of(&to)(error),
                })?;
                file.set_len(size).map_err(of(&to))?;
                (file, Map::new(size))
            }
            Err(error) => return Err(of(&map_path)(error)),
        };
        let provenance = match &what.provenance {
            Some(path) => Some(Provenance::open(path).map_err(of(path))?),
            None => None,
        };
        reader.trace = provenance.is_some().then(Vec::new);
        let hash = what.sha256.then(Hash::default);
        let (errors, saved) = (BTreeMap::new(), Instant::now());
        let extraction = Self { reader, to, file, map_path, map, provenance, hash, errors, saved };
        extraction.map.save(&extraction.map_path).map_err(of(&extraction.map_path))?;
        Ok(extraction)
    }

    /// All passes, and the bad areas again so many times.
    pub(crate) fn passes(
        &mut self,
        retries: u32,
        stop: &dyn Fn() -> bool,
        err: &mut dyn Write,
    ) -> Result<(), Stopped> {
        let block = u64::from(self.reader.descriptor().geometry.block_size);
        let mut progress = Progress::new(self.map.size());
        let mut done = Ok(());
        for round in 0..=retries {
            if round > 0 {
                self.map.replace(Status::Bad, Status::NotScraped);
            }
            for (from, piece, to) in PASSES {
                let piece = if piece == 0 { block } else { piece };
                done = self.pass(from, piece, to, stop, &mut |done| progress.show(done, err));
                if done.is_err() {
                    break;
                }
            }
            if done.is_err() || self.map.areas_of(Status::Bad).is_empty() {
                break;
            }
        }
        progress.done(err);
        // What was done stays done.
        self.save()?;
        done
    }

    fn pass(
        &mut self,
        from: Status,
        piece: u64,
        to: Status,
        stop: &dyn Fn() -> bool,
        show: &mut dyn FnMut(u64),
    ) -> Result<(), Stopped> {
        let mut bytes = Vec::new();
        for (start, len) in self.map.areas_of(from) {
            let (mut at, end) = (start, start + len);
            while at < end {
                if stop() {
                    return Err(Stopped::Asked);
                }
                let len = (piece - at % piece).min(end - at);
                bytes.resize(len as usize, 0);
                match self.reader.read_at(at, &mut bytes) {
                    Ok(()) => {
                        self.write(at, &bytes)?;
                        self.map.set(at, len, Status::Finished);
                        self.errors.remove(&at);
                    }
                    Err(error @ (ReadError::Medium { .. } | ReadError::Lost(_))) => {
                        self.map.set(at, len, to);
                        if to == Status::Bad {
                            self.errors.insert(at, error.to_string());
                        }
                    }
                    Err(error) => return Err(Stopped::Failed(format!("byte {at}: {error}"))),
                }
                self.reader.complaints.clear();
                at += len;
                show(self.map.finished());
                if self.saved.elapsed() > SAVED {
                    self.save()?;
                }
            }
        }
        Ok(())
    }

    /// Writes what is not zero: the file has zeros where nothing was written.
    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), Stopped> {
        for (index, part) in bytes.chunks(HOLE).enumerate() {
            if part.iter().any(|byte| *byte != 0) {
                let to = at + (index * HOLE) as u64;
                self.file.write_all_at(part, to).map_err(|error| (self.to.as_path(), error))?;
            }
        }
        if let Some(hash) = &mut self.hash {
            hash.take(at, bytes);
        }
        let runs = self.reader.trace.as_mut().map(std::mem::take).unwrap_or_default();
        if let Some(provenance) = &mut self.provenance {
            provenance.take(runs, &self.reader);
        }
        Ok(())
    }

    /// The bytes first, then the map that says that they are there.
    fn save(&mut self) -> Result<(), Stopped> {
        self.file.sync_data().map_err(|error| (self.to.as_path(), error))?;
        if let Some(provenance) = &mut self.provenance {
            let written = provenance.write(&self.reader);
            written.map_err(|error| Stopped::Failed(format!("provenance: {error}")))?;
        }
        self.map.save(&self.map_path).map_err(|error| (self.map_path.as_path(), error))?;
        self.saved = Instant::now();
        Ok(())
    }

    fn report(self, out: &mut dyn Write) -> io::Result<ExitCode> {
        let bad = self.map.areas_of(Status::Bad);
        for (start, len) in bad.iter().take(NAMED) {
            let why = self.errors.range(start..).next().map_or("", |(_, why)| why.as_str());
            writeln!(out, "bytes {start} to {}: {why}", start + len)?;
        }
        if bad.len() > NAMED {
            writeln!(out, "and {} more areas; the map has them", bad.len() - NAMED)?;
        }
        let (size, finished) = (self.map.size(), self.map.finished());
        writeln!(out, "{}: {finished} of {size} bytes", self.to.display())?;
        if let Some(hash) = self.hash {
            let end = hash.end();
            writeln!(out, "sha256 {}", hash.finish(&self.file, size)?)?;
            if end < size {
                writeln!(out, "hashed as written up to byte {end}, read back from there on")?;
            }
        }
        Ok(if bad.is_empty() { ExitCode::Consistent } else { ExitCode::Usage })
    }
}
