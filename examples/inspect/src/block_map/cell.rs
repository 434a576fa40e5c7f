// SPDX-License-Identifier: MIT OR Apache-2.0
//! A block of a member: where it is, and what it is to its array.

use crate::disks::{Inspection, layout, places, sizes};
use raid_array::discover::FoundArray;
use raid_core::array::{ArrayId, MemberDescriptor, MemberState, Place};
use raid_core::layout::{Layout, Role};
use raid_core::units::Extent;

/// A block of a member.
pub(super) struct Cell {
    pub(super) array: ArrayId,
    pub(super) place: Place,
    pub(super) state: MemberState,
    /// The disk, and the byte of it at which the block begins.
    pub(super) disk: Option<(usize, u64)>,
    /// Row of strips, as the picture counts them.
    pub(super) row: u64,
    /// Block of the member's extent.
    pub(super) block: u64,
    /// `data`, `copy`, `P`, `Q`, …
    pub(super) role: String,
    /// Blocks of the array: the one that it holds, or those that it is parity of.
    pub(super) of: Vec<u64>,
}

/// Rows of strips that the picture counts, in blocks.
pub(super) fn strip(layout: &Layout<'_>) -> u64 {
    // The strips of striped mirrors are those of the secondary level.
    layout.row_unit().max(layout.geometry().strip.0).max(1)
}

/// Where block `block` of the array is: the data and its copies, or the bytes of it on all members, and the parity of
/// its row.
///
/// # Errors
/// A geometry that gives no addresses.
pub(super) fn of_array_block(
    inspection: &Inspection,
    array: &FoundArray,
    block: u64,
) -> Result<Vec<Cell>, String> {
    let members = places(array);
    let sizes = sizes(array, &members);
    let layout = layout(&array.descriptor, &sizes).map_err(|error| error.to_string())?;
    let mut cells = Vec::new();
    for piece in layout.split(Extent::new(block, 1)) {
        let sets = match layout.set_copies() {
            1 => piece.set..piece.set.saturating_add(1),
            all => 0..all,
        };
        for set in sets {
            let of = |slot| members.iter().find(|m| m.place == Place { set, slot });
            let data = piece.at.start.0;
            let mut put = |slot, block| {
                cells.extend(of(slot).map(|m| cell(inspection, array, &layout, m, block)));
            };
            layout.copies(data).for_each(|copy| put(copy.slot, copy.block.0));
            // What else belongs to the row: parity, and all bytes of a row that has them in turn.
            if layout.geometry().parity_strips() > 0 {
                let row = layout.rows_of(Extent::new(data, 1)).start.0;
                for slot in layout.slots().iter() {
                    if matches!(layout.role(slot, row), Role::Parity(_) | Role::Interleaved { .. })
                    {
                        put(slot, row);
                    }
                }
            }
        }
    }
    Ok(cells)
}

/// What byte `byte` of a disk is to the array: nothing, or a block of one of its members; of several where members
/// share blocks.
///
/// # Errors
/// A geometry that gives no addresses.
pub(super) fn of_disk_byte(
    inspection: &Inspection,
    array: &FoundArray,
    disk: usize,
    byte: u64,
) -> Result<Vec<Cell>, String> {
    let own = array.members.iter().map(|member| &member.descriptor);
    let own: Vec<&MemberDescriptor> = own.filter(|member| member.disk == Some(disk)).collect();
    if own.is_empty() {
        return Ok(Vec::new());
    }
    let sizes = sizes(array, &places(array));
    let layout = layout(&array.descriptor, &sizes).map_err(|error| error.to_string())?;
    let unit = u64::from(disk_block(inspection, disk));
    let block = u64::from(array.descriptor.geometry.block_size);
    let inside = |member: &&MemberDescriptor| {
        let from = member.start.0.checked_mul(unit)?;
        let len = member.len.0.checked_mul(unit)?;
        byte.checked_sub(from).filter(|at| *at < len)
    };
    let cells = own.iter().filter_map(|member| {
        let at = inside(member)?;
        Some(cell(inspection, array, &layout, member, at / block))
    });
    Ok(cells.collect())
}

fn disk_block(inspection: &Inspection, disk: usize) -> u32 {
    inspection.discovery.disks.get(disk).map_or(0, |disk| disk.shape.block_size)
}

/// Block `block` of a member.
fn cell(
    inspection: &Inspection,
    array: &FoundArray,
    layout: &Layout<'_>,
    member: &MemberDescriptor,
    block: u64,
) -> Cell {
    let Place { set, slot } = member.place;
    let size = array.descriptor.size.0;
    let of = |data| layout.array_block(set, data).filter(|block| *block < size);
    let (role, of): (String, Vec<u64>) = match layout.role(slot, block) {
        Role::Data(data) => ("data".into(), of(data).into_iter().collect()),
        Role::Copy { of: data } => ("copy".into(), of(data).into_iter().collect()),
        Role::Parity(index) => {
            let data = layout.slots().iter().flat_map(|slot| match layout.role(slot, block) {
                Role::Data(data) => data..data.saturating_add(1),
                Role::Interleaved { first } => first..first.saturating_add(in_turn(layout)),
                _ => 0..0,
            });
            let mut data: Vec<u64> = data.filter_map(of).collect();
            data.sort_unstable();
            data.dedup();
            (parity(index), data)
        }
        Role::Interleaved { first } => {
            let data = first..first.saturating_add(in_turn(layout));
            ("interleaved".into(), data.filter_map(of).collect())
        }
        Role::HotSpace => ("spare".into(), Vec::new()),
        Role::Unused => ("unused".into(), Vec::new()),
    };
    let byte = |disk| {
        let start = member.start.0.checked_mul(u64::from(disk_block(inspection, disk)))?;
        start.checked_add(block.checked_mul(u64::from(layout.geometry().block_size))?)
    };
    let disk = member.disk.and_then(|disk| Some((disk, byte(disk)?)));
    Cell {
        array: array.descriptor.id,
        place: member.place,
        state: member.state,
        disk,
        row: block / strip(layout),
        block,
        role,
        of,
    }
}

/// Data blocks of a row that has their bytes in turn.
fn in_turn(layout: &Layout<'_>) -> u64 {
    let geometry = layout.geometry();
    u64::from(geometry.slots).saturating_sub(u64::from(geometry.parity_strips()))
}

/// `P`, `Q`, and a number from the third on.
pub(super) fn parity(index: u8) -> String {
    match index {
        0 => "P".to_owned(),
        1 => "Q".to_owned(),
        more => format!("P{more}"),
    }
}
