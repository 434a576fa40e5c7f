// SPDX-License-Identifier: MIT OR Apache-2.0
//! The core without its past, for the exploration: two cores that differ only in how often a place was
//! used, in the numbers of past records, or in the time of day will do the same from now on.

use super::SyncCore;
use crate::record::RecordSeq;
use crate::throttle::Throttle;
use crate::time::Clock;
use raid_core::units::Row;

impl<const TICKETS: usize, const WINDOWS: usize, const REGIONS: usize, const BAD: usize>
    SyncCore<TICKETS, WINDOWS, REGIONS, BAD>
{
    /// Such a core, and the number of the last record: relative to it the others count. The speed
    /// limits must be such that time does not matter to them.
    pub(crate) fn canonical(&self) -> (Self, RecordSeq) {
        let mut core = self.clone();
        let idle = core.config.limits.clean_after_idle;
        core.log.forget_times(core.clock.elapsed(), idle);
        core.tickets.forget_uses();
        core.windows.forget_uses();
        let last = core.records.forget_numbers();
        core.clock = Clock::NEW;
        core.throttle = Throttle::NEW;
        core.checkpointed = 0;
        core.counters.window_waits = 0;
        core.counters.pass = 0;
        core.counters.pass_since = 0;
        core.version = 0;
        (core, last)
    }

    /// Whether the core holds that every trusted member has this row on its medium, and all the same: its
    /// region is clean, and nothing is owed there.
    pub(crate) fn holds_flushed(&self, row: Row) -> bool {
        let owed = self.owed.is_some() && row >= self.equalise.durable && self.log.disagrees(row);
        !self.set_failed && !owed && self.log.is_clean_at(row)
    }
}
