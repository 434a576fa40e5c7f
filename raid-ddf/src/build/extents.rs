// SPDX-License-Identifier: MIT OR Apache-2.0
//! Room for arrays on a disk: the first run that no array has.

use crate::disk_bytes::Disks;
use crate::header::Section;
use crate::update::survey::{Survey, newer, set_of};
use crate::vd_configuration::VdConfiguration;
use raid_core::units::{Blocks, Extent, Lba};

/// The first run of `len` blocks on disk `disk` that no array has; `None` if there is none.
pub(crate) fn first_fit(
    disks: &dyn Disks,
    survey: &Survey,
    disk: usize,
    len: Blocks,
) -> Option<Lba> {
    let reference = survey.reference(disks, disk)?;
    let entry = survey.physical_disks(disks)?.find(survey.order, reference)?;
    let (_, copies, _) = survey.member(disks, disk)?;
    // Where the reserve begins: the size that was set, and never past what stands in the reserve.
    let size = entry.configured_size.get(survey.order);
    let parts = copies.copies().flat_map(|copy| {
        let sections = Section::ALL.into_iter().filter_map(move |s| copies.extent(copy, s));
        sections.map(|extent| extent.start).chain([copy])
    });
    let limit = parts.fold(size, |limit, part| limit.min(part.0));
    let mut start = Lba(0);
    loop {
        let wanted = Extent { start, len };
        if wanted.end()?.0 > limit {
            return None;
        }
        let taken = survey
            .records(disks)
            .filter(|(at, record)| {
                let newest = survey.record(disks, record.vd_guid, set_of(record));
                !newest.is_some_and(|newest| newer(newest.sequence, at.sequence))
            })
            .filter_map(|(_, record)| extent_on(disks, survey, record, reference, size))
            .find(|extent| extent.overlaps(wanted));
        match taken {
            Some(taken) => start = taken.end()?,
            None => return Some(start),
        }
    }
}

/// The extent that a record gives to the disk with this reference.
fn extent_on(
    disks: &dyn Disks,
    survey: &Survey,
    record: &VdConfiguration,
    reference: u32,
    size: u64,
) -> Option<Extent> {
    let index = survey.references(disks, record).position(|element| element == reference)?;
    let lists = record.elements(survey.element_slots(disks))?;
    let start = lists.starting_blocks.get(index)?.present(survey.order).unwrap_or(0);
    // Adaptec leaves the count open: then the array has the rest of the disk.
    let len = match record.block_count.get(survey.order) {
        0 => size.saturating_sub(start),
        count => count,
    };
    Some(Extent::new(start, len))
}
