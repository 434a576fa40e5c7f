// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is not understood, or was made elsewhere.

use crate::media::{self, Rig, geometry};
use crate::support;
use crate::update::{activate, assign, state_of, with};
use raid_core::array::{ArrayId, Level, Placement};
use raid_core::metadata::{
    Admin, ChangeError, RuntimeState, Served, Severity, SpareRequest, Subject,
};
use raid_ddf::{Ddf, Options};

/// Images of other implementations: byte order, CRC, places and what is not understood stay.
#[test]
#[cfg_attr(miri, ignore = "unpacks images")]
fn configurations_of_others_keep_what_is_theirs() {
    for scenario in raid_testdata::scenarios() {
        let writes = scenario.group.starts_with("ddf") && !scenario.volumes.is_empty();
        if !writes
            || !["r10-n2", "multi", "spare", "le-raid0", "be-4k-raid1", "be-raid10"]
                .contains(&scenario.name.as_str())
        {
            continue;
        }
        let disks = support::read_scenario(&scenario);
        let mut rig = Rig::of(disks);
        let told = rig.told();
        for (array, _) in told.arrays.clone() {
            for set in 0..array.geometry.sets {
                let before = rig.state(array.id, set).unwrap();
                let dirty = RuntimeState { clean: false, ..before };
                rig.set_state(array.id, set, &dirty)
                    .unwrap_or_else(|e| panic!("{}: {e}", scenario.name));
                assert_eq!(rig.state(array.id, set), Some(dirty), "{}", scenario.name);
            }
        }
        let after = rig.told();
        for ((old, was), (new, is)) in told.arrays.iter().zip(&after.arrays) {
            assert_eq!((old.geometry, old.size, was), (new.geometry, new.size, is));
            assert!(!new.clean);
        }
        assert_eq!(
            after.codes(Severity::Damage),
            told.codes(Severity::Damage),
            "{}",
            scenario.name
        );
    }
}

#[test]
fn an_import_makes_a_configuration_known_and_its_numbers_single() {
    let mut options = Options::LINUX;
    (options.max_pd_entries, options.max_vd_entries) = (15, 15);
    let mut rig = Rig::blank(&[media::SMALL; 3], &options);
    let stamp = rig.stamp();
    rig.edit(|disks| raid_ddf::initialise(disks, stamp, &options)).unwrap();
    let array =
        rig.create("array", geometry(Level::Raid0, Placement::Fixed, 3), &[0, 1, 2]).unwrap();
    media::make_foreign(&mut rig);
    rig.append(&media::other_configuration(&options));
    let told = rig.told();
    let raw = |told: &support::Told, field| told.raw(Subject::Disk(0), field);
    assert_eq!((raw(&told, "Foreign_Flag"), raw(&told, "PD_Type")), (Some(1), Some(0x13)));
    let configuration = told.disks[0].configuration;
    let others = rig.bytes()[3].clone();
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().import(disks, configuration, stamp)).unwrap();
    let told = rig.told();
    assert_eq!((raw(&told, "Foreign_Flag"), raw(&told, "PD_Type")), (Some(0), Some(3)));
    assert_eq!(told.raw_of(array, "VD_Number"), Some(1));
    assert_eq!(told.raw_of(told.array("theirs").0.id, "VD_Number"), Some(0));
    assert_eq!(told.codes(Severity::Warning), [0; 0], "{:?}", told.findings);
    assert_eq!(rig.bytes()[3], others);
    let before = rig.bytes();
    let stamp = rig.stamp();
    let unknown = rig.edit(|disks| Ddf::new().import(disks, ArrayId([7; 24]), stamp));
    assert_eq!(unknown, Err(ChangeError::NoSuchArray(ArrayId([7; 24]))));
    assert_eq!(rig.bytes(), before);
}

/// Every byte that has no meaning here survives every change.
#[test]
fn reserved_and_unknown_bytes_survive_every_change() {
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let (mut rig, array) = with(mirror, &[0, 1], 4);
    let noise = media::fill_reserved(&mut rig);
    assert!(noise.len() > 500, "{}", noise.len());
    let check = |rig: &Rig, what: &str| {
        for (disk, at, byte) in &noise {
            let found = media::byte(rig, *disk, *at);
            assert_eq!(found, *byte, "{what}: disk {disk}, byte {at:#x}");
        }
    };
    check(&rig, "nothing");
    rig.set_state(array, 0, &state_of(false, &[], &[])).unwrap();
    check(&rig, "state");
    assign(&mut rig, &SpareRequest::dedicated(3, &[Served::all(array)])).unwrap();
    check(&rig, "spare");
    rig.set_state(array, 0, &state_of(false, &[1], &[])).unwrap();
    activate(&mut rig, array, 1, 3).unwrap();
    check(&rig, "activation");
    let configuration = rig.told().disks[0].configuration;
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().import(disks, configuration, stamp)).unwrap();
    check(&rig, "import");
    rig.create("other", mirror, &[0, 2]).unwrap();
    check(&rig, "creation");
}

/// With no closed copy beside it, the open one of a cut update must not look older than it is.
#[test]
fn a_disk_with_one_copy_alone_is_no_stale_one_after_a_cut() {
    let mirror = geometry(Level::Raid1, Placement::Fixed, 2);
    let (mut rig, array) = with(mirror, &[0, 1], 2);
    rig.commit();
    let anchor = (media::SMALL.blocks.0 - 1) * 512;
    for medium in &mut rig.media {
        let primary = medium.read(anchor, 512)[96..104].try_into().map(u64::from_be_bytes).unwrap();
        for at in [anchor, primary * 512] {
            let mut header = medium.read(at, 512);
            header[104..112].fill(0xFF);
            raid_ddf::seal(raid_ddf::CrcVariant::B, raid_ddf::ByteOrder::Big, &mut header);
            medium.write(at, &header);
        }
    }
    rig.reread();
    for clean in [false, true, false] {
        rig.set_state(array, 0, &state_of(clean, &[], &[])).unwrap();
        rig.commit();
    }
    rig.set_state(array, 0, &state_of(true, &[], &[])).unwrap();
    let Some(media::Stepped::Write(at, header)) = rig.steps(0).into_iter().next() else { panic!() };
    assert_eq!(header[48], 1, "the copy is opened first");
    rig.media[0].write(at, &header);
    rig.reread();
    let whole = [
        (Some(0), raid_core::array::MemberState::InSync),
        (Some(1), raid_core::array::MemberState::InSync),
    ];
    assert_eq!(rig.members("array"), whole);
}
