// SPDX-License-Identifier: MIT OR Apache-2.0
//! A foreign configuration is taken over (`ddf.md` 6.5).
//!
//! - Foreign_Flag of every header, and the foreign bit of every disk, are cleared.
//! - VD_Numbers that arrays of other configurations at hand have are replaced by free ones.
//! - Spares in use become members for good, as the standard allows an import to force.
//!
//! Configurations are never merged: whose procedure that is, is unverified.

use super::rosters;
use super::spread::{clear_slot, edit_newest, spread};
use super::survey::{Live, Survey, copies_of};
use crate::disk_bytes::{DiskBytes, Disks};
use crate::guid::Guid;
use crate::header::{DdfHeader, Section};
use crate::integer::U16;
use crate::locate::anchor;
use crate::physical_disk_records::{PdType, PhysicalDiskRecords};
use crate::record::Record;
use crate::spare_assignment::SpareType;
use crate::update::copies::block;
use crate::virtual_disk_records::VirtualDiskRecords;
use raid_core::array::ArrayId;
use raid_core::metadata::{ChangeError, DiskBuffer, Stamp};

/// Foreign_Flag of a configuration that is known here.
const KNOWN: u8 = 0x00;

/// Takes over configuration `configuration`.
// Not inlined: the changes of `Admin::apply` would share one frame, as large as theirs together.
#[inline(never)]
pub(crate) fn import(
    disks: &mut [DiskBuffer<'_, '_>],
    configuration: ArrayId,
    stamp: Stamp,
) -> Result<(), ChangeError> {
    let survey = Survey::of_configuration(&Live(disks), configuration)?;
    let order = survey.order;
    let begun = rosters::begin(disks, &survey, Guid::UNUSED)?;
    for disk in 0..disks.len() {
        commit_spare(disks, &survey, disk);
    }
    let foreign = |all: &mut PhysicalDiskRecords| {
        for entry in all.entries.iter_mut().filter(|entry| !entry.pd_guid.is_unused()) {
            let pd_type = entry.pd_type(order);
            if pd_type.contains(PdType::FOREIGN) {
                entry.set_pd_type(order, pd_type.difference(PdType::FOREIGN));
            }
        }
    };
    edit_newest(disks, &survey, Section::PhysicalDiskRecords, foreign);
    renumber(disks, &survey);
    for disk in 0..disks.len() {
        make_known(disks, &survey, disk);
    }
    spread(disks, &survey, &begun, stamp);
    Ok(())
}

/// Clears the flag in the headers of a disk. The anchor is the one header that no other update
/// changes.
fn make_known(disks: &mut [DiskBuffer<'_, '_>], survey: &Survey, disk: usize) {
    let live = Live(disks);
    let Some((bytes, copies, _)) = survey.member(&live, disk) else { return };
    let anchor = anchor(bytes).map(|(_, anchor)| anchor.at);
    for at in [Some(copies.chosen), anchor].into_iter().flatten() {
        let Some(disk) = disks.get_mut(disk) else { continue };
        let crc = copies.header_crc(DiskBytes::of_buffer(disk), at);
        let Some(bytes) = disk.get_mut(block(at)) else { continue };
        if let Some(header) = DdfHeader::view_mut(bytes).filter(|h| h.foreign_flag != KNOWN) {
            header.foreign_flag = KNOWN;
            copies.seal_header(crc, bytes);
        }
    }
}

/// A spare that holds data stays a member: its assignment goes.
fn commit_spare(disks: &mut [DiskBuffer<'_, '_>], survey: &Survey, disk: usize) {
    let active = survey
        .assignment(&Live(disks), disk)
        .filter(|(_, record)| record.spare_type().contains(SpareType::ACTIVE))
        .map(|(slot, _)| slot);
    if let Some(slot) = active {
        clear_slot(disks, survey, disk, slot);
    }
}

/// Gives arrays whose number is taken the lowest free one.
fn renumber(disks: &mut [DiskBuffer<'_, '_>], survey: &Survey) {
    let order = survey.order;
    let count = survey.virtual_disks(&Live(disks)).map_or(0, |all| all.entries.len());
    for index in 0..count {
        let live = Live(disks);
        let Some(records) = survey.virtual_disks(&live) else { return };
        let Some(entry) = records.entries.get(index).filter(|e| !e.vd_guid.is_unused()) else {
            continue;
        };
        let number = entry.vd_number.get(order);
        let own = |number| {
            let others = records.used(order).filter(|(other, _)| *other != index);
            others.into_iter().any(|(_, entry)| entry.vd_number.get(order) == number)
        };
        if !taken(&live, survey, number) {
            continue;
        }
        let free = (0..=u16::MAX).find(|number| !own(*number) && !taken(&live, survey, *number));
        let Some(free) = free else { return };
        edit_newest(disks, survey, Section::VirtualDiskRecords, |all: &mut VirtualDiskRecords| {
            if let Some(entry) = all.entries.get_mut(index) {
                entry.vd_number = U16::new(order, free);
            }
        });
    }
}

/// Whether an array of another configuration has this number, on a live disk or not.
fn taken(live: &Live<'_, '_>, survey: &Survey, number: u16) -> bool {
    let all = live.0;
    (0..all.len()).any(|index| {
        let (Some(disk), Ok(Some(copies))) = (all.disk(index), copies_of(&all, index)) else {
            return false;
        };
        let records = copies.structure(disk).and_then(|structure| structure.virtual_disks());
        let numbers = |records: &VirtualDiskRecords| {
            let mut used = records.used(copies.order);
            used.any(|(_, entry)| entry.vd_number.get(copies.order) == number)
        };
        copies.header.ddf_header_guid != survey.guid && records.is_some_and(numbers)
    })
}
