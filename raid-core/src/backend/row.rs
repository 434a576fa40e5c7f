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

use super::Locality;
use crate::parity::{MAX_ENTRIES, ParityError, check_length};
use core::fmt;
use core::marker::PhantomData;
use core::ops::Range;
use core::ptr::NonNull;

/// The data blocks of a row by exponent, `None` for zeros: see [`parity`](crate::parity). All have the
/// same length, that of the other blocks of the call. It also knows where they are: see [`Locality`].
///
/// Two words, so that it gets from a method to its kernel in registers.
///
/// # Invariant
///
/// `first` and the number in `shape` are a slice that lives for `'a`. All its blocks are equally long;
/// all are present unless `shape` says that one is absent.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    first: NonNull<Option<&'a [u8]>>,
    /// Bits 0 to 7 the number of entries, 8 whether one is absent, 9 and 10 the locality.
    shape: usize,
    life: PhantomData<&'a [Option<&'a [u8]>]>,
}

const ABSENT: usize = 1 << 8;
const LOCALITY: u32 = 9;

// SAFETY: it is a shared reference to blocks, in another form.
unsafe impl Send for Row<'_> {}
// SAFETY: as above.
unsafe impl Sync for Row<'_> {}

impl<'a> Row<'a> {
    /// The blocks of a row, each of `len` bytes.
    ///
    /// # Errors
    ///
    /// [`ParityError::Length`], [`ParityError::TooManyEntries`].
    #[inline]
    pub fn new(len: usize, data: &'a [Option<&'a [u8]>]) -> Result<Self, ParityError> {
        Self::within(len, data, Locality::Unknown)
    }

    /// The same, of a row that is there.
    #[inline]
    pub(super) fn within(
        len: usize,
        data: &'a [Option<&'a [u8]>],
        locality: Locality,
    ) -> Result<Self, ParityError> {
        // One branch for all blocks: small rows cost little else.
        let (mut differences, mut absent) = (0, 0);
        for block in data {
            match block {
                Some(block) => differences |= block.len() ^ len,
                None => absent = ABSENT,
            }
        }
        if differences != 0 || data.len() > MAX_ENTRIES {
            return Err(refusal(len, data));
        }
        let shape = data.len() | absent | locality.bits() << LOCALITY;
        Ok(Self { first: NonNull::from(data).cast(), shape, life: PhantomData })
    }

    /// The blocks; the index of one is its exponent.
    #[must_use]
    #[inline]
    pub const fn blocks(self) -> &'a [Option<&'a [u8]>] {
        // SAFETY: by the invariant, they are a slice.
        unsafe { core::slice::from_raw_parts(self.first.as_ptr(), self.shape & MAX_ENTRIES) }
    }

    /// Where the blocks are.
    #[must_use]
    #[inline]
    pub const fn locality(self) -> Locality {
        Locality::from_bits(self.shape >> LOCALITY)
    }

    /// The row, if it is in a cache near the core, and has no absent blocks unless they are `allowed`:
    /// without the bits that say otherwise, so that compilers see that they are not set.
    #[inline(always)]
    pub(super) fn plain(self, allowed: bool) -> Option<Self> {
        let bits = if allowed { MAX_ENTRIES | ABSENT } else { MAX_ENTRIES };
        (self.shape & !bits == 0).then_some(Self { shape: self.shape & bits, ..self })
    }

    /// The blocks, if all of them are present, and `len` bytes long as those of every call are.
    #[inline(always)]
    pub(super) fn whole(self, len: usize) -> Option<Blocks<'a, true>> {
        let data = match self.blocks() {
            // One stands for all.
            [Some(first), ..] if first.len() != len => no_blocks(),
            data => data,
        };
        (self.shape & ABSENT == 0).then_some(Blocks { data, len })
    }

    /// The blocks, without what is absent above the highest one that is present; they are `len` bytes
    /// long as those of every call are.
    #[inline(always)]
    pub(super) fn any(self, len: usize) -> Blocks<'a, false> {
        let mut data = self.blocks();
        while let [lower @ .., None] = data {
            data = lower;
        }
        match data {
            // One stands for all.
            [.., Some(highest)] if highest.len() != len => Blocks { data: no_blocks(), len },
            _ => Blocks { data, len },
        }
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let present = self.blocks().iter().flatten().count();
        write!(f, "Row({present} of {} blocks, {:?})", self.blocks().len(), self.locality())
    }
}

/// Never called: a branch, so that the first load of a call need not wait for a choice.
#[cold]
#[inline(never)]
fn no_blocks<'a>() -> &'a [Option<&'a [u8]>] {
    &[]
}

/// Why these blocks are no row.
#[cold]
#[inline(never)]
fn refusal(len: usize, data: &[Option<&[u8]>]) -> ParityError {
    let lengths = || data.iter().flatten().try_for_each(|block| check_length(len, block));
    match lengths() {
        Err(refused) if data.len() <= MAX_ENTRIES => refused,
        _ => ParityError::TooManyEntries { found: data.len() },
    }
}

/// Bytes of a line of the caches.
const LINE: usize = 64;

/// The bytes of all blocks that one step works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: usize,
    len: usize,
}

impl Span {
    /// The steps of blocks of `len` bytes from byte `from` on: whole ones of `N` registers of `LANES`
    /// bytes, `STREAM` the cache or not, or, for the `REST`, of one register, filled in part.
    #[inline(always)]
    pub(super) fn steps<
        const LANES: usize,
        const N: usize,
        const REST: bool,
        const STREAM: bool,
    >(
        from: usize,
        len: usize,
    ) -> impl Iterator<Item = Self> {
        let width = LANES.wrapping_mul(N);
        let end = Self::end_of_steps::<LANES, N, REST, STREAM>(from, len);
        (from..end).step_by(width).map(move |start| {
            let len = if REST { end.wrapping_sub(start).min(width) } else { width };
            Self { start, len }
        })
    }

    /// Where the last of these steps ends.
    ///
    /// Stores past the cache end where a line of 64 bytes does, a register or more before the end unless
    /// the end is one: a line that they fill in part takes a hundred nanoseconds to leave the core (Zen 4),
    /// and a register over bytes that are on their way waits as long.
    #[inline(always)]
    pub(super) fn end_of_steps<
        const LANES: usize,
        const N: usize,
        const REST: bool,
        const STREAM: bool,
    >(
        from: usize,
        len: usize,
    ) -> usize {
        if REST {
            return len;
        }
        let end = match len % LINE {
            0 => len,
            _ if STREAM => len.saturating_sub(LANES) & !LINE.wrapping_sub(1),
            _ => len,
        };
        let left = end.saturating_sub(from);
        let beyond = left.checked_rem(LANES.wrapping_mul(N)).unwrap_or(0);
        from.wrapping_add(left.wrapping_sub(beyond))
    }

    /// The first byte.
    #[inline(always)]
    pub(super) fn start(self) -> usize {
        self.start
    }

    #[inline(always)]
    pub(super) fn range(self) -> Range<usize> {
        self.start..self.start.wrapping_add(self.len)
    }
}

/// The blocks of a [`Row`], all `len` bytes long. If it is `WHOLE`, all of them are present.
#[derive(Clone, Copy)]
pub(super) struct Blocks<'a, const WHOLE: bool> {
    data: &'a [Option<&'a [u8]>],
    len: usize,
}

impl<'a, const WHOLE: bool> Blocks<'a, WHOLE> {
    /// The steps of the row, as [`Span::steps`] has them, each with its bytes.
    #[inline(always)]
    pub(super) fn steps<
        const LANES: usize,
        const N: usize,
        const REST: bool,
        const STREAM: bool,
    >(
        self,
        from: usize,
    ) -> impl Iterator<Item = (Span, Column<'a, LANES, N, WHOLE>)> {
        Span::steps::<LANES, N, REST, STREAM>(from, self.len)
            .map(move |at| (at, Column { rest: self.data, at }))
    }

    /// Where the last of these steps ends.
    #[inline(always)]
    pub(super) fn end_of_steps<
        const LANES: usize,
        const N: usize,
        const REST: bool,
        const STREAM: bool,
    >(
        self,
        from: usize,
    ) -> usize {
        Span::end_of_steps::<LANES, N, REST, STREAM>(from, self.len)
    }
}

/// The bytes of a span of all blocks, which have them: at most `N` times `LANES`.
pub(super) struct Column<'a, const LANES: usize, const N: usize, const WHOLE: bool> {
    rest: &'a [Option<&'a [u8]>],
    at: Span,
}

impl<'a, const LANES: usize, const N: usize, const WHOLE: bool> Column<'a, LANES, N, WHOLE> {
    /// Takes the highest block, zeros if there is none.
    #[inline(always)]
    pub(super) fn take_first(&mut self) -> &'a [u8] {
        self.take_one().unwrap_or_else(|| self.zeros())
    }

    /// Takes the two highest blocks that are left, the lower one first.
    #[inline(always)]
    pub(super) fn take_two(&mut self) -> Option<[&'a [u8]; 2]> {
        let [lower @ .., low, high] = self.rest else { return None };
        self.rest = lower;
        Some([self.bytes(*low), self.bytes(*high)])
    }

    /// Takes the highest block that is left.
    #[inline(always)]
    pub(super) fn take_one(&mut self) -> Option<&'a [u8]> {
        let [lower @ .., high] = self.rest else { return None };
        self.rest = lower;
        Some(self.bytes(*high))
    }

    /// All blocks that are present.
    #[inline(always)]
    pub(super) fn present(&self) -> impl Iterator<Item = &'a [u8]> {
        let present = |block: &Option<&'a [u8]>| WHOLE || block.is_some();
        self.rest.iter().copied().filter(present).map(|block| self.bytes(block))
    }

    /// Of a block that is absent, zeros: chosen by their address, for a choice between loaded
    /// registers would cost the loop a branch and as many registers again.
    #[inline(always)]
    fn bytes(&self, block: Option<&'a [u8]>) -> &'a [u8] {
        let block = if WHOLE {
            // SAFETY: `Row::whole`, which alone makes such blocks, makes them of those that `Row` knows to be
            // present.
            unsafe { block.unwrap_unchecked() }
        } else {
            let Some(block) = block else { return self.zeros() };
            block
        };
        // SAFETY: `Row` has seen that all blocks are `len` bytes long, and `Blocks::steps`,
        // which alone makes columns, makes them of spans that end there at the latest.
        unsafe { block.get_unchecked(self.at.range()) }
    }

    #[inline(always)]
    fn zeros(&self) -> &'a [u8] {
        let zeros = const { &[[0; LANES]; N] }.as_flattened();
        // SAFETY: a span of `N` times `LANES` bytes at most, as `Span::steps` makes them.
        unsafe { zeros.get_unchecked(..self.at.len) }
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
    fn columns_are_the_whole_steps_and_the_rest_of_all_blocks_from_above() {
        let blocks: [[u8; 70]; 2] =
            [core::array::from_fn(|at| at as u8), core::array::from_fn(|at| at as u8 + 100)];
        let data = [Some(&blocks[0][..]), None, Some(&blocks[1]), None];
        let row = Row::new(70, &data).unwrap().any(70);
        let mut seen = std::vec::Vec::new();
        for (at, mut column) in row.steps::<16, 2, false, false>(0) {
            let start = at.start() as u8;
            assert_eq!(column.take_two().map(|two| two.map(|bytes| bytes[1])), {
                Some([0, start + 101])
            });
            assert_eq!(column.take_two(), None);
            assert_eq!(column.take_one().map(|bytes| bytes[31]), Some(start + 31));
            assert_eq!(column.take_one(), None);
            seen.push(at.range());
        }
        let end = row.end_of_steps::<16, 2, false, false>(0);
        for (at, column) in row.steps::<16, 1, true, false>(end) {
            let present: std::vec::Vec<_> = column.present().collect();
            assert_eq!(present, [&blocks[0][64..], &blocks[1][64..]]);
            seen.push(at.range());
        }
        assert_eq!(seen, [0..32, 32..64, 64..70]);
        assert_eq!(row.end_of_steps::<16, 1, true, false>(64), 70);
    }

    #[test]
    fn a_row_without_blocks_has_zeros() {
        for data in [&[][..], &[None, None]] {
            let row = Row::new(20, data).unwrap();
            let columns = row.any(20).steps::<16, 1, true, false>(0);
            let firsts: std::vec::Vec<_> =
                columns.map(|(_, mut column)| column.take_first()).collect();
            assert_eq!(firsts, [&[0; 16][..], &[0; 4]]);
        }
    }
}
