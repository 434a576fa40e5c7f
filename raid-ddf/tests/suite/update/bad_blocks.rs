// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bad ranges in the logs of disks.

use crate::media::{self, Rig, geometry};
use crate::update::with;
use raid_core::array::{Level, Placement};
use raid_core::metadata::{Admin, BadBlocks, Severity};
use raid_core::units::Lba;
use raid_ddf::{BadBlockOptions, Ddf, Options, Revision};

/// A container with logs for two bad ranges, of 64 spare blocks.
fn with_logs(revision: Revision) -> (Rig, Lba) {
    let mut options = Options::LINUX;
    options.revision = Some(revision);
    options.bad_block_log = Some(BadBlockOptions { entries: 2, spare_blocks: 64 });
    let mut rig = Rig::blank(&[media::SMALL; 2], &options);
    let stamp = rig.stamp();
    rig.edit(|disks| raid_ddf::initialise(disks, stamp, &options)).unwrap();
    (rig, Lba(media::SMALL.blocks.0 - 32_768 - 64))
}

#[test]
fn bad_ranges_are_kept_within_their_limits() {
    for revision in [Revision::V1_2, Revision::V2_0] {
        let (mut rig, spares) = with_logs(revision);
        let add = |rig: &mut Rig, start, len, to: Option<u64>| {
            let moved_to = to.map(|skip| Lba(spares.0 + skip));
            let (stamp, bad) = (rig.stamp(), media::extent(start, len));
            rig.edit(|disks| {
                Ddf::new().add_bad_blocks(disks, 1, BadBlocks { bad, moved_to }, stamp)
            })
        };
        add(&mut rig, 1000, 3, Some(8)).unwrap();
        let before = rig.bytes();
        for (what, start, len, to) in [
            ("nothing", 2000, 0, Some(0)),
            ("more than an entry holds", 0, 65_536, Some(0)),
            ("past the end", 65_535, 2, Some(0)),
            ("overflow", u64::MAX, 2, Some(0)),
            ("moved before", 1002, 1, Some(0)),
            ("a spare block that is taken", 2000, 3, Some(6)),
            ("past the spare blocks", 2000, 3, Some(62)),
            ("nowhere", 2000, 3, None),
        ] {
            assert!(add(&mut rig, start, len, to).is_err(), "{what}");
            assert_eq!(rig.bytes(), before, "{what}");
        }
        add(&mut rig, 2000, 3, Some(61)).unwrap();
        // In 2.0 the header says how many; in 1.x the section has room for 30.
        let third = add(&mut rig, 3000, 1, Some(0));
        assert_eq!(third.is_ok(), revision == Revision::V1_2, "{third:?}");
        rig.commit();
        rig.reread();
        let ranges = rig.bad_ranges(1);
        assert_eq!(
            ranges[0],
            BadBlocks { bad: media::extent(1000, 3), moved_to: Some(Lba(spares.0 + 8)) }
        );
        assert_eq!(ranges.len(), if third.is_ok() { 3 } else { 2 });
        assert!(rig.bad_ranges(0).is_empty());
        assert_eq!(rig.told().codes(Severity::Warning), [307]);
        // What is kept for moved blocks is nobody's workspace.
        assert_eq!(rig.workspace(0).unwrap().end(), Some(spares));
    }
    let (mut rig, _) = with(geometry(Level::Single, Placement::Fixed, 1), &[0], 1);
    let range = BadBlocks { bad: media::extent(0, 1), moved_to: Some(Lba(0)) };
    let stamp = rig.stamp();
    assert!(rig.edit(|disks| Ddf::new().add_bad_blocks(disks, 0, range, stamp)).is_err(), "no log");
}
