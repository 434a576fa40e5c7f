// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cat`: the bytes of one array.

use crate::arguments::CatArguments;
use crate::disks::Inspection;
use crate::progress::Progress;
use crate::reader::ArrayReader;
use crate::show::finding_text;
use crate::size::{human, level_name};
use crate::verdict::ExitCode;
use raid_array::discover::FoundArray;
use raid_array::trust::Risk;
use raid_core::metadata::Severity;
use std::io::{self, Write};

/// Bytes read and written at a time.
const CHUNK: u64 = 4 << 20;

/// Writes the bytes that `what` asks for. Refusals go to `err`.
pub(crate) fn run(
    inspection: &Inspection,
    what: &CatArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let array = match choose(inspection, what) {
        Ok(array) => array,
        Err((code, reason)) => {
            writeln!(err, "raid-inspect: {reason}")?;
            return Ok(code);
        }
    };
    let name = &array.descriptor.name;
    let findings = inspection.discovery.findings.iter();
    for found in findings.filter(|found| found.finding.array == Some(array.descriptor.id)) {
        if found.finding.severity > Severity::Note {
            writeln!(err, "raid-inspect: {}", finding_text(inspection, found))?;
        }
    }
    let mut reader = match ArrayReader::new(inspection, array, what.accepted()) {
        Ok(reader) => reader,
        Err(refusal) => {
            writeln!(err, "raid-inspect: array {name}: {refusal}")?;
            return Ok(ExitCode::NotReadable);
        }
    };
    for disk in inspection.discovery.conflicts() {
        if array.members.iter().any(|member| member.descriptor.disk == Some(disk)) {
            let disk = inspection.disk_name(disk);
            let name_of = Risk::TwoFormats.name();
            writeln!(
                err,
                "raid-inspect: array {name}: taken on trust ({name_of}): {disk}: two formats claim \
                 the disk, {} is followed",
                array.format_name
            )?;
        }
    }
    for taken in &reader.readiness().trusted {
        writeln!(err, "raid-inspect: array {name}: {taken}")?;
    }
    for gap in &reader.readiness().gaps {
        let place = gap.member.place;
        writeln!(
            err,
            "raid-inspect: array {name}: set {} slot {} is not read: {}",
            place.set, place.slot, gap.why
        )?;
    }
    let size = reader.size();
    if what.offset > size {
        writeln!(
            err,
            "raid-inspect: array {name}: --offset {} is past its {size} bytes",
            what.offset
        )?;
        return Ok(ExitCode::Usage);
    }
    let end = what.length.map_or(size, |length| what.offset.saturating_add(length).min(size));
    copy(&mut reader, name, what.offset..end, out, err)
}

fn copy(
    reader: &mut ArrayReader<'_>,
    name: &impl std::fmt::Display,
    range: std::ops::Range<u64>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let mut progress = Progress::new(range.end - range.start);
    let mut buffer = vec![0; CHUNK.min(range.end - range.start) as usize];
    let mut at = range.start;
    while at < range.end {
        // Up to the next multiple, so that an odd start costs one odd read only.
        let len = (CHUNK - at % CHUNK).min(range.end - at);
        let bytes = &mut buffer[..len as usize];
        if let Err(error) = reader.read_at(at, bytes) {
            out.flush()?;
            writeln!(err, "raid-inspect: array {name}, byte {at}: {error}")?;
            return Ok(ExitCode::Usage);
        }
        for complaint in reader.complaints.drain(..) {
            writeln!(err, "raid-inspect: {complaint}; computed from the other members")?;
        }
        out.write_all(bytes)?;
        at += len;
        progress.show(at - range.start, err);
    }
    progress.done(err);
    Ok(ExitCode::Consistent)
}

/// The array that is meant.
fn choose<'a>(
    inspection: &'a Inspection,
    what: &CatArguments,
) -> Result<&'a FoundArray, (ExitCode, String)> {
    let found = &inspection.discovery;
    let matches: Vec<&FoundArray> = match &what.array {
        None => found.arrays.iter().collect(),
        Some(wanted) => named(&found.arrays, wanted),
    };
    let array = match (matches.as_slice(), &what.array) {
        ([array], _) => *array,
        ([], None) if inspection.has_io_errors() => {
            return Err((ExitCode::Usage, "no array on the disks that can be read".to_owned()));
        }
        ([], None) => return Err((ExitCode::Nothing, "no array on these disks".to_owned())),
        ([], Some(wanted)) => {
            let choice = listed(&found.arrays);
            return Err((ExitCode::Usage, format!("no array {wanted:?} on these disks{choice}")));
        }
        (_, None) => {
            let choice = listed(&found.arrays);
            return Err((
                ExitCode::Usage,
                format!("several arrays, choose one with --array{choice}"),
            ));
        }
        (several, Some(wanted)) => {
            let choice = listed(several.iter().copied());
            return Err((
                ExitCode::Usage,
                format!("several arrays are {wanted:?}, give the identity{choice}"),
            ));
        }
    };
    let disks = array.members.iter().filter_map(|member| member.descriptor.disk);
    let mut conflicts = found.conflicts().filter(|disk| disks.clone().any(|d| d == *disk));
    match conflicts.next() {
        Some(disk) if !what.accepted().accepts(Risk::TwoFormats) => {
            let disk = inspection.disk_name(disk);
            let why = format!(
                "{disk}: two formats claim the disk (--accept {} reads it all the same, --force \
                 accepts every risk)",
                Risk::TwoFormats.name()
            );
            Err((ExitCode::Conflict, why))
        }
        _ => Ok(array),
    }
}

/// The arrays of that name, else those whose identity begins so.
fn named<'a>(arrays: &'a [FoundArray], wanted: &str) -> Vec<&'a FoundArray> {
    let by = |matches: &dyn Fn(&FoundArray) -> bool| -> Vec<&'a FoundArray> {
        arrays.iter().filter(|array| matches(array)).collect()
    };
    let names = by(&|array| array.descriptor.name.to_string() == wanted);
    if !names.is_empty() || wanted.is_empty() {
        return names;
    }
    let wanted = wanted.to_ascii_lowercase();
    by(&|array| array.descriptor.id.to_string().starts_with(&wanted))
}

fn listed<'a>(arrays: impl IntoIterator<Item = &'a FoundArray>) -> String {
    let line = |array: &FoundArray| {
        let descriptor = &array.descriptor;
        let bytes = descriptor.size.bytes(descriptor.geometry.block_size).unwrap_or(u64::MAX);
        let level = level_name(&descriptor.geometry);
        format!("\n  {}  {}  {level}, {}", descriptor.name, descriptor.id, human(bytes))
    };
    arrays.into_iter().map(line).collect()
}
