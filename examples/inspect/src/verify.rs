// SPDX-License-Identifier: MIT OR Apache-2.0
//! `verify`: parity and copies compared with the data row by row, and a map of what does not agree.

mod damage;
mod drawing;
mod report;
#[cfg(test)]
mod tests;

use crate::arguments::VerifyArguments;
use crate::chosen;
use crate::disks::Inspection;
use crate::progress::Progress;
use crate::reader::{ArrayReader, ReadError};
use crate::verdict::ExitCode;
use damage::{Damage, What};
use raid_core::layout::Layout;
use raid_core::stripe::{self, BadRange, HealthByRow, NotPossible, RowPlan};
use raid_core::units::{Extent, Rows, Slot};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Bytes of one member that are compared at a time, in whole chunks.
const BATCH: u64 = 1 << 20;
/// Blocks that are looked through at a time where one of them cannot be read.
const PIECE: u64 = 128;
/// Times that a batch is read again because another block of it turned out to be unreadable.
const AGAIN: usize = 64;

/// What was compared, and what was found.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// Rows of blocks that were compared.
    pub(crate) rows: u64,
    /// Rows that have no redundancy with the members that are read.
    pub(crate) bare: u64,
    /// Rows of the array that were left out by sampling.
    pub(crate) unsampled: u64,
    /// Rows of a set.
    pub(crate) all_rows: u64,
    /// The sets and rows that were compared, runs that follow one another joined.
    pub(crate) compared: Vec<(u16, Rows)>,
    pub(crate) damage: Damage,
}

impl Checked {
    /// These rows were compared.
    fn compare(&mut self, set: u16, rows: Rows) {
        // Sets take turns.
        let before = self.compared.iter_mut().rev().take(8).find(|(of, _)| *of == set);
        match before {
            Some((_, last)) if last.end() == rows.start => last.len += rows.len,
            _ => self.compared.push((set, rows)),
        }
    }
}

/// Compares what `what` asks for, and reports.
pub(crate) fn run(
    inspection: &Inspection,
    what: &VerifyArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let (array, mut reader) = match chosen::choose_and_open(inspection, &what.choice, err)? {
        Ok(chosen) => chosen,
        Err(code) => return Ok(code),
    };
    let budget = what.sample.map(|mebibytes| u64::from(mebibytes) << 20);
    let checked = match check(&mut reader, budget, err) {
        Ok(checked) => checked,
        Err(error) => {
            writeln!(err, "raid-inspect: array {}: {error}", array.descriptor.name)?;
            return Ok(ExitCode::Usage);
        }
    };
    let code = match () {
        () if checked.damage.disagrees() => ExitCode::Damaged,
        () if checked.damage.has_unreadable() => ExitCode::Usage,
        () if checked.rows == 0 => ExitCode::Nothing,
        () if checked.bare > 0 => ExitCode::Degraded,
        () => ExitCode::Consistent,
    };
    let report = report::Report { reader: &reader, checked: &checked, code };
    if let Some(file) = &what.svg
        && let Err(error) = write_new(file, &drawing::of(&report))
    {
        writeln!(err, "raid-inspect: {}: {error}", file.display())?;
        return Ok(ExitCode::Usage);
    }
    if what.json {
        report.json(out)?;
    } else {
        report.text(out)?;
    }
    Ok(code)
}

/// Writes a new file: one that is there stays as it is.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    File::create_new(path)?.write_all(text.as_bytes())
}

/// Compares all rows of all sets, or so many bytes of all members in places spread over them.
pub(crate) fn check(
    reader: &mut ArrayReader<'_>,
    budget: Option<u64>,
    err: &mut dyn Write,
) -> Result<Checked, ReadError> {
    let ready = reader.shared_readiness();
    let descriptor = *reader.descriptor();
    let layout = ready.layout(&descriptor).map_err(|e| ReadError::Defect(e.to_string()))?;
    let block = u64::from(descriptor.geometry.block_size);
    let unit = layout.row_unit();
    let batch = (BATCH / block).max(1).next_multiple_of(unit);
    let rows = layout.rows();
    let (sets, slots) = (u64::from(descriptor.geometry.sets), layout.slots().len() as u64);
    let batches = rows.div_ceil(batch);
    let wanted = budget.map_or(batches, |bytes| {
        let each = batch.saturating_mul(block).saturating_mul(sets).saturating_mul(slots);
        (bytes / each.max(1)).clamp(1, batches.max(1))
    });
    let mut checked = Checked { all_rows: rows, ..Checked::default() };
    let mut progress = Progress::new(wanted.saturating_mul(batch).saturating_mul(block));
    let mut slab = Vec::new();
    for number in 0..wanted.min(batches) {
        // Spread over all of them, the first and the last included.
        let place = match wanted {
            1 => 0,
            _ => u128::from(number) * u128::from(batches - 1) / u128::from(wanted - 1),
        };
        let start = place as u64 * batch;
        let at = Rows::new(start, batch.min(rows - start));
        for set in 0..descriptor.geometry.sets {
            check_rows(reader, &layout, set, at, &mut slab, &mut checked)?;
        }
        progress.show((number + 1).saturating_mul(batch).saturating_mul(block), err);
    }
    progress.done(err);
    let covered = checked.rows + checked.bare;
    checked.unsampled = rows.saturating_mul(sets).saturating_sub(covered);
    if budget.is_none() {
        // Rows that were in no plan have nothing to be compared with.
        checked.bare += checked.unsampled;
        checked.unsampled = 0;
    }
    Ok(checked)
}

/// Compares the rows of one set; blocks that turn out to be unreadable are left out.
fn check_rows(
    reader: &mut ArrayReader<'_>,
    layout: &Layout<'_>,
    set: u16,
    at: Rows,
    slab: &mut Vec<u8>,
    checked: &mut Checked,
) -> Result<(), ReadError> {
    let ready = reader.shared_readiness();
    let index = usize::from(set);
    let health = ready.health.get(index).copied().unwrap_or_default();
    let marks = ready.marks.get(index).map_or(&[][..], Vec::as_slice);
    let mut bad: Vec<BadRange> = Vec::new();
    for again in 0..AGAIN {
        let by_row = HealthByRow { health, marks, bad: &bad };
        let mut found = Checked::default();
        let mut failed = None;
        for plan in stripe::scrub(layout, by_row, at) {
            let plan = match plan {
                Ok(plan) => plan,
                // Too little of these rows can be read: there is nothing to compare.
                Err(NotPossible::Lost { .. }) => continue,
                Err(other) => return Err(ReadError::Lost(other)),
            };
            if let Some(io) = read(reader, index, &plan, slab)? {
                failed = Some(io);
                break;
            }
            found.rows += plan.rows().len;
            found.compare(set, plan.rows());
            let backend = reader.backend();
            let compared = plan.verify_each(backend, slab, |mismatch| {
                let what = What::Differs(mismatch.wrong);
                found.damage.add(set, mismatch.rows, what);
            });
            let _counted = compared.map_err(|error| ReadError::Defect(error.to_string()))?;
        }
        let Some((slot, extent)) = failed else {
            checked.rows += found.rows;
            found.compared.drain(..).for_each(|(set, rows)| checked.compare(set, rows));
            checked.damage.take(found.damage);
            for range in &bad {
                let rows = Rows::new(range.at.start.0, range.at.len.0);
                checked.damage.add(set, rows, What::Unreadable(range.slot));
            }
            return Ok(());
        };
        if again > 0 {
            unreadable(reader, index, slot, extent, &mut bad);
            continue;
        }
        // Where one sector is bad there are others, on other members too: all of the batch is looked through once.
        let whole = HealthByRow { health, marks, bad: &[] };
        for plan in stripe::scrub(layout, whole, at) {
            for io in plan.map_err(ReadError::Lost)?.reads() {
                unreadable(reader, index, io.slot, io.at, &mut bad);
            }
        }
    }
    Err(ReadError::Defect(format!("rows from {} on fail in another place each time", at.start.0)))
}

/// Adds the blocks of a member that cannot be read, each for itself: others were a passing fault.
fn unreadable(
    reader: &ArrayReader<'_>,
    set: usize,
    slot: Slot,
    extent: Extent,
    bad: &mut Vec<BadRange>,
) {
    let block = u64::from(reader.descriptor().geometry.block_size);
    let mut bytes = vec![0; (PIECE * block) as usize];
    let mut fails = |start: u64, blocks: u64| {
        let part = &mut bytes[..(blocks * block) as usize];
        reader.read_member(set, slot, Extent::new(start, blocks), part).is_err()
    };
    for from in (0..extent.len.0).step_by(PIECE as usize) {
        let (start, blocks) = (extent.start.0 + from, PIECE.min(extent.len.0 - from));
        if fails(start, blocks) {
            let all = (start..start + blocks).filter(|block| fails(*block, 1));
            bad.extend(all.map(|block| BadRange { slot, at: Extent::new(block, 1) }));
        }
    }
}

/// Reads what a plan compares; the run that failed, if one did.
fn read(
    reader: &ArrayReader<'_>,
    set: usize,
    plan: &RowPlan,
    slab: &mut Vec<u8>,
) -> Result<Option<(Slot, Extent)>, ReadError> {
    let needed = plan.slab_blocks().0 as usize * plan.block_size() as usize;
    if slab.len() < needed {
        slab.resize(needed, 0);
    }
    for io in plan.reads() {
        let part = io.bytes(plan.block_size(), slab);
        let part = part.ok_or_else(|| ReadError::Defect("a slab too short".to_owned()))?;
        match reader.read_member(set, io.slot, io.at, part) {
            Ok(()) => {}
            Err(ReadError::Medium { .. }) => return Ok(Some((io.slot, io.at))),
            Err(other) => return Err(other),
        }
    }
    Ok(None)
}
