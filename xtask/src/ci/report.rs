// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a step ended, in words, beside its budget; and the table at the end.

use super::steps::{Step, TOTAL};
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

pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// What stands in the table: in a strict run nothing is skipped that could be had, and nothing takes twice
/// its time.
pub(super) fn judged(step: &Step, outcome: Outcome, took: Duration, strict: bool) -> Outcome {
    match outcome {
        Err(Stop::Skipped(why)) if strict => {
            Err(Stop::Failed(format!("{why}; with CI=true this step may not be skipped")))
        }
        Ok(note) if too_long(took, step.budget) => {
            let why = format!("took more than twice its budget of {}", seconds(step.budget));
            if strict { Err(Stop::Failed(why)) } else { Ok(join(&note, &why.to_uppercase())) }
        }
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
    let over = whole && took > TOTAL;
    let word = if over { "  over its budget" } else { "" };
    println!("{:<16} {:>8} {budget:>7}{word}\n", "total", seconds(took));
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    let late = whole && strict() && too_long(took, TOTAL);
    if failed == 0 && !late { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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
    fn a_strict_run_fails_what_takes_more_than_twice_its_budget() {
        let budget = STEPS[0].budget;
        let judge = |took, strict| judged(&STEPS[0], Ok(String::new()), took, strict);
        assert!(judge(budget * 2, true).is_ok());
        assert!(judge(budget * 3, true).is_err());
        assert!(judge(budget * 3, false).is_ok_and(|note| note.contains("BUDGET")));
    }
}
