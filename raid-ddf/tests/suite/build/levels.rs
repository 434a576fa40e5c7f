// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every level that there is a code for, in every byte order, with every CRC, on every block size.

use crate::media::{self, Rig, SMALL, geometry, raid10};
use raid_core::array::{ArrayState, Geometry, Level, MemberState, Placement, Secondary};
use raid_core::layout::Layout;
use raid_core::metadata::{ChangeError, DiskShape, Severity};
use raid_core::units::{Blocks, Lba};
use raid_ddf::{ByteOrder, CrcVariant, Options};

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

#[test]
fn every_byte_order_crc_and_block_size_can_be_built() {
    let large = DiskShape { blocks: Blocks(20_000), block_size: 4096 };
    for (shape, order, crc) in [
        (SMALL, ByteOrder::Little, CrcVariant::A),
        (SMALL, ByteOrder::Big, CrcVariant::A),
        (large, ByteOrder::Big, CrcVariant::B),
    ] {
        let mut options = Options::LINUX;
        (options.order, options.crc) = (order, crc);
        (options.max_pd_entries, options.max_primary_element_entries) = (15, 16);
        let mut rig = Rig::blank(&[shape; 3], &options);
        let stamp = rig.stamp();
        rig.edit(|disks| raid_ddf::initialise(disks, stamp, &options)).unwrap();
        let five = geometry(Level::Raid5, Placement::NContinue, 3);
        let five = Geometry { block_size: shape.block_size, ..five };
        let array = rig.create("five", five, &[2, 0, 1]).unwrap();
        rig.set_state(array, 0, &media::healthy()).unwrap();
        rig.commit();
        rig.reread();
        let told = rig.told();
        assert_eq!(told.array("five").0.state, ArrayState::Optimal);
        assert_eq!(told.array("five").0.geometry, five);
        assert_eq!(told.codes(Severity::Warning), [0; 0], "{:?}", told.findings);
    }
}

/// A configuration of revision 2.0 on blocks of 512 bytes.
fn revision_2(count: usize) -> Rig {
    let mut options = Options::LINUX;
    options.revision = Some(raid_ddf::Revision::V2_0);
    let mut rig = Rig::blank(&vec![SMALL; count], &options);
    let stamp = rig.stamp();
    rig.edit(|disks| raid_ddf::initialise(disks, stamp, &options)).unwrap();
    rig
}

#[test]
fn levels_of_revision_2_are_built_on_blocks_of_512_bytes() {
    use Placement::{NContinue, NRestart, ZeroRestart};
    for placement in [ZeroRestart, NRestart, NContinue] {
        for shape in [
            Geometry { parities: 2, ..geometry(Level::Mdf, placement, 5) },
            Geometry { parities: 3, ..geometry(Level::Mdf, placement, 6) },
            Geometry { rotate_shift: 4, ..geometry(Level::Raid5R, placement, 4) },
        ] {
            let disks: Vec<usize> = (0..shape.slots.into()).collect();
            let mut rig = revision_2(disks.len());
            rig.create("new", shape, &disks).unwrap();
            rig.commit();
            rig.reread();
            let told = rig.told();
            assert_eq!(told.array("new").0.geometry, shape);
            assert_eq!(told.array("new").0.state, ArrayState::Optimal);
            assert_eq!(told.codes(Severity::Warning), [0; 0], "{:?}", told.findings);
            // A configuration of 1.x has no code for it.
            let mut old = Rig::container(disks.len());
            assert!(matches!(old.create("x", shape, &disks), Err(ChangeError::Unsupported(_))));
        }
    }
}

#[test]
fn what_is_unverified_is_written_only_at_the_callers_word() {
    use Placement::{Fixed, NContinue, ParityLast, ZeroContinue, ZeroRestart};
    let raid50 = geometry(Level::Raid5, NContinue, 3);
    let doubtful = [
        geometry(Level::Raid3, ParityLast, 4),
        geometry(Level::Raid5, ZeroContinue, 4),
        geometry(Level::Raid5E, NContinue, 4),
        geometry(Level::Raid5EE, NContinue, 4),
        geometry(Level::Raid5EE, ZeroRestart, 4),
        geometry(Level::Raid5R, NContinue, 4),
        Geometry { parities: 3, ..geometry(Level::Mdf, NContinue, 6) },
        Geometry { secondary: Secondary::Striped, sets: 2, ..raid50 },
        Geometry { secondary: Secondary::Mirrored, strip: Blocks(0), ..raid10(2) },
        Geometry { secondary: Secondary::Concatenated, strip: Blocks(0), ..raid10(2) },
    ];
    for shape in doubtful {
        let disks: Vec<usize> = (0..usize::from(shape.slots * shape.sets)).collect();
        let mut rig = revision_2(disks.len());
        rig.unverified = false;
        let before = rig.bytes();
        let refused = rig.create("x", shape, &disks);
        assert!(matches!(refused, Err(ChangeError::Unsupported(_))), "{shape:?}: {refused:?}");
        assert_eq!(rig.bytes(), before);
        rig.unverified = true;
        let array = rig.create("x", shape, &disks).unwrap();
        rig.commit();
        rig.reread();
        let told = rig.told();
        let primary = told.raw_of(array, "Primary_RAID_Level");
        if shape.level == Level::Raid3 {
            assert_eq!((primary, told.raw_of(array, "RAID_Level_Qualifier")), (Some(3), Some(1)));
            assert_eq!(told.raw_of(array, "VD_Size"), Some(3 * 4096));
        } else {
            assert_eq!(told.array("x").0.geometry, shape);
        }
    }
    // What is settled needs no word.
    for shape in [raid10(2), geometry(Level::Raid0, Fixed, 4), geometry(Level::Raid6, NContinue, 4)]
    {
        let mut rig = Rig::container(4);
        rig.unverified = false;
        rig.create("x", shape, &[0, 1, 2, 3]).unwrap();
    }
}

#[test]
fn raid_3_stands_under_no_secondary_level() {
    let mut rig = Rig::container(6);
    let three = geometry(Level::Raid3, Placement::ParityLast, 3);
    let before = rig.bytes();
    let spanned = Geometry { sets: 2, secondary: Secondary::Striped, ..three };
    let refused = rig.create("x", spanned, &[0, 1, 2, 3, 4, 5]);
    assert_eq!(refused, Err(ChangeError::Unsupported("RAID-3 under a secondary level")));
    assert_eq!(rig.bytes(), before);
}
