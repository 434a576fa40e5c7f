// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a user may have taken on trust, risk by risk. Each that is used is reported.
//!
//! | risk | what may be wrong then | who can take it |
//! |---|---|---|
//! | `unclean-degraded` | rows in flight at the unclean stop, where a member is computed | engine, reader |
//! | `never-initialised` | every row whose redundancy was not established, where a member is computed | engine, reader |
//! | `declared-failed` | all that was written since the array or the member was declared failed | engine: array; reader: both |
//! | `two-formats` | the metadata that is followed may be a remnant | engine, reader |
//! | `shared-blocks` | blocks that another array has written | engine, reader |
//! | `beside-writer` | all that is written while it is read: what is read may be old or torn | reader |
//! | `unrecorded-failure` | the format keeps no failures: the next start may read the member that is missing now | engine |
//!
//! Nobody can take these: a forked array (choose a history by the disks given), two disks of one
//! identity (leave one out), too few members.

use raid_core::array::Place;
use std::fmt;

/// A kind of thing that may be taken on trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Risk {
    /// Redundancy of an array that was not closed cleanly, with a member missing.
    UncleanDegraded,
    /// Redundancy that was not established everywhere, with a member missing.
    NeverInitialised,
    /// An array or a member that was declared failed.
    DeclaredFailed,
    /// A disk that two formats claim.
    TwoFormats,
    /// A member that shares blocks with another one.
    SharedBlocks,
    /// A format that cannot record that a member is missing.
    UnrecordedFailure,
    /// A disk that somebody else writes meanwhile.
    BesideWriter,
}

impl Risk {
    /// Every risk.
    pub const ALL: [Self; 7] = [
        Self::UncleanDegraded,
        Self::NeverInitialised,
        Self::DeclaredFailed,
        Self::TwoFormats,
        Self::SharedBlocks,
        Self::UnrecordedFailure,
        Self::BesideWriter,
    ];

    /// Those that somebody who only reads can take.
    pub const OF_READERS: [Self; 6] = [
        Self::UncleanDegraded,
        Self::NeverInitialised,
        Self::DeclaredFailed,
        Self::TwoFormats,
        Self::SharedBlocks,
        Self::BesideWriter,
    ];

    /// Its name for command lines and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UncleanDegraded => "unclean-degraded",
            Self::NeverInitialised => "never-initialised",
            Self::DeclaredFailed => "declared-failed",
            Self::TwoFormats => "two-formats",
            Self::SharedBlocks => "shared-blocks",
            Self::UnrecordedFailure => "unrecorded-failure",
            Self::BesideWriter => "beside-writer",
        }
    }

    /// The risk of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|risk| risk.name() == name)
    }

    /// The risk of that name on a command line where these may be taken.
    ///
    /// # Errors
    /// There is none among them; the names there are, in words.
    pub fn among(risks: &[Self], name: &str) -> Result<Self, String> {
        Self::named(name).filter(|risk| risks.contains(risk)).ok_or_else(|| {
            let names: Vec<_> = risks.iter().map(|risk| risk.name()).collect();
            format!("no such risk; expected one of {}", names.join(", "))
        })
    }
}

/// The risks that a user accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accept(u8);

impl Accept {
    /// No risk.
    pub const NOTHING: Self = Self(0);
    /// Every risk.
    pub const ALL: Self = Self(u8::MAX);

    /// These and one more.
    #[must_use]
    pub const fn and(self, risk: Risk) -> Self {
        Self(self.0 | 1 << risk as u8)
    }

    /// Those that are accepted.
    #[must_use]
    pub fn risks(self) -> Vec<Risk> {
        Risk::ALL.into_iter().filter(|risk| self.accepts(*risk)).collect()
    }

    /// Whether a risk is accepted.
    #[must_use]
    pub const fn accepts(self, risk: Risk) -> bool {
        self.0 & 1 << risk as u8 != 0
    }
}

impl FromIterator<Risk> for Accept {
    fn from_iter<I: IntoIterator<Item = Risk>>(risks: I) -> Self {
        risks.into_iter().fold(Self::NOTHING, Self::and)
    }
}

/// One thing that was taken on trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The risk.
    pub risk: Risk,
    /// The set, if it is about one.
    pub set: Option<u16>,
    /// The member, if it is about one.
    pub place: Option<Place>,
    /// Index of the disk, if it is about one.
    pub disk: Option<usize>,
    /// What was trusted, and what may be wrong for it.
    pub what: String,
}

impl Taken {
    /// About an array as a whole.
    #[must_use]
    pub fn of_array(risk: Risk, what: String) -> Self {
        Self { risk, set: None, place: None, disk: None, what }
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "taken on trust ({}): {}", self.risk.name(), self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_risk_is_found_by_its_name_and_accepted_alone() {
        for risk in Risk::ALL {
            assert_eq!(Risk::named(risk.name()), Some(risk));
            let accept = Accept::NOTHING.and(risk);
            assert!(Accept::ALL.accepts(risk) && !Accept::NOTHING.accepts(risk));
            assert_eq!(Risk::ALL.into_iter().filter(|r| accept.accepts(*r)).count(), 1);
        }
        assert_eq!(Risk::named("force"), None);
    }
}
