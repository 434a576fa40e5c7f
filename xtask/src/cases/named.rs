// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tests that name a case, found in the sources: `/// Case B1.` in the documentation of a test.

use super::list::is_number;
use crate::ci::Stop;
use crate::ci::shell::root;
use std::path::Path;
use std::process::Command;

/// A test that names cases.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) cases: Vec<String>,
    pub(super) package: String,
    pub(super) file: String,
    /// The function's name.
    pub(super) name: String,
    /// An ordinary run leaves it out.
    pub(super) ignored: bool,
}

/// All of them, in every source file that is not ignored by git.
pub(super) fn find() -> Result<Vec<Named>, Stop> {
    let mut list = Command::new("git");
    list.args(["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"]);
    let mut all = Vec::new();
    let listed = list.current_dir(root()).output();
    let listed = listed.map_err(|error| Stop::Failed(format!("git could not be run: {error}")))?;
    for file in String::from_utf8_lossy(&listed.stdout).lines() {
        // A file that is deleted and not yet committed is listed still.
        let Ok(text) = std::fs::read_to_string(root().join(file)) else { continue };
        let found = in_source(&text).map_err(|why| Stop::Failed(format!("{file}:{why}")))?;
        if !found.is_empty() {
            let package = package(file).map_err(Stop::Failed)?;
            all.extend(found.into_iter().map(|found| Named {
                package: package.clone(),
                file: String::from(file),
                ..found
            }));
        }
    }
    Ok(all)
}

/// The tests of one source that name cases, without package and file; else `line: what is wrong`.
fn in_source(text: &str) -> Result<Vec<Named>, String> {
    let mut all = Vec::new();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    for (at, line) in lines.iter().enumerate() {
        let Some(cases) = cases(line).map_err(|why| format!("{}: {why}", at + 1))? else {
            continue;
        };
        let item = lines[at..].iter().position(|line| !is_above_item(line));
        let above = item.map_or(&[][..], |item| &lines[at..at + item]);
        let name = item.and_then(|item| function(lines[at + item]));
        match name {
            Some(name) if above.contains(&"#[test]") => all.push(Named {
                cases,
                package: String::new(),
                file: String::new(),
                name: String::from(name),
                ignored: above.iter().any(|line| line.starts_with("#[ignore")),
            }),
            _ => return Err(format!("{}: `{line}` is not above `#[test]`", at + 1)),
        }
    }
    Ok(all)
}

/// Documentation and attributes.
fn is_above_item(line: &str) -> bool {
    line.starts_with("///") || line.starts_with("#[")
}

/// The cases that a line of documentation names before anything else.
fn cases(line: &str) -> Result<Option<Vec<String>>, String> {
    let Some(rest) = line.strip_prefix("/// Case") else { return Ok(None) };
    let (many, rest) = match rest.strip_prefix("s ") {
        Some(rest) => (true, rest),
        None => (false, rest.trim_start()),
    };
    // A sentence that merely begins with the word.
    if !rest.split(['.', ',', ':', ' ']).next().is_some_and(is_number) {
        return Ok(None);
    }
    let numbers = rest.split_once('.').map(|(numbers, _)| numbers.split(", ").map(String::from));
    let numbers: Vec<String> = numbers.into_iter().flatten().collect();
    let numbered = !numbers.is_empty() && numbers.iter().all(|number| is_number(number));
    match numbered && many == (numbers.len() > 1) {
        true => Ok(Some(numbers)),
        false => Err(format!("`/// Case B1.` or `/// Cases B1, B4.` expected, found `{line}`")),
    }
}

/// The name in `fn name(…`.
fn function(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("fn ")?;
    let end = rest.find(|sign: char| !sign.is_alphanumeric() && sign != '_')?;
    Some(&rest[..end])
}

/// The package that a file belongs to: of the nearest manifest above it.
fn package(file: &str) -> Result<String, String> {
    for folder in Path::new(file).ancestors().skip(1) {
        let manifest = root().join(folder).join("Cargo.toml");
        let Ok(text) = std::fs::read_to_string(&manifest) else { continue };
        let name = text.lines().find_map(|line| line.strip_prefix("name = \""));
        if let Some(name) = name.and_then(|name| name.strip_suffix('"')) {
            return Ok(String::from(name));
        }
    }
    Err(format!("{file} belongs to no package"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Result<Vec<(Vec<String>, String, bool)>, String> {
        let found = in_source(text)?;
        Ok(found.into_iter().map(|test| (test.cases, test.name, test.ignored)).collect())
    }

    #[test]
    fn a_test_names_one_case_or_several() {
        let one = "    /// Case B1.\n    #[test]\n    fn a_set_fails() {\n";
        assert_eq!(
            names(one),
            Ok(vec![(vec![String::from("B1")], String::from("a_set_fails"), false)])
        );
        let more = "/// Case B1. A set fails, and\n/// more.\n#[test]\nfn a_set_fails() {\n";
        assert_eq!(names(more), names(one));
        let two = "/// Why.\n/// Cases B1, B4.\n#[test]\n#[ignore = \"long\"]\nfn b() {\n";
        let both = vec![String::from("B1"), String::from("B4")];
        assert_eq!(names(two), Ok(vec![(both, String::from("b"), true)]));
    }

    #[test]
    fn a_case_that_is_named_elsewhere_or_otherwise_is_refused() {
        for text in [
            "/// Case B1.\nfn helper() {\n",
            "/// Case B1\n#[test]\nfn a() {\n",
            "/// Case B1, B4.\n#[test]\nfn a() {\n",
            "/// Cases B1.\n#[test]\nfn a() {\n",
            "/// Case B1: a set fails.\n#[test]\nfn a() {\n",
        ] {
            assert!(names(text).is_err(), "{text}");
        }
    }

    #[test]
    fn other_sentences_are_left_alone() {
        assert_eq!(names("/// Case of a failure.\n/// Cases that differ.\nfn a() {\n"), Ok(vec![]));
    }
}
