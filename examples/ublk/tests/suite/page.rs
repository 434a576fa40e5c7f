// SPDX-License-Identifier: MIT OR Apache-2.0
//! The commands of docs/ublk.md that need no root and no disks, taken from the page and run in their order.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// Before the blocks of the page that are run here.
const MARK: &str =
    "<!-- These commands are run by examples/ublk/tests/suite/page.rs. -->\n\n```sh\n";

/// The shell, where the page's commands find this program.
fn shell(folder: &Path, line: &str) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_raid-ublk")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(program.to_owned()).chain(std::env::split_paths(&path));
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(folder).env("PATH", std::env::join_paths(all).unwrap());
    command
}

/// A server in the background; killed if the test ends early.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended as a rule.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{}: {}{}", output.status, text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_commands_of_the_page_do_what_it_says() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ublk.md"));
    let page = page.unwrap();
    let blocks = page.split(MARK).skip(1).map(|rest| rest.split("```").next().unwrap());
    let lines: Vec<&str> = blocks.flat_map(str::lines).filter(|line| !line.is_empty()).collect();
    assert!(lines.len() >= 10, "the page has {} commands for files", lines.len());
    let name = format!("page-{}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    let mut server: Option<Server> = None;
    for line in lines {
        println!("$ {line}");
        let command = line.split('#').next().unwrap().trim();
        if let Some(background) = command.strip_suffix('&') {
            let log = fs::File::create(folder.join("log")).unwrap();
            let mut command = shell(&folder, &format!("exec {background}"));
            let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
            server = Some(Server(child));
            continue;
        }
        let program = command.split_whitespace().next().unwrap();
        let is_there = shell(&folder, &format!("command -v {program}")).output().unwrap();
        if !is_there.status.success() {
            println!("SKIPPED: {program} is not installed");
            continue;
        }
        let output = shell(&folder, command).output().unwrap();
        // `status` says by its code how the array is.
        let most = if command.contains(" status ") { 1 } else { 0 };
        assert!(output.status.code().is_some_and(|code| code <= most), "{line}: {}", said(&output));
        if command.starts_with("raid-ublk stop") {
            let ended = server.take().expect("what is stopped was served").0.wait().unwrap();
            assert!(ended.success(), "{line}: {ended}");
        }
    }
    assert!(server.is_none(), "the page stops what it serves");
    fs::remove_dir_all(&folder).unwrap();
}
