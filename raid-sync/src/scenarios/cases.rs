// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cases that were found by trying, each with the number under which it is known.

use super::rig::*;
use crate::world::native;
use crate::*;
use raid_core::metadata::{
    Capabilities, Generation, MemberKey, Operation, RegionRecord, RuntimeState, Seen,
};
use raid_core::units::{Row, Slot};

/// What is clean on the record must be on the medium.
fn is_flushed(rig: &Rig, slot: usize) -> bool {
    let mut cut = rig.disks[slot].clone();
    cut.forget_cache();
    (0..ROWS).all(|row| cut.read(row) == rig.disks[slot].read(row))
}

fn resyncing(members: u16, format: Capabilities) -> Rig {
    let mut rig = Rig::new(config(members), clean(), format);
    // Every row differs, so that a copy leaves something in the cache.
    (0..ROWS).for_each(|row| rig.disks[0].write(row, 7, true));
    let time = rig.time();
    rig.hold_copies = true;
    rig.core.start(time, Operation::Resync, AboveMark::Skip).unwrap();
    rig.settle();
    rig
}

/// Case G8.
#[test]
fn nothing_is_recorded_clean_while_a_copy_may_still_change_the_survivor() {
    for format in [flag_only(), native::capabilities()] {
        let mut rig = resyncing(2, format);
        assert_eq!(rig.copies.len(), 1);
        // The source leaves: the copy of what it held is still on its way to the member that is left.
        rig.fail(0);
        rig.core.quiesce();
        for _ in 0..3 {
            rig.now += 1001;
            rig.settle();
        }
        let by_region = format.mark_after_unclean;
        assert!(!(by_region && rig.core.status().clean), "a copy is under way");
        assert!(!rig.core.holds_flushed(Row(0)), "a copy is under way");
        let said = rig.last_record().state;
        assert!(!said.clean || said.operation() == Some(Operation::Resync), "{said:?}");
        rig.copy();
        assert!(!is_flushed(&rig, 1));
        rig.core.quiesce();
        rig.run();
        assert!(rig.core.status().clean, "it has ended");
        assert!(is_flushed(&rig, 1), "after a flush");
    }
}

/// Case G8.
#[test]
fn nothing_counts_as_flushed_while_a_repair_may_still_change_it() {
    for format in [flag_only(), native::capabilities()] {
        let mut rig = Rig::new(config(3), clean(), format);
        rig.disks[2].write(1, 99, true);
        let time = rig.time();
        rig.hold_copies = true;
        rig.core.start(time, Operation::Repair, AboveMark::Skip).unwrap();
        rig.settle();
        rig.copy();
        rig.settle();
        let wanted = *rig.copies.first().unwrap();
        assert!(matches!(wanted.verify, Verify::CompareAndFix(_)), "{wanted:?}");
        for _ in 0..4 {
            rig.core.quiesce();
            rig.now += 1001;
            rig.settle();
            assert!(!rig.core.holds_flushed(Row(1)), "a repair is under way");
        }
        rig.copy();
        assert!(!is_flushed(&rig, 2) && !rig.core.holds_flushed(Row(1)));
        rig.run();
        assert!(rig.core.holds_flushed(Row(1)) && is_flushed(&rig, 2));
    }
}

/// A power cut between the two would leave a row half repaired that no record names. One flag for the set names
/// the repair; regions say which rows.
#[test]
fn a_repair_writes_no_row_before_the_record_that_names_it() {
    for format in [flag_only(), native::capabilities()] {
        let mut rig = Rig::new(config(3), clean(), format);
        rig.disks[2].write(1, 99, true);
        let time = rig.time();
        (rig.hold_copies, rig.hold_records) = (true, true);
        rig.core.start(time, Operation::Repair, AboveMark::Skip).unwrap();
        let fixes = |rig: &Rig| {
            rig.copies.iter().any(|wanted| matches!(wanted.verify, Verify::CompareAndFix(_)))
        };
        let mut records = 0;
        loop {
            rig.settle();
            if rig.records.last().is_some_and(|(_, to, _)| !to.is_empty()) {
                assert!(!fixes(&rig), "the record is still being written");
                records += 1;
                rig.record(NONE);
            } else if fixes(&rig) {
                break;
            } else {
                rig.copy();
            }
        }
        let said = rig.last_record();
        let names_it = said.state.operation() == Some(Operation::Repair);
        let dirty = said.regions.iter().any(|region| *region != RegionRecord(0));
        assert!(records > 0 && names_it, "{said:?}");
        assert_eq!(dirty, format == native::capabilities(), "{said:?}");
    }
}

/// Case B3.
#[test]
fn a_rebuild_of_a_parity_set_keeps_naming_the_resync_that_was_owed_before_the_loss() {
    for format in [flag_only(), native::capabilities()] {
        let state = RuntimeState { clean: false, ..clean() };
        let config = Config { redundancy: Redundancy::Parity(2), ..config(5) };
        let mut rig = Rig::new(config, state, format);
        rig.write(0, 1);
        rig.fail(0);
        rig.settle();
        assert_eq!(rig.last_record().state.operation(), Some(Operation::Resync));
        rig.replace(0);
        rig.start_held();
        assert!(matches!(rig.operation(), Some(Operation::Rebuild { .. })));
        while !rig.copies.is_empty() {
            let said = &rig.last_record().state;
            assert_eq!((said.operation(), said.mark()), (Some(Operation::Resync), Row(0)));
            assert!(!said.clean && said.rebuilding == slots(&[0]), "{said:?}");
            rig.core.quiesce();
            rig.copy();
            rig.settle();
        }
        let moved = |notice: &Notice| matches!(notice, Notice::MarkMoved(_));
        assert!(!rig.told.iter().any(moved), "no record holds the position of the rebuild");
        // The rebuild has ended; what was owed is owed, to another start as well.
        assert_eq!(rig.core.owed(), Some(Operation::Resync));
        rig.restart(&[]).unwrap();
        assert_eq!(rig.core.owed(), Some(Operation::Resync));
    }
}

/// Case G3.
#[test]
fn a_set_that_fails_wakes_everybody_and_says_first_that_it_has_failed() {
    // Held back: a copy of rows 0 to 3, an older write to row 9, and the record of a new region.
    let mut rig = resyncing(2, native::capabilities());
    let older = rig.go(9, 1);
    rig.hold_records = true;
    let wait = |rig: &mut Rig, row| match rig.admit(row, 1, PLAIN) {
        Admit::Wait(wait) => wait,
        other => panic!("{other:?}"),
    };
    let window = wait(&mut rig, 1);
    for row in [8, 10] {
        let _ = rig.go(row, 1);
    }
    // One leg of the older write fails: its acknowledgement waits for a record.
    let Ack::After(seq) = rig.done(&older, &[1]) else { panic!("no record names the failure") };
    rig.settle();
    let overlap = wait(&mut rig, 10);
    assert!(matches!(overlap, WaitFor::Overlap(_)), "{overlap:?}");
    for row in [9, 11] {
        let _ = rig.go(row, 1);
    }
    let ticket = wait(&mut rig, 12);
    assert_eq!(ticket, WaitFor::Ticket);
    rig.record(slots(&[0]));
    rig.woken.clear();
    rig.settle();
    assert!(rig.told.contains(&Notice::SetFailed), "{:?}", rig.told);
    assert!(rig.woken.contains(&WaitFor::Record(seq)), "{:?}", rig.woken);
    for wait in [window, overlap, ticket] {
        assert!(rig.woken.contains(&wait), "{wait:?}: {:?}", rig.woken);
    }
    assert!(matches!(rig.admit(1, 1, PLAIN), Admit::Refuse(Refusal::NoCopyLeft { .. })));
    let reads = rig.admit(1, 1, Access::Reconstruct);
    assert!(matches!(reads, Admit::Refuse(Refusal::NoCopyLeft { .. })), "{reads:?}");
    // Nothing more is asked for, whatever comes back.
    let (records, flushes) = (rig.records.len(), rig.flushes.len());
    while !rig.copies.is_empty() {
        rig.copy();
    }
    rig.core.quiesce();
    rig.now += 100_000;
    rig.settle();
    assert_eq!((rig.records.len(), rig.flushes.len()), (records, flushes));
    assert_eq!(rig.core.deadline(), None);
    // And nobody joins: the reason is the set, not the slot.
    let refused = Refusal::NoCopyLeft { trusted: 0, needed: 1 };
    let before = rig.core.clone();
    for slot in [Slot(0), Slot(1)] {
        assert_eq!(rig.core.can_join(slot), Err(refused));
        assert_eq!(rig.core.member_joined(slot), Err(refused));
        assert_eq!(
            rig.core.member_returned(slot, MemberKey::new(2), &Seen::plain(slot, Generation(0))),
            Err(refused)
        );
    }
    assert!(rig.core == before, "a refusal changes nothing");
}

/// Case E2.
#[test]
fn a_second_disk_for_a_place_whose_rebuild_runs_is_refused_and_changes_nothing() {
    let mut rig = Rig::mirror(2);
    rig.write(0, 16);
    rig.fail(1);
    assert_eq!(rig.core.can_join(Slot(1)), Ok(()));
    assert_eq!(rig.core.can_join(Slot(7)), Err(Refusal::Member(Slot(7))));
    rig.replace(1);
    rig.start_held();
    rig.copy();
    rig.settle();
    for slot in [Slot(0), Slot(1)] {
        let before = rig.core.clone();
        let refused = Refusal::Occupied(slot);
        assert_eq!(rig.core.can_join(slot), Err(refused));
        assert_eq!(rig.core.member_joined(slot), Err(refused));
        let other =
            rig.core.member_returned(slot, MemberKey::new(77), &Seen::plain(slot, Generation(0)));
        assert_eq!(other, Err(refused));
        assert!(rig.core == before, "a refusal changes nothing");
    }
    rig.run();
    rig.assert_whole();
}
