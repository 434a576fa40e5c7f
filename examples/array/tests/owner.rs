// SPDX-License-Identifier: MIT OR Apache-2.0
//! One owner of a disk, tried with two processes.

use raid_array::member::{FileMember, Holder, Member, Unowned, writer};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{env, fs};

/// What the second process is asked to hold.
const HOLD: &str = "RAID_ARRAY_TEST_HOLD";

/// One test at a time: a process that is being started has the open files of all others until it becomes
/// another program, and their locks with them.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder of its own for a test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn disk(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, vec![7; 1 << 16]).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays lies among the temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The second process: runs the same test, which then holds the disk until its input ends.
struct Other(Child);

impl Other {
    fn holding(test: &str, disk: &Path) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(HOLD, disk)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut lines = out.lines().map_while(Result::ok);
        assert!(lines.any(|line| line.ends_with("held")), "the other process opens the disk");
        Self(child)
    }
}

/// In the second process: holds the disk and does not return.
fn hold_if_asked() {
    let Some(disk) = env::var_os(HOLD) else { return };
    let _held = FileMember::open(Path::new(&disk)).unwrap();
    println!("\nheld");
    // Whatever ends it.
    let _ = std::io::stdin().read(&mut [0]);
    std::process::exit(0);
}

/// Case C5.
#[test]
fn a_disk_that_another_process_writes_is_refused_under_every_name_until_it_is_killed() {
    hold_if_asked();
    let _alone = alone();
    let folder = Folder::new("two-processes");
    let disk = folder.disk("d0.img");
    let (hard, soft) = (folder.0.join("hard.img"), folder.0.join("soft.img"));
    fs::hard_link(&disk, &hard).unwrap();
    std::os::unix::fs::symlink(&disk, &soft).unwrap();
    let mut other = Other::holding(
        "a_disk_that_another_process_writes_is_refused_under_every_name_until_it_is_killed",
        &disk,
    );
    for path in [&disk, &hard, &soft] {
        let refused = FileMember::open(path).unwrap_err();
        let text = refused.to_string();
        let Unowned::InUse(Some(Holder::Process(process, _))) = refused.why else {
            panic!("{text}");
        };
        assert_eq!(process, other.0.id(), "{text}");
        assert!(text.contains(path.to_str().unwrap()) && text.contains("stop"), "{text}");
        let created = FileMember::create(path, 8).unwrap_err();
        assert!(matches!(created.why, Unowned::InUse(_)), "{created}");
    }
    assert_eq!(fs::read(&disk).unwrap(), vec![7; 1 << 16], "not cut short by the one refused");
    // Who only reads is told, and takes nothing.
    let seen = writer(&fs::metadata(&hard).unwrap());
    assert!(matches!(seen, Some(Holder::Process(process, _)) if process == other.0.id()));
    other.0.kill().unwrap();
    other.0.wait().unwrap();
    for path in [&disk, &hard, &soft] {
        FileMember::open(path).unwrap();
    }
    assert_eq!(writer(&fs::metadata(&disk).unwrap()), None);
}

/// Case C5.
#[test]
fn one_disk_under_two_names_is_opened_once_or_not_at_all() {
    let _alone = alone();
    let folder = Folder::new("two-names");
    let (first, second) = (folder.disk("a.img"), folder.disk("b.img"));
    let (hard, soft) = (folder.0.join("hard.img"), folder.0.join("soft.img"));
    fs::hard_link(&first, &hard).unwrap();
    std::os::unix::fs::symlink(&first, &soft).unwrap();
    for again in [&first, &hard, &soft] {
        let paths = [first.clone(), second.clone(), again.clone()];
        let refused = FileMember::open_all(&paths).unwrap_err();
        assert!(matches!(&refused.why, Unowned::SameDisk(same) if *same == first), "{refused}");
        let text = refused.to_string();
        assert!(text.starts_with(again.to_str().unwrap()) && text.contains("once"), "{text}");
    }
    // Nothing was left open.
    let mut disks = FileMember::open_all(&[first.clone(), second]).unwrap();
    // The own process is excluded too.
    assert!(matches!(FileMember::open(&hard).unwrap_err().why, Unowned::InUse(_)));
    // A copy is another disk.
    let copy = folder.0.join("copy.img");
    fs::copy(&first, &copy).unwrap();
    FileMember::open(&copy).unwrap();
    assert!(disks[0].set_block_size(4096));
    assert_eq!((disks[0].shape().blocks.0, disks[0].fixed_block_size()), (16, None));
    drop(disks);
    FileMember::open(&hard).unwrap();
}

#[test]
fn what_is_neither_a_file_nor_a_device_is_refused_with_its_path() {
    let folder = Folder::new("no-disk");
    let refused = FileMember::open(&folder.0).unwrap_err();
    assert!(matches!(refused.why, Unowned::NotADisk), "{refused}");
    let absent = folder.0.join("absent.img");
    let refused = FileMember::open(&absent).unwrap_err();
    assert!(refused.to_string().contains("absent.img"), "{refused}");
    assert!(!absent.exists());
}
