// SPDX-License-Identifier: MIT OR Apache-2.0
//! Containers of any number of disks in mdadm's geometry, made by hand: for sizes that no image has.
#![allow(dead_code, unreachable_pub)]

use raid_core::metadata::{DiskShape, Piece};
use raid_core::units::{Blocks, Lba};
use raid_ddf::{
    ByteOrder, ControllerData, CrcVariant, DdfHeader, Guid, HeaderType, PdState, PdType,
    PhysicalDiskData, PhysicalDiskRecords, Record, Section, U16, U32, U64, VdConfiguration,
    VirtualDiskRecords, seal,
};

const BIG: ByteOrder = ByteOrder::Big;
const BLOCK: usize = 512;
/// Blocks of a disk.
const BLOCKS: u64 = 1 << 20;
const PRIMARY: u64 = BLOCKS - 32768;
const SECONDARY: u64 = BLOCKS - 65536;

/// Sizes of the tables, in entries.
#[derive(Clone, Copy, Debug)]
pub struct Tables {
    pub disks: u16,
    pub volumes: u16,
    pub partitions: u16,
    /// Slots of each list of a configuration record.
    pub elements: u16,
}

/// As mdadm writes them.
pub const MDADM: Tables = Tables { disks: 1023, volumes: 255, partitions: 64, elements: 256 };

/// A volume from block `start` of each of its disks.
#[derive(Clone, Debug)]
pub struct Volume {
    /// PRL, RLQ, SRL.
    pub level: (u8, u8, u8),
    /// Set by set, slot by slot.
    pub sets: Vec<Vec<usize>>,
    pub start: u64,
    pub blocks: u64,
}

/// The disks: of each both copies and the anchor.
#[derive(Debug)]
pub struct Large {
    tables: Tables,
    disks: Vec<[Vec<u8>; 3]>,
}

fn table(entries: u16) -> usize {
    (64 * (1 + usize::from(entries))).div_ceil(BLOCK)
}

impl Tables {
    fn record_blocks(self) -> usize {
        1 + (12 * usize::from(self.elements)).div_ceil(BLOCK)
    }

    /// The required sections in order: offset and length in blocks.
    fn sections(self) -> [(Section, usize, usize); 5] {
        let lengths = [
            1,
            table(self.disks),
            table(self.volumes),
            self.record_blocks() * (usize::from(self.partitions) + 1),
            1,
        ];
        let mut at = 1;
        let mut sections = Section::REQUIRED.map(|section| (section, 0, 0));
        for ((_, offset, length), blocks) in sections.iter_mut().zip(lengths) {
            (*offset, *length) = (at, blocks);
            at += blocks;
        }
        sections
    }
}

fn reference(disk: usize) -> u32 {
    0x1000 + u32::try_from(disk).unwrap()
}

fn disk_guid(disk: usize) -> Guid {
    let mut guid = *b"Vendor  serial number 00";
    guid[20..].copy_from_slice(&u32::try_from(disk).unwrap().to_be_bytes());
    Guid(guid)
}

fn volume_guid(volume: usize) -> Guid {
    let mut guid = *b"Linux-MD volume number 0";
    guid[20..].copy_from_slice(&u32::try_from(volume).unwrap().to_be_bytes());
    Guid(guid)
}

impl Large {
    pub fn new(count: usize, tables: Tables, volumes: &[Volume]) -> Self {
        let disks = (0..count).map(|disk| Self::disk(disk, count, tables, volumes)).collect();
        Self { tables, disks }
    }

    fn disk(disk: usize, count: usize, tables: Tables, volumes: &[Volume]) -> [Vec<u8>; 3] {
        let mut sections = Vec::new();
        for (section, _, length) in tables.sections() {
            let from = sections.len();
            sections.resize(from + length * BLOCK, 0xFF);
            let bytes = &mut sections[from..];
            match section {
                Section::ControllerData => {
                    let data = ControllerData::view_mut(bytes).unwrap();
                    data.signature = U32::new(BIG, ControllerData::SIGNATURE);
                }
                Section::PhysicalDiskRecords => disk_records(bytes, count, tables),
                Section::VirtualDiskRecords => volume_records(bytes, tables, volumes),
                Section::PhysicalDiskData => {
                    let data = PhysicalDiskData::view_mut(bytes).unwrap();
                    data.signature = U32::new(BIG, PhysicalDiskData::SIGNATURE);
                    data.pd_guid = disk_guid(disk);
                    data.pd_reference = U32::new(BIG, reference(disk));
                }
                _ => {
                    let slots = bytes.chunks_exact_mut(tables.record_blocks() * BLOCK);
                    let mine = volumes.iter().enumerate().flat_map(|(number, volume)| {
                        let sets = volume.sets.iter().enumerate();
                        sets.filter(|(_, set)| set.contains(&disk))
                            .map(move |(set, _)| (number, volume, set))
                    });
                    for (slot, (number, volume, set)) in slots.zip(mine) {
                        record(slot, tables, number, volume, set);
                    }
                    continue;
                }
            }
            seal(CrcVariant::B, BIG, bytes);
        }
        let copy = |kind| [header(kind, tables), sections.clone()].concat();
        [copy(HeaderType::Secondary), copy(HeaderType::Primary), header(HeaderType::Anchor, tables)]
    }

    pub fn shape(&self) -> DiskShape {
        DiskShape { blocks: Blocks(BLOCKS), block_size: 512 }
    }

    /// What discovery reads of each disk, borrowed.
    pub fn pieces(&self) -> Vec<[Piece<'_>; 3]> {
        let places = [SECONDARY, PRIMARY, BLOCKS - 1].map(Lba);
        self.disks
            .iter()
            .map(|disk| std::array::from_fn(|i| Piece { at: places[i], bytes: &disk[i] }))
            .collect()
    }
}

fn header(kind: HeaderType, tables: Tables) -> Vec<u8> {
    let mut block = vec![0xFF; BLOCK];
    let header = DdfHeader::view_mut(&mut block).unwrap();
    header.signature = U32::new(BIG, DdfHeader::SIGNATURE);
    header.ddf_header_guid = Guid(*b"Linux-MD configuration 1");
    header.ddf_rev = *b"01.02.00";
    if kind != HeaderType::Anchor {
        header.sequence_number = U32::new(BIG, 10);
        header.open_flag = 0;
    }
    header.header_type = kind.to_byte();
    header.primary_header_lba = U64::new(BIG, PRIMARY);
    header.secondary_header_lba = U64::new(BIG, SECONDARY);
    header.max_pd_entries = U16::new(BIG, tables.disks);
    header.max_vd_entries = U16::new(BIG, tables.volumes);
    header.max_partitions = U16::new(BIG, tables.partitions);
    let record = u16::try_from(tables.record_blocks()).unwrap();
    header.configuration_record_length = U16::new(BIG, record);
    header.max_primary_element_entries = U16::new(BIG, tables.elements);
    for (section, offset, length) in tables.sections() {
        let address = header.section_mut(section);
        address.offset = U32::new(BIG, u32::try_from(offset).unwrap());
        address.length = U32::new(BIG, u32::try_from(length).unwrap());
    }
    for section in [Section::BadBlockLog, Section::DiagnosticSpace, Section::VendorSpecificLogs] {
        header.section_mut(section).length = U32::new(BIG, 0);
    }
    seal(CrcVariant::B, BIG, &mut block);
    block
}

fn disk_records(bytes: &mut [u8], count: usize, tables: Tables) {
    let records = PhysicalDiskRecords::view_mut(bytes).unwrap();
    records.signature = U32::new(BIG, PhysicalDiskRecords::SIGNATURE);
    records.populated_pdes = U16::new(BIG, u16::try_from(count).unwrap());
    records.max_pde_supported = U16::new(BIG, tables.disks);
    for (index, entry) in records.entries.iter_mut().take(count).enumerate() {
        entry.pd_guid = disk_guid(index);
        entry.pd_reference = U32::new(BIG, reference(index));
        entry.set_pd_type(BIG, PdType::FORCED_GUID | PdType::PARTICIPATING);
        entry.set_pd_state(BIG, PdState::ONLINE);
        entry.configured_size = U64::new(BIG, SECONDARY);
    }
}

fn volume_records(bytes: &mut [u8], tables: Tables, volumes: &[Volume]) {
    let records = VirtualDiskRecords::view_mut(bytes).unwrap();
    records.signature = U32::new(BIG, VirtualDiskRecords::SIGNATURE);
    records.populated_vdes = U16::new(BIG, u16::try_from(volumes.len()).unwrap());
    records.max_vde_supported = U16::new(BIG, tables.volumes);
    for (index, entry) in records.entries.iter_mut().take(volumes.len()).enumerate() {
        entry.vd_guid = volume_guid(index);
        entry.vd_number = U16::new(BIG, u16::try_from(index).unwrap());
        entry.vd_type = U32::new(BIG, 0);
        entry.vd_state = 0;
        entry.init_state = 2;
        entry.vd_name = *b"volume\0\0\0\0\0\0\0\0\0\0";
    }
}

fn record(slot: &mut [u8], tables: Tables, number: usize, volume: &Volume, set: usize) {
    let members = &volume.sets[set];
    let record = VdConfiguration::view_mut(slot).unwrap();
    record.signature = U32::new(BIG, VdConfiguration::SIGNATURE);
    record.vd_guid = volume_guid(number);
    record.sequence_number = U32::new(BIG, 3);
    record.primary_element_count = U16::new(BIG, u16::try_from(members.len()).unwrap());
    record.strip_size = 7;
    let (prl, rlq, srl) = volume.level;
    record.primary_raid_level = prl;
    record.raid_level_qualifier = rlq;
    record.secondary_raid_level = srl;
    record.secondary_element_count = u8::try_from(volume.sets.len()).unwrap();
    record.secondary_element_seq = u8::try_from(set).unwrap();
    record.block_count = U64::new(BIG, volume.blocks);
    record.vd_size = U64::new(BIG, volume.blocks);
    let lists = record.elements_mut(tables.elements.into()).unwrap();
    lists.starting_blocks.fill(U64::new(BIG, 0));
    for (slot, disk) in members.iter().enumerate() {
        lists.references[slot] = U32::new(BIG, reference(*disk));
        lists.starting_blocks[slot] = U64::new(BIG, volume.start);
    }
    seal(CrcVariant::B, BIG, slot);
}

/// On 24 disks: RAID-6 over the first twelve, RAID-5 over the others, and behind both a RAID-10.
pub fn three_volumes() -> [Volume; 3] {
    let blocks = 1 << 16;
    let pairs = (0..12).map(|pair| vec![2 * pair, 2 * pair + 1]).collect();
    [
        Volume { level: (0x06, 3, 0xFF), sets: vec![(0..12).collect()], start: 0, blocks },
        Volume { level: (0x05, 3, 0xFF), sets: vec![(12..24).collect()], start: 0, blocks },
        Volume { level: (0x01, 0, 0x03), sets: pairs, start: blocks, blocks },
    ]
}
