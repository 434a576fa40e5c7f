// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state tables at the head of the source files, as the tests read them: a row that is changed there
//! makes the walk over it fail.

use std::format;
use std::vec::Vec;

/// The cells of each row of the table with this header, in the documentation of a source file.
pub(crate) fn rows(source: &'static str, header: &str) -> Vec<Vec<&'static str>> {
    let header = format!("//! {header}");
    let lines = source.lines().skip_while(|line| *line != header).skip(2);
    let rows = lines.map_while(|line| line.strip_prefix("//! | "));
    let rows: Vec<Vec<&str>> =
        rows.map(|row| row.trim_end_matches('|').split('|').map(str::trim).collect()).collect();
    assert!(!rows.is_empty(), "there is no table {header}");
    rows
}

/// The part of a cell before its remark.
pub(crate) fn name(cell: &str) -> &str {
    cell.split(',').next().unwrap_or_default()
}
