// SPDX-License-Identifier: MIT OR Apache-2.0
//! Operators at random: whatever is asked in whatever order, with disks that go and come back, copies of members, kills and
//! two servers at once, an array that starts gives the bytes that were written, and a refusal changes no byte.
//!
//! A seed is a story. `RAID_UBLK_STORIES=N` tells N of them, from `RAID_UBLK_FIRST` on; without it a few are told.

use crate::served::{errors, program};
use raid_array::nbd::{Address, Client};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PIECE: usize = 4096;
const DISK: u64 = 35 << 20;
const STORIES: u64 = 2;
const STEPS: usize = 24;

/// What each piece may hold: one stamp, or more where a write was cut short.
struct Model(Vec<Vec<u32>>);

impl Model {
    fn compare(&mut self, client: &mut Client, what: &str) -> Result<(), String> {
        let mut bytes = vec![0; self.0.len() * PIECE];
        client.read_at(0, &mut bytes).map_err(|error| format!("{what}: {error}"))?;
        for (number, (piece, may)) in bytes.chunks(PIECE).zip(&mut self.0).enumerate() {
            let stamps: BTreeSet<u32> = (piece.chunks(4))
                .map(|stamp| u32::from_le_bytes(stamp.try_into().unwrap()))
                .collect();
            let found: Vec<u32> = stamps.into_iter().collect();
            match found.as_slice() {
                // From here on it holds that.
                [one] if may.contains(one) => *may = vec![*one],
                found => {
                    return Err(format!("{what}: piece {number} holds {found:?}, not {may:?}"));
                }
            }
        }
        Ok(())
    }
}

/// An array, its disks and its server, if it is served.
struct Story {
    random: fastrand::Rng,
    folder: PathBuf,
    level: &'static str,
    /// Losses that every set survives, and members of a set.
    survives: usize,
    members: usize,
    sets: usize,
    /// Every disk there is.
    disks: Vec<PathBuf>,
    /// Those that hold all data, by set, as `status` said last; and all that have been of the array.
    sound: Vec<BTreeSet<PathBuf>>,
    known: BTreeSet<PathBuf>,
    model: Model,
    stamp: u32,
    server: Option<Child>,
    told: Vec<String>,
}

impl Drop for Story {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

type Told = Result<(), String>;

impl Story {
    fn new(seed: u64) -> Result<Self, String> {
        let mut random = fastrand::Rng::with_seed(seed);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = folder.join(format!("attack-{seed}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (level, format, members, sets, survives) = [
            ("raid1", "ddf", 2, 1, 1),
            ("raid1", "asr", 2, 1, 1),
            ("raid1", "ddf", 3, 1, 2),
            ("raid10", "ddf", 2, 2, 1),
            ("raid5", "ddf", 3, 1, 1),
            ("raid5", "ddf", 4, 1, 1),
            ("raid6", "ddf", 4, 1, 2),
        ][random.usize(..7)];
        let count = members * sets;
        let spares = random.usize(..2);
        let disks: Vec<PathBuf> =
            (0..count + spares + 1).map(|disk| folder.join(format!("d{disk}"))).collect();
        for disk in &disks {
            File::create(disk).and_then(|file| file.set_len(DISK)).unwrap();
        }
        let mut command = program(&["create", "--size", "1M", "--level", level]);
        command.args(["--metadata", format, "--chunk", "16K"]).args(&disks[..count]);
        let mut told = vec![format!("{level} of {members} x {sets}, {format}, {spares} spares")];
        for spare in &disks[count..count + spares] {
            command.arg("--spare").arg(spare);
        }
        if random.bool() {
            command.arg("--assume-clean");
            told.push(String::from("zeros agree"));
        }
        let made = command.output().unwrap();
        if !made.status.success() {
            return Err(errors(&made).into());
        }
        let sound = (0..sets).map(|_| disks[..count].iter().cloned().collect()).collect();
        let known = disks[..count + spares].iter().cloned().collect();
        let data = match level {
            "raid1" => 1,
            "raid10" => sets,
            "raid5" => members - 1,
            _ => members - 2,
        };
        let model = Model(vec![vec![0]; data << 20 >> 12]);
        Ok(Self {
            random,
            folder,
            level,
            survives,
            members,
            sets,
            disks,
            sound,
            known,
            model,
            stamp: 0,
            server: None,
            told,
        })
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    fn tell(&mut self, what: String) {
        self.told.push(what);
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("errors")).unwrap_or_default()
    }

    /// Asks the server; how it ended is one of the exit codes.
    fn ask(&mut self, words: &[&str]) -> Result<Output, String> {
        let control = self.path("control");
        let asked = program(&[words[0], "--control", &control]).args(&words[1..]).output().unwrap();
        self.tell(format!("{words:?}: {:?} {}", asked.status.code(), errors(&asked).trim()));
        match asked.status.code() {
            Some(0..=2) => Ok(asked),
            _ => Err(format!("{words:?}: {asked:?}")),
        }
    }

    fn status(&mut self) -> Result<Value, String> {
        let control = self.path("control");
        let asked = program(&["status", "--json", "--control", &control]).output().unwrap();
        let status: Value =
            serde_json::from_slice(&asked.stdout).map_err(|_| format!("status: {asked:?}"))?;
        if status["read_only"] == false {
            for (set, of) in status["sets"].as_array().unwrap().iter().enumerate() {
                if of["state"] == "failed" {
                    continue;
                }
                let members = of["members"].as_array().unwrap().iter();
                let sound = members.filter(|member| member["state"] == "in_sync");
                let sound = sound.filter_map(|member| member["path"].as_str()).map(PathBuf::from);
                self.sound[set] = sound.collect();
            }
            for disk in self.disks.clone() {
                let of = |list: &str| {
                    status[list].as_array().is_some_and(|list| {
                        list.iter().any(|other| other["path"] == disk.to_str().unwrap())
                    })
                };
                if of("spares") {
                    self.known.insert(disk);
                }
            }
        }
        Ok(status)
    }

    fn is_failed(&mut self) -> Result<bool, String> {
        let status = self.status()?;
        Ok(status["sets"].as_array().unwrap().iter().any(|set| set["state"] == "failed"))
    }

    fn until(&mut self, what: &str, is: impl Fn(&Value) -> bool) -> Told {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let status = self.status()?;
            if status["sets"].as_array().unwrap().iter().all(&is) {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(format!("{what}: {status:#}"));
            }
            std::thread::yield_now();
        }
    }

    fn client(&self) -> Result<Client, String> {
        let address = Address::Unix(self.folder.join("socket"));
        Client::connect(&address, "array").map_err(|error| format!("client: {error}"))
    }

    fn serve_command(&self, options: &[&str], disks: &[PathBuf]) -> Command {
        let mut command = program(&["serve", "--array", "array", "--import"]);
        command.args(["--socket", &self.path("socket"), "--control", &self.path("control")]);
        command.args(options).args(disks);
        command
    }

    /// Begins to serve; `Some(how it ended)` if it was refused.
    fn serve(&mut self, options: &[&str], disks: &[PathBuf]) -> Result<Option<i32>, String> {
        let errors = File::create(self.folder.join("errors")).unwrap();
        let mut command = self.serve_command(options, disks);
        let mut child = command.stdout(Stdio::null()).stderr(errors).spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        let control = self.path("control");
        let names: Vec<_> = disks.iter().map(|disk| disk.file_name().unwrap()).collect();
        self.told.push(format!("serve {options:?} {names:?}"));
        loop {
            let asked = program(&["status", "--control", &control]).output().unwrap();
            if asked.status.code().is_some_and(|code| code < 4) {
                self.server = Some(child);
                return Ok(None);
            }
            if let Some(ended) = child.try_wait().unwrap() {
                self.told.push(format!("refused: {ended}: {}", self.log().trim()));
                return match ended.code() {
                    Some(code) => Ok(Some(code)),
                    None => Err(format!("the start ended by signal {:?}", ended.signal())),
                };
            }
            if Instant::now() >= until {
                return Err(String::from("the start takes for ever"));
            }
            std::thread::yield_now();
        }
    }

    fn compare(&mut self, what: &str) -> Told {
        let mut client = self.client()?;
        if client.size() != (self.model.0.len() * PIECE) as u64 {
            return Err(format!("{what}: the array has {} bytes", client.size()));
        }
        let compared = self.model.compare(&mut client, what);
        if compared.is_err() && self.is_failed()? {
            return Ok(());
        }
        compared
    }

    fn write(&mut self, flush: bool) -> Told {
        let mut client = self.client()?;
        for _ in 0..self.random.usize(1..12) {
            self.stamp += 1;
            let (piece, stamp) = (self.random.usize(..self.model.0.len()), self.stamp);
            let many = self.random.usize(1..5).min(self.model.0.len() - piece);
            let bytes = stamp.to_le_bytes().repeat(many * PIECE / 4);
            match client.write_at((piece * PIECE) as u64, &bytes, self.random.u8(..8) == 0) {
                Ok(()) => self.model.0[piece..piece + many].fill(vec![stamp]),
                Err(error) => {
                    self.model.0[piece..piece + many].iter_mut().for_each(|may| may.push(stamp));
                    let failed = self.is_failed()?;
                    return if failed { Ok(()) } else { Err(format!("a write: {error}")) };
                }
            }
        }
        let flushed = if flush { client.flush() } else { Ok(()) };
        match flushed {
            Err(error) if !self.is_failed()? => Err(format!("a flush: {error}")),
            _ => Ok(()),
        }
    }

    /// Kills the server, perhaps while it writes.
    fn kill(&mut self, while_writing: bool) -> Told {
        self.tell(format!("kill -9, writing: {while_writing}"));
        // So that it is known who is sound.
        self.status()?;
        let client = if while_writing { Some(self.client()?) } else { None };
        let mut server = self.server.take().unwrap();
        if let Some(mut client) = client {
            let (mut random, pieces) = (self.random.fork(), self.model.0.len());
            let mut stamp = self.stamp;
            let delay = random.u64(..20);
            let writer = std::thread::spawn(move || {
                let mut tried = Vec::new();
                loop {
                    stamp += 1;
                    let piece = random.usize(..pieces);
                    let bytes = stamp.to_le_bytes().repeat(PIECE / 4);
                    let done = client.write_at((piece * PIECE) as u64, &bytes, false).is_ok();
                    tried.push((piece, stamp, done));
                    if !done {
                        return tried;
                    }
                }
            });
            let until = Instant::now() + Duration::from_millis(delay);
            while Instant::now() < until {
                std::thread::yield_now();
            }
            server.kill().unwrap();
            for (piece, stamp, done) in writer.join().unwrap() {
                self.stamp = self.stamp.max(stamp);
                match done {
                    true => self.model.0[piece] = vec![stamp],
                    false => self.model.0[piece].push(stamp),
                }
            }
        } else {
            server.kill().unwrap();
        }
        // The next one may come before it is quite gone.
        if self.random.bool() {
            server.wait().unwrap();
        } else {
            std::thread::spawn(move || server.wait());
        }
        Ok(())
    }

    fn stop(&mut self) -> Told {
        self.status()?;
        let stopped = self.ask(&["stop"])?;
        let ended = self.server.take().unwrap().wait().unwrap();
        match ended.success() && stopped.status.success() {
            true => Ok(()),
            false => Err(format!("stop: {ended}: {}", self.log())),
        }
    }

    fn states(&self, disks: &[PathBuf]) -> Vec<Vec<u8>> {
        disks.iter().map(|disk| fs::read(disk).unwrap()).collect()
    }

    /// One thing that an operator does while the array is served.
    fn step_served(&mut self) -> Told {
        let slot = self.random.usize(..self.members).to_string();
        let set = self.random.usize(..self.sets).to_string();
        let disk = self.random.choice(&self.disks).unwrap().to_str().unwrap().to_owned();
        match self.random.u8(..26) {
            0..5 => self.write(false)?,
            5..8 => self.write(true)?,
            8 | 9 => {
                // What parity gives of rows that were under way at a kill is known to be right only after the resync.
                if self.level.starts_with("raid5") || self.level.starts_with("raid6") {
                    self.until("in step", |set| {
                        set["operation"].is_null() || set["state"] != "optimal"
                    })?;
                }
                drop(self.ask(&["fail", "--slot", &slot, "--set", &set])?);
            }
            10 | 11 => drop(self.ask(&["return", "--slot", &slot, "--set", &set])?),
            12 => drop(self.ask(&["spare", "add", &disk])?),
            13 => drop(self.ask(&["spare", "add", &disk, "--overwrite"])?),
            14 => drop(self.ask(&["spare", "release", &disk])?),
            15 => drop(self.ask(&["scrub", "start", "--set", &set])?),
            16 => drop(self.ask(&["scrub", "abort", "--set", &set])?),
            17 | 18 => {
                self.tell(String::from("wait"));
                self.until("idle", |set| set["operation"].is_null() || set["state"] == "failed")?;
            }
            19 => {
                // Another one, and a reader, beside it.
                let (control, socket) = (self.path("second"), self.path("second-socket"));
                let mut second = program(&["serve", "--import", "--array", "array"]);
                second.args(["--control", &control, "--socket", &socket]).args(&self.disks);
                second.args(self.random.bool().then_some("--readonly"));
                let second = second.output().unwrap();
                self.tell(format!("a second server: {}", errors(&second).trim()));
                if second.status.code() != Some(2) {
                    return Err(format!("a second server: {second:?}"));
                }
            }
            20 => {
                let wrong = [
                    &["fail", "--slot", "200"][..],
                    &["return", "--slot", "0", "--set", "99"],
                    &["scrub", "start", "--set", "7"],
                    &["spare", "release", "/dev/null"],
                    &["stop", "--keep-device"],
                ][self.random.usize(..5)];
                let asked = self.ask(wrong)?;
                if asked.status.code() != Some(2) {
                    return Err(format!("{wrong:?}: {asked:?}"));
                }
            }
            21 | 22 => return self.stop(),
            23 => return self.kill(false),
            _ => return self.kill(true),
        }
        let server = self.server.as_mut().unwrap();
        if let Some(ended) = server.try_wait().unwrap() {
            self.server = None;
            return Err(format!("the server ended by itself: {ended}"));
        }
        self.compare("while it is served")
    }

    /// One thing that an operator does while it is not.
    fn step_stopped(&mut self) -> Told {
        let all: Vec<PathBuf> = self.known.iter().cloned().collect();
        let before = self.states(&self.disks.clone());
        match self.random.u8(..12) {
            // Short of any disks, but for one sound one of each set.
            0..4 => {
                let mut given: BTreeSet<PathBuf> =
                    self.disks.iter().filter(|_| self.random.u8(..4) > 0).cloned().collect();
                for sound in self.sound.clone() {
                    let sound: Vec<PathBuf> = sound.into_iter().collect();
                    given.extend(self.random.choice(&sound).cloned());
                }
                let mut given: Vec<PathBuf> = given.into_iter().collect();
                self.random.shuffle(&mut given);
                match self.serve(&[], &given)? {
                    None => self.compare("short of disks")?,
                    Some(2 | 16) => self.unchanged(&before, "short of disks")?,
                    Some(code) => return Err(format!("refused with {code}")),
                }
            }
            4 => {
                self.serve(&["--readonly"], &all)?;
                if self.server.is_some() {
                    self.compare("read only")?;
                    self.ask(&["fail", "--slot", "0"])?;
                    self.stop()?;
                }
                self.unchanged(&before, "read only")?;
            }
            5 => {
                let copy = self.folder.join("copy");
                let of = self.random.choice(&all).unwrap().clone();
                fs::copy(&of, &copy).unwrap();
                let mut given = all;
                given.insert(self.random.usize(..given.len()), copy.clone());
                // Of a disk that has no part any more a copy is no harm.
                let refused = self.serve(&[], &given)?;
                if refused.is_none() {
                    self.compare("beside a copy")?;
                    self.stop()?;
                } else {
                    self.unchanged(&before, "beside a copy")?;
                }
                fs::remove_file(copy).unwrap();
            }
            6 => {
                let nowhere = self.path("no/where");
                let mut command = program(&["serve", "--import", "--array", "array"]);
                command.args(["--control", &nowhere, "--port", "0"]).args(&all[1..]);
                let refused = command.output().unwrap();
                self.tell(format!("nowhere: {}", errors(&refused).trim()));
                if refused.status.code().is_none_or(|code| ![2, 4, 16].contains(&code)) {
                    return Err(format!("nowhere: {refused:?}"));
                }
                self.unchanged(&before, "nowhere")?;
            }
            7 => {
                let refused = program(&["create", "--level", "raid1"]).args(&all).output().unwrap();
                self.tell(format!("create: {}", errors(&refused).trim()));
                if refused.status.code() != Some(2) {
                    return Err(format!("create over the array: {refused:?}"));
                }
                self.unchanged(&before, "create")?;
            }
            _ => self.serve_all()?,
        }
        Ok(())
    }

    /// With all disks it starts, whatever happened.
    fn serve_all(&mut self) -> Told {
        let mut all: Vec<PathBuf> = self.disks.clone();
        self.random.shuffle(&mut all);
        match self.serve(&[], &all)? {
            None => self.compare("with all disks"),
            Some(code) => Err(format!("refused with {code} though all disks are there")),
        }
    }

    fn unchanged(&self, before: &[Vec<u8>], what: &str) -> Told {
        let now = self.states(&self.disks);
        let changed: Vec<&PathBuf> = (self.disks.iter().zip(before).zip(&now))
            .filter(|((_, a), b)| a != b)
            .map(|((disk, _), _)| disk)
            .collect();
        match changed.as_slice() {
            [] => Ok(()),
            changed => Err(format!("{what}: changed are {changed:?}")),
        }
    }

    fn tell_all(&mut self) -> Told {
        for _ in 0..STEPS {
            match self.server {
                Some(_) => self.step_served()?,
                None => self.step_stopped()?,
            }
            let log = self.log();
            let strange = ["panicked", "defect", "Some(", "Slot(", "{ "];
            if let Some(word) = strange.iter().find(|word| log.contains(**word)) {
                return Err(format!("{word} in the log: {log}"));
            }
        }
        if self.server.is_none() {
            self.serve_all()?;
        }
        self.until("in the end", |set| set["operation"].is_null() || set["state"] == "failed")?;
        self.compare("in the end")?;
        if self.ask(&["scrub", "start"])?.status.success() {
            self.until("scrubbed", |set| set["operation"].is_null() || set["state"] == "failed")?;
            let status = self.status()?;
            if status["sets"][0]["mismatches"] != 0 {
                return Err(format!("rows differ: {status:#}"));
            }
        }
        self.stop()
    }
}

#[test]
fn whatever_operators_ask_an_array_that_starts_has_the_bytes_that_were_written() {
    let number = |name: &str, without: u64| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(without)
    };
    let (first, count) = (number("RAID_UBLK_FIRST", 1), number("RAID_UBLK_STORIES", STORIES));
    let mut wrong = Vec::new();
    for seed in first..first + count {
        let mut story = Story::new(seed).unwrap();
        if let Err(why) = story.tell_all() {
            let (log, told) = (story.log(), story.told.join("\n  "));
            let (level, survives) = (story.level, story.survives);
            println!("story {seed}, {level}, survives {survives}: {why}\n  {told}\nlog:\n{log}\n");
            wrong.push(seed);
        }
    }
    assert!(wrong.is_empty(), "of {count} stories from {first} on these went wrong: {wrong:?}");
}
