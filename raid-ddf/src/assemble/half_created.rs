// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arrays whose creation was cut off before every set had a record.
//!
//! An update that creates an array reaches the disks in any order. Until a disk of every set is
//! written, the array is a name without a layout: then nobody was told that it exists, and the update
//! before is the one that counts.

use crate::disk::DdfDisk;
use crate::guid::Guid;
use crate::sequence::updates_between;

/// The disk whose update counts: `newest`, or the freshest one of the update before it.
pub(crate) fn settled<'a, I: Iterator<Item = DdfDisk<'a>>>(
    newest: DdfDisk<'a>,
    disks: impl Fn() -> I,
) -> DdfDisk<'a> {
    let number = newest.effective_sequence();
    let previous = || {
        disks().filter(|disk| {
            let before = number.zip(disk.effective_sequence());
            before.is_some_and(|(number, before)| updates_between(number, before) == 1)
        })
    };
    let freshest = previous()
        .reduce(|fresh, disk| if disk.compare_freshness(&fresh).is_gt() { disk } else { fresh });
    let Some(freshest) = freshest else { return newest };
    let Some(arrays) = newest.virtual_disks() else { return newest };
    let half_created = arrays.used(newest.order()).any(|(_, entry)| {
        let known = |disk: &DdfDisk<'_>| {
            let records = disk.virtual_disks();
            records.is_some_and(|records| records.find(disk.order(), &entry.vd_guid).is_some())
        };
        !known(&freshest) && lacks_a_set(&entry.vd_guid, &disks)
    });
    if half_created { freshest } else { newest }
}

/// Whether no disk has a record of one of the sets of an array.
fn lacks_a_set<'a, I: Iterator<Item = DdfDisk<'a>>>(array: &Guid, disks: &impl Fn() -> I) -> bool {
    let records = || {
        let all = disks().flat_map(|disk| disk.structure().volumes());
        all.filter(|record| record.vd_guid == *array)
    };
    let Some(any) = records().next() else { return true };
    let sets = any.secondary_element_count.max(1);
    sets > 1 && (0..sets).any(|set| !records().any(|record| record.secondary_element_seq == set))
}
