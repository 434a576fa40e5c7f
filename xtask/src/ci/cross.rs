// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests that depend on the processor, on other processors, by user-mode emulation.
//!
//! ```text
//! aarch64    the NEON kernels, which no other step runs
//! s390x      integers stored the other way round; every unit test, where Miri has time for some
//! ```

use super::shell::{Shell, cargo};
use super::{Outcome, host, toolchain};

/// One processor, in the words of those who must know it.
struct Machine {
    rust: &'static str,
    debian: &'static str,
    qemu: &'static str,
    /// Which tests: those that depend on the processor, as far as a CI run has time.
    tests: &'static str,
}

pub(crate) fn aarch64(shell: &mut Shell) -> Outcome {
    let rust = "aarch64-unknown-linux-gnu";
    let tests = "-p raid-core --test backends --test recover --test golden";
    test(shell, &Machine { rust, debian: "aarch64-linux-gnu", qemu: "qemu-aarch64", tests })
}

pub(crate) fn s390x(shell: &mut Shell) -> Outcome {
    let rust = "s390x-unknown-linux-gnu";
    let tests = "-p raid-core -p raid-asr -p raid-ddf --lib";
    test(shell, &Machine { rust, debian: "s390x-linux-gnu", qemu: "qemu-s390x", tests })
}

fn test(shell: &mut Shell, machine: &Machine) -> Outcome {
    let Machine { rust, debian, qemu, tests } = machine;
    let compiler = format!("{debian}-gcc");
    toolchain::program(shell, qemu, "qemu-user")?;
    toolchain::program(
        shell,
        &compiler,
        &format!("gcc-{debian} libc6-dev-{}-cross", arch(debian)),
    )?;
    toolchain::target(shell, rust)?;
    let variable = rust.to_uppercase().replace('-', "_");
    let output = shell.run(
        cargo(&format!("test {tests} --target {rust} --no-fail-fast"))
            .env(format!("CARGO_TARGET_{variable}_LINKER"), compiler)
            .env(format!("CARGO_TARGET_{variable}_RUNNER"), format!("{qemu} -L /usr/{debian}"))
            .env("CARGO_PROFILE_TEST_OPT_LEVEL", "2"),
    )?;
    host::tests_run(&output)
}

/// Debian's name of the processor in package names.
fn arch(debian: &str) -> &str {
    match debian.split('-').next() {
        Some("aarch64") => "arm64",
        Some(other) => other,
        None => debian,
    }
}
