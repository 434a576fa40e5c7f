// SPDX-License-Identifier: MIT OR Apache-2.0
//! Extraction from members that fail to read, broken off and resumed.

use super::map::Status;
use super::{Extraction, PASSES};
use crate::arguments::{Choice, ExtractArguments};
use crate::disks::Inspection;
use crate::failing::Failing;
use crate::layout_file;
use crate::reader::ArrayReader;
use raid_array::discover::{ReadAt, Source};
use raid_array::trust::Accept;
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

const SECTOR: usize = 512;
const CHUNK: usize = 4096;
/// Rows of chunks of a member.
const ROWS: usize = 96;

/// RAID-5 of three disks, left-asymmetric, and where it is extracted to.
struct Rig {
    folder: PathBuf,
    volume: Vec<u8>,
    disks: Vec<Vec<u8>>,
}

impl Rig {
    fn new(test: &str) -> Self {
        let name = format!("raid-inspect-extract-{test}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let mut volume = vec![0u8; 2 * ROWS * CHUNK];
        let mut value = 7u32;
        for byte in &mut volume {
            value = value.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (value >> 24) as u8;
        }
        // A hole.
        volume[40 * CHUNK..44 * CHUNK].fill(0);
        let mut disks = vec![vec![0u8; ROWS * CHUNK]; 3];
        for row in 0..ROWS {
            let mut chunks = volume[2 * row * CHUNK..][..2 * CHUNK].chunks(CHUNK);
            let mut parity = vec![0u8; CHUNK];
            let place = 2 - row % 3;
            for (disk, image) in disks.iter_mut().enumerate().filter(|(disk, _)| *disk != place) {
                assert_ne!(disk, place);
                let chunk = chunks.next().unwrap();
                image[row * CHUNK..][..CHUNK].copy_from_slice(chunk);
                parity.iter_mut().zip(chunk).for_each(|(sum, byte)| *sum ^= byte);
            }
            disks[place][row * CHUNK..][..CHUNK].copy_from_slice(&parity);
        }
        for (index, disk) in disks.iter().enumerate() {
            fs::write(folder.join(format!("d{index}")), disk).unwrap();
        }
        let layout = r#"{"format": "raid-layout/1", "chunk_bytes": 4096,
            "rows": ["0 1 P", "2 P 3", "P 4 5"],
            "members": [{"disk": "d0"}, {"disk": "d1"}, {"disk": "d2"}]}"#;
        fs::write(folder.join("layout.json"), layout).unwrap();
        Self { folder, volume, disks }
    }

    /// The array, with these sectors of each disk bad so many times.
    fn inspection(&self, bad: [&[u64]; 3], times: u32) -> Inspection {
        let mut inspection = layout_file::open(&self.folder.join("layout.json"), &[]).unwrap();
        for (disk, bad) in bad.into_iter().enumerate() {
            let bytes = Failing {
                bytes: self.disks[disk].clone(),
                bad: bad.iter().copied().collect(),
                times: AtomicU32::new(times),
            };
            inspection.sources[disk] = Source { name: format!("d{disk}"), bytes: Box::new(bytes) };
        }
        inspection
    }

    fn arguments(&self, to: &str) -> ExtractArguments {
        ExtractArguments {
            choice: Choice::default(),
            to: self.folder.join(to),
            map: None,
            provenance: None,
            retries: 0,
            read_timeout: None,
            sha256: false,
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn open<'a>(inspection: &'a Inspection, what: &ExtractArguments) -> Extraction<'a> {
    let array = &inspection.discovery.arrays[0];
    let reader = ArrayReader::new(inspection, array, Accept::default()).unwrap();
    Extraction::open(inspection, reader, what).unwrap()
}

#[test]
fn every_sector_that_any_member_can_give_is_extracted_and_the_lost_ones_are_named() {
    let rig = Rig::new("sectors");
    // Row 1 has two bad sectors at different places of two disks; row 3 twice the same one.
    let (row1, row3) = (CHUNK as u64 / 512, 3 * CHUNK as u64 / 512);
    let inspection = rig.inspection([&[row1 + 1, row3 + 2], &[row1 + 5], &[row3 + 2]], u32::MAX);
    let what = rig.arguments("sectors.img");
    let mut extraction = open(&inspection, &what);
    extraction.passes(1, &|| false, &mut Vec::new()).unwrap();
    // Row 3 is "6 7 P": of d0 the sector is lost, of d2 it is parity.
    let lost = 6 * CHUNK as u64 + 2 * 512;
    assert_eq!(extraction.map.areas_of(Status::Bad), [(lost, 512)]);
    let mut out = Vec::new();
    extraction.report(&mut out).unwrap();
    let said = String::from_utf8(out).unwrap();
    assert!(said.contains(&format!("bytes {lost} to {}: d", lost + 512)), "{said}");
    assert!(said.contains(": a bad sector"), "{said}");
    let mut expected = rig.volume.clone();
    expected[lost as usize..][..SECTOR].fill(0);
    assert!(fs::read(&what.to).unwrap() == expected);
    let judged =
        Command::new("ddrescuelog").arg("-t").arg(rig.folder.join("sectors.img.map")).output();
    match judged {
        Ok(judged) => {
            let said = String::from_utf8_lossy(&judged.stdout).into_owned();
            assert!(judged.status.success(), "{judged:?}");
            assert!(
                said.contains("bad-sector:      512 B") && said.contains("rescued:   785920 B"),
                "{said}"
            );
        }
        Err(error) => println!("SKIPPED: ddrescuelog: {error}"),
    }
}

#[test]
fn a_run_that_is_broken_off_anywhere_goes_on_and_ends_with_the_same_bytes() {
    let rig = Rig::new("resumed");
    let row = 5 * CHUNK as u64 / 512;
    let bad: [&[u64]; 3] = [&[row, row + 3], &[row + 3, 400], &[row + 7]];
    let whole = rig.inspection(bad, u32::MAX);
    let what = rig.arguments("whole.img");
    open(&whole, &what).passes(0, &|| false, &mut Vec::new()).unwrap();
    let expected = fs::read(&what.to).unwrap();
    let mut value = 12345u32;
    for point in 0..100 {
        let what = rig.arguments(&format!("{point}.img"));
        let mut crashes = 0;
        loop {
            value = value.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let left = Cell::new((value >> 16) % 60);
            let stop = || left.replace(left.get().saturating_sub(1)) == 0;
            let inspection = rig.inspection(bad, u32::MAX);
            let mut extraction = open(&inspection, &what);
            let done = if value & 1 == 0 {
                extraction.passes(0, &stop, &mut Vec::new())
            } else {
                // A crash: what was done since the map was saved is done again.
                crashes += 1;
                let passes = PASSES.iter();
                let mut passes = passes.map(|(from, piece, to)| {
                    extraction.pass(*from, (*piece).max(512), *to, &stop, &mut |_| ())
                });
                match passes.find(Result::is_err) {
                    Some(stopped) => stopped,
                    None => extraction.save(),
                }
            };
            if done.is_ok() {
                break;
            }
            assert!(crashes < 1000, "it never ends");
        }
        assert!(fs::read(&what.to).unwrap() == expected, "{point}");
        fs::remove_file(&what.to).unwrap();
    }
}

#[test]
fn what_fails_for_a_time_is_read_when_it_is_tried_again() {
    let rig = Rig::new("again");
    let inspection = rig.inspection([&[16], &[16], &[16]], 12);
    let what = rig.arguments("again.img");
    let mut extraction = open(&inspection, &what);
    extraction.passes(20, &|| false, &mut Vec::new()).unwrap();
    assert!(extraction.map.areas_of(Status::Bad).is_empty());
    assert!(fs::read(&what.to).unwrap() == rig.volume);
}

#[test]
fn each_run_says_where_it_came_from() {
    let rig = Rig::new("provenance");
    let inspection = rig.inspection([&[0], &[], &[]], u32::MAX);
    let path = rig.folder.join("provenance.txt");
    let what =
        ExtractArguments { provenance: Some(path.clone()), ..rig.arguments("provenance.img") };
    open(&inspection, &what).passes(0, &|| false, &mut Vec::new()).unwrap();
    let text = fs::read_to_string(path).unwrap();
    let mut covered = 0;
    for line in text.lines().skip(1) {
        let words: Vec<&str> = line.split('\t').collect();
        let (start, len): (usize, usize) = (words[0].parse().unwrap(), words[1].parse().unwrap());
        if let Some((disk, byte)) = words[2].split_once(" at ") {
            let disk = &rig.disks[disk[1..].parse::<usize>().unwrap()];
            let from = byte.parse::<usize>().unwrap();
            assert!(rig.volume[start..start + len] == disk[from..from + len], "{line}");
        } else {
            assert_eq!(words[2], "computed from d1, d2");
        }
        covered += len;
    }
    assert!(text.contains("\tcomputed from d1, d2"), "{text}");
    assert!(covered >= rig.volume.len(), "{covered}");
}

#[test]
fn a_file_without_its_map_and_a_map_of_another_size_are_refused() {
    let rig = Rig::new("refused");
    let inspection = rig.inspection([&[], &[], &[]], 0);
    let what = rig.arguments("refused.img");
    let refused = |what: &ExtractArguments| {
        let array = &inspection.discovery.arrays[0];
        let reader = ArrayReader::new(&inspection, array, Accept::default()).unwrap();
        Extraction::open(&inspection, reader, what).unwrap_err()
    };
    fs::write(&what.to, "something").unwrap();
    assert!(refused(&what).contains("it is not overwritten"));
    let map = rig.folder.join("refused.img.map");
    fs::write(&map, "0x0 ? 1\n0x0 0x200 ?\n").unwrap();
    assert!(refused(&what).contains("the array at"));
    fs::write(&map, format!("0x0 ? 1\n0x0 {} ?\n", rig.volume.len())).unwrap();
    assert!(refused(&what).contains("has 9 bytes, expected a file of"));
    assert_eq!(fs::read(&what.to).unwrap(), b"something");
    // A disk as the file.
    let disk = ExtractArguments { to: rig.folder.join("d0"), map: Some(map), ..what };
    assert!(refused(&disk).contains("is one of the disks"));
}

/// What `--sha256` says at the end, after `between` had the file in its hands.
fn said_of_hash(inspection: &Inspection, what: &ExtractArguments, between: &dyn Fn()) -> String {
    let mut extraction = open(inspection, what);
    extraction.passes(0, &|| false, &mut Vec::new()).unwrap();
    between();
    let mut out = Vec::new();
    extraction.report(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn hash_line(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256 {hex}\n")
}

#[test]
fn a_file_that_is_written_in_order_is_hashed_as_it_is_written() {
    let rig = Rig::new("hash");
    let inspection = rig.inspection([&[], &[], &[]], 0);
    let what = ExtractArguments { sha256: true, ..rig.arguments("hash.img") };
    // Nothing of it is read back: it could not be.
    let said = said_of_hash(&inspection, &what, &|| fs::write(&what.to, "gone").unwrap());
    assert!(said.ends_with(&hash_line(&rig.volume)), "{said}");
}

#[test]
fn what_is_not_written_in_order_is_read_back_for_the_hash() {
    let rig = Rig::new("hash-back");
    // A sector that is lost, in the first megabyte as everything.
    let bad: [&[u64]; 3] = [&[50], &[50], &[]];
    let inspection = rig.inspection(bad, u32::MAX);
    let what = ExtractArguments { sha256: true, ..rig.arguments("back.img") };
    let said = said_of_hash(&inspection, &what, &|| ());
    let file = fs::read(&what.to).unwrap();
    let lost = file.iter().zip(&rig.volume).position(|(a, b)| a != b).unwrap();
    let end = lost / SECTOR * SECTOR;
    let how = format!("hashed as written up to byte {end}, read back from there on\n");
    assert!(said.ends_with(&(hash_line(&file) + &how)), "{end}: {said}");
    // A run that finds everything done reads all of it back.
    let said = said_of_hash(&inspection, &what, &|| ());
    let how = "hashed as written up to byte 0, read back from there on\n";
    assert!(said.ends_with(&(hash_line(&file) + how)), "{said}");
}

/// A member that answers for no sector of a row before the test is over.
struct Stuck {
    bytes: Vec<u8>,
    row: std::ops::Range<u64>,
    over: Arc<(Mutex<bool>, Condvar)>,
}

impl ReadAt for Stuck {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        if offset < self.row.end && offset + into.len() as u64 > self.row.start {
            let (over, changed) = &*self.over;
            drop(changed.wait_while(over.lock().unwrap(), |over| !*over).unwrap());
        }
        into.copy_from_slice(&self.bytes[offset as usize..][..into.len()]);
        Ok(())
    }
}

#[test]
fn a_disk_that_does_not_answer_in_time_is_left_and_its_data_computed() {
    let rig = Rig::new("stuck");
    let mut inspection = rig.inspection([&[], &[], &[]], 0);
    let over = Arc::new((Mutex::new(false), Condvar::new()));
    let row = 90 * CHUNK as u64;
    let bytes = rig.disks[1].clone();
    let stuck = Stuck { bytes, row: row..row + CHUNK as u64, over: Arc::clone(&over) };
    inspection.sources[1] = Source { name: "d1".to_owned(), bytes: Box::new(stuck) };
    inspection.wait_at_most(Duration::from_millis(200)).unwrap();
    let what = rig.arguments("stuck.img");
    let mut extraction = open(&inspection, &what);
    extraction.passes(0, &|| false, &mut Vec::new()).unwrap();
    assert!(extraction.map.areas_of(Status::Bad).is_empty());
    assert!(fs::read(&what.to).unwrap() == rig.volume);
    *over.0.lock().unwrap() = true;
    over.1.notify_all();
}
