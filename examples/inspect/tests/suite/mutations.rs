// SPDX-License-Identifier: MIT OR Apache-2.0
//! Disks with random damage in their metadata: any outcome but a panic or a hang.

use crate::bench::{accept, images, sources};
use crate::on_disk::{edit, headers, number, section};
use proptest::prelude::*;
use raid_inspect::{ArrayReader, Inspection, json_report, text_report};
use raid_testdata::{SparseImage, scenario};
use std::sync::Arc;

const SCENARIOS: [(&str, &str); 8] = [
    ("ddf-mdadm", "multi-6vd"),
    ("ddf-mdadm", "raid10-4d-64k"),
    ("ddf-mdadm", "raid6-n-continue-6d-16k"),
    ("ddf-graid", "le-raid5-spare"),
    ("ddf-graid", "be-4k-raid1"),
    ("ddf-graid", "be-concat"),
    ("ddf-util-linux", "ddf-util-linux"),
    ("asr", "asr"),
];

/// One change: which disk, which place of those that are not zero and are metadata, what.
#[derive(Clone, Debug)]
struct Change {
    disk: usize,
    block: prop::sample::Index,
    offset: usize,
    bytes: Vec<u8>,
}

fn change() -> impl Strategy<Value = Change> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..9),
        Just(vec![0xff; 8]),
        Just(vec![0; 8]),
        (0u64..1 << 20).prop_map(|n| n.to_be_bytes().to_vec()),
    ];
    let offset = prop_oneof![0usize..512, 0usize..4088];
    (0usize..6, any::<prop::sample::Index>(), offset, bytes)
        .prop_map(|(disk, block, offset, bytes)| Change { disk, block, offset, bytes })
}

/// A damaged copy; only blocks in the last 33 MiB, where metadata is, are touched.
fn damaged(image: &SparseImage, changes: &[&Change]) -> SparseImage {
    let mut image = image.clone();
    for change in changes {
        let from = image.len.saturating_sub(33 << 20) / 4096;
        let blocks: Vec<u64> = image.blocks.range(from..).map(|(number, _)| *number).collect();
        if blocks.is_empty() {
            continue;
        }
        // Half of the changes go to the last blocks, where the headers are.
        let block = *change.block.get(&blocks);
        let block = if change.bytes.len() % 2 == 0 { block } else { blocks[blocks.len() - 1] };
        let at = (block * 4096 + change.offset as u64).min(image.len - change.bytes.len() as u64);
        image.write_at(at, &change.bytes);
    }
    image
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_damage_makes_the_inspector_panic(
        which in 0..SCENARIOS.len(),
        changes in prop::collection::vec(change(), 1..12),
    ) {
        let (group, name) = SCENARIOS[which];
        let images = images(&scenario(group, name));
        let disks: Vec<_> = images.iter().enumerate().map(|(disk, image)| {
            let own: Vec<_> =
                changes.iter().filter(|change| change.disk % images.len() == disk).collect();
            if own.is_empty() { Arc::clone(image) } else { Arc::new(damaged(image, &own)) }
        }).collect();
        use_all(&disks);
    }

    #[test]
    fn no_lie_with_a_right_crc_makes_the_inspector_panic(
        which in 0..3usize,
        lies in prop::collection::vec(lie(), 1..6),
    ) {
        let (group, name) = SCENARIOS[which];
        let mut disks = images(&scenario(group, name));
        for lie in &lies {
            // The same lie on every disk that is meant, so that all agree.
            let many = disks.len();
            for disk in disks.iter_mut().take(if lie.everywhere { many } else { 1 }) {
                let mut image = (**disk).clone();
                tell(&mut image, lie);
                *disk = Arc::new(image);
            }
        }
        use_all(&disks);
    }
}

/// Bytes that are changed in a structure whose CRC is then put right.
#[derive(Clone, Debug)]
struct Lie {
    everywhere: bool,
    /// The field of the header that leads to the structure; `None` for the headers themselves.
    section: Option<u64>,
    /// Which configuration record.
    record: u64,
    offset: prop::sample::Index,
    bytes: Vec<u8>,
}

fn lie() -> impl Strategy<Value = Lie> {
    let section = prop_oneof![
        Just(None),
        prop::sample::select(vec![
            Some(200),
            Some(208),
            Some(216),
            Some(216),
            Some(216),
            Some(224),
        ])
    ];
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..5),
        prop::collection::vec(prop::sample::select(vec![0u8, 1, 2, 0x7f, 0x80, 0xff]), 1..9),
    ];
    (any::<bool>(), section, 0u64..4, any::<prop::sample::Index>(), bytes).prop_map(
        |(everywhere, section, record, offset, bytes)| Lie {
            everywhere,
            section,
            record,
            offset,
            bytes,
        },
    )
}

fn tell(image: &mut SparseImage, lie: &Lie) {
    let [anchor, primary, secondary] = headers(image);
    // An earlier lie may have moved them.
    let whole = |at: &u64, image: &SparseImage| *at < image.len - 4096 && at.is_multiple_of(512);
    for header in [primary, secondary] {
        if !whole(&header, image) {
            continue;
        }
        let (start, len) = match lie.section {
            None => (header, 512),
            Some(216) => {
                let record = number(image, header + 134, 2) * 512;
                let (start, _) = section(image, header, 216);
                (start.saturating_add(record * lie.record), record as usize)
            }
            Some(field) => section(image, header, field),
        };
        let inside = start.checked_add(len as u64).is_some_and(|end| end <= image.len);
        if len >= 512 && inside && len < 1 << 20 {
            // Fields stand in the first kilobytes.
            let at = 8 + lie.offset.index(len.min(4096) - 16);
            edit(image, start, len, |bytes| {
                bytes[at..at + lie.bytes.len()].copy_from_slice(&lie.bytes);
            });
        }
    }
    if lie.section.is_none() {
        let at = 8 + lie.offset.index(512 - 16);
        edit(image, anchor, 512, |bytes| {
            bytes[at..at + lie.bytes.len()].copy_from_slice(&lie.bytes);
        });
    }
}

/// Reports, and the first and last bytes of every array.
fn use_all(disks: &[Arc<SparseImage>]) {
    let inspection = Inspection::of(sources(disks));
    let mut out = Vec::new();
    text_report(&inspection, &mut out).unwrap();
    json_report(&inspection, &mut out).unwrap();
    for array in &inspection.discovery.arrays {
        for force in [false, true] {
            if let Ok(mut reader) = ArrayReader::new(&inspection, array, accept(force)) {
                let size = reader.size();
                let mut bytes = vec![0; size.min(1 << 15) as usize];
                // What is read is not judged here: that nothing panics is.
                let _ = reader.read_at(0, &mut bytes);
                let _ = reader.read_at(size - bytes.len() as u64, &mut bytes);
            }
        }
    }
}
