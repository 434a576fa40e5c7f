// SPDX-License-Identifier: MIT OR Apache-2.0
//! A member with a volatile cache, as everything that its medium may hold.
//!
//! A value is a set of bits: bit `k` of column `c` stands for version `k` of the block in that column.
//! A data block holds one bit, parity the exclusive sum of its row's bits, so nothing is mistaken for
//! anything else.

use crate::{DEBTORS, Debtor, Generation, MemberKey, RegionRecord};
use raid_core::metadata::RuntimeState;

/// Rows of the set.
pub(super) const ROWS: usize = 2;

/// Columns of a row, at most.
pub(super) const COLUMNS: usize = 2;

/// What a disk holds that never was a member.
pub(super) const GARBAGE: u32 = 1 << 31;

const BITS: usize = 12;

/// The value of a version of a block in a column.
pub(super) fn value(column: usize, version: u8) -> u32 {
    assert!(usize::from(version) < BITS, "versions of a block do not fit");
    1 << (column * BITS + usize::from(version))
}

/// Which version of the block in a column this is, if it is one.
pub(super) fn version(column: usize, value: u32) -> Option<u8> {
    let bits = value >> (column * BITS);
    let alone = value.count_ones() == 1 && value != GARBAGE && bits.trailing_zeros() < 12;
    alone.then(|| bits.trailing_zeros() as u8)
}

/// The versions of a column that are part of a value.
pub(super) fn versions(column: usize, value: u32) -> u16 {
    ((value & !GARBAGE) >> (column * BITS)) as u16 & ((1 << BITS) - 1)
}

/// One row of one member: the values that may be on the medium, oldest first. A read returns the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cell {
    values: [u32; 8],
    len: u8,
}

impl Cell {
    pub(super) fn of(value: u32) -> Self {
        let mut values = [0; 8];
        values[0] = value;
        Self { values, len: 1 }
    }

    pub(super) fn values(&self) -> &[u32] {
        &self.values[..usize::from(self.len)]
    }

    pub(super) fn now(&self) -> u32 {
        self.values[usize::from(self.len) - 1]
    }

    pub(super) fn write(&mut self, value: u32) {
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

/// What a record says; a region is a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Image {
    pub(super) state: RuntimeState,
    pub(super) generation: Generation,
    pub(super) debtors: [Option<Debtor>; DEBTORS],
    /// None in a format that holds one flag for the set.
    pub(super) regions: Option<[RegionRecord; ROWS]>,
}

impl Image {
    pub(super) const fn plain(state: RuntimeState) -> Self {
        Self { state, generation: Generation(0), debtors: [None; DEBTORS], regions: None }
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
    pub(super) fn holding(value: u32, key: u64) -> Self {
        Self { cells: [Cell::of(value); ROWS], key, record: None, dead: false }
    }

    /// What it says of itself: who it is, and the generation of its record.
    pub(super) fn identity(&self) -> (MemberKey, Generation) {
        (MemberKey(self.key), self.record.map_or(Generation(0), |(_, image)| image.generation))
    }

    pub(super) fn row(&self, row: u64) -> u32 {
        self.cells[row as usize].now()
    }
}
