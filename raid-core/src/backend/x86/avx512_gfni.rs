// SPDX-License-Identifier: MIT OR Apache-2.0
//! AVX-512 with GFNI: two blocks per matrix instruction pair and three-way XOR.
#![forbid(unsafe_code)]

use super::affine::{DOUBLE, QUADRUPLE, matrix};
use super::part::{load_512 as load_part, store_512 as put_part};
use super::sink::{Sink, put_512 as put};
use crate::backend::kernels::kernels;
use core::arch::x86_64::*;

type Vector = __m512i;
const LANES: usize = 64;
const VECTORS: usize = 4;
const WIDE: usize = 8;
const LINE: usize = 1;
const PAIRS: bool = true;
const PARTS: bool = true;
const WHOLE: bool = true;

kernels!("avx512_gfni", #[target_feature(enable = "avx512f,avx512bw,gfni")], #[inline]);

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn zero() -> Vector {
    _mm512_setzero_si512()
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn xor(a: Vector, b: Vector) -> Vector {
    _mm512_xor_si512(a, b)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn xor3(a: Vector, b: Vector, c: Vector) -> Vector {
    _mm512_ternarylogic_epi64::<0x96>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn or(a: Vector, b: Vector) -> Vector {
    _mm512_or_si512(a, b)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn and(a: Vector, b: Vector) -> Vector {
    _mm512_and_si512(a, b)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn any(a: Vector) -> bool {
    _mm512_test_epi64_mask(a, a) != 0
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn start(d: Vector) -> Vector {
    d
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn double(q: Vector) -> Vector {
    _mm512_gf2p8affine_epi64_epi8::<0>(q, _mm512_set1_epi64(DOUBLE))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn horner(q: Vector, d: Vector) -> Vector {
    xor(double(q), d)
}

/// `4·q + 2·high + low`: the two products do not wait for each other, and one instruction adds all three.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn horner2(q: Vector, high: Vector, low: Vector) -> Vector {
    let q = _mm512_gf2p8affine_epi64_epi8::<0>(q, _mm512_set1_epi64(QUADRUPLE));
    xor3(q, double(high), low)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn finish(q: Vector) -> Vector {
    q
}

/// The matrix of the constant.
type Factor = Vector;

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn factor(c: u8) -> Factor {
    _mm512_set1_epi64(matrix(c))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn scale(factor: &Factor, a: Vector) -> Vector {
    _mm512_gf2p8affine_epi64_epi8::<0>(a, *factor)
}
