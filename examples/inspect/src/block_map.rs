// SPDX-License-Identifier: MIT OR Apache-2.0
//! `layout`: where each block of an array is, what each block of a disk is, and the same for device-mapper.
//!
//! ```text
//! block of the array ──▶ set, slot, block of the member ──▶ disk, block
//! disk, block ──▶ array, set, slot, block of the member ──▶ block of the array, or parity of which blocks
//! ```

mod cell;
mod device_mapper;
mod report;

use crate::arguments::LayoutArguments;
use crate::chosen;
use crate::disks::{Inspection, named_disk};
use crate::verdict::ExitCode;
use cell::{Cell, of_array_block, of_disk_byte};
use device_mapper::Script;
use raid_array::discover::FoundArray;
use report::Report;
use std::io::{self, Write};

/// A block that was asked for, and what it is.
struct Answer {
    of: Asked,
    block: u64,
    byte: u64,
    cells: Vec<Cell>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// A block of the array with this index among those reported.
    Array(usize),
    /// A block of the disk.
    Disk(usize),
}

/// Answers what `what` asks.
pub(crate) fn run(
    inspection: &Inspection,
    what: &LayoutArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    // A block of a disk says itself which array it is of.
    let one = !what.logical.is_empty() || what.dmsetup || what.choice.array.is_some();
    let arrays: Result<Vec<&FoundArray>, _> = match inspection.discovery.arrays.as_slice() {
        several @ [_, ..] if !one => Ok(several.iter().collect()),
        _ => chosen::choose(inspection, &what.choice).map(|array| vec![array]),
    };
    let answers = arrays.and_then(|arrays| {
        let answers = answers(inspection, what, &arrays).map_err(|why| (ExitCode::Usage, why))?;
        Ok((arrays, answers))
    });
    let (arrays, answers) = match answers {
        Ok(found) => found,
        Err((code, why)) => {
            writeln!(err, "raid-inspect: {why}")?;
            return Ok(code);
        }
    };
    let mut script: Option<Result<Script, String>> = None;
    if let ([array], true) = (arrays.as_slice(), what.dmsetup) {
        let mut say = |line| drop(writeln!(err, "raid-inspect: {line}"));
        match chosen::open(inspection, array, what.choice.accepted(), &mut say) {
            Ok(reader) => script = Some(device_mapper::of(inspection, array, reader.readiness())),
            Err(code) => return Ok(code),
        }
    }
    let code = match &script {
        Some(Err(_)) => ExitCode::NotReadable,
        _ if answers.iter().any(|answer| answer.cells.is_empty()) => ExitCode::Nothing,
        _ => ExitCode::Consistent,
    };
    let rows = what.rows.map(|count| (what.first_row, count));
    let report = Report { inspection, arrays, answers, script, rows, code };
    if what.json {
        report.json(out)?;
    } else {
        report.text(out)?;
    }
    Ok(code)
}

fn answers(
    inspection: &Inspection,
    what: &LayoutArguments,
    arrays: &[&FoundArray],
) -> Result<Vec<Answer>, String> {
    let mut answers = Vec::new();
    for block in what.logical.iter().copied() {
        // One was chosen.
        let Some(array) = arrays.first() else { continue };
        let descriptor = &array.descriptor;
        let (name, size) = (descriptor.name, descriptor.size.0);
        if block >= size {
            return Err(format!("array {name}: --logical {block} is past its {size} blocks"));
        }
        let cells = of_array_block(inspection, array, block)?;
        let byte = block.saturating_mul(u64::from(descriptor.geometry.block_size));
        answers.push(Answer { of: Asked::Array(0), block, byte, cells });
    }
    for word in &what.physical {
        let wrong = || format!("--physical {word}: expected a disk, a colon, and a block");
        let (name, number) = word.rsplit_once(':').ok_or_else(wrong)?;
        let block: u64 = number.parse().map_err(|_| wrong())?;
        let disk = named_disk(&inspection.paths, name)
            .map_err(|why| format!("--physical {word}: {why}"))?;
        let shape = inspection.discovery.disks.get(disk).map(|disk| disk.shape);
        let shape = shape.ok_or_else(wrong)?;
        if block >= shape.blocks.0 {
            let size = shape.blocks.0;
            return Err(format!("--physical {word}: the disk has {size} blocks"));
        }
        let byte = block.saturating_mul(u64::from(shape.block_size));
        let mut cells = Vec::new();
        for array in arrays {
            cells.extend(of_disk_byte(inspection, array, disk, byte)?);
        }
        answers.push(Answer { of: Asked::Disk(disk), block, byte, cells });
    }
    Ok(answers)
}
