// SPDX-License-Identifier: MIT OR Apache-2.0
//! `verify`: what does not agree, and which disk is wrong where that can be told.

use crate::guess::images::{self, PAGE};
use crate::guess::sets::{Harm, Set, Shape};
use crate::program::{Folder, code, run, text};
use raid_core::array::QNumbering;
use raid_testdata::{schema, schema_faults};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// A set as files with a layout file; the paths in the order of places.
fn made(folder: &Folder, name: &str, shape: Shape, disks: u16) -> (PathBuf, Vec<PathBuf>) {
    let set = Set::new(&images::mixed(31, 768), shape, disks, 5, Harm::None);
    let paths = set.write_to(&folder.0);
    let path_of = |place| &paths[set.places.iter().position(|p| *p == Some(place)).unwrap()];
    let geometry = &set.geometry;
    let ordered: Vec<PathBuf> = (0..paths.len()).map(|place| path_of(place).clone()).collect();
    let start = set.start as usize * PAGE;
    let members: Vec<Value> =
        ordered.iter().map(|path| json!({"disk": path, "start_bytes": start})).collect();
    let mut file = json!({
        "format": "raid-layout/1",
        "name": name,
        "level": geometry.level_name(),
        "layout": geometry.placement.name(),
        "chunk_bytes": shape.chunk as usize * PAGE,
        "sets": geometry.sets,
        "members": members,
    });
    if geometry.parity_strips() > 1 {
        let by_data = geometry.q_numbering == QNumbering::ByData;
        file["q_numbering"] = json!(if by_data { "by_data" } else { "by_slot" });
    }
    let layout = folder.0.join(format!("{name}.json"));
    fs::write(&layout, file.to_string()).unwrap();
    (layout, ordered)
}

fn verify(layout: &Path) -> (i32, Value) {
    let output = run(&["verify", "--json", "--layout"], &[layout.to_path_buf()]);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
    assert_eq!(schema_faults(&schema("raid-verify-1"), &report, "report"), [""; 0]);
    assert_eq!(report["exit_code"], code(&output));
    (code(&output), report)
}

/// Changes a byte of a member, `at` bytes into the array's part of it.
fn spoil(layout: &Path, disk: &Path, at: usize) {
    let file: Value = serde_json::from_slice(&fs::read(layout).unwrap()).unwrap();
    let start = file["members"][0]["start_bytes"].as_u64().unwrap() as usize;
    let mut bytes = fs::read(disk).unwrap();
    bytes[start + at] ^= 0x40;
    fs::write(disk, bytes).unwrap();
}

#[test]
fn the_wrong_disk_is_named_where_p_and_q_or_a_third_copy_tell() {
    let folder = Folder::new("verify-which");
    for (name, shape, disks, told) in [
        ("p-and-q", Shape::raid6(4), 5, true),
        ("three-copies", Shape::raid1(), 3, true),
        ("one-parity", Shape::raid5(4), 4, false),
        ("two-copies", Shape::raid1(), 2, false),
        ("pairs", Shape::raid10(4), 4, false),
    ] {
        let (layout, paths) = made(&folder, name, shape, disks);
        let (code, report) = verify(&layout);
        assert_eq!((code, &report["damage"]), (0, &json!([])), "{name}");
        assert_eq!(report["rows_without_redundancy"], 0);
        let (row, disk) = (5000 / 512, &paths[1]);
        spoil(&layout, disk, 5000);
        let (code, report) = verify(&layout);
        assert_eq!(
            (code, report["rows_that_disagree"].as_u64()),
            (3, Some(1)),
            "{name}: {report:#}"
        );
        let run = &report["damage"][0];
        assert_eq!(
            (&run["kind"], &run["first_row"], &run["rows"]),
            (&json!("differs"), &json!(row), &json!(1))
        );
        let expected = if told { json!([disk]) } else { json!([]) };
        assert_eq!(run["disks"], expected, "{name}");
        if told {
            let start = report["wrong_disks"][0]["wrong_from_bytes"].as_u64().unwrap() as usize;
            assert!(start.is_multiple_of(512) && start >= 5000 / 512 * 512, "{start}");
        }
        let people = run_text(&layout);
        assert!(people.contains("verdict: 512 bytes of each member do not agree"), "{people}");
        paths.iter().for_each(|path| fs::remove_file(path).unwrap());
    }
}

fn run_text(layout: &Path) -> String {
    text(&run(&["verify", "--layout"], &[layout.to_path_buf()]).stdout).to_owned()
}

#[test]
fn without_redundancy_nothing_is_called_sound() {
    let folder = Folder::new("verify-none");
    let (layout, paths) = made(&folder, "stripe", Shape::raid0(4), 3);
    let (code, report) = verify(&layout);
    assert_eq!((code, report["rows"].as_u64()), (16, Some(0)), "{report:#}");
    assert!(run_text(&layout).contains("nothing can be compared"));
    paths.iter().for_each(|path| fs::remove_file(path).unwrap());
    // A RAID-5 without a member.
    let (layout, paths) = made(&folder, "short", Shape::raid5(4), 4);
    fs::remove_file(&paths[2]).unwrap();
    let (code, report) = verify(&layout);
    assert_eq!((code, report["rows"].as_u64()), (16, Some(0)), "{report:#}");
}

#[test]
fn a_sample_is_spread_over_the_members_and_says_what_it_left_out() {
    let folder = Folder::new("verify-sample");
    let (layout, paths) = made(&folder, "sampled", Shape::raid1(), 2);
    let output =
        run(&["verify", "--json", "--sample=4", "--layout"], std::slice::from_ref(&layout));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        report["rows"].as_u64().unwrap() > 0 && report["rows_not_sampled"].as_u64().unwrap() > 0,
        "{report:#}"
    );
    assert_eq!(report["rows_without_redundancy"], 0);
    // The first and the last place are in every sample.
    let end = fs::metadata(&paths[0]).unwrap().len() as usize;
    let start = report["wrong_disks"].as_array().unwrap().len();
    assert_eq!(start, 0);
    let mut bytes = fs::read(&paths[0]).unwrap();
    bytes[end - 1] ^= 1;
    fs::write(&paths[0], bytes).unwrap();
    let output = run(&["verify", "--sample=4", "--layout"], &[layout]);
    assert_eq!(code(&output), 3, "{}", text(&output.stdout));
}

#[test]
fn the_drawing_shows_a_wrong_block_on_the_line_of_its_disk() {
    let folder = Folder::new("verify-svg");
    let (layout, paths) = made(&folder, "drawn & <so>", Shape::raid6(4), 5);
    spoil(&layout, &paths[1], 5000);
    let svg = folder.0.join("map.svg");
    let drawn = || {
        let to = format!("--svg={}", svg.display());
        run(&["verify", &to, "--layout"], std::slice::from_ref(&layout))
    };
    assert_eq!(code(&drawn()), 3);
    let map = fs::read_to_string(&svg).unwrap();
    // Tags are closed in order, and nothing of a name is taken for one.
    let mut open = Vec::new();
    for tag in map.split('<').skip(1) {
        let (tag, after) = tag.split_once('>').unwrap();
        assert!(!after.contains('>'), "{after}");
        match (tag.strip_prefix('/'), tag.ends_with('/')) {
            (Some(name), _) => assert_eq!(open.pop(), Some(name)),
            (None, false) => open.push(tag.split(' ').next().unwrap()),
            (None, true) => {}
        }
    }
    assert!(open.is_empty() && map.contains("array drawn &amp; &lt;so&gt;:"), "{map}");
    let lines: Vec<&str> = map.split("<g>").skip(1).collect();
    assert_eq!(lines.len(), 5);
    for (slot, line) in lines.iter().enumerate() {
        let name = paths[slot].file_name().unwrap().to_str().unwrap();
        assert!(line.lines().next().unwrap().ends_with(&format!("{name}</title>")), "{line}");
        let wrong = line.matches("<rect class=\"wrong\"").count();
        assert_eq!(wrong, usize::from(slot == 1), "{line}");
        assert_eq!(line.matches("<rect class=\"agrees\"").count(), 1, "{line}");
    }
    // What is there is not written again.
    let again = drawn();
    assert_eq!(code(&again), 4, "{}", text(&again.stdout));
    assert_eq!(fs::read_to_string(&svg).unwrap(), map);
}
