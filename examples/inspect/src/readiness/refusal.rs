// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why an array is not read.

use super::Gap;
use raid_array::trust::Risk;
use raid_core::layout::GeometryError;
use std::fmt;

/// Why an array is not read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// No member is present that has the shape.
    ShapeUnknown,
    /// No mapping is known for this shape.
    Unsupported(GeometryError),
    /// The members hold less than the metadata says.
    Size {
        /// Blocks of the array as recorded.
        found: u64,
        /// Blocks that the members hold.
        expected: u64,
    },
    /// More members are gone than redundancy makes up for.
    RedundancyGone(Vec<Gap>),
    /// Of several members that were declared failed some are older, and nothing says which.
    AgesUnknown(String),
    /// Its disks ran apart; the histories, and how to choose one.
    Forked(String),
    /// Unclean parity with members missing.
    Unclean(Vec<Gap>),
    /// Parity that was never fully established, with members missing.
    NotInitialised(Vec<Gap>),
    /// The members suffice, and yet the metadata or the disks say that data is gone: why.
    DeclaredFailed(Vec<String>),
    /// A member shares blocks with one of another array.
    Overlap(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShapeUnknown => f.write_str("none of its members is present"),
            Self::Unsupported(error) => write!(f, "{error}"),
            Self::Size { found, expected } => {
                write!(f, "size of {found} blocks recorded, its members hold {expected}")
            }
            Self::RedundancyGone(gaps) => {
                write!(f, "too many members are gone: {}", listed(gaps))
            }
            Self::AgesUnknown(what) | Self::Forked(what) => f.write_str(what),
            Self::Unclean(gaps) => write!(
                f,
                "not closed cleanly, so parity may not agree with data, and a member is gone: {} ({})",
                listed(gaps),
                by(Risk::UncleanDegraded)
            ),
            Self::NotInitialised(gaps) => write!(
                f,
                "parity was not yet established everywhere, and a member is gone: {} ({})",
                listed(gaps),
                by(Risk::NeverInitialised)
            ),
            Self::DeclaredFailed(reasons) => {
                f.write_str("the array counts as failed")?;
                reasons.iter().try_for_each(|reason| write!(f, "; {reason}"))?;
                if !reasons.is_empty() {
                    f.write_str("; leave out the disk that is not meant (--without)")?;
                }
                write!(f, " ({})", by(Risk::DeclaredFailed))
            }
            Self::Overlap(what) => write!(f, "{what} ({})", by(Risk::SharedBlocks)),
        }
    }
}

/// How to read it all the same.
pub(crate) fn by(risk: Risk) -> String {
    format!("--accept {} reads it all the same, --force accepts every risk", risk.name())
}

impl std::error::Error for Refusal {}

/// `set 0 slot 1 (stale, d1.img), slot 2 (missing)`.
pub(super) fn listed(gaps: &[Gap]) -> String {
    let one = |gap: &Gap| {
        let set = match gap.member.place.set {
            0 => String::new(),
            set => format!("set {set} "),
        };
        format!("{set}slot {} ({})", gap.member.place.slot, gap.why)
    };
    gaps.iter().map(one).collect::<Vec<_>>().join(", ")
}
