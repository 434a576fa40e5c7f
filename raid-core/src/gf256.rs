// SPDX-License-Identifier: MIT OR Apache-2.0
//! The field of RAID-6: GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1 (0x11D), generator 2.
//!
//! ```text
//!   byte  b7 b6 b5 b4 b3 b2 b1 b0   =   b7 x^7 + ... + b1 x + b0
//!   add   XOR                           every element is its own negative
//!   2·b   shift left, and XOR 0x1D if b7 fell out
//!   2^0, 2^1, ... 2^254                 all 255 elements but zero, once each
//! ```
//!
//! The Q block of RAID-6 is the sum of 2^e · D over the data blocks D, each with its own exponent e
//! (DDF 2.0 §4.2.9, and Linux md, use this field and this generator; they number the exponents
//! differently). Because 2^255 = 1, no more than 255 blocks can be told apart.

/// The reducing polynomial without its x^8.
pub const POLYNOMIAL: u8 = 0x1d;

/// 2 · `a`.
#[must_use]
pub const fn double(a: u8) -> u8 {
    (a << 1) ^ (if a & 0x80 != 0 { POLYNOMIAL } else { 0 })
}

/// 2^`exponent`; 2^255 is 1 again.
#[must_use]
pub const fn pow2(exponent: u8) -> u8 {
    at(&EXP, exponent)
}

/// The exponent, 0 to 254, of which 2 raised to it is `a`; `None` for 0.
#[must_use]
pub const fn log2(a: u8) -> Option<u8> {
    if a == 0 { None } else { Some(at(&LOG, a)) }
}

/// `a` · `b`.
#[must_use]
pub const fn mul(a: u8, b: u8) -> u8 {
    match (log2(a), log2(b)) {
        (Some(a), Some(b)) => pow2(add_exponents(a, b)),
        _ => 0,
    }
}

/// 1 / `a`; `None` for 0.
#[must_use]
pub const fn inverse(a: u8) -> Option<u8> {
    match log2(a) {
        Some(exponent) => Some(pow2(255u8.wrapping_sub(exponent))),
        None => None,
    }
}

/// `a` / `b`; `None` if `b` is 0.
#[must_use]
pub const fn div(a: u8, b: u8) -> Option<u8> {
    match inverse(b) {
        Some(inverse) => Some(mul(a, inverse)),
        None => None,
    }
}

/// Sum of two exponents of at most 254 each, modulo 255.
const fn add_exponents(a: u8, b: u8) -> u8 {
    let (sum, carry) = a.overflowing_add(b);
    // A carry stands for 256, which is 1 modulo 255; no second carry, as 254 + 254 - 256 < 255.
    if carry { sum.wrapping_add(1) } else { sum }
}

// A `u8` cannot leave a table of 256.
#[allow(clippy::as_conversions, clippy::indexing_slicing)]
const fn at(table: &[u8; 256], index: u8) -> u8 {
    table[index as usize]
}

static EXP: [u8; 256] = TABLES.0;
static LOG: [u8; 256] = TABLES.1;

const TABLES: ([u8; 256], [u8; 256]) = tables();

// Evaluated by the compiler: a mistake here is a build error.
#[allow(clippy::as_conversions, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
const fn tables() -> ([u8; 256], [u8; 256]) {
    let (mut exp, mut log) = ([0; 256], [0; 256]);
    let mut power = 1;
    let mut exponent = 0;
    while exponent < 255 {
        exp[exponent] = power;
        log[power as usize] = exponent as u8;
        power = double(power);
        exponent += 1;
    }
    exp[255] = power;
    (exp, log)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Multiplication as it is done by hand: shift, add, reduce.
    fn by_hand(a: u8, b: u8) -> u8 {
        let mut product = 0u16;
        for bit in 0..8 {
            if b >> bit & 1 == 1 {
                product ^= u16::from(a) << bit;
            }
        }
        for bit in (8..15).rev() {
            if product >> bit & 1 == 1 {
                product ^= 0x11d << (bit - 8);
            }
        }
        u8::try_from(product).unwrap()
    }

    #[test]
    fn products_of_all_pairs_are_those_done_by_hand() {
        // Miri would take minutes for all of them.
        for a in (0..=255).step_by(if cfg!(miri) { 85 } else { 1 }) {
            for b in 0..=255 {
                assert_eq!(mul(a, b), by_hand(a, b), "{a} · {b}");
            }
            assert_eq!(double(a), by_hand(a, 2));
        }
    }

    #[test]
    fn every_element_but_zero_has_one_inverse_and_one_logarithm() {
        assert_eq!(inverse(0), None);
        assert_eq!(log2(0), None);
        assert_eq!(div(7, 0), None);
        for a in 1..=255 {
            assert_eq!(by_hand(a, inverse(a).unwrap()), 1);
            assert_eq!(pow2(log2(a).unwrap()), a);
            assert_eq!(div(by_hand(a, 0x53), a), Some(0x53));
        }
    }

    #[test]
    fn powers_of_two_are_repeated_doubling() {
        let mut power = 1;
        for exponent in 0..=255 {
            assert_eq!(pow2(exponent), power);
            power = by_hand(power, 2);
        }
        assert_eq!(pow2(255), 1);
    }
}
