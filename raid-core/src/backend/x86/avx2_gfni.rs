// SPDX-License-Identifier: MIT OR Apache-2.0
//! AVX2 with GFNI: one matrix instruction for each product.
#![forbid(unsafe_code)]

use super::affine::{DOUBLE, QUADRUPLE, matrix};
use super::part::{load_256 as load_part, store_256 as put_part};
use super::sink::{Sink, put_256 as put};
use crate::backend::kernels::kernels;
use core::arch::x86_64::*;

type Vector = __m256i;
const LANES: usize = 32;
const VECTORS: usize = 4;
const WIDE: usize = 4;
const LINE: usize = 2;
const PAIRS: bool = false;
const PARTS: bool = false;
const WHOLE: bool = true;

kernels!("avx2_gfni", #[target_feature(enable = "avx2,gfni")], #[inline]);

#[inline]
#[target_feature(enable = "avx2,gfni")]
fn zero() -> Vector {
    _mm256_setzero_si256()
}

#[inline]
#[target_feature(enable = "avx2,gfni")]
fn xor(a: Vector, b: Vector) -> Vector {
    _mm256_xor_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2,gfni")]
fn xor3(a: Vector, b: Vector, c: Vector) -> Vector {
    xor(xor(a, b), c)
}

#[inline]
#[target_feature(enable = "avx2,gfni")]
fn or(a: Vector, b: Vector) -> Vector {
    _mm256_or_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2,gfni")]
fn and(a: Vector, b: Vector) -> Vector {
    _mm256_and_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2,gfni")]
fn any(a: Vector) -> bool {
    _mm256_testz_si256(a, a) == 0
}

#[inline]
#[target_feature(enable = "avx2,gfni")]
fn start(d: Vector) -> Vector {
    d
}

#[inline]
#[target_feature(enable = "avx2,gfni")]
fn double(q: Vector) -> Vector {
    _mm256_gf2p8affine_epi64_epi8::<0>(q, _mm256_set1_epi64x(DOUBLE))
}

#[inline]
#[target_feature(enable = "avx2,gfni")]
fn horner(q: Vector, d: Vector) -> Vector {
    xor(double(q), d)
}

/// `4·q + 2·high + low`: the two products do not wait for each other.
#[inline]
#[target_feature(enable = "avx2,gfni")]
fn horner2(q: Vector, high: Vector, low: Vector) -> Vector {
    let q = _mm256_gf2p8affine_epi64_epi8::<0>(q, _mm256_set1_epi64x(QUADRUPLE));
    xor(q, xor(double(high), low))
}

#[inline]
#[target_feature(enable = "avx2,gfni")]
fn finish(q: Vector) -> Vector {
    q
}

/// The matrix of the constant.
type Factor = Vector;

#[inline]
#[target_feature(enable = "avx2,gfni")]
fn factor(c: u8) -> Factor {
    _mm256_set1_epi64x(matrix(c))
}

#[inline]
#[target_feature(enable = "avx2,gfni")]
fn scale(factor: &Factor, a: Vector) -> Vector {
    _mm256_gf2p8affine_epi64_epi8::<0>(a, *factor)
}
