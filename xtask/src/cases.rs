// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask cases [CASE…]`: each case of `docs/cases.md`, what holds it, and the result.
//!
//! ```text
//! docs/cases.md ──▶ list ─────┐
//!                             ├──▶ who holds which case ──▶ results of these tests ──▶ the table
//! sources ──▶ named ──────────┘
//! ```

mod list;
mod named;
mod results;

use crate::ci::shell::{Shell, root};
use crate::ci::{self, Outcome, Stop};
use list::{Case, Holder};
use named::Named;
use results::{Results, Verdict};
use std::process::ExitCode;

/// The page that lists the cases.
const PAGE: &str = "docs/cases.md";

pub(crate) fn main(arguments: &[String]) -> ExitCode {
    let outcome = Shell::new("cases").map_err(|error| Stop::Failed(error.to_string())).and_then(
        |mut shell| {
            let (cases, tests) = chosen(read()?, arguments)?;
            let results = Results::run(&mut shell, &tests);
            print(&cases, &tests, &results);
            judge(&cases, &tests, Some(&results))
        },
    );
    let (word, note) = ci::words(&outcome);
    println!("\n{word} {note}");
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The cases that are named, and their tests; all if none is.
fn chosen(
    (mut cases, mut tests): (Vec<Case>, Vec<Named>),
    names: &[String],
) -> Result<(Vec<Case>, Vec<Named>), Stop> {
    if let Some(unknown) = names.iter().find(|name| !cases.iter().any(|case| case.number == **name))
    {
        return Err(Stop::Failed(format!("{unknown} is no case of {PAGE}")));
    }
    if !names.is_empty() {
        cases.retain(|case| names.contains(&case.number));
        tests.retain_mut(|test| {
            test.cases.retain(|number| names.contains(number));
            !test.cases.is_empty()
        });
    }
    Ok((cases, tests))
}

/// As a step of `cargo xtask ci`: the tests themselves have run in the step before.
pub(crate) fn step(_: &mut Shell) -> Outcome {
    let (cases, tests) = read()?;
    let results = ci::log_of_this_run("test").map(|output| Results::of(&output));
    judge(&cases, &tests, results.as_ref())
}

/// The cases, and the tests that name one.
fn read() -> Result<(Vec<Case>, Vec<Named>), Stop> {
    let page = std::fs::read_to_string(root().join(PAGE))
        .map_err(|error| Stop::Failed(format!("{PAGE}: {error}")))?;
    let cases = list::parse(&page).map_err(|why| Stop::Failed(format!("{PAGE}: {why}")))?;
    Ok((cases, named::find()?))
}

/// The tests that hold a case.
fn holding<'a>(case: &'a Case, tests: &'a [Named]) -> impl Iterator<Item = &'a Named> {
    tests.iter().filter(|test| test.cases.contains(&case.number))
}

fn print(cases: &[Case], tests: &[Named], results: &Results) {
    for case in cases {
        println!("{:<4}{} {}", case.number, case.severity, case.title);
        match &case.holder {
            Holder::Tests => {}
            Holder::Step(name) => println!("        step {name} of `cargo xtask ci`"),
            Holder::Issue(subject) => println!("        left to: {subject}"),
        }
        for test in holding(case, tests) {
            let verdict = results.of_test(test);
            println!("        {verdict} {}: {} ({})", test.package, test.name, test.file);
        }
    }
}

/// Whether each case is held, and each test holds a case that there is.
fn judge(cases: &[Case], tests: &[Named], results: Option<&Results>) -> Outcome {
    let mut faults = Vec::new();
    for test in tests {
        for number in &test.cases {
            if !cases.iter().any(|case| case.number == *number) {
                faults.push(format!("{}: {} is no case of {PAGE}", test.file, number));
            }
        }
        let verdict = results.map_or(Verdict::Passed, |results| results.of_test(test));
        if verdict > Verdict::Ignored {
            faults.push(format!("{}: {}: {verdict}", test.file, test.name));
        }
    }
    let (mut by_tests, mut by_steps, mut left, mut unheld) = (0, 0, 0, Vec::new());
    for case in cases {
        // A test that an ordinary run leaves out holds nothing.
        let tested = holding(case, tests).any(|test| !test.ignored);
        match &case.holder {
            Holder::Step(name) if !ci::is_step(name) => {
                faults.push(format!("{}: `cargo xtask ci` has no step {name}", case.number));
            }
            Holder::Step(_) => by_steps += 1,
            Holder::Issue(_) => left += 1,
            Holder::Tests if tested => by_tests += 1,
            Holder::Tests => unheld.push(case.number.as_str()),
        }
    }
    if !unheld.is_empty() {
        faults.push(format!("held by no test: {}", unheld.join(", ")));
    }
    let counts = format!(
        "{} cases: {by_tests} held by tests, {by_steps} by steps, {left} left to other issues",
        cases.len()
    );
    if faults.is_empty() {
        Ok(counts)
    } else {
        Err(Stop::Failed(format!("{counts}; {}", faults.join("; "))))
    }
}
