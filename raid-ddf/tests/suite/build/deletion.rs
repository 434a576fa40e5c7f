// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arrays, configurations and disks that go.

use crate::media::{self, Rig, SMALL, geometry};
use raid_core::array::{Level, Placement};
use raid_core::metadata::{Admin, ChangeError, Served, Severity, SpareRequest};
use raid_core::units::Lba;
use raid_ddf::Ddf;

#[test]
fn a_deleted_array_is_gone_and_the_others_are_as_they_were() {
    let mut rig = Rig::container(5);
    let five = geometry(Level::Raid5, Placement::NContinue, 3);
    for (name, disks) in [("one", [0, 1, 2]), ("two", [1, 2, 3]), ("three", [2, 3, 4])] {
        rig.create(name, five, &disks).unwrap();
    }
    let arrays: Vec<_> = rig.told().arrays.clone();
    let (one, two) = (arrays[0].0.id, arrays[1].0.id);
    let serves = [Served::all(one), Served::all(two)];
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().delete_array(disks, one, stamp)).unwrap();
    let before = rig.bytes();
    let stamp = rig.stamp();
    let again = rig.edit(|disks| Ddf::new().delete_array(disks, one, stamp));
    assert_eq!(again, Err(ChangeError::NoSuchArray(one)));
    let stamp = rig.stamp();
    let spare = SpareRequest::dedicated(0, &serves);
    let refused = rig.edit(|disks| Ddf::new().assign_spare(disks, &spare, stamp));
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
    let roles: Vec<_> = told.disks.iter().map(|disk| disk.role.name()).collect();
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
    rig.edit(|disks| Ddf::new().dissolve(disks, configuration, stamp)).unwrap();
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
