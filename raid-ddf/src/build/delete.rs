// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arrays, disks and whole configurations are taken away.
//!
//! Entries of the shared tables stay dense: readers exist that look at the first entries only
//! (`ddf.md` 2.4). The last entry moves into the hole; nothing goes by its place in the table.

use super::spare::{SPARES, dissociate};
use crate::guid::Guid;
use crate::header::Section;
use crate::integer::U16;
use crate::physical_disk_records::{PdState, PdType, PhysicalDiskRecords};
use crate::record::Record;
use crate::spare_assignment::{SpareAssignment, SpareAssignmentEntry};
use crate::structure::ConfigurationRecord;
use crate::update::rosters;
use crate::update::run_time::edit_disk;
use crate::update::spread::{clear_slot, edit_newest, edit_slot, spread};
use crate::update::survey::{Live, Survey};
use crate::virtual_disk_records::VirtualDiskRecords;
use raid_core::array::{ArrayId, MemberId};
use raid_core::metadata::{ChangeError, DiskBuffer, Stamp};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Takes an array out of the configuration.
// Not inlined: the changes of `Admin::apply` would share one frame, as large as theirs together.
#[inline(never)]
pub(crate) fn array(
    disks: &mut [DiskBuffer<'_, '_>],
    array: ArrayId,
    stamp: Stamp,
) -> Result<(), ChangeError> {
    let guid = Guid::from(array);
    let survey = Survey::of_array(&Live(disks), guid)?;
    let begun = rosters::begin(disks, &survey, Guid::UNUSED)?;
    free_members(disks, &survey, guid);
    for disk in 0..disks.len() {
        clear_records(disks, &survey, disk, Some(&guid));
        forget_in_assignment(disks, &survey, disk, &guid);
    }
    edit_newest(disks, &survey, Section::VirtualDiskRecords, |records: &mut VirtualDiskRecords| {
        let of = |entry: &crate::virtual_disk_records::VirtualDiskEntry| entry.vd_guid;
        let count = take_out(&mut records.entries, of, &guid);
        records.populated_vdes = U16::new(survey.order, count);
    });
    spread(disks, &survey, &begun, stamp);
    Ok(())
}

/// Deletes all arrays and spares.
// Not inlined: the changes of `Admin::apply` would share one frame, as large as theirs together.
#[inline(never)]
pub(crate) fn configuration(
    disks: &mut [DiskBuffer<'_, '_>],
    configuration: ArrayId,
    stamp: Stamp,
) -> Result<(), ChangeError> {
    let survey = Survey::of_configuration(&Live(disks), configuration)?;
    let begun = rosters::begin(disks, &survey, Guid::UNUSED)?;
    for disk in 0..disks.len() {
        clear_records(disks, &survey, disk, None);
    }
    let order = survey.order;
    edit_newest(disks, &survey, Section::VirtualDiskRecords, |records: &mut VirtualDiskRecords| {
        records.entries.as_mut_bytes().fill(0xFF);
        records.populated_vdes = U16::new(order, 0);
    });
    edit_newest(disks, &survey, Section::PhysicalDiskRecords, |all: &mut PhysicalDiskRecords| {
        for entry in all.entries.iter_mut().filter(|entry| !entry.pd_guid.is_unused()) {
            let pd_type = entry.pd_type(order).difference(SPARES | PdType::PARTICIPATING);
            entry.set_pd_type(order, pd_type);
            entry.set_pd_state(order, entry.pd_state(order).difference(PdState::REBUILDING));
        }
    });
    spread(disks, &survey, &begun, stamp);
    Ok(())
}

/// Takes a disk that no array names out of the configuration.
// Not inlined: the changes of `Admin::apply` would share one frame, as large as theirs together.
#[inline(never)]
pub(crate) fn disk(
    disks: &mut [DiskBuffer<'_, '_>],
    disk: MemberId,
    stamp: Stamp,
) -> Result<(), ChangeError> {
    let live = Live(disks);
    let guid = Guid::from(disk);
    let survey = Survey::listing(&live, &guid)?;
    let reference = survey.reference_of(&live, &guid);
    let at_hand = reference
        .and_then(|own| (0..disks.len()).find(|disk| survey.reference(&live, *disk) == Some(own)));
    let refuse = |what| {
        let disk = at_hand.unwrap_or(disks.len());
        Err(ChangeError::Disk { disk, what })
    };
    if reference.is_some_and(|reference| survey.names(&live, reference, None)) {
        return refuse("a member of an array");
    }
    if survey.physical_disks(&live).is_none_or(|all| all.used(survey.order).count() < 2) {
        return refuse("the last disk of its configuration");
    }
    let begun = rosters::begin(disks, &survey, Guid::UNUSED)?;
    if let Some(reference) = reference {
        dissociate(disks, &survey, reference, None, stamp);
    }
    edit_newest(disks, &survey, Section::PhysicalDiskRecords, |all: &mut PhysicalDiskRecords| {
        let of = |entry: &crate::physical_disk_records::PhysicalDiskEntry| entry.pd_guid;
        let count = take_out(&mut all.entries, of, &guid);
        all.populated_pdes = U16::new(survey.order, count);
    });
    spread(disks, &survey, &begun, stamp);
    Ok(())
}

/// Members that only this array names take part in none.
fn free_members(disks: &mut [DiskBuffer<'_, '_>], survey: &Survey, guid: Guid) {
    let order = survey.order;
    let count = survey.physical_disks(&Live(disks)).map_or(0, |all| all.entries.len());
    for index in 0..count {
        let live = Live(disks);
        let entry = survey.physical_disks(&live).and_then(|all| all.entries.get(index));
        let Some(entry) = entry.filter(|entry| !entry.pd_guid.is_unused()) else { continue };
        let reference = entry.pd_reference.get(order);
        if !survey.names(&live, reference, None) || survey.names(&live, reference, Some(guid)) {
            continue;
        }
        edit_disk(disks, survey, reference, |entry| {
            entry.set_pd_type(order, entry.pd_type(order).difference(PdType::PARTICIPATING));
            entry.set_pd_state(order, entry.pd_state(order).difference(PdState::REBUILDING));
        });
    }
}

/// Makes the slots of `disk` unused that hold records of array `of`; of any array, and spare
/// assignments too, if there is none.
fn clear_records(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    disk: usize,
    of: Option<&Guid>,
) {
    for slot in 0..survey.slots(&Live(disks), disk) {
        let live = Live(disks);
        let Some((_, _, structure)) = survey.member(&live, disk) else { return };
        let wanted = |guid: &Guid| of.is_none_or(|of| of == guid);
        let concerned = structure.records().nth(slot).is_some_and(|slot| match slot.record {
            ConfigurationRecord::VirtualDisk(record) => wanted(&record.vd_guid),
            ConfigurationRecord::VendorUnique(record) => wanted(&record.vd_guid),
            ConfigurationRecord::Spare(_) => of.is_none(),
            _ => false,
        });
        if concerned {
            clear_slot(disks, survey, disk, slot);
        }
    }
}

/// A spare of an array that is no more serves the others of its list. One that served no other stays
/// dedicated, to nothing.
fn forget_in_assignment(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    disk: usize,
    guid: &Guid,
) {
    let order = survey.order;
    let live = Live(disks);
    let Some((slot, record)) = survey.assignment(&live, disk) else { return };
    if !record.used(order).any(|entry| entry.vd_guid == *guid) {
        return;
    }
    edit_slot(disks, survey, disk, slot, |bytes| {
        let Some(record) = SpareAssignment::view_mut(bytes) else { return };
        let mut count = record.entries.len();
        while record.entries.iter().any(|entry| entry.vd_guid == *guid) && count > 0 {
            let left =
                take_out(&mut record.entries, |entry: &SpareAssignmentEntry| entry.vd_guid, guid);
            record.populated_saes = U16::new(order, left);
            count = count.saturating_sub(1);
        }
    });
}

/// Takes the entry of `guid` out of a table and moves the last used one into its place. Returns how
/// many are used.
fn take_out<T: Copy + IntoBytes + FromBytes + Immutable>(
    entries: &mut [T],
    of: impl Fn(&T) -> Guid,
    guid: &Guid,
) -> u16 {
    let used = |entry: &T| !of(entry).is_unused();
    let last = entries.iter().rposition(used);
    let hole = entries.iter().position(|entry| of(entry) == *guid);
    if let (Some(hole), Some(last)) = (hole, last) {
        let moved = entries.get(last).copied();
        if let (Some(moved), Some(hole)) = (moved, entries.get_mut(hole)) {
            *hole = moved;
        }
        if let Some(entry) = entries.get_mut(last) {
            entry.as_mut_bytes().fill(0xFF);
        }
    }
    u16::try_from(entries.iter().filter(|entry| used(entry)).count()).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integer::ByteOrder;

    #[test]
    fn the_last_entry_moves_into_the_hole() {
        let entry = |byte| SpareAssignmentEntry {
            vd_guid: Guid([byte; 24]),
            secondary_element: U16::new(ByteOrder::Big, byte.into()),
            reserved_26: [byte; 6],
        };
        let of = |entry: &SpareAssignmentEntry| entry.vd_guid;
        let unused = entry(0xFF);
        let mut table = [entry(1), entry(2), entry(3), unused];
        table[3].secondary_element = U16::ALL_ONES;
        assert_eq!(take_out(&mut table, of, &Guid([1; 24])), 2);
        assert_eq!(table.map(|e| e.vd_guid.0[0]), [3, 2, 0xFF, 0xFF]);
        assert_eq!(table[0].reserved_26, [3; 6]);
        assert_eq!(take_out(&mut table, of, &Guid([2; 24])), 1);
        assert_eq!(take_out(&mut table, of, &Guid([9; 24])), 1);
        assert_eq!(take_out(&mut table, of, &Guid([3; 24])), 0);
        assert!(table.iter().all(|e| e.as_bytes() == [0xFF; 32]));
    }
}
