// SPDX-License-Identifier: MIT OR Apache-2.0
//! Deliberate defects, one for each rule that a test must be able to see broken.
//!
//! The names are those of the mutation list in `sync.md` 5.4. Only the unit tests can plant one: in
//! every other build [`SyncCore::has`] is the constant `false` and the branch is gone.

use crate::sync_core::SyncCore;

/// A rule that the core can be made to break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) enum Defect {
    /// M1: admission does not look at the windows.
    SkipWindowCheck,
    /// M2: a window begins its copy while older writes are in flight.
    OpenWithoutDraining,
    /// M4: a window keeps out one row too few.
    WindowEndsEarly,
    /// M5: writes are routed by `done` instead of `issued`.
    RouteByDone,
    /// M6: a write across the mark is not cut, and skips the target.
    SkipStraddlingWrite,
    /// M7: reads use the target below `issued`.
    ReadByIssued,
    /// M8: the position is raised when a window is opened.
    MarkAtIssue,
    /// M9: a record that raises trust is issued without a flush.
    RaiseWithoutFlush,
    /// M10: a record that raises trust is preceded by a flush of the members being filled only.
    FlushTargetOnly,
    /// M11: a prepared record is issued although a member failed during its flush.
    SkipRecheck,
    /// M12: a write starts before its dirty record is durable.
    DirtyAfterWrite,
    /// M13: a write starts while the clean record is being written.
    DirtyUntilCleanCompletes,
    /// M15: a write is acknowledged before the failure it saw is recorded.
    AcknowledgeEarly,
    /// M16: a flush is acknowledged before the failure it saw is recorded.
    FlushNotGated,
    /// M21: a mark is used after an unclean stop.
    TrustMarkAfterUnclean,
    /// M23: giving up an operation moves `done`.
    AbortAdvancesDone,
    /// M24: nobody is woken when windows are given up.
    ForgetWaiters,
    /// I13: overlapping writes are not kept apart.
    AllowOverlap,
    /// I14: the target is trusted before the last record.
    TrustBeforeRecord,
}

impl<const TICKETS: usize, const WINDOWS: usize> SyncCore<TICKETS, WINDOWS> {
    /// Whether this defect was planted.
    #[cfg(test)]
    pub(crate) fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// Whether this defect was planted: never, outside unit tests.
    #[cfg(not(test))]
    #[inline(always)]
    pub(crate) const fn has(&self, _: Defect) -> bool {
        false
    }
}

#[cfg(test)]
impl<const TICKETS: usize, const WINDOWS: usize> SyncCore<TICKETS, WINDOWS> {
    /// The same core with a defect in it.
    pub(crate) fn plant(&mut self, defect: Defect, found: &raid_core::metadata::RuntimeState) {
        self.defect = Some(defect);
        self.keep_mark(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::random::Random;
    use crate::world::{Act, Build, Setup, World};
    use crate::{Start, SyncCore};
    use std::string::String;

    /// Random runs of the crash simulator until one is judged wrong: which, and the judgement.
    fn hunt(defect: Defect, from: u64, runs: u64) -> Option<(u64, String)> {
        let build: &Build = &move |config, found, capabilities| {
            let mut core = SyncCore::new(config, found, capabilities, Start::Normal)?;
            core.plant(defect, found);
            Ok(core)
        };
        (from..from.saturating_add(runs)).find_map(|seed| {
            let mut random = Random::new(seed);
            let setup = Setup::random(&mut random);
            let mut world = World::new(setup, seed, build);
            let acts = 20 + random.below(180);
            let mut run = || {
                for _ in 0..acts {
                    if world.over() {
                        return Ok(());
                    }
                    world.act(Act::random(&mut random, setup.rows))?;
                }
                world.drain()
            };
            run().err().map(|judgement| (seed, judgement))
        })
    }

    /// The search begins a little before the run that caught the defect when the test was written, so
    /// that the suite is quick; it goes on from there if the core has changed since.
    fn is_caught(defect: Defect, from: u64) {
        let runs = 40_000;
        match hunt(defect, from, runs) {
            Some((run, judgement)) => std::println!("{defect:?}: run {run}: {judgement}"),
            None => panic!("{defect:?} went unnoticed in {runs} runs"),
        }
    }

    macro_rules! caught {
        ($($name:ident: $defect:ident, $from:literal;)*) => { $(
            #[test]
            #[cfg_attr(miri, ignore = "thousands of runs")]
            fn $name() {
                is_caught(Defect::$defect, $from);
            }
        )* };
    }

    caught! {
        m1_skipping_the_window_check_is_caught: SkipWindowCheck, 40;
        m2_opening_a_window_without_draining_is_caught: OpenWithoutDraining, 40;
        m4_a_window_that_ends_early_is_caught: WindowEndsEarly, 0;
        m5_routing_by_done_is_caught: RouteByDone, 300;
        m6_skipping_a_straddling_write_is_caught: SkipStraddlingWrite, 80;
        m7_reading_by_issued_is_caught: ReadByIssued, 0;
        m8_a_mark_at_issue_is_caught: MarkAtIssue, 200;
        m9_a_raise_without_a_flush_is_caught: RaiseWithoutFlush, 0;
        m10_flushing_only_the_target_is_caught: FlushTargetOnly, 20;
        m11_a_raise_that_is_not_checked_again_is_caught: SkipRecheck, 130;
        m12_a_dirty_record_after_the_write_is_caught: DirtyAfterWrite, 50;
        m13_counting_as_dirty_until_the_clean_record_completes_is_caught: DirtyUntilCleanCompletes, 200;
        m15_acknowledging_before_the_failure_record_is_caught: AcknowledgeEarly, 2600;
        m16_a_flush_that_is_not_gated_is_caught: FlushNotGated, 10900;
        m21_a_mark_trusted_after_an_unclean_stop_is_caught: TrustMarkAfterUnclean, 800;
        m23_an_abort_that_moves_done_is_caught: AbortAdvancesDone, 450;
        m24_waiters_forgotten_at_an_abort_are_caught: ForgetWaiters, 0;
        i13_overlapping_writes_in_any_order_are_caught: AllowOverlap, 0;
        i14_trust_before_the_last_record_is_caught: TrustBeforeRecord, 15300;
    }
}
