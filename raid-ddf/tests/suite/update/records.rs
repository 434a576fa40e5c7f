// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an update takes over from disks that differ, and what stands on a disk while it is written.

use crate::media::{Rig, Stepped, geometry, raid10};
use crate::update::changes::two_arrays;
use crate::update::{assign, state_of, with};
use raid_core::array::{Level, Placement};
use raid_core::metadata::{Served, SpareRequest, Subject};
use raid_ddf::{ByteOrder, CrcVariant, DdfHeader, Options, Record, VirtualDiskRecords};

/// Readers that compare numbers before flags take the closed copy: the open one has the lowest number.
#[test]
fn a_copy_that_is_being_written_carries_the_lowest_number() {
    let (mut rig, array, _) = two_arrays(&Options::LINUX);
    rig.set_state(array, 0, &state_of(false, &[], &[])).unwrap();
    let (mut open, mut closed) = (0, 0);
    for step in rig.steps(0) {
        let Stepped::Write(_, bytes) = step else { continue };
        let Some(order) = DdfHeader::byte_order(&bytes) else { continue };
        let header = DdfHeader::view(&bytes).unwrap();
        match (header.header_type, header.open_flag) {
            (0, _) => {}
            (_, 0) => {
                assert!(header.sequence_number.get(order) > 2);
                closed += 1;
            }
            _ => {
                assert_eq!(header.sequence_number.get(order), 1);
                open += 1;
            }
        }
    }
    assert_eq!((open, closed), (2, 2));
}

/// Notes are kept in the records without counting them: of records of one number that of a disk that
/// the interrupted update reached counts.
#[test]
fn of_records_of_one_number_that_of_the_newest_disk_counts() {
    for missed in 0..4 {
        let (mut rig, array) = with(raid10(2), &[0, 1, 2, 3], 5);
        rig.commit();
        rig.set_state(array, 1, &state_of(false, &[], &[])).unwrap();
        rig.live[missed] = false;
        rig.commit();
        rig.reread();
        let clean = |rig: &Rig| [0, 1].map(|set| rig.state(array, set).unwrap().clean);
        assert_eq!(clean(&rig), [true, false], "disk {missed} was not reached");
        assign(&mut rig, &SpareRequest::dedicated(4, &[Served::all(array)])).unwrap();
        rig.commit();
        rig.reread();
        assert_eq!(clean(&rig), [true, false], "disk {missed} was not reached");
    }
}

/// A creation that reached none of its members is taken back by the next update.
#[test]
fn an_update_takes_a_half_created_array_away() {
    let (rig, array, _) = two_arrays(&Options::LINUX);
    let mut cut = rig.clone();
    cut.create("new", geometry(Level::Raid1, Placement::Fixed, 2), &[3, 4]).unwrap_err();
    cut.create("new", geometry(Level::Raid1, Placement::Fixed, 2), &[2, 4]).unwrap();
    // Written to disk 0 alone, which is no member of it.
    cut.live = vec![true, false, false, false, false];
    cut.commit();
    cut.reread();
    assert!(cut.told().has(431), "half-created");
    assert_eq!(cut.told().arrays.len(), 2);
    cut.set_state(array, 0, &state_of(false, &[], &[])).unwrap();
    cut.commit();
    cut.reread();
    let told = cut.told();
    assert_eq!(told.arrays.len(), 2, "{:?}", told.arrays);
    assert!(!told.has(431) && !told.has(401), "{:?}", told.findings);
    assert_eq!(cut.state(array, 0), Some(state_of(false, &[], &[])));
}

#[test]
fn a_disk_that_failed_is_no_longer_called_rebuilding() {
    let (mut rig, array) = with(geometry(Level::Raid1, Placement::Fixed, 2), &[0, 1], 2);
    let pd_state = |rig: &Rig| rig.told().raw(Subject::Disk(1), "PD_State").unwrap() & 0x0F;
    rig.set_state(array, 0, &state_of(true, &[], &[1])).unwrap();
    assert_eq!(pd_state(&rig), 0x05, "online, rebuilding");
    rig.set_state(array, 0, &state_of(true, &[1], &[])).unwrap();
    assert_eq!(pd_state(&rig), 0x03, "online, failed");
}

/// Others know no notes of sets: where one of them recorded the array clean and did not count the
/// update, the array's own field is believed.
#[test]
fn an_array_that_others_recorded_clean_is_clean_whatever_a_note_says() {
    let (mut rig, array) = with(raid10(2), &[0, 1, 2, 3], 4);
    rig.set_state(array, 1, &state_of(false, &[], &[])).unwrap();
    rig.commit();
    let clean = |rig: &Rig, set| rig.state(array, set).unwrap().clean;
    assert_eq!((clean(&rig, 0), clean(&rig, 1)), (true, false));
    for disk in &mut rig.disks {
        for (_, bytes) in &mut disk.pieces {
            for at in (0..bytes.len()).step_by(512) {
                let section = bytes.get(at..at + 512).and_then(VirtualDiskRecords::view);
                let signature = section.map(|section| section.signature.get(ByteOrder::Big));
                if signature == Some(VirtualDiskRecords::SIGNATURE) {
                    let blocks = 1 + 63 * 64 / 512;
                    let section = &mut bytes[at..at + blocks * 512];
                    let records = VirtualDiskRecords::view_mut(section).unwrap();
                    records.entries[0].vd_state &= !0x10;
                    raid_ddf::seal(CrcVariant::B, ByteOrder::Big, section);
                }
            }
        }
    }
    assert_eq!((clean(&rig, 0), clean(&rig, 1)), (true, true));
}
