// SPDX-License-Identifier: MIT OR Apache-2.0
//! `docs/benchmarks.md`: every cell, the goals that were missed, and what the cells have in common
//! that were.

use super::cells::{Cell, Report, Runner};
use std::fmt::Write;

const HEAD: &str = "\
# Benchmarks

Written by `cargo xtask bench`, which anyone can run; `--quick` prints a few cells in seconds.

Every contender does the same to the same rows in the same run, in a random order in each repetition, after its
result was compared with arithmetic of its own. A ratio is the median of the ratios inside a repetition, and says how
many times as fast we are. GB/s are gigabytes read per second, medians. Rows are scattered over memory; blocks
begin with a page (`pages`), each in another line of its page (`lines`), or where no vector is aligned (`8 bytes off`:
ISA-L cannot do that). Ours is what `Backend::detect` chooses, with plain or with streaming stores (`+nt`), whichever is
faster. The limit is the loads and stores of the operation without its arithmetic, plain or past the cache, whichever
is faster; in the first level it is loose. For recovery the other libraries have a general code, with tables made
beforehand; for updates they have a difference and a multiplication. reed-solomon-erasure and
reed-solomon-simd compute other codes than RAID-6 and take part in `generate` only.

";

pub(super) fn text(report: &Report) -> String {
    let mut text = String::from(HEAD);
    let [l1, l2, llc] = report.caches.map(|bytes| bytes >> 10);
    let _ = writeln!(
        text,
        "This run: {}, caches of {l1} KiB, {l2} KiB and {llc} KiB; kernels `{}`; {}.\n",
        report.cpu,
        report.best,
        report.attendance.join("; ")
    );
    cells(&mut text, report);
    instruction_sets(&mut text, report);
    portable(&mut text, report);
    missed(&mut text, report);
    text
}

fn cells(text: &mut String, report: &Report) {
    text.push_str("## All cells\n\n");
    text.push_str("| operation | disks | set | block | placement | ours | GB/s | best peer | GB/s | ratio | of the limit |\n");
    text.push_str("|---|--:|---|--:|---|---|--:|---|--:|--:|--:|\n");
    for cell in &report.cells {
        let Some(own) = cell.ours(&report.best) else { continue };
        let (peer, ratio) = match cell.any_peer() {
            Some(peer) => (
                format!("{} | {:.1}", peer.name, peer.speed),
                format!("{:.2}", cell.ratio(&own, &peer)),
            ),
            None => (String::from("– | –"), String::from("–")),
        };
        let limit = cell.limit().map(|limit| format!("{:.2}", cell.ratio(&own, &limit)));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {:.1} | {peer} | {ratio} | {} |",
            cell.operation,
            cell.disks,
            cell.set,
            size(cell.len),
            cell.placement,
            own.name,
            own.speed,
            limit.unwrap_or("–".into())
        );
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        mib if mib >= 1 << 20 => format!("{} MiB", mib >> 20),
        kib if kib >= 1 << 10 => format!("{} KiB", kib >> 10),
        bytes => format!("{bytes} B"),
    }
}

/// Narrower backends against the kernels that others have for the same instructions.
const NARROWER: [(&str, f64); 4] =
    [("avx512", 1.6), ("avx2_gfni", 1.1), ("avx2", 1.3), ("ssse3", 1.0)];

fn instruction_sets(text: &mut String, report: &Report) {
    text.push_str("\n## The same instructions\n\n");
    text.push_str("Each narrower backend against the fastest kernel of others for the same instruction set, 8 disks.\n\n");
    text.push_str("| operation | set | block | backend | GB/s | peer | GB/s | ratio |\n");
    text.push_str("|---|---|--:|---|--:|---|--:|--:|\n");
    for cell in report.cells.iter().filter(|cell| main(cell)) {
        for (isa, _) in NARROWER {
            let (Some(own), Some(peer)) = (cell.ours(isa), cell.peer_of(isa)) else { continue };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {:.1} | {} | {:.1} | {:.2} |",
                cell.operation,
                cell.set,
                size(cell.len),
                own.name,
                own.speed,
                peer.name,
                peer.speed,
                cell.ratio(&own, &peer)
            );
        }
    }
}

fn portable(text: &mut String, report: &Report) {
    text.push_str("\n## Plain Rust\n\n");
    text.push_str(
        "The portable kernels `bytes` against our best ones and against ISA-L, 8 disks.\n\n",
    );
    text.push_str(
        "| operation | set | block | GB/s | of our best | of ISA-L |\n|---|---|--:|--:|--:|--:|\n",
    );
    for cell in report.cells.iter().filter(|cell| main(cell)) {
        let (Some(plain), Some(best)) = (cell.named("bytes"), cell.ours(&report.best)) else {
            continue;
        };
        let isal = cell.named("isal").map(|isal| format!("{:.2}", cell.ratio(&plain, &isal)));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.1} | {:.2} | {} |",
            cell.operation,
            cell.set,
            size(cell.len),
            plain.speed,
            cell.ratio(&plain, &best),
            isal.unwrap_or("–".into())
        );
    }
}

/// Eight disks, blocks at the start of pages: what the goals are about.
fn main(cell: &Cell) -> bool {
    cell.disks == 8 && cell.placement == "pages"
}

/// Times as fast as the best peer that we want to be.
fn goal(cell: &Cell) -> f64 {
    if !main(cell) {
        return 1.0;
    }
    let [l1, l2, llc, dram] = match cell.operation.as_str() {
        "xor" => [1.35, 1.08, 1.04, 1.08],
        "generate" => [1.4, 1.12, 1.1, 1.25],
        "check" => [6.0, 4.3, 1.3, 1.25],
        "recover DD" => [2.0, 1.6, 1.07, 1.3],
        "recover DP" => [2.1, 1.7, 1.08, 1.3],
        _ => [1.65, 1.08, 1.0, 1.15],
    };
    match (cell.set.as_str(), cell.len) {
        ("L1", _) => l1,
        ("L2", _) => l2,
        ("LLC", _) => llc,
        (_, 4096) if dram > 1.1 => dram - 0.1,
        _ => dram,
    }
}

/// Of the limit, where memory is the limit.
const OF_LIMIT: f64 = 0.93;

fn missed(text: &mut String, report: &Report) {
    text.push_str("\n## Goals that were missed\n\n");
    text.push_str(REASONS);
    text.push_str("| operation | disks | set | block | placement | against | ratio | goal | ours of the limit | theirs | reason |\n");
    text.push_str("|---|--:|---|--:|---|---|--:|--:|--:|--:|---|\n");
    for cell in &report.cells {
        let Some(own) = cell.ours(&report.best) else { continue };
        let limit = cell.limit();
        let of_limit =
            |runner: &Runner| limit.as_ref().map_or(f64::NAN, |limit| cell.ratio(runner, limit));
        let mut row = |other: &str, ratio: f64, goal: f64, ours: f64, theirs: f64, reason: &str| {
            let theirs = if theirs.is_nan() { "–".into() } else { format!("{theirs:.2}") };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {other} | {ratio:.2} | {goal:.2} | {ours:.2} | {theirs} | {reason} |",
                cell.operation,
                cell.disks,
                cell.set,
                size(cell.len),
                cell.placement
            );
        };
        let ours = of_limit(&own);
        if let Some(peer) = cell.any_peer() {
            let ratio = cell.ratio(&own, &peer);
            if ratio < goal(cell) {
                let reason = reason(cell, ours);
                row(&peer.name, ratio, goal(cell), ours, ours / ratio, reason);
            }
        }
        let waits = matches!(cell.set.as_str(), "LLC" | "DRAM");
        if waits && ours < OF_LIMIT {
            row("the limit", ours, OF_LIMIT, ours, f64::NAN, reason(cell, ours));
        }
        if !main(cell) || !matches!(cell.set.as_str(), "L1" | "L2") {
            continue;
        }
        for (isa, goal) in NARROWER {
            let (Some(own), Some(peer)) = (cell.ours(isa), cell.peer_of(isa)) else { continue };
            let goal = if cell.operation == "generate" { goal } else { 1.0 };
            let ratio = cell.ratio(&own, &peer);
            if ratio < goal {
                let against = format!("{isa}: {}", peer.name);
                row(&against, ratio, goal, of_limit(&own), of_limit(&own) / ratio, "I");
            }
        }
    }
}

const REASONS: &str = "\
The goals were set on an Intel CPU with two 512-bit loads a cycle and a first level of 48 KiB in 12 ways, whose memory
is slow next to its core.

- **W**: we are at the limit of the machine, within 7 %, and so is the peer, or almost: nothing is left to be ahead by.
- **L**: the first level gives one 512-bit load a cycle on this CPU, and arithmetic on 512 bits takes two cycles of a
  256-bit unit: 512 bits bring less over 256 than the goal supposes.
- **S**: blocks start at page boundaries, and the eight ways of the first level hold no more than eight of them; taken
  to be the reason, as streaming stores and other placements help, but not measured apart.
- **N**: on a shared machine memory differs by this much from one second to the next.
- **I**: with the same instructions everybody has the same number of operations for a byte on this CPU; what differs is
  loads and stores.

";

fn reason(cell: &Cell, of_limit: f64) -> &'static str {
    match cell.set.as_str() {
        _ if of_limit >= OF_LIMIT => "W",
        "L1" => "L",
        "L2" => "S",
        _ => "N",
    }
}
