// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine on a format that only this test knows: a whole life, with power cuts.

use crate::array::{create, create_on, geometry, good, options, start, start_on};
use crate::format::{NATIVE, TOY};
use raid_array::backplane::Simulated;
use raid_array::engine::{Engine, OpenError};
use raid_array::workload::{ArrayEngine, Rig};
use raid_core::array::{Geometry, Level, Place, Placement};
use raid_core::units::{Lba, Rows, Slot, SlotSet};
use raid_sync::{Finish, Notice, Refusal, Time};

fn place(set: u16, slot: u8) -> Place {
    Place { set, slot: Slot(slot) }
}

/// Work, fail, rebuild, power cut in the middle, start again, finish.
fn life(geometry: Geometry, failures: &[Place], seed: u64) {
    let (array, media) = create(geometry, 1);
    let mut rig = start(array, media, Time(0), seed, None, options(false)).unwrap();
    rig.work(200);
    good(&rig, "healthy");
    let mut pulled = Vec::new();
    for place in failures {
        let disk = rig.engine.disk_at(*place).unwrap();
        rig.backplane.faults(disk).pull();
        pulled.push(disk);
        rig.work(200);
        good(&rig, "degraded");
        assert!(rig.engine.status(place.set).failed.contains(place.slot));
    }
    let spare = usize::from(geometry.slots * geometry.sets);
    rig.engine.take_spare(rig.now(), failures[0], spare).unwrap();
    let goal = rig.engine.layout().rows() / 2;
    rig.work_until(|rig| {
        rig.engine.status(failures[0].set).marks.is_some_and(|marks| marks.done.0 > goal)
    });
    good(&rig, "rebuilding");
    let now = rig.now();
    let (backplane, oracle, tally, version) = rig.cut_power();
    let mut media = backplane.cut_power().unwrap();
    pulled.sort_unstable();
    pulled.iter().rev().for_each(|disk| drop(media.remove(*disk)));
    let mut rig = start(array, media, now, seed + 1, Some(oracle), options(false))
        .unwrap_or_else(|error| panic!("{error}"));
    rig.carry_over(tally, version);
    rig.adopt_all();
    good(&rig, "after the power cut");
    rig.work_until(|rig| rig.engine.status(failures[0].set).rebuilding.is_empty());
    rig.settle();
    rig.verify_all();
    good(&rig, "rebuilt");
    assert!(
        rig.wait_until(|rig| rig.engine.is_idle()),
        "seed {seed}: work is left that nothing moves"
    );
}

#[test]
fn a_raid6_lives_through_two_failures_and_a_power_cut_in_mid_rebuild() {
    for seed in 0..6 {
        let geometry = geometry(Level::Raid6, Placement::NContinue, 6, 1);
        life(geometry, &[place(0, (seed % 6) as u8), place(0, ((seed + 2) % 6) as u8)], seed);
    }
}

#[test]
fn a_raid5_lives_through_a_failure_and_a_power_cut_in_mid_rebuild() {
    for seed in 0..6 {
        life(
            geometry(Level::Raid5, Placement::NContinue, 4, 1),
            &[place(0, (seed % 4) as u8)],
            seed,
        );
    }
}

#[test]
fn mirrors_live_through_failures_and_a_power_cut_in_mid_rebuild() {
    for seed in 0..6 {
        life(geometry(Level::Raid1, Placement::Fixed, 3, 1), &[place(0, (seed % 3) as u8)], seed);
        let striped = geometry(Level::Raid1, Placement::Fixed, 2, 2);
        life(striped, &[place(1, (seed % 2) as u8), place(0, 1)], seed);
    }
}

/// While a RAID-6 lacks two members one other holds the journal. When a rebuilt member becomes that
/// one, it must hold the whole of it.
#[test]
fn the_journal_moves_to_a_member_that_was_rebuilt() {
    let geometry = geometry(Level::Raid6, Placement::NContinue, 6, 1);
    for seed in 0..8 {
        let (array, media) = create(geometry, 1);
        let mut rig = start(array, media, Time(0), seed, None, options(false)).unwrap();
        rig.work(50);
        rig.backplane.faults(0).pull();
        rig.backplane.faults(5).pull();
        rig.work(50);
        rig.engine.take_spare(rig.now(), place(0, 0), 6).unwrap();
        rig.work_until(|rig| !rig.seated.is_empty());
        rig.work_until(|rig| rig.engine.status(0).rebuilding.is_empty());
        // Too little work for the journal to begin anew because it is full.
        rig.backplane.faults(1).pull();
        rig.work(12);
        good(&rig, "one member rebuilt, another lost");
        let now = rig.now();
        let (backplane, oracle, ..) = rig.cut_power();
        let mut media = backplane.cut_power().unwrap();
        [5, 1, 0].into_iter().for_each(|disk| drop(media.remove(disk)));
        let mut rig = start(array, media, now, seed, Some(oracle), options(false))
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        rig.adopt_all();
        good(&rig, "after the power cut");
    }
}

/// A member that is lost together with the power: nothing has recorded its failure, so no journal was
/// kept, and rows in flight cannot be told from whole ones.
#[test]
fn a_parity_set_that_was_open_and_lost_a_member_with_the_power_is_refused_without_force() {
    let geometry = geometry(Level::Raid5, Placement::NContinue, 4, 1);
    let (array, media) = create(geometry, 0);
    let mut rig = start(array, media, Time(0), 3, None, options(false)).unwrap();
    rig.work(100);
    let now = rig.now();
    let (backplane, ..) = rig.cut_power();
    let mut media = backplane.cut_power().unwrap();
    drop(media.remove(1));
    let (discovery, media) = crate::array::look(media);
    let mut backplane = Simulated::new(media, 4, now);
    let before = discovery.arrays[0].descriptor;
    let refused = Engine::open(&TOY, &discovery, array, &mut backplane, options(false));
    match refused {
        Err(OpenError::Refused {
            set: 0,
            missing,
            why: Refusal::DirtyAndDegraded { .. },
            at_risk,
            rows,
            journal: None,
            risks,
        }) => {
            assert_eq!(
                risks.risks(),
                [raid_array::trust::Risk::UncleanDegraded],
                "what would start it"
            );
            assert_eq!(missing, SlotSet::of(Slot(1)));
            assert_eq!(at_risk, [Rows::new(0, rows)], "one flag for the whole set");
        }
        other => panic!("{other:?}"),
    }
    let (again, media) = crate::array::look(backplane.cut_power().unwrap());
    assert_eq!(again.arrays[0].descriptor, before, "a refused start changes nothing");
    let mut backplane = Simulated::new(media, 5, now);
    let forced = Engine::open(&TOY, &again, array, &mut backplane, options(true));
    assert!(forced.is_ok_and(|engine| engine.status(0).failed.contains(Slot(1))));
}

#[test]
fn a_set_that_has_lost_too_much_fails_its_requests_and_says_which_slots_are_missing() {
    let geometry = geometry(Level::Raid5, Placement::NContinue, 4, 1);
    let (array, media) = create(geometry, 0);
    let mut rig = start(array, media, Time(0), 3, None, options(false)).unwrap();
    rig.work(50);
    for disk in [0, 2] {
        rig.backplane.faults(disk).pull();
    }
    rig.work(50);
    rig.settle();
    assert!(rig.tally.errors.iter().any(|error| error.contains("slots missing: {0, 2}")));
    assert_eq!(rig.tally.wrong_count, 0, "{:?}", rig.tally.wrong);
    assert!(rig.wait_until(|rig| rig.engine.is_idle()), "work is left that nothing moves");
}

/// A copy goes on with the sources that are left, and does not take rows for lost that others hold.
#[test]
fn a_source_that_fails_during_a_rebuild_is_replaced_by_another() {
    let geometry = geometry(Level::Raid1, Placement::Fixed, 3, 1);
    for seed in 0..4 {
        let (array, media) = create(geometry, 1);
        let mut rig = start(array, media, Time(0), seed, None, options(false)).unwrap();
        rig.work(50);
        rig.backplane.faults(2).pull();
        rig.work_until(|rig| rig.engine.status(0).failed.contains(Slot(2)));
        rig.engine.take_spare(rig.now(), place(0, 2), 3).unwrap();
        rig.work_until(|rig| rig.engine.status(0).marks.is_some_and(|marks| marks.done.0 > 256));
        rig.notices.clear();
        // The source of the windows that are open.
        rig.backplane.faults(0).pull();
        rig.settle();
        rig.wait_until(|rig| {
            rig.notices.iter().any(|(_, notice)| matches!(notice, Notice::Finished { .. }))
        });
        let ends: Vec<_> = (rig.notices.iter())
            .filter_map(|(_, notice)| match notice {
                Notice::Finished { why, .. } => Some(*why),
                _ => None,
            })
            .collect();
        assert_eq!(ends, [Finish::Complete], "seed {seed}");
        let status = rig.engine.status(0);
        assert_eq!(status.failed, SlotSet::of(Slot(0)));
        rig.verify_all();
        good(&rig, "rebuilt");
    }
}

/// Where the format keeps regions the refusal names the rows that may be damaged, and a forced start
/// finds every other row as it was.
#[test]
fn what_a_refused_start_calls_at_risk_is_all_that_may_be_lost() {
    let geometry = geometry(Level::Raid5, Placement::NContinue, 4, 1);
    let mut lost = 0;
    for seed in 0..8 {
        let (array, media) = create_on(&NATIVE, geometry, 0).unwrap();
        let started = start_on(&NATIVE, array, media, (Time(0), seed), None, options(false));
        let mut rig = started.unwrap();
        rig.work(60);
        // Everything is recorded as clean; then a few writes are caught by the cut.
        rig.flush();
        rig.engine.quiesce(rig.now());
        assert!(rig.wait_until(|rig| rig.engine.status(0).clean), "seed {seed}");
        let mut left = 12;
        rig.work_until(|rig| {
            let status = rig.engine.status(0);
            left -= u32::from(!status.clean && !status.unrecorded && status.tickets > 1);
            left == 0
        });
        let now = rig.now();
        let (backplane, oracle, ..) = rig.cut_power();
        let mut media = backplane.cut_power().unwrap();
        drop(media.remove(1));
        let (discovery, media) = crate::array::look_for(&NATIVE, media);
        let mut backplane = Simulated::new(media, seed, now);
        let refused = Engine::open(&NATIVE, &discovery, array, &mut backplane, options(false));
        let Err(error) = refused else { panic!("seed {seed}: started") };
        let text = error.to_string();
        let OpenError::Refused { at_risk, rows, .. } = error else { panic!("seed {seed}: {text}") };
        let total: u64 = at_risk.iter().map(|range| range.len).sum();
        assert!(total > 0 && total < rows, "seed {seed}: {at_risk:?}");
        assert!(text.contains(&format!("at risk: {total} of {rows} rows: ")), "{text}");
        let media = backplane.cut_power().unwrap();
        let started =
            start_on(&NATIVE, array, media, (now, seed), Some(oracle), options(true)).unwrap();
        let mut rig = started;
        rig.adopt_all();
        lost += rig.tally.wrong_count;
        for wrong in &rig.tally.wrong {
            let row = wrong.sector / (16 * 3) * 16;
            let listed = at_risk.iter().any(|range| (range.start.0..range.end().0).contains(&row));
            assert!(listed, "seed {seed}: {wrong} is not in {at_risk:?}");
        }
    }
    assert!(lost > 0, "nothing was ever lost: the test sees nothing");
}

/// The only copy of a row cannot be read while it is copied: where the format keeps bad ranges the member
/// stays, the row is on the list, and the list outlives a power cut. A user who reads the row is told. Once the row can
/// be copied after all, it leaves the list.
#[test]
fn an_unreadable_block_is_kept_as_a_bad_range_over_a_restart() {
    let geometry = geometry(Level::Raid1, Placement::Fixed, 2, 1);
    let options = options(false);
    let (array, media) = create_on(&NATIVE, geometry, 1).unwrap();
    let mut rig = start_on(&NATIVE, array, media, (Time(0), 5), None, options).unwrap();
    rig.work(60);
    rig.flush();
    rig.backplane.faults(1).pull();
    rig.work_until(|rig| {
        let status = rig.engine.status(0);
        status.failed.contains(Slot(1)) && !status.unrecorded
    });
    rig.settle();
    let bad = 777;
    let block = rig.engine.start_of(place(0, 0)).unwrap().0 + bad;
    rig.backplane.faults(0).make_unreadable(Lba(block));
    rig.engine.take_spare(rig.now(), place(0, 1), 2).unwrap();
    rig.wait_until(|rig| !rig.seated.is_empty());
    let ended = |rig: &Rig| {
        let status = rig.engine.status(0);
        status.operation.is_none() && !status.unrecorded && rig.engine.is_idle()
    };
    assert!(rig.wait_until(ended));
    let kept = |rig: &Rig| {
        let status = rig.engine.status(0);
        assert_eq!((status.bad_ranges, status.unrecorded), (1, false), "{status:?}");
        assert!(status.failed.is_empty(), "{status:?}");
    };
    kept(&rig);
    good(&rig, "nobody has read the row");
    rig.verify_all();
    assert_eq!((rig.tally.errors.len(), rig.tally.wrong_count), (1, 0), "{:?}", rig.tally);
    kept(&rig);
    let now = rig.now();
    let (backplane, oracle, ..) = rig.cut_power();
    let mut media = backplane.cut_power().unwrap();
    drop(media.remove(1));
    let started = start_on(&NATIVE, array, media, (now, 6), Some(oracle), options);
    let mut rig = started.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(rig.engine.status(0).bad_ranges, 1, "the list was lost with the power");
    // The exchanged medium can be read again: the resync that the power cut owes fills the gap.
    assert!(rig.wait_until(ended));
    assert_eq!(rig.engine.status(0).bad_ranges, 0);
    rig.verify_all();
    good(&rig, "after the resync");
}
