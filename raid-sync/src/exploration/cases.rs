// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cases that were found by trying, as sets that are explored to the end.

use super::scenario::{MIRROR, Scenario};
use super::search::explore;
use super::{PARITY, all_hold};

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
