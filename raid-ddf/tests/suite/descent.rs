// SPDX-License-Identifier: MIT OR Apache-2.0
//! Disks that ran apart: each volume is judged by the disks that carried it, by who was there when
//! which record was written, never by the higher number alone.

mod chains;
mod runs;
mod shared;
mod volumes;
mod witness;

use crate::media;
use crate::media::{Rig, SMALL, geometry, healthy, raid10};
use crate::support;
use crate::support::handmade::{Handmade, Plan, RAID1, RAID5};
use crate::support::{Told, read_scenario};
use raid_core::array::{ArrayId, ArrayState, Level, MemberState, Place, Placement};
use raid_core::metadata::{Admin, Format, RunTime, RuntimeState, Severity};
use raid_core::units::{Slot, SlotSet};
use raid_ddf::{ByteOrder, Ddf, Options, PdState, PdType, U32, VdFlags};

use MemberState::{Failed, InSync, Missing, Rebuilding, Stale};

const BIG: ByteOrder = ByteOrder::Big;
const ABSENT: PdState = PdState::ONLINE.union(PdState::FAILED).union(PdState::MISSING);
const FAILED: PdState = PdState::ONLINE.union(PdState::FAILED);

fn states(told: &Told, name: &str) -> Vec<MemberState> {
    told.array(name).1.iter().map(|member| member.state).collect()
}

fn state(told: &Told, name: &str) -> ArrayState {
    told.array(name).0.state
}

/// An empty configuration with small tables, written.
fn container(count: usize) -> Rig {
    let mut options = Options::LINUX;
    (options.max_pd_entries, options.max_vd_entries) = (15, 15);
    (options.max_partitions, options.max_primary_element_entries) = (3, 16);
    let mut rig = Rig::blank(&vec![SMALL; count], &options);
    let stamp = rig.stamp();
    rig.edit(|disks| raid_ddf::initialise(disks, stamp, &options)).unwrap();
    written(rig)
}

fn written(mut rig: Rig) -> Rig {
    rig.commit();
    rig.reread();
    rig
}

/// A mirror, for chains of starts.
#[derive(Clone)]
struct Bed {
    rig: Rig,
    array: ArrayId,
}

fn bed(members: usize) -> Bed {
    let mut rig = container(members);
    let shape = geometry(Level::Raid1, Placement::Fixed, u16::try_from(members).unwrap());
    let disks: Vec<usize> = (0..members).collect();
    let array = rig.create("bed", shape, &disks).unwrap();
    Bed { rig: written(rig), array }
}

impl Bed {
    /// A commit begins, ends inside the second copy, or is done.
    const REACHES: usize = 4;
    const WHOLE: usize = 3;
    const DEPTH: usize = 1;
    const WALKS: u64 = 60;

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
        let mut told = Told::default();
        self.rig.views(|views| {
            let mut scratch = vec![0; Ddf::new().scratch_words(views)];
            Ddf::new().assemble_with(views, &mut scratch, &mut told);
        });
        let (array, members) = &told.arrays[0];
        (array.state, members.iter().map(|m| (m.disk, m.state)).collect())
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
        for disk in on.iter().copied() {
            let steps = self.rig.steps(disk);
            let reached = steps.len() * reach[disk] / Self::WHOLE;
            for step in steps.into_iter().take(reached) {
                if let media::Stepped::Write(at, bytes) = step {
                    self.rig.media[disk].write(at, &bytes);
                }
            }
        }
    }
}

/// What happens to `array` while only these disks are plugged in: each set is recorded dirty without
/// whoever is absent or out, then clean, `times` times.
fn run_apart(rig: &mut Rig, disks: &[usize], array: ArrayId, sets: u16, times: usize) {
    let mut apart = rig.only(disks);
    for _ in 0..times {
        for set in 0..sets {
            for clean in [false, true] {
                let found = apart.state(array, set).unwrap();
                let told = apart.told();
                let (_, members) = told.arrays.iter().find(|(a, _)| a.id == array).unwrap();
                let out = members.iter().filter(|m| m.place.set == set && m.state != InSync);
                let failed: SlotSet = out.map(|member| member.place.slot).collect();
                let state = RuntimeState { clean, failed, ..found };
                apart.set_state(array, set, &state).unwrap();
                apart.commit();
                apart.reread();
            }
        }
    }
    rig.take_back(disks, apart);
}

/// Case C1.
#[test]
fn a_volume_is_judged_by_the_disks_that_carried_it_however_far_others_have_counted() {
    // Two volumes on the same five disks. `six` cannot run on two of them, `mirror` can run on any.
    for times in 1..4 {
        let mut rig = container(5);
        let all = [0, 1, 2, 3, 4];
        let six = geometry(Level::Raid6, Placement::NContinue, 5);
        let six = rig.create("six", six, &all).unwrap();
        let pair = geometry(Level::Raid1, Placement::Fixed, 2);
        let mirror = rig.create("mirror", pair, &[1, 3]).unwrap();
        let mut rig = written(rig);
        run_apart(&mut rig, &[0, 2, 4], six, 1, 1);
        run_apart(&mut rig, &[1, 3], mirror, 1, times);
        let told = rig.told();
        assert_eq!(states(&told, "six"), [InSync, Stale, InSync, Stale, InSync], "{times}");
        assert_eq!(state(&told, "six"), ArrayState::Degraded);
        assert_eq!(state(&told, "mirror"), ArrayState::Optimal, "{times}");
        let found = rig.state(six, 0).unwrap();
        assert_eq!(found.failed, [1u8, 3].map(Slot).into_iter().collect(), "{times}");
        assert_eq!(rig.state(mirror, 0), Some(healthy()), "{times}");
        assert!(told.branches.is_empty());
    }
}

/// Case C1. The lists have one state a disk: what the run of one volume recorded is not taken back by
/// the run of another.
#[test]
fn an_update_of_one_volume_keeps_what_only_the_disks_of_another_know() {
    let mut rig = container(5);
    let six = geometry(Level::Raid6, Placement::NContinue, 5);
    let six = rig.create("six", six, &[0, 1, 2, 3, 4]).unwrap();
    let pair = geometry(Level::Raid1, Placement::Fixed, 2);
    let mirror = rig.create("mirror", pair, &[1, 3]).unwrap();
    let mut rig = written(rig);
    run_apart(&mut rig, &[0, 2, 4], six, 1, 1);
    for turn in 0..4 {
        // Everybody is there again, and the two volumes run in turns.
        if turn % 2 == 0 {
            run_apart(&mut rig, &[0, 1, 2, 3, 4], mirror, 1, 2);
        } else {
            run_apart(&mut rig, &[0, 1, 2, 3, 4], six, 1, 2);
        }
        let told = rig.told();
        assert_eq!(states(&told, "six"), [InSync, Stale, InSync, Stale, InSync], "{turn}");
        assert_eq!(states(&told, "mirror"), [InSync, InSync], "{turn}");
    }
}

/// Case C1.
#[test]
fn a_volume_that_ran_apart_is_refused_with_both_histories() {
    for times in 1..3 {
        let mut rig = container(5);
        let wide = geometry(Level::Raid1, Placement::Fixed, 5);
        let array = rig.create("wide", wide, &[0, 1, 2, 3, 4]).unwrap();
        let mut rig = written(rig);
        run_apart(&mut rig, &[0, 2, 4], array, 1, 1);
        run_apart(&mut rig, &[1, 3], array, 1, times);
        let told = rig.told();
        assert_eq!(state(&told, "wide"), ArrayState::Forked, "{times}");
        assert!(told.codes(Severity::Refusal).contains(&404));
        let [newer, older] = &told.branches[..] else { panic!("{:?}", told.branches) };
        let (newer, older) = if newer.disks == [1, 3] { (newer, older) } else { (older, newer) };
        assert_eq!((&newer.disks[..], &older.disks[..]), (&[1, 3][..], &[0, 2, 4][..]));
        let slots = |failed: &[Place]| failed.iter().map(|at| at.slot.0).collect::<Vec<_>>();
        assert_eq!(slots(&newer.failed), [0, 2, 4]);
        assert_eq!(slots(&older.failed), [1, 3]);
        assert!(newer.unix_seconds > older.unix_seconds, "{:?}", told.branches);
        assert!(newer.sequence.is_some() && older.sequence.is_some());
        // Either history alone can be started.
        for (disks, count) in [(&[1, 3][..], 2), (&[0, 2, 4], 3)] {
            let told = rig.only(disks).told();
            assert_eq!(state(&told, "wide"), ArrayState::PartiallyOptimal);
            let in_sync = states(&told, "wide").iter().filter(|s| **s == InSync).count();
            assert_eq!(in_sync, count);
        }
    }
}

/// Case C1. Halves of a RAID-10 that ran apart have a good disk in each pair.
#[test]
fn a_raid_10_whose_halves_ran_apart_is_a_fork_though_each_set_has_a_member() {
    let mut rig = container(4);
    let array = rig.create("ten", raid10(2), &[0, 1, 2, 3]).unwrap();
    let mut rig = written(rig);
    run_apart(&mut rig, &[0, 2], array, 2, 1);
    run_apart(&mut rig, &[1, 3], array, 2, 1);
    for disks in [&[0, 1, 2, 3][..], &[0, 3], &[1, 2]] {
        let told = rig.only(disks).told();
        assert_eq!(state(&told, "ten"), ArrayState::Forked, "{disks:?}");
        assert_eq!(told.branches.len(), 2);
    }
    for disks in [[0, 2], [1, 3]] {
        assert_eq!(state(&rig.only(&disks).told(), "ten"), ArrayState::Degraded, "{disks:?}");
    }
}

/// Case C1. The half that ran on without the others is given a spare for one of them, which may have been
/// there in the run of the other half, as a spare.
#[test]
fn a_raid_10_that_ran_apart_is_a_fork_though_a_spare_took_the_place_of_one_disk() {
    let pairs: [(&[usize], &[usize]); 4] = [
        (&[1, 3, 4], &[0, 2]),
        (&[1, 3, 4], &[0, 2, 4]),
        (&[1, 3], &[0, 2, 4]),
        (&[1, 3], &[0, 2]),
    ];
    for (first, second) in pairs {
        let mut rig = container(5);
        let array = rig.create("ten", raid10(2), &[0, 1, 2, 3]).unwrap();
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().add_spare(disks, 4, stamp)).unwrap();
        let mut rig = written(rig);
        run_apart(&mut rig, first, array, 2, 1);
        run_apart(&mut rig, second, array, 2, 1);
        // Disk 3 is lost.
        let seated = [0, 2, 4];
        let mut apart = rig.only(&seated);
        let place = Place { set: 1, slot: Slot(1) };
        let stamp = apart.stamp();
        apart.edit(|disks| Ddf::new().activate(disks, array, place, 2, stamp)).unwrap();
        let mut apart = written(apart);
        // It is filled.
        let found = apart.state(array, 1).unwrap();
        let filled = RuntimeState { rebuilding: SlotSet::EMPTY, progress: None, ..found };
        apart.set_state(array, 1, &filled).unwrap();
        let apart = written(apart);
        rig.take_back(&seated, apart);
        for times in 0..2 {
            for disks in [&[0, 1, 2, 4][..], &[0, 1, 2], &[0, 1, 2, 3, 4], &[1, 2, 4]] {
                let told = rig.only(disks).told();
                let found = state(&told, "ten");
                assert_eq!(found, ArrayState::Forked, "{times} {disks:?} {:?}", told.findings);
            }
            run_apart(&mut rig, &seated, array, 2, 1);
        }
    }
}

/// Case C2.
#[test]
#[cfg_attr(miri, ignore = "unpacks images through a C library")]
fn volumes_that_cannot_have_run_without_their_members_are_as_good_as_they_were() {
    use raid_ddf::{CrcVariant, DdfHeader, PhysicalDiskRecords, Record, Section, seal};
    let scenario = raid_testdata::scenario("ddf-mdadm", "multi-6vd");
    let whole = read_scenario(&scenario);
    let mut disks = whole.clone();
    // As mdadm leaves it after a start without disks 1 and 3.
    let gone: Vec<u32> = [1, 3]
        .into_iter()
        .map(|disk| {
            let told = support::assemble(&whole[disk..=disk]);
            let of = raid_core::metadata::Subject::Disk(0);
            u32::try_from(told.raw(of, "PD_Reference").unwrap()).unwrap()
        })
        .collect();
    for disk in [0, 2, 4] {
        let pieces = disks[disk].pieces.clone();
        for (at, bytes) in pieces {
            let header = DdfHeader::view(&bytes[..512]).unwrap();
            if header.signature.get(BIG) != DdfHeader::SIGNATURE || header.header_type == 0 {
                continue;
            }
            let section = header.section_extent(BIG, at, Section::PhysicalDiskRecords).unwrap();
            let block = disks[disk].bytes_mut(at, 1);
            let header = DdfHeader::view_mut(block).unwrap();
            let number = header.sequence_number.get(BIG);
            header.sequence_number.set(BIG, number + 3);
            seal(CrcVariant::B, BIG, block);
            let section = disks[disk].bytes_mut(section.start, section.len.0);
            let records = PhysicalDiskRecords::view_mut(section).unwrap();
            for entry in &mut records.entries {
                if gone.contains(&entry.pd_reference.get(BIG)) {
                    entry.set_pd_state(BIG, ABSENT);
                }
            }
            seal(CrcVariant::B, BIG, section);
        }
    }
    let told = support::assemble(&disks);
    for name in ["v0", "v1", "v2", "v4", "v5"] {
        assert_eq!(state(&told, name), ArrayState::Optimal, "{name}: {:#?}", told.findings);
    }
    assert_eq!(state(&told, "v3"), ArrayState::Degraded, "it ran on three of five");
    // Without one of the two nobody knows how it came about.
    let told = support::assemble(&[disks[0].clone(), disks[1].clone(), disks[2].clone()]);
    assert_eq!(state(&told, "v0"), ArrayState::Failed);
}

/// Case C2. A disk that failed first must not come back as good as it was.
#[test]
fn members_that_left_one_after_the_other_are_not_taken_for_members_that_left_together() {
    let mut made = RAID5.build();
    // Disk 0 was lost first, and the volume ran on; then disk 1 was lost, and it ended.
    made.set_state(&[1, 2], 0, ABSENT);
    made.set_sequence(&[1], 12);
    made.set_state(&[2], 1, ABSENT);
    made.set_sequence(&[2], 14);
    let told = made.assemble();
    assert_eq!(states(&told, "volume"), [Stale, InSync, InSync]);
    assert_eq!(state(&support::assemble(&made.read(&[0, 2])), "volume"), ArrayState::Failed);
    // A disk that is known to have failed stays so, whoever is present.
    made.set_state(&[2], 1, FAILED);
    assert_eq!(states(&made.assemble(), "volume"), [Stale, Failed, InSync]);
}

/// Case C3.
#[test]
fn a_volume_that_did_not_run_is_optimal_when_its_disks_are_back() {
    let mut rig = container(4);
    let ten = rig.create("v1", raid10(2), &[0, 2, 1, 3]).unwrap();
    let pair = geometry(Level::Raid1, Placement::Fixed, 2);
    let mirror = rig.create("v0", pair, &[0, 1]).unwrap();
    let mut rig = written(rig);
    run_apart(&mut rig, &[2, 3], ten, 2, 1);
    let told = rig.told();
    assert_eq!(state(&told, "v0"), ArrayState::Optimal, "{:#?}", told.findings);
    assert_eq!(states(&told, "v1"), [Stale, InSync, Stale, InSync]);
    assert_eq!(rig.state(mirror, 0), Some(healthy()));
    assert_eq!(states(&rig.only(&[0, 2, 3]).told(), "v0"), [InSync, Missing]);
    // It can run and stop, and the other volume still knows that disks 0 and 1 were absent.
    run_apart(&mut rig, &[0, 1, 2, 3], mirror, 1, 2);
    let told = rig.told();
    assert_eq!(states(&told, "v0"), [InSync, InSync]);
    assert_eq!(states(&told, "v1"), [Stale, InSync, Stale, InSync]);
    run_apart(&mut rig, &[0, 1, 2, 3], ten, 2, 2);
    let told = rig.told();
    assert_eq!(states(&told, "v0"), [InSync, InSync]);
    assert_eq!(states(&told, "v1"), [Stale, InSync, Stale, InSync]);
}

/// Case C3. What is recorded of a disk that is absent is that it was missing.
#[test]
fn an_absent_disk_is_recorded_missing_and_one_that_failed_is_not() {
    let recorded = |present: bool| {
        let mut rig = container(2);
        let pair = geometry(Level::Raid1, Placement::Fixed, 2);
        let array = rig.create("pair", pair, &[0, 1]).unwrap();
        let mut rig = written(rig);
        let disks: &[usize] = if present { &[0, 1] } else { &[0] };
        let mut apart = rig.only(disks);
        if present {
            apart.live[1] = false;
        }
        let failed = RuntimeState { failed: SlotSet::of(Slot(1)), ..healthy() };
        apart.set_state(array, 0, &failed).unwrap();
        apart.commit();
        rig.take_back(disks, apart);
        rig.reread();
        states(&rig.told(), "pair")[1]
    };
    assert_eq!((recorded(true), recorded(false)), (Failed, Stale));
}

/// Case C6.
#[test]
fn an_unused_disk_that_missed_updates_is_unused_and_no_damage() {
    let mut made = Plan { disks: 4, ..RAID5 }.build();
    made.on(&[0, 1, 2, 3], |made, disk, kind| {
        let records = made.disk_records(disk, kind);
        records.entries[3].set_pd_type(BIG, PdType::FORCED_GUID);
        let record = made.record(disk, kind);
        record.primary_element_count = raid_ddf::U16::new(BIG, 3);
    });
    made.on_disk(3, |made, kind| made.slot(3, kind, 0).fill(0xFF));
    made.set_sequence(&[0, 1, 2], 15);
    let told = made.assemble();
    assert_eq!(told.disks[3].role.name(), "unused");
    assert!(told.codes(Severity::Warning).is_empty(), "{:?}", told.findings);
    assert!(told.has(312));
    assert_eq!(state(&told, "volume"), ArrayState::Optimal);
    // A member that missed them is stale as before.
    made.set_sequence(&[0, 1], 17);
    assert_eq!(made.assemble().disks[2].role.name(), "stale");
}

/// A mirror of two; disk 0 was reached by update 11, which names nobody; disk 1 went on alone.
fn one_sided(own: u32) -> Handmade {
    let mut made = RAID1.build();
    made.set_sequence(&[0], 11);
    made.set_state(&[1], 0, ABSENT);
    made.set_sequence(&[1], own);
    made
}

/// Case C8.
#[test]
fn of_two_records_the_one_that_calls_the_other_out_is_the_later_whatever_the_numbers() {
    // 10: disk 1 was behind by two when it started without disk 0.
    for own in [10, 11, 12, 40] {
        let told = one_sided(own).assemble();
        assert_eq!(states(&told, "volume"), [Stale, InSync], "{own}");
        assert_eq!(state(&told, "volume"), ArrayState::Degraded, "{own}");
        assert!(!told.has(404));
    }
}

/// Case C8.
#[test]
fn mutual_accusation_is_a_fork_whatever_the_numbers() {
    for own in [10, 11, 12, 40] {
        let mut made = one_sided(own);
        made.set_state(&[0], 1, ABSENT);
        let told = made.assemble();
        assert_eq!(state(&told, "volume"), ArrayState::Forked, "{own}");
        assert_eq!(told.branches.len(), 2);
    }
}

/// Case C10.
#[test]
fn a_record_that_places_a_disk_counts_only_with_that_disks_own_entry() {
    // Mirror of 0 and 1, spare 2. The activation of the spare in place of 1 reached the spare alone;
    // then 0 and 1 went on from the update before.
    let mut made = Plan { disks: 3, ..RAID1 }.build();
    let reference = support::handmade::reference;
    made.on(&[0, 1, 2], |made, disk, kind| {
        made.record(disk, kind).primary_element_count = raid_ddf::U16::new(BIG, 2);
        let records = made.disk_records(disk, kind);
        records.entries[2].set_pd_type(BIG, PdType::GLOBAL_SPARE);
    });
    made.on_disk(2, |made, kind| {
        let records = made.disk_records(2, kind);
        records.entries[2].set_pd_type(BIG, PdType::PARTICIPATING);
        records.entries[2].set_pd_state(BIG, PdState::ONLINE | PdState::REBUILDING);
        records.entries[1].set_pd_state(BIG, ABSENT);
        let record = made.record(2, kind);
        record.sequence_number = U32::new(BIG, 4);
        let lists = record.elements_mut(16).unwrap();
        lists.references[1] = U32::new(BIG, reference(2));
    });
    for (spare, others) in [(11, 12), (11, 11)] {
        made.set_sequence(&[2], spare);
        made.set_sequence(&[0, 1], others);
        let told = made.assemble();
        let (array, members) = told.array("volume");
        assert_eq!(array.state, ArrayState::Optimal, "{spare} {others}: {:?}", told.findings);
        assert_eq!(members[1].disk, Some(1), "{spare} {others}");
        // Without disk 0, whose data the spare never got, disk 1 is read and not the spare.
        let told = support::assemble(&made.read(&[1, 2]));
        let (_, members) = told.array("volume");
        assert_eq!((members[0].state, members[1].state), (Missing, InSync), "{spare} {others}");
        assert_eq!(members[1].disk, Some(0));
        let told = support::assemble(&made.read(&[2]));
        assert_eq!(states(&told, "volume"), [Missing, Rebuilding], "{spare} {others}");
        assert_eq!(state(&told, "volume"), ArrayState::Failed);
    }
    // Three updates on, the spare knows of updates that disk 0, which it counts in, has not got: what is
    // present are older copies of the disks that made them.
    made.set_sequence(&[2], 14);
    made.set_sequence(&[0, 1], 11);
    for disks in [&[0, 1, 2][..], &[1, 2]] {
        let told = support::assemble(&made.read(disks));
        assert_eq!(state(&told, "volume"), ArrayState::Failed, "{disks:?}: {:?}", told.findings);
    }
    // With the entry of the same update, and nobody gone on without it, it counts.
    made.set_sequence(&[2], 12);
    made.set_sequence(&[0, 1], 11);
    let told = support::assemble(&made.read(&[0, 2]));
    assert_eq!(states(&told, "volume"), [InSync, Rebuilding]);
    assert_eq!(told.array("volume").1[1].disk, Some(1));
}

/// Case C11.
#[test]
fn a_replaced_disk_that_ran_alone_is_a_fork_though_a_spare_knows_both() {
    // Mirror of 0 and 1; disk 2 took the place of 1, was filled, and the volume ran on. Then disk 1
    // ran alone. Disk 3 is an idle spare which both histories count in.
    let mut made = Plan { disks: 4, ..RAID1 }.build();
    let reference = support::handmade::reference;
    made.on(&[0, 1, 2, 3], |made, disk, kind| {
        made.record(disk, kind).primary_element_count = raid_ddf::U16::new(BIG, 2);
        for spare in [2, 3] {
            let records = made.disk_records(disk, kind);
            records.entries[spare].set_pd_type(BIG, PdType::GLOBAL_SPARE);
        }
    });
    made.on_disk(3, |made, kind| made.slot(3, kind, 0).fill(0xFF));
    made.on(&[0, 2, 3], |made, disk, kind| {
        let records = made.disk_records(disk, kind);
        records.entries[2].set_pd_type(BIG, PdType::PARTICIPATING);
        records.entries[1].set_pd_state(BIG, FAILED);
        records.entries[1].set_pd_type(BIG, PdType::empty());
    });
    made.on(&[0, 2], |made, disk, kind| {
        let record = made.record(disk, kind);
        record.sequence_number = U32::new(BIG, 4);
        record.elements_mut(16).unwrap().references[1] = U32::new(BIG, reference(2));
    });
    made.set_sequence(&[0, 2, 3], 15);
    // As long as it did not run alone it is only old.
    let told = made.assemble();
    assert_eq!(state(&told, "volume"), ArrayState::Optimal, "{:?}", told.findings);
    // Without disk 0, which both count in: the record that knows of the replacement.
    let told = support::assemble(&made.read(&[1, 2]));
    assert_eq!(states(&told, "volume"), [Missing, InSync], "{:?}", told.findings);
    assert_eq!(told.array("volume").1[1].disk, Some(1));
    made.set_state(&[1], 0, ABSENT);
    for number in [12, 15, 16, 30] {
        made.set_sequence(&[1], number);
        for disks in [&[0, 1, 2, 3][..], &[0, 1], &[1, 2], &[0, 1, 3]] {
            let told = support::assemble(&made.read(disks));
            assert_eq!(state(&told, "volume"), ArrayState::Forked, "{number} {disks:?}");
        }
    }
}

/// Case C12.
#[test]
fn a_dirty_record_that_did_not_reach_all_allows_a_degraded_start() {
    let dirty = |made: &mut Handmade, disks: &[usize]| {
        made.on(disks, |made, disk, kind| {
            made.volume_records(disk, kind).entries[0].set_vd_flags(VdFlags::NOT_CONSISTENT);
        });
    };
    let mut made = RAID5.build();
    dirty(&mut made, &[0]);
    made.set_sequence(&[0], 11);
    let told = support::assemble(&made.read(&[0, 1]));
    assert_eq!(state(&told, "volume"), ArrayState::Degraded);
    assert!(told.array("volume").0.clean, "no write can have been allowed");
    assert!(!told.has(428));
    // One that reached all members present may have allowed writes.
    dirty(&mut made, &[1]);
    made.set_sequence(&[1], 11);
    assert!(!support::assemble(&made.read(&[0, 1])).array("volume").0.clean);
    // A whole volume is resynchronised in any case.
    let mut made = RAID5.build();
    dirty(&mut made, &[0]);
    made.set_sequence(&[0], 11);
    assert!(!made.assemble().array("volume").0.clean);
}

/// Case C1. Whoever could speak is away; what is left are a disk that failed since and one that was replaced.
#[test]
fn an_older_copy_of_a_replaced_disk_does_not_speak_beside_one_that_failed_later() {
    let mut rig = container(3);
    let shape = geometry(Level::Raid1, Placement::Fixed, 2);
    let array = rig.create("mirror", shape, &[0, 1]).unwrap();
    let spare = 2;
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().add_spare(disks, spare, stamp)).unwrap();
    let mut rig = written(rig);
    let copy = rig.media[1].clone();
    rig.set_state(array, 0, &RuntimeState { failed: SlotSet::of(Slot(1)), ..healthy() }).unwrap();
    let place = raid_core::array::Place { set: 0, slot: Slot(1) };
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().activate(disks, array, place, spare, stamp)).unwrap();
    rig.set_state(array, 0, &healthy()).unwrap();
    let mut rig = written(rig);
    // Everybody is told that disk 0 has failed, itself among them.
    let short = RuntimeState { failed: SlotSet::of(Slot(0)), ..healthy() };
    rig.set_state(array, 0, &short).unwrap();
    let mut rig = written(rig);
    rig.media[1] = copy;
    rig.reread();
    let left = rig.only(&[0, 1]).told();
    assert_eq!(state(&left, "mirror"), ArrayState::Failed);
    let whole = rig.told();
    assert_eq!(states(&whole, "mirror"), [Failed, InSync]);
}
