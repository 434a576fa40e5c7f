// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the live disks of one configuration say together: the ground every change starts from.
//!
//! All checks happen here, before the first byte is edited. A change then edits the *newest* disk's
//! chosen copy and lets [`spread`](super::spread) carry it everywhere.

use super::copies::{Copies, Unusable};
use super::disk_set::DiskSet;
use crate::assemble::dissenting_speaker;
use crate::assemble::half_created::settled;
use crate::choice::choose;
use crate::crc::{Seal, stored_crc};
use crate::disk::DdfDisk;
use crate::disk_bytes::{DiskBytes, Disks};
use crate::guid::Guid;
use crate::header::Section;
use crate::integer::ByteOrder;
use crate::locate::{AnchorSearch, CopyKind};
use crate::physical_disk_records::{PdState, PhysicalDiskRecords, is_reference};
use crate::sequence::{compare_kept, updates_between};
use crate::spare_assignment::SpareAssignment;
use crate::structure::{ConfigurationRecord, Structure};
use crate::update::set_note::Note;
use crate::vd_configuration::VdConfiguration;
use crate::virtual_disk_records::VirtualDiskRecords;
use raid_core::array::ArrayId;
use raid_core::metadata::{ChangeError, DiskBuffer};
use raid_core::units::{Slot, SlotSet};

/// The live ones among the disks given.
#[derive(Debug)]
pub(crate) struct Live<'d, 'b>(pub(crate) &'d [DiskBuffer<'b>]);

impl Disks for Live<'_, '_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn disk(&self, index: usize) -> Option<DiskBytes<'_>> {
        self.0.get(index).filter(|disk| disk.live).map(DiskBytes::of_buffer)
    }
}

/// The live disks of one configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Survey {
    /// Identity of the configuration.
    pub(crate) guid: Guid,
    pub(crate) order: ByteOrder,
    pub(crate) block_size: u32,
    /// How the newest disk's [global sections](Section::GLOBAL) are sealed.
    seals: [Seal; 3],
    /// Index of the disk that was written last.
    pub(crate) newest: usize,
    /// Its copies.
    pub(crate) copies: Copies,
    /// Update counter of the next change; `None` where the configuration keeps none.
    pub(crate) next_sequence: Option<u32>,
    /// Whether every copy on every live disk is of the same update.
    pub(crate) aligned: bool,
    /// Whether the lists of disks on all of them are the same bytes.
    lists_agree: bool,
    /// The live disks of the configuration that the update is written to.
    members: DiskSet,
    /// Those whose secondary copy counts.
    second: DiskSet,
    /// Those whose other copy says the same.
    twin_sound: DiskSet,
}

/// Why a disk refuses an update. The format has one state a disk, not one a volume.
const FORGETFUL: &str = "its records say that another array ran without a disk of this array; an \
                         update would take that back; read this array, copy it elsewhere";

/// A configuration record in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordAt {
    pub(crate) disk: usize,
    pub(crate) slot: usize,
    pub(crate) sequence: u32,
}

/// A number outside its limit.
pub(crate) fn invalid(what: &'static str, found: usize, expected: usize) -> ChangeError {
    let wide = |n| u64::try_from(n).unwrap_or(u64::MAX);
    ChangeError::Invalid { what, found: wide(found), expected: wide(expected) }
}

/// The copies on disk `index`, if it is live and carries the format.
pub(crate) fn copies_of(disks: &dyn Disks, index: usize) -> Result<Option<Copies>, ChangeError> {
    let Some(disk) = disks.disk(index) else { return Ok(None) };
    Copies::find(disk).map_err(|unusable| {
        let Unusable { at, what, found, expected } = unusable;
        ChangeError::Damaged { disk: index, at, what, found, expected }
    })
}

/// Disk `index` through the copy that counts.
fn opened(disks: &dyn Disks, index: usize) -> Option<DdfDisk<'_>> {
    let disk = disks.disk(index)?;
    DdfDisk::open(index, disk, choose(disk, AnchorSearch::NONE, &mut |_| {})?)
}

impl Survey {
    /// The configuration that disk `index` belongs to.
    pub(crate) fn of_disk(disks: &dyn Disks, index: usize) -> Result<Self, ChangeError> {
        match copies_of(disks, index)? {
            Some(copies) => Self::of(disks, copies.header.ddf_header_guid),
            None => Err(ChangeError::Disk { disk: index, what: "not a live disk of this format" }),
        }
    }

    /// The configuration that its caller names by what discovery told.
    pub(crate) fn of_configuration(disks: &dyn Disks, id: ArrayId) -> Result<Self, ChangeError> {
        Self::of(disks, Guid::from(id)).map_err(|error| match error {
            ChangeError::Invalid { .. } => ChangeError::NoSuchArray(id),
            other => other,
        })
    }

    /// The configuration that array `guid` belongs to.
    pub(crate) fn of_array(disks: &dyn Disks, guid: Guid) -> Result<Self, ChangeError> {
        let none = ChangeError::NoSuchArray(guid.into());
        if guid.is_unused() {
            return Err(none);
        }
        let knows = |copies: &Copies, structure: &Structure<'_>| {
            let records = structure.virtual_disks();
            records.is_some_and(|records| records.find(copies.order, &guid).is_some())
        };
        let mut survey = Self::knowing(disks, &knows)?.ok_or(none)?;
        if !survey.lists_agree
            && let Some(speaker) = dissenting_speaker(disks, guid)
        {
            survey = Self::spoken_for(disks, survey.guid, Some((speaker, guid)))?;
            if let Some(disk) = survey.forgetful(disks, guid) {
                return Err(ChangeError::Disk { disk, what: FORGETFUL });
            }
        }
        survey.virtual_disk(disks, guid).map(|_| survey).ok_or(none)
    }

    /// A member of the array on which an update would take back what the disk knows of another one: that it ran
    /// without a disk that the lists of this update count in. A disk that is no member of the array is
    /// [spared](Self::spare_accusers) instead; a member has to be written.
    fn forgetful(&self, disks: &dyn Disks, array: Guid) -> Option<usize> {
        let newest = self.physical_disks(disks)?;
        (0..disks.count()).filter(|index| *index != self.newest).find(|index| {
            let counted_in = self.reference(disks, *index).is_some_and(|me| {
                let entry = newest.find(self.order, me);
                entry.is_some_and(|entry| entry.pd_state(self.order).is_usable())
            });
            let own = self.member(disks, *index).zip(self.reference(disks, *index));
            let member = own.is_some_and(|((_, _, structure), me)| {
                let mut own = structure.volumes().filter(|record| record.vd_guid == array);
                own.any(|record| self.references(disks, record).any(|them| them == me))
            });
            counted_in && member && self.is_accuser(disks, *index, Some(array), true)
        })
    }

    /// Whether disk `disk` carries a later update than the one that counts.
    pub(crate) fn is_later(&self, disks: &dyn Disks, disk: usize) -> bool {
        compare_kept(self.number_of(disks, disk), self.copies.sequence()).is_gt()
    }

    /// The slots of a record on disk `disk` that this disk knows to be filled for its set.
    pub(crate) fn filling_by(
        &self,
        disks: &dyn Disks,
        disk: usize,
        record: &VdConfiguration,
    ) -> SlotSet {
        let own = self.member(disks, disk).and_then(|(_, _, structure)| structure.physical_disks());
        let Some(own) = own else { return SlotSet::EMPTY };
        let who = |slot: Slot| {
            let reference = self.references(disks, record).nth(slot.index())?;
            Some((reference, own.find(self.order, reference)?.pd_guid))
        };
        let filling = |reference| {
            let entry = own.find(self.order, reference);
            entry.is_some_and(|entry| entry.pd_state(self.order).is_filling())
        };
        let all = (0..=u8::MAX).map(Slot).zip(self.references(disks, record));
        let filling = all.filter(|(_, reference)| filling(*reference)).map(|(slot, _)| slot);
        let number = self.number_of(disks, disk);
        let held = || Note::of_record(record, self.order, number, &who).held;
        let filling: SlotSet = filling.collect();
        if filling.is_empty() { filling } else { filling.without(held()) }
    }

    fn do_lists_agree(&self, disks: &dyn Disks) -> bool {
        let newest = self.list_crc(disks, self.newest);
        let members = (0..disks.count()).filter(|index| self.members.contains(*index));
        newest.is_some() && members.into_iter().all(|index| self.list_crc(disks, index) == newest)
    }

    /// The configuration whose records list the disk with this GUID, at hand or not.
    pub(crate) fn listing(disks: &dyn Disks, guid: &Guid) -> Result<Self, ChangeError> {
        let none = ChangeError::Disk { disk: disks.count(), what: "listed by no configuration" };
        if guid.is_unused() {
            return Err(none);
        }
        let knows = |copies: &Copies, structure: &Structure<'_>| {
            let records = structure.physical_disks();
            records.is_some_and(|all| all.used(copies.order).any(|(_, e)| e.pd_guid == *guid))
        };
        let survey = Self::knowing(disks, &knows)?.ok_or(none)?;
        survey.reference_of(disks, guid).map(|_| survey).ok_or(none)
    }

    /// Why no update of array `guid` can be written, if a disk is in the way.
    pub(crate) fn obstacle(disks: &dyn Disks, guid: Guid) -> Option<ChangeError> {
        let forgets = |why: &ChangeError| matches!(why, ChangeError::Disk { what: FORGETFUL, .. });
        Self::of_array(disks, guid).err().filter(forgets)
    }

    /// The configuration of the first disk that knows what is looked for.
    fn knowing(
        disks: &dyn Disks,
        knows: &dyn Fn(&Copies, &Structure<'_>) -> bool,
    ) -> Result<Option<Self>, ChangeError> {
        for index in 0..disks.count() {
            let (Some(disk), Some(copies)) = (disks.disk(index), copies_of(disks, index)?) else {
                continue;
            };
            if copies.structure(disk).is_some_and(|structure| knows(&copies, &structure)) {
                return Self::of(disks, copies.header.ddf_header_guid).map(Some);
            }
        }
        Ok(None)
    }

    /// The configuration `guid`.
    pub(crate) fn of(disks: &dyn Disks, guid: Guid) -> Result<Self, ChangeError> {
        Self::spoken_for(disks, guid, None)
    }

    /// The same, by the lists of the disk that speaks for an array instead of those of the newest.
    fn spoken_for(
        disks: &dyn Disks,
        guid: Guid,
        speaker: Option<(usize, Guid)>,
    ) -> Result<Self, ChangeError> {
        let mut best: Option<(DdfDisk<'_>, Copies)> = None;
        let (mut highest, mut lowest, mut aligned) = (None, Some(u32::MAX), true);
        let [mut members, mut second, mut twin_sound] = [DiskSet::EMPTY; 3];
        for index in 0..disks.count() {
            let Some(copies) = copies_of(disks, index)? else { continue };
            if copies.header.ddf_header_guid != guid {
                continue;
            }
            if !members.insert(index) {
                return Err(invalid("index of a disk", index, DiskSet::LIMIT));
            }
            if copies.kind == CopyKind::Secondary {
                second.insert(index);
            }
            if copies.twin_sound {
                twin_sound.insert(index);
            }
            highest = highest.max(copies.sequence());
            lowest = lowest.min(copies.sequence());
            aligned &= copies.twin_sound || copies.twin.is_none();
            let Some(disk) = opened(disks, index) else { continue };
            if best.as_ref().is_none_or(|(known, _)| disk.compare_freshness(known).is_gt()) {
                best = Some((disk, copies));
            }
        }
        let (mut newest, mut copies) = best.ok_or(invalid("live disks", 0, 1))?;
        let all = || {
            let disks = (0..disks.count()).filter_map(|index| opened(disks, index));
            disks.filter(|disk| disk.configuration() == guid)
        };
        let spoken = speaker.and_then(|(speaker, _)| opened(disks, speaker));
        let mut last = copies.sequence();
        if let Some(speaker) = spoken {
            newest = speaker;
            copies = copies_of(disks, newest.index())?.unwrap_or(copies);
            aligned = false;
        } else if lowest != highest {
            newest = settled(newest, all);
            copies = copies_of(disks, newest.index())?.unwrap_or(copies);
            last = copies.sequence();
        }
        let block_size = newest.bytes().shape().block_size;
        let structure = newest.structure();
        let sealed = |section| {
            copies.section_seal(block_size, structure.section(section).unwrap_or_default())
        };
        let mut survey = Self {
            guid,
            order: copies.order,
            block_size,
            seals: Section::GLOBAL.map(sealed),
            newest: newest.index(),
            copies,
            // All ones stand for "not kept": the counter goes round before.
            next_sequence: last.map(next),
            aligned: aligned && lowest == highest,
            lists_agree: true,
            members,
            second,
            twin_sound,
        };
        survey.check_alike(disks)?;
        survey.lists_agree = survey.do_lists_agree(disks);
        survey.spare_accusers(disks, speaker.map(|(_, array)| array));
        Ok(survey)
    }

    /// Leaves out disks of other arrays that call a disk out which this update counts in. The format
    /// has one state a disk, not one a volume: written there, the update would take back what only
    /// these disks know, that their array ran without it. The counter goes on by two then, so that they
    /// are not mistaken for disks that an interrupted update did not reach.
    fn spare_accusers(&mut self, disks: &dyn Disks, array: Option<Guid>) {
        if self.lists_agree {
            return;
        }
        let newest = self.copies.sequence();
        let mut members = DiskSet::EMPTY;
        let mut spared = false;
        for index in (0..disks.count()).filter(|index| self.members.contains(*index)) {
            let one_behind = match (newest, self.number_of(disks, index)) {
                (Some(newest), Some(own)) => updates_between(newest, own) == 1,
                _ => false,
            };
            if index != self.newest && !one_behind && self.is_accuser(disks, index, array, false) {
                spared = true;
            } else {
                members.insert(index);
            }
        }
        if spared {
            self.members = members;
            self.next_sequence = self.next_sequence.map(next);
        }
    }

    fn number_of(&self, disks: &dyn Disks, index: usize) -> Option<u32> {
        self.member(disks, index).and_then(|(_, copies, _)| copies.sequence())
    }

    /// Whether a disk is a member of arrays other than this one, one of which it knows to have run
    /// without a disk that the newest lists count in.
    ///
    /// A member of this array is none, unless `members` asks for those: then what it knows of this
    /// array does not count.
    fn is_accuser(
        &self,
        disks: &dyn Disks,
        index: usize,
        array: Option<Guid>,
        members: bool,
    ) -> bool {
        let Some((_, _, structure)) = self.member(disks, index) else { return false };
        let (Some(own), Some(newest)) = (structure.physical_disks(), self.physical_disks(disks))
        else {
            return false;
        };
        let state = |list: &PhysicalDiskRecords, reference| {
            list.find(self.order, reference).map(|entry| entry.pd_state(self.order))
        };
        let me = self.reference(disks, index);
        let names = |record: &VdConfiguration, reference| {
            self.references(disks, record).any(|element| Some(element) == reference)
        };
        let holds = |record: &&VdConfiguration| names(record, me);
        let holds_data = |record: &VdConfiguration| {
            let state = me.and_then(|me| state(own, me));
            let mut slots = (0..=u8::MAX).map(Slot).zip(self.references(disks, record));
            let mine = slots.find(|(_, them)| Some(*them) == me).map(|(slot, _)| slot);
            let filling = || self.filling_by(disks, index, record);
            state.is_some_and(|state| {
                state.is_usable()
                    || (state.is_filling() && mine.is_some_and(|mine| !filling().contains(mine)))
            })
        };
        if !members
            && array.is_some_and(|array| {
                structure.volumes().filter(holds).any(|record| record.vd_guid == array)
            })
        {
            return false;
        }
        let others = structure.volumes().filter(holds);
        let others = others.filter(|record| !members || Some(record.vd_guid) != array);
        others.filter(|record| holds_data(record)).any(|record| {
            self.references(disks, record).any(|reference| {
                let gone = |list| state(list, reference).is_some_and(PdState::is_gone);
                gone(own) && !gone(newest)
            })
        })
    }

    /// Leaves out a disk that the edited lists call out while it holds another array in which it
    /// counts itself in: that array may be judged by what its members say alone.
    pub(crate) fn without_lost(mut self, disks: &dyn Disks) -> Self {
        if self.lists_agree {
            return self;
        }
        let mut members = DiskSet::EMPTY;
        for index in (0..disks.count()).filter(|index| self.members.contains(*index)) {
            if index == self.newest || !self.is_lost(disks, index) {
                members.insert(index);
            }
        }
        self.members = members;
        self
    }

    fn is_lost(&self, disks: &dyn Disks, index: usize) -> bool {
        let (Some((_, _, structure)), Some(me)) =
            (self.member(disks, index), self.reference(disks, index))
        else {
            return false;
        };
        let state = |list: Option<&PhysicalDiskRecords>| {
            list.and_then(|list| list.find(self.order, me)).map(|entry| entry.pd_state(self.order))
        };
        let lost = state(self.physical_disks(disks)).is_some_and(PdState::is_gone);
        let names =
            |record: &&VdConfiguration| self.references(disks, record).any(|them| them == me);
        // One array alone knows of the loss by the lists of its other members.
        lost && state(structure.physical_disks()).is_some_and(PdState::is_usable)
            && structure.volumes().filter(names).nth(1).is_some()
    }

    /// The global sections are copied from disk to disk: every disk must have the same tables.
    fn check_alike(&self, disks: &dyn Disks) -> Result<(), ChangeError> {
        let tables = |copies: &Copies| {
            let header = &copies.header;
            let lengths = Section::REQUIRED.map(|section| header.section(section).length);
            let records = (header.configuration_record_length, header.max_primary_element_entries);
            (copies.order, lengths, records)
        };
        let nothing = ChangeError::Disk { disk: self.newest, what: "no physical disk records" };
        let records = self.physical_disks(disks).ok_or(nothing)?;
        for index in 0..disks.count() {
            let Some((disk, copies, structure)) = self.member(disks, index) else { continue };
            let differs = |what| Err(ChangeError::Disk { disk: index, what });
            if disk.shape().block_size != self.block_size {
                return differs("another block size than the rest of the configuration");
            }
            if tables(&copies) != tables(&self.copies) {
                return differs("other tables than the rest of the configuration");
            }
            let own = structure.disk_data().map(|data| data.pd_reference.get(self.order));
            if own.is_none_or(|own| records.find(self.order, own).is_none()) {
                return differs("not listed by the newest physical disk records");
            }
        }
        Ok(())
    }

    /// Disk `index`, if it is a live disk of this configuration.
    pub(crate) fn member<'d>(
        &self,
        disks: &'d dyn Disks,
        index: usize,
    ) -> Option<(DiskBytes<'d>, Copies, Structure<'d>)> {
        if !self.members.contains(index) {
            return None;
        }
        let disk = disks.disk(index)?;
        let second = self.second.contains(index);
        let kind = if second { CopyKind::Secondary } else { CopyKind::Primary };
        let copies = Copies::recall(disk, kind, self.twin_sound.contains(index))?;
        Some((disk, copies, copies.structure(disk)?))
    }

    /// Whether the copy that counts on disk `disk` is of another update than the one that counts: an
    /// earlier one, or one that did not finish.
    pub(crate) fn is_apart(&self, disks: &dyn Disks, disk: usize) -> bool {
        let own = self.member(disks, disk).and_then(|(_, copies, _)| copies.sequence());
        own != self.copies.sequence()
    }

    /// Whether disk `disk` was reached by the update that counts: its list of disks is the same.
    pub(crate) fn says_the_same(&self, disks: &dyn Disks, disk: usize) -> bool {
        disk == self.newest
            || (!self.is_apart(disks, disk)
                && (self.lists_agree
                    || self.list_crc(disks, disk) == self.list_crc(disks, self.newest)))
    }

    /// The CRC that disk `index` stores of its list of disks.
    fn list_crc(&self, disks: &dyn Disks, index: usize) -> Option<u32> {
        let (_, copies, structure) = self.member(disks, index)?;
        stored_crc(copies.order, structure.section(Section::PhysicalDiskRecords)?)
    }

    /// Whether the copy that counts on disk `disk` is of an earlier update than the newest.
    pub(crate) fn is_behind(&self, disks: &dyn Disks, disk: usize) -> bool {
        let own = self.member(disks, disk).and_then(|(_, copies, _)| copies.sequence());
        own.is_some() && compare_kept(own, self.copies.sequence()).is_lt()
    }

    /// The short name of disk `index`.
    pub(crate) fn reference(&self, disks: &dyn Disks, index: usize) -> Option<u32> {
        let (_, _, structure) = self.member(disks, index)?;
        Some(structure.disk_data()?.pd_reference.get(self.order))
    }

    /// The newest physical disk records.
    pub(crate) fn physical_disks<'d>(
        &self,
        disks: &'d dyn Disks,
    ) -> Option<&'d PhysicalDiskRecords> {
        self.copies.structure(disks.disk(self.newest)?)?.physical_disks()
    }

    /// The newest virtual disk records.
    pub(crate) fn virtual_disks<'d>(&self, disks: &'d dyn Disks) -> Option<&'d VirtualDiskRecords> {
        self.copies.structure(disks.disk(self.newest)?)?.virtual_disks()
    }

    /// Index of the entry of array `guid`.
    pub(crate) fn virtual_disk(&self, disks: &dyn Disks, guid: Guid) -> Option<usize> {
        let records = self.virtual_disks(disks)?;
        records.used(self.order).find(|(_, e)| e.vd_guid == guid).map(|(index, _)| index)
    }

    /// The configuration records on the live disks.
    pub(crate) fn records<'d>(
        &self,
        disks: &'d dyn Disks,
    ) -> impl Iterator<Item = (RecordAt, &'d VdConfiguration)> + use<'_, 'd> {
        (0..disks.count()).flat_map(move |disk| {
            let structure = self.member(disks, disk).map(|member| member.2);
            let slots = structure.into_iter().flat_map(|structure| structure.records());
            slots.filter_map(move |slot| {
                let ConfigurationRecord::VirtualDisk(record) = slot.record else { return None };
                let sequence = record.sequence_number.get(self.order);
                Some((RecordAt { disk, slot: slot.index, sequence }, record))
            })
        })
    }

    /// The newest configuration record of set `set` of array `guid` on the live disks.
    pub(crate) fn record(&self, disks: &dyn Disks, guid: Guid, set: u16) -> Option<RecordAt> {
        self.records(disks)
            .filter(|(_, record)| record.vd_guid == guid && set_of(record) == set)
            .map(|(at, _)| at)
            .reduce(|best, at| {
                let equal = at.sequence == best.sequence;
                // What the update that was interrupted has written there says more.
                let better =
                    equal && self.is_behind(disks, best.disk) && !self.is_behind(disks, at.disk);
                if better || newer(at.sequence, best.sequence) { at } else { best }
            })
    }

    /// The slot of disk `disk` that holds the record of set `set` of array `guid`.
    pub(crate) fn slot_of(
        &self,
        disks: &dyn Disks,
        disk: usize,
        guid: Guid,
        set: u16,
    ) -> Option<usize> {
        let mut records = self.records(disks);
        records
            .find(|(at, record)| at.disk == disk && record.vd_guid == guid && set_of(record) == set)
            .map(|(at, _)| at.slot)
    }

    /// The slot of a set that the disk with this reference is in, by the newest record of the set.
    pub(crate) fn slot_in(
        &self,
        disks: &dyn Disks,
        (guid, set): (Guid, u16),
        reference: u32,
    ) -> Option<Slot> {
        let record = self.record(disks, guid, set).and_then(|at| self.at(disks, at))?;
        let place = self.references(disks, record).position(|element| element == reference)?;
        u8::try_from(place).ok().map(Slot)
    }

    /// How many sets array `guid` has; 0 if no live disk has a record of it.
    pub(crate) fn sets(&self, disks: &dyn Disks, guid: Guid) -> u16 {
        let mut records = self.records(disks);
        let record = records.find(|(_, record)| record.vd_guid == guid);
        record.map_or(0, |(_, record)| record.secondary_element_count.max(1).into())
    }

    /// The record that stands at `at`.
    pub(crate) fn at<'d>(&self, disks: &'d dyn Disks, at: RecordAt) -> Option<&'d VdConfiguration> {
        self.volume(disks, at.disk, at.slot)
    }

    /// The configuration record in slot `slot` of disk `disk`.
    pub(crate) fn volume<'d>(
        &self,
        disks: &'d dyn Disks,
        disk: usize,
        slot: usize,
    ) -> Option<&'d VdConfiguration> {
        let (_, _, structure) = self.member(disks, disk)?;
        structure.records().nth(slot).and_then(|slot| match slot.record {
            ConfigurationRecord::VirtualDisk(record) => Some(record),
            _ => None,
        })
    }

    /// Whether the newest record of a set names the disk with this reference; those of array
    /// `except` do not count.
    pub(crate) fn names(&self, disks: &dyn Disks, reference: u32, except: Option<Guid>) -> bool {
        self.records(disks).any(|(at, record)| {
            let newest = self.record(disks, record.vd_guid, set_of(record));
            except != Some(record.vd_guid)
                && newest.is_some_and(|newest| newest.sequence == at.sequence)
                && self.references(disks, record).any(|element| element == reference)
        })
    }

    /// The short name of the disk with this GUID, at hand or not.
    pub(crate) fn reference_of(&self, disks: &dyn Disks, guid: &Guid) -> Option<u32> {
        let records = self.physical_disks(disks)?;
        let (_, entry) = records.used(self.order).find(|(_, entry)| entry.pd_guid == *guid)?;
        Some(entry.pd_reference.get(self.order)).filter(|reference| is_reference(*reference))
    }

    /// The spare assignment record of disk `disk`, and its slot.
    pub(crate) fn assignment<'d>(
        &self,
        disks: &'d dyn Disks,
        disk: usize,
    ) -> Option<(usize, &'d SpareAssignment)> {
        let (_, _, structure) = self.member(disks, disk)?;
        structure.records().find_map(|slot| match slot.record {
            ConfigurationRecord::Spare(spare) => Some((slot.index, spare)),
            _ => None,
        })
    }

    /// How many slots for records disk `disk` has; 0 if it is no live disk of this configuration.
    pub(crate) fn slots(&self, disks: &dyn Disks, disk: usize) -> usize {
        self.member(disks, disk).map_or(0, |(_, _, structure)| structure.records().count())
    }

    /// Whether the newest virtual disk records list the array of a record.
    pub(crate) fn lists(&self, disks: &dyn Disks, record: &VdConfiguration) -> bool {
        let records = self.virtual_disks(disks);
        records.is_some_and(|records| records.find(self.order, &record.vd_guid).is_some())
    }

    /// Stores the CRCs of the newest global sections after edits, the way they were before.
    pub(crate) fn seal_newest(&self, disks: &mut [DiskBuffer<'_>]) {
        for (section, seal) in Section::GLOBAL.into_iter().zip(self.seals) {
            let at = self.copies.extent(self.copies.chosen, section);
            if let Some(bytes) = at.and_then(|at| disks.get_mut(self.newest)?.get_mut(at)) {
                seal.store(self.order, bytes);
            }
        }
    }

    /// Slots of each list of a configuration record.
    pub(crate) fn element_slots(&self, disks: &dyn Disks) -> usize {
        let structure = disks.disk(self.newest).and_then(|disk| self.copies.structure(disk));
        structure.map_or(0, |structure| structure.element_slots())
    }

    /// The elements that a record names.
    pub(crate) fn references<'d>(
        &self,
        disks: &dyn Disks,
        record: &'d VdConfiguration,
    ) -> impl Iterator<Item = u32> + use<'d> {
        let order = self.order;
        let count = usize::from(record.primary_element_count.get(order));
        let lists = record.elements(self.element_slots(disks));
        let references = lists.map(|lists| lists.references).unwrap_or_default();
        references.iter().take(count).map(move |reference| reference.get(order))
    }
}

/// The update counter after this one. All ones stand for "not kept": it goes round before.
pub(crate) const fn next(number: u32) -> u32 {
    if number >= u32::MAX - 1 { 1 } else { number.saturating_add(1) }
}

/// Which basic virtual disk a record is of. A plain one may store anything.
pub(crate) fn set_of(record: &VdConfiguration) -> u16 {
    if record.secondary_element_count > 1 { record.secondary_element_seq.into() } else { 0 }
}

/// Whether record sequence number `a` is later than `b`: they wrap around.
pub(crate) fn newer(a: u32, b: u32) -> bool {
    crate::sequence::compare_sequences(a, b).is_gt()
}
