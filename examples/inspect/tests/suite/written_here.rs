// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arrays that the formats' own writers make: every one is found as it was asked for, and its data
//! read with any one member missing that the level can lose. No format is named.

use crate::bench::{geometry, sources};
use raid_array::formats::FORMATS;
use raid_array::store::{CommitStep, Store};
use raid_core::array::*;
use raid_core::backend::Backend;
use raid_core::layout::Layout;
use raid_core::metadata::{ArrayRequest, ChangeError, DiskShape, Format, Stamp};
use raid_core::stripe::{self, Health};
use raid_core::units::{Blocks, Extent, Lba};
use raid_inspect::{ArrayReader, Inspection};
use raid_testdata::SparseImage;
use std::sync::Arc;

/// Shapes with strips of 16 blocks over members of 16 strips, the mirrors but for that.
fn shapes() -> Vec<Geometry> {
    use Level::*;
    use Placement::*;
    let base = |level, placement, slots| Geometry {
        strip: Blocks(if level == Raid1 || level == Single || level == Concat { 0 } else { 16 }),
        member_blocks: Blocks(256),
        ..geometry(level, placement, slots)
    };
    let mirrors = |slots, sets| Geometry {
        secondary: Secondary::Striped,
        sets,
        strip: Blocks(16),
        ..base(Raid1, Fixed, slots)
    };
    vec![
        base(Raid0, Fixed, 3),
        base(Raid1, Fixed, 2),
        base(Raid1, Fixed, 3),
        base(Raid1E, Adjacent, 3),
        base(Raid1E, Adjacent, 5),
        base(Raid1E, Offset, 4),
        base(Raid4, ParityFirst, 4),
        base(Raid4, ParityLast, 4),
        base(Raid5, ZeroRestart, 4),
        base(Raid5, ZeroContinue, 4),
        base(Raid5, NRestart, 4),
        base(Raid5, NContinue, 5),
        base(Raid5EE, ZeroRestart, 5),
        base(Raid5EE, NRestart, 5),
        base(Raid5R, NRestart, 4),
        base(Raid6, ZeroRestart, 5),
        base(Raid6, NRestart, 4),
        base(Raid6, NContinue, 6),
        base(Single, Fixed, 1),
        base(Concat, Fixed, 3),
        mirrors(2, 2),
        mirrors(2, 3),
        mirrors(3, 2),
    ]
}

/// A stamp that is another one for every number.
fn stamp(number: u64) -> Stamp {
    Stamp { unix_seconds: 1_700_000_000, random: number.wrapping_mul(0x9e37_79b9_7f4a_7c15) }
}

/// Disks with one array; `None` if the format does not know the shape.
fn create(format: &dyn Format, geometry: Geometry) -> Option<Vec<SparseImage>> {
    let writer = format.admin()?;
    let count = usize::from(geometry.slots) * usize::from(geometry.sets);
    let shape = DiskShape { blocks: Blocks(80 << 11), block_size: 512 };
    let mut store = Store::for_new_disks(writer, &vec![shape; count]);
    store.edit(|disks| writer.initialise(disks, stamp(1))).unwrap();
    let disks: Vec<_> = (0..count).rev().map(Some).collect();
    let request = ArrayRequest {
        initialisation: Initialisation::Full,
        unverified: true,
        ..ArrayRequest::new(Name::new(b"made"), geometry, &disks)
    };
    match store.edit(|disks| writer.create_array(disks, &request, stamp(2))) {
        Ok(_) => {}
        Err(ChangeError::Unsupported(_) | ChangeError::Invalid { .. }) => return None,
        Err(other) => panic!("{}: {geometry:?}: {other}", format.name()),
    }
    let mut images = vec![SparseImage::zeroed(80 << 20); count];
    for (disk, image) in images.iter_mut().enumerate() {
        for step in store.commit_steps(writer, disk) {
            if let CommitStep::Write(at, bytes) = step {
                image.write_at(at.0 * 512, &bytes);
            }
        }
    }
    Some(images)
}

fn inspect(images: &[SparseImage]) -> Inspection {
    let images: Vec<_> = images.iter().cloned().map(Arc::new).collect();
    Inspection::of(sources(&images))
}

/// Writes `data` to the array that was found, data and redundancy.
fn fill(inspection: &Inspection, images: &mut [SparseImage], data: &[u8]) {
    let array = &inspection.discovery.arrays[0];
    let geometry = &array.descriptor.geometry;
    let layout = Layout::new(geometry).unwrap();
    let member = |set: u16, slot| {
        let place = Place { set, slot };
        let member = array.members.iter().find(|member| member.descriptor.place == place);
        member.unwrap().descriptor
    };
    let bytes = |run: Extent, from: Lba| (from.0 + run.start.0) * 512;
    for piece in layout.split(Extent { start: Lba(0), len: layout.size() }) {
        let new = &data[piece.offset.0 as usize * 512..][..piece.at.len.0 as usize * 512];
        for plan in stripe::write(&layout, Health::OPTIMAL, piece.at) {
            let plan = plan.unwrap();
            let mut slab = vec![0; plan.slab_blocks().0 as usize * 512];
            for io in plan.reads() {
                let member = member(piece.set, io.slot);
                let into = io.bytes(512, &mut slab).unwrap();
                images[member.disk.unwrap()].read_at(bytes(io.at, member.start), into);
            }
            plan.compute(Backend::portable(), &mut slab, new).unwrap();
            for io in plan.writes() {
                let member = member(piece.set, io.slot);
                let from = io.bytes(512, &slab, new).unwrap();
                images[member.disk.unwrap()].write_at(bytes(io.at, member.start), from);
            }
        }
    }
}

fn read(inspection: &Inspection) -> Result<Vec<u8>, String> {
    let array = inspection.discovery.arrays.first().ok_or("no array")?;
    let mut reader = ArrayReader::new(inspection, array, crate::bench::accept(false))
        .map_err(|refusal| refusal.to_string())?;
    let mut bytes = vec![0; reader.size() as usize];
    reader.read_at(0, &mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

#[test]
fn arrays_that_the_writers_make_are_found_and_read() {
    assert!(FORMATS.iter().any(|format| format.admin().is_some()));
    for format in FORMATS.iter().filter(|format| format.admin().is_some()) {
        let mut made = 0;
        for geometry in shapes() {
            let context = format!("{} {geometry:?}", format.name());
            let Some(mut images) = create(*format, geometry) else { continue };
            made += 1;
            let inspection = inspect(&images);
            assert_eq!(inspection.discovery.arrays.len(), 1, "{context}");
            let found = inspection.discovery.arrays[0].descriptor;
            assert_eq!(found.geometry, geometry, "{context}");
            assert_eq!(found.name.to_string(), "made", "{context}");
            assert_eq!((found.state, found.clean), (ArrayState::Optimal, true), "{context}");
            assert_eq!(inspection.discovery.conflicts().count(), 0, "{context}");
            let layout = Layout::new(&geometry).unwrap();
            assert!(found.size <= layout.size(), "{context}");
            let data: Vec<u8> = (0..layout.size().0 * 64)
                .flat_map(|word| (word * 0x0101_0001).to_le_bytes())
                .collect();
            fill(&inspection, &mut images, &data);
            let data = &data[..found.size.0 as usize * 512];
            assert!(read(&inspect(&images)).unwrap() == data, "{context}");
            let survives = !matches!(geometry.level, Level::Raid0 | Level::Single | Level::Concat);
            for out in 0..images.len() {
                let mut less = images.clone();
                less[out] = SparseImage::zeroed(0);
                let got = read(&inspect(&less));
                match survives {
                    true => assert!(got.as_deref() == Ok(data), "{context} without {out}"),
                    false => assert!(got.is_err(), "{context} without {out}"),
                }
            }
        }
        assert!(made > 2, "{}: {made} shapes", format.name());
    }
}
