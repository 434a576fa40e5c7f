// SPDX-License-Identifier: MIT OR Apache-2.0
//! The list of cases: rows `| B1 | S1 | what goes wrong | held elsewhere |` of a page.

/// One fault that was found once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) number: String,
    pub(super) severity: String,
    pub(super) title: String,
    pub(super) holder: Holder,
}

/// Who sees to it that a case does not come back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// Tests that name it.
    Tests,
    /// A step of `cargo xtask ci`.
    Step(String),
    /// The issue of this subject, later.
    Issue(String),
}

/// Whether `text` is the number of a case: a kind's letter and digits.
pub(super) fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(|kind: char| kind.is_ascii_uppercase()).unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
}

/// The cases of a page, in its order.
pub(super) fn parse(page: &str) -> Result<Vec<Case>, String> {
    let mut cases: Vec<Case> = Vec::new();
    for line in page.lines() {
        let Some(row) = line.strip_prefix("| ") else { continue };
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        if !is_number(cells[0]) {
            continue;
        }
        let [number, severity, title, holder, ""] = cells[..] else {
            return Err(format!("{}: a row has 4 cells, this one {}", cells[0], cells.len() - 1));
        };
        if !matches!(severity, "S1" | "S2" | "S3" | "S4") {
            return Err(format!("{number}: severity S1 to S4 expected, found `{severity}`"));
        }
        if cases.iter().any(|case| case.number == number) {
            return Err(format!("{number} stands there twice"));
        }
        let holder = match holder.strip_prefix("step ") {
            Some(step) => Holder::Step(String::from(step)),
            None if holder.is_empty() => Holder::Tests,
            None => Holder::Issue(String::from(holder)),
        };
        let [number, severity, title] = [number, severity, title].map(String::from);
        cases.push(Case { number, severity, title, holder });
    }
    if cases.is_empty() { Err(String::from("no case is listed")) } else { Ok(cases) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_its_case_and_who_holds_it() {
        let page = "# Cases\n\n| case | | what | held |\n|---|---|---|---|\n\
                    | B1 | S1 | a fault |  |\n| P8 | S4 | files | step fuzz |\n\
                    | H10 | S4 | words | Another issue |\n";
        let holders: Vec<Holder> =
            parse(page).expect("three rows").into_iter().map(|case| case.holder).collect();
        let (step, issue) = (String::from("fuzz"), String::from("Another issue"));
        assert_eq!(holders, [Holder::Tests, Holder::Step(step), Holder::Issue(issue)]);
    }

    #[test]
    fn a_row_that_cannot_be_understood_is_refused() {
        for row in ["| B1 | S1 | a fault |", "| B1 | S5 | a fault | |", "nothing"] {
            assert!(parse(row).is_err(), "{row}");
        }
        assert!(parse("| B1 | S1 | a | |\n| B1 | S1 | a | |\n").is_err(), "one number twice");
    }
}
