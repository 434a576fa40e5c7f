// SPDX-License-Identifier: MIT OR Apache-2.0
//! Three parities: any three blocks of a row may be lost.
//!
//! ```text
//!   P =  D0 +   D1 +    D2 + ... +             Dn-1
//!   Q =  D0 + 2·D1 +  4·D2 + ... + 2^(n-1)   · Dn-1
//!   R =  D0 + 4·D1 + 16·D2 + ... + 4^(n-1)   · Dn-1
//! ```
//!
//! in the field of [`gf256`]. The generators 1, 2, 4 are the ones that raidz3 of ZFS
//! has (its first column carries the highest exponent). **This is no MDF of DDF**, whose constants for
//! a third parity are unverified (`ddf.md` 5.8), and no layout of this crate computes it: it is offered
//! under this name, to who asks for it.
//!
//! **Up to 255 data blocks.** Block e has the coefficients 1, x, x² with x = 2^e; no two of 255 have
//! the same x, none is 0. What has to be inverted when blocks are lost has the determinant
//!
//! | data lost | by | determinant |
//! |---|---|---|
//! | x y z | P Q R | (x + y)(x + z)(y + z) |
//! | x y | P Q; P R; Q R | x + y; (x + y)²; xy(x + y) |
//! | x | P; Q; R | 1; x; x² |
//!
//! of which none is 0. With a 256th block x = 1 comes again.
//!
//! **R is a Q.** 4^e = 2^(2e), and doubling permutes the exponents modulo 255: R is the Q of the same
//! blocks in another order, so every backend's kernels compute it as they are.

use super::{MAX_ENTRIES, ParityError, check_length};
use crate::backend::{Backend, Locality, Row};
use crate::gf256;

/// Bytes of each block that are worked on at a time: what a row has of them stays in the cache from
/// one parity to the next.
const CHUNK: usize = 1024;

static ZEROS: [u8; CHUNK] = [0; CHUNK];

/// Rows with three parities.
///
/// Data lists are those of [`parity`](crate::parity): the index is the exponent, `None` a block of
/// zeros, or lost.
///
/// ```
/// use raid_core::backend::Backend;
/// use raid_core::parity::{Parity, TripleParity};
///
/// let triple = TripleParity::new(Backend::portable());
/// let (d0, d1, d2, d3) = ([1u8; 512], [2u8; 512], [3u8; 512], [5u8; 512]);
/// let (mut p, mut q, mut r) = ([0; 512], [0; 512], [0; 512]);
/// let data = [Some(&d0[..]), Some(&d1), Some(&d2), Some(&d3)];
/// triple.generate([Some(&mut p), Some(&mut q), Some(&mut r)], &data)?;
///
/// // Disks 0 and 2 are gone, and the one with Q.
/// let (mut x, mut y, mut new_q) = ([0; 512], [0; 512], [0; 512]);
/// triple.recover(
///     &mut [(0, &mut x), (2, &mut y)],
///     &[None, Some(&d1), None, Some(&d3)],
///     [Parity::Given(&p), Parity::Wanted(&mut new_q), Parity::Given(&r)],
/// )?;
/// assert_eq!((x, y, new_q), (d0, d2, q));
/// # Ok::<(), raid_core::parity::ParityError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TripleParity {
    backend: Backend,
}

/// One parity of a row that is recovered.
#[derive(Debug)]
pub enum Parity<'a> {
    /// At hand.
    Given(&'a [u8]),
    /// Lost, and to be computed.
    Wanted(&'a mut [u8]),
    /// Lost, and not wanted.
    Absent,
}

/// A data list, cut to some bytes.
type List<'a> = [Option<&'a [u8]>; MAX_ENTRIES];

/// Exponent of 4^`exponent` to the base of 2.
fn doubled(exponent: u8) -> u8 {
    // Modulo 255: 2e, or 2e − 255.
    let (twice, over) = exponent.overflowing_add(exponent);
    if over { twice.wrapping_add(1) } else { twice % 255 }
}

/// The same data by exponent for Q, and for R.
struct Lists<'a> {
    q: List<'a>,
    r: List<'a>,
}

impl<'a> Lists<'a> {
    /// `len` bytes from `from` on.
    fn new(data: &[Option<&'a [u8]>], from: usize, len: usize) -> Self {
        let mut lists = Self { q: [None; MAX_ENTRIES], r: [None; MAX_ENTRIES] };
        for (exponent, block) in (0..=u8::MAX).zip(data) {
            lists.insert(exponent, block.and_then(|block| cut(block, from, len)));
        }
        lists
    }

    fn insert(&mut self, exponent: u8, block: Option<&'a [u8]>) {
        for (list, at) in [(&mut self.q, exponent), (&mut self.r, doubled(exponent))] {
            if let Some(entry) = list.get_mut(usize::from(at)) {
                *entry = block;
            }
        }
    }
}

fn cut(block: &[u8], from: usize, len: usize) -> Option<&[u8]> {
    block.get(from..from.checked_add(len)?)
}

fn cut_mut(block: &mut [u8], from: usize, len: usize) -> Option<&mut [u8]> {
    block.get_mut(from..from.checked_add(len)?)
}

/// First byte and bytes of each chunk of blocks of `len` bytes.
fn chunks(len: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..len).step_by(CHUNK).map(move |from| (from, len.saturating_sub(from).min(CHUNK)))
}

/// A matrix of coefficients, a row for a parity.
type Matrix = [[u8; 3]; 3];

/// The inverse by the adjugate, which has no signs in this field; `None` if there is none.
fn inverse(matrix: Matrix) -> Option<Matrix> {
    let [[a, b, c], [d, e, f], [g, h, i]] = matrix;
    let minor = |a, b, c, d| gf256::mul(a, d) ^ gf256::mul(b, c);
    let adjugate = [
        [minor(e, f, h, i), minor(b, c, h, i), minor(b, c, e, f)],
        [minor(d, f, g, i), minor(a, c, g, i), minor(a, c, d, f)],
        [minor(d, e, g, h), minor(a, b, g, h), minor(a, b, d, e)],
    ];
    let [[m0, ..], [m1, ..], [m2, ..]] = adjugate;
    let determinant = gf256::mul(a, m0) ^ gf256::mul(b, m1) ^ gf256::mul(c, m2);
    let scale = gf256::inverse(determinant)?;
    Some(adjugate.map(|row| row.map(|of| gf256::mul(of, scale))))
}

/// The coefficient of the block with exponent `exponent` in parity `parity`: 1, x, x².
fn coefficient(parity: usize, exponent: u8) -> u8 {
    match parity {
        0 => 1,
        1 => gf256::pow2(exponent),
        _ => gf256::pow2(doubled(exponent)),
    }
}

/// What lost blocks are of the syndromes of the parities: row j for block j of `lost`. Places past
/// the end are filled as the identity.
fn solution(lost: &[u8], by: &[usize]) -> Option<Matrix> {
    let mut matrix = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
    for (row, parity) in matrix.iter_mut().zip(by) {
        *row = [0; 3];
        for (of, exponent) in row.iter_mut().zip(lost) {
            *of = coefficient(*parity, *exponent);
        }
    }
    inverse(matrix)
}

impl TripleParity {
    /// By the kernels of `backend`. What a row has of a chunk stays in the cache, whatever its [`Locality`].
    #[must_use]
    pub const fn new(backend: Backend) -> Self {
        Self { backend: backend.with_locality(Locality::Cached) }
    }

    /// Computes P, Q and R of the data; those that are `None` are not wanted.
    ///
    /// # Errors
    ///
    /// [`ParityError::Length`], [`ParityError::TooManyEntries`].
    pub fn generate(
        self,
        parity: [Option<&mut [u8]>; 3],
        data: &[Option<&[u8]>],
    ) -> Result<(), ParityError> {
        let Some(len) = parity.iter().flatten().map(|parity| parity.len()).next() else {
            return Ok(());
        };
        parity.iter().flatten().try_for_each(|parity| check_length(len, parity))?;
        Row::new(len, data)?;
        let mut parity = parity;
        for (from, len) in chunks(len) {
            let [p, q, r] = parity
                .each_mut()
                .map(|parity| parity.as_deref_mut().and_then(|parity| cut_mut(parity, from, len)));
            self.sums(p, q, r, &Lists::new(data, from, len))?;
        }
        Ok(())
    }

    fn sums(
        self,
        p: Option<&mut [u8]>,
        q: Option<&mut [u8]>,
        r: Option<&mut [u8]>,
        lists: &Lists<'_>,
    ) -> Result<(), ParityError> {
        match (p, q) {
            (Some(p), Some(q)) => self.backend.pq_generate(p, q, &lists.q)?,
            (Some(p), None) => self.backend.p_generate(p, &lists.q)?,
            (None, Some(q)) => self.backend.q_generate(q, &lists.q)?,
            (None, None) => {}
        }
        r.map_or(Ok(()), |r| self.backend.q_generate(r, &lists.r))
    }

    /// Compares P, Q and R with the data: the offset of the first byte at which one disagrees.
    ///
    /// # Errors
    ///
    /// [`ParityError::Length`], [`ParityError::TooManyEntries`].
    pub fn check(
        self,
        parity: [&[u8]; 3],
        data: &[Option<&[u8]>],
    ) -> Result<Option<usize>, ParityError> {
        let [p, q, r] = parity;
        let len = p.len();
        parity.iter().try_for_each(|parity| check_length(len, parity))?;
        Row::new(len, data)?;
        for (from, len) in chunks(len) {
            let lists = Lists::new(data, from, len);
            let [Some(p), Some(q), Some(r)] = [p, q, r].map(|parity| cut(parity, from, len)) else {
                continue;
            };
            // P does not mind the order of the blocks.
            let by_q = self.backend.pq_check(p, q, &lists.q)?;
            let by_r = self.backend.pq_check(p, r, &lists.r)?;
            if let Some(at) = by_q.into_iter().chain(by_r).min() {
                return Ok(from.checked_add(at));
            }
        }
        Ok(None)
    }

    /// Carries the change of one data block from `old` to `new` into P, Q and R; a parity that is
    /// lost is `None`.
    ///
    /// # Errors
    ///
    /// [`ParityError::Length`]; [`ParityError::Exponent`] for 255.
    pub fn update(
        self,
        parity: [Option<&mut [u8]>; 3],
        exponent: u8,
        old: &[u8],
        new: &[u8],
    ) -> Result<(), ParityError> {
        if usize::from(exponent) >= MAX_ENTRIES {
            return Err(ParityError::Exponent { found: exponent, entries: MAX_ENTRIES });
        }
        check_length(old.len(), new)?;
        parity.iter().flatten().try_for_each(|parity| check_length(old.len(), parity))?;
        let [p, q, r] = parity;
        self.backend.pq_update(p, q, exponent, old, new)?;
        self.backend.pq_update(None, r, doubled(exponent), old, new)
    }

    /// Recovers the lost data blocks (exponent and destination) and the wanted parities from what is
    /// left: up to three in all.
    ///
    /// # Errors
    ///
    /// [`ParityError::TooFewParities`] if fewer parities are given than data blocks are lost; all
    /// others too. Nothing is written then.
    pub fn recover(
        self,
        lost: &mut [(u8, &mut [u8])],
        data: &[Option<&[u8]>],
        parity: [Parity<'_>; 3],
    ) -> Result<(), ParityError> {
        let len = match (&*lost, &parity) {
            ([(_, x), ..], _) => x.len(),
            (_, [Parity::Wanted(x), ..] | [_, Parity::Wanted(x), _] | [.., Parity::Wanted(x)]) => {
                x.len()
            }
            _ => return Ok(()),
        };
        check_operands(len, lost, data, &parity)?;
        let given = |parity: &Parity<'_>| matches!(parity, Parity::Given(_));
        // The first that are at hand, as many as there are unknowns.
        let mut by = [0; 3];
        let at_hand = (0..).zip(&parity).filter(|(_, parity)| given(parity)).map(|(at, _)| at);
        let parities = parity.iter().filter(|parity| given(parity)).count();
        by.iter_mut().zip(at_hand).for_each(|(by, at)| *by = at);
        let too_few = ParityError::TooFewParities { lost: lost.len(), parities };
        let by = by.get(..lost.len()).filter(|_| lost.len() <= parities).ok_or(too_few)?;
        let mut exponents = [0; 3];
        exponents.iter_mut().zip(&*lost).for_each(|(to, (exponent, _))| *to = *exponent);
        let exponents = exponents.get(..lost.len()).unwrap_or_default();
        // Different exponents always have a solution.
        let Some(solution) = solution(exponents, by) else { return Ok(()) };
        let mut parity = parity;
        for (from, len) in chunks(len) {
            let mut lists = Lists::new(data, from, len);
            let mut lost = {
                let mut blocks = lost.iter_mut().map(|(_, block)| cut_mut(block, from, len));
                [blocks.next(), blocks.next(), blocks.next()].map(Option::flatten)
            };
            for (block, at) in lost.iter_mut().flatten().zip(by) {
                let stored = match parity.get(*at) {
                    Some(Parity::Given(stored)) => cut(stored, from, len).unwrap_or_default(),
                    _ => continue,
                };
                self.syndrome(*at, block, stored, &lists)?;
            }
            self.solve(&mut lost, &solution)?;
            for (exponent, block) in exponents.iter().zip(lost) {
                lists.insert(*exponent, block.map(|block| &*block));
            }
            let [p, q, r] = parity.each_mut().map(|parity| match parity {
                Parity::Wanted(parity) => cut_mut(parity, from, len),
                _ => None,
            });
            self.sums(p, q, r, &lists)?;
        }
        Ok(())
    }

    /// What the lost blocks add to parity `at`.
    fn syndrome(
        self,
        at: usize,
        block: &mut [u8],
        stored: &[u8],
        lists: &Lists<'_>,
    ) -> Result<(), ParityError> {
        let (mut p, mut q, mut r) = (None, None, None);
        *(match at {
            0 => &mut p,
            1 => &mut q,
            _ => &mut r,
        }) = Some(&mut *block);
        self.sums(p, q, r, lists)?;
        self.backend.xor_into(block, &[stored])
    }

    /// Turns syndromes into blocks, in place.
    fn solve(
        self,
        lost: &mut [Option<&mut [u8]>; 3],
        solution: &Matrix,
    ) -> Result<(), ParityError> {
        let mut syndromes = [[0; CHUNK]; 3];
        for (syndrome, block) in syndromes.iter_mut().zip(&*lost) {
            let block = block.as_deref().unwrap_or_default();
            syndrome.iter_mut().zip(block).for_each(|(to, from)| *to = *from);
        }
        for (block, row) in lost.iter_mut().flatten().zip(solution) {
            block.fill(0);
            let zeros = ZEROS.get(..block.len()).unwrap_or_default();
            for (syndrome, factor) in syndromes.iter().zip(row) {
                let Some(exponent) = gf256::log2(*factor) else { continue };
                let syndrome = syndrome.get(..block.len()).unwrap_or_default();
                self.backend.pq_update(None, Some(block), exponent, syndrome, zeros)?;
            }
        }
        Ok(())
    }
}

/// Refuses operands of a recovery that do not fit each other.
fn check_operands(
    len: usize,
    lost: &[(u8, &mut [u8])],
    data: &[Option<&[u8]>],
    parity: &[Parity<'_>; 3],
) -> Result<(), ParityError> {
    Row::new(len, data)?;
    for (at, (exponent, block)) in lost.iter().enumerate() {
        check_length(len, block)?;
        super::check_lost(*exponent, data)?;
        if lost.iter().take(at).any(|(other, _)| other == exponent) {
            return Err(ParityError::SameBlock { exponent: *exponent });
        }
    }
    parity.iter().try_for_each(|parity| match parity {
        Parity::Given(block) => check_length(len, block),
        Parity::Wanted(block) => check_length(len, block),
        Parity::Absent => Ok(()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(a: Matrix, b: Matrix) -> Matrix {
        a.map(|row| {
            core::array::from_fn(|column| {
                row.iter().zip(b).fold(0, |sum, (a, row)| sum ^ gf256::mul(*a, row[column]))
            })
        })
    }

    const IDENTITY: Matrix = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];

    #[test]
    fn any_three_of_255_data_blocks_have_a_solution() {
        let step = if cfg!(miri) { 51 } else { 1 };
        for x in (0..255).step_by(step) {
            for y in (x + 1..255).step_by(step) {
                for z in (y + 1..255).step_by(step) {
                    assert!(solution(&[x, y, z], &[0, 1, 2]).is_some(), "{x} {y} {z}");
                }
                for by in [[0, 1], [0, 2], [1, 2]] {
                    assert!(solution(&[x, y], &by).is_some(), "{x} {y} by {by:?}");
                }
            }
            assert!((0..3).all(|by| solution(&[x], &[by]).is_some()));
        }
        // The 256th would be the first again.
        assert_eq!(gf256::pow2(255), gf256::pow2(0));
    }

    #[test]
    fn a_solution_undoes_the_equations() {
        for (x, y, z) in [(0, 1, 2), (3, 100, 254), (17, 18, 200)] {
            let equations = [0, 1, 2].map(|parity| [x, y, z].map(|at| coefficient(parity, at)));
            let solution = solution(&[x, y, z], &[0, 1, 2]).unwrap();
            assert_eq!(product(solution, equations), IDENTITY);
        }
        assert_eq!(inverse([[1, 1, 0], [2, 2, 0], [0, 0, 1]]), None);
    }

    #[test]
    fn exponents_are_doubled_modulo_255() {
        for exponent in 0..=254u8 {
            assert_eq!(u16::from(doubled(exponent)), u16::from(exponent) * 2 % 255);
            let power = gf256::pow2(exponent);
            assert_eq!(gf256::pow2(doubled(exponent)), gf256::mul(power, power));
        }
    }
}
