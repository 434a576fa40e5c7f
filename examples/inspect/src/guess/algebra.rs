// SPDX-License-Identifier: MIT OR Apache-2.0
//! Linear relations between the pages of a row, over the field of RAID-6.
//!
//! A parity is a sum of the other pages, each times a coefficient. So the pages of a row that holds parity
//! satisfy `c0·page0 + c1·page1 + … = 0`. The vectors `c` of a row form its left null space: one dimension for each
//! parity. No level, order or chunk is assumed, and high entropy does no harm.

use crate::guess::sample::{PAGE, Sample};
use raid_core::gf256::{inverse, mul};

/// Columns of bytes from which relations are computed; all bytes test them afterwards.
const PROBED: usize = 160;

/// Relations that hold in all bytes of a row, in reduced form: each starts with a 1 where all others
/// have a 0. Pages that are zero or absent have coefficient 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Relations {
    /// The coefficients, one for each member.
    pub(crate) vectors: Vec<Vec<u8>>,
    /// How many of the pages hold something.
    pub(crate) filled: usize,
}

impl Relations {
    /// Of one row of the sample.
    pub(crate) fn of(sample: &Sample, row: usize) -> Self {
        let columns = sample.columns();
        let members: Vec<usize> =
            (0..columns.len()).filter(|m| columns[*m].has_data(row)).collect();
        let pages: Vec<&[u8]> = members.iter().map(|m| columns[*m].page(row)).collect();
        let expand = |short: Vec<u8>| {
            let mut vector = vec![0; columns.len()];
            members.iter().zip(short).for_each(|(member, c)| vector[*member] = c);
            vector
        };
        let vectors = null_space(&pages).into_iter().map(expand).collect();
        Self { vectors, filled: members.len() }
    }
}

/// Vectors `c` with `Σ c[i] · pages[i] = 0` in every byte.
fn null_space(pages: &[&[u8]]) -> Vec<Vec<u8>> {
    // Bytes where at least one page has something, spread over the page.
    let mut probed = Vec::with_capacity(PROBED);
    for step in 0..PAGE {
        // An odd step meets every byte once.
        let at = step * 1237 % PAGE;
        if pages.iter().any(|page| page[at] != 0) {
            probed.push(at);
            if probed.len() == PROBED {
                break;
            }
        }
    }
    // Each line: the probed bytes of a page, then which pages were added to make it.
    let count = pages.len();
    let mut lines: Vec<Vec<u8>> = (0..count)
        .map(|page| {
            let unit = (0..count).map(|other| u8::from(other == page));
            probed.iter().map(|at| pages[page][*at]).chain(unit).collect()
        })
        .collect();
    eliminate(&mut lines, probed.len());
    let empty = |line: &Vec<u8>| line[..probed.len()].iter().all(|byte| *byte == 0);
    let mut vectors: Vec<Vec<u8>> =
        lines.into_iter().filter(empty).map(|line| line[probed.len()..].to_vec()).collect();
    eliminate(&mut vectors, count);
    vectors.retain(|vector| holds(vector, pages));
    vectors
}

/// Brings the first `width` places of the lines to reduced form.
fn eliminate(lines: &mut [Vec<u8>], width: usize) {
    let mut done = 0;
    for column in 0..width {
        let Some(pivot) = (done..lines.len()).find(|line| lines[*line][column] != 0) else {
            continue;
        };
        lines.swap(done, pivot);
        let Some(scale) = inverse(lines[done][column]) else { continue };
        lines[done].iter_mut().for_each(|byte| *byte = mul(*byte, scale));
        let pivot = lines[done].clone();
        for (_, line) in lines.iter_mut().enumerate().filter(|(index, _)| *index != done) {
            let factor = line[column];
            add_multiple(line, &pivot, factor);
        }
        done += 1;
    }
}

/// `line` += `factor` · `of`.
fn add_multiple(line: &mut [u8], of: &[u8], factor: u8) {
    match factor {
        0 => {}
        1 => line.iter_mut().zip(of).for_each(|(sum, byte)| *sum ^= byte),
        _ => line.iter_mut().zip(of).for_each(|(sum, byte)| *sum ^= mul(factor, *byte)),
    }
}

/// Whether the relation holds in all bytes.
fn holds(vector: &[u8], pages: &[&[u8]]) -> bool {
    let mut sum = vec![0; PAGE];
    for (factor, page) in vector.iter().zip(pages) {
        add_multiple(&mut sum, page, *factor);
    }
    sum.iter().all(|byte| *byte == 0)
}

/// The parities of a row: which column holds P, which Q, and the power of the generator that each other
/// column has in Q. `None`: not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parities {
    pub(crate) p: Option<usize>,
    pub(crate) q: Option<usize>,
    pub(crate) exponents: Vec<Option<u8>>,
}

impl Parities {
    /// Of the two relations of a full row; `None` where they are not those of P and Q.
    ///
    /// Some combination of the two vanishes at one member alone and has equal coefficients elsewhere: that
    /// is P's relation, and the member is Q. The other relation, brought to 1 at Q and to 0 at P, has
    /// distinct powers of 2 elsewhere, below the number of members. A wrong choice of P fails that.
    pub(crate) fn of_two(a: &[u8], b: &[u8]) -> Option<Self> {
        let count = a.len();
        let mut found = Vec::new();
        for q in 0..count {
            let Some(xor) = combined(a, b, q) else { continue };
            let Some(first) = (0..count).find(|m| *m != q) else { continue };
            let value = xor[first];
            if value == 0 || (0..count).any(|m| m != q && xor[m] != value) {
                continue;
            }
            let other = if a[q] != 0 { a } else { b };
            let Some(scale) = inverse(other[q]) else { continue };
            for p in (0..count).filter(|p| *p != q) {
                let at_p = mul(other[p], scale);
                let power = |m: usize| mul(other[m], scale) ^ at_p;
                let data = (0..count).filter(|m| *m != p && *m != q);
                let Some(exponents) = exponents(count, data.map(|m| (m, power(m)))) else {
                    continue;
                };
                found.push(Self { p: Some(p), q: Some(q), exponents });
            }
        }
        match found.len() {
            1 => found.pop(),
            _ => None,
        }
    }

    /// Of the one relation of a full row that lacks a member, which is the last column here. There may be
    /// several: P and Q may be exchanged in a few patterns of exponents.
    ///
    /// | missing | coefficients, 1 at Q |
    /// |---|---|
    /// | P | 2^e of the data |
    /// | Q | all equal: who is P is not known |
    /// | data with 2^j | 2^e + 2^j of the data, 2^j at P |
    pub(crate) fn of_one(vector: &[u8]) -> Vec<Self> {
        let missing = vector.len();
        let count = missing + 1;
        if vector.contains(&0) {
            return Vec::new();
        }
        if vector.iter().all(|c| *c == vector[0]) {
            return vec![Self { p: None, q: Some(missing), exponents: vec![None; count] }];
        }
        let mut found = Vec::new();
        for q in 0..missing {
            let Some(scale) = inverse(vector[q]) else { continue };
            let power = |m: usize| mul(vector[m], scale);
            let data = (0..missing).filter(|m| *m != q).map(|m| (m, power(m)));
            if let Some(exponents) = exponents(count, data) {
                found.push(Self { p: Some(missing), q: Some(q), exponents });
            }
            for p in (0..missing).filter(|p| *p != q) {
                let lost = power(p);
                let data = (0..missing).filter(|m| *m != p && *m != q);
                let data = data.map(|m| (m, power(m) ^ lost)).chain([(missing, lost)]);
                if let Some(exponents) = exponents(count, data) {
                    found.push(Self { p: Some(p), q: Some(q), exponents });
                }
            }
        }
        found
    }
}

/// The exponents of these powers, if they are distinct and below `count`.
fn exponents(count: usize, powers: impl Iterator<Item = (usize, u8)>) -> Option<Vec<Option<u8>>> {
    let mut exponents = vec![None; count];
    for (member, power) in powers {
        let exponent = raid_core::gf256::log2(power).filter(|e| usize::from(*e) < count)?;
        if exponents.contains(&Some(exponent)) {
            return None;
        }
        exponents[member] = Some(exponent);
    }
    Some(exponents)
}

/// The combination of two vectors that vanishes at `place`.
fn combined(a: &[u8], b: &[u8], place: usize) -> Option<Vec<u8>> {
    match (a[place], b[place]) {
        (0, 0) => None,
        (0, _) => Some(a.to_vec()),
        (_, 0) => Some(b.to_vec()),
        (x, y) => Some(a.iter().zip(b).map(|(a, b)| mul(*a, y) ^ mul(*b, x)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guess::sample::{Column, Plan};
    use raid_core::gf256::pow2;

    fn noise(seed: u32) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 11) as u8
        };
        (0..PAGE).map(|_| next()).collect()
    }

    /// A sample of one row.
    fn row(pages: Vec<Vec<u8>>) -> Sample {
        let columns = pages.into_iter().map(|page| Column::of_pages(vec![Some(page)])).collect();
        Plan::of_rows(1).read(&[], &mut |_| ()).with_columns(columns)
    }

    fn sum(pages: &[Vec<u8>], factor: impl Fn(usize) -> u8) -> Vec<u8> {
        let mut sum = vec![0; PAGE];
        pages.iter().enumerate().for_each(|(i, page)| add_multiple(&mut sum, page, factor(i)));
        sum
    }

    #[test]
    fn one_parity_is_one_relation_and_a_foreign_member_is_not_in_it() {
        let mut pages: Vec<Vec<u8>> = (1..4).map(noise).collect();
        pages.push(sum(&pages, |_| 1));
        pages.insert(1, noise(9));
        let found = Relations::of(&row(pages), 0);
        assert_eq!(found, Relations { vectors: vec![vec![1, 0, 1, 1, 1]], filled: 5 });
    }

    #[test]
    fn noise_has_no_relation_and_a_difference_in_one_byte_ends_one() {
        let mut pages: Vec<Vec<u8>> = (1..5).map(noise).collect();
        assert!(Relations::of(&row(pages.clone()), 0).vectors.is_empty());
        pages.push(sum(&pages, |_| 1));
        for at in [0, 1, 2048, 4095] {
            let mut torn = pages.clone();
            torn[2][at] ^= 1;
            assert!(Relations::of(&row(torn), 0).vectors.is_empty(), "byte {at}");
        }
    }

    #[test]
    fn two_parities_say_which_is_which_and_every_exponent() {
        for count in 4..=12 {
            for numbering in 0..2 {
                let data: Vec<Vec<u8>> = (1..=count - 2).map(noise).collect();
                let exponent = |i: usize| (i + numbering) as u8;
                let (p, q) = (sum(&data, |_| 1), sum(&data, |i| pow2(exponent(i))));
                let mut pages = data.clone();
                pages.insert(1, q);
                pages.insert(1, p);
                let found = Relations::of(&row(pages), 0);
                let [a, b] = found.vectors.as_slice() else { panic!("{count}: {found:?}") };
                let found = Parities::of_two(a, b).expect("P and Q");
                assert_eq!((found.p, found.q), (Some(1), Some(2)), "{count} members");
                let powers: Vec<u8> = found.exponents.iter().flatten().copied().collect();
                let expected: Vec<u8> = (0..data.len()).map(exponent).collect();
                assert_eq!(powers, expected);
            }
        }
    }

    #[test]
    fn one_relation_of_two_parities_names_who_is_missing() {
        for count in 4..=10 {
            let data: Vec<Vec<u8>> = (1..=count - 2).map(noise).collect();
            let (p, q) = (sum(&data, |_| 1), sum(&data, |i| pow2(i as u8)));
            let pages = [data, vec![p, q]].concat();
            for lost in 0..pages.len() {
                let mut present = pages.clone();
                present.remove(lost);
                let found = Relations::of(&row(present), 0);
                let [vector] = found.vectors.as_slice() else { panic!("{found:?}") };
                // Columns: those present, then the lost one.
                let column = |member: usize| match member {
                    _ if member == lost => Some(pages.len() - 1),
                    _ if member > lost => Some(member - 1),
                    _ => Some(member),
                };
                let (p, q) = (column(pages.len() - 2), column(pages.len() - 1));
                let found = Parities::of_one(vector);
                assert!(found.len() <= 2, "{found:?}");
                let right = |f: &&Parities| (f.p == p || f.p.is_none()) && f.q == q;
                let found = found.iter().find(right).expect("the right parities");
                let known: Vec<u8> = found.exponents.iter().flatten().copied().collect();
                assert!(known.is_empty() || known.len() == pages.len() - 2);
            }
        }
    }

    #[test]
    fn zero_pages_take_no_part() {
        let mut pages: Vec<Vec<u8>> = (1..3).map(noise).collect();
        pages.push(vec![0; PAGE]);
        pages.push(sum(&pages, |_| 1));
        let found = Relations::of(&row(pages), 0);
        assert_eq!(found, Relations { vectors: vec![vec![1, 1, 0, 1]], filled: 3 });
    }
}
