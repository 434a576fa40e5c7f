// SPDX-License-Identifier: MIT OR Apache-2.0
//! The steps, what each needs beyond cargo, and how long it may take.
//!
//! A budget is what the step takes on two fresh processors with nothing built or installed, and some more.
//! Together they fill [`TOTAL`] on both lanes; a new step takes its time from others.

use super::toolchain::{MSRV, Need};
use super::{Outcome, bare, cross, examples, fuzz, host, instructions, kernels, miri, no_panic};
use super::{packages, policy, proof, size, stack, toolchain};
use crate::ci::shell::Shell;
use crate::{cases, explore, recover, vm};
use std::time::Duration;

/// For the whole run.
pub(super) const TOTAL: Duration = Duration::from_secs(33 * 60);

/// What a whole run may take on a machine that does other things beside it: more fails.
pub(super) const LIMIT: Duration = Duration::from_secs(45 * 60);

pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) run: fn(&mut Shell) -> Outcome,
    pub(super) lane: Lane,
    pub(super) budget: Duration,
    needs: &'static [Need],
    /// What is more than a list.
    needs_too: fn() -> Vec<Need>,
    /// What it brings itself, and does less without.
    wishes: fn() -> Vec<Need>,
    /// What it alone builds in, from the workspace's folder: removed in a run that nobody builds after.
    pub(super) folders: &'static [&'static str],
}

/// Where a step builds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// In the workspace's own target folder, whose lock it holds.
    Main,
    /// Elsewhere, or hardly at all.
    Beside,
}

impl Step {
    const fn needs(mut self, needs: &'static [Need]) -> Self {
        self.needs = needs;
        self
    }

    const fn needs_too(mut self, needs: fn() -> Vec<Need>) -> Self {
        self.needs_too = needs;
        self
    }

    const fn wishes(mut self, wishes: fn() -> Vec<Need>) -> Self {
        self.wishes = wishes;
        self
    }

    const fn alone_in(mut self, folders: &'static [&'static str]) -> Self {
        self.folders = folders;
        self
    }

    const fn beside(mut self) -> Self {
        self.lane = Lane::Beside;
        self
    }

    /// What has to be there before it runs.
    pub(super) fn all_needs(&self) -> Vec<Need> {
        let mut needs = self.needs.to_vec();
        needs.extend((self.needs_too)());
        needs
    }

    /// All that it may install.
    pub(super) fn all_wishes(&self) -> Vec<Need> {
        let mut all = self.all_needs();
        all.extend((self.wishes)());
        all
    }
}

const fn step(
    name: &'static str,
    seconds: u64,
    about: &'static str,
    run: fn(&mut Shell) -> Outcome,
) -> Step {
    let (budget, lane) = (Duration::from_secs(seconds), Lane::Main);
    let none = Vec::new;
    Step { name, about, run, lane, budget, needs: &[], needs_too: none, wishes: none, folders: &[] }
}

/// Cheap and likely to fail first.
pub(super) const STEPS: &[Step] = &[
    step("format", 20, "rustfmt leaves every file as it is", host::format)
        .needs(&[Need::Component("rustfmt")]),
    step("sources", 10, "licence lines and texts, no unfinished marks", policy::sources),
    step("clippy", 120, "all targets, warnings denied", host::clippy)
        .needs(&[Need::Component("clippy")]),
    step("test", 520, "unit, behaviour, property and doc tests of the workspace", host::test),
    step("cases", 10, "each case of docs/cases.md is held by a test that passed", cases::step),
    step("docs", 45, "public and private items, warnings denied", host::docs),
    step("x86_64-none", 30, "the four crates built for kernels and firmware", bare::x86_64)
        .needs(&[Need::Target(bare::X86_64)]),
    step("thumbv7em", 45, "… for Cortex-M", bare::thumbv7em)
        .needs(&[Need::Target(bare::THUMBV7EM)]),
    step("aarch64-none", 30, "… for 64-bit Arm without an OS", bare::aarch64)
        .needs(&[Need::Target(bare::AARCH64)]),
    step("riscv64-none", 30, "… for 64-bit RISC-V without an OS", bare::riscv64)
        .needs(&[Need::Target(bare::RISCV64)]),
    step("wasm32", 30, "… for WebAssembly", bare::wasm32).needs(&[Need::Target(bare::WASM32)]),
    step("features", 40, "every set of features of every crate", host::features),
    step(
        "no-panic",
        250,
        "no panic, allocation, float or 128-bit division in the objects",
        no_panic::gate,
    )
    .needs(&[Need::Target(no_panic::TARGETS[0]), Need::Target(no_panic::TARGETS[1])])
    .beside()
    .alone_in(&["target/no-panic"]),
    step(
        "stack",
        150,
        "frames and the deepest chains of calls, beside the list of the large ones",
        stack::gate,
    )
    .needs(stack::NEEDS)
    .beside()
    .alone_in(&["target/stack"]),
    step("size", 55, "what firmware pays for parity, a reader, everything", size::gate)
        .needs(size::NEEDS)
        .beside()
        .alone_in(&["target/size"]),
    step("kernels", 55, "hot loops contain the vector instructions meant", kernels::loops)
        .needs(kernels::NEEDS),
    step(
        "instructions",
        45,
        "instruction counts of the kernels, under valgrind",
        instructions::counts,
    )
    .needs(&[Need::Program("valgrind", "valgrind")]),
    step("msrv", 110, "the oldest compiler promised", toolchain::msrv)
        .needs(&[Need::Compiler(MSRV, &[])])
        .beside()
        .alone_in(&["target/msrv"]),
    step("licences", 170, "licences and sources of all dependencies", policy::licences)
        .needs(&[Need::CargoTool("deny")]),
    step("advisories", 20, "known vulnerabilities of all dependencies", policy::advisories)
        .needs(&[Need::CargoTool("deny")]),
    step("packages", 110, "the packages as a registry would hand them out", packages::gate)
        .needs(packages::NEEDS)
        .beside()
        .alone_in(&["target/packages", "target/package"]),
    step("miri-host", 390, "unit tests under Miri", miri::host)
        .needs(miri::NEEDS)
        .beside()
        .alone_in(&["target/miri/x86_64-unknown-linux-gnu"]),
    step("miri-big-endian", 150, "unit tests under Miri as on s390x", miri::big_endian)
        .needs(miri::NEEDS)
        .beside()
        .alone_in(&["target/miri/s390x-unknown-linux-gnu"]),
    step(
        "loom",
        75,
        "the lock-free gate in every execution, and with each part taken out",
        host::loom,
    )
    .beside()
    .alone_in(&["target/loom"]),
    step(
        "proof",
        80,
        "the sync protocol is proven by two solvers, and defects are seen",
        proof::all,
    )
    .needs(proof::NEEDS)
    .beside(),
    step("aarch64-linux", 90, "the NEON kernels under emulation", cross::aarch64)
        .needs(cross::AARCH64_NEEDS)
        .alone_in(&["target/aarch64-unknown-linux-gnu"]),
    step("s390x-linux", 120, "unit tests on an emulated big-endian processor", cross::s390x)
        .needs(cross::S390X_NEEDS)
        .alone_in(&["target/s390x-unknown-linux-gnu"]),
    step("fuzz", 290, "every fuzz target for its share of the time", fuzz::all)
        .needs(fuzz::NEEDS)
        .beside()
        .alone_in(&["fuzz/target"]),
    step("demo", 80, "an array from creation to recovery", examples::demo),
    step("vm", 580, "md and device-mapper run our arrays, we run md's, ublk serves ours", vm::all)
        .needs_too(vm::needs)
        .wishes(vm::wishes)
        .beside(),
    step("interop", 40, "mdadm, blkid and wipefs on images of disks", examples::interop)
        .needs(examples::INTEROP_NEEDS),
    step("nbd", 60, "nbdinfo, nbdcopy, qemu and fio at the NBD server", examples::nbd)
        .needs(examples::NBD_NEEDS),
    step("inspect", 60, "raid-inspect on the images of other implementations", examples::inspect)
        .needs(&[Need::Program("xz", "xz-utils")]),
    step("recover", 50, "raid-inspect guesses sets of real file systems", recover::step)
        .needs(recover::NEEDS),
];

/// What `--thorough` adds: hours rather than minutes.
pub(super) const DEEP: &[Step] = &[
    step("deep-proof", 240, "every planted defect breaks the proof", proof::vacuity)
        .needs(proof::NEEDS),
    step("deep-packages", 900, "all tests of the packages as they are unpacked", packages::deep)
        .needs(packages::NEEDS),
    step("deep-miri", 1200, "the sync core's long stories under Miri", miri::stories)
        .needs(miri::NEEDS),
    step("deep-exploration", 3600, "the sync core's deep explorations", explore::exploration),
    step("deep-crash", 3600, "a hundred thousand power cuts of the sync core", explore::crash),
    step("deep-lives", 7200, "arrays on disks that do what disks do", explore::lives),
    step("deep-cases", 3600, "the cases of the engine, each with many seeds", explore::cases),
    step("deep-ddf-crash", 7200, "every cut of every update of DDF", explore::ddf_crash),
    step(
        "deep-commit",
        2400,
        "a server that is killed at every write of its commits",
        explore::commit_kills,
    ),
    step(
        "deep-vm",
        2400,
        "twenty kills and hand-overs of served arrays; beside systemd, udev, mdadm",
        vm::thorough,
    )
    .needs_too(vm::needs),
    step("deep-ddf-damage", 3600, "every update on every damage of DDF", explore::ddf_damage),
];

/// Whether there is a step of this name.
pub(crate) fn is_step(name: &str) -> bool {
    STEPS.iter().any(|step| step.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budgets_fit_into_the_whole_on_two_lanes() {
        let sum: Duration = STEPS.iter().map(|step| step.budget).sum();
        assert!(sum <= TOTAL * 2, "{sum:?} for both lanes, {:?} at most", TOTAL * 2);
    }

    #[test]
    fn every_step_has_a_name_of_its_own() {
        for (index, step) in STEPS.iter().chain(DEEP).enumerate() {
            let twice =
                STEPS.iter().chain(DEEP).skip(index + 1).any(|other| other.name == step.name);
            assert!(!twice, "{}", step.name);
        }
    }
}
