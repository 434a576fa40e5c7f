// SPDX-License-Identifier: MIT OR Apache-2.0
//! Linux md's names and numbers for placements.
//!
//! | number, RAID-5 and 6 | name | here |
//! |---|---|---|
//! | 0 | left-asymmetric | [`Placement::NRestart`] |
//! | 1 | right-asymmetric | [`Placement::ZeroRestart`] |
//! | 2 | left-symmetric, the default | [`Placement::NContinue`] |
//! | 3 | right-symmetric | [`Placement::ZeroContinue`] |
//! | 4 | parity-first | [`Placement::ParityFirst`] |
//! | 5 | parity-last | [`Placement::ParityLast`] |
//! | 8, 9, 10, RAID-6 only | ddf-zero-restart, ddf-N-restart, ddf-N-continue | the DDF ones, [`QNumbering::BySlot`] |
//!
//! Numbers 16 to 20 are RAID-5 on its way to RAID-6, with Q on a member of its own; they are not
//! mapped. Of raid10, neither are near and far copies at once, nor far sets: mdadm makes neither.

use super::{Placement, QNumbering};

impl Placement {
    /// md's name of [`Self::NRestart`].
    pub const LEFT_ASYMMETRIC: Self = Self::NRestart;
    /// md's name of [`Self::ZeroRestart`].
    pub const RIGHT_ASYMMETRIC: Self = Self::ZeroRestart;
    /// md's name of [`Self::NContinue`].
    pub const LEFT_SYMMETRIC: Self = Self::NContinue;
    /// md's name of [`Self::ZeroContinue`].
    pub const RIGHT_SYMMETRIC: Self = Self::ZeroContinue;

    /// Placement and numbering of Q of md's RAID-5 or RAID-6 layout number `layout`; `None` for a
    /// number that is not mapped here.
    #[must_use]
    pub const fn of_md_parity(layout: u32) -> Option<(Self, QNumbering)> {
        Some(match layout {
            0 => (Self::LEFT_ASYMMETRIC, QNumbering::ByData),
            1 => (Self::RIGHT_ASYMMETRIC, QNumbering::ByData),
            2 => (Self::LEFT_SYMMETRIC, QNumbering::ByData),
            3 => (Self::RIGHT_SYMMETRIC, QNumbering::ByData),
            4 => (Self::ParityFirst, QNumbering::ByData),
            5 => (Self::ParityLast, QNumbering::ByData),
            8 => (Self::ZeroRestart, QNumbering::BySlot),
            9 => (Self::NRestart, QNumbering::BySlot),
            10 => (Self::NContinue, QNumbering::BySlot),
            _ => return None,
        })
    }

    /// Placement of md's raid10 layout word: near copies in bits 0 to 7, far copies in bits 8 to
    /// 15, offset in bit 16. `None` for a word that is not mapped here.
    #[must_use]
    pub const fn of_md_raid10(layout: u32) -> Option<Self> {
        let [near, far, flags, top] = layout.to_le_bytes();
        match (near, far, flags, top) {
            (2.., 1, 0 | 1, 0) => Some(Self::NearCopies(near)),
            (1, 2.., 0, 0) => Some(Self::FarCopies(far)),
            (1, 2.., 1, 0) => Some(Self::OffsetCopies(far)),
            _ => None,
        }
    }

    /// md's name of the rotation, as mdadm prints it; `None` where md has no such name.
    #[must_use]
    pub const fn md_name(self) -> Option<&'static str> {
        Some(match self {
            Self::LEFT_ASYMMETRIC => "left-asymmetric",
            Self::RIGHT_ASYMMETRIC => "right-asymmetric",
            Self::LEFT_SYMMETRIC => "left-symmetric",
            Self::RIGHT_SYMMETRIC => "right-symmetric",
            Self::ParityFirst => "parity-first",
            Self::ParityLast => "parity-last",
            Self::Adjacent | Self::NearCopies(_) => "near",
            Self::Offset | Self::OffsetCopies(_) => "offset",
            Self::Far | Self::FarCopies(_) => "far",
            Self::Fixed => return None,
        })
    }
}
