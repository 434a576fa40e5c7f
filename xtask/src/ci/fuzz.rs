// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every fuzz target for a minute: that it builds, starts from its corpus, and finds nothing.
//!
//! As many targets at a time as there are processors. Of one that fails, the input that did it stays where
//! the fuzzer put it, and the step says how to see it again.

use super::shell::{Shell, cargo, root, target};
use super::{Outcome, Stop, toolchain};
use std::fs;
use std::num::NonZero;
use std::thread;

/// Of the clock, for each target.
const SECONDS: usize = 60;

pub(crate) fn all(shell: &mut Shell) -> Outcome {
    if !root().join("fuzz/Cargo.toml").exists() {
        return Err(Stop::Skipped(String::from("no fuzz targets yet")));
    }
    toolchain::toolchain(shell, "nightly", &[])?;
    toolchain::cargo_tool(shell, "fuzz")?;
    let listed = shell.cargo("+nightly fuzz list")?;
    let targets: Vec<&str> = listed.lines().collect();
    if targets.is_empty() {
        return Err(Stop::Failed(String::from("`cargo fuzz list` names no target")));
    }
    shell.cargo("+nightly fuzz build")?;
    let at_once = thread::available_parallelism().map_or(1, NonZero::get);
    let mut failures = Vec::new();
    for together in targets.chunks(at_once) {
        thread::scope(|scope| {
            let runs: Vec<_> = together.iter().map(|name| scope.spawn(|| run(name))).collect();
            failures.extend(runs.into_iter().filter_map(|run| match run.join() {
                Ok(outcome) => outcome.err(),
                Err(panic) => std::panic::resume_unwind(panic),
            }));
        });
    }
    if failures.is_empty() {
        Ok(format!("{} targets, {SECONDS} s each, {at_once} at a time", targets.len()))
    } else {
        Err(Stop::Failed(failures.join("; ")))
    }
}

/// Runs one target; else why it failed.
fn run(name: &str) -> Result<(), String> {
    let mut shell = Shell::new(&format!("fuzz-{name}")).map_err(|error| error.to_string())?;
    // What is found on the way is kept apart from the inputs under version control.
    let found = target().join("ci/corpus").join(name);
    fs::create_dir_all(&found).map_err(|error| error.to_string())?;
    let mut command = cargo(&format!("+nightly fuzz run {name}"));
    command.arg(found);
    let kept = root().join("fuzz/corpus").join(name);
    if kept.exists() {
        command.arg(kept);
    }
    command.arg("--").arg(format!("-max_total_time={SECONDS}"));
    match shell.try_run(&mut command) {
        Ok((Some(status), _)) if status.success() => Ok(()),
        Ok((_, output)) => {
            shell.print_tail();
            Err(failure(name, &output))
        }
        Err(error) => Err(format!("{name} could not be run: {error}")),
    }
}

/// The input that failed, and how to see it again.
fn failure(name: &str, output: &str) -> String {
    let written = output.lines().rev().find_map(|line| line.split_once("Test unit written to "));
    let Some((_, path)) = written else {
        return format!("{name} stopped without an input that does it again");
    };
    let path = path.trim();
    let folder = format!("{}/", root().display());
    let path = path.strip_prefix(&folder).unwrap_or(path);
    format!("{name}: `cargo +nightly fuzz run {name} {path}` shows it again")
}
