// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the tests stand on: images in memory as sources, and arrays that no metadata describes.

use raid_array::discover::{Discovery, FoundArray, FoundDisk, FoundMember, ReadAt, Source};
use raid_array::trust::Accept;
use raid_core::array::*;
use raid_core::metadata::DiskShape;
use raid_core::units::{Blocks, Lba, Slot};
use raid_inspect::Inspection;
use raid_testdata::{Scenario, SparseImage};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

/// Every risk, or none.
pub(crate) fn accept(force: bool) -> Accept {
    if force { Accept::ALL } else { Accept::NOTHING }
}

/// An image that many inspections share.
pub(crate) struct Shared(pub(crate) Arc<SparseImage>);

impl ReadAt for Shared {
    fn len(&self) -> u64 {
        self.0.len
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        match offset.checked_add(into.len() as u64) {
            Some(end) if end <= self.0.len => self.0.read_at(offset, into),
            _ => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        }
        Ok(())
    }
}

/// The unpacked disks of a scenario; unpacked once.
pub(crate) fn images(scenario: &Scenario) -> Vec<Arc<SparseImage>> {
    static UNPACKED: Mutex<Option<HashMap<String, Vec<Arc<SparseImage>>>>> = Mutex::new(None);
    let key = format!("{}/{}", scenario.group, scenario.name);
    let known = UNPACKED.lock().unwrap().get_or_insert_default().get(&key).cloned();
    known.unwrap_or_else(|| {
        let images: Vec<_> = scenario.images().into_iter().map(Arc::new).collect();
        UNPACKED.lock().unwrap().get_or_insert_default().insert(key, images.clone());
        images
    })
}

/// Sources over images, named `d0`, `d1`, … as their place in `images` says.
pub(crate) fn sources(images: &[Arc<SparseImage>]) -> Vec<Source> {
    let named = images.iter().enumerate();
    named
        .map(|(index, image)| Source {
            name: format!("d{index}"),
            bytes: Box::new(Shared(Arc::clone(image))),
        })
        .collect()
}

/// A geometry of one set with the usual values.
pub(crate) fn geometry(level: Level, placement: Placement, slots: u16) -> Geometry {
    Geometry {
        level,
        placement,
        slots,
        strip: Blocks(if level == Level::Raid1 { 0 } else { 8 }),
        member_blocks: Blocks(64),
        secondary: Secondary::None,
        sets: 1,
        q_numbering: QNumbering::BySlot,
        parities: 0,
        rotate_shift: 0,
        block_size: 512,
    }
}

/// An array over the first disks, slot by slot, in good order.
pub(crate) fn array(geometry: Geometry, size: u64) -> FoundArray {
    let id = ArrayId([1; 24]);
    let member = |index: u16| FoundMember {
        descriptor: MemberDescriptor {
            array: id,
            place: Place {
                set: index / geometry.slots,
                slot: Slot((index % geometry.slots) as u8),
            },
            disk: Some(usize::from(index)),
            id: None,
            start: Lba(16),
            len: geometry.member_blocks,
            state: MemberState::InSync,
        },
        raw: Vec::new(),
    };
    FoundArray {
        format: 0,
        format_name: "made up",
        descriptor: ArrayDescriptor {
            id,
            name: Name::new(b"array"),
            geometry,
            size: Blocks(size),
            state: ArrayState::Optimal,
            clean: true,
            initialisation: Initialisation::Full,
        },
        members: (0..geometry.slots * geometry.sets).map(member).collect(),
        branches: Vec::new(),
        raw: Vec::new(),
    }
}

/// An inspection of these arrays over as many disks as given.
pub(crate) fn inspection(sources: Vec<Source>, arrays: Vec<FoundArray>) -> Inspection {
    let disks = sources.iter().map(|source| FoundDisk {
        name: source.name.clone(),
        shape: DiskShape { blocks: Blocks(source.bytes.len() / 512), block_size: 512 },
        claims: Vec::new(),
        unreadable: Vec::new(),
        same_as: None,
    });
    let discovery = Discovery { disks: disks.collect(), arrays, findings: Vec::new() };
    Inspection::with(sources, discovery)
}

/// An inspection of these images but for those in `out`, which are there as empty disks, so that the
/// others keep their numbers.
pub(crate) fn inspect_without(images: &[Arc<SparseImage>], out: &[usize]) -> Inspection {
    let empty = Arc::new(SparseImage::zeroed(0));
    let present = images.iter().enumerate();
    let present = present.map(|(disk, image)| if out.contains(&disk) { &empty } else { image });
    Inspection::of(sources(&present.cloned().collect::<Vec<_>>()))
}

/// The members by running number; every place must be reported.
pub(crate) fn places(array: &FoundArray) -> Vec<MemberDescriptor> {
    let geometry = &array.descriptor.geometry;
    let places = usize::from(geometry.sets) * usize::from(geometry.slots);
    let member = |running: usize| {
        let mut members = array.members.iter().map(|member| member.descriptor);
        let member = members.find(|member| array.running(member.place) == running);
        member.unwrap_or_else(|| panic!("place {running} was not reported"))
    };
    (0..places).map(member).collect()
}
