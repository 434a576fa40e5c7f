// SPDX-License-Identifier: MIT OR Apache-2.0
//! `disks`: which disk is which.

use crate::program::{Folder, code, run, text};
use raid_testdata::{scenario, schema, schema_faults};
use serde_json::{Value, json};

#[test]
fn the_list_has_every_place_and_names_a_disk_that_is_missing() {
    let folder = Folder::new("disk-list");
    let scenario = scenario("ddf-mdadm", "multi-6vd");
    let paths = folder.disks(&scenario);
    let list = |paths| {
        let output = run(&["disks", "--json"], paths);
        let list: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(schema_faults(&schema("raid-disks-1"), &list, "list"), [""; 0]);
        assert_eq!(list["exit_code"], code(&output));
        list
    };
    let whole = list(&paths);
    for volume in &scenario.volumes {
        let arrays = whole["arrays"].as_array().unwrap();
        let array = arrays.iter().find(|array| array["name"] == volume.name.as_str()).unwrap();
        for known in &volume.members {
            let member = &array["members"][known.slot];
            assert_eq!(
                (&member["disk"], &member["start_bytes"]),
                (&json!(known.disk), &json!(known.start_bytes))
            );
            assert_eq!(member["id"], whole["disks"][known.disk]["id"]);
        }
    }
    let references = |disk: &Value| {
        let fields = disk["fields"].as_array().unwrap().iter();
        fields.filter(|field| field["field"] == "PD_Reference").count()
    };
    assert!(whole["disks"].as_array().unwrap().iter().all(|disk| references(disk) == 1));
    // Without the first disk its identity is still there, in the same place.
    let less = list(&paths[1..]);
    let id = &whole["disks"][0]["id"];
    let mut missing = 0;
    for (array, before) in
        less["arrays"].as_array().unwrap().iter().zip(whole["arrays"].as_array().unwrap())
    {
        for (member, before) in
            array["members"].as_array().unwrap().iter().zip(before["members"].as_array().unwrap())
        {
            assert_eq!(member["id"], before["id"]);
            missing += usize::from(
                member["id"] == *id && member["disk"].is_null() && member["state"] == "missing",
            );
        }
    }
    assert!(missing > 0);
    let people = run(&["disks"], &paths[1..]);
    let people = text(&people.stdout);
    assert!(people.contains(id.as_str().unwrap()) && people.contains("  missing  -"), "{people}");
    assert!(people.lines().all(|line| line == line.trim_end()));
}
