// SPDX-License-Identifier: MIT OR Apache-2.0
//! Disks that are given twice: under two names, and as copies.

use crate::program::{Folder, code, run, text};
use raid_array::member::FileMember;
use raid_testdata::scenario;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

fn json(paths: &[PathBuf]) -> Value {
    serde_json::from_slice(&run(&["show", "--json"], paths).stdout).unwrap()
}

/// Case F2.
#[test]
fn a_disk_under_a_second_name_is_one_disk() {
    let folder = Folder::new("names-of-one-disk");
    let scenario = scenario("ddf-mdadm", "raid1-2d");
    let mut paths = folder.disks(&scenario);
    let (soft, hard) = (folder.0.join("soft.img"), folder.0.join("hard.img"));
    std::os::unix::fs::symlink(&paths[0], &soft).unwrap();
    fs::hard_link(&paths[1], &hard).unwrap();
    paths.extend([soft, hard, paths[0].clone()]);
    let report = json(&paths);
    assert_eq!(report["exit_code"], 0, "{report:#}");
    assert_eq!(report["arrays"][0]["state"], "optimal");
    let remarks = report["remarks"].as_array().unwrap();
    let others: Vec<_> =
        remarks.iter().map(|r| (&r["kind"], r["disk"].clone(), &r["other"])).collect();
    let same = Value::from("same_disk");
    assert_eq!(
        others,
        [(&same, 2.into(), &0.into()), (&same, 3.into(), &1.into()), (&same, 4.into(), &0.into())]
    );
    let scan = run(&["scan"], &paths);
    assert!(text(&scan.stdout).contains("the same disk as"), "{}", text(&scan.stdout));
    let output = run(&["cat"], &paths);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert_eq!(scenario.volumes[0].pattern.first_difference(0, &output.stdout), None);
}

/// Case F2.
#[test]
fn an_identical_clone_is_a_warning_and_one_that_differs_is_named() {
    let folder = Folder::new("clones");
    let scenario = scenario("ddf-mdadm", "raid1-2d");
    let volume = &scenario.volumes[0];
    let mut paths = folder.disks(&scenario);
    let clone = folder.0.join("clone.img");
    // Of a mirror that is whole slot 0 is read.
    let read = volume.members.iter().find(|member| member.slot == 0).unwrap();
    fs::copy(&paths[read.disk], &clone).unwrap();
    paths.push(clone.clone());
    let report = json(&paths);
    assert_eq!(report["exit_code"], 0, "{report:#}");
    assert_eq!(report["remarks"][0]["kind"], "copy_of");
    let output = run(&["cat"], &paths);
    let said = text(&output.stderr);
    assert_eq!(code(&output), 0, "{said}");
    assert!(said.contains("clone.img") && said.contains("a copy of"), "{said}");
    assert_eq!(volume.pattern.first_difference(0, &output.stdout), None);

    // One sector that the comparison of the start does not look at.
    let start = read.start_bytes;
    let file = fs::OpenOptions::new().write(true).open(&clone).unwrap();
    let hidden = start + 4096 * 3 + 512;
    file.write_all_at(&[0x5a; 512], hidden).unwrap();
    assert_eq!(json(&paths)["remarks"][0]["kind"], "copy_of", "the place is not hidden");
    let output = run(&["cat"], &paths);
    let said = text(&output.stderr);
    assert_eq!(code(&output), 4, "{said}");
    assert!(said.contains("differ") && said.contains("--without"), "{said}");
    assert_eq!(volume.pattern.first_difference(0, &output.stdout), None);

    // A clone that went on: seen at once, everywhere, with the way out.
    file.write_all_at(&[0x5a; 512], 0).unwrap();
    for command in ["scan", "show", "cat"] {
        let output = run(&[command], &paths);
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(code(&output), 2, "{said}");
        assert!(said.contains("clone.img") && said.contains("--without"), "{said}");
    }
    assert_eq!(json(&paths)["remarks"][0]["kind"], "differs");
    let whole = clone.to_str().unwrap();
    for without in [whole, "clone.img", "d2"] {
        let output = run(&["cat", "--without", without], &paths);
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        assert_eq!(volume.pattern.first_difference(0, &output.stdout), None);
    }
    for unknown in ["d3", "other.img", "D2"] {
        let output = run(&["scan", "--without", unknown], &paths);
        assert_eq!(code(&output), 4);
        assert!(text(&output.stderr).contains(unknown));
    }
}

/// Case C5.
#[test]
fn a_disk_that_somebody_writes_is_read_with_a_warning_that_names_him() {
    let folder = Folder::new("in-use");
    let paths = folder.disks(&scenario("ddf-mdadm", "raid1-2d"));
    let writer = FileMember::open(&paths[1]).unwrap();
    let report = json(&paths);
    assert_eq!(report["exit_code"], 0);
    let remark = &report["remarks"][0];
    assert_eq!((&remark["kind"], &remark["disk"]), (&"in_use".into(), &1.into()));
    for command in ["scan", "show", "cat"] {
        let output = run(&[command], &paths);
        let said = text(&output.stderr);
        assert_eq!(code(&output), 0, "{said}");
        let process = format!("process {}", std::process::id());
        assert!(said.contains(&process) && said.contains("may be old or torn"), "{said}");
    }
    // Readers locked nobody out.
    drop(writer);
    FileMember::open(&paths[1]).unwrap();
    assert_eq!(json(&paths)["remarks"].as_array().unwrap().len(), 0);
}
