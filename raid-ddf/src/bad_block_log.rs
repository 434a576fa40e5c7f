// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bad Block Management Log: blocks of this disk that are served from elsewhere (`ddf.md` 2.11).
//!
//! ```text
//!  8                                                24                32
//!  | entries u16 | spares u32 | reserved             | first spare LBA | entries     1.x
//!  | entries u32 | spares u32 | reserved             | first spare LBA | entries     2.0
//! ```
//!
//! No image of another implementation has one. How a block that is marked but not relocated is
//! stored, and where the addresses of bad blocks count from, is unverified.

use crate::header::Revision;
use crate::integer::{ByteOrder, U16, U32, U64};
use crate::record::Record;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The section: a head of 32 bytes and as many entries as the section has room for.
#[derive(Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct BadBlockLog {
    /// 0: [`BadBlockLog::SIGNATURE`](Record::SIGNATURE).
    pub signature: U32,
    /// 4: over the whole section.
    pub crc: U32,
    /// 8: two counts whose widths depend on the revision, see [`counts`](Self::counts).
    pub counts: [u8; 16],
    /// 24: where relocated blocks are kept.
    pub first_spare_lba: U64,
    /// 32: the entries.
    pub entries: [BadBlockEntry],
}

/// One run of bad blocks.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct BadBlockEntry {
    /// 0: first bad block.
    pub defective_block_start: U64,
    /// 8: where it is served from, counted from the first spare block.
    pub spare_block_offset: U32,
    /// 12: how many blocks.
    pub remapped_count: U16,
    /// 14: reserved, `FF`.
    pub reserved_14: [u8; 2],
}

/// The head's counts in revision 1.x.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct CountsV1 {
    entry_count: U16,
    /// At 10 of the section: not aligned.
    spare_block_count: U32,
    reserved_14: [u8; 10],
}

/// The head's counts in revision 2.0.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct CountsV2 {
    entry_count: U32,
    spare_block_count: U32,
    reserved_16: [u8; 8],
}

pinned!(BadBlockLog, list entries: 32, each 16 {
    signature: 0, 4;
    crc: 4, 4;
    counts: 8, 16;
    first_spare_lba: 24, 8;
});

pinned!(BadBlockEntry {
    defective_block_start: 0, 8;
    spare_block_offset: 8, 4;
    remapped_count: 12, 2;
    reserved_14: 14, 2;
});

pinned!(CountsV1 {
    entry_count: 0, 2;
    spare_block_count: 2, 4;
    reserved_14: 6, 10;
});

pinned!(CountsV2 {
    entry_count: 0, 4;
    spare_block_count: 4, 4;
    reserved_16: 8, 8;
});

impl Record for BadBlockLog {
    const NAME: &'static str = "bad block log";
    const SIGNATURE: u32 = 0xABAD_B10C;
    const FIXED_LEN: usize = 32;
}

/// The two counts of a log's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadBlockCounts {
    /// Used entries.
    pub entries: u32,
    /// Blocks reserved for relocation.
    pub spare_blocks: u32,
}

impl BadBlockLog {
    /// The counts, in the form of the header's revision.
    #[must_use]
    pub fn counts(&self, order: ByteOrder, revision: Revision) -> BadBlockCounts {
        let zero = BadBlockCounts { entries: 0, spare_blocks: 0 };
        if revision.major() == Some(1) {
            CountsV1::ref_from_bytes(&self.counts).map_or(zero, |counts| BadBlockCounts {
                entries: u32::from(counts.entry_count.get(order)),
                spare_blocks: counts.spare_block_count.get(order),
            })
        } else {
            CountsV2::ref_from_bytes(&self.counts).map_or(zero, |counts| BadBlockCounts {
                entries: counts.entry_count.get(order),
                spare_blocks: counts.spare_block_count.get(order),
            })
        }
    }

    /// Stores the counts in the form of the header's revision, reserved bytes kept. A count too
    /// large for 1.x becomes the largest there.
    pub fn set_counts(&mut self, order: ByteOrder, revision: Revision, counts: BadBlockCounts) {
        if revision.major() == Some(1) {
            if let Ok(head) = CountsV1::mut_from_bytes(&mut self.counts) {
                head.entry_count.set(order, u16::try_from(counts.entries).unwrap_or(u16::MAX));
                head.spare_block_count.set(order, counts.spare_blocks);
            }
        } else if let Ok(head) = CountsV2::mut_from_bytes(&mut self.counts) {
            head.entry_count.set(order, counts.entries);
            head.spare_block_count.set(order, counts.spare_blocks);
        }
    }

    /// The used entries: no more than the head says, no more than the section has room for.
    #[must_use]
    pub fn used(&self, order: ByteOrder, revision: Revision) -> &[BadBlockEntry] {
        usize::try_from(self.counts(order, revision).entries)
            .ok()
            .and_then(|count| self.entries.get(..count))
            .unwrap_or(&self.entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_both_revisions_stand_where_they_should() {
        let counts = BadBlockCounts { entries: 3, spare_blocks: 0x0102_0304 };
        for (revision, head) in [
            (Revision::V1_2, [0, 3, 1, 2, 3, 4, 0xFF, 0xFF]),
            (Revision::V2_0, [0, 0, 0, 3, 1, 2, 3, 4]),
        ] {
            let mut bytes = [0xFF; 512];
            let Some(log) = BadBlockLog::view_mut(&mut bytes) else { unreachable!() };
            log.set_counts(ByteOrder::Big, revision, counts);
            assert_eq!(log.counts(ByteOrder::Big, revision), counts);
            assert_eq!(log.used(ByteOrder::Big, revision).len(), 3);
            assert_eq!(bytes[8..16], head);
            assert_eq!(bytes[16..], [0xFF; 496]);
        }
    }

    #[test]
    fn a_count_larger_than_the_section_ends_at_the_section() {
        let bytes = [0xFF; 512];
        let Some(log) = BadBlockLog::view(&bytes) else { unreachable!() };
        assert_eq!(log.used(ByteOrder::Big, Revision::V2_0).len(), 30);
    }
}
