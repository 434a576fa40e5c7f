// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two ways of looking at the bytes of a record without judging them, and the test of a magic.

use crate::RecordError;
use core::mem::size_of;
use zerocopy::big_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A record of the format: any bytes of sufficient length are one.
pub(crate) trait Record:
    FromBytes + IntoBytes + KnownLayout + Immutable + Unaligned + Sized
{
    fn of(bytes: &[u8]) -> Result<&Self, RecordError> {
        let front = Self::ref_from_prefix(bytes).map(|(record, _)| record);
        front.map_err(|_| too_short::<Self>(bytes.len()))
    }

    fn of_mut(bytes: &mut [u8]) -> Result<&mut Self, RecordError> {
        let got = bytes.len();
        let front = Self::mut_from_prefix(bytes).map(|(record, _)| record);
        front.map_err(|_| too_short::<Self>(got))
    }
}

fn too_short<T>(got: usize) -> RecordError {
    RecordError::Truncated { needed: size_of::<T>(), got }
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
