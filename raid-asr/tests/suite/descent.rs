// SPDX-License-Identifier: MIT OR Apache-2.0
//! Disks that ran apart: an array is judged by who was there when which table was written, never by
//! the higher number or the later time alone.

mod chains;
mod fellows;
mod filled;
mod fills;
mod tables;

use crate::generator::{Disk, Found, Line, assemble, magic, members, one_level, two_levels};
use crate::rig::{self, Rig, Stepped, geometry};
use raid_asr::finding;
use raid_core::array::{ArrayId, ArrayState, Level, MemberState, Place};
use raid_core::metadata::RuntimeState;
use raid_core::units::Slot;

use ArrayState::{Degraded, Failed, Forked, Optimal};
use MemberState::{InSync, Missing};

const GIVEN_UP: u8 = 0x03;
const FILLED: u8 = 0x24;

/// A mirror, for chains of starts.
#[derive(Clone)]
struct Bed {
    rig: Rig,
    array: ArrayId,
}

fn bed(members: usize) -> Bed {
    let shape = geometry(Level::Raid1, u16::try_from(members).unwrap());
    let (rig, array) = Rig::with_array(shape, members);
    Bed { rig, array }
}

impl Bed {
    /// A table of so few lines is one block: there, or not.
    const REACHES: usize = 2;
    const WHOLE: usize = 1;
    const DEPTH: usize = 3;
    const WALKS: u64 = 1_500;

    fn only(&self, disks: &[usize]) -> Self {
        Self { rig: self.rig.only(disks), array: self.array }
    }

    fn take_back(&mut self, disks: &[usize], apart: Self) {
        self.rig.take_back(disks, apart.rig);
    }

    fn set_clock(&mut self, ticks: u64) {
        self.rig.set_clock(ticks);
    }

    fn found(&self) -> (ArrayState, Vec<(Option<usize>, MemberState)>) {
        let found = self.rig.found();
        (found.arrays[0].state, found.members.iter().map(|m| (m.disk, m.state)).collect())
    }

    fn state(&self) -> RuntimeState {
        self.rig.state(self.array, 0).unwrap()
    }

    /// Records a state on some disks, so far on each of all disks.
    fn record(&mut self, on: &[usize], state: &RuntimeState, reach: &[usize]) {
        for (disk, live) in self.rig.live.iter_mut().enumerate() {
            *live = on.contains(&disk);
        }
        self.rig.set_state(self.array, 0, state).unwrap();
        on.iter().copied().filter(|disk| reach[*disk] == Self::WHOLE).for_each(|disk| {
            self.write(disk);
        });
    }

    fn write(&mut self, disk: usize) {
        for step in self.rig.steps(disk, false) {
            if let Stepped::Write(at, bytes) = step {
                self.rig.media[disk].write(at, &bytes);
            }
        }
    }
}

fn states(found: &Found) -> Vec<MemberState> {
    found.members.iter().map(|member| member.state).collect()
}

/// Lines of this generation, with these disk lines given up.
fn given_up(lines: &[Line], sequence: u16, given_up: &[usize]) -> Vec<Line> {
    let mut lines = lines.to_vec();
    lines[0].sequence = sequence;
    for slot in given_up {
        lines[1 + slot].state = GIVEN_UP;
    }
    lines
}

/// Cases C8, C12.
#[test]
fn of_one_generation_the_table_that_gives_the_other_disk_up_is_the_later_whatever_the_time() {
    // Disk 0 alone was reached by generation 7; then disk 1 started alone, two generations ago, with
    // the same number, or further on, under a clock that went back.
    for own in [6, 7, 8, 20] {
        for (first, second) in [(1_000, 2_000), (2_000, 1_000), (0, 0), (100_000, 10)] {
            let lines = one_level(1, 2);
            let reached = given_up(&lines, 7, &[]);
            let alone = given_up(&lines, own, &[0]);
            let found = assemble(&[
                Disk { timestamp: first, ..Disk::new(magic(0), &reached) },
                Disk { timestamp: second, ..Disk::new(magic(1), &alone) },
            ]);
            assert_eq!(states(&found), [MemberState::Failed, InSync], "{own} {first} {second}");
            assert_eq!(found.arrays[0].state, Degraded);
            assert!(!found.has(finding::SPLIT_BRAIN) && !found.has(finding::SUSPECT_NEWER));
        }
    }
    // Further on than the accuser can have let it come: neither explains the other.
    let lines = one_level(1, 2);
    let found = assemble(&[
        Disk::new(magic(0), &given_up(&lines, 9, &[])),
        Disk::new(magic(1), &given_up(&lines, 7, &[0])),
    ]);
    assert_eq!(found.arrays[0].state, Forked);
}

/// Case C12. Three disks of a RAID-10 went on under a clock that had gone back.
#[test]
fn a_record_of_an_earlier_time_makes_nobody_stale() {
    let lines = two_levels(0, 1, 2);
    let mut gone_on = lines.clone();
    let mut reached = lines.clone();
    (gone_on[0].sequence, reached[0].sequence) = (7, 7);
    gone_on[2].state = GIVEN_UP;
    let disk =
        |at: u32, lines: &[Line], timestamp| Disk { timestamp, ..Disk::new(magic(at), lines) };
    let found = assemble(&[
        disk(0, &reached, 9_000),
        disk(1, &gone_on, 1_000),
        disk(2, &gone_on, 1_000),
        disk(3, &gone_on, 1_000),
    ]);
    assert_eq!(states(&found), [MemberState::Failed, InSync, InSync, InSync]);
    assert_eq!(found.arrays[0].state, Degraded);
}

/// Case C1.
#[test]
fn an_array_that_ran_apart_is_refused_with_both_histories() {
    let lines = one_level(1, 5);
    let (older, newer) = (given_up(&lines, 8, &[1, 3]), given_up(&lines, 9, &[0, 2, 4]));
    let disks: Vec<Disk> = (0..5u32)
        .map(|at| {
            let (lines, timestamp) = if at.is_multiple_of(2) { (&older, 80) } else { (&newer, 90) };
            Disk { timestamp, ..Disk::new(magic(at), lines) }
        })
        .collect();
    let found = assemble(&disks);
    assert_eq!(found.arrays[0].state, Forked);
    assert!(found.has(finding::SPLIT_BRAIN));
    let [first, second] = &found.branches[..] else { panic!("{:?}", found.branches) };
    let slots = |failed: &[Place]| failed.iter().map(|at| at.slot).collect::<Vec<_>>();
    assert_eq!((&first.disks[..], first.sequence, first.number), (&[1, 3][..], Some(9), 0));
    assert_eq!((&second.disks[..], second.sequence, second.number), (&[0, 2, 4][..], Some(8), 1));
    assert_eq!((first.unix_seconds, second.unix_seconds), (Some(90), Some(80)));
    assert_eq!(slots(&first.failed), [Slot(0), Slot(2), Slot(4)]);
    assert_eq!(slots(&second.failed), [Slot(1), Slot(3)]);
}

/// Case C1. One disk of each mirror ran without the others.
#[test]
fn a_raid_10_whose_halves_ran_apart_is_a_fork_though_each_mirror_has_a_member() {
    let lines = two_levels(0, 1, 2);
    let [mut first, mut second] = [lines.clone(), lines];
    (first[0].sequence, second[0].sequence) = (8, 9);
    for line in [3, 6] {
        first[line].state = GIVEN_UP;
    }
    for line in [2, 5] {
        second[line].state = GIVEN_UP;
    }
    let disk = |at: u32| Disk::new(magic(at), if at.is_multiple_of(2) { &first } else { &second });
    for disks in [&[0, 1, 2, 3][..], &[0, 3], &[1, 2]] {
        let disks: Vec<Disk> = disks.iter().map(|at| disk(*at)).collect();
        let found = assemble(&disks);
        assert_eq!((found.arrays[0].state, found.branches.len()), (Forked, 2));
    }
    assert_eq!(assemble(&[disk(0), disk(2)]).arrays[0].state, Degraded);
}

/// The first mirror failed: it gives nobody up, and is written no more. The second one went on without disk 2; then all
/// went on without disk 3. That disk 3 counts disk 0 in does not mean that disk 0 was there.
#[test]
fn a_set_that_went_on_beside_one_that_failed_is_a_fork() {
    let lines = |sequence, places: [(u8, u16); 4]| {
        let mut lines = two_levels(0, 1, 2);
        lines[0].sequence = sequence;
        for (line, (state, own)) in [2, 3, 5, 6].into_iter().zip(places) {
            (lines[line].state, lines[line].sequence) = (state, own);
        }
        lines
    };
    let later = lines(23, [(0, 23), (GIVEN_UP, 10), (0, 23), (GIVEN_UP, 19)]);
    let seated = |lines: &[Line]| {
        let mut lines = lines.to_vec();
        (lines[5].magic, lines[5].state, lines[5].sequence) = (magic(5), FILLED, 20);
        lines
    };
    for (written, state) in [(19, Forked), (20, Degraded)] {
        let apart = lines(20, [(0, written), (GIVEN_UP, 10), (GIVEN_UP, 19), (0, 20)]);
        // Where a spare took the place as well.
        let disk = |at: u32, lines: &[Line]| Disk { timestamp: 1, ..Disk::new(magic(at), lines) };
        let found = assemble(&[disk(0, &later), disk(2, &later), disk(3, &seated(&apart))]);
        assert_eq!(found.arrays[0].state, state, "{written} {:#?}", found.findings);
        let disk = |at: u32, lines: &[Line]| Disk { timestamp: 1, ..Disk::new(magic(at), lines) };
        let found = assemble(&[disk(0, &later), disk(2, &later), disk(3, &apart)]);
        assert_eq!(found.arrays[0].state, state, "{written} {:#?}", found.findings);
    }
}

/// Case C11.
#[test]
fn a_disk_without_a_line_is_counted_out() {
    // Disks 0 and 2; disk 2 took the place of disk 1, was filled, and the array ran on.
    let old = one_level(1, 2);
    let mut replaced = old.clone();
    replaced[0].sequence = 9;
    replaced[2].magic = magic(2);
    let with = |old: &[Line], disks: &[u32]| {
        let disk = |at: &u32| Disk::new(magic(*at), if *at == 1 { old } else { &replaced });
        assemble(&disks.iter().map(disk).collect::<Vec<_>>())
    };
    // The replaced disk is only old as long as it has not run alone.
    for disks in [&[0, 1, 2][..], &[1, 2], &[0, 1]] {
        let found = with(&old, disks);
        let expected = if disks.len() == 3 { Optimal } else { Degraded };
        assert_eq!(found.arrays[0].state, expected, "{disks:?} {:#?}", found.findings);
        assert!(found.has(finding::NOT_IN_NEWEST));
    }
    for generation in [2, 8, 9, 10, 60] {
        let alone = given_up(&old, generation, &[0]);
        for disks in [&[0, 1, 2][..], &[1, 2], &[0, 1]] {
            let found = with(&alone, disks);
            assert_eq!(found.arrays[0].state, Forked, "{generation} {disks:?}");
            assert_eq!(found.branches.len(), 2);
        }
    }
}

/// Disk 2 took the place of disk 0 and was filled from disk 1, which failed then and is being filled again.
#[test]
fn a_replaced_disk_is_older_than_a_disk_it_counts_in_that_went_on_without_it_and_is_being_filled() {
    let old = one_level(1, 2);
    let mut filled = old.clone();
    filled[0].sequence = 14;
    filled[1].magic = magic(2);
    filled[2].state = FILLED;
    let with = |old: &[Line]| {
        let disk = |at: u32| Disk::new(magic(at), if at == 0 { old } else { &filled });
        assemble(&[disk(0), disk(1), disk(2)])
    };
    let found = with(&old);
    assert_eq!(states(&found), [InSync, MemberState::Rebuilding], "{:#?}", found.findings);
    assert!(found.has(finding::NOT_IN_NEWEST) && !found.has(finding::SPLIT_BRAIN));
    // Not where it has run alone since, nor where it is further on.
    for generation in [2, 13, 14, 20] {
        assert_eq!(with(&given_up(&old, generation, &[1])).arrays[0].state, Forked, "{generation}");
    }
    assert_eq!(with(&given_up(&old, 15, &[])).arrays[0].state, Forked);
}

/// Case C10.
#[test]
fn a_table_that_places_a_disk_counts_only_if_nobody_went_on_without_it() {
    // The activation of disk 2 in place of disk 1 reached disk 2 alone; then 0 and 1 went on.
    let old = one_level(1, 2);
    let mut activated = old.clone();
    activated[0].sequence = 7;
    activated[2].magic = magic(2);
    activated[2].state = 0x24;
    for (generation, time) in [(7, 10), (8, 10), (9, 5_000)] {
        let gone_on = given_up(&old, generation, &[]);
        let disk =
            |at: u32, lines: &[Line], timestamp| Disk { timestamp, ..Disk::new(magic(at), lines) };
        let all = [disk(0, &gone_on, time), disk(1, &gone_on, time), disk(2, &activated, 100)];
        let found = assemble(&all);
        assert_eq!(found.arrays[0].state, Optimal, "{generation} {:#?}", found.findings);
        let found = assemble(&all[1..]);
        assert_eq!(states(&found), [Missing, InSync], "{generation}");
        assert_eq!(found.members[1].disk, Some(0));
    }
}

/// Case C11.
#[test]
fn a_disk_that_is_being_filled_knows_of_those_that_the_array_went_on_without() {
    // Mirror of three: disk 0 was given up, disk 1 came back and is being filled from disk 2.
    let lines = one_level(1, 3);
    let mut filled = given_up(&lines, 9, &[0]);
    filled[2].state = FILLED;
    let disk = |at: u32, old: &[Line]| Disk::new(magic(at), if at == 0 { old } else { &filled });
    for generation in [5, 8, 9, 10] {
        let old = given_up(&lines, generation, &[]);
        let found = assemble(&[disk(0, &old), disk(1, &old)]);
        let expected = [MemberState::Failed, MemberState::Rebuilding, Missing];
        assert_eq!(states(&found), expected, "{generation} {:#?}", found.findings);
        assert_eq!(found.arrays[0].state, ArrayState::Failed);
        // Disk 2 knows it as well.
        let found = assemble(&[disk(0, &old), disk(1, &old), disk(2, &old)]);
        assert_eq!(states(&found)[1..], [MemberState::Rebuilding, InSync], "{generation}");
    }
    // Disk 0 has run alone since.
    for generation in [5, 9, 20] {
        let alone = given_up(&lines, generation, &[1, 2]);
        let found = assemble(&[disk(0, &alone), disk(1, &alone)]);
        assert_eq!(found.arrays[0].state, Forked, "{generation}");
    }
    // The table that takes disk 1 back reached disk 0 alone; then disk 1 ran alone.
    let lines = one_level(1, 2);
    let mut taken_back = given_up(&lines, 8, &[]);
    taken_back[2].state = FILLED;
    for generation in [7, 8, 12] {
        let alone = given_up(&lines, generation, &[0]);
        let found = assemble(&[Disk::new(magic(0), &taken_back), Disk::new(magic(1), &alone)]);
        assert_eq!((found.arrays[0].state, found.branches.len()), (Forked, 2), "{generation}");
    }
}

/// An older copy of the source of a rebuild takes its place: what the target knows of it does not make the
/// copy the source, nor those members again who were given up meanwhile.
#[test]
fn a_disk_that_is_being_filled_knows_that_its_source_is_an_older_copy() {
    let lines = |sequence, given: &[usize]| {
        let mut lines = given_up(&one_level(1, 3), sequence, given);
        lines[1].state = FILLED;
        lines
    };
    let (older, newest) = (lines(5, &[]), lines(9, &[2]));
    let disk = |at: u32| Disk::new(magic(at), if at == 0 { &newest } else { &older });
    let found = assemble(&[disk(0), disk(1), disk(2)]);
    let expected = [MemberState::Rebuilding, MemberState::Stale, MemberState::Failed];
    assert_eq!((found.arrays[0].state, states(&found).as_slice()), (Failed, &expected[..]));
    // One generation behind it missed the update that the power cut.
    let older = lines(8, &[]);
    let disk = |at: u32| Disk::new(magic(at), if at == 0 { &newest } else { &older });
    let found = assemble(&[disk(0), disk(1), disk(2)]);
    assert_eq!(states(&found), [MemberState::Rebuilding, InSync, InSync]);
}

/// A witness that went from one history to the other decides, if it carries the newer table itself.
#[test]
fn a_disk_that_comes_back_after_its_replacement_is_no_split_brain() {
    let lines = one_level(1, 3);
    // Disk 0 left first, came back and was filled; then disk 1 left. Disk 2 was there all the time.
    let (first, last) = (given_up(&lines, 5, &[0]), given_up(&lines, 9, &[1]));
    let disk = |at: u32| Disk::new(magic(at), if at == 1 { &first } else { &last });
    let found = assemble(&[disk(0), disk(1), disk(2)]);
    assert_eq!(states(&found), [InSync, MemberState::Failed, InSync]);
    assert!(!found.has(finding::SPLIT_BRAIN));
    // Without it nobody knows.
    assert_eq!(assemble(&[disk(0), disk(1)]).arrays[0].state, Forked);
}

/// A disk that ran apart may be further on: what gives it back its place counts on from there.
#[test]
fn an_update_counts_on_from_the_highest_generation_of_the_disks_it_is_written_to() {
    let lines = one_level(1, 2);
    let disks = members(&lines);
    let alone = Disk::new(magic(1), &given_up(&lines, 7, &[0]));
    let apart = Disk { timestamp: 90_000, ..Disk::new(magic(0), &given_up(&lines, 8, &[])) };
    assert_eq!(disks.len(), 2);
    let mut rig = Rig::of_images(&[apart.image(), alone.image()]);
    let array = rig.found().arrays[0].id;
    let found = rig.state(array, 0).unwrap();
    let back = RuntimeState { failed: rig::slots(&[]), rebuilding: rig::slots(&[0]), ..found };
    rig.set_state(array, 0, &back).unwrap();
    let written = rig.found();
    assert_eq!(written.disks[1].sequence, Some(9));
    // The disk that is filled has not got its table yet.
    let steps = rig.steps(1, false);
    for step in steps {
        if let Stepped::Write(at, bytes) = step {
            rig.media[1].write(at, &bytes);
        }
    }
    rig.reread();
    assert_eq!(states(&rig.found()), [MemberState::Rebuilding, InSync]);
}

/// The power was cut while disk 2 was seated in place of disk 0. Then disk 0 ran without disk 1, filled disk 2 in
/// the other place, and it failed there: that disk 2 has no line for disk 1 does not make it the later one.
#[test]
fn a_disk_that_was_filled_in_another_history_does_not_supersede_the_source_that_was_to_fill_it() {
    let lines = |sequence, places: [(u32, u8); 2]| {
        let mut lines = one_level(1, 2);
        lines[0].sequence = sequence;
        for (line, (disk, state)) in lines[1..].iter_mut().zip(places) {
            (line.magic, line.state) = (magic(disk), state);
        }
        lines
    };
    let seated = lines(5, [(2, FILLED), (1, 0)]);
    let apart = lines(9, [(0, 0), (2, 0)]);
    let went_on = lines(10, [(0, 0), (2, GIVEN_UP)]);
    let disk = |at: u32, lines: &[Line]| Disk::new(magic(at), lines);
    let found = assemble(&[disk(0, &went_on), disk(1, &seated), disk(2, &apart)]);
    assert_eq!((found.arrays[0].state, found.branches.len()), (Forked, 2));
    let found = assemble(&[disk(1, &seated), disk(2, &apart)]);
    assert_eq!((found.arrays[0].state, found.branches.len()), (Forked, 2));
    // Older than the table that takes it in, it is from before that source came.
    let before = lines(4, [(0, 0), (2, 0)]);
    let found = assemble(&[disk(1, &seated), disk(2, &before)]);
    assert_eq!(found.arrays[0].state, Degraded, "{:#?}", found.findings);
    assert_eq!(states(&found), [MemberState::Rebuilding, InSync]);
}

/// The activation of disk 3 in place of disk 1 reached disk 3 alone. Disk 0 went on, and filled disk 2 there.
#[test]
fn a_disk_whose_only_source_went_on_without_it_is_no_fork_once_that_source_is_away() {
    let lines = |sequence, source: (u16, u8), other: (u32, u8)| {
        let mut lines = given_up(&one_level(1, 2), sequence, &[]);
        (lines[1].sequence, lines[1].state) = source;
        (lines[2].sequence, lines[2].magic, lines[2].state) = (sequence, magic(other.0), other.1);
        lines
    };
    let activated = lines(5, (5, 0), (3, FILLED));
    let with = |generation: u16, timestamp| {
        let filled = lines(11, (generation, GIVEN_UP), (2, 0));
        let disk = |at, lines: &[Line]| Disk { timestamp, ..Disk::new(magic(at), lines) };
        assemble(&[disk(2, &filled), disk(3, &activated)])
    };
    let found = with(10, 100);
    assert_eq!(found.arrays[0].state, Degraded, "{:#?}", found.findings);
    assert_eq!(states(&found), [MemberState::Failed, InSync]);
    assert!(found.has(finding::NOT_IN_NEWEST) && !found.has(finding::SPLIT_BRAIN));
    // The source may have gone on with disk 3 where disk 2 last knew it before, or where its writer notes nothing.
    for (generation, timestamp) in [(4, 100), (5, 100), (10, 0)] {
        let found = with(generation, timestamp);
        assert_eq!(found.arrays[0].state, Forked, "{generation} {timestamp}");
    }
}

/// An older copy of a disk ran alone: two generations behind and more, with nobody counted in who carries the newest
/// table. Which of them is asked makes no difference, nor that another disk has the place it gave up.
#[test]
fn an_older_copy_that_gave_up_all_who_went_on_is_a_fork_whoever_of_them_is_asked() {
    let found = |copy: &[Line], current: &[u32], its_state| {
        let mut newest = given_up(&one_level(1, 3), 23, &[]);
        (newest[1].state, newest[2].magic) = (its_state, magic(3));
        let mut disks = vec![Disk::new(magic(0), copy)];
        disks.extend(current.iter().map(|at| Disk::new(magic(*at), &newest)));
        assemble(&disks)
    };
    let alone = given_up(&one_level(1, 3), 6, &[1, 2]);
    for current in [&[2, 3][..], &[3], &[2]] {
        // It is counted in, or was given back to be filled when it was changed for the copy.
        for its_state in [0, FILLED] {
            let found = found(&alone, current, its_state);
            let told = (found.arrays[0].state, found.branches.len());
            assert_eq!(told, (Forked, 2), "{current:?} {its_state}");
        }
    }
    // So it is beside a disk that was being filled from it when it was changed for the copy: the newest table
    // knows that it went on after that.
    let mut newest = given_up(&one_level(1, 3), 28, &[]);
    (newest[2].magic, newest[3].magic) = (magic(4), magic(3));
    (newest[1].sequence, newest[2].sequence) = (27, 28);
    let mut filled = given_up(&one_level(1, 3), 18, &[2]);
    filled[2].state = FILLED;
    let disk = |at: u32, lines: &[Line]| Disk { timestamp: 1, ..Disk::new(magic(at), lines) };
    // Where the array has given it up meanwhile, too.
    for its_state in [0, GIVEN_UP] {
        newest[1].state = its_state;
        let beside = assemble(&[disk(0, &alone), disk(1, &filled), disk(4, &newest)]);
        assert_eq!((beside.arrays[0].state, beside.branches.len()), (Forked, 2));
    }
    // One that gives nobody up is an older copy, and so is one that counts in somebody who is here.
    for given in [&[][..], &[1]] {
        let found = found(&given_up(&one_level(1, 3), 6, given), &[2, 3], 0);
        assert_eq!(found.arrays[0].state, ArrayState::PartiallyOptimal, "{given:?}");
        assert_eq!(states(&found)[0], MemberState::Stale);
    }
}
