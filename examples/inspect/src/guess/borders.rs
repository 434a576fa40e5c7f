// SPDX-License-Identifier: MIT OR Apache-2.0
//! What links between pages say about chunks, and about which chunk follows which.
//!
//! All scores are differences to "every page continues on its own member", over the same pages: a hypothesis
//! gains where it breaks a link that is not there, and where it makes one that is.

use crate::guess::hypothesis::{Hypothesis, RowPlan};
use crate::guess::links::{INDEPENDENT, Links};
use crate::guess::sample::{PageState, Sample};

/// Pages of the longest chunk.
pub(crate) const LONGEST_CHUNK: u64 = 256;
/// Borders that are looked at for one chunk size and phase.
const BORDERS: usize = 300;
/// Bits of a column that has the borders of chunks, and of one that goes on where they would be.
const BROKEN: f32 = 4.0;
const UNBROKEN: f32 = -6.0;
/// The sample is judged in this many parts as well.
pub(crate) const PARTS: usize = 4;

/// Links of every page to the one before it on the same column.
#[derive(Debug)]
pub(crate) struct SelfLinks {
    /// Page number, and the bits of each column.
    rows: Vec<(u64, Vec<f32>)>,
}

/// One place where chunks begin.
#[derive(Debug)]
struct Border {
    page: u64,
    part: usize,
    /// Bits that the first page on a column follows the last page of its row of chunks on another one.
    same_row: Vec<Vec<Option<f32>>>,
    /// The same of the last page of the row before.
    row_before: Vec<Vec<Option<f32>>>,
}

/// The borders of one chunk size and phase.
#[derive(Debug)]
pub(crate) struct Borders {
    pub(crate) chunk: u64,
    pub(crate) phase: u64,
    columns: usize,
    scale: f32,
    borders: Vec<Border>,
}

/// What borders say about a hypothesis.
#[derive(Clone, Debug, Default)]
pub(crate) struct Score {
    /// Bits in all.
    pub(crate) bits: f32,
    /// Bits of the links it makes, without those of the links it breaks.
    pub(crate) order: f32,
    pub(crate) parts: [f32; PARTS],
    /// For each ordered pair of columns that follow one another: borders that say something, bits.
    pub(crate) edges: Vec<Vec<(u32, f32)>>,
}

impl SelfLinks {
    pub(crate) fn new(sample: &Sample, masked: &[bool], links: &Links) -> Self {
        let mut rows = Vec::new();
        for row in 1..sample.rows() {
            if sample.unit_of(row) != sample.unit_of(row - 1) || masked[row] || masked[row - 1] {
                continue;
            }
            let link = |column: &crate::guess::sample::Column| {
                let absent = [row, row - 1].iter().any(|r| column.state(*r) == PageState::Absent);
                let bits = links.between(column.page(row - 1), column.page(row));
                if absent { 0.0 } else { bits.unwrap_or(0.0) * INDEPENDENT }
            };
            rows.push((sample.page_number(row), sample.columns().iter().map(link).collect()));
        }
        Self { rows }
    }

    /// Bits that chunks of so many pages begin at `phase`.
    pub(crate) fn chunk_bits(&self, chunk: u64, phase: u64) -> f32 {
        let begins = self.rows.iter().filter(|(page, _)| page % chunk == phase);
        -begins.map(|(_, bits)| bits.iter().sum::<f32>()).sum::<f32>()
    }

    /// The column that goes on where all others have the borders of chunks, if there is one: a disk of another array, or
    /// of none. Only what this says without the column can be trusted.
    pub(crate) fn unbroken_column(&self) -> Option<usize> {
        let columns = self.rows.first().map_or(0, |(_, bits)| bits.len());
        let mut best: Option<(f32, usize)> = None;
        for odd in (0..columns).filter(|_| columns > 2) {
            let Some(sums) = self.best_borders_without(odd, columns) else { continue };
            let broken = |(column, bits): (usize, &f32)| column == odd || *bits > BROKEN;
            let own = sums[odd];
            if own < UNBROKEN
                && sums.iter().enumerate().all(broken)
                && best.is_none_or(|(least, _)| own < least)
            {
                best = Some((own, odd));
            }
        }
        best.map(|(_, column)| column)
    }

    /// Bits of each column at the chunk size and phase that the columns other than `odd` have together.
    fn best_borders_without(&self, odd: usize, columns: usize) -> Option<Vec<f32>> {
        let others = |sums: &Vec<f32>| {
            sums.iter()
                .enumerate()
                .filter(|(column, _)| *column != odd)
                .map(|(_, b)| b)
                .sum::<f32>()
        };
        let mut all = Vec::new();
        let mut chunk = 1;
        while chunk <= LONGEST_CHUNK {
            let mut phases = vec![vec![0.0f32; columns]; chunk as usize];
            for (page, bits) in &self.rows {
                let sums = &mut phases[(page % chunk) as usize];
                sums.iter_mut().zip(bits).for_each(|(sum, bits)| *sum -= bits);
            }
            all.extend(phases);
            chunk *= 2;
        }
        all.into_iter().max_by(|a, b| others(a).total_cmp(&others(b)))
    }

    /// The chunk sizes and phases, best first, two phases of each size.
    pub(crate) fn chunks(&self) -> Vec<(f32, u64, u64)> {
        let mut found = Vec::new();
        let mut chunk = 1;
        while chunk <= LONGEST_CHUNK {
            let mut sums = vec![0.0f32; chunk as usize];
            for (page, bits) in &self.rows {
                sums[(page % chunk) as usize] -= bits.iter().sum::<f32>();
            }
            let phases = sums.iter().enumerate().map(|(phase, bits)| (*bits, chunk, phase as u64));
            let mut phases: Vec<(f32, u64, u64)> = phases.collect();
            phases.sort_by(|a, b| b.0.total_cmp(&a.0));
            found.extend(phases.into_iter().take(2));
            chunk *= 2;
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        found
    }
}

impl Borders {
    pub(crate) fn new(
        sample: &Sample,
        masked: &[bool],
        links: &Links,
        (chunk, phase): (u64, u64),
    ) -> Self {
        let begins = |row: &usize| {
            sample.page_number(*row) % chunk == phase
                && *row > 0
                && sample.unit_of(*row) == sample.unit_of(*row - 1)
                && !masked[*row]
                && !masked[*row - 1]
                && sample.columns().iter().any(|c| c.has_data(*row) || c.has_data(*row - 1))
        };
        let rows: Vec<usize> = (0..sample.rows()).filter(begins).collect();
        let used = rows.len().min(BORDERS);
        let scale = rows.len() as f32 / used.max(1) as f32;
        let columns = sample.columns();
        let matrix = |first: Option<usize>, second: usize| -> Vec<Vec<Option<f32>>> {
            let line = |a: &crate::guess::sample::Column| {
                let bits = |b: &crate::guess::sample::Column| {
                    let first = first.filter(|row| a.state(*row) != PageState::Absent)?;
                    if b.state(second) == PageState::Absent {
                        return None;
                    }
                    links.between(a.page(first), b.page(second))
                };
                columns.iter().map(bits).collect()
            };
            columns.iter().map(line).collect()
        };
        let border = |row: usize| {
            let page = sample.page_number(row);
            let last = sample.row_of(page + chunk - 1).filter(|last| !masked[*last]);
            Border {
                page,
                part: row * PARTS / sample.rows().max(1),
                same_row: matrix(last, row),
                row_before: matrix(Some(row - 1), row),
            }
        };
        let borders = (0..used).map(|n| border(rows[n * rows.len() / used.max(1)])).collect();
        Self { chunk, phase, columns: columns.len(), scale, borders }
    }

    /// What they say about a hypothesis of the same chunk size and phase.
    pub(crate) fn score(&self, hypothesis: &Hypothesis) -> Score {
        let edges = vec![vec![(0, 0.0); self.columns]; self.columns];
        let mut score = Score { edges, ..Score::default() };
        let weight = INDEPENDENT * self.scale;
        for border in &self.borders {
            let row = hypothesis.row(border.page);
            let before = hypothesis.row_before(border.page);
            let broken = |column: usize| border.row_before[column][column].unwrap_or(0.0);
            let mut bits: f32 = -(0..self.columns).map(broken).sum::<f32>();
            for (index, column) in row.data.iter().enumerate() {
                let Some((from, link)) = self.link(border, row, before, index) else { continue };
                bits += link;
                score.order += link * weight;
                let edge = &mut score.edges[from][*column];
                *edge = (edge.0 + 1, edge.1 + link * weight);
            }
            score.bits += bits * weight;
            score.parts[border.part.min(PARTS - 1)] += bits * weight;
        }
        score
    }

    fn link(
        &self,
        border: &Border,
        row: &RowPlan,
        before: &RowPlan,
        index: usize,
    ) -> Option<(usize, f32)> {
        let column = *row.data.get(index)?;
        let (from, links) = match index.checked_sub(1) {
            Some(previous) => (*row.data.get(previous)?, &border.same_row),
            None => (*before.data.last()?, &border.row_before),
        };
        Some((from, links[from][column]?))
    }

    /// The best orders of columns whose rows are all alike, best first: every order, if `among` is short.
    pub(crate) fn orders(&self, among: &[usize], at_most: usize) -> Vec<Vec<usize>> {
        let total = |of: fn(&Border) -> &Vec<Vec<Option<f32>>>, a: usize, b: usize| {
            self.borders.iter().filter_map(|border| of(border)[a][b]).sum::<f32>()
        };
        let table = |of: fn(&Border) -> &Vec<Vec<Option<f32>>>| -> Vec<Vec<f32>> {
            (0..self.columns)
                .map(|a| (0..self.columns).map(|b| total(of, a, b)).collect())
                .collect()
        };
        let (same, before) = (table(|b| &b.same_row), table(|b| &b.row_before));
        let mut best: Vec<(f32, Vec<usize>)> = Vec::new();
        let mut order = among.to_vec();
        permutations(&mut order, 0, &mut |order| {
            let path: f32 = order.windows(2).map(|pair| same[pair[0]][pair[1]]).sum();
            let (first, last) = (order[0], order[order.len() - 1]);
            let bits = path + before[last][first];
            if best.len() == at_most && best.last().is_some_and(|(least, _)| bits <= *least) {
                return;
            }
            let at = best.partition_point(|(other, _)| *other >= bits);
            best.insert(at, (bits, order.to_vec()));
            best.truncate(at_most);
        });
        best.into_iter().map(|(_, order)| order).collect()
    }
}

fn permutations(order: &mut [usize], from: usize, each: &mut dyn FnMut(&[usize])) {
    if order.is_empty() || from + 1 >= order.len() {
        if !order.is_empty() {
            each(order);
        }
        return;
    }
    for with in from..order.len() {
        order.swap(from, with);
        permutations(order, from + 1, each);
        order.swap(from, with);
    }
}
