// SPDX-License-Identifier: MIT OR Apache-2.0
//! The report for people.

use crate::disks::{Inspection, places};
use crate::picture;
use crate::readiness::{Readiness, Refusal};
use crate::size::{chunk_bytes, human, level_name, md_name};
use crate::table::Table;
use crate::verdict;
use raid_array::discover::{FoundArray, FoundFinding, RawField};
use raid_array::trust::Accept;
use raid_core::array::{Geometry, Secondary};
use raid_core::metadata::Severity;
use std::io::{self, Write};

/// Writes everything that was found.
///
/// # Errors
/// What writing says.
pub fn report(inspection: &Inspection, out: &mut dyn Write) -> io::Result<()> {
    disks(inspection, out)?;
    for array in &inspection.discovery.arrays {
        writeln!(out)?;
        show_array(inspection, array, out)?;
    }
    findings(inspection, out)?;
    let code = verdict::of(inspection);
    writeln!(out, "\nverdict: {}", code.text())
}

fn disks(inspection: &Inspection, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "disks")?;
    let heads = ["disk", "path", "size", "block", "format", "role", "sequence", "usable"];
    let mut table = Table::new(heads);
    for (index, disk) in inspection.discovery.disks.iter().enumerate() {
        let bytes = inspection.sources[index].bytes.len();
        let mut cells = vec![index.to_string(), disk.name.clone(), human(bytes)];
        cells.push(disk.shape.block_size.to_string());
        if disk.claims.is_empty() {
            cells.push("none".to_owned());
        }
        for (claim, first) in
            disk.claims.iter().zip(std::iter::once(true).chain(std::iter::repeat(false)))
        {
            if !first {
                table.row(std::mem::replace(&mut cells, vec![String::new(); 4]));
            }
            cells.push(claim.format_name.to_owned());
            if let Some(descriptor) = &claim.descriptor {
                let usable = descriptor.usable.bytes(disk.shape.block_size).unwrap_or(u64::MAX);
                cells.push(descriptor.role.name().to_owned());
                cells.push(descriptor.sequence.map_or("-".to_owned(), |n| n.to_string()));
                cells.push(human(usable));
            } else {
                cells.push("not usable".to_owned());
            }
        }
        table.row(cells);
    }
    table.write("  ", out)
}

/// `raid5, parity-n-restart (left-asymmetric), 3 slots, chunk 64 KiB`.
pub(crate) fn shape(geometry: &Geometry) -> String {
    let mut text = level_name(geometry).to_owned();
    match (geometry.placement.name(), md_name(geometry)) {
        ("fixed", _) => {}
        (name, None) => text += &format!(", {name}"),
        (name, Some(md)) => text += &format!(", {name} ({md})"),
    }
    let slots = format!("{} slots", geometry.slots);
    match geometry.secondary {
        _ if geometry.slots == 0 => return text,
        Secondary::None => text += &format!(", {slots}"),
        secondary => {
            text += &format!(", {} sets of {slots}, {}", geometry.sets, secondary_name(secondary));
        }
    }
    match chunk_bytes(geometry) {
        0 => text,
        bytes => text + &format!(", chunk {}", human(bytes)),
    }
}

/// A short name for people and for JSON.
pub(crate) fn secondary_name(secondary: Secondary) -> &'static str {
    match secondary {
        Secondary::None => "none",
        Secondary::Striped => "striped",
        Secondary::Mirrored => "mirrored",
        Secondary::Concatenated => "concatenated",
        Secondary::Spanned => "spanned",
        _ => "unknown",
    }
}

fn show_array(inspection: &Inspection, array: &FoundArray, out: &mut dyn Write) -> io::Result<()> {
    let descriptor = &array.descriptor;
    let geometry = &descriptor.geometry;
    let bytes = descriptor.size.bytes(geometry.block_size).unwrap_or(u64::MAX);
    let ready = Readiness::of(inspection, array, Accept::NOTHING);
    writeln!(out, "array {}", descriptor.name)?;
    writeln!(out, "  identity  {} ({})", descriptor.id, array.format_name)?;
    writeln!(out, "  shape     {}", shape(geometry))?;
    writeln!(out, "  size      {} ({bytes} bytes)", human(bytes))?;
    let clean = if descriptor.clean { "clean" } else { "not clean: writes were under way" };
    let initialised = descriptor.initialisation.name();
    let state = descriptor.state.name().replace('_', " ");
    writeln!(out, "  state     {state}, {clean}, redundancy established: {initialised}")?;
    match &ready {
        Ok(ready) if ready.gaps.is_empty() => writeln!(out, "  readable  yes")?,
        Ok(_) => writeln!(out, "  readable  yes, without the members marked below")?,
        Err(refusal) => writeln!(out, "  readable  no: {refusal}")?,
    }
    members(inspection, array, out)?;
    pictures(array, &ready, out)?;
    raw("  as stored", &array.raw, out)
}

fn members(inspection: &Inspection, array: &FoundArray, out: &mut dyn Write) -> io::Result<()> {
    let places = places(array);
    if places.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(["set", "slot", "state", "disk", "path", "from block", "blocks"]);
    for member in places {
        let disk = member.disk;
        table.row([
            member.place.set.to_string(),
            member.place.slot.to_string(),
            member.state.name().replace('_', " "),
            disk.map_or("-".to_owned(), |disk| disk.to_string()),
            disk.map_or("-", |disk| inspection.disk_name(disk)).to_owned(),
            member.start.0.to_string(),
            member.len.0.to_string(),
        ]);
    }
    writeln!(out, "  members")?;
    table.write("    ", out)
}

/// A picture of every set, up to four of them.
fn pictures(
    array: &FoundArray,
    ready: &Result<Readiness, Refusal>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let readable = places(array);
    let descriptor = &array.descriptor;
    let plain = raid_core::layout::Layout::new(&descriptor.geometry);
    let layout = ready.as_ref().map_or(plain, |ready| ready.layout(descriptor));
    let Ok(layout) = layout else { return Ok(()) };
    for set in 0..descriptor.geometry.sets.min(4) {
        match descriptor.geometry.sets {
            1 => writeln!(out, "  layout")?,
            _ => writeln!(out, "  layout of set {set}")?,
        }
        let unread = |slot| {
            let mut own = readable.iter().filter(|m| m.place.set == set && m.place.slot == slot);
            own.any(|member| !crate::disks::is_readable(member))
        };
        picture::of_set(&layout, set, &unread).write("    ", out)?;
    }
    Ok(())
}

fn raw(title: &str, fields: &[RawField], out: &mut dyn Write) -> io::Result<()> {
    if fields.is_empty() {
        return Ok(());
    }
    let mut table = Table::bare();
    for field in fields {
        table.row([field.field.to_owned(), field.value.to_string(), format!("{:#x}", field.value)]);
    }
    writeln!(out, "{title}")?;
    table.write("    ", out)
}

fn findings(inspection: &Inspection, out: &mut dyn Write) -> io::Result<()> {
    let found = &inspection.discovery;
    let unreadable = found.disks.iter().any(|disk| !disk.unreadable.is_empty());
    let conflict = found.conflicts().next().is_some();
    let unopened = inspection.unopened().next().is_some();
    let remarked = !inspection.remarks.is_empty();
    if found.findings.is_empty() && !unreadable && !conflict && !unopened && !remarked {
        return Ok(());
    }
    writeln!(out, "\nfindings")?;
    for (path, error) in inspection.unopened() {
        writeln!(out, "  open      {path}: {error}")?;
    }
    for remark in &inspection.remarks {
        writeln!(out, "  disk      {}: {}", inspection.disk_name(remark.disk), remark.text)?;
    }
    for disk in found.conflicts() {
        let formats = found.disks[disk].claims.iter().map(|claim| claim.format_name);
        let formats = formats.collect::<Vec<_>>().join(" and ");
        writeln!(out, "  conflict  {}: claimed by {formats}", inspection.disk_name(disk))?;
    }
    for disk in &found.disks {
        for run in &disk.unreadable {
            let (at, len) = (run.extent.start.0, run.extent.len.0);
            writeln!(out, "  read      {}: {len} blocks from block {at}: {}", disk.name, run.why)?;
        }
    }
    let mut sorted: Vec<&FoundFinding> = found.findings.iter().collect();
    sorted.sort_by_key(|found| std::cmp::Reverse(found.finding.severity));
    for found in sorted {
        let severity = severity_name(found.finding.severity);
        writeln!(out, "  {severity:8}  {}", finding_text(inspection, found))?;
    }
    Ok(())
}

/// A short name for people and for JSON.
pub(crate) fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Damage => "damage",
        Severity::Refusal => "refusal",
    }
}

/// `d1.img, primary header at block 36864 (byte 18874368): crc, found 0x1, expected 0x2`.
pub(crate) fn finding_text(inspection: &Inspection, found: &FoundFinding) -> String {
    let finding = &found.finding;
    let mut text = String::new();
    if let Some(disk) = finding.disk {
        text += &format!("{}, ", inspection.disk_name(disk));
    }
    if let Some(array) = finding.array {
        match inspection.array(array) {
            Some(array) => text += &format!("array {}, ", array.descriptor.name),
            None => text += &format!("array {array}, "),
        }
    }
    text += finding.copy;
    if let Some(at) = finding.at {
        text += &format!(" at block {}", at.0);
        if let Some(byte) = offset_bytes(inspection, found) {
            text += &format!(" (byte {byte})");
        }
    }
    text += &format!(": {}", finding.what);
    if let Some(value) = finding.found {
        text += &format!(", found {value:#x}");
    }
    if let Some(value) = finding.expected {
        text += &format!(", expected {value:#x}");
    }
    text
}

/// Where a finding is on its disk.
pub(crate) fn offset_bytes(inspection: &Inspection, found: &FoundFinding) -> Option<u64> {
    let disk = inspection.discovery.disks.get(found.finding.disk?)?;
    found.finding.at?.0.checked_mul(u64::from(disk.shape.block_size))
}
