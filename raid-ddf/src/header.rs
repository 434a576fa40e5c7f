// SPDX-License-Identifier: MIT OR Apache-2.0
//! DDF Header: the anchor in the last block of a disk, and the start of each copy of the structure.
//!
//! ```text
//!   primary LBA                     secondary LBA                       last block
//!   | header 01 | sections ...      | header 02 | sections ...          | header 00, the anchor |
//!                 offsets count from their own header
//! ```
//!
//! `ddf.md` 2.2. A header fills one block; the CRC covers the whole block (on 4096-byte blocks too;
//! whether LSI's firmware agrees there is unverified, so readers try 512 bytes as well).

use crate::guid::Guid;
use crate::integer::{ByteOrder, U16, U32, U64};
use crate::record::Record;
use crate::time::DdfTime;
use core::fmt;
use raid_core::units::{Blocks, Extent, Lba};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Where a section stands: a block offset from its own header, and a length in blocks.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct SectionAddress {
    /// 0: blocks from the header that is being read. All ones: no such section.
    pub offset: U32,
    /// 4: blocks.
    pub length: U32,
}

/// The header, as it stands on the disk.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct DdfHeader {
    /// 0: [`DdfHeader::SIGNATURE`](Record::SIGNATURE).
    pub signature: U32,
    /// 4: over the whole block.
    pub crc: U32,
    /// 8: identity of the configuration, the same on all its disks.
    pub ddf_header_guid: Guid,
    /// 32: revision in ASCII, `01.02.00`.
    pub ddf_rev: [u8; 8],
    /// 40: update counter; all ones in the anchor and from graid.
    pub sequence_number: U32,
    /// 44: time of the last header update.
    pub timestamp: U32,
    /// 48: `00` closed, `01` to `0F` an update is under way; `FF` in the anchor and from graid.
    pub open_flag: u8,
    /// 49: set while a controller has not yet taken the configuration over.
    pub foreign_flag: u8,
    /// 50: `00` off; other values unverified.
    pub disk_grouping: u8,
    /// 51: reserved, `FF`.
    pub reserved_51: [u8; 13],
    /// 64: reserved for extensions, `FF`.
    pub header_ext: [u8; 32],
    /// 96: block of the primary header.
    pub primary_header_lba: U64,
    /// 104: block of the secondary header; all ones: there is none.
    pub secondary_header_lba: U64,
    /// 112: see [`header_type`](Self::header_type).
    pub header_type: u8,
    /// 113: reserved; mdadm insists on the same bytes in all three headers.
    pub reserved_113: [u8; 3],
    /// 116: blocks of the workspace, at least 16 MiB.
    pub workspace_length: U32,
    /// 120: first block of the workspace; some firmware stores something else here.
    pub workspace_lba: U64,
    /// 128: 15, 63, 255, 1023 or 4095.
    pub max_pd_entries: U16,
    /// 130: the same; 7 from graid.
    pub max_vd_entries: U16,
    /// 132: virtual disk configuration records a disk may hold.
    pub max_partitions: U16,
    /// 134: blocks of each configuration record, at least 1.
    pub configuration_record_length: U16,
    /// 136: slots in the two lists of a configuration record; all ones from Adaptec.
    pub max_primary_element_entries: U16,
    /// 138: entries of the bad block log (2.0).
    pub max_mapped_block_entries: U32,
    /// 142: reserved, `FF`.
    pub reserved_142: [u8; 50],
    /// 192: the eight sections, indexed by [`Section`].
    pub sections: [SectionAddress; 8],
    /// 256: reserved, `FF`.
    pub reserved_256: [u8; 256],
}

pinned!(SectionAddress {
    offset: 0, 4;
    length: 4, 4;
});

pinned!(DdfHeader {
    signature: 0, 4;
    crc: 4, 4;
    ddf_header_guid: 8, 24;
    ddf_rev: 32, 8;
    sequence_number: 40, 4;
    timestamp: 44, 4;
    open_flag: 48, 1;
    foreign_flag: 49, 1;
    disk_grouping: 50, 1;
    reserved_51: 51, 13;
    header_ext: 64, 32;
    primary_header_lba: 96, 8;
    secondary_header_lba: 104, 8;
    header_type: 112, 1;
    reserved_113: 113, 3;
    workspace_length: 116, 4;
    workspace_lba: 120, 8;
    max_pd_entries: 128, 2;
    max_vd_entries: 130, 2;
    max_partitions: 132, 2;
    configuration_record_length: 134, 2;
    max_primary_element_entries: 136, 2;
    max_mapped_block_entries: 138, 4;
    reserved_142: 142, 50;
    sections: 192, 64;
    reserved_256: 256, 256;
});

impl Record for DdfHeader {
    const NAME: &'static str = "header";
    const SIGNATURE: u32 = 0xDE11_DE11;
    const FIXED_LEN: usize = 512;
}

/// Which of the three headers one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeaderType {
    /// `00`, in the last block.
    Anchor,
    /// `01`, start of the primary structure.
    Primary,
    /// `02`, start of the secondary structure.
    Secondary,
    /// Not in the standard.
    Other(u8),
}

impl HeaderType {
    /// The type that `byte` stands for.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            0x00 => Self::Anchor,
            0x01 => Self::Primary,
            0x02 => Self::Secondary,
            other => Self::Other(other),
        }
    }

    /// The byte that stands for this type.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Anchor => 0x00,
            Self::Primary => 0x01,
            Self::Secondary => 0x02,
            Self::Other(other) => other,
        }
    }
}

/// Whether the structure behind a header is being updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OpenState {
    /// `00`: no update under way.
    Closed,
    /// `01` to `0F`: an update was under way.
    Open,
    /// `FF`: not kept, as in anchors and by graid.
    NotKept,
    /// Not in the standard.
    Other(u8),
}

/// The sections of a copy, as the header lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Section {
    /// One block: the controller that wrote last.
    ControllerData,
    /// All disks of the configuration.
    PhysicalDiskRecords,
    /// All virtual disks of the configuration.
    VirtualDiskRecords,
    /// Slots for configuration records.
    ConfigurationRecords,
    /// One block: this disk.
    PhysicalDiskData,
    /// Relocated blocks; optional.
    BadBlockLog,
    /// Vendor's area; optional.
    DiagnosticSpace,
    /// Vendor's logs; optional.
    VendorSpecificLogs,
}

impl Section {
    /// All sections in the order of the header.
    pub const ALL: [Self; 8] = [
        Self::ControllerData,
        Self::PhysicalDiskRecords,
        Self::VirtualDiskRecords,
        Self::ConfigurationRecords,
        Self::PhysicalDiskData,
        Self::BadBlockLog,
        Self::DiagnosticSpace,
        Self::VendorSpecificLogs,
    ];

    /// Those that are the same on all disks.
    pub(crate) const GLOBAL: [Self; 3] =
        [Self::ControllerData, Self::PhysicalDiskRecords, Self::VirtualDiskRecords];

    /// The sections that every copy has.
    pub const REQUIRED: [Self; 5] = [
        Self::ControllerData,
        Self::PhysicalDiskRecords,
        Self::VirtualDiskRecords,
        Self::ConfigurationRecords,
        Self::PhysicalDiskData,
    ];

    /// The standard's name, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ControllerData => "controller data",
            Self::PhysicalDiskRecords => "physical disk records",
            Self::VirtualDiskRecords => "virtual disk records",
            Self::ConfigurationRecords => "configuration records",
            Self::PhysicalDiskData => "physical disk data",
            Self::BadBlockLog => "bad block log",
            Self::DiagnosticSpace => "diagnostic space",
            Self::VendorSpecificLogs => "vendor specific logs",
        }
    }
}

/// A revision `xx.yy.zz`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision(pub [u8; 8]);

impl Revision {
    /// 1.0, what much firmware writes.
    pub const V1_0: Self = Self(*b"01.00.00");
    /// 1.2, what mdadm writes.
    pub const V1_2: Self = Self(*b"01.02.00");
    /// 2.0, what graid writes.
    pub const V2_0: Self = Self(*b"02.00.00");

    /// Whether this is a revision that this library was made for.
    #[must_use]
    pub fn is_known(self) -> bool {
        matches!(self, Self::V1_0 | Self::V1_2 | Self::V2_0)
    }

    /// The first number; `None` if the first two characters are no digits, as in vendor extensions.
    #[must_use]
    pub fn major(self) -> Option<u8> {
        let [tens @ b'0'..=b'9', ones @ b'0'..=b'9', b'.', ..] = self.0 else { return None };
        tens.wrapping_sub(b'0').checked_mul(10)?.checked_add(ones.wrapping_sub(b'0'))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Revision({self})")
    }
}

/// The address of one section among those of a header, shared or to be edited.
macro_rules! section_of {
    ($sections:expr, $section:expr) => {{
        let [cd, pdr, vdr, cr, pdd, bbm, diagnostic, logs] = $sections;
        match $section {
            Section::ControllerData => cd,
            Section::PhysicalDiskRecords => pdr,
            Section::VirtualDiskRecords => vdr,
            Section::ConfigurationRecords => cr,
            Section::PhysicalDiskData => pdd,
            Section::BadBlockLog => bbm,
            Section::DiagnosticSpace => diagnostic,
            Section::VendorSpecificLogs => logs,
        }
    }};
}

impl DdfHeader {
    /// The byte order of a disk whose block this is; `None` if this is no header.
    #[must_use]
    pub fn byte_order(block: &[u8]) -> Option<ByteOrder> {
        let header = Self::view(block)?;
        [ByteOrder::Big, ByteOrder::Little]
            .into_iter()
            .find(|order| header.signature.get(*order) == Self::SIGNATURE)
    }

    /// Which of the three headers this is.
    #[must_use]
    pub const fn header_type(&self) -> HeaderType {
        HeaderType::from_byte(self.header_type)
    }

    /// Whether an update is under way.
    #[must_use]
    pub const fn open_state(&self) -> OpenState {
        match self.open_flag {
            0x00 => OpenState::Closed,
            0x01..=0x0F => OpenState::Open,
            0xFF => OpenState::NotKept,
            other => OpenState::Other(other),
        }
    }

    /// The revision.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        Revision(self.ddf_rev)
    }

    /// Time of the last header update.
    #[must_use]
    pub const fn updated(&self, order: ByteOrder) -> DdfTime {
        DdfTime(self.timestamp.get(order))
    }

    /// Where the header says a section is.
    #[must_use]
    pub const fn section(&self, section: Section) -> &SectionAddress {
        section_of!(&self.sections, section)
    }

    /// As [`section`](Self::section), to be edited.
    #[must_use]
    pub const fn section_mut(&mut self, section: Section) -> &mut SectionAddress {
        section_of!(&mut self.sections, section)
    }

    /// The blocks of a section of the copy whose header stands at `header_lba`. `None`: there is no
    /// such section, or it would end past 2^64.
    #[must_use]
    pub fn section_extent(
        &self,
        order: ByteOrder,
        header_lba: Lba,
        section: Section,
    ) -> Option<Extent> {
        let address = self.section(section);
        let offset = address.offset.present(order)?;
        let len = Blocks(u64::from(address.length.get(order)));
        if len.0 == 0 {
            return None;
        }
        let start = header_lba.checked_add(Blocks(u64::from(offset)))?;
        start.checked_add(len)?;
        Some(Extent { start, len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blank() -> DdfHeader {
        let Some(header) = DdfHeader::view(&[0xFF; 512]) else { unreachable!() };
        *header
    }

    #[test]
    fn the_signature_tells_the_byte_order() {
        let mut block = [0xFF; 512];
        assert_eq!(DdfHeader::byte_order(&block), None);
        block[..4].copy_from_slice(&[0xDE, 0x11, 0xDE, 0x11]);
        assert_eq!(DdfHeader::byte_order(&block), Some(ByteOrder::Big));
        block[..4].copy_from_slice(&[0x11, 0xDE, 0x11, 0xDE]);
        assert_eq!(DdfHeader::byte_order(&block), Some(ByteOrder::Little));
        assert_eq!(DdfHeader::byte_order(&block[..511]), None);
    }

    #[test]
    fn sections_count_from_their_own_header_and_may_be_absent() {
        let mut header = blank();
        let order = ByteOrder::Big;
        for section in Section::ALL {
            assert_eq!(header.section_extent(order, Lba(100), section), None);
        }
        let address = header.section_mut(Section::VirtualDiskRecords);
        *address = SectionAddress { offset: U32::new(order, 130), length: U32::new(order, 32) };
        assert_eq!(header.as_bytes()[208..216], [0, 0, 0, 130, 0, 0, 0, 32]);
        let section = Section::VirtualDiskRecords;
        assert_eq!(header.section_extent(order, Lba(100), section), Some(Extent::new(230, 32)));
        assert_eq!(header.section_extent(order, Lba(u64::MAX - 140), section), None);
    }

    #[test]
    fn unknown_bytes_are_reported_not_rejected() {
        let mut header = blank();
        assert_eq!(header.open_state(), OpenState::NotKept);
        assert_eq!(header.header_type(), HeaderType::Other(0xFF));
        header.open_flag = 0x0F;
        assert_eq!(header.open_state(), OpenState::Open);
        header.open_flag = 0x10;
        assert_eq!(header.open_state(), OpenState::Other(0x10));
        for byte in 0..=255 {
            assert_eq!(HeaderType::from_byte(byte).to_byte(), byte);
        }
    }

    #[test]
    fn vendor_revisions_have_no_major_number() {
        assert_eq!(Revision::V1_2.major(), Some(1));
        assert_eq!(Revision(*b"12.00.00").major(), Some(12));
        assert_eq!(Revision(*b"XY123456").major(), None);
        assert_eq!(Revision([0xFF; 8]).major(), None);
    }
}
