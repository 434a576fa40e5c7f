// SPDX-License-Identifier: MIT OR Apache-2.0
//! Spares of every kind, assigned, used and released.

use crate::media::{Rig, geometry, healthy, raid10};
use crate::update::{activate, assign, state_of, stored, with};
use raid_core::array::{ArrayId, ArrayState, Level, MemberState, Place, Placement};
use raid_core::metadata::{Admin, ChangeError, RunTime, Served, Severity, SpareRequest};
use raid_core::units::{Lba, Slot};
use raid_ddf::Ddf;

#[test]
fn a_spare_takes_the_place_of_a_failed_member() {
    let five = geometry(Level::Raid5, Placement::NContinue, 3);
    let (mut rig, array) = with(five, &[0, 1, 2], 5);
    rig.create("other", geometry(Level::Raid0, Placement::Fixed, 2), &[3, 0]).unwrap();
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().add_spare(disks, 4, stamp)).unwrap();
    let place = Place { set: 0, slot: Slot(2) };
    let activate = |rig: &mut Rig, place, spare| {
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().activate(disks, array, place, spare, stamp))
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
    assert!(told.disks.iter().all(|disk| !disk.role.is_spare()));
    rig.set_state(array, 0, &healthy()).unwrap();
    assert_eq!(stored(&rig), (0, ArrayState::Optimal));
    assert_eq!(rig.told().codes(Severity::Damage), [0; 0]);
}

#[test]
fn a_dedicated_spare_serves_its_arrays_alone_until_it_is_released() {
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let (mut rig, array) = with(mirror, &[0, 1], 5);
    let other = rig.create("other", mirror, &[2, 3]).unwrap();
    assign(&mut rig, &SpareRequest::dedicated(4, &[Served::all(array)])).unwrap();
    let told = rig.told();
    assert_eq!(
        (told.disks[4].role.name(), told.disks[4].role.is_spare()),
        ("dedicated spare", true)
    );
    let before = rig.bytes();
    assert!(assign(&mut rig, &SpareRequest::global(4)).is_err(), "a spare already");
    assert!(
        assign(&mut rig, &SpareRequest::dedicated(0, &[Served::all(array)])).is_err(),
        "a member"
    );
    assert!(rig.create("x", geometry(Level::Single, Placement::Fixed, 1), &[4]).is_err());
    assert_eq!(rig.bytes(), before);
    rig.set_state(other, 0, &state_of(true, &[0], &[])).unwrap();
    let before = rig.bytes();
    assert!(matches!(activate(&mut rig, other, 0, 4), Err(ChangeError::Disk { disk: 4, .. })));
    assert_eq!(rig.bytes(), before);
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().release_spare(disks, 4, stamp)).unwrap();
    assert_eq!(rig.told().disks[4].role.name(), "unused");
    let before = rig.bytes();
    let stamp = rig.stamp();
    assert!(
        rig.edit(|disks| Ddf::new().release_spare(disks, 4, stamp)).is_err(),
        "no spare any more"
    );
    assert_eq!(rig.bytes(), before);
    assign(&mut rig, &SpareRequest::dedicated(4, &[Served::all(array), Served::set(other, 0)]))
        .unwrap();
    activate(&mut rig, other, 0, 4).unwrap();
    let told = rig.told();
    assert_eq!(told.array("other").1[0].state, MemberState::Rebuilding);
    assert_eq!(told.disks[4].role.name(), "member");
}

#[test]
fn a_spare_serves_the_sets_it_is_dedicated_to() {
    let (mut rig, array) = with(raid10(2), &[0, 1, 2, 3], 5);
    assign(&mut rig, &SpareRequest::dedicated(4, &[Served::set(array, 1)])).unwrap();
    rig.set_state(array, 0, &state_of(true, &[0], &[])).unwrap();
    rig.set_state(array, 1, &state_of(true, &[0], &[])).unwrap();
    assert!(activate(&mut rig, array, 0, 4).is_err(), "a spare of the other set");
    let (place, stamp) = (Place { set: 1, slot: Slot(0) }, rig.stamp());
    rig.edit(|disks| Ddf::new().activate(disks, array, place, 4, stamp)).unwrap();
    for served in [Served::all(ArrayId([7; 24])), Served::set(array, 2)] {
        let before = rig.bytes();
        assert!(assign(&mut rig, &SpareRequest::dedicated(4, &[served])).is_err());
        assert_eq!(rig.bytes(), before);
    }
}

#[test]
fn a_set_has_eight_dedicated_spares_and_no_more() {
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let (mut rig, array) = with(mirror, &[0, 1], 11);
    for disk in 2..10 {
        assign(&mut rig, &SpareRequest::dedicated(disk, &[Served::all(array)])).unwrap();
    }
    let before = rig.bytes();
    let ninth = assign(&mut rig, &SpareRequest::dedicated(10, &[Served::all(array)]));
    assert!(matches!(ninth, Err(ChangeError::Invalid { found: 9, expected: 8, .. })));
    assert_eq!(rig.bytes(), before);
}

/// Three arrays of several levels over disks 0 to 3, of which disk 0 is in each, and disk 4 the spare.
fn three_arrays() -> (Rig, [ArrayId; 3]) {
    let mut rig = Rig::container(6);
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let array = rig.create("array", mirror, &[0, 1]).unwrap();
    let five = geometry(Level::Raid5, Placement::NContinue, 3);
    let five = rig.create("five", five, &[2, 0, 3]).unwrap();
    let ten = rig.create("ten", raid10(2), &[1, 2, 3, 0]).unwrap();
    (rig, [array, five, ten])
}

/// Case C4. One spare, global, dedicated to all, or revertible, serves every array of the failed disk.
#[test]
fn one_spare_serves_every_array_of_the_failed_disk() {
    for (dedicated, revertible) in [(false, false), (true, false), (false, true), (true, true)] {
        let what = format!("dedicated: {dedicated}, revertible: {revertible}");
        let (mut rig, arrays) = three_arrays();
        let serves = arrays.map(Served::all);
        let request = SpareRequest {
            serves: if dedicated { &serves } else { &[] },
            revertible,
            ..SpareRequest::global(4)
        };
        assign(&mut rig, &request).unwrap();
        let written = |rig: &mut Rig| {
            rig.commit();
            rig.reread();
            rig.live[0] = false;
        };
        written(&mut rig);
        let places = [(arrays[0], 0, 0), (arrays[1], 0, 1), (arrays[2], 1, 1)];
        rig.set_state(arrays[0], 0, &state_of(true, &[0], &[])).unwrap();
        written(&mut rig);
        for (count, (array, set, slot)) in (1..).zip(places) {
            let (place, stamp) = (Place { set, slot: Slot(slot) }, rig.stamp());
            let activated = rig.edit(|disks| Ddf::new().activate(disks, array, place, 4, stamp));
            assert_eq!(activated, Ok(()), "{what}: array {count}");
            written(&mut rig);
            let told = rig.told();
            let members = told.arrays.iter().flat_map(|(_, members)| members);
            let mut filled: Vec<_> = members.filter(|m| m.disk == Some(4)).collect();
            filled.sort_by_key(|member| member.start);
            assert_eq!(filled.len(), count, "{what}");
            assert!(filled.iter().all(|m| m.state == MemberState::Rebuilding), "{what}");
            let apart = |two: &[&_]| {
                let [first, second]: [&raid_core::array::MemberDescriptor; 2] =
                    two.try_into().unwrap();
                first.start.0 + first.len.0 <= second.start.0
            };
            assert!(filled.windows(2).all(apart), "{what}: {filled:?}");
            // Twice for one place, or for another place of the set, it is refused.
            let before = rig.bytes();
            let again = rig.edit(|disks| Ddf::new().activate(disks, array, place, 4, stamp));
            assert!(again.is_err(), "{what}");
            assert_eq!(rig.bytes(), before);
        }
        // One after the other is filled. Other disks that are no spares are refused as ever.
        rig.set_state(arrays[1], 0, &healthy()).unwrap();
        let before = rig.bytes();
        assert!(activate(&mut rig, arrays[0], 0, 5).is_err(), "{what}");
        assert_eq!(rig.bytes(), before);
        rig.set_state(arrays[0], 0, &healthy()).unwrap();
        rig.set_state(arrays[2], 1, &healthy()).unwrap();
        written(&mut rig);
        let told = rig.told();
        assert!(
            told.arrays.iter().all(|(a, _)| a.state == ArrayState::Optimal),
            "{what}: {told:?}"
        );
        let others = told.findings.iter().filter(|finding| finding.disk != Some(0));
        let damage = others.filter(|finding| finding.severity >= Severity::Damage);
        assert_eq!(damage.count(), 0, "{what}: {:?}", told.findings);
    }
}

/// Case C4. A spare that serves one array of two is refused for the other, and a member is no spare.
#[test]
fn a_spare_dedicated_to_one_array_serves_no_other_of_the_failed_disk() {
    let (mut rig, [array, five, _]) = three_arrays();
    assign(&mut rig, &SpareRequest::dedicated(4, &[Served::all(array)])).unwrap();
    rig.live[0] = false;
    rig.set_state(array, 0, &state_of(true, &[0], &[])).unwrap();
    activate(&mut rig, array, 0, 4).unwrap();
    let before = rig.bytes();
    for disk in [1, 4, 5] {
        let refused = activate(&mut rig, five, 1, disk);
        assert_eq!(refused.unwrap_err().refusing_disk(), Some(disk));
    }
    assert_eq!(rig.bytes(), before);
}

/// Case C10. In each copy of the metadata that a cut leaves closed on a disk, the record names the
/// spare if and only if the same copy's entry says that the spare is a member that is being filled.
#[test]
fn a_cut_activation_leaves_no_placement_without_the_entry_of_the_same_update() {
    use raid_ddf::{CopyKind, DiskBytes, PdState, PdType, Structure};
    let (mut rig, [array, ..]) = three_arrays();
    assign(&mut rig, &SpareRequest::global(4)).unwrap();
    rig.set_state(array, 0, &state_of(true, &[0], &[])).unwrap();
    rig.commit();
    rig.reread();
    rig.live[0] = false;
    activate(&mut rig, array, 0, 4).unwrap();
    let (mut placed, mut free) = (0, 0);
    for disk in [1, 4] {
        let steps = rig.steps(disk);
        let mut cut = rig.clone();
        for step in steps {
            let crate::media::Stepped::Write(at, bytes) = step else { continue };
            cut.media[disk].write(at, &bytes);
            cut.reread();
            cut.view(disk, |view| {
                let bytes = DiskBytes::View(*view);
                let (_, anchor) = raid_ddf::anchor(bytes).unwrap();
                for kind in CopyKind::ALL {
                    let Ok(copy) = Structure::read(bytes, &anchor, kind) else { continue };
                    if copy.is_open() {
                        continue;
                    }
                    let order = copy.order();
                    let records = copy.physical_disks().unwrap();
                    let spare = records.used(order).nth(4).unwrap().1;
                    let own = spare.pd_reference.get(order);
                    let mut volumes = copy.volumes();
                    let named = volumes.any(|record| {
                        let lists = record.elements(copy.element_slots()).unwrap();
                        lists.references.iter().any(|element| element.get(order) == own)
                    });
                    let filled = spare.pd_state(order).contains(PdState::REBUILDING)
                        && spare.pd_type(order).contains(PdType::PARTICIPATING);
                    assert_eq!(named, filled, "disk {disk}, {kind:?}");
                    *if named { &mut placed } else { &mut free } += 1;
                }
            });
        }
    }
    assert!(placed > 4 && free > 4, "{placed} {free}");
}

/// A disk that has failed in one array may be the only one that knows what another array has: it is not written,
/// and its word about the other array counts.
#[test]
fn a_spare_keeps_clear_of_what_another_array_has_by_a_disk_that_failed_in_this_one() {
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let (mut rig, first) = with(mirror, &[0, 1], 3);
    let second = rig.create("second", mirror, &[0, 1]).unwrap();
    assign(&mut rig, &SpareRequest::global(2)).unwrap();
    rig.commit();
    let older = rig.only(&[2]);
    // The second runs without disk 0, and the spare takes its place.
    rig.live[0] = false;
    rig.set_state(second, 0, &state_of(true, &[0], &[])).unwrap();
    rig.commit();
    activate(&mut rig, second, 0, 2).unwrap();
    rig.commit();
    rig.take_back(&[2], older);
    // The first runs without disk 1, which alone knows of that.
    rig.live[1] = false;
    rig.set_state(first, 0, &state_of(true, &[1], &[])).unwrap();
    rig.commit();
    activate(&mut rig, first, 1, 2).unwrap();
    rig.commit();
    rig.reread();
    let told = rig.told();
    let on = |name| {
        let members = &told.array(name).1;
        let own = members.iter().find(|member| member.disk == Some(2)).expect("the spare");
        own.start.0..own.start.0 + own.len.0
    };
    let (one, other) = (on("array"), on("second"));
    assert!(one.end <= other.start || other.end <= one.start, "{one:?} {other:?}");
}
