// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scenarios: which disks belong together, and what is known of the volumes on them.

use crate::{Facts, FactsVolume, Pattern, SparseImage, known};
use std::fs;
use std::path::{Path, PathBuf};

/// A set of disks as one implementation left them.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Folder of the group.
    pub group: &'static str,
    /// Folder in the group.
    pub name: String,
    /// The packed images, in the order of the disks.
    pub disks: Vec<PathBuf>,
    /// Bytes of a logical block: 512 or 4096.
    pub block_size: u32,
    /// What the kernel said, for the group `ddf-mdadm`.
    pub facts: Option<Facts>,
    /// What a reader should find. Empty also where nothing is known.
    pub volumes: Vec<Volume>,
}

/// A volume that a reader should find.
#[derive(Clone, Debug)]
pub struct Volume {
    /// Label, padding removed.
    pub name: String,
    /// Level: `raid5`, `raid10`, … as `Geometry::level_name` spells it.
    pub level: &'static str,
    /// Placement as `Placement::name` spells it.
    pub placement: &'static str,
    /// Redundancy sets.
    pub sets: usize,
    /// Slots of each set.
    pub slots: usize,
    /// Bytes of a chunk; 0 where the level has none.
    pub chunk_bytes: u64,
    /// Size of the volume.
    pub size_bytes: u64,
    /// Members that hold their data.
    pub members: Vec<KnownMember>,
    /// Content.
    pub pattern: Pattern,
}

/// A member that holds its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownMember {
    /// Running number: set × slots + slot.
    pub slot: usize,
    /// Index of the disk.
    pub disk: usize,
    /// Where its extent begins on the disk.
    pub start_bytes: u64,
}

impl Scenario {
    /// Unpacks one disk.
    ///
    /// # Panics
    /// If the file cannot be read.
    #[must_use]
    pub fn image(&self, disk: usize) -> SparseImage {
        let path = &self.disks[disk];
        SparseImage::unpack(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Unpacks all disks.
    ///
    /// # Panics
    /// If a file cannot be read.
    #[must_use]
    pub fn images(&self) -> Vec<SparseImage> {
        (0..self.disks.len()).map(|disk| self.image(disk)).collect()
    }
}

/// All scenarios, group by group, in the order of their names.
///
/// # Panics
/// If the folder of test data is incomplete.
#[must_use]
pub fn scenarios() -> Vec<Scenario> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    for group in ["ddf-mdadm", "ddf-mdadm-4.2", "ddf-graid"] {
        for folder in folder(&root.join(group), Path::is_dir) {
            all.push(load(group, &folder));
        }
    }
    for group in ["ddf-util-linux", "asr"] {
        all.push(load(group, &root.join(group)));
    }
    all
}

/// The scenario `name` of `group`.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn scenario(group: &str, name: &str) -> Scenario {
    scenarios()
        .into_iter()
        .find(|scenario| scenario.group == group && scenario.name == name)
        .unwrap_or_else(|| panic!("no scenario {group}/{name}"))
}

fn load(group: &'static str, folder_path: &Path) -> Scenario {
    let name =
        folder_path.file_name().expect("a folder").to_str().expect("a plain name").to_owned();
    let disks = folder(folder_path, |path| path.to_string_lossy().ends_with(".img.xz"));
    assert!(!disks.is_empty(), "no images in {}", folder_path.display());
    let facts: Option<Facts> = fs::read(folder_path.join("facts.json"))
        .ok()
        .map(|text| serde_json::from_slice(&text).expect("facts.json follows its schema"));
    let volumes = match &facts {
        Some(facts) => {
            facts.volumes.iter().map(|volume| from_facts(&facts.scenario, volume)).collect()
        }
        None => known::volumes(group, &name),
    };
    let block_size = if name.contains("-4k-") { 4096 } else { 512 };
    Scenario { group, name, disks, block_size, facts, volumes }
}

/// The entries of a folder that are `wanted`, sorted.
fn folder(path: &Path, wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| wanted(path))
        .collect();
    paths.sort();
    paths
}

/// md's terms in those of `raid-core`.
fn from_facts(scenario: &str, volume: &FactsVolume) -> Volume {
    let disks = volume.raid_disks;
    let (level, placement, sets) = match (volume.kernel_level.as_str(), volume.kernel_layout) {
        ("raid0", _) => ("raid0", "fixed", 1),
        ("raid1", _) => ("raid1", "fixed", 1),
        ("raid4", _) => ("raid4", "parity-last", 1),
        ("raid5", 0) => ("raid5", "parity-n-restart", 1),
        ("raid5", 1) => ("raid5", "parity-0-restart", 1),
        ("raid5", 2) => ("raid5", "parity-n-continuation", 1),
        ("raid6", 8) => ("raid6", "parity-0-restart", 1),
        ("raid6", 9) => ("raid6", "parity-n-restart", 1),
        ("raid6", 10) => ("raid6", "parity-n-continuation", 1),
        // Near copies that divide the disks evenly are striped mirrors.
        ("raid10", 0x102) if disks.is_multiple_of(2) => ("raid10", "fixed", disks / 2),
        ("raid10", 0x103) if disks.is_multiple_of(3) => ("raid10", "fixed", disks / 3),
        ("raid10", 0x102) => ("raid1e", "adjacent", 1),
        ("raid10", 0x201) => ("raid1e", "far", 1),
        (level, layout) => panic!("{scenario}: level {level} layout {layout}"),
    };
    let members = volume.slots.iter().filter(|slot| slot.state == "in_sync");
    let mut members: Vec<KnownMember> = members
        .map(|slot| KnownMember {
            slot: slot.slot.parse().expect("a member in sync has a slot"),
            disk: slot.disk,
            start_bytes: slot.offset_sectors * 512,
        })
        .collect();
    members.sort_by_key(|member| member.slot);
    let seed = u64::from_str_radix(volume.seed.trim_start_matches("0x"), 16).expect("a hex seed");
    // Written while the volume was copied: 16 KiB of zeros at each multiple of 400 KiB.
    let zeros = match scenario {
        "dirty-raid5-live" => (1..=8).map(|i| i * 409_600..i * 409_600 + 16_384).collect(),
        _ => Vec::new(),
    };
    Volume {
        name: volume.name.clone(),
        level,
        placement,
        sets,
        slots: disks / sets,
        chunk_bytes: volume.chunk_bytes,
        size_bytes: volume.bytes,
        members,
        pattern: Pattern::OffsetXor { seed, zeros },
    }
}
