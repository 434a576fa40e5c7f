// SPDX-License-Identifier: MIT OR Apache-2.0
//! `docs/benchmarks.md`: every cell, those behind marked, and what the cells have in common
//! that were.

use super::cells::{Cell, Report, Runner};
use std::fmt::Write;

const HEAD: &str = "\
# Benchmarks

Written by `cargo xtask bench`, which anyone can run; `--quick` prints a few cells in seconds, `--only OPERATION`
races one operation again. The same contenders on the same rows under criterion, whose reports compare one run with the
next: `cargo bench -p raid-benches --features peers --bench parity`. Earlier figures: [history](history).

Every contender does the same to the same rows in the same run, in a random order in each repetition, after its
result was compared with arithmetic of its own. Times are those of the thread on a CPU. A ratio is the median of the ratios inside a
repetition, and says how many times as fast we are. GB/s are gigabytes read per second, medians. Rows are scattered over
memory; blocks begin with a page (`pages`), each in another line of its page (`lines`), or where no vector is aligned (`8 bytes
off`: ISA-L cannot do that). **Ours is what a caller gets** from `Backend::detect` who says where the rows are (`Locality`):
in a cache (L1, L2), in the last level, in memory. The limit is the loads and stores of the operation without its arithmetic, the best of
several loops: steps of 64 to 4096 bytes, plain and past the cache; in the first level it is loose. For recovery the other
libraries have a general code, with tables made beforehand; ISA-L's check is also raced as generate and compare, its
update as one `ec_encode_data` over old, new, P and Q. reed-solomon-erasure and reed-solomon-simd compute other codes than
RAID-6, which is verified by what they recover with them, and take part in `generate` only.

";

pub(super) fn text(report: &Report) -> String {
    let mut text = String::from(HEAD);
    let [l1, l2, llc] = report.caches.map(|bytes| bytes >> 10);
    // A string takes everything, here and below.
    let _ = writeln!(
        text,
        "This run: {}, caches of {l1} KiB, {l2} KiB and {llc} KiB; kernels `{}`; seed {}; {}.\n",
        report.cpu,
        report.best,
        report.seed,
        report.attendance.join("; ")
    );
    levels(&mut text, report);
    choices(&mut text, report);
    machine(&mut text, report);
    cells(&mut text, report);
    numberings(&mut text, report);
    instruction_sets(&mut text, report);
    portable(&mut text, report);
    text
}

/// Cells with less than that of the best peer are behind it.
const BEHIND: f64 = 0.97;

fn median(values: &mut [f64]) -> String {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).map_or(String::from("–"), |middle| format!("{middle:.2}"))
}

/// Every level in a line.
fn levels(text: &mut String, report: &Report) {
    text.push_str("## At a glance\n\n");
    text.push_str(
        "Blocks of 2 KiB and more that begin with a page: ours ÷ the best peer, and ÷ the limit.\n\n\
         | set | cells | median | least | less than 0.97 | ÷ limit, up to 8 disks | ÷ limit, 16 disks |\n\
         |---|--:|--:|--:|--:|--:|--:|\n",
    );
    for set in super::summary::SETS {
        let wanted =
            |cell: &&Cell| cell.set == set && cell.len >= 2048 && cell.placement == "pages";
        let (mut ratios, mut few, mut many) = (Vec::new(), Vec::new(), Vec::new());
        for cell in report.cells.iter().filter(wanted) {
            let Some(own) = cell.ours(&report.best) else { continue };
            ratios.extend(cell.any_peer().map(|peer| cell.ratio(&own, &peer)));
            let part = cell.limit().map(|limit| cell.ratio(&own, &limit));
            if cell.disks > 8 { many.extend(part) } else { few.extend(part) }
        }
        let least = ratios.iter().copied().fold(f64::NAN, f64::min);
        let behind = ratios.iter().filter(|ratio| **ratio < BEHIND).count();
        let _ = writeln!(
            text,
            "| {set} | {} | {} | {least:.2} | {behind} | {} | {} |",
            ratios.len(),
            median(&mut ratios),
            median(&mut few),
            median(&mut many)
        );
    }
    text.push('\n');
}

/// What a caller gets against the best choice there was.
fn choices(text: &mut String, report: &Report) {
    text.push_str("## The choice\n\n");
    text.push_str(
        "What a caller gets who says where the rows are, and who says nothing, ÷ the best of what these kernels do for any\n\
         place: the part of the cells that is within 3 %.\n\n| set | cells | told | untold |\n|---|--:|--:|--:|\n",
    );
    for set in super::summary::SETS {
        let (mut cells, mut told, mut untold) = (0_u32, 0_u32, 0_u32);
        for cell in report.cells.iter().filter(|cell| cell.set == set) {
            let Some(best) = cell.forced(&report.best) else { continue };
            let near =
                |name: &str| cell.named(name).is_some_and(|one| cell.ratio(&one, &best) >= BEHIND);
            cells += 1;
            told += u32::from(near(&report.best));
            untold += u32::from(near(&format!("{} untold", report.best)));
        }
        let part = |of: u32| 100.0 * f64::from(of) / f64::from(cells.max(1));
        let _ = writeln!(text, "| {set} | {cells} | {:.0} % | {:.0} % |", part(told), part(untold));
    }
    text.push('\n');
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
    text.push_str("## All cells\n\nLess than 0.97 of the best peer is bold.\n\n");
    text.push_str("| operation | disks | set | block | placement | ours | GB/s | best peer | GB/s | ratio | of the limit |\n");
    text.push_str("|---|--:|---|--:|---|---|--:|---|--:|--:|--:|\n");
    for cell in &report.cells {
        let Some(own) = cell.ours(&report.best) else { continue };
        let (peer, ratio) = match cell.any_peer() {
            Some(peer) => (
                format!("{} | {:.1}", peer.name, peer.speed),
                match cell.ratio(&own, &peer) {
                    behind if behind < BEHIND => format!("**{behind:.2}**"),
                    ratio => format!("{ratio:.2}"),
                },
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
const FORCED: [&str; 5] = ["avx512_gfni", "avx512", "avx2_gfni", "avx2", "ssse3"];

fn instruction_sets(text: &mut String, report: &Report) {
    text.push_str("\n## The same instructions\n\n");
    text.push_str("Each backend against the fastest kernel of others for the same instruction set, 8 disks.\n\n");
    text.push_str("| operation | set | block | backend | GB/s | peer | GB/s | ratio |\n");
    text.push_str("|---|---|--:|---|--:|---|--:|--:|\n");
    for cell in report.cells.iter().filter(|cell| main(cell)) {
        for isa in FORCED {
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

/// Eight disks, blocks at the start of pages.
fn main(cell: &Cell) -> bool {
    cell.disks == 8 && cell.placement == "pages"
}
