// SPDX-License-Identifier: MIT OR Apache-2.0
//! The power goes.

use super::rig::*;
use super::scenarios;
use crate::world::native;
use crate::*;
use raid_core::metadata::Operation;
use raid_core::units::{Row, Slot};

/// A rebuild with its first window copied, its checkpoint's flush held.
fn at_the_flush() -> Rig {
    let mut rig = Rig::rebuilding(2, 1);
    rig.write(0, 16);
    rig.core.quiesce();
    rig.run_until_clean();
    rig.start_held();
    rig.hold_flushes = true;
    rig.copy();
    rig.settle();
    assert_eq!(rig.flushes.len(), 1, "the checkpoint waits for a flush of all");
    assert_eq!(rig.flushes[0].1, slots(&[0, 1]));
    rig
}

impl Rig {
    pub(crate) fn run_until_clean(&mut self) {
        for _ in 0..20 {
            self.settle();
            if self.core.status().clean {
                return;
            }
            self.now = self.core.deadline().map_or(self.now, |at| at.0.max(self.now));
        }
        panic!("not clean: {:?}", self.core.status());
    }
}

scenarios! {
    fn scenario_10_a_crash_between_the_copy_and_the_flush() {
        let mut rig = at_the_flush();
        rig.power_cut(&[true, false], &[]);
        assert_eq!(rig.core.debt(Slot(1)), Some(4), "the mark was not durable");
        rig.run();
        rig.assert_whole();
    }

    fn scenario_11_a_crash_between_the_flush_and_the_record() {
        let mut rig = at_the_flush();
        rig.hold_records = true;
        rig.flush(NONE);
        rig.settle();
        assert_eq!(rig.last_record().state.mark(), Row(4));
        rig.power_cut(&[false, false], &[]);
        rig.run();
        assert_eq!(rig.copied[0].start, Row(0), "copied again");
        rig.assert_whole();
    }

    fn scenario_12_a_crash_with_the_record_on_some_members() {
        for holder in [0, 1] {
            let mut rig = at_the_flush();
            rig.hold_records = true;
            rig.flush(NONE);
            rig.settle();
            let image = rig.last_record().clone();
            rig.disks[holder].store(1000, &image, None);
            rig.power_cut(&[false, false], &[]);
            rig.run();
            assert_eq!(rig.copied[0].start, Row(4), "the newest valid record is true");
            rig.assert_whole();
        }
    }

    fn scenario_13_a_crash_with_a_torn_record() {
        for torn in 0..200 {
            let mut rig = at_the_flush();
            rig.hold_records = true;
            rig.flush(NONE);
            rig.settle();
            let image = rig.last_record().clone();
            rig.disks[0].store(1000, &image, Some(torn));
            rig.disks[1].store(1000, &image, Some(200 - torn));
            rig.power_cut(&[false, false], &[]);
            rig.run();
            assert_eq!(rig.copied[0].start, Row(0), "no trust is gained");
            rig.assert_whole();
        }
    }

    fn scenario_14_a_clean_stop_in_the_middle_of_a_rebuild() {
        for capabilities in [native::capabilities(), flag_only()] {
            let mut rig = Rig::new(config(2), filling(1), capabilities);
            rig.start_held();
            rig.copy();
            rig.settle();
            rig.core.pause().unwrap();
            rig.copy();
            rig.settle();
            rig.core.quiesce();
            rig.run_until_clean();
            rig.power_cut(&[false, false], &[]);
            rig.run();
            assert_eq!(rig.copied[0].start, Row(8), "goes on at the mark");
            rig.assert_whole();
        }
    }

    fn scenario_15_an_unclean_stop_of_a_rebuild_with_one_flag() {
        let mut rig = Rig::new(config(2), filling(1), flag_only());
        rig.start_held();
        rig.copy();
        rig.settle();
        let write = rig.go(1, 1);
        rig.send(&write);
        rig.power_cut(&[true, false], &[]);
        rig.run();
        assert_eq!(rig.copied[0].start, Row(0), "nothing below the mark may be trusted");
        rig.assert_whole();
    }

    fn scenario_16_an_unclean_stop_of_a_rebuild_with_a_region_log() {
        let mut rig = Rig::rebuilding(2, 1);
        rig.start_held();
        for _ in 0..2 {
            rig.copy();
            rig.settle();
        }
        assert_eq!(rig.core.marks().unwrap().durable, Row(8));
        let write = rig.go(1, 1);
        rig.send(&write);
        rig.power_cut(&[true, false], &[]);
        assert_eq!(rig.core.owed(), Some(Operation::Rebuild { targets: slots(&[1]) }));
        rig.hold_copies = false;
        rig.run();
        let starts: std::vec::Vec<u64> = rig.copied.iter().map(|rows| rows.start.0).collect();
        assert_eq!(starts, [0, 8, 12], "the dirty region, then from the mark");
        rig.assert_whole();
    }

    fn scenario_21_a_write_fails_on_one_leg_and_the_power_goes_before_its_record() {
        for access in [FUA, PLAIN] {
            let relaxed = Config { strict: false, ..config(3) };
            let mut rig = Rig::new(relaxed, clean(), native::capabilities());
            rig.write(5, 1);
            rig.core.quiesce();
            rig.run_until_clean();
            let Admit::Wait(_) = rig.admit(5, 1, access) else { panic!("not yet dirty") };
            rig.settle();
            let Admit::Go(grant) = rig.admit(5, 1, access) else { panic!() };
            let value = 99;
            for slot in [0, 1] {
                rig.disks[slot].write(5, value, access == FUA);
            }
            rig.hold_records = true;
            let ack = rig.done(&grant, &[2]);
            rig.settle();
            let promised = ack == Ack::Now && access == FUA;
            assert!(!promised, "a promise without a record: {ack:?}");
            let flush = rig.core.complete_flush(NONE);
            assert!(matches!(flush, Ack::After(_)), "a flush is a promise: {flush:?}");
            // Only the member that missed the write comes back: nothing was promised, nothing is lost.
            rig.power_cut(&[false, false, false], &[0, 1]);
            rig.run();
            rig.assert_equal();
        }
    }
}
