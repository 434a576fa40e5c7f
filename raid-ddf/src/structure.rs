// SPDX-License-Identifier: MIT OR Apache-2.0
//! One copy of the structure on one disk: its header and the sections behind it.
//!
//! [`Structure::read`] judges the header, [`verify`] the sections; [`slot`] says what stands among
//! the configuration records.

mod slot;
mod verify;

pub use slot::{ConfigurationRecord, RecordSlot};
pub(crate) use verify::{Verdict, crc_flaw};

use crate::bad_block_log::BadBlockLog;
use crate::controller_data::ControllerData;
use crate::crc::{CrcVariant, compute_crc};
use crate::disk_bytes::DiskBytes;
use crate::error::StructureError;
use crate::header::{DdfHeader, OpenState, Section};
use crate::integer::{ByteOrder, U32};
use crate::locate::{CopyKind, HeaderBlock, HeaderCrc, MAX_RUN_BYTES};
use crate::physical_disk_data::PhysicalDiskData;
use crate::physical_disk_records::PhysicalDiskRecords;
use crate::record::Record;
use crate::vd_configuration::{VdConfiguration, element_slots};
use crate::vendor_log::VendorLog;
use crate::virtual_disk_records::VirtualDiskRecords;
use raid_core::units::{Blocks, Extent, Lba};
use zerocopy::FromBytes;

/// Most configuration records of a disk that are looked at: some work grows with their square. Writers
/// provide for 2 to 65.
const MAX_RECORDS: usize = 1024;

/// A copy whose header was found sound.
#[derive(Clone, Copy, Debug)]
pub struct Structure<'a> {
    disk: DiskBytes<'a>,
    kind: CopyKind,
    at: Lba,
    order: ByteOrder,
    crc: HeaderCrc,
    header: &'a DdfHeader,
}

impl<'a> Structure<'a> {
    /// The copy whose header the anchor points to.
    ///
    /// # Errors
    /// What is wrong with its header.
    pub fn read(
        disk: DiskBytes<'a>,
        anchor: &HeaderBlock<'_>,
        kind: CopyKind,
    ) -> Result<Self, StructureError> {
        let blocks = disk.shape().blocks.0;
        // A header that a search took for the anchor may be the copy's own.
        let itself = anchor.header.header_type() == kind.header_type();
        let lba = anchor.copy_lba(kind);
        let lba = lba.filter(|at| at.0 < blocks && (itself || *at != anchor.at));
        let Some(at) = lba else {
            let found = anchor.copy_lba(kind).map_or(u64::MAX, |at| at.0);
            return Err(StructureError::HeaderAddress { at: anchor.at, found, blocks });
        };
        let block = disk.block(at).ok_or(StructureError::Unreadable { at })?;
        let order = anchor.order;
        let stored = U32::ref_from_prefix(block).map_or(0, |(signature, _)| signature.get(order));
        let read = HeaderBlock::read(disk, at).filter(|read| read.order == order);
        let HeaderBlock { header, crc, .. } =
            read.ok_or(StructureError::Signature { at, found: stored })?;
        let crc = crc.ok_or(StructureError::Crc {
            at,
            found: header.crc.get(order),
            expected: compute_crc(CrcVariant::default(), block),
        })?;
        let (found, expected) = (header.header_type, kind.header_type().to_byte());
        if found != expected {
            return Err(StructureError::HeaderType { at, found, expected });
        }
        if anchor.crc.is_some() && header.ddf_header_guid != anchor.header.ddf_header_guid {
            let (found, expected) =
                header.ddf_header_guid.difference(&anchor.header.ddf_header_guid);
            return Err(StructureError::Guid { at, found, expected });
        }
        Ok(Self { disk, kind, at, order, crc, header })
    }

    /// The same copy when it was judged before: only its place is looked up again.
    pub(crate) fn reread(
        disk: DiskBytes<'a>,
        kind: CopyKind,
        at: Lba,
        order: ByteOrder,
        crc: HeaderCrc,
    ) -> Option<Self> {
        let header = DdfHeader::view(disk.block(at)?)?;
        Some(Self { disk, kind, at, order, crc, header })
    }

    /// Which copy.
    #[must_use]
    pub const fn kind(&self) -> CopyKind {
        self.kind
    }

    /// Block of its header.
    #[must_use]
    pub const fn at(&self) -> Lba {
        self.at
    }

    /// Byte order of the disk.
    #[must_use]
    pub const fn order(&self) -> ByteOrder {
        self.order
    }

    /// CRC variant of its header.
    #[must_use]
    pub const fn crc_variant(&self) -> CrcVariant {
        self.crc.variant
    }

    /// How its header's CRC matched.
    #[must_use]
    pub(crate) const fn header_crc(&self) -> HeaderCrc {
        self.crc
    }

    /// Its header.
    #[must_use]
    pub const fn header(&self) -> &'a DdfHeader {
        self.header
    }

    /// Update counter; `None` if not kept, as by graid.
    #[must_use]
    pub const fn sequence(&self) -> Option<u32> {
        self.header.sequence_number.present(self.order)
    }

    /// Update counter as stored: all ones where it is not kept.
    pub(crate) const fn stored_sequence(&self) -> u32 {
        self.header.sequence_number.get(self.order)
    }

    /// Whether an update had begun and not ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.header.open_state() == OpenState::Open
    }

    /// The blocks of a section; `None` if there is none.
    #[must_use]
    pub fn section_extent(&self, section: Section) -> Option<Extent> {
        self.header.section_extent(self.order, self.at, section)
    }

    /// The bytes of a section; `None` if there is none or it could not be read.
    #[must_use]
    pub fn section(&self, section: Section) -> Option<&'a [u8]> {
        self.disk.get(self.section_extent(section)?)
    }

    /// All disks of the configuration.
    #[must_use]
    pub fn physical_disks(&self) -> Option<&'a PhysicalDiskRecords> {
        PhysicalDiskRecords::view(self.section(Section::PhysicalDiskRecords)?)
    }

    /// All virtual disks of the configuration.
    #[must_use]
    pub fn virtual_disks(&self) -> Option<&'a VirtualDiskRecords> {
        VirtualDiskRecords::view(self.section(Section::VirtualDiskRecords)?)
    }

    /// Who this disk is.
    #[must_use]
    pub fn disk_data(&self) -> Option<&'a PhysicalDiskData> {
        PhysicalDiskData::view(self.section(Section::PhysicalDiskData)?)
    }

    /// Who wrote last.
    #[must_use]
    pub fn controller_data(&self) -> Option<&'a ControllerData> {
        ControllerData::view(self.section(Section::ControllerData)?)
    }

    /// Relocated blocks.
    #[must_use]
    pub fn bad_block_log(&self) -> Option<&'a BadBlockLog> {
        BadBlockLog::view(self.section(Section::BadBlockLog)?)
    }

    /// The vendor's logs, if they were read: discovery does not ask for them.
    #[must_use]
    pub fn vendor_logs(&self) -> Option<&'a VendorLog> {
        VendorLog::view(self.section(Section::VendorSpecificLogs)?)
    }

    /// The vendor's area for diagnostics, if it was read: discovery does not ask for it. Nothing is
    /// known of what is in it.
    #[must_use]
    pub fn diagnostic_space(&self) -> Option<&'a [u8]> {
        self.section(Section::DiagnosticSpace)
    }

    /// The area that the controller keeps for itself, the secondary copy often among it; `None` if
    /// the header names none that lies on the disk (some LSI firmware stores something else).
    #[must_use]
    pub fn workspace(&self) -> Option<Extent> {
        let start = Lba(self.header.workspace_lba.present(self.order)?);
        let len = Blocks(self.header.workspace_length.present(self.order)?.into());
        let extent = Extent { start, len };
        let disk = Extent { start: Lba(0), len: self.disk.shape().blocks };
        (len.0 > 0 && disk.contains(extent)).then_some(extent)
    }

    /// The block that holds an entry of the physical or virtual disk records.
    #[must_use]
    pub fn entry_lba(&self, section: Section, index: usize) -> Option<Lba> {
        // A head of 64 bytes, then entries of 64.
        let byte = u64::try_from(index).ok()?.checked_add(1)?.checked_mul(64)?;
        let block = byte.checked_div(self.disk.shape().block_size.into())?;
        self.section_extent(section)?.start.checked_add(Blocks(block))
    }

    /// First block of a section.
    #[must_use]
    pub fn section_lba(&self, section: Section) -> Option<Lba> {
        self.section_extent(section).map(|extent| extent.start)
    }

    /// Blocks of a configuration record slot, at least 1.
    #[must_use]
    pub fn record_blocks(&self) -> Blocks {
        Blocks(u64::from(self.header.configuration_record_length.get(self.order).max(1)))
    }

    /// Bytes of a configuration record slot.
    #[must_use]
    pub fn record_bytes(&self) -> usize {
        let bytes = self.record_blocks().bytes(self.disk.shape().block_size);
        bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX)
    }

    /// M: the slots of the two lists of each configuration record.
    #[must_use]
    pub fn element_slots(&self) -> usize {
        element_slots(self.header, self.order, self.record_bytes())
    }

    /// The slots of the configuration records section, unused ones included.
    pub fn records(&self) -> impl Iterator<Item = RecordSlot<'a>> + use<'a> {
        let order = self.order;
        let step = self.record_blocks();
        let first = self.section_lba(Section::ConfigurationRecords);
        let section = self.section(Section::ConfigurationRecords).unwrap_or_default();
        let len = self.record_bytes().max(1);
        // Not `chunks_exact`: its length divides by `len`, and what checks that can stay in the object.
        (0..MAX_RECORDS).scan((first, section), move |(next, section), index| {
            let at = (*next)?;
            let (bytes, rest) = section.split_at_checked(len)?;
            *next = at.checked_add(step);
            *section = rest;
            Some(RecordSlot { index, at, bytes, record: ConfigurationRecord::of(bytes, order) })
        })
    }

    /// One slot of the configuration records section; `None` past the last.
    #[must_use]
    pub fn slot(&self, index: usize) -> Option<RecordSlot<'a>> {
        let section = self.section_extent(Section::ConfigurationRecords)?;
        let len = self.record_blocks();
        let skip = u64::try_from(index).ok()?.checked_mul(len.0)?;
        let at = Extent { start: section.start.checked_add(Blocks(skip))?, len };
        let bytes = self.disk.get(at).filter(|_| section.contains(at) && index < MAX_RECORDS)?;
        let record = ConfigurationRecord::of(bytes, self.order);
        Some(RecordSlot { index, at: at.start, bytes, record })
    }

    /// The configuration records of the volumes that this disk is a member of.
    pub fn volumes(&self) -> impl Iterator<Item = &'a VdConfiguration> + use<'a> {
        self.records().filter_map(|slot| match slot.record {
            ConfigurationRecord::VirtualDisk(record) => Some(record),
            _ => None,
        })
    }

    /// The run of blocks behind the header that holds every section an assembly reads.
    ///
    /// # Errors
    /// A section outside the disk, overlapping another, or too far from the header.
    pub fn sections_run(&self) -> Result<Extent, StructureError> {
        let at = self.at;
        let mut end = at;
        for (index, section) in Section::REQUIRED.into_iter().enumerate() {
            let earlier = Section::REQUIRED.into_iter().take(index);
            end = end.max(self.place(section, earlier)?);
        }
        let most = MAX_RUN_BYTES.checked_div(self.disk.shape().block_size.into()).unwrap_or(0);
        let limit = Lba(at.0.saturating_add(1).saturating_add(most));
        let required = self.run_to(end).ok_or(StructureError::TooLarge { at, end, limit })?;
        let with_log = self
            .section_extent(Section::BadBlockLog)
            .and_then(Extent::end)
            .filter(|last| last.0 <= self.disk.shape().blocks.0)
            .and_then(|last| self.run_to(end.max(last)));
        Ok(with_log.unwrap_or(required))
    }

    /// The block at which a section ends that lies behind the header, on the disk, and clear of others.
    fn place(
        &self,
        section: Section,
        others: impl Iterator<Item = Section>,
    ) -> Result<Lba, StructureError> {
        let (at, address) = (self.at, self.header.section(section));
        let found = address.offset.get(self.order);
        let misplaced = |expected: u64| {
            let expected = u32::try_from(expected).unwrap_or(u32::MAX);
            StructureError::SectionPlace { at, section, found, expected }
        };
        let behind = self.disk.shape().blocks.0.saturating_sub(at.0);
        let highest = behind.saturating_sub(address.length.get(self.order).into());
        let Some(extent) = self.section_extent(section) else { return Err(misplaced(1)) };
        if extent.start <= at {
            return Err(misplaced(1));
        }
        let on_disk = extent.end().filter(|end| end.0 <= self.disk.shape().blocks.0);
        let Some(end) = on_disk else { return Err(misplaced(highest)) };
        let mut others = others.filter_map(|other| self.section_extent(other));
        if let Some(other) = others.find(|other| other.overlaps(extent)) {
            let clear = other.start.0.saturating_add(other.len.0);
            return Err(misplaced(clear.saturating_sub(at.0)));
        }
        Ok(end)
    }

    /// The blocks behind the header up to `end`, if they are not too many.
    fn run_to(&self, end: Lba) -> Option<Extent> {
        let start = self.at.checked_add(Blocks(1))?;
        let len = end.distance_from(start)?;
        let bytes = len.bytes(self.disk.shape().block_size)?;
        (len.0 > 0 && bytes <= MAX_RUN_BYTES).then_some(Extent { start, len })
    }
}
