// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cat`: the bytes of one array.

use crate::arguments::CatArguments;
use crate::chosen;
use crate::disks::Inspection;
use crate::progress::Progress;
use crate::reader::ArrayReader;
use crate::verdict::ExitCode;
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
    let (array, mut reader) = match chosen::choose_and_open(inspection, &what.choice, err)? {
        Ok(chosen) => chosen,
        Err(code) => return Ok(code),
    };
    let name = &array.descriptor.name;
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
