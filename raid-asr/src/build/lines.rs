// SPDX-License-Identifier: MIT OR Apache-2.0
//! A geometry as the lines of a table, and what of a geometry no line can say.
//!
//! | geometry | top line | arrays below it |
//! |---|---|---|
//! | RAID 0, RAID 1 | FWL of that type | – |
//! | one member | FWL of type RAID 1, `raidcnt` 1 | – |
//! | striped mirrors | FWL_2 of type RAID 0 | FWLs of type RAID 1 |
//! | mirrored stripes, mirrored mirrors | FWL_2 of type RAID 1 | FWLs of type RAID 0 or 1 |

use super::invalid;
use crate::{ConfigurationLine, LineName, RaidTable, RaidType, TreeLevel};
use raid_core::array::{Geometry, Level, Secondary};
use raid_core::layout::{GeometryError, Layout};
use raid_core::metadata::ChangeError;
use zerocopy::FromZeros;

/// Blocks of a stripe unit where the geometry has none: the most that firmware offers.
const UNIT_OF_COPIES: u64 = 128;

/// Most lines a table may have in use: some readers refuse a full one (`asr.md` 4.3).
const MOST_LINES: u64 = 126;

/// What the lines of an array say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines {
    /// Type of each array of disks.
    set_type: RaidType,
    /// Type of the array of arrays, if there is one.
    top_type: Option<RaidType>,
    pub(crate) sets: u16,
    pub(crate) slots: u16,
    unit: u16,
    member: u32,
    set_capacity: u32,
    capacity: u32,
    set_stripe: u16,
    stripe: u16,
    pub(crate) name: LineName,
    /// Identity of the top line; those of the arrays below it follow.
    pub(crate) magic: u32,
}

fn unsupported(what: &'static str) -> ChangeError {
    ChangeError::Unsupported(what)
}

fn narrow<T: TryFrom<u64>>(what: &'static str, found: u64, limit: u64) -> Result<T, ChangeError> {
    T::try_from(found).map_err(|_| invalid(what, found, limit))
}

impl Lines {
    /// The lines for a geometry; what the format cannot hold is refused.
    pub(crate) fn of(geometry: &Geometry, unverified: bool) -> Result<Self, ChangeError> {
        let set_type = match geometry.level {
            Level::Raid0 => RaidType::Raid0,
            Level::Raid1 | Level::Single => RaidType::Raid1,
            _ => return Err(unsupported("levels but RAID 0, RAID 1, RAID 10 and single disks")),
        };
        if geometry.level == Level::Single && geometry.slots != 1 {
            return Err(invalid("members of a single disk", geometry.slots.into(), 1));
        }
        if geometry.level == Level::Raid1 && geometry.slots < 2 {
            return Err(invalid("members of a mirror", geometry.slots.into(), 2));
        }
        let top_type = match (geometry.sets, geometry.secondary, geometry.level) {
            (1, ..) => None,
            (_, Secondary::Striped, Level::Raid1) => Some(RaidType::Raid0),
            (_, Secondary::Mirrored, Level::Raid0 | Level::Raid1) => Some(RaidType::Raid1),
            _ => return Err(unsupported("sets joined in this way")),
        };
        // Mirrored stripes were read back through another reader; of the other two nothing is known
        // but what one reader makes of them, and that is other data.
        let known = top_type.is_none() || geometry.level == Level::Raid0;
        if !known && !unverified {
            return Err(unsupported("arrays of mirrors, unless unverified codes are asked for"));
        }
        let lines = Self::sized(geometry, set_type, top_type)?;
        if lines.count() > MOST_LINES {
            return Err(invalid("lines of the table", lines.count(), MOST_LINES));
        }
        Ok(lines)
    }

    fn sized(
        geometry: &Geometry,
        set_type: RaidType,
        top_type: Option<RaidType>,
    ) -> Result<Self, ChangeError> {
        let (slots, sets) = (u64::from(geometry.slots), u64::from(geometry.sets));
        let striped = set_type == RaidType::Raid0 || top_type == Some(RaidType::Raid0);
        let member = geometry.member_blocks.0;
        let unit = match striped {
            true => geometry.strip.0,
            // Some readers cut members to whole units.
            false => UNIT_OF_COPIES.min(1u64.checked_shl(member.trailing_zeros()).unwrap_or(1)),
        };
        if unit == 0 || (striped && !member.is_multiple_of(unit)) {
            return Err(invalid("blocks of each member: whole strips of", member, unit));
        }
        if !unit.is_power_of_two() {
            // dmraid and the kernel refuse other units, firmware offers none.
            let below = 1u64.checked_shl(unit.ilog2()).unwrap_or(1);
            return Err(invalid("blocks of a strip, which is a power of two", unit, below));
        }
        let full_unit = u64::from(u16::MAX);
        let per_set = if set_type == RaidType::Raid0 { slots } else { 1 };
        let set_stripe = unit.saturating_mul(per_set);
        let set_capacity = member.saturating_mul(per_set);
        let factor = if top_type == Some(RaidType::Raid0) { sets } else { 1 };
        let stripe = set_stripe.saturating_mul(factor);
        let capacity = set_capacity.saturating_mul(factor);
        let most = u64::from(u32::MAX);
        match Layout::new(geometry) {
            Ok(_) => {}
            Err(GeometryError::MemberTooSmall { found, expected }) => {
                return Err(invalid("blocks of each member", found, expected));
            }
            Err(_) => return Err(unsupported("a geometry that gives no addresses")),
        }
        Ok(Self {
            set_type,
            top_type,
            sets: geometry.sets,
            slots: geometry.slots,
            unit: narrow("blocks of a strip", unit, full_unit)?,
            member: narrow("blocks of each member", member, most)?,
            set_capacity: narrow("blocks of a set", set_capacity, most)?,
            capacity: narrow("blocks of the array", capacity, most)?,
            set_stripe: narrow("blocks of a full stripe of a set", set_stripe, full_unit)?,
            stripe: narrow("blocks of a full stripe", stripe, full_unit)?,
            name: LineName([0; 16]),
            magic: 0,
        })
    }

    /// Whether a set outlives the loss of a member.
    pub(crate) fn redundant(&self) -> bool {
        self.set_type == RaidType::Raid1 && self.slots > 1
    }

    /// Array lines below the top.
    pub(crate) fn below(&self) -> u32 {
        if self.top_type.is_some() { self.sets.into() } else { 0 }
    }

    /// Lines in use.
    pub(crate) fn count(&self) -> u64 {
        let disks = u64::from(self.sets).saturating_mul(self.slots.into());
        disks.saturating_add(u64::from(self.below())).saturating_add(1)
    }

    fn blank(&self) -> ConfigurationLine {
        let mut line = ConfigurationLine::new_zeroed();
        line.raidseq = 1.into();
        line.name = self.name;
        line
    }

    fn top(&self) -> ConfigurationLine {
        match self.top_type {
            None => self.set(0),
            Some(top_type) => ConfigurationLine {
                raidcnt: self.sets.into(),
                raidmagic: self.magic.into(),
                raidlevel: TreeLevel::Fwl2.raw(),
                raidtype: top_type.raw(),
                lcapcty: self.capacity.into(),
                strpsize: self.stripe.into(),
                ..self.blank()
            },
        }
    }

    fn set(&self, set: u16) -> ConfigurationLine {
        let below = self.top_type.map_or(0, |_| u32::from(set).saturating_add(1));
        ConfigurationLine {
            raidcnt: self.slots.into(),
            raidmagic: self.magic.saturating_add(below).into(),
            raidlevel: TreeLevel::Fwl.raw(),
            raidtype: self.set_type.raw(),
            lcapcty: self.set_capacity.into(),
            strpsize: self.set_stripe.into(),
            ..self.blank()
        }
    }

    /// The line of the `position`-th disk.
    fn disk(&self, position: u32, drivemagic: u32) -> ConfigurationLine {
        ConfigurationLine {
            raidmagic: drivemagic.into(),
            raidlevel: TreeLevel::Fwp.raw(),
            raidtype: self.set_type.raw(),
            raidid: position.into(),
            lcapcty: self.member.into(),
            strpsize: self.unit.into(),
            ..self.blank()
        }
    }

    /// Writes the lines into a table. `drivemagic` gives the identity of the disk of each place,
    /// set by set; `edit_set` and `edit_disk` say more of a set and of a place.
    pub(crate) fn write(
        &self,
        table: &mut RaidTable,
        mut drivemagic: impl FnMut(usize) -> Option<u32>,
        mut edit_set: impl FnMut(u16, &mut ConfigurationLine),
        mut edit_disk: impl FnMut(usize, &mut ConfigurationLine),
    ) {
        let mut used = 0u16;
        let mut room = table.lines.iter_mut();
        let mut put = |line: ConfigurationLine| {
            if let Some(place) = room.next() {
                *place = line;
                used = used.saturating_add(1);
            }
        };
        if self.top_type.is_some() {
            put(self.top());
        }
        let mut position = 0u32;
        for set in 0..self.sets {
            let mut line = self.set(set);
            edit_set(set, &mut line);
            put(line);
            for _ in 0..self.slots {
                let index = usize::try_from(position).unwrap_or(usize::MAX);
                let magic = drivemagic(index).unwrap_or(crate::ReservedBlock::NO_DRIVEMAGIC);
                let mut line = self.disk(position, magic);
                edit_disk(index, &mut line);
                put(line);
                position = position.saturating_add(1);
            }
        }
        table.header.elmcnt = used.into();
    }
}
