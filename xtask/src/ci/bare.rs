// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds the four crates for targets without an operating system.
//!
//! Built, not checked: intrinsics outside their gate type-check on soft-float targets and only fail
//! in code generation.

use super::shell::Shell;
use super::{CRATES, Outcome, toolchain};

fn build(shell: &mut Shell, triple: &str) -> Outcome {
    toolchain::target(shell, triple)?;
    let packages = CRATES.map(|name| format!("-p {name}")).join(" ");
    shell.cargo(&format!("build --release {packages} --target {triple}"))?;
    Ok(String::from(triple))
}

pub(crate) fn x86_64(shell: &mut Shell) -> Outcome {
    build(shell, "x86_64-unknown-none")
}

pub(crate) fn thumbv7em(shell: &mut Shell) -> Outcome {
    build(shell, "thumbv7em-none-eabihf")
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
