// SPDX-License-Identifier: MIT OR Apache-2.0
//! An array whose disks ran apart: its histories, and what settles it.

use crate::disks::Inspection;
use raid_array::discover::{Choice, FoundArray};

/// What settles a fork in favour of one history.
pub(crate) struct Settlement {
    /// Reads the array as this history has it; the array is started with its disks alone.
    pub(crate) run: String,
    /// Makes the other disks new ones.
    pub(crate) give_back: String,
    /// What is lost then.
    pub(crate) lost: String,
}

/// What settles a fork in favour of each history.
pub(crate) fn settlements<'a>(
    inspection: &Inspection,
    array: &'a FoundArray,
) -> Vec<(Choice<'a>, Settlement)> {
    let with = |choice: Choice<'a>| {
        let without = named(inspection, &choice.given_back, " --without ");
        let mut give_back = format!("wipefs --all{}", named(inspection, &choice.given_back, " "));
        for other in arrays_on(inspection, array, &choice.given_back) {
            give_back += &format!(", which takes them from array {other} as well");
        }
        let settlement = Settlement {
            run: format!("raid-inspect cat --array {}{without} PATH…", array.descriptor.name),
            give_back,
            lost: choice.lost(array.format_name),
        };
        (choice, settlement)
    };
    Choice::all(&array.branches).map(with).collect()
}

/// Names of the other arrays that have members on these disks.
fn arrays_on(inspection: &Inspection, array: &FoundArray, disks: &[usize]) -> Vec<String> {
    let others = inspection.discovery.arrays.iter();
    let others = others.filter(|other| other.descriptor.id != array.descriptor.id);
    let on_them = others.filter(|other| {
        let mut members = other.members.iter().filter_map(|member| member.descriptor.disk);
        members.any(|disk| disks.contains(&disk))
    });
    on_them.map(|other| other.descriptor.name.to_string()).collect()
}

/// The histories of a forked array, each with its disks, its last record, and the two commands that settle
/// the fork in its favour.
pub(crate) fn histories(inspection: &Inspection, array: &FoundArray) -> String {
    let mut text =
        "its disks ran apart, and each history has writes that the others lack".to_owned();
    for (Choice { kept, .. }, settled) in settlements(inspection, array) {
        if kept.disks.is_empty() {
            text += &format!(
                "\n  history {}: on none of these disks, {}\n    to keep it:           give the \
                 disks that hold its data",
                kept.number,
                kept.last_record(),
            );
            continue;
        }
        let Settlement { run, give_back, lost } = settled;
        text += &format!(
            "\n  history {}: {}, {}\n    run on these:         {run} (then start the array with \
             these alone)\n    give the others back: {give_back} (then add them as new disks, to be \
             filled)\n    lost then:            {lost}",
            kept.number,
            named(inspection, &kept.disks, " ").trim_start(),
            kept.last_record(),
        );
    }
    text
}

fn named(inspection: &Inspection, disks: &[usize], before: &str) -> String {
    disks.iter().map(|disk| format!("{before}{}", inspection.disk_name(*disk))).collect()
}
