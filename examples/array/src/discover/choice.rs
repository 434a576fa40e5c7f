// SPDX-License-Identifier: MIT OR Apache-2.0
//! What settles a fork: each history that may be kept, and what is lost with the others.

use super::inventory::FoundBranch;
use std::collections::BTreeSet;

/// One history that is kept, at the cost of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice<'a> {
    /// The history that is kept: the array runs on its disks.
    pub kept: &'a FoundBranch,
    /// The disks that are given back as new ones, in ascending order.
    pub given_back: Vec<usize>,
    /// The histories that are lost.
    pub others: Vec<&'a FoundBranch>,
}

impl<'a> Choice<'a> {
    /// Every way to settle a fork.
    pub fn all(branches: &'a [FoundBranch]) -> impl Iterator<Item = Self> {
        branches.iter().map(|kept| {
            let others: Vec<_> = branches.iter().filter(|b| b.number != kept.number).collect();
            let disks: BTreeSet<usize> = others.iter().flat_map(|b| b.disks.clone()).collect();
            let given_back = disks.into_iter().filter(|disk| !kept.disks.contains(disk)).collect();
            Self { kept, given_back, others }
        })
    }

    /// What is lost with the other histories, e.g. `what history 1 wrote since the histories parted,
    /// rows 0..64 of set 0 (last record 12 of 2025-11-29 12:34:56 UTC)`.
    #[must_use]
    pub fn lost(&self, format: &str) -> String {
        let of = |branch: &&FoundBranch| {
            let rows = branch.rows().map_or(String::new(), |rows| format!(", {rows}"));
            let (number, last) = (branch.number, branch.last_record());
            format!("what history {number} wrote since the histories parted{rows} ({last})")
        };
        let text = self.others.iter().map(of).collect::<Vec<_>>().join(" and ");
        match self.others.iter().any(|branch| branch.written.is_none()) {
            true => format!("{text}; {format} does not record which rows"),
            false => text,
        }
    }
}

impl FoundBranch {
    /// `last record 12 of 2025-11-29 12:34:56 UTC, without set 0 slot 1`.
    #[must_use]
    pub fn last_record(&self) -> String {
        let mut text = match self.sequence {
            Some(sequence) => format!("last record {sequence}"),
            None => "last record without a number".to_owned(),
        };
        match self.unix_seconds {
            Some(seconds) => text += &format!(" of {}", utc(seconds)),
            None => text += " without a time",
        }
        for (index, place) in self.failed.iter().enumerate() {
            let word = if index == 0 { ", without" } else { "," };
            text += &format!("{word} set {} slot {}", place.set, place.slot);
        }
        text
    }

    /// The rows that it has written, in words; `None` if that is not recorded.
    fn rows(&self) -> Option<String> {
        const FEW: usize = 8;
        let written = self.written.as_ref()?;
        let range = |of: &super::RowsOfSet| {
            format!("{}..{} of set {}", of.rows.start.0, of.rows.end().0, of.set)
        };
        let few: Vec<String> = written.iter().take(FEW).map(range).collect();
        Some(match written.len() {
            0 => "no rows".to_owned(),
            all if all > FEW => format!("rows {} and {} more ranges", few.join(", "), all - FEW),
            _ => format!("rows {}", few.join(", ")),
        })
    }
}

/// A time for people.
#[must_use]
pub fn utc(unix_seconds: u64) -> String {
    let (days, second) = (unix_seconds / 86_400, unix_seconds % 86_400);
    // Years begin in March here, so that the leap day is the last of one.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let in_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let date = in_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + next;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{date:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn a_time_is_shown_as_a_date() {
        for (seconds, shown) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_764_419_696, "2025-11-29 12:34:56 UTC"),
            (4_102_444_800, "2100-01-01 00:00:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(seconds), shown);
        }
    }
}
