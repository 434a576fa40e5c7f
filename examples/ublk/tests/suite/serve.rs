// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arrays that are served: made, written over NBD, killed, short of a member, stopped.

use crate::served::{Folder, errors, program, set_size};
use raid_array::nbd::Client;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes written and compared at a time.
const PIECE: usize = 4096;

/// Writes pieces to random places; what each of them holds.
fn write(client: &mut Client, seed: u64, pieces: usize) -> BTreeMap<u64, u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let places = client.size() / PIECE as u64;
    let mut written = BTreeMap::new();
    for _ in 0..pieces {
        let (at, value) = (random.u64(..places) * PIECE as u64, random.u8(..));
        client.write_at(at, &[value; PIECE], false).unwrap();
        written.insert(at, value);
    }
    written
}

#[track_caller]
fn compare(client: &mut Client, written: &BTreeMap<u64, u8>, what: &str) {
    let mut bytes = vec![0; PIECE];
    for (at, value) in written {
        client.read_at(*at, &mut bytes).unwrap();
        assert!(bytes.iter().all(|byte| byte == value), "{what}: byte {at}");
    }
}

/// Killed with writes in flight, started again short of a member that failed before, filled by a spare, stopped,
/// started from the disks that are left: what was flushed is there each time.
#[test]
fn what_was_flushed_is_there_after_a_kill_a_failure_and_a_stop() {
    for (level, members, format) in
        [("raid1", 2, "asr"), ("raid10", 4, "ddf"), ("raid5", 5, "ddf"), ("raid6", 6, "ddf")]
    {
        let folder = Folder::new(level, members + 1);
        let spare = folder.disk(members);
        let made = folder.create(
            &["--level", level, "--metadata", format, "--spare", spare.to_str().unwrap()],
            members,
        );
        assert!(made.status.success(), "{level}: {}", errors(&made));
        let all: Vec<usize> = (0..=members).collect();
        let mut options = vec!["--array", "array"];
        // ASR does not record who made an array.
        options.extend((format == "asr").then_some("--import"));
        // The fall-back must do the same.
        options.extend((level == "raid5").then_some("--threads"));
        let options = options.as_slice();
        let served = folder.serve_with(options, &all);
        match (served.status()["member_io"].as_str(), level) {
            (Some("io_uring"), level) if level != "raid5" => {}
            (Some("threads"), "raid5") => {}
            (Some("threads"), _) => println!("io_uring is refused here: threads instead"),
            (other, _) => panic!("{other:?}"),
        }
        let mut client = folder.client();
        let mut written = write(&mut client, 1, 200);
        client.flush().unwrap();
        // What is written from here on may be there or not, but nothing else.
        let mut after = written.clone();
        std::thread::scope(|scope| {
            // Connected before the server is killed, however busy the machine is.
            let mut client_of_writer = folder.client();
            let writer = scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(2);
                let mut tried = Vec::new();
                loop {
                    let (at, value) = (random.u64(..64) * PIECE as u64, random.u8(..));
                    tried.push((at, value));
                    if client_of_writer.write_at(at, &[value; PIECE], false).is_err() {
                        return tried;
                    }
                }
            });
            compare(&mut client, &BTreeMap::new(), level);
            let until = Instant::now() + Duration::from_millis(50);
            while Instant::now() < until {
                std::thread::yield_now();
            }
            served.kill();
            for (at, _) in writer.join().unwrap() {
                after.remove(&at);
            }
        });
        written = after;
        let served = folder.serve_with(options, &all);
        let mut client = folder.client();
        compare(&mut client, &written, "after the kill");
        let failed = folder.ask(&["fail", "--slot", "1"]);
        assert!(failed.status.success(), "{}", errors(&failed));
        compare(&mut client, &written, "short of a member");
        written.extend(write(&mut client, 4, 100));
        client.flush().unwrap();
        served.until("filled by the spare", |set| {
            set["state"] == "optimal"
                && set["members"][1]["path"].as_str() == spare.to_str()
                && set["clean"] == true
        });
        compare(&mut client, &written, "on the spare");
        drop(client);
        served.stop();
        // Without the disk that failed, and in another order.
        let left: Vec<usize> = all.iter().rev().copied().filter(|disk| *disk != 1).collect();
        let served = folder.serve_with(options, &left);
        let mut client = folder.client();
        compare(&mut client, &written, "after the stop");
        let scrub = folder.ask(&["scrub", "start"]);
        assert!(scrub.status.success(), "{}", errors(&scrub));
        served.until("scrubbed", |set| set["operation"].is_null());
        assert_eq!(served.status()["sets"][0]["mismatches"], 0, "{level}");
        served.stop();
    }
}

#[test]
fn what_is_refused_says_why_and_changes_nothing() {
    let folder = Folder::new("refused", 4);
    // The disks hold something.
    let mut command = program(&["create", "--level", "raid5"]);
    let held = command.args((0..3).map(|disk| folder.disk(disk))).output().unwrap();
    assert_eq!(held.status.code(), Some(2));
    assert!(errors(&held).contains("holds something at byte 0; --overwrite loses it"));
    let few = folder.create(&["--level", "raid6"], 3);
    assert!(errors(&few).contains("needs at least 4 members"), "{}", errors(&few));
    let twice =
        folder.create(&["--level", "raid1", "--spare", folder.disk(0).to_str().unwrap()], 2);
    assert!(errors(&twice).contains("is the same disk as"), "{}", errors(&twice));
    assert!(folder.create(&["--level", "raid5"], 3).status.success());
    let served = folder.serve(&[0, 1, 2]);
    // One writer: the message names it.
    let mut second = program(&["serve", "--port", "0", "--control", &folder.path("second")]);
    let second = second.args((0..3).map(|disk| folder.disk(disk))).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(errors(&second).contains("raid-ublk"), "{}", errors(&second));
    served.until("initialised", |set| set["operation"].is_null());
    for (words, code, why) in [
        (&["fail", "--slot", "9"][..], 2, "no slot 9"),
        (&["return", "--slot", "0"], 2, "has not failed"),
        (&["spare", "add", &folder.path("nothing")], 4, "No such file"),
        (&["spare", "add", &folder.path("d1")], 2, "is a disk of this array already"),
        (&["spare", "release", &folder.path("d0")], 2, "sits in set 0, slot 0 of this array"),
        (&["spare", "release", &folder.path("d3")], 2, "no disk of this array"),
        (&["scrub", "start", "--set", "7"], 2, "no set 7"),
        (&["scrub", "abort", "--set", "7"], 2, "no set 7"),
        (&["scrub", "abort"], 2, "nothing runs, so there is nothing to abort"),
    ] {
        let answer = folder.ask(words);
        assert_eq!(answer.status.code(), Some(code), "{words:?}");
        assert!(errors(&answer).contains(why), "{words:?}: {}", errors(&answer));
    }
    let status = served.status();
    assert_eq!(status["sets"][0]["state"], "optimal", "{status:#}");
    // What a disk holds is not lost without a word.
    let full = folder.path("d3");
    let before = fs::read(&full).unwrap();
    let refused = folder.ask(&["spare", "add", &full]);
    assert_eq!(refused.status.code(), Some(2), "{}", errors(&refused));
    assert!(errors(&refused).contains("holds something at byte"), "{}", errors(&refused));
    assert!(fs::read(&full).unwrap() == before, "a refusal changes nothing");
    let other = folder.path("other");
    let copied = fs::copy(folder.path("d0"), &other);
    assert!(copied.is_ok(), "{copied:?}");
    let refused = folder.ask(&["spare", "add", &other]);
    assert!(errors(&refused).contains("metadata"), "{}", errors(&refused));
    let added = folder.ask(&["spare", "add", &full, "--overwrite"]);
    assert!(added.status.success(), "{}", errors(&added));
    assert_eq!(served.status()["spares"][0]["disk"], 3);
    served.stop();
    let gone = folder.ask(&["status"]);
    assert!(errors(&gone).contains("is it served?"), "{}", errors(&gone));
}

/// A spare that has no place leaves the configuration: its metadata is gone, and others may open it at once.
#[test]
fn a_spare_is_given_back_and_is_blank_again() {
    for format in ["ddf", "asr"] {
        let folder = Folder::new(&format!("release-{format}"), 4);
        let (member, spare, added) = (folder.path("d0"), folder.path("d2"), folder.path("d3"));
        let made = folder.create(&["--level", "raid1", "--metadata", format, "--spare", &spare], 2);
        assert!(made.status.success(), "{format}: {}", errors(&made));
        // The last one was full of something.
        fs::write(&added, "").unwrap();
        set_size(&added, 40 << 20);
        let options = ["--array", "array", "--import"];
        let served = folder.serve_with(&options, &[0, 1, 2]);
        let asked = folder.ask(&["spare", "add", &added]);
        assert!(asked.status.success(), "{format}: {}", errors(&asked));
        let refused = folder.ask(&["spare", "release", &member]);
        assert_eq!(refused.status.code(), Some(2), "{format}: {}", errors(&refused));
        for disk in [&spare, &added] {
            let released = folder.ask(&["spare", "release", disk]);
            assert!(released.status.success(), "{format} {disk}: {}", errors(&released));
            let until = Instant::now() + Duration::from_secs(30);
            while fs::File::open(disk).unwrap().try_lock().is_err() {
                assert!(Instant::now() < until, "{format}: {disk} is held");
                std::thread::yield_now();
            }
            let again = folder.ask(&["spare", "release", disk]);
            assert!(errors(&again).contains("no disk of this array"), "{}", errors(&again));
        }
        assert_eq!(served.status()["spares"], serde_json::json!([]));
        // Nothing stands by: the place stays empty, until one is added again.
        assert!(folder.ask(&["fail", "--slot", "1"]).status.success());
        assert_eq!(folder.ask(&["status"]).status.code(), Some(1), "{format}");
        let asked = folder.ask(&["spare", "add", &spare, "--overwrite"]);
        assert!(asked.status.success(), "{format}: {}", errors(&asked));
        served.until("filled", |set| set["state"] == "optimal" && set["clean"] == true);
        served.stop();
        // The other one carries nothing.
        let mut command = program(&["serve", "--port", "0", "--control", &folder.path("c")]);
        let nothing = command.arg(&added).output().unwrap();
        assert_eq!(nothing.status.code(), Some(16), "{format}: {}", errors(&nothing));
        folder.serve_with(&options, &[0, 2, 3]).stop();
    }
}

#[test]
fn a_machine_without_the_ublk_driver_is_told_what_to_load() {
    let folder = Folder::new("driver", 2);
    assert!(folder.create(&["--level", "raid1"], 2).status.success());
    let nowhere = program(&["serve", "--control", &folder.path("control")])
        .args((0..2).map(|disk| folder.disk(disk)))
        .output()
        .unwrap();
    assert!(errors(&nowhere).contains("--ublk"), "{}", errors(&nowhere));
    if Path::new("/dev/ublk-control").exists() {
        return println!("SKIPPED: this machine has the driver");
    }
    let mut command = program(&["serve", "--ublk", "--control", &folder.path("control")]);
    let refused = command.args((0..2).map(|disk| folder.disk(disk))).output().unwrap();
    assert_eq!(refused.status.code(), Some(4));
    assert!(errors(&refused).contains("`modprobe ublk_drv`"), "{}", errors(&refused));
    assert!(!folder.0.join("control").exists());
    // The array is as it was.
    folder.serve(&[0, 1]).stop();
}

/// The rest is initialised at the next start, and the copies are equal then.
#[test]
fn an_array_is_stopped_in_the_middle_of_its_initialisation_and_goes_on() {
    let folder = Folder::new("middle", 2);
    folder.create_large(&["--level", "raid1"], 2, 2, 300);
    let served = folder.serve(&[0, 1]);
    let before = served.status();
    served.stop();
    assert_eq!(before["sets"][0]["operation"], "initialise", "it was too quick: {before:#}");
    let served = folder.serve(&[0, 1]);
    served.until("initialised", |set| set["operation"].is_null());
    assert!(folder.ask(&["scrub", "start"]).status.success());
    served.until("scrubbed", |set| set["operation"].is_null());
    assert_eq!(served.status()["sets"][0]["mismatches"], 0);
    served.stop();
}

/// What was not initialised cannot be without the member. That is recorded, so it is no failure of the stop.
#[test]
fn an_array_that_lost_a_member_before_it_was_initialised_is_stopped_and_goes_on() {
    let folder = Folder::new("lost", 3);
    folder.create_large(&["--level", "raid5"], 3, 3, 300);
    let served = folder.serve(&[0, 1, 2]);
    let mut client = folder.client();
    let written = write(&mut client, 1, 50);
    assert!(folder.ask(&["fail", "--slot", "0"]).status.success());
    let before = served.status();
    assert_ne!(before["sets"][0]["owed_regions"], 0, "it was too quick: {before:#}");
    compare(&mut client, &written, "short of a member");
    drop(client);
    served.stop();
    let served = folder.serve(&[1, 2]);
    compare(&mut folder.client(), &written, "started again");
    served.stop();
}
