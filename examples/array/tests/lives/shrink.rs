// SPDX-License-Identifier: MIT OR Apache-2.0
//! Shortens the story of a finding: steps are left out as long as something is still found.

use crate::life::{Outcome, live_plan};
use crate::machine::Birth;
use crate::plan::{Step, plan};
use crate::run::Finding;
use raid_array::workload::ArrayEngine;

/// What kind of finding it is: the words before the first number.
fn kind(finding: &Finding) -> String {
    finding.0.chars().take_while(|c| !c.is_ascii_digit()).take(40).collect()
}

/// The shortest story of the finding of this seed that leaving out steps leads to.
pub(crate) fn told<E: ArrayEngine>(birth: &Birth, volumes: usize, seed: u64) -> String {
    let mut steps = plan(seed, volumes);
    let mut best = live_plan::<E>(birth, seed, &steps);
    let Some(found) = best.finding.as_ref().map(kind) else { return String::new() };
    let same = |steps: &[Step]| -> Option<Outcome> {
        let outcome = live_plan::<E>(birth, seed, steps);
        outcome.finding.as_ref().is_some_and(|finding| kind(finding) == found).then_some(outcome)
    };
    let mut size = steps.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(at..(at + size).min(steps.len()));
            match same(&fewer) {
                Some(outcome) => (steps, best) = (fewer, outcome),
                None => at += size,
            }
        }
        size /= 2;
    }
    let finding = best.finding.map(|finding| finding.0).unwrap_or_default();
    format!("  {finding}\n  {}\n  {steps:?}\n", best.story.join("\n  "))
}
