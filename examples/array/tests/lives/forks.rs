// SPDX-License-Identifier: MIT OR Apache-2.0
//! Refusals of a fork that is none: those that a format cannot help, told by what its records say.
//!
//! | format | the record of an older disk | the newest record | why |
//! |---|---|---|---|
//! | asr | counts in nobody but itself | who holds the data there | nothing says that its fellows went on from it: they have no line any more, or one that an older copy of them may have led to ([the two histories](../../../../docs/formats/asr.md)) |
//! | native | calls a member one that is being filled | calls the older disk absent | a row of the table of verdicts of `freshest`: *one calls the other's member absent, the other is filling the first* |
//!
//! Not where a third disk is present that shows the order.

use crate::disks::Disk;
use crate::machine::look;
use raid_array::store::Store;
use raid_array::workload::Kept;
use raid_core::array::{MemberId, Place};
use raid_core::units::SlotSet;

/// What the record of a disk says, read from that disk alone.
struct Said {
    place: Place,
    /// Itself, if it holds the data.
    id: Option<MemberId>,
    /// Who holds the data, but for the disk itself.
    counted_in: Vec<MemberId>,
    filling: SlotSet,
    absent: SlotSet,
}

impl Said {
    fn by(kept: Kept, disk: &Disk) -> Option<Self> {
        let discovery = look(kept.format, std::slice::from_ref(disk));
        let found = discovery.arrays.first()?;
        let members = || found.members.iter().map(|member| &member.descriptor);
        let (place, id) =
            members().find(|own| own.disk.is_some()).map(|own| (own.place, own.id))?;
        let store = Store::from_discovery(&discovery, found);
        let array = found.descriptor.id;
        let state = |set| store.view(|disks| kept.format.state(disks, array, set));
        let mut counted_in = Vec::new();
        for member in members() {
            let Some(id) = member.id else { continue };
            let own = state(member.place.set)?;
            if member.place != place && !(own.failed | own.rebuilding).contains(member.place.slot) {
                counted_in.push(id);
            }
        }
        let own = state(place.set)?;
        let id = id.filter(|_| !(own.failed | own.rebuilding).contains(place.slot));
        Some(Self { place, id, counted_in, filling: own.rebuilding, absent: own.failed })
    }

    fn accuses(&self, other: &Self) -> bool {
        self.place.set == other.place.set && (self.absent | self.filling).contains(other.place.slot)
    }
}

/// Whether the format cannot tell one of the older disks from one that ran apart from the newest.
pub(crate) fn cannot_be_told(kept: Kept, older: &[&Disk], newest: &[&Disk]) -> bool {
    let said = |disks: &[&Disk]| -> Vec<Said> {
        disks.iter().filter_map(|disk| Said::by(kept, disk)).collect()
    };
    let (older, newest) = (said(older), said(newest));
    let unknown = |old: &Said| {
        let holds = |id: &MemberId| {
            newest.iter().any(|new| new.id == Some(*id) || new.counted_in.contains(id))
        };
        !old.counted_in.iter().any(holds)
    };
    let filling = |old: &Said| {
        let overruled = |by: &Said| by.accuses(old) && !old.accuses(by);
        let mutual = |new: &Said| {
            new.absent.contains(old.place.slot) && old.filling.contains(new.place.slot)
        };
        newest.iter().any(mutual) && !older.iter().chain(&newest).any(overruled)
    };
    match kept.name {
        "asr" => older.iter().any(unknown),
        "native" => older.iter().any(filling),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::geometry;
    use crate::{FORMATS, Records, STAMP};
    use raid_core::array::Level;
    use raid_core::metadata::{Operation, Progress};
    use raid_core::units::Slot;

    const NATIVE: Kept = FORMATS[1];
    const ASR: Kept = FORMATS[4];

    /// Records on these disks who failed and who is being filled.
    fn record(records: &mut Records, of: &[usize], failed: &[u8], filled: &[u8]) {
        let array = records.array;
        let slots = |slots: &[u8]| slots.iter().map(|slot| Slot(*slot)).collect::<SlotSet>();
        let changed = records.change(of, of, |store, format| {
            let mut state = store.view(|disks| format.state(disks, array, 0)).expect("a state");
            (state.failed, state.rebuilding, state.clean) = (slots(failed), slots(filled), false);
            let targets = state.rebuilding;
            let operation = Operation::Rebuild { targets };
            state.progress = (!targets.is_empty()).then_some(Progress::start(operation));
            store.edit(|disks| format.set_state(disks, array, 0, &state, STAMP))
        });
        changed.expect("recorded");
    }

    /// The last of these disks takes a place.
    fn seat(records: &mut Records, of: &[usize], slot: u8) {
        let (array, spare) = (records.array, of.len() - 1);
        let seated = records.change(of, of, |store, format| {
            let place = Place { set: 0, slot: Slot(slot) };
            store.edit(|disks| format.activate(disks, array, place, spare, STAMP))
        });
        seated.expect("a spare");
    }

    fn told(kept: Kept, records: &Records, older: &[usize], newest: &[usize]) -> bool {
        let disks =
            |of: &[usize]| -> Vec<&Disk> { of.iter().map(|disk| &records.disks[*disk]).collect() };
        !cannot_be_told(kept, &disks(older), &disks(newest))
    }

    /// The fault that this must not hide: a refusal where a third disk shows the order, or a record names who failed.
    #[test]
    fn a_disk_that_left_while_another_was_filled_is_excused_where_no_third_one_is_present() {
        let mut records = Records::new(NATIVE, geometry(Level::Raid1, 3, 1)).expect("a mirror");
        record(&mut records, &[0, 1, 2], &[1], &[]);
        assert!(told(NATIVE, &records, &[1], &[0, 2]));
        record(&mut records, &[0, 1, 2], &[], &[1]);
        record(&mut records, &[0, 1], &[2], &[1]);
        record(&mut records, &[0, 1], &[2], &[]);
        assert!(told(NATIVE, &records, &[2], &[0, 1]));
        record(&mut records, &[1], &[0, 2], &[]);
        assert!(told(NATIVE, &records, &[0, 2], &[1]) && told(NATIVE, &records, &[0], &[1]));
        assert!(!told(NATIVE, &records, &[2], &[1]));
        assert!(told(FORMATS[0], &records, &[2], &[1]), "of another format");
    }

    /// The fault that this must not hide: a refusal where a disk that the older one counts in has a line.
    #[test]
    fn a_disk_whose_fellows_hold_nothing_in_the_newest_record_is_excused_and_no_other() {
        let mut records = Records::new(ASR, geometry(Level::Raid1, 2, 1)).expect("a mirror");
        record(&mut records, &[0, 1], &[1], &[]);
        assert!(told(ASR, &records, &[1], &[0]));
        let mut records = Records::new(ASR, geometry(Level::Raid1, 2, 1)).expect("a mirror");
        record(&mut records, &[0, 1], &[], &[]);
        record(&mut records, &[0], &[1], &[]);
        seat(&mut records, &[0, 2], 1);
        record(&mut records, &[0, 2], &[], &[]);
        assert!(told(ASR, &records, &[1], &[0, 2]) && told(ASR, &records, &[1], &[2]));
        record(&mut records, &[2], &[0], &[]);
        assert!(told(ASR, &records, &[0], &[2]) && !told(ASR, &records, &[1], &[2]));
        seat(&mut records, &[2, 3], 0);
        record(&mut records, &[2, 3], &[], &[]);
        assert!(!told(ASR, &records, &[1], &[2, 3]) && told(ASR, &records, &[0], &[2, 3]));
    }
}
