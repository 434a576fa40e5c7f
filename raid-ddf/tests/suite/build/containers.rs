// SPDX-License-Identifier: MIT OR Apache-2.0
//! New configurations, their sections, and disks that join them.

use crate::media::{Rig, SMALL, geometry};
use raid_core::array::{ArrayState, Geometry, Level, Placement};
use raid_core::metadata::{Admin, ChangeError, DiskShape, RunTime, Severity, SpareRequest};
use raid_core::units::{Blocks, Lba};
use raid_ddf::{ByteOrder, CrcVariant, Ddf, DiskIdentity, Options};

#[test]
fn disks_that_are_too_small_or_mixed_are_refused() {
    let tiny = DiskShape { blocks: Blocks(65_536), block_size: 512 };
    assert_eq!(Ddf::new().usable(tiny), Blocks(0));
    assert_eq!(Ddf::new().new_area(tiny, 0), None);
    let least = DiskShape { blocks: Blocks(65_537), block_size: 512 };
    assert_eq!(Ddf::new().usable(least), Blocks(1));
    let large = DiskShape { blocks: Blocks(1 << 20), block_size: 4096 };
    for shapes in [[tiny, SMALL], [SMALL, large]] {
        let mut rig = Rig::blank(&shapes, &Options::LINUX);
        let (before, stamp) = (rig.bytes(), rig.stamp());
        assert!(rig.edit(|disks| Ddf::new().initialise(disks, stamp)).is_err());
        assert_eq!(rig.bytes(), before);
    }
    let mut rig = Rig::blank(&[SMALL, SMALL], &Options::LINUX);
    rig.live = vec![false; 2];
    let stamp = rig.stamp();
    assert!(rig.edit(|disks| Ddf::new().initialise(disks, stamp)).is_err());
}

#[test]
fn the_workspace_is_what_the_secondary_structure_leaves() {
    let mut rig = Rig::container(1);
    let area = Ddf::new().new_area(SMALL, 0).unwrap();
    let view = |rig: &Rig| {
        let pieces: Vec<_> = rig.disks[0]
            .pieces
            .iter()
            .map(|(at, bytes)| raid_core::metadata::Piece { at: *at, bytes })
            .collect();
        Ddf::new().workspace(&raid_core::metadata::DiskView { shape: SMALL, pieces: &pieces })
    };
    let free = view(&rig).unwrap();
    assert_eq!(free.start, area.end().unwrap());
    assert_eq!(free.end().unwrap(), Lba(SMALL.blocks.0 - 32_768));
    // A configuration of another vendor keeps what it likes there.
    for (at, bytes) in &mut rig.disks[0].pieces {
        if [SMALL.blocks.0 - 1, SMALL.blocks.0 - 32_768, SMALL.blocks.0 - 65_536].contains(&at.0) {
            bytes[8..16].copy_from_slice(b"Linux-MD");
            raid_ddf::seal(CrcVariant::B, ByteOrder::Big, &mut bytes[..512]);
        }
    }
    assert_eq!(rig.told().disks.len(), 1);
    assert_eq!(view(&rig), None);
}

#[test]
fn a_blank_disk_joins_as_a_spare() {
    let mut rig = Rig::container(3);
    rig.create("five", geometry(Level::Raid5, Placement::NContinue, 3), &[0, 1, 2]).unwrap();
    rig.commit();
    rig.reread();
    let blank = Rig::blank(&[SMALL], &Options::LINUX);
    // In front of the others, so that being first does not make it the newest.
    rig.disks.insert(0, blank.disks[0].clone());
    rig.media.insert(0, blank.media[0].clone());
    rig.live.insert(0, true);
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().add_spare(disks, 0, stamp)).unwrap();
    rig.commit();
    rig.reread();
    let told = rig.told();
    assert_eq!(told.disks.len(), 4);
    assert_eq!(
        told.disks.iter().filter(|disk| disk.role.is_spare()).map(|d| d.disk).collect::<Vec<_>>(),
        [0]
    );
    assert_eq!(told.array("five").0.state, ArrayState::Optimal);
    assert_eq!(told.codes(Severity::Warning), [0; 0], "{:?}", told.findings);
}

#[test]
fn the_controller_is_who_the_caller_says() {
    let mut options = Options::GRAID;
    options.controller = raid_ddf::Controller {
        vendor: *b"LSI     ",
        serial: Some(*b"      SV34116348"),
        pci: [0x1000, 0x005B, 0x1000, 0x9270],
        product: *b"MegaRAID        ",
    };
    let mut rig = Rig::blank(&[SMALL; 2], &options);
    let stamp = rig.stamp();
    rig.edit(|disks| raid_ddf::initialise(disks, stamp, &options)).unwrap();
    let told = rig.told();
    let id = told.disks[0].configuration;
    assert_eq!(&id.0[..16], b"LSI     \x10\x00\x00\x5B\x10\x00\x92\x70");
    assert_eq!(told.codes(Severity::Warning), [0; 0], "{:?}", told.findings);
    let found = rig.disks[0]
        .pieces
        .iter()
        .any(|(_, bytes)| bytes.windows(24).any(|window| window == b"LSI           SV34116348"));
    assert!(found, "controller GUID");
    for vendor in [*b"\0SI     ", *b" LSI    ", [0xFF; 8]] {
        options.controller.vendor = vendor;
        let stamp = rig.stamp();
        let before = rig.bytes();
        assert!(rig.edit(|disks| raid_ddf::initialise(disks, stamp, &options)).is_err());
        assert_eq!(rig.bytes(), before);
    }
}

/// The optional sections that are read back whole: diagnostic space and a vendor's log.
#[test]
fn every_section_of_the_header_can_be_created() {
    use raid_ddf::{CopyKind, Record, Section, VendorLog, VendorLogOptions};
    let large = DiskShape { blocks: Blocks(16_384), block_size: 4096 };
    for (shape, crc, order) in [
        (SMALL, CrcVariant::B, ByteOrder::Big),
        (SMALL, CrcVariant::A, ByteOrder::Little),
        (large, CrcVariant::A, ByteOrder::Big),
    ] {
        let log = VendorLogOptions { owner: *b"ACME    ", blocks: 3 };
        let bad_block_log = Some(raid_ddf::BadBlockOptions { entries: 32, spare_blocks: 16 });
        let mut options = Options::LINUX;
        (options.crc, options.order) = (crc, order);
        (options.bad_block_log, options.diagnostic_blocks) = (bad_block_log, 5);
        options.vendor_log = Some(log);
        let mut rig = Rig::blank(&[shape; 3], &options);
        let stamp = rig.stamp();
        rig.edit(|disks| raid_ddf::initialise(disks, stamp, &options)).unwrap();
        rig.commit();
        // Bytes of the vendor's own, other ones in each copy; then an update.
        let size = shape.block_size as usize;
        let areas: Vec<_> =
            (0..3).filter_map(|index| raid_ddf::new_area(shape, index, &options)).collect();
        let place = |area: &raid_core::units::Extent, back: u64| {
            (area.end().unwrap().0 - back) * u64::from(shape.block_size)
        };
        for (copy, area) in areas[..2].iter().enumerate() {
            rig.media[0].write(place(area, 8), &vec![copy as u8; size]);
        }
        rig.reread();
        // One disk's buffer holds those sections too, which discovery does not ask for.
        let whole = areas.iter().map(|area| {
            let len = area.len.bytes(shape.block_size).unwrap() as usize;
            (area.start, rig.media[0].read(area.start.0 * u64::from(shape.block_size), len))
        });
        let whole = whole.collect();
        rig.disks[0].pieces = whole;
        let five = geometry(Level::Raid1, Placement::Fixed, 2);
        rig.create("pair", Geometry { block_size: shape.block_size, ..five }, &[0, 1]).unwrap();
        rig.commit();
        let told = rig.told();
        assert_eq!(told.codes(Severity::Warning), [0; 0], "{:?}", told.findings);
        for disk in 0..3 {
            // As somebody reads it who asks for all of it.
            let read = |area: &raid_core::units::Extent| {
                let len = area.len.bytes(shape.block_size).unwrap() as usize;
                let bytes = rig.media[disk].read(area.start.0 * u64::from(shape.block_size), len);
                (area.start, bytes)
            };
            let pieces: Vec<_> = areas.iter().map(read).collect();
            let pieces: Vec<_> = pieces
                .iter()
                .map(|(at, bytes)| raid_core::metadata::Piece { at: *at, bytes })
                .collect();
            let view = raid_core::metadata::DiskView { shape, pieces: &pieces };
            let bytes = raid_ddf::DiskBytes::View(view);
            let (_, anchor) = raid_ddf::anchor(bytes).unwrap();
            for (number, kind) in [CopyKind::Secondary, CopyKind::Primary].into_iter().enumerate() {
                let copy = raid_ddf::Structure::read(bytes, &anchor, kind).unwrap();
                for section in Section::ALL {
                    assert!(copy.section(section).is_some(), "{section:?}");
                }
                let found = copy.section_extent(Section::VendorSpecificLogs).unwrap();
                let area = areas.iter().find(|area| area.contains(found)).unwrap();
                assert_eq!((found.len, found.end()), (Blocks(3), area.end()));
                let whole = copy.section(Section::VendorSpecificLogs).unwrap();
                let checked = VendorLog::check(whole, order).unwrap();
                assert_eq!(checked.crc_variant(), crc);
                assert_eq!(copy.vendor_logs().unwrap().log_owner, *b"ACME    ");
                assert!(whole[16..].iter().all(|byte| *byte == 0xFF));
                let space = copy.diagnostic_space().unwrap();
                assert_eq!(space.len(), 5 * size);
                let (first, rest) = space.split_at(size);
                let vendors = areas.iter().position(|own| own == area).unwrap() as u8;
                let kept = if disk == 0 { vendors } else { 0xFF };
                assert!(first.iter().all(|byte| *byte == kept), "copy {number} of disk {disk}");
                assert!(rest.iter().all(|byte| *byte == 0xFF));
            }
        }
    }
}

#[test]
fn options_that_no_standard_allows_are_refused() {
    use raid_ddf::{BadBlockOptions, Revision, VendorLogOptions};
    let large = DiskShape { blocks: Blocks(16_384), block_size: 4096 };
    let refused = |shape: DiskShape, edit: &dyn Fn(&mut Options)| {
        let mut options = Options::LINUX;
        let mut rig = Rig::blank(&[shape], &options);
        edit(&mut options);
        let (before, stamp) = (rig.bytes(), rig.stamp());
        let told = rig.edit(|disks| raid_ddf::initialise(disks, stamp, &options)).unwrap_err();
        assert_eq!(rig.bytes(), before);
        told
    };
    for revision in [Revision::V1_0, Revision::V1_2] {
        let told = refused(large, &|options| options.revision = Some(revision));
        assert!(matches!(told, ChangeError::Unsupported(_)), "{told:?}");
    }
    let empty = |told: ChangeError, text: &str| match told {
        ChangeError::Invalid { what, found: 0, expected: 1 } => assert_eq!(what, text),
        other => panic!("{other:?}"),
    };
    let log = BadBlockOptions { entries: 0, spare_blocks: 16 };
    let told = refused(SMALL, &|options| options.bad_block_log = Some(log));
    empty(told, "entries of the bad block log");
    let log = VendorLogOptions { owner: *b"ACME    ", blocks: 0 };
    let told = refused(SMALL, &|options| options.vendor_log = Some(log));
    empty(told, "blocks of the vendor specific log");
    for blocks in [32_768, u32::MAX] {
        let told = refused(SMALL, &|options| options.diagnostic_blocks = blocks);
        assert!(matches!(told, ChangeError::Disk { disk: 0, .. }), "{told:?}");
    }
}

/// Names that two drives report, or none, are made up; so is the name of a disk that is listed.
#[test]
fn disks_are_named_after_the_numbers_they_report() {
    let serial = |serial| Some(DiskIdentity::Ata { serial });
    let same = serial(*b"        WD-WCAV12345");
    let other = serial(*b"        WD-WCAV67890");
    let options = Options::LINUX;
    let mut rig = Rig::blank(&[SMALL; 4], &options);
    rig.live[1] = false;
    let stamp = rig.stamp();
    let names = [same, None, other, same];
    rig.edit(|disks| raid_ddf::initialise_as(disks, &names, stamp, &options)).unwrap();
    rig.commit();
    rig.reread();
    let forced = |rig: &Rig| {
        let told = rig.told();
        assert_eq!(told.codes(Severity::Warning), [0; 0], "{:?}", told.findings);
        let disks = told.disks.iter();
        disks.map(|disk| (disk.disk, !disk.id.0.starts_with(b"ATA "))).collect::<Vec<_>>()
    };
    assert_eq!(forced(&rig), [(0, true), (2, false), (3, true)]);
    let join = |rig: &mut Rig, identity: Option<DiskIdentity<'_>>| {
        let blank = Rig::blank(&[SMALL], &options);
        (rig.disks[1], rig.media[1]) = (blank.disks[0].clone(), blank.media[0].clone());
        rig.live[1] = true;
        let (before, stamp) = (rig.bytes(), rig.stamp());
        let spare = SpareRequest::global(1);
        let told =
            rig.edit(|disks| raid_ddf::assign_spare_as(disks, &spare, identity.as_ref(), stamp));
        assert!(told.is_ok() || rig.bytes() == before);
        told
    };
    let nobody = DiskIdentity::Scsi { vendor: [0; 8], identifier: b"1" };
    let refused = |told: Result<(), ChangeError>| {
        let first = "first byte of a vendor";
        assert!(matches!(told, Err(ChangeError::Invalid { what, .. }) if what == first));
    };
    refused(join(&mut rig, Some(nobody)));
    for (identity, made_up) in [(same, false), (other, true), (None, true)] {
        let mut rig = rig.clone();
        join(&mut rig, identity).unwrap();
        rig.commit();
        rig.reread();
        assert_eq!(forced(&rig)[1], (1, made_up), "{identity:?}");
    }
    let mut rig = Rig::blank(&[SMALL], &options);
    let (before, stamp) = (rig.bytes(), rig.stamp());
    refused(rig.edit(|disks| raid_ddf::initialise_as(disks, &[Some(nobody)], stamp, &options)));
    assert_eq!(rig.bytes(), before);
}
