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
//! Memory: each run is read once and held once, at most 64 MiB for each disk and format that
//! recognises it, and as much again while the second block size of one disk is tried. A store shares
//! these bytes until it edits them.

mod inventory;
mod overlap;
mod source;

pub use inventory::{FoundArray, FoundBranch, FoundFinding, FoundMember, RawField};
pub use overlap::SharedBlocks;
pub use source::{ReadAt, Source, discover_members};

use inventory::Collector;
use raid_core::metadata::{DiskDescriptor, DiskShape, DiskView, Format, Lookup, Piece, Severity};
use raid_core::units::{Blocks, Extent, Lba};
use std::cmp::Reverse;
use std::sync::Arc;

/// Runs that a format may ask for per disk, and bytes of all of them: twice the 32 MiB that the
/// largest format reserves at the end of a disk, of which a search reads all.
const MAX_RUNS: usize = 4096;
const MAX_BYTES: u64 = 64 << 20;

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
    /// Whether the medium failed; else the metadata leads where there is nothing.
    pub medium: bool,
}

impl Unreadable {
    fn nothing_there(extent: Extent, why: String) -> Self {
        Self { extent, why, medium: false }
    }
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
    let disks = (0..sources.len()).map(|index| read_once(sources, index, formats)).collect();
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
fn read_once(sources: &[Source], index: usize, formats: &[&dyn Format]) -> FoundDisk {
    let source = &sources[index];
    let identity = source.bytes.identity();
    let same = |earlier: &Source| identity.is_some() && earlier.bytes.identity() == identity;
    let same_as = sources[..index].iter().position(same);
    match same_as {
        Some(_) => FoundDisk { same_as, ..probe(source, shape_of(source), &[]) },
        None => read_disk(source, formats),
    }
}

fn shape_of(source: &Source) -> DiskShape {
    let block_size = source.bytes.block_size().unwrap_or(512);
    DiskShape { blocks: Blocks(source.bytes.len() / u64::from(block_size)), block_size }
}

/// Asks every format about a disk, with both block sizes unless the first holds together; the one
/// that holds together best.
fn read_disk(source: &Source, formats: &[&dyn Format]) -> FoundDisk {
    let sizes = match source.bytes.block_size() {
        Some(4096) => [4096, 512],
        _ => [512, 4096],
    };
    let candidate = |block_size: u32| {
        let blocks = Blocks(source.bytes.len() / u64::from(block_size));
        let found = probe(source, DiskShape { blocks, block_size }, formats);
        let rank = rank(&found, formats);
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

fn probe(source: &Source, shape: DiskShape, formats: &[&dyn Format]) -> FoundDisk {
    let name = source.name.clone();
    let mut disk =
        FoundDisk { name, shape, claims: Vec::new(), unreadable: Vec::new(), same_as: None };
    for (index, format) in formats.iter().enumerate() {
        if let Some(pieces) = lookup(source, *format, &mut disk) {
            disk.claims.push(Claim {
                format: index,
                format_name: format.name(),
                pieces,
                descriptor: None,
                raw: Vec::new(),
            });
        }
    }
    disk
}

/// Reads what `format` asks for; `None` if it does not recognise the disk.
fn lookup(source: &Source, format: &dyn Format, disk: &mut FoundDisk) -> Option<Vec<ReadPiece>> {
    let mut pieces: Vec<ReadPiece> = Vec::new();
    let mut left = MAX_BYTES;
    for _ in 0..MAX_RUNS {
        let view = DiskView { shape: disk.shape, pieces: &borrowed(&pieces) };
        match format.next_read(&view) {
            Lookup::Complete => return Some(pieces),
            Lookup::Read(extent) => {
                let bytes =
                    read_run(source, disk.shape, extent, left).unwrap_or_else(|unreadable| {
                        disk.unreadable.push(unreadable);
                        Vec::new()
                    });
                left -= bytes.len() as u64;
                pieces.push(ReadPiece { at: extent.start, bytes: Arc::new(bytes) });
            }
            _ => return None,
        }
    }
    let all = Extent { start: Lba(0), len: disk.shape.blocks };
    let why = format!("{}: more than {MAX_RUNS} reads wanted", format.name());
    disk.unreadable.push(Unreadable::nothing_there(all, why));
    None
}

/// Reads a run of at most `limit` bytes.
fn read_run(
    source: &Source,
    shape: DiskShape,
    extent: Extent,
    limit: u64,
) -> Result<Vec<u8>, Unreadable> {
    let inside = extent.end().is_some_and(|end| end.0 <= shape.blocks.0);
    let (Some(offset), Some(len), true) = (
        Blocks(extent.start.0).bytes(shape.block_size),
        extent.len.bytes(shape.block_size),
        inside,
    ) else {
        let why = format!("past the end, the disk has {} blocks", shape.blocks.0);
        return Err(Unreadable::nothing_there(extent, why));
    };
    if len > limit {
        let why =
            format!("{len} bytes more than {} already read, limit {MAX_BYTES}", MAX_BYTES - limit);
        return Err(Unreadable::nothing_there(extent, why));
    }
    let mut bytes = vec![0; len as usize];
    match source.bytes.read_at(offset, &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(Unreadable { extent, why: error.to_string(), medium: true }),
    }
}

fn borrowed(pieces: &[ReadPiece]) -> Vec<Piece<'_>> {
    pieces.iter().map(|piece| Piece { at: piece.at, bytes: &piece.bytes }).collect()
}

#[cfg(test)]
mod tests;
