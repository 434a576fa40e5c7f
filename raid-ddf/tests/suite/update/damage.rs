// SPDX-License-Identifier: MIT OR Apache-2.0
//! What reading accepts, writing accepts: damage of one block on one disk, before every update.

use crate::media::{Medium, Rig, SMALL, Stepped};
use crate::support::handmade::{self, RAID1};
use crate::support::{Disk, Told};
use crate::update::changes::{CHANGES, two_arrays};
use crate::update::state_of;
use raid_core::array::{ArrayId, MemberState};
use raid_core::metadata::{ChangeError, DiskShape, Lookup, Severity};
use raid_core::units::Blocks;
use raid_ddf::{BadBlockOptions, DdfHeader, Options};

/// Small tables: every block of them is damaged in turn.
fn options() -> Options {
    let mut options = Options::LINUX;
    (options.max_pd_entries, options.max_vd_entries) = (15, 15);
    (options.max_partitions, options.max_primary_element_entries) = (3, 16);
    options.bad_block_log = Some(BadBlockOptions { entries: 30, spare_blocks: 64 });
    options
}

/// What discovery says of the members on disk 0.
fn is_accepted(rig: &Rig) -> bool {
    let told = rig.told();
    let mut members = told.arrays.iter().flat_map(|(_, members)| members);
    members.any(|member| member.disk == Some(0) && member.state == MemberState::InSync)
}

/// Undamaged disks, and what discovery tells after each update of them.
struct Healthy {
    rig: Rig,
    array: ArrayId,
    after: Vec<Told>,
}

impl Healthy {
    fn new() -> Self {
        let (rig, array, _) = two_arrays(&options());
        let after = CHANGES.map(|(_, change)| {
            let mut rig = rig.clone();
            change(&mut rig, array).unwrap();
            rig.commit();
            rig.reread();
            rig.told()
        });
        Self { rig, array, after: after.into() }
    }

    /// Makes some of the updates on disks of which disk 0 is damaged. Where discovery still takes it
    /// for a member, nothing is refused, and afterwards the damage is mended; where it does not, the
    /// refusal names disk 0, and without it the update is made.
    fn try_updates(&self, damaged: &Rig, what: &str, tried: impl Fn(usize) -> bool) -> bool {
        let accepted = is_accepted(damaged);
        for (index, (name, change)) in CHANGES.into_iter().enumerate() {
            if !tried(index) && !is_thorough() {
                continue;
            }
            let mut rig = damaged.clone();
            if let Err(error) = change(&mut rig, self.array) {
                assert!(!accepted, "{what}, {name}: {error}");
                assert_eq!(error.refusing_disk(), Some(0), "{what}, {name}: {error}");
                assert_eq!(
                    rig.bytes(),
                    damaged.bytes(),
                    "{what}, {name}: a refusal changes nothing"
                );
                rig.live[0] = false;
                change(&mut rig, self.array).unwrap_or_else(|e| panic!("{what}, {name}: {e}"));
            }
            if !accepted || name == "counted headers" {
                continue;
            }
            rig.commit();
            rig.reread();
            let told = rig.told();
            assert_eq!(told.codes(Severity::Damage), [0; 0], "{what}, {name}: {:?}", told.findings);
            let mut same = self.after[index].clone();
            if ["the same state again", "checkpoint"].contains(&name) {
                // On disks that differ it counts as the update that was interrupted, not as another.
                same.disks.iter_mut().for_each(|disk| disk.sequence = told.disks[0].sequence);
            }
            assert_eq!((told.disks, told.arrays), (same.disks, same.arrays), "{what}, {name}");
        }
        accepted
    }
}

/// Whether every update is to be tried on every damage: minutes instead of seconds.
fn is_thorough() -> bool {
    std::env::var("RAID_DDF_DAMAGE").is_ok_and(|depth| depth == "thorough")
}

/// Case E1.
#[test]
#[cfg_attr(miri, ignore = "thousands of updates")]
fn one_damaged_block_of_what_reading_accepts_refuses_no_update() {
    let all = Healthy::new();
    let healthy = &all.rig;
    let runs: Vec<(u64, usize)> =
        healthy.disks[0].pieces.iter().map(|(at, bytes)| (at.0, bytes.len() / 512)).collect();
    let (mut tried, mut accepted) = (0, 0);
    for (start, blocks) in runs {
        for block in start..start + blocks as u64 {
            let bytes = healthy.media[0].read(block * 512, 512);
            let is_header = DdfHeader::byte_order(&bytes).is_some();
            // Of headers every field, and the padding; elsewhere signature, CRC, the first record.
            let bits: &[usize] = if is_header {
                &[0, 5, 9, 35, 41, 45, 48, 49, 97, 103, 105, 112, 120, 129, 133, 195, 199, 300]
            } else if bytes.iter().any(|byte| *byte != 0xFF) {
                &[1, 70]
            } else {
                &[70]
            };
            for bit in bits {
                let mut rig = healthy.clone();
                let mut damaged = bytes.clone();
                damaged[*bit] ^= 0x04;
                rig.media[0].write(block * 512, &damaged);
                rig.reread();
                tried += 1;
                let what = format!("block {block:#x}, byte {bit}");
                // Each damage before one update at least, each block before several.
                let some = |index: usize| index == tried % CHANGES.len();
                accepted += usize::from(all.try_updates(&rig, &what, some));
            }
        }
    }
    // Only the anchor's signature has no second copy.
    assert_eq!(tried - accepted, 1, "of {tried}");
}

/// Case E1. The same where the blocks cannot be read.
#[test]
#[cfg_attr(miri, ignore = "hundreds of updates")]
fn one_unreadable_run_of_what_reading_accepts_refuses_no_update() {
    let all = Healthy::new();
    let healthy = &all.rig;
    let runs: Vec<(u64, u64)> = (healthy.disks[0].pieces.iter())
        .map(|(at, bytes)| (at.0, at.0 + bytes.len() as u64 / 512))
        .collect();
    for (from, to) in runs {
        let mut rig = healthy.clone();
        rig.disks[0] = crate::support::read_disk(SMALL, |extent| {
            let unreadable = extent.start.0 < to && from < extent.start.0 + extent.len.0;
            let len = extent.len.0 as usize * 512;
            (!unreadable).then(|| healthy.media[0].read(extent.start.0 * 512, len))
        });
        rig.live[0] = rig.disks[0].answer == Lookup::Complete;
        let accepted = all.try_updates(&rig, &format!("blocks from {from:#x}"), |_| true);
        assert_eq!(accepted, from + 1 != SMALL.blocks.0, "all but the anchor's");
    }
}

/// Case E1. Whatever is wrong with the metadata of one disk, the refusal says which.
#[test]
fn a_disk_whose_copies_are_both_damaged_refuses_alone() {
    let (healthy, array, _) = two_arrays(&options());
    for disk in 0..5 {
        let mut rig = healthy.clone();
        for (at, bytes) in healthy.disks[disk].pieces.clone() {
            let anchor = at.0 + 1 == SMALL.blocks.0;
            if !anchor && DdfHeader::byte_order(&bytes).is_some() {
                rig.media[disk].write(at.0 * 512, &[0; 512]);
            }
        }
        rig.reread();
        assert!(rig.live[disk]);
        let state = state_of(false, &[], &[]);
        let before = rig.bytes();
        let refused = rig.set_state(array, 0, &state).unwrap_err();
        assert!(matches!(refused, ChangeError::Damaged { .. }), "{refused}");
        assert_eq!(refused.refusing_disk(), Some(disk), "{refused}");
        assert_eq!(rig.bytes(), before);
        rig.live[disk] = false;
        rig.set_state(array, 0, &state).unwrap();
        let steps = (0..5).map(|disk| rig.steps(disk).len()).collect::<Vec<_>>();
        assert_eq!(steps.iter().filter(|steps| **steps == 0).count(), 1, "{steps:?}");
    }
}

/// Case E1. A damaged anchor is made again as it was.
#[test]
fn a_damaged_anchor_is_mended_with_the_next_update() {
    let (healthy, array, _) = two_arrays(&options());
    let at = (SMALL.blocks.0 - 1) * 512;
    let anchor = healthy.media[0].read(at, 512);
    for byte in (4..512).step_by(7) {
        let mut rig = healthy.clone();
        let mut damaged = anchor.clone();
        damaged[byte] ^= 0x20;
        rig.media[0].write(at, &damaged);
        rig.reread();
        let damage = rig.told().codes(Severity::Damage);
        assert_eq!(damage[0], 101, "byte {byte}: {damage:?}");
        rig.set_state(array, 0, &state_of(false, &[], &[])).unwrap();
        let Some(Stepped::Write(last, _)) = rig.steps(0).into_iter().rev().nth(1) else { panic!() };
        assert_eq!(last, at, "the anchor comes last");
        rig.commit();
        let mended = rig.media[0].read(at, 512);
        // All but the time, which is that of the update.
        let stripped = |bytes: &[u8]| [&bytes[8..44], &bytes[48..]].concat();
        assert_eq!(stripped(&mended), stripped(&anchor), "byte {byte}");
    }
}

/// Case E1. Where the anchor is damaged, block 257 from the end is read for another one. Here it is a
/// part of the records, which are then in memory twice.
#[test]
fn a_block_that_was_read_twice_is_edited_and_written_once() {
    let made = RAID1.build();
    let blocks = handmade::PRIMARY + 2 + 257;
    let mut rig = Rig::of(Vec::new());
    for image in &made.disks {
        let (volumes, anchor) = image.split_at(image.len() - 512);
        let mut medium = Medium::default();
        medium.write(0, volumes);
        let mut anchor = anchor.to_vec();
        anchor[300] ^= 1;
        medium.write((blocks - 1) * 512, &anchor);
        let shape = DiskShape { blocks: Blocks(blocks), block_size: 512 };
        rig.disks.push(Disk { shape, pieces: Vec::new(), answer: Lookup::Complete });
        rig.media.push(medium);
    }
    rig.reread();
    let array = rig.told().arrays[0].0.id;
    assert!(rig.disks[0].pieces.iter().any(|(at, _)| at.0 == handmade::PRIMARY + 2));
    for clean in [true, false] {
        let state = state_of(clean, &[1], &[]);
        rig.set_state(array, 0, &state).unwrap();
        rig.commit();
        assert_eq!(rig.state(array, 0), Some(state));
        rig.reread();
        assert_eq!(rig.state(array, 0), Some(state));
        assert_eq!(rig.told().codes(Severity::Damage), [0; 0], "{:?}", rig.told().findings);
        // What one disk was given by the other.
        let mut alone = rig.clone();
        alone.media[0] = Medium::default();
        alone.reread();
        assert_eq!(alone.state(array, 0), Some(state));
    }
}
