// SPDX-License-Identifier: MIT OR Apache-2.0
//! Products by a constant, for instruction sets that look bytes up in tables of sixteen.
//!
//! ```text
//!   c · 0xhl  =  c · 0xh0  +  c · 0x0l  =  HIGH[h] + LOW[l]
//! ```
#![forbid(unsafe_code)]

use crate::gf256;

/// The products of one constant with the low and with the high nibbles.
pub(super) type Nibbles = [[u8; 16]; 2];

/// The tables of all constants: a table made per call would cost more than a block of 4 KiB.
static NIBBLES: [Nibbles; 256] = nibbles();

/// The tables of `c`.
pub(super) fn products(c: u8) -> &'static Nibbles {
    // A `u8` cannot leave a table of 256.
    #[allow(clippy::indexing_slicing)]
    &NIBBLES[usize::from(c)]
}

// Evaluated by the compiler: a mistake here is a build error.
#[allow(clippy::as_conversions, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
const fn nibbles() -> [Nibbles; 256] {
    let mut tables = [[[0; 16]; 2]; 256];
    let mut c = 0;
    while c < 256 {
        let mut nibble = 0;
        while nibble < 16 {
            tables[c][0][nibble] = gf256::mul(c as u8, nibble as u8);
            tables[c][1][nibble] = gf256::mul(c as u8, (nibble as u8) << 4);
            nibble += 1;
        }
        c += 1;
    }
    tables
}
