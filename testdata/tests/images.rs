// SPDX-License-Identifier: MIT OR Apache-2.0
//! The test data itself: complete, unpackable, and described truly where that can be seen without
//! a RAID library.

use raid_testdata::{Pattern, Volume, scenarios};
use std::path::Path;

#[test]
fn every_group_is_complete() {
    let count = |group| scenarios().iter().filter(|scenario| scenario.group == group).count();
    let groups = ["ddf-mdadm", "ddf-mdadm-4.2", "ddf-graid", "ddf-util-linux", "asr"];
    assert_eq!(groups.map(count), [28, 10, 9, 1, 1]);
    for scenario in scenarios() {
        let known = !matches!(scenario.group, "ddf-util-linux" | "asr");
        assert_eq!(!scenario.volumes.is_empty(), known, "{}", scenario.name);
        assert_eq!(scenario.facts.is_some(), scenario.group == "ddf-mdadm", "{}", scenario.name);
        for member in scenario.volumes.iter().flat_map(|volume| &volume.members) {
            assert!(member.disk < scenario.disks.len(), "{}", scenario.name);
        }
    }
}

#[test]
fn every_file_is_listed_with_its_hash() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = std::fs::read_to_string(root.join("PACKED-SHA256SUMS")).unwrap();
    for scenario in scenarios() {
        for disk in &scenario.disks {
            let path = disk.strip_prefix(root).unwrap().to_str().unwrap();
            assert!(listed.lines().any(|line| line.ends_with(path)), "{path}");
            let unpacked = disk.file_stem().unwrap().to_str().unwrap();
            let sums = std::fs::read_to_string(disk.with_file_name("SHA256SUMS")).unwrap();
            assert!(sums.lines().any(|line| line.ends_with(unpacked)), "{path}");
        }
    }
}

/// The chunks of `volume` that stand as they are on a member, without knowledge of rotation: all of
/// a mirror, and chunk n of slot n in the first row of stripes.
fn plain_places(volume: &Volume) -> Vec<(usize, u64, u64)> {
    match volume.level {
        "raid1" => (0..volume.slots).map(|slot| (slot, 0, volume.size_bytes)).collect(),
        "raid0" => (0..volume.slots).map(|slot| (slot, slot as u64, volume.chunk_bytes)).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn mirrors_and_first_chunks_of_stripes_hold_the_pattern() {
    let mut checked = 0;
    for scenario in scenarios() {
        for volume in &scenario.volumes {
            for (slot, chunk, len) in plain_places(volume) {
                let Some(member) = volume.members.iter().find(|member| member.slot == slot) else {
                    continue;
                };
                let bytes = scenario.image(member.disk).bytes(member.start_bytes, len as usize);
                let offset = chunk * volume.chunk_bytes;
                let name = (scenario.group, &scenario.name, &volume.name, slot);
                assert_eq!(volume.pattern.first_difference(offset, &bytes), None, "{name:?}");
                checked += 1;
            }
        }
    }
    assert!(checked > 30, "{checked}");
}

#[test]
fn patterns_tell_every_word_from_every_other() {
    let zeros = std::iter::once(16..24).collect();
    let xor = Pattern::OffsetXor { seed: 0x5eed << 48, zeros };
    assert_eq!(xor.word(8), Some(0x5eed_0000_0000_0008));
    assert_eq!((xor.word(16), xor.word(12)), (Some(0), None));
    let sectors = Pattern::Sectors { first: 1 };
    assert_eq!(sectors.word(512), Some(3u64.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    let mut bytes = xor.bytes(0, 64);
    assert_eq!(xor.first_difference(0, &bytes), None);
    bytes[41] ^= 1;
    assert_eq!(xor.first_difference(0, &bytes), Some(40));
}
