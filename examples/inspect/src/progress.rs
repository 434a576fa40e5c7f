// SPDX-License-Identifier: MIT OR Apache-2.0
//! How far a long copy is, on a terminal.

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
}

impl Progress {
    pub(crate) fn new(total: u64) -> Self {
        let next = io::stderr().is_terminal().then(|| Instant::now() + SILENT);
        Self { total, next, shown: false }
    }

    pub(crate) fn show(&mut self, done: u64, err: &mut dyn Write) {
        let now = Instant::now();
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        self.next = Some(now + PAUSE);
        self.shown = true;
        // Shares of a hundred without overflow.
        let percent = done / (self.total / 100).max(1);
        // Nobody may be looking: what it tells is for the eye alone, here and below.
        let _ = write!(err, "\r{} of {}, {percent} %   ", human(done), human(self.total));
        let _ = err.flush();
    }

    pub(crate) fn done(&self, err: &mut dyn Write) {
        if self.shown {
            let _ = writeln!(err);
        }
    }
}
