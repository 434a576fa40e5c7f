// SPDX-License-Identifier: MIT OR Apache-2.0
//! Unit tests under Miri: undefined behaviour on the host, byte order on a big-endian target.

use super::shell::{Shell, cargo};
use super::{CRATES, Outcome, toolchain};

/// As if on a machine whose integers are stored the other way round.
const BIG_ENDIAN: &str = "s390x-unknown-linux-gnu";

pub(crate) fn host(shell: &mut Shell) -> Outcome {
    miri(shell, &CRATES, "")
}

pub(crate) fn big_endian(shell: &mut Shell) -> Outcome {
    miri(shell, &["raid-ddf", "raid-asr"], &format!("--target {BIG_ENDIAN}"))
}

fn miri(shell: &mut Shell, crates: &[&str], target: &str) -> Outcome {
    toolchain::toolchain(shell, "nightly", &["miri", "rust-src"])?;
    for name in crates {
        shell.run(
            cargo(&format!("+nightly miri test -p {name} --lib {target}"))
                .env("MIRIFLAGS", "-Zmiri-strict-provenance"),
        )?;
    }
    Ok(crates.join(", "))
}
