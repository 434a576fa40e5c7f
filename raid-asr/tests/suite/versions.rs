// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables of versions that are not known here are read, and written only once that is confirmed.

use crate::every_update::{CHANGES, two_arrays};
use crate::rig::{Rig, SMALL, healthy};
use raid_asr::{Asr, finding};
use raid_core::metadata::{ChangeError, RunTime, RuntimeState, Severity};

const TABLE: u64 = SMALL.blocks.0 - 17;

fn set_version(rig: &mut Rig, disks: std::ops::Range<usize>, version: u32) {
    for medium in &mut rig.media[disks] {
        let mut block = medium.read(TABLE, 1);
        block[4..8].copy_from_slice(&version.to_be_bytes());
        medium.write(TABLE, &block);
    }
    rig.reread();
}

/// Case E7.
#[test]
fn tables_of_unknown_versions_are_read_only_until_writing_is_confirmed() {
    for version in [0, 1, 3, 7, 0x0200_0000, u32::MAX] {
        let (mut rig, array, _) = two_arrays();
        let told = rig.found();
        set_version(&mut rig, 0..8, version);
        let found = rig.found();
        assert_eq!(found.arrays, told.arrays, "{version:#x}: it is read as ever");
        assert_eq!(found.members, told.members, "{version:#x}");
        let findings: Vec<_> =
            found.findings.iter().filter(|f| f.code == finding::TABLE_VERSION.code).collect();
        assert_eq!(findings.len(), 7, "{version:#x}: all with a table in use");
        assert!(findings.iter().all(|f| f.severity == Severity::Warning));
        assert_eq!((findings[0].found, findings[0].expected), (Some(version.into()), Some(2)));
        let refused = rig.view(|views| Asr::new().read_only(views, array));
        let refused = refused.unwrap();
        assert!(matches!(refused, ChangeError::UnknownVersion { .. }), "{refused}");
        assert!(refused.to_string().contains("with_unknown_versions"), "{refused}");
        let before = rig.buffers.clone();
        for (name, _, change) in CHANGES {
            assert_eq!(change(&mut rig, array), Err(refused), "{version:#x}, {name}");
            assert_eq!(rig.buffers, before, "{version:#x}, {name}");
        }
        let confirmed = Asr::new().with_unknown_versions();
        assert_eq!(rig.view(|views| confirmed.read_only(views, array)), None);
        let (state, stamp) = (RuntimeState { clean: false, ..healthy() }, rig.stamp());
        rig.edit(|disks| confirmed.set_state(disks, array, 0, &state, stamp)).unwrap();
        rig.commit();
        rig.reread();
        assert_eq!(rig.state(array, 0), Some(state));
        let block = rig.media[0].read(TABLE, 1);
        assert_eq!(block[4..8], version.to_be_bytes(), "the version stays");
    }
}

/// Cases E1, E7. One damaged header among several is mended, wherever it is.
#[test]
fn a_version_that_one_copy_alone_has_refuses_nothing_and_does_not_spread() {
    for disk in 0..4 {
        let (mut rig, array, _) = two_arrays();
        set_version(&mut rig, disk..disk + 1, 0x42);
        assert_eq!(rig.view(|views| Asr::new().read_only(views, array)), None);
        rig.set_state(array, 0, &RuntimeState { clean: false, ..healthy() }).unwrap();
        rig.commit();
        for medium in &rig.media[..4] {
            assert_eq!(medium.read(TABLE, 1)[4..8], [0, 0, 0, 2], "disk {disk}");
        }
    }
}
