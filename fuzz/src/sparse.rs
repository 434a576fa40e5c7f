// SPDX-License-Identifier: MIT OR Apache-2.0
//! A disk that is zero but for the blocks that were written: what it begins with is shared.

use raid_array::discover::ReadAt;
use raid_array::member::{Member, MemberError};
use raid_core::metadata::DiskShape;
use raid_core::units::Lba;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// Bytes of a block.
pub const BLOCK: usize = 512;

type Written = BTreeMap<u64, [u8; BLOCK]>;

/// The disk.
#[derive(Clone, Debug)]
pub struct Sparse {
    shape: DiskShape,
    base: Arc<Written>,
    own: Written,
}

impl Sparse {
    /// A disk of zeros.
    #[must_use]
    pub fn new(shape: DiskShape) -> Self {
        Self { shape, base: Arc::default(), own: Written::new() }
    }

    /// What was written so far is shared by the clones that are made from now on.
    #[must_use]
    pub fn settled(self) -> Self {
        let mut base = Arc::unwrap_or_clone(self.base);
        base.extend(self.own);
        Self { base: Arc::new(base), own: Written::new(), shape: self.shape }
    }

    /// Blocks that were written.
    pub fn written(&self) -> impl Iterator<Item = u64> {
        self.base.keys().chain(self.own.keys()).copied()
    }

    /// The range in blocks, if it is inside.
    fn blocks(&self, at: u64, len: usize) -> Option<std::ops::Range<u64>> {
        let end = at.checked_add(u64::try_from(len / BLOCK).ok()?)?;
        (len.is_multiple_of(BLOCK) && end <= self.shape.blocks.0).then_some(at..end)
    }

    /// Fills `into` from block `at` on; `false` if that leaves the disk.
    pub fn get(&self, at: u64, into: &mut [u8]) -> bool {
        let Some(blocks) = self.blocks(at, into.len()) else { return false };
        into.fill(0);
        for written in [&*self.base, &self.own] {
            for (block, bytes) in written.range(blocks.clone()) {
                let from = (block - blocks.start) as usize * BLOCK;
                into[from..from + BLOCK].copy_from_slice(bytes);
            }
        }
        true
    }

    /// Writes `bytes` from block `at` on; `false` if that leaves the disk.
    pub fn put(&mut self, at: u64, bytes: &[u8]) -> bool {
        let Some(blocks) = self.blocks(at, bytes.len()) else { return false };
        for (block, bytes) in blocks.zip(bytes.chunks_exact(BLOCK)) {
            self.own.insert(block, bytes.try_into().expect("a block"));
        }
        true
    }

    fn outside(&self, at: Lba) -> MemberError {
        MemberError::OutOfRange { at, blocks: self.shape.blocks.0 }
    }
}

impl ReadAt for Sparse {
    fn len(&self) -> u64 {
        self.shape.blocks.0 * BLOCK as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        match self.get(offset / BLOCK as u64, into) {
            true => Ok(()),
            false => Err(io::Error::other("past the end of the disk")),
        }
    }
}

impl Member for Sparse {
    fn shape(&self) -> DiskShape {
        self.shape
    }

    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), MemberError> {
        if self.get(at.0, into) { Ok(()) } else { Err(self.outside(at)) }
    }

    fn write(&mut self, at: Lba, bytes: &[u8]) -> Result<(), MemberError> {
        if self.put(at.0, bytes) { Ok(()) } else { Err(self.outside(at)) }
    }

    fn flush(&mut self) -> Result<(), MemberError> {
        Ok(())
    }
}
