// SPDX-License-Identifier: MIT OR Apache-2.0
//! What cargo alone can check on the machine that runs it.

use super::shell::{Shell, cargo, target};
use super::{CRATES, Outcome, Stop};
use serde_json::Value;
use std::process::Command;

pub(crate) fn format(shell: &mut Shell) -> Outcome {
    // All but the first are workspaces of their own.
    for which in [
        "--all",
        "--manifest-path fuzz/Cargo.toml",
        "--manifest-path xtask/libublk/Cargo.toml",
        "--manifest-path xtask/nopanic-consumer/Cargo.toml",
        "--manifest-path xtask/size-consumer/Cargo.toml",
    ] {
        let output = shell.cargo(&format!("fmt {which} --check"))?;
        if output.contains("Warning") {
            return Err(Stop::Failed(String::from("rustfmt warns; see the log")));
        }
    }
    Ok(String::new())
}

pub(crate) fn clippy(shell: &mut Shell) -> Outcome {
    shell.cargo("clippy --workspace --all-targets -- -D warnings")?;
    Ok(String::from("warnings denied"))
}

/// Unit, integration and doc tests, optimised: the properties take most of the time.
pub(crate) fn test(shell: &mut Shell) -> Outcome {
    tests_run(&shell.run(&mut tests("--no-fail-fast"))?)
}

/// Tests of the whole workspace, always built with the same features and profile, so that no step builds again what
/// another one has built.
pub(crate) fn tests(which: &str) -> Command {
    let mut tests = cargo(&format!("test --workspace {which}"));
    tests.env("CARGO_PROFILE_TEST_OPT_LEVEL", "2");
    tests
}

/// How many tests ran, from what `cargo test` printed. A run that tests nothing has failed.
pub(crate) fn tests_run(output: &str) -> Outcome {
    let (mut passed, mut ignored) = (0, 0);
    for line in output.lines().filter_map(|line| line.strip_prefix("test result: ok. ")) {
        passed += count(line, "passed");
        ignored += count(line, "ignored");
    }
    if passed == 0 {
        return Err(Stop::Failed(String::from("no test was run")));
    }
    Ok(format!("{passed} tests, {ignored} ignored"))
}

/// The number before `word` in `12 passed; 0 failed; 1 ignored`.
fn count(line: &str, word: &str) -> u64 {
    line.split("; ")
        .find_map(|part| part.strip_suffix(word))
        .and_then(|number| number.trim().parse().ok())
        .unwrap_or(0)
}

pub(crate) fn docs(shell: &mut Shell) -> Outcome {
    // Links from public to private items are only warned of when private items are left out.
    for private in ["", "--document-private-items"] {
        shell.run(
            cargo(&format!("doc --workspace --no-deps {private}"))
                .env("RUSTDOCFLAGS", "-D warnings"),
        )?;
    }
    Ok(String::from("with and without private items"))
}

/// Every subset of every crate's features, as cargo's metadata lists them.
pub(crate) fn features(shell: &mut Shell) -> Outcome {
    let metadata = cargo("metadata --no-deps --format-version 1")
        .output()
        .map_err(|error| Stop::Failed(format!("cargo metadata: {error}")))?;
    let metadata: Value = serde_json::from_slice(&metadata.stdout)
        .map_err(|error| Stop::Failed(format!("cargo metadata: {error}")))?;
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let mut sets = 0;
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        if !CRATES.contains(&name) {
            continue;
        }
        let features: Vec<&str> = package["features"]
            .as_object()
            .into_iter()
            .flat_map(|table| table.keys())
            .map(String::as_str)
            .filter(|feature| *feature != "default")
            .collect();
        for set in 0..1_u32 << features.len() {
            let chosen: Vec<&str> = (0..features.len())
                .filter(|bit| set & (1 << bit) != 0)
                .map(|bit| features[bit])
                .collect();
            shell.cargo(&format!(
                "clippy -p {name} --no-default-features --features={} -- -D warnings",
                chosen.join(",")
            ))?;
            sets += 1;
        }
    }
    if sets < CRATES.len() {
        return Err(Stop::Failed(format!("only {sets} sets found for {} crates", CRATES.len())));
    }
    Ok(format!("{sets} sets"))
}

/// The gate under loom, whose atomics take every value that the memory model allows.
pub(crate) fn loom(shell: &mut Shell) -> Outcome {
    let output = shell.run(
        cargo("test -p raid-sync --test gate_model")
            .env("CARGO_TARGET_DIR", target().join("loom"))
            .env("RUSTFLAGS", "--cfg loom"),
    )?;
    tests_run(&output)
}
