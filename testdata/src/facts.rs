// SPDX-License-Identifier: MIT OR Apache-2.0
//! `facts.json`: what the kernel said of the volumes while they ran.

use serde::Deserialize;

/// One scenario.
#[derive(Clone, Debug, Deserialize)]
pub struct Facts {
    /// Its name.
    pub scenario: String,
    /// The program that wrote the metadata.
    pub mdadm: String,
    /// The kernel that wrote data and parity.
    pub kernel: String,
    /// What is special about it.
    pub note: String,
    /// The disks, in order.
    pub disks: Vec<FactsDisk>,
    /// The volumes, in the order they were made.
    pub volumes: Vec<FactsVolume>,
}

/// One disk.
#[derive(Clone, Debug, Deserialize)]
pub struct FactsDisk {
    /// Its index.
    pub disk: usize,
    /// The device it was.
    pub dev: String,
    /// Its size.
    pub bytes: u64,
    /// Its logical block size.
    pub sector: u32,
}

/// One volume, in md's own terms.
#[derive(Clone, Debug, Deserialize)]
pub struct FactsVolume {
    /// Label.
    pub name: String,
    /// Place in the order of creation.
    pub index: usize,
    /// Constant of the data pattern, in hex.
    pub seed: String,
    /// md's level.
    pub kernel_level: String,
    /// md's layout number.
    pub kernel_layout: u32,
    /// Number of slots.
    pub raid_disks: usize,
    /// Bytes of a chunk, 0 where the level has none.
    pub chunk_bytes: u64,
    /// Size of the volume.
    pub bytes: u64,
    /// How many slots were not in sync.
    pub degraded: usize,
    /// Background operation under way.
    pub sync_action: String,
    /// How far it was.
    pub sync_completed: String,
    /// md's state.
    pub array_state: String,
    /// KiB that each member gives.
    pub component_kib: u64,
    /// The members.
    pub slots: Vec<FactsSlot>,
}

/// One member.
#[derive(Clone, Debug, Deserialize)]
pub struct FactsSlot {
    /// Slot number, or `none`.
    pub slot: String,
    /// Index of the disk.
    pub disk: usize,
    /// Where its extent begins, in sectors of 512 bytes.
    pub offset_sectors: u64,
    /// md's state: `in_sync`, `spare` (being rebuilt), `faulty`.
    pub state: String,
    /// How far it was rebuilt, or `none`.
    pub recovery_start: String,
}
