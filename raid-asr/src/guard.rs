// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sees that another program has written a disk since it was read, before a commit writes over it.
//!
//! | run, one block each | another update, if on the disk |
//! |---|---|
//! | reserved block | another magic or version, another identity of the disk, another place of the table |
//! | first block of the table | another number of lines, checksum, stamp, mark of an open array, spare, or line |
//!
//! Every update changes the top line or the header, and both are in the first block. Not looked at is
//! what firmware and management software keep without an update: the rest of the reserved block, and
//! priorities, alarm, boot flag and dates in the header.

use crate::build::table_extent;
use crate::locate::{Located, TableFault, locate};
use crate::{ConfigurationLine, Record, ReservedBlock, TableHeader};
use core::mem::size_of;
use raid_core::metadata::{DiskBytes, MovedOn};
use raid_core::units::{Blocks, Extent, Lba};
use zerocopy::FromBytes;

/// The block of the reserved block, and that of the table.
fn runs(disk: DiskBytes<'_>) -> Option<[Option<Lba>; 2]> {
    let Located::Found(found) = locate(disk) else { return None };
    let table = match found.table {
        Ok(copy) => Some(copy.at),
        Err(TableFault::Record { at, .. }) if at != found.at => Some(at),
        Err(_) => None,
    };
    Some([Some(found.at), table])
}

/// The `index`-th run to read again before a commit.
pub(crate) fn guard(disk: DiskBytes<'_>, index: usize) -> Option<Extent> {
    let at = runs(disk)?.into_iter().flatten().nth(index)?;
    Some(Extent { start: at, len: Blocks(1) })
}

/// How `found` differs from what the `index`-th run held, if another program wrote it.
pub(crate) fn moved_on(disk: DiskBytes<'_>, index: usize, found: &[u8]) -> Option<MovedOn> {
    let at = guard(disk, index)?.start;
    // Not just any run that holds the block: a wrong pointer leads to one that overlaps the table.
    let table = disk.get(table_extent(at)).and_then(|table| table.get(..512));
    let held = if index == 0 { disk.block(at)? } else { table? };
    if found.is_empty() || found == held {
        return None;
    }
    let (what, found, expected) = if index == 0 {
        compare_reserved(ReservedBlock::view(found)?, ReservedBlock::view(held)?)
    } else {
        compare_tables(found, held)
    }?;
    Some(MovedOn { at, what, found, expected })
}

type Difference = Option<(&'static str, u64, u64)>;

/// The first of some pairs of values, on the disk and in the buffer, that is none.
fn first(pairs: &[(&'static str, u64, u64)]) -> Difference {
    pairs.iter().find(|(_, found, expected)| found != expected).copied()
}

fn compare_reserved(now: &ReservedBlock, before: &ReservedBlock) -> Difference {
    let pair = |what, of: fn(&ReservedBlock) -> u64| (what, of(now), of(before));
    first(&[
        pair("magic of the reserved block", |block| block.b0idcode.get().into()),
        pair("magic of the reserved block", |block| block.smagic.get().into()),
        pair("version of the reserved block", |block| block.resver.into()),
        pair("identity of the disk", |block| block.drivemagic.get().into()),
        pair("place of the table", |block| block.raidtbl.get().into()),
    ])
}

fn compare_tables(now: &[u8], before: &[u8]) -> Difference {
    let (header, lines) = TableHeader::ref_from_prefix(now).ok()?;
    let (old_header, old_lines) = TableHeader::ref_from_prefix(before).ok()?;
    let pair = |what, of: fn(&TableHeader) -> u64| (what, of(header), of(old_header));
    let differs = first(&[
        pair("magic of the table", |header| header.ridcode.get().into()),
        pair("version of the table", |header| header.rversion.get().into()),
        pair("lines of the table", |header| header.elmcnt.get().into()),
        pair("bytes of a line", |header| header.elmsize.get().into()),
        pair("checksum of the table", |header| header.rchksum.get().into()),
        pair("stamp of the table", |header| header.timestamp.get().into()),
        pair("mark of an open array", |header| header.dirty.into()),
        pair("spare of the array", |header| header.spareid.into()),
        pair("spare of the array", |header| header.sparedrivemagic.get().into()),
        pair("array of the spare", |header| header.raidmagic.get().into()),
    ]);
    differs.or_else(|| {
        let used = usize::from(header.elmcnt.get()).saturating_mul(size_of::<ConfigurationLine>());
        let mut pairs = lines.iter().zip(old_lines).take(used);
        let (now, before) = pairs.find(|(now, before)| now != before)?;
        Some(("byte of a line", (*now).into(), (*before).into()))
    })
}
