// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keeps one array of what a format reports, in memory of the caller's.

use super::{Finding, Inventory, Severity};
use crate::array::{ArrayDescriptor, ArrayId, MemberDescriptor, Place};

/// One array and its members, out of a report of all arrays on the disks: what names another one is let pass, and so is
/// a second one with the same identity, which disks of another configuration may bring.
#[derive(Debug)]
pub struct OneArray<'m> {
    /// `None`: the first one that is reported.
    wanted: Option<ArrayId>,
    array: Option<ArrayDescriptor>,
    members: &'m mut [Option<MemberDescriptor>],
    /// Whether the array given last is this one.
    current: bool,
    others: bool,
    crowded: bool,
    worst: Option<Severity>,
    /// The worst that was said of an array which has not been given yet.
    ahead: Option<(ArrayId, Severity)>,
}

impl<'m> OneArray<'m> {
    /// Waits for the first array. `members` has a place for each of its members, by running number: set × slots +
    /// slot; what stands in it is thrown away.
    #[must_use]
    pub fn first(members: &'m mut [Option<MemberDescriptor>]) -> Self {
        members.fill(None);
        Self {
            wanted: None,
            array: None,
            members,
            current: false,
            others: false,
            crowded: false,
            worst: None,
            ahead: None,
        }
    }

    /// Waits for the array with this identity.
    #[must_use]
    pub fn of(id: ArrayId, members: &'m mut [Option<MemberDescriptor>]) -> Self {
        Self { wanted: Some(id), ..Self::first(members) }
    }

    /// The array, if it was reported.
    #[must_use]
    pub const fn found(&self) -> Option<&ArrayDescriptor> {
        self.array.as_ref()
    }

    /// Its member in this place; `None` as well where there was no room for it ([`is_crowded`](Self::is_crowded)).
    #[must_use]
    pub fn at(&self, place: Place) -> Option<&MemberDescriptor> {
        self.members.get(self.running(place)?)?.as_ref()
    }

    /// Its members, ordered by place.
    pub fn members(&self) -> impl Iterator<Item = &MemberDescriptor> {
        self.members.iter().flatten()
    }

    /// Whether there was no room for some member. What is missing here is not missing on the disks.
    #[must_use]
    pub const fn is_crowded(&self) -> bool {
        self.crowded
    }

    /// Whether other arrays were reported too, or another one with the same identity.
    #[must_use]
    pub const fn has_others(&self) -> bool {
        self.others
    }

    /// The worst that was noticed, on these disks or of this array; where no array was reported, of the one that was
    /// spoken of last.
    #[must_use]
    pub fn worst_finding(&self) -> Option<Severity> {
        let ahead = self.ahead.filter(|_| self.array.is_none());
        self.worst.max(ahead.map(|(_, severity)| severity))
    }

    /// Running number of a place of the array.
    fn running(&self, place: Place) -> Option<usize> {
        let geometry = self.array?.geometry;
        let is_place =
            place.set < geometry.sets && place.slot.index() < usize::from(geometry.slots);
        let first = usize::from(place.set).checked_mul(usize::from(geometry.slots))?;
        first.checked_add(place.slot.index()).filter(|_| is_place)
    }
}

impl Inventory for OneArray<'_> {
    fn array(&mut self, array: &ArrayDescriptor) {
        self.current = self.array.is_none() && self.wanted.is_none_or(|id| id == array.id);
        if !self.current {
            self.others = true;
            return;
        }
        self.wanted = Some(array.id);
        self.array = Some(*array);
        let ahead = self.ahead.filter(|(of, _)| *of == array.id);
        self.worst = self.worst.max(ahead.map(|(_, severity)| severity));
    }

    fn member(&mut self, member: &MemberDescriptor) {
        if !self.current || self.array.is_none_or(|own| own.id != member.array) {
            return;
        }
        let running = self.running(member.place);
        match running.and_then(|running| self.members.get_mut(running)) {
            Some(place) => *place = Some(*member),
            None => self.crowded = true,
        }
    }

    fn finding(&mut self, finding: &Finding) {
        match finding.array {
            Some(of) if self.wanted.is_none() => {
                let before = self.ahead.filter(|(own, _)| *own == of).map(|(_, own)| own);
                self.ahead = Some((of, before.unwrap_or(finding.severity).max(finding.severity)));
            }
            Some(of) if self.wanted != Some(of) => {}
            _ => self.worst = self.worst.max(Some(finding.severity)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::{ArrayState, Geometry, Initialisation, MemberState, Name};
    use crate::units::{Blocks, Lba, Slot};
    use std::vec::Vec;

    fn array(number: u8, slots: u16, sets: u16) -> ArrayDescriptor {
        let mirror = Geometry::raid1(slots, Blocks(8)).striped_over(sets);
        ArrayDescriptor {
            id: ArrayId([number; 24]),
            name: Name::EMPTY,
            geometry: mirror,
            size: Blocks(8),
            state: ArrayState::Optimal,
            clean: true,
            initialisation: Initialisation::Full,
        }
    }

    fn member(number: u8, set: u16, slot: u8, disk: usize) -> MemberDescriptor {
        MemberDescriptor {
            array: ArrayId([number; 24]),
            place: Place { set, slot: Slot(slot) },
            disk: Some(disk),
            id: None,
            start: Lba(u64::from(number)),
            len: Blocks(8),
            state: MemberState::InSync,
        }
    }

    /// Two arrays on the same three disks, the members of the second the other way round.
    fn report(to: &mut dyn Inventory) {
        to.array(&array(1, 3, 1));
        (0..3).for_each(|slot| to.member(&member(1, 0, slot, usize::from(slot))));
        to.array(&array(2, 3, 1));
        (0..3).for_each(|slot| to.member(&member(2, 0, slot, usize::from(2 - slot))));
    }

    fn disks(one: &OneArray<'_>) -> Vec<(u64, Option<usize>)> {
        one.members().map(|member| (member.start.0, member.disk)).collect()
    }

    #[test]
    fn members_of_two_arrays_are_not_mixed() {
        let mut room = [Some(member(9, 0, 0, 9)); 4];
        let mut one = OneArray::first(&mut room);
        report(&mut one);
        assert_eq!(disks(&one), [(1, Some(0)), (1, Some(1)), (1, Some(2))]);
        assert!(one.has_others() && !one.is_crowded());
        let mut two = OneArray::of(ArrayId([2; 24]), &mut room);
        report(&mut two);
        assert_eq!(disks(&two), [(2, Some(2)), (2, Some(1)), (2, Some(0))]);
        assert_eq!(two.found().map(|array| array.id), Some(ArrayId([2; 24])));
        let mut none = OneArray::of(ArrayId([3; 24]), &mut room);
        report(&mut none);
        assert!(none.found().is_none() && none.members().next().is_none() && none.has_others());
    }

    #[test]
    fn a_member_is_found_by_its_place_and_no_other_place_is_taken_for_it() {
        let mut room = [None; 4];
        let mut one = OneArray::first(&mut room);
        one.array(&array(1, 2, 2));
        one.member(&member(1, 1, 0, 5));
        let at = |set, slot| one.at(Place { set, slot: Slot(slot) }).and_then(|own| own.disk);
        assert_eq!((at(1, 0), at(0, 0), at(0, 2), at(2, 0)), (Some(5), None, None, None));
    }

    #[test]
    fn a_member_without_room_is_told_and_so_is_one_that_is_nowhere() {
        let mut room = [None; 2];
        let mut one = OneArray::first(&mut room);
        report(&mut one);
        assert_eq!((disks(&one).len(), one.is_crowded()), (2, true));
        let mut room = [None; 4];
        let mut one = OneArray::first(&mut room);
        one.array(&array(1, 2, 1));
        assert!(!one.is_crowded());
        one.member(&member(1, 0, 2, 0));
        assert!(one.is_crowded() && one.members().next().is_none());
    }

    #[test]
    fn only_what_is_said_of_the_array_or_of_disks_counts_as_a_finding() {
        let said = |severity, array| Finding {
            severity,
            code: 1,
            disk: None,
            array,
            copy: "record",
            at: None,
            what: "crc",
            found: None,
            expected: None,
        };
        let mut room = [None; 3];
        let mut one = OneArray::first(&mut room);
        report(&mut one);
        one.finding(&said(Severity::Refusal, Some(ArrayId([2; 24]))));
        assert_eq!(one.worst_finding(), None);
        one.finding(&said(Severity::Warning, Some(ArrayId([1; 24]))));
        one.finding(&said(Severity::Note, None));
        assert_eq!(one.worst_finding(), Some(Severity::Warning));
        one.finding(&said(Severity::Damage, None));
        assert_eq!(one.worst_finding(), Some(Severity::Damage));
        // A format may speak of an array before it gives it, and never give it.
        let mut ahead = OneArray::first(&mut room);
        ahead.finding(&said(Severity::Refusal, Some(ArrayId([2; 24]))));
        assert_eq!(ahead.worst_finding(), Some(Severity::Refusal));
        ahead.finding(&said(Severity::Warning, Some(ArrayId([1; 24]))));
        ahead.finding(&said(Severity::Note, Some(ArrayId([1; 24]))));
        assert_eq!(ahead.worst_finding(), Some(Severity::Warning));
        report(&mut ahead);
        assert_eq!(ahead.worst_finding(), Some(Severity::Warning));
    }

    #[test]
    fn a_second_array_of_the_same_identity_is_another_one() {
        for (first, second) in [(1, 2), (2, 1)] {
            let mut room = [None; 4];
            let mut one = OneArray::of(ArrayId([1; 24]), &mut room);
            one.array(&array(1, 2, first));
            one.member(&member(1, 0, 0, 4));
            assert!(!one.has_others());
            one.array(&array(1, 2, second));
            one.member(&member(1, 0, 0, 8));
            one.member(&member(1, 0, 1, 9));
            assert_eq!(one.found().map(|own| own.geometry.sets), Some(first));
            assert_eq!((disks(&one), one.has_others()), (std::vec![(1, Some(4))], true));
        }
    }
}
