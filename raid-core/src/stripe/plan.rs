// SPDX-License-Identifier: MIT OR Apache-2.0
//! The plan of one piece of work: which blocks to read into the slab, which to write from where.

use super::copies::CopyWork;
use super::row_work::{Direction, RowWork, Totals};
use crate::units::{Blocks, Extent, Rows, Slot};

/// What is to be done in one stripe row, or with one run of copies.
///
/// A value without borrows, about 200 bytes. The slab is scratch memory of the caller's, of
/// [`Self::slab_blocks`] blocks and any content; the plan says what goes where in it.
///
/// ```text
/// lock rows() ▶ every reads() into the slab ▶ compute() ▶ every writes() ▶ unlock
/// ```
///
/// A caller that keeps plans makes them where it keeps them (`next_into` of what makes plans), and asks for
/// their reads and writes by number ([`Self::nth_read`], [`Self::nth_write`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a plan that is dropped leaves a part of the request undone"]
pub struct RowPlan {
    pub(super) method: Method,
    pub(super) block_size: u32,
    reads: u16,
    writes: u16,
    pub(super) slab: Blocks,
    pub(super) request: RequestPart,
    pub(super) work: Work,
}

/// The two kinds of redundancy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// A stripe row of a parity level.
    Row(RowWork),
    /// A run of blocks and its copies.
    Copies(CopyWork),
}

impl Work {
    /// Makes it this work on a row, which there is then.
    #[inline]
    pub(super) fn row(&mut self, work: RowWork) -> Option<&mut RowWork> {
        *self = Self::Row(work);
        match self {
            Self::Row(work) => Some(work),
            Self::Copies(_) => None,
        }
    }
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
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
    /// A plan that does nothing: a place for the next one.
    pub const EMPTY: Self = Self {
        method: Method::Copy,
        block_size: 0,
        reads: 0,
        writes: 0,
        slab: Blocks(0),
        request: RequestPart { offset: Blocks(0), len: Blocks(0) },
        work: Work::Copies(CopyWork::NONE),
    };

    /// Keeps what follows from the work.
    #[inline]
    pub(super) fn seal(&mut self) {
        let Totals { slab, reads, writes } = match &mut self.work {
            Work::Row(row) => row.seal(),
            Work::Copies(copies) => copies.totals(),
        };
        (self.slab, self.reads, self.writes) = (slab, reads, writes);
    }

    /// The rows it reads or writes, in one run: what the caller locks against other writers.
    #[must_use]
    #[inline]
    pub fn rows(&self) -> Rows {
        match &self.work {
            Work::Row(row) => row.rows(),
            Work::Copies(copies) => copies.run.rows(),
        }
    }

    /// Which way it takes.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The part of the request it covers; `None` for plans that belong to no request.
    #[must_use]
    pub const fn request(&self) -> Option<RequestPart> {
        match self.method {
            Method::Rebuild | Method::Resync | Method::Scrub => None,
            _ => Some(self.request),
        }
    }

    /// Bytes of a block.
    #[must_use]
    pub const fn block_size(&self) -> u32 {
        self.block_size
    }

    /// Blocks of slab it needs, 0 possible. Multiply by [`Self::block_size`].
    #[must_use]
    #[inline]
    pub const fn slab_blocks(&self) -> Blocks {
        self.slab
    }

    /// How many [`Self::reads`] there are.
    #[must_use]
    #[inline]
    pub const fn read_count(&self) -> u16 {
        self.reads
    }

    /// How many [`Self::writes`] there are.
    #[must_use]
    #[inline]
    pub const fn write_count(&self) -> u16 {
        self.writes
    }

    /// What to read into the slab before [`Self::compute`]. In any order; runs do not overlap.
    #[inline]
    pub fn reads(&self) -> impl Iterator<Item = SlabIo> {
        match &self.work {
            Work::Row(row) => {
                Ios::Row(row.runs(Direction::Read).filter_map(|run| row.read_io(run)))
            }
            Work::Copies(copies) => Ios::Copies(copies.reads()),
        }
    }

    /// What to write after [`Self::compute`]. In any order; runs do not overlap.
    #[inline]
    pub fn writes(&self) -> impl Iterator<Item = WriteIo> {
        let offset = self.request.offset;
        match &self.work {
            Work::Row(row) => Ios::Row(
                row.runs(Direction::Write).filter_map(move |run| row.write_io(run, offset)),
            ),
            Work::Copies(copies) => Ios::Copies(copies.writes(offset)),
        }
    }

    /// Number `n` of [`Self::reads`]; `None` from [`Self::read_count`] on.
    ///
    /// As fast for any number where all rows are planned alike, as those of a request inside one strip are;
    /// else those before it are walked.
    #[must_use]
    #[inline]
    pub fn nth_read(&self, n: u16) -> Option<SlabIo> {
        match &self.work {
            Work::Row(row) => row.read_io(row.runs(Direction::Read).nth(n.into())?),
            Work::Copies(copies) => copies.reads().nth(n.into()),
        }
    }

    /// Number `n` of [`Self::writes`]; `None` from [`Self::write_count`] on. As fast as
    /// [`Self::nth_read`].
    #[must_use]
    #[inline]
    pub fn nth_write(&self, n: u16) -> Option<WriteIo> {
        let offset = self.request.offset;
        match &self.work {
            Work::Row(row) => row.write_io(row.runs(Direction::Write).nth(n.into())?, offset),
            Work::Copies(copies) => copies.writes(offset).nth(n.into()),
        }
    }

    /// The same plan for those of its rows that are in `rows`; it does nothing if none is.
    ///
    /// A row of blocks is read, computed and written by itself: a plan can be carried out a few rows at a
    /// time, in any order, on as little slab as [`Self::slab_blocks`] then says. `request` and `slab` of
    /// [`Self::compute`] and [`Self::extract`] stay what they are: the whole request, and the slab of this
    /// plan.
    ///
    /// ```
    /// # use raid_core::array::{Geometry, Level, Placement, QNumbering, Secondary};
    /// # use raid_core::layout::Layout;
    /// # use raid_core::stripe::{self, Health, RowPlan};
    /// # use raid_core::units::{Blocks, Extent, Rows};
    /// # let layout = Layout::new(&Geometry {
    /// #     level: Level::Raid6,
    /// #     placement: Placement::NContinue,
    /// #     slots: 12,
    /// #     strip: Blocks(1024),
    /// #     member_blocks: Blocks(1 << 20),
    /// #     secondary: Secondary::None,
    /// #     sets: 1,
    /// #     q_numbering: QNumbering::BySlot,
    /// #     parities: 0,
    /// #     rotate_shift: 0,
    /// #     block_size: 512,
    /// # })?;
    /// // A row of 5 MiB on 64 KiB of slab for P and Q: 64 rows of blocks at a time.
    /// let mut plan = RowPlan::EMPTY;
    /// let mut plans = stripe::write(&layout, Health::OPTIMAL, Extent::new(0, 10 * 1024));
    /// assert_eq!(plans.next_into(&mut plan), Some(Ok(())));
    /// for start in (0..1024).step_by(64) {
    ///     let few = plan.within(Rows::new(start, 64));
    ///     assert_eq!((few.slab_blocks(), few.write_count()), (Blocks(2 * 64), 12));
    /// }
    /// # Ok::<(), raid_core::layout::GeometryError>(())
    /// ```
    pub fn within(&self, rows: Rows) -> Self {
        let mut plan = *self;
        plan.work = match &self.work {
            Work::Row(row) => Work::Row(row.within(rows)),
            Work::Copies(copies) => {
                let (copies, before) = copies.within(rows);
                if self.request().is_some() {
                    let RequestPart { offset, .. } = self.request;
                    let offset = Blocks(offset.0.saturating_add(before));
                    plan.request = RequestPart { offset, len: Blocks(copies.run.len) };
                }
                Work::Copies(copies)
            }
        };
        plan.seal();
        plan
    }

    /// Where row `offset` of data strip `index` is in the request.
    #[inline]
    pub(super) fn in_request(&self, row: &RowWork, index: u16, offset: u64) -> Blocks {
        Blocks(self.request.offset.0.saturating_add(row.in_part(index, offset)))
    }
}

/// Runs of blocks of one kind of work or of the other.
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
