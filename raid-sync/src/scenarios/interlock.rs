// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes against windows and cursors.

use super::rig::*;
use super::scenarios;
use crate::*;
use raid_core::units::{Row, Rows, Slot};
use std::vec::Vec;

scenarios! {
    fn scenario_1_writes_below_and_above_the_cursor() {
        let mut rig = Rig::rebuilding(2, 1);
        rig.start_held();
        rig.copy();
        rig.settle();
        assert_eq!(rig.go(2, 1).must, slots(&[0, 1]), "below");
        let above = rig.go(9, 1);
        assert_eq!((above.must, above.may), (slots(&[0]), NONE), "above");
        // Copied, but not yet counted: the lower window is still open.
        let mut rig = Rig::rebuilding(2, 1);
        let limits = Limits { windows: 2, ..rig.config.limits };
        rig.core.set_limits(limits);
        rig.start_held();
        rig.copies.swap(0, 1);
        rig.copy();
        rig.settle();
        assert_eq!(rig.go(5, 1).must, slots(&[0, 1]), "what was copied is kept up to date");
    }

    fn scenario_2_a_write_across_the_cursor_the_window_and_both_is_cut_and_never_lost() {
        let mut rig = Rig::rebuilding(2, 1);
        rig.start_held();
        rig.copy();
        rig.settle();
        rig.core.pause().unwrap();
        rig.copy();
        rig.settle();
        assert_eq!(rig.core.marks().unwrap().issued, Row(8));
        let across = rig.go(7, 3);
        assert_eq!((across.rows, across.must), (Rows::new(7, 1), slots(&[0, 1])));
        rig.send(&across);
        assert_eq!(rig.done(&across, &[]), Ack::Now);
        let time = rig.time();
        rig.core.resume(time).unwrap();
        rig.settle();
        // The window is [8, 12): a write into it from below, out of it, and over all of it.
        assert_eq!(rig.go(7, 9).rows, Rows::new(7, 1));
        for row in 8..12 {
            assert!(rig.blocked(row).is_some(), "row {row} is in the window");
        }
        assert_eq!(rig.go(12, 4).rows, Rows::new(12, 4));
    }

    fn scenario_3_a_write_to_the_row_being_copied_waits_and_the_copy_waits_for_older_ones() {
        let mut rig = Rig::rebuilding(2, 1);
        let older = rig.go(1, 1);
        rig.start_held();
        assert!(rig.copies.is_empty(), "before read: the window waits for the write");
        rig.send(&older);
        assert_eq!(rig.done(&older, &[]), Ack::Now);
        rig.settle();
        let wanted = rig.copies[0];
        assert_eq!(rig.blocked(1), Some(wanted.window), "between read and write");
        rig.copy();
        rig.settle();
        assert!(rig.woken.contains(&WaitFor::Window(wanted.window)));
        assert_eq!(rig.blocked(1), None, "after write");
        rig.run();
        rig.assert_whole();
    }

    fn scenario_4_two_overlapping_tickets_in_either_order() {
        for first in [0, 1] {
            let shared = Config { overlap: false, ..config(2) };
            let mut rig =
                Rig::new(shared, filling(1), crate::world::native::capabilities());
            let (a, b) = (rig.go(1, 2), rig.go(2, 2));
            let other = rig.go(12, 1);
            rig.start_held();
            let order = if first == 0 { [a, b] } else { [b, a] };
            rig.send(&a);
            rig.send(&b);
            assert_eq!(rig.done(&other, &[]), Ack::Now);
            rig.settle();
            assert!(rig.copies.is_empty(), "a write elsewhere is none of its business");
            assert_eq!(rig.done(&order[0], &[]), Ack::Now);
            rig.settle();
            assert!(rig.copies.is_empty(), "one of them is still in flight");
            assert_eq!(rig.done(&order[1], &[]), Ack::Now);
            rig.settle();
            assert_eq!(rig.copies.len(), 1);
        }
    }

    fn scenario_7_writes_admitted_before_the_start_are_part_of_the_copy() {
        let mut rig = Rig::mirror(2);
        rig.fail(1);
        rig.replace(1);
        let early: Vec<Grant> = [0, 5, 13].map(|row| rig.go(row, 1)).into();
        rig.start_held();
        assert!(rig.copies.is_empty());
        for grant in &early {
            assert_eq!(grant.must, slots(&[0]));
            rig.send(grant);
            assert_eq!(rig.done(grant, &[]), Ack::Now);
        }
        rig.run();
        rig.assert_whole();
    }

    fn scenario_8_a_write_between_the_last_copy_and_the_record_in_sync() {
        for fails in [false, true] {
            let mut rig = Rig::rebuilding(2, 1);
            rig.hold_copies = true;
            rig.start();
            for window in 0..4 {
                rig.hold_flushes = window == 3;
                rig.copy();
                rig.settle();
            }
            assert_eq!(rig.core.status().phase, Phase::Finishing);
            let late = rig.go_past_the_flush(15);
            assert_eq!(late.must, slots(&[0, 1]), "the target is still a must");
            rig.send(&late);
            // The record still calls the target untrusted: no promise depends on another one.
            assert_eq!(rig.done(&late, if fails { &[1] } else { &[] }), Ack::Now);
            rig.run();
            let status = rig.core.status();
            assert_eq!(status.failed.contains(Slot(1)), fails, "{status:?}");
            assert!(!rig.disks[0].record().unwrap().1.state.rebuilding.contains(Slot(1)));
            rig.assert_equal();
        }
    }

    fn scenario_9_sizes_that_fit_nothing_and_a_region_owed_behind_the_cursor() {
        for size in [1, 3, 4, 5, 13, 17, 31] {
            let odd = Config { rows: size, ..config(2) };
            let mut rig = Rig::new(odd, filling(1), crate::world::native::capabilities());
            rig.run();
            rig.assert_whole();
            assert_eq!(rig.copied.iter().map(|rows| rows.len).sum::<u64>(), size);
        }
        let mut rig = Rig::mirror(2);
        rig.core.owe_rows(Rows::new(13, 1)).unwrap();
        rig.start_held();
        assert_eq!(rig.copies[0].rows, Rows::new(12, 4), "only what is owed");
        // A request was cut off behind the cursor, just before the end.
        rig.disks[1].write(2, 77, false);
        rig.core.owe_rows(Rows::new(2, 1)).unwrap();
        rig.run();
        assert_eq!(rig.finished(), [Finish::Complete]);
        assert_eq!(rig.copied[1], Rows::new(0, 4), "the pass went back");
        rig.assert_whole();
    }

    fn scenario_38_overlapping_writes_reach_all_members_in_one_order() {
        let mut rig = Rig::mirror(2);
        let first = rig.go(3, 2);
        let wait = WaitFor::Overlap(first.ticket);
        assert_eq!(rig.admit(4, 2, PLAIN), Admit::Wait(wait));
        rig.send(&first);
        assert_eq!(rig.done(&first, &[]), Ack::Now);
        rig.settle();
        assert!(rig.woken.contains(&wait));
        rig.write(4, 2);
        rig.assert_whole();
    }
}

impl Rig {
    /// A write during the last flush: what it waits for may need another record, and no more.
    fn go_past_the_flush(&mut self, row: u64) -> Grant {
        for _ in 0..3 {
            match self.admit(row, 1, PLAIN) {
                Admit::Go(grant) => return grant,
                _ => self.settle(),
            }
        }
        panic!("the write waits for the end of the rebuild")
    }
}
