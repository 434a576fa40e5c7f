// SPDX-License-Identifier: MIT OR Apache-2.0
//! One copy of the structure on one disk: its header and the sections behind it.
//!
//! [`Structure::read`] judges the header. [`Structure::verify`] judges the sections: a copy is
//! *usable* if the sections that an assembly needs are there with their signatures, and *sound* if
//! besides every CRC is right.

use crate::bad_block_log::BadBlockLog;
use crate::controller_data::ControllerData;
use crate::crc::{CrcVariant, compute_crc, stored_crc};
use crate::disk_bytes::DiskBytes;
use crate::error::{RecordError, StructureError};
use crate::finding::Fault;
use crate::header::{DdfHeader, OpenState, Section};
use crate::integer::{ByteOrder, U32};
use crate::locate::{CopyKind, HeaderBlock, HeaderCrc, MAX_RUN_BYTES};
use crate::physical_disk_data::PhysicalDiskData;
use crate::physical_disk_records::PhysicalDiskRecords;
use crate::record::Record;
use crate::spare_assignment::SpareAssignment;
use crate::vd_configuration::{VdConfiguration, element_slots};
use crate::vendor_unique_configuration::VendorUniqueConfiguration;
use crate::virtual_disk_records::VirtualDiskRecords;
use raid_core::metadata::Finding;
use raid_core::units::{Blocks, Extent, Lba};
use zerocopy::FromBytes;

/// Most configuration records of a disk that are looked at. Writers provide for 2 to 65.
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

/// What the sections of a copy are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// What an assembly needs is there.
    pub(crate) usable: bool,
    /// Besides, every CRC is right.
    pub(crate) sound: bool,
}

/// A slot of the configuration records section.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ConfigurationRecord<'a> {
    /// Layout of a basic virtual disk that this disk is a member of.
    VirtualDisk(&'a VdConfiguration),
    /// Whom this spare serves.
    Spare(&'a SpareAssignment),
    /// The vendor's own.
    VendorUnique(&'a VendorUniqueConfiguration),
    /// Nothing. The rest of the slot may hold an old record.
    Unused,
    /// Another signature.
    Other(u32),
}

/// A slot with its place.
#[derive(Clone, Copy, Debug)]
pub struct RecordSlot<'a> {
    /// Its number in the section.
    pub index: usize,
    /// Its first block on the disk.
    pub at: Lba,
    /// The whole slot, which the record's CRC covers.
    pub bytes: &'a [u8],
    /// What stands in it.
    pub record: ConfigurationRecord<'a>,
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
        let lba = anchor.copy_lba(kind).filter(|at| at.0 < blocks && *at != anchor.at);
        let Some(at) = lba else {
            let found = anchor.copy_lba(kind).map_or(u64::MAX, |at| at.0);
            return Err(StructureError::HeaderAddress { found, blocks });
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
            return Err(StructureError::Guid { at });
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
        let first = self.section_extent(Section::ConfigurationRecords).map(|extent| extent.start);
        let section = self.section(Section::ConfigurationRecords).unwrap_or_default();
        let slots = section.chunks_exact(self.record_bytes().max(1)).enumerate().take(MAX_RECORDS);
        slots.scan(first, move |next, (index, bytes)| {
            let at = (*next)?;
            *next = at.checked_add(step);
            Some(RecordSlot { index, at, bytes, record: ConfigurationRecord::of(bytes, order) })
        })
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
        let blocks = self.disk.shape().blocks;
        let at = self.at;
        let mut end = at;
        for (index, section) in Section::REQUIRED.into_iter().enumerate() {
            let found = self.header.section(section).offset.get(self.order);
            let misplaced = StructureError::SectionPlace { at, section, found };
            let extent = self.section_extent(section).ok_or(misplaced)?;
            let earlier = Section::REQUIRED.into_iter().take(index);
            let mut earlier = earlier.filter_map(|earlier| self.section_extent(earlier));
            let last = extent.end().filter(|end| end.0 <= blocks.0).ok_or(misplaced)?;
            if extent.start <= at || earlier.any(|earlier| earlier.overlaps(extent)) {
                return Err(misplaced);
            }
            end = end.max(last);
        }
        let required = self.run_to(end).ok_or(StructureError::TooLarge { at, end })?;
        let with_log = self
            .section_extent(Section::BadBlockLog)
            .and_then(Extent::end)
            .filter(|last| last.0 <= blocks.0)
            .and_then(|last| self.run_to(end.max(last)));
        Ok(with_log.unwrap_or(required))
    }

    /// The blocks behind the header up to `end`, if they are not too many.
    fn run_to(&self, end: Lba) -> Option<Extent> {
        let start = self.at.checked_add(Blocks(1))?;
        let len = end.distance_from(start)?;
        let bytes = len.bytes(self.disk.shape().block_size)?;
        (len.0 > 0 && bytes <= MAX_RUN_BYTES).then_some(Extent { start, len })
    }

    /// Judges the sections and tells what is wrong with them.
    pub(crate) fn verify(
        &self,
        anchor: &HeaderBlock<'_>,
        tell: &mut dyn FnMut(Finding),
    ) -> Verdict {
        let mut verdict = Verdict { usable: true, sound: true };
        self.verify_header(anchor, tell);
        if let Err(error) = self.sections_run() {
            tell(error.finding(self.kind));
            return Verdict { usable: false, sound: false };
        }
        verdict.sound &= self.verify_record::<ControllerData>(Section::ControllerData, tell).sound;
        for part in [
            self.verify_record::<PhysicalDiskRecords>(Section::PhysicalDiskRecords, tell),
            self.verify_record::<VirtualDiskRecords>(Section::VirtualDiskRecords, tell),
            self.verify_record::<PhysicalDiskData>(Section::PhysicalDiskData, tell),
            self.verify_slots(tell),
        ] {
            verdict.usable &= part.usable;
            verdict.sound &= part.sound;
        }
        if self.section_extent(Section::BadBlockLog).is_some() {
            verdict.sound &= self.verify_record::<BadBlockLog>(Section::BadBlockLog, tell).sound;
        }
        verdict
    }

    /// Tells what is unusual about a header that is sound.
    fn verify_header(&self, anchor: &HeaderBlock<'_>, tell: &mut dyn FnMut(Finding)) {
        let copy = self.kind.header_name();
        let flaw = |fault: Fault| Finding { copy, at: Some(self.at), ..fault.on(None) };
        let (mine, theirs) = (self.header, anchor.header);
        let lbas = (mine.primary_header_lba, mine.secondary_header_lba);
        if anchor.crc.is_some() && lbas != (theirs.primary_header_lba, theirs.secondary_header_lba)
        {
            tell(flaw(Fault::HeaderLbas));
        }
        if anchor.crc.is_some_and(|crc| crc.variant != self.crc.variant) {
            tell(flaw(Fault::OtherCrcVariant));
        }
        if self.crc.struct_only {
            tell(flaw(Fault::CrcOverStruct));
        }
    }

    fn verify_record<T: Record + ?Sized>(
        &self,
        section: Section,
        tell: &mut dyn FnMut(Finding),
    ) -> Verdict {
        let at = self.section_extent(section).map(|extent| extent.start);
        let Some(bytes) = self.section(section) else {
            tell(Finding { copy: T::NAME, at, ..Fault::SectionUnreadable.on(None) });
            return Verdict { usable: false, sound: false };
        };
        self.verify_bytes::<T>(bytes, at, tell)
    }

    fn verify_bytes<T: Record + ?Sized>(
        &self,
        bytes: &[u8],
        at: Option<Lba>,
        tell: &mut dyn FnMut(Finding),
    ) -> Verdict {
        let flaw = |fault: Fault| Finding { copy: T::NAME, at, ..fault.on(None) };
        match T::check(bytes, self.order) {
            Ok(checked) => {
                if checked.crc_variant() != self.crc.variant {
                    tell(flaw(Fault::OtherCrcVariant));
                }
                let stored = U32::ref_from_prefix(bytes).map_or(0, |(s, _)| s.get(self.order));
                if stored != T::SIGNATURE {
                    let found = Some(stored.into());
                    tell(Finding { found, ..flaw(Fault::LegacySignature) });
                }
                Verdict { usable: true, sound: true }
            }
            Err(RecordError::Crc { .. }) => {
                tell(crc_flaw(flaw(Fault::SectionCrc), self.order, bytes));
                Verdict { usable: true, sound: false }
            }
            Err(RecordError::Signature { found, expected, .. }) => {
                let (found, expected) = (Some(found.into()), Some(expected.into()));
                tell(Finding { found, expected, ..flaw(Fault::SectionSignature) });
                Verdict { usable: false, sound: false }
            }
            Err(RecordError::Truncated { found, .. }) => {
                let found = u64::try_from(found).ok();
                tell(Finding { found, ..flaw(Fault::SectionShort) });
                Verdict { usable: false, sound: false }
            }
        }
    }

    fn verify_slots(&self, tell: &mut dyn FnMut(Finding)) -> Verdict {
        let section = Section::ConfigurationRecords;
        let mut verdict = Verdict { usable: true, sound: true };
        let at = self.section_extent(section).map(|extent| extent.start);
        let Some(bytes) = self.section(section) else {
            tell(Finding { copy: section.name(), at, ..Fault::SectionUnreadable.on(None) });
            return Verdict { usable: false, sound: false };
        };
        let stored = self.header.configuration_record_length.get(self.order);
        if stored == 0 || self.record_bytes() > bytes.len() {
            let found = Some(stored.into());
            let copy = self.kind.header_name();
            tell(Finding { copy, at: Some(self.at), found, ..Fault::RecordLength.on(None) });
            return Verdict { usable: false, sound: false };
        }
        for RecordSlot { at, bytes, record, .. } in self.records() {
            let at = Some(at);
            let part = match record {
                ConfigurationRecord::VirtualDisk(_) => {
                    self.verify_bytes::<VdConfiguration>(bytes, at, tell)
                }
                ConfigurationRecord::Spare(_) => {
                    self.verify_bytes::<SpareAssignment>(bytes, at, tell)
                }
                ConfigurationRecord::VendorUnique(_) => {
                    self.verify_bytes::<VendorUniqueConfiguration>(bytes, at, tell)
                }
                ConfigurationRecord::Unused => continue,
                ConfigurationRecord::Other(found) => {
                    let (copy, found) = (section.name(), Some(found.into()));
                    tell(Finding { copy, at, found, ..Fault::UnknownRecord.on(None) });
                    Verdict { usable: true, sound: false }
                }
            };
            verdict.sound &= part.sound;
        }
        verdict
    }
}

impl<'a> ConfigurationRecord<'a> {
    /// What stands in a slot: its first four bytes say.
    #[must_use]
    pub fn of(slot: &'a [u8], order: ByteOrder) -> Self {
        let Ok((signature, _)) = U32::ref_from_prefix(slot) else { return Self::Unused };
        let signature = signature.get(order);
        match signature {
            // All ones as the standard says; 0 occurs as well.
            0 | u32::MAX => Some(Self::Unused),
            VdConfiguration::SIGNATURE => VdConfiguration::view(slot).map(Self::VirtualDisk),
            SpareAssignment::SIGNATURE => SpareAssignment::view(slot).map(Self::Spare),
            VendorUniqueConfiguration::SIGNATURE => {
                VendorUniqueConfiguration::view(slot).map(Self::VendorUnique)
            }
            _ => None,
        }
        .unwrap_or(Self::Other(signature))
    }
}

impl StructureError {
    /// As a finding about a copy.
    pub(crate) fn finding(self, kind: CopyKind) -> Finding {
        let copy = kind.header_name();
        let about = |fault: Fault, at, found, expected| Finding {
            copy,
            at: Some(at),
            found,
            expected,
            ..fault.on(None)
        };
        match self {
            Self::HeaderAddress { found, blocks } => {
                let (found, expected) = (Some(found), Some(blocks));
                Finding { copy, found, expected, ..Fault::HeaderLba.on(None) }
            }
            Self::Unreadable { at } => about(Fault::HeaderUnreadable, at, None, None),
            Self::Signature { at, found } => {
                let expected = Some(DdfHeader::SIGNATURE.into());
                about(Fault::HeaderSignature, at, Some(found.into()), expected)
            }
            Self::Crc { at, found, expected } => {
                about(Fault::HeaderCrc, at, Some(found.into()), Some(expected.into()))
            }
            Self::HeaderType { at, found, expected } => {
                about(Fault::HeaderType, at, Some(found.into()), Some(expected.into()))
            }
            Self::Guid { at } => about(Fault::HeaderGuid, at, None, None),
            Self::SectionPlace { at, section, found } => {
                let copy = section.name();
                Finding { copy, ..about(Fault::SectionPlace, at, Some(found.into()), None) }
            }
            Self::TooLarge { at, end } => about(Fault::SectionPlace, at, Some(end.0), None),
        }
    }
}

/// Fills in which CRC a record stores and which it should.
pub(crate) fn crc_flaw(finding: Finding, order: ByteOrder, record: &[u8]) -> Finding {
    Finding {
        found: stored_crc(order, record).map(u64::from),
        expected: Some(compute_crc(CrcVariant::default(), record).into()),
        ..finding
    }
}
