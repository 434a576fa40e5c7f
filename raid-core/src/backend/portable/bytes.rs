// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plain Rust on bytes: loops that compilers turn into vector instructions.
#![forbid(unsafe_code)]

use super::Sink;
use crate::backend::kernels::kernels;

type Vector = [u8; LANES];
/// Long enough for compilers to take the loops for loops.
const LANES: usize = 64;
const VECTORS: usize = 1;
const PAIRS: bool = false;

kernels!("bytes", , #[inline(always)]);

#[inline(always)]
fn zero() -> Vector {
    [0; LANES]
}

#[inline(always)]
fn xor(a: Vector, b: Vector) -> Vector {
    let mut sum = a;
    for (sum, b) in sum.iter_mut().zip(b) {
        *sum ^= b;
    }
    sum
}

#[inline(always)]
fn xor3(a: Vector, b: Vector, c: Vector) -> Vector {
    xor(xor(a, b), c)
}

#[inline(always)]
fn or(a: Vector, b: Vector) -> Vector {
    let mut union = a;
    for (union, b) in union.iter_mut().zip(b) {
        *union |= b;
    }
    union
}

#[inline(always)]
fn any(a: Vector) -> bool {
    a != zero()
}

#[inline(always)]
fn start() -> Vector {
    zero()
}

#[inline(always)]
fn double(q: Vector) -> Vector {
    let mut double = q;
    for byte in &mut double {
        *byte = gf256::double(*byte);
    }
    double
}

#[inline(always)]
fn horner(q: Vector, d: Vector) -> Vector {
    xor(double(q), d)
}

#[inline(always)]
fn horner2(q: Vector, high: Vector, low: Vector) -> Vector {
    horner(horner(q, high), low)
}

#[inline(always)]
fn finish(q: Vector) -> Vector {
    q
}

/// The constant itself: its bits are walked for every vector.
type Factor = u8;

#[inline(always)]
fn factor(c: u8) -> Factor {
    c
}

#[inline(always)]
fn scale(factor: &Factor, a: Vector) -> Vector {
    let mut product = zero();
    let mut bits = *factor;
    for _ in 0..8 {
        product = double(product);
        if bits & 0x80 != 0 {
            product = xor(product, a);
        }
        bits <<= 1;
    }
    product
}

#[inline(always)]
fn put<const STREAM: bool>(_: &Sink<STREAM>, bytes: &mut [u8; WIDTH], value: Step) {
    *bytes = transmute!(value);
}
