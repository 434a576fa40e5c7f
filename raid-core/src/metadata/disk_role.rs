// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a disk is there for.

/// Role of a disk in its configuration, as the newest records say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DiskRole {
    /// Holds a part of an array.
    Member,
    /// Spare for every array.
    GlobalSpare,
    /// Spare for some arrays.
    DedicatedSpare,
    /// Nothing yet.
    Unused,
    /// Declared failed.
    Failed,
    /// Dropped, or never listed.
    Stale,
    /// Has an identity, and no table that could say what it is there for.
    NoTable,
    /// Has no identity.
    NoIdentity,
    /// Not in its own table.
    NotInOwnTable,
    /// Twice in its own table.
    TwiceInOwnTable,
    /// In its own table, but in no array of it.
    InNoArray,
}

impl DiskRole {
    /// The role in words, e.g. `global spare`. Stable: programs print it.
    ///
    /// ```
    /// use raid_core::metadata::DiskRole;
    ///
    /// assert_eq!(DiskRole::GlobalSpare.name(), "global spare");
    /// assert!(DiskRole::GlobalSpare.is_spare() && !DiskRole::Failed.is_spare());
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::GlobalSpare => "global spare",
            Self::DedicatedSpare => "dedicated spare",
            Self::Unused => "unused",
            Self::Failed => "failed",
            Self::Stale => "stale",
            Self::NoTable => "no table",
            Self::NoIdentity => "no identity",
            Self::NotInOwnTable => "not in its own table",
            Self::TwiceInOwnTable => "twice in its own table",
            Self::InNoArray => "in no array",
        }
    }

    /// Whether the disk may replace a failed member.
    #[must_use]
    pub const fn is_spare(self) -> bool {
        matches!(self, Self::GlobalSpare | Self::DedicatedSpare)
    }
}
