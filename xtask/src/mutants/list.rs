// SPDX-License-Identifier: MIT OR Apache-2.0
//! A list of mutants that live: `file TAB mutant TAB why`. A line that begins with `#` is for people, e.g.
//! which files are done.

use std::fmt;

/// A change of meaning that no test notices. Lines and columns move; the file and the words stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Survivor {
    pub(super) file: String,
    mutant: String,
}

impl Survivor {
    /// From a line of cargo-mutants: `file:line:column: mutant`.
    pub(super) fn of_line(line: &str) -> Option<Self> {
        let (place, mutant) = line.split_once(": ")?;
        let file = place.split(':').next()?;
        Some(Self { file: String::from(file), mutant: String::from(mutant) })
    }
}

impl fmt::Display for Survivor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}\t{}", self.file, self.mutant)
    }
}

/// The mutants of a list; each with a reason, and as often as it lives.
pub(super) fn parse(text: &str) -> Result<Vec<Survivor>, String> {
    let rows = text.lines().enumerate();
    let rows = rows.filter(|(_, row)| !row.is_empty() && !row.starts_with('#'));
    rows.map(|(index, row)| match row.split('\t').collect::<Vec<_>>()[..] {
        [file, mutant, reason] if !reason.trim().is_empty() => {
            let [file, mutant] = [file, mutant].map(String::from);
            Ok(Survivor { file, mutant })
        }
        _ => Err(format!("line {}: file, mutant and reason expected, tabs between", index + 1)),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_mutant_is_the_one_that_the_tool_names_wherever_it_stands_now() {
        let named = Survivor::of_line("raid-core/src/mirror.rs:12:5: replace f -> bool with true");
        let listed = parse("# done\nraid-core/src/mirror.rs\treplace f -> bool with true\tequal\n");
        assert_eq!(listed, Ok(vec![named.expect("a mutant")]));
    }

    #[test]
    fn a_row_without_a_reason_is_refused() {
        assert!(parse("a.rs\treplace f with ()\t \n").is_err());
        assert!(parse("a.rs\treplace f with ()\n").is_err());
    }
}
