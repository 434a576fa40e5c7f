// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the tests share: disks in memory, discovery over them, and an inventory that keeps all.
#![allow(dead_code, unreachable_pub)]

pub mod handmade;

use raid_core::array::{ArrayDescriptor, ArrayId, ArrayState, MemberDescriptor, Place};
use raid_core::metadata::{
    Branch, DiskDescriptor, DiskShape, DiskView, Finding, Format, Inventory, Lookup, Piece,
    Severity, Subject,
};
use raid_core::units::{Blocks, Extent, Lba};
use raid_ddf::Ddf;
use raid_testdata::{Scenario, SparseImage};

/// A disk and the runs that discovery has read of it.
#[derive(Clone, Debug)]
pub struct Disk {
    pub shape: DiskShape,
    pub pieces: Vec<(Lba, Vec<u8>)>,
    pub answer: Lookup,
}

/// Reads what discovery asks for; `read` says what stands there, `None` if it cannot be read.
pub fn read_disk(shape: DiskShape, read: impl Fn(Extent) -> Option<Vec<u8>>) -> Disk {
    read_disk_as(&Ddf::new(), shape, read)
}

/// As [`read_disk`], for another value of the format.
pub fn read_disk_as(
    format: &dyn Format,
    shape: DiskShape,
    read: impl Fn(Extent) -> Option<Vec<u8>>,
) -> Disk {
    let mut pieces: Vec<(Lba, Vec<u8>)> = Vec::new();
    let mut searched = false;
    for _ in 0..9 {
        let views: Vec<Piece<'_>> =
            pieces.iter().map(|(at, bytes)| Piece { at: *at, bytes }).collect();
        let answer = format.next_read(&DiskView { shape, pieces: &views });
        match answer {
            Lookup::Absent if !std::mem::replace(&mut searched, true) => {
                search(format, shape, &read, &mut pieces);
            }
            Lookup::Read(extent) => {
                assert!(extent.len.0 * u64::from(shape.block_size) <= raid_ddf::MAX_RUN_BYTES);
                assert!(extent.start.0 + extent.len.0 <= shape.blocks.0, "{extent:?} of {shape:?}");
                pieces.push((extent.start, read(extent).unwrap_or_default()));
            }
            answer => return Disk { shape, pieces, answer },
        }
    }
    panic!("discovery asks for ever: {:?}", pieces.iter().map(|p| p.0).collect::<Vec<_>>());
}

/// Looks through the runs that the format names, and keeps the blocks that it finds.
fn search(
    format: &dyn Format,
    shape: DiskShape,
    read: &dyn Fn(Extent) -> Option<Vec<u8>>,
    pieces: &mut Vec<(Lba, Vec<u8>)>,
) {
    for index in 0.. {
        let views: Vec<Piece<'_>> =
            pieces.iter().map(|(at, bytes)| Piece { at: *at, bytes }).collect();
        let disk = DiskView { shape, pieces: &views };
        let Some(run) = format.search_run(&disk, index) else { return };
        assert!(run.len.0 * u64::from(shape.block_size) <= raid_ddf::SEARCH_RUN_BYTES);
        let bytes = read(run).unwrap_or_default();
        let Some(at) = format.found_in(&disk, &Piece { at: run.start, bytes: &bytes }) else {
            continue;
        };
        let from = ((at.0 - run.start.0) * u64::from(shape.block_size)) as usize;
        pieces.push((at, bytes[from..from + shape.block_size as usize].to_vec()));
    }
}

/// Reads an image as a disk with blocks of this size.
pub fn read_image(image: &SparseImage, block_size: u32) -> Disk {
    let shape = DiskShape { blocks: Blocks(image.len / u64::from(block_size)), block_size };
    read_disk(shape, |extent| {
        let len = extent.len.0 * u64::from(block_size);
        Some(image.bytes(extent.start.0 * u64::from(block_size), len.try_into().unwrap()))
    })
}

/// Reads all disks of a scenario.
pub fn read_scenario(scenario: &Scenario) -> Vec<Disk> {
    scenario.images().iter().map(|image| read_image(image, scenario.block_size)).collect()
}

/// Findings about a record that is not there: its number is expected, and none found.
const NOTHING_FOUND: [u16; 2] = [409, 430];

/// Findings for which more than one value would have been right: revisions; references and records of
/// which none or another was to be there; codes of levels; remarks about what codes mean.
const SEVERAL_RIGHT: [u16; 16] =
    [105, 128, 301, 305, 309, 402, 403, 410, 411, 412, 417, 424, 425, 426, 429, 436];

/// Everything that an assembly told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    pub disks: Vec<DiskDescriptor>,
    pub arrays: Vec<(ArrayDescriptor, Vec<MemberDescriptor>)>,
    pub raw: Vec<(Subject, &'static str, u64)>,
    pub findings: Vec<Finding>,
    pub branches: Vec<History>,
}

/// One history of a forked array.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    pub number: u16,
    pub disks: Vec<usize>,
    pub sequence: Option<u64>,
    pub unix_seconds: Option<u64>,
    pub failed: Vec<Place>,
}

impl Inventory for Told {
    fn branch(&mut self, branch: &Branch<'_>) {
        let (array, _) = self.arrays.last().expect("a history follows its array");
        assert_eq!(array.id, branch.array);
        assert_eq!(array.state, ArrayState::Forked);
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
        self.arrays.push((*array, Vec::new()));
    }
    fn member(&mut self, member: &MemberDescriptor) {
        let (array, members) = self.arrays.last_mut().expect("a member follows its array");
        assert_eq!(array.id, member.array);
        members.push(*member);
    }
    fn raw(&mut self, of: Subject, field: &'static str, value: u64) {
        self.raw.push((of, field, value));
    }
    fn finding(&mut self, finding: &Finding) {
        self.findings.push(*finding);
    }
}

impl Told {
    /// The array with this label.
    pub fn array(&self, name: &str) -> &(ArrayDescriptor, Vec<MemberDescriptor>) {
        let mut named =
            self.arrays.iter().filter(|(array, _)| array.name.as_bytes() == name.as_bytes());
        named.next().unwrap_or_else(|| panic!("no array {name} in {:#?}", self.arrays))
    }

    /// A field as stored.
    pub fn raw(&self, of: Subject, field: &str) -> Option<u64> {
        self.raw.iter().find(|raw| raw.0 == of && raw.1 == field).map(|raw| raw.2)
    }

    /// A field of an array as stored.
    pub fn raw_of(&self, array: ArrayId, field: &str) -> Option<u64> {
        self.raw(Subject::Array(array), field)
    }

    /// The numbers of the findings of at least this severity, in ascending order, each once.
    pub fn codes(&self, least: Severity) -> Vec<u16> {
        let told = self.findings.iter().filter(|finding| finding.severity >= least);
        let mut codes: Vec<u16> = told.map(|finding| finding.code).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }

    /// Whether a finding of this number was told.
    pub fn has(&self, code: u16) -> bool {
        self.findings.iter().any(|finding| finding.code == code)
    }
}

/// Assembles these disks.
pub fn assemble(disks: &[Disk]) -> Told {
    assemble_as(&Ddf::new(), disks)
}

/// As [`assemble`], for another value of the format.
pub fn assemble_as(format: &dyn Format, disks: &[Disk]) -> Told {
    let pieces: Vec<Vec<Piece<'_>>> = disks
        .iter()
        .map(|disk| disk.pieces.iter().map(|(at, bytes)| Piece { at: *at, bytes }).collect())
        .collect();
    let views: Vec<DiskView<'_>> = disks
        .iter()
        .zip(&pieces)
        .map(|(disk, pieces)| DiskView { shape: disk.shape, pieces })
        .collect();
    let told = |words: usize| {
        let mut told = Told::default();
        format.assemble_with(&views, &mut vec![0x5A; words], &mut told);
        told
    };
    // Whatever the scratch, the report is the same; and every finding names its disk and block.
    let full = told(format.scratch_words(&views));
    for finding in &full.findings {
        let placed = finding.disk.is_some() && finding.at.is_some();
        assert!(placed && !finding.copy.is_empty(), "{finding:?}");
        let absent = NOTHING_FOUND.contains(&finding.code);
        let open = SEVERAL_RIGHT.contains(&finding.code);
        assert!(finding.found.is_some() || absent, "{finding:?}");
        assert!(finding.expected.is_some() || open, "{finding:?}");
    }
    for words in [0, 8] {
        assert_eq!(told(words), full, "with {words} words of scratch");
    }
    full
}

impl Disk {
    /// The bytes of a run that was read.
    pub fn bytes_mut(&mut self, at: Lba, blocks: u64) -> &mut [u8] {
        let size = u64::from(self.shape.block_size);
        self.pieces
            .iter_mut()
            .find_map(|(start, bytes)| {
                let from = usize::try_from(at.0.checked_sub(start.0)? * size).ok()?;
                bytes.get_mut(from..from + usize::try_from(blocks * size).ok()?)
            })
            .expect("a run that was read")
    }
}
