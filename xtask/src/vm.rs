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
use std::collections::{BTreeMap, VecDeque};
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
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
    PROGRAMS.iter().chain(scenarios).filter(|need| !is_wish(need)).copied().collect()
}

/// What a scenario brings itself, and is skipped without.
pub(crate) fn wishes() -> Vec<Need> {
    let scenarios = SCENARIOS.iter().flat_map(|scenario| scenario.programs);
    scenarios.filter(|need| is_wish(need)).copied().collect()
}

/// Libraries are for the judge that is built here.
const fn is_wish(need: &Need) -> bool {
    matches!(need, Need::SharedLibrary(..))
}

/// Every scenario that has time in it, as a step of `cargo xtask ci`.
pub(crate) fn all(shell: &mut Shell) -> Outcome {
    run(shell, &[], false)
}

/// The scenarios that do more of the same when there is time: as a step of `cargo xtask ci --thorough`.
pub(crate) fn thorough(shell: &mut Shell) -> Outcome {
    run(shell, &["ublk-faults", "ublk-newest", "ublk-systemd"].map(String::from), true)
}

/// Machines at a time: most have one processor, and wait a good part of their time for mdadm.
const AT_ONCE: usize = 2;

/// Runs the scenarios `chosen`, or all.
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
    // All that is built or fetched comes first: nothing changes under a guest, which sees the host's files.
    let mut kernels: BTreeMap<Linux, Result<Kernel, Stop>> = BTreeMap::new();
    let mut queue = VecDeque::new();
    for (index, scenario) in chosen.into_iter().enumerate() {
        let linux = scenario.linux;
        let kernel = kernels.entry(linux).or_insert_with(|| Kernel::prepare(shell, linux));
        let prepared = match kernel {
            Ok(_) => prepared(scenario),
            Err(stop) => Err(stop.clone()),
        };
        queue.push_back((index, scenario, prepared));
    }
    let (queue, results) = (Mutex::new(queue), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((index, scenario, prepared)) = { held(&queue).pop_front() } {
                    let began = Instant::now();
                    let outcome = match (prepared, kernels.get(&scenario.linux)) {
                        (Ok(mut shell), Some(Ok(kernel))) => {
                            in_machine(&mut shell, scenario, kernel, thorough)
                        }
                        (Err(stop), _) => Err(stop),
                        (Ok(_), _) => Err(Stop::Failed(String::from("no kernel"))),
                    };
                    let (word, note) = words(&outcome);
                    let took = began.elapsed();
                    println!("    {:<16} {word} {} {note}", scenario.name, seconds(took));
                    held(&results).push((index, scenario, outcome, took));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, ..)| *index);
    let results: Vec<_> =
        results.into_iter().map(|(_, scenario, outcome, took)| (scenario, outcome, took)).collect();
    print!("{}", table(&results, &kernels));
    let releases: Vec<&str> =
        kernels.values().flatten().map(|kernel| kernel.release.as_str()).collect();
    summary(&releases.join(" and "), &results)
}

/// Builds what a scenario runs, with a log of its own: `target/ci/vm-NAME.log`.
fn prepared(scenario: &Scenario) -> Result<Shell, Stop> {
    let mut shell = Shell::new(&format!("vm-{}", scenario.name))
        .map_err(|error| Stop::Failed(format!("no log file: {error}")))?;
    let prepared = scenario.prepare(&mut shell);
    if matches!(prepared, Err(Stop::Failed(_))) {
        shell.print_tail();
    }
    prepared.map(|()| shell)
}

fn in_machine(shell: &mut Shell, scenario: &Scenario, kernel: &Kernel, thorough: bool) -> Outcome {
    let outcome = boot::run(shell, kernel, scenario, thorough);
    if matches!(outcome, Err(Stop::Failed(_))) {
        shell.print_tail();
    }
    outcome
}

/// A scenario that panicked ends the run anyway.
fn held<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
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
        if matches!(outcome, Err(Stop::Skipped(_) | Stop::Beyond(_))) {
            continue;
        }
        let written = |name: &str| {
            let path = target().join("vm").join(scenario.name).join("out").join(name);
            std::fs::read_to_string(path).unwrap_or_default()
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
