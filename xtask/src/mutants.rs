// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask mutants [PATH…] [--shard K/N] [--again]`: changes of meaning, made by cargo-mutants one at a
//! time, that no test notices; compared with the lists in `docs/mutants/`.
//!
//! ```text
//! paths ──▶ crates ──▶ cargo mutants, its results kept in target/mutants ──▶ survivors ─┐
//! docs/mutants/CRATE.tsv: file, mutant, why it may live ────────────────────────────────┴─▶ the same?
//! ```
//!
//! It takes up where it was stopped: what was caught is not tried again, until `--again`. A mutant of
//! raid-sync is also caught by the tests of raid-array. Hours for all; not a step of `cargo xtask ci`.

mod list;

use crate::ci::shell::{Shell, cargo, root, target};
use crate::ci::toolchain::{self, Need};
use crate::ci::{self, Outcome, Stop, remove};
use list::Survivor;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// What is tried when nothing is named: what decides.
const PATHS: [&str; 18] = [
    "raid-sync/src/sync_core.rs",
    "raid-sync/src/sync_core",
    "raid-sync/src/region.rs",
    "raid-sync/src/region",
    "raid-sync/src/record.rs",
    "raid-sync/src/window.rs",
    "raid-ddf/src/commit.rs",
    "raid-ddf/src/choice.rs",
    "raid-ddf/src/update.rs",
    "raid-ddf/src/update",
    "raid-ddf/src/assemble.rs",
    "raid-ddf/src/assemble",
    "raid-asr/src/commit.rs",
    "raid-asr/src/update.rs",
    "raid-asr/src/update",
    "raid-asr/src/assemble.rs",
    "raid-asr/src/assemble",
    "raid-core/src/mirror.rs",
];

/// Words for people are not meaning.
const WORDS: &str = "(Debug|Display)( for .*)?>::fmt";
/// Of one crate's mutants, all of them.
const LIMIT: Duration = Duration::from_secs(48 * 3600);

/// What is asked.
struct Asked<'a> {
    paths: Vec<&'a str>,
    /// `K/N`: of all mutants these.
    shard: Option<&'a str>,
    /// Results of runs before do not count.
    again: bool,
}

pub(crate) fn main(arguments: &[String]) -> ExitCode {
    let outcome = asked(arguments).and_then(|asked| run(&asked));
    let (word, note) = ci::words(&outcome);
    println!("{word} {note}");
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn asked(arguments: &[String]) -> Result<Asked<'_>, Stop> {
    let mut asked = Asked { paths: Vec::new(), shard: None, again: false };
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "--again" => asked.again = true,
            "--shard" => asked.shard = words.next(),
            option if option.starts_with('-') => {
                let why = format!("unknown option `{option}`; there are --shard K/N and --again");
                return Err(Stop::Failed(why));
            }
            path if root().join(path).exists() => asked.paths.push(path.trim_end_matches('/')),
            path => {
                return Err(Stop::Failed(format!("{path} is neither a file nor a folder here")));
            }
        }
    }
    if asked.paths.is_empty() {
        asked.paths.extend(PATHS);
    }
    Ok(asked)
}

fn run(asked: &Asked<'_>) -> Outcome {
    let mut shell = Shell::new("mutants").map_err(|error| failed(&error))?;
    toolchain::bring(&mut shell, &[Need::CargoTool("mutants")])?;
    shell.wait_up_to(LIMIT);
    let mut crates: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in &asked.paths {
        crates.entry(path.split('/').next().unwrap_or(path)).or_default().push(path);
    }
    let (mut tried, mut survived, mut faults) = (0, 0, Vec::new());
    for (name, paths) in crates {
        let found = try_crate(&mut shell, name, &paths, asked)?;
        println!("{name}: {} mutants, {} survive", found.tried, found.survivors.len());
        tried += found.tried;
        survived += found.survivors.len();
        faults.extend(compare(name, &found, asked.shard.is_none())?);
    }
    let counts = format!("{tried} mutants, {survived} survivors");
    match faults.is_empty() {
        true => Ok(format!("{counts}, each of them listed")),
        false => {
            faults.iter().for_each(|fault| println!("  {fault}"));
            Err(Stop::Failed(format!("{counts}; {} differ from docs/mutants", faults.len())))
        }
    }
}

/// What became of the mutants of one crate.
struct Found {
    tried: usize,
    /// Files that have mutants.
    files: BTreeSet<String>,
    survivors: Vec<Survivor>,
}

fn try_crate(
    shell: &mut Shell,
    name: &str,
    paths: &[&str],
    asked: &Asked<'_>,
) -> Result<Found, Stop> {
    let folder = folder(name, paths, asked.shard);
    if asked.again {
        remove(&folder)?;
    }
    fs::create_dir_all(&folder).map_err(|error| failed(&error))?;
    let mut command =
        cargo("mutants --iterate --no-shuffle --colors never --minimum-test-timeout 60");
    command.arg("--output").arg(&folder).args(["--exclude-re", WORDS, "--package", name]);
    command.args(["--test-package", name]);
    if name == "raid-sync" {
        command.args(["--test-package", "raid-array"]);
    }
    if let Some(shard) = asked.shard {
        command.args(["--shard", shard]);
    }
    for path in paths {
        let inside = root().join(path).is_dir();
        command.args(["--file", &if inside { format!("{path}/**") } else { (*path).to_owned() }]);
    }
    let (status, _) = shell.try_run(&mut command).map_err(|error| failed(&error))?;
    // 0: all caught; 2: some missed; 3: some hung. Anything else is a run that did not end.
    match status.and_then(|status| status.code()) {
        Some(0 | 2 | 3) => read(&folder.join("mutants.out")),
        _ => {
            shell.print_tail();
            let how = status.map_or_else(|| String::from("too long"), |status| status.to_string());
            let why = format!("{name}: the run did not end ({how}); call it again to go on");
            Err(Stop::Failed(why))
        }
    }
}

/// Where the results of one question are kept: another question has others.
fn folder(name: &str, paths: &[&str], shard: Option<&str>) -> PathBuf {
    let digest =
        paths.iter().flat_map(|path| path.bytes()).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
    let part = shard.map(|shard| format!("-{}", shard.replace('/', "-of-"))).unwrap_or_default();
    target().join("mutants").join(format!("{name}-{digest:016x}{part}"))
}

/// What cargo-mutants wrote, of this run and of those before.
fn read(folder: &Path) -> Result<Found, Stop> {
    let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    let all: Value =
        serde_json::from_str(&text("mutants.json")).unwrap_or_else(|_| Value::Array(Vec::new()));
    let all = all.as_array().map_or(&[][..], Vec::as_slice);
    let before = text("previously_caught.txt");
    let before: Vec<&str> = before.lines().filter(|line| !line.is_empty()).collect();
    let mut files: BTreeSet<String> =
        all.iter().filter_map(|mutant| mutant["file"].as_str().map(String::from)).collect();
    files.extend(before.iter().filter_map(|line| Some(String::from(line.split_once(':')?.0))));
    let survivors = text("missed.txt").lines().filter_map(Survivor::of_line).collect();
    Ok(Found { tried: all.len() + before.len(), files, survivors })
}

/// Where the survivors are not those of the list.
fn compare(name: &str, found: &Found, whole: bool) -> Result<Vec<String>, Stop> {
    let path = format!("docs/mutants/{name}.tsv");
    let text = fs::read_to_string(root().join(&path)).unwrap_or_default();
    let mut listed = list::parse(&text).map_err(|why| Stop::Failed(format!("{path}: {why}")))?;
    let mut faults = Vec::new();
    for survivor in &found.survivors {
        match listed.iter().position(|known| known == survivor) {
            Some(index) => drop(listed.swap_remove(index)),
            None => faults.push(format!("survives, and is not listed: {survivor}")),
        }
    }
    let gone = listed.iter().filter(|known| whole && found.files.contains(&known.file));
    faults.extend(gone.map(|known| format!("listed, and is caught or gone: {known}")));
    Ok(faults)
}

fn failed(error: &std::io::Error) -> Stop {
    Stop::Failed(error.to_string())
}
