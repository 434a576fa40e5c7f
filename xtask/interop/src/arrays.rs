// SPDX-License-Identifier: MIT OR Apache-2.0
//! Our side: disks with arrays made by a format's writer, written and scrubbed by the engine, read
//! without it. No format is named.

use crate::Result;
use crate::shapes::Shape;
use raid_array::backplane::{Backplane, Serial};
use raid_array::discover::{Discovery, FoundArray, FoundDisk, Source, discover, discover_members};
use raid_array::engine::{Engine, Event, Options, Request};
use raid_array::formats::FORMATS;
use raid_array::member::{FileMember, Member};
use raid_array::store::{CommitStep, DiskMetadata, Store};
use raid_array::trust::Accept;
use raid_array::workload::{ArrayEngine, Oracle};
use raid_core::array::{Initialisation, Name};
use raid_core::backend::Backend;
use raid_core::metadata::{Admin, ArrayRequest, DiskShape, Stamp, Step};
use raid_core::units::{Extent, Lba};
use raid_inspect::{ArrayReader, Inspection};
use raid_sync::{Finish, Limits, Notice};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What a volume holds: every sector says which it is, of which volume, and which writing it is of.
#[must_use]
pub fn content(name: &str, bytes: u64, version: u64) -> Vec<u8> {
    let seed = name.bytes().fold(0, |seed: u64, byte| seed.rotate_left(9) ^ u64::from(byte));
    Oracle::new(seed, bytes / 512).submit_write(0, bytes / 512, version)
}

/// Says where bytes differ.
///
/// # Errors
/// They do.
pub fn same(what: &str, found: &[u8], expected: &[u8]) -> Result<()> {
    if found.len() != expected.len() {
        return Err(format!("{what}: {} bytes, not {}", found.len(), expected.len()));
    }
    match found.iter().zip(expected).position(|(found, expected)| found != expected) {
        None => Ok(()),
        Some(at) => Err(format!("{what}: byte {at} of {} differs", found.len())),
    }
}

/// The writer of a format.
///
/// # Errors
/// There is no such format, or this version cannot write it.
pub fn writer(format: &str) -> Result<&'static dyn Admin> {
    let format = FORMATS.iter().find(|known| known.name() == format).ok_or("no such format")?;
    format.admin().ok_or_else(|| format!("{} is only read", format.name()))
}

/// Identities and times: whatever is new.
fn stamp(number: u64) -> Stamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let random = (now.as_nanos() as u64 ^ number << 56).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Stamp { unix_seconds: now.as_secs(), random }
}

/// The disks as their one writer.
fn open(paths: &[PathBuf]) -> Result<Vec<FileMember>> {
    FileMember::open_all(paths).map_err(|error| error.to_string())
}

/// A run of blocks of a disk, if it can be read.
fn blocks(members: &mut [FileMember], disk: usize, run: Extent) -> Option<Vec<u8>> {
    let member = members.get_mut(disk)?;
    let mut bytes = vec![0; run.len.0 as usize * member.shape().block_size as usize];
    member.read(run.start, &mut bytes).ok().map(|()| bytes)
}

/// The disks as their one writer, and what is on them.
fn open_found(paths: &[PathBuf]) -> Result<(Discovery, Vec<FileMember>)> {
    let named = open(paths)?.into_iter();
    let named = named.map(|member| (member.path().display().to_string(), member));
    Ok(discover_members(named.collect(), FORMATS))
}

/// Makes new metadata with these arrays and spares on the disks; what was there is lost.
///
/// # Errors
/// The format's refusal, or a disk's.
pub fn create(
    format: &'static dyn Admin,
    paths: &[PathBuf],
    arrays: &[Shape],
    spares: &[usize],
) -> Result<()> {
    let mut members = open(paths)?;
    let shapes: Vec<DiskShape> = members.iter().map(Member::shape).collect();
    let mut store = Store::for_new_disks(format, &shapes);
    let refused = |what: &str| {
        let what = what.to_owned();
        move |error| format!("{what}: {error}")
    };
    store.edit(|disks| format.initialise(disks, stamp(0))).map_err(refused("initialise"))?;
    // What comes next is refused on disks that do not hold what the buffers say.
    commit(&mut store, format, &mut members)?;
    for (number, array) in (1..).zip(arrays) {
        let name = Name::new(array.name.as_bytes());
        let disks: Vec<_> = array.disks.iter().copied().map(Some).collect();
        let request = ArrayRequest {
            // The disks are blank: zeros, and so is the parity of zeros.
            initialisation: Initialisation::Full,
            unverified: true,
            ..ArrayRequest::new(name, array.geometry, &disks)
        };
        store
            .change(
                format,
                |disk, run| blocks(&mut members, disk, run),
                |disks| format.create_array(disks, &request, stamp(number)),
            )
            .map_err(refused(array.name))?;
        commit(&mut store, format, &mut members)?;
    }
    for spare in spares {
        store
            .change(
                format,
                |disk, run| blocks(&mut members, disk, run),
                |disks| format.add_spare(disks, *spare, stamp(255)),
            )
            .map_err(refused("spare"))?;
        commit(&mut store, format, &mut members)?;
    }
    Ok(())
}

fn commit(store: &mut Store, format: &dyn Admin, members: &mut [FileMember]) -> Result<()> {
    for (disk, member) in members.iter_mut().enumerate() {
        for step in store.commit_steps(format, disk) {
            let done = match step {
                CommitStep::Write(at, bytes) => member.write(at, &bytes),
                CommitStep::Flush => member.flush(),
            };
            done.map_err(|error| format!("disk {disk}: {error}"))?;
        }
    }
    Ok(())
}

/// Deletes all arrays and spares; the disks stay an empty configuration.
///
/// # Errors
/// A disk's, or what the format refuses.
pub fn dissolve(format: &'static dyn Admin, paths: &[PathBuf]) -> Result<()> {
    let (discovery, mut members) = open_found(paths)?;
    let claims = discovery.disks.iter().flat_map(|disk| &disk.claims);
    let mut own = claims.filter(|claim| claim.format_name == format.name());
    let configuration = own.find_map(|claim| claim.descriptor).map(|disk| disk.configuration);
    let configuration = configuration.ok_or("no configuration to dissolve")?;
    let mut store = metadata(format, &discovery)?;
    store
        .change(
            format,
            |disk, run| blocks(&mut members, disk, run),
            |disks| format.dissolve(disks, configuration, stamp(254)),
        )
        .map_err(|error| format!("dissolve: {error}"))?;
    commit(&mut store, format, &mut members)
}

/// Destroys the format's metadata on the disks.
///
/// # Errors
/// A disk's, or there is none.
pub fn erase(format: &'static dyn Admin, paths: &[PathBuf]) -> Result<()> {
    erase_until(format, paths, usize::MAX)
}

/// The same, cut short after so many flushes of each disk.
///
/// # Errors
/// A disk's, or there is none.
pub fn erase_until(format: &'static dyn Admin, paths: &[PathBuf], flushes: usize) -> Result<()> {
    let (discovery, mut members) = open_found(paths)?;
    let mut store = metadata(format, &discovery)?;
    for (disk, member) in members.iter_mut().enumerate() {
        let mut block = vec![0; member.shape().block_size as usize];
        let mut flushed = 0;
        for index in 0.. {
            let done = store.edit(|disks| {
                Some(match format.erase_step(&disks[disk], index, &mut block)? {
                    Step::Write { at, bytes } => member.write(at, bytes),
                    Step::Flush => {
                        flushed += 1;
                        member.flush()
                    }
                })
            });
            match done {
                Some(done) => done.map_err(|error| format!("disk {disk}: {error}"))?,
                None => break,
            }
            if flushed >= flushes {
                break;
            }
        }
    }
    Ok(())
}

/// The format's metadata that was found on the disks.
fn metadata(format: &'static dyn Admin, discovery: &Discovery) -> Result<Store> {
    let metadata = |disk: &FoundDisk| {
        let claim = disk.claims.iter().find(|claim| claim.format_name == format.name())?;
        let pieces = claim.pieces.iter().map(|piece| (piece.at, piece.bytes.clone())).collect();
        Some(DiskMetadata { shape: disk.shape, pieces, live: true, foreign: false })
    };
    let disks: Option<Vec<_>> = discovery.disks.iter().map(metadata).collect();
    Ok(Store { disks: disks.ok_or("a disk has no metadata")? })
}

/// Looks for arrays on the disks. Nothing is written.
///
/// # Errors
/// A disk cannot be read.
pub fn found(paths: &[PathBuf]) -> Result<Discovery> {
    let open =
        |path: &PathBuf| Source::open(path).map_err(|error| format!("{}: {error}", path.display()));
    Ok(discover(&paths.iter().map(open).collect::<Result<Vec<_>>>()?, FORMATS))
}

/// The array of that name.
///
/// # Errors
/// There is none.
pub fn named<'d>(discovery: &'d Discovery, name: &str) -> Result<&'d FoundArray> {
    let named = |array: &&FoundArray| array.descriptor.name.as_bytes() == name.as_bytes();
    discovery.arrays.iter().find(named).ok_or_else(|| format!("no array {name} was found"))
}

/// Reads a whole array through the library's layouts, without the engine.
///
/// # Errors
/// It is not found, not readable, or a disk fails.
pub fn read(inspection: &Inspection, name: &str) -> Result<Vec<u8>> {
    let array = named(&inspection.discovery, name)?;
    let mut reader = ArrayReader::new(inspection, array, Accept::NOTHING)
        .map_err(|why| format!("{name}: {why}"))?;
    let mut bytes = vec![0; reader.size() as usize];
    reader.read_at(0, &mut bytes).map_err(|error| format!("{name}: {error}"))?;
    Ok(bytes)
}

/// Reads a whole disk or volume past the page cache.
///
/// # Errors
/// What the device says.
pub fn read_device(path: &Path) -> Result<Vec<u8>> {
    let failed = |error| format!("{}: {error}", path.display());
    let mut device = FileMember::open(path).map_err(|error| error.to_string())?;
    let shape = device.shape();
    let mut bytes = vec![0; (shape.blocks.0 * u64::from(shape.block_size)) as usize];
    for (piece, at) in bytes.chunks_mut(1 << 20).zip((0..).step_by(1 << 20)) {
        device.read(Lba(at / u64::from(shape.block_size)), piece).map_err(failed)?;
    }
    Ok(bytes)
}

/// Writes a whole disk or volume past the page cache.
///
/// # Errors
/// What the device says.
pub fn write_device(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |error| format!("{}: {error}", path.display());
    let mut device = FileMember::open(path).map_err(|error| error.to_string())?;
    let block = u64::from(device.shape().block_size);
    for (piece, at) in bytes.chunks(1 << 20).zip((0..).step_by(1 << 20)) {
        device.write(Lba(at / block), piece).map_err(failed)?;
    }
    device.flush().map_err(failed)
}

/// An array run by the engine.
#[derive(Debug)]
pub struct Running {
    engine: Engine,
    backplane: Serial,
    mismatches: u64,
}

impl Running {
    /// Starts the array of that name.
    ///
    /// # Errors
    /// The engine's refusal.
    pub fn start(format: &'static dyn Admin, paths: &[PathBuf], name: &str) -> Result<Self> {
        let (discovery, members) = open_found(paths)?;
        let array = named(&discovery, name)?.descriptor.id;
        let boxed = members.into_iter().map(|member| Box::new(member) as Box<dyn Member>);
        let mut backplane = Serial::new(boxed.collect());
        let stamp = stamp(0);
        let options = Options {
            accept: Accept::NOTHING,
            limits: Limits { max_rate: u64::MAX, ..Limits::default() },
            backend: Backend::detect(),
            unix_start: stamp.unix_seconds,
            seed: stamp.random,
        };
        let engine = Engine::open(format, &discovery, array, &mut backplane, options)
            .map_err(|error| format!("{name}: {error}"))?;
        Ok(Self { engine, backplane, mismatches: 0 })
    }

    /// Lets the engine work until `enough` of what it says.
    fn until<T>(&mut self, what: &str, mut enough: impl FnMut(&Event) -> Option<T>) -> Result<T> {
        loop {
            while let Some(event) = self.engine.next_event() {
                self.mismatches += u64::from(matches!(event, Event::Mismatch(_)));
                if let Some(answer) = enough(&event) {
                    return Ok(answer);
                }
            }
            if !self.step() {
                return Err(format!("the engine came to rest before {what}"));
            }
        }
    }

    /// One member I/O, or time passes; `false` if there is nothing to do or to wait for.
    fn step(&mut self) -> bool {
        while let Some(io) = self.engine.next_io() {
            self.backplane.submit(io);
        }
        if let Some(done) = self.backplane.next() {
            self.engine.complete_io(self.backplane.now(), done);
        } else if let Some(deadline) = self.engine.deadline() {
            self.backplane.idle(deadline);
            self.engine.run(self.backplane.now());
        } else {
            return false;
        }
        true
    }

    /// Writes from the first block on.
    ///
    /// # Errors
    /// The array cannot.
    pub fn write(&mut self, bytes: Vec<u8>) -> Result<()> {
        let now = self.backplane.now();
        let request = self.engine.submit(now, Request::Write { at: 0, bytes, durable: false });
        self.until("a write was done", |event| match event {
            Event::Finished { request: done, result, .. } if *done == request => {
                Some(result.as_ref().map(drop).map_err(ToString::to_string))
            }
            _ => None,
        })?
    }

    /// Compares copies, or parity and data, of every set: how many rows do not agree.
    ///
    /// # Errors
    /// The engine's refusal.
    pub fn scrub(&mut self) -> Result<u64> {
        for set in 0..self.engine.set_count() {
            let refused = |refusal| format!("check of set {set}: {refusal}");
            self.engine.scrub(self.backplane.now(), set, false).map_err(refused)?;
            let why = self.until("a check was done", |event| match event {
                Event::Notice { notice: Notice::Finished { why, .. }, .. } => Some(*why),
                _ => None,
            })?;
            if why != Finish::Complete {
                return Err(format!("check of set {set}: {why:?}"));
            }
        }
        Ok(self.mismatches)
    }

    /// Stops cleanly.
    ///
    /// # Errors
    /// It does not become clean.
    pub fn stop(mut self) -> Result<()> {
        self.engine.quiesce(self.backplane.now());
        loop {
            let mut sets = 0..self.engine.set_count();
            if self.engine.is_idle() && sets.all(|set| self.engine.status(set).clean) {
                return Ok(());
            }
            if !self.step() {
                return Err(String::from("the array does not become clean"));
            }
        }
    }
}
