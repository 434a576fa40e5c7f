// SPDX-License-Identifier: MIT OR Apache-2.0
//! The set of a seed: level, rotation, chunk, number of disks, what is before the array and behind it, what is wrong
//! with it, and whether anybody could say what it was.

use crate::images::Numbers;
use crate::sets::{Frame, Harm, Other, Set, Shape};
use crate::volumes::{Kind, Volume};
use raid_core::array::{Level, Placement, QNumbering};

const ROTATIONS: [Placement; 4] =
    [Placement::NContinue, Placement::NRestart, Placement::ZeroContinue, Placement::ZeroRestart];
const MOST_DISKS: u16 = 8;

/// What is expected of a guess, besides that it is never sure and wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The first guess is right.
    Right,
    /// Nothing: no data says so, or more members are lost than the level bears.
    CannotTell,
    /// Nothing: levels of this kind are not looked for.
    NotSearched,
}

/// A set, before its volume is split.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) level: &'static str,
    shape: Shape,
    disks: u16,
    frame: Frame,
    harm: Harm,
    seed: u64,
}

impl Plan {
    /// Of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let mut numbers = Numbers(seed ^ 0x5E75);
        let mut one_of = |choices: &[u64]| choices[numbers.below(choices.len() as u64) as usize];
        // From 4 KiB to 1 MiB.
        let chunk = one_of(&[1, 2, 4, 8, 16, 16, 32, 64, 128, 256]);
        let placement = ROTATIONS[one_of(&[0, 1, 2, 3]) as usize];
        let disks = one_of(&[3, 4, 5, 6, 7, 8]) as u16;
        let numbering = [QNumbering::ByData, QNumbering::BySlot][one_of(&[0, 1]) as usize];
        let pairs = (disks / 2 * 2).clamp(4, MOST_DISKS);
        let (level, shape, disks) = match one_of(&[0, 1, 2, 3, 4, 4, 4, 4, 5, 6, 6, 7]) {
            0 => ("RAID-0", Shape::raid0(chunk), disks),
            1 => ("RAID-1", Shape::raid1(), [2, 2, 3][one_of(&[0, 1, 2]) as usize]),
            2 => ("RAID-10", Shape::raid10(chunk), pairs),
            3 => ("RAID-4", Shape::raid4(chunk), disks),
            4 => ("RAID-5", Shape { placement, ..Shape::raid5(chunk) }, disks),
            5 => {
                let (chunk, shift) = (chunk.min(32), one_of(&[1, 2, 4]) as u8);
                let shape = Shape { placement, shift, ..Shape::raid5(chunk) };
                ("RAID-5 delayed", Shape { level: Level::Raid5R, ..shape }, disks)
            }
            6 => {
                let shape = Shape { placement, numbering, ..Shape::raid6(chunk) };
                ("RAID-6", shape, disks.max(4))
            }
            _ => {
                let near = one_of(&[0, 1]) == 0;
                let placement = if near { Placement::Adjacent } else { Placement::Offset };
                ("RAID-1E", Shape::of(Level::Raid1E, placement, chunk), disks | 1)
            }
        };
        let start = one_of(&[0, 16, 256, 512, 512 + 9]);
        let noise_before = start > 0 && one_of(&[0, 1]) == 1;
        let frame = Frame { start, noise_before, behind: one_of(&[0, 256]) };
        let harms =
            [Harm::None, Harm::None, Harm::Missing, Harm::Missing, Harm::Stale, Harm::Foreign];
        // Two lost disks are more than any of these bears, or RAID-6 is looked for with.
        let harm = match one_of(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]) {
            12 if disks > 3 => Harm::TwoMissing,
            index => harms[index as usize % harms.len()],
        };
        // Of two copies, one that is missing leaves a single disk.
        let alone = shape.level == Level::Raid1 && disks == 2 && harm == Harm::Missing;
        let harm = if alone { Harm::None } else { harm };
        Self { level, shape, disks, frame, harm, seed }
    }

    /// In one line.
    pub(crate) fn name(&self) -> String {
        let shape = &self.shape;
        let mut name = self.level.to_owned();
        if shape.placement != Placement::Fixed && self.level != "RAID-4" {
            name += &format!(" {}", shape.placement.name());
        }
        if self.level == "RAID-6" {
            name += if shape.numbering == QNumbering::BySlot { " by slot" } else { " by data" };
        }
        if shape.shift > 0 {
            name += &format!(" ×{}", 1 << shape.shift);
        }
        if shape.chunk > 0 {
            name += &format!(", {} KiB", shape.chunk * 4);
        }
        let (disks, start) = (self.disks, self.frame.start * 4);
        name + &format!(", {disks} disks, from {start} KiB, {}", self.harm.name())
    }

    /// Pages of a member in which each disk has parity once, if it rotates.
    fn turn(&self) -> u64 {
        let shape = &self.shape;
        let rotates = ROTATIONS.contains(&shape.placement);
        let rows = if rotates { u64::from(self.disks) << shape.shift } else { 1 };
        shape.chunk.max(1) * rows
    }

    /// What may be expected with this volume, once it is split: less than three turns, and what fills up the last one, do not say
    /// how parity moves.
    pub(crate) fn expected(&self, kind: Kind, set: &Set) -> Expected {
        let redundant = !matches!(self.shape.level, Level::Raid0);
        match () {
            () if !matches!(kind, Kind::Filled(_)) => Expected::CannotTell,
            () if self.harm == Harm::TwoMissing => Expected::CannotTell,
            () if self.harm == Harm::Missing && !redundant => Expected::CannotTell,
            () if self.level == "RAID-1E" => Expected::NotSearched,
            () if set.geometry.member_blocks.0 < 4 * self.turn() => Expected::CannotTell,
            () => Expected::Right,
        }
    }

    /// The members' images. `other` is the volume that a foreign disk is of, and what was written meanwhile.
    pub(crate) fn split(&self, volume: &Volume, other: &[u8]) -> Set {
        let shape = (self.shape, self.disks);
        let other = Other::Volume(other);
        Set::framed(&volume.bytes, shape, self.seed, self.harm, self.frame, other)
    }
}
