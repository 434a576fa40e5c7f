// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plain Rust on machine words: all bytes of a word at once.
//!
//! No bit leaves its byte, so the order of bytes in a word does not matter.
#![forbid(unsafe_code)]

use super::lanes::lanes;
use zerocopy::IntoBytes;

type Lane = usize;
const COUNT: usize = 2;

/// 2 KB less on a Cortex-M.
const PARTS: bool = true;

lanes!("words");

/// A word with `byte` in each of its bytes.
const fn all(byte: u8) -> usize {
    usize::from_ne_bytes([byte; size_of::<usize>()])
}

#[inline(always)]
fn double(word: usize) -> usize {
    let carries = (word >> 7) & all(1);
    // 1 becomes 0x100 - 1 = 0xFF: the bytes that lose their top bit, whole.
    let lost = (carries << 8).wrapping_sub(carries);
    ((word << 1) & all(0xfe)) ^ (lost & all(gf256::POLYNOMIAL))
}

/// Byte by byte, and once for all kernels: firmware has little memory, and blocks of whole words.
#[inline(never)]
fn load_part(bytes: &[u8]) -> Vector {
    let mut all = [0; LANES];
    for (to, from) in all.iter_mut().zip(bytes) {
        *to = *from;
    }
    transmute!(all)
}

#[inline(never)]
fn put_part(to: &mut [u8], value: Vector) {
    for (to, from) in to.iter_mut().zip(value.as_bytes()) {
        *to = *from;
    }
}
