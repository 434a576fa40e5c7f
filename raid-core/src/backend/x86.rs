// SPDX-License-Identifier: MIT OR Apache-2.0
//! x86-64: one file for each instruction set, and how results get past the cache.
//!
//! | constructor | CPU features | P and Q cost, operations per register and block |
//! |---|---|---|
//! | [`ssse3`](Backend::ssse3) | SSSE3 | 5 |
//! | [`avx2`](Backend::avx2) | AVX2 | 5 |
//! | [`avx2_gfni`](Backend::avx2_gfni) | AVX2, GFNI | 3 |
//! | [`avx512`](Backend::avx512) | AVX-512F, AVX-512BW | 3.5 |
//! | [`avx512_gfni`](Backend::avx512_gfni) | the same and GFNI | 2 |
//!
//! Only for targets with SSE2: on soft-float targets (`x86_64-unknown-none`) the code generator
//! aborts on these instructions.

use super::{Backend, Ops};
use crate::gf256;

mod affine;
mod avx2;
mod avx2_gfni;
mod avx512;
mod avx512_gfni;
#[cfg(feature = "std")]
mod caches;
mod narrow;
mod part;
mod sink;
mod ssse3;

/// The bias under which doubling needs no mask: `e = 2·e + 0x1D`.
///
/// Looking a byte up in a table of sixteen 0x1D gives 0 if its top bit is set and 0x1D if not, the
/// reverse of what doubling needs. So doubling that way is 0x1D off, which a Q that carries e from
/// start to end absorbs.
pub(super) const BIAS: u8 = match gf256::div(gf256::POLYNOMIAL, 3) {
    Some(bias) => bias,
    None => 0,
};

impl Backend {
    /// The SSSE3 kernels: safe from code that has SSSE3 itself, `unsafe` from anywhere else.
    ///
    /// # Safety
    ///
    /// - The CPU has SSSE3, and its registers may be used, wherever the value is.
    #[target_feature(enable = "ssse3")]
    #[must_use]
    pub const fn ssse3() -> Self {
        x86(&ssse3::OPS)
    }

    /// The AVX2 kernels: safe from code that has AVX2 itself, `unsafe` from anywhere else.
    ///
    /// # Safety
    ///
    /// - The CPU has AVX2, and its registers may be used, wherever the value is.
    #[target_feature(enable = "avx2")]
    #[must_use]
    pub const fn avx2() -> Self {
        x86(&avx2::OPS)
    }

    /// The kernels of CPUs with GFNI but without AVX-512: safe from code that has the features
    /// itself, `unsafe` from anywhere else.
    ///
    /// # Safety
    ///
    /// - The CPU has AVX2 and GFNI, and its registers may be used, wherever the value is.
    #[target_feature(enable = "avx2,gfni")]
    #[must_use]
    pub const fn avx2_gfni() -> Self {
        x86(&avx2_gfni::OPS)
    }

    /// The AVX-512 kernels: safe from code that has the features itself, `unsafe` from anywhere
    /// else.
    ///
    /// # Safety
    ///
    /// - The CPU has AVX-512F and AVX-512BW, and its registers may be used, wherever the value is.
    #[target_feature(enable = "avx512f,avx512bw")]
    #[must_use]
    pub const fn avx512() -> Self {
        x86(&narrow::AVX512)
    }

    /// The AVX-512 kernels that multiply with GFNI: safe from code that has the features itself,
    /// `unsafe` from anywhere else.
    ///
    /// # Safety
    ///
    /// - The CPU has AVX-512F, AVX-512BW and GFNI, and its registers may be used, wherever the
    ///   value is.
    #[target_feature(enable = "avx512f,avx512bw,gfni")]
    #[must_use]
    pub const fn avx512_gfni() -> Self {
        x86(&narrow::AVX512_GFNI)
    }
}

/// Callers have the instructions of `ops`.
const fn x86(ops: &'static Ops) -> Backend {
    Backend::new(ops)
}

#[cfg(feature = "std")]
pub(super) use caches::of_this_cpu;

/// The kernels that this CPU can run, the best first.
#[cfg(feature = "std")]
pub(super) fn native() -> [Option<Backend>; 5] {
    use std::arch::is_x86_feature_detected as has;
    let (avx2, gfni) = (has!("avx2"), has!("gfni"));
    let avx512 = has!("avx512f") && has!("avx512bw");
    [
        // SAFETY: detected; a user process keeps its CPU's features and registers for its life.
        (avx512 && gfni).then(|| unsafe { Backend::avx512_gfni() }),
        // SAFETY: as above.
        avx512.then(|| unsafe { Backend::avx512() }),
        // SAFETY: as above.
        (avx2 && gfni).then(|| unsafe { Backend::avx2_gfni() }),
        // SAFETY: as above.
        avx2.then(|| unsafe { Backend::avx2() }),
        // SAFETY: as above.
        has!("ssse3").then(|| unsafe { Backend::ssse3() }),
    ]
}
