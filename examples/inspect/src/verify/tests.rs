// SPDX-License-Identifier: MIT OR Apache-2.0
//! Members that cannot read some sectors.

use super::damage::{Run, What};
use super::{Checked, check};
use crate::disks::Inspection;
use crate::failing::Failing;
use crate::layout_file;
use crate::reader::ArrayReader;
use raid_array::discover::Source;
use raid_array::trust::Accept;
use raid_core::units::{Rows, Slot, SlotSet};
use std::fs;
use std::sync::atomic::AtomicU32;

const CHUNK: usize = 4096;
const CHUNKS: usize = 600;

/// RAID-5 of three disks, left-asymmetric, each with these sectors bad so many times; one byte of the last disk is wrong.
fn checked(test: &str, bad: [&[u64]; 3], times: u32, wrong: Option<usize>) -> Checked {
    let folder =
        std::env::temp_dir().join(format!("raid-inspect-verify-{test}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut disks = vec![vec![0u8; CHUNKS * CHUNK]; 3];
    let mut value = 7u32;
    (0..CHUNKS * CHUNK).for_each(|at| {
        let place = 2 - at / CHUNK % 3;
        let mut sum = 0;
        for disk in (0..3).filter(|disk| *disk != place) {
            value = value.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            disks[disk][at] = (value >> 24) as u8;
            sum ^= disks[disk][at];
        }
        disks[place][at] = sum;
    });
    if let Some(at) = wrong {
        disks[2][at] ^= 1;
    }
    let layout = r#"{"format": "raid-layout/1", "chunk_bytes": 4096,
        "rows": ["0 1 P", "2 P 3", "P 4 5"],
        "members": [{"disk": "d0"}, {"disk": "d1"}, {"disk": "d2"}]}"#;
    fs::write(folder.join("layout.json"), layout).unwrap();
    for (index, disk) in disks.iter().enumerate() {
        fs::write(folder.join(format!("d{index}")), disk).unwrap();
    }
    let mut inspection: Inspection = layout_file::open(&folder.join("layout.json"), &[]).unwrap();
    for ((index, bytes), bad) in disks.into_iter().enumerate().zip(bad) {
        let bad = bad.iter().copied().collect();
        let failing = Failing { bytes, bad, times: AtomicU32::new(times) };
        inspection.sources[index] = Source { name: format!("d{index}"), bytes: Box::new(failing) };
    }
    let array = &inspection.discovery.arrays[0];
    let mut reader = ArrayReader::new(&inspection, array, Accept::default()).unwrap();
    let checked = check(&mut reader, None, &mut Vec::new()).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    checked
}

fn runs(checked: &Checked) -> Vec<Run> {
    let mut runs = checked.damage.runs.clone();
    runs.sort_by_key(|run| (run.rows.start.0, matches!(run.what, What::Unreadable(_))));
    runs
}

fn run(start: u64, len: u64, what: What) -> Run {
    Run { set: 0, rows: Rows::new(start, len), what }
}

#[test]
fn sectors_that_cannot_be_read_are_named_and_all_others_compared() {
    let all = (CHUNKS * CHUNK / 512) as u64;
    // Two beside one another, one in the same row of two disks, one in the second batch; a wrong byte between.
    let bad: [&[u64]; 3] = [&[10, 11, 700], &[700, 4000], &[]];
    let found = checked("named", bad, u32::MAX, Some(300 * 512));
    let unreadable = |slot| What::Unreadable(Slot(slot));
    let mut expected = vec![
        run(10, 2, unreadable(0)),
        run(300, 1, What::Differs(SlotSet::EMPTY)),
        run(700, 1, unreadable(0)),
        run(700, 1, unreadable(1)),
        run(4000, 1, unreadable(1)),
    ];
    expected.sort_by_key(|run| (run.rows.start.0, matches!(run.what, What::Unreadable(_))));
    assert_eq!(runs(&found), expected);
    // Where one of three is not read there is nothing to compare with.
    assert_eq!((found.rows, found.bare), (all - 4, 4));
    assert_eq!((found.damage.differing(), found.damage.has_unreadable()), (1, true));
}

#[test]
fn a_fault_that_passes_is_no_damage() {
    let found = checked("passing", [&[10], &[20], &[30]], 1, None);
    assert_eq!(runs(&found), []);
    assert_eq!(found.rows, (CHUNKS * CHUNK / 512) as u64);
}

#[test]
fn very_many_bad_sectors_all_over_the_members_are_all_found() {
    let every = |from: u64| (from..4800).step_by(17).collect::<Vec<u64>>();
    let (a, b, c) = (every(0), every(5), every(11));
    let found = checked("many", [&a, &b, &c], u32::MAX, None);
    let count = |slot| {
        found.damage.runs.iter().filter(|run| run.what == What::Unreadable(Slot(slot))).count()
    };
    assert_eq!([count(0), count(1), count(2)], [a.len(), b.len(), c.len()]);
    assert_eq!(found.damage.differing(), 0);
}
