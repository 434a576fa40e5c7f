// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask bench`: races every backend with other libraries, and writes the tables.
//!
//! ```text
//! benches, bin `ratios` ──▶ target/bench.json ──▶ README.md           one glance
//!                                             └─▶ docs/benchmarks.md   every cell, those behind marked
//! ```
//!
//! With `--quick` fewer cells in fewer repetitions, and a table on the terminal only. With `--only` and
//! the name of an operation the cells of that are raced again, and take the place of those in what the
//! last run left. With `--render` nothing is run: the tables are made again of that.

mod cells;
mod page;
mod summary;

use crate::ci::Stop;
use crate::ci::shell::{Shell, cargo, root, target};
use crate::ci::toolchain::{self, Need};
use cells::Report;
use std::error::Error;
use std::fs;
use std::process::{ExitCode, Stdio};

const BEGIN: &str = "<!-- begin: cargo xtask bench -->";
const END: &str = "<!-- end: cargo xtask bench -->";

pub(crate) fn main(arguments: &[String]) -> ExitCode {
    let what = match arguments {
        [] => What::All,
        [flag] if flag == "--quick" => What::Quick,
        [flag] if flag == "--render" => What::Nothing,
        [flag, operations @ ..] if flag == "--only" && !operations.is_empty() => {
            What::Only(operations)
        }
        _ => {
            eprintln!("cargo xtask bench [--quick | --render | --only OPERATION...]");
            return ExitCode::from(2);
        }
    };
    match bench(what) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What is raced.
#[derive(Clone, Copy)]
enum What<'a> {
    All,
    Quick,
    Only(&'a [String]),
    Nothing,
}

fn bench(what: What<'_>) -> Result<(), Box<dyn Error>> {
    let kept = target().join("bench.json");
    let last = || fs::read_to_string(&kept).map_err(|error| format!("{}: {error}", kept.display()));
    let text = match what {
        What::Quick => run(&["--quick"])?,
        What::All => run(&[])?,
        What::Nothing => last()?,
        What::Only(operations) => {
            let operations: Vec<&str> = operations.iter().map(String::as_str).collect();
            let last = last().unwrap_or_default();
            cells::merged(&last, &run(&operations)?, &operations)?
        }
    };
    let report = Report::parse(&text)?;
    let glance = summary::table(&report);
    println!("{glance}");
    match what {
        What::Quick => return Ok(()),
        What::Nothing => {}
        What::All | What::Only(_) => fs::write(&kept, &text)?,
    }
    let readme = root().join("README.md");
    fs::write(&readme, between(&fs::read_to_string(&readme)?, &glance)?)?;
    let page = root().join("docs/benchmarks.md");
    fs::write(&page, page::text(&report))?;
    println!("written: {}, {}", readme.display(), page.display());
    Ok(())
}

/// Builds and runs the race; its progress goes to the terminal.
fn run(arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let mut shell = Shell::new("bench")?;
    // The report says that ISA-L was skipped where it cannot be had.
    if let Err(Stop::Skipped(why) | Stop::Beyond(why) | Stop::Failed(why)) =
        toolchain::bring(&mut shell, &[Need::Library("libisal", "libisal-dev pkg-config")])
    {
        eprintln!("{why}");
    }
    let mut command = cargo("run --release -p raid-benches --features peers --bin ratios --");
    command.args(arguments);
    let output = command.current_dir(root()).stderr(Stdio::inherit()).output()?;
    if output.status.success() {
        Ok(String::from_utf8(output.stdout)?)
    } else {
        Err(format!("the race ended with {}", output.status).into())
    }
}

/// The text with what stands between the marks replaced.
fn between(text: &str, table: &str) -> Result<String, String> {
    let missing = || format!("README.md: no `{BEGIN}` … `{END}`");
    let (before, rest) = text.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let new = between(&text, "new").unwrap();
        assert_eq!(new, format!("a\n{BEGIN}\nnew\n{END}\nb\n"));
        assert_eq!(between(&new, "new").unwrap(), new);
        assert!(between("no marks", "new").is_err());
    }
}
