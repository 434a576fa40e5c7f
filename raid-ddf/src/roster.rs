// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a volume says for itself of its members, where several volumes share disks: in the vendor's
//! fields of its configuration records.
//!
//! The standard keeps one state a disk and one update counter a configuration. Volumes that share disks
//! run in turns, each on the disks that are present then: what one of them records would be taken for
//! what another one knows. So each volume has lists of its own, and counts its own updates:
//!
//! ```text
//!  0      4         5       6       8        12       16       20       28           92   96
//!  | RRro | version | flags | heard | update | number | parted | states | references | CRC |
//! ```
//!
//! - *Number* counts the updates of this volume. An update of another volume leaves it, and every state,
//!   as it was, on each disk: also on disks whose records of this volume differ. Who carried the volume
//!   when which record was written is asked of [that number and these states](crate::assemble).
//! - *Parted* is the number of the last update that counted the member in that went last: what that
//!   member's own disk says of later updates, the disk of this roster was not told.
//! - *States*, three bits for each reference: in sync, being filled, failed, missing; the third bit where
//!   another disk has the place now.
//! - *Heard*, one bit for each reference, inverted: an update of another volume said that the disk failed.
//!   This one has not run without it, and knows no more of it than its number says.
//! - *Flags*: bit 0 clean, bits 1 and 2 initialisation, both for the whole volume.
//! - *Update* is the header's counter. A roster counts only under the counter that it was written with:
//!   after a change by another implementation the lists of the standard count, and the next update made
//!   here begins a roster from them.
//! - There is room for sixteen references. A volume of more, one whose fields another vendor uses, and a
//!   configuration that keeps no counter have none: their lists are those of the standard.
//!
//! What the standard's lists say is the worst that any volume says of a disk, so an implementation
//! that does not know the rosters reads no old data.

use crate::crc::plain_crc;
use crate::integer::{ByteOrder, U16, U32, U64};
use crate::physical_disk_records::{PdState, is_reference};
use crate::update::set_note::SetNote;
use crate::vd_configuration::VdConfiguration;
use raid_core::array::Initialisation;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// References that there is room for.
const ROOM: usize = 16;
/// Bytes of the vendor's fields.
const BYTES: usize = 96;

/// The roster as it stands in the vendor's fields.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Stored {
    magic: [u8; 4],
    version: u8,
    flags: u8,
    heard: U16,
    update: U32,
    number: U32,
    parted: U32,
    states: U64,
    references: [U32; ROOM],
    crc: U32,
}

const _: () = assert!(size_of::<Stored>() == BYTES);

const MAGIC: [u8; 4] = *b"RRro";
const VERSION: u8 = 1;

/// A disk that holds, or held, a part of the volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    reference: u32,
    state: u8,
    /// Another volume's update said so.
    heard: bool,
}

/// Bits of a state.
const BITS: u32 = 3;
const IN: u8 = 0;
const FILLING: u8 = 1;
const FAILED: u8 = 2;
const MISSING: u8 = 3;
/// Another disk has its place now.
const REPLACED: u8 = 4;

/// What a volume says for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Roster {
    /// Updates of the volume.
    pub(crate) number: u32,
    /// Number of the last update that counted in who went last.
    pub(crate) parted: u32,
    /// Whether no write is under way, and how far it is initialised: the worst of all sets.
    pub(crate) note: SetNote,
    pub(crate) members: [Option<Member>; ROOM],
}

impl Roster {
    /// One that names nobody yet.
    pub(crate) const fn new(number: u32, note: SetNote) -> Self {
        Self { number, parted: number, note, members: [None; ROOM] }
    }

    /// The roster in a record, if it counts under update counter `update` of the header.
    pub(crate) fn of_record(
        record: &VdConfiguration,
        order: ByteOrder,
        update: Option<u32>,
    ) -> Option<Self> {
        if !record.v0.starts_with(&MAGIC) {
            return None;
        }
        let bytes = fields(record);
        let stored = Stored::ref_from_bytes(&bytes).ok()?;
        let counts = stored.magic == MAGIC
            && stored.version == VERSION
            && Some(stored.update.get(order)) == update
            && stored.crc.get(order) == crc(&bytes, record);
        if !counts {
            return None;
        }
        let note = SetNote {
            clean: stored.flags & 1 != 0,
            initialisation: match stored.flags >> 1 & 3 {
                0 => Initialisation::None,
                1 => Initialisation::Running,
                _ => Initialisation::Full,
            },
        };
        let parted = stored.parted.get(order);
        let mut this = Self { parted, ..Self::new(stored.number.get(order), note) };
        let mut states = stored.states.get(order);
        let mut heard = !stored.heard.get(order);
        for (member, reference) in this.members.iter_mut().zip(&stored.references) {
            let reference = reference.get(order);
            let state = u8::try_from(states & 7).unwrap_or(FAILED);
            let own = Member { reference, state, heard: heard & 1 != 0 };
            *member = is_reference(reference).then_some(own);
            states = states.checked_shr(BITS).unwrap_or(0);
            heard >>= 1;
        }
        Some(this)
    }

    /// Stores it in a record, to count under update counter `update` of the header.
    pub(crate) fn store(&self, record: &mut VdConfiguration, order: ByteOrder, update: u32) {
        let initialisation = match self.note.initialisation {
            Initialisation::None => 0,
            Initialisation::Running => 1,
            Initialisation::Full => 2,
        };
        let bits = self.members.iter().rev().map(|member| member.is_some_and(|own| own.heard));
        let heard = bits.fold(0u16, |all, heard| all << 1 | u16::from(heard));
        let mut stored = Stored {
            magic: MAGIC,
            version: VERSION,
            flags: u8::from(self.note.clean) | initialisation << 1,
            heard: U16::new(order, !heard),
            update: U32::new(order, update),
            number: U32::new(order, self.number),
            parted: U32::new(order, self.parted),
            states: U64::new(order, 0),
            references: [U32::ALL_ONES; ROOM],
            crc: U32::ALL_ONES,
        };
        let mut states = 0u64;
        for (member, stored) in self.members.iter().zip(&mut stored.references).rev() {
            let state = member.map_or(0, |member| member.state);
            states = states.checked_shl(BITS).unwrap_or(0) | u64::from(state & 7);
            if let Some(member) = member {
                stored.set(order, member.reference);
            }
        }
        stored.states.set(order, states);
        let mut bytes = [0; BYTES];
        bytes.iter_mut().zip(stored.as_bytes()).for_each(|(byte, stored)| *byte = *stored);
        let sum = U32::new(order, crc(&bytes, record));
        let all = bytes.iter().take(BYTES - 4).chain(sum.as_bytes());
        places(record).zip(all).for_each(|(place, byte)| *place = *byte);
    }

    fn member(&self, reference: u32) -> Option<&Member> {
        self.members.iter().flatten().find(|member| member.reference == reference)
    }

    /// State of a disk for this volume; `None` if it never held a part of it.
    pub(crate) fn state_of(&self, reference: u32) -> Option<PdState> {
        let state = self.member(reference)?.state & !REPLACED;
        Some(match state {
            IN => PdState::ONLINE,
            FILLING => PdState::ONLINE.union(PdState::REBUILDING),
            FAILED => PdState::ONLINE.union(PdState::FAILED),
            _ => PdState::ONLINE.union(PdState::FAILED).union(PdState::MISSING),
        })
    }

    /// Whether a disk has a place in the volume.
    pub(crate) fn names(&self, reference: u32) -> bool {
        self.member(reference).is_some_and(|member| member.state & REPLACED == 0)
    }

    /// The disks that have a place, with their states.
    pub(crate) fn named(&self) -> impl Iterator<Item = (u32, PdState)> + use<'_> {
        let all = self.members.iter().flatten().filter(|member| member.state & REPLACED == 0);
        all.filter_map(|member| Some((member.reference, self.state_of(member.reference)?)))
    }

    /// Whether every disk that has a place holds its data.
    pub(crate) fn is_whole(&self) -> bool {
        let mut all = self.members.iter().flatten();
        all.all(|member| member.state == IN || member.state & REPLACED != 0)
    }

    /// How many disks that have a place are out.
    pub(crate) fn accusations(&self) -> usize {
        let all = self.members.iter().flatten();
        all.filter(|member| matches!(member.state, FAILED | MISSING)).count()
    }

    /// Whether it says of a disk that it is out which the other one counts in.
    pub(crate) fn accuses(&self, other: &Self) -> bool {
        let out = self.members.iter().flatten().filter(|own| matches!(own.state, FAILED | MISSING));
        out.into_iter().any(|own| other.state_of(own.reference).is_some_and(PdState::is_usable))
    }

    /// Gives a disk a place, in this state; `false` if there is no room.
    pub(crate) fn set(&mut self, reference: u32, state: PdState) -> bool {
        let state = match state {
            _ if state.contains(PdState::MISSING) => MISSING,
            _ if state.contains(PdState::FAILED) || !state.contains(PdState::ONLINE) => FAILED,
            _ if state.contains(PdState::REBUILDING) => FILLING,
            _ => IN,
        };
        let known = self
            .members
            .iter()
            .position(|member| member.is_some_and(|member| member.reference == reference));
        let free = || self.members.iter().position(Option::is_none);
        // What is known of a disk that was replaced may be forgotten.
        let replaced = || {
            let gone = |member: &Option<Member>| member.is_some_and(|m| m.state & REPLACED != 0);
            self.members.iter().position(gone)
        };
        let place = known.or_else(free).or_else(replaced);
        match place.and_then(|place| self.members.get_mut(place)) {
            Some(place) => {
                *place = Some(Member { reference, state, heard: false });
                true
            }
            None => false,
        }
    }

    /// Another volume's update says that a disk failed; `false` if it is not known.
    pub(crate) fn hear(&mut self, reference: u32, state: PdState) -> bool {
        let known = self.member(reference).is_some() && self.set(reference, state);
        for member in self.members.iter_mut().flatten() {
            member.heard |= known && member.reference == reference;
        }
        known
    }

    /// Whether that a disk failed is known from another volume's update alone.
    pub(crate) fn has_heard(&self, reference: u32) -> bool {
        self.member(reference).is_some_and(|member| member.heard)
    }

    /// Another disk has the place of this one now.
    pub(crate) fn replace(&mut self, reference: u32) {
        for member in self.members.iter_mut().flatten() {
            if member.reference == reference {
                member.state |= REPLACED;
            }
        }
    }
}

/// Whether the vendor's fields of a record are free, or hold a roster.
pub(crate) fn is_ours(record: &VdConfiguration) -> bool {
    record.v0.starts_with(&MAGIC) || fields(record) == [u8::MAX; BYTES]
}

/// Takes the roster out of a record.
pub(crate) fn remove(record: &mut VdConfiguration) {
    places(record).for_each(|byte| *byte = u8::MAX);
}

/// The vendor's fields as they stand.
fn fields(record: &VdConfiguration) -> [u8; BYTES] {
    let mut all = [0; BYTES];
    let stored = record.v0.iter().chain(&record.v1).chain(&record.v2).chain(&record.v3);
    all.iter_mut().zip(stored).for_each(|(byte, stored)| *byte = *stored);
    all
}

fn places(record: &mut VdConfiguration) -> impl Iterator<Item = &mut u8> {
    let VdConfiguration { v0, v1, v2, v3, .. } = record;
    v0.iter_mut().chain(v1).chain(v2).chain(v3)
}

/// The check over the roster, and over whose it is.
fn crc(bytes: &[u8; BYTES], record: &VdConfiguration) -> u32 {
    let body = bytes.get(..BYTES - 4).unwrap_or_default();
    plain_crc(&[body, &record.vd_guid.0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    const ORDER: ByteOrder = ByteOrder::Big;
    const NOTE: SetNote = SetNote { clean: false, initialisation: Initialisation::Running };

    #[test]
    fn a_roster_is_read_as_it_was_stored_and_under_no_other_counter() {
        let mut bytes = [u8::MAX; 1024];
        let record = VdConfiguration::view_mut(&mut bytes).unwrap();
        let mut roster = Roster { parted: 5, ..Roster::new(7, NOTE) };
        let out = PdState::ONLINE | PdState::FAILED;
        let states =
            [PdState::ONLINE, PdState::ONLINE | PdState::REBUILDING, out, out | PdState::MISSING];
        for (reference, state) in (1..).zip(states) {
            assert!(roster.set(reference, state));
        }
        roster.replace(3);
        assert!(roster.set(5, PdState::ONLINE) && roster.hear(5, out) && !roster.hear(6, out));
        assert!(is_ours(record));
        roster.store(record, ORDER, 40);
        assert!(is_ours(record));
        let found = Roster::of_record(record, ORDER, Some(40)).unwrap();
        assert_eq!(found, roster);
        for (reference, state) in (1..).zip(states) {
            assert_eq!(found.state_of(reference), Some(state));
            assert_eq!(found.names(reference), reference != 3);
        }
        assert_eq!((found.state_of(9), found.accusations(), found.is_whole()), (None, 2, false));
        assert_eq!([4, 5, 9].map(|reference| found.has_heard(reference)), [false, true, false]);
        assert!(roster.set(5, out) && !roster.has_heard(5));
        for update in [None, Some(41)] {
            assert_eq!(Roster::of_record(record, ORDER, update), None);
        }
        record.v1[3] ^= 1;
        assert_eq!(Roster::of_record(record, ORDER, Some(40)), None);
        remove(record);
        assert!(bytes.iter().all(|byte| *byte == u8::MAX));
    }

    #[test]
    fn the_place_of_a_replaced_disk_is_given_away_where_there_is_no_other() {
        let mut roster = Roster::new(1, NOTE);
        assert!((1..=16).all(|reference| roster.set(reference, PdState::ONLINE)));
        assert!(!roster.set(18, PdState::ONLINE));
        roster.replace(5);
        assert!(roster.set(18, PdState::ONLINE));
        assert_eq!((roster.state_of(5), roster.names(18)), (None, true));
    }
}
