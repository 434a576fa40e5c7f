// SPDX-License-Identifier: MIT OR Apache-2.0
//! Carries a change from the copy it was made in to every copy on every live disk.
//!
//! ```text
//!  newest disk, chosen copy ──global sections──▶ chosen copy of every live disk ──all──▶ its twin
//!  newest configuration record ──▶ same record, or a free slot, on every disk that it lists
//! ```
//!
//! This also heals what an interrupted update left behind: disks that had not been reached, copies
//! that were being written, a damaged anchor. The twin of a copy that differed is marked open in the buffer, so that
//! [`commit`](crate::commit) writes it before it touches the good one.

use super::copies::{Copies, block};
use super::rosters::{self, Begun};
use super::set_note;
use super::survey::{Live, RecordAt, Survey, newer, set_of};
use crate::crc::Seal;
use crate::disk_bytes::DiskBytes;
use crate::guid::Guid;
use crate::header::{DdfHeader, HeaderType, Section};
use crate::integer::U32;
use crate::level::PrimaryLevel;
use crate::locate::{CopyKind, anchor};
use crate::record::Record;
use crate::spare_assignment::SpareType;
use crate::structure::{ConfigurationRecord, Structure};
use crate::time::DdfTime;
use crate::vd_configuration::VdConfiguration;
use raid_core::metadata::{DiskBuffer, Stamp};
use raid_core::units::{Blocks, Extent};
use zerocopy::FromBytes;

/// Sections that carry one CRC each.
const SEALED: [Section; 5] = [
    Section::ControllerData,
    Section::PhysicalDiskRecords,
    Section::VirtualDiskRecords,
    Section::PhysicalDiskData,
    Section::BadBlockLog,
];

/// Open_Flag of a copy that is being written, or that is to be written before the other one.
pub(crate) const OPEN: u8 = 0x01;
/// Open_Flag of a copy that is complete.
pub(crate) const CLOSED: u8 = 0x00;

/// Brings every copy on every live disk to what the newest disk's chosen copy says, and counts the
/// change.
pub(crate) fn spread(disks: &mut [DiskBuffer<'_, '_>], survey: &Survey, _: &Begun, stamp: Stamp) {
    for disk in 0..disks.len() {
        refresh_records(disks, survey, disk);
    }
    for disk in 0..disks.len() {
        hand_out_records(disks, survey, disk);
    }
    survey.seal_newest(disks);
    for disk in 0..disks.len() {
        let Some(copies) = survey.member(&Live(disks), disk).map(|member| member.1) else {
            continue;
        };
        for section in Section::GLOBAL.into_iter().filter(|_| disk != survey.newest) {
            let from = survey.copies.extent(survey.copies.chosen, section);
            let to = copies.extent(copies.chosen, section);
            if let (Some(from), Some(to)) = (from, to) {
                let seal = section_seal(disks, &copies, disk, to);
                copy(disks, (survey.newest, from), (disk, to));
                store(disks, &copies, (disk, to), seal);
            }
        }
        count(disks, survey, &copies, disk, stamp);
        copy_to_twin(disks, &copies, disk);
        mend_anchor(disks, &copies, disk);
    }
}

/// A slot without a record.
pub(crate) fn free_slot(structure: &Structure<'_>) -> Option<usize> {
    let mut records = structure.records();
    records.find(|slot| matches!(slot.record, ConfigurationRecord::Unused)).map(|slot| slot.index)
}

/// Replaces the records on `disk` of which another disk has a newer one, and takes away those of
/// arrays that were deleted while this disk was not reached.
fn refresh_records(disks: &mut [DiskBuffer<'_, '_>], survey: &Survey, disk: usize) {
    for slot in 0..survey.slots(&Live(disks), disk) {
        let live = Live(disks);
        let Some(record) = survey.volume(&live, disk, slot) else { continue };
        let deleted = survey.is_apart(&live, disk) && !survey.lists(&live, record);
        if deleted || left_by_spare(&live, survey, disk, record) {
            clear_slot(disks, survey, disk, slot);
            continue;
        }
        let sequence = record.sequence_number.get(survey.order);
        let best = survey.record(&live, record.vd_guid, set_of(record));
        let best = best.filter(|best| {
            newer(best.sequence, sequence) && rosters::agree(&live, survey, disk, record, *best)
        });
        if let Some(best) = best {
            replace_record(disks, survey, best, (disk, slot));
        }
    }
}

/// Puts a record in the place of another one of its set.
pub(crate) fn replace_record(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    by: RecordAt,
    (disk, slot): (usize, usize),
) {
    let live = Live(disks);
    let Some(record) = survey.volume(&live, disk, slot) else { return };
    let (level, size) = (record.primary_raid_level, record.block_count);
    copy_record(disks, survey, by, (disk, slot));
    if PrimaryLevel::from_byte(level) == PrimaryLevel::Concat {
        // The one level whose members keep sizes of their own.
        edit_record(disks, survey, disk, slot, |record| record.block_count = size);
    }
}

/// Whether a record stands on a spare that gave back its place before: every disk has to know its
/// successor first.
fn left_by_spare(
    live: &Live<'_, '_>,
    survey: &Survey,
    disk: usize,
    record: &VdConfiguration,
) -> bool {
    let idle = survey.assignment(live, disk);
    let idle = idle.is_some_and(|(_, spare)| !spare.spare_type().contains(SpareType::ACTIVE));
    let newest = survey.record(live, record.vd_guid, set_of(record));
    let newest =
        newest.filter(|newest| newest.sequence == record.sequence_number.get(survey.order));
    let own = survey.reference(live, disk);
    let named = || survey.references(live, record).any(|element| Some(element) == own);
    survey.aligned && idle && newest.is_some() && !named()
}

/// Puts the records that stand on `disk` onto the disks they list and that lack them.
fn hand_out_records(disks: &mut [DiskBuffer<'_, '_>], survey: &Survey, disk: usize) {
    for slot in 0..survey.slots(&Live(disks), disk) {
        let live = Live(disks);
        let record = survey.volume(&live, disk, slot);
        let Some(record) = record.filter(|record| survey.lists(&live, record)) else { continue };
        let sequence = record.sequence_number.get(survey.order);
        for other in 0..disks.len() {
            if let Some(free) = lacks(disks, survey, (disk, slot), other) {
                copy_record(disks, survey, RecordAt { disk, slot, sequence }, (other, free));
            }
        }
    }
}

/// A free slot of disk `other` if it is listed by the record at `from` and lacks it. A record of another
/// array that says for itself who is in sync is that array's to hand out: what it says is not known there.
fn lacks(
    disks: &[DiskBuffer<'_, '_>],
    survey: &Survey,
    from: (usize, usize),
    other: usize,
) -> Option<usize> {
    let live = Live(disks);
    let record = survey.volume(&live, from.0, from.1)?;
    let own = survey.reference(&live, other)?;
    let mine =
        record.vd_guid == survey.array || rosters::read(&live, survey, from.0, record).is_none();
    let listed = mine && survey.references(&live, record).any(|reference| reference == own);
    let (_, _, structure) = survey.member(&live, other)?;
    let same =
        |held: &VdConfiguration| held.vd_guid == record.vd_guid && set_of(held) == set_of(record);
    let lacks = listed && !structure.volumes().any(same);
    lacks.then(|| free_slot(&structure)).flatten()
}

fn copy_record(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    from: RecordAt,
    to: (usize, usize),
) {
    let live = Live(disks);
    let place = |disk, slot| survey.member(&live, disk).and_then(|member| member.1.slot(slot));
    let (source, target) = (place(from.disk, from.slot), place(to.0, to.1));
    let seal = slot_seal(disks, survey, to.0, to.1);
    if let (Some(source), Some(target), Some((copies, seal))) = (source, target, seal) {
        copy(disks, (from.disk, source), (to.0, target));
        store(disks, &copies, (to.0, target), seal);
    }
}

/// How what comes into a slot of the copy that counts on `disk` is sealed.
fn slot_seal(
    disks: &[DiskBuffer<'_, '_>],
    survey: &Survey,
    disk: usize,
    slot: usize,
) -> Option<(Copies, Seal)> {
    let live = Live(disks);
    let (bytes, copies, structure) = survey.member(&live, disk)?;
    Some((copies, copies.slot_seal(&structure, bytes.shape().block_size, slot)))
}

/// How the section at `at` of `disk` is sealed.
fn section_seal(disks: &[DiskBuffer<'_, '_>], copies: &Copies, disk: usize, at: Extent) -> Seal {
    let bytes = disks.get(disk).map(DiskBytes::of_buffer);
    let section = bytes.and_then(|bytes| bytes.get(at)).unwrap_or_default();
    copies.section_seal(bytes.map_or(512, |bytes| bytes.shape().block_size), section)
}

/// Seals the record at `at`.
fn store(disks: &mut [DiskBuffer<'_, '_>], copies: &Copies, at: (usize, Extent), seal: Seal) {
    if let Some(bytes) = disks.get_mut(at.0).and_then(|disk| disk.get_mut(at.1)) {
        seal.store(copies.order, bytes);
    }
}

/// Edits the bytes of slot `slot` of the copy that counts on `disk`, and seals them the way they were.
pub(crate) fn edit_slot(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    disk: usize,
    slot: usize,
    edit: impl FnOnce(&mut [u8]),
) {
    let Some((copies, seal)) = slot_seal(disks, survey, disk, slot) else { return };
    let bytes = copies.slot(slot).and_then(|at| disks.get_mut(disk)?.get_mut(at));
    if let Some(bytes) = bytes {
        edit(bytes);
        seal.store(survey.order, bytes);
    }
}

/// Makes slot `slot` of the copy that counts on `disk` unused. Only the signature goes, as the
/// standard has it (`ddf.md` 1.3).
pub(crate) fn clear_slot(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    disk: usize,
    slot: usize,
) {
    edit_slot(disks, survey, disk, slot, |bytes| {
        if let Ok((signature, _)) = U32::mut_from_prefix(bytes) {
            *signature = U32::ALL_ONES;
        }
    });
}

/// Edits a configuration record of the copy that counts on `disk`, and seals it.
pub(crate) fn edit_record(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    disk: usize,
    slot: usize,
    edit: impl FnOnce(&mut VdConfiguration),
) {
    edit_slot(disks, survey, disk, slot, |bytes| {
        if let Some(record) = VdConfiguration::view_mut(bytes) {
            edit(record);
        }
    });
}

/// Edits the newest record of a set, which counts as a change of the record itself. [`spread`] gives
/// it to the other members.
pub(crate) fn change_record(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    (guid, set): (Guid, u16),
    stamp: Stamp,
    edit: impl FnOnce(&mut VdConfiguration),
) {
    let order = survey.order;
    let live = Live(disks);
    let Some(at) = survey.record(&live, guid, set) else { return };
    let note = survey.at(&live, at).map(|record| set_note::read(&live, survey, record));
    edit_record(disks, survey, at.disk, at.slot, |record| {
        let next = record.sequence_number.get(order).wrapping_add(1);
        record.sequence_number.set(order, next);
        // The time must not go back (`ddf.md` 2.6).
        let now = DdfTime::from_unix(stamp.unix_seconds).0;
        let before = record.timestamp.present(order).unwrap_or(0);
        record.timestamp.set(order, now.max(before));
        edit(record);
    });
    let live = Live(disks);
    let record = survey.at(&live, at).filter(|record| set_note::is_ours(record));
    let space =
        record.zip(note).map(|(record, note)| set_note::after_change(&live, survey, record, &note));
    if let Some(space) = space {
        edit_record(disks, survey, at.disk, at.slot, |record| {
            record.vendor_specific_scratch_space = space;
        });
    }
}

/// Edits a section of the newest disk's chosen copy. [`spread`] seals it.
pub(crate) fn edit_newest<T: Record + ?Sized>(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    section: Section,
    edit: impl FnOnce(&mut T),
) {
    let at = survey.copies.extent(survey.copies.chosen, section);
    let bytes = at.and_then(|at| disks.get_mut(survey.newest)?.get_mut(at));
    if let Some(record) = bytes.and_then(T::view_mut) {
        edit(record);
    }
}

/// Edits a section of the copy that counts on `disk`, of which each disk has its own, and seals it.
pub(crate) fn edit_own<T: Record + ?Sized>(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    disk: usize,
    section: Section,
    edit: impl FnOnce(&mut T),
) {
    let Some(copies) = survey.member(&Live(disks), disk).map(|member| member.1) else { return };
    let Some(at) = copies.extent(copies.chosen, section) else { return };
    let seal = section_seal(disks, &copies, disk, at);
    let bytes = disks.get_mut(disk).and_then(|disk| disk.get_mut(at));
    if let Some(record) = bytes.and_then(T::view_mut) {
        edit(record);
    }
    store(disks, &copies, (disk, at), seal);
}

/// Counts the change in the copy of `disk` that counts, and seals what was damaged in it.
fn count(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    copies: &Copies,
    disk: usize,
    stamp: Stamp,
) {
    renew_records(disks, survey, disk);
    for section in [Section::PhysicalDiskData, Section::BadBlockLog] {
        if let Some(at) = copies.extent(copies.chosen, section) {
            let seal = section_seal(disks, copies, disk, at);
            store(disks, copies, (disk, at), seal);
        }
    }
    let Some(disk) = disks.get_mut(disk) else { return };
    let crc = copies.header_crc(DiskBytes::of_buffer(disk), copies.chosen);
    let Some(bytes) = disk.get_mut(block(copies.chosen)) else { return };
    if let Some(header) = DdfHeader::view_mut(bytes) {
        if let Some(next) = survey.next_sequence {
            header.sequence_number.set(copies.order, next);
        }
        header.timestamp.set(copies.order, DdfTime::from_unix(stamp.unix_seconds).0);
        if header.open_flag != u8::MAX {
            header.open_flag = CLOSED;
        }
    }
    copies.seal_header(crc, bytes);
}

/// What counts with the update in the records themselves.
fn renew_records(disks: &mut [DiskBuffer<'_, '_>], survey: &Survey, disk: usize) {
    for slot in 0..survey.slots(&Live(disks), disk) {
        let live = Live(disks);
        let Some(record) = survey.volume(&live, disk, slot) else { continue };
        let space = set_note::renewed(&live, survey, record);
        let renew_roster = rosters::renewed(&live, survey, disk, record);
        edit_record(disks, survey, disk, slot, |record| {
            if survey.next_sequence.is_none() {
                let next = record.sequence_number.get(survey.order).wrapping_add(1);
                record.sequence_number.set(survey.order, next);
            }
            if let Some(space) = space {
                record.vendor_specific_scratch_space = space;
            }
            renew_roster(record);
        });
    }
}

/// Makes the other copy say the same.
fn copy_to_twin(disks: &mut [DiskBuffer<'_, '_>], copies: &Copies, disk: usize) {
    let Some(twin) = copies.twin else { return };
    for section in SEALED {
        let (from, to) = (copies.extent(copies.chosen, section), copies.extent(twin, section));
        if let (Some(from), Some(to)) = (from, to) {
            let seal = section_seal(disks, copies, disk, to);
            copy(disks, (disk, from), (disk, to));
            store(disks, copies, (disk, to), seal);
        }
    }
    let records = |copy| copies.extent(copy, Section::ConfigurationRecords);
    if let (Some(from), Some(to)) = (records(copies.chosen), records(twin)) {
        // With their CRCs, which are right in the copy that counts.
        copy(disks, (disk, from), (disk, to));
    }
    let twin_crc = disks.get(disk).map(DiskBytes::of_buffer);
    let twin_crc = twin_crc.map_or(copies.crc, |bytes| copies.header_crc(bytes, twin));
    copy(disks, (disk, block(copies.chosen)), (disk, block(twin)));
    let bytes = disks.get_mut(disk).and_then(|disk| disk.get_mut(block(twin)));
    let Some(bytes) = bytes else { return };
    if let Some(header) = DdfHeader::view_mut(bytes) {
        let kind = copies.kind.other();
        header.header_type = kind.header_type().to_byte();
        if kind == CopyKind::Secondary && !copies.twin_sound {
            header.open_flag = OPEN;
        }
    }
    copies.seal_header(twin_crc, bytes);
}

/// Makes an anchor again that is damaged, out of the header of the copy that counts.
fn mend_anchor(disks: &mut [DiskBuffer<'_, '_>], copies: &Copies, disk: usize) {
    let found = disks.get(disk).and_then(|disk| anchor(DiskBytes::of_buffer(disk)));
    let damaged = found.filter(|(_, anchor)| anchor.crc.is_none()).map(|(_, anchor)| anchor.at);
    let Some(at) = damaged else { return };
    copy(disks, (disk, block(copies.chosen)), (disk, block(at)));
    let bytes = disks.get_mut(disk).and_then(|disk| disk.get_mut(block(at)));
    let Some(bytes) = bytes else { return };
    if let Some(header) = DdfHeader::view_mut(bytes) {
        header.header_type = HeaderType::Anchor.to_byte();
        // An anchor belongs to no update.
        header.sequence_number = U32::ALL_ONES;
        header.open_flag = u8::MAX;
    }
    copies.seal_header(copies.crc, bytes);
}

/// Copies blocks from one place in the buffers to another, as many as both have in memory.
fn copy(disks: &mut [DiskBuffer<'_, '_>], from: (usize, Extent), to: (usize, Extent)) {
    let mut room = [0; 4096];
    for index in 0..from.1.len.0.min(to.1.len.0) {
        let at = |extent: Extent| extent.start.checked_add(Blocks(index)).map(block);
        let (Some(from_at), Some(to_at)) = (at(from.1), at(to.1)) else { return };
        let source = disks.get(from.0).and_then(|d| DiskBytes::of_buffer(d).get(from_at));
        let Some((room, source)) = source.and_then(|s| Some((room.get_mut(..s.len())?, s))) else {
            return;
        };
        room.copy_from_slice(source);
        let target = disks.get_mut(to.0).and_then(|disk| disk.get_mut(to_at));
        if let Some(target) = target.filter(|target| target.len() == room.len()) {
            target.copy_from_slice(room);
        }
    }
}
