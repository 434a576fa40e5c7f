// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernels in plain Rust, for every target.
//!
//! | | a "register" is | good where |
//! |---|---|---|
//! | `bytes` | 64 bytes | the compiler has vector instructions, and finds them in loops over bytes |
//! | `words` | two machine words | it has none: a word is a vector of bytes |

use super::{Backend, Ops};

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

/// Plain stores: Rust has no portable way past the cache.
pub(super) struct Sink<const STREAM: bool>;

impl<const STREAM: bool> Sink<STREAM> {
    pub(super) fn new() -> Self {
        Self
    }
}
