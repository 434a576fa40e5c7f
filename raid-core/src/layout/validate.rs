// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a geometry to its layout: what each level asks for, and the numbers that follow.

use super::concatenated::Sizes;
use super::divisor::Divisor;
use super::interleaved::Interleaved;
use super::rotation::Rotation;
use super::shifted::{Shift, Shifted};
use super::{Elements, Family, GeometryError, Layout, Strips, slot_at, striped};
use crate::array::{Geometry, Level, Placement, QNumbering, Secondary};
use crate::units::{Blocks, Slot};
use core::num::NonZeroU64;

impl Layout<'static> {
    /// The layout of `geometry`; a concatenation's members are all of `member_blocks`.
    ///
    /// # Errors
    /// The first thing about the geometry that gives no addresses.
    pub fn new(geometry: &Geometry) -> Result<Self, GeometryError> {
        Self::check(geometry, Sizes::Equal(geometry.slots, geometry.member_blocks))
    }
}

impl<'m> Layout<'m> {
    /// The layout of a concatenation of members of these sizes, in slot order; `member_blocks` of
    /// the geometry is not looked at.
    ///
    /// # Errors
    /// As [`Layout::new`]; besides, a level other than concatenation, and a number of sizes other
    /// than the geometry's slots.
    pub fn concatenation(
        geometry: &Geometry,
        members: &'m [Blocks],
    ) -> Result<Self, GeometryError> {
        let level = geometry.level;
        if level != Level::Concat {
            let why = "members of unequal size are for concatenation only";
            return Err(GeometryError::Unsupported { level, why });
        }
        if members.len() != usize::from(geometry.slots) {
            let expected = geometry.slots;
            return Err(GeometryError::MemberSizes { found: members.len(), expected });
        }
        Self::check(geometry, Sizes::Each(members))
    }

    fn check(geometry: &Geometry, sizes: Sizes<'m>) -> Result<Self, GeometryError> {
        if geometry.block_size != 512 && geometry.block_size != 4096 {
            return Err(GeometryError::BlockSize { found: geometry.block_size });
        }
        check_parities(geometry)?;
        check_slots(geometry)?;
        check_sets(geometry)?;
        let family = family(geometry, sizes)?;
        let strips = strips(geometry, &family)?;
        let joint = joint(geometry, &strips)?;
        Ok(Self { geometry: *geometry, family, strips, joint })
    }
}

fn check_parities(geometry: &Geometry) -> Result<(), GeometryError> {
    let found = geometry.parities;
    if geometry.level == Level::Mdf && found == 0 {
        return Err(GeometryError::Parities { found, least: 1, most: u8::MAX });
    }
    let most = 63;
    if geometry.level == Level::Raid5R && geometry.rotate_shift > most {
        return Err(GeometryError::RotateShift { found: geometry.rotate_shift, most });
    }
    Ok(())
}

fn check_slots(geometry: &Geometry) -> Result<(), GeometryError> {
    let least = match geometry.level {
        Level::Raid0 | Level::Raid1 | Level::Single | Level::Concat => 1,
        Level::Raid1E
        | Level::Raid10
        | Level::Raid3
        | Level::Raid4
        | Level::Raid5
        | Level::Raid5R => 2,
        Level::Raid5E | Level::Raid5EE | Level::Raid6 => 3,
        Level::Mdf => u16::from(geometry.parities).saturating_add(1),
    };
    let most = match geometry.level {
        Level::Single => 1,
        // 2^255 is 2^0 in the field: two slots would be told apart by neither P nor Q.
        Level::Raid6 | Level::Mdf if geometry.q_numbering == QNumbering::BySlot => 255,
        _ => 256,
    };
    let found = geometry.slots;
    let sound = (least..=most).contains(&found);
    if sound { Ok(()) } else { Err(GeometryError::Slots { found, least, most }) }
}

fn check_sets(geometry: &Geometry) -> Result<(), GeometryError> {
    let (found, secondary) = (geometry.sets, geometry.secondary);
    if found == 0 || (found > 1 && secondary == Secondary::None) {
        return Err(GeometryError::Sets { found, secondary });
    }
    if found > 1 && geometry.level == Level::Concat {
        let why = "concatenations under a secondary level";
        return Err(GeometryError::Unsupported { level: geometry.level, why });
    }
    Ok(())
}

fn family<'m>(geometry: &Geometry, sizes: Sizes<'m>) -> Result<Family<'m>, GeometryError> {
    let (level, placement) = (geometry.level, geometry.placement);
    let unknown = GeometryError::Placement { level, found: placement };
    let fixed = |family| if placement == Placement::Fixed { Ok(family) } else { Err(unknown) };
    match level {
        Level::Raid0 => fixed(Family::Striped),
        Level::Raid1 | Level::Single => fixed(Family::Mirrored),
        Level::Concat => fixed(Family::Concatenated(sizes)),
        Level::Raid1E | Level::Raid10 => {
            let (shift, copies) = match (level, placement) {
                (_, Placement::Adjacent) => (Shift::Near, 2),
                (_, Placement::Offset) => (Shift::Offset, 2),
                (_, Placement::Far) => (Shift::Far, 2),
                (Level::Raid10, Placement::NearCopies(copies)) => (Shift::Near, copies),
                (Level::Raid10, Placement::OffsetCopies(copies)) => (Shift::Offset, copies),
                (Level::Raid10, Placement::FarCopies(copies)) => (Shift::Far, copies),
                _ => return Err(unknown),
            };
            let most = geometry.slots;
            if copies < 2 || u16::from(copies) > most {
                return Err(GeometryError::Copies { found: copies, least: 2, most });
            }
            Ok(Family::Shifted(Shifted::new(shift, copies)))
        }
        Level::Raid3 if geometry.strip.0 > 0 => {
            let why = "its bytes are interleaved, it has no strip; one with strips is a RAID-4";
            Err(GeometryError::Unsupported { level, why })
        }
        Level::Raid3 => {
            let row = Rotation::new(geometry).ok_or(unknown)?.row(0);
            let parity = match placement {
                Placement::ParityFirst => Slot(0),
                _ => slot_at(u64::from(geometry.slots).saturating_sub(1)),
            };
            Ok(Family::Interleaved(Interleaved::new(parity, geometry.block_size), row))
        }
        _ => Rotation::new(geometry).map(Family::Parity).ok_or(unknown),
    }
}

/// Counts the strips. Levels without strips are taken as strips of one block.
fn strips(geometry: &Geometry, family: &Family<'_>) -> Result<Strips, GeometryError> {
    let slots = NonZeroU64::new(u64::from(geometry.slots)).unwrap_or(NonZeroU64::MIN);
    let len = match family {
        Family::Mirrored | Family::Concatenated(_) | Family::Interleaved(..) => Divisor::ONE,
        _ => Divisor::new(geometry.strip.0).ok_or(GeometryError::NoStrip)?,
    };
    let (fitting, _) = len.split(geometry.member_blocks.0);
    let (in_row, rows, count) = match family {
        Family::Striped => (slots, fitting, striped::strips(slots.get(), fitting)),
        Family::Shifted(shifted) => (slots, fitting, shifted.strips(slots.get(), fitting)),
        Family::Interleaved(_, row) => {
            let data = u64::from(row.data_strips());
            (NonZeroU64::new(data).unwrap_or(slots), fitting, fitting.checked_mul(data))
        }
        Family::Parity(rotation) => {
            let data = u64::from(rotation.row(0).data_strips());
            let in_row = NonZeroU64::new(data).unwrap_or(NonZeroU64::MIN);
            let rows = if geometry.level == Level::Raid5E {
                rows_before_spare_space(fitting, in_row)
            } else {
                fitting
            };
            (in_row, rows, rows.checked_mul(data))
        }
        Family::Mirrored => (NonZeroU64::MIN, fitting, Some(fitting)),
        Family::Concatenated(sizes) => (NonZeroU64::MIN, fitting, sizes.total()),
    };
    let count = count.ok_or(GeometryError::TooLarge)?;
    if count == 0 {
        let least = if let Family::Shifted(shifted) = family { shifted.copies() } else { 1 };
        return Err(GeometryError::MemberTooSmall {
            found: geometry.member_blocks.0,
            expected: len.get().saturating_mul(least.into()),
        });
    }
    Ok(Strips { len, slots, in_row, rows, count })
}

/// RAID-5E gives one member's worth of rows to spare space, rounded down to whole rows: the
/// rounding is unverified (`ddf.md` 5.7).
fn rows_before_spare_space(fitting: u64, data_strips: NonZeroU64) -> u64 {
    // fitting * (N - 2) / (N - 1), which may pass 2^64 on the way.
    let (whole, rest) = (fitting / data_strips, fitting % data_strips);
    let fewer = data_strips.get().saturating_sub(1);
    whole.saturating_mul(fewer).saturating_add(rest.saturating_mul(fewer) / data_strips)
}

fn joint(geometry: &Geometry, strips: &Strips) -> Result<Elements<'static>, GeometryError> {
    let set_blocks = strips.count.checked_mul(strips.len.get()).ok_or(GeometryError::TooLarge)?;
    let secondary = if geometry.sets == 1 { Secondary::None } else { geometry.secondary };
    // Where strips go round, only whole strips of a mirror take part.
    let joint = Elements::equal(secondary, geometry.strip, geometry.sets, set_blocks);
    joint.map_err(|error| match error {
        GeometryError::MemberTooSmall { expected, .. } => {
            GeometryError::MemberTooSmall { found: geometry.member_blocks.0, expected }
        }
        other => other,
    })
}
