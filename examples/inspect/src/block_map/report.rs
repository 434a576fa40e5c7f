// SPDX-License-Identifier: MIT OR Apache-2.0
//! The answers of `layout`, for people and for programs (format `raid-map/1`).

use super::cell::{Cell, strip};
use super::device_mapper::Script;
use super::{Answer, Asked};
use crate::disks::{Inspection, is_readable, layout, places, sizes};
use crate::picture::{self, Rows};
use crate::show::shape;
use crate::size::{chunk_bytes, level_name};
use crate::table::Table;
use crate::verdict::ExitCode;
use raid_array::discover::FoundArray;
use raid_core::array::Place;
use serde::Serialize;
use std::io::{self, Write};

/// All that is to be said.
pub(super) struct Report<'a> {
    pub(super) inspection: &'a Inspection,
    pub(super) arrays: Vec<&'a FoundArray>,
    pub(super) answers: Vec<Answer>,
    pub(super) script: Option<Result<Script, String>>,
    /// First row and number of rows of the picture, if they are asked for.
    pub(super) rows: Option<(u64, u64)>,
    pub(super) code: ExitCode,
}

#[derive(Serialize)]
struct Json<'a> {
    format: &'static str,
    arrays: Vec<JsonArray>,
    logical: Vec<JsonAnswer<'a>>,
    physical: Vec<JsonAnswer<'a>>,
    dmsetup: Option<JsonScript<'a>>,
    exit_code: u8,
}

#[derive(Serialize)]
struct JsonArray {
    name: String,
    id: String,
    level: &'static str,
    layout: &'static str,
    sets: u16,
    slots: u16,
    chunk_bytes: u64,
    block_bytes: u32,
    size_blocks: u64,
}

#[derive(Serialize)]
struct JsonAnswer<'a> {
    /// The disk; null for a block of an array.
    disk: Option<&'a str>,
    block: u64,
    byte: u64,
    cells: Vec<JsonCell<'a>>,
}

#[derive(Serialize)]
struct JsonCell<'a> {
    array: String,
    set: u16,
    slot: u8,
    state: &'static str,
    disk: Option<&'a str>,
    disk_block: Option<u64>,
    disk_byte: Option<u64>,
    row: u64,
    member_block: u64,
    role: &'a str,
    array_blocks: &'a [u64],
}

#[derive(Serialize)]
struct JsonScript<'a> {
    refusal: Option<&'a str>,
    disks: Vec<JsonDisk<'a>>,
    devices: Vec<JsonDevice<'a>>,
}

#[derive(Serialize)]
struct JsonDisk<'a> {
    name: &'a str,
    path: &'a str,
    is_file: bool,
}

#[derive(Serialize)]
struct JsonDevice<'a> {
    name: &'a str,
    table: &'a [String],
}

impl Report<'_> {
    fn disk_block(&self, disk: usize) -> u64 {
        let found = self.inspection.discovery.disks.get(disk);
        found.map_or(1, |found| u64::from(found.shape.block_size).max(1))
    }

    fn array_of(&self, cell: &Cell) -> Option<&FoundArray> {
        self.arrays.iter().find(|array| array.descriptor.id == cell.array).copied()
    }

    pub(super) fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.answers.is_empty() && self.script.is_none() {
            for array in &self.arrays {
                self.head(array, out)?;
                let rows = self.rows.map_or(Rows::Turn, |(first, count)| Rows::From(first, count));
                for set in 0..array.descriptor.geometry.sets.min(4) {
                    self.picture(array, set, rows, &[], out)?;
                }
            }
        }
        for answer in &self.answers {
            self.answer(answer, out)?;
        }
        match (&self.script, self.arrays.first()) {
            (Some(Ok(script)), Some(array)) => shell(array, script, out),
            (Some(Err(why)), Some(array)) => {
                let name = array.descriptor.name;
                writeln!(out, "array {name} cannot be had by device-mapper: {why}")
            }
            _ => Ok(()),
        }
    }

    fn head(&self, array: &FoundArray, out: &mut dyn Write) -> io::Result<()> {
        let descriptor = &array.descriptor;
        writeln!(out, "array {}: {}", descriptor.name, shape(&descriptor.geometry))
    }

    fn answer(&self, answer: &Answer, out: &mut dyn Write) -> io::Result<()> {
        let of = match answer.of {
            Asked::Array(index) => self
                .arrays
                .get(index)
                .map_or("?".into(), |a| format!("array {}", a.descriptor.name)),
            Asked::Disk(disk) => self.inspection.disk_name(disk).to_owned(),
        };
        writeln!(out, "block {} (byte {}) of {of}", answer.block, answer.byte)?;
        if answer.cells.is_empty() {
            return writeln!(out, "  in no array");
        }
        let heads = [
            "array",
            "set",
            "slot",
            "row",
            "is",
            "block of the array",
            "disk",
            "block",
            "byte",
            "state",
        ];
        let mut table = Table::new(heads);
        for cell in &answer.cells {
            let array = self.array_of(cell);
            let name = array.map_or("?".to_owned(), |array| array.descriptor.name.to_string());
            let of: Vec<String> = cell.of.iter().map(u64::to_string).collect();
            let (path, block, byte) = match cell.disk {
                None => ("-", "-".to_owned(), "-".to_owned()),
                Some((disk, byte)) => {
                    let block = byte / self.disk_block(disk);
                    (self.inspection.disk_name(disk), block.to_string(), byte.to_string())
                }
            };
            table.row([
                name,
                cell.place.set.to_string(),
                cell.place.slot.to_string(),
                cell.row.to_string(),
                cell.role.clone(),
                if of.is_empty() { "-".to_owned() } else { of.join(", ") },
                path.to_owned(),
                block,
                byte,
                cell.state.name().replace('_', " "),
            ]);
        }
        table.write("  ", out)?;
        for (index, cell) in answer.cells.iter().enumerate() {
            let same =
                |other: &Cell| (other.array, other.place.set) == (cell.array, cell.place.set);
            if answer.cells[..index].iter().any(same) {
                continue;
            }
            let Some(array) = self.array_of(cell) else { continue };
            let own: Vec<&Cell> = answer.cells.iter().filter(|other| same(other)).collect();
            let first = own.iter().map(|cell| cell.row).min().unwrap_or(0);
            let last = own.iter().map(|cell| cell.row).max().unwrap_or(0);
            // Copies may be far from one another.
            let (from, count) = match last - first {
                0..8 => (first.saturating_sub(1), last - first + 3),
                _ => (first, 1),
            };
            self.picture(array, cell.place.set, Rows::From(from, count), &own, out)?;
        }
        Ok(())
    }

    /// Rows of a set; members that are not read in brackets, what was asked for between `>` and `<`.
    fn picture(
        &self,
        array: &FoundArray,
        set: u16,
        rows: Rows,
        asked: &[&Cell],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let members = places(array);
        let sizes = sizes(array, &members);
        let Ok(layout) = layout(&array.descriptor, &sizes) else { return Ok(()) };
        let marked = |slot, row| {
            asked.iter().any(|cell| cell.place.slot == slot && cell.block / strip(&layout) == row)
        };
        let unread = |slot| {
            let own = members.iter().find(|member| member.place == Place { set, slot });
            own.is_some_and(|member| !is_readable(member))
        };
        if array.descriptor.geometry.sets > 1 {
            writeln!(out, "  set {set}")?;
        }
        picture::of_rows(&layout, set, rows, &unread, &marked).write("    ", out)
    }

    pub(super) fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let answers = |wanted: fn(Asked) -> bool| {
            let all = self.answers.iter().filter(move |answer| wanted(answer.of));
            all.map(|answer| self.json_answer(answer)).collect()
        };
        let json = Json {
            format: "raid-map/1",
            arrays: self.arrays.iter().map(|array| json_array(array)).collect(),
            logical: answers(|of| matches!(of, Asked::Array(_))),
            physical: answers(|of| matches!(of, Asked::Disk(_))),
            dmsetup: self.script.as_ref().map(json_script),
            exit_code: self.code as u8,
        };
        serde_json::to_writer_pretty(&mut *out, &json)?;
        writeln!(out)
    }

    fn json_answer<'s>(&'s self, answer: &'s Answer) -> JsonAnswer<'s> {
        let cell = |cell: &'s Cell| JsonCell {
            array: cell.array.to_string(),
            set: cell.place.set,
            slot: cell.place.slot.0,
            state: cell.state.name(),
            disk: cell.disk.map(|(disk, _)| self.inspection.disk_name(disk)),
            disk_block: cell.disk.map(|(disk, byte)| byte / self.disk_block(disk)),
            disk_byte: cell.disk.map(|(_, byte)| byte),
            row: cell.row,
            member_block: cell.block,
            role: &cell.role,
            array_blocks: &cell.of,
        };
        JsonAnswer {
            disk: match answer.of {
                Asked::Array(_) => None,
                Asked::Disk(disk) => Some(self.inspection.disk_name(disk)),
            },
            block: answer.block,
            byte: answer.byte,
            cells: answer.cells.iter().map(cell).collect(),
        }
    }
}

fn json_array(array: &FoundArray) -> JsonArray {
    let descriptor = &array.descriptor;
    let geometry = &descriptor.geometry;
    JsonArray {
        name: descriptor.name.to_string(),
        id: descriptor.id.to_string(),
        level: level_name(geometry),
        layout: geometry.placement.name(),
        sets: geometry.sets,
        slots: geometry.slots,
        chunk_bytes: chunk_bytes(geometry),
        block_bytes: geometry.block_size,
        size_blocks: descriptor.size.0,
    }
}

fn json_script(script: &Result<Script, String>) -> JsonScript<'_> {
    let (disks, devices) = match script {
        Ok(script) => (script.disks.as_slice(), script.devices.as_slice()),
        Err(_) => (&[][..], &[][..]),
    };
    JsonScript {
        refusal: script.as_ref().err().map(String::as_str),
        disks: disks
            .iter()
            .map(|disk| JsonDisk { name: &disk.name, path: &disk.path, is_file: disk.is_file })
            .collect(),
        devices: devices
            .iter()
            .map(|device| JsonDevice { name: &device.name, table: &device.table })
            .collect(),
    }
}

/// The tables as commands for a shell, and what takes them away.
fn shell(array: &FoundArray, script: &Script, out: &mut dyn Write) -> io::Result<()> {
    let name = array.descriptor.name;
    writeln!(out, "# array {name} by device-mapper, read only; to be run as root")?;
    for disk in &script.disks {
        let path = format!("'{}'", disk.path.replace('\'', r"'\''"));
        match disk.is_file {
            true => writeln!(out, "{}=$(losetup --read-only --find --show {path})", disk.name)?,
            false => writeln!(out, "{}={path}", disk.name)?,
        }
    }
    for device in &script.devices {
        let name = &device.name;
        match device.table.as_slice() {
            [line] => writeln!(out, "dmsetup create --readonly {name} --table \"{line}\"")?,
            lines => {
                writeln!(out, "dmsetup create --readonly {name} <<END\n{}\nEND", lines.join("\n"))?;
            }
        }
    }
    let names: Vec<&str> = script.devices.iter().rev().map(|device| device.name.as_str()).collect();
    writeln!(out, "# undone by: dmsetup remove {}", names.join(" "))?;
    let loops = script.disks.iter().filter(|disk| disk.is_file);
    let loops: Vec<String> = loops.map(|disk| format!("\"${}\"", disk.name)).collect();
    if !loops.is_empty() {
        writeln!(out, "# and: losetup --detach {}", loops.join(" "))?;
    }
    Ok(())
}
