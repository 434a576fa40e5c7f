// SPDX-License-Identifier: MIT OR Apache-2.0
//! Volumes of the groups without `facts.json`, as their records and their README say.

use crate::{KnownMember, Pattern, Volume};

/// Level, placement, sets, bytes of a chunk.
type Shape = (&'static str, &'static str, usize, u64);

const N_CONT: &str = "parity-n-continuation";
const R5_LS16: Shape = ("raid5", N_CONT, 1, 16 << 10);
const MIRROR: Shape = ("raid1", "fixed", 1, 0);

const fn stripe(chunk_bytes: u64) -> Shape {
    ("raid0", "fixed", 1, chunk_bytes)
}

/// The volumes of a scenario; none if nothing is known.
pub(crate) fn volumes(group: &str, scenario: &str) -> Vec<Volume> {
    use Pattern::{Blank, Sectors};
    let written = |first| Sectors { first };
    match (group, scenario) {
        ("ddf-mdadm-4.2", "degraded") => vec![Volume {
            // Slot 0 is the stale disk 1.
            members: vec![
                KnownMember { slot: 1, disk: 0, start_bytes: 0 },
                KnownMember { slot: 2, disk: 2, start_bytes: 0 },
            ],
            ..volume("r6", R5_LS16, 4096, &[1, 0, 2], written(100))
        }],
        ("ddf-mdadm-4.2", "initing") => vec![volume("ini", R5_LS16, 8192, &[1, 0, 2], Blank)],
        ("ddf-mdadm-4.2", "multi") => vec![
            volume("five", ("raid5", N_CONT, 1, 32 << 10), 2048, &[1, 3, 0], written(882)),
            at(volume("mirror", MIRROR, 2048, &[1, 2], written(875)), &[1024, 0]),
            at(
                volume("stripe_of_16_chr", stripe(64 << 10), 6144, &[2, 3], written(868)),
                &[2048, 1024],
            ),
        ],
        ("ddf-mdadm-4.2", "r0") => {
            vec![volume("r0", stripe(16 << 10), 6144, &[1, 0, 2], written(0))]
        }
        ("ddf-mdadm-4.2", "r10-n2") => {
            let shape = ("raid10", "fixed", 2, 16 << 10);
            vec![volume("r10-n2", shape, 4096, &[1, 3, 0, 2], written(0))]
        }
        ("ddf-mdadm-4.2", "r1e-adj3") => {
            let shape = ("raid1e", "adjacent", 1, 16 << 10);
            vec![volume("r1e-adj3", shape, 2048, &[1, 0, 2], written(0))]
        }
        ("ddf-mdadm-4.2", "r5-0restart") => {
            let shape = ("raid5", "parity-0-restart", 1, 16 << 10);
            vec![volume("r5-0restart", shape, 6144, &[1, 3, 0, 2], written(0))]
        }
        ("ddf-mdadm-4.2", "r5-Ncontinue") => {
            vec![volume("r5-Ncontinue", R5_LS16, 6144, &[1, 3, 0, 2], written(0))]
        }
        ("ddf-mdadm-4.2", "r6-Ncontinue") => {
            let shape = ("raid6", N_CONT, 1, 16 << 10);
            vec![volume("r6-Ncontinue", shape, 6144, &[1, 3, 0, 2, 4], written(0))]
        }
        ("ddf-mdadm-4.2", "spare") => {
            vec![volume("r5sp", R5_LS16, 4096, &[2, 3, 0], written(0))]
        }
        ("ddf-graid", "be-4k-raid1") => vec![volume("k4", MIRROR, 8192, &[0, 1], Blank)],
        ("ddf-graid", "be-concat") => {
            vec![volume("cc", ("concat", "fixed", 1, 0), 16384, &[0, 1], Blank)]
        }
        ("ddf-graid", "be-raid10") => {
            let shape = ("raid10", "fixed", 2, 64 << 10);
            vec![volume("r10", shape, 16384, &[0, 1, 2, 3], Blank)]
        }
        ("ddf-graid", "be-raid1e-3") => {
            let shape = ("raid1e", "adjacent", 1, 64 << 10);
            vec![volume("r1e", shape, 12288, &[0, 1, 2], Blank)]
        }
        ("ddf-graid", "be-raid5-ls") => {
            let shape = ("raid5", N_CONT, 1, 64 << 10);
            vec![volume("vol0", shape, 16384, &[0, 1, 2], Blank)]
        }
        ("ddf-graid", "be-raid5ee") => {
            let shape = ("raid5ee", "parity-n-restart", 1, 128 << 10);
            vec![volume("r5ee", shape, 16384, &[0, 1, 2, 3], Blank)]
        }
        ("ddf-graid", "be-raid6-la") => {
            let shape = ("raid6", "parity-n-restart", 1, 128 << 10);
            vec![volume("r6", shape, 16384, &[0, 1, 2, 3], Blank)]
        }
        ("ddf-graid", "le-raid0") => {
            vec![volume("stripe", stripe(32 << 10), 24576, &[0, 1, 2], Blank)]
        }
        ("ddf-graid", "le-raid5-spare") => {
            let shape = ("raid5", "parity-n-restart", 1, 64 << 10);
            vec![volume("v5", shape, 16384, &[0, 1, 2], Blank)]
        }
        _ => Vec::new(),
    }
}

/// A volume of `sectors` of 512 bytes whose members begin at block 0 of `disks`, slot by slot.
fn volume(name: &str, shape: Shape, sectors: u64, disks: &[usize], pattern: Pattern) -> Volume {
    let (level, placement, sets, chunk_bytes) = shape;
    let members = disks.iter().enumerate();
    Volume {
        name: name.to_owned(),
        level,
        placement,
        sets,
        slots: disks.len() / sets,
        chunk_bytes,
        size_bytes: sectors * 512,
        members: members.map(|(slot, &disk)| KnownMember { slot, disk, start_bytes: 0 }).collect(),
        pattern,
    }
}

/// `volume` with the members' extents at these sectors.
fn at(mut volume: Volume, sectors: &[u64]) -> Volume {
    for (member, sector) in volume.members.iter_mut().zip(sectors) {
        member.start_bytes = sector * 512;
    }
    volume
}
