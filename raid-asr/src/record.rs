// SPDX-License-Identifier: MIT OR Apache-2.0
//! What both records share: two ways of looking at their bytes without judging them, and the test of a magic.

use crate::RecordError;
use zerocopy::big_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A record of the format: any bytes of sufficient length are one.
pub trait Record: FromBytes + IntoBytes + KnownLayout + Immutable + Unaligned + Sized {
    /// The format's name for it, in lower case.
    const NAME: &'static str;
    /// Bytes of it.
    const LEN: usize = size_of::<Self>();

    /// The front of `bytes` as a record, not judged. `None` if there are too few.
    #[must_use]
    fn view(bytes: &[u8]) -> Option<&Self> {
        Self::ref_from_prefix(bytes).ok().map(|(record, _)| record)
    }

    /// As [`view`](Self::view), to be edited in place. End an edit of a table with
    /// [`RaidTable::seal`](crate::RaidTable::seal).
    #[must_use]
    fn view_mut(bytes: &mut [u8]) -> Option<&mut Self> {
        Self::mut_from_prefix(bytes).ok().map(|(record, _)| record)
    }
}

/// The record, or that the bytes are too few for it.
pub(crate) fn whole<T: Record>(bytes: &[u8]) -> Result<&T, RecordError> {
    let truncated =
        RecordError::Truncated { record: T::NAME, found: bytes.len(), expected: T::LEN };
    T::view(bytes).ok_or(truncated)
}

/// Whether the magic that a record stores is the one of its kind.
pub(crate) fn expect(
    stored: U32,
    magic: u32,
    error: fn(u32) -> RecordError,
) -> Result<(), RecordError> {
    match stored.get() {
        found if found == magic => Ok(()),
        found => Err(error(found)),
    }
}
