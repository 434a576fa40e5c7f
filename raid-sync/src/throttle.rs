// SPDX-License-Identifier: MIT OR Apache-2.0
//! How fast an operation may go, and when it makes way for users.
//!
//! Two buckets, each kept as the moment when it will next have room (so there is no counter that could
//! go below zero):
//!
//! | minimum bucket | users quiet for `yield_for` | maximum bucket | open a window? |
//! |---|---|---|---|
//! | has room | any | any | yes |
//! | none | yes | has room | yes |
//! | none | yes | none | at the earlier of both |
//! | none | no | any | at the minimum bucket's time, or when users have been quiet |
//!
//! A bucket holds no more than one window, so a pause, a slow disk or a clock that jumps is never
//! followed by a burst.

use crate::defect::{Defect, planted};

const NS_PER_S: u64 = 1_000_000_000;

/// Limits of an operation; they apply from the next window on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Rows per second that sync gets whatever the user load. 0 lets users starve it.
    pub min_rate: u64,
    /// Rows per second that sync never exceeds; `u64::MAX` for no limit. A lower value than
    /// `min_rate` counts as `min_rate`.
    pub max_rate: u64,
    /// Windows open at once, at most the capacity of the core.
    pub windows: u8,
    /// Rows of a window, rounded up to the alignment: what a waiting writer waits for at most.
    pub rows_per_window: u64,
    /// Nanoseconds without a user write after which sync may go faster than `min_rate`.
    pub yield_for: u64,
    /// Nanoseconds after which a new position is recorded.
    pub checkpoint_every: u64,
    /// Rows after which a new position is recorded.
    pub checkpoint_rows: u64,
    /// Nanoseconds without a user write after which the set is recorded clean.
    pub clean_after_idle: u64,
}

impl Limits {
    /// What [`Limits::default`] gives.
    pub(crate) const USUAL: Self = Self {
        min_rate: 2048,
        max_rate: u64::MAX,
        windows: 4,
        rows_per_window: 512,
        yield_for: 20_000_000,
        checkpoint_every: 60_000_000_000,
        checkpoint_rows: 1 << 21,
        clean_after_idle: 5_000_000_000,
    };
}

impl Default for Limits {
    /// 512-byte rows in mind: 1 MB/s at least, no maximum, windows of 256 KiB, four at once, a
    /// checkpoint a minute or every 1 GiB, clean after five seconds.
    fn default() -> Self {
        Self::USUAL
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Bucket {
    room_at: u64,
}

impl Bucket {
    fn charge(&mut self, now: u64, rows: u64, rate: u64) {
        let cost = match rate {
            u64::MAX => 0,
            _ => rows.saturating_mul(NS_PER_S).checked_div(rate).unwrap_or(u64::MAX),
        };
        // From now, not from the last debt: time in which users were quiet and windows were many must
        // not be held against the minimum later.
        self.room_at = now.saturating_add(cost);
    }
}

/// When a window may be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Now,
    At(u64),
    Never,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Throttle {
    min: Bucket,
    max: Bucket,
    user_at: Option<u64>,
}

impl Throttle {
    pub(crate) const NEW: Self =
        Self { min: Bucket { room_at: 0 }, max: Bucket { room_at: 0 }, user_at: None };
}

impl Throttle {
    pub(crate) const fn user_wrote(&mut self, now: u64) {
        self.user_at = Some(now);
    }

    /// Forgets debts: the rate or the operation has changed.
    pub(crate) fn reset(&mut self) {
        self.min = Bucket::default();
        self.max = Bucket::default();
    }

    pub(crate) fn opened(&mut self, now: u64, rows: u64, limits: &Limits) {
        self.min.charge(now, rows, limits.min_rate);
        self.max.charge(now, rows, limits.max_rate.max(limits.min_rate));
    }

    pub(crate) fn turn(&self, now: u64, limits: &Limits) -> Turn {
        let promises = limits.min_rate > 0 && !planted(Defect::NoMinimumRate);
        let promised = promises.then_some(self.min.room_at);
        let quiet_at = self.user_at.map_or(0, |at| at.saturating_add(limits.yield_for));
        let allowed = (limits.max_rate > 0).then_some(self.max.room_at.max(quiet_at));
        let due = promised.into_iter().chain(allowed).min();
        if planted(Defect::UnsignedThrottle) {
            return match due.map(|at| at.wrapping_sub(now)) {
                Some(0) => Turn::Now,
                Some(wait) => Turn::At(now.saturating_add(wait)),
                None => Turn::Never,
            };
        }
        match due {
            Some(at) if at <= now => Turn::Now,
            Some(u64::MAX) | None => Turn::Never,
            Some(at) => Turn::At(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(min_rate: u64, max_rate: u64) -> Limits {
        Limits { min_rate, max_rate, yield_for: 1000, ..Limits::default() }
    }

    /// Windows of 10 rows that can be opened in `seconds`, users writing all the time or never.
    fn opened_in(seconds: u64, limits: &Limits, users: bool) -> u64 {
        let (mut throttle, mut now, mut windows) = (Throttle::NEW, 0, 0);
        while now < seconds * NS_PER_S && windows < 10_000 {
            if users {
                throttle.user_wrote(now);
            }
            match throttle.turn(now, limits) {
                Turn::Now => {
                    throttle.opened(now, 10, limits);
                    windows += 1;
                }
                Turn::At(at) if users => now = at.min(now + 999),
                Turn::At(at) => now = at,
                Turn::Never => break,
            }
        }
        windows
    }

    #[test]
    #[cfg_attr(miri, ignore = "seconds of events, of plain arithmetic")]
    fn quiet_users_let_sync_go_at_its_maximum() {
        assert_eq!(opened_in(2, &limits(10, 1000), false), 200);
        assert_eq!(opened_in(2, &limits(10, u64::MAX), false), 10_000);
        assert_eq!(opened_in(2, &limits(100, 0), false), 20, "a maximum below the minimum");
        assert_eq!(opened_in(2, &limits(0, 0), false), 0);
    }

    #[test]
    #[cfg_attr(miri, ignore = "ten seconds, event by event, of plain arithmetic")]
    fn sync_gets_its_minimum_under_any_load() {
        let mut fast = limits(1_000_000, u64::MAX);
        assert_eq!(opened_in(1, &limits(0, u64::MAX), true), 0);
        fast.min_rate = 10_000;
        let mut now = 0;
        let (mut throttle, mut windows) = (Throttle::NEW, 0);
        for _ in 0..100_000 {
            throttle.user_wrote(now);
            if throttle.turn(now, &fast) == Turn::Now {
                throttle.opened(now, 10, &fast);
                windows += 1;
            }
            now += 100_000;
        }
        assert_eq!(windows, 10_000, "10 s at 10000 rows/s in windows of 10");
    }

    #[test]
    fn no_burst_follows_a_long_silence() {
        let limits = limits(10, 1000);
        let mut throttle = Throttle::NEW;
        throttle.opened(0, 10, &limits);
        let year = 31_536_000 * NS_PER_S;
        assert_eq!(throttle.turn(year, &limits), Turn::Now);
        throttle.opened(year, 10, &limits);
        assert_eq!(throttle.turn(year, &limits), Turn::At(year + NS_PER_S / 100));
    }

    #[test]
    fn the_largest_numbers_saturate() {
        let limits = limits(1, 1);
        let mut throttle = Throttle::NEW;
        throttle.opened(u64::MAX, u64::MAX, &limits);
        throttle.user_wrote(u64::MAX);
        assert_eq!(throttle.turn(0, &limits), Turn::Never);
    }
}
