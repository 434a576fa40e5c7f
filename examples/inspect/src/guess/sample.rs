// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is read of the members: the same places of all of them, chosen within a budget.
//!
//! ```text
//!            head          unit            unit                unit
//! member 0   ████──────────███─────────────███─────────────────███───
//! member 1   ████──────────███─────────────███─────────────────███───
//! ```
//!
//! A *row* is one page of every member at the same offset. Places are chosen by probing: each part of the
//! members is represented by the place where most members hold something.

use crate::size::human;
use raid_array::discover::Source;
use std::sync::mpsc::{Sender, channel};

/// Bytes of a page, the unit of everything here.
pub const PAGE: usize = 4096;
/// Pages of a unit on large members: two chunks of 1 MiB stand in it, wherever it begins.
const UNIT: u64 = 768;
/// Pages at the start of large members.
const HEAD: u64 = 1536;
/// Units that are read at least, if necessary smaller ones.
const FEWEST_UNITS: u64 = 4;
/// Places tried in each part of the members.
const PROBES: u64 = 8;
/// Pages of one read.
const READ: usize = 64;
/// Pages of a unit that may fail before the rest of the unit is given up.
const PATIENCE: usize = 16;

/// A run of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Page number of its first row.
    pub first: u64,
    /// Rows.
    pub rows: u64,
    /// Index of its first row in the sample.
    pub index: usize,
}

/// What is known of a page before its bytes are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageState {
    /// Not read: past the end of the member, or unreadable. It says nothing.
    Absent,
    /// Zero bytes only.
    Zero,
    /// Anything else.
    Data,
}

/// One member's pages, in the order of the rows.
#[derive(Clone, Debug)]
pub struct Column {
    bytes: Vec<u8>,
    states: Vec<PageState>,
    /// Pages that could not be read.
    pub unreadable: u64,
}

/// The pages that were read.
#[derive(Clone, Debug)]
pub struct Sample {
    units: Vec<Unit>,
    columns: Vec<Column>,
    /// Pages of a member: of the one in the middle, if their sizes differ.
    pub member_pages: u64,
}

/// Where rows are sampled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    units: Vec<Unit>,
    member_pages: u64,
}

impl Plan {
    /// Chooses places such that all members together give at most `budget` bytes.
    #[must_use]
    pub fn new(members: &[Source], budget: u64) -> Self {
        let mut sizes: Vec<u64> = members.iter().map(|m| m.bytes.len() / PAGE as u64).collect();
        sizes.sort_unstable();
        let member_pages = sizes.get(sizes.len() / 2).copied().unwrap_or(0);
        let each = budget / PAGE as u64 / (members.len() as u64).max(1);
        let mut units = Vec::new();
        if member_pages <= each {
            units.push(Unit { first: 0, rows: member_pages, index: 0 });
            return Self { units, member_pages };
        }
        let head = HEAD.min(each / 4);
        units.push(Unit { first: 0, rows: head, index: 0 });
        let left = each - head;
        let unit = UNIT.min(left / FEWEST_UNITS).max(1);
        let parts = left / unit;
        for part in 0..parts {
            // The part's bounds, without an intermediate product that may not fit.
            let span = member_pages - head;
            let bound = |part: u64| head + span / parts * part + span % parts * part / parts;
            let free = (bound(part + 1) - bound(part)).saturating_sub(unit);
            let place =
                (0..PROBES).map(|probe| bound(part) + scattered(part * PROBES + probe, free));
            let best = place.max_by_key(|page| filled(members, *page));
            let last = units.last().map_or(0, |unit: &Unit| unit.index + unit.rows as usize);
            units.push(Unit { first: best.unwrap_or(bound(part)), rows: unit, index: last });
        }
        Self { units, member_pages }
    }

    /// Rows from the first page on.
    #[cfg(test)]
    pub(crate) fn of_rows(rows: u64) -> Self {
        Self { units: vec![Unit { first: 0, rows, index: 0 }], member_pages: rows }
    }

    /// Rows in all.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.units.iter().map(|unit| unit.rows).sum()
    }

    /// Reads the rows, all members at a time; `done` is told the bytes read so far.
    #[must_use]
    pub fn read(self, members: &[Source], done: &mut dyn FnMut(u64)) -> Sample {
        let units = &self.units;
        let columns = std::thread::scope(|scope| {
            let (sender, receiver) = channel();
            let start = |member| {
                let sender = sender.clone();
                scope.spawn(move || Column::read(member, units, &sender))
            };
            let readers: Vec<_> = members.iter().map(start).collect();
            drop(sender);
            let mut bytes = 0;
            for more in receiver {
                bytes += more;
                done(bytes);
            }
            // A reader that ended early has read nothing: its column is absent.
            let absent = || Column::absent(self.rows() as usize);
            readers.into_iter().map(|r| r.join().unwrap_or_else(|_| absent())).collect()
        });
        Sample { units: self.units, columns, member_pages: self.member_pages }
    }

    /// How much of how much is read, in words.
    #[must_use]
    pub fn describe(&self, members: usize) -> String {
        let page = PAGE as u64;
        format!(
            "{} of {} of each of {members} disks, {} {}",
            human(self.rows() * page),
            human(self.member_pages.saturating_mul(page)),
            self.units.len(),
            if self.units.len() == 1 { "place" } else { "places" },
        )
    }
}

/// A number below `bound`, or 0, that looks random and is the same in every run.
fn scattered(index: u64, bound: u64) -> u64 {
    let mut x = index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (x ^ (x >> 31)).checked_rem(bound).unwrap_or(0)
}

/// How many members hold something other than zeros at this page.
fn filled(members: &[Source], page: u64) -> usize {
    let mut bytes = [0; PAGE];
    let at = page.saturating_mul(PAGE as u64);
    let holds = |member: &&Source| {
        member.bytes.read_at(at, &mut bytes).is_ok() && bytes.iter().any(|byte| *byte != 0)
    };
    members.iter().filter(holds).count()
}

impl Column {
    /// A column of these pages; `None` is an absent one.
    #[must_use]
    pub fn of_pages(pages: Vec<Option<Vec<u8>>>) -> Self {
        let mut column = Self { bytes: Vec::new(), states: Vec::new(), unreadable: 0 };
        for page in pages {
            column.push(page.as_deref());
        }
        column
    }

    /// A column of which nothing is known.
    #[must_use]
    pub(crate) fn absent(rows: usize) -> Self {
        Self::of_pages(vec![None; rows])
    }

    fn push(&mut self, page: Option<&[u8]>) {
        self.states.push(match page {
            None => PageState::Absent,
            Some(page) if page.iter().all(|byte| *byte == 0) => PageState::Zero,
            Some(_) => PageState::Data,
        });
        self.bytes.extend_from_slice(page.unwrap_or(&[0; PAGE]));
    }

    fn read(member: &Source, units: &[Unit], done: &Sender<u64>) -> Self {
        let rows: u64 = units.iter().map(|unit| unit.rows).sum();
        let bytes = Vec::with_capacity(rows as usize * PAGE);
        let mut column = Self { bytes, states: Vec::new(), unreadable: 0 };
        let pages = member.bytes.len() / PAGE as u64;
        let mut buffer = vec![0; READ * PAGE];
        for unit in units {
            let (mut page, end, mut failed) = (unit.first, unit.first + unit.rows, 0);
            while page < end {
                let here = (READ as u64).min(end - page);
                let inside = here.min(pages.saturating_sub(page)) as usize;
                let piece = &mut buffer[..inside * PAGE];
                let whole = failed == 0 && member.bytes.read_at(page * PAGE as u64, piece).is_ok();
                for (index, one) in piece.chunks_exact_mut(PAGE).enumerate() {
                    let at = (page + index as u64) * PAGE as u64;
                    let read =
                        whole || (failed < PATIENCE && member.bytes.read_at(at, one).is_ok());
                    if !read {
                        failed += 1;
                        column.unreadable += 1;
                    }
                    column.push(read.then_some(&*one));
                }
                (inside as u64..here).for_each(|_| column.push(None));
                page += here;
                // Nobody may be listening any more.
                let _ = done.send(here * PAGE as u64);
            }
        }
        column
    }

    /// State of a page.
    #[must_use]
    pub fn state(&self, row: usize) -> PageState {
        self.states[row]
    }

    /// Bytes of a page; zeros where it is absent.
    #[must_use]
    pub fn page(&self, row: usize) -> &[u8] {
        &self.bytes[row * PAGE..(row + 1) * PAGE]
    }

    /// Whether a page holds something.
    #[must_use]
    pub fn has_data(&self, row: usize) -> bool {
        self.states[row] == PageState::Data
    }
}

impl Sample {
    /// Rows of the sample.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.units.last().map_or(0, |unit| unit.index + unit.rows as usize)
    }

    /// The runs that it consists of.
    #[must_use]
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// The members' pages, in the order given.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Page number of a row.
    #[must_use]
    pub fn page_number(&self, row: usize) -> u64 {
        let unit = self.units[self.unit_of(row)];
        unit.first + (row - unit.index) as u64
    }

    /// Which run a row belongs to.
    #[must_use]
    pub fn unit_of(&self, row: usize) -> usize {
        self.units.partition_point(|unit| unit.index <= row).saturating_sub(1)
    }

    /// The row of a page number, if it was sampled.
    #[must_use]
    pub fn row_of(&self, page: u64) -> Option<usize> {
        let unit = self.units[..self.units.partition_point(|unit| unit.first <= page)].last()?;
        (page - unit.first < unit.rows).then(|| unit.index + (page - unit.first) as usize)
    }

    /// The same rows of these columns.
    #[must_use]
    pub fn with_columns(&self, columns: Vec<Column>) -> Self {
        Self { units: self.units.clone(), columns, member_pages: self.member_pages }
    }

    /// XOR of the columns, row by row: what a missing member holds where one parity is kept.
    #[must_use]
    pub fn xor_of_columns(&self) -> Column {
        let mut sum = Column { bytes: Vec::new(), states: Vec::new(), unreadable: 0 };
        let mut page = vec![0; PAGE];
        for row in 0..self.rows() {
            page.fill(0);
            for column in &self.columns {
                page.iter_mut().zip(column.page(row)).for_each(|(sum, byte)| *sum ^= byte);
            }
            let absent = self.columns.iter().any(|c| c.state(row) == PageState::Absent);
            sum.push((!absent).then_some(&page));
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raid_array::discover::ReadAt;
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// A member of any size that holds something in one page of 1000, and counts what is read.
    struct Vast {
        pages: u64,
        bad: Option<u64>,
        read: Arc<AtomicU64>,
    }

    impl ReadAt for Vast {
        fn len(&self) -> u64 {
            self.pages * PAGE as u64
        }
        fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
            assert!(offset + into.len() as u64 <= self.len(), "a read past the end");
            self.read.fetch_add(into.len() as u64, Ordering::Relaxed);
            for (index, page) in into.chunks_mut(PAGE).enumerate() {
                let number = offset / PAGE as u64 + index as u64;
                if Some(number) == self.bad {
                    return Err(io::Error::other("bad"));
                }
                page.fill(u8::from(number.is_multiple_of(1000)));
            }
            Ok(())
        }
    }

    fn vast(pages: &[u64], bad: Option<u64>) -> (Vec<Source>, Arc<AtomicU64>) {
        let read = Arc::new(AtomicU64::new(0));
        let member = |pages: &u64| Source {
            name: String::new(),
            bytes: Box::new(Vast { pages: *pages, bad, read: read.clone() }),
        };
        (pages.iter().map(member).collect(), read)
    }

    #[test]
    fn the_budget_holds_for_members_of_any_size() {
        for pages in [1u64, 100, 5000, 100_000, 2_500_000_000] {
            let (members, read) = vast(&[pages; 6], None);
            let budget = 24 << 20;
            let plan = Plan::new(&members, budget);
            let probed = read.swap(0, Ordering::Relaxed);
            let mut last = 0;
            let sample = plan.read(&members, &mut |done| last = done);
            let bytes = read.load(Ordering::Relaxed);
            assert!(bytes <= budget, "{pages} pages: {bytes} bytes");
            assert!(probed <= budget / 4, "{pages} pages: {probed} bytes probed");
            assert_eq!(last, bytes);
            for (row, page) in (0..sample.rows()).map(|row| (row, sample.page_number(row))) {
                assert!(page < pages);
                assert_eq!(sample.row_of(page), Some(row));
                assert_eq!(sample.columns()[5].has_data(row), page.is_multiple_of(1000));
            }
            assert_eq!(sample.row_of(pages), None);
        }
    }

    #[test]
    fn a_page_that_cannot_be_read_or_is_past_the_end_is_absent_and_not_zero() {
        let (members, _) = vast(&[300, 200, 300], Some(70));
        let sample = Plan::new(&members, 1 << 30).read(&members, &mut |_| ());
        assert_eq!(sample.rows(), 300);
        let [long, short, _] = sample.columns() else { panic!("three columns") };
        assert_eq!((long.state(70), long.unreadable), (PageState::Absent, 1));
        assert_eq!((long.state(71), long.state(250)), (PageState::Zero, PageState::Zero));
        assert_eq!((short.state(199), short.state(200)), (PageState::Zero, PageState::Absent));
        assert_eq!(short.unreadable, 1);
        let sum = sample.xor_of_columns();
        assert_eq!((sum.state(70), sum.state(250)), (PageState::Absent, PageState::Absent));
        assert_eq!((sum.state(0), sum.page(0)[9]), (PageState::Data, 1));
    }
}
