// SPDX-License-Identifier: MIT OR Apache-2.0
//! The write journal: closes the write hole of a parity set that is short of a member.
//!
//! With a member missing, a row that a power cut caught half-written cannot be told apart from a
//! whole one, and the missing member's blocks in it can no longer be computed. So while a set is
//! short, the new content of every row is put into the journal, durably, *before* the first member is
//! written. At the next start the journal is replayed: each row is then wholly new.
//!
//! It lives in the part of the format's reserve that is left to the implementation
//! ([`workspace`](raid_core::metadata::RunTime::workspace)), on as many members as may still
//! fail, plus one, and on those that are being filled.
//!
//! ```text
//! block 0            head: array, set, epoch, who holds the epoch
//! block 1 …          batch 0 │ batch 1 │ batch 2 │ …      each: header, fragments, payloads
//! ```
//!
//! * A batch counts if its epoch is the head's, its number is the next one and its checksum holds;
//!   the first that does not ends the journal. No member write of a batch begins before the whole
//!   batch is durable, so a torn batch is one whose rows are still old.
//! * A new epoch empties the journal. It begins only after a flush of all members that worked on each
//!   of them, and, where the disks say that the journal counts, only when they name everyone who is
//!   gone. So everything in the old one is in place by then, on whoever may be believed later.
//! * The head names the members that hold all batches of the epoch. Others have the head alone, so
//!   that no older one of theirs is believed: their empty journal proves nothing.
//! * The head names the members that are gone or being filled, and the update of the disk's metadata that
//!   it belongs to: each commit first puts the update it makes beside the one before. So a journal counts
//!   only for a record that was written knowing of it. After another implementation's update, which
//!   may have changed rows, or where a record names others than those who are gone, it does not.

use raid_core::array::ArrayId;
use raid_core::units::{Extent, Slot, SlotSet};

/// Bytes of a block of the journal.
pub const BLOCK: usize = 512;

/// Blocks of a workspace that a journal uses at most: 32 MiB.
pub const MAX_BLOCKS: u64 = 1 << 16;

// The first head named no holders, the second neither who is gone nor an update.
const HEAD_MAGIC: &[u8; 8] = b"RROWLED3";
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

/// What block 0 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which epoch counts.
    pub epoch: u64,
    /// The members that hold all of its batches.
    pub holders: SlotSet,
    /// Members that are gone or being filled: without them rows are written.
    pub gone: SlotSet,
    /// The set was owed a resync when the epoch began: what other members hold cannot be computed in rows
    /// that the journal never saw.
    pub owed: bool,
    /// The update of the disk's metadata before the newest commit, and after it. `None` where the
    /// format counts none.
    pub updates: [Option<u64>; 2],
}

impl Head {
    /// Whether it counts on a disk whose metadata is of this update and says that these members are gone or
    /// being filled.
    #[must_use]
    pub fn covers(&self, update: Option<u64>, untrusted: SlotSet) -> bool {
        self.updates.contains(&update) && !untrusted.is_empty() && untrusted.contains_all(self.gone)
    }
}

/// The set that a journal belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetId {
    /// The array.
    pub array: ArrayId,
    /// Its set.
    pub set: u16,
}

/// Bytes of a head that are not zero.
const HEAD: usize = 132;

fn put_slots(into: &mut [u8], slots: SlotSet) {
    for slot in slots.iter() {
        into[slot.index() / 8] |= 1 << (slot.0 % 8);
    }
}

fn slots_in(map: &[u8]) -> SlotSet {
    let named = (0..=u8::MAX).filter(|slot| map[usize::from(slot / 8)] >> (slot % 8) & 1 != 0);
    named.map(Slot).collect()
}

/// One block that says to whom the journal belongs, which epoch is current, who holds it, who is gone, and
/// of which update of the metadata it is.
#[must_use]
pub fn encode_head(of: SetId, head: Head) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    block[..8].copy_from_slice(HEAD_MAGIC);
    block[8..32].copy_from_slice(&of.array.0);
    block[32..34].copy_from_slice(&of.set.to_be_bytes());
    block[40..48].copy_from_slice(&head.epoch.to_be_bytes());
    block[34] = u8::from(head.owed) << 2;
    put_slots(&mut block[48..80], head.holders);
    put_slots(&mut block[80..112], head.gone);
    for (number, update) in head.updates.into_iter().enumerate() {
        block[34] |= u8::from(update.is_some()) << number;
        let at = 112 + 8 * number;
        block[at..at + 8].copy_from_slice(&update.unwrap_or(0).to_be_bytes());
    }
    let crc = CRC.checksum(&block[..HEAD - 4]);
    block[HEAD - 4..HEAD].copy_from_slice(&crc.to_be_bytes());
    block
}

/// What the block says, if it is the head of a journal, and of which.
#[must_use]
pub fn decode_head(block: &[u8]) -> Option<(SetId, Head)> {
    let bytes = block.get(..HEAD)?;
    let u64_at = |at: usize| Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let set = u16::from_be_bytes(bytes.get(32..34)?.try_into().ok()?);
    let of = SetId { array: ArrayId(bytes.get(8..32)?.try_into().ok()?), set };
    let update = |number: usize| {
        let counted = bytes.get(34)? >> number & 1 == 1;
        Some(if counted { Some(u64_at(112 + 8 * number)?) } else { None })
    };
    let head = Head {
        epoch: u64_at(40)?,
        holders: slots_in(bytes.get(48..80)?),
        gone: slots_in(bytes.get(80..112)?),
        owed: bytes.get(34)? >> 2 & 1 == 1,
        updates: [update(0)?, update(1)?],
    };
    (bytes == &encode_head(of, head)[..HEAD]).then_some((of, head))
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

/// Blocks that each of so many fragments may have, for a batch of at most `bytes`.
#[must_use]
pub fn blocks_that_fit(bytes: usize, fragments: usize) -> usize {
    let payload = bytes.saturating_sub(2 * BLOCK + fragments * ENTRY);
    payload.checked_div(fragments * BLOCK).unwrap_or(0)
}

/// Fragments of a batch, its body's bytes, and their checksum.
fn batch_header(header: &[u8], epoch: u64, number: u64) -> Option<(usize, usize, u32)> {
    let u32_at = |at: usize| Some(u32::from_be_bytes(header.get(at..at + 4)?.try_into().ok()?));
    let u64_at = |at: usize| Some(u64::from_be_bytes(header.get(at..at + 8)?.try_into().ok()?));
    let expected = header.get(..8)? == BATCH_MAGIC
        && u64_at(8)? == epoch
        && u64_at(16)? == number
        && u32_at(36)? == CRC.checksum(&header[..36]);
    expected.then_some((u32_at(24)? as usize, u32_at(28)? as usize, u32_at(32)?))
}

/// Blocks of the batch that this header block begins, if it is the one expected.
#[must_use]
pub fn batch_blocks(header: &[u8], epoch: u64, number: u64) -> Option<u64> {
    let (_, len, _) = batch_header(header, epoch, number)?;
    Some(1 + len.div_ceil(BLOCK) as u64)
}

/// The batch at the front of `journal`, and its length in bytes, if it is the one expected.
#[must_use]
pub fn decode_batch(journal: &[u8], epoch: u64, number: u64) -> Option<(Vec<Fragment>, usize)> {
    let (count, len, crc) = batch_header(journal.get(..BLOCK)?, epoch, number)?;
    let body = journal.get(BLOCK..BLOCK.checked_add(len)?)?;
    if CRC.checksum(body) != crc {
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
        let mut bytes = Vec::new();
        for (number, batch) in batches.iter().enumerate() {
            let encoded = encode_batch(5, number as u64, batch);
            assert_eq!(encoded.len(), batch_bytes(batch.iter()));
            assert_eq!(
                batch_blocks(&encoded[..BLOCK], 5, number as u64),
                Some(encoded.len() as u64 / 512)
            );
            bytes.extend(encoded);
        }
        bytes.extend([0xEE; 3 * BLOCK]);
        (batches, bytes)
    }

    fn decode(bytes: &[u8], epoch: u64) -> Vec<Vec<Fragment>> {
        let mut rest = bytes;
        let mut batches = Vec::new();
        while let Some((fragments, len)) = decode_batch(rest, epoch, batches.len() as u64) {
            batches.push(fragments);
            rest = rest.get(len..).unwrap_or_default();
        }
        batches
    }

    #[test]
    fn a_journal_reads_back_as_it_was_written() {
        let (batches, bytes) = sample();
        assert_eq!(decode(&bytes, 5), batches);
        assert_eq!(decode(&bytes, 6), Vec::<Vec<Fragment>>::new(), "of another epoch");
    }

    #[test]
    fn a_head_reads_back_as_it_was_written_and_no_flipped_bit_is_overlooked() {
        let holders = [0, 7, 8, 63, 64, 255].map(Slot).into_iter().collect();
        let gone = [1, 254].map(Slot).into_iter().collect();
        let of = SetId { array: ARRAY, set: 1 };
        let head = Head { epoch: 5, holders, gone, owed: false, updates: [Some(6), None] };
        for updates in [[Some(6), Some(u64::MAX)], [None, Some(0)], [None; 2]] {
            for owed in [false, true] {
                let head = Head { owed, updates, ..head };
                assert_eq!(decode_head(&encode_head(of, head)), Some((of, head)));
            }
        }
        let block = encode_head(of, head);
        for bit in 0..HEAD * 8 {
            let mut flipped = block.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode_head(&flipped), None, "bit {bit}");
        }
    }

    #[test]
    fn a_head_counts_for_its_own_updates_and_while_those_are_gone_that_it_names() {
        let slots = |slots: &[u8]| slots.iter().copied().map(Slot).collect::<SlotSet>();
        let (holders, gone) = (slots(&[0]), slots(&[1]));
        let head = Head { epoch: 5, holders, gone, owed: false, updates: [Some(6), Some(7)] };
        assert!(head.covers(Some(6), slots(&[1])) && head.covers(Some(7), slots(&[1, 2])));
        for update in [Some(5), Some(8), None] {
            assert!(!head.covers(update, slots(&[1])), "update {update:?}");
        }
        assert!(!head.covers(Some(6), slots(&[2])), "another one is gone");
        let head = Head { gone: SlotSet::EMPTY, ..head };
        assert!(!head.covers(Some(6), SlotSet::EMPTY), "nobody is gone");
    }

    #[test]
    fn a_torn_batch_ends_the_journal_before_it() {
        let (batches, bytes) = sample();
        let second = batch_bytes(batches[0].iter());
        for at in (second..second + batch_bytes(batches[1].iter())).step_by(41) {
            let mut torn = bytes.clone();
            torn[at] ^= 1;
            let found = decode(&torn, 5);
            // A flip in the padding changes nothing; any other ends the journal after batch 0.
            assert!(found == batches[..1] || found == batches, "flip at {at}");
        }
        for flipped in [second, second + 30, second + BLOCK, second + BLOCK + 20] {
            let mut torn = bytes.clone();
            torn[flipped] ^= 1;
            assert_eq!(decode(&torn, 5), batches[..1], "flip at {flipped}");
        }
    }

    proptest! {
        #[test]
        fn hostile_journals_are_read_without_a_panic(
            mut flips in prop::collection::vec((0usize..6000, any::<u8>()), 0..8),
            cut in 0usize..6000,
        ) {
            let (_, mut bytes) = sample();
            for (at, value) in flips.drain(..) {
                let len = bytes.len();
                bytes[at % len] = value;
            }
            bytes.truncate(cut);
            let _ = decode(&bytes, 5);
            let _ = decode_head(&bytes);
        }
    }
}
