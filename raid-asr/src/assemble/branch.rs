// SPDX-License-Identifier: MIT OR Apache-2.0
//! The histories of an array that forked, for the user who must choose one.

use super::descent::{Word, is_apart, is_dispute, is_heard, is_superseded, is_witness, word};
use super::newest::{Newest, compare, sequence, timestamp};
use super::{Member, Report, members_of, shape};
use crate::Worth;
use raid_core::array::Place;
use raid_core::metadata::{Branch, Disks};

/// Most histories that are reported of one array.
const MOST: usize = 8;
/// Most disks, and most places, in one part of a report.
const PART: usize = 16;

/// Some of many, to be reported when full.
struct Part<T> {
    items: [T; PART],
    count: usize,
}

impl<T: Copy> Part<T> {
    const fn new(blank: T) -> Self {
        Self { items: [blank; PART], count: 0 }
    }

    /// Adds one; whether there is no room for another.
    fn add(&mut self, item: T) -> bool {
        if let Some(place) = self.items.get_mut(self.count) {
            *place = item;
            self.count = self.count.saturating_add(1);
        }
        self.count == PART
    }

    fn take(&mut self) -> &[T] {
        let count = core::mem::replace(&mut self.count, 0);
        self.items.get(..count).unwrap_or_default()
    }
}

/// Reports each history: the disks that carry it, and whom it gives up. The newest copy's first.
pub(super) fn report(disks: &dyn Disks, newest: &Newest<'_>, report: &mut Report<'_>) {
    let mut leads: [Option<Member<'_>>; MOST] = [None; MOST];
    for number in 0..MOST {
        let lead = match number {
            0 => Some(newest.member),
            _ => next_lead(disks, &newest.member, &leads),
        };
        let Some(lead) = lead else { return };
        if let Some(place) = leads.get_mut(number) {
            *place = Some(lead);
        }
        report_branch(disks, number, &lead, report);
    }
}

/// The newest copy of which the histories reported so far know nothing.
fn next_lead<'a>(
    disks: &'a dyn Disks,
    newest: &Member<'_>,
    leads: &[Option<Member<'_>>],
) -> Option<Member<'a>> {
    let standing = members_of(disks, newest.array()).filter(|member| {
        let stands = || is_heard(member) && !is_superseded(disks, member);
        // A disk that is being filled may be all that is here of a history.
        let speaks = || is_heard(member) || is_witness(disks, member);
        stands() || speaks() && is_dispute(disks, newest, member) || is_apart(disks, newest, member)
    });
    let apart = |lead: &Member<'_>, member: &Member<'_>| {
        let words = [word(lead, member.drivemagic), word(member, lead.drivemagic)];
        lead.disk != member.disk
            && (words.iter().any(|word| word.is_out()) || words == [Word::Filling; 2])
    };
    standing.filter(|member| leads.iter().flatten().all(|lead| apart(lead, member))).max_by(compare)
}

fn report_branch(disks: &dyn Disks, number: usize, lead: &Member<'_>, report: &mut Report<'_>) {
    let empty = Branch {
        array: report.array,
        number: u16::try_from(number).unwrap_or(u16::MAX),
        disks: &[],
        sequence: Some(sequence(lead).into()),
        unix_seconds: Some(timestamp(lead)).filter(|stamp| *stamp != 0).map(u64::from),
        failed: &[],
    };
    let mut carriers = Part::new(0);
    let mut failed = Part::new(Place::default());
    for member in members_of(disks, lead.array()) {
        let shared =
            word(lead, member.drivemagic) == Word::In && !word(&member, lead.drivemagic).is_out();
        if (member.disk == lead.disk || shared) && carriers.add(member.disk) {
            report.into.branch(&Branch { disks: carriers.take(), ..empty });
        }
    }
    for (place, _, line) in shape::places(&lead.tree, report.order) {
        if line.disk_state().worth() == Worth::Nothing && failed.add(place) {
            report.into.branch(&Branch { failed: failed.take(), ..empty });
        }
    }
    report.into.branch(&Branch { disks: carriers.take(), failed: failed.take(), ..empty });
}
