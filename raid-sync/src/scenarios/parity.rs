// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parity sets: the write hole, and rows as units.

use super::rig::*;
use super::scenarios;
use crate::world::native::{self, Image};
use crate::*;
use raid_core::array::Initialisation;
use raid_core::metadata::{Capabilities, Progress, RegionRecord, RuntimeState};
use raid_core::units::{Row, Rows, Slot};
use std::vec::Vec;

fn parity() -> Config {
    Config { redundancy: Redundancy::Parity(1), ..config(3) }
}

scenarios! {
    fn scenario_43_an_unclean_and_degraded_start() {
        let unclean = RuntimeState { clean: false, ..clean() };
        let mut image = Image::plain(unclean);
        image.regions = [0, 1, 0, 1].map(RegionRecord).into();
        let absent = Config { absent: slots(&[2]), ..parity() };
        let found = image.found(&[]);
        let start = |start| restored(absent, &found, native::capabilities(), start);
        let refused = Refusal::DirtyAndDegraded { trusted: 2, members: 3 };
        assert_eq!(start(Start::Normal).unwrap_err(), refused);
        let mut risk: Vec<Rows> = Vec::new();
        rows_at_risk::<4>(&absent, &found, native::capabilities(), |rows| risk.push(rows));
        assert_eq!(risk, [Rows::new(4, 4), Rows::new(12, 4)]);
        risk.clear();
        rows_at_risk::<4>(&absent, &found, flag_only(), |rows| risk.push(rows));
        assert_eq!(risk, [Rows::new(0, 16)], "one flag: all of it");
        assert!(start(Start::Force).is_ok());
        assert!(start(Start::JournalReplayed).unwrap().owed().is_none());
        let mut clean = image.clone();
        clean.state.clean = true;
        clean.regions.clear();
        let clean = clean.found(&[]);
        assert!(restored(absent, &clean, native::capabilities(), Start::Normal).is_ok());
    }

    fn scenario_44_a_write_to_another_column_of_a_row_being_rebuilt() {
        let mut core =
            restored(parity(), &Found::plain(filling(2)), native::capabilities(), Start::Normal).unwrap();
        let owed = core.owed().unwrap();
        core.start(Time(1), owed, AboveMark::Skip).unwrap();
        let mut window = None;
        for _ in 0..100 {
            let Some(command) = core.poll(Time(1)) else { break };
            match command {
                Command::Persist { seq, .. } => core.persisted(Time(1), seq, NONE).unwrap(),
                Command::Flush { id, .. } => core.flushed(Time(1), id, NONE).unwrap(),
                Command::Copy { window: id, rows, .. } => window = Some((id, rows)),
                _ => {}
            }
        }
        let (window, rows) = window.unwrap();
        // Whatever column it is for, the row is what counts.
        for row in rows.start.0..rows.end().0 {
            let admitted = core.admit(Time(1), Rows::new(row, 1), PLAIN);
            assert_eq!(admitted, Admit::Wait(WaitFor::Window(window)));
        }
        let read = core.admit(Time(1), Rows::new(0, 1), Access::Reconstruct);
        let Admit::Go(read) = read else { panic!("the window writes only slot 2: {read:?}") };
        assert!(!read.read.contains(Slot(2)));
    }
}

#[test]
fn a_forced_start_without_one_member_comes_to_rest() {
    let nameless = Capabilities { failure: false, ..flag_only() };
    for format in [flag_only(), nameless, native::capabilities()] {
        let set = Config { absent: slots(&[2]), ..parity() };
        let unclean = RuntimeState { clean: false, ..clean() };
        let mut core = restored(set, &Found::plain(unclean), format, Start::Force).unwrap();
        let (mut now, mut waits) = (Time(1), 0);
        loop {
            while let Some(command) = core.poll(now) {
                match command {
                    Command::Persist { seq, .. } => core.persisted(now, seq, NONE).unwrap(),
                    Command::Flush { id, .. } => core.flushed(now, id, NONE).unwrap(),
                    Command::Wake(_) | Command::Notice(_) => {}
                    Command::Copy { .. } => panic!("nothing can be copied"),
                }
            }
            let Some(deadline) = core.deadline() else { break };
            (now, waits) = (deadline, waits + 1);
            assert!(waits < 20, "{format:?}: a deadline for ever");
        }
    }
}

type Step = fn(&mut Core);

/// A resync of a parity set to which these things happen, the first when its rows agree up to `row`, and each other
/// one when it has come to rest after it. What its last record says, and whether the operator was told of a
/// write hole.
fn resynced(format: Capabilities, row: u64, steps: &[Step]) -> (RuntimeState, bool) {
    let unclean = RuntimeState { clean: false, ..clean() };
    let mut core = restored(parity(), &Found::plain(unclean), format, Start::Normal).unwrap();
    let (mut said, mut hole, mut steps) = (unclean, false, steps.iter());
    let (mut now, mut begun) = (Time(1), false);
    core.start(now, core.owed().unwrap(), AboveMark::Skip).unwrap();
    for _ in 0..40 {
        while let Some(command) = core.poll(now) {
            match command {
                Command::Persist { seq, .. } => {
                    said = core.snapshot(seq).unwrap();
                    core.persisted(now, seq, NONE).unwrap();
                }
                Command::Flush { id, .. } => core.flushed(now, id, NONE).unwrap(),
                Command::Copy { window, rows, .. } => {
                    core.copied(now, window, CopyResult::good(rows.len)).unwrap();
                }
                Command::Notice(Notice::WriteHole) => hole = true,
                Command::Wake(_) | Command::Notice(_) => {}
            }
            if !begun && core.marks().is_some_and(|marks| marks.done.0 >= row) {
                begun = true;
                steps.next().unwrap()(&mut core);
            }
        }
        if let Some(step) = steps.next() {
            step(&mut core);
        } else if let Some(owed) = core.owed() {
            core.start(now, owed, AboveMark::Skip).unwrap();
        }
        core.quiesce();
        now = core.deadline().map_or(Time(now.0 + 1), |at| at.max(now));
    }
    assert!(begun, "{:?}", core.status());
    (said, hole)
}

/// Whether a set of which a record said this starts without its second member.
fn starts_short(format: Capabilities, said: &RuntimeState) -> Result<Core, Refusal> {
    let absent = Config { absent: slots(&[1]), ..parity() };
    let mut image = Image::plain(*said);
    image.regions = [RegionRecord(0); 4].into();
    restored(absent, &image.found(&[]), format, Start::Normal)
}

/// Found by lives 110062 of DDF with marks.
#[test]
fn a_set_that_loses_a_member_when_all_rows_agree_is_recorded_as_resynchronised() {
    let fails: Step = |core| core.member_failed(Slot(1));
    let stands: Step = |core| {
        assert_eq!(core.status().phase, Phase::Paused);
        core.member_failed(Slot(1));
    };
    let ends: Step = |core| {
        core.abort().unwrap();
        core.member_failed(Slot(1));
    };
    let all: [&[Step]; 3] = [&[fails], &[|core| core.pause().unwrap(), stands], &[ends]];
    for format in [flag_only(), native::capabilities()] {
        for steps in all {
            let (said, hole) = resynced(format, ROWS, steps);
            let settled = RuntimeState { failed: slots(&[1]), ..clean() };
            assert_eq!((said, hole), (settled, false), "{format:?}");
            assert!(starts_short(format, &said).is_ok());
        }
        // Where a row is owed, what the member held there cannot be computed.
        let (said, hole) = resynced(format, ROWS - 4, &[fails]);
        assert!(said.operation().is_some() && hole, "{format:?}: {said:?}");
        let refused = starts_short(format, &said).unwrap_err();
        let expected = match said.clean {
            true => Refusal::ResyncOwedAndDegraded { trusted: 2, members: 3 },
            false => Refusal::DirtyAndDegraded { trusted: 2, members: 3 },
        };
        assert_eq!(refused, expected, "{format:?}");
    }
}

/// They are those of which no position says that parity agrees; whether the set was in use does not matter.
#[test]
fn rows_that_a_resync_had_left_at_a_clean_stop_are_at_risk() {
    use raid_core::metadata::Operation;
    let at = |mark| RuntimeState {
        progress: Some(Progress { operation: Operation::Resync, mark: Row(mark) }),
        ..clean()
    };
    let risks = |state: RuntimeState, format: Capabilities| {
        let image = Image::plain(state);
        let mut risks = Vec::new();
        rows_at_risk::<4>(&parity(), &image.found(&[]), format, |rows| risks.push(rows));
        risks
    };
    let young = RuntimeState { initialisation: Initialisation::None, ..clean() };
    for format in [flag_only(), native::capabilities()] {
        assert_eq!(risks(at(4), format), [Rows::new(4, ROWS - 4)]);
        assert_eq!(risks(at(ROWS), format), []);
        assert_eq!(risks(young, format), [Rows::new(0, ROWS)]);
        assert_eq!(risks(clean(), format), []);
        let unmarked = Capabilities { mark: false, ..format };
        assert_eq!(risks(at(4), unmarked), [Rows::new(0, ROWS)], "a format that keeps no position");
    }
}

/// The power went after the last position was recorded, and before the end was.
#[test]
fn a_mark_at_the_last_row_does_not_keep_a_short_set_from_starting() {
    use raid_core::metadata::Operation;
    let at = |mark| RuntimeState {
        progress: Some(Progress { operation: Operation::Resync, mark: Row(mark) }),
        ..clean()
    };
    for format in [flag_only(), native::capabilities()] {
        assert!(matches!(
            starts_short(format, &at(ROWS - 4)),
            Err(Refusal::ResyncOwedAndDegraded { trusted: 2, members: 3 })
        ));
        let mut core = starts_short(format, &at(ROWS)).unwrap();
        let owed = core.owed().unwrap();
        core.start(Time(1), owed, AboveMark::Skip).unwrap();
        let (mut said, mut now) = (None, Time(1));
        for _ in 0..4 {
            core.quiesce();
            while let Some(command) = core.poll(now) {
                match command {
                    Command::Persist { seq, .. } => {
                        said = core.snapshot(seq);
                        core.persisted(now, seq, NONE).unwrap();
                    }
                    Command::Flush { id, .. } => core.flushed(now, id, NONE).unwrap(),
                    Command::Copy { .. } => panic!("nothing can be copied"),
                    Command::Wake(_) | Command::Notice(_) => {}
                }
            }
            now = core.deadline().unwrap_or(now);
        }
        let settled = RuntimeState { failed: slots(&[1]), ..clean() };
        assert_eq!(said, Some(settled), "{format:?}");
        assert_eq!(core.owed(), None);
    }
}
