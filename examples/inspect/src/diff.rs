// SPDX-License-Identifier: MIT OR Apache-2.0
//! `diff`: the metadata of two disks, or of two images of one, field by field.
//!
//! ```text
//! disk ──discover──▶ runs ──record map──▶ fields by name ─┐
//! disk ──discover──▶ runs ──record map──▶ fields by name ─┴─▶ those that differ, with their places
//! ```
//!
//! Fields are compared by name, not by address: the two disks may be of different sizes.

mod report;

use crate::arguments::DiffArguments;
use crate::verdict::ExitCode;
use raid_array::discover::{Discovery, FoundDisk, MetadataBound, Source, discover_within};
use raid_array::record_map::{Field, FieldName, fields_of};
use raid_core::metadata::Format;
use report::Report;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Fields up to this long are shown whole, of longer ones the bytes that differ.
const WHOLE: usize = 24;
/// Differences that are kept; more are counted.
const MOST: usize = 100_000;

/// Bytes of one of the disks.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Side {
    /// Where they begin on the disk.
    at: u64,
    bytes: Vec<u8>,
}

/// What is not the same.
#[derive(Clone, Debug)]
struct Difference {
    format: &'static str,
    /// Without a field: the whole record is on one disk only.
    name: FieldName,
    /// Where in the field.
    offset: u64,
    sides: [Option<Side>; 2],
}

/// All that is not the same.
#[derive(Debug, Default)]
struct Differences {
    all: Vec<Difference>,
    more: u64,
    /// Fields that are the same.
    equal: u64,
}

/// Compares the two disks that `what` names.
pub(crate) fn run(
    what: &DiffArguments,
    formats: &[&dyn Format],
    bound: MetadataBound,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let mut found = Vec::new();
    for path in &what.paths {
        let source = match Source::open(path) {
            Ok(source) => source,
            Err(error) => {
                writeln!(err, "raid-inspect: {}: {error}", path.display())?;
                return Ok(ExitCode::Usage);
            }
        };
        let size = source.bytes.len();
        // Each for itself: what is the same on both is no reason to leave one out.
        let Discovery { mut disks, .. } = discover_within(&[source], formats, bound);
        for run in disks.iter().flat_map(|disk| &disk.unreadable) {
            let (at, len) = (run.extent.start.0, run.extent.len.0);
            let name = path.display();
            writeln!(err, "raid-inspect: {name}: {len} blocks from block {at}: {}", run.why)?;
        }
        found.extend(disks.pop().map(|disk| (disk, size)));
    }
    let [a, b] = found.as_slice() else {
        writeln!(err, "raid-inspect: diff compares two disks")?;
        return Ok(ExitCode::Usage);
    };
    let differences = compare(&a.0, &b.0);
    let claims = a.0.claims.len() + b.0.claims.len();
    let code = match () {
        () if claims == 0 => ExitCode::Nothing,
        () if !differences.all.is_empty() => ExitCode::Damaged,
        () => ExitCode::Consistent,
    };
    let report = Report { disks: [a, b], differences, code };
    match what.json {
        true => report.json(out)?,
        false => report.text(out)?,
    }
    Ok(code)
}

fn compare(a: &FoundDisk, b: &FoundDisk) -> Differences {
    let mut differences = Differences::default();
    let mut formats: Vec<(usize, &'static str)> =
        a.claims.iter().chain(&b.claims).map(|claim| (claim.format, claim.format_name)).collect();
    formats.sort_unstable();
    formats.dedup();
    for (format, name) in formats {
        let of = |disk: &FoundDisk| {
            let claim = disk.claims.iter().find(|claim| claim.format == format);
            claim.map_or_else(Vec::new, |claim| {
                fields_of(format, &claim.pieces, disk.shape.block_size)
            })
        };
        differences.put(name, of(a), of(b));
    }
    differences
}

impl Differences {
    fn put(&mut self, format: &'static str, a: Vec<Field>, b: Vec<Field>) {
        let mut rest: BTreeMap<FieldName, Field> = b.into_iter().map(|f| (f.name, f)).collect();
        // Records of which a disk has nothing are named once, not field by field.
        let mut alone: Vec<(FieldName, usize, Side)> = Vec::new();
        let mut only = |field: Field, of: usize| {
            let name = FieldName { entry: None, field: "", ..field.name };
            let end = |side: &Side| side.at.saturating_add(side.bytes.len() as u64);
            match alone.last_mut() {
                Some((last, side_of, side))
                    if (last.copy, last.record, *side_of) == (name.copy, name.record, of)
                        && end(side) == field.at =>
                {
                    side.bytes.extend(field.bytes);
                }
                _ => alone.push((name, of, Side { at: field.at, bytes: field.bytes })),
            }
        };
        for field in a {
            match rest.remove(&field.name) {
                None => only(field, 0),
                Some(other) if other.bytes == field.bytes => self.equal += 1,
                Some(other) => self.fields(format, &field, &other),
            }
        }
        let mut rest: Vec<Field> = rest.into_values().collect();
        rest.sort_by_key(|field| field.at);
        rest.into_iter().for_each(|field| only(field, 1));
        for (name, of, side) in alone {
            let sides = if of == 0 { [Some(side), None] } else { [None, Some(side)] };
            self.push(Difference { format, name, offset: 0, sides });
        }
    }

    /// Two fields of one name that differ.
    fn fields(&mut self, format: &'static str, a: &Field, b: &Field) {
        let (len, shared) = (a.bytes.len().max(b.bytes.len()), a.bytes.len().min(b.bytes.len()));
        let side = |field: &Field, from: usize, to: usize| {
            let bytes = field.bytes.get(from..to.min(field.bytes.len()))?;
            (!bytes.is_empty())
                .then(|| Side { at: field.at.saturating_add(from as u64), bytes: bytes.to_vec() })
        };
        let mut run = |from: usize, to: usize| {
            let sides = [side(a, from, to), side(b, from, to)];
            self.push(Difference { format, name: a.name, offset: from as u64, sides });
        };
        if len <= WHOLE {
            return run(0, len);
        }
        let mut from = None;
        for at in 0..=shared {
            let differs = at < shared && a.bytes[at] != b.bytes[at];
            match (from, differs) {
                (None, true) => from = Some(at),
                (Some(first), false) => {
                    run(first, at);
                    from = None;
                }
                _ => {}
            }
        }
        if shared < len {
            run(shared, len);
        }
    }

    fn push(&mut self, difference: Difference) {
        if self.all.len() < MOST {
            self.all.push(difference);
        } else {
            self.more += 1;
        }
    }
}
