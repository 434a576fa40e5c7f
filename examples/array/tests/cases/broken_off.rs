// SPDX-License-Identifier: MIT OR Apache-2.0
//! A commit that broke off on a disk, which is written again: of its two copies one is whole, and must stay so until
//! the other one is. So the disk never falls back behind the update that it is at.

use crate::harness::{DDF, DDF_MARKS, UnderTest, geometry, options, place, start, work};
use raid_array::discover::discover_members;
use raid_array::member::{FaultMember, Faults, MemoryMember};
use raid_array::workload::{Call, Kept, Machine, Rig, Running};
use raid_core::array::Level;
use raid_sync::Limits;

/// Member I/Os of a commit on three disks, and some.
const COMMIT: u64 = 130;

/// Member I/Os after which a disk is pulled: some in each half of the commit.
const MOMENTS: [u64; 9] = [28, 31, 34, 37, 40, 46, 79, 85, 91];

/// Until the next commit is over, or at its second copy.
const LOOKS: u64 = 90;

/// The update that a disk is at by what stands on it, its cache included.
fn update_of(rig: &mut Rig<UnderTest>, disk: usize, kept: Kept) -> Option<u64> {
    let none = FaultMember::new(Box::new(MemoryMember::new(8)), Faults::default());
    let member = std::mem::replace(rig.backplane.member(disk), none);
    let (found, mut members) = discover_members(vec![("disk".into(), member)], &[kept.format]);
    *rig.backplane.member(disk) = members.remove(0);
    found.disks[0].claims.iter().find_map(|claim| claim.descriptor?.sequence)
}

/// Lets the array work, and looks at the disk after each member I/O: it never falls back behind an update that it
/// was at.
#[track_caller]
fn keeps_its_update(running: &mut Running<UnderTest>, disk: usize, kept: Kept, what: &str) {
    let mut before = update_of(&mut running.rig, disk, kept);
    assert!(before.is_some(), "{what}");
    for io in 0..LOOKS {
        work(&mut running.rig, 1);
        let now = update_of(&mut running.rig, disk, kept);
        assert!(now >= before, "{what}, then {io} I/Os: {now:?}, before {before:?}");
        before = now;
    }
}

fn slow(running: &mut Running<UnderTest>) {
    let limits = Limits { min_rate: 1, max_rate: 1, ..options().limits };
    running.call(Call::Limit(limits)).unwrap();
    work(&mut running.rig, 100);
}

/// A mirror of two with a spare, in which the power of `disk` goes in the middle of a commit, and comes back later.
fn pulled(kept: Kept, disk: usize, ios: u64) -> Running<UnderTest> {
    let mut machine = Machine::create(kept, geometry(Level::Raid1, 2, 1), 1, 5).unwrap();
    let mut running = start(&mut machine, 0, &[0, 1, 2]).unwrap();
    slow(&mut running);
    running.call(Call::Fail(place(0, 0))).unwrap();
    work(&mut running.rig, ios);
    running.faults(disk).pull();
    work(&mut running.rig, 2 * COMMIT);
    running.faults(disk).plug();
    running
}

#[test]
fn a_spare_on_which_a_commit_broke_off_stays_readable_when_it_is_taken() {
    for kept in [DDF, DDF_MARKS] {
        for ios in MOMENTS {
            let mut running = pulled(kept, 2, ios);
            running.call(Call::TakeSpare(place(0, 0), 2)).unwrap();
            keeps_its_update(&mut running, 2, kept, &format!("pulled after {ios} I/Os"));
        }
    }
}

#[test]
fn a_member_that_returns_after_its_commit_broke_off_and_others_were_made_stays_readable() {
    for kept in [DDF, DDF_MARKS] {
        for ios in MOMENTS {
            let mut machine = Machine::create(kept, geometry(Level::Raid1, 3, 1), 0, 5).unwrap();
            let mut running = start(&mut machine, 0, &[0, 1, 2]).unwrap();
            slow(&mut running);
            running.call(Call::Fail(place(0, 0))).unwrap();
            work(&mut running.rig, ios);
            running.faults(1).pull();
            work(&mut running.rig, 2 * COMMIT);
            running.faults(1).plug();
            running.call(Call::Return(place(0, 1))).unwrap();
            keeps_its_update(&mut running, 1, kept, &format!("pulled after {ios} I/Os"));
        }
    }
}

#[test]
fn a_disk_on_which_the_record_of_a_failed_set_broke_off_stays_readable_in_those_of_other_sets() {
    for kept in [DDF, DDF_MARKS] {
        for ios in MOMENTS {
            let mut machine = Machine::create(kept, geometry(Level::Raid1, 2, 2), 0, 5).unwrap();
            let mut running = start(&mut machine, 0, &[0, 1, 2, 3]).unwrap();
            slow(&mut running);
            running.call(Call::Fail(place(0, 0))).unwrap();
            work(&mut running.rig, ios);
            running.faults(1).pull();
            work(&mut running.rig, 20);
            running.call(Call::Fail(place(1, 0))).unwrap();
            keeps_its_update(&mut running, 3, kept, &format!("set 0 failed after {ios} I/Os"));
        }
    }
}
