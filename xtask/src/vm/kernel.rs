// SPDX-License-Identifier: MIT OR Apache-2.0
//! The guest's kernel: fetched once from Debian, kept outside the tree.
//!
//! ```text
//! ~/.cache/raid-rs/linux-RELEASE/   vmlinux      the ELF kernel; QEMU need not unpack it
//!                                   modules/     lib/modules/RELEASE, unpacked, with depmod's index
//! target/vm/initrd                               busybox, and what mounts the host's files
//! ```
//!
//! apt runs with lists, caches and sources of its own: nothing of the machine's package set-up is
//! read but the address of its mirror, and nothing of it is changed.

use crate::ci::Stop;
use crate::ci::shell::{Shell, target};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// The suite that has it.
const SUITE: &str = "bookworm-backports";
/// The version that the scenarios were written on. When the mirror no longer has it, the suite's
/// current one is taken.
const PINNED: &str = "6.12.95+deb12-amd64";
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
        target().join("vm/initrd")
    }

    /// Finds the kernel in the cache, or fetches and unpacks it.
    pub(super) fn prepare(shell: &mut Shell) -> Result<Self, Stop> {
        if !cfg!(target_arch = "x86_64") {
            return Err(Stop::Beyond(String::from("guests are x86-64, this machine is not")));
        }
        let cache = cache()?;
        fs::create_dir_all(&cache).map_err(failed)?;
        let kernel = match kept(&cache) {
            Some(kernel) => kernel,
            None => fetch(shell, &cache)?,
        };
        kernel.make_initrd(shell)?;
        Ok(kernel)
    }

    /// Made anew every time: it is small, and its script is under version control.
    fn make_initrd(&self, shell: &mut Shell) -> Result<(), Stop> {
        let root = target().join("vm/initrd.d");
        let _ = fs::remove_dir_all(&root);
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
        let pack = "cd \"$1\" && find . | cpio --quiet -o -H newc > ../initrd";
        shell.run(Command::new("sh").args(["-ec", pack, "sh"]).arg(root))?;
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

/// A kernel in the cache: the pinned one, or any.
fn kept(cache: &Path) -> Option<Kernel> {
    let whole = |release: &str| {
        let folder = cache.join(format!("linux-{release}"));
        let kernel = Kernel { release: release.to_owned(), folder };
        kernel.folder.exists().then_some(kernel)
    };
    whole(PINNED).or_else(|| {
        let entries = fs::read_dir(cache).ok()?.filter_map(Result::ok);
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter_map(|name| whole(name.strip_prefix("linux-")?)).last()
    })
}

/// Downloads the package and takes out of it what is needed.
fn fetch(shell: &mut Shell, cache: &Path) -> Result<Kernel, Stop> {
    let apt = Apt::new(shell, cache)?;
    let release = if shell.succeeds(apt.get("download").arg(package(PINNED))) {
        PINNED.to_owned()
    } else {
        let release = apt.current(shell)?;
        shell.run(apt.get("download").arg(package(&release)))?;
        release
    };
    // Named in the end, so that what has the name is whole.
    let folder = apt.folder.join("linux");
    let unpacked = apt.folder.join("unpacked");
    let archive = (fs::read_dir(&apt.folder).map_err(failed)?.filter_map(Result::ok))
        .map(|entry| entry.path())
        .find(|path| path.extension() == Some(OsStr::new("deb")))
        .ok_or_else(|| skipped("apt-get downloaded nothing"))?;
    shell.run(Command::new("dpkg-deb").arg("-x").arg(archive).arg(&unpacked))?;
    fs::create_dir_all(&folder).map_err(failed)?;
    let image = unpacked.join("boot").join(format!("vmlinuz-{release}"));
    unpack_kernel(shell, &image, &folder.join("vmlinux"))?;
    unpack_modules(shell, &unpacked, &folder.join("modules"), &release)?;
    let kept = cache.join(format!("linux-{release}"));
    if !kept.exists() {
        fs::rename(folder, &kept).map_err(failed)?;
    }
    let _ = fs::remove_dir_all(&apt.folder);
    Ok(Kernel { release, folder: kept })
}

fn package(release: &str) -> String {
    format!("linux-image-{release}")
}

/// apt with a state of its own.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    /// With the lists of the one suite fetched.
    fn new(shell: &mut Shell, cache: &Path) -> Result<Self, Stop> {
        let apt = Self { folder: cache.join(format!("apt-{}", std::process::id())) };
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
        let line = format!("deb [signed-by={key}] {mirror} {SUITE} main\n");
        fs::write(apt.folder.join("sources.list"), line).map_err(failed)?;
        if shell.succeeds(&mut apt.get("update")) {
            Ok(apt)
        } else {
            Err(Stop::Skipped(format!("{SUITE} cannot be reached at the mirror")))
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
            .ok_or_else(|| Stop::Skipped(format!("{SUITE} has no linux-image-amd64")))
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
    let _ = fs::remove_file(&packed);
    match fs::read(to) {
        Ok(elf) if elf.starts_with(b"\x7fELF") => Ok(()),
        _ => Err(skipped("the kernel image could not be unpacked")),
    }
}

/// Copies the folders of modules wanted, unpacks them, and indexes them.
fn unpack_modules(shell: &mut Shell, package: &Path, to: &Path, release: &str) -> Result<(), Stop> {
    let from = package.join("lib/modules").join(release);
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
