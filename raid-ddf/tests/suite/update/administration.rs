// SPDX-License-Identifier: MIT OR Apache-2.0
//! Updates of no volume: disks and spares come and go, volumes are made and deleted. Each of them is written to
//! every disk, and says of the volumes what was said before.

use crate::media::{Rig, geometry, healthy, touch};
use crate::update::{assign, state_of};
use raid_core::array::{ArrayId, Level, MemberId, MemberState, Placement};
use raid_core::metadata::{Admin, ChangeError, DiskCondition, Served, SpareRequest};
use raid_ddf::Ddf;

/// Disks of the rig: mirror `array` on 0 and 1, mirror `mirror` on 2 and 3, mirror `third` on 0 and 2, spares 4
/// and 5, and 6.
const DISKS: usize = 7;

/// The volumes, by name and place: which disk, and its state.
type Said = Vec<(String, Vec<(Option<usize>, MemberState)>)>;

#[derive(Clone)]
struct Bed {
    rig: Rig,
    array: ArrayId,
    third: ArrayId,
    ids: Vec<MemberId>,
    configuration: ArrayId,
}

fn bed() -> Bed {
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let mut rig = Rig::container(DISKS);
    let array = rig.create("array", mirror, &[0, 1]).unwrap();
    rig.create("mirror", mirror, &[2, 3]).unwrap();
    let third = rig.create("third", mirror, &[0, 2]).unwrap();
    assign(&mut rig, &SpareRequest::global(4)).unwrap();
    assign(&mut rig, &SpareRequest::dedicated(5, &[Served::all(array)])).unwrap();
    rig.commit();
    rig.reread();
    let told = rig.told();
    let ids = told.disks.iter().map(|disk| disk.id).collect();
    let configuration = told.disks[0].configuration;
    Bed { rig, array, third, ids, configuration }
}

type Update = (&'static str, fn(&mut Bed) -> Result<(), ChangeError>);

/// Every update that is of no volume, and those that make or take away one of several.
const UPDATES: [Update; 9] = [
    ("a global spare is assigned", |bed| assign(&mut bed.rig, &SpareRequest::global(6))),
    ("a dedicated spare is assigned", |bed| {
        assign(&mut bed.rig, &SpareRequest::dedicated(6, &[Served::all(bed.array)]))
    }),
    ("a spare is released", |bed| {
        let stamp = bed.rig.stamp();
        bed.rig.edit(|disks| Ddf::new().release_spare(disks, 5, stamp))
    }),
    ("a disk is removed", |bed| {
        let (stamp, id) = (bed.rig.stamp(), bed.ids[5]);
        bed.rig.edit(|disks| Ddf::new().remove_disk(disks, id, stamp))?;
        bed.rig.live[5] = false;
        Ok(())
    }),
    ("a condition is recorded", |bed| {
        let (stamp, id) = (bed.rig.stamp(), bed.ids[6]);
        let condition = DiskCondition { failure_predicted: true, ..DiskCondition::default() };
        bed.rig.edit(|disks| Ddf::new().set_disk_condition(disks, id, condition, stamp))
    }),
    ("the configuration is imported", |bed| {
        let (stamp, id) = (bed.rig.stamp(), bed.configuration);
        bed.rig.edit(|disks| Ddf::new().import(disks, id, stamp))
    }),
    ("a volume is made", |bed| {
        let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
        bed.rig.create("new", mirror, &[2, 3]).map(drop)
    }),
    ("a volume is deleted", |bed| {
        let (stamp, id) = (bed.rig.stamp(), bed.third);
        bed.rig.edit(|disks| Ddf::new().delete_array(disks, id, stamp))
    }),
    ("the configuration is dissolved", |bed| {
        let (stamp, id) = (bed.rig.stamp(), bed.configuration);
        bed.rig.edit(|disks| Ddf::new().dissolve(disks, id, stamp))
    }),
];

fn said(rig: &Rig) -> Said {
    let told = rig.told();
    let volumes = told.arrays.iter().map(|(array, members)| {
        let name = String::from_utf8_lossy(array.name.as_bytes()).into_owned();
        (name, members.iter().map(|member| (member.disk, member.state)).collect())
    });
    let mut all: Said = volumes.collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

/// What is said of one volume by these disks; `None` if they know of none.
fn of(rig: &Rig, name: &str) -> Option<Vec<(Option<usize>, MemberState)>> {
    said(rig).into_iter().find(|(own, _)| own == name).map(|(_, members)| members)
}

/// Of each roster on each disk: number and stamp.
fn rosters(rig: &Rig) -> Vec<Vec<[u8; 8]>> {
    let of = |bytes: &Vec<u8>| -> Vec<[u8; 8]> {
        let at = (0..bytes.len()).step_by(4).filter(|at| bytes[*at..].starts_with(b"RRro"));
        at.map(|at| bytes[at + 12..at + 20].try_into().unwrap()).collect()
    };
    let disks = rig.disks.iter();
    disks.map(|disk| disk.pieces.iter().flat_map(|(_, bytes)| of(bytes)).collect()).collect()
}

fn numbers(rig: &Rig) -> Vec<Option<u64>> {
    rig.told().disks.iter().map(|disk| disk.sequence).collect()
}

/// Others have updated the volumes twice while disk 1 was away: there is no roster that counts, and it is old.
fn missed_by_disk_1(bed: &mut Bed) {
    let others = [0, 2, 3, 4, 5, 6];
    let mut apart = bed.rig.only(&others);
    (0..3).for_each(|_| touch(&mut apart));
    apart.commit();
    bed.rig.take_back(&others, apart);
    bed.rig.reread();
}

/// The array has been updated twice while disk 1 was away, and says so for itself; mirror and third as well.
fn left_behind_by_a_roster(bed: &mut Bed) {
    bed.rig.set_state(bed.array, 0, &state_of(false, &[], &[])).unwrap();
    bed.rig.commit();
    bed.rig.set_state(bed.third, 0, &healthy()).unwrap();
    bed.rig.commit();
    let others = [0, 2, 3, 4, 5, 6];
    let mut apart = bed.rig.only(&others);
    for clean in [true, false, true] {
        apart.set_state(bed.array, 0, &state_of(clean, &[], &[])).unwrap();
        apart.commit();
    }
    bed.rig.take_back(&others, apart);
    // An update of another volume has reached disk 1.
    bed.rig.set_state(bed.third, 0, &healthy()).unwrap();
    bed.rig.commit();
    bed.rig.reread();
}

#[test]
fn an_update_of_no_volume_leaves_a_disk_that_missed_updates_as_old_as_it_was() {
    type Way = (&'static str, fn(&mut Bed));
    let ways: [Way; 2] = [("lists", missed_by_disk_1), ("a roster", left_behind_by_a_roster)];
    for (way, missed) in ways {
        let mut bed = bed();
        missed(&mut bed);
        let before = said(&bed.rig);
        let stale = vec![(Some(0), MemberState::InSync), (Some(1), MemberState::Stale)];
        assert_eq!(of(&bed.rig, "array"), Some(stale.clone()), "{way}");
        for (what, update) in UPDATES {
            let mut bed = bed.clone();
            let old = numbers(&bed.rig).into_iter().max();
            update(&mut bed).unwrap_or_else(|why| panic!("{way}, {what}: {why}"));
            let whole = bed.rig.clone();
            assert!(numbers(&whole).iter().all(|own| Some(*own) > old), "{way}, {what}");
            let kept = |rig: &Rig, when: &str| {
                for (name, members) in said(rig) {
                    let known = before.iter().find(|(own, _)| *own == name);
                    let known = known.map_or(&members, |(_, members)| members);
                    assert_eq!(&members, known, "{way}, {what}, {when}: {name}");
                }
            };
            kept(&whole, "in memory");
            // The power goes between two disks, in either order, or after all of them.
            for reached in [1, 2, DISKS - 1, DISKS] {
                for backwards in [false, true] {
                    let mut rig = whole.clone();
                    let is_reached = |disk: usize| match backwards {
                        true => disk >= DISKS - reached,
                        false => disk < reached,
                    };
                    rig.live = (0..DISKS).map(|disk| rig.live[disk] && is_reached(disk)).collect();
                    rig.commit();
                    rig.reread();
                    kept(&rig, &format!("{reached} disks reached, backwards {backwards}"));
                }
            }
        }
    }
}

#[test]
fn an_update_of_no_volume_is_none_of_theirs() {
    let mut bed = bed();
    left_behind_by_a_roster(&mut bed);
    let before = rosters(&bed.rig);
    assert!(before[..4].iter().all(|disk| !disk.is_empty()));
    assert_ne!(before[0], before[1], "the array says other things on disk 1");
    for (what, update) in UPDATES {
        if what.contains("volume") || what.contains("dissolved") {
            continue;
        }
        let mut bed = bed.clone();
        update(&mut bed).unwrap();
        bed.rig.commit();
        bed.rig.reread();
        assert_eq!(rosters(&bed.rig), before, "{what}");
        // What it left undone of the array is done by the array's next update.
        bed.rig.live[5] &= !what.contains("removed");
        bed.rig.set_state(bed.array, 0, &state_of(true, &[], &[1])).unwrap();
        assert_ne!(rosters(&bed.rig), before, "{what}");
    }
}

/// A first roster counts on from the header of its disk, which the update itself makes the newest one.
#[test]
fn the_first_roster_of_a_disk_that_missed_updates_does_not_make_it_the_newest() {
    for volumes in [1, 2] {
        let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
        let mut rig = Rig::container(3);
        for name in ["array", "mirror"].into_iter().take(volumes) {
            rig.create(name, mirror, &[0, 1]).unwrap();
        }
        rig.commit();
        rig.reread();
        let mut apart = rig.only(&[0, 2]);
        (0..3).for_each(|_| touch(&mut apart));
        apart.commit();
        rig.take_back(&[0, 2], apart);
        let stale = vec![(Some(0), MemberState::InSync), (Some(1), MemberState::Stale)];
        assert_eq!(of(&rig, "array"), Some(stale.clone()));
        assign(&mut rig, &SpareRequest::global(2)).unwrap();
        for reached in [vec![1], vec![1, 2], vec![0], vec![0, 1, 2]] {
            let mut rig = rig.clone();
            rig.live = (0..3).map(|disk| reached.contains(&disk)).collect();
            rig.commit();
            rig.reread();
            let told = of(&rig, "array");
            assert_eq!(told, Some(stale.clone()), "{volumes} volumes, disks {reached:?} reached");
        }
    }
}
