// SPDX-License-Identifier: MIT OR Apache-2.0
//! The verdict for people, and for programs: JSON, format `raid-guess/1`.

use crate::guess::redundancy::Redundancy;
use crate::guess::verdict::Verdict;
use serde::Serialize;
use std::io::{self, Write};

/// Writes the verdict for people.
pub(crate) fn text(verdict: &Verdict, out: &mut dyn Write) -> io::Result<()> {
    let redundancy = verdict.redundancy.as_ref().map_or("unknown", Redundancy::text);
    writeln!(out, "redundancy  {redundancy}")?;
    for (index, (name, role, unreadable)) in verdict.disks.iter().enumerate() {
        let unreadable = match unreadable {
            0 => String::new(),
            pages => format!(", {pages} pages unreadable"),
        };
        writeln!(out, "disk {index}      {name}: {}{unreadable}", role.name())?;
    }
    writeln!(out, "read        {}", verdict.sampled)?;
    for line in &verdict.evidence {
        writeln!(out, "evidence    {line}")?;
    }
    for doubt in &verdict.doubts {
        writeln!(out, "cannot tell {}: {}", doubt.what, doubt.reason)?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Report<'a> {
    format: &'static str,
    redundancy: Option<&'static str>,
    disks: Vec<Disk<'a>>,
    sampled: &'a str,
    evidence: &'a [String],
    cannot_tell: Vec<CannotTell<'a>>,
    exit_code: u8,
}

#[derive(Serialize)]
struct Disk<'a> {
    index: usize,
    path: &'a str,
    role: &'static str,
    unreadable_pages: u64,
}

#[derive(Serialize)]
struct CannotTell<'a> {
    what: &'a str,
    reason: &'a str,
}

/// Writes the verdict for programs.
pub(crate) fn json(verdict: &Verdict, out: &mut dyn Write) -> io::Result<()> {
    let disks = verdict.disks.iter().enumerate();
    let doubts = verdict.doubts.iter();
    let report = Report {
        format: "raid-guess/1",
        redundancy: verdict.redundancy.as_ref().map(Redundancy::name),
        disks: disks
            .map(|(index, (path, role, unreadable))| Disk {
                index,
                path,
                role: role.name(),
                unreadable_pages: *unreadable,
            })
            .collect(),
        sampled: &verdict.sampled,
        evidence: &verdict.evidence,
        cannot_tell: doubts.map(|d| CannotTell { what: d.what, reason: &d.reason }).collect(),
        exit_code: verdict.exit_code() as u8,
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}
