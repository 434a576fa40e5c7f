// SPDX-License-Identifier: MIT OR Apache-2.0
//! Progress of background work: a bar on a terminal, a line now and then elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use raid_array::engine::Stats;
use raid_sync::Status;
use std::time::Instant;

/// Follows one operation of one set.
#[derive(Debug)]
pub(crate) struct Bar {
    bar: ProgressBar,
    quiet: bool,
    /// Tenths that were told where there is no terminal.
    told: u64,
    start: Instant,
    name: &'static str,
}

impl Bar {
    /// `rows` rows are to be done. `quiet` shows nothing at all.
    pub(super) fn new(name: &'static str, rows: u64, quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(rows), ProgressDrawTarget::stderr());
        let style = "  {prefix} [{bar:32}] {percent:>3} %  {msg}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(name);
        if quiet {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self { bar, quiet, told: 0, start: Instant::now(), name }
    }

    /// Shows where the operation is.
    pub(super) fn update(&mut self, status: &Status, stats: &Stats) {
        let Some(marks) = status.marks else { return };
        let (done, limit) = (marks.done.0, marks.limit.0.max(1));
        let seconds = self.start.elapsed().as_secs_f64().max(1e-6);
        let rate = done as f64 * 512.0 / seconds / f64::from(1 << 20);
        let waits = format!(
            "mark {done}/{limit}  {rate:.0} MiB/s/member  {} waits, longest {:.1} ms",
            stats.window_waits,
            stats.window_wait_longest as f64 / 1e6
        );
        self.bar.set_position(done);
        let tenth = done * 10 / limit;
        if self.bar.is_hidden() && !self.quiet && tenth > self.told {
            self.told = tenth;
            let left = seconds / done.max(1) as f64 * limit.saturating_sub(done) as f64;
            eprintln!("  {} {:>3} %  {waits}  {left:.1} s left", self.name, done * 100 / limit);
        }
        self.bar.set_message(waits);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
