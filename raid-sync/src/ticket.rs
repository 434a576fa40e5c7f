// SPDX-License-Identifier: MIT OR Apache-2.0
//! The in-flight table: one ticket for every admitted, unfinished request.
//!
//! | state | input | next | effect |
//! |---|---|---|---|
//! | Free | `open` | InFlight | |
//! | InFlight | `hold_for` a window that overlaps | InFlight | the window's bit is set, the window counts it |
//! | InFlight | `close` with the right use count | Free | the bits say which windows count down |
//! | InFlight, awaited | `close` with the right use count | Over | the bits say which windows count down |
//! | Over | `next_wake` | Free | those who wait for this one are woken |
//! | Free, or other use count | `close` | unchanged | refused |
//! | Over | `close` | unchanged | refused |
//!
//! A fixed table with a bit mask of windows per ticket is precise: only requests that really overlap
//! hold a window up, and no request ever looks at another one unless overlaps are serialised.
//!
//! Where they are, a request is compared with those of its neighbourhood only. The rows fall into *units*; the
//! requests that begin in one unit and end in it or in the next form a chain, found by a hash of the number of the
//! unit. Longer ones are in a chain of their own, which every request looks at.
//!
//! ```text
//!  hash(unit) ─▶ ┌───────┐
//!                │ chain ├─▶ rows 8..16 ─▶ rows 250..258     other units may have the same hash
//!                ├───────┤
//!                │ wide  ├─▶ rows 200..900                   more than two units
//!                └───────┘
//! ```

use core::iter::successors;
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
    /// The next place that is free, the next one that is over, or the next request of the chain.
    next: u16,
    /// The request before it in the chain.
    before: u16,
    kind: Option<Kind>,
    /// Admitted before the last member failure, so its report may name a disk that has left.
    elder: bool,
    /// It could not write some of its rows.
    failing: bool,
    /// Somebody is parked until it has completed.
    awaited: bool,
}

/// What a closed ticket leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Closed {
    pub(crate) kind: Kind,
    pub(crate) windows: u32,
    pub(crate) rows: Rows,
    pub(crate) failing: bool,
}

impl Entry {
    const FREE: Self = Self {
        start: 0,
        end: 0,
        windows: 0,
        use_count: 0,
        next: NONE,
        before: NONE,
        kind: None,
        elder: false,
        failing: false,
        awaited: false,
    };

    const fn rows(&self) -> Rows {
        Rows::new(self.start, self.end.saturating_sub(self.start))
    }

    const fn overlaps(&self, rows: Rows) -> bool {
        self.start < rows.end().0 && rows.start.0 < self.end
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tickets<const N: usize> {
    entries: [Entry; N],
    /// The first request of each chain.
    chains: [u16; N],
    /// The first of those that lie in more than two units.
    wide: u16,
    units: Units,
    first_free: u16,
    /// The first and the last that are over, and whose waiters were not told.
    over: [u16; 2],
    /// Whether those who wait for requests in flight are to be told as well.
    wakes_all: bool,
    /// Entries from here on are not in use: scans stop here, and no free place is chained beyond.
    high: u16,
    in_flight: u16,
    writes: u16,
    elders: u16,
}

const NONE: u16 = u16::MAX;

/// How rows fall into units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Units {
    rows: u64,
    /// If that is a power of two, which.
    shift: Option<u32>,
}

impl Units {
    const ONE: Self = Self { rows: 1, shift: Some(0) };

    fn of(rows: u64) -> Self {
        Self { rows, shift: rows.is_power_of_two().then(|| rows.trailing_zeros()) }
    }

    #[inline]
    fn at(self, row: u64) -> u64 {
        match self.shift {
            Some(shift) => row.wrapping_shr(shift),
            None => row.checked_div(self.rows).unwrap_or(0),
        }
    }

    /// The units of the first and of the last row.
    #[inline]
    fn range(self, rows: Rows) -> (u64, u64) {
        let first = self.at(rows.start.0);
        (first, self.at(rows.end().0.saturating_sub(1)).max(first))
    }
}

impl<const N: usize> Tickets<N> {
    const SIZE_IS_ADDRESSABLE: () = assert!(N > 0 && N < 65_535, "1 to 65534 tickets");

    pub(crate) const EMPTY: Self = {
        let () = Self::SIZE_IS_ADDRESSABLE;
        Self {
            entries: [Entry::FREE; N],
            chains: [NONE; N],
            wide: NONE,
            units: Units::ONE,
            first_free: NONE,
            over: [NONE; 2],
            wakes_all: false,
            high: 0,
            in_flight: 0,
            writes: 0,
            elders: 0,
        }
    };

    /// Forgets all requests; few of those to come are to be longer than a unit of so many rows.
    pub(crate) fn reset(&mut self, unit: u64) {
        let Self { entries, chains, wide, units, first_free, over, .. } = self;
        entries.fill(Entry::FREE);
        chains.fill(NONE);
        (*wide, *units) = (NONE, Units::of(unit));
        (*first_free, *over) = (NONE, [NONE; 2]);
        let Self { wakes_all, high, in_flight, writes, elders, .. } = self;
        *wakes_all = false;
        (*high, *in_flight, *writes, *elders) = (0, 0, 0, 0);
    }

    pub(crate) fn open(&mut self, rows: Rows, kind: Kind) -> Option<Ticket> {
        let index = if self.first_free == NONE { self.high } else { self.first_free };
        let entry = self.entries.get_mut(usize::from(index))?;
        if self.first_free == NONE {
            self.high = self.high.saturating_add(1);
        } else {
            self.first_free = entry.next;
        }
        entry.start = rows.start.0;
        entry.end = rows.end().0;
        entry.windows = 0;
        entry.kind = Some(kind);
        entry.elder = false;
        entry.failing = false;
        entry.awaited = false;
        let use_count = entry.use_count;
        self.link(index, rows);
        self.in_flight = self.in_flight.saturating_add(1);
        self.writes = self.writes.saturating_add(u16::from(kind.writes()));
        Some(Ticket::new(index, use_count))
    }

    pub(crate) fn close(&mut self, ticket: Ticket) -> Option<Closed> {
        let index = ticket.index();
        let entry = self.entries.get_mut(usize::from(index))?;
        if ticket != Ticket::new(index, entry.use_count) {
            return None;
        }
        let kind = entry.kind.take()?;
        let entry = *entry;
        self.unlink(&entry);
        self.in_flight = self.in_flight.saturating_sub(1);
        self.writes = self.writes.saturating_sub(u16::from(kind.writes()));
        self.elders = self.elders.saturating_sub(u16::from(entry.elder));
        match entry.awaited {
            true => self.is_over(index),
            false => self.free(index),
        }
        let Entry { windows, failing, .. } = entry;
        Some(Closed { kind, windows, rows: entry.rows(), failing })
    }

    fn free(&mut self, index: u16) {
        if let Some(entry) = self.entries.get_mut(usize::from(index)) {
            entry.use_count = entry.use_count.wrapping_add(1);
            entry.next = self.first_free;
        }
        self.first_free = index;
        if self.in_flight == 0 && self.over == [NONE; 2] {
            (self.high, self.first_free) = (0, NONE);
        }
    }

    /// Its place is not used again before its waiters were told.
    fn is_over(&mut self, index: u16) {
        if let Some(entry) = self.entries.get_mut(usize::from(index)) {
            entry.next = NONE;
        }
        let [first, last] = &mut self.over;
        match self.entries.get_mut(usize::from(*last)) {
            Some(before) => before.next = index,
            None => *first = index,
        }
        *last = index;
    }

    /// Somebody is parked until this one has completed.
    pub(crate) fn wait(&mut self, ticket: Ticket) {
        if let Some(entry) = self.entries.get_mut(usize::from(ticket.index())) {
            entry.awaited = true;
        }
    }

    /// All waiters are to be told, whether the request that they wait for has completed or not.
    pub(crate) const fn wake_all(&mut self) {
        self.wakes_all = true;
    }

    /// The next request whose waiters are to be woken, in the order in which they completed.
    pub(crate) fn next_wake(&mut self) -> Option<Ticket> {
        let [first, last] = self.over;
        if let Some(entry) = self.entries.get(usize::from(first)) {
            let ticket = Ticket::new(first, entry.use_count);
            self.over = if first == last { [NONE; 2] } else { [entry.next, last] };
            self.free(first);
            return Some(ticket);
        }
        if !self.wakes_all {
            return None;
        }
        let mut used = (0u16..).zip(self.entries.iter_mut().take(usize::from(self.high)));
        let Some((index, entry)) = used.find(|(_, e)| e.kind.is_some() && e.awaited) else {
            self.wakes_all = false;
            return None;
        };
        entry.awaited = false;
        Some(Ticket::new(index, entry.use_count))
    }

    /// The rows of a request in flight.
    pub(crate) fn rows(&self, ticket: Ticket) -> Option<Rows> {
        let entry = self.entries.get(usize::from(ticket.index()))?;
        let here = entry.kind.is_some() && ticket == Ticket::new(ticket.index(), entry.use_count);
        here.then(|| entry.rows())
    }

    // ---- chains

    /// The place of a unit's chain: a hash, spread over all of them.
    #[inline]
    fn place(unit: u64) -> usize {
        let hash = unit.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_shr(32);
        let places = u64::try_from(N).unwrap_or(0);
        usize::try_from(hash.wrapping_mul(places).wrapping_shr(32)).unwrap_or(0)
    }

    /// The head of the chain that requests for these rows are in.
    #[inline]
    fn head(&mut self, rows: Rows) -> &mut u16 {
        match self.units.range(rows) {
            (first, last) if last.saturating_sub(first) < 2 => {
                self.chains.get_mut(Self::place(first)).unwrap_or(&mut self.wide)
            }
            _ => &mut self.wide,
        }
    }

    #[inline]
    fn link(&mut self, index: u16, rows: Rows) {
        let next = core::mem::replace(self.head(rows), index);
        if let Some(next) = self.entries.get_mut(usize::from(next)) {
            next.before = index;
        }
        if let Some(entry) = self.entries.get_mut(usize::from(index)) {
            (entry.next, entry.before) = (next, NONE);
        }
    }

    #[inline]
    fn unlink(&mut self, entry: &Entry) {
        match self.entries.get_mut(usize::from(entry.before)) {
            Some(before) => before.next = entry.next,
            None => *self.head(entry.rows()) = entry.next,
        }
        if let Some(next) = self.entries.get_mut(usize::from(entry.next)) {
            next.before = entry.before;
        }
    }

    #[inline]
    fn chain(&self, head: u16) -> impl Iterator<Item = (u16, &Entry)> {
        let at = |index: u16| Some((index, self.entries.get(usize::from(index))?));
        successors(at(head), move |(_, entry)| at(entry.next))
    }

    fn used(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut().take(usize::from(self.high)).filter(|entry| entry.kind.is_some())
    }

    /// Sets a window's bit on every ticket that overlaps `rows`; how many there are. A window that
    /// only reads what a reconstruction reads need not wait for one.
    pub(crate) fn hold_for(&mut self, rows: Rows, bit: u32, writes_only: bool) -> u16 {
        let mut held = 0u16;
        for entry in self.used() {
            let counts = !writes_only || entry.kind.is_some_and(Kind::writes);
            if counts && entry.overlaps(rows) {
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

    /// The request, if any, that one of this kind must wait for: it shares a row. Reconstructions share.
    #[inline]
    pub(crate) fn in_the_way(&self, rows: Rows, kind: Kind) -> Option<Ticket> {
        let hit = |(_, entry): &(u16, &Entry)| {
            entry.overlaps(rows) && entry.kind.is_some_and(|other| other.writes() || kind.writes())
        };
        let (first, last) = self.units.range(rows);
        let found = if last.saturating_sub(first) >= u64::from(self.in_flight) {
            // There are more chains than requests.
            (0u16..).zip(self.entries.iter().take(usize::from(self.high))).find(hit)
        } else {
            // One that begins in the unit before may reach into the first.
            let chain = |unit| self.chains.get(Self::place(unit));
            let mut chains = (first.saturating_sub(1)..=last).filter_map(chain);
            let near = chains.find_map(|head| self.chain(*head).find(hit));
            near.or_else(|| self.chain(self.wide).find(hit))
        };
        found.map(|(index, entry)| Ticket::new(index, entry.use_count))
    }

    /// Requests in flight on these rows could not write all of them.
    pub(crate) fn failing(&mut self, rows: Rows) {
        self.used().filter(|entry| entry.overlaps(rows)).for_each(|entry| entry.failing = true);
    }

    /// Whether a write to any of these rows is in flight.
    pub(crate) fn is_written(&self, rows: Rows) -> bool {
        self.writes > 0 && self.in_the_way(rows, Kind::Reconstruct).is_some()
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
    /// Forgets how often each place was used, and by whom, and the order of the chains.
    pub(crate) fn forget_uses(&mut self) {
        if self.in_flight == 0 && self.over == [NONE; 2] {
            return self.reset(self.units.rows);
        }
        self.chains = [NONE; N];
        self.wide = NONE;
        for index in 0..self.high {
            let entry = &mut self.entries[usize::from(index)];
            entry.use_count = 0;
            match entry.kind {
                Some(_) => {
                    let rows = entry.rows();
                    self.link(index, rows);
                }
                None => *entry = Entry { next: entry.next, awaited: entry.awaited, ..Entry::FREE },
            }
        }
        self.entries[usize::from(self.high)..].fill(Entry::FREE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_table::rows;
    use proptest::prelude::*;
    use std::vec::Vec;

    const WRITE: Kind = Kind::Write { durable: false };

    fn empty<const N: usize>(unit: u64) -> Tickets<N> {
        let mut table = Tickets::EMPTY;
        table.reset(unit);
        table
    }

    #[test]
    fn a_ticket_is_closed_once_and_its_place_is_used_again() {
        let mut table = empty::<2>(8);
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
        assert_eq!(table.len(), 7);
        for row in table {
            let [state, input, next, effect] = row[..] else { panic!("{row:?}") };
            let mut table = empty::<2>(8);
            let mut ticket = Ticket::new(0, 0);
            if state != "Free" {
                ticket = table.open(Rows::new(0, 4), WRITE).unwrap();
            }
            if state == "InFlight, awaited" || state == "Over" {
                table.wait(ticket);
            }
            if state == "Over" {
                assert!(table.close(ticket).is_some());
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
                "`next_wake`" => assert_eq!(table.next_wake(), Some(ticket), "{effect}"),
                other => panic!("no test knows the input {other}"),
            }
            match next {
                "InFlight" => assert_eq!(table.in_flight(), 1),
                "Free" => {
                    assert_eq!((table.in_flight(), table.next_wake()), (0, None));
                    assert_ne!(table.open(Rows::new(0, 4), WRITE), Some(ticket));
                }
                "Over" => {
                    assert_eq!(table.in_flight(), 0);
                    let next = table.open(Rows::new(0, 4), WRITE).unwrap();
                    assert_ne!(next.index(), ticket.index());
                    assert_eq!(table.next_wake(), Some(ticket));
                }
                "unchanged" => assert_eq!(table, before),
                other => panic!("no test knows the state {other}"),
            }
        }
    }

    #[test]
    fn only_overlapping_tickets_hold_a_window() {
        let mut table = empty::<8>(8);
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
        let mut table = empty::<8>(8);
        let read = table.open(Rows::new(0, 8), Kind::Reconstruct).unwrap();
        assert_eq!(table.in_the_way(Rows::new(0, 8), Kind::Reconstruct), None);
        assert_eq!(table.in_the_way(Rows::new(7, 9), WRITE), Some(read));
        assert_eq!(table.in_the_way(Rows::new(8, 9), WRITE), None);
        table.close(read).unwrap();
        assert_eq!(table.in_the_way(Rows::new(7, 9), WRITE), None);
        let write = table.open(Rows::new(0, 1), WRITE).unwrap();
        assert_eq!(table.in_the_way(Rows::new(0, 8), Kind::Reconstruct), Some(write));
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(512)
        })]

        /// The rule is that of a look at every request in flight, whatever the units are.
        #[test]
        #[cfg_attr(miri, ignore = "thousands of comparisons of plain arithmetic")]
        fn conflicts_are_those_of_a_look_at_every_request(
            unit in prop::sample::select(&[1u64, 3, 8, 24, 256][..]),
            acts in prop::collection::vec((0..4u8, 0..300u64, 1..90u64, any::<bool>()), 1..120),
        ) {
            let mut table = empty::<8>(unit);
            let mut naive: Vec<(Ticket, Rows, Kind)> = Vec::new();
            for (act, start, len, reads) in acts {
                // Most are short, as most requests are.
                let len = if act == 0 { len } else { 1 + len % 4 };
                let rows = Rows::new(start, len);
                let kind = if reads { Kind::Reconstruct } else { WRITE };
                if act == 3 && !naive.is_empty() {
                    let (ticket, was, of) = naive.remove(start as usize % naive.len());
                    let closed = table.close(ticket);
                    prop_assert_eq!(closed.map(|closed| (closed.rows, closed.kind)), Some((was, of)));
                } else if let Some(ticket) = table.open(rows, kind) {
                    naive.push((ticket, rows, kind));
                } else {
                    prop_assert_eq!(naive.len(), 8);
                }
                for row in (0..400).step_by(7) {
                    let asked = Rows::new(row, len);
                    let shares = |rows: &Rows| rows.start < asked.end() && asked.start < rows.end();
                    let hit = |(_, rows, other): &(Ticket, Rows, Kind)| {
                        shares(rows) && (other.writes() || kind.writes())
                    };
                    let expected = naive.iter().any(hit);
                    prop_assert_eq!(table.in_the_way(asked, kind).is_some(), expected, "{:?}", asked);
                    let written = naive.iter().any(|(_, rows, of)| of.writes() && shares(rows));
                    prop_assert_eq!(table.is_written(asked), written);
                }
            }
            for (ticket, ..) in naive {
                prop_assert!(table.close(ticket).is_some());
            }
            prop_assert_eq!(table.in_the_way(Rows::new(0, 1000), WRITE), None);
            prop_assert!(table.chains.iter().all(|head| *head == NONE) && table.wide == NONE);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "a table of a thousand, of plain arithmetic")]
    fn a_request_is_compared_with_few_of_a_thousand() {
        let mut table = empty::<1024>(256);
        for other in 0..1000 {
            table.open(Rows::new(7919 * other, 8), WRITE).unwrap();
        }
        let compared = |row: u64| {
            let (first, last) = table.units.range(Rows::new(row, 8));
            let heads = (first.saturating_sub(1)..=last)
                .map(|unit| table.chains[Tickets::<1024>::place(unit)]);
            heads.map(|head| table.chain(head).count()).sum::<usize>()
        };
        assert_eq!(table.wide, NONE);
        let all: usize = (0..1000).map(|row| compared(row * 4096)).sum();
        assert!(all < 3000, "{all} comparisons of 1000 requests");
    }

    #[test]
    fn waiters_are_woken_in_the_order_of_completions_and_their_places_are_used_again() {
        let mut table = empty::<3>(8);
        for _ in 0..3 {
            let [a, b, c] =
                [0, 8, 16].map(|row| table.open(Rows::new(row, 4), WRITE).expect("free again"));
            assert_eq!(table.rows(b), Some(Rows::new(8, 4)));
            [a, b].into_iter().for_each(|ticket| table.wait(ticket));
            [b, c, a].into_iter().for_each(|ticket| assert!(table.close(ticket).is_some()));
            assert_eq!(table.rows(b), None);
            assert!(table.open(Rows::new(0, 4), WRITE).is_some_and(|d| d.index() == c.index()));
            assert_eq!(table.open(Rows::new(0, 4), WRITE), None, "nobody was told yet");
            assert_eq!([(); 3].map(|()| table.next_wake()), [Some(b), Some(a), None]);
            let d = table.in_the_way(Rows::new(0, 1), WRITE).unwrap();
            table.wait(d);
            table.wake_all();
            assert_eq!([(); 2].map(|()| table.next_wake()), [Some(d), None]);
            assert!(table.close(d).is_some());
            assert_eq!(table.next_wake(), None, "told already");
        }
    }

    #[test]
    fn elders_are_those_admitted_before_the_failure() {
        let mut table = empty::<4>(8);
        let old = table.open(Rows::new(0, 1), WRITE).unwrap();
        table.age();
        let new = table.open(Rows::new(1, 1), WRITE).unwrap();
        table.close(new).unwrap();
        assert!(table.elders());
        table.close(old).unwrap();
        assert!(!table.elders());
    }
}
