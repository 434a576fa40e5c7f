// SPDX-License-Identifier: MIT OR Apache-2.0
//! What surrounds a core that is tested: disks, requests, promises and records, in versions of rows.

use raid_core::metadata::RuntimeState;
use raid_core::units::SlotSet;
use raid_sync::{DEBTORS, Debtor, RegionRecord};
use std::prelude::v1::*;

/// A version of a row that never was one.
pub(crate) const GARBAGE: i16 = -7;

/// One row of one member.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    /// What a read gives.
    pub(crate) now: i16,
    /// Oldest and newest of what a power failure may leave.
    pub(crate) least: i16,
    pub(crate) most: i16,
}

#[derive(Clone, Debug)]
pub(crate) struct Disk {
    pub(crate) key: u64,
    /// Serial number of its record.
    pub(crate) record: Option<u32>,
    pub(crate) cells: Vec<Cell>,
}

/// A record, as a start would find it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// Counted over all that were ever issued, as no format can.
    pub(crate) serial: u32,
    pub(crate) state: RuntimeState,
    pub(crate) debtors: [Option<Debtor>; DEBTORS],
    /// None in a format with one flag.
    pub(crate) regions: Option<Vec<RegionRecord>>,
    /// Which disks sat in the slots when it was issued.
    pub(crate) disks: Vec<u64>,
    /// Rows that were owed a resync then, or not flushed since one.
    pub(crate) owed: Vec<usize>,
}

/// A row as its users know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promise {
    pub(crate) admitted: i16,
    pub(crate) acknowledged: i16,
    pub(crate) promised: i16,
    /// Completed, and not yet answered: the version, and whether it is to be durable.
    pub(crate) held: Option<(i16, bool)>,
}

/// A write in flight.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) durable: bool,
    /// Its rows, and whom each has not reached.
    pub(crate) rows: Vec<(usize, SlotSet)>,
}

/// A copy under way.
#[derive(Clone, Debug)]
pub(crate) struct Copy {
    /// Members that it may still read; `None` when it has read.
    pub(crate) from: Option<SlotSet>,
    /// Its rows, what is written there, and whom it has not reached.
    pub(crate) rows: Vec<(usize, Option<i16>, SlotSet)>,
}

/// A flush that a user waits for.
#[derive(Clone, Debug)]
pub(crate) struct Flush {
    pub(crate) due: SlotSet,
    /// Rows and the versions that it promises.
    pub(crate) versions: Vec<(usize, i16)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Scene {
    /// The members have caches.
    pub(crate) volatile: bool,
    pub(crate) disks: Vec<Disk>,
    /// Those that are on disks or being written, once each.
    pub(crate) records: Vec<Record>,
    pub(crate) rows: Vec<Promise>,
    pub(crate) writes: Vec<Write>,
    pub(crate) copies: Vec<Copy>,
    pub(crate) flushes: Vec<Flush>,
}
