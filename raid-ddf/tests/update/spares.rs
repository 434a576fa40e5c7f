// SPDX-License-Identifier: MIT OR Apache-2.0
//! Spares of every kind, assigned, used and released.

use crate::media::{Rig, geometry, healthy, raid10};
use crate::{activate, assign, state_of, stored, with};
use raid_core::array::{ArrayId, ArrayState, Level, MemberState, Place, Placement};
use raid_core::metadata::{ChangeError, FormatWriter, Severity, SpareRequest};
use raid_core::units::{Lba, Slot};
use raid_ddf::Ddf;

#[test]
fn a_spare_takes_the_place_of_a_failed_member() {
    let five = geometry(Level::Raid5, Placement::NContinue, 3);
    let (mut rig, array) = with(five, &[0, 1, 2], 5);
    rig.create("other", geometry(Level::Raid0, Placement::Fixed, 2), &[3, 0]).unwrap();
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf.add_spare(disks, 4, stamp)).unwrap();
    let place = Place { set: 0, slot: Slot(2) };
    let activate = |rig: &mut Rig, place, spare| {
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf.activate(disks, array, place, spare, stamp))
    };
    // While the member holds its data it is not replaced.
    let before = rig.bytes();
    assert!(activate(&mut rig, place, 4).is_err());
    assert_eq!(rig.bytes(), before);
    rig.set_state(array, 0, &state_of(true, &[2], &[])).unwrap();
    let before = rig.bytes();
    let nowhere = Place { set: 0, slot: Slot(3) };
    assert_eq!(activate(&mut rig, nowhere, 4), Err(ChangeError::NoSuchPlace(nowhere)));
    for disk in [0, 2, 3, 7] {
        assert!(matches!(activate(&mut rig, place, disk), Err(ChangeError::Disk { .. })), "{disk}");
    }
    assert_eq!(rig.bytes(), before);
    rig.live[2] = false;
    activate(&mut rig, place, 4).unwrap();
    rig.commit();
    rig.reread();
    let told = rig.told();
    let (found, members) = told.array("array");
    assert_eq!(found.state, ArrayState::Degraded);
    let filled = &members[2];
    assert_eq!((filled.disk, filled.state), (Some(4), MemberState::Rebuilding));
    assert_eq!(filled.start, Lba(0));
    assert_eq!(rig.state(array, 0), Some(state_of(true, &[], &[2])));
    assert!(told.disks.iter().all(|disk| !disk.spare));
    rig.set_state(array, 0, &healthy()).unwrap();
    assert_eq!(stored(&rig), (0, ArrayState::Optimal));
    assert_eq!(rig.told().codes(Severity::Damage), [0; 0]);
}

#[test]
fn a_dedicated_spare_serves_its_arrays_alone_until_it_is_released() {
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let (mut rig, array) = with(mirror, &[0, 1], 5);
    let other = rig.create("other", mirror, &[2, 3]).unwrap();
    assign(&mut rig, &SpareRequest::dedicated(4, &[(array, None)])).unwrap();
    let told = rig.told();
    assert_eq!((told.disks[4].role, told.disks[4].spare), ("dedicated spare", true));
    let before = rig.bytes();
    assert!(assign(&mut rig, &SpareRequest::global(4)).is_err(), "a spare already");
    assert!(assign(&mut rig, &SpareRequest::dedicated(0, &[(array, None)])).is_err(), "a member");
    assert!(rig.create("x", geometry(Level::Single, Placement::Fixed, 1), &[4]).is_err());
    assert_eq!(rig.bytes(), before);
    rig.set_state(other, 0, &state_of(true, &[0], &[])).unwrap();
    let before = rig.bytes();
    assert!(matches!(activate(&mut rig, other, 0, 4), Err(ChangeError::Disk { disk: 4, .. })));
    assert_eq!(rig.bytes(), before);
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf.release_spare(disks, 4, stamp)).unwrap();
    assert_eq!(rig.told().disks[4].role, "unused");
    let before = rig.bytes();
    let stamp = rig.stamp();
    assert!(rig.edit(|disks| Ddf.release_spare(disks, 4, stamp)).is_err(), "no spare any more");
    assert_eq!(rig.bytes(), before);
    assign(&mut rig, &SpareRequest::dedicated(4, &[(array, None), (other, Some(0))])).unwrap();
    activate(&mut rig, other, 0, 4).unwrap();
    let told = rig.told();
    assert_eq!(told.array("other").1[0].state, MemberState::Rebuilding);
    assert_eq!(told.disks[4].role, "member");
}

#[test]
fn a_spare_serves_the_sets_it_is_dedicated_to() {
    let (mut rig, array) = with(raid10(2), &[0, 1, 2, 3], 5);
    assign(&mut rig, &SpareRequest::dedicated(4, &[(array, Some(1))])).unwrap();
    rig.set_state(array, 0, &state_of(true, &[0], &[])).unwrap();
    rig.set_state(array, 1, &state_of(true, &[0], &[])).unwrap();
    assert!(activate(&mut rig, array, 0, 4).is_err(), "a spare of the other set");
    let (place, stamp) = (Place { set: 1, slot: Slot(0) }, rig.stamp());
    rig.edit(|disks| Ddf.activate(disks, array, place, 4, stamp)).unwrap();
    for (array, set) in [(ArrayId([7; 24]), None), (array, Some(2))] {
        let before = rig.bytes();
        let serves = [(array, set)];
        assert!(assign(&mut rig, &SpareRequest::dedicated(4, &serves)).is_err());
        assert_eq!(rig.bytes(), before);
    }
}

#[test]
fn a_set_has_eight_dedicated_spares_and_no_more() {
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let (mut rig, array) = with(mirror, &[0, 1], 11);
    for disk in 2..10 {
        assign(&mut rig, &SpareRequest::dedicated(disk, &[(array, None)])).unwrap();
    }
    let before = rig.bytes();
    let ninth = assign(&mut rig, &SpareRequest::dedicated(10, &[(array, None)]));
    assert!(matches!(ninth, Err(ChangeError::Invalid { found: 9, expected: 8, .. })));
    assert_eq!(rig.bytes(), before);
}
