// SPDX-License-Identifier: MIT OR Apache-2.0
//! `docs/benchmarks.md`: every cell, the goals that were missed, and what the cells have in common
//! that were.

use super::cells::{Cell, Report, Runner};
use std::fmt::Write;

const HEAD: &str = "\
# Benchmarks

Written by `cargo xtask bench`, which anyone can run; `--quick` prints a few cells in seconds, `--only OPERATION`
races one operation again. The same contenders on the same rows under criterion, whose reports compare one run with the
next: `cargo bench -p raid-benches --features peers --bench parity`.

Every contender does the same to the same rows in the same run, in a random order in each repetition, after its
result was compared with arithmetic of its own. A ratio is the median of the ratios inside a repetition, and says how
many times as fast we are. GB/s are gigabytes read per second, medians. Rows are scattered over memory; blocks
begin with a page (`pages`), each in another line of its page (`lines`), or where no vector is aligned (`8 bytes off`:
ISA-L cannot do that). Ours is what `Backend::detect` chooses, with plain or with streaming stores (`+nt`), whichever is
faster. The limit is the loads and stores of the operation without its arithmetic, plain or past the cache, whichever
is faster; in the first level it is loose. For recovery the other libraries have a general code, with tables made
beforehand; for updates they have a difference and a multiplication. reed-solomon-erasure and
reed-solomon-simd compute other codes than RAID-6, which is verified by what they recover with them, and take part in
`generate` only.

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
    machine(&mut text, report);
    cells(&mut text, report);
    numberings(&mut text, report);
    instruction_sets(&mut text, report);
    portable(&mut text, report);
    missed(&mut text, report);
    text
}

fn machine(text: &mut String, report: &Report) {
    if report.machine.is_empty() {
        return;
    }
    text.push_str("## The machine\n\n");
    text.push_str(
        "What one core can do at most: loads from the first level, and the arithmetic of XOR and of P+Q of each\n\
         instruction set on registers, without loads and stores, in bytes of blocks. A row saves the arithmetic of its\n\
         first block, so that ours can be faster than this by a part in eight.\n\n| | GB/s |\n|---|--:|\n",
    );
    for probe in &report.machine {
        let _ = writeln!(text, "| {} | {:.1} |", probe.name, probe.speed);
    }
    text.push('\n');
}

/// DDF numbers the exponents of Q by element, md by data disk.
fn numberings(text: &mut String, report: &Report) {
    text.push_str("\n## The two numberings of Q\n\n");
    text.push_str(
        "P+Q generate for 8 data disks, exponents by data disk as md has them, and by element as DDF has them, with the\n\
         elements of P and Q in the middle of the row, where they cost two more products. At the end they cost nothing.\n\
         One multiplication for both, with loops for each run of present blocks, was measured on Zen 4 and does not pay, and\n\
         slows down rows without absent blocks: `raid-core/src/backend/row.rs` has the figures.\n\n\
         | set | block | by data disk | by element | ratio |\n|---|--:|--:|--:|--:|\n",
    );
    for cell in report.cells.iter().filter(|cell| main(cell)) {
        let Some(own) = cell.ours(&report.best) else { continue };
        let Some(other) = by_element(cell, &own) else { continue };
        let _ = writeln!(
            text,
            "| {} | {} | {:.1} | {:.1} | {:.2} |",
            cell.set,
            size(cell.len),
            own.speed,
            other.speed,
            1.0 / cell.ratio(&own, &other)
        );
    }
}

/// The same kernels with the other numbering, where it is raced.
fn by_element(cell: &Cell, own: &Runner) -> Option<Runner> {
    cell.named(&format!("{} by element", own.name))
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
                let reason = reason(report, cell, &own, ours, ratio / goal(cell));
                row(&peer.name, ratio, goal(cell), ours, ours / ratio, &reason);
            }
        }
        let waits = matches!(cell.set.as_str(), "LLC" | "DRAM");
        if waits && ours < OF_LIMIT {
            let reason = reason(report, cell, &own, ours, ours / OF_LIMIT);
            row("the limit", ours, OF_LIMIT, ours, f64::NAN, &reason);
        }
        if !main(cell) {
            continue;
        }
        if let Some(other) = by_element(cell, &own) {
            let ratio = cell.ratio(&other, &own);
            if ratio < 1.0 {
                let of_other = of_limit(&other);
                let reason = match cell.set.as_str() {
                    "L1" => "E".into(),
                    _ => reason(report, cell, &other, of_other, ratio),
                };
                row("Q by element: by data disk", ratio, 1.0, of_other, ours, &reason);
            }
        }
        for (isa, goal) in NARROWER {
            let (Some(own), Some(peer)) = (cell.ours(isa), cell.peer_of(isa)) else { continue };
            let goal = if cell.operation == "generate" && !waits { goal } else { 1.0 };
            let ratio = cell.ratio(&own, &peer);
            if ratio < goal {
                let against = format!("{isa}: {}", peer.name);
                let ours = of_limit(&own);
                let reason = reason(report, cell, &own, ours, ratio / goal);
                row(&against, ratio, goal, ours, ours / ratio, &reason);
            }
        }
    }
}

const REASONS: &str = "\
The goals were set on an Intel CPU with two 512-bit loads a cycle and a first level of 48 KiB in 12 ways, whose memory
is slow next to its core. Each reason is a measurement of this run; where none of them holds, the cell says so.

- **W**: we are at the limit of the machine, within 7 %: nothing is left to be ahead by.
- **A**: we are at what the arithmetic alone can do, at the part of it that is named: with the same instructions, and as
  many for a byte, nobody can be far ahead.
- **S**: blocks at different places in their pages are faster by the factor named (blocks of 64 KiB): all begin with a
  page, and the eight ways of the first level hold no more than eight such lines.
- **N**: the middle half of the times of this cell reaches as far as is named, farther than what is missing.
- **E**: the elements of P and Q are two of ten in the arithmetic of Q; eight tenths are what that leaves.

";

/// What was measured that explains a cell: `part` of its goal was reached.
fn reason(report: &Report, cell: &Cell, own: &Runner, of_limit: f64, part: f64) -> String {
    let backend = own.name.trim_end_matches("+nt");
    let arithmetic = report.arithmetic(&cell.operation, backend).map(|most| own.speed / most);
    let elsewhere = report.in_other_lines(cell, own);
    let spread = cell.spread(own);
    if of_limit >= OF_LIMIT {
        return "W".into();
    }
    match (arithmetic, elsewhere, spread) {
        (Some(of_most), ..) if of_most >= 0.85 => format!("A {of_most:.2}"),
        (_, Some(factor), _) if factor >= 1.03 => format!("S {factor:.2}"),
        (.., Some(spread)) if spread >= 1.0 - part => format!("N {:.0} %", spread * 100.0),
        _ => "not measured".into(),
    }
}
