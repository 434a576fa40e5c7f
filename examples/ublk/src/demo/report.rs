// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the demo tells at its end, for people and for machines.

use serde::Serialize;
use std::fmt;

/// A stage of the demo and how it ended.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Stage {
    /// What was done.
    pub name: String,
    /// What came of it.
    pub result: String,
    /// Whether it did what it must.
    pub good: bool,
    /// Wall time.
    pub seconds: f64,
}

/// A sector that was not right.
#[derive(Clone, Debug, Serialize)]
pub(super) struct WrongSector {
    /// Its address in the array.
    pub sector: u64,
    /// Which redundancy set, slot and row hold it.
    pub set: u16,
    /// The member.
    pub slot: u8,
    /// The row of the set.
    pub row: u64,
    /// What was there and what was expected.
    pub what: String,
}

/// Times from submission to answer.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Latency {
    /// Requests.
    pub count: u64,
    /// Half of them took no longer, in µs of simulated time.
    pub median_us: f64,
    /// 99 of 100 took no longer.
    pub p99_us: f64,
    /// The longest.
    pub longest_us: f64,
}

impl Latency {
    /// Of these times in ns.
    #[must_use]
    pub(super) fn of(mut times: Vec<u64>) -> Self {
        times.sort_unstable();
        let at = |share: f64| {
            let last = times.len().saturating_sub(1);
            times.get((last as f64 * share) as usize).map_or(0.0, |ns| *ns as f64 / 1000.0)
        };
        Self {
            count: times.len() as u64,
            median_us: at(0.5),
            p99_us: at(0.99),
            longest_us: at(1.0),
        }
    }
}

/// The whole run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    /// Always `raid-demo/1`.
    pub format: &'static str,
    /// The seed that replays the run.
    pub seed: u64,
    /// Level of the array.
    pub level: String,
    /// Metadata format.
    pub metadata: String,
    /// Members of the array.
    pub members: usize,
    /// Bytes of the array.
    pub size_bytes: u64,
    /// Bytes of a strip.
    pub chunk_bytes: u64,
    /// The stages in order.
    pub stages: Vec<Stage>,
    /// Bytes that were read back and compared.
    pub bytes_verified: u64,
    /// Bytes that were written.
    pub bytes_written: u64,
    /// Finished requests.
    pub reads: u64,
    /// Finished requests.
    pub writes: u64,
    /// Finished requests.
    pub flushes: u64,
    /// Faults injected and survived.
    pub faults_survived: Vec<String>,
    /// Latency of reads.
    pub read_latency: Latency,
    /// Latency of writes.
    pub write_latency: Latency,
    /// Metadata commits.
    pub metadata_commits: u64,
    /// Bytes written to write journals.
    pub journal_bytes: u64,
    /// Writers that waited for a window, and the longest wait in µs of simulated time.
    pub window_waits: u64,
    /// See `window_waits`.
    pub longest_window_wait_us: f64,
    /// Seconds of simulated time.
    pub simulated_seconds: f64,
    /// Bytes read and written by the writers per second of simulated time.
    pub simulated_bytes_per_second: f64,
    /// Sectors that were not right, the first few.
    pub wrong: Vec<WrongSector>,
    /// How many there were.
    pub wrong_count: u64,
    /// Requests that failed, the first few.
    pub errors: Vec<String>,
    /// Every byte was right and every stage did what it must.
    pub good: bool,
}

/// A number of bytes for people.
#[must_use]
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nReport (seed {})", self.seed)?;
        let line = |f: &mut fmt::Formatter<'_>, name: &str, value: String| {
            writeln!(f, "  {name:<22}{value}")
        };
        line(f, "verified", format!("{} read back and compared", bytes(self.bytes_verified)))?;
        line(f, "written", bytes(self.bytes_written))?;
        line(
            f,
            "requests",
            format!("{} reads, {} writes, {} flushes", self.reads, self.writes, self.flushes),
        )?;
        for (name, latency) in [("read", self.read_latency), ("write", self.write_latency)] {
            let value = format!(
                "median {:.0} µs, 99 % {:.0} µs, longest {:.0} µs (simulated disks)",
                latency.median_us, latency.p99_us, latency.longest_us
            );
            line(f, &format!("{name} latency"), value)?;
        }
        let rate = bytes(self.simulated_bytes_per_second as u64);
        line(
            f,
            "throughput",
            format!("{rate}/s over {:.1} s (simulated disks)", self.simulated_seconds),
        )?;
        let waits = format!(
            "{} requests waited for a window, at most {:.0} µs",
            self.window_waits, self.longest_window_wait_us
        );
        line(f, "interlock", waits)?;
        let commits = format!(
            "{} commits; write journal {}",
            self.metadata_commits,
            bytes(self.journal_bytes)
        );
        line(f, "metadata", commits)?;
        for (index, fault) in self.faults_survived.iter().enumerate() {
            line(f, if index == 0 { "faults survived" } else { "" }, fault.clone())?;
        }
        for wrong in &self.wrong {
            let place = format!("set {} slot {} row {}: ", wrong.set, wrong.slot, wrong.row);
            line(f, "WRONG", place + &wrong.what)?;
        }
        for error in &self.errors {
            line(f, "ERROR", error.clone())?;
        }
        if self.good {
            writeln!(f, "\nEvery byte was right.")
        } else {
            writeln!(
                f,
                "\nFAILED: {} sectors were not right; replay with --seed {}",
                self.wrong_count, self.seed
            )
        }
    }
}
