// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask fresh`: the README's commands on a machine that has a compiler and nothing else.
//!
//! ```text
//! debootstrap ──▶ target/fresh/root    Debian with gcc, git, curl; no cargo, no cache
//!   this machine's ways to its mirrors (certificates, proxies, apt, pip) copied for the time of the run
//!   rustup, and the stable toolchain of the same version, fetched anew
//!   git clone of what is committed here
//! chroot ──▶ the commands of README.md, one after the other, with CI=true
//! ```
//!
//! With steps named, `cargo xtask ci` runs only these. The folder is made anew each time, unless `--keep`
//! takes the Debian of the run before; cargo's folder and the clone are always new.

mod rust;
mod system;

use crate::ci::shell::{Shell, root, target};
use crate::ci::toolchain::{self, Need};
use crate::ci::{self, Stop, remove};
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;
use std::{env, fs};
use system::System;

/// Where the clone is, inside.
const CLONE: &str = "/srv/raid-rs";

/// What a machine needs to make another one.
const NEEDS: &[Need] = &[
    Need::Program("debootstrap", "debootstrap"),
    Need::Program("chroot", "coreutils"),
    Need::Program("unshare", "util-linux"),
    Need::Program("git", "git"),
];

pub(crate) fn main(arguments: &[String]) -> ExitCode {
    let (options, steps): (Vec<&str>, Vec<&str>) =
        arguments.iter().map(String::as_str).partition(|argument| argument.starts_with('-'));
    if let Some(unknown) = options.iter().find(|option| **option != "--keep") {
        eprintln!("unknown option `{unknown}`; there is --keep");
        return ExitCode::from(2);
    }
    if let Some(unknown) = steps.iter().find(|name| !ci::is_step(name)) {
        eprintln!("unknown step `{unknown}`; `cargo xtask ci --list` names them");
        return ExitCode::from(2);
    }
    ci::exit_code("fresh", run(&steps, options.contains(&"--keep")))
}

fn run(steps: &[&str], keep: bool) -> Result<(), Stop> {
    let failed = |what: &str, error: std::io::Error| Stop::Failed(format!("{what}: {error}"));
    let mut shell = Shell::new("fresh").map_err(|error| failed("no log file", error))?;
    if !is_root(&mut shell)? {
        return Err(Stop::Failed(String::from("a chroot needs root: run it with sudo")));
    }
    toolchain::bring(&mut shell, NEEDS)?;
    let readme = fs::read_to_string(root().join("README.md"));
    let commands = commands(&readme.map_err(|error| failed("README.md", error))?, steps)?;
    let folder = target().join("fresh/root");
    let system = System::make(&mut shell, folder, keep)?;
    println!("Rust: {}", rust::bring(&mut shell, &system)?);
    let commit = clone(&mut shell, &system)?;
    println!("clone of {commit}\n");
    for command in &commands {
        println!("$ {command}");
        let began = Instant::now();
        let status = system
            .command(&format!("cd {CLONE} && {command}"))
            .status()
            .map_err(|error| failed(command, error))?;
        println!("{command}: {status}, {}\n", ci::seconds(began.elapsed()));
        if !status.success() {
            return Err(Stop::Failed(format!("`{command}` on a fresh machine: {status}")));
        }
    }
    println!("green on a fresh machine: {commit}");
    Ok(())
}

fn is_root(shell: &mut Shell) -> Result<bool, Stop> {
    Ok(shell.run(Command::new("id").arg("-u"))?.trim() == "0")
}

/// The commands of the first block of shell in the README, which are the first that a reader tries.
fn commands(readme: &str, steps: &[&str]) -> Result<Vec<String>, Stop> {
    let block = readme.split_once("```sh\n").and_then(|(_, rest)| rest.split_once("```"));
    let lines = block.map(|(block, _)| block).unwrap_or_default().lines();
    let commands: Vec<String> = lines
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
        .map(|line| match line {
            "cargo xtask ci" if !steps.is_empty() => format!("{line} {}", steps.join(" ")),
            _ => String::from(line),
        })
        .collect();
    match commands.len() {
        2 => Ok(commands),
        count => Err(Stop::Failed(format!("README.md begins with {count} commands, not 2"))),
    }
}

/// What is committed here, cloned as from anywhere else; its commit.
fn clone(shell: &mut Shell, system: &System) -> Result<String, Stop> {
    let to: PathBuf = system.path(CLONE);
    remove(&to)?;
    let mut clone = Command::new("git");
    clone.args(["clone", "--quiet", "--no-hardlinks"]).arg(root()).arg(&to);
    shell.run(&mut clone)?;
    let mut changed = Command::new("git");
    changed.args(["status", "--porcelain"]);
    if !shell.run(&mut changed)?.trim().is_empty() {
        println!("what is not committed here is not in the clone");
    }
    let mut commit = Command::new("git");
    commit.args(["log", "-1", "--format=%h %s"]);
    Ok(String::from(shell.run(&mut commit)?.trim()))
}

/// Variables that lead to the mirrors of this machine.
fn passed_on() -> impl Iterator<Item = (String, String)> {
    const PREFIXES: [&str; 6] =
        ["CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_", "PIP_", "RUSTUP_DIST_"];
    const NAMES: [&str; 9] = [
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
        "SSL_CERT_FILE",
        "RUSTUP_UPDATE_ROOT",
    ];
    env::vars().filter(|(name, _)| {
        NAMES.contains(&name.as_str()) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_begins_with_the_two_commands_that_are_run() {
        let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
        let Ok(all) = commands(&readme, &[]) else { panic!("two commands") };
        assert_eq!(all, ["cargo run --release -p raid-ublk -- demo", "cargo xtask ci"]);
        let Ok(some) = commands(&readme, &["format", "clippy"]) else { panic!("two commands") };
        assert_eq!(some[1], "cargo xtask ci format clippy");
        assert!(commands("no block", &[]).is_err());
    }
}
