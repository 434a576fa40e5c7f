// SPDX-License-Identifier: MIT OR Apache-2.0
//! Disks that are damaged, truncated, hostile or mixed up: what is wrong is named, what can be read
//! is read, and nothing hangs or panics.

use crate::bench::{accept, images, sources};
use crate::on_disk::{CONFIGURATION_RECORDS, PD_RECORDS, crc, edit, headers, number, section};
use raid_core::array::MemberState;
use raid_core::metadata::Severity;
use raid_inspect::{ArrayReader, ExitCode, Inspection, text_report};
use raid_testdata::{SparseImage, scenario};
use std::sync::Arc;

fn inspect(images: &[SparseImage]) -> Inspection {
    let images: Vec<_> = images.iter().cloned().map(Arc::new).collect();
    Inspection::of(sources(&images))
}

fn disks(name: &str) -> Vec<SparseImage> {
    images(&scenario("ddf-mdadm", name)).iter().map(|image| (**image).clone()).collect()
}

fn report(inspection: &Inspection) -> String {
    let mut out = Vec::new();
    text_report(inspection, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn exit_code(inspection: &Inspection) -> u8 {
    let mut out = Vec::new();
    raid_inspect::json_report(inspection, &mut out).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&out).unwrap();
    u8::try_from(report["exit_code"].as_u64().unwrap()).unwrap()
}

/// Every array that can be read is read: nothing panics.
fn read_all(inspection: &Inspection) {
    for array in &inspection.discovery.arrays {
        for force in [false, true] {
            if let Ok(mut reader) = ArrayReader::new(inspection, array, accept(force)) {
                let mut bytes = vec![0; reader.size().min(1 << 16) as usize];
                // What is read is not judged here: that nothing panics is.
                let _ = reader.read_at(0, &mut bytes);
                let last = reader.size() - bytes.len() as u64;
                let _ = reader.read_at(last, &mut bytes);
            }
        }
    }
}

#[test]
fn the_crc_of_these_tests_is_the_one_on_the_disks() {
    let image = &disks("raid1-2d")[0];
    for header in headers(image) {
        assert_eq!(u64::from(crc(&image.bytes(header, 512))), number(image, header + 4, 4));
    }
    let (start, len) = section(image, headers(image)[1], PD_RECORDS);
    assert_eq!(u64::from(crc(&image.bytes(start, len))), number(image, start + 4, 4));
}

#[test]
fn a_disk_cut_short_or_overwritten_is_a_missing_member() {
    let whole = disks("raid5-n-restart-3d-64k");
    let len = whole[1].len;
    let mut ones = SparseImage::zeroed(len);
    (0..len / 4096).for_each(|block| {
        ones.blocks.insert(block, vec![0xff; 4096].into());
    });
    let cuts = [0, 1, 511, 512, 4096, 1 << 20, len / 2, len - 4096, len - 512, len - 1];
    let mut broken: Vec<SparseImage> = cuts.map(|len| whole[1].resized(len)).to_vec();
    broken.extend([SparseImage::zeroed(len), ones]);
    for (case, disk) in broken.into_iter().enumerate() {
        let alone = inspect(std::slice::from_ref(&disk));
        assert_eq!(exit_code(&alone), ExitCode::Nothing as u8, "case {case}");
        assert!(alone.discovery.arrays.is_empty(), "case {case}");
        let inspection = inspect(&[whole[0].clone(), disk, whole[2].clone()]);
        assert_eq!(exit_code(&inspection), ExitCode::Degraded as u8, "case {case}");
        let members = &inspection.discovery.arrays[0].members;
        let missing = members.iter().filter(|m| m.descriptor.state == MemberState::Missing);
        assert_eq!(missing.count(), 1, "case {case}");
        read_all(&inspection);
    }
}

#[test]
fn headers_that_point_at_themselves_or_each_other_are_named() {
    let whole = disks("raid1-2d");
    let [anchor, primary, secondary] = headers(&whole[0]).map(|offset| offset / 512);
    let targets = [
        (anchor, anchor),
        (secondary, primary),
        (primary, primary),
        (0, 0),
        (u64::MAX, u64::MAX),
        (u64::MAX - 1, anchor + 1),
        (u64::MAX / 512, 1),
    ];
    for (to_primary, to_secondary) in targets {
        let mut disk = whole[0].clone();
        for header in headers(&whole[0]) {
            edit(&mut disk, header, 512, |bytes| {
                bytes[96..104].copy_from_slice(&to_primary.to_be_bytes());
                bytes[104..112].copy_from_slice(&to_secondary.to_be_bytes());
            });
        }
        let inspection = inspect(&[disk, whole[1].clone()]);
        let text = report(&inspection);
        let context = format!("{to_primary:#x} {to_secondary:#x}\n{text}");
        let worst = inspection.discovery.findings.iter().filter(|found| {
            found.finding.severity >= Severity::Damage && found.finding.disk == Some(0)
        });
        let worst: Vec<_> = worst.map(|found| found.finding).collect();
        assert!(worst.iter().any(|f| f.found.is_some() && f.expected.is_some()), "{context}");
        assert!(worst.iter().any(|f| f.at.is_some()), "{context}");
        assert!(exit_code(&inspection) >= 2, "{context}");
        read_all(&inspection);
    }
}

#[test]
fn a_damaged_section_is_named_with_disk_offset_found_and_expected() {
    let whole = disks("raid5-n-restart-3d-64k");
    for copy in [1, 2] {
        for field in [PD_RECORDS, 208, CONFIGURATION_RECORDS, 224] {
            let mut damaged = whole.clone();
            let (start, _) = section(&whole[1], headers(&whole[1])[copy], field);
            let right = number(&whole[1], start + 4, 4);
            let mut byte = whole[1].bytes(start + 40, 1);
            byte[0] ^= 0x10;
            damaged[1].write_at(start + 40, &byte);
            let inspection = inspect(&damaged);
            let found = inspection.discovery.findings.iter().map(|found| found.finding);
            let here: Vec<_> = found
                .filter(|f| f.disk == Some(1) && f.at.is_some_and(|at| at.0 == start / 512))
                .collect();
            let context = format!("copy {copy} section {field}: {}", report(&inspection));
            assert!(!here.is_empty(), "{context}");
            assert!(here.iter().all(|f| f.severity == Severity::Damage), "{context}");
            let crcs = here.iter().any(|f| [f.found, f.expected].contains(&Some(right)));
            assert!(crcs, "{context}");
            assert_eq!(exit_code(&inspection), ExitCode::Damaged as u8, "{context}");
            // The other copy is as good.
            let array = &inspection.discovery.arrays[0];
            let mut reader = ArrayReader::new(&inspection, array, accept(false)).unwrap();
            assert!(reader.readiness().gaps.is_empty(), "{context}");
            let mut bytes = vec![0; 65536];
            reader.read_at(65536 * 3, &mut bytes).unwrap();
            let volume = &scenario("ddf-mdadm", "raid5-n-restart-3d-64k").volumes[0];
            assert_eq!(volume.pattern.first_difference(65536 * 3, &bytes), None);
        }
    }
}

#[test]
fn members_of_two_configurations_are_not_mixed() {
    let (one, other) = (disks("raid1-2d"), disks("names"));
    let inspection = inspect(&[one[0].clone(), other[1].clone(), other[0].clone()]);
    let ids: Vec<_> = (inspection.discovery.disks.iter())
        .map(|disk| disk.claims[0].descriptor.unwrap().configuration)
        .collect();
    assert!(ids[0] != ids[1] && ids[1] == ids[2]);
    for array in &inspection.discovery.arrays {
        let members = array.members.iter().map(|member| member.descriptor);
        let name = array.descriptor.name.to_string();
        for member in members.filter(|member| member.disk.is_some()) {
            assert_eq!(member.disk == Some(0), name == "mirror", "{name}");
        }
    }
    assert_eq!(inspection.discovery.arrays.len(), 4);
    assert_eq!(exit_code(&inspection), ExitCode::Degraded as u8);
    read_all(&inspection);
}

#[test]
fn the_same_disk_twice_does_not_make_a_whole_array() {
    for name in ["raid0-2d-64k", "raid1-2d", "raid5-n-restart-3d-64k"] {
        let whole = disks(name);
        let inspection = inspect(&[whole[0].clone(), whole[0].clone()]);
        let text = report(&inspection);
        assert_eq!(inspection.discovery.arrays.len(), 1, "{name}: {text}");
        for array in &inspection.discovery.arrays {
            let in_sync = array
                .members
                .iter()
                .filter(|member| member.descriptor.state == MemberState::InSync);
            assert!(in_sync.count() <= 1, "{name}: {text}");
        }
        assert!(exit_code(&inspection) != 0, "{name}: {text}");
        read_all(&inspection);
    }
}

#[test]
fn members_that_share_blocks_are_named_and_not_read() {
    // The second volume's member on each disk is moved onto the first's.
    let mut disks = disks("names");
    let moved = disks.iter().map(|image| headers(image)[1..].to_vec()).collect::<Vec<_>>();
    let mut changed = 0;
    for (image, copies) in disks.iter_mut().zip(moved) {
        for header in copies {
            let (start, len) = section(image, header, CONFIGURATION_RECORDS);
            let record = number(image, header + 134, 2) as usize * 512;
            for at in (start..start + len as u64).step_by(record) {
                // The list of first blocks comes after that of references: 512 + 256 × 4 bytes on.
                if number(image, at, 4) == 0xeeee_eeee && number(image, at + 1536, 8) == 2048 {
                    edit(image, at, record, |bytes| {
                        bytes[1536..1544].copy_from_slice(&100u64.to_be_bytes());
                        bytes[1544..1552].copy_from_slice(&100u64.to_be_bytes());
                    });
                    changed += 1;
                }
            }
        }
    }
    assert_eq!(changed, 4);
    let inspection = inspect(&disks);
    let text = report(&inspection);
    assert_eq!(exit_code(&inspection), ExitCode::NotReadable as u8, "{text}");
    let refused = inspection
        .discovery
        .arrays
        .iter()
        .filter(|array| ArrayReader::new(&inspection, array, accept(false)).is_err());
    assert_eq!(refused.count(), 2, "{text}");
}
