// SPDX-License-Identifier: MIT OR Apache-2.0
//! The verdict for people, and for programs: JSON, format `raid-guess/1`.

use crate::guess::redundancy::Redundancy;
use crate::guess::sample::PAGE;
use crate::guess::verdict::{Guess, Start, Verdict};
use crate::size::{human, md_name};
use raid_core::array::QNumbering;
use serde::Serialize;
use std::io::{self, Write};

impl Guess {
    fn chunk_bytes(&self) -> u64 {
        self.geometry.strip.0.saturating_mul(PAGE as u64)
    }

    /// Rows of chunks for which parity stays on a disk, if more than one.
    fn delay(&self) -> Option<u64> {
        (self.geometry.rotate_shift > 0).then(|| 1 << self.geometry.rotate_shift)
    }

    fn q_numbering(&self) -> Option<&'static str> {
        let name = match self.geometry.q_numbering {
            QNumbering::BySlot => "by_slot",
            QNumbering::ByData => "by_data",
        };
        (self.geometry.parity_strips() > 1).then_some(name)
    }

    /// In one line.
    fn text(&self) -> String {
        let mut text = self.geometry.level_name().to_owned();
        match (self.geometry.placement.name(), md_name(&self.geometry)) {
            ("fixed", _) => {}
            (name, Some(md)) => text += &format!(", {name} ({md})"),
            (name, None) => text += &format!(", {name}"),
        }
        if let Some(numbering) = self.q_numbering() {
            text += &format!(", Q {}", numbering.replace('_', " "));
        }
        if let Some(rows) = self.delay() {
            text += &format!(", parity moves every {rows} rows");
        }
        if self.chunk_bytes() > 0 {
            text += &format!(", chunk {}", human(self.chunk_bytes()));
        }
        let disk =
            |place: &Option<usize>| place.map_or("missing".to_owned(), |disk| disk.to_string());
        let disks: Vec<String> = self.places.iter().map(disk).collect();
        text += &format!(", disks in order {}", disks.join(" "));
        match self.start {
            Start::Unknown => text + ", start unknown",
            Start::Likely(at) => text + &format!(", start probably {}", human(at)),
            Start::Sure(at) => text + &format!(", start {}", human(at)),
        }
    }
}

/// Writes the verdict for people.
pub(crate) fn text(verdict: &Verdict, out: &mut dyn Write) -> io::Result<()> {
    match (verdict.guesses.first(), verdict.sure) {
        (Some(guess), true) => writeln!(out, "sure        {}", guess.text())?,
        (Some(_), false) => writeln!(out, "not sure    what is possible stands below, best first")?,
        (None, _) => writeln!(out, "not sure    no geometry was found")?,
    }
    let redundancy = verdict.redundancy.as_ref().map_or("unknown", Redundancy::text);
    writeln!(out, "redundancy  {redundancy}")?;
    for (index, (name, role, unreadable)) in verdict.disks.iter().enumerate() {
        let unreadable = match unreadable {
            0 => String::new(),
            pages => format!(", {pages} pages unreadable"),
        };
        writeln!(out, "disk {index:<7}{name}: {}{unreadable}", role.name())?;
    }
    for (index, guess) in verdict.guesses.iter().enumerate() {
        writeln!(out, "guess {:<6}{} ({:.0} bits)", index + 1, guess.text(), guess.bits)?;
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
    sure: bool,
    redundancy: Option<&'static str>,
    disks: Vec<Disk<'a>>,
    guesses: Vec<Possible>,
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
struct Possible {
    level: &'static str,
    layout: &'static str,
    md_layout: Option<&'static str>,
    q_numbering: Option<&'static str>,
    parity_stays_rows: Option<u64>,
    chunk_bytes: u64,
    sets: u16,
    slots: u16,
    /// Disk of each place (set × slots + slot); null: missing.
    disks: Vec<Option<usize>>,
    start_bytes: Option<u64>,
    start_sure: bool,
    /// Byte of each disk from which the geometry counts, whether or not the volume begins there.
    counts_from_bytes: u64,
    bits: f32,
}

#[derive(Serialize)]
struct CannotTell<'a> {
    what: &'a str,
    reason: &'a str,
}

fn possible(guess: &Guess) -> Possible {
    let (start_bytes, start_sure) = match guess.start {
        Start::Unknown => (None, false),
        Start::Likely(at) => (Some(at), false),
        Start::Sure(at) => (Some(at), true),
    };
    Possible {
        level: guess.geometry.level_name(),
        layout: guess.geometry.placement.name(),
        md_layout: md_name(&guess.geometry),
        q_numbering: guess.q_numbering(),
        parity_stays_rows: guess.delay(),
        chunk_bytes: guess.chunk_bytes(),
        sets: guess.geometry.sets,
        slots: guess.geometry.slots,
        disks: guess.places.clone(),
        start_bytes,
        start_sure,
        counts_from_bytes: guess.first.saturating_mul(PAGE as u64),
        bits: guess.bits,
    }
}

/// Writes the verdict for programs.
pub(crate) fn json(verdict: &Verdict, out: &mut dyn Write) -> io::Result<()> {
    let disks = verdict.disks.iter().enumerate();
    let doubts = verdict.doubts.iter();
    let report = Report {
        format: "raid-guess/1",
        sure: verdict.sure,
        redundancy: verdict.redundancy.as_ref().map(Redundancy::name),
        disks: disks
            .map(|(index, (path, role, unreadable))| Disk {
                index,
                path,
                role: role.name(),
                unreadable_pages: *unreadable,
            })
            .collect(),
        guesses: verdict.guesses.iter().map(possible).collect(),
        sampled: &verdict.sampled,
        evidence: &verdict.evidence,
        cannot_tell: doubts.map(|d| CannotTell { what: d.what, reason: &d.reason }).collect(),
        exit_code: verdict.exit_code() as u8,
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}
