// SPDX-License-Identifier: MIT OR Apache-2.0
//! File systems, made and filled by their own programs without mounting them.

use crate::content::{self, File};
use crate::images::Numbers;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A kind of file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileSystem {
    /// Blocks of 4096 bytes.
    Ext4,
    /// Blocks of 1024 bytes.
    Ext4Small,
    Xfs,
    Fat32,
    Ntfs,
}

/// Why a file system could not be made here: a program is missing, or it failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotMade {
    Missing(String),
    Failed(String),
}

impl FileSystem {
    pub(crate) const ALL: [Self; 5] =
        [Self::Ext4, Self::Ext4Small, Self::Xfs, Self::Fat32, Self::Ntfs];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Ext4Small => "ext4 of 1 KiB",
            Self::Xfs => "XFS",
            Self::Fat32 => "FAT32",
            Self::Ntfs => "NTFS",
        }
    }

    /// The smallest that its program makes, in MiB.
    const fn least(self) -> u64 {
        if matches!(self, Self::Xfs) { 304 } else { 64 }
    }

    /// One of about this many MiB, filled with so many percent of them.
    pub(crate) fn make(
        self,
        folder: &Path,
        numbers: &mut Numbers,
        mebibytes: u64,
        percent: u64,
    ) -> Result<Vec<u8>, NotMade> {
        let mebibytes = mebibytes.max(self.least());
        // NTFS takes one call for each file; a folder that XFS is made with has one block.
        let (least, folders) = match self {
            Self::Ntfs => (200_000, 12),
            Self::Xfs => (30_000, 60),
            _ => (0, 12),
        };
        let files = content::files(numbers, (mebibytes << 20) / 100 * percent, least, folders);
        let (tree, image) = (folder.join("tree"), folder.join("volume"));
        fs::create_dir_all(&tree).expect("a folder can be made");
        content::write(&files, &tree);
        let file = fs::File::create(&image).expect("a file can be made");
        file.set_len(mebibytes << 20).expect("a file of any size");
        drop(file);
        let made = match self {
            Self::Ext4 => ext4(&tree, &image, "4096", numbers),
            Self::Ext4Small => ext4(&tree, &image, "1024", numbers),
            Self::Xfs => xfs_of_fewer(&tree, &image, &files, numbers),
            Self::Fat32 => fat32(&tree, &image, numbers),
            Self::Ntfs => ntfs(&tree, &image, &files),
        };
        let volume = made.map(|()| fs::read(&image).expect("the image"));
        fs::remove_dir_all(&tree).expect("the tree");
        fs::remove_file(&image).expect("the image");
        volume
    }
}

/// Runs a program that administrators have on their path.
pub(crate) fn run(command: &mut Command) -> Result<(), NotMade> {
    let name = command.get_program().to_string_lossy().into_owned();
    let path = std::env::var("PATH").unwrap_or_default();
    let ran = command.env("PATH", format!("{path}:/usr/sbin:/sbin")).output();
    match ran {
        Err(error) => Err(NotMade::Missing(format!("{name}: {error}"))),
        Ok(ran) if ran.status.success() => Ok(()),
        Ok(ran) => {
            let said = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
            Err(NotMade::Failed(format!("{name}: {}: {said}", ran.status)))
        }
    }
}

fn uuid(numbers: &mut Numbers) -> String {
    format!("{:08x}-5eed-4000-8000-{:012x}", numbers.below(1 << 32), numbers.below(1 << 48))
}

fn ext4(tree: &Path, image: &Path, block: &str, numbers: &mut Numbers) -> Result<(), NotMade> {
    let mut make = Command::new("mke2fs");
    make.env("E2FSPROGS_FAKE_TIME", "1700000000");
    make.args(["-q", "-F", "-t", "ext4", "-m", "0", "-b", block, "-U", &uuid(numbers)]);
    make.args(["-E", &format!("hash_seed={},root_owner=0:0", uuid(numbers))]);
    run(make.arg("-d").args([tree, image]))
}

/// With fewer files where folders grow past what mkfs.xfs sets aside for them, which it says at the end only.
fn xfs_of_fewer(
    tree: &Path,
    image: &Path,
    files: &[File],
    numbers: &mut Numbers,
) -> Result<(), NotMade> {
    let mut made = xfs(tree, image, files, numbers);
    for half in 1..5 {
        match made {
            Err(NotMade::Failed(_)) => {
                made = xfs(tree, image, &files[..files.len() >> half], numbers);
            }
            done => return done,
        }
    }
    made
}

fn xfs(tree: &Path, image: &Path, files: &[File], numbers: &mut Numbers) -> Result<(), NotMade> {
    // A prototype: the tree as text, each folder ended by a line of its own.
    let mut prototype = String::from("/\n0 0\nd--755 0 0\n");
    let mut sorted: Vec<&str> = files.iter().map(|file| file.0.as_str()).collect();
    sorted.sort_unstable();
    let mut open = None;
    for path in sorted {
        let (folder, name) = path.split_once('/').expect("a file in a folder");
        if open != Some(folder) {
            prototype += if open.is_some() { "$\n" } else { "" };
            prototype += &format!("{folder} d--755 0 0\n");
            open = Some(folder);
        }
        prototype += &format!("{name} ---644 0 0 {}\n", tree.join(path).display());
    }
    prototype += if open.is_some() { "$\n$\n" } else { "$\n" };
    let described = tree.join("prototype");
    fs::write(&described, prototype).expect("a file can be written");
    let mut make = Command::new("mkfs.xfs");
    make.args(["-q", "-f", "-m", &format!("uuid={}", uuid(numbers)), "-p"]);
    run(make.args([&described, image]))
}

fn fat32(tree: &Path, image: &Path, numbers: &mut Numbers) -> Result<(), NotMade> {
    let mut make = Command::new("mkfs.fat");
    let id = format!("{:08x}", numbers.below(1 << 32));
    run(make.args(["-F", "32", "-s", "1", "-i", &id]).arg(image))?;
    let folders = fs::read_dir(tree).into_iter().flatten().flatten();
    let mut folders: Vec<_> = folders.map(|entry| entry.path()).collect();
    folders.sort_unstable();
    if folders.is_empty() {
        return Ok(());
    }
    let mut copy = Command::new("mcopy");
    copy.env("MTOOLS_SKIP_CHECK", "1").args(["-s", "-Q", "-i"]).arg(image).args(folders);
    run(copy.arg("::/"))
}

fn ntfs(tree: &Path, image: &Path, files: &[File]) -> Result<(), NotMade> {
    run(Command::new("mkntfs").args(["-F", "-q", "-f"]).arg(image))?;
    for (path, _) in files {
        let mut copy = Command::new("ntfscp");
        run(copy.args(["-q", "-f"]).args([image, &tree.join(path)]).arg(path.replace('/', "-")))?;
    }
    Ok(())
}
