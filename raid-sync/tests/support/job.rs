// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything that takes time is a job made of legs, one member each.

use super::*;

#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant)] // a handful at a time
pub(super) enum Leg {
    Data { slot: u8, blocks: Vec<(u64, u64)>, durable: bool },
    Read { slot: u8 },
    Flush { slot: u8, up_to: u64 },
    Record { slot: u8, number: u64, image: Image },
}

impl Leg {
    pub(super) fn slot(&self) -> u8 {
        match self {
            Self::Data { slot, .. }
            | Self::Read { slot }
            | Self::Flush { slot, .. }
            | Self::Record { slot, .. } => *slot,
        }
    }
}

/// Which version of each block a promise is about.
pub(super) type Versions = Vec<(u64, usize, usize)>;

#[derive(Clone, Debug)]
pub(super) enum Purpose {
    Write { ticket: Ticket, durable: bool, versions: Versions },
    UserFlush { versions: Versions },
    Reconstruct { ticket: Ticket, row: u64, agreed: bool, read: Vec<(u8, u64)> },
    Flush(FlushId),
    Persist(RecordSeq),
    Read(Copy),
    Copied(Copy),
}

#[derive(Clone, Debug)]
pub(super) struct Copy {
    pub(super) window: WindowId,
    pub(super) rows: Rows,
    pub(super) operation: Operation,
    pub(super) from: SlotSet,
    pub(super) targets: SlotSet,
    pub(super) verify: Verify,
    pub(super) read: Vec<(u8, Vec<u64>)>,
    pub(super) mismatched: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) legs: Vec<Leg>,
    pub(super) failed: SlotSet,
    /// Those of its legs that have failed.
    pub(super) missed: Vec<Leg>,
    pub(super) purpose: Purpose,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) rows: Rows,
    pub(super) column: u64,
    pub(super) durable: bool,
    pub(super) wait: Option<WaitFor>,
}
