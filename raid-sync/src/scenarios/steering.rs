// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pause, resume, bounds, abort.

use super::rig::*;
use super::scenarios;
use crate::*;
use raid_core::metadata::Operation;
use raid_core::units::{Row, Rows};

scenarios! {
    fn scenario_32_a_pause_in_every_state_of_a_window() {
        for state in ["closing", "active", "landed"] {
            let mut rig = Rig::rebuilding(2, 1);
            let limits = Limits { windows: 2, ..rig.config.limits };
            rig.core.set_limits(limits);
            let held = (state == "closing").then(|| rig.go(1, 1));
            rig.start_held();
            let waited = rig.blocked(2).expect("it keeps writers out");
            if state == "landed" {
                rig.copies.swap(0, 1);
                rig.copy();
            }
            rig.core.pause().unwrap();
            while !rig.copies.is_empty() {
                rig.copy();
            }
            rig.settle();
            let status = rig.core.status();
            assert_eq!((status.phase, status.windows), (Phase::Paused, 0), "{state}");
            assert!(rig.woken.contains(&WaitFor::Window(waited)), "{state}");
            let done = status.marks.unwrap().done;
            assert_eq!(status.marks.unwrap().issued, done);
            // Writes during the pause go where the cursor says.
            for row in [0, 3, 4, 7, 8, 15] {
                if held.is_some() && row == 1 {
                    continue;
                }
                let grant = rig.go(row, 1);
                let expected = if Row(row) < done { slots(&[0, 1]) } else { slots(&[0]) };
                assert_eq!(grant.must, expected, "{state} row {row}");
                rig.send(&grant);
                assert_eq!(rig.done(&grant, &[]), Ack::Now);
            }
            if let Some(held) = held {
                rig.send(&held);
                assert_eq!(rig.done(&held, &[]), Ack::Now);
            }
            let time = rig.time();
            rig.core.resume(time).unwrap();
            rig.run();
            rig.assert_whole();
        }
        // Given up while it pauses: nothing that was not copied counts as copied.
        let mut rig = Rig::rebuilding(2, 1);
        rig.start_held();
        let waited = rig.blocked(1).unwrap();
        rig.core.pause().unwrap();
        rig.core.abort().unwrap();
        rig.copies.clear();
        let time = rig.time();
        rig.core.copied(time, waited, CopyResult::default()).unwrap();
        rig.settle();
        assert!(rig.woken.contains(&WaitFor::Window(waited)));
        assert_eq!(rig.core.plan_read(Rows::new(0, 1), NONE).unwrap().from, slots(&[0]));
        rig.run();
        rig.assert_whole();
        // Given up between windows as well.
        let mut rig = Rig::rebuilding(2, 1);
        let held = rig.go(6, 1);
        rig.start_held();
        rig.copy();
        rig.settle();
        let waited = rig.blocked(5).expect("the second window is closing");
        rig.core.abort().unwrap();
        rig.settle();
        assert!(rig.woken.contains(&WaitFor::Window(waited)), "{:?}", rig.woken);
        assert_eq!(rig.core.plan_read(Rows::new(5, 1), NONE).unwrap().from, slots(&[0]));
        rig.send(&held);
        assert_eq!(rig.done(&held, &[]), Ack::Now);
        rig.run();
        rig.assert_whole();
    }

    fn scenario_33_bounds_below_the_position_and_inside_a_window() {
        let mut rig = Rig::mirror(2);
        rig.hold_copies = true;
        let time = rig.time();
        rig.core.start(time, Operation::Check, AboveMark::Skip).unwrap();
        rig.settle();
        rig.copy();
        rig.settle();
        rig.core.set_range(Rows::new(0, 1)).unwrap();
        assert_eq!(rig.core.marks().unwrap().limit, Row(8), "at the border of what is open");
        rig.copy();
        rig.settle();
        assert_eq!(rig.finished(), [Finish::Paused]);
        rig.core.set_range(Rows::new(8, 3)).unwrap();
        let time = rig.time();
        rig.core.resume(time).unwrap();
        rig.settle();
        assert_eq!(rig.copies[0].rows, Rows::new(8, 3), "cut at the bound");
        rig.copy();
        rig.settle();
        assert_eq!(rig.core.marks().unwrap().done, Row(11));
        rig.core.set_range(Rows::new(11, u64::MAX - 11)).unwrap();
        let time = rig.time();
        rig.core.resume(time).unwrap();
        rig.run();
        assert_eq!(rig.finished(), [Finish::Paused, Finish::Paused, Finish::Complete]);
        for refused in [Rows::new(16, 1), Rows::new(0, 0), Rows::new(u64::MAX, 1)] {
            assert!(rig.core.set_range(refused).is_err());
        }
    }

    fn scenario_48_a_stop_during_the_end_and_during_an_abort() {
        // While it finishes.
        let mut rig = Rig::rebuilding(2, 1);
        rig.start_held();
        for window in 0..4 {
            rig.hold_flushes = window == 3;
            rig.copy();
            rig.settle();
        }
        assert_eq!(rig.core.status().phase, Phase::Finishing);
        assert_eq!(rig.core.pause(), Err(Refusal::NoOperation), "too late for a pause");
        rig.core.abort().unwrap();
        rig.settle();
        let debt = rig.disks[0].record().unwrap().1;
        assert!(debt.state.rebuilding == slots(&[1]), "not in sync: {debt:?}");
        rig.power_cut(&[true, false], &[]);
        rig.run();
        rig.assert_whole();
        // While it is given up.
        let mut rig = Rig::rebuilding(2, 1);
        rig.start_held();
        rig.core.abort().unwrap();
        assert_eq!(rig.core.abort(), Err(Refusal::NoOperation));
        assert_eq!(rig.core.pause(), Err(Refusal::NoOperation));
        rig.settle();
        assert_eq!(rig.core.status().phase, Phase::Aborting, "the copy under way must end first");
        rig.power_cut(&[false, false], &[]);
        rig.run();
        rig.assert_whole();
    }
}
