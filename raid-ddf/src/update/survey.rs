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
use crate::physical_disk_records::{PhysicalDiskRecords, is_reference};
use crate::sequence::compare_kept;
use crate::spare_assignment::SpareAssignment;
use crate::structure::{ConfigurationRecord, Structure};
use crate::update::rosters;
use crate::vd_configuration::VdConfiguration;
use crate::virtual_disk_records::VirtualDiskRecords;
use raid_core::array::ArrayId;
use raid_core::metadata::{ChangeError, DiskBuffer};
use raid_core::units::Slot;

/// The live ones among the disks given.
#[derive(Debug)]
pub(crate) struct Live<'d, 'b>(pub(crate) &'d [DiskBuffer<'d, 'b>]);

impl Disks for Live<'_, '_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn disk(&self, index: usize) -> Option<DiskBytes<'_>> {
        self.0.get(index).filter(|disk| disk.live).map(DiskBytes::of_buffer)
    }
}

/// All the disks given, also those that are not written.
#[derive(Debug)]
pub(crate) struct All<'d, 'b>(pub(crate) &'d [DiskBuffer<'d, 'b>]);

impl Disks for All<'_, '_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn disk(&self, index: usize) -> Option<DiskBytes<'_>> {
        self.0.get(index).map(DiskBytes::of_buffer)
    }
}

/// The live disks of one configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Survey {
    /// Identity of the configuration.
    pub(crate) guid: Guid,
    /// The array that the change is of; unused where it is of none.
    pub(crate) array: Guid,
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
    /// Whether the copies that count are not all of the same update.
    pub(crate) differs: bool,
    /// Whether the lists of disks on all of them are the same bytes.
    lists_agree: bool,
    /// The live disks of the configuration that the update is written to.
    members: DiskSet,
    /// Those whose secondary copy counts.
    second: DiskSet,
    /// Those whose other copy says the same.
    twin_sound: DiskSet,
}

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
pub(crate) fn opened(disks: &dyn Disks, index: usize) -> Option<DdfDisk<'_>> {
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
        // The lists of whoever speaks count, unless the array says for itself who is in sync.
        if !survey.lists_agree
            && rosters::newest(disks, &survey, guid).is_none()
            && let Some(speaker) = dissenting_speaker(disks, guid)
        {
            survey = Self::spoken_for(disks, survey.guid, Some(speaker))?;
        }
        survey.array = guid;
        survey.virtual_disk(disks, guid).map(|_| survey).ok_or(none)
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
        let survey = Self::of_array(disks, guid).ok()?;
        rosters::obstacle(disks, &survey)
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
        speaker: Option<usize>,
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
        let spoken = speaker.and_then(|speaker| opened(disks, speaker));
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
            array: Guid::UNUSED,
            order: copies.order,
            block_size,
            seals: Section::GLOBAL.map(sealed),
            newest: newest.index(),
            copies,
            // All ones stand for "not kept": the counter goes round before.
            next_sequence: last.map(next),
            aligned: aligned && lowest == highest,
            differs: spoken.is_some() || lowest != highest,
            lists_agree: true,
            members,
            second,
            twin_sound,
        };
        survey.check_alike(disks)?;
        survey.lists_agree = survey.do_lists_agree(disks);
        Ok(survey)
    }

    /// Update counter of disk `index`.
    pub(crate) fn number_of(&self, disks: &dyn Disks, index: usize) -> Option<u32> {
        self.member(disks, index).and_then(|(_, copies, _)| copies.sequence())
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

    /// The newest configuration record of set `set` of array `guid` on the live disks. Where records name other
    /// members, those that are [`overruled`](rosters::overruled) do not count, whatever their numbers: an update of another
    /// array may have counted them on.
    pub(crate) fn record(&self, disks: &dyn Disks, guid: Guid, set: u16) -> Option<RecordAt> {
        let best = self.latest(disks, guid, set, &|_, _| true)?;
        let of_best = self.at(disks, best)?;
        let differs = |(_, other): (RecordAt, &VdConfiguration)| {
            let own = other.vd_guid == guid && set_of(other) == set;
            own && !self.references(disks, other).eq(self.references(disks, of_best))
        };
        if !self.records(disks).any(differs) {
            return Some(best);
        }
        let Some(roster) = rosters::newest(disks, self, guid) else { return Some(best) };
        let stands = |at: RecordAt, record: &VdConfiguration| {
            !rosters::overruled(disks, self, at.disk, record, &roster)
        };
        self.latest(disks, guid, set, &stands).or(Some(best))
    }

    /// The record of a set with the highest number, among some.
    fn latest(
        &self,
        disks: &dyn Disks,
        guid: Guid,
        set: u16,
        counts: &dyn Fn(RecordAt, &VdConfiguration) -> bool,
    ) -> Option<RecordAt> {
        self.records(disks)
            .filter(|(_, record)| record.vd_guid == guid && set_of(record) == set)
            .filter(|(at, record)| counts(*at, record))
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
    pub(crate) fn seal_newest(&self, disks: &mut [DiskBuffer<'_, '_>]) {
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
