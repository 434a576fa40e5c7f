// SPDX-License-Identifier: MIT OR Apache-2.0
//! The walk over the configuration records of one virtual disk.
//!
//! ```text
//! noted   records that the workspace has a note of      found by volume, or by volume and set
//! rest    disks that it has no room for                  looked through, slot by slot
//! ```

use super::Configuration;
use super::note;
use super::virtual_disk::SetRecord;
use crate::disk::DdfDisk;
use crate::guid::Guid;
use core::ops::Range;

/// Keeps its place and little else, and is no chain of closures: walks stand within walks, all on one stack.
#[derive(Debug)]
pub(crate) struct RecordsOf<'s, 'a> {
    configuration: &'s Configuration<'a>,
    volume: Guid,
    set: Option<u16>,
    /// Places in the notes, in the order of the set where it is one.
    noted: Range<usize>,
    /// Disks past the last that is noted completely.
    rest: Range<usize>,
    /// The disk that is looked through, and its next slot.
    open: Option<(DdfDisk<'a>, usize)>,
}

impl<'s, 'a> RecordsOf<'s, 'a> {
    pub(super) fn new(
        configuration: &'s Configuration<'a>,
        volume: Guid,
        set: Option<u16>,
    ) -> Self {
        let assembly = &configuration.assembly;
        let noted = match set {
            None => 0..assembly.records.len(),
            Some(set) => note::places_of(assembly.records, &volume, set),
        };
        let rest = assembly.indexed.max(configuration.first)..assembly.disks.count();
        Self { configuration, volume, set, noted, rest, open: None }
    }

    /// The record that a note is of, if it is one of this volume.
    fn of_note(&self, place: usize) -> Option<SetRecord<'a>> {
        let Configuration { assembly, first, .. } = self.configuration;
        let note = match self.set {
            None => assembly.records.get(place),
            Some(_) => note::at_place(assembly.records, place),
        };
        let (index, slot) = note?.may_be(&self.volume).filter(|(index, _)| {
            // The others are looked through.
            *index < assembly.indexed
        })?;
        let note = assembly.notes.get(index).filter(|note| note.first() == *first)?;
        let disk = assembly.open(index, note)?;
        SetRecord::in_slot(disk, &disk.slot(slot)?)
    }

    /// The next record of a disk without notes.
    fn of_rest(&mut self) -> Option<SetRecord<'a>> {
        let Configuration { assembly, first, .. } = self.configuration;
        loop {
            while let Some((disk, slot)) = &mut self.open {
                let Some(found) = disk.slot(*slot) else { break };
                *slot = slot.saturating_add(1);
                if let Some(claim) = SetRecord::in_slot(*disk, &found) {
                    return Some(claim);
                }
            }
            let index = self.rest.next()?;
            let note = assembly.note(index);
            let member = note.is_usable() && note.first() == *first;
            let disk = if member { assembly.open(index, &note) } else { None };
            self.open = disk.map(|disk| (disk, 0));
        }
    }

    fn is_meant(&self, claim: &SetRecord<'a>) -> bool {
        let of_set = |set| u16::from(claim.record.secondary_element_seq) == set;
        claim.record.vd_guid.matches(&self.volume) && self.set.is_none_or(of_set)
    }
}

impl<'a> Iterator for RecordsOf<'_, 'a> {
    type Item = SetRecord<'a>;

    // Once, and not in each of those that walk.
    #[inline(never)]
    fn next(&mut self) -> Option<SetRecord<'a>> {
        while let Some(place) = self.noted.next() {
            if let Some(claim) = self.of_note(place).filter(|claim| self.is_meant(claim)) {
                return Some(claim);
            }
        }
        loop {
            let claim = self.of_rest()?;
            if self.is_meant(&claim) {
                return Some(claim);
            }
        }
    }
}
