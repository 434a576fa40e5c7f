// SPDX-License-Identifier: MIT OR Apache-2.0
//! The dirty log. One region covers the whole set, which is what DDF and ASR can hold.
//!
//! | state | the record says | input | next |
//! |---|---|---|---|
//! | Clean | clean | write wants to start | DirtyWanted, the write waits for the record |
//! | DirtyWanted | clean or on its way | dirty record durable | Dirty, waiters woken |
//! | Dirty | dirty | no write in flight, idle for long enough | CleanWanted, all members flushed |
//! | CleanWanted | dirty or on its way | write wants to start | DirtyWanted |
//! | CleanWanted | dirty | raise dropped | Dirty |
//! | CleanWanted | clean | clean record durable | Clean |
//!
//! *CleanWanted counts as clean*: from the moment the clean record is being prepared, a write waits
//! for a newer dirty record, whatever becomes of the clean one (`sync.md` I5).
//!
//! A finer log would put a table of these states here, one entry a region, with the debt of each
//! absent slot beside it; [`Admit`](crate::Admit) already clips at edges. Until a format holds
//! regions, a mark is worth nothing after an unclean stop (`sync.md` result 3).

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum State {
    Clean,
    DirtyWanted,
    Dirty,
    CleanWanted,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Region {
    pub(crate) state: State,
    /// When the last write completed or was let go, on the own clock.
    quiet_since: u64,
    /// The caller expects no more writes: do not wait for the idle time.
    hurry: bool,
}

impl Region {
    /// After an unclean stop the dirty record may be on some members only: it is written again before
    /// the first write.
    pub(crate) const fn new(clean: bool) -> Self {
        let state = if clean { State::Clean } else { State::DirtyWanted };
        Self { state, quiet_since: 0, hurry: false }
    }

    /// A write wants to start; whether it may.
    pub(crate) fn write_wanted(&mut self) -> bool {
        self.hurry = false;
        match self.state {
            State::Dirty => true,
            State::DirtyWanted => false,
            State::Clean | State::CleanWanted => {
                self.state = State::DirtyWanted;
                false
            }
        }
    }

    pub(crate) const fn touched(&mut self, now: u64) {
        self.quiet_since = now;
    }

    /// A record is durable that says this.
    pub(crate) fn recorded(&mut self, clean: bool, now: u64) {
        match (self.state, clean) {
            (State::DirtyWanted, false) => {
                // The idle time counts from here: the waiters have not had their turn yet.
                self.state = State::Dirty;
                self.quiet_since = now;
            }
            (State::CleanWanted, true) => self.state = State::Clean,
            _ => {}
        }
    }

    pub(crate) fn prepare_clean(&mut self) {
        if self.state == State::Dirty {
            self.state = State::CleanWanted;
        }
    }

    pub(crate) fn drop_clean(&mut self) {
        if self.state == State::CleanWanted {
            self.state = State::Dirty;
        }
    }

    pub(crate) const fn hurry(&mut self) {
        self.hurry = true;
    }

    /// From when on the region may be made clean; `None` unless it is dirty.
    pub(crate) fn clean_from(&self, idle: u64) -> Option<u64> {
        let wait = if self.hurry { 0 } else { idle };
        (self.state == State::Dirty).then_some(self.quiet_since.saturating_add(wait))
    }
}

/// For the exploration, which tells states apart by what may still happen.
#[cfg(test)]
impl Region {
    /// Counts time from `now`; more than `idle` is as good as `idle`.
    pub(crate) fn forget_times(&mut self, now: u64, idle: u64) {
        let quiet = now.saturating_sub(self.quiet_since).min(idle);
        self.quiet_since = if self.state == State::Dirty { quiet } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use State::{Clean, CleanWanted, Dirty, DirtyWanted};

    #[test]
    fn the_table_of_states_holds() {
        type Input = fn(&mut Region);
        let write: Input = |r| {
            r.write_wanted();
        };
        let dirty_durable: Input = |r| r.recorded(false, 7);
        let clean_durable: Input = |r| r.recorded(true, 7);
        let prepare: Input = Region::prepare_clean;
        let dropped: Input = Region::drop_clean;
        for (state, input, next) in [
            (Clean, write, DirtyWanted),
            (DirtyWanted, write, DirtyWanted),
            (Dirty, write, Dirty),
            (CleanWanted, write, DirtyWanted),
            (Clean, dirty_durable, Clean),
            (DirtyWanted, dirty_durable, Dirty),
            (Dirty, dirty_durable, Dirty),
            (CleanWanted, dirty_durable, CleanWanted),
            (Clean, clean_durable, Clean),
            (DirtyWanted, clean_durable, DirtyWanted),
            (Dirty, clean_durable, Dirty),
            (CleanWanted, clean_durable, Clean),
            (Clean, prepare, Clean),
            (DirtyWanted, prepare, DirtyWanted),
            (Dirty, prepare, CleanWanted),
            (Clean, dropped, Clean),
            (DirtyWanted, dropped, DirtyWanted),
            (CleanWanted, dropped, Dirty),
        ] {
            let mut region = Region { state, quiet_since: 0, hurry: false };
            input(&mut region);
            assert_eq!(region.state, next, "from {state:?}");
        }
    }

    #[test]
    fn only_a_dirty_region_lets_a_write_start() {
        for state in [Clean, DirtyWanted, Dirty, CleanWanted] {
            let mut region = Region { state, quiet_since: 0, hurry: false };
            assert_eq!(region.write_wanted(), state == Dirty);
        }
    }

    #[test]
    fn idle_time_counts_from_the_wake_up() {
        let mut region = Region::new(true);
        assert_eq!(region.clean_from(5), None);
        region.write_wanted();
        region.recorded(false, 100);
        assert_eq!(region.clean_from(5), Some(105));
        region.touched(200);
        assert_eq!(region.clean_from(5), Some(205));
        region.hurry();
        assert_eq!(region.clean_from(5), Some(200));
    }
}
