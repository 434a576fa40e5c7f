// SPDX-License-Identifier: MIT OR Apache-2.0
//! libublk, another implementation of ublk servers, as judge: what it says of a device that raid-ublk serves, before,
//! after and without its server; and a device of its own, which raid-ublk leaves alone.

use super::ublk::{self, MOUNT};
use crate::Result;
use crate::arrays::{self, same};
use crate::guest::{self, Word, run, try_run};
use crate::served::{self, Served};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// Built by the runner, from the host's root of the sources.
const PROGRAM: &str = "target/libublk/debug/raid-libublk";

/// States of a device.
const LIVE: u64 = 1;
const QUIESCED: u64 = 2;
/// Attributes: read only, a volatile cache, FUA.
const READ_ONLY: u64 = 1;
const WRITE_BACK: u64 = 1 << 2 | 1 << 3;
/// The basic parameters, and those that are none of raid-ublk's: discard, zones.
const BASIC: u64 = 1;
const OTHERS: u64 = 1 << 1 | 1 << 3;
/// Flags that a driver sets by itself, on every device: completion in the server's task, a server thread for each
/// request, buffers of any thread, stop if nobody has it open.
const BY_THE_DRIVER: u64 = 1 << 1 | 1 << 13 | 1 << 14 | 1 << 17;

/// What libublk says of a device.
type Values = BTreeMap<String, u64>;

/// All of it.
pub(super) fn run_all() -> Result<String> {
    let disks = guest::disks()?;
    let features = ublk::features()?;
    guest::part("raid5, judged by libublk", || judged(&disks, &features))?;
    guest::part("a device of libublk", || left_alone(&disks, &features))?;
    Ok(String::from("libublk agrees"))
}

fn said(words: &[Word<'_>]) -> Result<Values> {
    let mut line: Vec<Word<'_>> = vec![&PROGRAM];
    line.extend(words);
    let text = run(&line)?;
    let pair = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    Ok(text.lines().filter_map(pair).collect())
}

fn number_of(device: &Path) -> Result<String> {
    let name = device.to_string_lossy();
    let number = name.strip_prefix("/dev/ublkb").map(str::to_owned);
    number.ok_or_else(|| format!("{name} is no ublk device"))
}

/// Compares values by name.
fn agree(found: &Values, expected: &[(&str, u64)]) -> Result<()> {
    for (name, expected) in expected {
        match found.get(*name) {
            Some(value) if value == expected => {}
            other => return Err(format!("{name}: libublk says {other:?}, not {expected}")),
        }
    }
    Ok(())
}

/// The mask in the first line of `raid-ublk features`, and the bits that it says are used.
fn masks(features: &str) -> Result<(u64, u64)> {
    let mut lines = features.lines();
    let offered = lines.next().and_then(|line| line.rsplit_once("0x"));
    let offered = offered.and_then(|(_, mask)| u64::from_str_radix(mask, 16).ok());
    let used = lines
        .filter(|line| line.ends_with(" used"))
        .filter_map(|line| line.trim().split(' ').next()?.parse::<u32>().ok());
    let used = used.fold(0, |mask, bit| mask | 1 << bit);
    Ok((offered.ok_or_else(|| format!("no mask in {features:?}"))?, used))
}

/// Every value of a device that raid-ublk serves is what raid-ublk says of itself.
fn judged(disks: &[PathBuf], features: &str) -> Result<()> {
    let (offered, used) = masks(features)?;
    agree(&said(&[&"features"])?, &[("features", offered)])?;
    served::create(&["--level", "raid5"], disks, disks.len())?;
    let served = Served::start(disks, &[])?;
    let number = number_of(&served.device)?;
    let size = arrays::read_device(&served.device)?.len() as u64;
    let show = || said(&[&"show", &number]);
    let first = show()?;
    // RAID 5 of four disks, in strips of 64 KiB, on disks with blocks of 512 bytes.
    let values = [
        ("device", number.parse().unwrap_or(u64::MAX)),
        ("queues", 1),
        ("depth", 128),
        ("max_io_bytes", 960 << 10),
        ("attributes", WRITE_BACK),
        ("logical_shift", 9),
        ("physical_shift", 9),
        ("io_opt_shift", 16),
        ("io_min_shift", 16),
        ("max_sectors", 960 * 2),
        ("chunk_sectors", 192 * 2),
        ("device_sectors", size / 512),
        ("virt_boundary", 0),
    ];
    let serves = |found: &Values, process: u32, attributes: u64| {
        let mut expected = values;
        expected[4].1 = attributes;
        agree(found, &expected)?;
        agree(found, &[("state", LIVE), ("server", process.into())])?;
        let flags = found.get("flags").copied().unwrap_or_default();
        let types = found.get("parameters").copied().unwrap_or_default();
        match (flags & !BY_THE_DRIVER, types & BASIC, types & OTHERS) {
            (flags, BASIC, 0) if flags == used => Ok(()),
            (flags, ..) => Err(format!(
                "flags {flags:#x} where `features` says {used:#x}, parameters {types:#x}"
            )),
        }
    };
    serves(&first, served.process(), WRITE_BACK)?;
    served.kill()?;
    let waits = guest::wait("libublk to see that the server is gone", || {
        show().ok().filter(|now| now.get("state") == Some(&QUIESCED))
    })?;
    agree(&waits, &values)?;
    let served = Served::recover(disks)?;
    let again = show()?;
    serves(&again, served.process(), WRITE_BACK)?;
    if again.get("target") != first.get("target") {
        return Err(format!("another array's number: {again:?}, {first:?}"));
    }
    served.hand_over()?;
    let waits = guest::wait("libublk to see that the device waits", || {
        show().ok().filter(|now| now.get("state") == Some(&QUIESCED))
    })?;
    agree(&waits, &values)?;
    Served::recover(disks)?.stop()?;
    match try_run(&[&PROGRAM, &"show", &number])? {
        (false, _) => {}
        (true, _) => return Err("libublk sees a device that was stopped".into()),
    }
    let served = Served::start(disks, &["--readonly"])?;
    serves(&show()?, served.process(), READ_ONLY)?;
    served.stop()
}

/// A server of libublk's, and what it wrote.
struct Other {
    child: Child,
    log: PathBuf,
}

impl Other {
    fn start(words: &[&str], log: &str) -> Result<(Self, String)> {
        let log = PathBuf::from(log);
        println!("$ {PROGRAM} {}", words.join(" "));
        let out = fs::File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let child = Command::new(PROGRAM).args(words).stdout(out).spawn();
        let mut other = Self { child: child.map_err(|error| format!("{PROGRAM}: {error}"))?, log };
        let number = guest::wait("a device of libublk", || {
            if let Ok(Some(ended)) = other.child.try_wait() {
                return Some(Err(format!("{PROGRAM} ended: {ended}")));
            }
            let said = other.said();
            let number = said.lines().find_map(|line| line.strip_prefix("device "))?;
            Some(Ok(number.to_owned()))
        })??;
        Ok((other, number))
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn kill(mut self) -> Result<()> {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        killed.map(drop).map_err(|error| format!("kill: {error}"))
    }
}

/// A device that libublk serves, or whose server is gone: whatever raid-ublk does, it stays as it is.
fn left_alone(disks: &[PathBuf], features: &str) -> Result<()> {
    let file = "/run/other.img";
    let content = arrays::content("other", 4 << 20, 7);
    fs::write(file, &content).map_err(|error| format!("{file}: {error}"))?;
    let (other, number) = Other::start(&["serve", file], "/run/other.log")?;
    let device = PathBuf::from(format!("/dev/ublkb{number}"));
    let show = || said(&[&"show", &number]);
    let before = show()?;
    agree(&before, &[("state", LIVE), ("server", other.child.id().into())])?;
    served::create(&["--level", "raid5"], disks, disks.len())?;
    let used = || {
        let served = Served::start(disks, &[])?;
        if served.device == device {
            return Err(format!("{} is libublk's", device.display()));
        }
        run(&[&"mkfs.ext4", &"-q", &"-F", &served.device])?;
        run(&[&"mount", &served.device, &MOUNT])?;
        served.kill()?;
        let served = Served::recover(disks)?;
        served.ask(&["status"])?;
        run(&[&"umount", &MOUNT])?;
        served.stop()?;
        if let Ok(served) = Served::recover(disks) {
            return Err(format!("recover has taken {}", served.device.display()));
        }
        if run(&[&served::program(), &"features"])? != features {
            return Err("the features are others now".into());
        }
        match try_run(&[&served::program(), &"remove", &number])? {
            (false, why) if why.contains("another program") => Ok(()),
            (removed, why) => Err(format!("a device of libublk, removed: {removed}: {why}")),
        }
    };
    used()?;
    if show()? != before {
        return Err(format!("libublk says {:?}, and said {before:?}", show()?));
    }
    same("libublk's device", &arrays::read_device(&device)?, &content)?;
    if other.said().contains("write") {
        return Err(format!("libublk's device was written: {}", other.said()));
    }
    println!("== its server is gone");
    other.kill()?;
    let waits = guest::wait("the driver to see that the server is gone", || {
        show().ok().filter(|now| now.get("state") == Some(&QUIESCED))
    })?;
    used()?;
    if show()? != waits {
        return Err(format!("libublk says {:?}, and said {waits:?}", show()?));
    }
    let (other, _) = Other::start(&["serve", file, &number], "/run/other.log")?;
    same("libublk's device", &arrays::read_device(&device)?, &content)?;
    if other.said().contains("write") {
        return Err(format!("libublk's device was written: {}", other.said()));
    }
    other.kill()?;
    run(&[&PROGRAM, &"delete", &number]).map(drop)
}
