// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a format that can hold more than a [`RuntimeState`] stores and gives back: generation, regions,
//! debts, bad ranges, and whose they are.
//!
//! Always the whole state, never a difference. A format that holds less keeps to
//! [`SyncCore::snapshot`](crate::SyncCore::snapshot).

use crate::bad_range::BadRanges;
use crate::debt::Debtors;
use crate::region::DirtyLog;
use raid_core::metadata::{
    BadRows, DEBTORS, Debtor, Generation, MemberKey, RegionRecord, RuntimeState, SetRecord,
};
use raid_core::units::Slot;

/// The record that is being written: a view of the core, to be stored on every member alike.
///
/// Take all of it in one go: its regions and bad rows are those of this moment.
pub struct RecordView<'a> {
    pub(crate) state: RuntimeState,
    pub(crate) generation: Generation,
    pub(crate) debtors: &'a Debtors,
    /// Bits of the debtors that the record still names.
    pub(crate) lasting: u8,
    pub(crate) regions: &'a dyn Regions,
    pub(crate) bad: &'a dyn Bad,
    /// The record raises trust: ranges that were written again are left out.
    pub(crate) raised: bool,
}

pub(crate) trait Regions {
    fn each(&self, debtors: u8, to: &mut dyn FnMut(RegionRecord));
}

impl<const N: usize> Regions for DirtyLog<N> {
    fn each(&self, debtors: u8, to: &mut dyn FnMut(RegionRecord)) {
        self.records(debtors).for_each(to);
    }
}

pub(crate) trait Bad {
    fn each(&self, raised: bool, to: &mut dyn FnMut(BadRows));
}

impl<const N: usize> Bad for BadRanges<N> {
    fn each(&self, raised: bool, to: &mut dyn FnMut(BadRows)) {
        match raised {
            true => self.lasting().for_each(to),
            false => self.iter().for_each(to),
        }
    }
}

impl RecordView<'_> {
    /// The same record with another run-time state: for a caller who must say of a member what the core does not
    /// know.
    #[must_use]
    pub const fn with_state(self, state: RuntimeState) -> Self {
        Self { state, ..self }
    }
}

impl SetRecord for RecordView<'_> {
    fn state(&self) -> RuntimeState {
        self.state
    }

    fn generation(&self) -> Generation {
        self.generation
    }

    fn debtors(&self) -> [Option<Debtor>; DEBTORS] {
        let mut debtors = self.debtors.places;
        for entry in &mut debtors {
            let lasts = |debtor: &Debtor| self.debtors.bit(debtor.slot) & self.lasting != 0;
            *entry = entry.filter(lasts);
        }
        debtors
    }

    fn regions(&self, to: &mut dyn FnMut(RegionRecord)) {
        self.regions.each(self.lasting, to);
    }

    fn bad_rows(&self, to: &mut dyn FnMut(BadRows)) {
        self.bad.each(self.raised, to);
    }
}

impl core::fmt::Debug for RecordView<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("RecordView")
            .field("state", &self.state)
            .field("generation", &self.generation)
            .field("debtors", &self.debtors())
            .finish_non_exhaustive()
    }
}

/// A disk that sits in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seated {
    /// The slot.
    pub slot: Slot,
    /// Who the disk is; `None` if the format cannot tell.
    pub key: Option<MemberKey>,
}

/// What the newest valid record says, and who is there.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The part that every format has.
    pub state: RuntimeState,
    /// Generation of the record.
    pub generation: Generation,
    /// Whose debt the regions speak of.
    pub debtors: [Option<Debtor>; DEBTORS],
    /// The regions; empty if the record holds none. Another number of regions than the set has now
    /// counts as none.
    pub regions: &'a [RegionRecord],
    /// The bad ranges.
    pub bad: &'a [BadRows],
    /// Who sits in the slots now, as far as the format leaves it to the core to compare: a mark and a
    /// debt belong to one disk (`sync.md` I11).
    pub seated: &'a [Seated],
}

impl Found<'_> {
    /// What a format has found that holds no more than this.
    #[must_use]
    pub const fn plain(state: RuntimeState) -> Self {
        let (regions, bad, seated) = (&[], &[], &[]);
        Self { state, generation: Generation(0), debtors: [None; DEBTORS], regions, bad, seated }
    }
}
