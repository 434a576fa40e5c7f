// SPDX-License-Identifier: MIT OR Apache-2.0
//! The disks of a life and the volumes on them, while nothing runs.

use crate::disks::{Disk, Medium};
use crate::oracle::{Knowledge, Oracle};
use raid_array::discover::{Discovery, Source, discover};
use raid_array::member::Member;
use raid_array::store::{CommitStep, Store};
use raid_array::workload::Kept;
use raid_core::array::{ArrayId, Geometry, Initialisation, Level, Name, Placement};
use raid_core::array::{QNumbering, Secondary};
use raid_core::metadata::{Admin, ArrayRequest, ChangeError, DiskShape, Stamp};
use raid_core::units::{Blocks, Extent};
use raid_sync::Time;

/// Blocks of a member: few, so that every row is soon written again.
const MEMBER_BLOCKS: u64 = 128;

/// Spares that a life begins with.
pub(crate) const SPARES: usize = 2;

/// A small array.
pub(crate) fn geometry(level: Level, slots: u16, sets: u16) -> Geometry {
    let placement = match level {
        Level::Raid1 => Placement::Fixed,
        _ => Placement::NContinue,
    };
    Geometry {
        level,
        placement,
        slots,
        strip: Blocks(16),
        member_blocks: Blocks(MEMBER_BLOCKS),
        secondary: if sets > 1 { Secondary::Striped } else { Secondary::None },
        sets,
        q_numbering: QNumbering::BySlot,
        parities: 0,
        rotate_shift: 0,
        block_size: 512,
    }
}

/// Volumes on new disks: what each life of one kind begins with.
#[derive(Debug)]
pub(crate) struct Birth {
    pub(crate) kept: Kept,
    pub(crate) name: String,
    disks: Vec<Disk>,
    volumes: Vec<(ArrayId, Geometry, Vec<usize>)>,
}

fn disk_for(format: &dyn Admin, blocks: u64) -> Option<DiskShape> {
    let shape = |step: u64| DiskShape { blocks: Blocks(blocks + step * 2048), block_size: 512 };
    (1..64).map(shape).find(|shape| format.usable(*shape).0 >= blocks)
}

impl Birth {
    /// Volumes of the geometries given, all on the first disks.
    pub(crate) fn new(
        kept: Kept,
        name: &str,
        geometries: &[Geometry],
    ) -> Result<Self, ChangeError> {
        let format = kept.format;
        let members = |own: &Geometry| usize::from(own.slots) * usize::from(own.sets);
        let most = geometries.iter().map(members).max().unwrap_or(0);
        let spares = if geometries.len() > 1 { 1 } else { SPARES };
        let blocks = geometries.len() as u64 * (MEMBER_BLOCKS + 2048) + 2048;
        let shape = disk_for(format, blocks).ok_or(ChangeError::Unsupported("such disks"))?;
        let shapes = vec![shape; most + spares];
        let mut store = Store::for_new_disks(format, &shapes);
        let stamp = |random| Stamp { unix_seconds: 1000, random };
        let volumes = store.edit(|buffers| {
            format.initialise(buffers, stamp(77))?;
            let mut volumes = Vec::new();
            for (number, geometry) in geometries.iter().enumerate() {
                let disks: Vec<usize> = (0..members(geometry)).collect();
                let name = format!("v{number}");
                let places: Vec<_> = disks.iter().copied().map(Some).collect();
                let request = ArrayRequest {
                    initialisation: Initialisation::Full,
                    unverified: true,
                    ..ArrayRequest::new(Name::new(name.as_bytes()), *geometry, &places)
                };
                let id = format.create_array(buffers, &request, stamp(78 + number as u64))?;
                volumes.push((id, *geometry, disks));
            }
            for spare in most..most + spares {
                format.add_spare(buffers, spare, stamp(100 + spare as u64))?;
            }
            Ok(volumes)
        })?;
        let mut disks = Vec::new();
        for number in 0..shapes.len() {
            let mut disk = Disk::new(shape.blocks.0, Medium::new());
            for step in store.commit_steps(format, number) {
                let done = match step {
                    CommitStep::Write(at, bytes) => disk.write(at, &bytes),
                    CommitStep::Flush => Member::flush(&mut disk),
                };
                done.expect("a new disk works");
            }
            disks.push(disk);
        }
        // A format may keep one array on a disk, and take the second for the first.
        let found = look(format, &disks).arrays;
        let is_found = |id: &ArrayId| found.iter().any(|found| found.descriptor.id == *id);
        match volumes.iter().all(|(id, ..)| is_found(id)) {
            true => Ok(Self { kept, name: name.to_owned(), disks, volumes }),
            false => Err(ChangeError::Unsupported("several volumes on the same disks")),
        }
    }
}

/// A volume that does not run.
#[derive(Debug)]
pub(crate) struct Volume {
    pub(crate) id: ArrayId,
    pub(crate) geometry: Geometry,
    pub(crate) oracle: Oracle,
}

/// A copy of a disk: its number, what is on it, and what it knows of each set of each volume.
#[derive(Debug)]
pub(crate) struct Copied {
    pub(crate) number: usize,
    pub(crate) disk: Disk,
    pub(crate) knew: Vec<Vec<Knowledge>>,
}

/// Disks and volumes.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) kept: Kept,
    /// `None` while in use.
    pub(crate) disks: Vec<Option<Disk>>,
    pub(crate) volumes: Vec<Volume>,
    /// Disks that no volume was made on.
    pub(crate) members: usize,
    pub(crate) now: Time,
    pub(crate) unix: u64,
    /// A copy of a disk.
    pub(crate) copy: Option<Copied>,
    /// Where members of a volume stand, or stood, on any disk.
    pub(crate) extents: Vec<(ArrayId, Extent)>,
}

impl Machine {
    pub(crate) fn new(birth: &Birth) -> Self {
        let volumes =
            birth.volumes.iter().enumerate().map(|(number, (id, geometry, disks))| Volume {
                id: *id,
                geometry: *geometry,
                oracle: Oracle::new(geometry, disks, 9 + number as u64),
            });
        let most = birth.volumes.iter().map(|(_, _, disks)| disks.len()).max().unwrap_or(0);
        Self {
            kept: birth.kept,
            disks: birth.disks.iter().cloned().map(Some).collect(),
            volumes: volumes.collect(),
            members: most,
            now: Time(0),
            unix: 100_000,
            copy: None,
            extents: Vec::new(),
        }
    }

    pub(crate) fn take(&mut self, order: &[usize]) -> Vec<Disk> {
        order.iter().map(|disk| self.disks[*disk].take().expect("not in use")).collect()
    }

    /// Where members stand by this start. One that takes a place may stand elsewhere than the others.
    pub(crate) fn learn(&mut self, areas: &Areas) {
        let all = areas.disks.iter().flat_map(|(_, extents)| extents);
        for own in all {
            if !self.extents.contains(own) {
                self.extents.push(*own);
            }
        }
    }

    pub(crate) fn give_back(&mut self, order: &[usize], disks: Vec<Disk>) {
        for (number, disk) in order.iter().zip(disks) {
            self.disks[*number] = Some(disk);
        }
    }
}

/// What discovery finds on these disks.
pub(crate) fn look(format: &'static dyn Admin, disks: &[Disk]) -> Discovery {
    let sources: Vec<Source> = (disks.iter().enumerate())
        .map(|(index, disk)| Source {
            name: format!("disk {index}"),
            bytes: Box::new(disk.clone()),
        })
        .collect();
    discover(&sources, &[format])
}

/// The room of the journal on a disk, and the extents of members of any volume.
type Occupied = (Option<Extent>, Vec<(ArrayId, Extent)>);

/// What stands where on the disks of one start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Areas {
    disks: Vec<Occupied>,
}

/// What a block of a disk is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Area {
    Record,
    Journal,
    Data,
}

impl Areas {
    pub(crate) fn new(format: &dyn Admin, discovery: &Discovery, id: ArrayId) -> Self {
        let found = discovery.arrays.iter().find(|found| found.descriptor.id == id);
        let Some(found) = found else { return Self::default() };
        let store = Store::from_discovery(discovery, found);
        let mut disks: Vec<Occupied> = store.view(|views| {
            let readable = |view: &raid_core::metadata::DiskView<'_>| !view.pieces.is_empty();
            let room = |view| if readable(view) { format.workspace(view) } else { None };
            views.iter().map(|view| (room(view), Vec::new())).collect()
        });
        // Members of one array begin at one block, also those that take a place later.
        let members = discovery.arrays.iter().flat_map(|found| &found.members);
        for member in members {
            let at = Extent { start: member.descriptor.start, len: member.descriptor.len };
            if at.len == Blocks(0) {
                // Of a member that no record names any more nothing is known.
                continue;
            }
            disks.iter_mut().for_each(|(_, extents)| extents.push((member.descriptor.array, at)));
        }
        Self { disks }
    }

    /// The extent of a volume's member on a disk.
    pub(crate) fn data(&self, disk: usize, id: ArrayId) -> Option<Extent> {
        let (_, extents) = self.disks.get(disk)?;
        extents.iter().find(|(array, _)| *array == id).map(|(_, at)| *at)
    }

    /// The extents of members of any array on a disk.
    pub(crate) fn extents(&self, disk: usize) -> Vec<Extent> {
        let own = self.disks.get(disk).map(|(_, extents)| extents.iter().map(|(_, at)| *at));
        own.into_iter().flatten().collect()
    }

    pub(crate) fn of(&self, disk: usize, block: u64) -> Area {
        let inside = |at: &Extent| (at.start.0..at.start.0 + at.len.0).contains(&block);
        match self.disks.get(disk) {
            Some((_, extents)) if extents.iter().any(|(_, at)| inside(at)) => Area::Data,
            Some((Some(room), _)) if inside(room) => Area::Journal,
            _ => Area::Record,
        }
    }
}
