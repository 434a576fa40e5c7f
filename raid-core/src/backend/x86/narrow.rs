// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where 512-bit kernels use 256 bits: P alone of rows that are not near the core.
//!
//! There is no arithmetic to speak of, and memory is read faster in the smaller steps: 8 to 10 % for 4
//! and 8 disks (Zen 4).
#![forbid(unsafe_code)]

use super::{avx2, avx512, avx512_gfni};
use crate::backend::{Locality, Ops, Row};

pub(super) static AVX512: Ops = Ops { p_generate, recover_data, ..avx512::OPS };
pub(super) static AVX512_GFNI: Ops = Ops { p_generate, recover_data, ..avx512_gfni::OPS };

#[target_feature(enable = "avx512f,avx512bw")]
fn p_generate(p: &mut [u8], data: Row<'_>) {
    if is_wide(p, data) {
        avx512::p_generate(p, data);
    } else {
        avx2::p_generate(p, data);
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn recover_data(x: &mut [u8], data: Row<'_>, p: &[u8]) {
    if is_wide(x, data) {
        avx512::recover_data(x, data, p);
    } else {
        avx2::recover_data(x, data, p);
    }
}

/// Whether 512 bits are no slower: near the core, and where a register is filled in part under a mask.
fn is_wide(block: &[u8], data: Row<'_>) -> bool {
    data.locality() == Locality::Cached || block.len() < 64
}
