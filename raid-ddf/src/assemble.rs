// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many disks' copies put together: which configurations there are, and which disk is whose.
//!
//! ```text
//! Assembly ── configurations ──▶ Configuration ── volumes ──▶ VirtualDisk ── member ──▶ place
//!  disks, and the copy in use      one header GUID;              one entry of the newest
//!  of each                         the newest disk speaks        virtual disk records
//!                                  for all
//! ```
//!
//! Nothing is copied and nothing allocated: every answer is read from the disks' bytes again. Only
//! which copy of each disk to use is kept, because it takes a pass over all CRCs to know.
//!
//! What is marked `#[inline(never)]` in these files holds much on the stack: put into each other, such functions take the sum
//! of their places in one frame, called one after the other only the largest. `cargo xtask ci stack` measures it.

mod branch;
mod conflict;
mod departed;
mod descent;
pub(crate) mod half_created;
mod lineage;
mod member;
mod note;
mod overlap;
mod records;
mod report;
pub(crate) mod state;
mod virtual_disk;
mod witness;

pub(crate) use descent::{dissenting_speaker, speaker};
pub(crate) use note::{DISK_WORDS, RECORD_WORDS};
pub use virtual_disk::{SetRecord, VirtualDisk};

use crate::disk::DdfDisk;
use crate::disk_bytes::Disks;
use crate::geometry::Writer;
use crate::guid::Guid;
use crate::locate::AnchorSearch;
use crate::physical_disk_records::{PdState, PdType, PhysicalDiskEntry};
use crate::sequence::updates_between;
use crate::virtual_disk_records::{VdCondition, VdFlags, VirtualDiskEntry};
use half_created::settled;
use note::{DiskNote, RecordNote};
use raid_core::array::MemberState;
use raid_core::metadata::{DiskRole, Finding};
use records::RecordsOf;

/// A number of disks, and the copy of the structure that is used of each.
#[derive(Clone, Copy, Debug)]
pub struct Assembly<'a> {
    disks: &'a dyn Disks,
    search: AnchorSearch,
    notes: &'a [DiskNote],
    records: &'a [RecordNote],
    /// Disks all of whose records are among `records`.
    indexed: usize,
}

impl<'a> Assembly<'a> {
    /// Judges every disk, chooses its copy, and tells what is wrong with it.
    ///
    /// With [`scratch_words`](Self::scratch_words) words of scratch nothing is looked at twice. With
    /// fewer everything works as well, but what has no place is judged anew each time it is needed.
    pub fn new(
        disks: &'a dyn Disks,
        scratch: &'a mut [u64],
        tell: &mut dyn FnMut(Finding),
    ) -> Self {
        Self::searched(disks, AnchorSearch::NONE, scratch, tell)
    }

    /// As [`new`](Self::new), with anchors that a search found.
    pub fn searched(
        disks: &'a dyn Disks,
        search: AnchorSearch,
        scratch: &'a mut [u64],
        tell: &mut dyn FnMut(Finding),
    ) -> Self {
        let (notes, records) = note::divide(scratch, disks.count());
        for index in 0..disks.count() {
            let note = DiskNote::judge(disks, index, search, tell);
            if let Some(place) = notes.get_mut(index) {
                *place = note;
            }
        }
        note::group(disks, notes);
        Self::relate(disks, search, notes);
        let noted = notes.len();
        let this = Assembly::of_notes(disks, search, notes);
        let indexed = note::index_records(&this, noted, records);
        Self { records, indexed, ..this }
    }

    /// Notes the newest disk of each configuration, and where that lists the others.
    fn relate(disks: &dyn Disks, search: AnchorSearch, notes: &mut [DiskNote]) {
        for index in 0..notes.len() {
            let Some(newest) = Self::of_notes(disks, search, notes).newest_of(index) else {
                continue;
            };
            if let Some(note) = notes.get_mut(index) {
                note.set_newest(newest);
            }
        }
        for index in 0..notes.len() {
            let entry = Self::of_notes(disks, search, notes).find_entry(index);
            if let Some(note) = notes.get_mut(index) {
                note.set_entry(entry);
            }
        }
    }

    /// As far as it is known before the records are noted.
    const fn of_notes<'b>(
        disks: &'b dyn Disks,
        search: AnchorSearch,
        notes: &'b [DiskNote],
    ) -> Assembly<'b> {
        Assembly { disks, search, notes, records: &[], indexed: 0 }
    }

    /// Words of scratch with which an assembly of these disks looks at nothing twice: three a disk,
    /// three a configuration record.
    #[must_use]
    pub fn scratch_words(disks: &dyn Disks) -> usize {
        Self::searched_scratch_words(disks, AnchorSearch::NONE)
    }

    /// As [`scratch_words`](Self::scratch_words) for [`searched`](Self::searched).
    #[must_use]
    pub fn searched_scratch_words(disks: &dyn Disks, search: AnchorSearch) -> usize {
        note::scratch_words(disks, search)
    }

    /// What is kept in mind of a disk, or would be if there were room.
    fn note(&self, index: usize) -> DiskNote {
        if let Some(note) = self.notes.get(index) {
            return *note;
        }
        let mut note = DiskNote::judge(self.disks, index, self.search, &mut |_| {});
        note.set_group(index);
        let guid = |index, note: &DiskNote| Some(self.open(index, note)?.configuration());
        if let Some(own) = guid(index, &note) {
            let earlier = (0..index).map(|earlier| match self.notes.get(earlier) {
                Some(note) => (earlier, *note),
                None => (earlier, DiskNote::judge(self.disks, earlier, self.search, &mut |_| {})),
            });
            let mut same = earlier.filter(|(index, note)| guid(*index, note) == Some(own));
            if let Some((first, _)) = same.next() {
                note.set_group(first);
            }
        }
        note
    }

    fn open(&self, index: usize, note: &DiskNote) -> Option<DdfDisk<'a>> {
        DdfDisk::open(index, self.disks.disk(index)?, note.choice()?)
    }

    /// The disk with this index, if it carries DDF that can be used.
    #[must_use]
    pub fn disk(&self, index: usize) -> Option<DdfDisk<'a>> {
        self.open(index, &self.note(index))
    }

    /// The disks that carry DDF.
    pub fn disks(&self) -> impl Iterator<Item = DdfDisk<'a>> + use<'a> {
        let this = *self;
        (0..self.disks.count()).filter_map(move |index| this.disk(index))
    }

    /// The disks of the configuration whose first disk is this.
    fn group(&self, first: usize) -> impl Iterator<Item = (DdfDisk<'a>, DiskNote)> + use<'a> {
        let this = *self;
        (first..self.disks.count()).filter_map(move |index| {
            let note = this.note(index);
            let member = note.is_usable() && note.first() == first;
            Some((this.open(index, &note).filter(|_| member)?, note))
        })
    }

    /// Index of the newest disk of a configuration by its first disk; `None` if it is not the first.
    fn newest_of(&self, first: usize) -> Option<usize> {
        let disks = || self.group(first).map(|(disk, _)| disk);
        let newest =
            disks().reduce(
                |newest, disk| {
                    if disk.compare_freshness(&newest).is_gt() { disk } else { newest }
                },
            )?;
        let newest = settled(newest, disks);
        Some(newest.index())
    }

    /// Where the newest disk's records list a disk.
    fn find_entry(&self, index: usize) -> Option<usize> {
        let note = self.note(index);
        let reference = self.open(index, &note)?.reference()?;
        let newest = self.disk(self.note(note.first()).newest())?;
        newest.physical_disks()?.position(newest.order(), reference)
    }

    /// The configurations, in the order of their first disks.
    pub fn configurations(&self) -> impl Iterator<Item = Configuration<'a>> + use<'a> {
        let this = *self;
        (0..self.disks.count()).filter_map(move |index| this.configuration_from(index))
    }

    /// The configuration that this disk is the first of.
    fn configuration_from(&self, first: usize) -> Option<Configuration<'a>> {
        let note = self.note(first);
        if !note.is_usable() || note.first() != first {
            return None;
        }
        let all_noted = self.notes.len() == self.disks.count();
        let newest = if all_noted { note.newest() } else { self.newest_of(first)? };
        Some(Configuration { assembly: *self, first, newest: self.disk(newest)? })
    }

    /// The configuration with this GUID.
    #[must_use]
    pub fn configuration(&self, guid: Guid) -> Option<Configuration<'a>> {
        self.configurations().find(|configuration| configuration.guid() == guid)
    }

    /// The volume with this GUID, in whichever configuration has it.
    #[must_use]
    pub fn volume(&self, guid: &Guid) -> Option<VirtualDisk<'a>> {
        self.configurations().find_map(|configuration| configuration.volume(guid))
    }
}

/// The disks of one header GUID.
#[derive(Clone, Copy, Debug)]
pub struct Configuration<'a> {
    assembly: Assembly<'a>,
    /// Index of its first disk.
    first: usize,
    newest: DdfDisk<'a>,
}

impl<'a> Configuration<'a> {
    /// Its GUID.
    #[must_use]
    pub const fn guid(&self) -> Guid {
        self.newest.configuration()
    }

    /// The disk whose copy of the shared sections counts.
    #[must_use]
    pub const fn newest(&self) -> DdfDisk<'a> {
        self.newest
    }

    /// Who made it, as far as it matters for the meaning of codes.
    #[must_use]
    pub fn writer(&self) -> Writer {
        Writer::of(&self.guid())
    }

    /// Its disks at hand.
    pub fn disks(&self) -> impl Iterator<Item = DdfDisk<'a>> + use<'a> {
        self.assembly.group(self.first).map(|(disk, _)| disk)
    }

    /// The disks at hand with this reference.
    fn holders(&self, reference: u32) -> impl Iterator<Item = DdfDisk<'a>> + use<'a> {
        let (assembly, first) = (self.assembly, self.first);
        (first..assembly.disks.count()).filter_map(move |index| {
            let note = assembly.note(index);
            let named = note.is_usable() && note.reference == reference && note.first() == first;
            if named { assembly.open(index, &note) } else { None }
        })
    }

    /// The disk at hand with this reference, the freshest if there are several.
    #[must_use]
    pub fn holder(&self, reference: u32) -> Option<DdfDisk<'a>> {
        self.holders(reference)
            .reduce(|fresh, disk| if disk.compare_freshness(&fresh).is_gt() { disk } else { fresh })
    }

    /// Index of a disk's entry in the newest records.
    fn entry_index(&self, disk: &DdfDisk<'_>) -> Option<usize> {
        match self.assembly.notes.get(disk.index()) {
            Some(note) if self.assembly.notes.len() == self.assembly.disks.count() => note.entry(),
            _ => self.newest.physical_disks()?.position(self.newest.order(), disk.reference()?),
        }
    }

    /// The newest records' entry of a disk.
    #[must_use]
    pub fn entry(&self, disk: &DdfDisk<'_>) -> Option<&'a PhysicalDiskEntry> {
        self.newest.physical_disks()?.entries.get(self.entry_index(disk)?)
    }

    /// How many updates a disk's metadata is behind the newest; 0 where no number is kept.
    #[must_use]
    pub fn updates_behind(&self, disk: &DdfDisk<'_>) -> u64 {
        behind(&self.newest, disk)
    }

    /// What a disk's data is worth, volumes aside. One update behind is what an interrupted update
    /// leaves and is accepted.
    #[must_use]
    pub fn condition(&self, disk: &DdfDisk<'_>) -> MemberState {
        self.entry(disk).map_or(MemberState::Stale, |entry| judge(&self.newest, entry, disk))
    }

    /// As [`condition`](Self::condition), by what `speaker` says.
    fn condition_by(&self, speaker: &DdfDisk<'_>, disk: &DdfDisk<'_>) -> MemberState {
        if speaker.index() == self.newest.index() {
            return self.condition(disk);
        }
        let entry = disk.reference().and_then(|reference| speaker.entry_of(reference));
        entry.map_or(MemberState::Stale, |entry| judge(speaker, entry, disk))
    }

    /// Whether the newest records give a disk no part: neither member nor spare.
    fn is_unused(&self, disk: &DdfDisk<'_>) -> bool {
        let spares = PdType::GLOBAL_SPARE.union(PdType::CONFIGURED_SPARE);
        let parts = spares.union(PdType::PARTICIPATING);
        let order = self.newest.order();
        self.entry(disk).is_some_and(|entry| {
            entry.pd_state(order).is_usable() && !entry.pd_type(order).intersects(parts)
        })
    }

    /// What a disk is there for.
    #[must_use]
    pub fn role(&self, disk: &DdfDisk<'_>) -> DiskRole {
        // Updates that a disk without data missed cost nothing.
        if self.is_unused(disk) {
            return DiskRole::Unused;
        }
        match self.condition(disk) {
            MemberState::Failed => return DiskRole::Failed,
            MemberState::Stale => return DiskRole::Stale,
            _ => {}
        }
        let pd_type =
            self.entry(disk).map_or(PdType::empty(), |entry| entry.pd_type(self.newest.order()));
        if pd_type.contains(PdType::PARTICIPATING) {
            DiskRole::Member
        } else if pd_type.contains(PdType::CONFIGURED_SPARE) {
            DiskRole::DedicatedSpare
        } else if pd_type.contains(PdType::GLOBAL_SPARE) {
            DiskRole::GlobalSpare
        } else {
            DiskRole::Unused
        }
    }

    /// The entries of the newest virtual disk records that are used, each GUID once, with their
    /// indices.
    fn entries(&self) -> impl Iterator<Item = (usize, &'a VirtualDiskEntry)> + use<'a> {
        let order = self.newest.order();
        let records = self.newest.virtual_disks();
        let used = records.into_iter().flat_map(move |records| records.used(order));
        used.filter(move |(_, entry)| {
            let first = records.and_then(|records| records.find(order, &entry.vd_guid));
            first.is_some_and(|first| core::ptr::eq(first, *entry))
        })
    }

    /// The volumes, deleted ones left out.
    pub fn volumes(&self) -> impl Iterator<Item = VirtualDisk<'a>> + use<'a> {
        let this = *self;
        let listed = self.entries();
        listed
            .filter(|(_, entry)| entry.condition() != VdCondition::Deleted)
            .map(move |(index, entry)| VirtualDisk::new(this, index, entry))
    }

    /// The volume with this GUID, which may be one of a configuration record whose end was left out.
    #[must_use]
    pub fn volume(&self, guid: &Guid) -> Option<VirtualDisk<'a>> {
        let (index, entry) = self.listed(guid)?;
        let live = entry.condition() != VdCondition::Deleted;
        live.then(|| VirtualDisk::new(*self, index, entry))
    }

    /// The newest records' entry of a virtual disk, deleted or not: the one with the same GUID, else
    /// one that matches.
    fn listed(&self, guid: &Guid) -> Option<(usize, &'a VirtualDiskEntry)> {
        let records = self.newest.virtual_disks()?;
        let used = || records.used(self.newest.order());
        let same = used().find(|(_, entry)| entry.vd_guid == *guid);
        same.or_else(|| used().find(|(_, entry)| entry.vd_guid.matches(guid)))
    }

    /// The configuration records of a virtual disk, or of one set of it, on the disks at hand.
    fn records_of(&self, volume: Guid, set: Option<u16>) -> RecordsOf<'_, 'a> {
        RecordsOf::new(self, volume, set)
    }
}

/// How many updates `disk` is behind `newest`; 0 where no number is kept.
fn behind(newest: &DdfDisk<'_>, disk: &DdfDisk<'_>) -> u64 {
    match (newest.effective_sequence(), disk.effective_sequence()) {
        (Some(newest), Some(own)) => updates_between(newest, own).into(),
        _ => 0,
    }
}

/// What the data of `disk` is worth by its entry on `speaker`.
fn judge(speaker: &DdfDisk<'_>, entry: &PhysicalDiskEntry, disk: &DdfDisk<'_>) -> MemberState {
    worth(entry.pd_state(speaker.order()), behind(speaker, disk))
}

/// What the data of a disk in this state is worth, so many updates behind whoever says so.
const fn worth(state: PdState, behind: u64) -> MemberState {
    if state.contains(PdState::MISSING) {
        MemberState::Stale
    } else if state.contains(PdState::FAILED) || !state.contains(PdState::ONLINE) {
        MemberState::Failed
    } else if behind > 1 {
        MemberState::Stale
    } else if state.contains(PdState::REBUILDING) {
        MemberState::Rebuilding
    } else {
        MemberState::InSync
    }
}

/// Whether an entry says that no write was under way.
const fn is_clean(entry: &VirtualDiskEntry) -> bool {
    !entry.vd_flags().contains(VdFlags::NOT_CONSISTENT)
}
