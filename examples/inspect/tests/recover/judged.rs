// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `raid-inspect guess` says about a set, beside what the set is.

use crate::maps::is_right;
use crate::sets::{Harm, Set};
use raid_core::array::{Geometry, Level, Placement, QNumbering, Secondary};
use raid_core::units::Blocks;
use raid_inspect::guess::sample::PAGE;
use raid_inspect::guess::verdict::{Guess, Start};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const PAGE_BYTES: u64 = PAGE as u64;

/// The variable that lets the disks of the last set stay.
pub(crate) const KEEP: &str = "RAID_RECOVER_KEEP";

/// The outcome of one set.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    /// The first guess maps every page as the set was made.
    pub(crate) right: bool,
    pub(crate) sure: bool,
    /// A disk that is called stale or foreign and is not.
    pub(crate) wrong_disk: bool,
    /// Processor time of the program.
    pub(crate) took: Duration,
    /// What it could not tell, and its first guess.
    pub(crate) said: String,
}

impl Judged {
    pub(crate) fn is_sure_and_wrong(&self) -> bool {
        self.sure && (!self.right || self.wrong_disk)
    }

    /// Of a set, whose members are written into `folder` for the time.
    pub(crate) fn of(set: &Set, folder: &Path) -> Self {
        let paths = set.write_to(folder);
        let before = time_of_children();
        let mut guess = Command::new(env!("CARGO_BIN_EXE_raid-inspect"));
        let output = guess.args(["guess", "--json"]).args(&paths).output().expect("it runs");
        let took = time_of_children() - before;
        if std::env::var_os(KEEP).is_none() {
            paths.iter().for_each(|path| fs::remove_file(path).expect("a member"));
        }
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let first = report["guesses"].get(0).map(|guess| guess_of(guess, set));
        let disks = report["disks"].as_array().expect("disks");
        let wrong = |role: &str, harm| {
            let named = disks.iter().position(|disk| disk["role"] == role);
            named.is_some() && named != set.odd(harm)
        };
        Self {
            right: first.as_ref().is_some_and(|guess| is_right(set, guess)),
            sure: report["sure"] == true,
            wrong_disk: wrong("stale", Harm::Stale) || wrong("foreign", Harm::Foreign),
            took,
            said: said(&report),
        }
    }
}

fn said(report: &Value) -> String {
    let reasons = report["cannot_tell"].as_array().into_iter().flatten();
    let reasons: Vec<String> = reasons
        .map(|doubt| format!("{}: {}", text(&doubt["what"]), text(&doubt["reason"])))
        .collect();
    let first = report["guesses"].get(0).map_or(String::from("no guess"), |guess| {
        format!(
            "{} {} {} KiB, disks {}, start {}, counts from {}",
            text(&guess["level"]),
            text(&guess["layout"]),
            number(&guess["chunk_bytes"]) / 1024,
            guess["disks"],
            guess["start_bytes"],
            guess["counts_from_bytes"],
        )
    });
    format!("{}; {first}; {}", text(&report["redundancy"]), reasons.join("; "))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("null")
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

/// The guess, as the report gives it to programs.
fn guess_of(guess: &Value, set: &Set) -> Guess {
    let sets = number(&guess["sets"]);
    let level = match text(&guess["level"]) {
        "raid0" => Level::Raid0,
        "raid1" | "raid10" => Level::Raid1,
        "raid1e" => Level::Raid1E,
        "raid4" => Level::Raid4,
        "raid5" => Level::Raid5,
        "raid5r" => Level::Raid5R,
        "raid6" => Level::Raid6,
        other => panic!("level {other}"),
    };
    let placements = [
        Placement::Fixed,
        Placement::ParityLast,
        Placement::NContinue,
        Placement::NRestart,
        Placement::ZeroContinue,
        Placement::ZeroRestart,
        Placement::Adjacent,
        Placement::Offset,
    ];
    let layout = text(&guess["layout"]);
    let placement = placements.into_iter().find(|placement| placement.name() == layout);
    let first = number(&guess["counts_from_bytes"]) / PAGE_BYTES;
    let chunk = number(&guess["chunk_bytes"]) / PAGE_BYTES;
    let pages = (set.images[0].len() as u64 / PAGE_BYTES).saturating_sub(first);
    let geometry = Geometry {
        level,
        placement: placement.unwrap_or_else(|| panic!("layout {layout}")),
        slots: number(&guess["slots"]) as u16,
        strip: Blocks(chunk),
        member_blocks: Blocks(pages / chunk.max(1) * chunk.max(1)),
        secondary: if sets > 1 { Secondary::Striped } else { Secondary::None },
        sets: sets as u16,
        q_numbering: if guess["q_numbering"] == "by_data" {
            QNumbering::ByData
        } else {
            QNumbering::BySlot
        },
        parities: 0,
        rotate_shift: guess["parity_stays_rows"].as_u64().map_or(0, |rows| rows.ilog2() as u8),
        block_size: PAGE_BYTES as u32,
    };
    let disk = |place: &Value| place.as_u64().map(|disk| disk as usize);
    let places = guess["disks"].as_array().expect("disks").iter().map(disk).collect();
    let start = match (guess["start_bytes"].as_u64(), guess["start_sure"] == true) {
        (None, _) => Start::Unknown,
        (Some(at), false) => Start::Likely(at),
        (Some(at), true) => Start::Sure(at),
    };
    Guess { geometry, places, first, start, bits: 0.0 }
}

/// Processor time of all programs that have ended, as Linux counts it: in hundredths of a second.
fn time_of_children() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in brackets may have blanks; user and system time of the children are the 14th and 15th word after it.
    let words = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let hundredths: u64 = words.skip(13).take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
    Duration::from_millis(hundredths * 10)
}

/// Where the sets of a run stand for the time: a folder in `RAID_RECOVER_FOLDER`, or among the temporary files.
pub(crate) fn folder() -> PathBuf {
    let name = format!("recover-{}", std::process::id());
    let given = std::env::var_os("RAID_RECOVER_FOLDER").map(PathBuf::from);
    let folder = given.unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR"))).join(name);
    fs::create_dir_all(&folder).expect("a folder can be made");
    folder
}
