// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nobody waits for ever, and nothing grows.

use super::rig::*;
use super::scenarios;
use crate::world::native;
use crate::world::random::Random;
use crate::*;
use raid_core::metadata::Operation;
use raid_core::units::Row;
use std::collections::HashSet;

scenarios! {
    fn scenario_5_writes_to_one_row_without_end_do_not_stop_the_pass() {
        let mut rig = Rig::rebuilding(2, 1);
        rig.write(6, 1);
        rig.start_held();
        let mut waited = HashSet::new();
        for _ in 0..100 {
            if rig.operation().is_none() {
                break;
            }
            match rig.blocked(6) {
                Some(window) => {
                    waited.insert(window);
                }
                None => rig.write(6, 1),
            }
            if !rig.copies.is_empty() {
                rig.copy();
            }
            rig.settle();
        }
        assert_eq!(rig.finished(), [Finish::Complete]);
        assert!(waited.len() <= 1, "more than one window held up the same row");
        rig.assert_whole();
    }

    fn scenario_6_sync_at_full_speed_holds_a_writer_up_for_one_window_at_most() {
        let mut random = Random::new(6);
        let mut rig = Rig::rebuilding(2, 1);
        rig.start_held();
        while rig.operation().is_some() {
            let row = random.below(ROWS);
            let mut copies = 0;
            while rig.blocked(row).is_some() {
                rig.copy();
                copies += 1;
                rig.settle();
            }
            assert!(copies <= 1, "a writer waited for {copies} windows");
            if !rig.copies.is_empty() {
                rig.copy();
            }
            rig.settle();
        }
        rig.assert_whole();
    }

    fn scenario_34_rates_that_change_and_clocks_that_jump() {
        let mut rig = Rig::mirror(2);
        let year = 31_536_000_000_000_000;
        let mut limits = rig.config.limits;
        // 40 rows a second at least, whatever users do: a window of 4 rows in 100 ms.
        (limits.min_rate, limits.max_rate, limits.yield_for) = (40, u64::MAX, 1_000_000_000);
        rig.core.set_limits(limits);
        rig.write(0, 1);
        let time = rig.time();
        rig.core.start(time, Operation::Check, AboveMark::Skip).unwrap();
        let mut last = rig.core.status().marks.unwrap().done;
        for step in [100_000_000, year, 0, 200_000_000] {
            let users = rig.admit(15, 1, PLAIN);
            if let Admit::Go(grant) = users {
                assert_eq!(rig.done(&grant, &[]), Ack::Now);
            }
            rig.settle();
            let done = rig.core.status().marks.map_or(Row(16), |marks| marks.done);
            assert!(done.0 - last.0 <= 4, "a burst after a jump: {last:?} to {done:?}");
            last = done;
            rig.now = rig.now.saturating_sub(5).saturating_add(step);
        }
        assert!(last > Row(4), "the minimum was not kept: {last:?}");
        limits.min_rate = 0;
        limits.max_rate = 0;
        rig.core.set_limits(limits);
        rig.settle();
        let stopped = rig.core.status().marks.map(|marks| marks.done);
        rig.now += year;
        rig.settle();
        assert_eq!(rig.core.status().marks.map(|marks| marks.done), stopped);
        rig.core.set_limits(Limits { max_rate: u64::MAX, yield_for: 0, ..limits });
        rig.run();
        assert_eq!(rig.finished(), [Finish::Complete]);
    }

    fn scenario_39_full_tables_and_ten_thousand_waiters() {
        let mut rig = Rig::mirror(2);
        let held = [0, 4, 8, 12].map(|row| rig.go(row, 1));
        for _ in 0..10_000 {
            assert_eq!(rig.admit(3, 1, PLAIN), Admit::Wait(WaitFor::Ticket));
        }
        for grant in &held {
            assert_eq!(rig.done(grant, &[]), Ack::Now);
        }
        rig.settle();
        assert!(rig.woken.contains(&WaitFor::Ticket));
        // 10⁴ that wait for one record are one bit in the core, and one wake.
        let mut rig = Rig::mirror(2);
        let mut parked = HashSet::new();
        for row in (0..ROWS).cycle().take(10_000) {
            match rig.admit(row, 1, PLAIN) {
                Admit::Wait(wait @ WaitFor::Record(_)) => parked.insert(wait),
                other => panic!("{other:?}"),
            };
        }
        assert_eq!(parked.len(), 1);
        rig.settle();
        assert_eq!(rig.woken.len(), 1);
        for row in 0..ROWS {
            rig.write(row, 1);
        }
        // All windows open: the writers wait for theirs, and all are served.
        let mut rig = Rig::rebuilding(2, 1);
        let limits = Limits { windows: 2, ..rig.config.limits };
        rig.core.set_limits(limits);
        rig.start_held();
        assert_eq!(rig.core.status().windows, 2);
        assert!((0..8).all(|row| rig.blocked(row).is_some()));
        rig.run();
        assert!((0..8).all(|row| rig.blocked(row).is_none()));
    }
}

/// Who waits for the dirty record writes before the set is clean again, however short the idle time is.
#[test]
fn a_set_without_idle_time_is_not_clean_before_the_writer_has_had_its_turn() {
    for format in [native::capabilities(), flag_only()] {
        let limits = Limits { clean_after_idle: 0, ..config(2).limits };
        let mut rig = Rig::new(Config { limits, ..config(2) }, clean(), format);
        for row in [3, 3, 9] {
            rig.write(row, 1);
            rig.run();
            assert!(rig.core.status().clean);
        }
    }
}
