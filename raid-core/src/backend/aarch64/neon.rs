// SPDX-License-Identifier: MIT OR Apache-2.0
//! NEON: doubling by comparing and masking, products by looking nibbles up with `tbl`.
#![forbid(unsafe_code)]

use crate::backend::kernels::kernels;
use crate::backend::nibbles::products;
use crate::backend::part::{gather, scatter};
use crate::backend::portable::Sink;
use core::arch::aarch64::*;

type Vector = uint8x16_t;
const LANES: usize = 16;
const VECTORS: usize = 4;
const WIDE: usize = 4;
const LINE: usize = 0;
const PAIRS: bool = false;
const PARTS: bool = false;
const WHOLE: bool = false;

kernels!("neon", #[target_feature(enable = "neon")], #[inline]);

#[inline]
#[target_feature(enable = "neon")]
fn zero() -> Vector {
    vdupq_n_u8(0)
}

#[inline]
#[target_feature(enable = "neon")]
fn xor(a: Vector, b: Vector) -> Vector {
    veorq_u8(a, b)
}

#[inline]
#[target_feature(enable = "neon")]
fn xor3(a: Vector, b: Vector, c: Vector) -> Vector {
    xor(xor(a, b), c)
}

#[inline]
#[target_feature(enable = "neon")]
fn or(a: Vector, b: Vector) -> Vector {
    vorrq_u8(a, b)
}

#[inline]
#[target_feature(enable = "neon")]
fn and(a: Vector, b: Vector) -> Vector {
    vandq_u8(a, b)
}

#[inline]
#[target_feature(enable = "neon")]
fn any(a: Vector) -> bool {
    vmaxvq_u8(a) != 0
}

#[inline]
#[target_feature(enable = "neon")]
fn start(d: Vector) -> Vector {
    d
}

#[inline]
#[target_feature(enable = "neon")]
fn double(q: Vector) -> Vector {
    let carries = vcltzq_s8(vreinterpretq_s8_u8(q));
    let reduction = vandq_u8(carries, vdupq_n_u8(gf256::POLYNOMIAL));
    xor(vaddq_u8(q, q), reduction)
}

#[inline]
#[target_feature(enable = "neon")]
fn horner(q: Vector, d: Vector) -> Vector {
    xor(double(q), d)
}

#[inline]
#[target_feature(enable = "neon")]
fn horner2(q: Vector, high: Vector, low: Vector) -> Vector {
    horner(horner(q, high), low)
}

#[inline]
#[target_feature(enable = "neon")]
fn finish(q: Vector) -> Vector {
    q
}

#[inline]
#[target_feature(enable = "neon")]
fn scale([low, high]: &Factor, a: Vector) -> Vector {
    let low = vqtbl1q_u8(*low, vandq_u8(a, vdupq_n_u8(0x0f)));
    xor(low, vqtbl1q_u8(*high, vshrq_n_u8::<4>(a)))
}

/// The products with the low and with the high nibbles.
type Factor = [Vector; 2];

#[inline]
#[target_feature(enable = "neon")]
fn factor(c: u8) -> Factor {
    transmute!(*products(c))
}

#[inline]
#[target_feature(enable = "neon")]
fn put<const STREAM: bool>(_: &Sink<STREAM>, bytes: &mut [u8; LANES], value: Vector) {
    *bytes = transmute!(value);
}

#[inline]
#[target_feature(enable = "neon")]
fn load_part(bytes: &[u8]) -> Vector {
    transmute!(gather::<LANES>(bytes))
}

#[inline]
#[target_feature(enable = "neon")]
fn put_part(to: &mut [u8], value: Vector) {
    let bytes: [u8; LANES] = transmute!(value);
    scatter(to, &bytes);
}
