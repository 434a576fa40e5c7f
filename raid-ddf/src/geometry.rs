// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the codes of a configuration record to a geometry.
//!
//! | PRL | RLQ 00 | 01 | 02 | 03 |
//! |---|---|---|---|---|
//! | 01 | mirror | mirror | | |
//! | 04 | parity first | parity last | | |
//! | 05 15 25 35 07 | 0, restart | 0, continuation (graid) | N, restart | N, continuation |
//! | 06 | – | 0, restart | N, restart | N, continuation |
//! | 06 from graid | 0, restart | 0, continuation | N, restart | N, continuation |
//! | 11 | adjacent | offset; from mdadm: far | | |
//!
//! `ddf.md` 5.1, 7.1, 7.3. Two writers use a code in a way of their own, so who made the
//! configuration is a part of the question.

use crate::finding::Fault;
use crate::guid::Guid;
use crate::integer::ByteOrder;
use crate::level::{PrimaryLevel, SecondaryLevel};
use crate::vd_configuration::VdConfiguration;
use raid_core::array::{Geometry, Level, Placement, QNumbering, Secondary};
use raid_core::layout::{Elements, GeometryError, Layout};
use raid_core::units::Blocks;

/// Vendor in the GUIDs that this library makes.
const OWN_VENDOR: &[u8; 8] = b"RAID-RS ";

/// Who made a configuration, as far as it matters for the meaning of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Writer {
    /// mdadm.
    Mdadm,
    /// FreeBSD's graid.
    Graid,
    /// Firmware, or something unknown.
    Other,
}

impl Writer {
    /// From the GUID of the configuration.
    #[must_use]
    pub fn of(configuration: &Guid) -> Self {
        match configuration.vendor() {
            b"Linux-MD" => Self::Mdadm,
            [b'F', b'r', b'e', b'e', b'B', b'S', b'D', _] => Self::Graid,
            _ => Self::Other,
        }
    }
}

/// Why a configuration record gives no geometry, and the codes at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unmappable {
    pub(crate) fault: Fault,
    pub(crate) found: u64,
    /// The one value that would be right; `None` if several would.
    pub(crate) expected: Option<u64>,
}

impl Unmappable {
    /// Where several values would be right.
    pub(crate) const fn code(fault: Fault, found: u64) -> Self {
        Self { fault, found, expected: None }
    }

    /// Where one value would be right.
    pub(crate) const fn but(fault: Fault, found: u64, expected: u64) -> Self {
        Self { fault, found, expected: Some(expected) }
    }
}

/// What the records of one volume say together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Codes<'a> {
    /// The newest record of any set.
    pub(crate) record: &'a VdConfiguration,
    pub(crate) order: ByteOrder,
    pub(crate) writer: Writer,
    /// Blocks that each member gives: the record's, or what takes its place.
    pub(crate) member_blocks: Blocks,
    /// Whether all sets give the same number of blocks.
    pub(crate) equal_sets: bool,
    /// Of the disk.
    pub(crate) block_size: u32,
}

impl Codes<'_> {
    /// The geometry.
    ///
    /// # Errors
    /// The first code that cannot be mapped.
    pub(crate) fn geometry(&self) -> Result<Geometry, Unmappable> {
        let record = self.record;
        let sets = u16::from(record.secondary_element_count.max(1));
        let (level, placement) = self.level()?;
        let secondary = if sets > 1 { self.secondary()? } else { Secondary::None };
        let slots = record.primary_element_count.get(self.order);
        if slots == 0 || slots > 256 {
            let nearest = u64::from(slots.clamp(1, 256));
            return Err(Unmappable::but(Fault::ElementCount, slots.into(), nearest));
        }
        let block_size = record.block_size.present(self.order).map_or(512, u32::from);
        // 1.x knows only 512, yet leaves the field unset whatever the disk.
        let unset = record.block_size.present(self.order).is_none();
        if block_size != self.block_size && !unset {
            let (found, expected) = (block_size.into(), self.block_size.into());
            return Err(Unmappable::but(Fault::BlockSize, found, expected));
        }
        let striped = matches!(secondary, Secondary::Striped | Secondary::Spanned);
        let strip = match level {
            Level::Raid1 if striped => record.strip_blocks().unwrap_or(0),
            Level::Raid1 | Level::Single | Level::Concat => 0,
            _ => record.strip_blocks().unwrap_or(0),
        };
        Ok(Geometry {
            level,
            placement,
            slots,
            strip: Blocks(strip),
            member_blocks: self.member_blocks,
            secondary,
            sets,
            q_numbering: QNumbering::BySlot,
            parities: if level == Level::Mdf { self.mdf_parities()? } else { 0 },
            rotate_shift: if level == Level::Raid5R { record.rotate_parity_count } else { 0 },
            block_size: self.block_size,
        })
    }

    fn level(&self) -> Result<(Level, Placement), Unmappable> {
        let record = self.record;
        let prl = record.primary_raid_level;
        let rlq = record.raid_level_qualifier;
        let bad = |fault| Unmappable::code(fault, u16::from_be_bytes([prl, rlq]).into());
        let qualifier = || bad(Fault::Qualifier);
        let plain = |level| match rlq {
            0x00 => Ok((level, Placement::Fixed)),
            _ => Err(qualifier()),
        };
        let rotating = |level| Ok((level, self.rotation(level).ok_or_else(qualifier)?));
        match PrimaryLevel::from_byte(prl) {
            PrimaryLevel::Raid0 => plain(Level::Raid0),
            PrimaryLevel::Raid1 if rlq <= 0x01 => Ok((Level::Raid1, Placement::Fixed)),
            PrimaryLevel::Raid4 => match rlq {
                0x00 => Ok((Level::Raid4, Placement::ParityFirst)),
                0x01 => Ok((Level::Raid4, Placement::ParityLast)),
                _ => Err(qualifier()),
            },
            PrimaryLevel::Raid5 => rotating(Level::Raid5),
            PrimaryLevel::Raid6 => rotating(Level::Raid6),
            PrimaryLevel::Mdf => rotating(Level::Mdf),
            PrimaryLevel::Raid5E => rotating(Level::Raid5E),
            PrimaryLevel::Raid5EE => rotating(Level::Raid5EE),
            PrimaryLevel::Raid5R => rotating(Level::Raid5R),
            PrimaryLevel::Raid1E => match (rlq, self.writer) {
                (0x00, _) => Ok((Level::Raid1E, Placement::Adjacent)),
                (0x01, Writer::Mdadm) => Ok((Level::Raid1E, Placement::Far)),
                (0x01, _) => Ok((Level::Raid1E, Placement::Offset)),
                _ => Err(qualifier()),
            },
            PrimaryLevel::Single => plain(Level::Single),
            PrimaryLevel::Concat => plain(Level::Concat),
            PrimaryLevel::Raid1 => Err(qualifier()),
            PrimaryLevel::Raid3 | PrimaryLevel::Other(_) => Err(bad(Fault::Level)),
        }
    }

    fn rotation(&self, level: Level) -> Option<Placement> {
        let first_is_one = level == Level::Raid6 && self.writer != Writer::Graid;
        match (self.record.raid_level_qualifier, first_is_one) {
            (0x00, false) | (0x01, true) => Some(Placement::ZeroRestart),
            (0x01, false) => Some(Placement::ZeroContinue),
            (0x02, _) => Some(Placement::NRestart),
            (0x03, _) => Some(Placement::NContinue),
            _ => None,
        }
    }

    fn secondary(&self) -> Result<Secondary, Unmappable> {
        let srl = self.record.secondary_raid_level;
        match SecondaryLevel::from_byte(srl) {
            SecondaryLevel::Striped => Ok(Secondary::Striped),
            // mdadm's code for RAID-10; with equal sets both come to the same.
            SecondaryLevel::Spanned if self.equal_sets => Ok(Secondary::Striped),
            SecondaryLevel::Spanned => Ok(Secondary::Spanned),
            SecondaryLevel::Mirrored => Ok(Secondary::Mirrored),
            SecondaryLevel::Concatenated => Ok(Secondary::Concatenated),
            SecondaryLevel::Other(_) => Err(Unmappable::code(Fault::SecondaryLevel, srl.into())),
        }
    }

    /// Parity strips of a row. Only the field and the method that are known are taken.
    fn mdf_parities(&self) -> Result<u8, Unmappable> {
        let record = self.record;
        let polynomial = record.mdf_parity_generator_polynomial.get(self.order);
        if !matches!(polynomial, 0x011D | 0 | 0xFFFF)
            || !matches!(record.mdf_constant_generation_method, 0 | 0xFF)
        {
            return Err(Unmappable::but(Fault::Polynomial, polynomial.into(), 0x011D));
        }
        match record.mdf_parity_disks {
            0 | 0xFF => Err(Unmappable::but(Fault::ElementCount, 0, 1)),
            count => Ok(count),
        }
    }

    /// Whether this library made the volume: then nothing about the mapping is open.
    fn is_own(&self) -> bool {
        self.record.vd_guid.vendor() == OWN_VENDOR
    }

    /// What deserves a word about a geometry although it can be mapped.
    pub(crate) fn remark(&self, geometry: &Geometry) -> Option<Fault> {
        if self.is_own() { None } else { doubt(self.writer, geometry) }
    }
}

/// What is not settled about a geometry in a configuration made by `writer` (`ddf.md` 5, 7).
pub(crate) fn doubt(writer: Writer, geometry: &Geometry) -> Option<Fault> {
    let striped = geometry.sets > 1;
    let plain_mirrors = geometry.level == Level::Raid1;
    match (geometry.level, geometry.placement, geometry.secondary) {
        (_, _, Secondary::Spanned | Secondary::Mirrored | Secondary::Concatenated) => {
            Some(Fault::Unverified)
        }
        (_, _, Secondary::Striped) if striped && !plain_mirrors => Some(Fault::Unverified),
        (Level::Raid3 | Level::Raid5E | Level::Mdf, ..) => Some(Fault::Unverified),
        (Level::Raid5EE, Placement::NContinue | Placement::ZeroContinue, _) => {
            Some(Fault::Unverified)
        }
        (Level::Raid5EE | Level::Raid5R, ..) | (_, Placement::ZeroContinue, _) => {
            Some(Fault::OneUnconfirmed)
        }
        (Level::Raid1E, Placement::Far, _) => Some(Fault::FarLayout),
        (Level::Raid6, Placement::ZeroRestart, _) if writer == Writer::Graid => {
            Some(Fault::GraidQualifier)
        }
        _ => None,
    }
}

/// Blocks of an array whose sets' members give so many blocks each; `None` where a set is not known.
///
/// # Errors
/// The first thing about it that gives no addresses.
pub(crate) fn joined_size(
    geometry: &Geometry,
    member_blocks: impl Iterator<Item = Option<Blocks>>,
) -> Result<Option<Blocks>, GeometryError> {
    let mut sizes = [Blocks(0); 255];
    let mut sets = 0usize;
    for (size, member_blocks) in sizes.iter_mut().zip(member_blocks) {
        let Some(member_blocks) = member_blocks else { return Ok(None) };
        let (secondary, set) = (Secondary::None, 1);
        let alone = Geometry { member_blocks, secondary, sets: set, ..*geometry };
        *size = Layout::new(&alone)?.set_blocks();
        sets = sets.saturating_add(1);
    }
    let sizes = sizes.get(..sets).unwrap_or_default();
    Elements::new(geometry.secondary, geometry.strip, sizes).map(|joined| Some(joined.size()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integer::{U16, U64};
    use crate::record::Record;

    fn geometry(
        writer: Writer,
        edit: impl Fn(&mut VdConfiguration),
    ) -> Result<Geometry, Unmappable> {
        let order = ByteOrder::Big;
        let mut bytes = [0xFF; 512];
        let Some(record) = VdConfiguration::view_mut(&mut bytes) else { unreachable!() };
        record.primary_element_count = U16::new(order, 4);
        record.strip_size = 7;
        record.secondary_element_count = 1;
        record.block_count = U64::new(order, 4096);
        edit(record);
        let member_blocks = Blocks(4096);
        let codes =
            Codes { record, order, writer, member_blocks, equal_sets: true, block_size: 512 };
        codes.geometry()
    }

    fn level(writer: Writer, prl: u8, rlq: u8) -> Option<(Level, Placement)> {
        let geometry = geometry(writer, |record| {
            record.primary_raid_level = prl;
            record.raid_level_qualifier = rlq;
            record.mdf_parity_disks = 2;
        });
        geometry.ok().map(|geometry| (geometry.level, geometry.placement))
    }

    #[test]
    fn every_code_of_the_standard_is_mapped() {
        use Placement::{Adjacent, Fixed, NContinue, NRestart, Offset, ParityFirst, ParityLast};
        let other = |prl, rlq| level(Writer::Other, prl, rlq);
        assert_eq!(other(0x00, 0), Some((Level::Raid0, Fixed)));
        assert_eq!(other(0x01, 0), Some((Level::Raid1, Fixed)));
        assert_eq!(other(0x01, 1), Some((Level::Raid1, Fixed)));
        assert_eq!(other(0x04, 0), Some((Level::Raid4, ParityFirst)));
        assert_eq!(other(0x04, 1), Some((Level::Raid4, ParityLast)));
        for (prl, level) in [
            (0x05, Level::Raid5),
            (0x07, Level::Mdf),
            (0x15, Level::Raid5E),
            (0x25, Level::Raid5EE),
            (0x35, Level::Raid5R),
        ] {
            assert_eq!(other(prl, 0), Some((level, Placement::ZeroRestart)));
            assert_eq!(other(prl, 2), Some((level, NRestart)));
            assert_eq!(other(prl, 3), Some((level, NContinue)));
            assert_eq!(other(prl, 4), None);
        }
        assert_eq!(other(0x0F, 0), Some((Level::Single, Fixed)));
        assert_eq!(other(0x11, 0), Some((Level::Raid1E, Adjacent)));
        assert_eq!(other(0x11, 1), Some((Level::Raid1E, Offset)));
        assert_eq!(other(0x1F, 0), Some((Level::Concat, Fixed)));
        for (prl, rlq) in [(0x00, 1), (0x01, 2), (0x03, 0), (0x04, 2), (0x11, 2), (0x02, 0)] {
            assert_eq!(other(prl, rlq), None, "{prl:02x}/{rlq:02x}");
        }
    }

    #[test]
    fn raid_6_starts_at_one_except_from_graid() {
        let restart = Some((Level::Raid6, Placement::ZeroRestart));
        for writer in [Writer::Mdadm, Writer::Other] {
            assert_eq!(level(writer, 0x06, 0), None);
            assert_eq!(level(writer, 0x06, 1), restart);
        }
        assert_eq!(level(Writer::Graid, 0x06, 0), restart);
        let continued = Some((Level::Raid6, Placement::ZeroContinue));
        assert_eq!(level(Writer::Graid, 0x06, 1), continued);
        for writer in [Writer::Mdadm, Writer::Graid] {
            assert_eq!(level(writer, 0x06, 3), Some((Level::Raid6, Placement::NContinue)));
        }
    }

    #[test]
    fn the_offset_qualifier_of_mdadm_is_far() {
        assert_eq!(level(Writer::Mdadm, 0x11, 1), Some((Level::Raid1E, Placement::Far)));
    }

    #[test]
    fn the_writer_is_known_by_the_guid_of_the_configuration() {
        assert_eq!(Writer::of(&Guid(*b"Linux-MD\xDE\xAD\xBE\xEF\0\0\0\0abcdefgh")), Writer::Mdadm);
        assert_eq!(Writer::of(&Guid(*b"FreeBSD 12345678abcdefgh")), Writer::Graid);
        assert_eq!(
            Writer::of(&Guid(*b"LSI     \x10\0\0\x5B\x10\0\x92\x70abcdefgh")),
            Writer::Other
        );
    }

    #[test]
    fn mirrors_have_a_strip_only_under_a_striping_level() {
        let mirror = |sets: u8, srl| {
            geometry(Writer::Other, |record| {
                record.primary_raid_level = 1;
                record.raid_level_qualifier = 0;
                record.secondary_element_count = sets;
                record.secondary_raid_level = srl;
            })
        };
        let shape = |sets, srl| mirror(sets, srl).ok().map(|g| (g.secondary, g.sets, g.strip.0));
        assert_eq!(shape(1, 0xFF), Some((Secondary::None, 1, 0)));
        assert_eq!(shape(2, 0x00), Some((Secondary::Striped, 2, 128)));
        assert_eq!(shape(2, 0x03), Some((Secondary::Striped, 2, 128)));
        assert_eq!(shape(2, 0x02), Some((Secondary::Concatenated, 2, 0)));
        assert_eq!(shape(2, 0xFF), None);
    }

    #[test]
    fn a_block_size_other_than_the_disks_is_refused() {
        let sized = |bytes: u16| {
            geometry(Writer::Other, |record| {
                record.primary_raid_level = 0;
                record.raid_level_qualifier = 0;
                record.block_size = U16::new(ByteOrder::Big, bytes);
            })
        };
        assert!(sized(512).is_ok() && sized(0xFFFF).is_ok());
        assert_eq!(sized(4096), Err(Unmappable::but(Fault::BlockSize, 4096, 512)));
    }
}
