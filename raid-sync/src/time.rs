// SPDX-License-Identifier: MIT OR Apache-2.0
//! The caller's clock, made monotonic.
//!
//! The core never asks for the time; every call that depends on it takes a `now`. Clocks of
//! firmware and of virtual machines jump. So the core counts *elapsed* time in a clock of its own:
//!
//! | caller's clock | own clock |
//! |---|---|
//! | goes forward by `n` | goes forward by `n` |
//! | stands still, or goes back | stands still |
//!
//! Whatever the caller's clock does, no difference is ever negative and no deadline is ever further
//! away than it was meant to be.

/// A moment on the caller's clock, in nanoseconds from any origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

/// Nanoseconds since the core was made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Clock {
    seen: Option<Time>,
    elapsed: u64,
}

impl Clock {
    pub(crate) const NEW: Self = Self { seen: None, elapsed: 0 };

    #[inline]
    pub(crate) fn advance(&mut self, now: Time) {
        let passed = self.seen.map_or(0, |seen| now.0.saturating_sub(seen.0));
        self.elapsed = self.elapsed.saturating_add(passed);
        self.seen = Some(now);
    }

    pub(crate) const fn elapsed(&self) -> u64 {
        self.elapsed
    }

    pub(crate) const fn since(&self, earlier: u64) -> u64 {
        self.elapsed.saturating_sub(earlier)
    }

    /// When the own clock will show `at`, on the caller's clock.
    pub(crate) fn to_caller(&self, at: u64) -> Time {
        let wait = at.saturating_sub(self.elapsed);
        Time(self.seen.unwrap_or_default().0.saturating_add(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_goes_back_loses_no_time_and_gains_none() {
        let mut clock = Clock::NEW;
        clock.advance(Time(1000));
        assert_eq!(clock.elapsed(), 0);
        clock.advance(Time(1500));
        clock.advance(Time(100));
        assert_eq!(clock.elapsed(), 500);
        clock.advance(Time(150));
        assert_eq!(clock.elapsed(), 550);
        assert_eq!(clock.to_caller(650), Time(250));
        assert_eq!(clock.since(600), 0);
        clock.advance(Time(u64::MAX));
        clock.advance(Time(0));
        clock.advance(Time(u64::MAX));
        assert_eq!(clock.elapsed(), u64::MAX);
    }
}
