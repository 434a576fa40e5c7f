// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a geometry to the codes of a configuration record: the way back of
//! [`geometry`](crate::geometry).

use crate::geometry::Writer;
use crate::level::{PrimaryLevel, SecondaryLevel};
use raid_core::array::{Geometry, Level, Placement, QNumbering, Secondary};
use raid_core::metadata::ChangeError;

/// The codes of a configuration record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LevelCodes {
    pub(crate) primary: PrimaryLevel,
    pub(crate) qualifier: u8,
    /// All ones where there is one set only.
    pub(crate) secondary: u8,
    /// Whether readers need revision 2.0 for it.
    pub(crate) needs_2_0: bool,
}

impl LevelCodes {
    /// The codes of `geometry` in a configuration made by `writer`: mdadm and graid each use one
    /// code in a way of their own, and would read the standard's as something else.
    ///
    /// # Errors
    /// [`ChangeError::Unsupported`]: the format has none.
    pub(crate) fn of(geometry: &Geometry, writer: Writer) -> Result<Self, ChangeError> {
        let secondary = match (geometry.sets, geometry.secondary) {
            (0 | 1, _) => 0xFF,
            (_, Secondary::Striped) => SecondaryLevel::Striped.to_byte(),
            (_, Secondary::Mirrored) => SecondaryLevel::Mirrored.to_byte(),
            (_, Secondary::Concatenated) => SecondaryLevel::Concatenated.to_byte(),
            // Sets of one size: spanning them is striping them.
            (_, Secondary::Spanned) => SecondaryLevel::Striped.to_byte(),
            _ => return Err(ChangeError::Unsupported("several sets without a secondary level")),
        };
        let rotating = |zero| match geometry.placement {
            Placement::ZeroRestart => Ok(zero),
            // The code that the standard's RAID-6 begins with is taken there.
            Placement::ZeroContinue if zero == 0 => Ok(1),
            Placement::NRestart => Ok(2),
            Placement::NContinue => Ok(3),
            _ => Err(ChangeError::Unsupported("a placement that only other formats have")),
        };
        let (primary, qualifier) = match geometry.level {
            Level::Raid0 => (PrimaryLevel::Raid0, 0),
            Level::Raid1 => (PrimaryLevel::Raid1, u8::from(geometry.slots > 2)),
            Level::Raid1E => (PrimaryLevel::Raid1E, shifted(geometry.placement, writer)?),
            Level::Raid3 => (PrimaryLevel::Raid3, fixed_parity(geometry.placement)?),
            Level::Raid4 => (PrimaryLevel::Raid4, fixed_parity(geometry.placement)?),
            Level::Raid5 => (PrimaryLevel::Raid5, rotating(0)?),
            Level::Raid5E => (PrimaryLevel::Raid5E, rotating(0)?),
            Level::Raid5EE => (PrimaryLevel::Raid5EE, rotating(0)?),
            Level::Raid5R => (PrimaryLevel::Raid5R, rotating(0)?),
            Level::Raid6 if writer == Writer::Graid => (PrimaryLevel::Raid6, rotating(0)?),
            Level::Raid6 => (PrimaryLevel::Raid6, rotating(1)?),
            Level::Mdf => (PrimaryLevel::Mdf, rotating(0)?),
            Level::Single => (PrimaryLevel::Single, 0),
            Level::Concat => (PrimaryLevel::Concat, 0),
            _ => return Err(ChangeError::Unsupported("a level that DDF has no code for")),
        };
        if matches!(geometry.level, Level::Raid6 | Level::Mdf)
            && geometry.q_numbering != QNumbering::BySlot
        {
            return Err(ChangeError::Unsupported("Q numbered by data strips, as in Linux md"));
        }
        let needs_2_0 = matches!(geometry.level, Level::Mdf | Level::Raid5R);
        Ok(Self { primary, qualifier, secondary, needs_2_0 })
    }
}

fn shifted(placement: Placement, writer: Writer) -> Result<u8, ChangeError> {
    match placement {
        Placement::Adjacent => Ok(0),
        Placement::Far if writer == Writer::Mdadm => Ok(1),
        Placement::Offset if writer == Writer::Mdadm => {
            Err(ChangeError::Unsupported("shifted copies in a configuration of mdadm's"))
        }
        Placement::Offset => Ok(1),
        _ => Err(ChangeError::Unsupported("copies far apart, as in Linux md")),
    }
}

const fn fixed_parity(placement: Placement) -> Result<u8, ChangeError> {
    match placement {
        Placement::ParityFirst => Ok(0),
        Placement::ParityLast => Ok(1),
        _ => Err(ChangeError::Unsupported("RAID-4 with rotating parity")),
    }
}
