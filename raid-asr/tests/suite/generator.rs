// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes disks of the format from the offsets of the format's text alone: it shares no record with
//! the library, so a wrong offset there cannot hide here. Its own check is the one real table.

// Each user of this file includes it as a module and needs another part of it.
#![allow(dead_code, unreachable_pub, missing_docs)]

use raid_asr::Asr;
use raid_core::array::{ArrayDescriptor, ArrayState, MemberDescriptor, Place};
use raid_core::metadata::{
    Branch, DiskDescriptor, DiskShape, DiskView, Finding, Format, Inventory, Lookup, Piece, Subject,
};
use raid_core::units::{Blocks, Lba};

pub const FWP: u8 = 0;
pub const FWL: u8 = 1;
pub const FWL_2: u8 = 3;

/// Blocks of a generated disk.
pub const DISK_BLOCKS: u64 = 65536;
/// Blocks each member gives.
pub const CAPACITY: u32 = 63488;
/// Stripe unit.
pub const UNIT: u16 = 128;

/// One configuration line.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub count: u16,
    pub sequence: u16,
    pub magic: u32,
    pub level: u8,
    pub raid_type: u8,
    pub state: u8,
    pub flags: u8,
    pub channel: u8,
    pub id: u32,
    pub offset: u32,
    pub capacity: u32,
    pub stripe: u16,
    pub tid: u16,
    pub checkpoint: u32,
    pub name: [u8; 16],
}

impl Line {
    /// Its 64 bytes.
    pub fn bytes(&self) -> [u8; 64] {
        let mut out = [0u8; 64];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0x00, &self.count.to_be_bytes());
        put(0x02, &self.sequence.to_be_bytes());
        put(0x04, &self.magic.to_be_bytes());
        put(0x08, &[self.level, self.raid_type, self.state, self.flags]);
        put(0x0E, &[self.channel]);
        put(0x10, &self.id.to_be_bytes());
        put(0x14, &self.offset.to_be_bytes());
        put(0x18, &self.capacity.to_be_bytes());
        put(0x1C, &self.stripe.to_be_bytes());
        put(0x26, &self.tid.to_be_bytes());
        put(0x28, &self.checkpoint.to_be_bytes());
        put(0x30, &self.name);
        out
    }

    pub fn array(
        level: u8,
        raid_type: u8,
        magic: u32,
        count: u16,
        capacity: u32,
        stripe: u16,
    ) -> Self {
        Self { count, level, magic, raid_type, capacity, stripe, ..Self::disk(raid_type, 0, 0) }
    }

    pub fn disk(raid_type: u8, magic: u32, id: u32) -> Self {
        Self {
            count: 0,
            sequence: 1,
            magic,
            level: FWP,
            raid_type,
            state: 0,
            flags: 0,
            channel: 1,
            id,
            offset: 0,
            capacity: CAPACITY,
            stripe: UNIT,
            tid: 0,
            checkpoint: 0,
            name: *b"LABEL           ",
        }
    }
}

/// One disk's metadata.
#[derive(Clone, Debug)]
pub struct Disk {
    pub blocks: u64,
    pub drivemagic: u32,
    pub pointer: Option<u32>,
    pub version: u32,
    pub maxelm: u16,
    pub timestamp: u32,
    pub dirty: u8,
    pub priority: u8,
    pub spare: u32,
    pub header_magic: u32,
    pub lines: Vec<Line>,
    pub checksum: Option<u16>,
}

impl Disk {
    pub fn new(drivemagic: u32, lines: &[Line]) -> Self {
        Self {
            blocks: DISK_BLOCKS,
            drivemagic,
            pointer: None,
            version: 2,
            maxelm: 127,
            timestamp: 0,
            dirty: 0,
            priority: 0x10,
            spare: 0,
            header_magic: 0,
            lines: lines.to_vec(),
            checksum: None,
        }
    }

    /// The 16 blocks of the table.
    pub fn table(&self) -> Vec<u8> {
        let mut out = vec![0u8; 64];
        self.lines.iter().for_each(|line| out.extend(line.bytes()));
        let sum = out[64..].iter().map(|byte| u32::from(*byte)).sum::<u32>() % 0x1_0000;
        out.resize(8192, 0);
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0x00, &[0x90, 0x07, 0x65, 0xC4]);
        put(0x04, &self.version.to_be_bytes());
        put(0x08, &self.maxelm.to_be_bytes());
        put(0x0A, &u16::try_from(self.lines.len()).unwrap().to_be_bytes());
        put(0x0C, &64u16.to_be_bytes());
        put(0x0E, &self.checksum.unwrap_or(u16::try_from(sum).unwrap()).to_be_bytes());
        put(0x1C, &self.timestamp.to_be_bytes());
        put(0x21, &[self.dirty, self.priority]);
        put(0x24, &self.spare.to_be_bytes());
        put(0x28, &self.header_magic.to_be_bytes());
        out
    }

    /// The reserved block.
    pub fn reserved_block(&self) -> Vec<u8> {
        let usual = u32::try_from(self.blocks - 17).unwrap();
        let mut out = vec![0u8; 512];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0x000, &[0x37, 0xFC, 0x4D, 0x1E]);
        put(0x03F, &[8]);
        put(0x040, &self.drivemagic.to_be_bytes());
        put(0x100, b"DPTM");
        put(0x104, &self.pointer.unwrap_or(usual).to_be_bytes());
        out
    }

    /// The end of the disk: the table at its usual place and the reserved block.
    pub fn image(&self) -> Image {
        Image { blocks: self.blocks, tail: [self.table(), self.reserved_block()].concat() }
    }
}

/// A disk that is all zero except for its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub blocks: u64,
    pub tail: Vec<u8>,
}

impl Image {
    /// `len` bytes from block `at`.
    fn read(&self, at: u64, len: u64) -> Vec<u8> {
        let tail_at = self.blocks * 512 - u64::try_from(self.tail.len()).unwrap();
        let (from, to) = (at * 512, (at + len) * 512);
        let index = |byte: u64| usize::try_from(byte.saturating_sub(tail_at)).unwrap();
        let mut out = vec![0; usize::try_from(to - from.max(tail_at).min(to)).unwrap()];
        out.copy_from_slice(&self.tail[index(from)..index(to)]);
        out.splice(0..0, vec![0; usize::try_from(to - from).unwrap() - out.len()]);
        out
    }
}

/// What discovery has read of an image; `bad` blocks cannot be read.
#[derive(Debug)]
pub struct Probe {
    pub shape: DiskShape,
    pub pieces: Vec<(Lba, Vec<u8>)>,
    pub last: Lookup,
}

impl Probe {
    /// Reads what the format asks for, at most 8 times.
    pub fn of(image: &Image, bad: &[u64]) -> Self {
        let shape = DiskShape { blocks: Blocks(image.blocks), block_size: 512 };
        let mut pieces: Vec<(Lba, Vec<u8>)> = Vec::new();
        let mut last = Lookup::Absent;
        for _ in 0..8 {
            let borrowed = borrow(&pieces);
            last = Asr::new().next_read(&DiskView { shape, pieces: &borrowed });
            let Lookup::Read(extent) = last else { break };
            let (at, len) = (extent.start.0, extent.len.0);
            assert!(len <= 16 && at + len <= image.blocks, "asked for {extent:?}");
            let bytes = if bad.iter().any(|block| (at..at + len).contains(block)) {
                Vec::new()
            } else {
                image.read(at, len)
            };
            pieces.push((extent.start, bytes));
        }
        Self { shape, pieces, last }
    }
}

fn borrow(pieces: &[(Lba, Vec<u8>)]) -> Vec<Piece<'_>> {
    pieces.iter().map(|(at, bytes)| Piece { at: *at, bytes }).collect()
}

/// All that assembly said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub disks: Vec<DiskDescriptor>,
    pub arrays: Vec<ArrayDescriptor>,
    pub members: Vec<MemberDescriptor>,
    pub raw: Vec<(Subject, &'static str, u64)>,
    pub findings: Vec<Finding>,
    pub branches: Vec<History>,
}

/// One history of a forked array.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    pub number: u16,
    pub disks: Vec<usize>,
    pub sequence: Option<u64>,
    pub unix_seconds: Option<u64>,
    pub failed: Vec<Place>,
}

impl Inventory for Found {
    fn branch(&mut self, branch: &Branch<'_>) {
        let array = self.arrays.last().expect("a history follows its array");
        assert_eq!((array.id, array.state), (branch.array, ArrayState::Forked));
        self.branches.push(History {
            number: branch.number,
            disks: branch.disks.to_vec(),
            sequence: branch.sequence,
            unix_seconds: branch.unix_seconds,
            failed: branch.failed.to_vec(),
        });
    }
    fn disk(&mut self, disk: &DiskDescriptor) {
        self.disks.push(*disk);
    }
    fn array(&mut self, array: &ArrayDescriptor) {
        self.arrays.push(*array);
    }
    fn member(&mut self, member: &MemberDescriptor) {
        self.members.push(*member);
    }
    fn raw(&mut self, of: Subject, field: &'static str, value: u64) {
        self.raw.push((of, field, value));
    }
    fn finding(&mut self, finding: &Finding) {
        self.findings.push(*finding);
    }
}

impl Found {
    /// Whether there is a finding of this kind.
    pub fn has(&self, kind: raid_core::metadata::FindingKind) -> bool {
        self.findings.iter().any(|finding| finding.code == kind.code)
    }

    /// The raw value of a field.
    pub fn value(&self, of: Subject, field: &str) -> Option<u64> {
        self.raw.iter().find(|(s, name, _)| *s == of && *name == field).map(|(.., value)| *value)
    }
}

/// Assembles what was read.
pub fn assemble_probes(probes: &[Probe]) -> Found {
    let pieces: Vec<Vec<Piece<'_>>> = probes.iter().map(|probe| borrow(&probe.pieces)).collect();
    let views: Vec<DiskView<'_>> = probes
        .iter()
        .zip(&pieces)
        .map(|(probe, pieces)| DiskView { shape: probe.shape, pieces })
        .collect();
    let mut found = Found::default();
    Asr::new().assemble(&views, &mut found);
    found
}

/// Reads and assembles images.
pub fn assemble_images(images: &[Image]) -> Found {
    let probes: Vec<Probe> = images.iter().map(|image| Probe::of(image, &[])).collect();
    assemble_probes(&probes)
}

/// Reads and assembles disks.
pub fn assemble(disks: &[Disk]) -> Found {
    assemble_images(&disks.iter().map(Disk::image).collect::<Vec<_>>())
}

/// Identity of the n-th disk.
pub fn magic(n: u32) -> u32 {
    0x8000_0001 + n * 0x0101_0101
}

/// The lines of a one-level array.
pub fn one_level(raid_type: u8, disks: u16) -> Vec<Line> {
    let n = u32::from(disks);
    let (capacity, stripe) = match raid_type {
        0 => (CAPACITY * n, UNIT * disks),
        _ => (CAPACITY, UNIT),
    };
    let top = Line::array(FWL, raid_type, 0x1234_5678, disks, capacity, stripe);
    std::iter::once(top).chain((0..n).map(|i| Line::disk(raid_type, magic(i), i))).collect()
}

/// The lines of a two-level array of `sets` sets of two disks.
pub fn two_levels(top: u8, below: u8, sets: u16) -> Vec<Line> {
    let one = one_level(below, 2)[0];
    let capacity = if top == 0 { one.capacity * u32::from(sets) } else { one.capacity };
    let stripe = if top == 0 { UNIT * sets } else { one.stripe };
    let mut lines = vec![Line::array(FWL_2, top, 0x2222_0000, sets, capacity, stripe)];
    for set in 0..u32::from(sets) {
        lines.push(Line { magic: 0x2222_0001 + set, ..one });
        lines.extend((0..2).map(|i| Line::disk(below, magic(set * 2 + i), set * 2 + i)));
    }
    lines
}

/// Every disk named by the lines, each with the same copy of the table.
pub fn members(lines: &[Line]) -> Vec<Disk> {
    let disks = lines.iter().filter(|line| line.level == FWP && line.raid_type != 0xFE);
    disks.map(|line| Disk::new(line.magic, lines)).collect()
}

/// A global spare as dmraid builds it.
pub fn global_spare(drivemagic: u32) -> Disk {
    let whole = u32::try_from(DISK_BLOCKS).unwrap() - 17;
    let name = [0; 16];
    let top = Line { name, ..Line::array(FWL, 0xFE, 0xFFFF_FFFF, 1, whole, 0) };
    let own = Line { name, capacity: whole, stripe: 0, ..Line::disk(0xFE, drivemagic, 9) };
    Disk { header_magic: 0xFFFF_FFFF, ..Disk::new(drivemagic, &[top, own]) }
}

/// The last 17 blocks of the one real disk.
pub const REAL_TAIL: &[u8] = include_bytes!("../data/adaptec-raid-tail.bin");

/// The real disk, rebuilt from the values printed in the format's text.
pub fn real_disk() -> Disk {
    let name = *b"ZERO            ";
    let line =
        |magic, id, tid| Line { name, capacity: 0x0111_C800, tid, ..Line::disk(0, magic, id) };
    let top = Line { name, tid: 0x8200, ..Line::array(FWL, 0, 0x2CA5_856A, 4, 0x0447_2000, 0x200) };
    let lines = [
        top,
        line(0x91AA_7059, 0, 0x0202),
        line(0xC2AB_7FEA, 1, 0x0204),
        line(0xF86A_35D9, 4, 0x0206),
        line(0xA4C5_FA6A, 8, 0x0208),
    ];
    Disk { blocks: 17_942_584, ..Disk::new(0x91AA_7059, &lines) }
}

#[test]
fn the_generator_rebuilds_the_real_disk_byte_for_byte() {
    let mut tail = real_disk().image().tail;
    assert_eq!(tail[0x0E..0x10], [0x20, 0x26]);
    // The reserved block's I2O ids, which generated disks leave at 0.
    tail[8192 + 0x38..8192 + 0x3C].copy_from_slice(&[0x82, 0x02, 0x02, 0x03]);
    assert!(tail == REAL_TAIL);
}
