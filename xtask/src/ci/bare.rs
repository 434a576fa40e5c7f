// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds the four crates for targets without an operating system.
//!
//! Built, not checked: intrinsics outside their gate type-check on soft-float targets and only fail
//! in code generation. Without optimisation, which that does not ask for: two of these targets are built as
//! they are delivered by the gate for panics.

use super::shell::{Shell, cargo, target};
use super::{CRATES, Outcome, symbols};

pub(super) const X86_64: &str = "x86_64-unknown-none";
pub(super) const THUMBV7EM: &str = "thumbv7em-none-eabihf";
pub(super) const AARCH64: &str = "aarch64-unknown-none";
pub(super) const RISCV64: &str = "riscv64gc-unknown-none-elf";
pub(super) const WASM32: &str = "wasm32-unknown-unknown";

fn build(shell: &mut Shell, triple: &str) -> Outcome {
    let packages = CRATES.map(|name| format!("-p {name}")).join(" ");
    shell.run(
        cargo(&format!("build {packages} --target {triple}"))
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "0"),
    )?;
    Ok(String::from(triple))
}

pub(crate) fn x86_64(shell: &mut Shell) -> Outcome {
    build(shell, X86_64)
}

/// Besides, how large the code of each crate is: as it is delivered.
pub(crate) fn thumbv7em(shell: &mut Shell) -> Outcome {
    let packages = CRATES.map(|name| format!("-p {name}")).join(" ");
    shell.cargo(&format!("build --release {packages} --target {THUMBV7EM}"))?;
    let mut sizes = Vec::new();
    for name in CRATES.map(|name| name.replace('-', "_")) {
        let library = target().join(THUMBV7EM).join(format!("release/lib{name}.rlib"));
        sizes.push(match symbols::size(&library, &name) {
            Ok(bytes) => format!("{name} {:.1} KiB", bytes as f64 / 1024.0),
            Err(why) => format!("{name} not measured: {why}"),
        });
    }
    Ok(format!("code and constants: {}", sizes.join(", ")))
}

pub(crate) fn aarch64(shell: &mut Shell) -> Outcome {
    build(shell, AARCH64)
}

pub(crate) fn riscv64(shell: &mut Shell) -> Outcome {
    build(shell, RISCV64)
}

pub(crate) fn wasm32(shell: &mut Shell) -> Outcome {
    build(shell, WASM32)
}
