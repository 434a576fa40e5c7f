// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask explore`: the deep runs of the sync engine's tests, and the tables of
//! `docs/interlock.md`.

use std::process::{Command, ExitCode};

/// What is run: the filter of the tests, and the package and target they are in.
const RUNS: &[(&str, &[&str])] = &[("exploration", &["-p", "raid-sync", "--lib"])];

pub(crate) fn main() -> ExitCode {
    for (filter, target) in RUNS {
        let status = Command::new(env!("CARGO"))
            .args(["test", "--release"])
            .args(*target)
            .args([filter, "--", "--nocapture", "--test-threads", "1"])
            .env("RAID_SYNC_EXPLORE", "1")
            .status();
        match status {
            Ok(status) if status.success() => {}
            Ok(status) => {
                eprintln!("{filter}: {status}");
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
