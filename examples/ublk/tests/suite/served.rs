// SPDX-License-Identifier: MIT OR Apache-2.0
//! Disks in a folder, and `raid-ublk serve` on them.

use raid_array::nbd::{Address, Client};
use serde_json::Value;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// Bytes of a file that is a disk.
const DISK: u64 = 40 << 20;
/// Bytes that each member gives.
const MEMBER: u64 = 4 << 20;

/// A folder with disks, all full of something; removed at the end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(test: &str, disks: usize) -> Self {
        let name = format!("serve-{test}-{}", std::process::id());
        let folder = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
        fs::create_dir_all(&folder.0).unwrap();
        let mut random = fastrand::Rng::with_seed(3);
        let bytes: Vec<u8> = (0..MEMBER).map(|_| random.u8(..)).collect();
        for disk in 0..disks {
            fs::write(folder.disk(disk), &bytes[disk..]).unwrap();
            set_size(folder.disk(disk), DISK);
        }
        folder
    }

    pub(crate) fn disk(&self, number: usize) -> PathBuf {
        self.0.join(format!("d{number}"))
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn create(&self, options: &[&str], members: usize) -> Output {
        let mut command = program(&["create", "--overwrite", "--size", "4M"]);
        command.args(options).args((0..members).map(|disk| self.disk(disk)));
        command.output().unwrap()
    }

    /// Grows the disks to this many MiB each, and creates an array of the first ones, as large as they allow.
    pub(crate) fn create_large(&self, options: &[&str], members: usize, disks: usize, mib: u64) {
        (0..disks).for_each(|disk| set_size(self.disk(disk), mib << 20));
        let mut command = program(&["create", "--overwrite"]);
        command.args(options).args((0..members).map(|disk| self.disk(disk)));
        let made = command.output().unwrap();
        assert!(made.status.success(), "{}", errors(&made));
    }

    /// Serves the array on these disks; it is there when this returns.
    pub(crate) fn serve(&self, disks: &[usize]) -> Served<'_> {
        self.serve_with(&["--array", "array"], disks)
    }

    /// The same, with these options.
    pub(crate) fn serve_with(&self, options: &[&str], disks: &[usize]) -> Served<'_> {
        self.serve_logged(options, disks, Stdio::null())
    }

    /// The same, and what it prints goes here.
    pub(crate) fn serve_logged(
        &self,
        options: &[&str],
        disks: &[usize],
        printed: Stdio,
    ) -> Served<'_> {
        match self.try_serve(options, disks, printed, &[]) {
            Ok(served) => served,
            Err(ended) => panic!("{ended}: {}", self.errors()),
        }
    }

    /// The same with these variables in the server's environment; how it ended if it did so before it served.
    pub(crate) fn try_serve(
        &self,
        options: &[&str],
        disks: &[usize],
        printed: Stdio,
        environment: &[(&str, &str)],
    ) -> Result<Served<'_>, ExitStatus> {
        let mut command = program(&["serve"]);
        command.args(options).envs(environment.iter().copied());
        command.args(["--socket", &self.path("socket"), "--control", &self.path("control")]);
        command.args(disks.iter().map(|disk| self.disk(*disk)));
        let errors = fs::File::create(self.path("errors")).unwrap();
        let mut child = command.stdout(printed).stderr(errors).spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            // What nobody answers ends with 4.
            if self.ask(&["status"]).status.code().is_some_and(|code| code < 4) {
                return Ok(Served { folder: self, child });
            }
            if let Some(ended) = child.try_wait().unwrap() {
                return Err(ended);
            }
            assert!(Instant::now() < until, "{}", self.errors());
            std::thread::yield_now();
        }
    }

    pub(crate) fn errors(&self) -> String {
        fs::read_to_string(self.path("errors")).unwrap_or_default()
    }

    pub(crate) fn ask(&self, words: &[&str]) -> Output {
        let (command, rest) = words.split_first().unwrap();
        program(&[command, "--control", &self.path("control")]).args(rest).output().unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        self.try_client().unwrap()
    }

    /// Where the server may be gone.
    pub(crate) fn try_client(&self) -> io::Result<Client> {
        Client::connect(&Address::Unix(self.0.join("socket")), "array")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server at work; killed where a test ends without stopping it.
pub(crate) struct Served<'f> {
    folder: &'f Folder,
    child: Child,
}

impl Served<'_> {
    pub(crate) fn status(&self) -> Value {
        let output = self.folder.ask(&["status", "--json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    /// Waits until the first set is like this.
    pub(crate) fn until(&self, what: &str, is: impl Fn(&Value) -> bool) {
        self.until_sets(what, |sets| is(&sets[0]));
    }

    /// Waits until every set is like this.
    pub(crate) fn until_all(&self, what: &str, is: impl Fn(&Value) -> bool) {
        self.until_sets(what, |sets| sets.as_array().is_some_and(|sets| sets.iter().all(&is)));
    }

    fn until_sets(&self, what: &str, are: impl Fn(&Value) -> bool) {
        let until = Instant::now() + Duration::from_secs(120);
        loop {
            let status = self.status();
            if are(&status["sets"]) {
                return;
            }
            assert!(Instant::now() < until, "{what}: {status:#} {}", self.folder.errors());
            std::thread::yield_now();
        }
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Killed, and on its way out when this returns; it is waited for when the other end is dropped.
    pub(crate) fn kill_and_leave(mut self) -> Self {
        self.child.kill().unwrap();
        self
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops it cleanly.
    pub(crate) fn stop(mut self) {
        let asked = self.folder.ask(&["stop"]);
        assert!(asked.status.success(), "{asked:?}");
        let ended = self.child.wait().unwrap();
        assert!(ended.success(), "{}", self.folder.errors());
        assert!(!self.folder.0.join("socket").exists() && !self.folder.0.join("control").exists());
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        // It has ended as a rule.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server beside the one of the folder; killed where a test ends without stopping it.
pub(crate) struct Program {
    child: Child,
    control: String,
    errors: String,
}

impl Program {
    /// Serves these disks on sockets that begin with `name`; it answers when this returns.
    pub(crate) fn serving(folder: &Folder, name: &str, words: &[&str], disks: &[usize]) -> Self {
        let (control, socket) = (folder.path(name), folder.path(&format!("{name}-socket")));
        let errors = folder.path(&format!("{name}-errors"));
        let log = fs::File::create(&errors).unwrap();
        let mut command = program(&["serve", "--control", &control, "--socket", &socket]);
        command.args(words).args(disks.iter().map(|disk| folder.disk(*disk)));
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let served = Self { child, control, errors };
        let answer = program(&["status", "--wait", "--control", &served.control]).output().unwrap();
        assert!(answer.status.code().is_some_and(|code| code < 2), "{}", served.errors());
        served
    }

    pub(crate) fn errors(&self) -> String {
        fs::read_to_string(&self.errors).unwrap_or_default()
    }

    pub(crate) fn stop(mut self) {
        let asked = program(&["stop", "--control", &self.control]).output().unwrap();
        assert!(asked.status.success(), "{asked:?}");
        assert!(self.child.wait().unwrap().success(), "{}", self.errors());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended as a rule.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn printed(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

/// Cuts a file short or lets it grow.
pub(crate) fn set_size(path: impl AsRef<Path>, bytes: u64) {
    fs::File::options().write(true).open(path).and_then(|file| file.set_len(bytes)).unwrap();
}

pub(crate) fn program(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raid-ublk"));
    command.args(words);
    command
}

pub(crate) fn errors(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}
