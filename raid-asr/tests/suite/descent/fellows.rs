// SPDX-License-Identifier: MIT OR Apache-2.0
//! A disk whose fellow was written in another history after it left: that history has what the two promised. Not where
//! the fellow was filled over there: then a line, or a place, is from elsewhere.

use super::tables::{IN, found, lines, table, told};
use super::{FILLED, GIVEN_UP, states};
use crate::generator::{Disk, assemble, magic};
use raid_core::array::ArrayState::{Degraded, Failed, Forked, Optimal};
use raid_core::array::MemberState::{self, InSync, Missing, Rebuilding};

/// Disk 2 took the place of disk 1 and was filled from disk 0, which failed then and is away.
#[test]
fn a_disk_that_was_replaced_is_the_earlier_one_once_its_fellow_has_failed_as_well() {
    for (left, failed, newest) in [(8, 14, 17), (22, 49, 52), (9, 20, 23), (3, 21, 24)] {
        let older = table(left, &[(0, IN, left), (1, IN, left)]);
        let newer = table(newest, &[(0, GIVEN_UP, failed), (2, IN, newest)]);
        let found = found(&[(1, &older), (2, &newer)]);
        assert_eq!(found.arrays[0].state, Degraded, "{:#?}", found.findings);
        assert_eq!(states(&found), [MemberState::Failed, InSync]);
    }
}

/// The same, where the fellow may have gone on with disk 1 after it left disk 2, or was not written with it.
#[test]
fn a_fellow_that_was_not_written_after_it_proves_nothing() {
    let older = lines(14, &[(0, IN), (1, IN)]);
    for written in [13, 14] {
        let newer = table(17, &[(0, GIVEN_UP, written), (2, IN, 17)]);
        assert_eq!(told(&found(&[(1, &older), (2, &newer)])), (Forked, vec![vec![1], vec![0]]));
    }
    let newer = table(17, &[(0, GIVEN_UP, 15), (2, IN, 17)]);
    let apart = table(14, &[(0, IN, 13), (1, IN, 14)]);
    for (older, written, state) in
        [(&older, 17, Degraded), (&apart, 17, Forked), (&older, 0, Forked)]
    {
        // Whose writer keeps no time is not known to note its updates.
        let disk = |at, lines: &Vec<_>| Disk { timestamp: written, ..Disk::new(magic(at), lines) };
        let found = assemble(&[disk(1, older), disk(2, &newer)]);
        assert_eq!(found.arrays[0].state, state, "{written}");
    }
}

/// Of three disks, 2 and 3 went on without 0, after they were there with it, and 3 without 2.
#[test]
fn who_took_a_disk_to_be_filled_is_the_earlier_one_where_their_fellow_went_on_with_that_disk() {
    let with = table(9, &[(0, IN, 9), (3, FILLED, 9), (2, IN, 9)]);
    let before = table(4, &[(0, IN, 4), (1, IN, 4), (2, GIVEN_UP, 3)]);
    let newer = table(23, &[(0, GIVEN_UP, 9), (3, IN, 23), (2, GIVEN_UP, 20)]);
    let found = found(&[(0, &with), (1, &before), (3, &newer)]);
    assert_eq!(found.arrays[0].state, Degraded, "{:#?}", found.findings);
    assert_eq!(states(&found), [MemberState::Failed, InSync, MemberState::Failed]);
    // Each takes the other one for a disk that failed, or is being filled.
    let with = table(9, &[(0, FILLED, 9), (1, IN, 9), (2, IN, 9)]);
    let newer = table(20, &[(0, IN, 20), (1, FILLED, 20), (2, GIVEN_UP, 9)]);
    let found = self::found(&[(0, &newer), (2, &with)]);
    assert_eq!(states(&found), [InSync, Missing, MemberState::Failed]);
}

/// One after the other, disks 0, 1 and 4 went on without those before.
#[test]
fn each_of_a_chain_of_disks_that_went_on_is_the_earlier_one() {
    let chain = [
        (2, table(3, &[(0, IN, 3), (1, IN, 3), (2, IN, 3)])),
        (0, table(7, &[(0, IN, 7), (1, IN, 7), (2, GIVEN_UP, 3)])),
        (1, table(15, &[(4, IN, 15), (1, IN, 15), (2, GIVEN_UP, 3)])),
        (4, table(29, &[(4, FILLED, 29), (1, GIVEN_UP, 15), (3, IN, 29)])),
        (3, table(30, &[(4, GIVEN_UP, 29), (1, GIVEN_UP, 15), (3, IN, 30)])),
    ];
    let disks: Vec<_> = chain.iter().map(|(disk, lines)| (*disk, lines)).collect();
    let found = found(&disks);
    assert_eq!(found.arrays[0].state, Degraded, "{:#?}", found.findings);
    assert_eq!(states(&found), [MemberState::Failed, MemberState::Failed, InSync]);
}

/// An older copy of the fellow, from before disk 1 saw disk 3 fail, was filled over by disk 2.
#[test]
fn a_fellow_that_was_filled_over_is_known_by_a_line_from_before() {
    let older = table(8, &[(0, IN, 8), (1, IN, 8), (3, GIVEN_UP, 5)]);
    for (failed, state) in [(4, Forked), (5, Degraded), (7, Forked), (9, Degraded)] {
        let newer = table(17, &[(0, GIVEN_UP, 14), (2, IN, 17), (3, GIVEN_UP, failed)]);
        assert_eq!(found(&[(1, &older), (2, &newer)]).arrays[0].state, state, "{failed}");
    }
    // Disk 2 was in its place before disk 1 took that of disk 3.
    let older = table(8, &[(0, IN, 8), (2, GIVEN_UP, 6), (1, IN, 8)]);
    let newer = table(17, &[(0, GIVEN_UP, 14), (2, IN, 17), (3, GIVEN_UP, 4)]);
    assert_eq!(found(&[(1, &older), (2, &newer)]).arrays[0].state, Forked);
}

/// An older copy of disk 2, from when it was a spare, was filled from disk 3 in the place of disk 0. What disk 0
/// and disk 2 promised before it has no more.
#[test]
fn a_disk_that_has_another_place_is_not_the_one_that_was_counted_in() {
    let older = lines(19, &[(0, IN), (2, IN)]);
    let newer = lines(33, &[(2, IN), (3, IN)]);
    for disks in [
        &[(0, &older), (2, &newer), (3, &newer)][..],
        &[(0, &older), (3, &newer)],
        &[(0, &older), (2, &newer)],
    ] {
        assert_eq!(found(disks).arrays[0].state, Forked);
    }
    let failed = table(40, &[(2, GIVEN_UP, 37), (3, IN, 40)]);
    assert_eq!(found(&[(0, &older), (3, &failed)]).arrays[0].state, Forked);
    let filled = lines(33, &[(2, FILLED), (3, IN)]);
    assert_eq!(found(&[(0, &older), (2, &filled)]).arrays[0].state, Forked);
    let target = lines(19, &[(0, FILLED), (2, IN)]);
    assert_eq!(found(&[(0, &target), (2, &newer), (3, &newer)]).arrays[0].state, Forked);
    // In its own place it is the one that went on.
    let newer = lines(33, &[(3, IN), (2, IN)]);
    assert_eq!(found(&[(0, &older), (2, &newer), (3, &newer)]).arrays[0].state, Optimal);
    let filled = lines(33, &[(3, IN), (2, FILLED)]);
    let found = found(&[(0, &older), (2, &filled)]);
    assert_eq!((found.arrays[0].state, states(&found)), (Failed, vec![Missing, Rebuilding]));
}
