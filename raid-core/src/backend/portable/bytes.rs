// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plain Rust on bytes: loops that compilers turn into vector instructions.
#![forbid(unsafe_code)]
#![allow(clippy::useless_transmute)] // here a register is its bytes

use super::lanes::lanes;
use crate::backend::part::{gather, scatter};
use zerocopy::IntoBytes;

type Lane = u8;

/// Long enough for compilers to take the loops for loops.
const COUNT: usize = 64;

const PARTS: bool = false;

lanes!("bytes");

#[inline(always)]
fn double(byte: u8) -> u8 {
    gf256::double(byte)
}

#[inline(always)]
fn load_part(bytes: &[u8]) -> Vector {
    gather(bytes)
}

#[inline(always)]
fn put_part(to: &mut [u8], value: Vector) {
    scatter(to, &value);
}
