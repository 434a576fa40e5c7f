// SPDX-License-Identifier: MIT OR Apache-2.0
//! RAID-6 as a textbook writes it, byte by byte: the oracle of these tests.
#![allow(dead_code)]

/// a · b in GF(2^8)/0x11D, by shifting and adding.
pub(crate) fn mul_by_hand(a: u8, b: u8) -> u8 {
    let (mut a, mut b, mut product) = (u16::from(a), b, 0u16);
    while b != 0 {
        if b & 1 == 1 {
            product ^= a;
        }
        a <<= 1;
        if a & 0x100 != 0 {
            a ^= 0x11d;
        }
        b >>= 1;
    }
    u8::try_from(product).unwrap()
}

/// 2^exponent, by repeated multiplication.
pub(crate) fn power_by_hand(exponent: u8) -> u8 {
    (0..exponent).fold(1, |power, _| mul_by_hand(power, 2))
}

/// The data blocks of a row by exponent.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) blocks: Vec<Option<Vec<u8>>>,
    pub(crate) len: usize,
}

impl Row {
    /// `entries` blocks of `len` bytes that look random and are the same for the same seed.
    pub(crate) fn random(entries: usize, len: usize, seed: u64) -> Self {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut byte = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        let mut block = || (0..len).map(|_| byte()).collect();
        Self { blocks: (0..entries).map(|_| Some(block())).collect(), len }
    }

    /// As the operations take it.
    pub(crate) fn list(&self) -> Vec<Option<&[u8]>> {
        self.blocks.iter().map(|block| block.as_deref()).collect()
    }

    /// The sum of the blocks, the coefficient of each `base` times that of the one before.
    fn sum(&self, base: u8) -> Vec<u8> {
        let (mut sum, mut coefficient) = (vec![0; self.len], 1);
        for block in &self.blocks {
            for (sum, byte) in sum.iter_mut().zip(block.iter().flatten()) {
                *sum ^= mul_by_hand(coefficient, *byte);
            }
            coefficient = mul_by_hand(coefficient, base);
        }
        sum
    }

    /// The P of the textbook.
    pub(crate) fn p(&self) -> Vec<u8> {
        self.sum(1)
    }

    /// The Q of the textbook.
    pub(crate) fn q(&self) -> Vec<u8> {
        self.sum(2)
    }

    /// The third parity, with generator 4.
    pub(crate) fn r(&self) -> Vec<u8> {
        self.sum(4)
    }
}
