// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every record keeps the CRC it has: which of the two variants, and whether it covers padding.

use crate::media::{self, Rig, geometry, healthy};
use crate::support;
use raid_core::array::{Geometry, Level, Place, Placement};
use raid_core::metadata::{Admin, DiskCondition, DiskShape, RunTime, RuntimeState, Severity};
use raid_core::units::{Blocks, Extent, Lba, Slot, SlotSet};
use raid_ddf::{
    ByteOrder, ConfigurationRecord, CopyKind, CrcVariant, Ddf, DiskBytes, Options, Section,
    Structure,
};
use std::collections::BTreeMap;

/// The variant of a CRC, and how many bytes it covers; `None`: it is wrong.
type Kind = Option<(CrcVariant, usize)>;

/// What carries a CRC of its own on a disk: headers, sections, and records in use.
fn sealed(rig: &Rig, disk: usize) -> (ByteOrder, Vec<Extent>) {
    rig.view(disk, |view| {
        let bytes = DiskBytes::View(*view);
        let (_, anchor) = raid_ddf::anchor(bytes).unwrap();
        let mut parts = vec![Extent { start: anchor.at, len: Blocks(1) }];
        for kind in CopyKind::ALL {
            if anchor.copy_lba(kind).is_none() {
                continue;
            }
            let copy = Structure::read(bytes, &anchor, kind).unwrap();
            parts.push(Extent { start: copy.at(), len: Blocks(1) });
            let sections = Section::ALL.into_iter().filter(|section| {
                *section != Section::ConfigurationRecords && copy.section(*section).is_some()
            });
            parts.extend(sections.filter_map(|section| copy.section_extent(section)));
            let used =
                copy.records().filter(|slot| !matches!(slot.record, ConfigurationRecord::Unused));
            parts.extend(used.map(|slot| Extent { start: slot.at, len: copy.record_blocks() }));
        }
        (anchor.order, parts)
    })
}

/// How each record of each disk is sealed.
fn kinds(rig: &mut Rig) -> BTreeMap<(usize, Lba), Kind> {
    let mut kinds = BTreeMap::new();
    for disk in 0..rig.disks.len() {
        let (order, parts) = sealed(rig, disk);
        for part in parts {
            let bytes = rig.disks[disk].bytes_mut(part.start, part.len.0);
            let lengths = (1..=bytes.len() / 512).map(|units| units * 512);
            let kind = lengths.rev().find_map(|covered| {
                let variant = raid_ddf::matching_crc(CrcVariant::B, order, &bytes[..covered])?;
                Some((variant, covered))
            });
            kinds.insert((disk, part.start), kind);
        }
    }
    kinds
}

/// Seals the records of a disk anew: `variant` says which CRC the `n`-th has; of each as much is
/// covered as is in use, if `short`.
fn reseal(rig: &mut Rig, disk: usize, variant: impl Fn(usize) -> CrcVariant, short: bool) {
    let (order, parts) = sealed(rig, disk);
    for (number, part) in parts.into_iter().enumerate() {
        let bytes = rig.disks[disk].bytes_mut(part.start, part.len.0);
        let last = bytes.iter().rposition(|byte| *byte != 0xFF).unwrap();
        let covered = if short { (last / 512 + 1) * 512 } else { bytes.len() };
        raid_ddf::seal(variant(number), order, &mut bytes[..covered]);
    }
}

/// Records an unclean shutdown, and that it is over.
fn dirty_and_clean(rig: &mut Rig) {
    for (array, _) in rig.told().arrays {
        for set in 0..array.geometry.sets {
            let before = rig.state(array.id, set).unwrap();
            for clean in [false, true] {
                rig.set_state(array.id, set, &RuntimeState { clean, ..before }).unwrap();
            }
        }
    }
}

/// graid's CRC covers padding; some of LSI's may not. The fixtures as they are, and sealed so.
#[test]
#[cfg_attr(miri, ignore = "unpacks images")]
fn images_of_others_keep_their_crcs() {
    use CrcVariant::{A, B};
    for (group, name) in [
        ("ddf-graid", "be-4k-raid1"),
        ("ddf-graid", "le-raid0"),
        ("ddf-graid", "be-raid10"),
        ("ddf-mdadm-4.2", "r5-Ncontinue"),
    ] {
        let disks = support::read_scenario(&raid_testdata::scenario(group, name));
        let large = disks[0].shape.block_size > 512;
        let untouched = Rig::of(disks);
        let (own, other) = if group == "ddf-graid" { (A, B) } else { (B, A) };
        let mixed = |number: usize| if [0, 3].contains(&(number % 5)) { own } else { other };
        let all: [&dyn Fn(usize) -> CrcVariant; 3] = [&|_| own, &|_| other, &mixed];
        for (how, variant) in all.into_iter().enumerate() {
            for short in [false, true] {
                if short && !large {
                    continue;
                }
                let mut rig = untouched.clone();
                if how > 0 || short {
                    (0..rig.disks.len()).for_each(|disk| reseal(&mut rig, disk, variant, short));
                }
                let before = kinds(&mut rig);
                assert!(before.values().all(Option::is_some), "{name}");
                let whole = |kind: &Kind| kind.unwrap().1.is_multiple_of(4096);
                assert_eq!(before.values().all(whole), large && !short, "{name}");
                let told = rig.told();
                dirty_and_clean(&mut rig);
                let member = told.disks[0].id;
                let stamp = rig.stamp();
                let condition = DiskCondition { failure_predicted: true, ..Default::default() };
                rig.edit(|disks| Ddf::new().set_disk_condition(disks, member, condition, stamp))
                    .unwrap();
                assert_eq!(kinds(&mut rig), before, "{name} {how} {short}");
                assert_eq!(rig.told().codes(Severity::Damage), told.codes(Severity::Damage));
            }
        }
    }
}

/// One configuration, each of whose disks is sealed in another way.
#[test]
fn disks_of_one_configuration_keep_what_each_has() {
    use CrcVariant::{A, B};
    let shape = DiskShape { blocks: Blocks(20_000), block_size: 4096 };
    let mut options = Options::LINUX;
    (options.max_pd_entries, options.max_primary_element_entries) = (15, 16);
    options.bad_block_log = Some(raid_ddf::BadBlockOptions { entries: 200, spare_blocks: 64 });
    let mut rig = Rig::blank(&[shape; 4], &options);
    let stamp = rig.stamp();
    rig.edit(|disks| raid_ddf::initialise(disks, stamp, &options)).unwrap();
    let ways: [(&dyn Fn(usize) -> CrcVariant, bool); 4] =
        [(&|_| B, false), (&|_| A, true), (&|_| B, true), (&|n| [A, B][n % 2], false)];
    for (disk, (variant, short)) in ways.into_iter().enumerate() {
        reseal(&mut rig, disk, variant, short);
    }
    let before = kinds(&mut rig);
    // New records are sealed as the rest of their disk is; old ones stay as they are.
    let check = |rig: &mut Rig, what: &str| {
        let told = rig.told();
        assert_eq!(told.codes(Severity::Damage), [0; 0], "{what}: {:?}", told.findings);
        for (at, kind) in kinds(rig) {
            let (variant, covered) = kind.unwrap_or_else(|| panic!("{what}: {at:?}"));
            let part = !covered.is_multiple_of(4096);
            match at.0 {
                0 => assert_eq!((variant, part), (B, false), "{what}: {at:?}"),
                1 => assert_eq!((variant, part), (A, true), "{what}: {at:?}"),
                2 => assert_eq!((variant, part), (B, true), "{what}: {at:?}"),
                _ => assert!(!part, "{what}: {at:?}"),
            }
            if let Some(was) = before.get(&at) {
                assert_eq!(was.unwrap().0, variant, "{what}: {at:?}");
            }
        }
    };
    check(&mut rig, "resealed");
    let five = geometry(Level::Raid5, Placement::NContinue, 3);
    let array = rig.create("five", Geometry { block_size: 4096, ..five }, &[0, 1, 2]).unwrap();
    check(&mut rig, "created");
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().add_spare(disks, 3, stamp)).unwrap();
    check(&mut rig, "spare");
    let failed = RuntimeState { failed: SlotSet::of(Slot(1)), ..healthy() };
    rig.set_state(array, 0, &failed).unwrap();
    check(&mut rig, "failed");
    let (place, stamp) = (Place { set: 0, slot: Slot(1) }, rig.stamp());
    rig.edit(|disks| Ddf::new().activate(disks, array, place, 3, stamp)).unwrap();
    check(&mut rig, "activated");
    let range = raid_core::metadata::BadBlocks {
        bad: Extent::new(100, 2),
        moved_to: Some(Lba(20_000 - 4096 - 64)),
    };
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().add_bad_blocks(disks, 1, range, stamp)).unwrap();
    check(&mut rig, "bad range");
    let configuration = rig.told().disks[0].configuration;
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().import(disks, configuration, stamp)).unwrap();
    check(&mut rig, "imported");
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().delete_array(disks, array, stamp)).unwrap();
    check(&mut rig, "deleted");
    // What stands on the disks while a copy is being written is sealed so, too.
    for disk in 0..4 {
        for step in rig.steps(disk) {
            let media::Stepped::Write(_, bytes) = step else { continue };
            let Some(order) = raid_ddf::DdfHeader::byte_order(&bytes) else { continue };
            let covered = if [1, 2].contains(&disk) { 512 } else { 4096 };
            assert!(raid_ddf::matching_crc(B, order, &bytes[..covered]).is_some(), "disk {disk}");
        }
    }
}
