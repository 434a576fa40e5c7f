// SPDX-License-Identifier: MIT OR Apache-2.0
//! The blocks of disks that are in memory, whether to be read only or to be edited.
//!
//! Discovery lends [`DiskView`]s, run-time changes edit [`DiskBuffer`]s. Both are read by the same
//! code, so there is one parser.

use core::fmt;
use raid_core::metadata::{DiskBuffer, DiskShape, DiskView, PieceMut};
use raid_core::units::{Blocks, Extent, Lba};

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

impl<'a> DiskBytes<'a> {
    /// The blocks of a buffer.
    #[must_use]
    pub fn of_buffer(buffer: &'a DiskBuffer<'_>) -> Self {
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
            Self::Buffer { shape, pieces } => {
                let len = usize::try_from(extent.len.bytes(shape.block_size)?).ok()?;
                pieces.iter().find_map(|piece| {
                    let skip = extent.start.distance_from(piece.at)?.bytes(shape.block_size)?;
                    piece.bytes.get(usize::try_from(skip).ok()?..)?.get(..len)
                })
            }
        }
    }

    /// One block.
    #[must_use]
    pub fn block(&self, at: Lba) -> Option<&'a [u8]> {
        self.get(Extent { start: at, len: Blocks(1) })
    }

    /// Whether a run that starts at `at` was asked for, so that it is in vain to ask again.
    #[must_use]
    pub(crate) fn was_asked(&self, at: Lba) -> bool {
        match self {
            Self::View(view) => view.pieces.iter().any(|piece| piece.at == at),
            Self::Buffer { pieces, .. } => pieces.iter().any(|piece| piece.at == at),
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

impl Disks for &[DiskBuffer<'_>] {
    fn count(&self) -> usize {
        self.len()
    }

    fn disk(&self, index: usize) -> Option<DiskBytes<'_>> {
        self.get(index).map(DiskBytes::of_buffer)
    }
}
