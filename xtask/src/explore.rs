// SPDX-License-Identifier: MIT OR Apache-2.0
//! The deep runs: `cargo xtask explore` for those of the sync engine, `cargo xtask lives` for those of whole
//! arrays; their tables stand in `docs/interlock.md`. All of them are steps of `cargo xtask ci --thorough`.

use crate::ci::shell::{Shell, cargo};
use crate::ci::{Outcome, Stop};
use std::process::{Command, ExitCode};
use std::time::Duration;

/// Of one run.
const LIMIT: Duration = Duration::from_secs(6 * 3600);

/// What is run, and the variables that make it deep.
struct Run {
    /// `cargo test`, and the profile.
    test: &'static str,
    tests: &'static str,
    depth: &'static [(&'static str, &'static str)],
}

const EXPLORATION: Run = optimised("-p raid-sync --lib exploration", &[("RAID_SYNC_EXPLORE", "1")]);
const CRASH: Run = optimised("-p raid-sync --test crash", &[("RAID_SYNC_RUNS", "100000")]);
/// So many lives of each array make more than 100,000 power cuts in all, and the test fails where an event was met
/// too rarely.
const LIVES: Run = optimised("-p raid-array --test lives", &[("RAID_ARRAY_LIVES", "1500")]);
const CASES: Run = optimised("-p raid-array --test cases", &[("RAID_ARRAY_LIVES", "20")]);
const DDF_CRASH: Run =
    optimised("-p raid-ddf --test suite crash::", &[("RAID_DDF_CRASH", "thorough")]);
const DDF_DAMAGE: Run =
    optimised("-p raid-ddf --test suite update::damage::", &[("RAID_DDF_DAMAGE", "thorough")]);

/// Fault points are in builds with debug assertions.
const COMMIT_KILLS: Run = Run {
    test: "test",
    tests: "-p raid-ublk --test suite commit::",
    depth: &[("RAID_ARRAY_COMMIT_KILLS", "all")],
};

const fn optimised(tests: &'static str, depth: &'static [(&'static str, &'static str)]) -> Run {
    Run { test: "test --release", tests, depth }
}

impl Run {
    fn command(&self) -> Command {
        let mut command = cargo(&format!("{} {}", self.test, self.tests));
        command.args(["--", "--nocapture", "--test-threads", "1"]).envs(self.depth.iter().copied());
        command
    }
}

pub(crate) fn main() -> ExitCode {
    for run in [EXPLORATION, CRASH] {
        match run.command().status() {
            Ok(status) if status.success() => {}
            Ok(status) => {
                eprintln!("{}: {status}", run.tests);
                return ExitCode::FAILURE;
            }
            Err(error) => {
                eprintln!("cargo could not be run: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

pub(crate) fn exploration(shell: &mut Shell) -> Outcome {
    step(shell, &EXPLORATION)
}

pub(crate) fn crash(shell: &mut Shell) -> Outcome {
    step(shell, &CRASH)
}

pub(crate) fn lives(shell: &mut Shell) -> Outcome {
    step(shell, &LIVES)
}

pub(crate) fn cases(shell: &mut Shell) -> Outcome {
    step(shell, &CASES)
}

pub(crate) fn commit_kills(shell: &mut Shell) -> Outcome {
    step(shell, &COMMIT_KILLS)
}

pub(crate) fn ddf_crash(shell: &mut Shell) -> Outcome {
    step(shell, &DDF_CRASH)
}

pub(crate) fn ddf_damage(shell: &mut Shell) -> Outcome {
    step(shell, &DDF_DAMAGE)
}

fn step(shell: &mut Shell, run: &Run) -> Outcome {
    shell.wait_up_to(LIMIT);
    let output = shell.run(&mut run.command())?;
    let ran = output.lines().any(|line| {
        line.strip_prefix("test result: ok. ").is_some_and(|counts| !counts.starts_with("0 passed"))
    });
    match ran {
        true => Ok(run.depth.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        false => Err(Stop::Failed(String::from("no test was run"))),
    }
}
