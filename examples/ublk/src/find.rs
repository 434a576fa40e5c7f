// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which disks an array needs, found by looking through disks. Nothing is opened for writing here.
//!
//! | place given | looked at |
//! |---|---|
//! | none | every whole disk of the machine |
//! | a directory | its files and whole disks; links are followed, directories below are not entered |
//! | a file or device | that one |
//!
//! Devices that are served from user space are passed over: one whose server is gone answers nobody.

use crate::failure::Failure;
use raid_array::discover::FoundArray;
use raid_array::foreign::configuration_of;
use raid_array::member::Identity;
use raid_core::array::ArrayId;
use raid_core::metadata::DiskDescriptor;
use raid_inspect::{Choice, Inspection, RemarkKind};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The block devices of this machine, by name.
const DEVICES: &str = "/sys/class/block";

/// The array that is needed, and its disks.
pub(crate) struct Needed {
    pub(crate) id: ArrayId,
    /// Its members, the other disks of its configuration, and spares that serve it.
    pub(crate) paths: Vec<PathBuf>,
}

/// Looks for an array on all disks of these places, but those left out.
pub(crate) fn needed(
    wanted: &str,
    places: &[PathBuf],
    left_out: &[String],
) -> Result<Needed, Failure> {
    let paths = without(&scan(places)?, left_out)?;
    let inspection = inspect(&paths);
    let array = choose(&inspection, Some(wanted))?;
    let disks = disks_of(&inspection, array);
    for remark in inspection.remarks.iter().filter(|remark| disks.contains(&remark.disk)) {
        if matches!(remark.kind, RemarkKind::CopyOf(_) | RemarkKind::Differs(_)) {
            let (name, other) = (remark.disk, remark.kind.other().unwrap_or(remark.disk));
            let [name, other] = [name, other].map(|disk| inspection.disk_name(disk));
            let what = match remark.kind {
                RemarkKind::CopyOf(_) => "it is a copy of",
                _ => "it passes for, and differs from,",
            };
            return Err(Failure::refused(format!(
                "array {}: {name}: {what} {other}, and only one of them is written; leave out the one that is not \
                 meant: --without {name} or --without {other}",
                array.descriptor.name
            )));
        }
    }
    let paths = disks.into_iter().map(|disk| paths[disk].clone()).collect();
    Ok(Needed { id: array.descriptor.id, paths })
}

/// These disks, but those that are left out by their names.
pub(crate) fn without(paths: &[PathBuf], names: &[String]) -> Result<Vec<PathBuf>, String> {
    let out = raid_inspect::left_out(paths, names)?;
    let left = paths.iter().enumerate().filter(|(disk, _)| !out.contains(disk));
    Ok(left.map(|(_, path)| path.clone()).collect())
}

/// Looks at these disks; those that cannot be opened are named and passed over.
pub(crate) fn inspect(paths: &[PathBuf]) -> Inspection {
    let inspection = Inspection::open(paths);
    for (path, error) in inspection.unopened() {
        eprintln!("raid-ublk: {path}: {error}");
    }
    inspection
}

/// The array that is meant, as raid-inspect chooses it.
pub(crate) fn choose<'i>(
    inspection: &'i Inspection,
    wanted: Option<&str>,
) -> Result<&'i FoundArray, Failure> {
    let choice = Choice { array: wanted.map(str::to_owned), ..Choice::default() };
    raid_inspect::choose(inspection, &choice).map_err(|(code, why)| Failure { code, why })
}

/// The disks that an engine of this array writes or may write, each once.
fn disks_of(inspection: &Inspection, array: &FoundArray) -> Vec<usize> {
    let found = &inspection.discovery;
    let configuration = configuration_of(found, array);
    let takes_part = |disk: &DiskDescriptor| {
        Some(disk.configuration) == configuration
            || disk.role.is_spare() && disk.configuration == ArrayId::ANY
    };
    let own = |disk: &usize| {
        let claims = found.disks.get(*disk).into_iter().flat_map(|disk| &disk.claims);
        let own = claims.filter(|claim| claim.format == array.format);
        let member = array.members.iter().any(|member| member.descriptor.disk == Some(*disk));
        // A copy is taken out of what was found: it is named all the same.
        let copy = inspection.remarks.iter().any(|remark| {
            let of_member =
                |of: usize| array.members.iter().any(|member| member.descriptor.disk == Some(of));
            remark.disk == *disk && matches!(remark.kind, RemarkKind::CopyOf(of) if of_member(of))
        });
        member || copy || own.filter_map(|claim| claim.descriptor).any(|disk| takes_part(&disk))
    };
    (0..found.disks.len()).filter(own).collect()
}

/// The disks of these places, in order of their names.
pub(crate) fn scan(places: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    if places.is_empty() {
        let failed = |error: io::Error| format!("{DEVICES}: {error}; say where the disks are");
        let names = names_in(Path::new(DEVICES)).map_err(failed)?;
        let devices =
            names.iter().filter_map(|path| Some(Path::new("/dev").join(path.file_name()?)));
        return Ok(devices.filter(|path| is_candidate(path)).collect());
    }
    let mut paths = Vec::new();
    for place in places {
        if place.is_dir() {
            let names = names_in(place).map_err(|error| format!("{}: {error}", place.display()))?;
            paths.extend(names.into_iter().filter(|path| is_candidate(path)));
        } else {
            paths.push(place.clone());
        }
    }
    Ok(paths)
}

fn names_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Whether this can be a whole disk that answers.
fn is_candidate(path: &Path) -> bool {
    let identity = fs::metadata(path).ok().and_then(|metadata| Identity::of(&metadata));
    let Some(Identity::Device(number)) = identity else { return identity.is_some() };
    let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
    // `/sys/dev/block/8:1` leads to `…/block/sda/sda1`.
    let known = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}"));
    let Ok(known) = known else { return true };
    let name = known.file_name().unwrap_or_default().to_string_lossy();
    let served = ["ublkb", "nbd"].iter().any(|kind| name.starts_with(kind));
    let empty = fs::read_to_string(known.join("size")).is_ok_and(|size| size.trim() == "0");
    !served && !empty && !known.join("partition").exists()
}
