// SPDX-License-Identifier: MIT OR Apache-2.0
//! A member in memory: every write is stable at once.

use super::{Member, MemberError, byte_range};
use raid_core::metadata::DiskShape;
use raid_core::units::{Blocks, Lba};

/// A disk of zeros until it is written.
#[derive(Clone, Debug)]
pub struct MemoryMember {
    shape: DiskShape,
    bytes: Vec<u8>,
}

impl MemoryMember {
    /// A disk of `blocks` blocks of 512 bytes.
    #[must_use]
    pub fn new(blocks: u64) -> Self {
        let shape = DiskShape { blocks: Blocks(blocks), block_size: 512 };
        Self { shape, bytes: vec![0; blocks as usize * 512] }
    }
}

impl Member for MemoryMember {
    fn shape(&self) -> DiskShape {
        self.shape
    }

    fn read(&mut self, at: Lba, into: &mut [u8]) -> Result<(), MemberError> {
        let range = byte_range(self.shape, at, into.len())?;
        into.copy_from_slice(&self.bytes[range.start as usize..range.end as usize]);
        Ok(())
    }

    fn write(&mut self, at: Lba, bytes: &[u8]) -> Result<(), MemberError> {
        let range = byte_range(self.shape, at, bytes.len())?;
        self.bytes[range.start as usize..range.end as usize].copy_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), MemberError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_past_the_end_is_refused_and_changes_nothing() {
        let mut disk = MemoryMember::new(4);
        disk.write(Lba(3), &[7; 512]).unwrap();
        for (at, len) in [(4, 512), (3, 1024), (u64::MAX, 512), (u64::MAX / 512, 512), (0, 100)] {
            assert!(disk.write(Lba(at), &vec![9; len]).is_err(), "{at} {len}");
            assert!(disk.read(Lba(at), &mut vec![0; len]).is_err(), "{at} {len}");
        }
        let mut all = vec![0; 2048];
        disk.read(Lba(0), &mut all).unwrap();
        assert!(all[..1536].iter().all(|b| *b == 0) && all[1536..].iter().all(|b| *b == 7));
    }
}
