// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a step needs beyond cargo: installed when it can be, a reason to skip when it cannot.

use super::shell::{Shell, cargo};
use super::{Outcome, Stop};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The workspace's `rust-version`.
const MSRV: &str = "1.89.0";

/// One step installs at a time: neither rustup nor apt may run twice at once.
fn installing() -> MutexGuard<'static, ()> {
    static INSTALLING: Mutex<()> = Mutex::new(());
    INSTALLING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `cargo +1.89.0 check` over everything that is published.
pub(crate) fn msrv(shell: &mut Shell) -> Outcome {
    toolchain(shell, MSRV, &[])?;
    shell.cargo(&format!("+{MSRV} check --workspace --all-targets --target-dir target/msrv"))?;
    Ok(format!("whole workspace, all targets, rustc {MSRV}"))
}

/// Makes sure that a toolchain with these components is there.
pub(crate) fn toolchain(shell: &mut Shell, name: &str, components: &[&str]) -> Result<(), Stop> {
    let _one = installing();
    let mut install = Command::new("rustup");
    install.args(["toolchain", "install", name, "--profile", "minimal", "--no-self-update"]);
    for component in components {
        install.args(["--component", component]);
    }
    let has = |shell: &mut Shell| {
        let mut list = Command::new("rustup");
        list.args(["component", "list", "--installed", "--toolchain", name]);
        shell
            .run(&mut list)
            .is_ok_and(|installed| components.iter().all(|component| installed.contains(component)))
    };
    if has(shell) || (shell.succeeds(&mut install) && has(shell)) {
        Ok(())
    } else {
        Err(Stop::Skipped(format!("toolchain {name} is not here and cannot be installed")))
    }
}

/// Makes sure that the standard library of a target is there.
pub(crate) fn target(shell: &mut Shell, triple: &str) -> Result<(), Stop> {
    let _one = installing();
    let mut list = Command::new("rustup");
    list.args(["target", "list", "--installed"]);
    let has = |shell: &mut Shell, list: &mut Command| {
        shell.run(list).is_ok_and(|all| all.lines().any(|line| line == triple))
    };
    let mut add = Command::new("rustup");
    add.args(["target", "add", triple]);
    if has(shell, &mut list) || shell.succeeds(&mut add) {
        Ok(())
    } else {
        Err(Stop::Skipped(format!("target {triple} is not here and cannot be installed")))
    }
}

/// Makes sure that a program is there, from Debian's packages if it is not.
pub(crate) fn program(shell: &mut Shell, name: &str, packages: &str) -> Result<(), Stop> {
    programs(shell, &[(name, packages)])
}

/// Makes sure that programs are there, from the Debian packages named beside them if they are not.
pub(crate) fn programs(shell: &mut Shell, wanted: &[(&str, &str)]) -> Result<(), Stop> {
    debian(shell, wanted, |shell, name| {
        // Administrators' programs are there for all, though not on everyone's path.
        let find = "PATH=$PATH:/usr/sbin:/sbin command -v \"$1\"";
        shell.succeeds(Command::new("sh").args(["-c", find, "sh", name]))
    })
}

/// Makes sure that a library is there that pkg-config knows, from Debian packages if it is not.
pub(crate) fn library(shell: &mut Shell, name: &str, packages: &str) -> Result<(), Stop> {
    debian(shell, &[(name, packages)], |shell, name| {
        shell.succeeds(Command::new("pkg-config").args(["--exists", name]))
    })
}

/// Installs the packages of what is not there.
fn debian(
    shell: &mut Shell,
    wanted: &[(&str, &str)],
    has: impl Fn(&mut Shell, &str) -> bool,
) -> Result<(), Stop> {
    let _one = installing();
    let mut lacking = wanted.to_vec();
    lacking.retain(|(name, _)| !has(shell, name));
    if lacking.is_empty() {
        return Ok(());
    }
    let mut install = Command::new("apt-get");
    install.args(["install", "--yes", "--quiet", "--no-install-recommends"]);
    install.args(lacking.iter().flat_map(|(_, packages)| packages.split_whitespace()));
    install.env("DEBIAN_FRONTEND", "noninteractive");
    if shell.succeeds(Command::new("apt-get").args(["update", "--quiet"])) {
        shell.succeeds(&mut install);
    }
    match lacking.into_iter().find(|(name, _)| !has(shell, name)) {
        None => Ok(()),
        Some((name, packages)) => {
            let why = format!("{name} is not here and cannot be installed ({packages})");
            Err(Stop::Skipped(why))
        }
    }
}

/// Makes sure that `cargo TOOL` is there. Built without optimisation: it runs once.
pub(crate) fn cargo_tool(shell: &mut Shell, tool: &str) -> Result<(), Stop> {
    let _one = installing();
    let has = |shell: &mut Shell| shell.succeeds(&mut cargo(&format!("{tool} --version")));
    if has(shell)
        || (shell.succeeds(&mut cargo(&format!("install cargo-{tool} --locked --debug")))
            && has(shell))
    {
        Ok(())
    } else {
        Err(Stop::Skipped(format!("cargo-{tool} is not here and cannot be installed")))
    }
}
