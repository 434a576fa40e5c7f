// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows that a member in use cannot give back: the list of bad ranges.
//!
//! | state | input | next |
//! |---|---|---|
//! | – | a row could not be read from any source, or not written on this member | Bad: no read goes there; a record is due |
//! | Bad | written again, on this member, without an error | Healed: no read goes there yet |
//! | Healed | bad again | Bad |
//! | Healed | a record durable whose flush began before it was written | Healed |
//! | Healed | all members flushed, a record without it durable | – |
//!
//! The list is sorted by slot and row; neighbours are joined. Up to `N` ranges, and never more than the
//! format can hold: a range that finds no room fails its member, or ends the operation
//! (`sync.md` I8).

use raid_core::metadata::BadRows;
use raid_core::units::{Row, Rows, Slot, SlotSet};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Entry {
    slot: u8,
    content: Content,
    start: u64,
    end: u64,
}

/// What the rows of a range hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Content {
    /// Nothing of use.
    Bad,
    /// They were written; perhaps to a cache.
    Healed,
    /// They were written before the flush of the record that is being prepared.
    Flushed,
}

const EMPTY: Entry = Entry { slot: 0, content: Content::Bad, start: 0, end: 0 };

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct BadRanges<const N: usize> {
    entries: [Entry; N],
    used: usize,
    room: usize,
    /// Grows with every range that became bad; what a record must hold.
    version: u32,
    recorded: u32,
    writing: u32,
}

impl<const N: usize> core::fmt::Debug for BadRanges<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.entries.iter().take(self.used)).finish()
    }
}

/// How full the list is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Filling {
    /// Less than four fifths.
    #[default]
    Low,
    /// Four fifths or more.
    High,
    /// No room is left: the next range fails its member.
    Full,
}

impl<const N: usize> BadRanges<N> {
    pub(crate) const EMPTY: Self =
        Self { entries: [EMPTY; N], used: 0, room: 0, version: 0, recorded: 0, writing: 0 };

    /// Becomes an empty list with room for so many.
    pub(crate) fn reset(&mut self, room: u16) {
        let Self { entries, used, room: own, version, recorded, writing } = self;
        entries.fill(EMPTY);
        (*used, *own) = (0, usize::from(room).min(N));
        (*version, *recorded, *writing) = (0, 0, 0);
    }

    #[cfg(test)]
    fn new(room: u16) -> Self {
        let mut list = Self::EMPTY;
        list.reset(room);
        list
    }

    fn list(&self) -> &[Entry] {
        self.entries.get(..self.used).unwrap_or_default()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.used == 0
    }

    pub(crate) const fn len(&self) -> usize {
        self.used
    }

    pub(crate) const fn filling(&self) -> Filling {
        match self.room {
            0 => Filling::Low,
            room if self.used >= room => Filling::Full,
            room if self.used.saturating_mul(5) >= room.saturating_mul(4) => Filling::High,
            _ => Filling::Low,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = BadRows> + '_ {
        self.list().iter().map(Entry::public)
    }

    /// Ranges that a record which raises trust still holds.
    pub(crate) fn lasting(&self) -> impl Iterator<Item = BadRows> + '_ {
        let lasts = |entry: &&Entry| entry.content != Content::Flushed;
        self.list().iter().filter(lasts).map(Entry::public)
    }

    /// Whether there is a range that may be taken off the list.
    pub(crate) fn any_healed(&self) -> bool {
        self.list().iter().any(|entry| entry.content != Content::Bad)
    }

    /// A flush of all members begins, for a record that raises trust.
    pub(crate) fn flushing(&mut self) {
        self.turn(Content::Healed, Content::Flushed);
    }

    /// That record will not be written.
    pub(crate) fn not_flushed(&mut self) {
        self.turn(Content::Flushed, Content::Healed);
    }

    fn turn(&mut self, from: Content, to: Content) {
        let used = self.entries.iter_mut().take(self.used);
        used.filter(|entry| entry.content == from).for_each(|entry| entry.content = to);
    }

    // ---- the record

    pub(crate) const fn is_unrecorded(&self) -> bool {
        self.version != self.recorded
    }

    /// Whether the record being written holds every range.
    pub(crate) const fn is_being_recorded(&self) -> bool {
        self.version == self.writing
    }

    pub(crate) const fn version(&self) -> u32 {
        self.version
    }

    /// Whether everything up to this version is durable.
    pub(crate) const fn holds(&self, version: u32) -> bool {
        self.recorded.wrapping_sub(version) < 1 << 31
    }

    /// The list is what a record says.
    pub(crate) const fn found(&mut self) {
        self.recorded = self.version;
    }

    pub(crate) const fn issued(&mut self) {
        self.writing = self.version;
    }

    pub(crate) fn durable(&mut self, everywhere: bool, raised: bool) {
        if everywhere {
            self.recorded = self.writing;
        }
        if raised {
            self.retain(|entry| entry.content != Content::Flushed);
        }
    }

    // ---- the list

    fn retain(&mut self, keep: impl Fn(&Entry) -> bool) {
        let mut kept = 0usize;
        for index in 0..self.used {
            let Some(entry) = self.entries.get(index).copied() else { break };
            if keep(&entry) {
                if let Some(place) = self.entries.get_mut(kept) {
                    *place = entry;
                }
                kept = kept.saturating_add(1);
            }
        }
        for entry in self.entries.iter_mut().take(self.used).skip(kept) {
            *entry = EMPTY;
        }
        self.used = kept;
    }

    /// Whether there is room for an entry instead of what it covers of those that `of` names.
    fn fits(&self, new: &Entry, of: impl Fn(&Entry) -> bool) -> bool {
        let left = |entry: &Entry| {
            let here = entry.slot == new.slot;
            let joined = here && entry.content == new.content;
            if joined && entry.start <= new.end && new.start <= entry.end {
                0
            } else if here && entry.start < new.end && new.start < entry.end && of(entry) {
                usize::from(entry.start < new.start).saturating_add((new.end < entry.end).into())
            } else {
                1
            }
        };
        let used = self.list().iter().fold(1usize, |used, entry| used.saturating_add(left(entry)));
        used <= self.room
    }

    /// Puts an entry, for which there is room, at its place, joined with its neighbours where they are alike.
    fn insert(&mut self, new: Entry) {
        let mut new = new;
        let joins = |entry: &Entry, new: &Entry| {
            entry.slot == new.slot
                && entry.content == new.content
                && entry.start <= new.end
                && new.start <= entry.end
        };
        for entry in self.list() {
            if joins(entry, &new) {
                new.start = new.start.min(entry.start);
                new.end = new.end.max(entry.end);
            }
        }
        self.retain(|entry| !joins(entry, &new));
        // The new one takes its place in the order; each behind it moves up by one.
        let key = new.key();
        let end = self.used.saturating_add(1);
        let mut carried = new;
        for entry in self.entries.iter_mut().take(self.used) {
            if entry.key() >= key {
                core::mem::swap(entry, &mut carried);
            }
        }
        if let Some(last) = self.entries.get_mut(self.used) {
            *last = carried;
        }
        self.used = end.min(N);
    }

    /// Puts an entry, if there is room for it, in place of what it covers of those that `of` names; their parts
    /// outside stay.
    fn replace(&mut self, new: Entry, of: impl Fn(&Entry) -> bool) -> bool {
        if !self.fits(&new, &of) {
            return false;
        }
        let Entry { slot, start, end, .. } = new;
        let hit = |entry: &Entry| {
            entry.slot == slot && entry.start < end && start < entry.end && of(entry)
        };
        while let Some(entry) = self.list().iter().copied().find(|entry| hit(entry)) {
            self.retain(|other| *other != entry);
            if entry.start < start {
                self.insert(Entry { end: start, ..entry });
            }
            if end < entry.end {
                self.insert(Entry { start: end, ..entry });
            }
        }
        self.insert(new);
        true
    }

    /// These rows of this member are bad. Whether there was room; if not, nothing has changed.
    pub(crate) fn add(&mut self, slot: Slot, rows: Rows) -> bool {
        let (start, end) = (rows.start.0, rows.end().0);
        let entry = Entry { slot: slot.0, content: Content::Bad, start, end };
        let known = |old: &Entry| {
            let bad = old.slot == slot.0 && old.content == Content::Bad;
            bad && old.start <= entry.start && entry.end <= old.end
        };
        if start >= end || self.list().iter().any(known) {
            return true;
        }
        if !self.replace(entry, |_| true) {
            return false;
        }
        self.version = self.version.wrapping_add(1);
        true
    }

    /// These rows of these members were written without an error. Where there is no room to tell a
    /// part of a range from the rest, it stays bad.
    pub(crate) fn heal(&mut self, slots: SlotSet, rows: Rows) {
        let (start, end) = (rows.start.0, rows.end().0);
        // No rows cut a range into two parts, which join again: it would be found for ever.
        if start >= end {
            return;
        }
        let hit = |entry: &Entry| {
            entry.content == Content::Bad
                && slots.contains(Slot(entry.slot))
                && entry.start < end
                && start < entry.end
        };
        // Each turn heals one range, or finds no room and stops.
        while let Some(entry) = self.list().iter().copied().find(|entry| hit(entry)) {
            let (start, end) = (entry.start.max(start), entry.end.min(end));
            let healed = Entry { content: Content::Healed, start, end, ..entry };
            if !self.replace(healed, |old| old.content == Content::Bad) {
                return;
            }
        }
    }

    /// The member is gone, or holds other data.
    pub(crate) fn forget(&mut self, slot: Slot) {
        self.retain(|entry| entry.slot != slot.0);
    }

    /// Members that cannot be read at this row, and up to where that is so.
    pub(crate) fn at(&self, row: Row, end: Row) -> (SlotSet, Row) {
        let (mut slots, mut end) = (SlotSet::EMPTY, end);
        for entry in self.list() {
            if entry.start <= row.0 && row.0 < entry.end {
                slots.insert(Slot(entry.slot));
                end = end.min(Row(entry.end));
            } else if row.0 < entry.start {
                end = end.min(Row(entry.start));
            }
        }
        (slots, end)
    }

    /// Members that have a bad range somewhere in these rows.
    pub(crate) fn within(&self, rows: Rows) -> SlotSet {
        let (start, end) = (rows.start.0, rows.end().0);
        let hit = |entry: &&Entry| entry.start < end && start < entry.end;
        self.list().iter().filter(hit).map(|entry| Slot(entry.slot)).collect()
    }
}

impl Entry {
    const fn key(&self) -> (u8, u64) {
        (self.slot, self.start)
    }

    fn public(&self) -> BadRows {
        let len = self.end.saturating_sub(self.start);
        BadRows { slot: Slot(self.slot), rows: Rows::new(self.start, len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::vec::Vec;

    fn rows(start: u64, len: u64) -> Rows {
        Rows::new(start, len)
    }

    #[test]
    fn a_call_about_no_rows_changes_nothing_and_ends() {
        let mut list = BadRanges::<4>::new(4);
        assert!(list.add(Slot(0), rows(4, 8)));
        let before = list.clone();
        list.heal(SlotSet::of(Slot(0)), rows(6, 0));
        assert!(list.add(Slot(0), rows(6, 0)) && list.add(Slot(0), rows(40, 0)));
        assert!(list == before);
    }

    #[test]
    #[cfg_attr(miri, ignore = "parses a table of the documentation: safe code, slowly")]
    fn every_row_of_the_table_of_states_holds() {
        let table =
            crate::state_table::rows(include_str!("bad_range.rs"), "| state | input | next |");
        assert_eq!(table.len(), 5);
        let (one, rows) = (Slot(0), Rows::new(4, 1));
        for row in table {
            let [state, input, next] = row[..] else { panic!("{row:?}") };
            let mut list = BadRanges::<4>::new(4);
            if state != "–" {
                assert!(list.add(one, rows));
                list.issued();
                list.durable(true, false);
            }
            if state == "Healed" {
                list.heal(SlotSet::of(one), rows);
                assert!(list.any_healed());
            }
            match input {
                "a row could not be read from any source, or not written on this member"
                | "bad again" => assert!(list.add(one, rows)),
                "written again, on this member, without an error" => {
                    list.heal(SlotSet::of(Slot(1)), rows);
                    assert!(!list.any_healed(), "written on another member");
                    list.heal(SlotSet::of(one), rows);
                }
                "a record durable whose flush began before it was written" => {
                    assert_eq!(list.lasting().count(), 1);
                    list.issued();
                    list.durable(true, true);
                }
                "all members flushed, a record without it durable" => {
                    list.flushing();
                    assert!(list.lasting().next().is_none());
                    list.issued();
                    list.durable(true, true);
                }
                other => panic!("no test knows the input {other}"),
            }
            let (avoided, _) = list.at(Row(4), Row(5));
            let stands = match (list.is_empty(), list.any_healed()) {
                (true, _) => "–",
                (false, false) => "Bad",
                (false, true) => "Healed",
            };
            let (expected, remark) = next.split_once(": ").unwrap_or((next, ""));
            assert_eq!(stands, expected, "{state}: {input}");
            assert_eq!(avoided.contains(one), stands != "–", "reads of {state}: {input}");
            assert!(!remark.contains("a record is due") || list.is_unrecorded(), "{input}");
        }
    }

    #[test]
    fn neighbours_are_joined_and_parts_are_healed() {
        let mut bad = BadRanges::<4>::new(4);
        assert!(bad.add(Slot(1), rows(4, 2)) && bad.add(Slot(1), rows(8, 2)));
        assert!(bad.add(Slot(0), rows(5, 1)) && bad.add(Slot(1), rows(6, 2)));
        let all: Vec<_> = bad.iter().map(|b| (b.slot.0, b.rows.start.0, b.rows.len)).collect();
        assert_eq!(all, [(0, 5, 1), (1, 4, 6)]);
        assert_eq!(bad.at(Row(5), Row(99)), (SlotSet::first(2), Row(6)));
        assert_eq!(bad.at(Row(0), Row(99)), (SlotSet::EMPTY, Row(4)));
        bad.heal(SlotSet::of(Slot(1)), rows(6, 1));
        assert_eq!(bad.at(Row(6), Row(99)).0, SlotSet::of(Slot(1)), "not before a record");
        assert_eq!(bad.lasting().count(), 4, "not before a flush");
        bad.flushing();
        assert_eq!(bad.lasting().count(), 3);
        bad.not_flushed();
        bad.durable(true, true);
        assert_eq!(bad.at(Row(6), Row(99)).0, SlotSet::of(Slot(1)), "the flush failed");
        bad.flushing();
        bad.durable(true, true);
        assert_eq!(bad.at(Row(6), Row(99)).0, SlotSet::EMPTY);
    }

    #[test]
    #[cfg_attr(miri, ignore = "a list of 512, moved 512 times, of plain arithmetic")]
    fn a_full_list_changes_nothing_and_says_so() {
        let mut bad = BadRanges::<512>::new(u16::MAX);
        for n in 0..512u64 {
            let filling = bad.filling();
            assert_eq!(filling, if n < 410 { Filling::Low } else { Filling::High }, "{n}");
            assert!(bad.add(Slot(0), rows(n * 2, 1)));
        }
        assert_eq!(bad.filling(), Filling::Full);
        let before = bad.clone();
        assert!(!bad.add(Slot(0), rows(5000, 1)), "the 513th");
        assert_eq!(bad, before);
        assert!(bad.add(Slot(0), rows(1, 1)), "joined with its neighbours");
        assert_eq!(bad.len(), 511);
        assert!(!BadRanges::<4>::new(0).add(Slot(0), rows(0, 1)), "a format without a list");
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(512)
        })]

        /// A list with little room does what one with much room does, or nothing where that has become too long.
        #[test]
        #[cfg_attr(miri, ignore = "thousands of comparisons of plain arithmetic")]
        fn a_change_that_finds_no_room_changes_nothing(
            acts in prop::collection::vec((0..3u8, 0..2u8, 0..40u64, 1..9u64), 1..80),
        ) {
            let mut bad = BadRanges::<64>::new(5);
            for (act, slot, start, len) in acts {
                let (before, mut roomy) = (bad.clone(), bad.clone());
                roomy.room = 64;
                match act {
                    0 | 1 => {
                        prop_assert!(roomy.add(Slot(slot), rows(start, len)));
                        prop_assert_eq!(bad.add(Slot(slot), rows(start, len)), roomy.len() <= 5);
                    }
                    _ => {
                        // In one piece: of several that are healed, each finds room or not.
                        let one = rows(start, 1);
                        roomy.heal(SlotSet::of(Slot(slot)), one);
                        bad.heal(SlotSet::of(Slot(slot)), one);
                    }
                }
                let expected = if roomy.len() <= 5 { &roomy } else { &before };
                prop_assert_eq!(bad.list(), expected.list());
            }
        }

        #[test]
        #[cfg_attr(miri, ignore = "thousands of comparisons of plain arithmetic")]
        fn the_list_equals_a_naive_set(
            acts in prop::collection::vec((0..4u8, 0..2u8, 0..40u64, 1..9u64), 1..80),
        ) {
            let mut bad = BadRanges::<64>::new(64);
            // Healed or not, of each bad row.
            let mut naive: BTreeMap<(u8, u64), bool> = BTreeMap::new();
            for (act, slot, start, len) in acts {
                let span = (start..start + len).map(|row| (slot, row));
                match act {
                    0 | 1 => {
                        prop_assert!(bad.add(Slot(slot), rows(start, len)));
                        span.for_each(|key| _ = naive.insert(key, false));
                    }
                    2 => {
                        bad.heal(SlotSet::of(Slot(slot)), rows(start, len));
                        span.for_each(|key| _ = naive.get_mut(&key).map(|healed| *healed = true));
                    }
                    _ => {
                        bad.flushing();
                        bad.durable(true, true);
                        naive.retain(|_, healed| !*healed);
                    }
                }
                for row in 0..50 {
                    let (slots, end) = bad.at(Row(row), Row(50));
                    for slot in 0..2 {
                        prop_assert_eq!(slots.contains(Slot(slot)), naive.contains_key(&(slot, row)));
                    }
                    for next in row..end.0 {
                        prop_assert_eq!(bad.at(Row(next), Row(50)).0, slots);
                    }
                }
                let mut flushed = bad.clone();
                flushed.flushing();
                let lasting: u64 = flushed.lasting().map(|range| range.rows.len).sum();
                let expected = naive.values().filter(|healed| !**healed).count() as u64;
                prop_assert_eq!(lasting, expected);
                let lasting: u64 = bad.lasting().map(|range| range.rows.len).sum();
                prop_assert_eq!(lasting, naive.len() as u64);
                let ends: Vec<_> =
                    bad.iter().map(|b| (b.slot.0, b.rows.start.0, b.rows.end().0)).collect();
                prop_assert!(ends.is_sorted());
            }
        }
    }
}
