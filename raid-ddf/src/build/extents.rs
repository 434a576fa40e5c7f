// SPDX-License-Identifier: MIT OR Apache-2.0
//! Room for arrays on a disk: the first run that no array has.
//!
//! What an array has is told by the disks that are written, and by one that is not where it speaks for that array:
//! it has failed in another one, and may be the only disk that knows.

use crate::assemble;
use crate::disk_bytes::Disks;
use crate::header::Section;
use crate::structure::ConfigurationRecord;
use crate::update::rosters;
use crate::update::survey::{All, Live, Survey, newer, opened, set_of};
use crate::vd_configuration::VdConfiguration;
use raid_core::units::{Blocks, Extent, Lba};

/// The first run of `len` blocks on disk `disk` that no array has; `None` if there is none.
pub(crate) fn first_fit(
    disks: &Live<'_, '_>,
    survey: &Survey,
    disk: usize,
    len: Blocks,
) -> Option<Lba> {
    gaps(disks, survey, disk).find(|gap| gap.len >= len).map(|gap| gap.start)
}

/// The free run of disk `disk` that block `at` lies in, from there on.
pub(crate) fn free_from(
    disks: &Live<'_, '_>,
    survey: &Survey,
    disk: usize,
    at: Lba,
) -> Option<Blocks> {
    gaps(disks, survey, disk).find_map(|gap| {
        let skipped = at.distance_from(gap.start)?;
        gap.len.0.checked_sub(skipped.0).filter(|left| *left > 0).map(Blocks)
    })
}

/// The longest free run of disk `disk`.
pub(crate) fn longest_free(disks: &Live<'_, '_>, survey: &Survey, disk: usize) -> Blocks {
    gaps(disks, survey, disk).map(|gap| gap.len).max().unwrap_or(Blocks(0))
}

/// The runs of disk `disk` that no array has, in ascending order.
fn gaps(disks: &Live<'_, '_>, survey: &Survey, disk: usize) -> impl Iterator<Item = Extent> {
    let (space, all) = (space(disks, survey, disk), All(disks.0));
    let mut from = 0;
    core::iter::from_fn(move || {
        let (reference, size, limit) = space?;
        while from < limit {
            let taken = || {
                let written = taken(disks, survey, reference, size);
                written.chain(taken_beside((disks, &all), survey, reference, size))
            };
            let after = |extent: &Extent| extent.end().map_or(u64::MAX, |end| end.0);
            if let Some(here) = taken().find(|e| e.start.0 <= from && after(e) > from) {
                from = after(&here);
                continue;
            }
            let next = taken().map(|e| e.start.0).filter(|start| *start > from).min();
            let end = next.map_or(limit, |next| next.min(limit));
            let gap = Extent::new(from, end.saturating_sub(from));
            from = end;
            return Some(gap);
        }
        None
    })
}

/// The reference of disk `disk`, the size it was set up with, and where its reserve begins: at that
/// size, and never past what stands in the reserve.
fn space(disks: &dyn Disks, survey: &Survey, disk: usize) -> Option<(u32, u64, u64)> {
    let reference = survey.reference(disks, disk)?;
    let entry = survey.physical_disks(disks)?.find(survey.order, reference)?;
    let (_, copies, _) = survey.member(disks, disk)?;
    let size = entry.configured_size.get(survey.order);
    let parts = copies.copies().flat_map(|copy| {
        let sections = Section::ALL.into_iter().filter_map(move |s| copies.extent(copy, s));
        sections.map(|extent| extent.start).chain([copy])
    });
    Some((reference, size, parts.fold(size, |limit, part| limit.min(part.0))))
}

/// The extents that arrays have on the disk with this reference.
fn taken(
    disks: &dyn Disks,
    survey: &Survey,
    reference: u32,
    size: u64,
) -> impl Iterator<Item = Extent> {
    survey
        .records(disks)
        .filter(|(at, record)| {
            let newest = survey.record(disks, record.vd_guid, set_of(record));
            !newest.is_some_and(|newest| {
                newer(newest.sequence, at.sequence)
                    && rosters::agree(disks, survey, at.disk, record, newest)
            })
        })
        .filter_map(move |(_, record)| extent_on(disks, survey, record, reference, size))
        .filter(|extent| extent.len.0 > 0)
}

/// The extents that other arrays have there, by disks that are not written, where one of these speaks for the array.
fn taken_beside(
    (live, all): (&Live<'_, '_>, &All<'_, '_>),
    survey: &Survey,
    reference: u32,
    size: u64,
) -> impl Iterator<Item = Extent> {
    let is_live = |disk: usize| live.disk(disk).is_some();
    let beside = (0..live.count()).filter(move |disk| !is_live(*disk));
    let records = beside.flat_map(move |disk| {
        let own = opened(all, disk).filter(|disk| disk.configuration() == survey.guid);
        own.into_iter().flat_map(|disk| disk.structure().records())
    });
    records.filter_map(move |slot| {
        let ConfigurationRecord::VirtualDisk(record) = slot.record else { return None };
        let extent = extent_on(live, survey, record, reference, size)?;
        let speaks = || assemble::speaker(all, record.vd_guid).is_none_or(|disk| !is_live(disk));
        (record.vd_guid != survey.array && extent.len.0 > 0 && speaks()).then_some(extent)
    })
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
