// SPDX-License-Identifier: MIT OR Apache-2.0
//! Registers filled in part, for blocks of less than one, in plain Rust.
//!
//! The first and the last bytes of the block, which may be the same ones twice: every operation treats
//! each byte column by itself, so the order of columns in a register does not matter as long as all
//! blocks have the same one.
#![forbid(unsafe_code)]

/// The bytes of a register of `LANES` bytes from fewer of them.
#[inline(always)]
pub(super) fn gather<const LANES: usize>(bytes: &[u8]) -> [u8; LANES] {
    let mut all = [0; LANES];
    let found = halves::<32>(bytes, &mut all)
        || halves::<16>(bytes, &mut all)
        || halves::<8>(bytes, &mut all)
        || halves::<4>(bytes, &mut all)
        || halves::<2>(bytes, &mut all);
    if let (false, [only], [first, ..]) = (found, bytes, &mut all[..]) {
        *first = *only;
    }
    all
}

/// The first and the last `HALF` bytes, if there are that many, and if they leave room for the others.
#[inline(always)]
fn halves<const HALF: usize>(bytes: &[u8], all: &mut [u8]) -> bool {
    let ([low, high, ..], _) = all.as_chunks_mut::<HALF>() else { return false };
    let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) else { return false };
    *low = *first;
    *high = *last;
    true
}

/// Writes fewer than `LANES` bytes of what [`gather`] makes of as many.
#[inline(always)]
pub(super) fn scatter<const LANES: usize>(to: &mut [u8], all: &[u8; LANES]) {
    let found = spread::<32>(to, all)
        || spread::<16>(to, all)
        || spread::<8>(to, all)
        || spread::<4>(to, all)
        || spread::<2>(to, all);
    if let (false, [only], [first, ..]) = (found, to, &all[..]) {
        *only = *first;
    }
}

#[inline(always)]
fn spread<const HALF: usize>(to: &mut [u8], all: &[u8]) -> bool {
    let ([low, high, ..], _) = all.as_chunks::<HALF>() else { return false };
    let Some(first) = to.first_chunk_mut() else { return false };
    *first = *low;
    if let Some(last) = to.last_chunk_mut() {
        *last = *high;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back<const LANES: usize>() {
        for len in 1..LANES {
            let bytes: std::vec::Vec<u8> = (1..).take(len).collect();
            let register = gather::<LANES>(&bytes);
            for byte in &bytes {
                assert!(register.contains(byte), "byte {byte} of {len} in {LANES}");
            }
            let mut back = std::vec![0; len];
            scatter(&mut back, &register);
            assert_eq!(back, bytes, "{len} of {LANES}");
        }
    }

    #[test]
    fn a_register_holds_every_byte_of_a_part_and_gives_it_back() {
        there_and_back::<8>();
        there_and_back::<16>();
        there_and_back::<64>();
    }
}
