// SPDX-License-Identifier: MIT OR Apache-2.0
//! What P and Q are, how lost blocks come back, and which disk is to blame when they disagree.
//!
//! ```text
//!   exponent    0      1      2     ...     n-1
//!             +------+------+------+     +------+
//!   row       |  D0  |  D1  |  D2  | ... | Dn-1 |      P = D0 + D1 + D2 + ... + Dn-1
//!             +------+------+------+     +------+      Q = D0 + 2·D1 + 4·D2 + ... + 2^(n-1)·Dn-1
//! ```
//!
//! in the field of [`gf256`]. The operations are methods of [`Backend`](crate::backend::Backend); this
//! module holds what they have in common.
//!
//! **The data list.** Every operation that walks a row takes `data: &[Option<&[u8]>]`. The index of
//! an entry *is* its exponent, and `None` is a block of zeros. So one shape serves both numberings
//! in use: DDF gives a data block the exponent of its slot, the slots of P and Q counted too
//! (`ddf.md` 5.6), hence a list of all slots with `None` at P and Q; Linux md counts data blocks
//! only, hence a list of data blocks. A lost block is `None` too. A list has up to
//! [`MAX_ENTRIES`] entries.
//!
//! **Two lost data blocks** x and y. Let P' and Q' be the sums over the survivors and the stored P
//! and Q, so P' = Dx + Dy and Q' = 2^x·Dx + 2^y·Dy. Then
//!
//! ```text
//!   Dx = a·P' + b·Q'      a = 2^y / (2^x + 2^y)      b = 1 / (2^x + 2^y)
//!   Dy = Dx + P'
//! ```
//!
//! **One wrong block.** Let dP and dQ be the differences of the stored P and Q from the computed
//! ones, in one byte column. If data block z is wrong by E, then dP = E and dQ = 2^z·E; if only P is
//! wrong, dQ = 0; if only Q, dP = 0. So the exponent is log2(dQ) - log2(dP): see [`Located`].

use crate::gf256;
use core::fmt;

mod locate;
mod triple;

pub use locate::Located;
pub(crate) use locate::Suspects;
pub use triple::{Parity, TripleParity};

/// The longest data list: 2^255 is 1 again, so a 256th entry could not be told from the first.
pub const MAX_ENTRIES: usize = 255;

/// The change of one data block of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// Its exponent.
    pub exponent: u8,
    /// What it was; `None` is a block of zeros.
    pub old: Option<&'a [u8]>,
    /// What it becomes; `None` is a block of zeros.
    pub new: Option<&'a [u8]>,
}

/// Why a parity operation was refused. A refused call changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParityError {
    /// A block is not as long as the first one of the call.
    Length {
        /// Bytes of the first block.
        expected: usize,
        /// Bytes of this block.
        found: usize,
    },
    /// More than [`MAX_ENTRIES`] entries.
    TooManyEntries {
        /// Entries given.
        found: usize,
    },
    /// The exponent is past the end of the data list, or 255.
    Exponent {
        /// As given.
        found: u8,
        /// Entries of the list, or [`MAX_ENTRIES`] where there is no list.
        entries: usize,
    },
    /// The block to recover is present in the data list.
    NotLost {
        /// Its exponent.
        exponent: u8,
    },
    /// More data blocks are to be recovered than parities are given ([`TripleParity`]).
    TooFewParities {
        /// Data blocks to recover.
        lost: usize,
        /// Parities given.
        parities: usize,
    },
    /// Both blocks to recover are the same one.
    SameBlock {
        /// Its exponent.
        exponent: u8,
    },
}

impl ParityError {
    /// Number for C callers and log searches. Stable; never reused.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::Length { .. } => 1,
            Self::TooManyEntries { .. } => 2,
            Self::Exponent { .. } => 3,
            Self::NotLost { .. } => 4,
            Self::TooFewParities { .. } => 5,
            Self::SameBlock { .. } => 6,
        }
    }
}

impl fmt::Display for ParityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Length { expected, found } => {
                write!(f, "block of {found} bytes in a row of blocks of {expected} bytes")
            }
            Self::TooManyEntries { found } => {
                write!(f, "data list of {found} entries, at most {MAX_ENTRIES} can be told apart")
            }
            Self::Exponent { found, entries } => {
                write!(f, "exponent {found} in a data list of {entries} entries")
            }
            Self::NotLost { exponent } => {
                write!(f, "block with exponent {exponent} is to be recovered, but is given as well")
            }
            Self::TooFewParities { lost, parities } => {
                write!(f, "{lost} lost data blocks, {parities} parities to recover them from")
            }
            Self::SameBlock { exponent } => {
                write!(f, "both lost blocks have exponent {exponent}")
            }
        }
    }
}

impl core::error::Error for ParityError {}

/// Refuses a block that is not `expected` bytes long.
pub(crate) fn check_length(expected: usize, block: &[u8]) -> Result<(), ParityError> {
    match block.len() {
        found if found == expected => Ok(()),
        found => Err(ParityError::Length { expected, found }),
    }
}

/// Refuses a lost block that the list does not have, or has in full.
pub(crate) fn check_lost(exponent: u8, data: &[Option<&[u8]>]) -> Result<(), ParityError> {
    match data.get(usize::from(exponent)) {
        Some(None) => Ok(()),
        Some(Some(_)) => Err(ParityError::NotLost { exponent }),
        None => Err(ParityError::Exponent { found: exponent, entries: data.len() }),
    }
}

/// `(a, b)` such that `Dx = a·P' + b·Q'` (see the module); `None` if `x` and `y` are one block.
pub(crate) fn two_data_coefficients(x: u8, y: u8) -> Option<(u8, u8)> {
    let b = gf256::inverse(gf256::pow2(x) ^ gf256::pow2(y))?;
    Some((gf256::mul(gf256::pow2(y), b), b))
}

/// 1 / 2^`exponent`.
pub(crate) fn inverse_power(exponent: u8) -> u8 {
    gf256::pow2(255u8.wrapping_sub(exponent))
}

/// Which block of a row contradicts the others, judged by one byte column, from the differences `dp` and `dq` of the stored P and Q from the computed ones.
///
/// [`Located::Data`] is the exponent; whether the row has a block there is for the caller to see.
#[must_use]
pub fn locate_column(dp: u8, dq: u8) -> Located {
    match (gf256::log2(dp), gf256::log2(dq)) {
        (None, None) => Located::Clean,
        (Some(_), None) => Located::P,
        (None, Some(_)) => Located::Q,
        (Some(p), Some(q)) => Located::Data(match q.checked_sub(p) {
            Some(exponent) => exponent,
            None => q.wrapping_sub(p).wrapping_sub(1),
        }),
    }
}
