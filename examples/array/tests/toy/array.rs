// SPDX-License-Identifier: MIT OR Apache-2.0
//! An array on simulated disks in memory, through power cuts.

// Each user of this file includes it as a module and needs another part of it.
#![allow(dead_code)]

use crate::format::TOY;
use raid_array::backplane::{Backplane, IoId, MemberIo, Simulated, Transfer};
use raid_array::discover::{Discovery, ReadAt, Source, discover};
use raid_array::engine::{Engine, OpenError, Options};
use raid_array::member::{Member, MemoryMember};
use raid_array::store::{CommitStep, Store};
use raid_array::workload::{Oracle, Rig};
use raid_core::array::{ArrayId, Geometry, Initialisation, Name};
use raid_core::backend::Backend;
use raid_core::metadata::{ArrayRequest, DiskShape, FormatWriter, Stamp};
use raid_core::units::Blocks;
use raid_sync::{Limits, Time};
use std::sync::Mutex;

/// A medium that discovery can read.
struct Medium(Mutex<Box<dyn Member>>);

impl ReadAt for Medium {
    fn len(&self) -> u64 {
        self.0.lock().unwrap().shape().blocks.0 * 512
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> std::io::Result<()> {
        let read = self.0.lock().unwrap().read(raid_core::units::Lba(offset / 512), into);
        read.map_err(std::io::Error::other)
    }
}

/// Makes the array on new disks; the last `spares` disks are spares. Returns the media.
pub(crate) fn create(geometry: Geometry, spares: usize) -> (ArrayId, Vec<Box<dyn Member>>) {
    create_on(&TOY, geometry, spares).expect("a shape that the toy knows")
}

/// The smallest disk on which the format leaves so many blocks.
fn disk_for(format: &dyn FormatWriter, blocks: Blocks) -> DiskShape {
    let shape = |step: u64| DiskShape { blocks: Blocks(blocks.0 + step * 2048), block_size: 512 };
    (1..64).map(shape).find(|shape| format.usable(*shape).0 >= blocks.0).expect("room")
}

/// The same on disks of any format; `None` if it has no such array.
pub(crate) fn create_on(
    format: &dyn FormatWriter,
    geometry: Geometry,
    spares: usize,
) -> Option<(ArrayId, Vec<Box<dyn Member>>)> {
    let members = usize::from(geometry.slots * geometry.sets);
    let shapes = vec![disk_for(format, Blocks(geometry.member_blocks.0 + 4096)); members + spares];
    let mut store = Store::for_new_disks(format, &shapes);
    let disks: Vec<usize> = (0..members).collect();
    let request = ArrayRequest {
        initialisation: Initialisation::Full,
        unverified: true,
        ..ArrayRequest::new(Name::new(b"toy"), geometry, &disks)
    };
    let stamp = |random| Stamp { unix_seconds: 0, random };
    let array = store.edit(|buffers| {
        format.initialise(buffers, stamp(77)).unwrap();
        let array = format.create_array(buffers, &request, stamp(78)).ok()?;
        for spare in members..members + spares {
            format.add_spare(buffers, spare, stamp(79 + spare as u64)).unwrap();
        }
        Some(array)
    })?;
    let media = shapes.iter().map(|shape| {
        let medium: Box<dyn Member> = Box::new(MemoryMember::new(shape.blocks.0));
        medium
    });
    let mut backplane = Simulated::new(media.collect(), 0, Time(0));
    write(format, &mut store, &mut backplane);
    Some((array, backplane.cut_power().unwrap()))
}

/// Commits all live disks.
pub(crate) fn write(format: &dyn FormatWriter, store: &mut Store, backplane: &mut Simulated) {
    for disk in 0..store.disks.len() {
        for step in if store.disks[disk].live { store.commit_steps(format, disk) } else { vec![] } {
            let transfer = match step {
                CommitStep::Write(at, bytes) => Transfer::Write { at, bytes },
                CommitStep::Flush => Transfer::Flush,
            };
            backplane.submit(MemberIo { id: IoId(0), disk, transfer });
            backplane.next().unwrap().result.unwrap();
        }
    }
}

pub(crate) fn options(force: bool) -> Options {
    Options {
        force,
        limits: Limits { rows_per_window: 64, windows: 2, min_rate: 200_000, ..Limits::default() },
        backend: Backend::detect(),
        unix_start: 0,
        seed: 1,
        log: None,
    }
}

/// What discovery finds on these media; they are given back.
pub(crate) fn look(media: Vec<Box<dyn Member>>) -> (Discovery, Vec<Box<dyn Member>>) {
    look_for(&TOY, media)
}

/// The same for disks of any format.
pub(crate) fn look_for(
    format: &'static dyn FormatWriter,
    media: Vec<Box<dyn Member>>,
) -> (Discovery, Vec<Box<dyn Member>>) {
    let shared: Vec<std::sync::Arc<Medium>> =
        media.into_iter().map(|medium| std::sync::Arc::new(Medium(Mutex::new(medium)))).collect();
    struct Shared(std::sync::Arc<Medium>);
    impl ReadAt for Shared {
        fn len(&self) -> u64 {
            self.0.len()
        }
        fn read_at(&self, offset: u64, into: &mut [u8]) -> std::io::Result<()> {
            self.0.read_at(offset, into)
        }
    }
    let sources: Vec<Source> = (shared.iter())
        .map(|medium| Source { name: "disk".into(), bytes: Box::new(Shared(medium.clone())) })
        .collect();
    let discovery = discover(&sources, &[format]);
    drop(sources);
    let media = shared
        .into_iter()
        .map(|medium| std::sync::Arc::into_inner(medium).unwrap().0.into_inner().unwrap());
    (discovery, media.collect())
}

/// Starts the array from its media alone.
pub(crate) fn start(
    array: ArrayId,
    media: Vec<Box<dyn Member>>,
    now: Time,
    seed: u64,
    oracle: Option<Oracle>,
    options: Options,
) -> Result<Rig, OpenError> {
    start_on(&TOY, array, media, (now, seed), oracle, options)
}

/// The same for an array of any format; `at` is the time and the seed.
pub(crate) fn start_on(
    format: &'static dyn FormatWriter,
    array: ArrayId,
    media: Vec<Box<dyn Member>>,
    at: (Time, u64),
    oracle: Option<Oracle>,
    options: Options,
) -> Result<Rig, OpenError> {
    let (discovery, media) = look_for(format, media);
    let mut backplane = Simulated::new(media, at.1, at.0);
    let engine = Engine::open(format, &discovery, array, &mut backplane, options)?;
    let sectors = engine.layout().size().0;
    let oracle = oracle.unwrap_or_else(|| Oracle::new(9, sectors));
    Ok(Rig::new(backplane, engine, oracle, at.1, 4))
}
