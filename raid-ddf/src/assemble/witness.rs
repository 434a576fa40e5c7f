// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a disk that is being filled knows of the members that the volume went on without.
//!
//! Such a disk has no data to start from. But that it is being filled is durable on every
//! disk that the record counts in before a row is copied, so it knows a history that those have made. As long
//! as one of them is present, that one knows it better. Where none is, the disk is a *witness* against
//! members that this history went on without. An update reaches every disk that it counts in before the
//! next one begins: a disk that is counted in and two updates behind is an older copy of that disk, and
//! not one of those who made the history.
//!
//! Where the [stamps of runs](crate::roster::Kin) tell how the two are related, that counts; else:
//!
//! | witness says of `x` | `x` says of the witness | |
//! |---|---|---|
//! | in | any | `x` is the earlier one if it is two updates behind; else not a witness |
//! | out | in, or being filled | `x` is the earlier one |
//! | being filled | in, or being filled | `x` is the earlier one if its number is lower: it missed writes |
//! | out, or being filled | out | both count the same disk in: the lower number is the earlier one |
//! | out, or being filled | out | `x` is the earlier one if it is from before the witness came, and counts everybody in |
//! | out, or being filled | out | else: a fork if either was absent where the other went on; `x` is the earlier one if places were given away since; else it is the later one |
//!
//! The same holds of two members that count themselves in, of which one says that the other is being
//! filled while that one went on without it: the record that took it back had not reached it.

use super::descent::Word;
use super::virtual_disk::SetRecord;
use crate::physical_disk_records::PdState;
use crate::roster::Kin;
use crate::sequence::{compare_kept, compare_sequences, updates_between};
use core::cmp::Ordering;

/// What a disk that is being filled shows of a member that counts itself in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Testimony {
    /// Nothing, or that it is the later one.
    Nothing,
    /// It is the earlier one.
    Earlier,
    /// Both went on without each other.
    Apart,
}

impl SetRecord<'_> {
    /// Whether it counts the disk of the other record in.
    pub(super) fn counts_in(&self, other: &Self) -> bool {
        self.word_on_disk_of(other) == Word::In
    }

    /// Whether it counts the disk of the other record in, which is two updates behind all the same: an
    /// older copy of that disk.
    pub(super) fn outran(&self, other: &Self) -> bool {
        self.counts_in(other) && self.is_two_updates_ahead_of(other)
    }

    /// Whether it is at least two updates further on, as far as these are counted.
    pub(super) fn is_two_updates_ahead_of(&self, other: &Self) -> bool {
        let (Some(mine), Some(theirs)) = self.numbers(other) else { return false };
        updates_between(mine, theirs) > 1
    }

    /// Whether its disk is being filled, as it says itself.
    pub(super) fn is_filling(&self) -> bool {
        self.word_on_disk_of(self) == Word::Filling
    }

    /// Whether a disk that either counts in was absent where the other went on.
    fn ran_apart_from(&self, other: &Self) -> bool {
        self.ran_without_one_of(other) || other.ran_without_one_of(self)
    }

    /// Whether a disk that the other counts in was absent where this record was written.
    fn ran_without_one_of(&self, other: &Self) -> bool {
        let set = self.record.secondary_element_seq;
        let mut counted = other.references().filter(|them| other.word_on(*them, set) == Word::In);
        counted.any(|them| self.was_without(them))
    }

    /// Whether a disk was absent where this record was written, also if another has its place by now.
    fn was_without(&self, reference: u32) -> bool {
        self.state_of(reference).is_some_and(|state| state.contains(PdState::MISSING))
    }

    /// Whether its disk went on without the other, which takes it for one that is being filled.
    pub(super) fn left(&self, other: &Self) -> bool {
        other.disk.reference().is_some_and(|them| self.was_without(them))
            && other.word_on_disk_of(self) == Word::Filling
            && !self.shares_a_disk(other)
    }

    /// Whether each has gone on without the other.
    pub(super) fn disputes(&self, other: &Self) -> bool {
        self.accuse_each_other(other)
            || (self.left(other) || other.left(self))
            || (self.is_apart_from(other) || other.is_apart_from(self))
    }

    /// Whether each calls the other out. Of one record neither has gone on, whatever both have heard of other
    /// volumes since.
    pub(super) fn accuse_each_other(&self, other: &Self) -> bool {
        let by_hearsay =
            || self.kin(other) == Kin::Same && self.has_heard(other) && other.has_heard(self);
        self.accuses(other) && other.accuses(self) && !by_hearsay()
    }

    /// Whether this witness and a member have each gone on without the other.
    pub(super) fn is_apart_from(&self, claim: &Self) -> bool {
        self.is_filling() && !claim.is_filling() && self.testifies(claim) == Testimony::Apart
    }

    /// Whether it is of the same set, whose members have changed since the other record.
    pub(super) fn has_later_members(&self, other: &Self) -> bool {
        self.record.secondary_element_seq == other.record.secondary_element_seq
            && compare_sequences(self.sequence(), other.sequence()).is_gt()
    }

    /// Whether it is the later one, and another disk has the place of the other record's disk since.
    pub(super) fn replaced(&self, other: &Self) -> bool {
        let them = other.disk.reference();
        self.has_later_members(other)
            && self.compare_number(other).is_gt()
            && !self.references().any(|element| Some(element) == them)
    }

    /// Its number, compared with that of another record.
    pub(super) fn compare_number(&self, other: &Self) -> Ordering {
        match self.numbers(other) {
            (None, None) => compare_sequences(self.sequence(), other.sequence()),
            (mine, theirs) => compare_kept(mine, theirs),
        }
    }

    /// What this witness knows of the record of a member: see the head of this file.
    pub(super) fn testifies(&self, claim: &Self) -> Testimony {
        let word = self.word_on_disk_of(claim);
        match claim.kin(self) {
            _ if self.is_on(claim) => return Testimony::Nothing,
            Kin::Apart => return Testimony::Apart,
            Kin::Later => return Testimony::Nothing,
            Kin::Earlier if word != Word::In => return Testimony::Earlier,
            Kin::Earlier if self.outran(claim) => return Testimony::Earlier,
            Kin::Earlier => return Testimony::Nothing,
            Kin::Same | Kin::Unknown => {}
        }
        let is_later = self.compare_number(claim).is_gt();
        let earlier = |is| if is { Testimony::Earlier } else { Testimony::Nothing };
        let apart = || !self.shares_a_disk(claim) && self.ran_without_one_of(claim);
        if self.is_on(claim) || (self.predates(claim) && !(claim.accuses(self) && apart())) {
            Testimony::Nothing
        } else if word == Word::In {
            earlier(self.outran(claim))
        } else if !claim.accuses(self) {
            earlier(word.is_out() || is_later)
        } else if self.shares_a_disk(claim) {
            earlier(is_later)
        } else if claim.is_outlived_by(self) {
            Testimony::Earlier
        } else if claim.predates(self) || self.ran_apart_from(claim) {
            Testimony::Apart
        } else if self.has_later_members(claim) {
            // Then it is not the later one. It is a fork if it ran without the witness.
            let alone = self.disk.reference().is_some_and(|them| claim.was_without(them));
            if alone { Testimony::Apart } else { Testimony::Earlier }
        } else {
            Testimony::Nothing
        }
    }
}
