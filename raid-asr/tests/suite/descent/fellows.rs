// SPDX-License-Identifier: MIT OR Apache-2.0
//! A disk whose fellow was written in another history after it left. That the fellow is the same disk in both is not
//! said: it may be an older copy of it, or be in another place.

use super::tables::{IN, found, lines, table, told};
use super::{FILLED, GIVEN_UP, states};
use raid_core::array::ArrayState::{Failed, Forked, Optimal};
use raid_core::array::MemberState::{Missing, Rebuilding};

/// Disk 2 took the place of disk 1, was filled from disk 0, which failed then and is away; or an older copy of disk 0 was
/// the fellow of disk 1, and disk 0 itself knows nothing of it. The same bytes.
#[test]
fn a_fellow_that_has_failed_since_does_not_tell_which_of_two_disks_came_later() {
    for (left, failed, newest) in [(8, 14, 17), (22, 49, 52), (9, 20, 23), (17, 18, 20)] {
        let older = table(left, &[(0, IN, left), (1, IN, left)]);
        let newer = table(newest, &[(0, GIVEN_UP, failed), (2, IN, newest)]);
        let found = found(&[(1, &older), (2, &newer)]);
        assert_eq!(told(&found), (Forked, vec![vec![1], vec![0]]), "{:#?}", found.findings);
    }
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
