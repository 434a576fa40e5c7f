// SPDX-License-Identifier: MIT OR Apache-2.0
//! mdadm reads what is written here.

use crate::media::{self, Rig, geometry, raid10};
use raid_core::array::{Level, Placement};
use raid_core::metadata::Admin;
use raid_ddf::Ddf;

/// Writes the media as sparse image files into a directory of their own.
fn images(rig: &Rig, name: &str) -> Vec<std::path::PathBuf> {
    use std::io::{Seek, SeekFrom, Write};
    let directory = std::env::temp_dir().join(format!("raid-ddf-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let write = |(index, medium): (usize, &media::Medium)| {
        let path = directory.join(format!("disk{index}.img"));
        let mut file = std::fs::File::create(&path).unwrap();
        let shape = rig.disks[index].shape;
        file.set_len(shape.blocks.bytes(shape.block_size).unwrap()).unwrap();
        for (sector, bytes) in medium.sectors() {
            file.seek(SeekFrom::Start(sector * 512)).unwrap();
            file.write_all(bytes).unwrap();
        }
        path
    };
    rig.media.iter().enumerate().map(write).collect()
}

/// What mdadm prints about an image, as `key: value`; `None` without mdadm.
fn mdadm(image: &std::path::Path) -> Option<Vec<(String, String)>> {
    let output = std::process::Command::new("mdadm").arg("-E").arg(image).output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    for disk in 0..5 {
        assert!(text.lines().any(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            matches!(words[..], [number, _, "32768K", .., "active/Online"] if number == disk.to_string())
        }));
    }
    assert!(text.contains("Global-Spare/Online"), "{text}");
    let lines = text.lines().filter_map(|line| line.split_once(" : "));
    Some(lines.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect())
}

#[test]
#[cfg_attr(miri, ignore = "runs mdadm")]
fn mdadm_reads_what_is_written_here() {
    let mut rig = Rig::container(6);
    rig.create("five", geometry(Level::Raid5, Placement::NContinue, 3), &[0, 1, 2]).unwrap();
    rig.commit();
    rig.create("mirrors", raid10(2), &[0, 3, 1, 4]).unwrap();
    rig.commit();
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().add_spare(disks, 5, stamp)).unwrap();
    rig.commit();
    let images = images(&rig, "mdadm");
    for (index, image) in images.iter().enumerate() {
        let Some(told) = mdadm(image) else {
            println!("skipped: there is no mdadm here");
            return;
        };
        let get = |key: &str| {
            let found = told.iter().find(|(found, _)| found == key);
            found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("{key} of {told:?}"))
        };
        assert_eq!(get("Magic"), "de11de11");
        assert_eq!(get("Version"), "01.02.00");
        assert_eq!(get("Seq"), "00000004");
        assert_eq!(get("Redundant hdr"), "yes");
        assert_eq!(get("Virtual Disks"), "2");
        for (volume, name) in ["five", "mirrors"].into_iter().enumerate() {
            assert_eq!(get(&format!("unit[{volume}]")), volume.to_string());
            assert_eq!(get(&format!("state[{volume}]")), "Optimal, Consistent");
            assert_eq!(get(&format!("init state[{volume}]")), "Fully Initialised");
            assert_eq!(get(&format!("access[{volume}]")), "Read/Write");
            assert_eq!(get(&format!("Name[{volume}]")), name);
        }
        if index < 3 {
            assert_eq!(get("Raid Devices[0]"), "3 (0@0K 1@0K 2@0K)");
            assert_eq!(get("Chunk Size[0]"), "128 sectors");
            assert_eq!(get("Raid Level[0]"), "RAID5");
            assert_eq!(get("Device Size[0]"), "2048");
            assert_eq!(get("Array Size[0]"), "4096");
        }
        if [0, 1, 3, 4].contains(&index) {
            let (devices, position) = match index {
                0 | 3 => ("2 (0@2048K 3@0K)", "0 of 2"),
                _ => ("2 (1@2048K 4@0K)", "1 of 2"),
            };
            assert_eq!(get("Raid Devices[1]"), devices);
            assert_eq!(get("Secondary Position[1]"), position);
            assert_eq!(get("Secondary Level[1]"), "Striped");
            assert_eq!(get("Raid Level[1]"), "RAID1");
            assert_eq!(get("Array Size[1]"), "4096");
        }
        assert_eq!(get("Physical Disks"), "255");
    }
    std::fs::remove_dir_all(images[0].parent().unwrap()).unwrap();
}
