// SPDX-License-Identifier: MIT OR Apache-2.0
//! New configurations, arrays and spares: what is built is what discovery finds.

#[path = "rig/media.rs"]
mod media;
mod support;

use media::{Rig, SMALL, geometry, raid10};
use raid_core::array::{
    ArrayState, Geometry, Level, MemberState, Placement, QNumbering, Secondary,
};
use raid_core::layout::Layout;
use raid_core::metadata::{ChangeError, DiskShape, FormatWriter, Severity};
use raid_core::units::{Blocks, Lba};
use raid_ddf::{ByteOrder, CrcVariant, Ddf, Options};

/// Every shape that the format can store, with the number of disks.
fn shapes() -> Vec<Geometry> {
    use Placement::{Adjacent, Fixed, NContinue, NRestart, Offset, ParityFirst, ParityLast};
    let rotating = [Placement::ZeroRestart, NRestart, NContinue];
    let mut shapes = vec![
        geometry(Level::Raid0, Fixed, 3),
        geometry(Level::Raid1, Fixed, 2),
        geometry(Level::Raid1, Fixed, 3),
        geometry(Level::Raid1E, Adjacent, 3),
        geometry(Level::Raid1E, Adjacent, 4),
        geometry(Level::Raid1E, Offset, 5),
        geometry(Level::Raid4, ParityFirst, 4),
        geometry(Level::Raid4, ParityLast, 3),
        geometry(Level::Single, Fixed, 1),
        geometry(Level::Concat, Fixed, 3),
        raid10(2),
        raid10(3),
    ];
    for placement in rotating {
        for level in [Level::Raid5, Level::Raid5E, Level::Raid5EE, Level::Raid6] {
            shapes.push(geometry(level, placement, 5));
        }
    }
    for secondary in [Secondary::Mirrored, Secondary::Concatenated] {
        shapes.push(Geometry { secondary, strip: Blocks(0), ..raid10(2) });
    }
    let raid50 = geometry(Level::Raid5, NContinue, 3);
    shapes.push(Geometry { secondary: Secondary::Striped, sets: 2, ..raid50 });
    shapes
}

#[test]
fn every_level_is_found_as_it_was_asked_for() {
    for shape in shapes() {
        let count = usize::from(shape.slots * shape.sets);
        let mut rig = Rig::container(count);
        // Not in the order of the disks: the order of the request counts.
        let order: Vec<usize> = (0..count).rev().collect();
        let array = rig.create("sixteen letters!", shape, &order).unwrap();
        rig.commit();
        rig.reread();
        let told = rig.told();
        let (found, members) = told.array("sixteen letters!");
        assert_eq!(found.id, array);
        assert_eq!(found.geometry, shape);
        assert_eq!(found.size, Layout::new(&shape).unwrap().size(), "{shape:?}");
        assert!(found.clean);
        let places: Vec<_> = members.iter().map(|m| (m.disk, m.state, m.start, m.len)).collect();
        let expected: Vec<_> = (order.iter())
            .map(|disk| (Some(*disk), MemberState::InSync, Lba(0), shape.member_blocks))
            .collect();
        assert_eq!(places, expected, "{shape:?}");
        assert_eq!(told.codes(Severity::Damage), told.codes(Severity::Refusal));
        if !told.has(426) {
            assert_eq!(found.state, ArrayState::Optimal, "{shape:?}: {:#?}", told.findings);
            assert_eq!(told.codes(Severity::Warning), [429; 0], "{shape:?}");
        }
    }
}
