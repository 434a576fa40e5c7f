// SPDX-License-Identifier: MIT OR Apache-2.0
//! A spare takes the place of a member that failed.
//!
//! The line of the place names the spare from now on, and the spare carries the array's table. The
//! line keeps the address of the disk it named before: readers that sort members by address must
//! find the same order (`asr.md` 3.3).

use super::spread::spread;
use super::survey::Survey;
use crate::assemble::disk::{Standing, standing};
use crate::locate::{Located, locate};
use crate::set_line::Health;
use crate::update::run_time;
use crate::{DiskLineState, MemberOrder, Worth};
use raid_core::array::{ArrayId, Place};
use raid_core::metadata::{ChangeError, DiskBuffer, Disks, LiveDisks, Operation, Progress, Stamp};
use raid_core::units::SlotSet;

/// Puts a spare into a place whose member failed.
pub(crate) fn activate(
    disks: &mut [DiskBuffer<'_, '_>],
    array: ArrayId,
    place: Place,
    spare: usize,
    order: MemberOrder,
    stamp: Stamp,
) -> Result<(), ChangeError> {
    let survey = Survey::ordered(disks, array, order)?;
    let nowhere = ChangeError::NoSuchPlace(place);
    let lines = survey.set(&LiveDisks(disks), place.set).ok_or(nowhere)?;
    let index = lines.slot(place.slot.index()).ok_or(nowhere)?;
    let line = survey.line(disks, index).ok_or(nowhere)?;
    if line.disk_state().worth() == Worth::Holds {
        let what = "slot whose member has not failed";
        return Err(ChangeError::Invalid { what, found: place.slot.0.into(), expected: 0 });
    }
    let blocks = u64::from(line.lcapcty.get());
    let drivemagic = check_spare(disks, &survey, spare, blocks)?;
    let before = run_time::state(&LiveDisks(disks), array, place.set, order).ok_or(nowhere)?;
    survey.edit_line(disks, index, |line| {
        line.raidmagic = drivemagic.into();
        line.raidstate = DiskLineState::Rebuilding.raw();
        line.lsu = 0.into();
        line.block_storage_tid = 0.into();
        line.bios_info = 0.into();
    });
    // What was done for another disk is not done for this one.
    let mut state = before;
    state.failed.remove(place.slot);
    state.rebuilding.insert(place.slot);
    state.progress = Some(Progress::start(Operation::Rebuild { targets: SlotSet::of(place.slot) }));
    let slots = SlotSet::first(lines.count());
    survey.edit_line(disks, lines.line, |line| {
        let redundant = line.raid_type() == crate::RaidType::Raid1 && lines.count() > 1;
        Health { redundant, slots }.store(&state, line);
    });
    run_time::join(disks, &survey);
    survey.edit_table(disks, |table| {
        if table.header.sparedrivemagic.get() == drivemagic {
            table.header.sparedrivemagic = 0.into();
            table.header.spareid = 0;
        }
    });
    spread(disks, &survey, true, stamp);
    Ok(())
}

/// The identity of a spare that may serve the array.
fn check_spare(
    disks: &[DiskBuffer<'_, '_>],
    survey: &Survey,
    spare: usize,
    blocks: u64,
) -> Result<u32, ChangeError> {
    let refuse = |what| ChangeError::Disk { disk: spare, what };
    let live = LiveDisks(disks);
    let Some(Located::Found(found)) = live.disk(spare).map(locate) else {
        return Err(refuse("not a live disk of this format"));
    };
    let Standing::Spare { line, for_array, .. } = standing(spare, &found) else {
        return Err(refuse("not a spare"));
    };
    if line.disk_state().worth() != Worth::Holds {
        return Err(refuse("a spare that is not usable"));
    }
    if for_array.is_some_and(|array| array != survey.raidmagic) {
        return Err(refuse("a spare of another array"));
    }
    let (Ok(copy), Some(drivemagic)) = (found.table, found.identity.drivemagic()) else {
        return Err(refuse("no table, or no identity"));
    };
    if copy.at.0 < blocks {
        return Err(refuse("smaller than the member it would replace"));
    }
    let member = survey.member(&live);
    if member.is_some_and(|m| m.tree.disks().any(|(_, l)| l.raidmagic.get() == drivemagic)) {
        return Err(refuse("a member of the array already"));
    }
    if crate::assemble::disk::holders(&live, drivemagic).count() > 1 {
        return Err(refuse("another live disk carries the same identity"));
    }
    Ok(drivemagic)
}
