// SPDX-License-Identifier: MIT OR Apache-2.0
//! Run-time changes: what is recorded is what is read, and nothing else changes.

mod administration;
mod bad_blocks;
mod changes;
mod checkpoints;
mod damage;
mod guard;
mod habits;
mod mdadm;
mod others;
mod records;
mod revisions;
mod rosters;
mod seal;
mod spares;
mod state;

use crate::media::{Rig, healthy};
use raid_core::array::{ArrayId, ArrayState, Place};
use raid_core::metadata::{
    Admin, ChangeError, Operation, Progress, RunTime, RuntimeState, SpareRequest,
};
use raid_core::units::{Slot, SlotSet};
use raid_ddf::Ddf;

fn state_of(clean: bool, failed: &[u8], rebuilding: &[u8]) -> RuntimeState {
    let set = |slots: &[u8]| -> SlotSet { slots.iter().copied().map(Slot).collect() };
    let (failed, rebuilding) = (set(failed), set(rebuilding));
    let rebuild = Progress::start(Operation::Rebuild { targets: rebuilding });
    let progress = (!rebuilding.is_empty()).then_some(rebuild);
    RuntimeState { clean, failed, rebuilding, progress, ..healthy() }
}

fn with(shape: raid_core::array::Geometry, disks: &[usize], count: usize) -> (Rig, ArrayId) {
    let mut rig = Rig::container(count);
    let array = rig.create("array", shape, disks).unwrap();
    (rig, array)
}

fn stored(rig: &Rig) -> (u64, ArrayState) {
    let told = rig.told();
    let (array, _) = told.array("array");
    (told.raw_of(array.id, "VD_State").unwrap(), array.state)
}

fn assign(rig: &mut Rig, request: &SpareRequest<'_>) -> Result<(), ChangeError> {
    let stamp = rig.stamp();
    rig.edit(|disks| Ddf::new().assign_spare(disks, request, stamp))
}

fn activate(rig: &mut Rig, array: ArrayId, slot: u8, spare: usize) -> Result<(), ChangeError> {
    let (place, stamp) = (Place { set: 0, slot: Slot(slot) }, rig.stamp());
    rig.edit(|disks| Ddf::new().activate(disks, array, place, spare, stamp))
}
