// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a disk is as a whole: PD_State, apart from what belongs to single arrays.
//!
//! | condition | PD_State |
//! |---|---|
//! | failed | failed added, rebuilding taken away |
//! | missing | missing added; mdadm and graid add it to failed (`ddf.md` 2.4) |
//! | failure predicted | bit 4 |
//! | read errors | bit 5 |

use super::array_state::update_arrays;
use super::rosters;
use super::run_time::edit_disk;
use super::spread::spread;
use super::survey::{Live, Survey};
use crate::assemble::Assembly;
use crate::guid::Guid;
use crate::physical_disk_records::PdState;
use raid_core::array::MemberId;
use raid_core::metadata::{ChangeError, DiskBuffer, DiskCondition, DiskView, Stamp};

/// How a disk is, as the newest copy says.
pub(crate) fn condition(disks: &[DiskView<'_>], disk: MemberId) -> Option<DiskCondition> {
    let guid = Guid::from(disk);
    if guid.is_unused() {
        return None;
    }
    let mut scratch = [0; 512];
    let assembly = Assembly::new(&disks, &mut scratch, &mut |_| {});
    let found = assembly.configurations().find_map(|configuration| {
        let (records, order) =
            (configuration.newest().physical_disks()?, configuration.newest().order());
        let (_, entry) = records.used(order).find(|(_, entry)| entry.pd_guid == guid)?;
        Some(entry.pd_state(order))
    });
    found.map(|state| DiskCondition {
        failed: state.contains(PdState::FAILED),
        missing: state.contains(PdState::MISSING),
        failure_predicted: state.contains(PdState::PREDICTED_FAILURE),
        read_errors: state.contains(PdState::UNRECOVERED_ERRORS),
    })
}

/// Records how a disk is.
// Not inlined: the changes of `Admin::apply` would share one frame, as large as theirs together.
#[inline(never)]
pub(crate) fn set_condition(
    disks: &mut [DiskBuffer<'_, '_>],
    disk: MemberId,
    condition: DiskCondition,
    stamp: Stamp,
) -> Result<(), ChangeError> {
    let live = Live(disks);
    let survey = Survey::listing(&live, &Guid::from(disk))?;
    let order = survey.order;
    let nowhere = ChangeError::Disk { disk: disks.len(), what: "without a reference" };
    let reference = survey.reference_of(&live, &Guid::from(disk)).ok_or(nowhere)?;
    let entry = survey.physical_disks(&live).and_then(|all| all.find(order, reference));
    let old = entry.ok_or(nowhere)?.pd_state(order);
    let gone = PdState::FAILED | PdState::MISSING;
    let gives_up = condition.failed || condition.missing;
    if old.intersects(gone) && !gives_up && survey.names(&live, reference, None) {
        let disks = 0..disks.len();
        let index = disks.clone().find(|disk| survey.reference(&live, *disk) == Some(reference));
        let what = "a member that was given up: it comes back by a rebuild alone";
        return Err(ChangeError::Disk { disk: index.unwrap_or(disks.end), what });
    }
    let mut next = old;
    next.set(PdState::FAILED, condition.failed);
    next.set(PdState::MISSING, condition.missing);
    next.set(PdState::PREDICTED_FAILURE, condition.failure_predicted);
    next.set(PdState::UNRECOVERED_ERRORS, condition.read_errors);
    if gives_up {
        next.remove(PdState::REBUILDING);
    } else if old.intersects(gone) {
        next.insert(PdState::ONLINE);
        next.remove(PdState::TRANSITION);
    }
    let begun = rosters::begin(disks, &survey, Guid::UNUSED)?;
    if !old.intersects(gone) && gives_up {
        rosters::fail(disks, &survey, Guid::UNUSED, reference, next);
    }
    edit_disk(disks, &survey, reference, |entry| entry.set_pd_state(order, next));
    update_arrays(disks, &survey, Guid::UNUSED, None, |_| {});
    spread(disks, &survey, &begun, stamp);
    Ok(())
}
