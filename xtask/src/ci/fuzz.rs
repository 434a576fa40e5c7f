// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every fuzz target for a few seconds: that it builds, starts from its corpus, and finds nothing.

use super::shell::{Shell, cargo, root};
use super::{Outcome, Stop, toolchain};

/// Shared by all targets.
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
    let each = (SECONDS / targets.len()).max(1);
    shell.run(cargo("+nightly fuzz build").env("RUST_BACKTRACE", "1"))?;
    for target in &targets {
        shell.cargo(&format!("+nightly fuzz run {target} -- -max_total_time={each}"))?;
    }
    Ok(format!("{} targets, {each} s each", targets.len()))
}
