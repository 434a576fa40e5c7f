// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arrays that are found by looking through disks, that are only read, and that others made.

use crate::served::{Folder, errors, program};
use raid_testdata::scenario;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

/// The bytes of a disk, and when it was written last.
fn state(folder: &Folder, disk: usize) -> (Vec<u8>, std::time::SystemTime) {
    let path = folder.disk(disk);
    (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap())
}

fn is_held(folder: &Folder, disk: usize) -> bool {
    fs::File::open(folder.disk(disk)).unwrap().try_lock().is_err()
}

/// A server that is refused.
fn refused(folder: &Folder, words: &[&str]) -> Output {
    let mut command = program(&["serve", "--port", "0", "--control", &folder.path("control")]);
    let output = command.args(words).output().unwrap();
    assert!(!folder.0.join("control").exists(), "{output:?}");
    output
}

#[test]
fn an_array_is_found_by_name_and_by_identity_and_other_disks_are_left_alone() {
    let folder = Folder::new("need", 6);
    let create = |name: &str, disks: [usize; 2]| {
        let mut command = program(&["create", "--overwrite", "--size", "4M", "--level", "raid1"]);
        command.args(["--name", name]).args(disks.map(|disk| folder.disk(disk)));
        let made = command.output().unwrap();
        assert!(made.status.success(), "{}", errors(&made));
    };
    create("one", [0, 1]);
    create("two", [2, 3]);
    let others = || [0, 1, 4, 5].map(|disk| state(&folder, disk));
    let before = others();
    let place = folder.path("");
    let served = folder.serve_with(&["--need", "two", &place], &[]);
    let status = served.status();
    assert_eq!(status["name"], "two", "{status:#}");
    let held = [0, 1, 2, 3, 4, 5].map(|disk| is_held(&folder, disk));
    assert_eq!(held, [false, false, true, true, false, false]);
    // The other one by a part of its identity, next to the first.
    let second = Folder::new("need-second", 0);
    let listed = program(&["serve", "--port", "0", "--control", &second.path("control")])
        .args(["--need", "three", &place])
        .output()
        .unwrap();
    assert_eq!(listed.status.code(), Some(16), "{}", errors(&listed));
    let line = errors(&listed).lines().find(|line| line.trim_start().starts_with("one ")).unwrap();
    let id = line.split_whitespace().nth(1).unwrap();
    let mut begins = id.to_owned();
    begins.truncate(id.len() - 1);
    served.stop();
    assert_eq!(others(), before);
    let served = folder.serve_with(&["--need", &begins, &place], &[]);
    assert_eq!(served.status()["name"], "one");
    served.stop();
}

#[test]
fn what_is_not_found_or_not_alone_is_refused_and_nothing_is_written() {
    let folder = Folder::new("alone", 5);
    let place = folder.path("");
    let nothing = refused(&folder, &[folder.disk(4).to_str().unwrap()]);
    assert_eq!(nothing.status.code(), Some(16), "{}", errors(&nothing));
    for disks in [[0, 1], [2, 3]] {
        let mut command = program(&["create", "--overwrite", "--size", "4M", "--level", "raid1"]);
        let made = command.args(disks.map(|disk| folder.disk(disk))).output().unwrap();
        assert!(made.status.success(), "{}", errors(&made));
    }
    let before = [0, 1, 2, 3, 4].map(|disk| state(&folder, disk));
    let several = refused(&folder, &["--need", "array", &place]);
    assert_eq!(several.status.code(), Some(4));
    assert!(errors(&several).contains("give the identity"), "{}", errors(&several));
    let missing = refused(&folder, &["--need", "array", &folder.path("nowhere")]);
    assert_eq!(missing.status.code(), Some(4));
    assert!(errors(&missing).contains("No such file"), "{}", errors(&missing));
    assert_eq!([0, 1, 2, 3, 4].map(|disk| state(&folder, disk)), before);
    // A copy of a member.
    fs::remove_file(folder.disk(2)).unwrap();
    fs::remove_file(folder.disk(3)).unwrap();
    fs::copy(folder.disk(1), folder.disk(4)).unwrap();
    let before = [0, 1, 4].map(|disk| state(&folder, disk));
    let copied = refused(&folder, &["--need", "array", &place]);
    assert_eq!(copied.status.code(), Some(2), "{}", errors(&copied));
    assert!(errors(&copied).contains("d4: "), "{}", errors(&copied));
    let [copy, original] = [folder.path("d4"), folder.path("d1")];
    let way = format!("--without {copy} or --without {original}");
    assert!(errors(&copied).contains(&way), "{}", errors(&copied));
    assert_eq!([0, 1, 4].map(|disk| state(&folder, disk)), before);
    // The way that it names.
    let before = state(&folder, 4);
    let served = folder.serve_with(&["--need", "array", "--without", &copy, &place], &[]);
    assert_eq!(served.status()["sets"][0]["state"], "optimal");
    assert_eq!([0, 1, 4].map(|disk| is_held(&folder, disk)), [true, true, false]);
    served.stop();
    let served = folder.serve_with(&["--readonly", "--without", "d2"], &[0, 1, 4]);
    assert_eq!(folder.ask(&["status"]).status.code(), Some(0), "{}", folder.errors());
    served.stop();
    assert_eq!(state(&folder, 4), before);
    let unknown = refused(&folder, &["--without", "d9", &copy]);
    assert_eq!(unknown.status.code(), Some(4));
    assert!(errors(&unknown).contains("--without d9: no such disk"), "{}", errors(&unknown));
}

#[test]
fn an_array_that_is_served_read_only_is_read_and_no_disk_is_written() {
    let folder = Folder::new("readonly", 3);
    assert!(folder.create(&["--level", "raid5"], 3).status.success());
    let served = folder.serve(&[0, 1, 2]);
    folder.client().write_at(8192, &[7; 4096], true).unwrap();
    // What is initialised by then does not depend on the machine.
    served.until("initialised", |set| set["operation"].is_null() && set["clean"] == true);
    folder.client().write_at(4096, &[9; 4096], true).unwrap();
    served.kill();
    let before = [0, 1, 2].map(|disk| state(&folder, disk));
    let served = folder.serve_with(&["--readonly"], &[2, 0, 1]);
    // No reader is kept out, and every writer.
    let locked = |disk: &usize| fs::File::open(folder.disk(*disk)).unwrap().try_lock_shared();
    assert!([0, 1, 2].iter().all(|disk| locked(disk).is_ok() && is_held(&folder, *disk)));
    let status = served.status();
    assert_eq!(status["read_only"], true, "{status:#}");
    assert_eq!(status["sets"][0]["state"], "optimal", "{status:#}");
    let mut client = folder.client();
    let mut bytes = [0; 8192];
    client.read_at(4096, &mut bytes).unwrap();
    assert!(bytes[..4096].iter().all(|byte| *byte == 9));
    assert!(bytes[4096..].iter().all(|byte| *byte == 7));
    assert!(client.write_at(0, &[1; 4096], false).is_err());
    for words in [&["fail", "--slot", "0"][..], &["scrub", "start"]] {
        let answer = folder.ask(words);
        assert_eq!(answer.status.code(), Some(2), "{words:?}");
        assert!(errors(&answer).contains("without --readonly"), "{}", errors(&answer));
    }
    drop(client);
    served.stop();
    assert_eq!([0, 1, 2].map(|disk| state(&folder, disk)), before);
    // Unclean and short of a member: what parity gives may be wrong.
    let short = refused(
        &folder,
        &["--readonly", folder.disk(0).to_str().unwrap(), folder.disk(1).to_str().unwrap()],
    );
    assert_eq!(short.status.code(), Some(2), "{}", errors(&short));
    assert!(errors(&short).contains("--accept unclean-degraded"), "{}", errors(&short));
    assert!(!errors(&short).contains("--force"), "{}", errors(&short));
    let served = folder.serve_with(&["--readonly", "--accept", "unclean-degraded"], &[0, 1]);
    assert_eq!(folder.ask(&["status"]).status.code(), Some(1));
    assert!(folder.errors().contains("taken on trust"), "{}", folder.errors());
    served.stop();
    assert_eq!([0, 1, 2].map(|disk| state(&folder, disk)), before);
}

#[test]
fn an_array_that_others_made_is_written_only_if_that_is_said() {
    let folder = Folder::new("foreign", 0);
    let images = scenario("ddf-mdadm", "raid1-2d").images();
    let all: Vec<usize> = (0..images.len()).collect();
    for (disk, image) in images.iter().enumerate() {
        image.write_to(&folder.disk(disk)).unwrap();
    }
    let states = || all.iter().map(|disk| state(&folder, *disk)).collect::<Vec<_>>();
    let before = states();
    let place = folder.path("");
    let paths: Vec<String> = all.iter().map(|disk| folder.path(&format!("d{disk}"))).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let refusal = refused(&folder, &paths);
    assert_eq!(refusal.status.code(), Some(2));
    let why = errors(&refusal);
    assert!(why.contains("made by \"Linux-MD\", not by this program"), "{why}");
    assert!(why.contains("the first write would change") && why.contains("d1: "), "{why}");
    assert!(why.contains("--import writes to it all the same"), "{why}");
    assert!(states() == before);
    let served = folder.serve_with(&["--readonly"], &all);
    served.stop();
    assert!(states() == before);
    let name = why.split("array ").nth(1).and_then(|rest| rest.split(':').next()).unwrap();
    let served = folder.serve_with(&["--import", "--need", name, &place], &[]);
    assert_eq!(served.status()["sets"][0]["state"], "optimal");
    served.stop();
    assert!(states() != before);
}

#[test]
fn a_format_that_does_not_record_who_made_an_array_is_not_trusted_to() {
    let folder = Folder::new("unrecorded", 2);
    let made = folder.create(&["--level", "raid1", "--metadata", "asr"], 2);
    assert!(made.status.success(), "{}", errors(&made));
    let before = [0, 1].map(|disk| state(&folder, disk));
    let refusal = refused(&folder, &["--need", "array", &folder.path("")]);
    assert_eq!(refusal.status.code(), Some(2), "{}", errors(&refusal));
    assert!(errors(&refusal).contains("does not record who made it"), "{}", errors(&refusal));
    assert_eq!([0, 1].map(|disk| state(&folder, disk)), before);
}

#[test]
fn there_is_nothing_to_recover_where_no_device_waits() {
    let folder = Folder::new("recover", 2);
    assert!(folder.create(&["--level", "raid1"], 2).status.success());
    let before = [0, 1].map(|disk| state(&folder, disk));
    let mut command = program(&["recover", "--control", &folder.path("control")]);
    let refused = command.args([0, 1].map(|disk| folder.disk(disk))).output().unwrap();
    // 4: this machine has no driver.
    assert!([Some(2), Some(4)].contains(&refused.status.code()), "{refused:?}");
    let why = errors(&refused);
    assert!(why.contains("no block device waits") || why.contains("ublk_drv"), "{why}");
    assert_eq!([0, 1].map(|disk| state(&folder, disk)), before);
}

/// A lock of a part of a file, as qemu takes it on its images: `flock` does not see it.
#[test]
fn a_file_that_a_program_has_locked_in_part_is_refused_by_the_name_of_the_program() {
    const LOCK: &str = "import fcntl, struct, sys\n\
        file = open(sys.argv[1], 'rb')\n\
        fcntl.fcntl(file, 37, struct.pack('hhqqi', fcntl.F_RDLCK, 0, 100, 1, 0))\n\
        print('locked', flush=True)\n\
        sys.stdin.read()\n";
    let folder = Folder::new("locked", 2);
    assert!(folder.create(&["--level", "raid1"], 2).status.success());
    let mut locks = Command::new("python3");
    locks.args(["-c", LOCK]).arg(folder.disk(1)).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut locks = match locks.spawn() {
        Ok(locks) => locks,
        Err(error) => return println!("SKIPPED: python3, which takes the lock: {error}"),
    };
    let mut said = String::new();
    BufReader::new(locks.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "locked\n");
    let before = [0, 1].map(|disk| state(&folder, disk));
    let paths = [folder.path("d0"), folder.path("d1")];
    let refusal = refused(&folder, &[&paths[0], &paths[1]]);
    // Its input ends, and with it the lock.
    drop(locks.stdin.take());
    locks.wait().unwrap();
    assert_eq!(refusal.status.code(), Some(2), "{}", errors(&refusal));
    let holder = format!("d1 is in use by process {} (python3", locks.id());
    assert!(errors(&refusal).contains(&holder), "{}", errors(&refusal));
    assert_eq!([0, 1].map(|disk| state(&folder, disk)), before);
    folder.serve(&[0, 1]).stop();
}
