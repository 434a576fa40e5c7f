// SPDX-License-Identifier: MIT OR Apache-2.0
//! Configurations of minor revisions that are not known here are read, and written only once that is
//! confirmed.

use crate::media::Rig;
use crate::update::changes::{CHANGES, two_arrays};
use crate::update::state_of;
use raid_core::metadata::{ChangeError, RunTime, Severity};
use raid_ddf::{ByteOrder, CrcVariant, Ddf, DdfHeader, Options, Record};

/// Case E7.
#[test]
fn unknown_minor_revisions_are_read_only_until_writing_is_confirmed() {
    for revision in [b"02.99.99", b"01.01.00", b"01.02.01", b"02.00.01", b"01.02.\xFF\xFF"] {
        let (mut rig, array, _) = two_arrays(&Options::LINUX);
        let told = rig.told();
        set_revision(&mut rig, *revision);
        let found = rig.told();
        let what = revision.escape_ascii();
        assert_eq!((&found.disks, &found.arrays), (&told.disks, &told.arrays), "{what}");
        let warned = found.findings.iter().filter(|f| f.code == 128);
        assert_eq!(warned.clone().count(), 5, "{what}: once a disk");
        assert!(warned.clone().all(|finding| finding.severity == Severity::Warning));
        let refused = rig.views(|views| Ddf::new().read_only(views, array)).unwrap();
        assert!(matches!(refused, ChangeError::UnknownVersion { .. }), "{what}: {refused}");
        assert!(refused.to_string().contains("with_unknown_revisions"), "{refused}");
        let before = rig.bytes();
        for (name, change) in CHANGES.into_iter().filter(|change| change.0 != "counted headers") {
            assert_eq!(change(&mut rig, array), Err(refused), "{what}, {name}");
            assert_eq!(rig.bytes(), before, "{what}, {name}");
        }
        let confirmed = Ddf::new().with_unknown_revisions();
        assert_eq!(rig.views(|views| confirmed.read_only(views, array)), None);
        let (state, stamp) = (state_of(false, &[], &[]), rig.stamp());
        rig.edit(|disks| confirmed.set_state(disks, array, 0, &state, stamp)).unwrap();
        rig.commit();
        rig.reread();
        assert_eq!(rig.state(array, 0), Some(state));
        assert!(rig.told().has(128), "the revision stays");
    }
    let (rig, array, _) = two_arrays(&Options::LINUX);
    assert_eq!(rig.views(|views| Ddf::new().read_only(views, array)), None);
}

/// Stores a revision in every header.
fn set_revision(rig: &mut Rig, revision: [u8; 8]) {
    for (medium, disk) in rig.media.iter_mut().zip(&mut rig.disks) {
        for (at, bytes) in &mut disk.pieces {
            if DdfHeader::byte_order(bytes).is_none() {
                continue;
            }
            DdfHeader::view_mut(bytes).unwrap().ddf_rev = revision;
            raid_ddf::seal(CrcVariant::B, ByteOrder::Big, &mut bytes[..512]);
            medium.write(at.0 * 512, &bytes[..512]);
        }
    }
    rig.reread();
}
