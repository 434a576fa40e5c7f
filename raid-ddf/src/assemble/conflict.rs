// SPDX-License-Identifier: MIT OR Apache-2.0
//! What makes a volume unusable although its disks are at hand: disks that contradict each other.
//!
//! Who has gone on without whom is judged in [`descent`](super::descent), who claims the same blocks in
//! [`overlap`](super::overlap).

use super::VirtualDisk;
use super::virtual_disk::{SetRecord, codes_of};
use crate::finding::Fault;
use crate::header::Section;
use raid_core::metadata::Finding;
use raid_core::units::Slot;

/// What findings call a configuration record.
pub(super) const RECORD: &str = "virtual disk configuration record";

impl<'a> VirtualDisk<'a> {
    /// Whether something about the disks makes the volume unusable.
    pub(super) fn is_refused(&self) -> bool {
        let mut refused = false;
        self.tell_conflicts(&mut |_| refused = true);
        refused
    }

    /// Tells everything that makes the volume unusable, its codes aside.
    pub(super) fn tell_conflicts(&self, tell: &mut dyn FnMut(Finding)) {
        let array = Some(self.guid().into());
        let mut tell = |finding: Finding| tell(Finding { array, ..finding });
        if self.forked {
            self.tell_disputes(&mut tell);
        }
        self.tell_contradictions(&mut tell);
        self.tell_misfits(&mut tell);
        self.tell_twins(&mut tell);
        self.tell_overlaps(&mut tell);
        if let (Some(lead), Some(capacity)) = (self.lead(), self.capacity())
            && self.size() > capacity
        {
            let (found, expected) = (Some(self.size().0), Some(capacity.0));
            tell(Finding { found, expected, ..about(Fault::SizeTooLarge, &lead) });
        }
    }

    /// Records of one set and one number have to say the same: each is held against the first of its
    /// number on a disk that takes part.
    #[inline(never)]
    fn tell_contradictions(&self, tell: &mut dyn FnMut(Finding)) {
        for mine in self.claims().filter(|claim| self.takes_part(claim)) {
            let set = mine.record.secondary_element_seq;
            let mut alike = self
                .set_claims(set.into())
                .filter(|other| other.sequence() == mine.sequence() && self.takes_part(other));
            let Some(first) = alike.next() else { continue };
            if let Some((found, expected)) = contradiction(&mine, &first) {
                let (found, expected) = (Some(found), Some(expected));
                tell(Finding { found, expected, ..about(Fault::Contradiction, &mine) });
            }
        }
    }

    /// Tells of sets whose records do not belong to one volume.
    #[inline(never)]
    fn tell_misfits(&self, tell: &mut dyn FnMut(Finding)) {
        let Some(lead) = self.lead() else { return };
        for set in self.set_records() {
            if let Some((found, expected)) = difference(&set, &lead) {
                let (found, expected) = (Some(found), Some(expected));
                tell(Finding { found, expected, ..about(Fault::RecordsOfSets, &set) });
            }
        }
        let number = u16::from(lead.record.secondary_element_seq);
        if number >= self.sets() {
            let (found, expected) = (Some(number.into()), Some(self.sets().into()));
            tell(Finding { found, expected, ..about(Fault::SetNumber, &lead) });
        }
    }

    /// Tells of members that two disks claim to be, neither newer than the other.
    #[inline(never)]
    fn tell_twins(&self, tell: &mut dyn FnMut(Finding)) {
        for set in self.set_records() {
            for reference in set.references() {
                let Some(holder) = self.configuration.holder(reference) else { continue };
                let twin = self.configuration.holders(reference).find(|disk| {
                    disk.index() != holder.index()
                        && disk.effective_sequence() == holder.effective_sequence()
                });
                if let Some(twin) = twin {
                    let found = Some(reference.into());
                    let at = twin.section_lba(Section::PhysicalDiskData);
                    let fault = Fault::SameReference.on(Some(twin.index()));
                    tell(Finding { copy: "physical disk data", at, found, ..fault });
                }
            }
        }
    }
}

/// A finding about a configuration record.
pub(super) fn about(fault: Fault, record: &SetRecord<'_>) -> Finding {
    let at = Some(record.at);
    Finding { copy: RECORD, at, ..fault.on(Some(record.disk.index())) }
}

/// Where two records of one number name different members: what they say there.
fn contradiction(mine: &SetRecord<'_>, other: &SetRecord<'_>) -> Option<(u64, u64)> {
    if let Some(difference) = difference(mine, other) {
        return Some(difference);
    }
    let slots = (0..=u8::MAX).map(Slot);
    let member =
        |claim: &SetRecord<'_>, slot| (claim.reference(slot).unwrap_or(0), claim.start(slot).0);
    // Most often both are the same bytes.
    let same = mine.disk.order() == other.disk.order()
        && mine.elements().references == other.elements().references
        && mine.elements().starting_blocks == other.elements().starting_blocks;
    let mut pairs = slots.map(|slot| (member(mine, slot), member(other, slot)));
    let differs = |(mine, other): &((u32, u64), (u32, u64))| mine != other;
    let (mine, other) = if same { None } else { pairs.find(differs) }?;
    if mine.0 == other.0 { Some((mine.1, other.1)) } else { Some((mine.0.into(), other.0.into())) }
}

/// The first field that all records of a volume have in common, and these two have not: what they say.
fn difference(mine: &SetRecord<'_>, other: &SetRecord<'_>) -> Option<(u64, u64)> {
    let common = |claim: &SetRecord<'_>| {
        let (record, order) = (claim.record, claim.disk.order());
        [
            codes_of(record),
            record.primary_element_count.get(order).into(),
            record.strip_size.into(),
            record.secondary_element_count.into(),
            record.vd_size.get(order),
        ]
    };
    common(mine).into_iter().zip(common(other)).find(|(mine, other)| mine != other)
}
