// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many disks' copies put together: which configurations there are, and which disk is whose.
//!
//! ```text
//! Assembly ── configurations ──▶ Configuration ── volumes ──▶ VirtualDisk ── member ──▶ place
//!  disks, and the copy in use      one header GUID;              one entry of the newest
//!  of each                         the newest disk speaks        virtual disk records
//!                                  for all
//! ```
//!
//! Nothing is copied and nothing allocated: every answer is read from the disks' bytes again. Only
//! which copy of each disk to use is kept, because it takes a pass over all CRCs to know.

mod conflict;
pub(crate) mod half_created;
mod member;
mod report;
pub(crate) mod state;
mod virtual_disk;

pub use virtual_disk::{SetRecord, VirtualDisk};

use crate::choice::{Choice, choose};
use crate::disk::DdfDisk;
use crate::disk_bytes::Disks;
use crate::geometry::Writer;
use crate::guid::Guid;
use crate::physical_disk_records::{PdState, PdType, PhysicalDiskEntry};
use crate::virtual_disk_records::VdCondition;
use half_created::settled;
use raid_core::array::MemberState;
use raid_core::metadata::Finding;

/// A number of disks, and the copy of the structure that is used of each.
#[derive(Clone, Copy, Debug)]
pub struct Assembly<'a> {
    disks: &'a dyn Disks,
    choices: &'a [Option<Choice>],
}

impl<'a> Assembly<'a> {
    /// Judges every disk, chooses its copy, and tells what is wrong with it.
    ///
    /// `scratch` keeps the choices, one a disk. With a shorter one everything works as well, but the
    /// copies of the disks past its end are judged anew each time one of these is looked at.
    pub fn new(
        disks: &'a dyn Disks,
        scratch: &'a mut [Option<Choice>],
        tell: &mut dyn FnMut(Finding),
    ) -> Self {
        scratch.fill(None);
        let mut room = scratch.iter_mut();
        for index in 0..disks.count() {
            let choice = disks.disk(index).and_then(|bytes| {
                choose(bytes, &mut |finding| tell(Finding { disk: Some(index), ..finding }))
            });
            if let Some(place) = room.next() {
                *place = choice;
            }
        }
        Self { disks, choices: scratch }
    }

    /// The disk with this index, if it carries DDF that can be used.
    #[must_use]
    pub fn disk(&self, index: usize) -> Option<DdfDisk<'a>> {
        let bytes = self.disks.disk(index)?;
        let choice = match self.choices.get(index) {
            Some(choice) => (*choice)?,
            None => choose(bytes, &mut |_| {})?,
        };
        DdfDisk::open(index, bytes, choice)
    }

    /// The disks that carry DDF.
    pub fn disks(&self) -> impl Iterator<Item = DdfDisk<'a>> + use<'a> {
        let this = *self;
        (0..self.disks.count()).filter_map(move |index| this.disk(index))
    }

    /// The configurations, in the order of their first disks.
    pub fn configurations(&self) -> impl Iterator<Item = Configuration<'a>> + use<'a> {
        let this = *self;
        self.disks().filter_map(move |disk| {
            let guid = disk.configuration();
            let first = this.disks().find(|earlier| earlier.configuration() == guid)?;
            (first.index() == disk.index()).then(|| this.configuration(guid)).flatten()
        })
    }

    /// The configuration with this GUID.
    #[must_use]
    pub fn configuration(&self, guid: Guid) -> Option<Configuration<'a>> {
        let members = || self.disks().filter(move |disk| disk.configuration() == guid);
        let newest = members().reduce(|newest, disk| {
            if disk.compare_freshness(&newest).is_gt() { disk } else { newest }
        })?;
        Some(Configuration { assembly: *self, newest: settled(newest, members) })
    }

    /// The volume with this GUID, in whichever configuration has it.
    #[must_use]
    pub fn volume(&self, guid: &Guid) -> Option<VirtualDisk<'a>> {
        self.configurations().find_map(|configuration| configuration.volume(guid))
    }
}

/// The disks of one header GUID.
#[derive(Clone, Copy, Debug)]
pub struct Configuration<'a> {
    assembly: Assembly<'a>,
    newest: DdfDisk<'a>,
}

/// What the newest records say a disk is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// Holds a part of a volume.
    Member,
    /// Spare for any volume.
    GlobalSpare,
    /// Spare for some volumes.
    DedicatedSpare,
    /// Nothing yet.
    Unused,
    /// Declared failed.
    Failed,
    /// Dropped, or never listed.
    Stale,
}

impl Role {
    /// The role in words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::GlobalSpare => "global spare",
            Self::DedicatedSpare => "dedicated spare",
            Self::Unused => "unused",
            Self::Failed => "failed",
            Self::Stale => "stale",
        }
    }
}

impl<'a> Configuration<'a> {
    /// Its GUID.
    #[must_use]
    pub const fn guid(&self) -> Guid {
        self.newest.configuration()
    }

    /// The disk whose copy of the shared sections counts.
    #[must_use]
    pub const fn newest(&self) -> DdfDisk<'a> {
        self.newest
    }

    /// Who made it, as far as it matters for the meaning of codes.
    #[must_use]
    pub fn writer(&self) -> Writer {
        Writer::of(&self.guid())
    }

    /// Its disks at hand.
    pub fn disks(&self) -> impl Iterator<Item = DdfDisk<'a>> + use<'a> {
        let guid = self.guid();
        self.assembly.disks().filter(move |disk| disk.configuration() == guid)
    }

    /// The disk at hand with this reference, the freshest if there are several.
    #[must_use]
    pub fn holder(&self, reference: u32) -> Option<DdfDisk<'a>> {
        let named = self.disks().filter(|disk| disk.reference() == Some(reference));
        named.reduce(
            |fresh, disk| {
                if disk.compare_freshness(&fresh).is_gt() { disk } else { fresh }
            },
        )
    }

    /// The newest records' entry of a disk.
    #[must_use]
    pub fn entry(&self, disk: &DdfDisk<'_>) -> Option<&'a PhysicalDiskEntry> {
        self.newest.entry_of(disk.reference()?)
    }

    /// How many updates a disk's metadata is behind the newest; 0 where no number is kept.
    #[must_use]
    pub fn updates_behind(&self, disk: &DdfDisk<'_>) -> u64 {
        match (self.newest.effective_sequence(), disk.effective_sequence()) {
            (Some(newest), Some(own)) => newest.saturating_sub(own),
            _ => 0,
        }
    }

    /// What a disk's data is worth, volumes aside. One update behind is what an interrupted update
    /// leaves and is accepted.
    #[must_use]
    pub fn condition(&self, disk: &DdfDisk<'_>) -> MemberState {
        let Some(entry) = self.entry(disk) else { return MemberState::Stale };
        let state = entry.pd_state(self.newest.order());
        if state.contains(PdState::MISSING) {
            MemberState::Stale
        } else if state.contains(PdState::FAILED) || !state.contains(PdState::ONLINE) {
            MemberState::Failed
        } else if self.updates_behind(disk) > 1 {
            MemberState::Stale
        } else if state.contains(PdState::REBUILDING) {
            MemberState::Rebuilding
        } else {
            MemberState::InSync
        }
    }

    /// What a disk is there for.
    #[must_use]
    pub fn role(&self, disk: &DdfDisk<'_>) -> Role {
        match self.condition(disk) {
            MemberState::Failed => return Role::Failed,
            MemberState::Stale => return Role::Stale,
            _ => {}
        }
        let pd_type =
            self.entry(disk).map_or(PdType::empty(), |entry| entry.pd_type(self.newest.order()));
        if pd_type.contains(PdType::PARTICIPATING) {
            Role::Member
        } else if pd_type.contains(PdType::CONFIGURED_SPARE) {
            Role::DedicatedSpare
        } else if pd_type.contains(PdType::GLOBAL_SPARE) {
            Role::GlobalSpare
        } else {
            Role::Unused
        }
    }

    /// The volumes, deleted ones left out.
    pub fn volumes(&self) -> impl Iterator<Item = VirtualDisk<'a>> + use<'a> {
        let this = *self;
        let order = self.newest.order();
        let records = self.newest.virtual_disks();
        records
            .into_iter()
            .flat_map(move |records| records.used(order))
            .filter(|(_, entry)| entry.condition() != VdCondition::Deleted)
            .map(move |(_, entry)| VirtualDisk::new(this, entry))
    }

    /// The volume with this GUID.
    #[must_use]
    pub fn volume(&self, guid: &Guid) -> Option<VirtualDisk<'a>> {
        self.volumes().find(|volume| volume.guid() == *guid)
    }
}
