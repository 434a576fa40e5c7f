// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a disk that is being filled knows of the members that the volume went on without.
//!
//! Such a disk has no data to start from. But that it is being filled is durable on every
//! disk that the record counts in before a row is copied, so it knows a history that those have made. As long
//! as one of them is present, that one knows it better. Where none is, the disk is a *witness* against
//! members that this history went on without:
//!
//! | witness says of `x` | `x` says of the witness | |
//! |---|---|---|
//! | in | any | not a witness |
//! | out | in, or being filled | `x` is the earlier one |
//! | being filled | in, or being filled | `x` is the earlier one if its number is lower: it missed writes |
//! | out, or being filled | out | both count the same disk in: the lower number is the earlier one |
//! | out, or being filled | out | no such disk: a fork if either was absent where the other went on; else `x` is the later one |
//!
//! The same holds of two members that count themselves in, of which one says that the other is being
//! filled while that one went on without it: the record that took it back had not reached it.

use super::descent::Word;
use super::virtual_disk::SetRecord;
use crate::sequence::{compare_kept, compare_sequences};
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

    /// Whether its disk is being filled, as it says itself.
    pub(super) fn is_filling(&self) -> bool {
        self.word_on_disk_of(self) == Word::Filling
    }

    /// Whether a disk that either counts in was absent where the other went on.
    fn ran_apart_from(&self, other: &Self) -> bool {
        let set = self.record.secondary_element_seq;
        let missed = |mine: &Self, theirs: &Self| {
            let counted = theirs.references().filter(|them| theirs.word_on(*them, set) == Word::In);
            counted.into_iter().any(|them| mine.word_on(them, set) == Word::Missing)
        };
        missed(self, other) || missed(other, self)
    }

    /// Whether its disk went on without the other, which takes it for one that is being filled.
    pub(super) fn left(&self, other: &Self) -> bool {
        self.word_on_disk_of(other) == Word::Missing
            && other.word_on_disk_of(self) == Word::Filling
            && !self.shares_a_disk(other)
    }

    /// Whether each has gone on without the other.
    pub(super) fn disputes(&self, other: &Self) -> bool {
        (self.accuses(other) && other.accuses(self))
            || (self.left(other) || other.left(self))
            || (self.is_apart_from(other) || other.is_apart_from(self))
    }

    /// Whether this witness and a member have each gone on without the other.
    pub(super) fn is_apart_from(&self, claim: &Self) -> bool {
        self.is_filling() && !claim.is_filling() && self.testifies(claim) == Testimony::Apart
    }

    /// Its number, compared with that of another record.
    fn compare_number(&self, other: &Self) -> Ordering {
        match (self.disk.effective_sequence(), other.disk.effective_sequence()) {
            (None, None) => compare_sequences(self.sequence(), other.sequence()),
            (mine, theirs) => compare_kept(mine, theirs),
        }
    }

    /// What this witness knows of the record of a member: see the head of this file.
    pub(super) fn testifies(&self, claim: &Self) -> Testimony {
        let word = self.word_on_disk_of(claim);
        let is_later = self.compare_number(claim).is_gt();
        let earlier = |is| if is { Testimony::Earlier } else { Testimony::Nothing };
        if word == Word::In || self.is_on(claim) || self.predates(claim) {
            Testimony::Nothing
        } else if !claim.accuses(self) {
            earlier(word.is_out() || is_later)
        } else if self.shares_a_disk(claim) {
            earlier(is_later)
        } else if claim.predates(self) || self.ran_apart_from(claim) {
            Testimony::Apart
        } else {
            Testimony::Nothing
        }
    }
}
