// SPDX-License-Identifier: MIT OR Apache-2.0
//! When an array is read and when it is refused, for every level, member state and array state.

use crate::bench::{accept, array, geometry, inspection, sources};
use raid_array::discover::{FoundArray, ReadAt, Source};
use raid_core::array::*;
use raid_core::units::{Blocks, Lba};
use raid_inspect::{ArrayReader, ReadError, Readiness, Refusal};
use raid_testdata::SparseImage;
use std::io;
use std::sync::Arc;

/// Twelve empty disks.
fn disks() -> Vec<Source> {
    sources(&std::iter::repeat_n(Arc::new(SparseImage::zeroed(512 * 1024)), 12).collect::<Vec<_>>())
}

fn check(array: &FoundArray, force: bool) -> Result<Readiness, Refusal> {
    let inspection = inspection(disks(), vec![array.clone()]);
    Readiness::of(&inspection, &inspection.discovery.arrays[0], accept(force))
}

fn set_state(array: &mut FoundArray, member: usize, state: MemberState) {
    let descriptor = &mut array.members[member].descriptor;
    descriptor.state = state;
    if state == MemberState::Missing {
        descriptor.disk = None;
    }
}

/// Every level, its slots, its size, and how many members it can lose: any that many.
fn levels() -> Vec<(Geometry, u64, u32)> {
    use Level::*;
    use Placement::*;
    let mirrors = |sets, slots| Geometry {
        secondary: Secondary::Striped,
        sets,
        strip: Blocks(8),
        ..geometry(Raid1, Fixed, slots)
    };
    vec![
        (geometry(Raid0, Fixed, 3), 192, 0),
        (geometry(Single, Fixed, 1), 64, 0),
        (geometry(Concat, Fixed, 3), 192, 0),
        (geometry(Raid1, Fixed, 2), 64, 1),
        (geometry(Raid1, Fixed, 3), 64, 2),
        (geometry(Raid1E, Adjacent, 5), 160, 1),
        (geometry(Raid1E, Offset, 4), 128, 1),
        (geometry(Raid1E, Far, 4), 128, 1),
        (geometry(Raid4, ParityLast, 4), 192, 1),
        (geometry(Raid5, NRestart, 4), 192, 1),
        (geometry(Raid5, NContinue, 3), 128, 1),
        (geometry(Raid5EE, ZeroRestart, 4), 128, 1),
        (geometry(Raid6, NRestart, 5), 192, 2),
        (geometry(Raid6, NContinue, 6), 256, 2),
        (mirrors(2, 2), 128, 1),
        (mirrors(2, 3), 128, 2),
    ]
}

/// The subsets of `members` members, as bits.
fn subsets(members: usize) -> impl Iterator<Item = u32> {
    0..1 << members
}

#[test]
fn each_level_loses_as_many_members_as_it_survives_and_no_more() {
    for (geometry, size, survives) in levels() {
        let whole = array(geometry, size);
        for gone in subsets(whole.members.len()) {
            let mut array = whole.clone();
            let missing = (0..whole.members.len()).filter(|member| gone >> member & 1 == 1);
            missing.for_each(|member| set_state(&mut array, member, MemberState::Missing));
            let ready = check(&array, false);
            if gone.count_ones() <= survives {
                let ready =
                    ready.unwrap_or_else(|refusal| panic!("{geometry:?} {gone:b}: {refusal}"));
                assert_eq!(ready.gaps.len(), gone.count_ones() as usize);
            } else if matches!(geometry.level, Level::Raid1 | Level::Raid1E) {
                // Luck counts: every pair of copies needs one that is left.
                assert_eq!(ready.is_ok(), copies_survive(&geometry, gone), "{geometry:?} {gone:b}");
            } else {
                assert!(matches!(ready, Err(Refusal::RedundancyGone(_))), "{geometry:?} {gone:b}");
            }
        }
    }
}

/// Whether members are left that have one copy of everything.
fn copies_survive(geometry: &Geometry, gone: u32) -> bool {
    let slots = u32::from(geometry.slots);
    match geometry.level {
        Level::Raid1 => (0..u32::from(geometry.sets))
            .all(|set| (0..slots).any(|slot| gone >> (set * slots + slot) & 1 == 0)),
        _ => (0..slots).all(|slot| gone >> slot & 1 == 0 || gone >> ((slot + 1) % slots) & 1 == 0),
    }
}

#[test]
fn members_that_do_not_hold_their_data_are_not_read() {
    use MemberState::{Failed, Missing, Rebuilding, Stale};
    for state in [Failed, Missing, Rebuilding, Stale] {
        let mut mirror = array(geometry(Level::Raid1, Placement::Fixed, 2), 64);
        set_state(&mut mirror, 0, state);
        let ready = check(&mirror, false).unwrap();
        assert_eq!(ready.health[0].unavailable.lowest(), Some(raid_core::units::Slot(0)));
        set_state(&mut mirror, 1, state);
        let refusal = check(&mirror, false).unwrap_err();
        let text = refusal.to_string();
        assert!(matches!(refusal, Refusal::RedundancyGone(_)), "{text}");
        assert!(text.contains("slot 0") && text.contains("slot 1"), "{text}");
        // Only what may have been declared failed in haste is read when force is used.
        assert_eq!(check(&mirror, true).is_ok(), state == Failed, "{state:?}");
    }
}

#[test]
fn computing_from_parity_that_may_be_wrong_needs_force() {
    for level in [Level::Raid4, Level::Raid5, Level::Raid6] {
        let placement =
            if level == Level::Raid4 { Placement::ParityLast } else { Placement::NRestart };
        let mut array = array(geometry(level, placement, 4), 128);
        for (clean, initialisation) in
            [(false, Initialisation::Full), (true, Initialisation::Running)]
        {
            array.descriptor.clean = clean;
            array.descriptor.initialisation = initialisation;
            array.members[2].descriptor.state = MemberState::InSync;
            array.members[2].descriptor.disk = Some(2);
            assert!(check(&array, false).is_ok(), "nothing is computed");
            set_state(&mut array, 2, MemberState::Missing);
            let refusal = check(&array, false).unwrap_err();
            let text = refusal.to_string();
            assert!(text.contains("slot 2") && text.contains("--force"), "{text}");
            match clean {
                false => assert!(matches!(refusal, Refusal::Unclean(_)), "{text}"),
                true => assert!(matches!(refusal, Refusal::NotInitialised(_)), "{text}"),
            }
            assert!(check(&array, true).is_ok());
        }
        // Never said to be initialised: some firmware leaves that on arrays in use.
        array.descriptor.initialisation = Initialisation::None;
        array.descriptor.clean = true;
        assert!(check(&array, false).is_ok());
    }
}

#[test]
fn an_unclean_mirror_with_a_member_missing_is_read() {
    let mut mirror = array(geometry(Level::Raid1, Placement::Fixed, 2), 64);
    mirror.descriptor.clean = false;
    set_state(&mut mirror, 0, MemberState::Missing);
    assert!(check(&mirror, false).is_ok());
}

#[test]
fn what_cannot_be_mapped_or_is_too_short_is_refused() {
    let raid3 = array(geometry(Level::Raid3, Placement::ParityLast, 3), 128);
    assert!(matches!(check(&raid3, true), Err(Refusal::Unsupported(_))));
    let long = array(geometry(Level::Raid0, Placement::Fixed, 2), 129);
    assert!(matches!(check(&long, true), Err(Refusal::Size { found: 129, expected: 128 })));
    let mut failed = array(geometry(Level::Raid0, Placement::Fixed, 2), 128);
    failed.descriptor.state = ArrayState::Failed;
    assert!(matches!(check(&failed, false), Err(Refusal::DeclaredFailed(_))));
    assert!(check(&failed, true).is_ok());
}

#[test]
fn a_member_whose_extent_leaves_its_disk_is_not_read() {
    let mut mirror = array(geometry(Level::Raid1, Placement::Fixed, 2), 64);
    for start in [1024 - 63, u64::MAX, u64::MAX - 32] {
        mirror.members[1].descriptor.start = Lba(start);
        let ready = check(&mirror, false).unwrap();
        assert_eq!(ready.gaps.len(), 1);
        let why = &ready.gaps[0].why;
        assert!(why.contains("d1") && why.contains(&start.to_string()), "{why}");
    }
    mirror.members[1].descriptor.start = Lba(1024 - 64);
    assert!(check(&mirror, false).unwrap().gaps.is_empty());
}

#[test]
fn members_that_share_blocks_make_their_arrays_unreadable_without_force() {
    let one = array(geometry(Level::Raid1, Placement::Fixed, 2), 64);
    let mut two = one.clone();
    two.descriptor.id = ArrayId([2; 24]);
    for (start, refused) in [(80, false), (79, true), (16, true), (0, true)] {
        two.members[0].descriptor.start = Lba(start);
        two.members[1].descriptor.disk = Some(5);
        let inspection = inspection(disks(), vec![one.clone(), two.clone()]);
        for array in &inspection.discovery.arrays {
            let ready = Readiness::of(&inspection, array, accept(false));
            assert_eq!(matches!(ready, Err(Refusal::Overlap(_))), refused, "{start}");
            assert!(Readiness::of(&inspection, array, accept(true)).is_ok());
        }
    }
    // One disk in two slots.
    let mut twice = one;
    twice.members[1].descriptor.disk = Some(0);
    assert!(matches!(check(&twice, false), Err(Refusal::Overlap(_))));
}

#[test]
fn a_mirrored_secondary_level_is_read_from_a_set_that_is_whole() {
    let mirrored = Geometry {
        secondary: Secondary::Mirrored,
        sets: 2,
        ..geometry(Level::Raid5, Placement::NContinue, 3)
    };
    let mut array = array(mirrored, 128);
    array.descriptor.clean = false;
    set_state(&mut array, 0, MemberState::Missing);
    let ready = check(&array, false).unwrap();
    assert_eq!(ready.mirrored_set, 1, "no parity is needed there");
    set_state(&mut array, 4, MemberState::Missing);
    assert!(matches!(check(&array, false), Err(Refusal::Unclean(_))));
    set_state(&mut array, 5, MemberState::Missing);
    array.descriptor.clean = true;
    assert_eq!(check(&array, false).unwrap().mirrored_set, 0);
    set_state(&mut array, 1, MemberState::Missing);
    assert!(matches!(check(&array, false), Err(Refusal::RedundancyGone(_))));
}

#[test]
fn of_two_members_that_claim_one_place_the_one_with_the_data_is_taken() {
    for stale_first in [true, false] {
        let mut mirror = array(geometry(Level::Raid1, Placement::Fixed, 2), 64);
        let mut stale = mirror.members[0].clone();
        stale.descriptor.state = MemberState::Stale;
        stale.descriptor.disk = Some(7);
        mirror.members.insert(usize::from(!stale_first), stale);
        let ready = check(&mirror, false).unwrap();
        assert!(ready.gaps.is_empty(), "{:?}", ready.gaps);
        assert_eq!(ready.members[0][0].disk, Some(0));
    }
}

/// A disk that fails in one sector.
struct Scratched(SparseImage, u64);

impl ReadAt for Scratched {
    fn len(&self) -> u64 {
        self.0.len
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        if (offset..offset + into.len() as u64).contains(&self.1) {
            return Err(io::Error::other("medium error"));
        }
        self.0.read_at(offset, into);
        Ok(())
    }
}

#[test]
fn a_sector_that_cannot_be_read_is_computed_from_the_others_if_parity_is_trusted() {
    let raid5 = geometry(Level::Raid5, Placement::NContinue, 3);
    // Each member holds its own byte; parity is therefore 1 ^ 2 ^ 4 of the other two.
    let disks = || -> Vec<Source> {
        let image = |byte: u8| {
            let mut image = SparseImage::zeroed(512 * 1024);
            image.write_at(16 * 512, &[byte; 64 * 512]);
            image
        };
        let good = |name: &str, byte: u8| Source {
            name: name.to_owned(),
            bytes: Box::new(crate::bench::Shared(Arc::new(image(byte)))),
        };
        let bad = Source { name: "bad".to_owned(), bytes: Box::new(Scratched(image(1), 17 * 512)) };
        vec![bad, good("two", 2), good("three", 4)]
    };
    let mut array = array(raid5, 128);
    let read = |array: &FoundArray| {
        let inspection = inspection(disks(), vec![array.clone()]);
        let mut reader =
            ArrayReader::new(&inspection, &inspection.discovery.arrays[0], accept(false)).unwrap();
        let mut bytes = vec![0; 128 * 512];
        let done = reader.read_at(0, &mut bytes);
        (done, bytes, reader.complaints.clone())
    };
    let (done, bytes, complaints) = read(&array);
    done.unwrap();
    assert_eq!(bytes[..8 * 512], [2 ^ 4; 8 * 512], "strip 0 is computed");
    assert_eq!(bytes[8 * 512..9 * 512], [2; 512], "strip 1 is as it is");
    assert!(complaints[0].contains("bad, byte 8192"), "{complaints:?}");
    array.descriptor.clean = false;
    let (done, ..) = read(&array);
    match done {
        Err(ReadError::Medium { disk, byte, .. }) => {
            assert_eq!((disk.as_str(), byte), ("bad", 8192));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn odd_offsets_and_lengths_give_the_same_bytes_as_whole_reads() {
    let mut image = SparseImage::zeroed(512 * 1024);
    let bytes: Vec<u8> = (0..64 * 512u32).map(|n| (n * 7 % 251) as u8).collect();
    image.write_at(16 * 512, &bytes);
    let single = array(geometry(Level::Single, Placement::Fixed, 1), 64);
    let inspection = inspection(sources(&[Arc::new(image)]), vec![single]);
    let mut reader =
        ArrayReader::new(&inspection, &inspection.discovery.arrays[0], accept(false)).unwrap();
    for (offset, len) in [(0, 1), (511, 2), (512, 512), (1000, 3000), (32767, 1), (32768, 0)] {
        let mut part = vec![0; len];
        reader.read_at(offset, &mut part).unwrap();
        assert_eq!(part, bytes[offset as usize..offset as usize + len], "{offset} {len}");
    }
    for (offset, len) in [(32768, 1), (0, 32769), (u64::MAX, 2)] {
        let done = reader.read_at(offset, &mut vec![0; len]);
        assert!(matches!(done, Err(ReadError::OutOfRange { size: 32768, .. })), "{offset} {len}");
    }
}
