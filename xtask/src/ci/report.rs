// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a step ended, in words, beside its budget; and the table at the end.

use super::steps::{LIMIT, Step, TOTAL};
use super::{Outcome, Stop};
use std::process::ExitCode;
use std::time::Duration;

/// A step that was run.
pub(super) struct Performed {
    pub(super) name: &'static str,
    pub(super) budget: Duration,
    pub(super) outcome: Outcome,
    pub(super) took: Duration,
}

/// Whether this run must be complete: `CI=true`, as continuous integration sets it.
pub(crate) fn strict() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}

pub(crate) fn words(outcome: &Outcome) -> (&'static str, &str) {
    match outcome {
        Ok(note) => ("passed ", note),
        Err(Stop::Failed(why)) => ("FAILED:", why),
        Err(Stop::Skipped(why) | Stop::Beyond(why)) => ("SKIPPED:", why),
    }
}

/// How a task ends that is no step: why it did not get to its end is said.
pub(crate) fn exit_code(task: &str, ended: Result<(), Stop>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Failed(why) | Stop::Skipped(why) | Stop::Beyond(why)) => {
            eprintln!("cargo xtask {task}: {why}");
            ExitCode::FAILURE
        }
    }
}

pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// What stands in the table: in a strict run nothing is skipped that could be had. A step that took twice its time says
/// so, but fails nothing by itself: what one step takes depends on what the machine does beside it. The whole decides,
/// in [`table`].
pub(super) fn judged(step: &Step, outcome: Outcome, took: Duration, strict: bool) -> Outcome {
    match outcome {
        Err(Stop::Skipped(why)) if strict => {
            Err(Stop::Failed(format!("{why}; with CI=true this step may not be skipped")))
        }
        Ok(note) if too_long(took, step.budget) => Ok(join(&note, "TWICE ITS BUDGET")),
        other => other,
    }
}

fn too_long(took: Duration, budget: Duration) -> bool {
    took > budget * 2
}

fn join(note: &str, more: &str) -> String {
    if note.is_empty() { String::from(more) } else { format!("{note}; {more}") }
}

/// Prints the table and the closing line.
pub(super) fn table(results: &[Performed], whole: bool, took: Duration) -> ExitCode {
    println!("\n{:<16} {:>8} {:>7}  result", "step", "time", "budget");
    println!("{:-<16} {:->8} {:->7}  {:-<40}", "", "", "", "");
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for Performed { name, budget, outcome, took } in results {
        match outcome {
            Ok(_) => passed += 1,
            Err(Stop::Failed(_)) => failed += 1,
            Err(Stop::Skipped(_) | Stop::Beyond(_)) => skipped += 1,
        }
        let (word, note) = words(outcome);
        let budget = format!("{} s", budget.as_secs());
        println!("{name:<16} {:>8} {budget:>7}  {word} {note}", seconds(*took));
    }
    let budget = if whole { format!("{} s", TOTAL.as_secs()) } else { String::new() };
    println!("{:<16} {:>8} {budget:>7}\n", "total", seconds(took));
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if let Some(why) = late(results, whole, took) {
        println!("{why}");
        if strict() {
            return ExitCode::FAILURE;
        }
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Why the whole run took too long, and which steps made it so.
fn late(results: &[Performed], whole: bool, took: Duration) -> Option<String> {
    if !whole || took <= LIMIT {
        return None;
    }
    let slow: Vec<&str> = results
        .iter()
        .filter(|step| too_long(step.took, step.budget))
        .map(|step| step.name)
        .collect();
    let slow = if slow.is_empty() { String::from("none") } else { slow.join(", ") };
    let (took, limit) = (seconds(took), seconds(LIMIT));
    Some(format!(
        "FAILED: the whole took {took}, {limit} at most; over twice their budgets: {slow}"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::steps::STEPS;
    use super::*;

    #[test]
    fn a_strict_run_fails_what_is_skipped_though_it_could_be_had() {
        let skipped = || Err(Stop::Skipped(String::from("no compiler")));
        let beyond = || Err(Stop::Beyond(String::from("no database")));
        let judge = |outcome, strict| judged(&STEPS[0], outcome, Duration::ZERO, strict);
        assert!(matches!(judge(skipped(), true), Err(Stop::Failed(_))));
        assert!(matches!(judge(skipped(), false), Err(Stop::Skipped(_))));
        assert!(matches!(judge(beyond(), true), Err(Stop::Beyond(_))));
    }

    #[test]
    fn a_step_that_takes_more_than_twice_its_budget_says_so() {
        let budget = STEPS[0].budget;
        let judge = |took| judged(&STEPS[0], Ok(String::new()), took, true);
        assert!(judge(budget * 2).is_ok_and(|note| note.is_empty()));
        assert!(judge(budget * 3).is_ok_and(|note| note.contains("BUDGET")));
    }

    #[test]
    fn a_whole_run_over_the_limit_fails_and_names_what_was_slow() {
        let [quick, slow] = [1, 3].map(|times| Performed {
            name: STEPS[times].name,
            budget: STEPS[times].budget,
            outcome: Ok(String::new()),
            took: STEPS[times].budget * times as u32,
        });
        let results = [quick, slow];
        let more = LIMIT + Duration::from_secs(1);
        assert_eq!(late(&results, true, LIMIT), None);
        assert_eq!(late(&results, false, more), None);
        let why = late(&results, true, more).unwrap();
        assert!(why.ends_with(&format!("budgets: {}", STEPS[3].name)), "{why}");
    }
}
