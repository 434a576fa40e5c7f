// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small configuration made by hand, so that tests can spoil one thing at a time.
//!
//! ```text
//! 0 ......... 200   220                 260                 299
//! | volumes       | secondary copy    | primary copy      | anchor |     300 blocks
//! ```
//!
//! One volume over all disks, its extent from block 0. 15 disks and 15 volumes at most, records with
//! room for 16 elements.

use super::Disk;
use raid_core::metadata::DiskShape;
use raid_core::units::{Blocks, Lba};
use raid_ddf::{
    ByteOrder, ControllerData, CopyKind, CrcVariant, DdfHeader, Guid, HeaderType, PdState, PdType,
    PhysicalDiskData, PhysicalDiskRecords, Record, Section, U16, U32, U64, VdConfiguration,
    VirtualDiskRecords, seal,
};

pub const BLOCKS: u64 = 300;
pub const PRIMARY: u64 = 260;
pub const SECONDARY: u64 = 220;
pub const CONFIGURED: u64 = 200;
pub const BLOCK_COUNT: u64 = 128;
/// References of the disks: index + this.
pub const REFERENCE: u32 = 0x1000;
pub const VOLUME: Guid = Guid(*b"Linux-MD volume number 1");
pub const SECOND_VOLUME: Guid = Guid(*b"Linux-MD volume number 2");

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub disks: usize,
    /// PRL, RLQ, SRL.
    pub level: (u8, u8, u8),
    pub sets: u8,
    pub order: ByteOrder,
    pub variant: CrcVariant,
    pub block_size: usize,
    pub guid: Guid,
}

/// RAID-5 over three disks, big-endian, variant B, 512-byte blocks.
pub const RAID5: Plan = Plan {
    disks: 3,
    level: (0x05, 0x03, 0xFF),
    sets: 1,
    order: ByteOrder::Big,
    variant: CrcVariant::B,
    block_size: 512,
    guid: Guid(*b"LSI     configuration 01"),
};

/// A mirror of two.
pub const RAID1: Plan = Plan { disks: 2, level: (0x01, 0x00, 0xFF), ..RAID5 };

/// The disks.
#[derive(Clone, Debug)]
pub struct Handmade {
    pub plan: Plan,
    pub disks: Vec<Vec<u8>>,
}

/// Offsets and lengths of the sections in blocks of 512; the same number of larger blocks is more
/// than enough.
const SECTIONS: [(Section, u32, u32); 5] = [
    (Section::ControllerData, 1, 1),
    (Section::PhysicalDiskRecords, 2, 2),
    (Section::VirtualDiskRecords, 4, 2),
    (Section::ConfigurationRecords, 6, 8),
    (Section::PhysicalDiskData, 14, 1),
];
const RECORD_BLOCKS: u64 = 2;

pub fn disk_guid(disk: usize) -> Guid {
    let mut guid = *b"Vendor  serial number  0";
    guid[23] += disk as u8;
    Guid(guid)
}

pub fn reference(disk: usize) -> u32 {
    REFERENCE + disk as u32
}

pub fn lba(kind: CopyKind) -> u64 {
    match kind {
        CopyKind::Primary => PRIMARY,
        CopyKind::Secondary => SECONDARY,
    }
}

impl Plan {
    pub fn build(self) -> Handmade {
        let blank = vec![0; BLOCKS as usize * self.block_size];
        let mut made = Handmade { plan: self, disks: vec![blank; self.disks] };
        for disk in 0..self.disks {
            made.put_header(disk, BLOCKS - 1, HeaderType::Anchor);
            for kind in CopyKind::ALL {
                made.put_header(disk, lba(kind), kind.header_type());
                made.put_sections(disk, kind);
            }
            made.seal(disk);
        }
        made
    }

    /// Slots of each set.
    pub fn slots(&self) -> usize {
        self.disks / usize::from(self.sets)
    }
}

impl Handmade {
    /// Blocks of a disk.
    pub fn run(&mut self, disk: usize, at: u64, blocks: u64) -> &mut [u8] {
        let size = self.plan.block_size;
        &mut self.disks[disk][at as usize * size..(at + blocks) as usize * size]
    }

    fn section(&mut self, disk: usize, kind: CopyKind, wanted: Section) -> &mut [u8] {
        let (_, at, len) = *SECTIONS.iter().find(|(section, ..)| *section == wanted).unwrap();
        self.run(disk, lba(kind) + u64::from(at), len.into())
    }

    pub fn anchor(&mut self, disk: usize) -> &mut DdfHeader {
        DdfHeader::view_mut(self.run(disk, BLOCKS - 1, 1)).unwrap()
    }

    pub fn header(&mut self, disk: usize, kind: CopyKind) -> &mut DdfHeader {
        DdfHeader::view_mut(self.run(disk, lba(kind), 1)).unwrap()
    }

    pub fn disk_records(&mut self, disk: usize, kind: CopyKind) -> &mut PhysicalDiskRecords {
        let bytes = self.section(disk, kind, Section::PhysicalDiskRecords);
        PhysicalDiskRecords::view_mut(bytes).unwrap()
    }

    pub fn volume_records(&mut self, disk: usize, kind: CopyKind) -> &mut VirtualDiskRecords {
        let bytes = self.section(disk, kind, Section::VirtualDiskRecords);
        VirtualDiskRecords::view_mut(bytes).unwrap()
    }

    pub fn disk_data(&mut self, disk: usize, kind: CopyKind) -> &mut PhysicalDiskData {
        PhysicalDiskData::view_mut(self.section(disk, kind, Section::PhysicalDiskData)).unwrap()
    }

    /// The bytes of a configuration record slot.
    pub fn slot(&mut self, disk: usize, kind: CopyKind, slot: u64) -> &mut [u8] {
        let at = lba(kind) + 6 + slot * RECORD_BLOCKS;
        self.run(disk, at, RECORD_BLOCKS)
    }

    pub fn record(&mut self, disk: usize, kind: CopyKind) -> &mut VdConfiguration {
        VdConfiguration::view_mut(self.slot(disk, kind, 0)).unwrap()
    }

    /// Edits both copies of one disk and seals them.
    pub fn on_disk(&mut self, disk: usize, edit: impl Fn(&mut Self, CopyKind)) {
        CopyKind::ALL.into_iter().for_each(|kind| edit(self, kind));
        self.seal(disk);
    }

    /// Edits both copies of these disks and seals them.
    pub fn on(&mut self, disks: &[usize], edit: impl Fn(&mut Self, usize, CopyKind)) {
        for &disk in disks {
            self.on_disk(disk, |made, kind| edit(made, disk, kind));
        }
    }

    pub fn set_sequence(&mut self, disks: &[usize], sequence: u32) {
        let order = self.plan.order;
        self.on(disks, |made, disk, kind| {
            made.header(disk, kind).sequence_number = U32::new(order, sequence);
        });
    }

    /// Sets the state of disk `of` in the records on `disks`.
    pub fn set_state(&mut self, disks: &[usize], of: usize, state: PdState) {
        let order = self.plan.order;
        self.on(disks, |made, disk, kind| {
            made.disk_records(disk, kind).entries[of].set_pd_state(order, state);
        });
    }

    /// Computes every CRC of a disk anew.
    pub fn seal(&mut self, disk: usize) {
        let Plan { order, variant, .. } = self.plan;
        for kind in CopyKind::ALL {
            for (section, ..) in SECTIONS {
                match section {
                    Section::ConfigurationRecords => {
                        for slot in 0..4 {
                            let bytes = self.slot(disk, kind, slot);
                            if bytes[..4] != [0xFF; 4] {
                                seal(variant, order, bytes);
                            }
                        }
                    }
                    _ => seal(variant, order, self.section(disk, kind, section)),
                }
            }
            seal(variant, order, self.run(disk, lba(kind), 1));
        }
        seal(variant, order, self.run(disk, BLOCKS - 1, 1));
    }

    fn put_header(&mut self, disk: usize, at: u64, kind: HeaderType) {
        let Plan { order, guid, .. } = self.plan;
        let block = self.run(disk, at, 1);
        block.fill(0xFF);
        let header = DdfHeader::view_mut(block).unwrap();
        header.signature = U32::new(order, DdfHeader::SIGNATURE);
        header.ddf_header_guid = guid;
        header.ddf_rev = *b"01.02.00";
        if kind != HeaderType::Anchor {
            header.sequence_number = U32::new(order, 10);
            header.open_flag = 0;
        }
        header.header_type = kind.to_byte();
        header.primary_header_lba = U64::new(order, PRIMARY);
        header.secondary_header_lba = U64::new(order, SECONDARY);
        header.max_pd_entries = U16::new(order, 15);
        header.max_vd_entries = U16::new(order, 15);
        header.max_partitions = U16::new(order, 3);
        header.configuration_record_length = U16::new(order, RECORD_BLOCKS as u16);
        header.max_primary_element_entries = U16::new(order, 16);
        for (section, offset, length) in SECTIONS {
            let address = header.section_mut(section);
            address.offset = U32::new(order, offset);
            address.length = U32::new(order, length);
        }
        for section in [Section::BadBlockLog, Section::DiagnosticSpace, Section::VendorSpecificLogs]
        {
            header.section_mut(section).length = U32::new(order, 0);
        }
    }

    fn put_sections(&mut self, disk: usize, kind: CopyKind) {
        let Plan { order, disks, .. } = self.plan;
        for (section, ..) in SECTIONS {
            self.section(disk, kind, section).fill(0xFF);
        }
        let controller = self.section(disk, kind, Section::ControllerData);
        let controller = ControllerData::view_mut(controller).unwrap();
        controller.signature = U32::new(order, ControllerData::SIGNATURE);

        let records = self.disk_records(disk, kind);
        records.signature = U32::new(order, PhysicalDiskRecords::SIGNATURE);
        records.populated_pdes = U16::new(order, disks as u16);
        records.max_pde_supported = U16::new(order, 15);
        for (index, entry) in records.entries.iter_mut().take(disks).enumerate() {
            entry.pd_guid = disk_guid(index);
            entry.pd_reference = U32::new(order, reference(index));
            entry.set_pd_type(order, PdType::FORCED_GUID | PdType::PARTICIPATING);
            entry.set_pd_state(order, PdState::ONLINE);
            entry.configured_size = U64::new(order, CONFIGURED);
        }

        let records = self.volume_records(disk, kind);
        records.signature = U32::new(order, VirtualDiskRecords::SIGNATURE);
        records.populated_vdes = U16::new(order, 1);
        records.max_vde_supported = U16::new(order, 15);
        records.entries[0].vd_guid = VOLUME;
        records.entries[0].vd_number = U16::new(order, 0);
        records.entries[0].vd_type = U32::new(order, 0);
        records.entries[0].vd_state = 0;
        records.entries[0].init_state = 2;
        records.entries[0].vd_name = *b"volume\0\0\0\0\0\0\0\0\0\0";

        let data = self.disk_data(disk, kind);
        data.signature = U32::new(order, PhysicalDiskData::SIGNATURE);
        data.pd_guid = disk_guid(disk);
        data.pd_reference = U32::new(order, reference(disk));
        self.put_record(disk, kind);
    }

    fn put_record(&mut self, disk: usize, kind: CopyKind) {
        let plan = self.plan;
        let Plan { order, level: (prl, rlq, srl), .. } = plan;
        let slots = plan.slots();
        let set = disk / slots;
        let record = self.record(disk, kind);
        record.signature = U32::new(order, VdConfiguration::SIGNATURE);
        record.vd_guid = VOLUME;
        record.sequence_number = U32::new(order, 3);
        record.primary_element_count = U16::new(order, slots as u16);
        record.strip_size = 4;
        record.primary_raid_level = prl;
        record.raid_level_qualifier = rlq;
        record.secondary_element_count = plan.sets;
        record.secondary_element_seq = set as u8;
        record.secondary_raid_level = srl;
        record.block_count = U64::new(order, BLOCK_COUNT);
        record.vd_size = U64::new(order, BLOCK_COUNT);
        let lists = record.elements_mut(16).unwrap();
        for slot in 0..slots {
            lists.references[slot] = U32::new(order, reference(set * slots + slot));
            lists.starting_blocks[slot] = U64::new(order, 0);
        }
    }

    /// The shape of every disk.
    pub fn shape(&self) -> DiskShape {
        let block_size = u32::try_from(self.plan.block_size).unwrap();
        DiskShape { blocks: Blocks(BLOCKS), block_size }
    }

    /// Reads a disk as discovery does; `bad` blocks cannot be read.
    pub fn read_with(&self, disk: usize, bad: &[u64]) -> Disk {
        let size = self.plan.block_size as u64;
        super::read_disk(self.shape(), |extent| {
            let (start, end) = (extent.start.0, extent.start.0 + extent.len.0);
            if bad.iter().any(|bad| (start..end).contains(bad)) {
                return None;
            }
            let bytes = (start * size) as usize..(end * size) as usize;
            Some(self.disks[disk][bytes].to_vec())
        })
    }

    pub fn read(&self, disks: &[usize]) -> Vec<Disk> {
        disks.iter().map(|disk| self.read_with(*disk, &[])).collect()
    }

    /// Assembles all disks.
    pub fn assemble(&self) -> super::Told {
        super::assemble(&self.read(&(0..self.disks.len()).collect::<Vec<_>>()))
    }
}

/// Where a section starts on the disk.
pub fn section_lba(kind: CopyKind, wanted: Section) -> Lba {
    let (_, at, _) = SECTIONS.iter().find(|(section, ..)| *section == wanted).unwrap();
    Lba(lba(kind) + u64::from(*at))
}
