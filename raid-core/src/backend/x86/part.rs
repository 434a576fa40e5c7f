// SPDX-License-Identifier: MIT OR Apache-2.0
//! Registers filled in part, for blocks of less than one and for the rest of a block under a mask.
//!
//! AVX-512 has loads and stores under a mask. The others take the first and the last bytes of the
//! rest, which may be the same ones twice: every operation treats each byte column by itself, so the
//! order of columns in a register does not matter as long as all blocks have the same one.

use core::arch::x86_64::{
    __m128i, __m256i, __m512i, _mm_cvtsi32_si128, _mm_cvtsi128_si64, _mm_set_epi32, _mm_set_epi64x,
    _mm_unpackhi_epi64, _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_set_m128i,
    _mm256_zextsi128_si256, _mm512_mask_storeu_epi8, _mm512_maskz_loadu_epi8,
};
use zerocopy::transmute;

/// 1 to 15 bytes.
#[inline]
#[target_feature(enable = "ssse3")]
pub(super) fn load_128(bytes: &[u8]) -> __m128i {
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return _mm_set_epi64x(i64::from_le_bytes(*last), i64::from_le_bytes(*first));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return _mm_set_epi32(0, 0, i32::from_le_bytes(*last), i32::from_le_bytes(*first));
    }
    _mm_cvtsi32_si128(up_to_three(bytes))
}

#[inline(always)]
fn up_to_three(bytes: &[u8]) -> i32 {
    match *bytes {
        [a] => i32::from(a),
        [a, b] => i32::from_le_bytes([a, b, a, b]),
        [a, b, c] => i32::from_le_bytes([a, b, b, c]),
        _ => 0,
    }
}

/// 1 to 15 bytes of what [`load_128`] makes of as many.
#[inline]
#[target_feature(enable = "ssse3")]
pub(super) fn store_128(to: &mut [u8], value: __m128i) {
    let low = _mm_cvtsi128_si64(value).to_le_bytes();
    if let Some(first) = to.first_chunk_mut() {
        *first = low;
        if let Some(last) = to.last_chunk_mut() {
            *last = _mm_cvtsi128_si64(_mm_unpackhi_epi64(value, value)).to_le_bytes();
        }
        return;
    }
    let [a, b, c, d, rest @ ..] = low;
    if let Some(first) = to.first_chunk_mut() {
        *first = [a, b, c, d];
        if let Some(last) = to.last_chunk_mut() {
            *last = rest;
        }
    } else if let Some(first) = to.first_chunk_mut() {
        *first = [a, b];
        if let Some(last) = to.last_chunk_mut() {
            *last = [c, d];
        }
    } else if let [only] = to {
        *only = a;
    }
}

/// 1 to 31 bytes.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load_256(bytes: &[u8]) -> __m256i {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<16>(), bytes.last_chunk::<16>()) {
        return _mm256_set_m128i(transmute!(*last), transmute!(*first));
    }
    _mm256_zextsi128_si256(load_128(bytes))
}

/// 1 to 31 bytes of what [`load_256`] makes of as many.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn store_256(to: &mut [u8], value: __m256i) {
    let low = _mm256_castsi256_si128(value);
    if let Some(first) = to.first_chunk_mut::<16>() {
        *first = transmute!(low);
        if let Some(last) = to.last_chunk_mut::<16>() {
            *last = transmute!(_mm256_extracti128_si256::<1>(value));
        }
        return;
    }
    store_128(to, low);
}

/// A bit for each byte of a slice of 1 to 64; of a longer one, for its first 64.
#[inline]
fn mask(bytes: &[u8]) -> u64 {
    match bytes.len() {
        0 => 0,
        len @ 1..64 => u64::MAX >> (64_usize.wrapping_sub(len)),
        _ => u64::MAX,
    }
}

/// 1 to 64 bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn load_512(bytes: &[u8]) -> __m512i {
    // SAFETY: the mask has bits for bytes of the slice alone, and no others are read.
    unsafe { _mm512_maskz_loadu_epi8(mask(bytes), bytes.as_ptr().cast()) }
}

/// 1 to 64 bytes of what [`load_512`] makes of as many.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn store_512(to: &mut [u8], value: __m512i) {
    // SAFETY: the mask has bits for bytes of the slice alone, which may be written, and no others are.
    unsafe { _mm512_mask_storeu_epi8(to.as_mut_ptr().cast(), mask(to), value) };
}
