// SPDX-License-Identifier: MIT OR Apache-2.0
//! An array that `raid-ublk serve` makes a block device of.

use crate::Result;
use crate::guest::{self, Word};
use serde_json::Value;
use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

/// Where the server takes commands.
const CONTROL: &str = "/run/raid-ublk.ctl";

/// What each member has for data: all of it is written, read and compared several times, in an emulated machine.
const SIZE: &str = "8M";

/// A server at work.
#[derive(Debug)]
pub struct Served {
    child: Child,
    /// The block device.
    pub device: PathBuf,
    control: String,
}

/// The program, as it was built for the scenario.
#[must_use]
pub fn program() -> PathBuf {
    Path::new(&env::var_os("TARGET").unwrap_or_default()).join("release/raid-ublk")
}

/// The same with debug assertions, which has the fault points.
#[must_use]
pub fn test_build() -> PathBuf {
    Path::new(&env::var_os("TARGET").unwrap_or_default()).join("debug/raid-ublk")
}

/// Makes an array of the first `members` disks, with the others as spares.
///
/// # Errors
/// What it says.
pub fn create(options: &[&str], disks: &[PathBuf], members: usize) -> Result<()> {
    let program = program();
    let mut words: Vec<Word<'_>> = vec![&program, &"create", &"--overwrite", &"--size", &SIZE];
    words.extend(options.iter().map(|word| word as Word<'_>));
    for spare in &disks[members..] {
        words.extend([&"--spare" as Word<'_>, spare]);
    }
    words.extend(disks[..members].iter().map(|disk| disk as Word<'_>));
    guest::run(&words).map(drop)
}

impl Served {
    /// Serves the array on these disks; its device is there when this returns.
    ///
    /// # Errors
    /// The server ends.
    pub fn start(disks: &[PathBuf], options: &[&str]) -> Result<Self> {
        let mut command = Command::new(program());
        command.args(["serve", "--ublk", "--control", CONTROL]).args(options).args(disks);
        Self::launch(command, CONTROL)
    }

    /// Takes over the device of a server that was killed.
    ///
    /// # Errors
    /// The server ends.
    pub fn recover(disks: &[PathBuf]) -> Result<Self> {
        let mut command = Command::new(program());
        command.args(["recover", "--control", CONTROL]).args(disks);
        Self::launch(command, CONTROL)
    }

    /// A server of a test build, which is killed in place of the N-th write of metadata.
    ///
    /// # Errors
    /// The server ends.
    pub fn start_to_be_killed(disks: &[PathBuf], write: u32) -> Result<Self> {
        let mut command = Command::new(test_build());
        command.env("RAID_ARRAY_KILL_AT_COMMIT_WRITE", write.to_string());
        command.args(["serve", "--ublk", "--control", CONTROL]).args(disks);
        Self::launch(command, CONTROL)
    }

    /// Runs this command, which serves an array and takes commands there.
    ///
    /// # Errors
    /// The server ends.
    pub fn launch(mut command: Command, control: &str) -> Result<Self> {
        println!("{:5.1} s $ {command:?}", guest::running().as_secs_f64());
        let mut child = command.spawn().map_err(|error| format!("raid-ublk: {error}"))?;
        let first = guest::wait("the array to be served", || {
            if let Ok(Some(ended)) = child.try_wait() {
                return Some(Err(format!("the server ended: {ended}")));
            }
            asked(control).ok().map(Ok)
        })??;
        let device = first["device"].as_str().ok_or_else(|| format!("no device in {first}"))?;
        Ok(Self { child, device: device.into(), control: control.to_owned() })
    }

    /// Waits until it has been killed, by itself.
    ///
    /// # Errors
    /// It goes on, for minutes.
    pub fn dies(mut self) -> Result<()> {
        let ended = guest::wait("the kill", || self.child.try_wait().ok().flatten())?;
        match ended.code() {
            None => Ok(()),
            Some(_) => Err(format!("the server was not killed: {ended}")),
        }
    }

    /// Starts a server and kills it, wherever it is then.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start_and_kill(disks: &[PathBuf], after: Duration) -> Result<()> {
        println!("$ raid-ublk serve --ublk, killed after {after:?}");
        let mut command = Command::new(program());
        command.args(["serve", "--ublk", "--control", CONTROL]).args(disks);
        let mut child = command.spawn().map_err(|error| format!("raid-ublk: {error}"))?;
        thread::sleep(after);
        let killed = child.kill().and_then(|()| child.wait());
        killed.map(drop).map_err(|error| format!("kill: {error}"))
    }

    /// Asks the server.
    ///
    /// # Errors
    /// What it refuses.
    pub fn ask(&self, words: &[&str]) -> Result<String> {
        ask(&self.control, words)
    }

    /// Waits until `status` says all this.
    ///
    /// # Errors
    /// It does not, for minutes.
    pub fn until(&self, what: &[&str]) -> Result<()> {
        let mut last = String::new();
        let said = guest::wait(&what.join(", "), || {
            last = status(&self.control).unwrap_or_default();
            what.iter().all(|part| last.contains(part)).then_some(())
        });
        said.map_err(|why| format!("{why}; it says {last}"))
    }

    /// Waits until nothing is under way in the background, and the only set is whole. Whether it is recorded as clean
    /// yet is another matter: that takes seconds without a write.
    ///
    /// # Errors
    /// It does not come to rest, for minutes.
    pub fn rests(&self) -> Result<()> {
        let mut last = Value::Null;
        let rests = guest::wait("rest", || {
            last = self.status().unwrap_or_default();
            let sets = last["sets"].as_array().filter(|sets| !sets.is_empty())?;
            let rests = |set: &Value| set["state"] == "optimal" && set["operation"].is_null();
            sets.iter().all(rests).then_some(())
        });
        rests.map_err(|why| format!("{why}; it says {last}"))
    }

    /// What it says of itself: raid-status/1.
    ///
    /// # Errors
    /// It does not answer.
    pub fn status(&self) -> Result<Value> {
        asked(&self.control)
    }

    /// Sets, slots and states of all members.
    ///
    /// # Errors
    /// It does not answer.
    pub fn members(&self) -> Result<Vec<(u64, u64, String)>> {
        let status = self.status()?;
        let sets = status["sets"].as_array().into_iter().flatten();
        let of_set = |set: &Value| {
            let number = set["set"].as_u64()?;
            let member = |member: &Value| {
                Some((number, member["slot"].as_u64()?, member["state"].as_str()?.to_owned()))
            };
            set["members"].as_array()?.iter().map(member).collect::<Option<Vec<_>>>()
        };
        let members = sets.map(of_set).collect::<Option<Vec<_>>>();
        members.map(|all| all.concat()).ok_or_else(|| format!("no members in {status}"))
    }

    /// The process of the server.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Lets go of the device for the next server, which is started by [`recover`](Self::recover).
    ///
    /// # Errors
    /// It does not, or not cleanly, or the device is gone.
    pub fn hand_over(mut self) -> Result<()> {
        self.ask(&["stop", "--keep-device"])?;
        let ended = guest::wait("the server to end", || self.child.try_wait().ok().flatten())?;
        match (ended.success(), self.device.exists()) {
            (true, true) => Ok(()),
            (true, false) => Err(format!("{} is gone", self.device.display())),
            (false, _) => Err(format!("the server ended: {ended}")),
        }
    }

    /// Kills the server with no warning.
    ///
    /// # Errors
    /// It has ended already.
    pub fn kill(mut self) -> Result<()> {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        killed.map(drop).map_err(|error| format!("kill: {error}"))
    }

    /// Stops it cleanly; the device is gone.
    ///
    /// # Errors
    /// It does not, or not cleanly.
    pub fn stop(self) -> Result<()> {
        self.stop_as(&["stop"])
    }

    /// The same though somebody uses it.
    ///
    /// # Errors
    /// It does not, or not cleanly.
    pub fn stop_by_force(self) -> Result<()> {
        self.stop_as(&["stop", "--force"])
    }

    fn stop_as(mut self, words: &[&str]) -> Result<()> {
        self.ask(words)?;
        let ended = guest::wait("the server to end", || self.child.try_wait().ok().flatten())?;
        match (ended.success(), self.device.exists()) {
            (true, false) => Ok(()),
            (true, true) => Err(format!("{} is still there", self.device.display())),
            (false, _) => Err(format!("the server ended: {ended}")),
        }
    }

    /// Every thread of the server may be what memory waits for, and waits for none itself.
    ///
    /// # Errors
    /// Which one is not so.
    pub fn never_waits_for_itself(&self) -> Result<()> {
        /// PF_MEMALLOC_NOIO, the ninth number.
        const NO_IO: u64 = 0x0008_0000;
        let tasks = Path::new("/proc").join(self.child.id().to_string()).join("task");
        let tasks =
            fs::read_dir(&tasks).map_err(|error| format!("{}: {error}", tasks.display()))?;
        for task in tasks.filter_map(std::result::Result::ok) {
            let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            // The second is a name in brackets, which may hold anything.
            let numbers = stat.rsplit_once(") ").map(|(_, numbers)| numbers).unwrap_or_default();
            let flags = numbers.split(' ').nth(6).and_then(|word| word.parse::<u64>().ok());
            if flags.is_some_and(|flags| flags & NO_IO == 0) {
                return Err(format!("a thread may wait for its own writes: {stat}"));
            }
        }
        Ok(())
    }

    /// A number of the device's queue, by its name in sysfs.
    ///
    /// # Errors
    /// There is none.
    pub fn limit(&self, name: &str) -> Result<String> {
        let device = self.device.file_name().unwrap_or_default();
        let path = Path::new("/sys/block").join(device).join("queue").join(name);
        let read = fs::read_to_string(&path);
        read.map(|text| text.trim().into()).map_err(|error| format!("{}: {error}", path.display()))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It has ended as a rule.
        let _ = self.child.kill();
    }
}

/// Asks a server how it is: not by the program, whose start takes longer in the guest than most waits last.
fn asked(control: &str) -> Result<Value> {
    let failed = |error: io::Error| format!("{control}: {error}");
    let mut stream = UnixStream::connect(control).map_err(failed)?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).map_err(failed)?;
    stream.write_all(b"{\"do\": \"status\"}\n").map_err(failed)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).map_err(failed)?;
    let mut answer: Value =
        serde_json::from_str(&line).map_err(|error| format!("{control}: {error}: {line:?}"))?;
    match answer["ok"].take() {
        Value::Null => Err(format!("{control}: {line}")),
        status => Ok(status),
    }
}

/// What the program says of it.
fn status(control: &str) -> Result<String> {
    let output = Command::new(program()).args(["status", "--control", control]).output();
    let output = output.map_err(|error| format!("raid-ublk: {error}"))?;
    match output.status.code() {
        // How the array is; what nobody answers ends with 4.
        Some(0..=2) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        _ => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn ask(control: &str, words: &[&str]) -> Result<String> {
    let (command, rest) = words.split_first().ok_or("nothing is asked")?;
    let program = program();
    let mut line: Vec<Word<'_>> = vec![&program, command, &"--control", &control];
    line.extend(rest.iter().map(|word| word as Word<'_>));
    guest::run(&line)
}
