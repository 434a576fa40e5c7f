// SPDX-License-Identifier: MIT OR Apache-2.0
//! From options to a geometry and the disks it needs.

use crate::level::{self, ChosenLevel, parse_bytes};
use clap::Args;
use raid_core::array::Geometry;
use raid_core::metadata::{Admin, DiskShape};
use raid_core::units::Blocks;
use std::path::PathBuf;

/// Options of the demo.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// RAID level. Without it the first of RAID 6, 5, 10, 1, 0 that the format can hold with so many
    /// members.
    #[arg(long, value_enum)]
    pub(crate) level: Option<ChosenLevel>,
    /// Members of the array; a spare comes on top.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..=32))]
    pub(crate) members: u16,
    /// What each member gives to the array, e.g. 32M.
    #[arg(long, default_value = "32M", value_parser = parse_bytes)]
    pub(crate) size: u64,
    /// Strip of each member, e.g. 64K.
    #[arg(long, default_value = "64K", value_parser = parse_bytes)]
    pub(crate) chunk: u64,
    /// Metadata format.
    #[arg(long, default_value = "ddf")]
    pub(crate) metadata: String,
    /// Replays a run exactly; any number. Chosen at random if absent.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Requests of each stage's workload.
    #[arg(long, default_value_t = 1500, value_parser = clap::value_parser!(u64).range(50..))]
    pub(crate) requests: u64,
    /// Writers at work at the same time.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) writers: u16,
    /// Where the members' files are made, and kept. Without it they are made in a temporary folder,
    /// which is removed at the end unless something was wrong.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    /// Report as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The geometry that the options describe at this level.
pub(crate) fn geometry(options: &Options, level: ChosenLevel) -> Result<Geometry, String> {
    if options.size > 1 << 40 {
        return Err("--size must be at most 1024G".into());
    }
    let shape = level::geometry(level, options.members, options.chunk, options.size, 512)?;
    if shape.member_blocks.0 < 16 * shape.strip.0.max(options.chunk / 512) {
        return Err("--size must be at least 16 chunks".into());
    }
    Ok(shape)
}

/// The smallest disk on which the format leaves so many blocks for arrays.
pub(crate) fn disk_for(format: &dyn Admin, blocks: Blocks) -> Result<DiskShape, String> {
    const STEP: u64 = 2048;
    (0..64)
        .map(|step| DiskShape { blocks: Blocks(blocks.0 + (step + 1) * STEP), block_size: 512 })
        .find(|shape| format.usable(*shape).0 >= blocks.0)
        .ok_or_else(|| format!("{} leaves no room on disks of this size", format.name()))
}
