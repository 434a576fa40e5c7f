// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a disk could not do reaches the sync engine, and whoever has failed is left alone.

use crate::harness::{
    FORMATS, NATIVE_FORMAT, each_array, geometry, good, options, place, shape, start, starts, wait,
    whole, work,
};
use raid_array::member::Member;
use raid_array::workload::{ArrayEngine, Caches, Call, Machine};
use raid_core::array::Level;
use raid_core::units::{Extent, Lba, Slot, SlotSet};
use raid_sync::{Limits, Return};

fn fast() -> Limits {
    Limits { min_rate: u64::MAX, ..options().limits }
}

#[test]
fn a_write_or_a_flush_that_fails_on_a_member_fails_the_member() {
    each_array(|kept, level, slots| {
        for flush in [false, true] {
            let mut machine = shape(kept, level, slots, 0, 2)?;
            let mut running = start(&mut machine, 0, &starts(slots, 0)).unwrap();
            running.rig.write(Extent::new(0, 64));
            running.rig.settle();
            running.rig.wait_until(|rig| rig.engine.is_idle());
            match flush {
                true => running.faults(1).fail_flushes(1),
                false => (0..512).for_each(|row| running.faults(1).make_unwritable(Lba(row))),
            }
            running.rig.write(Extent::new(0, 64));
            running.rig.flush();
            let name = format!("{} {level:?}, flush: {flush}", kept.name);
            assert_eq!(running.rig.engine.status(0).failed, SlotSet::of(Slot(1)), "{name}");
            running.rig.verify_all();
            good(&running.rig, &name);
        }
        Some(())
    });
}

#[test]
fn a_failed_member_is_written_no_more_once_a_record_names_it() {
    each_array(|kept, level, slots| {
        let mut machine = shape(kept, level, slots, 1, 2)?;
        let mut running = start(&mut machine, 0, &starts(slots, 1)).unwrap();
        work(&mut running.rig, 100);
        running.call(Call::Fail(place(0, 0))).unwrap();
        running.rig.flush();
        assert!(running.rig.wait_until(|rig| !rig.engine.status(0).unrecorded));
        let disk = running.index(0);
        running.rig.backplane.hold(disk);
        work(&mut running.rig, 400);
        running.call(Call::Stop).unwrap();
        running.rig.flush();
        assert!(running.rig.backplane.held(disk).is_empty(), "{} {level:?}", kept.name);
        good(&running.rig, kept.name);
        Some(())
    });
}

#[test]
fn a_disk_that_fails_in_the_record_of_another_set_fails_in_its_own() {
    for kept in FORMATS {
        let shape = geometry(Level::Raid1, 2, 2);
        let Ok(mut machine) = Machine::create(*kept, shape, 0, 3) else { continue };
        let mut running = start(&mut machine, 0, &[0, 1, 2, 3]).unwrap();
        assert!(running.rig.wait_until(|rig| rig.engine.is_idle()));
        running.faults(2).pull();
        // A write to the first set alone.
        running.rig.write(Extent::new(0, 4));
        running.rig.flush();
        assert_eq!(running.rig.engine.status(0).failed, SlotSet::EMPTY, "{}", kept.name);
        assert_eq!(running.rig.engine.status(1).failed, SlotSet::of(Slot(0)), "{}", kept.name);
        running.rig.verify_all();
        good(&running.rig, kept.name);
    }
}

#[test]
fn a_set_is_recorded_clean_only_after_the_caches_of_all_its_members_were_flushed() {
    each_array(|kept, level, slots| {
        let mut machine = shape(kept, level, slots, 0, 1)?;
        let mut running = start(&mut machine, 0, &starts(slots, 0)).unwrap();
        work(&mut running.rig, 150);
        running.rig.settle();
        good(&running.rig, kept.name);
        // The last member answers nothing any more, and its cache is lost.
        let last = running.index(usize::from(slots) - 1);
        running.rig.backplane.hold(last);
        running.call(Call::Stop).unwrap();
        running.rig.wait_until(|_| false);
        running.cut(&mut machine, Caches::KeepNothing);
        let mut running = start(&mut machine, 0, &starts(slots, 0)).unwrap();
        running.rig.adopt_all();
        assert!(running.rig.wait_until(|rig| rig.engine.is_idle()));
        running.call(Call::Scrub { set: 0, repair: false }).unwrap();
        assert!(running.rig.wait_until(|rig| rig.engine.is_idle()));
        assert_eq!(running.rig.engine.status(0).mismatches, 0, "{} {level:?}", kept.name);
        good(&running.rig, kept.name);
        Some(())
    });
}

#[test]
fn a_spare_that_cannot_be_written_everywhere_does_not_become_a_member_in_sync() {
    each_array(|kept, level, slots| {
        let mut machine = shape(kept, level, slots, 1, 2)?;
        let mut running = start(&mut machine, 0, &starts(slots, 1)).unwrap();
        running.call(Call::Limit(fast())).unwrap();
        work(&mut running.rig, 100);
        let spare = usize::from(slots);
        running.faults(spare).make_unwritable(Lba(300));
        running.call(Call::Fail(place(0, 0))).unwrap();
        running.call(Call::TakeSpare(place(0, 0), spare)).unwrap();
        running.rig.settle();
        assert!(running.rig.wait_until(|rig| rig.engine.is_idle()));
        let status = running.rig.engine.status(0);
        assert_eq!(status.failed, SlotSet::of(Slot(0)), "{} {level:?}", kept.name);
        running.rig.verify_all();
        good(&running.rig, kept.name);
        Some(())
    });
}

#[test]
fn a_disk_whose_metadata_changed_while_it_was_away_is_filled_in_full() {
    each_array(|kept, level, slots| {
        for changed in [false, true] {
            let mut machine = shape(kept, level, slots, 0, 2)?;
            let mut running = start(&mut machine, 0, &starts(slots, 0)).unwrap();
            running.call(Call::Limit(fast())).unwrap();
            work(&mut running.rig, 200);
            running.rig.flush();
            running.call(Call::Stop).unwrap();
            running.rig.wait_until(|rig| rig.engine.is_idle());
            running.call(Call::Fail(place(0, 1))).unwrap();
            running.rig.write(Extent::new(3, 2));
            running.rig.flush();
            if changed {
                // Somebody has written the last block of its metadata: every format has some at the end.
                let disk = running.index(1);
                let member = running.rig.backplane.member(disk);
                let blocks = member.shape().blocks.0;
                let mut bytes = [0; 512];
                for at in blocks - 64..blocks {
                    member.read(Lba(at), &mut bytes).unwrap();
                    bytes[511] ^= 1;
                    member.corrupt(Lba(at), &bytes).unwrap();
                }
            }
            running.call(Call::Return(place(0, 1))).unwrap();
            running.rig.settle();
            assert!(running.rig.wait_until(|rig| whole(&rig.engine.status(0))));
            let [(_, owed)] = running.rig.returned[..] else {
                panic!("{} {level:?}: {:?}", kept.name, running.rig.returned);
            };
            assert_eq!(owed == Return::Full, changed, "{} {level:?}", kept.name);
            running.rig.verify_all();
            good(&running.rig, kept.name);
        }
        Some(())
    });
}

/// The sync engine hears of a failed write when the flush behind it has returned. A record that is made in
/// between names nobody, and yet the set is not whole: rows go through the journal from then on.
#[test]
fn a_member_that_fails_while_a_record_is_made_does_not_open_the_write_hole() {
    for ios in 1..24 {
        let shape = geometry(Level::Raid5, 3, 1);
        let mut machine = Machine::create(NATIVE_FORMAT, shape, 0, ios).unwrap();
        let mut running = start(&mut machine, 0, &[0, 1, 2]).unwrap();
        running.rig.write(Extent::new(0, 1));
        running.rig.flush();
        (0..512).for_each(|row| running.faults(0).make_unwritable(Lba(row)));
        running.rig.write_durably(Extent::new(0, 32));
        wait(&mut running.rig, ios);
        // A region that is not recorded dirty.
        running.rig.write(Extent::new(900, 1));
        running.rig.flush();
        assert!(running.rig.wait_until(|rig| !rig.engine.status(0).unrecorded));
        assert_eq!(running.rig.engine.status(0).failed, SlotSet::of(Slot(0)), "{ios}");
        work(&mut running.rig, 60);
        good(&running.rig, "short of a member");
        running.cut(&mut machine, Caches::KeepAny);
        let mut running =
            start(&mut machine, 0, &[1, 2]).unwrap_or_else(|why| panic!("{ios}: {why}"));
        running.rig.adopt_all();
        good(&running.rig, "started again");
    }
}

#[test]
fn a_row_of_a_mirror_that_no_copy_gives_is_written_and_read_again() {
    let shape = geometry(Level::Raid1, 2, 1);
    let mut machine = Machine::create(NATIVE_FORMAT, shape, 2, 5).unwrap();
    let mut running = start(&mut machine, 0, &[0, 1, 2, 3]).unwrap();
    running.call(Call::Limit(fast())).unwrap();
    work(&mut running.rig, 100);
    running.rig.flush();
    running.faults(0).make_unreadable(Lba(77));
    // The block is lost to the first spare, and then to the second one.
    for slot in [1, 0] {
        running.call(Call::Fail(place(0, slot))).unwrap();
        running.call(Call::TakeSpare(place(0, slot), 3 - usize::from(slot))).unwrap();
        assert!(running.rig.wait_until(|rig| whole(&rig.engine.status(0))), "slot {slot}");
    }
    assert_eq!(running.rig.engine.status(0).bad_ranges, 2);
    running.rig.write_durably(Extent::new(70, 16));
    running.rig.settle();
    assert!(running.rig.wait_until(|rig| rig.engine.status(0).bad_ranges == 0));
    running.rig.verify_all();
    good(&running.rig, "written again");
}
