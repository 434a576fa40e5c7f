// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program itself: output, exit codes, and that it writes to no disk.

use crate::bench::images;
use crate::on_disk::{edit, headers};
use raid_testdata::{Scenario, SparseImage, scenario};
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder of its own for a test, removed at the end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The disks of a scenario as sparse files.
    pub(crate) fn disks(&self, scenario: &Scenario) -> Vec<PathBuf> {
        let images = images(scenario);
        let named = images.iter().enumerate().map(|(disk, image)| {
            let path = self.0.join(format!("{}-{disk}.img", scenario.name));
            image.write_to(&path).unwrap();
            path
        });
        named.collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays lies among the temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn command(arguments: &[&str], paths: &[PathBuf]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raid-inspect"));
    command.args(arguments).args(paths);
    command
}

pub(crate) fn run(arguments: &[&str], paths: &[PathBuf]) -> Output {
    command(arguments, paths).output().unwrap()
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn json_says_what_is_on_the_disks() {
    let folder = Folder::new("json");
    let scenario = scenario("ddf-mdadm", "multi-6vd");
    let mut paths = folder.disks(&scenario);
    paths.reverse(); // d4 is index 0 now
    let output = run(&["show", "--json"], &paths);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["format"], "raid-inspect/1");
    assert_eq!(report["exit_code"], code(&output));
    assert_eq!(code(&output), 0, "{report:#}");
    let disks = report["disks"].as_array().unwrap();
    assert_eq!(disks.len(), 5);
    assert_eq!(disks[1]["path"], paths[1].to_str().unwrap());
    let arrays = report["arrays"].as_array().unwrap();
    assert_eq!(arrays.len(), scenario.volumes.len());
    for volume in &scenario.volumes {
        let array = arrays.iter().find(|array| array["name"] == volume.name.as_str()).unwrap();
        assert_eq!(array["level"], volume.level);
        assert_eq!(array["size_bytes"], volume.size_bytes);
        assert_eq!(array["state"], "optimal");
        assert_eq!((&array["clean"], &array["initialisation"]), (&true.into(), &"full".into()));
        assert_eq!(array["id"].as_str().unwrap().len(), 48);
        let members = array["members"].as_array().unwrap();
        assert_eq!(members.len(), volume.sets * volume.slots);
        for (member, known) in members.iter().zip(&volume.members) {
            assert_eq!(member["slot"], known.slot);
            assert_eq!(member["set"], known.slot / volume.slots);
            assert_eq!(member["disk"], 4 - known.disk);
            assert_eq!(member["start_lba"], known.start_bytes / 512);
            assert_eq!(member["state"], "in_sync");
            assert!(member["size_blocks"].as_u64().unwrap() > 0);
        }
        assert!(!array["raw"].as_object().unwrap().is_empty());
    }
}

#[test]
fn a_member_that_is_not_given_is_null_and_the_array_degraded() {
    let folder = Folder::new("missing");
    let paths = folder.disks(&scenario("ddf-mdadm", "raid5-n-restart-3d-64k"));
    let output = run(&["show", "--json"], &paths[..2]);
    assert_eq!(code(&output), 1);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let array = &report["arrays"][0];
    assert_eq!((&array["state"], &array["readable"]), (&"degraded".into(), &true.into()));
    let member = &array["members"][2];
    assert_eq!((&member["disk"], &member["state"]), (&Value::Null, &"missing".into()));
    let output = run(&["show", "--json"], &paths[..1]);
    assert_eq!(code(&output), 2);
}

#[test]
fn cat_writes_the_volume_and_only_the_volume() {
    let folder = Folder::new("cat");
    let scenario = scenario("ddf-mdadm", "raid5-n-continue-4d-128k");
    let volume = &scenario.volumes[0];
    let paths = folder.disks(&scenario);
    let whole = volume.pattern.bytes(0, volume.size_bytes as usize);
    for paths in [&paths[..], &paths[1..]] {
        let output = run(&["cat"], paths);
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        assert!(output.stdout == whole);
    }
    let part = run(&["cat", "--offset", "131071", "--length", "1000"], &paths[1..]);
    assert!(part.stdout == whole[131_071..132_071]);
    let rest = run(&["cat", "--offset", "9437180"], &paths);
    assert!(rest.stdout == whole[9_437_180..]);
    let past = run(&["cat", "--offset", "9437185"], &paths);
    assert_eq!((code(&past), past.stdout.len()), (4, 0));
    let refused = run(&["cat"], &paths[2..]);
    assert_eq!((code(&refused), refused.stdout.len()), (2, 0));
    let why = text(&refused.stderr);
    assert!(why.contains("slot 0 (missing)") && why.contains("slot 2 (missing)"), "{why}");
}

#[test]
fn cat_asks_which_of_several_arrays_is_meant() {
    let folder = Folder::new("which");
    let scenario = scenario("ddf-mdadm", "names");
    let paths = folder.disks(&scenario);
    let output = run(&["cat"], &paths);
    assert_eq!((code(&output), output.stdout.len()), (4, 0));
    for volume in &scenario.volumes {
        assert!(text(&output.stderr).contains(&volume.name), "{}", text(&output.stderr));
        let output = run(&["cat", "--array", &volume.name], &paths);
        assert_eq!(code(&output), 0);
        assert_eq!(output.stdout.len() as u64, volume.size_bytes);
        assert_eq!(volume.pattern.first_difference(0, &output.stdout), None);
    }
    let report: Value = serde_json::from_slice(&run(&["show", "--json"], &paths).stdout).unwrap();
    for array in report["arrays"].as_array().unwrap() {
        let id = array["id"].as_str().unwrap();
        let output = run(&["cat", "--length", "8", "--array", id], &paths);
        assert_eq!((code(&output), output.stdout.len()), (0, 8));
    }
    let unknown = run(&["cat", "--array", "nobody"], &paths);
    assert_eq!(code(&unknown), 16);
    assert!(text(&unknown.stderr).contains(", there is\n  "), "{}", text(&unknown.stderr));
}

#[test]
fn wrong_usage_and_unreadable_paths_give_4_and_nothing_gives_16() {
    let folder = Folder::new("usage");
    let empty = folder.0.join("empty.img");
    fs::File::create(&empty).unwrap().set_len(1 << 20).unwrap();
    let empty = std::slice::from_ref(&empty);
    let codes = [
        (run(&[], &[]), 4),
        (run(&["show"], &[]), 4),
        (run(&["show", "--jsn"], empty), 4),
        (run(&["cat", "--offset", "x"], empty), 4),
        (run(&["show", "/nonexistent/disk"], &[]), 4),
        (run(&["show", "/nonexistent/disk"], empty), 4),
        (run(&["scan"], std::slice::from_ref(&folder.0)), 4),
        (run(&["show"], empty), 16),
        (run(&["show", "--json"], empty), 16),
        (run(&["scan"], empty), 16),
        (run(&["cat"], empty), 16),
        (run(&["--help"], &[]), 0),
        (run(&["--version"], &[]), 0),
    ];
    for (output, expected) in codes {
        assert_eq!(code(&output), expected, "{output:?}");
    }
}

/// Copied to disks that are larger: the anchor is where the smaller ones ended.
#[test]
fn a_search_finds_the_metadata_of_disks_that_were_copied_to_larger_ones() {
    let folder = Folder::new("search");
    let scenario = scenario("ddf-mdadm", "raid5-n-restart-3d-64k");
    let paths = folder.disks(&scenario);
    for path in &paths {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_len(file.metadata().unwrap().len() + (4 << 20)).unwrap();
    }
    assert_eq!(code(&run(&["show", "--json"], &paths)), 16);
    for arguments in [&["show", "--json", "--search"][..], &["--search", "show", "--json"]] {
        let output = run(arguments, &paths);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((code(&output), &report["arrays"][0]["state"]), (0, &"optimal".into()));
        assert!(text(&output.stdout).contains("anchor found by a search"), "{report:#}");
    }
    let volume = &scenario.volumes[0];
    let output = run(&["cat", "--search"], &paths[1..]);
    assert_eq!(output.stdout.len() as u64, volume.size_bytes);
    assert_eq!(volume.pattern.first_difference(0, &output.stdout), None);
}

/// Case I2.
#[test]
fn a_disk_that_asks_for_too_much_metadata_is_named_with_what_to_do() {
    let folder = Folder::new("too-much");
    let scenario = scenario("ddf-mdadm", "raid1-2d");
    let paths = folder.disks(&scenario);
    let mut image = SparseImage::clone(&images(&scenario)[1]);
    for header in &headers(&image)[1..] {
        // The last section, of 9 MiB; nothing else is changed.
        edit(&mut image, *header, 512, |header| {
            header[228..232].copy_from_slice(&(9u32 << 11).to_be_bytes());
        });
    }
    fs::remove_file(&paths[1]).unwrap();
    image.write_to(&paths[1]).unwrap();
    for arguments in [&["scan"][..], &["show"], &["show", "--json"], &["cat"]] {
        let output = run(arguments, &paths);
        let told = text(&output.stderr);
        let expected = [
            "raid1-2d-1.img: ddf metadata not read: 9524 KiB asked for (19048 blocks from block ",
            " KiB left of the 2048 KiB for each disk and 6144 KiB for all together; give fewer disks at a \
             time, or allow more (--metadata-limit MIB)\n",
        ];
        assert!(expected.iter().all(|part| told.contains(part)), "{arguments:?}: {told}");
        assert_eq!(code(&output), if arguments == ["cat"] { 0 } else { 4 }, "{arguments:?}");
    }
    let output = run(&["scan", "--metadata-limit", "40"], &paths);
    assert_eq!(text(&output.stderr), "");
    assert!(!text(&output.stdout).contains("not read in full"), "{}", text(&output.stdout));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = Folder::new("pipe");
    let paths = folder.disks(&scenario("ddf-mdadm", "raid1-2d"));
    for arguments in [&["cat"][..], &["show", "--json"], &["show"]] {
        let mut command = command(arguments, &paths);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 1];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((code(&output), text(&output.stderr)), (0, ""), "{arguments:?}");
    }
}

#[test]
fn no_disk_is_written() {
    let folder = Folder::new("readonly");
    for name in ["dirty-raid5-live", "rebuild-raid5-live", "stale-metadata-raid1"] {
        let scenario = scenario("ddf-mdadm", name);
        let paths = folder.disks(&scenario);
        let times = || paths.iter().map(|p| fs::metadata(p).unwrap().modified().unwrap());
        let before: Vec<_> = times().collect();
        for arguments in [&["scan"][..], &["show"], &["show", "--json"], &["cat", "--force"]] {
            let _ = run(arguments, &paths);
        }
        assert_eq!(times().collect::<Vec<_>>(), before, "{name}");
        for (path, image) in paths.iter().zip(images(&scenario)) {
            let mut file = fs::File::open(path).unwrap();
            let now = raid_testdata::SparseImage::read_from(&mut file).unwrap();
            assert!(now == *image, "{name}");
        }
    }
}

#[test]
fn reports_for_people_name_what_matters() {
    let folder = Folder::new("people");
    let paths = folder.disks(&scenario("ddf-mdadm", "degraded-raid5-failed"));
    let output = run(&["show"], &paths);
    assert_eq!(code(&output), 1);
    let report = text(&output.stdout);
    for wanted in ["array r5", "left-symmetric", "chunk 64 KiB", "8 MiB", "degraded", "[D", "P"] {
        assert!(report.contains(wanted), "{wanted}: {report}");
    }
    assert!(report.lines().all(|line| line == line.trim_end()), "{report}");
    let scan = run(&["scan"], &paths);
    let lines: Vec<&str> = text(&scan.stdout).lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[3].starts_with("array r5: raid5, 8 MiB, degraded, 2 of 3 members"), "{lines:?}");
}

#[test]
fn a_disk_that_two_formats_claim_gives_8_and_is_read_with_force_only() {
    let folder = Folder::new("claims");
    let scenario = scenario("ddf-mdadm", "raid1-2d");
    let paths = folder.disks(&scenario);
    // The other place where an anchor may be is 257 sectors before the end; the end itself is
    // taken by the table of the other format.
    let other = raid_testdata::scenario("asr", "asr").image(0);
    let mut image = (*images(&scenario)[0]).clone();
    let anchor = image.bytes(image.len - 512, 512);
    image.write_at(image.len - 257 * 512, &anchor);
    let table = other.bytes(other.len - 17 * 512, 17 * 512);
    image.write_at(image.len - 17 * 512, &table);
    image.write_to(&paths[0]).unwrap();
    let output = run(&["show", "--json"], &paths);
    assert_eq!(code(&output), 8);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["disks"][0]["formats"].as_array().unwrap().len(), 2);
    assert_eq!(report["disks"][1]["formats"].as_array().unwrap().len(), 1);
    let output = run(&["cat", "--array", "mirror"], &paths);
    assert_eq!((code(&output), output.stdout.len()), (8, 0));
    assert!(text(&output.stderr).contains(paths[0].to_str().unwrap()));
    let output = run(&["cat", "--array", "mirror", "--force"], &paths);
    assert_eq!(code(&output), 0);
    assert_eq!(scenario.volumes[0].pattern.first_difference(0, &output.stdout), None);
}

#[test]
fn an_array_whose_members_are_all_elsewhere_is_shown_and_not_readable() {
    let folder = Folder::new("elsewhere");
    let paths = folder.disks(&scenario("ddf-mdadm", "spare-unused"));
    let output = run(&["show", "--json"], &paths[2..3]);
    assert_eq!(code(&output), 2);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let array = &report["arrays"][0];
    assert_eq!((&array["name"], &array["level"]), (&"r5".into(), &"unknown".into()));
    assert_eq!(array["refusal"], "none of its members is present");
    assert_eq!(report["disks"][0]["spare"], true);
    assert_eq!(code(&run(&["cat"], &paths[2..3])), 2);
}

#[test]
fn output_that_cannot_be_written_gives_4() {
    let folder = Folder::new("full");
    let paths = folder.disks(&scenario("ddf-mdadm", "raid1-2d"));
    for arguments in [&["cat"][..], &["show"], &["show", "--json"], &["scan"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command(arguments, &paths).stdout(full).output().unwrap();
        assert_eq!(code(&output), 4, "{arguments:?}");
        assert!(text(&output.stderr).contains("standard output"), "{arguments:?}");
    }
}

fn overwrite(path: &Path, offset: u64, bytes: &[u8]) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(bytes, offset).unwrap();
}

#[test]
fn a_scan_counts_what_show_names() {
    let folder = Folder::new("counts");
    let paths = folder.disks(&scenario("ddf-mdadm", "raid1-2d"));
    let end = fs::metadata(&paths[0]).unwrap().len();
    // The checksum of the anchor's identity stays what it was.
    overwrite(&paths[0], end - 512 + 8, &[0x55; 4]);
    let output = run(&["scan"], &paths);
    assert_eq!(code(&output), 3);
    assert!(text(&output.stdout).contains("\nfindings: damage "), "{}", text(&output.stdout));
}

#[test]
fn a_disk_on_which_nothing_is_found_makes_it_suggest_the_search() {
    let folder = Folder::new("suggest");
    let paths = folder.disks(&scenario("ddf-mdadm", "raid1-2d"));
    let end = fs::metadata(&paths[1]).unwrap().len();
    overwrite(&paths[1], end - 512, &[0; 512]);
    let output = run(&["scan"], &paths);
    let name = paths[1].display();
    let hint = format!("no metadata where it belongs on {name}; --search looks for it");
    assert!(text(&output.stderr).contains(&hint), "{}", text(&output.stderr));
    let output = run(&["scan", "--search"], &paths);
    assert!(!text(&output.stderr).contains("--search"), "{}", text(&output.stderr));
}

#[test]
fn an_output_that_leads_to_a_disk_given_is_refused_and_nothing_is_written() {
    let folder = Folder::new("onto");
    let paths = folder.disks(&scenario("ddf-mdadm", "raid1-2d"));
    let before = fs::read(&paths[0]).unwrap();
    let onto = fs::OpenOptions::new().append(true).open(&paths[0]).unwrap();
    let output = command(&["cat"], &paths).stdout(onto).output().unwrap();
    assert_eq!(code(&output), 4);
    assert!(text(&output.stderr).contains("is the standard output too"));
    assert!(fs::read(&paths[0]).unwrap() == before);
}

#[test]
fn a_risk_that_no_reader_takes_is_no_choice() {
    let folder = Folder::new("norisk");
    let paths = folder.disks(&scenario("ddf-mdadm", "raid1-2d"));
    let output = run(&["cat", "--accept", "unrecorded-failure"], &paths);
    assert_eq!(code(&output), 4);
    assert!(text(&output.stderr).contains("expected one of unclean-degraded, "));
}
