// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sets of sizes of their own under a secondary level, which the code for spanning is for.

use crate::media::{self, Rig, healthy, raid10};
use raid_core::array::{ArrayState, Geometry, MemberState, Name, Place, Secondary};
use raid_core::layout::Elements;
use raid_core::metadata::{Admin, ArrayRequest, ChangeError, RunTime, RuntimeState, Severity};
use raid_core::units::{Blocks, Lba, Slot, SlotSet};
use raid_ddf::Ddf;

/// Strips of 128 blocks; what is left of a strip in the second set is of no use.
const SIZES: [Blocks; 3] = [Blocks(8192), Blocks(4096 + 5), Blocks(6144)];

fn request<'a>(
    shape: Geometry,
    disks: &'a [Option<usize>],
    set_blocks: &'a [Blocks],
) -> ArrayRequest<'a> {
    let geometry = Geometry { member_blocks: Blocks(0), ..shape };
    let name = Name::new(b"spanned");
    ArrayRequest { set_blocks, unverified: true, ..ArrayRequest::new(name, geometry, disks) }
}

#[test]
fn sets_of_unequal_sizes_are_built_found_and_updated() {
    for (secondary, code) in [(Secondary::Spanned, 3), (Secondary::Concatenated, 2)] {
        let strip = if secondary == Secondary::Spanned { Blocks(128) } else { Blocks(0) };
        let shape = Geometry { secondary, strip, ..raid10(3) };
        let mut rig = Rig::container(7);
        let stamp = rig.stamp();
        let wanted =
            request(shape, &[Some(0), Some(1), Some(2), Some(3), Some(4), Some(5)], &SIZES);
        let array = rig.edit(|disks| Ddf::new().create_array(disks, &wanted, stamp)).unwrap();
        rig.commit();
        rig.reread();
        let told = rig.told();
        let (found, members) = told.array("spanned");
        let joined = Elements::new(secondary, strip, &SIZES).unwrap();
        assert_eq!(found.size, joined.size(), "{secondary:?}");
        assert_eq!((found.geometry.secondary, found.geometry.sets), (secondary, 3));
        assert_eq!(found.state, ArrayState::Optimal, "{:#?}", told.findings);
        assert_eq!(told.codes(Severity::Warning), [0; 0], "{:#?}", told.findings);
        assert_eq!(told.raw_of(array, "Secondary_RAID_Level"), Some(code));
        assert_eq!(told.raw_of(array, "VD_Size"), Some(joined.size().0));
        let lengths: Vec<_> = members.iter().map(|member| member.len).collect();
        assert_eq!(lengths, SIZES.map(|size| [size; 2]).concat());
        // What is behind it begins where the set on that disk ends.
        for (disk, size) in [(0, SIZES[0]), (2, SIZES[1]), (4, SIZES[2])] {
            let mut rig = rig.clone();
            let shape = media::geometry(
                raid_core::array::Level::Single,
                raid_core::array::Placement::Fixed,
                1,
            );
            rig.create("behind", shape, &[disk]).unwrap();
            assert_eq!(rig.told().array("behind").1[0].start, Lba(size.0));
        }
        // The second set loses a member and gets a spare: as much as that set has.
        let failed = RuntimeState { failed: SlotSet::of(Slot(0)), ..healthy() };
        rig.set_state(array, 1, &failed).unwrap();
        assert_eq!(rig.told().array("spanned").0.state, ArrayState::Degraded);
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().add_spare(disks, 6, stamp)).unwrap();
        let (stamp, place) = (rig.stamp(), Place { set: 1, slot: Slot(0) });
        rig.edit(|disks| Ddf::new().activate(disks, array, place, 6, stamp)).unwrap();
        rig.commit();
        rig.reread();
        let told = rig.told();
        let filled = &told.array("spanned").1[2];
        assert_eq!(
            (filled.disk, filled.state, filled.len),
            (Some(6), MemberState::Rebuilding, SIZES[1])
        );
        for set in 0..3 {
            rig.set_state(array, set, &healthy()).unwrap();
        }
        rig.commit();
        rig.reread();
        let told = rig.told();
        assert_eq!(told.array("spanned").0.state, ArrayState::Optimal);
        assert_eq!(told.array("spanned").0.size, joined.size());
    }
}

#[test]
fn equal_sets_are_striped_whatever_they_are_asked_for_as() {
    let shape = Geometry { secondary: Secondary::Spanned, ..raid10(2) };
    let mut rig = Rig::container(4);
    let (stamp, sizes) = (rig.stamp(), [Blocks(4096); 2]);
    let wanted = request(shape, &[Some(0), Some(1), Some(2), Some(3)], &sizes);
    let array = rig.edit(|disks| Ddf::new().create_array(disks, &wanted, stamp)).unwrap();
    let told = rig.told();
    assert_eq!(told.array("spanned").0.geometry, raid10(2));
    assert_eq!(told.raw_of(array, "Secondary_RAID_Level"), Some(0));
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let spanned = Geometry { secondary: Secondary::Spanned, ..raid10(3) };
    let mut rig = Rig::container(6);
    let before = rig.bytes();
    let disks = [0, 1, 2, 3, 4, 5].map(Some);
    let mut refused = |wanted: &ArrayRequest<'_>| {
        let stamp = rig.stamp();
        let told = rig.edit(|disks| Ddf::new().create_array(disks, wanted, stamp)).unwrap_err();
        assert_eq!(rig.bytes(), before);
        told
    };
    let what = "number of sizes of sets";
    let told = refused(&request(spanned, &disks, &SIZES[..2]));
    assert_eq!(told, ChangeError::Invalid { what, found: 2, expected: 3 });
    let what = "unequal sets neither spanned nor concatenated";
    for secondary in [Secondary::Striped, Secondary::Mirrored] {
        let told = refused(&request(Geometry { secondary, ..spanned }, &disks, &SIZES));
        assert_eq!(told, ChangeError::Unsupported(what));
    }
    // One set larger than its disks; one of no strip.
    for (set, size) in [(1, Blocks(65_537)), (2, Blocks(127))] {
        let mut sizes = SIZES;
        sizes[set] = size;
        let told = refused(&request(spanned, &disks, &sizes));
        let large = matches!(told, ChangeError::Disk { disk: 2, .. });
        let small = matches!(told, ChangeError::Invalid { what: "blocks of each member", .. });
        assert!(if set == 1 { large } else { small }, "{told:?}");
    }
    let doubtful = ArrayRequest { unverified: false, ..request(spanned, &disks, &SIZES) };
    assert!(matches!(refused(&doubtful), ChangeError::Unsupported(_)));
    let wanted = request(spanned, &disks, &SIZES);
    let largest = rig.edit(|disks| Ddf::new().largest_member(disks, &wanted));
    assert_eq!(largest, Err(ChangeError::Unsupported("the largest of several sizes")));
}
