// SPDX-License-Identifier: MIT OR Apache-2.0
//! Disks that lie: whatever stands on them, discovery ends, reads little, and nothing panics.

use crate::support::handmade::{Handmade, PRIMARY, Plan, RAID1, RAID5, SECONDARY};
use crate::support::{Disk, Told, assemble, read_disk};
use proptest::prelude::*;
use proptest::sample::Index;
use raid_core::array::MemberState;
use raid_core::metadata::{DiskShape, Lookup};
use raid_core::units::Blocks;
use raid_ddf::{ByteOrder, CrcVariant};
use std::sync::LazyLock;

/// What is done to the bytes of one disk.
#[derive(Clone, Debug)]
enum Mutation {
    /// These bits are flipped.
    Flip(Vec<(Index, u8)>),
    /// From here on for this many bytes, one value.
    Fill(Index, usize, u8),
    /// A run of bytes is copied elsewhere.
    Copy(Index, Index, usize),
    /// A field of a header or a record gets any value, and everything is sealed again.
    Field { in_record: bool, at: usize, value: u64, width: usize },
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        proptest::collection::vec((any::<Index>(), 0..8u8), 1..16).prop_map(Mutation::Flip),
        (any::<Index>(), 1..4096usize, prop_oneof![Just(0), Just(0xFF), any::<u8>()])
            .prop_map(|(at, len, value)| Mutation::Fill(at, len, value)),
        (any::<Index>(), any::<Index>(), 1..2048usize)
            .prop_map(|(from, to, len)| Mutation::Copy(from, to, len)),
        (
            any::<bool>(),
            8..700usize,
            prop_oneof![Just(0), Just(u64::MAX), 0..300u64, any::<u64>()],
            prop_oneof![Just(1), Just(2), Just(4), Just(8)],
        )
            .prop_map(|(in_record, at, value, width)| Mutation::Field {
                in_record,
                at,
                value,
                width
            }),
    ]
}

/// The bytes that hold metadata: mutations elsewhere would be in vain.
const METADATA: std::ops::Range<usize> = SECONDARY as usize * 512..300 * 512;

fn apply(made: &mut Handmade, disk: usize, mutation: &Mutation) {
    let area = &mut made.disks[disk][METADATA];
    match mutation {
        Mutation::Flip(bits) => {
            bits.iter().for_each(|(at, bit)| area[at.index(area.len())] ^= 1 << bit);
        }
        Mutation::Fill(at, len, value) => {
            let at = at.index(area.len());
            let end = (at + len).min(area.len());
            area[at..end].fill(*value);
        }
        Mutation::Copy(from, to, len) => {
            let (from, to) = (from.index(area.len()), to.index(area.len()));
            let len = (*len).min(area.len() - from.max(to));
            area.copy_within(from..from + len, to);
        }
        Mutation::Field { in_record, at, value, width } => {
            for copy in [PRIMARY, SECONDARY] {
                let (block, at) = if *in_record { (copy + 6, *at) } else { (copy, at % 250) };
                let bytes = made.run(disk, block, 2);
                bytes[at..at + width].copy_from_slice(&value.to_be_bytes()[8 - width..]);
            }
            made.seal(disk);
        }
    }
}

/// What holds whatever stands on the disks.
fn check(told: &Told, disks: usize) -> Result<(), TestCaseError> {
    for (array, members) in &told.arrays {
        prop_assert!(members.len() <= 255 * 256);
        for member in members {
            prop_assert!(member.disk.is_none_or(|disk| disk < disks));
            if member.state == MemberState::InSync {
                let end = member.start.checked_add(member.len);
                prop_assert!(end.is_some_and(|end| end.0 <= 300), "{member:?}");
                prop_assert!(member.disk.is_some());
            }
        }
        let mut readable: Vec<_> = members
            .iter()
            .filter(|member| member.state == MemberState::InSync)
            .filter_map(|member| member.disk)
            .collect();
        readable.sort_unstable();
        readable.dedup();
        let _ = (array.name.to_string(), readable);
    }
    for finding in &told.findings {
        prop_assert!(!finding.to_string().is_empty());
        prop_assert!(finding.disk.is_none_or(|disk| disk < disks));
    }
    Ok(())
}

fn plans() -> [Plan; 3] {
    let raid10 = Plan { disks: 4, sets: 2, level: (1, 0, 0), variant: CrcVariant::A, ..RAID5 };
    [RAID5, Plan { order: ByteOrder::Little, ..RAID1 }, raid10]
}

static MADE: LazyLock<[Handmade; 3]> = LazyLock::new(|| plans().map(Plan::build));

#[test]
fn an_extent_that_another_disk_s_record_gives_is_placed_where_the_own_record_would_stand() {
    let mut made = MADE[1].clone();
    let far = Mutation::Field { in_record: true, at: 570, value: u64::MAX, width: 8 };
    apply(&mut made, 1, &far);
    // No copy of disk 0 holds its record: the secondary header is damaged, and the record of the primary.
    made.disks[0][METADATA.start] ^= 1;
    made.disks[0][(PRIMARY as usize + 6) * 512] ^= 1;
    let told = made.assemble();
    check(&told, made.disks.len()).unwrap();
    assert!(told.has(420), "{:?}", told.findings);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 8 } else { 400 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn mutated_disks_are_assembled_without_harm(
        plan in 0..3usize,
        mutations in proptest::collection::vec((any::<Index>(), mutation()), 1..5),
        doubled in any::<bool>(),
    ) {
        let mut made = MADE[plan].clone();
        for (disk, mutation) in &mutations {
            let disk = disk.index(made.disks.len());
            apply(&mut made, disk, mutation);
        }
        if doubled {
            let again = made.disks[0].clone();
            made.disks.push(again);
        }
        let told = made.assemble();
        check(&told, made.disks.len())?;
    }

    #[test]
    fn pieces_of_any_size_at_any_place_do_no_harm(
        pieces in proptest::collection::vec((0..320u64, 0..40usize, any::<bool>()), 0..8),
        blocks in 0..400u64,
        block_size in prop_oneof![Just(512u32), Just(4096), Just(0), Just(1), Just(u32::MAX)],
    ) {
        let made = &MADE[0];
        let pieces = pieces.into_iter().map(|(at, len, real)| {
            let from = (at as usize * 512).min(made.disks[0].len());
            let to = (from + len * 512 + len).min(made.disks[0].len());
            let bytes = if real { made.disks[0][from..to].to_vec() } else { vec![0xDE; len] };
            (raid_core::units::Lba(at), bytes)
        });
        let shape = DiskShape { blocks: Blocks(blocks), block_size };
        let disk = Disk { shape, pieces: pieces.collect(), answer: Lookup::Absent };
        check(&assemble(&[disk]), 1)?;
    }
}

#[test]
fn disks_full_of_one_byte_are_absent() {
    for byte in [0x00, 0xFF, 0xDE, 0x11] {
        for blocks in [1, 2, 258, 1 << 20, u64::MAX] {
            let shape = DiskShape { blocks: Blocks(blocks), block_size: 512 };
            let disk = read_disk(shape, |extent| Some(vec![byte; extent.len.0 as usize * 512]));
            assert_eq!(disk.answer, Lookup::Absent);
            assert!(assemble(&[disk]).disks.is_empty());
        }
    }
}

#[test]
fn a_disk_all_of_whose_blocks_are_anchors_ends() {
    let made = RAID1.build();
    let anchor = made.disks[0][299 * 512..].to_vec();
    let disk = read_disk(made.shape(), |extent| Some(anchor.repeat(extent.len.0 as usize)));
    assert!(assemble(&[disk]).has(201));
}

#[test]
fn members_in_each_others_place_are_told_apart_by_reference() {
    let made = RAID5.build();
    let told = assemble(&made.read(&[2, 0, 1]));
    let disks: Vec<_> = told.arrays[0].1.iter().map(|member| member.disk).collect();
    assert_eq!(disks, [Some(1), Some(2), Some(0)]);
}

#[test]
fn as_many_volumes_and_sets_as_fit_are_assembled_in_no_time() {
    // 255 sets of 16 in a volume of which one record is at hand, and every entry a volume.
    let mut made = RAID1.build();
    for disk in 0..2 {
        made.on_disk(disk, |made, kind| {
            let records = made.volume_records(disk, kind);
            for index in 1..15 {
                records.entries[index] = records.entries[0];
                records.entries[index].vd_guid.0[23] = index as u8;
            }
            let record = made.record(disk, kind);
            record.secondary_element_count = 255;
            record.secondary_raid_level = 0;
            record.primary_element_count = raid_ddf::U16::new(ByteOrder::Big, 16);
        });
    }
    let told = made.assemble();
    assert_eq!(told.arrays.len(), 15);
    assert_eq!(told.arrays[0].1.len(), 255 * 16);
}
