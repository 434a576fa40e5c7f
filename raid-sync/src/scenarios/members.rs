// SPDX-License-Identifier: MIT OR Apache-2.0
//! Members that fail, return, and are taken for others.

use super::rig::*;
use super::scenarios;
use crate::defect::freshest;
use crate::world::native;
use crate::*;
use raid_core::metadata::{Generation, MemberKey, Operation, Seen, SplitBrain};
use raid_core::units::{Row, Rows, Slot};
use std::vec::Vec;

fn copied_rows(rig: &Rig) -> u64 {
    rig.copied.iter().map(|rows| rows.len).sum()
}

/// A rebuild of slot 1 that has come this far, with its checkpoint durable.
fn half_rebuilt(members: u16, to: u64) -> Rig {
    let mut rig = Rig::mirror(members);
    rig.write(0, 16);
    rig.core.quiesce();
    rig.run_until_clean();
    rig.fail(1);
    rig.replace(1);
    rig.start_held();
    while rig.core.marks().unwrap().done < Row(to) {
        rig.copy();
        rig.settle();
    }
    rig
}

scenarios! {
    fn scenario_17_the_target_fails_in_every_state_of_a_window() {
        for state in ["closing", "active", "landed"] {
            let mut rig = Rig::rebuilding(2, 1);
            let limits = Limits { windows: 2, ..rig.config.limits };
            rig.core.set_limits(limits);
            let held = (state == "closing").then(|| rig.go(1, 1));
            rig.start_held();
            let window = rig.blocked(2).expect("it keeps writers out");
            if state == "landed" {
                // The second window is done, the first is not.
                rig.copies.swap(0, 1);
                rig.copy();
            }
            rig.fail(1);
            while !rig.copies.is_empty() {
                rig.copy();
            }
            rig.settle();
            assert!(rig.woken.contains(&WaitFor::Window(window)), "{state}: {:?}", rig.woken);
            assert_eq!(rig.finished(), [Finish::TargetFailed], "{state}");
            assert_eq!(rig.last_record().state.failed, slots(&[1]));
            if let Some(held) = held {
                assert_eq!(rig.done(&held, &[]), Ack::Now);
            }
            assert_eq!(rig.go(2, 1).must, slots(&[0]));
        }
    }

    fn scenario_18_the_only_source_fails() {
        let mut rig = half_rebuilt(2, 8);
        rig.core.member_failed(Slot(0));
        while !rig.copies.is_empty() {
            rig.copy();
        }
        rig.settle();
        assert!(rig.told.contains(&Notice::SetFailed));
        assert!(rig.core.plan_read(Rows::new(12, 1), NONE).is_err(), "nothing there is true");
        assert!(matches!(rig.admit(0, 1, PLAIN), Admit::Refuse(_)));
        let record = rig.disks[1].record().unwrap().1;
        assert_eq!(record.state.mark(), Row(8), "the last record stands");
        assert_eq!(record.state.rebuilding, slots(&[1]));
        let promise = rig.core.complete_flush(NONE);
        assert_eq!(promise, Ack::NoCopyLeft);
    }

    fn scenario_19_one_of_two_sources_fails_during_a_checkpoint() {
        let mut rig = half_rebuilt(3, 4);
        rig.hold_flushes = true;
        rig.copy();
        rig.settle();
        assert_eq!(rig.flushes.len(), 1);
        rig.core.member_failed(Slot(0));
        rig.settle();
        let record = rig.last_record();
        assert_eq!(record.state.failed, slots(&[0]), "the failure comes first");
        assert_eq!(record.state.mark(), Row(4), "what was prepared is dropped");
        rig.run_all_but(0);
        rig.assert_equal();
    }

    fn scenario_20_a_member_fails_while_a_clean_record_waits() {
        let mut rig = Rig::mirror(3);
        rig.write(0, 1);
        rig.hold_flushes = true;
        rig.core.quiesce();
        rig.settle();
        assert_eq!(rig.flushes.len(), 1);
        let now = rig.time();
        let write = rig.core.clone().admit(now, Rows::new(0, 1), PLAIN);
        assert!(matches!(write, Admit::Wait(WaitFor::Record(_))), "it counts as clean: {write:?}");
        rig.flush(slots(&[2]));
        rig.settle();
        let (.., first) = rig.records.iter().find(|(.., image)| !image.state.failed.is_empty()).unwrap();
        assert!(!first.state.clean, "the failure first, and then clean");
        rig.run();
        let last = rig.last_record();
        assert!(last.state.clean && last.regions[0].debt() != 0, "clean, and owed: {last:?}");
    }

    fn scenario_22_a_flush_fails_on_one_member() {
        let mut rig = Rig::mirror(2);
        rig.write(0, 1);
        let Ack::After(seq) = rig.core.complete_flush(slots(&[1])) else {
            panic!("a flush is acknowledged before the record of its failure")
        };
        rig.settle();
        assert_eq!(rig.last_record().state.failed, slots(&[1]));
        assert!(rig.woken.contains(&WaitFor::Record(seq)));
        assert_eq!(rig.core.complete_flush(NONE), Ack::Now);
    }

    fn scenario_23_a_failed_member_alone_then_the_other_then_both() {
        let mut rig = Rig::mirror(2);
        rig.write(0, 1);
        rig.fail(1);
        rig.write(0, 2);
        let seen = |rig: &Rig, slot: u8| {
            let (number, image) = rig.disks[usize::from(slot)].record().unwrap();
            let generation = image.generation;
            let (absent, filling) = (image.state.failed, image.state.rebuilding);
            Seen { slot: Slot(slot), generation, number, absent, filling }
        };
        // The failed one is found last.
        let both = [seen(&rig, 0), seen(&rig, 1)];
        let verdict = freshest(&both, 64).unwrap().unwrap();
        assert_eq!((verdict.newest, verdict.stale), (0, slots(&[1])), "stale, though it is found last");
        // A record on its way to all has reached one of them.
        let ahead = Seen { absent: NONE, ..both[0] };
        let behind = Seen { number: ahead.number - 1, generation: ahead.generation, ..both[1] };
        let verdict = freshest(&[behind, ahead], 64).unwrap().unwrap();
        assert_eq!((verdict.newest, verdict.stale), (1, NONE), "the higher number");
        // It runs alone for a while, where the other cannot be seen.
        rig.restart_from(1, &[0]);
        rig.write(3, 1);
        let both = [seen(&rig, 0), seen(&rig, 1)];
        let split = freshest(&both, 64);
        assert_eq!(split, Err(SplitBrain { one: Slot(0), other: Slot(1) }));
        // The same when it is given to the one that runs.
        rig.restart_from(0, &[1]);
        let newer = rig.disks[1].record().unwrap().1.generation;
        let key = rig.disks[1].key;
        for (more, absent) in [(5, NONE), (0, slots(&[0]))] {
            let ahead = Generation(newer.0 + more);
            let own = Seen { absent, ..Seen::plain(Slot(1), ahead) };
            let refused = rig.core.member_returned(Slot(1), key, &own);
            assert_eq!(refused, Err(Refusal::Diverged(Slot(1))), "{more} generations ahead");
        }
    }

    fn scenario_24_a_member_returns_after_some_writes() {
        for capabilities in [native::capabilities(), flag_only()] {
            let mut rig = Rig::new(config(2), clean(), capabilities);
            rig.write(0, 16);
            rig.core.quiesce();
            rig.run_until_clean();
            rig.fail(1);
            rig.write(5, 1);
            rig.write(14, 2);
            rig.core.quiesce();
            rig.run_until_clean();
            assert_eq!(rig.give_back(1), Ok(Return::Partial { regions: 2 }));
            rig.write(9, 1);
            rig.run();
            assert_eq!(copied_rows(&rig), 12, "{:?}", rig.copied);
            rig.assert_whole();
        }
        // And over a restart, where the format has a place for it.
        let mut rig = Rig::mirror(2);
        rig.write(0, 16);
        rig.core.quiesce();
        rig.run_until_clean();
        rig.fail(1);
        rig.write(5, 1);
        rig.core.quiesce();
        rig.run_until_clean();
        rig.power_cut(&[false, false], &[1]);
        rig.write(14, 1);
        rig.power_cut(&[true, false], &[1]);
        rig.settle();
        assert_eq!(rig.give_back(1), Ok(Return::Partial { regions: 2 }));
        rig.run();
        assert_eq!(copied_rows(&rig), 8, "{:?}", rig.copied);
        rig.assert_whole();
    }

    fn scenario_25_a_half_rebuilt_member_returns() {
        for to in [0, 4, 8, 12] {
            let mut rig = half_rebuilt(2, to);
            rig.fail(1);
            while !rig.copies.is_empty() {
                rig.copy();
            }
            rig.settle();
            let left = 4 - u32::try_from(to).unwrap() / 4;
            assert_eq!(rig.give_back(1), Ok(Return::Partial { regions: left }), "{to}");
            rig.copied.clear();
            rig.run();
            assert_eq!(copied_rows(&rig), 16 - to, "{to}: {:?}", rig.copied);
            rig.assert_whole();
            // Another generation, e.g. a backup of it: from the beginning.
            let mut rig = half_rebuilt(2, to);
            rig.write(if to < 12 { 15 } else { 0 }, 1);
            rig.fail(1);
            while !rig.copies.is_empty() {
                rig.copy();
            }
            rig.settle();
            let key = rig.disks[1].key;
            let old = Generation(u64::MAX - 3);
            assert_eq!(rig.core.member_returned(Slot(1), key, &Seen::plain(Slot(1), old)), Ok(Return::Full));
        }
    }

    fn scenario_26_another_disk_in_the_slot_of_a_half_rebuilt_one() {
        let mut rig = half_rebuilt(2, 8);
        rig.core.pause().unwrap();
        rig.copy();
        rig.settle();
        rig.core.quiesce();
        rig.run_until_clean();
        // Somebody exchanges the disk while the power is off.
        let record = rig.disks[1].record().unwrap();
        rig.disks[1] = crate::world::disk::Disk::new(16, 0xdead);
        rig.disks[1].key = MemberKey::new(4711);
        rig.disks[1].store(record.0, &record.1, None);
        rig.power_cut(&[true, true], &[]);
        rig.run();
        assert_eq!(copied_rows(&rig), 16, "from 0");
        rig.assert_whole();
        // And while the set runs.
        let mut rig = Rig::mirror(2);
        rig.write(0, 16);
        rig.fail(1);
        let seen = rig.disks[1].record().unwrap().1.generation;
        rig.disks[1] = crate::world::disk::Disk::new(16, 0xdead);
        assert_eq!(rig.core.member_returned(Slot(1), MemberKey::new(4711), &Seen::plain(Slot(1), seen)), Ok(Return::Full));
        rig.run();
        rig.assert_whole();
    }

    fn scenario_27_a_member_fails_during_its_partial_resync_and_returns_again() {
        let mut rig = Rig::mirror(2);
        rig.write(0, 16);
        rig.core.quiesce();
        rig.run_until_clean();
        rig.fail(1);
        rig.write(2, 1);
        rig.core.quiesce();
        rig.run_until_clean();
        rig.give_back(1).unwrap();
        rig.start_held();
        rig.fail(1);
        rig.copy();
        rig.settle();
        rig.write(10, 1);
        rig.core.quiesce();
        rig.run_until_clean();
        rig.copied.clear();
        assert_eq!(rig.give_back(1), Ok(Return::Partial { regions: 2 }), "the union");
        rig.run();
        assert_eq!(copied_rows(&rig), 8);
        rig.assert_whole();
    }

    fn scenario_28_a_third_member_is_absent_during_a_rebuild_and_a_resync() {
        // A rebuild changes nothing that the third one holds.
        let mut rig = Rig::mirror(3);
        rig.write(0, 16);
        rig.core.quiesce();
        rig.run_until_clean();
        rig.fail(2);
        rig.fail(1);
        rig.replace(1);
        rig.run();
        assert_eq!(rig.give_back(2), Ok(Return::Partial { regions: 0 }));
        rig.run();
        rig.assert_whole();
        // A resync does: what it writes, the third one owes.
        let mut rig = Rig::mirror(3);
        rig.write(0, 16);
        rig.core.quiesce();
        rig.run_until_clean();
        rig.fail(2);
        rig.disks[0].write(6, 50, true);
        rig.disks[1].write(6, 60, true);
        rig.core.owe_rows(Rows::new(6, 1)).unwrap();
        rig.run();
        rig.core.quiesce();
        rig.run_until_clean();
        assert_eq!(rig.give_back(2), Ok(Return::Partial { regions: 1 }));
        rig.run();
        rig.assert_whole();
    }

    fn scenario_41_a_spare_takes_over_while_a_check_runs() {
        let mut rig = Rig::mirror(3);
        rig.hold_copies = true;
        let time = rig.time();
        rig.core.start(time, Operation::Check, AboveMark::Skip).unwrap();
        rig.settle();
        rig.core.member_failed(Slot(2));
        rig.settle();
        assert_eq!(rig.core.member_joined(Slot(2)), Err(Refusal::Busy), "a copy names it");
        rig.copy();
        rig.core.pause().unwrap();
        rig.settle();
        while !rig.copies.is_empty() {
            rig.copy();
        }
        rig.settle();
        rig.core.abort().unwrap();
        rig.settle();
        rig.replace(2);
        rig.start();
        let announced = rig.last_record().state;
        assert_eq!(announced.rebuilding, slots(&[2]), "its record comes before its copies");
        rig.run();
        rig.assert_whole();
    }

    fn scenario_42_two_members_fail_at_once_and_there_is_one_spare() {
        let mut rig = Rig::mirror(3);
        rig.write(0, 1);
        let grant = rig.go(3, 1);
        rig.send(&grant);
        assert!(matches!(rig.done(&grant, &[0, 2]), Ack::After(_)));
        rig.settle();
        assert_eq!(rig.last_record().state.failed, slots(&[0, 2]));
        rig.replace(2);
        assert_eq!(rig.core.owed(), Some(Operation::Rebuild { targets: slots(&[2]) }));
        rig.run();
        let status = rig.core.status();
        assert_eq!((status.failed, status.rebuilding), (slots(&[0]), NONE));
        rig.assert_equal();
    }
}

impl Rig {
    fn run_all_but(&mut self, _gone: u8) {
        self.run();
    }

    /// A new core from what one member says.
    fn restart_from(&mut self, slot: u8, absent: &[u8]) {
        let image = self.disks[usize::from(slot)].record().unwrap().1;
        let seated: std::vec::Vec<_> = (0u8..)
            .map(Slot)
            .zip(&self.disks)
            .map(|(slot, disk)| Seated { slot, key: disk.key })
            .collect();
        // Where it runs alone, it is taken for what it was when it left.
        let config = Config { absent: slots(absent), ..self.config };
        let found = image.found(&seated);
        self.core = restored(config, &found, self.capabilities, Start::Normal).unwrap();
        self.before = None;
        self.records.clear();
        self.settle();
    }
}

/// Member 2 of three is filled up to row 8; then a write of row 1 is given up in the middle.
fn given_up_below_the_mark() -> Rig {
    let mut rig = Rig::rebuilding(3, 2);
    rig.start_held();
    for _ in 0..2 {
        rig.copy();
        rig.settle();
    }
    for (slot, value) in [(0, 50), (1, 60), (2, 60)] {
        rig.disks[slot].write(1, value, true);
    }
    rig
}

#[test]
fn where_copies_may_differ_a_member_that_is_being_filled_answers_no_read() {
    let mut rig = given_up_below_the_mark();
    rig.core.owe_rows(Rows::new(1, 1)).unwrap();
    let read = rig.core.plan_read(Rows::new(1, 1), NONE).unwrap();
    assert_eq!(read.from, slots(&[0]), "two reads would differ");
    rig.run();
    rig.assert_whole();
}

#[test]
fn what_a_resync_changes_below_the_mark_is_filled_again() {
    let mut rig = given_up_below_the_mark();
    rig.core.abort().unwrap();
    while !rig.copies.is_empty() {
        rig.copy();
    }
    rig.settle();
    rig.core.owe_rows(Rows::new(1, 1)).unwrap();
    assert_eq!(rig.core.owed(), Some(Operation::Resync));
    rig.run();
    rig.assert_whole();
}

/// Case G7.
#[test]
fn an_absent_member_owes_the_rows_of_a_resync_that_loses_its_last_other_copy() {
    type Ask = fn(&mut Rig);
    // Somebody says that copies differ, and they do: the absent one holds what the first one does.
    let asked: [(&str, Ask); 2] = [
        ("a row", |rig| rig.core.owe_rows(Rows::new(6, 1)).unwrap()),
        ("all rows", |rig| {
            let time = rig.time();
            rig.core.start(time, Operation::Resync, AboveMark::Skip).unwrap();
        }),
    ];
    for (what, ask) in asked {
        for capabilities in [flag_only(), native::capabilities()] {
            let mut rig = Rig::new(config(3), clean(), capabilities);
            rig.write(0, 16);
            rig.core.quiesce();
            rig.run_until_clean();
            rig.fail(2);
            rig.disks[1].write(6, 60, true);
            rig.hold_copies = true;
            ask(&mut rig);
            rig.settle();
            rig.fail(0);
            rig.run();
            let read = rig.core.plan_read(Rows::new(6, 1), NONE).unwrap();
            assert_eq!(read.from, slots(&[1]), "the last copy speaks");
            rig.give_back(2).unwrap();
            rig.run();
            assert_eq!(rig.core.status().failed, slots(&[0]));
            assert_eq!(rig.disks[2].read(6), 60, "{what}: two reads would differ");
        }
    }
}

#[test]
fn a_second_window_skips_what_nobody_owes() {
    let mut rig = Rig::mirror(2);
    rig.core.set_limits(Limits { windows: 2, ..rig.config.limits });
    for row in [1, 13] {
        rig.core.owe_rows(Rows::new(row, 1)).unwrap();
    }
    // The first one waits for a write, so the second is opened beside it.
    let grant = rig.go(1, 1);
    rig.start_held();
    rig.send(&grant);
    assert_eq!(rig.done(&grant, &[]), Ack::Now);
    rig.settle();
    let mut rows: Vec<_> = rig.copies.iter().map(|wanted| wanted.rows).collect();
    rows.sort_by_key(|rows| rows.start);
    assert_eq!(rows, [Rows::new(0, 4), Rows::new(12, 4)], "both, and nothing between");
    rig.run();
    assert_eq!(rig.core.owed(), None);
    rig.assert_whole();
}
