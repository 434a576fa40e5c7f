// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arrays as block devices of the kernel, by `raid-ublk serve --ublk`.
//!
//! ```text
//! each level   created ─▶ served: limits, fio, a file system ─▶ stopped ─▶ served again: the same bytes
//!                ─▶ DDF: md assembles it: the same bytes
//! faults       fio at work: a disk is pulled, a spare is filled │ the server is killed, five times
//! newest       levels and kills; fio at work: one server hands the device to the next
//! ```

use crate::Result;
use crate::arrays::{self, same};
use crate::guest::{self, run, try_run};
use crate::md;
use crate::served::{self, Served};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

/// ASR does not record who made an array.
const IMPORT: &str = "--import";

/// Formats and levels, the number of members, and what the block layer must say in bytes: full stripe, optimal size,
/// largest request.
const LEVELS: [(&str, &str, usize, [u64; 3]); 6] = [
    ("ddf", "raid0", 3, [192 << 10, 64 << 10, 960 << 10]),
    ("ddf", "raid1", 2, [0, 512, 1 << 20]),
    ("ddf", "raid10", 4, [128 << 10, 128 << 10, 1 << 20]),
    ("ddf", "raid5", 4, [192 << 10, 64 << 10, 960 << 10]),
    ("ddf", "raid6", 4, [128 << 10, 128 << 10, 1 << 20]),
    ("asr", "raid1", 2, [0, 512, 1 << 20]),
];

/// What fio does on the whole device, one after the other.
const WORK: &[&str] = &[
    "--name=random --rw=randwrite --bsrange=4k-64k --io_size=3m --iodepth=32 --fsync=32",
    "--name=mixed --stonewall --rw=randrw --bsrange=512-16k --io_size=768k --iodepth=8 --fdatasync=16",
    "--name=stripes --stonewall --rw=write --bs=1m --io_size=6m --iodepth=4",
];

/// What it does while something fails.
pub(super) const MIXED: &str =
    "--name=mixed --rw=randrw --bsrange=4k-32k --io_size=8m --iodepth=16";

/// A file system is mounted here.
pub(super) const MOUNT: &str = "/mnt";

/// Every level: served, used, stopped, served again.
pub(super) fn levels() -> Result<String> {
    let disks = guest::disks()?;
    features()?;
    for (format, level, members, limits) in LEVELS {
        let disks = &disks[..members];
        guest::part(&format!("{format} {level}"), || {
            let before = level_in_use(disks, format, level, limits)?;
            match format {
                "ddf" => under_md(disks, &before),
                _ => Ok(()),
            }
        })?;
    }
    Ok(format!("{} levels", LEVELS.len()))
}

/// The levels that are most work, kills, and hand-overs, on another kernel. md is left out: mdadm 4.2 knows no DDF
/// there.
pub(super) fn newest() -> Result<String> {
    let disks = guest::disks()?;
    features()?;
    let chosen = ["raid1", "raid5", "raid6"];
    for (format, level, members, limits) in
        LEVELS.into_iter().filter(|(format, level, ..)| *format == "ddf" && chosen.contains(level))
    {
        let used = || level_in_use(&disks[..members], format, level, limits);
        guest::part(&format!("{format} {level}"), used)?;
    }
    guest::part("raid6, killed", || killed(&disks[..4], "raid6", Whole::Yes))?;
    guest::part("raid5, handed over", || handed_over(&disks[..4]))?;
    Ok(format!("{} levels, {} kills, {} hand-overs", chosen.len(), kills(), kills()))
}

/// What the kernel's driver offers, for the table.
pub(super) fn features() -> Result<String> {
    let said = run(&[&served::program(), &"features"])?;
    // "Linux 6.12.95+deb12-amd64, ublk features 0x1fe"
    let mask = said.lines().next().and_then(|line| line.rsplit_once(' '));
    guest::features(mask.ok_or_else(|| format!("no features in {said:?}"))?.1);
    Ok(said)
}

/// Made, served, used, stopped, served again; all bytes of it.
fn level_in_use(disks: &[PathBuf], format: &str, level: &str, limits: [u64; 3]) -> Result<Vec<u8>> {
    served::create(&["--metadata", format, "--level", level], disks, disks.len())?;
    let before = in_use(disks, limits)?;
    read_again(disks, &before)?;
    Ok(before)
}

/// Uses a device for what it is there for; all bytes of it when it was stopped.
fn in_use(disks: &[PathBuf], limits: [u64; 3]) -> Result<Vec<u8>> {
    let served = Served::start(disks, &[IMPORT])?;
    served.never_waits_for_itself()?;
    let [stripe, optimal, largest] = limits;
    for (name, expected) in [
        ("logical_block_size", String::from("512")),
        ("physical_block_size", String::from("512")),
        ("chunk_sectors", (stripe / 512).to_string()),
        ("optimal_io_size", optimal.to_string()),
        ("max_hw_sectors_kb", (largest / 1024).to_string()),
        ("write_cache", String::from("write back")),
        ("fua", String::from("1")),
    ] {
        let found = served.limit(name)?;
        if found != expected {
            return Err(format!("{name} is {found:?}, not {expected:?}"));
        }
    }
    finish(start_fio(&served.device, WORK)?)?;
    file_system(&served)?;
    // Until it was initialised, what was never written is no one's.
    served.rests()?;
    let bytes = arrays::read_device(&served.device)?;
    served.stop()?;
    Ok(bytes)
}

/// A file system's life; while it is mounted the array is not stopped.
fn file_system(served: &Served) -> Result<()> {
    let device = &served.device;
    run(&[&"mkfs.ext4", &"-q", &"-F", device])?;
    run(&[&"mount", device, &MOUNT])?;
    let content = arrays::content("file", 1 << 20, 1);
    let file = Path::new(MOUNT).join("file");
    let kept = fs::write(&file, &content).and_then(|()| fs::File::open(&file)?.sync_all());
    kept.map_err(|error| format!("{}: {error}", file.display()))?;
    match served.ask(&["stop"]) {
        Err(why) if why.contains("in use") => {}
        other => return Err(format!("a stop of a mounted array: {other:?}")),
    }
    run(&[&"umount", &MOUNT])?;
    run(&[&"e2fsck", &"-f", &"-n", device])?;
    run(&[&"mount", &"-o", &"ro", device, &MOUNT])?;
    let read = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    same("the file", &read, &content)?;
    run(&[&"umount", &MOUNT]).map(drop)
}

/// Served again from its disks in another order, it holds the same.
pub(super) fn read_again(disks: &[PathBuf], before: &[u8]) -> Result<()> {
    let mut turned = disks.to_vec();
    turned.reverse();
    let served = Served::start(&turned, &[IMPORT])?;
    same("served again", &arrays::read_device(&served.device)?, before)?;
    served.stop()
}

/// md reads the same, and finds copies and parity in order.
fn under_md(disks: &[PathBuf], before: &[u8]) -> Result<()> {
    md::assemble(disks)?;
    let volumes = md::volumes()?;
    let [volume] = volumes.as_slice() else {
        return Err(format!("md runs {} volumes", volumes.len()));
    };
    same("through md", &arrays::read_device(&volume.device())?, before)?;
    volume.takes_writes()?;
    if let Some(mismatches @ 1..) = volume.check()? {
        return Err(format!("md's check finds {mismatches}"));
    }
    md::stop()
}

/// Disks and servers that go while fio is at work.
pub(super) fn faults() -> Result<String> {
    let disks = guest::disks()?;
    features()?;
    for (name, level, whole) in [
        ("raid1, killed", "raid1", Whole::Yes),
        ("raid6, killed", "raid6", Whole::Yes),
        ("raid5, killed while a spare is filled", "raid5", Whole::No),
    ] {
        guest::part(name, || killed(&disks[..4], level, whole))?;
    }
    guest::part("raid10, stopped in use", || stopped_in_use(&disks[..4]))?;
    guest::part("raid5, a disk is pulled", || pulled(&disks[..4]))?;
    Ok(format!("{} kills each", kills()))
}

/// A stop under load, a stop by force under a mount, and a device whose server does not come back: whoever waits gets
/// an error, nothing hangs, and the array is as it was.
fn stopped_in_use(disks: &[PathBuf]) -> Result<()> {
    served::create(&["--level", "raid10"], disks, disks.len())?;
    let served = Served::start(disks, &[])?;
    let mut fio = start_fio(&served.device, &["--name=writes --rw=randwrite --bs=4k"])?;
    at_work(&served.device, &mut fio)?;
    served.stop()?;
    if finish(fio).is_ok() {
        return Err("fio did not notice the end of its device".into());
    }
    let served = Served::start(disks, &[])?;
    let device = served.device.clone();
    run(&[&"mkfs.ext4", &"-q", &"-F", &device])?;
    run(&[&"mount", &device, &MOUNT])?;
    served.stop_by_force()?;
    run(&[&"umount", &MOUNT])?;
    let served = Served::start(disks, &[])?;
    served.kill()?;
    let mut reader = Command::new("dd")
        .arg(format!("if={}", device.display()))
        .args(["of=/dev/null", "iflag=direct", "count=1"])
        .spawn()
        .map_err(|error| format!("dd: {error}"))?;
    thread::sleep(Duration::from_millis(300));
    if let Ok(Some(ended)) = reader.try_wait() {
        return Err(format!("a read did not wait for the next server: {ended}"));
    }
    let number = device.to_string_lossy().replace("/dev/ublkb", "");
    run(&[&served::program(), &"remove", &number])?;
    let ended = guest::wait("the read to fail", || reader.try_wait().ok().flatten())?;
    if ended.success() || device.exists() {
        return Err(format!("a read of a removed device: {ended}"));
    }
    let served = Served::start(disks, &[])?;
    // 1: the journal was replayed, or the like.
    let check = "e2fsck -f -p \"$0\"; test $? -le 1";
    run(&[&"sh", &"-c", &check, &served.device])?;
    served.rests()?;
    scrubbed(&served)?;
    served.stop()
}

/// Whether an array has all its members when its server is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whole {
    /// It has.
    Yes,
    /// A spare is being filled, or the place is empty.
    No,
}

/// How often a server is killed under fio.
fn kills() -> u64 {
    if std::env::var_os("THOROUGH").is_some() { 20 } else { 5 }
}

/// Time after time under fio; no request is lost.
fn killed(disks: &[PathBuf], level: &str, whole: Whole) -> Result<()> {
    let members = if whole == Whole::Yes { disks.len() } else { disks.len() - 1 };
    served::create(&["--level", level], disks, members)?;
    let mut served = Served::start(disks, &[])?;
    let device = served.device.clone();
    let mut fio = start_fio(&device, &[MIXED])?;
    for time in 1..=kills() {
        at_work(&device, &mut fio)?;
        if time == 2 && whole == Whole::No {
            served.ask(&["fail", "--slot", "1"])?;
        }
        served.kill()?;
        // In the middle of taking over, later each time.
        Served::start_and_kill(disks, Duration::from_millis(30 * (time % 10)))?;
        served = Served::start(disks, &[])?;
        if served.device != device {
            return Err(format!("the device is {} now", served.device.display()));
        }
    }
    finish(fio)?;
    served.rests()?;
    scrubbed(&served)?;
    served.stop()
}

/// A newer version of the server, time after time under fio: nobody notices, nothing has to be filled twice.
fn handed_over(disks: &[PathBuf]) -> Result<()> {
    served::create(&["--level", "raid5"], disks, disks.len() - 1)?;
    let mut served = Served::start(disks, &[])?;
    let device = served.device.clone();
    let limits = |served: &Served| {
        let names = ["chunk_sectors", "optimal_io_size", "max_hw_sectors_kb", "write_cache", "fua"];
        names.map(|name| served.limit(name)).into_iter().collect::<Result<Vec<_>>>()
    };
    let before = limits(&served)?;
    let mut fio = start_fio(&device, &[MIXED])?;
    for time in 1..=kills() {
        at_work(&device, &mut fio)?;
        if time == 2 {
            served.ask(&["fail", "--slot", "1"])?;
        }
        served.hand_over()?;
        served = Served::recover(disks)?;
        if served.device != device || limits(&served)? != before {
            return Err(format!("the device is {} now, another one", served.device.display()));
        }
    }
    finish(fio)?;
    served.rests()?;
    scrubbed(&served)?;
    // Nothing was written since: what is handed over is clean.
    served.hand_over()?;
    let served = Served::recover(disks)?;
    let status = served.status()?;
    let set = &status["sets"][0];
    if set["state"] != "optimal" || !set["operation"].is_null() || set["clean"] != true {
        return Err(format!("not clean after it was handed over: {status}"));
    }
    served.stop()
}

/// A member goes while it is written to; a spare takes its place.
fn pulled(disks: &[PathBuf]) -> Result<()> {
    served::create(&["--level", "raid5"], disks, disks.len() - 1)?;
    let served = Served::start(disks, &[])?;
    let mut fio = start_fio(&served.device, &[MIXED])?;
    at_work(&served.device, &mut fio)?;
    let name = disks[1].file_name().unwrap_or_default();
    let switch = Path::new("/sys/block").join(name).join("device/../remove");
    println!("pulled {}", disks[1].display());
    fs::write(&switch, "1").map_err(|error| format!("{}: {error}", switch.display()))?;
    finish(fio)?;
    let spare = format!("slot 1: in_sync  {}", disks[disks.len() - 1].display());
    served.until(&["set 0: optimal", &spare])?;
    served.rests()?;
    scrubbed(&served)?;
    let before = arrays::read_device(&served.device)?;
    served.stop()?;
    let left: Vec<PathBuf> = [0, 2, 3].map(|disk| disks[disk].clone()).to_vec();
    read_again(&left, &before)
}

/// A check finds nothing that differs.
pub(super) fn scrubbed(served: &Served) -> Result<()> {
    served.ask(&["scrub", "start"])?;
    served.rests()?;
    let found = served.ask(&["scrub", "status"])?;
    match found.contains("the last check found no row that differs") {
        true => Ok(()),
        false => Err(format!("rows differ: {found}")),
    }
}

/// Starts fio; each of `jobs` is what one does.
pub(super) fn start_fio(device: &Path, jobs: &[&str]) -> Result<Child> {
    println!("{:5.1} s $ fio {}", guest::running().as_secs_f64(), jobs.join(" "));
    let mut command = Command::new("fio");
    // Errors go to standard error.
    command.args(["--eta=never", "--output=/dev/null", "--name=global", "--direct=1"]);
    command.args(["--ioengine=libaio", "--verify=crc32c", "--verify_fatal=1", "--randrepeat=0"]);
    command.arg(format!("--filename={}", device.display()));
    command.args(jobs.iter().flat_map(|job| job.split(' ')));
    command.spawn().map_err(|error| format!("fio: {error}"))
}

/// Waits until it has written some more. One that has ended well is followed by the next: with `--loops` fio would verify
/// what an earlier loop wrote, on any device.
pub(super) fn at_work(device: &Path, fio: &mut Child) -> Result<()> {
    let name = device.file_name().unwrap_or_default();
    let path = Path::new("/sys/block").join(name).join("stat");
    // The fifth number is of writes that have ended.
    let writes = || {
        let stat = fs::read_to_string(&path).unwrap_or_default();
        stat.split_whitespace().nth(4).and_then(|word| word.parse::<u64>().ok()).unwrap_or(0)
    };
    let from = writes();
    guest::wait("fio to write", || match fio.try_wait() {
        Ok(None) => (writes() >= from + 16).then_some(Ok(())),
        Ok(Some(ended)) if ended.success() => match start_fio(device, &[MIXED]) {
            Ok(next) => {
                *fio = next;
                None
            }
            Err(why) => Some(Err(why)),
        },
        ended => Some(Err(format!("fio has ended: {ended:?}"))),
    })?
}

pub(super) fn finish(mut fio: Child) -> Result<()> {
    let ended = guest::wait("fio", || fio.try_wait().ok().flatten())?;
    match ended.success() {
        true => Ok(()),
        false => {
            // For whoever reads on; what failed is said below.
            let _ = try_run(&[&"dmesg"]);
            Err(format!("fio: {ended}"))
        }
    }
}
