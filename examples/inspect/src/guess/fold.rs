// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where parity stands: what each row says, folded by the period of the rotation.
//!
//! ```text
//! page     0 1 2 3   4 5 6 7   8 9 …      a turn of parity: 4 pages, 3 members
//! votes    for 2     for 1     for 0
//! bin      0         1         2
//! ```
//!
//! A single row is never decided: compressed data is as random as parity. Hundreds are summed, and the best
//! assignment of members to bins counts.

use crate::guess::algebra::Parities;
use crate::guess::entropy;
use crate::guess::redundancy::Found;
use crate::guess::sample::{PageState, Sample};

/// Pages of the longest turn that is tried.
const LONGEST: u64 = 4096;
/// Bits of a vote for each bit of entropy a byte.
const STEEPNESS: f32 = 60.0;
/// Share of a vote that goes to all members alike.
const UNIFORM: f32 = 0.08;
/// Neighbouring rows are not independent. Algebra does not err, but rows are few.
const INDEPENDENT: f32 = 1.0 / 16.0;
const EXACT: f32 = 0.5;

/// Votes of rows: bits for each column to be parity.
#[derive(Clone, Debug, Default)]
pub(crate) struct Votes {
    /// Page number, and the bits.
    pub(crate) rows: Vec<(u64, Vec<f32>)>,
}

/// A way to fold.
#[derive(Clone, Debug)]
pub(crate) struct Fold {
    pub(crate) bits: f32,
    /// Pages for which parity stays on a column.
    pub(crate) turn: u64,
    /// Where the first turn begins, below `turn`.
    pub(crate) phase: u64,
    /// The column of each turn, one after another.
    pub(crate) columns: Vec<usize>,
}

impl Votes {
    /// By entropy: parity is the most random page of its row.
    pub(crate) fn by_entropy(sample: &Sample, masked: &[bool]) -> Self {
        let columns = sample.columns();
        let mut rows = Vec::new();
        for row in (0..sample.rows()).filter(|row| !masked[*row]) {
            let filled = columns.iter().filter(|c| c.has_data(row)).count();
            if filled < 2 || columns.iter().any(|c| c.state(row) == PageState::Absent) {
                continue;
            }
            let values: Vec<f32> = columns.iter().map(|c| entropy::of(c.page(row))).collect();
            let most = values.iter().copied().fold(0.0, f32::max);
            let shares: Vec<f32> = values.iter().map(|h| (STEEPNESS * (h - most)).exp2()).collect();
            rows.push((sample.page_number(row), bits_of(&shares, INDEPENDENT)));
        }
        Self { rows }
    }

    /// By the algebra of rows with two parities, which leaves little doubt which column is P, or Q.
    pub(crate) fn by_algebra(
        sample: &Sample,
        found: &Found,
        parity: fn(&Parities) -> Option<usize>,
    ) -> Self {
        let mut rows = Vec::new();
        for (row, parities) in &found.double {
            let Some(count) = parities.first().map(|first| first.exponents.len()) else { continue };
            let may_be = |column: usize| parities.iter().any(|found| parity(found) == Some(column));
            if (0..count).any(may_be) {
                let shares: Vec<f32> =
                    (0..count).map(|column| f32::from(u8::from(may_be(column)))).collect();
                rows.push((sample.page_number(*row), bits_of(&shares, EXACT)));
            }
        }
        Self { rows }
    }

    /// The column that is parity everywhere, and the bits for it.
    pub(crate) fn fixed(&self) -> Option<(usize, f32)> {
        let count = self.rows.first()?.1.len();
        let sum = |c: usize| self.rows.iter().map(|(_, bits)| bits[c]).sum::<f32>();
        (0..count).map(|c| (c, sum(c))).max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// The best ways to fold, best first.
    pub(crate) fn folds(&self, at_most: usize) -> Vec<Fold> {
        let Some(count) = self.rows.first().map(|(_, bits)| bits.len()) else { return Vec::new() };
        let mut found: Vec<Fold> = Vec::new();
        let mut turn = 1;
        let pages = || self.rows.iter().map(|(page, _)| *page);
        let span = pages().max().unwrap_or(0) - pages().min().unwrap_or(0);
        while turn <= LONGEST {
            let period = turn * count as u64;
            // Less than one rotation is not told from parity that stays.
            if period > span && turn > 1 {
                break;
            }
            // Sums up to each page of a period, twice over.
            let mut sums = vec![vec![0.0f32; count]; 2 * period as usize + 1];
            for (page, bits) in &self.rows {
                for again in 0..2 {
                    let place = (page % period + again * period) as usize + 1;
                    sums[place].iter_mut().zip(bits).for_each(|(sum, bits)| *sum += bits);
                }
            }
            for place in 1..sums.len() {
                let (before, after) = sums.split_at_mut(place);
                after[0].iter_mut().zip(&before[place - 1]).for_each(|(sum, b)| *sum += b);
            }
            let fold = |phase: u64| {
                let bin = |turns: usize| {
                    let from = (phase + turn * turns as u64) as usize;
                    let (a, b) = (&sums[from], &sums[from + turn as usize]);
                    b.iter().zip(a).map(|(b, a)| b - a).collect::<Vec<f32>>()
                };
                let bins: Vec<Vec<f32>> = (0..count).map(bin).collect();
                let (columns, bits) = assignment(&bins);
                Fold { bits, turn, phase, columns }
            };
            // All phases of short turns; of long ones those that are likely, and the pages around them.
            let coarse = (turn / 64).max(1);
            let best = (0..turn).step_by(coarse as usize).map(fold);
            let Some(mut best) = best.max_by(|a, b| a.bits.total_cmp(&b.bits)) else { continue };
            let around = best.phase.saturating_sub(coarse)..(best.phase + coarse).min(turn);
            let mut near: Vec<Fold> = around.map(fold).collect();
            near.sort_by(|a, b| b.bits.total_cmp(&a.bits));
            near.truncate(2);
            if let Some(first) = near.first().filter(|first| first.bits > best.bits) {
                best = first.clone();
            }
            let others = near.into_iter().filter(|other| other.phase != best.phase);
            found.extend(others);
            found.push(best);
            turn *= 2;
        }
        found.sort_by(|a, b| b.bits.total_cmp(&a.bits));
        found.truncate(at_most);
        found
    }
}

fn bits_of(shares: &[f32], weight: f32) -> Vec<f32> {
    let (sum, count) = (shares.iter().sum::<f32>().max(1e-9), shares.len() as f32);
    let share = |share: &f32| (1.0 - UNIFORM) * share / sum + UNIFORM / count;
    shares.iter().map(|s| (share(s) * count).log2() * weight).collect()
}

/// The assignment of one column to each line with the greatest sum (the Hungarian method).
pub(crate) fn assignment(gain: &[Vec<f32>]) -> (Vec<usize>, f32) {
    let n = gain.len();
    let (mut u, mut v) = (vec![0.0f64; n + 1], vec![0.0f64; n + 1]);
    // The line of each column, both counted from 1; 0: none.
    let mut line_of = vec![0usize; n + 1];
    for line in 1..=n {
        line_of[0] = line;
        let (mut least, mut used) = (vec![f64::INFINITY; n + 1], vec![false; n + 1]);
        let (mut from, mut column) = (vec![0usize; n + 1], 0);
        loop {
            used[column] = true;
            let (current, mut delta, mut next) = (line_of[column], f64::INFINITY, 0);
            for other in 1..=n {
                if used[other] {
                    continue;
                }
                let cost = -f64::from(gain[current - 1][other - 1]) - u[current] - v[other];
                if cost < least[other] {
                    (least[other], from[other]) = (cost, column);
                }
                if least[other] < delta {
                    (delta, next) = (least[other], other);
                }
            }
            for other in 0..=n {
                if used[other] {
                    u[line_of[other]] += delta;
                    v[other] -= delta;
                } else {
                    least[other] -= delta;
                }
            }
            column = next;
            if line_of[column] == 0 {
                break;
            }
        }
        while column != 0 {
            line_of[column] = line_of[from[column]];
            column = from[column];
        }
    }
    let mut columns = vec![0; n];
    (1..=n).for_each(|column| columns[line_of[column] - 1] = column - 1);
    let sum = columns.iter().enumerate().map(|(line, column)| gain[line][*column]).sum();
    (columns, sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_orders(n: usize) -> Vec<Vec<usize>> {
        if n == 0 {
            return vec![Vec::new()];
        }
        let longer = |order: Vec<usize>| {
            (0..n).map(move |at| {
                let mut order = order.clone();
                order.insert(at, n - 1);
                order
            })
        };
        all_orders(n - 1).into_iter().flat_map(longer).collect()
    }

    #[test]
    fn the_assignment_is_the_best_of_all() {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 65536.0 - 128.0
        };
        for n in 1..=6 {
            for _ in 0..20 {
                let gain: Vec<Vec<f32>> =
                    (0..n).map(|_| (0..n).map(|_| next()).collect()).collect();
                let sum = |order: &Vec<usize>| -> f32 {
                    order.iter().enumerate().map(|(line, column)| gain[line][*column]).sum()
                };
                let best = all_orders(n).iter().map(sum).fold(f32::MIN, f32::max);
                assert!((assignment(&gain).1 - best).abs() < 1e-2);
            }
        }
    }

    #[test]
    fn a_rotation_is_found_with_its_turn_and_phase() {
        for (turn, phase, columns) in [(4, 3, vec![2, 0, 1]), (1, 0, vec![0, 1, 2, 3])] {
            let count = columns.len() as u64;
            let row = |page: u64| {
                let bin = (page + turn * count - phase) / turn % count;
                let parity = columns[bin as usize];
                (page, (0..columns.len()).map(|c| if c == parity { 0.2 } else { -0.2 }).collect())
            };
            let votes = Votes { rows: (0..400).map(row).collect() };
            let best = votes.folds(4).remove(0);
            assert_eq!((best.turn, best.phase, &best.columns), (turn, phase, &columns));
        }
    }
}
