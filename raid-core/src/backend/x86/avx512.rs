// SPDX-License-Identifier: MIT OR Apache-2.0
//! AVX-512 without GFNI: `vpshufb` on 64 bytes, and three-way XOR.
#![forbid(unsafe_code)]

use super::BIAS;
use super::part::{load_512 as load_part, store_512 as put_part};
use super::sink::{Sink, put_512 as put};
use crate::backend::kernels::kernels;
use crate::backend::nibbles::products;
use core::arch::x86_64::*;

type Vector = __m512i;
const LANES: usize = 64;
const VECTORS: usize = 4;
const WIDE: usize = 8;
const LINE: usize = 1;
const PAIRS: bool = true;
const PARTS: bool = true;
const WHOLE: bool = true;

kernels!("avx512", #[target_feature(enable = "avx512f,avx512bw")], #[inline]);

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn zero() -> Vector {
    _mm512_setzero_si512()
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn all(byte: u8) -> Vector {
    _mm512_set1_epi8(byte.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn xor(a: Vector, b: Vector) -> Vector {
    _mm512_xor_si512(a, b)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn xor3(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm512_ternarylogic_epi64::<0x96>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn or(a: Vector, b: Vector) -> Vector {
    _mm512_or_si512(a, b)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn and(a: Vector, b: Vector) -> Vector {
    _mm512_and_si512(a, b)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn any(a: Vector) -> bool {
    _mm512_test_epi64_mask(a, a) != 0
}

/// Sums of Q carry [`BIAS`], so that doubling needs no mask.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn start(d: Vector) -> Vector {
    xor(d, all(BIAS))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn horner(q: Vector, d: Vector) -> Vector {
    xor3(_mm512_add_epi8(q, q), _mm512_shuffle_epi8(all(gf256::POLYNOMIAL), q), d)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn horner2(q: Vector, high: Vector, low: Vector) -> Vector {
    horner(horner(q, high), low)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn finish(q: Vector) -> Vector {
    xor(q, all(BIAS))
}

/// The products with the low and with the high nibbles.
type Factor = [Vector; 2];

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn factor(c: u8) -> Factor {
    let [low, high] = *products(c);
    [_mm512_broadcast_i32x4(transmute!(low)), _mm512_broadcast_i32x4(transmute!(high))]
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn scale([low, high]: &Factor, a: Vector) -> Vector {
    let nibble = all(0x0f);
    let low = _mm512_shuffle_epi8(*low, _mm512_and_si512(a, nibble));
    let a = _mm512_srli_epi64::<4>(a);
    xor(low, _mm512_shuffle_epi8(*high, _mm512_and_si512(a, nibble)))
}
