// SPDX-License-Identifier: MIT OR Apache-2.0
//! One volume: its entry in the newest records, and the newest configuration record of each set.

use super::descent::{Descent, Voice};
use super::records::RecordsOf;
use super::state::{join_sets, set_state};
use super::{Configuration, worth};
use crate::disk::DdfDisk;
use crate::finding::Fault;
use crate::geometry::{Codes, Unmappable, joined_size};
use crate::guid::Guid;
use crate::header::Section;
use crate::physical_disk_records::PdState;
use crate::roster::Roster;
use crate::sequence::{compare_sequences, updates_between};
use crate::structure::{ConfigurationRecord, RecordSlot};
use crate::update::set_note::SetNote;
use crate::vd_configuration::{ElementLists, VdConfiguration};
use crate::virtual_disk_records::{VdCondition, VirtualDiskEntry};
use raid_core::array::{ArrayState, Geometry, Level, MemberState};
use raid_core::array::{Placement, QNumbering, Secondary};
use raid_core::layout::Layout;
use raid_core::units::{Blocks, Lba, Slot, SlotSet};

/// A volume of a configuration.
#[derive(Clone, Copy, Debug)]
pub struct VirtualDisk<'a> {
    pub(super) configuration: Configuration<'a>,
    entry: &'a VirtualDiskEntry,
    /// Of `entry` in the virtual disk records of the disk that lists it.
    index: usize,
    /// The disk whose copy of the lists counts for the volume.
    pub(super) speaker: DdfDisk<'a>,
    /// What the volume says for itself there.
    roster: Option<Roster>,
    lead: Option<SetRecord<'a>>,
    codes: Option<Codes<'a>>,
    mapped: Result<Geometry, Unmappable>,
    /// Whether some disks have each gone on without the other.
    pub(super) forked: bool,
}

/// The newest configuration record of one set, and the disk it stands on.
#[derive(Clone, Copy, Debug)]
pub struct SetRecord<'a> {
    /// The disk.
    pub disk: DdfDisk<'a>,
    /// Its record.
    pub record: &'a VdConfiguration,
    /// First block of the record.
    pub at: Lba,
}

impl<'a> SetRecord<'a> {
    /// The record in a slot of a disk, if it is one of a virtual disk.
    pub(super) fn in_slot(disk: DdfDisk<'a>, slot: &RecordSlot<'a>) -> Option<Self> {
        match slot.record {
            ConfigurationRecord::VirtualDisk(record) => Some(Self { disk, record, at: slot.at }),
            _ => None,
        }
    }

    /// The record's lists, cut to N elements; fewer if the record has no room for N.
    #[must_use]
    pub fn elements(&self) -> ElementLists<'a> {
        let slots = self.disk.element_slots();
        let none = ElementLists { references: &[], starting_blocks: &[] };
        let lists = self.record.elements(slots).unwrap_or(none);
        let count = usize::from(self.record.primary_element_count.get(self.disk.order()));
        ElementLists {
            references: lists.references.get(..count).unwrap_or(lists.references),
            starting_blocks: lists.starting_blocks.get(..count).unwrap_or(lists.starting_blocks),
        }
    }

    /// The record's update counter.
    #[must_use]
    pub fn sequence(&self) -> u32 {
        self.record.sequence_number.get(self.disk.order())
    }

    /// Blocks that each member gives; `None` where the record leaves it open (Adaptec).
    #[must_use]
    pub fn block_count(&self) -> Option<Blocks> {
        match self.record.block_count.get(self.disk.order()) {
            0 => None,
            count => Some(Blocks(count)),
        }
    }
}

impl<'a> VirtualDisk<'a> {
    #[inline(never)]
    pub(super) fn new(
        configuration: Configuration<'a>,
        index: usize,
        entry: &'a VirtualDiskEntry,
    ) -> Self {
        let unmapped = Err(Unmappable::but(Fault::NoRecord, 0, 1));
        let speaker = configuration.newest();
        let blank = Self {
            configuration,
            entry,
            index,
            speaker,
            roster: None,
            lead: None,
            codes: None,
            mapped: unmapped,
            forked: false,
        };
        let Descent { speaker, forked } = blank.judge_descent();
        let own = speaker.virtual_disks().and_then(|records| {
            let mut used = records.used(speaker.order());
            used.find(|(_, own)| own.vd_guid == entry.vd_guid)
        });
        // A speaker that does not list the volume yet knows its disks all the same.
        let listed = own.filter(|(_, own)| own.condition() != VdCondition::Deleted);
        let blank = match listed {
            Some((index, entry)) => Self { speaker, forked, index, entry, ..blank },
            None => Self { speaker, forked, ..blank },
        };
        let known = blank.carriers().chain(blank.claims());
        let mut spoken = known.filter(|claim| claim.disk.index() == speaker.index());
        let blank = Self { roster: spoken.find_map(|claim| claim.roster()), ..blank };
        let Some(lead) = blank.newest(blank.claims()) else { return blank };
        let known = Self { lead: Some(lead), ..blank };
        let codes = known.read_codes(&lead);
        let mapped = known.map(&codes);
        Self { codes: Some(codes), mapped, ..known }
    }

    /// Its GUID.
    #[must_use]
    pub const fn guid(&self) -> Guid {
        self.entry.vd_guid
    }

    /// The configuration it belongs to.
    #[must_use]
    pub const fn configuration(&self) -> Configuration<'a> {
        self.configuration
    }

    /// The disk whose copy of the shared lists counts for this volume.
    #[must_use]
    pub const fn speaker(&self) -> DdfDisk<'a> {
        self.speaker
    }

    /// Its entry in the virtual disk records that count for it.
    #[must_use]
    pub const fn entry(&self) -> &'a VirtualDiskEntry {
        self.entry
    }

    /// The disk that holds the entry: the speaker, or the newest if the speaker lacks it.
    pub(super) fn entry_disk(&self) -> DdfDisk<'a> {
        let lists = |disk: &DdfDisk<'a>| {
            let entries = disk.virtual_disks().map(|records| &records.entries);
            entries
                .and_then(|all| all.get(self.index))
                .is_some_and(|e| core::ptr::eq(e, self.entry))
        };
        if lists(&self.speaker) { self.speaker } else { self.configuration.newest() }
    }

    /// The block that holds the entry.
    #[must_use]
    pub fn entry_at(&self) -> Option<Lba> {
        self.entry_disk().entry_lba(Section::VirtualDiskRecords, self.index)
    }

    /// The speaker, with what the volume says for itself there.
    pub(super) const fn voice(&self) -> Voice<'a> {
        Voice { disk: self.speaker, roster: self.roster }
    }

    /// Whether the updates of the configuration are those of the volume.
    pub(super) const fn counts_alone(&self) -> bool {
        self.roster.is_none()
    }

    /// Whether copies agree, and how far it is initialised: the worst of all sets.
    pub(crate) fn note(&self) -> SetNote {
        let listed = SetNote::of_entry(self.entry);
        match self.roster {
            // Beside others the lists may be of another volume's update. Alone they say the same, unless
            // somebody else has recorded something since and did not count it.
            Some(roster) if self.configuration.entries().nth(1).is_none() => {
                roster.note.within(listed)
            }
            Some(roster) => roster.note,
            None => listed,
        }
    }

    /// Whether a record is of the update that counts.
    pub(crate) fn is_of_speaker(&self, claim: &SetRecord<'a>) -> bool {
        match self.roster {
            Some(roster) => claim.roster() == Some(roster),
            None => claim.disk.sequence() == self.speaker.sequence(),
        }
    }

    /// Whether no write was under way.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.note().clean || self.was_opened_in_vain()
    }

    /// State of a disk's data in this volume, its own records aside.
    pub(super) fn condition(&self, disk: &DdfDisk<'a>) -> MemberState {
        let of = |disk: &DdfDisk<'a>| {
            let index = disk.index();
            self.carriers().find(move |claim| claim.disk.index() == index)
        };
        let (Some(_), Some(reference)) = (self.roster, disk.reference()) else {
            let headers = disk.effective_sequence().zip(self.speaker.effective_sequence());
            let missed = headers.is_some_and(|(own, last)| updates_between(own, last) > 0)
                && of(disk)
                    .zip(of(&self.speaker))
                    .is_some_and(|(own, speaks)| own.missed_before_its_first(&speaks));
            return match missed {
                true => MemberState::Stale,
                false => self.configuration.condition_by(&self.speaker, disk),
            };
        };
        let voice = self.voice();
        let Some(state) = voice.state_of(reference) else { return MemberState::Stale };
        // The record of one that takes a place may not have reached it yet.
        let own = of(disk);
        let behind = match (voice.number(), own.and_then(|own| own.number())) {
            (Some(number), Some(own)) => updates_between(number, own),
            _ => 0,
        };
        worth(state, behind.into())
    }

    /// PD_State of a disk as the speaker says, for this volume.
    pub(crate) fn state_of(&self, reference: u32) -> Option<PdState> {
        self.voice().state_of(reference)
    }

    /// The disks that hold a configuration record of it, with the record.
    pub(super) fn claims(&self) -> RecordsOf<'_, 'a> {
        self.configuration.records_of(self.guid(), None)
    }

    /// The disks that hold a configuration record of one set, with the record.
    pub(crate) fn set_claims(&self, set: u16) -> RecordsOf<'_, 'a> {
        self.configuration.records_of(self.guid(), Some(set))
    }

    /// The newest record of one set. Records on disks that take part go before those on stale or
    /// failed ones, whatever their number.
    #[must_use]
    pub fn set_record(&self, set: u16) -> Option<SetRecord<'a>> {
        self.newest(self.set_claims(set))
    }

    /// The newest record of any set: what all sets have in common is taken from it.
    #[must_use]
    pub const fn lead(&self) -> Option<SetRecord<'a>> {
        self.lead
    }

    /// Whether the data of a record's disk is used.
    pub(super) fn takes_part(&self, claim: &SetRecord<'a>) -> bool {
        let condition = self.condition(&claim.disk);
        matches!(condition, MemberState::InSync | MemberState::Rebuilding)
    }

    fn newest(&self, claims: impl Iterator<Item = SetRecord<'a>>) -> Option<SetRecord<'a>> {
        claims.reduce(|newest, claim| {
            // A record that places a disk counts only with that disk's own entry of the same
            // update: what a disk says that does not count itself in comes last.
            let say = |claim: &SetRecord<'a>| {
                let takes_part = self.takes_part(claim);
                let speaks = claim.disk.index() == self.speaker.index();
                (takes_part, takes_part && (speaks || claim.counts_itself_in()))
            };
            let better = say(&claim)
                .cmp(&say(&newest))
                .then_with(|| compare_sequences(claim.sequence(), newest.sequence()));
            if better.is_gt() { claim } else { newest }
        })
    }

    /// How many sets there are.
    #[must_use]
    pub fn sets(&self) -> u16 {
        self.lead.map_or(0, |lead| lead.record.secondary_element_count.max(1).into())
    }

    /// The newest records of all sets of which one is at hand.
    pub(super) fn set_records(&self) -> impl Iterator<Item = SetRecord<'a>> + use<'_, 'a> {
        (0..self.sets()).filter_map(move |set| self.set_record(set))
    }

    /// How many slots each set has: no more than a record has room for.
    #[must_use]
    pub fn slots(&self) -> u16 {
        let count = self.lead.map_or(0, |lead| lead.elements().references.len());
        u16::try_from(count).unwrap_or(u16::MAX).min(256)
    }

    /// Blocks that each member of a set gives.
    pub(super) fn member_blocks(&self, set: &SetRecord<'a>) -> Blocks {
        if let Some(count) = set.block_count() {
            return count;
        }
        let newest = self.speaker;
        let slots = (0..=u8::MAX).filter_map(|slot| set.reference(Slot(slot)));
        let entries = slots.filter_map(|reference| newest.entry_of(reference));
        let sizes = entries.map(|entry| set.disk.configured_size(entry, newest.order()));
        sizes.min().unwrap_or_default()
    }

    pub(super) fn read_codes(&self, lead: &SetRecord<'a>) -> Codes<'a> {
        let member_blocks = self.member_blocks(lead);
        Codes {
            record: lead.record,
            order: lead.disk.order(),
            writer: self.configuration.writer(),
            member_blocks,
            equal_sets: self.set_records().all(|set| self.member_blocks(&set) == member_blocks),
            block_size: lead.disk.bytes().shape().block_size,
        }
    }

    /// What the records say together; `None` if none is at hand.
    pub(super) const fn codes(&self) -> Option<&Codes<'a>> {
        self.codes.as_ref()
    }

    fn map(&self, codes: &Codes<'a>) -> Result<Geometry, Unmappable> {
        let geometry = codes.geometry()?;
        let declared = codes.record.primary_element_count.get(codes.order);
        if declared != self.slots() {
            let (found, expected) = (declared.into(), self.slots().into());
            return Err(Unmappable::but(Fault::ElementCount, found, expected));
        }
        match Layout::new(&geometry) {
            Ok(_) => Ok(geometry),
            Err(_) => Err(Unmappable::code(Fault::NotMappable, codes_of(codes.record))),
        }
    }

    /// The geometry, and why there is none.
    pub(super) const fn mapped(&self) -> Result<Geometry, Unmappable> {
        self.mapped
    }

    /// The geometry; `None` if the records at hand give none.
    #[must_use]
    pub fn geometry(&self) -> Option<Geometry> {
        self.mapped.ok()
    }

    /// What is known of the shape even if it cannot be mapped: for reports.
    pub(super) fn shape(&self) -> Geometry {
        let unknown = Geometry {
            level: Level::Single,
            placement: Placement::Fixed,
            slots: self.slots(),
            strip: Blocks(0),
            member_blocks: self.codes.map_or(Blocks(0), |codes| codes.member_blocks),
            secondary: Secondary::None,
            sets: self.sets(),
            q_numbering: QNumbering::BySlot,
            parities: 0,
            rotate_shift: 0,
            block_size: self.configuration.newest().bytes().shape().block_size,
        };
        self.codes.and_then(|codes| codes.geometry().ok()).unwrap_or(unknown)
    }

    /// Blocks that the host sees: as stored, or computed where nothing is stored.
    #[must_use]
    pub fn size(&self) -> Blocks {
        let stored = self.lead.and_then(|lead| {
            let size = lead.record.vd_size.present(lead.disk.order())?;
            (size != 0).then_some(Blocks(size))
        });
        let computed = || self.capacity().unwrap_or_default();
        stored.unwrap_or_else(computed)
    }

    /// Blocks that the members can hold; `None` without a geometry. A concatenation takes what each
    /// member's own record says, sets of unequal sizes what each set's says.
    #[inline(never)]
    pub(super) fn capacity(&self) -> Option<Blocks> {
        let geometry = self.geometry()?;
        if geometry.level == Level::Concat {
            let (set, common) = self.measured_set(0)?;
            let slots = (0..self.slots()).filter_map(|slot| u8::try_from(slot).ok());
            let mut sizes = slots.map(|slot| self.extent_len(&set, common, Slot(slot)));
            return sizes.try_fold(Blocks(0), Blocks::checked_add);
        }
        if self.codes.is_some_and(|codes| !codes.equal_sets) {
            let sets = (0..geometry.sets).map(|set| self.set_record(set));
            let blocks = sets.map(|set| set.map(|set| self.member_blocks(&set)));
            return joined_size(&geometry, blocks).ok()?;
        }
        Layout::new(&geometry).ok().map(|layout| layout.size())
    }

    /// Worth with the members at hand, by the rules of its level. `Failed` as well if something
    /// about it was refused, `Forked` if disks have gone on without each other.
    #[must_use]
    pub fn state(&self) -> ArrayState {
        if self.forked {
            return ArrayState::Forked;
        }
        let Some(geometry) = self.geometry() else { return ArrayState::Failed };
        if self.is_refused() {
            return ArrayState::Failed;
        }
        let states = (0..geometry.sets).map(|set| {
            let set_record = self.measured_set(set);
            let slots = (0..geometry.slots).filter_map(|slot| u8::try_from(slot).ok().map(Slot));
            let readable: SlotSet = slots
                .filter(|slot| {
                    let member = self.member_of(set_record.as_ref(), set, *slot);
                    member.state == MemberState::InSync
                })
                .collect();
            set_state(&geometry, readable)
        });
        join_sets(geometry.secondary, states)
    }
}

/// Level, qualifier and secondary level as one number.
pub(super) fn codes_of(record: &VdConfiguration) -> u64 {
    u64::from(u32::from_be_bytes([
        0,
        record.primary_raid_level,
        record.raid_level_qualifier,
        record.secondary_raid_level,
    ]))
}
