// SPDX-License-Identifier: MIT OR Apache-2.0
//! The bytes behind the last whole step of a block, one column at a time: what every operation
//! means, in a line or two.
//!
//! Blocks of disks are multiples of 512 bytes and have no tail. Each function here does what the
//! kernel of its name does, for the columns from `from` on.
#![forbid(unsafe_code)]

use super::Row;
use crate::gf256;
use crate::parity::{Change, Located, Suspects, inverse_power, two_data_coefficients};
use core::ops::ControlFlow;

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

/// The bytes from `from` on, and the sums of their columns.
fn columns<'a>(
    out: &'a mut [u8],
    data: Row<'a>,
    from: usize,
) -> impl Iterator<Item = (&'a mut u8, u8, u8)> {
    let bytes = out.get_mut(from..).unwrap_or_default().iter_mut();
    (from..).zip(bytes).map(move |(column, byte)| {
        let (p, q) = sums(data, column);
        (byte, p, q)
    })
}

#[cold]
pub(super) fn xor_into(dst: &mut [u8], srcs: &[&[u8]], from: usize) {
    for src in srcs {
        let bytes = dst.get_mut(from..).unwrap_or_default().iter_mut();
        bytes.zip(tail(src, from)).for_each(|(dst, src)| *dst ^= src);
    }
}

#[cold]
pub(super) fn p_generate(p: &mut [u8], data: Row<'_>, from: usize) {
    columns(p, data, from).for_each(|(p, p_sum, _)| *p = p_sum);
}

#[cold]
pub(super) fn q_generate(q: &mut [u8], data: Row<'_>, from: usize) {
    columns(q, data, from).for_each(|(q, _, q_sum)| *q = q_sum);
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

#[cold]
pub(super) fn locate(
    suspects: &mut Suspects,
    p: &[u8],
    q: &[u8],
    data: Row<'_>,
    from: usize,
) -> ControlFlow<()> {
    (from..).zip(tail(p, from).zip(tail(q, from))).try_for_each(|(column, (p, q))| {
        let (p_sum, q_sum) = sums(data, column);
        suspects.columns(&[p ^ p_sum], &[q ^ q_sum])
    })
}

/// `parity += c · (old + new)`
#[cold]
pub(super) fn update(parity: &mut [u8], c: u8, old: &[u8], new: &[u8], from: usize) {
    let bytes = parity.get_mut(from..).unwrap_or_default().iter_mut();
    for ((parity, old), new) in bytes.zip(tail(old, from)).zip(tail(new, from)) {
        *parity ^= gf256::mul(c, old ^ new);
    }
}

/// `parity += sum of c · (old + new)`, where `c` is a change's coefficient.
#[cold]
pub(super) fn update_blocks(
    parity: &mut [u8],
    coefficient: impl Fn(&Change<'_>) -> u8,
    changes: &[Change<'_>],
    from: usize,
) {
    for (column, parity) in (from..).zip(parity.get_mut(from..).unwrap_or_default()) {
        let byte = |block: Option<&[u8]>| {
            block.and_then(|block| block.get(column)).copied().unwrap_or_default()
        };
        for change in changes {
            *parity ^= gf256::mul(coefficient(change), byte(change.old) ^ byte(change.new));
        }
    }
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
        let _ = suspects.columns(&[p ^ p_sum], &[q ^ q_sum]);
        match suspects.verdict(data.blocks()) {
            Located::Clean => None,
            verdict => Some((column, verdict)),
        }
    })
}

#[cold]
pub(super) fn recover_data(x: &mut [u8], data: Row<'_>, p: &[u8], from: usize) {
    for ((x, p_sum, _), p) in columns(x, data, from).zip(tail(p, from)) {
        *x = p_sum ^ p;
    }
}

#[cold]
pub(super) fn recover_data_from_q(x: (u8, &mut [u8]), data: Row<'_>, q: &[u8], from: usize) {
    for ((lost, _, q_sum), q) in columns(x.1, data, from).zip(tail(q, from)) {
        *lost = gf256::mul(inverse_power(x.0), q_sum ^ q);
    }
}

#[cold]
pub(super) fn recover_data_data(
    x: (u8, &mut [u8]),
    y: (u8, &mut [u8]),
    data: Row<'_>,
    (p, q): (&[u8], &[u8]),
    from: usize,
) {
    let Some((a, b)) = two_data_coefficients(x.0, y.0) else { return };
    let stored = tail(p, from).zip(tail(q, from));
    let lost = columns(x.1, data, from).zip(y.1.get_mut(from..).unwrap_or_default());
    for (((x, p_sum, q_sum), y), (p, q)) in lost.zip(stored) {
        *x = gf256::mul(a, p_sum ^ p) ^ gf256::mul(b, q_sum ^ q);
        *y = *x ^ p_sum ^ p;
    }
}

#[cold]
pub(super) fn recover_data_p(
    x: (u8, &mut [u8]),
    p: &mut [u8],
    data: Row<'_>,
    q: &[u8],
    from: usize,
) {
    let lost = columns(x.1, data, from).zip(p.get_mut(from..).unwrap_or_default());
    for (((lost, p_sum, q_sum), p), q) in lost.zip(tail(q, from)) {
        *lost = gf256::mul(inverse_power(x.0), q_sum ^ q);
        *p = p_sum ^ *lost;
    }
}

#[cold]
pub(super) fn recover_data_q(
    x: (u8, &mut [u8]),
    q: &mut [u8],
    data: Row<'_>,
    p: &[u8],
    from: usize,
) {
    let lost = columns(x.1, data, from).zip(q.get_mut(from..).unwrap_or_default());
    for (((lost, p_sum, q_sum), q), p) in lost.zip(tail(p, from)) {
        *lost = p_sum ^ p;
        *q = q_sum ^ gf256::mul(gf256::pow2(x.0), *lost);
    }
}
