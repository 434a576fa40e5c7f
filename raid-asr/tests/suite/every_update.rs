// SPDX-License-Identifier: MIT OR Apache-2.0
//! An update of each kind, over disks with two arrays.

use crate::rig::{Rig, geometry, healthy, raid10, slots};
use raid_asr::Asr;
use raid_core::array::{ArrayId, Level, Place};
use raid_core::metadata::{Admin, ChangeError, Operation, Progress, RunTime, RuntimeState};
use raid_core::units::{Row, Slot};

/// RAID-10 of nine lines on disks 0 to 3, a mirror on 4 and 5, an unused disk, a spare.
pub(crate) fn two_arrays() -> (Rig, ArrayId, ArrayId) {
    let mut rig = Rig::unused(8);
    let wide = rig.create("wide", raid10(2), &[0, 1, 2, 3]).unwrap();
    let mirror = rig.create("mirror", geometry(Level::Raid1, 2), &[4, 5]).unwrap();
    let stamp = rig.stamp();
    rig.edit(|disks| Asr::new().add_spare(disks, 7, stamp)).unwrap();
    rig.commit();
    rig.reread();
    (rig, wide, mirror)
}

pub(crate) type Change =
    (&'static str, &'static [usize], fn(&mut Rig, ArrayId) -> Result<(), ChangeError>);

/// An update of each kind, and the disks that it reaches.
pub(crate) const CHANGES: [Change; 7] = [
    ("open", &[0, 1, 2, 3], |rig, array| {
        rig.set_state(array, 0, &RuntimeState { clean: false, ..healthy() })
    }),
    ("failure", &[0, 1, 2, 3], |rig, array| {
        rig.set_state(array, 1, &RuntimeState { failed: slots(&[1]), ..healthy() })
    }),
    ("checkpoint", &[0, 1, 2, 3], |rig, array| {
        let progress = Some(Progress { operation: Operation::Resync, mark: Row(128) });
        rig.set_state(array, 0, &RuntimeState { progress, ..healthy() })
    }),
    ("activation", &[0, 1, 2, 3, 7], |rig, array| {
        rig.set_state(array, 0, &RuntimeState { failed: slots(&[1]), ..healthy() })?;
        let (place, stamp) = (Place { set: 0, slot: Slot(1) }, rig.stamp());
        rig.edit(|disks| Asr::new().activate(disks, array, place, 7, stamp))
    }),
    ("creation", &[6], |rig, _| rig.create("new", geometry(Level::Single, 1), &[6]).map(drop)),
    ("deletion", &[0, 1, 2, 3], |rig, array| {
        let stamp = rig.stamp();
        rig.edit(|disks| Asr::new().delete_array(disks, array, stamp))
    }),
    ("release", &[7], |rig, _| {
        let stamp = rig.stamp();
        rig.edit(|disks| Asr::new().release_spare(disks, 7, stamp))
    }),
];
