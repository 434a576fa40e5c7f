// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests that depend on the processor, on other processors, by user-mode emulation.
//!
//! ```text
//! aarch64    the NEON kernels, which no other step runs
//! s390x      integers stored the other way round; every unit test, where Miri has time for some
//! ```

use super::shell::{Shell, cargo};
use super::toolchain::Need;
use super::{Outcome, host};

/// One processor, in the words of those who must know it.
struct Machine {
    rust: &'static str,
    debian: &'static str,
    qemu: &'static str,
    /// Which tests: those that depend on the processor, as far as a CI run has time.
    tests: &'static str,
}

const AARCH64: Machine = Machine {
    rust: "aarch64-unknown-linux-gnu",
    debian: "aarch64-linux-gnu",
    qemu: "qemu-aarch64",
    tests: "-p raid-core --test suite -- backends:: recover:: golden::",
};

pub(super) const AARCH64_NEEDS: &[Need] = &[
    Need::Program(AARCH64.qemu, "qemu-user"),
    Need::Program("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"),
    Need::Target(AARCH64.rust),
];

const S390X: Machine = Machine {
    rust: "s390x-unknown-linux-gnu",
    debian: "s390x-linux-gnu",
    qemu: "qemu-s390x",
    tests: "-p raid-core -p raid-asr -p raid-ddf --lib",
};

pub(super) const S390X_NEEDS: &[Need] = &[
    Need::Program(S390X.qemu, "qemu-user"),
    Need::Program("s390x-linux-gnu-gcc", "gcc-s390x-linux-gnu libc6-dev-s390x-cross"),
    Need::Target(S390X.rust),
];

pub(crate) fn aarch64(shell: &mut Shell) -> Outcome {
    test(shell, &AARCH64)
}

pub(crate) fn s390x(shell: &mut Shell) -> Outcome {
    test(shell, &S390X)
}

fn test(shell: &mut Shell, machine: &Machine) -> Outcome {
    let Machine { rust, debian, qemu, tests } = machine;
    let variable = rust.to_uppercase().replace('-', "_");
    let output = shell.run(
        cargo(&format!("test --target {rust} --no-fail-fast {tests}"))
            .env(format!("CARGO_TARGET_{variable}_LINKER"), format!("{debian}-gcc"))
            .env(format!("CARGO_TARGET_{variable}_RUNNER"), format!("{qemu} -L /usr/{debian}"))
            .env("CARGO_PROFILE_TEST_OPT_LEVEL", "2"),
    )?;
    host::tests_run(&output)
}
