// SPDX-License-Identifier: MIT OR Apache-2.0
//! The position of an operation, where it is asked for.

use crate::media::{self, Rig, geometry, healthy, raid10};
use crate::update::{state_of, with};
use raid_core::array::{Initialisation, Level, Placement};
use raid_core::metadata::{Admin, Operation, Progress, RunTime, RuntimeState};
use raid_core::units::Row;
use raid_ddf::Ddf;

#[test]
fn a_checkpoint_counts_until_somebody_else_writes_and_is_off_by_default() {
    let five = geometry(Level::Raid5, Placement::NContinue, 3);
    let (mut rig, array) = with(five, &[0, 1, 2], 4);
    let format = Ddf::new().with_checkpoints();
    assert!(format.capabilities().mark && !Ddf::new().capabilities().mark);
    let keep = |rig: &mut Rig, format: &dyn Admin, state: &RuntimeState| {
        let stamp = rig.stamp();
        rig.edit(|disks| format.set_state(disks, array, 0, state, stamp)).unwrap();
    };
    let rebuild = state_of(true, &[], &[1]).at(Row(4096));
    keep(&mut rig, &Ddf::new(), &rebuild);
    assert_eq!(rig.state(array, 0).unwrap().mark(), Row(0));
    let operations = [
        rebuild,
        RuntimeState {
            progress: Some(Progress { operation: Operation::Resync, mark: Row(77) }),
            ..healthy()
        },
        RuntimeState {
            progress: Some(Progress { operation: Operation::Initialise, mark: Row(78) }),
            initialisation: Initialisation::Running,
            ..healthy()
        },
        RuntimeState {
            progress: Some(Progress { operation: Operation::Check, mark: Row(79) }),
            ..healthy()
        },
    ];
    for state in operations {
        keep(&mut rig, &format, &state);
        rig.commit();
        rig.reread();
        assert_eq!(rig.state(array, 0), Some(state));
        // The standard's own fields stay careful.
        let told = rig.told();
        let equalises =
            matches!(state.operation(), Some(Operation::Resync | Operation::Initialise));
        assert_eq!(told.array("array").0.clean, !equalises, "{state:?}");
        // Another change of ours keeps it.
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().add_spare(disks, 3, stamp)).unwrap();
        assert_eq!(rig.state(array, 0), Some(state));
        let stamp = rig.stamp();
        rig.edit(|disks| Ddf::new().release_spare(disks, 3, stamp)).unwrap();
        // Somebody who does not know it counts the header on, as mdadm does.
        let mut touched = rig.clone();
        media::touch(&mut touched);
        let found = touched.state(array, 0).unwrap();
        assert_eq!((found.mark(), found.clean), (Row(0), !equalises), "{state:?}");
    }
    keep(&mut rig, &format, &healthy());
    assert_eq!(rig.state(array, 0), Some(healthy()));
    // Two at once have no mark, and a rebuild's mark is not another disk's.
    let both = state_of(true, &[], &[0, 1]).at(Row(4096));
    keep(&mut rig, &format, &both);
    assert_eq!(rig.state(array, 0).unwrap().mark(), Row(0));
}

/// Case B3. A parity set fills a member before it makes parity agree, and what it owes must not be forgotten
/// meanwhile: after a replay of the journal nobody would know of it.
#[test]
fn a_resync_that_is_owed_is_kept_beside_a_member_that_is_filled_first() {
    let six = geometry(Level::Raid6, Placement::NContinue, 4);
    let (mut rig, array) = with(six, &[0, 1, 2, 3], 4);
    let format = Ddf::new().with_checkpoints();
    for (operation, initialisation) in [
        (Operation::Resync, Initialisation::Full),
        (Operation::Initialise, Initialisation::Running),
    ] {
        let progress = Some(Progress::start(operation));
        let state = RuntimeState { progress, initialisation, ..state_of(false, &[], &[1]) };
        let stamp = rig.stamp();
        rig.edit(|disks| format.set_state(disks, array, 0, &state, stamp)).unwrap();
        rig.commit();
        rig.reread();
        assert_eq!(rig.state(array, 0), Some(state));
    }
}

#[test]
fn sets_keep_their_checkpoints_apart() {
    let (mut rig, array) = with(raid10(2), &[0, 1, 2, 3], 4);
    let format = Ddf::new().with_checkpoints();
    let mut keep = |set, state: &RuntimeState| {
        let stamp = rig.stamp();
        rig.edit(|disks| format.set_state(disks, array, set, state, stamp)).unwrap();
        [0, 1].map(|set| rig.state(array, set).unwrap())
    };
    let first = state_of(true, &[], &[1]).at(Row(640));
    assert_eq!(keep(0, &first), [first, healthy()]);
    let dirty = RuntimeState { clean: false, ..healthy() };
    assert_eq!(keep(1, &dirty), [first, dirty]);
    let resync = RuntimeState {
        progress: Some(Progress { operation: Operation::Resync, mark: Row(128) }),
        ..healthy()
    };
    assert_eq!(keep(1, &resync), [first, resync]);
    assert_eq!(keep(0, &healthy()), [healthy(), resync]);
    assert_eq!(keep(1, &healthy()), [healthy(), healthy()]);
}
