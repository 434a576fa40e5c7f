// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many disks: arrays of every kind, whole, degraded, stale, dirty, and contradicting themselves.

use crate::generator::{
    self, CAPACITY, Disk, Found, Line, UNIT, assemble, global_spare, magic, members, one_level,
    two_levels,
};
use raid_asr::finding;
use raid_core::array::{ArrayState, Initialisation, Level, MemberState, Place, Secondary};
use raid_core::metadata::{Finding, FindingKind, Severity};
use raid_core::units::{Blocks, Lba, Slot};

use ArrayState::{Degraded, Failed, Optimal, PartiallyOptimal};
use MemberState::{InSync, Missing, Rebuilding, Stale};

fn states(found: &Found) -> Vec<MemberState> {
    found.members.iter().map(|member| member.state).collect()
}

fn told(found: &Found, kind: FindingKind) -> Finding {
    *found
        .findings
        .iter()
        .find(|finding| finding.code == kind.code)
        .unwrap_or_else(|| panic!("{kind:?} is not among {:#?}", found.findings))
}

/// Asserts that the array of these lines is refused for this reason, and only for refusals of it.
fn assert_refused(lines: &[Line], kind: FindingKind) -> Finding {
    let found = assemble(&members(lines));
    assert!(found.arrays.iter().all(|array| array.state == Failed), "{found:#?}");
    let told = told(&found, kind);
    assert_eq!(told.severity, Severity::Refusal);
    assert!(told.array.is_some() && told.disk.is_some() && told.at.is_some(), "{told:?}");
    told
}

#[test]
fn a_stripe_a_mirror_and_a_wide_mirror_are_optimal() {
    for (raid_type, disks, level, size) in
        [(0, 3, Level::Raid0, 3), (1, 2, Level::Raid1, 1), (1, 4, Level::Raid1, 1)]
    {
        let found = assemble(&members(&one_level(raid_type, disks)));
        let [array] = found.arrays[..] else { panic!("{found:#?}") };
        assert_eq!((array.state, array.clean), (Optimal, true));
        assert_eq!((array.geometry.level, array.geometry.slots), (level, disks));
        assert_eq!((array.geometry.sets, array.geometry.secondary), (1, Secondary::None));
        assert_eq!(array.geometry.member_blocks, Blocks(CAPACITY.into()));
        assert_eq!(array.size, Blocks(u64::from(CAPACITY) * size));
        let strip = if raid_type == 0 { u64::from(UNIT) } else { 0 };
        assert_eq!(array.geometry.strip, Blocks(strip));
        assert_eq!(found.members.len(), usize::from(disks));
        assert!(found.members.iter().all(|m| m.start == Lba(0) && m.len.0 == CAPACITY.into()));
        assert_eq!(found.findings, []);
    }
}

#[test]
fn members_are_found_in_any_order_of_the_disks() {
    let disks = members(&one_level(0, 3));
    let straight = assemble(&disks);
    let turned = assemble(&[disks[2].clone(), disks[0].clone(), disks[1].clone()]);
    assert_eq!(straight.arrays, turned.arrays);
    let at: Vec<_> = turned.members.iter().map(|m| (m.place.slot, m.disk)).collect();
    assert_eq!(at, [(Slot(0), Some(1)), (Slot(1), Some(2)), (Slot(2), Some(0))]);
}

#[test]
fn striped_mirrors_are_raid_10() {
    let found = assemble(&members(&two_levels(0, 1, 3)));
    let [array] = found.arrays[..] else { panic!("{found:#?}") };
    assert_eq!(array.geometry.level_name(), "raid10");
    assert_eq!((array.geometry.sets, array.geometry.slots), (3, 2));
    assert_eq!(array.geometry.secondary, Secondary::Striped);
    assert_eq!((array.size, array.geometry.strip), (Blocks(3 * 63488), Blocks(128)));
    assert_eq!((array.state, found.findings.len()), (Optimal, 0));
    assert_eq!(found.members[5].place, Place { set: 2, slot: Slot(1) });
    assert_eq!(found.members[5].disk, Some(5));
}

#[test]
fn mirrored_stripes_lose_a_whole_stripe_with_one_disk() {
    let disks = members(&two_levels(1, 0, 2));
    let found = assemble(&disks);
    let geometry = found.arrays[0].geometry;
    assert_eq!((geometry.level, geometry.secondary), (Level::Raid0, Secondary::Mirrored));
    assert_eq!(found.arrays[0].size, Blocks(2 * 63488));
    assert_eq!((found.arrays[0].state, found.findings.len()), (Optimal, 0));
    assert_eq!(assemble(&disks[1..]).arrays[0].state, Degraded);
    assert_eq!(assemble(&disks[..2]).arrays[0].state, Degraded);
    let one_of_each = [disks[0].clone(), disks[2].clone()];
    assert_eq!(assemble(&one_of_each).arrays[0].state, Failed);
}

#[test]
fn mirrors_of_mirrors_hold_the_same_data() {
    let disks = members(&two_levels(1, 1, 2));
    let found = assemble(&disks);
    assert_eq!(found.arrays[0].geometry.secondary, Secondary::Mirrored);
    assert_eq!(found.arrays[0].size, Blocks(63488));
    assert_eq!(found.arrays[0].state, Optimal);
    assert_eq!(assemble(&disks[2..]).arrays[0].state, PartiallyOptimal);
    assert_eq!(assemble(&disks[3..]).arrays[0].state, Degraded);
}

#[test]
fn a_raid_10_is_as_good_as_its_worst_mirror() {
    let disks = members(&two_levels(0, 1, 2));
    assert_eq!(assemble(&disks[1..]).arrays[0].state, Degraded);
    assert_eq!(assemble(&[disks[0].clone(), disks[3].clone()]).arrays[0].state, Degraded);
    let found = assemble(&disks[2..]);
    assert_eq!(found.arrays[0].state, Failed, "a mirror is gone");
    assert_eq!(states(&found), [Missing, Missing, InSync, InSync]);
}

#[test]
fn a_missing_member_degrades_a_mirror_and_fails_a_stripe() {
    let mirror = members(&one_level(1, 2));
    let found = assemble(&mirror[1..]);
    assert_eq!((states(&found), found.arrays[0].state), (vec![Missing, InSync], Degraded));
    assert_eq!(found.members[0].disk, None);
    let stripe = members(&one_level(0, 2));
    assert_eq!(assemble(&stripe[..1]).arrays[0].state, Failed);
    let wide = members(&one_level(1, 3));
    assert_eq!(assemble(&wide[1..]).arrays[0].state, PartiallyOptimal);
}

#[test]
fn the_disk_line_says_what_a_member_is_worth() {
    for (state, worth) in [
        (0x00, InSync),
        (0x05, InSync),
        (0x0B, InSync),
        (0x24, Rebuilding),
        (0x14, Rebuilding),
        (0x04, Rebuilding),
        (0x0A, Rebuilding),
        (0x01, MemberState::Failed),
        (0x02, MemberState::Failed),
        (0x03, MemberState::Failed),
        (0x53, MemberState::Failed),
        (0x06, MemberState::Failed),
        (0x77, MemberState::Failed),
    ] {
        let mut lines = one_level(1, 2);
        lines[2].state = state;
        let found = assemble(&members(&lines));
        assert_eq!(states(&found), [InSync, worth], "{state:#04x}");
        assert_eq!(found.arrays[0].state, if worth == InSync { Optimal } else { Degraded });
        assert_eq!(found.has(finding::DISK_STATE_UNKNOWN), state == 0x77);
        assert_eq!(found.has(finding::DISK_STATE), state != 0x77 && state != 0);
    }
}

#[test]
fn a_failed_member_that_is_not_at_hand_stays_failed() {
    let mut lines = one_level(1, 2);
    lines[2].state = 0x03;
    let found = assemble(&members(&lines)[..1]);
    assert_eq!(states(&found), [InSync, MemberState::Failed]);
}

#[test]
fn the_newest_generation_decides_and_older_members_are_stale() {
    let old = one_level(1, 2);
    let mut new = old.clone();
    new.iter_mut().for_each(|line| line.sequence = 5);
    let disks = [Disk::new(magic(0), &old), Disk::new(magic(1), &new)];
    for disks in [disks.to_vec(), disks.iter().rev().cloned().collect()] {
        let found = assemble(&disks);
        assert_eq!((states(&found), found.arrays[0].state), (vec![Stale, InSync], Degraded));
        let told = told(&found, finding::STALE);
        assert_eq!((told.found, told.expected), (Some(1), Some(5)));
        assert_eq!(told.severity, Severity::Damage);
    }
}

#[test]
fn generations_count_round_from_65535_to_0() {
    let with = |sequence| {
        let mut lines = one_level(1, 2);
        lines.iter_mut().for_each(|line| line.sequence = sequence);
        lines
    };
    let found = assemble(&[Disk::new(magic(0), &with(0xFFFF)), Disk::new(magic(1), &with(0))]);
    assert_eq!(states(&found), [Stale, InSync]);
}

#[test]
fn a_failure_in_the_newest_copy_counts_against_an_older_copy_of_the_failed_disk() {
    let old = one_level(1, 3);
    let mut new = old.clone();
    new[0].sequence = 2;
    new[1].state = 0x03;
    let disks = [Disk::new(magic(0), &old), Disk::new(magic(1), &new), Disk::new(magic(2), &new)];
    let found = assemble(&disks);
    assert_eq!(states(&found), [MemberState::Failed, InSync, InSync]);
    assert_eq!(found.arrays[0].state, PartiallyOptimal);
}

#[test]
fn the_timestamp_breaks_a_tie_of_generations() {
    let lines = one_level(1, 2);
    let later = Disk { timestamp: 9, ..Disk::new(magic(1), &lines) };
    let found = assemble(&[Disk::new(magic(0), &lines), later]);
    assert_eq!(states(&found), [Stale, InSync]);
    let told = told(&found, finding::STALE);
    assert_eq!((told.found, told.expected), (Some(0), Some(9)));
}

#[test]
fn a_right_checksum_breaks_a_tie_and_the_difference_is_told() {
    let mut changed = one_level(1, 2);
    changed[0].state = 0x0A;
    // The copy that would win by its place has a wrong sum.
    let disks = [
        Disk { checksum: Some(0x0805), ..Disk::new(magic(0), &changed) },
        Disk::new(magic(1), &one_level(1, 2)),
    ];
    let found = assemble(&disks);
    let told = told(&found, finding::COPIES_DIFFER);
    assert_eq!((told.disk, told.found), (Some(0), Some(0)));
    assert!(!found.has(finding::ARRAY_STATE_NOTED), "the copy with the right sum was taken");
    assert_eq!(states(&found), [InSync, InSync]);
}

#[test]
fn a_copy_with_a_wrong_checksum_of_version_1_is_passed_over() {
    let mut lines = one_level(1, 2);
    lines.iter_mut().for_each(|line| line.sequence = 3);
    let good = Disk { version: 1, ..Disk::new(magic(0), &lines) };
    let mut torn_lines = lines.clone();
    torn_lines[1].state = 0x03;
    let torn = Disk { version: 1, checksum: Some(1), ..Disk::new(magic(1), &torn_lines) };
    let found = assemble(&[good.clone(), torn.clone()]);
    assert_eq!((states(&found), found.arrays[0].state), (vec![InSync, InSync], Optimal));
    assert!(found.has(finding::CHECKSUM_SUSPECT));
    // If it claims to be newer as well, nobody knows which of the two is right.
    torn_lines[0].sequence = 4;
    let torn = Disk { lines: torn_lines, ..torn };
    let found = assemble(&[good, torn]);
    assert_eq!(found.arrays[0].state, Failed);
    assert!(found.has(finding::SUSPECT_NEWER));
}

#[test]
fn one_sided_failure_without_a_new_generation_takes_the_side_that_wrote_it() {
    for (survivor, failed) in [(0, 1), (1, 0)] {
        let mut lines = one_level(1, 2);
        lines[1 + failed].state = 0x03;
        let mut disks = members(&one_level(1, 2));
        disks[survivor].lines = lines;
        let found = assemble(&disks);
        assert_eq!(states(&found)[survivor], InSync);
        assert_eq!(states(&found)[failed], MemberState::Failed);
        assert!(found.has(finding::COPIES_DIFFER) && !found.has(finding::SPLIT_BRAIN));
    }
}

#[test]
fn members_that_declare_each_other_failed_are_a_split_brain() {
    for generation in [2, 7] {
        let (mut a, mut b) = (one_level(1, 2), one_level(1, 2));
        a[0].sequence = 2;
        a[2].state = 0x03;
        b[0].sequence = generation;
        b[1].state = 0x03;
        let found = assemble(&[Disk::new(magic(0), &a), Disk::new(magic(1), &b)]);
        assert_eq!(found.arrays[0].state, ArrayState::Forked);
        assert_eq!(told(&found, finding::SPLIT_BRAIN).severity, Severity::Refusal);
    }
}

#[test]
fn a_stripe_survives_an_update_cut_short_but_not_an_old_member() {
    for (generation, state, member) in [(2, Optimal, InSync), (3, Failed, Stale)] {
        let old = one_level(0, 2);
        let mut new = old.clone();
        new.iter_mut().for_each(|line| line.sequence = generation);
        let found = assemble(&[Disk::new(magic(0), &new), Disk::new(magic(1), &old)]);
        assert_eq!((states(&found)[1], found.arrays[0].state), (member, state));
        assert!(found.has(finding::STALE));
        assert_eq!(found.has(finding::TORN_UPDATE), member == InSync);
    }
}

#[test]
fn a_stripe_member_whose_table_is_gone_is_still_known_by_its_identity() {
    let mut images: Vec<_> = members(&one_level(0, 2)).iter().map(Disk::image).collect();
    images[1].tail[0] = 0;
    let found = generator::assemble_images(&images);
    assert_eq!((states(&found), found.arrays[0].state), (vec![InSync, InSync], Optimal));
    assert!(found.has(finding::NO_OWN_COPY));
}

#[test]
fn a_dirty_mark_in_any_current_copy_makes_the_array_unclean() {
    for (dirty, kind) in [(0x03, finding::DIRTY), (0x01, finding::DIRTY_UNKNOWN)] {
        let mut disks = members(&one_level(1, 2));
        disks[1].dirty = dirty;
        let found = assemble(&disks);
        assert!(!found.arrays[0].clean);
        assert_eq!(told(&found, kind).disk, Some(1));
        assert_eq!(found.arrays[0].state, Optimal);
    }
}

#[test]
fn a_dirty_mark_in_an_old_copy_does_not_count() {
    let mut new = one_level(1, 2);
    new[0].sequence = 2;
    let old = Disk { dirty: 3, ..Disk::new(magic(0), &one_level(1, 2)) };
    assert!(assemble(&[old, Disk::new(magic(1), &new)]).arrays[0].clean);
}

#[test]
fn two_arrays_of_one_name_stay_two() {
    let first = one_level(1, 2);
    let mut second = one_level(1, 2);
    second[0].magic = 0x0BAD_CAFE;
    second[1].magic = magic(8);
    second[2].magic = magic(9);
    let disks = [members(&first), members(&second)].concat();
    let found = assemble(&disks);
    assert_eq!(found.arrays.len(), 2);
    assert_eq!(found.arrays[0].name, found.arrays[1].name);
    assert!(found.arrays.iter().all(|a| a.geometry.slots == 2 && a.state == Optimal));
    assert_eq!(found.members.iter().map(|m| m.disk.unwrap()).collect::<Vec<_>>(), [0, 1, 2, 3]);
}

#[test]
fn a_nameless_array_takes_the_name_of_line_0() {
    let mut lines = two_levels(0, 1, 2);
    lines.insert(0, Line { name: *b"FIRST           ", ..one_level(1, 1)[0] });
    lines[0].magic = 0x3333_3333;
    lines[1].name = [0; 16];
    let found = assemble(&members(&lines));
    assert_eq!(found.arrays[0].name.as_bytes(), b"FIRST");
    assert!(found.has(finding::OTHER_ARRAY));
}

#[test]
fn a_table_may_hold_two_arrays() {
    let mut lines = one_level(0, 2);
    lines.extend(one_level(1, 2).into_iter().map(|line| Line { magic: line.magic ^ 0x40, ..line }));
    let found = assemble(&members(&lines));
    assert_eq!(found.arrays.len(), 2);
    assert!(found.arrays.iter().all(|array| array.state == Optimal));
    assert_eq!(found.arrays[1].geometry.level, Level::Raid1);
}

#[test]
fn table_order_against_address_order_refuses_a_stripe_and_warns_of_a_mirror() {
    let mut stripe = one_level(0, 3);
    stripe[1].id = 7;
    let told_order = assert_refused(&stripe, finding::ORDER);
    assert_eq!((told_order.found, told_order.expected), (Some(1), Some(7)));
    let mut mirror = one_level(1, 3);
    mirror[1].id = 7;
    let found = assemble(&members(&mirror));
    assert_eq!(found.arrays[0].state, Optimal);
    assert_eq!(told(&found, finding::MIRROR_ORDER).severity, Severity::Warning);
}

#[test]
fn the_order_of_striped_mirrors_counts_and_the_order_inside_them_does_not() {
    let mut lines = two_levels(0, 1, 2);
    (lines[2].id, lines[3].id) = (1, 0);
    let found = assemble(&members(&lines));
    assert!(found.has(finding::MIRROR_ORDER) && found.arrays[0].state == Optimal);
    let mut lines = two_levels(0, 1, 2);
    (lines[2].id, lines[3].id) = (8, 9);
    assert_refused(&lines, finding::ORDER);
}

#[test]
fn equal_addresses_are_no_conflict() {
    let mut lines = one_level(0, 3);
    lines.iter_mut().for_each(|line| line.id = 0);
    assert_eq!(assemble(&members(&lines)).findings, []);
}

#[test]
fn contradicting_lines_refuse_an_array() {
    type Edit = fn(&mut Vec<Line>);
    let one: [(Edit, FindingKind); 12] = [
        (|lines| lines[0].count = 4, finding::DISK_COUNT),
        (|lines| lines[0].count = 2, finding::DISK_COUNT),
        (|lines| lines[2].offset = 1, finding::OFFSET),
        (|lines| lines[1].stripe = 0, finding::NO_STRIPE_UNIT),
        (|lines| lines[3].stripe = 64, finding::UNEQUAL_UNITS),
        (|lines| lines[3].capacity = 0, finding::NO_CAPACITY),
        (|lines| lines[0].capacity = 0, finding::NO_CAPACITY),
        (|lines| lines[0].capacity += 1, finding::CAPACITY_OVER),
        (|lines| lines[2].capacity -= 1, finding::CAPACITY_OVER),
        (|lines| lines[0].state = 0x03, finding::ARRAY_STATE),
        (|lines| lines[0].state = 0x07, finding::ARRAY_STATE),
        (|lines| lines[2].state = 0x18, finding::ARRAY_STATE),
    ];
    for (edit, kind) in one {
        let mut lines = one_level(0, 3);
        edit(&mut lines);
        assert_refused(&lines, kind);
    }
    let two: [(Edit, FindingKind); 5] = [
        (|lines| lines[0].count = 3, finding::SET_COUNT),
        (|lines| lines[4].raid_type = 0, finding::UNEQUAL_SETS),
        (|lines| lines[4].capacity -= 128, finding::UNEQUAL_SETS),
        (|lines| lines[0].raid_type = 5, finding::RAID_TYPE),
        (|lines| lines[0].offset = 5, finding::ARRAY_OFFSET),
    ];
    for (edit, kind) in two {
        let mut lines = two_levels(0, 1, 2);
        edit(&mut lines);
        if kind.severity == Severity::Refusal {
            assert_refused(&lines, kind);
        } else {
            assert_eq!(assemble(&members(&lines)).arrays[0].state, Optimal);
        }
    }
    assert_refused(&two_levels(0, 0, 2), finding::NESTING);
}

#[test]
fn a_disk_or_an_array_that_stands_twice_is_refused() {
    let mut lines = one_level(1, 3);
    lines[3].magic = magic(0);
    let found = assemble(&[Disk::new(magic(1), &lines)]);
    assert_eq!(found.arrays[0].state, Failed);
    assert!(found.has(finding::REPEATED_DISK));
    let mut lines = one_level(1, 2);
    lines.extend(one_level(1, 2).into_iter().map(|line| Line { magic: line.magic ^ 0x40, ..line }));
    lines[3].magic = lines[0].magic;
    let found = assemble(&[Disk::new(magic(0), &lines)]);
    assert!(found.has(finding::REPEATED_ARRAY) && found.arrays[0].state == Failed);
}

#[test]
fn unassigned_places_are_not_taken_for_one_disk() {
    let mut lines = one_level(1, 3);
    lines[2].magic = u32::MAX;
    lines[3].magic = u32::MAX;
    let found = assemble(&[Disk::new(magic(0), &lines)]);
    assert_eq!(states(&found), [InSync, Missing, Missing]);
    assert_eq!(found.arrays[0].state, Degraded);
}

#[test]
fn a_smaller_array_and_an_odd_full_stripe_are_only_warned_of() {
    let mut lines = one_level(0, 2);
    lines[0].capacity -= 4096;
    lines[0].stripe = UNIT;
    let found = assemble(&members(&lines));
    assert_eq!(found.arrays[0].state, Optimal);
    assert_eq!(found.arrays[0].size, Blocks(u64::from(lines[0].capacity)));
    assert!(found.has(finding::CAPACITY_UNDER) && found.has(finding::FULL_STRIPE));
}

#[test]
fn unequal_members_give_as_much_as_the_smallest_in_whole_units() {
    let mut lines = one_level(0, 2);
    lines[1].capacity -= 1;
    lines[0].capacity = 2 * (CAPACITY - 128);
    let found = assemble(&members(&lines));
    assert_eq!(found.arrays[0].geometry.member_blocks, Blocks(u64::from(CAPACITY) - 128));
    assert_eq!(found.arrays[0].size, Blocks(2 * (u64::from(CAPACITY) - 128)));
    assert_eq!((found.arrays[0].state, found.findings.len()), (Optimal, 0));
}

#[test]
fn levels_without_a_documented_layout_are_shown_and_refused() {
    for (raid_type, level) in
        [(3, Level::Raid3), (4, Level::Raid4), (5, Level::Raid5), (0xFF, Level::Single)]
    {
        let mut lines = one_level(raid_type, 3);
        lines[0].stripe = UNIT * 3;
        let found = assemble(&members(&lines));
        assert_eq!((found.arrays[0].geometry.level, found.arrays[0].state), (level, Failed));
        assert_eq!(told(&found, finding::RAID_TYPE).found, Some(raid_type.into()));
    }
    let found = assemble(&members(&one_level(2, 3)));
    assert!(found.arrays.is_empty() && found.has(finding::RAID_TYPE));
}

#[test]
fn a_rebuild_that_names_no_target_is_refused() {
    let mut lines = one_level(1, 2);
    lines[0].state = 0x02;
    assert_refused(&lines, finding::NO_REBUILD_TARGET);
    lines[2].state = 0x24;
    let found = assemble(&members(&lines));
    assert_eq!((states(&found), found.arrays[0].state), (vec![InSync, Rebuilding], Degraded));
}

#[test]
fn the_array_state_says_how_far_redundancy_was_established() {
    for (state, initialisation) in [
        (0x54, Initialisation::None),
        (0x0B, Initialisation::Running),
        (0x44, Initialisation::Running),
        (0x00, Initialisation::Full),
        (0x0A, Initialisation::Full),
    ] {
        let mut lines = two_levels(0, 1, 2);
        lines[4].state = state;
        let found = assemble(&members(&lines));
        assert_eq!(found.arrays[0].initialisation, initialisation, "{state:#04x}");
        assert_eq!(found.arrays[0].state, Optimal);
        assert_eq!(found.has(finding::ARRAY_STATE_NOTED), state != 0);
    }
}

#[test]
fn a_spare_named_as_rebuild_target_is_found_before_it_has_its_own_copy() {
    let mut lines = one_level(1, 2);
    lines[0].state = 0x02;
    lines[2].state = 0x24;
    lines[2].magic = 0x9000_0001;
    let found = assemble(&[Disk::new(magic(0), &lines), global_spare(0x9000_0001)]);
    assert_eq!(states(&found), [InSync, Rebuilding]);
    assert_eq!(found.members[1].disk, Some(1));
    // Named as holding data, it would not be believed.
    lines[0].state = 0;
    lines[2].state = 0;
    let found = assemble(&[Disk::new(magic(0), &lines), global_spare(0x9000_0001)]);
    assert_eq!(states(&found), [InSync, Stale]);
    assert!(found.has(finding::NO_OWN_COPY));
}

#[test]
fn a_disk_that_moved_on_to_another_array_is_missing_from_the_old_one() {
    let old = one_level(1, 2);
    let mut new = one_level(1, 2);
    new[0].magic = 0x7777_0000;
    new[1].magic = magic(1);
    new[2].magic = magic(5);
    let disks = [Disk::new(magic(0), &old), Disk::new(magic(1), &new), Disk::new(magic(5), &new)];
    let found = assemble(&disks);
    assert_eq!(states(&found), [InSync, Missing, InSync, InSync]);
    assert_eq!(told(&found, finding::IN_OTHER_ARRAY).disk, Some(1));
    assert_eq!((found.arrays[0].state, found.arrays[1].state), (Degraded, Optimal));
}

#[test]
fn a_replaced_disk_that_comes_back_is_in_no_place() {
    let old = one_level(1, 2);
    let mut new = old.clone();
    new[0].sequence = 2;
    new[2].magic = magic(7);
    let disks = [Disk::new(magic(0), &new), Disk::new(magic(7), &new), Disk::new(magic(1), &old)];
    let found = assemble(&disks);
    assert_eq!((states(&found), found.arrays[0].state), (vec![InSync, InSync], Optimal));
    assert_eq!(told(&found, finding::NOT_IN_NEWEST).disk, Some(2));
    assert!(!found.has(finding::STALE), "it is no member any more");
}

#[test]
fn of_two_disks_of_one_identity_the_current_one_is_used_or_none() {
    let old = one_level(1, 2);
    let mut new = old.clone();
    new.iter_mut().for_each(|line| line.sequence = 2);
    let (a, b) = (Disk::new(magic(0), &new), Disk::new(magic(1), &new));
    let found = assemble(&[Disk::new(magic(1), &old), a.clone(), b.clone()]);
    assert_eq!((states(&found), found.members[1].disk), (vec![InSync, InSync], Some(2)));
    let found = assemble(&[b.clone(), a, b]);
    assert_eq!((states(&found), found.members[1].disk), (vec![InSync, Missing], None));
    assert!(found.has(finding::DUPLICATE_DISK));
    assert_eq!(found.arrays[0].state, Degraded);
}

#[test]
fn a_member_line_of_another_type_is_told() {
    let mut lines = one_level(1, 2);
    lines[2].raid_type = 0;
    assert!(assemble(&members(&lines)).has(finding::DISK_TYPE));
}

#[test]
#[cfg_attr(miri, ignore = "minutes of work there, and no new code path")]
fn a_full_table_of_127_lines_assembles() {
    let mut lines = one_level(1, 126);
    let found = assemble(&members(&lines)[..2]);
    assert_eq!(found.arrays[0].geometry.slots, 126);
    assert_eq!(found.members.len(), 126);
    assert_eq!(found.arrays[0].state, PartiallyOptimal);
    lines[126].state = 0x77;
    let found = assemble(&members(&lines)[..1]);
    assert_eq!(told(&found, finding::DISK_STATE_UNKNOWN).at, Some(Lba(65536 - 17 + 15)));
}
