// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernels in plain Rust, for every target; and each of them as a function, for firmware.
//!
//! A [`Backend`] that is kept in a value holds on to all its kernels: 16 KB on a Cortex-M, where XOR
//! needs 1 KB and P+Q another one. These functions are the methods of [`Backend::portable`] of the same
//! names, and a program has those that it calls:
//!
//! ```
//! use raid_core::backend::portable;
//!
//! let (d0, d1, mut p) = ([1; 512], [2; 512], [0; 512]);
//! portable::p_generate(&mut p, &[Some(&d0), Some(&d1)])?;
//! assert_eq!(p, [3; 512]);
//! # Ok::<(), raid_core::parity::ParityError>(())
//! ```
//!
//! | | a "register" is | good where |
//! |---|---|---|
//! | `bytes` | 64 bytes | the compiler has vector instructions, and finds them in loops over bytes |
//! | `words` | two machine words | it has none: a word is a vector of bytes |

use super::{Backend, Ops};
use crate::parity::{Change, Located, ParityError};

mod bytes;
mod lanes;
mod words;

/// Whether every CPU of this target has vectors that compilers use without being asked.
const VECTORS: bool =
    cfg!(any(target_feature = "sse2", target_feature = "neon", target_feature = "simd128"));

pub(super) const OPS: &Ops = if VECTORS { &bytes::OPS } else { &words::OPS };

impl Backend {
    /// Plain Rust on bytes, for compilers to vectorise.
    #[must_use]
    pub const fn bytes() -> Self {
        Self::new(&bytes::OPS)
    }

    /// Plain Rust on machine words, for CPUs without vectors.
    #[must_use]
    pub const fn words() -> Self {
        Self::new(&words::OPS)
    }
}

macro_rules! functions {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty, $error:literal;)*) => {$(
        #[doc = concat!("[`Backend::", stringify!($name), "`] in plain Rust.")]
        ///
        /// # Errors
        ///
        #[doc = $error]
        #[inline]
        pub fn $name($($argument: $type),*) -> Result<$result, ParityError> {
            Backend::portable().$name($($argument),*)
        }
    )*};
}

functions! {
    xor_into(dst: &mut [u8], srcs: &[&[u8]]) -> (), "[`ParityError::Length`].";
    p_generate(p: &mut [u8], data: &[Option<&[u8]>]) -> (),
        "[`ParityError::Length`], [`ParityError::TooManyEntries`].";
    q_generate(q: &mut [u8], data: &[Option<&[u8]>]) -> (),
        "[`ParityError::Length`], [`ParityError::TooManyEntries`].";
    pq_generate(p: &mut [u8], q: &mut [u8], data: &[Option<&[u8]>]) -> (),
        "[`ParityError::Length`], [`ParityError::TooManyEntries`].";
    p_check(p: &[u8], data: &[Option<&[u8]>]) -> Option<usize>,
        "[`ParityError::Length`], [`ParityError::TooManyEntries`].";
    pq_check(p: &[u8], q: &[u8], data: &[Option<&[u8]>]) -> Option<usize>,
        "[`ParityError::Length`], [`ParityError::TooManyEntries`].";
    locate(p: &[u8], q: &[u8], data: &[Option<&[u8]>]) -> Located,
        "[`ParityError::Length`], [`ParityError::TooManyEntries`].";
    pq_update(p: Option<&mut [u8]>, q: Option<&mut [u8]>, exponent: u8, old: &[u8], new: &[u8])
        -> (), "[`ParityError::Length`]; [`ParityError::Exponent`] for 255.";
    pq_update_blocks(p: Option<&mut [u8]>, q: Option<&mut [u8]>, changes: &[Change<'_>]) -> (),
        "[`ParityError::Length`]; [`ParityError::Exponent`] for 255.";
    recover_data(x: &mut [u8], data: &[Option<&[u8]>], p: &[u8]) -> (),
        "[`ParityError::Length`], [`ParityError::TooManyEntries`].";
    recover_data_from_q(x: (u8, &mut [u8]), data: &[Option<&[u8]>], q: &[u8]) -> (),
        "Any [`ParityError`] but [`ParityError::SameBlock`].";
    recover_data_data(
        x: (u8, &mut [u8]),
        y: (u8, &mut [u8]),
        data: &[Option<&[u8]>],
        p: &[u8],
        q: &[u8]
    ) -> (), "Any [`ParityError`].";
    recover_data_p(x: (u8, &mut [u8]), p: &mut [u8], data: &[Option<&[u8]>], q: &[u8]) -> (),
        "Any [`ParityError`] but [`ParityError::SameBlock`].";
    recover_data_q(x: (u8, &mut [u8]), q: &mut [u8], data: &[Option<&[u8]>], p: &[u8]) -> (),
        "Any [`ParityError`] but [`ParityError::SameBlock`].";
}

/// Plain stores: Rust has no portable way past the cache.
pub(super) struct Sink<const STREAM: bool>;

impl<const STREAM: bool> Sink<STREAM> {
    pub(super) fn new() -> Self {
        Self
    }
}
