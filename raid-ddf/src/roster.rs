// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a volume says for itself of its members, and of the runs that it descends from: in the vendor's
//! fields of its configuration records.
//!
//! The standard keeps one state a disk and one update counter a configuration. Volumes that share disks
//! run in turns, each on the disks that are present then: what one of them records would be taken for
//! what another one knows. So each volume has lists of its own, and counts its own updates:
//!
//! ```text
//!  0      4         5       6       8        12       16    20       28                    92   96
//!  | RRro | version | flags | heard | update | number | run | states | references … runs | CRC |
//! ```
//!
//! - *Number* counts the updates of this volume. An update of another volume leaves it, and every state,
//!   as it was, on each disk: also on disks whose records of this volume differ. Who carried the volume
//!   when which record was written is asked of [that number and these states](crate::assemble).
//! - *Run* is a random stamp. A start makes one, and so does an update that counts a member out: what is
//!   written from then on, who was left behind does not have. *Runs* are the stamps before it, the newest
//!   in the last word, as many as there is room for: a disk whose own stamp is among them is an
//!   [ancestor](Kin), and one that has another stamp after one that both know ran apart.
//! - *States*, three bits for each reference: in sync, being filled, failed, missing; the third bit where
//!   another disk has the place now. Above them five bits, the number of references, and eleven: how many
//!   updates ago the run began, or ones.
//! - *Heard*, one bit for each reference, inverted: an update of another volume said that the disk failed.
//!   This one has not run without it, and knows no more of it than its number says.
//! - *Flags*: bit 0 clean, bits 1 and 2 initialisation, both for the whole volume; bit 3, no update since
//!   the stamp was made; bit 4, it was made by an update that changes nothing, as a start's; bit 5, by one that
//!   did not reach a member which it counts in.
//! - *Update* is the header's counter. A roster counts only under the counter that it was written with:
//!   after a change by another implementation the lists of the standard count, and the next update made
//!   here begins a roster from them.
//! - There is room for sixteen references and stamps together. Stamps of disks that are there, and that an
//!   update is not written to, are forgotten last, and before them those that a member was left at, which have the
//!   second bit set among the runs before; first those that only their own update was made with, and that no
//!   member was left at, which have the lowest bit set. A volume of more references, one whose fields
//!   another vendor uses, and a configuration that keeps no counter have no roster: their lists are those of
//!   the standard.
//!
//! What the standard's lists say is the worst that any volume says of a disk, so an implementation
//! that does not know the rosters reads no old data.

use crate::crc::plain_crc;
use crate::guid::Guid;
use crate::integer::{ByteOrder, U16, U32, U64};
use crate::physical_disk_records::{PdState, is_reference};
use crate::sequence::{compare_sequences, updates_between};
use crate::update::set_note::SetNote;
use crate::vd_configuration::VdConfiguration;
use core::cmp::Ordering;
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
    run: U32,
    states: U64,
    /// References from the front, stamps from the back.
    words: [U32; ROOM],
    crc: U32,
}

const _: () = assert!(size_of::<Stored>() == BYTES);

const MAGIC: [u8; 4] = *b"RRro";
const VERSION: u8 = 2;

/// A disk that holds, or held, a part of the volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    reference: u32,
    state: u8,
    /// Another volume's update said so.
    heard: bool,
}

/// Of the flags: the update that began the run did not reach a member that it counts in.
const LACKS: u8 = 1 << 5;

/// Bits of a state.
const BITS: u32 = 3;
const IN: u8 = 0;
const FILLING: u8 = 1;
const FAILED: u8 = 2;
const MISSING: u8 = 3;
/// Another disk has its place now.
const REPLACED: u8 = 4;

/// Bits of the states below the number of references.
const COUNT_SHIFT: u32 = 48;
/// Bits below the number of updates of the run.
const LEFT_SHIFT: u32 = 53;
/// That number, if there is no room for it.
const LONG_AGO: u32 = 0x7FF;

/// A stamp that nobody has.
const NO_RUN: u32 = u32::MAX;
/// Of a run before: its own update was the only one, and the one that ended it reached all members. Stamps are
/// compared without.
const BRIEF: u32 = 1;
/// Of a run before: the update that ended it was the first not to reach a member, which is at this run, or at most
/// one update further on.
const LEFT: u32 = 2;
/// What a stamp does not consist of.
const MARKS: u32 = BRIEF | LEFT;

/// What was recorded since a stamp was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// Nothing: an update that changes nothing has made it, as a start does.
    Opened,
    /// Nothing: the update that made it counts a member out.
    Parted,
    /// Another update.
    Older,
}

/// Whether the updates of a disk go to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It counts the other one in.
    Counted,
    /// The other one is of another set, and may be away without being called so.
    OtherSet,
    /// It does not.
    None,
}

/// How the history of a record is related to that of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kin {
    /// The same.
    Same,
    /// The other one descends from it.
    Earlier,
    /// It descends from the other one.
    Later,
    /// Both descend from one record, and neither from the other one.
    Apart,
    /// The stamps that are kept do not tell.
    Unknown,
}

/// What a volume says for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Roster {
    /// Updates of the volume.
    pub(crate) number: u32,
    /// Stamp of the run.
    pub(crate) run: u32,
    pub(crate) age: Age,
    /// Whether the update that the run began with did not reach a member that it counts in, or fills.
    pub(crate) lacks: bool,
    /// Number of the update that the run began after; `None` if that is too long ago.
    pub(crate) left: Option<u32>,
    /// Stamps of the runs before, the newest first.
    pub(crate) runs: [u32; ROOM],
    /// Whether no write is under way, and how far it is initialised: the worst of all sets.
    pub(crate) note: SetNote,
    pub(crate) members: [Option<Member>; ROOM],
}

impl Roster {
    /// One that names nobody yet.
    pub(crate) const fn new(number: u32, note: SetNote) -> Self {
        let (run, runs) = (NO_RUN, [NO_RUN; ROOM]);
        let left = Some(number);
        Self { number, run, age: Age::Older, lacks: false, left, runs, note, members: [None; ROOM] }
    }

    /// The one that a disk's own lists give a volume, with the stamp that follows from what they say: a copy of
    /// that disk gives the same. `None` if there is no room.
    pub(crate) fn founded(
        volume: &Guid,
        number: u32,
        note: SetNote,
        mut members: impl Iterator<Item = (u32, PdState)>,
    ) -> Option<Self> {
        let mut this = Self::new(number, note);
        let has_room = members.all(|(reference, state)| this.set(reference, state));
        this.run = this.stamp(&volume.0);
        has_room.then_some(this)
    }

    /// A stamp out of what it says, and of `random`: two that were made apart say different things, whatever
    /// the randomness of their makers is worth.
    fn stamp(&self, random: &[u8]) -> u32 {
        let flags = [u8::from(self.note.clean), code(self.note.initialisation)];
        let mut sum = plain_crc(&[random, &self.number.to_be_bytes(), &flags]);
        for member in self.members.iter().flatten() {
            let reference = member.reference.to_be_bytes();
            sum = plain_crc(&[&sum.to_be_bytes(), &reference, &[member.state]]);
        }
        if sum | MARKS == NO_RUN { 0 } else { sum & !MARKS }
    }

    /// The update that is being made goes on with the run, or `begins` one: a start, or one that counts a
    /// member out. Where there is no room, the oldest run goes that no disk `is_at` which this does not reach.
    /// `leaves` says whether it does not reach a member that the roster before counts in, or fills: that one is at
    /// the run before, or at most one update further on. `lacks` says the same of this roster.
    pub(crate) fn go_on(
        &mut self,
        begins: Option<Age>,
        (random, before): (u64, u32),
        (leaves, lacks): (bool, bool),
        is_at: impl Fn(u32) -> bool,
    ) {
        self.forget(usize::from(begins.is_some()), is_at);
        let mark = match leaves {
            // Who was left when the run began is at an earlier one.
            true if self.lacks => 0,
            true => LEFT,
            false if self.age == Age::Older => 0,
            false => BRIEF,
        };
        self.age = begins.unwrap_or(Age::Older);
        if begins.is_none() {
            return;
        }
        self.left = Some(before);
        self.runs.rotate_right(1);
        if let Some(newest) = self.runs.first_mut() {
            *newest = self.run | mark;
        }
        self.lacks = lacks;
        self.run = self.stamp(&random.to_be_bytes());
    }

    /// Makes room for so many runs more. Brief ones go first: only a disk that a cut left between two records
    /// of one start is at such a run; then those that no member was left at: only an older copy of a disk is. Where
    /// one before it is kept, a disk that is away would seem to have parted there.
    fn forget(&mut self, more: usize, is_at: impl Fn(u32) -> bool) {
        let room = ROOM.saturating_sub(self.members.iter().flatten().count());
        let kept = room.saturating_sub(more);
        for _ in kept..self.past().count() {
            let oldest = |of: &dyn Fn(u32) -> bool| {
                self.runs.iter().rposition(|run| *run != NO_RUN && of(*run))
            };
            let brief = oldest(&|run| run & BRIEF != 0 && !is_at(run & !MARKS));
            let reached = || oldest(&|run| run & LEFT == 0 && !is_at(run & !MARKS));
            let some = brief.or_else(reached).or_else(|| oldest(&|run| !is_at(run & !MARKS)));
            let forgotten = some.or_else(|| oldest(&|_| true));
            if let Some(forgotten) = forgotten.and_then(|at| self.runs.get_mut(at..)) {
                forgotten.rotate_left(1);
                forgotten.last_mut().into_iter().for_each(|last| *last = NO_RUN);
            }
        }
    }

    /// Its runs, the newest first; the own one only if it is to be counted.
    fn line(&self, counts_itself: bool) -> impl Iterator<Item = u32> + use<'_> {
        let own = Some(self.run).filter(|run| counts_itself && *run != NO_RUN);
        own.map(|run| run & !MARKS).into_iter().chain(self.past())
    }

    /// The runs before, the newest first.
    fn past(&self) -> impl Iterator<Item = u32> + use<'_> {
        self.runs.iter().filter(|run| **run != NO_RUN).map(|run| run & !MARKS)
    }

    /// Whether the run before had updates, or left a member that this one counts in: nothing was promised by an
    /// update that changes nothing and began this run.
    fn begins_a_start(&self) -> bool {
        self.runs.first().is_some_and(|before| *before != NO_RUN && before & BRIEF == 0)
    }

    /// Whether its disk is at this run: at its own, or at the one before if that is not to be counted.
    pub(crate) fn is_at(&self, run: u32) -> bool {
        let before = self.past().next().filter(|_| self.age != Age::Older);
        self.run & !MARKS == run || before == Some(run)
    }

    /// How its history is related to that of `other`. `reaches` says whether its updates go to the other's
    /// disk, and the other's to its own: one that did not reach there, though the one before it did, was
    /// not completed, and nothing was promised by it.
    pub(crate) fn kin(&self, other: &Self, reaches: (Reach, Reach)) -> Kin {
        let by_number = || match compare_sequences(self.number, other.number) {
            Ordering::Less => Kin::Earlier,
            Ordering::Equal => Kin::Same,
            Ordering::Greater => Kin::Later,
        };
        if self.run == other.run {
            return if self.run == NO_RUN { Kin::Unknown } else { by_number() };
        }
        let counts = |of: &Self, other: &Self, reach: Reach| {
            let goes_there = match of.age {
                Age::Older => false,
                Age::Parted => reach == Reach::Counted,
                // Nothing is promised before the second one of a start. The first one ends a run with updates.
                Age::Opened => reach != Reach::None || of.begins_a_start(),
            };
            let before = of.past().next();
            let knows = before.is_some_and(|before| other.line(true).any(|run| run == before));
            !(goes_there && knows)
        };
        let mine = || self.line(counts(self, other, reaches.0));
        let theirs = || other.line(counts(other, self, reaches.1));
        let (Some(my_run), Some(their_run)) = (mine().next(), theirs().next()) else {
            return Kin::Unknown;
        };
        let known = || theirs().any(|run| run == my_run);
        let knows = || mine().any(|run| run == their_run);
        // Whether one went on with the run that the other one's run began after.
        let went_on = |one: &Self, run: u32, after: &Self| {
            let left = after.left.filter(|_| after.past().next() == Some(run));
            left.is_some_and(|left| updates_between(one.number, left) > 1)
        };
        match () {
            () if my_run == their_run => by_number(),
            () if known() && went_on(self, my_run, other) => Kin::Apart,
            () if known() => Kin::Earlier,
            () if knows() && went_on(other, their_run, self) => Kin::Apart,
            () if knows() => Kin::Later,
            () if mine().any(|own| theirs().any(|run| run == own)) => Kin::Apart,
            () => Kin::Unknown,
        }
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
        let age = match stored.flags >> 3 & 3 {
            0 | 2 => Age::Older,
            1 => Age::Parted,
            _ => Age::Opened,
        };
        let run = stored.run.get(order);
        let lacks = stored.flags & LACKS != 0;
        let mut this = Self { run, age, lacks, ..Self::new(stored.number.get(order), note) };
        let count = stored.states.get(order) >> COUNT_SHIFT & 0x1F;
        let count = usize::try_from(count).unwrap_or(ROOM).min(ROOM);
        let (references, runs) = stored.words.split_at_checked(count)?;
        for (own, run) in this.runs.iter_mut().zip(runs.iter().rev()) {
            *own = run.get(order);
        }
        let mut states = stored.states.get(order);
        let mut heard = !stored.heard.get(order);
        let ago = u32::try_from(states >> LEFT_SHIFT).unwrap_or(LONG_AGO);
        this.left = (ago != LONG_AGO).then(|| this.number.wrapping_sub(ago));
        for (member, reference) in this.members.iter_mut().zip(references) {
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
        let age: u8 = match self.age {
            Age::Older => 0,
            Age::Parted => 1,
            Age::Opened => 3,
        };
        let count = self.members.iter().flatten().count();
        let bits = self.members.iter().rev().map(|member| member.is_some_and(|own| own.heard));
        let heard = bits.fold(0u16, |all, heard| all << 1 | u16::from(heard));
        let mut stored = Stored {
            magic: MAGIC,
            version: VERSION,
            flags: u8::from(self.note.clean)
                | code(self.note.initialisation) << 1
                | age << 3
                | if self.lacks { LACKS } else { 0 },
            heard: U16::new(order, !heard),
            update: U32::new(order, update),
            number: U32::new(order, self.number),
            run: U32::new(order, self.run),
            states: U64::new(order, 0),
            words: [U32::ALL_ONES; ROOM],
            crc: U32::ALL_ONES,
        };
        let room = stored.words.iter_mut().skip(count).rev();
        room.zip(&self.runs).for_each(|(stored, run)| stored.set(order, *run));
        let mut states = 0u64;
        for (member, stored) in self.members.iter().zip(&mut stored.words).rev() {
            let state = member.map_or(0, |member| member.state);
            states = states.checked_shl(BITS).unwrap_or(0) | u64::from(state & 7);
            if let Some(member) = member {
                stored.set(order, member.reference);
            }
        }
        let ago = self.left.map_or(LONG_AGO, |left| self.number.wrapping_sub(left));
        states |= u64::from(ago.min(LONG_AGO)) << LEFT_SHIFT;
        states |= u64::try_from(count).unwrap_or(0) << COUNT_SHIFT;
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

const fn code(initialisation: Initialisation) -> u8 {
    match initialisation {
        Initialisation::None => 0,
        Initialisation::Running => 1,
        Initialisation::Full => 2,
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
        let mut roster = Roster::new(7, NOTE);
        (1..=3).for_each(|random| {
            roster.go_on(Some(Age::Parted), (random, 5), (true, true), |_| false);
        });
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

    #[test]
    fn a_run_that_a_disk_is_at_which_an_update_does_not_reach_is_not_forgotten() {
        let members = (1..=4).map(|reference| (reference, PdState::ONLINE));
        let mut roster = Roster::founded(&Guid([1; 24]), 7, NOTE, members).unwrap();
        let (root, mut second) = (roster, None);
        for random in 0..40 {
            let number = roster.number;
            roster.number += 1;
            roster
                .go_on(Some(Age::Opened), (random, number), (false, false), |run| root.is_at(run));
            second = second.or(Some(roster.run));
            let mut bytes = [u8::MAX; 1024];
            let record = VdConfiguration::view_mut(&mut bytes).unwrap();
            roster.store(record, ORDER, 40);
            roster = Roster::of_record(record, ORDER, Some(40)).unwrap();
            let both = (Reach::Counted, Reach::Counted);
            assert_eq!(root.kin(&roster, both), Kin::Earlier, "{random}");
        }
        assert_eq!(roster.past().count(), ROOM - 4);
        assert!(roster.past().all(|run| Some(run) != second));
        // A member more leaves room for one run less.
        assert!(roster.set(9, PdState::ONLINE));
        roster.go_on(None, (0, 0), (false, false), |run| root.is_at(run));
        assert!(roster.past().any(|run| root.is_at(run)));
        assert_eq!(roster.past().count(), ROOM - 5);
    }

    #[test]
    fn a_run_with_updates_is_known_longer_than_one_that_only_began() {
        let members = (1..=3).map(|reference| (reference, PdState::ONLINE));
        let root = Roster::founded(&Guid([1; 24]), 7, NOTE, members).unwrap();
        let mut roster = root;
        // A start makes two stamps, and promises after the second.
        for random in 0..11 {
            for (begins, random) in [(true, random), (true, random + 100), (false, 0)] {
                let number = roster.number;
                roster.number += 1;
                roster.go_on(
                    begins.then_some(Age::Opened),
                    (random, number),
                    (false, false),
                    |_| false,
                );
            }
        }
        let both = (Reach::Counted, Reach::Counted);
        assert_eq!(root.kin(&roster, both), Kin::Earlier);
    }

    #[test]
    fn stamps_tell_who_descends_from_whom() {
        let both = |reach| (reach, reach);
        let after = |of: &Roster, begins, random| {
            let mut next = Roster { number: of.number + 1, ..*of };
            next.go_on(begins, (random, of.number), (false, false), |_| false);
            next
        };
        let root = Roster::founded(&Guid([1; 24]), 7, NOTE, core::iter::empty()).unwrap();
        let dirty = after(&root, None, 0);
        let [one, other] = [1, 2].map(|random| after(&dirty, Some(Age::Opened), random));
        let [first, second] = [one, other].map(|of| after(&of, None, 0));
        for (mine, theirs, kin) in [
            (root, root, Kin::Same),
            (root, dirty, Kin::Earlier),
            (root, first, Kin::Earlier),
            (first, one, Kin::Later),
            (first, second, Kin::Apart),
            (Roster::new(7, NOTE), first, Kin::Unknown),
        ] {
            assert_eq!(mine.kin(&theirs, both(Reach::Counted)), kin, "{mine:?} {theirs:?}");
        }
        // A start that did not get to the disk that went on without it.
        assert_eq!(one.kin(&second, both(Reach::Counted)), Kin::Earlier);
        // Nothing is promised after the first record of a start, whomever it counts in.
        assert_eq!(one.kin(&second, both(Reach::None)), Kin::Earlier);
        // The second may have been completed: who is not counted in was not to be reached.
        let again = after(&one, Some(Age::Opened), 5);
        let without_it = after(&after(&one, Some(Age::Opened), 6), None, 0);
        assert_eq!(again.kin(&without_it, both(Reach::None)), Kin::Apart);
        assert_eq!(again.kin(&without_it, both(Reach::Counted)), Kin::Earlier);
        let lost = after(&first, Some(Age::Parted), 3);
        let without = after(&after(&one, Some(Age::Opened), 4), None, 0);
        assert_eq!(lost.kin(&without, both(Reach::OtherSet)), Kin::Apart);
        // Somebody went on without a stamp of its own.
        let far = after(&after(&dirty, None, 0), None, 0);
        assert_eq!(first.kin(&far, both(Reach::Counted)), Kin::Apart);
        assert_eq!(first.kin(&after(&dirty, None, 0), both(Reach::Counted)), Kin::Later);
    }
}
