// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scenarios: disks, and what runs on them.

use super::kernel::Linux;
use crate::ci::Stop;
use crate::ci::shell::Shell;
use crate::ci::toolchain::{self, Need};

/// How the guest sees a disk.
#[derive(Clone, Copy)]
pub(super) enum Bus {
    /// `/dev/vda`, `/dev/vdb`, … in the order given.
    Virtio,
    /// SCSI, for programs that look at nothing else. `/dev/sdX` in any order: go by the serial
    /// number, `disk0`, `disk1`, …, counted over all disks of the scenario.
    Scsi,
}

/// A blank disk.
#[derive(Clone, Copy)]
pub(super) struct Disk {
    pub(super) bus: Bus,
    pub(super) mib: u64,
}

/// What one machine is booted for.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// Programs that the guest runs.
    pub(super) programs: &'static [Need],
    pub(super) linux: Linux,
    /// Whether systemd and udev run in the guest, as on a machine. Their start takes a minute: not in every run of CI.
    pub(super) systemd: bool,
    /// Of the guest. Emulation of two costs almost twice as much for the same work. There are two where servers are killed:
    /// on one, Linux 6.12 crashed as such a server ended (`io_fallback_tw`).
    pub(super) processors: u8,
    /// What cargo does on the host before the boot. Without what it fetches, the scenario is skipped.
    build: &'static [&'static str],
    /// Kernel modules, loaded before the command.
    pub(super) modules: &'static str,
    disks: &'static [(usize, Disk)],
    /// Shell commands. `$TARGET` is cargo's target folder. What they write to `/out/note` appears in
    /// the table; exit status 77 is a skip, and the note its reason.
    pub(super) command: &'static str,
    /// Seconds after which the machine is stopped.
    pub(super) limit: u64,
}

impl Scenario {
    pub(super) fn disks(&self) -> impl Iterator<Item = Disk> {
        self.disks.iter().flat_map(|(count, disk)| (0..*count).map(|_| *disk))
    }

    /// What has to be there before the machine is booted.
    pub(super) fn prepare(&self, shell: &mut Shell) -> Result<(), Stop> {
        toolchain::bring(shell, self.programs)?;
        self.build.iter().try_for_each(|build| match shell.cargo(build) {
            Err(Stop::Failed(why)) if build.starts_with("fetch ") => Err(Stop::Skipped(why)),
            done => done.map(drop),
        })
    }
}

const MDADM: &[Need] = &[Need::Program("mdadm", "mdadm")];
const DMRAID: &[Need] = &[Need::Program("dmraid", "dmraid"), Need::Program("dmsetup", "dmsetup")];
const UBLK: &[Need] = &[
    Need::Program("mdadm", "mdadm"),
    Need::Program("fio", "fio"),
    Need::Program("mkfs.ext4", "e2fsprogs"),
];
const INTEROP: &[&str] = &["build --release -p raid-interop"];
const SERVED: &[&str] = &["build --release -p raid-interop -p raid-ublk"];
/// The fault points are in builds with debug assertions.
const SERVED_WITH_FAULTS: &[&str] = &[SERVED[0], "build -p raid-ublk"];
const ERRORS: &[Need] = &[
    Need::Program("dmsetup", "dmsetup"),
    Need::Program("fio", "fio"),
    Need::Program("mkfs.ext4", "e2fsprogs"),
];
/// A package outside the workspace: no other step needs libclang, and nothing that users build.
const LIBUBLK: &[Need] = &[
    Need::SharedLibrary("libclang", "libclang1-14 libclang-common-14-dev linux-libc-dev"),
    Need::Program("mkfs.ext4", "e2fsprogs"),
];
const JUDGED: &[&str] = &[
    "fetch --locked --manifest-path xtask/libublk/Cargo.toml",
    "build --locked --manifest-path xtask/libublk/Cargo.toml --target-dir target/libublk",
    SERVED[0],
];
const SYSTEM: &[Need] = &[
    Need::Program("mdadm", "mdadm"),
    Need::Program("mkfs.ext4", "e2fsprogs"),
    Need::Program("systemctl", "systemd"),
    Need::Program("udevadm", "udev"),
];
/// The program of that package has the scenarios that talk to other implementations.
const RUN_INTEROP: &str = "exec \"$TARGET/release/raid-interop\" \"$SCENARIO\"";
const MD: &str = "virtio_blk md_mod raid0 raid1 raid10 raid456";

/// 32 MiB of a DDF disk are metadata.
const fn virtio(mib: u64) -> Disk {
    Disk { bus: Bus::Virtio, mib }
}

const fn scsi(mib: u64) -> Disk {
    Disk { bus: Bus::Scsi, mib }
}

/// What most of them have.
const USUAL: Scenario = Scenario {
    name: "",
    about: "",
    programs: &[],
    linux: Linux::Longterm,
    systemd: false,
    processors: 1,
    build: INTEROP,
    modules: "",
    disks: &[],
    command: RUN_INTEROP,
    limit: 600,
};

/// Every scenario. A new one is an entry here; it may bring its own `build` and `command`.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "md-on-ours",
        about: "md runs, fails, rebuilds and re-adds DDF arrays that were created here",
        programs: MDADM,
        modules: MD,
        disks: &[(7, virtio(80))],
        ..USUAL
    },
    Scenario {
        name: "ours-on-md",
        about: "DDF arrays that mdadm created, failed, rebuilt and re-added, read and written here",
        programs: MDADM,
        modules: MD,
        disks: &[(7, virtio(80))],
        ..USUAL
    },
    Scenario {
        name: "dmraid",
        about: "dmraid and device-mapper recognise and read DDF and ASR arrays created here",
        programs: DMRAID,
        modules: "sd_mod virtio_scsi dm_mod dm_mirror",
        disks: &[(4, scsi(64))],
        ..USUAL
    },
    Scenario {
        name: "ublk-levels",
        about: "every level as a block device: limits, fio, ext4, stopped, served again, run by md",
        programs: UBLK,
        build: SERVED,
        modules: "virtio_blk md_mod raid0 raid1 raid10 raid456 ext4 ublk_drv",
        disks: &[(4, virtio(80))],
        ..USUAL
    },
    Scenario {
        name: "ublk-faults",
        about: "under fio the server is killed five times, a disk is pulled, a spare takes its place",
        programs: UBLK,
        processors: 2,
        build: SERVED,
        modules: "virtio_blk ext4 ublk_drv",
        disks: &[(4, virtio(80))],
        ..USUAL
    },
    Scenario {
        name: "ublk-errors",
        about: "cables that drop and return, unreadable sectors, failed writes, a disk taken away",
        programs: ERRORS,
        build: SERVED,
        modules: "sd_mod virtio_scsi dm_mod dm_flakey ext4 ublk_drv",
        disks: &[(6, scsi(64))],
        ..USUAL
    },
    Scenario {
        name: "ublk-commands",
        about: "the page's commands for root, a read-only device, recover, a kill inside a commit",
        programs: UBLK,
        processors: 2,
        build: SERVED_WITH_FAULTS,
        modules: "sd_mod virtio_scsi ext4",
        disks: &[(7, scsi(48))],
        ..USUAL
    },
    Scenario {
        name: "ublk-newest",
        about: "the newest kernel: RAID 1, 5, 6 as block devices; killed and handed over under fio",
        programs: UBLK,
        linux: Linux::Newest,
        processors: 2,
        build: SERVED,
        modules: "virtio_blk ext4 ublk_drv",
        disks: &[(4, virtio(80))],
        ..USUAL
    },
    Scenario {
        name: "ublk-libublk",
        about: "libublk reads devices of ours and serves one of its own, on the newest kernel",
        programs: LIBUBLK,
        processors: 2,
        linux: Linux::Newest,
        build: JUDGED,
        modules: "virtio_blk ext4 ublk_drv",
        disks: &[(4, virtio(80))],
        ..USUAL
    },
    Scenario {
        name: "ublk-systemd",
        about: "beside udev and mdadm: the rule, mdadm.conf's line, the unit",
        programs: SYSTEM,
        processors: 2,
        systemd: true,
        build: SERVED,
        modules: "virtio_blk md_mod raid1 ext4 ublk_drv",
        disks: &[(3, virtio(64))],
        ..USUAL
    },
];
