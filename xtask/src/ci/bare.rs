// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds the four crates for targets without an operating system.
//!
//! Built, not checked: intrinsics outside their gate type-check on soft-float targets and only fail
//! in code generation.

use super::shell::{Shell, target};
use super::{CRATES, Outcome, symbols, toolchain};

fn build(shell: &mut Shell, triple: &str) -> Outcome {
    toolchain::target(shell, triple)?;
    let packages = CRATES.map(|name| format!("-p {name}")).join(" ");
    shell.cargo(&format!("build --release {packages} --target {triple}"))?;
    Ok(String::from(triple))
}

pub(crate) fn x86_64(shell: &mut Shell) -> Outcome {
    build(shell, "x86_64-unknown-none")
}

/// Besides, how large the code of each crate is.
pub(crate) fn thumbv7em(shell: &mut Shell) -> Outcome {
    let triple = build(shell, "thumbv7em-none-eabihf")?;
    let mut sizes = Vec::new();
    for name in CRATES.map(|name| name.replace('-', "_")) {
        let library = target().join(&triple).join(format!("release/lib{name}.rlib"));
        sizes.push(match symbols::size(&library, &name) {
            Ok(bytes) => format!("{name} {:.1} KiB", bytes as f64 / 1024.0),
            Err(why) => format!("{name} not measured: {why}"),
        });
    }
    Ok(format!("code and constants: {}", sizes.join(", ")))
}

pub(crate) fn aarch64(shell: &mut Shell) -> Outcome {
    build(shell, "aarch64-unknown-none")
}

pub(crate) fn riscv64(shell: &mut Shell) -> Outcome {
    build(shell, "riscv64gc-unknown-none-elf")
}

pub(crate) fn wasm32(shell: &mut Shell) -> Outcome {
    build(shell, "wasm32-unknown-unknown")
}
