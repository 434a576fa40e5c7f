// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starts: one that fails changes nothing, whoever is in the way is named, and it is said when an array is served.

use crate::served::{Folder, Program, Served, errors, printed, program};
use raid_array::nbd::{Address, Client};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

fn bytes(folder: &Folder, disks: usize) -> Vec<Vec<u8>> {
    (0..disks).map(|disk| fs::read(folder.disk(disk)).unwrap()).collect()
}

/// A start on these disks with these words.
fn start(folder: &Folder, words: &[&str], disks: &[usize]) -> Output {
    let mut command = program(&["serve"]);
    command.args(words).args(disks.iter().map(|disk| folder.disk(*disk))).output().unwrap()
}

/// Short of a disk, so that its first record would call the disk failed for good.
#[test]
fn a_start_that_cannot_open_what_it_serves_on_leaves_no_disk_out() {
    let folder = Folder::new("doors", 3);
    assert!(folder.create(&["--level", "raid5", "--assume-clean"], 3).status.success());
    let served = folder.serve(&[0, 1, 2]);
    folder.client().write_at(0, &[5; 8192], true).unwrap();
    served.stop();
    let before = bytes(&folder, 3);
    let listens = folder.path("listens");
    let _listens = UnixListener::bind(&listens).unwrap();
    fs::write(folder.path("file"), "a file").unwrap();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (control, socket) = (folder.path("control"), folder.path("socket"));
    let (nowhere, file) = (folder.path("no/where"), folder.path("file"));
    let own = format!("process {} (", std::process::id());
    for (words, why) in [
        (&["--control", &nowhere, "--socket", &socket][..], "No such file"),
        (&["--control", &control, "--socket", &nowhere], "No such file"),
        (&["--control", &listens, "--socket", &socket], &own),
        (&["--control", &control, "--socket", &listens], &own),
        (&["--control", &control, "--socket", &file], "something else than a socket"),
        (&["--control", &control, "--port", &port], &own),
        (&["--control", &control, "--ublk"], "ublk"),
    ] {
        if words.contains(&"--ublk") && fs::exists("/dev/ublk-control").unwrap() {
            println!("SKIPPED: {words:?}: this machine has the driver");
            continue;
        }
        let refused = start(&folder, words, &[0, 1]);
        assert_eq!(refused.status.code(), Some(4), "{words:?}: {}", errors(&refused));
        assert!(errors(&refused).contains(why), "{words:?}: {}", errors(&refused));
        assert!(bytes(&folder, 3) == before, "{words:?} has written to a disk");
        let left = [&control, &socket].iter().any(|path| fs::exists(path).unwrap());
        assert!(!left, "{words:?} left a socket");
    }
    drop(taken);
    let served = folder.serve(&[0, 1, 2]);
    assert_eq!(served.status()["sets"][0]["state"], "optimal");
    let mut read = [0; 8192];
    folder.client().read_at(0, &mut read).unwrap();
    assert_eq!(read, [5; 8192]);
    served.stop();
}

#[test]
fn a_reader_and_a_writer_are_refused_beside_each_other_and_two_readers_are_not() {
    let folder = Folder::new("beside", 3);
    assert!(folder.create(&["--level", "raid5", "--assume-clean"], 3).status.success());
    let second = |words: &[&str]| {
        let (control, socket) = (folder.path("second"), folder.path("second-socket"));
        let words = [&["--control", &control, "--socket", &socket], words].concat();
        start(&folder, &words, &[0, 1, 2])
    };
    let served = folder.serve(&[0, 1, 2]);
    let refused = second(&["--readonly"]);
    assert_eq!(refused.status.code(), Some(2), "{}", errors(&refused));
    let said = errors(&refused);
    let holder = format!("d0 is written by process {} (raid-ublk)", served.id());
    assert!(said.contains(&holder) && said.contains("may be old or torn"), "{said}");
    assert!(said.contains("--accept beside-writer") && !said.contains("--force"), "{said}");
    // By its name, and said.
    let words = ["--readonly", "--accept", "beside-writer"];
    let beside = Program::serving(&folder, "second", &words, &[0, 1, 2]);
    let said = beside.errors();
    assert!(said.contains("taken on trust (beside-writer): ") && said.contains(&holder), "{said}");
    beside.stop();
    served.stop();
    // Readers.
    let served = folder.serve_with(&["--readonly"], &[0, 1, 2]);
    let other = Program::serving(&folder, "second", &["--readonly"], &[0, 1, 2]);
    other.stop();
    let refused = second(&[]);
    assert_eq!(refused.status.code(), Some(2), "{}", errors(&refused));
    let reader = format!("d0 is read by process {} (raid-ublk)", served.id());
    assert!(errors(&refused).contains(&reader), "{}", errors(&refused));
    let made = folder.create(&["--level", "raid1"], 2);
    assert!(errors(&made).contains(&reader), "{}", errors(&made));
    served.kill();
    // Once the reader is gone.
    folder.serve(&[0, 1, 2]).stop();
}

/// At once, without waiting for what the kernel still closes.
#[test]
fn an_array_is_served_again_right_after_its_server_was_killed() {
    let folder = Folder::new("at-once", 3);
    assert!(folder.create(&["--level", "raid5", "--assume-clean"], 3).status.success());
    for time in 0..6 {
        let served = folder.serve(&[0, 1, 2]);
        folder.client().write_at(time * 4096, &[time as u8; 4096], false).unwrap();
        // It is not waited for: it is there still when the next one comes.
        let killed = served.kill_and_leave();
        let served = folder.serve(&[0, 1, 2]);
        drop(killed);
        served.stop();
    }
}

#[test]
fn a_start_is_waited_for_and_says_to_the_service_manager_when_it_serves() {
    let folder = Folder::new("ready", 2);
    assert!(folder.create(&["--level", "raid1", "--assume-clean"], 2).status.success());
    // Before anybody has begun.
    let waits = program(&["status", "--wait", "--control", &folder.path("control")])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let notify = folder.path("notify");
    let manager = UnixDatagram::bind(&notify).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let environment = [("NOTIFY_SOCKET", notify.as_str())];
    let options = ["--array", "array"];
    let served = folder.try_serve(&options, &[0, 1], Stdio::null(), &environment).unwrap();
    let waited = waits.wait_with_output().unwrap();
    assert_eq!(waited.status.code(), Some(0), "{waited:?}");
    assert!(printed(&waited).contains("set 0: optimal"), "{}", printed(&waited));
    let mut said = [0; 64];
    let len = manager.recv(&mut said).unwrap();
    assert_eq!(&said[..len], b"READY=1");
    served.stop();
    let mut nobody = program(&["status", "--wait", "0", "--control", &folder.path("control")]);
    assert_eq!(nobody.output().unwrap().status.code(), Some(4));
}

/// A cleaner of old files took the one away, and another server has the place of the other.
#[test]
fn a_server_whose_sockets_are_gone_stops_at_a_signal() {
    let folder = Folder::new("cleaned", 2);
    assert!(folder.create(&["--level", "raid1", "--assume-clean"], 2).status.success());
    for (gone, replaced) in [("control", "socket"), ("socket", "control")] {
        let mut served = folder.serve(&[0, 1]);
        fs::remove_file(folder.path(gone)).unwrap();
        fs::remove_file(folder.path(replaced)).unwrap();
        let other = UnixListener::bind(folder.path(replaced)).unwrap();
        signal(&served, Signal::INT);
        let until = Instant::now() + Duration::from_secs(60);
        let ended = loop {
            match served.ended() {
                Some(ended) => break ended,
                None => assert!(Instant::now() < until, "{gone} is gone: it never ends"),
            }
            std::thread::yield_now();
        };
        assert!(ended.success(), "{ended}: {}", folder.errors());
        assert!(fs::exists(folder.path(replaced)).unwrap(), "the other server's socket is gone");
        drop(other);
        fs::remove_file(folder.path(replaced)).unwrap();
    }
}

#[test]
fn a_server_that_is_held_up_is_named_by_those_who_ask_it() {
    let folder = Folder::new("held", 2);
    assert!(folder.create(&["--level", "raid1", "--assume-clean"], 2).status.success());
    let mut served = folder.serve(&[0, 1]);
    signal(&served, Signal::STOP);
    let mut stop = program(&["stop", "--control", &folder.path("control")]);
    let mut stop = stop.stderr(Stdio::piped()).spawn().unwrap();
    let answer = folder.ask(&["status", "--wait", "1"]);
    // A stop takes as long as it takes, and says so.
    let mut said = String::new();
    BufReader::new(stop.stderr.take().unwrap()).read_line(&mut said).unwrap();
    signal(&served, Signal::CONT);
    assert!(stop.wait().unwrap().success());
    let why = format!("process {} (raid-ublk) has not stopped yet; it is waited for", served.id());
    assert!(said.contains(&why), "{said}");
    while served.ended().is_none() {
        std::thread::yield_now();
    }
    assert_eq!(answer.status.code(), Some(4), "{answer:?}");
    let why = format!("process {} (raid-ublk) listens there, and does not answer", served.id());
    assert!(errors(&answer).contains(&why), "{}", errors(&answer));
}

#[test]
fn a_client_of_the_wrong_socket_is_told_which_one_it_is() {
    let folder = Folder::new("wrong", 2);
    assert!(folder.create(&["--level", "raid1", "--assume-clean"], 2).status.success());
    let served = folder.serve(&[0, 1]);
    let asked = program(&["status", "--control", &folder.path("socket")]).output().unwrap();
    assert_eq!(asked.status.code(), Some(4), "{asked:?}");
    assert!(errors(&asked).contains("socket of the array's NBD clients"), "{}", errors(&asked));
    served.stop();
}

#[test]
fn a_command_line_that_cannot_be_meant_says_what_is_missing() {
    let folder = Folder::new("words", 2);
    let (control, socket) = (folder.path("control"), folder.path("socket"));
    let (twice, none) = (["--control", &control, "--socket", &control], ["--control", &control]);
    let remove = program(&["remove", "/dev/sda"]).output().unwrap();
    for (output, why) in [
        (start(&folder, &twice, &[0, 1]), "--socket and --control are one path"),
        (start(&folder, &[&none[..], &["--socket", &socket]].concat(), &[]), "--need NAME"),
        (remove, "N or /dev/ublkbN is needed"),
    ] {
        assert_eq!(output.status.code(), Some(4), "{output:?}");
        assert!(errors(&output).contains(why), "{}", errors(&output));
    }
    // The path of a block device will do.
    let remove = program(&["remove", "/dev/ublkb999999"]).output().unwrap();
    assert!(!errors(&remove).contains("N or /dev/ublkbN is needed"), "{}", errors(&remove));
}

fn signal(served: &Served<'_>, signal: Signal) {
    let process = Pid::from_raw(served.id().cast_signed()).unwrap();
    kill_process(process, signal).unwrap();
}

/// Clients that connect and say nothing, or begin a line and never end it.
#[test]
fn clients_that_say_nothing_keep_nobody_from_asking_and_stopping() {
    let folder = Folder::new("silent", 2);
    assert!(folder.create(&["--level", "raid1", "--assume-clean"], 2).status.success());
    let mut served = folder.serve(&[0, 1]);
    let control = folder.0.join("control");
    let silent: Vec<UnixStream> =
        (0..100).map(|_| UnixStream::connect(&control).unwrap()).collect();
    std::thread::scope(|scope| {
        let (end, ends) = std::sync::mpsc::channel::<()>();
        let mut slow = UnixStream::connect(&control).unwrap();
        scope.spawn(move || {
            // Not a moment without a byte, until the server goes.
            while ends.try_recv().is_err() && slow.write_all(b" ").is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        for words in [&["status"][..], &["scrub", "start"], &["stop"]] {
            let mut asked = program(&[words[0], "--control", control.to_str().unwrap()]);
            let mut asked = asked.args(&words[1..]).stdout(Stdio::null()).spawn().unwrap();
            // No more than a bound: each of the silent ones would be waited for.
            let until = Instant::now() + Duration::from_secs(60);
            let answered = loop {
                match asked.try_wait().unwrap() {
                    Some(ended) => break ended,
                    None if Instant::now() >= until => {
                        asked.kill().unwrap();
                        break asked.wait().unwrap();
                    }
                    None => std::thread::yield_now(),
                }
            };
            let said = folder.errors();
            if !answered.success() {
                let _ = end.send(());
            }
            assert!(answered.success(), "{words:?}: {answered}: {said}");
        }
        // It was cut off with all others.
        let _ = end.send(());
    });
    drop(silent);
    while served.ended().is_none() {
        std::thread::yield_now();
    }
}

#[test]
fn a_refusal_names_the_options_that_start_all_the_same() {
    let folder = Folder::new("accepting", 3);
    // No journal is in use before a member is gone.
    assert!(folder.create(&["--level", "raid5", "--assume-clean"], 3).status.success());
    let served = folder.serve(&[0, 1, 2]);
    folder.client().write_at(0, &[5; 8192], true).unwrap();
    served.kill();
    let (control, socket) = (folder.path("control"), folder.path("socket"));
    let words = ["--control", &control, "--socket", &socket];
    let before = bytes(&folder, 3);
    let refused = start(&folder, &words, &[0, 2]);
    assert_eq!(refused.status.code(), Some(2), "{}", errors(&refused));
    let said = errors(&refused);
    assert!(said.contains("set 0, slot 1 missing: unclean and degraded"), "{said}");
    assert!(said.contains("--accept unclean-degraded"), "{said}");
    assert!(said.contains("the cure is the missing disk (set 0, slot 1): plug it in"), "{said}");
    assert!(!said.contains('{'), "{said}");
    assert!(bytes(&folder, 3) == before);
    let accepted = ["--array", "array", "--accept", "unclean-degraded"];
    let served = folder.serve_with(&accepted, &[0, 2]);
    // The log is whole once the server has ended.
    served.stop();
    assert!(folder.errors().contains("taken on trust (unclean-degraded)"), "{}", folder.errors());
}

/// Filled as the copy, it would be taken for the spare itself at the next start, which holds nothing. Found by story
/// 9010.
#[test]
fn a_copy_of_a_spare_beside_it_is_refused() {
    let folder = Folder::new("twin", 3);
    let spare = folder.path("d2");
    let made = folder.create(&["--level", "raid1", "--spare", &spare], 2);
    assert!(made.status.success(), "{}", errors(&made));
    fs::copy(folder.disk(2), folder.disk(3)).unwrap();
    let before = bytes(&folder, 4);
    let (control, socket) = (folder.path("control"), folder.path("socket"));
    let words = ["--control", &control, "--socket", &socket];
    let refused = start(&folder, &words, &[0, 1, 2, 3]);
    assert_eq!(refused.status.code(), Some(2), "{}", errors(&refused));
    let way = format!("--without {spare} or --without {}", folder.path("d3"));
    assert!(errors(&refused).contains(&way), "{}", errors(&refused));
    // And so is that of a member.
    let copy = folder.path("d1.copy");
    fs::copy(folder.disk(1), &copy).unwrap();
    let words = [&words[..], &[&copy]].concat();
    let refused = start(&folder, &words, &[0, 1]);
    assert_eq!(refused.status.code(), Some(2), "{}", errors(&refused));
    assert!(errors(&refused).contains(&format!("--without {copy}")), "{}", errors(&refused));
    assert!(bytes(&folder, 4) == before, "a refusal changes nothing");
    folder.serve_with(&["--array", "array", "--without", "d3"], &[0, 1, 2, 3]).stop();
}

/// What does nothing is not offered.
#[test]
fn trim_is_not_offered_by_an_array_that_discards_nothing() {
    let folder = Folder::new("trim", 2);
    assert!(folder.create(&["--level", "raid1", "--assume-clean"], 2).status.success());
    let served = folder.serve(&[0, 1]);
    let client = Client::connect(&Address::Unix(folder.0.join("socket")), "array").unwrap();
    assert!(!client.can_trim());
    drop(client);
    served.stop();
}
