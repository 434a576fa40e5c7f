// SPDX-License-Identifier: MIT OR Apache-2.0
//! Level, layout and the rest by name, and as a geometry of raid-core.

use super::{LayoutFile, SECTOR};
use raid_core::array::{Geometry, Level, Placement, QNumbering, Secondary};
use raid_core::units::Blocks;

const LEVELS: [Level; 13] = [
    Level::Raid0,
    Level::Raid1,
    Level::Raid1E,
    Level::Raid10,
    Level::Raid4,
    Level::Raid5,
    Level::Raid5E,
    Level::Raid5EE,
    Level::Raid5R,
    Level::Raid6,
    Level::Single,
    Level::Concat,
    Level::Raid3,
];

const PLACEMENTS: [Placement; 10] = [
    Placement::Fixed,
    Placement::ParityFirst,
    Placement::ParityLast,
    Placement::ZeroRestart,
    Placement::ZeroContinue,
    Placement::NRestart,
    Placement::NContinue,
    Placement::Adjacent,
    Placement::Offset,
    Placement::Far,
];

const JOINTS: [(&str, Secondary); 4] = [
    ("striped", Secondary::Striped),
    ("mirrored", Secondary::Mirrored),
    ("concatenated", Secondary::Concatenated),
    ("spanned", Secondary::Spanned),
];

impl LayoutFile {
    /// The geometry without its size, from names; `None` if the file leaves it to its rows.
    ///
    /// # Errors
    /// A name or number that means nothing.
    pub(super) fn named_shape(&self) -> Result<Option<Geometry>, String> {
        let Some(name) = self.level.as_deref() else {
            return match self.rows {
                Some(_) => Ok(None),
                None => {
                    Err("neither level nor rows: how the disks form the array is not said".into())
                }
            };
        };
        let placement = self.placement()?;
        let of_copies = matches!(
            placement,
            Placement::NearCopies(_) | Placement::OffsetCopies(_) | Placement::FarCopies(_)
        );
        let level = match name {
            "raid10" if of_copies => Level::Raid10,
            "raid10" => Level::Raid1,
            "raid01" => Level::Raid0,
            _ => {
                let named = |level: &&Level| geometry(**level).level_name() == name;
                let level = LEVELS.iter().find(named);
                *level.ok_or_else(|| format!("level {name:?} is not known"))?
            }
        };
        if level == Level::Raid3 {
            return Err("raid3 interleaves bytes, which no layout file describes".into());
        }
        self.shape(level, placement).map(Some)
    }

    /// A geometry of this level and placement with the file's other values.
    pub(super) fn shape(&self, level: Level, placement: Placement) -> Result<Geometry, String> {
        let (sets, count) = (usize::from(self.sets), self.members.len());
        if sets == 0 || count == 0 || !count.is_multiple_of(sets) {
            return Err(format!("{count} members do not form {sets} sets of the same size"));
        }
        let slots = u16::try_from(count / sets).map_err(|_| format!("{count} members"))?;
        if !self.chunk_bytes.is_multiple_of(SECTOR) {
            let chunk = self.chunk_bytes;
            return Err(format!("chunk_bytes is {chunk}, expected a multiple of {SECTOR}"));
        }
        let stays = self.parity_stays_rows.unwrap_or(1);
        if !stays.is_power_of_two() {
            return Err(format!("parity_stays_rows is {stays}, expected a power of two"));
        }
        let rotate_shift = u8::try_from(stays.ilog2()).unwrap_or(u8::MAX);
        let rests = level == Level::Raid5R;
        if rotate_shift > 0 && !rests {
            return Err("parity_stays_rows is for raid5r".into());
        }
        let q_numbering = match self.q_numbering.as_deref() {
            None | Some("by_slot") => QNumbering::BySlot,
            Some("by_data") => QNumbering::ByData,
            Some(other) => {
                return Err(format!("q_numbering is {other:?}, expected by_slot or by_data"));
            }
        };
        let secondary = match (self.sets, self.secondary.as_deref()) {
            (1, _) => Secondary::None,
            (_, None) => Secondary::Striped,
            (_, Some(name)) => {
                let joint = JOINTS.iter().find(|joint| joint.0 == name);
                joint.ok_or_else(|| format!("secondary {name:?} is not known"))?.1
            }
        };
        Ok(Geometry {
            slots,
            strip: Blocks(self.chunk_bytes / SECTOR),
            secondary,
            sets: self.sets,
            q_numbering,
            rotate_shift,
            placement,
            ..geometry(level)
        })
    }

    fn placement(&self) -> Result<Placement, String> {
        let name = self.layout.as_deref().unwrap_or("fixed");
        let copies = || self.copies.ok_or_else(|| format!("layout {name:?} without copies"));
        match name {
            "near-copies" => Ok(Placement::NearCopies(copies()?)),
            "offset-copies" => Ok(Placement::OffsetCopies(copies()?)),
            "far-copies" => Ok(Placement::FarCopies(copies()?)),
            _ => {
                let placement = PLACEMENTS.iter().find(|placement| placement.name() == name);
                placement.copied().ok_or_else(|| format!("layout {name:?} is not known"))
            }
        }
    }

    /// Names what a geometry has, members aside.
    pub(super) fn of_geometry(geometry: &Geometry) -> Self {
        let bytes = |blocks: Blocks| blocks.bytes(geometry.block_size).unwrap_or(0);
        let copies = match geometry.placement {
            Placement::NearCopies(copies)
            | Placement::OffsetCopies(copies)
            | Placement::FarCopies(copies) => Some(copies),
            _ => None,
        };
        let numbering = match geometry.q_numbering {
            QNumbering::BySlot => "by_slot",
            QNumbering::ByData => "by_data",
        };
        let joint = JOINTS.iter().find(|joint| joint.1 == geometry.secondary);
        let rests = geometry.level == Level::Raid5R;
        Self {
            format: super::FORMAT.to_owned(),
            name: String::new(),
            level: Some(geometry.level_name().to_owned()),
            layout: Some(geometry.placement.name().to_owned()),
            copies,
            q_numbering: (geometry.parity_strips() > 1).then(|| numbering.to_owned()),
            parity_stays_rows: rests
                .then(|| 1u64.checked_shl(u32::from(geometry.rotate_shift)))
                .flatten(),
            chunk_bytes: bytes(geometry.strip),
            sets: geometry.sets,
            secondary: joint.filter(|_| geometry.sets > 1).map(|joint| joint.0.to_owned()),
            size_bytes: None,
            rows: None,
            members: Vec::new(),
        }
    }
}

fn geometry(level: Level) -> Geometry {
    Geometry {
        level,
        placement: Placement::Fixed,
        slots: 1,
        strip: Blocks(0),
        member_blocks: Blocks(0),
        secondary: Secondary::None,
        sets: 1,
        q_numbering: QNumbering::BySlot,
        parities: 0,
        rotate_shift: 0,
        block_size: SECTOR as u32,
    }
}
