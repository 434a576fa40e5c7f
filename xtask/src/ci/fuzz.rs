// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every fuzz target for its share of the time: that it builds, starts from its seeds, finds nothing, and
//! leaves nothing behind among the files under version control.
//!
//! As many targets at a time as there are processors. Of one that fails, the input that did it stays where
//! the fuzzer put it, and the step says how to see it again.

use super::shell::{Shell, cargo, root, target};
use super::toolchain::{NIGHTLY, Need};
use super::{Outcome, Stop};
use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io;
use std::num::NonZero;
use std::process::{Command, ExitCode};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Of the clock, for all targets together.
const SECONDS: usize = 150;

pub(super) const NEEDS: &[Need] = &[
    Need::Compiler(NIGHTLY, &[]),
    Need::CargoTool("fuzz"),
    // libFuzzer is C++.
    Need::Program("c++", "g++"),
];

pub(crate) fn all(shell: &mut Shell) -> Outcome {
    let before = untracked(shell)?;
    let listed = shell.cargo(&format!("+{NIGHTLY} fuzz list"))?;
    let targets: VecDeque<&str> = listed.lines().collect();
    let count = targets.len();
    let at_once = thread::available_parallelism().map_or(1, NonZero::get);
    let Some(seconds) = SECONDS.checked_div(count.div_ceil(at_once)) else {
        return Err(Stop::Failed(String::from("`cargo fuzz list` names no target")));
    };
    shell.cargo(&format!("+{NIGHTLY} fuzz build"))?;
    let (queue, failures) = (Mutex::new(targets), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(name) = { held(&queue).pop_front() } {
                    if let Err(why) = run(name, seconds) {
                        held(&failures).push(why);
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    let left = untracked(shell)?;
    failures.extend(left.difference(&before).map(|file| format!("{file} was left behind")));
    if failures.is_empty() {
        Ok(format!("{count} targets, {seconds} s each, {at_once} at a time"))
    } else {
        Err(Stop::Failed(failures.join("; ")))
    }
}

/// A target that panicked fails the run anyway.
fn held<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Files beside the targets that git neither tracks nor ignores.
fn untracked(shell: &mut Shell) -> Result<BTreeSet<String>, Stop> {
    let mut list = Command::new("git");
    list.args(["ls-files", "--others", "--exclude-standard", "fuzz"]);
    Ok(shell.run(&mut list)?.lines().map(String::from).collect())
}

/// `cargo fuzz run` for that many seconds. What is found on the way is kept apart from the seeds under
/// version control.
fn command(name: &str, seconds: usize) -> io::Result<Command> {
    let found = target().join("ci/corpus").join(name);
    fs::create_dir_all(&found)?;
    let mut command = cargo(&format!("+{NIGHTLY} fuzz run {name}"));
    command.arg(found);
    let seeds = root().join("fuzz/seeds").join(name);
    if seeds.exists() {
        command.arg(seeds);
    }
    // A machine of two busy processors must not fail for an input that the target's own limits allow.
    let length = format!("-max_total_time={seconds}");
    command.arg("--").args([length.as_str(), "-timeout=120", "-len_control=0"]);
    Ok(command)
}

/// Runs one target; else why it failed. The order of the inputs is the same each time: a change is judged by what it
/// changes. `cargo xtask fuzz` draws anew.
fn run(name: &str, seconds: usize) -> Result<(), String> {
    let failed = |error: io::Error| format!("{name} could not be run: {error}");
    let mut shell = Shell::new(&format!("fuzz-{name}")).map_err(failed)?;
    let mut command = command(name, seconds).map_err(failed)?;
    command.arg("-seed=1");
    match shell.try_run(&mut command) {
        Ok((Some(status), _)) if status.success() => Ok(()),
        Ok((_, output)) => {
            shell.print_tail();
            Err(failure(name, &output))
        }
        Err(error) => Err(failed(error)),
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
    format!("{name}: `cargo +{NIGHTLY} fuzz run {name} {path}` shows it again")
}

/// `cargo xtask fuzz TARGET [SECONDS]`.
pub(crate) fn main(arguments: &[String]) -> ExitCode {
    let (name, seconds) = match arguments {
        [name] => (name, 60),
        [name, seconds] if seconds.parse::<usize>().is_ok() => {
            (name, seconds.parse().unwrap_or_default())
        }
        _ => {
            eprintln!(
                "usage: cargo xtask fuzz TARGET [SECONDS]; docs/fuzzing.md names the targets"
            );
            return ExitCode::from(2);
        }
    };
    let status =
        command(name, seconds).and_then(|mut command| command.current_dir(root()).status());
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{name} could not be run: {error}");
            ExitCode::FAILURE
        }
    }
}
