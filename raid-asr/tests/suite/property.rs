// SPDX-License-Identifier: MIT OR Apache-2.0
//! What holds for any bytes whatever. The fuzz targets call the same functions.

#![allow(missing_docs)]

use crate::generator::{Found, Image, Probe, assemble_probes};
use raid_asr::{RaidTable, Record, ReservedBlock, finding};
use raid_core::array::{ArrayState, Level, MemberState, Secondary};
use raid_core::layout::Layout;
use raid_core::metadata::{Lookup, Severity};
use std::collections::BTreeSet;

/// Cuts disks from hostile bytes, so that most of the bytes land where they matter.
///
/// A disk is `flags, own, patches`, then, unless it copies the table of the disk before it, a number
/// of lines and those lines, then `patches` times `offset, value` into its last 17 blocks. Magics
/// and checksum are put in unless a flag says not to; its identity is that of line `own`.
#[allow(dead_code)]
pub(crate) fn images_from(mut data: &[u8]) -> Vec<Image> {
    const COPY: u8 = 1;
    const NO_MAGICS: u8 = 2;
    const NO_SUM: u8 = 4;
    const NO_POINTER: u8 = 8;
    const VERSION_1: u8 = 16;
    let mut images: Vec<Image> = Vec::new();
    while let [flags, own, patches, rest @ ..] = data {
        if images.len() == 8 {
            break;
        }
        data = rest;
        let mut tail = match images.last() {
            Some(image) if flags & COPY != 0 => image.tail.clone(),
            _ => {
                let mut tail = vec![0u8; 17 * 512];
                let count = take(&mut data, 1).first().copied().unwrap_or(0) % 128;
                let lines = take(&mut data, usize::from(count) * 64);
                tail[64..64 + lines.len()].copy_from_slice(lines);
                tail[0x0B] = count;
                tail
            }
        };
        if flags & NO_MAGICS == 0 {
            tail[..4].copy_from_slice(&[0x90, 0x07, 0x65, 0xC4]);
            tail[0x07] = if flags & VERSION_1 == 0 { 2 } else { 1 };
            tail[0x09] = 127;
            tail[0x0D] = 64;
            tail[8192..8196].copy_from_slice(&[0x37, 0xFC, 0x4D, 0x1E]);
            tail[8192 + 0x3F] = 8;
            tail[8192 + 0x100..8192 + 0x104].copy_from_slice(b"DPTM");
        }
        if flags & NO_POINTER == 0 {
            tail[8192 + 0x104..8192 + 0x108].copy_from_slice(&65519u32.to_be_bytes());
        }
        let own_magic = 64 + usize::from(*own % 127) * 64 + 4;
        tail.copy_within(own_magic..own_magic + 4, 8192 + 0x40);
        for _ in 0..*patches % 32 {
            if let [high, low, value] = *take(&mut data, 3) {
                let at = usize::from(u16::from_be_bytes([high, low])) % tail.len();
                tail[at] = value;
            }
        }
        if flags & NO_SUM == 0 {
            RaidTable::view_mut(&mut tail).unwrap().seal();
        }
        images.push(Image { blocks: 65536, tail });
    }
    images
}

#[allow(dead_code)]
fn take<'a>(data: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (front, back) = data.split_at(len.min(data.len()));
    *data = back;
    front
}

/// Views of arbitrary bytes neither panic nor change them.
pub(crate) fn views_hold(bytes: &[u8]) {
    if let Ok(table) = RaidTable::check(bytes) {
        assert!((1..=127).contains(&table.lines().len()));
        assert!(table.nodes().count() <= 127);
        let disks: usize = table.arrays().map(|tree| tree.disks().count()).sum();
        assert!(disks <= 127);
        for line in table.lines() {
            assert_eq!(line.array_state().raw(), line.raidstate);
            assert_eq!(line.disk_state().raw(), line.raidstate);
            assert_eq!(line.level().raw(), line.raidlevel);
            assert_eq!(line.raid_type().raw(), line.raidtype);
            let _ = (table.own_line(line.raidmagic.get()), line.name.trimmed());
        }
        let _ = table.checksum();
    }
    if let Ok(identity) = ReservedBlock::check(bytes)
        && let Ok(at) = identity.table_at(1 << 20)
    {
        assert!(at >= 1 && at + 16 < 1 << 20);
    }
}

/// Discovery ends, and what it reports agrees with itself.
pub(crate) fn assembly_holds(images: &[Image], bad: &[u64]) -> Found {
    let probes: Vec<Probe> = images.iter().map(|image| Probe::of(image, bad)).collect();
    for probe in &probes {
        assert!(matches!(probe.last, Lookup::Absent | Lookup::Complete));
        assert!(probe.pieces.len() <= 3);
    }
    let found = assemble_probes(&probes);
    disks_agree(&found, images.len());
    members_agree(&found);
    arrays_agree(&found);
    found
}

fn disks_agree(found: &Found, disks: usize) {
    let indices: Vec<_> = found.disks.iter().map(|disk| disk.disk).collect();
    assert!(indices.is_sorted_by(|a, b| a < b) && indices.iter().all(|&disk| disk < disks));
    for finding in &found.findings {
        assert!(!finding.copy.is_empty() && !finding.to_string().is_empty());
        assert!(finding.disk.is_none_or(|disk| disk < disks));
        assert!(finding::ALL.iter().any(|kind| kind.code == finding.code));
    }
}

fn members_agree(found: &Found) {
    let mut places = BTreeSet::new();
    let mut in_use = BTreeSet::new();
    for member in &found.members {
        let array = found.arrays.iter().find(|array| array.id == member.array).unwrap();
        assert!(member.place.set < array.geometry.sets);
        assert!(places.insert((member.array, member.place)), "{member:?} stands twice");
        assert!(array.state == ArrayState::Failed || member.len >= array.geometry.member_blocks);
        let Some(disk) = member.disk else {
            assert!(matches!(member.state, MemberState::Missing | MemberState::Failed));
            continue;
        };
        let disk = found.disks.iter().find(|known| known.disk == disk).unwrap();
        if member.state == MemberState::InSync {
            assert!(member.len <= disk.usable, "{member:?} covers its own metadata");
            let usable = !is_refused(array.state);
            assert!(!usable || in_use.insert(disk.disk), "{member:?} shares its disk");
        }
    }
}

fn is_refused(state: ArrayState) -> bool {
    matches!(state, ArrayState::Failed | ArrayState::Forked)
}

fn arrays_agree(found: &Found) {
    let ids: BTreeSet<_> = found.arrays.iter().map(|array| array.id).collect();
    assert_eq!(ids.len(), found.arrays.len(), "an array stands twice");
    for array in found.arrays.iter().filter(|array| !is_refused(array.state)) {
        let geometry = array.geometry;
        let members: Vec<_> = found.members.iter().filter(|m| m.array == array.id).collect();
        assert_eq!(members.len(), usize::from(geometry.sets) * usize::from(geometry.slots));
        let in_sync = members.iter().filter(|m| m.state == MemberState::InSync).count();
        assert_eq!(array.state == ArrayState::Optimal, in_sync == members.len());
        let striped = geometry.level == Level::Raid0 || geometry.secondary == Secondary::Striped;
        assert_eq!(geometry.strip.0 != 0, striped);
        let layout = Layout::new(&geometry).expect("an array that can be used has a layout");
        assert!(array.size.0 > 0 && array.size <= layout.size(), "{array:?}");
        let of_array = |code: u16| (20..50).contains(&code);
        let refused = found.findings.iter().any(|finding| {
            finding.array == Some(array.id)
                && finding.severity == Severity::Refusal
                && of_array(finding.code)
        });
        assert!(!refused, "refused, yet {:?}", array.state);
    }
}

#[cfg(test)]
mod proptests {
    use super::*;
    use crate::generator::{Disk, Line, global_spare, magic, members, one_level, two_levels};
    use proptest::prelude::*;

    fn cases(native: u32) -> ProptestConfig {
        ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(if cfg!(miri) { 4 } else { native })
        }
    }

    /// Sets of disks that assemble.
    fn sound() -> impl Strategy<Value = Vec<Disk>> {
        let lines = prop_oneof![
            (0u8..2, 1u16..5).prop_map(|(raid_type, disks)| one_level(raid_type, disks)),
            (0u8..2, 0u8..2, 1u16..4).prop_map(|(top, below, sets)| two_levels(top, below, sets)),
        ];
        (lines, any::<bool>()).prop_map(|(lines, spare)| {
            let mut disks = members(&lines);
            disks.extend(spare.then(|| global_spare(0x9000_0001)));
            disks
        })
    }

    /// Places in the used part of a disk's last 17 blocks.
    fn patch() -> impl Strategy<Value = (usize, usize, u8)> {
        let at = prop_oneof![0usize..64 * 9, 8192usize..8192 + 0x10C, 0usize..8704];
        (0usize..8, at, prop_oneof![any::<u8>(), Just(0), Just(1), Just(0xFF)])
    }

    /// Bytes of which most are zero or small, as in a table.
    fn skewed() -> impl Strategy<Value = u8> {
        any::<u8>().prop_map(|byte| match byte {
            0..128 => 0,
            128..208 => byte % 5,
            _ => byte,
        })
    }

    proptest! {
        #![proptest_config(cases(1000))]

        #[test]
        fn arbitrary_lines_make_no_view_panic(
            header in prop::collection::vec(any::<u8>(), 64),
            lines in prop::collection::vec(skewed(), 0..640),
            count in 0u8..=127,
        ) {
            let mut bytes = header;
            bytes.extend(lines);
            bytes.resize(8192, bytes[0]);
            views_hold(&bytes);
            bytes[..16].fill(0);
            bytes[..4].copy_from_slice(&[0x90, 0x07, 0x65, 0xC4]);
            (bytes[0x09], bytes[0x0B], bytes[0x0D]) = (127, count, 64);
            prop_assert_eq!(RaidTable::check(&bytes).is_ok(), count > 0);
            views_hold(&bytes);
        }

        #[test]
        fn disks_cut_from_arbitrary_bytes_assemble(
            bytes in prop::collection::vec(skewed(), 0..800),
        ) {
            assembly_holds(&images_from(&bytes), &[]);
        }

        #[test]
        fn damaged_disks_assemble(
            disks in sound(),
            patches in prop::collection::vec(patch(), 0..12),
            bad in prop::collection::vec(prop_oneof![65518u64..65536, 0u64..65536], 0..2),
            sealed in any::<bool>(),
        ) {
            let mut images: Vec<Image> = disks.iter().map(Disk::image).collect();
            for (disk, at, value) in patches {
                let count = images.len();
                images[disk % count].tail[at] = value;
            }
            if sealed {
                for image in &mut images {
                    RaidTable::view_mut(&mut image.tail).unwrap().seal();
                }
            }
            images.iter().for_each(|image| views_hold(&image.tail));
            assembly_holds(&images, &bad);
        }

        #[test]
        fn the_order_of_the_disks_does_not_matter(
            disks in sound(),
            edits in prop::collection::vec((0usize..8, 0usize..8, 0u16..4, 0u8..0x30, 0u8..4), 0..6),
            turn in 0usize..8,
        ) {
            let mut disks = disks;
            let count = disks.len();
            for (disk, line, sequence, state, dirty) in edits {
                let disk = &mut disks[disk % count];
                disk.lines[0].sequence = sequence;
                disk.dirty = dirty;
                let lines = disk.lines.len();
                disk.lines[line % lines] = Line { state, ..disk.lines[line % lines] };
            }
            let straight = assembly_holds(&disks.iter().map(Disk::image).collect::<Vec<_>>(), &[]);
            disks.rotate_left(turn % count);
            let turned = assembly_holds(&disks.iter().map(Disk::image).collect::<Vec<_>>(), &[]);
            prop_assert_eq!(&straight.arrays, &turned.arrays);
            let states = |found: &Found| {
                found.members.iter().map(|m| (m.array, m.place, m.state)).collect::<Vec<_>>()
            };
            prop_assert_eq!(states(&straight), states(&turned));
        }
    }

    #[test]
    fn every_truncation_of_a_disk_is_an_error_or_a_view() {
        let tail = members(&one_level(0, 3))[0].image().tail;
        let step = if cfg!(miri) { 1009 } else { 7 };
        for len in (0..tail.len()).step_by(step) {
            views_hold(&tail[..len]);
            assert_eq!(RaidTable::check(&tail[..len]).is_ok(), len >= 8192);
        }
    }

    #[test]
    fn constant_bytes_are_absent_or_refused() {
        for fill in [0x00, 0xFF, 0x37, 0x90] {
            let image = Image { blocks: 65536, tail: vec![fill; 8704] };
            views_hold(&image.tail);
            assert_eq!(assembly_holds(&[image.clone(), image], &[]), Found::default());
        }
    }

    #[test]
    fn a_table_of_constant_lines_is_walked_to_its_end() {
        for fill in [0x00, 0x01, 0x03, 0xFF] {
            let mut image = Disk::new(magic(0), &[Line::disk(0, magic(0), 0); 127]).image();
            image.tail[64..8192].fill(fill);
            image.tail[8192 + 0x40..8192 + 0x44].fill(fill);
            assembly_holds(&[image], &[]);
        }
    }

    #[test]
    fn lines_that_name_each_other_do_not_lead_in_circles() {
        // An array whose identity is a disk's, disks whose identity is an array's.
        let mut lines = two_levels(0, 1, 3);
        lines[0].magic = magic(0);
        lines[1].magic = magic(1);
        lines[4].magic = lines[0].magic;
        lines[5].magic = lines[7].magic;
        assembly_holds(&members(&lines).iter().map(Disk::image).collect::<Vec<_>>(), &[]);
    }

    #[test]
    fn the_cutter_reaches_whole_arrays() {
        let mut data = vec![0, 1, 0, 3];
        one_level(1, 2).iter().for_each(|line| data.extend(line.bytes()));
        data.extend([1, 2, 0]);
        let found = assembly_holds(&images_from(&data), &[]);
        assert_eq!(found.arrays[0].state, ArrayState::Optimal);
        assert_eq!(found.findings, []);
    }
}
