// SPDX-License-Identifier: MIT OR Apache-2.0
//! The emulated machine: its disks, and other people's programs.

use crate::Result;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{fs, thread};

/// Far more than anything here takes, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the runner shows in its table.
pub fn note(text: &str) {
    // Without the runner there is nobody to read it.
    let _ = fs::write("/out/note", text);
}

/// Does a part of a scenario: a row of the runner's table, with its seconds. What goes wrong has its name.
///
/// # Errors
/// What goes wrong.
pub fn part<T>(name: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("== {name}");
    let began = Instant::now();
    let done = run().map_err(|error| format!("{name}: {error}"))?;
    let row = format!("{name}\t{:.1}\n", began.elapsed().as_secs_f64());
    let rows = fs::File::options().append(true).create(true).open("/out/rows");
    // Without the runner there is nobody to read it.
    let _ = rows.and_then(|mut rows| rows.write_all(row.as_bytes()));
    Ok(done)
}

/// What stands in the table's last column.
pub fn features(mask: &str) {
    // Without the runner there is nobody to read it.
    let _ = fs::write("/out/features", mask);
}

/// The disks of the scenario, in order of the serial numbers `disk0`, `disk1`, …
///
/// # Errors
/// There is none.
pub fn disks() -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir("/sys/block").map_err(|error| format!("/sys/block: {error}"))?;
    let mut disks: Vec<(usize, PathBuf)> = (entries.filter_map(std::result::Result::ok))
        .filter_map(|entry| {
            let serial = fs::read_to_string(entry.path().join("serial")).ok().or_else(|| {
                let page = fs::read(entry.path().join("device/vpd_pg80")).ok()?;
                Some(String::from_utf8_lossy(page.get(4..)?).into_owned())
            })?;
            let number = serial.trim().strip_prefix("disk")?.parse().ok()?;
            Some((number, Path::new("/dev").join(entry.file_name())))
        })
        .collect();
    disks.sort();
    match disks.is_empty() {
        true => Err("no disk with a serial number of the runner's".into()),
        false => Ok(disks.into_iter().map(|(_, path)| path).collect()),
    }
}

/// Whatever a command line is made of.
pub type Word<'a> = &'a dyn AsRef<std::ffi::OsStr>;

/// Runs a program and returns what it printed, also to the guest's log.
///
/// # Errors
/// It cannot be run, or does not end with status 0.
pub fn run(words: &[Word<'_>]) -> Result<String> {
    let (good, output) = try_run(words)?;
    match good {
        true => Ok(output),
        false => Err(format!("{} failed: {}", line(words), output.trim())),
    }
}

/// Runs a program: whether it ended with status 0, and what it printed.
///
/// # Errors
/// It cannot be run.
pub fn try_run(words: &[Word<'_>]) -> Result<(bool, String)> {
    let line = line(words);
    println!("{:5.1} s $ {line}", running().as_secs_f64());
    let mut command = Command::new("timeout");
    command.arg(PATIENCE.as_secs().to_string());
    let output = (command.args(words).output()).map_err(|error| format!("{line}: {error}"))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    print!("{text}");
    if !output.status.success() {
        println!("({})", output.status);
    }
    Ok((output.status.success(), text))
}

/// How long this has been running, as of the first call.
pub fn running() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

fn line(words: &[Word<'_>]) -> String {
    let words = words.iter().map(|word| word.as_ref().to_string_lossy());
    words.collect::<Vec<_>>().join(" ")
}

/// Asks again and again, until there is an answer.
///
/// # Errors
/// There is none for minutes; `what` was waited for.
pub fn wait<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> Result<T> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(answer) = answer() {
            return Ok(answer);
        }
        thread::sleep(Duration::from_millis(50));
    }
    Err(format!("waited for {what} in vain, {} s", PATIENCE.as_secs()))
}
