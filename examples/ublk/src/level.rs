// SPDX-License-Identifier: MIT OR Apache-2.0
//! Levels by name, and the geometry of an array of one.

use clap::ValueEnum;
use raid_core::array::{Geometry, Level, Placement, QNumbering, Secondary};
use raid_core::units::Blocks;

/// Levels that can be made.
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

/// Bytes, with a unit of 1024 if one is given.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
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

    /// As the command line has it.
    const fn name(self) -> &'static str {
        match self {
            Self::Raid0 => "raid0",
            Self::Raid1 => "raid1",
            Self::Raid10 => "raid10",
            Self::Raid5 => "raid5",
            Self::Raid6 => "raid6",
        }
    }

    const fn minimum(self) -> u16 {
        match self {
            Self::Raid0 | Self::Raid1 => 2,
            Self::Raid5 => 3,
            Self::Raid10 | Self::Raid6 => 4,
        }
    }
}

/// So many members at this level, each of which gives `size` bytes, cut down to whole strips of `chunk` bytes.
pub(crate) fn geometry(
    level: ChosenLevel,
    members: u16,
    chunk: u64,
    size: u64,
    block_size: u32,
) -> Result<Geometry, String> {
    let block = u64::from(block_size);
    if members < level.minimum() {
        let (name, least) = (level.name(), level.minimum());
        return Err(format!("{name} needs at least {least} members, {members} are given"));
    }
    let strip = chunk / block;
    if !chunk.is_multiple_of(block) || !strip.is_power_of_two() || chunk > 1 << 20 {
        return Err(format!("--chunk must be a power of two from {block} bytes to 1M"));
    }
    let member_blocks = size / block / strip * strip;
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
        block_size,
    })
}
