// SPDX-License-Identifier: MIT OR Apache-2.0
//! WebAssembly with 128-bit vectors, for modules that are compiled with `simd128`.

use super::Backend;

mod simd128;

impl Backend {
    /// The `simd128` kernels. A module that has them runs only where they are.
    #[must_use]
    pub const fn simd128() -> Self {
        Self::new(&simd128::OPS)
    }
}

/// The kernels that this module can run.
#[cfg(feature = "std")]
pub(super) fn native() -> [Option<Backend>; 1] {
    [Some(Backend::simd128())]
}
