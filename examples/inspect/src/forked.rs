// SPDX-License-Identifier: MIT OR Apache-2.0
//! An array whose disks ran apart: its histories, and what settles it.

use crate::disks::Inspection;
use raid_array::discover::{FoundArray, FoundBranch};
use std::collections::BTreeSet;

/// The histories of a forked array, each with its disks, its last record, and the two commands that settle
/// the fork in its favour.
pub(crate) fn histories(inspection: &Inspection, array: &FoundArray) -> String {
    let name = array.descriptor.name;
    let mut text =
        "its disks ran apart, and each history has writes that the others lack".to_owned();
    let all: BTreeSet<usize> = array.branches.iter().flat_map(|b| b.disks.clone()).collect();
    for branch in &array.branches {
        let others: Vec<usize> =
            all.iter().copied().filter(|disk| !branch.disks.contains(disk)).collect();
        let without = named(inspection, &others, " --without ");
        text += &format!(
            "\n  history {}: {}{}\n    run on these:         raid-inspect cat --array {name}{without} \
             PATH… (and start the array with these alone)\n    give the others back: as new disks, to \
             be filled:{}; lost then is what they wrote after the histories parted",
            branch.number,
            named(inspection, &branch.disks, " ").trim_start(),
            last_record(branch),
            named(inspection, &others, " "),
        );
        for other in array.branches.iter().filter(|other| other.number != branch.number) {
            text += &format!(" (history {}{})", other.number, last_record(other));
        }
    }
    text
}

fn named(inspection: &Inspection, disks: &[usize], before: &str) -> String {
    disks.iter().map(|disk| format!("{before}{}", inspection.disk_name(*disk))).collect()
}

/// `, last record 12 at 2026-11-29 12:00:00 UTC, without set 0 slot 1`.
fn last_record(branch: &FoundBranch) -> String {
    let mut text = String::new();
    if let Some(sequence) = branch.sequence {
        text += &format!(", last record {sequence}");
    }
    if let Some(seconds) = branch.unix_seconds {
        text += &format!(" at {}", utc(seconds));
    }
    for (index, place) in branch.failed.iter().enumerate() {
        let word = if index == 0 { ", without" } else { "," };
        text += &format!("{word} set {} slot {}", place.set, place.slot);
    }
    text
}

/// A time for people.
pub(crate) fn utc(unix_seconds: u64) -> String {
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
