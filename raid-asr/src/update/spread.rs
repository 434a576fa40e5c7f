// SPDX-License-Identifier: MIT OR Apache-2.0
//! The edited copy gets its generation and its checksum, and goes to every live disk of the array.
//!
//! Copied are the header and the lines in use. Lines that are not in use stay on each disk as they
//! were, and so does every byte of its reserved block.

use super::survey::{Survey, timestamp_after};
use crate::assemble::members_of;
use crate::assemble::newest::{compare_sequences, sequence, timestamp};
use crate::build::{table_extent, table_mut};
use crate::{RaidTable, Record, TreeLevel};
use raid_core::metadata::{DiskBuffer, DiskBytes, LiveDisks, Stamp};
use raid_core::units::Lba;

/// Ends an edit of the newest copy.
pub(crate) fn spread(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    changed: bool,
    stamp: Stamp,
) {
    if changed {
        next_generation(disks, survey, stamp);
    }
    for index in 0..disks.len() {
        if index == survey.newest {
            continue;
        }
        if let Some(at) = survey.table_on(&LiveDisks(disks), index) {
            copy(disks, (survey.newest, survey.at), (index, at));
        }
    }
}

/// Counts the generation on, in the array lines and in the lines of the disks that are written.
fn next_generation(disks: &mut [DiskBuffer<'_, '_>], survey: &Survey, stamp: Stamp) {
    let Some(top) = survey.line(disks, survey.top) else { return };
    // Later than on every live disk: one that ran apart may be further on, and must not come out as
    // the newest once nobody gives it up any more.
    let mut highest = top.raidseq.get();
    let mut before = survey.header(disks).map_or(0, |header| header.timestamp.get());
    for member in members_of(&LiveDisks(disks), survey.raidmagic) {
        let own = sequence(&member);
        highest = if compare_sequences(own, highest).is_gt() { own } else { highest };
        before = before.max(timestamp(&member));
    }
    let sequence = highest.wrapping_add(1);
    for index in survey.top..survey.end {
        let Some(line) = survey.line(disks, index) else { continue };
        let drivemagic = line.raidmagic.get();
        let takes_part = line.level() != TreeLevel::Fwp || is_live(disks, survey, drivemagic);
        if takes_part {
            survey.edit_line(disks, index, |line| line.raidseq = sequence.into());
        }
    }
    survey.edit_table(disks, |table| {
        table.header.timestamp = timestamp_after(before, stamp).into();
        table.seal();
    });
}

/// Whether the disk with this identity gets the table.
fn is_live(disks: &[DiskBuffer<'_, '_>], survey: &Survey, drivemagic: u32) -> bool {
    let live = LiveDisks(disks);
    let mut holders = crate::assemble::disk::holders(&live, drivemagic);
    holders
        .next()
        .is_some_and(|(index, _)| index == survey.newest || survey.table_on(&live, index).is_some())
}

/// Copies header and lines in use, 64 bytes at a time: both tables are in one slice of disks.
fn copy(disks: &mut [DiskBuffer<'_, '_>], from: (usize, Lba), to: (usize, Lba)) {
    let Some(source) = table_at(disks, from) else { return };
    let (used, header) = (source.lines_in_use().len(), source.header);
    for index in 0..used {
        let line = table_at(disks, from).and_then(|table| table.lines.get(index)).copied();
        let table = disks.get_mut(to.0).and_then(|disk| table_mut(disk, to.1));
        if let (Some(line), Some(place)) = (line, table.and_then(|t| t.lines.get_mut(index))) {
            *place = line;
        }
    }
    if let Some(table) = disks.get_mut(to.0).and_then(|disk| table_mut(disk, to.1)) {
        table.header = header;
    }
}

/// The table of a disk.
fn table_at<'d>(
    disks: &'d [DiskBuffer<'_, '_>],
    (disk, at): (usize, Lba),
) -> Option<&'d RaidTable> {
    let bytes = DiskBytes::of_buffer(disks.get(disk)?);
    RaidTable::view(bytes.get(table_extent(at))?)
}
