// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which backends this CPU can run.

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
use super::aarch64::native;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::wasm::native;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use super::x86::native;
use super::{Backend, Caches};
use std::sync::OnceLock;

impl Backend {
    /// The best kernels of this CPU.
    ///
    /// A program built with `--cfg raid_core_backend="NAME"` gets those of that name, or the portable
    /// ones if they cannot run here: `portable`, `ssse3`, `avx2`, `avx2_gfni`, `avx512`,
    /// `avx512_gfni`, `neon`, `simd128`. Ask once for each array, not for each call.
    #[must_use]
    pub fn detect() -> Self {
        Self::available().next().unwrap_or(Self::portable())
    }

    /// All kernels that this CPU can run, and that the build does not forbid, the best first, those in
    /// plain Rust last.
    pub fn available() -> impl Iterator<Item = Self> {
        let wanted = |backend: &Self| FORCED.is_none_or(|name| name == backend.name());
        let caches = caches();
        let all = native().into_iter().flatten().filter(wanted).chain(portable());
        all.map(move |backend| backend.with_caches(caches))
    }
}

/// The caches of this CPU. Asking takes microseconds where a hypervisor answers: once.
fn caches() -> Caches {
    static CACHES: OnceLock<Caches> = OnceLock::new();
    *CACHES.get_or_init(|| {
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
        return super::x86::of_this_cpu();
        #[allow(unreachable_code)]
        Caches::USUAL
    })
}

/// The kernels that the build asks for by name.
const FORCED: Option<&str> = if cfg!(raid_core_backend = "portable") {
    Some("portable")
} else if cfg!(raid_core_backend = "ssse3") {
    Some("ssse3")
} else if cfg!(raid_core_backend = "avx2") {
    Some("avx2")
} else if cfg!(raid_core_backend = "avx2_gfni") {
    Some("avx2_gfni")
} else if cfg!(raid_core_backend = "avx512") {
    Some("avx512")
} else if cfg!(raid_core_backend = "avx512_gfni") {
    Some("avx512_gfni")
} else if cfg!(raid_core_backend = "neon") {
    Some("neon")
} else if cfg!(raid_core_backend = "simd128") {
    Some("simd128")
} else {
    None
};

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
