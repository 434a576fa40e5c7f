// SPDX-License-Identifier: MIT OR Apache-2.0
//! `layout`: blocks there and back on the disks of other implementations, and device-mapper's tables read as Linux
//! reads them.

use crate::bench::images;
use crate::device_mapper::Mapper;
use crate::program::{Folder, code, run, text};
use raid_testdata::{Volume, scenario, scenarios, schema, schema_faults};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

fn layout(arguments: &[&str], paths: &[PathBuf]) -> (i32, Value) {
    let output = run(&[&["layout", "--json"], arguments].concat(), paths);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
    assert_eq!(schema_faults(&schema("raid-map-1"), &report, "report"), [""; 0]);
    assert_eq!(report["exit_code"], code(&output));
    (code(&output), report)
}

/// Blocks at both ends, and some spread over the volume.
fn samples(volume: &Volume, block: u64) -> Vec<u64> {
    let size = volume.size_bytes / block;
    let spread = (0..12u64).map(|k| (k * 104_729 + 31 * k * k) % size);
    [0, 1, size - 1].into_iter().chain(spread).collect()
}

#[test]
fn a_block_of_a_volume_is_where_its_writer_put_it_and_is_found_again() {
    let folder = Folder::new("layout-there-and-back");
    for scenario in scenarios() {
        let images = images(&scenario);
        let paths = if scenario.volumes.is_empty() { continue } else { folder.disks(&scenario) };
        let block = u64::from(scenario.block_size);
        for volume in &scenario.volumes {
            let context = format!("{}/{} {}", scenario.group, scenario.name, volume.name);
            let blocks = samples(volume, block);
            let words: Vec<String> = blocks.iter().map(|b| format!("--logical={b}")).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let (code, report) = layout(&[&["--array", &volume.name], &words[..]].concat(), &paths);
            assert_eq!(code, 0, "{context}");
            let (mut back, mut expected) = (Vec::new(), Vec::new());
            for (answer, block_of) in report["logical"].as_array().unwrap().iter().zip(&blocks) {
                assert_eq!(answer["block"], *block_of);
                let cells = answer["cells"].as_array().unwrap();
                assert_eq!(cells.iter().filter(|c| c["role"] == "data").count(), 1, "{context}");
                for cell in cells.iter().filter(|cell| cell["state"] == "in_sync") {
                    let disk = paths.iter().position(|p| cell["disk"] == p.to_str().unwrap());
                    let disk = disk.unwrap();
                    let byte = cell["disk_byte"].as_u64().unwrap();
                    let mut found = vec![0; block as usize];
                    images[disk].read_at(byte, &mut found);
                    if cell["role"] == "data" || cell["role"] == "copy" {
                        let wanted = volume.pattern.bytes(block_of * block, block as usize);
                        assert!(found == wanted, "{context}: block {block_of}: {cell}");
                        assert_eq!(cell["array_blocks"], json!([block_of]), "{context}");
                    }
                    if cell["role"] == "P" {
                        let of = cell["array_blocks"].as_array().unwrap();
                        let mut sum = vec![0u8; block as usize];
                        for of in of.iter().map(|of| of.as_u64().unwrap()) {
                            let data = volume.pattern.bytes(of * block, block as usize);
                            sum.iter_mut().zip(data).for_each(|(sum, byte)| *sum ^= byte);
                        }
                        let live = scenario.name.contains("live") || scenario.name == "initing";
                        assert!(live || sum == found, "{context}: parity of {of:?}: {cell}");
                        assert!(of.contains(&json!(block_of)), "{context}");
                    }
                    back.push(format!("--physical=d{disk}:{}", cell["disk_block"]));
                    expected.push((cell["role"].clone(), cell["array_blocks"].clone()));
                }
            }
            let back: Vec<&str> = back.iter().map(String::as_str).collect();
            let (_, report) = layout(&[&["--array", &volume.name], &back[..]].concat(), &paths);
            let answers = report["physical"].as_array().unwrap();
            assert_eq!(answers.len(), expected.len());
            for (answer, (role, blocks)) in answers.iter().zip(&expected) {
                let cells = answer["cells"].as_array().unwrap();
                assert_eq!(
                    (&cells[0]["role"], &cells[0]["array_blocks"]),
                    (role, blocks),
                    "{context}"
                );
            }
        }
        paths.iter().for_each(|path| fs::remove_file(path).unwrap());
    }
}

#[test]
fn the_tables_of_device_mapper_read_the_volume_that_was_written() {
    let folder = Folder::new("layout-dmsetup");
    let (mut read, mut refused) = (0, Vec::new());
    for scenario in scenarios() {
        let images = images(&scenario);
        let paths = if scenario.volumes.is_empty() { continue } else { folder.disks(&scenario) };
        for volume in &scenario.volumes {
            let context = format!("{}/{} {}", scenario.group, scenario.name, volume.name);
            let arguments = ["--dmsetup", "--array", &volume.name, "--force"];
            let (_, report) = layout(&arguments, &paths);
            if report["dmsetup"]["refusal"].is_string() {
                refused.push(volume.level);
                continue;
            }
            let mapper = Mapper::new(&report["dmsetup"], &paths, &images);
            assert_eq!(mapper.sectors() * 512, volume.size_bytes, "{context}");
            for sector in samples(volume, 512) {
                let wanted = volume.pattern.bytes(sector * 512, 512);
                match mapper.read(sector) {
                    Some(found) => assert!(found == wanted, "{context}: sector {sector}"),
                    // Two are gone: P alone does not give it.
                    None => assert!(context.contains("raid6-two"), "{context}: sector {sector}"),
                }
            }
            read += 1;
        }
        paths.iter().for_each(|path| fs::remove_file(path).unwrap());
    }
    assert_eq!((read, refused), (59, vec!["raid5ee"]));
}

#[test]
fn what_no_target_can_do_is_said() {
    let folder = Folder::new("layout-no-target");
    let path = folder.0.join("layout.json");
    for disk in 0..5 {
        fs::write(folder.0.join(format!("d{disk}")), vec![0; 1 << 20]).unwrap();
    }
    let answer = |slots: usize, fields: Value| {
        let members: Vec<Value> = (0..slots).map(|d| json!({ "disk": format!("d{d}") })).collect();
        let mut file =
            json!({ "format": "raid-layout/1", "chunk_bytes": 4096, "members": members });
        for (field, value) in fields.as_object().unwrap() {
            file[field] = value.clone();
        }
        fs::write(&path, file.to_string()).unwrap();
        let (code, report) = layout(&["--dmsetup", "--layout"], std::slice::from_ref(&path));
        let said = report["dmsetup"]["refusal"].as_str().unwrap_or_default().to_owned();
        assert_eq!(code, if said.is_empty() { 0 } else { 2 }, "{report:#}");
        let table = report["dmsetup"]["devices"].as_array().unwrap().last().cloned();
        (said, table.map_or(Value::Null, |table| table["table"][0].clone()))
    };
    let rotating = "parity-n-continuation";
    for (slots, fields, why) in [
        (
            4,
            json!({"level": "raid6", "layout": rotating, "q_numbering": "by_data"}),
            "Q numbered by data",
        ),
        (
            3,
            json!({"level": "raid5r", "layout": rotating, "parity_stays_rows": 16}),
            "here it stays",
        ),
        (4, json!({"level": "raid5ee", "layout": "parity-n-restart"}), "spare space"),
        (3, json!({"level": "raid5", "layout": rotating, "chunk_bytes": 2048}), "powers of two"),
        (3, json!({"level": "raid6", "layout": rotating}), "3 members: raid6_nc takes 4"),
        // The last row has a chunk without its copy.
        (
            3,
            json!({"level": "raid1e", "layout": "adjacent", "chunk_bytes": 1 << 20}),
            "whole rows of 3 chunks",
        ),
    ] {
        let (said, _) = answer(slots, fields);
        assert!(said.contains(why), "{why}: {said}");
    }
    // Parity is last for the target.
    let (_, table) = answer(4, json!({"level": "raid4", "layout": "parity-first"}));
    let device = |slot| format!("- /dev/mapper/array-s0m{slot}");
    let devices = [1, 2, 3, 0].map(device).join(" ");
    assert_eq!(table, format!("0 6144 raid raid5_n 2 8 nosync 4 {devices}"));
    let (_, table) = answer(3, json!({"level": "raid10", "layout": "far-copies", "copies": 3}));
    assert!(
        table
            .as_str()
            .unwrap()
            .starts_with("0 2040 raid raid10 6 8 nosync raid10_copies 3 raid10_format far 3 - "),
        "{table}"
    );
}

#[test]
fn people_see_the_place_in_a_picture_and_a_script() {
    let folder = Folder::new("layout-people");
    let scenario = scenario("ddf-mdadm", "raid5-n-restart-3d-64k");
    let paths = folder.disks(&scenario);
    let said = |arguments: &[&str], paths: &[PathBuf]| {
        let output = run(&[&["layout"], arguments].concat(), paths);
        (code(&output), text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
    };
    // Chunk 2 is in row 1, whose parity is in the middle.
    let (code, picture, _) = said(&["--logical", "300"], &paths);
    assert_eq!(code, 0);
    let row = picture.lines().find(|line| line.trim_start().starts_with("1  ")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["1", ">D2<", ">P<", "D3"]);
    assert!(picture.contains("block 300 (byte 153600) of array"), "{picture}");
    let (_, rows, _) = said(&["--rows", "2", "--first-row", "5"], &paths);
    let rows: Vec<&str> = rows.lines().skip(2).map(str::trim_start).collect();
    assert!(
        rows.len() == 2 && rows[0].starts_with("5  ") && rows[1].starts_with("6  "),
        "{rows:?}"
    );
    // Without a disk, and where nothing is.
    let (_, script, _) = said(&["--dmsetup"], &paths[1..]);
    assert!(
        script.contains("- - - /dev/mapper/") && script.contains("$(losetup --read-only"),
        "{script}"
    );
    let parsed = std::process::Command::new("sh").args(["-n", "-c", &script]).output().unwrap();
    assert!(parsed.status.success(), "{parsed:?}");
    let last = fs::metadata(&paths[0]).unwrap().len() / 512 - 1;
    let (code, nothing, _) = said(&[&format!("--physical=d0:{last}")], &paths);
    assert_eq!((code, nothing.lines().last()), (16, Some("  in no array")), "{nothing}");
    for (wrong, why) in [
        ("--logical=16384", "is past its 16384 blocks"),
        ("--physical=d9:0", "no such disk was given"),
        ("--physical=d0", "expected a disk, a colon, and a block"),
        ("--physical=d0:999999999", "the disk has"),
    ] {
        let (code, _, error) = said(&[wrong], &paths);
        assert!(code == 4 && error.contains(why), "{wrong}: {error}");
    }
}
