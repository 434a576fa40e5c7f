// SPDX-License-Identifier: MIT OR Apache-2.0
//! AVX2: products by looking nibbles up with `vpshufb`.
#![forbid(unsafe_code)]

use super::BIAS;
use super::part::{load_256 as load_part, store_256 as put_part};
use super::sink::{Sink, put_256 as put};
use crate::backend::kernels::kernels;
use crate::backend::nibbles::products;
use core::arch::x86_64::*;

type Vector = __m256i;
const LANES: usize = 32;
const VECTORS: usize = 4;
const WIDE: usize = 4;
const LINE: usize = 2;
const PAIRS: bool = false;
const PARTS: bool = false;
const WHOLE: bool = true;

kernels!("avx2", #[target_feature(enable = "avx2")], #[inline]);

#[inline]
#[target_feature(enable = "avx2")]
fn zero() -> Vector {
    _mm256_setzero_si256()
}

#[inline]
#[target_feature(enable = "avx2")]
fn all(byte: u8) -> Vector {
    _mm256_set1_epi8(byte.cast_signed())
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(a: Vector, b: Vector) -> Vector {
    _mm256_xor_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor3(a: Vector, b: Vector, c: Vector) -> Vector {
    xor(xor(a, b), c)
}

#[inline]
#[target_feature(enable = "avx2")]
fn or(a: Vector, b: Vector) -> Vector {
    _mm256_or_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn and(a: Vector, b: Vector) -> Vector {
    _mm256_and_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn any(a: Vector) -> bool {
    _mm256_testz_si256(a, a) == 0
}

/// Sums of Q carry [`BIAS`], so that doubling needs no mask.
#[inline]
#[target_feature(enable = "avx2")]
fn start(d: Vector) -> Vector {
    xor(d, all(BIAS))
}

#[inline]
#[target_feature(enable = "avx2")]
fn horner(q: Vector, d: Vector) -> Vector {
    xor3(_mm256_add_epi8(q, q), _mm256_shuffle_epi8(all(gf256::POLYNOMIAL), q), d)
}

#[inline]
#[target_feature(enable = "avx2")]
fn horner2(q: Vector, high: Vector, low: Vector) -> Vector {
    horner(horner(q, high), low)
}

#[inline]
#[target_feature(enable = "avx2")]
fn finish(q: Vector) -> Vector {
    xor(q, all(BIAS))
}

/// The products with the low and with the high nibbles.
type Factor = [Vector; 2];

#[inline]
#[target_feature(enable = "avx2")]
fn factor(c: u8) -> Factor {
    let [low, high] = *products(c);
    [_mm256_broadcastsi128_si256(transmute!(low)), _mm256_broadcastsi128_si256(transmute!(high))]
}

#[inline]
#[target_feature(enable = "avx2")]
fn scale([low, high]: &Factor, a: Vector) -> Vector {
    let nibble = all(0x0f);
    let low = _mm256_shuffle_epi8(*low, _mm256_and_si256(a, nibble));
    let a = _mm256_srli_epi64::<4>(a);
    xor(low, _mm256_shuffle_epi8(*high, _mm256_and_si256(a, nibble)))
}
