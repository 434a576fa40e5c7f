// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parity sets: the write hole, and rows as units.

use super::rig::*;
use super::scenarios;
use crate::world::native::{self, Image};
use crate::*;
use raid_core::metadata::{Capabilities, RuntimeState};
use raid_core::units::{Rows, Slot};
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
        let start = |start| Core::restore(absent, &found, native::capabilities(), start);
        let refused = Refusal::DirtyAndDegraded { trusted: 2, members: 3 };
        assert_eq!(start(Start::Normal).unwrap_err(), refused);
        let mut risk: Vec<Rows> = Vec::new();
        rows_at_risk::<4>(&absent, &found, native::capabilities(), |rows| risk.push(rows));
        assert_eq!(risk, [Rows::new(4, 4), Rows::new(12, 4)]);
        risk.clear();
        rows_at_risk::<4>(&absent, &found, flag_only(), |rows| risk.push(rows));
        assert_eq!(risk, [Rows::new(0, 16)], "one flag: all of it");
        assert!(start(Start::Force).is_ok());
        assert!(start(Start::LedgerReplayed).unwrap().owed().is_none());
        let mut clean = image.clone();
        clean.state.clean = true;
        clean.regions.clear();
        let clean = clean.found(&[]);
        assert!(Core::restore(absent, &clean, native::capabilities(), Start::Normal).is_ok());
    }

    fn scenario_44_a_write_to_another_column_of_a_row_being_rebuilt() {
        let mut core =
            Core::new(parity(), &filling(2), native::capabilities(), Start::Normal).unwrap();
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
        let mut core = Core::new(set, &unclean, format, Start::Force).unwrap();
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
