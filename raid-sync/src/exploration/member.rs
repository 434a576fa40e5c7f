// SPDX-License-Identifier: MIT OR Apache-2.0
//! A member with a volatile cache, as everything that its medium may hold.

use super::stripe::{MEMBERS, Value};
use raid_core::metadata::{DEBTORS, Debtor, Generation, MemberKey, RegionRecord, RuntimeState};
use std::hash::{Hash, Hasher};

/// Rows of the set.
pub(super) const ROWS: usize = 2;

/// One row of one member: the values that may be on the medium, oldest first. A read returns the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cell {
    values: [Value; 8],
    len: u8,
}

impl Cell {
    pub(super) fn of(value: Value) -> Self {
        let mut values = [0; 8];
        values[0] = value;
        Self { values, len: 1 }
    }

    pub(super) fn values(&self) -> &[Value] {
        &self.values[..usize::from(self.len)]
    }

    pub(super) fn now(&self) -> Value {
        self.values[usize::from(self.len) - 1]
    }

    pub(super) fn write(&mut self, value: Value) {
        if self.now() != value {
            self.values[usize::from(self.len)] = value;
            self.len += 1;
        }
    }

    /// Forgets the oldest values: those before the one at `place` cannot come back.
    pub(super) fn settle(&mut self, place: u8) {
        let place = usize::from(place.min(self.len - 1));
        self.values.rotate_left(place);
        self.len -= place as u8;
        self.values[usize::from(self.len)..].fill(0);
    }

    /// The place of what a flush that is issued now covers.
    pub(super) fn last(&self) -> u8 {
        self.len - 1
    }
}

/// What neither the core nor a format knows: states that differ in it only are the same.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ghost<T>(pub(super) T);

impl<T> PartialEq for Ghost<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Ghost<T> {}

impl<T> Hash for Ghost<T> {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// How a record came about.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Issued {
    /// Counted over all records of all runs.
    pub(super) serial: u32,
    /// Which disk sat in each slot.
    pub(super) disks: [u64; MEMBERS],
}

/// What a record says; a region is a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Image {
    pub(super) state: RuntimeState,
    pub(super) generation: Generation,
    pub(super) debtors: [Option<Debtor>; DEBTORS],
    /// None in a format that holds one flag for the set.
    pub(super) regions: Option<[RegionRecord; ROWS]>,
    pub(super) issued: Ghost<Issued>,
}

impl Image {
    pub(super) const fn plain(state: RuntimeState) -> Self {
        let issued = Ghost(Issued { serial: 0, disks: [0; MEMBERS] });
        Self { state, generation: Generation(0), debtors: [None; DEBTORS], regions: None, issued }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Member {
    pub(super) cells: [Cell; ROWS],
    /// Which disk it is.
    pub(super) key: u64,
    /// Running number and content of its record; a disk without one is not a member.
    pub(super) record: Option<(u8, Image)>,
    /// Every access fails.
    pub(super) dead: bool,
}

impl Member {
    pub(super) fn holding(value: Value, key: u64) -> Self {
        Self { cells: [Cell::of(value); ROWS], key, record: None, dead: false }
    }

    /// What it says of itself: who it is, and the generation of its record.
    pub(super) fn identity(&self) -> (Option<MemberKey>, Generation) {
        (MemberKey::new(self.key), self.record.map_or(Generation(0), |(_, image)| image.generation))
    }

    pub(super) fn row(&self, row: u64) -> Value {
        self.cells[row as usize].now()
    }
}
