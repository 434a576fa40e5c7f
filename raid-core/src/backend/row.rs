// SPDX-License-Identifier: MIT OR Apache-2.0
//! The data blocks of a call, step by step, without a look at their lengths in the inner loop.
//!
//! ```text
//!            at
//!          |<----->|
//!   D0     |///////|      |      Row     all blocks, each seen to be long enough
//!   D1     |///////|      |      Column  the same bytes of all blocks, taken from the highest
//!   D2     |///////|      |              exponent down
//! ```
//!
//! With slices indexed in the loop, as safe code would do it, AVX2 sums 11 % fewer bytes for P and Q
//! and 15 % fewer for P alone out of the first-level cache (Zen 4, 8 disks): a length is loaded, compared
//! and chosen by for each 128 bytes. Here that is done once for each call, and the proof is the type.

/// Data blocks, all of them at least `len` bytes long.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    data: &'a [Option<&'a [u8]>],
    len: usize,
}

impl<'a> Row<'a> {
    /// The blocks, without what is absent above the highest one that is there; `None` if one of them
    /// is shorter than `len`.
    pub(super) fn new(len: usize, data: &'a [Option<&'a [u8]>]) -> Option<Self> {
        let mut present = data;
        while let [lower @ .., None] = present {
            present = lower;
        }
        let long_enough = present.iter().flatten().all(|block| block.len() >= len);
        long_enough.then_some(Self { data: present, len })
    }

    /// All whole steps of `WIDTH` bytes: where they begin, and their bytes.
    #[inline(always)]
    pub(super) fn steps<const WIDTH: usize>(
        self,
    ) -> impl Iterator<Item = (usize, Column<'a, WIDTH>)> {
        let whole = self.len.saturating_sub(self.len.checked_rem(WIDTH).unwrap_or(0));
        (0..whole).step_by(WIDTH).map(move |at| (at, Column { rest: self.data, at }))
    }
}

/// The `WIDTH` bytes from `at` on of all blocks, which have them.
pub(super) struct Column<'a, const WIDTH: usize> {
    rest: &'a [Option<&'a [u8]>],
    at: usize,
}

impl<'a, const WIDTH: usize> Column<'a, WIDTH> {
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
        let Some(block) = block else { return const { &[0; WIDTH] } };
        // SAFETY: `Row::new` has seen that all blocks are at least `len` bytes long, and `Row::steps`,
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
    fn a_row_with_a_block_that_is_too_short_is_none() {
        let (long, short) = ([1; 64], [1; 63]);
        assert!(Row::new(64, &[Some(&long), None, Some(&long)]).is_some());
        assert!(Row::new(64, &[Some(&long), None, Some(&short)]).is_none());
        assert!(Row::new(64, &[Some(&short), Some(&long)]).is_none());
    }

    #[test]
    fn columns_are_the_whole_steps_of_all_blocks_from_above() {
        let blocks: [[u8; 70]; 2] =
            [core::array::from_fn(|at| at as u8), core::array::from_fn(|at| at as u8 + 100)];
        let data = [Some(&blocks[0][..]), None, Some(&blocks[1]), None];
        let row = Row::new(70, &data).unwrap();
        let mut seen = std::vec::Vec::new();
        for (at, mut column) in row.steps::<32>() {
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
