// SPDX-License-Identifier: MIT OR Apache-2.0
//! When a bad range leaves the list: after a write of these blocks, a flush, and a record, in this order.

use super::rig::*;
use crate::world::native;
use crate::*;
use raid_core::units::{Rows, Slot};

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
    let left = [BadRange { slot: Slot(1), rows: Rows::new(6, 1) }];
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
    let listed = [BadRange { slot: Slot(0), rows: Rows::new(4, 2) }];
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
    assert_eq!(rig.last_record().bad, [BadRange { slot: Slot(0), rows: Rows::new(5, 1) }]);
}
