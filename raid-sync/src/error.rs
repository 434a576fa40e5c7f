// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a call was refused. A refused call changes nothing.

use crate::record::{FlushId, RecordSeq};
use crate::ticket::Ticket;
use crate::window::WindowId;
use core::fmt;
use raid_core::units::{Rows, Slot};

/// A request that the core will not carry out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Too few members hold the data.
    NoCopyLeft {
        /// Members that hold it.
        trusted: u16,
        /// Members that are needed.
        needed: u16,
    },
    /// A parity set was stopped while writes were under way and is short of a member: rows in
    /// flight cannot be recomputed (`sync.md` I9).
    DirtyAndDegraded {
        /// Members that hold their data.
        trusted: u16,
        /// Members of the set.
        members: u16,
    },
    /// Parity was still to be made to agree when a set was stopped clean, and it is short of a member:
    /// what that member held in the rows that were left cannot be computed.
    ResyncOwedAndDegraded {
        /// Members that hold their data.
        trusted: u16,
        /// Members of the set.
        members: u16,
    },
    /// The metadata format cannot record what this needs: failures, so that writes to a degraded set
    /// would be lost on the next start; regions that were never written.
    NeedsFormat,
    /// Rows outside the set, or none at all.
    OutOfRange {
        /// The rows asked for.
        rows: Rows,
        /// Rows of the set.
        size: u64,
    },
    /// Another operation is running, commands naming the member are still out, or the core has a set already.
    Busy,
    /// No operation is in a state in which this makes sense.
    NoOperation,
    /// Copies or parity must be made to agree first: start [`SyncCore::owed`].
    ///
    /// [`SyncCore::owed`]: crate::SyncCore::owed
    ResyncFirst,
    /// The set has no redundancy (left) that the operation could establish or compare.
    NotRedundant,
    /// The member is not in the state this call needs.
    Member(Slot),
    /// Another disk cannot take this slot: its member takes part, or is being filled.
    Occupied(Slot),
    /// The disk that returns was written without the others: neither may be taken for the newer one.
    Diverged(Slot),
    /// The configuration contradicts itself or the capacity of the core.
    Config {
        /// What is wrong.
        what: &'static str,
        /// The value given.
        found: u64,
        /// The limit or the value needed.
        expected: u64,
    },
}

impl Refusal {
    /// Number for C callers and log searches. Stable; never reused.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::NoCopyLeft { .. } => 1,
            Self::DirtyAndDegraded { .. } => 2,
            Self::ResyncOwedAndDegraded { .. } => 3,
            Self::NeedsFormat => 4,
            Self::OutOfRange { .. } => 5,
            Self::Busy => 6,
            Self::NoOperation => 7,
            Self::ResyncFirst => 8,
            Self::NotRedundant => 9,
            Self::Member(_) => 10,
            Self::Occupied(_) => 11,
            Self::Diverged(_) => 12,
            Self::Config { .. } => 13,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCopyLeft { trusted, needed } => {
                write!(f, "data is missing: {trusted} members hold it, {needed} are needed")
            }
            Self::DirtyAndDegraded { trusted, members } => {
                write!(f, "unclean and degraded: {trusted} of {members} members hold their data")
            }
            Self::ResyncOwedAndDegraded { trusted, members } => write!(
                f,
                "parity was never made to agree everywhere, and {trusted} of {members} members hold \
                 their data"
            ),
            Self::NeedsFormat => f.write_str("the metadata format cannot record what this needs"),
            Self::OutOfRange { rows, size } => {
                write!(f, "{} rows from {} are not in a set of {size}", rows.len, rows.start.0)
            }
            Self::Busy => f.write_str("another operation or command is under way"),
            Self::NoOperation => f.write_str("no operation in a fitting state"),
            Self::ResyncFirst => f.write_str("copies must be made to agree first"),
            Self::NotRedundant => f.write_str("no redundancy to establish or compare"),
            Self::Member(slot) => write!(f, "member {slot} is not in the state this needs"),
            Self::Occupied(slot) => write!(
                f,
                "slot {slot} has a member that works or is being filled: it must fail before another \
                 disk takes its place"
            ),
            Self::Diverged(slot) => {
                write!(
                    f,
                    "the disk for slot {slot} was written without the others: start it alone to keep \
                     its data, or wipe it and add it as a new disk"
                )
            }
            Self::Config { what, found, expected } => {
                write!(f, "{what}: found {found}, expected {expected}")
            }
        }
    }
}

impl Refusal {
    /// Whether [`Start::Force`](crate::Start::Force) starts the set all the same: the rows that
    /// [`rows_at_risk`](crate::rows_at_risk) gives are then taken as parity has them.
    #[must_use]
    pub const fn yields_to_force(self) -> bool {
        matches!(self, Self::DirtyAndDegraded { .. } | Self::ResyncOwedAndDegraded { .. })
    }
}

impl core::error::Error for Refusal {}

/// A report that does not match anything asked for: reported twice, or never commanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unexpected {
    /// The ticket is not in flight.
    Ticket(Ticket),
    /// The window has no copy under way.
    Window(WindowId),
    /// This flush is not under way.
    Flush(FlushId),
    /// This record is not being written.
    Record {
        /// The number reported.
        found: RecordSeq,
        /// The number being written, if any.
        expected: Option<RecordSeq>,
    },
}

impl Unexpected {
    /// Number for C callers and log searches. Stable; never reused.
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self {
            Self::Ticket(_) => 1,
            Self::Window(_) => 2,
            Self::Flush(_) => 3,
            Self::Record { .. } => 4,
        }
    }
}

impl fmt::Display for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ticket(ticket) => write!(f, "{ticket:?} is not in flight"),
            Self::Window(window) => write!(f, "{window:?} has no copy under way"),
            Self::Flush(id) => write!(f, "{id:?} is not under way"),
            Self::Record { found, expected: Some(expected) } => {
                write!(f, "record {} reported, {} is being written", found.0, expected.0)
            }
            Self::Record { found, expected: None } => {
                write!(f, "record {} reported, none is being written", found.0)
            }
        }
    }
}

impl core::error::Error for Unexpected {}

#[cfg(test)]
mod tests {
    use super::*;
    use core::error::Error;
    use std::string::ToString;

    /// Each error has the number of its place in the list, from 1, and says something.
    fn numbered<E: Error>(errors: &[E], code: impl Fn(&E) -> u16) {
        for (place, error) in (1..).zip(errors) {
            assert_eq!(code(error), place, "{error:?}");
            assert!(!error.to_string().is_empty(), "{error:?}");
        }
    }

    #[test]
    fn refusals_keep_their_numbers() {
        let (trusted, members, slot) = (2, 4, Slot(0));
        let refusals = [
            Refusal::NoCopyLeft { trusted, needed: 3 },
            Refusal::DirtyAndDegraded { trusted, members },
            Refusal::ResyncOwedAndDegraded { trusted, members },
            Refusal::NeedsFormat,
            Refusal::OutOfRange { rows: Rows::new(8, 1), size: 8 },
            Refusal::Busy,
            Refusal::NoOperation,
            Refusal::ResyncFirst,
            Refusal::NotRedundant,
            Refusal::Member(slot),
            Refusal::Occupied(slot),
            Refusal::Diverged(slot),
            Refusal::Config { what: "a limit", found: 1, expected: 2 },
        ];
        numbered(&refusals, Refusal::code);
        let (found, expected) = (RecordSeq(2), None);
        assert_eq!(Unexpected::Record { found, expected }.code(), 4);
    }
}
