// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a disk's metadata stands: the last block, then the table it points to.
//!
//! ```text
//! read block N-1 ─ unreadable ──────────────────────▶ table at N-17? ─ yes ▶ Trace
//!      │ both magics, version 8      one magic, or another version ────────▶ Trace
//!      │                             b0idcode zeroed, as by wipefs ────────▶ absent
//!      ▼
//! read 16 blocks at raidtbl ─ out of range, unreadable, no magic ▶ read 16 blocks at N-17
//! ```
//!
//! Discovery's next read and assembly ask the same function, so they cannot disagree. At most three
//! ranges of a disk are ever asked for.

use crate::{
    Identity, RaidTable, Record, RecordError, ReservedBlock, TABLE_BLOCKS, TAIL_BLOCKS, Table,
};
use raid_core::metadata::DiskBytes;
use raid_core::units::{Extent, Lba};

/// The only block size the format is defined for.
pub(crate) const BLOCK_SIZE: u32 = 512;

/// What the blocks read so far say of a disk.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Located<'a> {
    /// This run has to be read first.
    Unread(Extent),
    /// The disk does not carry the format.
    Absent,
    /// The disk carries the format, or did, and cannot be used.
    Trace(Trace<'a>),
    /// The reserved block is right.
    Found(Found<'a>),
}

/// Why a disk that shows signs of the format cannot be used.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trace<'a> {
    /// The disk has blocks of another size.
    BlockSize { at: Lba },
    /// The reserved block is one that no reader accepts.
    ReservedBlock { at: Lba, record: &'a ReservedBlock, error: RecordError },
    /// The reserved block cannot be read, yet a table stands at its usual place.
    ReservedBlockUnreadable { at: Lba, table_at: Lba },
}

/// A disk with its identity, and its copy of the table if there is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    /// Block of the reserved block.
    pub(crate) at: Lba,
    pub(crate) identity: Identity<'a>,
    pub(crate) table: Result<TableCopy<'a>, TableFault>,
    /// Why the table was not found where the reserved block points; it may stand at N-17.
    pub(crate) pointer_fault: Option<TableFault>,
}

/// A usable copy of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TableCopy<'a> {
    pub(crate) at: Lba,
    pub(crate) table: Table<'a>,
}

/// Why there is no table at a place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TableFault {
    /// The blocks cannot be read.
    Unreadable { at: Lba },
    /// No table, or the pointer to it is wrong.
    Record { at: Lba, error: RecordError },
}

enum Fetched<'a> {
    Unread(Extent),
    Unreadable,
    Bytes(&'a [u8]),
}

fn fetch(disk: DiskBytes<'_>, extent: Extent) -> Fetched<'_> {
    match disk.get(extent) {
        Some(bytes) => Fetched::Bytes(bytes),
        // The contract of `Lookup::Read`: a run that cannot be read is an empty piece.
        None if disk.is_unreadable(extent.start) => Fetched::Unreadable,
        None => Fetched::Unread(extent),
    }
}

/// Looks for the format on a disk, as far as it has been read.
pub(crate) fn locate<'a>(disk: DiskBytes<'a>) -> Located<'a> {
    let blocks = disk.shape().blocks.0;
    let Some(last) = blocks.checked_sub(1) else { return Located::Absent };
    let at = Lba(last);
    if disk.shape().block_size != BLOCK_SIZE {
        return other_block_size(disk, at);
    }
    if blocks < TAIL_BLOCKS {
        return Located::Absent;
    }
    let bytes = match fetch(disk, Extent::new(last, 1)) {
        Fetched::Unread(extent) => return Located::Unread(extent),
        Fetched::Unreadable => return without_reserved_block(disk, at),
        Fetched::Bytes(bytes) => bytes,
    };
    match (ReservedBlock::check(bytes), ReservedBlock::view(bytes)) {
        (Ok(identity), _) => find_table(disk, at, identity),
        // Erased as wipefs does it: nobody's any more, as a zeroed anchor of DDF is.
        (Err(_), Some(record)) if record.is_wiped() => Located::Absent,
        (Err(error), Some(record)) if record.has_trace() => {
            Located::Trace(Trace::ReservedBlock { at, record, error })
        }
        _ => Located::Absent,
    }
}

fn other_block_size<'a>(disk: DiskBytes<'a>, at: Lba) -> Located<'a> {
    match fetch(disk, Extent { start: at, len: raid_core::units::Blocks(1) }) {
        Fetched::Unread(extent) => Located::Unread(extent),
        Fetched::Unreadable => Located::Absent,
        // On a disk that was moved behind a bridge with larger blocks, the reserved block is the
        // end of the last one.
        Fetched::Bytes(bytes) => {
            match bytes.last_chunk::<512>().map(|end| ReservedBlock::check(end)) {
                Some(Ok(_)) => Located::Trace(Trace::BlockSize { at }),
                _ => Located::Absent,
            }
        }
    }
}

fn without_reserved_block<'a>(disk: DiskBytes<'a>, at: Lba) -> Located<'a> {
    let table_at = usual_place(disk);
    match table_at_place(disk, table_at) {
        Err(extent) => Located::Unread(extent),
        Ok(Ok(_)) => Located::Trace(Trace::ReservedBlockUnreadable { at, table_at }),
        Ok(Err(_)) => Located::Absent,
    }
}

/// Where every known writer puts the table: 17 blocks before the end.
fn usual_place(disk: DiskBytes<'_>) -> Lba {
    Lba(disk.shape().blocks.0.saturating_sub(TAIL_BLOCKS))
}

/// The copy at a place, or why there is none; the outer error is the run to read first.
fn table_at_place<'a>(
    disk: DiskBytes<'a>,
    at: Lba,
) -> Result<Result<TableCopy<'a>, TableFault>, Extent> {
    match fetch(disk, Extent::new(at.0, TABLE_BLOCKS)) {
        Fetched::Unread(extent) => Err(extent),
        Fetched::Unreadable => Ok(Err(TableFault::Unreadable { at })),
        Fetched::Bytes(bytes) => Ok(match RaidTable::check(bytes) {
            Ok(table) => Ok(TableCopy { at, table }),
            Err(error) => Err(TableFault::Record { at, error }),
        }),
    }
}

fn find_table<'a>(disk: DiskBytes<'a>, at: Lba, identity: Identity<'a>) -> Located<'a> {
    let found = |table, pointer_fault| Located::Found(Found { at, identity, table, pointer_fault });
    let usual = usual_place(disk);
    let fault = match identity.table_at(disk.shape().blocks.0) {
        Err(error) => TableFault::Record { at, error },
        Ok(pointer) => match table_at_place(disk, Lba(pointer)) {
            Err(extent) => return Located::Unread(extent),
            Ok(Ok(copy)) => return found(Ok(copy), None),
            Ok(Err(fault)) if Lba(pointer) == usual || fault.is_a_table() => {
                return found(Err(fault), None);
            }
            Ok(Err(fault)) => fault,
        },
    };
    match table_at_place(disk, usual) {
        Err(extent) => Located::Unread(extent),
        Ok(table) => found(table, Some(fault)),
    }
}

impl TableFault {
    /// Whether a table stands there, though not one to use: then no other place is looked at.
    fn is_a_table(self) -> bool {
        matches!(
            self,
            Self::Record {
                error: RecordError::LineSize { .. } | RecordError::LineCount { .. },
                ..
            }
        )
    }
}
