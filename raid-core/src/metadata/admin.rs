// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a tool needs that administers a format: room on new disks, changes of the configuration, and its end.

use super::{
    ArrayRequest, BadBlocks, ChangeError, DiskBuffer, DiskCondition, DiskShape, DiskView, RunTime,
    SpareRequest, Stamp, Step,
};
use crate::array::{ArrayId, MemberId};
use crate::units::{Blocks, Extent};

/// An administrative change of a configuration, as a value.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Change<'a> {
    /// Makes an empty configuration over the disks given.
    Initialise,
    /// Adds an array.
    CreateArray(&'a ArrayRequest<'a>),
    /// Takes an array out. Its spares stay, those of this array alone included; its blocks are free.
    DeleteArray(ArrayId),
    /// Makes an unused or blank disk a spare.
    AssignSpare(SpareRequest<'a>),
    /// Makes a spare, the disk with this index, an unused disk.
    ReleaseSpare(usize),
    /// Takes a disk that no array names out of the configuration, whether it is present or not. One that
    /// is present is then to be [erased](Admin::erase_step).
    RemoveDisk(MemberId),
    /// Records how a disk is. A member that is failed here has failed for each of its sets; it becomes a
    /// member again only by a rebuild ([`set_state`](RunTime::set_state)).
    SetDiskCondition {
        /// The disk.
        disk: MemberId,
        /// The whole condition.
        condition: DiskCondition,
    },
    /// Records blocks of a disk that cannot be used.
    AddBadBlocks {
        /// Index of the disk.
        disk: usize,
        /// The blocks, and where their data is.
        blocks: BadBlocks,
    },
    /// Takes over a foreign configuration: marks it as known here, and gives its arrays numbers that no array
    /// of the other configurations on the disks has.
    Import(ArrayId),
    /// Deletes all arrays and spares of a configuration. Once that is committed on every disk, each is to be
    /// [erased](Admin::erase_step): no cut leaves a part of an array.
    Dissolve(ArrayId),
}

impl Change<'_> {
    /// Name of the change, for a refusal: `deleting an array`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Initialise => "making a configuration",
            Self::CreateArray(_) => "creating an array",
            Self::DeleteArray(_) => "deleting an array",
            Self::AssignSpare(_) => "assigning a spare",
            Self::ReleaseSpare(_) => "releasing a spare",
            Self::RemoveDisk(_) => "removing a disk",
            Self::SetDiskCondition { .. } => "the condition of a disk",
            Self::AddBadBlocks { .. } => "bad ranges",
            Self::Import(_) => "foreign configurations",
            Self::Dissolve(_) => "deleting a configuration",
        }
    }

    /// The refusal of a format that has no such change.
    #[must_use]
    pub const fn unsupported(&self) -> ChangeError {
        ChangeError::Unsupported(self.name())
    }
}

/// A format for administration. A change is committed like any other: by the steps of [`RunTime`].
///
/// A format brings [`apply`](Self::apply); the calls that are named after a change make that change and are not
/// to be overridden.
pub trait Admin: RunTime {
    /// The `index`-th range that the metadata of a new disk takes; `None` past the last. The caller
    /// makes a buffer of that size for each, filled with zeros.
    fn new_area(&self, shape: DiskShape, index: usize) -> Option<Extent>;

    /// Blocks of a new disk that arrays may use, from block 0.
    fn usable(&self, shape: DiskShape) -> Blocks;

    /// The largest `member_blocks` with which the request would be accepted as it is otherwise; one
    /// disk and [`Level::Single`](crate::array::Level::Single) give the largest free run of a disk.
    ///
    /// # Errors
    /// [`ChangeError`]: why the request is refused whatever the size.
    fn largest_member(
        &self,
        disks: &[DiskBuffer<'_, '_>],
        request: &ArrayRequest<'_>,
    ) -> Result<Blocks, ChangeError> {
        let _ = (disks, request);
        Err(ChangeError::Unsupported("the largest size of an array"))
    }

    /// Makes one change; the array, if it made one. A change that the format does not have is
    /// [`unsupported`](Change::unsupported).
    ///
    /// # Errors
    /// [`ChangeError`]; the buffers are as they were.
    fn apply(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        change: &Change<'_>,
        stamp: Stamp,
    ) -> Result<Option<ArrayId>, ChangeError>;

    /// How a disk is, as the newest trustworthy copy says; `None` if it lists no such disk.
    fn disk_condition(&self, disks: &[DiskView<'_>], disk: MemberId) -> Option<DiskCondition> {
        let _ = (disks, disk);
        None
    }

    /// The `index`-th bad range of a disk; `None` past the last.
    fn bad_blocks(&self, disk: &DiskView<'_>, index: usize) -> Option<BadBlocks> {
        let _ = (disk, index);
        None
    }

    /// The `index`-th step of destroying the format's metadata on `disk`, whatever the buffer says of
    /// arrays on it; `None` past the last, and if the disk does not carry the format. `block` is room
    /// for one block of that disk. A cut leaves the disk as it was, or without metadata.
    fn erase_step<'a>(
        &self,
        disk: &DiskBuffer<'_, '_>,
        index: usize,
        block: &'a mut [u8],
    ) -> Option<Step<'a>> {
        let _ = (disk, index, block);
        None
    }

    /// Makes [`Change::Initialise`].
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    fn initialise(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        self.apply(disks, &Change::Initialise, stamp).map(drop)
    }

    /// Makes [`Change::CreateArray`]; the array.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    fn create_array(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        request: &ArrayRequest<'_>,
        stamp: Stamp,
    ) -> Result<ArrayId, ChangeError> {
        let change = Change::CreateArray(request);
        self.apply(disks, &change, stamp)?.ok_or(change.unsupported())
    }

    /// Makes [`Change::DeleteArray`].
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    fn delete_array(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        array: ArrayId,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        self.apply(disks, &Change::DeleteArray(array), stamp).map(drop)
    }

    /// Makes [`Change::AssignSpare`] with a spare for every array.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    fn add_spare(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        disk: usize,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        self.apply(disks, &Change::AssignSpare(SpareRequest::global(disk)), stamp).map(drop)
    }

    /// Makes [`Change::AssignSpare`].
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    fn assign_spare(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        request: &SpareRequest<'_>,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        self.apply(disks, &Change::AssignSpare(*request), stamp).map(drop)
    }

    /// Makes [`Change::ReleaseSpare`].
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    fn release_spare(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        disk: usize,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        self.apply(disks, &Change::ReleaseSpare(disk), stamp).map(drop)
    }

    /// Makes [`Change::RemoveDisk`].
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    fn remove_disk(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        disk: MemberId,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        self.apply(disks, &Change::RemoveDisk(disk), stamp).map(drop)
    }

    /// Makes [`Change::SetDiskCondition`].
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    fn set_disk_condition(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        disk: MemberId,
        condition: DiskCondition,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        self.apply(disks, &Change::SetDiskCondition { disk, condition }, stamp).map(drop)
    }

    /// Makes [`Change::AddBadBlocks`].
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    fn add_bad_blocks(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        disk: usize,
        blocks: BadBlocks,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        self.apply(disks, &Change::AddBadBlocks { disk, blocks }, stamp).map(drop)
    }

    /// Makes [`Change::Import`].
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    fn import(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        configuration: ArrayId,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        self.apply(disks, &Change::Import(configuration), stamp).map(drop)
    }

    /// Makes [`Change::Dissolve`].
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    fn dissolve(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
        configuration: ArrayId,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        self.apply(disks, &Change::Dissolve(configuration), stamp).map(drop)
    }
}
