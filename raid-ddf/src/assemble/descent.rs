// SPDX-License-Identifier: MIT OR Apache-2.0
//! Descent: which disk speaks for a volume, judged by who was there when which record was written.
//!
//! Headers count the updates of the whole configuration, and disks of one configuration can run
//! apart: a higher number proves nothing about one volume. What proves something are the states in
//! each member's own copy: those that [the volume says for itself](crate::roster), with the number of its own updates. A write is acknowledged only when the record that allows it is on every
//! disk that the record counts in. Hence:
//!
//! | `x` says of `y` | `y` says of `x` | |
//! |---|---|---|
//! | in | in | one history; the higher number is the later record |
//! | out | in | `x` is the later one: `x` was there for every write that `y` may have acknowledged; a fork if `y` is two updates further on than `x` |
//! | out | out | `y` is the earlier one if a disk that it counts in carries a record without `y`; else a fork |
//!
//! Where the [stamps of runs](crate::roster::Kin) tell how two records are related, that counts: who descends
//! from the other is the later one, and two that have each begun a run after one that both know are a fork.
//! The table holds where they do not tell.
//! What another volume's update said of a disk counts where that disk carries no later record of this one.
//!
//! *Out* is failed, missing, without an entry, or no longer named in the record of the set. Members that
//! count themselves in have a say. Spares and disks that know of their own failure have none; but who is
//! two updates behind what such a disk knows, and is counted in there, is an older copy and has none either;
//! nor has who was replaced in a later record of such a disk: see [`departed`](super::departed).
//!
//! A disk that is being filled is a [witness](super::witness) where nobody is present whom it counts in. It speaks
//! where nobody else does, unless a departed disk shows that it is an older copy as well.
//!
//! A record that leaves too few members to run the volume is void if it calls them missing and all of
//! them are present: the volume was not run without them, so they are as good as they were.
//! Another set is not judged by a record that names a disk whose place was given away since.

use super::records::RecordsOf;
use super::state::{join_sets, set_state};
use super::virtual_disk::SetRecord;
use super::witness::Testimony;
use super::{Assembly, VirtualDisk};
use crate::disk::DdfDisk;
use crate::disk_bytes::Disks;
use crate::finding::Fault;
use crate::guid::Guid;
use crate::header::Section;
use crate::physical_disk_records::{PdState, PdType, PhysicalDiskEntry};
use crate::roster::{Kin, Roster};
use crate::sequence::{compare_kept, compare_sequences, updates_between};
use crate::update::disk_set::DiskSet;
use core::cmp::Ordering;
use raid_core::array::{ArrayState, Secondary};
use raid_core::metadata::Finding;
use raid_core::units::{Slot, SlotSet};

/// What a disk's own copy says of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Holds its data.
    In,
    /// Is being filled.
    Filling,
    /// Failed, or no longer a member.
    Out,
    /// Was absent.
    Missing,
}

impl Word {
    pub(super) const fn is_out(self) -> bool {
        matches!(self, Self::Out | Self::Missing)
    }
}

impl<'a> SetRecord<'a> {
    /// What the copy with this record says of the disk with this reference, which is a member of its
    /// own set or of another one.
    pub(super) fn word_on(&self, reference: u32, set: u8) -> Word {
        let named = || self.references().any(|element| element == reference);
        let own = set == self.record.secondary_element_seq;
        if own && !named() {
            return Word::Out;
        }
        let Some(state) = self.state_of(reference) else { return Word::Out };
        let has_a_place = || own || self.has_a_place(reference);
        if state.contains(PdState::MISSING) {
            Word::Missing
        } else if state.contains(PdState::FAILED) || !state.contains(PdState::ONLINE) {
            Word::Out
        } else if !has_a_place() {
            // A spare holds nothing of the other set.
            Word::Out
        } else if state.contains(PdState::REBUILDING) {
            Word::Filling
        } else {
            Word::In
        }
    }

    /// What the volume says for itself, if it does.
    pub(super) fn roster(&self) -> Option<Roster> {
        Roster::of_record(self.record, self.disk.order(), self.disk.sequence())
    }

    /// PD_State of a disk as its copy says, for this volume.
    pub(super) fn state_of(&self, reference: u32) -> Option<PdState> {
        let own = self.roster().and_then(|roster| roster.state_of(reference));
        own.or_else(|| Some(self.disk.entry_of(reference)?.pd_state(self.disk.order())))
    }

    /// Updates that it knows of: of the volume, or of all where the volume does not count its own.
    pub(super) fn number(&self) -> Option<u32> {
        self.roster().map(|roster| roster.number).or_else(|| self.disk.effective_sequence())
    }

    /// Its number and that of another record, of one count. Where one of them has no roster, both are those of
    /// the headers, which are the volume's where it is alone.
    pub(super) fn numbers(&self, other: &Self) -> (Option<u32>, Option<u32>) {
        let alone = |disk: &DdfDisk<'_>| {
            disk.virtual_disks().is_none_or(|all| all.used(disk.order()).nth(1).is_none())
        };
        let mixed = self.roster().is_some() != other.roster().is_some();
        let begun = || self.missed_before_its_first(other) || other.missed_before_its_first(self);
        if mixed && alone(&self.disk) && alone(&other.disk) && !begun() {
            return (self.disk.effective_sequence(), other.disk.effective_sequence());
        }
        (self.number(), other.number())
    }

    /// Whether it got its roster by an update that did not reach the other one, and was further behind that one
    /// before: a first roster counts on from the header of its disk.
    pub(super) fn missed_before_its_first(&self, other: &Self) -> bool {
        let Some(own) = self.roster().filter(|_| other.roster().is_none()) else { return false };
        let headers = self.disk.effective_sequence().zip(other.disk.effective_sequence());
        headers.is_some_and(|(header, last)| {
            updates_between(header, last) > 0 && updates_between(last, own.number) > 1
        })
    }

    /// Whether its copy says that no write is under way; `None` if it does not list the volume.
    fn says_clean(&self, volume: &Guid) -> Option<bool> {
        let listed = || self.disk.virtual_disks()?.find(self.disk.order(), volume);
        let own = self.roster().map(|roster| roster.note.clean);
        own.or_else(|| listed().map(super::is_clean))
    }

    /// What it says of the disk of another record.
    pub(super) fn word_on_disk_of(&self, other: &Self) -> Word {
        let reference = other.disk.reference();
        let set = other.record.secondary_element_seq;
        reference.map_or(Word::Out, |them| self.word_on(them, set))
    }

    /// Whether its disk counts itself in.
    pub(super) fn counts_itself_in(&self) -> bool {
        self.word_on_disk_of(self) == Word::In
    }

    /// Whether it says that the disk of the other record is out. What it has heard of another volume is no
    /// answer to a later record.
    pub(super) fn accuses(&self, other: &Self) -> bool {
        let is_later = || compare_kept(other.number(), self.number()).is_gt();
        self.word_on_disk_of(other).is_out() && !(self.has_heard(other) && is_later())
    }

    /// Whether it says that the disk of the other record failed because another volume's update did.
    pub(super) fn has_heard(&self, other: &Self) -> bool {
        let them = other.disk.reference();
        self.roster().zip(them).is_some_and(|(roster, them)| roster.has_heard(them))
    }

    pub(super) fn is_on(&self, other: &Self) -> bool {
        self.disk.index() == other.disk.index()
    }

    /// Whether the disk with this reference is listed as a member: of this volume, or of any where the
    /// volume does not say it for itself.
    fn has_a_place(&self, reference: u32) -> bool {
        match self.roster() {
            Some(roster) => roster.names(reference),
            None => self.disk.entry_of(reference).is_some_and(|entry| self.is_participant(entry)),
        }
    }

    /// Whether another disk has the place that this one had: a record which names it there is of another history, or
    /// from before.
    pub(super) fn gave_away_the_place(&self, reference: u32) -> bool {
        let listed = || self.disk.entry_of(reference);
        let retired = |entry: &PhysicalDiskEntry| {
            entry.pd_state(self.disk.order()).is_gone() && !self.is_participant(entry)
        };
        match self.roster() {
            Some(roster) => roster.state_of(reference).is_some() && !roster.names(reference),
            None => listed().is_some_and(retired),
        }
    }

    fn is_participant(&self, entry: &PhysicalDiskEntry) -> bool {
        entry.pd_type(self.disk.order()).contains(PdType::PARTICIPATING)
    }

    /// Whether it does not name the disk of the other record because it is from before that disk came.
    pub(super) fn predates(&self, other: &Self) -> bool {
        let them = other.disk.reference();
        if self.record.secondary_element_seq == other.record.secondary_element_seq {
            let named = || self.references().any(|element| Some(element) == them);
            return compare_sequences(self.sequence(), other.sequence()).is_lt() && !named();
        }
        let (own, their) = self.numbers(other);
        compare_kept(own, their).is_lt() && them.is_some_and(|them| self.has_not_met(them))
    }

    /// Whether it was written before the disk of the other record came, with every member there, in a
    /// history that these were the members of: what it acknowledged, whoever went on had.
    pub(super) fn is_outlived_by(&self, other: &Self) -> bool {
        let them = other.disk.reference();
        self.predates(other)
            && them.is_some_and(|them| self.has_not_met(them))
            && self.counts_all_in()
            && self.references().all(|them| !other.has_not_met(them))
    }

    /// Whether it counts every member in.
    fn counts_all_in(&self) -> bool {
        let set = self.record.secondary_element_seq;
        if !self.references().all(|them| self.word_on(them, set) == Word::In) {
            return false;
        }
        if let Some(roster) = self.roster() {
            return roster.is_whole();
        }
        let order = self.disk.order();
        let all = self.disk.physical_disks().map_or(&[][..], |records| &records.entries);
        let mut members = all.iter().filter(|entry| !entry.pd_guid.is_unused());
        members.all(|entry| !self.is_participant(entry) || entry.pd_state(order).is_usable())
    }

    /// Whether it knows this disk as a spare without a place, or not at all.
    fn has_not_met(&self, reference: u32) -> bool {
        if let Some(roster) = self.roster() {
            return roster.state_of(reference).is_none() && !self.lists_as_departed(reference);
        }
        self.disk.entry_of(reference).is_none_or(|entry| {
            entry.pd_state(self.disk.order()).is_usable() && !self.is_participant(entry)
        })
    }

    /// Whether its disk lists one as gone that was a member of the only volume: a roster begun after an update by
    /// another implementation does not name those whose places were given away before.
    fn lists_as_departed(&self, reference: u32) -> bool {
        let order = self.disk.order();
        let alone = self.disk.virtual_disks().is_some_and(|all| all.used(order).nth(1).is_none());
        let spare = PdType::GLOBAL_SPARE.union(PdType::CONFIGURED_SPARE);
        alone
            && self.disk.entry_of(reference).is_some_and(|entry| {
                entry.pd_state(order).is_gone() && !entry.pd_type(order).intersects(spare)
            })
    }

    /// Whether both count the same disk in: what either acknowledged, that disk had.
    pub(super) fn shares_a_disk(&self, other: &Self) -> bool {
        let set = self.record.secondary_element_seq;
        self.references()
            .any(|them| self.word_on(them, set) == Word::In && other.word_on(them, set) == Word::In)
    }

    /// Members of the set that it calls out.
    fn accusations(&self) -> usize {
        let set = self.record.secondary_element_seq;
        self.references().filter(|them| self.word_on(*them, set).is_out()).count()
    }
}

/// Who speaks for a volume.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descent<'a> {
    /// The disk whose copy counts.
    pub(super) speaker: DdfDisk<'a>,
    /// Whether disks have gone on without each other.
    pub(super) forked: bool,
}

/// Members by what their own word is worth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voices {
    /// Members that count themselves in, by records that are not void.
    pub(super) heard: DiskSet,
    /// Those of them that no later record supersedes, and witnesses that went on without one of these.
    pub(super) standing: DiskSet,
    /// Of the disks that are being filled, and of which nobody is heard whom they count in, the freshest.
    witness: DiskSet,
    /// Whether they can contradict each other.
    differ: bool,
}

impl Voices {
    /// Those among whom the speaker is.
    pub(super) fn speakers(&self) -> DiskSet {
        if self.standing == DiskSet::EMPTY { self.heard } else { self.standing }
    }
}

/// The walk over the members of a volume: see [`VirtualDisk::carriers`].
#[derive(Debug)]
pub(super) struct Carriers<'s, 'a> {
    volume: &'s VirtualDisk<'a>,
    claims: RecordsOf<'s, 'a>,
    /// Index of the disk that the last claim was on: its others are passed over.
    last: Option<usize>,
}

impl<'a> Iterator for Carriers<'_, 'a> {
    type Item = SetRecord<'a>;

    // Once, and not in each of those that walk.
    #[inline(never)]
    fn next(&mut self) -> Option<SetRecord<'a>> {
        let named_by_itself = |claim: &SetRecord<'a>| {
            let own = claim.disk.reference();
            own.is_some_and(|own| claim.references().any(|reference| reference == own))
        };
        loop {
            let claim = self.claims.next()?;
            let index = claim.disk.index();
            if !named_by_itself(&claim) || self.last.replace(index) == Some(index) {
                continue;
            }
            let set = claim.record.secondary_element_seq;
            let Some(record) = claim.disk.record_of(&self.volume.guid(), set) else { continue };
            let newest = SetRecord { record, ..claim };
            return Some(if named_by_itself(&newest) { newest } else { claim });
        }
    }
}

impl<'a> VirtualDisk<'a> {
    /// The members present, each with its own record: the newest on that disk that names it.
    pub(super) fn carriers(&self) -> Carriers<'_, 'a> {
        Carriers { volume: self, claims: self.claims(), last: None }
    }

    /// The members present that are among `disks`.
    pub(super) fn among<'s>(
        &'s self,
        disks: &'s DiskSet,
    ) -> impl Iterator<Item = SetRecord<'a>> + use<'s, 'a> {
        self.carriers().filter(|claim| disks.contains(claim.disk.index()))
    }

    /// Hears every member.
    #[inline(never)]
    pub(super) fn hear(&self) -> Voices {
        let [mut heard, mut standing, mut witnesses, mut witness] = [DiskSet::EMPTY; 4];
        // Most often all lists are the same bytes: then nobody contradicts anybody.
        let differ = self.lists_differ();
        for claim in self.carriers().filter(SetRecord::counts_itself_in) {
            if !differ || !(self.is_void(&claim) || self.is_older_than_a_departed_one(&claim)) {
                heard.insert(claim.disk.index());
            }
        }
        for claim in self.carriers().filter(|claim| differ && claim.is_filling()) {
            // An older copy of a disk that is counted in may have run for longer than the others.
            let made_it = |other: &SetRecord<'a>| {
                claim.counts_in(other) && !claim.outran(other) && claim.kin(other) != Kin::Apart
            };
            if !self.among(&heard).any(|other| made_it(&other)) && !self.is_void(&claim) {
                witnesses.insert(claim.disk.index());
            }
        }
        let speaks = self.freshest(witnesses, |_| true);
        for claim in self.among(&heard) {
            let known = |of| speaks.is_some_and(|witness| witness.testifies(&claim) == of);
            if !differ || !(self.is_superseded(&claim, heard) || known(Testimony::Earlier)) {
                standing.insert(claim.disk.index());
            }
        }
        if let Some(speaks) = speaks {
            witness.insert(speaks.disk.index());
            if self.among(&standing).any(|claim| speaks.is_apart_from(&claim)) {
                standing.insert(speaks.disk.index());
            }
        }
        Voices { heard, standing, witness, differ }
    }

    /// The one with the latest record among some members.
    #[inline(never)]
    pub(super) fn freshest(
        &self,
        disks: DiskSet,
        of: impl Fn(&SetRecord<'a>) -> bool,
    ) -> Option<SetRecord<'a>> {
        let claims = self.among(&disks).filter(of);
        claims.reduce(|fresh, claim| if later(&claim, &fresh).is_gt() { claim } else { fresh })
    }

    /// Judges who speaks: see the head of this file.
    #[inline(never)]
    pub(super) fn judge_descent(&self) -> Descent<'a> {
        let Voices { heard, standing, witness, differ } = self.hear();
        let freshest = |disks| self.freshest(disks, |_| true);
        let (speaker, forked) = match freshest(standing) {
            Some(speaker) => {
                let parted = || self.parted_from_departed(&heard, &standing).next().is_some();
                let disputed = || self.disputes(&standing).next().is_some();
                (Some(speaker), differ && (disputed() || parted()))
            }
            // None of those who made the newest history is present. Where the witness is an older copy itself, what it
            // counts in is no longer so: whoever shows that knows better.
            None if witness != DiskSet::EMPTY => {
                let up_to_date = |claim: &SetRecord<'a>| !self.is_witness_of_old(claim);
                (self.freshest(witness, up_to_date), false)
            }
            // Each is superseded by another: no order can be proven.
            None => (freshest(heard), true),
        };
        let newest = match heard == DiskSet::EMPTY || speaker.is_none() {
            true => self.newest_voice(self.claims()),
            false => self.newest_voice(self.carriers()),
        };
        match speaker {
            None => Descent { speaker: newest.disk, forked: false },
            Some(claim)
                if newest.says_the_same(&claim)
                    || (!forked && self.is_continued_by(&claim, &newest, heard)) =>
            {
                Descent { speaker: newest.disk, forked }
            }
            Some(claim) => Descent { speaker: claim.disk, forked },
        }
    }

    /// Who of these carries the newest record: of the volume where it counts its own updates, else of all.
    fn newest_voice(&self, claims: impl Iterator<Item = SetRecord<'a>>) -> Voice<'a> {
        let own = claims.filter(|claim| claim.roster().is_some());
        let own =
            own.reduce(|newest, claim| if later(&claim, &newest).is_gt() { claim } else { newest });
        let newest = self.configuration.newest();
        // Another implementation has gone on since, and knows no rosters.
        let since = own.and_then(|own| {
            let mut others = self.carriers().filter(|claim| claim.roster().is_none());
            others.find(|claim| later(claim, &own).is_gt())
        });
        match own.filter(|_| since.is_none() || self.configuration.entries().nth(1).is_some()) {
            Some(claim) => Voice { disk: claim.disk, roster: claim.roster() },
            None => Voice { disk: newest, roster: None },
        }
    }

    /// Whether a disk that has no say carries the update after the speaker's, which the members were
    /// not reached by, and reads from nobody whom the speaker knows to be out: one that the speaker is
    /// filling may be in sync by now, unless that list does not know it as a member at all.
    #[inline(never)]
    fn is_continued_by(&self, speaker: &SetRecord<'a>, newest: &Voice<'a>, heard: DiskSet) -> bool {
        let next = match (newest.number(), speaker.number()) {
            (Some(newest), Some(own)) => updates_between(newest, own) == 1,
            _ => false,
        };
        let state = |claim: &SetRecord<'a>| newest.state_of(claim.disk.reference()?);
        let still_out = |claim: &SetRecord<'a>| state(claim).is_none_or(|state| !state.is_usable());
        let filled = |claim: &SetRecord<'a>| {
            let them = claim.disk.reference();
            !speaker.accuses(claim) && them.is_some_and(|them| newest.has_a_place(them))
        };
        next && !heard.contains(newest.disk.index())
            && self.carriers().all(|claim| {
                let counted = speaker.counts_in(&claim) || filled(&claim);
                counted || speaker.predates(&claim) || still_out(&claim)
            })
    }

    /// Whether the lists of disks, on those that carry a record, what they name as members, or their numbers are not all the same.
    #[inline(never)]
    fn lists_differ(&self) -> bool {
        // Who is no member any more may know more than they.
        let mut claims = self.claims();
        let Some(first) = claims.next() else { return false };
        let roster = first.roster();
        let list = list_of(&first.disk);
        (roster.is_none() && list.is_none())
            || claims.any(|claim| {
                claim.roster() != roster
                    || (roster.is_none() && list_of(&claim.disk) != list)
                    || claim.number() != first.number()
                    || (claim.sequence() != first.sequence()
                        && claim.record.secondary_element_seq == first.record.secondary_element_seq)
            })
    }

    /// Whether another member was there for every write that this one may have acknowledged, and
    /// carries a record without it.
    #[inline(never)]
    fn is_superseded(&self, claim: &SetRecord<'a>, heard: DiskSet) -> bool {
        self.among(&heard).any(|other| {
            !other.is_on(claim)
                && other.accuses(claim)
                && match claim.kin(&other) {
                    Kin::Earlier => true,
                    Kin::Later | Kin::Apart => false,
                    Kin::Same | Kin::Unknown => self.seems_superseded(claim, &other, heard),
                }
        })
    }

    /// The same by states and numbers alone, of an accuser.
    fn seems_superseded(
        &self,
        claim: &SetRecord<'a>,
        other: &SetRecord<'a>,
        heard: DiskSet,
    ) -> bool {
        !other.predates(claim)
            && match claim.accuses(other) {
                false => {
                    !self.is_tied(claim, other, heard)
                        && !other.left(claim)
                        && !self.is_overtaken(other, claim)
                }
                // It was replaced, and has not run since.
                true => {
                    claim.is_outlived_by(other)
                        || (claim.predates(other) && claim.shares_a_disk(other))
                }
            }
    }

    /// Whether two records have one number, and the disk of the first and somebody whom the second
    /// counts in call each other out: that is left to the user.
    fn is_tied(&self, claim: &SetRecord<'a>, other: &SetRecord<'a>, heard: DiskSet) -> bool {
        let same = match claim.numbers(other) {
            (None, None) => claim.sequence() == other.sequence(),
            (mine, theirs) => mine == theirs,
        };
        same && self
            .among(&heard)
            .any(|third| third.accuse_each_other(claim) && !other.accuses(&third))
    }

    /// Whether the accused is further on than its accuser can have let it come: then neither explains the
    /// other. Where there are several volumes that do not count their own updates, they may be another's.
    fn is_overtaken(&self, accuser: &SetRecord<'a>, accused: &SetRecord<'a>) -> bool {
        let counts_its_own = accused.roster().is_some() && accuser.roster().is_some();
        accuser.accuses(accused)
            && !accuser.predates(accused)
            && accused.outran(accuser)
            && (counts_its_own || self.configuration.entries().nth(1).is_none())
    }

    /// Pairs of standing members that have each gone on without the other.
    fn disputes<'s>(
        &'s self,
        standing: &'s DiskSet,
    ) -> impl Iterator<Item = (SetRecord<'a>, SetRecord<'a>)> + use<'s, 'a> {
        self.among(standing).flat_map(move |mine| {
            let later = self.among(standing).filter(move |other| {
                other.disk.index() > mine.disk.index()
                    && match mine.kin(other) {
                        Kin::Apart => true,
                        Kin::Earlier | Kin::Later => false,
                        Kin::Same | Kin::Unknown => {
                            mine.disputes(other)
                                || self.is_overtaken(&mine, other)
                                || self.is_overtaken(other, &mine)
                        }
                    }
            });
            later.map(move |other| (mine, other))
        })
    }

    /// Whether what a disk says of the volume is void: the volume cannot have run like that, and
    /// everybody who was absent is present again and knows a state in which it ran.
    #[inline(never)]
    fn is_void(&self, claim: &SetRecord<'a>) -> bool {
        if self.runs_for(claim) {
            return false;
        }
        let set = claim.record.secondary_element_seq;
        let returned = |reference: u32, set: u8| match claim.word_on(reference, set) {
            Word::In | Word::Filling => true,
            Word::Out => false,
            Word::Missing => self.carriers().any(|other| {
                other.disk.reference() == Some(reference)
                    && other.counts_itself_in()
                    && self.runs_for(&other)
            }),
        };
        let own = claim.references().all(|reference| returned(reference, set));
        own && self.other_sets(claim).all(|other| {
            let set = other.record.secondary_element_seq;
            other.references().all(|reference| returned(reference, set))
        })
    }

    /// Whether the volume can run on the members that a disk's copy counts in.
    #[inline(never)]
    fn runs_for(&self, claim: &SetRecord<'a>) -> bool {
        let Ok(geometry) = self.read_codes(claim).geometry() else { return true };
        if geometry.secondary == Secondary::Mirrored {
            return true;
        }
        let state = |record: &SetRecord<'a>| {
            // Who has that place is known to nobody here.
            if !record.is_on(claim)
                && record.references().any(|them| claim.gave_away_the_place(them))
            {
                return ArrayState::Optimal;
            }
            let slots = (0..geometry.slots).filter_map(|slot| u8::try_from(slot).ok().map(Slot));
            let held = |slot: &Slot| {
                let reference = record.reference(*slot);
                let set = record.record.secondary_element_seq;
                reference.is_some_and(|them| claim.word_on(them, set) == Word::In)
            };
            let readable: SlotSet = slots.filter(held).collect();
            set_state(&geometry, readable)
        };
        let others = self.other_sets(claim).map(|other| state(&other));
        let all = core::iter::once(state(claim)).chain(others);
        join_sets(geometry.secondary, all) != ArrayState::Failed
    }

    /// One record of each other set, as far as one is present.
    pub(super) fn other_sets(
        &self,
        claim: &SetRecord<'a>,
    ) -> impl Iterator<Item = SetRecord<'a>> + use<'_, 'a> {
        let own = u16::from(claim.record.secondary_element_seq);
        let sets = u16::from(claim.record.secondary_element_count.max(1));
        (0..sets).filter(move |set| *set != own).filter_map(move |set| {
            self.set_claims(set).reduce(|newest, claim| {
                let newer = claim.sequence().wrapping_sub(newest.sequence());
                if matches!(newer, 1..0x8000_0000) { claim } else { newest }
            })
        })
    }

    /// Whether the last update set the volume dirty and was not finished: a member that it counts in
    /// carries the update before, which is clean.
    ///
    /// Asked only of parity that lacks a member, where it decides whether the volume can be started: no
    /// row of it is written before the record that allows it is on every member. A whole volume is
    /// resynchronised, which costs nothing but time.
    #[inline(never)]
    pub(crate) fn was_opened_in_vain(&self) -> bool {
        let parity = self.geometry().is_some_and(|geometry| geometry.parity_strips() > 0);
        let Some(number) = self.voice().number().filter(|_| parity) else { return false };
        if self.speaker.is_open()
            || !matches!(self.state(), ArrayState::Degraded | ArrayState::PartiallyOptimal)
        {
            return false;
        }
        self.carriers().filter(SetRecord::counts_itself_in).any(|claim| {
            let before = claim.number();
            let one_behind = before.is_some_and(|before| updates_between(number, before) == 1);
            one_behind && self.says_in(&claim) && claim.says_clean(&self.guid()) == Some(true)
        })
    }

    /// Whether the speaker counts the disk of a record in.
    pub(super) fn says_in(&self, claim: &SetRecord<'a>) -> bool {
        let state = claim.disk.reference().and_then(|them| self.voice().state_of(them));
        state.is_some_and(PdState::is_usable)
    }

    /// Whether a disk is one of two that have each gone on without the other, and not the newer.
    pub(super) fn is_disputed(&self, disk: &DdfDisk<'a>) -> bool {
        self.forked
            && self.disputes(&self.hear().standing).any(|(mine, other)| {
                let order = compare_kept(mine.number(), other.number());
                (mine.disk.index() == disk.index() && order.is_le())
                    || (other.disk.index() == disk.index() && order.is_ge())
            })
    }

    #[inline(never)]
    pub(super) fn tell_disputes(&self, tell: &mut dyn FnMut(Finding)) {
        let Voices { heard, standing, .. } = self.hear();
        let parted = self.parted_from_departed(&heard, &standing);
        for (mine, other) in self.disputes(&standing).chain(parted) {
            let sequence = |claim: &SetRecord<'_>| Some(claim.disk.stored_sequence().into());
            // The entry in which it counts the other out.
            let at = other.disk.reference().and_then(|them| {
                let index = mine.disk.physical_disks()?.position(mine.disk.order(), them)?;
                mine.disk.entry_lba(Section::PhysicalDiskRecords, index)
            });
            tell(Finding {
                copy: "physical disk records",
                at: at.or(mine.disk.section_lba(Section::PhysicalDiskRecords)),
                found: sequence(&mine),
                expected: sequence(&other),
                ..Fault::SplitBrain.on(Some(mine.disk.index()))
            });
        }
    }
}

/// The disk that speaks for an array, if it counts other members in than the newest disk.
pub(crate) fn dissenting_speaker(disks: &dyn Disks, array: Guid) -> Option<usize> {
    let mut scratch = [0; 256];
    let assembly = Assembly::new(disks, &mut scratch, &mut |_| {});
    let volume = assembly.volume(&array)?;
    let (speaker, newest) = (volume.speaker, volume.configuration.newest());
    let out = |disk: &DdfDisk<'_>, claim: &SetRecord<'_>| {
        let entry = claim.disk.reference().and_then(|them| disk.entry_of(them));
        entry.is_none_or(|entry| entry.pd_state(disk.order()).is_gone())
    };
    let dissents = volume.carriers().any(|claim| out(&speaker, &claim) != out(&newest, &claim));
    dissents.then(|| speaker.index())
}

/// The disk that speaks for an array.
pub(crate) fn speaker(disks: &dyn Disks, array: Guid) -> Option<usize> {
    let mut scratch = [0; 256];
    let assembly = Assembly::new(disks, &mut scratch, &mut |_| {});
    Some(assembly.volume(&array)?.speaker.index())
}

/// Orders records of one history: of one number, the one that names more members out was written
/// after it, by somebody whom the other did not reach.
fn later(mine: &SetRecord<'_>, other: &SetRecord<'_>) -> Ordering {
    let (own, their) = mine.numbers(other);
    compare_kept(own, their)
        .then_with(|| mine.accusations().cmp(&other.accusations()))
        .then_with(|| mine.disk.compare_freshness(&other.disk))
}

/// The CRC of a disk's list of disks, if it is right.
fn list_of(disk: &DdfDisk<'_>) -> Option<u32> {
    checked(disk, Section::PhysicalDiskRecords)
}

fn checked(disk: &DdfDisk<'_>, section: Section) -> Option<u32> {
    let bytes = disk.section(section).filter(|_| disk.is_sound())?;
    crate::crc::stored_crc(disk.order(), bytes)
}

/// A disk that may speak for a volume: what the volume says for itself there, or else the lists.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voice<'a> {
    pub(super) disk: DdfDisk<'a>,
    pub(super) roster: Option<Roster>,
}

impl<'a> Voice<'a> {
    /// PD_State of a disk, for the volume.
    pub(super) fn state_of(&self, reference: u32) -> Option<PdState> {
        let own = self.roster.and_then(|roster| roster.state_of(reference));
        own.or_else(|| Some(self.disk.entry_of(reference)?.pd_state(self.disk.order())))
    }

    /// Updates that it knows of.
    pub(super) fn number(&self) -> Option<u32> {
        self.roster.map(|roster| roster.number).or_else(|| self.disk.effective_sequence())
    }

    fn has_a_place(&self, reference: u32) -> bool {
        let listed = || self.disk.entry_of(reference);
        let member = |entry: &PhysicalDiskEntry| {
            entry.pd_type(self.disk.order()).contains(PdType::PARTICIPATING)
        };
        match self.roster {
            Some(roster) => roster.names(reference),
            None => listed().is_some_and(member),
        }
    }

    /// Whether a member carries the same update.
    fn says_the_same(&self, claim: &SetRecord<'a>) -> bool {
        let lists = [Section::PhysicalDiskRecords, Section::VirtualDiskRecords];
        match self.roster {
            Some(roster) => claim.roster() == Some(roster),
            None => {
                claim.roster().is_none()
                    && self.number() == claim.number()
                    && lists.into_iter().all(|section| {
                        let own = checked(&self.disk, section);
                        own.is_some() && own == checked(&claim.disk, section)
                    })
            }
        }
    }
}
