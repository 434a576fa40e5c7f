// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask vm`: what needs a real Linux kernel, in an emulated machine.
//!
//! ```text
//! scenarios ──▶ program built on the host ──▶ kernels, from Debian's packages, kept outside the tree
//!                                               │
//!               status file ◀── guest ◀── boot: QEMU, disks, the host's root read-only
//! ```
//!
//! A scenario is an entry in [`scenarios`]: its disks and the command that the guest runs. The guest
//! sees the host's files, so programs built here run there as they are.

mod boot;
mod kernel;
mod scenarios;

use crate::ci::shell::{Shell, target};
use crate::ci::toolchain::{self, Need};
use crate::ci::{self, Outcome, Stop, seconds, words};
use kernel::{Kernel, Linux};
use scenarios::{SCENARIOS, Scenario};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What the runner itself needs, and the Debian package that has it.
const PROGRAMS: [Need; 8] = [
    Need::Program("qemu-system-x86_64", "qemu-system-x86"),
    Need::Program("busybox", "busybox-static"),
    Need::Program("depmod", "kmod"),
    Need::Program("cpio", "cpio"),
    Need::Program("zstd", "zstd"),
    Need::Program("xz", "xz-utils"),
    Need::Program("dpkg-deb", "dpkg"),
    Need::Program("apt-get", "apt"),
];

pub(crate) fn main(arguments: &[String]) -> ExitCode {
    if arguments.iter().any(|argument| argument == "--list") {
        for scenario in SCENARIOS {
            println!("{:<16} {}", scenario.name, scenario.about);
        }
        return ExitCode::SUCCESS;
    }
    let thorough = arguments.iter().any(|argument| argument == "--thorough");
    let arguments: Vec<String> =
        arguments.iter().filter(|argument| *argument != "--thorough").cloned().collect();
    let known = |name: &String| SCENARIOS.iter().any(|scenario| scenario.name == name);
    if let Some(unknown) = arguments.iter().find(|name| !known(name)) {
        eprintln!("unknown scenario `{unknown}`; `cargo xtask vm --list` names them");
        return ExitCode::from(2);
    }
    match Shell::new("vm").map_err(|error| Stop::Failed(format!("no log file: {error}"))) {
        Ok(mut shell) => {
            let outcome = run(&mut shell, &arguments, thorough);
            let (word, note) = words(&outcome);
            println!("{word} {note}");
            match outcome {
                Err(Stop::Failed(_)) => ExitCode::FAILURE,
                _ => ExitCode::SUCCESS,
            }
        }
        Err(_) => ExitCode::FAILURE,
    }
}

/// What the runner and the scenarios need. The kernel comes besides, at its time, into a cache of its own.
pub(crate) fn needs() -> Vec<Need> {
    let scenarios = SCENARIOS.iter().flat_map(|scenario| scenario.programs);
    PROGRAMS.iter().chain(scenarios).copied().collect()
}

/// Every scenario that has time in it, as a step of `cargo xtask ci`.
pub(crate) fn all(shell: &mut Shell) -> Outcome {
    run(shell, &[], false)
}

/// The scenarios that do more of the same when there is time: as a step of `cargo xtask ci --thorough`.
pub(crate) fn thorough(shell: &mut Shell) -> Outcome {
    run(shell, &["ublk-faults", "ublk-systemd"].map(String::from), true)
}

/// Runs the scenarios `chosen`, or all: one machine after the other.
fn run(shell: &mut Shell, chosen: &[String], thorough: bool) -> Outcome {
    let chosen: Vec<&Scenario> = (SCENARIOS.iter())
        .filter(|scenario| match chosen {
            [] => thorough || !scenario.systemd,
            chosen => chosen.iter().any(|name| name == scenario.name),
        })
        .collect();
    toolchain::bring(shell, &PROGRAMS).map_err(|stop| match stop {
        Stop::Skipped(why) => Stop::Skipped(format!("{} scenarios: {why}", chosen.len())),
        other => other,
    })?;
    let mut kernels: BTreeMap<Linux, Result<Kernel, Stop>> = BTreeMap::new();
    let mut results = Vec::new();
    for scenario in &chosen {
        let began = Instant::now();
        let kernel =
            kernels.entry(scenario.linux).or_insert_with(|| Kernel::prepare(shell, scenario.linux));
        let (outcome, release) = match kernel {
            Ok(kernel) => (in_machine(scenario, kernel, thorough), kernel.release.as_str()),
            Err(Stop::Failed(why)) => (Err(Stop::Failed(why.clone())), "no kernel"),
            Err(Stop::Skipped(why)) => (Err(Stop::Skipped(why.clone())), "no kernel"),
            Err(Stop::Beyond(why)) => (Err(Stop::Beyond(why.clone())), "no kernel"),
        };
        let (word, note) = words(&outcome);
        println!(
            "    {:<16} {word} {} on {release} {note}",
            scenario.name,
            seconds(began.elapsed())
        );
        results.push((*scenario, outcome, began.elapsed()));
    }
    print!("{}", table(&results, &kernels));
    let releases: Vec<&str> =
        kernels.values().flatten().map(|kernel| kernel.release.as_str()).collect();
    summary(&releases.join(" and "), &results)
}

/// One scenario, with a log of its own: `target/ci/vm-NAME.log`.
fn in_machine(scenario: &Scenario, kernel: &Kernel, thorough: bool) -> Outcome {
    let mut shell = Shell::new(&format!("vm-{}", scenario.name))
        .map_err(|error| Stop::Failed(format!("no log file: {error}")))?;
    let outcome = scenario
        .prepare(&mut shell)
        .and_then(|()| boot::run(&mut shell, kernel, scenario, thorough));
    if matches!(outcome, Err(Stop::Failed(_))) {
        shell.print_tail();
    }
    outcome
}

/// What was done, how long it took, and on which kernel: rows that the guests wrote.
fn table(
    results: &[(&Scenario, Outcome, Duration)],
    kernels: &BTreeMap<Linux, Result<Kernel, Stop>>,
) -> String {
    let line = |scenario: &str, part: &str, time: &str, release: &str, features: &str| {
        format!("    {scenario:<14} {part:<40} {time:>7}  {release:<22} {features}\n")
    };
    let mut text = line("scenario", "part", "seconds", "release", "ublk features");
    for (scenario, outcome, took) in results {
        let release = match kernels.get(&scenario.linux) {
            Some(Ok(kernel)) => kernel.release.as_str(),
            _ => "-",
        };
        let written = |name: &str| {
            let path = target().join("vm").join(scenario.name).join("out").join(name);
            match outcome {
                Err(Stop::Skipped(_) | Stop::Beyond(_)) => String::new(),
                _ => std::fs::read_to_string(path).unwrap_or_default(),
            }
        };
        let (rows, features) = (written("rows"), written("features"));
        let features = if features.is_empty() { "-" } else { features.trim() };
        for (part, time) in rows.lines().filter_map(|row| row.split_once('\t')) {
            text += &line(scenario.name, part, time, release, features);
        }
        let whole = format!("{:.1}", took.as_secs_f64());
        text += &line(scenario.name, "the whole, with boot", &whole, release, features);
    }
    text
}

/// The line for the table: a scenario that was skipped is counted, and the step has not passed if
/// none was run.
fn summary(releases: &str, results: &[(&Scenario, Outcome, Duration)]) -> Outcome {
    let (mut passed, mut failed, mut skipped) = (0, Vec::new(), Vec::new());
    for (Scenario { name, .. }, outcome, _) in results {
        match outcome {
            Ok(_) => passed += 1,
            Err(Stop::Failed(why)) => failed.push(format!("{name}: {why}")),
            Err(Stop::Skipped(why) | Stop::Beyond(why)) => skipped.push(format!("{name}: {why}")),
        }
    }
    let skips = match skipped.len() {
        0 => String::new(),
        count => format!(", {count} skipped ({})", skipped.join("; ")),
    };
    let counts = format!("{passed} of {} scenarios on Linux {releases}", results.len());
    if !failed.is_empty() {
        Err(Stop::Failed(format!("{counts}{skips}; {}", failed.join("; "))))
    } else if passed == 0 || ci::strict() && !skipped.is_empty() {
        Err(Stop::Skipped(format!("{counts}{skips}")))
    } else {
        Ok(format!("{counts}{skips}"))
    }
}
