// SPDX-License-Identifier: MIT OR Apache-2.0
//! `diff`: metadata of two disks, field by field.

use crate::bench::{images, sources};
use crate::on_disk::headers;
use crate::program::{Folder, code, run, text};
use raid_array::discover::discover;
use raid_array::formats::FORMATS;
use raid_array::record_map::fields_of;
use raid_testdata::{SparseImage, scenario, scenarios, schema, schema_faults};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn diff(a: &Path, b: &Path) -> (i32, Value) {
    let output = run(&["diff", "--json"], &[a.to_path_buf(), b.to_path_buf()]);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
    assert_eq!(schema_faults(&schema("raid-diff-1"), &report, "report"), [""; 0]);
    assert_eq!(report["exit_code"], code(&output));
    (code(&output), report)
}

fn bytes(side: &Value) -> (u64, Vec<u8>) {
    let hex = side["hex"].as_str().unwrap().as_bytes().chunks(2);
    let byte = |two: &[u8]| u8::from_str_radix(text(two), 16).unwrap();
    (side["byte"].as_u64().unwrap(), hex.map(byte).collect())
}

#[test]
fn every_byte_that_was_read_is_in_one_field_of_one_name() {
    for scenario in scenarios() {
        let images = images(&scenario);
        // The others of a set are like the first.
        for disk in discover(&sources(&images[..1]), FORMATS).disks {
            for claim in &disk.claims {
                let context = format!("{}/{} {}", scenario.group, scenario.name, disk.name);
                let fields = fields_of(claim.format, &claim.pieces, disk.shape.block_size);
                let names: BTreeSet<_> = fields.iter().map(|field| field.name).collect();
                assert_eq!(names.len(), fields.len(), "{context}");
                let mut ranges: Vec<(u64, u64)> =
                    fields.iter().map(|f| (f.at, f.at + f.bytes.len() as u64)).collect();
                ranges.sort_unstable();
                assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{context}");
                let taken: u64 = ranges.iter().map(|range| range.1 - range.0).sum();
                let read = claim.pieces.iter().map(|piece| piece.bytes.len() as u64).sum::<u64>();
                assert_eq!(taken, read, "{context}");
                // What they hold is what stands there.
                let image = &images[disk.name[1..].parse::<usize>().unwrap()];
                for field in &fields {
                    let mut found = vec![0; field.bytes.len()];
                    image.read_at(field.at, &mut found);
                    assert!(found == field.bytes, "{context}: {:?}", field.name);
                }
                // Almost everything is named.
                let unnamed = fields.iter().filter(|field| field.name.record == "no record");
                let unnamed: usize = unnamed.map(|field| field.bytes.len()).sum();
                assert!(unnamed <= 17 * 512, "{context}: {unnamed} of {read} bytes");
            }
        }
    }
}

#[test]
fn one_changed_byte_is_named_with_its_place_also_where_nothing_is_known_of_it() {
    let folder = Folder::new("diff-one");
    let scenario = scenario("ddf-mdadm", "raid5-n-restart-3d-64k");
    let image = &images(&scenario)[0];
    let a = folder.0.join("a.img");
    image.write_to(&a).unwrap();
    let (code, same) = diff(&a, &a);
    assert_eq!((code, &same["differences"]), (0, &json!([])));
    assert!(same["equal_fields"].as_u64().unwrap() > 1000);
    // Anchor, primary, secondary.
    let headers = headers(image);
    let primary = headers[1];
    let section = |index: u64| {
        let mut address = [0; 4];
        image.read_at(primary + 192 + 8 * index, &mut address);
        primary + 512 * u64::from(u32::from_be_bytes(address))
    };
    let cases = [
        (primary + 43, "header", json!(null), json!(null), "sequence_number"),
        (primary + 300, "header", json!(null), json!(null), "reserved_256"),
        (section(1) + 64 + 64 + 31, "physical disk records", json!(null), json!(1), "pd_state"),
        (section(2) + 64 + 32, "virtual disk records", json!(null), json!(0), "vd_state"),
        (
            section(3) + 480,
            "virtual disk configuration",
            json!(0),
            json!(null),
            "vendor_specific_scratch_space",
        ),
        (section(3) + 515, "virtual disk configuration", json!(0), json!(null), "lists"),
        (
            section(4) + 40,
            "physical disk data",
            json!(null),
            json!(null),
            "vendor_specific_scratch_space",
        ),
    ];
    let b = folder.0.join("b.img");
    for (at, record, index, entry, field) in cases {
        let mut changed = SparseImage::clone(image);
        let old = changed.bytes(at, 1)[0];
        changed.write_at(at, &[old ^ 0x10]);
        changed.write_to(&b).unwrap();
        let (code, report) = diff(&a, &b);
        assert_eq!(code, 3);
        // A header that is not sound leads to no sections: those are on A only.
        let all = report["differences"].as_array().unwrap();
        let fields: Vec<&Value> = all.iter().filter(|one| !one["field"].is_null()).collect();
        let [one] = fields.as_slice() else { panic!("{report:#}") };
        assert!(all.len() == 1 || record == "header" && all.len() < 10, "{}", all.len());
        assert_eq!(
            (&one["copy"], &one["record"], &one["field"]),
            (&json!("primary"), &json!(record), &json!(field))
        );
        assert_eq!((&one["index"], &one["entry"]), (&index, &entry), "{one}");
        let ((from, found), (other, changed)) = (bytes(&one["a"]), bytes(&one["b"]));
        let place = (at - from) as usize;
        assert_eq!((from, found[place], changed[place]), (other, old, old ^ 0x10), "{one}");
        fs::remove_file(&b).unwrap();
    }
}

#[test]
fn disks_of_different_sizes_are_compared_by_field_with_both_places() {
    let folder = Folder::new("diff-sizes");
    let scenario = scenario("ddf-mdadm-4.2", "multi");
    let (images, paths) = (images(&scenario), folder.disks(&scenario));
    assert_ne!(images[0].len, images[1].len);
    let (code, report) = diff(&paths[0], &paths[1]);
    assert_eq!(code, 3);
    let differences = report["differences"].as_array().unwrap();
    assert!(!differences.is_empty() && differences.len() < 200, "{}", differences.len());
    for one in differences {
        for (side, image) in [("a", &images[0]), ("b", &images[1])] {
            if one[side].is_object() {
                let (at, told) = bytes(&one[side]);
                assert!(image.bytes(at, told.len()) == told, "{one}");
            }
        }
    }
    // Who the disk is differs; the list of all disks does not.
    let field = |name: &str| differences.iter().filter(|one| one["field"] == name).count();
    assert!(field("pd_reference") >= 2, "{report:#}");
    assert!(differences.iter().all(|one| one["record"] != "physical disk records"), "{report:#}");
    let people = run(&["diff"], &paths[..2]);
    assert!(
        text(&people.stdout).contains("  ddf primary    physical disk data"),
        "{}",
        text(&people.stdout)
    );
}

#[test]
fn lines_of_the_other_format_are_named_too_and_nothing_is_said_to_be_nothing() {
    let folder = Folder::new("diff-lines");
    let image = scenario("asr", "asr").image(0);
    let [a, b, empty] = ["a.img", "b.img", "empty.img"].map(|name| folder.0.join(name));
    image.write_to(&a).unwrap();
    let mut changed = image.clone();
    // The third line of the table: its second field.
    let at = image.len - 17 * 512 + 64 + 2 * 64 + 3;
    let old = changed.bytes(at, 1)[0];
    changed.write_at(at, &[old ^ 1]);
    changed.write_to(&b).unwrap();
    let (_, report) = diff(&a, &b);
    let [one] = report["differences"].as_array().unwrap().as_slice() else { panic!("{report:#}") };
    assert_eq!(
        (&one["record"], &one["entry"], &one["field"]),
        (&json!("RAID table"), &json!(2), &json!("raidseq"))
    );
    fs::File::create(&empty).unwrap().set_len(1 << 20).unwrap();
    let (code, report) = diff(&empty, &empty);
    assert_eq!((code, &report["differences"]), (16, &json!([])));
    let (code, report) = diff(&a, &empty);
    assert_eq!(code, 3);
    assert!(report["differences"].as_array().unwrap().iter().all(|one| one["b"].is_null()));
}
