// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an administrator does: the commands of docs/ublk.md that need root and disks, taken from the page; a device that
//! is only read; `recover`; and a server that is killed inside a metadata commit.

use super::ublk;
use crate::Result;
use crate::guest::{self, run, try_run};
use crate::served::{self, Served};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Before the block of the page that is run here.
const MARK: &str = "<!-- These commands are run in a guest by xtask/interop/src/scenario/ublk_commands.rs. -->\n\n```sh\n";
/// Where the page has its array listen, and what it mounts.
const CONTROL: &str = "/run/home.ctl";
const MOUNT: &str = "/mnt";

/// All of it.
pub(super) fn run_all() -> Result<String> {
    guest::part("raid6, the page's commands", page)?;
    ublk::features()?;
    let disks: Vec<PathBuf> =
        ('b'..='g').map(|name| PathBuf::from(format!("/dev/sd{name}"))).collect();
    guest::part("raid6, read only", || read_only(&disks))?;
    guest::part("raid6, recovered", || recover(&disks))?;
    guest::part("raid5, killed in a commit", || killed_in_a_commit(&disks[..4]))?;
    Ok(String::from("commands of docs/ublk.md"))
}

/// The commands of the page, in their order; the array stays on the disks.
fn page() -> Result<()> {
    let page =
        fs::read_to_string("docs/ublk.md").map_err(|error| format!("docs/ublk.md: {error}"))?;
    let block = page.split(MARK).nth(1).and_then(|rest| rest.split("```").next());
    let block = block.ok_or("docs/ublk.md has no block for the guest")?;
    let mut served = None;
    for line in block.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        // It was built on the host.
        let line = line.strip_prefix("cargo build --release -p raid-ublk && ").unwrap_or(line);
        if line.starts_with("raid-ublk serve") {
            served = Some(Served::launch(shell(line), CONTROL)?);
        } else {
            done(line)?;
        }
    }
    let served = served.ok_or("the page serves nothing")?;
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    if !mounts.contains(&format!("{} {MOUNT} ext4", served.device.display())) {
        return Err(format!("the page has not mounted {}", served.device.display()));
    }
    let file = Path::new(MOUNT).join("file");
    let kept = fs::write(&file, [7; 100_000]).and_then(|()| fs::File::open(&file)?.sync_all());
    kept.map_err(|error| format!("{}: {error}", file.display()))?;
    done("umount /mnt")?;
    served.stop()
}

/// A command of the page, where it finds the program.
fn shell(line: &str) -> Command {
    let folder = served::program().parent().map(Path::to_owned).unwrap_or_default();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("bash");
    command
        .args(["-c", &format!("exec {line}")])
        .env("PATH", format!("{}:{path}", folder.display()));
    command
}

fn done(line: &str) -> Result<()> {
    println!("{:5.1} s $ {line}", guest::running().as_secs_f64());
    let mut command = shell(line);
    let output = command.output().map_err(|error| format!("{line}: {error}"))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    print!("{text}");
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{line}: {}: {text}", output.status)),
    }
}

/// How often a disk was written since the boot.
fn writes(disk: &Path) -> Result<u64> {
    let name = disk.file_name().unwrap_or_default();
    let path = Path::new("/sys/block").join(name).join("stat");
    let stat = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let number = stat.split_whitespace().nth(4).and_then(|word| word.parse().ok());
    number.ok_or_else(|| format!("{}: {stat:?}", path.display()))
}

/// A device that takes no write, of disks that get none.
fn read_only(disks: &[PathBuf]) -> Result<()> {
    let all = || disks.iter().map(|disk| writes(disk)).collect::<Result<Vec<u64>>>();
    let before = all()?;
    let served = Served::start(disks, &["--readonly"])?;
    let device = &served.device;
    if served.limit("../ro")? != "1" {
        return Err(format!("{} takes writes", device.display()));
    }
    let output = format!("of={}", device.display());
    let (wrote, _) =
        try_run(&[&"dd", &"if=/dev/zero", &output, &"bs=4096", &"count=1", &"oflag=direct"])?;
    if wrote {
        return Err(format!("{} was written", device.display()));
    }
    run(&[&"e2fsck", &"-f", &"-n", device])?;
    run(&[&"mount", &"-o", &"ro", device, &MOUNT])?;
    let read = fs::read(Path::new(MOUNT).join("file")).map_err(|error| format!("file: {error}"))?;
    run(&[&"umount", &MOUNT])?;
    if read != [7; 100_000] {
        return Err("the file is another one".into());
    }
    served.stop()?;
    match all()? == before {
        true => Ok(()),
        false => Err(format!("disks were written: {before:?} before, {:?} now", all()?)),
    }
}

/// `recover` takes over what a killed server left, and nothing else.
fn recover(disks: &[PathBuf]) -> Result<()> {
    match Served::recover(disks) {
        Err(why) if why.contains("ended") => {}
        Err(why) => return Err(why),
        Ok(_) => return Err("recover has made a device where none waited".into()),
    }
    let served = Served::start(disks, &[])?;
    let device = served.device.clone();
    run(&[&"mount", &device, &MOUNT])?;
    match served.ask(&["stop", "--keep-device"]) {
        Err(why) if why.contains("Linux 6.16") => {}
        other => return Err(format!("a hand-over by a driver that has none: {other:?}")),
    }
    served.kill()?;
    let served = Served::recover(disks)?;
    if served.device != device {
        return Err(format!("{} was {}", served.device.display(), device.display()));
    }
    let file = Path::new(MOUNT).join("file");
    let kept = fs::write(&file, [8; 100_000]).and_then(|()| fs::File::open(&file)?.sync_all());
    kept.map_err(|error| format!("{}: {error}", file.display()))?;
    run(&[&"umount", &MOUNT])?;
    run(&[&"e2fsck", &"-f", &"-n", &device])?;
    served.stop()
}

/// Under fio, at the start and with a member that fails: the next server has every request, and a scrub finds nothing.
fn killed_in_a_commit(disks: &[PathBuf]) -> Result<()> {
    served::create(&["--level", "raid5"], disks, disks.len() - 1)?;
    let served = Served::start_to_be_killed(disks, 150)?;
    let fio = ublk::start_fio(&served.device, &[ublk::MIXED])?;
    served.dies()?;
    // It may be killed before it serves, or before it answers.
    match Served::start_to_be_killed(disks, 150) {
        Ok(served) => {
            if let Err(why) = served.ask(&["fail", "--slot", "1"]) {
                println!("{why}");
            }
            served.dies()?;
        }
        Err(why) => println!("{why}"),
    }
    let served = Served::recover(disks)?;
    ublk::finish(fio)?;
    served.rests()?;
    ublk::scrubbed(&served)?;
    served.stop()
}
