// SPDX-License-Identifier: MIT OR Apache-2.0
//! The model of mdadm's habits writes what mdadm wrote, byte for byte.

use crate::update::habits::{Blocks, Habit, carry_out, entry_of};
use raid_testdata::{SparseImage, scenario};

impl Blocks for SparseImage {
    fn count(&self) -> u64 {
        self.len / 512
    }

    fn get(&mut self, at: u64, blocks: u64) -> Vec<u8> {
        self.bytes(at * 512, usize::try_from(blocks).unwrap() * 512)
    }

    fn put(&mut self, at: u64, bytes: &[u8]) {
        self.write_at(at * 512, bytes);
    }
}

/// The metadata of a disk: blocks and their bytes.
fn common(disk: &mut SparseImage) -> Vec<(u64, Vec<u8>)> {
    let last = disk.count() - 1;
    let anchor = disk.get(last, 1);
    let lba = |at: usize| u64::from_be_bytes(anchor[at..at + 8].try_into().unwrap());
    let (primary, secondary) = (lba(96), lba(104));
    // Header, controller data, both tables, all configuration records, the disk's own data.
    let copies = [primary, secondary].map(|at| (at, disk.get(at, 618)));
    copies.into_iter().chain([(last, anchor)]).collect()
}

fn assert_alike(mut model: SparseImage, mut image: SparseImage) {
    for ((at, ours), (own, theirs)) in common(&mut model).into_iter().zip(common(&mut image)) {
        assert_eq!(at, own);
        let differs = ours.iter().zip(&theirs).position(|(our, their)| our != their);
        assert_eq!(differs, None, "byte of the blocks from {at} on");
    }
}

/// The disk that `other` was at the time of the image `before`: all but its own data is shared.
fn then(mut before: SparseImage, other: &mut SparseImage) -> [SparseImage; 1] {
    for field in [96, 104] {
        let anchor = before.get(before.count() - 1, 1);
        let at = u64::from_be_bytes(anchor[field..field + 8].try_into().unwrap());
        before.put(at + 617, &other.get(at + 617, 1));
    }
    [before]
}

const TIME: usize = 44;

/// The time of the last update of a disk.
fn time(disk: &mut SparseImage) -> u32 {
    let anchor = disk.get(disk.count() - 1, 1);
    u32::from_be_bytes(anchor[TIME..TIME + 4].try_into().unwrap())
}

#[test]
#[cfg_attr(miri, ignore = "unpacks images")]
fn the_model_of_mdadm_removes_a_failed_disk_as_mdadm_does() {
    let set = scenario("ddf-mdadm-4.2", "degraded");
    for other in [0, 2] {
        let mut after = set.image(other);
        let (gone, at) = (entry_of(&mut set.image(1)), time(&mut after));
        let mut before = then(set.image(1), &mut after);
        carry_out(&mut before, 0, Habit::Remove(gone), at);
        carry_out(&mut before, 0, Habit::Clean, at);
        let [before] = before;
        assert_alike(before, after);
    }
}

#[test]
#[cfg_attr(miri, ignore = "unpacks images")]
fn the_model_of_mdadm_starts_without_a_disk_as_mdadm_does() {
    let set = scenario("ddf-mdadm", "stale-metadata-raid1");
    let mut after = set.image(0);
    let gone = entry_of(&mut set.image(1));
    let mut before = then(set.image(1), &mut after);
    // The volume was configured again when it started: eight seconds before it was clean.
    let clean = time(&mut after);
    carry_out(&mut before, 0, Habit::StartWithout(gone), clean - 8);
    carry_out(&mut before, 0, Habit::Dirty, clean - 4);
    carry_out(&mut before, 0, Habit::Clean, clean);
    let [before] = before;
    assert_alike(before, after);
}

#[test]
#[cfg_attr(miri, ignore = "unpacks images")]
fn the_model_of_mdadm_finds_nothing_to_change_where_mdadm_has_failed_the_disk() {
    for (name, failed) in [
        ("degraded-raid5-failed", &[1][..]),
        ("degraded-raid5-stale", &[2]),
        ("degraded-raid6-two", &[0, 3]),
        ("mdadm44-degraded-raid6", &[1]),
    ] {
        let set = scenario("ddf-mdadm", name);
        for disk in failed {
            let (mut model, image) = ([set.image(0)], set.image(0));
            let entry = entry_of(&mut set.image(*disk));
            let at = time(&mut model[0]);
            carry_out(&mut model, 0, Habit::Fail(entry), at);
            let [mut model] = model;
            let mut image = image;
            for ((from, ours), (_, theirs)) in
                common(&mut model).into_iter().zip(common(&mut image))
            {
                // But for the sequence number and the CRC of the header, each of one block.
                let differ: Vec<usize> =
                    (0..ours.len()).filter(|at| ours[*at] != theirs[*at]).collect();
                let counted = |at: &usize| (4..8).contains(at) || (40..44).contains(at);
                assert!(differ.iter().all(counted), "{name}, from {from}: {differ:?}");
            }
        }
    }
}
