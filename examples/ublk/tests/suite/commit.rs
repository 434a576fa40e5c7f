// SPDX-License-Identifier: MIT OR Apache-2.0
//! The server is killed inside a metadata commit, at one write of it after the other: the next server has all that was
//! flushed, and every row agrees.
//!
//! The fault point that kills it is in builds with debug assertions only. `RAID_ARRAY_COMMIT_KILLS=all` takes every
//! write of the life; without it the steps grow, as the commits after a loss are the ones that count.

use crate::served::{Folder, Served, errors};
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

const PIECE: usize = 4096;
const FAULT_POINT: &str = "RAID_ARRAY_KILL_AT_COMMIT_WRITE";

/// What the array holds for certain, and places that hold the old or the new.
#[derive(Default)]
struct Known {
    flushed: BTreeMap<u64, u8>,
    in_flight: BTreeMap<u64, u8>,
}

impl Known {
    /// Writes and flushes; `None` if the server went.
    fn write(&mut self, folder: &Folder, from: u64) -> Option<()> {
        let mut client = folder.try_client().ok()?;
        for piece in from..from + 24 {
            let (at, value) = (piece * 3 % 256 * PIECE as u64, piece as u8 | 1);
            self.in_flight.insert(at, value);
            client.write_at(at, &[value; PIECE], false).ok()?;
        }
        client.flush().ok()?;
        self.flushed.append(&mut self.in_flight);
        Some(())
    }

    fn compare(&self, folder: &Folder, what: &str) {
        let mut client = folder.client();
        let mut bytes = vec![0; PIECE];
        for (at, value) in &self.flushed {
            client.read_at(*at, &mut bytes).unwrap();
            let new = self.in_flight.get(at);
            let is_known = |byte: &u8| byte == value || Some(byte) == new;
            assert!(bytes.iter().all(is_known), "{what}: byte {at}");
        }
    }
}

/// Waits for the only set to be like this; `None` if the server goes before.
fn until(
    served: &mut Served<'_>,
    folder: &Folder,
    is: impl Fn(&serde_json::Value) -> bool,
) -> Option<()> {
    let until = Instant::now() + Duration::from_secs(120);
    while served.ended().is_none() {
        let output = folder.ask(&["status", "--json"]);
        let status: Option<serde_json::Value> = serde_json::from_slice(&output.stdout).ok();
        if status.is_some_and(|status| is(&status["sets"][0])) {
            return Some(());
        }
        assert!(Instant::now() < until, "{}", folder.errors());
        std::thread::yield_now();
    }
    None
}

/// Writes, loses a member, writes, is filled by a spare, writes, stops; `None` if the server goes on the way.
fn live(folder: &Folder, served: &mut Served<'_>, known: &mut Known) -> Option<()> {
    known.write(folder, 0)?;
    // Short of a member nobody knows what was never written.
    until(served, folder, |set| set["operation"].is_null())?;
    folder.ask(&["fail", "--slot", "1"]).status.success().then_some(())?;
    known.write(folder, 100)?;
    until(served, folder, |set| set["state"] == "optimal")?;
    known.write(folder, 200)?;
    folder.ask(&["stop"]).status.success().then_some(())
}

/// One life with the kill at this write. Whether it was killed.
fn killed_at(level: &str, format: &str, write: u64) -> bool {
    let what = format!("{format} {level}, write {write} of metadata");
    let members = if level == "raid1" { 2 } else { 3 };
    let folder = Folder::new(&format!("commit-{level}-{format}-{write}"), members + 1);
    let spare = folder.path(&format!("d{members}"));
    let options = ["--level", level, "--metadata", format, "--spare", &spare];
    let made = folder.create(&options, members);
    assert!(made.status.success(), "{}", errors(&made));
    let all: Vec<usize> = (0..=members).collect();
    let options = ["--array", "array", "--import"];
    let mut known = Known::default();
    let environment = [(FAULT_POINT, write.to_string())];
    let environment: Vec<_> = environment.iter().map(|(name, of)| (*name, of.as_str())).collect();
    let ended = match folder.try_serve(&options, &all, Stdio::null(), &environment) {
        Ok(mut served) => {
            let lived = live(&folder, &mut served, &mut known).is_some();
            let until = Instant::now() + Duration::from_secs(60);
            let ended = loop {
                if let Some(ended) = served.ended() {
                    break ended;
                }
                assert!(Instant::now() < until, "{what}: {}", folder.errors());
                std::thread::yield_now();
            };
            assert!(lived || !ended.success(), "{what}: {}", folder.errors());
            ended
        }
        Err(ended) => ended,
    };
    let killed = std::os::unix::process::ExitStatusExt::signal(&ended).is_some();
    assert!(killed || ended.success(), "{what}: {ended}: {}", folder.errors());
    let mut served = folder.serve_with(&options, &all);
    known.compare(&folder, &what);
    // Of a life that ended early the place may be empty yet, or filled.
    let comes =
        until(&mut served, &folder, |set| set["state"] == "optimal" && set["operation"].is_null());
    assert!(comes.is_some(), "{what}: {}", folder.errors());
    assert!(folder.ask(&["scrub", "start"]).status.success());
    served.until("scrubbed", |set| set["operation"].is_null());
    let scrub = served.status()["sets"][0]["scrub"].clone();
    assert_eq!((&scrub["complete"], &scrub["mismatches"]), (&true.into(), &0.into()), "{what}");
    known.compare(&folder, &what);
    served.stop();
    killed
}

#[test]
fn a_kill_inside_a_commit_loses_nothing_that_was_flushed() {
    if !cfg!(debug_assertions) {
        return println!("SKIPPED: the fault point is in builds with debug assertions only");
    }
    let all = std::env::var_os("RAID_ARRAY_COMMIT_KILLS").is_some();
    for (level, format) in [("raid5", "ddf"), ("raid1", "asr")] {
        let (mut write, mut kills) = (1, 0);
        while killed_at(level, format, write) {
            kills += 1;
            write += if all { 1 } else { write / 2 + 3 };
        }
        println!("{format} {level}: {kills} kills, the last life took less than {write} writes");
        assert!(kills >= 4, "{format} {level}: {kills} kills, up to write {write}");
    }
}
