// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cases that were found by trying, as sets that are explored to the end.

use super::scenario::{MIRROR, Scenario};
use super::search::explore;
use super::{DOUBLE, PARITY, THREE, all_hold};

/// Case G7.
#[test]
#[cfg_attr(miri, ignore = "tens of thousands of states")]
fn a_member_that_returns_is_given_what_a_resync_wrote_behind_one_flag() {
    let back = Scenario { failures: 1, returns: 1, ..MIRROR };
    let sets: &[(&str, Scenario)] = &[
        ("two copies, a failure, a return", back),
        ("parity, a failure, a return", Scenario { crashes: 1, failures: 1, returns: 1, ..PARITY }),
    ];
    all_hold(sets, |scenario| explore(scenario, u64::MAX));
}

/// Case B3.
#[test]
#[cfg_attr(miri, ignore = "hundreds of thousands of states")]
fn a_replay_of_the_journal_settles_no_resync_that_was_owed_before_the_loss() {
    let lives = Scenario {
        unclean: true,
        cached: false,
        journal: true,
        failures: 1,
        spares: 1,
        crashes: 1,
        writes: &[(1, 1, 0)],
        ..DOUBLE
    };
    let (no_marks, regions) =
        (Scenario { mark: false, ..lives }, Scenario { regions: true, ..lives });
    let sets: &[(&str, Scenario)] = &[
        ("double parity, unclean, a journal, a failure, a spare", lives),
        ("double parity, unclean, a journal, a failure, a spare, no marks", no_marks),
        ("double parity, unclean, a journal, regions, a failure, a spare", regions),
    ];
    all_hold(sets, |scenario| explore(scenario, u64::MAX));
}

/// Case G9.
#[test]
#[cfg_attr(miri, ignore = "tens of thousands of states")]
fn a_durable_write_outlives_two_failures_while_one_of_three_copies_is_filled() {
    let lives = Scenario { rebuild: true, durable: true, failures: 2, crashes: 1, ..THREE };
    let sets: &[(&str, Scenario)] = &[(
        "three copies, rebuild of one, a durable write, two failures, no marks",
        Scenario { mark: false, ..lives },
    )];
    all_hold(sets, |scenario| explore(scenario, u64::MAX));
}

/// Case C8.
#[test]
#[cfg_attr(miri, ignore = "tens of thousands of states")]
fn numbers_counted_from_the_disks_that_are_present_lose_no_promise() {
    let again = Scenario { again: &[(0, 1, 0)], durable: true, ..MIRROR };
    let sets: &[(&str, Scenario)] = &[
        ("two copies, durable, two cuts, a write in the second run", again),
        ("regions, two cuts, a write in the second run", Scenario { regions: true, ..again }),
        (
            "three copies, durable, two cuts, a write in the second run",
            Scenario { cached: false, members: 3, ..again },
        ),
    ];
    all_hold(sets, |scenario| explore(scenario, u64::MAX));
}

/// The record names the rebuild, so it has no place for the resync that is owed: it says unclean.
#[test]
#[cfg_attr(miri, ignore = "tens of thousands of states")]
fn a_position_is_recorded_while_a_resync_is_owed_that_the_record_cannot_name() {
    let short = Scenario { failures: 1, crashes: 1, writes: &[], unclean: true, ..THREE };
    let sets: &[(&str, Scenario)] = &[(
        "three copies, unclean, rebuild of one, a failure",
        Scenario { rebuild: true, ..short },
    )];
    all_hold(sets, |scenario| explore(scenario, u64::MAX));
}
