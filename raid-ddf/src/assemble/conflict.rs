// SPDX-License-Identifier: MIT OR Apache-2.0
//! What makes a volume unusable although its disks are at hand: disks that contradict each other.
//!
//! Two disks have each *gone on without the other* if each counts itself in and the other out. That
//! alone also happens when a disk returns after the other was replaced; then some third disk has
//! been with both, one after the other, and the higher number is right. It is a split brain if there
//! is no such witness, or if both carry the same number.

use super::VirtualDisk;
use super::virtual_disk::{SetRecord, codes_of};
use crate::disk::DdfDisk;
use crate::finding::Fault;
use crate::physical_disk_records::PdState;
use raid_core::array::MemberState;
use raid_core::metadata::Finding;
use raid_core::units::Slot;

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
        self.tell_disputes(&mut tell);
        self.tell_contradictions(&mut tell);
        self.tell_misfits(&mut tell);
        self.tell_twins(&mut tell);
        self.tell_overlaps(&mut tell);
        if let Some(capacity) = self.capacity()
            && self.size() > capacity
        {
            let (found, expected) = (Some(self.size().0), Some(capacity.0));
            tell(Finding { copy: RECORD, found, expected, ..Fault::SizeTooLarge.on(None) });
        }
    }

    /// Whether a disk is one of two that have each gone on without the other, and not the newer.
    pub(super) fn is_disputed(&self, disk: &DdfDisk<'a>) -> bool {
        self.claims().filter(|claim| claim.disk.index() == disk.index()).any(|mine| {
            self.claims().any(|other| {
                split(&mine, &other)
                    && mine.disk.effective_sequence() <= other.disk.effective_sequence()
            })
        })
    }

    fn tell_disputes(&self, tell: &mut dyn FnMut(Finding)) {
        for (mine, other) in self.pairs().filter(|(mine, other)| split(mine, other)) {
            let sequence = |claim: &SetRecord<'_>| claim.disk.sequence().map(u64::from);
            tell(Finding {
                copy: "physical disk records",
                found: sequence(&mine),
                expected: sequence(&other),
                ..Fault::SplitBrain.on(Some(mine.disk.index()))
            });
        }
    }

    fn tell_contradictions(&self, tell: &mut dyn FnMut(Finding)) {
        let takes_part = |claim: &SetRecord<'a>| {
            let condition = self.configuration.condition(&claim.disk);
            matches!(condition, MemberState::InSync | MemberState::Rebuilding)
        };
        let contradicting = self.pairs().filter(|(mine, other)| {
            takes_part(mine) && takes_part(other) && contradict(mine, other)
        });
        for (mine, _) in contradicting {
            let found = Some(mine.sequence().into());
            let disk = Some(mine.disk.index());
            tell(Finding { copy: RECORD, found, ..Fault::Contradiction.on(disk) });
        }
    }

    /// Two records of one set on two disks, each pair once.
    fn pairs(&self) -> impl Iterator<Item = (SetRecord<'a>, SetRecord<'a>)> + use<'a> {
        let this = *self;
        self.claims().flat_map(move |mine| {
            let later = this.claims().filter(move |other| {
                other.disk.index() > mine.disk.index()
                    && other.record.secondary_element_seq == mine.record.secondary_element_seq
            });
            later.map(move |other| (mine, other))
        })
    }

    /// Tells of sets whose records do not belong to one volume.
    fn tell_misfits(&self, tell: &mut dyn FnMut(Finding)) {
        let Some(lead) = self.lead() else { return };
        for set in (0..self.sets()).filter_map(|set| self.set_record(set)) {
            if common(&set) != common(&lead) {
                let (found, expected) = (Some(codes_of(set.record)), Some(codes_of(lead.record)));
                let fault = Fault::RecordsOfSets.on(Some(set.disk.index()));
                tell(Finding { copy: RECORD, found, expected, ..fault });
            }
        }
        let number = u16::from(lead.record.secondary_element_seq);
        if number >= self.sets() {
            let (found, expected) = (Some(number.into()), Some(self.sets().into()));
            let fault = Fault::SetNumber.on(Some(lead.disk.index()));
            tell(Finding { copy: RECORD, found, expected, ..fault });
        }
    }

    /// Tells of members that two disks claim to be, neither newer than the other.
    fn tell_twins(&self, tell: &mut dyn FnMut(Finding)) {
        for set in (0..self.sets()).filter_map(|set| self.set_record(set)) {
            for reference in (0..=u8::MAX).filter_map(|slot| set.reference(Slot(slot))) {
                let Some(holder) = self.configuration.holder(reference) else { continue };
                let twin = self.configuration.disks().find(|disk| {
                    disk.index() != holder.index()
                        && disk.reference() == Some(reference)
                        && disk.effective_sequence() == holder.effective_sequence()
                });
                if let Some(twin) = twin {
                    let found = Some(reference.into());
                    let fault = Fault::SameReference.on(Some(twin.index()));
                    tell(Finding { copy: "physical disk data", found, ..fault });
                }
            }
        }
    }

    /// Tells of blocks of a disk that this volume and another both claim.
    fn tell_overlaps(&self, tell: &mut dyn FnMut(Finding)) {
        for disk in self.configuration.disks() {
            let takes_part = self.configuration.condition(&disk) == MemberState::InSync;
            let Some(mine) = self.extent_on(&disk).filter(|_| takes_part) else { continue };
            let others = disk.volumes().filter(|record| !record.vd_guid.matches(&self.guid()));
            for record in others {
                let Some(other) = self.configuration.volume(&record.vd_guid) else { continue };
                let Some(theirs) = other.extent_on(&disk) else { continue };
                if mine.overlaps(theirs) {
                    let fault = Fault::ExtentsOverlap.on(Some(disk.index()));
                    let (at, found) = (Some(mine.start), Some(theirs.start.0));
                    tell(Finding { copy: RECORD, at, found, ..fault });
                }
            }
        }
    }
}

const RECORD: &str = "virtual disk configuration record";

/// Whether a disk's own copy of the records counts the disk with this reference in.
fn counts_in(claim: &SetRecord<'_>, reference: u32) -> bool {
    let gone = PdState::FAILED.union(PdState::MISSING);
    let entry = claim.disk.entry_of(reference);
    entry.is_some_and(|entry| !entry.pd_state(claim.disk.order()).intersects(gone))
}

/// Whether two disks have each gone on without the other; see the head of this file.
fn split(mine: &SetRecord<'_>, other: &SetRecord<'_>) -> bool {
    let (Some(me), Some(them)) = (mine.disk.reference(), other.disk.reference()) else {
        return false;
    };
    let same_set = mine.record.secondary_element_seq == other.record.secondary_element_seq;
    if me == them || !same_set || counts_in(mine, them) || counts_in(other, me) {
        return false;
    }
    if !counts_in(mine, me) || !counts_in(other, them) {
        return false;
    }
    let same_number = match (mine.disk.effective_sequence(), other.disk.effective_sequence()) {
        (None, None) => mine.sequence() == other.sequence(),
        (mine, other) => mine == other,
    };
    let witness = (0..=u8::MAX)
        .filter_map(|slot| mine.reference(Slot(slot)))
        .any(|reference| counts_in(mine, reference) && counts_in(other, reference));
    same_number || !witness
}

/// Whether two records of one number name different members.
fn contradict(mine: &SetRecord<'_>, other: &SetRecord<'_>) -> bool {
    let slots = || (0..=u8::MAX).map(Slot);
    let members = |claim: &SetRecord<'_>, slot| (claim.reference(slot), claim.start(slot));
    mine.sequence() == other.sequence()
        && (common(mine) != common(other)
            || slots().any(|slot| members(mine, slot) != members(other, slot)))
}

/// What all records of a volume have in common.
fn common(claim: &SetRecord<'_>) -> (u16, [u8; 5], u64) {
    let record = claim.record;
    let order = claim.disk.order();
    let codes = [
        record.strip_size,
        record.primary_raid_level,
        record.raid_level_qualifier,
        record.secondary_element_count,
        record.secondary_raid_level,
    ];
    (record.primary_element_count.get(order), codes, record.vd_size.get(order))
}
