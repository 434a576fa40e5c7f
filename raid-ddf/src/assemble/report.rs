// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tells an inventory everything about the disks: descriptors, fields as stored, findings.

use super::{Assembly, Configuration, Role, VirtualDisk};
use crate::crc::CrcVariant;
use crate::disk::DdfDisk;
use crate::finding::Fault;
use crate::integer::ByteOrder;
use crate::physical_disk_records::{PdState, PhysicalDiskEntry};
use crate::virtual_disk_records::VdCondition;
use raid_core::array::{ArrayDescriptor, ArrayId, ArrayState, MemberState};
use raid_core::metadata::{DiskDescriptor, Finding, Inventory, Subject};
use raid_core::units::Slot;

impl Assembly<'_> {
    /// Tells everything; what is wrong with single disks was told when they were judged.
    pub(crate) fn report(&self, into: &mut dyn Inventory) {
        for configuration in self.configurations() {
            for disk in configuration.disks() {
                configuration.report_disk(&disk, into);
            }
            configuration.report_deleted(into);
            for volume in configuration.volumes() {
                volume.report(into);
            }
        }
    }
}

impl Configuration<'_> {
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
            role: role.name(),
            spare: matches!(role, Role::GlobalSpare | Role::DedicatedSpare),
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
        let Some(entry) = entry else {
            let found = disk.reference().map(u64::from);
            let finding =
                Finding { copy: "physical disk data", found, ..Fault::NotListed.on(index) };
            return into.finding(&finding);
        };
        if entry.pd_guid != disk.guid() {
            into.finding(&Finding { copy: "physical disk data", ..Fault::EntryGuid.on(index) });
        }
        if disk.effective_sequence() > self.newest.effective_sequence() {
            into.finding(&Finding {
                copy: disk.kind().header_name(),
                at: Some(disk.at()),
                found: disk.effective_sequence(),
                expected: self.newest.effective_sequence(),
                ..Fault::HalfCreated.on(index)
            });
        }
        let explained = !matches!(
            (entry.pd_state(self.newest.order()), self.updates_behind(disk)),
            (state, _) if state.contains(PdState::ONLINE)
                && !state.intersects(PdState::FAILED.union(PdState::MISSING))
        );
        let fault = match (self.updates_behind(disk), explained) {
            (0, _) => return,
            (_, true) => Fault::ExplainedBehind,
            (1, false) => Fault::OneBehind,
            (_, false) => Fault::Behind,
        };
        into.finding(&Finding {
            copy: disk.kind().header_name(),
            at: Some(disk.at()),
            found: disk.effective_sequence(),
            expected: self.newest.effective_sequence(),
            ..fault.on(index)
        });
    }

    fn report_health(
        &self,
        disk: &DdfDisk<'_>,
        entry: Option<&PhysicalDiskEntry>,
        into: &mut dyn Inventory,
    ) {
        let index = Some(disk.index());
        let ailing = PdState::PREDICTED_FAILURE.union(PdState::UNRECOVERED_ERRORS);
        if let Some(entry) = entry
            && entry.pd_state(self.newest.order()).intersects(ailing)
        {
            let found = Some(entry.pd_state.get(self.newest.order()).into());
            let fault = Fault::PredictedFailure.on(index);
            into.finding(&Finding { copy: "physical disk records", found, ..fault });
        }
        if let Some(log) = disk.bad_block_log() {
            let counts = log.counts(disk.order(), disk.header().revision());
            if counts.entries != 0 {
                let found = Some(counts.entries.into());
                let fault = Fault::Relocated.on(index);
                into.finding(&Finding { copy: "bad block log", found, ..fault });
            }
        }
        let twin = |other: &DdfDisk<'_>| {
            other.index() > disk.index() && other.reference() == disk.reference()
        };
        if disk.reference().is_some()
            && let Some(twin) = self.disks().find(twin)
        {
            let found = disk.reference().map(u64::from);
            let fault = Fault::Twin.on(Some(twin.index()));
            into.finding(&Finding { copy: "physical disk data", found, ..fault });
        }
    }

    /// Tells of volumes that are marked as deleted, and of records that belong to none.
    fn report_deleted(&self, into: &mut dyn Inventory) {
        let order = self.newest.order();
        let Some(records) = self.newest.virtual_disks() else { return };
        for (_, entry) in records.used(order) {
            if entry.condition() == VdCondition::Deleted {
                let array = Some(entry.vd_guid.into());
                let fault = Fault::DeletedArray.on(None);
                into.finding(&Finding { array, copy: "virtual disk records", ..fault });
            }
        }
        for disk in self.disks() {
            for record in disk.volumes() {
                let mut listed = records.used(order);
                if !listed.any(|(_, entry)| entry.vd_guid.matches(&record.vd_guid)) {
                    let array = Some(record.vd_guid.into());
                    let fault = Fault::UnlistedArray.on(Some(disk.index()));
                    let copy = "virtual disk configuration record";
                    into.finding(&Finding { array, copy, ..fault });
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
            initialisation: self.entry().initialisation(),
        });
        self.report_fields(id, into);
        self.report_codes(id, into);
        self.tell_conflicts(&mut |finding| into.finding(&finding));
        self.report_state(id, state, into);
        for set in 0..self.sets() {
            self.report_set(id, set, into);
        }
    }

    fn report_fields(&self, id: ArrayId, into: &mut dyn Inventory) {
        let of = Subject::Array(id);
        let order = self.configuration().newest().order();
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
        let about = |fault: Fault| Finding {
            array: Some(id),
            copy: "virtual disk configuration record",
            disk: self.lead().map(|lead| lead.disk.index()),
            ..fault.on(None)
        };
        let (codes, lead) = match (self.codes(), self.lead()) {
            (Some(codes), Some(lead)) => (codes, lead),
            _ => return into.finding(&about(Fault::NoRecord)),
        };
        match self.mapped() {
            Ok(geometry) => {
                if let Some(fault) = codes.remark(&geometry) {
                    let found = Some(super::virtual_disk::codes_of(lead.record));
                    into.finding(&Finding { found, ..about(fault) });
                }
            }
            Err(unmappable) => {
                let found = Some(unmappable.found);
                into.finding(&Finding { found, ..about(unmappable.fault) });
            }
        }
        if lead.block_count().is_none() {
            into.finding(&about(Fault::BlockCountUnset));
        }
        if matches!(lead.record.vd_size.get(lead.disk.order()), 0 | u64::MAX) {
            into.finding(&about(Fault::SizeUnset));
        }
    }

    /// Tells when the stored state is another than the members at hand give.
    fn report_state(&self, id: ArrayId, state: ArrayState, into: &mut dyn Inventory) {
        let about = |fault: Fault| Finding {
            array: Some(id),
            copy: "virtual disk records",
            found: Some(self.entry().vd_state.into()),
            ..fault.on(None)
        };
        let computed = match state {
            ArrayState::Optimal => VdCondition::Optimal,
            ArrayState::PartiallyOptimal => VdCondition::PartiallyOptimal,
            ArrayState::Degraded => VdCondition::Degraded,
            _ => VdCondition::Failed,
        };
        if self.entry().condition() != computed {
            let expected = Some(computed.to_bits().into());
            into.finding(&Finding { expected, ..about(Fault::StateDiffers) });
        }
        let parity = self.geometry().is_some_and(|geometry| geometry.parity_strips() > 0);
        let short = matches!(state, ArrayState::Degraded | ArrayState::PartiallyOptimal);
        if parity && short && !self.is_clean() {
            into.finding(&about(Fault::WriteHole));
        }
    }

    fn report_set(&self, id: ArrayId, number: u16, into: &mut dyn Inventory) {
        let set = self.set_record(number);
        if set.is_none() {
            let (copy, found) = ("virtual disk configuration record", Some(number.into()));
            let fault = Fault::MissingSet.on(None);
            into.finding(&Finding { array: Some(id), copy, found, ..fault });
        }
        for slot in (0..self.slots()).filter_map(|slot| u8::try_from(slot).ok().map(Slot)) {
            let (member, fault) = self.judge_member(set.as_ref(), number, slot);
            into.member(&member);
            let of = Subject::Member(id, member.place);
            if let Some(reference) = set.as_ref().and_then(|set| set.reference(slot)) {
                into.raw(of, "PD_Reference", reference.into());
                let newest = self.configuration().newest();
                if let Some(entry) = newest.entry_of(reference) {
                    into.raw(of, "PD_Type", entry.pd_type.get(newest.order()).into());
                    into.raw(of, "PD_State", entry.pd_state.get(newest.order()).into());
                    let size = entry.configured_size.get(newest.order());
                    let end = member.start.checked_add(member.len);
                    if member.state == MemberState::InSync && end.is_none_or(|end| end.0 > size) {
                        let fault = Fault::ExtentTooLong.on(member.disk);
                        let (copy, expected) = ("virtual disk configuration record", Some(size));
                        let (array, found) = (Some(id), end.map(|end| end.0));
                        into.finding(&Finding { array, copy, found, expected, ..fault });
                    }
                }
            }
            if let Some(fault) = fault {
                let copy = "virtual disk configuration record";
                let (array, at) = (Some(id), Some(member.start));
                into.finding(&Finding { array, copy, at, ..fault.on(member.disk) });
            }
        }
    }
}
