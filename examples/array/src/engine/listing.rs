// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the format reports of the disks of a running array, kept as a list.

use super::Engine;
use crate::store::Store;
use raid_core::array::{ArrayDescriptor, ArrayId, ArrayState, MemberDescriptor};
use raid_core::metadata::{DiskDescriptor, Inventory};

/// Disks, members of all arrays, and the arrays that have forked.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) disks: Vec<DiskDescriptor>,
    pub(super) members: Vec<MemberDescriptor>,
    forked: Vec<ArrayId>,
}

impl Listing {
    /// The disk with this number.
    pub(super) fn disk(&self, disk: usize) -> Option<&DiskDescriptor> {
        self.disks.iter().find(|own| own.disk == disk)
    }

    /// Whether a disk may replace a failed member.
    pub(super) fn is_spare(&self, disk: usize) -> bool {
        self.disk(disk).is_some_and(|own| own.role.is_spare())
    }

    /// Whether a disk is a member of any array, whatever its state.
    pub(super) fn is_member(&self, disk: usize) -> bool {
        self.members.iter().any(|own| own.disk == Some(disk))
    }

    /// The members of one array.
    pub(super) fn members_of(&self, array: ArrayId) -> impl Iterator<Item = &MemberDescriptor> {
        self.members.iter().filter(move |own| own.array == array)
    }

    /// Whether an array has forked.
    pub(super) fn is_forked(&self, array: ArrayId) -> bool {
        self.forked.contains(&array)
    }
}

impl Inventory for Listing {
    fn disk(&mut self, disk: &DiskDescriptor) {
        self.disks.push(*disk);
    }
    fn array(&mut self, array: &ArrayDescriptor) {
        if array.state == ArrayState::Forked {
            self.forked.push(array.id);
        }
    }
    fn member(&mut self, member: &MemberDescriptor) {
        self.members.push(*member);
    }
}

impl Engine {
    /// What the metadata in memory says.
    pub(super) fn listing(&self) -> Listing {
        self.listing_of(&self.store)
    }

    pub(super) fn listing_of(&self, store: &Store) -> Listing {
        let mut listing = Listing::default();
        store.view(|disks| self.format.assemble(disks, &mut listing));
        listing
    }
}
