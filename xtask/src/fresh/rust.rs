// SPDX-License-Identifier: MIT OR Apache-2.0
//! rustup inside, and the stable toolchain of this machine's version: fetched, or copied where it cannot be.

use super::system::System;
use crate::ci::Stop;
use crate::ci::shell::Shell;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What rustup is called by; all are rustup itself.
const NAMES: [&str; 7] =
    ["cargo", "rustc", "rustdoc", "rustfmt", "cargo-fmt", "cargo-clippy", "clippy-driver"];
/// And by Miri's users.
const MIRI: [&str; 1] = ["cargo-miri"];

/// Brings both; how, in words.
pub(super) fn bring(shell: &mut Shell, system: &System) -> Result<String, Stop> {
    let cargo = home("CARGO_HOME", ".cargo");
    let rustup = home("RUSTUP_HOME", ".rustup");
    system.copy(shell, &cargo.join("bin/rustup"), "/root/.cargo/bin/rustup")?;
    if !system.path("/root/.cargo/bin/rustup").exists() {
        let why = "rustup is not at this machine's CARGO_HOME/bin: nothing to begin with";
        return Err(Stop::Failed(String::from(why)));
    }
    for config in ["config.toml", "config"] {
        system.copy(shell, &cargo.join(config), &format!("/root/.cargo/{config}"))?;
    }
    for name in NAMES.into_iter().chain(MIRI) {
        shell
            .run(&mut system.command(&format!("ln -f ~/.cargo/bin/rustup ~/.cargo/bin/{name}")))?;
    }
    let version = version(shell)?;
    let install = format!("rustup toolchain install {version} --profile default --no-self-update");
    if shell.succeeds(&mut system.command(&install)) {
        shell.run(&mut system.command(&format!("rustup default {version}")))?;
        return Ok(format!("{version}, fetched"));
    }
    let mut sysroot = Command::new("rustc");
    let sysroot = shell.run(sysroot.args(["--print", "sysroot"]))?;
    let from = Path::new(sysroot.trim());
    let name = from.file_name().unwrap_or_default().to_string_lossy();
    system.copy(shell, from, &format!("/root/.rustup/toolchains/{name}"))?;
    system.copy(shell, &rustup.join("settings.toml"), "/root/.rustup/settings.toml")?;
    shell.run(&mut system.command(&format!("rustup default {name}")))?;
    Ok(format!("{version} cannot be fetched; this machine's own, copied with all it has added"))
}

/// The version of this machine's default compiler.
fn version(shell: &mut Shell) -> Result<String, Stop> {
    let mut version = Command::new("rustc");
    let printed = shell.run(version.arg("--version"))?;
    (printed.split_whitespace().nth(1).map(String::from))
        .ok_or_else(|| Stop::Failed(String::from("rustc tells no version")))
}

fn home(variable: &str, otherwise: &str) -> PathBuf {
    env::var_os(variable).map(PathBuf::from).unwrap_or_else(|| {
        env::var_os("HOME").map(PathBuf::from).unwrap_or_default().join(otherwise)
    })
}
