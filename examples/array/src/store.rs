// SPDX-License-Identifier: MIT OR Apache-2.0
//! The metadata of all disks of a configuration in memory: the one copy that discovery read, that
//! run-time changes edit, and that commits write back.

use crate::discover::{Discovery, FoundArray, is_spare_of_all};
use raid_core::array::MemberState;
use raid_core::metadata::{
    Admin, ChangeError, DiskBuffer, DiskShape, DiskView, MovedOn, Piece, PieceMut, RunTime, Step,
};
use raid_core::units::{Extent, Lba};
use std::sync::Arc;

/// One disk's metadata.
#[derive(Clone, Debug)]
pub struct DiskMetadata {
    /// Size of the disk.
    pub shape: DiskShape,
    /// Runs of blocks, each at its place. The bytes are shared with what discovery read, until they
    /// are edited.
    pub pieces: Vec<(Lba, Arc<Vec<u8>>)>,
    /// Whether commits write this disk.
    pub live: bool,
    /// Whether it carries metadata that is not of this configuration: it is nobody's blank disk.
    pub foreign: bool,
}

impl DiskMetadata {
    fn blank(format: &dyn Admin, shape: DiskShape) -> Self {
        let areas = (0..).map_while(|index| format.new_area(shape, index));
        let zeroed = areas.map(|area| {
            let bytes = vec![0; area.len.0 as usize * shape.block_size as usize];
            (area.start, Arc::new(bytes))
        });
        Self { shape, pieces: zeroed.collect(), live: true, foreign: false }
    }
}

/// One step of a commit, owning its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitStep {
    /// Write.
    Write(Lba, Vec<u8>),
    /// Flush.
    Flush,
}

impl CommitStep {
    fn of(step: Step<'_>) -> Self {
        match step {
            Step::Write { at, bytes } => Self::Write(at, bytes.to_vec()),
            Step::Flush => Self::Flush,
        }
    }
}

/// The metadata of all disks.
#[derive(Clone, Debug, Default)]
pub struct Store {
    /// By index of the disk.
    pub disks: Vec<DiskMetadata>,
}

impl Store {
    /// Room for the metadata of new disks, zeroed.
    #[must_use]
    pub fn for_new_disks(format: &dyn Admin, shapes: &[DiskShape]) -> Self {
        Self { disks: shapes.iter().map(|shape| DiskMetadata::blank(format, *shape)).collect() }
    }

    /// Adds room for a new disk, zeroed, at index `disk`.
    pub fn insert(&mut self, format: &dyn Admin, disk: usize, shape: DiskShape) {
        let nothing = DiskMetadata { shape, pieces: Vec::new(), live: false, foreign: false };
        self.disks.resize(self.disks.len().max(disk + 1), nothing);
        self.disks[disk] = DiskMetadata::blank(format, shape);
    }

    /// The metadata that discovery read of the disks of one array's configuration. The other disks
    /// stay, so that indices agree, without a byte and not live.
    ///
    /// Live are the members in use of this array, those of every other array of the configuration that no
    /// array has given up, and its spares: what all disks say alike must be written to all of them. A
    /// spare that belongs to no configuration is
    /// lent as well, and is written only once it was taken: other arrays' engines may know it too.
    #[must_use]
    pub fn from_discovery(discovery: &Discovery, array: &FoundArray) -> Self {
        let in_use = |index: usize| {
            let arrays = discovery.arrays.iter().filter(|other| other.format == array.format);
            let members = arrays.flat_map(|array| &array.members).map(|member| member.descriptor);
            let (mut used, mut given_up) = (false, false);
            for member in members.filter(|member| member.disk == Some(index)) {
                match member.state {
                    // Its records must be written, whatever another array thinks of the disk.
                    MemberState::InSync | MemberState::Rebuilding
                        if member.array == array.descriptor.id =>
                    {
                        return true;
                    }
                    MemberState::InSync | MemberState::Rebuilding => used = true,
                    _ => given_up = true,
                }
            }
            used && !given_up
        };
        let own = discovery.configuration_of(array);
        let disks = discovery.disks.iter().zip(own).enumerate().map(|(index, (found, own))| {
            let pieces = own.map(|(_, claim)| claim.pieces.as_slice()).unwrap_or_default();
            DiskMetadata {
                shape: found.shape,
                pieces: pieces.iter().map(|piece| (piece.at, Arc::clone(&piece.bytes))).collect(),
                live: own.is_some_and(|(own, _)| {
                    own.role.is_spare() && !is_spare_of_all(&own) || in_use(index)
                }),
                foreign: own.is_none() && !found.claims.is_empty(),
            }
        });
        Self { disks: disks.collect() }
    }

    /// Lends all disks for reading.
    pub fn view<R>(&self, see: impl FnOnce(&[DiskView<'_>]) -> R) -> R {
        let pieces: Vec<Vec<Piece<'_>>> = (self.disks.iter())
            .map(|disk| disk.pieces.iter().map(|(at, bytes)| Piece { at: *at, bytes }).collect())
            .collect();
        let views: Vec<DiskView<'_>> = (self.disks.iter().zip(&pieces))
            .map(|(disk, pieces)| DiskView { shape: disk.shape, pieces })
            .collect();
        see(&views)
    }

    /// Lends all disks for editing.
    pub fn edit<R>(&mut self, edit: impl FnOnce(&mut [DiskBuffer<'_, '_>]) -> R) -> R {
        let mut lent: Vec<(DiskShape, bool, Vec<PieceMut<'_>>)> = (self.disks.iter_mut())
            .map(|disk| {
                let pieces = disk.pieces.iter_mut();
                let lend = pieces.map(|(at, bytes)| {
                    let bytes = Arc::make_mut(bytes).as_mut_slice();
                    PieceMut { at: *at, bytes }
                });
                (disk.shape, disk.live, lend.collect())
            })
            .collect();
        let mut buffers: Vec<DiskBuffer<'_, '_>> = (lent.iter_mut())
            .map(|(shape, live, pieces)| DiskBuffer { shape: *shape, pieces, live: *live })
            .collect();
        edit(&mut buffers)
    }

    /// The runs of a disk that show whether another program wrote it since it was read or committed.
    #[must_use]
    pub fn guard(&self, format: &dyn RunTime, disk: usize) -> Vec<Extent> {
        self.view(|disks| {
            let runs = |disk| (0..).map_while(move |index| format.guard(disk, index));
            disks.get(disk).into_iter().flat_map(runs).collect()
        })
    }

    /// How a disk shows that another program wrote it; `found` stands there now, where its `index`-th
    /// [guard](Self::guard) is.
    #[must_use]
    pub fn moved_on(
        &self,
        format: &dyn RunTime,
        disk: usize,
        index: usize,
        found: &[u8],
    ) -> Option<MovedOn> {
        self.view(|disks| format.moved_on(disks.get(disk)?, index, found))
    }

    /// Edits all disks, unless another program wrote one of those that will be written: for tools that
    /// administer a configuration. `read` reads a run of a disk; `None` if it cannot be read.
    ///
    /// # Errors
    /// [`ChangeError::MovedOn`], or that of the edit. The buffers are as they were.
    pub fn change<R>(
        &mut self,
        format: &dyn RunTime,
        mut read: impl FnMut(usize, Extent) -> Option<Vec<u8>>,
        edit: impl FnOnce(&mut [DiskBuffer<'_, '_>]) -> Result<R, ChangeError>,
    ) -> Result<R, ChangeError> {
        for disk in 0..self.disks.len() {
            let runs = if self.disks[disk].live { self.guard(format, disk) } else { Vec::new() };
            for (index, run) in runs.into_iter().enumerate() {
                let found = read(disk, run).unwrap_or_default();
                if let Some(moved) = self.moved_on(format, disk, index, &found) {
                    return Err(ChangeError::MovedOn { disk, moved });
                }
            }
        }
        self.edit(edit)
    }

    /// The steps that write one disk, in order.
    #[must_use]
    pub fn commit_steps(&mut self, format: &dyn RunTime, disk: usize) -> Vec<CommitStep> {
        self.steps(disk, |disk, index, block| {
            format.commit_step(disk, index, block).map(CommitStep::of)
        })
    }

    /// The steps that make a disk whole at the update that it is at, for a commit on it broke off. `found` is what
    /// stands there now, piece by piece.
    ///
    /// Of two copies one may be torn then: which of them, only the disk tells, and the order of
    /// [`commit_steps`](Self::commit_steps) might open the whole one before there is another.
    #[must_use]
    pub fn settling_steps(
        &self,
        format: &dyn RunTime,
        disk: usize,
        found: &[&[u8]],
    ) -> Vec<CommitStep> {
        let known = &self.disks[disk];
        let pieces = known.pieces.iter().zip(found);
        let pieces = pieces.map(|((at, _), found)| (*at, Arc::new(found.to_vec()))).collect();
        let mut as_found = Self { disks: vec![DiskMetadata { pieces, ..known.clone() }] };
        as_found.commit_steps(format, 0)
    }

    /// The steps that take the format's metadata off one disk, in order.
    #[must_use]
    pub fn erase_steps(&mut self, format: &dyn Admin, disk: usize) -> Vec<CommitStep> {
        self.steps(disk, |disk, index, block| {
            format.erase_step(disk, index, block).map(CommitStep::of)
        })
    }

    fn steps(
        &mut self,
        disk: usize,
        step: impl Fn(&DiskBuffer<'_, '_>, usize, &mut [u8]) -> Option<CommitStep>,
    ) -> Vec<CommitStep> {
        self.edit(|disks| {
            let disk = &disks[disk];
            let mut block = vec![0; disk.shape.block_size as usize];
            (0..).map_while(|index| step(disk, index, &mut block)).collect()
        })
    }
}
