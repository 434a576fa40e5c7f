// SPDX-License-Identifier: MIT OR Apache-2.0
//! Volumes by seed: a file system, in partitions or a volume group or by itself; one that looks encrypted; an empty one.

use crate::file_systems::{FileSystem, NotMade, run};
use crate::images::{self, Numbers};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Bytes before a partition, and before the first extent of a physical volume.
const ALIGNED: usize = 1 << 20;
const SECTOR: usize = 512;

/// What the volume is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Filled(FileSystem),
    /// A file system without a file.
    Fresh,
    /// LUKS: a header, then noise.
    Luks,
    /// Noise without a header.
    Noise,
    Zeros,
}

/// What the file system stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrapper {
    Bare,
    Mbr,
    Gpt,
    Lvm,
}

/// A volume of a seed.
pub(crate) struct Volume {
    pub(crate) kind: Kind,
    wrapper: Wrapper,
    pub(crate) bytes: Vec<u8>,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Filled(file_system) => file_system.name(),
            Self::Fresh => "ext4 without a file",
            Self::Luks => "LUKS",
            Self::Noise => "noise",
            Self::Zeros => "zeros",
        }
    }
}

impl Volume {
    pub(crate) fn name(&self) -> String {
        match self.wrapper {
            Wrapper::Bare => self.kind.name().to_owned(),
            Wrapper::Mbr => format!("MBR, {}", self.kind.name()),
            Wrapper::Gpt => format!("GPT, {}", self.kind.name()),
            Wrapper::Lvm => format!("LVM, {}", self.kind.name()),
        }
    }

    /// What a seed stands for.
    pub(crate) fn kind_of(seed: u64) -> Kind {
        let mut numbers = Numbers(seed ^ 0xF11E);
        let kinds = FileSystem::ALL.len() as u64;
        match numbers.below(20) {
            0 => Kind::Luks,
            1 => Kind::Noise,
            2 if numbers.below(2) == 0 => Kind::Zeros,
            2 => Kind::Fresh,
            other => Kind::Filled(FileSystem::ALL[(other % kinds) as usize]),
        }
    }

    /// The volume of a seed.
    pub(crate) fn make(folder: &Path, seed: u64) -> Result<Self, NotMade> {
        let kind = Self::kind_of(seed);
        let mut numbers = Numbers(seed ^ 0x0070_1A3E);
        let mebibytes = 64 + 32 * numbers.below(4);
        let (pages, percent) = ((mebibytes << 8) as usize, 30 + numbers.below(31));
        let wrappers = [Wrapper::Bare, Wrapper::Mbr, Wrapper::Gpt, Wrapper::Lvm];
        let mut wrapper = wrappers[numbers.below(4) as usize];
        let mut make = |file_system: FileSystem, percent| {
            file_system.make(folder, &mut numbers, mebibytes, percent)
        };
        let inner = match kind {
            Kind::Filled(file_system) => make(file_system, percent)?,
            Kind::Fresh => make(FileSystem::Ext4, 0)?,
            Kind::Luks => luks(folder, seed, pages)?,
            Kind::Noise => images::noise(seed, pages),
            Kind::Zeros => vec![0; pages * images::PAGE],
        };
        if matches!(kind, Kind::Noise | Kind::Zeros) {
            wrapper = Wrapper::Bare;
        }
        let bytes = match wrapper {
            Wrapper::Bare => inner,
            Wrapper::Mbr => mbr(inner),
            Wrapper::Gpt => gpt(folder, inner)?,
            Wrapper::Lvm => lvm(inner),
        };
        Ok(Self { kind, wrapper, bytes })
    }
}

fn luks(folder: &Path, seed: u64, pages: usize) -> Result<Vec<u8>, NotMade> {
    let (image, key) = (folder.join("luks"), folder.join("key"));
    fs::write(&image, images::noise(seed, pages)).expect("a file can be written");
    fs::write(&key, "a key of no worth").expect("a file can be written");
    let mut make = Command::new("cryptsetup");
    make.args(["luksFormat", "--batch-mode", "--type", "luks2", "--pbkdf", "pbkdf2"]);
    make.args(["--pbkdf-force-iterations", "1000"]).args([&image, &key]);
    let made = run(&mut make).map(|()| fs::read(&image).expect("the image"));
    for path in [image, key] {
        fs::remove_file(path).expect("a file that was made");
    }
    made
}

fn after_space(inner: &[u8], behind: usize) -> Vec<u8> {
    let mut bytes = vec![0; ALIGNED];
    bytes.extend_from_slice(inner);
    bytes.resize(bytes.len() + behind, 0);
    bytes
}

fn mbr(inner: Vec<u8>) -> Vec<u8> {
    let mut bytes = after_space(&inner, 0);
    let sectors = (inner.len() / SECTOR) as u32;
    bytes[440..444].copy_from_slice(&sectors.wrapping_mul(0x9E37_79B9).to_le_bytes());
    bytes[446 + 4] = 0x83;
    bytes[446 + 8..446 + 12].copy_from_slice(&((ALIGNED / SECTOR) as u32).to_le_bytes());
    bytes[446 + 12..446 + 16].copy_from_slice(&sectors.to_le_bytes());
    bytes[510..512].copy_from_slice(&[0x55, 0xAA]);
    bytes
}

fn gpt(folder: &Path, inner: Vec<u8>) -> Result<Vec<u8>, NotMade> {
    let image = folder.join("gpt");
    fs::write(&image, after_space(&inner, ALIGNED)).expect("a file can be written");
    let (first, sectors) = (ALIGNED / SECTOR, inner.len() / SECTOR);
    let partition = format!("1:{first}:{}", first + sectors - 1);
    let made = run(Command::new("sgdisk").args(["-n", &partition, "-t", "1:8300"]).arg(&image));
    let bytes = made.map(|()| fs::read(&image).expect("the image"));
    fs::remove_file(image).expect("the image");
    bytes
}

/// A physical volume with one logical volume in one piece, as LVM2 writes them. LVM's own programs make them on block
/// devices only.
fn lvm(inner: Vec<u8>) -> Vec<u8> {
    let mut bytes = after_space(&inner, 0);
    let size = bytes.len() as u64;
    let (id, metadata, data) = (b"rEcOvErrEcOvErrEcOvErrEcOvErrEcO", 4096u64, ALIGNED as u64);
    let text = format!(
        "recovered {{\nid = \"rEcOvE-rrEc-OvEr-rEcO-vErr-EcOv-ErrEcP\"\nseqno = 2\nformat = \"lvm2\"\n\
         status = [\"RESIZEABLE\", \"READ\", \"WRITE\"]\nextent_size = 2048\n\nphysical_volumes {{\n\npv0 {{\n\
         id = \"rEcOvE-rrEc-OvEr-rEcO-vErr-EcOv-ErrEcO\"\ndev_size = {}\npe_start = 2048\npe_count = {}\n}}\n}}\n\n\
         logical_volumes {{\n\nroot {{\nstatus = [\"READ\", \"WRITE\", \"VISIBLE\"]\nsegment_count = 1\n\n\
         segment1 {{\nstart_extent = 0\nextent_count = {}\ntype = \"striped\"\nstripe_count = 1\n\
         stripes = [\n\"pv0\", 0\n]\n}}\n}}\n}}\n}}\n",
        size / SECTOR as u64,
        inner.len() >> 20,
        inner.len() >> 20,
    );
    let text = [text.as_bytes(), &[0]].concat();
    let label = &mut bytes[SECTOR..2 * SECTOR];
    label[..8].copy_from_slice(b"LABELONE");
    label[8] = 1;
    label[20] = 32;
    label[24..32].copy_from_slice(b"LVM2 001");
    label[32..64].copy_from_slice(id);
    let numbers = [size, data, 0, 0, 0, metadata, data - metadata];
    for (number, at) in numbers.iter().zip((64..).step_by(8)) {
        label[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
    let sum = crc(&label[20..]).to_le_bytes();
    label[16..20].copy_from_slice(&sum);
    let header = &mut bytes[metadata as usize..][..SECTOR];
    header[4..20].copy_from_slice(b" LVM2 x[5A%r0N*>");
    header[20] = 1;
    let numbers = [metadata, data - metadata, SECTOR as u64, text.len() as u64];
    for (number, at) in numbers.iter().zip((24..).step_by(8)) {
        header[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
    header[56..60].copy_from_slice(&crc(&text).to_le_bytes());
    let sum = crc(&header[4..]).to_le_bytes();
    header[..4].copy_from_slice(&sum);
    bytes[metadata as usize + SECTOR..][..text.len()].copy_from_slice(&text);
    bytes
}

/// LVM's CRC-32: another start, and the end is not inverted.
fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0xF597_A6CF, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    })
}
