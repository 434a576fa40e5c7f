// SPDX-License-Identifier: MIT OR Apache-2.0
//! One line for every disk and every array, the words in a fixed order, and one for all findings.

use crate::disks::{Inspection, is_readable, places};
use crate::readiness::Readiness;
use crate::show::severity_name;
use crate::size::{human, level_name};
use raid_array::trust::Accept;
use raid_core::metadata::Severity;
use std::io::{self, Write};

/// Writes the lines.
pub(crate) fn report(inspection: &Inspection, out: &mut dyn Write) -> io::Result<()> {
    for (index, disk) in inspection.discovery.disks.iter().enumerate() {
        let size = human(inspection.sources[index].bytes.len());
        let remarks = || inspection.remarks.iter().filter(move |remark| remark.disk == index);
        let mut line = format!("disk {}: {size}", disk.name);
        if let Some(error) = inspection.open_error(index) {
            line += &format!(", {error}");
        } else if inspection.over_bound(index).is_some() {
            line += ", metadata not read in full";
        } else if disk.claims.is_empty() && remarks().next().is_none() {
            line += ", no metadata";
        }
        for claim in &disk.claims {
            line += &format!(", {}", claim.format_name);
            match &claim.descriptor {
                Some(descriptor) => line += &format!(" {}", descriptor.role.name()),
                None => line += " not usable",
            }
        }
        for remark in remarks() {
            line += &format!(", {}", remark.text);
        }
        writeln!(out, "{line}")?;
    }
    for array in &inspection.discovery.arrays {
        let descriptor = &array.descriptor;
        let bytes = descriptor.size.bytes(descriptor.geometry.block_size).unwrap_or(u64::MAX);
        let members = places(array);
        writeln!(
            out,
            "array {}: {}, {}, {}, {} of {} members, {}, {}",
            descriptor.name,
            level_name(&descriptor.geometry),
            human(bytes),
            descriptor.state.name().replace('_', " "),
            members.iter().filter(|member| is_readable(member)).count(),
            members.len(),
            array.format_name,
            descriptor.id,
        )?;
        if let Err(refusal) = Readiness::of(inspection, array, Accept::NOTHING) {
            writeln!(out, "array {}: not readable: {refusal}", descriptor.name)?;
        }
    }
    let findings = &inspection.discovery.findings;
    let counts: Vec<String> = [Severity::Refusal, Severity::Damage, Severity::Warning]
        .into_iter()
        .map(|severity| {
            (severity, findings.iter().filter(|f| f.finding.severity == severity).count())
        })
        .filter(|(_, count)| *count > 0)
        .map(|(severity, count)| format!("{} {count}", severity_name(severity)))
        .collect();
    if !counts.is_empty() {
        writeln!(out, "findings: {}; raid-inspect show names them", counts.join(", "))?;
    }
    Ok(())
}
