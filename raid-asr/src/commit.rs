// SPDX-License-Identifier: MIT OR Apache-2.0
//! The order in which a disk's metadata is written, so that a power cut leaves the old or the new.
//!
//! ```text
//! update, up to 7 lines      block 0 ▸ F                                            F = flush
//! update, more lines         block k ▸ … ▸ block 1 ▸ F ▸ block 0 ▸ F
//! new or emptied disk        block 15 ▸ … ▸ block 1 ▸ F ▸ block 0 ▸ F ▸ reserved block ▸ F
//! ```
//!
//! Block 0 holds header, checksum and lines 0 to 6, and commits: with up to 7 lines it is the whole
//! table, and a disk writes 512 bytes whole or not at all. With more, a copy whose blocks disagree has
//! a wrong checksum, and other members' copies count before it (`asr.md` 5.1).
//!
//! The reserved block changes only when a disk joins. A buffer of a disk that was made here is one
//! run of blocks, as [`new_area`](raid_core::metadata::Admin::new_area) asks for; discovery
//! reads table and reserved block as two. So the buffer tells a disk that may not have its reserved
//! block yet.

use crate::build::{last_block, table_extent};
use crate::locate::{Located, TableFault, locate};
use crate::{RaidTable, Record, RecordError, TABLE_BLOCKS};
use raid_core::metadata::{DiskBuffer, DiskBytes, Step};
use raid_core::units::{Blocks, Extent, Lba};

/// The `index`-th step of writing `disk`; `None` past the last, or if the buffer holds no table.
pub(crate) fn step<'a>(disk: &'a DiskBuffer<'_, '_>, index: usize) -> Option<Step<'a>> {
    let bytes = DiskBytes::of_buffer(disk);
    let Located::Found(found) = locate(bytes) else { return None };
    let at = match found.table {
        Ok(copy) => copy.at,
        Err(TableFault::Record { at, error: RecordError::LineCount { found: 0, .. } }) => at,
        Err(_) => return None,
    };
    let held = bytes.get(table_extent(at))?;
    let table = RaidTable::view(held)?;
    let whole = Extent { start: at, len: Blocks(found.at.0.checked_sub(at.0)?.checked_add(1)?) };
    let used = table.lines_in_use().len();
    let is_new = used == 0 || bytes.get(whole).is_some();
    let last = if is_new { TABLE_BLOCKS.saturating_sub(1) } else { last_block_in_use(used) };
    steps(at, last, is_new.then_some(found.at)).nth(index).map(|step| match step {
        Planned::Flush => Some(Step::Flush),
        // Not just any run that holds the block: a wrong pointer leads to one that overlaps the table.
        Planned::Write(block) => Some(Step::Write {
            at: block,
            bytes: match block_of(held, at, block) {
                Some(bytes) => bytes,
                None => bytes.block(block)?,
            },
        }),
    })?
}

/// Block `block` of the table that stands at `table`; `None` if it is not one of it.
fn block_of(held: &[u8], table: Lba, block: Lba) -> Option<&[u8]> {
    let index = usize::try_from(block.distance_from(table)?.0).ok()?;
    held.chunks(512).nth(index)
}

/// Index of the last block of a table in which a line is in use.
fn last_block_in_use(lines: usize) -> u64 {
    u64::try_from(lines).unwrap_or(u64::MAX) / 8
}

#[derive(Clone, Copy)]
enum Planned {
    Write(Lba),
    Flush,
}

fn steps(table: Lba, last: u64, reserved: Option<Lba>) -> impl Iterator<Item = Planned> {
    let rest = (1..=last).rev().map(move |block| Lba(table.0.saturating_add(block)));
    let rest_flush = (last > 0).then_some(Planned::Flush);
    let tail = reserved.map(|at| [Planned::Write(at), Planned::Flush]);
    rest.map(Planned::Write)
        .chain(rest_flush)
        .chain([Planned::Write(table), Planned::Flush])
        .chain(tail.into_iter().flatten())
}

/// The `index`-th step of erasing `disk`: the reserved block first, without which no reader knows
/// the disk, then the table. `wipefs` would leave most of it (`asr.md` 6.8).
pub(crate) fn erase_step<'a>(
    disk: &DiskBuffer<'_, '_>,
    index: usize,
    block: &'a mut [u8],
) -> Option<Step<'a>> {
    let bytes = DiskBytes::of_buffer(disk);
    let at = match locate(bytes) {
        Located::Found(found) => match found.table {
            Ok(copy) => copy.at,
            Err(TableFault::Record { at, .. } | TableFault::Unreadable { at }) => at,
        },
        Located::Trace(_) => crate::build::area(disk.shape)?.start,
        Located::Unread(_) | Located::Absent => return None,
    };
    let index = u64::try_from(index).ok()?;
    let write = match index {
        0 => last_block(disk.shape)?,
        1 => return Some(Step::Flush),
        _ => match index.saturating_sub(2) {
            n if n < TABLE_BLOCKS => Lba(at.0.checked_add(n)?),
            TABLE_BLOCKS => return Some(Step::Flush),
            _ => return None,
        },
    };
    let block = block.get_mut(..512)?;
    block.fill(0);
    Some(Step::Write { at: write, bytes: block })
}
