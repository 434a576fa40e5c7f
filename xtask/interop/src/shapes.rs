// SPDX-License-Identifier: MIT OR Apache-2.0
//! The shapes that are exchanged, in our words and in md's.

use raid_core::array::{Geometry, Level, Placement, Secondary};
use raid_core::units::Blocks;

/// 64 KiB.
pub const STRIP: Blocks = Blocks(128);
/// 1 MiB of each member.
pub const MEMBER: Blocks = Blocks(2048);

/// An array to be made.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Its name.
    pub name: &'static str,
    /// Its geometry.
    pub geometry: Geometry,
    /// Index of the disk of each member, set by set.
    pub disks: Vec<usize>,
}

/// One redundancy set with the sizes above.
#[must_use]
pub fn geometry(level: Level, placement: Placement, slots: u16) -> Geometry {
    let strip = match level {
        Level::Raid1 | Level::Single | Level::Concat => Blocks(0),
        _ => STRIP,
    };
    Geometry { level, placement, ..Geometry::raid0(slots, strip, MEMBER) }
}

/// Striped sets.
#[must_use]
pub fn striped(sets: u16, set: Geometry) -> Geometry {
    Geometry { secondary: Secondary::Striped, sets, strip: STRIP, ..set }
}

impl Shape {
    /// The same on disks of its own, the first ones, in an order other than theirs.
    #[must_use]
    pub fn alone(&self) -> Self {
        let mut disks: Vec<usize> = (0..self.disks.len()).collect();
        disks.rotate_left(1);
        Self { disks, ..self.clone() }
    }
}

/// What md can have in a DDF container, on disks 0 to 5.
#[must_use]
pub fn in_ddf() -> Vec<Shape> {
    use Level::{Raid0, Raid1, Raid1E, Raid4, Raid5, Raid6};
    use Placement::{Adjacent, Fixed, NContinue, NRestart, ParityLast, ZeroRestart};
    let shape = |name, geometry: Geometry, disks: &[usize]| {
        assert_eq!(usize::from(geometry.slots * geometry.sets), disks.len(), "{name}");
        Shape { name, geometry, disks: disks.to_vec() }
    };
    vec![
        shape("r0", geometry(Raid0, Fixed, 3), &[3, 4, 0]),
        shape("r1", geometry(Raid1, Fixed, 2), &[1, 0]),
        shape("r1-three", geometry(Raid1, Fixed, 3), &[2, 4, 5]),
        shape("r4", geometry(Raid4, ParityLast, 4), &[0, 1, 2, 3]),
        shape("r5-0restart", geometry(Raid5, ZeroRestart, 4), &[5, 1, 3, 2]),
        shape("r5-Nrestart", geometry(Raid5, NRestart, 3), &[2, 1, 0]),
        shape("r5-Ncontinue", geometry(Raid5, NContinue, 5), &[0, 1, 2, 3, 4]),
        shape("r6-0restart", geometry(Raid6, ZeroRestart, 5), &[4, 3, 2, 1, 0]),
        shape("r6-Nrestart", geometry(Raid6, NRestart, 4), &[1, 2, 3, 5]),
        shape("r6-Ncontinue", geometry(Raid6, NContinue, 6), &[0, 1, 2, 3, 4, 5]),
        shape("r10", striped(2, geometry(Raid1, Fixed, 2)), &[0, 1, 2, 3]),
        shape("r10-three", striped(2, geometry(Raid1, Fixed, 3)), &[0, 1, 3, 2, 4, 5]),
        shape("r1e", geometry(Raid1E, Adjacent, 3), &[1, 4, 5]),
    ]
}

/// A shape in md's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MdTerms {
    /// As sysfs and `mdadm --level` name it.
    pub level: &'static str,
    /// The number in sysfs; 0 where the level has none.
    pub layout: u32,
    /// `mdadm --layout`.
    pub layout_name: &'static str,
}

/// `None`: md cannot have it in a DDF container.
#[must_use]
pub fn md_terms(geometry: &Geometry) -> Option<MdTerms> {
    use Placement::{Adjacent, Far, NContinue, NRestart, ParityLast, ZeroRestart};
    let mirrors = matches!(geometry.secondary, Secondary::Striped) && geometry.slots <= 3;
    let (level, layout, layout_name) = match (geometry.level, geometry.placement) {
        (Level::Raid1, _) if mirrors && geometry.slots == 2 => ("raid10", 0x102, "n2"),
        (Level::Raid1, _) if mirrors => ("raid10", 0x103, "n3"),
        _ if geometry.sets > 1 => return None,
        (Level::Raid0, _) => ("raid0", 0, ""),
        (Level::Raid1, _) if geometry.slots <= 3 => ("raid1", 0, ""),
        (Level::Raid4, ParityLast) => ("raid4", 0, ""),
        (Level::Raid5, NRestart) => ("raid5", 0, "left-asymmetric"),
        (Level::Raid5, ZeroRestart) => ("raid5", 1, "right-asymmetric"),
        (Level::Raid5, NContinue) => ("raid5", 2, "left-symmetric"),
        (Level::Raid6, ZeroRestart) => ("raid6", 8, "ddf-zero-restart"),
        (Level::Raid6, NRestart) => ("raid6", 9, "ddf-N-restart"),
        (Level::Raid6, NContinue) => ("raid6", 10, "ddf-N-continue"),
        (Level::Raid1E, Adjacent) => ("raid10", 0x102, "n2"),
        (Level::Raid1E, Far) => ("raid10", 0x201, "f2"),
        _ => return None,
    };
    Some(MdTerms { level, layout, layout_name })
}
