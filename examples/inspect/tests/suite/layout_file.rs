// SPDX-License-Identifier: MIT OR Apache-2.0
//! Layout files: written by the program, edited, and read by it in place of metadata.

use crate::guess::images::{self, PAGE};
use crate::guess::sets::{Harm, Set, Shape};
use crate::program::{Folder, code, run, text};
use raid_testdata::{scenario, schema, schema_faults};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Writes what an editor made of a layout file, and reads the array with it.
fn cat(folder: &Folder, file: &Value) -> (i32, Vec<u8>, String) {
    let path = folder.0.join("edited.json");
    fs::write(&path, serde_json::to_vec(file).unwrap()).unwrap();
    let output = run(&["cat", "--layout"], &[path]);
    (code(&output), output.stdout.clone(), text(&output.stderr).to_owned())
}

/// A set without a member, guessed and written; the volume.
fn guessed(folder: &Folder, shape: Shape, harm: Harm) -> (Vec<u8>, Value, Vec<PathBuf>) {
    let volume = images::mixed(21, 1536);
    let paths = Set::new(&volume, shape, 4, 9, harm).write_to(&folder.0);
    let file = folder.0.join("guessed.json");
    let layout = format!("--layout={}", file.display());
    let output = run(&["guess", layout.as_str()], &paths);
    assert!(matches!(code(&output), 0 | 1), "{}", text(&output.stdout));
    (volume, read(&file), paths)
}

#[test]
fn a_guess_is_written_and_read_as_the_volume_that_was_split() {
    let folder = Folder::new("layout-guess");
    for (shape, harm) in [
        (Shape::raid5(8), Harm::None),
        (Shape::raid5(8), Harm::Missing),
        (Shape::raid10(8), Harm::Missing),
        (Shape::raid0(16), Harm::None),
    ] {
        let (volume, file, paths) = guessed(&folder, shape, harm);
        assert_eq!(schema_faults(&schema("raid-layout-1"), &file, "file"), [""; 0]);
        let (code, bytes, said) = cat(&folder, &file);
        assert_eq!(code, 0, "{said}");
        assert!(bytes.starts_with(&volume), "{shape:?} {harm:?}");
        // What is there is not written again.
        let written = folder.0.join("guessed.json");
        let again = run(&["guess", &format!("--layout={}", written.display())], &paths);
        assert_eq!(crate::program::code(&again), 4, "{}", text(&again.stderr));
        assert_eq!(read(&written), file);
        fs::remove_file(written).unwrap();
    }
}

#[test]
fn a_table_of_rows_alone_says_the_same_and_its_columns_may_stand_in_any_order() {
    let folder = Folder::new("layout-rows");
    let (volume, mut file, _) = guessed(&folder, Shape::raid5(8), Harm::None);
    file.as_object_mut().unwrap().retain(|key, _| key != "level" && key != "layout");
    let (code, bytes, said) = cat(&folder, &file);
    assert_eq!(code, 0, "{said}");
    assert!(bytes.starts_with(&volume));
    // The first column becomes the last.
    let turn = |line: &Value| {
        let mut cells: Vec<&str> = line.as_str().unwrap().split(' ').collect();
        cells.rotate_left(1);
        json!(cells.join(" "))
    };
    let rows: Vec<Value> = file["rows"].as_array().unwrap().iter().map(turn).collect();
    file["rows"] = json!(rows);
    file["members"].as_array_mut().unwrap().rotate_left(1);
    let (_, bytes, said) = cat(&folder, &file);
    assert!(bytes.starts_with(&volume), "{said}");
    // A row that no layout has.
    file["rows"][1] = json!("P P P P");
    let (code, bytes, said) = cat(&folder, &file);
    assert_eq!((code, bytes.len()), (4, 0));
    assert!(said.contains("no layout that is known has these rows"), "{said}");
}

#[test]
fn a_member_that_is_stale_from_a_byte_on_is_computed_from_there() {
    let folder = Folder::new("layout-stale");
    let (volume, mut file, paths) = guessed(&folder, Shape::raid5(8), Harm::None);
    let place = 2;
    let disk = file["members"][place]["disk"].as_str().unwrap().to_owned();
    let start = file["members"][place]["start_bytes"].as_u64().unwrap();
    let mut old = fs::read(&disk).unwrap();
    // In the middle of a chunk.
    let from = start as usize + 19 * PAGE + 512;
    old[from..].fill(0x5A);
    fs::write(&disk, old).unwrap();
    assert!(paths.iter().any(|path| path.display().to_string() == disk));
    let (_, bytes, _) = cat(&folder, &file);
    assert!(!bytes.starts_with(&volume), "the stale member is read");
    file["members"][place]["stale_from_bytes"] = json!(from);
    let (code, bytes, said) = cat(&folder, &file);
    assert_eq!(code, 0, "{said}");
    assert!(bytes.starts_with(&volume));
    // Missing besides, from that byte on two are gone: what is before can be read.
    file["members"][0]["disk"] = Value::Null;
    let (code, bytes, said) = cat(&folder, &file);
    assert_ne!(code, 0, "{said}");
    assert!(volume.starts_with(&bytes) && bytes.len() < volume.len(), "{}", bytes.len());
}

#[test]
fn what_metadata_says_is_written_and_read_the_same() {
    let folder = Folder::new("layout-show");
    for name in ["raid5-n-restart-3d-64k", "multi-6vd"] {
        let scenario = scenario("ddf-mdadm", name);
        let paths = folder.disks(&scenario);
        for volume in &scenario.volumes {
            let file = folder.0.join(format!("{name}-{}.json", volume.name));
            let layout = format!("--layout={}", file.display());
            let output = run(&["show", &layout, "--array", &volume.name], &paths);
            assert_eq!(code(&output), 0, "{}", text(&output.stderr));
            assert_eq!(schema_faults(&schema("raid-layout-1"), &read(&file), "file"), [""; 0]);
            let by_metadata = run(&["cat", "--force", "--array", &volume.name], &paths);
            let by_file = run(&["cat", "--layout"], &[file]);
            assert_eq!(code(&by_file), 0, "{}", text(&by_file.stderr));
            assert!(by_metadata.stdout == by_file.stdout, "{name} {}", volume.name);
        }
    }
}

#[test]
fn a_file_that_says_something_unsound_is_refused_with_the_place() {
    let folder = Folder::new("layout-refused");
    let (_, file, _) = guessed(&folder, Shape::raid5(8), Harm::None);
    let refused = |edit: &dyn Fn(&mut Value), expected: &str| {
        let mut file = file.clone();
        edit(&mut file);
        let (code, bytes, said) = cat(&folder, &file);
        assert_eq!((code, bytes.len()), (4, 0), "{expected}: {said}");
        assert!(said.contains(expected), "{expected}: {said}");
    };
    refused(&|file| file["format"] = json!("raid-layout/2"), "expected \"raid-layout/1\"");
    refused(&|file| file["chunk"] = json!(1), "unknown field `chunk`");
    refused(&|file| file["level"] = json!("raid7"), "level \"raid7\" is not known");
    refused(&|file| file["level"] = json!("raid4"), "layout");
    refused(&|file| file["chunk_bytes"] = json!(1000), "expected a multiple of 512");
    refused(&|file| file["sets"] = json!(3), "do not form 3 sets");
    refused(&|file| file["members"][1]["start_bytes"] = json!(7), "members[1]: start_bytes is 7");
    refused(&|file| file["size_bytes"] = json!(1u64 << 62), "size_bytes is");
    refused(&|file| file["rows"][0] = json!("P 0 1 2"), "rows[0] is not what level and layout say");
}
