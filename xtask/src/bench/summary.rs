// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table of the README: operation × working set, at a glance.

use super::cells::Report;
use std::fmt::Write;

pub(super) const OPERATIONS: [(&str, &str); 6] = [
    ("xor", "XOR"),
    ("generate", "P+Q generate"),
    ("check", "P+Q check"),
    ("recover DD", "recover data + data"),
    ("recover DP", "recover data + P"),
    ("update", "read-modify-write"),
];

pub(super) const SETS: [&str; 4] = ["L1", "L2", "LLC", "DRAM"];

/// The table for eight data disks and blocks of 64 KiB; in the first level, of what fits.
pub(super) fn table(report: &Report) -> String {
    let mut text = String::new();
    // A string takes everything, here and below.
    let _ = writeln!(text, "| × the best peer (of the limit) | {} |", SETS.join(" | "));
    let _ = writeln!(text, "|---|{}", "--:|".repeat(SETS.len()));
    for (operation, name) in OPERATIONS {
        let _ = write!(text, "| {name} |");
        for set in SETS {
            let cell = report.cells.iter().find(|cell| {
                cell.operation == operation
                    && cell.disks == 8
                    && cell.set == set
                    && cell.placement == "pages"
                    && (set == "L1" || cell.len == 64 << 10)
            });
            let entry = cell.and_then(|cell| {
                let (own, limit) = (cell.ours(&report.best)?, cell.limit());
                let peer = cell.any_peer().map(|peer| format!("{:.2}×", cell.ratio(&own, &peer)));
                let limit = limit.map(|limit| format!(" ({:.2})", cell.ratio(&own, &limit)));
                Some(format!("{}{}", peer.unwrap_or("–".into()), limit.unwrap_or_default()))
            });
            let _ = write!(text, " {} |", entry.unwrap_or("–".into()));
        }
        let _ = writeln!(text);
    }
    let _ = write!(
        text,
        "\nKernels `{}` on {}. Peers: {}. Limit: the same loads and stores without arithmetic, the best of several loops. All cells, those behind included: [docs/benchmarks.md](docs/benchmarks.md).",
        report.best,
        report.cpu,
        report.attendance.join("; ")
    );
    text
}
