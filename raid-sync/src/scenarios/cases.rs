// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cases that were found by trying, each with the number under which it is known.

use super::rig::*;
use crate::world::native;
use crate::*;
use raid_core::metadata::{Capabilities, Operation, RuntimeState};
use raid_core::units::Row;

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
        assert!(!said.clean || said.operation == Some(Operation::Resync), "{said:?}");
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
        assert_eq!(rig.last_record().state.operation, Some(Operation::Resync));
        rig.replace(0);
        rig.start_held();
        assert!(matches!(rig.operation(), Some(Operation::Rebuild { .. })));
        while !rig.copies.is_empty() {
            let said = &rig.last_record().state;
            assert_eq!((said.operation, said.mark), (Some(Operation::Resync), Row(0)));
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
