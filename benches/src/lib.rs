// SPDX-License-Identifier: MIT OR Apache-2.0
//! Buffers for the benchmarks, filled so that no shortcut for zeros can help.

/// `count` blocks of `len` bytes, each with other contents.
#[must_use]
pub fn blocks(count: usize, len: usize) -> Vec<Vec<u8>> {
    let mut state = 0x9e37_79b9_u32;
    (0..count)
        .map(|_| {
            (0..len)
                .map(|_| {
                    // xorshift: cheap, and the same on every machine.
                    state ^= state << 13;
                    state ^= state >> 17;
                    state ^= state << 5;
                    state.to_le_bytes()[0]
                })
                .collect()
        })
        .collect()
}

/// The example of the README, compiled and run as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct Readme;

pub mod caches;
pub mod cells;
pub mod contenders;
pub mod machine;
pub mod paired;
pub mod stripes;
