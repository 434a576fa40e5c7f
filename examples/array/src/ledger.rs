// SPDX-License-Identifier: MIT OR Apache-2.0
//! The row ledger: closes the write hole of a parity set that is short of a member.
//!
//! With a member missing, a row that a power cut caught half-written cannot be told apart from a
//! whole one, and the missing member's blocks in it can no longer be computed. So while a set is
//! short, the new content of every row is put into the ledger, durably, *before* the first member is
//! written. At the next start the ledger is replayed: each row is then wholly new.
//!
//! It lives in the part of the format's reserve that is left to the implementation
//! ([`workspace`](raid_core::metadata::FormatWriter::workspace)), on as many members as may still
//! fail, plus one.
//!
//! ```text
//! block 0            head: array, set, epoch
//! block 1 …          batch 0 │ batch 1 │ batch 2 │ …      each: header, fragments, payloads
//! ```
//!
//! * A batch counts if its epoch is the head's, its number is the next one and its checksum holds;
//!   the first that does not ends the ledger. No member write of a batch begins before the whole
//!   batch is durable, so a torn batch is one whose rows are still old.
//! * A new epoch empties the ledger. It begins only after a flush of all members, so everything in
//!   the old one is in place by then.

use raid_core::array::ArrayId;
use raid_core::units::{Extent, Slot};

/// Bytes of a block of the ledger.
pub const BLOCK: usize = 512;

const HEAD_MAGIC: &[u8; 8] = b"RROWLEDG";
const BATCH_MAGIC: &[u8; 8] = b"RROWBTCH";
const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);
/// Bytes of a fragment's entry in a batch.
const ENTRY: usize = 16;

/// New content of a run of blocks of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Which member.
    pub slot: Slot,
    /// Which blocks of its extent.
    pub at: Extent,
    /// What they shall hold.
    pub bytes: Vec<u8>,
}

/// One block that says to whom the ledger belongs and which epoch is current.
#[must_use]
pub fn encode_head(array: ArrayId, set: u16, epoch: u64) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    block[..8].copy_from_slice(HEAD_MAGIC);
    block[8..32].copy_from_slice(&array.0);
    block[32..34].copy_from_slice(&set.to_be_bytes());
    block[40..48].copy_from_slice(&epoch.to_be_bytes());
    let crc = CRC.checksum(&block[..48]);
    block[48..52].copy_from_slice(&crc.to_be_bytes());
    block
}

/// The epoch, if the block is the head of this set's ledger.
#[must_use]
pub fn decode_head(block: &[u8], array: ArrayId, set: u16) -> Option<u64> {
    let epoch = u64::from_be_bytes(block.get(40..48)?.try_into().ok()?);
    (block.get(..52)? == &encode_head(array, set, epoch)[..52]).then_some(epoch)
}

/// A batch as written: a whole number of blocks.
#[must_use]
pub fn encode_batch(epoch: u64, number: u64, fragments: &[Fragment]) -> Vec<u8> {
    let mut body = Vec::new();
    for fragment in fragments {
        body.push(fragment.slot.0);
        body.extend([0; 3]);
        body.extend((fragment.bytes.len() as u32).to_be_bytes());
        body.extend(fragment.at.start.0.to_be_bytes());
    }
    for fragment in fragments {
        body.extend(&fragment.bytes);
    }
    let mut batch = Vec::with_capacity(BLOCK + body.len());
    batch.extend(BATCH_MAGIC);
    batch.extend(epoch.to_be_bytes());
    batch.extend(number.to_be_bytes());
    batch.extend((fragments.len() as u32).to_be_bytes());
    batch.extend((body.len() as u32).to_be_bytes());
    batch.extend(CRC.checksum(&body).to_be_bytes());
    let crc = CRC.checksum(&batch);
    batch.extend(crc.to_be_bytes());
    batch.resize(BLOCK, 0);
    batch.extend(body);
    batch.resize(batch.len().next_multiple_of(BLOCK), 0);
    batch
}

/// How many bytes [`encode_batch`] makes of these fragments.
#[must_use]
pub fn batch_bytes<'a>(fragments: impl Iterator<Item = &'a Fragment>) -> usize {
    BLOCK + fragments.map(|f| ENTRY + f.bytes.len()).sum::<usize>().next_multiple_of(BLOCK)
}

/// The batch at the front of `ledger`, and its length in bytes, if it is the one expected.
#[must_use]
pub fn decode_batch(ledger: &[u8], epoch: u64, number: u64) -> Option<(Vec<Fragment>, usize)> {
    let header = ledger.get(..BLOCK)?;
    let u32_at = |at: usize| Some(u32::from_be_bytes(header.get(at..at + 4)?.try_into().ok()?));
    let u64_at = |at: usize| Some(u64::from_be_bytes(header.get(at..at + 8)?.try_into().ok()?));
    let expected = header.get(..8)? == BATCH_MAGIC
        && u64_at(8)? == epoch
        && u64_at(16)? == number
        && u32_at(36)? == CRC.checksum(&header[..36]);
    if !expected {
        return None;
    }
    let (count, len) = (u32_at(24)? as usize, u32_at(28)? as usize);
    let body = ledger.get(BLOCK..BLOCK.checked_add(len)?)?;
    if CRC.checksum(body) != u32_at(32)? {
        return None;
    }
    let (entries, mut payload) = body.split_at_checked(count.checked_mul(ENTRY)?)?;
    let mut fragments = Vec::new();
    for entry in entries.chunks_exact(ENTRY) {
        let len = u32::from_be_bytes(entry[4..8].try_into().ok()?) as usize;
        let start = u64::from_be_bytes(entry[8..16].try_into().ok()?);
        let (bytes, rest) = payload.split_at_checked(len)?;
        payload = rest;
        let at = Extent::new(start, (len / BLOCK) as u64);
        fragments.push(Fragment { slot: Slot(entry[0]), at, bytes: bytes.to_vec() });
    }
    Some((fragments, BLOCK + len.next_multiple_of(BLOCK)))
}

/// All batches of a ledger, in order; `None` if the ledger is another set's, or none.
///
/// `workspace` holds all of it, head included.
#[must_use]
pub fn decode(workspace: &[u8], array: ArrayId, set: u16) -> Option<(u64, Vec<Vec<Fragment>>)> {
    let epoch = decode_head(workspace, array, set)?;
    let mut rest = workspace.get(BLOCK..)?;
    let mut batches = Vec::new();
    while let Some((fragments, len)) = decode_batch(rest, epoch, batches.len() as u64) {
        batches.push(fragments);
        rest = rest.get(len..).unwrap_or_default();
    }
    Some((epoch, batches))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ARRAY: ArrayId = ArrayId([7; 24]);

    fn fragment(slot: u8, start: u64, blocks: usize, fill: u8) -> Fragment {
        let at = Extent::new(start, blocks as u64);
        Fragment { slot: Slot(slot), at, bytes: vec![fill; blocks * BLOCK] }
    }

    fn sample() -> (Vec<Vec<Fragment>>, Vec<u8>) {
        let batches = vec![
            vec![fragment(0, 8, 2, 1), fragment(4, 8, 2, 2)],
            vec![fragment(1, 0, 1, 3)],
            vec![fragment(2, u64::MAX, 1, 4), fragment(3, 9, 3, 5)],
        ];
        let mut bytes = encode_head(ARRAY, 1, 5);
        for (number, batch) in batches.iter().enumerate() {
            let encoded = encode_batch(5, number as u64, batch);
            assert_eq!(encoded.len(), batch_bytes(batch.iter()));
            bytes.extend(encoded);
        }
        bytes.extend([0xEE; 3 * BLOCK]);
        (batches, bytes)
    }

    #[test]
    fn a_ledger_reads_back_as_it_was_written() {
        let (batches, bytes) = sample();
        assert_eq!(decode(&bytes, ARRAY, 1), Some((5, batches)));
        assert_eq!(decode(&bytes, ARRAY, 0), None, "another set's");
        assert_eq!(decode(&bytes, ArrayId([8; 24]), 1), None, "another array's");
    }

    #[test]
    fn batches_of_an_older_epoch_are_not_replayed() {
        let (_, mut bytes) = sample();
        bytes[..BLOCK].copy_from_slice(&encode_head(ARRAY, 1, 6));
        assert_eq!(decode(&bytes, ARRAY, 1), Some((6, Vec::new())));
    }

    #[test]
    fn a_torn_batch_ends_the_ledger_before_it() {
        let (batches, bytes) = sample();
        let second = BLOCK + batch_bytes(batches[0].iter());
        for at in (second..second + batch_bytes(batches[1].iter())).step_by(41) {
            let mut torn = bytes.clone();
            torn[at] ^= 1;
            let (_, found) = decode(&torn, ARRAY, 1).unwrap();
            // A flip in the padding changes nothing; any other ends the ledger after batch 0.
            assert!(found == batches[..1] || found == batches, "flip at {at}");
        }
        for flipped in [second, second + 30, second + BLOCK, second + BLOCK + 20] {
            let mut torn = bytes.clone();
            torn[flipped] ^= 1;
            assert_eq!(decode(&torn, ARRAY, 1).unwrap().1, batches[..1], "flip at {flipped}");
        }
    }

    proptest! {
        #[test]
        fn hostile_ledgers_are_read_without_a_panic(
            mut flips in prop::collection::vec((0usize..6000, any::<u8>()), 0..8),
            cut in 0usize..6000,
        ) {
            let (_, mut bytes) = sample();
            for (at, value) in flips.drain(..) {
                let len = bytes.len();
                bytes[at % len] = value;
            }
            bytes.truncate(cut);
            let _ = decode(&bytes, ARRAY, 1);
        }
    }
}
