// SPDX-License-Identifier: MIT OR Apache-2.0
//! From options to a geometry and the disks it needs.

use clap::{Args, ValueEnum};
use raid_core::array::{Geometry, Level, Placement, QNumbering, Secondary};
use raid_core::metadata::{DiskShape, FormatWriter};
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

/// Levels that the demo can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChosenLevel {
    /// Striping.
    Raid0,
    /// Mirroring over all members.
    Raid1,
    /// Striped mirrors of two.
    Raid10,
    /// One rotating parity.
    Raid5,
    /// Two rotating parities.
    Raid6,
}

fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "B" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        other => return Err(format!("unknown unit {other:?}: use K, M or G")),
    };
    let count: u64 = digits.parse().map_err(|error| format!("{digits:?}: {error}"))?;
    count.checked_mul(unit).ok_or_else(|| format!("{text} is too large"))
}

impl ChosenLevel {
    /// From the most to the least that an array can lose.
    pub(crate) const BY_CHOICE: [Self; 5] =
        [Self::Raid6, Self::Raid5, Self::Raid10, Self::Raid1, Self::Raid0];

    fn minimum(self) -> u16 {
        match self {
            Self::Raid0 | Self::Raid1 => 2,
            Self::Raid5 => 3,
            Self::Raid10 | Self::Raid6 => 4,
        }
    }
}

/// The geometry that the options describe at this level.
pub(crate) fn geometry(options: &Options, level: ChosenLevel) -> Result<Geometry, String> {
    let members = options.members;
    if members < level.minimum() {
        return Err(format!("{level:?} needs at least {} members", level.minimum()));
    }
    let strip = options.chunk / 512;
    if !options.chunk.is_multiple_of(512) || !strip.is_power_of_two() || options.chunk > 1 << 20 {
        return Err("--chunk must be a power of two from 512 bytes to 1M".into());
    }
    if options.size > 1 << 40 {
        return Err("--size must be at most 1024G".into());
    }
    let member_blocks = options.size / 512 / strip * strip;
    if member_blocks < 16 * strip {
        return Err("--size must be at least 16 chunks".into());
    }
    let (primary, placement, slots, sets, secondary) = match level {
        ChosenLevel::Raid0 => (Level::Raid0, Placement::Fixed, members, 1, Secondary::None),
        ChosenLevel::Raid1 => (Level::Raid1, Placement::Fixed, members, 1, Secondary::None),
        ChosenLevel::Raid10 if !members.is_multiple_of(2) => {
            return Err("striped mirrors need an even number of members".into());
        }
        ChosenLevel::Raid10 => (Level::Raid1, Placement::Fixed, 2, members / 2, Secondary::Striped),
        ChosenLevel::Raid5 => (Level::Raid5, Placement::NContinue, members, 1, Secondary::None),
        ChosenLevel::Raid6 => (Level::Raid6, Placement::NContinue, members, 1, Secondary::None),
    };
    let striped = level != ChosenLevel::Raid1;
    Ok(Geometry {
        level: primary,
        placement,
        slots,
        strip: Blocks(if striped { strip } else { 0 }),
        member_blocks: Blocks(member_blocks),
        secondary,
        sets,
        q_numbering: QNumbering::BySlot,
        parities: 0,
        rotate_shift: 0,
        block_size: 512,
    })
}

/// The smallest disk on which the format leaves so many blocks for arrays.
pub(crate) fn disk_for(format: &dyn FormatWriter, blocks: Blocks) -> Result<DiskShape, String> {
    const STEP: u64 = 2048;
    (0..64)
        .map(|step| DiskShape { blocks: Blocks(blocks.0 + (step + 1) * STEP), block_size: 512 })
        .find(|shape| format.usable(*shape).0 >= blocks.0)
        .ok_or_else(|| format!("{} leaves no room on disks of this size", format.name()))
}
