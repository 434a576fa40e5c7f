// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tells an inventory everything about the disks: descriptors, fields as stored, findings.

use super::conflict::about;
use super::{Assembly, Configuration, SetRecord, VirtualDisk};
use crate::crc::CrcVariant;
use crate::disk::DdfDisk;
use crate::finding::Fault;
use crate::header::Section;
use crate::integer::ByteOrder;
use crate::level::SecondaryLevel;
use crate::physical_disk_records::{PdState, PdType, PhysicalDiskEntry};
use crate::sequence::compare_kept;
use crate::virtual_disk_records::{VdCondition, VdFlags};
use raid_core::array::{ArrayDescriptor, ArrayId, ArrayState, Initialisation};
use raid_core::array::{MemberDescriptor, MemberState};
use raid_core::metadata::{DiskDescriptor, Finding, Inventory, Subject};
use raid_core::units::{Lba, Slot};

/// Most places of volumes that are reported, all volumes together: more than 1023 disks with 64 volumes
/// each fill. A record of 1 KiB can speak of ten thousand, and each is reported whether a disk fills it or
/// not.
const MAX_PLACES: u32 = 1 << 16;

impl Assembly<'_> {
    /// Tells everything; what is wrong with single disks was told when they were judged.
    #[inline(never)]
    pub fn report(&self, into: &mut dyn Inventory) {
        let mut left = MAX_PLACES;
        for configuration in self.configurations() {
            for disk in configuration.disks() {
                configuration.report_disk(&disk, into);
            }
            configuration.report_lists(into);
            configuration.report_records(into);
            for volume in configuration.volumes() {
                let places = u32::from(volume.sets()).saturating_mul(volume.slots().into());
                match left.checked_sub(places) {
                    Some(rest) => {
                        left = rest;
                        volume.report(into);
                    }
                    None => {
                        let (found, expected) = (Some(places.into()), Some(left.into()));
                        let fault = volume.about_entry(Fault::ManyPlaces);
                        into.finding(&Finding { found, expected, ..fault });
                    }
                }
            }
        }
    }
}

impl Configuration<'_> {
    #[inline(never)]
    fn report_disk(&self, disk: &DdfDisk<'_>, into: &mut dyn Inventory) {
        let entry = self.entry(disk);
        let role = self.role(disk);
        let usable = match entry {
            Some(entry) => disk.configured_size(entry, self.newest.order()),
            None => raid_core::units::Blocks(disk.lowest_metadata().0),
        };
        into.disk(&DiskDescriptor {
            disk: disk.index(),
            configuration: self.guid().into(),
            id: disk.guid().into(),
            sequence: disk.sequence().map(u64::from),
            role,
            usable,
        });
        self.report_disk_fields(disk, entry, into);
        self.report_place_in_time(disk, entry, into);
        self.report_health(disk, entry, into);
    }

    fn report_disk_fields(
        &self,
        disk: &DdfDisk<'_>,
        entry: Option<&PhysicalDiskEntry>,
        into: &mut dyn Inventory,
    ) {
        let of = Subject::Disk(disk.index());
        let (header, order) = (disk.header(), disk.order());
        let mut raw = |field, value| into.raw(of, field, value);
        raw("Header_LBA", disk.at().0);
        raw("Header_Type", header.header_type.into());
        raw("DDF_rev", u64::from_be_bytes(header.ddf_rev));
        raw("Sequence_Number", header.sequence_number.get(order).into());
        raw("TimeStamp", header.timestamp.get(order).into());
        raw("Open_Flag", header.open_flag.into());
        raw("Foreign_Flag", header.foreign_flag.into());
        raw("Little_Endian", u64::from(order == ByteOrder::Little));
        raw("CRC_Variant_A", u64::from(disk.crc_variant() == CrcVariant::A));
        raw("Workspace_LBA", header.workspace_lba.get(order));
        raw("Workspace_Length", header.workspace_length.get(order).into());
        raw("Max_PD_Entries", header.max_pd_entries.get(order).into());
        raw("Max_VD_Entries", header.max_vd_entries.get(order).into());
        raw("Max_Partitions", header.max_partitions.get(order).into());
        raw("Configuration_Record_Length", header.configuration_record_length.get(order).into());
        raw("Max_Primary_Element_Entries", header.max_primary_element_entries.get(order).into());
        if let Some(data) = disk.disk_data() {
            raw("PD_Reference", data.pd_reference.get(order).into());
        }
        if let Some(entry) = entry {
            let order = self.newest.order();
            raw("PD_Type", entry.pd_type.get(order).into());
            raw("PD_State", entry.pd_state.get(order).into());
            raw("Configured_Size", entry.configured_size.get(order));
        }
    }

    /// Tells how old a disk's metadata is, and whether the newest explains it.
    fn report_place_in_time(
        &self,
        disk: &DdfDisk<'_>,
        entry: Option<&PhysicalDiskEntry>,
        into: &mut dyn Inventory,
    ) {
        let index = Some(disk.index());
        let own = |fault: Fault| Finding {
            copy: "physical disk data",
            at: disk.section_lba(Section::PhysicalDiskData),
            ..fault.on(index)
        };
        let Some(entry) = entry else {
            let found = disk.disk_data().map(|data| data.pd_reference.get(disk.order()).into());
            return into.finding(&Finding { found, ..own(Fault::NotListed) });
        };
        if !entry.pd_guid.matches(&disk.guid()) {
            let (found, expected) = disk.guid().difference(&entry.pd_guid);
            let (found, expected) = (Some(found), Some(expected));
            into.finding(&Finding { found, expected, ..own(Fault::EntryGuid) });
        }
        let numbers = (disk.effective_sequence(), self.newest.effective_sequence());
        if compare_kept(numbers.0, numbers.1).is_gt() {
            into.finding(&Finding {
                copy: disk.kind().header_name(),
                at: Some(disk.at()),
                found: numbers.0.map(u64::from),
                expected: numbers.1.map(u64::from),
                ..Fault::HalfCreated.on(index)
            });
        }
        let state = entry.pd_state(self.newest.order());
        let gone = PdState::FAILED.union(PdState::MISSING);
        let explained = !state.contains(PdState::ONLINE) || state.intersects(gone);
        let fault = match (self.updates_behind(disk), explained) {
            (0, _) => return,
            _ if self.is_unused(disk) => Fault::UnusedBehind,
            (_, true) => Fault::ExplainedBehind,
            (1, false) => Fault::OneBehind,
            (_, false) => Fault::Behind,
        };
        into.finding(&Finding {
            copy: disk.kind().header_name(),
            at: Some(disk.at()),
            found: disk.effective_sequence().map(u64::from),
            expected: self.newest.effective_sequence().map(u64::from),
            ..fault.on(index)
        });
    }

    /// The block of the newest disk's list that says something of a disk.
    fn entry_at(&self, disk: &DdfDisk<'_>) -> Option<Lba> {
        self.newest.entry_lba(Section::PhysicalDiskRecords, self.entry_index(disk)?)
    }

    fn report_health(
        &self,
        disk: &DdfDisk<'_>,
        entry: Option<&PhysicalDiskEntry>,
        into: &mut dyn Inventory,
    ) {
        let index = Some(disk.index());
        let ailing = PdState::PREDICTED_FAILURE.union(PdState::UNRECOVERED_ERRORS);
        if let Some(entry) = entry {
            let order = self.newest.order();
            // The list is the same on all disks, as far as sections go; the place is the newest's.
            let listed = |fault: Fault| Finding {
                copy: "physical disk records",
                at: self.entry_at(disk),
                ..fault.on(index)
            };
            if entry.pd_state(order).intersects(ailing) {
                let found = Some(entry.pd_state.get(order).into());
                let expected = Some(PdState::ONLINE.bits().into());
                into.finding(&Finding { found, expected, ..listed(Fault::PredictedFailure) });
            }
            if entry.pd_type(order).contains(PdType::FOREIGN) {
                let (pd_type, bit) = (entry.pd_type.get(order), PdType::FOREIGN.bits());
                let (found, expected) = (Some(pd_type.into()), Some((pd_type & !bit).into()));
                into.finding(&Finding { found, expected, ..listed(Fault::ForeignDisk) });
            }
        }
        if let Some(log) = disk.bad_block_log() {
            let counts = log.counts(disk.order(), disk.header().revision());
            if counts.entries != 0 {
                let (found, expected) = (Some(counts.entries.into()), Some(0));
                let at = disk.section_lba(Section::BadBlockLog);
                let fault = Fault::Relocated.on(index);
                into.finding(&Finding { copy: "bad block log", at, found, expected, ..fault });
            }
        }
        let Some(reference) = disk.reference() else { return };
        if let Some(twin) = self.holders(reference).find(|other| other.index() > disk.index()) {
            let found = Some(reference.into());
            let at = twin.section_lba(Section::PhysicalDiskData);
            let fault = Fault::Twin.on(Some(twin.index()));
            into.finding(&Finding { copy: "physical disk data", at, found, ..fault });
        }
    }

    /// Tells of entries of the shared lists that are deleted, or there twice.
    #[inline(never)]
    fn report_lists(&self, into: &mut dyn Inventory) {
        let order = self.newest.order();
        let disk = Some(self.newest.index());
        let section = Section::PhysicalDiskRecords;
        if let Some(records) = self.newest.physical_disks() {
            for (index, entry) in records.used(order) {
                let first = records.position(order, entry.pd_reference.get(order));
                if let Some(first) = first.filter(|first| *first != index) {
                    let at = self.newest.entry_lba(section, index);
                    let (found, expected) = (u64::try_from(index).ok(), u64::try_from(first).ok());
                    let (copy, fault) = (section.name(), Fault::ReferenceTwice.on(disk));
                    into.finding(&Finding { copy, at, found, expected, ..fault });
                }
            }
        }
        let section = Section::VirtualDiskRecords;
        let Some(records) = self.newest.virtual_disks() else { return };
        for (index, entry) in records.used(order) {
            let about = |fault: Fault| Finding {
                array: Some(entry.vd_guid.into()),
                copy: section.name(),
                at: self.newest.entry_lba(section, index),
                ..fault.on(disk)
            };
            let first = records.used(order).find(|(_, first)| first.vd_guid == entry.vd_guid);
            if let Some((first, _)) = first.filter(|(first, _)| *first != index) {
                let (found, expected) = (u64::try_from(index).ok(), u64::try_from(first).ok());
                into.finding(&Finding { found, expected, ..about(Fault::ListedTwice) });
            } else if entry.condition() == VdCondition::Deleted {
                let found = Some(entry.vd_state.into());
                into.finding(&Finding { found, ..about(Fault::DeletedArray) });
            }
        }
    }

    /// Tells of configuration records that belong to no virtual disk, or stand there twice.
    #[inline(never)]
    fn report_records(&self, into: &mut dyn Inventory) {
        for disk in self.disks() {
            let records = || disk.records().filter_map(move |slot| SetRecord::in_slot(disk, &slot));
            for record in records() {
                let guid = record.record.vd_guid;
                let array = Some(guid.into());
                let found = Some(record.sequence().into());
                if self.listed(&guid).is_none() {
                    let about = about(Fault::UnlistedArray, &record);
                    into.finding(&Finding { array, found, ..about });
                    continue;
                }
                let set = record.record.secondary_element_seq;
                let twin = |other: &SetRecord<'_>| {
                    other.at < record.at
                        && other.record.vd_guid.matches(&guid)
                        && other.record.secondary_element_seq == set
                };
                if let Some(earlier) = records().find(twin) {
                    let expected = Some(earlier.sequence().into());
                    let about = about(Fault::RecordTwice, &record);
                    into.finding(&Finding { array, found, expected, ..about });
                }
            }
        }
    }
}

impl VirtualDisk<'_> {
    fn report(&self, into: &mut dyn Inventory) {
        let id = ArrayId::from(self.guid());
        let state = self.state();
        into.array(&ArrayDescriptor {
            id,
            name: self.entry().name(),
            geometry: self.shape(),
            size: self.size(),
            state,
            clean: self.is_clean(),
            initialisation: self.note().initialisation,
        });
        self.report_branches(into);
        self.report_fields(id, into);
        self.report_codes(id, into);
        self.tell_conflicts(&mut |finding| into.finding(&finding));
        self.report_state(state, into);
        for set in 0..self.sets() {
            self.report_set(id, set, into);
        }
    }

    fn report_fields(&self, id: ArrayId, into: &mut dyn Inventory) {
        let of = Subject::Array(id);
        let order = self.entry_disk().order();
        let entry = self.entry();
        let mut raw = |field, value| into.raw(of, field, value);
        raw("VD_Number", entry.vd_number.get(order).into());
        raw("VD_Type", entry.vd_type.get(order).into());
        raw("VD_State", entry.vd_state.into());
        raw("Init_State", entry.init_state.into());
        let Some(lead) = self.lead() else { return };
        let (record, order) = (lead.record, lead.disk.order());
        raw("Primary_Element_Count", record.primary_element_count.get(order).into());
        raw("Strip_Size", record.strip_size.into());
        raw("Primary_RAID_Level", record.primary_raid_level.into());
        raw("RAID_Level_Qualifier", record.raid_level_qualifier.into());
        raw("Secondary_Element_Count", record.secondary_element_count.into());
        raw("Secondary_RAID_Level", record.secondary_raid_level.into());
        raw("Block_Count", record.block_count.get(order));
        raw("VD_Size", record.vd_size.get(order));
        raw("Rotate_Parity_Count", record.rotate_parity_count.into());
        raw("VDCR_Sequence_Number", record.sequence_number.get(order).into());
        raw("VDCR_Timestamp", record.timestamp.get(order).into());
        raw("Cache_Policies_and_Parameters", record.cache_policies.get(order));
        raw("BG_Rate", record.bg_rate.into());
    }

    /// Tells why the codes give no geometry, or what is unusual about them.
    fn report_codes(&self, id: ArrayId, into: &mut dyn Inventory) {
        let array = Some(id);
        let (Some(codes), Some(lead)) = (self.codes(), self.lead()) else {
            let (found, expected) = (Some(0), Some(1));
            return into.finding(&Finding { found, expected, ..self.about_entry(Fault::NoRecord) });
        };
        let about = |fault: Fault| Finding { array, ..about(fault, &lead) };
        match self.mapped() {
            Ok(geometry) => {
                if let Some(fault) = codes.remark(&geometry) {
                    let found = Some(super::virtual_disk::codes_of(lead.record));
                    into.finding(&Finding { found, ..about(fault) });
                }
            }
            Err(unmappable) => {
                let (found, expected) = (Some(unmappable.found), unmappable.expected);
                into.finding(&Finding { found, expected, ..about(unmappable.fault) });
            }
        }
        if lead.block_count().is_none() {
            let (found, expected) = (Some(0), Some(self.member_blocks(&lead).0));
            into.finding(&Finding { found, expected, ..about(Fault::BlockCountUnset) });
        }
        let size = lead.record.vd_size.get(lead.disk.order());
        if matches!(size, 0 | u64::MAX) {
            let (found, expected) = (Some(size), Some(self.size().0));
            into.finding(&Finding { found, expected, ..about(Fault::SizeUnset) });
        }
        let spanned = SecondaryLevel::from_byte(lead.record.secondary_raid_level);
        if self.sets() > 1 && spanned == SecondaryLevel::Spanned && codes.equal_sets {
            let found = Some(lead.record.secondary_raid_level.into());
            into.finding(&Finding { found, expected: Some(0), ..about(Fault::SpannedAsStriped) });
        }
    }

    /// A finding about the volume's entry in the newest list.
    fn about_entry(&self, fault: Fault) -> Finding {
        Finding {
            array: Some(self.guid().into()),
            copy: "virtual disk records",
            at: self.entry_at(),
            ..fault.on(Some(self.entry_disk().index()))
        }
    }

    /// Tells when the stored state is another than the members at hand give.
    fn report_state(&self, state: ArrayState, into: &mut dyn Inventory) {
        let about = |fault: Fault| {
            let found = Some(self.entry().vd_state.into());
            Finding { found, ..self.about_entry(fault) }
        };
        let computed = match state {
            ArrayState::Optimal => VdCondition::Optimal,
            ArrayState::PartiallyOptimal => VdCondition::PartiallyOptimal,
            ArrayState::Degraded => VdCondition::Degraded,
            _ => VdCondition::Failed,
        };
        let stored = self.entry().condition();
        if stored != computed && state != ArrayState::Forked {
            let expected = Some(computed.to_bits().into());
            into.finding(&Finding { expected, ..about(Fault::StateDiffers) });
        }
        let parity = self.geometry().is_some_and(|geometry| geometry.parity_strips() > 0);
        let short = matches!(state, ArrayState::Degraded | ArrayState::PartiallyOptimal);
        if parity && short && !self.is_clean() {
            let clean = self.entry().vd_state & !VdFlags::NOT_CONSISTENT.bits();
            into.finding(&Finding { expected: Some(clean.into()), ..about(Fault::WriteHole) });
        }
        let initialisation = self.note().initialisation;
        if stored == VdCondition::Optimal && initialisation == Initialisation::None {
            let (found, expected) = (Some(self.entry().init_state.into()), Some(2));
            into.finding(&Finding { found, expected, ..about(Fault::NeverInitialised) });
        }
    }

    fn report_set(&self, id: ArrayId, number: u16, into: &mut dyn Inventory) {
        let set = self.measured_set(number);
        let array = Some(id);
        if let (None, Some(lead)) = (set, self.lead()) {
            let (found, expected) = (Some(number.into()), Some(self.sets().into()));
            let about = about(Fault::MissingSet, &lead);
            into.finding(&Finding { array, found, expected, ..about });
        }
        for slot in (0..self.slots()).filter_map(|slot| u8::try_from(slot).ok().map(Slot)) {
            let (member, finding) = self.judge_member(set.as_ref(), number, slot);
            into.member(&member);
            if let Some((set, _)) = &set {
                self.report_element(set, &member, into);
            }
            if let Some(finding) = finding {
                into.finding(&finding);
            }
        }
    }

    /// Tells what the newest list says of an element, and whether that fits.
    fn report_element(
        &self,
        set: &SetRecord<'_>,
        member: &MemberDescriptor,
        into: &mut dyn Inventory,
    ) {
        let Some(reference) = set.reference(member.place.slot) else { return };
        let of = Subject::Member(member.array, member.place);
        let (array, about) = (Some(member.array), |fault| about(fault, set));
        into.raw(of, "PD_Reference", reference.into());
        let newest = self.speaker();
        let Some(entry) = newest.entry_of(reference) else {
            let found = Some(reference.into());
            return into.finding(&Finding { array, found, ..about(Fault::UnlistedElement) });
        };
        into.raw(of, "PD_Type", entry.pd_type.get(newest.order()).into());
        into.raw(of, "PD_State", entry.pd_state.get(newest.order()).into());
        let size = entry.configured_size.get(newest.order());
        let end = member.start.checked_add(member.len);
        if member.state == MemberState::InSync && end.is_none_or(|end| end.0 > size) {
            let (found, expected) = (end.map(|end| end.0), Some(size));
            into.finding(&Finding { array, found, expected, ..about(Fault::ExtentTooLong) });
        }
    }
}
