// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one set of an array says for itself, in the vendor's scratch space of its configuration records.
//!
//! The format has one consistency flag and one initialisation state for a whole array; the sets of a
//! RAID-10 become clean one by one. While they differ, each set's own state stands here, and the
//! array's fields say the worst of all:
//!
//! ```text
//!  0          8        12      13               14   32
//!  | RAID-RS  | update | clean | initialisation | FF |
//! ```
//!
//! A note counts only if its update counter is that of the disk's metadata, which every change made
//! here renews: after a change by another implementation the array's own fields count. Which members
//! are in sync is said by [PD_State](super::run_time), or by the [roster](crate::roster).
//! When there is nothing to say the space is all ones again. Space that holds anything else is another
//! vendor's: then the worst counts until it is cleared there.

use super::checkpoint::{self, Checkpoint};
use super::spread::edit_record;
use super::survey::{Live, Survey, set_of};
use crate::build::VENDOR;
use crate::disk_bytes::Disks;
use crate::guid::Guid;
use crate::integer::{ByteOrder, U32};
use crate::vd_configuration::VdConfiguration;
use raid_core::array::Initialisation;
use raid_core::metadata::DiskBuffer;
use raid_core::units::Slot;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What can differ between the sets of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SetNote {
    pub(crate) clean: bool,
    pub(crate) initialisation: Initialisation,
}

/// The note as it stands in the scratch space.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Stored {
    vendor: [u8; 8],
    update: U32,
    clean: u8,
    initialisation: u8,
    unused_14: [u8; 18],
}

const _: () = assert!(size_of::<Stored>() == 32);

const EMPTY: [u8; 32] = [0xFF; 32];

/// What stands in the scratch space of one record, as far as it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    checkpoint: Option<Checkpoint>,
    state: Option<SetNote>,
}

/// Reference and GUID of the disk in a slot.
pub(crate) type Who<'w> = dyn Fn(Slot) -> Option<(u32, Guid)> + 'w;

impl Note {
    /// What counts in a record under update counter `sequence` of the header. `who` gives the disks
    /// in its slots.
    fn of_record(
        record: &VdConfiguration,
        order: ByteOrder,
        sequence: Option<u32>,
        who: &Who<'_>,
    ) -> Self {
        let state = SetNote::of_record(record, order, sequence);
        let found = Checkpoint::of_record(record, order, sequence);
        match found {
            Some(found) if found.is_of(who) => {
                Self { checkpoint: Some(found.checkpoint), state: None }
            }
            // A note of what is left where the disks are others.
            _ => Self { checkpoint: None, state },
        }
    }

    /// The bytes that count under number `number` of the record and update counter `sequence`.
    fn bytes(
        &self,
        order: ByteOrder,
        (number, sequence): (u32, Option<u32>),
        who: &Who<'_>,
    ) -> [u8; 32] {
        let bytes = |checkpoint: Checkpoint| checkpoint.bytes(order, (number, sequence), who);
        if let Some(bytes) = self.checkpoint.and_then(bytes) {
            return bytes;
        }
        let Some(state) = self.state else { return EMPTY };
        let stored = Stored {
            vendor: VENDOR,
            update: U32::new(order, sequence.unwrap_or(number)),
            clean: u8::from(state.clean),
            initialisation: rank(state.initialisation),
            unused_14: [u8::MAX; 18],
        };
        stored.as_bytes().first_chunk().copied().unwrap_or(EMPTY)
    }
}

impl Stored {
    /// The note in a record, if it is of the newest update `sequence`.
    fn counting(
        record: &VdConfiguration,
        order: ByteOrder,
        sequence: Option<u32>,
    ) -> Option<&Self> {
        let stored = Self::ref_from_bytes(&record.vendor_specific_scratch_space).ok()?;
        let counts =
            stored.vendor == VENDOR && stored.update.get(order) == update(record, order, sequence);
        counts.then_some(stored)
    }
}

impl SetNote {
    /// The set's own note, if it is of the newest update `sequence`.
    pub(crate) fn of_record(
        record: &VdConfiguration,
        order: ByteOrder,
        sequence: Option<u32>,
    ) -> Option<Self> {
        if record.vendor_specific_scratch_space == EMPTY {
            return None;
        }
        if let Some(found) = Checkpoint::of_record(record, order, sequence) {
            return Some(found.checkpoint.careful());
        }
        let stored = Stored::counting(record, order, sequence)?;
        let initialisation = match stored.initialisation {
            0 => Initialisation::None,
            1 => Initialisation::Running,
            2 => Initialisation::Full,
            _ => return None,
        };
        Some(Self { clean: stored.clean == 1, initialisation })
    }

    /// What holds for a set with this note in an array whose own fields say `array`.
    pub(crate) const fn within(self, array: Self) -> Self {
        Self {
            clean: self.clean || array.clean,
            initialisation: if rank(self.initialisation) > rank(array.initialisation) {
                self.initialisation
            } else {
                array.initialisation
            },
        }
    }

    fn worst(self, other: Self) -> Self {
        let less = rank(other.initialisation) < rank(self.initialisation);
        Self {
            clean: self.clean && other.clean,
            initialisation: if less { other.initialisation } else { self.initialisation },
        }
    }
}

const fn rank(initialisation: Initialisation) -> u8 {
    match initialisation {
        Initialisation::None => 0,
        Initialisation::Running => 1,
        Initialisation::Full => 2,
    }
}

/// The counter a note is bound to. Where headers keep none, records do.
fn update(record: &VdConfiguration, order: ByteOrder, sequence: Option<u32>) -> u32 {
    sequence.unwrap_or_else(|| record.sequence_number.get(order))
}

/// Whether the scratch space is free or ours.
pub(crate) fn is_ours(record: &VdConfiguration) -> bool {
    let space = &record.vendor_specific_scratch_space;
    *space == EMPTY || space.starts_with(&VENDOR) || checkpoint::is_one(space)
}

/// The disks in the slots of a record, by the newest list.
fn who<'d>(
    disks: &'d dyn Disks,
    survey: &'d Survey,
    record: &'d VdConfiguration,
) -> impl Fn(Slot) -> Option<(u32, Guid)> + 'd {
    move |slot| {
        let reference = survey.references(disks, record).nth(slot.index())?;
        let entry = survey.physical_disks(disks)?.find(survey.order, reference)?;
        Some((reference, entry.pd_guid))
    }
}

/// What counts in a record before the change.
pub(crate) fn read(disks: &dyn Disks, survey: &Survey, record: &VdConfiguration) -> Note {
    let who = who(disks, survey, record);
    Note::of_record(record, survey.order, survey.copies.sequence(), &who)
}

/// The space of a record with this note, as it counts before the change.
fn written(disks: &dyn Disks, survey: &Survey, record: &VdConfiguration, note: &Note) -> [u8; 32] {
    let number = record.sequence_number.get(survey.order);
    let who = who(disks, survey, record);
    note.bytes(survey.order, (number, survey.copies.sequence()), &who)
}

/// The space of a record as the update that is being made leaves it: what counts is carried over, and
/// what does not is taken away. `None` where it is another vendor's.
pub(crate) fn renewed(
    disks: &dyn Disks,
    survey: &Survey,
    record: &VdConfiguration,
) -> Option<[u8; 32]> {
    if record.vendor_specific_scratch_space == EMPTY {
        return Some(EMPTY);
    }
    let note = read(disks, survey, record);
    let number = record.sequence_number.get(survey.order);
    let number = if survey.next_sequence.is_none() { number.wrapping_add(1) } else { number };
    let who = who(disks, survey, record);
    is_ours(record).then(|| note.bytes(survey.order, (number, survey.next_sequence), &who))
}

/// The space of a record on disk `disk` as it counts there, in terms of the newest disk's update. `None`
/// if it says the same already, or is another vendor's.
pub(crate) fn in_terms_of_newest(
    disks: &dyn Disks,
    survey: &Survey,
    disk: usize,
    record: &VdConfiguration,
) -> Option<[u8; 32]> {
    let own = survey.number_of(disks, disk);
    if record.vendor_specific_scratch_space == EMPTY
        || own == survey.copies.sequence()
        || !is_ours(record)
    {
        return None;
    }
    let who = who(disks, survey, record);
    let nothing = Note { checkpoint: None, state: None };
    if read(disks, survey, record) != nothing {
        return None;
    }
    let note = Note::of_record(record, survey.order, own, &who);
    Some(written(disks, survey, record, &note))
}

/// Gives the notes of array `guid` that count to the disks that its last update did not reach: what it
/// said belongs to all of them from the next one on. `speaks` says of a disk whether it was reached.
pub(crate) fn share(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    guid: Guid,
    speaks: &dyn Fn(&dyn Disks, usize, &VdConfiguration) -> bool,
) {
    for disk in 0..disks.len() {
        for slot in 0..survey.slots(&Live(disks), disk) {
            let live = Live(disks);
            let record = survey.volume(&live, disk, slot).filter(|own| is_ours(own));
            let Some(record) = record.filter(|own| own.vd_guid == guid) else { continue };
            if speaks(&live, disk, record) {
                continue;
            }
            let same = |other: &VdConfiguration| {
                other.vd_guid == guid
                    && set_of(other) == set_of(record)
                    && other.sequence_number == record.sequence_number
                    && is_ours(other)
            };
            let mut of_update = survey
                .records(&live)
                .filter(|(at, other)| same(other) && speaks(&live, at.disk, other));
            let space = of_update.next().map(|(_, other)| other.vendor_specific_scratch_space);
            drop(of_update);
            let Some(space) = space else { continue };
            edit_record(disks, survey, disk, slot, |record| {
                record.vendor_specific_scratch_space = space;
            });
        }
    }
}

/// Changes the note in every record of a set, except where the space is another vendor's.
fn change(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    (guid, set): (Guid, u16),
    edit: impl Fn(&mut Note),
) {
    for disk in 0..disks.len() {
        let live = Live(disks);
        let Some(slot) = survey.slot_of(&live, disk, guid, set) else { continue };
        let Some(record) = survey.volume(&live, disk, slot).filter(|own| is_ours(own)) else {
            continue;
        };
        // An older record may have other members; the newest takes its place.
        let number = record.sequence_number.get(survey.order);
        if survey.record(&live, guid, set).is_none_or(|newest| newest.sequence != number) {
            continue;
        }
        let mut note = read(&live, survey, record);
        edit(&mut note);
        let space = written(&live, survey, record, &note);
        edit_record(disks, survey, disk, slot, |record| {
            record.vendor_specific_scratch_space = space;
        });
    }
}

/// The space of a record whose number has changed since the note was read: without its checkpoint,
/// which is of that number.
pub(crate) fn after_change(
    disks: &dyn Disks,
    survey: &Survey,
    record: &VdConfiguration,
    before: &Note,
) -> [u8; 32] {
    let careful = before.checkpoint.map(|checkpoint| checkpoint.careful());
    let state = before.state.or(careful.filter(|_| record.secondary_element_count > 1));
    written(disks, survey, record, &Note { checkpoint: None, state })
}

/// Notes the state of set `set` of array `guid`, and gives the worst of all sets.
pub(crate) fn record(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    guid: Guid,
    set: u16,
    own: SetNote,
) -> SetNote {
    let live = Live(disks);
    let array = survey
        .virtual_disk(&live, guid)
        .and_then(|index| survey.virtual_disks(&live)?.entries.get(index))
        .map_or(own, SetNote::of_entry);
    let sets = survey.sets(&live, guid);
    if sets < 2 {
        return own;
    }
    let of_set = |disks: &[DiskBuffer<'_, '_>], other| {
        let live = Live(disks);
        let record = survey.record(&live, guid, other).and_then(|at| survey.at(&live, at));
        let note = record
            .and_then(|record| SetNote::of_record(record, survey.order, survey.copies.sequence()));
        if other == set { own } else { note.map_or(array, |note| note.within(array)) }
    };
    let all = (0..sets).map(|other| of_set(disks, other)).fold(own, SetNote::worst);
    let alike = (0..sets).all(|other| of_set(disks, other) == all);
    // The set's own note last: the others are read from the records that are being edited.
    for other in (0..sets).filter(|other| *other != set).chain([set]) {
        let note = of_set(disks, other);
        store_on_all(disks, survey, guid, other, (!alike).then_some(note));
    }
    all
}

/// Keeps a checkpoint in every record of set `set`, or none; where the space is another vendor's there
/// is none.
pub(crate) fn keep(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    guid: Guid,
    set: u16,
    checkpoint: Option<Checkpoint>,
) {
    change(disks, survey, (guid, set), |note| note.checkpoint = checkpoint);
}

/// Stores a note in every record of a set, or takes it away. A checkpoint that counts says the same.
fn store_on_all(
    disks: &mut [DiskBuffer<'_, '_>],
    survey: &Survey,
    guid: Guid,
    set: u16,
    state: Option<SetNote>,
) {
    change(disks, survey, (guid, set), |note| note.state = state);
}
