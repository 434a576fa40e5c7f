// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stamps of runs in the rosters of single volumes: an older copy of a disk is told from one that ran
//! alone, and histories that numbers and states do not show are seen to have parted.

use crate::descent::{container, state, states, written};
use crate::media::{Rig, Stepped, geometry, healthy, raid10};
use raid_core::array::MemberState::{Failed, InSync, Rebuilding, Stale};
use raid_core::array::{ArrayId, ArrayState, Level, Place, Placement};
use raid_core::metadata::{Admin, Operation, Progress, RunTime, RuntimeState};
use raid_core::units::{Slot, SlotSet};
use raid_ddf::{ByteOrder, CrcVariant, Ddf, seal};

/// Records one state of a set, on every live disk.
fn record(rig: &mut Rig, array: ArrayId, set: u16, state: &RuntimeState) {
    rig.set_state(array, set, state).unwrap();
    rig.commit();
    let live = rig.live.clone();
    rig.reread();
    rig.live = live;
}

/// A start records what it found; then it is recorded dirty, without these slots.
fn start(rig: &mut Rig, array: ArrayId, sets: u16, lacks: &[(u16, u8)]) {
    for set in 0..sets {
        let found = rig.state(array, set).unwrap();
        record(rig, array, set, &found);
    }
    for (set, slot) in lacks {
        let found = rig.state(array, *set).unwrap();
        let failed = found.failed | SlotSet::of(Slot(*slot));
        record(rig, array, *set, &RuntimeState { clean: false, failed, ..found });
    }
}

/// Case C1. Each set of a striped mirror records for itself whom it runs without: at a cut one set may have,
/// and the other not.
#[test]
fn halves_of_a_striped_mirror_that_ran_apart_are_a_fork_whatever_their_numbers() {
    for also in [true, false] {
        let mut rig = container(4);
        let array = rig.create("ten", raid10(2), &[0, 1, 2, 3]).unwrap();
        let mut rig = written(rig);
        start(&mut rig, array, 2, &[]);
        let mut one = rig.only(&[0, 2]);
        let mut other = rig.only(&[1, 3]);
        start(&mut one, array, 2, &[(0, 1), (1, 1)]);
        let all = [(0, 0), (1, 0)];
        start(&mut other, array, 2, if also { &all } else { &all[..1] });
        rig.take_back(&[0, 2], one);
        rig.take_back(&[1, 3], other);
        assert_eq!(state(&rig.told(), "ten"), ArrayState::Forked, "{also}");
    }
}

/// Case C8. The members left one after the other, and the disk that went on alone is an older copy, from when it was
/// being filled: the disk whose place it took was written with it, and knows that what the copy counts in is gone.
#[test]
fn an_older_copy_of_a_disk_that_was_being_filled_does_not_speak_beside_the_one_that_it_replaced() {
    for filled in [true, false] {
        let mut rig = container(4);
        let mirror = geometry(Level::Raid1, Placement::Fixed, 3);
        let array = rig.create("three", mirror, &[0, 1, 2]).unwrap();
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().add_spare(disks, 3, stamp)).unwrap();
        let mut rig = written(rig);
        start(&mut rig, array, 1, &[(0, 1)]);
        let (place, stamp) = (Place { set: 0, slot: Slot(1) }, rig.stamp());
        rig.edit(|disks| Ddf::new().activate(disks, array, place, 3, stamp)).unwrap();
        let mut rig = written(rig);
        let copy = rig.media[3].clone();
        // Nobody knows it who is there, and it has not run: those that it was filled from are as good as they were.
        assert_eq!(states(&rig.only(&[0, 3]).told(), "three")[0], InSync);
        if filled {
            record(&mut rig, array, 0, &RuntimeState { clean: false, ..healthy() });
        }
        let mut later = rig.only(&[1, 2, 3]);
        start(&mut later, array, 1, &[(0, 0)]);
        rig.take_back(&[1, 2, 3], later);
        if filled {
            let mut last = rig.only(&[1, 3]);
            start(&mut last, array, 1, &[(0, 2)]);
            rig.take_back(&[1, 3], last);
        }
        rig.media[3] = copy;
        rig.reread();
        let there: &[usize] = if filled { &[0, 1, 2, 3] } else { &[0, 1, 3] };
        let told = rig.only(there).told();
        assert_eq!(state(&told, "three"), ArrayState::Failed, "{filled}: {:?}", told.findings);
        let told = states(&told, "three");
        assert!(!told.contains(&InSync), "{filled}: {told:?}");
    }
}

/// Case C8. A spare took the place of the fellow, and the disk itself was filled from that one since: its older copy knows
/// nothing of either, and of its records beside those of the spare no state says that both ran alone.
#[test]
fn an_older_copy_of_a_disk_that_was_filled_from_a_spare_since_is_a_fork_once_it_has_run_alone() {
    for (alone, among) in [(0, false), (1, false), (1, true), (2, true), (9, true)] {
        let mut rig = container(3);
        let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
        let array = rig.create("pair", mirror, &[0, 1]).unwrap();
        let other = rig.create("other", mirror, &[0, 1]).unwrap();
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().add_spare(disks, 2, stamp)).unwrap();
        let mut rig = written(rig);
        start(&mut rig, array, 1, &[]);
        let mut copy = rig.only(&[0]);
        let mut later = rig.only(&[0, 2]);
        start(&mut later, array, 1, &[(0, 1)]);
        let (place, stamp) = (Place { set: 0, slot: Slot(1) }, later.stamp());
        later.edit(|disks| Ddf::new().activate(disks, array, place, 1, stamp)).unwrap();
        let mut later = written(later);
        record(&mut later, array, 0, &RuntimeState { clean: false, ..healthy() });
        // The spare goes on alone, and disk 0 is filled from it.
        let lost = RuntimeState { clean: false, failed: SlotSet::of(Slot(0)), ..healthy() };
        record(&mut later, array, 0, &lost);
        let targets = SlotSet::of(Slot(0));
        let progress = Some(Progress::start(Operation::Rebuild { targets }));
        let filling = RuntimeState { clean: false, rebuilding: targets, progress, ..healthy() };
        record(&mut later, array, 0, &filling);
        record(&mut later, array, 0, &healthy());
        assert_eq!(states(&later.told(), "pair"), [InSync, InSync]);
        rig.take_back(&[0, 2], later);
        copy.set_clock(5_000);
        for _ in 0..alone {
            start(&mut copy, array, 1, &[(0, 1)]);
        }
        rig.take_back(&[0], copy);
        for disks in [&[0, 2][..], &[0, 1, 2]] {
            let mut there = rig.only(disks);
            if among {
                // The other array runs on the same disks: it takes back nothing.
                start(&mut there, other, 1, &[]);
            }
            let told = there.told();
            if alone == 0 {
                assert_eq!(states(&told, "pair"), [Stale, InSync], "{disks:?}");
            } else {
                assert_eq!(state(&told, "pair"), ArrayState::Forked, "{alone} {among} {disks:?}");
            }
        }
    }
}

/// Case C8. A disk saw another member fail, and was replaced then; all who went on with the spare have failed since.
#[test]
fn a_replaced_disk_that_saw_another_member_fail_is_only_old_though_its_fellows_are_gone() {
    for (alone, returned) in [(0, false), (0, true), (1, false), (1, true)] {
        let mut rig = container(4);
        let mirror = geometry(Level::Raid1, Placement::Fixed, 3);
        let array = rig.create("three", mirror, &[0, 1, 2]).unwrap();
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().add_spare(disks, 3, stamp)).unwrap();
        let mut rig = written(rig);
        start(&mut rig, array, 1, &[(0, 1)]);
        let mut later = rig.only(&[1, 2, 3]);
        start(&mut later, array, 1, &[(0, 0)]);
        let (place, stamp) = (Place { set: 0, slot: Slot(0) }, later.stamp());
        later.edit(|disks| Ddf::new().activate(disks, array, place, 2, stamp)).unwrap();
        let mut later = written(later);
        let failed = SlotSet::of(Slot(1));
        record(&mut later, array, 0, &RuntimeState { clean: false, failed, ..healthy() });
        if returned {
            record(&mut later, array, 0, &healthy());
        }
        rig.take_back(&[1, 2, 3], later);
        let mut last = rig.only(&[3]);
        start(&mut last, array, 1, &[(0, 1), (0, 2)]);
        rig.take_back(&[3], last);
        let mut own = rig.only(&[0]);
        own.set_clock(5_000);
        for _ in 0..alone {
            start(&mut own, array, 1, &[(0, 2)]);
        }
        rig.take_back(&[0], own);
        for disks in [&[0, 3][..], &[0, 1, 3], &[0, 1, 2, 3]] {
            let told = rig.only(disks).told();
            if alone == 0 {
                assert!(told.branches.is_empty(), "{returned} {disks:?}: {:?}", told.branches);
                assert_eq!(states(&told, "three")[0], InSync, "{returned} {disks:?}");
                assert!(states(&told, "three")[1..].iter().all(|state| *state != InSync));
            } else {
                assert_eq!(state(&told, "three"), ArrayState::Forked, "{returned} {disks:?}");
            }
        }
    }
}

/// Case C8. A spare took the place of the fellow since: the copy does not know it.
#[test]
fn an_older_copy_of_the_only_source_is_stale_and_one_that_ran_alone_is_a_fork() {
    for alone in [false, true] {
        let mut rig = container(3);
        let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
        let array = rig.create("pair", mirror, &[0, 1]).unwrap();
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().add_spare(disks, 2, stamp)).unwrap();
        let mut rig = written(rig);
        start(&mut rig, array, 1, &[]);
        let mut short = rig.only(&[0, 2]);
        start(&mut short, array, 1, &[(0, 1)]);
        let copy = short.media[0].clone();
        start(&mut short, array, 1, &[]);
        let stamp = short.stamp();
        let place = Place { set: 0, slot: Slot(1) };
        short.edit(|disks| Ddf::new().activate(disks, array, place, 1, stamp)).unwrap();
        short.commit();
        short.reread();
        assert_eq!(states(&short.told(), "pair"), [InSync, Rebuilding]);
        record(&mut short, array, 0, &RuntimeState { clean: false, ..healthy() });
        record(&mut short, array, 0, &healthy());
        assert_eq!(states(&short.told(), "pair"), [InSync, InSync]);
        short.media[0] = copy;
        short.reread();
        if alone {
            let mut own = short.only(&[0]);
            for _ in 0..4 {
                start(&mut own, array, 1, &[(0, 1)]);
            }
            short.take_back(&[0], own);
            assert_eq!(state(&short.told(), "pair"), ArrayState::Forked);
        } else {
            assert_eq!(states(&short.told(), "pair"), [Stale, InSync]);
            assert!(short.told().branches.is_empty());
        }
    }
}

/// Case C8. The disk that was replaced was there when the others went on, and was written with them: it knows
/// that the older copy was called out, though it is named no more.
#[test]
fn an_older_copy_is_not_read_beside_a_replaced_disk_that_knows_of_later_runs() {
    for started in [false, true] {
        let mut rig = container(3);
        let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
        let array = rig.create("pair", mirror, &[0, 1]).unwrap();
        let other = rig.create("other", mirror, &[0, 1]).unwrap();
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().add_spare(disks, 2, stamp)).unwrap();
        let mut rig = written(rig);
        if started {
            start(&mut rig, array, 1, &[]);
        }
        let copy = rig.media[0].clone();
        start(&mut rig, array, 1, &[(0, 1)]);
        let stamp = rig.stamp();
        let place = Place { set: 0, slot: Slot(1) };
        rig.edit(|disks| Ddf::new().activate(disks, array, place, 2, stamp)).unwrap();
        let mut rig = written(rig);
        record(&mut rig, array, 0, &RuntimeState { clean: false, ..healthy() });
        let mut later = rig.only(&[1, 2]);
        start(&mut later, array, 1, &[(0, 0)]);
        rig.take_back(&[1, 2], later);
        rig.media[0] = copy;
        rig.reread();
        assert_eq!(states(&rig.told(), "pair"), [Stale, InSync], "{started}");
        let pair = rig.only(&[0, 1]);
        assert_eq!(state(&pair.told(), "pair"), ArrayState::Failed, "{started}");
        assert_eq!(states(&pair.told(), "other"), [InSync, InSync], "{started}");
        // Alone the copy cannot know. When it has run, there are two histories, also where who made the other one
        // is away.
        let mut alone = rig.only(&[0]);
        start(&mut alone, array, 1, &[(0, 1)]);
        let mut both = rig.clone();
        both.take_back(&[0], alone);
        for disks in [&[0, 1][..], &[0, 1, 2]] {
            let told = both.only(disks).told();
            assert_eq!(state(&told, "pair"), ArrayState::Forked, "{started} {disks:?}");
            assert_eq!(told.branches.len(), 2, "{:?}", told.branches);
        }
        assert_eq!(pair.state(other, 0), Some(healthy()));
    }
}

/// The newest update counter on any disk.
fn newest(rig: &Rig) -> Option<u64> {
    rig.told().disks.iter().filter_map(|disk| disk.sequence).max()
}

/// Case C8. An update of one array reached one disk; then another array ran, and every disk kept what it knew of
/// the first. To complete that counts no update: an engine that makes one before it promises anything has to see
/// that it must.
#[test]
fn an_older_copy_from_before_an_update_was_completed_beside_another_array_is_stale() {
    let mut rig = container(2);
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let array = rig.create("pair", mirror, &[0, 1]).unwrap();
    let other = rig.create("other", mirror, &[0, 1]).unwrap();
    let mut rig = written(rig);
    start(&mut rig, array, 1, &[]);
    let filled = Operation::Rebuild { targets: SlotSet::of(Slot(1)) };
    let filling = RuntimeState {
        clean: false,
        rebuilding: SlotSet::of(Slot(1)),
        progress: Some(Progress::start(filled)),
        ..healthy()
    };
    record(&mut rig, array, 0, &filling);
    rig.live[1] = false;
    rig.set_state(array, 0, &filling).unwrap();
    rig.commit();
    rig.live[1] = true;
    rig.reread();
    start(&mut rig, other, 1, &[]);
    let copy = rig.media[0].clone();
    let found = rig.state(array, 0).unwrap();
    let before = newest(&rig);
    record(&mut rig, array, 0, &found);
    if newest(&rig) == before {
        record(&mut rig, array, 0, &found);
    }
    record(&mut rig, array, 0, &found);
    assert_eq!(states(&rig.told(), "pair"), [InSync, Rebuilding]);
    rig.media[0] = copy;
    rig.reread();
    assert_eq!(states(&rig.told(), "pair"), [Stale, Rebuilding]);
}

/// Takes the rosters out of all records, as if another implementation had written them.
fn strip(rig: &mut Rig) {
    for medium in &mut rig.media {
        let records = medium.sectors().filter(|(_, bytes)| bytes[..4] == [0xEE; 4]);
        for at in records.map(|(at, _)| at).collect::<Vec<_>>() {
            let mut record = medium.read(at * 512, 1024);
            record[384..480].fill(0xFF);
            seal(CrcVariant::B, ByteOrder::Big, &mut record);
            medium.write(at * 512, &record);
        }
    }
    rig.reread();
}

/// Case C8. The copy is from before the first update that kept rosters, and calls out another disk: what it says is
/// what the first roster was made from.
#[test]
fn an_older_copy_from_before_there_were_rosters_is_only_old_though_all_its_fellows_were_replaced() {
    let mut rig = container(4);
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let array = rig.create("pair", mirror, &[0, 1]).unwrap();
    for spare in [2, 3] {
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().add_spare(disks, spare, stamp)).unwrap();
    }
    let mut rig = written(rig);
    start(&mut rig, array, 1, &[(0, 0)]);
    strip(&mut rig);
    let (copy, mut later) = (rig.media[1].clone(), rig.only(&[1, 2, 3]));
    start(&mut later, array, 1, &[]);
    for (slot, spare) in [(0, 2), (1, 1)] {
        start(&mut later, array, 1, &[(0, slot)]);
        let (place, stamp) = (Place { set: 0, slot: Slot(slot) }, later.stamp());
        later.edit(|disks| Ddf::new().activate(disks, array, place, spare, stamp)).unwrap();
        later.commit();
        later.reread();
        record(&mut later, array, 0, &RuntimeState { clean: false, ..healthy() });
    }
    rig.take_back(&[1, 2, 3], later);
    rig.media[1] = copy;
    rig.reread();
    let told = rig.told();
    assert_eq!(state(&told, "pair"), ArrayState::Optimal, "{:?}", told.branches);
    // One that has run alone since is not.
    let mut alone = rig.only(&[1]);
    alone.set_clock(5_000);
    start(&mut alone, array, 1, &[]);
    record(
        &mut alone,
        array,
        0,
        &RuntimeState { clean: false, failed: SlotSet::of(Slot(0)), ..healthy() },
    );
    rig.take_back(&[1], alone);
    assert_eq!(state(&rig.told(), "pair"), ArrayState::Forked);
}

/// Case C8. Another implementation ran since: stamps do not tell. The disk that had taken the place of the copy failed
/// there, and knows it.
#[test]
fn an_older_copy_is_not_read_beside_the_failed_disk_that_took_its_place() {
    for (rosters, alone) in [(false, 0), (true, 0), (false, 1), (true, 1), (true, 9)] {
        let mut rig = container(3);
        let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
        let array = rig.create("pair", mirror, &[0, 1]).unwrap();
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().add_spare(disks, 2, stamp)).unwrap();
        let mut rig = written(rig);
        if rosters {
            start(&mut rig, array, 1, &[]);
        }
        let mut copy = rig.only(&[0, 2]);
        start(&mut rig, array, 1, &[(0, 0)]);
        let (place, stamp) = (Place { set: 0, slot: Slot(0) }, rig.stamp());
        rig.edit(|disks| Ddf::new().activate(disks, array, place, 2, stamp)).unwrap();
        let mut rig = written(rig);
        record(&mut rig, array, 0, &RuntimeState { clean: false, ..healthy() });
        for _ in 0..3 {
            record(&mut rig, array, 0, &healthy());
        }
        strip(&mut rig);
        let failed = RuntimeState { failed: SlotSet::of(Slot(0)), ..healthy() };
        record(&mut rig, array, 0, &failed);
        strip(&mut rig);
        copy.set_clock(5_000);
        for _ in 0..alone {
            start(&mut copy, array, 1, &[(0, 1)]);
        }
        rig.media[0] = copy.media[0].clone();
        rig.reread();
        let pair = rig.only(&[0, 2]);
        if alone == 0 {
            assert_eq!(states(&rig.told(), "pair"), [Failed, InSync], "{rosters}");
            assert_eq!(state(&pair.told(), "pair"), ArrayState::Failed, "{rosters}");
        } else {
            assert_eq!(state(&pair.told(), "pair"), ArrayState::Forked, "{rosters} {alone}");
        }
    }
}

/// Case C8. Another implementation ran since, and the rosters begun after that do not name the disk that was replaced:
/// the list does.
#[test]
fn a_replaced_disk_is_only_old_where_rosters_began_again_and_its_last_fellow_failed() {
    let mut rig = container(3);
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let array = rig.create("pair", mirror, &[0, 1]).unwrap();
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().add_spare(disks, 2, stamp)).unwrap();
    let mut rig = written(rig);
    start(&mut rig, array, 1, &[]);
    let mut later = rig.only(&[1, 2]);
    start(&mut later, array, 1, &[(0, 0)]);
    let (place, stamp) = (Place { set: 0, slot: Slot(0) }, later.stamp());
    later.edit(|disks| Ddf::new().activate(disks, array, place, 1, stamp)).unwrap();
    let mut later = written(later);
    record(&mut later, array, 0, &healthy());
    strip(&mut later);
    start(&mut later, array, 1, &[(0, 1)]);
    rig.take_back(&[1, 2], later);
    let told = rig.only(&[0, 2]).told();
    assert!(told.branches.is_empty(), "{:?}", told.branches);
    assert_eq!(states(&rig.told(), "pair"), [InSync, Failed]);
    // One that has run alone since is a fork.
    let mut alone = rig.only(&[0]);
    alone.set_clock(5_000);
    start(&mut alone, array, 1, &[(0, 1)]);
    rig.take_back(&[0], alone);
    assert_eq!(state(&rig.only(&[0, 2]).told(), "pair"), ArrayState::Forked);
}

/// Case C8. The older copy of the only source runs alone, for longer than the others did, beside the disk that was
/// filled from that source.
#[test]
fn an_older_copy_of_a_source_that_ran_for_longer_is_a_fork_beside_the_disk_that_is_filled() {
    for times in 1..8 {
        let mut rig = container(3);
        let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
        let array = rig.create("pair", mirror, &[0, 1]).unwrap();
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().add_spare(disks, 2, stamp)).unwrap();
        let mut rig = written(rig);
        start(&mut rig, array, 1, &[(0, 0)]);
        let mut alone = rig.only(&[1]);
        start(&mut rig, array, 1, &[]);
        let (place, stamp) = (Place { set: 0, slot: Slot(0) }, rig.stamp());
        rig.edit(|disks| Ddf::new().activate(disks, array, place, 2, stamp)).unwrap();
        let mut rig = written(rig);
        let found = rig.state(array, 0).unwrap();
        record(&mut rig, array, 0, &RuntimeState { clean: false, ..found });
        alone.set_clock(5_000);
        for _ in 0..times {
            start(&mut alone, array, 1, &[(0, 0)]);
        }
        rig.take_back(&[1], alone);
        // The disk that was replaced knows both, and is away.
        let told = rig.only(&[1, 2]).told();
        assert_eq!(state(&told, "pair"), ArrayState::Forked, "{times}");
    }
}

/// Case C8. A start records twice what it found. The second time reached disk 0 alone, and the others went on without
/// it, for so long that they forgot runs: that of the first time is where they lost it.
#[test]
fn a_disk_that_a_cut_left_one_update_ahead_is_no_fork_however_long_the_others_run() {
    for times in 0..14 {
        let mut rig = container(4);
        let array = rig.create("ten", raid10(2), &[0, 1, 2, 3]).unwrap();
        let mut rig = written(rig);
        let dirty = RuntimeState { clean: false, ..healthy() };
        for set in [0, 1, 0] {
            record(&mut rig, array, set, &dirty);
        }
        rig.set_state(array, 1, &dirty).unwrap();
        for step in rig.steps(0) {
            if let Stepped::Write(at, bytes) = step {
                rig.media[0].write(at, &bytes);
            }
        }
        rig.reread();
        let mut later = rig.only(&[1, 2, 3]);
        later.set_clock(5_000);
        start(&mut later, array, 2, &[(0, 0)]);
        for _ in 0..times {
            start(&mut later, array, 2, &[]);
        }
        rig.take_back(&[1, 2, 3], later);
        let told = rig.told();
        assert_eq!(states(&told, "ten"), [Stale, InSync, InSync, InSync], "{times}");
        assert!(told.branches.is_empty(), "{times}");
    }
}

/// Case C1. The half that went on did so for longer than its rosters have room for, spares took the places of the
/// others, and a member of it failed that the other half had called missing.
#[test]
fn halves_of_a_striped_mirror_stay_a_fork_when_stamps_do_not_tell_any_more() {
    let mut rig = container(6);
    let array = rig.create("ten", raid10(2), &[0, 1, 2, 3]).unwrap();
    for spare in [4, 5] {
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().add_spare(disks, spare, stamp)).unwrap();
    }
    let mut rig = written(rig);
    let (mut one, mut other) = (rig.only(&[0, 3]), rig.only(&[1, 2, 4, 5]));
    start(&mut one, array, 2, &[(0, 1), (1, 0)]);
    other.set_clock(5_000);
    start(&mut other, array, 2, &[(0, 0), (1, 1)]);
    for (set, slot, spare) in [(0, 0, 3), (1, 1, 2)] {
        let (place, stamp) = (Place { set, slot: Slot(slot) }, other.stamp());
        other.edit(|disks| Ddf::new().activate(disks, array, place, spare, stamp)).unwrap();
        other.commit();
        other.reread();
        let filled = RuntimeState { clean: false, ..healthy() };
        record(&mut other, array, set, &filled);
    }
    for _ in 0..14 {
        start(&mut other, array, 2, &[]);
        for clean in [false, true] {
            record(&mut other, array, 0, &RuntimeState { clean, ..healthy() });
        }
    }
    record(&mut other, array, 1, &RuntimeState { failed: SlotSet::of(Slot(0)), ..healthy() });
    rig.take_back(&[0, 3], one);
    rig.take_back(&[1, 2, 4, 5], other);
    for disks in [&[0, 1, 2, 3, 4, 5][..], &[1, 2, 3, 4, 5]] {
        assert_eq!(state(&rig.only(disks).told(), "ten"), ArrayState::Forked, "{disks:?}");
    }
}

/// Case C8. A start's first record reached one disk alone. The others went on without that disk, and a spare that it has
/// never heard of took its place.
#[test]
fn a_disk_that_a_cut_left_ahead_is_no_fork_beside_a_spare_that_came_since() {
    for ran in [false, true] {
        let mut rig = container(3);
        let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
        let array = rig.create("pair", mirror, &[0, 1]).unwrap();
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().add_spare(disks, 2, stamp)).unwrap();
        let mut rig = written(rig);
        let dirty = RuntimeState { clean: false, ..healthy() };
        start(&mut rig, array, 1, &[]);
        record(&mut rig, array, 0, &dirty);
        rig.set_state(array, 0, &dirty).unwrap();
        for step in rig.steps(1) {
            if let Stepped::Write(at, bytes) = step {
                rig.media[1].write(at, &bytes);
            }
        }
        rig.reread();
        if ran {
            let mut alone = rig.only(&[1]);
            start(&mut alone, array, 1, &[]);
            rig.take_back(&[1], alone);
        }
        let mut later = rig.only(&[0, 2]);
        later.set_clock(5_000);
        start(&mut later, array, 1, &[]);
        start(&mut later, array, 1, &[(0, 1)]);
        let (place, stamp) = (Place { set: 0, slot: Slot(1) }, later.stamp());
        later.edit(|disks| Ddf::new().activate(disks, array, place, 1, stamp)).unwrap();
        let mut later = written(later);
        record(&mut later, array, 0, &dirty);
        record(&mut later, array, 0, &RuntimeState { failed: SlotSet::of(Slot(0)), ..dirty });
        rig.take_back(&[0, 2], later);
        for disks in [&[0, 1, 2][..], &[1, 2]] {
            let told = rig.only(disks).told();
            let expected = if ran { ArrayState::Forked } else { ArrayState::Degraded };
            assert_eq!(state(&told, "pair"), expected, "{ran} {disks:?} {:?}", told.branches);
        }
    }
}

/// Case C8. The others know where they left disk 0, which is there, and forget where they left disk 3 later, which is not.
#[test]
fn a_disk_that_is_away_is_no_fork_beside_one_that_was_left_before_it() {
    for times in 0..14 {
        let mut rig = container(5);
        let array = rig.create("ten", raid10(2), &[0, 1, 2, 3]).unwrap();
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().add_spare(disks, 4, stamp)).unwrap();
        let mut rig = written(rig);
        start(&mut rig, array, 2, &[]);
        rig.live[0] = false;
        start(&mut rig, array, 2, &[(0, 0)]);
        let mut later = rig.only(&[0, 1, 2, 4]);
        later.live[0] = false;
        later.set_clock(5_000);
        start(&mut later, array, 2, &[(1, 1)]);
        let (place, stamp) = (Place { set: 1, slot: Slot(1) }, later.stamp());
        later.edit(|disks| Ddf::new().activate(disks, array, place, 3, stamp)).unwrap();
        let mut later = written(later);
        later.live[0] = false;
        for _ in 0..times {
            start(&mut later, array, 2, &[]);
            let found = later.state(array, 0).unwrap();
            for clean in [true, false] {
                record(&mut later, array, 0, &RuntimeState { clean, ..found });
            }
        }
        rig.take_back(&[0, 1, 2, 4], later);
        let told = rig.told();
        assert!(told.branches.is_empty(), "{times} {:?}", told.branches);
        assert_eq!(states(&told, "ten"), [Failed, InSync, InSync, Rebuilding], "{times}");
    }
}

/// Case C1. The only records of a set that are there are those of the other half: that this half's members are none of
/// them does not mean that it cannot have run.
#[test]
fn a_half_whose_other_set_is_away_with_its_spare_is_a_fork_and_not_void() {
    let mut rig = container(5);
    let array = rig.create("ten", raid10(2), &[0, 1, 2, 3]).unwrap();
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().add_spare(disks, 4, stamp)).unwrap();
    let mut rig = written(rig);
    start(&mut rig, array, 2, &[]);
    let (mut one, mut other) = (rig.only(&[0, 2]), rig.only(&[1, 3, 4]));
    start(&mut one, array, 2, &[(0, 1), (1, 1)]);
    other.set_clock(5_000);
    start(&mut other, array, 2, &[(0, 0), (1, 0)]);
    let (place, stamp) = (Place { set: 1, slot: Slot(0) }, other.stamp());
    other.edit(|disks| Ddf::new().activate(disks, array, place, 2, stamp)).unwrap();
    let mut other = written(other);
    // The spare is filled; then the disk that it was filled from fails, and is filled as well.
    let whole = RuntimeState { clean: false, ..healthy() };
    record(&mut other, array, 1, &whole);
    let slot = SlotSet::of(Slot(1));
    record(&mut other, array, 1, &RuntimeState { failed: slot, ..whole });
    record(&mut other, array, 1, &RuntimeState { rebuilding: slot, ..whole });
    rig.take_back(&[0, 2], one);
    rig.take_back(&[1, 3, 4], other);
    for disks in [&[0, 1, 2, 3, 4][..], &[0, 1, 2]] {
        let told = rig.only(disks).told();
        assert_eq!(state(&told, "ten"), ArrayState::Forked, "{disks:?}");
        // The place of the spare is not one that was lost.
        let lost = told.branches.iter().filter(|branch| branch.disks.contains(&1));
        let lost: Vec<Place> = lost.flat_map(|branch| branch.failed.clone()).collect();
        assert_eq!(lost, [Place { set: 0, slot: Slot(0) }], "{disks:?}");
    }
}
