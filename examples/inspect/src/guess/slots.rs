// SPDX-License-Identifier: MIT OR Apache-2.0
//! Orders of P and Q whose exponents count slots: each data page names the slot of its disk.
//!
//! With the order known, chunk, placement and start are tried one by one against the rows. That works where P and Q
//! cannot be told from each other in any row: exchanged, they fit the same relation if the missing member has
//! exponent 0.

use crate::guess::algebra::Parities;
use crate::guess::borders::LONGEST_CHUNK;
use crate::guess::redundancy::Found;
use crate::guess::sample::Sample;
use raid_core::array::{Geometry, Placement};
use raid_core::layout::Layout;
use std::collections::BTreeMap;

/// Share of the rows that must give a column the same exponent, and that may contradict a start.
const SAME: f32 = 0.8;
const CONTRADICTIONS: f32 = 0.1;
/// Starts that are followed up for each placement and chunk.
const STARTS: usize = 2;

/// The column of each slot, if exponents count slots.
pub(crate) fn order(found: &Found, count: usize) -> Option<Vec<usize>> {
    let mut order = vec![None; count];
    for column in 0..count {
        let mut counts: BTreeMap<u8, usize> = BTreeMap::new();
        let solutions = found.double.values().filter_map(|solutions| solutions.first());
        for exponent in solutions.filter_map(|first| first.exponents.get(column).copied().flatten())
        {
            *counts.entry(exponent).or_default() += 1;
        }
        let all: usize = counts.values().sum();
        let (exponent, most) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        let slot = order.get_mut(usize::from(exponent))?;
        if (most as f32) < SAME * all as f32 || slot.is_some() {
            return None;
        }
        *slot = Some(column);
    }
    order.into_iter().collect()
}

/// Starts of a chunk size at which few rows contradict, those with the fewest first.
pub(crate) fn starts(
    sample: &Sample,
    found: &Found,
    order: &[usize],
    shape: &Geometry,
) -> Vec<u64> {
    let Ok(layout) = Layout::new(shape) else { return Vec::new() };
    let (count, chunk) = (order.len() as u64, shape.strip.0);
    let column = |row: u64, index: u8| {
        let slot = layout.row_map(row)?.parity_slot(index)?;
        order.get(usize::from(slot.0)).copied()
    };
    let parities: Vec<_> = (0..count).map(|row| (column(row, 0), column(row, 1))).collect();
    let rows: Vec<(u64, &Vec<Parities>)> =
        found.double.iter().map(|(row, found)| (sample.page_number(*row), found)).collect();
    let allowed = (CONTRADICTIONS * rows.len() as f32) as usize;
    let mut best = Vec::new();
    for start in 0..chunk * count {
        let mut wrong = 0;
        for (page, solutions) in &rows {
            let row = (page + chunk * count - start) / chunk % count;
            let (p, q) = parities[row as usize];
            let fits = |s: &Parities| (s.p.is_none() || s.p == p) && s.q == q;
            wrong += usize::from(!solutions.iter().any(fits));
            if wrong > allowed {
                break;
            }
        }
        if wrong <= allowed {
            best.push((wrong, start));
        }
    }
    best.sort_unstable();
    best.into_iter().take(STARTS).map(|(_, start)| start).collect()
}

/// Chunk sizes that are tried, in pages.
pub(crate) fn chunks() -> impl Iterator<Item = u64> {
    (0..).map(|shift| 1 << shift).take_while(|chunk| *chunk <= LONGEST_CHUNK)
}

/// All placements of P and Q that rotate.
pub(crate) const ROTATING: [Placement; 4] =
    [Placement::NContinue, Placement::NRestart, Placement::ZeroContinue, Placement::ZeroRestart];
