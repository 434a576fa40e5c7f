// SPDX-License-Identifier: MIT OR Apache-2.0
//! `guess`: the geometry of an array from the data of its members, without metadata.
//!
//! ```text
//! members ──plan──▶ sample ──▶ redundancy   copies, P, P and Q, none; who is foreign, who is stale
//!                      │            │
//!                      ├─▶ fold ────┤        where parity stands, which turn it takes
//!                      ├─▶ links ───┤        which page follows which; chunk borders
//!                      ├─▶ addresses┤        blocks of file systems that say where they stand
//!                      │            ▼
//!                      │        candidates   layouts of raid-core × orders of the disks, ranked
//!                      │            ▼
//!                      └─▶ origin ▶ rules    where the volume begins, what it claims; sure or not
//!                                   ▼
//!                                verdict ──▶ report
//! ```
//!
//! Only places within a budget are read, and nothing is ever written. A guess is called sure only if
//! every one of the rules holds; else each thing that cannot be told is named with the reason.

mod addresses;
mod algebra;
mod borders;
mod candidates;
mod entropy;
mod fold;
mod hypothesis;
mod links;
mod origin;
pub mod redundancy;
mod report;
mod rules;
pub mod sample;
mod slots;
pub mod verdict;

use crate::arguments::GuessArguments;
use crate::disks::left_out;
use crate::layout_file;
use crate::progress::Progress;
use crate::verdict::ExitCode;
use raid_array::discover::Source;
use sample::{PAGE, Plan};
use std::io::{self, Write};
use std::path::Path;
use verdict::Verdict;

/// Members that are compared with one another.
const MOST_MEMBERS: usize = 32;

/// Reads, concludes and reports.
pub(crate) fn run(
    what: &GuessArguments,
    without: &[String],
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let members = match open(what, without, err)? {
        Ok(members) => members,
        Err(code) => return Ok(code),
    };
    let plan = Plan::new(&members, u64::from(what.sample) << 20);
    let sampled = plan.describe(members.len());
    let mut progress = Progress::new(plan.rows() * members.len() as u64 * PAGE as u64);
    let sample = plan.read(&members, &mut |done| progress.show(done, err));
    progress.done(err);
    let verdict = Verdict::of(&members, &sample, sampled);
    if let Some(file) = &what.layout
        && let Err(code) = write_layout(&verdict, file, err)?
    {
        return Ok(code);
    }
    if what.json {
        report::json(&verdict, out)?;
    } else {
        report::text(&verdict, out)?;
    }
    Ok(verdict.exit_code())
}

/// Writes the first guess as a layout file.
fn write_layout(
    verdict: &Verdict,
    file: &Path,
    err: &mut dyn Write,
) -> io::Result<Result<(), ExitCode>> {
    let Some(guess) = verdict.guesses.first() else {
        writeln!(err, "raid-inspect: {}: not written, there is no guess", file.display())?;
        return Ok(Ok(()));
    };
    let disks: Vec<String> = verdict.disks.iter().map(|disk| disk.0.clone()).collect();
    if let Err(error) = layout_file::of_guess(guess, &disks).write(file) {
        writeln!(err, "raid-inspect: {}: {error}", file.display())?;
        return Ok(Err(ExitCode::Usage));
    }
    Ok(Ok(()))
}

/// Opens the members for reading. Two names of one disk are refused: it would be a mirror of itself.
fn open(
    what: &GuessArguments,
    without: &[String],
    err: &mut dyn Write,
) -> io::Result<Result<Vec<Source>, ExitCode>> {
    let out = match left_out(&what.paths, without) {
        Ok(out) => out,
        Err(unknown) => {
            writeln!(err, "raid-inspect: {unknown}")?;
            return Ok(Err(ExitCode::Usage));
        }
    };
    let mut members: Vec<Source> = Vec::new();
    for (_, path) in what.paths.iter().enumerate().filter(|(disk, _)| !out.contains(disk)) {
        let source = match Source::open(path) {
            Ok(source) => source,
            Err(error) => {
                writeln!(err, "raid-inspect: {}: {error}", path.display())?;
                return Ok(Err(ExitCode::Usage));
            }
        };
        let identity = source.bytes.identity();
        let same = |other: &&Source| identity.is_some() && other.bytes.identity() == identity;
        if let Some(other) = members.iter().find(same) {
            writeln!(
                err,
                "raid-inspect: {} and {} are the same disk; give it once",
                other.name, source.name
            )?;
            return Ok(Err(ExitCode::Usage));
        }
        members.push(source);
    }
    if !(2..=MOST_MEMBERS).contains(&members.len()) {
        let count = members.len();
        writeln!(err, "raid-inspect: guess compares 2 to {MOST_MEMBERS} disks, found {count}")?;
        return Ok(Err(ExitCode::Usage));
    }
    Ok(Ok(members))
}
