// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the histories of two records are related, as far as the stamps of runs tell.
//!
//! A record of another implementation, or from before the first update made here, has no stamp. Its first one
//! would follow from what its disk's lists say, and so is known: a later record that names it descends from a disk
//! that said the same.

use super::virtual_disk::SetRecord;
use crate::physical_disk_records::PdState;
use crate::roster::{self, Kin, Reach, Roster};
use crate::update::set_note::SetNote;

impl SetRecord<'_> {
    /// How its history is related to that of another record, as far as the stamps of runs tell.
    pub(super) fn kin(&self, other: &Self) -> Kin {
        let stamps = match (self.roster(), other.roster()) {
            (Some(own), Some(their)) => Some((own, their)),
            (Some(own), None) => other.founding().map(|their| (own, their)),
            (None, Some(their)) => self.founding().map(|own| (own, their)),
            (None, None) => None,
        };
        let Some((own, their)) = stamps else { return Kin::Unknown };
        let same_set = self.record.secondary_element_seq == other.record.secondary_element_seq;
        let reach = |one: &Self, other: &Self| match one.counts_in(other) {
            _ if !same_set => Reach::OtherSet,
            true => Reach::Counted,
            false => Reach::None,
        };
        own.kin(&their, (reach(self, other), reach(other, self)))
    }

    /// The roster that the next update made here would begin from, of a volume of one set.
    fn founding(&self) -> Option<Roster> {
        if self.record.secondary_element_count > 1 || !roster::is_ours(self.record) {
            return None;
        }
        let order = self.disk.order();
        let listed = self.disk.virtual_disks()?.find(order, &self.record.vd_guid)?;
        let gone = PdState::FAILED.union(PdState::MISSING);
        let state = |them| self.disk.entry_of(them).map_or(gone, |entry| entry.pd_state(order));
        let members = self.references().map(|them| (them, state(them)));
        let number = self.disk.effective_sequence()?;
        Roster::founded(&self.record.vd_guid, number, SetNote::of_entry(listed), members)
    }
}
