// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is explored: the set, what its users and members do, and how often power fails.

use crate::defect::Defect;
use crate::{Config, Limits, Redundancy};
use raid_core::array::Initialisation;
use raid_core::metadata::{Capabilities, RuntimeState};
use raid_core::units::{Slot, SlotSet};

use super::member::ROWS;

/// A write that a user wants: first row, rows, column.
pub(super) type Write = (u64, u64, usize);

#[derive(Clone, Copy, Debug)]
pub(super) struct Scenario {
    pub(super) members: u8,
    /// Parity blocks of a row: none in a mirror.
    pub(super) parity: u8,
    /// Writes of the first run, and of each run after a power failure.
    pub(super) writes: &'static [Write],
    pub(super) again: &'static [Write],
    /// The writes ask for durability (FUA).
    pub(super) durable: bool,
    pub(super) strict: bool,
    /// The members have volatile caches.
    pub(super) cached: bool,
    pub(super) flushes: u8,
    /// The last member is being filled from row 0.
    pub(super) rebuild: bool,
    pub(super) write_through: bool,
    pub(super) windows: u8,
    /// The format holds marks.
    pub(super) mark: bool,
    /// The format holds regions, debts and generations; a region is a row.
    pub(super) regions: bool,
    /// Failed members that come back with what they last held.
    pub(super) returns: u8,
    /// Members that fail at any moment.
    pub(super) failures: u8,
    /// Disks to put into the place of failed ones.
    pub(super) spares: u8,
    /// Pauses or aborts.
    pub(super) steering: u8,
    /// The set was stopped while a write to row 0 was under way: it reached the second member only.
    pub(super) unclean: bool,
    /// While a parity set is short of a member, its engine logs rows before it writes them.
    pub(super) journal: bool,
    /// Scrubs: check or repair.
    pub(super) scrubs: u8,
    /// Power failures, each at any moment. After the last one the set is left alone until it rests.
    pub(super) crashes: u8,
    /// The proven invariant alone judges.
    pub(super) proven_only: bool,
    /// A rule that the core is made to break.
    pub(super) defect: Option<Defect>,
}

/// A quiet mirror of two, one write, power fails twice.
pub(super) const MIRROR: Scenario = Scenario {
    members: 2,
    parity: 0,
    writes: &[(0, 1, 0)],
    again: &[],
    durable: false,
    strict: true,
    cached: true,
    flushes: 0,
    rebuild: false,
    write_through: false,
    windows: 1,
    mark: true,
    regions: false,
    returns: 0,
    failures: 0,
    spares: 0,
    steering: 0,
    unclean: false,
    journal: false,
    scrubs: 0,
    crashes: 2,
    proven_only: false,
    defect: None,
};

impl Scenario {
    pub(super) fn columns(&self) -> usize {
        if self.parity > 0 { usize::from(self.members - self.parity) } else { 1 }
    }

    /// Members that hold all data together.
    pub(super) fn needed(&self) -> u16 {
        if self.parity > 0 { u16::from(self.members - self.parity) } else { 1 }
    }

    pub(super) fn all(&self) -> SlotSet {
        SlotSet::first(self.members.into())
    }

    pub(super) fn found(&self) -> RuntimeState {
        let last = SlotSet::of(Slot(self.members - 1));
        RuntimeState {
            clean: !self.unclean,
            failed: SlotSet::EMPTY,
            rebuilding: if self.rebuild { last } else { SlotSet::EMPTY },
            initialisation: Initialisation::Full,
            progress: None,
        }
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        Capabilities {
            mark: self.mark,
            mark_after_unclean: self.regions,
            dirty: true,
            failure: true,
            bad_ranges: 0,
            generation_bits: 32,
        }
    }

    pub(super) fn config(&self, absent: SlotSet) -> Config {
        let redundancy = match self.parity {
            0 => Redundancy::Mirror,
            parity => Redundancy::Parity(parity),
        };
        Config {
            absent,
            strict: self.strict,
            volatile: if self.cached { self.all() } else { SlotSet::EMPTY },
            limits: Limits {
                min_rate: 0,
                max_rate: u64::MAX,
                windows: self.windows,
                rows_per_window: 1,
                yield_for: 0,
                checkpoint_every: u64::MAX,
                checkpoint_rows: 1,
                clean_after_idle: 1,
            },
            ..Config::new(ROWS as u64, self.all(), redundancy)
        }
    }
}
