// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plain Rust on machine words: all bytes of a word at once.
//!
//! No bit leaves its byte, so the order of bytes in a word does not matter.
#![forbid(unsafe_code)]

use super::Sink;
use crate::backend::kernels::kernels;

type Vector = [usize; 2];
const LANES: usize = size_of::<Vector>();
const VECTORS: usize = 1;
const PAIRS: bool = false;

kernels!("words", , #[inline(always)]);

#[inline(always)]
fn zero() -> Vector {
    [0; 2]
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

/// A word with `byte` in each of its bytes.
const fn all(byte: u8) -> usize {
    usize::from_ne_bytes([byte; size_of::<usize>()])
}

#[inline(always)]
fn double(q: Vector) -> Vector {
    let mut double = q;
    for word in &mut double {
        let carries = (*word >> 7) & all(1);
        // 1 becomes 0x100 - 1 = 0xFF: the bytes that lose their top bit, whole.
        let lost = (carries << 8).wrapping_sub(carries);
        *word = ((*word << 1) & all(0xfe)) ^ (lost & all(gf256::POLYNOMIAL));
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
