// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one set of an array of several sets says for itself.
//!
//! The format has one consistency flag and one initialisation state for a whole array; the sets of a
//! RAID-10 become clean one by one. While they differ, each set's own state stands in the vendor's
//! scratch space of its configuration records, and the array's fields say the worst of all:
//!
//! ```text
//!  0          8          12      13               14
//!  | RAID-RS  | update   | clean | initialisation | FF ...
//! ```
//!
//! A note counts only if its update counter is that of the newest metadata, which every change made
//! here renews: after a change by another implementation, or on a disk that an update did not reach,
//! the array's own fields count. When all sets agree the space is all ones again. Space that holds
//! anything else is another vendor's: then the worst counts until it is cleared there.

use super::checkpoint::{self, Checkpoint};
use super::spread::edit_record;
use super::survey::{Live, Survey};
use crate::build::VENDOR;
use crate::guid::Guid;
use crate::integer::{ByteOrder, U32};
use crate::vd_configuration::VdConfiguration;
use raid_core::array::Initialisation;
use raid_core::metadata::DiskBuffer;
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
    unused: [u8; 18],
}

const _: () = assert!(size_of::<Stored>() == 32);

const EMPTY: [u8; 32] = [0xFF; 32];

impl SetNote {
    /// The set's own note, if it is of the newest update `sequence`.
    pub(crate) fn of_record(
        record: &VdConfiguration,
        order: ByteOrder,
        sequence: Option<u32>,
    ) -> Option<Self> {
        if let Some(checkpoint) = Checkpoint::of_record(record, order, sequence) {
            return Some(checkpoint.careful());
        }
        let stored = Stored::ref_from_bytes(&record.vendor_specific_scratch_space).ok()?;
        if stored.vendor != VENDOR || stored.update.get(order) != update(record, order, sequence) {
            return None;
        }
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

    fn store(self, record: &mut VdConfiguration, order: ByteOrder, sequence: Option<u32>) {
        let update = U32::new(order, update(record, order, sequence));
        let (clean, initialisation) = (u8::from(self.clean), rank(self.initialisation));
        let stored = Stored { vendor: VENDOR, update, clean, initialisation, unused: [0xFF; 18] };
        let space = &mut record.vendor_specific_scratch_space;
        if let Ok(space) = Stored::mut_from_bytes(space) {
            *space = stored;
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
fn is_ours(record: &VdConfiguration) -> bool {
    let space = &record.vendor_specific_scratch_space;
    *space == EMPTY || space.starts_with(&VENDOR) || checkpoint::is_one(space)
}

/// Carries the note of a record over to the update that is being made, if it counts; takes it away
/// if it does not.
pub(crate) fn renew(record: &mut VdConfiguration, survey: &Survey) {
    let order = survey.order;
    let checkpoint = Checkpoint::of_record(record, order, survey.copies.sequence());
    let note = SetNote::of_record(record, order, survey.copies.sequence());
    if survey.next_sequence.is_none() {
        let next = record.sequence_number.get(order).wrapping_add(1);
        record.sequence_number.set(order, next);
    }
    match (checkpoint, note) {
        (Some(checkpoint), _) => checkpoint.store(record, order, survey.next_sequence),
        (None, Some(note)) => note.store(record, order, survey.next_sequence),
        (None, None) if is_ours(record) => record.vendor_specific_scratch_space = EMPTY,
        (None, None) => {}
    }
}

/// Notes the state of set `set` of array `guid`, and gives the worst of all sets.
pub(crate) fn record(
    disks: &mut [DiskBuffer<'_>],
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
    let of_set = |disks: &[DiskBuffer<'_>], other| {
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

/// Keeps a checkpoint in every record of set `set`; where the space is another vendor's there is none.
pub(crate) fn keep(
    disks: &mut [DiskBuffer<'_>],
    survey: &Survey,
    guid: Guid,
    set: u16,
    checkpoint: Option<Checkpoint>,
) {
    for disk in 0..disks.len() {
        let Some(slot) = survey.slot_of(&Live(disks), disk, guid, set) else { continue };
        edit_record(disks, survey, disk, slot, |record| match checkpoint {
            Some(checkpoint) if is_ours(record) => {
                checkpoint.store(record, survey.order, survey.copies.sequence());
            }
            None if checkpoint::is_one(&record.vendor_specific_scratch_space) => {
                record.vendor_specific_scratch_space = EMPTY;
            }
            _ => {}
        });
    }
}

/// Stores a note in every record of a set, or takes it away. A checkpoint that counts stays: it says
/// the same.
fn store_on_all(
    disks: &mut [DiskBuffer<'_>],
    survey: &Survey,
    guid: Guid,
    set: u16,
    note: Option<SetNote>,
) {
    for disk in 0..disks.len() {
        let Some(slot) = survey.slot_of(&Live(disks), disk, guid, set) else { continue };
        let (order, sequence) = (survey.order, survey.copies.sequence());
        edit_record(disks, survey, disk, slot, |record| match note {
            _ if !is_ours(record) => {}
            _ if Checkpoint::of_record(record, order, sequence).is_some() => {}
            Some(note) => note.store(record, survey.order, survey.copies.sequence()),
            None => record.vendor_specific_scratch_space = EMPTY,
        });
    }
}
