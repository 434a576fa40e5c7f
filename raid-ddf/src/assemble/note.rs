// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an assembly keeps in mind, in memory of the caller's: where each disk's copy stands, and
//! which slots hold configuration records.
//!
//! Everything else is read from the disks' bytes again. Where the memory ends, so is this: assembly
//! works as well then, only slower.

use super::Assembly;
use crate::choice::{Choice, choose};
use crate::crc::CrcVariant;
use crate::disk::DdfDisk;
use crate::disk_bytes::{DiskBytes, Disks};
use crate::guid::Guid;
use crate::integer::ByteOrder;
use crate::locate::{AnchorSearch, CopyKind, HeaderCrc, find_anchor};
use crate::structure::{ConfigurationRecord, Structure};
use bitflags::bitflags;
use core::ops::Range;
use raid_core::metadata::Finding;
use raid_core::units::Lba;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// One disk.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(crate) struct DiskNote {
    anchor: u64,
    /// Its own short name; 0 if it has none that names a disk.
    pub(super) reference: u32,
    /// Index of the first disk of the same configuration.
    pub(super) group: u32,
    /// Of the first disk of a configuration: index of the newest.
    newest: u32,
    /// Its entry in the newest physical disk records; all ones if there is none.
    entry: u16,
    flags: u16,
}

/// A configuration record of a virtual disk on a disk.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub(crate) struct RecordNote {
    /// Digest of the virtual disk's GUID.
    volume: u32,
    disk: u32,
    slot: u32,
    set: u32,
    /// Of the list of notes: which note is the one at this place by volume, set, disk, and slot.
    by_set: u32,
    unused: u32,
}

const _: () = assert!(size_of::<DiskNote>() == 8 * DISK_WORDS);
const _: () = assert!(size_of::<RecordNote>() == 8 * RECORD_WORDS);

/// Words of scratch for a disk.
pub(crate) const DISK_WORDS: usize = 3;
/// Words of scratch for a configuration record.
pub(crate) const RECORD_WORDS: usize = 3;

const NO_ENTRY: u16 = u16::MAX;

bitflags! {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Flags: u16 {
        /// The disk carries DDF that can be used.
        const USABLE = 1 << 0;
        const SECONDARY = 1 << 1;
        const LITTLE = 1 << 2;
        const VARIANT_A = 1 << 3;
        const STRUCT_ONLY = 1 << 4;
        const SOUND = 1 << 5;
    }
}

impl DiskNote {
    /// Judges a disk. Which configuration it belongs to is filled in later.
    pub(super) fn judge(
        disks: &dyn Disks,
        index: usize,
        search: AnchorSearch,
        tell: &mut dyn FnMut(Finding),
    ) -> Self {
        let judged = disks.disk(index).and_then(|bytes| {
            let mut tell = |finding| tell(Finding { disk: Some(index), ..finding });
            let choice = choose(bytes, search, &mut tell)?;
            let disk = DdfDisk::open(index, bytes, choice)?;
            Some((choice, disk))
        });
        let Some((choice, disk)) = judged else { return Self::default() };
        let mut flags = Flags::USABLE;
        flags.set(Flags::SECONDARY, choice.kind == CopyKind::Secondary);
        flags.set(Flags::LITTLE, choice.order == ByteOrder::Little);
        flags.set(Flags::VARIANT_A, choice.crc.variant == CrcVariant::A);
        flags.set(Flags::STRUCT_ONLY, choice.crc.struct_only);
        flags.set(Flags::SOUND, choice.sound);
        let (reference, flags) = (disk.reference().unwrap_or(0), flags.bits());
        Self { anchor: choice.anchor.0, reference, flags, entry: NO_ENTRY, ..Self::default() }
    }

    const fn has(&self, flag: Flags) -> bool {
        Flags::from_bits_retain(self.flags).contains(flag)
    }

    /// Whether the disk carries DDF that can be used.
    pub(super) const fn is_usable(&self) -> bool {
        self.has(Flags::USABLE)
    }

    /// Its entry in the newest physical disk records.
    pub(super) fn entry(&self) -> Option<usize> {
        (self.entry != NO_ENTRY).then(|| self.entry.into())
    }

    pub(super) fn choice(&self) -> Option<Choice> {
        let pick = |flag, set, clear| if self.has(flag) { set } else { clear };
        let variant = if self.has(Flags::VARIANT_A) { CrcVariant::A } else { CrcVariant::B };
        self.is_usable().then(|| Choice {
            anchor: Lba(self.anchor),
            kind: pick(Flags::SECONDARY, CopyKind::Secondary, CopyKind::Primary),
            order: if self.has(Flags::LITTLE) { ByteOrder::Little } else { ByteOrder::Big },
            crc: HeaderCrc { variant, struct_only: self.has(Flags::STRUCT_ONLY) },
            sound: self.has(Flags::SOUND),
        })
    }
}

/// A number that tells most virtual disks apart. The last four bytes of a GUID may be left out.
fn digest(volume: &Guid) -> u32 {
    let (words, _) = volume.0.as_chunks::<4>();
    let front = words.iter().take(5);
    front.fold(0, |digest: u32, word| {
        digest.rotate_left(5).wrapping_mul(0x9E37_79B1) ^ u32::from_ne_bytes(*word)
    })
}

/// Configuration records of volumes on a disk, in either copy: as many as have to be noted.
fn record_count(disk: DiskBytes<'_>, search: AnchorSearch) -> usize {
    let Some((_, anchor)) = find_anchor(disk, search) else { return 0 };
    let counts = CopyKind::ALL
        .map(|kind| Structure::read(disk, &anchor, kind).map_or(0, |copy| copy.volumes().count()));
    counts.into_iter().max().unwrap_or(0)
}

/// Words of scratch with which an assembly of these disks looks at nothing twice.
pub(super) fn scratch_words(disks: &dyn Disks, search: AnchorSearch) -> usize {
    let records = (0..disks.count()).filter_map(|index| disks.disk(index));
    let records = records.map(|disk| record_count(disk, search)).fold(0, usize::saturating_add);
    let words = disks.count().saturating_mul(DISK_WORDS);
    words.saturating_add(records.saturating_mul(RECORD_WORDS))
}

/// Divides the scratch between disks and records.
pub(super) fn divide(scratch: &mut [u64], disks: usize) -> (&mut [DiskNote], &mut [RecordNote]) {
    scratch.fill(0);
    let room = disks.min(scratch.len() / DISK_WORDS);
    let (notes, rest) = scratch.split_at_mut(room.saturating_mul(DISK_WORDS).min(scratch.len()));
    let whole = rest.len().saturating_sub(rest.len() % RECORD_WORDS);
    let (rest, _) = rest.split_at_mut(whole.min(rest.len()));
    let notes = <[DiskNote]>::mut_from_bytes(notes.as_mut_bytes()).unwrap_or_default();
    (notes, <[RecordNote]>::mut_from_bytes(rest.as_mut_bytes()).unwrap_or_default())
}

/// Groups the noted disks by configuration.
pub(super) fn group(disks: &dyn Disks, notes: &mut [DiskNote]) {
    let guid_of = |notes: &[DiskNote], index: usize| {
        let disk = DdfDisk::open(index, disks.disk(index)?, notes.get(index)?.choice()?)?;
        Some(disk.configuration())
    };
    for index in 0..notes.len() {
        let Some(guid) = guid_of(notes, index) else { continue };
        let is_first = |earlier: &usize| {
            notes.get(*earlier).is_some_and(|note| note.is_usable() && at(note.group) == *earlier)
        };
        let first =
            (0..index).filter(is_first).find(|earlier| guid_of(notes, *earlier) == Some(guid));
        if let Some(note) = notes.get_mut(index) {
            note.group = number(first.unwrap_or(index));
        }
    }
}

/// Notes the records of the noted disks; gives the number of disks all of whose records are noted.
pub(super) fn index_records(
    assembly: &Assembly<'_>,
    notes: usize,
    records: &mut [RecordNote],
) -> usize {
    let noted = note_records(assembly, notes, records);
    sort_by_set(records);
    noted
}

fn note_records(assembly: &Assembly<'_>, notes: usize, records: &mut [RecordNote]) -> usize {
    let mut room = records.iter_mut();
    for index in 0..notes {
        let Some(disk) = assembly.disk(index) else { continue };
        for slot in disk.records() {
            let ConfigurationRecord::VirtualDisk(record) = slot.record else { continue };
            let Some(note) = room.next() else { return index };
            *note = RecordNote {
                volume: digest(&record.vd_guid),
                disk: number(index),
                slot: number(slot.index),
                set: record.secondary_element_seq.into(),
                ..RecordNote::default()
            };
        }
    }
    // What is left over is told apart by the disk it names.
    room.for_each(|note| note.disk = u32::MAX);
    notes
}

/// Volume, set, disk, and slot.
type Key = [u32; 4];

impl RecordNote {
    const fn key(&self) -> Key {
        [self.volume, self.set, self.disk, self.slot]
    }
}

/// The note at a place of the order by sets.
pub(super) fn at_place(records: &[RecordNote], place: usize) -> Option<&RecordNote> {
    records.get(at(records.get(place)?.by_set))
}

/// Orders the notes by sets, where they are: a heap that is emptied from its top.
fn sort_by_set(records: &mut [RecordNote]) {
    records.iter_mut().enumerate().for_each(|(index, note)| note.by_set = number(index));
    let count = records.len();
    (0..count / 2).rev().for_each(|top| sink(records, top, count));
    for end in (1..count).rev() {
        swap(records, 0, end);
        sink(records, 0, end);
    }
}

fn swap(records: &mut [RecordNote], one: usize, other: usize) {
    let by_set = |place| records.get(place).map(|note: &RecordNote| note.by_set);
    let (Some(first), Some(second)) = (by_set(one), by_set(other)) else { return };
    for (place, by_set) in [(one, second), (other, first)] {
        if let Some(note) = records.get_mut(place) {
            note.by_set = by_set;
        }
    }
}

/// Lets what is at the top of a heap that ends before `end` sink to where it belongs.
fn sink(records: &mut [RecordNote], top: usize, end: usize) {
    let mut top = top;
    loop {
        let left = top.saturating_mul(2).saturating_add(1);
        let children = [left, left.saturating_add(1)].into_iter().filter(|child| *child < end);
        let key = |place: &usize| at_place(records, *place).map(RecordNote::key);
        let Some(largest) = children.max_by_key(key) else { return };
        if key(&largest) <= key(&top) {
            return;
        }
        swap(records, top, largest);
        top = largest;
    }
}

/// Where the notes that may be of one set of a volume stand in the order of sets, by disk and slot.
pub(super) fn places_of(records: &[RecordNote], volume: &Guid, set: u16) -> Range<usize> {
    places_of_set(records, volume, set, RecordNote::key)
}

/// The same. `key` looks at one note.
fn places_of_set(
    records: &[RecordNote],
    volume: &Guid,
    set: u16,
    key: impl Fn(&RecordNote) -> Key,
) -> Range<usize> {
    let wanted = [digest(volume), set.into()];
    let of = |note: &RecordNote| key(note).first_chunk::<2>().copied();
    let place = |note: &RecordNote| records.get(at(note.by_set)).and_then(of);
    let from = records.partition_point(|note| place(note) < Some(wanted));
    from..records.partition_point(|note| place(note) <= Some(wanted))
}

impl RecordNote {
    /// The disk and the slot, if the record may be of this virtual disk.
    pub(super) fn may_be(&self, volume: &Guid) -> Option<(usize, usize)> {
        let same = self.disk != u32::MAX && self.volume == digest(volume);
        same.then(|| (at(self.disk), at(self.slot)))
    }
}

impl DiskNote {
    /// Index of the newest disk of the configuration that this one is the first of.
    pub(super) fn newest(&self) -> usize {
        at(self.newest)
    }

    pub(super) fn set_newest(&mut self, index: usize) {
        self.newest = number(index);
    }

    pub(super) fn set_group(&mut self, first: usize) {
        self.group = number(first);
    }

    pub(super) fn set_entry(&mut self, index: Option<usize>) {
        self.entry = index.and_then(|index| u16::try_from(index).ok()).unwrap_or(NO_ENTRY);
    }

    /// Index of the first disk of the same configuration.
    pub(super) fn first(&self) -> usize {
        at(self.group)
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn at(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;
    use std::vec::Vec;

    /// Fewer under Miri, which would take minutes.
    const SETS: u16 = if cfg!(miri) { 14 } else { 254 };

    fn guid(number: u8) -> Guid {
        Guid([number; 24])
    }

    /// As many sets of each of two volumes, each with a record on each of two disks, in no order.
    fn notes() -> Vec<RecordNote> {
        let one = |number: u32| RecordNote {
            volume: digest(&guid((number % 2) as u8)),
            disk: number / 2 % 2,
            slot: number / 4,
            // 85 has no factor in common with either number of sets.
            set: number / 4 * 85 % u32::from(SETS),
            ..RecordNote::default()
        };
        let mut notes: Vec<RecordNote> = (0..4 * u32::from(SETS)).map(one).collect();
        // Room that is left over.
        notes.extend([RecordNote { disk: u32::MAX, ..RecordNote::default() }; 9]);
        sort_by_set(&mut notes);
        notes
    }

    #[test]
    fn the_records_of_a_set_are_found_without_a_look_at_all_others() {
        let (notes, looks) = (notes(), Cell::new(0));
        let counted = |note: &RecordNote| {
            looks.set(looks.get() + 1);
            note.key()
        };
        for set in 0..SETS {
            let places = places_of_set(&notes, &guid(1), set, counted);
            assert_eq!(places, places_of(&notes, &guid(1), set));
            let found: Vec<&RecordNote> =
                places.filter_map(|place| at_place(&notes, place)).collect();
            assert_eq!(found.iter().map(|note| note.disk).collect::<Vec<_>>(), [0, 1], "{set}");
            let right =
                |note: &&RecordNote| note.set == u32::from(set) && note.volume == digest(&guid(1));
            assert!(found.iter().all(right), "{found:?}");
        }
        assert!(looks.get() <= usize::from(SETS) * 2 * 12, "{} looks", looks.get());
        assert!(places_of(&notes, &guid(2), 0).is_empty());
        assert!(places_of(&[], &guid(1), 0).is_empty());
    }
}
