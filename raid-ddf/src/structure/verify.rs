// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a copy is worth: *usable* if the sections that an assembly needs are there with their
//! signatures, and *sound* if besides every CRC is right.

use super::{ConfigurationRecord, RecordSlot, Structure};
use crate::bad_block_log::BadBlockLog;
use crate::choice::over_struct;
use crate::controller_data::ControllerData;
use crate::crc::{CrcVariant, Seal, compute_crc, stored_crc};
use crate::error::{RecordError, StructureError};
use crate::finding::Fault;
use crate::header::{DdfHeader, Section};
use crate::integer::{ByteOrder, U32};
use crate::locate::{CopyKind, HeaderBlock};
use crate::physical_disk_data::PhysicalDiskData;
use crate::physical_disk_records::PhysicalDiskRecords;
use crate::record::Record;
use crate::spare_assignment::SpareAssignment;
use crate::vd_configuration::VdConfiguration;
use crate::vendor_unique_configuration::VendorUniqueConfiguration;
use crate::virtual_disk_records::VirtualDiskRecords;
use raid_core::metadata::Finding;
use raid_core::units::{Extent, Lba};
use zerocopy::FromBytes;

/// What the sections of a copy are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// What an assembly needs is there.
    pub(crate) usable: bool,
    /// Besides, every CRC is right.
    pub(crate) sound: bool,
}

/// How many entries a table has, as its head, the header and its length say.
struct Table {
    /// Maximum in the table's head.
    supported: u16,
    /// Maximum in the header.
    declared: u16,
    /// As many as the section has room for.
    room: usize,
    /// Used ones, as the table's head says.
    populated: u16,
    used: usize,
    /// One past the last that is used.
    last: usize,
}

impl Structure<'_> {
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
        verdict.sound &= self.verify_optional(tell);
        self.verify_tables(tell);
        verdict
    }

    /// Judges the sections that not every copy has. Diagnostic space and vendor logs are not read in
    /// discovery, and what a log's CRC covers is the vendor's: only their places are judged.
    fn verify_optional(&self, tell: &mut dyn FnMut(Finding)) -> bool {
        let mut sound = true;
        for section in [Section::BadBlockLog, Section::DiagnosticSpace, Section::VendorSpecificLogs]
        {
            let address = self.header.section(section);
            let absent =
                address.length.get(self.order) == 0 || address.offset.present(self.order).is_none();
            if absent {
                continue;
            }
            let others = Section::ALL.into_iter().filter(|other| *other != section);
            if let Err(misplaced) = self.place(section, others) {
                tell(misplaced.finding(self.kind));
                sound = false;
            } else if section == Section::BadBlockLog {
                sound &= self.verify_record::<BadBlockLog>(section, tell).sound;
            }
        }
        sound
    }

    /// Tells of tables whose head, header and length do not agree. Nothing depends on them: readers
    /// look at every entry there is.
    fn verify_tables(&self, tell: &mut dyn FnMut(Finding)) {
        let order = self.order;
        let mut compare = |section: Section, table: Table| {
            let flaw = |fault: Fault, found: u16, expected: usize| Finding {
                copy: section.name(),
                at: self.section_lba(section),
                found: Some(found.into()),
                expected: u64::try_from(expected).ok(),
                ..fault.on(None)
            };
            let Table { supported, declared, room, populated, used, last } = table;
            // graid counts up to the last used entry, holes included.
            if usize::from(populated) != used && usize::from(populated) != last {
                tell(flaw(Fault::PopulatedCount, populated, used));
            }
            if supported != declared {
                tell(flaw(Fault::TableSize, supported, declared.into()));
            } else if usize::from(supported) > room {
                tell(flaw(Fault::TableSize, supported, room));
            }
        };
        // In one pass: the tables of a configuration are its largest parts.
        let tally = |(used, _): (usize, usize), index: usize| {
            (used.saturating_add(1), index.saturating_add(1))
        };
        if let Some(records) = self.physical_disks() {
            let used = records.used(order).map(|(index, _)| index);
            let (used, last) = used.fold((0, 0), tally);
            let table = Table {
                supported: records.max_pde_supported.get(order),
                declared: self.header.max_pd_entries.get(order),
                room: records.entries.len(),
                populated: records.populated_pdes.get(order),
                used,
                last,
            };
            compare(Section::PhysicalDiskRecords, table);
        }
        if let Some(records) = self.virtual_disks() {
            let used = records.used(order).map(|(index, _)| index);
            let (used, last) = used.fold((0, 0), tally);
            let table = Table {
                supported: records.max_vde_supported.get(order),
                declared: self.header.max_vd_entries.get(order),
                room: records.entries.len(),
                populated: records.populated_vdes.get(order),
                used,
                last,
            };
            compare(Section::VirtualDiskRecords, table);
        }
    }

    /// Tells what is unusual about a header that is sound.
    fn verify_header(&self, anchor: &HeaderBlock<'_>, tell: &mut dyn FnMut(Finding)) {
        let copy = self.kind.header_name();
        let flaw = |fault: Fault| Finding { copy, at: Some(self.at), ..fault.on(None) };
        let (mine, theirs) = (self.header, anchor.header);
        let lbas = (mine.primary_header_lba, mine.secondary_header_lba);
        if anchor.crc.is_some() && lbas != (theirs.primary_header_lba, theirs.secondary_header_lba)
        {
            let differs = mine.primary_header_lba != theirs.primary_header_lba;
            let lba = |header: &DdfHeader| {
                let primary = header.primary_header_lba.get(self.order);
                if differs { primary } else { header.secondary_header_lba.get(self.order) }
            };
            let (found, expected) = (Some(lba(mine)), Some(lba(theirs)));
            tell(Finding { found, expected, ..flaw(Fault::HeaderLbas) });
        }
        if anchor.crc.is_some_and(|crc| crc.variant != self.crc.variant) {
            let variant = |crc: CrcVariant| Some(u64::from(crc.letter()));
            let (found, expected) = (variant(self.crc.variant), anchor.crc.map(|crc| crc.variant));
            let expected = expected.and_then(variant);
            tell(Finding { found, expected, ..flaw(Fault::OtherCrcVariant) });
        }
        if self.crc.struct_only {
            let (found, expected) = over_struct(self.disk);
            tell(Finding { found, expected, ..flaw(Fault::CrcOverStruct) });
        }
        let foreign = mine.foreign_flag;
        if !matches!(foreign, 0 | 0xFF) {
            let (found, expected) = (Some(foreign.into()), Some(0));
            tell(Finding { found, expected, ..flaw(Fault::Foreign) });
        }
        if let (None, Some(found)) = (self.workspace(), mine.workspace_lba.present(self.order)) {
            let expected = Some(self.disk.shape().blocks.0);
            tell(Finding { found: Some(found), expected, ..flaw(Fault::WorkspacePlace) });
        }
    }

    fn verify_record<T: Record + ?Sized>(
        &self,
        section: Section,
        tell: &mut dyn FnMut(Finding),
    ) -> Verdict {
        let extent = self.section_extent(section);
        let at = extent.map(|extent| extent.start);
        let Some(bytes) = self.section(section) else {
            tell(self.unreadable(T::NAME, extent));
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
                    let found = Some(checked.crc_variant().letter().into());
                    let expected = Some(self.crc.variant.letter().into());
                    tell(Finding { found, expected, ..flaw(Fault::OtherCrcVariant) });
                }
                let stored = U32::ref_from_prefix(bytes).map_or(0, |(s, _)| s.get(self.order));
                if stored != T::SIGNATURE {
                    let (found, expected) = (Some(stored.into()), Some(T::SIGNATURE.into()));
                    tell(Finding { found, expected, ..flaw(Fault::LegacySignature) });
                }
                Verdict { usable: true, sound: true }
            }
            Err(RecordError::Crc { .. }) => {
                let Some(covered) = self.crc_of_struct(bytes) else {
                    tell(crc_flaw(flaw(Fault::SectionCrc), self.order, bytes));
                    return Verdict { usable: true, sound: false };
                };
                let (found, expected) =
                    (u64::try_from(covered).ok(), u64::try_from(bytes.len()).ok());
                tell(Finding { found, expected, ..flaw(Fault::CrcOverStruct) });
                Verdict { usable: true, sound: true }
            }
            Err(RecordError::Signature { found, expected, .. }) => {
                let (found, expected) = (Some(found.into()), Some(expected.into()));
                tell(Finding { found, expected, ..flaw(Fault::SectionSignature) });
                Verdict { usable: false, sound: false }
            }
            Err(RecordError::Truncated { found, expected, .. }) => {
                let (found, expected) = (u64::try_from(found).ok(), u64::try_from(expected).ok());
                // Blocks of at least 512 bytes hold the fixed part of every record.
                tell(Finding { found, expected, ..flaw(Fault::SectionUnreadable) });
                Verdict { usable: false, sound: false }
            }
        }
    }

    /// A section that is not at hand: how many of its blocks are.
    fn unreadable(&self, copy: &'static str, extent: Option<Extent>) -> Finding {
        let at = extent.map(|extent| extent.start);
        let found = extent.map_or(0, |extent| {
            let mut blocks = extent.start.0..extent.start.0.saturating_add(extent.len.0);
            let end = blocks.find(|at| self.disk.block(Lba(*at)).is_none());
            end.map_or(extent.len.0, |end| end.saturating_sub(extent.start.0))
        });
        let (found, expected) = (Some(found), extent.map(|extent| extent.len.0));
        Finding { copy, at, found, expected, ..Fault::SectionUnreadable.on(None) }
    }

    /// The bytes that the CRC of a record on larger blocks covers if it leaves out padding, which
    /// begins at a multiple of 512: what LSI's covers there is unverified.
    fn crc_of_struct(&self, bytes: &[u8]) -> Option<usize> {
        let block_size = self.disk.shape().block_size;
        Seal::found(self.crc.variant, self.order, block_size, bytes)?.covered()
    }

    fn verify_slots(&self, tell: &mut dyn FnMut(Finding)) -> Verdict {
        let section = Section::ConfigurationRecords;
        let mut verdict = Verdict { usable: true, sound: true };
        let extent = self.section_extent(section);
        let Some(bytes) = self.section(section) else {
            tell(self.unreadable(section.name(), extent));
            return Verdict { usable: false, sound: false };
        };
        let stored = self.header.configuration_record_length.get(self.order);
        if stored == 0 || self.record_bytes() > bytes.len() {
            let found = Some(stored.into());
            let copy = self.kind.header_name();
            let length = self.header.section(section).length.get(self.order);
            let expected = Some(if stored == 0 { 1 } else { length.into() });
            let fault = Fault::RecordLength.on(None);
            tell(Finding { copy, at: Some(self.at), found, expected, ..fault });
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
                    let expected = Some(u32::MAX.into());
                    tell(Finding { copy, at, found, expected, ..Fault::UnknownRecord.on(None) });
                    Verdict { usable: true, sound: false }
                }
            };
            verdict.sound &= part.sound;
        }
        verdict
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
            Self::HeaderAddress { at, found, .. } => {
                let highest = at.0.saturating_sub(1);
                about(Fault::HeaderLba, at, Some(found), Some(highest))
            }
            Self::Unreadable { at } => about(Fault::HeaderUnreadable, at, Some(0), Some(1)),
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
            Self::Guid { at, found, expected } => {
                about(Fault::HeaderGuid, at, Some(found), Some(expected))
            }
            Self::SectionPlace { at, section, found, expected } => {
                let (found, expected) = (Some(found.into()), Some(expected.into()));
                let copy = section.name();
                Finding { copy, ..about(Fault::SectionPlace, at, found, expected) }
            }
            Self::TooLarge { at, end, limit } => {
                about(Fault::SectionPlace, at, Some(end.0), Some(limit.0))
            }
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
