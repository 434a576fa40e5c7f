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
pub(crate) mod delete;
pub(crate) mod disk_identity;
pub(crate) mod extents;
pub(crate) mod identity;
pub(crate) mod join;
pub(crate) mod request;
pub(crate) mod spare;
pub(crate) mod vendor_record;

use crate::crc::CrcVariant;
use crate::disk_bytes::DiskBytes;
use crate::header::{Revision, Section};
use crate::integer::ByteOrder;
use crate::update::copies::Copies;
pub use container::{initialise, initialise_as};
pub use disk_identity::DiskIdentity;
use raid_core::metadata::DiskShape;
use raid_core::units::{Blocks, Extent, Lba};

/// Vendor in the GUIDs of what is made here, and in notes of our own.
pub(crate) const VENDOR: [u8; 8] = *b"RAID-RS ";

/// What the standard asks to be kept free at the end of a disk, in bytes.
const RESERVE: u64 = 32 << 20;
/// Length of the workspace, and distance of the primary structure from the end, in bytes.
const HALF: u64 = 16 << 20;

/// Who a new configuration says it was made by (`ddf.md` 4.2).
///
/// Readers go by the vendor where writers use a code in a way of their own (`Linux-MD`, `FreeBSD `):
/// what is written then follows that writer. The [`workspace`](crate::Ddf) of a configuration is used
/// only under the name of this library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Controller {
    /// T10 vendor. The first byte is neither `20`, `00` nor `FF`.
    pub vendor: [u8; 8],
    /// The last characters of its serial number; `None`: made from the stamp.
    pub serial: Option<[u8; 16]>,
    /// PCI identity: vendor, device, sub vendor, sub device; all ones where not known.
    pub pci: [u16; 4],
    /// Product, padded with blanks.
    pub product: [u8; 16],
}

impl Controller {
    /// This library.
    pub const OWN: Self =
        Self { vendor: VENDOR, serial: None, pci: [u16::MAX; 4], product: *b"raid-rs         " };
}

/// A bad block log on every disk of a new configuration.
///
/// That addresses of bad blocks count from the start of the disk is unverified, and no other
/// implementation known uses a log. So it is made only on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadBlockOptions {
    /// Entries; rounded up to whole blocks.
    pub entries: u16,
    /// Blocks kept in the workspace to move bad ones to.
    pub spare_blocks: u32,
}

/// A vendor specific log on every disk of a new configuration (`ddf.md` 2.13): sealed, and empty
/// behind its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VendorLogOptions {
    /// Whose it is: a T10 vendor, padded with blanks.
    pub owner: [u8; 8],
    /// Its length in blocks of the disk, at least 1.
    pub blocks: u32,
}

/// How a new configuration is to be written. [`Options::default`] is for Linux and LSI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Who made it.
    pub controller: Controller,
    /// Revision 1.0, 1.2 or 2.0. `None`: 1.2 on blocks of 512 bytes, 2.0 on larger ones. mdadm reads
    /// 1.x only; MDF and RAID-5R need 2.0.
    pub revision: Option<Revision>,
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
    /// A bad block log, if there is to be one.
    pub bad_block_log: Option<BadBlockOptions>,
    /// Blocks kept for diagnostics, all ones (`ddf.md` 2.12); 0: none.
    pub diagnostic_blocks: u32,
    /// A vendor's log, if there is to be one.
    pub vendor_log: Option<VendorLogOptions>,
}

impl Options {
    /// For Linux and LSI: 255 disks, 63 arrays, 15 of them on a disk, 256 members in a set.
    pub const LINUX: Self = Self {
        controller: Controller::OWN,
        revision: None,
        order: ByteOrder::Big,
        crc: CrcVariant::B,
        max_pd_entries: 255,
        max_vd_entries: 63,
        max_partitions: 15,
        max_primary_element_entries: 256,
        bad_block_log: None,
        diagnostic_blocks: 0,
        vendor_log: None,
    };

    /// For FreeBSD's graid and, as far as known, Adaptec: its CRC and its small tables, revision 2.0.
    /// Big-endian; Adaptec's own order is [`ByteOrder::Little`].
    pub const GRAID: Self = Self {
        revision: Some(Revision::V2_0),
        crc: CrcVariant::A,
        max_pd_entries: 15,
        max_vd_entries: 15,
        max_primary_element_entries: 16,
        ..Self::LINUX
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
    /// Offset from the header and length of each section; a length of 0: none.
    pub(crate) sections: [(Section, u32, u32); 8],
    /// Blocks that bad ones may be moved to.
    pub(crate) spares: Extent,
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
            (
                Section::BadBlockLog,
                options
                    .bad_block_log
                    .map_or(0, |log| in_blocks((u32::from(log.entries) << 4).saturating_add(32))),
            ),
            (Section::DiagnosticSpace, options.diagnostic_blocks),
            (Section::VendorSpecificLogs, options.vendor_log.map_or(0, |log| log.blocks)),
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
        let spare_blocks = options.bad_block_log.map_or(0, |log| log.spare_blocks.into());
        let spares = primary.0.checked_sub(spare_blocks)?;
        let area = Self {
            spares: Extent::new(spares, spare_blocks),
            primary,
            secondary: Lba(usable),
            anchor: Lba(shape.blocks.0.checked_sub(1)?),
            workspace: Extent { start: Lba(usable), len: Blocks(blocks(HALF)?) },
            copy,
            sections,
            record: u16::try_from(record).ok()?,
        };
        // Both halves hold a copy, one of them the anchor, and the other one the spare blocks.
        let taken = copy.0.checked_add(spare_blocks.max(1))?;
        (taken <= blocks(HALF)?).then_some(area)
    }

    /// Blocks that arrays may use.
    pub(crate) const fn usable(&self) -> Blocks {
        Blocks(self.secondary.0)
    }

    /// The blocks of a section of the copy at `copy`.
    pub(crate) fn section(&self, copy: Lba, section: Section) -> Option<Extent> {
        let (_, offset, length) = self.sections.into_iter().find(|(s, ..)| *s == section)?;
        let start = copy.checked_add(Blocks(offset.into()))?;
        Some(Extent { start, len: Blocks(length.into()) }).filter(|extent| extent.len.0 > 0)
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
pub(crate) fn usable(shape: DiskShape, options: &Options) -> Blocks {
    Area::new(shape, options).map_or(Blocks(0), |area| area.usable())
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
    // Blocks that bad ones are moved to stand at its end.
    let log = copies.structure(disk).and_then(|structure| structure.bad_block_log());
    let end = log
        .map(|log| Lba(log.first_spare_lba.get(order)))
        .filter(|spares| *spares >= start)
        .map_or(end, |spares| spares.min(end));
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
