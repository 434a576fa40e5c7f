// SPDX-License-Identifier: MIT OR Apache-2.0
//! How far a long copy is, how fast it goes, and how long it takes still, on a terminal.

use crate::size::human;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Work shorter than this says nothing.
const SILENT: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(250);

/// One line on the standard error output that is written over and over.
pub(crate) struct Progress {
    total: u64,
    next: Option<Instant>,
    shown: bool,
    /// When it began, and what was done by then.
    began: (Instant, Option<u64>),
}

impl Progress {
    pub(crate) fn new(total: u64) -> Self {
        let next = io::stderr().is_terminal().then(|| Instant::now() + SILENT);
        Self { total, next, shown: false, began: (Instant::now(), None) }
    }

    pub(crate) fn show(&mut self, done: u64, err: &mut dyn Write) {
        let now = Instant::now();
        let before = *self.began.1.get_or_insert(done);
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        self.next = Some(now + PAUSE);
        self.shown = true;
        let text = text(before, done, self.total, now.duration_since(self.began.0));
        // Nobody may be looking: what it tells is for the eye alone, here and below.
        let _ = write!(err, "\r{text}   ");
        let _ = err.flush();
    }

    pub(crate) fn done(&self, err: &mut dyn Write) {
        if self.shown {
            let _ = writeln!(err);
        }
    }
}

/// What is done, the share of it, the rate since it began, when `before` was done, and the time left at that rate.
fn text(before: u64, done: u64, total: u64, took: Duration) -> String {
    // Shares of a hundred without overflow.
    let percent = done / (total / 100).max(1);
    let mut text = format!("{} of {}, {percent} %", human(done), human(total));
    let (read, left) = (done.saturating_sub(before), total.saturating_sub(done));
    let millis = took.as_millis();
    if read == 0 || millis == 0 {
        return text;
    }
    let narrow = |wide: u128| u64::try_from(wide).unwrap_or(u64::MAX);
    let rate = narrow(u128::from(read) * 1000 / millis);
    let seconds = narrow(u128::from(left) * millis / u128::from(read) / 1000);
    text += &format!(", {}/s, {} left", human(rate), duration(seconds));
    text
}

/// `3 days 4 h`, `4 h 05 min`, `5 min`, `40 s`.
fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match () {
        () if days > 1 => format!("{days} days {} h", hours % 24),
        () if hours > 0 => format!("{hours} h {:02} min", minutes % 60),
        () if minutes > 1 => format!("{minutes} min"),
        () => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_from_what_was_read_since_it_began() {
        let gib = 1 << 30;
        let text =
            |before, done, total, seconds| text(before, done, total, Duration::from_secs(seconds));
        assert_eq!(
            text(0, 10 * gib, 100 * gib, 100),
            "10 GiB of 100 GiB, 10 %, 102.3 MiB/s, 15 min left"
        );
        // What a run before has done took no time of this one.
        assert_eq!(
            text(90 * gib, 91 * gib, 100 * gib, 10),
            "91 GiB of 100 GiB, 91 %, 102.3 MiB/s, 90 s left"
        );
        assert_eq!(text(0, 0, 100 * gib, 10), "0 bytes of 100 GiB, 0 %");
        assert_eq!(text(0, 1, u64::MAX, 1 << 40).split(", ").count(), 4);
        let times = [59, 60, 119, 120, 3599, 3600, 86_399, 86_400, 172_800, 180_000];
        assert_eq!(
            times.map(duration),
            [
                "59 s",
                "60 s",
                "119 s",
                "2 min",
                "59 min",
                "1 h 00 min",
                "23 h 59 min",
                "24 h 00 min",
                "2 days 0 h",
                "2 days 2 h"
            ]
        );
    }
}
