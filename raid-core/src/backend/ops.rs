// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table of kernels behind a [`Backend`](super::Backend), as an embedder may supply it.

use super::{Locality, Row, portable};
use crate::parity::{Change, Located};
use core::fmt;

/// Kernels of one instruction set, of an operating system's RAID library, or of an offload engine.
///
/// The fields are called as the methods of [`Backend`](super::Backend) of the same names, which
/// have checked everything: implementations need not. [`Row::locality`], or `locality` where
/// there is no row, says where the blocks are, and is never [`Locality::Unknown`]: how to use that is
/// up to the kernels.
///
/// An embedder that has only some of them takes the rest from [`Ops::PORTABLE`]:
/// `Ops { name: "engine", pq_generate, ..Ops::PORTABLE }`.
///
/// # Safety of the calls
///
/// All blocks of a call have the length of the row's, lost blocks are `None` in it and inside it, and the
/// instructions of the kernels may be used here and now.
#[derive(Clone, Copy)]
#[allow(clippy::type_complexity)]
pub struct Ops {
    /// Short name, for logs and test failures.
    pub name: &'static str,
    /// `dst ^= srcs[0] ^ srcs[1] ^ ...`
    pub xor_into: unsafe fn(dst: &mut [u8], srcs: &[&[u8]], locality: Locality),
    /// `p = sum of data[e]`
    pub p_generate: unsafe fn(p: &mut [u8], data: Row<'_>),
    /// `q = sum of 2^e · data[e]`
    pub q_generate: unsafe fn(q: &mut [u8], data: Row<'_>),
    /// Both sums in one pass.
    pub pq_generate: unsafe fn(p: &mut [u8], q: &mut [u8], data: Row<'_>),
    /// Offset of the first byte where `p` is not the sum.
    pub p_check: unsafe fn(p: &[u8], data: Row<'_>) -> Option<usize>,
    /// Offset of the first byte where `p` or `q` is not its sum.
    pub pq_check: unsafe fn(p: &[u8], q: &[u8], data: Row<'_>) -> Option<usize>,
    /// `p ^= old ^ new`, `q ^= 2^exponent · (old ^ new)`
    pub pq_update: unsafe fn(
        p: Option<&mut [u8]>,
        q: Option<&mut [u8]>,
        exponent: u8,
        old: &[u8],
        new: &[u8],
        locality: Locality,
    ),
    /// The same for several blocks, with `p` and `q` read and written once.
    pub pq_update_blocks: unsafe fn(
        p: Option<&mut [u8]>,
        q: Option<&mut [u8]>,
        changes: &[Change<'_>],
        locality: Locality,
    ),
    /// `x = p + sum of data[e]`
    pub recover_data: unsafe fn(x: &mut [u8], data: Row<'_>, p: &[u8]),
    /// The data block with exponent `x.0`, from Q.
    pub recover_data_from_q: unsafe fn(x: (u8, &mut [u8]), data: Row<'_>, q: &[u8]),
    /// Two data blocks from P and Q.
    pub recover_data_data:
        unsafe fn(x: (u8, &mut [u8]), y: (u8, &mut [u8]), data: Row<'_>, p: &[u8], q: &[u8]),
    /// A data block and P from Q.
    pub recover_data_p: unsafe fn(x: (u8, &mut [u8]), p: &mut [u8], data: Row<'_>, q: &[u8]),
    /// A data block and Q from P.
    pub recover_data_q: unsafe fn(x: (u8, &mut [u8]), q: &mut [u8], data: Row<'_>, p: &[u8]),
    /// Which block is wrong.
    pub locate: unsafe fn(p: &[u8], q: &[u8], data: Row<'_>) -> Located,
}

impl Ops {
    /// The kernels in plain Rust.
    pub const PORTABLE: Self = *portable::OPS;
}

impl fmt::Debug for Ops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ops({})", self.name)
    }
}
