// SPDX-License-Identifier: MIT OR Apache-2.0
//! When a bad range leaves the list: after a write of these blocks, a flush, and a record, in this order.

use super::rig::*;
use crate::world::native;
use crate::*;
use raid_core::metadata::BadRows;
use raid_core::units::{Rows, Slot};
use std::vec::Vec;

#[test]
fn a_bad_range_that_is_written_during_a_flush_stays_on_the_list_until_the_next_one() {
    let mut rig = Rig::mirror(2);
    let grant = rig.go(5, 2);
    assert!(rig.core.unwritable(Slot(1), Rows::new(5, 2)));
    assert!(matches!(rig.done(&grant, &[]), Ack::After(_)));
    rig.settle();
    rig.hold_flushes = true;
    rig.write(5, 1);
    rig.settle();
    assert_eq!(rig.flushes.len(), 1);
    rig.write(6, 1);
    rig.flush(NONE);
    rig.settle();
    let left = [BadRows { slot: Slot(1), rows: Rows::new(6, 1) }];
    assert_eq!(rig.last_record().bad, left, "row 6 may be in a cache alone");
    assert_eq!(rig.core.plan_read(Rows::new(6, 1), NONE).unwrap().from, slots(&[0]));
    rig.flush(NONE);
    rig.settle();
    assert!(rig.last_record().bad.is_empty());
    assert_eq!(rig.core.plan_read(Rows::new(5, 2), NONE).unwrap().from, slots(&[0, 1]));
}

#[test]
fn a_write_to_a_parity_set_heals_no_bad_range_but_of_those_that_were_written() {
    let parity = Config { redundancy: Redundancy::Parity(1), ..config(3) };
    let mut rig = Rig::new(parity, clean(), native::capabilities());
    let grant = rig.go(4, 2);
    assert!(rig.core.unwritable(Slot(0), Rows::new(4, 2)));
    assert!(matches!(rig.done(&grant, &[]), Ack::After(_)));
    rig.settle();
    let listed = [BadRows { slot: Slot(0), rows: Rows::new(4, 2) }];
    // Another column of the same rows, and the parity.
    let grant = rig.go(4, 2);
    rig.core.rewritten(Slot(1), Rows::new(4, 2));
    rig.core.rewritten(Slot(2), Rows::new(4, 2));
    assert_eq!(rig.done(&grant, &[]), Ack::Now);
    rig.settle();
    rig.core.quiesce();
    rig.settle();
    assert_eq!(rig.last_record().bad, listed);
    assert_eq!(rig.core.plan_read(Rows::new(4, 1), NONE).unwrap().from, slots(&[1, 2]));
    let grant = rig.go(4, 1);
    rig.core.rewritten(Slot(0), Rows::new(4, 1));
    assert_eq!(rig.done(&grant, &[]), Ack::Now);
    rig.settle();
    assert_eq!(rig.last_record().bad, [BadRows { slot: Slot(0), rows: Rows::new(5, 1) }]);
}

#[test]
fn a_resync_leaves_a_member_out_in_its_bad_rows_alone() {
    let parity = Config { redundancy: Redundancy::Parity(1), ..config(3) };
    let mut rig = Rig::new(parity, clean(), native::capabilities());
    let grant = rig.go(5, 1);
    assert!(rig.core.unwritable(Slot(0), Rows::new(5, 1)));
    assert!(matches!(rig.done(&grant, &[]), Ack::After(_)));
    rig.settle();
    rig.core.owe_rows(Rows::new(4, 4)).unwrap();
    rig.start_held();
    let mut commanded = Vec::new();
    while let Some(wanted) = rig.copies.first() {
        commanded.push((wanted.rows, wanted.from));
        rig.copy();
        rig.settle();
    }
    let (all, others) = (slots(&[0, 1, 2]), slots(&[1, 2]));
    let rows = |start, len| Rows::new(start, len);
    assert_eq!(commanded, [(rows(4, 1), all), (rows(5, 1), others), (rows(6, 2), all)]);
}

#[test]
fn a_resync_passes_by_a_row_that_the_list_says_nobody_gives() {
    let mut rig = Rig::mirror(2);
    let grant = rig.go(5, 1);
    for slot in [0, 1] {
        assert!(rig.core.unwritable(Slot(slot), Rows::new(5, 1)));
    }
    assert!(matches!(rig.done(&grant, &[]), Ack::After(_)));
    rig.settle();
    rig.disks[1].write(9, 99, true);
    rig.core.owe_rows(Rows::new(0, ROWS)).unwrap();
    rig.run();
    assert_eq!((rig.finished(), rig.core.owed()), ([Finish::Complete].into(), None));
    assert_eq!(rig.disks[0].read(9), rig.disks[1].read(9), "what lies behind it agrees");
    assert!(rig.core.plan_read(Rows::new(5, 1), NONE).is_err());
    assert_eq!(rig.last_record().bad.len(), 2, "it stays on the list");
}

/// It may be readable again later: the caller asks again.
#[test]
fn a_resync_ends_at_a_row_that_no_list_names() {
    let mut rig = Rig::mirror(2);
    rig.spoiled = [(0, 5), (1, 5)].into();
    rig.core.owe_rows(Rows::new(0, ROWS)).unwrap();
    rig.start();
    assert_eq!(rig.finished(), [Finish::Unreadable(raid_core::units::Row(5))]);
}

#[test]
fn a_write_that_is_given_up_heals_no_bad_range() {
    let mut rig = Rig::mirror(2);
    let grant = rig.go(5, 1);
    for slot in [0, 1] {
        assert!(rig.core.unwritable(Slot(slot), Rows::new(5, 1)));
    }
    assert!(matches!(rig.done(&grant, &[]), Ack::After(_)));
    rig.settle();
    let grant = rig.go(5, 1);
    assert_eq!(rig.core.give_up(rig.time(), grant.ticket, NONE), Ok(()));
    assert!(rig.core.give_up(rig.time(), grant.ticket, NONE).is_err(), "the ticket is back");
    rig.run_until_clean();
    assert_eq!(rig.last_record().bad.len(), 2);
    assert!(rig.core.plan_read(Rows::new(5, 1), NONE).is_err());
}

/// Left out, a row would be read that may hold anything.
#[test]
fn a_start_is_refused_whose_records_name_more_bad_ranges_than_are_kept() {
    let ranges: Vec<BadRows> =
        (0..5).map(|at| BadRows { slot: Slot(1), rows: Rows::new(3 * at, 1) }).collect();
    let start = |bad: &[BadRows]| {
        let mut image = native::Image::plain(clean());
        image.bad = bad.into();
        restored(config(2), &image.found(&[]), native::capabilities(), Start::Normal)
    };
    let core = start(&ranges[..4]).unwrap();
    assert_eq!(core.plan_read(Rows::new(9, 1), NONE).unwrap().from, slots(&[0]));
    assert!(matches!(start(&ranges), Err(Refusal::Config { found: 5, expected: 4, .. })));
}
