// SPDX-License-Identifier: MIT OR Apache-2.0
//! `serve`: what an NBD client reads of arrays, healthy and short of a member.

use crate::program::{Folder, code, command, run, text};
use raid_array::member::{FileMember, Unowned};
use raid_array::nbd::{Address, Client};
use raid_testdata::scenario;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The program, serving.
struct Serving {
    child: Child,
    /// What it said before it began.
    lines: Vec<String>,
}

impl Serving {
    fn start(arguments: &[&str], paths: &[PathBuf]) -> Self {
        let mut command = command(arguments, paths);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut lines = Vec::new();
        for line in output.lines() {
            lines.push(line.unwrap());
            if lines.last().is_some_and(|line| line.starts_with("served until")) {
                break;
            }
        }
        Self { child, lines }
    }

    /// Tells it to end, as Ctrl-C does; how it ended.
    fn end(mut self) -> Option<i32> {
        // A word of every shell; the program of this name is not on every machine.
        let kill = format!("kill -INT {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

/// Bytes of an export, from an odd place on.
fn read(socket: &Path, name: &str, len: usize) -> Vec<u8> {
    let mut client = Client::connect(&Address::Unix(socket.to_owned()), name).unwrap();
    assert_eq!((client.size(), client.is_readonly()), (len as u64, true));
    let mut bytes = vec![0; len];
    let (front, back) = bytes.split_at_mut(100_001.min(len));
    client.read_at(0, front).unwrap();
    client.read_at(front.len() as u64, back).unwrap();
    let denied = client.write_at(0, &[0; 512], false).unwrap_err();
    assert_eq!(denied.raw_os_error(), Some(1));
    bytes
}

#[test]
fn arrays_are_served_under_their_names_and_short_of_a_member_too() {
    let folder = Folder::new("serve");
    let socket = folder.0.join("socket");
    let scenario = scenario("ddf-mdadm", "multi-6vd");
    let paths = folder.disks(&scenario);
    let serving = Serving::start(&["serve", "--socket", socket.to_str().unwrap()], &paths);
    for volume in &scenario.volumes {
        let line = format!("array {}, ", volume.name);
        assert!(serving.lines.iter().any(|own| own.starts_with(&line)), "{:?}", serving.lines);
        let whole = volume.pattern.bytes(0, volume.size_bytes as usize);
        assert!(read(&socket, &volume.name, whole.len()) == whole, "{}", volume.name);
    }
    assert_eq!(serving.end(), Some(0));
    assert!(!socket.exists());

    let scenario = raid_testdata::scenario("ddf-mdadm", "raid5-n-restart-3d-64k");
    let volume = &scenario.volumes[0];
    let whole = volume.pattern.bytes(0, volume.size_bytes as usize);
    let paths = folder.disks(&scenario);
    let serving = Serving::start(&["serve", "--socket", socket.to_str().unwrap()], &paths[1..]);
    assert!(read(&socket, "", whole.len()) == whole);
    assert_eq!(serving.end(), Some(0));
}

/// It reads for long, and would not see what changes.
#[test]
fn disks_that_are_served_have_no_writer_unless_that_is_accepted() {
    let folder = Folder::new("beside");
    let socket = folder.0.join("socket");
    let words = ["serve", "--socket", socket.to_str().unwrap()];
    let paths = folder.disks(&scenario("ddf-mdadm", "raid1-2d"));
    let writer = FileMember::open(&paths[1]).unwrap();
    let output = run(&words, &paths);
    assert_eq!(code(&output), 2, "{}", text(&output.stderr));
    let said = text(&output.stderr);
    let process = format!("-1.img is written by process {}", std::process::id());
    assert!(said.contains(&process) && said.contains("--accept beside-writer"), "{said}");
    assert!(!socket.exists());
    let accepted = [&words[..], &["--accept", "beside-writer"]].concat();
    let serving = Serving::start(&accepted, &paths);
    drop(writer);
    assert_eq!(serving.end(), Some(0));
    let (one, two) = (Serving::start(&words, &paths), folder.0.join("second"));
    let two = Serving::start(&["serve", "--socket", two.to_str().unwrap()], &paths);
    let refused = FileMember::open(&paths[1]).unwrap_err();
    assert!(matches!(refused.why, Unowned::Read(Some(_))), "{refused}");
    assert_eq!((one.end(), two.end()), (Some(0), Some(0)));
    FileMember::open(&paths[1]).unwrap();
}

#[test]
fn what_cannot_be_read_is_not_served() {
    let folder = Folder::new("unserved");
    let socket = folder.0.join("socket");
    let paths = folder.disks(&scenario("ddf-mdadm", "raid5-n-restart-3d-64k"));
    let output = run(&["serve", "--socket", socket.to_str().unwrap()], &paths[..1]);
    assert_eq!(code(&output), 2, "{}", text(&output.stderr));
    assert!(!socket.exists());
    let output = run(&["serve"], &paths);
    assert_eq!(code(&output), 4, "neither a socket nor a port");
}

#[test]
#[ignore = "needs libnbd-bin: cargo xtask ci nbd"]
fn nbdcopy_brings_out_an_array_that_is_short_of_a_member() {
    let folder = Folder::new("nbdcopy");
    let scenario = scenario("ddf-mdadm", "raid6-n-restart-5d-32k");
    let volume = &scenario.volumes[0];
    let paths = folder.disks(&scenario);
    let serving = Serving::start(&["serve", "--port", "0"], &paths[2..]);
    let uri = serving.lines[0].rsplit_once(' ').unwrap().1;
    assert!(uri.starts_with("nbd://127.0.0.1:"), "{uri}");
    let to = folder.0.join("copy");
    assert!(Command::new("nbdcopy").arg(uri).arg(&to).status().unwrap().success());
    let whole = volume.pattern.bytes(0, volume.size_bytes as usize);
    assert!(std::fs::read(&to).unwrap() == whole);
    assert_eq!(serving.end(), Some(0));
}
