// SPDX-License-Identifier: MIT OR Apache-2.0
//! How rows fall into regions.

use core::ops::Range;
use raid_core::units::{Row, Rows};

/// How rows fall into regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Grain {
    /// Rows of a region: the alignment times a power of two.
    pub(super) rows: u64,
    /// If that is a power of two, which.
    shift: Option<u32>,
    /// Regions in use.
    pub(crate) count: usize,
    /// Rows of the set.
    size: u64,
}

impl Grain {
    /// Of no rows.
    pub(crate) const NOTHING: Self = Self { rows: 1, shift: Some(0), count: 1, size: 0 };

    pub(crate) fn new(size: u64, align: u64, room: usize) -> Self {
        let room = u64::try_from(room).unwrap_or(u64::MAX).max(1);
        let mut rows = align.max(1);
        while size.div_ceil(rows) > room && rows < size {
            rows = rows.saturating_mul(2);
        }
        let shift = rows.is_power_of_two().then(|| rows.trailing_zeros());
        let count = usize::try_from(size.div_ceil(rows).max(1)).unwrap_or(usize::MAX);
        Self { rows, shift, count, size }
    }

    #[inline]
    pub(crate) fn of(&self, row: u64) -> usize {
        if self.count == 1 {
            return 0;
        }
        let region = match self.shift {
            Some(shift) => row.wrapping_shr(shift),
            None => row.checked_div(self.rows).unwrap_or(0),
        };
        usize::try_from(region).unwrap_or(usize::MAX)
    }

    pub(crate) fn range(&self, rows: Rows) -> Range<usize> {
        let last = self.of(rows.end().0.saturating_sub(1));
        self.of(rows.start.0)..last.saturating_add(1).min(self.count)
    }

    pub(crate) fn start(&self, region: usize) -> Row {
        Row(u64::try_from(region).unwrap_or(u64::MAX).saturating_mul(self.rows))
    }

    pub(crate) fn end(&self, region: usize) -> Row {
        self.start(region.saturating_add(1)).min(Row(self.size))
    }
}
