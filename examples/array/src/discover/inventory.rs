// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keeps what a format reports.

use raid_core::array::{ArrayDescriptor, ArrayId, MemberDescriptor, Place};
use raid_core::metadata::{Branch, DiskDescriptor, Finding, Inventory, Subject};
use raid_core::units::Rows;

/// A field as stored, named as the format's text names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawField {
    /// Its name.
    pub field: &'static str,
    /// Its value.
    pub value: u64,
}

/// An array.
#[derive(Clone, Debug)]
pub struct FoundArray {
    /// Index of the format in the list given.
    pub format: usize,
    /// Its name.
    pub format_name: &'static str,
    /// What it is.
    pub descriptor: ArrayDescriptor,
    /// Its members, ordered by place.
    pub members: Vec<FoundMember>,
    /// Its fields as stored.
    pub raw: Vec<RawField>,
    /// Its histories if it is forked, ordered by number; else none.
    pub branches: Vec<FoundBranch>,
}

/// One history of a forked array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundBranch {
    /// Number of the history: 0 is the one with the newest record.
    pub number: u16,
    /// Disks that carry it, in ascending order.
    pub disks: Vec<usize>,
    /// Update counter of its last record, if the format has one.
    pub sequence: Option<u64>,
    /// Time of its last record in seconds since 1970, if the format stores it.
    pub unix_seconds: Option<u64>,
    /// Places that it calls failed or missing, in ascending order.
    pub failed: Vec<Place>,
    /// Rows that it has written without them; `None` if that is not recorded.
    pub written: Option<Vec<RowsOfSet>>,
}

/// Rows of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowsOfSet {
    /// The set.
    pub set: u16,
    /// The rows.
    pub rows: Rows,
}

impl FoundArray {
    /// Running number of a place: set × slots + slot.
    #[must_use]
    pub fn running(&self, place: Place) -> usize {
        usize::from(place.set) * usize::from(self.descriptor.geometry.slots) + place.slot.index()
    }
}

/// A member of an array.
#[derive(Clone, Debug)]
pub struct FoundMember {
    /// What it is.
    pub descriptor: MemberDescriptor,
    /// Its fields as stored.
    pub raw: Vec<RawField>,
}

/// A finding, and which format it comes from.
#[derive(Clone, Copy, Debug)]
pub struct FoundFinding {
    /// Name of the format.
    pub format_name: &'static str,
    /// The finding.
    pub finding: Finding,
}

/// What one format said.
pub(super) struct Collector {
    format: usize,
    format_name: &'static str,
    /// Index, descriptor, raw fields; several entries for one disk are joined later.
    pub(super) disks: Vec<(usize, Option<DiskDescriptor>, Vec<RawField>)>,
    pub(super) arrays: Vec<FoundArray>,
    pub(super) findings: Vec<FoundFinding>,
}

impl Collector {
    pub(super) fn new(format: usize, format_name: &'static str) -> Self {
        Self { format, format_name, disks: Vec::new(), arrays: Vec::new(), findings: Vec::new() }
    }

    fn array_mut(&mut self, id: ArrayId) -> Option<&mut FoundArray> {
        self.arrays.iter_mut().rev().find(|array| array.descriptor.id == id)
    }
}

/// Adds an item behind those of its key. A format reports in order, and a volume may have 65,025
/// members: what comes last is compared once.
fn insert_ordered<T, K: Ord>(list: &mut Vec<T>, item: T, key: impl Fn(&T) -> K) {
    let own = key(&item);
    let at = match list.last() {
        Some(last) if key(last) > own => list.partition_point(|other| key(other) <= own),
        _ => list.len(),
    };
    list.insert(at, item);
}

/// The first item with this key.
fn find_ordered<'l, T, K: Ord>(
    list: &'l mut [T],
    own: &K,
    key: impl Fn(&T) -> K,
) -> Option<&'l mut T> {
    let at = list.partition_point(|other| key(other) < *own);
    list.get_mut(at).filter(|found| key(found) == *own)
}

impl Inventory for Collector {
    fn disk(&mut self, disk: &DiskDescriptor) {
        self.disks.push((disk.disk, Some(*disk), Vec::new()));
    }

    fn array(&mut self, array: &ArrayDescriptor) {
        self.arrays.push(FoundArray {
            format: self.format,
            format_name: self.format_name,
            descriptor: *array,
            members: Vec::new(),
            raw: Vec::new(),
            branches: Vec::new(),
        });
    }

    fn member(&mut self, member: &MemberDescriptor) {
        if let Some(array) = self.array_mut(member.array) {
            let found = FoundMember { descriptor: *member, raw: Vec::new() };
            insert_ordered(&mut array.members, found, |member| member.descriptor.place);
        }
    }

    fn raw(&mut self, of: Subject, field: &'static str, value: u64) {
        let raw = RawField { field, value };
        match of {
            Subject::Disk(disk) => self.disks.push((disk, None, vec![raw])),
            Subject::Array(id) => {
                if let Some(array) = self.array_mut(id) {
                    array.raw.push(raw);
                }
            }
            Subject::Member(id, place) => {
                let members = self.array_mut(id).map(|array| &mut array.members);
                let key = |member: &FoundMember| member.descriptor.place;
                if let Some(member) = members.and_then(|all| find_ordered(all, &place, key)) {
                    member.raw.push(raw);
                }
            }
            // Of something that this program does not show.
            _ => {}
        }
    }

    fn finding(&mut self, finding: &Finding) {
        self.findings.push(FoundFinding { format_name: self.format_name, finding: *finding });
    }

    fn branch(&mut self, branch: &Branch<'_>) {
        let Some(array) = self.array_mut(branch.array) else { return };
        let known = array.branches.iter().position(|known| known.number == branch.number);
        let index = known.unwrap_or_else(|| {
            array.branches.push(FoundBranch {
                number: branch.number,
                disks: Vec::new(),
                sequence: branch.sequence,
                unix_seconds: branch.unix_seconds,
                failed: Vec::new(),
                written: None,
            });
            array.branches.len() - 1
        });
        let found = &mut array.branches[index];
        found.disks.extend(branch.disks);
        found.failed.extend(branch.failed);
        found.disks.sort_unstable();
        found.disks.dedup();
        found.failed.sort_unstable();
        found.failed.dedup();
        array.branches.sort_by_key(|branch| branch.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Case I1.
    #[test]
    fn each_of_many_members_is_placed_and_found_without_a_look_at_all() {
        const MANY: u32 = 4096;
        let looks = Cell::new(0);
        let key = |item: &(u32, char)| {
            looks.set(looks.get() + 1);
            item.0
        };
        let mut list = Vec::new();
        for number in 0..MANY {
            insert_ordered(&mut list, (number, 'a'), key);
            assert_eq!(find_ordered(&mut list, &number, key), Some(&mut (number, 'a')));
        }
        assert!(looks.get() <= MANY * (3 + 13), "{} looks at {MANY} items", looks.get());
        assert!(list.is_sorted());
        assert_eq!(find_ordered(&mut list, &MANY, key), None);
        // What comes late is put in its place, and equal items stay in the order they came in.
        insert_ordered(&mut list, (7, 'b'), key);
        assert_eq!(list[6..10], [(6, 'a'), (7, 'a'), (7, 'b'), (8, 'a')]);
        assert_eq!(find_ordered(&mut list, &7, key), Some(&mut (7, 'a')));
    }
}
