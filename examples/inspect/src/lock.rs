// SPDX-License-Identifier: MIT OR Apache-2.0
//! The disks of an array that is read for long: nobody writes them meanwhile, unless that is accepted.

use crate::disks::Inspection;
use crate::readiness::by;
use raid_array::discover::FoundArray;
use raid_array::member::{ReadLock, Unowned};
use raid_array::trust::{Accept, Risk};
use std::collections::BTreeSet;
use std::path::Path;

/// Locks the disks of an array for reading, until what this returns is dropped. Those that somebody writes are read all
/// the same where [`Risk::BesideWriter`] is accepted, and named to `say`.
///
/// # Errors
/// A disk that somebody writes, or that cannot be locked; why, and how it is read all the same.
pub fn lock(
    inspection: &Inspection,
    array: &FoundArray,
    accept: Accept,
    say: &mut dyn FnMut(String),
) -> Result<Vec<ReadLock>, String> {
    let name = &array.descriptor.name;
    let disks: BTreeSet<usize> =
        array.members.iter().filter_map(|member| member.descriptor.disk).collect();
    let paths = disks.into_iter().filter_map(|disk| inspection.paths.get(disk));
    let mut locks = Vec::new();
    for path in paths {
        match ReadLock::take(Path::new(path)) {
            Ok(lock) => locks.push(lock),
            Err(error) if !matches!(error.why, Unowned::Written(_)) => {
                return Err(error.to_string());
            }
            Err(error) if accept.accepts(Risk::BesideWriter) => {
                let risk = Risk::BesideWriter.name();
                say(format!("array {name}: taken on trust ({risk}): {error}"));
            }
            Err(error) => {
                return Err(format!("array {name}: {error} ({})", by(Risk::BesideWriter)));
            }
        }
    }
    Ok(locks)
}
