// SPDX-License-Identifier: MIT OR Apache-2.0
//! `simd128`: doubling by shifting and masking, products by looking nibbles up with `swizzle`.
#![forbid(unsafe_code)]

use crate::backend::kernels::kernels;
use crate::backend::nibbles::products;
use crate::backend::part::{gather, scatter};
use crate::backend::portable::Sink;
use core::arch::wasm32::*;

type Vector = v128;
const LANES: usize = 16;
const VECTORS: usize = 4;
const WIDE: usize = 4;
const LINE: usize = 0;
const PAIRS: bool = false;
const PARTS: bool = false;
const WHOLE: bool = false;

kernels!("simd128", #[target_feature(enable = "simd128")], #[inline]);

#[inline]
#[target_feature(enable = "simd128")]
fn zero() -> Vector {
    u8x16_splat(0)
}

#[inline]
#[target_feature(enable = "simd128")]
fn xor(a: Vector, b: Vector) -> Vector {
    v128_xor(a, b)
}

#[inline]
#[target_feature(enable = "simd128")]
fn xor3(a: Vector, b: Vector, c: Vector) -> Vector {
    xor(xor(a, b), c)
}

#[inline]
#[target_feature(enable = "simd128")]
fn or(a: Vector, b: Vector) -> Vector {
    v128_or(a, b)
}

#[inline]
#[target_feature(enable = "simd128")]
fn and(a: Vector, b: Vector) -> Vector {
    v128_and(a, b)
}

#[inline]
#[target_feature(enable = "simd128")]
fn any(a: Vector) -> bool {
    v128_any_true(a)
}

#[inline]
#[target_feature(enable = "simd128")]
fn start(d: Vector) -> Vector {
    d
}

#[inline]
#[target_feature(enable = "simd128")]
fn double(q: Vector) -> Vector {
    let carries = i8x16_shr(q, 7);
    let reduction = v128_and(carries, u8x16_splat(gf256::POLYNOMIAL));
    xor(i8x16_add(q, q), reduction)
}

#[inline]
#[target_feature(enable = "simd128")]
fn horner(q: Vector, d: Vector) -> Vector {
    xor(double(q), d)
}

#[inline]
#[target_feature(enable = "simd128")]
fn horner2(q: Vector, high: Vector, low: Vector) -> Vector {
    horner(horner(q, high), low)
}

#[inline]
#[target_feature(enable = "simd128")]
fn finish(q: Vector) -> Vector {
    q
}

#[inline]
#[target_feature(enable = "simd128")]
fn scale([low, high]: &Factor, a: Vector) -> Vector {
    let low = u8x16_swizzle(*low, v128_and(a, u8x16_splat(0x0f)));
    xor(low, u8x16_swizzle(*high, u8x16_shr(a, 4)))
}

/// The products with the low and with the high nibbles.
type Factor = [Vector; 2];

#[inline]
#[target_feature(enable = "simd128")]
fn factor(c: u8) -> Factor {
    transmute!(*products(c))
}

#[inline]
#[target_feature(enable = "simd128")]
fn put<const STREAM: bool>(_: &Sink<STREAM>, bytes: &mut [u8; LANES], value: Vector) {
    *bytes = transmute!(value);
}

#[inline]
#[target_feature(enable = "simd128")]
fn load_part(bytes: &[u8]) -> Vector {
    transmute!(gather::<LANES>(bytes))
}

#[inline]
#[target_feature(enable = "simd128")]
fn put_part(to: &mut [u8], value: Vector) {
    let bytes: [u8; LANES] = transmute!(value);
    scatter(to, &bytes);
}
