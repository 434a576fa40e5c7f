// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a step needs beyond cargo: said at the start, installed when it can be, a reason to skip when it
//! cannot.

use super::shell::{Shell, cargo};
use super::{Outcome, Stop};
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The workspace's `rust-version`.
pub(super) const MSRV: &str = "1.89.0";

/// The one nightly compiler of Miri and the fuzz targets, by date: what passed yesterday passes today.
pub(crate) const NIGHTLY: &str = "nightly-2026-05-20";

/// Something that is not part of cargo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A component of the default toolchain.
    Component(&'static str),
    /// Another toolchain, with these components.
    Compiler(&'static str, &'static [&'static str]),
    /// The standard library of a target, for the default toolchain.
    Target(&'static str),
    /// The standard library of a target, for another toolchain, which comes before it.
    TargetOf(&'static str, &'static str),
    /// `cargo TOOL`.
    CargoTool(&'static str),
    /// A program, and the Debian packages that have it.
    Program(&'static str, &'static str),
    /// A library that pkg-config knows, and the Debian packages that have it.
    Library(&'static str, &'static str),
    /// A library that programs load as they run, and the Debian packages that have it.
    SharedLibrary(&'static str, &'static str),
    /// A module of Python, and the Debian packages that have it and Python.
    Module(&'static str, &'static str),
}

impl Need {
    fn is_here(self, shell: &mut Shell) -> bool {
        match self {
            Self::Component(name) => component_lines(shell, &[], &[name]),
            Self::Compiler(name, components) => {
                component_lines(shell, &["--toolchain", name], components)
            }
            Self::Target(triple) => target_is_here(shell, &[], triple),
            Self::TargetOf(name, triple) => target_is_here(shell, &["--toolchain", name], triple),
            Self::CargoTool(tool) => shell.succeeds(&mut cargo(&format!("{tool} --version"))),
            Self::Program(name, _) => {
                // Administrators' programs are there for all, though not on everyone's path.
                let find = "PATH=$PATH:/usr/sbin:/sbin command -v \"$1\"";
                shell.succeeds(Command::new("sh").args(["-c", find, "sh", name]))
            }
            Self::Library(name, _) => {
                shell.succeeds(Command::new("pkg-config").args(["--exists", name]))
            }
            Self::SharedLibrary(name, _) => {
                // With a version in its name, or without.
                let find = "/sbin/ldconfig -p | grep -E \"^\\s*$1(-[0-9]+)?\\.so\"";
                shell.succeeds(Command::new("sh").args(["-c", find, "sh", name]))
            }
            Self::Module(name, _) => {
                shell.succeeds(Command::new("python3").args(["-c", &format!("import {name}")]))
            }
        }
    }

    /// The commands that bring it; the last one decides.
    fn install(self) -> Vec<Command> {
        let rustup = |arguments: &[&str]| {
            let mut command = Command::new("rustup");
            command.args(arguments);
            command
        };
        match self {
            Self::Component(name) => vec![rustup(&["component", "add", name])],
            Self::Compiler(name, components) => {
                let minimal = ["toolchain", "install", name, "--profile", "minimal"];
                let mut install = rustup(&minimal);
                install.arg("--no-self-update");
                for component in components {
                    install.args(["--component", component]);
                }
                vec![install]
            }
            Self::Target(triple) => vec![rustup(&["target", "add", triple])],
            Self::TargetOf(name, triple) => {
                vec![rustup(&["target", "add", "--toolchain", name, triple])]
            }
            // Without optimisation: it runs once.
            Self::CargoTool(tool) => {
                vec![cargo(&format!("install cargo-{tool} --locked --debug"))]
            }
            Self::Program(_, packages)
            | Self::Library(_, packages)
            | Self::SharedLibrary(_, packages)
            | Self::Module(_, packages) => {
                let mut update = Command::new("apt-get");
                update.args(["update", "--quiet"]);
                let mut install = Command::new("apt-get");
                install.args(["install", "--yes", "--quiet", "--no-install-recommends"]);
                install.args(packages.split_whitespace());
                install.env("DEBIAN_FRONTEND", "noninteractive");
                vec![update, install]
            }
        }
    }

    /// Kind and name, for people.
    fn words(self) -> (&'static str, String) {
        match self {
            Self::Component(name) => ("components of Rust", String::from(name)),
            Self::Compiler(name, []) => ("toolchains", String::from(name)),
            Self::Compiler(name, with) => ("toolchains", format!("{name} ({})", with.join(", "))),
            Self::Target(triple) => ("targets of Rust", String::from(triple)),
            Self::TargetOf(name, triple) => ("targets of Rust", format!("{triple} of {name}")),
            Self::CargoTool(tool) => ("cargo tools", format!("cargo-{tool}")),
            Self::Program(_, packages)
            | Self::Library(_, packages)
            | Self::SharedLibrary(_, packages)
            | Self::Module(_, packages) => ("Debian packages", String::from(packages)),
        }
    }
}

fn target_is_here(shell: &mut Shell, which: &[&str], triple: &str) -> bool {
    let mut list = Command::new("rustup");
    list.args(["target", "list", "--installed"]).args(which);
    shell.run(&mut list).is_ok_and(|all| all.lines().any(|line| line == triple))
}

/// Whether a toolchain is there with these components.
fn component_lines(shell: &mut Shell, which: &[&str], components: &[&str]) -> bool {
    let mut list = Command::new("rustup");
    list.args(["component", "list", "--installed"]).args(which);
    let has = |installed: &str, name: &str| installed.lines().any(|line| line.starts_with(name));
    shell.run(&mut list).is_ok_and(|all| components.iter().all(|name| has(&all, name)))
}

/// One step installs at a time: neither rustup nor apt may run twice at once.
fn installing() -> MutexGuard<'static, ()> {
    static INSTALLING: Mutex<()> = Mutex::new(());
    INSTALLING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says what will be installed.
pub(super) fn announce(needs: &[Need]) {
    let Ok(mut shell) = Shell::new("needs") else { return };
    let mut lacking: BTreeSet<(&str, String)> = BTreeSet::new();
    let mut asked: Vec<Need> = Vec::new();
    for need in needs {
        if !asked.contains(need) {
            asked.push(*need);
            if !need.is_here(&mut shell) {
                lacking.insert(need.words());
            }
        }
    }
    if lacking.is_empty() {
        return println!("nothing has to be installed\n");
    }
    println!("to be installed where the steps come to it:");
    let kinds: BTreeSet<&str> = lacking.iter().map(|(kind, _)| *kind).collect();
    for kind in kinds {
        let names = lacking.iter().filter(|(other, _)| *other == kind);
        let names: Vec<&str> = names.map(|(_, name)| name.as_str()).collect();
        println!("  {kind:<20} {}", names.join(", "));
    }
    println!();
}

/// Makes sure that all of it is there.
pub(crate) fn bring(shell: &mut Shell, needs: &[Need]) -> Result<(), Stop> {
    for need in needs {
        let _one = installing();
        if need.is_here(shell) {
            continue;
        }
        let mut said = String::new();
        for mut command in need.install() {
            said = match shell.try_run(&mut command) {
                Ok((_, output)) => output.trim_end().lines().last().unwrap_or_default().to_owned(),
                Err(error) => error.to_string(),
            };
        }
        if !need.is_here(shell) {
            let (kind, name) = need.words();
            let why = format!("{name} ({kind}) is not here and cannot be installed: {said}");
            return Err(Stop::Skipped(why));
        }
    }
    Ok(())
}

/// `cargo +1.89.0 check` over everything that is published.
pub(super) fn msrv(shell: &mut Shell) -> Outcome {
    shell.cargo(&format!("+{MSRV} check --workspace --all-targets --target-dir target/msrv"))?;
    Ok(format!("whole workspace, all targets, rustc {MSRV}"))
}
