// SPDX-License-Identifier: MIT OR Apache-2.0
//! Products by a constant as the bit matrices of `gf2p8affineqb`.
//!
//! Multiplying by a constant is linear over bits, in any field of 256 elements; the multiplication
//! that GFNI has built in is that of another field (0x11B), but its matrix instruction does ours.
#![forbid(unsafe_code)]

use crate::gf256;

/// The matrices of all constants.
static MATRICES: [u64; 256] = matrices();

/// The matrix of `c`.
pub(super) fn matrix(c: u8) -> i64 {
    // A `u8` cannot leave a table of 256.
    #[allow(clippy::indexing_slicing)]
    MATRICES[usize::from(c)].cast_signed()
}

/// The matrix of 2, as the instruction takes it.
pub(super) const DOUBLE: i64 = matrix_of(2).cast_signed();

/// The matrix of 4, as the instruction takes it.
pub(super) const QUADRUPLE: i64 = matrix_of(4).cast_signed();

/// Bit i of the product is the parity of the argument and byte 7 - i of the matrix. So bit k of that
/// byte is bit i of `c`·2^k.
// Evaluated by the compiler: a mistake here is a build error.
#[allow(clippy::as_conversions, clippy::arithmetic_side_effects)]
const fn matrix_of(c: u8) -> u64 {
    let mut matrix = 0;
    let mut column = c;
    let mut k = 0;
    while k < 8 {
        let mut i = 0;
        while i < 8 {
            let bit = (column >> i & 1) as u64;
            matrix |= bit << ((7 - i) * 8 + k);
            i += 1;
        }
        column = gf256::double(column);
        k += 1;
    }
    matrix
}

// Evaluated by the compiler: a mistake here is a build error.
#[allow(clippy::as_conversions, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
const fn matrices() -> [u64; 256] {
    let mut matrices = [0; 256];
    let mut c = 0;
    while c < 256 {
        matrices[c] = matrix_of(c as u8);
        c += 1;
    }
    matrices
}
