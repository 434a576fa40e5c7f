// SPDX-License-Identifier: MIT OR Apache-2.0
//! The commands that the README shows, run as a reader would run them.

use super::shell::{Shell, root};
use super::{Outcome, Stop};

/// The main job, exactly as in the README.
pub(crate) fn demo(shell: &mut Shell) -> Outcome {
    let output = shell.cargo("run --release -p raid-ublk -- demo")?;
    if output.lines().filter(|line| !line.contains("Compiling")).count() < 5 {
        return Err(Stop::Failed(String::from("the demo printed next to nothing")));
    }
    Ok(String::from("cargo run --release -p raid-ublk -- demo"))
}

pub(crate) fn inspect(shell: &mut Shell) -> Outcome {
    if !root().join("testdata").exists() {
        return Err(Stop::Skipped(String::from("no images yet")));
    }
    shell.cargo("run --release -p raid-inspect -- --help")?;
    Ok(String::from("--help only"))
}
