// SPDX-License-Identifier: MIT OR Apache-2.0
//! How likely it is that one page follows another in the volume, in bits.
//!
//! The end of the first page is compared with the beginning of the second: what kind of content each is, how
//! many three-byte sequences they share, and whether the sequences across the border occur elsewhere. What each
//! outcome is evidence for is measured on the set itself: the two halves of a page follow one another; the first
//! half of a page and the second half of another member's page at the same place do not.

use crate::guess::sample::{PAGE, Sample};

/// Bytes of a page's end or beginning that decide its kind.
const HALF: usize = PAGE / 2;
/// Bytes whose sequences are compared.
const NEAR: usize = 400;
const BINS: usize = 1024;
/// Steps of similarity.
const STEPS: usize = 10;
/// Pages of a member whose sequences are taken as known, and pages that calibrate.
const KNOWN_PAGES: usize = 150;
const CALIBRATION: usize = 4000;
/// Bits of the set of known sequences.
const KNOWN_BITS: u32 = 22;
/// Outcomes: kind × kind × similarity × known sequences across the border.
const OUTCOMES: usize = 4 * 4 * STEPS * 4;
/// Neighbouring links are not independent: of their sum this part counts.
pub(crate) const INDEPENDENT: f32 = 0.25;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Zero,
    /// Zero next to the border only: a file ends or begins there.
    Edge,
    Content,
    /// Compressed or encrypted.
    Random,
}

/// The model, calibrated on one sample.
#[derive(Debug)]
pub(crate) struct Links {
    weights: Vec<f32>,
    known: Vec<u64>,
    bits: Vec<f32>,
}

impl Links {
    pub(crate) fn calibrate(sample: &Sample, masked: &[bool]) -> Self {
        let columns = sample.columns();
        let rows: Vec<usize> = (0..sample.rows()).filter(|row| !masked[*row]).collect();
        let mut links = Self {
            weights: vec![1.0; BINS],
            known: vec![0; (1 << KNOWN_BITS) / 64],
            bits: vec![0.0; OUTCOMES],
        };
        links.learn_sequences(sample, &rows);
        let (mut follow, mut apart) = (vec![0u32; OUTCOMES], vec![0u32; OUTCOMES]);
        let step = (rows.len() * columns.len() / CALIBRATION).max(1);
        for (n, row) in rows.iter().enumerate() {
            for (member, column) in columns.iter().enumerate() {
                if !(n * columns.len() + member).is_multiple_of(step) || !column.has_data(*row) {
                    continue;
                }
                let (first, second) = column.page(*row).split_at(HALF);
                if let Some(outcome) = links.outcome(first, second) {
                    follow[outcome] += 1;
                }
                let others = (1..columns.len()).map(|on| ((member + on) % columns.len(), *row));
                // A lone column is compared with itself, far away.
                let far = rows[(n + rows.len() / 2) % rows.len()];
                let lone = (columns.len() == 1).then_some((member, far));
                let others =
                    others.chain(lone).filter(|(other, row)| columns[*other].has_data(*row));
                for (other, row) in others.take(2) {
                    let second = &columns[other].page(row)[HALF..];
                    if let Some(outcome) = links.outcome(first, second) {
                        apart[outcome] += 1;
                    }
                }
            }
        }
        let total = |counts: &[u32]| counts.iter().sum::<u32>() as f32 + OUTCOMES as f32 * 0.1;
        let (all_follow, all_apart) = (total(&follow), total(&apart));
        for outcome in 0..OUTCOMES {
            let p = (follow[outcome] as f32 + 0.1) / all_follow;
            let q = (apart[outcome] as f32 + 0.1) / all_apart;
            let bits = ((0.8 * p + 0.2 * q) / q).log2();
            let rare = follow[outcome] + apart[outcome] < 8;
            let (low, high) = if rare { (-0.5, 0.5) } else { (-2.3, 4.0) };
            links.bits[outcome] = bits.clamp(low, high);
        }
        links
    }

    fn learn_sequences(&mut self, sample: &Sample, rows: &[usize]) {
        let mut pages_with = vec![1u32; BINS];
        let mut pages = 1u32;
        for column in sample.columns() {
            let content = |row: &&usize| {
                column.has_data(**row) && kind(&column.page(**row)[HALF..], HALF) == Kind::Content
            };
            let content: Vec<usize> = rows.iter().filter(content).copied().collect();
            let step = content.len().div_ceil(KNOWN_PAGES).max(1);
            for row in content.into_iter().step_by(step) {
                let page = column.page(row);
                for sequence in page.windows(4) {
                    let (word, bit) = known_place(sequence);
                    self.known[word] |= bit;
                }
                pages += 1;
                let mut seen = vec![false; BINS];
                page[..NEAR].windows(3).for_each(|three| seen[bin(three)] = true);
                pages_with.iter_mut().zip(seen).for_each(|(n, seen)| *n += u32::from(seen));
            }
        }
        for (weight, with) in self.weights.iter_mut().zip(pages_with) {
            *weight = (pages as f32 / with as f32).max(1.0).ln() + 0.05;
        }
    }

    /// Which outcome the border between these bytes is; `None` where it says nothing.
    fn outcome(&self, before: &[u8], after: &[u8]) -> Option<usize> {
        let (a, b) = (kind(before, before.len()), kind(after, 0));
        if a == Kind::Zero && b == Kind::Zero {
            return None;
        }
        let kinds = (a as usize * 4 + b as usize) * STEPS * 4;
        if a != Kind::Content || b != Kind::Content {
            return Some(kinds);
        }
        let x = self.bag(&before[before.len() - NEAR..]);
        let y = self.bag(&after[..NEAR]);
        let alike: f32 = x.iter().zip(&y).map(|(x, y)| x * y).sum();
        let step = ((alike.clamp(0.0, 1.0).sqrt() * STEPS as f32) as usize).min(STEPS - 1);
        let mut border = [0; 6];
        border[..3].copy_from_slice(&before[before.len() - 3..]);
        border[3..].copy_from_slice(&after[..3]);
        let is_known = |sequence: &&[u8]| {
            let (word, bit) = known_place(sequence);
            self.known[word] & bit != 0
        };
        let known = border.windows(4).filter(is_known).count();
        Some(kinds + step * 4 + known)
    }

    /// Three-byte sequences, weighted by how rare they are, of length 1.
    fn bag(&self, bytes: &[u8]) -> Vec<f32> {
        let mut bag = vec![0.0f32; BINS];
        bytes.windows(3).for_each(|three| bag[bin(three)] += 1.0);
        bag.iter_mut()
            .zip(&self.weights)
            .for_each(|(count, weight)| *count = count.sqrt() * weight);
        let length = bag.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-6);
        bag.iter_mut().for_each(|x| *x /= length);
        bag
    }

    /// Bits of evidence that the second page follows the first; `None` where it says nothing.
    pub(crate) fn between(&self, first: &[u8], second: &[u8]) -> Option<f32> {
        self.outcome(&first[HALF..], &second[..HALF]).map(|outcome| self.bits[outcome])
    }
}

/// What these bytes are; `border` is the side on which they meet others: 0 or their length.
fn kind(bytes: &[u8], border: usize) -> Kind {
    if bytes.iter().all(|byte| *byte == 0) {
        return Kind::Zero;
    }
    let near = if border == 0 { &bytes[..48] } else { &bytes[border - 48..] };
    if near.iter().all(|byte| *byte == 0) {
        return Kind::Edge;
    }
    let mut seen = [false; 256];
    bytes.iter().step_by(4).for_each(|byte| seen[usize::from(*byte)] = true);
    if seen.iter().filter(|seen| **seen).count() > 195 { Kind::Random } else { Kind::Content }
}

fn bin(three: &[u8]) -> usize {
    let word = three.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte));
    (word.wrapping_mul(0x9E37_79B1) >> 22) as usize
}

fn known_place(four: &[u8]) -> (usize, u64) {
    let word = four.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte));
    let hash = word.wrapping_mul(0x9E37_79B1) >> (32 - KNOWN_BITS);
    (hash as usize / 64, 1 << (hash % 64))
}
