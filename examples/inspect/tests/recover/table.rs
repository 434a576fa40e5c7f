// SPDX-License-Identifier: MIT OR Apache-2.0
//! The outcomes, counted by level.

use crate::judged::Judged;
use crate::plan::{Expected, Plan};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many sets of a kind came out how.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    sets: usize,
    right: usize,
    sure_and_right: usize,
    sure_and_wrong: usize,
    wrong_disk: usize,
}

/// All outcomes.
#[derive(Debug, Default)]
pub(crate) struct Table {
    with_evidence: BTreeMap<String, Counts>,
    without: BTreeMap<String, Counts>,
    times: Vec<Duration>,
}

impl Table {
    /// Counts a set, and says how it came out.
    pub(crate) fn take(
        &mut self,
        plan: &Plan,
        expected: Expected,
        judged: &Judged,
    ) -> &'static str {
        let level = plan.level;
        let counts = match expected {
            Expected::Right => self.with_evidence.entry(level.to_owned()),
            Expected::CannotTell => self.without.entry("cannot be told".to_owned()),
            Expected::NotSearched => self.without.entry(format!("{level}, not searched")),
        }
        .or_default();
        counts.sets += 1;
        counts.right += usize::from(judged.right);
        counts.sure_and_right += usize::from(judged.sure && judged.right && !judged.wrong_disk);
        counts.sure_and_wrong += usize::from(judged.is_sure_and_wrong());
        counts.wrong_disk += usize::from(judged.wrong_disk);
        self.times.push(judged.took);
        match (judged.sure, judged.right, judged.wrong_disk) {
            (true, true, false) => "sure and right",
            (true, true, true) => "SURE AND WRONG about a disk",
            (true, false, _) => "SURE AND WRONG",
            (false, true, _) => "right, not sure",
            (false, false, _) if expected == Expected::Right => "NOT RIGHT, not sure",
            (false, false, _) => "cannot tell",
        }
    }

    fn all(&self) -> impl Iterator<Item = (&String, &Counts)> {
        self.with_evidence.iter().chain(&self.without)
    }

    pub(crate) fn judged(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn sure_and_wrong(&self) -> usize {
        self.all().map(|(_, counts)| counts.sure_and_wrong).sum()
    }

    /// Sets with evidence whose first guess is right, and all of them.
    pub(crate) fn right(&self) -> (usize, usize) {
        let sum = |of: fn(&Counts) -> usize| self.with_evidence.values().map(of).sum();
        (sum(|counts| counts.right), sum(|counts| counts.sets))
    }

    pub(crate) fn print(&self) {
        println!(
            "\nlevel                  sets  first right  sure, right  sure, WRONG  disk wrong"
        );
        let line = |name: &str, c: &Counts| {
            println!(
                "{name:22} {:4} {:12} {:12} {:12} {:11}",
                c.sets, c.right, c.sure_and_right, c.sure_and_wrong, c.wrong_disk
            );
        };
        self.all().for_each(|(name, counts)| line(name, counts));
        let (right, of) = self.right();
        let share = 100.0 * right as f64 / of.max(1) as f64;
        println!("with evidence: first guess right in {right} of {of} sets, {share:.1} %");
        let mut times = self.times.clone();
        times.sort_unstable();
        if let (Some(median), Some(most)) = (times.get(times.len() / 2), times.last()) {
            let (median, most) = (median.as_secs_f64(), most.as_secs_f64());
            println!("CPU of each guess: median {median:.2} s, at most {most:.2} s");
        }
    }
}
