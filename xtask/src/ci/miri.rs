// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests under Miri: undefined behaviour on the host, with and without its vector instructions, and byte
//! order on a big-endian target.

use super::shell::{Shell, cargo};
use super::toolchain::{NIGHTLY, Need};
use super::{CRATES, Outcome};

pub(super) const NEEDS: &[Need] = &[Need::Compiler(NIGHTLY, &["miri", "rust-src"])];

const STRICT: &str = "-Zmiri-strict-provenance";

/// All that Miri knows of the kernels for x86: without AVX-512.
const VECTORS: &str = "-Ctarget-feature=+avx2,+gfni";

/// As if on a machine whose integers are stored the other way round.
const BIG_ENDIAN: &str = "s390x-unknown-linux-gnu";

/// Long stories of a crate that forbids `unsafe`: `deep-miri` runs them.
const STORIES: &str = "scenarios::";

pub(crate) fn host(shell: &mut Shell) -> Outcome {
    miri(shell, &CRATES, "", &format!("--skip {STORIES}"))?;
    // Every operation of every kernel, once.
    let kernels = "backends::the_backends backends::every_backend_agrees_at_every_length";
    shell.run(
        cargo(&format!("+{NIGHTLY} miri test -p raid-core --test suite -- {kernels}"))
            .env("MIRIFLAGS", STRICT)
            .env("RUSTFLAGS", VECTORS),
    )?;
    Ok(format!("{}, vector kernels", CRATES.join(", ")))
}

/// What builds a C library for that target is told a compiler that is not there: no crate may need one.
const NO_COMPILER: (&str, &str) = ("CC_s390x_unknown_linux_gnu", "there-is-no-compiler-for-s390x");

pub(crate) fn big_endian(shell: &mut Shell) -> Outcome {
    miri(shell, &["raid-core", "raid-ddf", "raid-asr"], &format!("--target {BIG_ENDIAN}"), "")
}

pub(crate) fn stories(shell: &mut Shell) -> Outcome {
    miri(shell, &["raid-sync"], "", STORIES)
}

fn miri(shell: &mut Shell, crates: &[&str], target: &str, which: &str) -> Outcome {
    for name in crates {
        shell.run(
            cargo(&format!("+{NIGHTLY} miri test -p {name} --lib {target} -- {which}"))
                .env("MIRIFLAGS", STRICT)
                .env(NO_COMPILER.0, NO_COMPILER.1),
        )?;
    }
    Ok(crates.join(", "))
}
