// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every structure of the standard, as the builder and the updates write it and a reader finds it.

use crate::media::{Rig, SMALL, geometry, healthy, raid10};
use raid_core::array::{ArrayId, Geometry, Level, Placement};
use raid_core::metadata::{
    Admin, BadBlocks, ChangeError, DiskCondition, DiskShape, RuntimeState, Served, Severity,
    SpareRequest, Stamp,
};
use raid_core::units::{Blocks, Extent, Lba, Slot, SlotSet};
use raid_ddf::{
    BadBlockOptions, ByteOrder, ConfigurationRecord, CopyKind, CrcVariant, Ddf, DdfTime, DiskBytes,
    DiskIdentity, Guid, Options, PdState, PdType, Record, Revision, Section, SpareType, Structure,
    VendorLogOptions,
};
use zerocopy::IntoBytes;

const LARGE: DiskShape = DiskShape { blocks: Blocks(20_000), block_size: 4096 };
const VENDORS: &[u8] = b"what only the vendor knows";
const IDENTITIES: [Option<DiskIdentity<'static>>; 3] = [
    Some(DiskIdentity::Scsi { vendor: *b"SEAGATE ", identifier: b"3KQ0BN9Z" }),
    Some(DiskIdentity::Ata { serial: *b"        WD-WCAV12345" }),
    Some(DiskIdentity::SataBehindSas { serial: *b"        WD-WCAV67890" }),
];

/// One way to write all of it.
#[derive(Clone, Copy, Debug)]
struct Way {
    shape: DiskShape,
    order: ByteOrder,
    crc: CrcVariant,
    revision: Revision,
}

/// A configuration with one of everything.
struct Everything {
    rig: Rig,
    options: Options,
    /// RAID-6 of five with one member failed; MDF in 2.0.
    six: ArrayId,
    /// RAID-10 over disks 0 to 3, its second set with disk 7 as a spare.
    ten: ArrayId,
    /// When it was made.
    made: Stamp,
}

impl Way {
    fn is_2_0(self) -> bool {
        self.revision == Revision::V2_0
    }

    fn build(self) -> Everything {
        let mut options = Options::LINUX;
        (options.order, options.crc, options.revision) =
            (self.order, self.crc, Some(self.revision));
        (options.max_pd_entries, options.max_primary_element_entries) = (15, 16);
        options.max_partitions = 4;
        options.bad_block_log = Some(BadBlockOptions { entries: 30, spare_blocks: 64 });
        options.diagnostic_blocks = 3;
        options.vendor_log = Some(VendorLogOptions { owner: *b"ACME    ", blocks: 2 });
        let mut rig = Rig::blank(&[self.shape; 8], &options);
        let made = rig.stamp();
        rig.edit(|disks| raid_ddf::initialise_as(disks, &IDENTITIES, made, &options)).unwrap();
        let sized = |shape| Geometry { block_size: self.shape.block_size, ..shape };
        let six = match self.is_2_0() {
            true => Geometry { parities: 2, ..geometry(Level::Mdf, Placement::NContinue, 5) },
            false => geometry(Level::Raid6, Placement::NContinue, 5),
        };
        let six = rig.create("sixteen letters!", sized(six), &[4, 3, 2, 1, 0]).unwrap();
        let ten = rig.create("ten", sized(raid10(2)), &[0, 1, 2, 3]).unwrap();
        let (stamp, serves) = (rig.stamp(), [Served::all(six), Served::set(ten, 1)]);
        let spare = SpareRequest {
            revertible: true,
            same_enclosure: true,
            ..SpareRequest::dedicated(7, &serves)
        };
        rig.edit(|disks| Ddf::new().assign_spare(disks, &spare, stamp)).unwrap();
        let predicted = DiskCondition { failure_predicted: true, ..Default::default() };
        let (stamp, sixth) = (rig.stamp(), rig.told().disks[5].id);
        rig.edit(|disks| Ddf::new().set_disk_condition(disks, sixth, predicted, stamp)).unwrap();
        let stamp = rig.stamp();
        let range = BadBlocks { bad: Extent::new(9000, 3), moved_to: Some(self.spares()) };
        rig.edit(|disks| Ddf::new().add_bad_blocks(disks, 2, range, stamp)).unwrap();
        let stamp = rig.stamp();
        rig.edit(|disks| raid_ddf::set_vendor_record(disks, 3, six, VENDORS, stamp)).unwrap();
        let failed = RuntimeState { failed: SlotSet::of(Slot(0)), clean: false, ..healthy() };
        rig.set_state(six, 0, &failed).unwrap();
        rig.commit();
        Everything { rig, options, six, ten, made }
    }

    fn blocks(self, bytes: u64) -> u64 {
        bytes.div_ceil(u64::from(self.shape.block_size))
    }

    /// Where bad blocks are moved to.
    fn spares(self) -> Lba {
        Lba(self.shape.blocks.0 - self.blocks(16 << 20) - 64)
    }
}

impl Everything {
    /// Looks at both copies on a disk, all of them read.
    fn each_copy(&self, disk: usize, see: impl Fn(&Structure<'_>)) {
        let shape = self.rig.disks[disk].shape;
        let size = u64::from(shape.block_size);
        let areas = (0..).map_while(|index| raid_ddf::new_area(shape, index, &self.options));
        let pieces: Vec<(Lba, Vec<u8>)> = areas
            .map(|area| {
                let len = usize::try_from(area.len.0 * size).unwrap();
                (area.start, self.rig.media[disk].read(area.start.0 * size, len))
            })
            .collect();
        let pieces: Vec<_> = pieces
            .iter()
            .map(|(at, bytes)| raid_core::metadata::Piece { at: *at, bytes })
            .collect();
        let view = raid_core::metadata::DiskView { shape, pieces: &pieces };
        let bytes = DiskBytes::View(view);
        let (_, anchor) = raid_ddf::anchor(bytes).unwrap();
        for kind in CopyKind::ALL {
            see(&Structure::read(bytes, &anchor, kind).unwrap());
        }
    }

    fn now(&self) -> DdfTime {
        DdfTime::from_unix(self.made.unix_seconds)
    }
}

/// The bytes are sealed as the way says, and what follows the record is padding.
fn sealed<T: Record + ?Sized>(way: Way, bytes: &[u8]) {
    let checked = T::check(bytes, way.order).unwrap_or_else(|error| panic!("{way:?}: {error}"));
    assert_eq!(checked.crc_variant(), way.crc);
}

fn is_unused(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0xFF)
}

#[test]
fn every_structure_is_written_and_read_back() {
    use ByteOrder::{Big, Little};
    use CrcVariant::{A, B};
    for (shape, order, crc, revision) in [
        (SMALL, Big, B, Revision::V1_0),
        (SMALL, Big, B, Revision::V1_2),
        (SMALL, Little, A, Revision::V2_0),
        (LARGE, Big, B, Revision::V2_0),
        (LARGE, Little, A, Revision::V2_0),
    ] {
        let way = Way { shape, order, crc, revision };
        let built = way.build();
        headers(way, &built);
        controller_data(way, &built);
        physical_disks(way, &built);
        virtual_disks(way, &built);
        configuration_records(way, &built);
        vendors(way, &built);
        let mut rig = built.rig;
        rig.reread();
        let told = rig.told();
        assert_eq!(told.codes(Severity::Damage), [0; 0], "{way:?}: {:#?}", told.findings);
        assert_eq!(told.disks.len(), 8);
    }
}

fn headers(way: Way, built: &Everything) {
    let Way { shape, order, .. } = way;
    let end = shape.blocks.0;
    let (primary, secondary) = (end - way.blocks(16 << 20), end - way.blocks(32 << 20));
    let guid = built.rig.told().disks[0].configuration;
    for disk in 0..8 {
        built.each_copy(disk, |copy| {
            let header = copy.header();
            assert_eq!(ArrayId::from(header.ddf_header_guid), guid);
            assert_eq!(header.revision(), way.revision);
            // Built, two arrays, a spare, a condition, a bad range, a vendor's record, a state.
            assert_eq!(header.sequence_number.get(order), 8);
            assert!(header.timestamp.get(order) > built.now().0);
            assert_eq!((header.open_flag, header.foreign_flag, header.disk_grouping), (0, 0, 0));
            assert_eq!(header.primary_header_lba.get(order), primary);
            assert_eq!(header.secondary_header_lba.get(order), secondary);
            assert_eq!(header.header_type(), copy.kind().header_type());
            let workspace = copy.workspace().unwrap();
            assert_eq!((workspace.start.0, workspace.len.0), (secondary, way.blocks(16 << 20)));
            let record = way.blocks(512 + 12 * 16);
            assert_eq!(header.max_pd_entries.get(order), 15);
            assert_eq!(header.max_vd_entries.get(order), 63);
            assert_eq!(header.max_partitions.get(order), 4);
            assert_eq!(u64::from(header.configuration_record_length.get(order)), record);
            assert_eq!(header.max_primary_element_entries.get(order), 16);
            let mapped = header.max_mapped_block_entries.present(order);
            assert_eq!(mapped, way.is_2_0().then_some(30));
            let lengths = [1, way.blocks(64 * 16), way.blocks(64 * 64), record * 5, 1];
            let optional = [way.blocks(32 + 16 * 30), 3, 2];
            let mut offset = 1;
            for (section, length) in
                Section::ALL.into_iter().zip([&lengths[..], &optional].concat())
            {
                let found = copy.section_extent(section).unwrap();
                assert_eq!((found.start.0, found.len.0), (copy.at().0 + offset, length));
                offset += length;
            }
            let reserved = [&header.reserved_51[..], &header.header_ext, &header.reserved_113];
            let later = [&header.reserved_142[..], &header.reserved_256];
            assert!(reserved.into_iter().chain(later).all(is_unused));
        });
    }
}

fn controller_data(way: Way, built: &Everything) {
    built.each_copy(7, |copy| {
        sealed::<raid_ddf::ControllerData>(way, copy.section(Section::ControllerData).unwrap());
        let data = copy.controller_data().unwrap();
        assert_eq!(*data.controller_guid.vendor(), *b"RAID-RS ");
        let pci = [data.vendor_id, data.device_id, data.sub_vendor_id, data.sub_device_id];
        assert!(pci.into_iter().all(|id| id.present(way.order).is_none()));
        assert_eq!(data.product_id, *b"raid-rs         ");
        assert!(is_unused(&data.reserved_56) && is_unused(&data.vendor_unique));
    });
}

fn physical_disks(way: Way, built: &Everything) {
    let Way { shape, order, .. } = way;
    let guids: Vec<_> = IDENTITIES.iter().flatten().enumerate().collect();
    for disk in 0..8 {
        built.each_copy(disk, |copy| {
            sealed::<raid_ddf::PhysicalDiskRecords>(
                way,
                copy.section(Section::PhysicalDiskRecords).unwrap(),
            );
            let records = copy.physical_disks().unwrap();
            assert_eq!(records.populated_pdes.get(order), 8);
            assert_eq!(records.max_pde_supported.get(order), 15);
            assert!(is_unused(&records.reserved_12));
            assert!(is_unused(records.entries[8..].as_bytes()));
            for (index, entry) in records.entries[..8].iter().enumerate() {
                let named = index < guids.len();
                let forced = if named { PdType::empty() } else { PdType::FORCED_GUID };
                let role = match index {
                    0..5 => PdType::PARTICIPATING,
                    7 => PdType::CONFIGURED_SPARE,
                    _ => PdType::empty(),
                };
                assert_eq!(entry.pd_type(order), forced | role, "{index}");
                let state = match index {
                    // Slot 0 of the RAID-6.
                    4 => PdState::ONLINE | PdState::FAILED,
                    5 => PdState::ONLINE | PdState::PREDICTED_FAILURE,
                    _ => PdState::ONLINE,
                };
                assert_eq!(entry.pd_state(order), state, "{index}");
                let usable = shape.blocks.0 - way.blocks(32 << 20);
                assert_eq!(entry.configured_size.get(order), usable);
                let size = way.is_2_0().then(|| u16::try_from(shape.block_size).unwrap());
                assert_eq!(entry.block_size.present(order), size);
                assert!(is_unused(&entry.path_information) && is_unused(&entry.reserved_60));
            }
            sealed::<raid_ddf::PhysicalDiskData>(
                way,
                copy.section(Section::PhysicalDiskData).unwrap(),
            );
            let own = copy.disk_data().unwrap();
            let entry = &records.entries[disk];
            assert_eq!(own.pd_guid, entry.pd_guid);
            assert_eq!(own.pd_reference.get(order), entry.pd_reference.get(order));
            assert_eq!(own.forced_ref_flag, 1);
            assert_eq!(own.forced_pd_guid_flag, u8::from(disk >= guids.len()));
            assert!(is_unused(&own.vendor_specific_scratch_space) && is_unused(&own.reserved_70));
        });
    }
    let named =
        [*b"SEAGATE         3KQ0BN9Z", *b"ATA         WD-WCAV12345", *b"HDD         WD-WCAV67890"];
    let ids = built.rig.told().disks;
    assert!(ids.iter().zip(named).all(|(disk, guid)| Guid::from(disk.id) == Guid(guid)));
}

fn virtual_disks(way: Way, built: &Everything) {
    let order = way.order;
    built.each_copy(6, |copy| {
        sealed::<raid_ddf::VirtualDiskRecords>(
            way,
            copy.section(Section::VirtualDiskRecords).unwrap(),
        );
        let records = copy.virtual_disks().unwrap();
        assert_eq!(records.populated_vdes.get(order), 2);
        assert_eq!(records.max_vde_supported.get(order), 63);
        assert!(is_unused(&records.reserved_12) && is_unused(records.entries[2..].as_bytes()));
        let six = records.find(order, &built.six.into()).unwrap();
        assert_eq!((six.vd_number.get(order), six.vd_type.get(order)), (0, 0));
        // Partially optimal and not consistent; fully initialised.
        assert_eq!((six.vd_state, six.init_state), (0x15, 2));
        assert_eq!(six.drive_failures_remaining, if way.is_2_0() { 1 } else { 0xFF });
        assert_eq!(six.vd_name, *b"sixteen letters!");
        assert!(is_unused(&six.reserved_26) && is_unused(&six.reserved_35));
        let ten = records.find(order, &built.ten.into()).unwrap();
        assert_eq!((ten.vd_number.get(order), ten.vd_state), (1, 0));
        assert_eq!(ten.drive_failures_remaining, 0xFF);
        assert_eq!(ten.vd_name, *b"ten\0\0\0\0\0\0\0\0\0\0\0\0\0");
    });
}

fn configuration_records(way: Way, built: &Everything) {
    let order = way.order;
    let (own, spare) = (Guid::from(built.six), Guid::from(built.ten));
    built.each_copy(3, |copy| {
        let disks = copy.physical_disks().unwrap();
        let reference = |disk: usize| disks.entries[disk].pd_reference.get(order);
        let slots: Vec<_> = copy.records().collect();
        assert_eq!(slots.len(), 5);
        let ConfigurationRecord::VirtualDisk(six) = slots[0].record else { panic!() };
        sealed::<raid_ddf::VdConfiguration>(way, slots[0].bytes);
        assert_eq!(six.vd_guid, own);
        assert!(six.timestamp.get(order) > built.now().0);
        // Created, and given a spare.
        assert_eq!(six.sequence_number.get(order), 2);
        assert_eq!(six.primary_element_count.get(order), 5);
        assert_eq!((six.strip_size, six.raid_level_qualifier), (7, 3));
        assert_eq!(six.primary_raid_level, if way.is_2_0() { 7 } else { 6 });
        assert_eq!((six.secondary_element_count, six.secondary_element_seq), (1, 0));
        assert_eq!(six.secondary_raid_level, 0xFF);
        assert_eq!((six.block_count.get(order), six.vd_size.get(order)), (4096, 3 * 4096));
        let size = way.is_2_0().then(|| u16::try_from(way.shape.block_size).unwrap());
        assert_eq!(six.block_size.present(order), size);
        assert_eq!(six.rotate_parity_count, 0xFF);
        let spares: Vec<_> = six.associated_spares.iter().map(|s| s.present(order)).collect();
        assert_eq!(spares[..2], [Some(reference(7)), None]);
        assert_eq!((six.cache_policies.get(order), six.bg_rate), (0, 0x80));
        let mdf = (
            six.mdf_parity_disks,
            six.mdf_parity_generator_polynomial.get(order),
            six.mdf_constant_generation_method,
        );
        assert_eq!(mdf, if way.is_2_0() { (2, 0x011D, 0) } else { (0xFF, 0xFFFF, 0xFF) });
        let reserved = [&six.reserved_40[..], &six.reserved_91, &six.reserved_137];
        let later = [&[six.reserved_143][..], &six.reserved_145, &six.reserved_192];
        let vendors = [&six.vendor_specific_scratch_space[..]];
        assert!(reserved.into_iter().chain(later).chain(vendors).all(is_unused));
        assert!(six.v0.starts_with(b"RRro"), "it shares its disks with another volume");
        let lists = six.elements(16).unwrap();
        let members: Vec<_> = lists.references[..5].iter().map(|r| r.get(order)).collect();
        assert_eq!(members, [4, 3, 2, 1, 0].map(reference));
        assert!(lists.starting_blocks[..5].iter().all(|start| start.get(order) == 0));
        assert!(is_unused(lists.references[5..].as_bytes()));

        let ConfigurationRecord::VirtualDisk(ten) = slots[1].record else { panic!() };
        sealed::<raid_ddf::VdConfiguration>(way, slots[1].bytes);
        assert_eq!(ten.vd_guid, spare);
        assert_eq!((ten.primary_raid_level, ten.raid_level_qualifier), (1, 0));
        assert_eq!((ten.secondary_element_count, ten.secondary_element_seq), (2, 1));
        assert_eq!(ten.secondary_raid_level, 0);
        assert_eq!(ten.vd_size.get(order), 2 * 4096);
        let lists = ten.elements(16).unwrap();
        let members: Vec<_> = lists.references[..2].iter().map(|r| r.get(order)).collect();
        let starts: Vec<_> = lists.starting_blocks[..2].iter().map(|s| s.get(order)).collect();
        assert_eq!((members, starts), (vec![reference(2), reference(3)], vec![4096; 2]));

        let ConfigurationRecord::VendorUnique(vendors) = slots[2].record else { panic!() };
        sealed::<raid_ddf::VendorUniqueConfiguration>(way, slots[2].bytes);
        assert_eq!(vendors.vd_guid, own);
        let (data, rest) = vendors.vendor_data.split_at(VENDORS.len());
        assert!(data == VENDORS && is_unused(rest));
        assert!(slots[3..].iter().all(|slot| is_unused(slot.bytes)));
    });
    built.each_copy(7, |copy| {
        let slot = copy.records().next().unwrap();
        let ConfigurationRecord::Spare(record) = slot.record else { panic!() };
        sealed::<raid_ddf::SpareAssignment>(way, slot.bytes);
        assert!(record.timestamp.get(order) > built.now().0);
        let kind = SpareType::DEDICATED | SpareType::REVERTIBLE | SpareType::ENCLOSURE_AFFINITY;
        assert_eq!(record.spare_type(), kind);
        assert_eq!(record.populated_saes.get(order), 2);
        let room = (slot.bytes.len() - 32) / 32;
        assert_eq!(usize::from(record.max_sae_supported.get(order)), room);
        assert!(is_unused(&record.reserved_12) && is_unused(&record.reserved_24));
        let entries = |index: usize| {
            let entry = &record.entries[index];
            assert!(is_unused(&entry.reserved_26));
            (entry.vd_guid, entry.secondary_element.get(order))
        };
        assert_eq!([entries(0), entries(1)], [(own, 0), (spare, 1)]);
        assert!(is_unused(record.entries[2..].as_bytes()));
    });
}

/// Bad block log, diagnostic space and vendor logs.
fn vendors(way: Way, built: &Everything) {
    let order = way.order;
    for disk in 0..8 {
        built.each_copy(disk, |copy| {
            sealed::<raid_ddf::BadBlockLog>(way, copy.section(Section::BadBlockLog).unwrap());
            let log = copy.bad_block_log().unwrap();
            let counts = log.counts(order, way.revision);
            assert_eq!((counts.entries, counts.spare_blocks), (u32::from(disk == 2), 64));
            assert_eq!(log.first_spare_lba.get(order), way.spares().0);
            let entry = log.entries[0];
            let found = (
                entry.defective_block_start.get(order),
                entry.spare_block_offset.get(order),
                entry.remapped_count.get(order),
            );
            let none = (u64::MAX, u32::MAX, u16::MAX);
            assert_eq!(found, if disk == 2 { (9000, 0, 3) } else { none });
            assert!(is_unused(&entry.reserved_14) && is_unused(log.entries[1..].as_bytes()));
            let space = copy.diagnostic_space().unwrap();
            assert_eq!(space.len(), 3 * way.shape.block_size as usize);
            assert!(is_unused(space));
            sealed::<raid_ddf::VendorLog>(way, copy.section(Section::VendorSpecificLogs).unwrap());
            let log = copy.vendor_logs().unwrap();
            assert_eq!(log.log_owner, *b"ACME    ");
            assert!(is_unused(&log.reserved_16) && is_unused(&log.vendor_data));
        });
    }
}

/// A vendor's record is replaced, survives what others do, and goes with its array or by itself.
#[test]
fn a_vendors_record_is_kept_until_its_array_goes() {
    let way =
        Way { shape: SMALL, order: ByteOrder::Big, crc: CrcVariant::B, revision: Revision::V1_2 };
    let Everything { mut rig, six, ten, .. } = way.build();
    let record = |rig: &Rig, disk: usize| {
        rig.view(disk, |view| {
            let bytes = DiskBytes::View(*view);
            let (_, anchor) = raid_ddf::anchor(bytes).unwrap();
            let copy = Structure::read(bytes, &anchor, CopyKind::Primary).unwrap();
            copy.records().find_map(|slot| match slot.record {
                ConfigurationRecord::VendorUnique(record) => Some(record.vendor_data[..4].to_vec()),
                _ => None,
            })
        })
    };
    let set = |rig: &mut Rig, disk: usize, array: ArrayId, data: &[u8]| {
        let stamp = rig.stamp();
        rig.edit(|disks| raid_ddf::set_vendor_record(disks, disk, array, data, stamp))
    };
    set(&mut rig, 3, six, b"more").unwrap();
    rig.set_state(six, 0, &healthy()).unwrap();
    let before = rig.bytes();
    let room = 1024 - 32;
    assert_eq!(
        set(&mut rig, 3, six, &[0; 1024 - 31]),
        Err(ChangeError::Invalid {
            what: "bytes of a vendor's record",
            found: 993,
            expected: room
        })
    );
    let nobody = ArrayId([7; 24]);
    assert_eq!(set(&mut rig, 3, nobody, b"x"), Err(ChangeError::NoSuchArray(nobody)));
    let outside = "not a live disk of the array's configuration";
    let told = set(&mut rig, 8, six, b"x");
    assert_eq!(told, Err(ChangeError::Disk { disk: 8, what: outside }));
    assert_eq!(rig.bytes(), before);
    rig.commit();
    rig.reread();
    assert_eq!(record(&rig, 3), Some(b"more".to_vec()));
    assert_eq!(record(&rig, 2), None);
    // Disk 3 has five slots: two arrays, this record, two more.
    for number in 0..2u8 {
        let shape = geometry(Level::Single, Placement::Fixed, 1);
        rig.create(&format!("single {number}"), shape, &[3]).unwrap();
    }
    let before = rig.bytes();
    let full = set(&mut rig, 3, ten, b"x");
    assert_eq!(full, Err(ChangeError::Disk { disk: 3, what: "no room for a vendor's record" }));
    assert_eq!(rig.bytes(), before);
    set(&mut rig, 3, six, b"").unwrap();
    assert_eq!(record(&rig, 3), None);
    set(&mut rig, 3, six, b"back").unwrap();
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().delete_array(disks, six, stamp)).unwrap();
    assert_eq!(record(&rig, 3), None);
}
