// SPDX-License-Identifier: MIT OR Apache-2.0
//! The deep run of the lives of arrays (`raid-array`'s test `lives`), in shards of seeds.
//!
//! A shard that was run to its end on this commit is not run again, so a run that was broken off goes on.
//! Then the counts of all shards are added up: the table of `docs/interlock.md`. The run fails where
//! something was tried less often than it must be, or too much was excused.

use crate::ci::shell::cargo;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Shards, and lives of each array in each.
const SHARDS: u64 = 15;
const LIVES: u64 = 100;

/// The first seed: none that the ordinary tests live.
const FIRST: u64 = 100_000;

/// How often each kind of event must be met, on each format and level that has it.
const OFTEN: u64 = 500;

/// Of each array how often each kind was met, and whether it is asked for. What an array cannot have is not in the
/// tables of the shards.
type Counts = BTreeMap<String, BTreeMap<String, (u64, bool)>>;

fn commit() -> String {
    let output = Command::new("git").args(["rev-parse", "HEAD"]).output();
    output.map_or_else(|_| String::new(), |own| String::from_utf8_lossy(&own.stdout).trim().into())
}

fn read(file: &Path, counts: &mut Counts) {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    for line in text.lines() {
        let words: Vec<&str> = line.split('\t').collect();
        let [asked, array, kind, count] = words[..] else { continue };
        let own = counts.entry(array.into()).or_default().entry(kind.into()).or_default();
        own.0 += count.parse::<u64>().unwrap_or(0);
        own.1 = asked == "asked";
    }
}

fn shard(number: u64, file: &Path) -> bool {
    let done = file.with_extension("done");
    if std::fs::read_to_string(&done).is_ok_and(|at| at == commit()) {
        println!("shard {number} of {SHARDS} was run on this commit");
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
    let mut counts = Counts::new();
    let mut passed = true;
    for number in 0..SHARDS {
        let file = folder.join(format!("{number}.tsv"));
        passed &= shard(number, &file);
        read(&file, &mut counts);
    }
    passed &= table(&counts);
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints the table; whether everything was tried often enough.
fn table(counts: &Counts) -> bool {
    let kinds: BTreeSet<&String> = counts.values().flat_map(BTreeMap::keys).collect();
    println!(
        "| array | {} |",
        kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(" | ")
    );
    println!("|---|{}", "--:|".repeat(kinds.len()));
    let mut good = true;
    for (array, own) in counts {
        let count = |kind: &str| own.get(kind).map_or(0, |(count, _)| *count);
        let cells: Vec<String> = kinds.iter().map(|kind| count(kind).to_string()).collect();
        println!("| {array} | {} |", cells.join(" | "));
        for (kind, (met, _)) in own.iter().filter(|(_, (met, asked))| *asked && *met < OFTEN) {
            println!("  {array}: {kind} was met {met} times, expected {OFTEN}");
            good = false;
        }
        let compared = count("sectors compared");
        let parity = array.contains("raid5") || array.contains("raid6");
        for rule in ["excused: hole", "excused: forced"] {
            let (excused, most) = (count(rule), if parity { compared / 100 } else { 0 });
            let share = 100.0 * excused as f64 / compared.max(1) as f64;
            println!("  {array}: {rule} {excused} of {compared} sectors, {share:.3} %");
            if excused > most {
                println!("  {array}: {rule}: at most {most} sectors may be excused");
                good = false;
            }
        }
    }
    let cuts = counts.values().filter_map(|own| own.get("power cut"));
    let cuts: u64 = cuts.map(|(count, _)| count).sum();
    println!("{cuts} power cuts, commit {}", commit());
    good
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run in which each kind was met often, and of these sectors as many were excused.
    fn run(array: &str, rule: &str, excused: u64) -> Counts {
        let kinds = [("power cut", OFTEN), ("sectors compared", 10_000), (rule, excused)];
        let asked = |kind: &str| kind == "power cut";
        let own = kinds.map(|(kind, count)| (kind.to_owned(), (count, asked(kind))));
        [(array.to_owned(), own.into_iter().collect())].into()
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
    fn an_event_that_all_shards_met_too_rarely_fails() {
        let file = std::env::temp_dir().join(format!("lives-{}.tsv", std::process::id()));
        let table_of = |met: u64| {
            let line = |asked, kind, count| format!("{asked}\ttoy, raid1 of 2\t{kind}\t{count}\n");
            let lines = [line("asked", "power cut", met), line("told", "start refused", 0)];
            std::fs::write(&file, lines.concat()).unwrap();
            let mut counts = Counts::new();
            // Two shards.
            (0..2).for_each(|_| read(&file, &mut counts));
            table(&counts)
        };
        let (often, rarely) = (table_of(OFTEN / 2), table_of(OFTEN / 2 - 1));
        std::fs::remove_file(&file).unwrap();
        assert!(often && !rarely);
    }
}
