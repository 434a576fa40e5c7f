// SPDX-License-Identifier: MIT OR Apache-2.0
//! The report for programs: JSON, format `raid-inspect/1`.
//!
//! Names and nesting stay as they are within a format number; fields may be added. All sizes are
//! numbers, all identities hexadecimal strings. `raw` holds fields as stored, under the names of the
//! format's own text.

use crate::disks::{Inspection, places};
use crate::forked::Settlement;
use crate::readiness::Readiness;
use crate::show::{finding_text, offset_bytes, secondary_name, severity_name};
use crate::size::{chunk_bytes, level_name, md_name};
use crate::verdict;
use raid_array::discover::{Choice, FoundArray, FoundDisk, FoundFinding, RawField};
use raid_array::trust::Accept;
use raid_core::array::MemberDescriptor;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::io::{self, Write};

#[derive(Serialize)]
struct Report<'a> {
    format: &'static str,
    disks: Vec<Disk<'a>>,
    arrays: Vec<Array<'a>>,
    findings: Vec<Finding<'a>>,
    remarks: Vec<Remark<'a>>,
    exit_code: u8,
}

#[derive(Serialize)]
struct Disk<'a> {
    index: usize,
    path: &'a str,
    error: Option<&'a str>,
    size_bytes: u64,
    block_size: u32,
    /// The first of `formats`.
    format: Option<&'static str>,
    formats: Vec<&'static str>,
    configuration: Option<String>,
    id: Option<String>,
    sequence: Option<u64>,
    role: Option<&'static str>,
    spare: bool,
    usable_blocks: Option<u64>,
    unreadable: Vec<Unreadable<'a>>,
    raw: Raw<'a>,
}

#[derive(Serialize)]
struct Unreadable<'a> {
    lba: u64,
    blocks: u64,
    why: &'a str,
}

#[derive(Serialize)]
struct Array<'a> {
    id: String,
    name: String,
    format: &'static str,
    level: &'static str,
    layout: &'static str,
    md_layout: Option<&'static str>,
    secondary: &'static str,
    sets: u16,
    slots: u16,
    chunk_bytes: u64,
    block_size: u32,
    member_blocks: u64,
    size_bytes: u64,
    state: &'static str,
    clean: bool,
    initialisation: &'static str,
    readable: bool,
    refusal: Option<String>,
    /// What every risk accepted makes of an array that is not readable; else null.
    forced: Option<Forced<'a>>,
    members: Vec<Member<'a>>,
    /// Its histories, if its disks ran apart.
    branches: Vec<Branch<'a>>,
    raw: Raw<'a>,
}

#[derive(Serialize)]
struct Member<'a> {
    /// set × slots + slot.
    slot: usize,
    set: u16,
    slot_in_set: u8,
    disk: Option<usize>,
    path: Option<&'a str>,
    id: Option<String>,
    start_lba: u64,
    size_blocks: u64,
    state: &'static str,
    raw: Raw<'a>,
}

#[derive(Serialize)]
struct Forced<'a> {
    readable: bool,
    refusal: Option<String>,
    on_trust: Vec<OnTrust<'a>>,
}

#[derive(Serialize)]
struct OnTrust<'a> {
    risk: &'static str,
    set: Option<u16>,
    slot_in_set: Option<u8>,
    disk: Option<usize>,
    path: Option<&'a str>,
    text: String,
}

#[derive(Serialize)]
struct Branch<'a> {
    number: u16,
    disks: Vec<usize>,
    paths: Vec<&'a str>,
    sequence: Option<u64>,
    unix_seconds: Option<u64>,
    without: Vec<BranchPlace>,
    /// The command that reads the array as this history has it.
    run: String,
    /// The disks that are given back as new ones if it is kept, and the command for that.
    give_back_disks: Vec<usize>,
    give_back: String,
    /// What is lost then.
    lost: String,
}

#[derive(Serialize)]
struct BranchPlace {
    set: u16,
    slot_in_set: u8,
}

#[derive(Serialize)]
struct Remark<'a> {
    kind: &'static str,
    disk: usize,
    path: &'a str,
    other: Option<usize>,
    text: &'a str,
}

#[derive(Serialize)]
struct Finding<'a> {
    severity: &'static str,
    format: &'static str,
    code: u16,
    disk: Option<usize>,
    path: Option<&'a str>,
    array: Option<String>,
    copy: &'static str,
    lba: Option<u64>,
    offset_bytes: Option<u64>,
    what: &'static str,
    found: Option<u64>,
    expected: Option<u64>,
    text: String,
}

/// Fields as stored, in their order; a name that comes again gets a number.
struct Raw<'a>(Vec<&'a RawField>);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (index, raw) in self.0.iter().enumerate() {
            let earlier = self.0[..index].iter().filter(|earlier| earlier.field == raw.field);
            match earlier.count() {
                0 => map.serialize_entry(raw.field, &raw.value),
                again => map.serialize_entry(&format!("{}#{}", raw.field, again + 1), &raw.value),
            }?;
        }
        map.end()
    }
}

/// Writes everything that was found.
///
/// # Errors
/// What writing says.
pub fn report(inspection: &Inspection, out: &mut dyn Write) -> io::Result<()> {
    let found = &inspection.discovery;
    let disks = found.disks.iter().enumerate();
    let report = Report {
        format: "raid-inspect/1",
        disks: disks.map(|(index, disk)| self::disk(inspection, index, disk)).collect(),
        arrays: found.arrays.iter().map(|array| self::array(inspection, array)).collect(),
        findings: found.findings.iter().map(|found| finding(inspection, found)).collect(),
        remarks: inspection.remarks.iter().map(|found| remark(inspection, found)).collect(),
        exit_code: verdict::of(inspection) as u8,
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}

fn disk<'a>(inspection: &'a Inspection, index: usize, disk: &'a FoundDisk) -> Disk<'a> {
    let descriptor = disk.claims.iter().find_map(|claim| claim.descriptor);
    Disk {
        index,
        path: &disk.name,
        error: inspection.open_error(index),
        size_bytes: inspection.sources[index].bytes.len(),
        block_size: disk.shape.block_size,
        format: disk.claims.first().map(|claim| claim.format_name),
        formats: disk.claims.iter().map(|claim| claim.format_name).collect(),
        configuration: descriptor.map(|disk| disk.configuration.to_string()),
        id: descriptor.map(|disk| disk.id.to_string()),
        sequence: descriptor.and_then(|disk| disk.sequence),
        role: descriptor.map(|disk| disk.role.name()),
        spare: descriptor.is_some_and(|disk| disk.role.is_spare()),
        usable_blocks: descriptor.map(|disk| disk.usable.0),
        unreadable: (disk.unreadable.iter())
            .map(|run| Unreadable {
                lba: run.extent.start.0,
                blocks: run.extent.len.0,
                why: &run.why,
            })
            .collect(),
        raw: Raw(disk.claims.iter().flat_map(|claim| &claim.raw).collect()),
    }
}

fn array<'a>(inspection: &'a Inspection, array: &'a FoundArray) -> Array<'a> {
    let descriptor = &array.descriptor;
    let geometry = &descriptor.geometry;
    let refusal = Readiness::of(inspection, array, Accept::NOTHING).err();
    let forced = refusal.is_some().then(|| forced(inspection, array));
    Array {
        id: descriptor.id.to_string(),
        name: descriptor.name.to_string(),
        format: array.format_name,
        level: level_name(geometry),
        layout: geometry.placement.name(),
        md_layout: md_name(geometry),
        secondary: secondary_name(geometry.secondary),
        sets: geometry.sets,
        slots: geometry.slots,
        chunk_bytes: chunk_bytes(geometry),
        block_size: geometry.block_size,
        member_blocks: geometry.member_blocks.0,
        size_bytes: descriptor.size.bytes(geometry.block_size).unwrap_or(u64::MAX),
        state: descriptor.state.name(),
        clean: descriptor.clean,
        initialisation: descriptor.initialisation.name(),
        readable: refusal.is_none(),
        refusal: refusal.map(|refusal| refusal.to_string()),
        forced,
        members: places(array).iter().map(|place| member(inspection, array, place)).collect(),
        branches: (crate::forked::settlements(inspection, array).into_iter())
            .map(|(choice, settled)| branch(inspection, choice, settled))
            .collect(),
        raw: Raw(array.raw.iter().collect()),
    }
}

fn forced<'a>(inspection: &'a Inspection, array: &FoundArray) -> Forced<'a> {
    let ready = Readiness::of(inspection, array, Accept::ALL);
    let (refusal, trusted) = match ready {
        Ok(ready) => (None, ready.trusted),
        Err(refusal) => (Some(refusal.to_string()), Vec::new()),
    };
    let on_trust = trusted.into_iter().map(|taken| OnTrust {
        risk: taken.risk.name(),
        set: taken.set,
        slot_in_set: taken.place.map(|place| place.slot.0),
        disk: taken.disk,
        path: taken.disk.map(|disk| inspection.disk_name(disk)),
        text: taken.what,
    });
    Forced { readable: refusal.is_none(), refusal, on_trust: on_trust.collect() }
}

fn branch<'a>(inspection: &'a Inspection, choice: Choice<'_>, settled: Settlement) -> Branch<'a> {
    let found = choice.kept;
    let without = found.failed.iter();
    Branch {
        number: found.number,
        disks: found.disks.clone(),
        paths: found.disks.iter().map(|disk| inspection.disk_name(*disk)).collect(),
        sequence: found.sequence,
        unix_seconds: found.unix_seconds,
        without: without
            .map(|place| BranchPlace { set: place.set, slot_in_set: place.slot.0 })
            .collect(),
        run: settled.run,
        give_back_disks: choice.given_back,
        give_back: settled.give_back,
        lost: settled.lost,
    }
}

fn remark<'a>(inspection: &'a Inspection, found: &'a crate::Remark) -> Remark<'a> {
    Remark {
        kind: found.kind.name(),
        disk: found.disk,
        path: inspection.disk_name(found.disk),
        other: found.kind.other(),
        text: &found.text,
    }
}

fn member<'a>(
    inspection: &'a Inspection,
    array: &'a FoundArray,
    member: &MemberDescriptor,
) -> Member<'a> {
    // They are ordered by place.
    let before = array.members.partition_point(|found| found.descriptor.place < member.place);
    let claims = array.members.iter().skip(before);
    let mut claims = claims.take_while(|found| found.descriptor.place == member.place);
    let raw = claims.find(|found| found.descriptor == *member);
    Member {
        slot: array.running(member.place),
        set: member.place.set,
        slot_in_set: member.place.slot.0,
        disk: member.disk,
        path: member.disk.map(|disk| inspection.disk_name(disk)),
        id: member.id.map(|id| id.to_string()),
        start_lba: member.start.0,
        size_blocks: member.len.0,
        state: member.state.name(),
        raw: Raw(raw.into_iter().flat_map(|found| &found.raw).collect()),
    }
}

fn finding<'a>(inspection: &'a Inspection, found: &FoundFinding) -> Finding<'a> {
    let finding = &found.finding;
    Finding {
        severity: severity_name(finding.severity),
        format: found.format_name,
        code: finding.code,
        disk: finding.disk,
        path: finding.disk.map(|disk| inspection.disk_name(disk)),
        array: finding.array.map(|array| array.to_string()),
        copy: finding.copy,
        lba: finding.at.map(|at| at.0),
        offset_bytes: offset_bytes(inspection, found),
        what: finding.what,
        found: finding.found,
        expected: finding.expected,
        text: finding_text(inspection, found),
    }
}
