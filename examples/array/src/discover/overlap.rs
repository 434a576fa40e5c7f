// SPDX-License-Identifier: MIT OR Apache-2.0
//! Members that share blocks: of one array, of two, or of two formats.

use super::{Discovery, FoundArray};
use raid_core::array::{MemberDescriptor, MemberState, Name};
use raid_core::units::Lba;

/// Blocks of a disk that are in two members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedBlocks {
    /// Index of the disk.
    pub disk: usize,
    /// The first of them.
    pub at: Lba,
    /// The array that the other member belongs to.
    pub other: Name,
}

impl Discovery {
    /// The first blocks that a member of `array`, one of those found here, shares with another member. One that
    /// is being filled is written to like any other.
    #[must_use]
    pub fn shared_blocks(&self, array: &FoundArray) -> Option<SharedBlocks> {
        let in_use = |member: &MemberDescriptor| {
            let used = matches!(member.state, MemberState::InSync | MemberState::Rebuilding);
            used && member.disk.is_some()
        };
        let all = self.arrays.iter().flat_map(|other| {
            let own = std::ptr::eq(other, array);
            let members = other.members.iter().map(|member| member.descriptor).filter(in_use);
            members.map(move |m| (m.disk, m.start.0, m.start.0.saturating_add(m.len.0), own, other))
        });
        let mut extents: Vec<_> = all.filter(|(_, from, to, ..)| from < to).collect();
        extents.sort_by_key(|(disk, from, ..)| (*disk, *from));
        // Sorted by start, an extent overlaps an earlier one if it begins before the furthest end.
        let mut furthest = [None, None];
        for (disk, from, to, own, other) in extents {
            let hit = |side: usize| furthest[side].filter(|(d, end, _)| *d == disk && from < *end);
            let culprit = hit(1).or(if own { hit(0) } else { None });
            if let (Some(disk), Some((_, _, name))) = (disk, culprit) {
                let other = if own { name } else { other.descriptor.name };
                return Some(SharedBlocks { disk, at: Lba(from), other });
            }
            let side = &mut furthest[usize::from(own)];
            if side.is_none_or(|(d, end, _)| d != disk || end < to) {
                *side = Some((disk, to, other.descriptor.name));
            }
        }
        None
    }
}
