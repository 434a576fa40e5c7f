// SPDX-License-Identifier: MIT OR Apache-2.0
//! The exploration sees each rule broken, and says in how few steps.

use super::scenario::{MIRROR, Scenario};
use super::search::explore;
use crate::defect::Defect;

const REBUILD: Scenario = Scenario { rebuild: true, ..MIRROR };
const FAILURE: Scenario = Scenario { failures: 1, crashes: 1, ..MIRROR };
pub(super) const BROKEN: &[(Defect, Scenario)] = &[
    (Defect::SkipWindowCheck, REBUILD),
    (Defect::OpenWithoutDraining, REBUILD),
    (Defect::WindowEndsEarly, REBUILD),
    (Defect::RouteByDone, Scenario { windows: 2, writes: &[(1, 1, 0)], ..REBUILD }),
    (Defect::SkipStraddlingWrite, Scenario { writes: &[(0, 2, 0)], steering: 1, ..REBUILD }),
    (Defect::ReadByIssued, REBUILD),
    (Defect::MarkAtIssue, REBUILD),
    (Defect::RaiseWithoutFlush, MIRROR),
    (Defect::FlushTargetOnly, MIRROR),
    (Defect::SkipRecheck, Scenario { failures: 1, ..MIRROR }),
    (Defect::DirtyAfterWrite, MIRROR),
    (Defect::DirtyUntilCleanCompletes, Scenario { writes: &[(0, 1, 0), (0, 1, 0)], ..MIRROR }),
    (Defect::AcknowledgeEarly, Scenario { durable: true, ..FAILURE }),
    (Defect::FlushNotGated, Scenario { flushes: 1, ..FAILURE }),
    (Defect::TrustMarkAfterUnclean, REBUILD),
    (Defect::AbortAdvancesDone, Scenario { steering: 1, ..REBUILD }),
    (Defect::KeepVersion, Scenario { failures: 1, ..MIRROR }),
    (Defect::ForgetWaiters, Scenario { steering: 1, ..REBUILD }),
    (Defect::AllowOverlap, Scenario { writes: &[(0, 1, 0), (0, 1, 0)], ..MIRROR }),
    (Defect::TrustBeforeRecord, REBUILD),
];

#[test]
#[cfg_attr(miri, ignore = "hundreds of thousands of states")]
fn every_broken_rule_has_a_counterexample() {
    std::println!("| defect | steps | what is seen |\n|---|--:|---|");
    let mut unseen = std::vec::Vec::new();
    for (defect, scenario) in BROKEN {
        match explore(&Scenario { defect: Some(*defect), ..*scenario }, 1_000_000) {
            Err(wrong) => {
                std::println!("| {defect:?} | {} | {} |", wrong.steps.len(), wrong.what);
            }
            Ok(tally) => unseen.push((defect, tally)),
        }
    }
    assert!(unseen.is_empty(), "unseen: {unseen:?}");
}
