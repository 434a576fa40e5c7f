// SPDX-License-Identifier: MIT OR Apache-2.0
//! Spares: a table of two lines on the spare alone, as dmraid writes and expects it (`asr.md` 3.7).
//!
//! | | header's `raidmagic` | members' headers |
//! |---|---|---|
//! | global | all ones | – |
//! | of one array (unverified in practice) | the array's | `spareid`, `sparedrivemagic` |

use super::{check_room, empty_table, invalid, is_blank, last_block, make_unused, table_mut};
use crate::assemble::array_id;
use crate::assemble::disk::{Standing, standing};
use crate::locate::{Located, locate};
use crate::update::spread::spread;
use crate::update::survey::{Survey, timestamp_after, unused_at};
use crate::{ConfigurationLine, LineName, RaidType, TableHeader, TreeLevel};
use raid_core::metadata::{ChangeError, DiskBuffer, Disks, LiveDisks, Served, SpareRequest, Stamp};
use raid_core::units::Lba;
use zerocopy::FromZeros;

/// Makes an unused or blank disk a spare.
// Not inlined: the changes of `Admin::apply` would share one frame, as large as theirs together.
#[inline(never)]
pub(crate) fn assign(
    disks: &mut [DiskBuffer<'_, '_>],
    request: &SpareRequest<'_>,
    stamp: Stamp,
) -> Result<(), ChangeError> {
    let index = request.disk;
    if request.revertible || request.same_enclosure {
        return Err(ChangeError::Unsupported("revertible spares, and spares of an enclosure"));
    }
    let array = match request.serves {
        [] => None,
        [Served { array, set: None }] => Some(Survey::of(disks, *array)?),
        _ => return Err(ChangeError::Unsupported("a spare of several arrays, or of one set")),
    };
    if let Some(survey) = &array {
        let known = survey.header(disks).map_or(0, |header| header.sparedrivemagic.get());
        if known != 0 && known != TableHeader::ANY_ARRAY {
            return Err(invalid("spares of one array: it has", known.into(), 0));
        }
    }
    let blank = disks.get(index).is_some_and(|disk| disk.live && is_blank(disk));
    if blank {
        make_unused(disks, index, stamp)?;
    }
    let at = unused(disks, index)?;
    let magic = match LiveDisks(disks).disk(index).map(locate) {
        Some(Located::Found(found)) => found.identity.drivemagic(),
        _ => None,
    };
    let Some(magic) = magic else { return Err(refuse(index, "has no identity")) };
    let serves = array.map_or(TableHeader::ANY_ARRAY, |survey| survey.raidmagic);
    write(disks, index, at, magic, serves, stamp);
    if let Some(survey) = array {
        survey.edit_table(disks, |table| {
            table.header.sparedrivemagic = magic.into();
            table.header.spareid = SPARE_ID;
        });
        spread(disks, &survey, true, stamp);
    }
    Ok(())
}

/// The spare's address in its own table.
const SPARE_ID: u8 = 0;

fn refuse(disk: usize, what: &'static str) -> ChangeError {
    ChangeError::Disk { disk, what }
}

fn unused(disks: &[DiskBuffer<'_, '_>], index: usize) -> Result<Lba, ChangeError> {
    check_room(disks, index)?;
    match LiveDisks(disks).disk(index).map(locate) {
        Some(Located::Found(found)) => match standing(index, &found) {
            Standing::Unused => unused_at(&found).ok_or(refuse(index, "no empty table")),
            Standing::Spare { .. } => Err(refuse(index, "a spare already")),
            Standing::Member(_) => Err(refuse(index, "a member of an array")),
            _ => Err(refuse(index, "its table is damaged, or does not name it")),
        },
        _ => Err(refuse(index, "does not carry the format")),
    }
}

fn write(
    disks: &mut [DiskBuffer<'_, '_>],
    index: usize,
    at: Lba,
    drivemagic: u32,
    serves: u32,
    stamp: Stamp,
) {
    let Some(disk) = disks.get_mut(index) else { return };
    let blocks = last_block(disk.shape).map_or(0, |last| last.0.saturating_add(1));
    let blocks = u32::try_from(blocks).unwrap_or(u32::MAX);
    let Some(table) = table_mut(disk, at) else { return };
    let line = |level: TreeLevel, raidmagic: u32, raidcnt: u16| ConfigurationLine {
        raidcnt: raidcnt.into(),
        raidseq: 1.into(),
        raidmagic: raidmagic.into(),
        raidlevel: level.raw(),
        raidtype: RaidType::Spare.raw(),
        raidid: u32::from(SPARE_ID).into(),
        lcapcty: blocks.into(),
        name: LineName([0; 16]),
        ..ConfigurationLine::new_zeroed()
    };
    let lines =
        [line(TreeLevel::Fwl, TableHeader::ANY_ARRAY, 1), line(TreeLevel::Fwp, drivemagic, 0)];
    table.lines.iter_mut().zip(lines).for_each(|(place, line)| *place = line);
    table.header.elmcnt = 2.into();
    table.header.raidmagic = serves.into();
    table.header.timestamp = timestamp_after(0, stamp).into();
    table.seal();
}

/// Makes a spare an unused disk.
// Not inlined: the changes of `Admin::apply` would share one frame, as large as theirs together.
#[inline(never)]
pub(crate) fn release(
    disks: &mut [DiskBuffer<'_, '_>],
    index: usize,
    stamp: Stamp,
) -> Result<(), ChangeError> {
    let live = LiveDisks(disks);
    let Some(Located::Found(found)) = live.disk(index).map(locate) else {
        return Err(refuse(index, "not a live disk of this format"));
    };
    let Standing::Spare { for_array, .. } = standing(index, &found) else {
        return Err(refuse(index, "not a spare"));
    };
    let (Ok(copy), drivemagic) = (found.table, found.identity.drivemagic()) else {
        return Err(refuse(index, "no table"));
    };
    let at = copy.at;
    let survey = for_array.and_then(|magic| Survey::of(disks, array_id(magic)).ok());
    if let Some(disk) = disks.get_mut(index) {
        empty_table(disk, at);
    }
    if let Some(survey) = survey
        && survey.header(disks).map(|header| header.sparedrivemagic.get()) == drivemagic
    {
        survey.edit_table(disks, |table| {
            table.header.sparedrivemagic = 0.into();
            table.header.spareid = 0;
        });
        spread(disks, &survey, true, stamp);
    }
    Ok(())
}
