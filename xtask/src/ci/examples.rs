// SPDX-License-Identifier: MIT OR Apache-2.0
//! The commands that the README shows, run as a reader would run them.

use super::shell::{Shell, cargo, root, target};
use super::toolchain::Need;
use super::{Outcome, Stop, host};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::{fs, io};

/// The main job, exactly as in the README, and the same on the other format that can be written.
const DEMOS: [&str; 2] = [
    "run --release -p raid-ublk -- demo",
    "run --release -p raid-ublk -- demo --metadata ASR --size 8M --requests 500",
];

/// Runs the demos.
pub(crate) fn demo(shell: &mut Shell) -> Outcome {
    for demo in DEMOS {
        let output = shell.cargo(demo)?;
        if output.lines().filter(|line| !line.contains("Compiling")).count() < 5 {
            return Err(Stop::Failed(format!("cargo {demo} printed next to nothing")));
        }
    }
    Ok(format!("{} demos", DEMOS.len()))
}

/// Images of other implementations, the format that must be found, and the exit code: 0 consistent,
/// 1 degraded, 2 not readable (one disk of four).
const IMAGES: [(&str, &str, i32); 4] = [
    ("ddf-mdadm/raid5-n-restart-3d-64k", "ddf", 0),
    ("ddf-mdadm/degraded-raid6-two", "ddf", 1),
    ("ddf-graid/be-raid10", "ddf", 0),
    ("asr", "asr", 2),
];

pub(crate) fn inspect(shell: &mut Shell) -> Outcome {
    shell.cargo("build --release -p raid-inspect")?;
    for (folder, format, expected) in IMAGES {
        let disks = unpack(shell, folder)?;
        let mut scan = cargo("run --release -p raid-inspect -- scan");
        let (status, output) = shell.try_run(scan.args(&disks)).map_err(failed)?;
        let code = status.and_then(|status| status.code());
        if code != Some(expected) || !output.contains(&format!("{format} member")) {
            let why = format!("{folder}: {format} and exit code {expected} expected, not {code:?}");
            return Err(Stop::Failed(why));
        }
    }
    Ok(format!("{} sets of disks", IMAGES.len()))
}

pub(super) const INTEROP_NEEDS: &[Need] = &[
    Need::Program("mdadm", "mdadm"),
    Need::Program("blkid", "util-linux"),
    Need::Program("wipefs", "util-linux"),
];

/// Other people's programs on images: the tests that are left out where these may be missing.
pub(crate) fn interop(shell: &mut Shell) -> Outcome {
    host::tests_run(&shell.run(&mut host::tests("--test examine -- --ignored"))?)
}

pub(super) const NBD_NEEDS: &[Need] = &[
    Need::Program("nbdinfo", "libnbd-bin"),
    Need::Program("nbdcopy", "libnbd-bin"),
    Need::Program("qemu-img", "qemu-utils"),
    Need::Program("qemu-io", "qemu-utils"),
    Need::Program("fio", "fio"),
];

/// Other people's NBD clients at our server.
pub(crate) fn nbd(shell: &mut Shell) -> Outcome {
    host::tests_run(&shell.run(&mut host::tests("--test suite -- --ignored"))?)
}

/// Unpacks the images of a folder, and says where they are.
fn unpack(shell: &mut Shell, folder: &str) -> Result<Vec<PathBuf>, Stop> {
    let to = target().join("ci/images").join(folder);
    fs::create_dir_all(&to).map_err(failed)?;
    let mut disks = Vec::new();
    for entry in fs::read_dir(root().join("testdata").join(folder)).map_err(failed)? {
        let packed = entry.map_err(failed)?.path();
        let Some(name) = packed.file_name().and_then(OsStr::to_str) else { continue };
        let Some(name) = name.strip_suffix(".xz") else { continue };
        let disk = to.join(name);
        if !disk.exists() {
            fs::copy(&packed, disk.with_extension("img.xz")).map_err(failed)?;
            let mut xz = Command::new("xz");
            shell.run(xz.arg("--decompress").arg(disk.with_extension("img.xz")))?;
        }
        disks.push(disk);
    }
    disks.sort();
    Ok(disks)
}

fn failed(error: io::Error) -> Stop {
    Stop::Failed(error.to_string())
}
