// SPDX-License-Identifier: MIT OR Apache-2.0
//! The guests' kernels: fetched once from Debian, kept outside the tree.
//!
//! ```text
//! ~/.cache/raid-rs/linux-RELEASE/   vmlinux      the ELF kernel; QEMU need not unpack it
//!                                   modules/     lib/modules/RELEASE, unpacked, with depmod's index
//! target/vm/initrd-RELEASE                       busybox, and what mounts the host's files
//! ```
//!
//! apt runs with lists, caches and sources of its own: nothing of the machine's package set-up is
//! read but the address of its mirror, and nothing of it is changed.

use crate::ci::shell::{Shell, target};
use crate::ci::{Stop, remove};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// A line of kernels. A scenario names its own, and runs on no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Linux {
    /// The one with long support.
    Longterm,
    /// The newest that Debian has.
    Newest,
}

impl Linux {
    /// The suite that has it.
    const fn suite(self) -> &'static str {
        match self {
            Self::Longterm => "bookworm-backports",
            Self::Newest => "trixie-backports",
        }
    }

    /// The version that the scenarios were written on. When the mirror no longer has it, the suite's current one is
    /// taken.
    const fn pinned(self) -> &'static str {
        match self {
            Self::Longterm => "6.12.95+deb12-amd64",
            Self::Newest => "7.3.4+deb13-amd64",
        }
    }

    /// How releases of the line begin.
    const fn begins(self) -> &'static str {
        match self {
            Self::Longterm => "6.12.",
            Self::Newest => "7.",
        }
    }

    /// The packages of a release.
    fn packages(self, release: &str) -> Vec<String> {
        let parts: &[&str] = match self {
            Self::Longterm => &["image"],
            // Split since 7.
            Self::Newest => &["base", "binary", "modules"],
        };
        parts.iter().map(|part| format!("linux-{part}-{release}")).collect()
    }
}

/// Folders of modules that the scenarios may load from, below `kernel/`.
const MODULES: &str = "block crypto lib fs net/9p net/core net/sched net/netfs arch drivers/block \
    drivers/md drivers/scsi drivers/nvme drivers/virtio drivers/nvdimm drivers/dax drivers/target \
    drivers/ata drivers/char drivers/net/veth.ko.xz drivers/net/virtio_net.ko.xz";
/// What the guest needs to see the host's files, each after what it depends on.
const EARLY: [&str; 3] = ["9pnet_virtio", "9p", "overlay"];
const INIT: &str = include_str!("../../vm/init.sh");

/// A kernel that is ready to boot.
pub(super) struct Kernel {
    pub(super) release: String,
    folder: PathBuf,
}

impl Kernel {
    pub(super) fn vmlinux(&self) -> PathBuf {
        self.folder.join("vmlinux")
    }

    /// The folder to be seen as `/lib/modules/RELEASE`.
    pub(super) fn modules(&self) -> PathBuf {
        self.folder.join("modules/lib/modules").join(&self.release)
    }

    pub(super) fn initrd(&self) -> PathBuf {
        target().join("vm").join(format!("initrd-{}", self.release))
    }

    /// Finds the kernel in the cache, or fetches and unpacks it.
    pub(super) fn prepare(shell: &mut Shell, linux: Linux) -> Result<Self, Stop> {
        if !cfg!(target_arch = "x86_64") {
            return Err(Stop::Beyond(String::from("guests are x86-64, this machine is not")));
        }
        let cache = cache()?;
        fs::create_dir_all(&cache).map_err(failed)?;
        let kernel = match kept(&cache, linux) {
            Some(kernel) => kernel,
            None => fetch(shell, &cache, linux)?,
        };
        kernel.make_initrd(shell)?;
        Ok(kernel)
    }

    /// Made anew every time: it is small, and its script is under version control.
    fn make_initrd(&self, shell: &mut Shell) -> Result<(), Stop> {
        let root = target().join("vm").join(format!("initrd-{}.d", self.release));
        remove(&root)?;
        for folder in ["bin", "modules", "dev", "proc", "sys", "run", "root"] {
            fs::create_dir_all(root.join(folder)).map_err(failed)?;
        }
        let busybox = find_program("busybox").ok_or_else(|| skipped("no busybox"))?;
        fs::copy(busybox, root.join("bin/busybox")).map_err(failed)?;
        let mut order = String::new();
        for name in EARLY {
            let mut dependencies = Command::new("modprobe");
            dependencies.args(["--show-depends", "--set-version", &self.release, "--dirname"]);
            let listed = shell.run(dependencies.arg(self.folder.join("modules")).arg(name))?;
            for path in listed.lines().filter_map(|line| line.trim().strip_prefix("insmod ")) {
                let path = Path::new(path.trim());
                let file = path.file_name().unwrap_or_default();
                let to = root.join("modules").join(file);
                if !to.exists() {
                    fs::copy(path, to).map_err(failed)?;
                    order.push_str(&format!("{}\n", file.to_string_lossy()));
                }
            }
        }
        fs::write(root.join("modules/order"), order).map_err(failed)?;
        fs::write(root.join("init"), INIT).map_err(failed)?;
        shell.run(Command::new("chmod").arg("755").arg(root.join("init")))?;
        let pack = "cd \"$1\" && find . | cpio --quiet -o -H newc > \"$2\"";
        let initrd = self.initrd();
        shell.run(Command::new("sh").args(["-ec", pack, "sh"]).arg(root).arg(initrd))?;
        Ok(())
    }
}

/// Where kernels are kept.
fn cache() -> Result<PathBuf, Stop> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_CACHE_HOME")
        .or_else(|| Some(set("HOME")?.join(".cache")))
        .map(|cache| cache.join("raid-rs"))
        .ok_or_else(|| skipped("neither XDG_CACHE_HOME nor HOME says where a kernel can be kept"))
}

/// A kernel of the line in the cache: the pinned one, or any.
fn kept(cache: &Path, linux: Linux) -> Option<Kernel> {
    let whole = |release: &str| {
        let folder = cache.join(format!("linux-{release}"));
        let kernel = Kernel { release: release.to_owned(), folder };
        kernel.folder.exists().then_some(kernel)
    };
    whole(linux.pinned()).or_else(|| {
        let entries = fs::read_dir(cache).ok()?.filter_map(Result::ok);
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let releases = names.filter_map(|name| Some(name.strip_prefix("linux-")?.to_owned()));
        let own = releases.filter(|release| release.starts_with(linux.begins()));
        own.filter_map(|release| whole(&release)).last()
    })
}

/// Downloads the packages and takes out of them what is needed.
fn fetch(shell: &mut Shell, cache: &Path, linux: Linux) -> Result<Kernel, Stop> {
    let apt = Apt::new(shell, cache, linux.suite())?;
    let pinned = linux.packages(linux.pinned());
    let release = if shell.succeeds(apt.get("download").args(pinned)) {
        linux.pinned().to_owned()
    } else {
        let release = apt.current(shell)?;
        shell.run(apt.get("download").args(linux.packages(&release)))?;
        release
    };
    // Named in the end, so that what has the name is whole.
    let folder = apt.folder.join("linux");
    let unpacked = apt.folder.join("unpacked");
    let entries = fs::read_dir(&apt.folder).map_err(failed)?.filter_map(Result::ok);
    let archives = entries.map(|entry| entry.path());
    let archives: Vec<PathBuf> =
        archives.filter(|path| path.extension() == Some(OsStr::new("deb"))).collect();
    if archives.is_empty() {
        return Err(skipped("apt-get downloaded nothing"));
    }
    for archive in archives {
        shell.run(Command::new("dpkg-deb").arg("-x").arg(archive).arg(&unpacked))?;
    }
    fs::create_dir_all(&folder).map_err(failed)?;
    let there = |places: [PathBuf; 2]| places.into_iter().find(|place| place.exists());
    let modules =
        there(["lib", "usr/lib"].map(|lib| unpacked.join(lib).join("modules").join(&release)))
            .ok_or_else(|| skipped("the packages have no modules"))?;
    let image =
        there([unpacked.join("boot").join(format!("vmlinuz-{release}")), modules.join("vmlinuz")])
            .ok_or_else(|| skipped("the packages have no kernel"))?;
    unpack_kernel(shell, &image, &folder.join("vmlinux"))?;
    unpack_modules(shell, &modules, &folder.join("modules"), &release)?;
    let kept = cache.join(format!("linux-{release}"));
    if !kept.exists() {
        fs::rename(folder, &kept).map_err(failed)?;
    }
    remove(&apt.folder)?;
    Ok(Kernel { release, folder: kept })
}

/// apt with a state of its own.
struct Apt {
    folder: PathBuf,
    suite: &'static str,
}

impl Apt {
    /// With the lists of the one suite fetched.
    fn new(shell: &mut Shell, cache: &Path, suite: &'static str) -> Result<Self, Stop> {
        let folder = cache.join(format!("apt-{}-{suite}", std::process::id()));
        let apt = Self { folder, suite };
        for folder in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(apt.folder.join(folder)).map_err(failed)?;
        }
        let mut targets = Command::new("apt-get");
        targets.args(["indextargets", "--format", "$(COMPONENT) $(REPO_URI)"]);
        let listed = shell.run(&mut targets).map_err(|_| skipped("apt-get knows no mirror"))?;
        let mirror = (listed.lines().filter_map(|line| line.strip_prefix("main ")))
            .find(|address| !address.contains("security"))
            .ok_or_else(|| skipped("apt-get knows no mirror of Debian"))?;
        let key = "/usr/share/keyrings/debian-archive-keyring.gpg";
        let line = format!("deb [signed-by={key}] {mirror} {suite} main\n");
        fs::write(apt.folder.join("sources.list"), line).map_err(failed)?;
        if shell.succeeds(&mut apt.get("update")) {
            Ok(apt)
        } else {
            Err(Stop::Skipped(format!("{suite} cannot be reached at the mirror")))
        }
    }

    fn get(&self, verb: &str) -> Command {
        self.command("apt-get", verb)
    }

    fn command(&self, program: &str, verb: &str) -> Command {
        let place = |path: &str| self.folder.join(path).display().to_string();
        let mut command = Command::new("env");
        command.arg("-C").arg(&self.folder).args([program, verb, "-q"]);
        for setting in [
            format!("Dir::Etc::sourcelist={}", place("sources.list")),
            String::from("Dir::Etc::sourceparts=/dev/null"),
            String::from("Dir::Etc::preferencesparts=/dev/null"),
            format!("Dir::State::lists={}", place("lists")),
            format!("Dir::Cache={}", place("cache")),
            // `download` as root would otherwise warn about a folder that _apt cannot enter.
            String::from("APT::Sandbox::User=root"),
        ] {
            command.args(["-o", &setting]);
        }
        command
    }

    /// The release that the suite has now.
    fn current(&self, shell: &mut Shell) -> Result<String, Stop> {
        let listed = shell.run(self.command("apt-cache", "depends").arg("linux-image-amd64"))?;
        (listed.lines().filter_map(|line| line.trim().strip_prefix("Depends: linux-image-")))
            .next()
            .map(str::to_owned)
            .ok_or_else(|| Stop::Skipped(format!("{} has no linux-image-amd64", self.suite)))
    }
}

/// Takes the ELF kernel out of a boot image: the payload that its setup header names.
fn unpack_kernel(shell: &mut Shell, image: &Path, to: &Path) -> Result<(), Stop> {
    let bytes = fs::read(image).map_err(failed)?;
    let word = |at: usize| {
        let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    let payload = || {
        let setup = (usize::from(*bytes.get(0x1f1)?) + 1) * 512;
        let from = setup.checked_add(word(0x248)?)?;
        // Its last four bytes are the unpacked size, not zstd's.
        bytes.get(from..from.checked_add(word(0x24c)?.checked_sub(4)?)?)
    };
    let payload = payload().ok_or_else(|| skipped("the kernel image has no payload"))?;
    let packed = to.with_extension("zst");
    fs::write(&packed, payload).map_err(failed)?;
    shell.run(Command::new("zstd").args(["-dfq", "-o"]).arg(to).arg(&packed))?;
    fs::remove_file(&packed).map_err(failed)?;
    match fs::read(to) {
        Ok(elf) if elf.starts_with(b"\x7fELF") => Ok(()),
        _ => Err(skipped("the kernel image could not be unpacked")),
    }
}

/// Copies the folders wanted of all modules, unpacks them, and indexes them.
fn unpack_modules(shell: &mut Shell, from: &Path, to: &Path, release: &str) -> Result<(), Stop> {
    let all = to.join("lib/modules").join(release);
    for part in MODULES.split_whitespace() {
        let (source, target) = (from.join("kernel").join(part), all.join("kernel").join(part));
        if source.exists() {
            fs::create_dir_all(target.parent().unwrap_or(&all)).map_err(failed)?;
            shell.run(Command::new("cp").arg("-r").arg(source).arg(target))?;
        }
    }
    for name in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
        fs::copy(from.join(name), all.join(name)).map_err(failed)?;
    }
    let unpack = "find \"$1\" -name '*.xz' -print0 | xargs -0r -P2 -n32 xz -d";
    shell.run(Command::new("sh").args(["-ec", unpack, "sh"]).arg(&all))?;
    shell.run(Command::new("depmod").arg("-b").arg(to).arg(release))?;
    Ok(())
}

/// Where a program is.
fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|path| path.exists())
}

fn skipped(why: &str) -> Stop {
    Stop::Skipped(why.to_owned())
}

fn failed(error: io::Error) -> Stop {
    Stop::Failed(error.to_string())
}
