// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a mirror has to decide: whether its copies agree, which of them to believe, which to read.
//!
//! ```text
//!   slot       0         1         2         3
//!          +-------+ +-------+ +-------+ +-------+
//!   copies | A B C | | A B C | |  lost | | A x C |     compare:  first difference at byte 1, in {3}
//!          +-------+ +-------+ +-------+ +-------+     majority: {0, 1}
//! ```
//!
//! A list of copies has one entry per slot, `None` where the copy is not at hand. Two copies that
//! disagree prove that one is wrong, never which: a majority needs three.

use crate::units::{Lba, Slot, SlotSet};
use core::fmt;

/// Why copies could not be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MirrorError {
    /// A copy is not as long as the first one.
    Length {
        /// Its slot.
        slot: Slot,
        /// Bytes of the first copy.
        expected: usize,
        /// Bytes of this one.
        found: usize,
    },
    /// More copies than a set has slots.
    TooManyCopies {
        /// As given.
        found: usize,
    },
}

impl MirrorError {
    /// Number for C callers and log searches. Stable; never reused.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::Length { .. } => 1,
            Self::TooManyCopies { .. } => 2,
        }
    }
}

impl fmt::Display for MirrorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Length { slot, expected, found } => {
                write!(f, "copy in slot {slot} has {found} bytes, the first one {expected}")
            }
            Self::TooManyCopies { found } => write!(f, "{found} copies, a set has 256 slots"),
        }
    }
}

impl core::error::Error for MirrorError {}

/// How copies disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mismatch {
    /// The first byte that is not the same in all copies.
    pub offset: usize,
    /// The copies that are not the same as the one in the lowest slot. Says nothing about who is right.
    pub differing: SlotSet,
}

/// Compares all copies with the one in the lowest slot.
///
/// # Errors
///
/// Any [`MirrorError`].
pub fn compare(copies: &[Option<&[u8]>]) -> Result<Option<Mismatch>, MirrorError> {
    compare_each(present(copies)?)
}

/// The same of copies that are in no list.
pub(crate) fn compare_each<'a>(
    mut copies: impl Iterator<Item = (Slot, &'a [u8])> + Clone,
) -> Result<Option<Mismatch>, MirrorError> {
    check(copies.clone())?;
    let Some((_, reference)) = copies.next() else { return Ok(None) };
    let mut mismatch = None;
    for (slot, copy) in copies {
        let Some(here) = first_difference(reference, copy) else { continue };
        let so_far = mismatch.get_or_insert(Mismatch { offset: here, differing: SlotSet::EMPTY });
        so_far.offset = so_far.offset.min(here);
        so_far.differing.insert(slot);
    }
    Ok(mismatch)
}

/// The copies that more than half of all copies at hand agree on, byte for byte; `None` if there is
/// no such majority, as with two copies that differ.
///
/// # Errors
///
/// Any [`MirrorError`].
pub fn majority(copies: &[Option<&[u8]>]) -> Result<Option<SlotSet>, MirrorError> {
    majority_of_each(present(copies)?)
}

/// The same of copies that are in no list.
pub(crate) fn majority_of_each<'a>(
    copies: impl Iterator<Item = (Slot, &'a [u8])> + Clone,
) -> Result<Option<SlotSet>, MirrorError> {
    check(copies.clone())?;
    // Boyer and Moore: whoever has a majority survives when unlike copies cancel in pairs.
    let mut candidate: Option<&[u8]> = None;
    let mut lead = 0u16;
    for (_, copy) in copies.clone() {
        if lead == 0 {
            candidate = Some(copy);
        }
        lead =
            if candidate == Some(copy) { lead.saturating_add(1) } else { lead.saturating_sub(1) };
    }
    let (mut agreeing, mut all) = (SlotSet::EMPTY, 0u16);
    for (slot, copy) in copies {
        all = all.saturating_add(1);
        if candidate == Some(copy) {
            agreeing.insert(slot);
        }
    }
    Ok((agreeing.len() > all / 2).then_some(agreeing))
}

/// What is known of a member when a read is to be sent to one of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Load {
    /// Requests it has not answered.
    pub pending: u32,
    /// Where the last request that it was sent ends.
    pub head: Lba,
}

/// Chooses the member to read at `at`, out of those that are readable there.
///
/// A member whose last request ends at `at` goes on: that keeps a sequential reader on one member,
/// and its read-ahead useful. Else the one with the fewest pending requests, else the one with the
/// nearest head, else the lowest slot.
#[must_use]
pub fn choose_source(readable: SlotSet, at: Lba, load: impl Fn(Slot) -> Load) -> Option<Slot> {
    readable.iter().min_by_key(|slot| {
        let Load { pending, head } = load(*slot);
        (head != at, pending, head.0.abs_diff(at.0))
    })
}

fn check<'a>(mut copies: impl Iterator<Item = (Slot, &'a [u8])>) -> Result<(), MirrorError> {
    let expected = copies.next().map_or(0, |(_, copy)| copy.len());
    copies.try_for_each(|(slot, copy)| match copy.len() {
        found if found == expected => Ok(()),
        found => Err(MirrorError::Length { slot, expected, found }),
    })
}

/// The copies that are there, each with its slot.
fn present<'a>(
    copies: &'a [Option<&'a [u8]>],
) -> Result<impl Iterator<Item = (Slot, &'a [u8])> + Clone, MirrorError> {
    if copies.len() > 256 {
        return Err(MirrorError::TooManyCopies { found: copies.len() });
    }
    let slots = (0..=u8::MAX).map(Slot);
    Ok(slots.zip(copies).filter_map(|(slot, copy)| Some((slot, (*copy)?))))
}

fn first_difference(a: &[u8], b: &[u8]) -> Option<usize> {
    // Slices compare at memory speed; only a pair that differs is walked.
    if a == b { None } else { a.iter().zip(b).position(|(a, b)| a != b) }
}
