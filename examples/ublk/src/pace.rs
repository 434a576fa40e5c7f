// SPDX-License-Identifier: MIT OR Apache-2.0
//! How fast background work goes, from what was seen of it over the last seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far back is looked.
const SEEN: Duration = Duration::from_secs(10);

/// What was seen of the operation of one set.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    operation: Option<&'static str>,
    seen: VecDeque<(Instant, u64)>,
}

impl Pace {
    /// The operation is at this row now. Another one, or one that began again, is looked at afresh.
    pub(crate) fn see(&mut self, now: Instant, operation: Option<&'static str>, row: u64) {
        let went_back = self.seen.back().is_some_and(|(_, last)| *last > row);
        if self.operation != operation || went_back {
            self.seen.clear();
            self.operation = operation;
        }
        if operation.is_some() {
            self.seen.push_back((now, row));
        }
        while self.seen.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= SEEN) {
            self.seen.pop_front();
        }
    }

    /// Rows a second; `None` until it was seen for a while.
    pub(crate) fn rows_per_second(&self) -> Option<u64> {
        let ((from, first), (to, last)) = (self.seen.front()?, self.seen.back()?);
        let milliseconds = to.duration_since(*from).as_millis();
        let rows = u128::from(last - first);
        u64::try_from((rows * 1000).checked_div(milliseconds)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_that_of_the_last_seconds_and_of_one_operation() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pace = Pace::default();
        pace.see(at(0), Some("check"), 0);
        assert_eq!(pace.rows_per_second(), None);
        for second in 1..=20 {
            // It doubles after ten seconds.
            let row = if second <= 10 { 100 * second } else { 1000 + 200 * (second - 10) };
            pace.see(at(second), Some("check"), row);
        }
        assert_eq!(pace.rows_per_second(), Some(200));
        assert!(pace.seen.len() <= 12);
        // It begins again, then another operation begins, then none runs.
        pace.see(at(21), Some("check"), 5);
        assert_eq!(pace.rows_per_second(), None);
        pace.see(at(22), Some("check"), 8);
        assert_eq!(pace.rows_per_second(), Some(3));
        pace.see(at(23), Some("repair"), 9);
        assert_eq!(pace.rows_per_second(), None);
        pace.see(at(24), None, 0);
        assert_eq!(pace.rows_per_second(), None);
    }
}
