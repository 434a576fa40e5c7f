// SPDX-License-Identifier: MIT OR Apache-2.0
//! `guess` against synthetic sets whose geometry is known.

#[path = "../generator/images.rs"]
pub(crate) mod images;
#[path = "../generator/maps.rs"]
mod maps;
#[path = "../generator/sets.rs"]
#[allow(dead_code, reason = "shared with the recover test, which needs more")]
pub(crate) mod sets;

mod file_systems;
mod table;

use crate::program::{Folder, code, run, text};
use raid_inspect::guess::redundancy::Redundancy;
use raid_inspect::guess::verdict::{DiskRole, Start};
use raid_testdata::{schema, schema_faults};
use serde_json::Value;
use sets::{Harm, Set, Shape};
use std::fs;

#[test]
fn redundancy_and_the_disk_that_does_not_fit_are_found_for_every_level() {
    let volume = images::mixed(1, 1536);
    for (shape, disks, expected) in [
        (Shape::raid0(16), 4, "none"),
        (Shape::raid1(), 2, "copies"),
        (Shape::raid10(16), 4, "copies"),
        (Shape::raid5(16), 4, "xor"),
        (Shape::raid4(16), 4, "xor"),
        (Shape::raid6(16), 5, "double_parity"),
    ] {
        for harm in [Harm::None, Harm::Foreign] {
            // Two disks of which one is foreign have nothing in common, as those of RAID-0.
            if harm == Harm::Foreign && !matches!(expected, "xor" | "double_parity") {
                continue;
            }
            let set = Set::new(&volume, shape, disks, 7, harm);
            let verdict = set.verdict();
            let found = verdict.redundancy.as_ref().expect("some redundancy");
            assert_eq!(found.name(), expected, "{shape:?} {harm:?}: {verdict:#?}");
            let foreign = verdict.disks.iter().position(|disk| disk.1 == DiskRole::Foreign);
            assert_eq!(foreign, set.odd(Harm::Foreign), "{shape:?} {harm:?}");
        }
    }
}

#[test]
fn a_stale_member_is_named_where_parity_allows_it() {
    let volume = images::mixed(2, 1536);
    for (shape, disks) in [(Shape::raid5(8), 4), (Shape::raid6(8), 5)] {
        let set = Set::new(&volume, shape, disks, 11, Harm::Stale);
        let verdict = set.verdict();
        let stale = verdict.disks.iter().position(|disk| disk.1 == DiskRole::Stale);
        assert_eq!(stale, set.odd(Harm::Stale), "{shape:?}: {verdict:#?}");
    }
}

#[test]
fn copies_beside_a_disk_that_follows_none_of_them_are_a_mirror_first() {
    // Without a partition table, which would say how large the volume is.
    let volume = images::mixed(12, 1600).split_off(64 * images::PAGE);
    let set = Set::new(&volume, Shape::raid1(), 2, 4, Harm::Foreign);
    let verdict = set.verdict();
    assert!(!verdict.sure, "{verdict:#?}");
    let first = verdict.guesses.first().expect("a guess");
    assert!(maps::is_right(&set, first), "{verdict:#?}");
    assert_eq!(first.geometry.level_name(), "raid1");
    assert!(verdict.disks.iter().all(|disk| disk.1 != DiskRole::Foreign), "not sure: {verdict:#?}");
    // What is left of a pair is put among the others.
    let pairs = Set::new(&images::mixed(13, 1600), Shape::raid10(8), 4, 4, Harm::Missing);
    let verdict = pairs.verdict();
    let first = verdict.guesses.first().expect("a guess");
    assert!(maps::is_right(&pairs, first), "{verdict:#?}");
}

#[test]
fn a_copy_that_was_out_for_long_is_stale_and_not_foreign() {
    // Three quarters were written since.
    let (old, new) = (images::mixed(15, 1024), images::mixed(16, 1024));
    let newer = [&old[..256 * images::PAGE], &new[256 * images::PAGE..]].concat();
    let mut set = Set::new(&newer, Shape::raid1(), 3, 8, Harm::None);
    let from = set.start as usize * images::PAGE;
    set.images[1][from..from + old.len()].copy_from_slice(&old);
    let verdict = set.verdict();
    assert!(verdict.sure && maps::is_right(&set, &verdict.guesses[0]), "{verdict:#?}");
    assert_eq!(verdict.disks[1].1, DiskRole::Stale, "{verdict:#?}");
}

#[test]
fn a_member_of_p_and_q_that_was_out_for_long_is_stale_and_not_foreign() {
    // Nine tenths were written since.
    let (old, new) = (images::mixed(18, 2560), images::mixed(19, 2560));
    let newer = [&old[..256 * images::PAGE], &new[256 * images::PAGE..]].concat();
    let mut set = Set::new(&newer, Shape::raid6(8), 6, 12, Harm::None);
    let before = Set::new(&old, Shape::raid6(8), 6, 12, Harm::None);
    assert_eq!(set.places, before.places);
    set.images[2] = before.images[2].clone();
    let verdict = set.verdict();
    assert!(verdict.sure && maps::is_right(&set, &verdict.guesses[0]), "{verdict:#?}");
    assert_eq!(verdict.disks[2].1, DiskRole::Stale, "{verdict:#?}");
}

#[test]
fn zeros_of_a_missing_member_of_p_and_q_do_not_pass_for_an_array_without_it() {
    let mut volume = images::mixed(20, 1536);
    let mut numbers = images::Numbers(20);
    for page in volume.chunks_mut(images::PAGE).skip(64).filter(|_| numbers.below(10) == 0) {
        page.fill(0);
    }
    let set = Set::new(&volume, Shape::raid6(8), 5, 13, Harm::Missing);
    let verdict = set.verdict();
    assert!(verdict.sure && maps::is_right(&set, &verdict.guesses[0]), "{verdict:#?}");
}

#[test]
fn an_array_without_rotation_may_begin_at_any_of_its_rows() {
    let volume = images::mixed(17, 1536);
    for (shape, start) in [(Shape::raid4(16), 16), (Shape::raid0(16), 48)] {
        let frame = sets::Frame { start, ..sets::Frame::default() };
        let other = sets::Other::Synthetic(1);
        let set = Set::framed(&volume, (shape, 4), 3, Harm::None, frame, other);
        let verdict = set.verdict();
        assert!(verdict.sure && maps::is_right(&set, &verdict.guesses[0]), "{verdict:#?}");
        assert_eq!(verdict.guesses[0].start, Start::Sure(start * images::PAGE as u64), "{shape:?}");
    }
}

#[test]
fn two_copies_of_which_one_was_out_for_long_are_a_mirror() {
    let (old, new) = (images::mixed(15, 1024), images::mixed(16, 1024));
    let newer = [&old[..256 * images::PAGE], &new[256 * images::PAGE..]].concat();
    let mut set = Set::new(&newer, Shape::raid1(), 2, 8, Harm::None);
    let from = set.start as usize * images::PAGE;
    set.images[1][from..from + old.len()].copy_from_slice(&old);
    let verdict = set.verdict();
    assert!(maps::is_right(&set, verdict.guesses.first().expect("a guess")), "{verdict:#?}");
}

#[test]
fn a_disk_that_is_not_broken_into_chunks_is_none_of_a_stripe() {
    let set = Set::new(&images::mixed(14, 2048), Shape::raid0(8), 4, 6, Harm::Foreign);
    let verdict = set.verdict();
    assert!(verdict.sure && maps::is_right(&set, &verdict.guesses[0]), "{verdict:#?}");
    let foreign = verdict.disks.iter().position(|disk| disk.1 == DiskRole::Foreign);
    assert_eq!(foreign, set.odd(Harm::Foreign));
    // Without one of the others it is not known what is missing.
    let set = Set::new(&images::mixed(14, 2048), Shape::raid0(8), 4, 6, Harm::Missing);
    assert!(!set.verdict().sure);
}

#[test]
fn zeros_and_noise_are_not_guessed_at() {
    let zeros = Set::new(&vec![0; 4 << 20], Shape::raid5(16), 4, 3, Harm::None).verdict();
    assert_eq!(zeros.redundancy, None);
    assert!(zeros.doubts[0].reason.contains("zeros"), "{zeros:#?}");
    let noise = Set::new(&images::noise(3, 1024), Shape::raid0(16), 4, 3, Harm::None).verdict();
    assert_eq!(noise.redundancy, Some(Redundancy::None));
    assert!(!noise.doubts.is_empty());
}

#[test]
fn json_is_what_its_schema_says() {
    let folder = Folder::new("guess-schema");
    let schema = schema("raid-guess-1");
    let volume = images::mixed(6, 1024);
    for (shape, disks, harm, expected) in [
        (Shape::raid5(8), 4, Harm::Missing, 1),
        (Shape::raid5(8), 4, Harm::None, 0),
        (Shape::raid6(8), 5, Harm::None, 0),
        (Shape::raid0(8), 4, Harm::Missing, 16),
    ] {
        let paths = Set::new(&volume, shape, disks, 2, harm).write_to(&folder.0);
        let output = run(&["guess", "--json"], &paths);
        let mut report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(code(&output), expected, "{report:#}");
        assert_eq!(schema_faults(&schema, &report, "report"), [""; 0]);
        // That a difference is seen.
        report["sure"] = 1.into();
        assert!(!schema_faults(&schema, &report, "report").is_empty());
    }
}

#[test]
fn the_program_reports_and_writes_to_no_disk() {
    let folder = Folder::new("guess");
    let set = Set::new(&images::mixed(4, 1024), Shape::raid5(16), 4, 5, Harm::None);
    let paths = set.write_to(&folder.0);
    let before: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    for path in &paths {
        let mut permissions = fs::metadata(path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(path, permissions).unwrap();
    }
    let output = run(&["guess", "--json"], &paths);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["format"], "raid-guess/1");
    assert_eq!(report["redundancy"], "xor");
    assert_eq!(report["exit_code"], code(&output));
    let people = run(&["guess"], &paths);
    assert!(text(&people.stdout).contains("XOR"), "{}", text(&people.stdout));
    let after: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(before == after);
    let twice = run(&["guess"], &[paths[0].clone(), paths[0].clone()]);
    assert_eq!(code(&twice), 4);
    assert!(text(&twice.stderr).contains("same disk"));
}
