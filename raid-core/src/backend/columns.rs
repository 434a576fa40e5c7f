// SPDX-License-Identifier: MIT OR Apache-2.0
//! Single byte columns: what every operation means, in a line or two.
//!
//! For those who ask column by column, and for where in the rest of a block a difference is.
#![forbid(unsafe_code)]

use super::Row;
use crate::gf256;
use crate::parity::{Located, Suspects};

/// The sums of P and Q in one column.
fn sums(data: Row<'_>, column: usize) -> (u8, u8) {
    data.blocks().iter().rev().fold((0, 0), |(p, q), block| {
        let byte = block.and_then(|block| block.get(column)).copied().unwrap_or(0);
        (p ^ byte, gf256::double(q) ^ byte)
    })
}

fn tail(block: &[u8], from: usize) -> impl Iterator<Item = u8> {
    block.get(from..).unwrap_or_default().iter().copied()
}

#[cold]
pub(super) fn p_check(p: &[u8], data: Row<'_>, from: usize) -> Option<usize> {
    let differs = |(column, p): &(usize, u8)| sums(data, *column).0 != *p;
    (from..).zip(tail(p, from)).find(differs).map(|(column, _)| column)
}

#[cold]
pub(super) fn pq_check(p: &[u8], q: &[u8], data: Row<'_>, from: usize) -> Option<usize> {
    let differs = |(column, pq): &(usize, (u8, u8))| sums(data, *column) != *pq;
    (from..).zip(tail(p, from).zip(tail(q, from))).find(differs).map(|(column, _)| column)
}

/// The columns from `from` on that are not clean, each with its verdict.
pub(super) fn locate_columns<'a>(
    p: &'a [u8],
    q: &'a [u8],
    data: Row<'a>,
    from: usize,
) -> impl Iterator<Item = (usize, Located)> + use<'a> {
    (from..).zip(tail(p, from).zip(tail(q, from))).filter_map(move |(column, (p, q))| {
        let (p_sum, q_sum) = sums(data, column);
        let mut suspects = Suspects::none();
        // Whether more columns could say more: there are no more.
        let _ = suspects.columns(&[p ^ p_sum], &[q ^ q_sum]);
        match suspects.verdict(data.blocks()) {
            Located::Clean => None,
            verdict => Some((column, verdict)),
        }
    })
}
