// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guards that no scenario missed when they were taken away, one test each.

use super::rig::*;
use crate::world::native;
use crate::*;
use raid_core::metadata::{BadRows, Capabilities, Operation};
use raid_core::units::{Row, Rows, Slot};
use std::vec::Vec;

/// A format that cannot say who has failed.
fn nameless(format: Capabilities) -> Capabilities {
    Capabilities { failure: false, ..format }
}

#[test]
fn an_acknowledgement_waits_for_a_record_that_holds_the_new_bad_range() {
    let mut rig = Rig::mirror(2);
    let grant = rig.go(0, 1);
    rig.hold_records = true;
    // The record of another region is on its way; it was made before the range was known.
    assert!(matches!(rig.admit(12, 1, PLAIN), Admit::Wait(WaitFor::Record(_))));
    rig.settle();
    let written = rig.records.last().unwrap().0;
    assert!(rig.core.unwritable(Slot(1), grant.rows));
    let Ack::After(seq) = rig.done(&grant, &[]) else { panic!("no record holds the range") };
    assert!(seq > written, "{seq:?} was made before");
    rig.record(NONE);
    rig.settle();
    assert!(!rig.woken.contains(&WaitFor::Record(seq)));
    rig.record(NONE);
    rig.settle();
    assert!(rig.woken.contains(&WaitFor::Record(seq)));
    assert_eq!(rig.last_record().bad, [BadRows { slot: Slot(1), rows: grant.rows }]);
}

#[test]
fn an_acknowledgement_waits_for_no_record_that_nothing_makes_due() {
    for format in [native::capabilities(), nameless(native::capabilities())] {
        let mut rig = Rig::new(config(3), clean(), format);
        let grant = rig.go(0, 1);
        rig.hold_records = true;
        assert!(rig.core.unwritable(Slot(1), grant.rows));
        rig.settle();
        // A format that cannot name this failure will not be written because of it.
        rig.core.member_failed(Slot(2));
        let Ack::After(seq) = rig.done(&grant, &[2]) else { panic!("no record holds the range") };
        rig.hold_records = false;
        rig.record(NONE);
        rig.settle();
        let woken = |wait: &WaitFor| matches!(wait, WaitFor::Record(last) if *last >= seq);
        assert!(rig.woken.iter().any(woken), "{seq:?} is held for good: {:?}", rig.woken);
    }
}

/// Case G2.
#[test]
fn a_rebuild_that_no_source_can_serve_goes_on_or_ends_in_the_poll_that_finds_out() {
    for (row, room) in [(0, 1), (0, 4), (5, 1), (5, 4), (15, 4)] {
        let format = Capabilities { bad_ranges: room, ..native::capabilities() };
        let mut rig = Rig::new(config(2), filling(1), format);
        assert!(rig.core.unwritable(Slot(0), Rows::new(row, 1)));
        rig.start_held();
        loop {
            let (phase, due) = (rig.core.status().phase, rig.core.deadline());
            if !rig.copies.is_empty() {
                rig.copy();
            } else if phase == Phase::Idle {
                break;
            } else {
                rig.now = due.expect("work is left, and nothing will go on with it").0;
            }
            rig.settle();
        }
        let ended = match room {
            1 => Finish::NoRoomForBadRanges(Row(row)),
            _ => Finish::Complete,
        };
        assert_eq!(rig.finished(), [ended]);
    }
}

/// Case G1.
#[test]
fn no_disk_takes_a_slot_while_anything_that_names_the_old_one_is_out() {
    for format in [flag_only(), native::capabilities()] {
        let out = |what: &str| {
            let mut rig = Rig::new(config(3), clean(), format);
            rig.write(0, 1);
            let mut grant = None;
            match what {
                "a write" => grant = Some(rig.go(1, 1)),
                "a reconstruction" => {
                    let Admit::Go(read) = rig.admit(9, 1, Access::Reconstruct) else { panic!() };
                    grant = Some(read);
                }
                "a record" => {
                    rig.hold_records = true;
                    rig.core.member_failed(Slot(2));
                    rig.settle();
                }
                "a flush" => {
                    rig.hold_flushes = true;
                    rig.core.quiesce();
                    rig.settle();
                }
                _ => {
                    let time = rig.time();
                    rig.hold_copies = true;
                    rig.core.start(time, Operation::Resync, AboveMark::Skip).unwrap();
                    rig.settle();
                }
            }
            rig.core.member_failed(Slot(1));
            // Not yet: no record names the failure.
            let before = rig.core.clone();
            assert_eq!(rig.core.can_join(Slot(1)), Err(Refusal::Busy), "{what}: unnamed");
            assert_eq!(rig.give_back(1), Err(Refusal::Busy), "{what}: unnamed");
            assert!(rig.core == before, "a refusal changes nothing");
            rig.settle();
            (rig, grant)
        };
        for what in ["a write", "a reconstruction", "a record", "a flush", "a copy"] {
            let (mut rig, grant) = out(what);
            assert_eq!(rig.core.can_join(Slot(1)), Err(Refusal::Busy), "{what} is out");
            assert_eq!(rig.give_back(1), Err(Refusal::Busy), "{what} is out");
            match what {
                "a record" => {
                    rig.record(slots(&[1]));
                    rig.settle();
                    rig.record(NONE);
                }
                "a flush" => rig.flush(slots(&[1])),
                "a copy" => rig.copy(),
                _ => {
                    let failed: &[u8] = if what == "a write" { &[1] } else { &[] };
                    let _ = rig.done(&grant.unwrap(), failed);
                }
            }
            if what != "a copy" {
                // The resync of the other two goes on with the next window.
                rig.settle();
            }
            assert!(rig.core.status().failed.contains(Slot(1)), "{what}");
            assert_eq!(rig.core.can_join(Slot(1)), Ok(()), "{what} is back");
            assert!(rig.give_back(1).is_ok(), "{what} is back");
            rig.run();
            rig.assert_equal();
        }
    }
}

#[test]
fn no_member_joins_before_a_record_names_the_failure() {
    let mut rig = Rig::mirror(2);
    rig.hold_records = true;
    rig.core.member_failed(Slot(1));
    rig.settle();
    // The record that names it is on its way, and goes to the other member only.
    assert_eq!(rig.records.last().unwrap().1, slots(&[0]));
    assert_eq!(rig.core.can_join(Slot(1)), Err(Refusal::Busy));
    rig.record(NONE);
    assert_eq!(rig.core.can_join(Slot(1)), Ok(()));
}

#[test]
fn a_flush_that_fails_on_a_member_drops_the_record_that_rests_on_it() {
    // The format cannot name the member, so no other record comes first.
    for format in [flag_only(), native::capabilities()] {
        let mut rig = Rig::new(config(2), clean(), nameless(format));
        rig.write(0, 1);
        rig.hold_flushes = true;
        rig.core.quiesce();
        rig.settle();
        let records = rig.records.len();
        rig.flush(slots(&[1]));
        rig.settle();
        assert_eq!(rig.records.len(), records, "{:?}", rig.records.last());
        assert!(!rig.core.status().clean);
    }
}

#[test]
fn a_format_that_cannot_name_the_failed_member_never_says_clean() {
    for format in [flag_only(), native::capabilities()] {
        let mut rig = Rig::new(config(2), clean(), nameless(format));
        rig.write(0, 1);
        rig.write(9, 1);
        rig.fail(1);
        for _ in 0..4 {
            rig.now += 1001;
            rig.settle();
            rig.core.quiesce();
            rig.settle();
        }
        assert!(!rig.core.status().clean);
        let (_, said) = rig.disks[0].record().unwrap();
        assert!(!said.state.clean, "{said:?}");
        if format.mark_after_unclean {
            assert!(said.regions[0].dirty() && said.regions[2].dirty(), "{said:?}");
        }
        // A start from the other member alone must find that something was under way.
        let (_, other) = rig.disks[1].record().unwrap();
        assert!(!other.state.clean, "{other:?}");
    }
}

#[test]
fn no_checkpoint_of_a_resync_passes_rows_that_became_owed_behind_the_cursor() {
    let mut rig = Rig::new(config(2), clean(), flag_only());
    rig.core.set_limits(Limits { windows: 2, ..rig.config.limits });
    let time = rig.time();
    rig.hold_copies = true;
    rig.core.start(time, Operation::Resync, AboveMark::Skip).unwrap();
    rig.settle();
    assert_eq!(rig.copies.len(), 2);
    rig.core.owe_rows(Rows::new(0, 1)).unwrap();
    // The window over these rows was read before.
    rig.copy();
    rig.settle();
    assert_eq!(rig.core.marks().unwrap().done, Row(4));
    let marks = |rig: &Rig| rig.records.iter().map(|(_, _, image)| image.state.mark()).max();
    assert_eq!(marks(&rig), Some(Row(0)), "the second window is open");
    rig.run();
    assert!(rig.core.owed().is_none());
    assert_eq!(rig.copied.iter().filter(|rows| rows.start == Row(0)).count(), 2);
}

#[test]
fn rows_that_become_owed_take_the_recorded_mark_back_at_once() {
    let mut rig = Rig::new(config(2), clean(), flag_only());
    let time = rig.time();
    rig.hold_copies = true;
    rig.core.start(time, Operation::Resync, AboveMark::Skip).unwrap();
    rig.settle();
    for _ in 0..2 {
        rig.copy();
        rig.settle();
    }
    assert_eq!(rig.last_record().state.mark(), Row(8));
    rig.core.owe_rows(Rows::new(0, 1)).unwrap();
    assert!(rig.core.status().unrecorded);
    assert_eq!(rig.core.marks().unwrap().durable, Row(0));
    rig.settle();
    assert_eq!(rig.last_record().state.mark(), Row(0));
}

#[test]
fn a_start_without_a_member_counts_the_generation_on() {
    let mut rig = Rig::mirror(3);
    rig.write(0, 1);
    rig.settle();
    let before = rig.core.status().generation;
    rig.restart(&[2]).unwrap();
    let after = rig.core.status().generation;
    assert_eq!(after, before.next(64));
    rig.settle();
    assert_eq!(rig.last_record().generation, after, "and says so before any promise");
    // With everybody it stays.
    rig.restart(&[2]).unwrap();
    assert_eq!(rig.core.status().generation, after);
}

#[test]
fn the_record_in_sync_names_no_account_of_the_member() {
    let mut rig = Rig::mirror(2);
    rig.write(0, 16);
    rig.fail(1);
    rig.write(5, 1);
    assert!(matches!(rig.give_back(1), Ok(Return::Partial { .. })));
    rig.run();
    let since = |image: &native::Image| image.state.rebuilding.contains(Slot(1));
    let filled = rig.records.iter().skip_while(|(_, _, image)| !since(image));
    let trusted: Vec<_> = filled.filter(|(_, _, image)| !since(image)).collect();
    assert!(!trusted.is_empty());
    for (seq, _, image) in trusted {
        assert!(image.debtors.iter().all(Option::is_none), "{seq:?}: {image:?}");
        assert!(image.regions.iter().all(|region| region.debt() == 0), "{seq:?}: {image:?}");
    }
}
