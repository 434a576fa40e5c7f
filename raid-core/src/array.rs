// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an array *is*, in words that no metadata format owns.
//!
//! An array is `elements` redundancy sets of `slots` members each, joined by a secondary level
//! (DDF's basic and secondary virtual disks; a RAID-10 is `elements` mirrors, striped). Members are
//! named by `(set, slot)`.

use crate::units::{Blocks, Lba, Slot};
use core::fmt;

mod md;
mod shapes;

/// Identity of an array: 24 bytes as the format keeps them, zero-padded if it keeps fewer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArrayId(pub [u8; 24]);

impl ArrayId {
    /// In place of a configuration: of a spare that serves every array of its format and belongs to
    /// none of their configurations.
    pub const ANY: Self = Self([0xFF; 24]);
}

/// Identity of a disk inside its format: 24 bytes, zero-padded if the format keeps fewer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub [u8; 24]);

macro_rules! hex_identity {
    ($($identity:ident),*) => { $(
        impl fmt::Display for $identity {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
        impl fmt::Debug for $identity {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($identity), "({})"), self)
            }
        }
    )* };
}
hex_identity!(ArrayId, MemberId);

/// A label of up to 32 bytes: shown, never an identity.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name {
    bytes: [u8; 32],
    len: u8,
}

impl Name {
    /// No name.
    pub const EMPTY: Self = Self { bytes: [0; 32], len: 0 };

    /// The first 32 of `bytes`.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let mut name = Self::EMPTY;
        for (to, from) in name.bytes.iter_mut().zip(bytes) {
            *to = *from;
            name.len = name.len.saturating_add(1);
        }
        name
    }

    /// The bytes as the format keeps them, padding removed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().utf8_chunks().try_for_each(|chunk| {
            f.write_str(chunk.valid())?;
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))
        })
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Primary RAID level of each redundancy set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Level {
    /// Striping without redundancy.
    Raid0,
    /// The same blocks on every member.
    Raid1,
    /// Two copies of every strip, shifted over any number of members.
    Raid1E,
    /// Several copies of every strip, over any number of members of one set: Linux md's raid10. (Striped
    /// mirrors are [`Self::Raid1`] under a secondary level.)
    Raid10,
    /// Byte-level striping with one parity member.
    Raid3,
    /// Striping with one parity member.
    Raid4,
    /// Striping with one rotating parity.
    Raid5,
    /// RAID-5 with spare space at the end of every member.
    Raid5E,
    /// RAID-5 with a rotating spare strip in every row.
    Raid5EE,
    /// RAID-5 whose parity moves after several rows.
    Raid5R,
    /// Striping with two rotating parities, P and Q.
    Raid6,
    /// Multi disk failure RAID of DDF 2.0: striping with several rotating parities.
    Mdf,
    /// One member, addressed as it is.
    Single,
    /// Members head to tail.
    Concat,
}

/// Where parity, copies and data stand in a row.
///
/// | here | DDF | Linux md |
/// |---|---|---|
/// | `ParityFirst` | RAID-3 and RAID-4 RLQ 00 | parity-first |
/// | `ParityLast` | RAID-3 and RAID-4 RLQ 01 | parity-last |
/// | `ZeroRestart` | rotating parity 0, data restart | right-asymmetric |
/// | `ZeroContinue` | – | right-symmetric |
/// | `NRestart` | rotating parity N, data restart | left-asymmetric |
/// | `NContinue` | rotating parity N, data continuation | left-symmetric |
/// | `Adjacent` | RAID-1E RLQ 00 | raid10 near-2 |
/// | `Offset` | RAID-1E RLQ 01 | raid10 offset-2 |
/// | `Far` | – (mdadm stores it as RLQ 01) | raid10 far-2 |
/// | `NearCopies(n)`, `OffsetCopies(n)`, `FarCopies(n)` | – | raid10 n*n*, o*n*, f*n* |
///
/// md's names are constants too, as [`Self::LEFT_SYMMETRIC`], and its numbers are understood by
/// [`Self::of_md_parity`] and [`Self::of_md_raid10`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Placement {
    /// The level has only one placement.
    #[default]
    Fixed,
    /// Parity on the first member of every row.
    ParityFirst,
    /// Parity on the last member of every row.
    ParityLast,
    /// Parity starts on member 0 and moves up; data in member order.
    ZeroRestart,
    /// Parity starts on member 0 and moves up; data continues after it.
    ZeroContinue,
    /// Parity starts on the last member and moves down; data in member order.
    NRestart,
    /// Parity starts on the last member and moves down; data continues after it.
    NContinue,
    /// Copies on neighbouring members of the same row.
    Adjacent,
    /// The second copy one row down, one member on.
    Offset,
    /// The second copy in the second half of the next member.
    Far,
    /// So many copies, on neighbouring members of the same row.
    NearCopies(u8),
    /// So many copies, each one row down and one member on from the one before.
    OffsetCopies(u8),
    /// So many copies, each in the next part of the next member; a member has as many parts as there
    /// are copies.
    FarCopies(u8),
}

/// Which power of the generator a data block has in Q.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum QNumbering {
    /// 2^slot, the slots of P and Q counted too: DDF (`ddf.md` 5.6).
    #[default]
    BySlot,
    /// 2^i for the i-th data block of the row, starting after Q: Linux md's own layouts.
    ByData,
}

/// How redundancy sets are joined into the array.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Secondary {
    /// There is one set.
    #[default]
    None,
    /// Strips go round robin over the sets.
    Striped,
    /// Every set holds the whole array.
    Mirrored,
    /// Sets head to tail.
    Concatenated,
    /// Striped over sets of unequal size, shorter ones dropping out.
    Spanned,
}

/// The shape of an array: everything that block addresses depend on.
///
/// All sizes are in blocks of `block_size` bytes. The usual ones are made by name: [`Geometry::raid5`] and
/// its fellows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Primary level of each set.
    pub level: Level,
    /// Placement of parity or copies.
    pub placement: Placement,
    /// Members of each set, 1 to 256.
    pub slots: u16,
    /// Blocks of a strip; 0 where the level has none (mirrors, concatenation, RAID-3, which
    /// interleaves bytes).
    pub strip: Blocks,
    /// Blocks that each member gives to the array. Concatenation keeps each member's own size with
    /// the member.
    pub member_blocks: Blocks,
    /// How the sets are joined.
    pub secondary: Secondary,
    /// Number of sets, 1 or more.
    pub sets: u16,
    /// Exponents of Q (RAID-6 and MDF).
    pub q_numbering: QNumbering,
    /// Parity strips of a row where the level leaves it open (MDF); else 0.
    pub parities: u8,
    /// RAID-5R: parity moves after 2^this rows; else 0.
    pub rotate_shift: u8,
    /// Bytes of a block: 512 or 4096.
    pub block_size: u32,
}

impl Geometry {
    /// The customary name, `raid10` for striped mirrors and `raid01` for mirrored stripes included.
    #[must_use]
    pub const fn level_name(&self) -> &'static str {
        match self.level {
            Level::Raid0 => match self.secondary {
                Secondary::Mirrored if self.sets > 1 => "raid01",
                _ => "raid0",
            },
            Level::Raid1 => match self.secondary {
                Secondary::Striped | Secondary::Spanned if self.sets > 1 => "raid10",
                _ => "raid1",
            },
            Level::Raid1E => "raid1e",
            Level::Raid10 => "raid10",
            Level::Raid3 => "raid3",
            Level::Raid4 => "raid4",
            Level::Raid5 => "raid5",
            Level::Raid5E => "raid5e",
            Level::Raid5EE => "raid5ee",
            Level::Raid5R => "raid5r",
            Level::Raid6 => "raid6",
            Level::Mdf => "mdf",
            Level::Single => "single",
            Level::Concat => "concat",
        }
    }

    /// How many parity strips a row has.
    #[must_use]
    pub const fn parity_strips(&self) -> u8 {
        match self.level {
            Level::Raid3
            | Level::Raid4
            | Level::Raid5
            | Level::Raid5E
            | Level::Raid5EE
            | Level::Raid5R => 1,
            Level::Raid6 => 2,
            Level::Mdf => self.parities,
            _ => 0,
        }
    }
}

impl Placement {
    /// A short name for people and for JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::ParityFirst => "parity-first",
            Self::ParityLast => "parity-last",
            Self::ZeroRestart => "parity-0-restart",
            Self::ZeroContinue => "parity-0-continuation",
            Self::NRestart => "parity-n-restart",
            Self::NContinue => "parity-n-continuation",
            Self::Adjacent => "adjacent",
            Self::Offset => "offset",
            Self::Far => "far",
            Self::NearCopies(_) => "near-copies",
            Self::OffsetCopies(_) => "offset-copies",
            Self::FarCopies(_) => "far-copies",
        }
    }
}

/// What a member is worth, as the newest metadata and the disks at hand say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MemberState {
    /// Holds its data.
    InSync,
    /// Being filled; not to be read without a trustworthy mark.
    Rebuilding,
    /// Declared failed.
    Failed,
    /// Named by the metadata, not among the disks at hand.
    Missing,
    /// At hand, but its data is older than the array's.
    Stale,
}

impl MemberState {
    /// A short name for people and for JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InSync => "in_sync",
            Self::Rebuilding => "rebuilding",
            Self::Failed => "failed",
            Self::Missing => "missing",
            Self::Stale => "stale",
        }
    }
}

/// What an array is worth with the members at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ArrayState {
    /// Every member in sync.
    Optimal,
    /// Redundancy lost in part; another failure is survived.
    PartiallyOptimal,
    /// No further failure is survived in at least one set.
    Degraded,
    /// Data is missing.
    Failed,
    /// Several histories, each with writes that the others lack: the user must choose one. Each is
    /// described by a [`Branch`](crate::metadata::Branch).
    Forked,
}

impl ArrayState {
    /// A short name for people and for JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Optimal => "optimal",
            Self::PartiallyOptimal => "partially_optimal",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
            Self::Forked => "forked",
        }
    }
}

/// How far redundancy has been established since the array was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Initialisation {
    /// Never, as far as the metadata says. Some firmware leaves this on arrays in use.
    #[default]
    None,
    /// Begun, not finished.
    Running,
    /// Done.
    Full,
}

impl Initialisation {
    /// A short name for people and for JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Running => "running",
            Self::Full => "full",
        }
    }
}

/// A member's place in an array.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Which redundancy set.
    pub set: u16,
    /// Which slot of it.
    pub slot: Slot,
}

/// One array as discovery found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArrayDescriptor {
    /// Identity.
    pub id: ArrayId,
    /// Label.
    pub name: Name,
    /// Shape.
    pub geometry: Geometry,
    /// Size the host sees, in blocks.
    pub size: Blocks,
    /// Worth with the members at hand.
    pub state: ArrayState,
    /// Whether the metadata says that no write was under way.
    pub clean: bool,
    /// How far redundancy was established.
    pub initialisation: Initialisation,
}

/// One member of an array as discovery found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberDescriptor {
    /// Which array.
    pub array: ArrayId,
    /// Where in it.
    pub place: Place,
    /// Index of the disk among those given; `None` when it is not at hand.
    pub disk: Option<usize>,
    /// The disk's identity, if the metadata names one for the place.
    pub id: Option<MemberId>,
    /// First block of its extent on the disk.
    pub start: Lba,
    /// Blocks of its extent.
    pub len: Blocks,
    /// Its worth.
    pub state: MemberState,
}
