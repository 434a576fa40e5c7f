// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files to fill a file system with: those of this machine, some logs and noise, chosen by seed.

use crate::images::{self, Numbers};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Where files of many kinds stand on any machine.
const FOLDERS: [&str; 4] = ["/usr/bin", "/usr/include", "/usr/lib", "/usr/share"];
/// Bytes of the files that are taken.
const SIZES: std::ops::RangeInclusive<u64> = 64..=2 << 20;

/// A file: its path in the file system, and what it holds.
pub(crate) type File = (String, Vec<u8>);

/// All files that may be taken, in the order of their paths.
fn of_this_machine() -> &'static [(PathBuf, u64)] {
    static FILES: OnceLock<Vec<(PathBuf, u64)>> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut files = Vec::new();
        FOLDERS.iter().for_each(|folder| walk(Path::new(folder), &mut files));
        files.sort_unstable();
        files
    })
}

fn walk(folder: &Path, files: &mut Vec<(PathBuf, u64)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        // Of the entry itself: links are not followed.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            walk(&entry.path(), files);
        } else if metadata.is_file() && SIZES.contains(&metadata.len()) {
            files.push((entry.path(), metadata.len()));
        }
    }
}

/// Files of this many bytes together, in so many folders; none smaller than `least`.
pub(crate) fn files(numbers: &mut Numbers, bytes: u64, least: u64, folders: u64) -> Vec<File> {
    let all: Vec<&(PathBuf, u64)> =
        of_this_machine().iter().filter(|file| file.1 >= least).collect();
    let (mut files, mut sum) = (Vec::new(), 0);
    while sum < bytes {
        let name = format!("folder-{}/file-{}", numbers.below(folders), files.len());
        let (kind, choice) = (numbers.below(100), numbers.next());
        let real = all.get((choice % all.len().max(1) as u64) as usize);
        let content = match real {
            Some((path, _)) if kind < 94 => fs::read(path).unwrap_or_default(),
            _ => {
                let length = least + numbers.below(400_000);
                if kind < 97 {
                    images::noise(choice, length as usize / 4096 + 1)
                } else {
                    images::file(numbers, length as usize)
                }
            }
        };
        sum += content.len().max(64) as u64;
        files.push((name, content));
    }
    files
}

/// Writes the files into a folder.
pub(crate) fn write(files: &[File], folder: &Path) {
    for (name, content) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
        fs::write(path, content).expect("a file can be written");
    }
}

/// Files one after another, each from the beginning of a page on: another volume's content.
pub(crate) fn pages(numbers: &mut Numbers, bytes: u64) -> Vec<u8> {
    let mut all = Vec::new();
    for (_, content) in files(numbers, bytes, 0, 1) {
        all.extend(content);
        all.resize(all.len().next_multiple_of(images::PAGE), 0);
    }
    all
}
