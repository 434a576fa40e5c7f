// SPDX-License-Identifier: MIT OR Apache-2.0
//! Real file systems, filled without mounting them, split over members.

use super::images::{self, Numbers};
use super::maps::is_right;
use super::sets::{Harm, Set, Shape};
use crate::program::Folder;
use std::fs;
use std::process::Command;

/// An ext4 of this many MiB that is about half full; the reason if it cannot be made here.
fn ext4(folder: &Folder, seed: u64, mebibytes: u64, block: &str) -> Result<Vec<u8>, String> {
    let mut numbers = Numbers(seed);
    let (tree, image) =
        (folder.0.join(format!("tree{seed}")), folder.0.join(format!("{seed}.img")));
    let mut bytes = 0;
    for number in 0.. {
        let directory = tree.join(format!("directory-{}", number % 7));
        fs::create_dir_all(&directory).unwrap();
        let file = images::file(&mut numbers, 60_000);
        bytes += file.len() as u64;
        fs::write(directory.join(format!("file-{number}")), file).unwrap();
        if bytes > mebibytes << 19 {
            break;
        }
    }
    let made = Command::new("mke2fs")
        .env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()))
        .env("E2FSPROGS_FAKE_TIME", "1700000000")
        .args(["-q", "-F", "-t", "ext4", "-b", block, "-m", "0"])
        .args(["-U", "5eed0000-0000-4000-8000-000000000001"])
        .args(["-E", "hash_seed=5eed0000-0000-4000-8000-000000000002,root_owner=0:0"])
        .arg("-d")
        .args([&tree, &image])
        .arg(format!("{mebibytes}M"))
        .output()
        .map_err(|error| format!("mke2fs: {error}"))?;
    if !made.status.success() {
        return Err(format!("mke2fs: {}", String::from_utf8_lossy(&made.stderr)));
    }
    Ok(fs::read(image).unwrap())
}

#[test]
fn file_systems_made_by_other_programs_are_put_in_order() {
    let folder = Folder::new("guess-file-systems");
    for (seed, shape, disks, harm) in [
        (1, Shape::raid0(16), 4, Harm::None),
        (2, Shape::raid5(16), 4, Harm::Missing),
        (3, Shape::raid5(8), 5, Harm::Foreign),
        (4, Shape::raid6(16), 5, Harm::None),
        (5, Shape::raid10(16), 4, Harm::None),
        (6, Shape::raid0(16), 4, Harm::Missing),
    ] {
        let volume = match ext4(&folder, seed, 16, "4096") {
            Ok(volume) => volume,
            Err(reason) => return println!("SKIPPED: {reason}"),
        };
        let set = Set::new(&volume, shape, disks, seed, harm);
        let verdict = set.verdict();
        let right = verdict.guesses.first().is_some_and(|guess| is_right(&set, guess));
        let findable = !(harm == Harm::Missing && set.geometry.parity_strips() == 0);
        assert_eq!(verdict.sure, findable, "{shape:?} {harm:?}: {verdict:#?}");
        assert_eq!(right, findable, "{shape:?} {harm:?}: {verdict:#?}");
    }
}

#[test]
fn backup_superblocks_that_stand_where_they_say_are_evidence() {
    let folder = Folder::new("guess-superblocks");
    // Groups of 8 MiB, the second and the fourth with a backup.
    let volume = match ext4(&folder, 9, 32, "1024") {
        Ok(volume) => volume,
        Err(reason) => return println!("SKIPPED: {reason}"),
    };
    let set = Set::new(&volume, Shape::raid5(16), 5, 9, Harm::None);
    let verdict = set.verdict();
    assert!(verdict.sure && is_right(&set, &verdict.guesses[0]), "{verdict:#?}");
    let said = verdict.evidence.iter().find(|line| line.contains("know their address"));
    assert!(said.is_some_and(|line| line.contains(": 2 stand there, 0 do not")), "{verdict:#?}");
}
