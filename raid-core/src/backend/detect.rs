// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which backends this CPU can run.

use super::Backend;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
use super::aarch64::native;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::wasm::native;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use super::x86::native;

impl Backend {
    /// The best kernels of this CPU.
    ///
    /// A program built with `--cfg raid_core_backend="portable"` gets the portable ones. Ask once
    /// for each array, not for each call.
    #[must_use]
    pub fn detect() -> Self {
        Self::available().next().unwrap_or(Self::portable())
    }

    /// All kernels that this CPU can run, the best first, those in plain Rust last.
    pub fn available() -> impl Iterator<Item = Self> {
        let forced = cfg!(raid_core_backend = "portable");
        let native = (!forced).then(native).into_iter().flatten();
        native.flatten().chain(portable())
    }
}

fn portable() -> [Backend; 2] {
    let [bytes, words] = [Backend::bytes(), Backend::words()];
    if Backend::portable().name() == bytes.name() { [bytes, words] } else { [words, bytes] }
}

#[cfg(not(any(
    all(target_arch = "aarch64", target_feature = "neon"),
    all(target_arch = "wasm32", target_feature = "simd128"),
    all(target_arch = "x86_64", target_feature = "sse2"),
)))]
fn native() -> [Option<Backend>; 0] {
    []
}
