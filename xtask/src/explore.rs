// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask explore`: the deep runs of the sync engine's tests, and the tables of
//! `docs/interlock.md`.

use std::process::{Command, ExitCode};

/// What is run, and the variables that make it deep.
const RUNS: &[(&str, &[(&str, &str)])] = &[
    ("-p raid-sync --lib exploration", &[("RAID_SYNC_EXPLORE", "1")]),
    ("-p raid-sync --test crash", &[("RAID_SYNC_RUNS", "100000")]),
    ("-p raid-array --test power", &[("RAID_ARRAY_LIVES", "400")]),
];

pub(crate) fn main() -> ExitCode {
    for (run, depth) in RUNS {
        let status = Command::new(env!("CARGO"))
            .args(["test", "--release"])
            .args(run.split(' '))
            .args(["--", "--nocapture", "--test-threads", "1"])
            .envs(depth.iter().copied())
            .status();
        match status {
            Ok(status) if status.success() => {}
            Ok(status) => {
                eprintln!("{run}: {status}");
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
