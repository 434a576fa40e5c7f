// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask recover`: raid-inspect's `guess` on sets of real file systems, made by seed and split in every way
//! (`examples/inspect/tests/recover`).
//!
//! File systems are filled by their own programs without mounting them. One whose program is missing is left out and
//! named at the end. Files come from this machine, so that a seed makes the same set again on this machine only.

use crate::ci::shell::{Shell, cargo};
use crate::ci::toolchain::Need;
use crate::ci::{Outcome, host};
use std::path::Path;
use std::process::ExitCode;

/// Of a run for which nothing else is said, and of the step.
const SETS: u64 = 40;
const SETS_OF_STEP: &str = "5";

/// Memory that holds files: a set is some hundreds of megabytes.
const MEMORY: &str = "/dev/shm";

pub(crate) const NEEDS: &[Need] = &[
    Need::Program("mke2fs", "e2fsprogs"),
    Need::Program("mkfs.xfs", "xfsprogs"),
    Need::Program("mkfs.fat", "dosfstools"),
    Need::Program("mcopy", "mtools"),
    Need::Program("mkntfs", "ntfs-3g"),
    Need::Program("ntfscp", "ntfs-3g"),
    Need::Program("sgdisk", "gdisk"),
    Need::Program("cryptsetup", "cryptsetup-bin"),
];

const USAGE: &str = "\
usage: cargo xtask recover [--sets N] [--seed S] [--only SEED]

  --sets   how many sets, 40 unless told otherwise
  --seed   which ones; without it, from the time of day
  --only   the one set of this seed, which a run prints for each of its sets";

/// What a run was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    sets: Option<u64>,
    seed: Option<u64>,
    only: Option<u64>,
}

fn wanted(arguments: &[String]) -> Option<Wanted> {
    let mut wanted = Wanted::default();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let place = match word.as_str() {
            "--sets" => &mut wanted.sets,
            "--seed" => &mut wanted.seed,
            "--only" => &mut wanted.only,
            _ => return None,
        };
        *place = Some(words.next()?.parse().ok()?);
    }
    Some(wanted)
}

/// Makes the sets, and judges what is said about them.
pub(crate) fn main(arguments: &[String]) -> ExitCode {
    let Some(wanted) = wanted(arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let now = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(1, |since| since.as_secs())
    };
    let (sets, seed) = (wanted.sets.unwrap_or(SETS), wanted.seed.unwrap_or_else(now));
    println!("cargo xtask recover --sets {sets} --seed {seed}");
    let mut test = cargo("test --release -p raid-inspect --test recover -- --ignored --nocapture");
    test.env("RAID_RECOVER_SETS", sets.to_string()).env("RAID_RECOVER_SEED", seed.to_string());
    if let Some(only) = wanted.only {
        test.env("RAID_RECOVER_ONLY", only.to_string());
    }
    if Path::new(MEMORY).is_dir() {
        test.env("RAID_RECOVER_FOLDER", MEMORY);
    }
    match test.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A small round, the same in every run.
pub(crate) fn step(shell: &mut Shell) -> Outcome {
    let mut test = host::tests("--test recover -- --ignored --nocapture");
    test.env("RAID_RECOVER_SETS", SETS_OF_STEP).env("RAID_RECOVER_SEED", "1");
    let output = shell.run(&mut test)?;
    host::tests_run(&output)?;
    let line = |start: &str| output.lines().find(|line| line.starts_with(start));
    let skipped = line("SKIPPED").map_or(String::new(), |line| format!("; {line}"));
    Ok(format!("{}{skipped}", line("with evidence").unwrap_or("no summary")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_read_and_anything_else_is_refused() {
        let of =
            |line: &str| wanted(&line.split_whitespace().map(String::from).collect::<Vec<_>>());
        assert_eq!(of(""), Some(Wanted::default()));
        let all = Wanted { sets: Some(7), seed: Some(8), only: Some(9) };
        assert_eq!(of("--only 9 --sets 7 --seed 8"), Some(all));
        for wrong in ["7", "--sets", "--sets many", "--seed -1", "--sets 7 --loud"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
