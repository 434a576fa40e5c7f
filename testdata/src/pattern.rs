// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the volumes hold: every 64-bit little-endian word tells where it belongs.

use std::ops::Range;

/// Content of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Each word is its byte offset xor `seed`, but for runs that were overwritten with zeros.
    OffsetXor {
        /// The volume's own constant.
        seed: u64,
        /// Byte ranges that hold zeros.
        zeros: Vec<Range<u64>>,
    },
    /// All 64 words of the 512-byte sector `n` are `(first + n + 1) * 0x9E37_79B9_7F4A_7C15`.
    Sectors {
        /// Number of the first sector in the stream that was written.
        first: u64,
    },
    /// Never written: zeros.
    Blank,
}

impl Pattern {
    /// The word at `offset`, which is a multiple of 8.
    #[must_use]
    pub fn word(&self, offset: u64) -> Option<u64> {
        if !offset.is_multiple_of(8) {
            return None;
        }
        Some(match self {
            Self::OffsetXor { zeros, .. } if zeros.iter().any(|run| run.contains(&offset)) => 0,
            Self::OffsetXor { seed, .. } => offset ^ seed,
            Self::Sectors { first } => {
                (first + offset / 512 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
            }
            Self::Blank => 0,
        })
    }

    /// The `len` bytes from `offset` on; both are multiples of 8.
    ///
    /// # Panics
    /// If they are not.
    #[must_use]
    pub fn bytes(&self, offset: u64, len: usize) -> Vec<u8> {
        assert!(len.is_multiple_of(8), "whole words");
        let mut bytes = Vec::with_capacity(len);
        for at in (offset..offset + len as u64).step_by(8) {
            let word = self.word(at).expect("whole words");
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Where `bytes`, which stand at `offset` of the volume, first differ from the pattern.
    ///
    /// # Panics
    /// If they are not whole words.
    #[must_use]
    pub fn first_difference(&self, offset: u64, bytes: &[u8]) -> Option<u64> {
        assert!(bytes.len().is_multiple_of(8), "whole words");
        // A plain loop: tests run it over gigabytes, and are not optimised.
        let mut at = offset;
        for word in bytes.chunks_exact(8) {
            let word = u64::from_le_bytes(word.try_into().expect("8 bytes"));
            if self.word(at) != Some(word) {
                return Some(at);
            }
            at += 8;
        }
        None
    }
}
