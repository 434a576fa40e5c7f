// SPDX-License-Identifier: MIT OR Apache-2.0
//! The histories of a volume that forked, for the user who must choose one.

use super::VirtualDisk;
use super::descent::Voices;
use super::virtual_disk::SetRecord;
use crate::time::DdfTime;
use raid_core::array::{ArrayId, Place};
use raid_core::metadata::{Branch, Inventory};
use raid_core::units::Slot;

/// Most histories that are reported of one volume.
const MOST: usize = 8;
/// Most disks, and most places, in one part of a report.
const PART: usize = 16;

/// Gathers disks and places, and reports them in parts.
struct Parts<'i> {
    into: &'i mut dyn Inventory,
    array: ArrayId,
    number: u16,
    sequence: Option<u64>,
    unix_seconds: Option<u64>,
    disks: [usize; PART],
    disk_count: usize,
    failed: [Place; PART],
    failed_count: usize,
}

impl Parts<'_> {
    fn disk(&mut self, disk: usize) {
        if let Some(place) = self.disks.get_mut(self.disk_count) {
            *place = disk;
            self.disk_count = self.disk_count.saturating_add(1);
        }
        if self.disk_count == PART {
            self.end();
        }
    }

    fn failed(&mut self, failed: Place) {
        if let Some(place) = self.failed.get_mut(self.failed_count) {
            *place = failed;
            self.failed_count = self.failed_count.saturating_add(1);
        }
        if self.failed_count == PART {
            self.end();
        }
    }

    fn end(&mut self) {
        if self.disk_count != 0 || self.failed_count != 0 {
            self.into.branch(&Branch {
                array: self.array,
                number: self.number,
                disks: self.disks.get(..self.disk_count).unwrap_or_default(),
                sequence: self.sequence,
                unix_seconds: self.unix_seconds,
                failed: self.failed.get(..self.failed_count).unwrap_or_default(),
            });
        }
        (self.disk_count, self.failed_count) = (0, 0);
    }
}

impl<'a> VirtualDisk<'a> {
    /// Reports each history of a volume that forked: the disks that carry it, and whom it calls out.
    pub(super) fn report_branches(&self, into: &mut dyn Inventory) {
        if !self.forked {
            return;
        }
        let voices = self.hear();
        let mut leads: [Option<SetRecord<'a>>; MOST] = [None; MOST];
        for number in 0..MOST {
            let Some(lead) = self.next_lead(&voices, &leads) else { return };
            if let Some(place) = leads.get_mut(number) {
                *place = Some(lead);
            }
            self.report_branch(number, &lead, into);
        }
    }

    /// The freshest disk that none of the histories reported so far counts in; then those of histories whose
    /// members are all away.
    fn next_lead(&self, voices: &Voices, leads: &[Option<SetRecord<'a>>]) -> Option<SetRecord<'a>> {
        let known = || leads.iter().flatten();
        let apart =
            |one: &SetRecord<'a>, other: &SetRecord<'a>| one.accuses(other) || other.accuses(one);
        let own =
            |claim: &SetRecord<'a>| known().all(|lead| !lead.is_on(claim) && apart(lead, claim));
        let departed = || {
            let parted = self.parted_from_departed(&voices.heard, &voices.standing);
            let mut own = parted.map(|(own, _)| own);
            own.find(|own| known().all(|lead| !lead.is_on(own)))
        };
        self.freshest(voices.speakers(), own).or_else(departed)
    }

    fn report_branch(&self, number: usize, lead: &SetRecord<'a>, into: &mut dyn Inventory) {
        let mut parts = Parts {
            into,
            array: self.guid().into(),
            number: u16::try_from(number).unwrap_or(u16::MAX),
            sequence: lead.disk.effective_sequence().map(u64::from),
            unix_seconds: DdfTime(lead.disk.header().timestamp.get(lead.disk.order())).to_unix(),
            disks: [0; PART],
            disk_count: 0,
            failed: [Place::default(); PART],
            failed_count: 0,
        };
        if !self.carriers().any(|claim| lead.is_on(&claim)) {
            parts.disk(lead.disk.index());
        }
        for claim in self.carriers() {
            let shared = !lead.accuses(&claim) && !claim.accuses(lead);
            if lead.is_on(&claim) || shared {
                parts.disk(claim.disk.index());
            }
        }
        for record in core::iter::once(*lead).chain(self.other_sets(lead)) {
            let set = record.record.secondary_element_seq;
            for slot in (0..self.slots()).filter_map(|slot| u8::try_from(slot).ok().map(Slot)) {
                let reference = record.reference(slot);
                let own = reference.filter(|them| !lead.gave_away_the_place(*them));
                let word = own.map(|them| lead.word_on(them, set));
                if word.is_some_and(super::descent::Word::is_out) {
                    parts.failed(Place { set: set.into(), slot });
                }
            }
        }
        parts.end();
    }
}
