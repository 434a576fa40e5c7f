// SPDX-License-Identifier: MIT OR Apache-2.0
//! One place of a volume: which disk fills it, and what that disk's data is worth.

use super::virtual_disk::SetRecord;
use super::{Configuration, VirtualDisk};
use crate::disk::DdfDisk;
use crate::finding::Fault;
use crate::guid::Guid;
use crate::level::PrimaryLevel;
use crate::physical_disk_records::is_reference;
use raid_core::array::{MemberDescriptor, MemberId, MemberState, Place};
use raid_core::units::{Blocks, Extent, Lba, Slot};

impl<'a> VirtualDisk<'a> {
    /// What fills a place.
    #[must_use]
    pub fn member(&self, place: Place) -> MemberDescriptor {
        self.member_of(self.set_record(place.set).as_ref(), place.set, place.slot)
    }

    /// As [`member`](Self::member), with the set's record at hand.
    pub(super) fn member_of(
        &self,
        set: Option<&SetRecord<'a>>,
        number: u16,
        slot: Slot,
    ) -> MemberDescriptor {
        self.judge_member(set, number, slot).0
    }

    /// What fills a place, and what is wrong with it beyond what the records say.
    pub(super) fn judge_member(
        &self,
        set: Option<&SetRecord<'a>>,
        number: u16,
        slot: Slot,
    ) -> (MemberDescriptor, Option<Fault>) {
        let absent = MemberDescriptor {
            array: self.guid().into(),
            place: Place { set: number, slot },
            disk: None,
            id: None,
            start: Lba(0),
            len: Blocks(0),
            state: MemberState::Missing,
        };
        let Some(set) = set else { return (absent, None) };
        let Some(reference) = set.reference(slot) else { return (absent, None) };
        let start = set.start(slot);
        let len = self.extent_len(set, slot);
        let entry = self.configuration.newest().entry_of(reference);
        let holder = self.configuration.holder(reference);
        let guid = entry.map(|entry| entry.pd_guid).or_else(|| holder.map(|disk| disk.guid()));
        let id = guid.map(MemberId::from);
        let (state, fault) = match &holder {
            Some(disk) => self.judge_holder(set, disk, Extent { start, len }),
            None => (MemberState::Missing, None),
        };
        let disk = holder.map(|disk| disk.index());
        (MemberDescriptor { disk, id, start, len, state, ..absent }, fault)
    }

    fn judge_holder(
        &self,
        set: &SetRecord<'a>,
        disk: &DdfDisk<'a>,
        extent: Extent,
    ) -> (MemberState, Option<Fault>) {
        let condition = self.configuration.condition(disk);
        if !matches!(condition, MemberState::InSync | MemberState::Rebuilding) {
            return (condition, None);
        }
        if !fits(disk, extent) {
            return (MemberState::Failed, Some(Fault::ExtentOutside));
        }
        if self.is_disputed(disk) {
            // Told once for the volume.
            return (MemberState::Stale, None);
        }
        let order = disk.order();
        let own = disk.record_of(&self.guid(), set.record.secondary_element_seq);
        let behind = own.map(|own| set.sequence().wrapping_sub(own.sequence_number.get(order)));
        match behind {
            Some(0) => (condition, None),
            Some(1) => (condition, Some(Fault::RecordOneBehind)),
            Some(_) => (MemberState::Stale, Some(Fault::RecordBehind)),
            // A spare that has just been called in has none until its own copy is written.
            None if condition == MemberState::Rebuilding => (condition, None),
            // The update that created the array, cut short before it reached this disk.
            None if self.configuration.updates_behind(disk) == 1 => {
                (condition, Some(Fault::RecordOneBehind))
            }
            None => (MemberState::Stale, Some(Fault::RecordAbsent)),
        }
    }

    /// Blocks that a slot's member gives. In a concatenation each member's own record says.
    pub(super) fn extent_len(&self, set: &SetRecord<'a>, slot: Slot) -> Blocks {
        let common = || self.member_blocks(set);
        if PrimaryLevel::from_byte(set.record.primary_raid_level) != PrimaryLevel::Concat {
            return common();
        }
        let holder = set.reference(slot).and_then(|reference| self.configuration.holder(reference));
        let own = holder.and_then(|disk| {
            let record = disk.record_of(&self.guid(), set.record.secondary_element_seq)?;
            SetRecord { disk, record }.block_count()
        });
        own.unwrap_or_else(common)
    }

    /// The extent of this volume on a disk at hand, by the newest records.
    pub(super) fn extent_on(&self, disk: &DdfDisk<'a>) -> Option<Extent> {
        let reference = disk.reference()?;
        (0..self.sets()).filter_map(|set| self.set_record(set)).find_map(|set| {
            let slot =
                (0..=u8::MAX).map(Slot).find(|slot| set.reference(*slot) == Some(reference))?;
            Some(Extent { start: set.start(slot), len: self.extent_len(&set, slot) })
        })
    }
}

impl SetRecord<'_> {
    /// The reference in a slot, if it names a disk.
    #[must_use]
    pub fn reference(&self, slot: Slot) -> Option<u32> {
        let stored = self.elements().references.get(slot.index())?.get(self.disk.order());
        is_reference(stored).then_some(stored)
    }

    /// First block of the extent of a slot; 0 where it is not set.
    #[must_use]
    pub fn start(&self, slot: Slot) -> Lba {
        let stored = self.elements().starting_blocks.get(slot.index());
        Lba(stored.and_then(|start| start.present(self.disk.order())).unwrap_or(0))
    }
}

/// Whether an extent lies on the disk and clear of its headers.
fn fits(disk: &DdfDisk<'_>, extent: Extent) -> bool {
    let whole = Extent { start: Lba(0), len: disk.bytes().shape().blocks };
    let clear = |lba: Lba| !extent.overlaps(Extent { start: lba, len: Blocks(1) });
    let header = disk.header();
    let copies = [header.primary_header_lba, header.secondary_header_lba];
    whole.contains(extent)
        && clear(disk.anchor_at())
        && copies.iter().filter_map(|lba| lba.present(disk.order())).all(|lba| clear(Lba(lba)))
}

impl<'a> Configuration<'a> {
    /// Whether a disk has this GUID in the newest records: for tools that know a disk by it.
    #[must_use]
    pub fn disk_by_guid(&self, guid: &Guid) -> Option<DdfDisk<'a>> {
        self.disks().find(|disk| disk.guid().matches(guid))
    }
}
