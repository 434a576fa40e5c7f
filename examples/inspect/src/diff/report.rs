// SPDX-License-Identifier: MIT OR Apache-2.0
//! What differs, for people and for programs (format `raid-diff/1`).

use super::{Difference, Differences, Side};
use crate::size::human;
use crate::table::Table;
use crate::verdict::ExitCode;
use raid_array::discover::FoundDisk;
use serde::Serialize;
use std::io::{self, Write};

/// Differences that are printed for people, and bytes of each.
const PRINTED: usize = 400;
const SHOWN: usize = 24;
/// Bytes of a difference that programs get.
const GIVEN: usize = 4096;

/// All that is to be said of two disks, each with its size.
pub(super) struct Report<'a> {
    pub(super) disks: [&'a (FoundDisk, u64); 2],
    pub(super) differences: Differences,
    pub(super) code: ExitCode,
}

#[derive(Serialize)]
struct Json<'a> {
    format: &'static str,
    disks: Vec<JsonDisk<'a>>,
    differences: Vec<JsonDifference>,
    more: u64,
    equal_fields: u64,
    exit_code: u8,
}

#[derive(Serialize)]
struct JsonDisk<'a> {
    path: &'a str,
    size_bytes: u64,
    block_bytes: u32,
    formats: Vec<&'static str>,
}

#[derive(Serialize)]
struct JsonDifference {
    format: &'static str,
    copy: &'static str,
    record: &'static str,
    index: Option<u64>,
    entry: Option<u64>,
    field: Option<&'static str>,
    offset: u64,
    a: Option<JsonSide>,
    b: Option<JsonSide>,
}

#[derive(Serialize)]
struct JsonSide {
    byte: u64,
    bytes: usize,
    hex: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// For people: as text too, where it is text.
fn shown(side: Option<&Side>) -> [String; 2] {
    let Some(side) = side else { return ["-".to_owned(), "-".to_owned()] };
    let bytes = &side.bytes[..side.bytes.len().min(SHOWN)];
    let mut text = hex(bytes);
    if bytes.len() < side.bytes.len() {
        text += &format!("… ({} bytes)", side.bytes.len());
    } else if bytes.len() >= 4 && bytes.iter().all(|byte| (0x20..0x7F).contains(byte)) {
        text += &format!(" {:?}", String::from_utf8_lossy(bytes));
    }
    [side.at.to_string(), text]
}

/// `virtual disk configuration 2`, `physical disk records, entry 3`.
fn record(difference: &Difference) -> String {
    let name = &difference.name;
    let mut text = name.record.to_owned();
    if let Some(index) = name.index {
        text += &format!(" {index}");
    }
    if let Some(entry) = name.entry {
        text += &format!(", entry {entry}");
    }
    text
}

impl Report<'_> {
    pub(super) fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for (letter, (disk, size)) in ["A", "B"].into_iter().zip(self.disks) {
            let formats: Vec<&str> = disk.claims.iter().map(|claim| claim.format_name).collect();
            let formats =
                if formats.is_empty() { "no metadata".into() } else { formats.join(", ") };
            writeln!(out, "{letter}  {}: {}, {formats}", disk.name, human(*size))?;
        }
        let all = &self.differences.all;
        let heads = ["copy", "record", "field", "A at byte", "A", "B at byte", "B"];
        let mut table = Table::new(heads);
        for difference in all.iter().take(PRINTED) {
            let name = &difference.name;
            let field = match (name.field, difference.offset) {
                ("", _) => "(all of it)".to_owned(),
                (field, 0) => field.to_owned(),
                (field, offset) => format!("{field} + {offset}"),
            };
            let [a, b] = [0, 1].map(|side| shown(difference.sides[side].as_ref()));
            let copy = format!("{} {}", difference.format, name.copy);
            let row = [copy, record(difference), field].into_iter().chain(a).chain(b);
            table.row(row);
        }
        if !all.is_empty() {
            table.write("  ", out)?;
        }
        let hidden = all.len().saturating_sub(PRINTED) as u64 + self.differences.more;
        if hidden > 0 {
            writeln!(out, "  and {hidden} more; --json has them")?;
        }
        let (count, equal) = (all.len() as u64 + self.differences.more, self.differences.equal);
        match self.code {
            ExitCode::Nothing => writeln!(out, "verdict: no metadata on either"),
            _ => writeln!(out, "verdict: {count} differences, {equal} fields are the same"),
        }
    }

    pub(super) fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let disks = self.disks.iter().map(|(disk, size)| JsonDisk {
            path: &disk.name,
            size_bytes: *size,
            block_bytes: disk.shape.block_size,
            formats: disk.claims.iter().map(|claim| claim.format_name).collect(),
        });
        let side = |side: &Option<Side>| {
            side.as_ref().map(|side| JsonSide {
                byte: side.at,
                bytes: side.bytes.len(),
                hex: hex(&side.bytes[..side.bytes.len().min(GIVEN)]),
            })
        };
        let difference = |of: &Difference| JsonDifference {
            format: of.format,
            copy: of.name.copy,
            record: of.name.record,
            index: of.name.index,
            entry: of.name.entry,
            field: Some(of.name.field).filter(|field| !field.is_empty()),
            offset: of.offset,
            a: side(&of.sides[0]),
            b: side(&of.sides[1]),
        };
        let json = Json {
            format: "raid-diff/1",
            disks: disks.collect(),
            differences: self.differences.all.iter().map(difference).collect(),
            more: self.differences.more,
            equal_fields: self.differences.equal,
            exit_code: self.code as u8,
        };
        serde_json::to_writer_pretty(&mut *out, &json)?;
        writeln!(out)
    }
}
