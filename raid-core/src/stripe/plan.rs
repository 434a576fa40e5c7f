// SPDX-License-Identifier: MIT OR Apache-2.0
//! The plan of one piece of work: which blocks to read into the slab, which to write from where.

use super::copies::CopyWork;
use super::row_work::RowWork;
use crate::units::{Blocks, Extent, Rows, Slot};

/// What is to be done in one stripe row, or with one run of copies.
///
/// A value without borrows, a few hundred bytes. The slab is scratch memory of the caller's, of
/// [`Self::slab_blocks`] blocks and any content; the plan says what goes where in it.
///
/// ```text
/// lock rows() ▶ every reads() into the slab ▶ compute() ▶ every writes() ▶ unlock
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a plan that is dropped leaves a part of the request undone"]
pub struct RowPlan {
    pub(super) rows: Rows,
    pub(super) method: Method,
    pub(super) request: Option<RequestPart>,
    pub(super) block_size: u32,
    pub(super) work: Work,
}

/// The two kinds of redundancy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Plans live on the stack for the time of one request: a box is not to be had, and the larger kind
// is the usual one.
#[allow(clippy::large_enum_variant)]
pub(super) enum Work {
    /// A stripe row of a parity level.
    Row(RowWork),
    /// A run of blocks and its copies.
    Copies(CopyWork),
}

/// Which way a plan takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// Writes new data to every copy; without redundancy, to the only one.
    Copy,
    /// Writes the whole row: nothing is read.
    FullStripe,
    /// Reads the data that stays, computes parity anew.
    ReconstructWrite,
    /// Reads old data and old parity, carries the change over.
    ReadModifyWrite,
    /// Recovers lost data first, then computes parity anew.
    SolveThenWrite,
    /// Writes data only: no parity of the row can be written.
    WithoutParity,
    /// Different ways for different rows.
    Mixed,
    /// Recovers lost data for a reader.
    DegradedRead,
    /// Fills members.
    Rebuild,
    /// Makes parity or copies agree with the data.
    Resync,
    /// Compares.
    Scrub,
}

/// The part of the request a plan covers, in blocks from the start of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestPart {
    /// First block.
    pub offset: Blocks,
    /// How many.
    pub len: Blocks,
}

/// A run of blocks of a member, and its place in the slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlabIo {
    /// Which slot of the set.
    pub slot: Slot,
    /// Blocks of the member's extent.
    pub at: Extent,
    /// First block in the slab.
    pub slab: Blocks,
}

/// A run of blocks to write to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WriteIo {
    /// Which slot of the set.
    pub slot: Slot,
    /// Blocks of the member's extent.
    pub at: Extent,
    /// Where the bytes are.
    pub from: Buffer,
}

/// Where bytes to write are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Buffer {
    /// In the slab, from this block on.
    Slab(Blocks),
    /// In the request's new data, from this block on.
    Request(Blocks),
}

impl SlabIo {
    /// The bytes of the slab to read into; `None` if the slab is too short.
    #[must_use]
    pub fn bytes<'b>(&self, block_size: u32, slab: &'b mut [u8]) -> Option<&'b mut [u8]> {
        let (from, to) = range(self.slab, self.at.len, block_size)?;
        slab.get_mut(from..to)
    }
}

impl WriteIo {
    /// The bytes to write; `None` if the slab or the new data is too short.
    #[must_use]
    pub fn bytes<'b>(&self, block_size: u32, slab: &'b [u8], new: &'b [u8]) -> Option<&'b [u8]> {
        let (buffer, first) = match self.from {
            Buffer::Slab(first) => (slab, first),
            Buffer::Request(first) => (new, first),
        };
        let (from, to) = range(first, self.at.len, block_size)?;
        buffer.get(from..to)
    }
}

/// Byte range of a run of blocks in a buffer.
pub(super) fn range(first: Blocks, len: Blocks, block_size: u32) -> Option<(usize, usize)> {
    let from = first.bytes(block_size)?;
    let to = from.checked_add(len.bytes(block_size)?)?;
    Some((usize::try_from(from).ok()?, usize::try_from(to).ok()?))
}

impl RowPlan {
    /// The rows it reads or writes, in one run: what the caller locks against other writers.
    #[must_use]
    pub const fn rows(&self) -> Rows {
        self.rows
    }

    /// Which way it takes.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The part of the request it covers; `None` for plans that belong to no request.
    #[must_use]
    pub const fn request(&self) -> Option<RequestPart> {
        self.request
    }

    /// Bytes of a block.
    #[must_use]
    pub const fn block_size(&self) -> u32 {
        self.block_size
    }

    /// Blocks of slab it needs, 0 possible. Multiply by [`Self::block_size`].
    #[must_use]
    pub fn slab_blocks(&self) -> Blocks {
        match &self.work {
            Work::Row(row) => row.slab().blocks(),
            Work::Copies(copies) => copies.slab_blocks(),
        }
    }

    /// What to read into the slab before [`Self::compute`]. In any order; runs do not overlap.
    #[inline]
    pub fn reads(&self) -> impl Iterator<Item = SlabIo> {
        match &self.work {
            Work::Row(row) => Ios::Row(row.reads()),
            Work::Copies(copies) => Ios::Copies(copies.reads()),
        }
    }

    /// What to write after [`Self::compute`]. In any order; runs do not overlap.
    #[inline]
    pub fn writes(&self) -> impl Iterator<Item = WriteIo> {
        match &self.work {
            Work::Row(row) => Ios::Row(row.writes()),
            Work::Copies(copies) => Ios::Copies(copies.writes()),
        }
    }
}

/// Runs of blocks of one kind of work or of the other.
// As with the work itself.
#[allow(clippy::large_enum_variant)]
enum Ios<R, C> {
    Row(R),
    Copies(C),
}

impl<T, R: Iterator<Item = T>, C: Iterator<Item = T>> Iterator for Ios<R, C> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        match self {
            Self::Row(row) => row.next(),
            Self::Copies(copies) => copies.next(),
        }
    }
}
