// SPDX-License-Identifier: MIT OR Apache-2.0
//! New disks, arrays and spares: what is built is what discovery finds, and what other readers of the
//! format ask for.

use crate::generator::{self, Disk, Line, one_level, two_levels};
use crate::rig::{self, MEMBER, Rig, SMALL, Stepped, geometry, joined, raid10};
use raid_asr::{Asr, RaidTable, ReservedBlock, TreeLevel};
use raid_core::array::{ArrayState, Geometry, Initialisation, Level, MemberState, Name, Secondary};
use raid_core::layout::Layout;
use raid_core::metadata::{Admin, ArrayRequest, ChangeError, DiskShape, Served, SpareRequest};
use raid_core::units::{Blocks, Lba};

/// Every shape that the format can store.
fn shapes() -> Vec<Geometry> {
    vec![
        geometry(Level::Raid0, 1),
        geometry(Level::Raid0, 2),
        geometry(Level::Raid0, 5),
        geometry(Level::Raid0, 8),
        geometry(Level::Raid1, 2),
        geometry(Level::Raid1, 3),
        geometry(Level::Single, 1),
        raid10(2),
        raid10(3),
        joined(Level::Raid0, Secondary::Mirrored, 2),
        joined(Level::Raid1, Secondary::Mirrored, 2),
        Geometry { slots: 3, ..joined(Level::Raid0, Secondary::Mirrored, 3) },
    ]
}

#[test]
fn every_shape_is_found_as_it_was_asked_for() {
    for shape in shapes() {
        let count = usize::from(shape.slots * shape.sets);
        let mut rig = Rig::unused(count);
        // Not in the order of the disks: the order of the request counts.
        let order: Vec<usize> = (0..count).rev().collect();
        let array = rig.create("sixteen letters!", shape, &order).unwrap();
        rig.commit();
        rig.reread();
        let found = rig.found();
        assert_eq!(found.findings, [], "{shape:?}");
        let [told] = found.arrays[..] else { panic!("{found:#?}") };
        let secondary = if shape.sets == 1 { Secondary::None } else { shape.secondary };
        // Mirrors of mirrors have no strip, whatever was asked.
        let striped = shape.level == Level::Raid0 || secondary == Secondary::Striped;
        let strip = if striped { shape.strip } else { Blocks(0) };
        assert_eq!(told.geometry, Geometry { secondary, strip, ..shape });
        assert_eq!((told.id, told.name.as_bytes()), (array, &b"sixteen letters!"[..]));
        assert_eq!((told.state, told.clean), (ArrayState::Optimal, true));
        assert_eq!(told.initialisation, Initialisation::Full);
        assert_eq!(told.size, Layout::new(&told.geometry).unwrap().size());
        let disks: Vec<usize> = found.members.iter().map(|m| m.disk.unwrap()).collect();
        assert_eq!(disks, order);
        assert!(found.members.iter().all(|m| m.state == MemberState::InSync && m.start == Lba(0)));
        for set in 0..shape.sets {
            assert_eq!(rig.state(array, set), Some(rig::healthy()));
        }
        assert_eq!(rig.state(array, shape.sets), None);
    }
}

/// The library's bytes against the generator's, which shares no record with it.
#[test]
fn tables_are_those_of_an_independent_generator() {
    let line = |line: &Line, at: usize, magic| {
        let is_array = line.level != 0;
        Line {
            magic,
            capacity: line.capacity / generator::CAPACITY * u32::try_from(MEMBER).unwrap(),
            flags: if is_array && line.raid_type == 1 && line.level == 1 { 0x10 } else { 0 },
            channel: 0,
            id: if is_array { 0 } else { u32::try_from(at).unwrap() },
            name: *b"array           ",
            ..*line
        }
    };
    for (shape, lines) in [
        (geometry(Level::Raid0, 3), one_level(0, 3)),
        (geometry(Level::Raid1, 2), one_level(1, 2)),
        (raid10(2), two_levels(0, 1, 2)),
        (joined(Level::Raid0, Secondary::Mirrored, 2), two_levels(1, 0, 2)),
    ] {
        let (rig, _) = Rig::with_array(shape, usize::from(shape.slots * shape.sets));
        for (medium, buffer) in rig.media.iter().zip(&rig.buffers) {
            let built = medium.image(buffer.shape).tail;
            let table = RaidTable::check(&built).unwrap();
            let identity = ReservedBlock::check(&built[8192..]).unwrap();
            let mut disks = 0;
            let lines = lines.iter().zip(table.lines()).map(|(wanted, built)| {
                let line = line(wanted, disks, built.raidmagic.get());
                disks += usize::from(wanted.level == 0);
                line
            });
            let lines: Vec<Line> = lines.collect();
            let timestamp = table.header().timestamp.get();
            assert!(timestamp > 1_709_294_400);
            let blocks = SMALL.blocks.0;
            let disk =
                Disk { blocks, timestamp, ..Disk::new(identity.drivemagic().unwrap(), &lines) };
            let mut wanted = disk.image().tail;
            // SATA firmware names the first reserved block.
            let first = u32::try_from(blocks - 17).unwrap();
            wanted[8192 + 0x34..8192 + 0x38].copy_from_slice(&first.to_be_bytes());
            assert!(built == wanted, "{:#?}\n{lines:#?}", table.lines());
        }
    }
}

#[test]
fn identities_are_unique_and_bit_31_tells_disks_from_arrays() {
    let mut rig = Rig::unused(8);
    rig.create("a", geometry(Level::Raid1, 2), &[0, 1]).unwrap();
    rig.create("b", raid10(3), &[2, 3, 4, 5, 6, 7]).unwrap();
    rig.commit();
    let mut arrays = std::collections::BTreeSet::new();
    let mut disks = std::collections::BTreeSet::new();
    for (disk, medium) in rig.media.iter().enumerate() {
        let tail = medium.image(SMALL).tail;
        for line in RaidTable::check(&tail).unwrap().lines() {
            let magic = line.raidmagic.get();
            let is_disk = line.level() == TreeLevel::Fwp;
            assert_eq!(magic >> 31 == 1, is_disk);
            if is_disk {
                disks.insert(magic)
            } else {
                arrays.insert(magic)
            };
        }
        assert!(disk < 2 || arrays.len() == 5);
    }
    assert_eq!((disks.len(), arrays.len()), (8, 5));
}

fn refused(what: &str, shape: Geometry, edit: impl FnOnce(&mut Rig, &mut ArrayRequest<'_>)) {
    let count = usize::from(shape.slots * shape.sets).min(130);
    let mut rig = Rig::unused(count);
    let disks: Vec<_> = (0..count).map(Some).collect();
    let mut request =
        ArrayRequest { unverified: true, ..ArrayRequest::new(Name::new(b"array"), shape, &disks) };
    edit(&mut rig, &mut request);
    let before = rig.buffers.clone();
    let error = rig.request(&request).expect_err(what);
    assert!(error.to_string().contains(what), "{error} is not about {what}");
    assert_eq!(rig.buffers, before, "a refused change changed something: {what}");
}

#[test]
fn requests_that_the_format_cannot_hold_are_refused_and_change_nothing() {
    let mirror = geometry(Level::Raid1, 2);
    let stripe = geometry(Level::Raid0, 2);
    let nothing = |_: &mut Rig, _: &mut ArrayRequest<'_>| {};
    refused("levels but", geometry(Level::Raid5, 3), nothing);
    refused("levels but", geometry(Level::Concat, 2), nothing);
    refused("sets joined", joined(Level::Raid0, Secondary::Striped, 2), nothing);
    refused("sets joined", joined(Level::Raid1, Secondary::Concatenated, 2), nothing);
    refused("members of a mirror", geometry(Level::Raid1, 1), nothing);
    refused("members of a single", geometry(Level::Single, 2), nothing);
    refused("bytes of a block", Geometry { block_size: 4096, ..mirror }, nothing);
    refused("whole strips", Geometry { strip: Blocks(0), ..stripe }, nothing);
    refused("whole strips", Geometry { member_blocks: Blocks(MEMBER + 1), ..stripe }, nothing);
    refused(
        "full stripe",
        Geometry { strip: Blocks(1 << 15), member_blocks: Blocks(1 << 15), ..stripe },
        nothing,
    );
    refused(
        "blocks of each member",
        Geometry { member_blocks: Blocks(1 << 14), ..mirror },
        nothing,
    );
    refused(
        "blocks of each member",
        Geometry { member_blocks: Blocks(1 << 33), ..mirror },
        nothing,
    );
    refused("blocks of a set", Geometry { member_blocks: Blocks(1 << 31), ..stripe }, nothing);
    refused("lines of the table", geometry(Level::Raid1, 126), nothing);
    refused("unverified", raid10(2), |_, request| request.unverified = false);
    refused("first block of a member", mirror, |_, request| request.starts = &[Lba(0), Lba(8)]);
    refused("bytes of the name", mirror, |_, request| {
        request.name = Name::new(b"seventeen letters");
    });
    refused("named twice", mirror, |_, request| request.disks = &[Some(1); 2]);
    refused("number of disks", mirror, |_, request| request.disks = &[Some(0)]);
    refused("not a live disk", mirror, |_, request| request.disks = &[Some(0), Some(7)]);
    refused("not a live disk", mirror, |rig, _| rig.live[1] = false);
    refused("members at hand", mirror, |_, request| {
        request.disks = &[None, None];
    });
    refused("members at hand", stripe, |_, request| request.disks = &[Some(0), None]);
    refused("does not carry the format", mirror, |rig, _| {
        rig.insert(SMALL);
        rig.buffers.swap(1, 2);
    });
    refused("a spare", mirror, |rig, _| {
        let stamp = rig.stamp();
        rig.edit(|disks| Asr::new().add_spare(disks, 1, stamp)).unwrap();
    });
    refused("a member of an array", mirror, |rig, _| {
        let [a, b] = [rig.insert(SMALL), rig.insert(SMALL)];
        for disk in [a, b] {
            let stamp = rig.stamp();
            rig.edit(|disks| Asr::new().add_spare(disks, disk, stamp)).unwrap();
            let stamp = rig.stamp();
            rig.edit(|disks| Asr::new().release_spare(disks, disk, stamp)).unwrap();
        }
        rig.create("other", geometry(Level::Raid1, 2), &[1, a]).unwrap();
    });
    refused("name of another array", mirror, |rig, _| {
        let disk = rig.insert(SMALL);
        let stamp = rig.stamp();
        rig.edit(|disks| Asr::new().add_spare(disks, disk, stamp)).unwrap();
        rig.edit(|disks| Asr::new().release_spare(disks, disk, stamp)).unwrap();
        rig.create("array", geometry(Level::Single, 1), &[disk]).unwrap();
    });
}

#[test]
fn the_largest_member_is_accepted_and_one_strip_more_is_not() {
    for shape in shapes() {
        let count = usize::from(shape.slots * shape.sets);
        let mut rig = Rig::unused(count);
        let disks: Vec<_> = (0..count).map(Some).collect();
        let request =
            ArrayRequest { unverified: true, ..ArrayRequest::new(Name::EMPTY, shape, &disks) };
        let most = rig.edit(|buffers| Asr::new().largest_member(buffers, &request)).unwrap();
        assert_eq!(most, Asr::new().usable(SMALL));
        let more = Blocks(most.0 + shape.strip.0.max(1));
        let with = |member_blocks| ArrayRequest {
            geometry: Geometry { member_blocks, ..shape },
            ..request
        };
        assert!(rig.request(&with(more)).is_err());
        rig.request(&with(most)).unwrap();
    }
    let mut rig = Rig::unused(3);
    let five =
        ArrayRequest::new(Name::EMPTY, geometry(Level::Raid5, 3), &[Some(0), Some(1), Some(2)]);
    assert!(rig.edit(|buffers| Asr::new().largest_member(buffers, &five)).is_err());
}

#[test]
fn an_array_may_start_with_a_place_left_empty() {
    let mut rig = Rig::unused(3);
    let disks = [Some(0), None, Some(1)];
    rig.create_in("short", geometry(Level::Raid1, 3), &disks).unwrap();
    rig.commit();
    rig.reread();
    assert_eq!(
        rig.members(),
        [
            (Some(0), MemberState::InSync),
            (None, MemberState::Failed),
            (Some(1), MemberState::InSync)
        ]
    );
    assert_eq!(rig.found().arrays[0].state, ArrayState::PartiallyOptimal);
}

#[test]
fn how_far_redundancy_was_established_is_kept() {
    for initialisation in [Initialisation::None, Initialisation::Running, Initialisation::Full] {
        for shape in [geometry(Level::Raid1, 3), raid10(2)] {
            let count = usize::from(shape.slots * shape.sets);
            let mut rig = Rig::unused(count);
            let disks: Vec<_> = (0..count).map(Some).collect();
            let request = ArrayRequest {
                initialisation,
                unverified: true,
                ..ArrayRequest::new(Name::EMPTY, shape, &disks)
            };
            let array = rig.request(&request).unwrap();
            let found = rig.found();
            assert_eq!(found.arrays[0].initialisation, initialisation);
            assert_eq!(found.arrays[0].state, ArrayState::Optimal);
            assert_eq!(rig.state(array, 0).unwrap().initialisation, initialisation);
        }
    }
}

/// Readers that tell arrays apart by name must not join two that have none.
#[test]
fn arrays_without_a_name_are_named_after_their_identity() {
    let mut rig = Rig::unused(2);
    for disk in 0..2 {
        rig.create("", geometry(Level::Single, 1), &[disk]).unwrap();
    }
    let found = rig.found();
    assert_ne!(found.arrays[0].name, found.arrays[1].name);
    let id = found.arrays[0].id.to_string().to_uppercase();
    assert_eq!(found.arrays[0].name.to_string(), id[..8]);
}

#[test]
fn disks_that_cannot_carry_the_format_are_refused() {
    for (blocks, block_size) in [
        (17, 512),
        (0, 512),
        (16384, 4096),
        (16384, 0),
        (u64::from(u32::MAX) + 18, 512),
        (u64::MAX, 512),
    ] {
        let shape = DiskShape { blocks: Blocks(blocks), block_size };
        assert_eq!(Asr::new().new_area(shape, 0), None, "{shape:?}");
        assert_eq!(Asr::new().usable(shape), Blocks(0));
        let mut rig = Rig::blank(&[SMALL, shape]);
        let stamp = rig.stamp();
        let before = rig.buffers.clone();
        let error = rig.edit(|disks| Asr::new().initialise(disks, stamp)).unwrap_err();
        assert!(matches!(error, ChangeError::Disk { disk: 1, .. }), "{error}");
        assert_eq!(rig.buffers, before);
    }
    let largest = DiskShape { blocks: Blocks(u64::from(u32::MAX) + 17), block_size: 512 };
    assert_eq!(Asr::new().new_area(largest, 0).map(|area| area.len), Some(Blocks(17)));
    assert_eq!(Asr::new().new_area(largest, 1), None);
    assert_eq!(Asr::new().usable(largest).0 % 2048, 0);
}

/// What firmware and management software keep in the reserved block stays.
#[test]
fn a_disk_that_carries_the_format_keeps_what_its_controller_noted() {
    let mut rig = Rig::unused(1);
    let noted: Vec<usize> = (4..0x34).chain(0x44..0x100).chain(0x108..512).collect();
    let mut block = rig.media[0].read(SMALL.blocks.0 - 1, 1);
    noted.iter().for_each(|at| block[*at] = 0xA5);
    block[0x3F] = 8;
    rig.media[0].write(SMALL.blocks.0 - 1, &block);
    rig.reread();
    let stamp = rig.stamp();
    rig.edit(|disks| Asr::new().initialise(disks, stamp)).unwrap();
    rig.commit();
    rig.create("one", geometry(Level::Single, 1), &[0]).unwrap();
    rig.commit();
    let after = rig.media[0].read(SMALL.blocks.0 - 1, 1);
    assert!(noted.iter().all(|at| after[*at] == 0xA5));
    assert_ne!(after[0x40..0x44], block[0x40..0x44], "a new identity");
}

#[test]
fn spares_stand_by_for_all_or_for_one_array() {
    let (mut rig, array) = Rig::with_array(geometry(Level::Raid1, 2), 4);
    let serves = [Served::all(array)];
    let stamp = rig.stamp();
    rig.edit(|disks| Asr::new().assign_spare(disks, &SpareRequest::global(2), stamp)).unwrap();
    rig.edit(|disks| Asr::new().assign_spare(disks, &SpareRequest::dedicated(3, &serves), stamp))
        .unwrap();
    rig.commit();
    rig.reread();
    let found = rig.found();
    assert_eq!(found.findings, []);
    let roles: Vec<(&str, bool)> =
        found.disks.iter().map(|disk| (disk.role.name(), disk.role.is_spare())).collect();
    assert_eq!(
        roles,
        [("member", false), ("member", false), ("global spare", true), ("dedicated spare", true)]
    );
    // As dmraid writes a global spare.
    let table = rig.media[2].read(SMALL.blocks.0 - 17, 16);
    assert_eq!(table[0x28..0x2C], [0xFF; 4]);
    assert_eq!(table[64..74], [0, 1, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0xFE]);
    assert_eq!(table[128..130], [0, 0]);
    assert_eq!(table[136..138], [0, 0xFE]);
    // A second one of the array has no place in the members' headers.
    let stamp = rig.stamp();
    rig.edit(|disks| Asr::new().release_spare(disks, 2, stamp)).unwrap();
    let before = rig.buffers.clone();
    for request in [
        SpareRequest::dedicated(2, &serves),
        SpareRequest { revertible: true, ..SpareRequest::global(2) },
        SpareRequest { same_enclosure: true, ..SpareRequest::global(2) },
        SpareRequest::dedicated(2, &[Served::set(array, 0)]),
        SpareRequest::global(0),
        SpareRequest::global(3),
    ] {
        assert!(
            rig.edit(|disks| Asr::new().assign_spare(disks, &request, stamp)).is_err(),
            "{request:?}"
        );
        assert_eq!(rig.buffers, before);
    }
    rig.edit(|disks| Asr::new().release_spare(disks, 3, stamp)).unwrap();
    assert!(rig.edit(|disks| Asr::new().release_spare(disks, 3, stamp)).is_err());
    let found = rig.found();
    assert_eq!(found.findings, []);
    assert!(found.disks[2..].iter().all(|disk| disk.role.name() == "unused"));
}

/// The reserved block makes the rest visible, so it comes last; later it is never written again.
#[test]
fn an_update_of_seven_lines_is_one_block() {
    let (mut rig, array) = Rig::with_array(raid10(2), 4);
    let dirty = raid_core::metadata::RuntimeState { clean: false, ..rig::healthy() };
    rig.set_state(array, 0, &dirty).unwrap();
    let steps = rig.steps(0, false);
    let [Stepped::Write(at, bytes), Stepped::Flush] = &steps[..] else { panic!("{steps:?}") };
    assert_eq!((*at, bytes.len()), (SMALL.blocks.0 - 17, 512));
    // Ten lines: the second block, and then the first.
    let (mut rig, array) = Rig::with_array(raid10(3), 6);
    rig.set_state(array, 0, &dirty).unwrap();
    let steps = rig.steps(0, false);
    let [Stepped::Write(second, _), Stepped::Flush, Stepped::Write(first, _), Stepped::Flush] =
        steps[..]
    else {
        panic!("{steps:?}")
    };
    assert_eq!((second, first), (SMALL.blocks.0 - 16, SMALL.blocks.0 - 17));
    let mut new = Rig::blank(&[SMALL]);
    let stamp = new.stamp();
    new.edit(|disks| Asr::new().initialise(disks, stamp)).unwrap();
    let steps = new.steps(0, false);
    let writes: Vec<u64> = steps
        .iter()
        .filter_map(|step| match step {
            Stepped::Write(at, _) => Some(SMALL.blocks.0 - at),
            Stepped::Flush => None,
        })
        .collect();
    assert_eq!(writes, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 1]);
}

/// Case H6.
#[test]
fn strips_that_are_no_power_of_two_are_refused() {
    for strip in [1, 2, 3, 5, 12, 96, 127, 128, 129] {
        let member_blocks = Blocks(strip * 16);
        for shape in
            [geometry(Level::Raid0, 2), raid10(2), joined(Level::Raid0, Secondary::Mirrored, 2)]
        {
            let shape = Geometry { strip: Blocks(strip), member_blocks, ..shape };
            if strip.is_power_of_two() {
                let disks: Vec<usize> = (0..usize::from(shape.slots * shape.sets)).collect();
                assert!(Rig::unused(4).create("x", shape, &disks).is_ok(), "{strip}");
            } else {
                refused("power of two", shape, |_, _| ());
            }
        }
    }
}

/// Case H6. What `wipefs -a` leaves of the format is not claimed.
#[test]
fn nothing_is_found_of_a_disk_that_was_wiped() {
    let (mut rig, _) = Rig::with_array(geometry(Level::Raid1, 2), 2);
    let reserved = SMALL.blocks.0 - 1;
    let mut block = rig.media[0].read(reserved, 1);
    block[..4].fill(0);
    rig.media[0].write(reserved, &block);
    rig.reread();
    assert_eq!(rig.live, [false, true]);
    let found = rig.found();
    assert_eq!(found.disks.len(), 1);
    assert!(found.findings.iter().all(|finding| finding.disk != Some(0)), "{:?}", found.findings);
    // One bit of the magic is damage, not the work of a tool.
    block[..4].copy_from_slice(&[0x37, 0xFC, 0x4D, 0x1F]);
    rig.media[0].write(reserved, &block);
    rig.reread();
    assert!(rig.found().findings.iter().any(|finding| finding.disk == Some(0)));
}

/// Case H6.
#[test]
fn a_mirror_of_stripes_is_called_raid01() {
    let shape = joined(Level::Raid0, Secondary::Mirrored, 2);
    let (rig, _) = Rig::with_array(shape, 4);
    assert_eq!(rig.found().arrays[0].geometry.level_name(), "raid01");
    for (shape, name) in [
        (raid10(2), "raid10"),
        (geometry(Level::Raid0, 2), "raid0"),
        (joined(Level::Raid1, Secondary::Mirrored, 2), "raid1"),
    ] {
        assert_eq!(shape.level_name(), name);
    }
}
