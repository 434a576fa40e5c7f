// SPDX-License-Identifier: MIT OR Apache-2.0
//! A member: one disk, addressed in blocks.
//!
//! | implementation | medium |
//! |---|---|
//! | [`FileMember`] | a regular file, or a block device opened with `O_DIRECT`; its one writer |
//! | [`MemoryMember`] | memory |
//! | [`FaultMember`] | any of these behind a volatile cache that loses power, with injected faults |

mod fault;
mod file;
mod memory;
mod owner;
mod registered;
mod ring;

pub use fault::{FaultMember, Faults};
pub use file::FileMember;
pub use memory::MemoryMember;
pub use owner::{DiskError, Holder, Identity, ReadLock, Unowned, writer};

pub use ring::Registered;
pub(crate) use ring::Ring;

use raid_core::metadata::DiskShape;
use raid_core::units::Lba;
use std::fmt;
use std::fs::File;

/// Why a member could not do what it was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum MemberError {
    /// The disk is gone, or has been declared so.
    Gone,
    /// The member that the request was sent to had failed before the answer came: what it says holds
    /// for nobody.
    Left,
    /// A block cannot be read.
    Unreadable(Lba),
    /// The request leaves the disk.
    OutOfRange {
        /// First block asked for.
        at: Lba,
        /// Blocks of the disk.
        blocks: u64,
    },
    /// What the operating system said.
    Os(std::io::Error),
}

impl fmt::Display for MemberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the disk is gone"),
            Self::Left => f.write_str("the disk had failed before it answered"),
            Self::Unreadable(at) => write!(f, "block {} cannot be read", at.0),
            Self::OutOfRange { at, blocks } => {
                write!(f, "block {} is past the end, the disk has {blocks}", at.0)
            }
            Self::Os(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for MemberError {}

impl From<std::io::Error> for MemberError {
    fn from(error: std::io::Error) -> Self {
        Self::Os(error)
    }
}

/// The open file of a member, for I/O that goes past [`Member`].
#[derive(Clone, Copy, Debug)]
pub struct OpenFile<'m> {
    /// It stays open as long as the member lives.
    pub file: &'m File,
    /// Memory must be aligned to 4096 bytes.
    pub aligned: bool,
    /// Whether a flush reaches the medium.
    pub synced: bool,
}

/// One disk. Lengths are whole blocks; a block is written whole or not at all.
pub trait Member: fmt::Debug + Send {
    /// Size.
    fn shape(&self) -> DiskShape;

    /// Bytes of a block, if the medium has blocks of its own; a file has not.
    fn fixed_block_size(&self) -> Option<u32> {
        None
    }

    /// Bytes that the medium writes as a whole, as far as it is known; at least a block.
    fn physical_block_size(&self) -> u32 {
        self.shape().block_size
    }

    /// The file that it is, if it is no more than that.
    fn open_file(&self) -> Option<OpenFile<'_>> {
        None
    }

    /// Addresses the disk in blocks of this size from now on, as its metadata does; `false` if it cannot.
    fn set_block_size(&mut self, block_size: u32) -> bool {
        self.shape().block_size == block_size
    }

    /// Fills `into` from block `at` on.
    ///
    /// # Errors
    /// [`MemberError`]; `into` is then undefined.
    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), MemberError>;

    /// Writes `bytes` from block `at` on, perhaps only into a volatile cache.
    ///
    /// # Errors
    /// [`MemberError`]; any of the blocks may have been written.
    fn write(&mut self, at: Lba, bytes: &[u8]) -> Result<(), MemberError>;

    /// Everything written so far is on stable storage when this returns.
    ///
    /// # Errors
    /// [`MemberError`]; nothing is known about what was written since the last flush.
    fn flush(&mut self) -> Result<(), MemberError>;
}

impl<M: Member + ?Sized> Member for Box<M> {
    fn shape(&self) -> DiskShape {
        (**self).shape()
    }

    fn fixed_block_size(&self) -> Option<u32> {
        (**self).fixed_block_size()
    }

    fn physical_block_size(&self) -> u32 {
        (**self).physical_block_size()
    }

    fn open_file(&self) -> Option<OpenFile<'_>> {
        (**self).open_file()
    }

    fn set_block_size(&mut self, block_size: u32) -> bool {
        (**self).set_block_size(block_size)
    }

    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), MemberError> {
        (**self).read(at, into)
    }

    fn write(&mut self, at: Lba, bytes: &[u8]) -> Result<(), MemberError> {
        (**self).write(at, bytes)
    }

    fn flush(&mut self) -> Result<(), MemberError> {
        (**self).flush()
    }
}

/// The byte range of `len` bytes from block `at`, if it is inside the disk.
fn byte_range(shape: DiskShape, at: Lba, len: usize) -> Result<std::ops::Range<u64>, MemberError> {
    let out = MemberError::OutOfRange { at, blocks: shape.blocks.0 };
    let block = u64::from(shape.block_size);
    let (Some(from), Some(size)) = (at.0.checked_mul(block), shape.blocks.0.checked_mul(block))
    else {
        return Err(out);
    };
    match from.checked_add(len as u64) {
        Some(to) if to <= size && (len as u64).is_multiple_of(block) => Ok(from..to),
        _ => Err(out),
    }
}
