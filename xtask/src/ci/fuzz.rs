// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every fuzz target for 45 s: that it builds, starts from its corpus, and finds nothing.

use super::shell::{Shell, cargo, root, target};
use super::{Outcome, Stop, toolchain};
use std::fs;

/// Shared by all targets.
const SECONDS: usize = 270;

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
    let each = (SECONDS / targets.len()).max(1);
    shell.cargo("+nightly fuzz build")?;
    for name in &targets {
        // What is found on the way is kept apart from the inputs under version control.
        let found = target().join("ci/corpus").join(name);
        fs::create_dir_all(&found).map_err(|error| Stop::Failed(error.to_string()))?;
        let mut run = cargo(&format!("+nightly fuzz run {name}"));
        run.arg(found);
        let kept = root().join("fuzz/corpus").join(name);
        if kept.exists() {
            run.arg(kept);
        }
        shell.run(run.arg("--").arg(format!("-max_total_time={each}")))?;
    }
    Ok(format!("{} targets, {each} s each", targets.len()))
}
