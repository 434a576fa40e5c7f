// SPDX-License-Identifier: MIT OR Apache-2.0
//! Boots the emulated machine for one scenario and brings its status back.
//!
//! The truth is the file that the guest writes on its `/out`; without it the machine died on the
//! way. An early end without a word was seen once in a hundred boots, and a crash of Linux 6.12 in io_uring
//! while a killed server ended once in two hundred kills: that is tried once more, and said.

use super::kernel::Kernel;
use super::scenarios::{Bus, Scenario};
use crate::ci::shell::{Shell, root, target};
use crate::ci::{Outcome, Stop, remove};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the guest's program ends with when something is missing there.
const SKIP: i32 = 77;

/// Cuts two seconds off the kernel's start, and makes a panic the end of the machine. The clock is the emulated timer: on a
/// busy host the kernel took its processor for five times as fast as it was, and its seconds were none.
const KERNEL_ARGUMENTS: &str = "console=ttyS0 panic=-1 quiet loglevel=4 mitigations=off \
    oops=panic \
    tsc=unstable no_timer_check cryptomgr.notests audit=0 apparmor=0 nowatchdog random.trust_cpu=on";

/// For a guest whose first program is systemd: init.sh makes the unit that runs the scenario.
const SYSTEMD_ARGUMENTS: &str = "vm.systemd fstab=no";

/// The machine, but for shares and disks. Hardware virtualisation is not asked for: where it is
/// offered inside another guest it need not work. Page tables of five levels cost a seventh of its time.
const MACHINE: &str = "-accel tcg,thread=multi -cpu max,la57=off -m 512 -nodefaults -no-user-config \
    -display none -no-reboot -serial stdio -device isa-debug-exit,iobase=0xf4,iosize=4 \
    -device virtio-scsi-pci,id=scsi";

pub(super) fn run(
    shell: &mut Shell,
    kernel: &Kernel,
    scenario: &Scenario,
    thorough: bool,
) -> Outcome {
    match attempt(shell, kernel, scenario, thorough)? {
        Ended::Said(outcome) => outcome,
        Ended::Silently(why) => {
            println!("    {:<16} {why}, once more", scenario.name);
            match attempt(shell, kernel, scenario, thorough)? {
                Ended::Said(Ok(note)) => Ok(format!("{note} (second boot; the first: {why})")),
                Ended::Said(stop) => stop,
                Ended::Silently(again) => Err(Stop::Failed(format!("{why}; then {again}"))),
            }
        }
    }
}

/// How a machine ended.
enum Ended {
    /// With what its program says.
    Said(Outcome),
    /// Without a status, and what is known of that.
    Silently(&'static str),
}

/// One boot.
fn attempt(
    shell: &mut Shell,
    kernel: &Kernel,
    scenario: &Scenario,
    thorough: bool,
) -> Result<Ended, Stop> {
    let folder = target().join("vm").join(scenario.name);
    remove(&folder)?;
    let out = folder.join("out");
    fs::create_dir_all(&out).map_err(failed)?;
    fs::write(out.join("run"), guest_script(scenario, thorough)).map_err(failed)?;
    let mut qemu = qemu(kernel, scenario, &folder, thorough).map_err(failed)?;
    let (status, console) = shell.try_run(&mut qemu).map_err(failed)?;
    // `timeout` ends with 124 or, if it had to kill, 137.
    if status.is_none_or(|status| [Some(124), Some(137)].contains(&status.code())) {
        let why = format!("not finished after {} s", limit(scenario, thorough));
        return Ok(Ended::Said(Err(Stop::Failed(why))));
    }
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap_or_default();
    let note = read("note").trim().to_owned();
    Ok(match read("status").trim().parse::<i32>() {
        Ok(0) => Ended::Said(Ok(note)),
        Ok(SKIP) => Ended::Said(Err(Stop::Skipped(note))),
        Ok(code) => Ended::Said(Err(Stop::Failed(format!("exit status {code}")))),
        Err(_) if console.contains("Kernel panic") => Ended::Silently("the guest's kernel crashed"),
        Err(_) => Ended::Silently("no answer from the guest"),
    })
}

/// Seconds after which the machine is stopped.
const fn limit(scenario: &Scenario, thorough: bool) -> u64 {
    if thorough { scenario.limit * 4 } else { scenario.limit }
}

/// What the guest runs once it sees the host's files.
fn guest_script(scenario: &Scenario, thorough: bool) -> String {
    let thorough = if thorough { "export THOROUGH=1\n" } else { "" };
    format!(
        "cd '{root}'\nexport TARGET='{target}' SCENARIO={name}\n{thorough}\
         for module in {modules}; do modprobe $module || exit 1; done\n{command}\n",
        root = root().display(),
        target = target().display(),
        name = scenario.name,
        modules = scenario.modules,
        command = scenario.command,
    )
}

fn qemu(
    kernel: &Kernel,
    scenario: &Scenario,
    folder: &Path,
    thorough: bool,
) -> io::Result<Command> {
    let limit = limit(scenario, thorough);
    let processors = if thorough { 2 } else { scenario.processors };
    let mut qemu = Command::new("timeout");
    qemu.args(["-k", "5", &limit.to_string(), "qemu-system-x86_64"]);
    qemu.args(MACHINE.split_whitespace()).args(["-smp", &processors.to_string()]);
    qemu.arg("-kernel").arg(kernel.vmlinux()).arg("-initrd").arg(kernel.initrd());
    let system = if scenario.systemd { SYSTEMD_ARGUMENTS } else { "" };
    qemu.args(["-append", &format!("{KERNEL_ARGUMENTS} {system}")]);
    let shares: [(&str, PathBuf, &str); 3] = [
        ("host", PathBuf::from("/"), "on"),
        ("modules", kernel.modules(), "on"),
        ("out", folder.join("out"), "off"),
    ];
    for (tag, path, readonly) in shares {
        let path = path.display();
        qemu.args([
            "-fsdev",
            &format!(
                "local,id={tag},path={path},security_model=none,readonly={readonly},multidevs=remap"
            ),
            "-device",
            &format!("virtio-9p-pci,fsdev={tag},mount_tag={tag}"),
        ]);
    }
    for (index, disk) in scenario.disks().enumerate() {
        let image = folder.join(format!("disk{index}.img"));
        File::create(&image)?.set_len(disk.mib << 20)?;
        let device = match disk.bus {
            Bus::Virtio => format!("virtio-blk-pci,drive=d{index},serial=disk{index}"),
            Bus::Scsi => format!("scsi-hd,bus=scsi.0,drive=d{index},serial=disk{index}"),
        };
        let drive = format!("if=none,id=d{index},format=raw,cache=unsafe,discard=unmap");
        qemu.args(["-drive", &format!("{drive},file={}", image.display()), "-device", &device]);
    }
    Ok(qemu)
}

fn failed(error: io::Error) -> Stop {
    Stop::Failed(error.to_string())
}
