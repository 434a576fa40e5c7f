// SPDX-License-Identifier: MIT OR Apache-2.0
//! What became of the tests, from what `cargo test` prints: `test scenarios::media::name ... ok`.

use super::named::Named;
use crate::ci::shell::{Shell, cargo};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Passed,
    Ignored,
    /// No run has named it.
    NotRun,
    Failed,
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Passed => "passed",
            Self::Ignored => "IGNORED",
            Self::NotRun => "NOT RUN",
            Self::Failed => "FAILED",
        })
    }
}

/// By package, where it is known, and function name: the worst of all tests of that name.
#[derive(Debug, Default)]
pub(super) struct Results(BTreeMap<(Option<String>, String), Verdict>);

impl Results {
    /// Runs the tests, package by package, and no others.
    pub(super) fn run(shell: &mut Shell, tests: &[Named]) -> Self {
        let mut all = Self::default();
        let packages: BTreeSet<&str> = tests.iter().map(|test| test.package.as_str()).collect();
        for package in packages {
            let names: BTreeSet<&str> = (tests.iter())
                .filter(|test| test.package == package)
                .map(|test| test.name.as_str())
                .collect();
            println!("running {} tests of {package}", names.len());
            let mut command = cargo(&format!("test -p {package} --tests --no-fail-fast --"));
            command.args(names).env("CARGO_PROFILE_TEST_OPT_LEVEL", "2");
            // A failure shows in the results; a package that does not build has none.
            if let Ok((_, output)) = shell.try_run(&mut command) {
                all.add(Some(package), &output);
            }
        }
        all
    }

    /// Those of a run over the whole workspace.
    pub(super) fn of(output: &str) -> Self {
        let mut all = Self::default();
        all.add(None, output);
        all
    }

    fn add(&mut self, package: Option<&str>, output: &str) {
        for line in output.lines().filter_map(|line| line.strip_prefix("test ")) {
            let Some((path, end)) = line.split_once(" ... ") else { continue };
            let path = path.strip_suffix(" - should panic").unwrap_or(path);
            let name = path.rsplit("::").next().unwrap_or(path);
            let verdict = match end {
                _ if end.starts_with("ok") => Verdict::Passed,
                _ if end.starts_with("ignored") => Verdict::Ignored,
                _ => Verdict::Failed,
            };
            let key = (package.map(String::from), String::from(name));
            let known = self.0.entry(key).or_insert(verdict);
            *known = verdict.max(*known);
        }
    }

    pub(super) fn of_test(&self, test: &Named) -> Verdict {
        let in_package = (Some(test.package.clone()), test.name.clone());
        let anywhere = (None, test.name.clone());
        let known = self.0.get(&in_package).or_else(|| self.0.get(&anywhere));
        known.copied().unwrap_or(Verdict::NotRun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(name: &str) -> Named {
        let [package, file, name] = ["p", "f", name].map(String::from);
        Named { cases: Vec::new(), package, file, name, ignored: false }
    }

    #[test]
    fn the_worst_result_of_a_name_counts() {
        let results = Results::of(
            "running 3 tests\ntest a::one ... ok\ntest b::one ... FAILED\ntest two ... ok\n\
             test three ... ignored, long\ntest result: ok. 1 passed\n",
        );
        assert_eq!(results.of_test(&test("one")), Verdict::Failed);
        assert_eq!(results.of_test(&test("two")), Verdict::Passed);
        assert_eq!(results.of_test(&test("three")), Verdict::Ignored);
        assert_eq!(results.of_test(&test("four")), Verdict::NotRun);
    }
}
