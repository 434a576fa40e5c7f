// SPDX-License-Identifier: MIT OR Apache-2.0
//! The writing half of a format, and the steps that a commit is made of.

use super::{
    ArrayRequest, BadBlocks, Capabilities, ChangeError, DiskBuffer, DiskCondition, DiskShape,
    DiskView, Format, MovedOn, RuntimeState, SetRecord, SpareRequest, Stamp,
};
use crate::array::{ArrayId, MemberId, Place};
use crate::units::{Blocks, Extent, Lba};

/// One ordered step of writing metadata to one disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Write these bytes. Writes between two flushes may land in any order, in part, or not at all.
    Write {
        /// Address of the first block.
        at: Lba,
        /// A whole number of blocks.
        bytes: &'a [u8],
    },
    /// Everything written so far, user data included, is on stable storage before the next step.
    Flush,
}

/// Most blocks that the [guard](FormatWriter::guard) of a disk may ask for.
pub const GUARD_BLOCKS: u64 = 32;

/// The writing half of a format: edits the caller's buffers, then says what to write in which order.
///
/// Nothing is written by these calls themselves. After a call that takes `&mut [DiskBuffer]` the
/// caller runs the commit: for every live disk, steps 0, 1, 2 … until `None`. A crash between any two
/// steps leaves the old or the new configuration.
///
/// What a format cannot do, it refuses: calls that not every format has are refused unless it says
/// otherwise.
pub trait FormatWriter: Format {
    /// What run-time state survives a restart.
    fn capabilities(&self) -> Capabilities;

    /// The `index`-th range that the metadata of a new disk takes; `None` past the last. The caller
    /// makes a buffer of that size for each, filled with zeros.
    fn new_area(&self, shape: DiskShape, index: usize) -> Option<Extent>;

    /// Blocks of a new disk that arrays may use, from block 0.
    fn usable(&self, shape: DiskShape) -> Blocks;

    /// A run of blocks in the format's own reserve that is left to the implementation for notes of
    /// its own, e.g. a row ledger. `None` on disks that another implementation set up.
    fn workspace(&self, disk: &DiskView<'_>) -> Option<Extent>;

    /// Makes an empty configuration over these disks.
    ///
    /// # Errors
    /// [`ChangeError`]; the buffers are as they were.
    fn initialise(&self, disks: &mut [DiskBuffer<'_>], stamp: Stamp) -> Result<(), ChangeError>;

    /// Adds an array to the configuration.
    ///
    /// # Errors
    /// [`ChangeError`]; the buffers are as they were.
    fn create_array(
        &self,
        disks: &mut [DiskBuffer<'_>],
        request: &ArrayRequest<'_>,
        stamp: Stamp,
    ) -> Result<ArrayId, ChangeError>;

    /// Makes an unused disk a global spare.
    ///
    /// # Errors
    /// [`ChangeError`]; the buffers are as they were.
    fn add_spare(
        &self,
        disks: &mut [DiskBuffer<'_>],
        disk: usize,
        stamp: Stamp,
    ) -> Result<(), ChangeError>;

    /// The run-time state of one set, as the newest trustworthy copy says; `None` if there is no such
    /// array or set.
    fn state(&self, disks: &[DiskView<'_>], array: ArrayId, set: u16) -> Option<RuntimeState>;

    /// Lends the whole record of one set, as the newest trustworthy copy says; nothing if there is no such
    /// array or set. A format that stores more than the run-time state gives it here.
    fn recorded(
        &self,
        disks: &[DiskView<'_>],
        array: ArrayId,
        set: u16,
        to: &mut dyn FnMut(&dyn SetRecord),
    ) {
        if let Some(state) = self.state(disks, array, set) {
            to(&state);
        }
    }

    /// Stores the record of one set, in one update: its run-time state, and what else the format has room for.
    /// A [`RuntimeState`] is a record without the rest.
    ///
    /// # Errors
    /// [`ChangeError`]; the buffers are as they were.
    fn set_state(
        &self,
        disks: &mut [DiskBuffer<'_>],
        array: ArrayId,
        set: u16,
        record: &dyn SetRecord,
        stamp: Stamp,
    ) -> Result<(), ChangeError>;

    /// Puts a spare into a place whose member failed; the place is then `rebuilding`.
    ///
    /// # Errors
    /// [`ChangeError`]; the buffers are as they were.
    fn activate(
        &self,
        disks: &mut [DiskBuffer<'_>],
        array: ArrayId,
        place: Place,
        spare: usize,
        stamp: Stamp,
    ) -> Result<(), ChangeError>;

    /// The `index`-th step of writing `disk`; `None` past the last. `block` is room for one block of
    /// that disk, for a header that differs from what the buffer will finally hold.
    fn commit_step<'a>(
        &self,
        disk: &'a DiskBuffer<'_>,
        index: usize,
        block: &'a mut [u8],
    ) -> Option<Step<'a>>;

    /// Why every change of the array is refused, e.g. because the metadata is of a version that is not
    /// known here; `None` if changes are possible. Whoever starts an array for writing asks this first.
    fn read_only(&self, disks: &[DiskView<'_>], array: ArrayId) -> Option<ChangeError> {
        let _ = (disks, array);
        None
    }

    /// The `index`-th run of blocks to read again before a change of `disk` is committed; `None` past
    /// the last. At most [`GUARD_BLOCKS`] blocks in all runs of a disk, headers and the like.
    ///
    /// `disk` is the buffer as it was read or last committed, before the change is made in it: a
    /// change that was made and not yet committed, and a new disk, have no guard. The caller reads
    /// each run of each live disk, asks [`moved_on`](Self::moved_on), and refuses the change, for all
    /// disks, if one of them has moved on.
    fn guard(&self, disk: &DiskView<'_>, index: usize) -> Option<Extent> {
        let _ = (disk, index);
        None
    }

    /// Whether `found`, which now stands at the `index`-th run of the [guard](Self::guard), was
    /// written by another program since `disk` was read or last committed.
    ///
    /// Damage is no evidence: a run that can no longer be read (`found` is empty) or whose checksum is
    /// wrong is mended by the commit. Fields that firmware touches between updates are no evidence
    /// either. A commit of the caller's own that failed halfway on a disk is evidence as any other: read
    /// the disk again before it is written again.
    fn moved_on(&self, disk: &DiskView<'_>, index: usize, found: &[u8]) -> Option<MovedOn> {
        let at = self.guard(disk, index)?;
        let held = disk.get(at)?;
        let differs = held.iter().zip(found).position(|(held, found)| held != found)?;
        let byte = |bytes: &[u8]| bytes.get(differs).copied().map_or(0, u64::from);
        let (found, expected) = (byte(found), byte(held));
        Some(MovedOn { at: at.start, what: "bytes of the metadata", found, expected })
    }

    /// The largest `member_blocks` with which the request would be accepted as it is otherwise; one
    /// disk and [`Level::Single`](crate::array::Level::Single) give the largest free run of a disk.
    ///
    /// # Errors
    /// [`ChangeError`]: why the request is refused whatever the size.
    fn largest_member(
        &self,
        disks: &[DiskBuffer<'_>],
        request: &ArrayRequest<'_>,
    ) -> Result<Blocks, ChangeError> {
        let _ = (disks, request);
        Err(ChangeError::Unsupported("the largest size of an array"))
    }

    /// Takes an array out of the configuration. Its spares stay, those of this array alone included;
    /// its blocks are free.
    ///
    /// # Errors
    /// [`ChangeError`]; the buffers are as they were.
    fn delete_array(
        &self,
        disks: &mut [DiskBuffer<'_>],
        array: ArrayId,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        let _ = (disks, array, stamp);
        Err(ChangeError::Unsupported("deleting an array"))
    }

    /// Makes an unused or blank disk a spare.
    ///
    /// # Errors
    /// [`ChangeError`]; the buffers are as they were.
    fn assign_spare(
        &self,
        disks: &mut [DiskBuffer<'_>],
        request: &SpareRequest<'_>,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        match request {
            SpareRequest { disk, serves: [], revertible: false, same_enclosure: false } => {
                self.add_spare(disks, *disk, stamp)
            }
            _ => Err(ChangeError::Unsupported("spares that do not serve every array alike")),
        }
    }

    /// Makes a spare an unused disk.
    ///
    /// # Errors
    /// [`ChangeError`]; the buffers are as they were.
    fn release_spare(
        &self,
        disks: &mut [DiskBuffer<'_>],
        disk: usize,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        let _ = (disks, disk, stamp);
        Err(ChangeError::Unsupported("releasing a spare"))
    }

    /// Takes a disk that no array names out of the configuration, whether it is at hand or not. One
    /// at hand is then to be [erased](Self::erase_step).
    ///
    /// # Errors
    /// [`ChangeError`]; the buffers are as they were.
    fn remove_disk(
        &self,
        disks: &mut [DiskBuffer<'_>],
        disk: MemberId,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        let _ = (disks, disk, stamp);
        Err(ChangeError::Unsupported("removing a disk"))
    }

    /// How a disk is, as the newest trustworthy copy says; `None` if it lists no such disk.
    fn disk_condition(&self, disks: &[DiskView<'_>], disk: MemberId) -> Option<DiskCondition> {
        let _ = (disks, disk);
        None
    }

    /// Records how a disk is. A member that is given up here has failed for each of its sets; it
    /// becomes a member again only by a rebuild ([`set_state`](Self::set_state)).
    ///
    /// # Errors
    /// [`ChangeError`]; the buffers are as they were.
    fn set_disk_condition(
        &self,
        disks: &mut [DiskBuffer<'_>],
        disk: MemberId,
        condition: DiskCondition,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        let _ = (disks, disk, condition, stamp);
        Err(ChangeError::Unsupported("the condition of a disk"))
    }

    /// The `index`-th bad range of a disk; `None` past the last.
    fn bad_blocks(&self, disk: &DiskView<'_>, index: usize) -> Option<BadBlocks> {
        let _ = (disk, index);
        None
    }

    /// Records a bad range of a disk.
    ///
    /// # Errors
    /// [`ChangeError`], also if there is no room; the buffers are as they were.
    fn add_bad_blocks(
        &self,
        disks: &mut [DiskBuffer<'_>],
        disk: usize,
        range: BadBlocks,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        let _ = (disks, disk, range, stamp);
        Err(ChangeError::Unsupported("bad ranges"))
    }

    /// Takes over a foreign configuration: marks it as known here, and gives its arrays numbers that
    /// no array of the other configurations on `disks` has.
    ///
    /// # Errors
    /// [`ChangeError`]; the buffers are as they were.
    fn import(
        &self,
        disks: &mut [DiskBuffer<'_>],
        configuration: ArrayId,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        let _ = (disks, configuration, stamp);
        Err(ChangeError::Unsupported("foreign configurations"))
    }

    /// Deletes all arrays and spares of a configuration. Once that is committed on every disk, each
    /// is to be [erased](Self::erase_step): no cut leaves a part of an array.
    ///
    /// # Errors
    /// [`ChangeError`]; the buffers are as they were.
    fn dissolve(
        &self,
        disks: &mut [DiskBuffer<'_>],
        configuration: ArrayId,
        stamp: Stamp,
    ) -> Result<(), ChangeError> {
        let _ = (disks, configuration, stamp);
        Err(ChangeError::Unsupported("deleting a configuration"))
    }

    /// The `index`-th step of destroying the format's metadata on `disk`, whatever the buffer says of
    /// arrays on it; `None` past the last, and if the disk does not carry the format. `block` is room
    /// for one block of that disk. A cut leaves the disk as it was, or without metadata.
    fn erase_step<'a>(
        &self,
        disk: &DiskBuffer<'_>,
        index: usize,
        block: &'a mut [u8],
    ) -> Option<Step<'a>> {
        let _ = (disk, index, block);
        None
    }
}
