// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask ci`: runs the steps.
//!
//! Two at a time: steps that share the workspace's target folder follow one another, those that have a folder
//! of their own to build in, or wait more than they work, go on beside them.
//!
//! A step returns a note when it passes. It fails when something is wrong with this project, and is
//! skipped, with the reason, only when this machine lacks something that cannot be installed.

mod bare;
mod cross;
mod examples;
pub(crate) mod fuzz;
pub(crate) mod host;
mod instructions;
mod kernels;
mod miri;
mod no_panic;
mod packages;
mod policy;
mod proof;
mod report;
mod room;
pub(crate) mod shell;
pub(crate) mod size;
pub(crate) mod stack;
mod steps;
mod symbols;
pub(crate) mod toolchain;

pub(crate) use report::{exit_code, seconds, strict, words};
pub(crate) use steps::is_step;

use report::Performed;
use shell::Shell;
use std::collections::VecDeque;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use std::{fs, io};
use steps::{DEEP, Lane, STEPS, Step};

/// The four crates that are published, in the order of their dependencies.
const CRATES: [&str; 4] = ["raid-core", "raid-ddf", "raid-asr", "raid-sync"];

/// Why a step ended early.
#[derive(Clone)]
pub(crate) enum Stop {
    Failed(String),
    /// Something is not here and cannot be installed.
    Skipped(String),
    /// No installation helps: a service elsewhere does not answer, or the processor is another one.
    Beyond(String),
}

/// Removes a file, or a folder and what is in it, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), Stop> {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    match if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) } {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let path = path.display();
            Err(Stop::Failed(format!("{path} cannot be removed: {error}; remove it by hand")))
        }
        _ => Ok(()),
    }
}

/// The note of a step that passed, or why it did not.
pub(crate) type Outcome = Result<String, Stop>;

pub(crate) fn main(arguments: &[String]) -> ExitCode {
    if arguments.iter().any(|argument| argument == "--list") {
        for step in STEPS.iter().chain(DEEP) {
            println!("{:<16} {:>5} s  {}", step.name, step.budget.as_secs(), step.about);
        }
        return ExitCode::SUCCESS;
    }
    let (options, names): (Vec<&str>, Vec<&str>) =
        arguments.iter().map(String::as_str).partition(|argument| argument.starts_with('-'));
    let thorough = options == ["--thorough"];
    let known = |name: &&&str| STEPS.iter().chain(DEEP).any(|step| step.name == **name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        eprintln!("unknown step `{unknown}`; `cargo xtask ci --list` names them");
        return ExitCode::from(2);
    }
    if !thorough && !options.is_empty() {
        eprintln!("unknown option `{}`; there are --list and --thorough", options.join(" "));
        return ExitCode::from(2);
    }
    let deep = DEEP.iter().filter(|step| thorough || names.contains(&step.name));
    let chosen: Vec<&Step> = STEPS
        .iter()
        .filter(|step| names.is_empty() || names.contains(&step.name))
        .chain(deep)
        .collect();
    run(&chosen, names.is_empty() && !thorough)
}

/// Runs these steps; whether they are the whole of an ordinary run decides about the budget of all.
fn run(chosen: &[&Step], whole: bool) -> ExitCode {
    let began = Instant::now();
    BEGAN.get_or_init(SystemTime::now);
    room::announce();
    toolchain::announce(&chosen.iter().flat_map(|step| step.all_wishes()).collect::<Vec<_>>());
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
    report::table(&results, whole, began.elapsed())
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

/// A step that panicked has ended the run anyway.
fn held<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn perform(step: &Step, number: usize, of: usize) -> Performed {
    let label = format!("[{number:>2}/{of}] {:<16}", step.name);
    let began = Instant::now();
    println!("{label} {}", step.about);
    let outcome = Shell::new(step.name)
        .map_err(|error| Stop::Failed(format!("no log file: {error}")))
        .and_then(|mut shell| {
            let outcome = toolchain::bring(&mut shell, &step.all_needs())
                .and_then(|()| (step.run)(&mut shell));
            if matches!(outcome, Err(Stop::Failed(_))) {
                shell.print_tail();
            }
            outcome
        });
    let took = began.elapsed();
    let outcome = report::judged(step, outcome, took, strict());
    if strict() && outcome.is_ok() {
        room::give_back(step);
    }
    let (word, note) = words(&outcome);
    println!("{label} {word} {} of {} {note}", seconds(took), whole_seconds(step.budget));
    Performed { name: step.name, budget: step.budget, outcome, took }
}

fn whole_seconds(time: Duration) -> String {
    format!("{} s", time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders_are_removed_and_what_is_not_there_is_no_fault() {
        let folder = shell::target().join(format!("remove-{}", std::process::id()));
        fs::create_dir_all(folder.join("below")).unwrap();
        let file = folder.join("below/file");
        fs::write(&file, "").unwrap();
        assert!(remove(&file).is_ok() && !file.exists());
        assert!(remove(&file).is_ok());
        fs::write(&file, "").unwrap();
        assert!(remove(&folder).is_ok() && !folder.exists());
        assert!(remove(&folder).is_ok());
    }
}
