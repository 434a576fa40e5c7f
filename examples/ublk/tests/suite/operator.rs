// SPDX-License-Identifier: MIT OR Apache-2.0
//! What operators are told, and that no way leads them to a dead end.

use crate::served::{Folder, errors, printed, program, set_size};
use std::fs;
use std::path::Path;
use std::process::Stdio;

/// A blank disk of so many bytes.
fn blank(path: &str, bytes: u64) {
    fs::write(path, "").unwrap();
    set_size(path, bytes);
}

fn is_free(path: &Path) -> bool {
    fs::File::open(path).unwrap().try_lock().is_ok()
}

#[test]
fn an_array_without_a_block_device_is_not_handed_over_and_goes_on() {
    let folder = Folder::new("not-kept", 2);
    let made = folder.create(&["--level", "raid1"], 2);
    assert!(made.status.success(), "{}", errors(&made));
    let served = folder.serve_with(&["--array", "array"], &[0, 1]);
    let refused = folder.ask(&["stop", "--keep-device"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(errors(&refused).contains("no block device"), "{}", errors(&refused));
    folder.client().write_at(0, &[7; 8192], true).unwrap();
    served.stop();
}

/// In turns, as the disk of a machine with one spare would.
#[test]
fn a_disk_whose_place_a_spare_took_is_added_again_and_serves_again() {
    for format in ["ddf", "asr"] {
        let folder = Folder::new(&format!("again-{format}"), 3);
        let paths = [0, 1, 2].map(|disk| folder.path(&format!("d{disk}")));
        let made =
            folder.create(&["--level", "raid1", "--metadata", format, "--spare", &paths[2]], 2);
        assert!(made.status.success(), "{format}: {}", errors(&made));
        let options = ["--array", "array", "--import"];
        let served = folder.serve_with(&options, &[0, 1, 2]);
        let mut client = folder.client();
        client.write_at(0, &[7; 8192], true).unwrap();
        let (mut member, mut spare) = (1, 2);
        for time in 0..3 {
            assert!(folder.ask(&["fail", "--slot", "1"]).status.success());
            served.until("filled", |set| {
                set["state"] == "optimal" && set["members"][1]["path"] == paths[spare].as_str()
            });
            let (old, taken) = (&paths[member], &paths[spare]);
            // It is on view, and nobody's.
            while served.status()["unused"][0]["path"] != old.as_str() {
                std::thread::yield_now();
            }
            let words = folder.ask(&["status"]);
            let line = format!("not used: {old}, failed in set 0, slot 1");
            assert!(printed(&words).contains(&line), "{}", printed(&words));
            assert!(is_free(Path::new(old)), "{format}: {old} is held");
            let log = folder.errors();
            let line = format!("slot 1: spare {taken} takes the place of {old}");
            assert!(log.contains(&line), "{log}");
            // What leads nowhere says what leads back.
            let refused = folder.ask(&["return", "--slot", "1"]);
            let way = format!("{old} is not used: `raid-ublk spare add --overwrite {old}`");
            assert_eq!(refused.status.code(), Some(2), "{refused:?}");
            let said = errors(&refused);
            assert!(said.contains(&way), "{said}");
            assert!(said.contains(&format!("spare {taken} has taken the place")), "{said}");
            assert!(!said.contains("declare it failed"), "{said}");
            let refused = folder.ask(&["spare", "add", old]);
            assert!(errors(&refused).contains("--overwrite loses it"), "{}", errors(&refused));
            let added = folder.ask(&["spare", "add", old, "--overwrite"]);
            assert!(added.status.success(), "{format}, time {time}: {}", errors(&added));
            let status = served.status();
            assert_eq!(status["unused"], serde_json::json!([]), "{status:#}");
            assert_eq!(status["spares"][0]["path"], old.as_str(), "{status:#}");
            (member, spare) = (spare, member);
        }
        let mut bytes = [0; 8192];
        client.read_at(0, &mut bytes).unwrap();
        assert!(bytes.iter().all(|byte| *byte == 7), "{format}");
        drop(client);
        served.stop();
        folder.serve_with(&options, &[0, 1, 2]).stop();
    }
}

/// What cannot be read did not come back, and whoever asked for it must know.
#[test]
fn a_disk_that_cannot_return_is_refused_with_the_reason() {
    let folder = Folder::new("unread", 3);
    assert!(folder.create(&["--level", "raid5", "--assume-clean"], 3).status.success());
    let served = folder.serve(&[0, 1, 2]);
    assert!(folder.ask(&["fail", "--slot", "1"]).status.success());
    let refused = loop {
        // A record that is under way makes the file longer again.
        set_size(folder.disk(1), 0);
        let answer = folder.ask(&["return", "--slot", "1"]);
        if answer.status.code() != Some(0) {
            break answer;
        }
        served.until("back", |set| set["state"] == "optimal");
        assert!(folder.ask(&["fail", "--slot", "1"]).status.success());
    };
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let why = format!("set 0, slot 1: {} did not take the place: ", folder.path("d1"));
    assert!(errors(&refused).contains(&why), "{}", errors(&refused));
    assert_eq!(served.status()["sets"][0]["members"][1]["state"], "failed");
    served.stop();
}

#[test]
fn a_stop_is_answered_when_the_disks_are_free() {
    for carrier in [&[][..], &["--threads"]] {
        let folder = Folder::new(&format!("free-{}", carrier.len()), 3);
        assert!(folder.create(&["--level", "raid5"], 3).status.success());
        for options in [&["--array", "array"][..], &["--readonly"]] {
            let served = folder.serve_with(&[options, carrier].concat(), &[0, 1, 2]);
            let asked = folder.ask(&["stop"]);
            assert!(asked.status.success(), "{}", errors(&asked));
            assert!((0..3).all(|disk| is_free(&folder.disk(disk))), "{options:?} {carrier:?}");
            assert!(!folder.0.join("control").exists() && !folder.0.join("socket").exists());
            drop(served);
        }
    }
}

#[test]
fn a_spare_that_is_too_small_is_refused_with_the_sizes() {
    let folder = Folder::new("small", 2);
    let (small, short) = (folder.path("small"), folder.path("short"));
    blank(&small, 8 << 20);
    // As large as the metadata and half a member.
    blank(&short, 34 << 20);
    for disk in [&small, &short] {
        let made = folder.create(&["--level", "raid1", "--spare", disk], 2);
        assert_eq!(made.status.code(), Some(2), "{made:?}");
        let said = errors(&made);
        let sizes = format!("{disk} is too small: of its {}", fs::metadata(disk).unwrap().len());
        assert!(said.contains(&sizes) && said.contains("takes 4194304"), "{said}");
    }
    assert!(folder.create(&["--level", "raid1"], 2).status.success());
    let served = folder.serve(&[0, 1]);
    for (disk, sizes) in [
        (&small, "of its 8388608 bytes the metadata leaves 0, a member takes 4194304"),
        (&short, "of its 35651584 bytes the metadata leaves 2097152, a member takes 4194304"),
    ] {
        let before = fs::read(disk).unwrap();
        let refused = folder.ask(&["spare", "add", disk]);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        assert!(errors(&refused).contains(sizes), "{}", errors(&refused));
        assert!(fs::read(disk).unwrap() == before, "a refusal changes nothing");
    }
    assert_eq!(served.status()["spares"], serde_json::json!([]));
    served.stop();
}

/// At a start and at a stop too, in words.
#[test]
fn what_happens_is_logged_in_sentences() {
    let folder = Folder::new("log", 3);
    folder.create_large(&["--level", "raid5"], 3, 3, 300);
    let served = folder.serve(&[0, 1, 2]);
    let before = served.status();
    served.stop();
    let log = folder.errors();
    assert_eq!(before["sets"][0]["operation"], "initialise", "it was too quick: {before:#}");
    assert!(log.contains("set 0: the initialisation is paused"), "{log}");
    let served = folder.serve(&[0, 1, 2]);
    served.until("initialised", |set| set["operation"].is_null());
    assert!(folder.ask(&["scrub", "start"]).status.success());
    served.until("scrubbed", |set| set["operation"].is_null());
    assert!(folder.ask(&["fail", "--slot", "2"]).status.success());
    served.stop();
    let log = folder.errors();
    for line in [
        "set 0: the initialisation is complete",
        "set 0: the check is complete",
        "set 0 is degraded: slot 2 has no working member",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
    // A start that is short of a member, and a disk that is given for nothing.
    let served = folder.serve(&[0, 1, 2]);
    served.stop();
    let log = folder.errors();
    assert!(log.contains("set 0 is degraded: slot 2 has no working member"), "{log}");
    assert!(log.contains("d2 was the member of array array in set 0, slot 2"), "{log}");
    assert!(!log.contains("no part in array"), "{log}");
    for word in ["Notice", "Some(", "{ ", "Slot("] {
        assert!(!log.contains(word), "{word}: {log}");
    }
}

#[test]
fn a_disk_that_is_given_for_nothing_is_on_view_and_free_and_may_be_added() {
    let folder = Folder::new("nothing", 2);
    let other = folder.path("d7");
    blank(&other, 40 << 20);
    assert!(folder.create(&["--level", "raid1"], 2).status.success());
    let served = folder.serve(&[0, 1, 7]);
    let status = served.status();
    assert_eq!(status["unused"][0]["path"], other.as_str(), "{status:#}");
    assert!(printed(&folder.ask(&["status"])).contains(&format!("not used: {other}")));
    assert!(is_free(Path::new(&other)));
    let added = folder.ask(&["spare", "add", &other]);
    assert!(added.status.success(), "{}", errors(&added));
    assert_eq!(served.status()["unused"], serde_json::json!([]));
    served.stop();
}

#[test]
fn an_array_of_unlike_disks_is_made_with_its_size_and_the_disk_that_decides_it() {
    let folder = Folder::new("unlike", 3);
    for (disk, mib) in [(0, 48), (1, 44), (2, 48)] {
        set_size(folder.disk(disk), mib << 20);
    }
    let mut made = program(&["create", "--overwrite", "--level", "raid5"]);
    let made = made.args((0..3).map(|disk| folder.disk(disk))).output().unwrap();
    assert!(made.status.success(), "{}", errors(&made));
    let said = printed(&made).trim();
    let why = format!("the smallest disk decides what each gives: {}, 46137344", folder.path("d1"));
    assert!(said.contains(&why), "{said}");
    let served = folder.serve(&[0, 1, 2]);
    let size = format!("raid5, {} bytes;", folder.client().size());
    assert!(said.contains(&size), "{said}");
    served.stop();
    let made = folder.create(&["--level", "raid5"], 3);
    assert!(!printed(&made).contains("decides"), "{}", printed(&made));
}

#[test]
fn where_no_array_is_found_the_exit_code_says_so() {
    let folder = Folder::new("empty", 0);
    for words in [&["--need", "home"][..], &["--need", "home", "--readonly"]] {
        let mut command = program(&["serve", "--port", "0", "--control", &folder.path("control")]);
        let nothing = command.args(words).arg(&folder.0).output().unwrap();
        assert_eq!(nothing.status.code(), Some(16), "{words:?}: {}", errors(&nothing));
    }
}

#[test]
fn mismatches_are_reported_by_scrubs_that_ran_and_repaired_ones_as_repaired() {
    let folder = Folder::new("differ", 2);
    assert!(folder.create(&["--level", "raid1"], 2).status.success());
    let served = folder.serve(&[0, 1]);
    served.until("initialised", |set| set["operation"].is_null());
    let words = || printed(&folder.ask(&["scrub", "status"])).trim().to_owned();
    assert_eq!(words(), "set 0: nothing runs; no scrub has run since it is served");
    assert_eq!(served.status()["sets"][0]["scrub"], serde_json::Value::Null);
    served.stop();
    // A member of a DDF disk that raid-ublk made begins at its first block.
    let path = folder.disk(1);
    let file = fs::File::options().write(true).open(path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[0xa5; 4096], 1 << 20).unwrap();
    drop(file);
    let served = folder.serve(&[0, 1]);
    for (words_of, found) in [
        (&["scrub", "start"][..], "the last check found 8 rows that differ"),
        (
            &["scrub", "start", "--repair"],
            "the last repair found 8 rows that differed, all repaired",
        ),
        (&["scrub", "start"], "the last check found no row that differs"),
    ] {
        assert!(folder.ask(words_of).status.success());
        served.until("scrubbed", |set| set["operation"].is_null());
        assert_eq!(words(), format!("set 0: nothing runs; {found}"));
    }
    served.stop();
}

#[test]
fn the_log_says_why_a_member_failed_and_whether_a_spare_stands_by() {
    let folder = Folder::new("cause", 4);
    let spare = folder.path("d3");
    assert!(
        folder
            .create(&["--level", "raid5", "--spare", &spare, "--assume-clean"], 3)
            .status
            .success()
    );
    let served = folder.serve(&[0, 1, 2, 3]);
    // Its end is cut off: what is there cannot be read, until a record of the array makes the file long again.
    let [path, at] = [folder.path("d1"), String::from("set 0, slot 1: ")];
    let mut bytes = vec![0; 4 << 20];
    for _ in 0..100 {
        if folder.errors().contains("has failed") {
            break;
        }
        set_size(&path, 1 << 20);
        folder.client().read_at(0, &mut bytes).unwrap();
    }
    served.until("filled", |set| {
        set["state"] == "optimal" && set["members"][1]["path"] == spare.as_str()
    });
    assert!(folder.ask(&["fail", "--slot", "0"]).status.success());
    served.stop();
    let log = folder.errors();
    for line in [
        format!("{at}{path} has failed: a read at block "),
        format!("slot 1 has no working member; spare {spare} stands by"),
        format!("set 0, slot 0: {} has failed: it was declared failed", folder.path("d0")),
        String::from("slot 0 has no working member; no spare stands by"),
    ] {
        assert!(log.contains(&line), "{line}: {log}");
    }
}

#[test]
fn a_spare_for_a_set_that_has_failed_is_refused_with_the_way_back() {
    let folder = Folder::new("past", 4);
    let other = folder.path("d3");
    assert!(folder.create(&["--level", "raid5", "--assume-clean"], 3).status.success());
    let served = folder.serve(&[0, 1, 2]);
    for slot in ["0", "1"] {
        assert!(folder.ask(&["fail", "--slot", slot, "--force"]).status.success());
    }
    let before = fs::read(&other).unwrap();
    let refused = folder.ask(&["spare", "add", &other, "--overwrite"]);
    assert_eq!(refused.status.code(), Some(2), "{}", errors(&refused));
    let said = errors(&refused);
    assert!(said.contains("set 0 has failed") && said.contains("serve it again"), "{said}");
    assert!(fs::read(&other).unwrap() == before, "a refusal changes nothing");
    served.stop();
}

#[test]
fn a_scrub_that_a_stop_ends_is_not_said_to_go_on() {
    let folder = Folder::new("stopped", 3);
    folder.create_large(&["--level", "raid5", "--assume-clean"], 3, 3, 300);
    let served = folder.serve(&[0, 1, 2]);
    assert!(folder.ask(&["scrub", "start"]).status.success());
    let again = folder.ask(&["scrub", "start"]);
    let before = served.status();
    served.stop();
    assert_eq!(before["sets"][0]["operation"], "check", "it was too quick: {before:#}");
    assert_eq!(again.status.code(), Some(2), "{again:?}");
    assert!(errors(&again).contains("set 0: a check runs already"), "{}", errors(&again));
    let log = folder.errors();
    assert!(log.contains("set 0: the check is stopped, and its position is not recorded"), "{log}");
    assert!(!log.contains("goes on"), "{log}");
    let served = folder.serve(&[0, 1, 2]);
    assert_eq!(served.status()["sets"][0]["operation"], serde_json::Value::Null);
    served.stop();
}

#[test]
fn a_name_by_which_an_array_cannot_be_found_is_refused() {
    let folder = Folder::new("names", 2);
    let before = fs::read(folder.disk(0)).unwrap();
    for (name, why) in [
        ("", "an array needs a name"),
        (" home", "begins nor ends with a space"),
        ("a name that is longer than any format has room", "32 at most"),
    ] {
        let made = folder.create(&["--level", "raid1", "--name", name], 2);
        assert_eq!(made.status.code(), Some(4), "{name:?}: {}", errors(&made));
        assert!(errors(&made).contains(why), "{name:?}: {}", errors(&made));
    }
    let words = ["--level", "raid1", "--metadata", "asr", "--name", "seventeen letters"];
    let made = folder.create(&words, 2);
    assert_eq!(made.status.code(), Some(2), "{}", errors(&made));
    let few = folder.create(&["--level", "raid6"], 2);
    assert!(
        errors(&few).contains("raid6 needs at least 4 members, 2 are given"),
        "{}",
        errors(&few)
    );
    assert!(fs::read(folder.disk(0)).unwrap() == before, "a refusal changes nothing");
}

/// The resync that is owed cannot run without the member, and nothing can be recorded as clean: the stop ends all the
/// same, wherever the resync was.
#[test]
fn an_array_that_loses_a_member_in_its_resync_is_stopped_and_starts_or_says_what_would_start_it() {
    for time in 0..2u32 {
        let folder = Folder::new(&format!("hole-{time}"), 3);
        assert!(folder.create(&["--level", "raid5"], 3).status.success());
        let served = folder.serve(&[0, 1, 2]);
        served.until("initialised", |set| set["operation"].is_null());
        folder.client().write_at(0, &[7; 8192], true).unwrap();
        served.kill();
        let served = folder.serve(&[0, 1, 2]);
        let log = folder.errors();
        assert!(log.contains("set 0 was not stopped cleanly: a resync of "), "{log}");
        // Each time elsewhere in it.
        (0..time * 2000).for_each(|_| std::thread::yield_now());
        assert!(folder.ask(&["fail", "--slot", "2"]).status.success());
        let scrub = folder.ask(&["scrub", "start"]);
        assert_eq!(scrub.status.code(), Some(2));
        assert!(errors(&scrub).contains("short of a member"), "{}", errors(&scrub));
        served.stop();
        match folder.try_serve(&["--array", "array"], &[0, 1], Stdio::null(), &[]) {
            Ok(served) => served.stop(),
            Err(ended) => {
                let said = folder.errors();
                assert_eq!(ended.code(), Some(2), "{said}");
                assert!(said.contains("--accept unclean-degraded"), "{said}");
                let accepted = ["--array", "array", "--accept", "unclean-degraded"];
                folder.serve_with(&accepted, &[0, 1]).stop();
            }
        }
    }
}

/// Else the disk that was just pulled would be missed as a sound one.
#[test]
fn a_member_that_was_declared_failed_is_no_member_after_a_kill() {
    for (format, level, members) in [("ddf", "raid5", 3), ("asr", "raid1", 2)] {
        let folder = Folder::new(&format!("declared-{format}"), members);
        let words = ["--level", level, "--metadata", format, "--assume-clean"];
        assert!(folder.create(&words, members).status.success());
        let options = ["--array", "array", "--import"];
        let all: Vec<usize> = (0..members).collect();
        let served = folder.serve_with(&options, &all);
        let failed = folder.ask(&["fail", "--slot", "1"]);
        served.kill();
        assert!(failed.status.success(), "{format}: {}", errors(&failed));
        assert_eq!(printed(&failed), "", "{format}: it is recorded");
        let served = folder.serve_with(&options, &all);
        assert_eq!(served.status()["sets"][0]["members"][1]["state"], "failed", "{format}");
        served.stop();
    }
}

#[test]
fn a_failed_set_is_not_called_clean() {
    let folder = Folder::new("failed", 3);
    assert!(folder.create(&["--level", "raid5"], 3).status.success());
    let log = fs::File::create(folder.path("said")).unwrap();
    let served = folder.serve_logged(&["--array", "array"], &[0, 1, 2], log.into());
    served.until("initialised", |set| set["operation"].is_null());
    for slot in ["0", "1"] {
        assert!(folder.ask(&["fail", "--slot", slot, "--force"]).status.success());
    }
    let status = folder.ask(&["status"]);
    assert_eq!(status.status.code(), Some(2));
    assert!(printed(&status).contains("set 0: failed, too few"), "{}", printed(&status));
    assert!(!printed(&status).contains("clean"), "{}", printed(&status));
    served.stop();
    let said = fs::read_to_string(folder.path("said")).unwrap();
    assert!(said.contains("stopped; it has failed") && !said.contains("clean"), "{said}");
    assert!(folder.errors().contains("set 0 has failed: too few members"), "{}", folder.errors());
}
