// SPDX-License-Identifier: MIT OR Apache-2.0
//! On a machine with systemd, udev and mdadm: what keeps md off our disks, and the unit. The examples are those of
//! `examples/ublk/system`.

use crate::Result;
use crate::guest::{self, Word, run, try_run};
use crate::served;
use std::fs;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "examples/ublk/system";
const RULE: &str = "/etc/udev/rules.d/63-raid-ublk.rules";
const CONFIGURATION: &str = "/etc/mdadm/mdadm.conf";
const UNIT: &str = "raid-ublk@home";
const CONTROL: &str = "/run/raid-ublk/home.ctl";
const MOUNT: &str = "/mnt";

/// All of it.
pub(super) fn run_all() -> Result<String> {
    let disks = guest::disks()?;
    super::ublk::features()?;
    let program = served::program();
    run(&[&"cp", &program, &"/usr/local/bin/raid-ublk"])?;
    let members = &disks[..2];
    let create = |warns: bool| {
        let mut words: Vec<Word<'_>> = vec![&program, &"create", &"--overwrite", &"--level"];
        words.extend([&"raid1" as Word<'_>, &"--name", &"home"]);
        words.extend(members.iter().map(|disk| disk as Word<'_>));
        let said = run(&words)?;
        match said.contains("mdadm --incremental") == warns {
            true => Ok(()),
            false => Err(format!("a warning of md: expected {warns}; it said {said:?}")),
        }
    };
    guest::part("raid1, nothing keeps md off", || {
        create(true)?;
        appear(members)?;
        let taken = md_devices()?;
        if taken.is_empty() {
            return Err("udev has not given the disks to md: this scenario tries nothing".into());
        }
        for device in taken {
            run(&[&"mdadm", &"--stop", &device])?;
        }
        Ok(())
    })?;
    guest::part("raid1, the rule", || {
        copy("63-raid-ublk.rules", RULE)?;
        run(&[&"udevadm", &"control", &"--reload"])?;
        appear(members)?;
        is_left_alone("the rule")?;
        create(false)
    })?;
    guest::part("raid1, the line of mdadm.conf", || {
        fs::remove_file(RULE).map_err(|error| format!("{RULE}: {error}"))?;
        run(&[&"udevadm", &"control", &"--reload"])?;
        copy("mdadm.conf", CONFIGURATION)?;
        appear(members)?;
        is_left_alone("the line of mdadm.conf")
    })?;
    guest::part("raid1, the unit", || {
        copy("63-raid-ublk.rules", RULE)?;
        run(&[&"udevadm", &"control", &"--reload"])?;
        appear(members)?;
        unit()?;
        is_left_alone("all of it")
    })?;
    Ok(String::from("md takes the disks without the rule or the line, and not with one; the unit"))
}

fn copy(name: &str, to: &str) -> Result<()> {
    let copied = fs::copy(Path::new(EXAMPLES).join(name), to);
    copied.map(drop).map_err(|error| format!("{name} to {to}: {error}"))
}

/// The disks appear, as at a boot.
fn appear(disks: &[PathBuf]) -> Result<()> {
    for disk in disks {
        run(&[&"udevadm", &"trigger", &"--settle", &"--action=add", disk])?;
    }
    run(&[&"udevadm", &"settle"]).map(drop)
}

/// What md runs.
fn md_devices() -> Result<Vec<String>> {
    let stat =
        fs::read_to_string("/proc/mdstat").map_err(|error| format!("/proc/mdstat: {error}"))?;
    println!("{stat}");
    let names = stat
        .lines()
        .filter(|line| line.starts_with("md"))
        .filter_map(|line| line.split(' ').next());
    let mut names: Vec<String> = names.map(|name| format!("/dev/{name}")).collect();
    // The volumes stand before their container.
    names.sort();
    Ok(names)
}

fn is_left_alone(why: &str) -> Result<()> {
    match md_devices()?.as_slice() {
        [] => Ok(()),
        taken => Err(format!("{why} does not keep md off: {taken:?}")),
    }
}

/// The unit's life: it starts, is killed and comes back, is not stopped under a mount, and ends.
fn unit() -> Result<()> {
    copy("raid-ublk@.service", "/etc/systemd/system/raid-ublk@.service")?;
    run(&[&"systemctl", &"daemon-reload"])?;
    let started = run(&[&"systemctl", &"start", &UNIT]);
    started.inspect_err(|_| drop(try_run(&[&"journalctl", &"--no-pager", &"-u", &UNIT])))?;
    let program = served::program();
    let device = guest::wait("the unit to serve", || {
        let (_, said) = try_run(&[&program, &"status", &"--control", &CONTROL]).ok()?;
        let first = said.lines().next()?.rsplit_once(", ")?.1.to_owned();
        first.starts_with("/dev/ublkb").then_some(first)
    })?;
    run(&[&"mkfs.ext4", &"-q", &"-F", &device])?;
    run(&[&"mount", &device, &MOUNT])?;
    let before = main_process()?;
    run(&[&"systemctl", &"kill", &"--signal=KILL", &UNIT])?;
    guest::wait("the unit to come back", || {
        let now = main_process().ok().filter(|now| *now != before && now != "0")?;
        let (_, said) = try_run(&[&program, &"status", &"--control", &CONTROL]).ok()?;
        said.contains(&device).then_some(now)
    })?;
    let file = Path::new(MOUNT).join("file");
    let kept = fs::write(&file, [9; 50_000]).and_then(|()| fs::File::open(&file)?.sync_all());
    kept.map_err(|error| format!("{}: {error}", file.display()))?;
    // In use: refused, by the same words as the unit's own stop.
    let (stopped, said) = try_run(&[&program, &"stop", &"--control", &CONTROL])?;
    if stopped || !said.contains("in use") {
        return Err(format!("a stop of a mounted array: {said:?}"));
    }
    run(&[&"umount", &MOUNT])?;
    run(&[&"e2fsck", &"-f", &"-n", &device])?;
    run(&[&"systemctl", &"stop", &UNIT])?;
    let (_, state) = try_run(&[&"systemctl", &"is-failed", &UNIT])?;
    match (state.trim(), Path::new(&device).exists()) {
        ("inactive", false) => Ok(()),
        (state, exists) => Err(format!("after the stop it is {state:?}, {device} there: {exists}")),
    }
}

fn main_process() -> Result<String> {
    let said = run(&[&"systemctl", &"show", &"--property=MainPID", &"--value", &UNIT])?;
    Ok(said.trim().to_owned())
}
