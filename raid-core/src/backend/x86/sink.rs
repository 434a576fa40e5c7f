// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where results go: through the cache, or past it.
//!
//! A store past the cache saves reading the line that it overwrites whole, and keeps the cache for
//! others; it wants an aligned address, and a fence before anybody else may look.

use core::arch::x86_64::{
    __m128i, __m256i, __m512i, _mm_sfence, _mm_stream_si128, _mm256_stream_si256,
    _mm512_stream_si512,
};
use zerocopy::transmute;

/// The way of the results of one call. Stores past the cache are fenced when it is dropped.
pub(super) struct Sink<const STREAM: bool>(());

impl<const STREAM: bool> Sink<STREAM> {
    #[inline]
    pub(super) fn new() -> Self {
        Self(())
    }
}

impl<const STREAM: bool> Drop for Sink<STREAM> {
    #[inline]
    fn drop(&mut self) {
        if STREAM {
            // SAFETY: SSE, which has the fence, is part of every target this file is built for.
            unsafe { _mm_sfence() };
        }
    }
}

macro_rules! put {
    ($put:ident, $feature:literal, $vector:ty, $lanes:literal, $stream:ident) => {
        /// Stores one register.
        #[inline]
        #[target_feature(enable = $feature)]
        pub(super) fn $put<const STREAM: bool>(
            _: &Sink<STREAM>,
            to: &mut [u8; $lanes],
            value: $vector,
        ) {
            if !STREAM || to.as_ptr().addr() % $lanes != 0 {
                *to = transmute!(value);
                return;
            }
            // SAFETY: `to` is as large as the vector and may be written; it is aligned, checked above.
            // The sink, borrowed here, fences the store before its call returns.
            unsafe { $stream(to.as_mut_ptr().cast(), value) };
        }
    };
}
put!(put_128, "ssse3", __m128i, 16, _mm_stream_si128);
put!(put_256, "avx2", __m256i, 32, _mm256_stream_si256);
put!(put_512, "avx512f", __m512i, 64, _mm512_stream_si512);
