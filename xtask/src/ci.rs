// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask ci`: the steps, and the table at the end.
//!
//! Two at a time: steps that share the workspace's target folder follow one another, those that have a folder
//! of their own to build in, or wait more than they work, go on beside them.
//!
//! A step returns a note when it passes. It fails when something is wrong with this project, and is
//! skipped, with the reason, only when this machine lacks something that cannot be installed.

mod bare;
mod cross;
mod examples;
mod fuzz;
mod host;
mod instructions;
mod kernels;
mod miri;
mod no_panic;
mod policy;
pub(crate) mod shell;
mod symbols;
pub(crate) mod toolchain;

use shell::Shell;
use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The four crates that are published, in the order of their dependencies.
const CRATES: [&str; 4] = ["raid-core", "raid-ddf", "raid-asr", "raid-sync"];

/// Why a step ended early.
pub(crate) enum Stop {
    Failed(String),
    Skipped(String),
}

/// The note of a step that passed, or why it did not.
pub(crate) type Outcome = Result<String, Stop>;

struct Step {
    name: &'static str,
    about: &'static str,
    run: fn(&mut Shell) -> Outcome,
    lane: Lane,
}

/// Where a step builds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lane {
    /// In the workspace's own target folder, whose lock it holds.
    Main,
    /// Elsewhere, or hardly at all.
    Beside,
}

const fn step(name: &'static str, about: &'static str, run: fn(&mut Shell) -> Outcome) -> Step {
    Step { name, about, run, lane: Lane::Main }
}

const fn beside(name: &'static str, about: &'static str, run: fn(&mut Shell) -> Outcome) -> Step {
    Step { name, about, run, lane: Lane::Beside }
}

/// Cheap and likely to fail first.
const STEPS: &[Step] = &[
    step("format", "rustfmt leaves every file as it is", host::format),
    step("sources", "licence lines and texts, no unfinished marks", policy::sources),
    step("clippy", "all targets, warnings denied", host::clippy),
    step("test", "unit, behaviour, property and doc tests of the workspace", host::test),
    step("cases", "each case of docs/cases.md is held by a test that passed", crate::cases::step),
    step("docs", "public and private items, warnings denied", host::docs),
    step("x86_64-none", "the four crates built for kernels and firmware", bare::x86_64),
    step("thumbv7em", "… for Cortex-M", bare::thumbv7em),
    step("aarch64-none", "… for 64-bit Arm without an OS", bare::aarch64),
    step("riscv64-none", "… for 64-bit RISC-V without an OS", bare::riscv64),
    step("wasm32", "… for WebAssembly", bare::wasm32),
    step("features", "every set of features of every crate", host::features),
    beside(
        "no-panic",
        "no panic, allocation, float or 128-bit division in the objects",
        no_panic::gate,
    ),
    step("kernels", "hot loops contain the vector instructions meant", kernels::loops),
    step("instructions", "instruction counts of the kernels, under valgrind", instructions::counts),
    beside("msrv", "the oldest compiler promised", toolchain::msrv),
    step("licences", "licences and sources of all dependencies", policy::licences),
    step("advisories", "known vulnerabilities of all dependencies", policy::advisories),
    beside("miri-host", "unit tests under Miri", miri::host),
    beside("miri-big-endian", "unit tests under Miri as on s390x", miri::big_endian),
    beside(
        "loom",
        "the lock-free gate in every execution, and with each part taken out",
        host::loom,
    ),
    step("aarch64-linux", "the NEON kernels under emulation", cross::aarch64),
    step("s390x-linux", "unit tests on an emulated big-endian processor", cross::s390x),
    beside("fuzz", "every fuzz target for a minute", fuzz::all),
    step("demo", "an array from creation to recovery", examples::demo),
    beside("vm", "Linux md and device-mapper run our arrays, and we run md's", crate::vm::all),
    step("interop", "mdadm, blkid and wipefs on images of disks", examples::interop),
    step("inspect", "raid-inspect on the images of other implementations", examples::inspect),
];

pub(crate) fn main(arguments: &[String]) -> ExitCode {
    if arguments.iter().any(|argument| argument == "--list") {
        for step in STEPS {
            println!("{:<16} {}", step.name, step.about);
        }
        return ExitCode::SUCCESS;
    }
    if let Some(unknown) =
        arguments.iter().find(|name| !STEPS.iter().any(|step| step.name == *name))
    {
        eprintln!("unknown step `{unknown}`; `cargo xtask ci --list` names them");
        return ExitCode::from(2);
    }
    let chosen: Vec<&Step> = STEPS
        .iter()
        .filter(|step| arguments.is_empty() || arguments.iter().any(|name| name == step.name))
        .collect();
    let began = Instant::now();
    BEGAN.get_or_init(SystemTime::now);
    let results = Mutex::new(Vec::new());
    let queue = |lane: Lane| {
        let steps = chosen.iter().enumerate().filter(|(_, step)| step.lane == lane);
        Mutex::new(steps.collect::<VecDeque<_>>())
    };
    let (main, beside) = (queue(Lane::Main), queue(Lane::Beside));
    let run = |(index, step): (usize, &&Step)| {
        let performed = perform(step, index + 1, chosen.len());
        held(&results).push((index, performed));
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while let Some(next) = { held(&beside).pop_front() } {
                run(next);
            }
        });
        // Whoever has done the steps of the main folder helps with the others, from their end.
        while let Some(next) = { held(&main).pop_front().or_else(|| held(&beside).pop_back()) } {
            run(next);
        }
    });
    let mut results: Vec<(usize, Performed)> =
        results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    let results: Vec<Performed> = results.into_iter().map(|(_, performed)| performed).collect();
    report(&results, began.elapsed())
}

/// When this run began.
static BEGAN: OnceLock<SystemTime> = OnceLock::new();

/// What a step printed, if it has ended in this run.
pub(crate) fn log_of_this_run(step: &str) -> Option<String> {
    let log = Shell::log_path(step);
    let written = std::fs::metadata(&log).and_then(|data| data.modified()).ok()?;
    (BEGAN.get()? <= &written)
        .then(|| std::fs::read(&log).ok())?
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether there is a step of this name.
pub(crate) fn is_step(name: &str) -> bool {
    STEPS.iter().any(|step| step.name == name)
}

/// A step that panicked has ended the run anyway.
fn held<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A step's name, how it ended, and how long it took.
type Performed = (&'static str, Outcome, Duration);

fn perform(step: &Step, number: usize, of: usize) -> Performed {
    let label = format!("[{number:>2}/{of}] {:<16}", step.name);
    let began = Instant::now();
    println!("{label} {}", step.about);
    let outcome = Shell::new(step.name)
        .map_err(|error| Stop::Failed(format!("no log file: {error}")))
        .and_then(|mut shell| {
            let outcome = (step.run)(&mut shell);
            if matches!(outcome, Err(Stop::Failed(_))) {
                shell.print_tail();
            }
            outcome
        });
    let took = began.elapsed();
    let (word, note) = words(&outcome);
    println!("{label} {word} {} {note}", seconds(took));
    (step.name, outcome, took)
}

pub(crate) fn words(outcome: &Outcome) -> (&'static str, &str) {
    match outcome {
        Ok(note) => ("passed ", note),
        Err(Stop::Failed(why)) => ("FAILED:", why),
        Err(Stop::Skipped(why)) => ("SKIPPED:", why),
    }
}

pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Prints the table and the closing line.
fn report(results: &[Performed], took: Duration) -> ExitCode {
    println!("\n{:<16} {:>8}  result", "step", "time");
    println!("{:-<16} {:->8}  {:-<40}", "", "", "");
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (name, outcome, took) in results {
        match outcome {
            Ok(_) => passed += 1,
            Err(Stop::Failed(_)) => failed += 1,
            Err(Stop::Skipped(_)) => skipped += 1,
        }
        let (word, note) = words(outcome);
        println!("{name:<16} {:>8}  {word} {note}", seconds(*took));
    }
    println!("{:<16} {:>8}\n", "total", seconds(took));
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
