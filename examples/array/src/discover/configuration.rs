// SPDX-License-Identifier: MIT OR Apache-2.0
//! The disks of one array's configuration, and those of them that say that they are one.

use super::{Claim, Discovery, FoundArray, FoundDisk, FoundMember};
use raid_core::array::{ArrayId, MemberState};
use raid_core::metadata::DiskDescriptor;

/// What the format of `array` says of a disk.
fn claimed<'d>(disk: &'d FoundDisk, array: &FoundArray) -> Option<(DiskDescriptor, &'d Claim)> {
    let claim = disk.claims.iter().find(|claim| claim.format == array.format)?;
    Some((claim.descriptor?, claim))
}

impl Discovery {
    /// By index of the disk: what the format of `array` says of it, if it is of the configuration of the array, or
    /// a spare of no configuration.
    #[must_use]
    pub fn configuration_of(&self, array: &FoundArray) -> Vec<Option<(DiskDescriptor, &Claim)>> {
        // A disk that the array gave a place to may say something else of itself: who takes part is asked first.
        let part = |member: &&FoundMember| {
            matches!(member.descriptor.state, MemberState::InSync | MemberState::Rebuilding)
        };
        let (parts, others): (Vec<_>, Vec<_>) = array.members.iter().partition(part);
        let configuration = (parts.into_iter().chain(others))
            .filter_map(|member| self.disks.get(member.descriptor.disk?))
            .find_map(|disk| Some(claimed(disk, array)?.0.configuration));
        let own = |found: &DiskDescriptor| {
            Some(found.configuration) == configuration || is_spare_of_all(found)
        };
        let found = self.disks.iter().map(|disk| claimed(disk, array));
        found.map(|found| found.filter(|(found, _)| own(found))).collect()
    }

    /// Two disks that say of themselves that they are one, of those that serve an array or may come to. Whichever
    /// of them were given a place, the other would pass for it at the next start.
    #[must_use]
    pub fn twins(&self, array: &FoundArray) -> Option<(usize, usize)> {
        let disks = self.configuration_of(array);
        let says = |disk: &Option<(DiskDescriptor, &Claim)>| {
            disk.map(|(found, _)| (found.id, found.configuration))
        };
        let later = |one: usize| disks.iter().enumerate().skip(one + 1);
        disks.iter().enumerate().find_map(|(one, own)| {
            let own = says(own)?;
            later(one).find(|(_, other)| says(other) == Some(own)).map(|(other, _)| (one, other))
        })
    }
}

/// Whether a disk is a spare of no configuration.
pub(crate) fn is_spare_of_all(found: &DiskDescriptor) -> bool {
    found.role.is_spare() && found.configuration == ArrayId::ANY
}
