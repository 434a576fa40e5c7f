// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask bench`: races every backend with other libraries, and writes the tables.
//!
//! ```text
//! benches, bin `ratios` ──▶ target/bench.json ──▶ README.md           one glance
//!                                             └─▶ docs/benchmarks.md   every cell, what was missed and why
//! ```
//!
//! With `--quick` fewer cells in fewer repetitions, and a table on the terminal only. With `--render`
//! nothing is run: the tables are made again of what the last whole run left.

mod cells;
mod page;
mod summary;

use crate::ci::shell::{cargo, root, target};
use cells::Report;
use std::error::Error;
use std::fs;
use std::process::{Command, ExitCode, Stdio};

const BEGIN: &str = "<!-- begin: cargo xtask bench -->";
const END: &str = "<!-- end: cargo xtask bench -->";

pub(crate) fn main(arguments: &[String]) -> ExitCode {
    let (mut quick, mut render) = (false, false);
    for argument in arguments {
        match argument.as_str() {
            "--quick" => quick = true,
            "--render" => render = true,
            other => {
                eprintln!("unknown argument `{other}`: cargo xtask bench [--quick | --render]");
                return ExitCode::from(2);
            }
        }
    }
    match bench(quick, render) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(quick: bool, render: bool) -> Result<(), Box<dyn Error>> {
    let kept = target().join("bench.json");
    let text = if render {
        fs::read_to_string(&kept).map_err(|error| format!("{}: {error}", kept.display()))?
    } else {
        let text = run(quick)?;
        if !quick {
            fs::write(&kept, &text)?;
        }
        text
    };
    let report = Report::parse(&text)?;
    let glance = summary::table(&report);
    println!("{glance}");
    if quick {
        return Ok(());
    }
    let readme = root().join("README.md");
    fs::write(&readme, between(&fs::read_to_string(&readme)?, &glance)?)?;
    let page = root().join("docs/benchmarks.md");
    fs::write(&page, page::text(&report))?;
    println!("written: {}, {}", readme.display(), page.display());
    Ok(())
}

/// Builds and runs the race; its progress goes to the terminal.
fn run(quick: bool) -> Result<String, Box<dyn Error>> {
    install_isal();
    let mut command = cargo("run --release -p raid-benches --features peers --bin ratios --");
    if quick {
        command.arg("--quick");
    }
    let output = command.current_dir(root()).stderr(Stdio::inherit()).output()?;
    if output.status.success() {
        Ok(String::from_utf8(output.stdout)?)
    } else {
        Err(format!("the race ended with {}", output.status).into())
    }
}

/// Installs ISA-L where that can be done; where it cannot, the report says that it was skipped.
fn install_isal() {
    let has = || {
        let mut ask = Command::new("pkg-config");
        ask.args(["--exists", "libisal"]).status().is_ok_and(|status| status.success())
    };
    if has() {
        return;
    }
    let mut install = Command::new("apt-get");
    install.args(["install", "--yes", "--quiet", "--no-install-recommends"]);
    install.args(["libisal-dev", "pkg-config"]).env("DEBIAN_FRONTEND", "noninteractive");
    if !install.stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        eprintln!("ISA-L is not here and cannot be installed (libisal-dev, pkg-config)");
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
