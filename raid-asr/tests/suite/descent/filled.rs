// SPDX-License-Identifier: MIT OR Apache-2.0
//! A disk that is being filled carries what those wrote last who fill it. Where they are away it is all that is
//! here of their history.

use super::tables::{IN, found, lines, table, told};
use super::{FILLED, GIVEN_UP, states};
use raid_core::array::ArrayState::{self, Degraded, Failed, Forked};
use raid_core::array::MemberState::{self, InSync, Rebuilding};

/// Disks 0 and 3 each ran alone, and each began to fill disk 2. Disk 3 is away.
#[test]
fn two_that_each_began_to_fill_a_disk_are_a_fork_where_that_disk_is_all_that_is_here_of_one() {
    let alone = lines(11, &[(0, IN), (2, FILLED)]);
    let older = lines(10, &[(3, IN), (1, IN)]);
    let filled = lines(13, &[(3, IN), (2, FILLED)]);
    for disks in [&[(0, &alone), (1, &older), (2, &filled)][..], &[(0, &alone), (2, &filled)]] {
        let last = disks.len() - 1;
        assert_eq!(told(&found(disks)), (Forked, vec![vec![0], vec![last]]));
    }
    // The same of three places, where the one gives the other up, however far it went on.
    for own in [8, 13, 14, 20] {
        let alone = lines(own, &[(0, IN), (1, FILLED), (2, GIVEN_UP)]);
        let filled = lines(13, &[(0, GIVEN_UP), (1, FILLED), (2, IN)]);
        let found = found(&[(0, &alone), (1, &filled)]);
        assert_eq!(found.arrays[0].state, Forked, "{own}");
    }
}

/// Disk 2 went on alone and takes the others back. Disk 0 does not know it, and has run alone.
#[test]
fn a_disk_that_is_to_be_filled_in_the_history_of_another_that_is_being_filled_is_not_started_alone()
{
    let filled = lines(9, &[(0, FILLED), (1, FILLED), (2, IN)]);
    for own in [5, 9, 12] {
        let alone = lines(own, &[(0, IN), (1, GIVEN_UP), (2, GIVEN_UP)]);
        assert_eq!(found(&[(0, &alone), (1, &filled)]).arrays[0].state, Forked, "{own}");
        let alone = lines(own, &[(0, IN), (1, FILLED), (2, GIVEN_UP)]);
        assert_eq!(found(&[(0, &alone), (1, &filled)]).arrays[0].state, Forked, "{own}");
    }
    // It is from before disk 1 came.
    let before = lines(5, &[(0, IN), (3, IN), (4, IN)]);
    let found = found(&[(0, &before), (1, &filled)]);
    assert_eq!(found.arrays[0].state, Failed);
    assert_eq!(states(&found), [Rebuilding, Rebuilding, MemberState::Missing]);
}

/// Disk 0 was filled from disk 2, and went on without it and without disk 1, which was being filled as well.
#[test]
fn a_disk_that_went_on_with_the_source_of_another_is_the_later_one_though_that_one_takes_it_for_filled()
 {
    let filled = lines(5, &[(0, FILLED), (1, FILLED), (2, IN)]);
    for state in [FILLED, GIVEN_UP] {
        let on = table(9, &[(0, IN, 9), (1, state, 5), (2, GIVEN_UP, 8)]);
        let found = found(&[(0, &on), (1, &filled)]);
        assert_eq!(found.arrays[0].state, Degraded, "{:#?}", found.findings);
        assert_eq!(states(&found)[0], InSync);
    }
}

/// Each was taken back into the place that the other one had given it up in, and neither was reached.
#[test]
fn two_of_which_each_is_to_fill_the_other_are_a_fork() {
    let (one, other) = (lines(9, &[(0, IN), (1, FILLED)]), lines(8, &[(0, FILLED), (1, IN)]));
    assert_eq!(told(&found(&[(0, &one), (1, &other)])), (Forked, vec![vec![0], vec![1]]));
    // Where both count a third one in, the later record of it decides.
    let one = lines(9, &[(0, IN), (1, FILLED), (2, IN)]);
    let other = lines(8, &[(0, FILLED), (1, IN), (2, IN)]);
    assert_eq!(states(&found(&[(0, &one), (1, &other)]))[..2], [InSync, Rebuilding]);
}

/// Disk 2 took the place of disk 0, and fills disk 1, which disk 0 counts in: what it has is not what disk 0 knows.
#[test]
fn a_disk_is_the_earlier_one_though_its_number_is_not_where_its_fellow_is_filled_by_another() {
    let filled = lines(6, &[(2, IN), (1, FILLED)]);
    for own in [5, 6, 7] {
        let alone = lines(own, &[(0, IN), (1, IN)]);
        assert_eq!(found(&[(0, &alone), (1, &filled)]).arrays[0].state, Failed, "{own}");
    }
}

/// Disk 0 took disk 1 to fill it. Whether that was before disk 2 did, or after, is noted in the line of disk 1.
#[test]
fn a_disk_that_another_one_has_taken_since_is_a_fork_however_far_its_first_source_went_on_alone() {
    let filled = lines(10, &[(2, IN), (1, FILLED)]);
    for (taken, state) in [(9, Forked), (10, Forked), (11, Degraded)] {
        let on = table(14, &[(0, IN, 14), (1, FILLED, taken)]);
        assert_eq!(found(&[(0, &on), (1, &filled)]).arrays[0].state, state, "{taken}");
    }
}

/// An older copy of disk 2, from before disk 1 filled it, was filled from disk 3. What disk 1 acknowledged it has no
/// more.
#[test]
fn an_older_copy_of_the_disk_that_two_histories_share_hides_no_fork() {
    let one = lines(47, &[(2, IN), (1, IN)]);
    let other = lines(42, &[(3, IN), (2, IN)]);
    let found = found(&[(1, &one), (2, &other), (3, &other)]);
    assert_eq!(found.arrays[0].state, Forked, "{:#?}", found.findings);
    // Also where disk 3 is away: what is disk 1's place now is its own there. However far it went on meanwhile.
    for sequence in [42, 46, 47] {
        let other = lines(sequence, &[(3, IN), (2, IN)]);
        let found = self::found(&[(1, &one), (2, &other)]);
        assert_eq!(found.arrays[0].state, Forked, "{sequence}");
    }
    // Had disk 2 stayed where it was, and gone on with disk 1, disk 3 would be one that was replaced.
    let one = lines(47, &[(1, IN), (2, IN)]);
    let found = self::found(&[(1, &one), (2, &one), (3, &other)]);
    assert_eq!(found.arrays[0].state, ArrayState::Optimal, "{:#?}", found.findings);
}

/// Disk 0 is an older copy: it ran alone, and gave disk 1 up, which is being filled from what disk 0 was.
#[test]
fn an_older_copy_of_a_source_that_ran_for_longer_is_a_fork_beside_the_disk_that_is_filled() {
    let filled = lines(9, &[(0, IN), (1, FILLED)]);
    for (written, state) in [(4, Forked), (7, Forked), (8, Degraded), (9, Degraded)] {
        let alone = table(14, &[(0, IN, 14), (1, GIVEN_UP, written)]);
        assert_eq!(found(&[(0, &alone), (1, &filled)]).arrays[0].state, state, "{written}");
    }
}

/// Disk 1 was given up and its place was given away by disk 0, which counts in nobody else; the others had taken disk
/// 0 back before, and it was not reached.
#[test]
fn who_counts_nobody_else_in_is_not_from_before_those_came() {
    let taken = lines(9, &[(0, FILLED), (1, IN), (2, IN)]);
    let alone = lines(7, &[(0, IN), (3, FILLED), (2, GIVEN_UP)]);
    assert_eq!(found(&[(0, &alone), (1, &taken)]).arrays[0].state, Forked);
}
