// SPDX-License-Identifier: MIT OR Apache-2.0
//! One place of a volume: which disk fills it, and what that disk's data is worth.

use super::conflict::RECORD;
use super::virtual_disk::SetRecord;
use super::{Configuration, VirtualDisk};
use crate::disk::DdfDisk;
use crate::finding::Fault;
use crate::guid::Guid;
use crate::header::Section;
use crate::level::PrimaryLevel;
use crate::physical_disk_records::is_reference;
use crate::sequence::compare_sequences;
use raid_core::array::{MemberDescriptor, MemberId, MemberState, Place};
use raid_core::metadata::Finding;
use raid_core::units::{Blocks, Extent, Lba, Slot};

impl<'a> VirtualDisk<'a> {
    /// What fills a place.
    #[must_use]
    pub fn member(&self, place: Place) -> MemberDescriptor {
        self.member_of(self.measured_set(place.set).as_ref(), place.set, place.slot)
    }

    /// The record of a set, and the blocks that each of its members gives: to know these may take a look at
    /// every disk of the configuration for each member.
    pub(super) fn measured_set(&self, set: u16) -> Option<(SetRecord<'a>, Blocks)> {
        let record = self.set_record(set)?;
        Some((record, self.member_blocks(&record)))
    }

    /// As [`member`](Self::member), with the set's record at hand.
    pub(super) fn member_of(
        &self,
        set: Option<&(SetRecord<'a>, Blocks)>,
        number: u16,
        slot: Slot,
    ) -> MemberDescriptor {
        self.judge_member(set, number, slot).0
    }

    /// What fills a place, and what is wrong with it beyond what the records say: the findings' array
    /// and disk are the member's.
    pub(super) fn judge_member(
        &self,
        set: Option<&(SetRecord<'a>, Blocks)>,
        number: u16,
        slot: Slot,
    ) -> (MemberDescriptor, Option<Finding>) {
        let absent = MemberDescriptor {
            array: self.guid().into(),
            place: Place { set: number, slot },
            disk: None,
            id: None,
            start: Lba(0),
            len: Blocks(0),
            state: MemberState::Missing,
        };
        let Some((set, common)) = set else { return (absent, None) };
        let Some(reference) = set.reference(slot) else { return (absent, None) };
        let start = set.start(slot);
        let len = self.extent_len(set, *common, slot);
        let entry = self.speaker.entry_of(reference);
        let holder = self.configuration.holder(reference);
        let guid = entry.map(|entry| entry.pd_guid).or_else(|| holder.map(|disk| disk.guid()));
        let id = guid.map(MemberId::from);
        let (state, finding) = match &holder {
            Some(disk) => self.judge_holder(set, disk, Extent { start, len }),
            None => (MemberState::Missing, None),
        };
        let disk = holder.map(|disk| disk.index());
        let array = Some(self.guid().into());
        let finding = finding.map(|finding| Finding { array, ..finding });
        (MemberDescriptor { disk, id, start, len, state, ..absent }, finding)
    }

    fn judge_holder(
        &self,
        set: &SetRecord<'a>,
        disk: &DdfDisk<'a>,
        extent: Extent,
    ) -> (MemberState, Option<Finding>) {
        let condition = self.condition(disk);
        if !matches!(condition, MemberState::InSync | MemberState::Rebuilding) {
            return (condition, None);
        }
        let number = set.record.secondary_element_seq;
        let own = self.set_claims(number.into()).filter(|claim| claim.disk.index() == disk.index());
        let own = own.reduce(|newest, claim| {
            let later = compare_sequences(claim.sequence(), newest.sequence()).is_gt();
            if later { claim } else { newest }
        });
        let about = |fault: Fault, at, found, expected| {
            let disk = Some(disk.index());
            Some(Finding { copy: RECORD, at, found, expected, ..fault.on(disk) })
        };
        let records = disk.section_lba(Section::ConfigurationRecords);
        // The record may be another disk's: then the place is where this one's would stand.
        let at = own.map(|own| own.at).or(records);
        if let Err(limit) = fits(disk, extent) {
            let end = extent.end().map_or(u64::MAX, |end| end.0);
            let fault = Fault::ExtentOutside;
            return (MemberState::Failed, about(fault, at, Some(end), Some(limit.0)));
        }
        if self.is_disputed(disk) {
            // Told once for the volume.
            return (MemberState::Stale, None);
        }
        let newest = Some(set.sequence().into());
        let behind = own.map(|own| (set.sequence().wrapping_sub(own.sequence()), own.sequence()));
        match behind {
            // A later one is of an update that was interrupted: the speaker says that it does not count yet.
            Some((0 | u32::MAX, _)) => (condition, None),
            Some((1, own)) => {
                (condition, about(Fault::RecordOneBehind, at, Some(own.into()), newest))
            }
            Some((_, own)) => {
                (MemberState::Stale, about(Fault::RecordBehind, at, Some(own.into()), newest))
            }
            // A spare that has just been called in has none until its own copy is written.
            None if condition == MemberState::Rebuilding => (condition, None),
            // The update that created the array, cut short before it reached this disk.
            None if self.counts_alone() && self.configuration.updates_behind(disk) == 1 => {
                (condition, about(Fault::RecordOneBehind, records, None, newest))
            }
            None => (MemberState::Stale, about(Fault::RecordAbsent, records, None, newest)),
        }
    }

    /// Blocks that a slot's member gives: what all give in `common`. In a concatenation each member's own
    /// record says.
    pub(super) fn extent_len(&self, set: &SetRecord<'a>, common: Blocks, slot: Slot) -> Blocks {
        if PrimaryLevel::from_byte(set.record.primary_raid_level) != PrimaryLevel::Concat {
            return common;
        }
        let holder = set.reference(slot).and_then(|reference| self.configuration.holder(reference));
        let own = holder.and_then(|disk| {
            let record = disk.record_of(&self.guid(), set.record.secondary_element_seq)?;
            match record.block_count.get(disk.order()) {
                0 => None,
                count => Some(Blocks(count)),
            }
        });
        own.unwrap_or(common)
    }
}

impl<'a> SetRecord<'a> {
    /// The reference in a slot, if it names a disk.
    #[must_use]
    pub fn reference(&self, slot: Slot) -> Option<u32> {
        let stored = self.elements().references.get(slot.index())?.get(self.disk.order());
        is_reference(stored).then_some(stored)
    }

    /// The references that name a disk, in the order of the slots.
    pub(super) fn references(&self) -> impl Iterator<Item = u32> + use<'a> {
        let order = self.disk.order();
        let stored = self.elements().references.iter().take(256).map(move |at| at.get(order));
        stored.filter(|reference| is_reference(*reference))
    }

    /// First block of the extent of a slot; 0 where it is not set.
    #[must_use]
    pub fn start(&self, slot: Slot) -> Lba {
        let stored = self.elements().starting_blocks.get(slot.index());
        Lba(stored.and_then(|start| start.present(self.disk.order())).unwrap_or(0))
    }
}

/// Whether an extent lies on the disk and clear of its headers; if not, the block it must not reach.
fn fits(disk: &DdfDisk<'_>, extent: Extent) -> Result<(), Lba> {
    let blocks = disk.bytes().shape().blocks;
    if !(Extent { start: Lba(0), len: blocks }).contains(extent) {
        return Err(Lba(blocks.0));
    }
    let header = disk.header();
    let copies = [header.primary_header_lba, header.secondary_header_lba];
    let copies = copies.into_iter().filter_map(|lba| lba.present(disk.order()).map(Lba));
    let covered = |lba: &Lba| extent.overlaps(Extent { start: *lba, len: Blocks(1) });
    copies.chain([disk.anchor_at()]).find(covered).map_or(Ok(()), Err)
}

impl<'a> Configuration<'a> {
    /// Whether a disk has this GUID in the newest records: for tools that know a disk by it.
    #[must_use]
    pub fn disk_by_guid(&self, guid: &Guid) -> Option<DdfDisk<'a>> {
        self.disks().find(|disk| disk.guid().matches(guid))
    }
}
