// SPDX-License-Identifier: MIT OR Apache-2.0
//! What each place of an array is worth: the newest table's word for it, and the disk at hand.
//!
//! | the line says | disk with its own copy, current | copy older, or none | not at hand |
//! |---|---|---|---|
//! | holds its data | in sync | stale | missing |
//! | being filled | rebuilding | rebuilding | missing |
//! | not to be used | failed | failed | failed |
//!
//! Two things do not make a member's data stale. Without redundancy nothing can have gone on without
//! the member, so its copy may be one generation older or unreadable. And an update that was cut short
//! leaves copies behind of members that took part in it; nothing depends on such an update yet.

use super::Report;
use super::disk::{Standing, holders, standing};
use super::newest::{Age, Newest};
use crate::finding::{self, Place};
use crate::locate::Found;
use crate::{ConfigurationLine, DiskLineState, Worth};
use raid_core::array::MemberState;
use raid_core::metadata::{Disks, FindingKind};

/// Finds and judges the members of one array.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolver<'d> {
    pub(crate) disks: &'d dyn Disks,
    pub(crate) newest: &'d Newest<'d>,
    pub(crate) redundant: bool,
}

/// A place, judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolved {
    pub(crate) state: MemberState,
    pub(crate) disk: Option<usize>,
    cause: Option<Cause>,
}

/// What made a member worth something else than its line says.
#[derive(Clone, Copy, Debug)]
struct Cause {
    kind: FindingKind,
    disk: usize,
    found: u64,
    expected: Option<u64>,
}

impl Cause {
    fn of(kind: FindingKind, disk: usize, line: &ConfigurationLine) -> Self {
        Self { kind, disk, found: line.raidmagic.get().into(), expected: None }
    }
}

impl Resolver<'_> {
    fn has_current_copy(&self, disk: usize, found: &Found<'_>) -> bool {
        match standing(disk, found) {
            Standing::Member(member) => {
                member.array() == self.newest.member.array() && self.newest.is_current(&member)
            }
            _ => false,
        }
    }

    /// Judges the place of a disk line.
    pub(crate) fn resolve(&self, line: &ConfigurationLine) -> Resolved {
        let drivemagic = line.raidmagic.get();
        let absent = match line.disk_state().worth() {
            Worth::Nothing => MemberState::Failed,
            _ => MemberState::Missing,
        };
        let none = |cause| Resolved { state: absent, disk: None, cause };
        let mut at_hand = holders(self.disks, drivemagic);
        let (disk, found) = match (at_hand.next(), at_hand.next()) {
            (None, _) => return none(None),
            (Some(only), None) => only,
            (Some((first, _)), Some(_)) => {
                let mut current = holders(self.disks, drivemagic)
                    .filter(|(disk, found)| self.has_current_copy(*disk, found));
                match (current.next(), current.next()) {
                    (Some(only), None) => only,
                    _ => return none(Some(Cause::of(finding::DUPLICATE_DISK, first, line))),
                }
            }
        };
        self.judge(disk, &found, line).unwrap_or_else(none)
    }

    /// Judges a disk for a place; the error is why it does not count as this array's at all.
    fn judge(
        &self,
        disk: usize,
        found: &Found<'_>,
        line: &ConfigurationLine,
    ) -> Result<Resolved, Option<Cause>> {
        let answer = |state, cause| Ok(Resolved { state, disk: Some(disk), cause });
        let standing = standing(disk, found);
        if let Standing::Member(member) = &standing
            && member.array() != self.newest.member.array()
        {
            return Err(Some(Cause::of(finding::IN_OTHER_ARRAY, disk, line)));
        }
        let limit = found.table.map_or(found.at, |copy| copy.at).0;
        let blocks = u64::from(line.lcapcty.get());
        match line.disk_state().worth() {
            Worth::Nothing => return answer(MemberState::Failed, None),
            _ if blocks > limit => {
                let kind = finding::TOO_SMALL;
                let cause = Cause { kind, disk, found: blocks, expected: Some(limit) };
                return answer(MemberState::Failed, Some(cause));
            }
            Worth::BeingFilled => return answer(MemberState::Rebuilding, None),
            Worth::Holds => {}
        }
        match standing {
            Standing::Member(member) => match self.newest.age(&member) {
                Age::Current => answer(MemberState::InSync, None),
                Age::Older { generations } if self.was_cut_short(line, generations) => {
                    let cause = Cause::of(finding::TORN_UPDATE, disk, line);
                    answer(MemberState::InSync, Some(cause))
                }
                Age::Older { .. } | Age::SuspectNewer => answer(MemberState::Stale, None),
            },
            Standing::Unused if self.creation_was_cut_short(line) => {
                answer(MemberState::InSync, Some(Cause::of(finding::TORN_UPDATE, disk, line)))
            }
            Standing::NoTable(_) if !self.redundant => {
                answer(MemberState::InSync, Some(Cause::of(finding::NO_OWN_COPY, disk, line)))
            }
            _ => answer(MemberState::Stale, Some(Cause::of(finding::NO_OWN_COPY, disk, line))),
        }
    }

    /// Whether the newest change was being written to this member, too, when it ended: a member that
    /// takes part in a change gets its generation in its line, before anything depends on the change.
    /// Only writers that keep the timestamp are known to do so.
    fn was_cut_short(&self, line: &ConfigurationLine, generations: u16) -> bool {
        let takes_part = self.is_stamped() && line.raidseq == self.newest.member.tree.top().raidseq;
        generations <= 1 && (!self.redundant || (generations == 1 && takes_part))
    }

    /// The same for the first change of all, which finds members without a line.
    fn creation_was_cut_short(&self, line: &ConfigurationLine) -> bool {
        let top = self.newest.member.tree.top();
        self.is_stamped() && top.raidseq.get() == 1 && line.raidseq == top.raidseq
    }

    fn is_stamped(&self) -> bool {
        self.newest.member.table.header().timestamp.get() != 0
    }

    /// Says what is wrong with the member of line `index`.
    pub(crate) fn report(
        &self,
        index: usize,
        line: &ConfigurationLine,
        resolved: &Resolved,
        report: &mut Report<'_>,
    ) {
        let place = report.line(&self.newest.member, index);
        match line.disk_state() {
            DiskLineState::Optimal => {}
            DiskLineState::Other(raw) => {
                report.tell(place.finding(finding::DISK_STATE_UNKNOWN, raw));
            }
            _ => report.tell(place.finding(finding::DISK_STATE, line.raidstate)),
        }
        if let Some(cause) = resolved.cause {
            let copy = "member";
            let place = Place { disk: Some(cause.disk), copy, at: None, ..place };
            report.tell(match cause.expected {
                Some(expected) => place.mismatch(cause.kind, cause.found, expected),
                None => place.finding(cause.kind, cause.found),
            });
        }
    }
}
