// SPDX-License-Identifier: MIT OR Apache-2.0
//! The log and the record stream: what a record takes along, and what a sweep makes clean.

use super::{DirtyLog, State};
#[cfg(test)]
use crate::proven::RegionState;
#[cfg(test)]
use raid_core::units::Row;
use raid_core::units::Rows;

/// What a sweep may raise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Cleaning {
    /// Something is prepared.
    pub(crate) any: bool,
    /// Everything is: the set will be clean.
    pub(crate) all: bool,
}

impl<const N: usize> DirtyLog<N> {
    /// Whether a write waits for a record.
    pub(crate) const fn is_wanted(&self) -> bool {
        self.wanted > 0
    }

    /// Whether the log, as the records have it, is clean all over.
    pub(crate) fn is_clean(&self) -> bool {
        match self.by_region {
            true => self.unclean == 0,
            false => self.flag.state() == State::Clean,
        }
    }

    /// A record is issued that says what the log says.
    pub(crate) fn issued(&mut self) {
        if self.wanted == 0 {
            return;
        }
        for entry in self.recorded() {
            if entry.state() == State::Wanted {
                entry.set(State::Writing);
            }
        }
        self.wanted = 0;
    }

    /// The record is durable, on every member or only on some.
    pub(crate) fn durable(&mut self, everywhere: bool, cleaned: bool, now: u64) {
        let mut woken = false;
        let mut clean = false;
        for entry in self.recorded() {
            match entry.state() {
                // The idle time counts from here: the waiters have not had their turn yet.
                State::Writing if everywhere => {
                    entry.set(State::Dirty);
                    woken = true;
                }
                State::Writing => entry.set(State::Wanted),
                // A clean record that only some members hold is a clean record.
                State::CleanWanted if cleaned => {
                    entry.set(State::Clean);
                    clean = true;
                }
                _ => {}
            }
        }
        if woken {
            self.quiet_since = now;
        }
        if clean && !self.by_region {
            self.forgotten();
        }
        self.recount();
    }

    /// Prepares what may be made clean: regions that no write of `in_flight` touches.
    pub(crate) fn prepare_clean(&mut self, everything: bool) -> Cleaning {
        let (by_region, mut any, mut all) = (self.by_region, false, true);
        if !by_region && everything && matches!(self.flag.state(), State::Dirty | State::Resting) {
            self.flag.set(State::CleanWanted);
            any = true;
        }
        for region in self.regions.iter_mut().take(self.grain.count) {
            let idle = match region.state() {
                State::Resting => true,
                State::Dirty => everything,
                State::Clean | State::Unwritten => continue,
                _ => false,
            };
            if idle && !(by_region && region.owed()) {
                region.set(State::CleanWanted);
                any = true;
            } else {
                all = false;
            }
        }
        self.recount();
        Cleaning { any, all: if by_region { all } else { any && everything } }
    }

    /// What was prepared is not true any more.
    pub(crate) fn drop_clean(&mut self) {
        let count = self.grain.count;
        let flag = core::slice::from_mut(&mut self.flag);
        for entry in self.regions.iter_mut().take(count).chain(flag) {
            if entry.state() == State::CleanWanted {
                entry.set(State::Dirty);
            }
        }
        self.recount();
    }

    /// Every member was flushed: what was prepared need not be remembered, though no record says so.
    pub(crate) fn forgotten(&mut self) {
        for region in self.regions.iter_mut().take(self.grain.count) {
            if region.state() == State::CleanWanted {
                region.set(State::Clean);
            }
        }
        self.recount();
    }

    pub(crate) const fn hurry(&mut self) {
        self.hurry = true;
    }

    /// From when on everything may be made clean, if no write is in flight. Not at once, even without an idle
    /// time: who waited for the dirty record has its turn first, and whoever waits for the deadline rests.
    pub(crate) fn clean_from(&self, idle: u64) -> Option<u64> {
        let wait = if self.hurry { 0 } else { or_least(idle) };
        let any = match self.by_region {
            true => self.dirty > self.owed || (self.hurry && self.dirty > 0),
            false => self.flag.is_dirty(),
        };
        any.then_some(self.quiet_since.saturating_add(wait))
    }

    /// When the next sweep is due, if there is anything to sweep.
    pub(crate) fn sweep_from(&self, idle: u64) -> Option<u64> {
        // Where regions are recorded, one that is owed a resync stays dirty until it has ended.
        let kept = if self.by_region { self.owed } else { 0 };
        let any = self.grain.count > 1 && self.dirty > kept;
        any.then_some(self.swept_at.saturating_add(or_least(idle)))
    }

    /// Regions written since the last sweep rest from now on, `busy` ones excepted.
    pub(crate) fn rest(&mut self, now: u64, busy: impl Fn(Rows) -> bool) {
        self.swept_at = now;
        let grain = self.grain;
        for (index, region) in self.regions.iter_mut().take(grain.count).enumerate() {
            let start = grain.start(index);
            let rows = Rows { start, len: grain.rows };
            match region.state() {
                State::Dirty if !busy(rows) => region.set(State::Resting),
                State::Resting if busy(rows) => region.set(State::Dirty),
                _ => {}
            }
        }
    }
}

/// An idle time, or a millisecond where there is none.
const fn or_least(idle: u64) -> u64 {
    if idle == 0 { 1_000_000 } else { idle }
}

/// For the exploration, which tells states apart by what may still happen.
#[cfg(test)]
impl<const N: usize> DirtyLog<N> {
    /// Whether the region of this row is clean, and recorded so where regions are recorded.
    pub(crate) fn is_clean_at(&self, row: Row) -> bool {
        self.of(self.grain.of(row.0)).is_clean()
    }

    /// Whether the flush under way is to make the region of this row clean.
    pub(crate) fn is_being_cleaned_at(&self, row: Row) -> bool {
        self.of(self.grain.of(row.0)).state() == State::CleanWanted
    }

    /// The state of a region, or of the flag, as the proven model counts it.
    pub(crate) fn recorded_state(&self, region: usize) -> RegionState {
        let entry = if self.by_region { self.of(region) } else { self.flag };
        match entry.state() {
            State::Clean | State::Unwritten => RegionState::Clean,
            State::Wanted => RegionState::Wanted,
            State::Writing => RegionState::Writing,
            State::Dirty | State::Resting => RegionState::Dirty,
            State::CleanWanted => RegionState::CleanWanted,
        }
    }

    /// Counts time from `now`; more than `idle` is as good as `idle`.
    pub(crate) fn forget_times(&mut self, now: u64, idle: u64) {
        let quiet = now.saturating_sub(self.quiet_since).min(idle);
        self.quiet_since = if self.clean_from(0).is_some() { quiet } else { 0 };
        let swept = now.saturating_sub(self.swept_at).min(idle);
        self.swept_at = if self.sweep_from(0).is_some() { swept } else { 0 };
    }
}
