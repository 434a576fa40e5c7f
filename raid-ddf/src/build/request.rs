// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a new array can be made, before anything is edited; and how large it can be.

use super::codes::LevelCodes;
use super::extents::{first_fit, free_from, longest_free};
use super::{Controller, identity};
use crate::assemble::state::{join_sets, set_state};
use crate::finding::Fault;
use crate::geometry::{Writer, doubt, joined_size};
use crate::guid::Guid;
use crate::level::SecondaryLevel;
use crate::structure::ConfigurationRecord;
use crate::update::spread::free_slot;
use crate::update::survey::{Live, Survey, invalid};
use crate::virtual_disk_records::VirtualDiskEntry;
use raid_core::array::{ArrayState, Geometry, Level, Place, Secondary};
use raid_core::layout::{GeometryError, Layout};
use raid_core::metadata::{ArrayRequest, ChangeError, DiskBuffer, Stamp};
use raid_core::units::{Blocks, Lba, Slot};

/// Longest name, in bytes.
pub(super) const MAX_NAME: usize = 16;

/// What was found sound before anything is edited.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) survey: Survey,
    pub(super) codes: LevelCodes,
    pub(super) guid: Guid,
    /// Free entry of the virtual disk records.
    pub(super) entry: usize,
    pub(super) size: Blocks,
    /// Members of a set.
    pub(super) slots: usize,
}

impl Plan {
    /// # Errors
    /// Why the request cannot be fulfilled.
    pub(super) fn of(
        disks: &[DiskBuffer<'_, '_>],
        request: &ArrayRequest<'_>,
        stamp: Stamp,
    ) -> Result<Self, ChangeError> {
        let live = Live(disks);
        let geometry = &request.geometry;
        let survey = survey(&live, request)?;
        let codes = codes(&survey, request)?;
        let size = size(&survey, request)?;
        for (position, disk) in present(request) {
            check_extent(&live, &survey, request, position, disk)?;
        }
        let full = invalid("virtual disk records, all used", 0, 1);
        let records = survey.virtual_disks(&live).ok_or(full)?;
        let unused = |entry: &VirtualDiskEntry| entry.vd_guid.is_unused();
        let entry = records.all(survey.order).iter().position(unused).ok_or(full)?;
        // One more candidate than there are entries: one of them is not taken.
        let created = |salt| identity::created(&Controller::OWN, survey.order, stamp, salt);
        let mut guids = (1..=64).map(created);
        // Neither the GUID of another volume, nor one that dmraid takes for it.
        let taken = |guid: &Guid| {
            records.find(survey.order, guid).is_some()
                || records.used(survey.order).any(|(_, e)| e.vd_guid.is_alike_for_dmraid(guid))
        };
        let free = |guid: &Guid| !taken(guid);
        let guid = guids.find(free).or_else(|| {
            // A volume of the same second with which all others clash: the next second that is free.
            (1..=u64::from(u16::MAX)).find_map(|later| {
                let unix_seconds = stamp.unix_seconds.saturating_add(later);
                let stamp = Stamp { unix_seconds, ..stamp };
                let guid = identity::created(&Controller::OWN, survey.order, stamp, 1);
                Some(guid).filter(free)
            })
        });
        let guid = guid.ok_or(full)?;
        Ok(Self { survey, codes, guid, entry, size, slots: usize::from(geometry.slots) })
    }
}

/// The largest size of each member with which the request would be accepted.
pub(crate) fn largest_member(
    disks: &[DiskBuffer<'_, '_>],
    request: &ArrayRequest<'_>,
) -> Result<Blocks, ChangeError> {
    if !request.set_blocks.is_empty() {
        return Err(ChangeError::Unsupported("the largest of several sizes"));
    }
    let live = Live(disks);
    let survey = survey(&live, request)?;
    let free = present(request).map(|(position, disk)| match request.starts.get(position) {
        Some(start) => free_from(&live, &survey, disk, *start).unwrap_or(Blocks(0)),
        None => longest_free(&live, &survey, disk),
    });
    let most = free.min().unwrap_or(Blocks(0));
    // What is left of a strip is of no use.
    let rest = most.0.checked_rem(request.geometry.strip.0).unwrap_or(0);
    let member_blocks = Blocks(most.0.saturating_sub(rest));
    let geometry = Geometry { member_blocks, ..request.geometry };
    Plan::of(disks, &ArrayRequest { geometry, ..*request }, Stamp { unix_seconds: 0, random: 0 })?;
    Ok(member_blocks)
}

/// The disks of a request with their positions, places that are left empty passed over.
pub(super) fn present(request: &ArrayRequest<'_>) -> impl Iterator<Item = (usize, usize)> {
    request.disks.iter().enumerate().filter_map(|(position, disk)| Some((position, (*disk)?)))
}

/// Checks all that does not depend on sizes, and finds the configuration.
fn survey(live: &Live<'_, '_>, request: &ArrayRequest<'_>) -> Result<Survey, ChangeError> {
    let geometry = &request.geometry;
    let slots = usize::from(geometry.slots);
    let wanted = slots.saturating_mul(usize::from(geometry.sets));
    if request.disks.len() != wanted || wanted == 0 {
        return Err(invalid("number of disks", request.disks.len(), wanted));
    }
    if !request.starts.is_empty() && request.starts.len() != wanted {
        return Err(invalid("number of start blocks", request.starts.len(), wanted));
    }
    check_sets(request)?;
    if request.name.as_bytes().len() > MAX_NAME {
        return Err(invalid("bytes of the name", request.name.as_bytes().len(), MAX_NAME));
    }
    check_worth(request, slots)?;
    let first = present(request).next().map_or(0, |(_, disk)| disk);
    let survey = Survey::of_disk(live, first)?;
    let most = survey.element_slots(live);
    if slots > most {
        return Err(invalid("members of a set", slots, most));
    }
    for (position, disk) in present(request) {
        if request.disks.iter().take(position).any(|earlier| *earlier == Some(disk)) {
            return Err(ChangeError::Disk { disk, what: "named twice" });
        }
        check_member(live, &survey, disk)?;
    }
    Ok(survey)
}

/// Refuses sizes of sets that the secondary level has no room for.
fn check_sets(request: &ArrayRequest<'_>) -> Result<(), ChangeError> {
    let (found, sets) = (request.set_blocks.len(), usize::from(request.geometry.sets));
    if found > 0 && found != sets {
        return Err(invalid("number of sizes of sets", found, sets));
    }
    match request.geometry.secondary {
        Secondary::Spanned | Secondary::Concatenated => Ok(()),
        _ if !is_uneven(request) => Ok(()),
        _ => Err(ChangeError::Unsupported("unequal sets neither spanned nor concatenated")),
    }
}

/// Whether sets are of unequal sizes.
fn is_uneven(request: &ArrayRequest<'_>) -> bool {
    request.set_blocks.iter().any(|size| Some(size) != request.set_blocks.first())
}

/// Refuses places left empty where the data would have no place, or the set no record.
fn check_worth(request: &ArrayRequest<'_>, slots: usize) -> Result<(), ChangeError> {
    let sets = || request.disks.chunks(slots.max(1));
    if let Some(set) = sets().position(|set| set.iter().all(Option::is_none)) {
        let set = u16::try_from(set).unwrap_or(u16::MAX);
        return Err(ChangeError::NoSuchPlace(Place { set, slot: Slot(0) }));
    }
    let worth = sets().map(|set| {
        let filled = set.iter().zip(0..=u8::MAX).filter(|(disk, _)| disk.is_some());
        set_state(&request.geometry, filled.map(|(_, slot)| Slot(slot)).collect())
    });
    let short = request.disks.iter().any(Option::is_none);
    if short && join_sets(request.geometry.secondary, worth) == ArrayState::Failed {
        let left = request.disks.iter().flatten().count();
        return Err(invalid("disks, too few for the level", left, request.disks.len()));
    }
    Ok(())
}

fn check_member(live: &Live<'_, '_>, survey: &Survey, disk: usize) -> Result<(), ChangeError> {
    let refuse = |what| Err(ChangeError::Disk { disk, what });
    let Some((_, copies, structure)) = survey.member(live, disk) else {
        return refuse("not a live disk of the configuration");
    };
    let entry = survey.reference(live, disk);
    let entry = entry.and_then(|own| survey.physical_disks(live)?.find(survey.order, own));
    let Some(entry) = entry else { return refuse("not listed by the physical disk records") };
    if !entry.pd_state(survey.order).is_usable() {
        return refuse("failed, missing or being filled");
    }
    let spare = |record| matches!(record, ConfigurationRecord::Spare(_));
    if structure.records().any(|slot| spare(slot.record)) {
        return refuse("a spare");
    }
    let most = usize::from(copies.header.max_partitions.get(survey.order));
    if structure.volumes().count() >= most || free_slot(&structure).is_none() {
        return refuse("no room for another configuration record");
    }
    Ok(())
}

fn codes(survey: &Survey, request: &ArrayRequest<'_>) -> Result<LevelCodes, ChangeError> {
    let geometry = &request.geometry;
    let writer = Writer::of(&survey.guid);
    let mut codes = LevelCodes::of(geometry, writer)?;
    if geometry.secondary == Secondary::Spanned && is_uneven(request) {
        codes.secondary = SecondaryLevel::Spanned.to_byte();
    }
    let revision = survey.copies.header.revision();
    if codes.needs_2_0 && revision.major() == Some(1) {
        return Err(ChangeError::Unsupported("a level of DDF 2.0 in a configuration of 1.x"));
    }
    match doubt(writer, geometry) {
        Some(Fault::Unverified) if !request.unverified => Err(ChangeError::Unsupported(
            "codes whose mapping no reference confirms, without the caller's word",
        )),
        Some(Fault::OneUnconfirmed) if !request.unverified => Err(ChangeError::Unsupported(
            "codes whose mapping one implementation alone confirms, without the caller's word",
        )),
        _ => Ok(codes),
    }
}

/// Checks the shape, and gives the size of the array.
fn size(survey: &Survey, request: &ArrayRequest<'_>) -> Result<Blocks, ChangeError> {
    let geometry = &request.geometry;
    let refuse = |what, found, expected| Err(ChangeError::Invalid { what, found, expected });
    if geometry.block_size != survey.block_size {
        let (found, expected) = (geometry.block_size, survey.block_size);
        return refuse("bytes of a block", found.into(), expected.into());
    }
    if geometry.sets > u16::from(u8::MAX) {
        return refuse("sets", geometry.sets.into(), u8::MAX.into());
    }
    if geometry.strip.0 > 0 && !geometry.strip.0.is_power_of_two() {
        let next = geometry.strip.0.checked_next_power_of_two().unwrap_or(0);
        return refuse("blocks of a strip: a power of two", geometry.strip.0, next);
    }
    if geometry.level == Level::Raid1 && geometry.slots < 2 {
        return refuse("members of a mirror", geometry.slots.into(), 2);
    }
    if geometry.level == Level::Raid3 {
        return size_of_raid3(geometry);
    }
    let sets = 0..usize::from(geometry.sets);
    let each = sets.map(|set| Some(request.member_blocks(set)));
    let least = geometry.strip.max(Blocks(1));
    if let Some(size) = request.set_blocks.iter().find(|size| **size < least) {
        return refuse("blocks of each member", size.0, least.0);
    }
    let size = match request.set_blocks {
        [] => Layout::new(geometry).map(|layout| Some(layout.size())),
        _ => joined_size(geometry, each),
    };
    match size {
        Ok(size) => Ok(size.unwrap_or_default()),
        Err(GeometryError::MemberTooSmall { found, expected }) => {
            refuse("blocks of each member", found, expected)
        }
        Err(GeometryError::Slots { found, least, most }) => {
            let limit = if found < least { least } else { most };
            refuse("members of a set", found.into(), limit.into())
        }
        Err(GeometryError::NoStrip) => refuse("blocks of a strip", 0, 1),
        Err(_) => Err(ChangeError::Unsupported("a geometry that gives no addresses")),
    }
}

/// How its bytes are spread is not known; how many there are is.
fn size_of_raid3(geometry: &Geometry) -> Result<Blocks, ChangeError> {
    if geometry.sets > 1 {
        return Err(ChangeError::Unsupported("RAID-3 under a secondary level"));
    }
    let data = u64::from(geometry.slots).saturating_sub(1);
    let size = geometry.member_blocks.0.checked_mul(data).filter(|size| *size > 0);
    size.map(Blocks).ok_or(ChangeError::Invalid {
        what: "members of a set",
        found: geometry.slots.into(),
        expected: 2,
    })
}

/// Whether the member at `position` finds its extent.
fn check_extent(
    live: &Live<'_, '_>,
    survey: &Survey,
    request: &ArrayRequest<'_>,
    position: usize,
    disk: usize,
) -> Result<(), ChangeError> {
    let what = if request.starts.is_empty() {
        "no room for another extent of this size"
    } else {
        "no room for an extent of this size at this block"
    };
    let start = start(live, survey, request, position, disk);
    start.map(|_| ()).ok_or(ChangeError::Disk { disk, what })
}

/// Where the extent of the member at `position` begins; `None`: there is no room.
pub(super) fn start(
    live: &Live<'_, '_>,
    survey: &Survey,
    request: &ArrayRequest<'_>,
    position: usize,
    disk: usize,
) -> Option<Lba> {
    let slots = usize::from(request.geometry.slots);
    let len = request.member_blocks(position.checked_div(slots).unwrap_or(0));
    match request.starts.get(position) {
        None => first_fit(live, survey, disk, len),
        Some(start) => {
            free_from(live, survey, disk, *start).filter(|free| *free >= len).map(|_| *start)
        }
    }
}
