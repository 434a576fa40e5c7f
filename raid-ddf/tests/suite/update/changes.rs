// SPDX-License-Identifier: MIT OR Apache-2.0
//! An update of each kind, over a configuration of two arrays.

use crate::media::{self, Rig, geometry};
use crate::update::{activate, assign, state_of};
use raid_core::array::{ArrayId, Level, Placement};
use raid_core::metadata::{Admin, ChangeError, DiskCondition, RunTime, Served, SpareRequest};
use raid_ddf::{Ddf, Options};

/// Two arrays on three of five disks, and a spare; all written and read.
pub(crate) fn two_arrays(options: &Options) -> (Rig, ArrayId, ArrayId) {
    let mut rig = Rig::blank(&[media::SMALL; 5], options);
    let stamp = rig.stamp();
    rig.edit(|disks| raid_ddf::initialise(disks, stamp, options)).unwrap();
    let array = rig.create("array", geometry(Level::Raid1, Placement::Fixed, 2), &[0, 1]).unwrap();
    let five = geometry(Level::Raid5, Placement::NContinue, 3);
    let other = rig.create("other", five, &[0, 1, 2]).unwrap();
    assign(&mut rig, &SpareRequest::global(3)).unwrap();
    rig.commit();
    rig.reread();
    (rig, array, other)
}

pub(crate) type Change = (&'static str, fn(&mut Rig, ArrayId) -> Result<(), ChangeError>);

/// An update of each kind, made by whoever it may be.
pub(crate) const CHANGES: [Change; 11] = [
    ("open", |rig, array| rig.set_state(array, 0, &state_of(false, &[], &[]))),
    ("failure", |rig, array| rig.set_state(array, 0, &state_of(true, &[1], &[]))),
    ("the same state again", |rig, array| rig.set_state(array, 0, &state_of(true, &[], &[]))),
    ("activation", |rig, array| {
        rig.set_state(array, 0, &state_of(true, &[1], &[]))?;
        activate(rig, array, 1, 3)
    }),
    ("checkpoint", |rig, array| {
        let stamp = rig.stamp();
        let format = Ddf::new().with_checkpoints();
        let state = state_of(true, &[], &[]);
        rig.edit(|disks| format.set_state(disks, array, 0, &state, stamp))
    }),
    ("creation", |rig, _| {
        rig.create("new", geometry(Level::Single, Placement::Fixed, 1), &[4]).map(drop)
    }),
    ("deletion", |rig, array| {
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().delete_array(disks, array, stamp))
    }),
    ("spare", |rig, array| assign(rig, &SpareRequest::dedicated(4, &[Served::all(array)]))),
    ("release", |rig, _| {
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().release_spare(disks, 3, stamp))
    }),
    ("condition", |rig, _| {
        let told = rig.told();
        let id = told.disks.iter().find(|disk| disk.disk == 4).unwrap().id;
        let stamp = rig.stamp();
        let condition = DiskCondition { failure_predicted: true, ..DiskCondition::default() };
        rig.edit(|disks| Ddf::new().set_disk_condition(disks, id, condition, stamp))
    }),
    ("counted headers", |rig, _| {
        media::touch(rig);
        Ok(())
    }),
];
