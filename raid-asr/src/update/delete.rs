// SPDX-License-Identifier: MIT OR Apache-2.0
//! Taking an array away.
//!
//! Each of its disks gets an empty table whose header still names the array: a note that it was
//! deleted. While one disk has that note, copies on others that the deletion did not reach are no
//! array any more (`asr.md` knows no such note; to readers of the format the disk is in no array).

use super::survey::{Survey, timestamp_after};
use crate::assemble::disk::{Standing, standing};
use crate::assemble::{array_id, members_of};
use crate::build::{empty_table, spare, table_mut};
use crate::locate::{Located, locate};
use crate::update::survey::raidmagic_of;
use raid_core::array::ArrayId;
use raid_core::metadata::{ChangeError, DiskBuffer, Disks, LiveDisks, Stamp};

/// Deletes an array on the live disks.
// Not inlined: the changes of `Admin::apply` would share one frame, as large as theirs together.
#[inline(never)]
pub(crate) fn array(
    disks: &mut [DiskBuffer<'_, '_>],
    array: ArrayId,
    stamp: Stamp,
) -> Result<(), ChangeError> {
    let survey = Survey::of(disks, array)?;
    let before = survey.header(disks).map_or(0, |header| header.timestamp.get());
    let timestamp = timestamp_after(before, stamp);
    for index in 0..disks.len() {
        let live = LiveDisks(disks);
        let own = crate::assemble::member_at(&live, index)
            .filter(|member| member.array() == survey.raidmagic)
            .map(|member| member.table_at);
        let Some(at) = own.or_else(|| survey.table_on(&live, index)) else { continue };
        if index != survey.newest {
            note_deletion(disks, index, at, survey.raidmagic, timestamp);
        }
    }
    // Last: the others are found by its lines.
    note_deletion(disks, survey.newest, survey.at, survey.raidmagic, timestamp);
    Ok(())
}

fn note_deletion(
    disks: &mut [DiskBuffer<'_, '_>],
    index: usize,
    at: raid_core::units::Lba,
    raidmagic: u32,
    timestamp: u32,
) {
    let Some(disk) = disks.get_mut(index) else { return };
    empty_table(disk, at);
    if let Some(table) = table_mut(disk, at) {
        table.header.raidmagic = raidmagic.into();
        table.header.timestamp = timestamp.into();
    }
}

/// Deletes an array with its spares, or all spares that serve any array.
// Not inlined: the changes of `Admin::apply` would share one frame, as large as theirs together.
#[inline(never)]
pub(crate) fn configuration(
    disks: &mut [DiskBuffer<'_, '_>],
    configuration: ArrayId,
    stamp: Stamp,
) -> Result<(), ChangeError> {
    let live = LiveDisks(disks);
    let serves = match raidmagic_of(configuration) {
        Some(raidmagic) => Some(raidmagic),
        None if configuration == ArrayId::ANY => None,
        None => return Err(ChangeError::NoSuchArray(configuration)),
    };
    let has_array = serves.is_some_and(|magic| members_of(&live, magic).next().is_some());
    if has_array {
        // Refused before anything is changed, or not at all.
        array(disks, configuration, stamp)?;
    }
    let mut any = has_array;
    for index in 0..disks.len() {
        let live = LiveDisks(disks);
        let Some(Located::Found(found)) = live.disk(index).map(locate) else { continue };
        match standing(index, &found) {
            Standing::Spare { for_array, .. } if for_array == serves => {
                spare::release(disks, index, stamp)?;
                any = true;
            }
            Standing::Unused if configuration == array_id(0) => any = true,
            _ => {}
        }
    }
    if any { Ok(()) } else { Err(ChangeError::NoSuchArray(configuration)) }
}
