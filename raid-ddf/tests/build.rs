// SPDX-License-Identifier: MIT OR Apache-2.0
//! New configurations, arrays and spares: what is built is what discovery finds.

#[path = "rig/media.rs"]
mod media;
#[path = "support/disks.rs"]
mod support;

use media::{Rig, SMALL, geometry, raid10};
use raid_core::array::{
    ArrayState, Geometry, Level, MemberState, Name, Place, Placement, QNumbering, Secondary,
};
use raid_core::layout::Layout;
use raid_core::metadata::{
    ArrayRequest, ChangeError, DiskShape, FormatWriter, Severity, SpareRequest,
};
use raid_core::units::{Blocks, Lba, Slot};
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

/// Writes the media as sparse image files into a directory of their own.
fn images(rig: &Rig, name: &str) -> Vec<std::path::PathBuf> {
    use std::io::{Seek, SeekFrom, Write};
    let directory = std::env::temp_dir().join(format!("raid-ddf-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let write = |(index, medium): (usize, &media::Medium)| {
        let path = directory.join(format!("disk{index}.img"));
        let mut file = std::fs::File::create(&path).unwrap();
        let shape = rig.disks[index].shape;
        file.set_len(shape.blocks.bytes(shape.block_size).unwrap()).unwrap();
        for (sector, bytes) in medium.sectors() {
            file.seek(SeekFrom::Start(sector * 512)).unwrap();
            file.write_all(bytes).unwrap();
        }
        path
    };
    rig.media.iter().enumerate().map(write).collect()
}

/// What mdadm prints about an image, as `key: value`; `None` without mdadm.
fn mdadm(image: &std::path::Path) -> Option<Vec<(String, String)>> {
    let output = std::process::Command::new("mdadm").arg("-E").arg(image).output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    for disk in 0..5 {
        assert!(text.lines().any(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            matches!(words[..], [number, _, "32768K", .., "active/Online"] if number == disk.to_string())
        }));
    }
    assert!(text.contains("Global-Spare/Online"), "{text}");
    let lines = text.lines().filter_map(|line| line.split_once(" : "));
    Some(lines.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect())
}

#[test]
#[cfg_attr(miri, ignore = "runs mdadm")]
fn mdadm_reads_what_is_written_here() {
    let mut rig = Rig::container(6);
    rig.create("five", geometry(Level::Raid5, Placement::NContinue, 3), &[0, 1, 2]).unwrap();
    rig.commit();
    rig.create("mirrors", raid10(2), &[0, 3, 1, 4]).unwrap();
    rig.commit();
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf.add_spare(disks, 5, stamp)).unwrap();
    rig.commit();
    let images = images(&rig, "mdadm");
    for (index, image) in images.iter().enumerate() {
        let Some(told) = mdadm(image) else {
            println!("skipped: there is no mdadm here");
            return;
        };
        let get = |key: &str| {
            let found = told.iter().find(|(found, _)| found == key);
            found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("{key} of {told:?}"))
        };
        assert_eq!(get("Magic"), "de11de11");
        assert_eq!(get("Version"), "01.02.00");
        assert_eq!(get("Seq"), "00000004");
        assert_eq!(get("Redundant hdr"), "yes");
        assert_eq!(get("Virtual Disks"), "2");
        for (volume, name) in ["five", "mirrors"].into_iter().enumerate() {
            assert_eq!(get(&format!("unit[{volume}]")), volume.to_string());
            assert_eq!(get(&format!("state[{volume}]")), "Optimal, Consistent");
            assert_eq!(get(&format!("init state[{volume}]")), "Fully Initialised");
            assert_eq!(get(&format!("access[{volume}]")), "Read/Write");
            assert_eq!(get(&format!("Name[{volume}]")), name);
        }
        if index < 3 {
            assert_eq!(get("Raid Devices[0]"), "3 (0@0K 1@0K 2@0K)");
            assert_eq!(get("Chunk Size[0]"), "128 sectors");
            assert_eq!(get("Raid Level[0]"), "RAID5");
            assert_eq!(get("Device Size[0]"), "2048");
            assert_eq!(get("Array Size[0]"), "4096");
        }
        if [0, 1, 3, 4].contains(&index) {
            let (devices, position) = match index {
                0 | 3 => ("2 (0@2048K 3@0K)", "0 of 2"),
                _ => ("2 (1@2048K 4@0K)", "1 of 2"),
            };
            assert_eq!(get("Raid Devices[1]"), devices);
            assert_eq!(get("Secondary Position[1]"), position);
            assert_eq!(get("Secondary Level[1]"), "Striped");
            assert_eq!(get("Raid Level[1]"), "RAID1");
            assert_eq!(get("Array Size[1]"), "4096");
        }
        assert_eq!(get("Physical Disks"), "255");
    }
    std::fs::remove_dir_all(images[0].parent().unwrap()).unwrap();
}

/// The calls that have to be refused, and the refusal.
#[test]
fn a_refused_array_changes_no_byte() {
    let mut rig = Rig::container(5);
    rig.create("first", geometry(Level::Raid1, Placement::Fixed, 2), &[0, 1]).unwrap();
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf.add_spare(disks, 4, stamp)).unwrap();
    rig.live[3] = false;
    rig.unverified = false;
    let five = geometry(Level::Raid5, Placement::NContinue, 3);
    let two = geometry(Level::Raid0, Placement::Fixed, 2);
    let large = Geometry { member_blocks: Blocks(65_536 - 4096 + 1), ..two };
    let refused: [(&str, Geometry, &[usize]); 15] = [
        ("too few disks", five, &[0, 1]),
        ("too many disks", five, &[0, 1, 2, 0]),
        ("a disk twice", five, &[0, 1, 0]),
        ("a disk that is not live", two, &[0, 3]),
        ("a disk that is not there", two, &[0, 9]),
        ("a spare", two, &[0, 4]),
        ("larger than what is left", large, &[0, 2]),
        ("strips of three", Geometry { strip: Blocks(3), ..two }, &[0, 2]),
        ("no strip", Geometry { strip: Blocks(0), ..two }, &[0, 2]),
        ("members too small", Geometry { member_blocks: Blocks(64), ..two }, &[0, 2]),
        ("blocks of 4096", Geometry { block_size: 4096, ..two }, &[0, 2]),
        ("a mirror of one", geometry(Level::Raid1, Placement::Fixed, 1), &[0]),
        ("right-symmetric", geometry(Level::Raid5, Placement::ZeroContinue, 3), &[0, 1, 2]),
        ("far copies", geometry(Level::Raid1E, Placement::Far, 3), &[0, 1, 2]),
        (
            "Q by data",
            Geometry {
                q_numbering: QNumbering::ByData,
                ..geometry(Level::Raid6, Placement::NContinue, 3)
            },
            &[0, 1, 2],
        ),
    ];
    let before = rig.bytes();
    for (why, shape, disks) in refused {
        assert!(rig.create("x", shape, disks).is_err(), "{why}");
        assert_eq!(rig.bytes(), before, "{why}");
    }
    assert!(rig.create("seventeen letters", two, &[0, 2]).is_err());
    let mdf = Geometry { parities: 1, ..geometry(Level::Mdf, Placement::NContinue, 3) };
    assert!(matches!(rig.create("x", mdf, &[0, 1, 2]), Err(ChangeError::Unsupported(_))));
    for disk in [0, 3, 4, 9] {
        let stamp = rig.stamp();
        assert!(rig.edit(|disks| Ddf.add_spare(disks, disk, stamp)).is_err(), "spare {disk}");
    }
    assert_eq!(rig.bytes(), before);
    rig.create("y", Geometry { member_blocks: Blocks(65_536 - 4096), ..large }, &[0, 2]).unwrap();
}

#[test]
fn arrays_fill_a_disk_one_behind_the_other_and_no_further() {
    let mut rig = Rig::container(2);
    for number in 0..15u64 {
        let shape = geometry(Level::Raid0, Placement::Fixed, 2);
        rig.create(&format!("array {number}"), shape, &[0, 1]).unwrap();
        let told = rig.told();
        let (_, members) = told.array(&format!("array {number}"));
        assert!(members.iter().all(|member| member.start == Lba(number * 4096)));
        assert_eq!(told.codes(Severity::Warning), [0; 0]);
    }
    let before = rig.bytes();
    let shape = geometry(Level::Raid0, Placement::Fixed, 2);
    // The sixteenth slot is for a spare assignment or a vendor's record.
    assert!(matches!(rig.create("x", shape, &[0, 1]), Err(ChangeError::Disk { disk: 0, .. })));
    assert_eq!(rig.bytes(), before);
}

#[test]
fn disks_that_are_too_small_or_mixed_are_refused() {
    let tiny = DiskShape { blocks: Blocks(65_536), block_size: 512 };
    assert_eq!(Ddf.usable(tiny), Blocks(0));
    assert_eq!(Ddf.new_area(tiny, 0), None);
    let least = DiskShape { blocks: Blocks(65_537), block_size: 512 };
    assert_eq!(Ddf.usable(least), Blocks(1));
    let large = DiskShape { blocks: Blocks(1 << 20), block_size: 4096 };
    for shapes in [[tiny, SMALL], [SMALL, large]] {
        let mut rig = Rig::blank(&shapes, &Options::LINUX);
        let (before, stamp) = (rig.bytes(), rig.stamp());
        assert!(rig.edit(|disks| Ddf.initialise(disks, stamp)).is_err());
        assert_eq!(rig.bytes(), before);
    }
    let mut rig = Rig::blank(&[SMALL, SMALL], &Options::LINUX);
    rig.live = vec![false; 2];
    let stamp = rig.stamp();
    assert!(rig.edit(|disks| Ddf.initialise(disks, stamp)).is_err());
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

#[test]
fn the_workspace_is_what_the_secondary_structure_leaves() {
    let mut rig = Rig::container(1);
    let area = Ddf.new_area(SMALL, 0).unwrap();
    let view = |rig: &Rig| {
        let pieces: Vec<_> = rig.disks[0]
            .pieces
            .iter()
            .map(|(at, bytes)| raid_core::metadata::Piece { at: *at, bytes })
            .collect();
        Ddf.workspace(&raid_core::metadata::DiskView { shape: SMALL, pieces: &pieces })
    };
    let free = view(&rig).unwrap();
    assert_eq!(free.start, area.end().unwrap());
    assert_eq!(free.end().unwrap(), Lba(SMALL.blocks.0 - 32_768));
    // A configuration of another vendor keeps what it likes there.
    for (at, bytes) in &mut rig.disks[0].pieces {
        if [SMALL.blocks.0 - 1, SMALL.blocks.0 - 32_768, SMALL.blocks.0 - 65_536].contains(&at.0) {
            bytes[8..16].copy_from_slice(b"Linux-MD");
            raid_ddf::seal(CrcVariant::B, ByteOrder::Big, &mut bytes[..512]);
        }
    }
    assert_eq!(rig.told().disks.len(), 1);
    assert_eq!(view(&rig), None);
}

#[test]
fn a_blank_disk_joins_as_a_spare() {
    let mut rig = Rig::container(3);
    rig.create("five", geometry(Level::Raid5, Placement::NContinue, 3), &[0, 1, 2]).unwrap();
    rig.commit();
    rig.reread();
    let blank = Rig::blank(&[SMALL], &Options::LINUX);
    // In front of the others, so that being first does not make it the newest.
    rig.disks.insert(0, blank.disks[0].clone());
    rig.media.insert(0, blank.media[0].clone());
    rig.live.insert(0, true);
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf.add_spare(disks, 0, stamp)).unwrap();
    rig.commit();
    rig.reread();
    let told = rig.told();
    assert_eq!(told.disks.len(), 4);
    assert_eq!(
        told.disks.iter().filter(|disk| disk.spare).map(|d| d.disk).collect::<Vec<_>>(),
        [0]
    );
    assert_eq!(told.array("five").0.state, ArrayState::Optimal);
    assert_eq!(told.codes(Severity::Warning), [0; 0], "{:?}", told.findings);
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

/// A request for RAID-0 over two disks; the size is for the format to say.
fn request<'a>(disks: &'a [usize], starts: &'a [Lba]) -> ArrayRequest<'a> {
    let shape =
        Geometry { member_blocks: Blocks(0), ..geometry(Level::Raid0, Placement::Fixed, 2) };
    ArrayRequest { starts, ..ArrayRequest::new(Name::new(b"x"), shape, disks) }
}

#[test]
fn the_largest_size_is_what_can_be_made_and_no_block_more() {
    let mut rig = Rig::container(3);
    rig.create("first", geometry(Level::Raid1, Placement::Fixed, 2), &[0, 1]).unwrap();
    rig.create("second", geometry(Level::Raid1, Placement::Fixed, 2), &[0, 1]).unwrap();
    let first = rig.told().array("first").0.id;
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf.delete_array(disks, first, stamp)).unwrap();
    let largest = |rig: &mut Rig, request: &ArrayRequest<'_>| {
        rig.edit(|disks| Ddf.largest_member(disks, request))
    };
    // Free on disk 0: 0..4096 and 8192..65536.
    let behind = Blocks(65_536 - 8192);
    assert_eq!(largest(&mut rig, &request(&[0, 2], &[])), Ok(behind));
    assert_eq!(largest(&mut rig, &request(&[0, 2], &[Lba(0), Lba(0)])), Ok(Blocks(4096)));
    assert_eq!(largest(&mut rig, &request(&[0, 2], &[Lba(100), Lba(0)])), Ok(Blocks(3968)));
    // Of one disk: a single member, not cut to strips.
    let single = ArrayRequest {
        geometry: geometry(Level::Single, Placement::Fixed, 1),
        ..request(&[2], &[])
    };
    assert_eq!(largest(&mut rig, &single), Ok(Blocks(65_536)));
    assert!(largest(&mut rig, &request(&[0, 7], &[])).is_err());
    assert!(largest(&mut rig, &request(&[0, 2], &[Lba(5000), Lba(0)])).is_err(), "taken");
    let before = rig.bytes();
    let make = |rig: &mut Rig, member_blocks| {
        let wanted = request(&[0, 2], &[]);
        let wanted =
            ArrayRequest { geometry: Geometry { member_blocks, ..wanted.geometry }, ..wanted };
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf.create_array(disks, &wanted, stamp))
    };
    assert!(make(&mut rig, Blocks(behind.0 + 128)).is_err());
    assert_eq!(rig.bytes(), before);
    make(&mut rig, behind).unwrap();
}

#[test]
fn extents_stand_where_the_caller_wants_them() {
    let mut rig = Rig::container(2);
    let two = geometry(Level::Raid0, Placement::Fixed, 2);
    let make = |rig: &mut Rig, starts: &[Lba]| {
        let wanted = ArrayRequest { geometry: two, ..request(&[0, 1], starts) };
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf.create_array(disks, &wanted, stamp))
    };
    make(&mut rig, &[Lba(1000), Lba(61_440)]).unwrap();
    let told = rig.told();
    let starts: Vec<Lba> = told.array("x").1.iter().map(|member| member.start).collect();
    assert_eq!(starts, [Lba(1000), Lba(61_440)]);
    let before = rig.bytes();
    for starts in [
        &[Lba(0), Lba(0)][..],
        &[Lba(5095), Lba(0)],
        &[Lba(5096), Lba(61_439)],
        &[Lba(5096), Lba(65_536)],
        &[Lba(61_441), Lba(0)],
        &[Lba(u64::MAX), Lba(0)],
        &[Lba(5096)],
    ] {
        assert!(make(&mut rig, starts).is_err(), "{starts:?}");
        assert_eq!(rig.bytes(), before);
    }
    make(&mut rig, &[Lba(5096), Lba(57_344)]).unwrap();
}

#[test]
fn an_array_may_start_without_a_member_that_its_level_can_miss() {
    const MISSING: usize = ArrayRequest::MISSING;
    let mut rig = Rig::container(4);
    let five = geometry(Level::Raid5, Placement::NContinue, 3);
    let before = rig.bytes();
    for disks in [[0, MISSING, MISSING], [MISSING; 3]] {
        assert!(rig.create("x", five, &disks).is_err(), "{disks:?}");
    }
    assert!(rig.create("x", raid10(2), &[0, 1, MISSING, MISSING]).is_err());
    assert_eq!(rig.bytes(), before);
    let array = rig.create("five", five, &[0, MISSING, 2]).unwrap();
    let told = rig.told();
    assert_eq!(told.array("five").0.state, ArrayState::Degraded);
    assert_eq!(told.array("five").1[1].state, MemberState::Missing);
    assert_eq!(told.raw_of(array, "VD_State"), Some(1));
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf.add_spare(disks, 3, stamp)).unwrap();
    let (place, stamp) = (Place { set: 0, slot: Slot(1) }, rig.stamp());
    rig.edit(|disks| Ddf.activate(disks, array, place, 3, stamp)).unwrap();
    assert_eq!(rig.members("five")[1], (Some(3), MemberState::Rebuilding));
}

#[test]
fn a_deleted_array_is_gone_and_the_others_are_as_they_were() {
    let mut rig = Rig::container(5);
    let five = geometry(Level::Raid5, Placement::NContinue, 3);
    for (name, disks) in [("one", [0, 1, 2]), ("two", [1, 2, 3]), ("three", [2, 3, 4])] {
        rig.create(name, five, &disks).unwrap();
    }
    let arrays: Vec<_> = rig.told().arrays.clone();
    let (one, two) = (arrays[0].0.id, arrays[1].0.id);
    let serves = [(one, None), (two, None)];
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf.delete_array(disks, one, stamp)).unwrap();
    let before = rig.bytes();
    let stamp = rig.stamp();
    let again = rig.edit(|disks| Ddf.delete_array(disks, one, stamp));
    assert_eq!(again, Err(ChangeError::NoSuchArray(one)));
    let stamp = rig.stamp();
    let spare = SpareRequest::dedicated(0, &serves);
    let refused = rig.edit(|disks| Ddf.assign_spare(disks, &spare, stamp));
    assert_eq!(refused, Err(ChangeError::NoSuchArray(one)));
    assert_eq!(rig.bytes(), before);
    rig.commit();
    rig.reread();
    let told = rig.told();
    assert_eq!(told.codes(Severity::Note), [0; 0], "{:?}", told.findings);
    let left: Vec<_> =
        told.arrays.iter().map(|(array, members)| (array.id, members.clone())).collect();
    let mut expected: Vec<_> = arrays[1..].iter().map(|(array, m)| (array.id, m.clone())).collect();
    // The last entry of the table has moved into the hole.
    expected.reverse();
    assert_eq!(left, expected);
    let roles: Vec<_> = told.disks.iter().map(|disk| disk.role).collect();
    assert_eq!(roles, ["unused", "member", "member", "member", "member"]);
    // Its blocks are free again.
    rig.create("four", five, &[0, 1, 4]).unwrap();
    let told = rig.told();
    let starts: Vec<Lba> = told.array("four").1.iter().map(|member| member.start).collect();
    assert_eq!(starts, [Lba(0), Lba(0), Lba(4096)]);
}

#[test]
fn an_erased_disk_is_no_ddf_disk_wherever_it_is_looked_at() {
    let mut rig = Rig::container(2);
    rig.create("pair", geometry(Level::Raid1, Placement::Fixed, 2), &[0, 1]).unwrap();
    // What some Adaptec firmware may have left behind.
    rig.commit();
    let anchor = rig.media[0].read((SMALL.blocks.0 - 1) * 512, 512);
    rig.media[0].write((SMALL.blocks.0 - 257) * 512, &anchor);
    rig.reread();
    let configuration = rig.told().disks[0].configuration;
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf.dissolve(disks, configuration, stamp)).unwrap();
    rig.commit();
    assert!(rig.told().arrays.is_empty());
    for disk in 0..2 {
        for step in rig.erase_steps(disk) {
            if let media::Stepped::Write(at, bytes) = step {
                rig.media[disk].write(at, &bytes);
            }
        }
    }
    // No block of the disk is a header any more, so that a search finds none either.
    for medium in &rig.media {
        let header =
            |(_, bytes): &(u64, &[u8; 512])| raid_ddf::DdfHeader::byte_order(*bytes).is_some();
        assert_eq!(medium.sectors().find(header).map(|found| found.0), None);
    }
    rig.reread();
    assert!(rig.told().disks.is_empty() && rig.told().findings.is_empty());
    assert!(rig.erase_steps(0).is_empty());
}

#[test]
fn the_controller_is_who_the_caller_says() {
    let mut options = Options::GRAID;
    options.controller = raid_ddf::Controller {
        vendor: *b"LSI     ",
        serial: Some(*b"      SV34116348"),
        pci: [0x1000, 0x005B, 0x1000, 0x9270],
        product: *b"MegaRAID        ",
    };
    let mut rig = Rig::blank(&[SMALL; 2], &options);
    let stamp = rig.stamp();
    rig.edit(|disks| raid_ddf::initialise(disks, stamp, &options)).unwrap();
    let told = rig.told();
    let id = told.disks[0].configuration;
    assert_eq!(&id.0[..16], b"LSI     \x10\x00\x00\x5B\x10\x00\x92\x70");
    assert_eq!(told.codes(Severity::Warning), [0; 0], "{:?}", told.findings);
    let found = rig.disks[0]
        .pieces
        .iter()
        .any(|(_, bytes)| bytes.windows(24).any(|window| window == b"LSI           SV34116348"));
    assert!(found, "controller GUID");
    for vendor in [*b"\0SI     ", *b" LSI    ", [0xFF; 8]] {
        options.controller.vendor = vendor;
        let stamp = rig.stamp();
        let before = rig.bytes();
        assert!(rig.edit(|disks| raid_ddf::initialise(disks, stamp, &options)).is_err());
        assert_eq!(rig.bytes(), before);
    }
}

/// The optional sections that are read back whole: diagnostic space and a vendor's log.
#[test]
fn every_section_of_the_header_can_be_created() {
    use raid_ddf::{CopyKind, Record, Section, VendorLog, VendorLogOptions};
    let large = DiskShape { blocks: Blocks(16_384), block_size: 4096 };
    for (shape, crc, order) in [
        (SMALL, CrcVariant::B, ByteOrder::Big),
        (SMALL, CrcVariant::A, ByteOrder::Little),
        (large, CrcVariant::A, ByteOrder::Big),
    ] {
        let log = VendorLogOptions { owner: *b"ACME    ", blocks: 3 };
        let bad_block_log = Some(raid_ddf::BadBlockOptions { entries: 32, spare_blocks: 16 });
        let mut options = Options::LINUX;
        (options.crc, options.order) = (crc, order);
        (options.bad_block_log, options.diagnostic_blocks) = (bad_block_log, 5);
        options.vendor_log = Some(log);
        let mut rig = Rig::blank(&[shape; 3], &options);
        let stamp = rig.stamp();
        rig.edit(|disks| raid_ddf::initialise(disks, stamp, &options)).unwrap();
        rig.commit();
        // Bytes of the vendor's own, other ones in each copy; then an update.
        let size = shape.block_size as usize;
        let areas: Vec<_> =
            (0..3).filter_map(|index| raid_ddf::new_area(shape, index, &options)).collect();
        let place = |area: &raid_core::units::Extent, back: u64| {
            (area.end().unwrap().0 - back) * u64::from(shape.block_size)
        };
        for (copy, area) in areas[..2].iter().enumerate() {
            rig.media[0].write(place(area, 8), &vec![copy as u8; size]);
        }
        rig.reread();
        // One disk's buffer holds those sections too, which discovery does not ask for.
        let whole = areas.iter().map(|area| {
            let len = area.len.bytes(shape.block_size).unwrap() as usize;
            (area.start, rig.media[0].read(area.start.0 * u64::from(shape.block_size), len))
        });
        let whole = whole.collect();
        rig.disks[0].pieces = whole;
        let five = geometry(Level::Raid1, Placement::Fixed, 2);
        rig.create("pair", Geometry { block_size: shape.block_size, ..five }, &[0, 1]).unwrap();
        rig.commit();
        let told = rig.told();
        assert_eq!(told.codes(Severity::Warning), [0; 0], "{:?}", told.findings);
        for disk in 0..3 {
            // As somebody reads it who asks for all of it.
            let read = |area: &raid_core::units::Extent| {
                let len = area.len.bytes(shape.block_size).unwrap() as usize;
                let bytes = rig.media[disk].read(area.start.0 * u64::from(shape.block_size), len);
                (area.start, bytes)
            };
            let pieces: Vec<_> = areas.iter().map(read).collect();
            let pieces: Vec<_> = pieces
                .iter()
                .map(|(at, bytes)| raid_core::metadata::Piece { at: *at, bytes })
                .collect();
            let view = raid_core::metadata::DiskView { shape, pieces: &pieces };
            let bytes = raid_ddf::DiskBytes::View(view);
            let (_, anchor) = raid_ddf::anchor(bytes).unwrap();
            for (number, kind) in [CopyKind::Secondary, CopyKind::Primary].into_iter().enumerate() {
                let copy = raid_ddf::Structure::read(bytes, &anchor, kind).unwrap();
                for section in Section::ALL {
                    assert!(copy.section(section).is_some(), "{section:?}");
                }
                let found = copy.section_extent(Section::VendorSpecificLogs).unwrap();
                let area = areas.iter().find(|area| area.contains(found)).unwrap();
                assert_eq!((found.len, found.end()), (Blocks(3), area.end()));
                let whole = copy.section(Section::VendorSpecificLogs).unwrap();
                let checked = VendorLog::check(whole, order).unwrap();
                assert_eq!(checked.crc_variant(), crc);
                assert_eq!(copy.vendor_logs().unwrap().log_owner, *b"ACME    ");
                assert!(whole[16..].iter().all(|byte| *byte == 0xFF));
                let space = copy.diagnostic_space().unwrap();
                assert_eq!(space.len(), 5 * size);
                let (first, rest) = space.split_at(size);
                let vendors = areas.iter().position(|own| own == area).unwrap() as u8;
                let kept = if disk == 0 { vendors } else { 0xFF };
                assert!(first.iter().all(|byte| *byte == kept), "copy {number} of disk {disk}");
                assert!(rest.iter().all(|byte| *byte == 0xFF));
            }
        }
    }
}

#[test]
fn options_that_no_standard_allows_are_refused() {
    use raid_ddf::{BadBlockOptions, Revision, VendorLogOptions};
    let large = DiskShape { blocks: Blocks(16_384), block_size: 4096 };
    let refused = |shape: DiskShape, edit: &dyn Fn(&mut Options)| {
        let mut options = Options::LINUX;
        let mut rig = Rig::blank(&[shape], &options);
        edit(&mut options);
        let (before, stamp) = (rig.bytes(), rig.stamp());
        let told = rig.edit(|disks| raid_ddf::initialise(disks, stamp, &options)).unwrap_err();
        assert_eq!(rig.bytes(), before);
        told
    };
    for revision in [Revision::V1_0, Revision::V1_2] {
        let told = refused(large, &|options| options.revision = Some(revision));
        assert!(matches!(told, ChangeError::Unsupported(_)), "{told:?}");
    }
    let empty = |told: ChangeError, text: &str| match told {
        ChangeError::Invalid { what, found: 0, expected: 1 } => assert_eq!(what, text),
        other => panic!("{other:?}"),
    };
    let log = BadBlockOptions { entries: 0, spare_blocks: 16 };
    let told = refused(SMALL, &|options| options.bad_block_log = Some(log));
    empty(told, "entries of the bad block log");
    let log = VendorLogOptions { owner: *b"ACME    ", blocks: 0 };
    let told = refused(SMALL, &|options| options.vendor_log = Some(log));
    empty(told, "blocks of the vendor specific log");
    for blocks in [32_768, u32::MAX] {
        let told = refused(SMALL, &|options| options.diagnostic_blocks = blocks);
        assert!(matches!(told, ChangeError::Disk { disk: 0, .. }), "{told:?}");
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
