// SPDX-License-Identifier: MIT OR Apache-2.0
//! The blocks of disks that are in memory, whether to be read only or to be edited.
//!
//! Discovery lends [`DiskView`]s, run-time changes edit [`DiskBuffer`]s. Both are read by the same
//! code, so a format has one parser.
//!
//! Runs may overlap: what a damaged pointer leads to is read, and then the right place. A block is
//! then in memory twice, and only one of the two is edited. So every look at an extent, to read or to
//! edit it, takes the longest of the runs that hold all of it, of equal ones the first.

use super::{DiskBuffer, DiskShape, DiskView, Piece, PieceMut};
use crate::units::{Blocks, Extent, Lba};
use core::fmt;

/// The blocks of one disk.
#[derive(Clone, Copy, Debug)]
pub enum DiskBytes<'a> {
    /// Of a disk that is looked at.
    View(DiskView<'a>),
    /// Of a disk whose blocks are being edited.
    Buffer {
        /// Size.
        shape: DiskShape,
        /// The runs in memory.
        pieces: &'a [PieceMut<'a>],
    },
}

/// The bytes of `extent` in a run of blocks that starts at `at`.
fn range(at: Lba, extent: Extent, block_size: u32) -> Option<core::ops::Range<usize>> {
    let from = extent.start.distance_from(at)?.bytes(block_size)?;
    let to = from.checked_add(extent.len.bytes(block_size)?)?;
    Some(usize::try_from(from).ok()?..usize::try_from(to).ok()?)
}

/// What goes with the greatest number, of equal ones the first.
fn longest<T>(pieces: impl Iterator<Item = (usize, T)>) -> Option<T> {
    let longest = pieces.reduce(|best, piece| if piece.0 > best.0 { piece } else { best });
    longest.map(|(_, bytes)| bytes)
}

impl<'a> DiskView<'a> {
    /// The bytes of `extent`, if one piece holds all of them.
    #[must_use]
    pub fn get(&self, extent: Extent) -> Option<&'a [u8]> {
        let size = self.shape.block_size;
        longest(self.pieces.iter().filter_map(|piece| {
            Some((piece.bytes.len(), piece.bytes.get(range(piece.at, extent, size)?)?))
        }))
    }
}

impl DiskBuffer<'_, '_> {
    /// The bytes of `extent` to be edited, if one piece holds all of them.
    #[must_use]
    pub fn get_mut(&mut self, extent: Extent) -> Option<&mut [u8]> {
        let size = self.shape.block_size;
        longest(self.pieces.iter_mut().filter_map(|piece| {
            let len = piece.bytes.len();
            Some((len, piece.bytes.get_mut(range(piece.at, extent, size)?)?))
        }))
    }
}

impl<'a> DiskBytes<'a> {
    /// The blocks of a buffer.
    #[must_use]
    pub fn of_buffer(buffer: &'a DiskBuffer<'_, '_>) -> Self {
        Self::Buffer { shape: buffer.shape, pieces: buffer.pieces }
    }

    /// Size of the disk.
    #[must_use]
    pub const fn shape(&self) -> DiskShape {
        match self {
            Self::View(view) => view.shape,
            Self::Buffer { shape, .. } => *shape,
        }
    }

    /// The bytes of `extent`, if one run holds all of them.
    #[must_use]
    pub fn get(&self, extent: Extent) -> Option<&'a [u8]> {
        match self {
            Self::View(view) => view.get(extent),
            Self::Buffer { shape, pieces } => longest(pieces.iter().filter_map(|piece| {
                let range = range(piece.at, extent, shape.block_size)?;
                Some((piece.bytes.len(), piece.bytes.get(range)?))
            })),
        }
    }

    /// The runs in memory.
    pub fn runs(&self) -> impl Iterator<Item = Extent> + use<'a> {
        let (views, buffers): (&'a [Piece<'a>], &'a [PieceMut<'a>]) = match self {
            Self::View(view) => (view.pieces, &[]),
            Self::Buffer { pieces, .. } => (&[], pieces),
        };
        let views = views.iter().map(|piece| (piece.at, piece.bytes.len()));
        let buffers = buffers.iter().map(|piece| (piece.at, piece.bytes.len()));
        let size = self.shape().block_size;
        views.chain(buffers).map(move |(start, len)| {
            let blocks = u64::try_from(len).unwrap_or(0).checked_div(size.into()).unwrap_or(0);
            Extent { start, len: Blocks(blocks) }
        })
    }

    /// One block.
    #[must_use]
    pub fn block(&self, at: Lba) -> Option<&'a [u8]> {
        self.get(Extent { start: at, len: Blocks(1) })
    }

    /// Whether a run that starts at `at` was asked for, so that it is in vain to ask again.
    #[must_use]
    pub fn was_asked(&self, at: Lba) -> bool {
        match self {
            Self::View(view) => view.pieces.iter().any(|piece| piece.at == at),
            Self::Buffer { pieces, .. } => pieces.iter().any(|piece| piece.at == at),
        }
    }

    /// Whether a run that starts at `at` was asked for and could not be read.
    #[must_use]
    pub fn is_unreadable(&self, at: Lba) -> bool {
        match self {
            Self::View(view) => {
                view.pieces.iter().any(|piece| piece.at == at && piece.bytes.is_empty())
            }
            Self::Buffer { pieces, .. } => {
                pieces.iter().any(|piece| piece.at == at && piece.bytes.is_empty())
            }
        }
    }
}

/// A number of disks of which blocks are in memory.
pub trait Disks: fmt::Debug {
    /// How many.
    fn count(&self) -> usize;

    /// The blocks of one; `None` past the last.
    fn disk(&self, index: usize) -> Option<DiskBytes<'_>>;
}

impl Disks for &[DiskView<'_>] {
    fn count(&self) -> usize {
        self.len()
    }

    fn disk(&self, index: usize) -> Option<DiskBytes<'_>> {
        self.get(index).map(|view| DiskBytes::View(*view))
    }
}

impl Disks for &[DiskBuffer<'_, '_>] {
    fn count(&self) -> usize {
        self.len()
    }

    fn disk(&self, index: usize) -> Option<DiskBytes<'_>> {
        self.get(index).map(DiskBytes::of_buffer)
    }
}

/// The live ones among buffers, each at its index.
#[derive(Debug)]
pub struct LiveDisks<'d, 'b>(pub &'d [DiskBuffer<'d, 'b>]);

impl Disks for LiveDisks<'_, '_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn disk(&self, index: usize) -> Option<DiskBytes<'_>> {
        self.0.get(index).filter(|disk| disk.live).map(DiskBytes::of_buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Case P6. A list of runs that could be lent once only would not compile here.
    #[test]
    fn the_runs_of_a_disk_are_lent_again_after_a_change() {
        let shape = DiskShape { blocks: Blocks(8), block_size: 512 };
        let mut block = [0; 512];
        let mut pieces = [PieceMut { at: Lba(7), bytes: &mut block }];
        for value in [1, 2] {
            let mut disk = DiskBuffer { shape, pieces: &mut pieces, live: true };
            disk.get_mut(Extent::new(7, 1)).unwrap().fill(value);
        }
        let [piece] = &pieces;
        assert_eq!((piece.at, &piece.bytes[..]), (Lba(7), &[2; 512][..]));
    }
}
