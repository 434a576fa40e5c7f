// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a program on a Cortex-M pays: code and constants of the programs of `xtask/size-consumer`, linked for size, with
//! all that nobody calls left out.
//!
//! docs/size.md holds the figures and is written by `cargo xtask size`; a program that is more than 2 % larger than its
//! figure there fails.

use super::shell::{Shell, cargo, root, target};
use super::stack::short;
use super::toolchain::{NIGHTLY, Need};
use super::{Outcome, Stop, bare, exit_code};
use object::{Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind};
use rustc_demangle::demangle;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

pub(super) const NEEDS: &[Need] =
    &[Need::Compiler(NIGHTLY, &[]), Need::TargetOf(NIGHTLY, bare::THUMBV7EM)];

/// A program, what it does, and the bytes that it is meant to take.
const PROGRAMS: [(&str, &str, Option<u64>); 4] = [
    ("parity", "P and Q of a row, and a check of P", None),
    ("reader_asr", "one array of RAID-5 on ASR, found and read short of a member", Some(16 << 10)),
    ("reader_ddf", "one array of RAID-5 on DDF, found and read short of a member", Some(16 << 10)),
    ("everything", "both formats, read and written, the planner, the sync engine", None),
];

/// Symbols that are named of a program above its goal.
const LARGEST: usize = 10;

#[derive(Debug)]
struct Measured {
    bytes: u64,
    /// The largest first.
    symbols: Vec<(u64, String)>,
}

pub(crate) fn gate(shell: &mut Shell) -> Outcome {
    let page = fs::read_to_string(page()).map_err(|error| failed(&error))?;
    let mut figures = Vec::new();
    for ((name, ..), measured) in PROGRAMS.iter().zip(measure(shell)?) {
        let bytes = measured.bytes;
        let listed = figure(&page, name)
            .ok_or_else(|| Stop::Failed(format!("docs/size.md has no figure of {name}")))?;
        if bytes > listed + listed / 50 {
            let largest: Vec<String> =
                measured.symbols.iter().map(|(bytes, name)| format!("{bytes} {name}")).collect();
            shell.note(&largest.join("\n"));
            return Err(Stop::Failed(format!(
                "{name} takes {bytes} bytes, and {listed} stand in docs/size.md; `cargo xtask size` writes it anew"
            )));
        }
        figures.push(format!("{name} {:.1} KiB", bytes as f64 / 1024.0));
    }
    Ok(figures.join(", "))
}

/// `cargo xtask size`: writes the page.
pub(crate) fn main() -> ExitCode {
    let shell = Shell::new("size-page").map_err(|error| failed(&error));
    let written = shell
        .and_then(|mut shell| measure(&mut shell))
        .and_then(|measured| fs::write(page(), render(&measured)).map_err(|error| failed(&error)));
    exit_code("size", written)
}

fn page() -> PathBuf {
    root().join("docs/size.md")
}

fn measure(shell: &mut Shell) -> Result<Vec<Measured>, Stop> {
    let folder = target().join("size");
    let mut build = cargo(&format!(
        "+{NIGHTLY} build --locked --release --target {} --manifest-path",
        bare::THUMBV7EM
    ));
    build.arg(root().join("xtask/size-consumer/Cargo.toml")).env("CARGO_TARGET_DIR", &folder);
    shell.run(&mut build)?;
    let folder = folder.join(bare::THUMBV7EM).join("release");
    PROGRAMS
        .iter()
        .map(|(name, ..)| {
            let bytes = fs::read(folder.join(name)).map_err(|error| failed(&error))?;
            of_program(&bytes).map_err(|error| Stop::Failed(format!("{name}: {error}")))
        })
        .collect()
}

fn of_program(bytes: &[u8]) -> Result<Measured, object::Error> {
    let program = object::File::parse(bytes)?;
    let kept = |kind| {
        use SectionKind::{Data, ReadOnlyData, ReadOnlyDataWithRel, Text};
        matches!(kind, Text | Data | ReadOnlyData | ReadOnlyDataWithRel)
    };
    let sections = program.sections().filter(|section| kept(section.kind()));
    let bytes = sections.map(|section| section.size()).sum();
    let symbols = program
        .symbols()
        .filter(|symbol| matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data));
    let mut symbols: Vec<(u64, String)> = symbols
        .filter_map(|symbol| {
            Some((symbol.size(), short(&format!("{:#}", demangle(symbol.name().ok()?)))))
        })
        .collect();
    symbols.sort_by(|one, other| other.cmp(one));
    symbols.truncate(LARGEST);
    Ok(Measured { bytes, symbols })
}

/// The bytes of a program in the page's table.
fn figure(page: &str, name: &str) -> Option<u64> {
    let row = page.lines().find_map(|line| line.strip_prefix(&format!("| `{name}` | ")))?;
    row.split(" | ").next()?.trim().parse().ok()
}

fn render(measured: &[Measured]) -> String {
    let mut page = String::from(HEAD);
    for ((name, about, goal), measured) in PROGRAMS.iter().zip(measured) {
        let goal = goal.map_or(String::from("–"), |goal| goal.to_string());
        let _ = writeln!(page, "| `{name}` | {} | {goal} | {about} |", measured.bytes);
    }
    for ((name, _, goal), measured) in PROGRAMS.iter().zip(measured) {
        if goal.is_none_or(|goal| measured.bytes <= goal) {
            continue;
        }
        let _ = write!(page, "\nThe largest of `{name}`:\n\n| bytes | what |\n|---:|---|\n");
        for (bytes, symbol) in &measured.symbols {
            let _ = writeln!(page, "| {bytes} | `{symbol}` |");
        }
    }
    page
}

const HEAD: &str = "\
# Size

What a program on a Cortex-M (thumbv7em) takes of flash, code and constants, linked with `opt-level = \"s\"` and fat LTO, by the
nightly compiler of `xtask/src/ci/toolchain.rs`. The programs are those of `xtask/size-consumer`. Written by `cargo xtask size`;
`cargo xtask ci size` fails where a program is more than 2 % larger than here. How far a reader is from its goal is an open
fault (cases P2 and P4): it takes along the whole report of a configuration.

| program | bytes | goal | what it does |
|---|---:|---:|---|
";

fn failed(error: &std::io::Error) -> Stop {
    Stop::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_each_figure_and_names_what_is_large_above_a_goal() {
        let measured: Vec<Measured> = [100, 20_000, 16_384, 5]
            .into_iter()
            .map(|bytes| Measured { bytes, symbols: vec![(70, format!("big_in_{bytes}"))] })
            .collect();
        let page = render(&measured);
        for ((name, ..), measured) in PROGRAMS.iter().zip(&measured) {
            assert_eq!(figure(&page, name), Some(measured.bytes));
        }
        assert!(page.contains("| 70 | `big_in_20000` |") && !page.contains("big_in_16384"));
        assert_eq!(figure(&page, "nobody"), None);
    }
}
