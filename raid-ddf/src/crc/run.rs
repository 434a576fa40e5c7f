// SPDX-License-Identifier: MIT OR Apache-2.0
//! The CRC register over bytes most of which are `00` or `FF`, as those of all sections are.
//!
//! A run of one byte value is not digested byte by byte. The register is a polynomial over GF(2)
//! modulo P: a byte `00` multiplies it by x^8, and a byte `FF` does the same around a fixed point, so
//! a run costs a few multiplications, and a look at its bytes. That makes 64 KiB of table with 24
//! entries in use a matter of memory bandwidth.

use crc::{Algorithm, CRC_32_ISO_HDLC, Crc, Table};

/// The table CRC without inversions: its result is the register.
pub(super) const BARE: Algorithm<u32> = Algorithm {
    width: 32,
    poly: CRC_32_ISO_HDLC.poly,
    init: 0,
    refin: true,
    refout: true,
    xorout: 0,
    check: 0x2DFD_2D88,
    residue: 0,
};

/// A byte at a time by 1 KiB of table: all that small targets have.
static CRC: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&BARE);

/// Bytes that large targets take at once.
#[cfg(target_pointer_width = "64")]
const WIDE: usize = 16;

/// By these 16 KiB: table `i` says what a byte comes to with `i` more behind it. Not the crate's own
/// tables of that kind: checks of bounds, and a panic with them, stay in its loop.
#[cfg(target_pointer_width = "64")]
static TABLES: [[u32; 256]; WIDE] = {
    let mut tables = [[0; 256]; WIDE];
    let (mut rest, mut worth) = (tables.as_mut_slice(), BYTE);
    while let Some((first, others)) = rest.split_first_mut() {
        *first = table(worth);
        worth = multiply(worth, BYTE);
        rest = others;
    }
    tables
};

/// Every byte times `worth`.
#[cfg(target_pointer_width = "64")]
const fn table(worth: u32) -> [u32; 256] {
    let mut table = [0; 256];
    let (mut rest, mut byte) = (table.as_mut_slice(), 0);
    while let Some((first, others)) = rest.split_first_mut() {
        *first = multiply(byte, worth);
        byte = 1u32.wrapping_add(byte);
        rest = others;
    }
    table
}

/// Bytes that are looked at together.
const CHUNK: usize = 64;
/// P without its highest term. The highest bit of a reflected number stands for x^0.
const POLYNOMIAL: u32 = CRC_32_ISO_HDLC.poly.reverse_bits();
const ONE: u32 = 1 << 31;
/// x^8, what a byte is worth.
const BYTE: u32 = ONE >> 8;

/// `a * b` modulo P.
const fn multiply(a: u32, b: u32) -> u32 {
    let (mut product, mut shifted, mut bit) = (0, b, ONE);
    while bit != 0 {
        if a & bit != 0 {
            product ^= shifted;
        }
        shifted = if shifted & 1 == 0 { shifted >> 1 } else { (shifted >> 1) ^ POLYNOMIAL };
        bit >>= 1;
    }
    product
}

/// `base` to the power of `exponent` modulo P.
const fn power(base: u32, exponent: u64) -> u32 {
    let (mut result, mut square, mut left) = (ONE, base, exponent);
    while left != 0 {
        if left & 1 != 0 {
            result = multiply(result, square);
        }
        square = multiply(square, square);
        left >>= 1;
    }
    result
}

/// What bytes `FF` leave as it is: f = f * x^8 + (the register after one `FF` from 0). P is
/// irreducible, so the inverse of x^8 + 1 is its power of 2^32 - 2.
const FIXED: u32 = {
    let after_one = multiply(0xFF, BYTE);
    multiply(after_one, power(BYTE ^ ONE, (1 << 32) - 2))
};

/// What 2^i bytes are worth. From i = 32 on it starts again: in a field of 2^32 elements the power of
/// 2^32 of each is itself.
static WORTH: [u32; 32] = {
    let mut worth = [BYTE; 32];
    let (mut rest, mut square) = (worth.as_mut_slice(), BYTE);
    while let Some((first, others)) = rest.split_first_mut() {
        *first = square;
        square = multiply(square, square);
        rest = others;
    }
    worth
};

/// The register after `count` more bytes of one value.
fn skip(register: u32, fixed: u32, count: usize) -> u32 {
    let (mut difference, mut left) = (register ^ fixed, count);
    for worth in WORTH.iter().cycle() {
        if left == 0 {
            break;
        }
        if left & 1 != 0 {
            difference = multiply(difference, *worth);
        }
        left >>= 1;
    }
    difference ^ fixed
}

/// What the register becomes where it is multiplied by 0 bytes: for the difference of two starts.
pub(super) fn after_zeros(register: u32, count: usize) -> u32 {
    skip(register, 0, count)
}

#[cfg(target_pointer_width = "64")]
fn digest(mut register: u32, bytes: &[u8]) -> u32 {
    let (chunks, rest) = bytes.as_chunks::<WIDE>();
    for chunk in chunks {
        let block = u128::from_le_bytes(*chunk) ^ u128::from(register);
        let worth = |(table, byte): (&[u32; 256], u8)| table.get(usize::from(byte)).copied();
        let terms = TABLES.iter().rev().zip(block.to_le_bytes()).map(worth);
        register = terms.fold(0, |sum, term| sum ^ term.unwrap_or(0));
    }
    digest_bytes(register, rest)
}

#[cfg(not(target_pointer_width = "64"))]
fn digest(register: u32, bytes: &[u8]) -> u32 {
    digest_bytes(register, bytes)
}

fn digest_bytes(register: u32, bytes: &[u8]) -> u32 {
    // The crate takes the start as it stands in catalogues, not reflected.
    let mut digest = CRC.digest_with_initial(register.reverse_bits());
    digest.update(bytes);
    digest.finalize()
}

/// The fixed point of the one value that all bytes of a chunk have, if it is `00` or `FF`.
fn uniform(chunk: &[u8; CHUNK]) -> Option<u32> {
    let (words, _) = chunk.as_chunks::<8>();
    let words = || words.iter().map(|word| u64::from_ne_bytes(*word));
    if words().fold(u64::MAX, |all, word| all & word) == u64::MAX {
        Some(FIXED)
    } else if words().fold(0, |any, word| any | word) == 0 {
        Some(0)
    } else {
        None
    }
}

/// The register after these bytes.
pub(super) fn update(mut register: u32, bytes: &[u8]) -> u32 {
    let (mut chunks, rest) = bytes.as_chunks::<CHUNK>();
    while let Some(first) = chunks.first() {
        let kind = uniform(first);
        let len = chunks.iter().position(|chunk| uniform(chunk) != kind).unwrap_or(chunks.len());
        let (run, after) = chunks.split_at_checked(len).unwrap_or((chunks, &[]));
        register = match kind {
            Some(fixed) => skip(register, fixed, run.as_flattened().len()),
            None => digest(register, run.as_flattened()),
        };
        chunks = after;
    }
    digest(register, rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    #[cfg_attr(miri, ignore = "thousands of bytes of plain arithmetic, one by one")]
    fn runs_come_to_the_same_as_their_bytes_one_by_one() {
        let mut bytes: Vec<u8> = (0..700u32).map(|i| i.to_le_bytes()[0]).collect();
        for (value, len) in [(0xFF, 1000), (0x00, 640), (0xAA, 100), (0xFF, 64), (0x00, 4097)] {
            bytes.extend(std::iter::repeat_n(value, len));
            bytes.extend([1, 2, 3]);
        }
        for start in [0, u32::MAX, 0x1234_5678] {
            for from in [0, 1, 63, 64, 650, 1333] {
                for to in [from, from + 1, from + 65, bytes.len() - 5, bytes.len()] {
                    let part = &bytes[from..to.min(bytes.len())];
                    assert_eq!(update(start, part), digest_bytes(start, part), "{from}..{to}");
                }
            }
        }
    }

    #[test]
    fn runs_of_any_length_are_powers_of_one_byte() {
        for count in [0, 1, 2, 63, 64, 4097, u64::from(u32::MAX), (1 << 32) + 5, u64::MAX] {
            let Ok(len) = usize::try_from(count) else { continue };
            let expected = multiply(0x1234_5678, power(BYTE, count));
            assert_eq!(skip(0x1234_5678, 0, len), expected, "{count}");
        }
    }

    #[test]
    fn a_byte_of_ones_leaves_its_fixed_point() {
        assert_eq!(digest(FIXED, &[0xFF]), FIXED);
        assert_eq!(digest(0, &[0]), 0);
    }
}
