// SPDX-License-Identifier: MIT OR Apache-2.0
//! The in-flight table: one ticket for every admitted, unfinished request.
//!
//! | state | input | next | effect |
//! |---|---|---|---|
//! | Free | `open` | InFlight | |
//! | InFlight | `hold_for` a window that overlaps | InFlight | the window's bit is set, the window counts it |
//! | InFlight | `close` with the right use count | Free | the bits say which windows count down |
//! | Free, or other use count | `close` | unchanged | refused |
//!
//! A fixed table with a bit mask of windows per ticket is precise: only requests that really overlap
//! hold a window up, and no request ever looks at another one unless overlaps are serialised.

use core::array;
use raid_core::units::Rows;

/// One admitted request; given back once with [`SyncCore::complete`].
///
/// [`SyncCore::complete`]: crate::SyncCore::complete
///
/// Its place in the table and how often that was used, in one word: it is written and read in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(u64);

impl Ticket {
    #[inline]
    const fn new(index: u16, use_count: u32) -> Self {
        #[allow(clippy::as_conversions)] // lossless; `From` is not const
        Self((use_count as u64) << 16 | index as u64)
    }

    #[inline]
    #[allow(clippy::as_conversions, clippy::cast_possible_truncation)] // the low 16 bits
    pub(crate) const fn index(self) -> u16 {
        self.0 as u16
    }
}

/// What an admitted request does to its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Write { durable: bool },
    Reconstruct,
}

impl Kind {
    const fn writes(self) -> bool {
        matches!(self, Self::Write { .. })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Entry {
    start: u64,
    end: u64,
    windows: u32,
    use_count: u32,
    next_free: u16,
    kind: Option<Kind>,
    /// Admitted before the last member failure, so its report may name a disk that has left.
    elder: bool,
    /// It could not write some of its rows.
    failing: bool,
}

/// What a closed ticket leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Closed {
    pub(crate) kind: Kind,
    pub(crate) windows: u32,
    pub(crate) rows: Rows,
    pub(crate) failing: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tickets<const N: usize> {
    entries: [Entry; N],
    first_free: u16,
    /// Entries from here on have never been used: scans stop here.
    high: u16,
    in_flight: u16,
    writes: u16,
    elders: u16,
}

const NONE: u16 = u16::MAX;

impl<const N: usize> Tickets<N> {
    const SIZE_IS_ADDRESSABLE: () = assert!(N > 0 && N < 65_535, "1 to 65534 tickets");

    pub(crate) fn new() -> Self {
        let () = Self::SIZE_IS_ADDRESSABLE;
        let entry = |index: usize| Entry {
            start: 0,
            end: 0,
            windows: 0,
            use_count: 0,
            next_free: u16::try_from(index.saturating_add(1))
                .ok()
                .filter(|next| usize::from(*next) < N)
                .unwrap_or(NONE),
            kind: None,
            elder: false,
            failing: false,
        };
        Self {
            entries: array::from_fn(entry),
            first_free: 0,
            high: 0,
            in_flight: 0,
            writes: 0,
            elders: 0,
        }
    }

    pub(crate) fn open(&mut self, rows: Rows, kind: Kind) -> Option<Ticket> {
        let index = self.first_free;
        let entry = self.entries.get_mut(usize::from(index))?;
        self.first_free = entry.next_free;
        entry.start = rows.start.0;
        entry.end = rows.end().0;
        entry.windows = 0;
        entry.kind = Some(kind);
        entry.elder = false;
        entry.failing = false;
        self.high = self.high.max(index.saturating_add(1));
        self.in_flight = self.in_flight.saturating_add(1);
        self.writes = self.writes.saturating_add(u16::from(kind.writes()));
        Some(Ticket::new(index, entry.use_count))
    }

    pub(crate) fn close(&mut self, ticket: Ticket) -> Option<Closed> {
        let index = ticket.index();
        let entry = self.entries.get_mut(usize::from(index))?;
        if ticket != Ticket::new(index, entry.use_count) {
            return None;
        }
        let kind = entry.kind.take()?;
        entry.use_count = entry.use_count.wrapping_add(1);
        entry.next_free = self.first_free;
        self.first_free = index;
        self.in_flight = self.in_flight.saturating_sub(1);
        self.writes = self.writes.saturating_sub(u16::from(kind.writes()));
        self.elders = self.elders.saturating_sub(u16::from(entry.elder));
        if self.in_flight == 0 {
            self.high = 0;
        }
        let rows = Rows::new(entry.start, entry.end.saturating_sub(entry.start));
        Some(Closed { kind, windows: entry.windows, rows, failing: entry.failing })
    }

    fn used(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut().take(usize::from(self.high)).filter(|entry| entry.kind.is_some())
    }

    /// Sets a window's bit on every ticket that overlaps `rows`; how many there are. A window that
    /// only reads what a reconstruction reads need not wait for one.
    pub(crate) fn hold_for(&mut self, rows: Rows, bit: u32, writes_only: bool) -> u16 {
        let (start, end) = (rows.start.0, rows.end().0);
        let mut held = 0u16;
        for entry in self.used() {
            let counts = !writes_only || entry.kind.is_some_and(Kind::writes);
            if counts && entry.start < end && start < entry.end {
                entry.windows |= bit;
                held = held.saturating_add(1);
            }
        }
        held
    }

    /// Takes a window's bit off every ticket: the window was given up before its copy began.
    pub(crate) fn forget(&mut self, bit: u32) {
        self.used().for_each(|entry| entry.windows &= !bit);
    }

    /// Whether a request of this kind must wait for one that shares a row. Reconstructions share.
    pub(crate) fn conflicts(&self, rows: Rows, kind: Kind) -> bool {
        let (start, end) = (rows.start.0, rows.end().0);
        self.entries.iter().take(usize::from(self.high)).any(|entry| {
            entry.start < end
                && start < entry.end
                && entry.kind.is_some_and(|other| other.writes() || kind.writes())
        })
    }

    /// Requests in flight on these rows could not write all of them.
    pub(crate) fn failing(&mut self, rows: Rows) {
        let (start, end) = (rows.start.0, rows.end().0);
        self.used()
            .filter(|entry| entry.start < end && start < entry.end)
            .for_each(|entry| entry.failing = true);
    }

    /// Whether a write to any of these rows is in flight.
    pub(crate) fn is_written(&self, rows: Rows) -> bool {
        self.writes > 0 && self.conflicts(rows, Kind::Reconstruct)
    }

    /// A member has failed: reports of the tickets now in flight may still name it.
    pub(crate) fn age(&mut self) {
        self.used().for_each(|entry| entry.elder = true);
        self.elders = self.in_flight;
    }

    pub(crate) const fn elders(&self) -> bool {
        self.elders > 0
    }

    pub(crate) const fn writes(&self) -> u16 {
        self.writes
    }

    pub(crate) const fn in_flight(&self) -> u16 {
        self.in_flight
    }
}

/// For the exploration, which tells states apart by what may still happen.
#[cfg(test)]
impl<const N: usize> Tickets<N> {
    /// Forgets how often each place was used, and by whom.
    pub(crate) fn forget_uses(&mut self) {
        for entry in &mut self.entries {
            entry.use_count = 0;
            if entry.kind.is_none() {
                *entry = Entry { start: 0, end: 0, windows: 0, elder: false, ..*entry };
            }
        }
        if self.in_flight == 0 {
            *self = Self::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_table::rows;
    use std::vec::Vec;

    const WRITE: Kind = Kind::Write { durable: false };

    #[test]
    fn a_ticket_is_closed_once_and_its_place_is_used_again() {
        let mut table = Tickets::<2>::new();
        let a = table.open(Rows::new(0, 4), WRITE).unwrap();
        let b = table.open(Rows::new(4, 4), WRITE).unwrap();
        assert_eq!(table.open(Rows::new(8, 1), WRITE), None);
        assert!(table.close(a).is_some());
        assert_eq!(table.close(a), None, "double completion");
        let c = table.open(Rows::new(8, 1), WRITE).unwrap();
        assert_eq!(c.index(), a.index());
        assert_eq!(table.close(a), None, "an old ticket must not free a new holder's place");
        assert!(table.close(c).is_some() && table.close(b).is_some());
        assert_eq!((table.in_flight(), table.writes()), (0, 0));
        let wrong = Ticket::new(7, 0);
        assert_eq!(table.close(wrong), None);
    }

    #[test]
    #[cfg_attr(miri, ignore = "parses a table of the documentation: safe code, slowly")]
    fn every_row_of_the_table_of_states_holds() {
        let table = rows(include_str!("ticket.rs"), "| state | input | next | effect |");
        assert_eq!(table.len(), 4);
        for row in table {
            let [state, input, next, effect] = row[..] else { panic!("{row:?}") };
            let mut table = Tickets::<2>::new();
            let mut ticket = Ticket::new(0, 0);
            if state != "Free" {
                ticket = table.open(Rows::new(0, 4), WRITE).unwrap();
            }
            if state.contains("other use count") {
                assert!(table.close(ticket).is_some());
                assert_eq!(table.close(ticket), None, "of a free place: {effect}");
                assert!(table.open(Rows::new(0, 4), WRITE).is_some());
            }
            let before = table.clone();
            match input {
                "`open`" => assert!(table.open(Rows::new(0, 4), WRITE).is_some()),
                "`hold_for` a window that overlaps" => {
                    assert_eq!(table.hold_for(Rows::new(3, 4), 1, false), 1, "{effect}");
                    assert_eq!(table.clone().close(ticket).unwrap().windows, 1, "{effect}");
                }
                "`close` with the right use count" => {
                    table.hold_for(Rows::new(3, 4), 2, false);
                    assert_eq!(table.close(ticket).unwrap().windows, 2, "{effect}");
                }
                "`close`" => assert_eq!(table.close(ticket), None, "{effect}"),
                other => panic!("no test knows the input {other}"),
            }
            match next {
                "InFlight" => assert_eq!(table.in_flight(), 1),
                "Free" => assert_eq!(table.in_flight(), 0),
                "unchanged" => assert_eq!(table, before),
                other => panic!("no test knows the state {other}"),
            }
        }
    }

    #[test]
    fn only_overlapping_tickets_hold_a_window() {
        let mut table = Tickets::<8>::new();
        let tickets: Vec<_> =
            (0..4).map(|i| table.open(Rows::new(i * 4, 4), WRITE).unwrap()).collect();
        let read = table.open(Rows::new(4, 4), Kind::Reconstruct).unwrap();
        assert_eq!(table.hold_for(Rows::new(7, 2), 1 << 3, false), 3);
        assert_eq!(table.hold_for(Rows::new(4, 4), 1 << 4, true), 1);
        table.forget(1 << 4);
        let masks: Vec<_> = tickets.into_iter().map(|t| table.close(t).unwrap().windows).collect();
        assert_eq!(masks, [0, 8, 8, 0]);
        assert_eq!(table.close(read).unwrap().windows, 8);
    }

    #[test]
    fn reconstructions_share_rows_and_writes_do_not() {
        let mut table = Tickets::<8>::new();
        let read = table.open(Rows::new(0, 8), Kind::Reconstruct).unwrap();
        assert!(!table.conflicts(Rows::new(0, 8), Kind::Reconstruct));
        assert!(table.conflicts(Rows::new(7, 9), WRITE));
        assert!(!table.conflicts(Rows::new(8, 9), WRITE));
        table.close(read).unwrap();
        assert!(!table.conflicts(Rows::new(7, 9), WRITE));
        table.open(Rows::new(0, 1), WRITE).unwrap();
        assert!(table.conflicts(Rows::new(0, 8), Kind::Reconstruct));
    }

    #[test]
    fn elders_are_those_admitted_before_the_failure() {
        let mut table = Tickets::<4>::new();
        let old = table.open(Rows::new(0, 1), WRITE).unwrap();
        table.age();
        let new = table.open(Rows::new(1, 1), WRITE).unwrap();
        table.close(new).unwrap();
        assert!(table.elders());
        table.close(old).unwrap();
        assert!(!table.elders());
    }
}
