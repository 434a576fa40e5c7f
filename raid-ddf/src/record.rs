// SPDX-License-Identifier: MIT OR Apache-2.0
//! What all records share: a signature, a CRC, and two ways of looking at bytes.
//!
//! | | takes | judges |
//! |---|---|---|
//! | [`Record::view`], [`Record::view_mut`] | any bytes | nothing |
//! | [`Record::check`] | a whole record | length, signature, CRC |
//!
//! A record that a damaged disk left behind can still be viewed; only a [`Checked`] one says that
//! its bytes are those that were written.

use crate::crc::{CrcVariant, compute_crc, matching_crc};
use crate::error::RecordError;
use crate::integer::{ByteOrder, U32};
use core::ops::Deref;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The first eight bytes of every record.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Stamp {
    /// 0: which record this is.
    pub signature: U32,
    /// 4: CRC over the whole record, this field counted as all ones.
    pub crc: U32,
}

/// A record of the format: any bytes of sufficient length are one.
pub trait Record: FromBytes + IntoBytes + KnownLayout + Immutable + Unaligned {
    /// The standard's name for it, in lower case.
    const NAME: &'static str;
    /// Its signature.
    const SIGNATURE: u32;
    /// Bytes of its fixed part.
    const FIXED_LEN: usize;

    /// The bytes as a record, not judged. A record with a list takes all bytes there are. `None` if
    /// there are too few for the fixed part.
    #[must_use]
    fn view(bytes: &[u8]) -> Option<&Self> {
        Self::ref_from_prefix(bytes).ok().map(|(record, _)| record)
    }

    /// As [`view`](Self::view), to be edited in place. [`seal`](crate::seal) the whole record after.
    #[must_use]
    fn view_mut(bytes: &mut [u8]) -> Option<&mut Self> {
        Self::mut_from_prefix(bytes).ok().map(|(record, _)| record)
    }

    /// Whether readers take `signature` for this record.
    #[must_use]
    fn accepts(signature: u32) -> bool {
        signature == Self::SIGNATURE
    }

    /// The record that is exactly `bytes` long: its section, or its slot.
    ///
    /// # Errors
    /// [`RecordError`]: too short, another signature, or a CRC of neither variant.
    fn check(bytes: &[u8], order: ByteOrder) -> Result<Checked<'_, Self>, RecordError> {
        let record_name = Self::NAME;
        let (Some(record), Ok((stamp, _))) = (Self::view(bytes), Stamp::ref_from_prefix(bytes))
        else {
            let expected = Self::FIXED_LEN;
            return Err(RecordError::Truncated {
                record: record_name,
                found: bytes.len(),
                expected,
            });
        };
        let found = stamp.signature.get(order);
        if !Self::accepts(found) {
            let expected = Self::SIGNATURE;
            return Err(RecordError::Signature { record: record_name, found, expected });
        }
        match matching_crc(CrcVariant::default(), order, bytes) {
            Some(variant) => Ok(Checked { record, order, variant }),
            None => Err(RecordError::Crc {
                record: record_name,
                found: stamp.crc.get(order),
                a: compute_crc(CrcVariant::A, bytes),
                b: compute_crc(CrcVariant::B, bytes),
            }),
        }
    }
}

/// A record whose length, signature and CRC were found right. Only [`Record::check`] makes one.
#[derive(Debug)]
pub struct Checked<'a, T: ?Sized> {
    record: &'a T,
    order: ByteOrder,
    variant: CrcVariant,
}

impl<'a, T: ?Sized> Checked<'a, T> {
    /// The record, for as long as its bytes live.
    #[must_use]
    pub const fn record(&self) -> &'a T {
        self.record
    }

    /// The order its fields are to be read in.
    #[must_use]
    pub const fn order(&self) -> ByteOrder {
        self.order
    }

    /// The CRC variant that matched.
    #[must_use]
    pub const fn crc_variant(&self) -> CrcVariant {
        self.variant
    }
}

impl<T: ?Sized> Deref for Checked<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.record
    }
}

impl<T: ?Sized> Clone for Checked<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Checked<'_, T> {}
