// SPDX-License-Identifier: MIT OR Apache-2.0
//! A commit sees that another program has written a disk since it was read.

use crate::every_update::{CHANGES, two_arrays};
use crate::rig::{Medium, Rig, SMALL, Stepped, healthy};
use raid_asr::Asr;
use raid_core::metadata::{
    Admin, GUARD_BLOCKS, MovedOn, RunTime, RuntimeState, Served, SpareRequest,
};

const TABLE: u64 = SMALL.blocks.0 - 17;
const RESERVED: u64 = SMALL.blocks.0 - 1;

/// What the guard of each disk says of what now stands on these media.
fn moved(rig: &Rig, media: &[Medium]) -> Vec<Option<MovedOn>> {
    rig.view(|views| {
        let of = |(view, medium): (_, &Medium)| {
            let runs: Vec<_> = (0..).map_while(|index| Asr::new().guard(view, index)).collect();
            let blocks: u64 = runs.iter().map(|run| run.len.0).sum();
            assert!((2..=GUARD_BLOCKS).contains(&blocks), "{blocks} blocks");
            (0..).zip(runs).find_map(|(index, run)| {
                assert_eq!(
                    Asr::new().moved_on(view, index, &[]),
                    None,
                    "an unreadable run is none"
                );
                Asr::new().moved_on(view, index, &medium.read(run.start.0, run.len.0))
            })
        };
        views.iter().zip(media).map(of).collect()
    })
}

/// Case C5.
#[test]
fn an_update_by_another_engine_is_seen_on_every_disk_it_reached() {
    let (rig, wide, mirror) = two_arrays();
    assert_eq!(moved(&rig, &rig.media), [None; 8]);
    for (what, reached, change) in CHANGES {
        let mut theirs = rig.clone();
        change(&mut theirs, wide).unwrap();
        theirs.commit();
        let found = moved(&rig, &theirs.media);
        let seen: Vec<usize> = (0..8).filter(|disk| found[*disk].is_some()).collect();
        assert_eq!(seen, reached, "{what}");
        let text = found[reached[0]].unwrap().on(reached[0]).to_string();
        assert!(text.contains("another program has written this disk"), "{text}");
        assert_eq!(moved(&theirs, &theirs.media), [None; 8], "{what}");
        theirs.set_state(mirror, 0, &RuntimeState { clean: false, ..healthy() }).unwrap();
        theirs.commit();
        assert_eq!(moved(&theirs, &theirs.media), [None; 8], "{what}");
    }
    // A spare of one array, and what dissolves a configuration.
    let mut theirs = rig.clone();
    let (serves, stamp) = ([Served::all(mirror)], theirs.stamp());
    theirs
        .edit(|disks| Asr::new().assign_spare(disks, &SpareRequest::dedicated(6, &serves), stamp))
        .unwrap();
    theirs.commit();
    assert!(moved(&rig, &theirs.media)[6].is_some());
    let mut erased = rig.clone();
    erased.erase(0);
    let found = moved(&rig, &erased.media);
    assert_eq!(found[0].unwrap().what, "magic of the reserved block");
    assert_eq!(found[1..], [None; 7]);
    let blank = Rig::blank(&[SMALL]);
    assert_eq!(blank.view(|views| Asr::new().guard(&views[0], 0)), None, "not written yet");
}

/// Case C5. Until block 0 is written the update has not happened, and afterwards it is seen.
#[test]
fn an_update_that_was_cut_is_seen_once_it_counts() {
    let (rig, wide, _) = two_arrays();
    let mut theirs = rig.clone();
    theirs.set_state(wide, 0, &RuntimeState { clean: false, ..healthy() }).unwrap();
    let steps = theirs.steps(0, false);
    let mut media = rig.media.clone();
    for step in &steps {
        if let Stepped::Write(at, bytes) = step {
            media[0].write(*at, bytes);
            assert_eq!(moved(&rig, &media)[0].is_some(), *at == TABLE);
        }
    }
    // Read again, it is refused no more, and the alignment neither.
    let mut again = rig.clone();
    again.media = media;
    again.reread();
    assert_eq!(moved(&again, &again.media), [None; 8]);
    again.align(wide, 2);
    assert_eq!(moved(&again, &again.media), [None; 8]);
}

/// Case C5. Every byte of the two blocks: those that say which update a disk has are looked at, and
/// those that firmware and software keep for themselves are not.
#[test]
fn bytes_of_the_vendor_are_no_update() {
    let (rig, _, _) = two_arrays();
    let seen = |at: u64, byte: usize| {
        let mut media = rig.media.clone();
        let mut block = media[0].read(at, 1);
        block[byte] ^= 0x10;
        media[0].write(at, &block);
        moved(&rig, &media)[0].is_some()
    };
    let identity =
        |byte: usize| matches!(byte, 0..=3 | 0x3F | 0x40..=0x43 | 0x100..=0x103 | 0x104..=0x107);
    for byte in 0..512 {
        assert_eq!(seen(RESERVED, byte), identity(byte), "reserved block, byte {byte:#x}");
    }
    // Seven lines are in use: the whole block. What is 64 bytes at the front is the header.
    let vendor = |byte: usize| matches!(byte, 8..=9 | 0x10..=0x1B | 0x20 | 0x22 | 0x2C..=0x3F);
    for byte in 0..512 {
        assert_eq!(seen(TABLE, byte), !vendor(byte), "table, byte {byte:#x}");
    }
}
