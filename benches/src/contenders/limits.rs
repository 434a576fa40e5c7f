// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the machine can do: the loads and stores of an operation, without its arithmetic.
//!
//! | name | does |
//! |---|---|
//! | `limit-read` | loads all that is read |
//! | `limit-rw` | and stores all that is written |
//! | `limit-rw-nt` | the stores past the cache |
//!
//! Nothing else, by the widest registers of the machine. Each in steps of several sizes, which the name
//! ends with: the best of them is the limit.

use super::{Contender, Proof, Role};
use crate::stripes::{Operation, Stripe};

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn contenders(_: Operation) -> Vec<Contender> {
    let _: fn(&mut Stripe<'_>) = |_| {};
    let _ = Role::Limit;
    Vec::new()
}

#[cfg(target_arch = "x86_64")]
pub(super) fn contenders(operation: Operation) -> Vec<Contender> {
    let wide = std::arch::is_x86_feature_detected!("avx512f");
    if !wide && !std::arch::is_x86_feature_detected!("avx") {
        return Vec::new();
    }
    let mut all = Vec::new();
    for step in [64, 256, 512, 4096] {
        all.push(limit("limit-read", wide, 0, step));
        if operation != Operation::Check {
            all.push(limit("limit-rw", wide, 1, step));
            if operation != Operation::Update {
                all.push(limit("limit-rw-nt", wide, 2, step));
            }
        }
    }
    all
}

/// `stores`: 0 none, 1 plain, 2 past the cache.
#[cfg(target_arch = "x86_64")]
fn limit(name: &str, wide: bool, stores: u8, step: usize) -> Contender {
    let pass = match (wide, stores) {
        (true, 0) => x86::wide_read,
        (true, 1) => x86::wide_write,
        (true, _) => x86::wide_stream,
        (false, 0) => x86::narrow_read,
        (false, 1) => x86::narrow_write,
        (false, _) => x86::narrow_stream,
    };
    let run = move |row: &mut Stripe<'_>| {
        let len = row.block_len();
        let outputs = {
            let parts = row.parts();
            usize::from(!parts.x.is_empty()) + usize::from(!parts.y.is_empty())
        };
        let (read, written) = row.pointers().split_at(row.pointers().len() - outputs);
        // SAFETY: all blocks of the row have `len` bytes, which is a multiple of the step; those written
        // are the row's own, which is borrowed exclusively. The instructions were detected.
        unsafe { pass(read, written, len, step.min(len)) };
        true
    };
    Contender {
        proof: Proof::Nothing,
        ..Contender::new(format!("{name}-{step}"), Role::Limit, Box::new(run))
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::asm;

    macro_rules! pass {
        ($name:ident, $feature:literal, $load:literal, $store:literal, $register:literal, $bytes:literal) => {
            /// # Safety
            ///
            /// - Blocks of `len` bytes, a multiple of `width`, which is one of 64, at each address; nobody else uses those
            ///   that are written.
            /// - The CPU has the instructions.
            #[target_feature(enable = $feature)]
            pub(super) unsafe fn $name(
                read: &[*mut u8],
                written: &[*mut u8],
                len: usize,
                width: usize,
            ) {
                for step in (0..len).step_by(width) {
                    for block in read {
                        for at in (step..step + width).step_by($bytes) {
                            // SAFETY: reads inside the block.
                            unsafe {
                                asm!(
                                    concat!($load, " ", $register, "0, [{block} + {at}]"),
                                    block = in(reg) *block, at = in(reg) at,
                                    out("xmm0") _,
                                    options(nostack, readonly, preserves_flags),
                                );
                            }
                        }
                    }
                    if $store.is_empty() {
                        continue;
                    }
                    for block in written {
                        for at in (step..step + width).step_by($bytes) {
                            // SAFETY: writes inside the block.
                            unsafe {
                                asm!(
                                    concat!($store, " [{block} + {at}], ", $register, "0"),
                                    block = in(reg) *block, at = in(reg) at,
                                    options(nostack, preserves_flags),
                                );
                            }
                        }
                    }
                }
                // SAFETY: orders stores, touches nothing.
                unsafe { asm!("sfence", options(nostack, preserves_flags)) };
            }
        };
    }

    pass!(wide_read, "avx512f", "vmovdqu64", "#", "zmm", 64);
    pass!(wide_write, "avx512f", "vmovdqu64", "vmovdqu64", "zmm", 64);
    pass!(wide_stream, "avx512f", "vmovdqu64", "vmovntdq", "zmm", 64);
    pass!(narrow_read, "avx", "vmovdqu", "#", "ymm", 32);
    pass!(narrow_write, "avx", "vmovdqu", "vmovdqu", "ymm", 32);
    pass!(narrow_stream, "avx", "vmovdqu", "vmovntdq", "ymm", 32);
}
