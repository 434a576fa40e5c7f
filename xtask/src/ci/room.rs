// SPDX-License-Identifier: MIT OR Apache-2.0
//! The disk that a run builds on: how much of it is free at the start, and what a step gives back.

use super::shell::root;
use super::steps::Step;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Of a whole run in a fresh clone, tools and toolchains included.
const WHOLE_RUN_GB: f64 = 9.0;

/// Says what is free, and whether that is enough for a whole run.
pub(super) fn announce() {
    let Some(free) = free_gb(&root()) else { return };
    print!("{free:.1} GB are free in {}", root().display());
    match free < WHOLE_RUN_GB {
        true => println!(
            ", and a whole run takes up to {WHOLE_RUN_GB:.0} GB: steps may run out of space"
        ),
        false => println!(),
    }
}

/// Removes what only this step builds in.
pub(super) fn give_back(step: &Step) {
    for folder in step.folders {
        // What cannot be removed only takes room.
        let _ = fs::remove_dir_all(root().join(folder));
    }
}

fn free_gb(path: &Path) -> Option<f64> {
    let output = Command::new("df").arg("-Pk").arg(path).output().ok()?;
    free_of(&String::from_utf8_lossy(&output.stdout))
}

/// Of what `df -Pk` prints for one file system.
fn free_of(table: &str) -> Option<f64> {
    let kib: f64 = table.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kib * 1024.0 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_free_space_is_the_fourth_column_of_df() {
        let table = "Filesystem 1024-blocks Used Available Capacity Mounted on\n\
                     /dev/vda 263174212 27000000 2000000 29% /\n";
        assert_eq!(free_of(table), Some(2.048));
        assert_eq!(free_of("Filesystem 1024-blocks Used Available Capacity Mounted on\n"), None);
    }
}
