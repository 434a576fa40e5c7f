// SPDX-License-Identifier: MIT OR Apache-2.0
//! A Debian in a folder, and commands in it.

use super::passed_on;
use crate::ci::shell::Shell;
use crate::ci::{Stop, remove};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// The release, and what of it is there from the start.
const SUITE: &str = "bookworm";
const PACKAGES: &str = "ca-certificates,curl,gcc,git,libc6-dev";

/// How this machine reaches its mirrors: copied where it is there.
const WAYS: [&str; 6] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/apt/apt.conf.d",
    "/etc/apt/sources.list",
    "/etc/apt/sources.list.d",
    "/etc/pip.conf",
];
/// Certificates that this machine trusts besides.
const CERTIFICATES: &str = "/usr/local/share/ca-certificates";

/// Mounts what programs expect, for this command and its children only, and goes in.
const ENTER: &str = r#"
mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && mount --rbind /sys "$1/sys" || exit 125
exec chroot "$1" /usr/bin/env -i "${@:3}" /bin/bash -c "$2"
"#;

pub(super) struct System {
    folder: PathBuf,
}

impl System {
    /// Makes it, or takes the one that is there.
    pub(super) fn make(shell: &mut Shell, folder: PathBuf, keep: bool) -> Result<Self, Stop> {
        let system = Self { folder };
        let whole = system.path("/whole");
        if !(keep && whole.exists()) {
            remove(&system.folder)?;
            fs::create_dir_all(&system.folder).map_err(failed)?;
            let mirror = mirror(shell)?;
            println!("debootstrap of {SUITE} into {}", system.folder.display());
            let mut make = Command::new("debootstrap");
            make.args(["--variant=minbase", &format!("--include={PACKAGES}"), SUITE]);
            shell.run(make.arg(&system.folder).arg(mirror))?;
            fs::write(whole, "").map_err(failed)?;
        }
        system.open_ways(shell)?;
        for folder in ["/root/.cargo", "/root/.rustup", "/root/.cache"] {
            remove(&system.path(folder))?;
        }
        if !shell.succeeds(&mut system.command("true")) {
            let why = "no command can be run in the folder: are unshare and mount allowed here?";
            return Err(Stop::Failed(format!(
                "{why} (see {})",
                Shell::log_path("fresh").display()
            )));
        }
        Ok(system)
    }

    /// A path inside, seen from outside.
    pub(super) fn path(&self, inside: &str) -> PathBuf {
        self.folder.join(inside.trim_start_matches('/'))
    }

    /// A line of shell, inside, with a new user's environment.
    pub(super) fn command(&self, line: &str) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "bash", "-c", ENTER, "bash"]);
        command.arg(&self.folder).arg(line);
        command.args([
            "HOME=/root",
            "PATH=/root/.cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG=C.UTF-8",
            "CI=true",
        ]);
        command.args(passed_on().map(|(name, value)| format!("{name}={value}")));
        command
    }

    fn open_ways(&self, shell: &mut Shell) -> Result<(), Stop> {
        for way in WAYS.into_iter().chain([CERTIFICATES]) {
            self.copy(shell, Path::new(way), way)?;
        }
        let own = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        for way in [".config/pip/pip.conf", ".pip/pip.conf"] {
            self.copy(shell, &own.join(way), &format!("/root/{way}"))?;
        }
        shell.run(&mut self.command("update-ca-certificates")).map(drop)
    }

    /// Copies what is there.
    pub(super) fn copy(&self, shell: &mut Shell, from: &Path, to: &str) -> Result<(), Stop> {
        if !from.exists() {
            return Ok(());
        }
        let to = self.path(to);
        remove(&to)?;
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let mut copy = Command::new("cp");
        shell
            .run(copy.args(["--recursive", "--dereference", "--force"]).arg(from).arg(to))
            .map(drop)
    }
}

/// This machine's mirror of Debian.
fn mirror(shell: &mut Shell) -> Result<String, Stop> {
    let mut targets = Command::new("apt-get");
    targets.args(["indextargets", "--format", "$(COMPONENT) $(REPO_URI)"]);
    let listed = shell.run(&mut targets)?;
    let main = listed.lines().filter_map(|line| line.strip_prefix("main "));
    main.map(str::trim)
        .find(|address| !address.contains("security"))
        .map(String::from)
        .ok_or_else(|| Stop::Failed(String::from("apt-get knows no mirror of Debian here")))
}

fn failed(error: io::Error) -> Stop {
    Stop::Failed(error.to_string())
}
