// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bad blocks of a disk that are served from its spare blocks (`ddf.md` 2.11, 6.8).
//!
//! Only in logs made here ([`BadBlockOptions`](crate::BadBlockOptions)): what addresses count from in
//! others', and how a block is marked that is not moved, is unverified.
//!
//! | limit | |
//! |---|---|
//! | entries | room of the section; in 2.0 Max_Mapped_Block_Entries as well |
//! | blocks of an entry | 65 535 |
//! | where they are moved to | inside the spare blocks, not used by another entry |
//! | which may be moved | below Configured_Size, not moved before |

use super::copies::Copies;
use super::rosters;
use super::spread::{edit_own, spread};
use super::survey::{Live, Survey, invalid};
use crate::bad_block_log::{BadBlockEntry, BadBlockLog};
use crate::build::VENDOR;
use crate::disk_bytes::DiskBytes;
use crate::guid::Guid;
use crate::header::{Revision, Section};
use crate::integer::{ByteOrder, U16, U32, U64};
use crate::structure::Structure;
use raid_core::metadata::{BadBlocks, ChangeError, DiskBuffer, Stamp};
use raid_core::units::{Blocks, Extent, Lba};

/// The `index`-th bad range of a disk.
pub(crate) fn bad_blocks(disk: DiskBytes<'_>, index: usize) -> Option<BadBlocks> {
    let copies = Copies::find(disk).ok()??;
    let log = copies.structure(disk)?.bad_block_log()?;
    let entry = log.used(copies.order, copies.header.revision()).get(index)?;
    let (bad, moved_to) = extents(log, entry, copies.order);
    Some(BadBlocks { bad, moved_to: moved_to.map(|moved| moved.start) })
}

/// The blocks of an entry, and those that hold their data.
fn extents(log: &BadBlockLog, entry: &BadBlockEntry, order: ByteOrder) -> (Extent, Option<Extent>) {
    let len = Blocks(entry.remapped_count.get(order).into());
    let bad = Extent { start: Lba(entry.defective_block_start.get(order)), len };
    let first = Lba(log.first_spare_lba.get(order));
    let offset = Blocks(entry.spare_block_offset.get(order).into());
    (bad, first.checked_add(offset).map(|start| Extent { start, len }))
}

/// Records a bad range of a disk.
// Not inlined: the changes of `Admin::apply` would share one frame, as large as theirs together.
#[inline(never)]
pub(crate) fn add(
    disks: &mut [DiskBuffer<'_, '_>],
    disk: usize,
    range: BadBlocks,
    stamp: Stamp,
) -> Result<(), ChangeError> {
    let live = Live(disks);
    let survey = Survey::of_disk(&live, disk)?;
    let nothing = ChangeError::Disk { disk, what: "without a bad block log" };
    let (_, copies, structure) = survey.member(&live, disk).ok_or(nothing)?;
    let (order, revision) = (survey.order, copies.header.revision());
    if *copies.header.ddf_header_guid.vendor() != VENDOR {
        let what =
            "bad blocks in a log of another vendor's: what addresses count from is unverified";
        return Err(ChangeError::Unsupported(what));
    }
    let reference = survey.reference(&live, disk).ok_or(nothing)?;
    let entry = survey.physical_disks(&live).and_then(|all| all.find(order, reference));
    let usable = entry.map_or(0, |entry| entry.configured_size.get(order));
    let log = structure.bad_block_log().ok_or(nothing)?;
    let offset = check(log, &copies, &structure, range, usable)?;
    let mut counts = log.counts(order, revision);
    let begun = rosters::begin(disks, &survey, Guid::UNUSED)?;
    let index = usize::try_from(counts.entries).unwrap_or(usize::MAX);
    counts.entries = counts.entries.saturating_add(1);
    edit_own(disks, &survey, disk, Section::BadBlockLog, |log: &mut BadBlockLog| {
        let Some(entry) = log.entries.get_mut(index) else { return };
        entry.defective_block_start = U64::new(order, range.bad.start.0);
        entry.spare_block_offset = U32::new(order, offset);
        let count = u16::try_from(range.bad.len.0).unwrap_or(u16::MAX);
        entry.remapped_count = U16::new(order, count);
        log.set_counts(order, revision, counts);
    });
    spread(disks, &survey, &begun, stamp);
    Ok(())
}

/// Checks a range against every limit, and gives its offset among the spare blocks.
fn check(
    log: &BadBlockLog,
    copies: &Copies,
    structure: &Structure<'_>,
    range: BadBlocks,
    usable: u64,
) -> Result<u32, ChangeError> {
    let refuse = |what, found, expected| Err(ChangeError::Invalid { what, found, expected });
    let (order, revision) = (copies.order, copies.header.revision());
    let Some(target) = range.moved_to else {
        return Err(ChangeError::Unsupported("marks of blocks that are not moved: unverified"));
    };
    let BadBlocks { bad, .. } = range;
    if bad.len.0 == 0 || bad.len.0 > u64::from(u16::MAX) {
        return refuse("blocks of a bad range", bad.len.0, u16::MAX.into());
    }
    if bad.end().is_none_or(|end| end.0 > usable) {
        return refuse("end of a bad range", bad.start.0.saturating_add(bad.len.0), usable);
    }
    let used = log.used(order, revision);
    let room = room(log, structure, revision);
    if used.len() >= room {
        return Err(invalid("entries of the bad block log", used.len().saturating_add(1), room));
    }
    let spares = Extent {
        start: Lba(log.first_spare_lba.get(order)),
        len: Blocks(log.counts(order, revision).spare_blocks.into()),
    };
    let moved = Extent { start: target, len: bad.len };
    if !spares.contains(moved) {
        return refuse("spare block", target.0, spares.start.0);
    }
    for entry in used {
        let (other, other_moved) = extents(log, entry, order);
        if other.overlaps(bad) {
            return refuse("bad block that was moved before", bad.start.0, other.start.0);
        }
        if let Some(taken) = other_moved.filter(|other| other.overlaps(moved)) {
            return refuse("spare block that is taken", target.0, taken.start.0);
        }
    }
    let offset = target.distance_from(spares.start).and_then(|skip| u32::try_from(skip.0).ok());
    offset.map_or_else(|| refuse("spare block", target.0, spares.start.0), Ok)
}

/// How many entries the log may have.
fn room(log: &BadBlockLog, structure: &Structure<'_>, revision: Revision) -> usize {
    let most = structure.header().max_mapped_block_entries.present(structure.order());
    let most = most.filter(|_| revision.major() == Some(2));
    let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    // The count of 1.x has 16 bits, of which all ones stand for nothing.
    let narrow = if revision.major() == Some(1) { usize::from(u16::MAX - 1) } else { usize::MAX };
    log.entries.len().min(most).min(narrow)
}
