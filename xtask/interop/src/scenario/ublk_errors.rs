// SPDX-License-Identifier: MIT OR Apache-2.0
//! Disks that fail as disks do, under an array that is used: cables that drop and come back, sectors that cannot be
//! read, writes that fail, a disk that the kernel takes away.
//!
//! ```text
//! raid-ublk ─▶ /dev/mapper/diskN: linear │ error │ flakey ─▶ /dev/sdX
//! ```

use super::ublk::{MIXED, MOUNT, at_work, features, finish, read_again, scrubbed, start_fio};
use crate::Result;
use crate::arrays::{self, same};
use crate::guest::{self, run};
use crate::served::{self, Served};
use std::fs;
use std::path::{Path, PathBuf};

/// Sectors that cannot be read, among a member's data: the first, and how many.
const UNREADABLE: (u64, u64) = (4096, 64);

/// All of it.
pub(super) fn run_all() -> Result<String> {
    let disks = guest::disks()?;
    features()?;
    let mapped: Vec<Mapped> =
        disks.iter().enumerate().map(|(n, disk)| Mapped::new(n, disk)).collect::<Result<_>>()?;
    for (level, members, lost) in
        [("raid1", 4, &[0, 2][..]), ("raid6", 6, &[1, 4]), ("raid10", 6, &[0, 3, 4])]
    {
        guest::part(&format!("{level}, cables drop and return"), || {
            transient(&mapped[..members], level, lost)
        })?;
    }
    guest::part("raid5, unreadable sectors", || unreadable(&mapped[..4]))?;
    guest::part("raid5, failed writes", || unwritable(&mapped[..4]))?;
    for disk in mapped {
        disk.remove()?;
    }
    guest::part("raid6, a disk is taken away", || taken_away(&disks[..4]))?;
    Ok(String::from("no error, no wrong byte"))
}

/// A disk behind device-mapper, which may fail it.
struct Mapped {
    name: String,
    disk: PathBuf,
    sectors: u64,
}

impl Mapped {
    fn new(number: usize, disk: &Path) -> Result<Self> {
        let size = Path::new("/sys/block").join(disk.file_name().unwrap_or_default()).join("size");
        let read = fs::read_to_string(&size).map_err(|why| format!("{}: {why}", size.display()))?;
        let sectors = read.trim().parse().map_err(|why| format!("{read:?}: {why}"))?;
        let mapped = Self { name: format!("disk{number}"), disk: disk.to_owned(), sectors };
        let table = mapped.linear(0, sectors);
        run(&[&"dmsetup", &"create", &mapped.name, &"--table", &table])?;
        Ok(mapped)
    }

    fn path(&self) -> PathBuf {
        Path::new("/dev/mapper").join(&self.name)
    }

    fn linear(&self, from: u64, to: u64) -> String {
        format!("{from} {} linear {} {from}\n", to - from, self.disk.display())
    }

    /// A part of the disk that does this, always.
    fn flakey(&self, from: u64, to: u64, what: &str) -> String {
        format!("{from} {} flakey {} {from} 0 1 1 {what}\n", to - from, self.disk.display())
    }

    /// Nothing reaches the disk any more.
    fn drops(&self) -> Result<()> {
        run(&[&"dmsetup", &"wipe_table", &self.name]).map(drop)
    }

    fn works(&self) -> Result<()> {
        self.becomes(&self.linear(0, self.sectors))
    }

    fn becomes(&self, table: &str) -> Result<()> {
        let file = format!("/run/{}.table", self.name);
        fs::write(&file, table).map_err(|why| format!("{file}: {why}"))?;
        run(&[&"dmsetup", &"reload", &self.name, &file])?;
        // Resuming suspends first.
        run(&[&"dmsetup", &"resume", &self.name]).map(drop)
    }

    fn remove(self) -> Result<()> {
        run(&[&"dmsetup", &"remove", &self.name]).map(drop)
    }
}

fn paths(disks: &[Mapped]) -> Vec<PathBuf> {
    disks.iter().map(Mapped::path).collect()
}

/// The states of all members are these: `failed` at these positions, `in_sync` elsewhere.
fn states_are(served: &Served, failed: &[usize]) -> Result<()> {
    let members = served.members()?;
    let expected = |at: usize| if failed.contains(&at) { "failed" } else { "in_sync" };
    match members.iter().enumerate().all(|(at, (.., state))| state == expected(at)) {
        true => Ok(()),
        false => Err(format!("failed should be {failed:?}, it is {members:?}")),
    }
}

/// Several disks drop while a file system is made, and come back: all of it stays readable, and what they missed is
/// copied.
fn transient(disks: &[Mapped], level: &str, lost: &[usize]) -> Result<()> {
    let paths = paths(disks);
    served::create(&["--level", level], &paths, paths.len())?;
    let served = Served::start(&paths, &[])?;
    // Where nobody knows what was never written, a loss would make it an error.
    served.rests()?;
    let device = &served.device;
    for at in lost {
        disks[*at].drops()?;
    }
    run(&[&"mkfs.ext4", &"-q", &"-F", device])?;
    states_are(&served, lost)?;
    run(&[&"e2fsck", &"-f", &"-n", device])?;
    run(&[&"mount", device, &MOUNT])?;
    let content = arrays::content(level, 512 << 10, 3);
    let file = Path::new(MOUNT).join("file");
    let kept = fs::write(&file, &content).and_then(|()| fs::File::open(&file)?.sync_all());
    kept.map_err(|error| format!("{}: {error}", file.display()))?;
    run(&[&"umount", &MOUNT])?;
    let members = served.members()?;
    for at in lost {
        disks[*at].works()?;
        let (set, slot, _) = &members[*at];
        served.ask(&["return", "--set", &set.to_string(), "--slot", &slot.to_string()])?;
    }
    run(&[&"e2fsck", &"-f", &"-n", device])?;
    served.rests()?;
    states_are(&served, &[])?;
    run(&[&"e2fsck", &"-f", &"-n", device])?;
    run(&[&"mount", &"-o", &"ro", device, &MOUNT])?;
    let read = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    run(&[&"umount", &MOUNT])?;
    same("the file", &read, &content)?;
    let sets = members.iter().map(|(set, ..)| set + 1).max().unwrap_or_default();
    for set in 0..sets {
        served.ask(&["scrub", "start", "--set", &set.to_string()])?;
    }
    served.rests()?;
    let found = served.ask(&["scrub", "status"])?;
    if found.matches("found no row that differs").count() as u64 != sets {
        return Err(format!("rows differ: {found}"));
    }
    served.stop()
}

/// Sectors of one member cannot be read, and hold something else: all that is read is right, and a spare takes the place.
fn unreadable(disks: &[Mapped]) -> Result<()> {
    let paths = paths(disks);
    served::create(&["--level", "raid5"], &paths, paths.len() - 1)?;
    let served = Served::start(&paths, &[])?;
    served.rests()?;
    let size = arrays::read_device(&served.device)?.len() as u64;
    let content = arrays::content("unreadable", size, 5);
    arrays::write_device(&served.device, &content)?;
    let disk = &disks[1];
    let (first, count) = UNREADABLE;
    let end = first + count;
    let bad = disk.flakey(first, end, "error_reads");
    disk.becomes(&(disk.linear(0, first) + &bad + &disk.linear(end, disk.sectors)))?;
    let right = sectors(&disk.disk)?;
    let output = format!("of={}", disk.disk.display());
    let (seek, count) = (format!("seek={first}"), format!("count={count}"));
    run(&[&"dd", &"if=/dev/zero", &output, &"bs=512", &seek, &count, &"oflag=direct"])?;
    if sectors(&disk.disk)? == right {
        return Err("these sectors hold no data: this part tries nothing".into());
    }
    same("with unreadable sectors", &arrays::read_device(&served.device)?, &content)?;
    let spare = format!("slot 1: in_sync  {}", paths[paths.len() - 1].display());
    served.until(&["set 0: optimal", &spare])?;
    served.rests()?;
    scrubbed(&served)?;
    served.stop()?;
    disk.works()?;
    // The one that failed lies beside them still.
    read_again(&paths, &content)
}

/// What the disk itself holds there, past every cache.
fn sectors(disk: &Path) -> Result<Vec<u8>> {
    let (first, count) = UNREADABLE;
    let (input, copy) = (format!("if={}", disk.display()), "/run/sectors");
    let (skip, count) = (format!("skip={first}"), format!("count={count}"));
    let output = format!("of={copy}");
    run(&[&"dd", &input, &output, &"bs=512", &skip, &count, &"iflag=direct", &"status=none"])?;
    fs::read(copy).map_err(|error| format!("{copy}: {error}"))
}

/// A member takes no writes any more, under fio: it fails, a spare takes its place.
fn unwritable(disks: &[Mapped]) -> Result<()> {
    let paths = paths(disks);
    served::create(&["--level", "raid5"], &paths, paths.len() - 1)?;
    let served = Served::start(&paths, &[])?;
    let mut fio = start_fio(&served.device, &[MIXED])?;
    at_work(&served.device, &mut fio)?;
    let disk = &disks[1];
    disk.becomes(&disk.flakey(0, disk.sectors, "error_writes"))?;
    finish(fio)?;
    let spare = format!("slot 1: in_sync  {}", paths[paths.len() - 1].display());
    served.until(&["set 0: optimal", &spare])?;
    served.rests()?;
    scrubbed(&served)?;
    disk.works()?;
    served.stop()
}

/// The kernel takes a disk away under fio; it comes back as a new one, and is filled.
fn taken_away(disks: &[PathBuf]) -> Result<()> {
    served::create(&["--level", "raid6"], disks, disks.len())?;
    let served = Served::start(disks, &[])?;
    let mut fio = start_fio(&served.device, &[MIXED])?;
    at_work(&served.device, &mut fio)?;
    let name = disks[2].file_name().unwrap_or_default();
    let switch = Path::new("/sys/block").join(name).join("device/delete");
    println!("deleted {}", disks[2].display());
    fs::write(&switch, "1").map_err(|error| format!("{}: {error}", switch.display()))?;
    finish(fio)?;
    states_are(&served, &[2])?;
    let hosts = fs::read_dir("/sys/class/scsi_host").map_err(|error| error.to_string())?;
    for host in hosts.filter_map(std::result::Result::ok) {
        let scan = host.path().join("scan");
        fs::write(&scan, "- - -").map_err(|error| format!("{}: {error}", scan.display()))?;
    }
    // It is the third still, under whatever name.
    let back = guest::wait("the disk to come back", || guest::disks().ok()?.get(2).cloned())?;
    served.ask(&["spare", "add", "--overwrite", &back.display().to_string()])?;
    served.until(&["set 0: optimal", &format!("slot 2: in_sync  {}", back.display())])?;
    served.rests()?;
    scrubbed(&served)?;
    served.stop()
}
