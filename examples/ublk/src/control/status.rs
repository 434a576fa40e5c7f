// SPDX-License-Identifier: MIT OR Apache-2.0
//! `status`, for programs.

use super::{Desk, Left};
use crate::pace::Pace;
use raid_array::service::{Carrier, Scrub, Service};
use raid_core::array::Place;
use raid_core::metadata::Operation;
use raid_core::units::Slot;
use raid_sync::{Phase, Status};
use serde_json::{Value, json};
use std::sync::PoisonError;

impl Desk<'_> {
    /// What an array that runs is.
    pub(super) fn status(&self, service: &Service, array_name: &str) -> Result<Value, String> {
        let disks = self.disks();
        let (names, spares) = (disks.names.clone(), disks.spares.clone());
        let unused: Vec<Value> = (disks.unused.iter())
            .map(|(path, left)| {
                json!({
                    "path": path,
                    "failed_in_set": left.place().map(|place| place.set),
                    "failed_in_slot": left.place().map(|place| place.slot.0),
                    "replaced": matches!(left, Left::Replaced(_)),
                })
            })
            .collect();
        drop(disks);
        let device = self.device.clone();
        let paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        let paces: Vec<_> = paces.iter().map(Pace::rows_per_second).collect();
        let carrier = match service.carrier() {
            Carrier::Ring => "io_uring",
            Carrier::Threads => "threads",
        };
        let registered = service.registered();
        let array_name = array_name.to_owned();
        let name = move |disk: usize| names.get(disk).cloned().unwrap_or_default();
        let told = service.look(move |engine, scrubs| {
            let sets = (0..engine.set_count()).filter_map(|set| {
                let status = engine.state_of_set(set).ok()?;
                let members = (0..engine.geometry().slots).map(|slot| {
                    let place = Place { set, slot: Slot(slot as u8) };
                    let state = match place.slot {
                        slot if status.failed.contains(slot) => "failed",
                        slot if status.rebuilding.contains(slot) => "rebuilding",
                        _ => "in_sync",
                    };
                    let disk = engine.disk_at(place);
                    json!({
                        "slot": slot,
                        "state": state,
                        "disk": disk,
                        "path": disk.map(&name),
                    })
                });
                Some(json!({
                    "set": set,
                    "state": match () {
                        () if status.set_failed => "failed",
                        () if !status.failed.is_empty() => "degraded",
                        () if !status.rebuilding.is_empty() => "rebuilding",
                        () => "optimal",
                    },
                    "clean": status.clean,
                    "recorded": !status.unrecorded,
                    "operation": status.operation.map(operation),
                    "paused": status.phase == Phase::Paused,
                    "row": status.marks.map(|marks| marks.done.0),
                    "rows": engine.layout().rows(),
                    "rows_per_second": status.operation.and(paces.get(usize::from(set)).copied().flatten()),
                    "scrub": scrubs.get(&set).map(|scrub| found_by(scrub, &status)),
                    "mismatches": status.mismatches,
                    "unreadable": status.unreadable,
                    "owed_regions": status.owed_regions,
                    "members": members.collect::<Vec<_>>(),
                }))
            });
            let stats = engine.stats();
            json!({
                "format": "raid-status/1",
                "array": engine.array().to_string(),
                "name": array_name,
                "read_only": false,
                "device": device,
                "member_io": carrier,
                "registered_files": registered.files,
                "registered_buffers": registered.buffers,
                "level": engine.geometry().level_name(),
                "sets": sets.collect::<Vec<_>>(),
                "spares": spares.iter().map(|disk| json!({ "disk": disk, "path": name(*disk) }))
                    .collect::<Vec<_>>(),
                "unused": unused,
                "metadata_commits": stats.commits,
                "journal_bytes": stats.journal_bytes,
            })
        });
        told.map_err(|why| why.to_string())
    }
}

/// What a scrub found, for programs.
fn found_by(scrub: &Scrub, status: &Status) -> Value {
    let runs = matches!(status.operation, Some(Operation::Check | Operation::Repair));
    json!({
        "repairs": scrub.repairs,
        "complete": scrub.ended,
        "mismatches": scrub.mismatches,
        "repaired": scrub.repaired,
        "unreadable": if runs { status.unreadable } else { scrub.unreadable },
    })
}

/// What runs, for people.
pub(super) const fn noun(operation: Operation) -> &'static str {
    match operation {
        Operation::Rebuild { .. } => "a rebuild",
        Operation::Resync => "a resync",
        Operation::Initialise => "an initialisation",
        Operation::Check => "a check",
        Operation::Repair => "a repair",
        _ => "background work",
    }
}

/// Its name for programs.
pub(super) fn operation(operation: Operation) -> &'static str {
    match operation {
        Operation::Rebuild { .. } => "rebuild",
        Operation::Resync => "resync",
        Operation::Initialise => "initialise",
        Operation::Check => "check",
        Operation::Repair => "repair",
        _ => "other",
    }
}
