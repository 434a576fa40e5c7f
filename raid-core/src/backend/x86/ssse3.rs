// SPDX-License-Identifier: MIT OR Apache-2.0
//! SSSE3: products by looking nibbles up with `pshufb`.
#![forbid(unsafe_code)]

use super::BIAS;
use super::part::{load_128 as load_part, store_128 as put_part};
use super::sink::{Sink, put_128 as put};
use crate::backend::kernels::kernels;
use crate::backend::nibbles::products;
use core::arch::x86_64::*;

type Vector = __m128i;
const LANES: usize = 16;
const VECTORS: usize = 4;
const WIDE: usize = 4;
const LINE: usize = 4;
const PAIRS: bool = false;
const PARTS: bool = false;
const WHOLE: bool = true;

kernels!("ssse3", #[target_feature(enable = "ssse3")], #[inline]);

#[inline]
#[target_feature(enable = "ssse3")]
fn zero() -> Vector {
    _mm_setzero_si128()
}

#[inline]
#[target_feature(enable = "ssse3")]
fn all(byte: u8) -> Vector {
    _mm_set1_epi8(byte.cast_signed())
}

#[inline]
#[target_feature(enable = "ssse3")]
fn xor(a: Vector, b: Vector) -> Vector {
    _mm_xor_si128(a, b)
}

#[inline]
#[target_feature(enable = "ssse3")]
fn xor3(a: Vector, b: Vector, c: Vector) -> Vector {
    xor(xor(a, b), c)
}

#[inline]
#[target_feature(enable = "ssse3")]
fn or(a: Vector, b: Vector) -> Vector {
    _mm_or_si128(a, b)
}

#[inline]
#[target_feature(enable = "ssse3")]
fn and(a: Vector, b: Vector) -> Vector {
    _mm_and_si128(a, b)
}

#[inline]
#[target_feature(enable = "ssse3")]
fn any(a: Vector) -> bool {
    _mm_movemask_epi8(_mm_cmpeq_epi8(a, zero())) != 0xffff
}

/// Sums of Q carry [`BIAS`], so that doubling needs no mask.
#[inline]
#[target_feature(enable = "ssse3")]
fn start(d: Vector) -> Vector {
    xor(d, all(BIAS))
}

#[inline]
#[target_feature(enable = "ssse3")]
fn horner(q: Vector, d: Vector) -> Vector {
    xor3(_mm_add_epi8(q, q), _mm_shuffle_epi8(all(gf256::POLYNOMIAL), q), d)
}

#[inline]
#[target_feature(enable = "ssse3")]
fn horner2(q: Vector, high: Vector, low: Vector) -> Vector {
    horner(horner(q, high), low)
}

#[inline]
#[target_feature(enable = "ssse3")]
fn finish(q: Vector) -> Vector {
    xor(q, all(BIAS))
}

/// The products with the low and with the high nibbles.
type Factor = [Vector; 2];

#[inline]
#[target_feature(enable = "ssse3")]
fn factor(c: u8) -> Factor {
    let [low, high] = *products(c);
    [transmute!(low), transmute!(high)]
}

#[inline]
#[target_feature(enable = "ssse3")]
fn scale([low, high]: &Factor, a: Vector) -> Vector {
    let nibble = all(0x0f);
    let low = _mm_shuffle_epi8(*low, _mm_and_si128(a, nibble));
    let a = _mm_srli_epi64::<4>(a);
    xor(low, _mm_shuffle_epi8(*high, _mm_and_si128(a, nibble)))
}
