// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a record says of a region.

/// What a record says of one region: the byte that a format stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RegionRecord(pub u8);

impl RegionRecord {
    const DIRTY: u8 = 1;
    const UNWRITTEN: u8 = 2;

    /// What it says; `debt` has a bit for each of the recorded debtors that have missed writes to it.
    #[must_use]
    pub const fn new(dirty: bool, unwritten: bool, debt: u8) -> Self {
        let dirty = if dirty { Self::DIRTY } else { 0 };
        let unwritten = if unwritten { Self::UNWRITTEN } else { 0 };
        Self(dirty | unwritten | (debt << 4))
    }

    /// Writes may be in flight, or copies may differ.
    #[must_use]
    pub const fn dirty(self) -> bool {
        self.0 & Self::DIRTY != 0
    }

    /// Never written since the set was made: nothing in it needs to agree.
    #[must_use]
    pub const fn unwritten(self) -> bool {
        self.0 & Self::UNWRITTEN != 0
    }

    /// Which of the recorded debtors have missed writes to it: bit 0 is the first of them.
    #[must_use]
    pub const fn debt(self) -> u8 {
        self.0 >> 4
    }
}
