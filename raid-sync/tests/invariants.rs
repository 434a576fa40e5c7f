// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table of rules in `docs/interlock.md` names a test for each, and each of them exists.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut String) {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for path in entries.collect::<Vec<PathBuf>>() {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "reads files")]
fn every_rule_names_a_test_that_exists() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(page) = fs::read_to_string(here.join("../docs/interlock.md")) else {
        println!("skipped: the page is not part of the published crate");
        return;
    };
    let mut code = String::new();
    ["src", "tests"].iter().for_each(|folder| sources(&here.join(folder), &mut code));
    for rule in 1..=20 {
        let line = page.lines().find(|line| line.starts_with(&format!("| I{rule} ")));
        let line = line.unwrap_or_else(|| panic!("I{rule} is not in the table"));
        let test = line.split('`').rev().nth(1).unwrap_or_default();
        assert!(code.contains(&format!("fn {test}()")), "I{rule}: no test is called `{test}`");
    }
}
