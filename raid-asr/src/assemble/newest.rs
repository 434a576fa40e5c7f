// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which copy of an array's table is the newest, and how the others differ from it.
//!
//! First goes who has a say, by [`descent`](super::descent). Among the rest:
//!
//! | decides | in this order |
//! |---|---|
//! | trust | a wrong checksum in a table of version 0 or 1 comes last |
//! | `timestamp` | later by so much that `raidseq` may have gone round without this disk |
//! | `raidseq` of the top line | later, counting round from 65535 to 0 |
//! | checksum | right |
//! | version of the table | known |
//! | disks given up | more: a copy that declares a failure was written after it |
//! | `timestamp` | higher |
//!
//! Ties after that are broken by the place in the table, so the order in which disks are given does
//! not matter.

use super::descent::{heard, is_apart, is_dispute, is_superseded, is_trusted, witness, word};
use super::{Member, Report, members_of};
use crate::finding;
use crate::{ChecksumVerdict, TableHeader, Worth};
use core::cmp::Ordering;
use raid_core::metadata::Disks;

/// The newest copy of an array's table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Newest<'a> {
    pub(crate) member: Member<'a>,
}

/// How a copy relates to the newest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// Of the same generation.
    Current,
    /// This many generations older; 0 when only the timestamp tells.
    Older { generations: u16 },
    /// Not to be trusted, and newer by its own word.
    SuspectNewer,
}

pub(crate) fn sequence(member: &Member<'_>) -> u16 {
    member.tree.top().raidseq.get()
}

pub(crate) fn timestamp(member: &Member<'_>) -> u32 {
    member.table.header().timestamp.get()
}

/// Compares two generations that count round from 65535 to 0.
pub(crate) fn compare_sequences(a: u16, b: u16) -> Ordering {
    match a.wrapping_sub(b) {
        0 => Ordering::Equal,
        1..=0x7FFF => Ordering::Greater,
        // Half a round apart both ways: take the higher number, so that the answer is one.
        0x8000 => a.cmp(&b),
        _ => Ordering::Less,
    }
}

/// Writers that keep the timestamp count it on with every change. So two of their copies are no more
/// changes apart than seconds. Where that is half a round of `raidseq` and more, and the later copy
/// says that the earlier one's disk had no part in its change, only the timestamp tells.
pub(crate) fn compare_generations(a: &Member<'_>, b: &Member<'_>) -> Ordering {
    let (own, other) = (timestamp(a), timestamp(b));
    if own != 0 && other != 0 && own.abs_diff(other) > 0x7FFF {
        let (later, earlier) = if own > other { (a, b) } else { (b, a) };
        let mut lines = later.tree.disks().map(|(_, line)| line);
        let line = lines.find(|line| line.raidmagic.get() == earlier.drivemagic);
        if line.is_none_or(|line| line.raidseq != later.tree.top().raidseq) {
            return own.cmp(&other);
        }
    }
    compare_sequences(sequence(a), sequence(b))
}

fn disks_given_up(member: &Member<'_>) -> usize {
    member.tree.disks().filter(|(_, line)| line.disk_state().worth() == Worth::Nothing).count()
}

pub(super) fn compare(a: &Member<'_>, b: &Member<'_>) -> Ordering {
    let good = |member: &Member<'_>| member.checksum() == ChecksumVerdict::Good;
    // No checksum covers the header: a version of its own is more likely damage than a choice.
    let known =
        |member: &Member<'_>| member.table.header().rversion.get() == TableHeader::VERSION_2;
    (is_trusted(a).cmp(&is_trusted(b)))
        .then_with(|| compare_generations(a, b))
        .then_with(|| good(a).cmp(&good(b)))
        .then_with(|| known(a).cmp(&known(b)))
        .then_with(|| disks_given_up(a).cmp(&disks_given_up(b)))
        .then_with(|| timestamp(a).cmp(&timestamp(b)))
        .then_with(|| b.own.cmp(&a.own))
        .then_with(|| b.disk.cmp(&a.disk))
}

impl<'a> Newest<'a> {
    /// The newest copy of this array's table; `None` if no disk carries one.
    pub(crate) fn choose(disks: &'a dyn Disks, raidmagic: u32) -> Option<Self> {
        let all = || members_of(disks, raidmagic);
        let first = heard(disks, raidmagic).max_by(compare);
        let standing = |member: &Member<'a>| !is_superseded(disks, member);
        // As a rule nobody contradicts the newest.
        let member = first.filter(standing).or_else(|| {
            let standing = heard(disks, raidmagic).filter(standing).max_by(compare);
            let witness = || witness(disks, raidmagic);
            standing.or_else(witness).or(first).or_else(|| all().max_by(compare))
        })?;
        Some(Self { member })
    }

    /// How old a copy is.
    pub(crate) fn age(&self, member: &Member<'_>) -> Age {
        let (own, newest) = (sequence(member), sequence(&self.member));
        let stamps = timestamp(member).cmp(&timestamp(&self.member));
        match compare_generations(member, &self.member) {
            Ordering::Less => Age::Older { generations: newest.wrapping_sub(own) },
            Ordering::Equal if stamps == Ordering::Equal => Age::Current,
            Ordering::Greater if !is_trusted(member) => Age::SuspectNewer,
            // Further on by its own word, and superseded: it ran without the newest, or alone.
            _ => Age::Older { generations: 0 },
        }
    }

    /// Whether a copy is of the newest generation.
    pub(crate) fn is_current(&self, member: &Member<'_>) -> bool {
        self.age(member) == Age::Current
    }

    /// Says how the other copies differ from this one.
    pub(crate) fn report_others(&self, disks: &dyn Disks, report: &mut Report<'_>) {
        for other in members_of(disks, self.member.array()) {
            if other.disk == self.member.disk {
                continue;
            }
            self.report_split_brain(disks, &other, report);
            if self.member.tree.disks().any(|(_, line)| line.raidmagic.get() == other.drivemagic) {
                self.report_age(&other, report);
            } else {
                // It was replaced: that its copy was left behind is no damage to the array.
                let place = report.line(&other, other.own);
                report.tell(place.finding(finding::NOT_IN_NEWEST, other.drivemagic));
            }
        }
    }

    fn report_age(&self, other: &Member<'_>, report: &mut Report<'_>) {
        let place = report.line(other, other.tree.index());
        match self.age(other) {
            Age::Older { generations: 0 } => report.tell(report.header(other).mismatch(
                finding::STALE,
                timestamp(other),
                timestamp(&self.member),
            )),
            Age::Older { .. } => {
                report.tell(place.mismatch(
                    finding::STALE,
                    sequence(other),
                    sequence(&self.member),
                ));
            }
            Age::SuspectNewer => report.tell(place.mismatch(
                finding::SUSPECT_NEWER,
                sequence(other),
                sequence(&self.member),
            )),
            Age::Current => self.report_difference(other, report),
        }
    }

    fn report_difference(&self, other: &Member<'_>, report: &mut Report<'_>) {
        let (own, theirs) = (self.member.tree.lines(), other.tree.lines());
        let same = own.iter().zip(theirs).take_while(|(own, theirs)| own == theirs).count();
        if same < own.len().max(theirs.len()) {
            let index = other.tree.index().saturating_add(same);
            let place = report.line(other, index);
            let index = u64::try_from(index).unwrap_or(u64::MAX);
            report.tell(place.finding(finding::COPIES_DIFFER, index));
        }
    }

    /// Two members that each went on without the other: neither holds all of the data, whichever
    /// counted further.
    fn report_split_brain(&self, disks: &dyn Disks, other: &Member<'_>, report: &mut Report<'_>) {
        // Where each is superseded by another, no order can be proven either.
        let circle =
            || word(other, self.member.drivemagic).is_out() && is_superseded(disks, &self.member);
        let apart = || is_apart(disks, &self.member, other);
        if !is_dispute(disks, &self.member, other) && !apart() && !circle() {
            return;
        }
        let state_in = |copy: &Member<'_>, disk: &Member<'_>| {
            let mut lines = copy.tree.disks().map(|(_, line)| line);
            let line = lines.find(|line| line.raidmagic.get() == disk.drivemagic);
            line.map_or(NO_LINE, |line| line.raidstate.into())
        };
        report.forked = true;
        let place = report.line(other, other.own);
        let (theirs, ours) = (state_in(&self.member, other), state_in(other, &self.member));
        report.tell(place.mismatch(finding::SPLIT_BRAIN, theirs, ours));
    }
}

/// In place of a state where a table has no line for a disk.
const NO_LINE: u64 = 0xFFFF;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_count_round() {
        assert_eq!(compare_sequences(2, 1), Ordering::Greater);
        assert_eq!(compare_sequences(0, 0xFFFF), Ordering::Greater);
        assert_eq!(compare_sequences(0xFFF0, 3), Ordering::Less);
        assert_eq!(compare_sequences(9, 9), Ordering::Equal);
        for a in [0u16, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF] {
            for b in [0u16, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF] {
                assert_eq!(compare_sequences(a, b), compare_sequences(b, a).reverse());
            }
        }
    }
}
