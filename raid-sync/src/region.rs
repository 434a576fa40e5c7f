// SPDX-License-Identifier: MIT OR Apache-2.0
//! The dirty log: one byte for each region of the set.
//!
//! | state | the record says | input | next |
//! |---|---|---|---|
//! | Clean | clean | write wants to start | Wanted, the write waits for the record |
//! | Unwritten | unwritten | write wants to start | Wanted, and the region is owed a resync |
//! | Wanted | clean or on its way | a record is issued | Writing |
//! | Writing | dirty, on its way | durable on every member | Dirty, waiters woken |
//! | Writing | dirty, on its way | not on every member | Wanted |
//! | Dirty | dirty | a sweep finds no write in flight | Resting |
//! | Resting | dirty | write | Dirty |
//! | Dirty, Resting | dirty | idle for long enough, nothing owed | CleanWanted, all members flushed |
//! | CleanWanted | dirty or on its way | write wants to start | Wanted |
//! | CleanWanted | dirty | raise dropped | Dirty |
//! | CleanWanted | clean | clean record durable | Clean |
//!
//! *CleanWanted counts as clean*: from the moment the clean record is being prepared, a write waits
//! for a newer dirty record, whatever becomes of the clean one (`sync.md` I5).
//!
//! Where a format holds one flag for the whole set, the flag goes through these states instead, and
//! the regions only remember what was written since it was last known to be flushed: that is what a
//! member owes that leaves and comes back while the set runs.
//!
//! Beside its state a region says whether its copies are owed a resync, and which of the
//! [`Debtors`](crate::debt::Debtors) have missed a write to it.

use core::ops::Range;
use raid_core::units::{Row, Rows};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum State {
    Clean,
    Wanted,
    Writing,
    Dirty,
    Resting,
    CleanWanted,
    Unwritten,
}

const STATE: u8 = 0b111;
const DIRTY: u8 = 3;
const OWED: u8 = 0b1000;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Region(u8);

impl Region {
    const CLEAN: Self = Self(0);

    const fn state(self) -> State {
        match self.0 & STATE {
            0 => State::Clean,
            1 => State::Wanted,
            2 => State::Writing,
            DIRTY => State::Dirty,
            4 => State::Resting,
            5 => State::CleanWanted,
            _ => State::Unwritten,
        }
    }

    const fn set(&mut self, state: State) {
        let bits = match state {
            State::Clean => 0,
            State::Wanted => 1,
            State::Writing => 2,
            State::Dirty => DIRTY,
            State::Resting => 4,
            State::CleanWanted => 5,
            State::Unwritten => 6,
        };
        self.0 = (self.0 & !STATE) | bits;
    }

    const fn is_clean(self) -> bool {
        matches!(self.state(), State::Clean | State::Unwritten)
    }

    const fn is_unwritten(self) -> bool {
        matches!(self.state(), State::Unwritten)
    }

    const fn is_dirty(self) -> bool {
        matches!(self.state(), State::Dirty | State::Resting)
    }

    const fn owed(self) -> bool {
        self.0 & OWED != 0
    }

    /// Which debtors have missed writes.
    const fn debt(self) -> u8 {
        self.0 >> 4
    }

    const fn charge(&mut self, debtors: u8) {
        self.0 |= debtors << 4;
    }

    const fn forgive(&mut self, debtors: u8) {
        self.0 &= !(debtors << 4);
    }
}

/// What a record says of one region: the byte that a format stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RegionRecord(pub u8);

impl RegionRecord {
    const DIRTY: u8 = 1;
    const UNWRITTEN: u8 = 2;

    pub(crate) const fn new(dirty: bool, unwritten: bool, debt: u8) -> Self {
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

/// How rows fall into regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Grain {
    /// Rows of a region: the alignment times a power of two.
    rows: u64,
    /// If that is a power of two, which.
    shift: Option<u32>,
    /// Regions in use.
    pub(crate) count: usize,
    /// Rows of the set.
    size: u64,
}

impl Grain {
    pub(crate) fn new(size: u64, align: u64, room: usize) -> Self {
        let room = u64::try_from(room).unwrap_or(u64::MAX).max(1);
        let mut rows = align.max(1);
        while size.div_ceil(rows) > room && rows < size {
            rows = rows.saturating_mul(2);
        }
        let shift = rows.is_power_of_two().then(|| rows.trailing_zeros());
        let count = usize::try_from(size.div_ceil(rows).max(1)).unwrap_or(usize::MAX);
        Self { rows, shift, count, size }
    }

    #[inline]
    pub(crate) fn of(&self, row: u64) -> usize {
        if self.count == 1 {
            return 0;
        }
        let region = match self.shift {
            Some(shift) => row.wrapping_shr(shift),
            None => row.checked_div(self.rows).unwrap_or(0),
        };
        usize::try_from(region).unwrap_or(usize::MAX)
    }

    pub(crate) fn range(&self, rows: Rows) -> Range<usize> {
        let last = self.of(rows.end().0.saturating_sub(1));
        self.of(rows.start.0)..last.saturating_add(1).min(self.count)
    }

    pub(crate) fn start(&self, region: usize) -> Row {
        Row(u64::try_from(region).unwrap_or(u64::MAX).saturating_mul(self.rows))
    }

    pub(crate) fn end(&self, region: usize) -> Row {
        self.start(region.saturating_add(1)).min(Row(self.size))
    }
}

/// The regions of a set, and the flag of a format that knows none.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct DirtyLog<const N: usize> {
    regions: [Region; N],
    pub(crate) grain: Grain,
    /// The format records regions; otherwise it records `flag`.
    pub(crate) by_region: bool,
    flag: Region,
    /// Recorded entries in `Wanted`.
    wanted: u32,
    /// Regions that are neither clean nor unwritten.
    unclean: u32,
    /// Regions in `Dirty` or `Resting`.
    dirty: u32,
    /// Regions owed a resync, and regions never written.
    owed: u32,
    unwritten: u32,
    /// When the last write completed or was let go, on the own clock.
    quiet_since: u64,
    swept_at: u64,
    /// The caller expects no more writes: do not wait for the idle time.
    hurry: bool,
}

impl<const N: usize> core::fmt::Debug for DirtyLog<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let dirty = self.used().filter(|region| region.state() != State::Clean).count();
        f.debug_struct("DirtyLog")
            .field("grain", &self.grain)
            .field("flag", &self.flag.state())
            .field("regions not clean", &dirty)
            .field("owed", &self.owed)
            .finish_non_exhaustive()
    }
}

/// What a sweep may raise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Cleaning {
    /// Something is prepared.
    pub(crate) any: bool,
    /// Everything is: the set will be clean.
    pub(crate) all: bool,
}

impl<const N: usize> DirtyLog<N> {
    const HAS_REGIONS: () = assert!(N > 0 && N <= 1 << 24, "1 to 16 Mi regions");

    /// A log that is clean all over.
    pub(crate) fn new(size: u64, align: u64, by_region: bool) -> Self {
        let () = Self::HAS_REGIONS;
        Self {
            regions: [Region::CLEAN; N],
            grain: Grain::new(size, align, N),
            by_region,
            flag: Region::CLEAN,
            wanted: 0,
            unclean: 0,
            dirty: 0,
            owed: 0,
            unwritten: 0,
            quiet_since: 0,
            swept_at: 0,
            hurry: false,
        }
    }

    fn used(&self) -> impl Iterator<Item = Region> {
        self.regions.iter().take(self.grain.count).copied()
    }

    fn of(&self, region: usize) -> Region {
        self.regions.get(region).copied().unwrap_or(Region::CLEAN)
    }

    /// The entries that records are about.
    fn recorded(&mut self) -> &mut [Region] {
        match self.by_region {
            true => {
                let count = self.grain.count;
                self.regions.get_mut(..count).unwrap_or_default()
            }
            false => core::slice::from_mut(&mut self.flag),
        }
    }

    fn recount(&mut self) {
        let mut wanted = 0u32;
        for entry in self.recorded() {
            wanted = wanted.saturating_add(u32::from(entry.state() == State::Wanted));
        }
        self.wanted = wanted;
        let (mut unclean, mut dirty, mut owed, mut unwritten) = (0u32, 0u32, 0u32, 0u32);
        for region in self.used() {
            unclean = unclean.saturating_add(u32::from(!region.is_clean()));
            dirty = dirty.saturating_add(u32::from(region.is_dirty()));
            owed = owed.saturating_add(u32::from(region.owed()));
            unwritten = unwritten.saturating_add(u32::from(region.is_unwritten()));
        }
        (self.unclean, self.dirty) = (unclean, dirty);
        (self.owed, self.unwritten) = (owed, unwritten);
    }

    // ---- what a restart found

    /// The set was not stopped cleanly and nothing finer is known. The dirty record may be on some
    /// members only: it is written again before the first write.
    pub(crate) fn found_unclean(&mut self, owed: bool) {
        self.flag.set(State::Wanted);
        let state = if self.by_region { State::Wanted } else { State::Dirty };
        for region in self.regions.iter_mut().take(self.grain.count) {
            region.set(state);
            region.0 |= if owed { OWED } else { 0 };
        }
        self.recount();
    }

    /// What the records of a set said of its regions, in order.
    pub(crate) fn found(&mut self, records: &[RegionRecord], owed: bool) {
        for (region, record) in self.regions.iter_mut().zip(records) {
            region.set(match (record.dirty(), record.unwritten()) {
                (true, _) => State::Wanted,
                (false, true) => State::Unwritten,
                (false, false) => State::Clean,
            });
            region.0 |= if owed && record.dirty() { OWED } else { 0 };
            region.charge(record.debt());
        }
        self.recount();
    }

    // ---- writes

    /// Whether these rows lie in one region, a write may start there, and it changes nothing in here:
    /// the usual case, without the questions of all others.
    #[inline]
    pub(crate) fn is_open(&mut self, rows: Rows) -> bool {
        let first = self.grain.of(rows.start.0);
        let one = self.grain.count == 1 || self.grain.of(rows.end().0.saturating_sub(1)) == first;
        let dirty = |region: Region| region.0 & STATE == DIRTY;
        let open = one && dirty(self.of(first)) && (self.by_region || dirty(self.flag));
        self.hurry &= !open;
        open
    }

    /// A write to these rows wants to start; whether it may.
    pub(crate) fn write_wanted(&mut self, rows: Rows) -> Write {
        self.hurry = false;
        if !self.by_region {
            match self.flag.state() {
                State::Dirty | State::Resting => self.flag.set(State::Dirty),
                State::Wanted | State::Writing => return Write::Waits,
                _ => {
                    self.flag.set(State::Wanted);
                    self.wanted = 1;
                    return Write::Waits;
                }
            }
            for region in self.grain.range(rows) {
                if let Some(region) = self.regions.get_mut(region) {
                    self.unclean = self.unclean.saturating_add(u32::from(region.is_clean()));
                    self.dirty = self.dirty.saturating_add(u32::from(!region.is_dirty()));
                    region.set(State::Dirty);
                }
            }
            return Write::Goes;
        }
        let mut answer = Write::Goes;
        for region in self.grain.range(rows) {
            let Some(region) = self.regions.get_mut(region) else { continue };
            match region.state() {
                State::Dirty => {}
                State::Resting => region.set(State::Dirty),
                State::Wanted | State::Writing => answer = answer.max(Write::Waits),
                State::Clean | State::CleanWanted => {
                    self.unclean = self.unclean.saturating_add(u32::from(region.is_clean()));
                    region.set(State::Wanted);
                    self.wanted = self.wanted.saturating_add(1);
                    answer = answer.max(Write::Waits);
                }
                State::Unwritten => {
                    self.unclean = self.unclean.saturating_add(1);
                    let owed = region.owed();
                    region.set(State::Wanted);
                    region.0 |= OWED;
                    self.wanted = self.wanted.saturating_add(1);
                    self.owed = self.owed.saturating_add(u32::from(!owed));
                    self.unwritten = self.unwritten.saturating_sub(1);
                    answer = Write::IsFirst;
                }
            }
        }
        answer
    }

    /// Whether an entry that a write to these rows waits for is covered by the record being written.
    pub(crate) fn is_being_recorded(&self, rows: Rows) -> bool {
        match self.by_region {
            true => self.grain.range(rows).all(|region| self.of(region).state() != State::Wanted),
            false => self.flag.state() != State::Wanted,
        }
    }

    /// Whether the clean record of some region of these rows is being prepared.
    #[cfg(test)]
    pub(crate) fn is_being_cleaned(&self, rows: Rows) -> bool {
        match self.by_region {
            true => {
                let mut regions = self.grain.range(rows);
                regions.any(|region| self.of(region).state() == State::CleanWanted)
            }
            false => self.flag.state() == State::CleanWanted,
        }
    }

    pub(crate) const fn touched(&mut self, now: u64) {
        self.quiet_since = now;
    }

    // ---- records

    /// Whether a write waits for a record.
    pub(crate) const fn is_wanted(&self) -> bool {
        self.wanted > 0
    }

    /// Whether the log, as the records have it, is clean all over.
    pub(crate) fn is_clean(&self) -> bool {
        match self.by_region {
            true => self.unclean == 0,
            false => self.flag.state() == State::Clean,
        }
    }

    /// A record is issued that says what the log says.
    pub(crate) fn issued(&mut self) {
        if self.wanted == 0 {
            return;
        }
        for entry in self.recorded() {
            if entry.state() == State::Wanted {
                entry.set(State::Writing);
            }
        }
        self.wanted = 0;
    }

    /// The record is durable, on every member or only on some.
    pub(crate) fn durable(&mut self, everywhere: bool, cleaned: bool, now: u64) {
        let mut woken = false;
        let mut clean = false;
        for entry in self.recorded() {
            match entry.state() {
                // The idle time counts from here: the waiters have not had their turn yet.
                State::Writing if everywhere => {
                    entry.set(State::Dirty);
                    woken = true;
                }
                State::Writing => entry.set(State::Wanted),
                // A clean record that only some members hold is a clean record.
                State::CleanWanted if cleaned => {
                    entry.set(State::Clean);
                    clean = true;
                }
                _ => {}
            }
        }
        if woken {
            self.quiet_since = now;
        }
        if clean && !self.by_region {
            self.forgotten();
        }
        self.recount();
    }

    /// Prepares what may be made clean: regions that no write of `in_flight` touches.
    pub(crate) fn prepare_clean(&mut self, everything: bool) -> Cleaning {
        let (by_region, mut any, mut all) = (self.by_region, false, true);
        if !by_region && everything && matches!(self.flag.state(), State::Dirty | State::Resting) {
            self.flag.set(State::CleanWanted);
            any = true;
        }
        for region in self.regions.iter_mut().take(self.grain.count) {
            let idle = match region.state() {
                State::Resting => true,
                State::Dirty => everything,
                State::Clean | State::Unwritten => continue,
                _ => false,
            };
            if idle && !(by_region && region.owed()) {
                region.set(State::CleanWanted);
                any = true;
            } else {
                all = false;
            }
        }
        self.recount();
        Cleaning { any, all: if by_region { all } else { any && everything } }
    }

    /// What was prepared is not true any more.
    pub(crate) fn drop_clean(&mut self) {
        let count = self.grain.count;
        let flag = core::slice::from_mut(&mut self.flag);
        for entry in self.regions.iter_mut().take(count).chain(flag) {
            if entry.state() == State::CleanWanted {
                entry.set(State::Dirty);
            }
        }
        self.recount();
    }

    /// Every member was flushed: what was prepared need not be remembered, though no record says so.
    pub(crate) fn forgotten(&mut self) {
        for region in self.regions.iter_mut().take(self.grain.count) {
            if region.state() == State::CleanWanted {
                region.set(State::Clean);
            }
        }
        self.recount();
    }

    pub(crate) const fn hurry(&mut self) {
        self.hurry = true;
    }

    /// From when on everything may be made clean, if no write is in flight.
    pub(crate) fn clean_from(&self, idle: u64) -> Option<u64> {
        let wait = if self.hurry { 0 } else { idle };
        let any = match self.by_region {
            true => self.dirty > self.owed || (self.hurry && self.dirty > 0),
            false => self.flag.is_dirty(),
        };
        any.then_some(self.quiet_since.saturating_add(wait))
    }

    /// When the next sweep is due, if there is anything to sweep.
    pub(crate) fn sweep_from(&self, idle: u64) -> Option<u64> {
        let any = self.grain.count > 1 && self.dirty > 0;
        any.then_some(self.swept_at.saturating_add(idle))
    }

    /// Regions written since the last sweep rest from now on, `busy` ones excepted.
    pub(crate) fn rest(&mut self, now: u64, busy: impl Fn(Rows) -> bool) {
        self.swept_at = now;
        let grain = self.grain;
        for (index, region) in self.regions.iter_mut().take(grain.count).enumerate() {
            let start = grain.start(index);
            let rows = Rows { start, len: grain.rows };
            match region.state() {
                State::Dirty if !busy(rows) => region.set(State::Resting),
                State::Resting if busy(rows) => region.set(State::Dirty),
                _ => {}
            }
        }
    }

    // ---- what is owed

    /// Whether these rows are to agree, and up to where that is so.
    #[inline]
    pub(crate) fn disagrees(&self, row: Row) -> bool {
        let region = self.of(self.grain.of(row.0));
        region.owed() || region.is_unwritten()
    }

    pub(crate) const fn owes(&self) -> bool {
        self.owed > 0
    }

    /// Whether there is a row at which copies may differ.
    pub(crate) const fn may_disagree(&self) -> bool {
        self.owed > 0 || self.unwritten > 0
    }

    pub(crate) const fn owed_regions(&self) -> u32 {
        self.owed
    }

    /// Copies of these rows may differ from now on.
    pub(crate) fn owe(&mut self, rows: Rows) {
        for region in self.grain.range(rows) {
            let Some(region) = self.regions.get_mut(region) else { continue };
            let recorded = matches!(region.state(), State::Wanted | State::Writing);
            let dirty = matches!(region.state(), State::Dirty | State::Resting);
            if !recorded && !dirty {
                region.set(if self.by_region { State::Wanted } else { State::Dirty });
            }
            region.0 |= OWED;
        }
        self.recount();
    }

    /// Copies of the regions that end in these rows agree.
    pub(crate) fn agreed(&mut self, from: Row, to: Row) {
        if self.owed == 0 {
            return;
        }
        for index in self.grain.of(from.0)..self.grain.count {
            if self.grain.end(index) > to {
                break;
            }
            if let Some(region) = self.regions.get_mut(index) {
                self.owed = self.owed.saturating_sub(u32::from(region.owed()));
                region.0 &= !OWED;
            }
        }
    }

    /// Nothing is owed any more.
    pub(crate) fn forgive_all(&mut self) {
        self.regions.iter_mut().for_each(|region| region.0 &= !OWED);
        self.owed = 0;
    }

    /// Never written: nothing needs to agree until it is.
    pub(crate) fn unwritten(&mut self) {
        for region in self.regions.iter_mut().take(self.grain.count) {
            region.set(State::Unwritten);
            region.0 &= !OWED;
        }
        self.recount();
    }

    /// Which of these debtors have missed writes to the region of this row.
    #[inline]
    pub(crate) fn debt(&self, row: Row) -> u8 {
        self.of(self.grain.of(row.0)).debt()
    }

    /// Up to where the same is owed, and by the same of these debtors, as at this row.
    pub(crate) fn alike(&self, row: Row, end: Row, debtors: u8) -> Row {
        if self.grain.count == 1 {
            return end;
        }
        let key =
            |region: Region| (region.debt() & debtors, region.owed() || region.is_unwritten());
        let first = self.grain.of(row.0);
        let wanted = key(self.of(first));
        let mut region = first;
        while region < self.grain.count && self.grain.end(region) < end {
            region = region.saturating_add(1);
            if key(self.of(region)) != wanted {
                return self.grain.start(region);
            }
        }
        end
    }

    pub(crate) fn charge(&mut self, rows: Rows, debtors: u8) {
        if debtors == 0 {
            return;
        }
        for region in self.grain.range(rows) {
            if let Some(region) = self.regions.get_mut(region) {
                region.charge(debtors);
            }
        }
    }

    /// A member leaves: it owes every region that is not known to be clean on it, and the recorded
    /// ones it owed before, but for those that a pass has filled up to `filled`.
    pub(crate) fn charge_leaver(&mut self, debtor: u8, filled: Row) {
        let grain = self.grain;
        for (index, region) in self.regions.iter_mut().take(grain.count).enumerate() {
            if !region.is_clean() || region.owed() {
                region.charge(debtor);
            } else if grain.end(index) <= filled {
                region.forgive(debtor);
            }
        }
    }

    /// It owes everything that was ever written.
    pub(crate) fn charge_all(&mut self, debtor: u8) {
        for region in self.regions.iter_mut().take(self.grain.count) {
            if !region.is_unwritten() {
                region.charge(debtor);
            }
        }
    }

    pub(crate) fn forgive(&mut self, debtors: u8) {
        self.regions.iter_mut().for_each(|region| region.forgive(debtors));
    }

    /// A region that is clean hides its debt: one of the planted defects.
    #[cfg(test)]
    pub(crate) fn forgive_clean(&mut self) {
        for region in &mut self.regions {
            if region.state() == State::Clean {
                region.forgive(u8::MAX >> 4);
            }
        }
    }

    /// The regions that one of these debtors owes.
    pub(crate) fn debts(&self, debtors: u8) -> u32 {
        let owing = self.used().filter(|region| region.debt() & debtors != 0).count();
        u32::try_from(owing).unwrap_or(u32::MAX)
    }

    /// The first row at or above `from` that is owed a resync.
    pub(crate) fn next_owed(&self, from: Row) -> Option<Row> {
        self.next(from, Region::owed)
    }

    /// The first row at or above `from` that one of these debtors owes.
    pub(crate) fn next_debt(&self, from: Row, debtors: u8) -> Option<Row> {
        self.next(from, |region| region.debt() & debtors != 0)
    }

    fn next(&self, from: Row, wanted: impl Fn(Region) -> bool) -> Option<Row> {
        let first = self.grain.of(from.0);
        (first..self.grain.count)
            .find(|region| wanted(self.of(*region)))
            .map(|region| self.grain.start(region).max(from))
    }

    /// What a record says of each region, of the debt of these debtors only.
    pub(crate) fn records(&self, debtors: u8) -> impl Iterator<Item = RegionRecord> + '_ {
        self.used().map(move |region| {
            let clean = region.is_clean() || region.state() == State::CleanWanted;
            let dirty = region.owed() || !clean;
            RegionRecord::new(dirty, region.is_unwritten(), region.debt() & debtors)
        })
    }
}

/// Whether a write may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Write {
    Goes,
    /// For a record.
    Waits,
    /// For a record, and its region is owed a resync: it was never written before.
    IsFirst,
}

/// For the exploration, which tells states apart by what may still happen.
#[cfg(test)]
impl<const N: usize> DirtyLog<N> {
    /// Counts time from `now`; more than `idle` is as good as `idle`.
    pub(crate) fn forget_times(&mut self, now: u64, idle: u64) {
        let quiet = now.saturating_sub(self.quiet_since).min(idle);
        self.quiet_since = if self.clean_from(0).is_some() { quiet } else { 0 };
        let swept = now.saturating_sub(self.swept_at).min(idle);
        self.swept_at = if self.sweep_from(0).is_some() { swept } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_table::{name, rows};
    use State::{Clean, CleanWanted, Dirty, Resting, Unwritten, Wanted, Writing};
    use std::format;

    const ROWS: Rows = Rows { start: Row(0), len: 4 };

    fn log(by_region: bool) -> DirtyLog<4> {
        DirtyLog::new(16, 1, by_region)
    }

    fn put(log: &mut DirtyLog<4>, state: State) {
        match log.by_region {
            true => log.regions[0].set(state),
            false => log.flag.set(state),
        }
        log.recount();
    }

    #[test]
    fn the_table_of_states_holds() {
        type Input = fn(&mut DirtyLog<4>);
        let write: Input = |log| _ = log.write_wanted(ROWS);
        let issued: Input = DirtyLog::issued;
        let durable: Input = |log| log.durable(true, false, 7);
        let partly: Input = |log| log.durable(false, false, 7);
        let cleaned: Input = |log| log.durable(true, true, 7);
        let sweep: Input = |log| log.rest(9, |_| false);
        let busy: Input = |log| log.rest(9, |_| true);
        let prepare: Input = |log| _ = log.prepare_clean(true);
        let rested: Input = |log| _ = log.prepare_clean(false);
        let dropped: Input = DirtyLog::drop_clean;
        for (state, input, next) in [
            (Clean, write, Wanted),
            (Unwritten, write, Wanted),
            (Wanted, write, Wanted),
            (Writing, write, Writing),
            (Dirty, write, Dirty),
            (Resting, write, Dirty),
            (CleanWanted, write, Wanted),
            (Clean, issued, Clean),
            (Wanted, issued, Writing),
            (Wanted, durable, Wanted),
            (Writing, durable, Dirty),
            (Writing, partly, Wanted),
            (CleanWanted, durable, CleanWanted),
            (CleanWanted, cleaned, Clean),
            (Dirty, cleaned, Dirty),
            (Dirty, sweep, Resting),
            (Dirty, busy, Dirty),
            (Resting, busy, Dirty),
            (Dirty, rested, Dirty),
            (Resting, rested, CleanWanted),
            (Dirty, prepare, CleanWanted),
            (Writing, prepare, Writing),
            (Unwritten, prepare, Unwritten),
            (CleanWanted, dropped, Dirty),
            (Wanted, dropped, Wanted),
        ] {
            let mut log = log(true);
            put(&mut log, state);
            input(&mut log);
            assert_eq!(log.regions[0].state(), next, "from {state:?}");
            let wanted = log.regions.iter().filter(|r| r.state() == Wanted).count();
            assert_eq!(log.wanted as usize, wanted);
            assert_eq!(log.regions[0].owed(), state == Unwritten && next == Wanted);
        }
    }

    #[test]
    fn every_row_of_the_table_of_states_holds() {
        let table = rows(include_str!("region.rs"), "| state | the record says | input | next |");
        assert_eq!(table.len(), 11);
        for row in table {
            let [states, recorded, input, next] = row[..] else { panic!("{row:?}") };
            for state in states.split(", ") {
                let all = [Clean, Wanted, Writing, Dirty, Resting, CleanWanted, Unwritten];
                let from = all.into_iter().find(|known| format!("{known:?}") == state).unwrap();
                let mut log = log(true);
                put(&mut log, from);
                let says = log.records(0).next().unwrap();
                match recorded {
                    "clean" if from == Clean => assert_eq!(says, RegionRecord(0)),
                    "unwritten" => assert!(says.unwritten() && !says.dirty()),
                    "dirty" if from != CleanWanted => assert!(says.dirty()),
                    _ => {}
                }
                let mut waits = false;
                match input {
                    "write wants to start" => waits = log.write_wanted(ROWS) >= Write::Waits,
                    "write" => assert_eq!(log.write_wanted(ROWS), Write::Goes),
                    "a record is issued" => log.issued(),
                    "durable on every member" => log.durable(true, false, 7),
                    "not on every member" => log.durable(false, false, 7),
                    "a sweep finds no write in flight" => log.rest(9, |_| false),
                    "idle for long enough, nothing owed" => {
                        assert!(log.prepare_clean(true).any);
                        let mut owed = self::log(true);
                        owed.owe(ROWS);
                        put(&mut owed, from);
                        assert!(!owed.prepare_clean(true).any, "{state}: owed");
                    }
                    "raise dropped" => log.drop_clean(),
                    "clean record durable" => log.durable(true, true, 7),
                    other => panic!("no test knows the input {other}"),
                }
                let stands = log.regions[0].state();
                assert_eq!(format!("{stands:?}"), name(next), "{state}: {input}");
                assert_eq!(waits, input == "write wants to start", "{state}: {input}");
                let owed = log.regions[0].owed();
                assert_eq!(owed, next.contains("owed a resync"), "{state}: {input}");
            }
        }
    }

    #[test]
    fn only_a_dirty_region_lets_a_write_start() {
        for by_region in [true, false] {
            for state in [Clean, Wanted, Writing, Dirty, Resting, CleanWanted] {
                let mut log = log(by_region);
                put(&mut log, state);
                let goes = log.write_wanted(ROWS) == Write::Goes;
                assert_eq!(goes, matches!(state, Dirty | Resting), "{by_region} {state:?}");
            }
        }
    }

    #[test]
    fn idle_time_counts_from_the_wake_up() {
        for by_region in [true, false] {
            let mut log = log(by_region);
            assert_eq!(log.clean_from(5), None);
            log.write_wanted(ROWS);
            log.issued();
            log.durable(true, false, 100);
            assert_eq!(log.clean_from(5), Some(105));
            log.touched(200);
            assert_eq!(log.clean_from(5), Some(205));
            log.hurry();
            assert_eq!(log.clean_from(5), Some(200));
        }
    }

    #[test]
    fn regions_are_whole_alignments_and_cover_the_set() {
        for (size, align, room) in
            [(16, 1, 4), (17, 1, 4), (1, 1, 4), (1000, 3, 7), (u64::MAX, 1, 16), (100, 100, 3)]
        {
            let grain = Grain::new(size, align, room);
            assert!(grain.count <= room && grain.count > 0, "{grain:?}");
            assert_eq!(grain.rows % align, 0);
            assert!(grain.end(grain.count - 1) >= Row(size));
            assert_eq!(grain.of(size - 1), grain.count - 1);
            assert_eq!(grain.range(Rows::new(0, size)), 0..grain.count);
        }
    }

    #[test]
    fn an_owed_region_is_never_recorded_clean() {
        let mut log = log(true);
        log.owe(ROWS);
        log.issued();
        log.durable(true, false, 0);
        assert_eq!(log.prepare_clean(true), Cleaning { any: false, all: false });
        assert_eq!(log.clean_from(0), None);
        log.agreed(Row(0), Row(3));
        assert!(log.owes(), "half a region does not agree");
        log.agreed(Row(0), Row(4));
        assert_eq!(log.prepare_clean(true), Cleaning { any: true, all: true });
        assert!(log.records(0).all(|record| !record.dirty()), "as it will be");
    }

    #[test]
    fn debt_is_kept_apart_for_each_debtor() {
        let mut log = log(true);
        log.charge(Rows::new(3, 2), 1);
        log.charge(Rows::new(12, 1), 2);
        assert_eq!((log.debts(1), log.debts(2), log.debts(3)), (2, 1, 3));
        assert_eq!(log.next_debt(Row(1), 1), Some(Row(1)));
        assert_eq!(log.next_debt(Row(8), 1), None);
        assert_eq!(log.next_debt(Row(8), 3), Some(Row(12)));
        assert_eq!(log.alike(Row(0), Row(16), 3), Row(8));
        assert_eq!(log.alike(Row(8), Row(16), 1), Row(16));
        log.forgive(1);
        assert_eq!(log.debts(3), 1);
        log.write_wanted(Rows::new(5, 1));
        log.charge_leaver(4, Row(0));
        assert_eq!(log.next_debt(Row(0), 4), Some(Row(4)));
        assert_eq!(log.debts(4), 1, "what is clean on it is not owed");
    }
}
