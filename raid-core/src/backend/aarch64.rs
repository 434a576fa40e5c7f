// SPDX-License-Identifier: MIT OR Apache-2.0
//! AArch64: NEON.

use super::Backend;

mod neon;

impl Backend {
    /// The NEON kernels: safe from code that has NEON itself, `unsafe` from anywhere else.
    ///
    /// # Safety
    ///
    /// - The CPU has NEON, and its registers may be used, wherever the value is.
    #[target_feature(enable = "neon")]
    #[must_use]
    pub const fn neon() -> Self {
        Self::new(&neon::OPS)
    }
}

/// The kernels that this CPU can run.
#[cfg(feature = "std")]
pub(super) fn native() -> [Option<Backend>; 1] {
    // SAFETY: detected; a user process keeps its CPU's features and registers for its life.
    [std::arch::is_aarch64_feature_detected!("neon").then(|| unsafe { Backend::neon() })]
}
