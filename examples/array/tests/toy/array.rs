// SPDX-License-Identifier: MIT OR Apache-2.0
//! An array on simulated disks in memory, through power cuts.

use crate::format::TOY;
use raid_array::backplane::Simulated;
use raid_array::discover::Discovery;
use raid_array::engine::{Engine, OpenError, Options};
use raid_array::member::{Member, MemoryMember};
use raid_array::store::Store;
use raid_array::trust::Accept;
pub(crate) use raid_array::workload::look_for;
use raid_array::workload::{Oracle, Rig, write_all};
use raid_core::array::{
    ArrayId, Geometry, Initialisation, Level, Name, Placement, QNumbering, Secondary,
};
use raid_core::backend::Backend;
use raid_core::metadata::{Admin, ArrayRequest, DiskShape, Stamp};
use raid_core::units::Blocks;
use raid_sync::{Limits, Time};

/// A small array of any level, its sets striped.
pub(crate) fn geometry(level: Level, placement: Placement, slots: u16, sets: u16) -> Geometry {
    Geometry {
        level,
        placement,
        slots,
        strip: Blocks(16),
        member_blocks: Blocks(2048),
        secondary: if sets > 1 { Secondary::Striped } else { Secondary::None },
        sets,
        q_numbering: QNumbering::BySlot,
        parities: 0,
        rotate_shift: 0,
        block_size: 512,
    }
}

/// Nothing was read wrong, and nothing failed.
pub(crate) fn good(rig: &Rig, what: &str) {
    assert!(rig.tally.is_good(), "{what}: {:?} {:?}", rig.tally.wrong, rig.tally.errors);
}

/// Makes the array on new disks; the last `spares` disks are spares. Returns the media.
pub(crate) fn create(geometry: Geometry, spares: usize) -> (ArrayId, Vec<Box<dyn Member>>) {
    create_on(&TOY, geometry, spares).expect("a shape that the toy knows")
}

/// The smallest disk on which the format leaves so many blocks.
fn disk_for(format: &dyn Admin, blocks: Blocks) -> DiskShape {
    let shape = |step: u64| DiskShape { blocks: Blocks(blocks.0 + step * 2048), block_size: 512 };
    (1..64).map(shape).find(|shape| format.usable(*shape).0 >= blocks.0).expect("room")
}

/// The same on disks of any format; `None` if it has no such array.
pub(crate) fn create_on(
    format: &dyn Admin,
    geometry: Geometry,
    spares: usize,
) -> Option<(ArrayId, Vec<Box<dyn Member>>)> {
    let members = usize::from(geometry.slots * geometry.sets);
    let shapes = vec![disk_for(format, Blocks(geometry.member_blocks.0 + 4096)); members + spares];
    let mut store = Store::for_new_disks(format, &shapes);
    let disks: Vec<_> = (0..members).map(Some).collect();
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
    write_all(format, &mut store, &mut backplane);
    Some((array, backplane.cut_power().unwrap()))
}

pub(crate) fn options(force: bool) -> Options {
    Options {
        accept: if force { Accept::ALL } else { Accept::NOTHING },
        limits: Limits { rows_per_window: 64, windows: 2, min_rate: 200_000, ..Limits::default() },
        backend: Backend::detect(),
        unix_start: 0,
        seed: 1,
    }
}

/// What discovery finds on these media; they are given back.
pub(crate) fn look(media: Vec<Box<dyn Member>>) -> (Discovery, Vec<Box<dyn Member>>) {
    look_for(&TOY, media)
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
    format: &'static dyn Admin,
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
