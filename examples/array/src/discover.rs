// SPDX-License-Identifier: MIT OR Apache-2.0
//! Discovery with std: reads what the formats ask for and keeps what they report.
//!
//! ```text
//! Source ──next_read──▶ pieces ──assemble──▶ Discovery { disks, arrays, findings }
//!        (per disk and format)  (per format)
//! ```
//!
//! Nothing is written: a [`Source`] cannot. The block size of an image file is not known, and metadata
//! of one size can pass for that of another: 512 and 4096 are both tried unless the first holds
//! together (a device that reports its size is asked with that one first), and the one that holds
//! together best is taken.
//!
//! Memory: each run is read once and held once. All disks and formats together hold no more than the
//! [`MetadataBound`], and as much again as one disk may hold while its second block size is tried. A
//! search for metadata that stands elsewhere holds what it looks through no longer than it looks. A
//! store shares these bytes until it edits them.

mod bound;
mod choice;
mod configuration;
mod inventory;
mod overlap;
mod source;

pub use bound::MetadataBound;
pub use choice::{Choice, utc};
pub(crate) use configuration::is_spare_of_all;
pub use inventory::{FoundArray, FoundBranch, FoundFinding, FoundMember, RawField, RowsOfSet};
pub use overlap::SharedBlocks;
pub use source::{ReadAt, Source, discover_members};

use bound::Allowance;
use inventory::Collector;
use raid_core::metadata::{DiskDescriptor, DiskShape, DiskView, Format, Lookup, Piece, Severity};
use raid_core::units::{Blocks, Extent, Lba};
use std::cmp::Reverse;
use std::sync::Arc;

/// Runs that a format may ask for per disk.
const MAX_RUNS: usize = 4096;

/// A run of blocks that was read; empty if it could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadPiece {
    /// Address of its first block.
    pub at: Lba,
    /// The bytes, shared with whoever edits a copy of them.
    pub bytes: Arc<Vec<u8>>,
}

/// What one format made of one disk.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Index of the format in the list given.
    pub format: usize,
    /// Its name.
    pub format_name: &'static str,
    /// The runs it asked for, for a later update of the same bytes.
    pub pieces: Vec<ReadPiece>,
    /// What it says of the disk; `None` if it recognised the disk and could not use it.
    pub descriptor: Option<DiskDescriptor>,
    /// The disk's fields as stored.
    pub raw: Vec<RawField>,
}

/// One of the disks given.
#[derive(Clone, Debug)]
pub struct FoundDisk {
    /// Its name for people.
    pub name: String,
    /// Its size, in the blocks that the metadata is written in.
    pub shape: DiskShape,
    /// The formats that recognise it: none, one, or a conflict.
    pub claims: Vec<Claim>,
    /// Runs that a format asked for without success.
    pub unreadable: Vec<Unreadable>,
    /// The first of the disks given that is this one under another name: only that one is looked at.
    pub same_as: Option<usize>,
}

/// A run of blocks that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The run.
    pub extent: Extent,
    /// Why.
    pub why: String,
    /// Whether the disk is to blame, or its metadata.
    pub cause: Cause,
}

/// What keeps a run from being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The medium failed.
    Medium,
    /// The metadata leads where there is nothing.
    NothingThere,
    /// More metadata would be held than the [`MetadataBound`] allows.
    OverBound,
}

/// All that was found on a set of disks.
#[derive(Clone, Debug, Default)]
pub struct Discovery {
    /// The disks, in the order given.
    pub disks: Vec<FoundDisk>,
    /// The arrays, format by format.
    pub arrays: Vec<FoundArray>,
    /// What the formats noticed.
    pub findings: Vec<FoundFinding>,
}

impl Discovery {
    /// Disks that more than one format recognises.
    pub fn conflicts(&self) -> impl Iterator<Item = usize> {
        let claimed_twice = |(_, disk): &(usize, &FoundDisk)| disk.claims.len() > 1;
        self.disks.iter().enumerate().filter(claimed_twice).map(|(index, _)| index)
    }

    /// The arrays that `format`, number `index` in the list given, finds on one of the disks alone: what
    /// that disk says of the others.
    #[must_use]
    pub fn as_seen_by(&self, disk: usize, index: usize, format: &dyn Format) -> Vec<FoundArray> {
        let hidden = |(number, found): (usize, &FoundDisk)| match number == disk {
            true => found.clone(),
            false => FoundDisk { claims: Vec::new(), ..found.clone() },
        };
        let disks: Vec<FoundDisk> = self.disks.iter().enumerate().map(hidden).collect();
        assemble(&disks, index, format).arrays
    }
}

/// Looks for every format on every disk and puts together what they form.
#[must_use]
pub fn discover(sources: &[Source], formats: &[&dyn Format]) -> Discovery {
    discover_within(sources, formats, MetadataBound::default())
}

/// As [`discover`], with another bound on the metadata that is held.
#[must_use]
pub fn discover_within(
    sources: &[Source],
    formats: &[&dyn Format],
    bound: MetadataBound,
) -> Discovery {
    let mut allowance = Allowance::new(bound);
    let mut read = |index| {
        let (found, left) = read_once(sources, index, formats, allowance);
        allowance = left.for_next_disk();
        found
    };
    let disks = (0..sources.len()).map(&mut read).collect();
    let mut discovery = Discovery { disks, ..Discovery::default() };
    for (index, format) in formats.iter().enumerate() {
        let collected = assemble(&discovery.disks, index, *format);
        for (disk, descriptor, raw) in collected.disks {
            let claims = discovery.disks.get_mut(disk).map(|disk| &mut disk.claims);
            for claim in claims.into_iter().flatten().filter(|claim| claim.format == index) {
                claim.descriptor = descriptor.or(claim.descriptor);
                claim.raw.extend(raw.iter().copied());
            }
        }
        discovery.arrays.extend(collected.arrays);
        discovery.findings.extend(collected.findings);
    }
    discovery
}

/// Lets one format put together the disks that it recognises.
fn assemble(disks: &[FoundDisk], index: usize, format: &dyn Format) -> Collector {
    let claims: Vec<&[ReadPiece]> = disks
        .iter()
        .map(|disk| {
            let claim = disk.claims.iter().find(|claim| claim.format == index);
            claim.map_or(&[][..], |claim| &claim.pieces)
        })
        .collect();
    let pieces: Vec<Vec<Piece<'_>>> = claims.iter().map(|pieces| borrowed(pieces)).collect();
    let shapes = disks.iter().map(|disk| disk.shape);
    let views: Vec<DiskView<'_>> =
        shapes.zip(&pieces).map(|(shape, pieces)| DiskView { shape, pieces }).collect();
    let mut collector = Collector::new(index, format.name());
    if claims.iter().any(|pieces| !pieces.is_empty()) {
        let mut scratch = vec![0; format.scratch_words(&views)];
        format.assemble_with(&views, &mut scratch, &mut collector);
    }
    collector
}

/// Looks at a disk unless it was given before, under whatever name.
fn read_once(
    sources: &[Source],
    index: usize,
    formats: &[&dyn Format],
    allowance: Allowance,
) -> (FoundDisk, Allowance) {
    let source = &sources[index];
    let identity = source.bytes.identity();
    let same = |earlier: &Source| identity.is_some() && earlier.bytes.identity() == identity;
    let same_as = sources[..index].iter().position(same);
    match same_as {
        Some(_) => {
            let (found, left) = probe(source, shape_of(source), &[], allowance);
            (FoundDisk { same_as, ..found }, left)
        }
        None => read_disk(source, formats, allowance),
    }
}

fn shape_of(source: &Source) -> DiskShape {
    let block_size = source.bytes.block_size().unwrap_or(512);
    DiskShape { blocks: Blocks(source.bytes.len() / u64::from(block_size)), block_size }
}

/// Asks every format about a disk, with both block sizes unless the first holds together; the one
/// that holds together best.
fn read_disk(
    source: &Source,
    formats: &[&dyn Format],
    allowance: Allowance,
) -> (FoundDisk, Allowance) {
    let sizes = match source.bytes.block_size() {
        Some(4096) => [4096, 512],
        _ => [512, 4096],
    };
    let candidate = |block_size: u32| {
        let blocks = Blocks(source.bytes.len() / u64::from(block_size));
        let found = probe(source, DiskShape { blocks, block_size }, formats, allowance);
        let rank = rank(&found.0, formats);
        (found, rank)
    };
    let (first, rank) = candidate(sizes[0]);
    if rank.is_whole() {
        return first;
    }
    let (second, other) = candidate(sizes[1]);
    if other > rank { second } else { first }
}

/// How well what was found on one disk holds together; more is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// Formats that can use the disk.
    usable: usize,
    /// Arrays that it is a member of, and that are not refused.
    arrays: usize,
    /// Formats that recognise it.
    claims: usize,
    refusals: Reverse<usize>,
    damages: Reverse<usize>,
}

impl Rank {
    /// Whether nothing is wrong, so that nothing else can be better.
    fn is_whole(&self) -> bool {
        self.usable > 0
            && self.usable == self.claims
            && (self.refusals, self.damages) == (Reverse(0), Reverse(0))
    }
}

fn rank(disk: &FoundDisk, formats: &[&dyn Format]) -> Rank {
    let claims = disk.claims.len();
    let (refusals, damages) = (Reverse(0), Reverse(0));
    let mut rank = Rank { usable: 0, arrays: 0, claims, refusals, damages };
    for claim in &disk.claims {
        let Some(format) = formats.get(claim.format) else { continue };
        let seen = assemble(std::slice::from_ref(disk), claim.format, *format);
        rank.usable += usize::from(seen.disks.iter().any(|(_, known, _)| known.is_some()));
        let found = |severity| {
            seen.findings.iter().filter(|found| found.finding.severity == severity).count()
        };
        rank.refusals.0 += found(Severity::Refusal);
        rank.damages.0 += found(Severity::Damage);
        let refused = |array: &FoundArray| {
            seen.findings.iter().any(|found| {
                let finding = &found.finding;
                finding.severity == Severity::Refusal && finding.array == Some(array.descriptor.id)
            })
        };
        let member = |array: &&FoundArray| {
            array.members.iter().any(|member| member.descriptor.disk == Some(0)) && !refused(array)
        };
        rank.arrays += seen.arrays.iter().filter(member).count();
    }
    rank
}

fn probe(
    source: &Source,
    shape: DiskShape,
    formats: &[&dyn Format],
    mut allowance: Allowance,
) -> (FoundDisk, Allowance) {
    let name = source.name.clone();
    let mut disk =
        FoundDisk { name, shape, claims: Vec::new(), unreadable: Vec::new(), same_as: None };
    for (index, format) in formats.iter().enumerate() {
        let mut lookup = Reading { source, format: *format, allowance, disk: &mut disk };
        if let Some(pieces) = lookup.all() {
            allowance = lookup.allowance;
            disk.claims.push(Claim {
                format: index,
                format_name: format.name(),
                pieces,
                descriptor: None,
                raw: Vec::new(),
            });
        }
    }
    (disk, allowance)
}

/// One format's look at one disk.
struct Reading<'a> {
    source: &'a Source,
    format: &'a dyn Format,
    allowance: Allowance,
    disk: &'a mut FoundDisk,
}

impl Reading<'_> {
    /// Reads what the format asks for; `None` if it does not recognise the disk.
    fn all(&mut self) -> Option<Vec<ReadPiece>> {
        let mut pieces: Vec<ReadPiece> = Vec::new();
        let mut searched = false;
        for _ in 0..MAX_RUNS {
            let view = DiskView { shape: self.disk.shape, pieces: &borrowed(&pieces) };
            match self.format.next_read(&view) {
                Lookup::Complete => return Some(pieces),
                Lookup::Read(extent) => {
                    let bytes = self.run(extent).unwrap_or_default();
                    pieces.push(ReadPiece { at: extent.start, bytes: Arc::new(bytes) });
                }
                Lookup::Absent if !searched => {
                    searched = true;
                    if !self.search(&mut pieces) {
                        return None;
                    }
                }
                _ => return None,
            }
        }
        let all = Extent { start: Lba(0), len: self.disk.shape.blocks };
        let why = format!("{}: more than {MAX_RUNS} reads wanted", self.format.name());
        self.note(all, why, Cause::NothingThere);
        None
    }

    /// Looks through what the format wants to be looked through, and keeps what it finds; whether that is
    /// anything.
    fn search(&mut self, pieces: &mut Vec<ReadPiece>) -> bool {
        let (before, shape) = (pieces.len(), self.disk.shape);
        let size = u64::from(shape.block_size);
        for index in 0.. {
            let view = DiskView { shape, pieces: &borrowed(pieces) };
            let Some(run) = self.format.search_run(&view, index) else { break };
            let Some(bytes) = self.run(run) else { continue };
            let found = self.format.found_in(&view, &Piece { at: run.start, bytes: &bytes });
            let kept = found.and_then(|at| {
                let from =
                    usize::try_from(at.0.checked_sub(run.start.0)?.checked_mul(size)?).ok()?;
                let block = bytes.get(from..from.checked_add(shape.block_size as usize)?)?;
                Some(ReadPiece { at, bytes: Arc::new(block.to_vec()) })
            });
            self.allowance.give_back(bytes.len() as u64);
            if let Some(kept) = kept {
                let one = Extent { start: kept.at, len: Blocks(1) };
                // What was given back is more than a block.
                if self.allowance.take(self.format.name(), one, size).is_ok() {
                    pieces.push(kept);
                }
            }
        }
        pieces.len() > before
    }

    /// Reads a run; `None`, and a note, if it cannot be read or may not be held.
    fn run(&mut self, extent: Extent) -> Option<Vec<u8>> {
        let shape = self.disk.shape;
        let inside = extent.end().is_some_and(|end| end.0 <= shape.blocks.0);
        let (Some(offset), Some(len), true) = (
            Blocks(extent.start.0).bytes(shape.block_size),
            extent.len.bytes(shape.block_size),
            inside,
        ) else {
            let why = format!("past the end, the disk has {} blocks", shape.blocks.0);
            self.note(extent, why, Cause::NothingThere);
            return None;
        };
        if let Err(over) = self.allowance.take(self.format.name(), extent, len) {
            self.note(extent, over.to_string(), Cause::OverBound);
            return None;
        }
        let mut bytes = vec![0; len as usize];
        match self.source.bytes.read_at(offset, &mut bytes) {
            Ok(()) => Some(bytes),
            Err(error) => {
                self.allowance.give_back(len);
                self.note(extent, error.to_string(), Cause::Medium);
                None
            }
        }
    }

    fn note(&mut self, extent: Extent, why: String, cause: Cause) {
        self.disk.unreadable.push(Unreadable { extent, why, cause });
    }
}

fn borrowed(pieces: &[ReadPiece]) -> Vec<Piece<'_>> {
    pieces.iter().map(|piece| Piece { at: piece.at, bytes: &piece.bytes }).collect()
}

#[cfg(test)]
mod tests;
