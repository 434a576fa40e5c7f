// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an engine needs of a format while arrays run, and the steps that a commit is made of.

use super::{
    Capabilities, ChangeError, DiskBuffer, DiskView, Format, MovedOn, RuntimeState, SetRecord,
    Stamp,
};
use crate::array::{ArrayId, Place};
use crate::units::{Extent, Lba};

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

/// Most blocks that the [guard](RunTime::guard) of a disk may ask for.
pub const GUARD_BLOCKS: u64 = 32;

/// A format at run time: what its records say, changed in the caller's buffers, then what to write in which order.
///
/// Nothing is written by these calls themselves. After a call that takes `&mut [DiskBuffer]` the
/// caller runs the commit: for every live disk, steps 0, 1, 2 … until `None`. A crash between any two
/// steps leaves the old or the new configuration.
pub trait RunTime: Format {
    /// What run-time state survives a restart.
    fn capabilities(&self) -> Capabilities;

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
    /// Of a record that is not [whole](SetRecord::is_whole), as a [`RuntimeState`], the rest stays as it is stored.
    ///
    /// # Errors
    /// [`ChangeError`]; the buffers are as they were.
    fn set_state(
        &self,
        disks: &mut [DiskBuffer<'_, '_>],
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
        disks: &mut [DiskBuffer<'_, '_>],
        array: ArrayId,
        place: Place,
        spare: usize,
        stamp: Stamp,
    ) -> Result<(), ChangeError>;

    /// A run of blocks in the format's own reserve that is left to the implementation for notes of
    /// its own, e.g. a write journal. `None` on disks that another implementation set up.
    fn workspace(&self, disk: &DiskView<'_>) -> Option<Extent>;

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

    /// The `index`-th step of writing `disk`; `None` past the last. `block` is room for one block of
    /// that disk, for a header that differs from what the buffer will finally hold.
    fn commit_step<'a>(
        &self,
        disk: &'a DiskBuffer<'_, '_>,
        index: usize,
        block: &'a mut [u8],
    ) -> Option<Step<'a>>;
}
