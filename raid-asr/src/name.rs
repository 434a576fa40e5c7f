// SPDX-License-Identifier: MIT OR Apache-2.0
//! The name of a line: 16 bytes padded with spaces, no end mark (`asr.md` 1.7).
//!
//! A label, never an identity: two arrays may carry the same one.

use core::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A name as stored. Some firmware leaves the names of disk lines, or of spares, all zero.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(transparent)]
pub struct LineName(pub [u8; 16]);

impl LineName {
    /// The first 16 of `label`, padded with spaces as every reader accepts it.
    #[must_use]
    pub fn padded(label: &[u8]) -> Self {
        let mut bytes = [b' '; 16];
        for (to, from) in bytes.iter_mut().zip(label) {
            *to = *from;
        }
        Self(bytes)
    }

    /// The bytes without the zeros and spaces at their end; empty when there is no name.
    #[must_use]
    pub fn trimmed(&self) -> &[u8] {
        let mut label: &[u8] = &self.0;
        while let [front @ .., 0 | b' '] = label {
            label = front;
        }
        label
    }
}

impl fmt::Debug for LineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_goes_and_everything_else_stays() {
        assert_eq!(LineName(*b"ZERO            ").trimmed(), b"ZERO");
        assert_eq!(LineName([0; 16]).trimmed(), b"");
        assert_eq!(LineName([b' '; 16]).trimmed(), b"");
        assert_eq!(LineName(*b"a b\0 \0          ").trimmed(), b"a b");
        assert_eq!(LineName(*b"sixteen letters!").trimmed(), b"sixteen letters!");
        assert_eq!(LineName([0xFF; 16]).trimmed(), [0xFF; 16]);
    }

    #[test]
    fn a_written_name_is_padded_with_spaces_and_cut_at_16_bytes() {
        assert_eq!(LineName::padded(b"ZERO").0, *b"ZERO            ");
        assert_eq!(LineName::padded(b"seventeen letters").0, *b"seventeen letter");
    }
}
