// SPDX-License-Identifier: MIT OR Apache-2.0
//! Disks that come one at a time, in every order: what is known after each, and that all together are
//! what they would have been at once.

use crate::support::handmade::{Handmade, Plan, RAID1, RAID5, reference};
use crate::support::{Told, assemble};
use raid_core::array::{ArrayState, MemberState};
use raid_ddf::Guid;

/// Every order of so many disks.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(count - 1);
    let placed = shorter.iter().flat_map(|order| {
        (0..count).map(|place| {
            let mut order = order.clone();
            order.insert(place, count - 1);
            order
        })
    });
    placed.collect()
}

/// What was told, with the disks named as in the whole set, in its order.
fn renamed(mut told: Told, order: &[usize]) -> Told {
    let name = |disk: &mut usize| *disk = order[*disk];
    told.raw.clear();
    told.disks.iter_mut().for_each(|disk| name(&mut disk.disk));
    told.disks.sort_by_key(|disk| disk.disk);
    for (_, members) in &mut told.arrays {
        members.iter_mut().filter_map(|member| member.disk.as_mut()).for_each(name);
    }
    told.findings.iter_mut().filter_map(|finding| finding.disk.as_mut()).for_each(name);
    // Of disks with the same lists any may be the one that is named.
    let shared = told.findings.iter_mut().filter(|finding| finding.copy == "virtual disk records");
    shared.for_each(|finding| finding.disk = None);
    told.findings.sort_by_key(|finding| (finding.code, finding.disk, finding.at.map(|at| at.0)));
    told
}

/// Adds the disks in every order; `worth` says what so many of the members are good for.
fn add_one_by_one(made: &Handmade, worth: impl Fn(&[usize]) -> ArrayState) {
    let count = made.disks.len();
    let all: Vec<usize> = (0..count).collect();
    let at_once = renamed(made.assemble(), &all);
    for order in orders(count) {
        for so_far in (1..=count).map(|so_far| &order[..so_far]) {
            let told = renamed(assemble(&made.read(so_far)), so_far);
            let (array, members) = told.array("volume");
            assert_eq!(array.state, worth(so_far), "{so_far:?}");
            let present = |disk: Option<usize>| disk.is_some_and(|disk| so_far.contains(&disk));
            for member in members {
                let there = member.state == MemberState::InSync;
                assert_eq!(there, present(member.disk), "{so_far:?}: {member:?}");
            }
            // Not even the last disk to come decides what the array is.
            assert_eq!((array.id, array.size), (at_once.arrays[0].0.id, at_once.arrays[0].0.size));
        }
        assert_eq!(renamed(assemble(&made.read(&order)), &order), at_once, "{order:?}");
    }
}

#[test]
fn a_raid_5_of_five_becomes_readable_with_the_fourth_disk() {
    let made = Plan { disks: 5, ..RAID5 }.build();
    add_one_by_one(&made, |so_far| match so_far.len() {
        5 => ArrayState::Optimal,
        4 => ArrayState::Degraded,
        _ => ArrayState::Failed,
    });
}

#[test]
fn striped_mirrors_need_one_disk_of_each_pair() {
    let made = Plan { disks: 4, sets: 2, level: (0x01, 0x00, 0x00), ..RAID5 }.build();
    add_one_by_one(&made, |so_far| {
        let of = |pair: [usize; 2]| pair.iter().filter(|disk| so_far.contains(disk)).count();
        match (of([0, 1]), of([2, 3])) {
            (2, 2) => ArrayState::Optimal,
            (0, _) | (_, 0) => ArrayState::Failed,
            _ => ArrayState::Degraded,
        }
    });
}

/// What the others say of a disk counts as soon as one of them is there, whoever was first.
#[test]
fn a_stale_disk_that_comes_first_loses_its_say_when_the_others_come() {
    let mut made = Plan { disks: 4, ..RAID5 }.build();
    made.set_sequence(&[0, 1, 2], 20);
    let all = [0, 1, 2, 3];
    let at_once = renamed(made.assemble(), &all);
    for order in orders(4) {
        for so_far in (1..=4).map(|so_far| &order[..so_far]) {
            let told = renamed(assemble(&made.read(so_far)), so_far);
            let member = told.array("volume").1[3];
            let expected = match so_far {
                [3] => MemberState::InSync,
                _ if so_far.contains(&3) => MemberState::Stale,
                _ => MemberState::Missing,
            };
            assert_eq!(member.state, expected, "{so_far:?}");
        }
        assert_eq!(renamed(assemble(&made.read(&order)), &order), at_once, "{order:?}");
    }
}

/// Disks of another configuration among them change nothing.
#[test]
fn disks_of_two_configurations_come_in_any_order() {
    let mut made = RAID1.build();
    let other = Plan { guid: Guid(*b"LSI     configuration 02"), ..RAID1 }.build();
    made.disks.extend(other.disks);
    for order in orders(4) {
        let told = renamed(assemble(&made.read(&order)), &order);
        assert_eq!(told.arrays.len(), 2, "{order:?}");
        for (array, members) in &told.arrays {
            assert_eq!(array.state, ArrayState::Optimal);
            let mut disks: Vec<_> = members.iter().filter_map(|member| member.disk).collect();
            disks.sort_unstable();
            assert!(disks == [0, 1] || disks == [2, 3], "{order:?}: {disks:?}");
        }
        assert_ne!(reference(0), reference(1));
    }
}
