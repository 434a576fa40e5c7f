// SPDX-License-Identifier: MIT OR Apache-2.0
//! New disks, arrays and spares.
//!
//! What is made here is what every known reader of the format accepts (`asr.md` 10): reserved block
//! version 8, table version 2 at N-17, room for 127 lines, names padded with spaces, members in
//! address order, one generation in all lines, the right checksum.

pub(crate) mod array;
mod identity;
pub(crate) mod lines;
pub(crate) mod spare;

use crate::locate::{BLOCK_SIZE, Located, locate};
use crate::{
    ConfigurationLine, RaidTable, Record, ReservedBlock, TABLE_BLOCKS, TAIL_BLOCKS, TableHeader,
};
use raid_core::metadata::{ChangeError, DiskBuffer, DiskBytes, DiskShape, Stamp};
use raid_core::units::{Blocks, Extent, Lba};
use zerocopy::FromZeros;

/// Members are cut to multiples of this many blocks, which fits both rules that the one known disk
/// allows (`asr.md` 3.2).
const CAPACITY_STEP: u64 = 2048;

/// Priority of background tasks in a new table, as on the one known disk.
const ACTION_PRIORITY: u8 = 0x10;

/// A number outside its limit.
pub(crate) fn invalid(what: &'static str, found: u64, expected: u64) -> ChangeError {
    ChangeError::Invalid { what, found, expected }
}

/// The blocks that the metadata of a new disk takes, table and reserved block in one run; `None` if
/// the disk is too small, too large for block numbers of 32 bits, or of another block size.
pub(crate) fn area(shape: DiskShape) -> Option<Extent> {
    let table = shape.blocks.0.checked_sub(TAIL_BLOCKS).filter(|at| *at > 0)?;
    let fits = shape.block_size == BLOCK_SIZE && u32::try_from(table).is_ok();
    fits.then_some(Extent::new(table, TAIL_BLOCKS))
}

/// The blocks of a table at `at`.
pub(crate) const fn table_extent(at: Lba) -> Extent {
    Extent { start: at, len: Blocks(TABLE_BLOCKS) }
}

/// Blocks of a new disk that arrays may use.
pub(crate) fn usable(shape: DiskShape) -> Blocks {
    let table = area(shape).map_or(0, |area| area.start.0);
    Blocks(table.saturating_sub(table % CAPACITY_STEP))
}

/// Makes every live disk one that is in no array.
pub(crate) fn initialise(
    disks: &mut [DiskBuffer<'_, '_>],
    stamp: Stamp,
) -> Result<(), ChangeError> {
    let live =
        |disks: &[DiskBuffer<'_, '_>], index: usize| disks.get(index).is_some_and(|d| d.live);
    let mut any = false;
    for index in (0..disks.len()).filter(|index| live(disks, *index)) {
        check_room(disks, index)?;
        any = true;
    }
    if !any {
        return Err(invalid("live disks", 0, 1));
    }
    for index in 0..disks.len() {
        if live(disks, index) {
            make_unused(disks, index, stamp)?;
        }
    }
    Ok(())
}

/// Whether a disk has room for the format's metadata, on it and in its buffer.
pub(crate) fn check_room(
    disks: &[DiskBuffer<'_, '_>],
    index: usize,
) -> Result<Extent, ChangeError> {
    let refuse = |what| ChangeError::Disk { disk: index, what };
    let disk = disks.get(index).filter(|disk| disk.live).ok_or(refuse("not a live disk"))?;
    if disk.shape.block_size != BLOCK_SIZE {
        return Err(refuse("the format is defined for 512-byte blocks only"));
    }
    let area =
        area(disk.shape).ok_or(refuse("too small, or too large for 32-bit block numbers"))?;
    let bytes = DiskBytes::of_buffer(disk);
    let held = bytes.get(table_extent(area.start)).is_some()
        && last_block(disk.shape).is_some_and(|at| bytes.block(at).is_some());
    held.then_some(area).ok_or(refuse("no buffer where the metadata goes"))
}

/// Where the reserved block is.
pub(crate) fn last_block(shape: DiskShape) -> Option<Lba> {
    shape.blocks.0.checked_sub(1).map(Lba)
}

/// Gives a disk an identity and an empty table.
fn make_unused(
    disks: &mut [DiskBuffer<'_, '_>],
    index: usize,
    stamp: Stamp,
) -> Result<(), ChangeError> {
    let area = check_room(disks, index)?;
    let magic = identity::of_disk(&&*disks, stamp).ok_or(invalid("identities left", 0, 1))?;
    let Some(disk) = disks.get_mut(index) else { return Ok(()) };
    empty_table(disk, area.start);
    if let Some(block) = reserved_block(disk) {
        // A disk that carries the format keeps what its controller noted on it.
        if !block.has_trace() {
            block.zero();
        }
        let table = u32::try_from(area.start.0).unwrap_or(u32::MAX);
        block.b0idcode = ReservedBlock::MAGIC.into();
        block.smagic = ReservedBlock::SOFTWARE_MAGIC.into();
        block.resver = ReservedBlock::VERSION;
        block.drivemagic = magic.into();
        block.fstrsvrb = table.into();
        block.raidtbl = table.into();
    }
    Ok(())
}

/// Writes a table without a line.
pub(crate) fn empty_table(disk: &mut DiskBuffer<'_, '_>, at: Lba) {
    let Some(table) = table_mut(disk, at) else { return };
    table.zero();
    table.header.ridcode = TableHeader::MAGIC.into();
    table.header.rversion = TableHeader::VERSION_2.into();
    table.header.maxelm = RaidTable::ROOM.into();
    table.header.elmsize = ConfigurationLine::SIZE.into();
    table.header.action_priority = ACTION_PRIORITY;
}

/// The table at `at`, to be edited.
pub(crate) fn table_mut<'b>(
    disk: &'b mut DiskBuffer<'_, '_>,
    at: Lba,
) -> Option<&'b mut RaidTable> {
    RaidTable::view_mut(disk.get_mut(table_extent(at))?)
}

fn reserved_block<'b>(disk: &'b mut DiskBuffer<'_, '_>) -> Option<&'b mut ReservedBlock> {
    let at = last_block(disk.shape)?;
    ReservedBlock::view_mut(disk.get_mut(Extent { start: at, len: Blocks(1) })?)
}

/// Whether the buffer holds no metadata of the format at all.
pub(crate) fn is_blank(disk: &DiskBuffer<'_, '_>) -> bool {
    matches!(locate(DiskBytes::of_buffer(disk)), Located::Absent)
}
