// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where arrays stand on their disks, and how large they can be.

use crate::media::{Rig, geometry, raid10};
use raid_core::array::{
    ArrayState, Geometry, Level, MemberState, Name, Place, Placement, QNumbering,
};
use raid_core::metadata::{Admin, ArrayRequest, ChangeError, RunTime, Severity, Stamp};
use raid_core::units::{Blocks, Lba, Slot};
use raid_ddf::Ddf;

/// The calls that have to be refused, and the refusal.
#[test]
fn a_refused_array_changes_no_byte() {
    let mut rig = Rig::container(5);
    rig.create("first", geometry(Level::Raid1, Placement::Fixed, 2), &[0, 1]).unwrap();
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().add_spare(disks, 4, stamp)).unwrap();
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
        assert!(
            rig.edit(|disks| Ddf::new().add_spare(disks, disk, stamp)).is_err(),
            "spare {disk}"
        );
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

/// A request for RAID-0 over two disks; the size is for the format to say.
fn request<'a>(disks: &'a [Option<usize>], starts: &'a [Lba]) -> ArrayRequest<'a> {
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
    rig.edit(|disks| Ddf::new().delete_array(disks, first, stamp)).unwrap();
    let largest = |rig: &mut Rig, request: &ArrayRequest<'_>| {
        rig.edit(|disks| Ddf::new().largest_member(disks, request))
    };
    // Free on disk 0: 0..4096 and 8192..65536.
    let behind = Blocks(65_536 - 8192);
    assert_eq!(largest(&mut rig, &request(&[Some(0), Some(2)], &[])), Ok(behind));
    assert_eq!(
        largest(&mut rig, &request(&[Some(0), Some(2)], &[Lba(0), Lba(0)])),
        Ok(Blocks(4096))
    );
    assert_eq!(
        largest(&mut rig, &request(&[Some(0), Some(2)], &[Lba(100), Lba(0)])),
        Ok(Blocks(3968))
    );
    // Of one disk: a single member, not cut to strips.
    let single = ArrayRequest {
        geometry: geometry(Level::Single, Placement::Fixed, 1),
        ..request(&[Some(2)], &[])
    };
    assert_eq!(largest(&mut rig, &single), Ok(Blocks(65_536)));
    assert!(largest(&mut rig, &request(&[Some(0), Some(7)], &[])).is_err());
    assert!(
        largest(&mut rig, &request(&[Some(0), Some(2)], &[Lba(5000), Lba(0)])).is_err(),
        "taken"
    );
    let before = rig.bytes();
    let make = |rig: &mut Rig, member_blocks| {
        let wanted = request(&[Some(0), Some(2)], &[]);
        let wanted =
            ArrayRequest { geometry: Geometry { member_blocks, ..wanted.geometry }, ..wanted };
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().create_array(disks, &wanted, stamp))
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
        let wanted = ArrayRequest { geometry: two, ..request(&[Some(0), Some(1)], starts) };
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().create_array(disks, &wanted, stamp))
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
    let mut rig = Rig::container(4);
    let five = geometry(Level::Raid5, Placement::NContinue, 3);
    let before = rig.bytes();
    for disks in [[Some(0), None, None], [None; 3]] {
        assert!(rig.create_in("x", five, &disks).is_err(), "{disks:?}");
    }
    assert!(rig.create_in("x", raid10(2), &[Some(0), Some(1), None, None]).is_err());
    assert_eq!(rig.bytes(), before);
    let array = rig.create_in("five", five, &[Some(0), None, Some(2)]).unwrap();
    let told = rig.told();
    assert_eq!(told.array("five").0.state, ArrayState::Degraded);
    assert_eq!(told.array("five").1[1].state, MemberState::Missing);
    assert_eq!(told.raw_of(array, "VD_State"), Some(1));
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().add_spare(disks, 3, stamp)).unwrap();
    let (place, stamp) = (Place { set: 0, slot: Slot(1) }, rig.stamp());
    rig.edit(|disks| Ddf::new().activate(disks, array, place, 3, stamp)).unwrap();
    assert_eq!(rig.members("five")[1], (Some(3), MemberState::Rebuilding));
}

/// Case H7. Two volumes made within a second, and one beside a volume of another maker that dmraid
/// takes for every volume of that second.
#[test]
fn volumes_made_within_a_second_differ_for_dmraid() {
    let mut rig = Rig::container(1);
    let single =
        Geometry { member_blocks: Blocks(128), ..geometry(Level::Single, Placement::Fixed, 1) };
    let mut guids: Vec<[u8; 24]> = Vec::new();
    for random in 0..12u64 {
        let random = random.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let stamp = Stamp { unix_seconds: 1_709_294_400, random };
        let name = random.to_string();
        let request = ArrayRequest::new(Name::new(&name.as_bytes()[..1]), single, &[Some(0)]);
        let id = rig.edit(|disks| Ddf::new().create_array(disks, &request, stamp)).unwrap();
        // As dmraid compares.
        let end = |guid: &[u8; 24]| guid[20..].iter().fold(0xFF, |all, byte| all & byte);
        let same = |two: &[u8; 24]| {
            id.0[..20] == two[..20] && (end(&id.0) != 0 || end(two) != 0 || id.0 == *two)
        };
        assert!(!guids.iter().any(same), "{random}");
        guids.push(id.0);
        if guids.len() == 1 {
            assert_eq!(end(&id.0), 0);
            // The next one finds one that clashes with its whole second.
            let old = id.0;
            let mut clashing = old;
            clashing[20..].fill(0x11);
            for (_, bytes) in &mut rig.disks[0].pieces {
                for at in 0..bytes.len() - 24 {
                    if bytes[at..at + 24] == old {
                        bytes[at..at + 24].copy_from_slice(&clashing);
                    }
                }
            }
            guids[0] = clashing;
            continue;
        }
        let created = |guid: &[u8; 24]| u32::from_be_bytes(guid[16..20].try_into().unwrap());
        assert_eq!(created(&id.0), created(&guids[0]) + 1, "the next second");
    }
}
