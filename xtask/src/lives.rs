// SPDX-License-Identifier: MIT OR Apache-2.0
//! The deep run of the lives of arrays (`raid-array`'s test `lives`), in shards of seeds.
//!
//! A shard that was run to its end on this code is not run again, so a run that was broken off goes on.
//! Then the counts of all shards are added up: the table of `docs/interlock.md`, as it stands there. The run
//! fails where something was tried less often than it must be, or too much was excused.

use crate::ci::shell::cargo;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Shards, and lives of each array in each.
const SHARDS: u64 = 15;
const LIVES: u64 = 100;

/// The first seed: none that the ordinary tests live.
const FIRST: u64 = 100_000;

/// How often each kind of event must be met, on each format and level that has it.
const OFTEN: u64 = 500;

/// What a life runs: a commit that changes nothing here leaves the shards as they are.
const CODE: [&str; 5] = ["raid-core", "raid-ddf", "raid-asr", "raid-sync", "examples/array"];

/// How often each kind was met, and whether it is asked for.
type Kinds = BTreeMap<String, (u64, bool)>;

/// What the shards counted. What an array cannot have is not in their tables.
#[derive(Default)]
struct Counts {
    /// In the order in which the shards name them.
    kinds: Vec<String>,
    arrays: BTreeMap<String, Kinds>,
}

/// The last commit that changed what a life runs.
fn commit() -> String {
    let output = Command::new("git").args(["log", "-1", "--format=%H", "--"]).args(CODE).output();
    output.map_or_else(|_| String::new(), |own| String::from_utf8_lossy(&own.stdout).trim().into())
}

fn read(file: &Path, counts: &mut Counts) {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    for line in text.lines() {
        let words: Vec<&str> = line.split('\t').collect();
        let [asked, array, kind, count] = words[..] else { continue };
        if !counts.kinds.iter().any(|own| own == kind) {
            counts.kinds.push(kind.into());
        }
        let own = counts.arrays.entry(array.into()).or_default().entry(kind.into()).or_default();
        own.0 += count.parse::<u64>().unwrap_or(0);
        own.1 = asked == "asked";
    }
}

fn shard(number: u64, file: &Path) -> bool {
    let done = file.with_extension("done");
    if std::fs::read_to_string(&done).is_ok_and(|at| at == commit()) {
        println!("shard {number} of {SHARDS} was run on this code");
        return true;
    }
    let first = FIRST + number * LIVES;
    println!("shard {number} of {SHARDS}: RAID_ARRAY_FIRST={first} RAID_ARRAY_LIVES={LIVES}");
    let status = cargo("test --release -p raid-array --test lives every -- --nocapture")
        .env("RAID_ARRAY_FIRST", first.to_string())
        .env("RAID_ARRAY_LIVES", LIVES.to_string())
        .env("RAID_ARRAY_TABLE", file)
        .status();
    let passed = status.is_ok_and(|status| status.success());
    if passed && let Err(error) = std::fs::write(&done, commit()) {
        eprintln!("{}: {error}", done.display());
    }
    passed
}

/// Runs what is left of the shards, and prints the table.
pub(crate) fn main() -> ExitCode {
    let folder = PathBuf::from("target/lives");
    if let Err(error) = std::fs::create_dir_all(&folder) {
        eprintln!("{}: {error}", folder.display());
        return ExitCode::FAILURE;
    }
    let folder = folder.canonicalize().unwrap_or(folder);
    let mut counts = Counts::default();
    let mut passed = true;
    for number in 0..SHARDS {
        let file = folder.join(format!("{number}.tsv"));
        passed &= shard(number, &file);
        read(&file, &mut counts);
    }
    passed &= table(&counts);
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is a column, in the order in which the shards name it.
fn columns(counts: &Counts) -> Vec<&str> {
    let column = |kind: &&str| !OTHERS.contains(kind) && !RULES.iter().any(|(own, _)| own == kind);
    counts.kinds.iter().map(String::as_str).filter(column).collect()
}

/// What is counted and is no event.
const OTHERS: [&str; 2] = ["member I/O", "sectors compared"];

/// The rules that excuse sectors, and the heads of their columns.
const RULES: [(&str, &str); 2] = [("excused: hole", "hole"), ("excused: forced", "forced")];

/// Prints the table, and below it what is wrong; whether nothing is.
fn table(counts: &Counts) -> bool {
    let kinds = columns(counts);
    let letters = || ('a'..='z').chain('A'..='Z').map(String::from);
    let legend = letters().zip(&kinds).map(|(letter, kind)| format!("{letter} {kind}"));
    let legend = legend.collect::<Vec<_>>().join("; ");
    println!(
        "Columns: {legend}; hole, forced: share of the compared sectors excused by the rule.\n"
    );
    let heads: Vec<String> =
        letters().take(kinds.len()).chain(RULES.map(|(_, head)| head.into())).collect();
    println!("| array | {} |", heads.join(" | "));
    println!("|---|{}", "--:|".repeat(heads.len()));
    for (array, own) in &counts.arrays {
        let count = |kind: &str| own.get(kind).map_or(0, |(count, _)| *count);
        let share = |rule| 100.0 * count(rule) as f64 / count("sectors compared").max(1) as f64;
        let cells = kinds.iter().map(|kind| count(kind).to_string());
        let shares = RULES.map(|(rule, _)| format!("{:.2} %", share(rule)));
        println!("| {array} | {} |", cells.chain(shares).collect::<Vec<_>>().join(" | "));
    }
    println!();
    let faults: Vec<String> =
        counts.arrays.iter().flat_map(|(array, own)| faults(array, own)).collect();
    faults.iter().for_each(|fault| println!("{fault}"));
    let all = |kind: &str| -> u64 {
        counts.arrays.values().filter_map(|own| own.get(kind)).map(|(count, _)| count).sum()
    };
    let (cuts, ios) = (all("power cut"), all("member I/O"));
    println!("{cuts} power cuts, {ios} member I/Os, commit {}", commit());
    faults.is_empty()
}

/// What an array met too rarely, and a rule that excused too much of it.
fn faults(array: &str, own: &Kinds) -> Vec<String> {
    let rare = own.iter().filter(|(_, (met, asked))| *asked && *met < OFTEN);
    let mut faults: Vec<String> = rare
        .map(|(kind, (met, _))| format!("{array}: {kind} was met {met} times, expected {OFTEN}"))
        .collect();
    let count = |kind: &str| own.get(kind).map_or(0, |(count, _)| *count);
    let compared = count("sectors compared");
    let parity = array.contains("raid5") || array.contains("raid6");
    let most = if parity { compared / 100 } else { 0 };
    for (rule, _) in RULES {
        let excused = count(rule);
        if excused > most {
            faults.push(format!(
                "{array}: {rule} {excused} of {compared} sectors, at most {most} may be"
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run in which each kind was met often, and of these sectors as many were excused.
    fn run(array: &str, rule: &str, excused: u64) -> Counts {
        let kinds = [("power cut", OFTEN), ("sectors compared", 10_000), (rule, excused)];
        let asked = |kind: &str| kind == "power cut";
        let own = kinds.map(|(kind, count)| (kind.to_owned(), (count, asked(kind))));
        let kinds = kinds.map(|(kind, _)| kind.to_owned()).into();
        Counts { kinds, arrays: [(array.to_owned(), own.into_iter().collect())].into() }
    }

    #[test]
    fn more_than_one_percent_excused_by_a_rule_fails_and_any_on_a_mirror() {
        for rule in ["excused: hole", "excused: forced"] {
            assert!(table(&run("ddf, raid5 of 4", rule, 100)), "{rule}");
            assert!(!table(&run("ddf, raid5 of 4", rule, 101)), "{rule}");
            assert!(table(&run("ddf, raid1 of 2", rule, 0)), "{rule}");
            assert!(!table(&run("ddf, raid1 of 2", rule, 1)), "{rule}");
        }
    }

    #[test]
    fn the_columns_are_the_events_in_the_order_in_which_they_are_told() {
        let kinds = ["power cut", "member I/O", "call: stop", "excused: hole", "cut in record"];
        let counts = Counts { kinds: kinds.map(String::from).into(), ..Counts::default() };
        assert_eq!(columns(&counts), ["power cut", "call: stop", "cut in record"]);
    }

    #[test]
    fn an_event_that_all_shards_met_too_rarely_fails() {
        let file = std::env::temp_dir().join(format!("lives-{}.tsv", std::process::id()));
        let table_of = |met: u64| {
            let line = |asked, kind, count| format!("{asked}\ttoy, raid1 of 2\t{kind}\t{count}\n");
            let lines = [line("asked", "power cut", met), line("told", "start refused", 0)];
            std::fs::write(&file, lines.concat()).unwrap();
            let mut counts = Counts::default();
            // Two shards.
            (0..2).for_each(|_| read(&file, &mut counts));
            table(&counts)
        };
        let (often, rarely) = (table_of(OFTEN / 2), table_of(OFTEN / 2 - 1));
        std::fs::remove_file(&file).unwrap();
        assert!(often && !rarely);
    }
}
