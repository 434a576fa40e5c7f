// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows that cannot be read, or not be written.

use super::rig::*;
use super::scenarios;
use crate::world::native;
use crate::*;
use raid_core::metadata::{BadRows, Capabilities, Operation};
use raid_core::units::{Row, Rows, Slot};
use std::vec::Vec;

scenarios! {
    fn scenario_29_an_unreadable_source_row_with_and_without_room_for_bad_ranges() {
        let mut rig = Rig::rebuilding(2, 1);
        rig.write(0, 16);
        rig.spoiled = [(0, 5), (0, 6)].into();
        rig.hold_records = false;
        rig.start_held();
        while rig.copies.first().is_none_or(|wanted| wanted.rows.start < Row(4)) {
            rig.copy();
            rig.settle();
        }
        rig.hold_records = true;
        for _ in 0..3 {
            rig.copy();
            rig.settle();
        }
        let done = rig.core.marks().unwrap().done;
        assert!(done <= Row(4), "the mark passed {done:?} before the record of the bad range");
        assert!(rig.last_record().bad.contains(&BadRows { slot: Slot(1), rows: Rows::new(5, 2) })
            || rig.last_record().bad.contains(&BadRows { slot: Slot(1), rows: Rows::new(5, 1) }));
        rig.run();
        let bad = rig.disks[0].record().unwrap().1.bad;
        assert_eq!(bad, [BadRows { slot: Slot(1), rows: Rows::new(5, 2) }]);
        assert_eq!(rig.core.status().rebuilding, NONE, "in sync, but for two rows");
        let read = |rig: &Rig, row| rig.core.plan_read(Rows::new(row, 8), NONE).unwrap();
        assert_eq!(read(&rig, 5).from, slots(&[0]), "never from the bad range");
        assert_eq!(read(&rig, 3).rows, Rows::new(3, 2), "cut at its edge");
        // It is known after a restart as well.
        rig.power_cut(&[true, true], &[]);
        rig.run();
        assert_eq!(rig.core.plan_read(Rows::new(6, 1), NONE).unwrap().from, slots(&[0]));
        // No list, or a full one: the operation stops and says where.
        for room in [0, 1] {
            let format = Capabilities { bad_ranges: room, ..native::capabilities() };
            let mut rig = Rig::new(config(2), filling(1), format);
            rig.spoiled = [(0, 5), (0, 9)].into();
            rig.start_held();
            for _ in 0..8 {
                if !rig.copies.is_empty() {
                    rig.copy();
                }
                rig.settle();
            }
            let row = Row(if room == 0 { 5 } else { 9 });
            assert_eq!(rig.finished(), [Finish::NoRoomForBadRanges(row)]);
            assert_eq!(rig.core.status().rebuilding, slots(&[1]), "never silently in sync");
            let told = rig.told.contains(&Notice::BadRanges(Filling::Full));
            assert_eq!(told, room == 1, "{:?}", rig.told);
        }
    }

    fn scenario_30_a_write_over_a_bad_range() {
        let mut rig = Rig::mirror(2);
        let grant = rig.go(5, 2);
        assert!(rig.core.unwritable(Slot(1), Rows::new(5, 2)));
        let Ack::After(seq) = rig.done(&grant, &[]) else {
            panic!("acknowledged before the bad range is recorded")
        };
        assert_eq!(rig.core.plan_read(Rows::new(5, 1), NONE).unwrap().from, slots(&[0]));
        rig.settle();
        assert!(rig.woken.contains(&WaitFor::Record(seq)));
        assert_eq!(rig.last_record().bad.len(), 1);
        rig.hold_flushes = true;
        rig.write(5, 1);
        rig.settle();
        assert_eq!(rig.core.plan_read(Rows::new(5, 1), NONE).unwrap().from, slots(&[0]), "not yet");
        assert_eq!(rig.flushes.len(), 1, "removing it is a raise");
        rig.flush(NONE);
        rig.settle();
        let left = [BadRows { slot: Slot(1), rows: Rows::new(6, 1) }];
        assert_eq!(rig.last_record().bad, left);
        assert_eq!(rig.core.plan_read(Rows::new(5, 1), NONE).unwrap().from, slots(&[0, 1]));
        assert_eq!(rig.core.plan_read(Rows::new(6, 1), NONE).unwrap().from, slots(&[0]));
    }

    fn scenario_31_the_list_of_bad_ranges_at_its_edges() {
        // Overlaps, merges, splits and the 513th entry against a naive set: `bad_range`. Here: a full
        // list fails the member, and says so in time.
        let mut rig = Rig::mirror(2);
        for row in [0, 4, 8] {
            assert!(rig.core.unwritable(Slot(1), Rows::new(row, 1)));
            assert!(rig.core.unwritable(Slot(1), Rows::new(row, 2)), "overlaps");
        }
        assert!(rig.core.unwritable(Slot(1), Rows::new(12, 1)));
        rig.settle();
        assert!(rig.told.contains(&Notice::BadRanges(Filling::Full)));
        assert!(rig.core.unwritable(Slot(1), Rows::new(13, 1)), "a neighbour needs no room");
        assert_eq!(rig.core.status().failed, NONE);
        assert!(!rig.core.unwritable(Slot(1), Rows::new(15, 1)));
        rig.settle();
        assert_eq!(rig.core.status().failed, slots(&[1]));
    }

    fn scenario_35_a_check_of_equal_copies_under_load() {
        let mut rig = Rig::mirror(2);
        rig.hold_copies = true;
        let time = rig.time();
        rig.core.start(time, Operation::Check, AboveMark::Skip).unwrap();
        rig.settle();
        for row in (0..ROWS).cycle().take(100) {
            rig.write(row, 1);
            if row % 7 == 0 && !rig.copies.is_empty() {
                rig.copy();
            }
            rig.settle();
        }
        rig.run();
        assert_eq!(rig.core.status().window_waits, 0, "no writer waits");
        // A look that falls into the middle of a write sees a difference that is none.
        let time = rig.time();
        rig.hold_copies = true;
        rig.core.start(time, Operation::Check, AboveMark::Skip).unwrap();
        rig.settle();
        let wanted = rig.copies.remove(0);
        let grant = rig.go(1, 1);
        rig.disks[0].write(1, 1000, false);
        let torn = rig.move_data(&wanted);
        assert_eq!(torn.mismatched, 1);
        rig.core.copied(time, wanted.window, torn).unwrap();
        rig.settle();
        assert!(rig.copies.is_empty(), "the second look waits for the write");
        rig.disks[1].write(1, 1000, false);
        assert_eq!(rig.done(&grant, &[]), Ack::Now);
        rig.run();
        let status = rig.core.status();
        assert_eq!(status.mismatches, 0);
        assert_eq!(rig.finished(), [Finish::Complete; 2]);
    }

    fn scenario_36_a_planted_difference() {
        let mut rig = Rig::mirror(3);
        rig.disks[2].write(6, 66, true);
        let mut seen = Vec::new();
        for operation in [Operation::Check, Operation::Repair, Operation::Check] {
            let time = rig.time();
            rig.core.start(time, operation, AboveMark::Skip).unwrap();
            if operation == Operation::Repair {
                rig.hold_copies = true;
                rig.settle();
                rig.copy();
                rig.settle();
                let look = rig.copies[0];
                assert!(look.targets.is_empty() && look.verify == Verify::Compare);
                rig.copy();
                rig.settle();
                let fix = rig.copies[0];
                assert!(rig.blocked(6).is_some(), "it fixes with writers kept out");
                assert_eq!(fix.verify, Verify::CompareAndFix(Policy::Majority));
            }
            rig.run();
            seen.push(rig.core.status().mismatches);
        }
        assert_eq!(seen, [1, 1, 0]);
        let told: Vec<_> = rig.told.iter().filter_map(|notice| match notice {
            Notice::Mismatch { rows, differing, repaired } => Some((*rows, *differing, *repaired)),
            _ => None,
        }).collect();
        assert_eq!(told, [(Rows::new(4, 4), 1, 0), (Rows::new(4, 4), 1, 1)]);
        rig.assert_whole();
    }

    fn scenario_37_a_repair_beside_a_rebuilding_member_and_bad_ranges() {
        let mut rig = Rig::mirror(3);
        assert!(rig.core.unwritable(Slot(0), Rows::new(5, 1)));
        rig.settle();
        rig.fail(2);
        rig.replace(2);
        rig.hold_copies = true;
        let time = rig.time();
        rig.core.start(time, Operation::Repair, AboveMark::Skip).unwrap();
        rig.settle();
        assert_eq!(rig.copies[0].from, slots(&[0, 1]), "the waiting member is no truth");
        rig.copy();
        rig.settle();
        let wanted = rig.copies[0];
        assert_eq!((wanted.rows.start, wanted.from), (Row(4), slots(&[1])), "nor is a bad range");
        rig.run();
        rig.assert_equal();
    }
}
