// SPDX-License-Identifier: MIT OR Apache-2.0
//! The data blocks of a call, step by step, without a look at their lengths in the inner loop.
//!
//! ```text
//!            at
//!          |<----->|
//!   D0     |///////|      |      Row     all blocks, each seen to have the length of the call
//!   D1     |///////|      |      Blocks  the same, and whether some are absent
//!   D2     |///////|      |      Column  the same bytes of all blocks, taken from the highest
//!                                        exponent down
//! ```
//!
//! With slices indexed in the loop, as safe code would do it, AVX2 sums 11 % fewer bytes for P and Q
//! and 15 % fewer for P alone out of the first-level cache (Zen 4, 8 disks): a length is loaded, compared
//! and chosen by for each 128 bytes. Here that is done once for each call, and the proof is the type.
//! A look at whether a block is absent costs another 3 to 10 % there, so rows where none is have loops
//! without.
//!
//! An absent block costs Q a product all the same. Multiplying once for a run of them, with the loops of
//! the kernels inside one over runs of present blocks, does not pay (Zen 4, 8 blocks of 2 KiB from the
//! first-level cache, two absent ones between the fourth and the fifth): AVX-512 with GFNI 212 ns for
//! 165, and 177 for 136 where none is absent; AVX2 345 for 341 and 297 for 289, SSSE3 620 for 662 and 562
//! for 542.

use crate::parity::{MAX_ENTRIES, ParityError, check_length};

/// The data blocks of a row by exponent, `None` for zeros: see [`parity`](crate::parity). All have the
/// same length.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    data: &'a [Option<&'a [u8]>],
    len: usize,
    /// Whether all blocks are present.
    whole: bool,
}

impl<'a> Row<'a> {
    /// The blocks of a row, each of `len` bytes.
    ///
    /// # Errors
    ///
    /// [`ParityError::Length`], [`ParityError::TooManyEntries`].
    #[inline]
    pub fn new(len: usize, data: &'a [Option<&'a [u8]>]) -> Result<Self, ParityError> {
        if data.len() > MAX_ENTRIES {
            return Err(ParityError::TooManyEntries { found: data.len() });
        }
        let mut whole = true;
        for block in data {
            match block {
                Some(block) => check_length(len, block)?,
                None => whole = false,
            }
        }
        Ok(Self { data, len, whole })
    }

    /// The blocks; the index of one is its exponent.
    #[must_use]
    pub const fn blocks(self) -> &'a [Option<&'a [u8]>] {
        self.data
    }

    /// Bytes of a block.
    #[must_use]
    pub const fn block_len(self) -> usize {
        self.len
    }

    /// The blocks, if all of them are present.
    #[inline(always)]
    pub(super) fn whole(self) -> Option<Blocks<'a, true>> {
        self.whole.then_some(Blocks { data: self.data, len: self.len })
    }

    /// The blocks, without what is absent above the highest one that is present.
    #[inline(always)]
    pub(super) fn any(self) -> Blocks<'a, false> {
        let mut data = self.data;
        while let [lower @ .., None] = data {
            data = lower;
        }
        Blocks { data, len: self.len }
    }
}

/// The blocks of a [`Row`]. If it is `WHOLE`, all of them are present.
#[derive(Clone, Copy)]
pub(super) struct Blocks<'a, const WHOLE: bool> {
    data: &'a [Option<&'a [u8]>],
    len: usize,
}

impl<'a, const WHOLE: bool> Blocks<'a, WHOLE> {
    /// All whole steps of `WIDTH` bytes: where they begin, and their bytes.
    #[inline(always)]
    pub(super) fn steps<const WIDTH: usize>(
        self,
    ) -> impl Iterator<Item = (usize, Column<'a, WIDTH, WHOLE>)> {
        let whole = self.len.saturating_sub(self.len.checked_rem(WIDTH).unwrap_or(0));
        (0..whole).step_by(WIDTH).map(move |at| (at, Column { rest: self.data, at }))
    }
}

/// The `WIDTH` bytes from `at` on of all blocks, which have them.
pub(super) struct Column<'a, const WIDTH: usize, const WHOLE: bool> {
    rest: &'a [Option<&'a [u8]>],
    at: usize,
}

impl<'a, const WIDTH: usize, const WHOLE: bool> Column<'a, WIDTH, WHOLE> {
    /// Takes the highest block, zeros if there is none.
    #[inline(always)]
    pub(super) fn take_first(&mut self) -> &'a [u8; WIDTH] {
        self.take_one().unwrap_or(const { &[0; WIDTH] })
    }

    /// Takes the two highest blocks that are left, the lower one first.
    #[inline(always)]
    pub(super) fn take_two(&mut self) -> Option<[&'a [u8; WIDTH]; 2]> {
        let [lower @ .., low, high] = self.rest else { return None };
        self.rest = lower;
        Some([self.bytes(*low), self.bytes(*high)])
    }

    /// Takes the highest block that is left.
    #[inline(always)]
    pub(super) fn take_one(&mut self) -> Option<&'a [u8; WIDTH]> {
        let [lower @ .., high] = self.rest else { return None };
        self.rest = lower;
        Some(self.bytes(*high))
    }

    /// Of a block that is absent, zeros: chosen by their address, for a choice between loaded
    /// registers would cost the loop a branch and as many registers again.
    #[inline(always)]
    fn bytes(&self, block: Option<&'a [u8]>) -> &'a [u8; WIDTH] {
        let block = if WHOLE {
            // SAFETY: `Row::whole`, which alone makes such blocks, makes them of those that `Row::new` has
            // seen to be present.
            unsafe { block.unwrap_unchecked() }
        } else {
            let Some(block) = block else { return const { &[0; WIDTH] } };
            block
        };
        // SAFETY: `Row::new` has seen that all blocks are `len` bytes long, and `Blocks::steps`,
        // which alone makes columns, that `at + WIDTH` is at most that.
        let bytes = unsafe { block.get_unchecked(self.at..self.at.wrapping_add(WIDTH)) };
        // SAFETY: the slice has `WIDTH` bytes, as the array has, and bytes have no alignment.
        unsafe { &*bytes.as_ptr().cast::<[u8; WIDTH]>() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_blocks_of_one_length() {
        let (whole, short) = ([1; 64], [1; 63]);
        assert!(Row::new(64, &[Some(&whole), None, Some(&whole)]).is_ok());
        let refused = ParityError::Length { expected: 64, found: 63 };
        for data in [[Some(&whole[..]), Some(&short)], [Some(&short), None]] {
            assert_eq!(Row::new(64, &data).unwrap_err(), refused);
        }
        let refused = ParityError::TooManyEntries { found: 256 };
        assert_eq!(Row::new(64, &[None; 256]).unwrap_err(), refused);
    }

    #[test]
    fn columns_are_the_whole_steps_of_all_blocks_from_above() {
        let blocks: [[u8; 70]; 2] =
            [core::array::from_fn(|at| at as u8), core::array::from_fn(|at| at as u8 + 100)];
        let data = [Some(&blocks[0][..]), None, Some(&blocks[1]), None];
        let row = Row::new(70, &data).unwrap();
        let mut seen = std::vec::Vec::new();
        for (at, mut column) in row.any().steps::<32>() {
            assert_eq!(column.take_two().map(|two| two.map(|bytes| bytes[1])), {
                let at = at as u8;
                Some([0, at + 101])
            });
            assert_eq!(column.take_two(), None);
            assert_eq!(column.take_one().map(|bytes| bytes[31]), Some(at as u8 + 31));
            assert_eq!(column.take_one(), None);
            seen.push(at);
        }
        assert_eq!(seen, [0, 32]);
    }
}
