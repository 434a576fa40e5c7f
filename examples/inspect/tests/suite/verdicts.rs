// SPDX-License-Identifier: MIT OR Apache-2.0
//! The exit code when several things are wrong at once.

use crate::bench::{array, geometry, inspection, sources};
use raid_array::discover::{Cause, Claim, FoundFinding, Unreadable};
use raid_core::array::{ArrayId, Level, MemberState, Placement};
use raid_core::metadata::{Finding, Severity};
use raid_core::units::Extent;
use raid_inspect::{ExitCode, Inspection, json_report};
use raid_testdata::SparseImage;
use std::sync::Arc;

fn claim() -> Claim {
    Claim {
        format: 0,
        format_name: "made up",
        pieces: Vec::new(),
        descriptor: None,
        raw: Vec::new(),
    }
}

/// Three disks and a mirror of three in good order.
fn healthy() -> Inspection {
    let disks = std::iter::repeat_n(Arc::new(SparseImage::zeroed(512 * 1024)), 3);
    let mirror = array(geometry(Level::Raid1, Placement::Fixed, 3), 64);
    let mut inspection = inspection(sources(&disks.collect::<Vec<_>>()), vec![mirror]);
    inspection.discovery.disks.iter_mut().for_each(|disk| disk.claims.push(claim()));
    inspection
}

fn code(inspection: &Inspection) -> u8 {
    let mut out = Vec::new();
    json_report(inspection, &mut out).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&out).unwrap();
    u8::try_from(report["exit_code"].as_u64().unwrap()).unwrap()
}

fn degrade(inspection: &mut Inspection) {
    inspection.discovery.arrays[0].members[0].descriptor.state = MemberState::Failed;
}

fn damage(inspection: &mut Inspection) {
    find(inspection, Severity::Damage, None);
}

fn find(inspection: &mut Inspection, severity: Severity, array: Option<ArrayId>) {
    let finding = Finding {
        severity,
        code: 1,
        disk: Some(0),
        array,
        copy: "record",
        at: None,
        what: "crc",
        found: None,
        expected: None,
    };
    inspection.discovery.findings.push(FoundFinding { format_name: "made up", finding });
}

fn lose(inspection: &mut Inspection) {
    for member in &mut inspection.discovery.arrays[0].members {
        member.descriptor.state = MemberState::Failed;
    }
}

fn contest(inspection: &mut Inspection) {
    inspection.discovery.disks[1].claims.push(claim());
}

fn fail(inspection: &mut Inspection, cause: Cause) {
    let why = "why".to_owned();
    let unreadable = Unreadable { extent: Extent::new(0, 1), why, cause };
    inspection.discovery.disks[2].unreadable.push(unreadable);
}

type Step = fn(&mut Inspection);

#[test]
fn the_first_that_applies_of_4_8_2_3_1_is_given() {
    let steps: [(Step, ExitCode); 6] = [
        (|_| {}, ExitCode::Consistent),
        (degrade, ExitCode::Degraded),
        (damage, ExitCode::Damaged),
        (lose, ExitCode::NotReadable),
        (contest, ExitCode::Conflict),
        (|inspection| fail(inspection, Cause::Medium), ExitCode::Usage),
    ];
    // Each alone, and each on top of all before.
    let mut all = healthy();
    for (step, expected) in steps {
        let mut alone = healthy();
        step(&mut alone);
        step(&mut all);
        assert_eq!((code(&alone), code(&all)), (expected as u8, expected as u8));
    }
}

#[test]
fn notes_warnings_and_wrong_addresses_do_not_change_the_verdict() {
    let mut inspection = healthy();
    find(&mut inspection, Severity::Note, None);
    find(&mut inspection, Severity::Warning, None);
    fail(&mut inspection, Cause::NothingThere);
    assert_eq!(code(&inspection), ExitCode::Consistent as u8);
}

#[test]
fn a_refused_array_that_is_not_there_otherwise_is_not_readable() {
    let mut inspection = healthy();
    let id = inspection.discovery.arrays[0].descriptor.id;
    find(&mut inspection, Severity::Refusal, Some(id));
    assert_eq!(code(&inspection), ExitCode::Damaged as u8, "the array stands all the same");
    find(&mut inspection, Severity::Refusal, Some(ArrayId([9; 24])));
    assert_eq!(code(&inspection), ExitCode::NotReadable as u8);
}

#[test]
fn disks_without_metadata_alone_are_nothing_found() {
    let mut inspection = healthy();
    inspection.discovery.arrays.clear();
    assert_eq!(code(&inspection), ExitCode::Consistent as u8, "disks without an array");
    inspection.discovery.disks.iter_mut().for_each(|disk| disk.claims.clear());
    assert_eq!(code(&inspection), ExitCode::Nothing as u8);
    fail(&mut inspection, Cause::Medium);
    assert_eq!(code(&inspection), ExitCode::Usage as u8);
}
