// SPDX-License-Identifier: MIT OR Apache-2.0
//! `disks`: the disks in the order of their arrays, with all names they have, to be kept for bad days.

use crate::disks::{Inspection, places};
use crate::hardware::Hardware;
use crate::show::shape;
use crate::size::{human, level_name};
use crate::table::Table;
use crate::verdict;
use raid_array::discover::FoundArray;
use raid_core::array::MemberDescriptor;
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
struct Json<'a> {
    format: &'static str,
    disks: Vec<JsonDisk<'a>>,
    arrays: Vec<JsonArray<'a>>,
    exit_code: u8,
}

#[derive(Serialize)]
struct JsonDisk<'a> {
    index: usize,
    path: &'a str,
    error: Option<&'a str>,
    model: Option<String>,
    serial: Option<String>,
    wwn: Option<String>,
    size_bytes: u64,
    block_bytes: u32,
    formats: Vec<&'static str>,
    id: Option<String>,
    configuration: Option<String>,
    role: Option<&'static str>,
    fields: Vec<JsonField>,
}

/// A field as stored.
#[derive(Serialize)]
struct JsonField {
    field: &'static str,
    value: u64,
}

#[derive(Serialize)]
struct JsonArray<'a> {
    name: String,
    id: String,
    level: &'static str,
    layout: &'static str,
    chunk_bytes: u64,
    size_bytes: u64,
    members: Vec<JsonMember<'a>>,
}

#[derive(Serialize)]
struct JsonMember<'a> {
    set: u16,
    slot: u8,
    state: &'static str,
    /// Identity of the disk, also of one that is missing.
    id: Option<String>,
    disk: Option<usize>,
    path: Option<&'a str>,
    start_bytes: Option<u64>,
    length_bytes: Option<u64>,
}

fn hardware(inspection: &Inspection, disk: usize) -> Hardware {
    inspection.paths.get(disk).map_or_else(Hardware::default, |path| Hardware::of(path))
}

/// First byte and bytes of a member on its disk.
fn extent(inspection: &Inspection, member: &MemberDescriptor) -> Option<(u64, u64)> {
    let disk = inspection.discovery.disks.get(member.disk?)?;
    let block = u64::from(disk.shape.block_size);
    Some((member.start.0.saturating_mul(block), member.len.0.saturating_mul(block)))
}

fn words(of: Option<String>) -> String {
    of.unwrap_or_else(|| "-".to_owned())
}

/// For people.
pub(crate) fn text(inspection: &Inspection, out: &mut dyn Write) -> io::Result<()> {
    let found = &inspection.discovery;
    let mut table =
        Table::new(["disk", "path", "size", "model", "serial number", "WWN", "identity", "role"]);
    for (index, disk) in found.disks.iter().enumerate() {
        let descriptor = disk.claims.iter().find_map(|claim| claim.descriptor);
        let Hardware { model, serial, wwn } = hardware(inspection, index);
        table.row([
            index.to_string(),
            disk.name.clone(),
            human(inspection.sources[index].bytes.len()),
            words(model),
            words(serial),
            words(wwn),
            words(descriptor.map(|disk| disk.id.to_string())),
            descriptor.map_or("-", |disk| disk.role.name()).to_owned(),
        ]);
    }
    table.write("", out)?;
    for array in &found.arrays {
        let descriptor = &array.descriptor;
        writeln!(out, "\narray {}: {}", descriptor.name, shape(&descriptor.geometry))?;
        writeln!(out, "  identity {}", descriptor.id)?;
        let mut table =
            Table::new(["set", "slot", "state", "disk", "path", "from byte", "bytes", "identity"]);
        for member in places(array) {
            let extent = extent(inspection, &member);
            let number = |of: Option<u64>| words(of.map(|number| number.to_string()));
            let disk = member.disk;
            table.row([
                member.place.set.to_string(),
                member.place.slot.to_string(),
                member.state.name().replace('_', " "),
                words(disk.map(|disk| disk.to_string())),
                disk.map_or("-", |disk| inspection.disk_name(disk)).to_owned(),
                number(extent.map(|extent| extent.0)),
                number(extent.map(|extent| extent.1)),
                words(member.id.map(|id| id.to_string())),
            ]);
        }
        table.write("  ", out)?;
    }
    Ok(())
}

/// For programs, format `raid-disks/1`.
pub(crate) fn json(inspection: &Inspection, out: &mut dyn Write) -> io::Result<()> {
    let found = &inspection.discovery;
    let disk = |(index, disk): (usize, &'_ raid_array::discover::FoundDisk)| {
        let descriptor = disk.claims.iter().find_map(|claim| claim.descriptor);
        let Hardware { model, serial, wwn } = hardware(inspection, index);
        let raw = disk.claims.iter().flat_map(|claim| &claim.raw);
        JsonDisk {
            index,
            path: inspection.disk_name(index),
            error: inspection.open_error(index),
            model,
            serial,
            wwn,
            size_bytes: inspection.sources[index].bytes.len(),
            block_bytes: disk.shape.block_size,
            formats: disk.claims.iter().map(|claim| claim.format_name).collect(),
            id: descriptor.map(|disk| disk.id.to_string()),
            configuration: descriptor.map(|disk| disk.configuration.to_string()),
            role: descriptor.map(|disk| disk.role.name()),
            fields: raw.map(|raw| JsonField { field: raw.field, value: raw.value }).collect(),
        }
    };
    let json = Json {
        format: "raid-disks/1",
        disks: found.disks.iter().enumerate().map(disk).collect(),
        arrays: found.arrays.iter().map(|array| json_array(inspection, array)).collect(),
        exit_code: verdict::of(inspection) as u8,
    };
    serde_json::to_writer_pretty(&mut *out, &json)?;
    writeln!(out)
}

fn json_array<'a>(inspection: &'a Inspection, array: &FoundArray) -> JsonArray<'a> {
    let descriptor = &array.descriptor;
    let geometry = &descriptor.geometry;
    let member = |member: MemberDescriptor| {
        let extent = extent(inspection, &member);
        JsonMember {
            set: member.place.set,
            slot: member.place.slot.0,
            state: member.state.name(),
            id: member.id.map(|id| id.to_string()),
            disk: member.disk,
            path: member.disk.map(|disk| inspection.disk_name(disk)),
            start_bytes: extent.map(|extent| extent.0),
            length_bytes: extent.map(|extent| extent.1),
        }
    };
    JsonArray {
        name: descriptor.name.to_string(),
        id: descriptor.id.to_string(),
        level: level_name(geometry),
        layout: geometry.placement.name(),
        chunk_bytes: crate::size::chunk_bytes(geometry),
        size_bytes: descriptor.size.bytes(geometry.block_size).unwrap_or(u64::MAX),
        members: places(array).into_iter().map(member).collect(),
    }
}
