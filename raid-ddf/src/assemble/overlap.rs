// SPDX-License-Identifier: MIT OR Apache-2.0
//! Blocks of a disk that a volume claims twice, or another one as well.
//!
//! A record can give 255 extents to one disk, and a disk has up to a thousand records. So the extents of
//! one record are sorted, those of the others are looked up in them one by one, and there is an end to
//! that: a disk with more extents than [`MOST_STEPS`] allows is refused like one whose extents overlap.

use super::VirtualDisk;
use super::conflict::about;
use super::virtual_disk::SetRecord;
use crate::finding::Fault;
use crate::virtual_disk_records::VdCondition;
use raid_core::metadata::Finding;
use raid_core::units::{Blocks, Extent, Lba};

/// What one record may cost: the extents and the records it is held against, and sixteen list entries that
/// are passed over to know what one of them says. Writers keep 2 to 65 records on a disk.
const MOST_STEPS: u32 = 1 << 14;

/// Most slots of a set.
const SLOTS: usize = 256;

/// What a record shares with another one of its disk, or with itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shared {
    /// These two extents overlap.
    Extents(Extent, Extent),
    /// There are more extents than are compared.
    Unknown,
}

/// Extents of one length, by their first blocks.
struct Sorted {
    starts: [u64; SLOTS],
    count: usize,
    len: Blocks,
}

impl Sorted {
    fn new(len: Blocks, starts: impl Iterator<Item = Lba>) -> Self {
        let mut sorted = Self { starts: [0; SLOTS], count: 0, len };
        for (place, start) in sorted.starts.iter_mut().zip(starts) {
            *place = start.0;
            sorted.count = sorted.count.saturating_add(1);
        }
        // Each is carried down to where it belongs: 256 at most, and most often in order.
        for end in 1..sorted.count {
            for at in (1..=end).rev() {
                let Some([low, high]) = sorted.pair(at) else { break };
                if *low <= *high {
                    break;
                }
                core::mem::swap(low, high);
            }
        }
        sorted
    }

    /// The starts at a place and before it.
    fn pair(&mut self, at: usize) -> Option<&mut [u64; 2]> {
        self.starts.get_mut(at.checked_sub(1)?..)?.first_chunk_mut()
    }

    fn all(&self) -> &[u64] {
        self.starts.get(..self.count).unwrap_or_default()
    }

    fn extent(&self, start: u64) -> Extent {
        Extent { start: Lba(start), len: self.len }
    }

    /// Two of them that overlap.
    fn overlap(&self) -> Option<(Extent, Extent)> {
        let pairs = self.all().iter().zip(self.all().iter().skip(1));
        let mut extents = pairs.map(|(one, next)| (self.extent(*one), self.extent(*next)));
        extents.find(|(one, next)| one.overlaps(*next))
    }

    /// One of them that overlaps another extent, if no two of them overlap each other: of those that begin
    /// before its end, the last.
    fn overlapping(&self, other: Extent) -> Option<Extent> {
        let end = other.start.0.saturating_add(other.len.0);
        let before = self.all().partition_point(|start| *start < end);
        let last = self.extent(*self.all().get(before.checked_sub(1)?)?);
        last.overlaps(other).then_some(last)
    }
}

impl<'a> VirtualDisk<'a> {
    /// Tells of blocks of a disk that this volume claims twice, or another one as well: the first of
    /// each record.
    #[inline(never)]
    pub(super) fn tell_overlaps(&self, tell: &mut dyn FnMut(Finding)) {
        for mine in self.claims().filter(|claim| self.takes_part(claim)) {
            let mut steps = 0;
            let (fault, found, expected) = match self.first_shared(&mine, &mut steps) {
                None => continue,
                Some(Shared::Unknown) => {
                    (Fault::ManyExtents, steps.into(), Some(MOST_STEPS.into()))
                }
                Some(Shared::Extents(extent, theirs)) => {
                    let end = extent.end().map(|end| end.0);
                    (Fault::ExtentsOverlap, theirs.start.0, end)
                }
            };
            tell(Finding { found: Some(found), expected, ..about(fault, &mine) });
        }
    }

    /// What a record shares; `steps` counts what was looked at.
    fn first_shared(&self, mine: &SetRecord<'a>, steps: &mut u32) -> Option<Shared> {
        let own = Sorted::new(self.extent_blocks(mine, steps), starts(mine));
        *steps = steps.saturating_add(u32::try_from(own.count).unwrap_or(u32::MAX));
        // An old record of the same set says nothing of this one, a deleted volume nothing of anybody.
        let itself = self.is_live(mine, steps).then(|| own.overlap()).flatten();
        if let Some((extent, theirs)) = itself {
            return Some(Shared::Extents(extent, theirs));
        }
        let disk = mine.disk;
        let others = disk.records().filter_map(|slot| SetRecord::in_slot(disk, &slot));
        for other in others.filter(|other| !is_same_set(mine, other)) {
            *steps = steps.saturating_add(1);
            let mut len = None;
            for start in starts(&other) {
                let len = *len.get_or_insert_with(|| self.extent_blocks(&other, steps));
                *steps = steps.saturating_add(1);
                if *steps > MOST_STEPS {
                    return Some(Shared::Unknown);
                }
                let theirs = Extent { start, len };
                if let Some(extent) = own.overlapping(theirs) {
                    if self.is_live(&other, steps) {
                        return Some(Shared::Extents(extent, theirs));
                    }
                    break;
                }
            }
        }
        (*steps > MOST_STEPS).then_some(Shared::Unknown)
    }

    /// Blocks of each extent of a record.
    fn extent_blocks(&self, record: &SetRecord<'a>, steps: &mut u32) -> Blocks {
        record.block_count().unwrap_or_else(|| {
            let slots = record.elements().references.len();
            let listed = self.speaker.physical_disks().map_or(0, |disks| disks.entries.len());
            let passed = u32::try_from(slots.saturating_mul(listed) / 16).unwrap_or(u32::MAX);
            *steps = steps.saturating_add(passed);
            self.member_blocks(record)
        })
    }

    /// Whether the volume of a record is listed, and not as deleted.
    fn is_live(&self, record: &SetRecord<'a>, steps: &mut u32) -> bool {
        let listed = self.configuration.newest().virtual_disks().map_or(0, |all| all.entries.len());
        *steps = steps.saturating_add(u32::try_from(listed / 16).unwrap_or(u32::MAX));
        let listed = self.configuration.listed(&record.record.vd_guid);
        listed.is_some_and(|(_, entry)| entry.condition() != VdCondition::Deleted)
    }
}

/// The first blocks of the extents that a disk's own record gives to the disk itself.
fn starts<'a>(claim: &SetRecord<'a>) -> impl Iterator<Item = Lba> + use<'a> {
    let (own, order) = (claim.disk.reference(), claim.disk.order());
    let lists = claim.elements();
    let slots = lists.references.iter().zip(lists.starting_blocks).take(SLOTS);
    let own = slots.filter(move |(reference, _)| own == Some(reference.get(order)));
    own.map(move |(_, start)| Lba(start.present(order).unwrap_or(0)))
}

fn is_same_set(mine: &SetRecord<'_>, other: &SetRecord<'_>) -> bool {
    mine.record.vd_guid.matches(&other.record.vd_guid)
        && mine.record.secondary_element_seq == other.record.secondary_element_seq
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(starts: &[u64]) -> Sorted {
        Sorted::new(Blocks(10), starts.iter().copied().map(Lba))
    }

    #[test]
    fn extents_of_one_record_overlap_where_one_begins_before_another_ends() {
        assert_eq!(sorted(&[30, 10, 20, 0]).overlap(), None);
        let found = sorted(&[30, 11, 20, 0]).overlap();
        assert_eq!(found, Some((Extent::new(11, 10), Extent::new(20, 10))));
        assert!(sorted(&[5, 5]).overlap().is_some(), "the same twice");
        assert_eq!(sorted(&[]).overlap(), None);
        let most: std::vec::Vec<u64> = (0..300).rev().map(|slot| slot * 10).collect();
        let most = sorted(&most);
        assert_eq!((most.count, most.overlap()), (SLOTS, None));
    }

    #[test]
    fn an_extent_of_another_record_is_looked_up_among_those_of_one() {
        let own = sorted(&[100, 20, 60]);
        for (start, len, hit) in [
            (0, 20, None),
            (0, 21, Some(20)),
            (29, 1, Some(20)),
            (30, 30, None),
            (30, 31, Some(60)),
            (0, 1000, Some(100)),
            (110, u64::MAX, None),
            (65, 0, None),
        ] {
            let hit = hit.map(|start| Extent::new(start, 10));
            assert_eq!(own.overlapping(Extent::new(start, len)), hit, "{start} {len}");
        }
    }
}
