// SPDX-License-Identifier: MIT OR Apache-2.0
//! A commit sees that another program has written a disk since it was read.

use crate::media::{self, Medium, Rig, Stepped};
use crate::update::changes::{CHANGES, two_arrays};
use crate::update::state_of;
use raid_core::metadata::{GUARD_BLOCKS, MovedOn, RunTime};
use raid_core::units::Lba;
use raid_ddf::{ByteOrder, CrcVariant, Ddf, DdfHeader, Options, PhysicalDiskRecords, Record};

/// What the guard of each disk says of what now stands on these media.
fn moved(rig: &Rig, media: &[Medium]) -> Vec<Option<MovedOn>> {
    let of = |(disk, medium): (usize, &Medium)| {
        let size = u64::from(rig.disks[disk].shape.block_size);
        rig.view(disk, |view| {
            let runs: Vec<_> = (0..).map_while(|index| Ddf::new().guard(view, index)).collect();
            let blocks: u64 = runs.iter().map(|run| run.len.0).sum();
            assert!((4..=GUARD_BLOCKS).contains(&blocks), "{blocks} blocks");
            (0..).zip(runs).find_map(|(index, run)| {
                let len = usize::try_from(run.len.0 * size).unwrap();
                let found = medium.read(run.start.0 * size, len);
                assert_eq!(
                    Ddf::new().moved_on(view, index, &[]),
                    None,
                    "an unreadable run is none"
                );
                Ddf::new().moved_on(view, index, &found)
            })
        })
    };
    media.iter().enumerate().map(of).collect()
}

/// Case C5.
#[test]
fn an_update_by_another_engine_is_seen_on_every_disk_it_reached() {
    let (rig, array, other) = two_arrays(&Options::LINUX);
    assert_eq!(moved(&rig, &rig.media), [None; 5]);
    for (what, change) in CHANGES {
        let mut theirs = rig.clone();
        change(&mut theirs, array).unwrap();
        theirs.commit();
        for (disk, found) in moved(&rig, &theirs.media).into_iter().enumerate() {
            let found = found.unwrap_or_else(|| panic!("{what}, disk {disk}"));
            let text = found.on(disk).to_string();
            assert_eq!(found.on(disk).refusing_disk(), Some(disk));
            assert!(text.contains("another program has written this disk"), "{text}");
        }
        // Who made the update goes on, after an edit of the same buffers and one of others.
        assert_eq!(moved(&theirs, &theirs.media), [None; 5], "{what}");
        theirs.set_state(other, 0, &state_of(false, &[], &[])).unwrap();
        theirs.commit();
        assert_eq!(moved(&theirs, &theirs.media), [None; 5], "{what}");
    }
}

/// Case C5. A cut leaves the other engine's update anywhere; our own, once read, is refused no more.
#[test]
fn an_update_that_was_cut_is_seen_until_the_disk_is_read_again() {
    let (rig, array, _) = two_arrays(&Options::LINUX);
    let mut theirs = rig.clone();
    theirs.set_state(array, 0, &state_of(true, &[1], &[])).unwrap();
    let steps = theirs.steps(0);
    assert!(steps.len() > 20);
    for cut in 1..=steps.len() {
        let mut media = rig.media.clone();
        for step in &steps[..cut] {
            if let Stepped::Write(at, bytes) = step {
                media[0].write(*at, bytes);
            }
        }
        let found = moved(&rig, &media);
        assert!(found[0].is_some(), "cut after {cut} steps");
        assert_eq!(found[1..], [None; 4]);
        let mut again = rig.clone();
        again.media = media;
        again.reread();
        assert_eq!(moved(&again, &again.media), [None; 5], "cut after {cut} steps");
        // An update of other disks commits this one as it was read: both copies are the good one then.
        let mut unedited = again.clone();
        unedited.commit();
        assert_eq!(moved(&unedited, &unedited.media), [None; 5], "cut after {cut} steps, unedited");
        again.set_state(array, 0, &state_of(false, &[], &[])).unwrap();
        again.commit();
        assert_eq!(moved(&again, &again.media), [None; 5], "cut after {cut} steps");
    }
}

/// Case C5. Older mdadm changes the records without counting, graid keeps no number.
#[test]
fn records_that_changed_under_the_same_number_are_seen() {
    let (rig, array, _) = two_arrays(&Options::LINUX);
    let order = ByteOrder::Big;
    let mut theirs = rig.clone();
    theirs.set_state(array, 0, &state_of(true, &[1], &[])).unwrap();
    theirs.commit();
    let mut media = theirs.media.clone();
    // The headers as they were.
    for (medium, disk) in media.iter_mut().zip(&rig.disks) {
        for (at, bytes) in &disk.pieces {
            if DdfHeader::byte_order(bytes).is_some() {
                medium.write(at.0 * 512, &bytes[..512]);
            }
        }
    }
    let found: Vec<_> = moved(&rig, &media).into_iter().map(|moved| moved.unwrap().what).collect();
    assert_eq!(found, ["physical disk records"; 5]);
    // No number is kept: the time tells.
    let mut without = rig.clone();
    let mut later = rig.clone();
    for (rig, time) in [(&mut without, 100), (&mut later, 101)] {
        for disk in 0..5 {
            let pieces: Vec<_> = rig.disks[disk].pieces.clone();
            for (at, mut bytes) in pieces {
                if DdfHeader::byte_order(&bytes).is_none() {
                    continue;
                }
                let header = DdfHeader::view_mut(&mut bytes).unwrap();
                header.sequence_number = raid_ddf::U32::ALL_ONES;
                header.timestamp.set(order, time);
                raid_ddf::seal(CrcVariant::B, order, &mut bytes[..512]);
                rig.disks[disk].bytes_mut(at, 1).copy_from_slice(&bytes[..512]);
                rig.media[disk].write(at.0 * 512, &bytes[..512]);
            }
        }
    }
    assert_eq!(moved(&without, &without.media), [None; 5]);
    let found = moved(&without, &later.media).into_iter().map(|moved| moved.unwrap().what);
    assert_eq!(found.collect::<Vec<_>>(), ["time of the header"; 5]);
}

/// Case C5. What firmware touches without an update, and damage, are none.
#[test]
fn damage_and_bytes_of_the_vendor_are_no_update() {
    let (rig, array, _) = two_arrays(&Options::LINUX);
    let mut theirs = rig.clone();
    media::fill_reserved(&mut theirs);
    // Reserved bytes of the shared records change their CRCs, and who stores one has written.
    for disk in 0..5 {
        let ours = rig.disks[disk].pieces.clone();
        for (at, bytes) in ours {
            let step = 512;
            for from in (0..bytes.len()).step_by(step) {
                let block = Lba(at.0 + u64::try_from(from / step).unwrap());
                let records = PhysicalDiskRecords::view(&bytes[from..]).is_some_and(|records| {
                    [0x2222_2222, 0xDDDD_DDDD].contains(&records.signature.get(ByteOrder::Big))
                });
                if records {
                    theirs.disks[disk]
                        .bytes_mut(block, 1)
                        .copy_from_slice(&bytes[from..from + step]);
                }
            }
        }
        let pieces = theirs.disks[disk].pieces.clone();
        for (at, bytes) in pieces {
            theirs.media[disk].write(at.0 * 512, &bytes);
        }
    }
    assert_ne!(theirs.media, rig.media);
    assert_eq!(moved(&rig, &theirs.media), [None; 5]);
    // Any byte of a header.
    let header =
        rig.disks[0].pieces.iter().find(|(_, bytes)| DdfHeader::byte_order(bytes).is_some());
    let (at, bytes) = header.unwrap().clone();
    for damaged in 4..512 {
        let mut media = rig.media.clone();
        let mut bytes = bytes[..512].to_vec();
        bytes[damaged] ^= 0x10;
        media[0].write(at.0 * 512, &bytes);
        assert_eq!(moved(&rig, &media), [None; 5], "byte {damaged}");
    }
    // Erased: no header is left to mend.
    let mut erased = rig.clone();
    for step in erased.erase_steps(0) {
        if let Stepped::Write(at, bytes) = step {
            erased.media[0].write(at, &bytes);
        }
    }
    let found = moved(&rig, &erased.media);
    assert_eq!(found[0].unwrap().what, "signature of the header");
    assert_eq!(found[1..], [None; 4]);
    // A new disk that was not written yet has no guard.
    let blank = Rig::blank(&[media::SMALL], &Options::LINUX);
    assert_eq!(blank.view(0, |view| Ddf::new().guard(view, 0)), None);
    // Damage that was read is as it was, before and after it is mended.
    for piece in 0..rig.disks[0].pieces.len() {
        let mut damaged = rig.clone();
        let (at, mut bytes) = damaged.disks[0].pieces[piece].clone();
        bytes[100] ^= 0x10;
        damaged.media[0].write(at.0 * 512, &bytes);
        damaged.reread();
        assert_eq!(moved(&damaged, &damaged.media)[1..], [None; 4]);
        if damaged.set_state(array, 0, &state_of(false, &[], &[])).is_ok() {
            damaged.commit();
            assert_eq!(moved(&damaged, &damaged.media), [None; 5], "piece {piece}");
        }
    }
}
