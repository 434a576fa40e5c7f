// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which array is meant, and what is to be said before it is read.

use crate::arguments::Choice;
use crate::disks::Inspection;
use crate::reader::ArrayReader;
use crate::show::finding_text;
use crate::size::{human, level_name};
use crate::verdict::ExitCode;
use raid_array::discover::FoundArray;
use raid_array::trust::{Accept, Risk};
use raid_core::metadata::Severity;
use std::io::{self, Write};

/// Makes an array ready to be read, and says line by line what was found, taken on trust, and left out.
///
/// # Errors
/// It is refused; the reason was said.
pub fn open<'a>(
    inspection: &'a Inspection,
    array: &FoundArray,
    accept: Accept,
    say: &mut dyn FnMut(String),
) -> Result<ArrayReader<'a>, ExitCode> {
    let claimed = |disk: usize| array.members.iter().any(|m| m.descriptor.disk == Some(disk));
    let conflict = inspection.discovery.conflicts().find(|disk| claimed(*disk));
    if let Some(disk) = conflict.filter(|_| !accept.accepts(Risk::TwoFormats)) {
        say(format!(
            "{}: two formats claim the disk (--accept {} reads it all the same, --force \
             accepts every risk)",
            inspection.disk_name(disk),
            Risk::TwoFormats.name()
        ));
        return Err(ExitCode::Conflict);
    }
    let name = &array.descriptor.name;
    let findings = inspection.discovery.findings.iter();
    for found in findings.filter(|found| found.finding.array == Some(array.descriptor.id)) {
        if found.finding.severity > Severity::Note {
            say(finding_text(inspection, found));
        }
    }
    let reader = match ArrayReader::new(inspection, array, accept) {
        Ok(reader) => reader,
        Err(refusal) => {
            say(format!("array {name}: {refusal}"));
            return Err(ExitCode::NotReadable);
        }
    };
    for disk in inspection.discovery.conflicts() {
        if claimed(disk) {
            let disk = inspection.disk_name(disk);
            let name_of = Risk::TwoFormats.name();
            say(format!(
                "array {name}: taken on trust ({name_of}): {disk}: two formats claim \
                 the disk, {} is followed",
                array.format_name
            ));
        }
    }
    for taken in &reader.readiness().trusted {
        say(format!("array {name}: {taken}"));
    }
    for gap in &reader.readiness().gaps {
        let place = gap.member.place;
        say(format!(
            "array {name}: set {} slot {} is not read: {}",
            place.set, place.slot, gap.why
        ));
    }
    Ok(reader)
}

/// The array that is meant, ready to be read; what is to be said of it goes to `err`.
///
/// # Errors
/// Outside, that `err` cannot be written; inside, that there is none or it is refused: the reason was said.
pub(crate) fn choose_and_open<'a>(
    inspection: &'a Inspection,
    choice: &Choice,
    err: &mut dyn Write,
) -> io::Result<Result<(&'a FoundArray, ArrayReader<'a>), ExitCode>> {
    let array = match choose(inspection, choice) {
        Ok(array) => array,
        Err((code, reason)) => {
            writeln!(err, "raid-inspect: {reason}")?;
            return Ok(Err(code));
        }
    };
    let mut say = |line| drop(writeln!(err, "raid-inspect: {line}"));
    Ok(open(inspection, array, choice.accepted(), &mut say).map(|reader| (array, reader)))
}

/// The array that is meant.
///
/// # Errors
/// None or several are, and which there are.
pub fn choose<'a>(
    inspection: &'a Inspection,
    choice: &Choice,
) -> Result<&'a FoundArray, (ExitCode, String)> {
    let found = &inspection.discovery;
    let matches: Vec<&FoundArray> = match &choice.array {
        None => found.arrays.iter().collect(),
        Some(wanted) => named(&found.arrays, wanted),
    };
    let array = match (matches.as_slice(), &choice.array) {
        ([array], _) => *array,
        ([], None) if inspection.has_io_errors() => {
            return Err((ExitCode::Usage, "no array on the disks that can be read".to_owned()));
        }
        ([], None) => return Err((ExitCode::Nothing, "no array on these disks".to_owned())),
        ([], Some(wanted)) if found.arrays.is_empty() && !inspection.has_io_errors() => {
            return Err((
                ExitCode::Nothing,
                format!("no array {wanted:?} on these disks, nor any other"),
            ));
        }
        ([], Some(wanted)) => {
            let choice = match found.arrays.as_slice() {
                [] => String::new(),
                arrays => format!(", there is{}", listed(arrays)),
            };
            let code = match inspection.has_io_errors() {
                true => ExitCode::Usage,
                false => ExitCode::Nothing,
            };
            return Err((code, format!("no array {wanted:?} on these disks{choice}")));
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
    Ok(array)
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
