// SPDX-License-Identifier: MIT OR Apache-2.0
//! Behaviours that the test suites of other implementations assert, on arrays that are served over NBD: docs/ublk.md
//! lists which, and those that need a kernel.

use crate::served::{Folder, errors, program};
use raid_array::nbd::Client;
use std::fs;

/// Bytes that are read and written at a time.
const PART: usize = 64 << 10;

/// What a byte of an array is, by its place and a number of the content.
fn content(seed: u8, at: usize, len: usize) -> Vec<u8> {
    (at..at + len).map(|at| (at / 512) as u8 ^ (at / 131_072) as u8 ^ seed).collect()
}

fn fill(client: &mut Client, seed: u8) {
    for at in (0..client.size() as usize).step_by(PART) {
        let len = PART.min(client.size() as usize - at);
        client.write_at(at as u64, &content(seed, at, len), false).unwrap();
    }
    client.flush().unwrap();
}

#[track_caller]
fn compare(client: &mut Client, seed: u8, what: &str) {
    for at in (0..client.size() as usize).step_by(PART) {
        let len = PART.min(client.size() as usize - at);
        let mut bytes = vec![0; len];
        client.read_at(at as u64, &mut bytes).unwrap();
        assert!(bytes == content(seed, at, len), "{what}: at byte {at}");
    }
}

fn made(folder: &Folder, words: &[&str], members: usize) {
    let made = folder.create(words, members);
    assert!(made.status.success(), "{words:?}: {}", errors(&made));
}

/// Every loss that a level survives, of `members` disks.
fn losses(level: &str, members: usize) -> Vec<Vec<usize>> {
    let pairs = (0..members).flat_map(|a| (a + 1..members).map(move |b| vec![a, b]));
    let singles = (0..members).map(|a| vec![a]);
    match level {
        "raid6" => singles.chain(pairs).collect(),
        // Of each pair of mirrors one.
        "raid10" => singles.chain(pairs.filter(|pair| pair[0] / 2 != pair[1] / 2)).collect(),
        _ => singles.collect(),
    }
}

/// Covers mdadm/01r5integ and 01raid6integ: each loss, read as a whole, by the engine and read only.
#[test]
fn every_loss_that_a_level_survives_reads_the_same() {
    for (level, format, members) in [
        ("raid1", "ddf", 2),
        ("raid10", "ddf", 4),
        ("raid5", "ddf", 4),
        ("raid6", "ddf", 5),
        ("raid1", "asr", 2),
    ] {
        let folder = Folder::new(&format!("losses-{format}-{level}"), members);
        made(&folder, &["--level", level, "--metadata", format, "--assume-clean"], members);
        // What is not clean yet cannot be read without a member.
        let options = ["--array", "array", "--import"];
        let all: Vec<usize> = (0..members).collect();
        let served = folder.serve_with(&options, &all);
        fill(&mut folder.client(), 1);
        served.stop();
        let losses = losses(level, members);
        for lost in &losses {
            let left: Vec<usize> =
                all.iter().copied().filter(|disk| !lost.contains(disk)).collect();
            let served = folder.serve_with(&["--array", "array", "--readonly"], &left);
            compare(&mut folder.client(), 1, &format!("{format} {level} without {lost:?}"));
            served.stop();
        }
        // The engine, with the greatest loss: while it runs, after a stop, and filled again.
        let lost = losses.last().unwrap();
        let served = folder.serve_with(&options, &all);
        let places: Vec<(String, String)> = (lost.iter())
            .map(|disk| match level {
                "raid10" => ((disk / 2).to_string(), (disk % 2).to_string()),
                _ => (String::from("0"), disk.to_string()),
            })
            .collect();
        for (set, slot) in &places {
            let failed = folder.ask(&["fail", "--set", set, "--slot", slot]);
            assert!(failed.status.success(), "{level}: {}", errors(&failed));
        }
        compare(&mut folder.client(), 1, &format!("{format} {level} short of {lost:?}"));
        for (set, slot) in &places {
            let back = folder.ask(&["return", "--set", set, "--slot", slot]);
            assert!(back.status.success(), "{level}: {}", errors(&back));
        }
        served.until_all("whole again", |set| set["state"] == "optimal");
        compare(&mut folder.client(), 1, &format!("{format} {level} whole again"));
        served.stop();
    }
}

/// Covers mdadm/01r1faillast and 01r10faillast: nothing changes, and I/O goes on.
#[test]
fn the_last_copy_is_not_declared_failed() {
    for (level, members, first, refused) in [
        ("raid0", 2, &[][..], &[("0", "0"), ("0", "1")][..]),
        ("raid1", 2, &[("0", "0")], &[("0", "1")]),
        ("raid10", 4, &[("0", "1"), ("1", "0")], &[("0", "0"), ("1", "1")]),
        ("raid5", 3, &[("0", "2")], &[("0", "0"), ("0", "1")]),
        ("raid6", 4, &[("0", "1"), ("0", "3")], &[("0", "0"), ("0", "2")]),
    ] {
        let folder = Folder::new(&format!("last-{level}"), members);
        made(&folder, &["--level", level, "--assume-clean"], members);
        let all: Vec<usize> = (0..members).collect();
        let served = folder.serve(&all);
        let mut client = folder.client();
        client.write_at(0, &[3; PART], true).unwrap();
        for (set, slot) in first {
            let failed = folder.ask(&["fail", "--set", set, "--slot", slot]);
            assert!(failed.status.success(), "{level}: {}", errors(&failed));
        }
        let before = served.status()["sets"].clone();
        for (set, slot) in refused {
            let last = folder.ask(&["fail", "--set", set, "--slot", slot]);
            assert_eq!(last.status.code(), Some(2), "{level}: {last:?}");
            assert!(errors(&last).contains("holds the last copy"), "{}", errors(&last));
        }
        let states = |sets: &serde_json::Value| -> Vec<serde_json::Value> {
            let sets = sets.as_array().unwrap().iter();
            sets.flat_map(|set| [set["state"].clone(), set["members"].clone()]).collect()
        };
        assert_eq!(states(&served.status()["sets"]), states(&before), "{level}");
        let mut bytes = vec![0; PART];
        client.read_at(0, &mut bytes).unwrap();
        assert!(bytes.iter().all(|byte| *byte == 3), "{level}");
        client.write_at(0, &[4; PART], true).unwrap();
        drop(client);
        served.stop();
    }
}

/// Covers mdadm/10ddf-fail-stop-readd: the array went on without it, so what it holds is old.
#[test]
fn a_disk_that_was_failed_and_comes_back_after_a_restart_is_never_read() {
    for format in ["ddf", "asr"] {
        let folder = Folder::new(&format!("back-{format}"), 2);
        made(&folder, &["--level", "raid1", "--metadata", format, "--assume-clean"], 2);
        let options = ["--array", "array", "--import"];
        let served = folder.serve_with(&options, &[0, 1]);
        fill(&mut folder.client(), 1);
        assert!(folder.ask(&["fail", "--slot", "0"]).status.success());
        served.stop();
        // The good one alone.
        let served = folder.serve_with(&options, &[1]);
        fill(&mut folder.client(), 2);
        served.stop();
        // The old one first, and it alone answers for nothing.
        let served = folder.serve_with(&options, &[0, 1]);
        compare(&mut folder.client(), 2, "with the old disk");
        let status = served.status();
        assert_eq!(status["sets"][0]["members"][0]["state"], "failed", "{status:#}");
        let old = folder.path("d0");
        assert_eq!(status["unused"][0]["path"], old.as_str(), "{status:#}");
        let added = folder.ask(&["spare", "add", &old, "--overwrite"]);
        assert!(added.status.success(), "{}", errors(&added));
        served.until("filled", |set| set["state"] == "optimal");
        compare(&mut folder.client(), 2, "filled");
        served.stop();
        // What was filled is the new content.
        let served = folder.serve_with(&["--array", "array", "--readonly"], &[0]);
        compare(&mut folder.client(), 2, "the old disk alone");
        served.stop();
    }
}

/// Covers spdk/raid_rebuild_test.
#[test]
fn a_rebuild_goes_on_after_a_stop_and_a_loss_and_the_replaced_disk_is_no_member_any_more() {
    let folder = Folder::new("rebuild", 6);
    folder.create_large(&["--level", "raid6", "--assume-clean"], 4, 6, 160);
    let served = folder.serve(&[0, 1, 2, 3]);
    fill(&mut folder.client(), 1);
    let add = |disk: usize| {
        let added = folder.ask(&["spare", "add", &folder.path(&format!("d{disk}")), "--overwrite"]);
        assert!(added.status.success(), "{}", errors(&added));
    };
    let fail = |slot: &str| {
        let failed = folder.ask(&["fail", "--slot", slot]);
        assert!(failed.status.success(), "{}", errors(&failed));
    };
    fail("1");
    add(4);
    served.until("begun", |set| set["operation"] == "rebuild");
    // The target goes, and there is no other: no job, until it is added again.
    fail("1");
    served.until("ended", |set| set["operation"].is_null() && set["state"] == "degraded");
    compare(&mut folder.client(), 1, "without the target");
    add(5);
    served.until("begun again", |set| set["operation"] == "rebuild");
    // Another member goes: the rebuild goes on from those that are left.
    fail("3");
    compare(&mut folder.client(), 1, "short of two");
    // Stopped in the middle, it goes on.
    served.stop();
    let served = folder.serve(&[0, 1, 2, 3, 4, 5]);
    served.until("filled", |set| {
        set["operation"].is_null() && set["members"][1]["state"] == "in_sync"
    });
    let status = served.status();
    assert_eq!(status["sets"][0]["members"][3]["state"], "failed", "{status:#}");
    compare(&mut folder.client(), 1, "filled");
    // The replaced disks are there, and are no members, neither by themselves nor by `return`.
    let unused: Vec<&str> = (status["unused"].as_array().unwrap().iter())
        .filter_map(|unused| unused["path"].as_str())
        .collect();
    for disk in [1, 3, 4] {
        assert!(unused.contains(&folder.path(&format!("d{disk}")).as_str()), "{status:#}");
    }
    let back = folder.ask(&["return", "--slot", "1"]);
    assert_eq!(back.status.code(), Some(2), "{back:?}");
    let refused = folder.ask(&["spare", "add", &folder.path("d1")]);
    assert!(errors(&refused).contains("carries ddf metadata"), "{}", errors(&refused));
    served.stop();
}

/// Covers lvm/lvchange-raid-transient-failures, with members that are declared failed under writes: errors of disks are
/// given in the guest.
#[test]
fn two_cables_drop_under_writes_and_both_disks_return() {
    for (level, lost) in [("raid6", [("0", "1"), ("0", "4")]), ("raid10", [("0", "1"), ("2", "0")])]
    {
        let folder = Folder::new(&format!("cables-{level}"), 6);
        made(&folder, &["--level", level, "--assume-clean"], 6);
        let served = folder.serve(&[0, 1, 2, 3, 4, 5]);
        let mut client = folder.client();
        fill(&mut client, 1);
        for (number, (set, slot)) in lost.iter().enumerate() {
            let failed = folder.ask(&["fail", "--set", set, "--slot", slot]);
            assert!(failed.status.success(), "{level}: {}", errors(&failed));
            fill(&mut client, 2 + number as u8);
        }
        let status = served.status();
        for (set, slot) in lost {
            let (set, slot): (usize, usize) = (set.parse().unwrap(), slot.parse().unwrap());
            let state = &status["sets"][set]["members"][slot]["state"];
            assert_eq!(state, "failed", "{level}: {status:#}");
        }
        compare(&mut client, 3, "short of two");
        for (set, slot) in lost {
            let back = folder.ask(&["return", "--set", set, "--slot", slot]);
            assert!(back.status.success(), "{level}: {}", errors(&back));
        }
        compare(&mut client, 3, "while they are filled");
        served.until_all("whole", |set| set["state"] == "optimal" && set["operation"].is_null());
        compare(&mut client, 3, "whole");
        drop(client);
        served.stop();
        // By the returned ones, without two others.
        let left: &[usize] = if level == "raid6" { &[0, 1, 3, 4] } else { &[1, 2, 4] };
        let served = folder.serve_with(&["--array", "array", "--readonly"], left);
        compare(&mut folder.client(), 3, "by those that returned");
        served.stop();
    }
}

/// Covers spdk/raid_superblock_test.
#[test]
fn an_array_is_not_made_over_the_disks_of_another_or_over_what_they_hold() {
    for (level, members) in [("raid0", 2), ("raid1", 2), ("raid5", 3)] {
        let folder = Folder::new(&format!("over-{level}"), members + 1);
        made(&folder, &["--level", level], members);
        let bytes = |disk: usize| fs::read(folder.disk(disk)).unwrap();
        let before: Vec<Vec<u8>> = (0..=members).map(bytes).collect();
        for (format, what) in [("ddf", "carries ddf metadata"), ("asr", "carries ddf metadata")] {
            let mut command = program(&["create", "--level", level, "--metadata", format]);
            let refused =
                command.args((0..members).map(|disk| folder.disk(disk))).output().unwrap();
            assert_eq!(refused.status.code(), Some(2), "{refused:?}");
            assert!(errors(&refused).contains(what), "{}", errors(&refused));
        }
        // What begins with something that is no array, such as a file system.
        let mut command = program(&["create", "--level", "raid1"]);
        let refused =
            command.args([members, members - 1].map(|disk| folder.disk(disk))).output().unwrap();
        assert!(errors(&refused).contains("holds something"), "{}", errors(&refused));
        assert!((0..=members).map(bytes).eq(before), "{level}: a refusal changes nothing");
        // While it is served nobody makes one, whatever is said.
        let all: Vec<usize> = (0..members).collect();
        let served = folder.serve(&all);
        let held = folder.create(&["--level", level], members);
        assert!(errors(&held).contains("is in use by"), "{}", errors(&held));
        served.stop();
        made(&folder, &["--level", level], members);
        folder.serve(&all).stop();
    }
}

/// Covers bt/ublk/006 and us/generic/006 as far as they need no kernel: killed at any moment, the next server starts.
#[test]
fn servers_that_are_killed_one_after_the_other_leave_an_array_that_starts() {
    let folder = Folder::new("kills", 3);
    made(&folder, &["--level", "raid5", "--assume-clean"], 3);
    let served = folder.serve(&[0, 1, 2]);
    fill(&mut folder.client(), 5);
    served.kill();
    for time in 0..8u32 {
        let mut command = program(&["serve", "--array", "array"]);
        command.args(["--socket", &folder.path("socket"), "--control", &folder.path("control")]);
        command.args((0..3).map(|disk| folder.disk(disk)));
        let mut child = command.spawn().unwrap();
        // Somewhere in its start, each time elsewhere.
        for _ in 0..time * 200 {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let served = folder.serve(&[2, 1, 0]);
    compare(&mut folder.client(), 5, "after the kills");
    served.until("in step", |set| set["operation"].is_null());
    assert!(folder.ask(&["scrub", "start"]).status.success());
    served.until("scrubbed", |set| set["operation"].is_null());
    assert_eq!(served.status()["sets"][0]["mismatches"], 0);
    served.stop();
}
