// SPDX-License-Identifier: MIT OR Apache-2.0
//! `raid-interop SCENARIO`: runs in the guest of `cargo xtask vm`, on blank disks that it may overwrite.
//!
//! ```text
//! shapes ──▶ arrays: our formats, our engine ◀──same disks──▶ md: mdadm, mdmon, the kernel
//!                       │                                      dmraid: device-mapper
//!                       └──▶ scenario: who writes, who reads back, byte for byte
//! ```

use raid_interop::{guest, scenario};
use std::process::ExitCode;

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let Some(scenario) = scenario::find(&name) else {
        eprintln!("unknown scenario {name:?}; known: {}", scenario::names());
        return ExitCode::from(2);
    };
    match scenario() {
        Ok(note) => {
            println!("{note}");
            guest::note(&note);
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}
