// SPDX-License-Identifier: MIT OR Apache-2.0
//! New configurations, arrays and spares.
//!
//! What stands where on a new disk, as mdadm lays it out, so that it reads what is written here:
//!
//! ```text
//!  0                            size - 32 MiB              size - 16 MiB           size - 1 block
//!  | user data                  | workspace, 16 MiB        |                        |
//!  |                            | secondary | free         | primary | free         | anchor |
//!
//!  primary, secondary:  | header | CD | PDR | VDR | CR | PDD |
//! ```
//!
//! Tables are smaller than mdadm's, so that small disks are not all metadata; their lengths are from
//! the set that mdadm accepts (`ddf.md` 1.5, 7.1). [`Options`] changes sizes, byte order and CRC.

pub(crate) mod array;
pub(crate) mod codes;
pub(crate) mod container;
pub(crate) mod extents;
pub(crate) mod identity;
pub(crate) mod spare;

use crate::crc::CrcVariant;
use crate::disk_bytes::DiskBytes;
use crate::header::Section;
use crate::integer::ByteOrder;
use crate::update::copies::Copies;
pub use container::initialise;
use raid_core::metadata::DiskShape;
use raid_core::units::{Blocks, Extent, Lba};

/// Vendor in the GUIDs of what is made here, and in notes of our own.
pub(crate) const VENDOR: [u8; 8] = *b"RAID-RS ";

/// What the standard asks to be kept free at the end of a disk, in bytes.
const RESERVE: u64 = 32 << 20;
/// Length of the workspace, and distance of the primary structure from the end, in bytes.
const HALF: u64 = 16 << 20;

/// How a new configuration is to be written. [`Options::default`] is for Linux and LSI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Byte order of everything: big-endian, unless for Adaptec.
    pub order: ByteOrder,
    /// Which CRC: B for Linux and LSI, A for FreeBSD and Adaptec.
    pub crc: CrcVariant,
    /// Entries of the physical disk records: 15, 63, 255, 1023 or 4095.
    pub max_pd_entries: u16,
    /// Entries of the virtual disk records: 15, 63, 255, 1023 or 4095.
    pub max_vd_entries: u16,
    /// Arrays that a disk may take part in.
    pub max_partitions: u16,
    /// Members that a set may have: 16, 64, 256, 1024 or 4096.
    pub max_primary_element_entries: u16,
}

impl Options {
    /// For Linux and LSI: 255 disks, 63 arrays, 15 of them on a disk, 256 members in a set.
    pub const LINUX: Self = Self {
        order: ByteOrder::Big,
        crc: CrcVariant::B,
        max_pd_entries: 255,
        max_vd_entries: 63,
        max_partitions: 15,
        max_primary_element_entries: 256,
    };
}

impl Default for Options {
    fn default() -> Self {
        Self::LINUX
    }
}

/// Where the parts of the structure stand on a new disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    pub(crate) primary: Lba,
    pub(crate) secondary: Lba,
    pub(crate) anchor: Lba,
    pub(crate) workspace: Extent,
    /// Blocks of a copy, header included.
    pub(crate) copy: Blocks,
    /// Offset from the header and length of each section.
    pub(crate) sections: [(Section, u32, u32); 5],
    /// Blocks of a configuration record.
    pub(crate) record: u16,
}

impl Area {
    /// The area on a disk of this shape; `None` if the disk is too small or of another block size.
    pub(crate) fn new(shape: DiskShape, options: &Options) -> Option<Self> {
        let block_size = shape.block_size;
        if block_size != 512 && block_size != 4096 {
            return None;
        }
        // Both are powers of two: a shift cannot panic, even where the check above is not seen.
        let shift = block_size.trailing_zeros();
        let blocks = |bytes: u64| bytes.checked_shr(shift);
        let in_blocks = |bytes: u32| {
            let round = block_size.saturating_sub(1);
            bytes.saturating_add(round).checked_shr(shift).unwrap_or(u32::MAX)
        };
        let table = |entries: u16| in_blocks(u32::from(entries).saturating_add(1) << 6);
        let lists = u32::from(options.max_primary_element_entries).saturating_mul(12);
        let record = in_blocks(lists.saturating_add(512));
        let records = u32::from(options.max_partitions).saturating_add(1);
        let lengths = [
            (Section::ControllerData, 1),
            (Section::PhysicalDiskRecords, table(options.max_pd_entries)),
            (Section::VirtualDiskRecords, table(options.max_vd_entries)),
            (Section::ConfigurationRecords, record.checked_mul(records)?),
            (Section::PhysicalDiskData, 1),
        ];
        let mut end = 1u32;
        let sections = lengths.map(|(section, length)| {
            let offset = end;
            end = end.saturating_add(length);
            (section, offset, length)
        });
        let copy = Blocks(end.into());
        let usable = shape.blocks.0.checked_sub(blocks(RESERVE)?).filter(|usable| *usable > 0)?;
        let primary = Lba(shape.blocks.0.checked_sub(blocks(HALF)?)?);
        let area = Self {
            primary,
            secondary: Lba(usable),
            anchor: Lba(shape.blocks.0.checked_sub(1)?),
            workspace: Extent { start: Lba(usable), len: Blocks(blocks(HALF)?) },
            copy,
            sections,
            record: u16::try_from(record).ok()?,
        };
        // Both halves hold a copy, and one of them the anchor.
        (copy.0 < blocks(HALF)?).then_some(area)
    }

    /// Blocks that arrays may use.
    pub(crate) const fn usable(&self) -> Blocks {
        Blocks(self.secondary.0)
    }

    /// The blocks of a section of the copy at `copy`.
    pub(crate) fn section(&self, copy: Lba, section: Section) -> Option<Extent> {
        let (_, offset, length) = self.sections.into_iter().find(|(s, ..)| *s == section)?;
        let start = copy.checked_add(Blocks(offset.into()))?;
        Some(Extent { start, len: Blocks(length.into()) })
    }

    /// The ranges that the metadata takes.
    pub(crate) const fn ranges(&self) -> [Extent; 3] {
        [
            Extent { start: self.secondary, len: self.copy },
            Extent { start: self.primary, len: self.copy },
            Extent { start: self.anchor, len: Blocks(1) },
        ]
    }
}

/// The `index`-th range that the metadata of a new disk takes; `None` past the last, and on a disk
/// that is too small.
#[must_use]
pub fn new_area(shape: DiskShape, index: usize, options: &Options) -> Option<Extent> {
    Area::new(shape, options)?.ranges().get(index).copied()
}

/// Blocks of a new disk that arrays may use; none on a disk that is too small.
#[must_use]
pub(crate) fn usable(shape: DiskShape) -> Blocks {
    Area::new(shape, &Options::LINUX).map_or(Blocks(0), |area| area.usable())
}

/// The part of the workspace that nothing of the structure stands in, on disks of a configuration
/// that was made here. What other implementations keep in theirs is not known.
pub(crate) fn workspace(disk: DiskBytes<'_>) -> Option<Extent> {
    let copies = Copies::find(disk).ok()??;
    let header = &copies.header;
    if *header.ddf_header_guid.vendor() != VENDOR {
        return None;
    }
    let order = copies.order;
    let start = Lba(header.workspace_lba.present(order)?);
    let len = Blocks(u64::from(header.workspace_length.present(order)?));
    let whole = Extent { start, len };
    let end = whole.end().filter(|end| end.0 <= disk.shape().blocks.0)?;
    // Only a copy at its very start, as written here, leaves one free run.
    let free = copies.copies().try_fold(start, |free, at| {
        let last = Section::ALL.into_iter().filter_map(|s| copies.extent(at, s)?.end()).max()?;
        let copy = Extent { start: at, len: last.distance_from(at)? };
        match copy.overlaps(whole) {
            true if at == start => Some(last),
            true => None,
            false => Some(free),
        }
    })?;
    let len = end.distance_from(free).filter(|len| len.0 > 0)?;
    Some(Extent { start: free, len })
}
